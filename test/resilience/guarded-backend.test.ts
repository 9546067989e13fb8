/** What opens the breakers of a backend, what does not, and what a caller is told meanwhile. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, BackendCall, BackendSink, BackendStream } from '../../src/backend/backend.ts';
import { retryAfterMsOf } from '../../src/backend/upgrade-refusal.ts';
import { TalkspurtError, hasCode } from '../../src/core/errors.ts';
import type { ErrorCode, ErrorDetails } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { BreakerBoard } from '../../src/resilience/breaker-board.ts';
import { GuardedBackend } from '../../src/resilience/guarded-backend.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { FakeStream, NO_SINK, PCMU_LEG, hang } from '../sim/fake-peers.ts';

const CALL: BackendCall = { callId: 'c', leg: PCMU_LEG, from: '', to: '', variables: new Map() };
const error = (code: ErrorCode, details: ErrorDetails = {}): TalkspurtError =>
  new TalkspurtError(code, 'no', { details });

/** Fails as it is told, or opens. */
class Scripted implements Backend {
  readonly name = 'voice';
  failure: TalkspurtError | null = null;
  opened = 0;
  sink: BackendSink | null = null;

  open(_call: BackendCall, sink: BackendSink): Promise<BackendStream> {
    this.opened += 1;
    this.sink = sink;
    return this.failure === null ? Promise.resolve(new FakeStream()) : Promise.reject(this.failure);
  }
}

function rig() {
  const clock = new FakeClock();
  const board = new BreakerBoard({ clock });
  const backend = new Scripted();
  const guarded = new GuardedBackend({ backend, board, credential: '1a2b' });
  const open = async (signal = new AbortController().signal): Promise<TalkspurtError | null> =>
    await guarded.open(CALL, NO_SINK, signal).then(
      () => null,
      (failure: TalkspurtError) => failure,
    );
  const states = (): string =>
    board
      .view()
      .map(({ state }) => state)
      .join(' ');
  return { clock, board, backend, guarded, open, states };
}

test('five that cannot be reached: the sixth is not dialled, and says what failed and for how long', async () => {
  const { clock, backend, guarded, open, states } = rig();
  backend.failure = error('ERR_TALKSPURT_BACKEND_TIMEOUT');
  for (let n = 0; n < 5; n += 1) assert.is((await open())?.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  const refused = await open();
  assert.is(refused?.code, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN');
  assert.match(refused?.message ?? '', /voice.*ERR_TALKSPURT_BACKEND_TIMEOUT.*30 s/);
  assert.is(refused?.retryable, true);
  assert.is(guarded.refusal()?.code, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN');
  assert.is(backend.opened, 5);
  assert.is(states(), 'open closed');
  clock.stall(30_000);
  backend.failure = null;
  assert.is(guarded.refusal(), null);
  for (let n = 0; n < 2; n += 1) assert.is(await open(), null);
  assert.is(states(), 'closed closed');
});

test('keys, quota and payment open it at once; Retry-After is heeded', async () => {
  const atOnce: [ErrorCode, ErrorDetails, number][] = [
    ['ERR_TALKSPURT_BACKEND_AUTH', { status: 401 }, 60_000],
    ['ERR_TALKSPURT_BACKEND_AUTH', { status: 403 }, 60_000],
    ['ERR_TALKSPURT_BACKEND_AUTH', {}, 60_000],
    ['ERR_TALKSPURT_BACKEND_DENIED', { status: 402 }, 60_000],
    ['ERR_TALKSPURT_BACKEND_REFUSED', { status: 429, apiCode: 'insufficient_quota' }, 60_000],
    ['ERR_TALKSPURT_BACKEND_REFUSED', { status: 429, retryAfterMs: 90_000 }, 90_000],
  ];
  for (const [code, details, retryInMs] of atOnce) {
    const { board, backend, open, states } = rig();
    backend.failure = error(code, details);
    await open();
    assert.is(states(), 'closed open', JSON.stringify(details));
    assert.is(board.view()[1]?.retryInMs, retryInMs);
    assert.is((await open())?.code, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN');
  }
});

test('what a caller, an operator or a setting did does not count', async () => {
  const { backend, open, states } = rig();
  for (const code of ['ERR_TALKSPURT_CALL_GONE', 'ERR_TALKSPURT_CONFIG_INVALID', 'ERR_TALKSPURT_INTERNAL'] as const) {
    backend.failure = error(code);
    for (let n = 0; n < 10; n += 1) await open();
  }
  const gone = new AbortController();
  gone.abort();
  backend.failure = error('ERR_TALKSPURT_BACKEND_TIMEOUT');
  for (let n = 0; n < 10; n += 1) await open(gone.signal);
  assert.is(states(), 'closed closed');
});

test('an opening that was called off because it took too long counts, and once', async () => {
  const { backend, open, states } = rig();
  const late = new AbortController();
  late.abort(error('ERR_TALKSPURT_BACKEND_TIMEOUT'));
  backend.failure = error('ERR_TALKSPURT_BACKEND_TIMEOUT');
  for (let n = 0; n < 4; n += 1) await open(late.signal);
  assert.is(states(), 'closed closed');
  await open(late.signal);
  assert.is(states(), 'open closed');
});

test('what one channel set and the provider refuses is no failure of the others; keys, quota and the network are', async () => {
  const cases: [ErrorCode, ErrorDetails, string][] = [
    ['ERR_TALKSPURT_BACKEND_DENIED', { status: 404 }, 'closed closed'],
    ['ERR_TALKSPURT_BACKEND_AUTH', { status: 403 }, 'closed closed'],
    ['ERR_TALKSPURT_BACKEND_AUTH', { apiCode: 'permission_denied' }, 'closed closed'],
    ['ERR_TALKSPURT_BACKEND_API', { apiCode: 'model_not_found' }, 'closed closed'],
    ['ERR_TALKSPURT_BACKEND_AUTH', { status: 401 }, 'closed open'],
    ['ERR_TALKSPURT_BACKEND_DENIED', { status: 402 }, 'closed open'],
    ['ERR_TALKSPURT_BACKEND_API', { apiType: 'insufficient_quota' }, 'closed open'],
    ['ERR_TALKSPURT_BACKEND_REFUSED', { status: 429 }, 'closed open'],
    ['ERR_TALKSPURT_BACKEND_TIMEOUT', {}, 'open closed'],
  ];
  for (const [code, details, expected] of cases) {
    const { board, backend, states } = rig();
    const variant = new GuardedBackend({ backend, board, credential: '1a2b', ownSettings: true });
    const stop = new AbortController();
    backend.failure = error(code, details);
    for (let n = 0; n < 6; n += 1) await variant.open(CALL, NO_SINK, stop.signal).catch(() => undefined);
    assert.is(states(), expected, `${code} ${JSON.stringify(details)}`);
  }
});

test('of an address that a command named only not being reached counts, and 429', async () => {
  const cases: [ErrorCode, ErrorDetails, string][] = [
    ['ERR_TALKSPURT_BACKEND_AUTH', { status: 401 }, 'closed closed'],
    ['ERR_TALKSPURT_BACKEND_DENIED', { status: 402 }, 'closed closed'],
    ['ERR_TALKSPURT_BACKEND_DENIED', { status: 404 }, 'closed closed'],
    ['ERR_TALKSPURT_BACKEND_REFUSED', { status: 503 }, 'open closed'],
    ['ERR_TALKSPURT_BACKEND_REFUSED', { status: 429 }, 'closed open'],
    ['ERR_TALKSPURT_BACKEND_REFUSED', {}, 'open closed'],
    ['ERR_TALKSPURT_BACKEND_TIMEOUT', {}, 'open closed'],
  ];
  for (const [code, details, expected] of cases) {
    const { board, backend, states } = rig();
    const named = new GuardedBackend({ backend, board, credential: '1a2b', ownAddress: true });
    const stop = new AbortController();
    for (let n = 0; n < 6; n += 1) {
      // Such servers hang up in every way there is.
      backend.failure = null;
      await named.open(CALL, NO_SINK, stop.signal);
      backend.sink?.onClosed(error('ERR_TALKSPURT_BACKEND_CLOSED'));
      assert.is(states(), 'closed closed');
    }
    backend.failure = error(code, details);
    for (let n = 0; n < 6; n += 1) await named.open(CALL, NO_SINK, stop.signal).catch(() => undefined);
    assert.is(states(), expected, `${code} ${JSON.stringify(details)}`);
  }
});

test('no quota left, said in the middle of a stream that goes on, opens it at once; other errors of it do not count', async () => {
  const { backend, open, states } = rig();
  await open();
  for (let n = 0; n < 10; n += 1) backend.sink?.onError(error('ERR_TALKSPURT_BACKEND_API'));
  assert.is(states(), 'closed closed');
  backend.sink?.onError(error('ERR_TALKSPURT_BACKEND_REFUSED', { apiCode: 'insufficient_quota' }));
  assert.is(states(), 'closed open');
});

test('a probe that hangs for ever holds no place once its caller has hung up', async () => {
  const { clock, backend, guarded, open } = rig();
  backend.failure = error('ERR_TALKSPURT_BACKEND_AUTH', { status: 401 });
  await open();
  clock.stall(60_000);
  backend.open = () => hang();
  const callers = Array.from({ length: 3 }, () => new AbortController());
  for (const { signal } of callers) void guarded.open(CALL, NO_SINK, signal);
  assert.is(guarded.refusal()?.code, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN');
  for (const caller of callers) caller.abort();
  assert.is(guarded.refusal(), null);
});

test('a stream that is lost counts, one that ends in good order does not', async () => {
  const { backend, open, states } = rig();
  for (let n = 0; n < 20; n += 1) {
    await open();
    backend.sink?.onClosed(null);
  }
  assert.is(states(), 'closed closed');
  for (let n = 0; n < 5; n += 1) {
    await open();
    backend.sink?.onClosed(error('ERR_TALKSPURT_BACKEND_CLOSED'));
  }
  assert.is(states(), 'open closed');
});

test('a stream that was given up because it sleeps counts; one whose media stalled is not its fault', async () => {
  const { open, guarded, states } = rig();
  await open();
  for (let times = 0; times < 9; times += 1) guarded.gaveUp(error('ERR_TALKSPURT_MEDIA_STALLED'));
  for (let times = 0; times < 4; times += 1) guarded.gaveUp(error('ERR_TALKSPURT_BACKEND_TIMEOUT'));
  assert.is(states().includes('open'), false);
  guarded.gaveUp(error('ERR_TALKSPURT_BACKEND_TIMEOUT'));
  assert.is((await open())?.code, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN');
});

test('a sink is seen as it is: what it does not have is not there', async () => {
  const { backend, guarded } = rig();
  const said: unknown[] = [];
  class Own {
    readonly #said = said;
    onExpiring(inMs: number): void {
      this.#said.push(inMs);
    }
    onPhraseSpoken(itemId: string, words?: string): void {
      this.#said.push(itemId, words);
    }
  }
  const sink = Object.assign(new Own(), NO_SINK);
  await guarded.open(CALL, sink, new AbortController().signal);
  backend.sink?.onExpiring?.(5);
  backend.sink?.onPhraseSpoken?.('i', 'half of');
  assert.equal(said, [5, 'i', 'half of']);
  assert.is(backend.sink?.onFlush, undefined);
});

test('two of one place and key share their breakers, others do not; the board is bounded', () => {
  const clock = new FakeClock();
  const board = new BreakerBoard({ clock });
  assert.is(board.breaker('a', 'k', 'provider'), board.breaker('a', 'k', 'provider'));
  for (const [backend, key, kind] of [
    ['a', 'other', 'provider'],
    ['b', 'k', 'provider'],
    ['a', 'k', 'connection'],
  ] as const)
    assert.is.not(board.breaker('a', 'k', 'provider'), board.breaker(backend, key, kind));
  const open = board.breaker('a', 'k', 'provider');
  open.failed({ fatal: true, reason: 'x' });
  for (let n = 0; n < LIMITS.breakers * 2; n += 1) board.breaker(`n${n}`, '', 'connection');
  assert.is(board.view().length, LIMITS.breakers);
  assert.is(board.breaker('a', 'k', 'provider'), open, 'an open one is not forgotten');
});

test('Retry-After: seconds, or a date; anything else is nothing', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  const cases: [string | undefined, number | undefined][] = [
    ['120', 120_000],
    [' 1 ', 1_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', undefined],
    ['0', undefined],
    ['-5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, ms] of cases) assert.is(retryAfterMsOf(header, nowMs), ms, header);
});

test('the error has its own code, and can be retried', () => {
  assert.ok(hasCode(error('ERR_TALKSPURT_BACKEND_BREAKER_OPEN'), 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN'));
});

test.run();

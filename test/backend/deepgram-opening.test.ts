/** Opening a session with a Voice Agent, and everything that can go wrong on the way: nothing is left open, no timer and no socket. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { probeDeepgram } from '../../src/backend/deepgram-probe.ts';
import { DeepgramBackend } from '../../src/backend/deepgram-voice-agent.ts';
import type { DeepgramConfig } from '../../src/backend/deepgram-voice-agent.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { BreakerBoard } from '../../src/resilience/breaker-board.ts';
import { GuardedBackend } from '../../src/resilience/guarded-backend.ts';
import { APPLIED, PCMU_LEG, SECRET, WELCOME, callOn, converse, listen, urlOf } from './deepgram-script.ts';
import type { DeepgramPeer } from './deepgram-script.ts';
import { ManualClock } from './manual-clock.ts';
import { RecordingSink } from './recording-sink.ts';

interface Attempt {
  readonly error: TalkspurtError;
  readonly clock: ManualClock;
}

/** Opens where `onPeer` answers, and returns what it failed of; nothing may be left. */
async function failing(
  given: NonNullable<Parameters<typeof listen>[0]>,
  more: Partial<DeepgramConfig> = {},
  meanwhile: (clock: ManualClock, abort: AbortController) => void = () => undefined,
): Promise<Attempt> {
  const server = await listen(given);
  const clock = new ManualClock();
  const abort = new AbortController();
  const sink = new RecordingSink();
  const backend = new DeepgramBackend({ apiKey: SECRET, url: urlOf(server), ...more }, clock);
  const opening = backend.open(callOn(PCMU_LEG), sink, abort.signal).then(
    async (stream) => {
      await stream.close();
      throw new Error('it opened');
    },
    (reason: unknown) => reason as TalkspurtError,
  );
  meanwhile(clock, abort);
  const error = await opening;
  await server.drained();
  assert.is(clock.pending, 0, 'no timer is left');
  assert.is(sink.all.length, 0, 'nothing was delivered');
  assert.not.match(`${error.message} ${JSON.stringify(error.details ?? {})}`, SECRET);
  await server.close();
  return { error, clock };
}

const refusing =
  (status: number, body: string, headers = '') =>
  (socket: { end(text: string): unknown }): void => {
    socket.end(`HTTP/1.1 ${status} No\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  };

test('an upgrade that is refused, by its status and the words of the vendor', async () => {
  const statuses: [number, string][] = [
    [400, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [401, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [402, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [403, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [429, 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [503, 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ];
  const body = `{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials: ${SECRET}","request_id":"x"}`;
  for (const [status, code] of statuses) {
    const { error } = await failing({ onUpgrade: refusing(status, body) });
    assert.is(error.code, code);
    assert.is(error.details['status'], status);
    assert.not.match(error.message, /baseUrl/);
    if (status === 400) assert.match(error.message, /: check url and extraHeaders$/);
    assert.is(error.details['apiCode'], 'INVALID_AUTH');
    assert.is(error.details['peerMessage'], 'Invalid credentials: [secret]');
  }
});

test('nobody there, and a key that is missing', async () => {
  const server = await listen({});
  const url = urlOf(server);
  await server.close();
  const backend = new DeepgramBackend({ apiKey: SECRET, url }, new ManualClock());
  const open = (): Promise<unknown> =>
    backend.open(callOn(PCMU_LEG), new RecordingSink(), new AbortController().signal);
  assert.is(
    ((await open().catch((error: unknown) => error as TalkspurtError)) as TalkspurtError).code,
    'ERR_TALKSPURT_BACKEND_REFUSED',
  );
  const keyless = new DeepgramBackend({ apiKey: '' }, new ManualClock());
  const error = await keyless
    .open(callOn(PCMU_LEG), new RecordingSink(), new AbortController().signal)
    .catch((reason: unknown) => reason as TalkspurtError);
  assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_SECRET_MISSING');
});

/** Each step of the set-up, and what is sent in place of what should be. */
const afterSettings = (answer: (peer: DeepgramPeer) => void) => (peer: DeepgramPeer) => {
  peer.say(WELCOME);
  void peer.until('Settings').then(() => answer(peer));
};

test('settings that Deepgram does not take', async () => {
  for (const [code, ours] of [
    ['INVALID_SETTINGS', 'ERR_TALKSPURT_BACKEND_DENIED'],
    ['UNPARSABLE_CLIENT_MESSAGE', 'ERR_TALKSPURT_BACKEND_DENIED'],
    ['INVALID_AGENT_ID', 'ERR_TALKSPURT_BACKEND_DENIED'],
    ['FAILED_TO_START_LISTENING', 'ERR_TALKSPURT_BACKEND_REFUSED'],
    ['INTERNAL_SERVER_ERROR', 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ] as const) {
    const onPeer = afterSettings((peer) => peer.say({ type: 'Error', code, description: `about ${SECRET}` }));
    const { error } = await failing({ onPeer });
    assert.equal([error.code, error.details['apiCode'], error.details['peerMessage']], [ours, code, 'about [secret]']);
    assert.match(error.message, 'session set-up');
  }
});

test('messages that no set-up has', async () => {
  const wrong: ((peer: DeepgramPeer) => void)[] = [
    (peer) => peer.raw('no JSON at all'),
    (peer) => peer.raw('{"type":7}'),
    (peer) => peer.raw(new Uint8Array(160)),
    afterSettings((peer) => peer.raw(new Uint8Array(160))),
    afterSettings((peer) => peer.raw('{"type":"ConversationText"}')),
    afterSettings((peer) => peer.raw(Buffer.alloc(LIMITS.backendMessageBytes + 1))),
  ];
  for (const onPeer of wrong) {
    const { error } = await failing({ onPeer });
    assert.is(error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  }
});

test('a connection that is lost at every step', async () => {
  const cut = (peer: DeepgramPeer): void => peer.socket.terminate();
  const leave = (peer: DeepgramPeer): void => peer.socket.close(1000);
  assert.is((await failing({ onPeer: cut })).error.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  assert.is((await failing({ onPeer: afterSettings(cut) })).error.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  assert.is((await failing({ onPeer: leave })).error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.is((await failing({ onPeer: afterSettings(leave) })).error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.is((await failing({ onUpgrade: (socket) => socket.destroy() })).error.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
});

test('a peer that is too slow, by how far it came', async () => {
  const steps: [Parameters<typeof failing>[0], RegExp][] = [
    [{ onUpgrade: () => undefined }, /no WebSocket handshake/],
    [{}, /no Welcome/],
    [{ onPeer: (peer) => peer.say(WELCOME) }, /no SettingsApplied/],
  ];
  for (const [given, waited] of steps) {
    const arrived = new Promise<void>((resolve) => {
      const { onPeer } = given;
      if (given.onUpgrade !== undefined) given.onUpgrade = () => resolve();
      else
        given.onPeer = (peer) => {
          onPeer?.(peer);
          if (onPeer === undefined) void peer.settled().then(resolve);
          else void peer.until('Settings').then(() => resolve());
        };
    });
    const { error } = await failing(
      given,
      { openTimeoutMs: 2_000 },
      (clock) => void arrived.then(() => clock.advance(2_000)),
    );
    assert.is(error.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
    assert.match(error.message, waited);
  }
});

test('a caller who hangs up meanwhile', async () => {
  const reason = new DOMException('gone', 'AbortError');
  for (const onPeer of [() => undefined, (peer: DeepgramPeer) => peer.say(WELCOME)]) {
    const { error } = await failing(
      {
        onPeer: (peer) => {
          onPeer(peer);
          void peer.settled().then(() => stop.abort(reason));
        },
      },
      {},
      (_clock, abort) => (stop = abort),
    );
    assert.is(error, reason);
  }
  const { error } = await failing({}, {}, (_clock, abort) => abort.abort(reason));
  assert.is(error, reason);
});
let stop = new AbortController();

test('what comes with SettingsApplied waits for whoever takes it', async () => {
  const server = await listen({
    onPeer: afterSettings((peer) => {
      peer.say(APPLIED, { type: 'ConversationText', role: 'assistant', content: 'Hello.' });
      peer.raw(Buffer.alloc(160, 3));
      peer.say({ type: 'AgentAudioDone' });
      peer.socket.close(1000);
    }),
  });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const backend = new DeepgramBackend({ apiKey: SECRET, url: urlOf(server) }, clock);
  const stream = await backend.open(callOn(PCMU_LEG), sink, new AbortController().signal);
  assert.is(sink.all.length, 0);
  clock.advance(0);
  assert.is((await sink.until('closed')).error, null);
  assert.equal(
    sink.all.map(({ kind }) => kind),
    ['transcript', 'started', 'audio', 'audio-done', 'done', 'closed'],
  );
  await stream.close();
  assert.is(clock.pending, 0);
  await server.close();
});

test('a connection that is lost in the middle, and a peer that talks nonsense', async () => {
  const lost = await converse();
  lost.peer.raw(new Uint8Array(160));
  await lost.sink.until('audio');
  lost.peer.socket.terminate();
  assert.is((await lost.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  await lost.end();

  const babbling = await converse();
  for (let n = 0; n < LIMITS.backendMalformedMessages; n += 1) babbling.peer.raw('{');
  babbling.peer.raw('{"type":"AgentSneezed"}');
  await babbling.sink.until('error', LIMITS.backendMalformedMessages);
  for (let n = 0; n <= LIMITS.backendMalformedMessages; n += 1) babbling.peer.raw('{');
  assert.is((await babbling.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.is(babbling.stream.stats.unknownEvents, 1);
  await babbling.end();

  const huge = await converse();
  huge.peer.raw(Buffer.alloc(LIMITS.backendMessageBytes + 1));
  assert.is((await huge.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  await huge.end();
});

test('breakers: a key that is refused opens the one of the provider at once', async () => {
  for (const status of [401, 402, 403]) {
    const server = await listen({ onUpgrade: refusing(status, '{}') });
    const clock = new ManualClock();
    const backend = new GuardedBackend({
      backend: new DeepgramBackend({ apiKey: SECRET, url: urlOf(server) }, clock),
      board: new BreakerBoard({ clock }),
    });
    assert.is(backend.refusal(), null);
    await backend.open(callOn(PCMU_LEG), new RecordingSink(), new AbortController().signal).then(
      () => assert.unreachable(),
      () => undefined,
    );
    // 403 may be about the settings of one call; it counts, and opens at once because the key is what was refused.
    assert.is(backend.refusal()?.code, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN', String(status));
    await server.close();
  }
});

test('breakers: too many requests count, and Retry-After is heeded', async () => {
  const server = await listen({ onUpgrade: refusing(429, '{}', 'Retry-After: 7\r\n') });
  const clock = new ManualClock();
  const backend = new GuardedBackend({
    backend: new DeepgramBackend({ apiKey: SECRET, url: urlOf(server) }, clock),
    board: new BreakerBoard({ clock }),
  });
  await backend.open(callOn(PCMU_LEG), new RecordingSink(), new AbortController().signal).catch(() => undefined);
  assert.is(backend.refusal()?.details['retryInMs'], 7_000);
  await server.close();
});

test('the online check takes the way of a call, greets nobody and leaves', async () => {
  let peer: DeepgramPeer | null = null;
  const server = await listen({
    onPeer: (met) => {
      peer = met;
      afterSettings((each) => each.say(APPLIED))(met);
    },
  });
  const clock = new ManualClock();
  const config = { apiKey: SECRET, url: urlOf(server), voice: 'aura-2-thalia-en', greeting: 'Hello!' };
  assert.is((await probeDeepgram(config, { clock })).latencyMs, 0);
  const [settings] = peer!.heardOf('Settings');
  assert.equal(settings?.agent.speak, { provider: { type: 'deepgram', version: 'v1', model: 'aura-2-thalia-en' } });
  assert.is(settings?.agent.greeting, undefined);
  await server.drained();
  assert.is(clock.pending, 0);
  await server.close();
  const refused = await listen({ onUpgrade: refusing(401, '{}') });
  const error = await probeDeepgram({ apiKey: SECRET, url: urlOf(refused), agent: { greeting: 'x' } }, { clock }).catch(
    (reason: unknown) => reason as TalkspurtError,
  );
  assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_BACKEND_AUTH');
  await refused.close();
});

test.run();

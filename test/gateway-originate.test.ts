/** Calls that a gateway dials: there is room for them before they ring, and it is theirs until they are here or will not be. No network. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../src/core/errors.ts';
import type { ErrorCode } from '../src/core/errors.ts';
import { Gateway } from '../src/gateway.ts';
import type { GatewayOptions } from '../src/gateway.ts';
import { DialledPlaces } from '../src/gateway-places.ts';
import { LIMITS } from '../src/limits.ts';
import { queueFull as ariQueueFull } from '../src/switch/asterisk/ari-link-error.ts';
import type { AriLink } from '../src/switch/asterisk/ari-link.ts';
import { AsteriskOriginates } from '../src/switch/asterisk/asterisk-originate.ts';
import { StasisIds } from '../src/switch/asterisk/stasis-ids.ts';
import { StasisRoutes } from '../src/switch/asterisk/stasis-routes.ts';
import type { EslLink } from '../src/switch/freeswitch/esl-link.ts';
import { down, queueFull } from '../src/switch/freeswitch/esl-link-error.ts';
import { originateParked } from '../src/switch/freeswitch/parked-originate.ts';
import type { SwitchAdapter } from '../src/switch/switch-adapter.ts';
import { FakeClock, settle } from './sim/fake-clock.ts';
import { FakeBackend, FakeDspPool, FakeLeg, Gate, RecordingEvents } from './sim/fake-peers.ts';

const OVERLOADED = new TalkspurtError('ERR_TALKSPURT_OVERLOADED', 'too much', { details: { reason: 'late-ticks' } });
const NEVER = new AbortController().signal;
const REQUEST = { endpoint: 'user/1', profile: 'p', timeoutSeconds: 20 };

class Person extends FakeLeg {
  readonly told: string[] = [];
  override release(): Promise<void> {
    this.told.push('release');
    return super.release();
  }
  override hangup(hangupCause: number): Promise<void> {
    this.told.push('hangup');
    return super.hangup(hangupCause);
  }
}

/** A gateway, and a switch on which the test says what comes of a call that is dialled. */
function world(given: Partial<GatewayOptions> & { limit?: number } = {}) {
  const clock = new FakeClock();
  const events = new RecordingEvents();
  const state = { overloaded: false };
  const dialled: { answer(): void; fail(code: ErrorCode): void }[] = [];
  const nothing = (): Promise<never> => Promise.reject(new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'not asked for'));
  const adapter: SwitchAdapter = {
    ...{ kind: 'freeswitch', name: 'fs', linkUp: true, legCount: 0 },
    ...{ start: () => Promise.resolve(), stop: () => Promise.resolve(), attach: nothing, command: nothing },
    originate: (_request, _signal, onChannel) =>
      new Promise((resolve, reject) => {
        const id = `dialled-${dialled.length}`;
        onChannel?.(id);
        dialled.push({
          answer: () => resolve(id),
          fail: (code) => reject(new TalkspurtError(code, 'as the test wants')),
        });
      }),
  };
  const { limit = 2, ...options } = given;
  const gateway = new Gateway({
    ...{ clock, events, dspPool: new FakeDspPool(limit), adapters: [adapter], version: 'test' },
    profiles: new Map([['p', { backend: new FakeBackend() }]]),
    overload: {
      get reasons() {
        return state.overloaded ? (['late-ticks'] as const) : [];
      },
      refusal: () => (state.overloaded ? OVERLOADED : null),
      divertTo: null,
    },
    ...options,
  });
  const comes = async (id: string): Promise<Person> => {
    const leg = Object.assign(new Person(), { id });
    gateway.onCall(leg, 'p');
    await settle();
    return leg;
  };
  const codeOf = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => 'done',
      (error: unknown) => (error instanceof TalkspurtError ? error.code.replace('ERR_TALKSPURT_', '') : String(error)),
    );
  return {
    clock,
    events,
    state,
    dialled,
    gateway,
    comes,
    codeOf,
    dial: () => codeOf(gateway.originate('fs', REQUEST)),
  };
}

test('overloaded: nobody is called; who is being called when it begins is talked to', async () => {
  const { state, dialled, gateway, comes, dial, events } = world();
  state.overloaded = true;
  assert.equal([await dial(), dialled.length], ['OVERLOADED', 0], 'refused before anything rings');
  state.overloaded = false;
  const dialling = dial();
  await settle();
  state.overloaded = true;
  dialled[0]!.answer();
  const person = await comes('dialled-0');
  assert.equal([await dialling, person.told, gateway.list().length], ['done', [], 1]);
  const caller = await comes('another');
  assert.equal(caller.told, ['release'], 'whom we have not called is refused as ever');
  assert.is(events.of('call.refused').length, 1);
  await gateway.close();
});

test('the place is kept from the dialling on, also between the answer and the call, and is the only one of it', async () => {
  const { gateway, comes, dial, dialled, clock, codeOf } = world({ limit: 1 });
  const dialling = dial();
  await settle();
  assert.is(gateway.callCount, 1);
  assert.is(await codeOf(gateway.originate('fs', REQUEST)), 'CALL_LIMIT');
  assert.equal((await comes('another')).told, ['release'], 'a call that comes in does not take it');
  assert.equal(gateway.notReady().length, 1);
  dialled[0]!.answer();
  assert.is(await dialling, 'done');
  assert.equal((await comes('another')).told, ['release']);
  clock.advance(LIMITS.dialledPlaceMs - 1);
  const person = await comes('dialled-0');
  assert.equal([person.told, gateway.list().length, gateway.callCount], [[], 1, 1]);
  await gateway.stop('dialled-0');
  assert.is(gateway.callCount, 0);
  await gateway.close();
});

test('it is given back: at once when nobody answers, and after a while when the one who did does not come', async () => {
  const { gateway, comes, dial, dialled, clock } = world({ limit: 1 });
  const busy = dial();
  await settle();
  dialled[0]!.fail('ERR_TALKSPURT_SWITCH_COMMAND');
  assert.equal([await busy, gateway.callCount], ['SWITCH_COMMAND', 0]);
  const answered = dial();
  await settle();
  dialled[1]!.answer();
  assert.equal([await answered, gateway.callCount], ['done', 1]);
  clock.advance(LIMITS.dialledPlaceMs);
  assert.is(gateway.callCount, 0);
  assert.equal((await comes('another')).told, [], 'somebody else has it');
  await gateway.close();
});

test('a link that is lost: the call may be answered all the same, and has its place for as long as it may ring', async () => {
  for (const [afterMs, kept] of [
    [20_000 + LIMITS.dialledPlaceMs - 1, true],
    [20_000 + LIMITS.dialledPlaceMs, false],
  ] as const) {
    const { gateway, comes, dial, dialled, clock, state } = world({ limit: 1 });
    const lost = dial();
    await settle();
    dialled[0]!.fail('ERR_TALKSPURT_LINK_DOWN');
    assert.is(await lost, 'LINK_DOWN');
    state.overloaded = true;
    clock.advance(afterMs);
    assert.is(gateway.callCount, kept ? 1 : 0);
    assert.equal((await comes('dialled-0')).told, kept ? [] : ['release']);
    await gateway.close();
    assert.is(clock.pending, 0);
  }
});

test('a drain that begins while it rings: it was taken before, and is waited for', async () => {
  const { gateway, comes, dial, dialled } = world();
  const dialling = dial();
  await settle();
  assert.is(gateway.drain(60), 1);
  dialled[0]!.answer();
  const person = await comes('dialled-0');
  assert.equal([await dialling, person.told, gateway.list().length], ['done', [], 1]);
  assert.is(await dial(), 'DRAINING');
  await gateway.close();
});

test('whoever answers while the gateway ends its calls is hung up: nobody would end that call', async () => {
  for (const end of [(gateway: Gateway) => gateway.close(), (gateway: Gateway) => gateway.sendOff()]) {
    const { gateway, comes, dial, dialled, events } = world();
    const slow = new Gate<void>();
    const first = await comes('first');
    first.onRelease = () => slow.promise;
    const dialling = dial();
    await settle();
    void gateway.drained(60_000);
    const ending = end(gateway);
    await settle();
    dialled[0]!.answer();
    const person = await comes('dialled-0');
    slow.open();
    await Promise.all([ending, dialling]);
    assert.equal(person.told, ['hangup']);
    assert.equal(gateway.list(), []);
    assert.equal(
      events.of('call.refused').map(({ error }) => error.code),
      ['ERR_TALKSPURT_DRAINING'],
    );
    await gateway.close();
  }
});

test('telephones that ring when calls are ended stop ringing', async () => {
  for (const end of [(gateway: Gateway) => gateway.close(), (gateway: Gateway) => gateway.sendOff()]) {
    const stopped: string[] = [];
    const { gateway, codeOf, clock } = world({
      adapters: [
        {
          ...{ kind: 'freeswitch', name: 'fs', linkUp: true, legCount: 0 },
          ...{ start: () => Promise.resolve(), stop: () => Promise.resolve() },
          ...{ attach: () => Promise.reject(new Error('no')), command: () => Promise.resolve('') },
          originate: (_request, signal, onChannel) => {
            onChannel?.('rings');
            return new Promise((_, reject) => {
              signal?.addEventListener('abort', () => {
                stopped.push('rings');
                reject(signal.reason as Error);
              });
            });
          },
        },
      ],
    });
    const dialling = codeOf(gateway.originate('fs', REQUEST));
    await settle();
    void gateway.drained(60_000);
    assert.equal(stopped, [], 'a drain waits for them');
    await end(gateway);
    assert.equal([stopped, await dialling, gateway.callCount], [['rings'], 'DRAINING', 0]);
    await gateway.close();
    assert.is(clock.pending, 0);
  }
});

for (const [why, up, refusals] of [
  ['the link was down before', false, [down('down'), down('down')]],
  ['too much waits for the switch', true, [queueFull(1_024), ariQueueFull()]],
] as const) {
  test(`no place is kept for a call that was never asked for: ${why}`, async () => {
    const clock = new FakeClock();
    const [atFreeswitch, atAsterisk] = refusals;
    const link: EslLink = Object.assign(Object.create(null) as EslLink, {
      ...{ name: 'fs', up },
      start: () => Promise.resolve(),
      close: () => Promise.resolve(),
      bgapi: () => Promise.reject(atFreeswitch),
      api: () => Promise.reject(atFreeswitch),
    });
    const ariLink: AriLink = Object.assign(Object.create(null) as AriLink, {
      ...{ name: 'ast', app: 'talkspurt', up },
      request: () => Promise.reject(atAsterisk),
    });
    const originates = new AsteriskOriginates({
      ...{ switchName: 'ast', link: ariLink, clock, ids: new StasisIds('talkspurt'), routes: new StasisRoutes() },
    });
    const places = new DialledPlaces(clock);
    for (const dial of [
      (onChannel: (id: string) => void) =>
        originateParked({ link, clock, endpoint: 'user/1', variables: [], timeoutSeconds: 20, onChannel }, NEVER),
      (onChannel: (id: string) => void) =>
        originates.originate({ endpoint: 'PJSIP/1', profile: 'p' }, NEVER, onChannel),
    ]) {
      const error: unknown = await places.dial(20_000, dial).catch((each: unknown) => each);
      assert.is((error as TalkspurtError).code, refusals[0].code);
      assert.is(places.size, 0);
    }
    assert.is(clock.pending, 0);
  });
}

test('whoever answered and can have no voice for another reason is hung up: there is no dialplan to go back to', async () => {
  const { gateway, comes, dial, dialled, events } = world();
  const dialling = dial();
  await settle();
  gateway.replaceProfiles(new Map(), new Map());
  dialled[0]!.answer();
  assert.equal((await comes('dialled-0')).told, ['hangup']);
  assert.is(await dialling, 'done');
  assert.equal(
    events.of('call.refused').map(({ error }) => error.code),
    ['ERR_TALKSPURT_UNKNOWN_PROFILE'],
  );
  await gateway.close();
});

test.run();

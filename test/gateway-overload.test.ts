/** Calls that a gateway cannot bear are refused or sent elsewhere; what is up is sent off with a word when it drains. No network. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../src/core/errors.ts';
import { Gateway } from '../src/gateway.ts';
import type { GatewayOptions } from '../src/gateway.ts';
import type { SessionSounds } from '../src/session/session-parts.ts';
import type { RefusalReason } from '../src/switch/refusal.ts';
import { FakeClock, settle } from './sim/fake-clock.ts';
import { FakeBackend, FakeDspPool, FakeLeg, RecordingEvents } from './sim/fake-peers.ts';

const OVERLOADED = new TalkspurtError('ERR_TALKSPURT_OVERLOADED', 'too much', { details: { reason: 'loop-lag' } });

class Caller extends FakeLeg {
  readonly told: string[] = [];
  refusesTransfer = false;
  refuse(reason: RefusalReason): void {
    this.told.push(`refuse ${reason}`);
  }
  override transfer(destination = ''): Promise<void> {
    this.told.push(`transfer ${destination}`);
    return this.refusesTransfer ? Promise.reject(new Error('no')) : Promise.resolve();
  }
  override release(): Promise<void> {
    this.told.push('release');
    return super.release();
  }
  override hangup(hangupCause: number): Promise<void> {
    this.told.push(`hangup ${hangupCause}`);
    return super.hangup(hangupCause);
  }
}

function world(given: Partial<GatewayOptions> = {}) {
  const clock = new FakeClock();
  const events = new RecordingEvents();
  const backend = new FakeBackend();
  const gateway = new Gateway({
    clock,
    events,
    dspPool: new FakeDspPool(2),
    adapters: [],
    profiles: new Map([['p', { backend }]]),
    version: 'test',
    ...given,
  });
  /** A call that a switch hands over. */
  const comes = async (leg = new Caller(), adopted: boolean = false): Promise<Caller> => {
    gateway.onCall(leg, 'p', adopted);
    await settle();
    return leg;
  };
  return { clock, events, gateway, backend, comes };
}

const overload = (divertTo: string | null) => ({ reasons: ['loop-lag'] as const, refusal: () => OVERLOADED, divertTo });

test('overloaded: refused with its word, and given back; nothing was opened for it', async () => {
  const { comes, events, gateway } = world({ overload: overload(null) });
  const leg = await comes();
  assert.equal(leg.told, ['refuse overloaded', 'release']);
  assert.equal(
    events.of('call.refused').map(({ error }) => [error.code, error.details['reason']]),
    [['ERR_TALKSPURT_OVERLOADED', 'loop-lag']],
  );
  assert.is(gateway.callCount, 0);
  assert.equal(gateway.notReady(), ['overloaded: loop-lag']);
  await gateway.close();
});

test('overloaded: sent elsewhere where that is wanted, and refused where the switch does not', async () => {
  const { comes, events, gateway } = world({ overload: overload('900 XML default') });
  const leg = await comes();
  assert.equal(leg.told, ['refuse overloaded', 'transfer 900 XML default', 'release']);
  const other = new Caller();
  other.refusesTransfer = true;
  await comes(other);
  assert.equal(other.told, ['refuse overloaded', 'transfer 900 XML default', 'refuse overloaded', 'release']);
  assert.is(events.of('call.refused').length, 2);
  await gateway.close();
});

test('a call that an earlier process had is up already: it is taken all the same', async () => {
  const { comes, gateway } = world({ overload: overload('900') });
  const leg = await comes(new Caller(), true);
  assert.equal([gateway.callCount, leg.told], [1, []]);
  await gateway.close();
});

test('draining is no overload: nobody is sent elsewhere', async () => {
  const { comes, gateway } = world({ overload: { ...overload('900'), refusal: () => null, reasons: [] } });
  gateway.drain(60);
  assert.equal((await comes()).told, ['refuse draining', 'release']);
  await gateway.close();
});

test('all breakers open: not ready, and a call may go elsewhere', async () => {
  const open = new TalkspurtError('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', 'open');
  const { comes, gateway, backend } = world({ overload: { ...overload('900'), refusal: () => null, reasons: [] } });
  Object.assign(backend, { refusal: () => open });
  assert.equal(gateway.notReady(), ['the circuit breakers of all backends are open']);
  assert.equal((await comes()).told, ['refuse backend-unavailable', 'transfer 900', 'release']);
  await gateway.close();
});

/** Sounds of two seconds, whatever they are of. */
function sounds(asked: string[]): SessionSounds {
  const audio = new Uint8Array(2_000 * 8).fill(0x20);
  return {
    sound: (source) => Promise.resolve((asked.push(source), { audio })),
    speech: (text) => Promise.resolve((asked.push(text), { audio })),
    dspLibrary: () => Promise.reject(new Error('not used')),
  };
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(100);
    await settle();
  }
}

for (const [action, expected] of [
  ['release', ['release']],
  ['hangup', ['hangup 16']],
  ['transfer', ['transfer 900', 'release']],
] as const) {
  test(`drain: a call has its time, is told goodbye, and then: ${action}`, async () => {
    const asked: string[] = [];
    const { comes, gateway, clock, events } = world({
      sendOff: { told: { say: 'we close', play: '' }, action, destination: '900' },
      sounds: sounds(asked) as never,
    });
    const leg = await comes();
    gateway.drain(5);
    await pass(clock, 4_800);
    assert.equal([asked, leg.told, gateway.callCount], [[], [], 1]);
    await pass(clock, 1_000);
    assert.equal([asked, leg.told], [['we close'], []], 'it is being told');
    await pass(clock, 3_000);
    assert.equal([leg.told, gateway.callCount], [expected, 0]);
    assert.is(events.of('call.ended')[0]?.reason, action === 'transfer' ? 'transferred' : 'drained');
    await gateway.close();
  });
}

test('drain: what cannot be said is not, and the call ends all the same; so does one whose switch takes it nowhere', async () => {
  const { comes, gateway, clock, events } = world({
    sendOff: { told: { say: '', play: 'bye.wav' }, action: 'transfer', destination: '900' },
  });
  const leg = new Caller();
  leg.refusesTransfer = true;
  await comes(leg);
  gateway.drain(0);
  await pass(clock, 500);
  assert.equal([leg.told, gateway.callCount], [['transfer 900', 'release'], 0]);
  assert.is(events.of('call.ended')[0]?.reason, 'drained');
  await gateway.close();
});

test('close in the middle of a goodbye: over at once', async () => {
  const { comes, gateway, clock } = world({
    sendOff: { told: { say: 'we close', play: '' }, action: 'release', destination: '' },
    sounds: sounds([]) as never,
  });
  const leg = await comes();
  gateway.drain(0);
  await pass(clock, 300);
  assert.is(gateway.callCount, 1);
  await gateway.close();
  assert.equal([leg.told, gateway.callCount], [['release'], 0]);
  assert.is(clock.pending, 0);
});

test.run();

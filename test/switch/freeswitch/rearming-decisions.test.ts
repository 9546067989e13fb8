/** When a channel is parked anew, when it is waited for, and when it is given up: event by event, as a real switch told them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { ChannelActivity } from '../../../src/switch/freeswitch/channel-activity.ts';
import type { EslEvent } from '../../../src/switch/freeswitch/esl-link.ts';
import { UnicastGuard, redeemPermit } from '../../../src/switch/freeswitch/unicast-guard.ts';
import { UnicastRearming } from '../../../src/switch/freeswitch/unicast-rearming.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';
import { FakeClock, settle } from '../../sim/fake-clock.ts';
import { FakeTransport, Gate, PCMU_LEG } from '../../sim/fake-peers.ts';

const test = suite('UnicastRearming');

/** `CHANNEL_EXECUTE playback u1`, `CHANNEL_PARK`: name, application, its UUID; then variables. */
function event(text: string, variables: Readonly<Record<string, string>> = {}): EslEvent {
  const [name = '', application, uuid] = text.split(' ');
  const headers: Record<string, string> = { variable_uuid: 'x' };
  if (application !== undefined) headers['Application'] = application;
  if (uuid !== undefined) headers['Application-UUID'] = uuid;
  for (const [variable, value] of Object.entries(variables)) headers[`variable_${variable}`] = value;
  return { name, uuid: 'x', headers, body: '' };
}

function armed(guard: UnicastGuard): void {
  guard.parked(guard.repark());
  guard.codecKnown('PCMU');
  redeemPermit(guard.permit());
  guard.carriedOut();
  guard.flowing();
}

class Bench {
  readonly clock = new FakeClock();
  readonly guard = new UnicastGuard('x');
  readonly activity = new ChannelActivity();
  readonly first = new FakeTransport();
  readonly ended: string[] = [];
  opens: Gate<MediaTransport>[] = [];
  sights = 0;
  mayArm = true;
  onSight: () => Promise<void> = () => Promise.resolve();
  readonly rearming: UnicastRearming;

  constructor() {
    this.guard.answered();
    armed(this.guard);
    this.activity.onEvent(event('CHANNEL_PARK'));
    this.rearming = new UnicastRearming(
      {
        clock: this.clock,
        guard: this.guard,
        activity: this.activity,
        mayArm: () => this.mayArm,
        open: () => {
          const gate = new Gate<MediaTransport>();
          this.opens.push(gate);
          return gate.promise;
        },
        sight: () => {
          this.sights += 1;
          return this.onSight();
        },
        onEnded: (reason) => this.ended.push(reason),
      },
      this.first,
    );
  }

  /** Events, in their order; the first of them disturbs what is active. */
  tell(...events: readonly (string | EslEvent)[]): void {
    for (const each of events) {
      this.activity.onEvent(typeof each === 'string' ? event(each) : each);
      if (this.guard.state === 'active') {
        this.guard.disturbed();
        this.rearming.disturbed('disturbed');
      }
      this.rearming.changed();
    }
  }

  /** The attempt that runs succeeds. */
  async arrive(transport = new FakeTransport()): Promise<void> {
    armed(this.guard);
    this.opens.at(-1)!.open(transport);
    await settle();
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle();
  }
}

test('a broadcast: nothing while it plays, and a park of ours once it is quiet', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_EXECUTE playback u1', 'PLAYBACK_START');
  assert.is(bench.first.closes, 1);
  await bench.pass(LIMITS.rearmMs - 1);
  assert.is(bench.opens.length, 0, 'however long it plays');
  bench.tell('PLAYBACK_STOP', 'CHANNEL_EXECUTE_COMPLETE playback u1', 'PRIVATE_COMMAND');
  assert.equal(bench.ended, []);
  assert.is(bench.opens.length, 0);
});

test('broadcasts one behind the other are waited for, all of them', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_EXECUTE playback u1', 'PLAYBACK_START', 'PLAYBACK_STOP', 'CHANNEL_EXECUTE_COMPLETE playback u1');
  await bench.pass(142);
  bench.tell('CHANNEL_EXECUTE gentones u2');
  await bench.pass(5_000);
  bench.tell('CHANNEL_EXECUTE_COMPLETE gentones u2');
  await bench.pass(LIMITS.rearmQuietMs - 1);
  assert.is(bench.opens.length, 0);
  await bench.pass(1);
  assert.is(bench.opens.length, 1);
  await bench.arrive();
  assert.ok(bench.rearming.transport.armed);
  assert.is(bench.clock.pending, 0, 'no timer is left');
  bench.tell('CHANNEL_EXECUTE playback u3', 'CHANNEL_EXECUTE_COMPLETE playback u3');
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 2, 'and again');
});

test('park, and uuid_park, of somebody else', async () => {
  for (const events of [
    ['CHANNEL_UNPARK', 'CHANNEL_EXECUTE_COMPLETE park p1', 'CHANNEL_EXECUTE park p2', 'CHANNEL_PARK'],
    ['CHANNEL_UNPARK', 'CHANNEL_EXECUTE_COMPLETE park p1', 'CHANNEL_PARK'],
  ]) {
    const bench = new Bench();
    bench.tell(...events);
    await bench.pass(LIMITS.rearmQuietMs);
    assert.is(bench.opens.length, 1);
  }
});

test('an application that does not tell its end is over with the park that it ran in', async () => {
  const bench = new Bench();
  bench.tell(
    'CHANNEL_EXECUTE playback u1',
    'PLAYBACK_START',
    'CHANNEL_UNPARK',
    'CHANNEL_EXECUTE park p2',
    'CHANNEL_PARK',
  );
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 1);
});

for (const [what, last] of [
  ['bridge', 'CHANNEL_EXECUTE bridge u1'],
  ['uuid_bridge', 'CHANNEL_EXECUTE uuid_bridge'],
  ['conference', 'CHANNEL_EXECUTE conference u1'],
] as const) {
  test(`given away: ${what}`, () => {
    const bench = new Bench();
    bench.tell('CHANNEL_UNPARK', 'CHANNEL_EXECUTE_COMPLETE park p1', last, 'CHANNEL_BRIDGE');
    assert.equal(bench.ended, ['disturbed']);
    assert.is(bench.clock.pending, 0);
  });
}

test('a bridge that ends in a park is waited for', async () => {
  const bench = new Bench();
  const parks = { park_after_bridge: 'true' };
  bench.tell(
    event('CHANNEL_UNPARK', parks),
    event('CHANNEL_EXECUTE uuid_bridge', parks),
    event('CHANNEL_BRIDGE', parks),
  );
  await bench.pass(60_000);
  bench.tell(event('CHANNEL_UNBRIDGE', parks), event('CHANNEL_PARK', parks));
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 1);
  assert.equal(bench.ended, []);
});

test('a dialplan has its time while something runs, and little when nothing does', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_UNPARK', 'CHANNEL_EXECUTE playback u1', 'PLAYBACK_START');
  await bench.pass(30_000);
  bench.tell('PLAYBACK_STOP', 'CHANNEL_EXECUTE_COMPLETE playback u1');
  await bench.pass(LIMITS.rearmAwayMs);
  assert.is(bench.sights, 1, 'the switch is asked first');
  assert.equal(bench.ended, ['disturbed']);
});

test('a channel that sleeps in CS_PARK without a park is woken', async () => {
  const bench = new Bench();
  bench.onSight = () => Promise.resolve(bench.activity.onDump({ 'Channel-State': 'CS_PARK' }));
  bench.tell('CHANNEL_UNPARK');
  await bench.pass(LIMITS.rearmAwayMs);
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 1);
});

test('a switch that cannot be asked is asked again', async () => {
  const bench = new Bench();
  bench.onSight = () => Promise.reject(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down'));
  bench.tell('CHANNEL_UNPARK');
  await bench.pass(LIMITS.rearmAwayMs);
  assert.equal(bench.ended, []);
  bench.onSight = () => Promise.resolve();
  await bench.pass(LIMITS.rearmAwayMs);
  assert.is(bench.sights, 2);
  assert.equal(bench.ended, ['disturbed']);
});

test('a playback for ever is the end', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_EXECUTE endless_playback u1');
  await bench.pass(LIMITS.rearmMs);
  assert.equal(bench.ended, ['disturbed']);
  assert.is(bench.clock.pending, 0);
});

test('a failed attempt is made again, not at once, and not over a playback', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
  await bench.pass(LIMITS.rearmQuietMs);
  bench.opens[0]!.fail(new TalkspurtError('ERR_TALKSPURT_UNICAST_SILENT', 'nothing came'));
  await settle();
  await bench.pass(LIMITS.rearmRetryMs - 1);
  assert.is(bench.opens.length, 1);
  bench.tell('CHANNEL_EXECUTE playback u1');
  await bench.pass(5_000);
  assert.is(bench.opens.length, 1);
  bench.tell('CHANNEL_EXECUTE_COMPLETE playback u1');
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 2);
});

test('an attempt that was disturbed in the moment of its success is another one', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
  await bench.pass(LIMITS.rearmQuietMs);
  armed(bench.guard);
  bench.opens[0]!.open(new FakeTransport());
  bench.guard.disturbed();
  await settle();
  assert.not.ok(bench.rearming.transport.armed);
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 2);
});

test('a channel that has gone, or has another codec, is not tried again', async () => {
  for (const code of ['ERR_TALKSPURT_CALL_GONE', 'ERR_TALKSPURT_MEDIA_FORMAT'] as const) {
    const bench = new Bench();
    const lost: string[] = [];
    bench.rearming.transport.start({ onFrame: () => undefined, onLost: (error) => lost.push(error.code) });
    bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
    await bench.pass(LIMITS.rearmQuietMs);
    bench.opens[0]!.fail(new TalkspurtError(code, 'over'));
    await settle();
    await bench.pass(60_000);
    assert.is(bench.opens.length, 1);
    assert.equal(lost, code === 'ERR_TALKSPURT_MEDIA_FORMAT' ? [code] : []);
    assert.equal(bench.ended, []);
  }
});

test('the same channel with another ptime is lost', async () => {
  const bench = new Bench();
  const lost: string[] = [];
  bench.rearming.transport.start({ onFrame: () => undefined, onLost: (error) => lost.push(error.code) });
  bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
  await bench.pass(LIMITS.rearmQuietMs);
  await bench.arrive(new FakeTransport({ ...PCMU_LEG, ptimeMs: 10 }));
  assert.equal(lost, ['ERR_TALKSPURT_MEDIA_FORMAT']);
});

test('while the link is down nothing is tried, and what was missed is seen when it is back', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_EXECUTE playback u1');
  bench.activity.onBlind();
  bench.mayArm = false;
  await bench.pass(10_000);
  bench.mayArm = true;
  const played = { variable_current_application: 'playback', variable_current_application_response: 'FILE PLAYED' };
  bench.activity.onDump({ 'Channel-State': 'CS_EXECUTE', ...played });
  bench.rearming.sighted();
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 1);
});

test('what a dump tells of a channel', () => {
  const verdict = (state: string, application: string, response = ''): string => {
    const activity = new ChannelActivity();
    activity.onDump({
      'Channel-State': state,
      variable_current_application: application,
      variable_current_application_response: response,
    });
    return activity.verdict;
  };
  assert.is(verdict('CS_EXECUTE', 'park'), 'idle');
  assert.is(verdict('CS_PARK', 'playback', 'PLAYBACK ERROR'), 'idle');
  assert.is(verdict('CS_EXECUTE', 'playback'), 'busy');
  assert.is(verdict('CS_EXECUTE', 'playback', 'FILE PLAYED'), 'idle');
  assert.is(verdict('CS_EXECUTE', 'bridge'), 'away');
  // As the two legs of a uuid_bridge read on a real switch, one of which had played something before.
  assert.is(verdict('CS_EXCHANGE_MEDIA', 'playback', 'FILE PLAYED'), 'away');
  assert.is(verdict('CS_SOFT_EXECUTE', 'park'), 'away');
});

test('audio that stopped while the link was down is had again', async () => {
  const bench = new Bench();
  bench.rearming.transport.start({ onFrame: () => undefined, onLost: () => undefined });
  bench.first.receive(bench.clock.nowMs());
  bench.rearming.sighted();
  await bench.pass(LIMITS.rearmQuietMs);
  assert.not.ok(bench.rearming.transport.armed);
  assert.is(bench.guard.state, 'spent');
  await bench.pass(LIMITS.rearmQuietMs);
  assert.is(bench.opens.length, 1);
});

test('after the stop nothing is begun, and what comes late is closed', async () => {
  const bench = new Bench();
  bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
  await bench.pass(LIMITS.rearmQuietMs);
  const stopped = bench.rearming.stop();
  const late = new FakeTransport();
  await bench.arrive(late);
  await stopped;
  assert.is(late.closes, 1);
  bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
  await bench.pass(60_000);
  assert.is(bench.opens.length, 1);
  assert.is(bench.clock.pending, 0);
  assert.equal(bench.ended, []);
});

test('who parks against us for ever wins', async () => {
  const bench = new Bench();
  for (let n = 0; n < LIMITS.rearms; n += 1) {
    bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
    await bench.pass(LIMITS.rearmQuietMs);
    await bench.arrive();
  }
  assert.equal(bench.ended, []);
  bench.tell('CHANNEL_UNPARK', 'CHANNEL_PARK');
  assert.equal(bench.ended, ['disturbed']);
  assert.is(bench.opens.length, LIMITS.rearms);
});

test.run();

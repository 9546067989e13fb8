/** Calls that a switch hands to the gateway: taken, refused, and taken up again after a restart. No network. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../src/core/errors.ts';
import { HostList } from '../src/core/host-list.ts';
import { Gateway } from '../src/gateway.ts';
import type { CallLeg, RememberedOrders, SwitchAdapter } from '../src/switch/switch-adapter.ts';
import { FakeClock, settle } from './sim/fake-clock.ts';
import { FakeBackend, FakeDspPool, FakeLeg, RecordingEvents } from './sim/fake-peers.ts';

class FakeSwitch implements SwitchAdapter {
  readonly kind = 'freeswitch';
  readonly name = 'pbx';
  readonly linkUp = true;
  readonly legCount = 0;
  readonly leg = new FakeLeg();
  attaches = 0;
  start(): Promise<void> {
    return Promise.resolve();
  }
  attach(): Promise<CallLeg> {
    this.attaches += 1;
    return Promise.resolve(this.leg);
  }
  command(): Promise<string> {
    return Promise.resolve('');
  }
  stop(): Promise<void> {
    return Promise.resolve();
  }
}

function world(targets?: HostList) {
  const clock = new FakeClock();
  const events = new RecordingEvents();
  const pbx = new FakeSwitch();
  const backend = new FakeBackend();
  const gateway = new Gateway({
    clock,
    events,
    dspPool: new FakeDspPool(2),
    adapters: [pbx],
    profiles: new Map([['p', { backend }]]),
    version: 'test',
    ...(targets === undefined ? {} : { targets }),
  });
  return { clock, events, pbx, backend, gateway };
}

function remembering(leg: FakeLeg): [string, RememberedOrders][] {
  const told: [string, RememberedOrders][] = [];
  Object.assign(leg, {
    remember: (profile: string, standing: RememberedOrders) => {
      told.push([profile, standing]);
      return Promise.resolve();
    },
  });
  return told;
}

test('a call that was masked is taken up masked, and is remembered so', async () => {
  for (const [adopted, masked] of [
    [{ masked: true }, true],
    [{ masked: false }, false],
    [true, false],
    [undefined, false],
  ] as const) {
    const { gateway, pbx, backend, events } = world();
    const told = remembering(pbx.leg);
    gateway.onCall(pbx.leg, 'p', adopted);
    await settle();
    backend.sink?.onTranscript('caller', '4111', true);
    pbx.leg.listener?.onDigit('4', 100);
    assert.is(events.of('dtmf').length + events.of('transcript').length, masked ? 0 : 2);
    assert.equal(told, [['p', { masked }]]);
    await gateway.close();
  }
});

test('a call that goes before it could talk was no refusal, and has one end', async () => {
  for (const how of ['hangup', 'stop'] as const) {
    const { gateway, pbx, backend, events } = world();
    const gate = new Promise<never>(() => undefined);
    backend.open = () => gate;
    gateway.onCall(pbx.leg, 'p');
    await settle();
    if (how === 'hangup') pbx.leg.listener?.onHangup(16);
    else await gateway.command('uuid_audio_stream a1b2 stop');
    await settle();
    assert.equal(
      [events.of('call.refused').length, events.of('call.ended').map(({ reason }) => reason)],
      [0, [how === 'stop' ? 'stopped' : how]],
    );
    await gateway.close();
  }
});

test('a call whose id another one has, on another switch, is given back; the other one talks on', async () => {
  const { gateway, pbx } = world();
  gateway.onCall(pbx.leg, 'p');
  await settle();
  const told: string[] = [];
  const twin = Object.assign(new FakeLeg(), { refuse: (reason: string) => told.push(reason) });
  gateway.onCall(twin, 'p');
  await settle();
  assert.equal([twin.id === pbx.leg.id, told, twin.releases, pbx.leg.releases], [true, ['already-running'], 1, 0]);
  assert.is(gateway.session(pbx.leg.id)?.state, 'talking');
  await gateway.close();
});

test('a call that is refused: the switch is told why before it has it back', async () => {
  const { gateway, pbx } = world();
  const told: string[] = [];
  const leg = Object.assign(pbx.leg, { refuse: (reason: string) => told.push(`${reason} ${pbx.leg.releases}`) });
  gateway.onCall(leg, 'none');
  await settle();
  gateway.drain(60);
  gateway.onCall(leg, 'p');
  await settle();
  assert.equal([told, leg.releases], [['unknown-profile 0', 'draining 1'], 2]);
  await gateway.close();
});

test('a call that is refused is named; one that was taken up again is hung up', async () => {
  const { gateway, pbx, events } = world();
  gateway.onCall(pbx.leg, 'none', { masked: true });
  await settle();
  assert.equal(
    events.of('call.refused').map((event) => [event.call, event.switch, event.callId]),
    [['a1b2', 'pbx', undefined]],
  );
  assert.is(pbx.leg.hangups.length, 1);
  pbx.leg.onRelease = () => Promise.reject(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'no'));
  gateway.onCall(pbx.leg, 'none');
  await settle();
  assert.ok(events.of('call.refused').every(({ call }) => call === 'a1b2'));
  await gateway.close();
});

test('start with a URL that is not allowed: the switch is not even asked for the channel', async () => {
  const { gateway, pbx } = world(new HostList('targets.allow', ['agents.example.com']));
  const reply = await gateway.command('uuid_audio_stream a1b2 start ws://127.0.0.1:6379/x mono 8k');
  assert.match(reply, /^-ERR .*targets\.allow.*ERR_TALKSPURT_HOST_DENIED/);
  assert.is(pbx.attaches, 0);
  gateway.replaceProfiles(new Map(), new Map(), new HostList('targets.allow', ['127.0.0.1']));
  const allowed = await gateway.command('uuid_audio_stream a1b2 start ws://127.0.0.1:1/x mono 8k');
  assert.not.match(allowed, /HOST_DENIED/);
  assert.is(pbx.attaches, 1, 'a reload changes the hosts');
  await gateway.close();
});

test('drain said again and again keeps one timer, and ends the calls once', async () => {
  const { gateway, pbx, clock, events } = world();
  // No packets come here.
  pbx.leg.transport.expectsFrames = false;
  gateway.onCall(pbx.leg, 'p');
  await settle();
  const before = clock.pending;
  for (let each = 0; each < 50; each += 1) await gateway.command(`uuid_audio_stream drain ${each + 1}`);
  assert.is(clock.pending, before + 1);
  assert.is(events.of('draining').length, 1);
  clock.advance(10_000);
  await settle();
  assert.is(events.of('call.ended').length, 0, 'the last one said fifty seconds');
  for (let each = 0; each < 45; each += 1) {
    clock.advance(1_000);
    await settle();
  }
  assert.equal(
    events.of('call.ended').map(({ reason }) => reason),
    ['drained'],
  );
  await gateway.close();
});

test.run();

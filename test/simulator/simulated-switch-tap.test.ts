// Bridged calls and taps on them, as they were measured on a FreeSWITCH 1.11.2.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import type { RawClient } from '../switch/freeswitch/recorded-dialogue.ts';
import { SipPeer } from './sip-peer.ts';
import { api, eventsOf, lastEvent, TestPhone, unicast, withSwitch } from './switch-bench.ts';
import type { SwitchBench } from './switch-bench.ts';

const test = suite('SimulatedSwitch, taps');

const ALL = 'event json ALL\n\n';

/** A phone that says a tone; its amplitude is 8,000. */
class TonePhone extends TestPhone {
  #at = 0;
  readonly hz: number;

  constructor(hz: number) {
    super();
    this.hz = hz;
  }

  override speak(frame: Int16Array, rateHz = 8000): boolean {
    for (let at = 0; at < frame.length; at += 1, this.#at += 1)
      frame[at] = Math.round(8000 * Math.sin((2 * Math.PI * this.hz * this.#at) / rateHz));
    return true;
  }
}

/** How much of a tone there is (Goertzel), as an amplitude. */
function toneIn(samples: ArrayLike<number>, hz: number, rateHz = 8000): number {
  let [re, im] = [0, 0];
  for (let at = 0; at < samples.length; at += 1) {
    re += samples[at]! * Math.cos((2 * Math.PI * hz * at) / rateHz);
    im += samples[at]! * Math.sin((2 * Math.PI * hz * at) / rateHz);
  }
  return (2 * Math.hypot(re, im)) / samples.length;
}

function joined(frames: readonly (Int16Array | null)[]): number[] {
  return frames.flatMap((frame) => (frame === null ? [] : [...frame]));
}

function linear(datagrams: readonly Buffer[]): number[] {
  return datagrams.flatMap((bytes) => Array.from({ length: bytes.length / 2 }, (_, at) => bytes.readInt16LE(at * 2)));
}

interface Pair extends SwitchBench {
  readonly esl: RawClient;
  readonly caller: TonePhone;
  readonly agent: TonePhone;
  readonly a: string;
  readonly b: string;
}

/** A caller of 500 Hz and somebody of 1,200 Hz, bridged. */
async function withPair(run: (pair: Pair) => Promise<void>): Promise<void> {
  await withSwitch({}, async (bench) => {
    const esl = await bench.client();
    await esl.ask(ALL, /enabled json\n\n$/);
    const [caller, agent] = [new TonePhone(500), new TonePhone(1200)];
    const { a, b } = bench.simulated.createBridgedCall({ phone: caller, uuid: 'a' }, { phone: agent, uuid: 'b' });
    await bench.ticks(10);
    await run({ ...bench, esl, caller, agent, a: a.uuid, b: b.uuid });
  });
}

/** A tap on a channel as the facts have it: its loopback leg, and the unicast peer behind the other one. */
async function tapOn(pair: Pair, target: string, name: string, vars = '') {
  const { esl, peer, ticks } = pair;
  const originate = `originate {origination_uuid=${name}${vars}}loopback/app=park &eavesdrop(${target})`;
  assert.is(await api(esl, originate), `+OK ${name}\n`);
  const parked = await api(esl, `uuid_getvar ${name} other_loopback_leg_uuid`);
  assert.is(await api(esl, `uuid_getvar ${parked} read_codec`), 'L16');
  const { peer: far, port } = await peer();
  await unicast(esl, parked, port);
  await ticks(10);
  return { far, parked };
}

test('uuid_bridge: both hear each other; unicast is +OK and nothing flows', () =>
  withPair(async ({ caller, agent, esl, peer, ticks, simulated }) => {
    await ticks(20);
    assert.ok(toneIn(joined(caller.heard.slice(-20)), 1200) > 7500);
    assert.ok(toneIn(joined(agent.heard.slice(-20)), 500) > 7500);
    assert.ok(toneIn(joined(agent.heard.slice(-20)), 1200) < 100, 'no echo');
    const { peer: far, port } = await peer();
    assert.is(await unicast(esl, 'a', port), '+OK');
    await ticks(10);
    assert.is(far.received.length, 0);
    assert.is(simulated.crashed, null);
  }));

test('parties of different rates and ptimes hear each other in tune', () =>
  withSwitch({}, async ({ simulated, ticks }) => {
    const [caller, agent] = [new TonePhone(500), new TonePhone(1200)];
    simulated.createBridgedCall(
      { phone: caller, codec: 'PCMA', ptimeMs: 30 },
      { phone: agent, codec: 'L16', sampleRateHz: 16_000 },
    );
    await ticks(60);
    assert.ok(toneIn(joined(caller.heard.slice(-20)), 1200) > 7000, 'the caller hears the agent');
    assert.ok(toneIn(joined(agent.heard.slice(-20)), 500, 16_000) > 7000, 'the agent hears the caller');
  }));

test('one party hangs up: the other ends, or is parked with park_after_bridge', () =>
  withPair(async (pair) => {
    const { esl, ticks, simulated } = pair;
    assert.is(await api(esl, 'uuid_kill b'), '+OK\n');
    await ticks(3);
    assert.is(simulated.channels.size, 0);
    assert.equal(eventsOf(esl, 'a').slice(-4), [
      'CHANNEL_UNBRIDGE',
      'CHANNEL_HANGUP',
      'CHANNEL_HANGUP_COMPLETE',
      'CHANNEL_DESTROY',
    ]);
    const { a } = simulated.createBridgedCall(
      { phone: new TestPhone(), variables: { park_after_bridge: 'true' } },
      { phone: new TestPhone(), uuid: 'b2' },
    );
    await ticks(5);
    await api(esl, 'uuid_kill b2');
    await ticks(3);
    assert.ok(a.parked);
    assert.equal(eventsOf(esl, a.uuid).slice(-2), ['CHANNEL_UNBRIDGE', 'CHANNEL_PARK']);
  }));

test('uuid_transfer -both and -bleg', () =>
  withPair(async ({ esl, ticks, simulated }) => {
    const both = [simulated.channels.get('a')!, simulated.channels.get('b')!];
    await api(esl, 'uuid_transfer a -both park inline');
    await ticks(3);
    assert.ok(both.every((channel) => channel.parked));
    await api(esl, 'uuid_bridge a b');
    await ticks(5);
    assert.ok(both.every((channel) => channel.bridged));
    await api(esl, 'uuid_transfer a -bleg park inline');
    await ticks(5);
    assert.ok(both[1]!.parked);
    assert.ok(both[0]!.gone, 'who is left alone ends');
  }));

test('a tap hears both parties, or one of them; it survives what happens to its target', () =>
  withPair(async (pair) => {
    const { ticks, esl, simulated } = pair;
    const mixed = await tapOn(pair, 'a', 'T0');
    const read = await tapOn(pair, 'a', 'T1', ',eavesdrop_bridge_aleg=true');
    const write = await tapOn(pair, 'a', 'T2', ',eavesdrop_bridge_bleg=true');
    await ticks(50);
    const heard = (tap: { far: { received: Buffer[] } }): number[] => linear(tap.far.received.slice(-40));
    assert.ok(toneIn(heard(mixed), 500) > 7000 && toneIn(heard(mixed), 1200) > 7000, 'both');
    assert.ok(toneIn(heard(read), 500) > 7000 && toneIn(heard(read), 1200) < 100, 'what the target says');
    assert.ok(toneIn(heard(write), 500) < 100 && toneIn(heard(write), 1200) > 7000, 'what the target hears');
    assert.is(mixed.far.received.at(-1)!.length, 320);

    for (const command of ['uuid_transfer a -both park inline', 'uuid_bridge a b', 'uuid_hold a', 'uuid_hold off a']) {
      await api(esl, command);
      await ticks(10);
      assert.ok(simulated.channels.has('T0'), command);
      const before = mixed.far.received.length;
      await ticks(10);
      assert.ok(mixed.far.received.length >= before + 9, `${command}: frames still come`);
    }
    await api(esl, 'uuid_kill a');
    await ticks(5);
    assert.is(simulated.channels.size, 0, 'a tap ends with its target, and so does what is behind it');
    assert.equal(eventsOf(esl, 'T0').slice(-4), [
      'CHANNEL_EXECUTE_COMPLETE',
      'CHANNEL_HANGUP',
      'CHANNEL_HANGUP_COMPLETE',
      'CHANNEL_DESTROY',
    ]);
    assert.ok(eventsOf(esl, 'a').includes('MEDIA_BUG_START') && eventsOf(esl, 'a').includes('MEDIA_BUG_STOP'));
  }));

test('whisper: to the target’s own party, to the other, to both, to none; never into the tap', () =>
  withPair(async (pair) => {
    const { ticks, esl, caller, agent } = pair;
    const { far } = await tapOn(pair, 'a', 'T', ',eavesdrop_whisper_bleg=true');
    let at = 0;
    const whisper = async (frames: number): Promise<void> => {
      caller.heard = [];
      agent.heard = [];
      far.received.length = 0;
      for (let n = 0; n < frames; n += 1) {
        const frame = Buffer.alloc(320);
        for (let sample = 0; sample < 160; sample += 1, at += 1)
          frame.writeInt16LE(Math.round(4000 * Math.sin((2 * Math.PI * 2000 * at) / 8000)), sample * 2);
        await far.send(frame);
        await ticks(1);
      }
    };
    const levels = (): [number, number, number] => [
      toneIn(joined(caller.heard.slice(10)), 2000),
      toneIn(joined(agent.heard.slice(10)), 2000),
      toneIn(linear(far.received.slice(10)), 2000),
    ];
    for (const [key, own, other] of [
      ['', true, false],
      ['1', false, true],
      ['3', true, true],
      ['0', false, false],
      ['2', true, false],
    ] as const) {
      if (key !== '') assert.is(await api(esl, `uuid_recv_dtmf T ${key}`), `+OK T received DTMF ${key}.\n`);
      await ticks(15);
      await whisper(40);
      const [toOwn, toOther, toTap] = levels();
      assert.is(toOwn > 3000, own, `key ${key}: its own party, ${toOwn}`);
      assert.is(toOther > 3000, other, `key ${key}: the other party, ${toOther}`);
      assert.ok(toTap < 200, `not in the tap: ${toTap}`);
    }
    assert.is(lastEvent(esl, 'DTMF')['DTMF-Source'], 'APP');
    await api(esl, 'uuid_recv_dtmf T *');
    await ticks(5);
    assert.is(await api(esl, 'uuid_exists T'), 'false');
    assert.is(await api(esl, 'uuid_exists a'), 'true');
  }));

test('whisper to a bare parked leg needs something that writes to it', async () => {
  for (const variables of [{}, { send_silence_when_idle: '400' }] as Record<string, string>[]) {
    await withSwitch({}, async (bench) => {
      const esl = await bench.client();
      const { channel, phone } = bench.call({ variables });
      await bench.ticks(3);
      const pair = { ...bench, esl, caller: null!, agent: null!, a: channel.uuid, b: '' };
      const { far } = await tapOn(pair, channel.uuid, 'T', ',eavesdrop_whisper_bleg=true');
      phone.heard = [];
      for (let n = 0; n < 20; n += 1) {
        await far.send(Buffer.alloc(320, 0x11));
        await bench.ticks(1);
      }
      const loudest = Math.max(0, ...joined(phone.heard));
      assert.is(loudest > 4000, variables['send_silence_when_idle'] !== undefined, `${loudest}`);
    });
  }
});

test('an eavesdropper of a higher rate: half as many frames, at double speed, and no whisper', () =>
  withPair(async (pair) => {
    const { esl, ticks, agent } = pair;
    await api(esl, 'global_setvar loopback_initial_codec=L16@16000h@20i');
    const { far } = await tapOn(pair, 'a', 'T', ',eavesdrop_bridge_aleg=true,eavesdrop_whisper_aleg=true');
    assert.is(await api(esl, 'uuid_getvar T read_rate'), '16000');
    far.received.length = 0;
    agent.heard = [];
    for (let n = 0; n < 50; n += 1) {
      await far.send(Buffer.alloc(640, 0x11));
      await ticks(1);
    }
    const frames = far.received.filter((each) => each.some((byte) => byte !== 0xff));
    assert.ok(frames.length >= 24 && frames.length <= 26, `${frames.length} of 50`);
    assert.is(frames[0]!.length, 640);
    const speech = linear(frames);
    assert.ok(toneIn(speech, 1000, 16_000) > 7000, '500 Hz is heard as 1,000');
    assert.ok(Math.max(...joined(agent.heard)) < 9000, 'nobody hears the whisper');
  }));

test('nobody to listen to: +OK, and the eavesdropper ends', () =>
  withPair(async ({ esl, ticks, simulated }) => {
    assert.is(await api(esl, 'originate {origination_uuid=T}loopback/app=park &eavesdrop(nosuch)'), '+OK T\n');
    await ticks(5);
    assert.is(simulated.channels.size, 2);
    assert.ok(eventsOf(esl, 'T').includes('CHANNEL_HANGUP'));
  }));

test('a loopback pair: names, states, and each ends with the other', () =>
  withPair(async ({ esl, ticks, simulated }) => {
    await api(esl, 'originate {origination_uuid=T}loopback/app=park &eavesdrop(a)');
    const parked = await api(esl, 'uuid_getvar T other_loopback_leg_uuid');
    await ticks(2);
    assert.is(await api(esl, 'uuid_getvar T channel_name'), 'loopback/park-a');
    assert.is(await api(esl, `uuid_getvar ${parked} channel_name`), 'loopback/park-b');
    assert.equal(eventsOf(esl, parked), [
      'CHANNEL_CREATE',
      'CHANNEL_EXECUTE',
      'CHANNEL_PROGRESS_MEDIA',
      'CHANNEL_EXECUTE_COMPLETE',
      'CHANNEL_EXECUTE',
      'CHANNEL_PARK',
    ]);
    assert.is(simulated.channels.get(parked)!.answered, false, 'early media only');
    await api(esl, `uuid_kill ${parked}`);
    await ticks(2);
    assert.is(simulated.channels.has('T'), false);
    assert.ok(simulated.channels.has('a'));
  }));

test('eavesdrop over SIP, with whisper; its BYE leaves the call alone, the call’s end says BYE', () =>
  withPair(async (pair) => {
    const { esl, ticks, agent, simulated } = pair;
    const tap = await new SipPeer({ formats: '102 101', maps: ['102 L16/8000', '101 telephone-event/8000'] }).open();
    try {
      const vars = '{origination_uuid=S,absolute_codec_string=L16@8000h@20i,eavesdrop_whisper_aleg=true}';
      assert.is(await api(esl, `originate ${vars}${tap.dialString} &eavesdrop(a)`), '+OK S\n');
      await ticks(30);
      await until(() => tap.rtp.length > 20, 'RTP');
      const heard = tap.rtp.slice(5).flatMap((packet) => [...packet.subarray(12).swap16()]).length;
      assert.ok(heard > 0 && tap.rtp[3]!.length === 332);
      agent.heard = [];
      for (let n = 0; n < 20; n += 1) {
        await tap.say(Buffer.alloc(320, 0x20), 102);
        await ticks(1);
      }
      await ticks(3);
      assert.ok(Math.max(...joined(agent.heard)) > 14_000, 'the other party hears it');
      tap.ask('BYE');
      for (let n = 0; n < 20 && simulated.channels.has('S'); n += 1) await ticks(1);
      assert.is(simulated.channels.has('S'), false);
      assert.is(simulated.channels.has('a'), true);
      await api(esl, `originate ${vars}${tap.dialString} &eavesdrop(a)`);
      await ticks(3);
      await api(esl, 'uuid_kill a');
      await ticks(3);
      await until(() => tap.requests.at(-1) === 'BYE', 'BYE');
    } finally {
      tap.close();
    }
  }));

test.run();

/** Hold, attended transfer and hang-up with a cause, seen at a call's edges. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { carryOutOrder } from '../../src/call-orders.ts';
import type { CallOrderParts, SoundSource } from '../../src/call-orders.ts';
import type { OrderCommand } from '../../src/commands/command.ts';
import { TalkspurtError, hasCode } from '../../src/core/errors.ts';
import { holdPattern } from '../../src/sound-hold.ts';
import { HoldSound } from '../../src/session/hold-sound.ts';
import type { CallLeg } from '../../src/switch/switch-adapter.ts';
import { CallRig } from '../sim/call-rig.ts';
import { settle } from '../sim/fake-clock.ts';
import { FakeBackend, Gate } from '../sim/fake-peers.ts';

const MUSIC = 0x55;
const AGENT = 0x20;
const sounds: SoundSource = {
  sound: () => Promise.resolve({ audio: new Uint8Array(160), cached: false }),
  speech: () => Promise.resolve({ audio: new Uint8Array(160), cached: false }),
  dspLibrary: () => Promise.reject(new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'none is wanted')),
  hold: () => Promise.resolve({ audio: new Uint8Array(200).fill(MUSIC), cached: false }),
};

type Order = OrderCommand extends infer O ? (O extends OrderCommand ? Omit<O, 'uuid'> : never) : never;

function ordering(rig: CallRig): (order: Order) => Promise<string | null> {
  const backendFor = (): FakeBackend => new FakeBackend();
  const parts: CallOrderParts = { clock: rig.clock, sounds, recordings: null, backendFor };
  return async (order) => await carryOutOrder(rig.session, { ...order, uuid: 'a1b2' }, parts);
}

const lastSent = (rig: CallRig): number | undefined => rig.leg.transport.sent.at(-1)?.payload[0];
const stages = (rig: CallRig): string[] => rig.events.of('transfer').map(({ stage }) => stage);

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'done',
    (error: unknown) => (error instanceof TalkspurtError ? error.code : String(error)),
  );
}

/** A leg whose switch asks whomever the test answers for. */
function consulting(rig: CallRig): { asked: string[]; answer: Gate<void>; signal: () => AbortSignal | null } {
  const asked: string[] = [];
  const answer = new Gate<void>();
  let given: AbortSignal | null = null;
  const consult: CallLeg['consult'] = async (destination, signal) => {
    asked.push(destination);
    given = signal;
    await Promise.race([
      answer.promise,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    ]);
  };
  Object.assign(rig.leg, { consult });
  return { asked, answer, signal: () => given };
}

test('hold: music without end, the agent waits, and nobody hears the caller', async () => {
  const rig = await CallRig.talking();
  const order = ordering(rig);
  rig.say('a', 400, AGENT);
  await rig.run(100);
  assert.is(lastSent(rig), AGENT);
  const { heardFrames } = rig.stream;
  await order({ verb: 'hold', on: true });
  await order({ verb: 'hold', on: true });
  const waiting = rig.session.snapshot().playoutMs;
  await rig.run(1_000, 0.9);
  assert.is(lastSent(rig), MUSIC);
  assert.is(rig.stream.heardFrames, heardFrames);
  assert.is(rig.session.snapshot().playoutMs, waiting, 'what the agent says waits');
  assert.equal(rig.session.snapshot().orders, ['hold']);
  await order({ verb: 'hold', on: false });
  await rig.run(40);
  assert.is(lastSent(rig), AGENT);
  assert.is(rig.stream.heardFrames, heardFrames + 2);
  assert.equal(
    rig.events.of('order').map((each) => [each.order, each.on]),
    [
      ['hold', true],
      ['hold', false],
    ],
  );
});

test('on hold: what an operator plays is heard, a pause stays, and stop works', async () => {
  const rig = await CallRig.talking();
  const order = ordering(rig);
  await order({ verb: 'pause' });
  await order({ verb: 'hold', on: true });
  rig.session.controls.play(new Uint8Array(320).fill(0x11), rig.session.controls.soundFormat);
  await rig.run(40);
  assert.is(lastSent(rig), 0x11);
  await rig.run(60);
  assert.is(lastSent(rig), MUSIC);
  await order({ verb: 'hold', on: false });
  const { heardFrames } = rig.stream;
  await rig.run(40);
  assert.is(rig.stream.heardFrames, heardFrames);
  await order({ verb: 'hold', on: true });
  await rig.session.stop('stopped');
  assert.is(rig.end?.reason, 'stopped');
  assert.is(rig.leg.releases, 1);
});

test('a graceful shutdown takes the caller off hold: what is left is said', async () => {
  const rig = await CallRig.talking();
  await ordering(rig)({ verb: 'hold', on: true });
  rig.answer('a', 200, AGENT);
  await rig.run(40);
  rig.session.shutDownGracefully();
  await rig.run(100);
  assert.is(lastSent(rig), AGENT);
  await rig.run(1_000);
  assert.is(rig.end?.reason, 'stopped');
});

test('attended: the caller waits on hold, and our part ends when the two are joined', async () => {
  const rig = await CallRig.talking();
  const party = consulting(rig);
  const done = codeOf(ordering(rig)({ verb: 'transfer', destination: '1000', attended: true }));
  await settle();
  await rig.run(60);
  assert.equal([party.asked, lastSent(rig), stages(rig)], [['1000'], MUSIC, ['dialling']]);
  assert.is(rig.leg.outcomes.at(-1)?.reason, 'transferred', 'what is left with the channel is known before');
  party.answer.open();
  assert.is(await done, 'done');
  assert.is(rig.end?.reason, 'transferred');
  assert.equal(stages(rig), ['dialling', 'joined']);
  assert.equal([rig.leg.releases, rig.leg.hangups], [1, []]);
});

test('attended: nobody answers, and the agent goes on; who was on hold before stays there', async () => {
  for (const held of [false, true]) {
    const rig = await CallRig.talking();
    const order = ordering(rig);
    if (held) await order({ verb: 'hold', on: true });
    const party = consulting(rig);
    const done = codeOf(order({ verb: 'transfer', destination: '1000', attended: true }));
    await settle();
    assert.is(
      await codeOf(order({ verb: 'transfer', destination: '2', attended: true })),
      'ERR_TALKSPURT_ALREADY_RUNNING',
    );
    assert.is(
      await codeOf(order({ verb: 'transfer', destination: '2', attended: false })),
      'ERR_TALKSPURT_ALREADY_RUNNING',
    );
    party.answer.fail(new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'cause 17'));
    assert.is(await done, 'ERR_TALKSPURT_SWITCH_COMMAND');
    assert.equal(stages(rig), ['dialling', 'failed']);
    assert.equal(rig.session.snapshot().orders, held ? ['hold'] : []);
    rig.say('a', 200, AGENT);
    await rig.run(60);
    assert.is(lastSent(rig), held ? MUSIC : AGENT);
    await rig.session.stop('stopped');
  }
});

test('attended: hold off, a hang-up and a stop call it off', async () => {
  for (const way of ['hold off', 'hang-up', 'stop'] as const) {
    const rig = await CallRig.talking();
    const order = ordering(rig);
    const party = consulting(rig);
    const done = codeOf(order({ verb: 'transfer', destination: '1000', attended: true }));
    await settle();
    if (way === 'hold off') await order({ verb: 'hold', on: false });
    else if (way === 'hang-up') rig.leg.listener?.onHangup(16);
    else await rig.session.stop('stopped');
    assert.is.not(await done, 'done', way);
    assert.ok(party.signal()?.aborted, way);
    assert.is(rig.session.state === 'talking', way === 'hold off');
    assert.is(stages(rig)[1] ?? 'failed', 'failed');
    await rig.session.stop('stopped');
  }
});

test('attended: a switch that cannot says so, and nothing has changed', async () => {
  const rig = await CallRig.talking();
  const done = ordering(rig)({ verb: 'transfer', destination: '1000', attended: true });
  assert.is(await codeOf(done), 'ERR_TALKSPURT_NOT_SUPPORTED');
  assert.equal([rig.session.snapshot().orders, stages(rig)], [[], []]);
});

test('hang-up with a cause: the switch is told, and so is whoever counts calls', async () => {
  const rig = await CallRig.talking();
  await ordering(rig)({ verb: 'hangup', cause: 21 });
  assert.equal(rig.leg.hangups, [21]);
  assert.equal([rig.events.of('call.ended')[0]?.reason, rig.events.of('call.ended')[0]?.hangupCause], ['stopped', 21]);
});

test('a hold sound goes on where it ended, sample by sample; one that says nothing is silence', () => {
  const audio = Uint8Array.from({ length: 200 }, (_, index) => index);
  const sound = new HoldSound(audio, { codec: 'pcmu', sampleRateHz: 8000 }, 20);
  const heard = [...(sound.pop() ?? []), ...(sound.pop() ?? [])];
  assert.equal(heard, [...audio, ...audio.subarray(0, 120)]);
  assert.is(new HoldSound(new Uint8Array(3), { codec: 'pcmu', sampleRateHz: 8000 }, 20).pop(), null);
});

test('what is heard on hold without a file is quiet, and begins and ends in silence', () => {
  const pattern = holdPattern();
  const samples = pattern.read(0, pattern.length);
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  assert.ok(peak > 1_000 && peak < 2_000, String(peak));
  assert.equal([samples[0], samples.at(-1)], [0, 0]);
});

test('an order that comes too late is refused', async () => {
  const rig = await CallRig.talking();
  await rig.session.stop('stopped');
  const order = ordering(rig);
  for (const each of [
    { verb: 'hold', on: true },
    { verb: 'transfer', destination: '1', attended: true },
  ] as const) {
    const error = await order(each).catch((reason: unknown) => reason);
    assert.ok(hasCode(error, 'ERR_TALKSPURT_NOT_RUNNING'));
  }
});

test.run();

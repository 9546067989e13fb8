/** Taps on the fake ARI's call: what is made for them, who is told, and that whatever happens nothing is left. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { settle } from '../../sim/fake-clock.ts';
import { linkDown, refusal } from './fake-ari.ts';
import { CALL, SnoopWorld, codeOf } from './snoop-world.ts';

const never = new AbortController().signal;

async function opened(world: SnoopWorld): ReturnType<SnoopWorld['leg']['openMedia']> {
  await world.leg.prepare();
  return await world.leg.openMedia(never);
}

test('what is known of the call: its channel, its peer, what was asked for and is set', async () => {
  const variableNames = ['AGENT_ID', 'BRIDGEPEER', 'EMPTY', 'NOWHERE', 'CHANNEL(name)'];
  const world = new SnoopWorld({ variableNames });
  const { variables } = world.ari.channels.get(CALL)!;
  variables.set('AGENT_ID', 'agent-7').set('BRIDGEPEER', 'PJSIP/bob-1').set('EMPTY', '');
  await world.leg.prepare();
  assert.equal(Object.fromEntries(world.leg.variables), {
    AGENT_ID: 'agent-7',
    BRIDGEPEER: 'PJSIP/bob-1',
    'CHANNEL(name)': 'PJSIP/alice-00000007',
  });
  assert.equal([world.leg.id, world.leg.from, world.leg.to], [CALL, '4711', '100']);
  assert.is(world.ari.requests.filter((line) => line.includes('BRIDGEPEER')).length, 1);
  await world.leg.release();
  assert.equal([world.left, world.overs], [[], 1]);
});

for (const [mix, snoops] of [
  ['mono', ['in/none', 'none/out']],
  ['mixed', ['both/none', 'none/out']],
  ['stereo', ['in/none', 'out/none', 'none/out']],
] as const) {
  test(`${mix}: a snoop, media and a bridge for each sound, and all of it goes`, async () => {
    const world = new SnoopWorld({ request: { mix, sampleRateHz: null } });
    const media = await opened(world);
    assert.equal(world.snoops, snoops);
    assert.is(media.other === undefined, mix !== 'stereo');
    assert.equal([world.ari.bridges.size, world.path.open], [snoops.length, snoops.length]);
    assert.ok(world.path.wanted.every(({ format, callFormat }) => format === 'auto' && callFormat === 'ulaw'));
    const bridged = [...world.ari.channels.values()].map(({ bridge }) => bridge).filter((bridge) => bridge !== null);
    assert.is(new Set(bridged).size, snoops.length, 'each in a bridge of its own');
    assert.ok(world.ari.channels.get(CALL)!.subscribed);
    await world.leg.release();
    await media.close();
    assert.equal([world.left, world.overs, world.leftovers, world.touches], [[], 1, 0, []]);
    assert.is(world.ari.channels.get(CALL)!.bridge, null);
  });
}

test('at 8 kHz, where the path may choose, it is asked for without loss', async () => {
  const narrow = new SnoopWorld({ request: { mix: 'mono', sampleRateHz: 8000 } });
  await opened(narrow);
  assert.ok(narrow.path.wanted.every(({ format }) => format === 'slin'));
  const fixed = new SnoopWorld({ request: { mix: 'mono', sampleRateHz: 8000 }, format: 'slin16' });
  await opened(fixed);
  assert.ok(fixed.path.wanted.every(({ format }) => format === 'slin16'));
  await Promise.all([narrow.leg.release(), fixed.leg.release()]);
});

/** Requests of a stereo tap from the first to its last one. */
async function requestsOfATap(): Promise<number> {
  const world = new SnoopWorld({ request: { mix: 'stereo', sampleRateHz: null } });
  await opened(world);
  return world.ari.requests.length;
}

const REQUESTS = await requestsOfATap();

for (const how of ['refused', 'gone', 'unanswered', 'called off', 'hung up', 'let go'] as const) {
  test(`an opening that is ${how} at any of its requests leaves nothing`, async () => {
    assert.is(REQUESTS, 15);
    for (let step = 0; step < REQUESTS; step += 1) {
      const world = new SnoopWorld({ request: { mix: 'stereo', sampleRateHz: null } });
      const calledOff = new AbortController();
      let released: Promise<void> | null = null;
      world.beforeRequest = (line, index) => {
        if (index !== step) return undefined;
        if (how === 'refused') throw refusal(500, 'Internal Server Error');
        if (how === 'gone' && line.startsWith('POST')) throw refusal(404, 'Channel not found');
        if (how === 'unanswered') throw new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', 'no answer');
        if (how === 'called off') calledOff.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'not wanted'));
        if (how === 'hung up') world.endCall(17);
        if (how === 'let go') released = world.leg.release();
        return undefined;
      };
      const at = `${how} at request ${step}`;
      const attempt = (async () => {
        await world.leg.prepare(calledOff.signal);
        await world.leg.openMedia(calledOff.signal);
      })();
      const code = await codeOf(attempt);
      // A variable that cannot be had is one that the call does not have.
      const isVariable = world.ari.requests[step]!.includes('/variable');
      if (!isVariable || how === 'called off') assert.is.not(code, 'done', at);
      if (how === 'hung up') assert.is(code, 'CALL_GONE', at);
      const rest = world.left.filter((each) => !each.endsWith('watched'));
      if (code !== 'done') assert.equal(rest, [], at);
      await (released ?? world.leg.release());
      await settle();
      assert.equal([world.left, world.overs], [[], 1], at);
      assert.equal(world.touches, [], at);
    }
  });
}

test('a snoop that never comes into our application is given up', async () => {
  const world = new SnoopWorld();
  world.snoopsArrive = false;
  await world.leg.prepare();
  const attempt = codeOf(world.leg.openMedia(never));
  await settle();
  world.clock.advance(LIMITS.mediaOpenMs);
  assert.is(await attempt, 'MEDIA_CONNECTION');
  await world.leg.release();
  assert.equal(world.left, []);
});

test('a whisper is changed: the new snoop is there before the old one goes, and what is said goes there only', async () => {
  const world = new SnoopWorld({ request: { mix: 'stereo', sampleRateHz: null } });
  await world.leg.prepare();
  await world.leg.setWhisper('other');
  assert.is(world.path.open, 0, 'nothing is made before the audio is');
  const media = await world.leg.openMedia(never);
  assert.equal([world.snoops, world.leg.whisper], [['in/none', 'out/none', 'none/in'], 'other']);
  const sentOf = (): number[] => world.path.transports.map(({ sent }) => sent.length);
  const frame = new Uint8Array(160);
  media.send(frame, true);
  assert.is(
    sentOf().reduce((total, sent) => total + sent, 0),
    1,
  );

  world.ari.requests.length = 0;
  await world.leg.setWhisper('both');
  const made = world.ari.requests.findIndex((line) => line.includes('addChannel'));
  const removed = world.ari.requests.findIndex((line) => line.startsWith('DELETE channels/talkspurt-snoop'));
  assert.ok(made !== -1 && removed > made, world.ari.requests.join('\n'));
  assert.is(world.snoops.at(-1), 'none/both');
  const before = sentOf();
  media.send(frame, false);
  assert.is(sentOf().at(-1), 1);
  assert.equal(sentOf().slice(0, 3), before.slice(0, 3));
  assert.is(media.stats.sentFrames, 2);

  world.ari.requests.length = 0;
  await world.leg.setWhisper('both');
  assert.equal(world.ari.requests, [], 'nothing changes');
  await world.leg.setWhisper('none');
  assert.equal(
    world.ari.requests.filter((line) => line.startsWith('POST')),
    [],
  );
  media.send(frame, false);
  assert.equal([media.stats.sentFrames, world.path.open], [2, 2]);
  await world.leg.setWhisper('caller');
  assert.is(world.snoops.at(-1), 'none/out');
  media.send(frame, false);
  assert.is(media.stats.sentFrames, 3);
  await world.leg.release();
  await media.close();
  assert.equal([world.left, world.told, world.touches], [[], [], []]);
});

test('a whisper that cannot be had leaves the one there was; changes come one after the other', async () => {
  const world = new SnoopWorld();
  const media = await opened(world);
  world.beforeRequest = (line) => {
    if (line.includes('addChannel')) throw refusal(500, 'no');
    return undefined;
  };
  assert.is(await codeOf(world.leg.setWhisper('other')), 'ARI_REFUSED');
  assert.equal([world.leg.whisper, world.path.open, world.ari.bridges.size], ['caller', 2, 2]);
  media.send(new Uint8Array(160), true);
  assert.is(media.stats.sentFrames, 1);
  world.beforeRequest = () => undefined;
  await Promise.all([world.leg.setWhisper('other'), world.leg.setWhisper('none'), world.leg.setWhisper('both')]);
  assert.equal([world.leg.whisper, world.path.open, world.snoops.at(-1)], ['both', 2, 'none/both']);
  const changing = codeOf(world.leg.setWhisper('caller'));
  const releasing = world.leg.release();
  assert.is(await changing, 'CALL_GONE');
  await releasing;
  assert.equal(world.left, []);
  assert.is(await codeOf(world.leg.setWhisper('none')), 'CALL_GONE');
});

test('the party hangs up: its cause is told once, whoever was told first of the snoops', async () => {
  const world = new SnoopWorld({ request: { mix: 'stereo', sampleRateHz: null } });
  const media = await opened(world);
  world.endCall(21);
  assert.equal(world.told, ['hangup 21']);
  assert.ok(world.leg.gone);
  world.clock.advance(LIMITS.hangupEventMs * 2);
  await settle();
  assert.equal(world.told, ['hangup 21']);
  assert.is(await codeOf(world.leg.answer()), 'CALL_GONE');
  assert.is(await codeOf(world.leg.setWhisper('none')), 'CALL_GONE');
  await world.leg.release();
  await media.close();
  assert.equal([world.left, world.overs, world.leftovers], [[], 1, 0]);
});

test('hung up before anybody listens, and while there is no audio yet', async () => {
  const world = new SnoopWorld();
  await opened(world);
  const told: string[] = [];
  world.leg.listen({ onHangup: () => undefined, onDigit: () => undefined, onMediaEnded: () => undefined });
  world.endCall(16);
  world.leg.listen({
    onHangup: (cause) => told.push(`hangup ${cause}`),
    onDigit: () => undefined,
    onMediaEnded: () => undefined,
  });
  assert.equal(told, [], 'told once, to whoever listened');
  await world.leg.release();

  const early = new SnoopWorld();
  await early.leg.prepare();
  early.endCall(16);
  assert.is(await codeOf(early.leg.openMedia(never)), 'CALL_GONE');
  await early.leg.release();
  assert.equal([early.left, early.overs], [[], 1]);
});

for (const kind of ['snoop', 'media', 'bridge'] as const) {
  test(`a ${kind} that is taken away alone: the end of the audio is told, and the call is left`, async () => {
    const world = new SnoopWorld();
    const media = await opened(world);
    if (kind === 'bridge') {
      await world.ari.request({ method: 'DELETE', path: `bridges/${world.idOf(kind)}` });
    } else {
      world.ari.hangUp(world.idOf(kind), 16);
    }
    assert.equal(world.told, [], 'it may be the end of the call');
    world.clock.advance(LIMITS.hangupEventMs);
    await settle();
    assert.is(world.told.length, 1);
    assert.match(world.told[0]!, /^media ended: /);
    await world.leg.release();
    await media.close();
    assert.equal([world.left, world.touches], [[], []]);
  });
}

test('the call ends without a word: it is asked for, and the cause is the one that was last heard', async () => {
  const world = new SnoopWorld();
  await opened(world);
  const channel = world.ari.channels.get(CALL)!;
  world.ari.event({ type: 'ChannelHangupRequest', cause: 19, channel: world.ari.json(channel) });
  world.ari.event({ type: 'ChannelHangupRequest', cause: 32, soft: true, channel: world.ari.json(channel) });
  world.ari.channels.delete(CALL);
  world.ari.hangUp(world.idOf('snoop'), 16);
  world.clock.advance(LIMITS.hangupEventMs);
  await settle();
  assert.equal(world.told, ['hangup 19']);
  await world.leg.release();
  assert.equal(world.left, []);
});

test('digits of the party are told, and none once the leg is let go', async () => {
  const world = new SnoopWorld();
  await opened(world);
  const digit = (): void =>
    world.ari.event({ type: 'ChannelDtmfReceived', digit: '5', duration_ms: 80, channel: { id: CALL } });
  digit();
  await world.leg.release();
  digit();
  assert.equal(world.told, ['digit 5 80']);
});

test('what would need the channel is refused; to hang up is to let go', async () => {
  const world = new SnoopWorld();
  await opened(world);
  await world.leg.answer();
  assert.is(await codeOf(world.leg.sendDtmf()), 'NOT_SUPPORTED');
  assert.is(await codeOf(world.leg.transfer()), 'NOT_SUPPORTED');
  assert.is(await codeOf(world.leg.openMedia(never)), 'ALREADY_RUNNING');
  await world.leg.hangup();
  await world.leg.release();
  assert.ok(world.ari.channels.has(CALL), 'the call goes on');
  assert.equal([world.left, world.touches, world.overs], [[], [], 1]);
});

test('let go while the link is down: it is owed, told, and paid when the link is back', async () => {
  const world = new SnoopWorld();
  const media = await opened(world);
  world.ari.goDown();
  await world.leg.release();
  await media.close();
  assert.ok(world.leftovers > 0);
  assert.is(world.overs, 0, 'it is held until Asterisk tells of the channel no more');
  assert.ok(world.ari.channels.get(CALL)!.subscribed);
  world.ari.comeUp();
  await world.leg.onSighted(false);
  assert.not(world.ari.channels.get(CALL)!.subscribed);
  assert.equal([world.overs, world.routes.size], [1, 0]);
});

test('let go while the link is down, and the call is gone when it is back', async () => {
  for (const how of ['sighted', 'restarted'] as const) {
    const world = new SnoopWorld();
    const media = await opened(world);
    world.ari.goDown();
    await world.leg.release();
    await media.close();
    if (how === 'sighted') await world.leg.onSighted(null);
    else world.leg.onRestart();
    await settle();
    assert.equal([world.overs, world.routes.size, world.told], [1, 0, []], how);
  }
});

test('the link was down: the call has ended, or is there, or a snoop is not', async () => {
  const ended = new SnoopWorld();
  await opened(ended);
  await ended.leg.onSighted(null);
  assert.equal(ended.told, ['hangup 31']);
  const restarted = new SnoopWorld();
  await opened(restarted);
  restarted.leg.onRestart();
  assert.equal(restarted.told, ['hangup 41']);

  const there = new SnoopWorld();
  const media = await opened(there);
  there.ari.channels.get(CALL)!.subscribed = false;
  await there.leg.onSighted(false);
  assert.ok(there.ari.channels.get(CALL)!.subscribed, 'asked again');
  assert.equal(there.told, []);
  there.ari.channels.delete(there.idOf('snoop'));
  await there.leg.onSighted(true);
  there.clock.advance(LIMITS.hangupEventMs);
  await settle();
  assert.match(there.told.join(), /^media ended: .* while the link was down$/);
  await Promise.all([ended, restarted, there].map(({ leg }) => leg.release()));
  await media.close();
  assert.equal(there.left, []);
});

test('a variable cannot be asked for as the link is down: the leg is let go', async () => {
  const world = new SnoopWorld();
  world.beforeRequest = () => {
    throw linkDown();
  };
  assert.is(await codeOf(world.leg.prepare()), 'LINK_DOWN');
  assert.equal([world.left, world.overs], [[], 1]);
  const other = new SnoopWorld();
  assert.is(await codeOf(other.leg.prepare(AbortSignal.abort(linkDown()))), 'LINK_DOWN');
  assert.equal([other.left, other.overs, other.ari.requests], [[], 1, []]);
  const forgotten = new SnoopWorld();
  forgotten.leg.forget();
  forgotten.leg.forget();
  assert.equal([forgotten.left, forgotten.overs], [[], 1]);
});

test.run();

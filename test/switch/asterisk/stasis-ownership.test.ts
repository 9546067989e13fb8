/** Whose a call is: marked at once, led elsewhere by others, and taken over by another process of ours; on an Asterisk in memory. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { StasisIds } from '../../../src/switch/asterisk/stasis-ids.ts';
import { linkDown, refusal } from './fake-ari.ts';
import { StasisWorld, listening, settle } from './stasis-world.ts';

const never = new AbortController().signal;
const TURNED = { reason: 'stopped', turns: 3, bargeIns: 1 } as const;

function wordsOf(world: StasisWorld, id: string): (string | undefined)[] {
  const { variables } = world.ari.channels.get(id)!;
  return ['RESULT', 'REASON', 'TURNS', 'BARGE_INS', 'VOICE'].map((each) => variables.get(`TALKSPURT_${each}`));
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => 'it was done',
    (error: unknown) => (error instanceof TalkspurtError ? error.code : String(error)),
  );
}

test('a call is marked before anything is made for it, and once is enough', async () => {
  const world = await new StasisWorld().start();
  const marked: boolean[] = [];
  world.path.beforePrepare = () => {
    marked.push(world.ari.channels.get('c1')!.variables.get('TALKSPURT_VOICE') === 'agent');
    return Promise.resolve();
  };
  const leg = await world.call();
  await leg.openMedia(never);
  assert.equal(marked, [true]);
  world.said();
  await leg.remember!('agent', { masked: false });
  assert.equal(world.said(), [], 'it knows already');
  await leg.remember!('agent', { masked: true });
  await leg.remember!('agent', { masked: true });
  assert.equal(world.said(), ['POST channels/c1/variable?variable=TALKSPURT_VOICE&value=agent%2Cmasked']);
  await world.adapter.stop();
});

test('where the mark could not be made the call comes all the same, and is marked when it talks', async () => {
  const world = await new StasisWorld().start();
  world.ari.answer = (line) => {
    if (line.startsWith('POST channels/c1/variable')) throw refusal(500, 'Allocation failed');
    return undefined;
  };
  const leg = await world.call();
  world.ari.answer = () => undefined;
  await leg.remember!('agent', { masked: false });
  assert.is(world.ari.channels.get('c1')!.variables.get('TALKSPURT_VOICE'), 'agent');
  await world.adapter.stop();
});

test('a call that we dial bears its mark from its first moment', async () => {
  const world = await new StasisWorld().start();
  let body: unknown;
  world.ari.answer = (line, request) => {
    if (line.startsWith('POST channels?')) body = request.body;
    return undefined;
  };
  const dialling = codeOf(world.adapter.originate({ endpoint: 'PJSIP/b', profile: 'agent', variables: { A: '1' } }));
  await settle();
  assert.equal(body, { variables: { A: '1', TALKSPURT_VOICE: 'agent' } });
  await world.adapter.stop();
  assert.is(await dialling, 'ERR_TALKSPURT_DRAINING');
});

test('led elsewhere by somebody else: it leaves its bridge first, and that is no failure of the media', async () => {
  const world = await new StasisWorld().start();
  for (const early of [0, LIMITS.hangupEventMs - 1]) {
    const id = `c${early}`;
    const leg = await world.call(id);
    const told = listening(leg);
    await leg.openMedia(never);
    const channel = world.ari.channels.get(id)!;
    world.ari.event({ type: 'ChannelLeftBridge', bridge: { id: channel.bridge }, channel: world.ari.json(channel) });
    channel.bridge = null;
    world.clock.advance(early);
    world.ari.leadAway(id);
    world.clock.advance(LIMITS.hangupEventMs);
    await settle();
    assert.equal(told, ['transferred: the channel left our application']);
    leg.conclude!({ ...TURNED, reason: 'transferred' });
    await leg.release();
    assert.equal([world.ours, world.adapter.legCount], [[], 0]);
    assert.is(wordsOf(world, id)[0], undefined, 'it is not ours to speak to');
  }
  assert.is(world.clock.pending, 0);
});

test('what another application has is not taken up, though we are told of it still; what was moved from there to us is', async () => {
  const world = new StasisWorld();
  const led = { inApp: true, subscribed: true, variables: new Map([['TALKSPURT_VOICE', 'agent']]) };
  world.ari.add('theirs', { ...led, data: 'queue,lobby', variables: new Map(led.variables) });
  world.ari.add('moved', { ...led, data: 'queue,lobby', variables: new Map(led.variables) });
  world.ari.add('ended', { ...led, data: 'no-more', variables: new Map(led.variables) });
  world.ari.answer = (line) => {
    if (line === 'GET applications/queue') return { name: 'queue', channel_ids: ['theirs'] };
    if (line === 'GET applications/no-more') throw refusal(404, 'Application not found');
    return undefined;
  };
  await world.start();
  await settle();
  assert.equal(
    world.calls.map(({ leg }) => leg.id),
    ['moved', 'ended'],
  );
  assert.equal(
    wordsOf(world, 'theirs'),
    [undefined, undefined, undefined, undefined, 'agent'],
    'it is not ours to speak to',
  );
  await world.adapter.stop();
});

test('what is suspected is dropped where the call ends meanwhile', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  const told = listening(leg);
  await leg.openMedia(never);
  let answered: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (answered = resolve));
  world.ari.answer = async (line) => {
    if (line === 'GET channels/c1') await slow;
    return undefined;
  };
  world.ari.event({ type: 'BridgeDestroyed', bridge: { id: [...world.ari.bridges][0] } });
  world.clock.advance(LIMITS.hangupEventMs);
  await settle();
  await leg.release();
  answered();
  await settle();
  assert.equal([told, world.adapter.legCount, world.clock.pending], [[], 0, 0]);
});

test('a transfer leaves how the call was, before it goes', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  let atDeparture: (string | undefined)[] = [];
  world.ari.answer = (line) => {
    if (line.includes('/continue')) atDeparture = wordsOf(world, 'c1');
    return undefined;
  };
  leg.conclude!(TURNED);
  await leg.transfer('100@sales');
  assert.equal(atDeparture, ['transferred', 'transferred', '3', '1', '']);
  await leg.release();

  const refused = await world.call('c2');
  world.ari.answer = (line) => {
    if (line.includes('/continue')) throw refusal(500, 'Allocation failed');
    return undefined;
  };
  refused.conclude!({ ...TURNED, reason: 'transferred' });
  assert.is(await codeOf(refused.transfer('100@sales')), 'ERR_TALKSPURT_ARI_REFUSED');
  assert.is(wordsOf(world, 'c2')[4], 'agent', 'it still has its voice');
  world.ari.answer = () => undefined;
  refused.conclude!(TURNED);
  await refused.release();
  assert.equal(wordsOf(world, 'c2'), ['completed', 'stopped', '3', '1', '']);
});

test('a hang-up of ours leaves it to who looks at the end of calls, and is not kept from it', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  const { variables } = world.ari.channels.get('c1')!;
  leg.conclude!({ ...TURNED, reason: 'expired' });
  await leg.hangup(16);
  assert.equal(
    [variables.get('TALKSPURT_RESULT'), variables.get('TALKSPURT_REASON'), variables.get('TALKSPURT_TURNS')],
    ['completed', 'expired', '3'],
  );
  const other = await world.call('c2');
  world.ari.answer = (line) => {
    if (line.includes('/variable')) throw refusal(500, 'Allocation failed');
    return undefined;
  };
  other.conclude!({ ...TURNED, reason: 'expired' });
  await other.hangup(16);
  assert.equal([world.ari.channels.has('c1'), world.ari.channels.has('c2')], [false, false]);
});

test('refused: the dialplan is told why in a word', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  leg.refuse!('unknown-profile');
  await leg.release();
  assert.equal(wordsOf(world, 'c1').slice(0, 2), ['refused', 'unknown-profile']);
  world.ari.enter('c2', []);
  await settle();
  assert.equal(wordsOf(world, 'c2').slice(0, 2), ['refused', 'no-profile']);
});

test('another process takes the application: every call is let go of as it is, and nothing is done to any channel', async () => {
  const world = await new StasisWorld().start();
  const { ari, adapter } = world;
  const [talks, opens, unheard] = [await world.call('c1'), await world.call('c2'), await world.call('c3')];
  const told = [talks, opens].map((leg) => listening(leg));
  await talks.openMedia(never);
  ari.mediaArrives = false;
  const opening = codeOf(opens.openMedia(never));
  await settle();
  world.said();
  ari.replace();
  const reason = 'another client has taken over the application';
  assert.equal(told, [[`link-lost: ${reason}`], [`link-lost: ${reason}`]], 'at once');
  for (const leg of [talks, opens, unheard]) {
    leg.conclude!({ ...TURNED, reason: 'link-lost' });
    await leg.release();
  }
  assert.match(await opening, /CALL_GONE|LINK_DOWN/);
  assert.equal(world.said(), [], 'nothing is asked of Asterisk');
  assert.equal([adapter.legCount, world.path.open], [0, 0], 'ports go back');
  // The other one stops in the end, or dies: what it leaves is taken up.
  ari.channels.get('c1')!.variables.set('TALKSPURT_VOICE', 'agent');
  const theirs = new StasisIds('talkspurt').make('media');
  ari.add(theirs, { inApp: true });
  world.calls.length = 0;
  ari.mediaArrives = true;
  ari.comeUp();
  await settle();
  assert.equal(
    world.calls.map(({ leg, adopted }) => [leg.id, adopted]),
    ['c1', 'c2', 'c3'].map((id) => [id, { masked: false }]),
  );
  assert.equal(world.ours, []);
  await adapter.stop();
  assert.is(world.clock.pending, 0);
});

test('taken over while a call comes in, is being given back, or is transferred', async () => {
  const world = await new StasisWorld({ variables: ['ACCOUNT'] }).start();
  const { ari } = world;
  const owed = await world.call('owed');
  ari.goDown();
  assert.is(await codeOf(owed.release()), 'ERR_TALKSPURT_LINK_DOWN');
  ari.replace();
  assert.is(world.adapter.legCount, 0, 'nothing is owed to a channel that is not ours');
  ari.comeUp();
  await settle();

  const sent = await world.call('sent');
  const told = listening(sent);
  ari.answer = (line) => {
    if (!line.includes('/continue')) return undefined;
    ari.replace();
    throw linkDown();
  };
  assert.is(await codeOf(sent.transfer('100@sales')), 'ERR_TALKSPURT_LINK_DOWN');
  assert.equal(told, ['link-lost: another client has taken over the application'], 'it did not go, and is not ours');
  await sent.release();
  ari.answer = () => undefined;
  ari.comeUp();
  await settle();

  ari.answer = (line) => {
    if (line.includes('variable=ACCOUNT')) ari.replace();
    return undefined;
  };
  const before = world.calls.length;
  ari.enter('coming', ['profile=agent']);
  await settle();
  assert.equal([world.calls.length - before, ari.channels.get('coming')!.inApp], [0, true], 'it is left where it is');
  await world.adapter.stop();
  assert.is(world.clock.pending, 0);
});

test.run();

/** Attended transfers: who is asked, who does not answer, and what becomes of the caller; on an Asterisk in memory. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { CallLeg } from '../../../src/switch/switch-adapter.ts';
import { StasisIds } from '../../../src/switch/asterisk/stasis-ids.ts';
import { linkDown, refusal } from './fake-ari.ts';
import { StasisWorld, listening, settle } from './stasis-world.ts';

const never = new AbortController().signal;
const ids = new StasisIds('talkspurt');

interface Consulting {
  readonly world: StasisWorld;
  readonly leg: CallLeg;
  readonly told: string[];
  /** Ids of the call's own media channel and bridge. */
  readonly own: readonly string[];
}

async function talking(): Promise<Consulting> {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  const told = listening(leg);
  await leg.openMedia(never);
  world.ari.channels.get('c1')!.variables.set('CHANNEL(audionativeformat)', '(alaw)');
  const own = world.ours;
  world.said();
  return { world, leg, told, own };
}

/** What a consultation came to: `joined`, or the code and the cause. */
async function outcomeOf(consulting: Promise<void>): Promise<string> {
  return await consulting.then(
    () => 'joined',
    (error: unknown) =>
      error instanceof TalkspurtError
        ? [error.code, error.details['hangupCause']].filter((each) => each !== undefined).join(' ')
        : String(error),
  );
}

function partyOf(world: StasisWorld): string {
  const party = [...world.ari.channels.keys()].find((id) => ids.kindOf(id) === 'party');
  if (party === undefined) throw new Error('nobody is called');
  return party;
}

/** Everything is as it was before anybody was asked. */
async function assertRestored({ world, leg, told, own }: Consulting): Promise<void> {
  world.clock.advance(LIMITS.hangupEventMs);
  await settle();
  assert.equal(told, []);
  assert.equal(world.ours, own);
  assert.is(world.ari.channels.get('c1')!.bridge, own[1], 'the caller is with our media');
  await leg.sendDtmf('1');
  leg.conclude!({ reason: 'stopped', turns: 2, bargeIns: 0 });
  await leg.release();
  const { inApp, variables } = world.ari.channels.get('c1')!;
  assert.equal([inApp, variables.get('TALKSPURT_RESULT')], [false, 'completed']);
  assert.equal([world.ours, world.adapter.legCount, world.clock.pending], [[], 0, 0]);
}

test('answered: the two are joined, our media go, and who hangs up takes the other along', async () => {
  const { world, leg, told } = await talking();
  const { ari } = world;
  leg.conclude!({ reason: 'transferred', turns: 4, bargeIns: 1 });
  const consulting = outcomeOf(leg.consult!('200@sales', never));
  await settle();
  const asked = world.said();
  assert.ok(
    asked.includes(
      'POST channels?endpoint=Local%2F200%40sales%2Fn&app=talkspurt&channelId=our-party&timeout=30&formats=alaw&otherChannelId=our-half&callerId=4711',
    ),
    asked.join('\n'),
  );
  const party = partyOf(world);
  ari.enter(party, []);
  assert.is(await consulting, 'joined');
  const joined = [...ari.bridges].find((id) => ids.kindOf(id) === 'joined')!;
  assert.equal([ari.channels.get('c1')!.bridge, ari.channels.get(party)!.bridge], [joined, joined]);
  const { variables } = ari.channels.get('c1')!;
  assert.equal(
    ['RESULT', 'REASON', 'TURNS', 'BARGE_INS'].map((each) => variables.get(`TALKSPURT_${each}`)),
    ['transferred', 'transferred', '4', '1'],
  );
  await leg.release();
  assert.equal(world.ours, [party, joined], 'they talk without us');
  assert.equal([ari.channels.get('c1')!.inApp, told], [true, []]);

  ari.goDown();
  ari.comeUp();
  await settle();
  assert.equal(world.ours, [party, joined], 'a lost link is nothing to them');
  ari.hangUp(party, 16);
  await settle();
  assert.equal([ari.channels.has('c1'), world.ours, world.clock.pending], [false, [], 0]);
});

test('a party that hung up while the link was down: the caller does not wait for ever', async () => {
  const { world, leg } = await talking();
  const consulting = outcomeOf(leg.consult!('200', never));
  await settle();
  const party = partyOf(world);
  world.ari.enter(party, []);
  assert.is(await consulting, 'joined');
  await leg.release();
  world.ari.goDown();
  world.ari.channels.delete(party);
  world.ari.comeUp();
  await settle();
  assert.equal([world.ari.channels.has('c1'), world.ours], [false, []]);
});

test('a process that comes after the one that joined them: who talks talks on, who was left is hung up', async () => {
  const world = new StasisWorld();
  const { ari } = world;
  const [joined, left] = [ids.make('joined'), ids.make('joined')];
  const [party, other] = [ids.make('party'), ids.make('party')];
  ari.bridges.add(joined).add(left);
  ari.add('c1', { inApp: true, bridge: joined });
  ari.add(party, { inApp: true, bridge: joined });
  ari.add('c2', { inApp: true, bridge: left });
  ari.add(other, { inApp: true });
  await world.start();
  assert.equal([world.ours, ari.channels.has('c2'), world.calls.length], [[party, joined], false, 0]);
  ari.hangUp('c1', 16);
  await settle();
  assert.equal(world.ours, []);
});

test('what is no destination, and what the dialplan has not', async () => {
  const one = await talking();
  one.world.ari.channels.get('c1')!.variables.set('DIALPLAN_EXISTS(test,999,1)', '0');
  assert.is(await outcomeOf(one.leg.consult!('999', never)), 'ERR_TALKSPURT_SWITCH_COMMAND');
  for (const destination of ['', '../x', '100@test,2']) {
    assert.is(await outcomeOf(one.leg.consult!(destination, never)), 'ERR_TALKSPURT_COMMAND_SYNTAX', destination);
  }
  assert.not.ok(one.world.said().some((line) => line.startsWith('POST channels?')));
  await assertRestored(one);
});

const REFUSALS: readonly [string, (world: StasisWorld) => void, string][] = [
  ['busy', (world) => dialStatus(world, 'BUSY'), 'ERR_TALKSPURT_SWITCH_COMMAND 17'],
  ['no answer', (world) => dialStatus(world, 'NOANSWER'), 'ERR_TALKSPURT_SWITCH_COMMAND 19'],
  ['hung up', (world) => world.ari.hangUp(partyOf(world), 21), 'ERR_TALKSPURT_SWITCH_COMMAND 21'],
  ['time is over', (world) => world.clock.advance(LIMITS.consultationMs), 'ERR_TALKSPURT_SWITCH_COMMAND 19'],
];

function dialStatus(world: StasisWorld, dialstatus: string): void {
  world.ari.event({ type: 'Dial', dialstatus, peer: { id: partyOf(world) } });
}

for (const [name, happen, expected] of REFUSALS) {
  test(`nobody is had, ${name}: the caller has the agent again`, async () => {
    const one = await talking();
    const consulting = outcomeOf(one.leg.consult!('endpoint:PJSIP/bob', never));
    await settle();
    one.world.ari.channels.get(partyOf(one.world))!.subscribed = true;
    happen(one.world);
    assert.is(await consulting, expected);
    await assertRestored(one);
  });
}

test('an endpoint that Asterisk does not take: no route, and no word of the number', async () => {
  const one = await talking();
  one.world.ari.answer = (line) => {
    if (line.startsWith('POST channels?')) throw refusal(500, 'Unable to call +49 30 1234');
    return undefined;
  };
  const failure = await one.leg.consult!('endpoint:PJSIP/bob', never).catch((error: unknown) => error);
  assert.ok(failure instanceof TalkspurtError);
  assert.equal([failure.code, failure.details['hangupCause']], ['ERR_TALKSPURT_SWITCH_COMMAND', 3]);
  assert.not.match(failure.message, /1234/);
  await assertRestored(one);
});

test('called off while it rings', async () => {
  const one = await talking();
  const off = new AbortController();
  const consulting = outcomeOf(one.leg.consult!('200', off.signal));
  await settle();
  off.abort(new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'called off'));
  assert.is(await consulting, 'ERR_TALKSPURT_SWITCH_COMMAND');
  await assertRestored(one);
});

test('the link goes down while it rings: the party is removed when it is back, the call lives', async () => {
  const one = await talking();
  const { world } = one;
  const consulting = outcomeOf(one.leg.consult!('200', never));
  await settle();
  world.ari.goDown();
  world.clock.advance(LIMITS.consultationMs);
  assert.is(await consulting, 'ERR_TALKSPURT_SWITCH_COMMAND 19');
  world.ari.comeUp();
  await settle();
  assert.equal(world.ours, one.own);
  world.clock.advance(LIMITS.ariSweepRetryMs);
  await settle();
  await assertRestored(one);
});

for (const step of ['bridges?', 'addChannel']) {
  test(`answered, and not to be joined (${step}): the party goes, the caller is back with the agent`, async () => {
    const one = await talking();
    const { world } = one;
    const joins = (line: string): boolean => line.includes('addChannel') && line.includes('party');
    world.ari.answer = (line) => {
      const strikes = step === 'bridges?' ? line.startsWith('POST bridges?') : joins(line);
      if (strikes) throw refusal(500, 'Allocation failed');
      return undefined;
    };
    const consulting = outcomeOf(one.leg.consult!('200', never));
    await settle();
    const party = partyOf(world);
    world.ari.enter(party, []);
    assert.is(await consulting, 'ERR_TALKSPURT_SWITCH_COMMAND 19');
    assert.not.ok(world.ari.channels.has(party));
    await assertRestored(one);
  });
}

test('the caller had been moved already when the joining failed, and cannot be brought back: that is told', async () => {
  const { world, leg, told, own } = await talking();
  world.ari.answer = (line) => {
    if (!line.includes('addChannel')) return undefined;
    const caller = world.ari.channels.get('c1')!;
    const json = world.ari.json(caller);
    if (caller.bridge !== null) world.ari.event({ type: 'ChannelLeftBridge', bridge: { id: own[1] }, channel: json });
    caller.bridge = null;
    throw refusal(500, 'Allocation failed');
  };
  const consulting = outcomeOf(leg.consult!('200', never));
  await settle();
  world.ari.enter(partyOf(world), []);
  assert.is(await consulting, 'ERR_TALKSPURT_SWITCH_COMMAND 19');
  world.clock.advance(LIMITS.hangupEventMs);
  await settle();
  assert.equal(told, ['media ended: the caller was led elsewhere']);
  leg.conclude!({ reason: 'media-failed', turns: 1, bargeIns: 0 });
  await leg.release();
  assert.equal([world.ours, world.ari.channels.get('c1')!.variables.get('TALKSPURT_RESULT')], [[], 'failed']);
});

for (const moment of ['while it rings', 'while they are joined']) {
  test(`the caller hangs up ${moment}: nobody is called any more`, async () => {
    const { world, leg, told } = await talking();
    world.ari.answer = (line) => {
      if (moment === 'while they are joined' && line.startsWith('POST bridges?')) world.ari.hangUp('c1', 17);
      return undefined;
    };
    const consulting = outcomeOf(leg.consult!('200', never));
    await settle();
    if (moment === 'while it rings') world.ari.hangUp('c1', 17);
    else world.ari.enter(partyOf(world), []);
    assert.match(await consulting, /^ERR_TALKSPURT_(CALL_GONE|SWITCH_COMMAND)/);
    assert.equal(told, ['hangup 17']);
    await leg.release();
    await settle();
    world.clock.advance(LIMITS.hangupEventMs);
    await settle();
    assert.equal([world.ours, world.adapter.legCount, world.clock.pending], [[], 0, 0]);
  });
}

test('our part ends while it rings: the party is let go of before the caller is', async () => {
  const { world, leg } = await talking();
  const consulting = outcomeOf(leg.consult!('200', never));
  await settle();
  world.said();
  leg.conclude!({ reason: 'stopped', turns: 1, bargeIns: 0 });
  await leg.release();
  assert.match(await consulting, /CALL_GONE/);
  const said = world.said();
  assert.ok(said.indexOf('DELETE channels/our-party') < said.indexOf('POST channels/c1/continue'), said.join('\n'));
  assert.equal([world.ours, world.ari.channels.get('c1')!.inApp], [[], false]);
});

test('another process takes the application while it rings, and while they are being joined', async () => {
  for (const moment of ['rings', 'joins']) {
    const { world, leg, told } = await talking();
    const consulting = outcomeOf(leg.consult!('200', never));
    await settle();
    world.ari.answer = (line) => {
      if (moment !== 'joins' || !line.includes('addChannel')) return undefined;
      world.ari.replace();
      throw linkDown();
    };
    if (moment === 'rings') world.ari.replace();
    else world.ari.enter(partyOf(world), []);
    await settle();
    assert.equal(told, ['link-lost: another client has taken over the application'], moment);
    await leg.release();
    assert.match(await consulting, /CALL_GONE|LINK_DOWN/);
    await settle();
    assert.equal([world.adapter.legCount, world.path.open, world.ari.channels.get('c1')!.inApp], [0, 0, true]);
  }
});

test.run();

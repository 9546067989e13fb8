/** Calls that come into the Stasis application, and everything that can happen to them, on an Asterisk in memory. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { AriRequest } from '../../../src/switch/asterisk/ari-link.ts';
import { StasisIds } from '../../../src/switch/asterisk/stasis-ids.ts';
import { linkDown, refusal } from './fake-ari.ts';
import { StasisWorld, listening, settle } from './stasis-world.ts';

const never = new AbortController().signal;
const ids = new StasisIds('talkspurt');

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => 'it was done',
    (error: unknown) => (error instanceof TalkspurtError ? error.code : String(error)),
  );
}

test('a call: taken, heard, given back with what it came to', async () => {
  const world = await new StasisWorld({ variables: ['ACCOUNT', 'NONE', 'CHANNEL(language)'] }).start();
  const { ari, path } = world;
  ari.add('c1', { state: 'Ring' });
  ari.channels.get('c1')!.variables.set('ACCOUNT', '17');
  world.said();
  ari.enter('c1', ['profile=agent', 'ORDER=7'], { state: 'Ring', variables: new Map([['ACCOUNT', '17']]) });
  await settle();
  const { leg, profile, adopted } = world.calls[0]!;
  assert.equal(
    [leg.id, leg.from, leg.to, leg.switchName, profile, adopted],
    ['c1', '4711', '100', 'pbx', 'agent', false],
  );
  assert.equal(
    [...leg.variables],
    [
      ['ORDER', '7'],
      ['ACCOUNT', '17'],
    ],
  );
  assert.equal(
    world
      .said()
      .filter((line) => line.includes('/variable'))
      .sort(),
    [
      'GET channels/c1/variable?variable=ACCOUNT',
      'GET channels/c1/variable?variable=CHANNEL%28language%29',
      'GET channels/c1/variable?variable=NONE',
      'POST channels/c1/variable?variable=TALKSPURT_VOICE&value=agent',
    ],
  );

  await leg.answer(never);
  await leg.answer(never);
  const transport = await leg.openMedia(never);
  assert.equal(world.said(), [
    'POST channels/c1/answer',
    'POST channels/externalMedia?external_host=127.0.0.1%3A30100&encapsulation=rtp&transport=udp&format=ulaw&app=talkspurt&channelId=our-media',
    'POST bridges?type=mixing%2Cdtmf_events%2Cproxy_media&bridgeId=our-bridge&name=talkspurt',
    'POST bridges/our-bridge/addChannel?channel=c1%2Cour-media',
  ]);
  assert.is(await codeOf(leg.openMedia(never)), 'ERR_TALKSPURT_ALREADY_RUNNING');
  await leg.remember!('agent', { masked: true });
  assert.is(ari.channels.get('c1')!.variables.get('TALKSPURT_VOICE'), 'agent,masked');

  leg.conclude!({ reason: 'stopped', turns: 3, bargeIns: 1 });
  await leg.release();
  await leg.release();
  await transport.close();
  const { variables, inApp } = ari.channels.get('c1')!;
  await settle();
  assert.is(inApp, false);
  assert.equal(
    ['RESULT', 'REASON', 'TURNS', 'BARGE_INS', 'VOICE'].map((each) => variables.get(`TALKSPURT_${each}`)),
    ['completed', 'stopped', '3', '1', ''],
  );
  assert.equal([world.ours, path.open, world.adapter.legCount], [[], 0, 0]);
  assert.equal(world.adapter.things, { calls: 0, media: 0, snoops: 0, parties: 0, bridges: 0 });
  assert.is(ari.channels.get('c1')!.subscribed, false, 'we hear no more of it');
  // Whatever it does now is no news for us.
  const told = listening(leg);
  ari.hangUp('c1', 16);
  assert.equal(told, []);
});

test('arguments that are none: back to the dialplan, with why', async () => {
  const world = await new StasisWorld().start();
  world.ari.enter('c1', ['agent', 'what']);
  await settle();
  const { variables, inApp } = world.ari.channels.get('c1')!;
  assert.equal([inApp, variables.get('TALKSPURT_RESULT')], [false, 'refused']);
  assert.is(variables.get('TALKSPURT_REASON'), 'bad-arguments');
  assert.equal([world.calls.length, world.adapter.legCount], [0, 0]);
  const told = world.events.of('call.refused')[0]?.error;
  assert.is(told?.code, 'ERR_TALKSPURT_COMMAND_SYNTAX');
  assert.match(told?.message ?? '', /argument 2 is not key=value/);
  // One that nobody took after all.
  const leg = await world.call('c2');
  await leg.release();
  assert.is(world.ari.channels.get('c2')!.variables.get('TALKSPURT_RESULT'), 'refused');

  const easy = await new StasisWorld({ profile: 'standard' }).start();
  easy.ari.enter('c1', []);
  await settle();
  assert.is(easy.calls[0]?.profile, 'standard');
});

test('helpers of ours and of other processes are no calls; nor is what has no channel', async () => {
  const world = await new StasisWorld({ profile: 'standard' }).start();
  for (const kind of ['media', 'snoop', 'half'] as const) world.ari.enter(new StasisIds('other').make(kind), []);
  world.ari.event({ type: 'StasisStart', args: [] });
  world.ari.event({ type: 'StasisStart', args: [], channel: { id: 7 } });
  await settle();
  assert.equal([world.calls.length, world.adapter.legCount], [0, 0]);
  assert.is(world.events.of('peer.malformed').length, 2);
});

/** Every request of an opening, in order. */
const STEPS = ['POST channels/externalMedia', 'POST bridges?', 'POST bridges/talkspurt'];

for (const step of [...STEPS, 'prepare', 'connect']) {
  for (const how of ['refused', 'gone', 'link', 'abort', 'hangup'] as const) {
    test(`opening fails at ${step}: ${how}; nothing is left`, async () => {
      const world = await new StasisWorld().start();
      const { ari, path } = world;
      const leg = await world.call();
      const told = listening(leg);
      const abort = new AbortController();
      const strike = (): void => {
        if (how === 'refused') throw refusal(500, 'Allocation failed');
        if (how === 'gone') throw refusal(404, 'Channel not found');
        if (how === 'link') throw linkDown();
        if (how === 'abort') abort.abort(new TalkspurtError('ERR_TALKSPURT_DRAINING', 'we stop'));
        else ari.hangUp('c1', 17);
      };
      if (step === 'prepare') path.beforePrepare = async () => strike();
      else if (step === 'connect') path.beforeConnect = async () => strike();
      else ari.answer = (line) => void (line.startsWith(step) && strike());
      const code = await codeOf(leg.openMedia(abort.signal));
      assert.match(code, /^ERR_TALKSPURT_(ARI_REFUSED|CALL_GONE|LINK_DOWN|DRAINING)$/);
      assert.equal([world.ours, path.open], [[], 0], code);
      assert.equal(told, how === 'hangup' ? ['hangup 17'] : []);
      ari.answer = () => undefined;
      await leg.release();
      assert.is(world.adapter.legCount, 0);
      assert.is(
        path.transports.every(({ closes }) => closes > 0),
        true,
      );
      await world.adapter.stop();
      assert.is(world.clock.pending, 0, 'no timer is left');
    });
  }
}

test('a media channel that never comes into the application, and one that dies on the way', async () => {
  const world = await new StasisWorld().start();
  world.ari.mediaArrives = false;
  const leg = await world.call();
  const late = codeOf(leg.openMedia(never));
  await settle();
  world.clock.advance(LIMITS.mediaOpenMs);
  assert.is(await late, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  assert.equal([world.ours, world.path.open], [[], 0]);
  await leg.release();

  const other = await world.call('c2');
  const dying = codeOf(other.openMedia(never));
  await settle();
  world.ari.hangUp(world.ours[0]!, 3);
  assert.is(await dying, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  assert.equal([world.ours, world.path.open], [[], 0]);
  await other.release();
});

test('released while it opens: the opening ends first, and nothing is left', async () => {
  const world = await new StasisWorld().start();
  world.ari.mediaArrives = false;
  const leg = await world.call();
  const opening = codeOf(leg.openMedia(never));
  await settle();
  await leg.release();
  assert.is(await opening, 'ERR_TALKSPURT_CALL_GONE');
  assert.equal([world.ours, world.path.open, world.adapter.legCount], [[], 0, 0]);
});

test('the caller hangs up: the cause is told once, and everything goes', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  const told = listening(leg);
  await leg.openMedia(never);
  world.ari.hangUp('c1', 17);
  world.clock.advance(LIMITS.hangupEventMs);
  await settle();
  assert.equal(told, ['hangup 17']);
  assert.is(await codeOf(leg.sendDtmf('1')), 'ERR_TALKSPURT_CALL_GONE');
  await leg.hangup(16);
  assert.equal([world.ours, world.adapter.legCount], [[], 0]);

  // Before anybody listens.
  const quick = await world.call('c2');
  world.ari.hangUp('c2', 19);
  assert.equal(listening(quick), ['hangup 19']);
  assert.is(await codeOf(quick.answer(never)), 'ERR_TALKSPURT_CALL_GONE');
  await quick.release();

  // Before Asterisk was asked to tell of its end: only the application's is heard.
  const silent = await world.call('c3');
  const heard = listening(silent);
  world.ari.channels.get('c3')!.subscribed = false;
  world.ari.hangUp('c3', 21);
  assert.equal(heard, []);
  world.clock.advance(LIMITS.hangupEventMs);
  await settle();
  assert.equal(heard, ['hangup 21']);
  await silent.release();
  assert.is(world.adapter.legCount, 0);
});

test('hung up while its variables are asked for: nobody is troubled', async () => {
  const world = await new StasisWorld({ variables: ['ACCOUNT'] }).start();
  world.ari.answer = (line) => {
    if (!line.includes('/variable')) return;
    world.ari.channels.get('c1')!.subscribed = true;
    world.ari.hangUp('c1', 16);
  };
  world.ari.enter('c1', ['agent']);
  await settle();
  assert.equal([world.calls.length, world.adapter.legCount], [0, 0]);
});

test('digits are told once, by ARI; by the media only while the link is down', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  const told = listening(leg);
  await leg.openMedia(never);
  const { onDigit } = world.path.wanted[0]!;
  world.ari.event({ type: 'ChannelDtmfReceived', digit: '5', duration_ms: 100, channel: { id: 'c1' } });
  onDigit('5', 100);
  world.ari.event({ type: 'ChannelDtmfReceived', digit: '55', duration_ms: 100, channel: { id: 'c1' } });
  world.ari.goDown();
  onDigit('6', 80);
  assert.equal(told, ['digit 5 100', 'digit 6 80']);
});

test('digits out, and what is none', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  world.said();
  await leg.sendDtmf('12#w');
  assert.equal(world.said(), ['POST channels/c1/dtmf?dtmf=12%23w']);
  for (const digits of ['', 'x', '1'.repeat(65)])
    assert.is(await codeOf(leg.sendDtmf(digits)), 'ERR_TALKSPURT_COMMAND_SYNTAX');
});

test('transfers: into the dialplan, where there is such an extension; and to an endpoint', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  await leg.openMedia(never);
  const { variables } = world.ari.channels.get('c1')!;
  variables.set('DIALPLAN_EXISTS(test,999,1)', '0').set('DIALPLAN_EXISTS(sales,100,2)', '1');
  assert.is(await codeOf(leg.transfer('999')), 'ERR_TALKSPURT_SWITCH_COMMAND');
  assert.is(await codeOf(leg.transfer('; rm')), 'ERR_TALKSPURT_COMMAND_SYNTAX');
  assert.is(world.ari.channels.get('c1')!.inApp, true, 'it stays');
  world.said();
  await leg.transfer('100@sales,2');
  assert.is(world.said().at(-1), 'POST channels/c1/continue?extension=100&priority=2&context=sales');
  assert.is(variables.get('TALKSPURT_RESULT'), 'transferred');
  leg.conclude!({ reason: 'transferred', turns: 1, bargeIns: 0 });
  await leg.release();
  assert.not.ok(
    world.said().some((line) => line.includes('continue')),
    'once is enough',
  );
  assert.equal([world.ours, world.adapter.legCount], [[], 0]);

  for (const comesBack of [false, true]) {
    const other = await world.call(`r${String(comesBack)}`);
    await other.transfer('endpoint:PJSIP/bob');
    assert.is(world.said().at(-1), `POST channels/${other.id}/redirect?endpoint=PJSIP%2Fbob`);
    other.conclude!({ reason: 'transferred', turns: 0, bargeIns: 0 });
    await other.release();
    assert.is(world.ari.channels.get(other.id)!.inApp, true, 'its phone still has to call');
    if (!comesBack) world.ari.hangUp(other.id, 16);
    world.clock.advance(LIMITS.sipReferMs);
    await settle();
    assert.is(world.ari.channels.get(other.id)?.inApp, comesBack ? false : undefined);
    assert.is(world.adapter.legCount, 0);
  }
  assert.is(world.clock.pending, 0);
});

test('taken from us: by another application, out of the bridge, and its media', async () => {
  const world = await new StasisWorld().start();
  const { ari, clock } = world;
  const happenings: [string, () => void, RegExp][] = [
    ['moved', () => ari.leadAway('moved'), /left our application/],
    [
      'bridged',
      () => {
        const channel = ari.channels.get('bridged')!;
        ari.event({ type: 'ChannelLeftBridge', bridge: { id: channel.bridge }, channel: ari.json(channel) });
      },
      /taken out of the bridge/,
    ],
    [
      'silenced',
      () =>
        ari.hangUp(
          world.ours.find((id) => id.includes('-media-'))!,
          16,
        ),
      /media channel/,
    ],
    [
      'unbridged',
      () => {
        const [bridge] = ari.bridges;
        ari.bridges.clear();
        ari.event({ type: 'BridgeDestroyed', bridge: { id: bridge } });
      },
      /bridge was destroyed/,
    ],
  ];
  for (const [id, happen, reason] of happenings) {
    const leg = await world.call(id);
    const told = listening(leg);
    await leg.openMedia(never);
    happen();
    assert.equal(told, [], `${id}: it may be a hang-up`);
    clock.advance(LIMITS.hangupEventMs);
    await settle();
    assert.is(told.length, 1, id);
    assert.match(told[0]!, reason);
    assert.is(told[0]!.startsWith('transferred: '), id === 'moved');
    leg.conclude!({ reason: 'media-failed', turns: 0, bargeIns: 0 });
    await leg.release();
    assert.is(ari.channels.get(id)!.variables.get('TALKSPURT_RESULT'), id === 'moved' ? undefined : 'failed');
    assert.equal([world.ours, world.adapter.legCount], [[], 0], id);
  }
});

test('attach: what is here and nobody holds', async () => {
  const world = await new StasisWorld().start();
  await world.call('held');
  world.ari.add('waiting', { inApp: true });
  assert.is(await codeOf(world.adapter.attach('held')), 'ERR_TALKSPURT_ALREADY_RUNNING');
  for (const id of ['nowhere', '', 'a b', ids.make('media')]) {
    assert.is(await codeOf(world.adapter.attach(id)), 'ERR_TALKSPURT_UNKNOWN_CALL', id);
  }
  const aborted = AbortSignal.abort(new TalkspurtError('ERR_TALKSPURT_DRAINING', 'we stop'));
  assert.is(await codeOf(world.adapter.attach('waiting', aborted)), 'ERR_TALKSPURT_DRAINING');
  assert.is(world.adapter.legCount, 1);
  const leg = await world.adapter.attach('waiting');
  assert.is(leg.id, 'waiting');
  assert.is(world.adapter.legCount, 2);
  assert.is(await codeOf(world.adapter.command()), 'ERR_TALKSPURT_NOT_SUPPORTED');
});

test('calls that we dial', async () => {
  const world = await new StasisWorld().start();
  const { adapter, ari } = world;
  world.said();
  const named: string[] = [];
  const request = { endpoint: 'Local/1@test', profile: 'agent', callerId: '12', variables: { ORDER: '7' } };
  const dialling = adapter.originate(request, undefined, (channelId) => {
    named.push(channelId);
    assert.is(ari.channels.has(channelId), false, 'it does not ring yet');
  });
  await settle();
  const query = 'endpoint=Local%2F1%40test&app=talkspurt&appArgs=profile%3Dagent&channelId=our-call&timeout=30';
  assert.equal(world.said(), [`POST channels?${query}&formats=ulaw&otherChannelId=our-half&callerId=12`]);
  const id = [...ari.channels.keys()].find((each) => ids.kindOf(each) === 'call')!;
  ari.enter(id, ['profile=agent']);
  assert.is(await dialling, id);
  assert.equal(named, [id]);
  await settle();
  const { leg, profile } = world.calls[0]!;
  assert.equal([leg.id, profile, ...leg.variables], [id, 'agent', ['ORDER', '7'], ['direction', 'outbound']]);
  // There is no dialplan that it came from.
  await leg.release();
  assert.is(ari.channels.has(id), false);

  const busy = adapter.originate({ endpoint: 'PJSIP/bob', profile: 'agent' }).catch((error: unknown) => error);
  await settle();
  const called = [...ari.channels.values()].find((each) => ids.kindOf(each.id) === 'call')!;
  called.subscribed = true;
  ari.hangUp(called.id, 17);
  const error = (await busy) as TalkspurtError;
  assert.equal([error.code, error.details['hangupCause']], ['ERR_TALKSPURT_SWITCH_COMMAND', 17]);

  const late = codeOf(adapter.originate({ endpoint: 'PJSIP/bob', profile: 'agent', timeoutSeconds: 5 }));
  await settle();
  world.clock.advance(5_000 + LIMITS.ariRequestMs);
  assert.is(await late, 'ERR_TALKSPURT_LINK_TIMEOUT');
  assert.equal(world.ours, [], 'it does not ring any more');

  for (const wrong of [
    { endpoint: 'bob', profile: 'agent' },
    { endpoint: 'PJSIP/a b', profile: 'agent' },
    { endpoint: 'PJSIP/bob', profile: '../x' },
    { endpoint: 'PJSIP/bob', profile: 'agent', formats: [] },
    { endpoint: 'PJSIP/bob', profile: 'agent', formats: ['ulaw,x'] },
    { endpoint: 'PJSIP/bob', profile: 'agent', timeoutSeconds: 0 },
    { endpoint: 'PJSIP/bob', profile: 'agent', callerId: 'a\nb' },
    { endpoint: 'PJSIP/bob', profile: 'agent', variables: { A: 'b\nc' } },
  ]) {
    assert.is(await codeOf(adapter.originate(wrong)), 'ERR_TALKSPURT_COMMAND_SYNTAX', JSON.stringify(wrong));
  }
  const many = Array.from({ length: LIMITS.ariOriginates + 1 }, () =>
    codeOf(adapter.originate({ endpoint: 'PJSIP/x', profile: 'agent' })),
  );
  await settle();
  await adapter.stop();
  const codes = await Promise.all(many);
  assert.equal([codes.at(-1), codes[0]], ['ERR_TALKSPURT_COMMAND_LIMIT', 'ERR_TALKSPURT_DRAINING']);
  assert.equal([world.ours, world.clock.pending], [[], 0]);
});

test('after a lost link: who has gone is told, who is there goes on, what was owed is paid', async () => {
  const world = await new StasisWorld().start();
  const { ari } = world;
  const [stays, goes, leaves, owed] = [
    await world.call('c1'),
    await world.call('c2'),
    await world.call('c3'),
    await world.call('c4'),
  ];
  const told = [stays, goes, leaves].map((leg) => listening(leg));
  await stays.openMedia(never);
  await owed.openMedia(never);
  const held = [...world.ours];
  ari.goDown();
  ari.channels.delete('c2');
  ari.channels.get('c3')!.inApp = false;
  owed.conclude!({ reason: 'stopped', turns: 2, bargeIns: 0 });
  assert.is(await codeOf(owed.release()), 'ERR_TALKSPURT_LINK_DOWN');
  assert.is(world.adapter.legCount, 4, 'it is not forgotten');
  ari.comeUp();
  await settle();
  assert.equal(told, [[], ['hangup 31'], ['transferred: the channel left our application']]);
  const { inApp, variables } = ari.channels.get('c4')!;
  assert.equal([inApp, variables.get('TALKSPURT_TURNS')], [false, '2']);
  assert.equal(
    world.ours,
    [held[0], held[2]].filter((id) => id !== undefined && world.ours.includes(id)),
  );
  assert.is(world.ours.length, 2, 'the media and bridge of the one that stays');
  await Promise.all([goes.release(), leaves.release()]);
  assert.is(world.adapter.legCount, 1);
});

test('what could not be deleted is deleted later; nobody else is touched', async () => {
  const world = await new StasisWorld().start();
  const { ari, clock } = world;
  const theirs = new StasisIds('other').make('media');
  ari.add(theirs);
  const leg = await world.call();
  await leg.openMedia(never);
  const slow = (line: string, request: AriRequest): void => {
    if (request.method !== 'DELETE') return;
    throw new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', line);
  };
  ari.answer = slow;
  await leg.release();
  assert.is(world.ours.length, 3);
  clock.advance(LIMITS.ariSweepRetryMs);
  await settle();
  assert.is(world.ours.length, 3, 'still slow');
  ari.answer = () => undefined;
  clock.advance(LIMITS.ariSweepRetryMs);
  await settle();
  assert.equal(world.ours, [theirs]);
  assert.is(clock.pending, 0);
});

test('a new process: what an earlier one has left is swept away, its callers are taken up or given back', async () => {
  const world = new StasisWorld();
  const { ari } = world;
  const [bridge, stray, ringing, half] = [ids.make('bridge'), ids.make('media'), ids.make('call'), ids.make('half')];
  ari.bridges.add(bridge).add('somebody-elses');
  ari.add(stray, { inApp: true, bridge });
  ari.add(ringing, { state: 'Ringing' });
  ari.add(half);
  ari.add('voiced', { inApp: true, bridge, variables: new Map([['TALKSPURT_VOICE', 'agent,masked']]) });
  ari.add('plain', { inApp: true, variables: new Map([['TALKSPURT_VOICE', 'agent']]) });
  ari.add('unmarked', { inApp: true, data: 'talkspurt,agent,ORDER=7' });
  ari.add('voiceless', { inApp: true, data: 'talkspurt' });
  ari.add('let-go', { inApp: true, variables: new Map([['TALKSPURT_VOICE', '']]) });
  ari.add('quoted', { inApp: true, data: 'talkspurt,profile=agent,"a,b"' });
  ari.add('moved', { inApp: true, data: 'other,profile=agent' });
  ari.add('forged', { inApp: true, variables: new Map([['TALKSPURT_VOICE', '../x']]) });
  ari.add('bystander', { variables: new Map([['TALKSPURT_VOICE', 'agent']]) });
  await world.start();
  assert.equal(
    world.calls.map(({ leg, profile, adopted }) => [leg.id, profile, adopted]),
    [
      ['voiced', 'agent', { masked: true }],
      ['plain', 'agent', { masked: false }],
      ['unmarked', 'agent', { masked: false }],
    ],
  );
  assert.equal([...world.calls[2]!.leg.variables], [['ORDER', '7']]);
  assert.equal(
    ['voiced', 'unmarked'].map((id) => ari.channels.get(id)!.variables.get('TALKSPURT_VOICE')),
    ['agent,masked', 'agent'],
  );
  for (const id of ['voiceless', 'let-go', 'quoted', 'moved', 'forged']) {
    const { inApp, variables } = ari.channels.get(id)!;
    assert.equal([inApp, variables.get('TALKSPURT_RESULT')], [false, 'orphaned'], id);
  }
  assert.equal([...ari.bridges], ['somebody-elses']);
  assert.equal(world.ours, [ringing, half], 'what still rings, and the other half of a call, stay');
  assert.is(world.adapter.legCount, 3);

  // The next time it is no earlier process that they are of.
  ari.goDown();
  ari.add('later', { inApp: true, variables: new Map([['TALKSPURT_VOICE', 'agent']]) });
  ari.comeUp();
  await settle();
  assert.is(world.calls.length, 3);
  assert.is(ari.channels.get('later')!.variables.get('TALKSPURT_RESULT'), 'orphaned');
});

test('the link goes down in the middle of it: the rest is done when it is up', async () => {
  const world = new StasisWorld();
  const { ari } = world;
  ari.add(ids.make('media'), { inApp: true });
  ari.add('voiced', { inApp: true, variables: new Map([['TALKSPURT_VOICE', 'agent']]) });
  let asked = 0;
  ari.answer = (line) => {
    if (!line.includes('TALKSPURT_VOICE')) return undefined;
    asked += 1;
    if (asked > 1) return undefined;
    ari.up = false;
    throw linkDown();
  };
  await world.start();
  assert.equal([world.calls.length, world.adapter.legCount, world.ours], [0, 0, []]);
  ari.comeUp();
  await settle();
  assert.equal(
    world.calls.map(({ leg }) => leg.id),
    ['voiced'],
  );
});

test('a call that comes in while Asterisk is being looked at is no orphan', async () => {
  const world = new StasisWorld();
  const { ari } = world;
  ari.answer = (line) => void (line === 'GET bridges' && ari.enter('c1', ['agent']));
  await world.start();
  assert.equal(
    world.calls.map(({ leg, adopted }) => [leg.id, adopted]),
    [['c1', false]],
  );
  assert.is(ari.channels.get('c1')!.inApp, true);
});

test('Asterisk is started anew: every call is over', async () => {
  const world = await new StasisWorld().start();
  const leg = await world.call();
  const told = listening(leg);
  await leg.openMedia(never);
  world.ari.restart();
  await settle();
  assert.equal(told, ['hangup 41']);
  await leg.release();
  assert.equal([world.ours, world.path.open, world.adapter.legCount], [[], 0, 0]);
});

test('stop: every call is given back, the link and the media are closed', async () => {
  const world = await new StasisWorld().start();
  const legs = [await world.call('c1'), await world.call('c2')];
  await legs[0]!.openMedia(never);
  await world.adapter.stop();
  assert.equal([world.ours, world.ari.closes, world.path.closes, world.adapter.legCount], [[], 1, 1, 0]);
  for (const id of ['c1', 'c2']) assert.is(world.ari.channels.get(id)!.inApp, false);
  assert.is(world.clock.pending, 0);
});

test('auto asks what the caller speaks', async () => {
  const world = await new StasisWorld({ format: 'auto' }).start();
  for (const [said, format] of [
    ['(ulaw)', 'ulaw'],
    ['(opus|ulaw)', 'opus'],
    ['', ''],
  ] as const) {
    const leg = await world.call(`c-${format}`);
    world.ari.channels.get(leg.id)!.variables.set('CHANNEL(audionativeformat)', said);
    await leg.openMedia(never);
    assert.is(world.path.wanted.at(-1)!.callFormat, format);
  }
  const unknown = await world.call('c-unknown');
  await unknown.openMedia(never);
  assert.is(world.path.wanted.at(-1)!.callFormat, '');
});

test.run();

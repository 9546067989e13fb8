/** What comes from a dialplan and from Asterisk, and the ids that we give: all of it read strictly. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { readApplicationData, readStasisArguments } from '../../../src/switch/asterisk/stasis-arguments.ts';
import {
  causeOf,
  channelVariablesOf,
  digitOf,
  readChannel,
  subjectOf,
} from '../../../src/switch/asterisk/stasis-channel.ts';
import { readDestination } from '../../../src/switch/asterisk/stasis-destination.ts';
import { StasisIds, isHelperId } from '../../../src/switch/asterisk/stasis-ids.ts';
import { outcomeVariables, resultVariables } from '../../../src/switch/asterisk/stasis-result.ts';
import { StasisRoutes } from '../../../src/switch/asterisk/stasis-routes.ts';

test('arguments: a profile, and whatever else the dialplan says', () => {
  const read = (args: unknown, profile: string | null = null): unknown => {
    const found = readStasisArguments(args, profile);
    return found.profile === null
      ? null
      : [found.profile, ...[...found.variables].map(([key, value]) => `${key}=${value}`)];
  };
  assert.equal(read(['profile=agent']), ['agent']);
  assert.equal(read(['agent']), ['agent']);
  assert.equal(read(['agent', 'ORDER=7', 'name=a = b']), ['agent', 'ORDER=7', 'name=a = b']);
  assert.equal(read([' ORDER = 7 ', 'profile=agent', '']), ['agent', 'ORDER=7']);
  assert.equal(read([], 'standard'), ['standard']);
  assert.equal(read(['profile=', 'A=1'], 'standard'), ['standard', 'A=1']);
  assert.equal(read(undefined, 'standard'), ['standard']);
  for (const [args, why] of [
    [[], /no profile is named/],
    [['profile='], /no profile is named/],
    [['1agent'], /no profile/],
    [['profile=../x'], /no profile/],
    [['agent', 'other'], /argument 2 is not key=value/],
    [['agent', '=x'], /argument 2 is not/],
    [['agent', 7], /argument 2 is not/],
    [['agent', 'a=1', 'a=2'], /argument 3 says again/],
    [['agent', 'profile=b'], /argument 2 says again/],
    [['agent', `a=${'x'.repeat(LIMITS.stasisArgumentCharacters + 1)}`], /too long/],
    [['agent', 'a=b\nc'], /control characters/],
    [Array.from({ length: LIMITS.stasisArguments + 1 }, (_, at) => `k${at}=v`), /more than/],
  ] as const) {
    const found = readStasisArguments(args, null);
    assert.is(found.profile, null);
    // What was said is not repeated: it may be anything.
    if (found.profile === null) assert.match(found.refusal, why);
  }
});

test('ids tell what is ours, and whose of ours', () => {
  const [ours, theirs] = [new StasisIds('talkspurt'), new StasisIds('other')];
  for (const kind of ['media', 'snoop', 'half', 'bridge', 'call'] as const) {
    const id = ours.make(kind);
    assert.is(ours.kindOf(id), kind);
    assert.is(theirs.kindOf(id), null);
    assert.is(isHelperId(id), kind !== 'call', kind);
    assert.is.not(ours.make(kind), id);
    assert.ok(id.length < 150, 'Asterisk takes it');
  }
  // The next process knows them again.
  assert.is(new StasisIds('talkspurt').kindOf(ours.make('media')), 'media');
  for (const id of ['', '1732189059.12', 'talkspurt-media-x', 'talkspurt-media-12345678-', `x${ours.make('media')}`]) {
    assert.equal([ours.kindOf(id), isHelperId(id)], [null, false], id);
  }
});

test('destinations', () => {
  const place = (text: string): unknown => readDestination(text);
  assert.equal(place('100'), { kind: 'dialplan', extension: '100', priority: 1 });
  assert.equal(place('+49123@sales'), { kind: 'dialplan', extension: '+49123', context: 'sales', priority: 1 });
  assert.equal(place('100 sales 3'), { kind: 'dialplan', extension: '100', context: 'sales', priority: 3 });
  assert.equal(place('100@sales,12'), { kind: 'dialplan', extension: '100', context: 'sales', priority: 12 });
  assert.equal(place('100,2'), { kind: 'dialplan', extension: '100', priority: 2 });
  assert.equal(place('endpoint:PJSIP/bob'), { kind: 'endpoint', endpoint: 'PJSIP/bob' });
  assert.equal(place('endpoint:PJSIP/bob/sip:1@192.0.2.1:5070'), {
    kind: 'endpoint',
    endpoint: 'PJSIP/bob/sip:1@192.0.2.1:5070',
  });
  for (const text of [
    '',
    '-1',
    '../x',
    '1 2 3 4',
    'a@',
    'a@b@c',
    '100,0',
    'a b c',
    'PJSIP/bob',
    'endpoint:Local/1',
    '1\n2',
  ]) {
    assert.throws(
      () => readDestination(text),
      (error: unknown) => error instanceof TalkspurtError && error.code === 'ERR_TALKSPURT_COMMAND_SYNTAX',
      text,
    );
  }
});

test('what a channel shows of its arguments is read as they are; where quotes leave it open it is not', () => {
  const read = (data: string): unknown => {
    const seen = readApplicationData(data, 'talkspurt', 'standard');
    return seen === null ? null : [seen.profile, ...(seen.profile === null ? [seen.reason] : seen.variables)];
  };
  assert.equal(read('talkspurt,profile=agent,ORDER=7'), ['agent', ['ORDER', '7']]);
  assert.equal(read('talkspurt, agent'), ['agent']);
  assert.equal(read('talkspurt'), ['standard']);
  assert.equal(read('talkspurt,agent,what'), [null, 'bad-arguments']);
  for (const data of ['', 'other,profile=agent', 'talkspurts,agent', 'talkspurt,A="b,c"', 'talkspurt,A=b\\,c']) {
    assert.is(read(data), null, data);
  }
});

test("Asterisk's channels, as it was recorded and otherwise", () => {
  const recorded: unknown = JSON.parse(
    '{"id":"c1","name":"Local/tone440@test-00000000;1","state":"Up","protocol_id":"","caller":{"name":"","number":"4711"},"connected":{"name":"","number":"4712"},"accountcode":"","dialplan":{"context":"test","exten":"stasis-c2-agent","priority":2,"app_name":"Stasis","app_data":"c2,profile=agent"},"creationtime":"2026-11-21T11:37:39.561+0000","language":"en"}',
  );
  assert.equal(readChannel(recorded), {
    id: 'c1',
    name: 'Local/tone440@test-00000000;1',
    state: 'Up',
    from: '4711',
    to: 'stasis-c2-agent',
    context: 'test',
    application: 'Stasis',
    applicationData: 'c2,profile=agent',
  });
  const dialled = { id: 'c2', connected: { number: '4712' }, dialplan: { exten: 's' } };
  assert.is(readChannel(dialled)?.to, '4712');
  for (const value of [null, undefined, 7, 'c1', [], {}, { id: 7 }, { id: '' }]) assert.is(readChannel(value), null);
  assert.equal(readChannel({ id: 'c3', caller: 'x', dialplan: null, state: 4 })?.from, '');

  assert.is(causeOf({ type: 'ChannelDestroyed', cause: 17 }), 17);
  for (const cause of [0, -1, 128, 1.5, '17', null]) assert.is(causeOf({ type: 'ChannelDestroyed', cause }), 16);
  assert.equal(digitOf({ type: 'x', digit: '#', duration_ms: 120 }), { digit: '#', durationMs: 120 });
  assert.equal(digitOf({ type: 'x', digit: 'A' }), { digit: 'A', durationMs: 0 });
  for (const digit of ['', '12', 'x', 5, undefined]) assert.is(digitOf({ type: 'x', digit }), null);
  assert.equal(channelVariablesOf({ channelvars: { A: '1', B: 2, C: null } }), { A: '1' });
  assert.equal(channelVariablesOf(null), {});
  assert.is(subjectOf({ type: 'x', channel: { id: 'c1' }, bridge: { id: 'b1' } }), 'c1');
  assert.is(subjectOf({ type: 'x', bridge: { id: 'b1' } }), 'b1');
});

test('routes: a channel in a bridge is news of both; whoever stopped hears nothing', () => {
  const routes = new StasisRoutes();
  const heard: string[] = [];
  const unwatch = routes.watch('c1', ({ type }) => heard.push(`c1 ${type}`));
  routes.watch('b1', ({ type }) => heard.push(`b1 ${type}`));
  routes.route({ type: 'ChannelLeftBridge', channel: { id: 'c1' }, bridge: { id: 'b1' } });
  routes.route({ type: 'BridgeDestroyed', bridge: { id: 'b1' } });
  routes.route({ type: 'DeviceStateChanged' });
  assert.equal(heard, ['c1 ChannelLeftBridge', 'b1 ChannelLeftBridge', 'b1 BridgeDestroyed']);
  const again = routes.watch('c1', ({ type }) => heard.push(`again ${type}`));
  unwatch();
  assert.ok(routes.has('c1'), 'somebody else watches it by now');
  routes.route({ type: 'StasisEnd', channel: { id: 'c1' } });
  again();
  routes.route({ type: 'StasisEnd', channel: { id: 'c1' } });
  assert.is(heard.at(-1), 'again StasisEnd');
  assert.is(routes.size, 1);
});

test('what a dialplan finds', () => {
  assert.equal(outcomeVariables({ reason: 'stopped', turns: 4, bargeIns: 1 }), {
    TALKSPURT_RESULT: 'completed',
    TALKSPURT_REASON: 'stopped',
    TALKSPURT_VOICE: '',
    TALKSPURT_TURNS: '4',
    TALKSPURT_BARGE_INS: '1',
  });
  assert.is(outcomeVariables({ reason: 'backend-failed', turns: 0, bargeIns: 0 })['TALKSPURT_RESULT'], 'failed');
  assert.is(outcomeVariables({ reason: 'transferred', turns: 0, bargeIns: 0 })['TALKSPURT_RESULT'], 'transferred');
  assert.is(resultVariables('refused', 'x'.repeat(1_000))['TALKSPURT_REASON']?.length, 200);
});

test.run();

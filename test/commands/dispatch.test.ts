import { fc } from '../chance.ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dispatch } from '../../src/commands/dispatch.ts';
import type { CallSummary, CommandTarget } from '../../src/commands/dispatch.ts';
import { TalkspurtError } from '../../src/core/errors.ts';

const test = suite('dispatch');

interface Fake extends CommandTarget {
  readonly calls: unknown[][];
  fail: unknown;
}

function fakeTarget(): Fake {
  const calls: unknown[][] = [];
  const fake: Fake = {
    calls,
    fail: null,
    start: async (...args) => note('start', args),
    stop: async (...args) => note('stop', args),
    health: (...args) => (note('health', args), { health: 'HEALTHY', text: 'ä' }),
    globalHealth: () => (note('globalHealth', []), { healthy: 1 }),
    list: () => summaries,
    version: () => '1.2.3',
    order: async (command) => (note('order', [command]), command.verb === 'record' ? '/r/u1.wav' : null),
    drain: (seconds) => (note('drain', [seconds]), 3),
    reload: async () => (note('reload', []), '2 profiles'),
    originate: async (...args) => (note('originate', args), 'u9'),
  };
  function note(name: string, args: unknown[]): void {
    calls.push([name, ...args]);
    if (fake.fail !== null) throw fake.fail;
  }
  return fake;
}

let summaries: CallSummary[] = [];

test('a start', async () => {
  const target = fakeTarget();
  const result = await dispatch('uuid_audio_stream u1 start support mixed 16k {"a":1}', target);
  assert.equal(result, { reply: '+OK Success\n', verb: 'start', ok: true, error: null });
  assert.equal(target.calls, [
    ['start', 'u1', { kind: 'profile', name: 'support' }, { mix: 'mixed', sampleRateHz: 16000, metadata: '{"a":1}' }],
  ]);
});

test('a stop, with and without metadata', async () => {
  const target = fakeTarget();
  assert.is((await dispatch('u1 stop', target)).reply, '+OK Success\n');
  assert.is((await dispatch('u1 stop bye bye', target)).reply, '+OK Success\n');
  assert.equal(target.calls, [
    ['stop', 'u1', null],
    ['stop', 'u1', 'bye bye'],
  ]);
});

test('orders reach the call; what they have to say goes behind +OK', async () => {
  const target = fakeTarget();
  assert.is((await dispatch("uuid_audio_stream u1 send_text 'hello there'", target)).reply, '+OK Success\n');
  assert.is((await dispatch('u1 mute agent', target)).reply, '+OK Success\n');
  assert.is((await dispatch('u1 record start', target)).reply, '+OK /r/u1.wav\n');
  assert.equal(target.calls, [
    ['order', { verb: 'send_text', uuid: 'u1', text: 'hello there' }],
    ['order', { verb: 'mute', uuid: 'u1', who: 'agent' }],
    ['order', { verb: 'record', uuid: 'u1', on: true }],
  ]);
});

test('originate: the channel is told', async () => {
  const target = fakeTarget();
  assert.is((await dispatch('originate pbx PJSIP/alice support', target)).reply, '+OK u9\n');
  assert.equal(target.calls, [['originate', 'pbx', { endpoint: 'PJSIP/alice', profile: 'support' }]]);
});

test('drain and reload', async () => {
  const target = fakeTarget();
  assert.is((await dispatch('drain 60', target)).reply, '+OK draining, calls: 3\n');
  assert.is((await dispatch('uuid_audio_stream drain', target)).reply, '+OK draining, calls: 3\n');
  assert.is((await dispatch('reload', target)).reply, '+OK 2 profiles\n');
  assert.equal(target.calls, [['drain', 60], ['drain', null], ['reload']]);
});

test('health is one JSON body', async () => {
  const target = fakeTarget();
  assert.is((await dispatch('u1 health', target)).reply, '{"health":"HEALTHY","text":"ä"}\n');
  assert.is((await dispatch('global_health', target)).reply, '{"healthy":1}\n');
});

test('list, version and help', async () => {
  const target = fakeTarget();
  summaries = [];
  assert.is((await dispatch('list', target)).reply, '\n0 total.\n');
  summaries = [{ uuid: 'u1', switchName: 'main', profile: 'support', state: 'talking', uptimeMs: 61_999 }];
  assert.is(
    (await dispatch('list', target)).reply,
    'uuid,switch,profile,state,uptime_sec\nu1,main,support,talking,61\n\n1 total.\n',
  );
  assert.is((await dispatch('version', target)).reply, 'talkspurt 1.2.3\n');
  assert.match((await dispatch('help', target)).reply, /^uuid_audio_stream <uuid> start /);
});

test('an operating error becomes one line with its code', async () => {
  const target = fakeTarget();
  target.fail = new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', 'no such\r\nchannel\0here');
  const { error, ...told } = await dispatch('u1 start p', target);
  assert.is(error?.code, 'ERR_TALKSPURT_UNKNOWN_CALL');
  assert.equal(told, {
    reply: '-ERR no such channel here (ERR_TALKSPURT_UNKNOWN_CALL)\n',
    verb: 'start',
    ok: false,
  });
  assert.is((await dispatch('u1 health', target)).reply, '-ERR no such channel here (ERR_TALKSPURT_UNKNOWN_CALL)\n');
});

test('any other error keeps its text to itself', async () => {
  const target = fakeTarget();
  target.fail = new Error('secret at /etc/passwd');
  assert.is((await dispatch('u1 stop', target)).reply, '-ERR internal error (ERR_TALKSPURT_INTERNAL)\n');
});

test('nothing reaches the target that is not a command', async () => {
  const target = fakeTarget();
  for (const line of ['', 'u1', 'u1 start p;;status', 'u1 stop\nfoo', 'u1 bogus']) {
    const { reply, verb, ok } = await dispatch(line, target);
    assert.match(reply, /^-(ERR|USAGE:) [^\n]*\n$/);
    assert.is(verb, 'invalid');
    assert.is(ok, false);
  }
  assert.equal(target.calls, []);
});

test('never rejects, and always answers with something that ends in a line feed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.boolean(), async (line, fails) => {
      const target = fakeTarget();
      target.fail = fails ? new Error('x') : null;
      const { reply } = await dispatch(line, target);
      assert.ok(reply.endsWith('\n'));
    }),
  );
});

test.run();

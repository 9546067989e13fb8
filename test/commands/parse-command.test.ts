import { fc } from '../chance.ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommand } from '../../src/commands/parse-command.ts';
import type { Command } from '../../src/commands/command.ts';
import { LIMITS } from '../../src/limits.ts';

const test = suite('parseCommand');
const UUID = '9fb4dfb7-7d52-4559-b2cb-fd7339705b7c';

function commandOf(line: string): Command {
  const parsed = parseCommand(line);
  assert.ok(parsed.ok, `${line}: ${parsed.ok ? '' : parsed.reason}`);
  return (parsed as { command: Command }).command;
}

function refusal(line: string): { usage: boolean; reason: string } {
  const parsed = parseCommand(line);
  assert.not(parsed.ok, `should not be a command: ${JSON.stringify(line)}`);
  return parsed as unknown as { usage: boolean; reason: string };
}

test('start with everything', () => {
  assert.equal(commandOf(`uuid_audio_stream ${UUID} start support stereo 16k {"a": "b c"}`), {
    verb: 'start',
    uuid: UUID,
    target: { kind: 'profile', name: 'support' },
    options: { mix: 'stereo', sampleRateHz: 16000, metadata: '{"a": "b c"}' },
  });
});

test('start with the least', () => {
  const expected = {
    verb: 'start',
    uuid: UUID,
    target: { kind: 'profile', name: 'support' },
    options: { mix: 'mono', sampleRateHz: null, metadata: null },
  };
  assert.equal(commandOf(`${UUID} start support`), expected);
  assert.equal(commandOf(`  uuid_audio_stream   ${UUID}   start   support  `), expected);
  assert.equal(commandOf(`UUID_AUDIO_STREAM ${UUID} start support`), expected);
});

test('every mix and rate, in words and in Hz', () => {
  for (const mix of ['mono', 'mixed', 'stereo']) {
    for (const [word, hz] of [
      ['8k', 8000],
      ['16K', 16000],
      ['24k', 24000],
      ['48k', 48000],
      ['8000', 8000],
      ['48000', 48000],
    ] as const) {
      const command = commandOf(`${UUID} start p ${mix} ${word} plain words`);
      assert.equal(command.verb === 'start' && command.options, { mix, sampleRateHz: hz, metadata: 'plain words' });
    }
  }
});

test('metadata without mix and rate has to look like metadata', () => {
  const command = commandOf(`${UUID} start p {"x":[1, 2]}`);
  assert.is(command.verb === 'start' && command.options.metadata, '{"x":[1, 2]}');
  assert.match(refusal(`${UUID} start p weird 8k`).reason, /mono, mixed or stereo/);
  assert.match(refusal(`${UUID} start p mono 11025`).reason, /sampling rate/);
  assert.match(refusal(`${UUID} start p mono 8k8`).reason, /sampling rate/);
  assert.match(refusal(`${UUID} start p 8k weird`).reason, /stands in front/);
});

test('metadata is kept as it stands, but for one pair of single quotes', () => {
  for (const [text, expected] of [
    ['{"esc":"\\\\n\\"q\\""}', '{"esc":"\\\\n\\"q\\""}'],
    ["'quoted one two'", 'quoted one two'],
    ['"dq one two"', '"dq one two"'],
    ['{"d":"it\'s  two  blanks"}', '{"d":"it\'s  two  blanks"}'],
    ['äöü→', 'äöü→'],
    ["''", null],
  ] as const) {
    const start = commandOf(`${UUID} start p mono 8k ${text}`);
    assert.is(start.verb === 'start' && start.options.metadata, expected);
    const stop = commandOf(`${UUID} stop ${text}`);
    assert.is(stop.verb === 'stop' && stop.metadata, expected);
  }
});

test('URLs', () => {
  for (const url of ['ws://127.0.0.1:9201/stream?call=1', 'wss://example.com', 'WSS://example.com/a;b?c=%20']) {
    const command = commandOf(`${UUID} start ${url} mono 8k`);
    assert.equal(command.verb === 'start' && command.target, { kind: 'url', url });
  }
  assert.match(refusal(`${UUID} start http://127.0.0.1/`).reason, /ws:\/\/ or wss:\/\//);
  assert.match(refusal(`${UUID} start ws://`).reason, /not a valid/);
  const secret = refusal(`${UUID} start wss://user:geheim@host/`).reason;
  assert.match(secret, /user name or password/);
  assert.not.match(secret, /geheim/);
});

test('verbs for all', () => {
  for (const verb of ['global_health', 'list', 'version', 'help'])
    assert.equal(commandOf(`uuid_audio_stream ${verb}`), { verb });
  assert.match(refusal('uuid_audio_stream list now').reason, /no argument/);
  assert.equal(commandOf(`${UUID} health`), { verb: 'health', uuid: UUID });
  assert.match(refusal(`${UUID} health now`).reason, /no argument/);
});

test('originate: a switch, one endpoint, a profile, and nothing that a switch could take for more', () => {
  assert.equal(commandOf('uuid_audio_stream originate pbx PJSIP/alice support'), {
    verb: 'originate',
    switchName: 'pbx',
    endpoint: 'PJSIP/alice',
    profile: 'support',
  });
  for (const endpoint of [
    'Local/100@office',
    'sofia/gateway/carrier/+49301',
    'sofia/internal/a@h:5060;transport=tcp',
  ]) {
    const command = commandOf(`originate fs ${endpoint} p`);
    assert.is(command.verb === 'originate' && command.endpoint, endpoint);
  }
  for (const line of ['originate', 'originate fs', 'originate fs user/1000']) assert.is(refusal(line).usage, true);
  for (const endpoint of [
    '{a=b}user/1',
    '[a=b]user/1',
    'user/1,user/2',
    'user/1|user/2',
    'user/${x}',
    'user/1&park',
    "user/'1'",
    'user',
    '/1',
    'user/1;;status',
    `user/${'1'.repeat(201)}`,
  ]) {
    refusal(`originate fs ${endpoint} p`);
  }
  refusal('originate fs user/1 p more');
  refusal('originate a/b user/1 p');
});

test('channel identities of other makes', () => {
  for (const id of ['1700000000.12', 'my-call_7', 'PJSIP-100:1@x', 'a'.repeat(128)]) {
    assert.equal(commandOf(`${id} health`), { verb: 'health', uuid: id });
  }
  for (const id of ['-bleg', '${uuid}', "'x'", 'a'.repeat(129), 'x/y', 'ü']) refusal(`${id} health`);
});

test('too little is answered with the usage', () => {
  for (const line of ['', '   ', 'uuid_audio_stream', `uuid_audio_stream ${UUID}`, `${UUID} start`]) {
    assert.is(refusal(line).usage, true, line);
  }
  assert.is(refusal(`${UUID} bogus`).usage, false);
});

test('bounds', () => {
  const rest = 'x'.repeat(LIMITS.commandMetadataBytes);
  assert.ok(parseCommand(`${UUID} stop ${rest}`).ok);
  assert.match(refusal(`${UUID} stop ${rest}x`).reason, /metadata is longer/);
  const url = `ws://h/${'a'.repeat(LIMITS.commandUrlBytes - 7)}`;
  assert.ok(parseCommand(`${UUID} start ${url} mono 8k ${rest}`).ok);
  assert.match(refusal(`${UUID} start ${url}a`).reason, /URL is longer/);
  assert.match(refusal('x'.repeat(LIMITS.commandBytes + 1)).reason, /command is longer/);
});

test('nothing that could be a second command gets through', () => {
  const good = `${UUID} start p mono 8k {"a":1}`;
  for (const danger of ['\n', '\r', '\0', '\t', '\u001b', '\u007f', '\u0085', '\u2028', ';;']) {
    for (let at = 0; at <= good.length; at += 7) {
      assert.match(refusal(good.slice(0, at) + danger + good.slice(at)).reason, /contains/);
    }
  }
});

test('is total: any text ends in a command or a reason', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'uuid_audio_stream',
      UUID,
      'start',
      'stop',
      'health',
      'list',
      'mono',
      '8k',
      'p',
      'ws://h/',
      '{"a":1}',
      "'",
      ' ',
    ),
    fc.string({ unit: 'binary' }),
  );
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 9 }).map((words) => words.join(' ')),
  );
  fc.assert(
    fc.property(line, (text) => {
      const parsed = parseCommand(text);
      if (!parsed.ok) {
        assert.ok(parsed.reason.length > 0);
        assert.not.match(parsed.reason, /[\r\n]/);
        return;
      }
      // What gets through is one line, without a separator of commands.
      assert.not.match(JSON.stringify(parsed.command), /\\[nrt0]|\\u00[01]|;;/);
    }),
    { numRuns: 3000 },
  );
});

test('what is said is what is understood', () => {
  const start = fc.record({
    uuid: fc.uuid(),
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
    mix: fc.constantFrom('mono', 'mixed', 'stereo'),
    rate: fc.constantFrom(8000, 16000, 24000, 48000),
    metadata: fc.json().filter((json) => !json.includes(';;') && !/[\p{Cc}\u2028\u2029]/u.test(json)),
  });
  fc.assert(
    fc.property(start, ({ uuid, name, mix, rate, metadata }) => {
      const command = commandOf(`uuid_audio_stream ${uuid} start ${name} ${mix} ${rate} ${metadata}`);
      assert.equal(command, {
        verb: 'start',
        uuid,
        target: { kind: 'profile', name },
        options: { mix, sampleRateHz: rate, metadata: metadata.trim() },
      });
    }),
  );
});

test.run();

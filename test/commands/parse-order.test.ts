/** What may follow `<uuid> <verb>`, what is refused, and what is asked for. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CALL_VERBS } from '../../src/commands/command.ts';
import { parseCommand } from '../../src/commands/parse-command.ts';
import { isDestination, isOrderVerb } from '../../src/commands/parse-order.ts';

const taken = (line: string): unknown => {
  const parsed = parseCommand(`uuid_audio_stream u1 ${line}`);
  return parsed.ok ? parsed.command : parsed.usage ? 'usage' : parsed.reason;
};

for (const [line, command] of [
  ['pause', { verb: 'pause', uuid: 'u1' }],
  ['resume', { verb: 'resume', uuid: 'u1' }],
  ['break', { verb: 'break', uuid: 'u1' }],
  ['graceful-shutdown', { verb: 'graceful-shutdown', uuid: 'u1' }],
  ["send_text 'two words'", { verb: 'send_text', uuid: 'u1', text: 'two words' }],
  ['send_text {"a": "b c"}', { verb: 'send_text', uuid: 'u1', text: '{"a": "b c"}' }],
  ['say Good morning, Ann.', { verb: 'say', uuid: 'u1', text: 'Good morning, Ann.' }],
  ['send_json {"type": "x", "a": [1, 2]}', { verb: 'send_json', uuid: 'u1', json: '{"type":"x","a":[1,2]}' }],
  ['send_json eyJ0eXBlIjoieCJ9', { verb: 'send_json', uuid: 'u1', json: '{"type":"x"}' }],
  ['mute', { verb: 'mute', uuid: 'u1', who: 'user' }],
  ['mute agent', { verb: 'mute', uuid: 'u1', who: 'agent' }],
  ['unmute all', { verb: 'unmute', uuid: 'u1', who: 'all' }],
  ['play hold music.wav', { verb: 'play', uuid: 'u1', source: 'hold music.wav' }],
  ['play https://example.org/a.wav?x=1', { verb: 'play', uuid: 'u1', source: 'https://example.org/a.wav?x=1' }],
  ['dtmf 12#w*', { verb: 'dtmf', uuid: 'u1', digits: '12#w*' }],
  ['mask on', { verb: 'mask', uuid: 'u1', on: true }],
  ['mask off', { verb: 'mask', uuid: 'u1', on: false }],
  ['switch gemini-1', { verb: 'switch', uuid: 'u1', backend: 'gemini-1' }],
  ['transfer 1000', { verb: 'transfer', uuid: 'u1', destination: '1000', attended: false }],
  [
    'transfer +4930123 XML public',
    { verb: 'transfer', uuid: 'u1', destination: '+4930123 XML public', attended: false },
  ],
  ['transfer 1000 attended', { verb: 'transfer', uuid: 'u1', destination: '1000', attended: true }],
  ['transfer 1000@office attended', { verb: 'transfer', uuid: 'u1', destination: '1000@office', attended: true }],
  [
    'transfer 1000 XML default attended',
    { verb: 'transfer', uuid: 'u1', destination: '1000 XML default', attended: true },
  ],
  ['transfer attended', { verb: 'transfer', uuid: 'u1', destination: 'attended', attended: false }],
  ['transfer 1000 XML attended', { verb: 'transfer', uuid: 'u1', destination: '1000 XML attended', attended: false }],
  ['hold on', { verb: 'hold', uuid: 'u1', on: true }],
  ['hold off', { verb: 'hold', uuid: 'u1', on: false }],
  ['hangup', { verb: 'hangup', uuid: 'u1', cause: 16 }],
  ['hangup 17', { verb: 'hangup', uuid: 'u1', cause: 17 }],
  ['hangup call_rejected', { verb: 'hangup', uuid: 'u1', cause: 21 }],
  ['whisper other', { verb: 'whisper', uuid: 'u1', to: 'other' }],
  ['record start', { verb: 'record', uuid: 'u1', on: true }],
  ['record stop', { verb: 'record', uuid: 'u1', on: false }],
] as const) {
  test(line, () => assert.equal(taken(line), command));
}

for (const line of [
  'send_text',
  "say ''",
  'send_json',
  'play',
  'dtmf',
  'mask',
  'hold',
  'switch',
  'transfer',
  'record',
]) {
  test(`${line}: more has to be said`, () => assert.is(taken(line), 'usage'));
}

for (const line of [
  'pause now',
  'mute everybody',
  'mask perhaps',
  'hold music',
  'hangup 0',
  'hangup 128',
  'hangup 16 17',
  'hangup BUSYISH',
  'transfer 1000 attended attended',
  'transfer a/b attended',
  'whisper loudly',
  'record pause',
  'dtmf 12;34',
  'dtmf 1 2',
  `dtmf ${'1'.repeat(65)}`,
  'send_json 7',
  'send_json "text"',
  'send_json {"a":',
  'send_json bm90IGpzb24=',
  'switch a b',
  'transfer -bleg 1000',
  'transfer 1000 inline',
  "transfer 'system:reboot' inline",
  'transfer bridge:user/1',
  'transfer 1000 XML a b',
  'transfer 1000 enum',
  `say ${'a'.repeat(8_193)}`,
  `play ${'a'.repeat(4_097)}`,
]) {
  test(`${line.slice(0, 40)}: refused with a reason`, () => {
    const reason = taken(line);
    assert.type(reason, 'string');
    assert.is.not(reason, 'usage');
  });
}

test('every verb for a call is one that is parsed', () => {
  for (const verb of CALL_VERBS) {
    assert.ok(isOrderVerb(verb) || ['start', 'stop', 'health'].includes(verb), verb);
  }
});

test('whatever follows a verb ends in a command or a reason, and a destination never carries more than a dialplan takes', () => {
  const verbs = fc.constantFrom(...CALL_VERBS);
  fc.assert(
    fc.property(verbs, fc.string({ unit: 'binary', maxLength: 80 }), (verb, rest) => {
      const parsed = parseCommand(`u1 ${verb} ${rest}`);
      if (!parsed.ok) assert.ok(parsed.usage || parsed.reason.length > 0);
      else if (parsed.command.verb === 'transfer') {
        assert.ok(isDestination(parsed.command.destination));
        assert.not.match(parsed.command.destination, /[;'"\r\n\0{}:,]/);
      }
    }),
  );
});

test.run();

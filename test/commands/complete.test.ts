import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { completeCommand } from '../../src/commands/complete.ts';

const test = suite('completeCommand');
const words = { channels: () => ['abc-1', 'abd-2'], profiles: () => ['support', 'sales'], backends: () => ['openai'] };

for (const [text, expected] of [
  ['', ['uuid_audio_stream']],
  ['uuid_a', ['uuid_audio_stream']],
  ['uuid_x', []],
  [
    'uuid_audio_stream ',
    ['abc-1', 'abd-2', 'drain', 'global_health', 'help', 'list', 'originate', 'reload', 'version'],
  ],
  ['uuid_audio_stream ab', ['abc-1', 'abd-2']],
  ['uuid_audio_stream gl', ['global_health']],
  ['uuid_audio_stream list ', []],
  ['uuid_audio_stream abc-1 m', ['mask', 'mute']],
  ['uuid_audio_stream abc-1 s', ['say', 'send_json', 'send_text', 'start', 'stop', 'switch']],
  ['uuid_audio_stream abc-1 mute ', ['agent', 'all', 'user']],
  ['uuid_audio_stream abc-1 record ', ['start', 'stop']],
  ['uuid_audio_stream abc-1 switch ', ['openai', 'sales', 'support']],
  ['uuid_audio_stream abc-1 hold ', ['off', 'on']],
  ['uuid_audio_stream abc-1 hangup USER', ['USER_BUSY']],
  ['uuid_audio_stream abc-1 transfer ', []],
  ['uuid_audio_stream abc-1 transfer 1000 a', ['attended']],
  ['uuid_audio_stream abc-1 nonsense ', []],
  ['uuid_audio_stream  abc-1  st', ['start', 'stop']],
  ['uuid_audio_stream abc-1 stop ', []],
  ['uuid_audio_stream abc-1 start s', ['sales', 'support']],
  ['uuid_audio_stream abc-1 start sales m', ['mixed', 'mono']],
  ['uuid_audio_stream abc-1 start sales mono ', ['16k', '24k', '48k', '8k']],
  ['uuid_audio_stream abc-1 start sales mono 8k ', []],
  ['status ', []],
] as const) {
  test(JSON.stringify(text), () => assert.equal(completeCommand(text, words), expected));
}

test.run();

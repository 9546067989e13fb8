import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { commandWords } from '../../src/simulator/command-words.ts';

const test = suite('commandWords');

// What FreeSWITCH's switch_separate_string made of these (recorded with mod_audio_stream's metadata, and uuid_setvar).
for (const [text, limit, expected] of [
  ['a b c', 3, ['a', 'b', 'c']],
  ['  a   b  ', 5, ['a', 'b']],
  ['u a b c d', 3, ['u', 'a', 'b c d']],
  ["u 'quoted one two'", 2, ['u', 'quoted one two']],
  ["'one two' three", 5, ['one two', 'three']],
  ['a\\sb', 1, ['a b']],
  ['{"esc":"\\\\n\\"q\\""}', 1, ['{"esc":"\\n"q""}']],
  ["{'single':'quotes'}", 1, ['{single:quotes}']],
  ['', 3, []],
] as const) {
  test(`${JSON.stringify(text)} in ${limit}`, () => assert.equal(commandWords(text, limit), expected));
}

test.run();

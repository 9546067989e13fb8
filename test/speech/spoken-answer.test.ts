import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { heardText } from '../../src/speech/heard-text.ts';
import { SpokenAnswer } from '../../src/speech/spoken-answer.ts';
import type { SentenceEnd } from '../../src/speech/speech-queue.ts';

const END: SentenceEnd = {
  outcome: 'spoken',
  audioMs: 0,
  firstAudioMs: 0,
  error: null,
  engine: 'e',
  cached: false,
  attempts: 1,
};

/** An answer whose sentences were delivered whole, each so many ms long. */
function answered(...sentences: readonly (readonly [string, number, SentenceEnd['outcome']?])[]): SpokenAnswer {
  const answer = new SpokenAnswer('r1');
  answer.wrote(sentences.map(([text]) => text).join('  '));
  let heardByMs = 0;
  for (const [index, [text, audioMs, outcome = 'spoken']] of sentences.entries()) {
    answer.add(`s${index}`, text);
    heardByMs += audioMs;
    if (audioMs > 0) answer.delivered(`s${index}`, audioMs, heardByMs);
    answer.ended(`s${index}`, { ...END, outcome, audioMs });
  }
  answer.status = 'completed';
  return answer;
}

test('whole words are heard, or none', () => {
  const text = 'One two three four.';
  assert.equal(
    [0, 0.1, 0.16, 0.3, 0.5, 0.99, 1].map((share) => heardText(text, share)),
    ['', '', 'One', 'One', 'One two', 'One two three', text],
  );
  assert.is(heardText('今日は晴れです', 0.5), '今日は');
  assert.is(heardText('👍🏽👍🏽', 0.6), '👍🏽');
  assert.is(heardText('x', Number.NaN), '');
});

test('more time is never less text, and it is always how the text begins', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 80 }),
      fc.double({ min: 0, max: 1 }),
      fc.double({ min: 0, max: 1 }),
      (text, a, b) => {
        const [less, more] = [heardText(text, Math.min(a, b)), heardText(text, Math.max(a, b))];
        assert.ok(text.startsWith(more) && more.startsWith(less));
      },
    ),
  );
});

test('what was heard is the sentences before, and the share of the one that was being heard', () => {
  const answer = answered(['One two.', 800], ['Three four five.', 1_600], ['Six.', 400]);
  assert.is(answer.heardUntil('s0', 0), '');
  assert.is(answer.heardUntil('s0', 799), 'One two.', 'positions are rounded down');
  assert.is(answer.heardUntil('s1', 900), 'One two.  Three');
  assert.is(answer.heardUntil('s2', 400), 'One two.  Three four five.  Six.');
  assert.ok(answer.isAll(answer.heardUntil('s2', 400)));
  assert.is(answer.heardBy(2_000), 'One two.');
  assert.is(answer.heardBy(2_400), 'One two.  Three four five.');
});

test('a sentence that nobody spoke was not heard; one with nothing to say was', () => {
  const answer = answered(['One two.', 800], ['Lost.', 0, 'failed'], ['***', 0], ['Four.', 500]);
  assert.is(answer.heardUntil('s3', 500), 'One two.  ***  Four.');
});

test('of a sentence that never came whole the last word was not heard, however slow the voice', () => {
  const answer = answered(['One two three.', 9_000, 'failed']);
  assert.is(answer.heardUntil('s0', 9_000, 50), 'One two');
  assert.is(answer.wordsOf('s0', 50), 'One two');
  assert.is(answered(['One two.', 800]).wordsOf('s0', 50), undefined, 'all of it');
  assert.is(answer.wordsOf('s9'), '');
});

test('of a sentence that is still being made the whole is estimated', () => {
  const answer = new SpokenAnswer('r1');
  answer.wrote('Alpha beta gamma delta.');
  answer.add('s0', 'Alpha beta gamma delta.');
  answer.delivered('s0', 500, 500);
  // 23 characters of 50 ms are 1,150 ms: ten of them were heard.
  assert.is(answer.heardUntil('s0', 500, 50), 'Alpha beta');
  assert.not.ok(answer.isAll('Alpha beta gamma delta.'), 'more may come');
});

test.run();

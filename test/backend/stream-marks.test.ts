import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamMarks } from '../../src/backend/stream-marks.ts';
import { LIMITS } from '../../src/limits.ts';

/** 16 bytes a millisecond; answers as `name:event`. */
function marked(): { marks: StreamMarks; answers: string[] } {
  const answers: string[] = [];
  return { marks: new StreamMarks(16, (name, event) => answers.push(`${name}:${event}`)), answers };
}

test('nothing waits: answered at once', () => {
  const { marks, answers } = marked();
  marks.add('a');
  marks.received('i', 16);
  marks.heard('i', true);
  marks.add('b');
  assert.equal(answers, ['a:playout', 'b:playout']);
  assert.is(marks.unheard, false);
});

test('a phrase that was heard takes those before it along, each mark once and in order', () => {
  const { marks, answers } = marked();
  for (const id of ['1', '2', '3']) {
    marks.received(id, 16);
    marks.add(`after ${id}`);
  }
  marks.heard('unknown', true);
  marks.heard('2', true);
  marks.heard('2', true);
  marks.heard('1', false);
  assert.equal(answers, ['after 1:playout', 'after 2:playout']);
  marks.heard('3', false);
  assert.equal(answers.slice(2), ['after 3:cleared']);
});

test('a caller who cut in at the very end heard the phrase', () => {
  for (const [done, playedMs, event] of [
    [true, 20, 'playout'],
    [true, 19, 'cleared'],
    [false, 20, 'cleared'],
  ] as const) {
    const { marks, answers } = marked();
    marks.received('1', 320);
    if (done) marks.done('1');
    marks.add('m');
    marks.cutOff('1', playedMs);
    assert.equal(answers, [`m:${event}`]);
    assert.is(marks.unheard, false);
  }
});

test('cut off with nothing heard, or with what is not known: all cleared', () => {
  for (const itemId of [null, 'other']) {
    const { marks, answers } = marked();
    marks.received('1', 320);
    marks.add('m');
    marks.cutOff(itemId, 0);
    assert.equal(answers, ['m:cleared']);
  }
});

test('marks and phrases are bounded', () => {
  const { marks, answers } = marked();
  marks.received('0', 2);
  for (let i = 0; i <= LIMITS.streamMarks; i += 1) marks.add(`m${i}`);
  assert.equal(answers, [`m${LIMITS.streamMarks}:cleared`]);
  for (let i = 1; i <= LIMITS.ledgerItems; i += 1) marks.received(String(i), 2);
  assert.is(answers.length, 1 + LIMITS.streamMarks);
  assert.is(answers[1], 'm0:playout');
  // There is room again.
  marks.add('late');
  assert.is(answers.length, 1 + LIMITS.streamMarks);
  marks.clearMarks();
  assert.is(answers.at(-1), 'late:cleared');
});

test('forgotten: nobody is answered', () => {
  const { marks, answers } = marked();
  marks.received('1', 2);
  marks.add('m');
  marks.forget();
  marks.cutOff(null, 0);
  assert.equal(answers, []);
});

test.run();

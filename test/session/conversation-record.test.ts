/** What was said, as another backend is told it: order, what was heard of what was cut, bounds. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fc } from '../chance.ts';
import { LIMITS } from '../../src/limits.ts';
import { ConversationRecord } from '../../src/session/conversation-record.ts';

let nowMs = 0;
const fresh = (): ConversationRecord => {
  nowMs = 1_000;
  return new ConversationRecord(() => nowMs);
};
const texts = (record: ConversationRecord): string[] => record.history().map(({ by, text }) => `${by}: ${text}`);
const phrase = (record: ConversationRecord, itemId: string, text: string, ms: number): void => {
  record.transcript('agent', text, true, itemId);
  record.audio(itemId, ms);
  record.audioDone(itemId);
};

test('the caller’s words stand where the turn ended, however late they come', () => {
  const record = fresh();
  record.callerStopped();
  record.transcript('agent', 'It is', false, 'i1');
  record.audio('i1', 400);
  record.transcript('caller', ' how late is it? ', true);
  record.transcript('agent', ' noon.', false, 'i1');
  record.transcript('agent', 'It is noon.', true, 'i1');
  record.audioDone('i1');
  assert.equal(texts(record), ['caller: how late is it?', 'agent: It is noon.']);
  assert.is(record.callerUnanswered, false);
});

test('a turn whose words never come leaves nothing, and takes nobody else’s place', () => {
  const record = fresh();
  record.callerStopped();
  phrase(record, 'i1', 'Pardon?', 300);
  nowMs += 20_000;
  record.callerStopped();
  assert.is(record.callerUnanswered, true);
  assert.is(record.lastCallerText, '');
  record.transcript('caller', 'good day', true);
  assert.equal(texts(record), ['agent: Pardon?', 'caller: good day']);
});

test('words come before their sound, behind it, and without a name', () => {
  const record = fresh();
  record.audio('i1', 200);
  record.transcript('agent', 'One.', true, 'i1');
  record.audioDone('i1');
  record.transcript('agent', 'Tw', false);
  record.audio('i2', 200);
  record.transcript('agent', 'o.', false);
  record.transcript('agent', 'Two.', true);
  record.audioDone('i2');
  assert.equal(texts(record), ['agent: One.', 'agent: Two.']);
});

test('words without any sound were not heard', () => {
  const record = fresh();
  record.transcript('agent', 'never said', true, 'i1');
  assert.equal(texts(record), []);
  assert.is(record.agentHasSpoken, false);
});

test('of a phrase that was cut off, the words that its share of the audio covers', () => {
  const record = fresh();
  phrase(record, 'i1', 'one two three four five', 2_300);
  record.cut('i1', 1_150);
  assert.equal(texts(record), ['agent: one two…'], 'half of 23 characters, whole words');
  const nothing = fresh();
  phrase(nothing, 'i1', 'one two', 1_000);
  nothing.cut('i1', 100);
  assert.equal(texts(nothing), []);
  const whole = fresh();
  phrase(whole, 'i1', 'one two', 1_000);
  whole.cut('i1', 1_000);
  assert.equal(texts(whole), ['agent: one two'], 'heard to its end');
});

test('of a phrase that never came whole, the words that so much audio takes at this agent’s pace', () => {
  const record = fresh();
  phrase(record, 'i1', 'a'.repeat(40), 4_000);
  record.transcript('agent', 'ten chars ten chars ten chars ten chars', false, 'i2');
  record.audio('i2', 2_000);
  assert.equal(texts(record).at(-1), 'agent: ten chars ten chars…', '20 characters in 2 s');
  record.cut('i2', 1_000);
  assert.equal(texts(record).at(-1), 'agent: ten chars…');
});

test('bounded in turns and characters, whatever comes; the latest stays', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          by: fc.constantFrom('caller', 'agent', 'stop', 'cut' as const),
          length: fc.integer({ min: 0, max: 30_000 }),
          item: fc.integer({ min: 0, max: 5 }),
        }),
        { maxLength: 400 },
      ),
      (steps) => {
        const record = fresh();
        for (const { by, length, item } of steps) {
          if (by === 'stop') record.callerStopped();
          else if (by === 'caller') record.transcript('caller', 'x'.repeat(length), true);
          else if (by === 'cut') record.cut(`i${item}`, length);
          else phrase(record, `i${item}`, 'y '.repeat(length), length);
        }
        record.transcript('caller', 'the last', true);
        const history = record.history();
        const characters = history.reduce((sum, { text }) => sum + text.length, 0);
        assert.ok(history.length <= LIMITS.historyTurns);
        assert.ok(characters <= LIMITS.historyCharacters + LIMITS.historyTextCharacters, `${characters}`);
        assert.ok(history.some(({ text }) => text === 'the last'));
      },
    ),
    { numRuns: 60 },
  );
});

test('functions without a result, oldest first, bounded', () => {
  const record = fresh();
  for (let index = 0; index <= LIMITS.backendToolCalls; index += 1)
    record.toolCall({ toolCallId: `t${index}`, name: 'f', argumentsJson: '{}' });
  record.toolAnswered('t3', '{}');
  const ids = record.pendingTools.map(({ toolCallId }) => toolCallId);
  assert.equal(ids.slice(0, 3), ['t1', 't2', 't4']);
  assert.is(ids.length, LIMITS.backendToolCalls - 1);
});

test('a backend that calls functions with mountains of arguments fills no memory', () => {
  const record = fresh();
  const mountain = 'x'.repeat(LIMITS.backendControlBytes / 8);
  for (let index = 0; index < 10; index += 1)
    record.toolCall({ toolCallId: `t${index}`, name: 'f', argumentsJson: mountain });
  assert.equal(
    record.pendingTools.map(({ toolCallId }) => toolCallId),
    ['t9'],
  );
  record.toolCall({ toolCallId: 'huge', name: 'f', argumentsJson: mountain.repeat(3) });
  assert.is(record.pendingTools.length, 0);
});

test('sentences of one phrase whose name is not told are one phrase', () => {
  const record = fresh();
  record.transcript('agent', 'First.', true);
  record.transcript('agent', 'Second.', true);
  record.audio('A', 1_000);
  record.transcript('agent', 'Third.', true);
  record.audio('A', 1_000);
  record.audioDone('A');
  record.transcript('agent', 'Another.', true);
  record.audio('B', 500);
  record.audioDone('B');
  assert.equal(texts(record), ['agent: First. Second. Third.', 'agent: Another.']);
  record.transcript('agent', 'Lost', true);
  record.audio('C', 2_000);
  record.streamEnded();
  record.transcript('agent', 'Of the next stream.', true);
  record.audio('D', 2_000);
  record.audioDone('D');
  assert.is(record.history().at(-1)?.text, 'Of the next stream.');
});

test('results that nothing was made of are taken back, in order, with their calls', () => {
  const record = fresh();
  const call = (toolCallId: string) => ({ toolCallId, name: 'f', argumentsJson: '{}' });
  for (const id of ['a', 'b', 'c']) record.toolCall(call(id));
  record.toolAnswered('a', '1');
  record.responseStarted();
  record.toolAnswered('b', '2');
  record.toolAnswered('unknown', '3');
  assert.equal(record.answeredCalls, [{ call: call('b'), outputJson: '2' }]);
  assert.equal(record.takeBackAnswers(), [['b', '2']]);
  assert.equal(record.pendingTools, [call('b'), call('c')]);
  assert.equal(record.takeBackAnswers(), []);
});

test('a phrase that is spoken is known before it is closed: whole, or as far as it came', () => {
  const record = fresh();
  record.transcript('agent', 'One two three.', true, 'i1');
  record.audio('i1', 700);
  record.spoken('i1');
  record.audioDone('i1');
  record.transcript('agent', 'Four five six.', true, 'i2');
  record.audio('i2', 300);
  record.spoken('i2', 'Four');
  assert.equal(texts(record), ['agent: One two three.', 'agent: Four…']);
  // Cut off at its end it is no less whole.
  record.cut('i1', 700);
  assert.is(texts(record)[0], 'agent: One two three.');
});

test('what came after a mark is known, also when what was before it has gone', () => {
  const record = fresh();
  phrase(record, 'i0', 'Before.', 300);
  const { mark } = record;
  assert.equal(record.agentSince(mark), []);
  for (let n = 1; n <= LIMITS.historyTurns; n += 1) phrase(record, `i${n}`, `Number ${n}.`, 300);
  record.callerWrote('Hello.');
  assert.is(record.agentSince(mark).length, LIMITS.historyTurns - 1);
  assert.equal(record.agentSince(record.mark - 2), [`Number ${LIMITS.historyTurns}.`]);
  assert.equal(record.agentSince(Number.POSITIVE_INFINITY), []);
});

test('what was said since a mark, also when what stood before it has gone', () => {
  const record = fresh();
  phrase(record, 'i1', 'Hello.', 300);
  const { mark } = record;
  record.callerWrote('Two seats.');
  phrase(record, 'i2', 'For when?', 300);
  assert.equal(
    record.history(mark).map(({ text }) => text),
    ['Two seats.', 'For when?'],
  );
  assert.equal(record.history(record.mark), []);
  for (let n = 0; n < LIMITS.historyTurns; n += 1) record.callerWrote(`${n}`);
  assert.is(record.history(mark).length, LIMITS.historyTurns);
  assert.equal(
    record.history(record.mark - 1).map(({ text }) => text),
    [`${LIMITS.historyTurns - 1}`],
  );
});

test.run();

import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReceivedItems } from '../../src/backend/received-items.ts';
import { LIMITS } from '../../src/limits.ts';

test('the phrase that was heard ends where it was heard', () => {
  const items = new ReceivedItems(8);
  items.add('r', 'a', 2, 800);
  items.add('r', 'a', 2, 800);
  assert.equal(items.truncate('a', 120.9), [{ itemId: 'a', contentIndex: 2, audioEndMs: 120 }]);
  assert.equal(items.truncate('a', 150), []);
});

test('never later than what has arrived', () => {
  const items = new ReceivedItems(48);
  items.add('r', 'a', 0, 48 * 100 + 47);
  assert.equal(items.truncate('a', 5_000), [{ itemId: 'a', contentIndex: 0, audioEndMs: 100 }]);
});

test('heard to its end: nothing to tell, as long as it is complete', () => {
  const items = new ReceivedItems(8);
  items.add('r', 'a', 0, 800);
  assert.is(items.complete('a'), true);
  assert.is(items.complete('a'), false);
  assert.equal(items.truncate('a', 100), []);
  assert.equal(items.truncate('a', 99), [{ itemId: 'a', contentIndex: 0, audioEndMs: 99 }]);
});

test('what arrived after the phrase that was heard was not heard at all; what arrived before it was', () => {
  const items = new ReceivedItems(8);
  for (const id of ['a', 'b', 'c', 'd']) items.add('r', id, 0, 800);
  items.complete('c');
  assert.equal(items.truncate('b', 30), [
    { itemId: 'b', contentIndex: 0, audioEndMs: 30 },
    { itemId: 'c', contentIndex: 0, audioEndMs: 0 },
    { itemId: 'd', contentIndex: 0, audioEndMs: 0 },
  ]);
});

test('an item that is not known: nothing', () => {
  const items = new ReceivedItems(8);
  items.add('r', 'a', 0, 800);
  assert.equal(items.truncate('x', 30), []);
});

test('a response ends: its open items are complete, once', () => {
  const items = new ReceivedItems(8);
  items.add('r1', 'a', 0, 8);
  items.add('r1', 'b', 0, 8);
  items.add('r2', 'c', 0, 8);
  items.complete('a');
  assert.equal(items.completeResponse('r1'), ['b']);
  assert.equal(items.completeResponse('r1'), []);
});

test('the oldest is forgotten', () => {
  const items = new ReceivedItems(8);
  for (let i = 0; i <= LIMITS.ledgerItems; i += 1) items.add('r', `i${i}`, 0, 8);
  assert.is(items.complete('i0'), false);
  assert.is(items.complete('i1'), true);
});

test('a truncation is never negative, never behind the audio, and never twice', () => {
  const arrival = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(5000));
  fc.assert(
    fc.property(
      fc.array(arrival, { minLength: 1 }),
      fc.constantFrom('a', 'b', 'c'),
      fc.double({ noNaN: true }),
      (arrivals, heard, playedMs) => {
        const items = new ReceivedItems(8);
        const bytes = new Map<string, number>();
        for (const [id, count] of arrivals) {
          items.add('r', id, 0, count);
          bytes.set(id, (bytes.get(id) ?? 0) + count);
        }
        for (const { itemId, audioEndMs } of items.truncate(heard, playedMs)) {
          assert.ok(Number.isInteger(audioEndMs) && audioEndMs >= 0 && audioEndMs * 8 <= bytes.get(itemId)!);
        }
        assert.equal(items.truncate(heard, playedMs), []);
      },
    ),
  );
});

test.run();

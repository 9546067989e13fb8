/** How much of which phrase was heard: bytes in, bytes out, judged by counting by hand. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { ChanWebSocketLedger, NO_MARK } from '../../src/transport/chan-websocket-ledger.ts';
import { PlayedLedger } from '../../src/session/played-ledger.ts';

const BYTES_PER_MS = 8;

test('nothing was said: no position', () => {
  assert.is(new PlayedLedger(BYTES_PER_MS).position(), null);
});

test('received is not heard', () => {
  const ledger = new PlayedLedger(BYTES_PER_MS);
  ledger.received('a', 16_000);
  assert.equal(ledger.position(), { itemId: 'a', playedMs: 0 });
  ledger.played(160);
  assert.equal(ledger.position(), { itemId: 'a', playedMs: 20 });
  assert.is(ledger.drained, false);
  assert.equal(ledger.unheard(), ['a']);
});

test('never more than the phrase is long, and whole milliseconds only', () => {
  const ledger = new PlayedLedger(BYTES_PER_MS);
  ledger.received('a', 100);
  ledger.played(100);
  assert.equal(ledger.position(), { itemId: 'a', playedMs: 12 });
  assert.is(ledger.drained, true);
});

test('phrases one behind the other: the one that is heard, from its own beginning', () => {
  const ledger = new PlayedLedger(BYTES_PER_MS);
  for (const id of ['a', 'b', 'c']) {
    ledger.received(id, 800);
    ledger.done(id);
  }
  ledger.played(800);
  assert.equal(ledger.position(), { itemId: 'a', playedMs: 100 }, 'nothing of b was heard yet');
  ledger.played(8);
  assert.equal(ledger.position(), { itemId: 'b', playedMs: 1 });
  assert.equal(ledger.unheard(), ['b', 'c']);
  ledger.played(1592);
  assert.equal(ledger.position(), { itemId: 'c', playedMs: 100 });
  assert.equal(ledger.unheard(), []);
});

test('what the switch has not played was not heard, and silence that was sent after it does not count', () => {
  const ledger = new PlayedLedger(BYTES_PER_MS);
  ledger.received('a', 800);
  ledger.received('b', 800);
  // 40 frames were sent to the switch before; 6 of the agent follow, and 4 of silence.
  for (let frame = 41; frame <= 50; frame += 1) {
    if (frame <= 46) ledger.played(160);
    ledger.sent(frame);
  }
  assert.equal(ledger.position(39), { itemId: 'a', playedMs: 0 });
  assert.equal(ledger.position(43), { itemId: 'a', playedMs: 60 });
  assert.equal(ledger.position(46), { itemId: 'b', playedMs: 20 });
  for (const played of [47, 50, 51, null]) assert.equal(ledger.position(played), { itemId: 'b', playedMs: 20 });
});

test('a switch that lags by more than is remembered is taken for one that lags by that', () => {
  const ledger = new PlayedLedger(BYTES_PER_MS);
  ledger.received('a', 160 * 2_000);
  for (let frame = 1; frame <= 2_000; frame += 1) {
    ledger.played(160);
    ledger.sent(frame);
  }
  assert.equal(ledger.position(1_900), { itemId: 'a', playedMs: 38_000 });
  const oldest = ledger.position(10)!.playedMs / 20;
  assert.ok(oldest > 1_400 && oldest < 2_000, String(oldest));
  // A frame that the socket did not take bears the number of the one before.
  ledger.sent(2_000);
  assert.equal(ledger.position(1_999), { itemId: 'a', playedMs: 1_999 * 20 });
});

test('after a clear only the future counts', () => {
  const ledger = new PlayedLedger(BYTES_PER_MS);
  ledger.received('a', 8000);
  ledger.played(160);
  ledger.clear();
  assert.is(ledger.position(), null);
  ledger.received('b', 800);
  ledger.played(80);
  assert.equal(ledger.position(), { itemId: 'b', playedMs: 10 });
});

test('more phrases than are remembered: bounded, and never a negative time', () => {
  const ledger = new PlayedLedger(BYTES_PER_MS);
  for (let n = 0; n < LIMITS.ledgerItems + 10; n += 1) ledger.received(`item-${n}`, 8);
  assert.is(ledger.unheard().length, LIMITS.ledgerItems);
  assert.equal(ledger.position(), { itemId: 'item-10', playedMs: 0 });
});

test('by the marks of a switch that holds up to four frames: within a frame, once the agent has waited for a verdict', () => {
  for (let held = 1; held <= 4; held += 1) {
    for (let saidFrames = 50; saidFrames < 60; saidFrames += 1) {
      const marks = new ChanWebSocketLedger();
      const ledger = new PlayedLedger(BYTES_PER_MS);
      const underWay: [id: number, frame: number][] = [];
      ledger.received('a', 100 * 20 * BYTES_PER_MS);
      // The onset comes with a frame that is faded; the verdict 100 ms after it.
      for (let frame = 1; frame <= saidFrames + 6; frame += 1) {
        // A mark comes back when all that was before it has been played.
        while ((underWay[0]?.[1] ?? Infinity) < frame - held) marks.marked(String(underWay.shift()?.[0]));
        if (frame <= saidFrames) ledger.played(20 * BYTES_PER_MS);
        const mark = marks.sent(frame * 20);
        if (mark !== NO_MARK) underWay.push([mark, frame]);
        ledger.sent(frame);
      }
      const playedMs = ledger.position(marks.settledFrames)?.playedMs ?? 0;
      const offMs = saidFrames * 20 - playedMs;
      assert.ok(offMs >= 0 && offMs <= 20, `${held} held, ${saidFrames} said: ${offMs} ms off`);
    }
  }
});

test('in any order the position is what a count byte by byte says', () => {
  const step = fc.oneof(
    fc.record({ item: fc.integer({ min: 0, max: 3 }), bytes: fc.integer({ min: 1, max: 500 }) }),
    fc.record({ played: fc.integer({ min: 1, max: 400 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ledger = new PlayedLedger(BYTES_PER_MS);
      const stream: string[] = [];
      let newest = 0;
      let out = 0;
      for (const each of steps) {
        if ('played' in each) {
          const bytes = Math.min(each.played, stream.length - out);
          out += bytes;
          ledger.played(bytes);
        } else {
          newest = Math.max(newest, each.item);
          for (let n = 0; n < each.bytes; n += 1) stream.push(`item-${newest}`);
          ledger.received(`item-${newest}`, each.bytes);
        }
        const heard = stream.slice(0, out);
        const itemId = heard.at(-1) ?? stream[0];
        const played = heard.filter((id) => id === itemId).length;
        assert.equal(
          ledger.position(),
          itemId === undefined ? null : { itemId, playedMs: Math.floor(played / BYTES_PER_MS) },
        );
      }
    }),
  );
});

test.run();

/** Order, loss, lateness, drift and nonsense, judged by what a listener would get. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JitterBuffer } from '../../src/transport/jitter-buffer.ts';

const PTIME_MS = 20;
const FRAME_SAMPLES = 160;

function buffer(capacityFrames = 16, minimumFrames = 1): JitterBuffer {
  return new JitterBuffer({
    frameBytes: 4,
    ptimeMs: PTIME_MS,
    frameSamples: FRAME_SAMPLES,
    capacityFrames,
    minimumFrames,
  });
}

/** A frame that says its own number. */
function push(jitter: JitterBuffer, number: number, nowMs = number * PTIME_MS): void {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, number);
  jitter.push(payload, number & 0xffff, (number * FRAME_SAMPLES) >>> 0, nowMs);
}

/** The number of the frame that is handed out, or null. */
function pop(jitter: JitterBuffer, speaking = false): number | null {
  const frame = jitter.pop(speaking);
  return frame === null ? null : new DataView(frame.buffer, frame.byteOffset).getUint32(0);
}

test('what comes in order goes out in order, one for one, over the wrap of the number', () => {
  const jitter = buffer();
  for (let number = 65_500; number < 65_700; number += 1) {
    push(jitter, number);
    assert.is(pop(jitter), number);
  }
  assert.is(jitter.receivedFrames, 200);
  assert.is(jitter.lostFrames + jitter.lateFrames + jitter.duplicateFrames + jitter.droppedFrames, 0);
});

test('before anything came there is nothing', () => {
  const jitter = buffer();
  for (let n = 0; n < 100; n += 1) assert.is(pop(jitter), null);
  assert.is(jitter.depthFrames, 0);
  push(jitter, 7);
  assert.is(pop(jitter), 7);
});

test('reordered within the depth: nothing is lost', () => {
  const jitter = buffer(16, 3);
  for (const number of [10, 12, 11, 13]) push(jitter, number);
  assert.equal([pop(jitter), pop(jitter), pop(jitter), pop(jitter)], [10, 11, 12, 13]);
  assert.is(jitter.lostFrames, 0);
});

test('a lost frame with later ones behind it is one gap', () => {
  const jitter = buffer(16, 2);
  for (const number of [1, 2, 4, 5]) push(jitter, number);
  assert.equal([pop(jitter), pop(jitter), pop(jitter), pop(jitter), pop(jitter)], [1, 2, null, 4, 5]);
  assert.is(jitter.lostFrames, 1);
});

test('a lost frame at the depth of one is concealed once, and leaves no delay behind', () => {
  const jitter = buffer();
  const out: (number | null)[] = [];
  for (let number = 1; number <= 8; number += 1) {
    if (number !== 4) push(jitter, number);
    out.push(pop(jitter));
  }
  assert.equal(out, [1, 2, 3, null, 5, 6, 7, 8]);
  assert.is(jitter.lostFrames, 1);
  assert.is(jitter.depthFrames, 0);
});

test('a late frame is waited for and heard: the buffer is one deeper then, and settles in a pause', () => {
  const jitter = buffer();
  push(jitter, 1);
  assert.is(pop(jitter, true), 1);
  assert.is(pop(jitter, true), null, 'late');
  push(jitter, 2);
  push(jitter, 3);
  assert.is(pop(jitter, true), 2, 'heard all the same');
  for (let number = 4; number < 350; number += 1) {
    push(jitter, number);
    assert.is(pop(jitter, true), number - 1, 'speech is not cut');
  }
  assert.is(jitter.droppedFrames, 0);
  push(jitter, 350);
  assert.is(pop(jitter, false), 350, 'the pause is');
  assert.is(jitter.droppedFrames, 1);
  assert.is(jitter.lostFrames, 0);
});

test('what is thrown away because too much came at once is an overflow; what is given up to be quicker is none', () => {
  const jitter = buffer(16, 2);
  for (let number = 1; number <= 17; number += 1) push(jitter, number);
  assert.is(jitter.overflowFrames, 16);
  assert.is(jitter.droppedFrames, 16);
  const slow = buffer(16, 1);
  for (let number = 1; number <= 3; number += 1) push(slow, number);
  for (let number = 4; number < 600; number += 1) {
    pop(slow, false);
    push(slow, number);
  }
  assert.ok(slow.droppedFrames > 0);
  assert.is(slow.overflowFrames, 0);
});

test('a duplicate, also of what was handed out, is not heard twice', () => {
  const jitter = buffer(16, 2);
  push(jitter, 1);
  push(jitter, 2);
  push(jitter, 2);
  assert.is(jitter.duplicateFrames, 1);
  assert.equal([pop(jitter), pop(jitter)], [1, 2]);
  push(jitter, 1);
  assert.is(jitter.lateFrames, 1);
  assert.is(pop(jitter), null);
});

test('a frame of another size is refused and changes nothing', () => {
  const jitter = buffer();
  jitter.push(new Uint8Array(3), 1, 0, 0);
  jitter.push(new Uint8Array(0), 1, 0, 0);
  assert.is(jitter.refusedFrames, 2);
  assert.is(jitter.receivedFrames, 0);
  assert.is(pop(jitter), null);
});

test('a sender who jumps ahead, or starts over, is followed', () => {
  const jitter = buffer();
  push(jitter, 100);
  assert.is(pop(jitter), 100);
  push(jitter, 30_000);
  assert.is(pop(jitter), 30_000);
  for (const number of [5, 6]) push(jitter, number);
  assert.is(pop(jitter), null, 'two from far behind may be stragglers');
  push(jitter, 7);
  assert.is(pop(jitter), 7);
});

test('after a pause of the sender the buffer fills to its target again', () => {
  const jitter = buffer(16, 3);
  for (const number of [1, 2, 3]) push(jitter, number);
  for (let n = 0; n < 30; n += 1) pop(jitter);
  push(jitter, 4);
  push(jitter, 5);
  assert.is(pop(jitter), null);
  push(jitter, 6);
  assert.is(pop(jitter), 4);
});

test('interarrival jitter is that of RFC 3550 §6.4.1', () => {
  const jitter = buffer();
  // Transit alternates between 0 and 8 ms: |D| = 8 in every step, so J tends to 8 as 8·(1 − (15/16)ⁿ).
  for (let number = 0; number < 50; number += 1) push(jitter, number, number * PTIME_MS + (number % 2) * 8);
  assert.ok(Math.abs(jitter.jitterMs - 8 * (1 - (15 / 16) ** 49)) < 1e-9, `${jitter.jitterMs}`);
  assert.is(jitter.targetFrames, 1);
  for (let number = 50; number < 150; number += 1) push(jitter, number, number * PTIME_MS + (number % 2) * 20);
  assert.is(jitter.targetFrames, 3);
});

test('an hour of a sender 100 ppm fast or slow: bounded depth, one frame in ten thousand given up or concealed', () => {
  for (const drift of [1 + 1e-4, 1 - 1e-4]) {
    const jitter = buffer();
    let number = 0;
    let concealed = 0;
    let deepest = 0;
    for (let tick = 1; tick <= 180_000; tick += 1) {
      const nowMs = tick * PTIME_MS;
      for (; number * PTIME_MS * drift <= nowMs; number += 1) push(jitter, number, number * PTIME_MS * drift);
      deepest = Math.max(deepest, jitter.depthFrames);
      if (pop(jitter) === null) concealed += 1;
    }
    assert.ok(deepest <= 3, `${deepest} frames deep`);
    const adjusted = drift > 1 ? concealed : jitter.droppedFrames;
    assert.ok(adjusted >= 15 && adjusted <= 25, `${adjusted} adjustments, 18 are due`);
    assert.is(jitter.lostFrames, 0);
  }
});

test('lost, late, doubled and reordered as a network does it: strictly rising, and every frame accounted for', () => {
  const frame = fc.record({
    lost: fc.boolean(),
    twice: fc.boolean(),
    late: fc.integer({ min: 0, max: 3 }),
    speaking: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 400 }), fc.integer({ min: 0, max: 65_535 }), (frames, first) => {
      const jitter = buffer(16);
      let handedOut = 0;
      let last = -1;
      const take = (speaking: boolean): void => {
        const number = pop(jitter, speaking);
        if (number === null) return;
        assert.ok(number > last, `${number} after ${last}`);
        last = number;
        handedOut += 1;
      };
      for (let tick = 0; tick < frames.length; tick += 1) {
        for (let number = tick - 3; number <= tick; number += 1) {
          const sent = frames[number];
          if (sent === undefined || sent.lost || number + sent.late !== tick) continue;
          for (let copy = sent.twice ? 2 : 1; copy > 0; copy -= 1) push(jitter, first + number, tick * PTIME_MS);
        }
        take(frames[tick]?.speaking ?? false);
        assert.ok(jitter.depthFrames <= 16, `${jitter.depthFrames} frames deep`);
      }
      for (let n = 0; n < 16; n += 1) take(false);
      const { receivedFrames, duplicateFrames, lateFrames, droppedFrames } = jitter;
      const waiting = receivedFrames - handedOut - duplicateFrames - lateFrames - droppedFrames;
      // Only what never reached the target depth may still wait.
      assert.ok(waiting >= 0 && waiting <= jitter.depthFrames, `${waiting} frames are nowhere`);
    }),
  );
});

test('whatever comes in whatever order: bounded, and it goes on with a sender who comes to his senses', () => {
  const ahead = fc.oneof(fc.integer({ min: -40, max: 40 }), fc.integer({ min: -70_000, max: 70_000 }));
  fc.assert(
    fc.property(fc.array(ahead, { maxLength: 200 }), (steps) => {
      const jitter = buffer(8);
      let number = 70_000;
      for (const [index, step] of steps.entries()) {
        number = Math.max(0, number + step);
        push(jitter, number, index * PTIME_MS);
        if (index % 3 !== 0) pop(jitter);
        assert.ok(jitter.depthFrames <= 8, `${jitter.depthFrames} frames deep`);
      }
      const heard = new Set<number | null>();
      for (let n = 0; n < 100; n += 1) {
        push(jitter, 200_000 + n);
        heard.add(pop(jitter));
      }
      for (let n = 20; n < 90; n += 1)
        assert.ok(heard.has(200_000 + n), `frame ${n} of an orderly sender was not heard`);
    }),
  );
});

test.run();

/** Order, loss, lateness, drift and nonsense, judged by what a listener would get. */
import { fc } from '../chance.ts';
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
function pop(jitter: JitterBuffer): number | null {
  const frame = jitter.pop();
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

test('a late frame is waited for and heard: what waits is one frame more then, which is told', () => {
  const jitter = buffer();
  push(jitter, 1);
  assert.is(pop(jitter), 1);
  assert.is(pop(jitter), null, 'late');
  assert.ok(jitter.waiting);
  push(jitter, 2, 41);
  push(jitter, 3, 60);
  assert.is(pop(jitter), 2, 'heard all the same');
  let surplus = 0;
  for (let number = 4; number < 60; number += 1) {
    push(jitter, number);
    surplus = jitter.surplusMs(number * PTIME_MS + 3, 0);
    assert.is(pop(jitter), number - 1, 'nothing is dropped');
    assert.is(jitter.delayMs, 23);
  }
  assert.is(surplus, 20, 'the delay is a frame more than it has to be');
  assert.is(jitter.surplusMs(60 * PTIME_MS + 3, 0), 20, 'also of the last');
  pop(jitter);
  assert.is(jitter.surplusMs(61 * PTIME_MS, 0), 0, 'nothing is there to be judged');
  assert.is(jitter.droppedFrames + jitter.lostFrames, 0);
});

test('a burst that does not fit: the oldest frames are left out, and counted as an overflow', () => {
  const jitter = buffer(16, 2);
  for (let number = 1; number <= 19; number += 1) push(jitter, number, 400);
  assert.is(jitter.overflowFrames, 3);
  assert.is(jitter.droppedFrames, 3);
  for (let number = 4; number <= 19; number += 1) assert.is(pop(jitter), number);
  assert.is(jitter.lostFrames, 0);
});

test('a frame that the listener cannot play any faster is given up, and no overflow', () => {
  const jitter = buffer();
  jitter.leaveOut();
  for (let number = 1; number <= 3; number += 1) push(jitter, number);
  jitter.leaveOut();
  assert.is(pop(jitter), 2);
  assert.equal([jitter.droppedFrames, jitter.overflowFrames], [1, 0]);
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
});

test('what came late to us because we were held up ourselves is not taken for jitter', () => {
  const jitter = buffer(64, 2);
  for (let number = 0; number < 2_000; number += 1) {
    // For 120 ms of every two seconds this process stands still: packets are read, and ticks run, when it goes on.
    const heldUp = number % 100 < 6;
    const nowMs = (heldUp ? number - (number % 100) + 6 : number) * PTIME_MS;
    push(jitter, number, nowMs);
    if (heldUp) continue;
    jitter.surplusMs(nowMs + 3, 0);
    pop(jitter);
  }
  assert.ok(jitter.targetMs < 8, `${jitter.targetMs}`);
});

test('timestamps that jump say nothing of the delay, and the next level is measured anew', () => {
  const jitter = buffer(16, 3);
  const send = (number: number, timestamp: number): void =>
    jitter.push(new Uint8Array(4), number, timestamp >>> 0, number * PTIME_MS);
  for (let number = 0; number < 100; number += 1) {
    send(number, number * FRAME_SAMPLES + (number < 50 ? 0 : 1_234_567_890));
    const surplus = jitter.surplusMs(number * PTIME_MS + 3, 0);
    assert.ok(surplus >= 0 && surplus <= 40, `${number}: ${surplus}`);
    assert.ok(Math.abs(jitter.delayMs) <= 43, `${number}: ${jitter.delayMs}`);
    jitter.pop();
  }
  assert.is(jitter.delayMs, 43);
});

/** Frames from `arrivalMs` on the simulated network, one pop a ptime; returns what was popped at each tick. */
function play(jitter: JitterBuffer, arrivalMs: readonly number[], ticks: number): (number | null)[] {
  const order = arrivalMs.map((ms, number) => ({ ms, number })).sort((a, b) => a.ms - b.ms || a.number - b.number);
  const out: (number | null)[] = [];
  let at = 0;
  for (let tick = 1; tick <= ticks; tick += 1) {
    const nowMs = tick * PTIME_MS;
    for (; at < order.length && (order[at]?.ms ?? 0) <= nowMs; at += 1)
      push(jitter, order[at]?.number ?? 0, order[at]?.ms ?? 0);
    jitter.surplusMs(nowMs, 0);
    out.push(pop(jitter));
  }
  return out;
}

test('the target is what frames keep within: of a path that is late by up to 60 ms, about that', () => {
  for (const spread of [0, 10, 30, 60]) {
    const jitter = buffer(64, 2);
    const late = (number: number): number => (number % 7 === 3 ? spread : (spread * (number % 5)) / 8);
    play(
      jitter,
      Array.from({ length: 2_000 }, (_, number) => number * PTIME_MS + late(number)),
      2_000,
    );
    assert.ok(jitter.targetMs >= spread, `${spread} ms: ${jitter.targetMs}`);
    assert.ok(jitter.targetMs <= spread + 6, `${spread} ms: ${jitter.targetMs}`);
  }
});

test('a path whose delay changes for good needs no deeper buffer; one with stalls does, and forgets them when they are over', () => {
  const shifted = buffer(64, 2);
  play(
    shifted,
    Array.from({ length: 2_000 }, (_, n) => n * PTIME_MS + (n > 800 ? 120 : 0)),
    2_000,
  );
  assert.ok(shifted.targetMs <= 10, `${shifted.targetMs}`);

  const stalling = buffer(64, 2);
  // For 120 ms of every two seconds nothing comes, then all at once; after frame 2,000 no more.
  const arrivals = Array.from({ length: 6_000 }, (_, n) => {
    const into = n % 100;
    return n < 2_000 && into < 6 ? (n - into + 6) * PTIME_MS : n * PTIME_MS;
  });
  play(stalling, arrivals.slice(0, 2_000), 2_000);
  assert.ok(stalling.targetMs >= 100 && stalling.targetMs <= 130, `${stalling.targetMs}`);
  const calm = buffer(64, 2);
  play(calm, arrivals, 6_000);
  assert.ok(calm.targetMs <= 10, `${calm.targetMs}`);
});

test('the sender paused: what comes after is measured at its own level', () => {
  const jitter = buffer(64, 2);
  const arrivals = Array.from({ length: 400 }, (_, n) => n * PTIME_MS + (n >= 100 ? 700 : 0) + (n >= 200 ? 90 : 0));
  play(jitter, arrivals, 440);
  assert.ok(jitter.targetMs <= 10, `${jitter.targetMs}`);
});

test('too little is told too: a path that turns bad is to be played slower', () => {
  const jitter = buffer(64, 2);
  for (let number = 0; number < 1_500; number += 1) {
    const nowMs = number * PTIME_MS;
    // Every fifth frame is 45 ms late, in pairs with the ones behind it.
    if (number % 5 === 4) for (const back of [2, 1, 0]) push(jitter, number - back, nowMs);
    else if (number % 5 < 2) push(jitter, number, nowMs);
    const surplus = jitter.surplusMs(nowMs, 0);
    if (number > 1_000) assert.ok(surplus <= 0, `${surplus}`);
    pop(jitter);
  }
  assert.ok(jitter.targetMs >= 40, `${jitter.targetMs}`);
});

test('lost, late, doubled and reordered as a network does it: strictly rising, and every frame accounted for', () => {
  const frame = fc.record({
    lost: fc.boolean(),
    twice: fc.boolean(),
    late: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 400 }), fc.integer({ min: 0, max: 65_535 }), (frames, first) => {
      const jitter = buffer(16);
      let handedOut = 0;
      let last = -1;
      const take = (): void => {
        const number = pop(jitter);
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
        take();
        assert.ok(jitter.depthFrames <= 16, `${jitter.depthFrames} frames deep`);
      }
      for (let n = 0; n < 16; n += 1) take();
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

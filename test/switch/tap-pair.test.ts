/** Two paths that begin at different moments become one beginning. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediaSink, MediaTransport } from '../../src/transport/media-transport.ts';
import { hearApart, hearCaller } from '../../src/switch/tap-pair.ts';
import { LIMITS } from '../../src/limits.ts';

/** A path in the hands of a test. */
class HandPath implements MediaTransport {
  readonly kind = 'hand';
  readonly format = { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 } as const;
  readonly stats = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  sink: MediaSink | null = null;
  sent = 0;
  closed = 0;
  start(sink: MediaSink): void {
    this.sink = sink;
  }
  send(): void {
    this.sent += 1;
  }
  playedFrames(): null {
    return null;
  }
  flush(): void {}
  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
  frame(number: number, nowMs: number): void {
    this.sink?.onFrame(new Uint8Array(320), number & 0xffff, (number * 160) >>> 0, nowMs);
  }
}

interface Heard {
  readonly number: number;
  readonly timestamp: number;
  readonly atMs: number;
}

function pair(): { caller: HandPath; other: HandPath; heard: Heard[]; otherHeard: Heard[]; path: MediaTransport } {
  const [caller, other] = [new HandPath(), new HandPath()];
  const path = hearApart(caller, other);
  const [heard, otherHeard]: [Heard[], Heard[]] = [[], []];
  const into = (list: Heard[]): MediaSink => ({
    onFrame: (_payload, number, timestamp, atMs) => list.push({ number, timestamp, atMs }),
    onLost: () => undefined,
  });
  path.start(into(heard));
  path.other?.start(into(otherHeard));
  return { caller, other, heard, otherHeard, path };
}

for (const phaseMs of [0, 1, 5, 9, 10, 11, 15, 19]) {
  for (const lead of [1, 3, 7]) {
    test(`frames of one number come within half a ptime: ${lead} frames and ${phaseMs} ms apart`, () => {
      const { caller, other, heard, otherHeard } = pair();
      for (let tick = 0; tick < 20; tick += 1) {
        caller.frame(65_530 + tick, 1000 + tick * 20);
        if (tick >= lead) other.frame(40 + tick, 1000 + tick * 20 + phaseMs);
      }
      const count = Math.min(heard.length, otherHeard.length);
      assert.ok(count > 8);
      for (let at = 0; at < count; at += 1) {
        assert.is(heard[at]!.number, at + 1);
        assert.is(otherHeard[at]!.number, at + 1);
        assert.is(heard[at]!.timestamp, 160 * (at + 1));
        assert.ok(Math.abs(heard[at]!.atMs - otherHeard[at]!.atMs) <= 10, `${heard[at]!.atMs - otherHeard[at]!.atMs}`);
      }
    });
  }
}

test('what is lost of one path is a gap of that path, across the wrap of its numbers', () => {
  const { caller, other, heard, otherHeard } = pair();
  for (let tick = 0; tick < 10; tick += 1) {
    if (tick !== 7) caller.frame(65_533 + tick, 1000 + tick * 20);
    other.frame(5 + tick, 1008 + tick * 20);
  }
  assert.equal(heard.map(({ number }) => number).slice(0, 7), [1, 2, 3, 4, 5, 7, 8]);
  assert.equal(otherHeard.map(({ number }) => number).slice(0, 7), [1, 2, 3, 4, 5, 6, 7]);
});

for (const waiting of [1, 2, 5]) {
  test(`what has waited is old, and is nobody's pair: ${waiting + 1} frames in one heap`, () => {
    const { caller, other, heard, otherHeard } = pair();
    // The other's clock: its frame 40 + n is of the moment 1000 + 20 n.
    for (let tick = 0; tick < waiting; tick += 1) caller.frame(tick, 1000 + waiting * 20 + tick * 0.1);
    for (let tick = 0; tick < 30; tick += 1) {
      if (tick >= waiting) caller.frame(tick, 1001 + tick * 20);
      other.frame(tick, 1000 + tick * 20 + 4);
    }
    const first = [heard[0]!, otherHeard[0]!];
    assert.equal(
      first.map(({ number }) => number),
      [1, 1],
    );
    assert.ok(Math.abs(first[0]!.atMs - first[1]!.atMs) <= 10);
    assert.ok(heard.length > 20);
  });
}

test('a party that does not come does not keep the caller from being heard', () => {
  const { caller, other, heard, otherHeard } = pair();
  for (let tick = 0; tick < LIMITS.tapHeldFrames + 5; tick += 1) caller.frame(tick, 1000 + tick * 20);
  assert.is(heard.length, 5);
  assert.is(heard[0]!.number, 1);
  other.frame(900, 9000);
  assert.is(otherHeard[0]!.number, 1);
});

test('the other party alone does not open', () => {
  const { other, otherHeard } = pair();
  for (let tick = 0; tick < 100; tick += 1) other.frame(tick, tick * 20);
  assert.is(otherHeard.length, 0);
});

test('what is said goes through both, and both are closed', async () => {
  const { caller, other, path } = pair();
  path.send(new Uint8Array(320), true);
  assert.equal([caller.sent, other.sent], [1, 1]);
  await path.close();
  assert.ok(caller.closed > 0 && other.closed > 0);
});

test('the caller alone is heard at once, and another voice may come later', async () => {
  const [caller, voice] = [new HandPath(), new HandPath()];
  const path = hearCaller(caller);
  assert.is(path.other, undefined);
  const numbers: number[] = [];
  path.start({ onFrame: (_payload, number) => numbers.push(number), onLost: () => undefined });
  caller.frame(77, 1000);
  path.send(new Uint8Array(320), false);
  path.speakThrough(voice);
  path.send(new Uint8Array(320), false);
  assert.equal([numbers, caller.sent, voice.sent], [[1], 2, 1]);
  await path.close();
  assert.is(voice.closed, 1);
});

test.run();

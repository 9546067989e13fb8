/** One path over several pieces: its numbers, its counters, and what it does between them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { MediaFormat } from '../../../src/core/media.ts';
import { LIMITS } from '../../../src/limits.ts';
import { RearmingTransport } from '../../../src/switch/freeswitch/rearming-transport.ts';
import { JitterBuffer } from '../../../src/transport/jitter-buffer.ts';
import { FakeClock } from '../../sim/fake-clock.ts';
import { FakeTransport, PCMU_LEG } from '../../sim/fake-peers.ts';

const test = suite('RearmingTransport');
const FRAME = new Uint8Array(160).fill(0x90);

interface Bench {
  readonly clock: FakeClock;
  readonly path: RearmingTransport;
  readonly frames: { number: number; timestamp: number }[];
  readonly lost: TalkspurtError[];
}

function bench(first: FakeTransport): Bench {
  const clock = new FakeClock();
  const path = new RearmingTransport(first, clock);
  const frames: { number: number; timestamp: number }[] = [];
  const lost: TalkspurtError[] = [];
  path.start({
    onFrame: (_, number, timestamp) => frames.push({ number, timestamp }),
    onLost: (error) => lost.push(error),
  });
  return { clock, path, frames, lost };
}

/** Frames of a piece, 20 ms apart, numbered from `from` on. */
function deliver(piece: FakeTransport, clock: FakeClock, count: number, from = 1): void {
  for (let n = 0; n < count; n += 1) {
    piece.sink?.onFrame(FRAME, (from + n) & 0xffff, (from + n) * 160, clock.nowMs());
    clock.advance(20);
  }
}

test('numbers go on across the pieces, further by as much as the gap was', () => {
  const [one, two] = [new FakeTransport(), new FakeTransport()];
  const { clock, path, frames } = bench(one);
  deliver(one, clock, 5, 65_533);
  path.disarm();
  clock.advance(980);
  assert.ok(path.rearm(two));
  deliver(two, clock, 3);
  const steps = frames.slice(1).map(({ number }, n) => (number - frames[n]!.number) & 0xffff);
  assert.equal(steps, [1, 1, 1, 1, 50, 1, 1]);
  for (const [n, { timestamp }] of frames.slice(1).entries()) {
    assert.is((timestamp - frames[n]!.timestamp) >>> 0, steps[n]! * 160);
  }
});

test('a gap within a piece stays a gap, and the hours of a long one do not come out as a step back', () => {
  const [one, two] = [new FakeTransport(), new FakeTransport()];
  const { clock, path, frames } = bench(one);
  deliver(one, clock, 1, 1);
  deliver(one, clock, 1, 4);
  assert.is(frames[1]!.number - frames[0]!.number, 3);
  path.disarm();
  clock.advance(3 * 3_600_000);
  path.rearm(two);
  deliver(two, clock, 1);
  assert.is((frames[2]!.number - frames[1]!.number) & 0xffff, 0x7fff);
});

test('a jitter buffer takes the gap for a far end that was silent', () => {
  const [one, two] = [new FakeTransport(), new FakeTransport()];
  const clock = new FakeClock();
  const path = new RearmingTransport(one, clock);
  const jitter = new JitterBuffer({ frameBytes: 160, frameSamples: 160, ptimeMs: 20, capacityFrames: 16 });
  path.start({ onFrame: (...frame) => jitter.push(...frame), onLost: () => assert.unreachable() });
  const pop = (): boolean => jitter.pop() !== null;
  const turn = (piece: FakeTransport, number: number): boolean => {
    deliver(piece, clock, 1, number);
    return pop();
  };
  for (let n = 1; n <= 50; n += 1) assert.ok(turn(one, n));
  path.disarm();
  for (let n = 0; n < 500; n += 1) {
    assert.not.ok(pop());
    clock.advance(20);
  }
  path.rearm(two);
  let heard = 0;
  for (let n = 1; n <= 50; n += 1) if (turn(two, n)) heard += 1;
  assert.ok(heard >= 49, `${heard} of 50`);
  assert.ok(jitter.jitterMs < 1, `${jitter.jitterMs} ms`);
});

test('between the pieces frames are counted, not sent, and none is expected', () => {
  const [one, two] = [new FakeTransport(), new FakeTransport()];
  const { clock, path } = bench(one);
  deliver(one, clock, 2);
  path.send(FRAME, true);
  assert.is(one.sent.length, 1);
  one.stats.sentFrames = 1;
  one.stats.receivedFrames = 2;
  one.stats.rejectedPackets = 3;
  path.disarm();
  path.disarm();
  assert.is(one.closes, 1, 'the socket is freed at once');
  path.send(FRAME, false);
  assert.is(path.expectsFrames, false);
  const { stats } = path;
  assert.is(stats.unsentFrames, 1);
  assert.ok(path.rearm(two));
  two.stats.sentFrames = 10;
  two.stats.unsentFrames = 4;
  path.send(FRAME, false);
  assert.is(two.sent.length, 1);
  assert.equal(
    [stats.sentFrames, stats.receivedFrames, stats.rejectedPackets, stats.unsentFrames],
    [12, 2, 3, 5],
    'one object, live, over all pieces',
  );
});

test('after the return the first frame has its time, and is missed when it does not come', () => {
  const [one, two] = [new FakeTransport(), new FakeTransport()];
  const { clock, path } = bench(one);
  deliver(one, clock, 1);
  path.disarm();
  clock.advance(60_000);
  path.rearm(two);
  assert.is(path.expectsFrames, false, 'the last frame is a minute old');
  deliver(two, clock, 1);
  assert.is(path.expectsFrames, true);
  path.disarm();
  path.rearm(new FakeTransport());
  clock.advance(LIMITS.mediaStalledMs + 1);
  assert.is(path.expectsFrames, true, 'the watchdog sees to it');
});

for (const other of [
  { ...PCMU_LEG, ptimeMs: 30 },
  { ...PCMU_LEG, codec: 'pcma' },
  { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 },
] as MediaFormat[]) {
  test(`another format is the end: ${other.codec}/${other.sampleRateHz}, ${other.ptimeMs} ms`, () => {
    const [one, two] = [new FakeTransport(), new FakeTransport(other)];
    const { path, lost } = bench(one);
    path.disarm();
    assert.is(path.rearm(two), false);
    assert.equal([one.closes, two.closes], [1, 1]);
    assert.equal(
      lost.map(({ code }) => code),
      ['ERR_TALKSPURT_MEDIA_FORMAT'],
    );
    path.lost(new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'again'));
    assert.is(lost.length, 1, 'told once');
    assert.is(path.rearm(new FakeTransport()), false, 'and for good');
  });
}

test('what a piece says after its end is nobody’s', () => {
  const [one, two] = [new FakeTransport(), new FakeTransport()];
  const { clock, path, frames, lost } = bench(one);
  const late = one.sink!;
  path.disarm();
  path.rearm(two);
  late.onFrame(FRAME, 9, 9, clock.nowMs());
  late.onLost(new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'late'));
  assert.equal([frames.length, lost.length], [0, 0]);
  two.sink!.onLost(new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'sizes'));
  assert.is(lost.length, 1);
});

test('close waits for every piece, and takes none any more', async () => {
  const [one, two, three] = [new FakeTransport(), new FakeTransport(), new FakeTransport()];
  const { path } = bench(one);
  let slow = (): void => undefined;
  one.onClose = () => new Promise<void>((resolve) => (slow = resolve));
  path.disarm();
  path.rearm(two);
  let closed = false;
  const closing = path.close().then(() => (closed = true));
  await Promise.resolve();
  assert.is(path.rearm(three), false);
  assert.is(closed, false);
  slow();
  await closing;
  assert.equal([one.closes, two.closes, three.closes], [1, 1, 1]);
  await path.close();
});

test('a caller on hold need not be heard, nor in the first moment after', () => {
  const one = new FakeTransport();
  const { clock, path } = bench(one);
  deliver(one, clock, 3);
  assert.is(path.expectsFrames, true);
  path.onCallerHeld(true);
  clock.advance(60_000);
  assert.is(path.expectsFrames, false);
  path.onCallerHeld(false);
  assert.is(path.expectsFrames, false, 'the last frame is a minute old');
  clock.advance(LIMITS.mediaStalledMs + 1);
  assert.is(path.expectsFrames, true);
  path.onCallerHeld(true);
  path.onCallerHeld(false);
  deliver(one, clock, 1, 4);
  assert.is(path.expectsFrames, true, 'it is heard again');
});

test.run();

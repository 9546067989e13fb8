/** The caller's line with the real chain: exact while nothing is scaled, in step with any clock, and never a click. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediaFormat, PtimeMs, SampleRateHz } from '../../src/core/media.ts';
import { frameBytes, frameSamples } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { LIMITS } from '../../src/limits.ts';
import { CallerLine } from '../../src/session/caller-line.ts';
import { JitterBuffer } from '../../src/transport/jitter-buffer.ts';

const pool = await WasmDspPool.create({ size: 1 });
const library = await loadDsp();

/** A call's receiving side over one leg that the backend understands as it is. */
class Receiver {
  readonly jitter: JitterBuffer;
  readonly line: CallerLine;
  readonly dsp = pool.acquire({ leg: PCMU, backendInput: PCMU, backendOutput: PCMU });

  constructor(leg: MediaFormat) {
    this.dsp.configure({ leg, backendInput: leg, backendOutput: leg });
    this.jitter = new JitterBuffer({
      frameBytes: frameBytes(leg),
      frameSamples: frameSamples(leg),
      ptimeMs: leg.ptimeMs,
      capacityFrames: LIMITS.jitterFrames,
      minimumFrames: LIMITS.jitterStartFrames,
    });
    this.line = new CallerLine(this.jitter, this.dsp, leg);
  }

  close(): void {
    pool.release(this.dsp);
  }
}

const PCMU: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
const l16 = (sampleRateHz: SampleRateHz, ptimeMs: PtimeMs): MediaFormat => ({ codec: 'l16', sampleRateHz, ptimeMs });

const TONE_SECONDS = 3;
/** A tone that swells and fades: speech-like in that it has pauses, and any click in it is steeper than itself. It repeats. */
function swelling(rate: number): Int16Array {
  return Int16Array.from({ length: rate * TONE_SECONDS }, (_, n) => {
    const t = n / rate;
    const swell = Math.max(0, Math.sin((2 * Math.PI * t) / TONE_SECONDS)) ** 2;
    return Math.round(9_000 * swell * Math.sin(2 * Math.PI * 180 * t));
  });
}
const STEEPEST = (rate: number): number => (9_000 * 2 * Math.PI * 180) / rate;

function bytesOf(pcm: Int16Array): Uint8Array {
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

test('in a pause the frame that was gathered at the start is left out whole, and from then on every byte is as it came', () => {
  const receiver = new Receiver(PCMU);
  const quiet = new Uint8Array(160).fill(0xff);
  let exact = 0;
  for (let n = 0; n < 200; n += 1) {
    const packet = n < 60 ? quiet : Uint8Array.from({ length: 160 }, (_, i) => ((n * 31 + i * 7) % 127) + 128);
    receiver.jitter.push(packet, n, n * 160, n * 20);
    const heard = receiver.line.take(n * 20 + 2);
    if (n >= 60 && Buffer.compare(heard, packet) === 0) exact += 1;
  }
  assert.is(receiver.dsp.cutMs, 20);
  assert.is(receiver.dsp.heldMs, 0);
  assert.is(exact, 140);
  assert.ok(receiver.jitter.delayMs < 5, `${receiver.jitter.delayMs} ms`);
  receiver.close();
});

for (const ppm of [1_000, -1_000]) {
  for (const leg of [l16(8000, 20), l16(48000, 20), l16(16000, 10), l16(24000, 60)]) {
    test(`ten minutes of a sender ${ppm} ppm off, ${leg.sampleRateHz} Hz in ${leg.ptimeMs} ms: no gap, no overflow, no click`, () => {
      const receiver = new Receiver(leg);
      const { jitter, line, dsp } = receiver;
      const samples = frameSamples(leg);
      const tone = bytesOf(swelling(leg.sampleRateHz));
      const size = frameBytes(leg);
      const ticks = (10 * 60_000) / leg.ptimeMs;
      const periodMs = leg.ptimeMs / (1 + ppm / 1e6);
      let number = 0;
      let previous = 0;
      let steepest = 0;
      let concealedMs = 0;
      let deepest = 0;
      for (let tick = 0; tick < ticks; tick += 1) {
        const nowMs = tick * leg.ptimeMs + 3;
        for (; number * periodMs <= nowMs; number += 1)
          jitter.push(
            tone.subarray((number * size) % tone.length, ((number * size) % tone.length) + size),
            number & 0xffff,
            (number * samples) >>> 0,
            number * periodMs,
          );
        deepest = Math.max(deepest, jitter.depthFrames);
        const heard = line.take(nowMs);
        if (tick * leg.ptimeMs < 1_000) concealedMs = dsp.concealedMs;
        for (const sample of new Int16Array(heard.buffer, heard.byteOffset, samples)) {
          steepest = Math.max(steepest, Math.abs(sample - previous));
          previous = sample;
        }
      }
      assert.is(dsp.concealedMs, concealedMs, 'nothing had to be made up');
      assert.is(jitter.lostFrames + jitter.lateFrames + jitter.droppedFrames, 0);
      assert.ok(deepest <= 5, `${deepest} frames`);
      assert.ok(steepest <= 1.25 * STEEPEST(leg.sampleRateHz), `${steepest} against ${STEEPEST(leg.sampleRateHz)}`);
      const scaledMs = ppm > 0 ? dsp.cutMs - dsp.repeatedMs : dsp.repeatedMs - dsp.cutMs;
      assert.ok(Math.abs(scaledMs - 600) < 90, `${scaledMs} ms were taken up, 600 came`);
      receiver.close();
    });
  }
}

test('frames of 40 and 60 ms at 48 kHz find no room to be scaled: one that is too much is left out', () => {
  const leg = l16(48000, 60);
  const receiver = new Receiver(leg);
  const silence = new Uint8Array(frameBytes(leg));
  for (let n = 0; n < 100; n += 1) {
    receiver.jitter.push(silence, n, n * 2880, n * 60);
    assert.is(receiver.line.take(n * 60 + 2).length, silence.length);
  }
  assert.is(receiver.dsp.heldMs, 0);
  assert.is(receiver.jitter.droppedFrames, 1, 'of the two that gathered at the start');
  receiver.close();
});

test('a backlog of a second is played, not dropped, and never faster than 1.15 times while somebody speaks', () => {
  const receiver = new Receiver(PCMU);
  const voice = library.encodeUlaw(
    // A tone that was always there would be the line's own floor, and not speech.
    Int16Array.from({ length: 160 * 400 }, (_, n) =>
      n < 8_000 ? 0 : Math.round(8_000 * Math.sin((2 * Math.PI * 150 * n) / 8_000)),
    ),
  );
  const packet = (n: number): Uint8Array => voice.subarray(n * 160, n * 160 + 160);
  let number = 0;
  let cutBefore = 0;
  for (let tick = 0; tick < 800; tick += 1) {
    const nowMs = tick * 20 + 2;
    // From 2 s to 3 s nothing comes, and then all of it.
    if (tick < 100 || tick >= 150)
      for (; number <= tick && number < 400; number += 1)
        receiver.jitter.push(packet(number), number, number * 160, nowMs - 2);
    const before = receiver.dsp.cutMs;
    receiver.line.take(nowMs);
    assert.ok(tick < 50 || receiver.dsp.cutMs - before <= 15);
    if (tick === 149) cutBefore = receiver.dsp.cutMs;
    if (tick === 250) {
      const cutMs = receiver.dsp.cutMs - cutBefore;
      assert.ok(cutMs >= 180, `${cutMs} ms in the two seconds since`);
      assert.ok(cutMs <= 2_000 * (0.15 / 1.15) + 15, `${cutMs} ms`);
    }
  }
  assert.is(receiver.jitter.droppedFrames, 0);
  assert.is(receiver.jitter.lostFrames, 0);
  receiver.close();
});

test('any order, loss, repetition, wrap, drift and jitter: a whole frame each tick, all audio accounted for', () => {
  const packet = fc.record({ lost: fc.boolean(), twice: fc.boolean(), lateMs: fc.integer({ min: 0, max: 400 }) });
  const leg = fc.constantFrom<MediaFormat>(PCMU, l16(8000, 10), l16(16000, 30), l16(48000, 20), l16(24000, 60));
  fc.assert(
    fc.property(
      leg,
      fc.array(packet, { maxLength: 200 }),
      fc.integer({ min: 0, max: 65_535 }),
      fc.integer({ min: -20_000, max: 20_000 }),
      (format, packets, first, ppm) => {
        const receiver = new Receiver(format);
        const { jitter, line, dsp } = receiver;
        const bytes = frameBytes(format);
        const samples = frameSamples(format);
        const arrivals = packets
          .flatMap(({ lost, twice, lateMs }, n) => {
            const ms = (n * format.ptimeMs) / (1 + ppm / 1e6) + lateMs;
            return lost
              ? []
              : twice
                ? [
                    { n, ms },
                    { n, ms: ms + 5 },
                  ]
                : [{ n, ms }];
          })
          .sort((a, b) => a.ms - b.ms);
        let at = 0;
        let taken = 0;
        const ticks = packets.length + Math.ceil(2_000 / format.ptimeMs);
        for (let tick = 0; tick < ticks; tick += 1) {
          const nowMs = tick * format.ptimeMs;
          for (; at < arrivals.length && arrivals[at]!.ms <= nowMs; at += 1) {
            const { n, ms } = arrivals[at]!;
            jitter.push(new Uint8Array(bytes).fill(n * 17), (first + n) & 0xffff, (n * samples) >>> 0, ms);
          }
          assert.is(line.take(nowMs).length, bytes);
          taken += format.ptimeMs;
          assert.ok(dsp.heldMs >= 0 && dsp.heldMs <= 2 * format.ptimeMs + 30, `${dsp.heldMs} ms in the line`);
          assert.ok(jitter.depthFrames <= LIMITS.jitterFrames);
        }
        // Heard is what came or was made up, less what was cut, with what was repeated, but for what still waits.
        // Only what never reached the depth at which the first is handed out may still wait: it is given up here.
        while (jitter.depthFrames > 0) jitter.leaveOut();
        const handedOut = jitter.receivedFrames - jitter.duplicateFrames - jitter.lateFrames - jitter.droppedFrames;
        const balance = handedOut * format.ptimeMs + dsp.concealedMs - dsp.cutMs + dsp.repeatedMs - taken - dsp.heldMs;
        assert.ok(Math.abs(balance) < 1e-6, `${balance} ms are nowhere`);
        receiver.close();
      },
    ),
    { numRuns: 60 },
  );
});

test.run();

/** Which frames of 20 ms are lost, and what four ways of going on make of the rest. */
import type { CoreExports } from '../../src/dsp/dsp-module.ts';
import { AppendixOne } from './appendix-one.ts';
import { seeded } from './traces.ts';

const FRAME = 160;

/** `burst`: losses come in runs of three on average (E. N. Gilbert, 1960); otherwise each by itself. */
export function lostFrames(frames: number, share: number, burst: boolean, seed: number): boolean[] {
  const random = seeded(seed);
  let lost = false;
  const end = burst ? 1 / 3 : 1 - share;
  const begin = burst ? (share * end) / (1 - share) : share;
  return Array.from({ length: frames }, () => (lost = lost ? random() >= end : random() < begin));
}

/** A way of going on: PCM at 8 kHz as it was sent, and which frames are lost; PCM of the same length, in step. */
export type Conceal = (sent: Int16Array, lost: readonly boolean[]) => Int16Array;

/** Nothing. */
export const withSilence: Conceal = (sent, lost) => {
  const out = sent.slice();
  lost.forEach((gone, n) => gone && out.fill(0, n * FRAME, n * FRAME + FRAME));
  return out;
};

/** The last frame once more, half as loud each time: what many do. */
export const withRepetition: Conceal = (sent, lost) => {
  const out = sent.slice();
  let run = 0;
  lost.forEach((gone, n) => {
    run = gone ? run + 1 : 0;
    if (!gone || n === 0) return;
    for (let i = 0; i < FRAME; i += 1) out[n * FRAME + i] = (out[(n - 1) * FRAME + i] ?? 0) * (run === 1 ? 1 : 0.5);
  });
  return out;
};

/** ITU-T G.711 Appendix I; its delay is taken off. */
export const withAppendixOne: Conceal = (sent, lost) => {
  const line = new AppendixOne();
  const out = new Int16Array(sent.length + FRAME);
  for (let at = 0; at + 80 <= sent.length; at += 80)
    out.set(line.frame(lost[Math.floor(at / FRAME)] === true ? null : sent.subarray(at, at + 80)), at);
  return out.slice(30, 30 + sent.length);
};

/** Ours. */
export function withOurs(core: CoreExports): Conceal {
  return (sent, lost) => {
    const region = new Int16Array(core.memory.buffer, core.SCRATCH_PCM.value, FRAME);
    const out = new Int16Array(sent.length);
    core.concealStart(8000);
    for (let n = 0; n * FRAME + FRAME <= sent.length; n += 1) {
      if (lost[n] === true) {
        core.concealFill(core.SCRATCH_PCM.value, FRAME);
      } else {
        region.set(sent.subarray(n * FRAME, n * FRAME + FRAME));
        core.concealAccept(core.SCRATCH_PCM.value, FRAME);
      }
      out.set(region, n * FRAME);
    }
    return out;
  };
}

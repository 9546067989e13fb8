import { ECHO_NOISE, ECHO_PARTITIONS, ECHO_PATH, ECHO_REFERENCE, ECHO_UNCERTAINTY, ECHO_WORK } from './layout';
import { backward, forward, SPECTRUM_BYTES } from './echo-transform';

/**
 * What does it do? Predicts the echo of what the caller was given, and learns the path that it took: 140 ms of it.
 * How does it work? A partitioned block filter in the frequency domain (overlap-save: 80 new samples in a transform of
 *   160), whose 14 partitions are learned by a Kalman filter per bin: beside each coefficient stands how uncertain it
 *   is, and the step is what that uncertainty, the reference and the power of everything that is no echo make best. So a
 *   voice at the near end lowers the step by itself. G. Enzner, P. Vary, *Frequency-domain adaptive Kalman filter for
 *   acoustic echo control in hands-free telephones*, 2006; F. Kuech et al., *State-space architecture of the partitioned-
 *   block-based acoustic echo controller*, 2014. The second half of each partition's response must be zero: one
 *   partition a block is put right, in turn.
 * How do I use it? Per block: `push(samples)` with 160 f32 of the reference (the last 80 are new), `predict(echo)`, then
 *   `learn(error)` with 80 f32 where the prediction is to be improved.
 * Not for: finding the bulk delay; the reference comes delayed.
 *
 *   reference  X₀ │ X₁ │ … │ X₁₃     newest first, a ring of spectra
 *   path       W₀ │ W₁ │ … │ W₁₃     echo = Σ Xₚ·Wₚ
 */
const BINS_BYTES: usize = 320;
/** Behind the transform's own lines. */
const SUM: usize = ECHO_WORK + 1344;
/** Power per bin that the filter does not know of yet, f32 (80): from `predict` until the end of the block. */
export const EXPECTED: usize = ECHO_WORK + 1984;
const ERROR: usize = ECHO_WORK + 2304;
const STEP: usize = ECHO_WORK + 2944;

/*
 * Chosen by the ERLE and by what near speech loses, over generated hybrids, rooms and a loudspeaker with double talk, steps
 * and slips. None of them is critical: half and twice the value cost 1–2 dB.
 */
/** How uncertain an unknown path is (as a power), and how much less from partition to partition. */
const P0: f32 = 0.05;
const P_DECAY: f32 = 0.8;
/** How much of its power a path may change from block to block. */
const DRIFT: f32 = 0.003;
/** How much of what a step promises is taken off the uncertainty: half of each transform is padding. */
const KEPT: f32 = 0.35;
/** Share of the past in the power that is left, and the least of it that counts as anything but unknown echo. */
const R_MEMORY: f32 = 0.8;
const R_SHARE: f32 = 0.3;

@unmanaged
export class EchoFilter {
  /** Which of the ring's spectra is the newest. */
  private newest: i32;
  /** Blocks since the reference was last anything but silence, at most ECHO_PARTITIONS. */
  private silentBlocks: i32;
  private turn: i32;
  /** What `predict` expected still holds: the uncertainty has not been set anew since. */
  private settled: bool;

  /** Forgets everything. */
  start(): void {
    this.newest = 0;
    this.silentBlocks = ECHO_PARTITIONS;
    this.turn = 0;
    memory.fill(ECHO_REFERENCE, 0, <usize>ECHO_PARTITIONS * SPECTRUM_BYTES);
    this.forget();
  }

  /** Forgets the path and keeps the reference. */
  forget(): void {
    memory.fill(ECHO_PATH, 0, <usize>ECHO_PARTITIONS * SPECTRUM_BYTES);
    memory.fill(ECHO_NOISE, 0, BINS_BYTES);
    this.doubt(P0);
  }

  /** Makes the path as uncertain as `power`. */
  doubt(power: f32): void {
    this.settled = false;
    for (let p = 0; p < ECHO_PARTITIONS; p++) {
      power *= P_DECAY;
      for (let k: usize = 0; k < 80; k++) {
        store<u16>(ECHO_UNCERTAINTY + <usize>p * 160 + (k << 1), <u16>(reinterpret<u32>(power) >> 16));
      }
    }
  }

  /** Multiplies the path. */
  scale(share: f32): void {
    const factor = f32x4.splat(share);
    for (let at = ECHO_PATH; at < ECHO_PATH + <usize>ECHO_PARTITIONS * SPECTRUM_BYTES; at += 16) {
      v128.store(at, f32x4.mul(v128.load(at), factor));
    }
  }

  /** Nothing of the reference is in the filter any more: the echo is zero. */
  get idle(): bool {
    return this.silentBlocks >= ECHO_PARTITIONS;
  }

  /** Takes the next block of the reference; `silent` when the new samples are all zero. */
  push(samples: usize, silent: bool): void {
    this.silentBlocks = silent ? min(this.silentBlocks + 1, ECHO_PARTITIONS) : 0;
    this.newest = this.newest == 0 ? ECHO_PARTITIONS - 1 : this.newest - 1;
    forward(ECHO_REFERENCE + <usize>this.newest * SPECTRUM_BYTES, samples);
  }

  /** Writes 80 f32 of predicted echo. */
  predict(echo: usize): void {
    for (let at: usize = 0; at < BINS_BYTES; at += 16) {
      let re = f32x4.splat(0.0);
      let im = f32x4.splat(0.0);
      let expected = f32x4.splat(0.0);
      let x = ECHO_REFERENCE + <usize>this.newest * SPECTRUM_BYTES + at;
      let w = ECHO_PATH + at;
      let u = ECHO_UNCERTAINTY + (at >> 1);
      for (let p = 0; p < ECHO_PARTITIONS; p++) {
        const xr = v128.load(x);
        const xi = v128.load(x, 320);
        const wr = v128.load(w);
        const wi = v128.load(w, 320);
        re = f32x4.add(re, f32x4.sub(f32x4.mul(xr, wr), f32x4.mul(xi, wi)));
        im = f32x4.add(im, f32x4.add(f32x4.mul(xr, wi), f32x4.mul(xi, wr)));
        const power = f32x4.add(f32x4.mul(xr, xr), f32x4.mul(xi, xi));
        expected = f32x4.add(expected, f32x4.mul(power, uncertainty(u)));
        x += SPECTRUM_BYTES;
        if (x >= ECHO_REFERENCE + <usize>ECHO_PARTITIONS * SPECTRUM_BYTES) x -= <usize>ECHO_PARTITIONS * SPECTRUM_BYTES;
        w += SPECTRUM_BYTES;
        u += 160;
      }
      v128.store(SUM + at, re);
      v128.store(SUM + at, im, 320);
      v128.store(EXPECTED + at, expected);
    }
    // Lane 0 of both halves is a real number of its own: bins 0 and 80.
    let first: f32 = 0.0;
    let last: f32 = 0.0;
    let x = ECHO_REFERENCE + <usize>this.newest * SPECTRUM_BYTES;
    let w = ECHO_PATH;
    for (let p = 0; p < ECHO_PARTITIONS; p++) {
      first += load<f32>(x) * load<f32>(w);
      last += load<f32>(x, 320) * load<f32>(w, 320);
      x += SPECTRUM_BYTES;
      if (x >= ECHO_REFERENCE + <usize>ECHO_PARTITIONS * SPECTRUM_BYTES) x = ECHO_REFERENCE;
      w += SPECTRUM_BYTES;
    }
    store<f32>(SUM, first);
    store<f32>(SUM + 320, last);
    backward(SUM, SUM);
    memory.copy(echo, SUM + 320, 320);
    this.settled = true;
  }

  /** Improves the path by what `predict` left: 80 f32. */
  learn(error: usize): void {
    // A step that belongs to another uncertainty could be far too long.
    if (!this.settled) return;
    memory.fill(ERROR, 0, 320);
    memory.copy(ERROR + 320, error, 320);
    forward(ERROR, ERROR);
    this.steps();
    for (let at: usize = 0; at < BINS_BYTES; at += 16) {
      const er = v128.load(ERROR + at);
      const ei = v128.load(ERROR + at, 320);
      const step = v128.load(STEP + at);
      let x = ECHO_REFERENCE + <usize>this.newest * SPECTRUM_BYTES + at;
      let w = ECHO_PATH + at;
      let u = ECHO_UNCERTAINTY + (at >> 1);
      for (let p = 0; p < ECHO_PARTITIONS; p++) {
        const xr = v128.load(x);
        const xi = v128.load(x, 320);
        const uncertain = uncertainty(u);
        const gain = f32x4.mul(uncertain, step);
        const sr = f32x4.mul(gain, er);
        const si = f32x4.mul(gain, ei);
        const wr = f32x4.add(v128.load(w), f32x4.add(f32x4.mul(xr, sr), f32x4.mul(xi, si)));
        const wi = f32x4.add(v128.load(w, 320), f32x4.sub(f32x4.mul(xr, si), f32x4.mul(xi, sr)));
        v128.store(w, wr);
        v128.store(w, wi, 320);
        const power = f32x4.add(f32x4.mul(xr, xr), f32x4.mul(xi, xi));
        const kept = f32x4.sub(f32x4.splat(1.0), f32x4.mul(f32x4.mul(gain, power), f32x4.splat(KEPT)));
        const size = f32x4.add(f32x4.mul(wr, wr), f32x4.mul(wi, wi));
        const next = f32x4.add(f32x4.mul(uncertain, kept), f32x4.mul(size, f32x4.splat(DRIFT)));
        storeUncertainty(u, next);
        x += SPECTRUM_BYTES;
        if (x >= ECHO_REFERENCE + <usize>ECHO_PARTITIONS * SPECTRUM_BYTES) x -= <usize>ECHO_PARTITIONS * SPECTRUM_BYTES;
        w += SPECTRUM_BYTES;
        u += 160;
      }
    }
    this.constrain(this.turn);
    this.turn = this.turn + 1 == ECHO_PARTITIONS ? 0 : this.turn + 1;
  }

  /** Step of each bin: one over all the power that is expected there, echo that is not known yet and everything else. */
  private steps(): void {
    const memory = f32x4.splat(R_MEMORY);
    const fresh = f32x4.splat(2.0 * (1.0 - R_MEMORY));
    for (let at: usize = 0; at < BINS_BYTES; at += 16) {
      const er = v128.load(ERROR + at);
      const ei = v128.load(ERROR + at, 320);
      const power = f32x4.add(f32x4.mul(er, er), f32x4.mul(ei, ei));
      const noise = f32x4.add(f32x4.mul(v128.load(ECHO_NOISE + at), memory), f32x4.mul(power, fresh));
      v128.store(ECHO_NOISE + at, noise);
      const expected = v128.load(EXPECTED + at);
      const other = f32x4.max(f32x4.sub(noise, expected), f32x4.mul(noise, f32x4.splat(R_SHARE)));
      const total = f32x4.add(f32x4.add(expected, other), f32x4.splat(100.0));
      v128.store(STEP + at, f32x4.div(f32x4.splat(1.0), total));
    }
  }

  /** Cuts what a partition says about later partitions' time. */
  private constrain(p: i32): void {
    const w = ECHO_PATH + <usize>p * SPECTRUM_BYTES;
    backward(SUM, w);
    memory.fill(SUM + 320, 0, 320);
    forward(w, SUM);
  }
}

/** Four of them as f32: they are kept as the upper half of one. */
function uncertainty(at: usize): v128 {
  return i32x4.shl(v128.load16x4_u(at), 16);
}

function storeUncertainty(at: usize, value: v128): void {
  const rounded = i32x4.shr_u(i32x4.add(value, i32x4.splat(0x8000)), 16);
  v128.store64_lane(at, i16x8.narrow_i32x4_u(rounded, rounded), 0);
}

import { logistic4, tanh4 } from './fast-math';
import {
  NEURAL_ACTIVATIONS,
  NEURAL_FEATURE_COUNT,
  NEURAL_FEATURES,
  NEURAL_INPUT,
  NEURAL_STATE,
  NEURAL_SUMS,
} from './layout';
import { GATE_BIAS, GATE_SCALE, GATE_WEIGHTS } from './voice-gate-weights';
import { VoiceFeatures } from './voice-features';
import {
  DENSE_BIAS,
  DENSE_SCALE,
  DENSE_WEIGHTS,
  FEATURE_MEAN,
  FEATURE_SCALE,
  OUT_BIAS,
  OUT_WEIGHTS,
  THRESHOLDS,
} from './voice-weights';

/**
 * What does it do? Says how likely it is that somebody is speaking, every 10 ms at 8 kHz: the neural detector.
 * How does it work? 48 features (voice-features.ts) ─▶ 32 tanh ─▶ 64 gated units ─▶ logistic. A unit keeps its value as far as
 *   its gate says: h ← z·h + (1 − z)·c; z and c see the 32 values and the 64 states of the hop before (a gated recurrent unit
 *   without reset gate: M. Ravanelli et al., *Light gated recurrent units for speech recognition*, 2018). Weights have 8 bits
 *   and a scale for each row, values 16; sums are exact. `bench/vad/train.py` makes the weights.
 * How do I use it? `start(aggressiveness)`, then `hop(samples)` with 80 i16; the answer is 0..1, and ½ is the threshold.
 * Not for: telling the caller's voice from another voice as near; speech below −73 dBov.
 *
 *   one step of a product:  weights of 4 rows × 2 columns (i8 → i16x8)
 *                           · the same two values in all lanes            =  4 sums of 2 products (i32x4)
 */
const DENSE: usize = 32;
const UNITS: usize = 64;
/** Features are kept within ±8 deviations and stand as 1/2048 of one; values within ±1 as 1/32767. */
const FEATURE_LIMIT: f32 = 16384.0;
const FEATURE_UNIT: f32 = 2048.0;
const VALUE_UNIT: f32 = 32767.0;
/** Rows that are summed at a time: eight accumulators of four. */
const ROWS: usize = 32;

@unmanaged
export class VoiceNetwork {
  private threshold: f32;
  private features: VoiceFeatures;

  /** Forgets the line. `aggressiveness` 0 hears the most, 3 rejects the most. */
  start(aggressiveness: i32, features: VoiceFeatures): void {
    this.threshold = load<f32>(THRESHOLDS + ((<usize>aggressiveness) << 2));
    this.features = features;
    features.start();
    memory.fill(NEURAL_STATE, 0, UNITS << 2);
    memory.fill(NEURAL_ACTIVATIONS, 0, (DENSE + UNITS) << 1);
  }

  /** Takes 80 i16 at 8 kHz and returns the probability of speech in them. */
  hop(samples: usize): f32 {
    this.features.hop(samples);
    return this.think();
  }

  /** One step on what is at NEURAL_FEATURES. */
  think(): f32 {
    standardise();
    multiply(DENSE_WEIGHTS, NEURAL_INPUT, (<usize>NEURAL_FEATURE_COUNT) >> 1, 1);
    for (let at: usize = 0; at < DENSE << 2; at += 16) {
      const value = tanh4(affine(at, DENSE_SCALE, DENSE_BIAS));
      storeValues(NEURAL_ACTIVATIONS + (at >> 1), value);
    }
    multiply(GATE_WEIGHTS, NEURAL_ACTIVATIONS, (DENSE + UNITS) >> 1, (2 * UNITS) / ROWS);
    let sum = f32x4.splat(0.0);
    for (let at: usize = 0; at < UNITS << 2; at += 16) {
      const keep = logistic4(affine(at, GATE_SCALE, GATE_BIAS));
      const fresh = tanh4(affine(at + (UNITS << 2), GATE_SCALE, GATE_BIAS));
      const before = v128.load(NEURAL_STATE + at);
      const state = f32x4.add(fresh, f32x4.mul(keep, f32x4.sub(before, fresh)));
      v128.store(NEURAL_STATE + at, state);
      storeValues(NEURAL_ACTIVATIONS + (DENSE << 1) + (at >> 1), state);
      sum = f32x4.add(sum, f32x4.mul(state, v128.load(OUT_WEIGHTS + at)));
    }
    const logit =
      f32x4.extract_lane(sum, 0) +
      f32x4.extract_lane(sum, 1) +
      (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3)) +
      load<f32>(OUT_BIAS);
    return f32x4.extract_lane(logistic4(f32x4.splat(logit - this.threshold)), 0);
  }
}

/** Features less their mean, in deviations, as i16. */
function standardise(): void {
  const limit = f32x4.splat(FEATURE_LIMIT);
  for (let at: usize = 0; at < (<usize>NEURAL_FEATURE_COUNT) << 2; at += 16) {
    const centred = f32x4.sub(v128.load(NEURAL_FEATURES + at), v128.load(FEATURE_MEAN + at));
    const scaled = f32x4.mul(centred, f32x4.mul(v128.load(FEATURE_SCALE + at), f32x4.splat(FEATURE_UNIT)));
    const kept = f32x4.max(f32x4.neg(limit), f32x4.min(limit, scaled));
    store16(NEURAL_INPUT + (at >> 1), kept);
  }
}

/** Sums of `blocks` × 32 rows over `pairs` pairs of i16 values, to NEURAL_SUMS as i32. */
export function multiply(weights: usize, values: usize, pairs: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let e = a;
    let f = a;
    let g = a;
    let h = a;
    for (let pair: usize = 0; pair < pairs; pair++) {
      const both = v128.load32_splat(values + (pair << 2));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(weights), both));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(weights, 8), both));
      c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load8x8_s(weights, 16), both));
      d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load8x8_s(weights, 24), both));
      e = i32x4.add(e, i32x4.dot_i16x8_s(v128.load8x8_s(weights, 32), both));
      f = i32x4.add(f, i32x4.dot_i16x8_s(v128.load8x8_s(weights, 40), both));
      g = i32x4.add(g, i32x4.dot_i16x8_s(v128.load8x8_s(weights, 48), both));
      h = i32x4.add(h, i32x4.dot_i16x8_s(v128.load8x8_s(weights, 56), both));
      weights += 64;
    }
    const sums = NEURAL_SUMS + ((block * ROWS) << 2);
    v128.store(sums, a);
    v128.store(sums, b, 16);
    v128.store(sums, c, 32);
    v128.store(sums, d, 48);
    v128.store(sums, e, 64);
    v128.store(sums, f, 80);
    v128.store(sums, g, 96);
    v128.store(sums, h, 112);
  }
}

/** Four sums with their scales and biases, `at` bytes into the rows. */
export function affine(at: usize, scale: usize, bias: usize): v128 {
  const sums = f32x4.convert_i32x4_s(v128.load(NEURAL_SUMS + at));
  return f32x4.add(f32x4.mul(sums, v128.load(scale + at)), v128.load(bias + at));
}

/** Four values within ±1, as i16. */
export function storeValues(target: usize, values: v128): void {
  store16(target, f32x4.mul(values, f32x4.splat(VALUE_UNIT)));
}

/** Rounds four f32 to i16; not a number becomes 0. */
export function store16(target: usize, values: v128): void {
  const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(values));
  v128.store64_lane(target, i16x8.narrow_i32x4_s(whole, whole), 0);
}

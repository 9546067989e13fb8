import { RATE_ACTIVATIONS, RATE_FEATURES, RATE_INPUT, RATE_STATE, SUSPECT_TOO_FAST, SUSPECT_TOO_SLOW } from './layout';
import { across, logistic4, tanh4 } from './fast-math';
import { RATE_FEATURE_COUNT, RateFeatures } from './rate-features';
import {
  RATE_DENSE_BIAS,
  RATE_DENSE_SCALE,
  RATE_DENSE_WEIGHTS,
  RATE_GATE_BIAS,
  RATE_GATE_SCALE,
  RATE_GATE_WEIGHTS,
  RATE_MEAN,
  RATE_OUT,
  RATE_OUT_BIAS,
  RATE_SCALE,
  placeRateWeights,
} from './rate-weights';
import { affine, multiply, store16, storeValues } from './voice-network';

/**
 * What does it do? Notices a voice that is much too fast or too slow: audio of one rate that is taken for another.
 * How does it work? Of each 40 ms that are audible, 32 features (rate-features.ts) ─▶ 32 tanh ─▶ 16 gated units ─▶ two logits:
 *   the odds, as a logarithm, that what was heard so far is too slow, and too fast. Units, weights and kernel are as in
 *   voice-network.ts; `bench/lies/rate_train.py` makes the weights. A suspicion takes odds that honest audio hardly has; of a slow
 *   voice, well above them or for longer: single words of a deep one are drawn out, and for a moment sound too slow.
 * How do I use it? `start(rateHz, features)`, then `hear` with each frame; `suspects` has the bits.
 * Not for: factors below two, which stay within what voices are; music.
 */
const DENSE: usize = 32;
const UNITS: usize = 16;
/** As in voice-network.ts: features are kept within ±8 deviations, and stand as 1/2048 of one. */
const FEATURE_LIMIT: f32 = 16384.0;
const FEATURE_UNIT: f32 = 2048.0;
/** From which odds on it is suspected, and below which no more. */
const SUSPECTED: f32 = 3.0;
const CLEARED: f32 = 0.0;
/** By so much, added up over the blocks of one stretch, the odds of too slow have to be beyond that. */
const SLOW_EXCESS: f32 = 1.0;

@unmanaged
export class RateSuspicion {
  /** Bits 1 << SUSPECT_. */
  suspects: i32;
  /** The highest odds of this block. */
  odds: f32;
  private features: RateFeatures;
  /** What the odds of too slow were beyond SUSPECTED, since they last were not. */
  private slowExcess: f32;

  start(rateHz: i32, features: RateFeatures): void {
    this.suspects = 0;
    this.odds = 0.0;
    this.slowExcess = 0.0;
    this.features = features;
    features.start(rateHz);
    memory.fill(RATE_STATE, 0, UNITS << 2);
  }

  hear(pcm: usize, samples: i32): void {
    while (samples > 0) {
      const taken = this.features.take(pcm, samples);
      if (taken == 0) return;
      pcm += (<usize>taken) << 1;
      samples -= taken;
      if (this.features.ready) this.think();
    }
  }

  /** One step on what is at RATE_FEATURES. */
  private think(): void {
    placeRateWeights();
    standardise();
    multiply(RATE_DENSE_WEIGHTS, RATE_INPUT, (<usize>RATE_FEATURE_COUNT) >> 1, 1);
    for (let at: usize = 0; at < DENSE << 2; at += 16) {
      storeValues(RATE_ACTIVATIONS + (at >> 1), tanh4(affine(at, RATE_DENSE_SCALE, RATE_DENSE_BIAS)));
    }
    const states = RATE_ACTIVATIONS + (DENSE << 1);
    for (let at: usize = 0; at < UNITS << 2; at += 16) storeValues(states + (at >> 1), v128.load(RATE_STATE + at));
    multiply(RATE_GATE_WEIGHTS, RATE_ACTIVATIONS, (DENSE + UNITS) >> 1, 1);
    let slow = f32x4.splat(0.0);
    let fast = slow;
    for (let at: usize = 0; at < UNITS << 2; at += 16) {
      const keep = logistic4(affine(at, RATE_GATE_SCALE, RATE_GATE_BIAS));
      const fresh = tanh4(affine(at + (UNITS << 2), RATE_GATE_SCALE, RATE_GATE_BIAS));
      const state = f32x4.add(fresh, f32x4.mul(keep, f32x4.sub(v128.load(RATE_STATE + at), fresh)));
      v128.store(RATE_STATE + at, state);
      slow = f32x4.add(slow, f32x4.mul(state, v128.load(RATE_OUT + at)));
      fast = f32x4.add(fast, f32x4.mul(state, v128.load(RATE_OUT + (UNITS << 2) + at)));
    }
    const slowOdds = across(slow) + load<f32>(RATE_OUT_BIAS);
    const fastOdds = across(fast) + load<f32>(RATE_OUT_BIAS, 4);
    this.odds = max(slowOdds, fastOdds);
    const beyond = slowOdds - SUSPECTED;
    this.slowExcess = beyond > 0.0 ? min(SLOW_EXCESS, this.slowExcess + beyond) : <f32>0.0;
    this.judge(SUSPECT_TOO_SLOW, this.slowExcess == SLOW_EXCESS, slowOdds);
    this.judge(SUSPECT_TOO_FAST, fastOdds > SUSPECTED, fastOdds);
  }

  private judge(suspect: i32, stands: bool, odds: f32): void {
    if (stands) this.suspects |= 1 << suspect;
    else if (odds < CLEARED) this.suspects &= ~(1 << suspect);
  }
}

/** Features less their mean, in deviations, as i16. */
function standardise(): void {
  const limit = f32x4.splat(FEATURE_LIMIT);
  for (let at: usize = 0; at < (<usize>RATE_FEATURE_COUNT) << 2; at += 16) {
    const centred = f32x4.sub(v128.load(RATE_FEATURES + at), v128.load(RATE_MEAN + at));
    const scaled = f32x4.mul(centred, f32x4.mul(v128.load(RATE_SCALE + at), f32x4.splat(FEATURE_UNIT)));
    store16(RATE_INPUT + (at >> 1), f32x4.max(f32x4.neg(limit), f32x4.min(limit, scaled)));
  }
}

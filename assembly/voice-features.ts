import { planTransform, powersOf, realPartsOf, transform } from './fft';
import { ln4 } from './fast-math';
import {
  NEURAL_BAND_EDGES,
  NEURAL_BANDS,
  NEURAL_FEATURES,
  NEURAL_FRAME,
  NEURAL_LAGS,
  NEURAL_PITCHES,
  NEURAL_POWERS,
  NEURAL_WINDOW,
  VOICE_SPECTRUM,
} from './layout';
import { sinPi } from './trigonometry';

/**
 * What does it do? Describes 10 ms of a telephone line in 48 numbers: what the neural detector hears.
 * How does it work? The last 32 ms are windowed (long rise, short fall: the newest samples count at once) and transformed.
 *   Of 20 bands the log power is taken, against the band's own floor (the least of the last 1 to 2 s) and against
 *   the loudest sound of late; then level, change, flatness, and how periodic the sound is: the greatest value of the
 *   autocorrelation between 70 and 400 Hz, of a spectrum whose bands weigh what they stand above their floors.
 *   Besides, that autocorrelation is followed from hop to hop along pitches that move by at most two lags: `voicing`.
 * How do I use it? `start()`, then `hop(samples)` with 80 i16; 48 f32 are at NEURAL_FEATURES, and `voicing` beside them.
 * Not for: anything that must be exact: the logarithm is good to 10⁻⁴.
 */
const HOP_SAMPLES: usize = 80;
const FRAME_SAMPLES: i32 = 256;
const RISE_SAMPLES: i32 = 208;
const BANDS: usize = 20;
/** Hops of one half of the minimum search. */
const MINIMUM_HOPS: i32 = 100;
/** −73 dBov as a variance, and its logarithm: what is quieter reads as silence. */
const SILENCE_POWER: f32 = 50.0;
const LN_SILENCE: f32 = 3.912023;
/** Share of the past in the smoothed log power. */
const SMOOTHING: f32 = 0.6;
/** How fast the loudest level falls, in nepers of power a hop (1.3 dB/s), its rise towards a louder one, its least (−55 dBov). */
const LOUDEST_FALL: f32 = 0.003;
const LOUDEST_RISE: f32 = 0.2;
const LOUDEST_MIN: f32 = 8.1;
/** Lags of the pitch search, samples: 400 Hz to 70 Hz. */
const LAG_MIN: usize = 20;
const LAG_END: usize = 115;
/** Share of the past in a pitch that is followed. */
const PITCH_KEPT: f32 = 0.8;

/** Rows of 20 f32 each at NEURAL_BANDS: log power, the hop's before it, smoothed, least of two spans. */
const LOG: usize = NEURAL_BANDS;
const BEFORE: usize = NEURAL_BANDS + 80;
const SMOOTHED: usize = NEURAL_BANDS + 160;
const MINIMUM: usize = NEURAL_BANDS + 240;
const NEXT_MINIMUM: usize = NEURAL_BANDS + 320;

/** Rows of the features. */
const ABOVE_FLOOR: usize = NEURAL_FEATURES;
const BESIDE_LOUDEST: usize = NEURAL_FEATURES + 80;
const REST: usize = NEURAL_FEATURES + 160;
/** Bytes of a row, and what the mean of one is multiplied with. */
const ROW: usize = BANDS << 2;
const MEAN: f32 = 0.05;

/** Fills the window (white noise of variance v has power v in every bin) and the transform's tables. */
export function planFeatures(): void {
  planTransform();
  let energy: f64 = 0.0;
  for (let i = 0; i < FRAME_SAMPLES; i++) {
    const quarter =
      i < RISE_SAMPLES
        ? (<f64>i + 0.5) / <f64>RISE_SAMPLES
        : (<f64>(FRAME_SAMPLES - i) - 0.5) / <f64>(FRAME_SAMPLES - RISE_SAMPLES);
    const root = sinPi(0.5 * quarter);
    energy += root * root * root * root;
    store<f32>(NEURAL_WINDOW + ((<usize>i) << 2), <f32>(root * root));
  }
  const scale = <f32>(1.0 / Math.sqrt(energy));
  for (let at: usize = 0; at < (<usize>FRAME_SAMPLES) << 2; at += 4) {
    store<f32>(NEURAL_WINDOW + at, load<f32>(NEURAL_WINDOW + at) * scale);
  }
  planLags();
}

/** What a window takes from the autocorrelation at a lag is given back, up to ten times. */
function planLags(): void {
  for (let lag = 0; lag < 128; lag++) {
    let sum: f64 = 0.1;
    for (let i = lag; i < FRAME_SAMPLES; i++) {
      sum +=
        <f64>load<f32>(NEURAL_WINDOW + ((<usize>i) << 2)) * <f64>load<f32>(NEURAL_WINDOW + ((<usize>(i - lag)) << 2));
    }
    store<f32>(NEURAL_LAGS + ((<usize>lag) << 2), <f32>(1.1 / sum));
  }
}

@unmanaged
export class VoiceFeatures {
  private hops: i32;
  /** Log power of the loudest sound of late. */
  private loudest: f32;
  /** How surely there is a pitch that goes on from hop to hop, 0..1; 0.1 to 0.2 of noise, 0.25 to 0.6 of a vowel. */
  voicing: f32;

  /** Forgets the line. */
  start(): void {
    this.hops = 0;
    this.loudest = LOUDEST_MIN;
    this.voicing = 0.0;
    memory.fill(NEURAL_PITCHES, 0, 100 * 4);
    memory.fill(NEURAL_FRAME, 0, (<usize>FRAME_SAMPLES) << 2);
    memory.fill(NEURAL_BANDS, 0, 5 * ROW);
    memory.fill(NEURAL_FEATURES, 0, 48 * 4);
  }

  /** Takes 80 i16 at 8 kHz. */
  hop(samples: usize): void {
    this.analyse(samples);
    const level = this.measureBands();
    this.followFloors();
    this.describe(level);
    store<f32>(REST + 16, this.weighSpectrum());
    this.findPitch();
    this.hops += 1;
  }

  private analyse(samples: usize): void {
    const kept = (<usize>FRAME_SAMPLES - HOP_SAMPLES) << 2;
    memory.copy(NEURAL_FRAME, NEURAL_FRAME + (HOP_SAMPLES << 2), kept);
    let at: usize = NEURAL_FRAME + kept;
    for (let from = samples; from < samples + (HOP_SAMPLES << 1); from += 8, at += 16) {
      v128.store(at, f32x4.convert_i32x4_s(v128.load16x4_s(from)));
    }
    for (let i: usize = 0; i < (<usize>FRAME_SAMPLES) << 2; i += 16) {
      v128.store(VOICE_SPECTRUM + i, f32x4.mul(v128.load(NEURAL_FRAME + i), v128.load(NEURAL_WINDOW + i)));
    }
    transform(VOICE_SPECTRUM);
    powersOf(NEURAL_POWERS, VOICE_SPECTRUM);
  }

  /** Log power of each band; returns the mean power of all. */
  private measureBands(): f32 {
    memory.copy(BEFORE, LOG, ROW);
    let all: f32 = 0.0;
    for (let band: usize = 0; band < BANDS; band++) {
      const first = <usize>load<u8>(NEURAL_BAND_EDGES + band);
      const end = <usize>load<u8>(NEURAL_BAND_EDGES + band, 1);
      let power: f32 = 0.0;
      for (let bin = first; bin < end; bin++) power += load<f32>(NEURAL_POWERS + (bin << 2));
      all += power;
      store<f32>(LOG + (band << 2), power / <f32>(end - first) + SILENCE_POWER);
    }
    for (let at: usize = LOG; at < LOG + ROW; at += 16) v128.store(at, ln4(v128.load(at)));
    return all / 119.0;
  }

  /** Moves the smoothed powers and the floors. */
  private followFloors(): void {
    if (this.hops == 0) {
      memory.copy(BEFORE, LOG, ROW);
      memory.copy(SMOOTHED, LOG, ROW);
      memory.copy(MINIMUM, LOG, ROW);
      memory.copy(NEXT_MINIMUM, LOG, ROW);
    }
    const turn = this.hops % MINIMUM_HOPS == 0;
    const past = f32x4.splat(SMOOTHING);
    const present = f32x4.splat(<f32>1.0 - SMOOTHING);
    for (let at: usize = 0; at < ROW; at += 16) {
      const fresh = f32x4.mul(v128.load(LOG + at), present);
      const smoothed = f32x4.add(f32x4.mul(v128.load(SMOOTHED + at), past), fresh);
      const next = v128.load(NEXT_MINIMUM + at);
      v128.store(SMOOTHED + at, smoothed);
      v128.store(MINIMUM + at, f32x4.min(turn ? next : v128.load(MINIMUM + at), smoothed));
      v128.store(NEXT_MINIMUM + at, turn ? smoothed : f32x4.min(next, smoothed));
    }
  }

  /** Writes all features but the two of the pitch. `power` is the mean of all bins. */
  private describe(power: f32): void {
    const level = f32x4.extract_lane(ln4(f32x4.splat(power + SILENCE_POWER)), 0);
    const above = level - this.loudest;
    this.loudest = above > 0.0 ? this.loudest + LOUDEST_RISE * above : max(LOUDEST_MIN, this.loudest - LOUDEST_FALL);

    const loudest = f32x4.splat(this.loudest);
    let logs = f32x4.splat(0.0);
    let heights = f32x4.splat(0.0);
    let changes = f32x4.splat(0.0);
    for (let at: usize = 0; at < ROW; at += 16) {
      const log = v128.load(LOG + at);
      const height = f32x4.sub(log, v128.load(MINIMUM + at));
      const change = f32x4.sub(log, v128.load(BEFORE + at));
      v128.store(ABOVE_FLOOR + at, height);
      v128.store(BESIDE_LOUDEST + at, f32x4.sub(log, loudest));
      logs = f32x4.add(logs, log);
      heights = f32x4.add(heights, height);
      changes = f32x4.add(changes, f32x4.abs(change));
    }
    store<f32>(REST, level - LN_SILENCE);
    store<f32>(REST + 4, sumOf(heights) * MEAN);
    store<f32>(REST + 8, level - this.loudest);
    store<f32>(REST + 12, sumOf(logs) * MEAN - level);
    store<f32>(REST + 20, sumOf(changes) * MEAN);
  }

  /**
   * Makes the spectrum for the pitch in VOICE_SPECTRUM: power of each bin over that of its band, weighed with the part
   * of the band that stands above its floor. Returns the mean weight.
   */
  private weighSpectrum(): f32 {
    memory.fill(VOICE_SPECTRUM, 0, (<usize>FRAME_SAMPLES) << 2);
    let all: f32 = 0.0;
    for (let band: usize = 0; band < BANDS; band++) {
      // Noise lies about 1 neper above its own minimum.
      const height = load<f32>(ABOVE_FLOOR + (band << 2));
      const weight = min<f32>(1.0, max<f32>(0.0, (height - <f32>1.0) * 0.5));
      all += weight;
      if (weight == 0.0) continue;
      const first = <usize>load<u8>(NEURAL_BAND_EDGES + band);
      const end = <usize>load<u8>(NEURAL_BAND_EDGES + band, 1);
      let power: f32 = SILENCE_POWER;
      for (let bin = first; bin < end; bin++) power += load<f32>(NEURAL_POWERS + (bin << 2));
      const scale = (weight * <f32>(end - first)) / power;
      for (let bin = first; bin < end; bin++) {
        const weighed = load<f32>(NEURAL_POWERS + (bin << 2)) * scale;
        store<f32>(VOICE_SPECTRUM + (bin << 2), weighed);
        // Even, so that the transform is real.
        store<f32>(VOICE_SPECTRUM + ((<usize>FRAME_SAMPLES - bin) << 2), weighed);
      }
    }
    return all * MEAN;
  }

  /** How periodic the sound is (0..1), and its period against 128 samples. */
  private findPitch(): void {
    let sums = f32x4.splat(0.0);
    for (let at: usize = 0; at < 512; at += 16) sums = f32x4.add(sums, v128.load(VOICE_SPECTRUM + at));
    const sum = sumOf(sums);
    let highest: f32 = 0.0;
    let lag = LAG_END;
    // White noise of full weight sums to about 105: one that is hardly there is not taken for a tone.
    const full = <f32>2.0 * sum + <f32>20.0;
    if (sum > 0.0) {
      transform(VOICE_SPECTRUM);
      realPartsOf(NEURAL_POWERS, VOICE_SPECTRUM);
      highest = highestOfLags();
      if (highest > 0.0) lag = lagOf(highest);
      highest /= full;
    } else {
      memory.fill(NEURAL_POWERS, 0, (LAG_END + 1) << 2);
    }
    this.voicing = followPitches(<f32>1.0 / full);
    store<f32>(REST + 24, highest);
    store<f32>(REST + 28, <f32>lag * 0.0078125);
  }
}

/** The autocorrelation at a lag. */
function atLag(lag: usize): f32 {
  return load<f32>(NEURAL_POWERS + (lag << 2)) * load<f32>(NEURAL_LAGS + (lag << 2));
}

/**
 * Adds the hop's autocorrelation, of which 1 is `unit` of a tone, to the best of what was within two lags of each in the hop before;
 * returns the best of all (dynamic programming along the pitch). Chance peaks of noise are somewhere else in each hop.
 */
function followPitches(unit: f32): f32 {
  const kept = f32x4.splat(PITCH_KEPT);
  const fresh = f32x4.splat((<f32>1.0 - PITCH_KEPT) * unit);
  let best = f32x4.splat(0.0);
  for (let lag = LAG_MIN; lag < LAG_END; lag += 4) {
    const at = NEURAL_PITCHES + ((lag - LAG_MIN) << 2);
    const beside = f32x4.max(
      f32x4.max(v128.load(at), v128.load(at, 4)),
      f32x4.max(v128.load(at, 12), v128.load(at, 16)),
    );
    const before = f32x4.mul(f32x4.max(beside, v128.load(at, 8)), kept);
    const value = f32x4.mul(v128.load(NEURAL_POWERS + (lag << 2)), v128.load(NEURAL_LAGS + (lag << 2)));
    const score = f32x4.max(f32x4.add(before, f32x4.mul(value, fresh)), f32x4.splat(0.0));
    v128.store(VOICE_SPECTRUM + ((lag - LAG_MIN) << 2), score);
    best = f32x4.max(best, score);
  }
  memory.copy(NEURAL_PITCHES + 8, VOICE_SPECTRUM, (LAG_END + 1 - LAG_MIN) << 2);
  return max(
    max(f32x4.extract_lane(best, 0), f32x4.extract_lane(best, 1)),
    max(f32x4.extract_lane(best, 2), f32x4.extract_lane(best, 3)),
  );
}

/** The greatest at any lag of the search, or 0. */
function highestOfLags(): f32 {
  let best = f32x4.splat(0.0);
  let at = LAG_MIN;
  for (; at + 4 <= LAG_END; at += 4) {
    const values = f32x4.mul(v128.load(NEURAL_POWERS + (at << 2)), v128.load(NEURAL_LAGS + (at << 2)));
    best = f32x4.pmax(best, values);
  }
  let highest = max(
    max(f32x4.extract_lane(best, 0), f32x4.extract_lane(best, 1)),
    max(f32x4.extract_lane(best, 2), f32x4.extract_lane(best, 3)),
  );
  for (; at < LAG_END; at++) highest = max(highest, atLag(at));
  return highest;
}

/** The shortest lag that has it. */
function lagOf(highest: f32): usize {
  let at = LAG_MIN;
  while (at < LAG_END && atLag(at) < highest) at++;
  return at;
}

function sumOf(four: v128): f32 {
  return (
    f32x4.extract_lane(four, 0) +
    f32x4.extract_lane(four, 1) +
    (f32x4.extract_lane(four, 2) + f32x4.extract_lane(four, 3))
  );
}

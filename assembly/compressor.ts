/**
 * What does it do? Makes loud parts quieter, so that all of it can be made louder: 3 dB more in, above the threshold,
 *   give 1 dB more out; then a make-up gain.
 * How does it work? Feed-forward, in blocks of 1 ms. The mean square of a block goes through one pole of 5 ms (attack).
 *   Its level in dBov meets a curve with a quadratic knee of 6 dB (D. Giannoulis, M. Massberg, J. D. Reiss, *Digital
 *   dynamic range compressor design*, 2012). The reduction grows at once and falls back through one pole of 120 ms, in dB.
 *   The gain moves to the result in a straight line over the next block.
 * How do I use it? `start`, then `apply` on pieces no longer than `room`; `rest` for time without sound.
 * Not for: a ceiling. It looks back only; what is above the ceiling is the caller's to cut off.
 */
const RATIO_SLOPE: f64 = 1.0 - 1.0 / 3.0;
const KNEE_DB: f64 = 6.0;
/** 1 − e^(−1/5) and e^(−1/120). */
const ATTACK_SHARE: f64 = 0.18126924692201818;
const RELEASE_KEPT: f64 = 0.991701292638876;
/** 32768²: the mean square of 0 dBov. */
const OVERLOAD: f64 = 1073741824.0;
/** log2(10)/20: dB to octaves of gain. */
const OCTAVES_PER_DB: f64 = 0.16609640474436813;
/** A mean square and a reduction (dB) that are as good as none. */
const LEAST_POWER: f64 = 1e-6;
const LEAST_DB: f64 = 1e-4;

@unmanaged
export class Compressor {
  private thresholdDb: f64;
  private makeupDb: f64;
  private makeupGain: f64;
  /** Mean square below which the curve does nothing. */
  private kneePower: f64;
  private blockSamples: i32;
  /** Samples of the present block still to come. */
  private left: i32;
  private energy: f64;
  private power: f64;
  private reductionDb: f64;
  private gain: f64;
  /** Where the gain is at the end of this block, and how far it moves with each sample. */
  private target: f64;
  private step: f64;

  /** Threshold in dBov, make-up in dB; a sine of full scale has −3.01 dBov. `rateHz` is a multiple of 1000. */
  start(thresholdDb: f64, makeupDb: f64, rateHz: i32): void {
    this.thresholdDb = thresholdDb;
    this.makeupDb = makeupDb;
    this.makeupGain = gainOf(makeupDb);
    const kneeGain = gainOf(thresholdDb - KNEE_DB * 0.5);
    this.kneePower = kneeGain * kneeGain * OVERLOAD;
    this.blockSamples = rateHz / 1000;
    this.left = this.blockSamples;
    this.energy = 0.0;
    this.power = 0.0;
    this.reductionDb = 0.0;
    this.gain = this.makeupGain;
    this.target = this.makeupGain;
    this.step = 0.0;
  }

  /** How many samples `apply` takes at most. */
  get room(): i32 {
    return this.left;
  }

  /** Changes `samples` f64 in place: not more than `room`. */
  apply(line: usize, samples: i32): void {
    const step = this.step;
    let gain = this.gain;
    let energy = this.energy;
    const end = line + ((<usize>samples) << 3);
    for (let at = line; at < end; at += 8) {
      const x = load<f64>(at);
      energy += x * x;
      gain += step;
      store<f64>(at, x * gain);
    }
    this.gain = gain;
    this.energy = energy;
    this.left -= samples;
    if (this.left == 0) this.endBlock();
  }

  /** `samples` samples of silence go by. */
  rest(samples: i32): void {
    let rest = samples;
    while (rest > 0) {
      const part = min(rest, this.left);
      this.gain += this.step * <f64>part;
      this.left -= part;
      rest -= part;
      if (this.left == 0) this.endBlock();
    }
  }

  private endBlock(): void {
    const mean = this.energy / <f64>this.blockSamples;
    this.energy = 0.0;
    this.left = this.blockSamples;
    const power = this.power + (mean - this.power) * ATTACK_SHARE;
    this.power = power < LEAST_POWER ? 0.0 : power;

    const wantedDb = this.power <= this.kneePower ? 0.0 : this.curve(10.0 * Math.log10(this.power / OVERLOAD));
    const fallingDb = wantedDb + (this.reductionDb - wantedDb) * RELEASE_KEPT;
    const reductionDb = max(wantedDb, fallingDb);
    this.reductionDb = reductionDb < LEAST_DB ? 0.0 : reductionDb;

    this.gain = this.target;
    this.target = this.reductionDb == 0.0 ? this.makeupGain : gainOf(this.makeupDb - this.reductionDb);
    this.step = (this.target - this.gain) / <f64>this.blockSamples;
  }

  /** How far a steady `levelDb` is brought down, dB. */
  private curve(levelDb: f64): f64 {
    const overDb = levelDb - this.thresholdDb;
    if (overDb >= KNEE_DB * 0.5) return RATIO_SLOPE * overDb;
    const intoKneeDb = max(0.0, overDb + KNEE_DB * 0.5);
    return (RATIO_SLOPE * intoKneeDb * intoKneeDb) / (2.0 * KNEE_DB);
  }
}

/** 10^(db/20): a power of two, and e^x by its power series for what is left. (The standard library's brings tables.) */
function gainOf(db: f64): f64 {
  const octaves = db * OCTAVES_PER_DB;
  const whole = nearest(octaves);
  const x = (octaves - whole) * 0.6931471805599453;
  let sum = 1.0;
  for (let k = 12; k > 0; k--) sum = 1.0 + (sum * x) / <f64>k;
  return sum * reinterpret<f64>((<i64>whole + 1023) << 52);
}

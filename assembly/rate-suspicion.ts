import { PITCH_LOUDEST, PITCH_NEXT, PITCH_SAMPLES, SUSPECT_TOO_FAST, SUSPECT_TOO_SLOW } from './layout';

/**
 * What does it do? Notices a voice that is much too fast or too slow: audio of one rate that is taken for another.
 * How does it work? Of each half second the loudest 60 ms are kept, at 4 kHz (a mean of each few samples). Their pitch (the first
 *   high peak of the normalised autocorrelation) and their mean frequency (of the differences against the samples) both go up
 *   with the rate at which a voice is played, and people differ less in both together than a factor of two makes. Three half
 *   seconds more have to say so than say otherwise.
 * How do I use it? `start(rateHz)`, then `hear` with each frame and its sums of signal-measure.ts; `suspects` has the bits.
 * Not for: factors below two, which stay within what voices are; music.
 */
/** Samples of the autocorrelation and its lags: 33 to 667 Hz. */
const COMPARED: i32 = 120;
const SHORTEST: i32 = 6;
const LONGEST: i32 = 120;
/** Least correlation of a voice, and share of the highest that the first peak has. */
const VOICED: f32 = 0.6;
const PEAK_SHARE: f32 = 0.92;
/** Mean square that is worth listening to (−41 dBov), and how far a voice rises and falls in half a second, in power. */
const AUDIBLE: f32 = 90000.0;
const LIVELY: f32 = 10.0;
/** Pitch times mean frequency, Hz²: voices have 2¹⁴ to 2¹⁷·⁸; and the pitch itself. */
const FAST_PRODUCT: f32 = 300000.0;
const FAST_PITCH: f32 = 220.0;
const SLOW_PRODUCT: f32 = 15000.0;
const SLOW_PITCH: f32 = 85.0;
/** Half seconds that have to say so, more than say otherwise; and the most that are remembered. */
const ENOUGH: i32 = 3;
const MOST: i32 = 4;

@unmanaged
export class RateSuspicion {
  /** Bits 1 << SUSPECT_. */
  suspects: i32;
  private rateHz: i32;
  private samples: i32;
  /** The 60 ms that come in: how many are there, their energy and that of their differences. */
  private filled: i32;
  private energy: f32;
  private difference: f32;
  /** The loudest of this half second, and the least and greatest energy of a frame of it. */
  private loudest: f32;
  private loudestDifference: f32;
  private least: f32;
  private most: f32;
  /** Of the last half second with a pitch. */
  private lag: i32;
  private fast: i32;
  private slow: i32;

  start(rateHz: i32): void {
    this.suspects = 0;
    this.rateHz = rateHz;
    this.samples = 0;
    this.filled = 0;
    this.energy = 0.0;
    this.difference = 0.0;
    this.lag = 0;
    this.fast = 0;
    this.slow = 0;
    this.clear();
  }

  hear(pcm: usize, samples: i32, energy: f32, difference: f32): void {
    const step = this.rateHz / 4000;
    this.energy += energy;
    this.difference += difference;
    this.least = min(this.least, energy);
    this.most = max(this.most, energy);
    for (let n = 0; n + step <= samples; n += step) {
      let sum = 0;
      for (let k = 0; k < step; k++) sum += <i32>load<i16>(pcm + ((<usize>(n + k)) << 1));
      store<i16>(PITCH_NEXT + ((<usize>this.filled) << 1), <i16>(sum / step));
      this.filled += 1;
      if (this.filled == PITCH_SAMPLES) this.keep();
    }
    this.samples += samples;
    if (this.samples < this.rateHz >> 1) return;
    this.judge();
    this.clear();
  }

  /** 60 ms are there. */
  private keep(): void {
    if (this.energy > this.loudest) {
      this.loudest = this.energy;
      this.loudestDifference = this.difference;
      memory.copy(PITCH_LOUDEST, PITCH_NEXT, (<usize>PITCH_SAMPLES) << 1);
    }
    this.filled = 0;
    this.energy = 0.0;
    this.difference = 0.0;
  }

  private judge(): void {
    const rate = <f32>this.rateHz;
    if (this.loudest < AUDIBLE * rate * <f32>0.06 || this.most < this.least * LIVELY) return;
    const lag = pitchLag(PITCH_LOUDEST);
    if (lag == 0) return;
    const pitch = <f32>4000.0 / <f32>lag;
    // A voice glides; a note, and what a chord has for a pitch, stays where it is.
    const glides = abs(lag - this.lag) >= 2;
    this.lag = lag;
    // 2·sin(ω/2) is near enough to ω below a sixth of the rate, where voices are.
    const mean = (rate * Mathf.sqrt(this.loudestDifference / this.loudest)) / <f32>6.2831855;
    const product = pitch * mean;
    this.fast = counted(this.fast, product > FAST_PRODUCT && pitch > FAST_PITCH);
    this.slow = counted(this.slow, glides && product < SLOW_PRODUCT && pitch < SLOW_PITCH);
    this.suspects = this.fast >= ENOUGH ? 1 << SUSPECT_TOO_FAST : 0;
    if (this.slow >= ENOUGH) this.suspects |= 1 << SUSPECT_TOO_SLOW;
  }

  private clear(): void {
    this.samples = 0;
    this.loudest = 0.0;
    this.loudestDifference = 0.0;
    this.least = f32.MAX_VALUE;
    this.most = 0.0;
  }
}

function counted(count: i32, yes: bool): i32 {
  return yes ? min(MOST, count + 1) : max(0, count - 1);
}

/** The period of 240 i16, in samples; 0 when they have no pitch. */
function pitchLag(pcm: usize): i32 {
  const own = product(pcm, pcm);
  let highest: f32 = 0.0;
  for (let lag = SHORTEST; lag <= LONGEST; lag++) highest = max(highest, likeness(pcm, lag, own));
  if (highest < VOICED) return 0;
  for (let lag = SHORTEST; lag <= LONGEST; lag++) {
    if (likeness(pcm, lag, own) > highest * PEAK_SHARE) return lag;
  }
  return 0;
}

function likeness(pcm: usize, lag: i32, own: f32): f32 {
  const later = pcm + ((<usize>lag) << 1);
  const other = product(later, later);
  return product(pcm, later) / Mathf.sqrt(own * other + <f32>1.0);
}

function product(a: usize, b: usize): f32 {
  let sum = f32x4.splat(0.0);
  for (let at: usize = 0; at < (<usize>COMPARED) << 1; at += 16) {
    const pairs = i32x4.dot_i16x8_s(v128.load(a + at), v128.load(b + at));
    sum = f32x4.add(sum, f32x4.convert_i32x4_s(pairs));
  }
  return (
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3)
  );
}

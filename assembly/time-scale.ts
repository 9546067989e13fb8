import { SCALE_LINE, SCALE_LINE_SAMPLES, SCRATCH_PCM } from './layout';

/**
 * What does it do? Makes what waits of the caller's speech shorter or longer without changing its pitch: a backlog is drained,
 *   a buffer that is too shallow filled, and the drift of two clocks taken up, with no sample dropped or doubled audibly.
 * How does it work? WSOLA (W. Verhelst and M. Roelands, 1993): one stretch of 2.5 to 15 ms is cut out, or played twice, where
 *   the waveform resembles itself most (normalised cross-correlation over up to 10 ms), and the seam is cross-faded over 5 ms.
 *   Speech is never faster than 1.15× or slower than 1 / 1.15×: a cut or a repeat of n samples is allowed once so many samples
 *   have been heard as n is 15 % of. In a pause it may be twice as fast or nearly half as slow, and a cut ends where a packet does, so that
 *   the line is empty again behind it.
 * How do I use it? `append` what came, `adjust(…)` when there is too much or too little, `take` a frame.
 * Not for: changing the speed of a recording; music.
 *
 *   cut      ┌ a ┬──────── lag ───────┬ b ┬─────       b resembles a: a fades into b, and what follows b follows
 *   repeat   ┌ a ┬──────── lag ───────┬ b ┬─────       b fades into a, and what follows a follows once more
 */
const LAG_MIN_AT_8K: i32 = 20;
const LAG_MAX_AT_8K: i32 = 120;
const FADE_AT_8K: i32 = 40;
const TEMPLATE_AT_8K: i32 = 80;
/** What is compared at least. */
const TEMPLATE_MIN_AT_8K: i32 = 32;
/** Share of what is heard that may be cut out or repeated: 1.15×. */
const SHARE: f32 = 0.15 / 1.15;
/** Likeness that a seam needs: before all lags are allowed, while there is time, when much waits, when too much waits. */
const LIKE_PERIOD: f32 = 0.97;
const LIKE: f32 = 0.8;
const LIKE_SOON: f32 = 0.5;
const LIKE_NOW: f32 = 0.0;
const SOON_MS: f32 = 60.0;
const NOW_MS: f32 = 200.0;
/** No line is longer. */
const MOST_MS: f32 = 1000.0;

@unmanaged
export class TimeScale {
  /** Samples that wait. */
  held: i32;
  /** Samples cut out and repeated, since the start. */
  cutSamples: i32;
  repeatedSamples: i32;
  /** Samples of the leg for one at 8 kHz. */
  private factor: i32;
  /** Samples that may be cut or repeated now. */
  private allowance: f32;

  /** Forgets the line. */
  start(sampleRateHz: i32): void {
    this.factor = sampleRateHz / 8000;
    this.held = 0;
    this.cutSamples = 0;
    this.repeatedSamples = 0;
    this.allowance = <f32>(LAG_MAX_AT_8K * this.factor);
  }

  /** Samples that still find room. */
  get room(): i32 {
    return SCALE_LINE_SAMPLES - this.held;
  }

  /** Where the next sample to be taken is. */
  get firstAddress(): usize {
    return SCALE_LINE;
  }

  /** Copies `samples` to the end of the line; what finds no room is left out. */
  append(pcm: usize, samples: i32): void {
    const taken = min(samples, this.room);
    memory.copy(SCALE_LINE + ((<usize>this.held) << 1), pcm, (<usize>taken) << 1);
    this.held += taken;
  }

  /** Copies `samples` from the front of the line, where so many there are. */
  take(pcm: usize, samples: i32): void {
    const taken = min(samples, this.held);
    memory.copy(pcm, SCALE_LINE, (<usize>taken) << 1);
    this.held -= taken;
    memory.copy(SCALE_LINE, SCALE_LINE + ((<usize>taken) << 1), (<usize>this.held) << 1);
    this.passed(taken);
  }

  /** So many samples were heard: also those that went past the line. */
  passed(samples: i32): void {
    this.allowance = min(<f32>(LAG_MAX_AT_8K * this.factor), this.allowance + <f32>samples * SHARE);
  }

  /**
   * Cuts out at most `ms` (> 0), or repeats at most −`ms`, where that is not heard; does nothing where it would be.
   * `frame` samples are taken next. `pause`: nobody speaks.
   */
  adjust(ms: f32, frame: i32, pause: bool): void {
    const most = <i32>nearest(min<f32>(abs(ms), MOST_MS) * (8.0 * <f32>this.factor));
    if (pause && ms > 0.0 && this.cutToPacket(most, frame)) return;
    const lagMin = LAG_MIN_AT_8K * this.factor;
    let lagMax = min(most, LAG_MAX_AT_8K * this.factor);
    if (ms > 0.0) {
      lagMax = min(lagMax, this.held - frame);
    } else {
      lagMax = min(lagMax, this.room);
    }
    if (!pause) lagMax = min(lagMax, <i32>this.allowance);
    lagMax = min(lagMax, this.held - TEMPLATE_MIN_AT_8K * this.factor);
    if (lagMax < lagMin) return;
    let like = abs(ms) >= NOW_MS ? LIKE_NOW : abs(ms) >= SOON_MS ? LIKE_SOON : LIKE;
    if (pause) like = LIKE_NOW;
    // More lags to choose from will be allowed soon: until then only a period will do.
    else if (lagMax == <i32>this.allowance && this.allowance < <f32>(LAG_MAX_AT_8K * this.factor)) like = LIKE_PERIOD;
    const lag = this.findLag(lagMin / this.factor, lagMax / this.factor, like);
    if (lag == 0) return;
    if (ms > 0.0) this.cut(lag);
    else this.repeat(lag);
  }

  /** In a pause a cut of any length is as good as another: of the length that leaves whole packets, if that is short. */
  private cutToPacket(most: i32, frame: i32): bool {
    const lag = this.held % frame == 0 ? frame : this.held % frame;
    const longest = max(frame, LAG_MAX_AT_8K * this.factor);
    if (lag > most || lag > longest || this.held - lag < frame) return false;
    this.cut(lag);
    return true;
  }

  /** What follows the seam is what follows `lag` later. */
  private cut(lag: i32): void {
    const fade = min(FADE_AT_8K * this.factor, this.held - lag);
    crossfade(SCALE_LINE, SCALE_LINE, SCALE_LINE + ((<usize>lag) << 1), fade);
    const kept = (<usize>(this.held - lag - fade)) << 1;
    memory.copy(SCALE_LINE + ((<usize>fade) << 1), SCALE_LINE + ((<usize>(lag + fade)) << 1), kept);
    this.held -= lag;
    this.cutSamples += lag;
    this.allowance = max<f32>(0.0, this.allowance - <f32>lag);
  }

  /** What follows the seam is what followed `lag` earlier. */
  private repeat(lag: i32): void {
    const fade = min(FADE_AT_8K * this.factor, this.held - lag);
    const bytes = (<usize>lag) << 1;
    // The fade is made aside, because the line moves over it.
    crossfade(SCRATCH_PCM, SCALE_LINE + bytes, SCALE_LINE, fade);
    const from = SCALE_LINE + ((<usize>fade) << 1);
    memory.copy(from + bytes, from, (<usize>(this.held - fade)) << 1);
    memory.copy(SCALE_LINE + bytes, SCRATCH_PCM, (<usize>fade) << 1);
    this.held += lag;
    this.repeatedSamples += lag;
    this.allowance = max<f32>(0.0, this.allowance - <f32>lag);
  }

  /**
   * The lag, in samples of the leg, at which the line resembles its own beginning most; 0 where that is less than `like`.
   * Coarse on means at 8 kHz, then to the sample.
   */
  private findLag(lagMin: i32, lagMax: i32, like: f32): i32 {
    const factor = this.factor;
    const length = min(this.held / factor, lagMax + TEMPLATE_AT_8K);
    const size = min(TEMPLATE_AT_8K, length - lagMax) & ~7;
    this.narrow(length);
    let best = 0;
    let bestScore: f32 = -1.0;
    const own = <f32>dot(SCRATCH_PCM, SCRATCH_PCM, size);
    for (let lag = lagMin; lag <= lagMax; lag++) {
      const there = SCRATCH_PCM + ((<usize>lag) << 1);
      const product = <f32>dot(SCRATCH_PCM, there, size);
      const energy = own * <f32>dot(there, there, size);
      const score: f32 = energy <= 0.0 ? 0.0 : product / sqrt<f32>(energy);
      if (score > bestScore) {
        bestScore = score;
        best = lag;
      }
    }
    if (best == 0 || bestScore < like) return 0;
    return factor == 1 ? best : this.refine(best * factor, size * factor, lagMin * factor, lagMax * factor);
  }

  private refine(coarse: i32, size: i32, lagMin: i32, lagMax: i32): i32 {
    let best = coarse;
    let bestDifference: f32 = Infinity;
    const span = this.factor;
    const last = min(min(lagMax, coarse + span), this.held - size);
    for (let lag = max(lagMin, coarse - span); lag <= last; lag++) {
      const there = SCALE_LINE + ((<usize>lag) << 1);
      let difference: f32 = 0.0;
      for (let i: usize = 0; i < (<usize>size) << 1; i += 2) {
        difference += abs(<f32>load<i16>(SCALE_LINE + i) - <f32>load<i16>(there + i));
      }
      if (difference < bestDifference) {
        bestDifference = difference;
        best = lag;
      }
    }
    return best;
  }

  /** Means of the line's first samples at 8 kHz, an eighth as loud, into SCRATCH_PCM: sums of products fit 32 bits then. */
  private narrow(length: i32): void {
    const factor = this.factor;
    let from = SCALE_LINE;
    for (let i: usize = 0; i < (<usize>length) << 1; i += 2) {
      let sum = 0;
      for (let k = 0; k < factor; k++, from += 2) sum += <i32>load<i16>(from);
      store<i16>(SCRATCH_PCM + i, <i16>(sum / (factor << 3)));
    }
    memory.fill(SCRATCH_PCM + ((<usize>length) << 1), 0, 16);
  }
}

/** `target` = what goes from `from` to `to` in a straight line, over `samples`. */
function crossfade(target: usize, from: usize, to: usize, samples: i32): void {
  const step: f32 = 1.0 / <f32>(samples + 1);
  let share: f32 = step;
  for (let i: usize = 0; i < (<usize>samples) << 1; i += 2, share += step) {
    const old = <f32>load<i16>(from + i);
    store<i16>(target + i, <i16>nearest(old + (<f32>load<i16>(to + i) - old) * share));
  }
}

/** Σ a·b of `samples` (a multiple of 8, at most 80) i16 of at most 12 bits each. */
function dot(a: usize, b: usize, samples: i32): i32 {
  let sums = i32x4.splat(0);
  for (let i: usize = 0; i < (<usize>samples) << 1; i += 16) {
    sums = i32x4.add(sums, i32x4.dot_i16x8_s(v128.load(a + i), v128.load(b + i)));
  }
  return (
    i32x4.extract_lane(sums, 0) +
    i32x4.extract_lane(sums, 1) +
    i32x4.extract_lane(sums, 2) +
    i32x4.extract_lane(sums, 3)
  );
}

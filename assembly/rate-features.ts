import { across, ln4, log2 } from './fast-math';
import {
  RATE_CORRELATIONS,
  RATE_ENERGIES,
  RATE_FEATURES,
  RATE_NARROW,
  RATE_NARROW_WORK,
  RATE_SLOW,
  RATE_SLOW_WORK,
} from './layout';

/**
 * What does it do? 32 features of each 40 ms that are audible: where a voice has its formants, its pitch and its swells.
 * How does it work? The normalised autocorrelation of an 8 kHz view (the mean of each few samples) and of a 2 kHz view of that (two
 *   means of four). Its first 15 lags are a spectrum (R. B. Blackman, J. W. Tukey, 1958), taken at 12 frequencies up to 3.6 kHz
 *   and at 8 up to 680 Hz: the formants. The highest in each of 8 groups of lags from 4.5 to 40 ms, and the first peak of all,
 *   are the pitch. With them, how loud it is against before.
 *   `bench/lies/rate_features.py` is the same for training.
 * How do I use it? `start(rateHz)`, `take` some samples until it returns none left or `ready`; then RATE_FEATURES has 32 f32.
 * Not for: what is above 4 kHz, which tells more of microphones and filters than of voices.
 *
 *   RATE_NARROW │ 16 before │ 320 samples, 40 ms │      RATE_SLOW │ 80 before │ 112 samples, 56 ms │
 */
export const RATE_FEATURE_COUNT: i32 = 32;
const BEFORE: usize = 16;
const BLOCK: i32 = 320;
const NARROW_SAMPLES: usize = 336;
const SLOW_BEFORE: usize = 80;
const SLOW_WINDOW: usize = 112;
const SLOW_SAMPLES: usize = 192;
const SLOW_BLOCK: usize = 80;
/** Mean square of a block that is listened to: −50 dBov. */
const AUDIBLE: f32 = 10737.0;
/** So large samples may be that the sum of 320 products fits into 32 bits in each of 4 lanes. */
const LARGEST: i32 = 4095;
/** Lags of the spectra, from 1 on, and twice the Hann window over them. */
const LAGS: usize = 15;
const WINDOW: usize = memory.data<f32>([
  1.980785, 1.92388, 1.83147, 1.707107, 1.55557, 1.382683, 1.19509, 1, 0.8049097, 0.6173166, 0.4444298, 0.2928932,
  0.1685304, 0.07612047, 0.01921472,
]);
/** 2·cos ω of 60, 200, 350, 500, 700, 950, 1,250, 1,600, 2,000, 2,500, 3,000 and 3,600 Hz at 8 kHz. */
const SHORT_TURNS: usize = memory.data<f32>([
  1.99778, 1.975377, 1.92491, 1.847759, 1.70528, 1.468645, 1.11114, 0.618034, 1.224647e-16, -0.7653669, -1.414214,
  -1.902113,
]);
/** 2·cos ω of 30, 90, 150, 220, 300, 400, 520 and 680 Hz at 2 kHz. */
const LONG_TURNS: usize = memory.data<f32>([
  1.991124, 1.920587, 1.782013, 1.541026, 1.175571, 0.618034, -0.125581, -1.071654,
]);
/** Least power, of white noise's. */
const FLOOR: f32 = 0.003;
/** Lags of the 2 kHz view: 0 to 19, and the even ones from 20 to 80; the last, and the first and last of each group, as counted. */
const LONG_LAST: i32 = 50;
const GROUP_STARTS: usize = memory.data<u8>([9, 12, 16, 21, 24, 28, 33, 39]);
const GROUP_ENDS: usize = memory.data<u8>([11, 15, 20, 23, 27, 32, 38, 50]);
const GROUPS: usize = 8;
/** How near to the highest peak the first has to be. */
const PEAK_SHARE: f32 = 0.9;
/** What the loudest block is forgotten by in each, as log2 of an amplitude. */
const FADE: f32 = 0.02;

@unmanaged
export class RateFeatures {
  /** Whether RATE_FEATURES is of a block that was just completed. */
  ready: bool;
  private step: i32;
  private filled: i32;
  private lastQuad: i32;
  private loudest: f32;
  private lastLevel: f32;

  start(rateHz: i32): void {
    this.ready = false;
    this.step = rateHz / 8000;
    this.filled = 0;
    this.lastQuad = 0;
    this.loudest = 0.0;
    this.lastLevel = 0.0;
    memory.fill(RATE_NARROW, 0, NARROW_SAMPLES << 1);
    memory.fill(RATE_SLOW, 0, SLOW_SAMPLES << 1);
  }

  /** Takes samples up to the end of a block; returns how many. */
  take(pcm: usize, samples: i32): i32 {
    this.ready = false;
    const step = this.step;
    const count = min(samples / step, BLOCK - this.filled);
    const target = RATE_NARROW + ((BEFORE + <usize>this.filled) << 1);
    if (step == 1) memory.copy(target, pcm, (<usize>count) << 1);
    else narrow(target, pcm, count, step);
    this.filled += count;
    if (this.filled == BLOCK) this.block();
    return count * step;
  }

  private block(): void {
    this.filled = 0;
    this.slow();
    const block = RATE_NARROW + (BEFORE << 1);
    const energy = energyOf(block) / <f32>BLOCK;
    if (energy >= AUDIBLE) {
      this.ready = true;
      this.formants();
      this.pitch();
      this.swell(energy);
    }
    memory.copy(RATE_NARROW, RATE_NARROW + ((<usize>BLOCK) << 1), BEFORE << 1);
  }

  /** The block in the 2 kHz view. */
  private slow(): void {
    memory.copy(RATE_SLOW, RATE_SLOW + (SLOW_BLOCK << 1), (SLOW_SAMPLES - SLOW_BLOCK) << 1);
    const ones = i16x8.splat(1);
    const quads = RATE_NARROW_WORK + 16;
    let from = RATE_NARROW + (BEFORE << 1);
    for (let to = quads; to < quads + (SLOW_BLOCK << 2); to += 16) {
      const first = i32x4.dot_i16x8_s(v128.load(from), ones);
      const second = i32x4.dot_i16x8_s(v128.load(from, 16), ones);
      const evens = v128.shuffle<i32>(first, second, 0, 2, 4, 6);
      v128.store(to, i32x4.add(evens, v128.shuffle<i32>(first, second, 1, 3, 5, 7)));
      from += 32;
    }
    store<i32>(quads - 4, this.lastQuad);
    this.lastQuad = load<i32>(quads + ((SLOW_BLOCK - 1) << 2));
    let to = RATE_SLOW + ((SLOW_SAMPLES - SLOW_BLOCK) << 1);
    for (let at = quads; at < quads + (SLOW_BLOCK << 2); at += 32) {
      const first = i32x4.shr_s(i32x4.add(v128.load(at), v128.load(at - 4)), 3);
      const second = i32x4.shr_s(i32x4.add(v128.load(at, 16), v128.load(at, 12)), 3);
      v128.store(to, i16x8.narrow_i32x4_s(first, second));
      to += 16;
    }
  }

  private formants(): void {
    centre(RATE_NARROW_WORK, RATE_NARROW, NARROW_SAMPLES);
    const late = RATE_NARROW_WORK + (BEFORE << 1);
    for (let lag: usize = 0; lag < 16; lag += 4) {
      products(RATE_CORRELATIONS + (lag << 2), late, late - (lag << 1), 2, <usize>BLOCK);
    }
    const share = f32x4.splat(<f32>1.0 / (load<f32>(RATE_CORRELATIONS) + <f32>1.0));
    for (let at = RATE_CORRELATIONS; at < RATE_CORRELATIONS + 64; at += 16) {
      v128.store(at, f32x4.mul(v128.load(at), share));
    }
    spectrum(RATE_FEATURES, SHORT_TURNS);
    spectrum(RATE_FEATURES + 16, SHORT_TURNS + 16);
  }

  private pitch(): void {
    correlate();
    spectrum(RATE_FEATURES + 48, LONG_TURNS);
    for (let n: usize = 0; n < GROUPS; n++) {
      let highest: f32 = -2.0;
      const end = <i32>load<u8>(GROUP_ENDS + n);
      for (let at = <i32>load<u8>(GROUP_STARTS + n); at <= end; at++) highest = max(highest, correlation(at));
      store<f32>(RATE_FEATURES + (n << 2), highest, 80);
    }
    let highest: f32 = 0.0;
    let before = correlation(1);
    let here = correlation(2);
    for (let n = 2; n < LONG_LAST; n++) {
      const after = correlation(n + 1);
      const height = here >= max(before, after) ? here : <f32>0.0;
      store<f32>(RATE_ENERGIES + ((<usize>n) << 2), height);
      highest = max(highest, height);
      before = here;
      here = after;
    }
    let first: f32 = 0.0;
    for (let n = 2; n < LONG_LAST && highest > 0.0; n++) {
      if (load<f32>(RATE_ENERGIES + ((<usize>n) << 2)) <= highest * PEAK_SHARE) continue;
      first = highest * (log2(<f32>lagOf(n)) - <f32>4.0);
      break;
    }
    store<f32>(RATE_FEATURES, highest, 112);
    store<f32>(RATE_FEATURES, first, 116);
  }

  private swell(energy: f32): void {
    const level = <f32>0.5 * log2(energy);
    this.loudest = max(level, this.loudest - FADE);
    // Of the first block nothing is known.
    const risen = this.lastLevel == 0.0 ? <f32>0.0 : level - this.lastLevel;
    this.lastLevel = level;
    store<f32>(RATE_FEATURES, <f32>0.25 * (level - this.loudest), 120);
    store<f32>(RATE_FEATURES, <f32>0.5 * max(<f32>-3.0, min(<f32>3.0, risen)), 124);
  }
}

/** The mean of each `step` samples: 2, 3 or 6. */
function narrow(target: usize, pcm: usize, count: i32, step: i32): void {
  const share = (32768 + (step >> 1)) / step;
  const end = target + ((<usize>count) << 1);
  const bytes = (<usize>step) << 1;
  for (; target < end; target += 2) {
    let sum = <i32>load<i16>(pcm) + <i32>load<i16>(pcm, 2);
    if (step > 2) sum += <i32>load<i16>(pcm, 4);
    if (step > 3) sum += <i32>load<i16>(pcm, 6) + <i32>load<i16>(pcm, 8) + <i32>load<i16>(pcm, 10);
    // A third is rounded up: of samples at the bottom of the scale it would lie below it, and turn over.
    store<i16>(target, max(-32768, (sum * share) >> 15));
    pcm += bytes;
  }
}

/** Σx² of a block. */
function energyOf(block: usize): f32 {
  let sum = f32x4.splat(0.0);
  for (let at = block; at < block + ((<usize>BLOCK) << 1); at += 16) {
    const x = v128.load(at);
    sum = f32x4.add(sum, f32x4.convert_i32x4_u(i32x4.dot_i16x8_s(x, x)));
  }
  return across(sum);
}

/** Samples less their mean, shifted so that none is beyond LARGEST. A whole number of eights. */
function centre(target: usize, source: usize, samples: usize): void {
  const end = source + (samples << 1);
  const ones = i16x8.splat(1);
  let sums = i32x4.splat(0);
  for (let at = source; at < end; at += 16) sums = i32x4.add(sums, i32x4.dot_i16x8_s(v128.load(at), ones));
  const mean = i16x8.splat(<i16>(acrossWhole(sums) / <i32>samples));
  let most = i16x8.splat(0);
  let least = i16x8.splat(0);
  for (let at = source; at < end; at += 16) {
    const x = i16x8.sub_sat_s(v128.load(at), mean);
    most = i16x8.max_s(most, x);
    least = i16x8.min_s(least, x);
  }
  // ~x is −x − 1: as many bits.
  const bits = v128.or(most, v128.not(least));
  let shift = 0;
  while (v128.any_true(i16x8.gt_s(i16x8.shr_s(bits, shift), i16x8.splat(<i16>LARGEST)))) shift++;
  for (let at = source; at < end; at += 16) {
    v128.store(target, i16x8.shr_s(i16x8.sub_sat_s(v128.load(at), mean), shift));
    target += 16;
  }
}

/** log2 of the power at eight frequencies, of what is at RATE_CORRELATIONS. cos kω = 2·cos ω · cos (k − 1)ω − cos (k − 2)ω. */
function spectrum(target: usize, turns: usize): void {
  const half = f32x4.splat(0.5);
  const twiceA = v128.load(turns);
  const twiceB = v128.load(turns, 16);
  let beforeA = f32x4.splat(1.0);
  let beforeB = beforeA;
  let hereA = f32x4.mul(twiceA, half);
  let hereB = f32x4.mul(twiceB, half);
  let powerA = beforeA;
  let powerB = beforeA;
  for (let at: usize = 0; at < LAGS << 2; at += 4) {
    const weight = f32x4.splat(load<f32>(RATE_CORRELATIONS + at, 4) * load<f32>(WINDOW + at));
    powerA = f32x4.add(powerA, f32x4.mul(hereA, weight));
    powerB = f32x4.add(powerB, f32x4.mul(hereB, weight));
    const nextA = f32x4.sub(f32x4.mul(twiceA, hereA), beforeA);
    const nextB = f32x4.sub(f32x4.mul(twiceB, hereB), beforeB);
    beforeA = hereA;
    beforeB = hereB;
    hereA = nextA;
    hereB = nextB;
  }
  const floor = f32x4.splat(FLOOR);
  const turn = f32x4.splat(1.442695);
  v128.store(target, f32x4.mul(ln4(f32x4.max(powerA, floor)), turn));
  v128.store(target, f32x4.mul(ln4(f32x4.max(powerB, floor)), turn), 16);
}

/** The 2 kHz view against itself at each lag, to RATE_CORRELATIONS. */
function correlate(): void {
  centre(RATE_SLOW_WORK, RATE_SLOW, SLOW_SAMPLES);
  const late = RATE_SLOW_WORK + (SLOW_BEFORE << 1);
  for (let n: usize = 0; n < 20; n += 4) {
    products(RATE_CORRELATIONS + (n << 2), late, late - (n << 1), 2, SLOW_WINDOW);
  }
  // The last of them, beyond the longest lag, is of nothing, and is not looked at.
  for (let n: usize = 20; n < 52; n += 4) {
    products(RATE_CORRELATIONS + (n << 2), late, late - ((n << 2) - 40), 4, SLOW_WINDOW);
  }
  const own = load<f32>(RATE_CORRELATIONS);
  // Energy of what it is compared with; all is below 2¹² and 112 of it: whole numbers.
  let other = <i32>own;
  let early = late;
  for (let n = 1; n <= LONG_LAST; n++) {
    const next = late - ((<usize>lagOf(n)) << 1);
    while (early > next) {
      early -= 2;
      const enters = <i32>load<i16>(early);
      const leaves = <i32>load<i16>(early, SLOW_WINDOW << 1);
      other += enters * enters - leaves * leaves;
    }
    store<f32>(RATE_ENERGIES + ((<usize>n) << 2), <f32>other);
  }
  const owns = f32x4.splat(own);
  const least = f32x4.splat(10000.0);
  for (let at: usize = 0; at < 208; at += 16) {
    const energy = f32x4.max(f32x4.splat(0.0), v128.load(RATE_ENERGIES + at));
    const scale = f32x4.sqrt(f32x4.add(f32x4.mul(owns, energy), least));
    v128.store(RATE_CORRELATIONS + at, f32x4.div(v128.load(RATE_CORRELATIONS + at), scale));
  }
}

function lagOf(n: i32): i32 {
  return n < 20 ? n : 2 * n - 20;
}

function correlation(n: i32): f32 {
  return load<f32>(RATE_CORRELATIONS + ((<usize>n) << 2));
}

/** Σ ab at four lags, to four f32: `b` goes back by `stride` bytes for each. A whole number of eights, all within LARGEST. */
function products(target: usize, a: usize, b: usize, stride: usize, samples: usize): void {
  let first = i32x4.splat(0);
  let second = first;
  let third = first;
  let fourth = first;
  const b2 = b - stride;
  const b3 = b2 - stride;
  const b4 = b3 - stride;
  for (let at: usize = 0; at < samples << 1; at += 16) {
    const x = v128.load(a + at);
    first = i32x4.add(first, i32x4.dot_i16x8_s(x, v128.load(b + at)));
    second = i32x4.add(second, i32x4.dot_i16x8_s(x, v128.load(b2 + at)));
    third = i32x4.add(third, i32x4.dot_i16x8_s(x, v128.load(b3 + at)));
    fourth = i32x4.add(fourth, i32x4.dot_i16x8_s(x, v128.load(b4 + at)));
  }
  store<f32>(target, across(f32x4.convert_i32x4_s(first)));
  store<f32>(target, across(f32x4.convert_i32x4_s(second)), 4);
  store<f32>(target, across(f32x4.convert_i32x4_s(third)), 8);
  store<f32>(target, across(f32x4.convert_i32x4_s(fourth)), 12);
}

function acrossWhole(x: v128): i32 {
  return i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3);
}

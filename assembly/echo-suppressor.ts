import { ComfortNoise } from './comfort-noise';
import { ECHO_BANDS, ECHO_NOISE_TAIL, ECHO_SHAPERS, ECHO_WORK } from './layout';
import { EXPECTED } from './echo-filter';
import { backward, forward } from './echo-transform';

/**
 * What does it do? Takes down what the filter leaves of the echo, band by band, and puts the line's own noise in its place.
 * How does it work? In each of 20 bands of 200 Hz a share of the predicted echo is taken to be left: the share is learned from
 *   the moments when least is left. The gain of a band is what the rest of its power makes of it (Wiener). So that not a
 *   sample is delayed, the gains become a short minimum-phase filter: the prediction error filter of a spectrum of 1/gain²
 *   (Levinson's recursion, 12 taps) has just these gains. The noise floor of each band is followed, and noise of random
 *   phase replaces what the gain takes of it.
 * How do I use it? `apply(target, error, echo, learn)` per block: 80 f32 each.
 * Not for: noise reduction; where no echo is predicted the samples pass unchanged.
 */
export const SUPPRESSOR_TAPS: i32 = 12;
const BANDS: i32 = 20;

const SPECTRUM: usize = ECHO_WORK + 1344;
const LINE: usize = ECHO_WORK + 1984;
const FRESH: usize = ECHO_WORK + 2384;
const LEVINSON: usize = ECHO_WORK + 2448;

/** Rows of 20 f32: power left, echo predicted, share of it that is left, gain, noise floor, echo not known of. */
const LEFT: usize = ECHO_BANDS;
const PREDICTED: usize = ECHO_BANDS + 80;
const LEAK: usize = ECHO_BANDS + 160;
const GAIN: usize = ECHO_BANDS + 240;
const FLOOR: usize = ECHO_BANDS + 320;
const UNKNOWN: usize = ECHO_BANDS + 400;
/** The filter of the last block (16 f32), and the 12 samples before this one (16 f32, the last 12 count). */
const SHAPER: usize = ECHO_SHAPERS;
const PAST: usize = ECHO_SHAPERS + 64;

/* Chosen together with the filter's constants; see there. */
/** Share of the echo that the filter does not know of, as it says itself, that is taken to be left; and of the past in it. */
const UNKNOWN_SHARE: f32 = 0.005;
const UNKNOWN_MEMORY: f32 = 0.5;
/** Share of the past in the powers. */
const SMOOTH: f32 = 0.5;
/** The share that is left: how fast it follows up (a factor) and down, and its bounds. */
const LEAK_UP: f32 = 1.015;
const LEAK_DOWN: f32 = 0.1;
const LEAK_MIN: f32 = 0.003;
const LEAK_MAX: f32 = 1.0;
/** How many times what is taken to be left counts: echo alone, and while both speak. */
const OVER: f32 = 4.0;
const OVER_TALK: f32 = 1.0;
/** The lowest gain, and how fast gains rise again. */
const GAIN_MIN: f32 = 0.08;
const GAIN_RISE: f32 = 0.7;
/** The near end speaks when so much more is left than is explained by the echo. */
const TALK_RATIO: f32 = 6.0;
const TALK_MEMORY: f32 = 0.8;
/** How fast the noise floor rises, a factor. */
const FLOOR_UP: f32 = 1.004;
/** Power of a band in which nothing at all happens: about −91 dBov. */
const FLOOR_MIN: f32 = 10.0;

@unmanaged
export class EchoSuppressor {
  private noise: ComfortNoise;
  /** What is left above the floor, and what of it is explained by the echo, with a short memory. */
  private left: f32;
  private explained: f32;
  /** The near end speaks while echo is there. */
  doubleTalk: bool;

  /** Forgets the line. */
  start(noise: ComfortNoise): void {
    this.noise = noise;
    noise.start(0x2545f491);
    this.doubleTalk = false;
    memory.fill(ECHO_BANDS, 0, 480);
    memory.fill(ECHO_NOISE_TAIL, 0, 320);
    for (let at: usize = 0; at < 80; at += 4) store<f32>(FLOOR + at, FLOOR_MIN);
    this.forget();
  }

  /** How much the filter leaves is unknown again. */
  forget(): void {
    for (let at: usize = 0; at < 80; at += 4) store<f32>(LEAK + at, LEAK_MAX);
    this.rest();
  }

  /** Nothing to suppress: the filter opens. */
  rest(): void {
    this.doubleTalk = false;
    this.left = 0.0;
    this.explained = 0.0;
    memory.fill(ECHO_SHAPERS, 0, 128);
    store<f32>(SHAPER, 1.0);
    for (let at: usize = 0; at < 80; at += 4) {
      store<f32>(GAIN + at, 1.0);
    }
  }

  /** 80 f32 of `error`, with `echo` taken out already, to `target`. */
  apply(target: usize, error: usize, echo: usize): void {
    powers(LEFT, error);
    powers(PREDICTED, echo);
    this.gains();
    this.shape();
    this.filter(target, error);
    this.fill(target);
  }

  private gains(): void {
    let left: f32 = 0.0;
    let explained: f32 = 1.0;
    let above: f32 = 0.0;
    for (let at: usize = 0; at < 80; at += 4) {
      const power = load<f32>(LEFT + at);
      const unknown = load<f32>(UNKNOWN + at) * UNKNOWN_MEMORY + mean4(EXPECTED + (at << 2)) * UNKNOWN_SHARE;
      store<f32>(UNKNOWN + at, unknown);
      const echo = load<f32>(PREDICTED + at);
      const floor = load<f32>(FLOOR + at);
      store<f32>(FLOOR + at, power < floor ? floor + 0.2 * (max(power, FLOOR_MIN) - floor) : floor * FLOOR_UP);
      const leak = load<f32>(LEAK + at);
      left += max<f32>(0.0, power - floor);
      explained += leak * echo + unknown;
      above += echo - floor;
      if (echo > floor * 2.0) {
        const ratio = power / echo;
        const next = ratio < leak ? leak + LEAK_DOWN * (ratio - leak) : min(leak * LEAK_UP, ratio);
        store<f32>(LEAK + at, max(LEAK_MIN, min(LEAK_MAX, next)));
      }
    }
    this.left = this.left * TALK_MEMORY + left;
    this.explained = this.explained * TALK_MEMORY + explained;
    this.doubleTalk = above > 0.0 && this.left > this.explained * TALK_RATIO;
    const over = this.doubleTalk ? OVER_TALK : OVER;
    for (let at: usize = 0; at < 80; at += 4) {
      const echo = load<f32>(LEAK + at) * load<f32>(PREDICTED + at) + load<f32>(UNKNOWN + at);
      const share = (over * echo) / (load<f32>(LEFT + at) + 1.0);
      const wanted = sqrt<f32>(max(GAIN_MIN * GAIN_MIN, <f32>1.0 - share));
      const gain = load<f32>(GAIN + at);
      store<f32>(GAIN + at, wanted < gain ? wanted : gain + GAIN_RISE * (wanted - gain));
    }
  }

  /** The gains as a filter: 13 f32 at FRESH. */
  private shape(): void {
    memory.fill(SPECTRUM, 0, 640);
    for (let band: usize = 0; band < <usize>BANDS; band++) {
      const gain = load<f32>(GAIN + (band << 2));
      v128.store(SPECTRUM + (band << 4), f32x4.splat(<f32>1.0 / (gain * gain)));
    }
    store<f32>(SPECTRUM + 320, load<f32>(SPECTRUM + 316));
    backward(SPECTRUM, SPECTRUM);
    // Levinson's recursion: correlation at SPECTRUM, predictor at FRESH, its mirror at LEVINSON.
    memory.fill(FRESH, 0, 64);
    store<f32>(FRESH, 1.0);
    let error = load<f32>(SPECTRUM);
    for (let order = 1; order <= SUPPRESSOR_TAPS; order++) {
      let sum: f32 = 0.0;
      for (let k = 0; k < order; k++) {
        sum += load<f32>(FRESH + ((<usize>k) << 2)) * load<f32>(SPECTRUM + ((<usize>(order - k)) << 2));
      }
      const reflection = max<f32>(-0.999, min<f32>(0.999, -sum / error));
      memory.copy(LEVINSON, FRESH, 64);
      for (let k = 1; k <= order; k++) {
        const at = FRESH + ((<usize>k) << 2);
        store<f32>(at, load<f32>(at) + reflection * load<f32>(LEVINSON + ((<usize>(order - k)) << 2)));
      }
      error *= <f32>1.0 - reflection * reflection;
    }
    const scale = f32x4.splat(<f32>1.0 / sqrt<f32>(error));
    for (let at: usize = 0; at < 64; at += 16) v128.store(FRESH + at, f32x4.mul(v128.load(FRESH + at), scale));
  }

  /** From the last block's filter to this one's in a straight line. */
  private filter(target: usize, error: usize): void {
    memory.copy(LINE, PAST, 64);
    memory.copy(LINE + 64, error, 320);
    memory.copy(PAST, error + 256, 64);
    let share = f32x4(1.0 / 80.0, 2.0 / 80.0, 3.0 / 80.0, 4.0 / 80.0);
    for (let at: usize = 0; at < 320; at += 16) {
      let before = f32x4.splat(0.0);
      let after = f32x4.splat(0.0);
      let from = LINE + 64 + at;
      for (let tap: usize = 0; tap <= (<usize>SUPPRESSOR_TAPS) << 2; tap += 4) {
        const x = v128.load(from);
        before = f32x4.add(before, f32x4.mul(x, v128.load32_splat(SHAPER + tap)));
        after = f32x4.add(after, f32x4.mul(x, v128.load32_splat(FRESH + tap)));
        from -= 4;
      }
      v128.store(target + at, f32x4.add(before, f32x4.mul(share, f32x4.sub(after, before))));
      share = f32x4.add(share, f32x4.splat(4.0 / 80.0));
    }
    memory.copy(SHAPER, FRESH, 64);
  }

  /** Adds the noise that the gains took. */
  private fill(target: usize): void {
    for (let band: usize = 0; band < <usize>BANDS; band++) {
      const gain = load<f32>(GAIN + (band << 2));
      const power = load<f32>(FLOOR + (band << 2)) * (<f32>1.0 - gain * gain);
      // Uniform in ±a has a variance of a²/3, and both parts together are to have twice the band's power.
      const amplitude = sqrt<f32>(max<f32>(0.0, power) * 3.0);
      for (let bin: usize = 0; bin < 16; bin += 4) {
        store<f32>(SPECTRUM + (band << 4) + bin, this.noise.next(amplitude));
        store<f32>(SPECTRUM + (band << 4) + bin, this.noise.next(amplitude), 320);
      }
    }
    store<f32>(SPECTRUM, 0.0);
    store<f32>(SPECTRUM + 320, 0.0);
    backward(SPECTRUM, SPECTRUM);
    // Cross-faded by the roots of a straight line: the powers add up to one.
    let rising = f32x4(0.5 / 80.0, 1.5 / 80.0, 2.5 / 80.0, 3.5 / 80.0);
    for (let at: usize = 0; at < 320; at += 16) {
      const falling = f32x4.sqrt(f32x4.sub(f32x4.splat(1.0), rising));
      const head = f32x4.mul(v128.load(SPECTRUM + at), f32x4.sqrt(rising));
      const tail = f32x4.mul(v128.load(ECHO_NOISE_TAIL + at), falling);
      v128.store(target + at, f32x4.add(v128.load(target + at), f32x4.add(head, tail)));
      rising = f32x4.add(rising, f32x4.splat(4.0 / 80.0));
    }
    memory.copy(ECHO_NOISE_TAIL, SPECTRUM + 320, 320);
  }
}

/** Mean of four f32. */
function mean4(at: usize): f32 {
  return 0.25 * (load<f32>(at) + load<f32>(at, 4) + (load<f32>(at, 8) + load<f32>(at, 12)));
}

/** Smoothed power of each band (per bin) of 80 f32: a row of 20. */
function powers(row: usize, samples: usize): void {
  memory.fill(SPECTRUM, 0, 320);
  memory.copy(SPECTRUM + 320, samples, 320);
  forward(SPECTRUM, SPECTRUM);
  for (let band: usize = 0; band < <usize>BANDS; band++) {
    const re = v128.load(SPECTRUM + (band << 4));
    const im = v128.load(SPECTRUM + (band << 4), 320);
    const square = f32x4.add(f32x4.mul(re, re), f32x4.mul(im, im));
    const sum =
      f32x4.extract_lane(square, 0) +
      f32x4.extract_lane(square, 1) +
      (f32x4.extract_lane(square, 2) + f32x4.extract_lane(square, 3));
    const at = row + (band << 2);
    store<f32>(at, load<f32>(at) * SMOOTH + sum * 0.25 * (<f32>1.0 - SMOOTH));
  }
}

import { DTMF_COEFFICIENTS, DTMF_KEYS, DTMF_RISE, DTMF_ROWS, DTMF_SUMS } from './layout';
import { sumOfSquares } from './level';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? Hears the keys that are pressed on a telephone, in its audio (ITU-T Q.23, Q.24), at 8 kHz.
 * How does it work? Every 5 ms eight resonators (G. Goertzel, 1958) take the samples twice: as they are, and rising with half
 *   a Hann window. Four such pieces add up to a window of 20 ms with soft edges, so that a tone leaks −40 dB into those of the
 *   other group. A window is a key when one tone of each group stands out, both carry most of the energy, their levels are not
 *   too far apart, and the phases say that each is near its nominal frequency: from window to window they turn by 5 ms of
 *   it, which tells 1.5 % from 3.5 % where a filter of this length cannot. Windows in a row make a key.
 *
 *     window   ▁▄▇█████▇▄▁   U(m−3) · T(m−2) · T(m−1) · (T − U)(m)
 *
 * How do I use it? `start()`, then `hear(pcm, samples)`; `digit` is the key that was let go of since, or 0.
 * Not for: other rates; take the 8 kHz view.
 */
/** Rows of DTMF_COEFFICIENTS, 8 f32 each: 2·cos ω, cos ω, sin ω, cos 40ω, sin 40ω, the tangent of the widest turn. */
const ROW: usize = 32;
const PIECE: usize = 4 * ROW;
const PIECE_SAMPLES: i32 = 40;
/** |Y|² of a sine of amplitude 1 is 3,600; its energy in the window 55. */
const ENERGY_SHARE: f32 = 55.0 / 3600.0;
/** Least amplitude of each tone: −30 dBm0. */
const LEAST_POWER: f32 = 3600.0 * 500000.0;
/** Share of the energy that the two tones have to have. */
const TONES_SHARE: f32 = 0.72;
/** The stronger tone of a group over its neighbours, in power. */
const NEIGHBOUR_SHARE: f32 = 0.2;
/** High over low, low over high, in power: 4 and 8 dB, and 1 dB to spare. */
const REVERSE_TWIST: f32 = 3.2;
const NORMAL_TWIST: f32 = 8.0;
/** Half-way between 1.5 %, which has to do, and 3.5 %, which must not. */
const TOLERANCE: f64 = 0.025;
/** Windows in a row that make a key, and windows without it that end it. */
const WINDOWS_ON: i32 = 5;
const WINDOWS_OFF: i32 = 8;

@unmanaged
export class DtmfReceiver {
  active: bool;
  /** The key that was let go of, ASCII, and for how long it was heard, ms; 0: none. */
  digit: i32;
  durationMs: i32;
  /** The key that is held, 0: none. */
  held: i32;
  private candidate: i32;
  private hits: i32;
  private misses: i32;
  private heldWindows: i32;
  private piece: i32;
  /** Energy of the last four pieces. */
  private energy0: f32;
  private energy1: f32;
  private energy2: f32;
  private energy3: f32;

  start(): void {
    this.active = true;
    this.digit = 0;
    this.durationMs = 0;
    this.held = 0;
    this.candidate = 0;
    this.hits = 0;
    this.misses = 0;
    this.heldWindows = 0;
    this.piece = 0;
    this.energy0 = 0.0;
    this.energy1 = 0.0;
    this.energy2 = 0.0;
    this.energy3 = 0.0;
    memory.fill(DTMF_ROWS, 0, 4 * PIECE);
    memory.fill(DTMF_SUMS, 0, 4 * ROW);
    for (let i = 0; i < PIECE_SAMPLES; i++) {
      const root = sinPi((<f64>i + 0.5) / 80.0);
      store<f32>(DTMF_RISE + ((<usize>i) << 2), <f32>(root * root));
    }
    planTone(0, 697.0);
    planTone(1, 770.0);
    planTone(2, 852.0);
    planTone(3, 941.0);
    planTone(4, 1209.0);
    planTone(5, 1336.0);
    planTone(6, 1477.0);
    planTone(7, 1633.0);
  }

  /** Whole pieces of 40 i16 at 8 kHz; `digit` is of this call. */
  hear(pcm: usize, samples: i32): void {
    this.digit = 0;
    this.durationMs = 0;
    let at = pcm;
    for (let left = samples; left >= PIECE_SAMPLES; left -= PIECE_SAMPLES) {
      resonate(at, DTMF_ROWS + <usize>this.piece * PIECE);
      this.energy3 = this.energy2;
      this.energy2 = this.energy1;
      this.energy1 = this.energy0;
      this.energy0 = <f32>sumOfSquares(at, PIECE_SAMPLES);
      this.decide(this.judge());
      this.piece = (this.piece + 1) & 3;
      at += (<usize>PIECE_SAMPLES) << 1;
    }
  }

  /** The key of the window that ends with this piece, 0: none. */
  private judge(): i32 {
    memory.copy(DTMF_SUMS + 2 * ROW, DTMF_SUMS, 2 * ROW);
    addUp(this.piece);
    const energy = this.energy1 + this.energy2 + (this.energy0 + this.energy3) * 0.375;
    const low = strongest(0);
    const high = strongest(4);
    if (low < 0 || high < 0) return 0;
    const lowPower = powerOf(low);
    const highPower = powerOf(high);
    if (lowPower < LEAST_POWER * 0.3 || highPower < LEAST_POWER * 0.3) return 0;
    const trueLow = lowPower * offNominal(low);
    const trueHigh = highPower * offNominal(high);
    if (trueLow < LEAST_POWER || trueHigh < LEAST_POWER) return 0;
    if (trueHigh > trueLow * REVERSE_TWIST || trueLow > trueHigh * NORMAL_TWIST) return 0;
    if ((trueLow + trueHigh) * ENERGY_SHARE < energy * TONES_SHARE) return 0;
    return <i32>load<u8>(DTMF_KEYS + <usize>((low << 2) + high - 4));
  }

  private decide(key: i32): void {
    if (key != 0 && key == this.candidate) {
      this.hits += 1;
    } else {
      this.candidate = key;
      this.hits = key == 0 ? 0 : 1;
    }
    if (this.held != 0) {
      this.heldWindows += 1;
      this.misses = key == this.held ? 0 : this.misses + 1;
      const other = key != 0 && key != this.held && this.hits >= WINDOWS_ON;
      if (this.misses < WINDOWS_OFF && !other) return;
      this.digit = this.held;
      // A window hears a tone that fills two thirds of it: it is heard for about 10 ms less than it lasts.
      this.durationMs = 5 * (this.heldWindows - this.misses + 1);
      this.held = 0;
    }
    if (this.hits < WINDOWS_ON) return;
    this.held = key;
    this.heldWindows = this.hits;
    this.misses = 0;
  }
}

/** The coefficients of one tone. */
function planTone(index: i32, hz: f64): void {
  const at = DTMF_COEFFICIENTS + ((<usize>index) << 2);
  const w = hz / 4000.0;
  store<f32>(at, <f32>(2.0 * cosPi(w)));
  store<f32>(at + ROW, <f32>cosPi(w));
  store<f32>(at + 2 * ROW, <f32>sinPi(w));
  store<f32>(at + 3 * ROW, <f32>cosPi(40.0 * w));
  store<f32>(at + 4 * ROW, <f32>sinPi(40.0 * w));
  const widest = 40.0 * w * TOLERANCE;
  store<f32>(at + 5 * ROW, <f32>(sinPi(widest) / cosPi(widest)));
}

/** 40 samples through the eight resonators, as they are (T) and rising (U): rows Tre, Tim, Ure, Uim at `row`. */
function resonate(pcm: usize, row: usize): void {
  const lowTurn = v128.load(DTMF_COEFFICIENTS);
  const highTurn = v128.load(DTMF_COEFFICIENTS, 16);
  let a1 = f32x4.splat(0.0);
  let a2 = f32x4.splat(0.0);
  let b1 = f32x4.splat(0.0);
  let b2 = f32x4.splat(0.0);
  let c1 = f32x4.splat(0.0);
  let c2 = f32x4.splat(0.0);
  let d1 = f32x4.splat(0.0);
  let d2 = f32x4.splat(0.0);
  for (let at: usize = 0; at < 80; at += 2) {
    const sample = <f32>load<i16>(pcm + at);
    const x = f32x4.splat(sample);
    const y = f32x4.splat(sample * load<f32>(DTMF_RISE + (at << 1)));
    const a = f32x4.add(f32x4.sub(x, a2), f32x4.mul(lowTurn, a1));
    const b = f32x4.add(f32x4.sub(x, b2), f32x4.mul(highTurn, b1));
    const c = f32x4.add(f32x4.sub(y, c2), f32x4.mul(lowTurn, c1));
    const d = f32x4.add(f32x4.sub(y, d2), f32x4.mul(highTurn, d1));
    a2 = a1;
    b2 = b1;
    c2 = c1;
    d2 = d1;
    a1 = a;
    b1 = b;
    c1 = c;
    d1 = d;
  }
  const lowCos = v128.load(DTMF_COEFFICIENTS, 32);
  const highCos = v128.load(DTMF_COEFFICIENTS, 48);
  const lowSin = v128.load(DTMF_COEFFICIENTS, 64);
  const highSin = v128.load(DTMF_COEFFICIENTS, 80);
  v128.store(row, f32x4.sub(a1, f32x4.mul(lowCos, a2)));
  v128.store(row, f32x4.sub(b1, f32x4.mul(highCos, b2)), 16);
  v128.store(row, f32x4.mul(lowSin, a2), 32);
  v128.store(row, f32x4.mul(highSin, b2), 48);
  v128.store(row, f32x4.sub(c1, f32x4.mul(lowCos, c2)), 64);
  v128.store(row, f32x4.sub(d1, f32x4.mul(highCos, d2)), 80);
  v128.store(row, f32x4.mul(lowSin, c2), 96);
  v128.store(row, f32x4.mul(highSin, d2), 112);
}

/** The window that ends with `piece`: each older piece is turned on by 5 ms more. Sums at DTMF_SUMS, re and im. */
function addUp(piece: i32): void {
  const newest = DTMF_ROWS + <usize>piece * PIECE;
  const second = DTMF_ROWS + <usize>((piece + 3) & 3) * PIECE;
  const third = DTMF_ROWS + <usize>((piece + 2) & 3) * PIECE;
  const oldest = DTMF_ROWS + <usize>((piece + 1) & 3) * PIECE;
  for (let half: usize = 0; half < 32; half += 16) {
    const cos = v128.load(DTMF_COEFFICIENTS + 3 * ROW + half);
    const sin = v128.load(DTMF_COEFFICIENTS + 4 * ROW + half);
    let re = v128.load(oldest + half, 64);
    let im = v128.load(oldest + half, 96);
    let turned = f32x4.sub(f32x4.mul(re, cos), f32x4.mul(im, sin));
    im = f32x4.add(f32x4.add(f32x4.mul(re, sin), f32x4.mul(im, cos)), v128.load(third + half, 32));
    re = f32x4.add(turned, v128.load(third + half));
    turned = f32x4.sub(f32x4.mul(re, cos), f32x4.mul(im, sin));
    im = f32x4.add(f32x4.add(f32x4.mul(re, sin), f32x4.mul(im, cos)), v128.load(second + half, 32));
    re = f32x4.add(turned, v128.load(second + half));
    turned = f32x4.sub(f32x4.mul(re, cos), f32x4.mul(im, sin));
    im = f32x4.add(f32x4.mul(re, sin), f32x4.mul(im, cos));
    const fallRe = f32x4.sub(v128.load(newest + half), v128.load(newest + half, 64));
    const fallIm = f32x4.sub(v128.load(newest + half, 32), v128.load(newest + half, 96));
    v128.store(DTMF_SUMS + half, f32x4.add(turned, fallRe));
    v128.store(DTMF_SUMS + half, f32x4.add(im, fallIm), 32);
  }
}

function powerOf(tone: i32): f32 {
  const at = DTMF_SUMS + ((<usize>tone) << 2);
  const re = load<f32>(at);
  const im = load<f32>(at, 32);
  return re * re + im * im;
}

/** The tone of the group that begins at `first` which stands out, or −1. */
function strongest(first: i32): i32 {
  let best = first;
  let most: f32 = 0.0;
  let all: f32 = 0.0;
  for (let tone = first; tone < first + 4; tone++) {
    const power = powerOf(tone);
    all += power;
    if (power > most) {
      most = power;
      best = tone;
    }
  }
  return all - most > most * NEIGHBOUR_SHARE ? -1 : best;
}

/** How much more power a tone has than the window lets through beside its nominal frequency; 0: too far beside it. */
function offNominal(tone: i32): f32 {
  const at = (<usize>tone) << 2;
  const re = load<f32>(DTMF_SUMS + at);
  const im = load<f32>(DTMF_SUMS + at, 32);
  const pastRe = load<f32>(DTMF_SUMS + at, 64);
  const pastIm = load<f32>(DTMF_SUMS + at, 96);
  const cos = load<f32>(DTMF_COEFFICIENTS + at + 3 * ROW);
  const sin = load<f32>(DTMF_COEFFICIENTS + at + 4 * ROW);
  const expectedRe = pastRe * cos - pastIm * sin;
  const expectedIm = pastRe * sin + pastIm * cos;
  const along = re * expectedRe + im * expectedIm;
  const across = im * expectedRe - re * expectedIm;
  if (along <= 0.0 || abs(across) > along * load<f32>(DTMF_COEFFICIENTS + at + 5 * ROW)) return 0.0;
  const squared = (across * across) / (along * along + across * across);
  return <f32>1.0 + squared * (<f32>0.75 + squared * <f32>0.7);
}

import {
  PROGRESS_BEEP,
  PROGRESS_BUSY,
  PROGRESS_COEFFICIENTS,
  PROGRESS_CONGESTION,
  PROGRESS_DIAL,
  PROGRESS_ENERGIES,
  PROGRESS_FAX_ANSWER,
  PROGRESS_FAX_CALLING,
  PROGRESS_POWERS,
  PROGRESS_RINGBACK,
  PROGRESS_ROWS,
} from './layout';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? Makes out what a telephone network says in tones: dial, busy, congestion and ringback tone of the plans of
 *   North America (ANSI T1.401), most of Europe (425 Hz; ITU-T E.180 supplement 2) and the United Kingdom, a fax machine that
 *   calls (CNG, 1,100 Hz) or answers (CED, 2,100 Hz; ITU-T T.30), and the beep of an answering machine. At 8 kHz.
 * How does it work? Every 10 ms: seven resonators (350 to 620 Hz), of which eight pieces make a Hann window of 80 ms, tell the
 *   pairs apart; a single tone is one that x[n] + x[n−2] = 2·cos ω · x[n−1] holds for, whatever its frequency. How long tones
 *   and the pauses between them last (the cadence) then says which signal it is.
 * How do I use it? `start()`, then `hear(pcm, samples)`; `heard` is a PROGRESS_ number once a signal is made out, or 0.
 * Not for: plans with other frequencies; music.
 */
const PIECE_SAMPLES: i32 = 80;
const ROW: usize = 32;
const PIECE: usize = 2 * ROW;
/** A sine of amplitude 1 has |Y|² = 25,600 and an energy of 120 in the window. */
const ENERGY_SHARE: f32 = 120.0 / 25600.0;
/** A sine of −35 dBm0 for 10 ms. */
const LEAST_ENERGY: f32 = 3500000.0;
/** Share of the energy that a pair has, and the weaker of the two of both. */
const PAIR_SHARE: f32 = 0.6;
const WEAKER_SHARE: f32 = 0.08;
/** Noise to signal that a single tone may have. */
const IMPURITY: f32 = 0.01;
/** 10 ms without the tone that end it, and with another that begin that. */
const BREAK: i32 = 3;
/** What the window swallows of the beginning of a low tone, in 10 ms. */
const LATE: i32 = 4;
/** 10 ms of quiet after which the same signal is told again. */
const FORGET: i32 = 1000;

/** What a tone is. */
const NONE: i32 = 0;
const PAIR_DIAL: i32 = 1;
const PAIR_BUSY: i32 = 2;
const PAIR_RING_US: i32 = 3;
const PAIR_RING_UK: i32 = 4;
const SINGLE_425: i32 = 5;
const SINGLE_400: i32 = 6;
const SINGLE_1100: i32 = 7;
const SINGLE_2100: i32 = 8;
const SINGLE_OTHER: i32 = 9;

/** 2·cos(2π·f/8000) at the edges of the ranges. */
const COS_370: f32 = 1.9161421;
const COS_480: f32 = 1.859553;
const COS_600: f32 = 1.7820131;
const COS_1062: f32 = 1.3436425;
const COS_1138: f32 = 1.2529597;
const COS_2076: f32 = -0.1193091;
const COS_2124: f32 = -0.1945661;
const COS_3000: f32 = -1.4142136;
/** How far that may move in 10 ms. */
const STEADY: f32 = 0.02;
const STEADY_LOW: f32 = 0.006;

@unmanaged
export class ProgressTones {
  active: bool;
  /** A PROGRESS_ number, or 0. */
  heard: i32;
  private piece: i32;
  private turn: f32;
  /** The tone that sounds, how long it has, and how long it has been away; in 10 ms. */
  private tone: i32;
  private on: i32;
  private away: i32;
  private candidate: i32;
  private candidateFor: i32;
  /** The tone before: what it was, its length, the pause behind it, and the cycle before that. */
  private lastTone: i32;
  private lastOn: i32;
  private off: i32;
  private cycleOn: i32;
  private cycleOff: i32;
  private told: i32;
  private toldFor: i32;

  start(): void {
    this.active = true;
    this.heard = 0;
    this.piece = 0;
    this.turn = 0.0;
    this.tone = NONE;
    this.on = 0;
    this.away = 0;
    this.candidate = NONE;
    this.candidateFor = 0;
    this.lastTone = NONE;
    this.lastOn = 0;
    this.off = 0;
    this.cycleOn = 0;
    this.cycleOff = 0;
    this.told = 0;
    this.toldFor = 0;
    memory.fill(PROGRESS_ROWS, 0, 8 * PIECE);
    memory.fill(PROGRESS_ENERGIES, 0, ROW);
    planTone(0, 350.0);
    planTone(1, 400.0);
    planTone(2, 425.0);
    planTone(3, 440.0);
    planTone(4, 450.0);
    planTone(5, 480.0);
    planTone(6, 620.0);
    planTone(7, 800.0);
  }

  /** Whole pieces of 80 i16 at 8 kHz; `heard` is of this call. */
  hear(pcm: usize, samples: i32): void {
    this.heard = 0;
    let at = pcm;
    for (let left = samples; left >= PIECE_SAMPLES; left -= PIECE_SAMPLES) {
      this.follow(this.judge(at));
      at += (<usize>PIECE_SAMPLES) << 1;
    }
  }

  /** What these 10 ms are. */
  private judge(pcm: usize): i32 {
    const energy = resonate(pcm, PROGRESS_ROWS + <usize>this.piece * PIECE);
    store<f32>(PROGRESS_ENERGIES + ((<usize>this.piece) << 2), energy);
    this.piece = (this.piece + 1) & 7;
    if (energy < LEAST_ENERGY) return NONE;
    const whole = addUp(this.piece);
    const turn = turnOf(pcm);
    const change = abs(turn - this.turn);
    this.turn = turn;
    // A window in which the tone has just ended is no tone.
    if (energy * 8.0 < whole) return NONE;
    const high = max(power(3), power(4));
    if (stand(power(5), power(6), whole)) return PAIR_BUSY;
    if (stand(power(3), power(5), whole)) return PAIR_RING_US;
    if (stand(power(0), high, whole)) return PAIR_DIAL;
    if (stand(power(1), high, whole)) return PAIR_RING_UK;
    // Low tones wait for the window to be full: before that a pair looks like one of them.
    if (turn > COS_600 && whole < energy * 2.0) return NONE;
    return single(turn, change);
  }

  private follow(tone: i32): void {
    this.toldFor += 1;
    if (this.toldFor > FORGET) this.told = 0;
    if (tone == this.candidate) this.candidateFor += 1;
    else {
      this.candidate = tone;
      this.candidateFor = 1;
    }
    if (this.tone != NONE) {
      this.on += 1;
      this.away = tone == this.tone ? 0 : this.away + 1;
      if (this.away < BREAK) {
        this.whileOn();
        return;
      }
      this.on -= this.away;
      this.off = this.away;
      this.ended();
    } else {
      this.off += 1;
      this.whileOff();
    }
    if (tone != NONE && this.candidateFor >= BREAK) this.began(tone);
  }

  /** A tone sounds. What it takes length alone to know is told at once. */
  private whileOn(): void {
    if (this.away > 0) return;
    if (this.tone == PAIR_DIAL && this.on >= 150) this.tell(PROGRESS_DIAL);
    else if (this.tone == SINGLE_425 && this.on >= 250) this.tell(PROGRESS_DIAL);
    else if (this.tone == PAIR_RING_US && this.on >= 80) this.tell(PROGRESS_RINGBACK);
    else if (this.tone == SINGLE_2100 && this.on >= 80) this.tell(PROGRESS_FAX_ANSWER);
  }

  private whileOff(): void {
    if (this.off != 150 || this.cycleOn != 0) return;
    const lastTone = this.lastTone;
    const lastOn = this.lastOn;
    if (lastTone != SINGLE_425 && lastTone != SINGLE_400) return;
    if (lastOn >= 75 && lastOn <= 180) this.tell(PROGRESS_RINGBACK);
    else if (lastOn >= 20 && lastOn < 75) this.tell(PROGRESS_BEEP);
  }

  private began(tone: i32): void {
    const cadenced = tone == PAIR_BUSY || tone == SINGLE_425 || tone == SINGLE_400;
    if (tone == this.lastTone && cadenced && this.off <= 80 && this.lastOn >= 12 && this.lastOn <= 75) {
      this.cadence(this.lastOn, this.off - this.candidateFor + 1);
    } else {
      this.cycleOn = 0;
      if (tone == PAIR_RING_UK && this.lastTone == PAIR_RING_UK && this.off <= 35 && this.lastOn >= 25) {
        this.tell(PROGRESS_RINGBACK);
      }
    }
    this.tone = tone;
    this.on = this.candidateFor + (tone <= SINGLE_400 ? LATE : 0);
    this.away = 0;
  }

  private ended(): void {
    const tone = this.tone;
    if (tone == SINGLE_1100 && this.on >= 40 && this.on <= 65) this.tell(PROGRESS_FAX_CALLING);
    if (tone == SINGLE_OTHER && this.on >= 12 && this.on <= 150) this.tell(PROGRESS_BEEP);
    this.lastTone = tone;
    this.lastOn = this.on;
    this.tone = NONE;
  }

  /** A tone of `on` and a pause of `off` have gone by, and the tone is back. */
  private cadence(on: i32, off: i32): void {
    const same = abs(on - this.cycleOn) <= 6 && abs(off - this.cycleOff) <= 6;
    const short = min(on, this.cycleOn);
    const long = max(on, this.cycleOn);
    // United Kingdom: 400 on, 350 off, 225 on, 525 off.
    const uneven =
      short >= 17 && short <= 28 && long >= 34 && long <= 46 && abs(on + off - this.cycleOn - this.cycleOff) <= 8;
    if (this.cycleOn != 0 && same) this.tell(on <= 31 ? PROGRESS_CONGESTION : PROGRESS_BUSY);
    else if (this.cycleOn != 0 && uneven) this.tell(PROGRESS_CONGESTION);
    this.cycleOn = on;
    this.cycleOff = off;
  }

  private tell(signal: i32): void {
    if (signal == this.told) {
      this.toldFor = 0;
      return;
    }
    this.told = signal;
    this.toldFor = 0;
    this.heard = signal;
  }
}

/** One tone alone; `change` is how far its frequency has moved since the last 10 ms. */
function single(turn: f32, change: f32): i32 {
  if (turn > COS_370 || turn < COS_3000) return NONE;
  // Voices hum at these frequencies too, but they glide.
  if (turn > COS_480 && change > STEADY_LOW) return NONE;
  if (turn > COS_480) return power(1) > power(2) && power(1) > power(3) ? SINGLE_400 : SINGLE_425;
  if (turn > COS_600) return NONE;
  if (turn < COS_1062 && turn > COS_1138) return SINGLE_1100;
  if (turn < COS_2076 && turn > COS_2124) return SINGLE_2100;
  return change < STEADY ? SINGLE_OTHER : NONE;
}

function planTone(index: i32, hz: f64): void {
  const at = PROGRESS_COEFFICIENTS + ((<usize>index) << 2);
  const w = hz / 4000.0;
  store<f32>(at, <f32>(2.0 * cosPi(w)));
  store<f32>(at + ROW, <f32>cosPi(w));
  store<f32>(at + 2 * ROW, <f32>sinPi(w));
  store<f32>(at + 3 * ROW, <f32>cosPi(80.0 * w));
  store<f32>(at + 4 * ROW, <f32>sinPi(80.0 * w));
}

/** 80 samples through the resonators to `row`, re and im; returns their energy. */
function resonate(pcm: usize, row: usize): f32 {
  const lowTurn = v128.load(PROGRESS_COEFFICIENTS);
  const highTurn = v128.load(PROGRESS_COEFFICIENTS, 16);
  let a1 = f32x4.splat(0.0);
  let a2 = f32x4.splat(0.0);
  let b1 = f32x4.splat(0.0);
  let b2 = f32x4.splat(0.0);
  let energy: f32 = 0.0;
  for (let at: usize = 0; at < 160; at += 2) {
    const sample = <f32>load<i16>(pcm + at);
    const x = f32x4.splat(sample);
    energy += sample * sample;
    const a = f32x4.add(f32x4.sub(x, a2), f32x4.mul(lowTurn, a1));
    const b = f32x4.add(f32x4.sub(x, b2), f32x4.mul(highTurn, b1));
    a2 = a1;
    b2 = b1;
    a1 = a;
    b1 = b;
  }
  v128.store(row, f32x4.sub(a1, f32x4.mul(v128.load(PROGRESS_COEFFICIENTS, 32), a2)));
  v128.store(row, f32x4.sub(b1, f32x4.mul(v128.load(PROGRESS_COEFFICIENTS, 48), b2)), 16);
  v128.store(row, f32x4.mul(v128.load(PROGRESS_COEFFICIENTS, 64), a2), 32);
  v128.store(row, f32x4.mul(v128.load(PROGRESS_COEFFICIENTS, 80), b2), 48);
  return energy;
}

/** The window whose oldest piece is `oldest`: its powers at PROGRESS_POWERS; returns its energy. */
function addUp(oldest: i32): f32 {
  let energy: f32 = 0.0;
  for (let half: usize = 0; half < 32; half += 16) {
    const cos = v128.load(PROGRESS_COEFFICIENTS + 3 * ROW + half);
    const sin = v128.load(PROGRESS_COEFFICIENTS + 4 * ROW + half);
    let re = f32x4.splat(0.0);
    let im = f32x4.splat(0.0);
    for (let n = 0; n < 8; n++) {
      const piece = (oldest + n) & 7;
      const row = PROGRESS_ROWS + <usize>piece * PIECE + half;
      const weight = hann(n);
      const w = f32x4.splat(weight);
      const turned = f32x4.sub(f32x4.mul(re, cos), f32x4.mul(im, sin));
      im = f32x4.add(f32x4.add(f32x4.mul(re, sin), f32x4.mul(im, cos)), f32x4.mul(w, v128.load(row, 32)));
      re = f32x4.add(turned, f32x4.mul(w, v128.load(row)));
      if (half == 0) energy += weight * weight * load<f32>(PROGRESS_ENERGIES + ((<usize>piece) << 2));
    }
    v128.store(PROGRESS_POWERS + half, f32x4.add(f32x4.mul(re, re), f32x4.mul(im, im)));
  }
  return energy;
}

/** sin²(π·(n + ½)/8). */
function hann(n: i32): f32 {
  const k = n < 4 ? n : 7 - n;
  return k == 0 ? 0.0380602 : k == 1 ? 0.3086583 : k == 2 ? 0.6913417 : 0.9619398;
}

function power(index: i32): f32 {
  return load<f32>(PROGRESS_POWERS + ((<usize>index) << 2));
}

/** Two tones that are nearly all there is, and both of them there. */
function stand(a: f32, b: f32, energy: f32): bool {
  return (a + b) * ENERGY_SHARE >= energy * PAIR_SHARE && min(a, b) >= (a + b) * WEAKER_SHARE;
}

/** 2·cos ω of the one tone that 80 samples are; 3 when they are anything else. */
function turnOf(pcm: usize): f32 {
  let product = f32x4.splat(0.0);
  let middle = f32x4.splat(0.0);
  let outer = f32x4.splat(0.0);
  for (let at: usize = 0; at < 152; at += 8) {
    const u = f32x4.convert_i32x4_s(v128.load16x4_s(pcm + at));
    const v = f32x4.convert_i32x4_s(v128.load16x4_s(pcm + at, 2));
    const w = f32x4.convert_i32x4_s(v128.load16x4_s(pcm + at, 4));
    const y = f32x4.add(u, w);
    product = f32x4.add(product, f32x4.mul(v, y));
    middle = f32x4.add(middle, f32x4.mul(v, v));
    outer = f32x4.add(outer, f32x4.mul(y, y));
  }
  const vv = sumOf(middle);
  const vy = sumOf(product);
  const turn = vy / max<f32>(1.0, vv);
  const rest = sumOf(outer) - turn * vy;
  return rest > IMPURITY * vv * (<f32>2.0 + turn * turn) ? <f32>3.0 : turn;
}

function sumOf(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3);
}

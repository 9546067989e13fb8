import {
  ECHO_CORRELATION,
  ECHO_LAGS,
  ECHO_LINE_BLOCKS,
  ECHO_SLOW_ENERGY,
  ECHO_SLOW_LINE,
  ECHO_SLOW_WORK,
} from './layout';
import { SlowView } from './slow-view';

/**
 * What does it do? Finds how much later than the reference its echo comes back: 0 to 607 ms, in steps of 0.5 ms.
 * How does it work? Both signals are brought to 2 kHz, whitened by a short adaptive predictor each and levelled
 *   (`slow-view.ts`), then correlated at all 1,216 lags with an exponential memory of 0.4 s. The highest lag is a
 *   candidate; how much it can be believed is the correlation over the energies at that lag (0..1).
 * How do I use it? `remember(block, samples)` for each block of the reference, `search(block, samples)` for each one captured;
 *   then `lag` (samples at 2 kHz, or −1), `score` and `steady`, the blocks for which the lag has been the same.
 * Not for: where in the path the energy lies; that is the filter's business.
 *
 *   work   ┌──────────── 1,216 lags ────────────┬─ 20 ─┐
 *          │ oldest                              │ now  │   i16, a straight copy of the ring
 *          └─────────────────────────────────────┴──────┘
 */
export const SLOW_BLOCK: i32 = 20;
const ENERGY_BLOCKS: i32 = 128;
/** Length of the work line, and what of its first block lies before it. */
const WORK_SAMPLES: i32 = 1236;
const CUT: i32 = 4;
/** Blocks of memory that count in the score. */
const SCORE_BLOCKS: i32 = 60;
const MEMORY: f32 = 0.975;
/** Two peaks so near each other (samples at 2 kHz) are the same. */
const SAME_LAG: i32 = 3;
const STEADY_BLOCKS: i32 = 5;
/** Fewer blocks with something to be heard say nothing. */
const LIVELY_BLOCKS: i32 = 12;
const SCORE_MIN: f32 = 0.15;
const SCORE_CHANCE: f32 = 1.2;
/** From this score on a steady lag is worth a trial. */
const SCORE_TRIAL: f32 = 0.2;
/** Four blocks at the level that views are brought to. */
const ALIVE_ENERGY: f32 = 83886080.0;
/** A twentieth of a block at the level that views are brought to. */
const LIVELY_ENERGY: f32 = 1048576.0;
/** Behind the copy of the line: the captured block, i16. */
const HEARD_BLOCK: usize = ECHO_SLOW_WORK + 2560;

@unmanaged
export class EchoDelay {
  private sent: SlowView;
  private heard: SlowView;
  private heardEnergy: f32;
  /** Blocks that the correlation has seen. */
  private seen: i32;
  /** Blocks of these in which there was anything to be heard. */
  private lively: i32;
  /** Lag of the highest correlation, −1 while there is none; how sure it is, 0..1; and for how many blocks it stands. */
  lag: i32;
  score: f32;
  steady: i32;

  /** Forgets everything. The two views are its own. */
  start(sent: SlowView, heard: SlowView): void {
    this.sent = sent;
    this.heard = heard;
    sent.start();
    heard.start();
    memory.fill(ECHO_SLOW_LINE, 0, (<usize>(ECHO_LINE_BLOCKS * SLOW_BLOCK)) << 1);
    memory.fill(ECHO_SLOW_ENERGY, 0, (<usize>ENERGY_BLOCKS) << 2);
    this.forget();
  }

  /** Forgets what was found. */
  forget(): void {
    memory.fill(ECHO_CORRELATION, 0, (<usize>ECHO_LAGS) << 2);
    this.heardEnergy = 0.0;
    this.seen = 0;
    this.lively = 0;
    this.lag = -1;
    this.score = 0.0;
    this.steady = 0;
  }

  /**
   * Whether the lag can be believed. The highest of 1,216 correlations of signals that have nothing to do with each other is
   * near 1.1 over the root of the blocks they are taken over.
   */
  get found(): bool {
    if (this.steady < STEADY_BLOCKS || this.lively < LIVELY_BLOCKS) return false;
    return this.score > SCORE_MIN + SCORE_CHANCE / sqrt<f32>(<f32>this.lively + 1.0);
  }

  /** Whether the lag may be an echo's, so that a filter there would show it. */
  get promising(): bool {
    return this.steady >= STEADY_BLOCKS && this.score > SCORE_TRIAL;
  }

  /** Takes block number `block` of the reference: 80 i16. */
  remember(block: i32, samples: usize): void {
    const at = ECHO_SLOW_LINE + ((<usize>((block & (ECHO_LINE_BLOCKS - 1)) * SLOW_BLOCK)) << 1);
    const energy = this.sent.take(at, samples);
    store<f32>(ECHO_SLOW_ENERGY + ((<usize>(block & (ENERGY_BLOCKS - 1))) << 2), energy);
  }

  /** Takes captured block number `block`, 80 i16; blocks of the reference from `written` on are not known yet. */
  search(block: i32, samples: usize, written: i32): void {
    const energy = this.heard.take(HEARD_BLOCK, samples);
    this.heardEnergy = this.heardEnergy * MEMORY + energy;
    this.seen = min(this.seen + 1, SCORE_BLOCKS);
    if (energy > LIVELY_ENERGY) this.lively = min(this.lively + 1, SCORE_BLOCKS);
    this.lineUp(block, written);
    const highest = this.correlate();
    this.choose(block, highest, written);
  }

  /** Copies the ring so that the block of the captured one's number comes last; what is not known is silence. */
  private lineUp(block: i32, written: i32): void {
    // 1,236 samples are 61.8 blocks: the first one is cut.
    const first = block - 61;
    const from = max(max(first, 0), written - ECHO_LINE_BLOCKS);
    const known = (min(block + 1, written) - from) * SLOW_BLOCK;
    const begin = (from - first) * SLOW_BLOCK - CUT;
    const cut = max(0, -begin);
    if (known <= cut) {
      silence(0, WORK_SAMPLES);
      return;
    }
    const at = begin + cut;
    const count = known - cut;
    const sample = (from & (ECHO_LINE_BLOCKS - 1)) * SLOW_BLOCK + cut;
    // Two pieces where the ring's end lies between.
    const piece = min(count, ECHO_LINE_BLOCKS * SLOW_BLOCK - sample);
    silence(0, at);
    memory.copy(workAt(at), ECHO_SLOW_LINE + ((<usize>sample) << 1), (<usize>piece) << 1);
    if (piece < count) memory.copy(workAt(at + piece), ECHO_SLOW_LINE, (<usize>(count - piece)) << 1);
    silence(at + count, WORK_SAMPLES);
  }

  /**
   * Adds the block to every lag's correlation and returns the highest magnitude. Lags are held last first, and of each 16
   * the even ones before the odd ones: so a dot product takes two taps of four lags at a time.
   */
  private correlate(): f32 {
    const memory = f32x4.splat(MEMORY);
    let highest = f32x4.splat(0.0);
    for (let group = 0; group < ECHO_LAGS; group += 16) {
      let a = i32x4.splat(0);
      let b = i32x4.splat(0);
      let c = i32x4.splat(0);
      let d = i32x4.splat(0);
      // Lag 1,215 − r: tap n of the block meets sample r + n + 1 of the work line.
      let from = ECHO_SLOW_WORK + ((<usize>(group + 1)) << 1);
      for (let tap: usize = 0; tap < (<usize>SLOW_BLOCK) << 1; tap += 4) {
        const pair = v128.load32_splat(HEARD_BLOCK + tap);
        a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(from), pair));
        b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(from, 2), pair));
        c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(from, 16), pair));
        d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(from, 18), pair));
        from += 4;
      }
      const at = ECHO_CORRELATION + ((<usize>group) << 2);
      const na = f32x4.add(f32x4.mul(v128.load(at), memory), f32x4.convert_i32x4_s(a));
      const nb = f32x4.add(f32x4.mul(v128.load(at, 16), memory), f32x4.convert_i32x4_s(b));
      const nc = f32x4.add(f32x4.mul(v128.load(at, 32), memory), f32x4.convert_i32x4_s(c));
      const nd = f32x4.add(f32x4.mul(v128.load(at, 48), memory), f32x4.convert_i32x4_s(d));
      v128.store(at, na);
      v128.store(at, nb, 16);
      v128.store(at, nc, 32);
      v128.store(at, nd, 48);
      highest = f32x4.max(
        highest,
        f32x4.max(f32x4.max(f32x4.abs(na), f32x4.abs(nb)), f32x4.max(f32x4.abs(nc), f32x4.abs(nd))),
      );
    }
    return max(
      max(f32x4.extract_lane(highest, 0), f32x4.extract_lane(highest, 1)),
      max(f32x4.extract_lane(highest, 2), f32x4.extract_lane(highest, 3)),
    );
  }

  private choose(block: i32, highest: f32, written: i32): void {
    if (highest < 1.0) {
      this.score = 0.0;
      this.steady = 0;
      return;
    }
    const lag = this.lagOf(highest);
    const sentEnergy = energyAround(block - lag / SLOW_BLOCK, written, this.seen);
    const energies = this.heardEnergy * sentEnergy;
    // What is left of a correlation when its signals are long gone says nothing.
    const alive = min(this.heardEnergy, sentEnergy) > ALIVE_ENERGY;
    this.score = alive ? min<f32>(1.0, highest / sqrt<f32>(energies)) : 0.0;
    this.steady = abs(lag - this.lag) <= SAME_LAG ? this.steady + 1 : 1;
    this.lag = lag;
  }

  /** The lag whose magnitude is `highest`. */
  private lagOf(highest: f32): i32 {
    let from = 0;
    while (from < ECHO_LAGS - 4 && !reaches(ECHO_CORRELATION + ((<usize>from) << 2), highest)) from += 4;
    for (let place = from; place < from + 4; place++) {
      if (abs(load<f32>(ECHO_CORRELATION + ((<usize>place) << 2))) < highest) continue;
      const within = place & 7;
      const r = (place & ~7) + ((within & 3) << 1) + (within >> 2);
      return ECHO_LAGS - 1 - r;
    }
    return 0;
  }
}

/** Sample `n` of the work line. */
function workAt(n: i32): usize {
  return ECHO_SLOW_WORK + ((<usize>n) << 1);
}

/** Zeros in the work line, sample `from` up to `end`. */
function silence(from: i32, end: i32): void {
  if (from < end) memory.fill(workAt(from), 0, (<usize>(end - from)) << 1);
}

/** Whether one of four f32 has that magnitude. */
function reaches(at: usize, highest: f32): bool {
  return v128.any_true(f32x4.ge(f32x4.abs(v128.load(at)), f32x4.splat(highest)));
}

/** Energy of `blocks` of the reference up to `block`, with the memory of the correlation. */
function energyAround(block: i32, written: i32, blocks: i32): f32 {
  let sum: f32 = 0.0;
  let weight: f32 = 1.0;
  for (let back = 0; back < blocks; back++) {
    const at = block - back;
    if (at >= 0 && at < written && at >= written - ENERGY_BLOCKS) {
      sum += weight * load<f32>(ECHO_SLOW_ENERGY + ((<usize>(at & (ENERGY_BLOCKS - 1))) << 2));
    }
    weight *= MEMORY;
  }
  return sum;
}

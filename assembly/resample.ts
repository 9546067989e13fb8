import { decimate } from './decimate';
import {
  LOW_DELAY_DOWN_2,
  LOW_DELAY_DOWN_3,
  LOW_DELAY_DOWN_3_2,
  LOW_DELAY_DOWN_6,
  LOW_DELAY_UP,
  MINIMUM_PHASE_DOWN_2,
  MINIMUM_PHASE_DOWN_3,
  MINIMUM_PHASE_DOWN_6,
  STRICT_DOWN_2,
  STRICT_DOWN_3,
  STRICT_DOWN_3_2,
  STRICT_DOWN_6,
  STRICT_UP,
} from './filter-tables';
import {
  RESAMPLER_LINE_WORDS,
  RESAMPLER_PLANES,
  RESAMPLING_LOW_DELAY,
  RESAMPLING_MINIMUM_PHASE,
  RESAMPLING_STRICT,
} from './layout';
import { copy16, deal, fold16, interleave, pair16, PLANE_BYTES } from './resample-kernels';

/**
 * What does it do? Changes the sampling rate of a stream among 8, 16, 24 and 48 kHz without images or aliases.
 * How does it work? The ratio is up/down in lowest terms; `down` inputs make `up` outputs: a period. Where several inputs make
 *   one output, decimate.ts does it all, in whole numbers. Else it is a polyphase FIR in f32: inputs are dealt out into `down`
 *   streams, so that neighbouring periods lie side by side, and sixteen periods are computed at once, each output of a period
 *   to a plane of its own; then the planes are put in turn. All those filters are symmetric: an output whose filter is symmetric by itself adds
 *   the two samples of a pair before it multiplies (fold), two outputs that mirror each other share sums and differences
 *   (pair), and outputs that fall on input samples are copied.
 * How do I use it? `start(bank, line, fromHz, toHz, resampling)` once; then `push` any number of samples. State is kept
 *   between calls, so the cut into frames does not show; an unfinished period waits for the rest of it. Filters of minimum
 *   phase there are for whole factors down only: with them every other pair of rates is as strict.
 * Not for: rates that drift against each other; the ratio is fixed.
 *
 *   line   ┌──────────────┬─────────────────┐  f32, one such stream for each of the `down` inputs of a period;
 *          │ past periods │ 480/down of now │  where several inputs make one output: i16, a single stream
 *          └──────────────┴─────────────────┘
 *   bank   ┌─────────┬─────────────────┐   RESAMPLER_PLANES   ┌─────────────────────────┐
 *          │ 112 f32 │ program, 48 i32 │                      │ six planes, 32 i16 each │
 *          └─────────┴─────────────────┘                      └─────────────────────────┘
 *   program, for each group: kind, first and second phase, its coefficients' place in the bank, number of runs; for each
 *   run: the two places in the line that it begins at, and its pairs. A run goes up from the one and down from the other.
 */
@unmanaged
export class Resampler {
  private bank: usize;
  private line: usize;
  private up: i32;
  private down: i32;
  /** Periods of the past, and bytes from stream to stream where there are streams. */
  private history: i32;
  private streamBytes: i32;
  private blockPeriods: i32;
  private groups: i32;
  /** Samples of a period that is not complete, and how many. */
  private held: i64;
  private heldMore: i32;
  private waiting: i32;
  /** While it is planned: the filter, its half length, its steps for one of the virtual rate, and the delay in those. */
  private filter: usize;
  private filterLength: i32;
  private filterStep: i32;
  private virtualDelay: i32;

  /**
   * Forgets the past. `bank` holds 160 words (none where several samples make one), `line` RESAMPLER_LINE_WORDS; `resampling` is
   * a RESAMPLING_ number. Returns false for a pair of rates, or a number, that it does not know.
   */
  start(bank: usize, line: usize, fromHz: i32, toHz: i32, resampling: i32): bool {
    if (!knownRate(fromHz) || !knownRate(toHz) || !knownResampling(resampling)) return false;
    const divisor = gcd(fromHz, toHz);
    this.bank = bank;
    this.line = line;
    this.up = toHz / divisor;
    this.down = fromHz / divisor;
    const span = this.chooseFilter(resampling);
    if (this.whole) {
      this.history = span - 1;
      // Whole groups of four: the last of a block reads no further than the line.
      this.blockPeriods = ((RESAMPLER_LINE_WORDS * 2) / this.down - this.history) & ~3;
      this.forget();
      return true;
    }
    this.history = this.down == 1 ? span : span / 2 + 1;
    // Whole groups of sixteen: the last of a block reads no further than the block.
    this.blockPeriods = min(480 / this.down, (RESAMPLER_LINE_WORDS / this.down - this.history) & ~15);
    this.streamBytes = (this.history + this.blockPeriods) << 2;
    this.forget();
    this.plan();
    return true;
  }

  /** Takes `samples` i16 at `source`, writes what they complete to `target`, and returns how many that were. */
  push(target: usize, source: usize, samples: i32): i32 {
    const down = this.down;
    const held = changetype<usize>(this) + offsetof<Resampler>('held');
    let made = 0;
    while (this.waiting > 0 && samples > 0) {
      store<i16>(held + ((<usize>this.waiting) << 1), load<i16>(source));
      source += 2;
      samples--;
      this.waiting++;
      if (this.waiting < down) continue;
      this.waiting = 0;
      made += this.block(target, held, 1);
    }
    while (samples >= down) {
      const periods = min(samples / down, this.blockPeriods);
      made += this.block(target + ((<usize>made) << 1), source, periods);
      source += (<usize>(periods * down)) << 1;
      samples -= periods * down;
    }
    for (; samples > 0; samples--) {
      store<i16>(held + ((<usize>this.waiting) << 1), load<i16>(source));
      this.waiting++;
      source += 2;
    }
    return made;
  }

  /** How much later than the input the output is, in whole output samples; with minimum phase: a tone of 1 kHz, scaled. */
  get delay(): i32 {
    return this.virtualDelay / this.down;
  }

  /**
   * For how many output samples at most something of the input is still to come when it has ended: more than the delay. It may
   * have ended within a period, whose output is then still to come as well.
   */
  get tail(): i32 {
    return this.whole ? this.history + 1 : this.history * this.up;
  }

  /** Forgets the past, and keeps rates and filters. */
  forget(): void {
    this.waiting = 0;
    if (this.whole) memory.fill(this.line, 0, (<usize>(this.history * this.down)) << 1);
    else memory.fill(this.line, 0, <usize>(this.streamBytes * this.down));
  }

  /** Whether several samples make one: decimate.ts does it then. */
  private get whole(): bool {
    return this.up == 1 && this.down > 1;
  }

  /** Computes whole periods; returns the samples made. */
  private block(target: usize, source: usize, periods: i32): i32 {
    if (this.whole) return this.decimated(target, source, periods);
    const streamBytes = <usize>this.streamBytes;
    const pastBytes = (<usize>this.history) << 2;
    const newBytes = (<usize>periods) << 2;
    const down = this.down;
    const periodBytes = (<usize>this.up) << 1;
    deal(this.line + pastBytes, streamBytes, source, down, periods);
    for (let i = 0; i < periods; i += 32) {
      const some = min(periods - i, 32);
      this.compute(this.line + ((<usize>i) << 2), some);
      interleave(target + <usize>i * periodBytes, RESAMPLER_PLANES, this.up, some);
    }
    for (let p = 0; p < down; p++) {
      const stream = this.line + <usize>p * streamBytes;
      memory.copy(stream, stream + newBytes, pastBytes);
    }
    return periods * this.up;
  }

  /** The same where several samples make one: the line is a single stream, i16. */
  private decimated(target: usize, source: usize, periods: i32): i32 {
    const pastBytes = (<usize>(this.history * this.down)) << 1;
    const newBytes = (<usize>(periods * this.down)) << 1;
    memory.copy(this.line + pastBytes, source, newBytes);
    decimate(target, this.line, this.down, this.filter, periods);
    memory.copy(this.line, this.line + newBytes, pastBytes);
    return periods;
  }

  /** At most 32 periods, those from `base` on in the first stream, sixteen at a time, to a plane for each output of a period. */
  private compute(base: usize, periods: i32): void {
    let at = this.bank + PROGRAM_AT;
    for (let group = this.groups; group > 0; group--) {
      const kind = load<i32>(at);
      const runs = load<i32>(at, 16);
      const weights = this.bank + <usize>load<i32>(at, 12);
      let first = RESAMPLER_PLANES + <usize>load<i32>(at, 4) * PLANE_BYTES;
      let second = RESAMPLER_PLANES + <usize>load<i32>(at, 8) * PLANE_BYTES;
      let from = base;
      for (let i = 0; i < periods; i += 16, first += 32, second += 32, from += 64) {
        if (kind == COPY) copy16(first, from + <usize>load<i32>(at, GROUP_BYTES));
        else if (kind == FOLD) fold16(first, from, at + GROUP_BYTES, runs, weights);
        else pair16(first, second, from, at + GROUP_BYTES, runs, weights);
      }
      at += GROUP_BYTES + <usize>runs * RUN_BYTES;
    }
  }

  /** Sets the filter and its delay; returns what it spans, in samples of the slower rate. */
  private chooseFilter(resampling: i32): i32 {
    if (this.whole) {
      this.filter = wholeFilter(this.down, resampling);
      this.virtualDelay = <i32>load<u16>(this.filter, 6) * this.down;
      return <i32>load<u16>(this.filter) / this.down;
    }
    const lowDelay = resampling == RESAMPLING_LOW_DELAY;
    const rising = this.down <= this.up;
    const span = lowDelay ? 32 : rising ? 40 : 52;
    if (rising) this.filter = lowDelay ? LOW_DELAY_UP : STRICT_UP;
    else this.filter = lowDelay ? LOW_DELAY_DOWN_3_2 : STRICT_DOWN_3_2;
    this.filterStep = rising ? 6 / this.up : 1;
    this.filterLength = rising ? span * 3 : (span * this.down) / 2;
    this.virtualDelay = (span / 2) * (rising ? this.up : this.down);
    return span;
  }

  /** Writes the program and its coefficients. */
  private plan(): void {
    this.groups = 0;
    let at = this.bank + PROGRAM_AT;
    let weights: usize = 0;
    const rising = this.down <= this.up;
    for (let q = 0; q < this.up; q++) {
      if (rising && q == 0) {
        store<i32>(at, COPY);
        store<i32>(at, 0, 4);
        store<i32>(at, 1, 16);
        store<i32>(at, this.placeOf(-this.virtualDelay / this.up), GROUP_BYTES);
        at += GROUP_BYTES + RUN_BYTES;
        this.groups++;
        continue;
      }
      const mirrored = rising ? this.up - q : q;
      if (mirrored < q) continue;
      weights = this.planGroup(at, q, mirrored, weights);
      at += GROUP_BYTES + <usize>load<i32>(at, 16) * RUN_BYTES;
      this.groups++;
    }
  }

  /** Phases `q` and `mirrored` (which may be the same); returns where the next coefficients go. */
  private planGroup(at: usize, q: i32, mirrored: i32, weights: usize): usize {
    const time = q * this.down - this.virtualDelay;
    // Twice the middle between both, in input samples: even on a sample, odd between two.
    const middle = (time + mirrored * this.down - this.virtualDelay) / this.up;
    const above = (middle + (middle & 1)) / 2;
    const below = middle - above;
    const same = q == mirrored;
    const sum = this.sumOf(time);
    store<i32>(at, same ? FOLD : PAIR);
    store<i32>(at, q, 4);
    store<i32>(at, mirrored, 8);
    store<i32>(at, <i32>weights, 12);
    let runs = 0;
    let run = at + GROUP_BYTES;
    for (let residue = 0; residue < this.down; residue++) {
      // The one sample that the middle falls on is its own partner, and counts half from each side.
      if (above == below && residue == 0) {
        weights = this.planRun(run, above, below, 1, this.down, time, same, 0.5 / sum, weights);
        run += RUN_BYTES;
        runs++;
      }
      const from = above == below && residue == 0 ? this.down : residue;
      weights = this.planRun(run, above + from, below - from, 1 << 20, this.down, time, same, 1.0 / sum, weights);
      if (load<i32>(run, 8) == 0) continue;
      run += RUN_BYTES;
      runs++;
    }
    store<i32>(at, runs, 16);
    return weights;
  }

  /** One run of at most `most` pairs, as long as one of the two is under the filter. */
  private planRun(
    run: usize,
    above: i32,
    below: i32,
    most: i32,
    step: i32,
    time: i32,
    same: bool,
    scale: f64,
    weights: usize,
  ): usize {
    store<i32>(run, this.placeOf(above));
    store<i32>(run, this.placeOf(below), 4);
    let pairs = 0;
    for (; pairs < most; pairs++) {
      const upper = this.tap(above * this.up - time);
      const lower = this.tap(below * this.up - time);
      if (upper == 0.0 && lower == 0.0) break;
      if (same) {
        store<f32>(this.bank + weights, <f32>(scale * upper));
        weights += 4;
      } else {
        store<f32>(this.bank + weights, <f32>(scale * 0.5 * (upper + lower)));
        store<f32>(this.bank + weights, <f32>(scale * 0.5 * (upper - lower)), 4);
        weights += 8;
      }
      above += step;
      below -= step;
    }
    store<i32>(run, pairs, 8);
    return weights;
  }

  /** What a constant is multiplied by. */
  private sumOf(time: i32): f64 {
    const reach = this.filterLength / this.filterStep + this.up;
    let sum = 0.0;
    for (let away = -reach; away <= reach; away++) {
      if ((away + time) % this.up == 0) sum += this.tap(away);
    }
    return sum;
  }

  /** The filter at `away` steps of the virtual rate (the input's times `up`) from its centre; 0 outside. */
  private tap(away: i32): f64 {
    const at = abs(away) * this.filterStep;
    return at < this.filterLength ? <f64>load<f32>(this.filter + ((<usize>at) << 2)) : 0.0;
  }

  /** Where input sample `offset` of a period (negative: of an earlier one) lies in the line, in bytes. */
  private placeOf(offset: i32): i32 {
    const stream = ((offset % this.down) + this.down) % this.down;
    const period = (offset - stream) / this.down;
    return stream * this.streamBytes + ((this.history + period) << 2);
  }
}

const COPY: i32 = 0;
const FOLD: i32 = 1;
const PAIR: i32 = 2;
const GROUP_BYTES: usize = 20;
const RUN_BYTES: usize = 12;
const PROGRAM_AT: usize = 448;

/** Whether the chain runs at this rate. */
export function knownRate(hz: i32): bool {
  return hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000;
}

/** Whether it is a RESAMPLING_ number. */
export function knownResampling(resampling: i32): bool {
  return resampling >= RESAMPLING_STRICT && resampling <= RESAMPLING_MINIMUM_PHASE;
}

/** The table of what makes one sample of `down`. */
function wholeFilter(down: i32, resampling: i32): usize {
  if (resampling == RESAMPLING_MINIMUM_PHASE)
    return down == 2 ? MINIMUM_PHASE_DOWN_2 : down == 3 ? MINIMUM_PHASE_DOWN_3 : MINIMUM_PHASE_DOWN_6;
  if (resampling == RESAMPLING_LOW_DELAY)
    return down == 2 ? LOW_DELAY_DOWN_2 : down == 3 ? LOW_DELAY_DOWN_3 : LOW_DELAY_DOWN_6;
  return down == 2 ? STRICT_DOWN_2 : down == 3 ? STRICT_DOWN_3 : STRICT_DOWN_6;
}

function gcd(a: i32, b: i32): i32 {
  while (b != 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

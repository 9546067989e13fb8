import { EchoDelay } from './echo-delay';
import { EchoFilter } from './echo-filter';
import { EchoLine } from './echo-line';
import { EchoSuppressor } from './echo-suppressor';
import { EchoVerdict, alike, beside, coherence, meter } from './echo-verdict';
import { dot, glide, silent, subtract, widen } from './echo-blocks';
import {
  ECHO_OFF,
  ECHO_ON,
  ECHO_PARTITIONS,
  ECHO_SLOW_WORK,
  ECHO_WORK,
  METER_DOUBLE_TALK,
  METER_ECHO_COHERENCE,
  METER_ECHO_DELAY,
  METER_ERLE,
  METER_RESIDUAL_LEVEL,
} from './layout';

/**
 * What does it do? Takes the agent's own voice out of what the caller sends, at 8 kHz, in place and without delay.
 * How does it work? In blocks of 10 ms: the search finds how late the echo is, the line gives the reference of that time to the
 *   filter, what the filter predicts is subtracted, and the suppressor takes down what is left. It watches itself: nothing is
 *   changed until the filter has taken out more than half of what was captured for some time; a prediction that makes
 *   things worse is scaled back; an echo that is plain to the search but not taken out puts the path in doubt.
 * How do I use it? `start(…)`; in each tick `cancel(pcm, samples)` (or `miss(samples)` when a frame is lost) and
 *   `reference(pcm, samples)` in either order, whole blocks of 80.
 * Not for: other rates; a wide leg has its 8 kHz view cancelled and its own signal follow (`follow`).
 *
 *   reference ─▶ line ─▶ filter ─▶ echo
 *                 │ search ▲         ▼ −
 *   capture ──────┴────────┴───────▶ + ─▶ error ─▶ suppressor ─▶ capture
 */
const BLOCK: i32 = 80;
const BLOCK_BYTES: usize = 160;
/** Share of the past, per block, in the energies of the last moments and of late. */
const QUICK: f32 = 0.7;
const FAST: f32 = 0.85;
/** A predicted echo that is less of the captured energy is not judged by. */
const ECHO_SHARE: f32 = 0.05;
/** The prediction makes things worse: so much more is left than was captured, for so many blocks. */
const WRONG: f32 = 1.5;
const WRONG_BLOCKS: i32 = 3;
/** Below this share borne out, the lag is in doubt as well. */
const KEEP_SHARE: f32 = 0.3;
/** The path has moved: the search is so sure, so much is left, for so many blocks; and again after so many. */
const LOST_SCORE: f32 = 0.6;
const LOST_SHARE: f32 = 0.3;
const LOST_BLOCKS: i32 = 7;
const LOST_AGAIN: i32 = 40;
/** How uncertain a path in doubt is: as a power of its first partition. */
const DOUBT: f32 = 0.04;
/** The filter has shown what it can: so little is left, after so many blocks. */
const ENGAGE_SHARE: f32 = 0.4;
const ENGAGE_BLOCKS: i32 = 15;
/** …and is not far from it with half of it taken out of a few. */
const PROMISING_BLOCKS: i32 = 4;
const PROMISING_SHARE: f32 = 0.8;
/** With less than this left the filter stays where it is, whatever the search says. */
const WORKS_SHARE: f32 = 0.5;
/** Samples of the path that lie before the lag that was found. */
const HEADROOM: i32 = 64;
/** Lags from the filter's delay on that it can explain; one behind that moves it. */
const REACH: i32 = 880;
/** A lag that stands for so many blocks is no chance. */
const SURE_BLOCKS: i32 = 12;
/** Two of the longest frames. */
const APART_MAX: i32 = 12 * BLOCK;
/** A multiple of every ring's length. */
const REBASE: i32 = 100000 * 10240;

/** Behind the lines of transform and filter. */
const SAMPLES: usize = ECHO_WORK + 3264;
const PCM: usize = ECHO_WORK + 3904;
const ECHO: usize = ECHO_WORK + 4224;
const ERROR: usize = ECHO_WORK + 4544;
/** Behind the search's lines: one block of the reference, i16. */
const SENT: usize = ECHO_SLOW_WORK + 2944;

@unmanaged
export class EchoCanceller {
  private mode: i32;
  private line: EchoLine;
  private search: EchoDelay;
  private filter: EchoFilter;
  private suppressor: EchoSuppressor;
  /** Captured samples, ever. */
  private captured: i32;
  /** …and with the present frame. */
  private frameEnd: i32;
  /** The reference's delay into the filter, samples at 8 kHz, −1 while none is known; and whether that only may be an echo's. */
  private delay: i32;
  private trial: bool;
  /** The lag that was found last, samples at 8 kHz. */
  private lag: i32;
  /** Share of the echo that is taken away: what the last block ended with. */
  private share: f32;
  /** Energies of late, captured and left, of blocks in which there was an echo to be seen. */
  private heardFast: f32;
  private leftFast: f32;
  /** Of the last few blocks: captured times predicted, predicted, captured, left. */
  private crossQuick: f32;
  private predictedQuick: f32;
  private heardQuick: f32;
  private leftQuick: f32;
  /** Blocks with an echo since the filter was placed, and the last ones in which it made things worse. */
  private activeBlocks: i32;
  private wrongBlocks: i32;
  private lostBlocks: i32;
  /** The filter has shown that it takes an echo out. */
  private engaged: bool;
  /** Energies of the present frame before and behind the canceller, and the wide signal's gain so far. */
  private energyIn: f32;
  private energyOut: f32;
  private wideGain: f32;
  private verdict: EchoVerdict;

  start(
    mode: i32,
    legCodec: i32,
    line: EchoLine,
    search: EchoDelay,
    filter: EchoFilter,
    suppressor: EchoSuppressor,
    verdict: EchoVerdict,
  ): void {
    this.mode = mode;
    this.line = line;
    this.search = search;
    this.filter = filter;
    this.suppressor = suppressor;
    line.start(legCodec);
    filter.start();
    this.captured = 0;
    this.delay = -1;
    this.trial = false;
    this.lag = 0;
    this.share = 0.0;
    this.verdict = verdict;
    verdict.start();
    this.forget();
    this.wideGain = 1.0;
    this.measure();
    this.settle();
  }

  /** Whether the reference is wanted. */
  get working(): bool {
    return this.mode != ECHO_OFF;
  }

  /** What the caller is given: whole blocks of 80 i16. */
  reference(pcm: usize, samples: i32): void {
    if (this.mode == ECHO_OFF) return;
    const first = this.line.written / BLOCK;
    this.line.write(pcm, samples);
    this.verdict.loud(pcm, samples);
    for (let i = 0; i < samples / BLOCK; i++) {
      this.line.read(SENT, (first + i) * BLOCK, BLOCK);
      this.verdict.hear(SENT);
      this.search.remember(first + i, SENT);
    }
    this.settle();
  }

  /** Takes the echo out of what was captured, in place; returns whether a sample was changed. */
  cancel(pcm: usize, samples: i32): bool {
    this.energyIn = 1.0;
    this.energyOut = 1.0;
    this.align();
    if (this.mode == ECHO_OFF || this.verdict.idle) {
      this.share = 0.0;
      this.captured += samples;
      return false;
    }
    let changed = false;
    this.frameEnd = this.captured + samples;
    for (let done = 0; done < samples; done += BLOCK) {
      changed = this.block(pcm + ((<usize>done) << 1)) || changed;
    }
    this.measure();
    return changed;
  }

  /** So many samples were lost: nothing is learned from what is put in their place. */
  miss(samples: i32): void {
    if (this.mode == ECHO_OFF) return;
    this.align();
    for (let done = 0; done < samples; done += BLOCK) {
      if (this.delay >= 0) this.feed();
      this.captured += BLOCK;
    }
  }

  /** Both counts belong to the same tick; ticks that only one of them saw are forgotten when there are too many. */
  private align(): void {
    const apart = this.line.written - this.captured;
    if (apart > APART_MAX || apart < -APART_MAX) this.captured = this.line.written;
    // After 35 hours, long before the counts end.
    if (this.captured < REBASE + APART_MAX) return;
    this.captured -= REBASE;
    this.line.written -= REBASE;
  }

  private block(pcm: usize): bool {
    this.search.search(this.captured / BLOCK, pcm, this.line.written / BLOCK);
    this.place();
    const placed = this.delay >= 0;
    if (placed) this.feed();
    this.captured += BLOCK;
    if (!placed) return false;
    // A caller who is muted sends nothing to learn from: a path that was learned towards nothing would be forgotten, by way of subnormal
    // numbers, which take some processors ten times as long.
    if (this.filter.idle) this.share = 0.0;
    if (this.filter.idle || silent(pcm)) return false;
    widen(PCM, pcm);
    this.filter.predict(ECHO);
    subtract(ERROR, PCM, ECHO);
    this.judge();
    this.filter.learn(ERROR);
    return this.mix(pcm);
  }

  /** The block of the reference that belongs to the one captured now goes into the filter. */
  private feed(): void {
    const end = this.captured + BLOCK - this.delay;
    const i16s = ECHO;
    this.line.read(i16s, end - 2 * BLOCK, 2 * BLOCK);
    widen(SAMPLES, i16s);
    widen(SAMPLES + 320, i16s + BLOCK_BYTES);
    this.filter.push(SAMPLES, silent(i16s + BLOCK_BYTES));
  }

  /** Puts the filter where the search found the echo, when it is elsewhere or nowhere. */
  private place(): void {
    const trial = !this.search.found;
    if (trial && (this.engaged || !this.verdict.open || !this.search.promising)) return;
    const at = this.search.lag << 2;
    this.lag = at;
    if (this.delay >= 0) {
      if (at >= this.delay && at < this.delay + REACH) {
        this.trial = this.trial && trial;
        return;
      }
      if (this.leftFast < this.heardFast * WORKS_SHARE) return;
    }
    this.trial = trial;
    // What is not sent yet when the last block of a frame is captured cannot have come back.
    this.delay = max(max(0, this.frameEnd - this.line.written), at - HEADROOM);
    this.refill();
  }

  /** Fills the filter with the reference at the delay. */
  private refill(): void {
    this.filter.start();
    const now = this.captured;
    for (let p = ECHO_PARTITIONS - 1; p > 0; p--) {
      this.captured = now - p * BLOCK;
      this.feed();
    }
    this.captured = now;
    this.forget();
  }

  /** Forgets what was learned of the echo. */
  private forget(): void {
    this.suppressor.forget();
    this.verdict.forget();
    this.engaged = false;
    this.activeBlocks = 0;
    this.wrongBlocks = 0;
    this.lostBlocks = 0;
    this.heardFast = 0.0;
    this.leftFast = 0.0;
    this.crossQuick = 0.0;
    this.predictedQuick = 0.0;
    this.heardQuick = 0.0;
    this.leftQuick = 0.0;
  }

  /** Keeps the energies of late, and sees whether the filter does more harm than good. */
  private judge(): void {
    const heard = dot(PCM, PCM);
    const left = dot(ERROR, ERROR);
    const predicted = dot(ECHO, ECHO);
    this.crossQuick = this.crossQuick * QUICK + dot(PCM, ECHO);
    this.predictedQuick = this.predictedQuick * QUICK + predicted;
    this.heardQuick = this.heardQuick * QUICK + heard;
    this.leftQuick = this.leftQuick * QUICK + left;
    this.verdict.doubt(this.predictedQuick, this.heardQuick, this.crossQuick);
    if (predicted < heard * ECHO_SHARE) return;
    this.heardFast = this.heardFast * FAST + heard;
    this.leftFast = this.leftFast * FAST + left;
    this.activeBlocks += 1;
    this.wrongBlocks = this.leftFast > this.heardFast * WRONG ? this.wrongBlocks + 1 : 0;
    if (this.wrongBlocks >= WRONG_BLOCKS) this.amend();
    // An echo that the search sees clearly and the filter does not take out: the path has moved.
    const lost = this.search.score > LOST_SCORE && this.leftFast > this.heardFast * LOST_SHARE;
    this.lostBlocks = lost ? this.lostBlocks + 1 : 0;
    if (this.lostBlocks % LOST_AGAIN == LOST_BLOCKS) this.filter.doubt(DOUBT);
    if (this.engaged) return;
    const shown = this.activeBlocks >= ENGAGE_BLOCKS && this.leftFast < this.heardFast * ENGAGE_SHARE;
    this.engaged = shown || (this.mode == ECHO_ON && this.leftFast < this.heardFast);
  }

  /** The prediction is wrong: as much of it is kept as the captured signal bears out, and the path is in doubt again. */
  private amend(): void {
    const share = max<f32>(0.0, min<f32>(1.0, this.crossQuick / (this.predictedQuick + 1.0)));
    this.filter.scale(share);
    this.filter.doubt(DOUBT);
    this.suppressor.forget();
    this.leftFast = this.heardFast;
    this.wrongBlocks = 0;
    if (share > KEEP_SHARE || this.trial) return;
    this.search.forget();
    this.verdict.mistake();
    this.engaged = false;
    this.activeBlocks = 0;
  }

  /** Takes the echo out, with a straight line from the last block's share to this one's. */
  private mix(pcm: usize): bool {
    const target: f32 = this.engaged && this.leftFast < this.heardFast * 1.05 ? 1.0 : 0.0;
    const from = this.share;
    this.share = target;
    if (from == 0.0 && target == 0.0) {
      this.suppressor.rest();
      return false;
    }
    this.suppressor.apply(SAMPLES, ERROR, ECHO);
    const step = (target - from) / <f32>BLOCK;
    for (let i = 0; i < BLOCK; i++) {
      const at = (<usize>i) << 2;
      const heard = load<f32>(PCM + at);
      const value = heard + (from + step * <f32>(i + 1)) * (load<f32>(SAMPLES + at) - heard);
      store<i16>(pcm + (at >> 1), <i16>max<f32>(-32768.0, min<f32>(32767.0, nearest(value))));
      this.energyIn += heard * heard;
      this.energyOut += value * value;
    }
    return true;
  }

  /** Turns a wider signal of the same frame down as much as its lower 4 kHz were, in place. */
  follow(pcm: usize, samples: i32): void {
    const target = min<f32>(1.0, sqrt<f32>(this.energyOut / this.energyIn));
    glide(pcm, samples, this.wideGain, target);
    this.wideGain = target;
  }

  /** The search is sure of an echo. */
  private get sure(): bool {
    return this.search.found && this.search.steady >= SURE_BLOCKS;
  }

  private settle(): void {
    this.verdict.settle(this.mode == ECHO_OFF, this.engaged, this.activeBlocks, this.delay >= 0 && this.sure);
  }

  private measure(): void {
    const left = this.leftQuick * ((1.0 - QUICK) / 80.0);
    const level = left < 1.0 ? -127.0 : 10.0 * Math.log10(left) - 90.309;
    meter(METER_RESIDUAL_LEVEL, <f32>max<f64>(-127.0, level));
    const erle = this.engaged ? 10.0 * Math.log10((this.heardFast + 1.0) / (this.leftFast + 1.0)) : 0.0;
    meter(METER_ERLE, <f32>max<f64>(0.0, erle));
    const present = this.delay >= 0 && !this.filter.idle;
    meter(METER_ECHO_COHERENCE, present ? this.coherence() : 0.0);
    meter(METER_ECHO_DELAY, this.engaged ? <f32>this.lag * 0.125 : -1.0);
    meter(METER_DOUBLE_TALK, present && this.suppressor.doubleTalk ? 1.0 : 0.0);
  }

  /**
   * How far what was captured of late, of this level behind the canceller, may be a caller: 0 while the filter explains it, or the
   * search before there is one, and nobody else is heard; 1 otherwise. For whoever has to tell the agent's rest from a voice.
   */
  nearShare(heardDbov: f32): f32 {
    if (this.mode == ECHO_OFF || this.verdict.idle) return 1.0;
    if (this.verdict.tooQuiet(heardDbov)) return 0.0;
    if (this.engaged) {
      if (this.delay < 0 || this.filter.idle) return 1.0;
      if (this.verdict.maySlip(this.heardQuick)) return 0.0;
      return beside(this.predictedQuick, this.heardQuick, this.crossQuick);
    }
    // Nobody else is predicted from what the agent said.
    const promising = this.activeBlocks >= PROMISING_BLOCKS && this.leftFast < this.heardFast * PROMISING_SHARE;
    return promising || this.sure ? 0.0 : alike(this.search.score, this.search.steady);
  }

  /** What sounded like speech was no caller: a sure echo that nothing is taken out of yet is still to be learned, where it is one. */
  mistake(): void {
    if (this.engaged || (this.sure && !this.verdict.quiet)) this.verdict.mistake();
  }

  /** How much of what was captured of late the reference explains: by the filter, or by the search while there is none. */
  private coherence(): f32 {
    if (!this.engaged) return this.sure ? this.search.score : 0.0;
    return max<f32>(0.0, min<f32>(1.0, coherence(this.predictedQuick, this.heardQuick, this.crossQuick)));
  }
}

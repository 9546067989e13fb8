import { silent } from './echo-blocks';
import { levelDbov } from './level';
import { METER_ECHO_LIKELY, METER_ECHO_SETTLED, METERS } from './layout';

/**
 * What does it do? Tells what of the captured sound may be a caller and what is the agent's own echo, or the rest of one.
 * How does it work? It follows the agent: for how long it has spoken and been silent, and how loud it is. Before anything was learned of
 *   an echo, `alike` judges by the search's score; behind the filter, `beside` judges by how much of what is captured the
 *   prediction explains, and whether the prediction is borne out at all; and what is far quieter than the agent is no caller.
 * How do I use it? `hear` on each block of the reference, then `settle`; `tooQuiet`, `alike` and `beside` from `nearShare`.
 * Not for: finding or taking out an echo; see echo-canceller.ts.
 */
const BLOCK: i32 = 80;
/** After so many blocks of silence the reference has left every stage. */
const IDLE_BLOCKS: i32 = 80;
/** After so many blocks of silence the agent has stopped, because somebody cuts in or at an end. */
const QUIET_BLOCKS: i32 = 4;
/** After so many blocks of reference without an echo that was taken out there is none; but not so soon after one was taken for speech. */
const SETTLED_BLOCKS: i32 = 150;
const MISTAKEN_BLOCKS: i32 = 60;
/** After so many blocks with an echo it is learned well enough to tell its rest from a caller. */
const LEARNED_BLOCKS: i32 = 60;
/** What may be an echo is no caller below this level, dBov, or so far below the agent, dB; and how fast the agent's loudness is forgotten, dB a block. */
const REST_DBOV: f32 = -55.0;
/** …and nobody cuts in who is quieter than this, dBov: some lines have noise there that resembles speech. */
const FAINT_DBOV: f32 = -60.0;
const REST_DB: f32 = -30.0;
const LOUDNESS_DECAY: f32 = 0.2;
/** From this score of the search on it is all echo; so much below it, nothing is said of it. Voices of two people reach 0.38 in 1 of 20 frames. */
const ALIKE: f32 = 0.4;
const ALIKE_RANGE: f32 = 0.08;
/** A lag that has stood for so many blocks is an echo's from this score on. */
const STANDS_BLOCKS: i32 = 12;
const STANDS: f32 = 0.3;
/** From this coherence on it is all echo, as much as a long room leaves of it; so much below it, nothing is said of it: a voice is then 3 dB louder than the echo. */
const EXPLAINED: f32 = 0.65;
const EXPLAINED_RANGE: f32 = 0.1;
/** A predicted echo that is less of the captured energy is not heard beside it. */
const UNHEARD: f32 = 0.05;
/** With less of the prediction borne out it is another path's. */
const BORNE_OUT: f32 = 0.4;
/** What a voice rarely has in common with a prediction of the last few blocks: square of their product, of the product of their energies. */
const CHANCE: f32 = 0.15;
/** A prediction is remembered at its loudest, and forgotten by so much a block; and one that was not true for so many. */
const PEAK_MEMORY: f32 = 0.99;
const DOUBTED_BLOCKS: i32 = 30;
/** An echo at another time than it was is at most so much louder, as a power. */
const LOUDER: f32 = 2.0;

@unmanaged
export class EchoVerdict {
  /** Blocks of reference that were not silent, ever. */
  private spokenBlocks: i32;
  /** Blocks of silence at the end of the reference. */
  private silentBlocks: i32;
  /** The agent's level of late at its loudest, dBov. */
  private loudness: f32;
  /** It is known what of an echo there is; and one was taken out in this call. */
  private settled: bool;
  private found: bool;
  /** The predicted energy of late at its highest; and the blocks for which the path may be another one than was learned. */
  private peak: f32;
  private doubted: i32;

  start(): void {
    this.spokenBlocks = 0;
    this.silentBlocks = IDLE_BLOCKS;
    this.loudness = -127.0;
    this.found = false;
    this.settled = true;
    this.forget();
  }

  /** There is another prediction. */
  forget(): void {
    this.peak = 0.0;
    this.doubted = 0;
  }

  /** Nothing that the agent said can come back any more. */
  get idle(): bool {
    return this.silentBlocks >= IDLE_BLOCKS;
  }

  /** The agent has stopped: what is alike now may be the end of what both said at once. */
  get quiet(): bool {
    return this.silentBlocks >= QUIET_BLOCKS;
  }

  /** There was an echo, or it is not known yet whether there is one. */
  get open(): bool {
    return this.found || !this.settled;
  }

  /** The agent's level in a frame of so many samples: before its blocks. */
  loud(pcm: usize, samples: i32): void {
    this.loudness = max(levelDbov(pcm, samples), this.loudness - LOUDNESS_DECAY * <f32>(samples / BLOCK));
  }

  /** Takes one block of the reference: 80 i16. */
  hear(pcm: usize): void {
    if (silent(pcm)) {
      this.silentBlocks = min(this.silentBlocks + 1, IDLE_BLOCKS);
      return;
    }
    this.silentBlocks = 0;
    this.spokenBlocks = min(this.spokenBlocks + 1, SETTLED_BLOCKS);
  }

  /** An echo that nothing is taken out of was taken for speech, or the path has moved: there is more to be learned. */
  mistake(): void {
    this.spokenBlocks = min(this.spokenBlocks, this.found ? 0 : SETTLED_BLOCKS - MISTAKEN_BLOCKS);
  }

  /** Whether it is known what of an echo there is, or there can be none. `seen`: the search is sure of one. */
  settle(off: bool, engaged: bool, activeBlocks: i32, seen: bool): void {
    const known = engaged ? activeBlocks >= LEARNED_BLOCKS : this.spokenBlocks >= SETTLED_BLOCKS;
    this.settled = off || known || this.idle;
    this.found = this.found || engaged;
    const likely = !this.idle && (this.found || seen);
    meter(METER_ECHO_SETTLED, this.settled ? 1.0 : 0.0);
    meter(METER_ECHO_LIKELY, likely ? 1.0 : 0.0);
  }

  /**
   * Takes the energies of the last few blocks that `beside` takes. Whoever speaks beside the echo leaves the prediction true but for what
   * both have in common by chance, and that is the less the louder the echo is.
   */
  doubt(predicted: f32, heard: f32, cross: f32): void {
    this.peak = max(this.peak * PEAK_MEMORY, predicted);
    const missing = predicted - cross;
    const other = heard - cross + missing;
    const untrue = predicted >= heard * UNHEARD && missing > 0.0 && missing * missing > predicted * other * CHANCE;
    this.doubted = untrue ? DOUBTED_BLOCKS : max(0, this.doubted - 1);
  }

  /** Whether so much energy may be the echo at another time than it was. */
  maySlip(heard: f32): bool {
    return this.doubted > 0 && heard < this.peak * LOUDER;
  }

  /** Whether what is heard at this level while the agent speaks is no caller: where an echo is known of or nothing is known yet, more than elsewhere. */
  tooQuiet(heardDbov: f32): bool {
    if (this.settled && !this.found) return heardDbov < FAINT_DBOV;
    return heardDbov < max<f32>(REST_DBOV, this.loudness + REST_DB);
  }
}

/** How far it may be a caller, by the search's score, and for how many blocks its lag has stood. */
export function alike(score: f32, steady: i32): f32 {
  if (steady >= STANDS_BLOCKS && score > STANDS) return 0.0;
  return max<f32>(0.0, min<f32>(1.0, (ALIKE - score) / ALIKE_RANGE));
}

/** …and beside a prediction, by energies of the last few blocks: predicted, captured, and captured times predicted. */
export function beside(predicted: f32, heard: f32, cross: f32): f32 {
  // No echo is expected, or somebody is far louder than it.
  if (predicted < heard * UNHEARD) return 1.0;
  // A voice beside the echo leaves the prediction true; a path that has moved does not.
  if (cross < predicted * BORNE_OUT) return 0.0;
  return max<f32>(0.0, min<f32>(1.0, (EXPLAINED - coherence(predicted, heard, cross)) / EXPLAINED_RANGE));
}

/** How alike what is predicted and what is captured are, of the energies that `beside` takes: at most 1 but for rounding, 0 without either. */
export function coherence(predicted: f32, heard: f32, cross: f32): f32 {
  return cross / sqrt<f32>(max<f32>(1.0, predicted * heard));
}

/** Tells a figure to the host: one of METER_…. */
export function meter(index: i32, value: f32): void {
  store<f32>(METERS + ((<usize>index) << 2), value);
}

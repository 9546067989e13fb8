import { OnsetDoubt } from './onset-doubt.ts';

/**
 * Where speech begins and ends: turns a probability a frame into edges, with an onset that must be confirmed and an end
 * that must last. While the agent speaks an onset is first a candidate (the agent waits meanwhile), then confirmed (barge-in)
 * or withdrawn (a cough, a click, an echo), and that soon: whoever waits in the middle of a word cannot wait for long. What is long
 * enough but shows no sign of a voice is in doubt (onset-doubt.ts), and only then takes longer. After
 * one that was withdrawn a single frame is not enough for the next, or a noisy line would cut the agent to pieces.
 */
export interface EndpointerOptions {
  /** A frame at or above this probability is speech, 0..1. */
  readonly speechThreshold: number;
  /** In speech, a frame below this is silence, 0..1; at most `speechThreshold`. */
  readonly silenceThreshold: number;
  /** Speech that confirms an onset while the agent is silent, ms. */
  readonly startMs: number;
  /** Speech that confirms an onset while the agent speaks, ms. */
  readonly bargeInMs: number;
  /** Silence that ends the caller's turn, ms. */
  readonly stopMs: number;
}

/** Values for a telephone and a detector tuned for 0.5. */
export const DEFAULT_ENDPOINTER: EndpointerOptions = {
  speechThreshold: 0.5,
  silenceThreshold: 0.3,
  startMs: 60,
  bargeInMs: 120,
  stopMs: 600,
};

/** `candidate`: perhaps. `withdrawn`: it was not. `started`, `stopped`: confirmed. */
export type SpeechEdge = 'none' | 'candidate' | 'withdrawn' | 'started' | 'stopped';

/** Silence inside an unconfirmed onset that withdraws it, ms; while the agent waits. */
const WITHDRAW_MS = 80;
const WITHDRAW_WAITING_MS = 60;
/** …and while nobody waits because it may be an echo. */
const WITHDRAW_UNSETTLED_MS = 160;
/** How much later than without a gap a barge-in is decided at the latest, ms, and how much of it has to be speech then. */
const VERDICT_SLACK_MS = 20;
const VERDICT_SHARE = 0.7;
/** Speech that confirms an onset of which nobody knows yet whether it is the agent's echo, ms. */
const UNSETTLED_MS = 300;
/** After one that was withdrawn, ms, and what then makes another: at least two frames. */
const WARY_MS = 500;
const WARY_SPEECH_MS = 40;

type Phase = 'silent' | 'candidate' | 'speaking';

/** One caller's speech. Pure: it is told the time. */
export class Endpointer {
  readonly #options: EndpointerOptions;
  readonly #ptimeMs: number;
  #phase: Phase = 'silent';
  #speechMs = 0;
  #silenceMs = 0;
  #onsetMs = 0;
  /** When the last onset that was none was withdrawn. */
  #withdrawnMs = Number.NEGATIVE_INFINITY;
  #lastSpeechMs = 0;
  /** When anything was last heard that might have been speech; NaN before the first frame. */
  #lastHintMs = Number.NaN;
  #settled = true;
  /** The present onset was told. */
  #announced = false;
  #speechTicks = 0;
  /** Speech that confirms an onset now. */
  #confirmMs = 0;
  readonly #doubt: OnsetDoubt;
  /** Of the frame that is looked at. */
  #voicing = 1;
  #levelDbov = 0;

  constructor(options: EndpointerOptions, ptimeMs: number) {
    this.#options = options;
    this.#ptimeMs = ptimeMs;
    this.#doubt = new OnsetDoubt(ptimeMs);
  }

  /** Whether a confirmed onset has not ended yet. */
  get speaking(): boolean {
    return this.#phase === 'speaking';
  }

  /** Whether there is an onset of which it is not known yet what it is. */
  get unsure(): boolean {
    return this.#phase === 'candidate';
  }

  /** Frames that were part of confirmed speech. */
  get speechTicks(): number {
    return this.#speechTicks;
  }

  /** When the current or last speech began: the start of its first frame. */
  get onsetMs(): number {
    return this.#onsetMs;
  }

  /** When the last frame of speech ended. */
  get lastSpeechMs(): number {
    return this.#lastSpeechMs;
  }

  /** For how long nothing has been heard that might be speech; 0 while it is, or before the first frame. Hot path. */
  silentMs(nowMs: number): number {
    const silentMs = nowMs - this.#lastHintMs;
    return this.#phase === 'silent' && silentMs > 0 ? silentMs : 0;
  }

  /**
   * One frame that ended at `nowMs`. `settled`: whether it is known what of an echo there is; until it is, the agent does not wait
   * for an onset, or its own echo would silence it before anybody could learn what that sounds like. `voicing` (0..1; 1: not known)
   * and `levelDbov` of the frame tell a voice from other sounds. Hot path.
   */
  update(
    probability: number,
    nowMs: number,
    agentSpeaking: boolean,
    settled = true,
    voicing = 1,
    levelDbov = 0,
  ): SpeechEdge {
    // The echo of the agent's last word comes when the agent is silent again.
    const cuttingIn = agentSpeaking || !settled;
    this.#confirmMs = cuttingIn ? this.#options.bargeInMs : this.#options.startMs;
    if (!settled) this.#confirmMs = Math.max(UNSETTLED_MS, this.#confirmMs);
    // What was heard before says nothing any more: it may have been the echo that is now known.
    const forget = settled && !this.#settled && this.#phase === 'candidate';
    this.#settled = settled;
    if (forget) {
      this.rearm();
      // Somebody may wait for the verdict.
      if (this.#announced) return this.#verdict('withdrawn');
    }
    this.#voicing = voicing;
    this.#levelDbov = levelDbov;
    const edge = this.#advance(probability, nowMs, cuttingIn);
    const hint = probability >= this.#options.silenceThreshold || this.#phase !== 'silent';
    if (hint || Number.isNaN(this.#lastHintMs)) this.#lastHintMs = nowMs;
    if (this.#phase === 'speaking') this.#speechTicks += 1;
    return this.#verdict(edge);
  }

  /** An onset is told only where the agent may wait for it; whoever was told of it is told what became of it. */
  #verdict(edge: SpeechEdge): SpeechEdge {
    if (edge === 'candidate' && !this.#settled) return 'none';
    if (edge === 'withdrawn' && !this.#announced) return 'none';
    if (edge !== 'none') this.#announced = edge === 'candidate';
    return edge;
  }

  #advance(probability: number, nowMs: number, agentSpeaking: boolean): SpeechEdge {
    switch (this.#phase) {
      case 'silent':
        return this.#whenSilent(probability, nowMs, agentSpeaking);
      case 'candidate':
        return this.#whenCandidate(probability, nowMs, agentSpeaking);
      case 'speaking':
        return this.#whenSpeaking(probability, nowMs);
    }
  }

  /** The agent took the turn while the caller's speech had not ended here: speech that goes on is a new onset. */
  rearm(): void {
    this.#phase = 'silent';
    this.#speechMs = 0;
  }

  #whenSilent(probability: number, nowMs: number, agentSpeaking: boolean): SpeechEdge {
    const spoken = probability >= this.#options.speechThreshold;
    const begins = this.#doubt.mayBegin(probability, this.#voicing, spoken);
    if (!spoken || (agentSpeaking && !begins)) {
      this.#speechMs = 0;
      return 'none';
    }
    if (this.#speechMs === 0) {
      this.#onsetMs = nowMs - this.#ptimeMs;
      this.#doubt.begin();
    }
    this.#doubt.hear(probability, this.#voicing, this.#levelDbov, nowMs - this.#onsetMs);
    this.#lastSpeechMs = nowMs;
    this.#speechMs += this.#ptimeMs;
    this.#silenceMs = 0;
    const wary = agentSpeaking && nowMs - this.#withdrawnMs < WARY_MS;
    if (wary && this.#speechMs < Math.max(WARY_SPEECH_MS, 2 * this.#ptimeMs)) return 'none';
    this.#phase = 'candidate';
    if (this.#speechMs < this.#confirmMs || (agentSpeaking && !this.#doubt.isClear(nowMs - this.#onsetMs)))
      return 'candidate';
    return this.#confirm();
  }

  #whenCandidate(probability: number, nowMs: number, agentSpeaking: boolean): SpeechEdge {
    const spoken = probability >= this.#options.speechThreshold;
    if (spoken) {
      this.#speechMs += this.#ptimeMs;
      this.#silenceMs = 0;
      this.#lastSpeechMs = nowMs;
    } else {
      this.#silenceMs += this.#ptimeMs;
    }
    const onsetLastedMs = nowMs - this.#onsetMs;
    this.#doubt.hear(probability, this.#voicing, this.#levelDbov, onsetLastedMs);
    const due = agentSpeaking && this.#settled && onsetLastedMs >= this.#confirmMs + VERDICT_SLACK_MS;
    const enough = due && this.#speechMs >= onsetLastedMs * VERDICT_SHARE;
    const confirmed = enough || (spoken && this.#speechMs >= this.#confirmMs);
    const doubtful = confirmed && agentSpeaking && !this.#doubt.isClear(onsetLastedMs);
    if (confirmed && !doubtful) return this.#confirm();
    const waiting = agentSpeaking ? WITHDRAW_WAITING_MS : WITHDRAW_MS;
    const silent = this.#silenceMs >= (this.#settled ? waiting : WITHDRAW_UNSETTLED_MS);
    // Whether anybody speaks is not known: whoever waits goes on doing so, until the sound ends or the doubt does.
    const open = doubtful ? this.#doubt.mayWait(onsetLastedMs) : !due;
    if (!silent && open) return 'none';
    return this.#withdraw(nowMs);
  }

  #withdraw(nowMs: number): SpeechEdge {
    this.#phase = 'silent';
    this.#speechMs = 0;
    this.#withdrawnMs = nowMs;
    return 'withdrawn';
  }

  #whenSpeaking(probability: number, nowMs: number): SpeechEdge {
    if (probability >= this.#options.silenceThreshold) {
      this.#silenceMs = 0;
      this.#lastSpeechMs = nowMs;
      return 'none';
    }
    this.#silenceMs += this.#ptimeMs;
    if (this.#silenceMs < this.#options.stopMs) return 'none';
    this.#phase = 'silent';
    this.#speechMs = 0;
    return 'stopped';
  }

  #confirm(): SpeechEdge {
    this.#phase = 'speaking';
    this.#silenceMs = 0;
    return 'started';
  }
}

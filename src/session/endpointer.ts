/**
 * Where speech begins and ends: turns a probability a frame into edges, with an onset that must be confirmed and an end
 * that must last. While the agent speaks an onset is first a candidate (the agent may be lowered), then confirmed
 * (barge-in) or withdrawn (a cough, a click, an echo).
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
  bargeInMs: 140,
  stopMs: 600,
};

/** `candidate`: perhaps. `withdrawn`: it was not. `started`, `stopped`: confirmed. */
export type SpeechEdge = 'none' | 'candidate' | 'withdrawn' | 'started' | 'stopped';

/** Silence inside an unconfirmed onset that withdraws it, ms. */
const WITHDRAW_MS = 80;

type Phase = 'silent' | 'candidate' | 'speaking';

/** One caller's speech. Pure: it is told the time. */
export class Endpointer {
  readonly #options: EndpointerOptions;
  readonly #ptimeMs: number;
  #phase: Phase = 'silent';
  #speechMs = 0;
  #silenceMs = 0;
  #onsetMs = 0;
  #lastSpeechMs = 0;

  constructor(options: EndpointerOptions, ptimeMs: number) {
    this.#options = options;
    this.#ptimeMs = ptimeMs;
  }

  /** Whether a confirmed onset has not ended yet. */
  get speaking(): boolean {
    return this.#phase === 'speaking';
  }

  /** When the current or last speech began: the start of its first frame. */
  get onsetMs(): number {
    return this.#onsetMs;
  }

  /** When the last frame of speech ended. */
  get lastSpeechMs(): number {
    return this.#lastSpeechMs;
  }

  /** One frame that ended at `nowMs`. Hot path. */
  update(probability: number, nowMs: number, agentSpeaking: boolean): SpeechEdge {
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
    if (probability < this.#options.speechThreshold) return 'none';
    this.#onsetMs = nowMs - this.#ptimeMs;
    this.#lastSpeechMs = nowMs;
    this.#speechMs = this.#ptimeMs;
    this.#silenceMs = 0;
    this.#phase = 'candidate';
    return this.#confirm(agentSpeaking) ?? 'candidate';
  }

  #whenCandidate(probability: number, nowMs: number, agentSpeaking: boolean): SpeechEdge {
    if (probability >= this.#options.speechThreshold) {
      this.#speechMs += this.#ptimeMs;
      this.#silenceMs = 0;
      this.#lastSpeechMs = nowMs;
      return this.#confirm(agentSpeaking) ?? 'none';
    }
    this.#silenceMs += this.#ptimeMs;
    if (this.#silenceMs < WITHDRAW_MS) return 'none';
    this.#phase = 'silent';
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
    return 'stopped';
  }

  #confirm(agentSpeaking: boolean): SpeechEdge | null {
    if (this.#speechMs < (agentSpeaking ? this.#options.bargeInMs : this.#options.startMs)) return null;
    this.#phase = 'speaking';
    this.#silenceMs = 0;
    return 'started';
  }
}

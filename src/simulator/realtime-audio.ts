/** The listening half of the embedded backend: audio in, turns out, with the project's own detector. */
import type { AudioFormat, MediaFormat } from '../core/media.ts';
import { bytesPerMs, frameBytes } from '../core/media.ts';
import type { Dsp, DspPool } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import { TurnBuffer } from './turn-buffer.ts';
import { toLinear } from './wire-audio.ts';

/** Server VAD as the session sets it; null: the client commits. */
export interface ServerVad {
  /** Speech probability that counts as speech, 0..1. */
  readonly threshold: number;
  readonly prefixPaddingMs: number;
  readonly silenceDurationMs: number;
  /** Speech that counts as a beginning, ms; default 60. */
  readonly onsetMs?: number;
}

/** An edge of the caller's speech, in ms of received audio since the session began. */
export type HeardEdge =
  | { readonly type: 'started'; readonly audioStartMs: number }
  | { readonly type: 'stopped'; readonly audioEndMs: number; readonly speechMs: number };

const FRAME_MS = 20;
const ONSET_MS = 60;

/** Finds the turns in one client's audio and keeps the one at hand. */
export class RealtimeAudio {
  readonly #pool: DspPool;
  readonly #onEdge: (edge: HeardEdge) => void;
  readonly #dsp: Dsp;
  readonly #turn = new TurnBuffer();
  #format: AudioFormat;
  #frame: Uint8Array;
  #filled = 0;
  #vad: ServerVad | null;
  #receivedMs = 0;
  #speechMs = 0;
  #silenceMs = 0;
  /** Where the speech at hand began, or null in silence. */
  #speechFromMs: number | null = null;

  /** Owns a signal chain of `pool` until `close`. @throws ERR_TALKSPURT_DSP_POOL_EMPTY */
  constructor(pool: DspPool, format: AudioFormat, vad: ServerVad | null, onEdge: (edge: HeardEdge) => void) {
    this.#pool = pool;
    this.#onEdge = onEdge;
    this.#format = format;
    this.#vad = vad;
    const leg = legOf(format);
    this.#dsp = pool.acquire({ leg, backendInput: leg, backendOutput: leg });
    this.#frame = new Uint8Array(frameBytes(leg));
  }

  get format(): AudioFormat {
    return this.#format;
  }

  /** Audio received since the session began, ms. */
  get receivedMs(): number {
    return this.#receivedMs;
  }

  /** Audio that a commit would take, ms. */
  get turnMs(): number {
    return this.#turn.bytes / bytesPerMs(this.#format);
  }

  get speaking(): boolean {
    return this.#speechFromMs !== null;
  }

  /** Another format or another detection; audio in the old format is dropped. */
  configure(format: AudioFormat, vad: ServerVad | null): void {
    if (this.#vad !== null && vad === null) this.#forgetSpeech();
    this.#vad = vad;
    if (format.codec === this.#format.codec && format.sampleRateHz === this.#format.sampleRateHz) return;
    this.#format = format;
    const leg = legOf(format);
    this.#dsp.configure({ leg, backendInput: leg, backendOutput: leg });
    this.#frame = new Uint8Array(frameBytes(leg));
    this.#filled = 0;
    this.clear();
  }

  /** Audio in the session's format; edges are told from within. */
  append(audio: Uint8Array): void {
    for (let at = 0; at < audio.length;) {
      const taken = Math.min(audio.length - at, this.#frame.length - this.#filled);
      const piece = audio.subarray(at, at + taken);
      this.#turn.add(piece, this.#keptBytes());
      this.#frame.set(piece, this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled < this.#frame.length) break;
      this.#filled = 0;
      this.#receivedMs += FRAME_MS;
      if (this.#vad === null) continue;
      this.#dsp.capture(this.#frame);
      this.#detect(this.#dsp.speechProbability >= this.#vad.threshold, this.#vad);
    }
  }

  /** Takes the turn out of the buffer, as 16-bit samples at the format's rate. */
  commit(): Int16Array {
    const samples = toLinear(this.#turn.take(), this.#format.codec);
    this.#forgetSpeech();
    return samples;
  }

  clear(): void {
    this.#turn.clear();
    this.#forgetSpeech();
  }

  /** Gives the signal chain back. Twice is harmless. */
  close(): void {
    this.#pool.release(this.#dsp);
  }

  /** Before speech only the padding is of use; in it, a turn is bounded like everything else. */
  #keptBytes(): number {
    const keptMs =
      this.speaking || this.#vad === null
        ? LIMITS.simulatedTurnMs
        : this.#vad.prefixPaddingMs + onsetOf(this.#vad) + FRAME_MS;
    return keptMs * bytesPerMs(this.#format);
  }

  #detect(isSpeech: boolean, vad: ServerVad): void {
    if (this.#speechFromMs === null) {
      this.#speechMs = isSpeech ? this.#speechMs + FRAME_MS : 0;
      if (this.#speechMs < onsetOf(vad)) return;
      this.#silenceMs = 0;
      this.#speechFromMs = this.#receivedMs - this.#speechMs;
      this.#onEdge({ type: 'started', audioStartMs: Math.max(0, this.#speechFromMs - vad.prefixPaddingMs) });
      return;
    }
    this.#silenceMs = isSpeech ? 0 : this.#silenceMs + FRAME_MS;
    if (this.#silenceMs < Math.max(FRAME_MS, vad.silenceDurationMs)) return;
    const speechMs = this.#receivedMs - this.#silenceMs - this.#speechFromMs;
    this.#forgetSpeech();
    this.#onEdge({ type: 'stopped', audioEndMs: this.#receivedMs, speechMs });
  }

  #forgetSpeech(): void {
    this.#speechFromMs = null;
    this.#speechMs = 0;
    this.#silenceMs = 0;
  }
}

function onsetOf({ onsetMs }: ServerVad): number {
  return onsetMs ?? ONSET_MS;
}

function legOf(format: AudioFormat): MediaFormat {
  return { ...format, ptimeMs: FRAME_MS };
}

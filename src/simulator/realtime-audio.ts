/** The listening half of the embedded backend: audio in, turns out, with the project's own detector. */
import type { AudioFormat, Codec, MediaFormat } from '../core/media.ts';
import { bytesPerMs, frameBytes } from '../core/media.ts';
import type { Dsp, DspPool } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import { A_LAW, MU_LAW } from './g711-table.ts';

/** Server VAD as the session sets it; null: the client commits. */
export interface ServerVad {
  readonly threshold: number;
  readonly prefixPaddingMs: number;
  readonly silenceDurationMs: number;
}

/** An edge of the caller's speech on the time line of the received audio, ms. */
export type HeardEdge =
  | { readonly type: 'started'; readonly audioStartMs: number }
  | { readonly type: 'stopped'; readonly audioEndMs: number };

const FRAME_MS = 20;
/** Speech that counts as a beginning, ms. */
const ONSET_MS = 60;

export class RealtimeAudio {
  readonly #pool: DspPool;
  readonly #onEdge: (edge: HeardEdge) => void;
  #format: AudioFormat;
  #dsp: Dsp;
  #frame: Uint8Array;
  #filled = 0;
  #vad: ServerVad | null;
  #receivedMs = 0;
  #speechMs = 0;
  #silenceMs = 0;
  #speaking = false;
  /** What was received since the last commit. */
  #turn: Uint8Array[] = [];
  #turnBytes = 0;

  constructor(pool: DspPool, format: AudioFormat, vad: ServerVad | null, onEdge: (edge: HeardEdge) => void) {
    this.#pool = pool;
    this.#onEdge = onEdge;
    this.#format = format;
    this.#vad = vad;
    const leg = legOf(format);
    this.#dsp = pool.acquire({ leg, backendInput: leg, backendOutput: leg });
    this.#frame = new Uint8Array(frameBytes(leg));
  }

  /** Audio received since the session began, ms. */
  get receivedMs(): number {
    return this.#receivedMs;
  }

  /** Audio that a commit would take, ms. */
  get turnMs(): number {
    return this.#turnBytes / bytesPerMs(this.#format);
  }

  /** Another format or another detection; audio in the old format is dropped. */
  configure(format: AudioFormat, vad: ServerVad | null): void {
    this.#vad = vad;
    if (format.codec === this.#format.codec && format.sampleRateHz === this.#format.sampleRateHz) return;
    this.#format = format;
    const leg = legOf(format);
    this.#dsp.configure({ leg, backendInput: leg, backendOutput: leg });
    this.#frame = new Uint8Array(frameBytes(leg));
    this.#filled = 0;
    this.clear();
  }

  append(audio: Uint8Array): void {
    this.#keep(audio);
    for (let at = 0; at < audio.length;) {
      const taken = Math.min(audio.length - at, this.#frame.length - this.#filled);
      this.#frame.set(audio.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled < this.#frame.length) break;
      this.#filled = 0;
      this.#receivedMs += FRAME_MS;
      this.#dsp.capture(this.#frame);
      if (this.#vad !== null) this.#detect(this.#dsp.speechProbability, this.#vad);
    }
  }

  /** Takes the turn out of the buffer, as 16-bit samples at the format's rate. */
  commit(): Int16Array {
    const bytes = Buffer.concat(this.#turn);
    this.#turn = [];
    this.#turnBytes = 0;
    return toLinear(bytes, this.#format.codec);
  }

  clear(): void {
    this.#turn = [];
    this.#turnBytes = 0;
    this.#speaking = false;
    this.#speechMs = 0;
  }

  close(): void {
    this.#pool.release(this.#dsp);
  }

  #keep(audio: Uint8Array): void {
    this.#turn.push(audio);
    this.#turnBytes += audio.length;
    // Before speech only the padding is of use; in it, a turn is bounded like everything else.
    const keptMs =
      this.#speaking || this.#vad === null ? LIMITS.simulatedTurnMs : this.#vad.prefixPaddingMs + ONSET_MS + FRAME_MS;
    const kept = keptMs * bytesPerMs(this.#format);
    while (this.#turn.length > 1 && this.#turnBytes - (this.#turn[0]?.length ?? 0) >= kept) {
      this.#turnBytes -= this.#turn.shift()?.length ?? 0;
    }
  }

  #detect(probability: number, vad: ServerVad): void {
    const isSpeech = probability >= vad.threshold;
    if (!this.#speaking) {
      this.#speechMs = isSpeech ? this.#speechMs + FRAME_MS : 0;
      if (this.#speechMs < ONSET_MS) return;
      this.#speaking = true;
      this.#silenceMs = 0;
      const audioStartMs = Math.max(0, this.#receivedMs - this.#speechMs - vad.prefixPaddingMs);
      this.#onEdge({ type: 'started', audioStartMs });
      return;
    }
    this.#silenceMs = isSpeech ? 0 : this.#silenceMs + FRAME_MS;
    if (this.#silenceMs < vad.silenceDurationMs) return;
    this.#speaking = false;
    this.#speechMs = 0;
    this.#onEdge({ type: 'stopped', audioEndMs: this.#receivedMs });
  }
}

/** 16-bit samples of audio in any of the wire's formats. */
export function toLinear(bytes: Uint8Array, codec: Codec): Int16Array {
  if (codec === 'l16') {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Int16Array.from({ length: bytes.length >> 1 }, (_, i) => view.getInt16(i * 2, true));
  }
  const { decode } = codec === 'pcmu' ? MU_LAW : A_LAW;
  return Int16Array.from(bytes, (code) => decode[code] ?? 0);
}

/** The wire's bytes for 16-bit samples. */
export function fromLinear(samples: Int16Array, codec: Codec): Uint8Array {
  if (codec === 'l16') return new Uint8Array(samples.slice().buffer);
  const { encode } = codec === 'pcmu' ? MU_LAW : A_LAW;
  return Uint8Array.from(samples, (sample) => encode[sample + 32768] ?? 0);
}

function legOf(format: AudioFormat): MediaFormat {
  return { ...format, ptimeMs: FRAME_MS };
}

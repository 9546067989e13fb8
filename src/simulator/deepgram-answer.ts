/** One answer of the embedded Voice Agent, from the first thought to `AgentAudioDone`: sentences as text and as pieces of audio. */
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs } from '../core/media.ts';
import type { DialogueCall } from './dialogue.ts';
import type { AgentTurn } from './dialogue-talk.ts';
import type { DeepgramServerMessage } from './deepgram-message.ts';
import { resampleSinc, resampledLength } from './sinc-resample.ts';
import type { Speech } from './speech.ts';
import { fromLinear } from './wire-audio.ts';

/** Everything that an answer needs; nothing of it changes while it is given. */
export interface AnswerParts {
  /** What the agent does; may take its time. */
  readonly plan: Promise<AgentTurn>;
  readonly format: AudioFormat;
  readonly clock: Clock;
  readonly thinkMs: number;
  readonly pieceMs: number;
  readonly speedUp: number;
  readonly say: (sentence: string) => Promise<Speech>;
  readonly send: (message: DeepgramServerMessage) => void;
  readonly sendAudio: (audio: Uint8Array, audioMs: number) => void;
  /** A sentence is about to be said. */
  readonly onSentence: (sentence: string) => void;
  readonly onCall: (call: DialogueCall) => void;
  /** It has come to its own end, not to one that was made. */
  readonly onDone: () => void;
  readonly onFailed: (error: unknown) => void;
}

/** Given once: `start`, then messages until `onDone`, or until `stop`, after which nothing comes. */
export class DeepgramAnswer {
  readonly #parts: AnswerParts;
  readonly #stop = new AbortController();
  #startedMs = 0;
  #speaking = false;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  /** Something of it was heard, or is about to be. */
  get speaking(): boolean {
    return this.#speaking;
  }

  start(): void {
    this.#startedMs = this.#parts.clock.nowMs();
    this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#parts.onFailed(error);
    });
  }

  /** Not a word more. Twice is harmless. */
  stop(): void {
    this.#stop.abort(new Error('the answer was cut short'));
  }

  async #run(): Promise<void> {
    const { plan, clock, thinkMs, onCall, onDone } = this.#parts;
    const [turn] = await this.#wait(Promise.all([plan, delay(clock, thinkMs, this.#stop.signal)]));
    if (turn.call === undefined) await this.#speak(turn.sentences);
    else onCall(turn.call);
    onDone();
  }

  async #speak(sentences: readonly string[]): Promise<void> {
    const { clock, say, send, onSentence } = this.#parts;
    let thoughtS = 0;
    for (const [index, sentence] of sentences.entries()) {
      if (index === 0) thoughtS = (clock.nowMs() - this.#startedMs) / 1000;
      onSentence(sentence);
      const speech = await this.#wait(say(sentence));
      if (index === 0) {
        this.#speaking = true;
        const total = (clock.nowMs() - this.#startedMs) / 1000;
        const tts = Math.max(0, total - thoughtS);
        send({ type: 'AgentStartedSpeaking', total_latency: total, tts_latency: tts, ttt_latency: thoughtS });
      }
      await this.#sendSpeech(speech);
    }
    send({ type: 'AgentAudioDone' });
    const totalS = (clock.nowMs() - this.#startedMs) / 1000;
    send({ type: 'LatencyReport', stt_latency: 0, ttt_text_latency: thoughtS, tts_latency: 0, total_latency: totalS });
  }

  async #sendSpeech({ samples, sampleRateHz }: Speech): Promise<void> {
    const { clock, format, pieceMs, speedUp, sendAudio } = this.#parts;
    const length = resampledLength(samples.length, sampleRateHz, format.sampleRateHz);
    const pieceSamples = Math.max(1, Math.round((pieceMs * format.sampleRateHz) / 1000));
    for (let at = 0; at < length; at += pieceSamples) {
      // Converted piece by piece: a long sentence at once would hold up everything else in the process.
      const linear = resampleSinc(samples, sampleRateHz, format.sampleRateHz, at, pieceSamples);
      const piece = fromLinear(linear, format.codec);
      sendAudio(piece, piece.length / bytesPerMs(format));
      await this.#wait(delay(clock, pieceMs / speedUp, this.#stop.signal));
    }
  }

  /** What `work` gives. @throws when the answer was stopped meanwhile */
  async #wait<T>(work: Promise<T>): Promise<T> {
    const value = await work;
    this.#stop.signal.throwIfAborted();
    return value;
  }
}

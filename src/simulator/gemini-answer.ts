/** One answer of the embedded Gemini Live server, from the first thought to the end of its turn: words and pieces of audio. */
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import type { DialogueCall } from './dialogue.ts';
import type { AgentTurn } from './dialogue-talk.ts';
import type { GeminiServerContent } from './gemini-message.ts';
import { GEMINI_OUTPUT } from './gemini-setup.ts';
import { resampleSinc, resampledLength } from './sinc-resample.ts';
import type { Speech } from './speech.ts';
import { fromLinear } from './wire-audio.ts';

/** Everything that an answer needs; nothing of it changes while it is given. */
export interface GeminiAnswerParts {
  /** What the agent does; may take its time. */
  readonly plan: Promise<AgentTurn>;
  readonly clock: Clock;
  readonly thinkMs: number;
  readonly pieceMs: number;
  readonly speedUp: number;
  /** Whether the turn lasts until the audio would have been played. */
  readonly waitsForPlayback: boolean;
  /** Whether the words are told beside the audio. */
  readonly transcribes: boolean;
  /** Words and audio in one message. */
  readonly together: boolean;
  readonly say: (sentence: string) => Promise<Speech>;
  readonly send: (content: GeminiServerContent, audioMs: number) => void;
  /** In the place of words; the turn stays open. */
  readonly onCall: (call: DialogueCall) => void;
  /** Everything was said, and heard. */
  readonly onDone: () => void;
  readonly onFailed: (error: unknown) => void;
}

const MIME_TYPE = `audio/pcm;rate=${GEMINI_OUTPUT.sampleRateHz}`;
/** Words that are told at a time. */
const WORDS = 3;

/** Given once: `start`, then messages until `onDone` or `onCall`, or until `stop`, after which nothing comes. */
export class GeminiAnswer {
  readonly #parts: GeminiAnswerParts;
  readonly #stop = new AbortController();
  #firstMs: number | null = null;
  #saidMs = 0;

  constructor(parts: GeminiAnswerParts) {
    this.#parts = parts;
  }

  /** Audio that was sent, ms. */
  get saidMs(): number {
    return this.#saidMs;
  }

  start(): void {
    this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#parts.onFailed(error);
    });
  }

  /** Not a word more. Twice is harmless. */
  stop(): void {
    this.#stop.abort(new Error('the answer was cut short'));
  }

  async #run(): Promise<void> {
    const { plan, clock, thinkMs, say, send, onCall, onDone } = this.#parts;
    const [turn] = await this.#wait(Promise.all([plan, delay(clock, thinkMs, this.#stop.signal)]));
    if (turn.call !== undefined) {
      onCall(turn.call);
      return;
    }
    for (const [index, sentence] of turn.sentences.entries()) {
      const speech = await this.#wait(say(sentence));
      await this.#speak(index === 0 ? sentence : ` ${sentence}`, speech);
    }
    send({ generationComplete: true }, 0);
    await this.#playToEnd();
    onDone();
  }

  /** The words run a little ahead of the audio. */
  async #speak(sentence: string, { samples, sampleRateHz }: Speech): Promise<void> {
    const { clock, pieceMs, speedUp, transcribes, together, send } = this.#parts;
    const outHz = GEMINI_OUTPUT.sampleRateHz;
    const length = resampledLength(samples.length, sampleRateHz, outHz);
    const pieceSamples = Math.max(1, Math.round((pieceMs * outHz) / 1000));
    const words = transcribes ? (sentence.match(new RegExp(`(?:\\s*\\S+){1,${WORDS}}`, 'g')) ?? []) : [];
    for (let at = 0; at < length; at += pieceSamples) {
      this.#firstMs ??= clock.nowMs();
      const text = words.shift();
      const told = text === undefined ? {} : { outputTranscription: { text } };
      if (text !== undefined && !together) send(told, 0);
      // Converted piece by piece: a long sentence at once would hold up everything else in the process.
      const piece = resampleSinc(samples, sampleRateHz, outHz, at, pieceSamples);
      const audioMs = (piece.length * 1000) / outHz;
      const data = Buffer.from(fromLinear(piece, GEMINI_OUTPUT.codec)).toString('base64');
      this.#saidMs += audioMs;
      const modelTurn = { parts: [{ inlineData: { mimeType: MIME_TYPE, data } }] };
      send(together ? { modelTurn, ...told } : { modelTurn }, audioMs);
      await this.#wait(delay(clock, pieceMs / speedUp, this.#stop.signal));
    }
    if (words.length > 0) send({ outputTranscription: { text: words.join('') } }, 0);
  }

  /** Audio is sent faster than it is heard. */
  async #playToEnd(): Promise<void> {
    const { clock, waitsForPlayback } = this.#parts;
    if (!waitsForPlayback || this.#firstMs === null) return;
    const leftMs = this.#firstMs + this.#saidMs - clock.nowMs();
    if (leftMs > 0) await this.#wait(delay(clock, leftMs, this.#stop.signal));
  }

  /** What `work` gives. @throws when the answer was stopped meanwhile */
  async #wait<T>(work: Promise<T>): Promise<T> {
    const value = await work;
    this.#stop.signal.throwIfAborted();
    return value;
  }
}

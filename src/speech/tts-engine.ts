/** The port of whatever turns a sentence into audio. */
import type { AudioFormat } from '../core/media.ts';

/** One engine with its voice, in one format; shared by calls, holds nothing of them. */
export interface TtsEngine {
  /** `openai`, `elevenlabs`, … : for events, metrics and messages. */
  readonly name: string;
  /** Everything but text and format that decides what it sounds like: model, voice, speed. No secret. */
  readonly voice: string;
  /** What {@link speak} gives. */
  readonly format: AudioFormat;
  /**
   * Speaks `text`; pieces of any length, together whole samples, the caller's to keep. Ends the request when `signal` aborts.
   * @throws ERR_TALKSPURT_TTS_AUTH | _QUOTA | _RATE_LIMIT | _REFUSED | _TIMEOUT | _FAILED, or the signal's reason
   */
  speak(text: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Makes an engine whose format is `wanted`, or the nearest that it has. */
export type TtsEngineMaker = (wanted: AudioFormat) => TtsEngine;

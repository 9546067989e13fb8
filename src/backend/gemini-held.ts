/**
 * What is to be said to Gemini while there is nobody to say it to: the caller's audio and messages, in order, while a session moves
 * from one connection to another. Bounded: the oldest audio goes.
 */
import { LIMITS } from '../limits.ts';

/** Of one stream. */
export class GeminiHeld {
  readonly #mostBytes: number;
  #entries: (Uint8Array | string)[] = [];
  #audioBytes = 0;
  #messages = 0;

  /** `bytesPerMs`: of the caller's audio. */
  constructor(bytesPerMs: number) {
    this.#mostBytes = LIMITS.geminiHeldMs * bytesPerMs;
  }

  /** Audio that is held, bytes. */
  get audioBytes(): number {
    return this.#audioBytes;
  }

  /** `audio` is borrowed. Returns how many entries of it did not fit. */
  pushAudio(audio: Uint8Array): number {
    this.#entries.push(audio.slice());
    this.#audioBytes += audio.length;
    let gone = 0;
    for (; this.#audioBytes > this.#mostBytes; gone += 1) this.#dropOldest();
    return gone;
  }

  /** False: there is no room for one more. */
  pushMessage(json: string): boolean {
    if (this.#messages >= LIMITS.geminiHeldMessages) return false;
    this.#messages += 1;
    this.#entries.push(json);
    return true;
  }

  /** Takes everything out, oldest first. */
  take(): readonly (Uint8Array | string)[] {
    const entries = this.#entries;
    this.clear();
    return entries;
  }

  clear(): void {
    this.#entries = [];
    this.#audioBytes = 0;
    this.#messages = 0;
  }

  #dropOldest(): void {
    const at = this.#entries.findIndex((entry) => typeof entry !== 'string');
    const [oldest] = this.#entries.splice(at, 1);
    this.#audioBytes -= oldest?.length ?? 0;
  }
}

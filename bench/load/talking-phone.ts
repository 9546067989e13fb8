/** A phone that says the same sentences over and over, with pauses, each phone at another place of them. */
import type { SimulatedPhone } from '../../src/simulator/phone.ts';
import { conversation, say } from '../../test/dsp/speech.ts';

const SENTENCES = ['Good morning. Do you repair bicycles on a Saturday?', 'Fine. I will come at ten, then. Thank you.'];
const PAUSE_MS = 5_000;

/** What every talking phone says: i16 at 8 kHz. */
export function prepareTalk(): Int16Array {
  return Int16Array.from(
    conversation(
      SENTENCES.map((text) => say(text, 'rms')),
      PAUSE_MS,
    ).pcm,
  );
}

/** One of them. `offset` in samples says where it begins. */
export class TalkingPhone implements SimulatedPhone {
  readonly hungUp = false;
  readonly #talk: Int16Array;
  #at: number;

  constructor(talk: Int16Array, offset: number) {
    this.#talk = talk;
    this.#at = offset % talk.length;
  }

  speak(frame: Int16Array): boolean {
    for (let n = 0; n < frame.length; n += 1) {
      frame[n] = this.#talk[this.#at] ?? 0;
      this.#at = (this.#at + 1) % this.#talk.length;
    }
    return true;
  }

  hear(): void {
    // Nobody listens.
  }

  takeDigits(): string {
    return '';
  }

  onHangup(): void {
    // Nothing is kept.
  }
}

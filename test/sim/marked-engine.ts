/** A speech engine that speaks marked sentences, and fails as it is told. */
import type { Clock } from '../../src/core/clock.ts';
import { delay } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { TtsEngine } from '../../src/speech/tts-engine.ts';
import { CELL_BYTES, SOUND, agentAudio } from './marked-audio.ts';
import { sentencesIn } from './written-answers.ts';

/** What becomes of the next sentence. */
export const UTTERANCES = ['slow', 'hang', 'deaf', 'fail', 'refused', 'busy', 'break', 'stall', 'empty'] as const;
export type UtteranceKind = (typeof UTTERANCES)[number];

const FIRST_MS = 70;
const SLOW_MS = 1_400;
const PIECE_MS = 100;
const PIECE_EVERY_MS = 15;
/** What no agent of a provider wrote: an operator's text. */
const OWN_MS = 400;

/** One backend's. */
export class MarkedEngine implements TtsEngine {
  readonly name: string;
  readonly voice = 'v';
  readonly format = { codec: 'pcmu', sampleRateHz: 8000 } as const;
  readonly faults: UtteranceKind[] = [];
  /** Requests whose end nobody has said. */
  open = 0;
  readonly #clock: Clock;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.#clock = clock;
  }

  async *speak(text: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const fault = this.faults.shift();
    this.open += 1;
    signal.addEventListener('abort', () => (this.open -= 1), { once: true });
    if (fault === 'deaf') await new Promise(() => undefined);
    if (fault === 'hang') await this.#hang(signal);
    await delay(this.#clock, fault === 'slow' ? SLOW_MS : FIRST_MS, signal);
    if (fault === 'fail') throw failure('ERR_TALKSPURT_TTS_FAILED');
    if (fault === 'refused') throw failure('ERR_TALKSPURT_TTS_AUTH');
    if (fault === 'busy') throw failure('ERR_TALKSPURT_TTS_RATE_LIMIT', { retryAfterMs: 900 });
    if (fault === 'empty') return;
    const audio = audioOf(text);
    for (let at = 0; at < audio.length; at += PIECE_MS * CELL_BYTES) {
      if (at * 2 >= audio.length && fault === 'break') throw failure('ERR_TALKSPURT_TTS_FAILED');
      if (at * 2 >= audio.length && fault === 'stall') await this.#hang(signal);
      yield audio.slice(at, at + PIECE_MS * CELL_BYTES);
      await delay(this.#clock, PIECE_EVERY_MS, signal);
    }
  }

  async #hang(signal: AbortSignal): Promise<void> {
    await new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }
}

function audioOf(text: string): Uint8Array {
  const sentences = sentencesIn(text);
  if (sentences.length === 0) return new Uint8Array(OWN_MS * CELL_BYTES).fill(SOUND);
  return Buffer.concat(sentences.map(({ first, ms }) => agentAudio(first, ms)));
}

function failure(
  code: 'ERR_TALKSPURT_TTS_FAILED' | 'ERR_TALKSPURT_TTS_AUTH' | 'ERR_TALKSPURT_TTS_RATE_LIMIT',
  details = {},
): TalkspurtError {
  return new TalkspurtError(code, 'as the plan has it', { details });
}

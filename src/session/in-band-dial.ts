/** Keys that a call presses: as telephone-events where its leg can send them, in the audio where it cannot. */
import { delay } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { Dsp } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import type { CallLeg } from '../switch/switch-adapter.ts';
import type { DtmfSource } from './line-watch.ts';

/** What is pressed on, and for how long that may go on. */
export interface InBandDialParts {
  readonly clock: Clock;
  readonly leg: CallLeg;
  readonly dtmf: DtmfSource;
  /** Ends with the call. */
  readonly signal: AbortSignal;
}

const TONE_MS = 160;
const GAP_MS = 70;
const PAUSE_MS: Readonly<Record<string, number>> = { w: 500, W: 1_000 };
/** What a leg answers that has no telephone-events. */
const CANNOT: ReadonlySet<string> = new Set(['ERR_TALKSPURT_NOT_SUPPORTED', 'ERR_TALKSPURT_MEDIA_FORMAT']);

/** One call's keys, in the order of their asking. */
export class InBandDial {
  readonly #parts: InBandDialParts;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(parts: InBandDialParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the last key is out; the agent is not heard while keys are sent in the audio. The two parties of a tapped call
   * are not pressed upon.
   * @throws what the leg refuses with; ERR_TALKSPURT_COMMAND_SYNTAX, ERR_TALKSPURT_COMMAND_LIMIT
   */
  async send(digits: string, dsp: Dsp): Promise<void> {
    const { leg, dtmf } = this.#parts;
    if (dtmf === 'inband') {
      await this.#inBand(digits, dsp);
      return;
    }
    try {
      await leg.sendDtmf(digits);
    } catch (error) {
      const cannot = error instanceof TalkspurtError && CANNOT.has(error.code);
      if (!cannot || leg.setWhisper !== undefined) throw error;
      await this.#inBand(digits, dsp);
    }
  }

  async #inBand(digits: string, dsp: Dsp): Promise<void> {
    if (!/^[0-9*#A-Da-dwW]{1,64}$/.test(digits)) {
      const message = 'digits are 0-9, A-D, * and #, with w for a pause; at most 64';
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    if (this.#waiting + digits.length > LIMITS.rtpDigits) {
      const message = `more than ${LIMITS.rtpDigits} digits wait to be sent: try again later`;
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_LIMIT', message);
    }
    this.#waiting += digits.length;
    const turn = this.#last.then(async () => {
      try {
        await this.#press(digits, dsp);
      } finally {
        this.#waiting -= digits.length;
      }
    });
    // The next ones have their turn whatever became of these, which is told to whoever sent them.
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  async #press(digits: string, dsp: Dsp): Promise<void> {
    const { clock, signal } = this.#parts;
    signal.throwIfAborted();
    dsp.dial(digits, TONE_MS, GAP_MS);
    let durationMs = 0;
    for (const digit of digits) durationMs += PAUSE_MS[digit] ?? TONE_MS + GAP_MS;
    await delay(clock, durationMs, signal);
    // The ticks have a time of their own; they are behind by a frame or two at the most.
    for (let looks = 0; dsp.dialling && looks < LIMITS.dialLooks; looks += 1) await delay(clock, 20, signal);
  }
}

/**
 * Digits to send as telephone-events (RFC 4733 §2.5.1), one packet a tick.
 *
 * What does it do? Says at every tick of the call whether there is an event packet to send, silence to keep, or audio to let
 *   through; audio is paused from the first digit to the last.
 * How does it work? Each packet tells how long the tone has lasted at the packet's end; the last one goes out three times.
 *   The tick is the clock: a tone lasts whole ptimes.
 */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { TELEPHONE_EVENT_DIGITS } from './telephone-event.ts';

/** What a tick is for. */
export type EventTick = 'audio' | 'event' | 'pause';

interface Job {
  readonly digits: string;
  readonly toneMs: number;
  readonly gapMs: number;
  readonly resolve: () => void;
  readonly reject: (error: TalkspurtError) => void;
}

const END_PACKETS = 3;
const SHORTEST_MS = 40;
/** A tone must fit into 16 bits at 16 kHz; and somebody holds a key no longer. */
const LONGEST_MS = 4_000;

/** One call's digits. */
export class TelephoneEventSender {
  readonly #ptimeMs: number;
  readonly #clockRateHz: number;
  readonly #jobs: Job[] = [];
  #index = 0;
  /** Since the tone began: what it has lasted, then also the gap. 0: it begins now. */
  #elapsedMs = 0;
  #ends = 0;
  /** The packet of this tick, after {@link tick} said `event`. */
  code = 0;
  first = false;
  end = false;
  /** In units of the event clock. */
  duration = 0;

  constructor(ptimeMs: number, clockRateHz: number) {
    this.#ptimeMs = ptimeMs;
    this.#clockRateHz = clockRateHz;
  }

  /** Whether digits wait or are being sent. */
  get busy(): boolean {
    return this.#jobs.length > 0;
  }

  /** Resolves when the last digit and the gap after it are over. @throws ERR_TALKSPURT_MEDIA_FORMAT */
  async enqueue(digits: string, toneMs: number, gapMs: number): Promise<void> {
    const upper = digits.toUpperCase();
    if (upper === '') return;
    if (!/^[0-9*#A-D]+$/.test(upper)) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'digits to send are 0 to 9, *, #, and A to D');
    }
    const waiting = this.#jobs.reduce((sum, job) => sum + job.digits.length, upper.length);
    if (waiting > LIMITS.rtpDigits) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', `more than ${LIMITS.rtpDigits} digits wait to be sent`);
    }
    await new Promise<void>((resolve, reject) => {
      this.#jobs.push({ digits: upper, toneMs: bounded(toneMs), gapMs: bounded(gapMs), resolve, reject });
    });
  }

  /** One ptime. Hot path while nothing is sent. */
  tick(): EventTick {
    const job = this.#jobs[0];
    if (job === undefined) return 'audio';
    const toneMs = Math.ceil(job.toneMs / this.#ptimeMs) * this.#ptimeMs;
    this.first = this.#elapsedMs === 0;
    this.#elapsedMs += this.#ptimeMs;
    if (this.#ends < END_PACKETS) {
      const lastedMs = Math.min(this.#elapsedMs, toneMs);
      this.code = TELEPHONE_EVENT_DIGITS.indexOf(job.digits[this.#index]!);
      this.duration = (lastedMs * this.#clockRateHz) / 1000;
      this.end = lastedMs >= toneMs;
      if (this.end) this.#ends += 1;
      return 'event';
    }
    if (this.#elapsedMs >= toneMs + job.gapMs) this.#next(job);
    return 'pause';
  }

  /** Nothing more is sent. */
  abort(error: TalkspurtError): void {
    for (const job of this.#jobs.splice(0)) job.reject(error);
    this.#index = 0;
    this.#elapsedMs = 0;
    this.#ends = 0;
  }

  #next(job: Job): void {
    this.#elapsedMs = 0;
    this.#ends = 0;
    this.#index += 1;
    if (this.#index < job.digits.length) return;
    this.#index = 0;
    this.#jobs.shift();
    job.resolve();
  }
}

function bounded(ms: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Number.isFinite(ms) ? ms : SHORTEST_MS));
}

/**
 * Digits in RTP: named telephone events (RFC 4733 §2.3), received and sent.
 *
 *      0                   1                   2                   3
 *     ┌───────────────┬─┬─┬───────────┬───────────────────────────────┐
 *     │     event     │E│R│  volume   │           duration            │
 *     └───────────────┴─┴─┴───────────┴───────────────────────────────┘
 *
 * Every packet of an event carries the timestamp of its beginning; the last one (E) comes three times.
 */
import { LIMITS } from '../limits.ts';
import { uint16 } from './rtp-packet.ts';

/** Bytes of one event. */
export const TELEPHONE_EVENT_BYTES = 4;
/** Event codes 0 to 15 (RFC 4733 §3.2). */
export const TELEPHONE_EVENT_DIGITS = '0123456789*#ABCD';

/** A digit that was pressed and released. The digit is personal data. */
export type DigitHandler = (digit: string, durationMs: number) => void;

const END = 0x80;
const LONGEST_SEGMENT = 0xffff;

/** Writes the payload of one event at `at`. `duration` is in units of the event clock. */
export function writeTelephoneEvent(bytes: Uint8Array, at: number, code: number, end: boolean, duration: number): void {
  const volumeDbm0 = 10;
  bytes[at] = code;
  bytes[at + 1] = (end ? END : 0) | volumeDbm0;
  bytes[at + 2] = duration >>> 8;
  bytes[at + 3] = duration;
}

/**
 * Puts events together: each digit is told once, when it has ended, whatever was lost or repeated.
 * Its end is the first E packet, the next event, or {@link LIMITS.rtpEventSilentMs} without a word.
 */
export class TelephoneEventReceiver {
  readonly #clockRateHz: number;
  readonly #onDigit: DigitHandler;
  #active = false;
  #code = 0;
  #timestamp = 0;
  /** Units of finished segments of a long event (RFC 4733 §2.5.1.3), and of the present one. */
  #before = 0;
  #duration = 0;
  #lastMs = 0;
  #told = false;
  #toldTimestamp = 0;

  /** `clockRateHz` is that of the event's payload type. */
  constructor(clockRateHz: number, onDigit: DigitHandler) {
    this.#clockRateHz = clockRateHz;
    this.#onDigit = onDigit;
  }

  /** The event at `start` of `datagram`. False when there is none, or none that is a digit. */
  receive(datagram: Uint8Array, start: number, end: number, timestamp: number, nowMs: number): boolean {
    if (end - start < TELEPHONE_EVENT_BYTES) return false;
    const code = datagram[start]!;
    if (code >= TELEPHONE_EVENT_DIGITS.length) return false;
    const ends = (datagram[start + 1]! & END) !== 0;
    const duration = uint16(datagram, start + 2);
    if (this.#active && timestamp === this.#timestamp) {
      this.#duration = Math.max(this.#duration, duration);
    } else if (this.#continues(code, timestamp)) {
      this.#before += (timestamp - this.#timestamp) >>> 0;
      this.#timestamp = timestamp;
      this.#duration = duration;
    } else if (this.#isOld(timestamp)) {
      return true;
    } else {
      this.#finish();
      this.#active = true;
      this.#code = code;
      this.#timestamp = timestamp;
      this.#before = 0;
      this.#duration = duration;
    }
    this.#lastMs = nowMs;
    if (ends) this.#finish();
    return true;
  }

  /** Ends an event of which nothing has come for a while: its last packets were lost. */
  poll(nowMs: number): void {
    if (this.#active && nowMs - this.#lastMs > LIMITS.rtpEventSilentMs) this.#finish();
  }

  /** Another sender: what was going on has ended, and old timestamps mean nothing. */
  restart(): void {
    this.#finish();
    this.#told = false;
  }

  /** The next segment of an event that is longer than 16 bits can say. */
  #continues(code: number, timestamp: number): boolean {
    if (!this.#active || code !== this.#code || this.#duration < LONGEST_SEGMENT / 2) return false;
    const segment = (timestamp - this.#timestamp) >>> 0;
    // The packet that said the full duration may be lost.
    return segment >= this.#duration && segment <= LONGEST_SEGMENT;
  }

  /** A repetition, or a straggler, of an event that was told. The window lets a sender that set its clock back go on. */
  #isOld(timestamp: number): boolean {
    const last = this.#active ? this.#timestamp : this.#toldTimestamp;
    if (!this.#active && !this.#told) return false;
    const ago = (last - timestamp) | 0;
    return ago >= 0 && ago <= this.#clockRateHz * (LIMITS.rtpEventMemoryMs / 1000);
  }

  #finish(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#told = true;
    this.#toldTimestamp = this.#timestamp;
    const durationMs = Math.round(((this.#before + this.#duration) * 1000) / this.#clockRateHz);
    this.#onDigit(TELEPHONE_EVENT_DIGITS[this.#code]!, durationMs);
  }
}

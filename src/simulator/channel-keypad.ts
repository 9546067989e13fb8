/** Digits of one channel: pressed on the phone, received at a client's wish, sent to the phone. */
import { LIMITS } from '../limits.ts';
import type { SimulatedPhone } from './phone.ts';

/** A digit that reached the channel. */
export interface ReceivedDigit {
  readonly digit: string;
  /** `RTP`: pressed; `APP`: a client had it received (`uuid_recv_dtmf`). */
  readonly source: 'RTP' | 'APP';
}

const UNKNOWN = /[^0-9A-Da-d*#]/g;

/** The keypad between a phone, the operators of the switch and the channel. */
export class ChannelKeypad {
  readonly #phone: SimulatedPhone;
  #received: ReceivedDigit[] = [];
  /** Digits that were sent to the phone. */
  sent = '';

  constructor(phone: SimulatedPhone) {
    this.#phone = phone;
  }

  /** Sends `12`, or `12@100` with a length in ms, to the phone. */
  send(text: string): void {
    this.sent = (this.sent + digitsOf(text)).slice(-LIMITS.simulatedDigits);
    this.#phone.playDigits?.(text);
  }

  /** As if the phone had sent them. False when too many wait. */
  receive(text: string): boolean {
    const digits = digitsOf(text);
    if (this.#received.length + digits.length > LIMITS.simulatedDigits) return false;
    for (const digit of digits) this.#received.push({ digit, source: 'APP' });
    return true;
  }

  /** What has come since the last time. */
  take(): ReceivedDigit[] {
    const pressed = Array.from(this.#phone.takeDigits(), (digit): ReceivedDigit => ({ digit, source: 'RTP' }));
    return [...pressed, ...this.#received.splice(0)];
  }
}

/** What is no digit is left out. */
function digitsOf(text: string): string {
  return text.split('@')[0]!.replaceAll(UNKNOWN, '');
}

/** Digits in INFO requests: `application/dtmf-relay` (Signal and Duration) and `application/dtmf`. */
import { parseNumber } from './sip-syntax.ts';

/** One digit. */
export interface InfoDigit {
  readonly digit: string;
  readonly durationMs: number;
}

const DIGITS = '0123456789*#ABCD';
/** Where the sender does not say: the usual length of a digit in INFO, ms. */
const USUAL_MS = 160;
const LONGEST_MS = 10_000;

/** Whether a media type is one of the two. */
export function isDigitType(mediaType: string): boolean {
  return mediaType === 'application/dtmf-relay' || mediaType === 'application/dtmf';
}

/** The digit of such a body; null: none that we know (a hook flash, for one). */
export function parseInfoDigit(body: string): InfoDigit | null {
  const signal = /^\s*Signal\s*=\s*([^\s;]+)/im.exec(body)?.[1] ?? body.trim();
  const duration = /^\s*Duration\s*=\s*(\d+)/im.exec(body)?.[1];
  const upper = signal.toUpperCase();
  // Some send the event numbers of RFC 4733.
  const number = /^1[0-5]$/.test(upper) ? Number(upper) : -1;
  const digit = number < 0 ? upper : DIGITS[number]!;
  if (digit.length !== 1 || !DIGITS.includes(digit)) return null;
  const durationMs = duration === undefined ? USUAL_MS : (parseNumber(duration, LONGEST_MS) ?? LONGEST_MS);
  return { digit, durationMs };
}

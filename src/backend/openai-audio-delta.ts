import type { ResponseAudioDeltaEvent } from 'openai/resources/realtime/realtime';
import { LIMITS } from '../limits.ts';

/**
 * What does it do? Finds the fields of a `response.output_audio.delta` in its bytes, without parsing the message.
 * How does it work? An event is a flat JSON object here: the scan walks its members in whatever order they come, takes
 * the five that matter by their offsets, and gives up at the first thing that it does not expect (an escape, an inner
 * object, a byte that is not ASCII, a member twice). Giving up is cheap and never wrong: `JSON.parse` is asked then.
 * Deltas of one item differ in their audio and in one identifier: what came before the audio is kept, and where the next
 * message begins with the same bytes, nothing of it is walked again.
 * How do I use it? `if (scanner.scan(data)) …`; then its fields, which hold until the next scan. The base64 stands in
 * `data` from `deltaFrom` to `deltaTo`, unchecked.
 * Not for: any other event.
 */
export class AudioDeltaScanner {
  responseId = '';
  itemId = '';
  contentIndex = 0;
  deltaFrom = 0;
  deltaTo = 0;
  readonly #responseId = new RepeatedText();
  readonly #itemId = new RepeatedText();
  #data: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The value that was read last. */
  #valueFrom = 0;
  #valueTo = 0;

  /** What the last message began with, up to its audio; the value in it that may differ. */
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #freeFrom = 0;
  #freeTo = 0;

  /** Whether `data` is an audio delta that this could read. */
  scan(data: Buffer): boolean {
    if (this.#repeats(data)) return true;
    this.#data = data;
    this.#at = 0;
    this.#headBytes = this.#freeFrom = this.#freeTo = 0;
    const found = this.#object();
    if (found) this.#remember(data);
    // The message is the socket's: it must not live until the next one.
    this.#data = NOTHING;
    return found;
  }

  /** The same as last time but for the free value and the audio; then the fields, too, are those of last time. */
  #repeats(data: Buffer): boolean {
    const bytes = this.#headBytes;
    if (bytes === 0 || data.length < bytes + 2) return false;
    // The free value is taken over, so that one comparison does for what stands before and behind it.
    for (let at = this.#freeFrom; at < this.#freeTo; at += 1) {
      const byte = data[at]!;
      if (PLAIN[byte] === 0) return false;
      this.#head[at] = byte;
    }
    if (this.#head.compare(data, 0, bytes, 0, bytes) !== 0) return false;
    const end = data.indexOf(QUOTE, bytes);
    if (end !== data.length - 2 || data[end + 1] !== CLOSE_BRACE) return false;
    this.deltaTo = end;
    return true;
  }

  /** Keeps what a message like this one begins with, where its audio is the last of it. */
  #remember(data: Buffer): void {
    if (this.deltaFrom > HEAD_BYTES || this.deltaTo !== data.length - 2) return;
    data.copy(this.#head, 0, 0, this.deltaFrom);
    this.#headBytes = this.deltaFrom;
  }

  #object(): boolean {
    if (this.#next() !== OPEN_BRACE) return false;
    let seen = 0;
    for (;;) {
      if (this.#next() !== QUOTE) return false;
      const nameFrom = this.#at;
      const nameTo = this.#string(nameFrom);
      if (nameTo < 0 || this.#next() !== COLON) return false;
      const member = this.#memberOf(nameFrom, nameTo);
      if (!this.#value(member) || (seen & member) !== 0 || !this.#take(member)) return false;
      seen |= member;
      const after = this.#next();
      if (after === CLOSE_BRACE) break;
      if (after !== COMMA) return false;
    }
    return this.#next() === END && (seen & NEEDED) === NEEDED;
  }

  /** The next byte that is no white space, and past it; `END` where there is none. */
  #next(): number {
    const data = this.#data;
    for (let at = this.#at; at < data.length; at += 1) {
      const byte = data[at]!;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.#at = at + 1;
        return byte;
      }
    }
    return END;
  }

  /** Where the string that begins at `from` ends, or -1 for one with an escape or a byte that is not plain ASCII. */
  #string(from: number): number {
    const data = this.#data;
    let at = from;
    while (PLAIN[data[at]!] === 1) at += 1;
    if (data[at] !== QUOTE) return -1;
    this.#at = at + 1;
    return at;
  }

  #value(member: number): boolean {
    const first = this.#next();
    this.#valueFrom = this.#at;
    if (first === QUOTE) {
      if (member === DELTA) {
        // The longest by far: base64 has neither quotes nor escapes, and the decoder refuses what is not base64.
        this.#valueTo = this.#data.indexOf(QUOTE, this.#at);
        this.#at = this.#valueTo + 1;
      } else this.#valueTo = this.#string(this.#at);
      return this.#valueTo >= 0 && member !== CONTENT_INDEX;
    }
    return (member === CONTENT_INDEX || member === OTHER) && isDigit(first) && this.#digits();
  }

  /** The rest of a number that began with a digit: at most nine, and no fraction or exponent. */
  #digits(): boolean {
    this.#valueFrom -= 1;
    while (isDigit(this.#data[this.#at] ?? END)) this.#at += 1;
    this.#valueTo = this.#at;
    const digits = this.#valueTo - this.#valueFrom;
    return digits === 1 || (digits <= 9 && this.#data[this.#valueFrom] !== ZERO);
  }

  #memberOf(from: number, to: number): number {
    const length = to - from;
    if (length === 4 && this.#is('type', from)) return TYPE;
    if (length === 5 && this.#is('delta', from)) return DELTA;
    if (length === 7 && this.#is('item_id', from)) return ITEM_ID;
    if (length === 11 && this.#is('response_id', from)) return RESPONSE_ID;
    if (length === 13 && this.#is('content_index', from)) return CONTENT_INDEX;
    return OTHER;
  }

  #is(text: string, from: number): boolean {
    const data = this.#data;
    for (let i = 0; i < text.length; i += 1) if (data[from + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Keeps the value that was read last; false when the event is another one. */
  #take(member: number): boolean {
    const from = this.#valueFrom;
    const to = this.#valueTo;
    if (member === TYPE) {
      return to - from === GA_TYPE.length
        ? this.#is(GA_TYPE, from)
        : to - from === BETA_TYPE.length && this.#is(BETA_TYPE, from);
    }
    if (member === DELTA) {
      this.deltaFrom = from;
      this.deltaTo = to;
    } else if (member === ITEM_ID) this.itemId = this.#itemId.read(this.#data, from, to);
    else if (member === RESPONSE_ID) this.responseId = this.#responseId.read(this.#data, from, to);
    else if (member === CONTENT_INDEX) {
      this.contentIndex = 0;
      for (let at = from; at < to; at += 1) this.contentIndex = this.contentIndex * 10 + this.#data[at]! - ZERO;
    } else if (this.#freeTo === 0 && this.#data[from - 1] === QUOTE) {
      this.#freeFrom = from;
      this.#freeTo = to;
    }
    // An identifier that is empty or too long is for the checking parser to complain about.
    return (member !== ITEM_ID && member !== RESPONSE_ID) || (to > from && to - from <= LIMITS.backendIdCharacters);
  }
}

/** An ASCII text that comes again and again: made once as a string, and compared as bytes from then on. */
class RepeatedText {
  #text = '';

  read(data: Buffer, from: number, to: number): string {
    const text = this.#text;
    let same = text.length === to - from;
    for (let i = 0; same && i < text.length; i += 1) same = data[from + i] === text.charCodeAt(i);
    if (!same) this.#text = data.toString('latin1', from, Math.min(to, from + LIMITS.backendIdCharacters));
    return this.#text;
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

/** Bytes that a string may hold here: plain ASCII, but quotes and backslashes. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte <= 0x7e && byte !== 0x22 && byte !== 0x5c ? 1 : 0,
);
const GA_TYPE: ResponseAudioDeltaEvent['type'] = 'response.output_audio.delta';
const BETA_TYPE = 'response.audio.delta';
const NOTHING = Buffer.alloc(0);
const END = -1;
/** Room for what stands before the audio; longer ones are walked each time. */
const HEAD_BYTES = 1024;
const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COLON = 0x3a;
const COMMA = 0x2c;
const ZERO = 0x30;
/** Members, as bits; `OTHER` has none, so that it may come more than once. */
const OTHER = 0;
const TYPE = 1;
const DELTA = 2;
const ITEM_ID = 4;
const RESPONSE_ID = 8;
const CONTENT_INDEX = 16;
const NEEDED = TYPE | DELTA | ITEM_ID | RESPONSE_ID | CONTENT_INDEX;

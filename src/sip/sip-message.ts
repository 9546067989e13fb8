/**
 * SIP messages as they are on the wire (RFC 3261 section 7). Texts of the header section are Latin-1 images of its bytes,
 * so that what is echoed is echoed byte for byte; {@link readableText} makes one fit for reading.
 */

/** A request. */
export interface SipRequest {
  readonly kind: 'request';
  readonly method: string;
  /** The Request-URI as written. */
  readonly uri: string;
  readonly headers: SipHeaders;
  readonly body: Buffer;
}

/** A response. */
export interface SipResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: SipHeaders;
  readonly body: Buffer;
}

/** Either. */
export type SipMessage = SipRequest | SipResponse;

/** Compact forms: RFC 3261 section 7.3.3 and the registry of header fields. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  n: 'identity-info',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
};

/** The header fields of one message, in order; names are long and in lower case, values unfolded and trimmed. */
export class SipHeaders {
  readonly #fields = new Map<string, string[]>();
  #count = 0;

  /** Fields, not names. */
  get count(): number {
    return this.#count;
  }

  /** Takes a name in any case, long or compact. */
  append(name: string, value: string): void {
    const lower = name.toLowerCase();
    const long = Object.hasOwn(COMPACT, lower) ? COMPACT[lower]! : lower;
    const values = this.#fields.get(long);
    if (values === undefined) this.#fields.set(long, [value]);
    else values.push(value);
    this.#count += 1;
  }

  /** The first field of that long, lower case name. */
  first(name: string): string | undefined {
    return this.#fields.get(name)?.[0];
  }

  /** Every field of that long, lower case name, uncut. */
  all(name: string): readonly string[] {
    return this.#fields.get(name) ?? [];
  }

  /** A copy for those who read: see `SipCall.headers`. */
  readable(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#fields].map(([name, values]) => [name, values.map(readableText)]));
  }
}

/** A Latin-1 image of bytes as the UTF-8 text that they are. */
export function readableText(image: string): string {
  // The common case costs nothing.
  return /[\x80-\xff]/.test(image) ? Buffer.from(image, 'latin1').toString('utf8') : image;
}

/** The other way round: UTF-8 text as a Latin-1 image of its bytes, without line breaks. */
export function wireText(text: string): string {
  return Buffer.from(text.replaceAll(/[\r\n\0]+/g, ' '), 'utf8').toString('latin1');
}

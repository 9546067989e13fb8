/**
 * An event as it lies in a `text/event-json` body: read through to its last byte when it comes, decoded when it is asked.
 * Most events of a busy switch are told apart by name and channel alone; decoding all of them is most of what an event costs.
 *
 * What FreeSWITCH writes is one flat object of strings, and only that is read here: RFC 8259, less numbers, `true`, `null`,
 * nesting and white space. What has those goes to {@link parseEslEvent}, which judges it at once. Decoding later cannot fail.
 */
import type { EslEvent } from './esl-link.ts';
import { parseEslEvent } from './esl-event.ts';

/** @throws ERR_TALKSPURT_LINK_PROTOCOL when `body` is not a JSON object with an `Event-Name`. Keeps `body`. */
export function readWireEvent(body: Buffer): EslEvent {
  if (readThrough(body)) {
    const name = valueAt(body, NAME);
    // Escapes in a name or an id are no business of a quick look.
    if (name !== '' && !name.includes('\\')) {
      const uuid = valueAt(body, UUID);
      if (!uuid.includes('\\')) return new WireEvent(name, uuid, body);
    }
  }
  return parseEslEvent(body.toString());
}

class WireEvent implements EslEvent {
  readonly name: string;
  readonly uuid: string;
  #wire: Buffer | null;
  #headers: Readonly<Record<string, string | undefined>> | null = null;

  constructor(name: string, uuid: string, wire: Buffer) {
    this.name = name;
    this.uuid = uuid;
    this.#wire = wire;
  }

  get headers(): Readonly<Record<string, string | undefined>> {
    if (this.#headers === null) {
      // An object of strings, by readThrough. Without a prototype: a header may be called `constructor`.
      const members = JSON.parse(this.#wire?.toString() ?? '{}') as Record<string, string>;
      this.#headers = Object.setPrototypeOf(members, null) as Record<string, string>;
      this.#wire = null;
    }
    return this.#headers;
  }

  get body(): string {
    return this.headers['_body'] ?? '';
  }
}

const [OPEN, CLOSE, COLON, COMMA] = [0x7b, 0x7d, 0x3a, 0x2c];
const NAME_KEY = Buffer.from('Event-Name');
const UUID_KEY = Buffer.from('Unique-ID');
const [NAME, UUID] = [0, 2];
/** Where the last body's name and channel lie: begin and end of each. One body is read at a time. */
const found = new Int32Array(4);

/** Whether `body` is one flat JSON object of strings, whole; leaves in {@link found} where its name and channel lie. */
function readThrough(body: Buffer): boolean {
  found.fill(0);
  const last = body.length - 1;
  if (last < 1 || body[0] !== OPEN || body[last] !== CLOSE) return false;
  let at = 1;
  for (;;) {
    const keyAt = at + 1;
    const keyEnd = stringEnd(body, at);
    if (keyEnd < 0 || body[keyEnd + 1] !== COLON) return false;
    const valueFrom = keyEnd + 3;
    const valueEnd = stringEnd(body, keyEnd + 2);
    if (valueEnd < 0) return false;
    if (isKey(body, keyAt, keyEnd, NAME_KEY)) note(NAME, valueFrom, valueEnd);
    else if (isKey(body, keyAt, keyEnd, UUID_KEY)) note(UUID, valueFrom, valueEnd);
    at = valueEnd + 1;
    if (at === last) return true;
    if (body[at] !== COMMA) return false;
    at += 1;
  }
}

/** Where the string that opens at `at` closes, or -1 when there is none, or none that JSON allows. */
function stringEnd(body: Buffer, at: number): number {
  const { length } = body;
  if (body[at] !== 0x22) return -1;
  for (let i = at + 1; i < length; i += 1) {
    const byte = body[i]!;
    if (byte === 0x22) return i;
    if (byte < 0x20) return -1;
    if (byte === 0x5c) {
      const bytes = escapeBytes(body, i + 1);
      if (bytes === 0) return -1;
      i += bytes;
    }
  }
  return -1;
}

const SINGLE = new Set(Buffer.from('"\\/bfnrt'));
const UNICODE = 0x75;

/** How many bytes at `at` go with the backslash before them; 0 when that is no escape. */
function escapeBytes(body: Buffer, at: number): number {
  const byte = body[at] ?? 0;
  if (SINGLE.has(byte)) return 1;
  if (byte !== UNICODE) return 0;
  for (let i = 1; i <= 4; i += 1) if (!isHexDigit(body[at + i] ?? 0)) return 0;
  return 5;
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isKey(body: Buffer, from: number, to: number, key: Buffer): boolean {
  if (to - from !== key.length) return false;
  for (let i = 0; i < key.length; i += 1) if (body[from + i] !== key[i]) return false;
  return true;
}

/** The last one counts, as it does to a JSON parser. */
function note(what: number, from: number, to: number): void {
  found[what] = from;
  found[what + 1] = to;
}

function valueAt(body: Buffer, what: number): string {
  return body.toString('utf8', found[what], found[what + 1]);
}

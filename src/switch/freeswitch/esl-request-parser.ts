/** What clients of an ESL server send: lines, headers, an optional body. The counterpart of the client's frame parser. */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';

/** One request of an ESL client. */
export interface EslRequest {
  /** The first line, without its line end: `api status`. */
  readonly command: string;
  /** The lines after it, in order; names keep their case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** As many bytes as `Content-Length` said, as text; null without one. */
  readonly body: string | null;
}

/** The value of a header, whatever the case of its name; the first one when there are several. */
export function headerOf(request: EslRequest, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return request.headers.find(([key]) => key.toLowerCase() === wanted)?.[1];
}

/** Bounds of a parser; both may be moved while it runs (a connection that has not logged in gets small ones). */
export interface EslRequestBounds {
  headerBytes: number;
  bodyBytes: number;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Bytes → requests, for any split of the stream. As in FreeSWITCH a request ends with two line feeds (carriage returns
 * do not count), and line ends in front of a request are skipped.
 *
 *   api status LF | console_execute: true LF | LF          without a body
 *   sendevent X LF | content-length: 5 LF | LF | hello     with one
 */
export class EslRequestParser {
  readonly bounds: EslRequestBounds;
  readonly #onRequest: (request: EslRequest) => void;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Line feeds in a row at the end of what is pending. */
  #lineFeeds = 0;
  #head: Omit<EslRequest, 'body'> | null = null;
  #bodyBytes = 0;

  constructor(
    onRequest: (request: EslRequest) => void,
    bounds: EslRequestBounds = { headerBytes: LIMITS.eslHeaderBytes, bodyBytes: LIMITS.eslBodyBytes },
  ) {
    this.#onRequest = onRequest;
    this.bounds = bounds;
  }

  /** Takes the next bytes; they are kept until the request is complete. @throws ERR_TALKSPURT_LINK_PROTOCOL */
  feed(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      rest = this.#head === null ? this.#feedHead(rest) : this.#feedBody(rest);
    }
  }

  /** Bytes of a request that is not complete yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  #feedHead(chunk: Buffer): Buffer {
    let start = 0;
    if (this.#pendingBytes === 0) {
      while (start < chunk.length && (chunk[start] === LF || chunk[start] === CR)) start += 1;
      if (start === chunk.length) return chunk.subarray(start);
    }
    for (let at = start; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === LF) this.#lineFeeds += 1;
      else if (byte !== CR) this.#lineFeeds = 0;
      if (this.#lineFeeds === 2) {
        this.#keep(chunk.subarray(start, at + 1), this.bounds.headerBytes, 'header');
        this.#finishHead(this.#take());
        return chunk.subarray(at + 1);
      }
    }
    this.#keep(chunk.subarray(start), this.bounds.headerBytes, 'header');
    return chunk.subarray(chunk.length);
  }

  #feedBody(chunk: Buffer): Buffer {
    const wanted = Math.min(this.#bodyBytes - this.#pendingBytes, chunk.length);
    this.#keep(chunk.subarray(0, wanted), this.#bodyBytes, 'body');
    if (this.#pendingBytes === this.#bodyBytes) this.#finishBody(this.#take().toString('utf8'));
    return chunk.subarray(wanted);
  }

  #finishHead(block: Buffer): void {
    const [command = '', ...lines] = block
      .toString('utf8')
      .split(/[\r\n]+/)
      .filter((line) => line !== '');
    const headers: (readonly [string, string])[] = [];
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).replace(/^ +/, '')]);
    }
    this.#head = { command, headers };
    const length = headerOf({ command, headers, body: null }, 'content-length');
    if (length === undefined) {
      this.#finishBody(null);
      return;
    }
    this.#bodyBytes = bodyLength(length, this.bounds.bodyBytes);
    if (this.#bodyBytes === 0) this.#finishBody(null);
  }

  #finishBody(body: string | null): void {
    const head = this.#head;
    this.#head = null;
    this.#bodyBytes = 0;
    if (head !== null) this.#onRequest({ ...head, body });
  }

  #keep(bytes: Buffer, limit: number, part: string): void {
    if (this.#pendingBytes + bytes.length > limit) {
      throw new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `ESL request ${part} is longer than ${limit} bytes`, {
        details: { limitBytes: limit },
      });
    }
    this.#pending.push(Buffer.from(bytes));
    this.#pendingBytes += bytes.length;
  }

  #take(): Buffer {
    const whole = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#lineFeeds = 0;
    return whole;
  }
}

/** A Content-Length as FreeSWITCH reads one (leading digits), but never out of bounds. */
function bodyLength(text: string, limit: number): number {
  const bytes = /^\s*[+-]?\d+/.test(text) ? Number.parseInt(text, 10) : 0;
  if (bytes < 0 || bytes > limit) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_LINK_PROTOCOL',
      `ESL request body is longer than ${limit} bytes or negative`,
      {
        details: { limitBytes: limit },
      },
    );
  }
  return bytes;
}

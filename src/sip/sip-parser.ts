/** Bytes to SIP messages (RFC 3261 section 7). Never throws. */
import { LIMITS } from '../limits.ts';
import { SipHeaders } from './sip-message.ts';
import type { SipMessage } from './sip-message.ts';
import { TOKEN, parseNumber } from './sip-syntax.ts';

/** What came of some bytes. With a `fault` the message is what could be made out of them, for the sake of an answer. */
export interface ParsedSip {
  /** Null: no start line. */
  readonly message: SipMessage | null;
  /** What is wrong, in words that are safe to repeat; null: nothing at this level. */
  readonly fault: { readonly status: number; readonly reason: string } | null;
}

/** Reads one message out of a whole datagram, or out of the frame that a stream was cut into. */
export function parseSip(bytes: Buffer): ParsedSip {
  const start = endOfBlankLines(bytes, 0);
  const end = endOfHeaders(bytes, start);
  const head = bytes.toString('latin1', start, end < 0 ? bytes.length : end);
  const lines = unfold(head);
  const startLine = parseStartLine(lines[0] ?? '');
  if (startLine === null) return { message: null, fault: { status: 400, reason: 'Bad Start Line' } };
  const headers = new SipHeaders();
  let reason = startLine.fault ?? (end < 0 ? 'Header Section Without End' : null);
  for (const line of lines.slice(1)) reason = appendField(headers, line) ?? reason;
  const { body, fault } = bodyOf(headers, end < 0 ? Buffer.alloc(0) : bytes.subarray(end));
  reason ??= fault;
  const message: SipMessage =
    startLine.kind === 'request'
      ? { kind: 'request', method: startLine.method, uri: startLine.uri, headers, body }
      : { kind: 'response', status: startLine.status, reason: startLine.reason, headers, body };
  if (startLine.wrongVersion) return { message, fault: { status: 505, reason: 'Version Not Supported' } };
  return { message, fault: reason === null ? null : { status: 400, reason } };
}

/** Index of the first byte at or after `from` that is no CR or LF: what may precede a message (section 7.5). */
export function endOfBlankLines(bytes: Buffer, from: number): number {
  let index = from;
  while (bytes[index] === 13 || bytes[index] === 10) index += 1;
  return index;
}

/** Index one beyond the empty line that ends the header section, or -1. A bare LF ends a line, too. */
export function endOfHeaders(bytes: Buffer, from: number): number {
  for (let feed = bytes.indexOf(10, from); feed >= 0; feed = bytes.indexOf(10, feed + 1)) {
    if (bytes[feed + 1] === 10) return feed + 2;
    if (bytes[feed + 1] === 13 && bytes[feed + 2] === 10) return feed + 3;
  }
  return -1;
}

function unfold(head: string): string[] {
  const lines: string[] = [];
  for (const line of head.split(/\r?\n/)) {
    if (line === '') continue;
    if (/^[ \t]/.test(line) && lines.length > 1) lines[lines.length - 1] += ` ${line.trim()}`;
    else lines.push(line);
  }
  return lines;
}

interface StartLine {
  readonly kind: 'request' | 'response';
  readonly method: string;
  readonly uri: string;
  readonly status: number;
  readonly reason: string;
  readonly wrongVersion: boolean;
  readonly fault: string | null;
}

function parseStartLine(line: string): StartLine | null {
  const blank = { method: '', uri: '', status: 0, reason: '', wrongVersion: false, fault: null };
  if (/^SIP\//i.test(line)) {
    const match = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/is.exec(line);
    if (match === null) return { ...blank, kind: 'response', fault: 'Bad Status Line' };
    return { ...blank, kind: 'response', status: Number(match[1]), reason: match[2] ?? '' };
  }
  const strict = /^(\S+) (\S+) SIP\/(\d+\.\d+)$/i.exec(line);
  const [, method = '', uri = '', version = '2.0'] = strict ?? looseRequestLine(line) ?? [];
  if (!TOKEN.test(method)) return null;
  const wrongVersion = version !== '2.0';
  return { ...blank, kind: 'request', method, uri, wrongVersion, fault: strict === null ? 'Bad Request Line' : null };
}

/** Method, URI and version with blanks where none belong. Taken apart by hand: an expression would go back and forth over them. */
function looseRequestLine(line: string): readonly [line: string, method: string, uri: string, version: string] | null {
  const words = line.trimEnd();
  const first = words.search(/\s/);
  const last = Math.max(words.lastIndexOf(' '), words.lastIndexOf('\t'));
  const version = /^SIP\/(\d+\.\d+)$/i.exec(words.slice(last + 1))?.[1];
  if (first <= 0 || last <= first || version === undefined) return null;
  return [line, words.slice(0, first), words.slice(first, last).trim(), version];
}

/** Takes one header line; the fault, if there is one. */
function appendField(headers: SipHeaders, line: string): string | null {
  const colon = line.indexOf(':');
  const name = colon < 0 ? '' : line.slice(0, colon).trimEnd();
  if (!TOKEN.test(name) || line.includes('\r')) return 'Bad Header Line';
  if (headers.count >= LIMITS.sipHeaderFields) return 'Too Many Header Fields';
  headers.append(name, line.slice(colon + 1).trim());
  return null;
}

function bodyOf(headers: SipHeaders, rest: Buffer): { body: Buffer; fault: string | null } {
  const length = contentLength(headers);
  if (length === 'none') return { body: rest, fault: null };
  if (length === 'bad') return { body: Buffer.alloc(0), fault: 'Bad Content-Length' };
  if (length > rest.length) return { body: Buffer.alloc(0), fault: 'Body Shorter Than Content-Length' };
  return { body: rest.subarray(0, length), fault: null };
}

/** The Content-Length of a message. Two that differ are bad. */
export function contentLength(headers: SipHeaders): number | 'none' | 'bad' {
  const fields = headers.all('content-length');
  if (fields.length === 0) return 'none';
  const length = parseNumber(fields[0], 2 ** 31 - 1);
  return length === null || fields.some((field) => field !== fields[0]) ? 'bad' : length;
}

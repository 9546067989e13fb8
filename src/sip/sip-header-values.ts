/** The structured header fields that a dialog is made of. Nothing here throws: null is "malformed". */
import type { SipParty } from './sip-call.ts';
import { readableText } from './sip-message.ts';
import { TOKEN, collapse, endOfQuoted, parseNumber, parseParameters, unquote } from './sip-syntax.ts';
import type { SipParameters } from './sip-syntax.ts';
import { isAbsoluteUri, parseSipUri, percentDecoded, uriHost } from './sip-uri.ts';

/** One hop of a Via (RFC 3261 section 20.42). */
export interface SipVia {
  /** Upper case: `UDP`, `TCP`, … */
  readonly transport: string;
  /** `sent-by`, without brackets. */
  readonly host: string;
  /** 0: none given. */
  readonly port: number;
  readonly parameters: SipParameters;
}

/** From, To, Contact, Route, Refer-To: a URI, perhaps with a name before it and parameters after it. */
export interface SipAddress {
  readonly displayName: string;
  readonly uri: string;
  readonly parameters: SipParameters;
}

const VIA = /^SIP ?\/ ?2\.0 ?\/ ?([^\s/;]+) (\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._]+)(?: ?: ?(\d{1,5}))? ?(;.*)?$/is;

/** One Via value. */
export function parseVia(text: string): SipVia | null {
  const match = VIA.exec(collapse(text));
  if (match === null) return null;
  const [, transport = '', host = '', port = '0', rest = ''] = match;
  const parameters = parseParameters(rest);
  if (!TOKEN.test(transport) || parameters === null || Number(port) > 65_535) return null;
  return {
    transport: transport.toUpperCase(),
    host: host.toLowerCase().replace(/^\[|\]$/g, ''),
    port: Number(port),
    parameters,
  };
}

/** The Via of a response: with what RFC 3581 and section 18.2.1 add for the place the request came from. */
export function viaWithSource(via: SipVia, source: { readonly address: string; readonly port: number }): string {
  const parameters = new Map(via.parameters);
  const asked = parameters.has('rport');
  if (asked) parameters.set('rport', String(source.port));
  if (asked || via.host !== source.address) parameters.set('received', source.address);
  else parameters.delete('received');
  let text = `SIP/2.0/${via.transport} ${uriHost(via.host)}${via.port === 0 ? '' : `:${via.port}`}`;
  for (const [name, value] of parameters) text += value === '' ? `;${name}` : `;${name}=${quotedIfNeeded(value)}`;
  return text;
}

function quotedIfNeeded(value: string): string {
  return /^[^\s",;<>\\]+$/.test(value) ? value : `"${value.replaceAll(/(["\\])/g, '\\$1')}"`;
}

/** `"Name" <uri>;p=v`, `Name <uri>` or `uri;p=v`: then the parameters belong to the header. */
export function parseAddress(text: string): SipAddress | null {
  const value = text.trim();
  const quotedEnd = value.startsWith('"') ? endOfQuoted(value, 0) : 0;
  if (quotedEnd < 0) return null;
  const open = value.indexOf('<', quotedEnd);
  if (open < 0) return quotedEnd > 0 ? null : bareAddress(value);
  const close = value.indexOf('>', open);
  const name = value.slice(quotedEnd, open).trim();
  if (close < 0 || (quotedEnd > 0 && name !== '') || name.includes('"')) return null;
  const displayName = quotedEnd > 0 ? unquote(value.slice(0, quotedEnd)) : name;
  return checked(displayName ?? '', value.slice(open + 1, close), value.slice(close + 1));
}

function bareAddress(value: string): SipAddress | null {
  const semicolon = value.indexOf(';');
  const uri = (semicolon < 0 ? value : value.slice(0, semicolon)).trim();
  // Section 20.10: with a comma, a question mark or a semicolon in it, a URI has to be in brackets.
  if (/[,?]/.test(uri)) return null;
  return checked('', uri, semicolon < 0 ? '' : value.slice(semicolon));
}

function checked(displayName: string, uri: string, rest: string): SipAddress | null {
  const parameters = parseParameters(rest);
  if (parameters === null || !isAbsoluteUri(uri)) return null;
  if (/^sips?:/i.test(uri) && parseSipUri(uri) === null) return null;
  return { displayName, uri, parameters };
}

/** CSeq: a number below 2**31 and a method. */
export function parseCseq(text: string | undefined): { readonly number: number; readonly method: string } | null {
  const [digits, method, ...more] = collapse(text ?? '').split(' ');
  const number = parseNumber(digits, 2 ** 31 - 1);
  return number === null || method === undefined || more.length > 0 || !TOKEN.test(method) ? null : { number, method };
}

/** `type/subtype` in lower case without parameters; '' when there is none. */
export function mediaType(text: string | undefined): string {
  return (text ?? '').split(';', 1)[0]!.replaceAll(/\s/g, '').toLowerCase();
}

/** Who that is, for people. */
export function partyOf(address: SipAddress): SipParty {
  const uri = parseSipUri(address.uri);
  const opaque = address.uri.slice(address.uri.indexOf(':') + 1).split(/[;?]/, 1)[0] ?? '';
  return {
    user: percentDecoded(readableText(uri === null ? opaque : uri.user)),
    host: uri?.host ?? '',
    displayName: readableText(address.displayName),
  };
}

/** The Q.850 cause of a Reason header (RFC 3326), 1..127; null without one. */
export function q850Cause(values: readonly string[]): number | null {
  for (const value of values) {
    const match = /^Q\.850\s*;(.*)$/is.exec(value.trim());
    const cause = parseNumber(parseParameters(`;${match?.[1] ?? ''}`)?.get('cause'), 127);
    if (match !== null && cause !== null && cause > 0) return cause;
  }
  return null;
}

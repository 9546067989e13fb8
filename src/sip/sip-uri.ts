/** SIP and SIPS URIs (RFC 3261 section 19.1). */
import { parseParameters } from './sip-syntax.ts';
import type { SipParameters } from './sip-syntax.ts';

/** A URI in parts, as written but for the host, which is in lower case and without brackets. */
export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  /** Escaped; '' when there is none. Without a password. */
  readonly user: string;
  readonly host: string;
  /** 0: none given. */
  readonly port: number;
  readonly parameters: SipParameters;
  /** What stands after `?`. */
  readonly headers: string;
}

const USER = /^[A-Za-z0-9\-_.!~*'()&=+$,;?/%]+$/;
const HOST_PORT = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._]+)(?::(\d{1,5}))?$/;

/** Null: not a SIP or SIPS URI, or a malformed one. */
export function parseSipUri(text: string): SipUri | null {
  const scheme = /^(sips?):/i.exec(text);
  if (scheme === null || /[\s<>"]/.test(text)) return null;
  const rest = text.slice(scheme[0].length);
  const at = rest.indexOf('@');
  const userInfo = at < 0 ? '' : rest.slice(0, at);
  const [user = '', ...password] = userInfo.split(':');
  if (at >= 0 && (!USER.test(user) || badEscape(userInfo) || password.length > 1)) return null;
  const after = rest.slice(at + 1);
  const question = after.indexOf('?');
  const beforeHeaders = question < 0 ? after : after.slice(0, question);
  const semicolon = beforeHeaders.indexOf(';');
  const hostPort = HOST_PORT.exec(semicolon < 0 ? beforeHeaders : beforeHeaders.slice(0, semicolon));
  const parameters = parseParameters(semicolon < 0 ? '' : beforeHeaders.slice(semicolon));
  const port = Number(hostPort?.[2] ?? 0);
  if (hostPort === null || parameters === null || port > 65_535 || badEscape(after)) return null;
  return {
    scheme: scheme[1]!.toLowerCase() as 'sip' | 'sips',
    user,
    host: hostPort[1]!.toLowerCase().replace(/^\[|\]$/g, ''),
    port,
    parameters,
    headers: question < 0 ? '' : after.slice(question + 1),
  };
}

/** Whether `text` begins like a URI of any scheme and has no white space in it. */
export function isAbsoluteUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>]+$/.test(text);
}

/** `%41` → `A`; the bytes are UTF-8. A percent sign without two hexadecimal digits stays. */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  const image = text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(image, 'latin1').toString('utf8');
}

/** `text` as the user part of a URI. */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll('%2B', '+');
}

/** A host as it stands in a URI or a Via: an IPv6 address in brackets. */
export function uriHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function badEscape(text: string): boolean {
  return /%(?![0-9A-Fa-f]{2})/.test(text);
}

/** SIP messages to bytes. Texts are Latin-1 images: see sip-message.ts. */

/** Name as it shall be written, and value. */
export type SipField = readonly [name: string, value: string];

/** What comes after the start line. */
export interface SipContent {
  /** Such as `application/sdp`. */
  readonly contentType: string;
  /** Written as UTF-8. */
  readonly body: string;
}

/** A request on the wire. */
export function writeRequest(method: string, uri: string, fields: readonly SipField[], content?: SipContent): Buffer {
  return write(`${method} ${uri} SIP/2.0`, fields, content);
}

/** A response on the wire. */
export function writeResponse(
  status: number,
  reason: string,
  fields: readonly SipField[],
  content?: SipContent,
): Buffer {
  return write(`SIP/2.0 ${status} ${reason}`, fields, content);
}

function write(startLine: string, fields: readonly SipField[], content: SipContent | undefined): Buffer {
  const body = Buffer.from(content?.body ?? '', 'utf8');
  let head = `${oneLine(startLine)}\r\n`;
  for (const [name, value] of fields) head += `${name}: ${oneLine(value)}\r\n`;
  if (content !== undefined) head += `Content-Type: ${content.contentType}\r\n`;
  head += `Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

/** A line break would begin another header field: nothing that we echo or are given may do that. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ') : text;
}

/** The reason phrases that we use (RFC 3261 section 21 and its extensions). */
const REASONS: Readonly<Record<number, string>> = {
  100: 'Trying',
  180: 'Ringing',
  183: 'Session Progress',
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  422: 'Session Interval Too Small',
  469: 'Bad Info Package',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  484: 'Address Incomplete',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  489: 'Bad Event',
  491: 'Request Pending',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'Version Not Supported',
  600: 'Busy Everywhere',
  603: 'Decline',
};

/** The usual words for a status. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? (status < 400 ? 'OK' : 'Refused');
}

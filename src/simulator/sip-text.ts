/** SIP messages as text, as far as the simulated switch needs them. Written apart from the client's parser on purpose. */

/** One message. */
export interface SipText {
  /** Request line or status line. */
  readonly start: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Short names of headers (RFC 3261, section 7.3.3). */
const SHORT: Readonly<Record<string, string>> = {
  v: 'via',
  f: 'from',
  t: 'to',
  i: 'call-id',
  m: 'contact',
  l: 'content-length',
  c: 'content-type',
};

/** Reads one message; null for what is none, as a keep-alive of two line ends. */
export function readSip(text: string): SipText | null {
  const end = text.indexOf('\r\n\r\n');
  if (end <= 0) return null;
  const [start = '', ...lines] = text
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  if (!/^SIP\/2\.0 \d{3} |^[A-Z]+ \S+ SIP\/2\.0$/.test(start)) return null;
  const headers: (readonly [string, string])[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim();
    headers.push([SHORT[name.toLowerCase()] ?? name, line.slice(colon + 1).trim()]);
  }
  const body = Buffer.from(text.slice(end + 4));
  const length = Number(headerOf(headers, 'content-length') ?? body.length);
  return { start, headers, body: body.subarray(0, Number.isFinite(length) ? length : body.length).toString() };
}

/** The first header of a name, whatever its case. */
export function headerOf(headers: SipText['headers'], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return headers.find(([key]) => key.toLowerCase() === wanted)?.[1];
}

/** The number of a response, or 0 for a request. */
export function statusOf(message: SipText): number {
  return message.start.startsWith('SIP/2.0 ') ? Number(message.start.slice(8, 11)) : 0;
}

/** The method of a request, or of the request that a response answers. */
export function methodOf(message: SipText): string {
  if (!message.start.startsWith('SIP/2.0 ')) return message.start.slice(0, message.start.indexOf(' '));
  return (headerOf(message.headers, 'cseq') ?? '').split(/\s+/)[1] ?? '';
}

/** The number in CSeq. */
export function sequenceOf(message: SipText): number {
  return Number.parseInt(headerOf(message.headers, 'cseq') ?? '', 10) || 0;
}

/** The bytes of a message, in FreeSWITCH's order: `before`, then what describes the body, then `after`. */
export function writeSip(start: string, before: SipText['headers'], body = '', after: SipText['headers'] = []): string {
  const content: [string, string][] =
    body === ''
      ? []
      : [
          ['Content-Type', 'application/sdp'],
          ['Content-Disposition', 'session'],
        ];
  const length: [string, string] = ['Content-Length', String(Buffer.byteLength(body))];
  const lines = [...before, ...content, length, ...after].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${start}\r\n${lines.join('')}\r\n${body}`;
}

/** A response: the headers that the request has to get back, then `more`. */
export function writeResponse(request: SipText, status: string, more: SipText['headers'] = [], body = ''): string {
  const kept = new Set(['via', 'from', 'to', 'call-id', 'cseq']);
  const back = request.headers.filter(([name]) => kept.has(name.toLowerCase()));
  const named = back.map(([name, value]): [string, string] => [name === 'via' ? 'Via' : name, value]);
  return writeSip(`SIP/2.0 ${status}`, [...named, ...more], body);
}

/** The URI between the angle brackets of a From, To or Contact, or the bare one. */
export function uriOf(value: string): string {
  return /<([^>]*)>/.exec(value)?.[1] ?? value.split(';')[0]!.trim();
}

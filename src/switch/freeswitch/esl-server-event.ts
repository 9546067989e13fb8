/** Events as an ESL server writes them: plain (URL-encoded), JSON and XML, byte for byte as FreeSWITCH does. */

/** One event, ready to be written in any of the three formats. */
export interface EslServerEvent {
  /** `CHANNEL_PARK`, `CUSTOM`, … ; also the header `Event-Name`. */
  readonly name: string;
  /** Header `Event-Subclass` of a CUSTOM event. */
  readonly subclass?: string;
  /** Every header in the order of the wire, values not encoded. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
}

/** How a client wants its events. */
export type EslEventFormat = 'plain' | 'json' | 'xml';

/** The value of a header, whatever the case of its name. */
export function eventHeader(event: EslServerEvent, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return event.headers.find(([key]) => key.toLowerCase() === wanted)?.[1];
}

/** The whole frame: outer headers (`Content-Length` first, as FreeSWITCH writes them) and the event in `format`. */
export function eventFrame(event: EslServerEvent, format: EslEventFormat): string {
  const text = serializeEvent(event, format);
  return `Content-Length: ${Buffer.byteLength(text)}\nContent-Type: text/event-${format}\n\n${text}`;
}

/** The event itself, without the outer headers: also what `uuid_dump` prints. */
export function serializeEvent(event: EslServerEvent, format: EslEventFormat | 'text'): string {
  if (format === 'json') return toJson(event);
  if (format === 'xml') return toXml(event);
  return toPlain(event, format === 'plain' ? urlEncode : (value) => `[${value}]`);
}

function toPlain(event: EslServerEvent, encode: (value: string) => string): string {
  let text = '';
  for (const [name, value] of event.headers) {
    const encoded = encode(value);
    text += `${name}: ${encoded === '' ? '_undef_' : encoded}\n`;
  }
  return event.body ? `${text}Content-Length: ${Buffer.byteLength(event.body)}\n\n${event.body}` : `${text}\n`;
}

/** Written by hand and not as an object: FreeSWITCH keeps the order and repeats a name that occurs twice. */
function toJson(event: EslServerEvent): string {
  const pairs = event.headers.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  if (event.body !== undefined) {
    pairs.push(`"Content-Length":"${Buffer.byteLength(event.body)}"`, `"_body":${JSON.stringify(event.body)}`);
  }
  return `{${pairs.join(',')}}`;
}

function toXml(event: EslServerEvent): string {
  const headers = event.headers.map(([name, value]) => `    <${name}>${escapeXml(urlEncode(value))}</${name}>\n`);
  const body =
    event.body === undefined
      ? ''
      : `  <Content-Length>${Buffer.byteLength(event.body)}</Content-Length>\n  <body>${escapeXml(event.body)}</body>\n`;
  return `<event>\n  <headers>\n${headers.join('')}  </headers>\n${body}</event>\n`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** What `switch_url_encode` leaves alone, beside a `%` that already starts an upper-case escape. */
const UNSAFE = new Set('\r\n #%&+:;<=>?@[\\]^`{|}"');
const PLAIN_TEXT = /^[!$'()*,\-./0-9A-Z_a-z~]*$/;
const ESCAPE = /^%[0-9A-F]{2}/;

/** URL encoding as in plain and XML events. */
export function urlEncode(value: string): string {
  if (PLAIN_TEXT.test(value)) return value;
  let text = '';
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at]!;
    if (char === '%' && ESCAPE.test(value.slice(at, at + 3))) text += char;
    else if (char < ' ' || char > '~' || UNSAFE.has(char)) {
      const whole = String.fromCodePoint(value.codePointAt(at)!);
      if (whole.length === 2) at += 1;
      for (const byte of Buffer.from(whole)) text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    } else text += char;
  }
  return text;
}

/** One name for a call across the switch, our logs and the backends: taken over where somebody gave one, else made. */
import { createHash, randomUUID } from 'node:crypto';

/** Names under which a switch may hand one over, in small letters; the first that is there and sound counts. */
const NAMES: readonly string[] = [
  'talkspurt_correlation_id',
  'correlation_id',
  'x-correlation-id',
  'sip_h_x-correlation-id',
  'pjsip_header(read,x-correlation-id)',
];

/** Nothing in it can end a header, a line or a quoted text. */
const SOUND = /^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}$/;

/** The name that `variables` of a channel give its call, else a new UUID. Names of variables are read in any case. */
export function correlationIdOf(variables: ReadonlyMap<string, string>): string {
  const given = new Map([...variables].map(([name, value]) => [name.toLowerCase(), value.trim()]));
  for (const name of NAMES) {
    const value = given.get(name);
    if (value !== undefined && SOUND.test(value)) return value;
  }
  return randomUUID();
}

/**
 * Headers that carry it: `X-Correlation-ID`, and `traceparent` (W3C Trace Context, level 1) whose trace-id is the name's
 * own 32 hex digits where it has just those (a UUID), else the start of its SHA-256. None where there is no name.
 */
export function correlationHeaders(correlationId: string | undefined): Record<string, string> {
  if (correlationId === undefined) return {};
  const digest = createHash('sha256').update(correlationId).digest('hex');
  const plain = correlationId.replaceAll('-', '').toLowerCase();
  // All zeros are not allowed, in either.
  const traceId = /^[0-9a-f]{32}$/.test(plain) && !/^0+$/.test(plain) ? plain : digest.slice(0, 32);
  return { 'X-Correlation-ID': correlationId, traceparent: `00-${traceId}-${digest.slice(32, 48)}-00` };
}

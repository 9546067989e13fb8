/** An event's facts as flat, plain fields: for log lines and call records. */
import { TalkspurtError } from '../core/errors.ts';
import type { TalkspurtEvent } from '../core/events.ts';
import { describeAudio } from '../core/media.ts';

/** A field of a line. */
export type FieldValue = string | number | boolean;

/** Fields that hold what people say, dial or are called from, by event type. */
export const PERSONAL_FIELDS: Readonly<Partial<Record<TalkspurtEvent['type'], readonly string[]>>> = {
  transcript: ['text'],
  dtmf: ['digit'],
  'tool.call': ['argumentsJson'],
  'backend.message': ['text'],
};

/** Fields that a line has anyway. */
const CARRIED: readonly string[] = ['type', 'callId', 'correlationId', 'atMs'];

/** Everything that `event` says besides its type, call and time; personal fields only where `personalData`. */
export function eventFields(event: TalkspurtEvent, personalData: boolean): Record<string, FieldValue> {
  const personal = PERSONAL_FIELDS[event.type] ?? [];
  const fields: Record<string, FieldValue> = {};
  for (const [key, value] of Object.entries(event) as [string, unknown][]) {
    if (CARRIED.includes(key) || (!personalData && personal.includes(key))) continue;
    if (value instanceof TalkspurtError)
      Object.assign(fields, errorFields(value, personalData || event.type === 'backend.refused'));
    else if (typeof value === 'number') fields[key] = Number(value.toFixed(3));
    else if (typeof value === 'string' || typeof value === 'boolean') fields[key] = value;
    else if (isAudio(value)) fields[key] = describeAudio(value);
  }
  return fields;
}

/** Of `fields` that hold everything what they would be without `personalData`. */
export function impersonal(
  type: string,
  fields: Readonly<Record<string, FieldValue>>,
): Readonly<Record<string, FieldValue>> {
  const personal = (PERSONAL_FIELDS as Readonly<Record<string, readonly string[] | undefined>>)[type] ?? [];
  const quotes = type === 'backend.refused' || beforeSpeech(fields);
  const dropped = quotes ? personal : [...personal, ...QUOTING];
  if (!dropped.some((key) => key in fields)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !dropped.includes(key)));
}

/** A peer's own words: once speech has gone to it they may quote it. */
const QUOTING: readonly string[] = ['peerMessage', 'closeReason'];

/** Whether the peer said so before it had heard anything: when it answered the upgrade, or the settings of the session. */
function beforeSpeech(details: Readonly<Record<string, unknown>>): boolean {
  return details['status'] !== undefined || details['place'] === 'session set-up';
}

/** An operating error as fields, with what may quote people only where `quotes`. Of its cause only what cannot hold content; of a defect the stack too. */
export function errorFields(error: TalkspurtError, quotes = false): Record<string, FieldValue> {
  const fields: Record<string, FieldValue> = { code: error.code, error: error.message, retryable: error.retryable };
  const shown = quotes || beforeSpeech(error.details);
  for (const [key, value] of Object.entries(error.details)) {
    if (value !== undefined && (shown || !QUOTING.includes(key))) fields[key] ??= value;
  }
  const { cause } = error;
  if (cause instanceof Error) {
    fields['cause'] = (cause as NodeJS.ErrnoException).code ?? cause.name;
    if (error.code === 'ERR_TALKSPURT_INTERNAL' && cause.stack !== undefined) fields['stack'] = cause.stack;
  }
  return fields;
}

function isAudio(value: unknown): value is Parameters<typeof describeAudio>[0] {
  return typeof value === 'object' && value !== null && 'codec' in value && 'sampleRateHz' in value;
}

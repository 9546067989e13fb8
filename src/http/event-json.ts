/** An event as the API tells it: flat, with the fields of docs/events.md. */
import type { Clock } from '../core/clock.ts';
import type { TalkspurtEvent } from '../core/events.ts';
import { eventFields } from '../observe/event-fields.ts';
import type { FieldValue } from '../observe/event-fields.ts';

/** One event. `at` is ISO 8601, UTC. */
export interface EventJson {
  readonly type: TalkspurtEvent['type'];
  readonly at: string;
  /** The call that it is of. */
  readonly call?: string;
  readonly [field: string]: FieldValue | undefined;
}

/** Personal fields only where `personalData`. */
export function eventJson(event: TalkspurtEvent, clock: Clock, personalData: boolean): EventJson {
  const at = new Date(clock.wallTimeMs() - (clock.nowMs() - event.atMs)).toISOString();
  const call = event.callId === undefined ? {} : { call: event.callId };
  return { type: event.type, at, ...call, ...eventFields(event, personalData) };
}

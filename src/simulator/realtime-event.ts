/** Names for what goes over the embedded backend's wire, by the SDK's own types: the compiler judges every field. */
import { randomBytes } from 'node:crypto';
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';

type WithoutId<T> = T extends { event_id: string } ? Omit<T, 'event_id'> : never;

/** An event as the service sends it; the id is given by whoever puts it on the wire. */
export type ServerEvent = WithoutId<RealtimeServerEvent>;

/** `item_…`, `resp_…`, `call_…`: unguessable, like the service's own. */
export function newId(kind: 'sess' | 'conv' | 'item' | 'resp' | 'call' | 'event'): string {
  return `${kind}_${randomBytes(10).toString('hex')}`;
}

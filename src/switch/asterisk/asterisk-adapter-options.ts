/** What the adapter of one Asterisk is made with. */
import type { Clock } from '../../core/clock.ts';
import type { EventSink } from '../../core/events.ts';
import type { AriEvent, AriLink } from './ari-link.ts';
import type { AsteriskMediaPath } from './media-path.ts';

/** Which Asterisk, and how its audio is taken. */
export interface AsteriskAdapterOptions {
  readonly name: string;
  /** Owned by the adapter from now on: started and closed by it. */
  readonly link: AriLink;
  readonly clock: Clock;
  readonly events: EventSink;
  /** How calls are heard. Owned by the adapter. */
  readonly media: AsteriskMediaPath;
  /** Asterisk's name of the media's format. Default `auto`: by the call and the path. */
  readonly format?: string;
  /** Profile of calls whose Stasis arguments name none; absent: they are refused. */
  readonly profile?: string;
  /** Channel variables and functions that are asked for when a call comes; each costs a request. */
  readonly variables?: readonly string[];
  /** Is shown every event of the link, before the adapter does anything about it. Must not throw. */
  onEvent?(event: AriEvent): void;
}

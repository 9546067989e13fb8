/** The port of one ARI connection, from dialling to its end: what the implementations of a link differ in. */
import type { Clock } from '../../core/clock.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import type { AriEvent, AriInfo, AriRequest } from './ari-link.ts';

/** Not called any more after `onClosed`, nor after our own {@link AriConnection.close}. Must not throw. */
export interface AriConnectionSink {
  /** From the moment the application is registered, which is before the connection is proven. */
  onEvent(event: AriEvent): void;
  /** A message that cannot be read. The connection goes on. */
  onFault(error: TalkspurtError): void;
  /** The connection is over, for whatever reason but our own {@link AriConnection.close}. */
  onClosed(error: TalkspurtError): void;
}

/** A connection whose application is registered and whose requests were seen to be answered. */
export interface AriConnection {
  readonly info: AriInfo;
  /** @throws as `AriLink.request` */
  request(request: AriRequest): Promise<unknown>;
  /** Ends it; requests that wait are rejected with `error`. Twice is harmless. */
  close(error: TalkspurtError): void;
}

/**
 * Connects, registers the application, and proves it with a request; all within `LIMITS.ariLoginMs`.
 * @throws ERR_TALKSPURT_LINK_REFUSED, _TIMEOUT, _AUTH, _DENIED, _PROTOCOL, _DOWN; none of them holds the password
 */
export type AriDial = (sink: AriConnectionSink, clock: Clock, signal: AbortSignal) => Promise<AriConnection>;

/**
 * The port of an ARI link: one event WebSocket and the requests to one Asterisk, for one Stasis application. It stays up, and
 * never lies about being up. Every implementation passes the same contract suite (test/switch/asterisk/ari-link-contract.ts).
 */
import type { TalkspurtError } from '../../core/errors.ts';

/** One event of Asterisk as it came, parsed; `type` is its name. Fields are the peer's: check before use. */
export interface AriEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What is connected to. */
export interface AriInfo {
  /** `22.10.1~dfsg…`, as `GET /asterisk/info` has it. */
  readonly version: string;
  /** Changes when Asterisk was restarted: its start time as it says it. */
  readonly startupTime: string;
}

/** What a link tells its adapter. */
export interface AriLinkListener {
  /** Logged in, the application registered, verified by a request and an event. */
  onUp(info: AriInfo): void;
  /** Lost or refused. `retryInMs` is when it is dialled again. */
  onDown(error: TalkspurtError, retryInMs: number): void;
  onEvent(event: AriEvent): void;
  /** A message that is no event, or an `onEvent` that threw. The link stays up. */
  onFault?(error: TalkspurtError): void;
}

/** One request of ARI. */
export interface AriRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path below `/ari`, its parts URI-encoded by the caller: `channels/<id>/answer`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Default `LIMITS.ariRequestMs`. */
  readonly timeoutMs?: number;
}

/** One link to one Asterisk. */
export interface AriLink {
  readonly name: string;
  /** The Stasis application. */
  readonly app: string;
  readonly up: boolean;
  /** Dials, and dials again with back-off whenever it is down, until `close`. Resolves when the first attempt is decided. */
  start(listener: AriLinkListener): Promise<void>;
  /**
   * Resolves to the answer's JSON, parsed, or null where it has none.
   * @throws ERR_TALKSPURT_LINK_DOWN; ERR_TALKSPURT_LINK_TIMEOUT; ERR_TALKSPURT_ARI_REFUSED, whose `details.status` is the
   *   HTTP status and whose `message` has what Asterisk says (404: what was asked for has left; 409: it is there already);
   *   ERR_TALKSPURT_LINK_PROTOCOL for an answer that is not readable; ERR_TALKSPURT_COMMAND_SYNTAX for a request that is longer
   *   than Asterisk takes. What happens by an answer may be told of by an event before the promise is settled; requests that
   *   wait at the same time may be carried out in any order.
   */
  request(request: AriRequest): Promise<unknown>;
  /** Stops dialling and closes. Twice is harmless. */
  close(): Promise<void>;
}

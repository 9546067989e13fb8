/** The port of one Event Socket connection, from dialling to its end: what the implementations of a link differ in. */
import type { Clock } from '../../core/clock.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import type { EslEvent } from './esl-link.ts';

/** Which switch, and how to get in. */
export interface EslTarget {
  readonly host: string;
  readonly port: number;
  readonly password: string;
}

/** Called only after the login, and not after {@link onClosed}. */
export interface EslConnectionSink {
  onEvent(event: EslEvent): void;
  /** An event that cannot be read. The connection goes on: its framing is sound. */
  onFault(error: TalkspurtError): void;
  /** The connection is over, for whatever reason but our own {@link EslConnection.close}. */
  onClosed(error: TalkspurtError): void;
}

/** A logged-in connection. Commands are answered in order. */
export interface EslConnection {
  readonly switchVersion: string;
  /**
   * Whether the switch may be told to let through only events that match a filter. On a connection that others use too a
   * first filter would hide their events from them.
   */
  readonly filters: boolean;
  /** Whether others' events come as well: the link then picks out its own. */
  readonly shared: boolean;
  /**
   * Sends a command and resolves with its `Reply-Text`, `-ERR …` included. `admit` is called right before the bytes are
   * written; when it throws, nothing is written and that is the rejection.
   */
  command(line: string, headers?: Readonly<Record<string, string>>, admit?: () => void): Promise<string>;
  /**
   * The same with a body, under a `content-length` of its own: the switch reads headers a byte at a time, bodies in bulk.
   * An empty body is none.
   */
  commandWithBody(line: string, headers: Readonly<Record<string, string>>, body: string): Promise<string>;
  /** Sends `api <line>` and resolves with the body. */
  api(line: string): Promise<string>;
  /** Ends it; commands that wait are rejected with `error`. Twice is harmless. */
  close(error: TalkspurtError): void;
}

/**
 * Connects, logs in, and proves the login with a command; all within `LIMITS.eslLoginMs`.
 * @throws ERR_TALKSPURT_LINK_REFUSED, _TIMEOUT, _AUTH, _DENIED, _PROTOCOL, _DOWN; none of them holds the password
 */
export type EslDial = (
  target: EslTarget,
  sink: EslConnectionSink,
  clock: Clock,
  signal: AbortSignal,
) => Promise<EslConnection>;

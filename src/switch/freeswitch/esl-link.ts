/**
 * The port of an Event Socket link: one control connection to one FreeSWITCH that logs in, stays up, and never lies about
 * being up. Every implementation passes the same contract suite (test/switch/freeswitch/esl-link-contract.ts).
 */
import type { TalkspurtError } from '../../core/errors.ts';
import type { UnicastPermit } from './unicast-guard.ts';

/** One event of the switch, decoded. */
export interface EslEvent {
  readonly name: string;
  /** `Unique-ID`, or empty. */
  readonly uuid: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** What a link tells its adapter. */
export interface EslLinkListener {
  /** Logged in, verified by a command, and subscribed. `version` is what the switch says of itself. */
  onUp(version: string): void;
  /** Lost or refused. `retryInMs` is when it is dialled again. */
  onDown(error: TalkspurtError, retryInMs: number): void;
  onEvent(event: EslEvent): void;
  /** An event that is not one, or an `onEvent` that threw. The link stays up. */
  onFault?(error: TalkspurtError): void;
}

/** Where unicast is to go. `local` is the switch's side, `remote` is ours. */
export interface UnicastAddresses {
  readonly localHost: string;
  readonly remoteHost: string;
  readonly remotePort: number;
  /** G.711 as it is on the wire, instead of L16. */
  readonly native: boolean;
}

/** One link to one switch. */
export interface EslLink {
  readonly name: string;
  readonly up: boolean;
  /** Dials, and dials again with back-off whenever it is down, until `close`. Resolves when the first attempt is decided. */
  start(listener: EslLinkListener): Promise<void>;
  /**
   * One `api` command; resolves to its reply as the switch sent it, `-ERR …` included.
   * @throws ERR_TALKSPURT_LINK_DOWN, _LINK_TIMEOUT (the link is then dropped: its replies would be out of step),
   * ERR_TALKSPURT_COMMAND_SYNTAX for line breaks
   */
  api(command: string): Promise<string>;
  /**
   * The same in the background, for what may take its time: up to `LIMITS.eslJobMs`, and the link is free meanwhile.
   * @throws as `api`, but a job that is late does not drop the link
   */
  bgapi(command: string): Promise<string>;
  /**
   * `sendmsg` to a channel; resolves to the reply text, long before it is carried out.
   * @throws ERR_TALKSPURT_UNICAST_GUARD for unicast however it is spelled: it needs a permit; otherwise as `api`
   */
  sendMessage(uuid: string, headers: Readonly<Record<string, string>>): Promise<string>;
  /** From now on events of this channel are delivered. Renewed after every reconnect. @throws as `api` */
  watch(uuid: string): Promise<void>;
  /** …and no longer. Never rejects: a link that is down watches nothing. */
  unwatch(uuid: string): Promise<void>;
  /**
   * From now on CUSTOM events of this subclass are delivered (`name` CUSTOM, header `Event-Subclass`). Renewed after every
   * reconnect; kept for later while the link is down. At most `LIMITS.eslLinkSubclasses` of them. @throws as `api`
   */
  subscribe(subclass: string): Promise<void>;
  /**
   * Publishes a CUSTOM event on the switch, for every ESL client to see; `body` goes as a body (headers are read a byte at
   * a time). @throws as `api`, ERR_TALKSPURT_COMMAND_SYNTAX for line breaks in a subclass or header
   */
  sendEvent(subclass: string, headers: Readonly<Record<string, string>>, body: string): Promise<void>;
  /**
   * Sends the one message that can kill the switch. There is no other way to send it: nothing else here carries it, and a
   * permit is only ever made by a `UnicastGuard`. It is tested and used up when the message is written, not when it queues.
   * @throws ERR_TALKSPURT_UNICAST_GUARD for a spent permit, and as `api`
   */
  activateUnicast(permit: UnicastPermit, addresses: UnicastAddresses): Promise<void>;
  /** Hangs up the connection and stops dialling. Twice is harmless. */
  close(): Promise<void>;
}

/**
 * The server of the dialplan application `socket`: `<action application="socket" data="host:port/profile async full"/>`
 * gives a call to talkspurt. The call's audio and control then go over the ordinary link of its switch.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { addressList, plainAddress } from '../../core/address-list.ts';
import type { AddressList } from '../../core/address-list.ts';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { OutboundChannel } from './outbound-socket-channel.ts';
import { OutboundSocketConnection } from './outbound-socket-connection.ts';
import type { OutboundOutcome } from './outbound-socket-connection.ts';

/** A call that was not taken. */
export interface OutboundRefusal {
  readonly channel: OutboundChannel;
  readonly error: TalkspurtError;
  /** False: it goes on in its dialplan. True: it is parked and has to be given back ({@link returnToDialplan}). */
  readonly left: boolean;
}

/** Where it listens, who may hand calls over, and who takes them. */
export interface OutboundSocketOptions {
  readonly host: string;
  /** 0: any free port; see {@link OutboundSocketServer.port}. */
  readonly port: number;
  /** Source addresses and CIDR blocks of the switches. Default: the loopback ones. */
  readonly allow?: readonly string[];
  readonly clock: Clock;
  /** Says no by throwing, before the call leaves its dialplan: unknown profile, draining, all calls in use. */
  admit?(channel: OutboundChannel): void;
  /** The call is parked and nobody's: attach it. Rejecting makes it a refusal with `left`. */
  onChannel(channel: OutboundChannel): Promise<void>;
  /** A call was not taken. May give it back. Rejections are told to `onFault`. */
  onRefused(refusal: OutboundRefusal): Promise<void> | void;
  /** Connections that handed no call over (not an Event Socket, too many of them), calls that could not be given back. */
  onFault?(error: TalkspurtError): void;
}

/** Takes calls from dialplans. Nothing that a peer sends ends more than its own connection. */
export class OutboundSocketServer {
  readonly #options: OutboundSocketOptions;
  readonly #server: Server;
  readonly #allow: AddressList;
  readonly #connections = new Set<OutboundSocketConnection>();
  /** Handovers and refusals that are being seen to. */
  readonly #underway = new Set<Promise<void>>();
  #closing = false;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for an address in `allow` that is none */
  constructor(options: OutboundSocketOptions) {
    this.#options = options;
    this.#allow = addressList(options.allow);
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#onSocket(socket));
  }

  /** The port it listens on, or 0. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** Calls that are being handed over. */
  get handovers(): number {
    return this.#connections.size;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => {
        const message = `cannot listen on ${host}:${port}: ${cause.message}`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#server.once('error', onError);
      this.#server.listen(port, host, () => {
        this.#server.off('error', onError);
        // A failed accept (no descriptors left) concerns one call only.
        this.#server.on('error', (cause) => this.#fault(asTalkspurtError(cause, 'ERR_TALKSPURT_LISTEN')));
        resolve();
      });
    });
    return { port: this.port };
  }

  /** Stops listening, cuts what is being handed over and waits for what was. Calls that were taken go on. */
  async close(): Promise<void> {
    this.#closing = true;
    const stopped = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const connection of this.#connections) connection.destroy();
    await stopped;
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  #onSocket(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress);
    const against = this.#against(address);
    if (this.#connections.size >= LIMITS.outboundHandovers + LIMITS.outboundRefusals) {
      socket.on('error', () => socket.destroy());
      socket.resetAndDestroy();
      if (against !== null) this.#fault(against);
      return;
    }
    const admit = (channel: OutboundChannel): void => {
      if (against !== null) throw against;
      this.#options.admit?.(channel);
    };
    const { clock } = this.#options;
    const connection = new OutboundSocketConnection(
      socket,
      `handover-${randomUUID()}`,
      { clock, switchHost: address, admit },
      (outcome, closed) => this.#onOutcome(outcome, closed),
    );
    this.#connections.add(connection);
  }

  /**
   * What stands against a connection, whatever it hands over. It is greeted all the same: a call whose connection is cut
   * before the switch has been greeted is parked by it for ever.
   */
  #against(address: string): TalkspurtError | null {
    if (!this.#allow.has(address)) {
      const message = 'an outbound socket came from an address that is not in its allow list';
      return new TalkspurtError('ERR_TALKSPURT_LINK_DENIED', message, { details: { address } });
    }
    if (!this.#closing && this.#connections.size < LIMITS.outboundHandovers) return null;
    const message = `more than ${LIMITS.outboundHandovers} calls are being handed over at once`;
    return new TalkspurtError('ERR_TALKSPURT_CALL_LIMIT', message);
  }

  #onOutcome(outcome: OutboundOutcome, connection: OutboundSocketConnection): void {
    this.#connections.delete(connection);
    if (outcome.kind === 'sent-on') return;
    if (outcome.kind === 'failed') {
      this.#fault(outcome.error);
      return;
    }
    const seenTo = outcome.kind === 'taken' ? this.#take(outcome.channel) : this.#refuse(outcome);
    this.#underway.add(seenTo);
    void seenTo.then(() => this.#underway.delete(seenTo));
  }

  /** Never rejects. */
  async #take(channel: OutboundChannel): Promise<void> {
    try {
      await this.#options.onChannel(channel);
    } catch (error) {
      await this.#refuse({ channel, error: asTalkspurtError(error), left: true });
    }
  }

  /** Never rejects. */
  async #refuse({ channel, error, left }: OutboundRefusal): Promise<void> {
    try {
      await this.#options.onRefused({ channel, error, left });
    } catch (failure) {
      this.#fault(asTalkspurtError(failure));
    }
  }

  #fault(error: TalkspurtError): void {
    this.#options.onFault?.(error);
  }
}

export { returnToDialplan } from './outbound-socket-channel.ts';
export type { OutboundChannel } from './outbound-socket-channel.ts';

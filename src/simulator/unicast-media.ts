/** `call-command: unicast` as FreeSWITCH does it: bare frames over UDP, no header, no pacing, no source check. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { headerOf } from '../switch/freeswitch/esl-request-parser.ts';
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';

/** The headers of the `sendmsg`, with FreeSWITCH's defaults filled in. */
export interface UnicastRequest {
  /** The switch's side. Port 0: any. */
  readonly localIp: string;
  readonly localPort: number;
  /** The other side. */
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly transport: string;
  /** `flags: native`: the channel's own codec instead of L16. */
  readonly native: boolean;
}

/** Reads a `sendmsg`. */
export function unicastRequest(request: EslRequest): UnicastRequest {
  const header = (name: string, otherwise: string): string => headerOf(request, name) || otherwise;
  return {
    localIp: header('local-ip', '127.0.0.1'),
    localPort: portOf(header('local-port', '8025')),
    remoteIp: header('remote-ip', '127.0.0.1'),
    remotePort: portOf(header('remote-port', '8026')),
    transport: header('transport', 'udp'),
    native: header('flags', '').includes('native'),
  };
}

/** As C's `atoi` cast to 16 bits. */
function portOf(text: string): number {
  return (Number.parseInt(text, 10) || 0) & 0xffff;
}

/** What a unicast connection tells the channel. */
export interface UnicastSink {
  /** A datagram to be said to the phone; owned by the receiver. */
  onInjected(payload: Buffer): void;
  /** The socket could not be made or bound: FreeSWITCH only logs this, the `sendmsg` was answered `+OK` long before. */
  onFailure(): void;
}

/**
 * One unicast connection. As in the real switch, it is *created* by the command and its reading side is *launched* by the
 * park loop: a connection nobody launches keeps its port and does nothing.
 */
export class UnicastMedia {
  readonly request: UnicastRequest;
  readonly #socket: Socket;
  readonly #sink: UnicastSink;
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #launched = false;
  /** A datagram without a byte in it ends the reading thread for good. */
  #readingEnded = false;
  sentDatagrams = 0;
  receivedDatagrams = 0;

  constructor(request: UnicastRequest, sink: UnicastSink) {
    this.request = request;
    this.#sink = sink;
    this.#socket = createSocket({
      type: 'udp4',
      // Addresses only: without this every datagram would go through the resolver.
      lookup: (host, _options, done) => done(null, host, 4),
    });
    this.#socket.on('error', () => this.#onError());
    this.#socket.on('message', (payload) => this.#onMessage(payload));
    if (/^(udp|tcp)$/i.test(request.transport) && isIPv4(request.localIp) && isIPv4(request.remoteIp)) {
      this.#socket.bind(request.localPort, request.localIp, () => {
        if (this.#state === 'opening') this.#state = 'open';
      });
    } else this.#onError();
  }

  /** The port it is bound to, or 0. */
  get localPort(): number {
    return this.#state === 'open' ? this.#socket.address().port : 0;
  }

  get launched(): boolean {
    return this.#launched;
  }

  get injects(): boolean {
    return this.#launched && !this.#readingEnded && this.#state === 'open';
  }

  /** Starts the reading side: from now on datagrams are said to the phone. */
  launch(): void {
    this.#launched = true;
  }

  /** Sends one frame of the call; `frame` is not touched afterwards by the caller. */
  send(frame: Buffer): void {
    if (this.#state !== 'open' || this.request.remotePort === 0) return;
    this.sentDatagrams += 1;
    // The far end may be gone (ICMP port unreachable): the real switch does not notice either.
    this.#socket.send(frame, this.request.remotePort, this.request.remoteIp, () => undefined);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#socket.close();
  }

  #onMessage(payload: Buffer): void {
    if (!this.#launched || this.#readingEnded || this.#state !== 'open') return;
    if (payload.length === 0) {
      this.#readingEnded = true;
      return;
    }
    this.receivedDatagrams += 1;
    this.#sink.onInjected(payload);
  }

  #onError(): void {
    if (this.#state !== 'opening') return;
    this.close();
    // Never from within the constructor, where a taken port shows up.
    queueMicrotask(() => this.#sink.onFailure());
  }
}

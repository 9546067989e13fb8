/** A SIP peer that says what it is told, byte for byte. It shares no code with the endpoint. */
import { createSocket } from 'node:dgram';
import type { Socket as DatagramSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { SipEndpoint } from '../../src/sip/sip-endpoint.ts';
import type { SipEndpointOptions } from '../../src/sip/sip-endpoint.ts';
import type { SipCall, SipCallListener, SipEnd } from '../../src/sip/sip-call.ts';
import { FakeClock } from '../sim/fake-clock.ts';

export const SDP_OFFER =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
export const SDP_ANSWER =
  'v=0\r\no=- 9 9 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n';

/** Messages that came, and those who wait for one. */
class Inbox {
  #messages: string[] = [];
  #waiting: ((message: string) => void)[] = [];

  put(text: string): void {
    const taker = this.#waiting.shift();
    if (taker === undefined) this.#messages.push(text);
    else taker(text);
  }

  next(): Promise<string> {
    const first = this.#messages.shift();
    return first === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(first);
  }
}

export interface Peer {
  readonly port: number;
  readonly protocol: 'UDP' | 'TCP';
  send(bytes: string | Buffer): void;
  /** The next whole message. */
  next(): Promise<string>;
  close(): Promise<void>;
}

export async function udpPeer(port: number): Promise<Peer> {
  const socket: DatagramSocket = createSocket('udp4');
  const inbox = new Inbox();
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.on('message', (bytes) => inbox.put(bytes.toString('latin1')));
  return {
    port: socket.address().port,
    protocol: 'UDP',
    send: (bytes) => socket.send(bytes, port, '127.0.0.1'),
    next: () => inbox.next(),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

export interface TcpPeer extends Peer {
  readonly socket: Socket;
  /** Resolves when the endpoint has closed its side. */
  readonly ended: Promise<void>;
  /** Blank lines that came between messages. */
  pongs: number;
}

export async function tcpPeer(port: number): Promise<TcpPeer> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  return tcpPeerOn(socket);
}

export function tcpPeerOn(socket: Socket): TcpPeer {
  const inbox = new Inbox();
  let text = '';
  const peer: TcpPeer = {
    socket,
    port: socket.localPort ?? 0,
    protocol: 'TCP',
    pongs: 0,
    ended: socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve())),
    send: (bytes) => void socket.write(bytes),
    next: () => inbox.next(),
    close: () =>
      new Promise((resolve) => {
        if (socket.closed) resolve();
        socket.once('close', () => resolve());
        socket.destroy();
      }),
  };
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    for (;;) {
      if (text.startsWith('\r\n')) {
        peer.pongs += 1;
        text = text.slice(2);
        continue;
      }
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/\r\nContent-Length: (\d+)/.exec(text.slice(0, end + 2))?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      inbox.put(text.slice(0, end + 4 + length));
      text = text.slice(end + 4 + length);
    }
  });
  return peer;
}

/** A message out of its lines. */
export function message(lines: readonly string[], body = ''): string {
  return `${[...lines, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`;
}

export interface RequestParts {
  readonly branch: string;
  readonly cseq?: number;
  readonly cseqMethod?: string;
  readonly callId?: string;
  readonly toTag?: string;
  readonly fromTag?: string;
  readonly uri?: string;
  readonly rport?: boolean;
  readonly fields?: readonly string[];
  readonly body?: string;
  readonly contentType?: string | null;
}

/** A request of a peer in its usual form. */
export function request(peer: Peer, method: string, parts: RequestParts): string {
  const { branch, cseq = 1, callId = 'call-1', toTag, fromTag = 'caller', body = '' } = parts;
  const contentType = parts.contentType === undefined && body !== '' ? 'application/sdp' : parts.contentType;
  return message(
    [
      `${method} ${parts.uri ?? 'sip:agent@127.0.0.1'} SIP/2.0`,
      `Via: SIP/2.0/${peer.protocol} 127.0.0.1:${peer.port};branch=z9hG4bK${branch}${parts.rport === true ? ';rport' : ''}`,
      `From: "Ann" <sip:ann@example.org>;tag=${fromTag}`,
      `To: <sip:agent@example.org>${toTag === undefined ? '' : `;tag=${toTag}`}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${parts.cseqMethod ?? method}`,
      `Contact: <sip:ann@127.0.0.1:${peer.port}>`,
      'Max-Forwards: 70',
      ...(typeof contentType === 'string' ? [`Content-Type: ${contentType}`] : []),
      ...(parts.fields ?? []),
    ],
    body,
  );
}

export function statusOf(text: string): number {
  return Number(/^SIP\/2\.0 (\d{3}) /.exec(text)?.[1] ?? 0);
}

/** Every value of a field, by its name as the endpoint writes it. */
export function fieldsOf(text: string, name: string): string[] {
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 2);
  return [...head.matchAll(new RegExp(`^${name}: (.*)\r$`, 'gm'))].map((match) => match[1] ?? '');
}

export function fieldOf(text: string, name: string): string {
  return fieldsOf(text, name)[0] ?? '';
}

export function bodyOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

export function toTagOf(text: string): string {
  return /;tag=([^;\s]+)/.exec(fieldOf(text, 'To'))?.[1] ?? '';
}

/** The answer of a far end to a request of the endpoint. */
export function response(to: string, status: string, fields: readonly string[] = []): string {
  const echoed = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].flatMap((name) =>
    fieldsOf(to, name).map((value) => `${name}: ${value}`),
  );
  return message([`SIP/2.0 ${status}`, ...echoed, ...fields]);
}

/** A listener that writes down what it hears. */
export class Notes implements SipCallListener {
  readonly ends: SipEnd[] = [];
  readonly offers: (string | null)[] = [];
  readonly answers: string[] = [];
  readonly digits: string[] = [];
  answer: () => string = () => SDP_ANSWER;

  onEnded(end: SipEnd): void {
    this.ends.push(end);
  }

  onReinvite(offer: string | null): string {
    this.offers.push(offer);
    return this.answer();
  }

  onReinviteAnswered(answer: string): void {
    this.answers.push(answer);
  }

  onDigit(digit: string, durationMs: number): void {
    this.digits.push(`${digit} ${durationMs}`);
  }
}

export interface Bench {
  readonly clock: FakeClock;
  readonly endpoint: SipEndpoint;
  readonly port: number;
  readonly calls: SipCall[];
  readonly notes: Notes[];
  readonly faults: string[];
  /** Closes the endpoint: ends what waits for a far end. */
  close(): Promise<void>;
}

/** An endpoint on a free port, with a clock in the hands of the test. */
export async function openBench(options: Partial<SipEndpointOptions> = {}): Promise<Bench> {
  const clock = new FakeClock();
  const calls: SipCall[] = [];
  const notes: Notes[] = [];
  const faults: string[] = [];
  const endpoint = new SipEndpoint({
    clock,
    port: 0,
    protocols: ['udp', 'tcp'],
    allow: ['127.0.0.1'],
    userAgent: 'test',
    onCall: (call) => {
      const note = new Notes();
      call.listen(note);
      calls.push(call);
      notes.push(note);
    },
    onMalformed: (error) => faults.push(`${error.code} ${error.message}`),
    ...options,
  });
  const { port } = await endpoint.listen();
  const close = async (): Promise<void> => {
    const state = { done: false };
    const closed = endpoint.close().then(() => (state.done = true));
    // Time passes for those who wait for it.
    while (!state.done) {
      clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await closed;
  };
  return { clock, endpoint, port, calls, notes, faults, close };
}

/** An answered call: INVITE, 100, 200, ACK. */
export async function talk(
  bench: Bench,
  peer: Peer,
  parts: Partial<RequestParts> = {},
): Promise<{ call: SipCall; notes: Notes; toTag: string; ok: string }> {
  const { callId = 'call-1' } = parts;
  peer.send(request(peer, 'INVITE', { branch: `inv-${callId}`, body: SDP_OFFER, ...parts }));
  await peer.next();
  const call = bench.calls.at(-1)!;
  const acked = call.accept(SDP_ANSWER);
  const ok = await peer.next();
  const toTag = toTagOf(ok);
  const { cseq = 1, fromTag = 'caller' } = parts;
  peer.send(request(peer, 'ACK', { cseq, fromTag, callId, branch: `ack-${callId}`, toTag }));
  await acked;
  return { call, notes: bench.notes.at(-1)!, toTag, ok };
}

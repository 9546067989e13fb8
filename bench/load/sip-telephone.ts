/**
 * A telephone that a real switch can call: as little SIP and RTP as that takes, over UDP, µ-law. It answers at once, sends
 * silence, tells when it first hears something, and how much it has heard. It shares nothing with the SIP of the project or of its simulator.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';

const PTIME_MS = 20;
const FRAME_BYTES = 160;
const HEADER_BYTES = 12;
const SILENCE = 0xff;
/** µ-law without its sign: below it is louder than a line's noise. */
const LOUD_BELOW = 0x60;

interface Conversation {
  readonly answer: string;
  readonly rtp: Socket;
  readonly user: string;
  soundMs: number;
  timer: NodeJS.Timeout | null;
}

/** Owns its sockets from `open` to `close`. */
export class SipTelephone {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #onHeard: (user: string) => void;
  readonly #conversations = new Map<string, Conversation>();
  #closed = false;

  private constructor(socket: Socket, host: string, onHeard: (user: string) => void) {
    this.#socket = socket;
    this.#host = host;
    this.#onHeard = onHeard;
    socket.on('message', (bytes, from) => void this.#onMessage(bytes.toString('utf8'), from));
  }

  /** `onHeard` is told the user part that was called, once a call. */
  static async open(host: string, onHeard: (user: string) => void): Promise<SipTelephone> {
    const socket = createSocket('udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    return new SipTelephone(socket, host, onHeard);
  }

  /** `host:port` for dial strings. */
  get address(): string {
    return `${this.#host}:${this.#socket.address().port}`;
  }

  /** How much sound has come of the call to `user`, ms. */
  soundMs(user: string): number {
    return [...this.#conversations.values()].find((each) => each.user === user)?.soundMs ?? 0;
  }

  close(): void {
    this.#closed = true;
    for (const callId of this.#conversations.keys()) this.#end(callId);
    this.#socket.close();
  }

  async #onMessage(text: string, from: RemoteInfo): Promise<void> {
    const [method = ''] = text.split(' ', 1);
    const callId = header(text, 'Call-ID');
    if (method === 'ACK' || method.startsWith('SIP/')) return;
    if (method === 'BYE' || method === 'CANCEL') this.#end(callId);
    const answer = method === 'INVITE' ? await this.#invited(text, callId, from) : reply(text, '', '');
    if (!this.#closed && answer !== null) this.#socket.send(answer, from.port, from.address);
  }

  /** Takes the call; a repeated INVITE gets what the first one got. */
  async #invited(text: string, callId: string, from: RemoteInfo): Promise<string | null> {
    const known = this.#conversations.get(callId);
    if (known !== undefined) return known.answer;
    const rtp = createSocket('udp4');
    rtp.bind(0, this.#host);
    await once(rtp, 'listening');
    if (this.#closed || this.#conversations.has(callId)) {
      rtp.close();
      return null;
    }
    const user = /^INVITE sips?:([^@\s]+)@/.exec(text)?.[1] ?? '';
    const sdp = [
      'v=0',
      `o=- 1 1 IN IP4 ${this.#host}`,
      's=-',
      `c=IN IP4 ${this.#host}`,
      't=0 0',
      `m=audio ${rtp.address().port} RTP/AVP 0`,
      'a=ptime:20',
      '',
    ].join('\r\n');
    const contact = `Contact: <sip:${user}@${this.address}>\r\nContent-Type: application/sdp\r\n`;
    const conversation: Conversation = { answer: reply(text, contact, sdp), rtp, user, soundMs: 0, timer: null };
    this.#conversations.set(callId, conversation);
    const to = /^m=audio (\d+)/m.exec(text)?.[1];
    const host = /^c=IN IP4 (\S+)/m.exec(text)?.[1] ?? from.address;
    this.#talk(conversation, host, Number(to));
    this.#listen(conversation);
    return conversation.answer;
  }

  #talk(conversation: Conversation, host: string, port: number): void {
    const packet = Buffer.alloc(HEADER_BYTES + FRAME_BYTES, SILENCE);
    packet.fill(0, 0, HEADER_BYTES);
    packet[0] = 0x80;
    let number = 0;
    let dueMs = performance.now();
    const send = (): void => {
      packet.writeUInt16BE(number & 0xffff, 2);
      packet.writeUInt32BE((number * FRAME_BYTES) >>> 0, 4);
      packet.writeUInt32BE(1, 8);
      number += 1;
      conversation.rtp.send(Buffer.from(packet), port, host, () => undefined);
      dueMs += PTIME_MS;
      conversation.timer = setTimeout(send, dueMs - performance.now());
    };
    send();
  }

  #listen(conversation: Conversation): void {
    const { rtp, user } = conversation;
    rtp.on('error', () => undefined);
    rtp.on('message', (packet) => {
      if (((packet[1] ?? 0) & 0x7f) !== 0) return;
      if (!packet.subarray(HEADER_BYTES).some((byte) => (byte & 0x7f) < LOUD_BELOW)) return;
      if (conversation.soundMs === 0) this.#onHeard(user);
      conversation.soundMs += PTIME_MS;
    });
  }

  #end(callId: string): void {
    const conversation = this.#conversations.get(callId);
    if (conversation === undefined) return;
    this.#conversations.delete(callId);
    if (conversation.timer !== null) clearTimeout(conversation.timer);
    conversation.rtp.close();
  }
}

function header(text: string, name: string): string {
  return new RegExp(`^${name}[ \\t]*:[ \\t]*(.*?)\\r?$`, 'im').exec(text)?.[1] ?? '';
}

/** 200 OK with what identifies the request. */
function reply(request: string, headers: string, body: string): string {
  const vias = [...request.matchAll(/^Via[ \t]*:.*$/gim)].map(([line]) => line.trimEnd());
  const to = header(request, 'To');
  const head = [
    'SIP/2.0 200 OK',
    ...vias,
    `From: ${header(request, 'From')}`,
    `To: ${to.includes(';tag=') ? to : `${to};tag=bench`}`,
    `Call-ID: ${header(request, 'Call-ID')}`,
    `CSeq: ${header(request, 'CSeq')}`,
  ].join('\r\n');
  return `${head}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

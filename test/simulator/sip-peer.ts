/** Somebody at the other end of the simulated switch's SIP: a phone of a few lines, which shares no code with it. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';

/** How it takes calls. */
export interface SipPeerOptions {
  /** Formats and their maps; default PCMU and telephone-event 101. */
  readonly formats?: string;
  readonly maps?: readonly string[];
  /** Called for each INVITE; default: answers it. */
  readonly onInvite?: (peer: SipPeer, invite: string) => void;
}

/** One call at most; `messages` holds all it got, whole. */
export class SipPeer {
  readonly messages: string[] = [];
  readonly rtp: Buffer[] = [];
  readonly #options: SipPeerOptions;
  readonly #sip: Socket = createSocket('udp4');
  readonly #media: Socket = createSocket('udp4');
  #from: RemoteInfo | null = null;
  #first = '';
  #latest = '';
  #sequence = 0;
  #rtpSequence = 100;
  #version = 1;

  constructor(options: SipPeerOptions = {}) {
    this.#options = options;
  }

  /** `sofia/internal/agent@127.0.0.1:<port>`. */
  get dialString(): string {
    return `sofia/internal/agent@127.0.0.1:${this.#sip.address().port}`;
  }

  /** First lines of what came, without the version. */
  get requests(): string[] {
    return this.messages.map((message) => message.split('\r\n')[0]!.replace(/ sip:\S+ SIP\/2\.0$/, ''));
  }

  async open(): Promise<this> {
    this.#sip.on('message', (bytes, from) => this.#onMessage(bytes.toString(), from));
    this.#media.on('message', (packet) => this.rtp.push(packet));
    for (const socket of [this.#sip, this.#media])
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return this;
  }

  close(): void {
    this.#sip.close();
    this.#media.close();
  }

  /** Answers the latest INVITE. */
  answer(attribute = ''): void {
    this.reply(this.#latest, '200 OK', this.sdp(attribute));
  }

  reply(request: string, status: string, sdp = '', headers: readonly string[] = []): void {
    const kept = request.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line));
    const tagged = kept.map((line) => (/^to:/i.test(line) && !/;tag=/.test(line) ? `${line};tag=peer` : line));
    this.#send([`SIP/2.0 ${status}`, ...tagged, ...headers], sdp);
  }

  /** A request of ours in the dialog. */
  ask(method: string, sdp = ''): void {
    const head = (name: string): string => new RegExp(`^${name}: (.*)$`, 'mi').exec(this.#first)![1]!.trim();
    this.#sequence += 1;
    const target = /<([^>]+)>/.exec(head('Contact'))![1]!;
    this.#send(
      [
        `${method} ${target} SIP/2.0`,
        `Via: SIP/2.0/UDP 127.0.0.1:${this.#sip.address().port};rport;branch=z9hG4bKpeer${this.#sequence}${method}`,
        'Max-Forwards: 70',
        `From: ${head('To')};tag=peer`,
        `To: ${head('From')}`,
        `Call-ID: ${head('Call-ID')}`,
        `CSeq: ${this.#sequence} ${method}`,
      ],
      sdp,
    );
  }

  /** A request out of the blue. */
  askStranger(method: string, port: number): void {
    const own = `127.0.0.1:${this.#sip.address().port}`;
    const lines = [
      `${method} sip:x@127.0.0.1:${port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${own};rport;branch=z9hG4bKstranger${method}`,
      `From: <sip:x@${own}>;tag=x`,
      `To: <sip:x@127.0.0.1:${port}>`,
      `Call-ID: ${method}`,
      `CSeq: 1 ${method}`,
      'Content-Length: 0',
    ];
    this.askRaw(`${lines.join('\r\n')}\r\n\r\n`, port);
  }

  askRaw(text: string, port: number): void {
    this.#sip.send(text, port, '127.0.0.1');
  }

  /** Acknowledges the switch's answer to our INVITE. */
  acknowledge(): void {
    this.#sequence -= 1;
    this.ask('ACK');
  }

  sdp(attribute = ''): string {
    const { formats = '0 101', maps = ['0 PCMU/8000', '101 telephone-event/8000'] } = this.#options;
    this.#version += 1;
    return [
      'v=0',
      `o=- 7 ${this.#version} IN IP4 127.0.0.1`,
      's=-',
      'c=IN IP4 127.0.0.1',
      't=0 0',
      `m=audio ${this.#media.address().port} RTP/AVP ${formats}`,
      ...maps.map((map) => `a=rtpmap:${map}`),
      ...(attribute === '' ? [] : [`a=${attribute}`]),
      '',
    ].join('\r\n');
  }

  /** Sends one RTP packet to where the first INVITE wants it. */
  async say(
    payload: Uint8Array,
    payloadType = 0,
    options: { timestamp?: number; marker?: boolean } = {},
  ): Promise<void> {
    const port = Number(/^m=audio (\d+)/m.exec(this.#first)![1]);
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = payloadType | (options.marker ? 0x80 : 0);
    header.writeUInt16BE(this.#rtpSequence++, 2);
    header.writeUInt32BE(options.timestamp ?? this.#rtpSequence * 160, 4);
    header.writeUInt32BE(0xabcdef01, 8);
    await new Promise((resolve) => this.#media.send([header, payload], port, '127.0.0.1', resolve));
  }

  #onMessage(text: string, from: RemoteInfo): void {
    this.messages.push(text);
    this.#from = from;
    if (text.startsWith('INVITE')) {
      if (this.#first === '') this.#first = text;
      this.#latest = text;
      if (this.#options.onInvite === undefined) this.answer();
      else this.#options.onInvite(this, text);
    } else if (text.startsWith('BYE') || text.startsWith('CANCEL')) {
      this.reply(text, '200 OK');
      if (text.startsWith('CANCEL')) this.reply(this.#latest, '487 Request Terminated');
    }
  }

  #send(lines: readonly string[], sdp: string): void {
    const { port } = this.#sip.address();
    const more = [`Contact: <sip:agent@127.0.0.1:${port}>`, ...(sdp === '' ? [] : ['Content-Type: application/sdp'])];
    const text = `${[...lines, ...more, `Content-Length: ${Buffer.byteLength(sdp)}`].join('\r\n')}\r\n\r\n${sdp}`;
    this.#sip.send(text, this.#from!.port, this.#from!.address);
  }
}

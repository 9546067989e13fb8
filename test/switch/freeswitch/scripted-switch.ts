/** A TCP peer that says bytes as a FreeSWITCH 1.11.2 was recorded to say them, and misbehaves on demand. Shares no code with the client. */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export const RECORDED = {
  greeting: 'Content-Type: auth/request\n\n',
  accepted: 'Content-Type: command/reply\nReply-Text: +OK accepted\n\n',
  refused:
    'Content-Type: command/reply\nReply-Text: -ERR invalid\n\n' +
    'Content-Type: text/disconnect-notice\nContent-Length: 67\n\n' +
    'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n',
  denied:
    'Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n' +
    'Content-Type: text/disconnect-notice\nContent-Length: 67\n\n' +
    'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n',
} as const;

/** A body as `api` answers it: no line break after it. */
export function apiResponse(body: string): string {
  return `Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`;
}

export function reply(text: string): string {
  return `Content-Type: command/reply\nReply-Text: ${text}\n\n`;
}

/** Content-Length before Content-Type, as recorded. */
export function jsonEvent(headers: Readonly<Record<string, unknown>>): string {
  const body = JSON.stringify(headers);
  return `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-json\n\n${body}`;
}

/** The connection that a request came on. */
interface Peer {
  readonly socket: Socket;
  readonly say: (text: string) => void;
}

export class ScriptedSwitch {
  readonly requests: string[] = [];
  connections = 0;
  greeting: string | null = RECORDED.greeting;
  /** What is answered before the usual answers are thought of; undefined leaves it to them. */
  answer: (request: string, peer: Peer) => string | null | undefined = () => undefined;
  /** Every byte in a segment of its own. */
  byteByByte = false;
  /** Ends the connection after the greeting. */
  hangUpAfterGreeting = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  get open(): number {
    return this.#sockets.size;
  }

  say(text: string): void {
    for (const socket of this.#sockets) this.#write(socket, text);
  }

  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.drop();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => this.#sockets.delete(socket));
    if (this.greeting !== null) this.#write(socket, this.greeting);
    if (this.hangUpAfterGreeting) socket.end();
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const request = wholeRequest(bytes);
        if (request === null) return;
        bytes = bytes.subarray(request.length);
        // Blank lines before a request are passed over, as FreeSWITCH does.
        this.#take(request.toString('utf8').replace(/^\n+|\n\n$/g, ''), socket);
      }
    });
  }

  #take(request: string, socket: Socket): void {
    this.requests.push(request);
    const said = this.answer(request, { socket, say: (more) => this.#write(socket, more) });
    const usual = said === undefined ? usualAnswer(request) : said;
    if (usual !== null) this.#write(socket, usual);
  }

  #write(socket: Socket, text: string): void {
    if (socket.destroyed || !socket.writable) return;
    if (!this.byteByByte) socket.write(text);
    else for (const byte of Buffer.from(text)) socket.write(Buffer.from([byte]));
  }
}

/** The first request of `bytes`: a header block, and the body that a `content-length` of its own announces. */
function wholeRequest(bytes: Buffer): Buffer | null {
  const begin = Math.max(
    0,
    bytes.findIndex((byte) => byte !== 0x0a),
  );
  const end = bytes.indexOf('\n\n', begin);
  if (end < 0 || bytes[begin] === 0x0a) return null;
  const bodyBytes = Number(/^content-length: (\d+)$/im.exec(bytes.toString('utf8', 0, end))?.[1] ?? 0);
  const length = end + 2 + bodyBytes;
  return bytes.length < length ? null : bytes.subarray(0, length);
}

function usualAnswer(request: string): string {
  if (request === 'auth ClueCon') return RECORDED.accepted;
  if (request.startsWith('auth ')) return RECORDED.refused;
  if (request === 'api version')
    return apiResponse('FreeSWITCH Version 1.11.2-release (git a7cb8a0 2025-01-01 00:00:00Z 64bit)\n');
  if (request === 'api switchname') return apiResponse('labfs');
  if (request.startsWith('event json ')) return reply('+OK event listener enabled json');
  if (request.startsWith('filter ')) return reply('+OK filter added. [x]=[y]');
  if (request.startsWith('bgapi ')) return reply(`+OK Job-UUID: ${/Job-UUID: (.*)/.exec(request)?.[1] ?? ''}`);
  if (request.startsWith('sendmsg ')) return reply('+OK');
  if (request.startsWith('sendevent ')) return reply('+OK a53f9413-6c59-4018-936c-40defe11cb7c');
  if (request.startsWith('api nosuchapi')) return apiResponse('-ERR nosuchapi Command not found!\n');
  if (request.startsWith('api echo ')) return apiResponse(request.slice('api echo '.length));
  return apiResponse('+OK\n');
}

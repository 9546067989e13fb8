/** A Realtime server that says back everything it must not: keys, headers, speech. By the path it is reached at it does it in another way. */
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** What it says of people. */
export const SPOKEN = {
  transcript: 'TRANSCRIPT-CANARY my name is Eleanor',
  answer: 'ANSWER-CANARY hello Eleanor',
  argument: 'ARGUMENT-CANARY 4 Elm Street',
} as const;

/** How it behaves at `/NAME/v1`. */
export const LEAKS = ['talks', 'refuses', 'denies', 'errors', 'malformed', 'closes', 'never'] as const;

/** Listens on loopback. */
export class LeakyBackend {
  readonly #http = createServer();
  readonly #sockets = new Set<Socket>();

  async listen(): Promise<number> {
    const server = new WebSocketServer({ noServer: true });
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      const way = (request.url ?? '').split('/')[1] ?? '';
      if (way === 'refuses' || way === 'denies') {
        const body = JSON.stringify({ error: { message: echoOf(request), type: 'x', code: 'y' } });
        const status = way === 'refuses' ? '401 Unauthorized' : '404 Not Found';
        socket.end(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => this.#speak(webSocket, request, way));
    });
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    return (this.#http.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }

  #speak(socket: WebSocket, request: IncomingMessage, way: string): void {
    const say = (event: object): void => socket.send(JSON.stringify({ event_id: 'e', ...event }));
    socket.on('error', () => undefined);
    if (way === 'never') return;
    say({ type: 'session.created', session: { type: 'realtime' } });
    socket.on('message', (data: Buffer) => {
      const event = JSON.parse(data.toString()) as { type: string; session?: object };
      if (event.type !== 'session.update') return;
      say({ type: 'session.updated', session: event.session });
      this.#misbehave(say, socket, request, way);
    });
  }

  #misbehave(say: (event: object) => void, socket: WebSocket, request: IncomingMessage, way: string): void {
    const item = { item_id: 'i', content_index: 0, output_index: 0, response_id: 'r' };
    const error = {
      type: 'server_error',
      code: 'boom',
      message: `${echoOf(request)} ${SPOKEN.transcript}`,
      param: null,
    };
    say({ type: 'conversation.item.input_audio_transcription.completed', ...item, transcript: SPOKEN.transcript });
    say({ type: 'response.created', response: { id: 'r', object: 'realtime.response', status: 'in_progress' } });
    say({ type: 'response.output_audio_transcript.done', ...item, transcript: SPOKEN.answer });
    const call = { ...item, call_id: 'c', name: 'look_up', arguments: JSON.stringify({ a: SPOKEN.argument }) };
    say({ type: 'response.function_call_arguments.done', ...call });
    if (way === 'errors') say({ type: 'error', error });
    if (way === 'malformed') {
      socket.send(`{"type": "response.output_audio.delta", "delta": "${SPOKEN.answer}", "item_id": 7}`);
      socket.send(`${echoOf(request)} {not json ${SPOKEN.transcript}`);
    }
    if (way === 'closes') socket.close(1008, SPOKEN.answer.slice(0, 60) + echoOf(request).slice(0, 60));
  }
}

/** The request with its key, as careless servers quote it. */
function echoOf({ headers, url }: IncomingMessage): string {
  return `you sent ${headers.authorization} and ${JSON.stringify(headers['x-secret'])} to ${url}`;
}

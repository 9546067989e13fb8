/**
 * An ARI that says what Asterisk 22.10.1 was seen to say, and can be told to misbehave. Shares no code with our clients.
 *
 * It knows channels that were originated with an id of the client's, and no others.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { apiDocs } from './scripted-ari-docs.ts';

/** One request, whichever way it came. */
export interface ScriptedRequest {
  readonly by: 'socket' | 'http';
  readonly method: string;
  /** Below `/ari/`, without its query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ScriptedAnswer {
  /** 0: over HTTP the connection ends in its place. */
  readonly status: number;
  readonly body?: string;
}

export const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  500: 'Internal Server Error',
};

const saying = (status: number, message: string): ScriptedAnswer => ({ status, body: JSON.stringify({ message }) });
const ok = (body: unknown): ScriptedAnswer => ({ status: 200, body: JSON.stringify(body) });

export class ScriptedAri {
  /** Every request but those for api-docs. */
  readonly requests: ScriptedRequest[] = [];
  /** URLs of the upgrades, and values of their Authorization headers. */
  readonly upgrades: { url: string; authorization: string }[] = [];
  /** Gives its own answer; null: none at all; undefined: what Asterisk says. */
  answer: (request: ScriptedRequest) => ScriptedAnswer | null | undefined = () => undefined;
  /** An HTTP status in place of the WebSocket; 0: no answer. */
  upgradeStatus: number | null = null;
  /** An Asterisk before 22.4 reads what comes by the WebSocket and says nothing. */
  takesRequestsBySocket = true;
  answersPings = true;
  /** The application may be there and have no client: see ari-proof.ts. */
  tellsEvents = true;
  /** Every HTTP request gets this page: something else listens here. */
  page: string | null = null;
  /** Bytes in place of anything that is HTTP. */
  noise: string | null = null;
  startupTime = '2026-11-21T11:25:55.918+0000';
  readonly #users: Readonly<Record<string, { password: string; readOnly?: boolean }>>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #channels = new Set<string>();
  readonly #clients = new Map<WebSocket, { app: string; readOnly: boolean }>();
  readonly #upgrader = new WebSocketServer({ noServer: true, autoPong: false });

  constructor(options: { tls?: { key: string; cert: string } } = {}) {
    this.#users = { test: { password: 'test' }, reader: { password: 'test', readOnly: true } };
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => this.#onHttp(request, response);
    this.#server = options.tls === undefined ? createServer(onRequest) : createTlsServer(options.tls, onRequest);
    this.#server.keepAliveTimeout = 15_000;
    this.#server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      if (this.noise !== null) socket.end(this.noise);
    });
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  /** WebSockets that were let in, ever. */
  connections = 0;
  /** Pings of clients. */
  pings = 0;

  /** TCP connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  /** WebSockets that are open. */
  get clients(): number {
    return this.#clients.size;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(port, '127.0.0.1', resolve));
    return this.port;
  }

  /** Sends a text, or an event, to every client. */
  say(message: string | Readonly<Record<string, unknown>>): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    for (const client of this.#clients.keys()) client.send(text);
  }

  sayBinary(bytes: Buffer): void {
    for (const client of this.#clients.keys()) client.send(bytes, { binary: true });
  }

  /** Bytes that are no frame. */
  sayRaw(bytes: Buffer): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  /** An event as Asterisk dresses it. */
  event(type: string, fields: Readonly<Record<string, unknown>> = {}): void {
    for (const [client, { app }] of this.#clients) {
      client.send(
        JSON.stringify({
          type,
          timestamp: '2026-11-21T11:29:53.802+0000',
          asterisk_id: '02:fc:00:00:00:01',
          application: app,
          ...fields,
        }),
      );
    }
  }

  /** Every connection breaks. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The cable is pulled: nothing is read or answered any more, and nothing ends. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    await closed;
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '', 'http://asterisk');
    this.upgrades.push({ url: request.url ?? '', authorization: request.headers.authorization ?? '' });
    const user = this.#userOf(request, url);
    const app = url.searchParams.get('app') ?? '';
    let status = this.upgradeStatus;
    if (status === 0) {
      socket.on('end', () => socket.end()).resume();
      return;
    }
    if (this.page !== null) status = 200;
    else if (status === null && user === null) status = 401;
    else if (status === null && url.pathname !== '/ari/events') status = 404;
    else if (status === null && app === '') status = 400;
    if (status !== null) {
      const body = this.page ?? JSON.stringify({ message: REASONS[status] });
      socket.end(
        `HTTP/1.1 ${status} ${REASONS[status] ?? 'Whatever'}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
      return;
    }
    this.#upgrader.handleUpgrade(request, socket, head, (client) => {
      this.connections += 1;
      // The last that comes has the application; the one before keeps its connection.
      for (const [other, its] of this.#clients) {
        if (its.app !== app) continue;
        other.send(
          JSON.stringify({
            type: 'ApplicationReplaced',
            timestamp: '2026-11-21T11:29:53.802+0000',
            application: app,
            asterisk_id: '02:fc:00:00:00:01',
          }),
        );
        this.#clients.delete(other);
      }
      const its = { app, readOnly: user?.readOnly === true };
      this.#clients.set(client, its);
      client.on('message', (data: Buffer) => this.#onText(client, its, data.toString()));
      client.on('ping', (data: Buffer) => {
        this.pings += 1;
        if (this.answersPings) client.pong(data);
      });
      client.on('close', () => this.#clients.delete(client));
      client.on('error', () => undefined);
    });
  }

  #onText(client: WebSocket, its: { app: string; readOnly: boolean }, text: string): void {
    if (!this.takesRequestsBySocket) return;
    const asked = JSON.parse(text) as {
      type: string;
      request_id: string;
      method: string;
      uri: string;
      query_strings?: { name: string; value: string }[];
      message_body?: string;
      content_type?: string;
    };
    if (asked.type !== 'RESTRequest') throw new Error(`a client said ${asked.type}`);
    const query = Object.fromEntries((asked.query_strings ?? []).map(({ name, value }) => [name, value]));
    const request = {
      by: 'socket',
      method: asked.method,
      path: asked.uri,
      query,
      body: asked.message_body ?? '',
    } as const;
    if (request.body !== '' && asked.content_type !== 'application/json') throw new Error('a body without its type');
    const answer = this.#answerTo(request, its.readOnly);
    if (answer === null) return;
    client.send(
      JSON.stringify({
        type: 'RESTResponse',
        transaction_id: '',
        request_id: asked.request_id,
        status_code: answer.status,
        reason_phrase: REASONS[answer.status] ?? '',
        uri: asked.uri,
        ...(answer.body === undefined ? {} : { content_type: 'application/json', message_body: answer.body }),
        application: its.app,
        timestamp: '2026-11-21T11:29:53.297+0000',
        asterisk_id: '02:fc:00:00:00:01',
      }),
    );
  }

  #onHttp(request: IncomingMessage, response: ServerResponse): void {
    if (this.page !== null) {
      response.writeHead(200, { 'content-type': 'text/html' }).end(this.page);
      return;
    }
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    const user = this.#userOf(request, url);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = url.pathname.replace(/^\/ari\//, '');
      const asked = {
        by: 'http',
        method: request.method ?? '',
        path,
        query: Object.fromEntries(url.searchParams),
        body: Buffer.concat(chunks).toString(),
      } as const;
      const answer = this.#httpAnswer(url, user, asked);
      if (answer === null) return;
      if (answer.status === 0) {
        request.socket.destroy();
        return;
      }
      const body = answer.body ?? '';
      const type = body === '' ? {} : { 'content-type': 'application/json' };
      response.writeHead(answer.status, { ...type, 'content-length': Buffer.byteLength(body) }).end(body);
    });
  }

  #httpAnswer(url: URL, user: { readOnly?: boolean } | null, asked: ScriptedRequest): ScriptedAnswer | null {
    if (!url.pathname.startsWith('/ari/')) return { status: 404, body: '<html>' };
    if (user === null) return saying(401, 'Authentication required');
    const docs = asked.path.startsWith('api-docs/')
      ? apiDocs(asked.path.slice('api-docs/'.length), url.host)
      : undefined;
    if (docs === undefined) return this.#answerTo(asked, user.readOnly === true);
    const answer = this.answer(asked);
    return answer === undefined ? ok(docs) : answer;
  }

  #userOf(request: IncomingMessage, url: URL): { password: string; readOnly?: boolean } | null {
    const header = /^Basic (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    const text = header === undefined ? url.searchParams.get('api_key') : Buffer.from(header, 'base64').toString();
    const [, name, password] = /^([^:]*):(.*)$/.exec(text ?? '') ?? [];
    const user = this.#users[name ?? ''];
    return user !== undefined && user.password === password ? user : null;
  }

  #answerTo(request: ScriptedRequest, readOnly: boolean): ScriptedAnswer | null {
    this.requests.push(request);
    const scripted = this.answer(request);
    if (scripted !== undefined) return scripted;
    const { method, path, query } = request;
    if (readOnly && method !== 'GET') return saying(403, 'Write access denied');
    if (path === 'asterisk/ping') return ok({ ping: 'pong', timestamp: '2026-11-21T11:29:53.298+0000' });
    if (path === 'asterisk/info') return ok(this.#info());
    const [, app] = /^applications\/([^/]+)$/.exec(path) ?? [];
    if (app !== undefined) {
      const name = decodeURIComponent(app);
      const isThere = [...this.#clients.values()].some((its) => its.app.split(',').includes(name));
      return isThere ? ok({ name, channel_ids: [] }) : saying(404, 'Application does not exist');
    }
    const [, eventname] = /^events\/user\/([^/]+)$/.exec(path) ?? [];
    if (eventname !== undefined && method === 'POST') return this.#userEvent(eventname, query['application'] ?? '');
    const id = decodeURIComponent(/^channels\/([^/]+)$/.exec(path)?.[1] ?? '');
    if (path === 'channels' && method === 'GET') return ok([...this.#channels].map((each) => ({ id: each })));
    if (path === 'channels/create' && method === 'POST') return ok({ id: 'created' });
    if (path === 'channels' && method === 'POST') {
      const wanted = query['channelId'] ?? '';
      if (this.#channels.has(wanted)) return saying(409, 'Channel with given unique ID already exists');
      this.#channels.add(wanted);
      return ok({ id: wanted, name: `${query['endpoint']}-00000001;1`, state: 'Down' });
    }
    if (id === '') return saying(404, 'Resource not found');
    if (!this.#channels.has(id)) return saying(404, 'Channel not found');
    if (method === 'GET') return ok({ id, state: 'Up' });
    this.#channels.delete(id);
    return { status: 204 };
  }

  /** As Asterisk 22 does: to whoever has the application, and 204 also where nobody has it any more. */
  #userEvent(eventname: string, application: string): ScriptedAnswer {
    const its = [...this.#clients].filter(([, { app }]) => app.split(',').includes(application));
    if (its.length === 0) return saying(404, 'Application not found');
    const timestamp = '2026-11-21T11:29:53.802+0000';
    const event = { type: 'ChannelUserevent', timestamp, eventname, userevent: { eventname }, application };
    if (this.tellsEvents) for (const [client] of its) client.send(JSON.stringify(event));
    return { status: 204 };
  }

  #info(): unknown {
    return {
      build: { os: 'Linux', kernel: 'unknown', machine: 'unknown', options: '', date: '2026-07-20', user: 'nobody' },
      system: { version: '22.10.1+dfsg', entity_id: '02:fc:00:00:00:01' },
      config: { name: '', default_language: 'en', setid: { user: '', group: '' } },
      status: { startup_time: this.startupTime, last_reload_time: this.startupTime },
    };
  }
}

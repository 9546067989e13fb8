/**
 * The status server: health, metrics, the API and the live page over plain HTTP/1.1. Every request goes the same way: host,
 * rate, origin, route, token, `Accept`, body, answer. Bounded in connections, bytes and time.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { ConnectionTable } from './connection-table.ts';
import { HttpRefusal, refusalAnswer } from './http-answer.ts';
import type { HttpAnswer, WholeAnswer } from './http-answer.ts';
import { RouteTable } from './http-route.ts';
import type { HttpRoute, Scope } from './http-route.ts';
import { RateLimit } from './rate-limit.ts';
import { discardBody, readJsonBody } from './request-body.ts';
import { RequestOrigin, isLoopback, preflightHeaders } from './request-origin.ts';
import { TokenGate } from './token-gate.ts';
import type { Tokens } from './token-gate.ts';

/** Where it listens, whom it lets in, and what it answers. */
export interface HttpServerOptions {
  readonly clock: Clock;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly routes: readonly HttpRoute[];
  readonly tokens: Tokens;
  /** As `OriginPolicy`. */
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  /** Requests of one client address in the long run. */
  readonly requestsPerSecond: number;
}

/** On every answer: nothing is kept, guessed, framed or sent on. */
const COMMON_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** The HTTP server. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #routes: RouteTable;
  readonly #gate: TokenGate;
  readonly #connections = new ConnectionTable(LIMITS.statusConnections);
  readonly #origin: RequestOrigin;
  readonly #rate: RateLimit;
  /** What is left of patience with wrong tokens. */
  readonly #wrongTokens: RateLimit;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#routes = new RouteTable(options.routes);
    this.#gate = new TokenGate(options.tokens);
    this.#origin = new RequestOrigin({ ...options, anyHost: !isLoopback(options.host) });
    const perSecond = options.requestsPerSecond;
    this.#rate = new RateLimit({ burst: Math.ceil(perSecond * LIMITS.httpBurstSeconds), perSecond });
    this.#wrongTokens = new RateLimit({
      burst: LIMITS.httpWrongTokens,
      perSecond: 1000 / LIMITS.httpWrongTokenMs,
    });
    this.#server = createServer({
      maxHeaderSize: LIMITS.statusHeaderBytes,
      headersTimeout: LIMITS.statusRequestMs,
      requestTimeout: LIMITS.statusRequestMs,
      connectionsCheckingInterval: LIMITS.statusRequestMs / 2,
      keepAliveTimeout: LIMITS.statusRequestMs,
    });
    // Who has a place is decided above this, which is for those that come all at once.
    this.#server.maxConnections = 2 * LIMITS.statusConnections;
    this.#server.maxRequestsPerSocket = LIMITS.httpSocketRequests;
    this.#server.timeout = LIMITS.httpIdleMs;
    this.#server.on('connection', (socket) => this.#connections.admit(socket));
    this.#server.on('request', (request, response) => void this.#onRequest(request, response));
  }

  /** Resolves with the address it listens on. @throws ERR_TALKSPURT_LISTEN */
  listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (cause: NodeJS.ErrnoException): void => {
        const why = cause.code ?? cause.message;
        const message = `the status server cannot listen on ${host}:${port} (${why}): give another status.host or status.port`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause, details: { host, port } }));
      };
      this.#server.once('error', onError);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', onError);
        const address = this.#server.address() as AddressInfo;
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  /** Stops listening and ends every connection, streams among them. Twice is harmless. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Never rejects. */
  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.#connections.asked(socket, request);
    response.once('close', () => this.#connections.answered(socket));
    let more: Record<string, string> = {};
    let answer: HttpAnswer;
    try {
      checkOneHost(request);
      this.#origin.checkHost(request.headers.host);
      this.#checkRate(request);
      more = this.#origin.headersFor(request.headers.origin, request.headers.host);
      answer = await this.#answer(request, more);
    } catch (error) {
      answer = refusalAnswer(error);
    }
    // Whoever sends what is not read gets the answer, and its connection is not used again.
    if (!request.complete) {
      more = { ...more, connection: 'close' };
      discardBody(request);
    }
    if (response.destroyed) return;
    // Without a socket it stands in line behind other answers: it would never be told that whoever asked has gone.
    if ('open' in answer && response.socket === null) {
      answer = refusalAnswer(new HttpRefusal('bad-request', 'a stream has a connection of its own: do not pipeline'));
    }
    if ('open' in answer) this.#stream(request, response, answer, more);
    else writeWhole(request, response, answer, more);
  }

  async #answer(request: IncomingMessage, more: Record<string, string>): Promise<HttpAnswer> {
    const { path, query } = targetOf(request.url ?? '');
    if (request.method === 'OPTIONS') {
      const allow = this.#routes.methods(path);
      const preflight = more['access-control-allow-origin'] === undefined ? {} : preflightHeaders(allow);
      return { status: 204, contentType: '', body: '', headers: { allow, ...preflight } };
    }
    const match = this.#routes.find(request.method ?? '', path);
    const scope = this.#authorize(request, match.route);
    if (match.route.scope !== null) {
      checkAccept(request.headers.accept, match.route.accepts ?? 'application/json');
      checkQuery(query, match.route);
    }
    const body = match.route.method === 'POST' ? await readJsonBody(request) : {};
    return await match.route.answer({ params: match.params, query, body, scope });
  }

  #checkRate(request: IncomingMessage): void {
    const waitMs = this.#rate.take(addressOf(request), this.#options.clock.nowMs());
    if (waitMs > 0) throw tooMany('too many requests from this address', waitMs);
  }

  /** What the bearer may do. @throws HttpRefusal api-off, unauthorized, forbidden, too-many-requests */
  #authorize(request: IncomingMessage, { scope }: HttpRoute): Scope | null {
    if (scope === null) return null;
    if (!this.#gate.opens(scope)) throw apiOff(scope);
    const address = addressOf(request);
    const nowMs = this.#options.clock.nowMs();
    const { authorization } = request.headers;
    // Not even compared: or a right one among many wrong ones would be found out.
    const waitMs = authorization === undefined ? 0 : this.#wrongTokens.waitMs(address, nowMs);
    if (waitMs > 0) throw tooMany('too many wrong tokens from this address', waitMs);
    const verdict = this.#gate.judge(authorization);
    if (verdict.kind !== 'granted') {
      if (verdict.kind === 'wrong') this.#wrongTokens.take(address, nowMs);
      const message =
        verdict.kind === 'wrong' ? 'this is not the token' : 'a token is wanted: Authorization: Bearer <token>';
      throw new HttpRefusal('unauthorized', message, {
        headers: {
          'www-authenticate': `Bearer realm="talkspurt"${verdict.kind === 'wrong' ? ', error="invalid_token"' : ''}`,
        },
      });
    }
    if (scope === 'control' && verdict.scope !== 'control') {
      throw new HttpRefusal('forbidden', 'this token only reads: commands take the control token', {
        headers: { 'www-authenticate': 'Bearer realm="talkspurt", error="insufficient_scope", scope="control"' },
      });
    }
    return verdict.scope;
  }

  #stream(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Exclude<HttpAnswer, WholeAnswer>,
    more: Record<string, string>,
  ): void {
    response.writeHead(answer.status, { ...COMMON_HEADERS, ...more, 'content-type': answer.contentType });
    if (request.method === 'HEAD') response.end();
    else answer.open(response);
  }
}

function writeWhole(
  request: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body, headers }: WholeAnswer,
  more: Record<string, string>,
): void {
  const typed = status === 204 ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...COMMON_HEADERS, ...typed, ...headers, ...more });
  response.end(request.method === 'HEAD' || status === 204 ? undefined : body);
}

/** Of two, a proxy in front may have looked at the other (RFC 9112 §3.2). @throws HttpRefusal bad-request */
function checkOneHost({ headersDistinct }: IncomingMessage): void {
  if ((headersDistinct['host']?.length ?? 0) > 1) {
    throw new HttpRefusal('bad-request', 'the request has more than one Host');
  }
}

/** Path and query of a request's target. @throws HttpRefusal bad-request */
function targetOf(target: string): { path: string; query: URLSearchParams } {
  if (!target.startsWith('/')) throw new HttpRefusal('bad-request', 'the target of the request is not a path');
  const mark = target.indexOf('?');
  return mark < 0
    ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

/** @throws HttpRefusal bad-field */
function checkQuery(query: URLSearchParams, { query: known = [] }: HttpRoute): void {
  const seen = new Set<string>();
  for (const key of query.keys()) {
    if (!known.includes(key)) {
      const message = known.length === 0 ? 'this path takes no query' : `the query may have ${known.join(', ')}`;
      throw new HttpRefusal('bad-field', message, { field: key.slice(0, 64) });
    }
    if (seen.has(key)) throw new HttpRefusal('bad-field', 'is given more than once', { field: key });
    seen.add(key);
  }
}

/** @throws HttpRefusal not-acceptable */
function checkAccept(accept: string | undefined, type: string): void {
  if (accept === undefined || accept.trim() === '') return;
  const [kind = ''] = type.split('/');
  const wanted = accept.split(',').map((part) => part.split(';', 1)[0]?.trim().toLowerCase());
  if (wanted.some((each) => each === '*/*' || each === `${kind}/*` || each === type)) return;
  throw new HttpRefusal('not-acceptable', `this path answers with ${type}`);
}

function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? '';
}

function tooMany(message: string, waitMs: number): HttpRefusal {
  return new HttpRefusal('too-many-requests', message, {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) },
  });
}

function apiOff(scope: Scope): HttpRefusal {
  const [variable, key] =
    scope === 'read'
      ? ['TALKSPURT_STATUS__READ_TOKEN', 'readTokenFile']
      : ['TALKSPURT_STATUS__CONTROL_TOKEN', 'controlTokenFile'];
  const what = scope === 'read' ? 'the API is' : 'commands are';
  return new HttpRefusal('api-off', `${what} off, for want of a token: set ${variable}, or status.${key}`);
}

/** Requests to an ARI over HTTP: for an Asterisk that takes none by its WebSocket, and to look before leaping. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../core/clock.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { checkedLength, titleOf } from './ari-answer.ts';
import type { AriAnswer } from './ari-answer.ts';
import type { AriRequest } from './ari-link.ts';
import { dialError, protocolError, queueFull, timeout } from './ari-link-error.ts';
import { authorizationOf } from './ari-target.ts';
import type { AriTarget } from './ari-target.ts';

/** A few connections that are kept alive, to one ARI. */
export class AriHttp {
  readonly #target: AriTarget;
  readonly #clock: Clock;
  readonly #agent: HttpAgent;
  readonly #running = new Set<(error: TalkspurtError) => void>();

  constructor(target: AriTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
    // Asterisk ends an idle connection after 15 s: ours is gone by then, and no request meets its end.
    const options = { keepAlive: true, maxSockets: LIMITS.ariHttpSockets, timeout: LIMITS.ariHttpIdleMs };
    const trust = target.ca === undefined ? {} : { ca: target.ca };
    this.#agent = target.tls === true ? new HttpsAgent({ ...options, ...trust }) : new HttpAgent(options);
  }

  /** Sends `request`. @throws ERR_TALKSPURT_LINK_REFUSED, _DOWN, _PROTOCOL, _TIMEOUT; COMMAND_SYNTAX when it is too long */
  async request(request: AriRequest, signal?: AbortSignal): Promise<AriAnswer> {
    const limitMs = request.timeoutMs ?? LIMITS.ariRequestMs;
    const text = request.body === undefined ? '' : JSON.stringify(request.body);
    const options = this.#options(request, text);
    signal?.throwIfAborted();
    if (this.#running.size >= LIMITS.ariPendingRequests) throw queueFull();
    return await new Promise((resolve, reject) => {
      const sent = this.#target.tls === true ? httpsRequest(options) : httpRequest(options);
      const settle = (): void => {
        deadline.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#running.delete(fail);
      };
      const fail = (error: Error): void => {
        settle();
        sent.destroy();
        reject(error);
      };
      const onAbort = (): void => fail(signal?.reason as Error);
      const deadline = this.#clock.after(limitMs, () => fail(timeout(`answer ${titleOf(request)}`, limitMs)));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#running.add(fail);
      sent.on('error', (error) => fail(dialError(this.#target, error)));
      sent.on('response', (response) => {
        const done = (body: string): void => {
          settle();
          resolve({ status: response.statusCode ?? 0, body });
        };
        readBody(response, done, fail);
      });
      sent.end(text);
    });
  }

  /** Cuts its connections; requests that run are rejected with `error`. Twice is harmless. */
  close(error: TalkspurtError): void {
    for (const fail of this.#running) fail(error);
    this.#agent.destroy();
  }

  #options(request: AriRequest, text: string): RequestOptions {
    const query = new URLSearchParams(request.query).toString();
    const path = checkedLength(request, `/ari/${request.path}${query === '' ? '' : `?${query}`}`);
    const body = checkedLength(request, text);
    return {
      host: this.#target.host,
      port: this.#target.port,
      method: request.method,
      path,
      agent: this.#agent,
      headers: {
        authorization: authorizationOf(this.#target),
        accept: 'application/json',
        'content-length': Buffer.byteLength(body),
        ...(body === '' ? {} : { 'content-type': 'application/json' }),
      },
    };
  }
}

/** Calls `done`, or `fail` when the body is too long or breaks off; after that, whatever else it calls is too late. */
function readBody(
  response: IncomingMessage,
  done: (body: string) => void,
  fail: (error: TalkspurtError) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > LIMITS.ariMessageBytes) fail(protocolError(`an answer of more than ${LIMITS.ariMessageBytes} bytes`));
    else chunks.push(chunk);
  });
  response.on('end', () => done(Buffer.concat(chunks).toString('utf8')));
  response.on('error', () => fail(protocolError('an answer that broke off')));
}

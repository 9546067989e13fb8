/** A small HTTP server for machines that watch: `/metrics`, `/healthz`, `/readyz`, `/calls`. Reads only; bounded. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import type { GlobalHealthJson, SessionHealthJson } from './health-schema.ts';
import type { MetricsPage } from './metrics-sink.ts';

/** Where it listens, and what it reads from. */
export interface StatusServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  metrics(): Promise<MetricsPage>;
  health(): GlobalHealthJson;
  calls(): readonly SessionHealthJson[];
  /** Why no call could be taken right now; empty when one could. */
  notReady(): readonly string[];
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** The HTTP server. */
export class StatusServer {
  readonly #options: StatusServerOptions;
  readonly #server: Server;

  constructor(options: StatusServerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: LIMITS.statusHeaderBytes,
      headersTimeout: LIMITS.statusRequestMs,
      requestTimeout: LIMITS.statusRequestMs,
      connectionsCheckingInterval: LIMITS.statusRequestMs,
      keepAliveTimeout: LIMITS.statusRequestMs,
    });
    this.#server.maxConnections = LIMITS.statusConnections;
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

  /** Stops listening and ends every connection. Twice is harmless. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A body is never wanted: what comes is thrown away.
    request.resume();
    const answer = await this.#answer(request);
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(answer.status === 405 ? { allow: 'GET, HEAD' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'this server only answers GET');
    const path = (request.url ?? '').split('?', 1)[0];
    try {
      switch (path) {
        case '/metrics': {
          const { contentType, body } = await this.#options.metrics();
          return { status: 200, contentType, body };
        }
        case '/healthz':
          return json(200, this.#options.health());
        case '/readyz': {
          const reasons = this.#options.notReady();
          return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
        }
        case '/calls':
          return json(200, this.#options.calls());
        default:
          return text(404, 'known here: /metrics /healthz /readyz /calls');
      }
    } catch (error) {
      // A defect of ours must not take the process; the code is all that a stranger is told.
      const code = error instanceof TalkspurtError ? error.code : 'ERR_TALKSPURT_INTERNAL';
      return text(500, code);
    }
  }
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

function text(status: number, line: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}

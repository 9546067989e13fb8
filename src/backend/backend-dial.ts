/** The first moments of a backend's WebSocket: from dialling to the end of the handshake, or to nothing left open. */
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { readRefusal, refusalByStatus, retryAfterMsOf } from './upgrade-refusal.ts';
import type { BackendHints } from './upgrade-refusal.ts';

/** What a {@link BackendSocket} is dialled with. */
export interface BackendSocketOptions {
  /** Whole, with its query. Holds no secret: it is shown in errors as far as host and path go. */
  readonly url: URL;
  /** Secrets travel here. */
  readonly headers: Readonly<Record<string, string>>;
  /** The backend's configured name, for messages. */
  readonly backend: string;
  /** Where to look when it cannot be had. */
  readonly hints: BackendHints;
  /** Texts that must not come back in an error, whatever the peer says. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  /** From dialling to the end of the WebSocket handshake. Default `LIMITS.backendOpenMs`. */
  readonly handshakeMs?: number | undefined;
  /** Period of pings, ms. Default `LIMITS.backendPingMs`. */
  readonly pingMs?: number | undefined;
  /** What is said with our goodbye (close code 1000). Default: nothing. */
  readonly closeReason?: string | undefined;
  /** For `wss://`: whom to trust, and our own certificate. Default: the authorities that Node trusts. */
  readonly tls?: BackendTls | undefined;
}

/** TLS of a backend's socket, read already: PEM texts, not paths. */
export interface BackendTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized: boolean;
  /** A certificate of another host will do. */
  readonly anyHostname: boolean;
}

/**
 * Dials and hands the open socket to `adopt` within the event that opens it, so that no message slips by.
 * @throws as `BackendSocket.open`
 */
export function dialBackend<T>(
  options: BackendSocketOptions,
  signal: AbortSignal,
  clientOptions: ClientOptions,
  adopt: (socket: WebSocket) => T,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const socket = dial(options, clientOptions);
    let status: number | null = null;
    let settled = false;

    const settle = (): void => {
      settled = true;
      deadline.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const refuse = (error: Error): void => {
      if (settled) return;
      settle();
      socket.terminate();
      reject(error);
    };
    const onAbort = (): void => refuse(reasonOf(signal));
    const deadline = options.clock.after(options.handshakeMs ?? LIMITS.backendOpenMs, () =>
      refuse(status === null ? handshakeTimeout(options) : refusalByStatus(options.backend, status, options.hints)),
    );

    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('unexpected-response', (_request, response) => {
      status = response.statusCode ?? 0;
      const refused = status;
      const retryAfterMs = retryAfterMsOf(response.headers['retry-after'], options.clock.wallTimeMs());
      readRefusal(response, options.secrets, (details) =>
        refuse(
          refusalByStatus(options.backend, refused, options.hints, {
            ...details,
            ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
          }),
        ),
      );
    });
    // After `terminate` the socket still says that it was cut: settled by then, so `refuse` ignores it.
    const onError = (error: Error): void =>
      refuse(status === null ? dialError(options, error) : refusalByStatus(options.backend, status, options.hints));
    socket.on('error', onError);
    socket.once('open', () => {
      if (settled) return;
      settle();
      const adopted = adopt(socket);
      socket.off('error', onError);
      resolve(adopted);
    });
  });
}

function dial(options: BackendSocketOptions, clientOptions: ClientOptions): WebSocket {
  try {
    return new WebSocket(options.url, {
      ...clientOptions,
      ...tlsOptions(options.tls),
      headers: { ...options.headers },
    });
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'invalid URL or header';
    throw new TalkspurtError(
      'ERR_TALKSPURT_CONFIG_INVALID',
      `backend '${options.backend}' cannot be dialled (${errno}): check ${options.hints.dialled}`,
      { details: { errno } },
    );
  }
}

function tlsOptions(tls: BackendTls | undefined): ClientOptions {
  if (tls === undefined) return {};
  const { anyHostname, ...rest } = tls;
  if (!anyHostname) return rest;
  // node:tls takes anything but undefined for a fault, whatever the declarations of `ws` say.
  return { ...rest, checkServerIdentity: (() => undefined) as unknown as () => boolean };
}

/** The signal's reason, as an Error whatever the caller gave it. */
function reasonOf(signal: AbortSignal): Error {
  const { reason } = signal as { reason: unknown };
  return reason instanceof Error ? reason : new DOMException('the opening of a backend was aborted', 'AbortError');
}

function handshakeTimeout(options: BackendSocketOptions): TalkspurtError {
  const limitMs = options.handshakeMs ?? LIMITS.backendOpenMs;
  return new TalkspurtError(
    'ERR_TALKSPURT_BACKEND_TIMEOUT',
    `backend '${options.backend}' at ${options.url.host} did not finish the WebSocket handshake within ${limitMs} ms`,
    { details: { limitMs } },
  );
}

function dialError(options: BackendSocketOptions, error: Error): TalkspurtError {
  const errno = (error as NodeJS.ErrnoException).code;
  const { address } = options.hints;
  const where = `backend '${options.backend}' at ${options.url.host}`;
  // An HTTP parser error (HPE_…), or none of the system's at all: something answered, but not a WebSocket server.
  if (errno === undefined || errno.startsWith('HPE_') || errno.startsWith('WS_ERR_')) {
    // No cause: the parser's error carries the answer, and an answer may echo our headers.
    return new TalkspurtError('ERR_TALKSPURT_BACKEND_PROTOCOL', `${where} does not speak WebSocket: check ${address}`, {
      details: { errno },
    });
  }
  return new TalkspurtError(
    'ERR_TALKSPURT_BACKEND_REFUSED',
    `${where} cannot be reached (${errno}): check ${address}, the network and that the backend runs`,
    { cause: error, details: { errno } },
  );
}

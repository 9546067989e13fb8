/**
 * The `ari-client` package in a thread of its own: what it throws where nobody can catch it ends the thread, and the
 * credentials that it keeps for the whole of its module are those of one link.
 */
import http from 'node:http';
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { LIMITS } from '../../limits.ts';
import { AriPackageRoutes } from './ari-package-routes.ts';
import type { AriPackageApis, AriPackageRequest } from './ari-package-routes.ts';

/** What the thread begins with. */
export interface AriPackageStart {
  /** `http://127.0.0.1:8088` */
  readonly origin: string;
  readonly username: string;
  readonly password: string;
  readonly app: string;
}

/** What the thread is asked. */
export type AriPackageOrder =
  { readonly kind: 'ping' } | ({ readonly kind: 'request'; readonly id: number } & AriPackageRequest);

/** What the thread tells. */
export type AriPackageReport =
  | { readonly kind: 'missing' }
  | { readonly kind: 'up' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'answer'; readonly id: number; readonly status: number; readonly body: string }
  | { readonly kind: 'event'; readonly event: unknown }
  /** A message that the package could not have taken: as it came. */
  | { readonly kind: 'text'; readonly text: string }
  /** The WebSocket is lost, or was refused. */
  | { readonly kind: 'lost'; readonly errno: string; readonly status: number; readonly reason: LostReason };

/** `frame`: what came is no WebSocket; `long`: a message beyond the bound. */
export type LostReason = 'closed' | 'refused' | 'frame' | 'long';

/** Of a client of the package, what is used. Its `_` members are no API; the contract would tell. */
interface Client extends AriPackageApis {
  readonly _ws: {
    listeners(name: 'message'): ((message: unknown) => void)[];
    removeAllListeners(name: 'message'): void;
    on(name: 'message', listener: (message: unknown) => void): void;
  };
  on(name: string, listener: (argument: unknown) => void): void;
  start(app: string): Promise<void>;
  ping(): void;
}

interface Package {
  connect(url: string, user: string, password: string): Promise<Client>;
}

const port = parentPort;
if (port === null) throw new Error('this is a thread of a talkspurt process');
const tell = (report: AriPackageReport): void => port.postMessage(report);

// Without these an Asterisk that answers nothing would have a connection for every request that it was asked.
http.globalAgent = new http.Agent({
  keepAlive: true,
  maxSockets: LIMITS.ariPackageSockets,
  timeout: LIMITS.ariPackageSocketMs,
});

await begin(workerData as AriPackageStart);

async function begin({ origin, username, password, app }: AriPackageStart): Promise<void> {
  const ari = load();
  if (ari === null) {
    tell({ kind: 'missing' });
    return;
  }
  const client = await ari.connect(origin, username, password);
  const routes = new AriPackageRoutes(client);
  client.on('WebSocketReconnecting', (error) => tellLost(error));
  client.on('WebSocketMaxRetries', (error) => tellLost(error));
  client.on('pong', () => tell({ kind: 'pong' }));
  // Guarded within the moment in which the socket opens: a message may be right behind.
  client.on('WebSocketConnected', () => guard(client));
  port?.on('message', (order: AriPackageOrder) => {
    if (order.kind === 'ping') client.ping();
    else routes.send(order, (status, body) => tell({ kind: 'answer', id: order.id, status, body }));
  });
  // The package puts the name into a URL as it is.
  await client.start(encodeURIComponent(app));
  tell({ kind: 'up' });
}

function load(): Package | null {
  try {
    return createRequire(import.meta.url)('ari-client') as Package;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return null;
  }
}

/** Stands before the package's handler, which throws for whatever is not in Asterisk's api-docs. */
function guard(client: Client): void {
  const theirs = client._ws.listeners('message');
  let told = false;
  client.on('*', (event) => {
    told = true;
    tell({ kind: 'event', event });
  });
  client._ws.removeAllListeners('message');
  client._ws.on('message', (message) => {
    const text = String(message);
    if (text.length > LIMITS.ariMessageBytes) {
      tell({ kind: 'lost', errno: '', status: 0, reason: 'long' });
      return;
    }
    told = false;
    try {
      for (const handler of theirs) handler(text);
    } catch {
      if (!told) tell({ kind: 'text', text });
    }
  });
}

function tellLost(error: unknown): void {
  if (!(error instanceof Error)) {
    tell({ kind: 'lost', errno: '', status: 0, reason: 'closed' });
    return;
  }
  const status = Number(/^Unexpected server response: (\d+)/.exec(error.message)?.[1] ?? 0);
  const errno = (error as NodeJS.ErrnoException).code ?? '';
  const reason = status > 0 ? 'refused' : errno === '' || errno.startsWith('HPE_') ? 'frame' : 'closed';
  tell({ kind: 'lost', errno, status, reason });
}

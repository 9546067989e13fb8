/** Who may open a session of the embedded backend: path, key and model of an upgrade request, and refusals in JSON. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isSameKey, refuseUpgrade } from './upgrade-server.ts';

/** A request that is refused with a status of HTTP. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** A request names its path only. */
const BASE = 'http://localhost';
const PATHS = ['/v1/realtime', '/realtime', '/openai/v1/realtime'];

/** The model that is asked for, or why not. `key`: the one that must be shown, null for any. */
export function judgeUpgrade(request: IncomingMessage, key: string | null): { model: string } | UpgradeRefusal {
  const url = URL.canParse(request.url ?? '/', BASE) ? new URL(request.url ?? '/', BASE) : null;
  if (url === null || !PATHS.includes(url.pathname)) {
    return { status: 404, code: 'not_found', message: 'Invalid URL: the Realtime API is at /v1/realtime.' };
  }
  const shown = keyOf(request);
  if (shown === null) {
    return { status: 401, code: 'invalid_api_key', message: 'You did not provide an API key: send a bearer token.' };
  }
  if (key !== null && !isSameKey(shown, key)) {
    return { status: 401, code: 'invalid_api_key', message: 'Incorrect API key provided.' };
  }
  const model = url.searchParams.get('model') ?? url.searchParams.get('deployment');
  if (model === null || model === '') {
    return { status: 400, code: 'missing_model', message: 'You must provide a model parameter.' };
  }
  return { model: model.slice(0, 256) };
}

/** Answers an upgrade request with an error, and closes. */
export function refuseRealtime(socket: Duplex, { status, code, message }: UpgradeRefusal): void {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error';
  refuseUpgrade(socket, status, { error: { message, type, code, param: null } });
}

/** The bearer token, wherever a client may put it: the header, Azure's header, or a browser's sub-protocol. */
function keyOf(request: IncomingMessage): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const azure = request.headers['api-key'];
  const protocol = /openai-insecure-api-key\.([^\s,]+)/.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1];
  return bearer ?? (typeof azure === 'string' && azure !== '' ? azure : null) ?? protocol ?? null;
}

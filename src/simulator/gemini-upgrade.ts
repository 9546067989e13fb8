/** Who may open a session of the embedded Gemini Live server: the path of an upgrade request, and the key that it shows. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GeminiRefusal } from './gemini-refusal.ts';
import type { GeminiVersion } from './gemini-schema.ts';
import { isSameKey, refuseUpgrade } from './upgrade-server.ts';

/** The vendor's own client puts two slashes at its beginning. */
const PATH = /^\/+ws\/google\.ai\.generativelanguage\.(v1beta|v1alpha)\.GenerativeService\.BidiGenerateContent$/;

/** The path of one version of the interface. */
export function pathOfVersion(version: GeminiVersion): string {
  return `/ws/google.ai.generativelanguage.${version}.GenerativeService.BidiGenerateContent`;
}

/** The version that a request asks for, or null: there is nothing at its address. */
export function versionOf({ url = '/' }: IncomingMessage): GeminiVersion | null {
  const version = PATH.exec(url.split('?', 1)[0] ?? '')?.[1];
  return version === 'v1beta' || version === 'v1alpha' ? version : null;
}

/** Why the request's key does not do, or null. `key`: the one that must be shown, null for any. */
export function judgeKey(request: IncomingMessage, key: string | null): GeminiRefusal | null {
  const query = new URLSearchParams((request.url ?? '').split('?', 2)[1] ?? '').get('key');
  const header = request.headers['x-goog-api-key'];
  const shown = query ?? (typeof header === 'string' ? header : '');
  if (shown === '') return GeminiRefusal.noKey();
  return key === null || isSameKey(shown, key) ? null : GeminiRefusal.badKey();
}

/** Answers an upgrade request with an error as Google's servers write them, and closes. */
export function refuseGemini(socket: Duplex, code: number, message: string): void {
  refuseUpgrade(socket, code, { error: { code, message, status: STATUS[code] ?? 'UNKNOWN' } });
}

const STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

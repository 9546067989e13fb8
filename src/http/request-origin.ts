/**
 * Whether a browser may be behind a request that its user did not mean: by the `Host` that it believes to be at (DNS
 * rebinding) and the `Origin` of the page that had it asked (cross-site requests).
 */
import { isIP } from 'node:net';
import { HttpRefusal } from './http-answer.ts';

/** Which names and pages are let in. */
export interface OriginPolicy {
  /** Names and addresses that a request may be for, besides those of loopback; no ports. */
  readonly hosts: readonly string[];
  /** Origins, as `https://ops.example.com`, whose pages may read and command. */
  readonly origins: readonly string[];
  /** Whether any `Host` will do, where `hosts` is empty: not on loopback, where no page of the web has any business. */
  readonly anyHost: boolean;
}

/** Whether nobody but this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** Checks `Host` and `Origin`; says which CORS headers go with the answer. */
export class RequestOrigin {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #anyHost: boolean;

  constructor({ hosts, origins, anyHost }: OriginPolicy) {
    this.#hosts = new Set(hosts.map((host) => host.toLowerCase()));
    this.#origins = new Set(origins);
    this.#anyHost = anyHost && hosts.length === 0;
  }

  /** `host` is the header; HTTP/1.0 has none, and no browser speaks that. @throws HttpRefusal host-denied */
  checkHost(host: string | undefined): void {
    if (host === undefined || this.#anyHost) return;
    const name = hostNameOf(host);
    if (name !== null && (isLoopback(name) || this.#hosts.has(name))) return;
    throw new HttpRefusal('host-denied', 'the request is for a host name that is not ours: add it to status.hosts');
  }

  /** The headers that let the page read the answer. @throws HttpRefusal origin-denied */
  headersFor(origin: string | undefined, host: string | undefined): Record<string, string> {
    if (origin === undefined) return {};
    if (this.#origins.has(origin)) return { 'access-control-allow-origin': origin, vary: 'Origin' };
    // Our own page; behind a proxy that speaks TLS its scheme is not ours.
    if (
      host !== undefined &&
      /^https?:\/\//.test(origin) &&
      origin.replace(/^https?:\/\//, '') === host.toLowerCase()
    ) {
      return {};
    }
    throw new HttpRefusal('origin-denied', 'pages of this origin may not ask: add it to status.origins');
  }
}

/** Headers of the answer to a preflight. */
export function preflightHeaders(methods: string): Record<string, string> {
  return {
    'access-control-allow-methods': methods,
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '600',
  };
}

/** The name of a `Host` header without its port, lower case; null: it is none. */
function hostNameOf(host: string): string | null {
  const found = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::\d{1,5})?$/i.exec(host);
  const name = found?.[1] ?? found?.[2];
  return name === undefined ? null : name.toLowerCase().replace(/\.$/, '');
}

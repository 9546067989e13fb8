/** Requests of ARI by method and path, on what `ari-client` makes of Asterisk's api-docs. */

/** Of a response of the package's HTTP client. */
export interface AriPackageResponse {
  readonly status: number;
  readonly data?: { toString(encoding: 'utf8'): string } | null;
}

type Operate = (
  args: Record<string, string>,
  done: (response: AriPackageResponse) => void,
  failed: (response: AriPackageResponse) => void,
) => void;

/**
 * Of a client of the package, what holds the operations: no API of it, and the same in every 2.x. The package's own methods
 * call these, and lose the status of a refusal.
 */
export interface AriPackageApis {
  readonly _swagger: {
    readonly apis: Readonly<
      Record<
        string,
        { readonly operations: Readonly<Record<string, { readonly path: string; readonly method: string }>> }
      >
    >;
  };
}

/** One request, in the package's terms. */
export interface AriPackageRequest {
  readonly method: string;
  /** Below `/ari`, its parts URI-encoded. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** JSON; empty: none. */
  readonly body: string;
}

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly operate: Operate;
}

/** The operations of one client. */
export class AriPackageRoutes {
  readonly #routes: readonly Route[];

  constructor(client: AriPackageApis) {
    const routes = Object.values(client._swagger.apis).flatMap((api) =>
      Object.entries(api.operations).map(([nickname, { path, method }]) => {
        const names = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name ?? '');
        const pattern = new RegExp(`^${path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]*\}/g, '([^/]+)')}$`);
        const operate = (api as unknown as Record<string, Operate>)[nickname] as Operate;
        return { method: method.toUpperCase(), pattern, names, operate };
      }),
    );
    // `/channels/create` is no channel's.
    this.#routes = routes.sort((a, b) => a.names.length - b.names.length);
  }

  /** Sends `request`; `answer` is called once, or never: no time-out, and no word of a connection that breaks. May throw. */
  send(request: AriPackageRequest, answer: (status: number, body: string) => void): void {
    const path = `/${request.path}`;
    const route = this.#routes.find(({ method, pattern }) => method === request.method && pattern.test(path));
    if (route === undefined) {
      answer(404, '{"message":"Not in the api-docs of this Asterisk"}');
      return;
    }
    const args: Record<string, string> = { ...request.query };
    const [, ...parts] = route.pattern.exec(path) ?? [];
    for (const [at, name] of route.names.entries()) args[name] = decodeURIComponent(parts[at] ?? '');
    if (request.body !== '') args['body'] = request.body;
    const settled = ({ status, data }: AriPackageResponse): void => answer(status, data?.toString('utf8') ?? '');
    route.operate(args, settled, settled);
  }
}

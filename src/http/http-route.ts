/** A table of routes: method and path to whoever answers. A path is made of words and `:names`. */
import type { HttpAnswer } from './http-answer.ts';
import { HttpRefusal } from './http-answer.ts';

/** What a token lets its bearer do; `control` includes `read`. */
export type Scope = 'read' | 'control';

/** A request, as far as a route sees it. */
export interface HttpRequest {
  /** What stands for each `:name` of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The JSON body; an empty mapping when there was none. */
  readonly body: unknown;
  /** What its token lets it do; null: it carries none, and the route asks for none. */
  readonly scope: Scope | null;
}

/** One route. */
export interface HttpRoute {
  readonly method: 'GET' | 'POST';
  /** `/api/calls/:id`. */
  readonly path: string;
  /** Null: anybody. */
  readonly scope: Scope | null;
  /** Queries that it knows; any other is 400. Where anybody may ask, any query is left alone. */
  readonly query?: readonly string[];
  /** Media type that it answers with, for `Accept`; where anybody may ask, that is not looked at. Default: JSON. */
  readonly accepts?: string;
  answer(request: HttpRequest): HttpAnswer | Promise<HttpAnswer>;
}

/** A route that fits, with its parameters. */
export interface RouteMatch {
  readonly route: HttpRoute;
  readonly params: Readonly<Record<string, string>>;
}

/** Some characters more than a channel's id may have. */
const SEGMENT_CHARACTERS = 256;

/** Routes, found by their number of segments and then word by word: words go before `:names`. */
export class RouteTable {
  readonly routes: readonly HttpRoute[];
  readonly #bySegments = new Map<number, { readonly route: HttpRoute; readonly words: readonly string[] }[]>();

  constructor(routes: readonly HttpRoute[]) {
    this.routes = routes;
    for (const route of routes) {
      const words = segmentsOf(route.path);
      const same = this.#bySegments.get(words.length);
      if (same === undefined) this.#bySegments.set(words.length, [{ route, words }]);
      else same.push({ route, words });
    }
    const names = ({ words }: { words: readonly string[] }): number => words.filter(isName).length;
    for (const same of this.#bySegments.values()) same.sort((a, b) => names(a) - names(b));
  }

  /**
   * The route of `method` (HEAD is GET) and `path`, a path without its query.
   * @throws HttpRefusal bad-request, not-found, method-not-allowed
   */
  find(method: string, path: string): RouteMatch {
    const fitting = this.#fitting(path);
    const wanted = method === 'HEAD' ? 'GET' : method;
    const match = fitting.find(({ route }) => route.method === wanted);
    if (match !== undefined) return match;
    if (fitting.length === 0)
      throw new HttpRefusal('not-found', 'there is nothing here: docs/http-api.md has the paths');
    const allow = allowOf(fitting.map(({ route }) => route));
    throw new HttpRefusal('method-not-allowed', `this path takes ${allow}`, { headers: { allow } });
  }

  /** Methods of a path for `Allow`. @throws HttpRefusal bad-request, not-found */
  methods(path: string): string {
    const fitting = this.#fitting(path);
    if (fitting.length === 0)
      throw new HttpRefusal('not-found', 'there is nothing here: docs/http-api.md has the paths');
    return allowOf(fitting.map(({ route }) => route));
  }

  #fitting(path: string): RouteMatch[] {
    const given = segmentsOf(path).map(decoded);
    return (this.#bySegments.get(given.length) ?? []).flatMap(({ route, words }) => {
      const params: Record<string, string> = {};
      const fits = words.every((word, index) => {
        const segment = given[index] ?? '';
        if (!isName(word)) return word === segment;
        params[word.slice(1)] = segment;
        return segment !== '';
      });
      return fits ? [{ route, params }] : [];
    });
  }
}

function segmentsOf(path: string): string[] {
  return path.split('/').slice(1);
}

function isName(word: string): boolean {
  return word.startsWith(':');
}

function decoded(segment: string): string {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    throw new HttpRefusal('bad-request', 'the path is not percent-encoded UTF-8');
  }
  if (text.length > SEGMENT_CHARACTERS) throw new HttpRefusal('not-found', 'a part of the path is longer than any id');
  return text;
}

function allowOf(routes: readonly HttpRoute[]): string {
  const methods = new Set(routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])));
  return [...methods, 'OPTIONS'].join(', ');
}

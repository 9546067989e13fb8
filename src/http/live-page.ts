/** The live page: a handful of files, read once, with headers that let them run nothing but themselves. */
import { readFileSync } from 'node:fs';
import type { HttpAnswer } from './http-answer.ts';
import type { HttpRoute } from './http-route.ts';

/** Files of the folder `page/`, and what they are. */
const FILES = {
  'index.html': 'text/html; charset=utf-8',
  'live.css': 'text/css; charset=utf-8',
  'call-detail.css': 'text/css; charset=utf-8',
  'narrow.css': 'text/css; charset=utf-8',
  'live.js': 'text/javascript; charset=utf-8',
  'api.js': 'text/javascript; charset=utf-8',
  'dom.js': 'text/javascript; charset=utf-8',
  'overview.js': 'text/javascript; charset=utf-8',
  'call-detail.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const satisfies Record<string, string>;

type PageFile = keyof typeof FILES;

/** Scripts, styles, images and requests of our own origin; no frames, no forms elsewhere, nothing inline. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/** `/` and `/live` are the page. Reads its files. */
export function pageRoutes(): HttpRoute[] {
  const files = Object.keys(FILES) as PageFile[];
  return [
    fileRoute('/', 'index.html'),
    fileRoute('/live', 'index.html'),
    ...files.filter((name) => name !== 'index.html').map((name) => fileRoute(`/page/${name}`, name)),
  ];
}

function fileRoute(path: string, name: PageFile): HttpRoute {
  const contentType: string = FILES[name];
  const body = readFileSync(new URL(`./page/${name}`, import.meta.url));
  const answer: HttpAnswer = {
    status: 200,
    contentType,
    body,
    headers: { 'content-security-policy': POLICY, 'cross-origin-opener-policy': 'same-origin' },
  };
  return { method: 'GET', path, scope: null, answer: () => answer };
}

/** docs/http-api.md is what the server does. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../src/core/clock.ts';
import { CALL_COMMANDS } from '../../src/http/command-bodies.ts';
import { REFUSAL_STATUS } from '../../src/http/http-answer.ts';
import { LIMITS } from '../../src/limits.ts';
import { serving } from './status-rig.ts';

const page = readFileSync(new URL('../../docs/http-api.md', import.meta.url), 'utf8');

/** Rows of tables, as their cells. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('every route is on the page with its token, and no other', () =>
  serving({ clock: new SystemClock() }, async ({ server }) => {
    const documented = rows
      .filter(([route = '']) => /^`(GET|POST) /.test(route))
      .map(
        ([route = '', token = '']) => `${route.replaceAll('`', '')} ${/`(read|control)`/.exec(token)?.[1] ?? 'none'}`,
      );
    const served = server.routes
      .filter(({ path }) => !path.startsWith('/page/'))
      .map(({ method, path, scope }) => `${method} ${path} ${scope ?? 'none'}`);
    assert.equal(documented.sort(), served.sort());
  }));

test('every verb is on the page with its fields', () => {
  const documented = new Map(
    rows.flatMap(([verbs = '', fields = '']) =>
      /^`[a-z]/.test(verbs)
        ? [...verbs.matchAll(/`([a-z_-]+)`/g)].map(([, verb = '']): [string, string] => [verb, fields])
        : [],
    ),
  );
  for (const [verb, { schema }] of Object.entries(CALL_COMMANDS)) {
    const fields = documented.get(verb);
    assert.ok(fields !== undefined, verb);
    for (const field of Object.keys(schema.shape)) assert.ok(fields.includes(`\`${field}\``), `${verb}: ${field}`);
  }
});

test('every refusal is on the page with its status', () => {
  const documented = rows.flatMap(([status = '', code = '']) =>
    /^\d{3}$/.test(status) ? [[code.replaceAll('`', ''), Number(status)] as const] : [],
  );
  assert.equal(Object.fromEntries(documented), { ...REFUSAL_STATUS });
});

test('bounds on the page are those of the code', () => {
  const bounds: [RegExp, number][] = [
    [/(\d+) connections/, LIMITS.statusConnections],
    [/([\d,]+) requests on each/, LIMITS.httpSocketRequests],
    [/(\d+) KiB of headers/, LIMITS.statusHeaderBytes / 1024],
    [/(\d+) KiB of body/, LIMITS.httpBodyBytes / 1024],
    [/at most (\d+) levels/, LIMITS.httpBodyDepth],
    [/more than (\d+) KiB/, LIMITS.httpBodyBytes / 1024],
    [/(\d+) s for a request/, LIMITS.statusRequestMs / 1000],
    [/(\d+) s of silence/, LIMITS.httpIdleMs / 1000],
    [/There are (\d+) streams/, LIMITS.httpStreams],
    [/leaves (\d+) KiB lying/, LIMITS.httpStreamBytes / 1024],
    [/the last (\d+) \[events\]/, LIMITS.httpTimelineMoments],
    [/`limit` calls \((\d+),/, LIMITS.httpPageCalls],
    [/, at most (\d+)\) whose/, LIMITS.httpPageCallsMaximum],
  ];
  for (const [pattern, value] of bounds) {
    assert.is(Number(pattern.exec(page)?.[1]?.replaceAll(',', '')), value, String(pattern));
  }
});

test.run();

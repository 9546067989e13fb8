/** Runs of a bench that are kept beside the last one, and what the pages say of them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { callsRows, callsSentence } from '../../.dev/calls-per-core.ts';
import { keepResults, keptResults } from '../../bench/results.ts';
import type { BenchResults } from '../../bench/results.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8').replaceAll(/\s+/g, ' ');

const RUN = {
  calls: 275,
  '% of a core a call': 0.309,
  'lost frames': 0,
  'late p99, ms': 4.75,
  'calls, ordinary bridge': 125,
};
const RESULTS: BenchResults = {
  ...({ format: 1, bench: 'calls-per-core', version: '0.0.0', machine: 'm', on: 'o' } as const),
  figures: RUN,
};

test('the last runs of the same machine and plan stay, ten in all; of another one none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-test-'));
  const options = { folder, keepsEarlier: true };
  const kept = (): BenchResults => keptResults(folder).get('b')!;
  try {
    for (let calls = 1; calls <= 12; calls += 1) await keepResults('b', { on: 'o', figures: { calls } }, options);
    const { figures, earlier = [] } = kept();
    assert.equal(
      [figures, ...earlier].map((run) => run['calls']),
      [12, 11, 10, 9, 8, 7, 6, 5, 4, 3],
    );
    await keepResults('b', { on: 'longer windows', figures: { calls: 1 } }, options);
    assert.is(kept().earlier, undefined);
    const other = { ...kept(), machine: 'another' };
    writeFileSync(join(folder, 'b.json'), JSON.stringify(other));
    await keepResults('b', { on: 'longer windows', figures: { calls: 2 } }, options);
    assert.is(kept().earlier, undefined);
    await keepResults('b', { on: 'longer windows', figures: { calls: 3 } }, { folder });
    assert.is(kept().earlier, undefined, 'and of a bench that wants none');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('one run is one number, several are a range, and what older runs did not measure is not made up', () => {
  const one = callsSentence(RESULTS);
  assert.match(one, '**275 duplex G.711 calls on one core**');
  assert.match(one, '0 frames lost, 0.309 % of a core a call');
  assert.match(one, 'in the same run: 125 calls.');
  const more = {
    ...RESULTS,
    earlier: [
      { ...RUN, calls: 325, '% of a core a call': 0.27, 'lost frames': 2 },
      {
        ...RUN,
        calls: 200,
        '% of a core a call': 0.41,
        'calls, ordinary bridge': 100,
        '% of a core a call, ordinary bridge': 0.43,
      },
    ],
  };
  const range = callsSentence(more);
  assert.match(range, '**200 to 325 duplex G.711 calls on one core**');
  assert.match(range, '2 frames lost, 0.27 to 0.41 % of a core a call');
  assert.match(range, 'in the same runs: 100 to 125 calls, 0.43 % of a core a call.');
  assert.equal(
    callsRows(more).map(([run, calls]) => [run, calls]),
    [
      ['the last', '275'],
      ['1 before it', '325'],
      ['2 before it', '200'],
    ],
  );
});

test('the README and the page of the benches have the numbers of the kept runs, and no others', () => {
  const kept = keptResults().get('calls-per-core')!;
  assert.ok(read('README.md').includes(callsSentence(kept)), 'README.md: npm run docs');
  const page = read('docs/benches.md');
  for (const row of callsRows(kept))
    assert.ok(page.includes(`| ${row.join(' | ')} |`), `docs/benches.md: npm run docs (${row.join()})`);
  // Where somebody types them once more.
  for (const path of ['README.md', 'docs/benches.md']) {
    const typed = read(path).replace(/<!-- begin calls -->.*?<!-- end calls -->/, '');
    assert.not.match(typed, /\d+ (?:to \d+ )?(?:duplex )?(?:G\.711 )?calls on one core/, path);
  }
});

test.run();

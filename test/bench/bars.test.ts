/** The bars of the project: each has a figure or a test that exists, and is judged as it says. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { everyPackage, judge, kept, row } from '../../bench/bars/bar.ts';
import type { FigureBar, Measured } from '../../bench/bars/bar.ts';
import { BARS } from '../../bench/bars/bars.ts';
import { barsPage } from '../../bench/bars/bars-page.ts';
import { keepResults, keptResults } from '../../bench/results.ts';
import type { BenchResults } from '../../bench/results.ts';
import { findStages } from '../../src/cli/bench/bench-stages.ts';
import type { BenchReport, ReportRow } from '../../src/cli/bench/bench-report.ts';
import { ROOT } from './small-run.ts';

const ALL = BARS.flatMap(([, bars]) => bars);
const PAGE = readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8');

const rowOf = (name: string, ns: number, figures: ReportRow['figures'] = []): ReportRow => ({
  stage: 'sum',
  name,
  per: 'tick',
  time: { ns, spread: 0 },
  peers: [
    { kind: 'npm', name: 'JSON.parse', equal: true, time: { ns: 1, spread: 0 } },
    { kind: 'npm', name: 'adder', version: '1.0.0', equal: true, time: { ns: 800, spread: 0 } },
    { kind: 'native', name: 'C', equal: true, time: { ns: 50, spread: 0 } },
  ],
  figures,
  bars: [],
});

const REPORT: BenchReport = {
  format: 1,
  version: '0.0.0',
  small: false,
  machine: { processor: 'p', cores: 2, system: 'Linux', node: 'v20', v8: '11' },
  yardstickNs: 1,
  rows: [rowOf('one, up', 100, [{ name: 'noise', value: -90, unit: 'dB' }]), rowOf('two, up', 200)],
  skipped: [],
  hash: 'feed',
};
const RUN: BenchResults = {
  format: 1,
  bench: 'long/run',
  version: '0.0.0',
  machine: 'm',
  on: '3 | 4 calls',
  figures: { 'stops, a': 2, 'stops, b': 5, calls: 0 },
};
const FROM: Measured = { report: REPORT, kept: new Map([['long/run', RUN]]) };

test('a figure is the worst of all that fit', () => {
  assert.is(row('sum', /up/, 'time').read(FROM), 200);
  assert.is(row('sum', /up/, 'time', 'least').read(FROM), 100);
  assert.is(row('sum', 'one, up', 'native').read(FROM), 2);
  assert.is(row('sum', /up/, 'noise').read(FROM), -90, 'rows without it do not count');
  assert.is(row('sum', /down/, 'time').read(FROM), null);
  assert.is(everyPackage().read(FROM), 4, 'Node itself is no package');
  assert.is(kept('long/run', /^stops/).read(FROM), 5);
  assert.is(kept('long/run', /^stops/, 'least').read(FROM), 2);
  assert.is(kept('long/run', 'calls').read(FROM), 0);
  assert.is(kept('long/run', 'stops').read(FROM), null);
  assert.is(kept('another', /./).read(FROM), null);
});

test('a bar is met at its bound, missed beyond it, and not measured without a figure', () => {
  const bar = (bound: Partial<FigureBar>): FigureBar => ({ of: 'x', ...kept('long/run', 'stops, b'), ...bound });
  assert.equal(judge(bar({ atMost: 5, unit: ' ms' }), FROM), {
    bar: 'x ≤ 5 ms',
    value: '5 ms',
    met: 'met',
    by: '`long/run`',
  });
  assert.is(judge(bar({ atMost: 4.9 }), FROM).met, 'missed');
  assert.is(judge(bar({ atLeast: 5 }), FROM).met, 'met');
  assert.is(judge(bar({ atLeast: 5.1 }), FROM).met, 'missed');
  assert.is(judge(bar({ atLeast: 5, digits: 2 }), FROM).value, '5.00');
  assert.equal(judge({ of: 'x', ...kept('another', 'y'), atMost: 1 }, FROM).met, 'not measured');
});

test('every bar has one bound, and a figure that is kept or a test that is called so', () => {
  const runs = keptResults();
  for (const bar of ALL) {
    if ('test' in bar) {
      assert.ok(readFileSync(join(ROOT, bar.test), 'utf8').includes(bar.title), `${bar.test}: ${bar.title}`);
      continue;
    }
    assert.is((bar.atMost === undefined) !== (bar.atLeast === undefined), true, bar.of);
    if (bar.bench !== 'dsp') assert.ok(bar.read({ report: REPORT, kept: runs }) !== null, `${bar.bench}: ${bar.of}`);
  }
  const names = BARS.flatMap(([of, bars]) => bars.map((bar) => `${of}: ${bar.of}`));
  assert.is(new Set(names).size, names.length);
});

test('the stages that bars are of exist', async () => {
  const stages = (await findStages(join(ROOT, 'bench/dsp'), [])).map(({ name }) => name);
  for (const name of ['G.711', 'resampler', 'voice activity', 'messages', 'pipes', 'module'])
    assert.ok(stages.includes(name), name);
});

test('the page holds every bar with its figure, and those of the kept runs are the ones that are kept', () => {
  const runs = keptResults();
  const words = (text: string): string => text.replaceAll(/\s+/g, ' ');
  for (const bar of ALL) {
    const { bar: text, value, met, by } = judge(bar, { report: REPORT, kept: runs });
    assert.ok(words(PAGE).includes(`| ${text} |`), `docs/benchmarks.md lacks: ${text}`);
    if ('test' in bar || bar.bench === 'dsp') continue;
    const cells = `| ${text} | ${value} | ${met === 'missed' ? '**missed**' : met} | ${by} |`;
    assert.ok(words(PAGE).includes(cells), `docs/benchmarks.md is older than bench/results: ${cells}`);
  }
});

test('the page says how many are met, and which runs are kept', () => {
  const page = barsPage(FROM).join('\n\n');
  assert.match(page, `Of ${ALL.length} bars 1 are met and 0 are missed`);
  assert.match(page, '| `npm run bench -- long/run --report` | 0.0.0 | 3 \\| 4 calls | m |  |');
});

test('what is kept survives its file; another file is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-test-'));
  try {
    await keepResults('long/run', { on: 'calls', hash: 'feed', figures: { calls: 600.5 } }, { folder });
    const [run] = [...keptResults(folder).values()];
    assert.equal([run?.bench, run?.on, run?.hash, run?.figures], ['long/run', 'calls', 'feed', { calls: 600.5 }]);
    assert.not.match(readFileSync(join(folder, 'long-run.json'), 'utf8'), /\d{4}-\d\d-\d\d/);
    assert.equal([...keptResults(join(folder, 'none')).values()], []);
    writeFileSync(join(folder, 'odd.json'), '{"figures": {"calls": "many"}}');
    assert.throws(() => keptResults(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();

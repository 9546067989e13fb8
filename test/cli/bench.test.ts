/** The bench: its stages load, its reports say what was measured, and a comparison finds what became slower. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { benchReportSchema } from '../../src/cli/bench/bench-report.ts';
import type { BenchReport, ReportRow } from '../../src/cli/bench/bench-report.ts';
import { benchContext, findStages, packageVersion } from '../../src/cli/bench/bench-stages.ts';
import { compareReports } from '../../src/cli/bench/compare-reports.ts';
import { judgeBar, nativeRatio, npmRatio } from '../../src/cli/bench/judge-bars.ts';
import { NativePeers } from '../../src/cli/bench/native-peers.ts';
import { reportMarkdown } from '../../src/cli/bench/report-markdown.ts';
import { reportText } from '../../src/cli/bench/report-text.ts';
import { runBench } from '../../src/cli/bench/run-bench.ts';
import { SMALL_PLAN, StepTimer, measuredTime, timeAll } from '../../src/cli/bench/slice-times.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import type { Clock } from '../../src/core/clock.ts';
import { hasCode } from '../../src/core/errors.ts';

const STAGES = fileURLToPath(new URL('../../bench/dsp/', import.meta.url));

/** A clock that moves by `stepMs` each time it is asked; nothing may wait on it. */
function tickingClock(stepMs: number): Clock {
  let now = 0;
  const never = (): never => assert.unreachable('the bench sets no timers') as never;
  return { nowMs: () => (now += stepMs), wallTimeMs: () => 0, after: never, every: never, random: () => 0 };
}

const ROW: ReportRow = {
  stage: 'sum',
  name: 'of two',
  per: '20 ms frame',
  time: { ns: 100, spread: 0.01 },
  peers: [
    { kind: 'npm', name: 'quick-but-wrong', equal: false, time: { ns: 10, spread: 0 } },
    { kind: 'npm', name: 'adder', version: '1.2.3', equal: true, time: { ns: 900, spread: 0 } },
    { kind: 'npm', name: 'slow-adder', equal: true, time: { ns: 2000, spread: 0 } },
    { kind: 'native', name: 'C', equal: true, time: { ns: 50, spread: 0 } },
  ],
  figures: [{ name: 'noise', value: -91.25, unit: 'dB' }],
  bars: [],
  hash: 'abc',
};

function reportOf(rows: ReportRow[], yardstickNs = 1000): BenchReport {
  return {
    format: 1,
    version: '0.0.0',
    small: false,
    machine: { processor: 'a | b', cores: 2, system: 'Linux', node: 'v20', v8: '11' },
    yardstickNs,
    rows,
    skipped: ['npm some-package: not installed'],
    hash: 'feed',
  };
}

test('a time is the first decile of its slices, and says how far the first quartile lies above it', () => {
  assert.equal(measuredTime([40, 10, 30, 15, 1000]), { ns: 10, spread: 0.5 });
  assert.is(measuredTime([]), null);
  assert.is(measuredTime([Number.NaN, 0, -1]), null);
});

test('a step is timed by the clock that it is given', async () => {
  let steps = 0;
  const timer = new StepTimer(() => (steps += 1), tickingClock(1), SMALL_PLAN);
  const warm = steps;
  const [time] = await timeAll([timer], SMALL_PLAN);
  // Every slice lasts one tick of 1 ms, whatever number of steps was found to fit.
  const perSlice = (steps - warm) / (SMALL_PLAN.rounds * SMALL_PLAN.slices);
  assert.is(time?.ns, 1e6 / perSlice);
  assert.is(timer.last, steps);
});

test('ratios are to the best equal package and to the first native peer', () => {
  assert.is(npmRatio(ROW), 9);
  assert.is(nativeRatio(ROW), 2);
  assert.is(npmRatio({ ...ROW, peers: [] }), null);
  assert.is(nativeRatio({ ...ROW, peers: [] }), null);
});

test('a bar is met, missed, or not measured, with its value', () => {
  assert.equal(judgeBar({ of: 'time', atMost: 100 }, ROW), { text: 'time ≤ 100 ns', value: '100 ns', met: 'met' });
  assert.is(judgeBar({ of: 'time', atMost: 99 }, ROW).met, 'missed');
  assert.is(judgeBar({ of: 'npm', atLeast: 9 }, ROW).met, 'met');
  assert.is(judgeBar({ of: 'npm', atLeast: 9.1 }, ROW).met, 'missed');
  assert.equal(judgeBar({ of: 'native', atMost: 0.25 }, ROW), {
    text: 'ours / native ≤ 0.25 ×',
    value: '2.00 ×',
    met: 'missed',
  });
  assert.is(judgeBar({ of: 'native', atMost: 1 }, { ...ROW, peers: [] }).met, 'not measured');
  assert.equal(judgeBar({ of: 'noise', atMost: -90 }, ROW), {
    text: 'noise ≤ -90 dB',
    value: '-91.3 dB',
    met: 'met',
  });
  assert.is(judgeBar({ of: 'no such figure', atMost: 0 }, ROW).met, 'not measured');
});

test('a comparison takes the machine off, and knows noise from a regression', () => {
  const base = reportOf([ROW, { ...ROW, name: 'gone' }]);
  const slow = (factor: number, yardstickNs: number): ReturnType<typeof compareReports> =>
    compareReports(reportOf([{ ...ROW, time: { ns: 100 * factor, spread: 0.01 } }], yardstickNs), base);
  assert.equal(slow(1.1, 1000).slower, []);
  assert.equal(slow(1.2, 1000).slower, ['sum: of two']);
  assert.equal(slow(2, 2000).slower, [], 'the whole machine is slower');
  assert.equal(slow(1, 500).slower, ['sum: of two'], 'the machine is quicker and the row is not');
  assert.ok(slow(1, 1000).lines.some((line) => /sum: gone +gone/.test(line)));
  const noisy = compareReports(reportOf([{ ...ROW, time: { ns: 130, spread: 0.1 } }]), base);
  assert.equal(noisy.slower, [], 'three times the spread');
  const other = compareReports(reportOf([{ ...ROW, hash: 'def' }]), base);
  assert.ok(other.lines.some((line) => line.includes('other output')));
});

test('the page and the table name machine, times, ratios, quality, bars and what was left out', () => {
  const bars = [judgeBar({ of: 'time', atMost: 50 }, ROW), judgeBar({ of: 'npm', atLeast: 3 }, ROW)];
  const report = reportOf([{ ...ROW, bars }]);
  const page = reportMarkdown(report);
  assert.match(page, '| sum | of two | time ≤ 50 ns | 100 ns | **missed** |');
  assert.match(page, '| of two | 20 ms frame | 100 | 2.00 | 9.00 |');
  assert.match(page, 'adder 1.2.3 (npm): 900');
  assert.match(page, 'slow-adder (Node): 2,000');
  assert.match(page, 'noise -91.3 dB');
  assert.match(page, '- npm some-package: not installed');
  assert.match(page, 'a | b');
  const text = reportText(report).join('\n');
  assert.match(text, 'bars: 1 met, 1 missed, 0 not measured');
  assert.match(text, 'left out: npm some-package: not installed');
  assert.match(text, 'hash of one second of every result: feed');
});

test('a report survives its JSON; anything else is refused', () => {
  const report = reportOf([ROW]);
  assert.equal(benchReportSchema.parse(JSON.parse(JSON.stringify(report))), report);
  for (const wrong of [{}, { ...report, format: 2 }, { ...report, yardstickNs: 0 }, null])
    assert.throws(() => benchReportSchema.parse(wrong));
});

test('every stage of the project loads, and its rows have names of their own', async () => {
  const stages = await findStages(STAGES, []);
  assert.ok(stages.length >= 7);
  assert.is(new Set(stages.map(({ name }) => name)).size, stages.length);
  assert.is(new Set(stages.map(({ order }) => order)).size, stages.length, 'orders');
  assert.equal(
    (await findStages(STAGES, ['G.71', 'MODULE'])).map(({ name }) => name),
    ['G.711', 'module'],
  );
  // As docs/benches.md writes it.
  assert.equal(
    (await findStages(STAGES, ['resampler', 'g711'])).map(({ name }) => name),
    ['G.711', 'resampler'],
  );
  const unknown: string[] = [];
  assert.is((await findStages(STAGES, ['g711', 'nothing', '.'], (part) => unknown.push(part))).length, 1);
  assert.equal(unknown, ['nothing', '.']);
  const left: string[] = [];
  const context = benchContext(await DspModule.load(), (line) => left.push(line));
  for (const stage of stages) {
    const names = (await stage.rows(context)).map(({ name }) => name);
    assert.is(new Set(names).size, names.length, stage.name);
  }
  assert.is(await context.peer('no-such-package-anywhere'), null);
  assert.is(await context.peer('no-such-package-anywhere'), null);
  assert.equal(left, ['npm no-such-package-anywhere: not installed']);
});

test('the version of a package is read whether or not it shows its manifest', () => {
  assert.match(packageVersion('alawmulaw') ?? '', /^\d+\.\d+\.\d+/);
  assert.match(packageVersion('@echogarden/speex-resampler-wasm/simd') ?? '', /^\d+\.\d+\.\d+/);
  assert.is(packageVersion('no-such-package-anywhere'), undefined);
});

test('without a compiler every native peer is left out, with one line for all of them', () => {
  const { PATH } = process.env;
  const lines: string[] = [];
  process.env['PATH'] = '';
  try {
    const native = new NativePeers(join(STAGES, 'native'), (line) => lines.push(line));
    assert.is(native.compiler, null);
    for (const source of readdirSync(join(STAGES, 'native')).filter((name) => name.endsWith('.c')))
      assert.is(native.start({ name: 'C', source }, SMALL_PLAN), null);
    native.close();
  } finally {
    process.env['PATH'] = PATH;
  }
  assert.equal(lines, ['native peers: there is no C compiler (cc)']);
});

test('the page takes sections ahead of the bars of its rows', () => {
  const page = reportMarkdown(reportOf([ROW]), ['## First', 'words']);
  assert.ok(page.indexOf('## First') > 0 && page.indexOf('## First') < page.indexOf('## Bars of each row'));
});

test('a run measures its rows and peers, hashes the first second, and leaves out what it cannot have', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-test-'));
  writeFileSync(
    join(folder, 'sum.js'),
    `export const stage = { name: 'sum', order: 1, rows: () => [{
       name: 'up', step: (n) => n, per: 'number',
       npm: [{ name: 'peer', step: (n) => n + 1 }],
       native: [{ name: 'C', source: 'there-is-none.c' }],
       figures: [{ name: 'error', value: 0, unit: '' }],
       bars: [{ of: 'native', atMost: 1 }, { of: 'error', atMost: 0 }],
     }, { name: 'figures only', figures: [] }] };`,
  );
  writeFileSync(join(folder, 'part.js'), `export const half = 1;`);
  try {
    const said: string[] = [];
    const report = await runBench({
      folder,
      stages: [],
      small: true,
      clock: tickingClock(0.5),
      progress: (line) => said.push(line),
    });
    assert.equal(benchReportSchema.parse(report), report);
    assert.equal(
      report.rows.map(({ stage, name, per }) => [stage, name, per]),
      [
        ['sum', 'up', 'number'],
        ['sum', 'figures only', '20 ms frame'],
      ],
    );
    const [up, figures] = report.rows;
    assert.ok(up?.time !== undefined && up.time.ns > 0);
    assert.equal(
      up.peers.map(({ kind, name }) => [kind, name]),
      [['npm', 'peer']],
    );
    assert.equal(
      up.bars.map(({ met }) => met),
      ['not measured', 'met'],
    );
    assert.match(up.hash ?? '', /^[0-9a-f]{16}$/);
    assert.is(figures?.time, undefined);
    assert.is(figures?.hash, undefined);
    assert.ok(report.skipped.some((line) => line.startsWith('native ')));
    assert.ok(said.length > 0);
    const missing = await runBench({
      folder,
      stages: ['sum', 'g712'],
      small: true,
      clock: tickingClock(1),
      progress: () => {},
    }).then(
      () => null,
      (error: unknown) => error,
    );
    assert.ok(hasCode(missing, 'ERR_TALKSPURT_CONFIG_INVALID'));
    assert.match(missing.message, /g712.*use parts of sum/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();

/** What a bar of the project is: what is asked, where its figure comes from, and how it is judged. */
import type { BenchReport, ReportRow } from '../../src/cli/bench/bench-report.ts';
import { npmRatio, nativeRatio } from '../../src/cli/bench/judge-bars.ts';
import type { BenchResults } from '../results.ts';

/** Everything that figures are taken from: the run of the signal chain, and the runs that are kept. */
export interface Measured {
  readonly report: BenchReport;
  readonly kept: ReadonlyMap<string, BenchResults>;
}

/** Where a figure comes from. */
export interface Source {
  /** The bench, as `npm run bench` takes it. */
  readonly bench: string;
  /** The figure, or null where it was not measured. */
  readonly read: (from: Measured) => number | null;
}

/** Held to a figure. `unit` begins with a space where one belongs before it. */
export interface FigureBar extends Source {
  readonly of: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly unit?: string;
  /** Digits behind the point. Default 0. */
  readonly digits?: number;
}

/** Held by a test, which fails where it is not: there is no figure, but for the one in the test. */
export interface TestedBar {
  readonly of: string;
  readonly test: string;
  /** What the test is called, as its source has it. */
  readonly title: string;
}

/** One bar. */
export type ProjectBar = FigureBar | TestedBar;

/** A bar as the page shows it. */
export interface JudgedBar {
  readonly bar: string;
  readonly value: string;
  readonly met: 'met' | 'missed' | 'not measured' | 'tested';
  readonly by: string;
}

type Pick = 'most' | 'least';

/** The worst over the rows of a stage whose names fit: of `time` (ns), `npm`, `native`, or a figure. */
export function row(stage: string, name: RegExp | string, of: string, worst: Pick = 'most'): Source {
  const fits = (each: ReportRow): boolean =>
    each.stage === stage && (typeof name === 'string' ? each.name === name : name.test(each.name));
  return {
    bench: 'dsp',
    read: ({ report }) => worstOf(report.rows.filter(fits), (each) => valueOf(each, of), worst),
  };
}

/** The same over all stages: how much longer the best package takes at least. Node's own JSON is no package. */
export function everyPackage(): Source {
  const ratio = (each: ReportRow): number | null =>
    npmRatio({ ...each, peers: each.peers.filter(({ version }) => version !== undefined) });
  return { bench: 'dsp', read: ({ report }) => worstOf(report.rows, ratio, 'least') };
}

/** The worst of the figures of a run that is kept whose names fit. */
export function kept(bench: string, figure: RegExp | string, worst: Pick = 'most'): Source {
  return {
    bench,
    read: (from) => {
      const all = Object.entries(from.kept.get(bench)?.figures ?? {});
      const fits = ([name]: [string, number]): boolean =>
        typeof figure === 'string' ? name === figure : figure.test(name);
      return worstOf(all.filter(fits), ([, value]) => value, worst);
    },
  };
}

/** In words, with what was measured. */
export function judge(bar: ProjectBar, from: Measured): JudgedBar {
  if ('test' in bar)
    return { bar: bar.of, value: '', met: 'tested', by: `[${bar.test}](../${bar.test}): “${bar.title}”` };
  const { of, atMost, atLeast, unit = '', digits = 0 } = bar;
  const bound = `${atMost === undefined ? '≥' : '≤'} ${(atMost ?? atLeast ?? 0).toLocaleString('en')}${unit}`;
  const value = bar.read(from);
  const by = `\`${bar.bench}\``;
  if (value === null) return { bar: `${of} ${bound}`, value: '–', met: 'not measured', by };
  const met = atMost === undefined ? value >= (atLeast ?? -Infinity) : value <= atMost;
  const shown = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return { bar: `${of} ${bound}`, value: `${shown}${unit}`, met: met ? 'met' : 'missed', by };
}

function valueOf(each: ReportRow, of: string): number | null {
  if (of === 'time') return each.time?.ns ?? null;
  if (of === 'npm') return npmRatio(each);
  if (of === 'native') return nativeRatio(each);
  return each.figures.find(({ name }) => name === of)?.value ?? null;
}

function worstOf<T>(all: readonly T[], value: (one: T) => number | null, worst: Pick): number | null {
  const values = all.map(value).filter((one) => one !== null);
  if (values.length === 0) return null;
  return worst === 'most' ? Math.max(...values) : Math.min(...values);
}

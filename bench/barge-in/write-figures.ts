/** Puts the figures of a full run into docs/barge-in.md, and draws docs/images/barge-in.svg: how soon the agent is silent. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { drawPlot } from '../../.dev/svg-plot.ts';
import type { BargeInReport } from '../barge-in.ts';
import type { MeasuredRun } from '../results.ts';
import type { GroupFigures } from './figures.ts';
import { systemTables } from './report.ts';

const PAGE = fileURLToPath(new URL('../../docs/barge-in.md', import.meta.url));
const PICTURE = fileURLToPath(new URL('../../docs/images/barge-in.svg', import.meta.url));
/** What is drawn, by the names of the groups. */
const DRAWN = ['barge-in', 'barge-in over an echo', 'barge-in, street 10 dB', 'barge-in, first 2 s'];
const DRAWN_MS = 800;
/** What is asked for: half of them at this time. */
const PAUSE_BAR_MS = 40;

/** Writes both. @throws Error for a run that is not to be shown. */
export async function publishBargeIn(report: BargeInReport): Promise<void> {
  if (report.amount !== 'full' || report.cast !== 'held out')
    throw new Error('only a full run on held-out people is shown');
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = ['<!-- figures -->', '<!-- /figures -->'];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error('docs/barge-in.md has no place for the figures');
  const next = `${page.slice(0, from + begin.length)}\n\n${systemTables(report, true)}\n${page.slice(to)}`;
  writeFileSync(PAGE, await format(next, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
  writeFileSync(PICTURE, picture(ours(report).filter(({ group }) => DRAWN.includes(group))));
}

/** What is held to the bars, of ours. */
export function bargeInFigures(report: BargeInReport): MeasuredRun {
  const groups = ours(report);
  const echo = groups.filter(({ group }) => group.startsWith('echo'));
  const sum = (of: (figures: GroupFigures) => number): number => echo.reduce((total, each) => total + of(each), 0);
  const hours = sum(({ minutes }) => minutes) / 60;
  const figures: Record<string, number> = {
    'echo, hours': Number(hours.toFixed(2)),
    'echo, stops an hour': Number((sum(({ falseStops }) => falseStops) / hours).toFixed(1)),
    'echo, pauses an hour': Number((sum(({ falsePauses }) => falsePauses) / hours).toFixed(1)),
    'echo, samples lost or repeated': sum(({ damagedSamples }) => damagedSamples),
  };
  for (const { group, pauseMs, stopMs, verdictMs } of groups.filter(({ near }) => near > 0)) {
    if (Number.isFinite(pauseMs.p50)) figures[`${group}: pause, ms p50`] = pauseMs.p50;
    if (Number.isFinite(stopMs.p50)) figures[`${group}: stop, ms p50`] = stopMs.p50;
    if (Number.isFinite(verdictMs.p50)) figures[`${group}: verdict after the pause, ms p50`] = verdictMs.p50;
  }
  return { on: `${report.people.length} people, ${report.cast}`, hash: report.hash, figures };
}

function ours(report: BargeInReport): readonly GroupFigures[] {
  return report.systems[0]?.groups ?? [];
}

/** Of each group, the share of the times at which the agent is silent by then. */
function picture(groups: readonly GroupFigures[]): string {
  return drawPlot({
    title: 'The agent is silent, so long after the caller began: share of the times',
    x: { name: 'ms', from: 0, to: DRAWN_MS, step: 100 },
    y: { name: '%', from: 0, to: 100, step: 20 },
    curves: groups.map(({ group, pausesMs }) => ({
      name: group,
      points: pausesMs.flatMap((ms, index): [number, number][] => {
        const share = (n: number): number => (100 * n) / pausesMs.length;
        return ms > DRAWN_MS
          ? []
          : [
              [ms, share(index)],
              [ms, share(index + 1)],
            ];
      }),
    })),
    limits: [{ from: 0, to: PAUSE_BAR_MS, at: 50 }],
  });
}

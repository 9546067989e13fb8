/** From what happened in calls to figures by group. */
import type { NearOutcome, SceneOutcome } from './run-scene.ts';

/** What one system did in the calls of one group. */
export interface GroupFigures {
  readonly group: string;
  readonly minutes: number;
  readonly falseStops: number;
  readonly falsePauses: number;
  readonly falseTurns: number;
  readonly backendTurns: number;
  readonly withdrawn: number;
  readonly damagedSamples: number;
  /** What the caller did; of that, how often the agent waited at all, and how often it stopped. */
  readonly near: number;
  readonly paused: number;
  readonly stopped: number;
  /** Ms from the onset to the pause in the packets and to the decision; NaN where there is none. */
  readonly pauseMs: Spread;
  readonly stopMs: Spread;
  /** From the pause to the decision, of those that waited first. */
  readonly verdictMs: Spread;
  /** All of the pauses, from short to long: the distribution. */
  readonly pausesMs: readonly number[];
}

/** Median and 95th percentile. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
}

/** In the order in which groups first come. */
export function figuresOf(outcomes: readonly SceneOutcome[]): GroupFigures[] {
  const groups = new Map<string, SceneOutcome[]>();
  for (const outcome of outcomes) groups.set(outcome.group, [...(groups.get(outcome.group) ?? []), outcome]);
  return [...groups].map(([group, calls]) => {
    const near = calls.flatMap((call) => call.near);
    const stopped = near.filter(({ stopMs }) => stopMs !== null);
    const paused = near.filter((one) => one.pauseMs !== null || one.stopMs !== null);
    const sum = (of: (call: SceneOutcome) => number): number => calls.reduce((total, call) => total + of(call), 0);
    return {
      group,
      minutes: sum(({ seconds }) => seconds) / 60,
      falseStops: sum(({ falseStops }) => falseStops.length),
      falsePauses: sum(({ falsePauses }) => falsePauses.length),
      falseTurns: sum(({ falseTurns }) => falseTurns.length),
      backendTurns: sum(({ backendTurns }) => backendTurns.length),
      withdrawn: sum(({ withdrawn }) => withdrawn),
      damagedSamples: sum(({ damagedSamples }) => damagedSamples),
      near: near.length,
      paused: paused.length,
      stopped: stopped.length,
      pauseMs: spread(stopped, pauseOf),
      stopMs: spread(stopped, ({ stopMs }) => stopMs ?? Infinity),
      verdictMs: spread(
        stopped.filter((one) => one.pauseMs !== null && pauseOf(one) < (one.stopMs ?? 0)),
        (one) => (one.stopMs ?? Infinity) - pauseOf(one),
      ),
      pausesMs: stopped.map(pauseOf).sort((a, b) => a - b),
    };
  });
}

function pauseOf({ pauseMs, stopMs }: NearOutcome): number {
  return Math.min(pauseMs ?? Infinity, stopMs ?? Infinity);
}

function spread(near: readonly NearOutcome[], of: (one: NearOutcome) => number): Spread {
  const sorted = near.map(of).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { p50: at(0.5), p95: at(0.95) };
}

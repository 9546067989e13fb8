/** Runs stages: makes their rows, hashes one second of each, times all of them in turn, and holds them to their bars. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { DspModule } from '../../dsp/dsp-module.ts';
import { VERSION } from '../../version.ts';
import type { BenchReport, MeasuredTime, ReportPeer, ReportRow } from './bench-report.ts';
import type { BenchRow, BenchStage, BenchStep } from './bench-row.ts';
import { firstSecond } from './bench-context.ts';
import { benchContext, findStages, packageVersion } from './bench-stages.ts';
import { judgeBar } from './judge-bars.ts';
import { NativePeers } from './native-peers.ts';
import { SMALL_PLAN, StepTimer, WHOLE_PLAN, timeAll } from './slice-times.ts';
import type { SlicePlan, SliceTimer } from './slice-times.ts';
import { thisMachine, yardstick } from './this-machine.ts';

/** What to run, and how. */
export interface BenchOptions {
  /** The folder of the stages; see `STAGES_FOLDER`. */
  readonly folder: string;
  /** Parts of names of stages; empty: all. */
  readonly stages: readonly string[];
  /** A check that everything runs: its times mean little. */
  readonly small: boolean;
  readonly clock: Clock;
  /** Hears a line now and then. */
  readonly progress: (line: string) => void;
}

interface Prepared {
  readonly stage: string;
  readonly row: BenchRow;
  readonly hash: string | null;
  readonly peers: Omit<ReportPeer, 'time'>[];
}

/** Runs and reports. @throws ERR_TALKSPURT_CONFIG_INVALID for a stage that there is not */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const plan = options.small ? SMALL_PLAN : WHOLE_PLAN;
  const skipped: string[] = [];
  const skip = (line: string): number => skipped.push(line);
  const native = new NativePeers(join(options.folder, 'native'), skip);
  try {
    const timers: SliceTimer[] = [yardstick(options.clock, plan)];
    const prepared = await prepare(options, plan, native, skip, timers);
    options.progress(`timing ${timers.length} steps in ${plan.rounds} rounds`);
    const [stick, ...times] = await timeAll(timers, plan);
    const rows = report(prepared, times);
    const hash = createHash('sha256');
    for (const row of rows) hash.update(row.hash ?? '');
    return {
      format: 1,
      version: VERSION,
      small: options.small,
      machine: thisMachine(native.compiler),
      yardstickNs: stick?.ns ?? 1,
      rows,
      skipped,
      hash: hash.digest('hex').slice(0, 16),
    };
  } finally {
    native.close();
  }
}

/** @throws ERR_TALKSPURT_CONFIG_INVALID for a part that is in no stage's name: nobody means to measure less than was asked for. */
async function stagesOf(options: BenchOptions): Promise<BenchStage[]> {
  const unknown: string[] = [];
  const stages = await findStages(options.folder, options.stages, (part) => unknown.push(part));
  if (unknown.length === 0) return stages;
  const names = (await findStages(options.folder, [])).map(({ name }) => name).join(', ');
  const message = `no stage is called ${unknown.join(' or ')}: use parts of ${names}`;
  throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message, { details: { stages: unknown.join(' ') } });
}

/** Makes all rows, and appends a timer for each step and each peer, in the order in which `report` takes them. */
async function prepare(
  options: BenchOptions,
  plan: SlicePlan,
  native: NativePeers,
  skip: (line: string) => void,
  timers: SliceTimer[],
): Promise<Prepared[]> {
  const context = benchContext(await DspModule.load(), skip);
  const prepared: Prepared[] = [];
  for (const stage of await stagesOf(options)) {
    options.progress(`preparing ${stage.name}`);
    for (const row of await stage.rows(context)) {
      const peers: Omit<ReportPeer, 'time'>[] = [];
      const hash = row.step === undefined ? null : hashOf(row.step);
      if (row.step !== undefined) timers.push(new StepTimer(row.step, options.clock, plan));
      for (const peer of row.npm ?? []) {
        const version = packageVersion(peer.name);
        const name = peer.detail === undefined ? peer.name : `${peer.name} ${peer.detail}`;
        peers.push({ kind: 'npm', name, equal: peer.equal ?? true, ...(version && { version }) });
        timers.push(new StepTimer(peer.step, options.clock, plan));
      }
      for (const peer of row.native ?? []) {
        const timer = native.start(peer, plan);
        if (timer === null) continue;
        peers.push({ kind: 'native', name: peer.name, equal: true });
        timers.push(timer);
      }
      prepared.push({ stage: stage.name, row, hash, peers });
    }
  }
  return prepared;
}

function report(prepared: readonly Prepared[], times: readonly (MeasuredTime | null)[]): ReportRow[] {
  let next = 0;
  return prepared.map(({ stage, row, hash, peers }) => {
    const own = row.step === undefined ? null : (times[next++] ?? null);
    const timed = peers.flatMap((peer) => {
      const time = times[next++] ?? null;
      return time === null ? [] : [{ ...peer, time }];
    });
    const found = { peers: timed, figures: [...(row.figures ?? [])], ...(own && { time: own }) };
    return {
      stage,
      name: row.name,
      per: row.per ?? '20 ms frame',
      ...found,
      bars: (row.bars ?? []).map((bar) => judgeBar(bar, found)),
      ...(hash !== null && { hash }),
    };
  });
}

/** Of what the first second of steps returns. */
function hashOf(step: BenchStep): string {
  return createHash('sha256').update(firstSecond(step)).digest('hex').slice(0, 16);
}

/**
 * Barge-in as it comes out of the whole session path (chain, endpointer, playout, media loop, turn keeper), on calls made of recorded
 * people: how often the agent stops for its own echo, for a cough or a `mhm`, and how soon for a caller. `docs/barge-in.md`
 * has the figures and says how the calls are made.
 *
 * People come from `bench/vad/get-data.ts`; without them, and with `--small`, three synthetic voices speak and the figures mean little.
 * Speakers, paths and seeds of the calls that are reported were not looked at when anything was chosen; `--stage development` runs those that were, `--stage brief` a fifth of the
 * calls.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { WasmDspPool } from '../src/dsp/dsp-pool.ts';
import type { GroupFigures } from './barge-in/figures.ts';
import { figuresOf } from './barge-in/figures.ts';
import { systemTables } from './barge-in/report.ts';
import type { SceneOutcome } from './barge-in/run-scene.ts';
import { runScene } from './barge-in/run-scene.ts';
import { BRIEF, FULL, SMALL, scenes } from './barge-in/scenes.ts';
import type { Scene } from './barge-in/scenes.ts';
import { systems } from './barge-in/systems.ts';
import type { Cast } from './barge-in/voices.ts';
import { Voices } from './barge-in/voices.ts';
import { bargeInFigures, publishBargeIn } from './barge-in/write-figures.ts';
import { keepResults } from './results.ts';
import { loadRecordings } from './vad/get-data.ts';

/** Everything that was measured. */
export interface BargeInReport {
  readonly cast: Cast;
  /** `full`: an hour of echo and more. */
  readonly amount: 'full' | 'brief' | 'small';
  readonly people: readonly string[];
  readonly systems: readonly { readonly name: string; readonly groups: readonly GroupFigures[] }[];
  /** Each stop of the first system that the caller had nothing to do with: in which call, when, and how long after the echo's delay slipped. */
  readonly stops: readonly string[];
  /** Of every outcome: two runs of the same code give the same. */
  readonly hash: string;
}

/** Peers are given one call of so many; no divisor of how many kinds of them there are. */
const PEERS_EVERY = 13;
/** What `--stage` takes besides names of systems. */
const MODES = ['development', 'brief'];
const AMOUNTS = { full: FULL, brief: BRIEF, small: SMALL } as const;

interface BargeInRun {
  readonly small: boolean;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly output?: string;
  readonly stages?: readonly string[];
  /** Into docs/barge-in.md, its picture, and bench/results/. */
  readonly report?: boolean;
}

export async function run({ small, json, markdown, output, stages = [], report: keep }: BargeInRun): Promise<void> {
  const wanted: Cast = stages.includes('development') ? 'development' : 'held out';
  const report = await measure(small || !Voices.recorded ? 'synthetic' : wanted, small, stages);
  // Why one of a held-out call stopped is not to be looked at: it would be held out no longer.
  const stops = report.cast === 'held out' || markdown === true ? '' : report.stops.map((line) => `${line}\n`).join('');
  const text = json === true ? `${JSON.stringify(report, null, 2)}\n` : systemTables(report, markdown === true) + stops;
  if (output === undefined) process.stdout.write(text);
  else writeFileSync(output, text);
  if (keep !== true) return;
  await publishBargeIn(report);
  await keepResults('barge-in', bargeInFigures(report));
}

/** Every call by every system. `stages`: parts of the names of the systems or groups that are wanted; none: all. */
export async function measure(cast: Cast, small: boolean, stages: readonly string[] = []): Promise<BargeInReport> {
  const voices = Voices.of(cast);
  const pieces = cast === 'synthetic' ? [] : loadRecordings([cast === 'held out' ? 'test' : 'train']).noise;
  const noises = pieces.filter(({ name }) => name !== 'music' && name !== 'effects');
  const pool = await WasmDspPool.create({ size: 2 });
  const all = await systems();
  const only = stages.filter((stage) => !MODES.includes(stage));
  const amount = small ? 'small' : stages.includes('brief') ? 'brief' : 'full';
  const chosen = all.filter(({ name }) => only.length === 0 || only.includes(name));
  const outcomes = new Map(chosen.map(({ name }) => [name, [] as SceneOutcome[]]));
  const stops: string[] = [];
  let at = 0;
  for (const scene of scenes(voices, cast, AMOUNTS[amount], noises)) {
    // Whoever stops for every echo need not do so for an hour.
    for (const system of chosen) {
      if (system !== all[0] && at % PEERS_EVERY !== 0) continue;
      const outcome = runScene(scene, system, pool);
      outcomes.get(system.name)?.push(outcome);
      if (system === all[0]) stops.push(...outcome.falseStops.map((atMs) => stopOf(scene, atMs)));
    }
    at += 1;
  }
  const hash = createHash('sha256')
    .update(JSON.stringify([...outcomes]))
    .digest('hex')
    .slice(0, 16);
  const results = [...outcomes].map(([name, calls]) => ({ name, groups: figuresOf(calls) }));
  return { cast, amount, people: voices.names, systems: results, stops, hash };
}

function stopOf({ group, seed, path }: Scene, atMs: number): string {
  const slipAtMs = path?.slipAtMs ?? Infinity;
  const slip =
    slipAtMs < atMs ? `, ${((atMs - slipAtMs) / 1000).toFixed(1)} s after the delay slipped by ${path?.slipMs} ms` : '';
  return `${group} (${path?.kind ?? 'no echo'}, seed ${seed}): stopped at ${(atMs / 1000).toFixed(1)} s${slip}`;
}

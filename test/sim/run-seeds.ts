/** Runs plans of faults by their seeds, and tells of the first that fails: its seed, and its script with nothing in it that can be left out. */
import { faultPlan } from './fault-plan.ts';
import type { FaultPlan } from './fault-plan.ts';
import { FaultWorld } from './fault-world.ts';

/** How one plan went. */
export interface Outcome {
  /** Null: nothing is wrong. */
  readonly wrong: string | null;
  readonly notes: readonly string[];
}

/** Shrinking gives up after so many runs. */
const SHRINK_RUNS = 200;

/** One plan, with what nobody caught. Runs are not to overlap. */
export async function runPlan(plan: FaultPlan): Promise<Outcome> {
  const world = new FaultWorld(plan);
  const onRejection = (reason: unknown): void => {
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    world.watch.fail(`a rejection that nobody handles: ${text}`);
  };
  process.on('unhandledRejection', onRejection);
  try {
    await world.run();
    // The platform tells of them in a turn of its own.
    await new Promise((resolve) => setImmediate(resolve));
  } catch (error) {
    world.watch.fail(`thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  return { wrong: world.watch.wrong, notes: world.watch.notes };
}

/** Seeds `from` (included) to `to` (not). Null: all of them hold; otherwise the report of the first that does not. */
export async function runSeeds(from: number, to: number): Promise<string | null> {
  for (let seed = from; seed < to; seed += 1) {
    const plan = faultPlan(seed);
    const { wrong } = await runPlan(plan);
    if (wrong !== null) return await report(plan, wrong);
  }
  return null;
}

/** The plan with every step left out without which it fails in the same way. */
async function shrink(plan: FaultPlan, wrong: string): Promise<FaultPlan> {
  let smallest = plan;
  let runs = 0;
  for (let size = Math.ceil(plan.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.steps.length && runs < SHRINK_RUNS;) {
      const steps = [...smallest.steps.slice(0, at), ...smallest.steps.slice(at + size)];
      runs += 1;
      const without = { ...smallest, steps };
      if (kindOf((await runPlan(without)).wrong) !== kindOf(wrong)) at += size;
      else smallest = without;
    }
  }
  return smallest;
}

async function report(plan: FaultPlan, wrong: string): Promise<string> {
  const smallest = await shrink(plan, wrong);
  const last = await runPlan(smallest);
  const { steps, ...rest } = smallest;
  return [
    `seed ${plan.seed}: ${wrong}`,
    `again: SEED=${plan.seed} node test/run.mjs sim/faults`,
    `shrunk from ${plan.steps.length} steps to ${steps.length}: ${last.wrong ?? wrong}`,
    JSON.stringify(rest),
    ...steps.map((step) => `  ${JSON.stringify(step)}`),
    'what happened:',
    ...last.notes.slice(-60).map((note) => `  ${note}`),
  ].join('\n');
}

/** What is wrong, whichever call, frame and moment it was. */
function kindOf(wrong: string | null): string {
  return (wrong ?? '').split('\n', 1)[0]!.replaceAll(/[\d.]+/g, '#');
}

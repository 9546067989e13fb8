/** What the demo says at its end: the checks on the audio, the summary, and the same as JSON. */
import pc from 'picocolors';
import { printable } from '../../core/printable.ts';
import type { SessionSnapshot } from '../../observe/health.ts';
import type { CallStory } from './call-story.ts';

/** One claim, and what was measured for it. */
export interface DemoCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly measured: string;
}

/** Everything a demo call left behind. */
export interface DemoOutcome {
  readonly backend: string;
  readonly switchKind: string;
  readonly story: CallStory;
  readonly snapshot: SessionSnapshot;
  readonly packets: { readonly received: number; readonly sent: number; readonly lost: number };
  /** CPU time of this process while the call was up, all of the demo's parts together, and of the media tick alone. */
  readonly cpu: { readonly processMs: number; readonly tickMs: number };
  readonly checks: readonly DemoCheck[];
  readonly understood: boolean;
  readonly files: readonly string[];
}

/** Whether every check held. */
export function demoSucceeded(outcome: DemoOutcome): boolean {
  return outcome.checks.length > 0 && outcome.checks.every((check) => check.ok);
}

/** The summary as rows of label and value. */
export function summaryRows(outcome: DemoOutcome): readonly (readonly [string, string])[] {
  const { story, snapshot, packets, cpu } = outcome;
  const seconds = story.durationMs / 1000;
  const latencies = story.latencies.map((mark) => mark.latencyMs);
  const stops = story.bargeIns.map((mark) => mark.stopMs);
  const leg =
    snapshot.leg === null ? '–' : `${snapshot.leg.codec}/${snapshot.leg.sampleRateHz}, ${snapshot.leg.ptimeMs} ms`;
  return [
    [
      'call',
      `${seconds.toFixed(1)} s over ${outcome.switchKind} (${snapshot.transport}, ${leg}${snapshot.passThrough ? ', passed through' : ''})`,
    ],
    ['backend', outcome.backend],
    ['turns', String(snapshot.turns)],
    [
      'response latency',
      latencies.length === 0
        ? '–'
        : `median ${Math.round(median(latencies))} ms, worst ${Math.round(Math.max(...latencies))} ms`,
    ],
    [
      'barge-in stop',
      stops.length === 0
        ? '–'
        : `${stops.map((value) => Math.round(value)).join(', ')} ms from the caller's first sound to the agent's last frame`,
    ],
    ['underruns', `${snapshot.underrunTicks} of ${snapshot.speakingTicks} speaking ticks`],
    ['packets', `${packets.received} in, ${packets.sent} out, ${packets.lost} lost, ${snapshot.lateTicks} late ticks`],
    [
      'CPU per call',
      `${((cpu.tickMs / Math.max(1, story.durationMs)) * 100).toFixed(2)} % of a core in the media tick; ${((cpu.processMs / Math.max(1, story.durationMs)) * 100).toFixed(1)} % for the whole demo (switch, caller, voices and backend included)`,
    ],
  ];
}

/** The closing screen. */
export function renderReport(outcome: DemoOutcome): string {
  const width = Math.max(...summaryRows(outcome).map(([label]) => label.length));
  const lines = ['', pc.bold('Summary')];
  for (const [label, value] of summaryRows(outcome))
    lines.push(`  ${pc.dim(label.padEnd(width))}  ${printable(value)}`);
  lines.push('', pc.bold('Checked on the audio itself'));
  for (const check of outcome.checks) {
    lines.push(`  ${check.ok ? pc.green('✔') : pc.red('✘')} ${check.name}: ${printable(check.measured)}`);
  }
  lines.push('', pc.bold('Written'));
  for (const file of outcome.files) lines.push(`  ${file}`);
  lines.push(
    '',
    demoSucceeded(outcome) ? pc.green('The call talked.') : pc.red('The demo failed: see the marked checks.'),
    '',
  );
  return lines.join('\n');
}

/** `call.json` and `--json`: durations in ms, levels in dBov. */
export function reportJson(outcome: DemoOutcome): object {
  const { story, snapshot, packets, cpu, checks, files, backend, switchKind, understood } = outcome;
  return {
    ok: demoSucceeded(outcome),
    switch: switchKind,
    backend,
    understood,
    durationMs: round(story.durationMs),
    media: { transport: snapshot.transport, leg: snapshot.leg, passThrough: snapshot.passThrough },
    turns: snapshot.turns,
    responseLatencyMs: story.latencies.map((mark) => round(mark.latencyMs)),
    bargeIns: story.bargeIns.map((mark) => ({
      atMs: round(mark.atMs),
      stopMs: round(mark.stopMs),
      playedMs: round(mark.playedMs),
      droppedMs: round(mark.droppedMs),
    })),
    underrunTicks: snapshot.underrunTicks,
    lateTicks: snapshot.lateTicks,
    packets,
    cpu: { processMs: round(cpu.processMs), tickMs: round(cpu.tickMs) },
    turnSpans: story.turns.map((span) => ({ state: span.state, fromMs: round(span.fromMs), toMs: round(span.toMs) })),
    speech: story.speech.map((span) => ({ by: span.by, fromMs: round(span.fromMs), toMs: round(span.toMs) })),
    transcript: story.transcript.map((line) => ({ atMs: round(line.atMs), by: line.by, text: line.text })),
    digits: story.digits,
    checks,
    files,
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

// Output that the documentation shows: made by the code itself from fixed figures.
import { findingLines } from '../src/cli/doctor.ts';
import { judgeLine } from '../src/cli/doctor/call/judge-line.ts';
import { callTimeline } from '../src/cli/troubleshoot/call-timeline.ts';
import { diagnose, diagnosisLines } from '../src/cli/troubleshoot/diagnosis.ts';
import { drawCall } from '../src/cli/troubleshoot/timeline-picture.ts';
import { timelineLines } from '../src/cli/troubleshoot/timeline-text.ts';
import type { CallRecord } from '../src/observe/call-record-schema.ts';
import { record } from '../test/cli/troubleshoot/good-record.ts';

/** An agent that hears itself, and packets that are lost. */
function spoilt(): CallRecord {
  const cut = (at_ms: number, played_ms: number) => ({ at_ms, stop_ms: 40, verdict_ms: 130, played_ms });
  const good = record();
  return record({
    barge_ins: [cut(10_100, 1_100), cut(22_200, 1_200)],
    agent_turns: 3,
    suspects: [],
    media: {
      captured_frames: 1_880,
      lost_frames: 120,
      concealed_ms: 1_900,
      jitter_ms: 34.2,
      echo_delay_ms: 180,
      erle_db: 6.5,
    },
    events: good.events
      .filter(({ type }) => type !== 'barge-in')
      .concat(
        { at_ms: 10_100, type: 'barge-in', stopMs: 40, verdictMs: 130, playedMs: 1_100, droppedMs: 2_000 },
        { at_ms: 22_200, type: 'barge-in', stopMs: 40, verdictMs: 130, playedMs: 1_200, droppedMs: 2_000 },
        { at_ms: 30_000, type: 'media.underrun', missingMs: 60 },
      )
      .sort((a, b) => a.at_ms - b.at_ms),
  });
}

/** What `talkspurt troubleshoot last` prints of it. */
export function troubleshootExample(): string {
  const call = spoilt();
  const lines = [...diagnosisLines(diagnose(call)), '', ...timelineLines(callTimeline(call), 90)];
  return fenced(['$ talkspurt troubleshoot last', ...lines]);
}

/** …and draws. */
export function troubleshootPicture(): string {
  const call = spoilt();
  return drawCall(callTimeline(call), `Call ${call.session_uuid}`, `${call.started_at} · ${diagnose(call).summary}`);
}

/** The lines of a call of the doctor's. */
export function doctorExample(): string {
  const back = {
    framesHeard: 540,
    wireLossPct: 3.1,
    jitterMs: 2.2,
    jitterWorstMs: 31,
    loudestDbov: -32,
    chirpMatch: 0.97,
    reading: 'pcmu',
    rateRatio: 1.000002,
    delayMs: 94,
    gainDb: -20.1,
    lossPct: 3.3,
    keys: '159#',
    speechMatch: 0.96,
  } as const;
  const call = { about: 'pbx (rtp, pcmu/8000@20ms)', back, out: null, eventKeysOut: null, eventKeysBack: null };
  return fenced(['$ talkspurt doctor --call pbx', '…', ...judgeLine(call).flatMap((finding) => findingLines(finding))]);
}

function fenced(lines: readonly string[]): string {
  return ['```text', ...lines.map((line) => line.trimEnd()), '```'].join('\n');
}

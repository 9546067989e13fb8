/** What was wrong with a call: the symptoms of the table that its record shows. */
import { z } from 'zod';
import type { CallRecord } from '../../observe/call-record-schema.ts';
import { causeName } from './record-figures.ts';
import { SYMPTOMS } from './symptoms.ts';

/** What `talkspurt troubleshoot --json` prints; docs/schema/troubleshoot.json is made from it. */
export const diagnosisSchema = z.strictObject({
  version: z.literal(1).describe('Of this schema'),
  call: z.string().describe('Channel of the switch'),
  started_at: z.string().describe('ISO 8601, UTC'),
  summary: z.string().describe('One line for people'),
  causes: z
    .array(
      z.strictObject({
        id: z.string().describe('Symptom of docs/troubleshooting.md; stable'),
        symptom: z.string().describe('What people complain of'),
        cause: z.string().describe('Why'),
        certainty: z.enum(['certain', 'likely', 'possible']).describe('How sure the record is'),
        evidence: z.string().describe('Figures of the record'),
        fix: z.string().describe('What to do'),
      }),
    )
    .describe('Likely causes, the surest first; empty: the record shows nothing wrong'),
});

/** One call, judged. */
export type Diagnosis = z.infer<typeof diagnosisSchema>;

const SURENESS = { certain: 0, likely: 1, possible: 2 } as const;

/** Pure. */
export function diagnose(record: CallRecord): Diagnosis {
  const causes = SYMPTOMS.flatMap(({ id, symptom, cause, certainty, fix, evidence }) => {
    const found = evidence(record);
    return found === null ? [] : [{ id, symptom, cause, certainty, evidence: found, fix }];
  });
  return {
    version: 1,
    call: record.session_uuid,
    started_at: record.started_at,
    summary: summaryOf(record),
    causes: causes.sort((a, b) => SURENESS[a.certainty] - SURENESS[b.certainty]),
  };
}

function summaryOf(record: CallRecord): string {
  const { switch: where, profile, transport, leg, backends, reason, hangup_cause: cause, error } = record;
  const ended = `${reason}${cause === 0 ? '' : ` (${cause} ${causeName(cause)})`}${error === null ? '' : `, ${error}`}`;
  return [
    `${(record.duration_ms / 1000).toFixed(1)} s`,
    ...(where === null ? [] : [`switch ${where}`]),
    ...(profile === null ? [] : [`profile ${profile}`]),
    ...(transport === null ? [] : [`${transport} ${leg ?? ''}`.trim()]),
    ...(backends.length === 0 ? [] : [`backend ${backends.join(', ')}`]),
    `${record.caller_turns} turns of the caller`,
    `${record.barge_ins.length} barge-ins`,
    `ended by ${ended}`,
  ].join(' · ');
}

/** For a terminal. */
export function diagnosisLines({ call, started_at, summary, causes }: Diagnosis): string[] {
  const lines = [`call ${call}, ${started_at}`, summary, ''];
  if (causes.length === 0) return [...lines, 'The record shows nothing wrong.'];
  for (const [index, { symptom, cause, certainty, evidence, fix }] of causes.entries()) {
    lines.push(`${index + 1}. ${symptom}`);
    lines.push(`   ${certainty === 'certain' ? 'cause' : `${certainty} cause`}: ${cause}`);
    lines.push(`   evidence: ${evidence}`, `   fix: ${fix}`);
  }
  return lines;
}

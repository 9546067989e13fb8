/** What the doctor says of one thing. */
import { z } from 'zod';

/** `fail`: calls suffer or do not work; `warn`: they may; `skip`: it could not be looked at, and why. */
export type Verdict = 'pass' | 'warn' | 'fail' | 'skip';

/** One line of the report. */
export const findingSchema = z.strictObject({
  id: z.string().describe('Stable: part and thing, `clock.ntp`'),
  about: z.string().describe('What was looked at: a switch, a backend, a port; empty: this machine'),
  verdict: z.enum(['pass', 'warn', 'fail', 'skip']).describe('`skip`: it could not be looked at'),
  text: z.string().describe('What was found'),
  fix: z.string().nullable().describe('What to do; null: nothing'),
  figures: z.record(z.string(), z.number()).describe('What was measured'),
});

/** One line of the report. */
export type Finding = Readonly<z.infer<typeof findingSchema>>;

/** What `talkspurt doctor --json` prints; docs/schema/doctor.json is made from it. */
export const doctorReportSchema = z.strictObject({
  version: z.literal(1).describe('Of this schema'),
  talkspurt: z.string().describe('Version of the program'),
  at: z.string().describe('ISO 8601, UTC'),
  seconds: z.number().describe('How long it took'),
  verdict: z.enum(['pass', 'warn', 'fail']).describe('The worst of all'),
  findings: z.array(findingSchema).describe('In the order in which they were looked at'),
});

/** The whole report. */
export type DoctorReport = z.infer<typeof doctorReportSchema>;

type Extra = { readonly about?: string; readonly figures?: Readonly<Record<string, number>> };

/** It is as it should be. */
export function pass(id: string, text: string, extra: Extra = {}): Finding {
  return make(id, 'pass', text, null, extra);
}

/** It may hurt calls. */
export function warn(id: string, text: string, fix: string, extra: Extra = {}): Finding {
  return make(id, 'warn', text, fix, extra);
}

/** It does hurt them. */
export function fail(id: string, text: string, fix: string, extra: Extra = {}): Finding {
  return make(id, 'fail', text, fix, extra);
}

/** It could not be looked at. */
export function skip(id: string, text: string, extra: Extra = {}): Finding {
  return make(id, 'skip', text, null, extra);
}

/** The worst of `findings`; what was not looked at is no fault. */
export function worst(findings: readonly Finding[]): DoctorReport['verdict'] {
  if (findings.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return findings.some(({ verdict }) => verdict === 'warn') ? 'warn' : 'pass';
}

function make(id: string, verdict: Verdict, text: string, fix: string | null, extra: Extra): Finding {
  return { id, about: extra.about ?? '', verdict, text, fix, figures: { ...extra.figures } };
}

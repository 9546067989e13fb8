/** What the symptom table is made of. */
import type { CallRecord } from '../../observe/call-record-schema.ts';

/** One line of the table. */
export interface Symptom {
  /** Stable. */
  readonly id: string;
  /** What people say. */
  readonly symptom: string;
  readonly cause: string;
  /** How a record shows it, for the documentation. */
  readonly sign: string;
  readonly fix: string;
  /** How sure the sign is. The surest cause is told first; of two alike the one that stands first here. */
  readonly certainty: 'certain' | 'likely' | 'possible';
  /** The figures that say so, or null: it is not that. */
  readonly evidence: (record: CallRecord) => string | null;
}

/** Figures from which on something is told. */
export const TROUBLE = {
  lossPct: 1,
  jitterMs: 30,
  bufferMs: 150,
  lateTickPct: 2,
  underrunPct: 5,
  driftPpm: 500,
  rttMs: 300,
  /** A call that is shorter, or has fewer frames, says nothing of what is missing in it. */
  leastMs: 10_000,
  leastFrames: 100,
  mutedDbov: -65,
  quietDbov: -45,
  answerMs: 1_500,
  endpointMs: 1_000,
  connectMs: 2_000,
  earlyMs: 5_000,
  echoDb: 10,
} as const;

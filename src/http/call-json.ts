/** A call as the API shows it: its health, how quick its answers were, and (where it may) who is talking. */
import { sessionHealth } from '../observe/health.ts';
import type { SessionHealthJson, SessionSnapshot } from '../observe/health.ts';

/** Times from the end of a turn to the first agent audio, ms, over the last 64 answers; null: there was none. */
export interface LatencyJson {
  readonly answers: number;
  readonly last_ms: number | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
}

/** One call. */
export interface CallJson extends SessionHealthJson {
  readonly latency: LatencyJson;
  /** Personal; null unless `status.personalData`. */
  readonly from: string | null;
  readonly to: string | null;
}

/** `parties` is personal; null: it is not to be shown, or not known. */
export function callJson(snapshot: SessionSnapshot, parties: { from: string; to: string } | null): CallJson {
  const { from = null, to = null } = parties ?? {};
  return { ...sessionHealth(snapshot), latency: latencyJson(snapshot.responseLatencyMs), from, to };
}

/** Nearest-rank percentiles of `latencies`, oldest first. */
export function latencyJson(latencies: readonly number[]): LatencyJson {
  const sorted = latencies.toSorted((a, b) => a - b);
  const rank = (share: number): number | null => rounded(sorted[Math.ceil(share * sorted.length) - 1]);
  return { answers: latencies.length, last_ms: rounded(latencies.at(-1)), p50_ms: rank(0.5), p95_ms: rank(0.95) };
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}

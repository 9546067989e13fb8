/** What the symptom table asks of a record. */
import { q850Name } from '../../core/hangup-causes.ts';
import type { CallRecord } from '../../observe/call-record-schema.ts';

/** The errors of the record whose code fits, with their number; null: none. */
export function hasError(record: CallRecord, code: RegExp): string | null {
  const counts = new Map<string, number>();
  for (const codes of [record.errors, record.backend_errors]) {
    for (const [name, count] of Object.entries(codes)) counts.set(name, Math.max(counts.get(name) ?? 0, count));
  }
  if (record.error !== null && !counts.has(record.error)) counts.set(record.error, 1);
  const found = [...counts].filter(([name]) => code.test(name));
  return found.length === 0
    ? null
    : found.map(([name, count]) => (count === 1 ? name : `${count} × ${name}`)).join(', ');
}

/** 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** In per cent, 0..100; 0 of nothing. */
export function sharePct(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(100, (100 * part) / whole);
}

/** `8.0 %`. */
export function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

/** Of ITU-T Q.850, as FreeSWITCH writes it. */
export function causeName(cause: number): string {
  return q850Name(cause) ?? 'unknown';
}

/** Whether a suspicion is one of that side. */
export function starts(suspect: string, side: 'caller' | 'agent'): boolean {
  return suspect.startsWith(`${side}: `);
}

/** The suspicions of the record that fit; null: none. */
export function suspected({ suspects }: CallRecord, which: RegExp): string | null {
  const found = suspects.filter((suspect) => which.test(suspect));
  return found.length === 0 ? null : found.join(', ');
}

/** `1.5 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** `once`, `3 times`. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

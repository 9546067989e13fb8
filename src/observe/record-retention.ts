/** Which files of a records folder there are, and which have had their time. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../limits.ts';

const PATTERN = /^calls-(\d{4}-\d{2}-\d{2})(?:\.(\d{1,6}))?\.jsonl$/;
const DAY_MS = 86_400_000;

/** Names of record files. */
export const RECORD_FILE = {
  name: (day: string, part: number): string => `calls-${day}${part === 0 ? '' : `.${part}`}.jsonl`,
  pattern: PATTERN,
} as const;

/** One file of records. */
export interface RecordFile {
  readonly path: string;
  readonly day: string;
  readonly part: number;
}

/** `2026-01-31`, UTC. */
export function dayOf(wallTimeMs: number): string {
  return new Date(Number.isFinite(wallTimeMs) ? wallTimeMs : 0).toISOString().slice(0, 10);
}

/** Oldest first. @throws what the file system says */
export async function recordFiles(folder: string): Promise<RecordFile[]> {
  const files: RecordFile[] = [];
  for (const name of await readdir(folder)) {
    const match = PATTERN.exec(name);
    if (match !== null) files.push({ path: join(folder, name), day: match[1] ?? '', part: Number(match[2] ?? 0) });
  }
  return files.sort((a, b) => (a.day === b.day ? a.part - b.part : a.day < b.day ? -1 : 1));
}

/** When a sweep is, and what it leaves. */
export interface SweepOrder {
  readonly nowMs: number;
  readonly days: number;
  readonly maximumBytes: number;
  /** `nowMs` is believed although there is no record of the days before it: the process has been up for long enough. */
  readonly sure: boolean;
}

/**
 * Removes the oldest day's files where that is more than `days` days ago, then the oldest until all together have `maximumBytes`;
 * the newest stays. One day in a sweep: a clock that is far ahead costs a day an hour, and not everything at once. Resolves to
 * the longest time without records, days, if nothing was removed by its age because of it: pause or clock, who knows.
 */
export async function sweepRecords(
  folder: string,
  { nowMs, days, maximumBytes, sure }: SweepOrder,
): Promise<number | null> {
  const files = await recordFiles(folder);
  const first = dayOf(nowMs - days * DAY_MS);
  const oldest = files[0]?.day ?? '';
  const overdue = oldest !== '' && oldest < first;
  const gap = overdue && !sure ? longestGap(files, dayOf(nowMs)) : 0;
  const doubted = gap > LIMITS.recordGapDays;
  const kept: { path: string; size: number }[] = [];
  for (const { path, day } of files) {
    if (overdue && !doubted && day === oldest) await rm(path, { force: true });
    else kept.push({ path, size: await sizeOf(path) });
  }
  await fitInto(kept, maximumBytes);
  return doubted ? gap : null;
}

/** Days from one record to the next, and from the last one to today; what is dated later says nothing. */
function longestGap(files: readonly RecordFile[], today: string): number {
  const days = [...files.map(({ day }) => day).filter((day) => day <= today), today].map((day) => Date.parse(day));
  return Math.max(0, ...days.slice(1).map((day, at) => Math.round((day - days[at]!) / DAY_MS)));
}

/** Oldest first; the newest stays. */
async function fitInto(kept: readonly { path: string; size: number }[], maximumBytes: number): Promise<void> {
  let total = kept.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of kept.slice(0, -1)) {
    if (total <= maximumBytes) return;
    await rm(path, { force: true });
    total -= size;
  }
}

/** Another process may share the folder, and have removed it. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** Which files of a records folder there are, and which have had their time. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

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

/**
 * Removes the oldest day's files where that is more than `days` days ago, then the oldest until all together have `maximumBytes`;
 * the newest stays. One day in a sweep: a clock that is far ahead costs a day an hour, and not everything at once.
 */
export async function sweepRecords(
  folder: string,
  { nowMs, days, maximumBytes }: { nowMs: number; days: number; maximumBytes: number },
): Promise<void> {
  const first = dayOf(nowMs - days * DAY_MS);
  const kept: { path: string; size: number }[] = [];
  const files = await recordFiles(folder);
  const [oldest] = files;
  for (const { path, day } of files) {
    if (day < first && day === oldest?.day) await rm(path, { force: true });
    else kept.push({ path, size: await sizeOf(path) });
  }
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

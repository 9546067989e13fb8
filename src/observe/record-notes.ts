/**
 * Notes of the calls that are up, one file for each process that shares a records folder: what is in one whose process has
 * gone are calls that nobody ended.
 */
import { readFileSync } from 'node:fs';
import { readFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { callRecordSchema } from './call-record-schema.ts';
import type { CallRecord } from './call-record-schema.ts';
import { dayOf, recordFiles } from './record-retention.ts';

/** Process id, and when it was started: ids are used again, in a container at once. */
const PATTERN = /^(running-(\d{1,10})-(\w{1,24})\.jsonl)(?:\.taken-by-(\d{1,10}))?$/;
const PASSED_OVER: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR']);

/** What was left, and the files that may go once it is written. */
export interface LeftNotes {
  readonly records: readonly CallRecord[];
  readonly paths: readonly string[];
}

/** This process's own. */
export function notesFile(folder: string): string {
  return join(folder, `running-${process.pid}-${startOf(process.pid) ?? 'unknown'}.jsonl`);
}

/**
 * Calls that processes which have gone left noted, as `aborted`. Their notes are put aside as ours: who dies before it has written
 * them leaves them to the next. @throws what the file system says
 */
export async function takeLeftNotes(folder: string): Promise<LeftNotes> {
  const left: CallRecord[] = [];
  const paths: string[] = [];
  for (const name of await readdir(folder)) {
    const [, notes, pid, start, taker] = PATTERN.exec(name) ?? [];
    if (notes === undefined || isInUse(Number(pid), start ?? '', taker)) continue;
    // Of two that start at once one has them.
    const mine = join(folder, `${notes}.taken-by-${process.pid}`);
    let text: string;
    try {
      await rename(join(folder, name), mine);
      text = await readFile(mine, 'utf8');
    } catch (error) {
      // Another has them; or they are another user's, whose process ran here once: that must not cost what the others say.
      if (PASSED_OVER.has((error as NodeJS.ErrnoException).code ?? '')) continue;
      throw error;
    }
    paths.push(mine);
    left.push(...parseRecords(text).map((record) => ({ ...record, reason: 'aborted' as const })));
  }
  return { records: await withoutWritten(folder, left), paths };
}

/** By whom they are of, or by another who has begun to take them; an own process of before had our id (in a container all have). */
function isInUse(pid: number, start: string, taker: string | undefined): boolean {
  if (taker === undefined) return isRunning(pid, start);
  return Number(taker) !== process.pid && isAlive(Number(taker));
}

/** Every line that is a record; others are passed over. */
export function parseRecords(text: string): CallRecord[] {
  const records: CallRecord[] = [];
  for (const line of text.split('\n')) {
    const record = parseRecord(line);
    if (record !== null) records.push(record);
  }
  return records;
}

/** Null: it is none, or of a version that is not known here. */
export function parseRecord(line: string): CallRecord | null {
  if (line.trim() === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    // Cut off: a disk was full, or the process died.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const result = callRecordSchema.safeParse(value);
  return result.success ? result.data : null;
}

/** It may have died between the record and the note of it. */
async function withoutWritten(folder: string, left: readonly CallRecord[]): Promise<CallRecord[]> {
  if (left.length === 0) return [];
  const firstDay = left.map(({ started_at }) => dayOf(Date.parse(started_at))).sort()[0] ?? '';
  const written = new Set<string>();
  for (const { path, day } of await recordFiles(folder)) {
    if (day < firstDay) continue;
    for (const record of parseRecords(await readFile(path, 'utf8'))) written.add(identity(record));
  }
  return left.filter((record) => !written.has(identity(record)));
}

function identity({ session_uuid, started_at }: CallRecord): string {
  return `${session_uuid} ${started_at}`;
}

function isRunning(pid: number, start: string): boolean {
  if (pid === process.pid) return startOf(pid) === start;
  if (!isAlive(pid)) return false;
  const now = startOf(pid);
  return now === null || now === start;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is there all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of Linux's /proc/PID/stat, with the boot it is counted from; null: not to be known here. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const ticks = text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
    return `${boot}x${ticks}`;
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

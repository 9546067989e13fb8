/**
 * Notes of the calls that are up, one file for each process that shares a records folder: what is in one whose process has
 * gone are calls that nobody ended.
 */
import { readFileSync } from 'node:fs';
import { readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { callRecordSchema } from './call-record-schema.ts';
import type { CallRecord } from './call-record-schema.ts';
import { dayOf, recordFiles } from './record-retention.ts';

/** Process id, and when it was started: ids are used again, in a container at once. */
const PATTERN = /^running-(\d{1,10})-(\w{1,24})\.jsonl$/;

/** This process's own. */
export function notesFile(folder: string): string {
  return join(folder, `running-${process.pid}-${startOf(process.pid) ?? 'unknown'}.jsonl`);
}

/** Calls that processes which have gone left noted, as `aborted`; their notes are taken away. @throws what the file system says */
export async function takeLeftNotes(folder: string): Promise<CallRecord[]> {
  const left: CallRecord[] = [];
  for (const name of await readdir(folder)) {
    const match = PATTERN.exec(name);
    if (match === null || isRunning(Number(match[1]), match[2] ?? '')) continue;
    const path = join(folder, name);
    // Of two that start at once one has them.
    const mine = `${path}.taken-by-${process.pid}`;
    try {
      await rename(path, mine);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    left.push(
      ...parseRecords(await readFile(mine, 'utf8')).map((record) => ({ ...record, reason: 'aborted' as const })),
    );
    await rm(mine, { force: true });
  }
  return await withoutWritten(folder, left);
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
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process is there all the same.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  return now === null || now === start;
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

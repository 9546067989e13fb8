/** Finds the record of one call in a folder of records, or in one file of them. */
import { readFile, stat } from 'node:fs/promises';
import { TalkspurtError } from '../../core/errors.ts';
import type { CallRecord } from '../../observe/call-record-schema.ts';
import { parseRecord } from '../../observe/record-notes.ts';
import { recordFiles } from '../../observe/record-retention.ts';

/** How records come to be, for those who have none. */
export const HOW_TO_RECORD =
  'records are kept when the configuration names a folder (records: {folder: /var/lib/talkspurt/records}) and from the next call that ends on';

/**
 * `which` is `last`, a channel's id, or its first characters where they are those of one call only; of several calls of one
 * channel the latest.
 * @throws ERR_TALKSPURT_UNKNOWN_CALL when there is none, or more than one; ERR_TALKSPURT_CONFIG_UNREADABLE
 */
export async function findRecord(place: string, which: string): Promise<CallRecord> {
  const fits = (record: CallRecord): boolean => which === 'last' || record.session_uuid.startsWith(which);
  let found: CallRecord | null = null;
  let several = false;
  for (const path of await filesOf(place)) {
    const lines = (await textOf(path)).split('\n');
    // A line is parsed only where it may be the one.
    for (let at = lines.length - 1; at >= 0; at -= 1) {
      const line = lines[at] ?? '';
      if (which !== 'last' && !line.includes(which)) continue;
      const record = parseRecord(line);
      if (record === null || !fits(record)) continue;
      if (which === 'last' || record.session_uuid === which) return record;
      // Not the end of the search: on an Asterisk `….1` is a whole id, and the beginning of `….10`.
      several ||= found !== null && found.session_uuid !== record.session_uuid;
      found ??= record;
    }
  }
  if (several) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_UNKNOWN_CALL',
      `more than one call begins with ${which}: give more of its id`,
    );
  }
  if (found !== null) return found;
  const what = which === 'last' ? 'no call is recorded there' : `no record there is of a call ${which}`;
  throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', `${what} (${place}); ${HOW_TO_RECORD}`);
}

/** Newest first. */
async function filesOf(place: string): Promise<string[]> {
  try {
    if (!(await stat(place)).isDirectory()) return [place];
    return (await recordFiles(place)).map(({ path }) => path).reverse();
  } catch (error) {
    throw unreadable(place, HOW_TO_RECORD, error);
  }
}

/** One that cannot be read is not passed over: what is asked for may be in it. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, 'run this as a user or a group that may read it, or name another file', error);
  }
}

function unreadable(place: string, fix: string, cause: unknown): TalkspurtError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  const message = `records cannot be read at ${place} (${code}); ${fix}`;
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_UNREADABLE', message, { cause });
}

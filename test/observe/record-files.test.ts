/** Call records on disk: a file a day, retention, a disk that is full, a process that died. Real files, time that stands still. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { CallRecordSink } from '../../src/observe/call-record.ts';
import type { CallRecord } from '../../src/observe/call-record.ts';
import { RecordFiles } from '../../src/observe/record-files.ts';
import { parseRecords } from '../../src/observe/record-notes.ts';
import { recordFiles, sweepRecords } from '../../src/observe/record-retention.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { everyEvent } from './every-event.ts';

const test = suite('record files');
const root = mkdtempSync(join(tmpdir(), 'talkspurt-records-'));
test.after(() => rmSync(root, { recursive: true }));
let folders = 0;

/** A record of a call that began then; the fake clock's own day is 2023-11-14. */
function record(id: string, started = '2023-11-14T10:00:00.000Z'): CallRecord {
  const clock = new FakeClock();
  const records: CallRecord[] = [];
  const sink = new CallRecordSink({ clock, personalData: false, onRecord: (each) => void records.push(each) });
  for (const event of everyEvent('x', id, clock.nowMs())) sink.emit(event);
  return { ...records[0]!, started_at: started };
}

class Rig {
  readonly clock = new FakeClock();
  readonly folder: string;
  readonly files: RecordFiles;
  running: CallRecord[] = [];
  readonly told: string[] = [];

  constructor(given: { folder?: string; maxMegabytes?: number } = {}) {
    this.folder = given.folder ?? join(root, `f${(folders += 1)}`);
    this.files = new RecordFiles({
      clock: this.clock,
      folder: this.folder,
      days: 30,
      maxMegabytes: given.maxMegabytes ?? 500,
      running: () => this.running,
      onTrouble: (code) => void this.told.push(code),
      onDoubt: (gapDays) => void this.told.push(`doubt ${gapDays}`),
      onRecovered: (lost) => void this.told.push(`recovered, ${lost} lost`),
    });
  }

  ids(file: string): string[] {
    return parseRecords(readFileSync(join(this.folder, file), 'utf8')).map(({ session_uuid }) => session_uuid);
  }
}

/** Until the file system has done its part. */
async function until(is: () => boolean, what: string): Promise<void> {
  for (let turns = 0; turns < 20_000 && !is(); turns += 1) await turn();
  assert.ok(is(), what);
}

test('a line for each call, in the file of the day on which it ended', async () => {
  const rig = new Rig();
  const { files, folder, told } = rig;
  await files.start();
  files.write(record('a'));
  files.write(record('b', '2023-11-14T23:59:59.000Z'));
  files.write(record('c'));
  await files.close();
  assert.equal(readdirSync(folder).sort(), ['calls-2023-11-14.jsonl', 'calls-2023-11-15.jsonl']);
  assert.equal(rig.ids('calls-2023-11-14.jsonl'), ['a', 'c']);
  assert.equal(rig.ids('calls-2023-11-15.jsonl'), ['b']);
  assert.equal(told, []);
});

test('a line that was cut off costs itself alone', async () => {
  const rig = new Rig();
  mkdirSync(rig.folder);
  const file = 'calls-2023-11-14.jsonl';
  writeFileSync(join(rig.folder, file), `${JSON.stringify(record('a'))}\n{"version":1,"session_uu`);
  await rig.files.start();
  rig.files.write(record('b'));
  await rig.files.close();
  assert.equal(rig.ids(file), ['a', 'b']);
});

test('a full disk harms nobody: told once, records wait, and it goes on by itself', async () => {
  const rig = new Rig();
  mkdirSync(rig.folder);
  const path = join(rig.folder, 'calls-2023-11-14.jsonl');
  // Writing to it fails with ENOSPC, as a full disk does.
  symlinkSync('/dev/full', path);
  await rig.files.start();
  rig.files.write(record('a'));
  await until(() => rig.told.length > 0, 'it is told');
  for (let n = 0; n < 5; n += 1) {
    rig.files.write(record(`b${n}`));
    rig.clock.advance(LIMITS.recordRetryMs);
    for (let turns = 0; turns < 50; turns += 1) await turn();
  }
  assert.equal(rig.told, ['ENOSPC'], 'once');
  assert.is(rig.files.failing, true);
  unlinkSync(path);
  await until(() => {
    rig.clock.advance(LIMITS.recordRetryMs);
    return rig.told.length > 1;
  }, 'it is told that it works again');
  assert.equal(rig.told, ['ENOSPC', 'recovered, 0 lost']);
  assert.is(rig.files.failing, false);
  await rig.files.close();
  assert.equal(rig.ids('calls-2023-11-14.jsonl'), ['a', 'b0', 'b1', 'b2', 'b3', 'b4']);
  assert.is(rig.clock.pending, 0, 'no timer is left');
});

/** From now on no file of this process can grow beyond so many bytes, as on a disk that fills up in the middle of a write; null: it can. */
function limitFiles(bytes: number | null): void {
  execFileSync('prlimit', [`--fsize=${bytes ?? 'unlimited'}:`, `--pid=${process.pid}`]);
}

/** Whether this system lets a process limit itself: Linux does, with util-linux. */
function canLimitFiles(): boolean {
  const isThere = spawnSync('prlimit', ['--fsize=unlimited:', `--pid=${process.pid}`]).status === 0;
  if (!isThere) process.stdout.write('skipped: this system has no prlimit\n');
  return isThere;
}

test('a disk that fills up in the middle of a write has no record twice, and two on no line', async () => {
  if (!canLimitFiles()) return;
  const names = ['a', 'bé', 'c', 'd'];
  const lines = names.map((name) => Buffer.byteLength(JSON.stringify(record(name))) + 1);
  const third = lines.slice(0, 3).reduce((sum, bytes) => sum + bytes, 0);
  const heard = (): void => undefined;
  process.on('SIGXFSZ', heard);
  // In the middle of the third, behind all of it but its line end, behind that, and behind one byte of the fourth.
  for (const [limit, torn] of [
    [third - 200, 1],
    [third - 1, 0],
    [third, 0],
    [third + 1, 1],
  ] as const) {
    const rig = new Rig();
    const file = 'calls-2023-11-14.jsonl';
    await rig.files.start();
    try {
      limitFiles(limit);
      for (const name of names) rig.files.write(record(name));
      await until(() => rig.told.length > 0, 'it is told');
    } finally {
      limitFiles(null);
    }
    assert.is(readFileSync(join(rig.folder, file)).length, limit);
    await until(() => {
      rig.clock.advance(LIMITS.recordRetryMs);
      return rig.told.length > 1;
    }, 'it works again');
    await rig.files.close();
    assert.equal(rig.told, ['EFBIG', 'recovered, 0 lost']);
    assert.equal(rig.ids(file), names, `cut at ${limit - third}`);
    const left = readFileSync(join(rig.folder, file), 'utf8').split('\n');
    assert.is(left.length, names.length + torn + 1, 'what was cut off stands on a line of its own');
  }
  process.off('SIGXFSZ', heard);
});

test('a record that is given up while it is being written is lost only where it was not written', async () => {
  const rig = new Rig();
  const file = 'calls-2023-11-14.jsonl';
  await rig.files.start();
  for (const name of ['a', 'b', 'c']) rig.files.write(record(name));
  await until(() => existsSync(join(rig.folder, file)), 'it is being written');
  // As much as may wait, and more.
  const large = { ...record('large'), correlation_id: 'x'.repeat(LIMITS.recordQueueBytes - 1_000_000) };
  for (const name of ['d', 'e']) rig.files.write({ ...large, session_uuid: name });
  await rig.files.close();
  const lines = readFileSync(join(rig.folder, file), 'utf8').trimEnd().split('\n');
  const ids = lines.map((line) => (JSON.parse(line) as CallRecord).session_uuid);
  assert.equal(ids, ['a', 'b', 'c', 'e']);
  assert.is(rig.files.lost, 1);
});

test('a line that was cut off is ended whichever file was written to since', async () => {
  const rig = new Rig();
  const [file, next] = ['calls-2023-11-14.jsonl', 'calls-2023-11-15.jsonl'];
  const written = (name: string, id: string): boolean =>
    existsSync(join(rig.folder, name)) && rig.ids(name).includes(id);
  await rig.files.start();
  rig.files.write(record('a'));
  await until(() => written(file, 'a'), 'the first one is there');
  rig.files.write(record('b', '2023-11-14T23:59:59.000Z'));
  await until(() => written(next, 'b'), 'so is that of the next day');
  truncateSync(join(rig.folder, file), JSON.stringify(record('a')).length);
  rig.files.write(record('c'));
  await rig.files.close();
  assert.equal(rig.ids(file), ['a', 'c']);
});

test('a folder that cannot be made holds nobody up, and the oldest records are given up', async () => {
  const path = join(root, 'no-folder');
  writeFileSync(path, 'a file');
  const rig = new Rig({ folder: join(path, 'in-it') });
  await rig.files.start();
  assert.equal(rig.told, ['ENOTDIR']);
  const one = JSON.stringify(record('x')).length + 1;
  const fits = Math.floor(LIMITS.recordQueueBytes / one);
  for (let n = 0; n < fits + 25; n += 1) rig.files.write(record('x'));
  assert.is(rig.files.lost, 25);
  await rig.files.close();
});

test('a folder that somebody removes is made again, before a call ends', async () => {
  const rig = new Rig();
  await rig.files.start();
  rig.running = [record('up')];
  const noted = (): boolean =>
    existsSync(rig.folder) && readdirSync(rig.folder).some((name) => name.endsWith('.jsonl'));
  rig.files.note();
  await until(noted, 'the call is noted');
  rmSync(rig.folder, { recursive: true });
  rig.files.note();
  await until(noted, 'and again');
  assert.equal(rig.told, []);
  rig.running = [];
  await rig.files.close();
});

test('what is old goes, then what is too much, the oldest first; the newest file stays', async () => {
  const folder = join(root, 'old');
  mkdirSync(folder);
  const write = (name: string, bytes: number): void => writeFileSync(join(folder, name), 'x'.repeat(bytes));
  write('calls-2026-01-01.jsonl', 10);
  write('calls-2026-02-01.jsonl', 600);
  write('calls-2026-02-02.jsonl', 300);
  write('calls-2026-02-02.2.jsonl', 100);
  write('calls-2026-02-02.10.jsonl', 100);
  write('calls-2026-02-03.jsonl', 100);
  write('notes.txt', 5_000);
  const nowMs = Date.parse('2026-02-03T12:00:00Z');
  await sweepRecords(folder, { nowMs, days: 10, maximumBytes: 650, sure: true });
  const names = async (): Promise<string[]> =>
    (await recordFiles(folder)).map(({ path }) => path.slice(folder.length + 1));
  const kept = [
    'calls-2026-02-02.jsonl',
    'calls-2026-02-02.2.jsonl',
    'calls-2026-02-02.10.jsonl',
    'calls-2026-02-03.jsonl',
  ];
  assert.equal(await names(), kept);
  await sweepRecords(folder, { nowMs, days: 10, maximumBytes: 1, sure: true });
  assert.equal(await names(), ['calls-2026-02-03.jsonl']);
  assert.ok(existsSync(join(folder, 'notes.txt')), 'what is not ours is left alone');
});

test('a record of before its youngest fields is one all the same', () => {
  const whole = record('a');
  const young = new Set([
    'backend_reconnects',
    'backend_failovers',
    'backend_switches',
    'backend_given_up',
    'unheard_ms',
  ]);
  const old = Object.fromEntries(Object.entries(whole).filter(([key]) => !young.has(key)));
  const [read] = parseRecords(`${JSON.stringify(old)}\n`);
  assert.equal([read?.session_uuid, read?.backend_reconnects, read?.unheard_ms], ['a', [], 0]);
});

test('a sweep takes one day that is overdue, with all its files', async () => {
  const folder = join(root, 'overdue');
  mkdirSync(folder);
  for (const name of ['01-01', '01-01.1', '01-02', '01-03', '03-01'])
    writeFileSync(join(folder, `calls-2026-${name}.jsonl`), 'x');
  const given = { nowMs: Date.parse('2026-03-01T12:00:00Z'), days: 10, maximumBytes: 1_000, sure: true };
  for (const left of [3, 2, 1, 1]) {
    await sweepRecords(folder, given);
    assert.is((await recordFiles(folder)).length, left);
  }
});

/** A folder with a file for each of the last 30 days, and its clock, which may be set. */
async function monthOfRecords(
  aheadMs = 0,
): Promise<{ clock: SetClock; files: RecordFiles; count: () => number; doubts: number[] }> {
  const folder = join(root, `month${(folders += 1)}`);
  mkdirSync(folder);
  const clock = new SetClock();
  for (let day = 0; day < 30; day += 1) {
    const date = new Date(clock.wallTimeMs() - day * 86_400_000).toISOString().slice(0, 10);
    writeFileSync(join(folder, `calls-${date}.jsonl`), '{}\n');
  }
  clock.aheadMs = aheadMs;
  const doubts: number[] = [];
  const files = new RecordFiles({
    onDoubt: (gapDays) => void doubts.push(gapDays),
    ...{ clock, folder, days: 30, maxMegabytes: 500, running: () => [] },
    onTrouble: () => assert.unreachable(),
    onRecovered: () => assert.unreachable(),
  });
  await files.start();
  return { clock, files, doubts, count: () => readdirSync(folder).length };
}

/** The wall clock can be set; the steady one cannot. */
class SetClock extends FakeClock {
  aheadMs = 0;
  override wallTimeMs(): number {
    return super.wallTimeMs() + this.aheadMs;
  }
}

const YEAR_MS = 365 * 86_400_000;

/** The sweep of one hour; what it may have to do is done. */
async function hour(clock: FakeClock, count: () => number, left: number): Promise<void> {
  clock.advance(LIMITS.recordSweepMs);
  await until(() => count() === left, `${left} files are left`);
  for (let turns = 0; turns < 50; turns += 1) await turn();
  assert.is(count(), left);
}

test('a wall clock that jumps forward makes no record older; days that pass do', async () => {
  const { clock, files, count } = await monthOfRecords();
  assert.is(count(), 30);
  clock.aheadMs = 14 * YEAR_MS;
  for (let hours = 0; hours < 5; hours += 1) await hour(clock, count, 30);
  clock.aheadMs = 0;
  // Two days go by, whatever the hands show.
  clock.advance(2 * 86_400_000);
  await until(() => count() < 30, 'the oldest is gone');
  assert.ok(count() >= 28, `${count()}`);
  await files.close();
});

test('a clock that is years ahead at the start costs nothing for half a day, and then a day an hour', async () => {
  const { clock, files, count, doubts } = await monthOfRecords(14 * YEAR_MS);
  const hours = LIMITS.recordDoubtMs / LIMITS.recordSweepMs;
  for (let passed = 1; passed < hours; passed += 1) await hour(clock, count, 30);
  assert.equal(doubts, [14 * 365], 'told once');
  await hour(clock, count, 29);
  await hour(clock, count, 28);
  // Somebody has set it right.
  clock.aheadMs = 0;
  await hour(clock, count, 28);
  await files.close();
});

test('one that is set right in time has cost nothing', async () => {
  const { clock, files, count } = await monthOfRecords(14 * YEAR_MS);
  for (let passed = 1; passed < 6; passed += 1) await hour(clock, count, 30);
  clock.aheadMs = 0;
  for (let passed = 6; passed < 24; passed += 1) await hour(clock, count, 30);
  await files.close();
});

test('a clock is in doubt where it, or a hole in the records, makes them old at a stroke; their size is another matter', async () => {
  const cases: [days: string[], sure: boolean, gap: number | null, left: number][] = [
    [['2026-01-01', '2026-01-31'], false, 30, 2],
    // A day is over, a weekend, a week without a call: as ever.
    [['2026-01-20', '2026-01-25', '2026-01-29'], false, null, 2],
    [['2026-01-20', '2026-01-24', '2026-01-31'], false, null, 2],
    [['2026-01-19', '2026-01-23', '2026-01-31'], false, 8, 3],
    [['2026-01-19', '2026-01-23', '2026-01-31'], true, null, 2],
    // Not overdue: nothing to doubt.
    [['2026-01-22'], false, null, 1],
    // A process whose clock was wrong has left a record of its own day: it does not make that day true.
    [['2026-01-01', '2026-01-02', '2026-01-31'], false, 29, 3],
    // Dated later than now.
    [['2026-01-19', '2026-01-24', '2026-01-31', '2040-05-05'], false, null, 3],
    [[], false, null, 0],
  ];
  for (const [names, sure, gap, left] of cases) {
    const folder = join(root, `doubt${(folders += 1)}`);
    mkdirSync(folder);
    for (const day of names) writeFileSync(join(folder, `calls-${day}.jsonl`), 'x');
    const order = { nowMs: Date.parse('2026-01-31T12:00:00Z'), days: 10, sure };
    assert.is(await sweepRecords(folder, { ...order, maximumBytes: 1_000 }), gap, names.join());
    assert.is((await recordFiles(folder)).length, left, names.join());
    await sweepRecords(folder, { ...order, maximumBytes: 1 });
    assert.is((await recordFiles(folder)).length, Math.min(1, left), 'the disk is not filled for a doubt');
  }
});

test('a day that is too big goes on in another file, and all together stay below the bound', async () => {
  const rig = new Rig({ maxMegabytes: 1 });
  await rig.files.start();
  const line = JSON.stringify(record('a')).length + 1;
  for (let round = 0; round < 40; round += 1) {
    for (let n = 0; n < 60_000 / line; n += 1) rig.files.write(record(`${round}`));
    await until(() => existsSync(rig.folder) && lastId(rig.folder) === `${round}`, `round ${round} is written`);
  }
  await rig.files.close();
  const files = await recordFiles(rig.folder);
  assert.ok(files.length > 1 && files.length <= 6, `${files.length} files`);
  const total = files.reduce((sum, { path }) => sum + readFileSync(path).length, 0);
  assert.ok(total > 500_000 && total < 1_000_000 + 300_000, `${total} bytes`);
});

test('however much may be kept, no file becomes too long to be read as a whole', async () => {
  const rig = new Rig({ maxMegabytes: 1_000_000 });
  mkdirSync(rig.folder);
  const first = join(rig.folder, 'calls-2023-11-14.jsonl');
  writeFileSync(first, '');
  // Holes take no place.
  truncateSync(first, LIMITS.recordFileBytes);
  await rig.files.start();
  rig.files.write(record('a'));
  await rig.files.close();
  assert.equal(rig.ids('calls-2023-11-14.1.jsonl'), ['a']);
});

/** One that has just been removed, or put in place, has nothing. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function lastId(folder: string): string {
  const ids = readdirSync(folder).flatMap((name) => {
    const text = textOf(join(folder, name));
    return [...text.slice(text.lastIndexOf('"session_uuid"')).matchAll(/"session_uuid":"(\d+)"/g)].map(([, id]) =>
      Number(id),
    );
  });
  return String(Math.max(-1, ...ids));
}

test('calls of a process that died are completed by the next one, each once', async () => {
  const died = new Rig();
  mkdirSync(died.folder);
  const name = 'running-999999999-abcdx1.jsonl';
  const notes = ['a', 'b', 'c'].map((id) => JSON.stringify({ ...record(id), reason: 'hangup' }));
  writeFileSync(join(died.folder, name), `${notes.join('\n')}\n{"cut`);
  // It died between the record of b and the note that b is over.
  writeFileSync(join(died.folder, 'calls-2023-11-14.jsonl'), `${JSON.stringify(record('b'))}\n`);
  await died.files.start();
  await died.files.close();
  const records = parseRecords(readFileSync(join(died.folder, 'calls-2023-11-14.jsonl'), 'utf8'));
  assert.equal(
    records.map(({ session_uuid, reason }) => `${session_uuid} ${reason}`),
    ['b hangup', 'a aborted', 'c aborted'],
  );
  assert.equal(readdirSync(died.folder), ['calls-2023-11-14.jsonl'], 'the notes are gone');
});

test('notes that cannot be read cost what they say and nothing else', async () => {
  const rig = new Rig();
  mkdirSync(join(rig.folder, 'running-999999998-ab1.jsonl'), { recursive: true });
  for (const name of ['running-999999997-ab1.jsonl', 'running-999999999-ab1.jsonl']) {
    writeFileSync(join(rig.folder, name), `${JSON.stringify(record(name))}\n`);
  }
  await rig.files.start();
  await rig.files.close();
  assert.is(rig.ids('calls-2023-11-14.jsonl').length, 2);
  assert.equal(rig.told, []);
});

test('notes that a process had begun to take when it died, or could not write down, are taken by the next', async () => {
  const rig = new Rig();
  mkdirSync(rig.folder);
  const gone = 4_194_303;
  const name = `running-${gone}-9x9.jsonl`;
  writeFileSync(join(rig.folder, `${name}.taken-by-${gone - 1}`), `${JSON.stringify(record('first'))}\n`);
  // As in a container, where every process has the same id.
  writeFileSync(
    join(rig.folder, `running-${gone}-8x8.jsonl.taken-by-${process.pid}`),
    `${JSON.stringify(record('second'))}\n`,
  );
  const day = 'calls-2023-11-14.jsonl';
  mkdirSync(join(rig.folder, day));
  await rig.files.start();
  await until(() => rig.told.length > 0, 'the disk is in trouble');
  await rig.files.close();
  assert.ok(existsSync(join(rig.folder, `${name}.taken-by-${process.pid}`)), 'not written: not thrown away');
  rmSync(join(rig.folder, day), { recursive: true });
  const next = new Rig({ folder: rig.folder });
  await next.files.start();
  await until(() => readdirSync(rig.folder).every((each) => !each.includes('taken')), 'notes that are written go');
  await next.files.close();
  assert.equal(next.ids(day).sort(), ['first', 'second']);
});

test('calls that are up are noted, and a process that lives keeps its notes', async () => {
  const rig = new Rig();
  await rig.files.start();
  rig.running = [record('up')];
  rig.files.note();
  const notes = (): string[] =>
    existsSync(rig.folder) ? readdirSync(rig.folder).filter((name) => /^running-.*jsonl$/.test(name)) : [];
  await until(() => notes().length === 1, 'they are noted');
  const other = new Rig({ folder: rig.folder });
  await other.files.start();
  await other.files.close();
  assert.is(notes().length, 1, 'they are not taken from a process that runs');
  rig.running = [];
  rig.clock.advance(LIMITS.recordCheckpointMs);
  await until(() => notes().length === 0, 'nobody is up');
  await rig.files.close();
  assert.equal(readdirSync(rig.folder), []);
});

test.run();

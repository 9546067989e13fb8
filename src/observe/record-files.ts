/**
 * Call records on disk: a JSON line each, a file a day (`calls-2026-01-31.jsonl`, then `.1` and so on when a day is too big), old
 * ones removed. Calls that are up are noted beside them every few seconds; what a process that died has left of its notes is
 * completed by the next one as `aborted`.
 *
 * A disk that is full, slow or gone costs records and nothing else: they wait within a bound, the oldest are lost and counted,
 * the trouble is told once, and so is its end.
 */
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import type { CallRecord } from './call-record-schema.ts';
import { notesFile, takeLeftNotes } from './record-notes.ts';
import { RECORD_FILE, dayOf, recordFiles, sweepRecords } from './record-retention.ts';

/** Where records are kept, and for how long. */
export interface RecordFilesOptions {
  readonly clock: Clock;
  readonly folder: string;
  readonly days: number;
  readonly maxMegabytes: number;
  /** Calls that are up, as they would be recorded if the process died now. */
  running(): readonly CallRecord[];
  /** Writing has failed for the first time since it last worked: `code` is the system's. */
  onTrouble(code: string): void;
  /** Nothing is removed by its age for now: there are `gapDays` days without a record, or the clock is wrong. Told once. */
  onDoubt(gapDays: number): void;
  /** It works again; `lost` records never got there. */
  onRecovered(lost: number): void;
}

/** A record that waits to be written. */
interface Waiting {
  readonly line: string;
  readonly day: string;
}

const MEGABYTE = 1_000_000;
/** Share of all files that one may have: removing the oldest must leave something. */
const FILE_SHARE = 0.2;

/** The folder of records. Nothing here throws to whoever records. */
export class RecordFiles {
  readonly #options: RecordFilesOptions;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** Those that are being written: one that is given up meanwhile may be there all the same. */
  #underWay: ReadonlySet<Waiting> = new Set();
  #lost = 0;
  #lostSinceTrouble = 0;
  #troubled = false;
  /** The file that is known to end with a line: in any other the last one may have been cut off. */
  #sound = '';
  #working: Promise<void> | null = null;
  #retry: Timer | null = null;
  #leftGone: Promise<void> = Promise.resolve();
  #noting = false;
  #notedEmpty = true;
  #closed = false;
  readonly #timers: Timer[] = [];
  /** The wall clock's time less the steady one's, as it is believed, ms. */
  #wallOffsetMs: number;
  readonly #startedMs: number;
  #doubted = false;

  constructor(options: RecordFilesOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
    this.#wallOffsetMs = options.clock.wallTimeMs() - options.clock.nowMs();
  }

  /** Records that could not be written since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** Writing has failed, and has not worked since. */
  get failing(): boolean {
    return this.#troubled;
  }

  /** Completes what an earlier process left, removes what is old, and begins to note. Never rejects. */
  async start(): Promise<void> {
    const { clock, folder } = this.#options;
    await this.#guarded(async () => {
      await mkdir(folder, { recursive: true, mode: 0o750 });
      const { records, paths } = await takeLeftNotes(folder);
      for (const record of records) this.write(record);
      if (paths.length > 0) this.#leftGone = this.#guarded(() => this.#dropLeft(paths));
      await this.#sweep();
    });
    this.#timers.push(
      clock.every(LIMITS.recordCheckpointMs, () => this.note()),
      clock.every(LIMITS.recordSweepMs, () => void this.#guarded(() => this.#sweep())),
    );
  }

  /** Writes in the background. Neither throws nor blocks. */
  write(record: CallRecord): void {
    const line = `${JSON.stringify(record)}\n`;
    this.#queue.push({ line, day: dayOf(Date.parse(record.started_at) + record.duration_ms) });
    this.#queuedBytes += line.length;
    while (this.#queuedBytes > LIMITS.recordQueueBytes) {
      const [oldest] = this.#queue.splice(0, 1);
      if (oldest === undefined) break;
      this.#queuedBytes -= oldest.line.length;
      if (!this.#underWay.has(oldest)) this.#lose(1);
    }
    this.#kick();
    this.note();
  }

  /** Calls that are up have changed: they are noted anew, in the background. */
  note(): void {
    if (this.#noting || this.#closed) return;
    this.#noting = true;
    this.#kick();
  }

  /** Writes what waits, as far as it can in {@link LIMITS.recordCloseMs}. Twice is harmless. */
  async close(): Promise<void> {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    this.#retry?.cancel();
    this.#retry = null;
    this.#noting = true;
    this.#kick();
    this.#closed = true;
    const { clock } = this.#options;
    let deadline: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      deadline = clock.after(LIMITS.recordCloseMs, resolve);
    });
    await Promise.race([Promise.all([this.#idle(), this.#leftGone]), late]);
    deadline?.cancel();
  }

  /** Not before what they said is written: on a full disk they wait for the next process. */
  async #dropLeft(paths: readonly string[]): Promise<void> {
    await this.#idle();
    if (this.#troubled || this.#queue.length > 0) return;
    for (const path of paths) await rm(path, { force: true });
  }

  async #idle(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  #kick(): void {
    if (this.#working !== null || this.#retry !== null) return;
    this.#working = this.#guarded(() => this.#work()).finally(() => {
      this.#working = null;
      if (this.#queue.length > 0 || this.#noting) this.#again();
    });
  }

  /** At once, or after a while where it has just failed. */
  #again(): void {
    if (!this.#troubled) {
      this.#kick();
      return;
    }
    if (this.#closed) return;
    this.#retry = this.#options.clock.after(LIMITS.recordRetryMs, () => {
      this.#retry = null;
      this.#kick();
    });
  }

  async #work(): Promise<void> {
    // Whoever cleans up there takes the folder, too.
    await mkdir(this.#options.folder, { recursive: true, mode: 0o750 });
    while (this.#queue.length > 0) {
      const day = this.#queue[0]?.day ?? '';
      await this.#append(
        await this.#fileOf(day),
        this.#queue.filter((entry) => entry.day === day),
      );
    }
    if (this.#noting) {
      this.#noting = false;
      await this.#noteRunning();
    }
    this.#wentWell();
  }

  /** The newest file of a day, or one more when that is full: a number is not used again, or the newest would be taken for the oldest. */
  async #fileOf(day: string): Promise<string> {
    const { folder, maxMegabytes } = this.#options;
    const newest = (await recordFiles(folder)).findLast((file) => file.day === day);
    if (newest === undefined) return join(folder, RECORD_FILE.name(day, 0));
    const most = Math.min(LIMITS.recordFileBytes, maxMegabytes * MEGABYTE * FILE_SHARE);
    if ((await sizeOf(newest.path)) < most) return newest.path;
    await this.#sweep();
    return join(folder, RECORD_FILE.name(day, newest.part + 1));
  }

  /** A disk that fills up keeps a part: what is there in whole is not written again. */
  async #append(path: string, batch: readonly Waiting[]): Promise<void> {
    let written = 0;
    this.#underWay = new Set(batch);
    try {
      const prefix = this.#sound !== path && (await isTorn(path)) ? '\n' : '';
      this.#sound = '';
      const bytes = Buffer.from(prefix + batch.map(({ line }) => line).join(''));
      const file = await open(path, 'a', 0o640);
      written -= prefix.length;
      try {
        for (let at = 0; at < bytes.length; at = written + prefix.length) {
          written += (await file.write(bytes, at)).bytesWritten;
        }
      } finally {
        await file.close();
      }
      this.#sound = path;
    } finally {
      this.#forget(batch, written);
    }
  }

  /** The first `bytes` of `batch` are written. */
  #forget(batch: readonly Waiting[], bytes: number): void {
    const written = new Set<Waiting>();
    let end = 0;
    for (const entry of batch) {
      end += Buffer.byteLength(entry.line);
      // Its line end alone may be missing: the next one begins with it.
      if (bytes < end - 1) break;
      written.add(entry);
    }
    // Meanwhile the oldest may have been given up, and new ones come.
    const waiting = new Set(this.#queue);
    this.#lose(batch.filter((entry) => !written.has(entry) && !waiting.has(entry)).length);
    this.#underWay = new Set();
    this.#queue = this.#queue.filter((entry) => !written.has(entry));
    this.#queuedBytes = this.#queue.reduce((sum, { line }) => sum + line.length, 0);
  }

  #lose(records: number): void {
    this.#lost += records;
    this.#lostSinceTrouble += records;
  }

  /** In a file of its own that is put in place whole. */
  async #noteRunning(): Promise<void> {
    const running = this.#options.running();
    const path = notesFile(this.#options.folder);
    if (running.length === 0) {
      if (!this.#notedEmpty) await rm(path, { force: true });
      this.#notedEmpty = true;
      return;
    }
    this.#notedEmpty = false;
    const lines = running.map((record) => `${JSON.stringify({ ...record, events: record.events.slice(-20) })}\n`);
    await writeFile(`${path}.new`, lines.join(''), { mode: 0o640 });
    await rename(`${path}.new`, path);
  }

  async #sweep(): Promise<void> {
    const { clock, folder, days, maxMegabytes } = this.#options;
    const sure = clock.nowMs() - this.#startedMs >= LIMITS.recordDoubtMs;
    const order = { nowMs: this.#believedMs(), days, maximumBytes: maxMegabytes * MEGABYTE, sure };
    const gapDays = await sweepRecords(folder, order);
    if (gapDays === null || this.#doubted) return;
    this.#doubted = true;
    this.#options.onDoubt(gapDays);
  }

  /** Since the start no more time has passed than the steady clock says: a wall clock that is set forward makes nothing older. */
  #believedMs(): number {
    const { clock } = this.#options;
    this.#wallOffsetMs = Math.min(this.#wallOffsetMs, clock.wallTimeMs() - clock.nowMs());
    return clock.nowMs() + this.#wallOffsetMs;
  }

  async #guarded(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!this.#troubled) this.#options.onTrouble((error as NodeJS.ErrnoException).code ?? 'unknown');
      this.#troubled = true;
    }
  }

  #wentWell(): void {
    if (!this.#troubled) return;
    this.#troubled = false;
    const lost = this.#lostSinceTrouble;
    this.#lostSinceTrouble = 0;
    this.#options.onRecovered(lost);
  }
}

/** −1: it is not there. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return -1;
    throw error;
  }
}

/** Whether the file ends within a line: a disk was full, or a process died. */
async function isTorn(path: string): Promise<boolean> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size === 0) return false;
    const last = Buffer.alloc(1);
    await file.read(last, 0, 1, size - 1);
    return last[0] !== 0x0a;
  } finally {
    await file.close();
  }
}

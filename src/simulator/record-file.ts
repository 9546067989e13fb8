/** Where `uuid_record` writes: a FIFO somebody reads, or a plain file, with FreeSWITCH's buffering and its pitfalls. */
import { closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { LIMITS } from '../limits.ts';

/** FreeSWITCH writes this much at once unless `enable_file_write_buffering` is false. */
const BLOCK_BYTES = 65_536;

/** Opens: null while a FIFO has no reader yet. Throws what the file system says. */
export function openRecordFile(path: string, buffered: boolean): RecordFile | null {
  const fifo = isFifo(path);
  const flags = fifo
    ? constants.O_WRONLY | constants.O_NONBLOCK
    : constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
  try {
    return new RecordFile(openSync(path, flags, 0o600), buffered);
  } catch (error) {
    // ENXIO: the real switch waits in open() until somebody reads.
    if (fifo && (error as NodeJS.ErrnoException).code === 'ENXIO') return null;
    throw error;
  }
}

/** Whether somebody may have to read on the other side. */
export function isFifo(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() ?? false;
}

/** Owns its descriptor until `close`. */
export class RecordFile {
  readonly #descriptor: number;
  readonly #buffered: boolean;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #broken = false;
  /** Bytes nobody read in time, or at all. */
  lostBytes = 0;

  constructor(descriptor: number, buffered: boolean) {
    this.#descriptor = descriptor;
    this.#buffered = buffered;
  }

  write(bytes: Buffer): void {
    if (this.#broken || this.#waitingBytes + bytes.length > LIMITS.simulatedRecordBytes) {
      this.lostBytes += bytes.length;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#buffered) this.#flush(this.#waitingBytes);
    else this.#flush(this.#waitingBytes - (this.#waitingBytes % BLOCK_BYTES));
  }

  /** Writes what still waits, as far as the reader takes it. */
  close(): void {
    this.#flush(this.#waitingBytes);
    closeSync(this.#descriptor);
  }

  #flush(bytes: number): void {
    if (bytes === 0 || this.#broken) return;
    const all = Buffer.concat(this.#waiting);
    let written = 0;
    try {
      while (written < bytes) written += writeSync(this.#descriptor, all, written, bytes - written);
    } catch (error) {
      // EAGAIN: the reader stands still, and the call goes on. Anything else: there is no reader any more.
      this.#broken = (error as NodeJS.ErrnoException).code !== 'EAGAIN';
    }
    this.#waiting = [all.subarray(written)];
    this.#waitingBytes = all.length - written;
  }
}

/**
 * Where log lines go: standard error or a file. Written in the background and within a bound; what does not fit is lost and
 * counted. A log that nobody reads, or a full disk, costs lines: never audio and never memory.
 */
import { openSync } from 'node:fs';
import { destination } from 'pino';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';

/** A place for lines. */
export interface LogDestination {
  /** Does not block. */
  write(line: string): void;
  /** Writes what waits, at once. What is being written in the background already may come a moment later. */
  flush(): void;
  /** Resolves when everything is written, or cannot be: for the end of the process. */
  written(): Promise<void>;
  /** Opens the file anew, after it was moved away; the old one is written to its end. Nothing to do for standard error. @throws as {@link openLogDestination} */
  reopen(): void;
  /** Lines that were lost so far. */
  readonly lostLines: number;
}

type Stream = ReturnType<typeof destination>;

const STANDARD_ERROR = 2;
/** Readable for us and our group. */
const FILE_MODE = 0o640;

/** `file`: appended to, made if need be; null: standard error. @throws ERR_TALKSPURT_CONFIG_INVALID where it cannot be written */
export function openLogDestination(file: string | null): LogDestination {
  return new BackgroundDestination(file);
}

class BackgroundDestination implements LogDestination {
  readonly #file: string | null;
  #stream: Stream;
  #lost = 0;

  constructor(file: string | null) {
    this.#file = file;
    this.#stream = this.#open();
  }

  get lostLines(): number {
    return this.#lost;
  }

  write(line: string): void {
    this.#stream.write(line);
  }

  flush(): void {
    this.#stream.flushSync();
  }

  written(): Promise<void> {
    return new Promise((resolve) => this.#stream.flush(() => resolve()));
  }

  reopen(): void {
    if (this.#file === null) return;
    const before = this.#stream;
    this.#stream = this.#open();
    before.end();
  }

  #open(): Stream {
    const dest = this.#file === null ? STANDARD_ERROR : openFile(this.#file);
    let failing = false;
    let atOnce = false;
    const stream = destination({
      dest,
      sync: false,
      minLength: 1,
      maxLength: LIMITS.logBufferedBytes,
      periodicFlush: 0,
      // Behind a reader that does not read nobody waits who cannot do anything else meanwhile.
      retryEAGAIN: () => !atOnce,
    });
    stream.on('drop', () => (this.#lost += 1));
    stream.on('write', () => (failing = false));
    // What could not be written stays in the bounded buffer, and goes out with a later line or is lost then.
    stream.on('error', () => (failing = true));
    const flushSync = stream.flushSync.bind(stream);
    // Pino flushes when the process ends, and its own tries for ever where a disk is full: the process would never end.
    stream.flushSync = () => {
      atOnce = true;
      try {
        if (!failing) flushSync();
      } catch {
        // A reader that went, or stopped: what waited cannot be written any more.
        failing = true;
      }
      atOnce = false;
      if (failing) this.#lost += 1;
    };
    return stream;
  }
}

function openFile(file: string): number {
  try {
    return openSync(file, 'a', FILE_MODE);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    const message = `the log file ${file} cannot be written (${why}): give another log.file, or make its directory ours`;
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message, { cause, details: { file } });
  }
}

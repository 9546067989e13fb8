/**
 * Events to log lines: one JSON object a line (pino), or a line for people. Message texts are fixed; facts are fields, and
 * those that are personal are dropped unless the configuration says otherwise. Writes in the background and within a
 * bound: a log that nobody reads costs lines, never audio.
 */
import { destination, pino } from 'pino';
import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { EventSink, TalkspurtEvent } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import { eventFields } from './event-fields.ts';
import { eventLine } from './event-line.ts';
import type { LogLevel } from './event-line.ts';
import { prettyLine } from './pretty-line.ts';

/** What is logged, how, and where to. */
export interface LogSinkOptions {
  readonly clock: Clock;
  /** Least severe line that is written. */
  readonly level: LogLevel | 'silent';
  readonly format: 'json' | 'pretty';
  /** Keeps speech, digits and numbers in the fields. */
  readonly personalData: boolean;
  /** Texts that never appear in a line, whatever it came from. */
  readonly secrets?: readonly string[];
  /** Where lines go; standard error unless given. `write` does not block. */
  readonly output?: { write(line: string): void };
}

/** A window of {@link LIMITS.logBurstLines} for each kind of event. */
interface Window {
  endsMs: number;
  lines: number;
  suppressed: number;
}

const WINDOW_MS = 1_000;

/** Writes events as log lines. Floods of one kind are thinned and counted. */
export class LogSink implements EventSink {
  readonly #options: LogSinkOptions;
  readonly #log: Logger;
  readonly #flush: () => void;
  readonly #windows = new Map<string, Window>();
  /** As they are; and as they may stand in a line, longest first. */
  readonly #secrets = new Set<string>();
  #spellings: readonly string[] = [];

  constructor(options: LogSinkOptions) {
    this.#options = options;
    const { output, flush } = outputOf(options);
    this.#flush = flush;
    this.addSecrets(options.secrets ?? []);
    this.#log = pino(
      {
        level: options.level,
        base: null,
        timestamp: () => `,"time":"${new Date(options.clock.wallTimeMs()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        hooks: { streamWrite: (line) => this.#withoutSecrets(line) },
      },
      output,
    );
  }

  emit(event: TalkspurtEvent): void {
    const { level, message } = eventLine(event);
    if (!this.#log.isLevelEnabled(level)) return;
    const suppressed = this.#admit(event.type);
    if (suppressed === null) return;
    this.#log[level](
      {
        event: event.type,
        ...(event.callId === undefined ? {} : { call: event.callId }),
        ...eventFields(event, this.#options.personalData),
        ...(suppressed > 0 ? { suppressed } : {}),
      },
      message,
    );
  }

  /** A line that is no event. `message` is a fixed text; facts go into `fields`. */
  note(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#log[level](fields, message);
  }

  /** These never appear in a line either, from now on. Of more than LIMITS.logSecrets the oldest are forgotten. */
  addSecrets(secrets: readonly string[]): void {
    for (const secret of secrets) {
      // Said again: it is in use.
      this.#secrets.delete(secret);
      this.#secrets.add(secret);
    }
    for (const oldest of this.#secrets) {
      if (this.#secrets.size <= LIMITS.logSecrets) break;
      this.#secrets.delete(oldest);
    }
    this.#spellings = spellings([...this.#secrets]);
  }

  /** Writes what waits, at once: for the end of the process. */
  flush(): void {
    this.#flush();
  }

  #withoutSecrets(line: string): string {
    return this.#spellings.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line);
  }

  /** How many lines of this kind were left out before this one; null when this one is left out too. */
  #admit(type: string): number | null {
    const nowMs = this.#options.clock.nowMs();
    let window = this.#windows.get(type);
    if (window === undefined) {
      window = { endsMs: nowMs + WINDOW_MS, lines: 0, suppressed: 0 };
      this.#windows.set(type, window);
    } else if (nowMs >= window.endsMs) {
      window.endsMs = nowMs + WINDOW_MS;
      window.lines = 0;
    }
    if (window.lines >= LIMITS.logBurstLines) {
      window.suppressed += 1;
      return null;
    }
    window.lines += 1;
    const { suppressed } = window;
    window.suppressed = 0;
    return suppressed;
  }
}

function outputOf(options: LogSinkOptions): { output: { write(line: string): void }; flush: () => void } {
  const given = options.output;
  const stream =
    given === undefined
      ? destination({ dest: 2, sync: false, maxLength: LIMITS.logBufferedBytes, periodicFlush: 0 })
      : { write: (line: string) => void given.write(line), flushSync: () => undefined };
  const output = options.format === 'json' ? stream : { write: (line: string) => void stream.write(prettyLine(line)) };
  return {
    output,
    flush: () => {
      stream.flushSync();
    },
  };
}

/** A secret as it may stand in a line: as it is, and as JSON writes it. */
function spellings(secrets: readonly string[]): string[] {
  const all = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  return [...new Set(all)].filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
}

/**
 * Events to log lines: one JSON object a line (pino), or a line for people. Message texts are fixed; facts are fields, and
 * those that are personal are dropped unless the configuration says otherwise. Floods are thinned and
 * counted (`log-thinning.ts`), and nothing waits for the disk (`log-destination.ts`).
 */
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { Clock, Timer } from '../core/clock.ts';
import type { EventSink, TalkspurtEvent } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import { eventFields } from './event-fields.ts';
import { eventLine } from './event-line.ts';
import type { LogComponent, LogLevel, LogOutcome } from './event-line.ts';
import { openLogDestination } from './log-destination.ts';
import type { LogDestination } from './log-destination.ts';
import { LogThinning } from './log-thinning.ts';
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
  /** Lines are added to this file in place of standard error. */
  readonly file?: string | undefined;
  /** Takes the lines in place of either. `write` does not block. */
  readonly output?: { write(line: string): void };
}

/** What a line says besides its fields; what is left out is that of the process. */
export interface LineHead {
  readonly component?: LogComponent;
  readonly operation?: string;
  readonly outcome?: LogOutcome;
  readonly callId?: string | undefined;
}

/** Shortest time between two lines that tell of lost ones. */
const TELL_MS = 1_000;
const DETAILS: ReadonlySet<LogLevel> = new Set<LogLevel>(['trace', 'debug']);

/** Writes events as log lines. Floods of one kind are thinned and counted. */
export class LogSink implements EventSink {
  readonly #options: LogSinkOptions;
  readonly #log: Logger;
  readonly #destination: LogDestination | null;
  readonly #thinning = new LogThinning();
  /** Lines that were lost when it was last said. */
  #toldLost = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
  /** As they are; and as they may stand in a line, longest first. */
  readonly #secrets = new Set<string>();
  #spellings: readonly string[] = [];

  /** @throws ERR_TALKSPURT_CONFIG_INVALID where the file cannot be written */
  constructor(options: LogSinkOptions) {
    this.#options = options;
    const { output, file = null, format } = options;
    const silent = options.level === 'silent';
    this.#destination = output === undefined && !silent ? openLogDestination(file) : null;
    const place = output ?? this.#destination ?? { write: () => undefined };
    this.addSecrets(options.secrets ?? []);
    this.#log = pino(
      {
        level: options.level,
        base: null,
        timestamp: () => `,"time":"${new Date(options.clock.wallTimeMs()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        hooks: { streamWrite: (line) => this.#withoutSecrets(line) },
      },
      { write: (line: string) => void place.write(format === 'json' ? line : prettyLine(line)) },
    );
  }

  emit(event: TalkspurtEvent): void {
    const { level, message, repeats, ...head } = eventLine(event);
    if (!this.#log.isLevelEnabled(level)) return;
    const { callId, correlationId } = event.callId === undefined ? {} : event;
    const request = {
      scope: callId ?? peerOf(event),
      // Who asks for details gets them all.
      isCall: callId !== undefined && !DETAILS.has(level),
      kind: event.type,
      repeats: repeats && !DETAILS.has(level),
      ends: event.type === 'call.ended',
    };
    const fate = this.#thinning.fateOf(request, this.#options.clock.nowMs());
    if (fate === null) return;
    this.#tellLost();
    this.#log[level](
      {
        ...headOf({ ...head, callId }),
        ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
        event: event.type,
        ...eventFields(event, this.#options.personalData),
        ...(fate.suppressed > 0 ? { suppressed: fate.suppressed } : {}),
      },
      fate.write === 'last' ? `${message} (again; from now on only counted)` : message,
    );
  }

  /** Whether such a line would be written. */
  wants(level: LogLevel): boolean {
    return this.#log.isLevelEnabled(level);
  }

  /** A line that is no event. `message` is a fixed text; facts go into `fields`. */
  note(
    level: LogLevel,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    { component = 'LIFECYCLE', operation = 'note', outcome = outcomeOf(level), callId }: LineHead = {},
  ): void {
    this.#tellLost();
    this.#log[level]({ ...headOf({ component, operation, outcome, callId }), ...fields }, message);
  }

  /** Lines that found no place so far. */
  get lostLines(): number {
    return this.#destination?.lostLines ?? 0;
  }

  /** Opens the log file anew, after it was moved away; where that fails the old one goes on, and says so. */
  reopen(): void {
    try {
      this.#destination?.reopen();
      this.note('info', 'log opened anew', {}, { operation: 'log_reopen' });
    } catch (error) {
      const { message } = error as Error;
      this.note('error', 'the log cannot be opened anew', { error: message }, { operation: 'log_reopen' });
    }
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

  /** Writes what waits, at once. What is being written in the background already may come a moment later. */
  flush(): void {
    this.#destination?.flush();
  }

  /** Resolves when everything is written, or after `LIMITS.logCloseMs`: for the end of the process. */
  async written(): Promise<void> {
    if (this.#destination === null) return;
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#options.clock.after(LIMITS.logCloseMs, resolve);
    });
    await Promise.race([this.#destination.written(), late]);
    timer?.cancel();
  }

  #withoutSecrets(line: string): string {
    const without = this.#redacted(line);
    return without === line || isJson(without) ? without : this.#valuesRedacted(line);
  }

  #redacted(text: string): string {
    return this.#spellings.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
  }

  /** A password of digits may stand in a number, and one that is a word of JSON anywhere: the line has to be one all the same. */
  #valuesRedacted(line: string): string {
    const redact = (_key: string, value: unknown): unknown => {
      if (typeof value === 'string') return this.#redacted(value);
      const number = typeof value === 'number' ? String(value) : '';
      return this.#redacted(number) === number ? value : this.#redacted(number);
    };
    return `${JSON.stringify(JSON.parse(line), redact)}\n`;
  }

  #tellLost(): void {
    const { lostLines } = this;
    const nowMs = this.#options.clock.nowMs();
    // Not with every line: the flood must not be answered with one.
    if (lostLines === this.#toldLost || nowMs - this.#toldMs < TELL_MS) return;
    this.#toldMs = nowMs;
    const lost = lostLines - this.#toldLost;
    this.#toldLost = lostLines;
    const head = headOf({ component: 'LIFECYCLE', operation: 'log_lost', outcome: 'degraded' });
    this.#log.warn({ ...head, lost, lostLines }, 'lines were lost: nobody reads the log fast enough');
  }
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function headOf({ component, operation, outcome, callId }: LineHead): object {
  return { component, operation, outcome, ...(callId === undefined ? {} : { session_uuid: callId }) };
}

function outcomeOf(level: LogLevel): LogOutcome {
  return level === 'error' ? 'failed' : level === 'warn' ? 'degraded' : 'ok';
}

/** Whose fault it is, of what is no call's: one that knocks all day must not hide another. */
function peerOf(event: TalkspurtEvent): string {
  if ('peer' in event) return `peer ${event.peer}`;
  if ('server' in event) return `server ${event.server}`;
  return 'link' in event ? `link ${event.link}` : '';
}

/** A secret as it may stand in a line: as it is, and as JSON writes it. */
function spellings(secrets: readonly string[]): string[] {
  const all = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  return [...new Set(all)].filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
}

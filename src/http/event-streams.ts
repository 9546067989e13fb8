/**
 * Server-Sent Events (WHATWG HTML §9.2): what happens, as it happens, to bounded numbers of readers. A reader that does not
 * keep up is cut off rather than waited for.
 */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../core/clock.ts';
import type { EventSink, TalkspurtEvent } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import type { SessionSnapshot } from '../observe/health.ts';
import { eventJson } from './event-json.ts';
import { HttpRefusal } from './http-answer.ts';
import type { StreamAnswer } from './http-answer.ts';

/** What one reader wants. */
export interface StreamRequest {
  /** Events of this call alone; the stream ends with it. Null: everything. */
  readonly callId: string | null;
  /** Levels as well, five times a second. */
  readonly levels: boolean;
}

/** What streams are made with. */
export interface EventStreamsOptions {
  readonly clock: Clock;
  readonly personalData: boolean;
  /** Every call. */
  sessions(): readonly SessionSnapshot[];
}

interface Reader extends StreamRequest {
  readonly response: ServerResponse;
  /** When it was last written to. */
  lastMs: number;
}

const TYPE = 'text/event-stream; charset=utf-8';

/** Every open stream. */
export class EventStreams implements EventSink {
  readonly #options: EventStreamsOptions;
  readonly #readers = new Set<Reader>();
  #heartbeat: Timer | null = null;
  #levels: Timer | null = null;
  #dropped = 0;
  #closed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Streams that were cut because they did not keep up. */
  get dropped(): number {
    return this.#dropped;
  }

  /** A stream for one more reader. @throws HttpRefusal too-many-streams */
  answer(request: StreamRequest): StreamAnswer {
    if (this.#closed || this.#readers.size >= LIMITS.httpStreams) {
      throw new HttpRefusal('too-many-streams', `all ${LIMITS.httpStreams} event streams are in use: close one`, {
        headers: { 'retry-after': '5' },
      });
    }
    return { status: 200, contentType: TYPE, open: (response) => this.#open({ ...request, response }) };
  }

  emit(event: TalkspurtEvent): void {
    if (this.#readers.size === 0) return;
    const { clock, personalData } = this.#options;
    const text = message(event.type, eventJson(event, clock, personalData));
    for (const reader of this.#readers) {
      if (reader.callId !== null && reader.callId !== event.callId) continue;
      this.#write(reader, text);
      if (reader.callId !== null && event.type === 'call.ended') this.#end(reader);
    }
  }

  /** Ends every stream, and takes no new one. Twice is harmless. */
  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) this.#end(reader);
  }

  #open(opened: Omit<Reader, 'lastMs'>): void {
    const { response } = opened;
    const { clock } = this.#options;
    const reader: Reader = { ...opened, lastMs: clock.nowMs() };
    this.#readers.add(reader);
    response.once('close', () => this.#forget(reader));
    response.once('error', () => this.#forget(reader));
    this.#heartbeat ??= clock.every(LIMITS.httpHeartbeatMs / 2, () => this.#beat());
    if (reader.levels) this.#levels ??= clock.every(LIMITS.httpLevelsMs, () => this.#tellLevels());
    this.#write(reader, `retry: 2000\n\n${message('open', { at: new Date(clock.wallTimeMs()).toISOString() })}`);
  }

  #write(reader: Reader, text: string): void {
    if (reader.response.writableLength > LIMITS.httpStreamBytes) {
      this.#dropped += 1;
      this.#forget(reader);
      reader.response.destroy();
      return;
    }
    reader.lastMs = this.#options.clock.nowMs();
    reader.response.write(text);
  }

  #end(reader: Reader): void {
    this.#forget(reader);
    reader.response.end();
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader);
    if (![...this.#readers].some(({ levels }) => levels)) {
      this.#levels?.cancel();
      this.#levels = null;
    }
    if (this.#readers.size > 0) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = null;
  }

  #beat(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const reader of this.#readers) {
      if (nowMs - reader.lastMs >= LIMITS.httpHeartbeatMs / 2) this.#write(reader, ': alive\n\n');
    }
  }

  /** Left out for a reader that has not taken the last ones: an old level is worth nothing. */
  #tellLevels(): void {
    const calls = this.#options.sessions().map(levelsOf);
    let whole: string | null = null;
    for (const reader of this.#readers) {
      if (!reader.levels || reader.response.writableNeedDrain) continue;
      if (reader.callId === null) this.#write(reader, (whole ??= message('levels', { calls })));
      else this.#write(reader, message('levels', { calls: calls.filter(({ id }) => id === reader.callId) }));
    }
  }
}

function levelsOf(session: SessionSnapshot) {
  const { callId: id, turn, captureLevelDbov, renderLevelDbov } = session;
  return { id, turn, caller_dbov: Math.round(captureLevelDbov), agent_dbov: Math.round(renderLevelDbov) };
}

function message(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

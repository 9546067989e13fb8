/**
 * Calls that talk on a fake clock, and what the log that the host makes says of them: events, records and summaries, as
 * bytes and lines of each call.
 */
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { CallRecordSink, headlineOf } from '../../src/observe/call-record.ts';
import { LogSink } from '../../src/observe/log-sink.ts';
import type { LogSinkOptions } from '../../src/observe/log-sink.ts';
import { MetricsSink } from '../../src/observe/metrics-sink.ts';
import { TelemetryLog } from '../../src/observe/telemetry-log.ts';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import { Session } from '../../src/session/session.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { FakeBackend, FakeDspPool, FakeLeg, FakeStream, FakeTransport } from './fake-peers.ts';

/** How calls go. */
export interface LogLoadOptions {
  readonly calls: number;
  readonly seconds: number;
  /** How long each call lasts before the next one takes its place, s. */
  readonly callSeconds: number;
  readonly level: LogSinkOptions['level'];
  /** Every fault that there is, every frame, in every call. */
  readonly flood?: boolean;
}

/** What was written. */
export interface LogVolume {
  readonly bytes: number;
  readonly lines: readonly string[];
  /** Most lines that one call had within any second. */
  readonly mostInASecond: number;
  readonly bytesPerCallSecond: number;
  /** Of `calls` calls around the clock, 10⁶ bytes. */
  readonly megabytesPerDay: number;
  /** Lines of the metrics page after the first call of each place, and at the end. */
  readonly series: readonly [number, number];
}

/** Sends nothing anywhere: what 50 calls send would not fit. */
class DeafTransport extends FakeTransport {
  override send(): void {
    this.stats.sentFrames += 1;
  }
}

const STEP_MS = 20;
/** A caller speaks for 2 s, hears the answer of 4 s to its end or cuts in, and thinks. */
const TURN_MS = 8_000;

/** One place that always has a call. */
class Place {
  readonly #load: LogLoad;
  readonly #index: number;
  #backend = new FakeBackend();
  #pool = new FakeDspPool();
  #transport = new DeafTransport();
  #session: Session | null = null;
  #sinceMs = 0;
  #made = 0;
  #answers = 0;

  constructor(load: LogLoad, index: number) {
    this.#load = load;
    this.#index = index;
  }

  get session(): Session | null {
    return this.#session;
  }

  async begin(): Promise<void> {
    const { clock, events, scheduler } = this.#load;
    const leg = new FakeLeg();
    this.#transport = new DeafTransport();
    leg.onOpenMedia = () => Promise.resolve(this.#transport);
    this.#backend = new FakeBackend(new FakeStream());
    this.#pool = new FakeDspPool();
    this.#made += 1;
    const [place, count] = [this.#index, this.#made].map((each) => String(each).padStart(4, '0'));
    this.#sinceMs = clock.nowMs() + (this.#index * TURN_MS) / this.#load.options.calls;
    this.#session = new Session({
      callId: `5f1e0f3c-${place}-4000-8000-00000000${count}`,
      profile: 'default',
      leg,
      backend: this.#backend,
      dspPool: this.#pool,
      scheduler,
      clock,
      events,
    });
    await this.#session.start();
  }

  async end(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.stop('hangup');
    if (session !== null) this.#load.ended(session);
  }

  /** One frame of the caller's, and what the agent does at this point of the turn. */
  async step(): Promise<void> {
    const { clock, options } = this.#load;
    const inCallMs = clock.nowMs() - this.#sinceMs;
    if (this.#session === null || inCallMs >= options.callSeconds * 1_000) {
      await this.end();
      await this.begin();
      return;
    }
    const turn = Math.floor(inCallMs / TURN_MS);
    const inTurnMs = inCallMs - turn * TURN_MS;
    // Every third answer the caller cuts in.
    const speaks = inTurnMs < 2_000 || (turn % 3 === 2 && inTurnMs > 4_500 && inTurnMs < 5_500);
    this.#pool.dsp.speechProbability = speaks ? 0.95 : 0.02;
    this.#transport.receive(clock.nowMs());
    if (inTurnMs >= 3_200 && this.#answers <= turn) this.#answer(turn);
    if (options.flood === true) this.#misbehave();
  }

  #answer(turn: number): void {
    this.#answers = turn + 1;
    const { sink } = this.#backend;
    const item = `item-${turn}`;
    sink?.onResponseStarted(`response-${turn}`);
    sink?.onTranscript('caller', 'a sentence of a caller that is as long as sentences are', true);
    sink?.onTranscript('agent', 'a sentence of an agent that is somewhat longer than those of callers', true);
    sink?.onAudio(new Uint8Array(4_000 * 8).fill(0x20), item);
    sink?.onAudioDone(item);
    sink?.onResponseDone(`response-${turn}`, 'completed');
  }

  #misbehave(): void {
    const { sink } = this.#backend;
    sink?.onError(new TalkspurtError('ERR_TALKSPURT_BACKEND_API', 'the backend reported an error'));
    sink?.onToolCall('call', 'lookup', '{}');
    const callId = this.#session?.callId ?? '';
    const atMs = this.#load.clock.nowMs();
    const faults: TalkspurtEvent[] = [
      { type: 'media.overflow', place: 'backend', droppedBytes: 160, callId, atMs },
      { type: 'media.suspect', side: 'caller', suspicion: 'dc', fix: 'take the offset out', callId, atMs },
      { type: 'variable.clamped', variable: 'STREAM_HEART_BEAT', value: 'x', result: '30', callId, atMs },
      { type: 'peer.malformed', peer: 'esl', error: new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', 'bad'), atMs },
    ];
    for (const fault of faults) this.#load.events.emit(fault);
  }
}

/** See the top of the file. */
export class LogLoad {
  readonly clock = new FakeClock();
  readonly scheduler = new MediaScheduler({ clock: this.clock });
  readonly options: LogLoadOptions;
  readonly #lines: string[] = [];
  readonly #log: LogSink;
  readonly #metrics: MetricsSink;
  readonly #records: CallRecordSink;
  readonly #places: readonly Place[];
  readonly events: { emit(event: TalkspurtEvent): void };

  constructor(options: LogLoadOptions) {
    this.options = options;
    const { clock } = this;
    const output = { write: (line: string): void => void this.#lines.push(line) };
    this.#log = new LogSink({ clock, level: options.level, format: 'json', personalData: false, output });
    this.#records = new CallRecordSink({
      clock,
      personalData: false,
      onRecord: (record) => this.#log.note('info', 'call record', { record: headlineOf(record, false) }),
    });
    this.#places = Array.from({ length: options.calls }, (_, index) => new Place(this, index));
    const sessions = (): ReturnType<Session['snapshot']>[] =>
      this.#places.flatMap(({ session }) => (session === null ? [] : [session.snapshot()]));
    this.#metrics = new MetricsSink({
      processMetrics: false,
      snapshot: () => ({
        sessions: sessions(),
        created: 0,
        destroyed: 0,
        uptimeMs: 0,
        version: '1',
        draining: false,
        callLimit: options.calls,
        links: [],
      }),
    });
    const sinks = [this.#log, this.#records, this.#metrics];
    this.events = {
      emit: (event) => {
        for (const sink of sinks) sink.emit(event);
      },
    };
    this.#telemetry = new TelemetryLog({ clock, log: this.#log, sessions });
  }

  readonly #telemetry: TelemetryLog;

  ended(session: Session): void {
    this.#metrics.recordEnded(session.snapshot());
  }

  async run(): Promise<LogVolume> {
    const { seconds, calls, callSeconds } = this.options;
    let first = 0;
    for (let passedMs = 0; passedMs < seconds * 1_000; passedMs += STEP_MS) {
      for (const place of this.#places) await place.step();
      this.clock.advance(STEP_MS);
      if (passedMs === Math.floor(callSeconds / 2) * 1_000) first = await this.#series();
    }
    for (const place of this.#places) await place.end();
    await settle();
    this.#telemetry.stop();
    this.scheduler.stop();
    const bytes = this.#lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    const bytesPerCallSecond = bytes / (calls * seconds);
    return {
      bytes,
      lines: this.#lines,
      mostInASecond: mostInASecond(this.#lines),
      bytesPerCallSecond,
      megabytesPerDay: (bytesPerCallSecond * calls * 86_400) / 1e6,
      series: [first, await this.#series()],
    };
  }

  async #series(): Promise<number> {
    const { body } = await this.#metrics.page();
    return body.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  }
}

/** By a window that slides, not by the seconds of a clock. */
function mostInASecond(lines: readonly string[]): number {
  const times = new Map<string, number[]>();
  let most = 0;
  for (const line of lines) {
    const { session_uuid: call, time } = JSON.parse(line) as { session_uuid?: string; time: string };
    if (call === undefined) continue;
    const timesOfCall = times.get(call) ?? [];
    times.set(call, timesOfCall);
    const atMs = Date.parse(time);
    timesOfCall.push(atMs);
    while ((timesOfCall[0] ?? atMs) <= atMs - 1_000) timesOfCall.shift();
    most = Math.max(most, timesOfCall.length);
  }
  return most;
}

/**
 * One call over the real media plane and turn keeper, tick by tick and without a socket: an agent that has sentences to say, and a
 * far end that hears the agent's packets and sends its own. What an echo does in it depends on nothing but samples.
 */
import type { BackendStream } from '../../src/backend/backend.ts';
import type { CallEvent } from '../../src/core/events.ts';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import type { Dsp, DspPool } from '../../src/dsp/dsp.ts';
import { CallMedia } from '../../src/session/call-media.ts';
import { sessionOptions } from '../../src/session/session-options.ts';
import type { SessionOptions } from '../../src/session/session-options.ts';
import { TurnKeeper } from '../../src/session/turn-keeper.ts';
import { RealtimeAudio } from '../../src/simulator/realtime-audio.ts';
import type { MediaTransport } from '../../src/transport/media-transport.ts';

export const PTIME_MS = 20;

/** What a tick's packets are to the far end: 16-bit samples at the rate of the leg. */
export type FarEnd = (heard: Int16Array) => Int16Array;

export interface LineCallOptions {
  readonly pool: DspPool;
  /** Default: µ-law. */
  readonly leg?: MediaFormat;
  readonly backend?: AudioFormat;
  readonly options?: Partial<SessionOptions>;
  /** Stands in for the chain's own judgement of what is speech. */
  readonly wrap?: (dsp: Dsp) => Dsp;
  /** Whether the backend listens for turns as a server does that hears nothing but what it is sent. */
  readonly listens?: boolean;
  readonly decode: (wire: Uint8Array) => Int16Array;
  readonly encode: (samples: Int16Array) => Uint8Array;
  readonly farEnd: FarEnd;
  /** Packets (by number) that are lost on the way to us. */
  readonly lost?: (packet: number) => boolean;
}

/** An event, and when it came: ms since the first packet. */
export interface CallMark {
  readonly atMs: number;
  readonly event: CallEvent;
}

const LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: PTIME_MS };
/** The protocol's usual values. */
const SERVER_VAD = { threshold: 0.5, prefixPaddingMs: 300, silenceDurationMs: 500 } as const;

export class LineCall {
  readonly media: CallMedia;
  readonly turns: TurnKeeper;
  readonly marks: CallMark[] = [];
  /** When the backend heard a turn begin that it would have answered, ms. */
  readonly backendTurns: number[] = [];
  /** Every packet that was sent to the far end; the last one only, where nothing is kept. */
  readonly sent: Uint8Array[] = [];
  /** Every frame that the backend was sent. */
  readonly forBackend: Uint8Array[] = [];
  /** Whether the agent was made to wait, or was cut off, in each tick. */
  readonly waiting: boolean[] = [];
  /** Whether what is sent is kept, both ways. */
  keeps = true;
  readonly #pool: DspPool;
  readonly #dsp: Dsp;
  readonly #given: LineCallOptions;
  readonly #ears: RealtimeAudio | null;
  readonly #said: Int16Array[] = [];
  #ticks = 0;
  #item = 0;

  constructor(given: LineCallOptions) {
    const { pool, leg = LEG, wrap = (dsp: Dsp) => dsp } = given;
    const format: AudioFormat = given.backend ?? leg;
    this.#given = given;
    this.#pool = pool;
    this.#dsp = pool.acquire({ leg, backendInput: leg, backendOutput: leg });
    this.#ears =
      given.listens === true
        ? new RealtimeAudio(pool, format, SERVER_VAD, (edge) => {
            if (edge.type === 'started') this.backendTurns.push(this.nowMs);
          })
        : null;
    const options = sessionOptions(given.options);
    this.media = new CallMedia({
      transport: this.#transport(leg),
      dsp: wrap(this.#dsp),
      options,
      listener: {
        onSpeech: (edge, nowMs) => this.turns.onSpeech(edge, nowMs),
        onPlayout: (moment, nowMs) => this.turns.onPlayout(moment, nowMs),
        onFaded: (nowMs) => this.turns.onFaded(nowMs),
        onHeard: () => undefined,
        onFault: (error) => {
          throw error;
        },
      },
    });
    this.turns = new TurnKeeper(this.media, options, (event, atMs) => this.marks.push({ atMs, event }));
    this.media.connect(this.#stream(format));
  }

  /** Ms since the first packet, at the end of the tick that ran last. */
  get nowMs(): number {
    return this.#ticks * PTIME_MS;
  }

  /** The agent has something to say, all of it at once: bytes in the backend's format. */
  say(audio: Uint8Array): void {
    const item = `item-${(this.#item += 1)}`;
    this.turns.onResponseStarted(item);
    this.turns.onAudio(audio, item);
    this.turns.onAudioDone(item);
    this.turns.onResponseDone(item, this.nowMs);
  }

  /** One packet each way. */
  tick(): void {
    const { decode, encode, farEnd, lost } = this.#given;
    const packet = this.#ticks;
    // The far end has heard what was sent up to the last tick.
    const said = farEnd(this.#said.shift() ?? new Int16Array(0));
    this.#ticks += 1;
    const nowMs = this.nowMs;
    if (lost?.(packet) !== true)
      this.media.jitter.push(encode(said), packet & 0xffff, (packet * said.length) >>> 0, nowMs - 3);
    this.media.tick(nowMs);
    this.waiting.push(this.media.playout.paused || this.media.fading);
    const wire = this.sent.at(-1);
    if (wire !== undefined) this.#said.push(decode(wire));
  }

  /** Events of one kind. */
  of<T extends CallEvent['type']>(type: T): (CallMark & { event: Extract<CallEvent, { type: T }> })[] {
    return this.marks.filter(({ event }) => event.type === type) as (CallMark & {
      event: Extract<CallEvent, { type: T }>;
    })[];
  }

  close(): void {
    this.#ears?.close();
    this.#pool.release(this.#dsp);
  }

  #transport(format: MediaFormat): MediaTransport {
    const stats = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
    return {
      kind: 'line',
      format,
      stats,
      start: () => undefined,
      send: (payload) => {
        stats.sentFrames += 1;
        if (!this.keeps) this.sent.length = 0;
        this.sent.push(payload.slice());
      },
      playedFrames: () => null,
      flush: () => undefined,
      close: () => Promise.resolve(),
    };
  }

  #stream(format: AudioFormat): BackendStream {
    const nothing = (): void => undefined;
    return {
      inputFormat: format,
      outputFormat: format,
      detectsTurns: true,
      droppedFrames: 0,
      sendAudio: (frame) => {
        if (this.keeps) this.forBackend.push(frame.slice());
        this.#ears?.append(frame);
        return true;
      },
      commitTurn: nothing,
      cancelResponse: nothing,
      requestResponse: nothing,
      sendText: nothing,
      sendToolResult: nothing,
      close: () => Promise.resolve(),
    };
  }
}

/** One conversation with a Voice Agent: the socket on one side, the session's sink on the other. */
import type { Clock, Timer } from '../core/clock.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { TalkspurtError } from '../core/errors.ts';
import { bytesPerMs, bytesPerSample } from '../core/media.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { BackendCall, BackendSink, BackendStream } from './backend.ts';
import type { BackendSocketListener } from './backend-socket.ts';
import { deepgramName, deepgramSecrets } from './deepgram-config.ts';
import type { DeepgramConfig } from './deepgram-config.ts';
import { DeepgramConversation } from './deepgram-conversation.ts';
import type { DeepgramClientMessage, DeepgramConversationStats } from './deepgram-conversation.ts';
import { decodeDeepgramEvent } from './deepgram-event.ts';
import { deepgramQuietMs, endsTurnsOnOrder } from './deepgram-settings.ts';
import { FrameBatch } from './frame-batch.ts';
import { MalformedMessages } from './malformed-messages.ts';
import type { BackendSession } from './session-opening.ts';

/** How often a due answer is looked for. */
const WATCH_MS = 1_000;

/** Counters of one stream, for health and records. */
export interface DeepgramStreamStats extends Readonly<DeepgramConversationStats> {
  readonly messages: number;
  /** Messages of a name that this version does not know. */
  readonly unknownEvents: number;
  /** Messages that are no JSON, or have a wrong field. */
  readonly malformedMessages: number;
  readonly droppedFrames: number;
}

/** One session of the Voice Agent as the stream of a call; see the top of the file. */
export class DeepgramStream implements BackendStream, BackendSocketListener {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  readonly detectsTurns = true;
  readonly interrupts = true;
  /** When Deepgram ends the session at the latest, in the clock's monotonic ms. */
  readonly expiresAtMs: number;
  readonly #backend: string;
  readonly #session: BackendSession;
  readonly #clock: Clock;
  readonly #sink: BackendSink;
  readonly #conversation: DeepgramConversation;
  readonly #malformed: MalformedMessages;
  readonly #timers: readonly Timer[];
  readonly #sampleBytes: 1 | 2;
  readonly #batch: FrameBatch;
  /** The caller's audio on its way out: the socket copies it before it returns. */
  #message: Buffer;
  /** The first half of a sample whose second half is still to come, -1 where there is none. */
  #half = -1;
  /** The answer that it is of. */
  #halfItem = '';
  /** Audio went out since Deepgram was last asked to stay. */
  #audioSent = true;
  #expiryTold = false;
  #over = false;
  /** Frames that came when it was over. */
  #lateFrames = 0;
  #messages = 0;
  #unknownEvents = 0;

  /** `frameBytes`: of the caller's audio that is usually sent at once. */
  constructor(
    config: DeepgramConfig,
    format: AudioFormat,
    frameBytes: number,
    session: BackendSession,
    clock: Clock,
    sink: BackendSink,
  ) {
    this.inputFormat = this.outputFormat = format;
    this.expiresAtMs = session.expiresAtMs;
    this.#backend = deepgramName(config);
    this.#session = session;
    this.#clock = clock;
    this.#sink = sink;
    this.#sampleBytes = bytesPerSample(format.codec);
    this.#message = Buffer.alloc(frameBytes);
    this.#batch = new FrameBatch({
      messageMs: config.messageMs ?? 'adaptive',
      bytesPerMs: bytesPerMs(format),
      quietMs: deepgramQuietMs(config),
      send: (audio) => this.#sendMessage(audio),
    });
    this.#conversation = new DeepgramConversation({
      backend: this.#backend,
      secrets: deepgramSecrets(config),
      responseTimeoutMs: config.responseTimeoutMs ?? LIMITS.backendResponseMs,
      endsTurnsOnOrder: endsTurnsOnOrder(config),
      sink,
      send: (message) => this.#send(message),
      expiring: () => this.#noticeExpiry(),
      end: (error) => this.#session.socket.fail(error),
    });
    this.#malformed = new MalformedMessages({
      backend: this.#backend,
      tell: (error) => this.#sink.onError(error),
      end: (error) => this.#session.socket.fail(error),
    });
    this.#timers = [
      // Not at once: whoever waits for `open` must have the stream before the first message of it.
      clock.after(0, () => this.#begin(config.silentTimeoutMs ?? LIMITS.backendDeafMs)),
      clock.every(WATCH_MS, () => this.#guarded(() => this.#conversation.watch(clock.nowMs()))),
      clock.every(LIMITS.deepgramKeepAliveMs, () => this.#guarded(() => this.#keepAlive())),
      clock.after(session.expiresAtMs - LIMITS.backendExpiryNoticeMs - clock.nowMs(), () =>
        this.#guarded(() => this.#noticeExpiry()),
      ),
    ];
  }

  get droppedFrames(): number {
    return this.#batch.droppedFrames + this.#lateFrames;
  }

  get stats(): DeepgramStreamStats {
    return {
      ...this.#conversation.stats,
      messages: this.#messages,
      unknownEvents: this.#unknownEvents,
      malformedMessages: this.#malformed.count,
      droppedFrames: this.droppedFrames,
    };
  }

  letDrain(): number {
    const { socket } = this.#session;
    socket.letDrain();
    return Math.round(socket.bufferedBytes / bytesPerMs(this.inputFormat));
  }

  sendAudio(frame: Uint8Array, silentMs = 0): boolean {
    // Zero bytes would end the session: that is how a recogniser is told that no more audio comes.
    if (frame.length === 0) return true;
    if (!this.#over) return this.#batch.push(frame, silentMs);
    this.#lateFrames += 1;
    return false;
  }

  commitTurn(): void {
    if (!this.#over) this.#batch.flush();
    this.#conversation.commitTurn(this.#clock.nowMs());
  }

  /** Deepgram knows no such order: what still comes is thrown away here. */
  cancelResponse(itemId: string | null): void {
    this.#conversation.cancel(itemId);
  }

  requestResponse(instructions?: string): void {
    this.#conversation.requestResponse(instructions, this.#clock.nowMs());
  }

  sendText(text: string): void {
    this.#conversation.sendText(text, this.#clock.nowMs());
  }

  sendToolResult(toolCallId: string, outputJson: string): void {
    this.#conversation.sendToolResult(toolCallId, outputJson, this.#clock.nowMs());
  }

  /** A message of the interface, as it is: `UpdatePrompt`, `UpdateSpeak`, … */
  sendJson(json: string): void {
    if (!this.#over) this.#session.socket.send(json);
  }

  say(text: string): void {
    this.#conversation.say(text, this.#clock.nowMs());
  }

  /** Functions that were called by an agent before this one. */
  restore(toolCalls: NonNullable<BackendCall['toolCalls']>): void {
    this.#conversation.restore(toolCalls);
  }

  /** Text that the agent should know besides its prompt, without an answer. */
  addContext(text: string): void {
    this.#send({ type: 'UpdatePrompt', prompt: text });
  }

  close(): Promise<void> {
    if (!this.#over) this.#batch.flush();
    this.#finish();
    return this.#session.socket.close();
  }

  onMessage(data: Buffer, isBinary = false): void {
    if (this.#over) return;
    this.#messages += 1;
    if (isBinary) this.#hear(data);
    else this.#read(data);
  }

  onClosed(error: TalkspurtError | null): void {
    if (this.#over) return;
    this.#finish();
    this.#sink.onClosed(error);
  }

  #sendMessage(audio: Uint8Array): boolean {
    if (audio.length !== this.#message.length) this.#message = Buffer.alloc(audio.length);
    this.#message.set(audio);
    if (!this.#session.socket.sendDroppableBinary(this.#message)) return false;
    this.#audioSent = true;
    return true;
  }

  #begin(silentTimeoutMs: number): void {
    this.#session.socket.watchClosely(silentTimeoutMs, () => this.#conversation.answerDue);
    this.#session.handOver(this);
  }

  #read(data: Buffer): void {
    const event = decodeDeepgramEvent(data);
    if (event.type === 'malformed') {
      this.#malformed.add(event.of, event.field);
      return;
    }
    this.#malformed.sound();
    if (event.type === 'unknown') this.#unknownEvents += 1;
    else this.#conversation.handle(event, this.#clock.nowMs());
  }

  /** Agent audio, in pieces of any length; of 16-bit audio half a sample waits for its other half. */
  #hear(data: Buffer): void {
    this.#malformed.sound();
    const itemId = this.#conversation.admitAudio(data.length, this.#clock.nowMs());
    if (itemId === null) {
      this.#half = -1;
      return;
    }
    // An answer ends on a whole sample, or the next one would be noise.
    if (itemId !== this.#halfItem) this.#half = -1;
    this.#halfItem = itemId;
    const audio = this.#sampleBytes === 1 ? data : this.#wholeSamples(data);
    if (audio.length > 0) this.#sink.onAudio(audio, itemId);
  }

  #wholeSamples(data: Buffer): Buffer {
    const joined = this.#half < 0 ? data : Buffer.concat([Buffer.of(this.#half), data]);
    const whole = joined.length & ~1;
    this.#half = whole === joined.length ? -1 : joined[whole]!;
    return whole === joined.length ? joined : joined.subarray(0, whole);
  }

  #keepAlive(): void {
    if (!this.#audioSent) this.#send({ type: 'KeepAlive' });
    this.#audioSent = false;
  }

  /** By our own clock or by Deepgram's word, whichever comes first. */
  #noticeExpiry(): void {
    if (this.#expiryTold) return;
    this.#expiryTold = true;
    this.#sink.onExpiring?.(Math.max(0, this.expiresAtMs - this.#clock.nowMs()));
  }

  /** Runs a timer's work: a bug of ours ends this stream, not the process. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#session.socket.fail(asTalkspurtError(error));
    }
  }

  #send(message: DeepgramClientMessage): void {
    if (!this.#over) this.#session.socket.send(JSON.stringify(message));
  }

  #finish(): void {
    this.#over = true;
    for (const timer of this.#timers) timer.cancel();
  }
}

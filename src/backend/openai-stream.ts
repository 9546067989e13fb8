/** One conversation with OpenAI Realtime: the socket on one side, the session's sink on the other. */
import type { RealtimeClientEvent } from 'openai/resources/realtime/realtime';
import type { Clock, Timer } from '../core/clock.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { TalkspurtError } from '../core/errors.ts';
import { bytesPerMs } from '../core/media.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { AgentAudio } from './agent-audio.ts';
import { AudioAppendMessage } from './audio-append.ts';
import type { BackendCall, BackendSink, BackendStream } from './backend.ts';
import type { BackendSocketListener } from './backend-socket.ts';
import { FrameBatch } from './frame-batch.ts';
import { MalformedMessages } from './malformed-messages.ts';
import { AudioDeltaScanner } from './openai-audio-delta.ts';
import { backendName, quietMsOf, secretsOf } from './openai-config.ts';
import type { OpenAiRealtimeConfig } from './openai-config.ts';
import { OpenAiConversation } from './openai-conversation.ts';
import type { ConversationStats } from './openai-conversation.ts';
import { decodeServerEvent } from './openai-event-decoder.ts';
import type { ServerEvent } from './openai-event.ts';
import type { BackendSession } from './session-opening.ts';

/** How often a due response is looked for. */
const WATCH_MS = 1_000;

/** Counters of one stream, for health and records. */
export interface OpenAiStreamStats extends Readonly<ConversationStats> {
  readonly messages: number;
  /** Events of a name that this version does not know. */
  readonly unknownEvents: number;
  /** Messages that are no JSON, no event, or an event with a wrong field. */
  readonly malformedMessages: number;
  readonly droppedFrames: number;
}

/** One session of the API as the stream of a call; see the top of the file. */
export class OpenAiStream implements BackendStream, BackendSocketListener {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  readonly detectsTurns: boolean;
  /** When the API ends the session at the latest, in the clock's monotonic ms. */
  readonly expiresAtMs: number;
  readonly #backend: string;
  readonly #session: BackendSession;
  readonly #clock: Clock;
  readonly #sink: BackendSink;
  readonly #conversation: OpenAiConversation;
  readonly #append: AudioAppendMessage;
  readonly #batch: FrameBatch;
  readonly #scanner = new AudioDeltaScanner();
  readonly #audio: AgentAudio;
  readonly #malformed: MalformedMessages;
  readonly #timers: readonly Timer[];
  #over = false;
  /** Frames that came when it was over. */
  #lateFrames = 0;
  #messages = 0;
  #unknownEvents = 0;

  /** `frameBytes`: of the caller's audio that is usually sent at once. */
  constructor(
    config: OpenAiRealtimeConfig,
    format: AudioFormat,
    frameBytes: number,
    session: BackendSession,
    clock: Clock,
    sink: BackendSink,
  ) {
    this.inputFormat = this.outputFormat = format;
    this.detectsTurns = config.turnDetection?.type !== 'none';
    this.expiresAtMs = session.expiresAtMs;
    this.#backend = backendName(config);
    this.#session = session;
    this.#clock = clock;
    this.#sink = sink;
    this.#append = new AudioAppendMessage(frameBytes);
    this.#batch = new FrameBatch({
      messageMs: config.messageMs ?? 'adaptive',
      bytesPerMs: bytesPerMs(format),
      quietMs: quietMsOf(config),
      send: (audio) => this.#session.socket.sendDroppable(this.#append.build(audio)),
    });
    this.#audio = new AgentAudio(format);
    this.#conversation = new OpenAiConversation({
      backend: this.#backend,
      secrets: secretsOf(config),
      bytesPerMs: bytesPerMs(format),
      detectsTurns: this.detectsTurns,
      responseTimeoutMs: config.responseTimeoutMs ?? LIMITS.backendResponseMs,
      sink,
      send: (event) => this.#send(event),
      end: (error) => this.#session.socket.fail(error),
    });
    this.#malformed = new MalformedMessages({
      backend: this.#backend,
      tell: (error) => this.#sink.onError(error),
      end: (error) => this.#session.socket.fail(error),
    });
    this.#timers = [
      // Not at once: whoever waits for `open` must have the stream before the first event of it.
      clock.after(0, () => this.#begin(config.silentTimeoutMs ?? LIMITS.backendDeafMs)),
      clock.every(WATCH_MS, () => this.#guarded(() => this.#conversation.watch(clock.nowMs()))),
      clock.after(session.expiresAtMs - LIMITS.backendExpiryNoticeMs - clock.nowMs(), () => this.#noticeExpiry()),
    ];
  }

  get droppedFrames(): number {
    return this.#batch.droppedFrames + this.#lateFrames;
  }

  get stats(): OpenAiStreamStats {
    return {
      ...this.#conversation.stats,
      messages: this.#messages,
      unknownEvents: this.#unknownEvents,
      malformedMessages: this.#malformed.count,
      droppedFrames: this.droppedFrames,
    };
  }

  sendAudio(frame: Uint8Array, silentMs = 0): boolean {
    if (!this.#over) return this.#batch.push(frame, silentMs);
    this.#lateFrames += 1;
    return false;
  }

  letDrain(): number {
    const { socket } = this.#session;
    socket.letDrain();
    // As base64 it is a third longer than it is.
    return Math.round((socket.bufferedBytes * 0.75) / bytesPerMs(this.inputFormat));
  }

  commitTurn(): void {
    if (!this.#over) this.#batch.flush();
    this.#conversation.commitTurn(this.#clock.nowMs());
  }

  cancelResponse(itemId: string | null, playedMs: number): void {
    this.#conversation.cancel(itemId, playedMs);
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

  /** A client event of the interface, as it is; an answer that it asks for is followed like any other. */
  sendJson(json: string): void {
    if (!this.#over) this.#session.socket.send(json);
  }

  say(text: string): void {
    this.requestResponse(`Say exactly the following, word for word, in the same language, and nothing else: ${text}`);
  }

  /** What another stream left behind; before anything else is sent. */
  restore({ history = [], toolCalls = [] }: Pick<BackendCall, 'history' | 'toolCalls'>): void {
    this.#conversation.restore(history, toolCalls);
  }

  noteHeard(responseId: string | null, heard: string): void {
    this.#conversation.noteHeard(responseId, heard);
  }

  /** Text that the agent should know, without an answer. */
  addContext(text: string): void {
    const item = {
      type: 'message' as const,
      role: 'system' as const,
      content: [{ type: 'input_text' as const, text }],
    };
    this.#send({ type: 'conversation.item.create', item });
  }

  close(): Promise<void> {
    if (!this.#over) this.#batch.flush();
    this.#finish();
    return this.#session.socket.close();
  }

  onMessage(data: Buffer): void {
    if (this.#over) return;
    this.#messages += 1;
    if (this.#scanner.scan(data) && this.#hear(this.#scanner, data, this.#scanner.deltaFrom, this.#scanner.deltaTo))
      return;
    this.#handle(decodeServerEvent(data));
  }

  onClosed(error: TalkspurtError | null): void {
    if (this.#over) return;
    this.#finish();
    this.#sink.onClosed(error);
  }

  #begin(silentTimeoutMs: number): void {
    this.#session.socket.watchClosely(silentTimeoutMs, () => this.#conversation.answerDue);
    this.#session.handOver(this);
  }

  #handle(event: ServerEvent): void {
    if (event.type === 'malformed') this.#malformed.add(event.of, event.field);
    else if (event.type === 'response.output_audio.delta') {
      const text = Buffer.from(event.delta, 'utf8');
      if (!this.#hear(event, text, 0, text.length)) this.#malformed.add(event.type, 'delta');
    } else {
      this.#malformed.sound();
      if (event.type === 'unknown') this.#unknownEvents += 1;
      else this.#conversation.handle(event, this.#clock.nowMs());
    }
  }

  /** Agent audio, as base64 in `text[from … to)`; false when it is none. */
  #hear(
    delta: { readonly responseId: string; readonly itemId: string; readonly contentIndex: number },
    text: Buffer,
    from: number,
    to: number,
  ): boolean {
    const { responseId, itemId, contentIndex } = delta;
    const audio = this.#audio.decode(itemId, text, from, to);
    if (audio === null) return false;
    this.#malformed.sound();
    if (!this.#conversation.admitAudio(responseId, itemId, contentIndex, audio.length, this.#clock.nowMs()))
      return true;
    if (audio.length > 0) this.#sink.onAudio(audio, itemId);
    return true;
  }

  #noticeExpiry(): void {
    this.#guarded(() => this.#sink.onExpiring?.(Math.max(0, this.expiresAtMs - this.#clock.nowMs())));
  }

  /** Runs a timer's work: a bug of ours ends this stream, not the process. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#session.socket.fail(asTalkspurtError(error));
    }
  }

  #send(event: RealtimeClientEvent): void {
    if (!this.#over) this.#session.socket.send(JSON.stringify(event));
  }

  #finish(): void {
    this.#over = true;
    for (const timer of this.#timers) timer.cancel();
  }
}

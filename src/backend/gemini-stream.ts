/** One conversation with Gemini Live: a link on one side, the session's sink on the other. */
import type { Clock, Timer } from '../core/clock.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { TalkspurtError } from '../core/errors.ts';
import { bytesPerMs } from '../core/media.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { AgentAudio } from './agent-audio.ts';
import type { BackendCall, BackendSink, BackendStream, StreamResumption } from './backend.ts';
import { GeminiActivity } from './gemini-activity.ts';
import { detectsTurns, geminiName, geminiQuietMs, geminiSecrets } from './gemini-config.ts';
import type { GeminiConfig } from './gemini-config.ts';
import { GeminiConversation } from './gemini-conversation.ts';
import type { GeminiConversationStats } from './gemini-conversation.ts';
import { decodeGeminiEvent } from './gemini-event.ts';
import type { GeminiAudio, GeminiContent, GeminiEvent } from './gemini-event.ts';
import { FrameBatch } from './frame-batch.ts';
import { GeminiLink } from './gemini-link.ts';
import type { GeminiTalk } from './gemini-link.ts';
import { GEMINI_INPUT_HZ, GEMINI_OUTPUT_HZ, rateOf } from './gemini-message.ts';
import type { GeminiClientMessage } from './gemini-message.ts';
import { MalformedMessages } from './malformed-messages.ts';
import { protocolError } from './session-opening.ts';
import type { BackendSession } from './session-opening.ts';

/** How often a due answer is looked for. */
const WATCH_MS = 1_000;

/** What it hears and what it says, whatever the leg is. */
export const GEMINI_INPUT: AudioFormat = { codec: 'l16', sampleRateHz: GEMINI_INPUT_HZ };
const GEMINI_OUTPUT: AudioFormat = { codec: 'l16', sampleRateHz: GEMINI_OUTPUT_HZ };

/** Counters of one stream, for health and records. */
export interface GeminiStreamStats extends Readonly<GeminiConversationStats> {
  readonly messages: number;
  /** Messages of which this version knows nothing. */
  readonly unknownEvents: number;
  /** Messages that are no JSON, or have a wrong field. */
  readonly malformedMessages: number;
  readonly droppedFrames: number;
  /** Times that the session has moved to another connection. */
  readonly moves: number;
}

/** What a stream is made of. */
export interface GeminiStreamOptions {
  readonly config: GeminiConfig;
  readonly session: BackendSession;
  /** Packet duration of the leg. */
  readonly ptimeMs: number;
  readonly clock: Clock;
  readonly sink: BackendSink;
  /** Of the call. */
  readonly mark: () => number;
  readonly resumption: StreamResumption | null;
  /** @throws as `Backend.open` */
  readonly reopen: (handle: string, signal: AbortSignal) => Promise<BackendSession>;
}

/** Of the start and the end of a turn of the caller's. */
const MARKS = {
  activityStart: JSON.stringify({ realtimeInput: { activityStart: {} } } satisfies GeminiClientMessage),
  activityEnd: JSON.stringify({ realtimeInput: { activityEnd: {} } } satisfies GeminiClientMessage),
};

/** One session of Gemini Live as the stream of a call; see the top of the file. */
export class GeminiStream implements BackendStream, GeminiTalk {
  readonly inputFormat = GEMINI_INPUT;
  readonly outputFormat = GEMINI_OUTPUT;
  readonly detectsTurns: boolean;
  readonly interrupts: boolean;
  readonly #backend: string;
  readonly #clock: Clock;
  readonly #sink: BackendSink;
  readonly #link: GeminiLink;
  readonly #conversation: GeminiConversation;
  readonly #malformed: MalformedMessages;
  readonly #timers: readonly Timer[];
  readonly #batch: FrameBatch;
  /** Null: Gemini detects the caller's turns. */
  readonly #activity: GeminiActivity | null;
  readonly #audio = new AgentAudio(GEMINI_OUTPUT);
  #over = false;
  /** Frames that came when it was over. */
  #lateFrames = 0;
  #messages = 0;
  #unknownEvents = 0;

  constructor(options: GeminiStreamOptions) {
    const { config, session, ptimeMs, clock, sink, mark, resumption, reopen } = options;
    const rate = bytesPerMs(GEMINI_INPUT);
    const backend = geminiName(config);
    this.#backend = backend;
    this.#clock = clock;
    this.#sink = sink;
    this.detectsTurns = this.interrupts = detectsTurns(config);
    this.#link = new GeminiLink({
      ...{ backend, clock, session, mark, resumption, reopen, talk: this },
      ...{ bytesPerMs: rate, frameBytes: rate * ptimeMs, silentTimeoutMs: config.silentTimeoutMs ?? null },
    });
    this.#batch = new FrameBatch({
      messageMs: config.messageMs ?? 'adaptive',
      bytesPerMs: rate,
      quietMs: geminiQuietMs(config),
      send: (audio) => this.#link.sendAudio(audio),
    });
    this.#activity = this.detectsTurns
      ? null
      : new GeminiActivity({
          bytesPerMs: rate,
          mark: (edge) => this.#mark(edge),
          send: (audio) => this.#batch.push(audio, 0),
        });
    const end = (error: TalkspurtError): void => this.#link.fail(error);
    this.#conversation = new GeminiConversation({
      ...{ backend, sink, end, detectsTurns: this.detectsTurns, secrets: geminiSecrets(config) },
      responseTimeoutMs: config.responseTimeoutMs ?? LIMITS.backendResponseMs,
      send: (message) => this.#send(message),
      sendText: (text) => this.#sendText(text),
    });
    this.#malformed = new MalformedMessages({ backend, tell: (error) => sink.onError(error), end });
    this.#timers = [
      // Not at once: whoever waits for `open` must have the stream before the first message of it.
      clock.after(0, () => this.#guarded(() => this.#link.begin())),
      clock.every(WATCH_MS, () => this.#guarded(() => this.#look())),
    ];
  }

  get droppedFrames(): number {
    return this.#batch.droppedFrames + this.#lateFrames + this.#link.dropped;
  }

  get reconnects(): number {
    return this.#link.moves;
  }

  get resumption(): StreamResumption | null {
    return this.#link.resumption;
  }

  get quiet(): boolean {
    return this.#conversation.quiet && this.#activity?.isOpen !== true;
  }

  get answering(): boolean {
    return this.#conversation.answering;
  }

  get answerDue(): boolean {
    return this.#conversation.answerDue;
  }

  get turnMark(): string | null {
    return this.#activity?.isOpen === true ? MARKS.activityStart : null;
  }

  get stats(): GeminiStreamStats {
    return {
      ...this.#conversation.stats,
      messages: this.#messages,
      unknownEvents: this.#unknownEvents,
      malformedMessages: this.#malformed.count,
      droppedFrames: this.droppedFrames,
      moves: this.#link.moves,
    };
  }

  letDrain(): number {
    return this.#link.letDrain();
  }

  sendAudio(frame: Uint8Array, silentMs = 0): boolean {
    if (this.#over) {
      this.#lateFrames += 1;
      return false;
    }
    this.#link.heard(silentMs);
    return this.#activity === null ? this.#batch.push(frame, silentMs) : this.#activity.push(frame);
  }

  startTurn(): void {
    if (!this.#over) this.#activity?.start();
  }

  commitTurn(): void {
    if (this.#over || this.#activity === null) return;
    this.#activity.end();
    this.#conversation.turnEnded(this.#clock.nowMs());
  }

  /** Gemini knows no such order: what still comes is thrown away here. */
  cancelResponse(): void {
    this.#conversation.cancel();
  }

  requestResponse(instructions = 'Please begin.'): void {
    this.sendText(instructions);
  }

  sendText(text: string): void {
    if (!this.#over) this.#conversation.say(text, this.#clock.nowMs());
  }

  sendToolResult(toolCallId: string, outputJson: string): void {
    if (!this.#over) this.#conversation.sendToolResult(toolCallId, outputJson, this.#clock.nowMs());
  }

  /** A message of the interface, as it is: `contextUpdate`, … */
  sendJson(json: string): void {
    if (!this.#over) this.#link.send(json);
  }

  say(text: string): void {
    this.sendText(`Say exactly the following, word for word, in the same language, and nothing else: ${text}`);
  }

  /** Functions that were called by a session before this one. */
  restore(toolCalls: NonNullable<BackendCall['toolCalls']>): void {
    this.#conversation.restore(toolCalls);
  }

  close(): Promise<void> {
    if (!this.#over) this.#batch.flush();
    this.#finish();
    return this.#link.close();
  }

  flush(): void {
    this.#batch.flush();
  }

  onMessage(data: Buffer): void {
    if (this.#over) return;
    this.#messages += 1;
    const event = decodeGeminiEvent(data);
    if (event.type === 'malformed') {
      this.#malformed.add(event.of, event.field);
      return;
    }
    if (event.unknown) this.#unknownEvents += 1;
    this.#handle(event);
    this.#link.consider();
  }

  onExpiring(inMs: number): void {
    this.#sink.onExpiring?.(inMs);
  }

  onClosed(error: TalkspurtError | null): void {
    if (this.#over) return;
    this.#finish();
    this.#sink.onClosed(error);
  }

  #handle(event: GeminiEvent): void {
    const nowMs = this.#clock.nowMs();
    const { content, calls, handle, goAwayMs } = event;
    let sound = true;
    if (content !== null) {
      this.#conversation.beforeAudio(content, nowMs);
      sound = content.audio.every((audio) => this.#hear(audio, nowMs));
      this.#conversation.afterAudio(content, nowMs);
    }
    if (this.#over) return;
    this.#conversation.handle(event, nowMs);
    if (calls.length > 0 || isSpoken(content)) this.#link.touched(this.#conversation.answering);
    if (handle !== null) this.#link.named(handle);
    if (goAwayMs !== null) this.#link.goAway(goAwayMs);
    if (sound) this.#malformed.sound();
  }

  /** False: it is no audio. One of another rate than we can play ends the stream: it would be noise. */
  #hear({ mimeType, text, from, to }: GeminiAudio, nowMs: number): boolean {
    if (this.#over) return true;
    if (rateOf(mimeType) !== GEMINI_OUTPUT_HZ) {
      this.#link.fail(protocolError(this.#backend, `sent audio that is not PCM at ${GEMINI_OUTPUT_HZ} Hz`));
      return true;
    }
    const itemId = this.#conversation.admitAudio(to - from, nowMs);
    if (itemId === null) return true;
    const audio = this.#audio.decode(itemId, text, from, to);
    if (audio === null) this.#malformed.add('serverContent', 'inlineData.data');
    else if (audio.length > 0) this.#sink.onAudio(audio, itemId);
    return audio !== null;
  }

  #look(): void {
    this.#conversation.watch(this.#clock.nowMs());
    this.#link.consider();
  }

  #mark(mark: 'activityStart' | 'activityEnd'): void {
    this.#batch.flush();
    this.#link.send(MARKS[mark], true);
  }

  /** Where Gemini detects no turns, words are one only between the two marks. */
  #sendText(text: string): void {
    const marked = this.#activity?.isOpen === false;
    if (marked) this.#send({ realtimeInput: { activityStart: {} } });
    this.#send({ realtimeInput: { text } });
    if (marked) this.#send({ realtimeInput: { activityEnd: {} } });
  }

  #send(message: GeminiClientMessage): void {
    if (!this.#over) this.#link.send(JSON.stringify(message));
  }

  /** Runs a timer's work: a bug of ours ends this stream, not the process. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#link.fail(asTalkspurtError(error));
    }
  }

  #finish(): void {
    this.#over = true;
    for (const timer of this.#timers) timer.cancel();
  }
}

/** Whether the model says something that its session has to remember. */
function isSpoken(content: GeminiContent | null): boolean {
  return content !== null && (content.audio.length > 0 || content.interrupted);
}

/** A call's line to its backend: one stream in use at a time, and another one in its place when it is lost or changed. */
import type { Backend, BackendStream, StreamResumption } from '../backend/backend.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { CallEvent } from '../core/events.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { LIMITS } from '../limits.ts';
import { audioConverter } from './audio-converter.ts';
import { BackendFeed } from './backend-feed.ts';
import { BackendRelay, phrasePrefix } from './backend-relay.ts';
import type { CallControls } from './call-controls.ts';
import type { EngineSigns } from './call-watchdogs.ts';
import type { CallMedia } from './call-media.ts';
import type { ConversationRecord } from './conversation-record.ts';
import { openWithin } from './open-within.ts';
import { resumption as resumptionOf } from './resumption.ts';
import type { SessionOptions } from './session-options.ts';
import { backendCallOf } from './session-parts.ts';
import type { SessionParts } from './session-parts.ts';
import { SpokenLegacy, neverSaid } from './spoken-legacy.ts';
import { interject } from './tell-caller.ts';
import { ToldCall } from './told-call.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** What a line is made of; it owns the stream that is open. */
export interface BackendLineParts {
  readonly session: SessionParts;
  readonly options: Pick<SessionOptions, 'reconnect' | 'greeting'>;
  readonly clock: Clock;
  readonly media: CallMedia;
  readonly turns: TurnKeeper;
  readonly controls: CallControls;
  readonly record: ConversationRecord;
  /** Aborts when the call is over. */
  readonly signal: AbortSignal;
  /** Why the call is over, or null: it is not. Asked in the turn of the event loop in which the answer is acted on. */
  over(): TalkspurtError | null;
  emit(event: CallEvent): void;
  /** The stream that is in use has ended. */
  onClosed(error: TalkspurtError | null): void;
  /** A stream is in use that was not before. */
  onTaken(): void;
}

/** A stream that is open, and that nobody hears yet. */
export interface OpenedStream {
  readonly backend: Backend;
  readonly stream: BackendStream;
  readonly feed: BackendFeed;
  readonly prefix: string;
  readonly connectMs: number;
  /** Where the record ended when it was told what had been said. */
  readonly told: number;
}

/** What came of the line's troubles. */
export interface TakenOver {
  /** For how long nobody heard the caller, ms; and how much of that was kept. */
  readonly gapMs: number;
  readonly keptMs: number;
  readonly droppedMs: number;
}

/** One call's stream to whichever backend answers. */
export class BackendLine {
  readonly #parts: BackendLineParts;
  #backend: Backend;
  #stream: BackendStream | null = null;
  #feed: BackendFeed | null = null;
  #relay: BackendRelay | null = null;
  #generation = 0;
  #changing = false;
  #lostMs = Number.NaN;
  #lostFramesBefore = 0;
  /** Results that came while there was nobody to take them. */
  #heldResults: [toolCallId: string, outputJson: string][] = [];
  /** Since when the stream in use is, ms. */
  #usedMs = Number.NaN;
  /** Backends that have answered on this call. */
  readonly #answered = new WeakSet<Backend>();
  #droppedBefore = 0;
  /** What the stream that was lost left behind for another one of its backend. */
  #left: { readonly backend: Backend; readonly resumption: StreamResumption } | null = null;
  /** Of the streams that are gone. */
  readonly legacy = new SpokenLegacy();

  constructor(parts: BackendLineParts) {
    this.#parts = parts;
    this.#backend = parts.session.backend;
  }

  get backend(): Backend {
    return this.#backend;
  }

  get backendName(): string {
    return this.#backend.name;
  }

  /** The stream in use; null: it is being opened, or sought. */
  get stream(): BackendStream | null {
    return this.#stream;
  }

  /** What the call talks through: the same, or what keeps the caller's audio in its place. */
  get port(): BackendStream | null {
    return this.#parts.media.stream;
  }

  /** Caller audio that no backend has heard yet, ms. */
  get keptMs(): number {
    return this.#relay?.keptMs ?? 0;
  }

  /** For how long sentences of a backend that writes have waited while nothing was heard of any, ms. */
  get spokenWaitMs(): number {
    return this.#stream?.speech?.waitMs ?? 0;
  }

  /** Sentences of backends that write, of all streams of the call; those of them that were ready; and those that wait. */
  get sentences(): { readonly spoken: number; readonly cached: number; readonly waiting: number } {
    const { spoken = 0, cached = 0, waiting = 0 } = this.#stream?.speech ?? {};
    return { spoken: this.legacy.spoken + spoken, cached: this.legacy.cached + cached, waiting };
  }

  /** A stream is in use that has given no sign of an answer yet. */
  get isMute(): boolean {
    return this.#stream !== null && this.#feed?.lively === false;
  }

  /** What is known of the stream in use; null: there is none. */
  get signs(): EngineSigns | null {
    const [stream, feed] = [this.#stream, this.#feed];
    if (stream === null || feed === null) return null;
    const answers = feed.lively || stream.mayOnlyListen !== true || this.#answered.has(this.#backend);
    // What the one before owed is not held against it.
    return { answers, activeMs: Number.isNaN(feed.activeMs) ? this.#usedMs : feed.activeMs };
  }

  /** Caller frames that no backend took, of all backends of the call. */
  get droppedFrames(): number {
    return this.#droppedBefore + (this.#stream?.droppedFrames ?? 0) + (this.#relay?.lostFrames ?? 0);
  }

  /**
   * Opens a stream of `backend`, which is told what was said until it is. Whoever gets it has it taken, or closes it. `underWay`:
   * see {@link BackendCall.underWay}.
   */
  async dial(backend: Backend, signal: AbortSignal, underWay = false): Promise<OpenedStream> {
    const { session, clock, media, turns, controls, record } = this.#parts;
    const dialledMs = clock.nowMs();
    const prefix = phrasePrefix(this.#generation);
    this.#generation += 1;
    const feed: BackendFeed = new BackendFeed({
      backend: backend.name,
      clock,
      scheduler: session.scheduler,
      controls,
      turns,
      record,
      prefix,
      emit: (event) => this.#parts.emit(event),
      onClosed: (error) => this.#parts.onClosed(error),
    });
    const resumption = this.#left?.backend === backend ? this.#left.resumption : null;
    const told = new ToldCall(record);
    const call = told.call(backendCallOf(session, media.leg), underWay, resumption);
    const stream = await backend.open(call, feed, signal).catch((error: unknown) => {
      const connectMs = clock.nowMs() - dialledMs;
      // Who hung up meanwhile says nothing of the backend.
      if (!signal.aborted) {
        this.#parts.emit({ type: 'backend.refused', backend: backend.name, error: asTalkspurtError(error), connectMs });
      }
      throw error;
    });
    return { backend, stream, feed, prefix, connectMs: clock.nowMs() - dialledMs, told: told.mark };
  }

  /** The same, within `withinMs`. @throws ERR_TALKSPURT_BACKEND_TIMEOUT, the reason of `signal`, and as {@link Backend.open} */
  dialWithin(backend: Backend, withinMs: number, signal: AbortSignal, underWay = false): Promise<OpenedStream> {
    const { clock } = this.#parts;
    return openWithin({
      ...{ clock, withinMs, signal, backend: backend.name },
      open: (stop) => this.dial(backend, stop, underWay),
      discard: (late) => this.discard(late),
    });
  }

  /** Opens a stream of `backend`, the call's first, within `withinMs` (null: as the backend has it). @throws as {@link Backend.open} */
  async open(backend: Backend, withinMs: number | null = null): Promise<BackendStream> {
    const { signal } = this.#parts;
    // Nothing was heard of those that failed before it: its phrases are as it calls them, and it needs nobody who translates.
    this.#generation = 0;
    const opened = await (withinMs === null ? this.dial(backend, signal) : this.dialWithin(backend, withinMs, signal));
    try {
      const over = this.#parts.over();
      if (over !== null) throw over;
      this.#parts.media.connect(opened.stream);
    } catch (error) {
      await this.discard(opened);
      throw error;
    }
    this.#use(opened);
    return opened.stream;
  }

  /** The stream in use is gone: what waits of the agent is heard to its end, and what the caller says is kept. */
  lose(): void {
    const { media, turns, clock } = this.#parts;
    const stream = this.#stream;
    const left = stream?.resumption ?? null;
    this.#left = left === null ? null : { backend: this.#backend, resumption: left };
    this.#retire();
    this.#takeBackResults();
    // It is over by its own word; whatever it still holds is let go.
    void Promise.allSettled([stream?.close()]);
    turns.onLost(media.ledger.midPhrase);
    media.stream = this.#relayed();
    this.#relay?.detach();
    this.#lostMs = clock.nowMs();
    this.#lostFramesBefore = this.#relay?.lostFrames ?? 0;
  }

  /**
   * `opened` is used from now on; the one before is nobody's any more, and is returned to be closed. Nothing of it is heard that
   * had not come. `library` converts what waits on either side where formats differ; null: that is lost.
   * @throws why the call is over, or ERR_TALKSPURT_DSP_OPTIONS; then nothing has changed
   */
  take(opened: OpenedStream, library: DspLibrary | null): { readonly before: BackendStream | null } & TakenOver {
    const { media, turns, controls, clock, record, options } = this.#parts;
    const over = this.#parts.over();
    if (over !== null) throw over;
    const { stream } = opened;
    const before = this.#stream;
    const convert = library === null ? null : audioConverter(library);
    const [sounds, soundFormat] = [media.announcement, controls.soundFormat];
    const relay = this.#relayed();
    const { keptMs } = relay;
    const port = media.stream;
    const { midPhrase } = media.ledger;
    // The chain first: what it does not take leaves everything as it was.
    const kept = media.change(port ?? relay, stream.inputFormat, stream.outputFormat, convert);
    if (before !== null) turns.onLost(midPhrase);
    this.#retire();
    relay.attach(stream, opened.prefix, convert);
    media.stream = relay;
    media.comfort = null;
    controls.sounds.carryOn(sounds, soundFormat, library);
    const nowMs = clock.nowMs();
    const { awaited } = turns.answer;
    const owed = turns.onSwitched(nowMs, kept) || record.answeredCalls.length > 0;
    // Said as it stands: after a loss, to who still waits for it, by who speaks what is written and knows what was heard before it.
    // Else the agent is asked to go on.
    const knows = stream.speech !== undefined && record.agentSince(opened.told).length === 0;
    const asItStands = before === null && awaited && knows && record.answeredCalls.length === 0;
    if (!asItStands) this.legacy.forgetWritten();
    this.#use(opened);
    const gapMs = Number.isNaN(this.#lostMs) ? 0 : nowMs - this.#lostMs;
    const droppedMs = (relay.lostFrames - this.#lostFramesBefore) * media.ptimeMs;
    this.#lostMs = Number.NaN;
    this.#lostFramesBefore = relay.lostFrames;
    this.#parts.onTaken();
    // Last: a stream may end of what it is sent, and is then lost like any other.
    relay.commitPassed();
    if (owed && !this.#onlyTexts) this.#resume(resumptionOf(record, options.greeting, opened.told));
    record.responseStarted();
    this.#sendHeld();
    void this.#sayLost();
    return { before, gapMs, keptMs, droppedMs };
  }

  /** Closes a stream that was opened and is not wanted. */
  async discard(opened: OpenedStream): Promise<void> {
    opened.feed.deafen();
    await opened.stream.close();
  }

  /**
   * From now on `backend` answers. The stream in use stays, and is heard, until the other one is there; when that cannot be
   * opened, nothing has changed. @throws ERR_TALKSPURT_ALREADY_RUNNING, and as {@link Backend.open}
   */
  async change(backend: Backend, library: DspLibrary | null): Promise<void> {
    if (this.#changing) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'the backend of this call is being changed already');
    }
    this.#changing = true;
    const { clock } = this.#parts;
    const [previous, sinceMs] = [this.backendName, clock.nowMs()];
    let before: BackendStream | null = null;
    try {
      const opened = await this.dial(backend, this.#parts.signal);
      try {
        ({ before } = this.take(opened, library));
      } catch (error) {
        await this.discard(opened);
        throw error;
      }
    } finally {
      this.#changing = false;
      this.#sendHeld();
    }
    this.#parts.emit({ type: 'backend.switched', backend: backend.name, previous, switchMs: clock.nowMs() - sinceMs });
    await before?.close();
  }

  /** Goes to the stream in use; while there is none, or another one is being opened, it waits for the one that is used then. */
  sendToolResult(toolCallId: string, outputJson: string): void {
    if (this.#stream === null || this.#changing) {
      this.#heldResults.push([toolCallId, outputJson]);
      if (this.#heldResults.length > LIMITS.heldToolResults) this.#heldResults.shift();
      return;
    }
    this.#parts.record.toolAnswered(toolCallId, outputJson);
    this.#stream.sendToolResult(toolCallId, outputJson);
    // The agent can go on.
    if (this.#parts.record.pendingTools.length === 0) this.#parts.turns.answer.owe();
  }

  /** What was answered into a stream that has made nothing of it yet goes to the next one again, with the call that it answers. */
  #takeBackResults(): void {
    const taken = this.#parts.record.takeBackAnswers();
    this.#heldResults = [...taken, ...this.#heldResults].slice(-LIMITS.heldToolResults);
  }

  #sendHeld(): void {
    if (this.#stream === null) return;
    const held = this.#heldResults;
    this.#heldResults = [];
    for (const [toolCallId, outputJson] of held) this.sendToolResult(toolCallId, outputJson);
  }

  /** What was lost is what will be said word for word: there is nothing that the agent itself would have to go on with. */
  get #onlyTexts(): boolean {
    const { record, options } = this.#parts;
    const greeted = record.agentHasSpoken || options.greeting === '';
    // What is written is the answer that was asked for.
    const answered = this.legacy.hasWritten || (greeted && !record.callerUnanswered);
    return this.legacy.alone && answered && record.answeredCalls.length === 0;
  }

  /** What the one before was to say, in that order; lost meanwhile, the rest is the next one's. Never rejects. */
  async #sayLost(): Promise<void> {
    const { session, clock, media, controls, signal, turns } = this.#parts;
    const { sounds = null } = session;
    while (this.#stream !== null) {
      const next = this.legacy.takeText();
      if (next === undefined) return;
      try {
        if (this.#stream.say !== undefined) {
          turns.onRequested();
          this.#stream.say(next.text, next.written);
          continue;
        }
        if (sounds?.speech === undefined) throw neverSaid();
        await interject({ clock, media, controls, sounds, signal }, { play: '', say: next.text });
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.emit({ type: 'backend.error', backend: this.backendName, error: asTalkspurtError(error) });
      }
    }
  }

  #resume(instructions: string | undefined): void {
    const { turns } = this.#parts;
    turns.onRequested();
    this.#stream?.requestResponse(instructions);
  }

  #relayed(): BackendRelay {
    const { media, options } = this.#parts;
    const { bufferMs, catchUpRate } = options.reconnect;
    const stands = this.#stream ?? media.stream;
    if (this.#relay === null && stands !== null) {
      this.#relay = new BackendRelay(stands, { ptimeMs: media.ptimeMs, bufferMs, catchUpRate });
    }
    if (this.#relay === null) throw new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'no stream was ever in use');
    return this.#relay;
  }

  /** The one in use is heard no more, and counts among those before. */
  #retire(): void {
    this.#droppedBefore += this.#stream?.droppedFrames ?? 0;
    this.legacy.leave(this.#stream);
    if (this.#feed?.lively === true) this.#answered.add(this.#backend);
    this.#feed?.deafen();
    this.#parts.record.streamEnded();
    this.#stream = null;
    this.#feed = null;
  }

  #use({ backend, stream, feed, connectMs }: OpenedStream): void {
    this.#left = null;
    this.#stream = stream;
    this.#feed = feed;
    this.#backend = backend;
    this.#usedMs = this.#parts.clock.nowMs();
    this.#parts.emit({ type: 'backend.opened', backend: backend.name, connectMs });
  }
}

/** What a call has between its media and its backend: turns, orders, the line and what seeks a lost backend. Made with the media. */
import type { Backend, BackendStream } from '../backend/backend.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../core/errors.ts';
import type { CallDog, CallEvent, CallState } from '../core/events.ts';
import type { DspLibrary } from '../dsp/library.ts';
import type { Dsp } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import { BackendLine } from './backend-line.ts';
import { BackendRescue } from './backend-rescue.ts';
import { CallControls } from './call-controls.ts';
import type { CallMedia, CallMediaListener } from './call-media.ts';
import { Comfort } from './comfort.ts';
import { ConversationRecord } from './conversation-record.ts';
import { lastResortOf, takeLastResort } from './last-resort.ts';
import type { Ticking } from './media-scheduler.ts';
import { sendOff } from './send-off.ts';
import type { SendOff, SendOffParts } from './send-off.ts';
import type { SessionOptions } from './session-options.ts';
import { backendEnd, makeCallMedia, reasonOf, tickFault } from './session-parts.ts';
import type { SessionEnd, SessionParts, StopOptions } from './session-parts.ts';
import { Supervision } from './supervision.ts';
import { interject, tellCaller } from './tell-caller.ts';
import { TurnKeeper } from './turn-keeper.ts';
import { DEFAULT_WATCHDOGS } from './watch-options.ts';

/** What it is made with; it owns what it makes, and not the transport. */
export interface CallFloorParts {
  readonly session: SessionParts;
  readonly options: SessionOptions;
  readonly transport: MediaTransport;
  readonly clock: Clock;
  readonly createdMs: number;
  /** Aborts when the call is over. */
  readonly signal: AbortSignal;
  state(): CallState;
  /** Why the call is over; null: it is not. */
  over(): TalkspurtError | null;
  emit(event: CallEvent, atMs?: number): void;
  end(end: SessionEnd, stop?: StopOptions): void;
  /** The backend was lost, or one is there again; false: that means nothing now. */
  happen(happening: 'lost' | 'restored'): boolean;
  onHeard(dsp: Dsp): void;
  transfer(destination: string): Promise<void>;
}

/** One call's, from its media to its end. */
export class CallFloor {
  readonly media: CallMedia;
  readonly turns: TurnKeeper;
  readonly controls: CallControls;
  readonly line: BackendLine;
  readonly record: ConversationRecord;
  readonly rescue: BackendRescue;
  readonly supervision: Supervision;
  #ticking: Ticking | null = null;
  /** Ends what becomes of a call that was given up, should somebody give it another stream. */
  #lastResort: AbortController | null = null;
  /** The caller is told goodbye: no backend is needed any more. */
  #leaving = false;
  readonly #parts: CallFloorParts;
  readonly #comfort: Comfort;

  /** @throws ERR_TALKSPURT_DSP_POOL_EMPTY, ERR_TALKSPURT_DSP_OPTIONS */
  constructor(parts: CallFloorParts) {
    const { session, options, clock, transport, signal, createdMs } = parts;
    const { masked = false, sounds = null } = session;
    this.#parts = parts;
    const emit = (event: CallEvent, atMs?: number): void => parts.emit(event, atMs);
    const media = makeCallMedia(transport, session.dspPool, options, this.#mediaListener());
    this.media = media;
    this.record = new ConversationRecord(() => clock.nowMs());
    this.turns = new TurnKeeper(media, options, emit, this.record);
    const { turns, record } = this;
    this.controls = new CallControls({
      media,
      turns,
      clock,
      masked,
      emit,
      onBreakOff: () => {
        this.line.legacy.forget();
        turns.answer.waive();
      },
    });
    const { controls } = this;
    this.supervision = new Supervision({
      clock,
      media,
      turns,
      createdMs,
      options,
      watchdogs: session.watchdogs ?? DEFAULT_WATCHDOGS,
      watch: {
        // What has been written and is not spoken is no fault of who wrote it.
        engine: () => (session.mode === 'ws' || this.line.spokenWaitMs > 0 ? null : this.line.signs),
        speechWaitMs: () => this.line.spokenWaitMs,
        unspoken: () => this.line.sentences.waiting,
        act: (dog, action) => this.#onDog(dog, action),
      },
      ...(session.hostLagMs === undefined ? {} : { hostLagMs: session.hostLagMs }),
      talking: () => parts.state() === 'talking' || parts.state() === 'reconnecting',
      emit,
      over: (end, stop) => parts.end(end, stop),
    });
    this.#comfort = new Comfort({
      clock,
      media,
      options: options.reconnect,
      sounds,
      onFault: (error) => this.#tell(error),
    });
    this.line = new BackendLine({
      session,
      options,
      clock,
      media,
      turns,
      controls,
      record,
      signal,
      over: () => parts.over(),
      emit,
      onClosed: (error) => this.#onClosed(error),
      onTaken: () => this.#onTaken(),
    });
    this.rescue = new BackendRescue({
      clock,
      line: this.line,
      backends: this.#backends,
      options,
      sounds,
      signal,
      emit,
      onGivenUp: (error, attempts, gapMs) => this.#giveUp(error, attempts, gapMs),
    });
  }

  /** The media flow. */
  begin(): void {
    const { session, transport } = this.#parts;
    const { scheduler } = session;
    const onLost = (error: TalkspurtError): void => this.#parts.end({ reason: 'media-failed', error });
    transport.start(this.media.sink(onLost, (nowMs) => scheduler.poke(nowMs)));
    this.media.other?.start();
    this.#ticking = scheduler.add(this.media);
  }

  get ticking(): Ticking | null {
    return this.#ticking;
  }

  /**
   * Opens the call's first stream: of the first backend of the list that can be had. @throws as {@link Backend.open}, of the one
   * that was tried last
   */
  async open(): Promise<BackendStream> {
    const backends = this.#backends;
    let previous: { readonly backend: Backend; readonly fault: TalkspurtError } | null = null;
    for (const [index, backend] of backends.entries()) {
      const last = index === backends.length - 1;
      try {
        const refusal = last ? null : (backend.refusal?.() ?? null);
        if (refusal !== null) throw refusal;
        const stream = await this.line.open(backend, last ? null : LIMITS.reconnectAttemptMs);
        if (previous !== null) this.#tellFailover(backend, previous, 'succeeded');
        return stream;
      } catch (error) {
        const fault = asTalkspurtError(error);
        if (this.#parts.over() === null && previous !== null) this.#tellFailover(backend, previous, 'failed');
        if (last || this.#parts.over() !== null || reasonOf(fault) !== 'backend-failed') throw error;
        previous = { backend, fault };
      }
    }
    throw new Error('a call has at least one backend');
  }

  /** From now on `backend` answers; see {@link BackendLine.change}. @throws as that */
  async change(backend: Backend, library: DspLibrary | null): Promise<void> {
    await this.line.change(backend, library);
  }

  /** Ticks and looks no more. */
  stop(): void {
    this.#ticking?.remove();
    this.supervision.stop();
    this.#comfort.end();
    this.media.disconnect();
  }

  /** Gives the signal chains back. */
  releaseChains(): void {
    const { dspPool } = this.#parts.session;
    dspPool.release(this.media.dsp);
    if (this.media.other !== null) dspPool.release(this.media.other.dsp);
  }

  get #backends(): readonly Backend[] {
    const { backend, fallbacks = [] } = this.#parts.session;
    return [backend, ...fallbacks];
  }

  #onClosed(error: TalkspurtError | null): void {
    const { options } = this.#parts;
    const { hangupOnBackendFailure } = options;
    if (this.#leaving) {
      if (this.#parts.happen('lost')) this.line.lose();
      return;
    }
    // A goodbye is no loss.
    if (error === null) return this.#parts.end(backendEnd(null));
    const worthwhile = this.rescue.worthwhile(error);
    const nothingToDo = !worthwhile && options.reconnect.lastResort === 'default';
    if (nothingToDo || !this.#parts.happen('lost')) {
      return this.#parts.end(backendEnd(error), { hangup: hangupOnBackendFailure });
    }
    this.line.lose();
    if (!worthwhile) return this.#giveUp(error, 0, 0);
    this.#comfort.begin();
    this.rescue.seek(error);
  }

  #onTaken(): void {
    this.#comfort.end();
    this.#lastResort?.abort(new DOMException('a stream is in use', 'AbortError'));
    this.rescue.settle();
    this.#parts.happen('restored');
  }

  #giveUp(error: TalkspurtError, attempts: number, gapMs: number): void {
    const { session, options, clock, signal } = this.#parts;
    const { media, controls, line } = this;
    this.#comfort.end();
    this.#lastResort = new AbortController();
    const action = lastResortOf(options);
    this.#parts.emit({ type: 'backend.failed', backend: line.backendName, attempts, gapMs, action, error });
    const { sounds = null } = session;
    void takeLastResort({
      clock,
      media,
      controls,
      options,
      sounds,
      signal: AbortSignal.any([signal, this.#lastResort.signal]),
      transfer: (destination) => this.#parts.transfer(destination),
      over: (hangup) => this.#parts.end(backendEnd(error), { hangup }),
      onFault: (fault) => this.#tell(fault),
    });
  }

  #onDog(dog: CallDog, action: 'reconnect' | 'announce' | 'end'): void {
    const message = `a watchdog found the ${dog} of the call to take too long`;
    if (action === 'announce') {
      void this.#tellOf(dog);
      return;
    }
    // These are ended by whoever found them.
    if (dog === 'session' || dog === 'stale') return;
    const code = dog === 'capture' ? 'ERR_TALKSPURT_MEDIA_STALLED' : 'ERR_TALKSPURT_BACKEND_TIMEOUT';
    const error = new TalkspurtError(code, message, { details: { unanswered: true } });
    // Other calls need not wait as long.
    if (dog === 'engine') this.line.backend.gaveUp?.(error);
    if (action === 'reconnect') return this.#onClosed(error);
    this.#parts.end({ reason: reasonOf(error), error }, { hangup: true });
  }

  /** The caller is told that something is wrong; a call that has lasted too long is over then. Never rejects. */
  async #tellOf(dog: CallDog): Promise<void> {
    const { session, clock, signal } = this.#parts;
    const { media, controls } = this;
    const { announcement: play } = session.watchdogs ?? DEFAULT_WATCHDOGS;
    const unspoken = (): number => this.line.sentences.waiting;
    const parts = { clock, media, controls, sounds: session.sounds ?? null, signal, unspoken };
    try {
      // What the caller says from now on nobody will answer.
      if (dog === 'session') controls.pause(true);
      await (dog === 'session' ? tellCaller(parts, { play }) : interject(parts, { play }));
    } catch (error) {
      if (signal.aborted) return;
      this.#tell(asTalkspurtError(error));
    }
    if (dog === 'session') this.#parts.end({ reason: 'expired' }, { hangup: true });
  }

  /** Tells the caller goodbye, and gives the channel up. Never rejects. */
  async sendOff(off: SendOff, stop: SendOffParts['stop']): Promise<void> {
    const { session, clock, signal } = this.#parts;
    const { media, controls } = this;
    this.#leaving = true;
    // Nor is one sought, and nothing else becomes of a call that has none.
    this.#lastResort?.abort(new DOMException('the call is sent off', 'AbortError'));
    this.rescue.settle();
    this.#comfort.end();
    await sendOff(
      {
        ...{ clock, media, controls, sounds: session.sounds ?? null, signal, stop },
        unspoken: () => this.line.sentences.waiting,
        transfer: (destination) => this.#parts.transfer(destination),
        pause: () => controls.pause(true),
        onFault: (error) => this.#tell(error),
      },
      off,
    );
  }

  #tellFailover(
    { name: backend }: Backend,
    previous: { readonly backend: Backend; readonly fault: TalkspurtError },
    outcome: 'succeeded' | 'failed',
  ): void {
    const { code: reason } = previous.fault;
    this.#parts.emit({
      type: 'backend.failover',
      backend,
      previous: previous.backend.name,
      stage: 'start',
      outcome,
      reason,
    });
  }

  /** Something that the call goes on without. */
  #tell(error: TalkspurtError): void {
    if (hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) return;
    this.#parts.emit({ type: 'backend.error', backend: this.line.backendName, error });
  }

  #mediaListener(): CallMediaListener {
    return {
      onSpeech: (edge, nowMs) => this.turns.onSpeech(edge, nowMs),
      onPlayout: (moment, nowMs) => this.turns.onPlayout(moment, nowMs),
      onFaded: (nowMs) => this.turns.onFaded(nowMs),
      onHeard: (dsp) => this.#parts.onHeard(dsp),
      onFault: (error) => this.#parts.end({ reason: 'error', error: tickFault(error) }),
    };
  }
}

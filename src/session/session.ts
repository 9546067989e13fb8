/** One call: a leg of the switch, an AI backend, and the media plane between them; its life from attach to release. */
import type { Backend, BackendSink, BackendStream } from '../backend/backend.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { CallEvent, CallState, EndReason, EventSink } from '../core/events.ts';
import type { DspPool } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import type { SessionSnapshot } from '../observe/health.ts';
import type { CallLeg, LegListener } from '../switch/switch-adapter.ts';
import { hangupCauseOf } from '../switch/switch-adapter.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import { CallMedia } from './call-media.ts';
import { CALL_TABLE } from './call-state.ts';
import type { CallHappening } from './call-state.ts';
import type { MediaScheduler, Ticking } from './media-scheduler.ts';
import { DEFAULT_SESSION_OPTIONS } from './session-options.ts';
import type { SessionOptions } from './session-options.ts';
import { snapshotOf } from './session-snapshot.ts';
import { TurnKeeper } from './turn-keeper.ts';

export type { SessionOptions } from './session-options.ts';

/** Everything a session uses; it owns the leg and, once opened, the transport, the stream and its place in the pool. */
export interface SessionParts {
  readonly callId: string;
  readonly profile: string;
  readonly leg: CallLeg;
  readonly backend: Backend;
  readonly dspPool: DspPool;
  readonly scheduler: MediaScheduler;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly options?: Partial<SessionOptions>;
}

/** How a call ended. */
export interface SessionEnd {
  readonly reason: EndReason;
  readonly error?: TalkspurtError;
}

/** Period of the slow supervision, ms. */
const SUPERVISE_MS = 100;

/** One call. Made for one leg, started once, ended once. */
export class Session {
  readonly callId: string;
  readonly profile: string;
  /** Resolves once everything is given back; never rejects. */
  readonly ended: Promise<SessionEnd>;
  readonly #parts: SessionParts;
  readonly #options: SessionOptions;
  readonly #clock: Clock;
  readonly #lifeline = new AbortController();
  readonly #createdMs: number;
  #state: CallState = 'new';
  #resolveEnded: (end: SessionEnd) => void = () => undefined;
  #end: SessionEnd | null = null;
  #hangupCause = 0;
  #legGone = false;
  #hangup = false;
  #transport: MediaTransport | null = null;
  #media: CallMedia | null = null;
  #turns: TurnKeeper | null = null;
  #stream: BackendStream | null = null;
  #ticking: Ticking | null = null;
  #supervision: Timer | null = null;
  #stallReported = false;
  #underrunsReported = 0;
  #overflows = 0;
  #overflowItem = '';
  #mediaSinceMs = 0;
  #reported = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.callId = parts.callId;
    this.profile = parts.profile;
    this.#clock = parts.clock;
    const given = parts.options ?? {};
    const endpointer = { ...DEFAULT_SESSION_OPTIONS.endpointer, ...given.endpointer };
    this.#options = { ...DEFAULT_SESSION_OPTIONS, ...given, endpointer };
    this.#createdMs = parts.clock.nowMs();
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  get state(): CallState {
    return this.#state;
  }

  /**
   * Answers, opens media and backend; resolves when the two can talk. When it rejects, everything has been given back.
   * @throws whatever the leg, the chain or the backend refuse with; ERR_TALKSPURT_CALL_GONE when the caller hangs up first
   */
  async start(): Promise<void> {
    if (!this.#happen('start'))
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call was started before');
    try {
      // A peer that heeds no signal must not hold up what is over.
      const over = this.ended.then(() => Promise.reject(this.#end?.error ?? this.#gone()));
      await Promise.race([this.#open(), over]);
    } catch (error) {
      const failure = asTalkspurtError(error);
      await this.#finish({ reason: reasonOf(failure), error: failure }, this.#options.hangupOnBackendFailure);
      // What ended the call first (a hang-up, a stop) is the truth; the rejection that followed from it is not.
      throw this.#end?.error ?? this.#gone();
    }
  }

  /** Ends our part; resolves when everything is given back. The channel stays unless `hangup`. Twice is harmless. */
  async stop(reason: EndReason, options: { hangup?: boolean } = {}): Promise<void> {
    await this.#finish({ reason }, options.hangup ?? false);
  }

  sendText(text: string): void {
    this.#talkingStream().sendText(text);
  }

  /** Answers a `tool.call` event. @throws ERR_TALKSPURT_NOT_RUNNING */
  sendToolResult(toolCallId: string, outputJson: string): void {
    this.#talkingStream().sendToolResult(toolCallId, outputJson);
  }

  snapshot(): SessionSnapshot {
    return snapshotOf({
      callId: this.callId,
      profile: this.profile,
      switchName: this.#parts.leg.switchName,
      backend: this.#parts.backend.name,
      state: this.#state,
      createdMs: this.#createdMs,
      nowMs: this.#clock.nowMs(),
      overflows: this.#overflows,
      endReason: this.#end?.reason ?? null,
      media: this.#media,
      turns: this.#turns,
      stream: this.#stream,
      ticking: this.#ticking,
    });
  }

  async #open(): Promise<void> {
    const { leg, backend, dspPool, scheduler } = this.#parts;
    const { signal } = this.#lifeline;
    leg.listen(this.#legListener());
    await leg.answer(signal);
    if (this.#tooLate) throw this.#end?.error ?? this.#gone();
    this.#happen('answered');

    const transport = await leg.openMedia(signal);
    if (this.#tooLate) await this.#discard(transport);
    this.#transport = transport;
    const { format } = transport;
    const dsp = dspPool.acquire({ leg: format, backendInput: format, backendOutput: format });
    let media: CallMedia;
    try {
      media = new CallMedia({ transport, dsp, options: this.#options, listener: this.#mediaListener() });
    } catch (error) {
      dspPool.release(dsp);
      throw error;
    }
    this.#media = media;
    this.#turns = new TurnKeeper(media, this.#options, (event, atMs) => this.#emit(event, atMs));
    const onLost = (error: TalkspurtError): void => this.#over({ reason: 'media-failed', error });
    transport.start(media.sink(onLost, (nowMs) => scheduler.poke(nowMs)));
    this.#mediaSinceMs = this.#clock.nowMs();
    this.#ticking = scheduler.add(media);
    this.#supervision = this.#clock.every(SUPERVISE_MS, () => this.#supervise());

    const dialledMs = this.#clock.nowMs();
    const call = { callId: this.callId, leg: media.leg, from: leg.from, to: leg.to, variables: leg.variables };
    const stream = await backend.open(call, this.#backendSink(), signal);
    if (this.#tooLate) await this.#discard(stream);
    this.#stream = stream;
    this.#emit({ type: 'backend.opened', backend: backend.name, connectMs: this.#clock.nowMs() - dialledMs });
    media.connect(stream);
    this.#turns.onConnected(this.#clock.nowMs());
    this.#emit({
      type: 'media.opened',
      transport: transport.kind,
      leg: media.leg,
      input: stream.inputFormat,
      output: stream.outputFormat,
      passThrough: dsp.capturePassThrough && dsp.renderPassThrough,
    });
    this.#happen('opened');
    if (this.#options.greeting !== '') stream.requestResponse(this.#options.greeting);
  }

  #legListener(): LegListener {
    return {
      onHangup: (hangupCause) => {
        if (this.#legGone) return;
        this.#legGone = true;
        this.#hangupCause = hangupCause;
        this.#over({ reason: 'hangup' });
      },
      onDigit: (digit, durationMs) => this.#emit({ type: 'dtmf', digit, durationMs }),
      onMediaEnded: (reason) => {
        const message = `the switch ended the audio path: ${reason}`;
        this.#over({ reason: 'media-failed', error: new TalkspurtError('ERR_TALKSPURT_MEDIA_STALLED', message) });
      },
    };
  }

  #mediaListener(): ConstructorParameters<typeof CallMedia>[0]['listener'] {
    return {
      onSpeech: (edge, nowMs) => this.#turns?.onSpeech(edge, nowMs),
      onPlayout: (moment, nowMs) => this.#turns?.onPlayout(moment, nowMs),
      onFaded: (nowMs) => this.#turns?.onFaded(nowMs),
      onFault: (error) => {
        const code =
          error instanceof Error && error.constructor.name === 'RuntimeError'
            ? 'ERR_TALKSPURT_DSP_TRAP'
            : 'ERR_TALKSPURT_INTERNAL';
        this.#over({ reason: 'error', error: asTalkspurtError(error, code) });
      },
    };
  }

  #backendSink(): BackendSink {
    const backend = this.#parts.backend.name;
    return {
      onAudio: (audio, itemId) => {
        const droppedBytes = this.#turns?.onAudio(audio, itemId) ?? 0;
        // A burst of messages holds the timer back as a burst of packets does.
        this.#parts.scheduler.poke(this.#clock.nowMs());
        if (droppedBytes === 0) return;
        this.#overflows += 1;
        if (itemId !== this.#overflowItem) this.#emit({ type: 'media.overflow', place: 'playout', droppedBytes });
        this.#overflowItem = itemId;
      },
      onAudioDone: (itemId) => this.#turns?.onAudioDone(itemId),
      onResponseStarted: () => this.#turns?.onResponseStarted(),
      onResponseDone: () => this.#turns?.onResponseDone(this.#clock.nowMs()),
      onSpeech: (edge) => this.#turns?.onBackendSpeech(edge, this.#clock.nowMs()),
      onTranscript: (by, text, final) => this.#emit({ type: 'transcript', by, text, final }),
      onToolCall: (toolCallId, name, argumentsJson) => {
        this.#turns?.onToolCall();
        this.#emit({ type: 'tool.call', toolCallId, name, argumentsJson });
      },
      onError: (error) => this.#emit({ type: 'backend.error', backend, error }),
      onExpiring: (inMs) => {
        const message = `the backend ends its session in ${Math.round(inMs / 1000)} s`;
        this.#emit({
          type: 'backend.error',
          backend,
          error: new TalkspurtError('ERR_TALKSPURT_BACKEND_SESSION_EXPIRED', message),
        });
      },
      onClosed: (error) => {
        this.#emit({ type: 'backend.closed', backend, ...(error === null ? {} : { error }) });
        const failure =
          error ?? new TalkspurtError('ERR_TALKSPURT_BACKEND_CLOSED', 'the backend ended the conversation');
        this.#over({ reason: 'backend-failed', error: failure }, this.#options.hangupOnBackendFailure);
      },
    };
  }

  /** The slow tick: what is overdue, dry, silent or too long. */
  #supervise(): void {
    const nowMs = this.#clock.nowMs();
    const { maxDurationMs } = this.#options;
    if (maxDurationMs > 0 && nowMs - this.#createdMs > maxDurationMs) {
      this.#over({ reason: 'expired' }, true);
      return;
    }
    const media = this.#media;
    if (media === null || this.#state !== 'talking') return;
    this.#turns?.expire(nowMs);
    const dryTicks = media.underrunTicks - this.#underrunsReported;
    if (dryTicks > 0) this.#emit({ type: 'media.underrun', missingMs: dryTicks * media.ptimeMs });
    this.#underrunsReported = media.underrunTicks;
    const silentMs = nowMs - (Number.isNaN(media.lastFrameMs) ? this.#mediaSinceMs : media.lastFrameMs);
    if (silentMs > LIMITS.mediaStalledMs && !this.#stallReported) this.#emit({ type: 'media.stalled', silentMs });
    // Twice in a row: after the process stood still the packets that waited must be heard first.
    if (this.#stallReported && silentMs > LIMITS.mediaLostMs) {
      const message = `no audio came from the switch for ${LIMITS.mediaLostMs / 1000} s: is it still there?`;
      this.#over({ reason: 'media-failed', error: new TalkspurtError('ERR_TALKSPURT_MEDIA_STALLED', message) });
    }
    this.#stallReported = silentMs > LIMITS.mediaStalledMs;
  }

  #over(end: SessionEnd, hangup = false): void {
    void this.#finish(end, hangup);
  }

  async #finish(end: SessionEnd, hangup: boolean): Promise<void> {
    if (this.#happen('end')) {
      this.#end = end;
      this.#hangup = hangup;
      this.#lifeline.abort(end.error ?? this.#gone());
      const failure = await this.#release();
      const error = end.error ?? failure;
      this.#happen('released');
      const durationMs = this.#clock.nowMs() - this.#createdMs;
      const hangupCause = this.#legGone ? this.#hangupCause : hangup ? hangupCauseOf(end.reason) : 0;
      this.#emit({
        type: 'call.ended',
        reason: end.reason,
        hangupCause,
        durationMs,
        ...(error === undefined ? {} : { error }),
      });
      this.#reported = true;
      this.#resolveEnded(end);
    }
    await this.ended;
  }

  /**
   * Gives everything back: ticks first, then the peers, each whatever becomes of the others, under one deadline. Returns
   * what went wrong with it; what is not done by the deadline is left to itself.
   */
  async #release(): Promise<TalkspurtError | undefined> {
    this.#ticking?.remove();
    this.#supervision?.cancel();
    const media = this.#media;
    media?.disconnect();
    const { leg, dspPool } = this.#parts;
    const letGo = async (): Promise<void> => {
      if (this.#hangup && !this.#legGone) await leg.hangup(hangupCauseOf(this.#end?.reason ?? 'stopped'));
      else await leg.release();
    };
    const closeTransport = async (): Promise<void> => this.#transport?.close();
    const letGoAndClose = async (): Promise<void> => {
      try {
        await letGo();
      } finally {
        await closeTransport();
      }
    };
    const closeStream = async (): Promise<void> => this.#stream?.close();
    // The switch is told to stop before its packets lose their port.
    const all = Promise.allSettled([letGoAndClose(), closeStream()]);
    let deadline: Timer | undefined;
    const late = new Promise<null>((resolve) => {
      deadline = this.#clock.after(LIMITS.callEndMs, () => resolve(null));
    });
    const outcomes = await Promise.race([all, late]);
    deadline?.cancel();
    // The leg may be what hangs: the port is freed without it.
    if (outcomes === null) void Promise.allSettled([closeTransport()]);
    if (media !== null) dspPool.release(media.dsp);
    if (outcomes === null) {
      const message = `switch or backend did not let go of the call within ${LIMITS.callEndMs} ms`;
      return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message);
    }
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    return refused === undefined ? undefined : asTalkspurtError(refused.reason);
  }

  #happen(happening: CallHappening): boolean {
    const transition = CALL_TABLE[this.#state][happening];
    if (transition === null) return false;
    const previous = this.#state;
    this.#state = transition.next;
    this.#emit({ type: 'call.state', state: transition.next, previous });
    return true;
  }

  #emit(event: CallEvent, atMs = this.#clock.nowMs()): void {
    // After its end nothing is said of a call: a late peer would only confuse who counts calls.
    if (this.#reported) return;
    this.#parts.events.emit({ ...event, callId: this.callId, atMs });
  }

  /**
   * Whether the call ended while something was awaited. Asked in the same turn of the event loop in which its answer is
   * acted on: a promise in between would be room for a hang-up.
   */
  get #tooLate(): boolean {
    return this.#state === 'ending' || this.#state === 'ended';
  }

  /** Closes what came up only after the call had ended. @throws why it ended */
  async #discard(late: { close(): Promise<void> }): Promise<never> {
    await late.close();
    throw this.#end?.error ?? this.#gone();
  }

  #gone(): TalkspurtError {
    const reason = this.#end?.reason ?? 'hangup';
    return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `the call ended before it could talk: ${reason}`);
  }

  #talkingStream(): BackendStream {
    if (this.#state === 'talking' && this.#stream !== null) return this.#stream;
    throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'the call is not talking');
  }
}

function reasonOf(failure: TalkspurtError): EndReason {
  if (failure.code.startsWith('ERR_TALKSPURT_BACKEND') || failure.code === 'ERR_TALKSPURT_SECRET_MISSING')
    return 'backend-failed';
  if (failure.code === 'ERR_TALKSPURT_CALL_GONE') return 'hangup';
  if (failure.code.startsWith('ERR_TALKSPURT_MEDIA') || failure.code.startsWith('ERR_TALKSPURT_UNICAST'))
    return 'media-failed';
  return failure.code.startsWith('ERR_TALKSPURT_LINK') ? 'link-lost' : 'error';
}

/** One call: a leg of the switch, an AI backend, and the media plane between them; its life from attach to release. */
import type { Backend, BackendStream } from '../backend/backend.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { CallEvent, CallState, EndReason } from '../core/events.ts';
import type { DspLibrary } from '../dsp/library.ts';
import type { SessionSnapshot } from '../observe/health.ts';
import type { CallLeg, LegListener } from '../switch/switch-adapter.ts';
import { hangupCauseOf } from '../switch/switch-adapter.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import type { CallControls } from './call-controls.ts';
import { CallConsultation } from './call-consultation.ts';
import type { HoldAudio } from './call-consultation.ts';
import { InBandDial } from './in-band-dial.ts';
import { LineWatch } from './line-watch.ts';
import { giveBack, outcomeOf } from './call-ending.ts';
import { CallFloor } from './call-floor.ts';
import { CALL_TABLE } from './call-state.ts';
import type { CallHappening } from './call-state.ts';
import { sessionOptions, settledOptions, type SessionOptions } from './session-options.ts';
import { mediaEnd, namedParts, passJson, reasonOf } from './session-parts.ts';
import type { NamedParts, SessionEnd, SessionParts, StopOptions } from './session-parts.ts';
import type { SendOff } from './send-off.ts';
import { snapshotOf } from './session-snapshot.ts';

export type { GivenOptions, SessionOptions } from './session-options.ts';
export type { SessionEnd, SessionParts, StopOptions } from './session-parts.ts';

/** One call: made for one leg, started and ended once. */
export class Session {
  readonly callId: string;
  readonly profile: string;
  readonly options: SessionOptions;
  /** Resolves once everything is given back; never rejects. */
  readonly ended: Promise<SessionEnd>;
  readonly #parts: NamedParts;
  readonly #clock: Clock;
  readonly #lifeline = new AbortController();
  readonly #createdMs: number;
  #state: CallState = 'new';
  #resolveEnded: (end: SessionEnd) => void = () => undefined;
  #end: SessionEnd | null = null;
  #stopOptions: StopOptions = {};
  #hangupCause = 0;
  #legGone = false;
  #transferring = false;
  /** The call is being sent off. */
  #goodbye: Promise<void> | null = null;
  readonly #consultation: CallConsultation;
  readonly #dial: InBandDial;
  readonly #watch: LineWatch;
  #transport: MediaTransport | null = null;
  #floor: CallFloor | null = null;
  #reported = false;

  constructor(parts: SessionParts) {
    this.#parts = namedParts(parts);
    this.callId = parts.callId;
    this.profile = parts.profile;
    this.#clock = parts.clock;
    this.options = settledOptions(sessionOptions(parts.options), parts.leg.variables);
    this.#createdMs = parts.clock.nowMs();
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    const emit = (event: CallEvent): void => this.#emit(event);
    const line = { ...parts, ...this.options, signal: this.#lifeline.signal, emit };
    this.#consultation = new CallConsultation(line);
    this.#dial = new InBandDial(line);
    this.#watch = new LineWatch({ ...line, masked: () => this.#floor?.controls.masked === true });
  }

  get leg(): CallLeg {
    return this.#parts.leg;
  }

  get state(): CallState {
    return this.#state;
  }

  /**
   * Answers, opens media and backend; resolves when the two can talk. When it rejects, everything has been given back.
   * @throws whatever the leg, the chain or the backend refuse with; ERR_TALKSPURT_CALL_GONE when the caller hangs up first
   */
  async start(): Promise<void> {
    if (!this.#happen('start')) throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'it was started before');
    // A peer that heeds no signal must not hold up what is over.
    const over = this.ended.then(() => Promise.reject(this.#end?.error ?? this.#gone()));
    try {
      await Promise.race([this.#open(), over]);
    } catch (error) {
      const failure = asTalkspurtError(error);
      const hangup = this.options.hangupOnBackendFailure;
      await this.#finish({ reason: reasonOf(failure), error: failure }, { hangup });
      // What ended the call first (a hang-up, a stop) is the truth; the rejection that followed from it is not.
      throw this.#end?.error ?? this.#gone();
    }
  }

  /** Ends our part; resolves when everything is given back. The channel stays unless `hangup`. Twice is harmless. */
  async stop(reason: EndReason, options: StopOptions = {}): Promise<void> {
    await this.#finish({ reason }, options);
  }

  /** The orders that an operator may give. @throws ERR_TALKSPURT_NOT_RUNNING while the call does not talk */
  get controls(): CallControls {
    if (this.#up && this.#floor !== null) return this.#floor.controls;
    throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'the call is not talking');
  }

  /** @throws ERR_TALKSPURT_NOT_RUNNING, as all that follow, also while a lost backend is sought */
  sendText(text: string): void {
    const stream = this.#talkingStream();
    this.#floor?.turns.onRequested();
    this.#floor?.record.callerWrote(text);
    stream.sendText(text);
  }

  /** A message of the backend's own protocol, as it is. @throws ERR_TALKSPURT_NOT_SUPPORTED */
  sendJson(json: string): void {
    passJson(this.#talkingStream(), this.snapshot().backend, json);
  }

  /** Has the agent speak `text` word for word; false where the backend cannot: then a voice of ours has to. */
  say(text: string): boolean {
    const stream = this.#talkingStream();
    if (stream.say === undefined) return false;
    this.#floor?.turns.onRequested();
    stream.say(text);
    return true;
  }

  /** Also while a lost backend is sought: the one that is found then gets it. */
  sendToolResult(toolCallId: string, outputJson: string): void {
    this.#upFloor().line.sendToolResult(toolCallId, outputJson);
  }

  /** @throws ERR_TALKSPURT_COMMAND_SYNTAX, ERR_TALKSPURT_SWITCH_COMMAND, ERR_TALKSPURT_LINK_* */
  async sendDtmf(digits: string): Promise<void> {
    await this.#dial.send(digits, this.#upFloor().media.dsp);
  }

  /** Gives the caller to `destination` of the switch; our part ends. A refused transfer leaves the call as it was. */
  async transfer(destination: string): Promise<void> {
    const { turns } = this.#upFloor();
    this.#consultation.refuseAnother();
    this.#transferring = true;
    this.leg.conclude?.(outcomeOf('transferred', turns));
    try {
      await this.leg.transfer(destination);
    } catch (error) {
      this.#transferring = false;
      throw error;
    }
    await this.#finish({ reason: 'transferred' });
  }

  /**
   * Has the switch call `destination` while the caller hears `hold`, and joins the two when somebody answers there; our part
   * ends. When nobody does the agent goes on. @throws as `CallConsultation.run`
   */
  async consult(destination: string, hold: HoldAudio): Promise<void> {
    const { turns } = this.#upFloor();
    this.leg.conclude?.(outcomeOf('transferred', turns));
    await this.#consultation.run(this.controls, destination, hold);
    await this.#finish({ reason: 'transferred' });
  }

  /** The agent goes on; an attended transfer that is under way is called off. */
  unhold(): void {
    this.controls.unhold();
    this.#consultation.cancel();
  }

  /**
   * From now on `backend` answers, and knows what was said. The one in use stays until the other one is there; when that cannot be
   * opened, nothing has changed. What waits to be heard, and a sound that plays, goes on; without `library` only where both have
   * one format. While a lost backend is sought, this ends the search. @throws as {@link Backend.open}
   */
  async switchBackend(backend: Backend, library: DspLibrary | null = null): Promise<void> {
    await this.#upFloor().change(backend, library);
  }

  /** The caller is heard no more; what the agent has to say is said, for a while at the most; then the call is stopped. */
  shutDownGracefully(): void {
    this.controls.pause(true);
    // Who waits would not hear what is left to be said.
    this.unhold();
    this.#floor?.supervision.stopWhenQuiet();
  }

  /** Tells the caller goodbye and gives the channel up; resolves when everything is given back. A call that does not talk is stopped. */
  async sendOff(off: SendOff): Promise<void> {
    const floor = this.#up ? this.#floor : null;
    // Whoever asks again waits for the goodbye that is being said.
    this.#goodbye ??=
      floor === null
        ? this.stop('drained', { hangup: off.action === 'hangup' })
        : floor.sendOff(off, (reason, options) => this.stop(reason, options));
    await this.#goodbye;
    await this.ended;
  }

  /** Whether audio of the call overflows so much that what waits is dropped. */
  get storming(): boolean {
    return this.#floor?.supervision.storming ?? false;
  }

  snapshot(): SessionSnapshot {
    return snapshotOf({
      callId: this.callId,
      profile: this.profile,
      switchName: this.leg.switchName,
      backend: this.#floor?.line.backendName ?? this.#parts.backend.name,
      mode: this.#parts.mode ?? 'ai',
      state: this.#state,
      createdMs: this.#createdMs,
      nowMs: this.#clock.nowMs(),
      endReason: this.#end?.reason ?? null,
      floor: this.#floor,
      suspects: this.#watch.suspects,
    });
  }

  async #open(): Promise<void> {
    const { leg } = this.#parts;
    const { signal } = this.#lifeline;
    leg.listen(this.#legListener());
    await leg.answer(signal);
    if (this.#tooLate) throw this.#end?.error ?? this.#gone();
    this.#happen('answered');

    const transport = await leg.openMedia(signal);
    if (this.#tooLate) await this.#discard(transport);
    this.#transport = transport;
    const floor = this.#makeFloor(transport);
    this.#floor = floor;
    floor.begin();
    const { media, turns } = floor;
    const stream = await floor.open();
    if (this.#tooLate) throw this.#end?.error ?? this.#gone();
    turns.onConnected(this.#clock.nowMs());
    const { dsp } = media;
    this.#emit({
      type: 'media.opened',
      transport: transport.kind,
      leg: media.leg,
      input: stream.inputFormat,
      output: stream.outputFormat,
      passThrough: dsp.capturePassThrough && dsp.renderPassThrough,
    });
    this.#happen('opened');
    if (this.options.greeting === '') return;
    turns.onRequested();
    stream.requestResponse(this.options.greeting);
  }

  #makeFloor(transport: MediaTransport): CallFloor {
    return new CallFloor({
      session: this.#parts,
      options: this.options,
      transport,
      clock: this.#clock,
      createdMs: this.#createdMs,
      signal: this.#lifeline.signal,
      state: () => this.#state,
      over: () => (this.#tooLate ? (this.#end?.error ?? this.#gone()) : null),
      emit: (event, atMs) => this.#emit(event, atMs),
      end: (end, stop) => this.#over(end, stop),
      happen: (happening) => this.#happen(happening),
      onHeard: (dsp) => this.#watch.onHeard(dsp),
      transfer: (destination) => this.transfer(destination),
    });
  }

  #legListener(): LegListener {
    return {
      onHangup: (hangupCause) => {
        if (this.#legGone) return;
        this.#legGone = true;
        this.#hangupCause = hangupCause;
        this.#over({ reason: 'hangup' });
      },
      onDigit: (digit, durationMs) => {
        this.#floor?.supervision.onEvent({ type: 'dtmf' });
        this.#watch.onDigit(digit, durationMs);
      },
      onMediaEnded: (reason, as) => {
        if (!this.#transferring || as === 'link-lost') this.#over(mediaEnd(reason, as));
      },
    };
  }

  #over(end: SessionEnd, options: StopOptions = {}): void {
    void this.#finish(end, options);
  }

  async #finish(end: SessionEnd, options: StopOptions = {}): Promise<void> {
    if (this.#happen('end')) {
      this.#end = end;
      this.#stopOptions = options;
      this.#lifeline.abort(end.error ?? this.#gone());
      const failure = await this.#release(end.reason);
      const error = end.error ?? failure;
      this.#happen('released');
      const durationMs = this.#clock.nowMs() - this.#createdMs;
      const hungUp = options.hangup === true ? this.#causeOf(end.reason) : 0;
      const hangupCause = this.#legGone ? this.#hangupCause : hungUp;
      const failed = error === undefined ? {} : { error };
      this.#emit({ type: 'call.ended', reason: end.reason, hangupCause, durationMs, ...failed });
      this.#reported = true;
      this.#resolveEnded(end);
    }
    await this.ended;
  }

  /** Ticks first, then the peers. */
  async #release(reason: EndReason): Promise<TalkspurtError | undefined> {
    const floor = this.#floor;
    floor?.stop();
    const failure = await giveBack({
      clock: this.#clock,
      leg: this.#parts.leg,
      outcome: outcomeOf(reason, floor?.turns ?? null),
      hangup: this.#stopOptions.hangup ?? false,
      hangupCause: this.#causeOf(reason),
      legGone: this.#legGone,
      transport: this.#transport,
      stream: floor?.line.stream ?? null,
      endRecording: floor?.controls.end() ?? null,
      metadata: this.#stopOptions.metadata ?? null,
    });
    floor?.releaseChains();
    return failure;
  }

  #causeOf(reason: EndReason): number {
    return this.#stopOptions.hangupCause ?? hangupCauseOf(reason);
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
    this.#floor?.supervision.onEvent(event);
    this.#parts.events.emit({ ...event, callId: this.callId, correlationId: this.#parts.correlationId, atMs });
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
    const message = `the call ended before it could talk: ${this.#end?.reason ?? 'hangup'}`;
    return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', message);
  }

  /** Somebody is on the line, whether or not a backend hears. */
  get #up(): boolean {
    return this.#state === 'talking' || this.#state === 'reconnecting';
  }

  #upFloor(): CallFloor {
    if (this.#up && this.#floor !== null) return this.#floor;
    throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'the call is not talking');
  }

  #talkingStream(): BackendStream {
    const { line } = this.#upFloor();
    if (line.stream !== null) return line.stream;
    throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'the backend was lost and is being sought: try again');
  }
}

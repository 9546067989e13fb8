/** What an operator may order of a call that talks: pause, mute, mask, hold, break, play, record. */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { CallEvent, CallOrder } from '../core/events.ts';
import type { AudioFormat } from '../core/media.ts';
import { sameAudio } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { CallMedia } from './call-media.ts';
import { CallRecording } from './call-recording.ts';
import type { RecordingFile } from './call-recording.ts';
import { HoldSound } from './hold-sound.ts';
import { SoundQueue } from './sound-queue.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** Whose voice is not to be heard by the other side. */
export type Muted = 'user' | 'agent' | 'all';

/** How a call is recorded. */
export interface RecordingLimits {
  /** The recording ends by itself after this long, ms. Default LIMITS.recordingMaximumMs. */
  readonly maximumMs?: number;
  /** Default: a file on disk. */
  readonly create?: (path: string) => Promise<RecordingFile>;
}

type RecordingEnd = 'stopped' | 'call-ended' | 'limit' | 'failed';

/** What the orders act on. */
export interface CallControlsParts {
  readonly media: CallMedia;
  readonly turns: TurnKeeper;
  readonly clock: Clock;
  /** The call begins masked: an earlier process left it so. */
  readonly masked?: boolean;
  /** What a lost backend was to say is not wanted either. */
  onBreakOff?(): void;
  emit(event: CallEvent): void;
}

/** One call's orders and what stands of them. Each order twice is harmless. */
export class CallControls {
  /** What is played over the agent. */
  readonly sounds: SoundQueue;
  /** Texts that our own voice has said and keeps, and those of them that had not to be made. */
  spokenTexts = 0;
  cachedTexts = 0;
  readonly #parts: CallControlsParts;
  readonly #standing = new Set<CallOrder>();
  #recording: CallRecording | null = null;
  #opening = false;
  #ended = false;

  constructor(parts: CallControlsParts) {
    this.#parts = parts;
    this.sounds = new SoundQueue(parts.media, parts.clock);
    if (parts.masked === true) this.mask(true);
  }

  /** Neither backend nor recording nor events get what the caller says or dials. */
  get masked(): boolean {
    return this.#standing.has('mask');
  }

  /** The recording that runs, or null. */
  get recording(): CallRecording | null {
    return this.#recording;
  }

  /** The orders that stand. */
  get standing(): readonly CallOrder[] {
    return [...this.#standing];
  }

  /** Nothing is sent to the backend / it is again. */
  pause(on: boolean): void {
    this.#order('pause', on);
  }

  mute(who: Muted, on: boolean): void {
    if (who !== 'agent') this.#order('mute-user', on);
    if (who !== 'user') this.#order('mute-agent', on);
  }

  /** For card numbers and the like: see {@link masked}. */
  mask(on: boolean): void {
    this.#order('mask', on);
  }

  /**
   * The caller hears `audio` (in {@link soundFormat}; null: silence) over and over, and nobody hears the caller; the agent
   * waits. On hold already: it is heard from now on. @throws ERR_TALKSPURT_SOUND when `format` is no longer the one
   */
  hold(audio: Uint8Array | null, format: AudioFormat): void {
    const { media } = this.#parts;
    if (!sameAudio(format, this.soundFormat)) {
      throw new TalkspurtError('ERR_TALKSPURT_SOUND', 'the backend was changed meanwhile: order it again');
    }
    media.holdSound = audio === null ? null : new HoldSound(audio, format, media.ptimeMs);
    this.#order('hold', true);
  }

  /** The agent goes on where it was. */
  unhold(): void {
    this.#order('hold', false);
    this.#parts.media.holdSound = null;
  }

  get held(): boolean {
    return this.#standing.has('hold');
  }

  /** Drops what is said and what waits to be said, sounds included. */
  breakOff(): void {
    this.sounds.clear();
    this.#parts.onBreakOff?.();
    this.#parts.turns.breakOff(this.#parts.clock.nowMs());
  }

  /** What {@link play} takes. */
  get soundFormat(): AudioFormat {
    return this.sounds.format;
  }

  /**
   * Plays `audio` (in {@link soundFormat}) to the caller behind sounds that play already; the agent waits meanwhile.
   * @throws ERR_TALKSPURT_SOUND when that is more than fits
   */
  play(audio: Uint8Array, format: AudioFormat): void {
    this.sounds.play(audio, format);
  }

  /** @throws ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_RECORDING */
  async startRecording(path: string, limits: RecordingLimits = {}): Promise<void> {
    if (this.#recording !== null || this.#opening) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call is being recorded: stop that first');
    }
    const { media, clock } = this.#parts;
    this.#opening = true;
    let recording: CallRecording;
    try {
      const { maximumMs = LIMITS.recordingMaximumMs, create } = limits;
      recording = await CallRecording.open(path, {
        format: media.leg,
        clock,
        maximumMs,
        onLimit: () => this.#endedByItself(recording, 'limit'),
        onFailed: (error) => this.#endedByItself(recording, 'failed', error),
        ...(create === undefined ? {} : { create }),
      });
    } finally {
      this.#opening = false;
    }
    if (this.#ended) {
      await recording.close();
      throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'the call ended before it was recorded');
    }
    this.#recording = recording;
    media.recorder = this.#recording;
    this.#parts.emit({ type: 'recording', running: true, durationMs: 0, droppedFrames: 0 });
  }

  /** Resolves to the file that is now whole. @throws ERR_TALKSPURT_NOT_RUNNING, ERR_TALKSPURT_RECORDING */
  async stopRecording(): Promise<string> {
    const recording = this.#takeRecording();
    if (recording === null) {
      throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'this call is not being recorded');
    }
    await this.#close(recording, 'stopped');
    return recording.path;
  }

  /**
   * The call is over: no sound plays, and the recording is off the tick. Gives back what finishes the file, or null. It
   * never rejects: what became of the file is an event, and no fault of the call.
   */
  end(): (() => Promise<void>) | null {
    this.#ended = true;
    this.sounds.clear();
    const recording = this.#takeRecording();
    return recording === null
      ? null
      : async () => void (await Promise.allSettled([this.#close(recording, 'call-ended')]));
  }

  /** Whatever becomes of it, it is said. @throws ERR_TALKSPURT_RECORDING */
  async #close(recording: CallRecording, reason: RecordingEnd): Promise<void> {
    try {
      await recording.close();
    } catch (error) {
      const failure = asTalkspurtError(error);
      this.#recordingEnded(recording, 'failed', failure);
      throw failure;
    }
    this.#recordingEnded(recording, reason);
  }

  #takeRecording(): CallRecording | null {
    const recording = this.#recording;
    this.#recording = null;
    this.#parts.media.recorder = null;
    return recording;
  }

  /** One that is being stopped says so itself, and the next one runs on. */
  #endedByItself(recording: CallRecording, reason: RecordingEnd, error?: TalkspurtError): void {
    if (recording === this.#recording) this.#recordingEnded(this.#takeRecording() ?? recording, reason, error);
  }

  #recordingEnded(recording: CallRecording, reason: RecordingEnd, error?: TalkspurtError): void {
    const { durationMs, droppedFrames } = recording;
    const failed = error === undefined ? {} : { error };
    this.#parts.emit({ type: 'recording', running: false, durationMs, droppedFrames, reason, ...failed });
  }

  #order(order: CallOrder, on: boolean): void {
    const stands = this.#standing.has(order);
    if (on === stands) return;
    if (on) this.#standing.add(order);
    else this.#standing.delete(order);
    const { media } = this.#parts;
    media.held = this.held;
    media.callerPaused = this.#standing.has('pause') || this.held;
    // Whoever waits does not think of being recorded.
    media.callerMuted = this.#standing.has('mute-user') || this.masked || this.held;
    // What was said before a pause is not said after it.
    if (media.callerPaused) media.heldBack.forget();
    media.agentMuted = this.#standing.has('mute-agent');
    this.#parts.emit({ type: 'order', order, on });
  }
}

/** What an operator may order of a call that talks: pause, mute, mask, break, play, record. */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { CallEvent, CallOrder } from '../core/events.ts';
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { CallMedia } from './call-media.ts';
import { CallRecording } from './call-recording.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** Whose voice is not to be heard by the other side. */
export type Muted = 'user' | 'agent' | 'all';

/** What the orders act on. */
export interface CallControlsParts {
  readonly media: CallMedia;
  readonly turns: TurnKeeper;
  readonly clock: Clock;
  emit(event: CallEvent): void;
}

/** One call's orders and what stands of them. Each order twice is harmless. */
export class CallControls {
  readonly #parts: CallControlsParts;
  readonly #standing = new Set<CallOrder>();
  #recording: CallRecording | null = null;
  #opening = false;
  #ended = false;

  constructor(parts: CallControlsParts) {
    this.#parts = parts;
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

  /** Drops what is said and what waits to be said, sounds included. */
  breakOff(): void {
    this.#parts.media.announcement.clear();
    this.#parts.turns.breakOff(this.#parts.clock.nowMs());
  }

  /** What {@link play} takes. */
  get soundFormat(): AudioFormat {
    const { media } = this.#parts;
    return media.stream?.outputFormat ?? media.leg;
  }

  /**
   * Plays `audio` (in {@link soundFormat}) to the caller behind sounds that play already; the agent waits meanwhile.
   * @throws ERR_TALKSPURT_SOUND when that is more than fits
   */
  play(audio: Uint8Array, format: AudioFormat): void {
    const { announcement } = this.#parts.media;
    const { codec, sampleRateHz } = this.soundFormat;
    if (format.codec !== codec || format.sampleRateHz !== sampleRateHz) {
      throw new TalkspurtError('ERR_TALKSPURT_SOUND', 'the backend was changed meanwhile: play the sound again');
    }
    const room = LIMITS.soundMs * bytesPerMs(format) - announcement.waitingBytes;
    if (audio.length > room) {
      const message = `sounds of more than ${LIMITS.soundMs / 1000} s would wait: break first, or play a shorter one`;
      throw new TalkspurtError('ERR_TALKSPURT_SOUND', message);
    }
    announcement.push(audio);
    announcement.complete();
  }

  /** @throws ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_RECORDING */
  async startRecording(path: string): Promise<void> {
    if (this.#recording !== null || this.#opening) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call is being recorded: stop that first');
    }
    const { media, clock } = this.#parts;
    this.#opening = true;
    let recording: CallRecording;
    try {
      recording = await CallRecording.open(path, media.leg, clock, (error) => this.#recordingFailed(error));
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
    await recording.close();
    const { durationMs, droppedFrames } = recording;
    this.#parts.emit({ type: 'recording', running: false, durationMs, droppedFrames });
    return recording.path;
  }

  /** The call is over: takes the recording off the tick; whoever calls closes it. */
  end(): CallRecording | null {
    this.#ended = true;
    const recording = this.#takeRecording();
    if (recording !== null) {
      const { durationMs, droppedFrames } = recording;
      this.#parts.emit({ type: 'recording', running: false, durationMs, droppedFrames });
    }
    return recording;
  }

  #takeRecording(): CallRecording | null {
    const recording = this.#recording;
    this.#recording = null;
    this.#parts.media.recorder = null;
    return recording;
  }

  #recordingFailed(error: TalkspurtError): void {
    const recording = this.#takeRecording();
    if (recording === null) return;
    const { durationMs, droppedFrames } = recording;
    this.#parts.emit({ type: 'recording', running: false, durationMs, droppedFrames, error });
  }

  #order(order: CallOrder, on: boolean): void {
    const stands = this.#standing.has(order);
    if (on === stands) return;
    if (on) this.#standing.add(order);
    else this.#standing.delete(order);
    const { media } = this.#parts;
    media.callerPaused = this.#standing.has('pause');
    media.callerMuted = this.#standing.has('mute-user') || this.masked;
    media.agentMuted = this.#standing.has('mute-agent');
    this.#parts.emit({ type: 'order', order, on });
  }
}

/**
 * One call's audio through a module of its switch: L16 over the WebSocket connection that the module made to us.
 *
 * What does it do? Cuts what comes into frames of our ptime. Stereo comes apart into two transports on one clock: this one has the
 *   left channel (what the channel hears from its caller), {@link ModuleTransport.other} the right one.
 * Not for: starting and stopping the module (module-opening.ts does), and whatever it says in texts that are not about playback:
 *   the metadata may come first, later, or not at all.
 */
import type { Clock, Timer } from '../../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../../core/errors.ts';
import type { MediaFormat } from '../../../core/media.ts';
import { frameBytes } from '../../../core/media.ts';
import { LIMITS } from '../../../limits.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from '../../../transport/media-transport.ts';
import type { EslEvent } from '../esl-link.ts';
import type { ModuleConnection } from './module-connection.ts';
import type { ModulePlayback } from './module-playback.ts';
import { ModuleReframer } from './module-reframer.ts';

/** What one transport works with. */
export interface ModuleTransportOptions {
  readonly clock: Clock;
  /** Owned by the transport from now on. */
  readonly connection: ModuleConnection;
  readonly format: MediaFormat;
  readonly channels: 1 | 2;
  /** Null: it only listens; frames that it is given are counted as unsent. */
  readonly playback: ModulePlayback | null;
  /** A text of the module: the metadata, what was said with `send_text`. Personal. */
  onText?(text: string): void;
  /** Runs once, after the connection was closed: tells the switch. Never rejects. */
  onClose(): Promise<void>;
}

interface Counters {
  receivedFrames: number;
  sentFrames: number;
  rejectedPackets: number;
  unsentFrames: number;
}

/** The one with the connection. */
export class ModuleTransport implements MediaTransport {
  readonly kind = 'module';
  readonly format: MediaFormat;
  /** Where the stream is stereo: the far side's half, which nothing is sent to. */
  readonly other?: MediaTransport;
  readonly #options: ModuleTransportOptions;
  readonly #frameBytes: number;
  readonly #counters: Counters = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  readonly #right: RightHalf | null;
  #sink: MediaSink | null = null;
  #closing: Promise<void> | null = null;
  #goodbye: Timer | null = null;
  #lost: TalkspurtError | null = null;
  #onFirst: (() => void) | null = null;

  constructor(options: ModuleTransportOptions) {
    this.#options = options;
    this.format = options.format;
    this.#frameBytes = frameBytes(options.format);
    this.#right = options.channels === 2 ? new RightHalf(options.format) : null;
    if (this.#right !== null) this.other = this.#right;
    const reframer = new ModuleReframer(options.format, options.channels, (channel, frame, number, timestamp) =>
      this.#frame(channel, frame, number, timestamp),
    );
    options.connection.listen({
      // An empty message is how mod_audio_fork says that nothing more comes.
      onAudio: (bytes) => reframer.push(bytes),
      onText: (text) => {
        options.playback?.onText(text);
        options.onText?.(text);
      },
      onClosed: (code) => this.#gone(code),
    });
  }

  get stats(): MediaTransportStats {
    return this.#counters;
  }

  /**
   * Resolves when audio flows.
   * @throws ERR_TALKSPURT_MODULE_SILENT, or the signal's reason
   */
  async firstFrame(withinMs: number, signal?: AbortSignal): Promise<void> {
    let timer: Timer | undefined;
    let onAbort: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.#counters.receivedFrames > 0) return resolve();
        onAbort = () => reject(asTalkspurtError(signal?.reason));
        if (signal?.aborted === true) return onAbort();
        this.#onFirst = resolve;
        signal?.addEventListener('abort', onAbort, { once: true });
        const message = `the switch's module is connected but sent no audio within ${withinMs} ms: does the channel receive any, and is the stream not paused?`;
        timer = this.#options.clock.after(withinMs, () =>
          reject(new TalkspurtError('ERR_TALKSPURT_MODULE_SILENT', message)),
        );
      });
    } finally {
      timer?.cancel();
      this.#onFirst = null;
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
    if (this.#lost !== null && this.#closing === null) sink.onLost(this.#lost);
  }

  send(payload: Uint8Array, startsTalkspurt: boolean): void {
    const { playback, connection } = this.#options;
    const fit = payload.length === this.#frameBytes && this.#closing === null && connection.open;
    if (fit && playback !== null && playback.send(payload, startsTalkspurt)) this.#counters.sentFrames += 1;
    else this.#counters.unsentFrames += 1;
  }

  playedFrames(): number | null {
    return this.#options.playback?.playedFrames() ?? null;
  }

  flush(): void {
    this.#options.playback?.flush();
  }

  /** An event of this channel, or of the module about it: whoever gets the link's events passes them on. */
  onEvent(event: EslEvent): void {
    if (this.#closing === null) this.#options.playback?.onEvent(event);
  }

  close(): Promise<void> {
    this.#sink = null;
    this.#goodbye?.cancel();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The switch is told first: a connection that is closed under the module leaves its half on the channel. */
  async #close(): Promise<void> {
    await this.#right?.close();
    await this.#options.onClose();
    await this.#options.connection.close();
  }

  #frame(channel: number, frame: Uint8Array, number: number, timestamp: number): void {
    const nowMs = this.#options.clock.nowMs();
    if (channel === 1) {
      this.#right?.deliver(frame, number, timestamp, nowMs);
      return;
    }
    this.#counters.receivedFrames += 1;
    this.#onFirst?.();
    this.#sink?.onFrame(frame, number, timestamp, nowMs);
  }

  /** A hang-up closes the connection too, and is told by the link a moment later. */
  #gone(code: number): void {
    if (this.#closing !== null) return;
    this.#goodbye = this.#options.clock.after(LIMITS.hangupEventMs, () => {
      const message = `the switch's module closed its connection (${code}): the stream was stopped on the switch, or the network failed`;
      const error = new TalkspurtError('ERR_TALKSPURT_MODULE_SILENT', message, { details: { code } });
      this.#lost = error;
      this.#sink?.onLost(error);
      this.#right?.lost(error);
    });
  }
}

/** What the far side says, of a stereo stream: closed with its other half. */
class RightHalf implements MediaTransport {
  readonly kind = 'module';
  readonly format: MediaFormat;
  readonly #counters: Counters = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  #sink: MediaSink | null = null;

  constructor(format: MediaFormat) {
    this.format = format;
  }

  get stats(): MediaTransportStats {
    return this.#counters;
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
  }

  send(): void {
    this.#counters.unsentFrames += 1;
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    // Nothing is ever sent to it.
  }

  close(): Promise<void> {
    this.#sink = null;
    return Promise.resolve();
  }

  deliver(frame: Uint8Array, number: number, timestamp: number, nowMs: number): void {
    this.#counters.receivedFrames += 1;
    this.#sink?.onFrame(frame, number, timestamp, nowMs);
  }

  lost(error: TalkspurtError): void {
    this.#sink?.onLost(error);
  }
}

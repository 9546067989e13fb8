/**
 * Playback by files: the published mod_audio_stream and mod_audio_fork, which write what they are sent to a file, tell its name in
 * an event, and leave the rest to others.
 *
 * How does it work? Agent audio is gathered into batches of up to 200 ms. Each becomes a file on the switch; its event brings the
 *   name back, and the channel is told to execute `playback` of it, under `event-lock`, so that one follows the other without a
 *   gap (`uuid_broadcast` would wait for five frames before each). The first file of what the agent says waits for the second, so
 *   that one is always ahead: 400 ms and a round trip from an agent's first frame to the caller's ear. Silence is not sent.
 * Not for: low latency. The files stay on the switch until the stream is stopped: 16 kB for each second of speech at 8 kHz.
 */
import type { Clock } from '../../../core/clock.ts';
import { TalkspurtError } from '../../../core/errors.ts';
import type { MediaFormat } from '../../../core/media.ts';
import { frameBytes } from '../../../core/media.ts';
import { LIMITS } from '../../../limits.ts';
import type { EslEvent } from '../esl-link.ts';
import type { ModuleConnection } from './module-connection.ts';
import { jsonObject } from './module-playback.ts';
import type { ModulePlayback } from './module-playback.ts';

/** What it plays through. */
export interface FilePlaybackOptions {
  readonly clock: Clock;
  readonly connection: ModuleConnection;
  readonly format: MediaFormat;
  /** Subclass of the event that brings a file's name. */
  readonly playEvent: string;
  /** The module's message for base64 audio; `batch` is to come back in the event. */
  message(base64: string, sampleRateHz: number, batch: number): string;
  /** Has the channel play a file after those before it; never rejects. */
  play(file: string): void;
  /** Ends what the channel plays and all that waits behind it; never rejects. */
  breakOff(): void;
  /** Audio was lost on the switch: once for each spell. */
  onFault(error: TalkspurtError): void;
}

interface Batch {
  readonly number: number;
  readonly frames: number;
  /** Null until the module has written it. */
  file: string | null;
  /** The channel was told to play it. */
  issued: boolean;
  /** When the channel said that it plays it; NaN: not yet. */
  startedMs: number;
}

/** A path as the modules make it: absolute, and one that no application takes for a list, a URL or a variable. */
const FILE = /^(?:\/|[A-Za-z]:[\\/])(?!.*:\/\/)[\p{L}\p{N} _.,~+@%#=()\-/\\:]{1,255}$/u;

/** One call's. */
export class FilePlayback implements ModulePlayback {
  readonly #options: FilePlaybackOptions;
  readonly #frameBytes: number;
  readonly #batchFrames: number;
  readonly #tailFrames: number;
  #gathered: Uint8Array;
  #frames = 0;
  #silentFrames = 0;
  /** The agent is saying something: what is gathered goes on. */
  #talking = false;
  #number = 0;
  /** Sent to the module and not known to have been played, oldest first. */
  readonly #batches: Batch[] = [];
  /** Frames that need not be waited for: silence that was never sent, batches that were played or dropped. */
  #done = 0;
  /** The channel tells when it begins a file. */
  #hearsStarts = false;
  /** The module plays by itself what it gets. */
  #playsItself = false;
  /** Since when the oldest batch is the oldest. */
  #headSinceMs = 0;

  constructor(options: FilePlaybackOptions) {
    const { format } = options;
    this.#options = options;
    this.#frameBytes = frameBytes(format);
    const framesOfMs = Math.floor(LIMITS.moduleBatchMs / format.ptimeMs);
    this.#batchFrames = Math.max(1, Math.min(framesOfMs, Math.floor(LIMITS.moduleBatchBytes / this.#frameBytes)));
    this.#tailFrames = Math.ceil(LIMITS.moduleTailMs / format.ptimeMs);
    this.#gathered = new Uint8Array(this.#batchFrames * this.#frameBytes);
  }

  send(frame: Uint8Array, startsTalkspurt: boolean): boolean {
    const silent = isSilent(frame);
    if (this.#batches.length > 0) this.#giveUpStuck();
    if (!this.#talking) {
      if (silent && !startsTalkspurt) {
        this.#done += 1;
        return true;
      }
      this.#talking = true;
    }
    if (this.#frames === 0 && this.#batches.length >= LIMITS.moduleBatches) return false;
    this.#gathered.set(frame, this.#frames * this.#frameBytes);
    this.#frames += 1;
    this.#silentFrames = silent ? this.#silentFrames + 1 : 0;
    const over = this.#silentFrames >= this.#tailFrames;
    let taken = true;
    if (this.#frames === this.#batchFrames || over) taken = this.#dispatch();
    if (over) {
      this.#talking = false;
      this.#silentFrames = 0;
      this.#advance();
    }
    return taken;
  }

  playedFrames(): number | null {
    if (!this.#hearsStarts || this.#playsItself) return null;
    const playing = this.#batches[0];
    return this.#done + (playing === undefined ? 0 : this.#playedOf(playing));
  }

  flush(): void {
    const playing = this.#batches.some((batch) => batch.issued && !this.#isOver(batch));
    for (const { frames } of this.#batches) this.#done += frames;
    this.#batches.length = 0;
    this.#done += this.#frames;
    this.#frames = 0;
    this.#silentFrames = 0;
    this.#talking = false;
    // On a channel that plays nothing it would break off what is played next.
    if (playing && !this.#playsItself) this.#options.breakOff();
  }

  onText(): void {
    // The published modules say nothing but what they were told to by `send_text`.
  }

  onEvent(event: EslEvent): void {
    if (event.name === 'PLAYBACK_START') return this.#started(event.headers['Playback-File-Path'] ?? '');
    if (event.name !== 'CUSTOM' || event.headers['Event-Subclass'] !== this.#options.playEvent) return;
    const body = jsonObject(event.body);
    const batch = this.#batches.find(({ number }) => number === body?.['talkspurt']);
    if (batch === undefined) return;
    const file = body?.['file'];
    if (typeof file === 'string' && FILE.test(file)) {
      batch.file = file;
      this.#advance();
      return;
    }
    // Without a file there is nothing for us to play: the commercial edition does it by itself.
    if (file === undefined) this.#playsItself = true;
    else this.#fault('the module wrote its audio to a file whose name cannot be used');
    this.#drop(batch);
  }

  #dispatch(): boolean {
    const bytes = Buffer.from(this.#gathered.subarray(0, this.#frames * this.#frameBytes));
    const frames = this.#frames;
    this.#frames = 0;
    this.#number += 1;
    const { clock, connection, format } = this.#options;
    const text = this.#options.message(bytes.toString('base64'), format.sampleRateHz, this.#number);
    if (!connection.sendText(text)) {
      // The last of these frames is counted by the caller, who is told that it was not taken.
      this.#done += frames - 1;
      return false;
    }
    if (this.#batches.length === 0) this.#headSinceMs = clock.nowMs();
    this.#batches.push({ number: this.#number, frames, file: null, issued: false, startedMs: Number.NaN });
    return true;
  }

  /** Hands on to the channel, in order, what may be handed on. */
  #advance(): void {
    const { clock, format } = this.#options;
    // Without word of a start, what was handed on is taken to be playing for its own time at least.
    while (this.#batches.length > 0 && this.#batches[0]!.issued && this.#isOver(this.#batches[0]!)) {
      this.#drop(this.#batches[0]!);
    }
    for (const [index, batch] of this.#batches.entries()) {
      if (batch.issued) continue;
      if (batch.file === null) return;
      const next = this.#batches[index + 1];
      const ahead = index > 0 || (next !== undefined && next.file !== null);
      const last = next === undefined && !this.#talking;
      if (!ahead && !last) return;
      batch.issued = true;
      if (!this.#hearsStarts) batch.startedMs = this.#startAfter(index, clock.nowMs(), format.ptimeMs);
      this.#options.play(batch.file);
    }
  }

  /** Where nobody tells of starts: right after the one before it. */
  #startAfter(index: number, nowMs: number, ptimeMs: number): number {
    const before = this.#batches[index - 1];
    return before === undefined ? nowMs : Math.max(nowMs, before.startedMs + before.frames * ptimeMs);
  }

  /** Those before it have been played. */
  #started(file: string): void {
    const index = this.#batches.findIndex((batch) => batch.issued && batch.file === file);
    if (index < 0) return;
    this.#hearsStarts = true;
    for (const { frames } of this.#batches.splice(0, index)) this.#done += frames;
    this.#headSinceMs = this.#options.clock.nowMs();
    this.#batches[0]!.startedMs = this.#headSinceMs;
    this.#advance();
  }

  #drop(batch: Batch): void {
    this.#done += batch.frames;
    this.#batches.splice(this.#batches.indexOf(batch), 1);
    this.#headSinceMs = this.#options.clock.nowMs();
  }

  /** Its event was lost, its file could not be played, or somebody else broke off what the channel plays. */
  #giveUpStuck(): void {
    if (this.#isOver(this.#batches[0]!)) return this.#advance();
    if (this.#options.clock.nowMs() - this.#headSinceMs < LIMITS.moduleBatchLateMs) return;
    for (const { frames } of this.#batches.splice(0)) this.#done += frames;
    this.#fault('the switch did not play what its module was sent: see its log for the file');
  }

  #fault(message: string): void {
    this.#options.onFault(new TalkspurtError('ERR_TALKSPURT_MODULE_SILENT', message));
  }

  #playedOf(batch: Batch): number {
    if (Number.isNaN(batch.startedMs)) return 0;
    const frames = Math.floor((this.#options.clock.nowMs() - batch.startedMs) / this.#options.format.ptimeMs);
    return Math.min(batch.frames, Math.max(0, frames));
  }

  #isOver(batch: Batch): boolean {
    return this.#playedOf(batch) >= batch.frames;
  }
}

function isSilent(frame: Uint8Array): boolean {
  for (let i = 0; i < frame.length; i += 1) if (frame[i] !== 0) return false;
  return true;
}

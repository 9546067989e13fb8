/**
 * A call written down as one WAV file of two channels: what the agent was given of the caller on the left, what the caller
 * heard on the right, frame by frame in the same tick. The samples are the leg's own (G.711 stays G.711).
 *
 * The tick copies into a ring; a slow timer writes the ring out. A disk that does not keep up costs recorded audio (both
 * sides alike, counted), never a tick. One that is full ends the recording; what it took until then is a whole file.
 */
import { open } from 'node:fs/promises';
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { MediaFormat } from '../core/media.ts';
import { SILENCE_BYTE, bytesPerMs, bytesPerSample, frameBytes } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { CallRecorder } from './media-loop.ts';

/** Format tags of RIFF/WAVE. */
const WAVE_FORMAT = { l16: 1, pcma: 6, pcmu: 7 } as const;
const HEADER_BYTES = 44;
const CHANNELS = 2;
const FLUSH_MS = 200;

/** What is written to; a file, as a rule. */
export interface RecordingFile {
  /** Writes `bytes` bytes of `buffer`, from `offset` on, to `position`; fewer may be taken. */
  write(buffer: Uint8Array, offset: number, bytes: number, position: number): Promise<{ bytesWritten: number }>;
  close(): Promise<void>;
}

/** How a recording is made. */
export interface RecordingOptions {
  readonly format: MediaFormat;
  readonly clock: Clock;
  /** The recording ends by itself after this long, ms, and at LIMITS.recordingBytes. */
  readonly maximumMs: number;
  /** It has come to its bound, and is a whole file. */
  onLimit(): void;
  /** The disk refused: nothing more is recorded. */
  onFailed(error: TalkspurtError): void;
  /** Makes the file, which is not there yet. Default: on disk. */
  readonly create?: (path: string) => Promise<RecordingFile>;
}

/** One recording that runs. */
export class CallRecording implements CallRecorder {
  readonly path: string;
  readonly #file: RecordingFile;
  readonly #options: RecordingOptions;
  readonly #maximumBytes: number;
  readonly #sampleBytes: number;
  readonly #silence: Uint8Array;
  readonly #ring: Uint8Array;
  readonly #timer: Timer;
  #head = 0;
  #size = 0;
  #written = 0;
  #droppedFrames = 0;
  #writing: Promise<void> = Promise.resolve();
  #full = false;
  #over = false;

  private constructor(path: string, file: RecordingFile, options: RecordingOptions) {
    const { format, clock, maximumMs } = options;
    this.path = path;
    this.#file = file;
    this.#options = options;
    this.#maximumBytes = Math.min(LIMITS.recordingBytes, Math.ceil(maximumMs) * bytesPerMs(format) * CHANNELS);
    this.#sampleBytes = bytesPerSample(format.codec);
    this.#silence = new Uint8Array(frameBytes(format)).fill(SILENCE_BYTE[format.codec]);
    this.#ring = new Uint8Array(bytesPerMs(format) * CHANNELS * LIMITS.recordingRingMs);
    this.#timer = clock.every(FLUSH_MS, () => this.#flush());
  }

  /**
   * Creates the file; one that is there already is not touched. Of `onLimit` and `onFailed` one is called once, or none.
   * @throws ERR_TALKSPURT_RECORDING
   */
  static async open(path: string, options: RecordingOptions): Promise<CallRecording> {
    const { create = async (name: string) => await open(name, 'wx', 0o640) } = options;
    let file: RecordingFile;
    try {
      file = await create(path);
    } catch (error) {
      throw recordingError('the recording could not be created: is the directory there, and writable?', error);
    }
    try {
      await writeAll(file, header(options.format, 0), 0, HEADER_BYTES, 0);
    } catch (error) {
      await file.close();
      throw recordingError('the recording could not be written', error);
    }
    return new CallRecording(path, file, options);
  }

  /** Frames of both sides that the disk did not take in time. */
  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  /** What has been written or waits to be, ms. */
  get durationMs(): number {
    return (this.#written + this.#size) / (bytesPerMs(this.#options.format) * CHANNELS);
  }

  write(caller: Uint8Array | null, agent: Uint8Array): void {
    if (this.#over || this.#full) return;
    const left = caller !== null && caller.length === this.#silence.length ? caller : this.#silence;
    if (this.#size + left.length + agent.length > this.#ring.length || agent.length !== left.length) {
      this.#droppedFrames += 1;
      return;
    }
    if (this.#written + this.#size + left.length + agent.length > this.#maximumBytes) {
      this.#full = true;
      return;
    }
    const ring = this.#ring;
    const { length } = ring;
    const step = this.#sampleBytes;
    let at = (this.#head + this.#size) % length;
    for (let i = 0; i < left.length; i += step) {
      for (let b = 0; b < step; b++) ring[at + b] = left[i + b] ?? 0;
      for (let b = 0; b < step; b++) ring[at + step + b] = agent[i + b] ?? 0;
      at += 2 * step;
      if (at >= length) at = 0;
    }
    this.#size += left.length + agent.length;
  }

  /** Writes the rest and the lengths. Twice is harmless. @throws ERR_TALKSPURT_RECORDING */
  async close(): Promise<void> {
    if (this.#over) return await this.#writing;
    this.#over = true;
    this.#timer.cancel();
    this.#writing = this.#writing.then(() => this.#finish());
    await this.#writing;
  }

  async #finish(): Promise<void> {
    try {
      while (this.#size > 0) await this.#writeOut();
    } catch (error) {
      await Promise.allSettled([this.#closeFile()]);
      throw recordingError('the recording could not be finished', error);
    }
    await this.#closeFile();
  }

  #flush(): void {
    if (!this.#over) this.#writing = this.#flushed(this.#writing);
  }

  async #flushed(before: Promise<void>): Promise<void> {
    await before;
    try {
      if (this.#size > 0) await this.#writeOut();
    } catch (error) {
      await this.#fail(recordingError('the recording could not be written', error));
      return;
    }
    if (this.#full && this.#size === 0 && !this.#over) await this.#endAtLimit();
  }

  /** One stretch of the ring. What comes in meanwhile goes behind it. */
  async #writeOut(): Promise<void> {
    const bytes = Math.min(this.#size, this.#ring.length - this.#head);
    await writeAll(this.#file, this.#ring, this.#head, bytes, HEADER_BYTES + this.#written);
    this.#head = (this.#head + bytes) % this.#ring.length;
    this.#size -= bytes;
    this.#written += bytes;
  }

  /** The disk refused: what it took before stays, and it is said. */
  async #fail(failure: TalkspurtError): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    await Promise.allSettled([this.#closeFile()]);
    this.#options.onFailed(failure);
  }

  async #endAtLimit(): Promise<void> {
    this.#over = true;
    this.#timer.cancel();
    try {
      await this.#closeFile();
    } catch (error) {
      this.#options.onFailed(asTalkspurtError(error));
      return;
    }
    this.#options.onLimit();
  }

  /** Says in the file how long it is; room for that was taken at the beginning. @throws ERR_TALKSPURT_RECORDING */
  async #closeFile(): Promise<void> {
    try {
      await writeAll(this.#file, header(this.#options.format, this.#written), 0, HEADER_BYTES, 0);
      await this.#file.close();
    } catch (error) {
      await Promise.allSettled([this.#file.close()]);
      throw recordingError('the recording could not be finished', error);
    }
  }
}

/** All of them, however few are taken at a time; a disk that is nearly full takes a part before it refuses. */
async function writeAll(
  file: RecordingFile,
  buffer: Uint8Array,
  offset: number,
  bytes: number,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes;) {
    const { bytesWritten } = await file.write(buffer, offset + done, bytes - done, position + done);
    if (bytesWritten <= 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
    done += bytesWritten;
  }
}

function header(format: MediaFormat, dataBytes: number): Uint8Array {
  const sampleBytes = bytesPerSample(format.codec);
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  const text = (at: number, value: string): void => {
    for (let i = 0; i < value.length; i++) view.setUint8(at + i, value.charCodeAt(i));
  };
  text(0, 'RIFF');
  view.setUint32(4, HEADER_BYTES - 8 + dataBytes, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, WAVE_FORMAT[format.codec], true);
  view.setUint16(22, CHANNELS, true);
  view.setUint32(24, format.sampleRateHz, true);
  view.setUint32(28, format.sampleRateHz * sampleBytes * CHANNELS, true);
  view.setUint16(32, sampleBytes * CHANNELS, true);
  view.setUint16(34, sampleBytes * 8, true);
  text(36, 'data');
  view.setUint32(40, dataBytes, true);
  return new Uint8Array(view.buffer);
}

function recordingError(message: string, cause: unknown): TalkspurtError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  return new TalkspurtError('ERR_TALKSPURT_RECORDING', `${message} (${reason})`, { cause, details: { reason } });
}

/** One `uuid_record` of the simulated switch: from the media bug to the bytes of the file. */
import type { ChannelTap } from './channel-audio.ts';
import { FrameConverter } from './frame-converter.ts';
import { MU_LAW } from './g711-table.ts';
import type { RecordFile } from './record-file.ts';

/** What the channel's variables say about a recording. */
export interface RecordingOptions {
  readonly sides: 'mixed' | 'stereo' | 'read' | 'write';
  readonly channelRateHz: number;
  readonly frameSamples: number;
  readonly rateHz: number;
  /** Frames that are kept back after the first one, and come at once. */
  readonly preBufferFrames: number;
  readonly muLaw: boolean;
}

const KEPT_MS = 1_000;
const DEFAULT_PRE_BUFFER_FRAMES = 25;

/** Reads the variables, with FreeSWITCH's defaults. */
export function recordingOptions(
  variables: ReadonlyMap<string, string>,
  channel: { readonly sampleRateHz: number; readonly frameSamples: number },
  path: string,
): RecordingOptions {
  const yes = (name: string): boolean => /^(true|yes|on|1|t)$/i.test(variables.get(name) ?? '');
  const number = (name: string, otherwise: number): number => {
    const value = Number.parseInt(variables.get(name) ?? '', 10);
    return value > 0 ? value : otherwise;
  };
  const sides = yes('RECORD_STEREO')
    ? 'stereo'
    : yes('RECORD_READ_ONLY')
      ? 'read'
      : yes('RECORD_WRITE_ONLY')
        ? 'write'
        : 'mixed';
  return {
    sides,
    channelRateHz: channel.sampleRateHz,
    frameSamples: channel.frameSamples,
    rateHz: number('record_sample_rate', channel.sampleRateHz),
    preBufferFrames: number('RECORD_PRE_BUFFER_FRAMES', DEFAULT_PRE_BUFFER_FRAMES),
    muLaw: /\.ul$/i.test(path),
  };
}

/** A media bug that writes L16 little endian, or µ-law, without a header; stereo has the channel's own phone on the left. */
export class CallRecording implements ChannelTap {
  readonly #file: RecordFile;
  readonly #options: RecordingOptions;
  readonly #onEnd: () => void;
  readonly #left: FrameConverter;
  readonly #right: FrameConverter;
  #frames = 0;
  #kept: Buffer[] = [];
  /** `uuid_record … mask`: silence is written instead. */
  masked = false;

  constructor(file: RecordFile, options: RecordingOptions, onEnd: () => void) {
    this.#file = file;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#left = new FrameConverter(options.rateHz, KEPT_MS);
    this.#right = new FrameConverter(options.rateHz, KEPT_MS);
  }

  mixIntoRead(): void {
    // A recording only listens.
  }

  mixIntoWrite(): void {
    // A recording only listens.
  }

  onPtime(read: Int16Array, write: Int16Array): void {
    const { channelRateHz, frameSamples } = this.#options;
    const silence = new Int16Array(frameSamples);
    this.#left.push(read.length === 0 || this.masked ? silence : read, channelRateHz);
    this.#right.push(write.length === 0 || this.masked ? silence : write, channelRateHz);
    const count = Math.min(this.#left.length, this.#right.length);
    const [left, right] = [this.#left.take(count), this.#right.take(count)];
    if (left !== null && right !== null) this.#keep(this.#bytes(left, right));
  }

  onEnd(): void {
    for (const bytes of this.#kept) this.#file.write(bytes);
    this.#kept = [];
    this.#file.close();
    this.#onEnd();
  }

  /** The first frame goes at once, then the pre-buffer fills; from then on every frame goes as it comes. */
  #keep(bytes: Buffer): void {
    this.#frames += 1;
    const { preBufferFrames } = this.#options;
    if (preBufferFrames > 1 && this.#frames > 1 && this.#frames <= preBufferFrames + 1) {
      this.#kept.push(bytes);
      if (this.#frames <= preBufferFrames) return;
      const all = Buffer.concat(this.#kept);
      this.#kept = [];
      this.#file.write(all);
    } else this.#file.write(bytes);
  }

  #bytes(left: Int16Array, right: Int16Array): Buffer {
    const { sides, muLaw } = this.#options;
    const perSample = sides === 'stereo' ? 2 : 1;
    const samples = new Int16Array(left.length * perSample);
    for (let at = 0; at < left.length; at += 1) {
      const [l, r] = [left[at]!, right[at]!];
      if (sides === 'stereo') {
        samples[at * 2] = l;
        samples[at * 2 + 1] = r;
      } else samples[at] = sides === 'read' ? l : sides === 'write' ? r : Math.max(-32768, Math.min(32767, l + r));
    }
    if (muLaw) return Buffer.from(Uint8Array.from(samples, (sample) => MU_LAW.encode[sample + 32768]!));
    const bytes = Buffer.allocUnsafe(samples.length * 2);
    for (let at = 0; at < samples.length; at += 1) bytes.writeInt16LE(samples[at]!, at * 2);
    return bytes;
  }
}

/**
 * A sound from a server as the call's own L16, a piece at a time: a message may hold minutes, and decoding them in one go
 * would hold every call up.
 *
 *     source    ┌────────┬───────── piece ─────────┬────────┐
 *               │ margin │ goes out                │ margin │     margins feed the filter and are cut off again,
 *               └────────┴─────────────────────────┴────────┘     so that no seam is heard
 */
import type { SampleRateHz } from '../core/media.ts';
import type { DspLibrary } from '../dsp/library.ts';

/** Rates that a sound may come at, in Hz: the module's list. */
export type StreamRateHz = 8000 | 16000 | 24000 | 32000 | 48000 | 64000;

/** Whether a sound may come at `value` Hz. */
export function isStreamRate(value: unknown): value is StreamRateHz {
  return (RATES as readonly unknown[]).includes(value);
}

/** A sound as it came. */
export interface StreamSound {
  readonly codec: 'l16' | 'pcmu' | 'pcma';
  readonly sampleRateHz: StreamRateHz;
  /** Two are interleaved, and are averaged. */
  readonly channels: 1 | 2;
  /** Half a sample at the end is left out. */
  readonly bytes: Buffer;
}

/** One sound on its way out. */
export class StreamClip {
  readonly #sound: StreamSound;
  readonly #toHz: SampleRateHz;
  readonly #dsp: DspLibrary;
  readonly #steps: readonly Step[];
  readonly #samples: number;
  readonly #pieceSamples: number;
  #at = 0;

  constructor(sound: StreamSound, toHz: SampleRateHz, dsp: DspLibrary) {
    const { codec, sampleRateHz, channels, bytes } = sound;
    this.#sound = sound;
    this.#toHz = toHz;
    this.#dsp = dsp;
    this.#steps = stepsOf(sampleRateHz, toHz);
    this.#samples = Math.floor(bytes.length / (channels * (codec === 'l16' ? 2 : 1)));
    this.#pieceSamples = Math.ceil((sampleRateHz * PIECE_MS) / 1000 / GRID) * GRID;
  }

  /** Whether everything was handed out. */
  get done(): boolean {
    return this.#at >= this.#samples;
  }

  /** The next piece, L16 at the rate asked for; empty when it is {@link done}. The caller's to keep. */
  next(): Uint8Array {
    if (this.done) return new Uint8Array(0);
    const { codec, channels, bytes } = this.#sound;
    if (codec === 'l16' && channels === 1 && this.#steps.length === 0) {
      this.#at = this.#samples;
      return bytes.subarray(0, this.#samples * 2);
    }
    const from = this.#at;
    const to = Math.min(from + this.#pieceSamples, this.#samples);
    this.#at = to;
    const margin = this.#steps.length === 0 ? 0 : MARGIN;
    const readFrom = Math.max(0, from - margin);
    const readTo = Math.min(this.#samples, to + margin);
    let pcm = this.#decode(readFrom, readTo);
    for (const { fromHz, toHz } of this.#steps) pcm = this.#dsp.resample(pcm, fromHz, toHz);
    const head = this.#scaled(from - readFrom);
    // The last piece keeps whatever the filters made of the end.
    const end = to === this.#samples ? pcm.length : head + this.#scaled(to - from);
    return bytesOf(pcm.subarray(head, end));
  }

  /** Samples at the source's rate as samples at ours; exact on the grid. */
  #scaled(samples: number): number {
    return (samples * this.#toHz) / this.#sound.sampleRateHz;
  }

  #decode(from: number, to: number): Int16Array {
    const { codec, channels, bytes } = this.#sound;
    const sampleBytes = (codec === 'l16' ? 2 : 1) * channels;
    const part = bytes.subarray(from * sampleBytes, to * sampleBytes);
    const pcm =
      codec === 'pcmu' ? this.#dsp.decodeUlaw(part) : codec === 'pcma' ? this.#dsp.decodeAlaw(part) : samplesOf(part);
    if (channels === 1) return pcm;
    const mono = new Int16Array(pcm.length / 2);
    for (let i = 0; i < mono.length; i += 1) mono[i] = (pcm[2 * i]! + pcm[2 * i + 1]!) >> 1;
    return mono;
  }
}

const RATES: readonly StreamRateHz[] = [8000, 16000, 24000, 32000, 48000, 64000];
/** How much is decoded at once. */
const PIECE_MS = 500;
/** A multiple of every ratio's parts: pieces that begin on it begin on a sample of ours too. */
const GRID = 24;
/** More than the filters see on either side, in samples of the fastest rate (eight to one: 64 + 128 + 256). */
const MARGIN = 50 * GRID;

interface Step {
  readonly fromHz: SampleRateHz;
  readonly toHz: SampleRateHz;
}

/** The library's filters depend on the ratio alone: so 32 and 64 kHz, which it does not know, go by way of its own rates. */
const HALF: Step = { fromHz: 16000, toHz: 8000 };
const THREE_HALVES: Step = { fromHz: 16000, toHz: 24000 };

function stepsOf(fromHz: StreamRateHz, toHz: SampleRateHz): readonly Step[] {
  if (fromHz === toHz) return [];
  if (fromHz === 64000) return [HALF, ...stepsOf(32000, toHz)];
  if (fromHz !== 32000) return [{ fromHz, toHz }];
  switch (toHz) {
    case 48000:
      return [THREE_HALVES];
    case 24000:
      return [THREE_HALVES, HALF];
    case 16000:
      return [HALF];
    case 8000:
      return [HALF, HALF];
  }
}

/** Copied: a message's bytes may begin at an odd place. */
function samplesOf(bytes: Buffer): Int16Array {
  const pcm = new Int16Array(bytes.length >> 1);
  new Uint8Array(pcm.buffer).set(bytes.subarray(0, pcm.length * 2));
  return pcm;
}

function bytesOf(pcm: Int16Array): Uint8Array {
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

/** The application `eavesdrop`: a channel that hears another one, and whispers to its parties. */
import type { ChannelTap } from './channel-audio.ts';
import { FrameConverter } from './frame-converter.ts';

/** The channel that is listened to. */
export interface EavesdropTarget {
  readonly gone: boolean;
  readonly format: { readonly sampleRateHz: number };
  /** Hangs a media bug on it until the returned function is called. */
  attach(tap: ChannelTap, name: { readonly function: string; readonly target: string }): () => void;
}

/** What an eavesdropper does to its own channel. */
export interface EavesdropHost {
  readonly format: { readonly sampleRateHz: number; readonly frameSamples: number };
  variable(name: string): string | undefined;
  target(uuid: string): EavesdropTarget | null;
  /** Says a frame to the eavesdropper's phone; the frame is handed over. */
  write(samples: Int16Array): void;
}

/** Which parties: none, the target's other party, its own, both. */
type Whisper = 0 | 1 | 2 | 3;

const BUFFER_MS = 200;

/** One eavesdropper. Ends with its target, with `*`, or with its own channel. */
export class ChannelEavesdrop {
  readonly #host: EavesdropHost;
  #target: EavesdropTarget | null = null;
  #detach: (() => void) | null = null;
  #heard = new FrameConverter(8000, BUFFER_MS);
  #toRead = new FrameConverter(8000, BUFFER_MS);
  #toWrite = new FrameConverter(8000, BUFFER_MS);
  #whisper: Whisper = 0;
  #over = false;

  constructor(host: EavesdropHost) {
    this.#host = host;
  }

  get running(): boolean {
    return this.#target !== null;
  }

  /** False when there is no such channel. */
  start(uuid: string): boolean {
    const target = this.#host.target(uuid.trim());
    if (target === null) return false;
    this.#target = target;
    this.#over = false;
    const { sampleRateHz: ownHz } = this.#host.format;
    const hz = target.format.sampleRateHz;
    // An eavesdropper of a higher rate takes the target's samples as they are: half as many frames, at double speed.
    this.#heard = new FrameConverter(ownHz > hz ? hz : ownHz, BUFFER_MS);
    this.#toRead = new FrameConverter(hz, BUFFER_MS);
    this.#toWrite = new FrameConverter(hz, BUFFER_MS);
    const yes = (name: string): boolean => /^(true|yes|on|1|t)$/i.test(this.#host.variable(name) ?? '');
    this.#whisper = ((yes('eavesdrop_whisper_aleg') ? 1 : 0) | (yes('eavesdrop_whisper_bleg') ? 2 : 0)) as Whisper;
    const only = yes('eavesdrop_bridge_aleg') ? 'read' : yes('eavesdrop_bridge_bleg') ? 'write' : 'both';
    const tap: ChannelTap = {
      mixIntoRead: (samples) => mixInto(samples, this.#toRead),
      mixIntoWrite: (samples) => mixInto(samples, this.#toWrite),
      onPtime: (read, write) => {
        if (only === 'both') this.#heard.push(sum(read, write), hz);
        else this.#heard.push(only === 'read' ? padded(read, write) : padded(write, read), hz);
      },
    };
    this.#detach = target.attach(tap, { function: 'eavesdrop', target: uuid.trim() });
    return true;
  }

  /** One ptime of the eavesdropper; false: it is over. */
  tick(samples: Int16Array | null): boolean {
    const target = this.#target;
    if (target === null || this.#over || target.gone) return false;
    const { sampleRateHz, frameSamples } = this.#host.format;
    if (samples !== null && sampleRateHz <= target.format.sampleRateHz) {
      if ((this.#whisper & 1) !== 0) this.#toRead.push(samples, sampleRateHz);
      if ((this.#whisper & 2) !== 0) this.#toWrite.push(samples, sampleRateHz);
    }
    const frame = this.#heard.take(frameSamples);
    if (frame !== null) this.#host.write(frame);
    return true;
  }

  /** The keypad: `0` … `3` choose whom to whisper to, `*` ends. */
  onDigit(digit: string): void {
    if (digit === '*') this.#over = true;
    else if (/^[0-3]$/.test(digit)) this.#whisper = Number(digit) as Whisper;
  }

  leave(): void {
    this.#detach?.();
    this.#detach = null;
    this.#target = null;
  }
}

function mixInto(samples: Int16Array, from: FrameConverter): void {
  const more = from.take(samples.length);
  if (more === null) return;
  for (let at = 0; at < samples.length; at += 1) samples[at] = clip(samples[at]! + more[at]!);
}

function sum(a: Int16Array, b: Int16Array): Int16Array {
  const both = new Int16Array(Math.max(a.length, b.length));
  for (let at = 0; at < both.length; at += 1) both[at] = clip((a[at] ?? 0) + (b[at] ?? 0));
  return both;
}

/** One direction, as silence where there is only the other. */
function padded(wanted: Int16Array, other: Int16Array): Int16Array {
  return wanted.length > 0 ? wanted : new Int16Array(other.length);
}

function clip(sample: number): number {
  return Math.max(-32768, Math.min(32767, sample));
}

/** The application `eavesdrop`: a channel that hears another one, and whispers to its parties. */
import type { ChannelTap } from './channel-audio.ts';
import { FrameConverter } from './frame-converter.ts';

/** The channel that is listened to. */
export interface EavesdropTarget {
  readonly uuid: string;
  readonly gone: boolean;
  /** Whether it has media: before, there is nothing to hear. */
  readonly mediaUp: boolean;
  readonly variables: ReadonlyMap<string, string>;
  readonly format: { readonly sampleRateHz: number };
  /** Hangs a media bug on it until the returned function is called. */
  attach(tap: ChannelTap, name: { readonly function: string; readonly target: string }): () => void;
}

/** What an eavesdropper does to its own channel. */
export interface EavesdropHost {
  readonly uuid: string;
  readonly format: { readonly sampleRateHz: number; readonly ptimeMs: number; readonly frameSamples: number };
  variable(name: string): string | undefined;
  target(uuid: string): EavesdropTarget | null;
  /** Says a frame to the eavesdropper's phone; the frame is handed over. */
  write(samples: Int16Array): void;
}

/** Directions of the target: none, what it says, what it hears, both. */
type Directions = 0 | 1 | 2 | 3;

const SAYS = 1;
const HEARS = 2;
const BUFFER_MS = 200;
/** A target without media is waited for, but not for ever. */
const WAIT_MS = 6000;

/**
 * One eavesdropper. Ends with its target, with `*`, or with its own channel. Variables of its own channel choose what it hears
 * (`eavesdrop_bridge_aleg`, `…_bleg`) and whom it whispers to (`eavesdrop_whisper_…`): it can mix only into what it hears.
 */
export class ChannelEavesdrop {
  readonly #host: EavesdropHost;
  #target: EavesdropTarget | null = null;
  #detach: (() => void) | null = null;
  #heard = new FrameConverter(8000, BUFFER_MS);
  #toRead = new FrameConverter(8000, BUFFER_MS);
  #toWrite = new FrameConverter(8000, BUFFER_MS);
  #hears: Directions = 3;
  #whisper: Directions = 0;
  #takesDigits = true;
  #waitedMs = 0;
  #over = false;

  constructor(host: EavesdropHost) {
    this.#host = host;
  }

  get running(): boolean {
    return this.#target !== null;
  }

  /** Whether it leaves the digits of its channel untouched: `eavesdrop_enable_dtmf=false`. */
  get deaf(): boolean {
    return this.running && !this.#takesDigits;
  }

  /** False when there is no such channel, when it is the eavesdropper's own, or of another group. */
  start(uuid: string): boolean {
    const target = this.#host.target(uuid.trim());
    if (target === null || target.uuid === this.#host.uuid || !this.#mayHear(target)) return false;
    this.#target = target;
    this.#over = false;
    this.#waitedMs = 0;
    this.#hears = this.#chosen('eavesdrop_bridge') || 3;
    this.#whisper = this.#chosen('eavesdrop_whisper');
    const digits = this.#host.variable('eavesdrop_enable_dtmf');
    this.#takesDigits = digits === undefined || isTrue(digits);
    if (target.mediaUp) this.#attach(target);
    return true;
  }

  /** One ptime of the eavesdropper; false: it is over. */
  tick(samples: Int16Array | null): boolean {
    const target = this.#target;
    if (target === null || this.#over || target.gone) return false;
    const { sampleRateHz, frameSamples, ptimeMs } = this.#host.format;
    if (this.#detach === null) {
      this.#waitedMs += ptimeMs;
      if (target.mediaUp) this.#attach(target);
      return this.#waitedMs < WAIT_MS;
    }
    if (samples !== null && sampleRateHz <= target.format.sampleRateHz) {
      const into = this.#whisper & this.#hears;
      if ((into & SAYS) !== 0) this.#toRead.push(samples, sampleRateHz);
      if ((into & HEARS) !== 0) this.#toWrite.push(samples, sampleRateHz);
    }
    const frame = this.#heard.take(frameSamples);
    if (frame !== null) this.#host.write(frame);
    return true;
  }

  /** The keypad: `0` … `3` choose whom to whisper to, `*` ends. A choice forgets what was not said yet. */
  onDigit(digit: string): void {
    if (!this.#takesDigits) return;
    if (digit === '*') this.#over = true;
    else if (/^[0-3]$/.test(digit) && this.#target !== null) {
      this.#whisper = Number(digit) as Directions;
      this.#empty(this.#target.format.sampleRateHz);
    }
  }

  leave(): void {
    this.#detach?.();
    this.#detach = null;
    this.#target = null;
  }

  #attach(target: EavesdropTarget): void {
    const { sampleRateHz: ownHz } = this.#host.format;
    const hz = target.format.sampleRateHz;
    // An eavesdropper of a higher rate takes the target's samples as they are: half as many frames, at double speed.
    this.#heard = new FrameConverter(ownHz > hz ? hz : ownHz, BUFFER_MS);
    this.#empty(hz);
    const hears = this.#hears;
    const tap: ChannelTap = {
      mixIntoRead: (samples) => mixInto(samples, this.#toRead),
      mixIntoWrite: (samples) => mixInto(samples, this.#toWrite),
      onPtime: (read, write) => {
        if (hears === 3) this.#heard.push(sum(read, write), hz);
        else this.#heard.push(hears === SAYS ? padded(read, write) : padded(write, read), hz);
      },
    };
    this.#detach = target.attach(tap, { function: 'eavesdrop', target: target.uuid });
  }

  #empty(hz: number): void {
    this.#toRead = new FrameConverter(hz, BUFFER_MS);
    this.#toWrite = new FrameConverter(hz, BUFFER_MS);
  }

  /** Two variables, one for each direction of the target. */
  #chosen(prefix: string): Directions {
    const yes = (leg: string): boolean => isTrue(this.#host.variable(`${prefix}_${leg}`) ?? '');
    return ((yes('aleg') ? SAYS : 0) | (yes('bleg') ? HEARS : 0)) as Directions;
  }

  /** `eavesdrop_require_group` of the eavesdropper against `eavesdrop_group` of the target, a list. */
  #mayHear(target: EavesdropTarget): boolean {
    const group = this.#host.variable('eavesdrop_require_group');
    return group === undefined || (target.variables.get('eavesdrop_group') ?? '').split(',').includes(group);
  }
}

function isTrue(text: string): boolean {
  return /^(true|yes|on|1|t)$/i.test(text);
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

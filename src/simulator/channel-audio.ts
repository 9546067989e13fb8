/** The audio of one simulated channel: the codec between phone and switch, and what the phone has yet to hear. */
import { FrameConverter } from './frame-converter.ts';
import { A_LAW, MU_LAW } from './g711-table.ts';
import type { G711Law } from './g711-table.ts';
import { PhoneBuffer } from './phone-buffer.ts';
import type { PhoneBufferOptions } from './phone-buffer.ts';
import type { SimulatedPhone } from './phone.ts';

/** Codec names as FreeSWITCH spells them. */
export type SwitchCodec = 'PCMU' | 'PCMA' | 'L16';

const NOTHING = new Int16Array(0);
/** What waits at most of a leg with another rate or ptime. */
const OTHERS_BUFFER_MS = 200;

/** What a channel sounds like. */
export interface ChannelAudioOptions {
  readonly codec: SwitchCodec;
  readonly sampleRateHz: number;
  readonly ptimeMs: number;
  readonly buffer?: PhoneBufferOptions;
}

/** A media bug: hears what a channel reads and writes, without what taps mix in, and may mix in itself. */
export interface ChannelTap {
  /** What the phone says to others: at once. */
  mixIntoRead(samples: Int16Array): void;
  /** What the phone hears, if anybody writes to it. */
  mixIntoWrite(samples: Int16Array): void;
  /** One ptime of both directions; of no length where there was nothing. Borrowed. */
  onPtime(read: Int16Array, write: Int16Array): void;
  /** It is taken off, or the channel has ended. */
  onEnd?(): void;
}

/** Counters of one channel's audio; live. */
export interface ChannelAudioStats {
  /** Frames the phone sent, and ptimes in which it sent none. */
  spokenFrames: number;
  silentFrames: number;
  /** Frames the phone heard, and ptimes in which there was none. */
  heardFrames: number;
  missingFrames: number;
  /** Injected datagrams that were not exactly one frame: silence or noise at the far end. */
  malformedInjections: number;
}

/**
 * Frames in three shapes: *samples* (16-bit, the phone's), *wire* (the channel's codec, as in RTP after byte order is
 * undone) and *linear* (L16 little endian, what unicast carries without `native`).
 */
export class ChannelAudio {
  codec: SwitchCodec = 'PCMU';
  sampleRateHz = 8000;
  ptimeMs = 20;
  frameSamples = 160;
  wireBytes = 160;
  linearBytes = 320;
  readonly stats: ChannelAudioStats = {
    spokenFrames: 0,
    silentFrames: 0,
    heardFrames: 0,
    missingFrames: 0,
    malformedInjections: 0,
  };
  readonly #taps = new Set<ChannelTap>();
  #law: G711Law | null = MU_LAW;
  readonly #phone: SimulatedPhone;
  readonly #buffer: PhoneBuffer;
  #spoken = new Int16Array(0);
  /** What the phone said in this ptime before anybody mixed something in; null: nothing. */
  #said: Int16Array | null = null;
  #fromOthers = new FrameConverter(8000, OTHERS_BUFFER_MS);
  #noise = 1;

  constructor(phone: SimulatedPhone, options: ChannelAudioOptions) {
    this.#phone = phone;
    this.#buffer = new PhoneBuffer(options.buffer);
    this.agreeOn(options);
  }

  /** What the two sides of a call have agreed on; a call that we make learns it from the answer. */
  agreeOn(options: Omit<ChannelAudioOptions, 'buffer'>): void {
    this.codec = options.codec;
    this.sampleRateHz = options.sampleRateHz;
    this.ptimeMs = options.ptimeMs;
    this.frameSamples = (options.sampleRateHz / 1000) * options.ptimeMs;
    this.linearBytes = this.frameSamples * 2;
    this.wireBytes = options.codec === 'L16' ? this.linearBytes : this.frameSamples;
    this.#law = options.codec === 'PCMU' ? MU_LAW : options.codec === 'PCMA' ? A_LAW : null;
    this.#spoken = new Int16Array(this.frameSamples);
    this.#fromOthers = new FrameConverter(this.sampleRateHz, OTHERS_BUFFER_MS);
  }

  /** Lets somebody listen to both directions, and mix into them, until the returned function is called. */
  tap(tap: ChannelTap): () => void {
    this.#taps.add(tap);
    return () => void this.#taps.delete(tap);
  }

  /** Whether anybody does. */
  get tapped(): boolean {
    return this.#taps.size > 0;
  }

  /** Frames that came faster than the phone could take them. */
  get droppedFrames(): number {
    return this.#buffer.droppedFrames;
  }

  /**
   * One ptime of the phone as samples after its codec, or null when it sends no RTP. Borrowed until the next call. To somebody
   * who taps the channel a phone without RTP is a silent one, and then it is so to everybody.
   */
  listen(): Int16Array | null {
    this.#spoken.fill(0);
    this.#said = null;
    if (!this.#phone.speak(this.#spoken, this.sampleRateHz)) {
      this.stats.silentFrames += 1;
      if (!this.tapped) return null;
    } else this.stats.spokenFrames += 1;
    if (this.#law !== null) this.#throughCodec(this.#spoken, this.#law);
    if (this.#taps.size > 0) {
      this.#said = this.#spoken.slice();
      for (const tap of this.#taps) tap.mixIntoRead(this.#spoken);
    }
    return this.#spoken;
  }

  /** Lets the phone hear one ptime, or learn that there was nothing. */
  play(): void {
    const frame = this.#buffer.pop();
    if (frame === null) this.stats.missingFrames += 1;
    else this.stats.heardFrames += 1;
    for (const tap of this.#taps) tap.onPtime(this.#said ?? NOTHING, frame ?? NOTHING);
    if (frame !== null) for (const tap of this.#taps) tap.mixIntoWrite(frame);
    this.#phone.hear(frame, this.sampleRateHz);
  }

  /** What the park loop sends to a unicast peer for what the phone said; null: comfort noise instead of RTP. */
  unicastFrame(samples: Int16Array | null, native: boolean): Buffer {
    // FreeSWITCH fills a *decoded* frame with ones for comfort noise, whatever the flag says.
    if (samples === null) return Buffer.alloc(this.linearBytes, 0xff);
    if (!native || this.#law === null) {
      const frame = Buffer.allocUnsafe(this.linearBytes);
      for (let at = 0; at < samples.length; at += 1) frame.writeInt16LE(samples[at]!, at * 2);
      return frame;
    }
    const frame = Buffer.allocUnsafe(this.wireBytes);
    for (let at = 0; at < samples.length; at += 1) frame[at] = this.#law.encode[samples[at]! + 32768]!;
    return frame;
  }

  /** Sends the phone a frame of samples, through the codec. The frame is kept. */
  write(samples: Int16Array): void {
    if (this.#law !== null) this.#throughCodec(samples, this.#law);
    this.#buffer.push(samples);
  }

  /** Sends the phone what another leg said, which may have another rate and another ptime. */
  writeFrom(samples: Int16Array, sampleRateHz: number): void {
    const others = this.#fromOthers;
    if (sampleRateHz === this.sampleRateHz && samples.length === this.frameSamples && others.length === 0) {
      this.write(samples.slice());
      return;
    }
    others.push(samples, sampleRateHz);
    for (let frame = others.take(this.frameSamples); frame !== null; frame = others.take(this.frameSamples))
      this.write(frame);
  }

  /** Sends the phone what a unicast peer injected, at once: nothing here paces. */
  inject(payload: Buffer, native: boolean): void {
    const wanted = native ? this.wireBytes : this.linearBytes;
    const extra = payload.length - wanted;
    if (extra === 0 || extra === 1) {
      this.#buffer.push(native && this.#law !== null ? this.#fromWire(payload, this.#law) : this.#fromLinear(payload));
      return;
    }
    this.stats.malformedInjections += 1;
    this.#buffer.push(extra < 0 ? new Int16Array(this.frameSamples) : this.#garbage());
  }

  /** The phone hangs up or is on hold: what it had not played is gone. */
  clear(): void {
    this.#buffer.clear();
  }

  #fromWire(payload: Buffer, law: G711Law): Int16Array {
    return Int16Array.from({ length: this.frameSamples }, (_, at) => law.decode[payload[at]!]!);
  }

  #fromLinear(payload: Buffer): Int16Array {
    const samples = Int16Array.from({ length: this.frameSamples }, (_, at) => payload.readInt16LE(at * 2));
    if (this.#law !== null) this.#throughCodec(samples, this.#law);
    return samples;
  }

  #throughCodec(samples: Int16Array, law: G711Law): void {
    for (let at = 0; at < samples.length; at += 1) samples[at] = law.decode[law.encode[samples[at]! + 32768]!]!;
  }

  /** Noise that nobody takes for speech: a datagram of the wrong size is heard as this. */
  #garbage(): Int16Array {
    return Int16Array.from({ length: this.frameSamples }, () => {
      this.#noise = (this.#noise * 1_103_515_245 + 12_345) & 0x7fffffff;
      return ((this.#noise >> 8) & 0x3fff) - 0x2000;
    });
  }
}

/** One frame as it is on an RTP wire, and as it is inside: the same bytes, swapped ones (L16), or another codec (G.722). */
import { TalkspurtError } from '../core/errors.ts';
import type { PtimeMs } from '../core/media.ts';
import { frameBytes } from '../core/media.ts';
import type { RtpMedia } from './rtp-media.ts';

/** A codec that the signal chain does not speak. One object a call: it holds the state of both directions. Never throws. */
export interface WireCodec {
  /** Fills `out` with little endian L16 from one frame of the wire. Allocates nothing. */
  decode(wire: Uint8Array, out: Uint8Array): void;
  /** Fills `out` with one frame of the wire from little endian L16. Allocates nothing. */
  encode(pcm: Uint8Array, out: Uint8Array): void;
}

/** Sizes of a media's frames, and the way between wire and inside. */
export class RtpWireFormat {
  /** Ticks of the RTP clock in one frame, and bytes of the wire in one tick. */
  readonly frameTicks: number;
  readonly bytesPerTick: 1 | 2;
  /** Samples inside in one tick: 2 for G.722, whose clock is half its rate (RFC 3551 §4.5.2). */
  readonly samplesPerTick: number;
  /** Bytes of one frame on the wire, and inside. */
  readonly wireBytes: number;
  readonly frameBytes: number;
  readonly ptimeMs: PtimeMs;
  readonly #swaps: boolean;
  readonly #codec: WireCodec | null;

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT when the codec's rate, clock or implementation do not fit */
  constructor(media: RtpMedia, g722?: WireCodec) {
    const { codec, clockRateHz, format } = media;
    this.ptimeMs = format.ptimeMs;
    this.frameTicks = (clockRateHz / 1000) * format.ptimeMs;
    this.bytesPerTick = codec === 'l16' ? 2 : 1;
    this.samplesPerTick = format.sampleRateHz / clockRateHz;
    this.wireBytes = this.frameTicks * this.bytesPerTick;
    this.frameBytes = frameBytes(format);
    this.#swaps = codec === 'l16';
    this.#codec = codec === 'g722' ? (g722 ?? null) : null;
    const inside = codec === 'g722' ? 'l16' : codec;
    const ratio = codec === 'g722' ? 2 : 1;
    if (format.codec !== inside || this.samplesPerTick !== ratio) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', `${codec}/${clockRateHz} does not carry such audio`);
    }
    if (codec === 'g722' && this.#codec === null) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'G.722 was agreed on but no codec for it was given');
    }
  }

  /** Fills `frame` from one frame of the wire. */
  fromWire(wire: Uint8Array, frame: Uint8Array): void {
    if (this.#codec !== null) this.#codec.decode(wire, frame);
    else copy(wire, frame, this.#swaps);
  }

  /** Fills `wire` from one frame inside. */
  toWire(frame: Uint8Array, wire: Uint8Array): void {
    if (this.#codec !== null) this.#codec.encode(frame, wire);
    else copy(frame, wire, this.#swaps);
  }
}

/** Byte by byte: a frame is short, and a view of it would be an allocation. */
function copy(from: Uint8Array, to: Uint8Array, swaps: boolean): void {
  const flip = swaps ? 1 : 0;
  for (let i = 0; i < to.length; i += 1) to[i] = from[i ^ flip]!;
}

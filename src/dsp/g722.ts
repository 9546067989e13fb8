/**
 * ITU-T G.722 at 64 kbit/s for calls whose wire speaks it: one byte ⇄ two samples of 16 kHz. All calls share one instance
 * of the core; a call is the 352 bytes that its two directions remember, lent to the instance for each frame.
 */
import { TalkspurtError } from '../core/errors.ts';
import type { CoreExports } from './dsp-module.ts';
import { DspModule } from './dsp-module.ts';

/** Frames of 20 ms that run before the first call, so that the optimising compiler is done by then. */
const WARM_UP_FRAMES = 500;

/**
 * The codec of one call: two independent streams, cut into frames in any way. Fits `WireCodec` of the RTP transport.
 * `decode` and `encode` never throw and allocate nothing; once released they do nothing.
 */
export class G722Codec {
  readonly #core: G722Core;
  readonly #onRelease: (codec: G722Codec) => void;
  readonly #encoder: Uint8Array;
  readonly #decoder: Uint8Array;
  #released = false;

  /** For {@link G722Pool.acquire}. */
  constructor(core: G722Core, onRelease: (codec: G722Codec) => void) {
    this.#core = core;
    this.#onRelease = onRelease;
    this.#encoder = core.freshEncoder.slice();
    this.#decoder = core.freshDecoder.slice();
  }

  /**
   * Each byte of `wire` becomes four of `out`, L16 little endian at 16 kHz (20 ms: 160 → 640). What has no room in `out`
   * is not decoded; what is left of `out` is not touched.
   */
  decode(wire: Uint8Array, out: Uint8Array): void {
    if (!this.#released) this.#core.decode(this.#decoder, wire, out);
  }

  /** Each four bytes of `pcm`, L16 little endian at 16 kHz, become one of `out` (20 ms: 640 → 160); likewise. */
  encode(pcm: Uint8Array, out: Uint8Array): void {
    if (!this.#released) this.#core.encode(this.#encoder, pcm, out);
  }

  /** Both directions forget what they heard, as at the start of a stream. */
  reset(): void {
    this.#encoder.set(this.#core.freshEncoder);
    this.#decoder.set(this.#core.freshDecoder);
  }

  /** Gives the place in the pool back and forgets everything; once is enough, more does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.reset();
    this.#onRelease(this);
  }
}

/** So many codecs at most; made at boot. */
export class G722Pool {
  readonly size: number;
  readonly #core: G722Core;
  readonly #busy = new Set<G722Codec>();
  readonly #onRelease = (codec: G722Codec): void => {
    this.#busy.delete(codec);
    // What a call said does not stay in memory.
    this.#core.forget();
  };

  private constructor(core: G722Core, size: number) {
    this.#core = core;
    this.size = size;
  }

  /**
   * Compiles the core, makes its one instance and warms the code up; `size` codecs (1 or more) may be in use at once.
   * @throws ERR_TALKSPURT_DSP_OPTIONS for a size that is no positive integer, ERR_TALKSPURT_INTERNAL when the binary is
   * missing.
   */
  static async create(options: { size: number }): Promise<G722Pool> {
    const { size } = options;
    if (!Number.isInteger(size) || size < 1) {
      throw new TalkspurtError('ERR_TALKSPURT_DSP_OPTIONS', `a pool of ${size} codecs cannot be made: use 1 or more`, {
        details: { option: 'size' },
      });
    }
    const pool = new G722Pool(new G722Core(await DspModule.load()), size);
    pool.#warmUp();
    return pool;
  }

  get inUse(): number {
    return this.#busy.size;
  }

  /** A codec at the start of its streams; its owner releases it. @throws ERR_TALKSPURT_DSP_POOL_EMPTY */
  acquire(): G722Codec {
    if (this.#busy.size >= this.size) {
      throw new TalkspurtError('ERR_TALKSPURT_DSP_POOL_EMPTY', `all ${this.size} G.722 codecs are in use`, {
        details: { size: this.size },
      });
    }
    const codec = new G722Codec(this.#core, this.#onRelease);
    this.#busy.add(codec);
    return codec;
  }

  #warmUp(): void {
    const codec = this.acquire();
    const wire = new Uint8Array(160);
    const pcm = new Uint8Array(640);
    for (let frame = 0; frame < WARM_UP_FRAMES; frame += 1) {
      wire.fill(frame);
      codec.decode(wire, pcm);
      codec.encode(pcm, wire);
    }
    codec.release();
  }
}

/** The instance that all codecs of a pool share. Between two calls of its methods nothing in it matters. */
class G722Core {
  /** What an encoder (decoder) remembers at the start of a stream. Not to be changed. */
  readonly freshEncoder: Uint8Array;
  readonly freshDecoder: Uint8Array;
  readonly #core: CoreExports;
  readonly #memory: Uint8Array;
  readonly #freshImage: Uint8Array;
  readonly #encoder: Uint8Array;
  readonly #decoder: Uint8Array;
  readonly #pcmAddress: number;
  readonly #wireAddress: number;
  readonly #pcm: Uint8Array;
  readonly #wire: Uint8Array;
  /** Codes that one crossing takes: those whose samples fill a region. */
  readonly #codesMax: number;

  constructor(module: DspModule) {
    const core = module.instantiate();
    const view = (address: number, bytes: number): Uint8Array => new Uint8Array(core.memory.buffer, address, bytes);
    this.#core = core;
    this.#memory = new Uint8Array(core.memory.buffer);
    this.#freshImage = module.freshImage;
    this.#encoder = view(core.G722_ENCODER.value, core.G722_STATE_BYTES.value);
    this.#decoder = view(core.G722_DECODER.value, core.G722_STATE_BYTES.value);
    this.freshEncoder = this.#encoder.slice();
    this.freshDecoder = this.#decoder.slice();
    this.#pcmAddress = core.SCRATCH_PCM.value;
    this.#wireAddress = core.WIRE_IN.value;
    this.#pcm = view(this.#pcmAddress, core.FRAME_BYTES_MAX.value);
    this.#wire = view(this.#wireAddress, core.FRAME_BYTES_MAX.value);
    this.#codesMax = core.FRAME_BYTES_MAX.value >> 2;
  }

  decode(state: Uint8Array, wire: Uint8Array, out: Uint8Array): void {
    const codes = Math.min(wire.length, out.length >> 2);
    this.#decoder.set(state);
    for (let at = 0; at < codes; at += this.#codesMax) {
      const count = Math.min(this.#codesMax, codes - at);
      copy(wire, at, this.#wire, 0, count);
      this.#core.decodeG722(this.#pcmAddress, this.#wireAddress, count);
      copy(this.#pcm, 0, out, at * 4, count * 4);
    }
    state.set(this.#decoder);
  }

  encode(state: Uint8Array, pcm: Uint8Array, out: Uint8Array): void {
    const codes = Math.min(out.length, pcm.length >> 2);
    this.#encoder.set(state);
    for (let at = 0; at < codes; at += this.#codesMax) {
      const count = Math.min(this.#codesMax, codes - at);
      copy(pcm, at * 4, this.#pcm, 0, count * 4);
      this.#core.encodeG722(this.#wireAddress, this.#pcmAddress, count);
      copy(this.#wire, 0, out, at, count);
    }
    state.set(this.#encoder);
  }

  /** Nothing of any stream is left in the memory. */
  forget(): void {
    this.#memory.set(this.#freshImage);
  }
}

/** Byte by byte: a frame is short, and a view of it would be an allocation. */
function copy(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, count: number): void {
  for (let i = 0; i < count; i += 1) to[toAt + i] = from[fromAt + i]!;
}

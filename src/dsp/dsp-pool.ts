/**
 * Signal chains made at boot. An instance made when a call arrives costs pauses of tens of milliseconds; one that is
 * restored by copying memory costs microseconds.
 */
import { TalkspurtError } from '../core/errors.ts';
import type { AudioFormat, MediaFormat } from '../core/media.ts';
import { frameBytes } from '../core/media.ts';
import type { Dsp, DspOptions, DspPool } from './dsp.ts';
import { DspModule } from './dsp-module.ts';
import { WasmDsp } from './wasm-dsp.ts';

/** Frames of each kind that run before the first call, so that the optimising compiler is done by then. */
const WARM_UP_FRAMES = 500;

const LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
const WIDE_LEG: MediaFormat = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 };
const A_LAW: AudioFormat = { codec: 'pcma', sampleRateHz: 8000 };
const REALTIME: AudioFormat = { codec: 'l16', sampleRateHz: 24000 };

/** Between them these pass through every stage and every kernel. */
const WARM_UP: readonly DspOptions[] = [
  { leg: LEG, backendInput: LEG, backendOutput: LEG, echoCanceller: 'on' },
  { leg: LEG, backendInput: REALTIME, backendOutput: REALTIME },
  { leg: WIDE_LEG, backendInput: A_LAW, backendOutput: A_LAW },
  {
    leg: LEG,
    backendInput: LEG,
    backendOutput: LEG,
    cleaning: { highPassHz: 100, noiseSuppressionDb: 12, agcTargetDbov: -22 },
    hearing: { dtmf: true, progress: true, suspicion: true },
  },
];

/** A fixed number of instances; see {@link DspPool}. */
export class WasmDspPool implements DspPool {
  readonly size: number;
  readonly #idle: WasmDsp[] = [];
  readonly #busy = new Set<Dsp>();

  private constructor(module: DspModule, size: number) {
    this.size = size;
    for (let made = 0; made < size; made += 1) this.#idle.push(new WasmDsp(module));
  }

  /**
   * Compiles the core, makes `size` instances (1 or more; at most `LIMITS.calls` make sense) and warms the code up.
   * @throws ERR_TALKSPURT_DSP_OPTIONS for a size that is no positive integer, ERR_TALKSPURT_INTERNAL when the binary is
   * missing.
   */
  static async create(options: { size: number }): Promise<WasmDspPool> {
    const { size } = options;
    if (!Number.isInteger(size) || size < 1) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_DSP_OPTIONS',
        `a pool of ${size} instances cannot be made: use 1 or more`,
        {
          details: { option: 'size' },
        },
      );
    }
    const pool = new WasmDspPool(await DspModule.load(), size);
    pool.#warmUp();
    return pool;
  }

  get inUse(): number {
    return this.#busy.size;
  }

  acquire(options: DspOptions): Dsp {
    const dsp = this.#idle.pop();
    if (dsp === undefined) {
      throw new TalkspurtError('ERR_TALKSPURT_DSP_POOL_EMPTY', `all ${this.size} signal chains are in use`, {
        details: { size: this.size },
      });
    }
    try {
      dsp.configure(options);
    } catch (error) {
      this.#idle.push(dsp);
      throw error;
    }
    this.#busy.add(dsp);
    return dsp;
  }

  release(dsp: Dsp): void {
    if (!this.#busy.delete(dsp) || !(dsp instanceof WasmDsp)) return;
    // At once and not at the next acquire: what a call said does not stay in memory.
    dsp.restore();
    this.#idle.push(dsp);
  }

  /** Code is shared by all instances of a module, so one of them runs for all. */
  #warmUp(): void {
    const dsp = this.#idle[0];
    if (dsp === undefined) return;
    for (const options of WARM_UP) {
      dsp.configure(options);
      const wire = new Uint8Array(frameBytes(options.leg));
      const said = new Uint8Array(frameBytes({ ...options.backendOutput, ptimeMs: options.leg.ptimeMs }));
      for (let frame = 0; frame < WARM_UP_FRAMES; frame += 1) {
        if (frame % 100 === 0) dsp.rampGain(frame % 200 === 0 ? 0.5 : 1, 500);
        // Never the same twice, and back again: an echo is found, so that its stages run too.
        for (let at = 0; at < said.length; at += 1) said[at] = (frame * 89 + at * at * (frame + 7)) >> 3;
        dsp.capture(frame % 25 === 24 ? null : wire);
        const out = dsp.render(frame % 50 === 49 ? null : said);
        wire.set(out);
      }
    }
    dsp.restore();
  }
}

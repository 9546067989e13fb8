/**
 * The signal chain's binary: found, read and compiled once; then instances are made of it. Every instance is one call's
 * linear memory of fixed size, and all start from the same image.
 */
import { asTalkspurtError } from '../core/errors.ts';
import type { DspSource } from './binary.ts';
import { readBinary } from './binary.ts';

/** The exports of `talkspurt.wasm`, as the compiler of `assembly/` typed them. */
export type CoreExports = Awaited<ReturnType<(typeof import('#talkspurt.wasm'))['instantiate']>>;

/** A compiled module, shared by all calls. */
export class DspModule {
  readonly #module: WebAssembly.Module;
  readonly #freshImage: Uint8Array;

  private constructor(module: WebAssembly.Module) {
    this.#module = module;
    this.#freshImage = new Uint8Array(this.instantiate().memory.buffer.slice(0));
  }

  /**
   * Reads and compiles `source`, or else the package's own binary: in Node, or in a browser.
   * @throws ERR_TALKSPURT_INTERNAL when it is missing or damaged.
   */
  static async load(source?: DspSource): Promise<DspModule> {
    try {
      return new DspModule(await WebAssembly.compile(await readBinary('talkspurt', source)));
    } catch (error) {
      throw asTalkspurtError(error, 'ERR_TALKSPURT_INTERNAL');
    }
  }

  /** A new instance. Costly (it reserves address space): at boot, never when a call arrives. */
  instantiate(): CoreExports {
    return new WebAssembly.Instance(this.#module).exports as unknown as CoreExports;
  }

  /** The memory of an instance that has done nothing yet. Not to be changed. */
  get freshImage(): Uint8Array {
    return this.#freshImage;
  }
}

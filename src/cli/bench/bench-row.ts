/**
 * What a row of the bench is. A stage is one file under `bench/dsp/` that exports `stage`; its rows are measured side by
 * side with the peers they name, in the same run. See docs/benches.md for how to add one.
 */
import type { AudioFormat } from '../../core/media.ts';
import type { CoreExports, DspModule } from '../../dsp/dsp-module.ts';

/** What one step computed: hashed, and looked at so that no compiler leaves it out. Borrowed until the next step. */
export type BenchOutput = Uint8Array | Int16Array | Float32Array | number;

/** One step: a frame (20 ms) or a message. `n` counts up from 0 without end; take material modulo its length. */
export type BenchStep = (n: number) => BenchOutput;

/** The same done by an npm package, where it is installed. */
export interface NpmPeer {
  /** The package. */
  readonly name: string;
  /** How it is set, where that matters. */
  readonly detail?: string;
  readonly step: BenchStep;
  /** False for a package that is quicker because it does less; it is shown, but no bar is held against it. Default true. */
  readonly equal?: boolean;
}

/** The same done natively: a C program, compiled when the bench runs. */
export interface NativePeer {
  readonly name: string;
  /** A file in `bench/dsp/native/`; see `slices.h` there for what it has to do. */
  readonly source: string;
  /** Libraries to link, as `cc -l` takes them. */
  readonly libraries?: readonly string[];
  readonly arguments?: readonly string[];
}

/** A measured property beside the time. */
export interface BenchFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Digits behind the point. Default 1. */
  readonly digits?: number;
}

/**
 * What a row has to reach. `of` names what is held: `time` (ns a step), `npm` (times the best npm peer takes ours), `native`
 * (our time divided by the first native peer's), or the name of one of the row's figures. The bound is included.
 */
export interface BenchBar {
  readonly of: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One line of the table. */
export interface BenchRow {
  /** Unique within its stage. */
  readonly name: string;
  /** One step; absent for a row that has figures only. */
  readonly step?: BenchStep;
  /** What one step is. Default '20 ms frame'. */
  readonly per?: string;
  readonly npm?: readonly NpmPeer[];
  readonly native?: readonly NativePeer[];
  readonly figures?: readonly BenchFigure[];
  readonly bars?: readonly BenchBar[];
}

/** What a stage's file exports as `stage`. */
export interface BenchStage {
  readonly name: string;
  /** Where it stands in the table, from small to large. */
  readonly order: number;
  /** Makes the rows. Every row starts from a fresh state; what it allocates, it allocates here. */
  rows(bench: BenchContext): Promise<readonly BenchRow[]> | readonly BenchRow[];
}

/** What the rows of a stage are made with. */
export interface BenchContext {
  readonly module: DspModule;
  /** A fresh instance of the core. */
  core(): CoreExports;
  /** Two views of an instance's memory, made once: `bytes` of u8, `samples` of i16 from an address on. */
  bytes(core: CoreExports, address: number, bytes: number): Uint8Array;
  samples(core: CoreExports, address: number, samples: number): Int16Array;
  /** One second of a voice-like signal, the same each time. */
  voice(sampleRateHz: number): Int16Array;
  /** The same second in frames of 20 ms, as samples, or as bytes of a format. */
  frames(sampleRateHz: number): readonly Int16Array[];
  payloads(format: AudioFormat): readonly Uint8Array[];
  /** Element n of a list that is gone through again and again. */
  at<T>(list: readonly T[], n: number): T;
  /** Another package, or null (and a line in the report) where it is not installed. */
  peer<T>(packageName: string): Promise<T | null>;
}

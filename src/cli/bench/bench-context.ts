/** What the rows of the bench are made with, and what of them is hashed: nothing here needs Node, a browser runs it as it is. */
import type { DspModule } from '../../dsp/dsp-module.ts';
import { voiceFrames, voiceLike, voicePayloads } from './bench-material.ts';
import type { BenchContext, BenchStep } from './bench-row.ts';

/** A second of frames is hashed. */
const HASHED_STEPS = 50;

/** The context for `module`; `peer` finds another package, or null. */
export function contextOf(module: DspModule, peer: BenchContext['peer']): BenchContext {
  return {
    module,
    core: () => module.instantiate(),
    bytes: (core, address, bytes) => new Uint8Array(core.memory.buffer, address, bytes),
    samples: (core, address, samples) => new Int16Array(core.memory.buffer, address, samples),
    voice: voiceLike,
    frames: voiceFrames,
    payloads: (format) => voicePayloads(module, format),
    at: (list, n) => list[n % list.length]!,
    peer,
  };
}

/** What the first second of steps returns, byte for byte: its SHA-256 is the row's hash, wherever it runs. */
export function firstSecond(step: BenchStep): Uint8Array<ArrayBuffer> {
  const parts = Array.from({ length: HASHED_STEPS }, (_, n) => {
    const result = step(n);
    if (typeof result === 'number') return new TextEncoder().encode(result.toFixed(4));
    return new Uint8Array(result.buffer, result.byteOffset, result.byteLength).slice();
  });
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

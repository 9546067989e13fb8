/**
 * What does it do? Has G.722 as a stage by itself, over the states at G722_ENCODER and G722_DECODER.
 * How do I use it? index.ts exports what stands here; a host that keeps the states of many streams lends them one at a time.
 * Not for: the pipes, which know no G.722.
 */
import * as g722 from './g722';
import { G722_DECODER, G722_ENCODER } from './layout';

/** Stage: the state at G722_ENCODER codes `codes` pairs of samples. */
export function encodeG722(target: usize, source: usize, codes: i32): void {
  g722.encode(G722_ENCODER, target, source, codes);
}

/** Stage: the state at G722_DECODER makes `codes` pairs of samples. */
export function decodeG722(target: usize, source: usize, codes: i32): void {
  g722.decode(G722_DECODER, target, source, codes);
}

/** Stage: one sample of each band, 15 bits, to a code, without the filter: the ITU's test sequences begin here. */
export function encodeG722Bands(low: i32, high: i32): i32 {
  return g722.encodeBands(G722_ENCODER, low, high);
}

/** Stage: a code to one sample of each band, without the filter: the low one in the lower 16 bits of the result. */
export function decodeG722Bands(code: i32): i32 {
  return g722.decodeBands(G722_DECODER, code);
}

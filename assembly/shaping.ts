import { call, compressor, lowPass } from './call';
import { SHAPING_LINE } from './layout';

/**
 * What does it do? Shapes the agent's voice: low-pass, compressor, make-up gain, and a ceiling of −1 dB below overload.
 * How does it work? At the rate of the leg, in place, in pieces that end with the compressor's blocks of 1 ms; between
 *   the stages a sample is f64, and it is rounded once. Nothing it does depends on how the samples are cut into frames.
 * How do I use it? `startShaping`, then `shape` on each frame; `restShaping` for a frame in which nothing is said.
 * Not for: the caller's voice, which the backend hears as it is.
 */
export function startShaping(thresholdDb: f64, makeupDb: f64, lowPassHz: f64, rateHz: i32): void {
  call.shaped = true;
  lowPass.start(lowPassHz, <f64>rateHz);
  compressor.start(thresholdDb, makeupDb, rateHz);
}

/** 32768 · 10^(−1/20): no sample goes beyond it. */
const CEILING: f64 = 29204.0;

/** Changes `samples` i16 in place. */
export function shape(pcm: usize, samples: i32): void {
  let from = pcm;
  let left = samples;
  while (left > 0) {
    const part = min(left, compressor.room);
    const bytes = (<usize>part) << 1;
    for (let at: usize = 0; at < bytes; at += 2) {
      store<f64>(SHAPING_LINE + (at << 2), <f64>load<i16>(from + at));
    }
    if (lowPass.active) lowPass.apply(SHAPING_LINE, part);
    compressor.apply(SHAPING_LINE, part);
    for (let at: usize = 0; at < bytes; at += 2) {
      const y = nearest(load<f64>(SHAPING_LINE + (at << 2)));
      store<i16>(from + at, <i16>max(-CEILING, min(CEILING, y)));
    }
    from += bytes;
    left -= part;
  }
}

/** `samples` samples in which nothing is said: the low-pass has died away, and the compressor lets go. */
export function restShaping(samples: i32): void {
  lowPass.clear();
  compressor.rest(samples);
}

/**
 * What does it do? Has the resampler as a stage by itself, for tests, benches and the library's classes.
 * How do I use it? index.ts exports what stands here.
 * Not for: a call on the same instance: it is the call's own capture resampler.
 */
import { captureResampler } from './call';
import { CAPTURE_BANK, CAPTURE_LINE } from './layout';

/** Stage: starts the capture resampler with filters of a RESAMPLING_ number; 0 for rates, or a number, that it does not know. */
export function resampleStart(fromHz: i32, toHz: i32, resampling: i32): i32 {
  return <i32>captureResampler.start(CAPTURE_BANK, CAPTURE_LINE, fromHz, toHz, resampling);
}

/** Stage: how much later than the input the output is, in output samples. */
export function resampleDelay(): i32 {
  return captureResampler.delay;
}

/** Stage: for how many output samples something is still to come when the input has ended, at most. */
export function resampleTail(): i32 {
  return captureResampler.tail;
}

/** Stage: i16 in, i16 out; returns the samples made. */
export function resample(target: usize, source: usize, samples: i32): i32 {
  return captureResampler.push(target, source, samples);
}

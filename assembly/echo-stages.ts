/**
 * What does it do? Sets the echo canceller of a call up, and has its stages for tests and benches.
 * How do I use it? index.ts exports what stands here.
 * Not for: both on one instance.
 */
import {
  call,
  echoCanceller,
  echoDelay,
  echoFilter,
  echoLine,
  echoNoise,
  echoSuppressor,
  echoVerdict,
  heardView,
  referenceResampler,
  sentView,
} from './call';
import { backward, forward } from './echo-transform';
import { CONFIGURED, ECHO_OFF, ECHO_ON, ECHO_WIDE_LINE, REFUSED_ECHO_CANCELLER } from './layout';

/**
 * Has the agent's echo taken out of what is captured, from now on; `mode` is one of ECHO_OFF, ECHO_AUTO, ECHO_ON. Call it
 * behind `configure`. Returns CONFIGURED, or REFUSED_ECHO_CANCELLER and changes nothing.
 */
export function setEchoCanceller(mode: i32): i32 {
  if (mode < ECHO_OFF || mode > ECHO_ON || call.legSamples == 0) return REFUSED_ECHO_CANCELLER;
  if (call.legHz != 8000) referenceResampler.start(0, ECHO_WIDE_LINE, call.legHz, 8000, call.resampling);
  echoStart(mode, call.legCodec);
  return CONFIGURED;
}

/** Stage: starts the canceller with a reference that is kept in `legCodec`'s codes; `mode` as `setEchoCanceller`'s. */
export function echoStart(mode: i32, legCodec: i32): void {
  echoDelay.start(sentView, heardView);
  echoSuppressor.start(echoNoise);
  echoCanceller.start(mode, legCodec, echoLine, echoDelay, echoFilter, echoSuppressor, echoVerdict);
}

/** Stage: what the caller is given, at 8 kHz: a multiple of 80 i16. */
export function echoReference(pcm: usize, samples: i32): void {
  echoCanceller.reference(pcm, samples);
}

/** Stage: cancels in place, likewise; whether a sample was changed. */
export function echoCancel(pcm: usize, samples: i32): i32 {
  return <i32>echoCanceller.cancel(pcm, samples);
}

/** Stage: what was captured is lost. */
export function echoSkip(samples: i32): void {
  echoCanceller.miss(samples);
}

/** Stage: 160 f32 to bins 0..80 (80 real parts, 80 imaginary ones, bin 80 in place of bin 0's), and back. */
export function realForward(spectrum: usize, samples: usize): void {
  forward(spectrum, samples);
}
export function realBackward(samples: usize, spectrum: usize): void {
  backward(samples, spectrum);
}

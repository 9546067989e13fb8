import { gainControl, highPass, limiter, noiseSuppression } from './call';
import { SCRATCH_PCM } from './layout';

/**
 * What does it do? Makes the caller's voice easier to understand for whoever listens: high-pass, noise suppression, gain.
 * How does it work? In place, at the rate of the leg: the high-pass first, so that hum does not count as noise; the gain
 *   last, behind the detector, which judges the voice before it.
 * How do I use it? `clean` on each frame before the detector, `level` on what goes to the backend behind it.
 * Not for: the agent's voice; that is shaping.ts.
 */
export function clean(pcm: usize, samples: i32): void {
  if (highPass.active) highPass.apply(pcm, samples);
  if (noiseSuppression.active) noiseSuppression.apply(pcm, samples, SCRATCH_PCM);
}

/** Brings a voice of this probability to its level. */
export function level(pcm: usize, samples: i32, probability: f32): void {
  if (gainControl.active) gainControl.apply(pcm, samples, probability, limiter);
}

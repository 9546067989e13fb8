/**
 * What does it do? Has the neural detector's stages for tests and benches.
 * How do I use it? index.ts exports what stands here.
 * Not for: an instance whose pipes are in use.
 */
import { voiceFeatures, voiceNetwork } from './call';
/** Stage: starts the neural detector. */
export function neuralStart(aggressiveness: i32): void {
  voiceNetwork.start(aggressiveness, voiceFeatures);
}

/** Stage: 80 samples at 8 kHz; the probability of speech. What it heard: NEURAL_FEATURE_COUNT f32 at NEURAL_FEATURES. */
export function neuralHop(source: usize): f32 {
  return voiceNetwork.hop(source);
}

/** Stage: the net alone, one step on what is at NEURAL_FEATURES. */
export function neuralThink(): f32 {
  return voiceNetwork.think();
}

/** Stage: the features alone. */
export function featuresStart(): void {
  voiceFeatures.start();
}
export function featuresHop(source: usize): void {
  voiceFeatures.hop(source);
}

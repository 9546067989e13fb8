/**
 * What does it do? The part of the core's door that is about the caller's side: cleaning, and what is heard on the line.
 * How does it work? `set…` turn a stage on behind `configure`; the rest are stages by themselves, for tests and benches.
 * How do I use it? Through `src/dsp/wasm-dsp.ts`.
 * Not for: an instance that is used as a call; the stages by themselves work on the same state.
 */
import {
  call,
  captureLies,
  decode,
  dtmfGenerator,
  dtmfReceiver,
  gainControl,
  highPass,
  limiter,
  noiseSuppression,
  progressTones,
  rateFeatures,
  rateSuspicion,
  renderLies,
} from './call';
import {
  CAPTURE_PCM,
  CODEC_L16,
  CONFIGURED,
  DIAL_DIGITS_MAX,
  MEASURED_SUMS,
  REFUSED_CLEANING,
  SCRATCH_PCM,
  WIRE_IN,
} from './layout';
import { mix as mixInto } from './mix';

export {
  DIAL_DIGITS,
  DIAL_DIGITS_MAX,
  PROGRESS_BEEP,
  PROGRESS_BUSY,
  PROGRESS_CONGESTION,
  PROGRESS_DIAL,
  PROGRESS_FAX_ANSWER,
  PROGRESS_FAX_CALLING,
  PROGRESS_RINGBACK,
  REFUSED_CLEANING,
  REPORTS,
  REPORT_DIGIT,
  REPORT_DIGIT_MS,
  REPORT_CAPTURE_SUSPECTS,
  REPORT_PROGRESS,
  REPORT_RENDER_SUSPECTS,
  SUSPECT_ALAW,
  SUSPECT_CLIPPING,
  SUSPECT_CONSTANT,
  SUSPECT_DC,
  SUSPECT_LINEAR,
  SUSPECT_SILENCE,
  SUSPECT_STEREO,
  SUSPECT_SWAPPED,
  SUSPECT_TOO_FAST,
  SUSPECT_TOO_SLOW,
  SUSPECT_ULAW,
} from './layout';

/**
 * Has the caller's voice cleaned from now on, with no pass-through: cut-off of the high-pass in Hz (20..1000), suppression of
 * noise in dB (1..18), level of the voice in dBov (−40..−6). What is 0 stays off. Call it behind `configure`. Returns
 * CONFIGURED, or REFUSED_CLEANING and changes nothing.
 */
export function setCleaning(highPassHz: f64, suppressionDb: f64, targetDbov: f64): i32 {
  if (call.cleaned || call.legSamples == 0) return REFUSED_CLEANING;
  if (highPassHz != 0.0 && !(highPassHz >= 20.0 && highPassHz <= 1000.0)) return REFUSED_CLEANING;
  if (suppressionDb != 0.0 && !(suppressionDb >= 1.0 && suppressionDb <= 18.0)) return REFUSED_CLEANING;
  if (targetDbov != 0.0 && !(targetDbov >= -40.0 && targetDbov <= -6.0)) return REFUSED_CLEANING;
  if (highPassHz != 0.0) highPass.start(highPassHz, <f64>call.legHz);
  if (suppressionDb != 0.0) noiseSuppression.start(suppressionDb, call.legHz);
  if (targetDbov != 0.0) {
    // What is raised is what goes to the backend: the 8 kHz view where that is what it hears.
    const rateHz = call.inputHz == 8000 ? 8000 : call.legHz;
    limiter.start(rateHz);
    gainControl.start(<f32>targetDbov, rateHz);
  }
  call.cleaned = highPassHz != 0.0 || suppressionDb != 0.0 || targetDbov != 0.0;
  if (call.cleaned) call.capturePassThrough = false;
  return CONFIGURED;
}

/** Stage: starts the high-pass. */
export function highPassStart(cutHz: f64, sampleRateHz: f64): void {
  highPass.start(cutHz, sampleRateHz);
}

/** Stage: changes samples in place. */
export function highPassApply(pcm: usize, samples: i32): void {
  highPass.apply(pcm, samples);
}

/** Stage: starts the noise suppression; returns the samples by which it delays. */
export function suppressionStart(suppressionDb: f64, sampleRateHz: i32): i32 {
  noiseSuppression.start(suppressionDb, sampleRateHz);
  return noiseSuppression.delay;
}

/** Stage: changes whole hops in place; the frame must not lie in SCRATCH_PCM. */
export function suppressionApply(pcm: usize, samples: i32): void {
  noiseSuppression.apply(pcm, samples, SCRATCH_PCM);
}

/** Stage: starts the gain control and its limiter. */
export function gainControlStart(targetDbov: f32, sampleRateHz: i32): void {
  limiter.start(sampleRateHz);
  gainControl.start(targetDbov, sampleRateHz);
}

/** Stage: changes samples in place. */
export function gainControlApply(pcm: usize, samples: i32, probability: f32): void {
  gainControl.apply(pcm, samples, probability, limiter);
}

/** Stage: starts the limiter by itself. */
export function limiterStart(sampleRateHz: i32): void {
  limiter.start(sampleRateHz);
}

/** Stage: multiplies by `gain` on the way, in place. */
export function limiterApply(pcm: usize, samples: i32, gain: f32): void {
  limiter.apply(pcm, samples, gain, gain);
}

/** Stage: adds `samples` at `source` to those at `target`. */
export function mix(target: usize, source: usize, samples: i32): void {
  mixInto(target, source, samples);
}

/** Stage: starts the receiver of keys. */
export function dtmfStart(): void {
  dtmfReceiver.start();
}

/** Stage: whole pieces of 40 samples at 8 kHz; the key that was let go of in them, ASCII, and 256 times its duration in ms. */
export function dtmfHear(pcm: usize, samples: i32): i32 {
  dtmfReceiver.hear(pcm, samples);
  return dtmfReceiver.digit | (dtmfReceiver.durationMs << 8);
}

/**
 * Sends the first `count` letters at DIAL_DIGITS (0-9 A-D * # w W) in band, in place of the agent, from the next `render` on:
 * tones of 40..4000 ms, 40..4000 ms apart, at amplitudes 1..16000. Returns 0 when one is being sent or it is out of bounds.
 */
export function dial(count: i32, toneMs: i32, gapMs: i32, lowAmplitude: f64, highAmplitude: f64): i32 {
  if (call.legSamples == 0 || dtmfGenerator.busy || count < 1 || count > DIAL_DIGITS_MAX) return 0;
  if (toneMs < 40 || toneMs > 4000 || gapMs < 40 || gapMs > 4000) return 0;
  if (!(lowAmplitude >= 1.0 && lowAmplitude <= 16000.0 && highAmplitude >= 1.0 && highAmplitude <= 16000.0)) return 0;
  dtmfGenerator.start(count, toneMs, gapMs, lowAmplitude, highAmplitude, call.legHz);
  return 1;
}

/** Whether keys are still to be sent. */
export function dialling(): i32 {
  return <i32>dtmfGenerator.busy;
}

/** Sends no more keys. */
export function stopDialling(): void {
  dtmfGenerator.start(0, 40, 40, 1.0, 1.0, 8000);
}

/** Stage: the letters at DIAL_DIGITS at any rate. */
export function dialStart(count: i32, toneMs: i32, gapMs: i32, low: f64, high: f64, sampleRateHz: i32): void {
  dtmfGenerator.start(count, toneMs, gapMs, low, high, sampleRateHz);
}

/** Stage: the next samples of them. */
export function dialWrite(target: usize, samples: i32): void {
  dtmfGenerator.write(target, samples);
}

/**
 * Turns on what is not 0: the hearing of keys and of progress tones in the caller's audio, and the lie detectors of both
 * sides. Call it behind `configure`.
 */
export function setHearing(dtmf: i32, progress: i32, suspicion: i32): void {
  if (call.legSamples == 0) return;
  if (dtmf) dtmfReceiver.start();
  if (progress) progressTones.start();
  if (!suspicion) return;
  captureLies.start(call.legCodec, call.legHz);
  renderLies.start(call.outputCodec, call.outputHz);
  rateSuspicion.start(call.outputHz, rateFeatures);
}

/** Stage: starts the receiver of progress tones. */
export function progressStart(): void {
  progressTones.start();
}

/** Stage: whole pieces of 80 samples at 8 kHz; the PROGRESS_ number of what was made out in them, or 0. */
export function progressHear(pcm: usize, samples: i32): i32 {
  progressTones.hear(pcm, samples);
  return progressTones.heard;
}

/** Stage: starts the lie detector. */
export function suspectStart(codec: i32, sampleRateHz: i32): void {
  captureLies.start(codec, sampleRateHz);
}

/** Stage: a frame at WIRE_IN; the suspicions that stand, one bit each. */
export function suspectHear(codec: i32, samples: i32): i32 {
  const pcm = codec == CODEC_L16 ? WIRE_IN : CAPTURE_PCM;
  if (codec != CODEC_L16) decode(codec, CAPTURE_PCM, WIRE_IN, samples);
  captureLies.hear(WIRE_IN, pcm, samples, MEASURED_SUMS, SCRATCH_PCM);
  return captureLies.suspects;
}

/** Stage: starts the detector of wrong rates. */
export function rateStart(sampleRateHz: i32): void {
  rateSuspicion.start(sampleRateHz, rateFeatures);
}

/** Stage: samples at CAPTURE_PCM; the suspicions that stand, one bit each. */
export function rateHear(samples: i32): i32 {
  rateSuspicion.hear(CAPTURE_PCM, samples);
  return rateSuspicion.suspects;
}

/** Stage: what it goes by: the higher odds, as a natural logarithm, that what it heard is too slow or too fast. */
export function rateOdds(): f32 {
  return rateSuspicion.odds;
}

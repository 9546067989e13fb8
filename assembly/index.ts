/**
 * What does it do? The door of the core: one instance is one call. `talkspurt.wasm` exports what stands here.
 * How does it work? `configure` sets the two pipes up; `capture` and `render` are the two crossings of a tick. The
 *   instance starts with its filters, window and transform tables made, so a copy of fresh memory is a fresh call.
 * How do I use it? Through `src/dsp/wasm-dsp.ts`. The stages by themselves (second half) are for tests and benches; they
 *   work on the same state as the pipes, so do not mix the two on one instance.
 * Not for: arrays and strings; that is library.ts.
 */
import {
  bytesOf,
  call,
  captureResampler,
  comfortNoise,
  concealment,
  hopRing,
  lowPass,
  narrowResampler,
  noiseModel,
  renderGain,
  renderResampler,
  timeScale,
  tone,
  voice,
  voiceFeatures,
  voiceNetwork,
} from './call';
import * as base64 from './base64';
import { powerOf, transform } from './fft';
import { restCaller } from './hearing';
import {
  CAPTURE_BANK,
  CAPTURE_LINE,
  CN_BYTES_MAX,
  CODEC_L16,
  CODEC_PCMU,
  CONFIGURED,
  ECHO_OFF,
  ECHO_ON,
  ECHO_WIDE_LINE,
  G722_DECODER,
  G722_ENCODER,
  HOP_RING,
  HOP_RING_SAMPLES,
  METER_CAPTURE_LEVEL,
  METER_RENDER_LEVEL,
  METERS,
  METERS_BYTES,
  NARROW_LINE,
  REFUSED_AGGRESSIVENESS,
  REFUSED_BACKEND_INPUT,
  REFUSED_BACKEND_OUTPUT,
  REFUSED_ECHO_CANCELLER,
  REFUSED_LEG,
  REFUSED_RESAMPLING,
  REFUSED_SHAPING,
  RENDER_BANK,
  RENDER_LINE,
  SCALE_COUNTS,
} from './layout';
import { echoStart } from './echo-stages';
import { planEchoTransform } from './echo-transform';
import { planRealTransform } from './real-transform';
import { knownRate, knownResampling } from './resample';
import { shape, startShaping } from './shaping';
import { planSlowView } from './slow-view';
import { planDetection } from './voice-activity';
import { planFeatures } from './voice-features';

export * from './caller-stages';
export * from './echo-stages';
export * from './g722-stages';
export * from './neural-stages';
export * from './resample-stages';
export { capture, feed } from './capture';
export { render } from './render';
export { decodeAlaw, decodeUlaw, encodeAlaw, encodeUlaw } from './g711';
export { levelDbov } from './level';
export {
  CAPTURE_PCM,
  CN_BYTES_MAX,
  CN_IN,
  CODEC_L16,
  CODEC_PCMA,
  CODEC_PCMU,
  CONFIGURED,
  ECHO_AUTO,
  ECHO_OFF,
  ECHO_ON,
  FRAME_BYTES_MAX,
  FRAME_SAMPLES_MAX,
  G722_DECODER,
  G722_ENCODER,
  G722_STATE_BYTES,
  HEARD,
  HOP_RING_SAMPLES,
  METER_CAPTURE_LEVEL,
  METER_DOUBLE_TALK,
  METER_ECHO_COHERENCE,
  METER_ECHO_DELAY,
  METER_ECHO_LIKELY,
  METER_ECHO_SETTLED,
  METER_ERLE,
  METER_RENDER_LEVEL,
  METER_RESIDUAL_LEVEL,
  METER_SPEECH_PROBABILITY,
  METER_VOICING,
  METERS,
  METERS_BYTES,
  NEURAL_FEATURE_COUNT,
  NEURAL_FEATURES,
  REFUSED_AGGRESSIVENESS,
  REFUSED_BACKEND_INPUT,
  REFUSED_BACKEND_OUTPUT,
  REFUSED_ECHO_CANCELLER,
  REFUSED_LEG,
  REFUSED_RESAMPLING,
  REFUSED_SHAPING,
  RENDER_PCM,
  RESAMPLING_LOW_DELAY,
  RESAMPLING_MINIMUM_PHASE,
  RESAMPLING_STRICT,
  SAID,
  SCALE_COUNTS,
  SCALE_LINE_SAMPLES,
  SCRATCH_PCM,
  TEXT,
  TEXT_BODY,
  TEXT_CHARACTERS_MAX,
  WIRE_IN,
  WIRE_OUT,
} from './layout';

planDetection();
planRealTransform();
planEchoTransform();
planSlowView();
planFeatures();
g722.start(G722_ENCODER);
g722.start(G722_DECODER);

/**
 * Sets both pipes up and forgets all audio. Codecs by their CODEC_ number, rates in Hz, ptime in ms. Returns CONFIGURED,
 * or a REFUSED_ number and leaves the call unusable. The agent's voice is not shaped. `resampling` is a RESAMPLING_ number.
 */
export function configure(
  legCodec: i32,
  legHz: i32,
  ptimeMs: i32,
  inputCodec: i32,
  inputHz: i32,
  outputCodec: i32,
  outputHz: i32,
  aggressiveness: i32,
  resampling: i32,
): i32 {
  if (!knownAudio(legCodec, legHz) || ptimeMs < 10 || ptimeMs > 60 || ptimeMs % 10 != 0) return REFUSED_LEG;
  if (!knownAudio(inputCodec, inputHz)) return REFUSED_BACKEND_INPUT;
  if (!knownAudio(outputCodec, outputHz)) return REFUSED_BACKEND_OUTPUT;
  if (aggressiveness < 0 || aggressiveness > 3) return REFUSED_AGGRESSIVENESS;
  if (!knownResampling(resampling)) return REFUSED_RESAMPLING;

  call.legCodec = legCodec;
  call.legHz = legHz;
  call.legSamples = (legHz / 1000) * ptimeMs;
  call.narrowSamples = 8 * ptimeMs;
  call.inputCodec = inputCodec;
  call.inputHz = inputHz;
  call.outputCodec = outputCodec;
  call.outputHz = outputHz;
  call.outputSamples = (outputHz / 1000) * ptimeMs;
  call.outputBytes = bytesOf(outputCodec, call.outputSamples);
  call.capturePassThrough = legCodec == inputCodec && legHz == inputHz;
  call.renderPassThrough = legCodec == outputCodec && legHz == outputHz;
  call.shaped = false;
  restCaller();
  call.neural = false;

  call.resampling = resampling;
  captureResampler.start(CAPTURE_BANK, CAPTURE_LINE, legHz, inputHz, resampling);
  if (legHz != 8000) narrowResampler.start(0, NARROW_LINE, legHz, 8000, resampling);
  renderResampler.start(RENDER_BANK, RENDER_LINE, outputHz, legHz, resampling);
  // All that it holds, not its delay alone: with minimum phase that is shorter by far.
  call.renderTailSamples = legHz == outputHz ? 0 : renderResampler.tail;
  call.renderTailLeft = 0;
  concealment.start(legHz, comfortNoise, noiseModel);
  timeScale.start(legHz);
  call.adjustMs = 0.0;
  memory.fill(SCALE_COUNTS, 0, 16);
  hopRing.start(HOP_RING, HOP_RING_SAMPLES);
  voice.start(aggressiveness);
  renderGain.start(1.0);
  memory.fill(METERS, 0, METERS_BYTES);
  store<f32>(METERS + ((<usize>METER_CAPTURE_LEVEL) << 2), -127.0);
  store<f32>(METERS + ((<usize>METER_RENDER_LEVEL) << 2), -127.0);
  echoStart(ECHO_OFF, legCodec);
  return CONFIGURED;
}

/**
 * Has the agent's voice shaped from now on, with no pass-through: threshold in dBov (−60..0), make-up gain in dB (0..24),
 * cut-off in Hz (100..20000). Call it behind `configure`. Returns CONFIGURED, or REFUSED_SHAPING and changes nothing.
 */
export function setShaping(thresholdDb: f64, makeupDb: f64, lowPassHz: f64): i32 {
  if (call.shaped || call.legSamples == 0) return REFUSED_SHAPING;
  if (!(thresholdDb >= -60.0 && thresholdDb <= 0.0)) return REFUSED_SHAPING;
  if (!(makeupDb >= 0.0 && makeupDb <= 24.0)) return REFUSED_SHAPING;
  if (!(lowPassHz >= 100.0 && lowPassHz <= 20000.0)) return REFUSED_SHAPING;
  startShaping(thresholdDb, makeupDb, lowPassHz, call.legHz);
  call.renderPassThrough = false;
  call.renderTailSamples += lowPass.tailSamples;
  return CONFIGURED;
}

/**
 * Has the neural detector listen from now on, in place of the statistical one. Call it behind `configure`, with its
 * aggressiveness. Returns CONFIGURED, or REFUSED_AGGRESSIVENESS and changes nothing.
 */
export function setNeuralDetector(aggressiveness: i32): i32 {
  if (aggressiveness < 0 || aggressiveness > 3) return REFUSED_AGGRESSIVENESS;
  voiceNetwork.start(aggressiveness, voiceFeatures);
  call.neural = true;
  return CONFIGURED;
}

/** Whether `capture` (`render`) leaves its result in WIRE_IN (SAID) instead of HEARD (WIRE_OUT). */
export function capturePassThrough(): i32 {
  return <i32>call.capturePassThrough;
}
export function renderPassThrough(): i32 {
  return <i32>call.renderPassThrough;
}

/** Moves the render gain to `gain`, kept within 0..4, over `rampMs`. A gain that is not a number changes nothing. */
export function rampGain(gain: f32, rampMs: f32): void {
  if (isNaN(gain)) return;
  const samples = max<f32>(0.0, min<f32>(60000.0, rampMs)) * <f32>(call.legHz / 1000);
  renderGain.moveTo(max<f32>(0.0, min<f32>(4.0, gain)), <i32>samples);
}

/**
 * How much of what waits of the caller's line is too much for the next `capture`, ms; negative: too little. At most so much is cut
 * out or repeated, where it is not heard.
 */
export function adjust(ms: f32): void {
  if (!isNaN(ms)) call.adjustMs = ms;
}

/**
 * The far end says what its silence sounds like (RFC 3389): the payload of 1 to CN_BYTES_MAX bytes at CN_IN. It is heard behind
 * `framesBefore` more frames, until one comes after those.
 */
export function describeSilence(bytes: i32, framesBefore: i32): void {
  if (bytes >= 1 && bytes <= CN_BYTES_MAX) concealment.describeSilence(bytes, max(0, framesBefore));
}

/** Stage: empties the line of the time scale, at this rate. */
export function scaleStart(sampleRateHz: i32): void {
  timeScale.start(sampleRateHz);
}

/** Stage: samples to the end of the line; returns how many it holds. */
export function scaleAppend(pcm: usize, samples: i32): i32 {
  timeScale.append(pcm, samples);
  return timeScale.held;
}

/** Stage: makes the line shorter (ms > 0) or longer where that is not heard; returns how many samples it holds. */
export function scaleAdjust(ms: f32, frame: i32, pause: i32): i32 {
  timeScale.adjust(ms, frame, pause != 0);
  return timeScale.held;
}

/** Stage: samples from the front of the line; returns how many it holds. */
export function scaleTake(pcm: usize, samples: i32): i32 {
  timeScale.take(pcm, samples);
  return timeScale.held;
}

/** Stage: starts the detector. */
export function voiceStart(aggressiveness: i32): void {
  voice.start(aggressiveness);
}

/** Stage: 80 samples at 8 kHz; the probability of speech. */
export function voiceHop(source: usize): f32 {
  return voice.hop(source);
}

/** Stage: transforms 256 f32 in place. */
export function spectrum(frame: usize): void {
  transform(frame);
}

/** Stage: |X|² of one bin, 1..127, of a transformed frame. */
export function spectrumPower(frame: usize, bin: i32): f32 {
  return powerOf(frame, bin);
}

/** Stage: empties the ring; `capacity` is a power of two up to HOP_RING_SAMPLES. */
export function ringStart(capacity: i32): void {
  hopRing.start(HOP_RING, capacity);
}

/** Stage: samples that wait in the ring. */
export function ringWaiting(): i32 {
  return hopRing.waiting;
}

/** Stage: returns the samples that found room. */
export function ringWrite(source: usize, samples: i32): i32 {
  return hopRing.write(source, samples);
}

/** Stage: returns the samples there were. */
export function ringRead(target: usize, samples: i32): i32 {
  return hopRing.read(target, samples);
}

/** Stage: sits the render gain at `gain`. */
export function gainStart(gain: f32): void {
  renderGain.start(gain);
}

/** Stage: moves it over `samples` samples. */
export function gainMove(gain: f32, samples: i32): void {
  renderGain.moveTo(gain, samples);
}

/** Stage: changes samples in place. */
export function gainApply(pcm: usize, samples: i32): void {
  renderGain.apply(pcm, samples);
}

/** Stage: starts the shaping at this rate; the arguments of `setShaping` are taken as they are. */
export function shapingStart(thresholdDb: f64, makeupDb: f64, lowPassHz: f64, sampleRateHz: i32): void {
  startShaping(thresholdDb, makeupDb, lowPassHz, sampleRateHz);
}

/** Stage: changes samples in place. */
export function shapingApply(pcm: usize, samples: i32): void {
  shape(pcm, samples);
}

/** Stage: starts the concealment for a leg of this rate. */
export function concealStart(sampleRateHz: i32): void {
  concealment.start(sampleRateHz, comfortNoise, noiseModel);
}

/** Stage: a frame that came; whether it was changed. */
export function concealAccept(pcm: usize, samples: i32): i32 {
  return <i32>concealment.accept(pcm, samples);
}

/** Stage: a frame that did not come. */
export function concealFill(pcm: usize, samples: i32): void {
  concealment.fill(pcm, samples);
}

/** Stage: one or two sines; `amplitude` is the peak of each. */
export function toneStart(firstHz: f64, secondHz: f64, amplitude: f64, sampleRateHz: f64): void {
  tone.start(firstHz, secondHz, amplitude, sampleRateHz);
}

/** Stage: the next samples of the tone. */
export function toneWrite(target: usize, samples: i32): void {
  tone.write(target, samples);
}

/** Stage: the next samples of noise, uniform in ±amplitude. */
export function noiseStart(seed: u32): void {
  comfortNoise.start(seed);
}
export function noiseWrite(target: usize, samples: i32, amplitude: f32): void {
  comfortNoise.write(target, samples, amplitude);
}

/** Bytes to base64; returns the characters, padding included. */
export function encodeBase64(target: usize, source: usize, bytes: i32): i32 {
  return base64.encode(target, source, bytes);
}

/** Base64 to bytes; returns how many, or −1 where it is no base64. Writes up to 4 bytes more. */
export function decodeBase64(target: usize, source: usize, characters: i32): i32 {
  return base64.decode(target, source, characters);
}

function knownAudio(codec: i32, hz: i32): bool {
  return codec >= CODEC_PCMU && codec <= CODEC_L16 && knownRate(hz);
}

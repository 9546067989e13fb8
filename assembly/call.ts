import { ComfortNoise } from './comfort-noise';
import { Compressor } from './compressor';
import { Concealment } from './conceal';
import { DtmfGenerator } from './dtmf-generator';
import { DtmfReceiver } from './dtmf-receiver';
import { GainControl } from './gain-control';
import { EchoCanceller } from './echo-canceller';
import { EchoDelay } from './echo-delay';
import { EchoFilter } from './echo-filter';
import { EchoLine } from './echo-line';
import { EchoSuppressor } from './echo-suppressor';
import { EchoVerdict } from './echo-verdict';
import { GainRamp } from './gain-ramp';
import { HighPass } from './high-pass';
import { CODEC_L16, CODEC_PCMA, CODEC_PCMU } from './layout';
import { decodeAlaw, decodeUlaw, encodeAlaw, encodeUlaw } from './g711';
import { LieDetector } from './lie-detector';
import { Limiter } from './limiter';
import { LowPass } from './low-pass';
import { NoiseModel } from './noise-model';
import { NoiseSuppression } from './noise-suppression';
import { RateFeatures } from './rate-features';
import { RateSuspicion } from './rate-suspicion';
import { Resampler } from './resample';
import { ProgressTones } from './progress-tones';
import { RingBuffer } from './ring-buffer';
import { TimeScale } from './time-scale';
import { SlowView } from './slow-view';
import { Tone } from './tone';
import { VoiceActivity } from './voice-activity';
import { VoiceFeatures } from './voice-features';
import { VoiceNetwork } from './voice-network';

/**
 * What does it do? Holds the state of one call: the formats that the two pipes connect, and one instance of each stage.
 * How does it work? Every object below is a view of static memory, so a call's linear memory is its whole state.
 * How do I use it? `capture.ts` and `render.ts` read it; `configure` in index.ts writes it.
 * Not for: a second call; another call is another instance of the module.
 */
@unmanaged
export class Call {
  legCodec: i32;
  legHz: i32;
  /** Samples of one wire frame, and of the same time at 8 kHz. */
  legSamples: i32;
  narrowSamples: i32;
  inputCodec: i32;
  inputHz: i32;
  outputCodec: i32;
  outputHz: i32;
  /** Samples of one frame in the rate of the backend's output. */
  outputSamples: i32;
  outputBytes: i32;
  /** Filters of the resamplers: a RESAMPLING_ number. */
  resampling: i32;
  capturePassThrough: bool;
  renderPassThrough: bool;
  /** The neural detector listens, not the statistical one. */
  neural: bool;
  /** The agent's voice goes through the low-pass and the compressor. */
  shaped: bool;
  /** How much of the caller's line is to be cut out (> 0) or repeated in the next frame, at most, ms. */
  adjustMs: f32;
  /** The caller's voice goes through the cleaning. */
  cleaned: bool;
  /** For how many samples behind the end of a phrase something is still to come: in all, and of the present one. */
  renderTailSamples: i32;
  renderTailLeft: i32;
}

export const call = changetype<Call>(memory.data(offsetof<Call>(), 16));
export const captureResampler = changetype<Resampler>(memory.data(offsetof<Resampler>(), 16));
export const narrowResampler = changetype<Resampler>(memory.data(offsetof<Resampler>(), 16));
export const referenceResampler = changetype<Resampler>(memory.data(offsetof<Resampler>(), 16));
export const renderResampler = changetype<Resampler>(memory.data(offsetof<Resampler>(), 16));
export const concealment = changetype<Concealment>(memory.data(offsetof<Concealment>(), 16));
export const timeScale = changetype<TimeScale>(memory.data(offsetof<TimeScale>(), 16));
export const comfortNoise = changetype<ComfortNoise>(memory.data(offsetof<ComfortNoise>(), 16));
export const noiseModel = changetype<NoiseModel>(memory.data(offsetof<NoiseModel>(), 16));
export const hopRing = changetype<RingBuffer>(memory.data(offsetof<RingBuffer>(), 16));
export const voice = changetype<VoiceActivity>(memory.data(offsetof<VoiceActivity>(), 16));
export const voiceFeatures = changetype<VoiceFeatures>(memory.data(offsetof<VoiceFeatures>(), 16));
export const voiceNetwork = changetype<VoiceNetwork>(memory.data(offsetof<VoiceNetwork>(), 16));
export const lowPass = changetype<LowPass>(memory.data(offsetof<LowPass>(), 16));
export const compressor = changetype<Compressor>(memory.data(offsetof<Compressor>(), 16));
export const renderGain = changetype<GainRamp>(memory.data(offsetof<GainRamp>(), 16));
export const tone = changetype<Tone>(memory.data(offsetof<Tone>(), 16));
export const highPass = changetype<HighPass>(memory.data(offsetof<HighPass>(), 16));
export const noiseSuppression = changetype<NoiseSuppression>(memory.data(offsetof<NoiseSuppression>(), 16));
export const gainControl = changetype<GainControl>(memory.data(offsetof<GainControl>(), 16));
export const dtmfReceiver = changetype<DtmfReceiver>(memory.data(offsetof<DtmfReceiver>(), 16));
export const dtmfGenerator = changetype<DtmfGenerator>(memory.data(offsetof<DtmfGenerator>(), 16));
export const progressTones = changetype<ProgressTones>(memory.data(offsetof<ProgressTones>(), 16));
export const captureLies = changetype<LieDetector>(memory.data(offsetof<LieDetector>(), 16));
export const renderLies = changetype<LieDetector>(memory.data(offsetof<LieDetector>(), 16));
export const rateFeatures = changetype<RateFeatures>(memory.data(offsetof<RateFeatures>(), 16));
export const rateSuspicion = changetype<RateSuspicion>(memory.data(offsetof<RateSuspicion>(), 16));
export const limiter = changetype<Limiter>(memory.data(offsetof<Limiter>(), 16));
export const echoCanceller = changetype<EchoCanceller>(memory.data(offsetof<EchoCanceller>(), 16));
export const echoLine = changetype<EchoLine>(memory.data(offsetof<EchoLine>(), 16));
export const echoDelay = changetype<EchoDelay>(memory.data(offsetof<EchoDelay>(), 16));
export const echoFilter = changetype<EchoFilter>(memory.data(offsetof<EchoFilter>(), 16));
export const echoSuppressor = changetype<EchoSuppressor>(memory.data(offsetof<EchoSuppressor>(), 16));
export const echoVerdict = changetype<EchoVerdict>(memory.data(offsetof<EchoVerdict>(), 16));
export const echoNoise = changetype<ComfortNoise>(memory.data(offsetof<ComfortNoise>(), 16));
export const sentView = changetype<SlowView>(memory.data(offsetof<SlowView>(), 16));
export const heardView = changetype<SlowView>(memory.data(offsetof<SlowView>(), 16));

/** Bytes of `samples` samples. */
export function bytesOf(codec: i32, samples: i32): i32 {
  return codec == CODEC_L16 ? samples << 1 : samples;
}

/** Codes at `source` to i16 at `target`; L16 is copied. */
export function decode(codec: i32, target: usize, source: usize, samples: i32): void {
  if (codec == CODEC_PCMU) decodeUlaw(target, source, samples);
  else if (codec == CODEC_PCMA) decodeAlaw(target, source, samples);
  else memory.copy(target, source, (<usize>samples) << 1);
}

/** i16 at `source` to codes at `target`; L16 is copied. */
export function encode(codec: i32, target: usize, source: usize, samples: i32): void {
  if (codec == CODEC_PCMU) encodeUlaw(target, source, samples);
  else if (codec == CODEC_PCMA) encodeAlaw(target, source, samples);
  else memory.copy(target, source, (<usize>samples) << 1);
}

/** Digital silence: +0 in each codec (µ-law 0xFF, A-law 0xD5). */
export function writeSilence(codec: i32, target: usize, samples: i32): void {
  const code: u8 = codec == CODEC_PCMU ? 0xff : codec == CODEC_PCMA ? 0xd5 : 0;
  memory.fill(target, code, <usize>bytesOf(codec, samples));
}

/**
 * What does it do? The stages over whole arrays: `library.wasm`, for programs, browsers, benches and notebooks.
 * How does it work? The same stage files as the core, compiled with the managed runtime, so that arrays and strings can
 *   cross the boundary. One call is one piece of audio: no state is kept from call to call.
 * How do I use it? Through `src/dsp/library.ts` (the package entry `talkspurt/dsp`).
 * Not for: the media path of a call; that is index.ts.
 */
import { captureResampler, tone as oscillator, voice, voiceFeatures, voiceNetwork } from './call';
import * as g711 from './g711';
import * as g722 from './g722';
import { CAPTURE_BANK, CAPTURE_LINE, G722_DECODER, G722_ENCODER, RESAMPLING_STRICT } from './layout';
import * as level from './level';
import { planDetection } from './voice-activity';
import { planFeatures } from './voice-features';

planDetection();
planFeatures();

/** Class ids, so that the host can make arrays. */
export const UINT8_ARRAY: u32 = idof<Uint8Array>();
export const INT16_ARRAY: u32 = idof<Int16Array>();

/** What this binary can do, in a line. */
export function describe(): string {
  return 'talkspurt dsp: g711 ulaw and alaw, g722, resample 8000 16000 24000 48000 Hz, level dBov, voice activity, tone';
}

export function encodeUlaw(pcm: Int16Array): Uint8Array {
  const codes = new Uint8Array(pcm.length);
  g711.encodeUlaw(codes.dataStart, pcm.dataStart, pcm.length);
  return codes;
}

export function decodeUlaw(codes: Uint8Array): Int16Array {
  const pcm = new Int16Array(codes.length);
  g711.decodeUlaw(pcm.dataStart, codes.dataStart, codes.length);
  return pcm;
}

export function encodeAlaw(pcm: Int16Array): Uint8Array {
  const codes = new Uint8Array(pcm.length);
  g711.encodeAlaw(codes.dataStart, pcm.dataStart, pcm.length);
  return codes;
}

export function decodeAlaw(codes: Uint8Array): Int16Array {
  const pcm = new Int16Array(codes.length);
  g711.decodeAlaw(pcm.dataStart, codes.dataStart, codes.length);
  return pcm;
}

/** One code for two samples of 16 kHz; an odd one at the end is left out. */
export function encodeG722(pcm: Int16Array): Uint8Array {
  const codes = new Uint8Array(pcm.length >> 1);
  g722.start(G722_ENCODER);
  g722.encode(G722_ENCODER, codes.dataStart, pcm.dataStart, codes.length);
  return codes;
}

export function decodeG722(codes: Uint8Array): Int16Array {
  const pcm = new Int16Array(codes.length << 1);
  g722.start(G722_DECODER);
  g722.decode(G722_DECODER, pcm.dataStart, codes.dataStart, codes.length);
  return pcm;
}

/** The filter's delay is taken off: output sample n belongs to the time of input sample n·from/to. */
export function resample(pcm: Int16Array, fromHz: i32, toHz: i32): Int16Array {
  const length = <i32>((<i64>pcm.length * <i64>toHz) / <i64>fromHz);
  const out = new Int16Array(length);
  if (fromHz == toHz) {
    memory.copy(out.dataStart, pcm.dataStart, (<usize>length) << 1);
    return out;
  }
  captureResampler.start(CAPTURE_BANK, CAPTURE_LINE, fromHz, toHz, RESAMPLING_STRICT);
  const delay = captureResampler.delay;
  // Zeros behind the end push the delayed rest out: one sample more than needed, for ratios that do not divide.
  const rest = new Int16Array(<i32>((<i64>(delay + 2) * <i64>fromHz) / <i64>toHz) + 1);
  const room = new Int16Array(length + 2 * delay + 8);
  const made = captureResampler.push(room.dataStart, pcm.dataStart, pcm.length);
  captureResampler.push(room.dataStart + ((<usize>made) << 1), rest.dataStart, rest.length);
  memory.copy(out.dataStart, room.dataStart + ((<usize>delay) << 1), (<usize>length) << 1);
  return out;
}

export function levelDbov(pcm: Int16Array): f32 {
  return level.levelDbov(pcm.dataStart, pcm.length);
}

/** One probability for each whole 10 ms of `pcm` at 8 kHz, of the neural detector or the statistical one. */
export function speechProbability(pcm: Int16Array, aggressiveness: i32, neural: bool): Float32Array {
  const hops = pcm.length / 80;
  const probabilities = new Float32Array(hops);
  if (neural) voiceNetwork.start(aggressiveness, voiceFeatures);
  else voice.start(aggressiveness);
  for (let hop = 0; hop < hops; hop++) {
    const samples = pcm.dataStart + <usize>(hop * 160);
    probabilities[hop] = neural ? voiceNetwork.hop(samples) : voice.hop(samples);
  }
  return probabilities;
}

/** One sine, or two when `secondHz` is not 0; `amplitude` is the peak of each. */
export function tone(firstHz: f64, secondHz: f64, amplitude: f64, sampleRateHz: f64, samples: i32): Int16Array {
  const pcm = new Int16Array(samples);
  oscillator.start(firstHz, secondHz, amplitude, sampleRateHz);
  oscillator.write(pcm.dataStart, samples);
  return pcm;
}

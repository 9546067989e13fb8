import { call, captureResampler, concealment, decode, encode, hopRing, narrowResampler, voice } from './call';
import {
  CAPTURE_PCM,
  CODEC_L16,
  HEARD,
  METER_CAPTURE_LEVEL,
  METER_SPEECH_PROBABILITY,
  METERS,
  NARROW_PCM,
  SCRATCH_PCM,
  VOICE_HOP,
  WIRE_IN,
} from './layout';
import { levelDbov } from './level';

/**
 * What does it do? Caller → backend: one wire frame in, the same duration out in what the backend hears.
 * How does it work? Top to bottom:
 *
 *   WIRE_IN ─▶ decode ─▶ conceal ─▶ level ─▶ 8 kHz view ─▶ ring ─▶ 10 ms hops ─▶ voice activity
 *                           └─────▶ resample ─▶ encode ─▶ HEARD
 *
 *   Pass-through (leg and backend speak the same): the wire bytes themselves are the result and everything else only
 *   measures. A frame is written back to WIRE_IN only when it was made up, or blended after a loss.
 * How do I use it? Put a frame at WIRE_IN and call `capture(1)`; `capture(0)` when none came.
 * Not for: a frame of another size than configured.
 */
export function capture(received: i32): void {
  const samples = call.legSamples;
  const linear = call.legCodec == CODEC_L16;
  const pcm = linear ? WIRE_IN : CAPTURE_PCM;

  let changed = true;
  if (received) {
    if (!linear) decode(call.legCodec, pcm, WIRE_IN, samples);
    changed = concealment.accept(pcm, samples);
  } else {
    concealment.fill(pcm, samples);
  }

  store<f32>(METERS + ((<usize>METER_CAPTURE_LEVEL) << 2), levelDbov(pcm, samples));
  const narrow = narrowView(pcm, samples);
  listen(narrow);

  if (call.capturePassThrough) {
    if (changed && !linear) encode(call.legCodec, WIRE_IN, pcm, samples);
  } else if (call.inputHz == call.legHz) {
    encode(call.inputCodec, HEARD, pcm, samples);
  } else if (call.inputHz == 8000) {
    encode(call.inputCodec, HEARD, narrow, call.narrowSamples);
  } else if (call.inputCodec == CODEC_L16) {
    captureResampler.push(HEARD, pcm, samples);
  } else {
    encode(call.inputCodec, HEARD, SCRATCH_PCM, captureResampler.push(SCRATCH_PCM, pcm, samples));
  }
}

/** The frame at 8 kHz: what the detector listens to, and what a backend at that rate hears. */
function narrowView(pcm: usize, samples: i32): usize {
  if (call.legHz == 8000) return pcm;
  narrowResampler.push(NARROW_PCM, pcm, samples);
  return NARROW_PCM;
}

/** Measures the probability of speech: the highest of the hops that this frame completes. */
function listen(narrow: usize): void {
  hopRing.write(narrow, call.narrowSamples);
  let highest: f32 = 0.0;
  while (hopRing.waiting >= 80) {
    hopRing.read(VOICE_HOP, 80);
    highest = max(highest, voice.hop(VOICE_HOP));
  }
  store<f32>(METERS + ((<usize>METER_SPEECH_PROBABILITY) << 2), highest);
}

import {
  call,
  captureLies,
  captureResampler,
  concealment,
  decode,
  echoCanceller,
  encode,
  hopRing,
  narrowResampler,
  timeScale,
  voice,
  voiceFeatures,
  voiceNetwork,
} from './call';
import { clean, level } from './cleaning';
import { hear, suspectCapture } from './hearing';
import {
  CAPTURE_PCM,
  CODEC_L16,
  HEARD,
  METER_CAPTURE_LEVEL,
  METER_SPEECH_PROBABILITY,
  METER_VOICING,
  METERS,
  NARROW_PCM,
  SCALE_COUNTS,
  SCRATCH_PCM,
  VOICE_HOP,
  WIRE_IN,
} from './layout';
import { levelDbov } from './level';

/**
 * What does it do? Caller → backend: one wire frame in, the same duration out in what the backend hears.
 * How does it work? Top to bottom:
 *
 *   WIRE_IN ─▶ decode ─▶ (echo) ─▶ conceal ─▶ (line ─▶ time scale) ─▶ (cleaning) ─▶ level ─▶ 8 kHz view ─▶ ring ─▶ 10 ms hops ─▶ voice activity
 *                                              └─▶ (gain control) ─▶ resample ─▶ encode ─▶ HEARD
 *
 *   A packet's echo is taken out before it waits in the line, where its place among the packets is known. A wide leg has its 8 kHz
 *   view cancelled, which its own signal follows.
 *
 *   Cleaning and gain control are off unless asked for, and then there is no pass-through.
 *   Pass-through (leg and backend speak the same): the wire bytes themselves are the result and everything else only
 *   measures. A frame is written back to WIRE_IN only when it is not what came: made up, blended after a loss, or cut out of
 *   the line. The line is empty, and costs nothing, unless time is scaled.
 * How do I use it? Put a frame at WIRE_IN and call `capture(1)`; `capture(0)` when none came: then what the line holds is
 *   taken and the rest made up. `feed` puts a packet into the line beforehand; `adjust` says how much of it is too much.
 * Not for: a frame of another size than configured.
 */
export function capture(received: i32): void {
  const samples = call.legSamples;
  const linear = call.legCodec == CODEC_L16;
  const pcm = linear ? WIRE_IN : CAPTURE_PCM;

  let changed = true;
  /** Whether any of it came from the far end. */
  const came = received != 0 || timeScale.held > 0;
  if (call.adjustMs == 0.0 && timeScale.held == 0) {
    changed = receive(received, pcm, samples);
    timeScale.passed(samples);
  } else {
    changed = throughLine(received, pcm, samples);
  }
  store<i32>(SCALE_COUNTS, timeScale.held);

  if (call.cleaned) clean(pcm, samples);
  const narrow = narrowView(pcm, samples);
  if (call.legHz != 8000) {
    if (!came) echoCanceller.miss(call.narrowSamples);
    else if (echoCanceller.cancel(narrow, call.narrowSamples)) {
      echoCanceller.follow(pcm, samples);
      changed = true;
    }
  }
  store<f32>(METERS + ((<usize>METER_CAPTURE_LEVEL) << 2), levelDbov(pcm, samples));
  hear(narrow, call.narrowSamples);
  const probability = listen(narrow);
  if (call.cleaned) {
    if (call.inputHz == 8000) level(narrow, call.narrowSamples, probability);
    else level(pcm, samples, probability);
  }

  if (changed && !linear) encode(call.legCodec, WIRE_IN, pcm, samples);
  if (call.capturePassThrough) return;
  if (call.inputHz == call.legHz) {
    encode(call.inputCodec, HEARD, pcm, samples);
  } else if (call.inputHz == 8000) {
    encode(call.inputCodec, HEARD, narrow, call.narrowSamples);
  } else if (call.inputCodec == CODEC_L16) {
    captureResampler.push(HEARD, pcm, samples);
  } else {
    encode(call.inputCodec, HEARD, SCRATCH_PCM, captureResampler.push(SCRATCH_PCM, pcm, samples));
  }
}

/** Puts the packet at WIRE_IN, or one that is made up in its place, into the line. Before a `capture` that needs more than one. */
export function feed(received: i32): void {
  if (timeScale.room < call.legSamples) return;
  const pcm = call.legCodec == CODEC_L16 ? WIRE_IN : CAPTURE_PCM;
  receive(received, pcm, call.legSamples);
  timeScale.append(pcm, call.legSamples);
  store<i32>(SCALE_COUNTS, timeScale.held);
}

/** Decodes a packet, or makes up `samples` samples; returns whether that is not what is at WIRE_IN. */
function receive(received: i32, pcm: usize, samples: i32): bool {
  if (received) {
    if (call.legCodec != CODEC_L16) decode(call.legCodec, pcm, WIRE_IN, samples);
    if (captureLies.active) suspectCapture(pcm, samples);
    const cancelled = call.legHz == 8000 && echoCanceller.cancel(pcm, samples);
    return concealment.accept(pcm, samples) || cancelled;
  }
  if (call.legHz == 8000) echoCanceller.miss(samples);
  makeUp(pcm, samples);
  return true;
}

/** Fills in for what did not come. */
function makeUp(pcm: usize, samples: i32): void {
  concealment.fill(pcm, samples);
  store<i32>(SCALE_COUNTS, load<i32>(SCALE_COUNTS, 12) + samples, 12);
}

/** A frame by way of the line, which is made shorter or longer where that was asked for. */
function throughLine(received: i32, pcm: usize, samples: i32): bool {
  const waited = timeScale.held;
  let changed = true;
  if (received) {
    changed = receive(1, pcm, samples);
    timeScale.append(pcm, samples);
  } else if (waited < samples) {
    // Not a packet's place: what is missing may still come.
    makeUp(pcm, samples - waited);
    timeScale.append(pcm, samples - waited);
  }
  const adjustMs = call.adjustMs;
  call.adjustMs = 0.0;
  if (adjustMs != 0.0) timeScale.adjust(adjustMs, samples, concealment.pausing(timeScale.firstAddress, samples));
  // What came is what goes: nothing was in the line before it, and nothing is left.
  const straight = waited == 0 && timeScale.held == samples;
  timeScale.take(pcm, samples);
  store<i32>(SCALE_COUNTS, timeScale.cutSamples, 4);
  store<i32>(SCALE_COUNTS, timeScale.repeatedSamples, 8);
  return changed || !straight;
}

/** The frame at 8 kHz: what the detector listens to, and what a backend at that rate hears. */
function narrowView(pcm: usize, samples: i32): usize {
  if (call.legHz == 8000) return pcm;
  narrowResampler.push(NARROW_PCM, pcm, samples);
  return NARROW_PCM;
}

/** Measures the probability of speech, and how voiced it is: the highest of the hops that this frame completes. */
function listen(narrow: usize): f32 {
  hopRing.write(narrow, call.narrowSamples);
  let highest: f32 = 0.0;
  // The statistical detector knows nothing of pitch: nothing it hears is doubted for that.
  let voicing: f32 = call.neural ? 0.0 : 1.0;
  while (hopRing.waiting >= 80) {
    hopRing.read(VOICE_HOP, 80);
    highest = max(highest, call.neural ? voiceNetwork.hop(VOICE_HOP) : voice.hop(VOICE_HOP));
    if (call.neural) voicing = max(voicing, voiceFeatures.voicing);
  }
  // What the filter explains is the agent, however much of it is left to be heard.
  const share = echoCanceller.nearShare(load<f32>(METERS + ((<usize>METER_CAPTURE_LEVEL) << 2)));
  if (share < 0.5 && highest > 0.5) echoCanceller.mistake();
  highest *= share;
  store<f32>(METERS + ((<usize>METER_SPEECH_PROBABILITY) << 2), highest);
  store<f32>(METERS + ((<usize>METER_VOICING) << 2), voicing);
  return highest;
}

import {
  call,
  decode,
  dtmfGenerator,
  echoCanceller,
  encode,
  referenceResampler,
  renderGain,
  renderLies,
  renderResampler,
  writeSilence,
} from './call';
import { CODEC_L16, METER_RENDER_LEVEL, METERS, NARROW_PCM, RENDER_PCM, SAID, SCRATCH_PCM, WIRE_OUT } from './layout';
import { suspectRender } from './hearing';
import { levelDbov } from './level';
import { restShaping, shape } from './shaping';

/**
 * What does it do? Backend → caller: what the backend says in, one wire frame of the leg out.
 * How does it work? Top to bottom:
 *
 *   SAID ─▶ pad ─▶ decode ─▶ resample ─▶ shaping ─▶ gain ramp ─▶ level ─▶ encode ─▶ WIRE_OUT
 *
 *   What the caller is given is also the echo canceller's reference. Pass-through (leg and backend speak the same) leaves the bytes where they are, in SAID, and only measures; they are
 *   encoded again only while the gain moves or is not 1. Shaping is off unless asked for, and then there is no
 *   pass-through. When nothing is said, zeros push the end of the phrase out of the resampler and of the
 *   low-pass, in whole frames, and from then on the frame is digital silence: 0xFF (µ-law), 0xD5 (A-law) or 0.
 *   While keys are dialled in band they take the frame's place.
 * How do I use it? Put at most one frame at SAID and call `render(bytes)`; `render(0)` when there is nothing to say.
 * Not for: more than one frame.
 */
export function render(saidBytes: i32): void {
  const samples = call.legSamples;
  const out = call.renderPassThrough ? SAID : WIRE_OUT;
  if (dtmfGenerator.busy) {
    dial(out, samples);
    return;
  }
  if (saidBytes <= 0 && call.renderTailLeft <= 0) {
    rest(out, samples);
    return;
  }
  if (saidBytes == call.outputBytes && renderLies.active) suspectRender();
  pad(max(0, saidBytes));

  const linear = call.legCodec == CODEC_L16;
  // SAID and WIRE_OUT are one region: only a frame that stays as long as it is may be worked on in place.
  const pcm = linear && call.renderPassThrough ? out : RENDER_PCM;
  if (call.outputHz == call.legHz) {
    if (pcm != SAID) decode(call.outputCodec, pcm, SAID, samples);
  } else if (call.outputCodec == CODEC_L16) {
    renderResampler.push(pcm, SAID, call.outputSamples);
  } else {
    decode(call.outputCodec, SCRATCH_PCM, SAID, call.outputSamples);
    renderResampler.push(pcm, SCRATCH_PCM, call.outputSamples);
  }
  call.renderTailLeft = saidBytes > 0 ? call.renderTailSamples : call.renderTailLeft - samples;

  if (call.shaped) shape(pcm, samples);
  const changed = !renderGain.neutral;
  if (changed) renderGain.apply(pcm, samples);
  store<f32>(METERS + ((<usize>METER_RENDER_LEVEL) << 2), levelDbov(pcm, samples));
  if (pcm != out && (changed || !call.renderPassThrough)) encode(call.legCodec, out, pcm, samples);
  refer(pcm, samples);
}

/** Shows the echo canceller what the caller is given. */
function refer(pcm: usize, samples: i32): void {
  if (!echoCanceller.working) return;
  if (call.legHz == 8000) {
    echoCanceller.reference(pcm, samples);
  } else {
    referenceResampler.push(NARROW_PCM, pcm, samples);
    echoCanceller.reference(NARROW_PCM, call.narrowSamples);
  }
}

/** Keys in place of the agent, whose phrase is not said: what stays of it in the filters is left behind. */
function dial(out: usize, samples: i32): void {
  const pcm = call.legCodec == CODEC_L16 ? out : RENDER_PCM;
  dtmfGenerator.write(pcm, samples);
  if (call.renderTailLeft > 0) {
    if (call.outputHz != call.legHz) renderResampler.forget();
    call.renderTailLeft = 0;
  }
  if (call.shaped) restShaping(samples);
  renderGain.advance(samples);
  store<f32>(METERS + ((<usize>METER_RENDER_LEVEL) << 2), levelDbov(pcm, samples));
  if (call.legCodec != CODEC_L16) encode(call.legCodec, out, pcm, samples);
  refer(pcm, samples);
}

/** Nothing to be heard: digital silence, without work. The gain and the compressor go on moving. */
function rest(out: usize, samples: i32): void {
  if (call.shaped) restShaping(samples);
  renderGain.advance(samples);
  writeSilence(call.legCodec, out, samples);
  store<f32>(METERS + ((<usize>METER_RENDER_LEVEL) << 2), -127.0);
  if (!echoCanceller.working) return;
  memory.fill(RENDER_PCM, 0, (<usize>samples) << 1);
  refer(RENDER_PCM, samples);
}

/** Fills what is missing of a frame with silence. An odd last byte of L16 is half a sample, and dropped. */
function pad(saidBytes: i32): void {
  const whole = call.outputCodec == CODEC_L16 ? saidBytes & ~1 : saidBytes;
  const missing = call.outputBytes - whole;
  if (missing <= 0) return;
  const samples = call.outputCodec == CODEC_L16 ? missing >> 1 : missing;
  writeSilence(call.outputCodec, SAID + <usize>whole, samples);
}

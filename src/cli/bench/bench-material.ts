/** What the rows work on: one second of a signal that asks of the code what speech asks. The same on every machine. */
import type { AudioFormat } from '../../core/media.ts';
import { frameBytes } from '../../core/media.ts';
import type { CoreExports, DspModule } from '../../dsp/dsp-module.ts';

/** A gliding tone with harmonics that comes and goes, and some noise. */
export function voiceLike(sampleRateHz: number): Int16Array {
  let noise = 1;
  return Int16Array.from({ length: sampleRateHz }, (_, n) => {
    noise = (Math.imul(noise, 1664525) + 1013904223) | 0;
    const t = n / sampleRateHz;
    const envelope = Math.max(0, Math.sin(2 * Math.PI * 1.7 * t));
    const phase = 2 * Math.PI * (140 * t + 6 * Math.sin(3 * t));
    const voice = Math.sin(phase) + 0.6 * Math.sin(3 * phase) + 0.4 * Math.sin(7 * phase);
    return Math.round(6000 * envelope * voice + noise / 2 ** 24);
  });
}

/** The second in frames of 20 ms. */
export function voiceFrames(sampleRateHz: number): Int16Array[] {
  const pcm = voiceLike(sampleRateHz);
  const samples = sampleRateHz / 50;
  return Array.from({ length: 50 }, (_, n) => pcm.slice(n * samples, (n + 1) * samples));
}

/** The second in frames of 20 ms, as bytes of `format`. */
export function voicePayloads(module: DspModule, format: AudioFormat): Uint8Array[] {
  const frames = voiceFrames(format.sampleRateHz);
  if (format.codec === 'l16') return frames.map((pcm) => new Uint8Array(pcm.buffer));
  const core = module.instantiate();
  const from = new Int16Array(core.memory.buffer, core.SCRATCH_PCM.value, format.sampleRateHz / 50);
  const to = new Uint8Array(core.memory.buffer, core.WIRE_OUT.value, frameBytes({ ...format, ptimeMs: 20 }));
  return frames.map((pcm) => {
    from.set(pcm);
    encoderOf(core, format)(core.WIRE_OUT.value, core.SCRATCH_PCM.value, pcm.length);
    return to.slice();
  });
}

function encoderOf(core: CoreExports, format: AudioFormat): CoreExports['encodeUlaw'] {
  return format.codec === 'pcma' ? core.encodeAlaw : core.encodeUlaw;
}

/** Audio that waits in one backend's format, in another's. */
import { bytesPerSample, sameAudio } from '../core/media.ts';
import type { AudioFormat } from '../core/media.ts';
import type { DspLibrary } from '../dsp/library.ts';

/** In one piece: for seconds of audio, not for minutes. Control path. */
export function audioConverter(
  library: DspLibrary,
): (audio: Uint8Array, from: AudioFormat, to: AudioFormat) => Uint8Array {
  return (audio, from, to) => {
    if (sameAudio(from, to)) return audio;
    const whole = audio.subarray(0, audio.length - (audio.length % bytesPerSample(from.codec)));
    const pcm = decoded(whole, from, library);
    const resampled =
      from.sampleRateHz === to.sampleRateHz ? pcm : library.resample(pcm, from.sampleRateHz, to.sampleRateHz);
    if (to.codec === 'pcmu') return library.encodeUlaw(resampled);
    if (to.codec === 'pcma') return library.encodeAlaw(resampled);
    return new Uint8Array(resampled.buffer, resampled.byteOffset, resampled.byteLength);
  };
}

function decoded(audio: Uint8Array, { codec }: AudioFormat, library: DspLibrary): Int16Array {
  if (codec === 'pcmu') return library.decodeUlaw(audio);
  if (codec === 'pcma') return library.decodeAlaw(audio);
  return new Int16Array(audio.slice().buffer);
}

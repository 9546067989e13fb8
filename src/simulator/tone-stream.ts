/** What the simulated switch can play by itself: silence, and tones as `tone_stream://%(on ms,off ms,Hz[,Hz])`. */

const AMPLITUDE = 8000;
const TONE = /%\((\d+),(\d+),([\d,.]+)\)/;

/** How long a stream lasts, in ms, perhaps for ever; null for what the simulator cannot play. */
export function streamMs(path: string): number | null {
  const silence = /^silence_stream:\/\/(-?\d+)/.exec(path);
  if (silence !== null) return Number(silence[1]) < 0 ? Number.POSITIVE_INFINITY : Number(silence[1]);
  const tone = TONE.exec(path);
  if (tone === null) return null;
  return /;loops=-1/.test(path) ? Number.POSITIVE_INFINITY : Number(tone[1]) + Number(tone[2]);
}

/** One frame of a stream, counted from its start; anything that is not a tone is silence. */
export function toneFrame(
  path: string,
  frame: number,
  format: { readonly sampleRateHz: number; readonly frameSamples: number },
): Int16Array {
  const samples = new Int16Array(format.frameSamples);
  const tone = TONE.exec(path);
  if (tone === null) return samples;
  const perMs = format.sampleRateHz / 1000;
  const onSamples = Number(tone[1]) * perMs;
  const loopSamples = (Number(tone[1]) + Number(tone[2])) * perMs;
  const frequencies = tone[3]!.split(',').map(Number);
  for (let at = 0; at < samples.length; at += 1) {
    const position = frame * format.frameSamples + at;
    if (position % loopSamples >= onSamples) continue;
    let sum = 0;
    for (const hz of frequencies) sum += Math.sin((2 * Math.PI * hz * position) / format.sampleRateHz);
    samples[at] = Math.round((AMPLITUDE * sum) / frequencies.length);
  }
  return samples;
}

/** What a caller on hold hears where no file is configured: two quiet notes every few seconds, so that the line is not dead. */
import type { PcmSource } from './dsp/sound-slices.ts';

const RATE_HZ = 8_000;
const PERIOD_S = 4;
/** Each note: when it begins, s, and its pitch, Hz. */
const NOTES = [
  { atS: 0, hz: 440 },
  { atS: 0.6, hz: 587.33 },
] as const;
const NOTE_S = 0.5;
/** Of a note's loudest moment, about -27 dBFS. */
const PEAK = 1_500;

/** One round of it. */
export function holdPattern(): PcmSource {
  const samples = new Int16Array(RATE_HZ * PERIOD_S);
  for (const { atS, hz } of NOTES) {
    const from = Math.round(atS * RATE_HZ);
    for (let i = 0; i < NOTE_S * RATE_HZ; i += 1) {
      // Rises and falls with half a sine: no clicks at either end.
      const envelope = Math.sin((Math.PI * i) / (NOTE_S * RATE_HZ));
      samples[from + i] = Math.round(PEAK * envelope * Math.sin((2 * Math.PI * hz * i) / RATE_HZ));
    }
  }
  return { sampleRateHz: RATE_HZ, length: samples.length, read: (from, to) => samples.slice(from, to) };
}

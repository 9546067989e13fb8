/**
 * How far two recordings of the same speech are apart for the ear, roughly: the level in 17 critical bands (E. Zwicker, 1961) of
 * each 20 ms, hop 10 ms, in dB above a floor of 30 dB below the speech; the root mean square of the differences, none counted beyond
 * 25 dB, averaged over the frames of `reference` that are speech.
 *
 * Limits: nothing is masked in time, phase does not count, and one number does not tell a click from a gap. It ranks concealments of
 * one recording; it is no listener's opinion (that is ITU-T P.862 or P.863, which are licensed).
 */
const EDGES_HZ = [100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 3950];
const SIZE = 160;
const HOP = 80;
const MOST_DB = 25;
const FLOOR_DB = 30;

/** In dB, 0 for the same; `only` says in which frames of 20 ms (n: samples n·160 …) it counts. At 8 kHz. */
export function barkDistance(reference: Int16Array, degraded: Int16Array, only: (frame: number) => boolean): number {
  const power = reference.reduce((sum, x) => sum + x * x, 0) / reference.length;
  const floor = power * 10 ** (-FLOOR_DB / 10);
  let sum = 0;
  let frames = 0;
  for (let at = 0; at + SIZE <= Math.min(reference.length, degraded.length); at += HOP) {
    if (!only(Math.floor((at + HOP) / SIZE))) continue;
    const a = bands(reference, at);
    const b = bands(degraded, at);
    if (a.reduce((total, x) => total + x, 0) < power / 10) continue;
    let square = 0;
    a.forEach((x, band) => {
      const difference = 10 * Math.log10((x + floor / a.length) / ((b[band] ?? 0) + floor / a.length));
      square += Math.min(MOST_DB, Math.abs(difference)) ** 2;
    });
    sum += Math.sqrt(square / a.length);
    frames += 1;
  }
  return frames === 0 ? 0 : sum / frames;
}

const WINDOW = Float64Array.from(
  { length: SIZE },
  (_, n) => Math.sqrt(2 / 3) * (1 - Math.cos((2 * Math.PI * (n + 0.5)) / SIZE)),
);
const COSINES = Float64Array.from({ length: SIZE }, (_, n) => Math.cos((2 * Math.PI * n) / SIZE));
const SINES = Float64Array.from({ length: SIZE }, (_, n) => Math.sin((2 * Math.PI * n) / SIZE));

/** Power in each band of 160 samples: bins of 50 Hz. */
function bands(pcm: Int16Array, at: number): Float64Array {
  const out = new Float64Array(EDGES_HZ.length - 1);
  const windowed = WINDOW.map((w, n) => w * (pcm[at + n] ?? 0));
  for (let band = 0; band < out.length; band += 1) {
    for (let bin = Math.ceil((EDGES_HZ[band] ?? 0) / 50); bin * 50 < (EDGES_HZ[band + 1] ?? 0); bin += 1) {
      let re = 0;
      let im = 0;
      for (let n = 0; n < SIZE; n += 1) {
        const phase = (bin * n) % SIZE;
        re += (windowed[n] ?? 0) * (COSINES[phase] ?? 0);
        im += (windowed[n] ?? 0) * (SINES[phase] ?? 0);
      }
      out[band] = (out[band] ?? 0) + (2 * (re * re + im * im)) / (SIZE * SIZE);
    }
  }
  return out;
}

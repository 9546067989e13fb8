/** Something like voices, by rule: what the harness runs on where the recordings were not fetched. Figures on it mean nothing. */
import { createHash } from 'node:crypto';
import { Chance } from './chance.ts';
import type { Recording, Recordings } from './get-data.ts';

const HZ = 8000;

/** Two voices to measure on, one for babble, and rustling in place of recorded noise. */
export function madeRecordings(): Recordings {
  const voice = (name: string, split: 'tune' | 'test', hz: number, seed: number): Recording => ({
    name,
    split,
    pcm: syllables(new Chance(seed), hz),
  });
  const speech = [voice('a', 'test', 110, 1), voice('b', 'test', 210, 2), voice('c', 'tune', 160, 3)];
  const rustle = new Chance(4);
  const pcm = Int16Array.from({ length: 5 * HZ }, () => 1000 * rustle.normal());
  const noise = ['music', 'nature', 'workshop'].map((name) => ({ name, split: 'test' as const, pcm }));
  const hash = createHash('sha256');
  for (const recording of speech) hash.update(recording.pcm);
  return { speech, noise, hash: hash.digest('hex').slice(0, 16) };
}

/** Ten seconds of syllables: harmonics under a moving hump, rising and falling, with pauses. */
function syllables(chance: Chance, hz: number): Int16Array {
  const pcm = new Int16Array(10 * HZ);
  for (let at = 0; at < pcm.length; at += Math.floor(HZ * chance.between(0.2, 0.5))) {
    const length = Math.floor(HZ * chance.between(0.1, 0.2));
    const [pitch, hump] = [hz * chance.between(0.8, 1.25), chance.between(400, 2000)];
    for (let n = 0; n < length && at + n < pcm.length; n += 1) {
      let sum = 0;
      for (let k = 1; k * pitch < 3500; k += 1) {
        sum += Math.sin((2 * Math.PI * k * pitch * n) / HZ) / (1 + ((k * pitch - hump) / 300) ** 2);
      }
      pcm[at + n] = 4000 * Math.sin((Math.PI * n) / length) * sum;
    }
  }
  return pcm;
}

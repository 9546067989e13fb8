/** What comes from a caller who does not want the turn, made by rule at 8 kHz and −0 dB: the scene gives it its level. */
import type { Chance } from '../vad/chance.ts';

/** Makes one sound. */
export type SoundMaker = (chance: Chance) => Float32Array;

const HZ = 8000;
const TURN = 2 * Math.PI;

/** Noise or pulses through resonances, each `[Hz, bandwidth in Hz, gain]`. */
function resonate(source: Float32Array, formants: readonly (readonly [number, number, number])[]): Float32Array {
  const out = new Float32Array(source.length);
  for (const [hz, bandHz, gain] of formants) {
    const r = Math.exp((-Math.PI * bandHz) / HZ);
    const a = 2 * r * Math.cos((TURN * hz) / HZ);
    let [past, before] = [0, 0];
    for (let n = 0; n < source.length; n += 1) {
      const now = (1 - r) * (source[n] ?? 0) + a * past - r * r * before;
      before = past;
      past = now;
      out[n] = (out[n] ?? 0) + gain * now;
    }
  }
  return out;
}

function noise(chance: Chance, seconds: number, envelope: (t: number) => number): Float32Array {
  return Float32Array.from({ length: Math.floor(seconds * HZ) }, (_, n) => chance.normal() * envelope(n / HZ));
}

/** One to three bursts: a sudden opening, then breath that dies away through the throat, with some voice at the end. */
const cough: SoundMaker = (chance) => {
  const bursts = chance.integer(1, 4);
  const apart = chance.between(0.22, 0.4);
  const out = new Float32Array(Math.floor(HZ * (bursts * apart + 0.3)));
  const throat = [
    [chance.between(450, 750), 180, 1],
    [chance.between(1200, 1700), 260, 0.7],
    [chance.between(2300, 2900), 400, 0.4],
  ] as const;
  for (let burst = 0; burst < bursts; burst += 1) {
    const decay = chance.between(0.03, 0.08);
    const body = noise(chance, 0.3, (t) => Math.min(1, t / 0.004) * Math.exp(-t / decay));
    const hz = chance.between(90, 220);
    for (let n = 0; n < body.length; n += 1) {
      const t = n / HZ;
      const voiced = t > 0.1 && t < 0.22 ? 0.4 * Math.exp(-(t - 0.1) / 0.05) : 0;
      body[n] = (body[n] ?? 0) + (voiced * (((t * hz) % 1) - 0.5)) / 0.5;
    }
    const at = Math.floor(burst * apart * HZ);
    resonate(body, throat).forEach((x, n) => (out[at + n] = (out[at + n] ?? 0) + x * 0.85 ** burst));
  }
  return out;
};

/** In or out: noise of the mouth that swells and goes. */
const breath: SoundMaker = (chance) => {
  const seconds = chance.between(0.35, 1);
  const air = noise(chance, seconds, (t) => Math.sin((Math.PI * t) / seconds) ** 2);
  return resonate(air, [
    [chance.between(500, 900), 500, 1],
    [chance.between(1500, 2100), 700, 0.6],
  ]);
};

/** `mhm`: two hummed syllables with the mouth closed, the second mostly higher. */
const hum: SoundMaker = (chance) => {
  const hz = chance.between(95, 230);
  const rise = chance.between(0.95, 1.35);
  const [one, gap, two] = [chance.between(0.12, 0.2), chance.between(0.03, 0.08), chance.between(0.15, 0.3)];
  let phase = 0;
  const source = Float32Array.from({ length: Math.floor(HZ * (one + gap + two)) }, (_, n) => {
    const t = n / HZ;
    const second = t > one + gap;
    const within = second ? (t - one - gap) / two : t / one;
    phase += (second ? hz * rise : hz * (1 - 0.1 * within)) / HZ;
    const level = within > 1 ? 0.05 : Math.sin(Math.PI * within) ** 0.7;
    return level * (2 * (phase % 1) - 1);
  });
  return resonate(source, [
    [chance.between(230, 320), 70, 1],
    [chance.between(950, 1200), 200, 0.15],
    [chance.between(2100, 2500), 300, 0.08],
  ]);
};

/** A door: the blow, what it shakes, and the lock. */
const door: SoundMaker = (chance) => {
  const decay = chance.between(0.04, 0.12);
  const blow = noise(chance, 0.6, (t) => Math.exp(-t / decay) + (t > 0.3 && t < 0.33 ? 0.4 : 0));
  return resonate(blow, [
    [chance.between(120, 260), 60, 1],
    [chance.between(350, 700), 200, 0.5],
    [chance.between(1500, 2500), 600, 0.15],
  ]);
};

/** One word's worth of keys: each a click down and a lighter one up. */
const keys: SoundMaker = (chance) => {
  const out = new Float32Array(Math.floor(HZ * chance.between(0.8, 1.6)));
  for (let at = 0; at < out.length - 1200; at += Math.floor(HZ * chance.between(0.09, 0.25))) {
    const hz = chance.between(1200, 2800);
    for (const [later, gain] of [
      [0, 1],
      [Math.floor(HZ * chance.between(0.06, 0.11)), 0.3],
    ] as const) {
      const click = resonate(
        noise(chance, 0.03, (t) => Math.exp(-t / 0.003)),
        [[hz, 300, 1]],
      );
      click.forEach((x, n) => (out[at + later + n] = (out[at + later + n] ?? 0) + gain * x));
    }
  }
  return out;
};

/** By name. */
export const SOUNDS = { cough, breath, hum, door, keys } as const;

/** Noise made by rule: each kind fills an array at 8 kHz, at any level (the mixer scales it). */
import type { Chance } from './chance.ts';

/** Makes `length` samples of a kind of noise. */
export type NoiseMaker = (chance: Chance, length: number) => Float32Array;

const HZ = 8000;
const TURN = 2 * Math.PI;

const fill = (length: number, sample: (n: number) => number): Float32Array => {
  const out = new Float32Array(length);
  for (let n = 0; n < length; n += 1) out[n] = sample(n);
  return out;
};

/** One pole low-pass noise: white noise below about `hz`. */
function rumble(chance: Chance, hz: number): () => number {
  const keep = Math.exp((-TURN * hz) / HZ);
  const gain = Math.sqrt(1 - keep * keep);
  let state = 0;
  return () => (state = keep * state + gain * chance.normal());
}

const white: NoiseMaker = (chance, length) => fill(length, () => chance.normal());

/** Three poles and zeros whose sum falls by 3 dB an octave (P. Kellet's economy filter). */
const pink: NoiseMaker = (chance, length) => {
  let [a, b, c] = [0, 0, 0];
  return fill(length, () => {
    const now = chance.normal();
    a = 0.99765 * a + now * 0.099046;
    b = 0.963 * b + now * 0.2965164;
    c = 0.57 * c + now * 1.0526913;
    return a + b + c + now * 0.1848;
  });
};

const brown: NoiseMaker = (chance, length) => {
  const low = rumble(chance, chance.between(30, 200));
  const share = chance.between(0, 0.1);
  return fill(length, () => low() + share * chance.normal());
};

/** Road, engine and wind of a car: the engine's speed wanders. */
const car: NoiseMaker = (chance, length) => {
  const road = rumble(chance, chance.between(60, 250));
  const tyres = rumble(chance, chance.between(600, 1500));
  const tyresGain = chance.between(0.03, 0.3);
  const engineGain = chance.between(0.1, 0.8);
  let hz = chance.between(20, 70);
  let phase = 0;
  return fill(length, (n) => {
    if (n % 800 === 0) hz = Math.min(90, Math.max(15, hz + chance.between(-1.5, 1.5)));
    phase += (TURN * hz) / HZ;
    const engine = Math.sin(phase) + 0.6 * Math.sin(2 * phase) + 0.3 * Math.sin(4 * phase) + 0.15 * Math.sin(6 * phase);
    return road() + tyresGain * tyres() + engineGain * engine;
  });
};

const hum: NoiseMaker = (chance, length) => {
  const hz = chance.pick([50, 60, 100, 120]);
  const parts = Array.from({ length: 16 }, (_, k) => chance.uniform() / (k + 1));
  const hiss = chance.between(0, 0.1);
  return fill(length, (n) => {
    let sum = hiss * chance.normal();
    for (let k = 0; k < parts.length; k += 1) sum += (parts[k] ?? 0) * Math.sin((TURN * hz * (k + 1) * n) / HZ);
    return sum;
  });
};

/** A machine that turns: shaped noise that swings with its blades, and their tone. */
const fan: NoiseMaker = (chance, length) => {
  const air = rumble(chance, chance.between(300, 2500));
  const blades = chance.between(20, 180);
  const depth = chance.between(0, 0.6);
  const tone = chance.between(0, 0.5);
  return fill(length, (n) => {
    const swing = Math.sin((TURN * blades * n) / HZ);
    return air() * (1 + depth * swing) + tone * (swing + 0.5 * Math.sin((TURN * 3 * blades * n) / HZ));
  });
};

const wind: NoiseMaker = (chance, length) => {
  const air = rumble(chance, chance.between(100, 600));
  const gusts = rumble(chance, chance.between(0.3, 2));
  return fill(length, () => air() * Math.exp(1.2 * gusts()));
};

/** Noise in a band whose middle wanders, switched on and off. */
const hiss: NoiseMaker = (chance, length) => {
  let middle = chance.between(500, 3500);
  const sharp = chance.between(0.9, 0.99);
  let [past, before, level, goal] = [0, 0, 1, 1];
  return fill(length, (n) => {
    if (n % 400 === 0) {
      middle = Math.min(3700, Math.max(300, middle + chance.between(-100, 100)));
      if (chance.happens(0.03)) goal = goal > 0.5 ? 0.05 : 1;
    }
    level += (goal - level) * 0.002;
    const next = 2 * sharp * Math.cos((TURN * middle) / HZ) * past - sharp * sharp * before + chance.normal();
    before = past;
    past = next;
    return next * level;
  });
};

/** Clicks, knocks and crackle: short decaying bursts by chance. */
const crackle: NoiseMaker = (chance, length) => {
  const rate = chance.between(0.5, 40) / HZ;
  const keep = Math.exp(-1 / (HZ * chance.between(0.0005, 0.02)));
  let level = 0;
  return fill(length, () => {
    level *= keep;
    if (chance.happens(rate)) level += chance.between(0.3, 1);
    return level * chance.normal() + 0.003 * chance.normal();
  });
};

const KEYS_LOW = [697, 770, 852, 941];
const KEYS_HIGH = [1209, 1336, 1477, 1633];
/** Ringing, busy, dial and special tones of the world: frequencies, then seconds on and off. */
const CADENCES: readonly (readonly [readonly number[], number, number])[] = [
  [[440, 480], 2, 4],
  [[400, 450], 0.4, 0.2],
  [[425], 1, 4],
  [[425], 0.5, 0.5],
  [[425], 0.25, 0.25],
  [[480, 620], 0.5, 0.5],
  [[480, 620], 0.25, 0.25],
  [[350, 440], 5, 0.1],
  [[425], 5, 0.1],
  [[1100], 0.5, 3],
  [[2100], 3, 0.2],
  [[1000], 0.3, 5],
];

/** Digits, call progress tones, beeps. */
const tones: NoiseMaker = (chance, length) => {
  if (chance.happens(0.5)) {
    const [parts, on, off] = chance.pick(CADENCES);
    const start = chance.between(0, on + off);
    const bend = chance.between(0.98, 1.02);
    return fill(length, (n) => {
      if ((start + n / HZ) % (on + off) > on) return 0;
      return parts.reduce((sum, hz) => sum + Math.sin((TURN * hz * bend * n) / HZ), 0);
    });
  }
  const beeps = chance.happens(0.4);
  let [until, low, high, quiet] = [0, 0, 0, false];
  return fill(length, (n) => {
    if (n >= until) {
      quiet = !quiet;
      until = n + Math.floor(HZ * chance.between(0.04, quiet ? (beeps ? 2 : 0.4) : 0.3));
      low = beeps ? chance.between(300, 3000) : chance.pick(KEYS_LOW);
      high = beeps ? low * chance.pick([1, 1.5, 2]) : chance.pick(KEYS_HIGH);
    }
    return quiet ? 0 : Math.sin((TURN * low * n) / HZ) + Math.sin((TURN * high * n) / HZ);
  });
};

/** Steady chords and sweeps without words: what a synthesiser pad, an organ or a siren does. */
const notes: NoiseMaker = (chance, length) => {
  let voices: { hz: number; glide: number; phase: number; parts: number }[] = [];
  let [until, level, decay] = [0, 1, 1];
  return fill(length, (n) => {
    if (n >= until) {
      until = n + Math.floor(HZ * chance.between(0.1, 1.2));
      const root = 110 * 2 ** (chance.integer(0, 36) / 12);
      const chord = chance.pick([[0], [0, 7], [0, 4, 7], [0, 3, 7], [0, 12], [0, 5, 9]]);
      voices = chord.map((step) => ({
        hz: root * 2 ** (step / 12),
        glide: chance.happens(0.2) ? chance.between(0.99995, 1.00005) : 1,
        phase: 0,
        parts: chance.integer(1, 8),
      }));
      level = chance.between(0.3, 1);
      decay = chance.happens(0.5) ? Math.exp(-1 / (HZ * chance.between(0.1, 0.8))) : 1;
    }
    level *= decay;
    let sum = 0;
    for (const voice of voices) {
      voice.hz *= voice.glide;
      voice.phase += (TURN * voice.hz) / HZ;
      for (let k = 1; k <= voice.parts && k * voice.hz < 3800; k += 1) sum += Math.sin(k * voice.phase) / k;
    }
    return level * sum;
  });
};

/** What the net is trained in, besides babble and recordings. */
export const TRAINING_NOISES: Readonly<Record<string, NoiseMaker>> = {
  white,
  pink,
  brown,
  car,
  hum,
  fan,
  wind,
  hiss,
  crackle,
  tones,
  notes,
};

/** A street: vehicles that come and go with a changing tone, horns; distant wheels all the while. */
const street: NoiseMaker = (chance, length) => {
  const out = new Float32Array(length);
  const far = rumble(chance, 400);
  for (let n = 0; n < length; n += 1) out[n] = 0.25 * far();
  for (let start = -HZ; start < length; start += Math.floor(HZ * chance.between(1, 4))) {
    const [seconds, engine] = [chance.between(2, 5), chance.between(40, 120)];
    const wheels = rumble(chance, chance.between(700, 1800));
    const horn = chance.happens(0.25) ? chance.between(350, 520) : 0;
    let phase = 0;
    for (let k = 0; k < seconds * HZ; k += 1) {
      const place = k / (seconds * HZ) - 0.5;
      phase += (TURN * engine * (1 - 0.08 * Math.tanh(12 * place))) / HZ;
      const near = 1 / (1 + 60 * place * place);
      const blast =
        horn > 0 && Math.abs(place) < 0.08
          ? Math.sin((horn / engine) * phase) + Math.sin((1.26 * horn * phase) / engine)
          : 0;
      const n = start + k;
      if (n >= 0 && n < length)
        out[n] = (out[n] ?? 0) + near * (wheels() + 0.4 * Math.sin(phase) + 0.3 * Math.sin(2 * phase) + blast);
    }
  }
  return out;
};

/** Somebody types: key down and key up, each a burst through a resonance, in words with pauses. */
const typing: NoiseMaker = (chance, length) => {
  const out = fill(length, () => 0.004 * chance.normal());
  const strike = (at: number, gain: number, hz: number): void => {
    const keep = Math.exp(-1 / (HZ * 0.004));
    let [past, before, level] = [0, 0, gain];
    for (let k = 0; k < 320 && at + k < length; k += 1) {
      const next = 1.8 * Math.cos((TURN * hz) / HZ) * past - 0.81 * before + level * chance.normal();
      before = past;
      past = next;
      level *= keep;
      out[at + k] = (out[at + k] ?? 0) + next;
    }
  };
  for (let at = 0; at < length;) {
    strike(at, chance.between(0.5, 1), chance.between(1200, 2800));
    strike(at + Math.floor(HZ * chance.between(0.06, 0.12)), chance.between(0.1, 0.4), chance.between(1800, 3400));
    at += Math.floor(HZ * (chance.happens(0.15) ? chance.between(0.4, 1.5) : chance.between(0.09, 0.25)));
  }
  return out;
};

/** Kinds that only the test knows. */
export const UNSEEN_NOISES: Readonly<Record<string, NoiseMaker>> = { street, typing };

/** Echo for tests: what a line or a loudspeaker gives back of the agent's voice, made without the code under test. */
import { gaussian, onTheLine, say } from './speech.ts';

/** Samples at 8 kHz. */
export type Signal = Float64Array;

/** The agent, at about −22 dBov while it speaks: two sentences after each other, then pauses of 0.3 s. */
export function agentSpeech(seconds: number): Signal {
  return talk(seconds, 2600, [
    say('Good morning, you have reached the practice of doctor Miller, how may I help you today?', 'slt'),
    say('I can offer you an appointment on Thursday at a quarter past nine, or on Friday after lunch.', 'slt'),
    say('Please tell me your date of birth, and whether you have been with us before.', 'slt'),
  ]);
}

/** The caller, another voice with other words, likewise. */
export function callerSpeech(seconds: number): Signal {
  return talk(seconds, 2600, [
    say('Yes hello, my name is Alan Turner and I have had a bad tooth since the weekend.', 'rms'),
    say('Thursday would be fine, but could it be a little later than that?', 'awb'),
    say('No, I have never been there, I only moved to this town in April.', 'rms'),
  ]);
}

function talk(seconds: number, rms: number, sentences: readonly Int16Array[]): Signal {
  const pcm = new Float64Array(seconds * 8000);
  let at = 0;
  for (let n = 0; at < pcm.length; n += 1) {
    const sentence = sentences[n % sentences.length] as Int16Array;
    const active = [...sentence].filter((x) => Math.abs(x) > 200);
    const scale = rms / Math.sqrt(active.reduce((sum, x) => sum + x * x, 0) / active.length);
    for (let i = 0; i < sentence.length && at + i < pcm.length; i += 1) pcm[at + i] = (sentence[i] ?? 0) * scale;
    at += sentence.length + 2400;
  }
  return pcm;
}

/** A path's impulse response: its energy as a gain in dB (the echo return loss is the negative of it). */
export type Path = readonly number[];

/**
 * A hybrid: `flatMs` of nothing, then a dispersed pulse of about 6 ms within 300–3,400 Hz, as the paths of ITU-T G.168 Annex D
 * look: a few large taps, a ringing tail.
 */
export function hybrid(gainDb: number, seed: number, flatMs = 1): Path {
  const noise = gaussian(seed);
  const taps = Array.from({ length: 96 }, (_, n) => noise() * Math.exp(-n / 14));
  return scaled([...Array.from({ length: flatMs * 8 }, () => 0), ...telephoneBand(taps)], gainDb);
}

/** A room with a telephone in it: the direct sound, then reflections that decay by 60 dB in `reverberationMs`; 128 ms of them. */
export function room(gainDb: number, seed: number, reverberationMs = 200): Path {
  const noise = gaussian(seed);
  const taps = Array.from({ length: 1000 }, (_, n) => {
    if (n < 16) return 0;
    if (n === 16) return 1.5;
    return 0.35 * noise() * 10 ** ((-3 * (n - 16)) / (reverberationMs * 8));
  });
  return scaled(telephoneBand(taps), gainDb);
}

function scaled(taps: readonly number[], gainDb: number): Path {
  const energy = taps.reduce((sum, tap) => sum + tap * tap, 0);
  return taps.map((tap) => (tap * 10 ** (gainDb / 20)) / Math.sqrt(energy));
}

/** 300–3,400 Hz: a windowed difference of two sincs, 33 taps. */
function telephoneBand(taps: readonly number[]): number[] {
  const kernel = Array.from({ length: 33 }, (_, i) => {
    const n = i - 16;
    const low = n === 0 ? 0.075 : Math.sin(Math.PI * 0.075 * n) / (Math.PI * n);
    const high = n === 0 ? 0.85 : Math.sin(Math.PI * 0.85 * n) / (Math.PI * n);
    return (high - low) * (0.5 + 0.5 * Math.cos((Math.PI * n) / 17));
  });
  return Array.from({ length: taps.length + 32 }, (_, n) =>
    kernel.reduce((sum, k, i) => sum + k * (taps[n - i] ?? 0), 0),
  );
}

/** `signal` through `path`, `delay(n)` samples later (an integer for every output sample). */
export function through(signal: Signal, path: Path, delay: (n: number) => number): Signal {
  const echo = new Float64Array(signal.length);
  for (let n = 0; n < echo.length; n += 1) {
    const from = n - delay(n);
    let sum = 0;
    for (let k = 0; k < path.length && k <= from; k += 1) sum += (path[k] ?? 0) * (signal[from - k] ?? 0);
    echo[n] = sum;
  }
  return echo;
}

/** A small loudspeaker driven hard: soft clipping, with a suspension that remembers. */
export function loudspeaker(signal: Signal, drive: number): Signal {
  let excursion = 0;
  return signal.map((x) => {
    excursion += 0.3 * (x / 32768 - excursion);
    const driven = drive * (x / 32768 + 0.3 * excursion * excursion);
    return (Math.tanh(driven) / drive) * 32768;
  });
}

export function add(...signals: readonly Signal[]): Signal {
  return Float64Array.from(signals[0] as Signal, (_, n) => signals.reduce((sum, signal) => sum + (signal[n] ?? 0), 0));
}

export function times(signal: Signal, gainDb: number): Signal {
  return signal.map((x) => x * 10 ** (gainDb / 20));
}

export function noiseOf(samples: number, rms: number, seed: number): Signal {
  const noise = gaussian(seed);
  return Float64Array.from({ length: samples }, () => noise() * rms);
}

/** What was sent as the far end's switch decodes it. */
export function sent(agent: Signal): Signal {
  return Float64Array.from(onTheLine(agent));
}

/** Energy of samples `from`..`to`, in dB. */
export function levelDb(signal: ArrayLike<number>, from: number, to: number): number {
  let sum = 1;
  for (let n = from; n < to; n += 1) sum += (signal[n] ?? 0) ** 2;
  return 10 * Math.log10(sum);
}

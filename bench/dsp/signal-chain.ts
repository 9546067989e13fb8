/**
 * What the signal chain costs: CPU time per 20 ms frame of each stage and of both pipes, beside what others need for the
 * same in the same run. Figures move with the machine; the ratios are what to compare. The hash covers every result, so
 * two machines (or two versions) that print the same one computed the same bytes.
 */
import { createHash } from 'node:crypto';
import fvad from '@echogarden/fvad-wasm';
import * as alawmulaw from 'alawmulaw';
import { Bench } from 'tinybench';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import { describeAudio, frameBytes } from '../../src/core/media.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import { G722Pool } from '../../src/dsp/g722.ts';
import { WasmDsp } from '../../src/dsp/wasm-dsp.ts';
import { cleaningRows } from './cleaning.ts';
import { hearingRows } from './line-hearing.ts';

/** Frames of one measured iteration, so that the clock's own cost does not count. */
const FRAMES = 100;
const ULAW_LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
const WIDE_LEG: MediaFormat = { codec: 'l16', sampleRateHz: 48000, ptimeMs: 20 };
const PCM_24K: AudioFormat = { codec: 'l16', sampleRateHz: 24000 };
const PCM_16K: AudioFormat = { codec: 'l16', sampleRateHz: 16000 };

/** One measured thing: runs one frame and returns its result. `peerOf` names the row that it is compared with. */
interface Row {
  readonly name: string;
  readonly peerOf?: string;
  readonly frame: (n: number) => Uint8Array | Int16Array | number;
}

/** Like speech in what it asks of the code: a gliding tone with harmonics that comes and goes, and some noise. */
function material(samples: number, rate: number): Int16Array {
  let noise = 1;
  return Int16Array.from({ length: samples }, (_, n) => {
    noise = (Math.imul(noise, 1664525) + 1013904223) | 0;
    const t = n / rate;
    const envelope = Math.max(0, Math.sin(2 * Math.PI * 1.7 * t));
    const phase = 2 * Math.PI * (140 * t + 6 * Math.sin(3 * t));
    const voice = Math.sin(phase) + 0.6 * Math.sin(3 * phase) + 0.4 * Math.sin(7 * phase);
    return Math.round(6000 * envelope * voice + noise / 2 ** 24);
  });
}

/** Cuts a second of material into frames as bytes of `format`. */
function frames(format: AudioFormat): Uint8Array[] {
  const pcm = material(format.sampleRateHz, format.sampleRateHz);
  // Typings describe named exports; Node finds them on the default one.
  const { mulaw, alaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;
  const bytes =
    format.codec === 'pcmu'
      ? mulaw.encode(pcm)
      : format.codec === 'pcma'
        ? alaw.encode(pcm)
        : new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  const size = frameBytes({ ...format, ptimeMs: 20 });
  return Array.from({ length: 50 }, (_, n) => bytes.slice(n * size, n * size + size));
}

/** A second of material as samples. */
const linearFrames = (sampleRateHz: 8000 | 16000): Int16Array[] =>
  frames({ codec: 'l16', sampleRateHz }).map((bytes) => new Int16Array(bytes.buffer));

const at = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;

function g711Rows(module: DspModule): Row[] {
  const core = module.instantiate();
  const { mulaw, alaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;
  const codesIn = new Uint8Array(core.memory.buffer, core.WIRE_IN.value, 160);
  const codesOut = new Uint8Array(core.memory.buffer, core.WIRE_OUT.value, 160);
  const pcmIn = new Int16Array(core.memory.buffer, core.SCRATCH_PCM.value, 160);
  const pcmOut = new Int16Array(core.memory.buffer, core.CAPTURE_PCM.value, 160);
  const ulaw = frames(ULAW_LEG);
  const linear = ulaw.map((codes) => mulaw.decode(codes));
  const decodeRow = (name: string, decode: (to: number, from: number, samples: number) => void): Row => ({
    name,
    frame: (n) => {
      codesIn.set(at(ulaw, n));
      decode(core.CAPTURE_PCM.value, core.WIRE_IN.value, 160);
      return pcmOut;
    },
  });
  const encodeRow = (name: string, encode: (to: number, from: number, samples: number) => void): Row => ({
    name,
    frame: (n) => {
      pcmIn.set(at(linear, n));
      encode(core.WIRE_OUT.value, core.SCRATCH_PCM.value, 160);
      return codesOut;
    },
  });
  return [
    decodeRow('µ-law decode', core.decodeUlaw),
    { name: 'alawmulaw', peerOf: 'µ-law decode', frame: (n) => mulaw.decode(at(ulaw, n)) },
    encodeRow('µ-law encode', core.encodeUlaw),
    { name: 'alawmulaw', peerOf: 'µ-law encode', frame: (n) => mulaw.encode(at(linear, n)) },
    decodeRow('A-law decode', core.decodeAlaw),
    { name: 'alawmulaw', peerOf: 'A-law decode', frame: (n) => alaw.decode(at(ulaw, n)) },
    encodeRow('A-law encode', core.encodeAlaw),
    { name: 'alawmulaw', peerOf: 'A-law encode', frame: (n) => alaw.encode(at(linear, n)) },
  ];
}

/** As a call uses it: the copies in and out are counted. */
async function g722Rows(): Promise<Row[]> {
  const pool = await G722Pool.create({ size: 2 });
  const [decoder, encoder] = [pool.acquire(), pool.acquire()];
  const pcm = frames(PCM_16K);
  const wire = pcm.map((frame) => {
    const codes = new Uint8Array(160);
    decoder.encode(frame, codes);
    return codes;
  });
  const heard = new Uint8Array(640);
  const said = new Uint8Array(160);
  const row = (name: string, step: (n: number) => void, result: Uint8Array): Row => ({
    name,
    frame: (n) => {
      step(n);
      return result;
    },
  });
  return [
    row('G.722 decode', (n) => decoder.decode(at(wire, n), heard), heard),
    row('G.722 encode', (n) => encoder.encode(at(pcm, n), said), said),
  ];
}

function resampleRows(module: DspModule): Row[] {
  const pairs = [
    [8000, 16000],
    [8000, 24000],
    [8000, 48000],
    [16000, 8000],
    [24000, 8000],
    [48000, 8000],
    [16000, 24000],
    [24000, 16000],
  ] as const;
  return pairs.map(([fromHz, toHz]) => {
    const core = module.instantiate();
    core.resampleStart(fromHz, toHz);
    const samples = fromHz / 50;
    const input = frames({ codec: 'l16', sampleRateHz: fromHz }).map((bytes) => new Int16Array(bytes.buffer));
    const from = new Int16Array(core.memory.buffer, core.SCRATCH_PCM.value, samples);
    const to = new Int16Array(core.memory.buffer, core.CAPTURE_PCM.value, toHz / 50);
    return {
      name: `resample ${fromHz / 1000} → ${toHz / 1000} kHz`,
      frame: (n: number) => {
        from.set(at(input, n));
        core.resample(core.CAPTURE_PCM.value, core.SCRATCH_PCM.value, samples);
        return to;
      },
    };
  });
}

/** All of it: low-pass, compressor and ceiling. */
function shapingRows(module: DspModule): Row[] {
  return ([8000, 16000, 48000] as const).map((rateHz) => {
    const core = module.instantiate();
    core.shapingStart(-18, 3, 3400, rateHz);
    const input = frames({ codec: 'l16', sampleRateHz: rateHz }).map((bytes) => new Int16Array(bytes.buffer));
    const pcm = new Int16Array(core.memory.buffer, core.SCRATCH_PCM.value, rateHz / 50);
    return {
      name: `shaping at ${rateHz / 1000} kHz`,
      frame: (n: number) => {
        pcm.set(at(input, n));
        core.shapingApply(core.SCRATCH_PCM.value, pcm.length);
        return pcm;
      },
    };
  });
}

async function detectorRows(module: DspModule): Promise<Row[]> {
  const core = module.instantiate();
  core.voiceStart(2);
  const input = frames({ codec: 'l16', sampleRateHz: 8000 }).map((bytes) => new Int16Array(bytes.buffer));
  const hops = new Int16Array(core.memory.buffer, core.SCRATCH_PCM.value, 160);
  const peer = await fvad();
  const handle = peer._fvad_new();
  peer._fvad_set_sample_rate(handle, 8000);
  peer._fvad_set_mode(handle, 2);
  const buffer = peer._malloc(320);
  return [
    {
      name: 'voice activity, 2 hops',
      frame: (n) => {
        hops.set(at(input, n));
        core.voiceHop(core.SCRATCH_PCM.value);
        return core.voiceHop(core.SCRATCH_PCM.value + 160);
      },
    },
    {
      name: 'fvad-wasm, 2 hops',
      peerOf: 'voice activity, 2 hops',
      frame: (n) => {
        peer.HEAP16.set(at(input, n), buffer >> 1);
        peer._fvad_process(handle, buffer, 80);
        return peer._fvad_process(handle, buffer + 160, 80);
      },
    },
  ];
}

function pipeRows(module: DspModule): Row[] {
  const joins: readonly [MediaFormat, AudioFormat][] = [
    [ULAW_LEG, ULAW_LEG],
    [ULAW_LEG, PCM_16K],
    [ULAW_LEG, PCM_24K],
    [WIDE_LEG, PCM_24K],
  ];
  return joins.flatMap(([leg, backend]) => {
    const dsp = new WasmDsp(module);
    dsp.configure({ leg, backendInput: backend, backendOutput: backend });
    const wire = frames(leg);
    const said = frames(backend);
    const name = `${describeAudio(leg)} with ${describeAudio(backend)}`;
    return [
      { name: `capture ${name}`, frame: (n: number) => dsp.capture(at(wire, n)) },
      { name: `render ${name}`, frame: (n: number) => dsp.render(at(said, n)) },
    ];
  });
}

/** One second of every row that is ours, from a fresh start. */
function hashOf(rows: readonly Row[]): string {
  const hash = createHash('sha256');
  for (const row of rows) {
    if (row.peerOf !== undefined) continue;
    for (let n = 0; n < 50; n += 1) {
      const result = row.frame(n);
      hash.update(
        typeof result === 'number'
          ? result.toFixed(4)
          : new Uint8Array(result.buffer, result.byteOffset, result.byteLength),
      );
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Prints the table. `small` takes a few seconds, otherwise about half a minute. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const module = await DspModule.load();
  const rows: Row[] = [
    ...g711Rows(module),
    ...(await g722Rows()),
    ...resampleRows(module),
    ...shapingRows(module),
    ...cleaningRows(module, linearFrames),
    ...hearingRows(module, linearFrames(8000), frames(ULAW_LEG)),
    ...(await detectorRows(module)),
    ...pipeRows(module),
  ];
  const hash = hashOf(rows);
  const bench = new Bench({ time: small ? 60 : 1000, warmupTime: small ? 30 : 200 });
  let sink = 0;
  rows.forEach((row, index) => {
    bench.add(String(index), () => {
      for (let n = 0; n < FRAMES; n += 1) {
        const result = row.frame(n);
        sink += typeof result === 'number' ? result : result.length;
      }
    });
  });
  await bench.run();
  if (!Number.isFinite(sink)) throw new Error('the bench measured nothing');

  const nanoseconds = bench.tasks.map(({ result }) =>
    'latency' in result ? (result.latency.p50 * 1e6) / FRAMES : NaN,
  );
  console.log('dsp: ns of CPU per 20 ms frame (median)');
  rows.forEach((row, index) => {
    const own = nanoseconds[index] ?? NaN;
    const ours = nanoseconds[rows.findIndex(({ name }) => name === row.peerOf)];
    const label = row.peerOf === undefined ? row.name : `  ${row.name}`;
    const ratio = ours === undefined ? '' : `${(own / ours).toFixed(1)} × ours`;
    console.log(`  ${label.padEnd(36)}${own.toFixed(0).padStart(8)}  ${ratio}`.trimEnd());
  });
  console.log(`  hash of one second of every result: ${hash}`);
}

/** Prints heap bytes per tick of `capture` and `render`, of G.722 both ways, and of a control that is known to allocate, as JSON. */
import type { DspOptions } from '../../src/dsp/dsp.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { G722Pool } from '../../src/dsp/g722.ts';
import { frameBytes } from '../../src/core/media.ts';

const TICKS = 100_000;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run with --expose-gc');

const pool = await WasmDspPool.create({ size: 1 });
const leg = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 } as const;
const cases: Record<string, DspOptions> = {
  passThrough: { leg, backendInput: leg, backendOutput: leg },
  realtime: {
    leg,
    backendInput: { codec: 'l16', sampleRateHz: 24000 },
    backendOutput: { codec: 'l16', sampleRateHz: 24000 },
  },
  echo: { leg, backendInput: leg, backendOutput: leg, echoCanceller: 'on' },
  shaped: {
    leg,
    backendInput: leg,
    backendOutput: leg,
    shaping: { compressorThresholdDb: -18, compressorMakeupDb: 3, lowPassHz: 3400 },
  },
  line: {
    leg,
    backendInput: leg,
    backendOutput: leg,
    cleaning: { highPassHz: 100, noiseSuppressionDb: 12, agcTargetDbov: -22 },
    hearing: { dtmf: true, progress: true, suspicion: true },
  },
};

/** Bytes that `tick` leaves on the heap, live or garbage; the young generation is too large to be collected meanwhile. */
function bytesPerTick(tick: (n: number) => number): number {
  let sum = 0;
  for (let n = 0; n < 20_000; n += 1) sum += tick(n);
  collect?.();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < TICKS; n += 1) sum += tick(n);
  const after = process.memoryUsage().heapUsed;
  if (!Number.isFinite(sum)) throw new Error('the measurement is broken');
  return (after - before) / TICKS;
}

const result: Record<string, number> = {};
for (const [name, options] of Object.entries(cases)) {
  const dsp = pool.acquire(options);
  const wire = new Uint8Array(160).fill(0x91);
  const said = new Uint8Array(frameBytes({ ...options.backendOutput, ptimeMs: 20 })).fill(5);
  result[name] = bytesPerTick((n) => {
    const heard = dsp.capture(n % 50 === 0 ? null : wire);
    const out = dsp.render(n % 10 === 0 ? null : said);
    return (
      Number(dsp.news) + heard.length + out.length + dsp.speechProbability + dsp.captureLevelDbov + dsp.renderLevelDbov
    );
  });
  pool.release(dsp);
}

const codec = (await G722Pool.create({ size: 1 })).acquire();
const g722Wire = new Uint8Array(160).fill(0x91);
const g722Pcm = new Uint8Array(640);
result['g722'] = bytesPerTick(() => {
  codec.decode(g722Wire, g722Pcm);
  codec.encode(g722Pcm, g722Wire);
  return g722Wire.length;
});

const kept: Uint8Array[] = [];
result['control'] = bytesPerTick((n) => {
  kept[n & 7] = new Uint8Array(8);
  return n;
});
process.stdout.write(JSON.stringify(result));

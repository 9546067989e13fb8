/** How surely there is a pitch that goes on: against the definition in double precision, and on sounds that have one or none. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import type { PtimeMs } from '../../src/core/media.ts';
import type { DspOptions } from '../../src/dsp/dsp.ts';
import { gaussian, say } from './speech.ts';
import { toBytes } from './wire.ts';

const pool = await WasmDspPool.create({ size: 1 });

/** One value for each packet. */
function voicing(pcm: Int16Array, ptimeMs: PtimeMs = 10, vad: DspOptions['vad'] = 'neural'): number[] {
  const linear = { codec: 'l16', sampleRateHz: 8000 } as const;
  const dsp = pool.acquire({ leg: { ...linear, ptimeMs }, backendInput: linear, backendOutput: linear, vad });
  const samples = ptimeMs * 8;
  const found = Array.from({ length: Math.floor(pcm.length / samples) }, (_, n) => {
    dsp.capture(toBytes('l16', pcm.subarray(n * samples, (n + 1) * samples)));
    return dsp.voicing;
  });
  pool.release(dsp);
  return found;
}

const EDGES = [3, 6, 9, 12, 15, 18, 22, 26, 30, 35, 40, 46, 52, 59, 66, 74, 82, 91, 100, 111, 122];
const WINDOW = Array.from({ length: 256 }, (_, n) =>
  n < 208 ? Math.sin((Math.PI / 2) * ((n + 0.5) / 208)) ** 2 : Math.sin((Math.PI / 2) * ((255.5 - n) / 48)) ** 2,
);
const ENERGY = WINDOW.reduce((sum, w) => sum + w * w, 0);
const OVERLAP = Array.from({ length: 128 }, (_, lag) =>
  WINDOW.reduce((sum, w, n) => sum + (n < lag ? 0 : (w * (WINDOW[n - lag] ?? 0)) / ENERGY), 0.1),
);

/** Each hop's, by the definitions and nothing faster. */
function reference(pcm: Int16Array): number[] {
  let scores = new Map<number, number>();
  let smoothed: number[] = [];
  let floor: number[] = [];
  return Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) => {
    const powers = Array.from({ length: 128 }, (_unused, bin) => {
      let [re, im] = [0, 0];
      for (let n = 0; n < 256; n += 1) {
        const x = (pcm[(hop + 1) * 80 - 256 + n] ?? 0) * (WINDOW[n] ?? 0);
        re += x * Math.cos((2 * Math.PI * bin * n) / 256);
        im += x * Math.sin((2 * Math.PI * bin * n) / 256);
      }
      return (re * re + im * im) / ENERGY;
    });
    const bands = EDGES.slice(1).map((end, band) => powers.slice(EDGES[band], end));
    const logs = bands.map((bins) => Math.log(bins.reduce((sum, x) => sum + x, 0) / bins.length + 50));
    smoothed = hop === 0 ? logs : logs.map((log, band) => 0.6 * (smoothed[band] ?? 0) + 0.4 * log);
    floor = hop === 0 ? smoothed : smoothed.map((x, band) => Math.min(x, floor[band] ?? 0));
    const weighed: [number, number][] = [];
    bands.forEach((bins, band) => {
      const weight = Math.min(1, Math.max(0, ((logs[band] ?? 0) - (floor[band] ?? 0) - 1) / 2));
      const sum = bins.reduce((all, x) => all + x, 50);
      bins.forEach((power, k) => weighed.push([(EDGES[band] ?? 0) + k, (power * weight * bins.length) / sum]));
    });
    const full = 2 * weighed.reduce((sum, [, power]) => sum + power, 0) + 20;
    const next = new Map<number, number>();
    for (let lag = 20; lag < 116; lag += 1) {
      const alike = weighed.reduce((sum, [bin, x]) => sum + 2 * x * Math.cos((2 * Math.PI * bin * lag) / 256), 0);
      const share = (alike * 1.1) / (OVERLAP[lag] ?? 1) / full;
      const before = Math.max(...[-2, -1, 0, 1, 2].map((step) => scores.get(lag + step) ?? 0));
      next.set(lag, Math.max(0, 0.8 * before + 0.2 * share));
    }
    scores = next;
    return Math.max(...scores.values());
  });
}

/** A buzz whose pitch goes from one frequency to another over `seconds`, after `quiet` samples of next to nothing. */
function buzz(from: number, to: number, seconds: number, quiet = 1600): Int16Array {
  const random = gaussian(6);
  let phase = 0;
  return Int16Array.from({ length: quiet + seconds * 8000 }, (_, n) => {
    if (n < quiet) return 20 * random();
    const hz = from * (to / from) ** ((n - quiet) / (seconds * 8000));
    phase += (2 * Math.PI * hz) / 8000;
    let sum = 0;
    for (let k = 1; k * hz < 3400; k += 1) if (k * hz > 300) sum += Math.cos(k * phase + k * k);
    return 500 * sum + 20 * random();
  });
}

test('it is what its definition says', () => {
  const random = gaussian(8);
  const noisy = buzz(120, 180, 0.4).map((x) => x + 300 * random());
  const ours = voicing(noisy);
  reference(noisy).forEach((expected, hop) => {
    assert.ok(Math.abs((ours[hop] ?? NaN) - expected) < 2e-3, `hop ${hop}: ${ours[hop]}, ${expected}`);
  });
});

test('a voice has it within 60 ms, also where its pitch moves; noise, a burst of it and silence do not', () => {
  for (const [from, to] of [
    [100, 100],
    [220, 220],
    [110, 160],
    [240, 170],
  ] as const) {
    const heard = voicing(buzz(from, to, 0.5));
    assert.ok(Math.max(...heard.slice(20, 26)) > 0.25, `${from} Hz: ${heard.slice(20, 26).join()}`);
    assert.ok(Math.min(...heard.slice(28)) > 0.3, `${from} Hz: ${Math.min(...heard.slice(28))}`);
  }
  const random = gaussian(9);
  const hiss = voicing(Int16Array.from({ length: 9600 }, (_, n) => (n < 1600 ? 20 : 1500) * random()));
  const burst = voicing(
    Int16Array.from(
      { length: 4800 },
      (_, n) => 20 * random() + 9000 * (n < 1600 ? 0 : Math.exp((1600 - n) / 500)) * random(),
    ),
  );
  for (const noise of [hiss, burst]) assert.ok(Math.max(...noise) < 0.22, String(Math.max(...noise)));
  assert.ok(voicing(new Int16Array(4000)).every((x) => x === 0));
  assert.ok(
    (voicing(Int16Array.from([...buzz(120, 120, 0.3), ...new Int16Array(1600)])).at(-1) ?? 1) < 0.03,
    'and it goes',
  );
});

test('a packet has the highest of its hops, at any length; people have it in most of what they say', () => {
  const said = say('We are open from nine to five on every working day.', 'rms');
  const hops = voicing(said);
  for (const ptimeMs of [20, 40, 60] as const) {
    const each = ptimeMs / 10;
    voicing(said, ptimeMs).forEach((value, n) => {
      assert.ok(Math.abs(value - Math.max(...hops.slice(n * each, (n + 1) * each))) < 1e-6, `${ptimeMs} ms, ${n}`);
    });
  }
  const loud = hops.filter((_, n) => said.subarray(n * 80, n * 80 + 80).some((x) => Math.abs(x) > 3000));
  assert.ok(
    loud.filter((x) => x > 0.2).length > 0.7 * loud.length,
    `${loud.filter((x) => x > 0.2).length} of ${loud.length}`,
  );
});

test('a detector that knows nothing of it doubts nothing', () => {
  assert.ok(voicing(new Int16Array(1600), 20, 'statistical').every((x) => x === 1));
});

test.run();

/** The two crossings of a tick, whole, as a call makes them. */
import { describeAudio } from '../../src/core/media.ts';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import { WasmDsp } from '../../src/dsp/wasm-dsp.ts';
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';

const ULAW_LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
const WIDE_LEG: MediaFormat = { codec: 'l16', sampleRateHz: 48000, ptimeMs: 20 };
const PCM_16K: AudioFormat = { codec: 'l16', sampleRateHz: 16000 };
const PCM_24K: AudioFormat = { codec: 'l16', sampleRateHz: 24000 };

const JOINS: readonly (readonly [MediaFormat, AudioFormat])[] = [
  [ULAW_LEG, ULAW_LEG],
  [ULAW_LEG, PCM_16K],
  [ULAW_LEG, PCM_24K],
  [WIDE_LEG, PCM_24K],
];

export const stage: BenchStage = { name: 'pipes', order: 900, rows };

function rows(bench: BenchContext): BenchRow[] {
  return JOINS.flatMap(([leg, backend]): BenchRow[] => {
    const make = (): WasmDsp => {
      const dsp = new WasmDsp(bench.module);
      dsp.configure({ leg, backendInput: backend, backendOutput: backend });
      return dsp;
    };
    const [capturing, rendering, both] = [make(), make(), make()];
    const wire = bench.payloads(leg);
    const said = bench.payloads(backend);
    const name = `${describeAudio(leg)} with ${describeAudio(backend)}`;
    return [
      { name: `capture ${name}`, step: (n) => capturing.capture(bench.at(wire, n)) },
      { name: `render ${name}`, step: (n) => rendering.render(bench.at(said, n)) },
      {
        name: `both ${name}`,
        per: 'tick',
        step: (n) => {
          both.capture(bench.at(wire, n));
          return both.render(bench.at(said, n));
        },
        bars: [{ of: 'time', atMost: 100_000 }],
      },
    ];
  });
}

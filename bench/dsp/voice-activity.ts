/** Voice activity: two hops of 10 ms at 8 kHz. */
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';

type Fvad = typeof import('@echogarden/fvad-wasm');

export const stage: BenchStage = { name: 'voice activity', order: 40, rows };

async function rows(bench: BenchContext): Promise<BenchRow[]> {
  const core = bench.core();
  core.voiceStart(2);
  const input = bench.frames(8000);
  const address = core.SCRATCH_PCM.value;
  const hops = bench.samples(core, address, 160);
  const fvad = await bench.peer<Fvad>('@echogarden/fvad-wasm');
  const peer = fvad === null ? null : await fvad.default();
  const handle = peer?._fvad_new() ?? 0;
  peer?._fvad_set_sample_rate(handle, 8000);
  peer?._fvad_set_mode(handle, 2);
  const buffer = peer?._malloc(320) ?? 0;
  const neural = bench.core();
  neural.neuralStart(2);
  const neuralHops = bench.samples(neural, address, 160);
  return [
    {
      name: 'neural, 2 hops',
      step: (n) => {
        neuralHops.set(bench.at(input, n));
        neural.neuralHop(address);
        return neural.neuralHop(address + 160);
      },
      bars: [{ of: 'time', atMost: 8_000 }],
    },
    {
      name: 'statistical, 2 hops',
      step: (n) => {
        hops.set(bench.at(input, n));
        core.voiceHop(address);
        return core.voiceHop(address + 160);
      },
      npm:
        peer === null
          ? []
          : [
              {
                name: '@echogarden/fvad-wasm',
                // Half the work and far less hearing: an area under the curve of 0.80.
                equal: false,
                step: (n) => {
                  peer.HEAP16.set(bench.at(input, n), buffer >> 1);
                  peer._fvad_process(handle, buffer, 80);
                  return peer._fvad_process(handle, buffer + 160, 80);
                },
              },
            ],
    },
  ];
}

/** G.722, as a leg uses it: with the copies in and out. */
import { G722Pool } from '../../src/dsp/g722.ts';
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';

export const stage: BenchStage = { name: 'G.722', order: 20, rows };

async function rows(bench: BenchContext): Promise<BenchRow[]> {
  const pool = await G722Pool.create({ size: 3 });
  const [decoder, encoder, source] = [pool.acquire(), pool.acquire(), pool.acquire()];
  const pcm = bench.payloads({ codec: 'l16', sampleRateHz: 16000 });
  const wire = pcm.map((frame) => {
    const codes = new Uint8Array(160);
    source.encode(frame, codes);
    return codes;
  });
  const heard = new Uint8Array(640);
  const said = new Uint8Array(160);
  return [
    {
      name: 'decode',
      step: (n) => {
        decoder.decode(bench.at(wire, n), heard);
        return heard;
      },
    },
    {
      name: 'encode',
      step: (n) => {
        encoder.encode(bench.at(pcm, n), said);
        return said;
      },
    },
  ];
}

/** Listening to the line: keys, progress tones, and audio that is not what it says it is. */
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';

export const stage: BenchStage = { name: 'hearing', order: 80, rows };

const FRAME = 160;

function rows(bench: BenchContext): BenchRow[] {
  const linear = bench.frames(8000);
  const coded = bench.payloads({ codec: 'pcmu', sampleRateHz: 8000 });
  const [keys, tones, lies, codes, rate] = Array.from({ length: 5 }, () => bench.core()) as [
    ReturnType<BenchContext['core']>,
    ReturnType<BenchContext['core']>,
    ReturnType<BenchContext['core']>,
    ReturnType<BenchContext['core']>,
    ReturnType<BenchContext['core']>,
  ];
  keys.dtmfStart();
  tones.progressStart();
  lies.suspectStart(lies.CODEC_L16.value, 8000);
  codes.suspectStart(codes.CODEC_PCMU.value, 8000);
  rate.rateStart(8000);
  const keysIn = bench.samples(keys, keys.CAPTURE_PCM.value, FRAME);
  const tonesIn = bench.samples(tones, tones.CAPTURE_PCM.value, FRAME);
  const liesIn = bench.samples(lies, lies.WIRE_IN.value, FRAME);
  const codesIn = bench.bytes(codes, codes.WIRE_IN.value, FRAME);
  const rateIn = bench.samples(rate, rate.CAPTURE_PCM.value, FRAME);
  return [
    {
      name: 'DTMF receiver',
      step: (n) => {
        keysIn.set(bench.at(linear, n));
        return keys.dtmfHear(keys.CAPTURE_PCM.value, FRAME);
      },
      bars: [{ of: 'time', atMost: 2_000 }],
    },
    {
      name: 'progress tones',
      step: (n) => {
        tonesIn.set(bench.at(linear, n));
        return tones.progressHear(tones.CAPTURE_PCM.value, FRAME);
      },
      bars: [{ of: 'time', atMost: 1_000 }],
    },
    {
      name: 'lie detector, L16',
      step: (n) => {
        liesIn.set(bench.at(linear, n));
        return lies.suspectHear(lies.CODEC_L16.value, FRAME);
      },
      bars: [{ of: 'time', atMost: 1_000 }],
    },
    {
      name: 'lie detector, µ-law and its decoding',
      step: (n) => {
        codesIn.set(bench.at(coded, n));
        return codes.suspectHear(codes.CODEC_PCMU.value, FRAME);
      },
      bars: [{ of: 'time', atMost: 1_000 }],
    },
    {
      name: 'wrong rate, its sums included',
      step: (n) => {
        rateIn.set(bench.at(linear, n));
        return rate.rateHear(FRAME);
      },
      bars: [{ of: 'time', atMost: 1_000 }],
    },
  ];
}

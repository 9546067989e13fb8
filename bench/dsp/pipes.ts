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
  return [...plain(bench), everything(bench)];
}

/** As it is configured unless one says otherwise, but without the echo canceller: detector, and resampling where there is any. */
function plain(bench: BenchContext): BenchRow[] {
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

/** A call with an echo at -10 dB: detector, echo canceller, gain control, keys and lies listened for, resampling both ways. */
function everything(bench: BenchContext): BenchRow {
  const dsp = new WasmDsp(bench.module);
  dsp.configure({
    leg: ULAW_LEG,
    backendInput: PCM_24K,
    backendOutput: PCM_24K,
    echoCanceller: 'on',
    cleaning: { highPassHz: 0, noiseSuppressionDb: 0, agcTargetDbov: -22 },
    hearing: { dtmf: true, progress: true, suspicion: true },
  });
  const said = bench.payloads(PCM_24K);
  const core = bench.core();
  const pcm = bench.samples(core, core.SCRATCH_PCM.value, 160);
  const codes = bench.bytes(core, core.WIRE_OUT.value, 160);
  const voice = bench.frames(8000);
  // The caller is half a second behind the agent, whose echo is 120 ms old.
  const heard = voice.map((_, n) => {
    const [agent, caller] = [bench.at(voice, n + voice.length - 6), bench.at(voice, n + 25)];
    for (let at = 0; at < pcm.length; at += 1) pcm[at] = 0.3 * agent[at]! + 0.5 * caller[at]!;
    core.encodeUlaw(core.WIRE_OUT.value, core.SCRATCH_PCM.value, pcm.length);
    return codes.slice();
  });
  return {
    name: 'both pcmu/8000 with l16/24000, everything on',
    per: 'tick',
    step: (n) => {
      const captured = dsp.capture(bench.at(heard, n));
      dsp.render(bench.at(said, n));
      return captured;
    },
    bars: [{ of: 'time', atMost: 100_000 }],
  };
}

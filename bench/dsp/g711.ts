/** G.711, as a call uses it: a frame of 160 codes or samples is copied in, and the result copied out. */
import type * as alawmulaw from 'alawmulaw';
import type { BenchContext, BenchRow, BenchStage, BenchStep } from '../../src/cli/bench/bench-row.ts';
import { tableCode, tableValue } from './g711-table.ts';

/** Named exports, or all of them on the default one: that depends on who loads it. */
type Peer = typeof alawmulaw & { readonly default?: typeof alawmulaw };

const LAWS = { 'µ-law': ['ulaw', 'mulaw'], 'A-law': ['alaw', 'alaw'] } as const;

export const stage: BenchStage = { name: 'G.711', order: 10, rows };

async function rows(bench: BenchContext): Promise<BenchRow[]> {
  const peer = await bench.peer<Peer>('alawmulaw');
  return Object.entries(LAWS).flatMap(([law, [name, peerName]]) => {
    const codes = bench.payloads({ codec: name === 'ulaw' ? 'pcmu' : 'pcma', sampleRateHz: 8000 });
    const pcm = bench.frames(8000);
    const other = (peer?.default ?? peer)?.[peerName];
    const row = (way: 'decode' | 'encode', step: BenchStep, theirs: BenchStep | null): BenchRow => ({
      name: `${law} ${way}`,
      step,
      npm: theirs === null ? [] : [{ name: 'alawmulaw', step: theirs }],
      native: [{ name: 'C, table and clz', source: 'g711.c', arguments: [`${way}-${name}`] }],
      figures: [{ name: 'unlike the tables', value: unlike(bench, name, way), unit: '', digits: 0 }],
      bars: [
        { of: 'time', atMost: 120 },
        { of: 'npm', atLeast: 8 },
        { of: 'unlike the tables', atMost: 0 },
      ],
    });
    return [
      row('decode', decoding(bench, codes, name), other ? (n) => other.decode(bench.at(codes, n)) : null),
      row('encode', encoding(bench, pcm, name), other ? (n) => other.encode(bench.at(pcm, n)) : null),
    ];
  });
}

function decoding(bench: BenchContext, frames: readonly Uint8Array[], law: 'ulaw' | 'alaw'): BenchStep {
  const core = bench.core();
  const [from, to] = [core.WIRE_IN.value, core.CAPTURE_PCM.value];
  const codes = bench.bytes(core, from, 160);
  const pcm = bench.samples(core, to, 160);
  const out = new Int16Array(160);
  const decode = law === 'ulaw' ? core.decodeUlaw : core.decodeAlaw;
  return (n) => {
    codes.set(bench.at(frames, n));
    decode(to, from, 160);
    out.set(pcm);
    return out;
  };
}

function encoding(bench: BenchContext, frames: readonly Int16Array[], law: 'ulaw' | 'alaw'): BenchStep {
  const core = bench.core();
  const [from, to] = [core.SCRATCH_PCM.value, core.WIRE_OUT.value];
  const pcm = bench.samples(core, from, 160);
  const codes = bench.bytes(core, to, 160);
  const out = new Uint8Array(160);
  const encode = law === 'ulaw' ? core.encodeUlaw : core.encodeAlaw;
  return (n) => {
    pcm.set(bench.at(frames, n));
    encode(to, from, 160);
    out.set(codes);
    return out;
  };
}

/** How many of all 256 codes, or of all 65,536 samples, come out other than the Recommendation has them. */
function unlike(bench: BenchContext, law: 'ulaw' | 'alaw', way: 'decode' | 'encode'): number {
  const core = bench.core();
  const [codesAt, pcmAt] = [core.WIRE_IN.value, core.SCRATCH_PCM.value];
  const codes = bench.bytes(core, codesAt, 256);
  const pcm = bench.samples(core, pcmAt, 256);
  let count = 0;
  if (way === 'decode') {
    for (let code = 0; code < 256; code += 1) codes[code] = code;
    (law === 'ulaw' ? core.decodeUlaw : core.decodeAlaw)(pcmAt, codesAt, 256);
    pcm.forEach((sample, code) => (count += sample === tableValue(law, code) ? 0 : 1));
    return count;
  }
  for (let first = -32768; first < 32768; first += 256) {
    for (let i = 0; i < 256; i += 1) pcm[i] = first + i;
    (law === 'ulaw' ? core.encodeUlaw : core.encodeAlaw)(codesAt, pcmAt, 256);
    codes.forEach((code, i) => (count += code === tableCode(law, first + i) ? 0 : 1));
  }
  return count;
}

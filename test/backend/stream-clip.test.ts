import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamClip } from '../../src/backend/stream-clip.ts';
import type { StreamRateHz, StreamSound } from '../../src/backend/stream-clip.ts';
import type { SampleRateHz } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { toBytes, toSamples } from '../dsp/wire.ts';
import { l16 } from './stream-rig.ts';

const dsp = await loadDsp();
const FROM: readonly StreamRateHz[] = [8000, 16000, 24000, 32000, 48000, 64000];
const TO: readonly SampleRateHz[] = [8000, 16000, 24000, 48000];

/** The samples of every piece, and how many pieces there were. */
function played(sound: StreamSound, toHz: SampleRateHz): { pcm: Int16Array; pieces: number } {
  const clip = new StreamClip(sound, toHz, dsp);
  const parts: Uint8Array[] = [];
  while (!clip.done) parts.push(clip.next());
  assert.is(clip.next().length, 0);
  return { pcm: toSamples('l16', new Uint8Array(Buffer.concat(parts))), pieces: parts.length };
}

function sine(hz: number, rateHz: number, ms: number, amplitude = 8000): number[] {
  return Array.from({ length: (rateHz * ms) / 1000 }, (_, i) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / rateHz)),
  );
}

function raw(samples: readonly number[], sampleRateHz: StreamRateHz): StreamSound {
  return { codec: 'l16', sampleRateHz, channels: 1, bytes: l16(samples) };
}

test('every rate becomes every rate: the same tone, in time, without a seam', () => {
  for (const fromHz of FROM) {
    for (const toHz of TO) {
      const { pcm, pieces } = played(raw(sine(1000, fromHz, 1800), fromHz), toHz);
      const wanted = sine(1000, toHz, 1800);
      const what = `${fromHz} to ${toHz}`;
      assert.is(pcm.length, wanted.length, what);
      assert.is(pieces, fromHz === toHz ? 1 : 4, what);
      // The ends ring: outside of them each sample is where it belongs.
      const edge = toHz / 50;
      for (let i = edge; i < pcm.length - edge; i += 1) {
        assert.ok(Math.abs(pcm[i]! - wanted[i]!) <= 40, `${what}: sample ${i} is ${pcm[i]}, not ${wanted[i]}`);
      }
    }
  }
});

test('what the slower rate cannot hold does not come back as something else', () => {
  const { pcm } = played(raw(sine(15_000, 64000, 700), 64000), 8000);
  assert.ok(pcm.slice(100, -100).every((sample) => Math.abs(sample) < 30));
});

test('what both rates can hold is kept, on the way through other rates too', () => {
  for (const fromHz of [32000, 64000] as const) {
    const { pcm } = played(raw(sine(10_000, fromHz, 700), fromHz), 24000);
    const loudest = Math.max(...pcm.slice(500, -500));
    assert.ok(loudest > 7000, `10 kHz from ${fromHz} Hz: ${loudest} of 8000`);
  }
});

test('G.711 is what an independent decoder makes of it', () => {
  const codes = Uint8Array.from({ length: 256 * 20 }, (_, i) => i % 256);
  for (const codec of ['pcmu', 'pcma'] as const) {
    const { pcm } = played({ codec, sampleRateHz: 8000, channels: 1, bytes: Buffer.from(codes) }, 8000);
    assert.equal(pcm, toSamples(codec, codes));
  }
});

test('two channels are averaged; half a sample at the end is left out', () => {
  const bytes = Buffer.concat([l16([100, 300, -32768, -32768, 32767, 32767, 7]), Buffer.of(1)]);
  const { pcm } = played({ codec: 'l16', sampleRateHz: 16000, channels: 2, bytes }, 16000);
  assert.equal([...pcm], [200, -32768, 32767]);
});

test('PROPERTY: pieces put together are the whole, decoded in one go', () => {
  const codec = fc.constantFrom('l16' as const, 'pcmu' as const, 'pcma' as const);
  // Rates that the library itself knows, so that it can say what the whole is.
  const rate = fc.constantFrom(...TO);
  fc.assert(
    fc.property(
      codec,
      rate,
      rate,
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer(),
      (kind, fromHz, toHz, length, seed) => {
        const noise = Int16Array.from({ length }, (_, i) => Math.imul(i + 1, seed | 1) >> 17);
        const bytes = Buffer.from(toBytes(kind, noise));
        const whole = dsp.resample(toSamples(kind, new Uint8Array(bytes)), fromHz, toHz);
        const { pcm } = played({ codec: kind, sampleRateHz: fromHz, channels: 1, bytes }, toHz);
        assert.is(pcm.length, whole.length);
        // Sums in another order may round otherwise.
        for (let i = 0; i < whole.length; i += 1) {
          if (Math.abs(pcm[i]! - whole[i]!) > 1) assert.unreachable(`sample ${i} of ${length}, ${fromHz} to ${toHz}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test.run();

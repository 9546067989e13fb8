/** Sounds in slices against the same conversion in one piece. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SAMPLE_RATES_HZ } from '../../src/core/media.ts';
import type { SampleRateHz } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { SLICE_SAMPLES, convertSlice, convertSound, convertedLength } from '../../src/dsp/sound-slices.ts';
import type { OurPcmSource } from '../../src/dsp/sound-slices.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';

const dsp = await loadDsp();

/** Noise and a tone, of a length that fits nothing. */
function sound(sampleRateHz: SampleRateHz, length: number): OurPcmSource & { readonly samples: Int16Array } {
  let seed = 1;
  const samples = Int16Array.from({ length }, (_, n) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return Math.round(12_000 * Math.sin((2 * Math.PI * 440 * n) / sampleRateHz) + (seed % 8_000) - 4_000);
  });
  return { samples, sampleRateHz, length, read: (from, to) => samples.slice(from, to) };
}

/** All of it, with the timers that it waits for run at once. */
async function whole(run: (clock: FakeClock) => Promise<Uint8Array>): Promise<{ audio: Uint8Array; turns: number }> {
  const clock = new FakeClock();
  let turns = 0;
  const made: Uint8Array[] = [];
  void run(clock).then((audio) => made.push(audio));
  await settle();
  while (made.length === 0) {
    assert.is(clock.pending, 1, 'it waits for the event loop to turn, and for nothing else');
    turns += 1;
    clock.advance(1);
    await settle();
  }
  return { audio: made[0]!, turns };
}

test('every pair of rates: slices fit together to the bit', async () => {
  for (const fromHz of SAMPLE_RATES_HZ) {
    for (const toHz of SAMPLE_RATES_HZ) {
      for (const length of [1, SLICE_SAMPLES, 2 * SLICE_SAMPLES + 1, 3 * SLICE_SAMPLES + 777]) {
        const source = sound(fromHz, length);
        const { audio, turns } = await whole((clock) =>
          convertSound(source, { codec: 'l16', sampleRateHz: toHz }, dsp, clock),
        );
        const wanted = dsp.resample(source.samples, fromHz, toHz);
        assert.is(audio.length, wanted.length * 2);
        assert.is(convertedLength(source, toHz), wanted.length);
        const differs = new Int16Array(audio.slice().buffer).findIndex((sample, n) => sample !== wanted[n]);
        assert.is(differs, -1, `${fromHz} to ${toHz} Hz, ${length} samples`);
        assert.is(turns, Math.ceil(length / SLICE_SAMPLES) - 1);
      }
    }
  }
});

test('G.711 is what the whole sound is encoded to', async () => {
  const source = sound(48_000, 2 * SLICE_SAMPLES + 5);
  const narrow = dsp.resample(source.samples, 48_000, 8_000);
  const ulaw = await whole((clock) => convertSound(source, { codec: 'pcmu', sampleRateHz: 8_000 }, dsp, clock));
  assert.equal(ulaw.audio, dsp.encodeUlaw(narrow));
  const alaw = await whole((clock) => convertSound(source, { codec: 'pcma', sampleRateHz: 8_000 }, dsp, clock));
  assert.equal(alaw.audio, dsp.encodeAlaw(narrow));
});

test('a slice reads itself and the filter’s margins, never more', () => {
  const source = sound(48_000, 20 * SLICE_SAMPLES);
  const reads: number[] = [];
  const counting: OurPcmSource = {
    ...source,
    read: (from, to) => {
      reads.push(to - from);
      return source.read(from, to);
    },
  };
  convertSlice(counting, 5 * SLICE_SAMPLES, { codec: 'pcmu', sampleRateHz: 8_000 }, dsp);
  assert.equal(reads, [SLICE_SAMPLES + 960]);
});

test.run();

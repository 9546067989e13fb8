/**
 * What the resampling of minimum phase costs the ear: how much later than the soonest each frequency comes, against what is heard
 * of that; and how far speech is from the strict one, against what G.711 alone does to it. A whole run also writes the tables of
 * docs/signal-chain.md.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { DspModule } from '../src/dsp/dsp-module.ts';
import type { Resampling } from '../src/dsp/dsp.ts';
import type { DspLibrary } from '../src/dsp/library.ts';
import { loadDsp } from '../src/dsp/library.ts';
import { resamplingNumber } from '../src/dsp/resampling-number.ts';
import { sayWide } from '../test/dsp/speech.ts';
import type { Voice } from '../test/dsp/speech.ts';
import { analyseTone, groupDelayMs, sine } from './dsp/tone-analysis.ts';
import { barkDistance } from './jitter/bark-distance.ts';
import { heardDelayMs } from './resampling/heard-delay.ts';
import type { Table } from './tables.ts';
import { publishTables, showTable } from './tables.ts';

const PAGE = fileURLToPath(new URL('../docs/signal-chain.md', import.meta.url));
const TO_HZ = 8000;
const FROM_HZ = [16_000, 24_000, 48_000] as const;
type FromHz = (typeof FROM_HZ)[number];
const SENTENCES: readonly (readonly [Voice, string])[] = [
  ['slt', 'I would like to book a table for four people on Friday evening, please, at about eight.'],
  ['rms', 'No, that is too late for us. Is there anything before seven?'],
  ['awb', 'Six fresh fish sticks, she says, such a small price; the address is six six seven Church Street.'],
];

/** Runs the bench; `small` is for the test suite. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const module = await DspModule.load();
  const through: Through = (pcm, fromHz, resampling) => resampled(module, pcm, fromHz, resampling);
  const delays = delayTable(
    through,
    small ? [300, 1000, 3400] : [300, 500, 1000, 1500, 2000, 2500, 3000, 3200, 3400, 3500, 3600, 3800],
  );
  showTable('24 → 8 kHz: how late a tone is, ms, and how much later than the soonest', delays);
  const distances = distanceTable(through, await loadDsp(), small);
  showTable('Distance of speech from that of the strict filters, dB (0: the same)', distances);
  console.log(
    `  ${createHash('sha256')
      .update(JSON.stringify([delays, distances]))
      .digest('hex')
      .slice(0, 16)}`,
  );
  if (small) return;
  await publishTables(PAGE, [
    ['minimum-phase delays', delays],
    ['minimum-phase distances', distances],
  ]);
}

/** All of `pcm` through an instance of its own, to 8 kHz. */
type Through = (pcm: Int16Array, fromHz: FromHz, resampling: Resampling) => { pcm: Int16Array; delay: number };

function resampled(module: DspModule, pcm: Int16Array, fromHz: FromHz, resampling: Resampling): ReturnType<Through> {
  const core = module.instantiate();
  core.resampleStart(fromHz, TO_HZ, resamplingNumber(core, resampling));
  const frame = fromHz / 50;
  const [from, to] = [core.SCRATCH_PCM.value, core.CAPTURE_PCM.value];
  const out = new Int16Array((Math.floor(pcm.length / frame) * TO_HZ) / 50);
  for (let at = 0, made = 0; at + frame <= pcm.length; at += frame) {
    new Int16Array(core.memory.buffer, from, frame).set(pcm.subarray(at, at + frame));
    const samples = core.resample(to, from, frame);
    out.set(new Int16Array(core.memory.buffer, to, samples), made);
    made += samples;
  }
  return { pcm: out, delay: core.resampleDelay() };
}

function delayTable(through: Through, hzs: readonly number[]): Table {
  const late = (hz: number, resampling: Resampling): number =>
    groupDelayMs((pcm) => through(pcm, 24_000, resampling).pcm, hz, 24_000, TO_HZ);
  const soonest = Math.min(...hzs.map((hz) => late(hz, 'minimum-phase')));
  const levelDb = (hz: number): number => {
    const tone = through(sine(hz, 24_000, 24_000, 20_000), 24_000, 'minimum-phase').pcm.subarray(400);
    return 20 * Math.log10(analyseTone(tone, hz, TO_HZ).amplitude / 20_000);
  };
  const rows = hzs.map((hz) => {
    const ms = late(hz, 'minimum-phase');
    const cells = [late(hz, 'strict'), ms, ms - soonest, heardDelayMs(hz)].map((value) => value.toFixed(2));
    return [String(hz), ...cells, levelDb(hz).toFixed(1).replace('-0.0', '0.0')];
  });
  return [['Hz', 'strict', 'minimum phase', 'later than the soonest', 'heard from', 'level, dB'], ...rows];
}

function distanceTable(through: Through, dsp: DspLibrary, small: boolean): Table {
  const rows = (small ? SENTENCES.slice(0, 1) : SENTENCES).map(([voice, text]) => {
    const wide = sayWide(text, voice);
    const distances = FROM_HZ.map((fromHz) => {
      const pcm = dsp.resample(wide, 16_000, fromHz);
      const strict = inStep(through(pcm, fromHz, 'strict'));
      const apart = (other: Int16Array): number => barkDistance(strict, other, () => true);
      return [
        apart(inStep(through(pcm, fromHz, 'minimum-phase'))),
        apart(inStep(through(pcm, fromHz, 'low-delay'))),
        apart(dsp.decodeUlaw(dsp.encodeUlaw(strict))),
        apart(dsp.decodeAlaw(dsp.encodeAlaw(strict))),
      ];
    });
    // The worst of the rates that it comes from.
    return [voice, ...distances[0]!.map((_, i) => Math.max(...distances.map((row) => row[i]!)).toFixed(3))];
  });
  return [['voice', 'minimum phase', 'low delay', 'strict in µ-law', 'strict in A-law'], ...rows];
}

/** Without its delay. */
function inStep({ pcm, delay }: ReturnType<Through>): Int16Array {
  return pcm.subarray(delay);
}

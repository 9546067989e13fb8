/**
 * What the jitter buffer is worth: delay and made-up audio against a fixed buffer of 150 ms on recorded and modelled paths, and how
 * far concealed speech is from what was said, against silence, repetition and ITU-T G.711 Appendix I. A whole run also writes
 * docs/images/jitter-buffer.svg and the tables of docs/signal-chain.md.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadDsp } from '../src/dsp/library.ts';
import { DspModule } from '../src/dsp/dsp-module.ts';
import { WasmDsp } from '../src/dsp/wasm-dsp.ts';
import { conversation, onTheLine, say } from '../test/dsp/speech.ts';
import type { Voice } from '../test/dsp/speech.ts';
import { barkDistance } from './jitter/bark-distance.ts';
import { drawDelays } from './jitter/delay-plot.ts';
import { lostFrames, withAppendixOne, withOurs, withRepetition, withSilence } from './jitter/loss.ts';
import type { Conceal } from './jitter/loss.ts';
import { fixedAsGood, playAdaptive, playFixed } from './jitter/playback.ts';
import { jitterTraces } from './jitter/traces.ts';
import { keepResults } from './results.ts';
import type { Table } from './tables.ts';
import { publishTables, showTable } from './tables.ts';

const FIXED_MS = 150;
const VOICES: readonly Voice[] = ['slt', 'rms', 'awb'];
const SENTENCES = [
  'I would like to book a table for four people on Friday evening, please, at about eight.',
  'No, that is too late for us. Is there anything before seven?',
  'Wonderful. My number ends in four nine two. Thank you very much, and see you on Friday.',
];
const SHARES = [0.01, 0.03, 0.05, 0.1, 0.2];
const PAGE = fileURLToPath(new URL('../docs/signal-chain.md', import.meta.url));
const PICTURE = fileURLToPath(new URL('../docs/images/jitter-buffer.svg', import.meta.url));

/** Runs the bench; `small` is for the test suite. */
export async function run({ small, report = false }: { small: boolean; report?: boolean }): Promise<void> {
  const module = await DspModule.load();
  const hash = createHash('sha256');
  const voices = small ? VOICES.slice(0, 1) : VOICES;
  const pcm = onTheLine(
    conversation(
      voices.flatMap((voice) => SENTENCES.map((text) => say(text, voice))),
      400,
    ).pcm,
  );
  const paths = await delays(module, pcm, small);
  showTable('Delay of what is heard over the quickest packet, ms, and time made up', paths);
  const losses = concealments(module, pcm, small);
  showTable('Distance of speech from what was said, dB (0: the same), by losses of 20 ms', losses);
  hash.update(JSON.stringify([paths, losses]));
  const digest = hash.digest('hex').slice(0, 16);
  console.log(`  ${digest}`);
  if (!small)
    await publishTables(PAGE, [
      ['jitter', paths],
      ['concealment', losses],
    ]);
  if (report)
    await keepResults('jitter-buffer', {
      on: `${paths.length - 1} paths`,
      hash: digest,
      figures: figuresOf(paths, losses),
    });
}

async function delays(module: DspModule, pcm: Int16Array, small: boolean): Promise<Table> {
  const speech = (await loadDsp()).encodeUlaw(pcm);
  const dsp = new WasmDsp(module);
  const rows: string[][] = [
    [
      'path',
      'origin',
      `fixed ${FIXED_MS} ms: made up`,
      'ours: made up',
      'delay, mean',
      'p95',
      'less than fixed',
      'scaled',
      'fixed as good',
    ],
  ];
  for (const { name, origin, transitMs } of jitterTraces()) {
    const transit = small ? transitMs.subarray(0, 1_000) : transitMs;
    const fixed = playFixed(transit, FIXED_MS);
    const ours = playAdaptive(transit, speech, dsp);
    rows.push([
      name,
      origin,
      `${fixed.concealedPct.toFixed(2)} % (${fixed.gaps})`,
      `${ours.concealedPct.toFixed(2)} % (${ours.gaps})`,
      ours.meanMs.toFixed(0),
      ours.p95Ms.toFixed(0),
      (FIXED_MS - ours.meanMs).toFixed(0),
      `${ours.scaledPct.toFixed(2)} %`,
      fixedAsGood(transit, ours.concealedPct).toFixed(0),
    ]);
    if (!small && name === '4G') writeFileSync(PICTURE, drawDelays(name, transit, ours.delayMs, FIXED_MS));
  }
  return rows;
}

function concealments(module: DspModule, pcm: Int16Array, small: boolean): Table {
  const ways: readonly (readonly [string, Conceal])[] = [
    ['silence', withSilence],
    ['repetition', withRepetition],
    ['Appendix I', withAppendixOne],
    ['ours', withOurs(module.instantiate())],
  ];
  const rows: string[][] = [['lost', ...ways.map(([name]) => name)]];
  for (const burst of [false, true]) {
    for (const share of small ? SHARES.slice(2, 3) : SHARES) {
      const patterns = [7, 8, 9].map((seed) => lostFrames(Math.floor(pcm.length / 160), share, burst, seed));
      const cells = ways.map(([, conceal]) => {
        const scores = patterns.map((lost) =>
          barkDistance(pcm, conceal(pcm, lost), (n) => lost[n] === true || lost[n - 1] === true),
        );
        return (scores.reduce((sum, score) => sum + score, 0) / scores.length).toFixed(2);
      });
      rows.push([`${share * 100} %${burst ? ', in runs of 3' : ''}`, ...cells]);
    }
  }
  return rows;
}

/** What is held to the bars, out of the tables. */
function figuresOf(paths: Table, losses: Table): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const [name = '', origin = '', fixedMade = '', oursMade = '', , , less] of paths.slice(1)) {
    const kind = origin === 'recorded' ? 'recorded' : 'modelled';
    figures[`${kind}, ${name}: ms less than ${FIXED_MS}`] = Number(less);
    figures[`${kind}, ${name}: made up, % beyond the fixed buffer's`] = Number(
      (Number.parseFloat(oursMade) - Number.parseFloat(fixedMade)).toFixed(2),
    );
  }
  const least = (column: number): number =>
    Math.min(...losses.slice(1).map((row) => Number((Number(row[column]) - Number(row[4])).toFixed(2))));
  figures['dB nearer than silence, the least'] = least(1);
  figures['dB nearer than repetition, the least'] = least(2);
  figures['dB nearer than Appendix I, the least'] = least(3);
  return figures;
}

/**
 * The detectors beside each other: area under the ROC, best F1, onset and cost, on speakers that none of ours has heard.
 * Needs `node --import tsx bench/vad/get-data.ts` to have been run, and runs on voices made by rule where it was not. Unless
 * `--small`, it installs the large peers (450 MB), puts the tables into docs/vad.md and draws docs/images/vad-roc.svg.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { keepResults } from '../results.ts';
import type { Detector } from './detectors.ts';
import { ownDetectors, webrtcDetector } from './detectors.ts';
import { VAD_CACHE, haveRecordings, loadRecordings } from './get-data.ts';
import { madeRecordings } from './made-voices.ts';
import { heavyPeers } from './peers.ts';
import { drawRoc } from './picture.ts';
import type { Measures, Scored } from './scores.ts';
import { meanMeasures, measure, roc } from './scores.ts';
import type { TestLine } from './test-set.ts';
import { SEEN_KINDS, SNRS_DB, UNSEEN_KINDS, makeTestSet } from './test-set.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** One detector's results. */
interface Result {
  readonly name: string;
  readonly lines: readonly (Scored & { readonly condition: string })[];
  readonly byCondition: ReadonlyMap<string, Measures>;
  readonly pooled: Measures;
  readonly nsPer20Ms: number;
}

export async function run({ small, report = false }: { small: boolean; report?: boolean }): Promise<void> {
  const real = haveRecordings(['tune', 'test']);
  if (!real)
    process.stdout.write('recordings are not here (bench/vad/get-data.ts): made voices, figures mean nothing\n');
  const recordings = real ? loadRecordings(['tune', 'test']) : madeRecordings();
  const brief = small || !real;
  const { lines, hash } = makeTestSet(recordings, brief ? 6 : 20);
  const minutes = Math.round(lines.reduce((sum, { pcm }) => sum + pcm.length, 0) / 8000 / 60);
  const title = `${lines.length} lines, ${minutes} min, recordings ${recordings.hash}, set ${hash}`;
  process.stdout.write(`${title}\n`);
  const results: Result[] = [];
  for (const detector of [...(await ownDetectors()), await webrtcDetector(), ...(brief ? [] : await heavyPeers())]) {
    results.push(await judge(detector, lines, hash));
    process.stdout.write(`${row(results.at(-1) as Result)}\n`);
  }
  const [hops, packets] = results as [Result, Result];
  const tables = `${overall(results)}\n${byKind(results)}\n${bars(hops, packets)}`;
  process.stdout.write(`\n${tables}`);
  if (brief) return;
  const images = join(root, 'docs', 'images');
  mkdirSync(images, { recursive: true });
  const curves = results.map(({ name, lines: scored }) => ({ name, points: roc(scored) }));
  writeFileSync(join(images, 'vad-roc.svg'), drawRoc(curves));
  const place = join(root, 'docs', 'vad.md');
  const figures = `<!-- figures -->\n\nSet: ${title}. Node ${process.versions.node}.\n\n${tables}\n<!-- /figures -->`;
  const page = readFileSync(place, 'utf8').replace(/<!-- figures -->[\s\S]*<!-- \/figures -->/, () => figures);
  writeFileSync(place, await format(page, { parser: 'markdown', printWidth: 120 }));
  if (!report) return;
  const scores = createHash('sha256');
  for (const { lines: scored } of results)
    for (const line of scored) scores.update(Float32Array.from(line.scores, (score) => Number(score.toFixed(4))));
  await keepResults('vad/compare', { on: title, hash: scores.digest('hex').slice(0, 16), figures: figuresOf(results) });
}

/** Of each detector, what the project asks of ours. */
function figuresOf(results: readonly Result[]): Record<string, number> {
  return Object.fromEntries(
    results.flatMap(({ name, byCondition, pooled, nsPer20Ms }) => {
      const mean = meanMeasures([...byCondition.values()]);
      const figures: [string, number][] = [
        ['area under the ROC, mean of the conditions', mean.auc],
        ['area under the ROC, one threshold', pooled.auc],
        ['best F1, mean of the conditions', mean.bestF1],
        ['best F1, one threshold', pooled.bestF1],
        ['onset at 8 % false alarm, median, ms', pooled.onsetMedianMs],
        ['ns per 20 ms', Math.round(nsPer20Ms)],
      ];
      return figures
        .filter(([, value]) => Number.isFinite(value))
        .map(([what, value]) => [`${name}: ${what}`, Number(value.toFixed(4))]);
    }),
  );
}

async function judge(detector: Detector, lines: readonly TestLine[], set: string): Promise<Result> {
  const { scores, times } = await scoresOf(detector, lines, set);
  const scored = lines.map(({ condition, spoken }, index) => ({
    condition,
    spoken,
    scores: scores[index] as Float32Array,
    frameMs: detector.frameMs,
  }));
  const conditions = [...new Set(lines.map(({ condition }) => condition))];
  const byCondition = new Map(
    conditions.map((name) => [name, measure(scored.filter(({ condition }) => condition === name))]),
  );
  // The fastest line: what the machine does when nobody else has it.
  const fast = Math.min(...times);
  return { name: detector.name, lines: scored, byCondition, pooled: measure(scored), nsPer20Ms: fast };
}

/** Scores of every line, and ns per 20 ms of each. Those of large peers are kept: they take minutes and do not change. */
async function scoresOf(detector: Detector, lines: readonly TestLine[], set: string) {
  const place = join(VAD_CACHE, 'scores', `${set} ${detector.name}`);
  if (detector.kept && existsSync(`${place}.json`)) {
    const bytes = readFileSync(`${place}.f32`);
    const all = new Float32Array(new Uint8Array(bytes).buffer);
    let at = 0;
    const scores = lines.map(({ spoken }) => all.subarray(at, (at += spoken.length)));
    return { scores, times: JSON.parse(readFileSync(`${place}.json`, 'utf8')) as number[] };
  }
  await detector.score((lines[0] as TestLine).pcm.subarray(0, 8000));
  const scores: Float32Array[] = [];
  const times: number[] = [];
  for (const { pcm } of lines) {
    const began = process.hrtime.bigint();
    scores.push(await detector.score(pcm));
    times.push(Number(process.hrtime.bigint() - began) / (pcm.length / 160));
  }
  if (detector.kept) {
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(`${place}.f32`, Buffer.concat(scores.map((one) => new Uint8Array(one.buffer))));
    writeFileSync(`${place}.json`, JSON.stringify(times));
  }
  return { scores, times };
}

function overall(results: readonly Result[]): string {
  const head =
    '| detector | AUC | best F1 | AUC, one threshold | F1, one threshold | heard at 8 % false alarm | onset median, p90 (ms) | missed | ns per 20 ms |\n' +
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n';
  return `${head}${results.map(row).join('\n')}\n`;
}

function row({ name, byCondition, pooled, nsPer20Ms }: Result): string {
  const mean = meanMeasures([...byCondition.values()]);
  const cells = [
    mean.auc.toFixed(3),
    mean.bestF1.toFixed(3),
    pooled.auc.toFixed(3),
    pooled.bestF1.toFixed(3),
    // Scores of few values may have no threshold with so few false alarms.
    ...(pooled.heard === 0
      ? ['–', '–', '–']
      : [
          pooled.heard.toFixed(3),
          `${milliseconds(pooled.onsetMedianMs)}, ${milliseconds(pooled.onsetP90Ms)}`,
          `${(100 * pooled.missed).toFixed(1)} %`,
        ]),
    nsPer20Ms.toFixed(0),
  ];
  return `| ${name} | ${cells.join(' | ')} |`;
}

/** Beyond a second a talkspurt counts as missed. */
function milliseconds(value: number): string {
  return Number.isFinite(value) ? value.toFixed(0) : 'missed';
}

/** What was to be reached, and what was: by hops, and where it is another figure by packets. */
function bars({ byCondition, pooled, nsPer20Ms }: Result, packets: Result): string {
  const mean = meanMeasures([...byCondition.values()]);
  const { bestF1 } = meanMeasures([...packets.byCondition.values()]);
  const rows: (readonly [string, string, string, boolean])[] = [
    ['area under the ROC, mean of the conditions', '≥ 0.955', mean.auc.toFixed(3), mean.auc >= 0.955],
    ['area under the ROC, one threshold', '≥ 0.955', pooled.auc.toFixed(3), pooled.auc >= 0.955],
    ['best F1, mean of the conditions', '≥ 0.92', mean.bestF1.toFixed(3), mean.bestF1 >= 0.92],
    ['…by packets of 20 ms', '≥ 0.92', bestF1.toFixed(3), bestF1 >= 0.92],
    ['onset at 8 % false alarm, median', '≤ 50 ms', milliseconds(pooled.onsetMedianMs), pooled.onsetMedianMs <= 50],
    ['time per 20 ms', '≤ 8,000 ns', nsPer20Ms.toFixed(0), nsPer20Ms <= 8000],
  ];
  const head = '| the neural detector | bar | measured | |\n| --- | --- | --- | --- |\n';
  return `${head}${rows.map(([what, bar, value, met]) => `| ${what} | ${bar} | ${value} | ${met ? 'met' : 'missed'} |`).join('\n')}\n`;
}

/** AUC for each kind of noise and each distance. */
function byKind(results: readonly Result[]): string {
  const groups: (readonly [string, (condition: string) => boolean])[] = [
    ['clean', (condition) => condition === 'clean'],
    ...SNRS_DB.map((db) => [`${db} dB`, (condition: string) => condition.endsWith(` ${db}`)] as const),
    ...[...SEEN_KINDS, ...UNSEEN_KINDS].map((kind) => [kind, (name: string) => name.startsWith(`${kind} `)] as const),
    ['kinds seen', (condition) => SEEN_KINDS.some((kind) => condition.startsWith(kind))],
    ['kinds unseen', (condition) => UNSEEN_KINDS.some((kind) => condition.startsWith(kind))],
  ];
  const head = `| AUC | ${groups.map(([name]) => name).join(' | ')} |\n|${' --- |'.repeat(groups.length + 1)}\n`;
  const rows = results.map(({ name, byCondition }) => {
    const cells = groups.map(([, belongs]) => {
      const chosen = [...byCondition].filter(([condition]) => belongs(condition)).map(([, measures]) => measures);
      return meanMeasures(chosen).auc.toFixed(3);
    });
    return `| ${name} | ${cells.join(' | ')} |`;
  });
  return `${head}${rows.join('\n')}\n`;
}

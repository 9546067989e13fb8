/** What a detector is worth, from its scores and the labels: the measures of docs/vad.md. */

/** Scores of one line: one each 10 ms, higher is more like speech. */
export interface Scored {
  readonly scores: Float32Array;
  readonly spoken: Uint8Array;
  /** What the detector takes at a time: a score is known at the end of it only. */
  readonly frameMs: number;
}

/** Of one condition, or of several taken together. */
export interface Measures {
  /** Area under the ROC. */
  readonly auc: number;
  /** The best F1 that any one threshold gives. */
  readonly bestF1: number;
  /** At the threshold that takes 8 % of what is not speech for speech: how much of the speech is heard. */
  readonly heard: number;
  /** There: from the beginning of a talkspurt to the end of the first frame that is taken for speech, ms. */
  readonly onsetMedianMs: number;
  readonly onsetP90Ms: number;
  /** There: talkspurts that are not found within a second, or their length. */
  readonly missed: number;
}

const FALSE_ALARMS = 0.08;
const HOP_MS = 10;
/** A talkspurt begins behind at least 300 ms without speech; what is found later than a second is missed. */
const PAUSE_HOPS = 30;
const ONSET_HOPS = 100;

/** Points of a ROC: false alarms and what is heard, from the highest threshold to the lowest. */
export function roc(
  lines: readonly Scored[],
  points = 200,
): { readonly falseAlarms: number; readonly heard: number }[] {
  const sorted = rank(lines);
  const every = Math.max(1, Math.floor(sorted.length / points));
  const { positives, negatives } = totals(lines);
  const curve = [{ falseAlarms: 0, heard: 0 }];
  let [hits, alarms] = [0, 0];
  let due = 0;
  sorted.forEach(({ score, spoken }, index) => {
    if (spoken) hits += 1;
    else alarms += 1;
    due += 1;
    if (due < every || sorted[index + 1]?.score === score) return;
    due = 0;
    curve.push({ falseAlarms: alarms / negatives, heard: hits / positives });
  });
  curve.push({ falseAlarms: 1, heard: 1 });
  return curve;
}

/** All measures, of all hops of `lines` together, with one threshold for them. */
export function measure(lines: readonly Scored[]): Measures {
  const sorted = rank(lines);
  const { positives, negatives } = totals(lines);
  let [hits, alarms, area, bestF1, threshold] = [0, 0, 0, 0, Infinity];
  let [hitsBefore, alarmsBefore] = [0, 0];
  sorted.forEach(({ score, spoken }, index) => {
    if (spoken) hits += 1;
    else alarms += 1;
    if (sorted[index + 1]?.score === score) return;
    area += ((alarms - alarmsBefore) * (hits + hitsBefore)) / 2;
    bestF1 = Math.max(bestF1, (2 * hits) / (hits + alarms + positives));
    if (alarms / negatives <= FALSE_ALARMS) threshold = score;
    hitsBefore = hits;
    alarmsBefore = alarms;
  });
  const heard = sorted.filter(({ score, spoken }) => spoken && score >= threshold).length / positives;
  const onsets = lines.flatMap((line) => onsetsMs(line, threshold)).sort((a, b) => a - b);
  const found = onsets.filter(Number.isFinite);
  return {
    auc: area / positives / negatives,
    bestF1,
    heard,
    onsetMedianMs: onsets[Math.floor(onsets.length / 2)] ?? NaN,
    onsetP90Ms: onsets[Math.floor(onsets.length * 0.9)] ?? NaN,
    missed: 1 - found.length / Math.max(1, onsets.length),
  };
}

/** ms from each beginning of speech to the end of the frame that finds it; Infinity when none does. */
export function onsetsMs({ scores, spoken, frameMs }: Scored, threshold: number): number[] {
  const onsets: number[] = [];
  let quiet = 0;
  for (let hop = 0; hop < spoken.length; hop += 1) {
    if (spoken[hop] === 1 && quiet >= PAUSE_HOPS) {
      let at = hop;
      while (at < spoken.length && spoken[at] === 1 && at - hop < ONSET_HOPS && (scores[at] ?? 0) < threshold) at += 1;
      const found = at - hop < ONSET_HOPS && spoken[at] === 1;
      const knownMs = Math.ceil(((at + 0.5) * HOP_MS) / frameMs) * frameMs;
      onsets.push(found ? knownMs - hop * HOP_MS : Infinity);
    }
    quiet = spoken[hop] === 1 ? 0 : quiet + 1;
  }
  return onsets;
}

/** The mean of measures over conditions, each counting the same. */
export function meanMeasures(all: readonly Measures[]): Measures {
  const mean = (key: keyof Measures): number => all.reduce((sum, one) => sum + one[key], 0) / all.length;
  return {
    auc: mean('auc'),
    bestF1: mean('bestF1'),
    heard: mean('heard'),
    onsetMedianMs: mean('onsetMedianMs'),
    onsetP90Ms: mean('onsetP90Ms'),
    missed: mean('missed'),
  };
}

function rank(lines: readonly Scored[]): { score: number; spoken: boolean }[] {
  const all = lines.flatMap(({ scores, spoken }) =>
    Array.from(scores, (score, hop) => ({ score, spoken: spoken[hop] === 1 })),
  );
  return all.sort((a, b) => b.score - a.score);
}

function totals(lines: readonly Scored[]): { positives: number; negatives: number } {
  let [positives, hops] = [0, 0];
  for (const { spoken } of lines) {
    hops += spoken.length;
    for (const one of spoken) positives += one;
  }
  return { positives, negatives: hops - positives };
}

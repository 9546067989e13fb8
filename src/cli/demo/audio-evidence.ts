/**
 * Evidence from the audio itself: where a known phrase stands in a recording, and how loud a stretch is. Works on
 * samples only and shares nothing with the path that carried them.
 *
 * How: a coarse search slides the phrase's 10 ms level contour over the recording's. Around the best places the phrase is
 * then looked for in pieces of 400 ms, each by the normalised cross-correlation of the waveforms, each free to stand a
 * little earlier or later than the last: a telephone that drops or repeats a frame shifts what follows. Where that happens several
 * times within a piece, pieces of 200 ms follow it better. The result is the mean over the pieces, weighted by their energy: the
 * better one of the two. Silences that begin and end in the middle of a sound are taken out of the recording first: playout pauses
 * while it is not known whether the caller cuts in, and goes on where it was. G.711 and one band-limited resampling leave the result near 1; of another phrase it is below 0.5.
 */

/** Where a phrase was found. */
export interface PhraseMatch {
  /** Offset of its first sample in the recording, ms. */
  readonly atMs: number;
  /** Normalised cross-correlation, −1..1. */
  readonly correlation: number;
}

const CONTOUR_MS = 10;
/** How many coarse places are looked at closely. */
const CANDIDATES = 6;
const PIECES_MS = [400, 200];
/** How far a piece may stand from where the one before it ended, ms; behind one that was not found, further, up to so many times. */
const SLIP_MS = 45;
const LOST_SLIPS = 3;
/** Samples this small for this long, with sound this loud right before and after, are a pause that no voice makes. */
const SILENT_SAMPLE = 8;
const PAUSE_MS = 40;
const LOUD_DBOV = -45;

/** Root mean square of samples [from, to), as a fraction of full scale. */
export function rms(samples: Int16Array, from: number, to: number): number {
  const end = Math.min(samples.length, to);
  const start = Math.max(0, from);
  if (end <= start) return 0;
  let sum = 0;
  for (let i = start; i < end; i++) {
    const sample = samples[i] ?? 0;
    sum += sample * sample;
  }
  return Math.sqrt(sum / (end - start)) / 32768;
}

/** Level of a stretch in dBov (RFC 6464), floored at −127. Times in ms. */
export function levelDbov(samples: Int16Array, sampleRateHz: number, fromMs: number, toMs: number): number {
  const perMs = sampleRateHz / 1000;
  const value = rms(samples, Math.round(fromMs * perMs), Math.round(toMs * perMs));
  return value <= 0 ? -127 : Math.max(-127, 20 * Math.log10(value));
}

/** Best place of `phrase` in `recording` within [fromMs, toMs]; both at `sampleRateHz`. Null when either is too short. */
export function findPhrase(
  recording: Int16Array,
  phrase: Int16Array,
  sampleRateHz: number,
  fromMs = 0,
  toMs = Number.POSITIVE_INFINITY,
): PhraseMatch | null {
  const perMs = sampleRateHz / 1000;
  const step = perMs * CONTOUR_MS;
  const spoken = withoutPauses(recording, sampleRateHz);
  const whole = contour(spoken.samples, step);
  const wanted = contour(phrase, step);
  if (wanted.length < 5 || whole.length < wanted.length) return null;
  const first = Math.floor(spoken.indexOf(fromMs * perMs) / step);
  const last = Math.min(whole.length - wanted.length, Math.ceil(spoken.indexOf(toMs * perMs) / step));
  const places: { at: number; score: number }[] = [];
  for (let at = first; at <= last; at++) places.push({ at, score: correlate(whole, at, wanted) });
  places.sort((a, b) => b.score - a.score);
  let best: { at: number; correlation: number } | null = null;
  for (const { at } of places.slice(0, CANDIDATES)) {
    for (const pieceMs of PIECES_MS) {
      const found = followPhrase(spoken.samples, phrase, sampleRateHz, at * step, pieceMs);
      if (best === null || found.correlation > best.correlation) best = found;
    }
  }
  return best === null ? null : { atMs: spoken.placeOf(best.at) / perMs, correlation: best.correlation };
}

/** `samples` without the pauses of the playout, with the way between an index in what is left and one in `samples`. */
function withoutPauses(
  samples: Int16Array,
  sampleRateHz: number,
): { samples: Int16Array; indexOf: (place: number) => number; placeOf: (index: number) => number } {
  const perMs = sampleRateHz / 1000;
  const isLoud = (fromMs: number): boolean => levelDbov(samples, sampleRateHz, fromMs, fromMs + CONTOUR_MS) > LOUD_DBOV;
  const pauses: { from: number; to: number }[] = [];
  for (let from = 0, at = 0; at < samples.length; at++) {
    if (Math.abs(samples[at] ?? 0) <= SILENT_SAMPLE) continue;
    const isPause = at - from >= perMs * PAUSE_MS && isLoud(from / perMs - CONTOUR_MS) && isLoud(at / perMs);
    if (isPause) pauses.push({ from, to: at });
    from = at + 1;
  }
  const kept: Int16Array[] = [];
  let end = 0;
  for (const { from, to } of pauses) {
    kept.push(samples.subarray(end, from));
    end = to;
  }
  kept.push(samples.subarray(end));
  const out = new Int16Array(kept.reduce((length, part) => length + part.length, 0));
  let length = 0;
  for (const part of kept) {
    out.set(part, length);
    length += part.length;
  }
  return {
    samples: out,
    indexOf: (place) =>
      pauses.reduce((index, { from, to }) => index - Math.max(0, Math.min(place, to) - from), Math.max(0, place)),
    placeOf: (index) => pauses.reduce((place, { from, to }) => (from <= place ? place + to - from : place), index),
  };
}

/** The phrase piece by piece from about `start`, samples. */
function followPhrase(
  recording: Int16Array,
  phrase: Int16Array,
  sampleRateHz: number,
  start: number,
  pieceMs: number,
): { at: number; correlation: number } {
  const pieceSamples = (sampleRateHz / 1000) * pieceMs;
  const slip = (sampleRateHz / 1000) * SLIP_MS;
  let shift = 0;
  let reach = slip;
  let weighted = 0;
  let energy = 0;
  let begin = start;
  for (let from = 0; from < phrase.length; from += pieceSamples) {
    const piece = phrase.subarray(from, from + pieceSamples);
    const weight = rms(piece, 0, piece.length) ** 2 * piece.length;
    let best = -1;
    let bestShift = shift;
    for (let lag = shift - reach; lag <= shift + reach; lag++) {
      const at = start + from + lag;
      if (at < 0 || at + piece.length > recording.length) continue;
      const correlation = correlate(recording, at, piece);
      if (correlation > best) [best, bestShift] = [correlation, lag];
    }
    weighted += Math.max(0, best) * weight;
    energy += weight;
    // A quiet piece says nothing of where it stands.
    if (best > 0.5) shift = bestShift;
    reach = best > 0.5 ? slip : Math.min(reach + slip, LOST_SLIPS * slip);
    if (from === 0) begin = start + shift;
  }
  return { at: begin, correlation: energy === 0 ? 0 : weighted / energy };
}

/**
 * When the recording first falls to `floorDbov` at or after `fromMs` for `leastMs` or more, and for how long it stays there;
 * 10 ms steps. Shorter pauses are passed over.
 */
export function quietAfter(
  samples: Int16Array,
  sampleRateHz: number,
  fromMs: number,
  floorDbov: number,
  leastMs = CONTOUR_MS,
): { silentAtMs: number; silentForMs: number } {
  const endMs = (samples.length / sampleRateHz) * 1000;
  let atMs = fromMs;
  for (let ms = fromMs; ms < endMs; ms += CONTOUR_MS) {
    if (levelDbov(samples, sampleRateHz, ms, ms + CONTOUR_MS) <= floorDbov) continue;
    if (ms - atMs >= leastMs) return { silentAtMs: atMs, silentForMs: ms - atMs };
    atMs = ms + CONTOUR_MS;
  }
  return { silentAtMs: atMs, silentForMs: Math.max(0, endMs - atMs) };
}

function contour(samples: Int16Array, step: number): Float64Array {
  const out = new Float64Array(Math.floor(samples.length / step));
  for (let i = 0; i < out.length; i++) out[i] = Math.sqrt(rms(samples, i * step, (i + 1) * step));
  return out;
}

/** Normalised correlation of `pattern` with `signal` from `at`, both with their means taken away. */
function correlate(signal: ArrayLike<number>, at: number, pattern: ArrayLike<number>): number {
  const count = pattern.length;
  let sumX = 0;
  let sumY = 0;
  let sumXx = 0;
  let sumYy = 0;
  let sumXy = 0;
  for (let i = 0; i < count; i++) {
    const x = signal[at + i] ?? 0;
    const y = pattern[i] ?? 0;
    sumX += x;
    sumY += y;
    sumXx += x * x;
    sumYy += y * y;
    sumXy += x * y;
  }
  const varX = sumXx - (sumX * sumX) / count;
  const varY = sumYy - (sumY * sumY) / count;
  return varX <= 0 || varY <= 0 ? 0 : (sumXy - (sumX * sumY) / count) / Math.sqrt(varX * varY);
}

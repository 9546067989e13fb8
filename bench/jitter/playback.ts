/** A trace through a buffer: ours with the real chain, and one of fixed delay. */
import type { MediaFormat } from '../../src/core/media.ts';
import type { Dsp } from '../../src/dsp/dsp.ts';
import { CallMedia } from '../../src/session/call-media.ts';
import { DEFAULT_SESSION_OPTIONS } from '../../src/session/session-options.ts';
import type { MediaTransport } from '../../src/transport/media-transport.ts';

/** The leg of these measurements. */
export const LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };

const SILENT: MediaTransport = {
  kind: 'none',
  format: LEG,
  stats: { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 },
  start: () => undefined,
  send: () => undefined,
  playedFrames: () => null,
  flush: () => undefined,
  close: () => Promise.resolve(),
};

/** What a listener has of it. */
export interface Playback {
  /** Age of what is heard over that of the quickest packet, mean and 95th percentile, ms. */
  readonly meanMs: number;
  readonly p95Ms: number;
  /** Share of the time in which something was made up, per cent, and how often that began. */
  readonly concealedPct: number;
  readonly gaps: number;
  /** Share of the caller's audio that was cut out or repeated, per cent. */
  readonly scaledPct: number;
  /** The delay at each tick, ms. */
  readonly delayMs: Float64Array;
}

/** Plays `transitMs` with a call's media plane, whose ticks follow the arrivals. `speech` is µ-law, repeated. */
export function playAdaptive(transitMs: Float64Array, speech: Uint8Array, dsp: Dsp): Playback {
  dsp.configure({ leg: LEG, backendInput: LEG, backendOutput: LEG });
  const nothing = (): void => undefined;
  const listener = { onSpeech: nothing, onPlayout: nothing, onFaded: nothing, onHeard: nothing, onFault: nothing };
  const media = new CallMedia({ transport: SILENT, dsp, options: DEFAULT_SESSION_OPTIONS, listener });
  const sink = media.sink(nothing, nothing);
  const order = arrivalOrder(transitMs);
  const delayMs = new Float64Array(transitMs.length).fill(Number.NaN);
  const endMs = transitMs.length * LEG.ptimeMs;
  const frames = Math.floor(speech.length / 160);
  let at = 0;
  let newest = -1;
  let gaps = 0;
  let concealed = 0;
  for (let nowMs = 2; nowMs < endMs;) {
    for (; at < order.length && arrivalMs(transitMs, order[at]!) <= nowMs; at += 1) {
      const number = order[at]!;
      const from = (number % frames) * 160;
      const packet = speech.subarray(from, from + 160);
      sink.onFrame(packet, number & 0xffff, (number * 160) >>> 0, arrivalMs(transitMs, number));
      newest = Math.max(newest, number);
    }
    const depth = media.jitter.depthFrames;
    const tick = Math.floor(nowMs / LEG.ptimeMs);
    if (depth > 0) delayMs[tick] = nowMs - (newest - depth + 1) * LEG.ptimeMs + dsp.heldMs;
    nowMs += LEG.ptimeMs + media.tick(nowMs);
    if (dsp.concealedMs === concealed) continue;
    concealed = dsp.concealedMs;
    // Before the first packet there is nothing that could be late.
    if (newest >= 0) gaps += 1;
  }
  return {
    ...delays(delayMs),
    concealedPct: (100 * dsp.concealedMs) / endMs,
    gaps,
    scaledPct: (100 * (dsp.cutMs + dsp.repeatedMs)) / endMs,
    delayMs,
  };
}

/** Plays each packet `fixedMs` after the quickest one would have come; one that is later than that is made up. */
export function playFixed(transitMs: Float64Array, fixedMs: number): Playback {
  let late = 0;
  let gaps = 0;
  transitMs.forEach((transit, n) => {
    if (transit <= fixedMs) return;
    late += 1;
    if (!((transitMs[n - 1] ?? 0) > fixedMs)) gaps += 1;
  });
  const delayMs = new Float64Array(transitMs.length).fill(fixedMs);
  const concealedPct = (100 * late) / transitMs.length;
  return { meanMs: fixedMs, p95Ms: fixedMs, concealedPct, gaps, scaledPct: 0, delayMs };
}

/** The shallowest fixed buffer that makes up no more than `concealedPct`, ms. */
export function fixedAsGood(transitMs: Float64Array, concealedPct: number): number {
  const sorted = transitMs.filter((ms) => !Number.isNaN(ms)).sort();
  const late = Math.floor((concealedPct / 100) * transitMs.length);
  return sorted[Math.max(0, sorted.length - 1 - late)] ?? 0;
}

function delays(delayMs: Float64Array): { meanMs: number; p95Ms: number } {
  const known = delayMs.filter((ms) => !Number.isNaN(ms)).sort();
  return {
    meanMs: known.reduce((sum, ms) => sum + ms, 0) / known.length,
    p95Ms: known[Math.floor(known.length * 0.95)] ?? 0,
  };
}

function arrivalOrder(transitMs: Float64Array): number[] {
  return Array.from(transitMs.keys())
    .filter((n) => !Number.isNaN(transitMs[n] ?? Number.NaN))
    .sort((a, b) => arrivalMs(transitMs, a) - arrivalMs(transitMs, b) || a - b);
}

function arrivalMs(transitMs: Float64Array, number: number): number {
  return number * LEG.ptimeMs + (transitMs[number] ?? 0);
}

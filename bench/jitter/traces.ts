/**
 * Jitter traces: the transit of each 20 ms packet, ms over the quickest. Three are recorded (test/fixtures/jitter/README.md says how),
 * the others are made from published models with fixed seeds:
 *
 * - Wi-Fi: a channel that is free or contended (E. N. Gilbert's two states, 1960), gamma-distributed access delays in each, as
 *   measured on 802.11 by many; and the pause of a station that listens to every beacon (102.4 ms) only.
 * - 4G: packets wait for a grant on a 10 ms grid, one in ten for a HARQ retransmission of 8 ms (3GPP TS 36.321), and a handover
 *   stops all for 30 to 90 ms.
 * - Internet: shifted gamma (Corlett, Pullin, Sargood 2002; A. Mukherjee 1994) with a slow random walk of the queue.
 * - Spikes: a sudden rise that falls as the queue empties (Ramjee, Kurose, Towsley, Schulzrinne 1994), of 40 to 140 ms.
 * - TCP: nothing is lost, but one segment in 200 is sent again, a round trip of 40 ms and three later segments on; all behind
 *   it wait.
 */
import { readFileSync } from 'node:fs';

/** One path. */
export interface JitterTrace {
  readonly name: string;
  /** `recorded`, or the seed. */
  readonly origin: string;
  /** By number of the packet, ms; NaN: it never came. */
  readonly transitMs: Float64Array;
}

const PTIME_MS = 20;
/** Ten minutes. */
const PACKETS = 30_000;

type Random = () => number;

/** Numbers in [0, 1) from a seed: mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sum of `shape` exponentials: a gamma distribution of whole shape. */
function gamma(random: Random, shape: number, scale: number): number {
  let sum = 0;
  for (let n = 0; n < shape; n += 1) sum -= Math.log(1 - random()) * scale;
  return sum;
}

/** A queue keeps order: what comes behind a late packet is not earlier than that. */
function inOrder(transitMs: Float64Array): Float64Array {
  for (let n = 1; n < transitMs.length; n += 1)
    transitMs[n] = Math.max(transitMs[n] ?? 0, (transitMs[n - 1] ?? 0) - PTIME_MS);
  return transitMs;
}

function wifi(random: Random): Float64Array {
  let contended = false;
  let beaconMs = 0;
  const transit = Float64Array.from({ length: PACKETS }, (_, n) => {
    if (random() < (contended ? 1 / 60 : 1 / 500)) contended = !contended;
    if (beaconMs === 0 && random() < 1 / 900) beaconMs = 102.4;
    let delay = contended ? gamma(random, 2, 9) : gamma(random, 2, 0.8);
    if (beaconMs > 0) {
      const leftMs = beaconMs - ((n * PTIME_MS) % beaconMs);
      delay += leftMs * 0.6;
      if (leftMs < PTIME_MS) beaconMs = 0;
    }
    return delay;
  });
  return inOrder(transit);
}

function lte(random: Random): Float64Array {
  let stopMs = 0;
  const phase = random() * 10;
  const transit = Float64Array.from({ length: PACKETS }, (_, n) => {
    stopMs = Math.max(0, stopMs - PTIME_MS);
    if (random() < 1 / 1_500) stopMs = 30 + 60 * random();
    const sent = n * PTIME_MS + 3 * random();
    let delay = 10 - ((sent + phase) % 10);
    while (random() < 0.1) delay += 8;
    return delay + stopMs;
  });
  return inOrder(transit);
}

function internet(random: Random): Float64Array {
  let queue = 0;
  return Float64Array.from({ length: PACKETS }, () => {
    queue = Math.min(25, Math.max(0, queue + (random() - 0.5) * 0.6));
    return queue + gamma(random, 3, 3.5);
  });
}

function spikes(random: Random): Float64Array {
  let heightMs = 0;
  const transit = Float64Array.from({ length: PACKETS }, () => {
    heightMs = Math.max(0, heightMs - PTIME_MS);
    if (heightMs === 0 && random() < 1 / 250) heightMs = 40 + 100 * random();
    return heightMs + gamma(random, 2, 1);
  });
  return inOrder(transit);
}

function tcp(random: Random): Float64Array {
  let heldMs = 0;
  return Float64Array.from({ length: PACKETS }, () => {
    heldMs = Math.max(0, heldMs - PTIME_MS);
    if (heldMs === 0 && random() < 1 / 200) heldMs = 40 + 3 * PTIME_MS;
    return heldMs + gamma(random, 2, 0.4);
  });
}

function recorded(name: string): Float64Array {
  const text = readFileSync(new URL(`../../test/fixtures/jitter/${name}.txt`, import.meta.url), 'utf8');
  return Float64Array.from(text.trim().split('\n'), (line) => (line === '-' ? Number.NaN : Number(line) / 10));
}

/** All of them; the same in every run. */
export function jitterTraces(): JitterTrace[] {
  const made = (name: string, model: (random: Random) => Float64Array, seed: number): JitterTrace => ({
    name,
    origin: `seed ${seed}`,
    transitMs: model(seeded(seed)),
  });
  return [
    { name: 'realtime priority', origin: 'recorded', transitMs: recorded('realtime-priority') },
    { name: 'shared server', origin: 'recorded', transitMs: recorded('shared-server') },
    { name: 'overloaded server', origin: 'recorded', transitMs: recorded('overloaded-server') },
    made('Wi-Fi', wifi, 11),
    made('4G', lte, 12),
    made('Internet', internet, 13),
    made('spikes', spikes, 14),
    made('TCP', tcp, 15),
  ];
}

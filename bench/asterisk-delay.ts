/**
 * What the way through Asterisk, and through us, adds to a voice, for each media path: loud frames of 20 ms are said by a
 * phone's stand-in (a leg by RTP, µ-law) and by the agent, 40 or so each way in each of ten calls, and waited for.
 *
 *   TALKSPURT_BENCH_CALLS=10 TALKSPURT_BENCH_SECONDS=12 npm run bench -- asterisk-delay
 *
 * *caller → sink*: from the phone's hand to the frame's coming out of our transport. *→ backend*: from there to the
 * backend, which is the wait for the call's tick and in the jitter buffer. *backend → send*: from the backend's hand to the
 * transport, the wait for the next tick. *→ phone*: from there to the phone's socket. Both ends of all are one process: one
 * clock. Two channels are in the bridge, so that Asterisk passes on what comes, and transcodes where the formats differ.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MediaTransport } from '../src/transport/media-transport.ts';
import { isLoud, pulsingBackend } from './asterisk-backend.ts';
import type { BenchStream } from './asterisk-backend.ts';
import { AsteriskPhone } from './asterisk-phone.ts';
import { AsteriskProcess, NO_ASTERISK, asteriskIsThere } from './asterisk-process.ts';
import { startBenchRuntime } from './asterisk-runtime.ts';
import type { MediaChoice } from './asterisk-runtime.ts';
import { Samples } from './load/percentiles.ts';

const PATHS: readonly MediaChoice[] = [
  { title: 'rtp ulaw', kind: 'rtp', format: 'ulaw' },
  { title: 'rtp g722', kind: 'rtp', format: 'g722' },
  { title: 'audiosocket slin', kind: 'audiosocket', format: 'slin' },
  { title: 'audiosocket slin16', kind: 'audiosocket', format: 'slin16' },
  { title: 'websocket client ulaw', kind: 'websocket', mode: 'client', format: 'ulaw' },
  { title: 'websocket client slin16', kind: 'websocket', mode: 'client', format: 'slin16' },
  { title: 'websocket server ulaw', kind: 'websocket', mode: 'server', format: 'ulaw' },
  { title: 'websocket server slin16', kind: 'websocket', mode: 'server', format: 'slin16' },
];
/** From one loud frame to the next of one direction of one call, ms, and as much again at random. */
const APART_MS = 200;
/** What is not there by now never will be: it is counted as missed. */
const MISSED_MS = 180;
const SETTLE_MS = 400;
const WITHIN_MS = 5_000;

/** A loud frame's way: when it was where. */
class Way {
  readonly #legs: readonly Samples[];
  readonly #total: Samples;
  /** NaN: it has not been there. */
  readonly #atMs: Float64Array;
  said = 0;
  arrived = 0;

  /** A set of samples for each leg of the way, and one for all of it. */
  constructor(legs: readonly Samples[], total: Samples) {
    this.#legs = legs;
    this.#total = total;
    this.#atMs = new Float64Array(legs.length + 1).fill(Number.NaN);
  }

  begin(): void {
    this.said += 1;
    this.#atMs.fill(Number.NaN);
    this.#atMs[0] = performance.now();
  }

  /** It is at the end of leg `leg` (1 …). The first time counts: filters spread it over two frames. */
  reach(leg: number): void {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#atMs[leg - 1]!;
    if (!Number.isNaN(this.#atMs[leg]!) || !(sinceMs < MISSED_MS)) return;
    this.#atMs[leg] = nowMs;
    this.#legs[leg - 1]?.add(sinceMs);
    if (leg < this.#legs.length) return;
    this.arrived += 1;
    this.#total.add(nowMs - this.#atMs[0]!);
  }
}

/** One call. */
class Talk {
  readonly inward: Way;
  readonly outward: Way;
  phone: AsteriskPhone | null = null;
  stream: BenchStream | null = null;
  /** Nobody says anything yet. */
  quiet = true;
  #sayAtMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor({ sink, backend, inAll, send, ear, outAll }: Result) {
    this.inward = new Way([sink, backend], inAll);
    this.outward = new Way([send, ear], outAll);
  }

  get heardBoth(): boolean {
    return this.inward.arrived > 0 && this.outward.arrived > 0;
  }

  /** The phone is about to say a frame. */
  onTurn(): boolean {
    const nowMs = performance.now();
    if (this.quiet || nowMs < this.#sayAtMs) return false;
    this.#sayAtMs = nowMs + apartMs();
    this.inward.begin();
    return true;
  }

  begin(): void {
    this.quiet = false;
    this.#timer = setTimeout(() => this.#pulse(), apartMs());
  }

  hush(): void {
    this.quiet = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** At any time against the call's tick. */
  #pulse(): void {
    this.#timer = setTimeout(() => this.#pulse(), apartMs());
    this.outward.begin();
    this.stream?.pulse();
  }
}

/** What was measured of a path. */
interface Result {
  readonly sink: Samples;
  readonly backend: Samples;
  readonly inAll: Samples;
  readonly send: Samples;
  readonly ear: Samples;
  readonly outAll: Samples;
  said: number;
  arrived: number;
}

/** Prints a row for each path. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  if (!asteriskIsThere()) {
    console.log(NO_ASTERISK);
    return;
  }
  const calls = small ? 1 : Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 10);
  const seconds = small ? 0.4 : Number(process.env['TALKSPURT_BENCH_SECONDS'] ?? 12);
  const asterisk = await AsteriskProcess.start();
  const paths: string[] = [];
  try {
    console.log(`${asterisk.version}, ${calls} calls each at once, ${seconds} s; ms, p50 and p99`);
    console.log(
      '  path                     caller → sink   → backend       caller → backend   backend → send  → phone         backend → phone   frames  missed',
    );
    for (const choice of small ? PATHS.filter((_, at) => at % 2 === 1) : PATHS) {
      const result = await measure(asterisk, choice, calls, seconds);
      print(choice, result);
      paths.push(choice.title);
    }
  } finally {
    await asterisk.stop();
  }
  console.log(`hash of the paths: ${createHash('sha256').update(paths.join()).digest('hex').slice(0, 16)}`);
}

async function measure(asterisk: AsteriskProcess, media: MediaChoice, calls: number, seconds: number): Promise<Result> {
  const [sink, backend, inAll, send, ear, outAll] = Array.from({ length: 6 }, () => new Samples()) as [
    Samples,
    Samples,
    Samples,
    Samples,
    Samples,
    Samples,
  ];
  const result: Result = { sink, backend, inAll, send, ear, outAll, said: 0, arrived: 0 };
  const talks = new Map<string, Talk>();
  const byTransport = new Map<MediaTransport, Talk>();
  let opening: Talk | null = null;
  const talkOf = (transport: MediaTransport): Talk | undefined => {
    // Calls are opened one after another: a transport that was never seen is that of the one that is being opened.
    if (opening !== null && !byTransport.has(transport)) byTransport.set(transport, opening);
    return byTransport.get(transport);
  };
  const runtime = await startBenchRuntime(
    {
      ports: asterisk.ports,
      media,
      calls,
      backend: pulsingBackend(
        (id, stream) => (talks.get(id)!.stream = stream),
        (id) => talks.get(id)?.inward.reach(2),
      ),
    },
    {
      onFrame: (transport, frame) => {
        if (isLoud(frame, transport.format)) talkOf(transport)?.inward.reach(1);
      },
      onSend: (transport, frame) => {
        const talk = talkOf(transport);
        if (isLoud(frame, transport.format)) talk?.outward.reach(1);
      },
    },
  );
  try {
    for (let call = 0; call < calls; call += 1) {
      const [id, talk] = [`bench-${media.title.replaceAll(' ', '-')}-${call}`, new Talk(result)];
      talks.set(id, talk);
      opening = talk;
      talk.phone = await AsteriskPhone.call(id, asterisk, 'talkspurt', {
        onTurn: () => talk.onTurn(),
        onLoud: () => talk.outward.reach(2),
      });
      while (talk.stream === null || ![...byTransport.values()].includes(talk)) await sleep(5);
    }
    await sleep(SETTLE_MS);
    for (const talk of talks.values()) talk.begin();
    await sleep(seconds * 1_000);
    // On a machine that is busy: a while longer, for something to be there at all.
    const untilMs = performance.now() + WITHIN_MS;
    while ([...talks.values()].some((talk) => !talk.heardBoth) && performance.now() < untilMs) await sleep(100);
    for (const talk of talks.values()) talk.hush();
    await sleep(MISSED_MS);
    for (const { inward, outward, phone, heardBoth } of talks.values()) {
      if (!heardBoth) throw new Error(`${media.title}: nothing was heard`);
      result.said += inward.said + outward.said;
      result.arrived += inward.arrived + outward.arrived;
      await phone?.hangup();
    }
    await asterisk.quiet();
  } finally {
    await runtime.close();
  }
  return result;
}

function print({ title }: MediaChoice, result: Result): void {
  const { sink, backend, inAll, send, ear, outAll, said, arrived } = result;
  const pair = (samples: Samples): string =>
    `${samples.at(0.5).toFixed(1).padStart(6)} ${samples.at(0.99).toFixed(1).padStart(6)}`;
  const columns = [sink, backend, inAll, send, ear, outAll].map((samples) => pair(samples).padEnd(16));
  console.log(
    `  ${title.padEnd(23)}${columns.join(' ')}${String(said).padStart(8)}${String(said - arrived).padStart(8)}`,
  );
}

function apartMs(): number {
  return APART_MS * (1 + Math.random());
}

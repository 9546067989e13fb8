/**
 * How many frames may stand in Asterisk's chan_websocket before quiet ones are left out (`LIMITS.chanWebSocketBacklogFrames`), and
 * how many are left to stand then (`chanWebSocketKeptFrames`): what each choice costs in delay, and whether it ever lets Asterisk run dry in the middle of a phrase.
 *
 *   TALKSPURT_BENCH_CALLS=10 TALKSPURT_BENCH_SECONDS=40 npm run bench -- asterisk-backlog
 *
 * Agents say phrases of one second with pauses between. *delay*: from our transport to the phone's stand-in (a leg by RTP),
 * the first frame of a phrase. *dry*: rounds of Asterisk's timer that found nothing inside a phrase: the phone hears a frame of
 * silence, or none, and from there on all of the phrase a frame later. *other work*: busy loops at a low priority (`nice`), one for each core. *stalls*: our process stands still for
 * 70 ms every second, which no choice can hide, and which makes the queue grow. Choices take turns, so that each has its share of
 * whatever else runs.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../src/limits.ts';
import { isLoud, pulsingBackend } from './asterisk-backend.ts';
import type { BenchStream } from './asterisk-backend.ts';
import { AsteriskPhone } from './asterisk-phone.ts';
import { AsteriskProcess, NO_ASTERISK, asteriskIsThere } from './asterisk-process.ts';
import { startBenchRuntime } from './asterisk-runtime.ts';
import type { MediaChoice } from './asterisk-runtime.ts';
import { Samples } from './load/percentiles.ts';

const PATH: MediaChoice = { title: 'websocket server slin16', kind: 'websocket', mode: 'server', format: 'slin16' };
/** From how many on, and how many are kept. */
const CHOICES = [
  [4, 1],
  [3, 2],
  [3, 1],
  [2, 1],
] as const;
type Choice = (typeof CHOICES)[number];
const ROUNDS = 2;
const PHRASE_MS = 1_000;
const FRAME_MS = 20;
const PAUSE_MS = 600;
/** Silence after which a phrase is over: longer than any hole that is one. */
const OVER_FRAMES = 20;
const MIDDLE_OF = 9;
const STALL_MS = 70;
const STALL_EVERY_MS = 1_000;
/** What else goes on meanwhile. */
const TROUBLES = ['none', 'other work', 'stalls'] as const;
type Trouble = (typeof TROUBLES)[number];

/** What was measured of a choice. */
interface Result {
  readonly delay: Samples;
  phrases: number;
  frames: number;
  dry: number;
  /** Phrases with any. */
  torn: number;
}

/** One call. */
class Listener {
  stream: BenchStream | null = null;
  readonly #result: Result;
  #saidAtMs = Number.NaN;
  /** Frames since the last loud one; −1: no phrase is being heard. */
  #silent = -1;
  /** Of its loud frames: when each came, less what lies between them. */
  readonly #offsetsMs: number[] = [];

  constructor(result: Result) {
    this.#result = result;
  }

  onSent(): void {
    if (Number.isNaN(this.#saidAtMs)) this.#saidAtMs = performance.now();
  }

  onHeard(loud: boolean): void {
    const result = this.#result;
    if (!loud) {
      if (this.#silent < 0) return;
      this.#silent += 1;
      if (this.#silent >= OVER_FRAMES) this.#over();
      return;
    }
    const nowMs = performance.now();
    if (this.#silent < 0) {
      // One that had stopped for longer than that goes on.
      if (Number.isNaN(this.#saidAtMs)) result.dry += OVER_FRAMES;
      else {
        result.delay.add(nowMs - this.#saidAtMs);
        result.phrases += 1;
      }
    }
    result.frames += 1;
    this.#offsetsMs.push(nowMs - FRAME_MS * this.#offsetsMs.length);
    this.#silent = 0;
  }

  #over(): void {
    // Of a few each, for one may be late by itself.
    const offsetsMs = this.#offsetsMs.splice(0);
    const laterMs = middle(offsetsMs.slice(-MIDDLE_OF)) - middle(offsetsMs.slice(0, MIDDLE_OF));
    const dry = Math.max(0, Math.round(laterMs / FRAME_MS));
    this.#result.dry += dry;
    if (dry > 0) this.#result.torn += 1;
    this.#silent = -1;
    this.#saidAtMs = Number.NaN;
  }
}

/** Prints a row for each choice, without other work on the machine and with it. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  if (!asteriskIsThere()) {
    console.log(NO_ASTERISK);
    return;
  }
  const calls = small ? 1 : Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 10);
  const seconds = small ? 2 : Number(process.env['TALKSPURT_BENCH_SECONDS'] ?? 40);
  const asterisk = await AsteriskProcess.start();
  const configured = [LIMITS.chanWebSocketBacklogFrames, LIMITS.chanWebSocketKeptFrames] as const;
  try {
    console.log(`${asterisk.version}, ${PATH.title}, ${calls} calls, ${small ? 1 : ROUNDS} × ${seconds} s; ms`);
    console.log('  trouble       from  kept  delay p50    p90    p99  phrases  frames     dry  phrases with any');
    for (const trouble of small ? TROUBLES.slice(0, 1) : TROUBLES) {
      const end = begin(trouble);
      try {
        await compare(asterisk, trouble, calls, seconds, small);
      } finally {
        end();
      }
    }
  } finally {
    choose(configured);
    await asterisk.stop();
  }
  console.log(`hash of the choices: ${createHash('sha256').update(CHOICES.join()).digest('hex').slice(0, 16)}`);
}

async function compare(
  asterisk: AsteriskProcess,
  trouble: Trouble,
  calls: number,
  seconds: number,
  small: boolean,
): Promise<void> {
  const results = new Map<Choice, Result>();
  for (let round = 0; round < (small ? 1 : ROUNDS); round += 1) {
    for (const choice of small ? CHOICES.slice(0, 1) : CHOICES) {
      const result = results.get(choice) ?? { delay: new Samples(), phrases: 0, frames: 0, dry: 0, torn: 0 };
      results.set(choice, result);
      choose(choice);
      await measure(asterisk, calls, seconds, result);
    }
  }
  for (const [[from, kept], { delay, phrases, frames, dry, torn }] of results) {
    const column = (value: number, width: number): string => value.toFixed(0).padStart(width);
    const times = [0.5, 0.9, 0.99].map((share) => delay.at(share).toFixed(1).padStart(6)).join(' ');
    console.log(
      `  ${trouble.padEnd(10)}${column(from, 6)}${column(kept, 6)}   ${times}${column(phrases, 9)}${column(frames, 8)}${column(dry, 8)}${column(torn, 8)}`,
    );
  }
}

async function measure(asterisk: AsteriskProcess, calls: number, seconds: number, result: Result): Promise<void> {
  const listeners = new Map<string, Listener>();
  const byTransport = new Map<unknown, Listener>();
  let opening: Listener | null = null;
  const runtime = await startBenchRuntime(
    {
      ports: asterisk.ports,
      media: PATH,
      calls,
      backend: pulsingBackend(
        (id, stream) => (listeners.get(id)!.stream = stream),
        () => undefined,
        PHRASE_MS,
      ),
    },
    {
      onSend: (transport, frame) => {
        // Calls are opened one after another: a transport that was never seen is that of the one that is being opened.
        if (opening !== null && !byTransport.has(transport)) byTransport.set(transport, opening);
        if (isLoud(frame, transport.format)) byTransport.get(transport)?.onSent();
      },
    },
  );
  const phones: AsteriskPhone[] = [];
  try {
    for (let call = 0; call < calls; call += 1) {
      const [id, listener] = [`bench-backlog-${call}`, new Listener(result)];
      listeners.set(id, listener);
      opening = listener;
      const turn = { onTurn: () => false, onLoud: () => undefined, onFrame: (loud: boolean) => listener.onHeard(loud) };
      phones.push(await AsteriskPhone.call(id, asterisk, 'talkspurt', turn));
      while (listener.stream === null || ![...byTransport.values()].includes(listener)) await sleep(5);
    }
    const untilMs = performance.now() + seconds * 1_000;
    await Promise.all([...listeners.values()].map((listener) => converse(listener, untilMs)));
    for (const phone of phones) await phone.hangup();
    await asterisk.quiet();
  } finally {
    await runtime.close();
  }
}

/** Phrase after phrase, at any time against the call's tick. */
async function converse({ stream }: Listener, untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    await sleep(PAUSE_MS * Math.random());
    stream?.pulse();
    await sleep(PHRASE_MS + PAUSE_MS + OVER_FRAMES * FRAME_MS);
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** The bound is a constant everywhere but here. */
function choose([chanWebSocketBacklogFrames, chanWebSocketKeptFrames]: readonly [number, number]): void {
  Object.assign(LIMITS, { chanWebSocketBacklogFrames, chanWebSocketKeptFrames });
}

/** Returns what ends it. */
function begin(trouble: Trouble): () => void {
  if (trouble === 'none') return () => undefined;
  if (trouble === 'stalls') {
    const timer = setInterval(() => {
      const untilMs = performance.now() + STALL_MS;
      while (performance.now() < untilMs);
    }, STALL_EVERY_MS);
    return () => clearInterval(timer);
  }
  // `chrt -o`: ordinary, whatever the bench itself was given.
  const idle = ['-o', '0', 'nice', '-n', '10', process.execPath, '-e', 'for (;;);'];
  const burners = Array.from({ length: availableParallelism() }, () => spawn('chrt', idle, { stdio: 'ignore' }));
  return () => {
    for (const burner of burners) burner.kill();
  };
}

/** Runs one call over the session's own path, and takes down what the agent did. */
import type { DspPool } from '../../src/dsp/dsp.ts';
import { A_LAW, MU_LAW } from '../../src/simulator/g711-table.ts';
import { LineCall, PTIME_MS } from '../../test/sim/line-call.ts';
import { Chance } from '../vad/chance.ts';
import { EchoPath } from './echo-path.ts';
import type { NearKind, PhrasePlan, Scene } from './scenes.ts';
import { SeamCheck } from './seam-check.ts';
import type { System } from './systems.ts';

/** One thing that the caller did, in ms of the call. */
export interface NearOutcome {
  readonly kind: NearKind;
  readonly onsetMs: number;
  readonly endMs: number;
  /** From the onset until the agent is silent in a packet, and until it was decided that it stays so; null: it was not. */
  readonly pauseMs: number | null;
  readonly stopMs: number | null;
}

/** What one call gave. */
export interface SceneOutcome {
  readonly group: string;
  readonly seconds: number;
  readonly near: readonly NearOutcome[];
  /** When, ms: stops and pauses that the caller had nothing to do with; and turns that we, or the backend, took the agent's echo for. */
  readonly falseStops: readonly number[];
  readonly falsePauses: readonly number[];
  readonly falseTurns: readonly number[];
  readonly backendTurns: readonly number[];
  /** Pauses that were taken back, and samples that were lost or said twice in phrases with such pauses. */
  readonly withdrawn: number;
  readonly damagedSamples: number;
}

interface Running {
  readonly kind: NearKind;
  readonly sound: Float32Array;
  readonly onsetMs: number;
  at: number;
  endMs: number;
  pauseMs: number | null;
  stopMs: number | null;
}

/** No phrase takes longer, with all that happens in it, ms. */
const LONGEST_MS = 60_000;
const FRAME = 160;
const FRAME_SILENT = 48;
/** So long after a sound what the agent does is still because of it, ms. */
const AFTER_MS = 600;
/** The agent gives in to whoever has finished, ms. */
const GIVES_IN_MS = 900;

/** @throws what a tick throws: a defect. */
export function runScene(scene: Scene, system: System, pool: DspPool): SceneOutcome {
  const { alaw, path: plan, noise } = scene;
  const law = alaw ? A_LAW : MU_LAW;
  const decode = (wire: Uint8Array): Int16Array => Int16Array.from(wire, (code) => law.decode[code] ?? 0);
  const encode = (pcm: Int16Array): Uint8Array => Uint8Array.from(pcm, (x) => law.encode[x + 32_768] ?? 0);
  const path = plan === null ? null : new EchoPath(plan);
  const chance = new Chance(scene.seed ^ 0x5eed);
  const past: Running[] = [];
  let running: Running | null = null;
  let said = 0;
  const mix = new Float32Array(FRAME);
  const call = new LineCall({
    pool,
    leg: { codec: alaw ? 'pcma' : 'pcmu', sampleRateHz: 8000, ptimeMs: PTIME_MS },
    options: { ...system.options, greeting: '' },
    wrap: system.wrap(decode),
    listens: true,
    decode,
    encode,
    lost: () => chance.happens(scene.lossRate),
    farEnd: (heard) => {
      path?.hear(heard);
      for (let n = 0; n < FRAME; n += 1) mix[n] = noise[(said + n) % noise.length] ?? 0;
      path?.add(mix);
      if (running !== null) {
        const { sound, at } = running;
        for (let n = 0; n < FRAME && at + n < sound.length; n += 1) mix[n] = (mix[n] ?? 0) + (sound[at + n] ?? 0);
        running.at += FRAME;
      }
      said += FRAME;
      return Int16Array.from(mix, (x) => Math.max(-32_768, Math.min(32_767, Math.round(x))));
    },
  });
  call.keeps = false;
  const seams = new SeamCheck();
  try {
    for (const phrase of scene.phrases) {
      const pcm = Int16Array.from(phrase.sound, (x) => Math.max(-32_768, Math.min(32_767, Math.round(x))));
      for (let ms = 0; ms < phrase.pauseMs; ms += PTIME_MS) call.tick();
      const codes = encode(pcm);
      call.say(codes);
      seams.begin(decode(codes));
      sayPhrase(phrase);
    }
    for (let ms = 0; ms < GIVES_IN_MS; ms += PTIME_MS) call.tick();
    return outcome(scene, call, past, seams);
  } finally {
    call.close();
  }

  /** Ticks until the agent has finished or given in, and the caller too. */
  function sayPhrase(phrase: PhrasePlan): void {
    const waiting = [...phrase.near];
    let saidMs = 0;
    const lastMs = call.nowMs + LONGEST_MS;
    for (let quietMs = 0; quietMs < (waiting.length > 0 ? GIVES_IN_MS : PTIME_MS);) {
      const [next] = waiting;
      // The caller cuts in while there is somebody to cut in on.
      if (next !== undefined && running === null && saidMs >= next.afterMs && call.media.playout.speaking) {
        const { kind, sound } = next;
        running = { kind, sound, onsetMs: call.nowMs, at: 0, endMs: Infinity, pauseMs: null, stopMs: null };
        waiting.shift();
      }
      const { bargeIns } = call.turns;
      call.tick();
      const wire = decode(call.sent.at(-1) ?? new Uint8Array(0));
      seams.take(wire, call.media, call.turns.bargeIns > bargeIns);
      if (call.media.playout.speaking) saidMs += PTIME_MS;
      if (running !== null) {
        const silent =
          call.waiting.at(-1) === true && wire.subarray(FRAME / 2).every((x) => Math.abs(x) < FRAME_SILENT);
        if (silent) running.pauseMs ??= call.nowMs - running.onsetMs;
        const over = running.at >= running.sound.length;
        if (over && running.endMs === Infinity) running.endMs = call.nowMs;
        if (call.nowMs >= running.endMs + AFTER_MS) {
          past.push(running);
          running = null;
        }
      }
      const quiet =
        running === null && !call.media.playout.busy && (waiting.length === 0 || !call.media.playout.speaking);
      quietMs = quiet ? quietMs + PTIME_MS : 0;
      if (call.nowMs > lastMs) throw new Error(`${scene.group}, seed ${scene.seed}: the agent does not go on`);
    }
    if (running !== null) past.push(running);
    running = null;
  }
}

function outcome(scene: Scene, call: LineCall, past: readonly Running[], seams: SeamCheck): SceneOutcome {
  const during = (atMs: number): Running | undefined =>
    past.find(({ onsetMs, endMs }) => atMs > onsetMs && atMs <= endMs + AFTER_MS);
  const falseStops: number[] = [];
  for (const { atMs } of call.of('barge-in')) {
    const near = during(atMs);
    if (near === undefined) falseStops.push(atMs);
    else near.stopMs ??= atMs - near.onsetMs;
  }
  const alone = (atMs: number): boolean => during(atMs) === undefined;
  const withdrawn = call.of('barge-in.withdrawn');
  const heard = call.of('speech.started').filter(({ event }) => event.by === 'caller' && event.source === 'endpointer');
  return {
    group: scene.group,
    seconds: call.nowMs / 1000,
    near: past.map(({ kind, onsetMs, endMs, pauseMs, stopMs }) => ({ kind, onsetMs, endMs, pauseMs, stopMs })),
    falseStops,
    falsePauses: withdrawn.map(({ atMs }) => atMs).filter(alone),
    // Its own onset lies before the verdict.
    falseTurns: heard.map(({ atMs }) => atMs).filter((atMs) => alone(atMs + PTIME_MS)),
    backendTurns: call.backendTurns.filter(alone),
    withdrawn: withdrawn.length,
    damagedSamples: seams.damagedSamples,
  };
}

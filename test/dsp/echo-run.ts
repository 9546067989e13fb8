/** Runs the echo canceller over a scene, frame by frame as a call does, and measures what it did to it. */
import { CoreInstance } from '../assembly/core-instance.ts';
import type { Signal } from './echo-scene.ts';
import { add, callerSpeech, agentSpeech, levelDb, noiseOf, sent } from './echo-scene.ts';
import { onTheLine } from './speech.ts';

/** One conversation on a line: who speaks, and what comes back of the agent. */
export interface Scene {
  /** What the agent says, as the far end's switch decodes it. */
  readonly reference: Signal;
  readonly echo: Signal;
  /** The caller's voice; absent: silent. */
  readonly near?: Signal;
  /** RMS of the noise on the line; default 8 (−72 dBov). */
  readonly noiseRms?: number;
  /** Samples of a frame; default 160. */
  readonly frame?: number;
  /** Whether a tick captures before it renders, as a call's does. Default true. */
  readonly captureFirst?: boolean;
  /** Frames (by number) whose capture is lost, and whose tick did not render. */
  readonly lost?: (frame: number) => boolean;
}

export interface Outcome {
  /** What was captured, without and with cancelling; and as it would be if there were no echo. */
  readonly heard: Int16Array;
  readonly left: Int16Array;
  readonly clean: Int16Array;
  /** Per frame. */
  readonly meters: readonly EchoMeters[];
}

export interface EchoMeters {
  readonly residual: number;
  readonly erle: number;
  readonly coherence: number;
  readonly delayMs: number;
  readonly doubleTalk: boolean;
  readonly likely: boolean;
  readonly changed: boolean;
}

export const SECONDS = 8;
const spoken = new Map<string, Signal>();

/** The agent, and the caller, for {@link SECONDS} seconds. */
export function agent(): Signal {
  return kept('agent', () => sent(agentSpeech(SECONDS)));
}
export function caller(): Signal {
  return kept('caller', () => callerSpeech(SECONDS));
}

function kept(name: string, make: () => Signal): Signal {
  const signal = spoken.get(name) ?? make();
  spoken.set(name, signal);
  return signal;
}

/** Everything goes through µ-law once, as on a line. */
export function runScene(scene: Scene, mode = 1): Outcome {
  const { reference, echo, near, noiseRms = 8, frame = 160, captureFirst = true, lost } = scene;
  const noise = noiseOf(echo.length, noiseRms, 3);
  const rest = near === undefined ? noise : add(noise, near);
  const heard = onTheLine(add(rest, echo));
  const clean = onTheLine(rest);
  const left = new Int16Array(heard.length);
  const said = Int16Array.from(reference);

  const core = new CoreInstance();
  const { exports } = core;
  exports.echoStart(mode, exports.CODEC_PCMU.value);
  const meters: EchoMeters[] = [];
  const capture = core.samples(core.to, frame);
  const render = core.samples(exports.RENDER_PCM.value, frame);
  for (let at = 0, n = 0; at + frame <= heard.length; at += frame, n += 1) {
    const turns: (() => void)[] = [
      () => {
        if (lost?.(n) === true) {
          exports.echoSkip(frame);
          return;
        }
        capture.set(heard.subarray(at, at + frame));
        const changed = exports.echoCancel(core.to, frame) !== 0;
        left.set(capture, at);
        meters.push(readMeters(core, changed));
      },
      () => {
        render.set(said.subarray(at, at + frame));
        exports.echoReference(exports.RENDER_PCM.value, frame);
      },
    ];
    for (const turn of captureFirst ? turns : turns.reverse()) turn();
  }
  return { heard, left, clean, meters };
}

export function readMeters(core: CoreInstance, changed: boolean): EchoMeters {
  const { exports } = core;
  const meters = new Float32Array(exports.memory.buffer, exports.METERS.value, exports.METERS_BYTES.value / 4);
  const meter = (index: number): number => meters[index] ?? NaN;
  return {
    residual: meter(exports.METER_RESIDUAL_LEVEL.value),
    erle: meter(exports.METER_ERLE.value),
    coherence: meter(exports.METER_ECHO_COHERENCE.value),
    delayMs: meter(exports.METER_ECHO_DELAY.value),
    doubleTalk: meter(exports.METER_DOUBLE_TALK.value) === 1,
    likely: meter(exports.METER_ECHO_LIKELY.value) === 1,
    changed,
  };
}

/** Echo return loss enhancement from `fromMs` to `toMs`: energy heard over energy left, dB. */
export function erleDb(outcome: Outcome, fromMs: number, toMs: number): number {
  return levelDb(outcome.heard, fromMs * 8, toMs * 8) - levelDb(outcome.left, fromMs * 8, toMs * 8);
}

/** The same for each `stepMs` in which the echo is above −50 dBov; null for the others. */
export function erleOverTime(outcome: Outcome, echo: Signal, stepMs: number): (number | null)[] {
  const step = stepMs * 8;
  return Array.from({ length: Math.floor(echo.length / step) }, (_, n) => {
    const audible = levelDb(echo, n * step, n * step + step) - 10 * Math.log10(step) > 40;
    return audible ? erleDb(outcome, n * stepMs, (n + 1) * stepMs) : null;
  });
}

/**
 * What became of the near voice while both spoke, mean over frames of 20 ms from `fromMs` on: the level lost, dB (a frame that
 * got louder counts as 0), and the level of what is left besides it.
 */
export function doubleTalk(outcome: Outcome, scene: Scene, fromMs: number): { lossDb: number; noiseDb: number } {
  const near = scene.near;
  if (near === undefined) throw new Error('nobody speaks at the near end');
  const rest = Float64Array.from(outcome.left, (x, n) => x - (outcome.clean[n] ?? 0));
  let frames = 0;
  let lossDb = 0;
  let noiseDb = 0;
  for (let at = fromMs * 8; at + 160 <= near.length; at += 160) {
    const nearDb = levelDb(near, at, at + 160) - 22;
    const echoDb = levelDb(scene.echo, at, at + 160) - 22;
    if (nearDb < 50 || echoDb < 40) continue;
    frames += 1;
    lossDb += Math.max(0, levelDb(outcome.clean, at, at + 160) - levelDb(outcome.left, at, at + 160));
    noiseDb += levelDb(rest, at, at + 160) - 22 - nearDb;
  }
  if (frames < 20) throw new Error('too little double talk');
  return { lossDb: lossDb / frames, noiseDb: noiseDb / frames };
}

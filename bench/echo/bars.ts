/** The conversations that the echo canceller is measured on: each is one bar, and made without the code under test. */
import { hybrid, loudspeaker, room, through, times } from '../../test/dsp/echo-scene.ts';
import type { Outcome, Scene } from '../../test/dsp/echo-run.ts';
import { agent, caller, doubleTalk, erleDb, erleOverTime, runScene } from '../../test/dsp/echo-run.ts';

/** One bar: what is asked for, and how it is read from the outcome. */
export interface EchoBar {
  readonly name: string;
  readonly asked: string;
  readonly scene: Scene;
  readonly measured: (outcome: Outcome) => string;
  /** What of it is held to the bar: dB, or samples. */
  readonly figure: (outcome: Outcome) => number;
}

/** What a run of one bar gave. */
export interface EchoResult {
  readonly bar: EchoBar;
  readonly measured: string;
  readonly figure: number;
  /** ERLE of each 250 ms, dB; null while there is no echo to be heard. */
  readonly overTime: readonly (number | null)[];
}

const after = (ms: number) => () => ms * 8;
const between = (fromMs: number, toMs: number): Pick<EchoBar, 'measured' | 'figure'> => {
  const figure = (outcome: Outcome): number => erleDb(outcome, fromMs, toMs);
  return { figure, measured: (outcome) => `${figure(outcome).toFixed(1)} dB` };
};
const changed = ({ heard, left }: Outcome): number => left.filter((x, n) => x !== heard[n]).length;

function bars(): EchoBar[] {
  const reference = agent();
  const echo = (gainDb: number, seed: number, delay: (n: number) => number) =>
    through(reference, hybrid(gainDb, seed), delay);
  const list: EchoBar[] = [20, 120, 350, 600].map((ms) => ({
    name: `hybrid, −10 dB, ${ms} ms away`,
    asked: '≥ 20 dB after 1 s of echo',
    scene: { reference, echo: echo(-10, 40 + ms, after(ms)) },
    ...between(ms + 1100, 8000),
  }));
  list.push(
    {
      name: 'hybrid, −20 dB, 80 ms away',
      asked: '≥ 20 dB after 1 s of echo',
      scene: { reference, echo: echo(-20, 82, after(80)), noiseRms: 3 },
      ...between(1200, 8000),
    },
    {
      name: 'room, 200 ms of reverberation, 120 ms away',
      asked: '≥ 20 dB after 1 s of echo',
      scene: { reference, echo: through(reference, room(-10, 5), after(120)) },
      ...between(1220, 8000),
    },
    {
      name: 'overdriven loudspeaker in that room',
      asked: '≥ 12 dB after 1 s of echo',
      scene: { reference, echo: through(loudspeaker(reference, 4), room(-6, 9), after(120)) },
      ...between(1220, 8000),
    },
    {
      name: 'delay steps from 120 to 320 ms at 4 s',
      asked: '≥ 20 dB again ≤ 1 s later',
      scene: { reference, echo: echo(-10, 6, (n) => (n < 32_000 ? 960 : 2560)) },
      ...between(5000, 8000),
    },
    ...[-6, 0, 6].map((nearDb): EchoBar => {
      const near = times(caller(), nearDb - 10).map((x, n) => (n < 24_000 ? 0 : x));
      const scene = { reference, echo: echo(-10, 6, after(120)), near };
      return {
        name: `double talk from 3 s on, caller at ${nearDb < 0 ? '−' : ''}${Math.abs(nearDb)} dB to the echo`,
        asked: '≤ 2 dB of the caller lost',
        scene,
        figure: (outcome) => doubleTalk(outcome, scene, 3000).lossDb,
        measured: (outcome) => {
          const { lossDb, noiseDb } = doubleTalk(outcome, scene, 3000);
          return `${lossDb.toFixed(1)} dB lost, what is left of the echo at ${noiseDb.toFixed(0)} dB to the caller`;
        },
      };
    }),
    {
      name: 'no echo, both speak',
      asked: 'no sample changed',
      scene: { reference, echo: new Float64Array(reference.length), near: caller() },
      figure: changed,
      measured: (outcome) => `${changed(outcome)} samples changed`,
    },
  );
  return list;
}

/** Runs all of them. */
export function measureBars(): EchoResult[] {
  return bars().map((bar) => {
    const outcome = runScene(bar.scene);
    const [measured, figure] = [bar.measured(outcome), bar.figure(outcome)];
    return { bar, measured, figure, overTime: erleOverTime(outcome, bar.scene.echo, 250) };
  });
}

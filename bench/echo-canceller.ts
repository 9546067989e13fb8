/**
 * What the echo canceller costs and gives, beside the one of `speexdsp` (native C, compiled on the spot): CPU time per 20 ms
 * frame, and the ERLE on the same conversations. `speexdsp` has no search for the delay, so it is given the reference at the
 * delay, less 5 ms; its tail is as long as ours, and its residual suppressor runs too.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hybrid, loudspeaker, room, through } from '../test/dsp/echo-scene.ts';
import { agent, erleDb, runScene } from '../test/dsp/echo-run.ts';
import type { Scene } from '../test/dsp/echo-run.ts';
import { DspModule } from '../src/dsp/dsp-module.ts';
import { measureBars } from './echo/bars.ts';
import { publishEcho } from './echo/plot.ts';
import { keepResults } from './results.ts';

const FRAME = 160;
const DELAY_MS = 60;

/** Best of some rounds over a whole conversation, µs per frame: what the code needs when nobody is in its way. */
function cost(module: DspModule, heard: Int16Array, said: Int16Array, rounds: number): number {
  const exports = module.instantiate();
  const capture = new Int16Array(exports.memory.buffer, exports.CAPTURE_PCM.value, FRAME);
  const render = new Int16Array(exports.memory.buffer, exports.RENDER_PCM.value, FRAME);
  let best = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    exports.echoStart(exports.ECHO_AUTO.value, exports.CODEC_PCMU.value);
    const begun = process.hrtime.bigint();
    for (let at = 0; at + FRAME <= heard.length; at += FRAME) {
      capture.set(heard.subarray(at, at + FRAME));
      exports.echoCancel(exports.CAPTURE_PCM.value, FRAME);
      render.set(said.subarray(at, at + FRAME));
      exports.echoReference(exports.RENDER_PCM.value, FRAME);
    }
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / 1000 / (heard.length / FRAME));
  }
  return best;
}

/** Runs the peer; null where there is no compiler or no library. */
function speexdsp(heard: Int16Array, said: Int16Array, rounds: number): { left: Int16Array; us: number } | null {
  const folder = mkdtempSync(join(tmpdir(), 'echo-bench-'));
  const at = (name: string): string => join(folder, name);
  try {
    const source = fileURLToPath(new URL('echo/speex-echo.c', import.meta.url));
    execFileSync('cc', ['-O3', '-o', at('peer'), source, '-lspeexdsp', '-lm'], { stdio: 'ignore' });
    writeFileSync(at('heard'), new Uint8Array(heard.buffer));
    writeFileSync(at('said'), new Uint8Array(said.buffer));
    const us = Number(
      execFileSync(at('peer'), [at('heard'), at('said'), at('left'), String(rounds)], { encoding: 'utf8' }),
    );
    return { left: new Int16Array(new Uint8Array(readFileSync(at('left'))).buffer), us };
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints the table. `small` runs fewer rounds; `report` also draws the picture and the table of docs/signal-chain.md, and keeps the figures. */
export async function run({ small, report = false }: { small: boolean; report?: boolean }): Promise<void> {
  const rounds = small ? 4 : 20;
  const module = await DspModule.load();
  const reference = agent();
  const after = () => DELAY_MS * 8;
  const scenes: readonly (readonly [string, Scene])[] = [
    ['hybrid −10 dB', { reference, echo: through(reference, hybrid(-10, 45), after) }],
    ['hybrid −20 dB', { reference, echo: through(reference, hybrid(-20, 82), after) }],
    ['room −10 dB', { reference, echo: through(reference, room(-10, 5), after) }],
    ['loudspeaker, room', { reference, echo: through(loudspeaker(reference, 4), room(-6, 9), after) }],
  ];
  const hash = createHash('sha256');
  let missing = false;
  let slowestUs = 0;
  console.log('echo canceller, 8 kHz: µs per 20 ms frame (best of the rounds), ERLE from 1.1 s of echo on');
  for (const [name, scene] of scenes) {
    const outcome = runScene(scene);
    hash.update(new Uint8Array(outcome.left.buffer));
    const said = Int16Array.from(reference);
    const us = cost(module, outcome.heard, said, rounds);
    slowestUs = Math.max(slowestUs, us);
    const line = (who: string, microseconds: number, erle: number): string =>
      `  ${who.padEnd(22)}${microseconds.toFixed(1).padStart(7)} µs ${erle.toFixed(1).padStart(6)} dB`;
    console.log(line(name, us, erleDb(outcome, 1160, 8000)));
    const aligned = new Int16Array(said.length);
    aligned.set(said.subarray(0, said.length - (DELAY_MS - 5) * 8), (DELAY_MS - 5) * 8);
    const peer = speexdsp(outcome.heard, aligned, rounds);
    if (peer === null) missing = true;
    else {
      const ratio = `${(peer.us / us).toFixed(1)} × ours`;
      console.log(
        `${line('  speexdsp, native', peer.us, erleDb({ ...outcome, left: peer.left }, 1160, 8000))}  ${ratio}`,
      );
    }
  }
  if (missing) console.log('  speexdsp: not measured, there is no C compiler or no libspeexdsp here');
  const digest = hash.digest('hex').slice(0, 16);
  console.log(`  hash of every result: ${digest}`);
  if (!report) return;
  const results = measureBars();
  await publishEcho(results);
  const figures = Object.fromEntries(results.map(({ bar, figure }) => [bar.name, Number(figure.toFixed(2))]));
  await keepResults('echo-canceller', {
    on: `${results.length} conversations of 8 s, and the time of four`,
    hash: digest,
    figures: { ...figures, 'µs per 20 ms, the slowest': Number(slowestUs.toFixed(1)) },
  });
}

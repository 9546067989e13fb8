/** Watchdogs and goodbyes that could not do what they say are told of at start. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';

const BASE = { backends: { ai: { kind: 'embedded' } }, profiles: { p: { backend: 'ai' } } };

/** What is wrong with it; empty: nothing. */
function fault(given: object): string {
  try {
    loadConfig({ text: JSON.stringify({ ...BASE, ...given }), env: {} });
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

for (const [given, wrong] of [
  [{ watchdogs: { engine: { seconds: 0.1 } } }, /watchdogs\.engine\.seconds is shorter/],
  [{ watchdogs: { playout: { seconds: 60, dropSeconds: 30 } } }, /watchdogs\.playout\.dropSeconds is shorter/],
  [{ watchdogs: { announcement: 'wait.wav' } }, /watchdogs\.announcement is a file of sounds\.directory/],
  [{ farewell: { play: 'bye.wav' } }, /farewell\.play is a file of sounds\.directory/],
] as const) {
  test(`refused: ${JSON.stringify(given)}`, () => assert.match(fault(given), wrong));
}

for (const given of [
  { watchdogs: { engine: { seconds: 0 }, playout: { seconds: 0, dropSeconds: 0 } } },
  { watchdogs: { engine: { seconds: 3_600 }, playout: { seconds: 60, dropSeconds: 0 } } },
  { watchdogs: { announcement: 'wait.wav' }, farewell: { play: 'bye.wav' }, sounds: { directory: '.' } },
  { farewell: { play: 'https://sounds.example/bye.wav' }, sounds: { urls: true } },
  { farewell: { say: 'Goodbye.' } },
]) {
  test(`taken: ${JSON.stringify(given)}`, () => assert.is(fault(given), ''));
}

test.run();

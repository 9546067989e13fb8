/** An onset that lacks a pitch: the agent waits, and is neither stopped nor let go before it is known. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_ENDPOINTER, Endpointer } from '../../src/session/endpointer.ts';
import type { SpeechEdge } from '../../src/session/endpointer.ts';
import { OnsetDoubt } from '../../src/session/onset-doubt.ts';

/** Ms; then what is heard for so long: probability, voicing, level in dBov. */
type Run = readonly [ms: number, probability: number, voicing: number, levelDbov: number];
const [VOWEL, HISS, QUIET] = [0.3, 0.15, 0.1];

function edges(
  runs: readonly Run[],
  { ptimeMs = 20, agentSpeaking = true, settled = true, bargeInMs = 120 } = {},
): [number, SpeechEdge][] {
  const endpointer = new Endpointer({ ...DEFAULT_ENDPOINTER, bargeInMs }, ptimeMs);
  const found: [number, SpeechEdge][] = [];
  let nowMs = 0;
  for (const [ms, probability, voicing, levelDbov] of runs) {
    for (let passedMs = 0; passedMs < ms; passedMs += ptimeMs) {
      nowMs += ptimeMs;
      const edge = endpointer.update(probability, nowMs, agentSpeaking, settled, voicing, levelDbov);
      if (edge !== 'none') found.push([nowMs, edge]);
    }
  }
  return found;
}

const silence = (ms: number): Run => [ms, 0, QUIET, -60];

test('a voice stops the agent as soon as without any doubt, however early its pitch was', () => {
  for (const at of [0, 1, 2, 3, 4, 5]) {
    const runs = Array.from({ length: 10 }, (_, n): Run => [20, 0.9, n === at ? VOWEL : QUIET, -25]);
    assert.equal(edges(runs), [
      [20, 'candidate'],
      [120, 'started'],
    ]);
  }
});

test('a sound without a pitch makes the agent wait until it ends, and is taken back', () => {
  for (const ms of [120, 200, 300, 400]) {
    assert.equal(edges([[ms, 0.9, QUIET, -25], silence(400)]), [
      [20, 'candidate'],
      [ms + 60, 'withdrawn'],
    ]);
  }
});

test('one that begins without a pitch is confirmed once there was one for 40 ms', () => {
  const found = edges([
    [200, 0.9, QUIET, -30],
    [200, 0.9, VOWEL, -22],
  ]);
  assert.equal(found, [
    [20, 'candidate'],
    [240, 'started'],
  ]);
  const chance = edges([[200, 0.9, QUIET, -25], [20, 0.9, VOWEL, -25], [60, 0.9, QUIET, -25], silence(200)]);
  assert.is(chance.at(-1)?.[1], 'withdrawn', 'one frame of it is chance');
});

test('the voice at the end of a cough does not count: it is far below the burst', () => {
  const cough = (voiceDbov: number): Run[] => [[100, 0.95, QUIET, -16], [120, 0.95, VOWEL, voiceDbov], silence(300)];
  assert.is(edges(cough(-29)).at(-1)?.[1], 'withdrawn');
  assert.is(edges(cough(-20)).at(-1)?.[1], 'started');
});

test('a detector that hovers needs a clearer pitch', () => {
  const hovering = (voicing: number): Run[] => [[300, 0.6, voicing, -25], silence(300)];
  assert.is(edges(hovering(0.3)).at(-1)?.[1], 'withdrawn');
  assert.is(edges(hovering(0.5)).at(-1)?.[1], 'started');
});

test('no doubt lasts longer than 500 ms: a whisper stops the agent then, a noise does not and begins nothing again', () => {
  assert.equal(edges([[1000, 0.99, QUIET, -30]]), [
    [20, 'candidate'],
    [500, 'started'],
  ]);
  const noise: Run = [2000, 0.8, HISS, -30];
  const taken: [number, SpeechEdge][] = [
    [20, 'candidate'],
    [500, 'withdrawn'],
  ];
  assert.equal(edges([noise]), taken, 'once, however long it goes on');
  // Somebody speaks in it.
  assert.equal(edges([noise, [300, 0.95, VOWEL, -22]]).slice(2), [
    [2020, 'candidate'],
    [2120, 'started'],
  ]);
  // It is over: the next one is another.
  assert.equal(edges([noise, silence(100), noise]).slice(2, 3), [[2120, 'candidate']]);
});

test('an option that asks for more speech than a doubt may last is held to', () => {
  assert.equal(edges([[1000, 0.9, VOWEL, -25]], { bargeInMs: 700 }), [
    [20, 'candidate'],
    [700, 'started'],
  ]);
  assert.is(edges([[1000, 0.8, QUIET, -25]], { bargeInMs: 700 }).at(1)?.[1], 'withdrawn');
});

test('while nobody knows what of an echo there is a sound without a pitch does not stop the agent either', () => {
  assert.equal(edges([[400, 0.9, QUIET, -25], silence(400)], { settled: false }), []);
  assert.equal(edges([[400, 0.9, VOWEL, -25]], { settled: false }), [[300, 'started']]);
});

test('while the agent is silent nothing is in doubt', () => {
  assert.equal(edges([[400, 0.9, QUIET, -25]], { agentSpeaking: false }), [
    [20, 'candidate'],
    [60, 'started'],
  ]);
});

test('packets of any length give the same verdicts', () => {
  for (const ptimeMs of [10, 20, 30, 40, 60]) {
    const door = edges([[240, 0.95, QUIET, -20], silence(480)], { ptimeMs });
    assert.equal(
      door.map(([, edge]) => edge),
      ['candidate', 'withdrawn'],
      `${ptimeMs} ms`,
    );
    const voice = edges([[240, 0.95, VOWEL, -20]], { ptimeMs });
    assert.equal(voice.at(-1), [120, 'started'], `${ptimeMs} ms`);
  }
});

test('an onset begins anew: nothing of the last one is left in it', () => {
  const doubt = new OnsetDoubt(20);
  doubt.begin();
  doubt.hear(0.9, VOWEL, -10, 20);
  assert.ok(doubt.isClear(20));
  doubt.begin();
  doubt.hear(0.9, QUIET, -40, 20);
  assert.not(doubt.isClear(20));
  doubt.hear(0.9, VOWEL, -40, 40);
  assert.ok(doubt.isClear(40), 'the loud one before is forgotten');
});

test.run();

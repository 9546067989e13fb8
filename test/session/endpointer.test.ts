/** Edges of speech, from a probability a frame. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_ENDPOINTER, Endpointer } from '../../src/session/endpointer.ts';
import type { SpeechEdge } from '../../src/session/endpointer.ts';

const PTIME_MS = 20;

/** Feeds runs of `[ms, probability]`; returns each edge with the time at which it came. */
function edges(runs: [number, number][], agentSpeaking = false, ptimeMs = PTIME_MS): [number, SpeechEdge][] {
  const endpointer = new Endpointer(DEFAULT_ENDPOINTER, ptimeMs);
  const found: [number, SpeechEdge][] = [];
  let nowMs = 0;
  for (const [ms, probability] of runs) {
    for (let passedMs = 0; passedMs < ms; passedMs += ptimeMs) {
      nowMs += ptimeMs;
      const edge = endpointer.update(probability, nowMs, agentSpeaking);
      if (edge !== 'none') found.push([nowMs, edge]);
    }
  }
  return found;
}

test('a phrase: perhaps, confirmed after startMs, ended after stopMs of silence', () => {
  const found = edges([
    [200, 0],
    [500, 0.9],
    [1000, 0],
  ]);
  assert.equal(found, [
    [220, 'candidate'],
    [260, 'started'],
    [1300, 'stopped'],
  ]);
});

test('while the agent speaks the confirmation takes bargeInMs', () => {
  assert.equal(edges([[400, 0.9]], true), [
    [20, 'candidate'],
    [140, 'started'],
  ]);
});

test('a click is withdrawn', () => {
  assert.equal(
    edges([
      [40, 0.9],
      [400, 0],
    ]),
    [
      [20, 'candidate'],
      [120, 'withdrawn'],
    ],
  );
});

test('a gap inside an onset is bridged; the gap itself does not confirm', () => {
  const found = edges(
    [
      [100, 0.9],
      [60, 0],
      [40, 0.9],
    ],
    true,
  );
  assert.equal(found, [
    [20, 'candidate'],
    [200, 'started'],
  ]);
});

test('between the thresholds speech goes on, and does not begin', () => {
  assert.equal(edges([[1000, 0.4]]), []);
  const found = edges([
    [100, 0.9],
    [5000, 0.4],
  ]);
  assert.is(found.at(-1)?.[1], 'started');
});

test('a pause shorter than stopMs does not end the turn', () => {
  const found = edges([
    [300, 0.9],
    [580, 0],
    [300, 0.9],
    [700, 0],
  ]);
  assert.equal(
    found.map(([, edge]) => edge),
    ['candidate', 'started', 'stopped'],
  );
});

test('a packet duration as long as the confirmation confirms at once', () => {
  assert.equal(edges([[60, 0.9]], false, 60), [[60, 'started']]);
});

test('onset is the start of the first frame of speech, its end the end of the last', () => {
  const endpointer = new Endpointer(DEFAULT_ENDPOINTER, PTIME_MS);
  for (let nowMs = 1020; nowMs <= 1200; nowMs += 20) endpointer.update(0.9, nowMs, false);
  for (let nowMs = 1220; nowMs <= 1500; nowMs += 20) endpointer.update(0, nowMs, false);
  assert.is(endpointer.onsetMs, 1000);
  assert.is(endpointer.lastSpeechMs, 1200);
  assert.ok(endpointer.speaking);
});

test('rearmed, speech that goes on is a new onset', () => {
  const endpointer = new Endpointer(DEFAULT_ENDPOINTER, PTIME_MS);
  for (let nowMs = 20; nowMs <= 200; nowMs += 20) endpointer.update(0.9, nowMs, false);
  endpointer.rearm();
  assert.not(endpointer.speaking);
  assert.is(endpointer.update(0.9, 220, true), 'candidate');
  assert.is(endpointer.onsetMs, 200);
});

test('for any probabilities: a candidate is settled before the next, a start is stopped before the next', () => {
  const follows: Record<string, SpeechEdge[]> = {
    none: ['candidate'],
    candidate: ['withdrawn', 'started'],
    withdrawn: ['candidate'],
    started: ['stopped'],
    stopped: ['candidate'],
  };
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 500 }),
      fc.boolean(),
      (all, agent) => {
        const endpointer = new Endpointer({ ...DEFAULT_ENDPOINTER, stopMs: 100 }, PTIME_MS);
        let last: SpeechEdge = 'none';
        for (const [index, probability] of all.entries()) {
          const edge = endpointer.update(probability, index * PTIME_MS, agent);
          if (edge === 'none') continue;
          assert.ok(follows[last]?.includes(edge), `${edge} after ${last}`);
          assert.is(endpointer.speaking, edge === 'started');
          last = edge;
        }
      },
    ),
  );
});

test.run();

/** Edges of speech, from a probability a frame. */
import { fc } from '../chance.ts';
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
    [120, 'started'],
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
  const runs: [number, number][] = [
    [40, 0.9],
    [60, 0],
    [40, 0.9],
  ];
  assert.equal(edges(runs), [
    [20, 'candidate'],
    [120, 'started'],
  ]);
});

test('while the agent waits the verdict comes within 120 ms, whatever is heard', () => {
  const verdicts = new Map<string, number>();
  for (let pattern = 0; pattern < 2 ** 8; pattern += 1) {
    const runs = Array.from({ length: 8 }, (_, at): [number, number] => [20, (pattern >> at) & 1]);
    const [first, second] = edges([[20, 0.9], ...runs, [200, 0]], true);
    assert.equal(first, [20, 'candidate']);
    assert.ok(second !== undefined && second[0] <= 140, String(second));
    const speech = 20 + 20 * runs.slice(0, (second[0] - 20) / 20).reduce((sum, [, each]) => sum + each, 0);
    // Nobody who spoke for less than 100 ms cut in, and nobody who spoke all the time did not.
    if (second[1] === 'started') assert.ok(speech >= 100, `${pattern}: ${speech}`);
    else assert.ok(speech <= 80, `${pattern}: ${speech}`);
    verdicts.set(second[1], (verdicts.get(second[1]) ?? 0) + 1);
  }
  assert.equal([...verdicts.keys()].sort(), ['started', 'withdrawn']);
});

test('while nobody knows what of an echo there is the agent does not wait, and it takes longer to cut in', () => {
  const endpointer = new Endpointer(DEFAULT_ENDPOINTER, PTIME_MS);
  const found: [number, SpeechEdge][] = [];
  for (let nowMs = 20; nowMs <= 1_000; nowMs += 20) {
    const edge = endpointer.update(0.9, nowMs, true, false);
    if (edge !== 'none') found.push([nowMs, edge]);
  }
  assert.equal(found, [[300, 'started']]);
  // Where it becomes known meanwhile, what was heard until then says nothing.
  const other = new Endpointer(DEFAULT_ENDPOINTER, PTIME_MS);
  for (let nowMs = 20; nowMs <= 180; nowMs += 20) assert.is(other.update(0.9, nowMs, true, false), 'none');
  assert.is(other.update(0.1, 200, true, true), 'none', 'it was the echo');
  assert.is(other.update(0.9, 220, true, true), 'candidate');
  for (let nowMs = 240; nowMs <= 300; nowMs += 20) assert.is(other.update(0.9, nowMs, true, true), 'none');
  assert.is(other.update(0.9, 320, true, true), 'started', 'it is a caller after all');
});

test('the echo of the last word comes when the agent is silent again, and takes as long', () => {
  const endpointer = new Endpointer(DEFAULT_ENDPOINTER, PTIME_MS);
  const found: [number, SpeechEdge][] = [];
  for (let nowMs = 20; nowMs <= 800; nowMs += 20) {
    const edge = endpointer.update(nowMs <= 280 ? 0.9 : 0, nowMs, false, false);
    if (edge !== 'none') found.push([nowMs, edge]);
  }
  assert.equal(found, []);
});

test('whoever waits for a verdict gets one, also when it becomes uncertain meanwhile what of an echo there is', () => {
  for (const unsettledTicks of [1, 2, 5]) {
    const endpointer = new Endpointer(DEFAULT_ENDPOINTER, PTIME_MS);
    let nowMs = 0;
    const hear = (probability: number, settled: boolean): SpeechEdge =>
      endpointer.update(probability, (nowMs += PTIME_MS), true, settled);
    assert.is(hear(0.9, true), 'candidate');
    const told = [
      ...Array.from({ length: unsettledTicks }, (_, n) => hear(n < 2 ? 0.9 : 0, false)),
      ...Array.from({ length: 5 }, () => hear(0, true)),
    ];
    assert.equal(
      told.filter((edge) => edge !== 'none'),
      ['withdrawn'],
      `${unsettledTicks}`,
    );
  }
});

test('after an onset that was none the agent does not wait for a single frame', () => {
  const click: [number, number][] = [
    [20, 0.9],
    [100, 0],
  ];
  const found = edges([...click, ...click, ...click, [120, 0.9]], true);
  assert.equal(found, [
    [20, 'candidate'],
    [80, 'withdrawn'],
    [400, 'candidate'],
    [480, 'started'],
  ]);
});

test('however long a packet lasts, one of them is not enough after an onset that was none', () => {
  for (const ptimeMs of [10, 20, 30, 40, 60]) {
    const endpointer = new Endpointer(DEFAULT_ENDPOINTER, ptimeMs);
    let nowMs = 0;
    const hear = (probability: number): string => endpointer.update(probability, (nowMs += ptimeMs), true);
    assert.is(hear(0.9), 'candidate');
    while (hear(0) !== 'withdrawn');
    assert.is(hear(0.9), 'none', `${ptimeMs} ms`);
    assert.is(hear(0), 'none');
  }
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

test('silence: from the last frame that might have been speech; none while one is', () => {
  const endpointer = new Endpointer(DEFAULT_ENDPOINTER, PTIME_MS);
  let nowMs = 1_000;
  const heard = (probability: number, ms: number, agent = false): number => {
    for (let passedMs = 0; passedMs < ms; passedMs += PTIME_MS) {
      nowMs += PTIME_MS;
      endpointer.update(probability, nowMs, agent);
    }
    return endpointer.silentMs(nowMs);
  };
  assert.is(endpointer.silentMs(nowMs), 0, 'nothing is known yet');
  assert.is(heard(0, 500), 480);
  assert.is(heard(0.3, 20), 0, 'not speech, and not silence either');
  assert.is(heard(0.2, 100), 100);
  assert.is(heard(0.9, 20), 0, 'a candidate');
  assert.is(heard(0, 60), 0, 'still one');
  assert.is(heard(0, 60), 60, 'withdrawn at its second frame');
  assert.is(heard(0.9, 20, true), 0, 'wary of one frame while the agent speaks');
  assert.is(heard(0.9, 200), 0);
  assert.is(heard(0, 580), 0, 'the turn goes on');
  assert.is(heard(0, 40), 40, 'stopped at its first frame');
  assert.is(heard(0, 1_200), 1_240);
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawTimeline } from '../../../src/cli/demo/timeline-svg.ts';
import type { CallStory } from '../../../src/cli/demo/call-story.ts';

const story: CallStory = {
  durationMs: 4000,
  turns: [{ state: 'agent-speaking', fromMs: 1000, toMs: 2500 }],
  speech: [{ by: 'caller', fromMs: 0, toMs: 800 }],
  transcript: [{ atMs: 1500, by: 'agent', text: 'Tom & "Jerry" <hello>\u0007' }],
  bargeIns: [{ atMs: 2500, stopMs: 180, playedMs: 1200, droppedMs: 900 }],
  latencies: [{ atMs: 1000, latencyMs: 200 }],
  digits: [],
};
const said = Int16Array.from({ length: 32_000 }, (_, i) => 8000 * Math.sin(i / 5));
const input = {
  title: 'a call',
  subtitle: 'two parties',
  story,
  said,
  heard: new Int16Array(32_000),
  sampleRateHz: 8000,
};

test('the drawing is well-formed XML whatever was said', () => {
  const svg = drawTimeline(input);
  assert.ok(svg.includes('Tom &amp; &quot;Jerry&quot; &lt;hello&gt; '));
  // Every element that is opened is closed: a stack of names over the tags.
  const open: string[] = [];
  for (const [, closing, name, , self] of svg.matchAll(/<(\/?)([a-z]+)((?:[^>"]|"[^"]*")*?)(\/?)>/g)) {
    if (closing) assert.is(open.pop(), name);
    else if (!self) open.push(name ?? '');
  }
  assert.equal(open, []);
  assert.not.match(svg, /NaN|undefined|Infinity/);
});

test('marks stand at their times', () => {
  const svg = drawTimeline(input);
  // 1330 px of plot from 120 over 4 s: 2.5 s is 951.3 px.
  assert.ok(svg.includes('x1="951.3" x2="951.3"'));
  assert.ok(svg.includes('barge-in: silent after 180 ms'));
  assert.ok(svg.includes('200 ms'));
});

test('an empty call is a drawing too', () => {
  const nothing: CallStory = {
    durationMs: 0,
    turns: [],
    speech: [],
    transcript: [],
    bargeIns: [],
    latencies: [],
    digits: [],
  };
  const svg = drawTimeline({ ...input, story: nothing, said: new Int16Array(0), heard: new Int16Array(0) });
  assert.ok(svg.startsWith('<svg '));
  assert.not.match(svg, /NaN|Infinity/);
});

test.run();

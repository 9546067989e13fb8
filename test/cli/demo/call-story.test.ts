import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tellCall } from '../../../src/cli/demo/call-story.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';

const at = (atMs: number): { callId: string; atMs: number } => ({ callId: 'c1', atMs });

test('events become spans on the time line of the recording', () => {
  const events: TalkspurtEvent[] = [
    { type: 'turn.state', state: 'caller-speaking', previous: 'listening', ...at(5100) },
    { type: 'speech.started', by: 'caller', source: 'endpointer', ...at(5100) },
    { type: 'speech.stopped', by: 'caller', source: 'endpointer', durationMs: 900, ...at(6000) },
    { type: 'turn.state', state: 'thinking', previous: 'caller-speaking', ...at(6000) },
    { type: 'turn.response-latency', latencyMs: 300, sinceSpeechMs: 900, ...at(6300) },
    { type: 'turn.state', state: 'agent-speaking', previous: 'thinking', ...at(6300) },
    { type: 'transcript', by: 'agent', text: 'par', final: false, ...at(6310) },
    { type: 'transcript', by: 'agent', text: 'partial no more', final: true, ...at(6500) },
    { type: 'barge-in', stopMs: 140, verdictMs: 140, playedMs: 700, droppedMs: 1200, ...at(7000) },
  ];
  const story = tellCall(events, 5000, 3000);
  assert.equal(story.turns, [
    { state: 'listening', fromMs: 0, toMs: 100 },
    { state: 'caller-speaking', fromMs: 100, toMs: 1000 },
    { state: 'thinking', fromMs: 1000, toMs: 1300 },
    { state: 'agent-speaking', fromMs: 1300, toMs: 3000 },
  ]);
  assert.equal(story.speech, [{ by: 'caller', fromMs: 100, toMs: 1000 }]);
  assert.equal(story.transcript, [{ atMs: 1500, by: 'agent', text: 'partial no more' }]);
  assert.equal(story.latencies, [{ atMs: 1300, latencyMs: 300 }]);
  assert.equal(story.bargeIns, [{ atMs: 2000, stopMs: 140, playedMs: 700, droppedMs: 1200 }]);
});

test('what is before the recording or still open at its end is cut to it', () => {
  const events: TalkspurtEvent[] = [
    { type: 'speech.started', by: 'agent', source: 'endpointer', ...at(100) },
    { type: 'turn.state', state: 'agent-speaking', previous: 'listening', ...at(100) },
  ];
  const story = tellCall(events, 5000, 1000);
  assert.equal(story.speech, [{ by: 'agent', fromMs: 0, toMs: 1000 }]);
  assert.equal(story.turns, [{ state: 'agent-speaking', fromMs: 0, toMs: 1000 }]);
});

test.run();

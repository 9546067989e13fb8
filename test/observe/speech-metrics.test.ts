import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CallEvent } from '../../src/core/events.ts';
import { MetricsSink } from '../../src/observe/metrics-sink.ts';

type Sentence = Extract<CallEvent, { type: 'speech.sentence' }> & { readonly callId: string; readonly atMs: number };

const EVENT: Sentence = {
  type: 'speech.sentence',
  engine: 'openai',
  outcome: 'spoken',
  characters: 40,
  cached: false,
  attempts: 1,
  audioMs: 2_000,
  callId: 'c',
  atMs: 1,
};

test('sentences are counted by engine and outcome, what was kept apart from what was asked for', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  const emit = (given: Partial<Sentence>): void => sink.emit({ ...EVENT, ...given });
  emit({ attempts: 2, firstAudioMs: 250 });
  emit({ cached: true, attempts: 0, firstAudioMs: 0 });
  emit({ outcome: 'dropped', engine: 'none', attempts: 0, audioMs: 0 });
  const { body } = await sink.page();
  for (const line of [
    'talkspurt_tts_sentences_total{engine="openai",outcome="spoken",cached="false"} 1',
    'talkspurt_tts_sentences_total{engine="openai",outcome="spoken",cached="true"} 1',
    'talkspurt_tts_sentences_total{engine="none",outcome="dropped",cached="false"} 1',
    'talkspurt_tts_characters_total{engine="openai"} 80',
    'talkspurt_tts_first_audio_seconds_count{engine="openai"} 1',
  ]) {
    assert.ok(body.includes(line), line);
  }
});

test.run();

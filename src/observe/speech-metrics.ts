/** What is measured of speech by sentence. */
import type { Counter, Gauge, Histogram } from 'prom-client';
import type { CallEvent } from '../core/events.ts';
import type { SessionSnapshot } from './health.ts';

/** Makes metrics of the page's names. */
export interface MetricMakers {
  readonly counter: <L extends string>(name: string, help: string, ...labels: L[]) => Counter<L>;
  readonly gauge: <L extends string>(name: string, help: string, ...labels: L[]) => Gauge<L>;
  readonly histogram: <L extends string>(name: string, help: string, buckets: number[], ...labels: L[]) => Histogram<L>;
}

/** The metrics; `engine` is one of the few that a process has, or `none`. */
export type SpeechMetrics = ReturnType<typeof makeSpeechMetrics>;

/** Made once a registry. */
export function makeSpeechMetrics({ counter, gauge, histogram }: MetricMakers) {
  return {
    sentences: counter(
      'tts_sentences_total',
      'Sentences that a speech engine was to say, by outcome; cached: they were kept from before',
      'engine',
      'outcome',
      'cached',
    ),
    characters: counter('tts_characters_total', 'Characters that speech engines were sent', 'engine'),
    firstAudio: histogram(
      'tts_first_audio_seconds',
      'Asking for a sentence to its first audio',
      [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10],
      'engine',
    ),
    waiting: gauge('tts_waiting_sentences', 'Sentences that wait to be spoken, all calls together'),
  };
}

/** Counts a sentence that is over. */
export function countSentence(metrics: SpeechMetrics, event: CallEvent & { type: 'speech.sentence' }): void {
  const { engine, outcome, cached, characters, attempts, firstAudioMs } = event;
  metrics.sentences.inc({ engine, outcome, cached: String(cached) });
  if (attempts > 0) metrics.characters.inc({ engine }, characters * attempts);
  if (firstAudioMs !== undefined && !cached) metrics.firstAudio.observe({ engine }, firstAudioMs / 1000);
}

/** What waits in all calls. */
export function sampleWaiting(metrics: SpeechMetrics, sessions: readonly SessionSnapshot[]): void {
  metrics.waiting.set(sessions.reduce((sum, { waitingSentences = 0 }) => sum + waitingSentences, 0));
}

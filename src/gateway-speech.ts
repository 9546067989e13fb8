/** Engines of the configuration that speak what backends write, with what is shared by a process's calls. */
import type { Backend } from './backend/backend.ts';
import type { Clock } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import { isVoice } from './config/config-speech-checks.ts';
import type { SpeechConfig, SpeechEngineConfig } from './config/config-speech-checks.ts';
import { LIMITS } from './limits.ts';
import type { BreakerChange } from './resilience/circuit-breaker.ts';
import type { SpeechSource } from './simulator/speech.ts';
import { elevenLabsSpeech } from './speech/elevenlabs-engine.ts';
import { embeddedSpeech } from './speech/embedded-engine.ts';
import { openAiSpeech } from './speech/openai-engine.ts';
import { SpeechCache } from './speech/speech-cache.ts';
import { spokenBackend } from './speech/spoken-backend.ts';
import { TtsBreaker } from './speech/tts-breaker.ts';
import type { TtsEngineMaker } from './speech/tts-engine.ts';
import { TurnBudget } from './speech/turn-budget.ts';

/** What it is made with. */
export interface SpeechMakers {
  readonly clock: Clock;
  readonly speech: SpeechSource;
  readonly events: EventSink;
  onBreaker(change: BreakerChange): void;
}

/** Whoever speaks for one backend. */
export interface BackendVoice {
  readonly breaker: TtsBreaker;
  /** The same backend, which writes, made one that speaks. */
  spoken(backend: Backend): Backend;
}

/** @throws ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_SECRET_MISSING */
export function backendVoice(name: string, config: SpeechConfig, makers: SpeechMakers): BackendVoice {
  const { clock, events } = makers;
  const { fallback, language, earlyCharacters, cacheMegabytes, firstAudioMs } = config;
  const engine = engineOf(config, makers.speech);
  const second = fallback === null ? null : engineOf(fallback, makers.speech);
  const onChange = (change: BreakerChange): void => makers.onBreaker(change);
  const breaker = new TtsBreaker({ name, clock, hasFallback: second !== null, onChange });
  const cache = new SpeechCache(cacheMegabytes * 1024 * 1024);
  const splitter = { language, earlyCharacters };
  // A call with settings of its own has a backend of its own: what is bounded for all calls is made here.
  const turns = new TurnBudget(clock, LIMITS.ttsTurnMs);
  const shared = { engine, fallback: second, clock, cache, breaker, turns, events, splitter, firstAudioMs };
  return { breaker, spoken: (backend) => spokenBackend(backend, shared) };
}

function engineOf({ engine, ...config }: SpeechEngineConfig, speech: SpeechSource): TtsEngineMaker {
  if (engine === 'openai') return openAiSpeech(config);
  if (engine === 'elevenlabs') return elevenLabsSpeech({ ...config, voice: config.voice ?? '' });
  const { speed } = config;
  const voice = config.voice !== undefined && isVoice(config.voice) ? config.voice : 'slt';
  // Its program is compiled now, and not while calls talk. Whoever has it speak is told what is wrong with it.
  speech.synthesize('Ready.', voice, speed).catch(() => undefined);
  return embeddedSpeech({
    voice,
    // `kal` is the one voice of a telephone's rate.
    sampleRateHz: voice === 'kal' ? 8000 : 16_000,
    speed,
    source: (text, given, pace) => speech.synthesize(text, given, pace),
  });
}

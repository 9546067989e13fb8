/** The engines that speak what a backend writes: the way to each, its key, and whether it speaks. */
import type { SpeechConfig, SpeechEngineConfig } from '../../config/config-speech-checks.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { ELEVENLABS_URL, elevenLabsSpeech } from '../../speech/elevenlabs-engine.ts';
import { OPENAI_SPEECH_URL, openAiSpeech } from '../../speech/openai-engine.ts';
import type { TtsEngine } from '../../speech/tts-engine.ts';
import { ttsTimeout } from '../../speech/tts-error.ts';
import { reach } from './check-reach.ts';
import type { BackendChecks } from './check-reach.ts';
import type { Finding } from './finding.ts';
import { fail, pass, skip, warn } from './finding.ts';

/** The shortest that is a word: engines are paid by the character. */
const WORD = 'Hi.';
/** A caller waits for it after every turn, ms. */
const SLOW_MS = 1_500;

/** Those of the backend `name`: the first, and its fallback. */
export async function checkSpeech(name: string, config: SpeechConfig, checks: BackendChecks): Promise<Finding[]> {
  const { fallback } = config;
  return [
    ...(await checkEngine(`${name}.speech`, config, checks)),
    ...(fallback === null ? [] : await checkEngine(`${name}.speech.fallback`, fallback, checks)),
  ];
}

async function checkEngine(about: string, config: SpeechEngineConfig, checks: BackendChecks): Promise<Finding[]> {
  const { engine, baseUrl } = config;
  if (engine === 'embedded') return [pass('backend.probe', 'the voice inside this process speaks for it', { about })];
  const url = new URL(baseUrl ?? (engine === 'openai' ? OPENAI_SPEECH_URL : ELEVENLABS_URL));
  const findings = await reach(about, url, checks);
  if (findings.some(({ verdict }) => verdict === 'fail'))
    return [...findings, skip('backend.probe', 'it cannot be asked', { about })];
  return [...findings, await speak(about, config, checks)];
}

/** A word, up to its first audio. */
async function speak(about: string, config: SpeechEngineConfig, { clock }: BackendChecks): Promise<Finding> {
  const cancel = new AbortController();
  const late = clock.after(LIMITS.doctorCheckMs, () =>
    cancel.abort(ttsTimeout(config.engine, LIMITS.doctorCheckMs, false)),
  );
  const fromMs = clock.nowMs();
  try {
    await firstAudio(engineOf(config), cancel.signal);
    const figures = { firstAudioMs: Math.round(clock.nowMs() - fromMs) };
    const text = `it takes the key and the voice, and speaks after ${figures.firstAudioMs} ms`;
    return figures.firstAudioMs < SLOW_MS
      ? pass('backend.probe', text, { about, figures })
      : warn('backend.probe', text, 'take a faster model or a region that is nearer: callers wait for it', {
          about,
          figures,
        });
  } catch (error) {
    const { code, message } = asTalkspurtError(error);
    return fail('backend.probe', `${message} (${code})`, fixFor(code), { about });
  } finally {
    late.cancel();
    cancel.abort();
  }
}

async function firstAudio(engine: TtsEngine, signal: AbortSignal): Promise<void> {
  for await (const piece of engine.speak(WORD, signal)) if (piece.length > 0) return;
}

function engineOf({ engine, ...config }: SpeechEngineConfig): TtsEngine {
  const format = { codec: 'pcmu', sampleRateHz: 8000 } as const;
  return engine === 'openai'
    ? openAiSpeech(config)(format)
    : elevenLabsSpeech({ ...config, voice: config.voice ?? '' })(format);
}

function fixFor(code: string): string {
  if (code.endsWith('AUTH')) return 'put a valid key into apiKeyFile of this engine, of an account that may use it';
  if (code.endsWith('QUOTA') || code.endsWith('RATE_LIMIT')) return 'look at plan and credit of the account';
  return code.endsWith('REFUSED')
    ? 'look at voice and model: the engine does not know them'
    : 'look at the status page of the vendor, and at baseUrl';
}

/** `backends.NAME.speech` with its keys read, and what its engines refuse. */
import { asTalkspurtError } from '../core/errors.ts';
import { VOICES } from '../simulator/speech.ts';
import type { Voice } from '../simulator/speech.ts';
import { engineUrl } from '../speech/engine-url.ts';
import type { ConfigIssue } from './config-issue.ts';
import type { ConfigSecrets } from './config-secrets.ts';
import type { EngineDocument, SpeechDocument } from './config-speech.ts';

/** One engine, ready to be made. `apiKey` is a secret, empty where there is none. */
export type SpeechEngineConfig = Omit<EngineDocument, 'apiKey' | 'apiKeyFile'> & { readonly apiKey: string };

/** Whoever speaks for a backend. */
export type SpeechConfig = Omit<SpeechDocument, 'apiKey' | 'apiKeyFile' | 'fallback'> & {
  readonly apiKey: string;
  readonly fallback: SpeechEngineConfig | null;
};

/** The document's part with its keys read. */
export function speechConfig(document: SpeechDocument, backend: string, secrets: ConfigSecrets): SpeechConfig {
  const { fallback, ...first } = document;
  const path = ['backends', backend, 'speech'];
  return {
    ...withKey(first, path, secrets),
    fallback: fallback === undefined ? null : withKey(fallback, [...path, 'fallback'], secrets),
  };
}

/** What the engines themselves refuse. */
export function speechIssues(config: SpeechConfig, backend: string): ConfigIssue[] {
  const path = ['backends', backend, 'speech'];
  const { fallback } = config;
  return [...engineIssues(config, path), ...(fallback === null ? [] : engineIssues(fallback, [...path, 'fallback']))];
}

/** Every secret in it. */
export function speechSecrets(config: SpeechConfig | undefined): string[] {
  return config === undefined ? [] : [config.apiKey, config.fallback?.apiKey ?? ''];
}

/** Whether `voice` is one of the embedded engine's. */
export function isVoice(voice: string): voice is Voice {
  return (VOICES as readonly string[]).includes(voice);
}

function withKey<T extends EngineDocument>(
  { apiKey: plain, apiKeyFile: file, ...rest }: T,
  path: readonly string[],
  secrets: ConfigSecrets,
): Omit<T, 'apiKey' | 'apiKeyFile'> & { readonly apiKey: string } {
  const { engine, baseUrl } = rest;
  const lastVariable = engine === 'openai' ? 'OPENAI_API_KEY' : 'ELEVENLABS_API_KEY';
  const apiKey = secrets.read({
    path,
    words: path,
    key: 'apiKey',
    plain,
    file,
    // Another server is not sent the key that is meant for the vendor.
    ...(baseUrl === undefined && engine !== 'embedded' ? { lastVariable } : {}),
    optional: baseUrl !== undefined || engine === 'embedded',
  });
  return { ...rest, apiKey };
}

function engineIssues({ engine, ...config }: SpeechEngineConfig, path: readonly string[]): ConfigIssue[] {
  const { voice, speed, baseUrl, allowPlaintext } = config;
  const issue = (key: string, text: string): ConfigIssue => ({ path: [...path, key], text });
  const issues: ConfigIssue[] = [];
  if (engine === 'elevenlabs' && voice === undefined) issues.push(issue('voice', "is missing: give the voice's id"));
  if (engine === 'elevenlabs' && speed !== undefined && (speed < 0.7 || speed > 1.2)) {
    issues.push(issue('speed', 'is not 0.7 to 1.2, which elevenlabs can do'));
  }
  if (engine === 'embedded' && voice !== undefined && !isVoice(voice)) {
    issues.push(issue('voice', `is not one of ${VOICES.join(', ')}`));
  }
  if (engine === 'embedded' && speed !== undefined && speed > 1.5) {
    issues.push(issue('speed', 'is not 0.25 to 1.5, which the embedded voice can do'));
  }
  try {
    if (baseUrl !== undefined) engineUrl(engine, baseUrl, allowPlaintext);
  } catch (error) {
    issues.push(issue('baseUrl', `is not usable: ${asTalkspurtError(error).message}`));
  }
  return issues;
}

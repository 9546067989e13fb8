/** The set-up message, held to the vendor's own declarations, and what is refused before anything is dialled. */
import type { LiveClientSetup } from '@google/genai';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkGeminiSetup,
  geminiHeaders,
  geminiModel,
  geminiSecrets,
  geminiUrl,
} from '../../src/backend/gemini-config.ts';
import type { GeminiConfig } from '../../src/backend/gemini-config.ts';
import { rateOf, responseOf } from '../../src/backend/gemini-message.ts';
import { geminiSetup, geminiTurns } from '../../src/backend/gemini-setup.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';

const BARE: GeminiConfig = { apiKey: 'k', model: 'gemini-live' };

function setupOf(more: Partial<GeminiConfig>, occasion: Parameters<typeof geminiSetup>[1] = {}): LiveClientSetup {
  // As it goes over the wire; the cast is to what the vendor declares, which the assertions below are written in.
  return JSON.parse(JSON.stringify(geminiSetup({ ...BARE, ...more }, occasion))) as LiveClientSetup;
}

function fault(more: Partial<GeminiConfig>): { message: string; field: unknown } {
  try {
    geminiUrl({ ...BARE, ...more });
    checkGeminiSetup({ ...BARE, ...more });
  } catch (error) {
    const { code, message, details } = error as TalkspurtError;
    assert.is(code, 'ERR_TALKSPURT_CONFIG_INVALID');
    return { message, field: details['field'] };
  }
  throw new Error('nothing was refused');
}

test('the least that is asked for: audio, both transcripts, a session that goes on, and no end after a quarter of an hour', () => {
  const expected: LiveClientSetup = {
    model: 'models/gemini-live',
    generationConfig: { responseModalities: ['AUDIO' as never] },
    sessionResumption: {},
    contextWindowCompression: { slidingWindow: {} },
    inputAudioTranscription: {},
    outputAudioTranscription: {},
  };
  assert.equal(setupOf({}), expected);
});

test('everything that has a key', () => {
  const setup = setupOf(
    {
      ...{ model: 'models/gemini-live', voice: 'Puck', language: 'de-DE', instructions: 'Be brief.' },
      ...{
        temperature: 0.5,
        maxOutputTokens: 100,
        thinkingBudget: 0,
        inputTranscription: false,
        outputTranscription: false,
      },
      tools: [{ name: 'a', description: 'An a', parameters: { type: 'object', properties: {} } }, { name: 'b' }],
      turnDetection: {
        ...{ type: 'automatic', startSensitivity: 'high', endSensitivity: 'low' },
        ...{ prefixPaddingMs: 20, silenceDurationMs: 500 },
      },
      contextWindowCompression: { triggerTokens: 25_000, targetTokens: 10_000 },
    },
    { metadata: 'A member.', handle: 'h', tellsHistory: true },
  );
  const expected: LiveClientSetup = {
    model: 'models/gemini-live',
    generationConfig: {
      responseModalities: ['AUDIO' as never],
      speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Puck' } }, languageCode: 'de-DE' },
      ...{ temperature: 0.5, maxOutputTokens: 100, thinkingConfig: { thinkingBudget: 0 } },
    },
    systemInstruction: { parts: [{ text: 'Be brief.\n\nA member.' }] },
    tools: [
      {
        functionDeclarations: [
          { name: 'a', description: 'An a', parametersJsonSchema: { type: 'object', properties: {} } },
          { name: 'b' },
        ],
      },
    ],
    realtimeInputConfig: {
      automaticActivityDetection: {
        startOfSpeechSensitivity: 'START_SENSITIVITY_HIGH' as never,
        endOfSpeechSensitivity: 'END_SENSITIVITY_LOW' as never,
        ...{ prefixPaddingMs: 20, silenceDurationMs: 500 },
      },
    },
    sessionResumption: { handle: 'h' },
    contextWindowCompression: { triggerTokens: '25000', slidingWindow: { targetTokens: '10000' } },
    historyConfig: { initialHistoryInClientContent: true },
  };
  assert.equal(setup, expected);
});

test('what has no key goes under setup, and joins what has', () => {
  const setup = setupOf({
    tools: [{ name: 'a' }],
    contextWindowCompression: false,
    turnDetection: { type: 'none' },
    setup: { tools: [{ googleSearch: {} }], proactivity: { proactiveAudio: true }, generationConfig: { topP: 0.9 } },
  });
  assert.equal(setup.tools, [{ functionDeclarations: [{ name: 'a' }] }, { googleSearch: {} }]);
  assert.equal(setup.proactivity, { proactiveAudio: true });
  assert.equal(setup.generationConfig, { topP: 0.9, responseModalities: ['AUDIO' as never] });
  assert.equal(setup.realtimeInputConfig, { automaticActivityDetection: { disabled: true } });
  assert.is(setup.contextWindowCompression, undefined);
});

test('models with a place keep it', () => {
  assert.is(geminiModel({ model: 'gemini-x' }), 'models/gemini-x');
  assert.is(geminiModel({ model: 'models/gemini-x' }), 'models/gemini-x');
  assert.is(geminiModel({ model: 'publishers/google/models/x' }), 'publishers/google/models/x');
});

test('what is refused, with its field and without what may be a secret', () => {
  assert.is(fault({ url: 'nothing' }).field, 'url');
  assert.match(fault({ url: 'ws://far.example/x?key=hidden' }).message, 'readable');
  assert.not.match(fault({ url: 'ftp://far.example/x?key=hidden' }).message, 'hidden');
  assert.is(fault({ model: ' ' }).field, 'model');
  assert.match(
    fault({ setup: { sessionResumption: {} } }).message,
    'has sessionResumption, which has a key of its own',
  );
  assert.match(fault({ setup: { generationConfig: { temperature: 1 } } }).message, 'has temperature');
  assert.match(fault({ setup: { generationConfig: 'x' } }).message, 'not a mapping');
  const long = fault({ instructions: 'x'.repeat(LIMITS.geminiSetupBytes) });
  assert.match(long.message, `at most ${LIMITS.geminiSetupBytes}`);
});

test('the key goes in a header; a query of the address is as secret as it is', () => {
  assert.equal(geminiHeaders({ ...BARE, apiKey: 'secret' }), { 'x-goog-api-key': 'secret' });
  assert.equal(geminiHeaders({ ...BARE, apiKey: '', extraHeaders: { Authorization: 'Bearer t' } }), {
    Authorization: 'Bearer t',
  });
  assert.equal(geminiHeaders({ ...BARE, apiKey: '', url: 'ws://127.0.0.1/x' }), {});
  const secrets = geminiSecrets({ ...BARE, url: 'wss://x.example/?key=hidden', extraHeaders: { 'X-A': 'b' } });
  assert.equal(secrets, ['k', 'b', 'hidden']);
  assert.match(geminiUrl(BARE).href, /^wss:\/\/generativelanguage\.googleapis\.com\/ws\/.*BidiGenerateContent$/);
});

test('results, rates, and what was said before', () => {
  assert.equal(responseOf('{"a":1}'), { a: 1 });
  assert.equal(responseOf('[1]'), { output: [1] });
  assert.equal(responseOf('"x"'), { output: 'x' });
  assert.equal(responseOf('null'), { output: null });
  assert.equal(responseOf('no JSON'), { output: 'no JSON' });
  const rates = ['audio/pcm', 'audio/pcm;rate=24000', 'AUDIO/PCM; RATE=16000', 'audio/pcm;rate=', 'audio/l16'].map(
    rateOf,
  );
  assert.equal(rates, [24000, 24000, 16000, 0, null]);
  assert.equal(geminiTurns([{ by: 'agent', text: 'Hm.' }]), [{ role: 'model', parts: [{ text: 'Hm.' }] }]);
});

test.run();

import OpenAI from 'openai';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { elevenLabsSpeech } from '../../src/speech/elevenlabs-engine.ts';
import { embeddedSpeech } from '../../src/speech/embedded-engine.ts';
import { openAiSpeech } from '../../src/speech/openai-engine.ts';
import type { TtsEngine } from '../../src/speech/tts-engine.ts';
import { SpeechServices } from '../sim/speech-services.ts';

const PCMU: AudioFormat = { codec: 'pcmu', sampleRateHz: 8000 };
let services: SpeechServices;

test.before(async () => {
  services = await SpeechServices.listen();
});

test.after(() => services.close());

test.before.each(() => {
  services.behaviour = { kind: 'speak' };
  services.requests.length = 0;
  services.paths.length = 0;
  services.aborted = 0;
});

function openai(apiKey = 'sk-good-key', voice = 'alloy'): TtsEngine {
  return openAiSpeech({ apiKey, voice, baseUrl: services.url })(PCMU);
}

function elevenLabs(wanted = PCMU, given: { apiKey?: string; voice?: string } = {}): TtsEngine {
  const { apiKey = 'el-good-key', voice = 'v1' } = given;
  return elevenLabsSpeech({ apiKey, voice, baseUrl: services.elevenLabsUrl })(wanted);
}

async function bytesOf(engine: TtsEngine, text = 'Hello.', signal = new AbortController().signal): Promise<number> {
  let bytes = 0;
  for await (const piece of engine.speak(text, signal)) bytes += piece.length;
  return bytes;
}

async function failureOf(engine: TtsEngine): Promise<TalkspurtError> {
  try {
    await bytesOf(engine);
  } catch (error) {
    assert.instance(error, TalkspurtError);
    return error as TalkspurtError;
  }
  throw new Error('it did not fail');
}

test("the vendor's own client is content with the fake that ours is judged against", async () => {
  const client = new OpenAI({ apiKey: 'sk-x', baseURL: services.url, maxRetries: 0 });
  const spoken = await client.audio.speech.create({
    model: 'tts-1',
    voice: 'nova',
    input: 'Hi',
    response_format: 'pcm',
  });
  assert.is((await spoken.arrayBuffer()).byteLength, 4_800);
  const refused = await client.audio.speech
    .create({ model: 'tts-1', voice: 'x', input: 'Hi' })
    .catch((error: unknown) => error);
  assert.instance(refused, OpenAI.BadRequestError);
});

test('OpenAI is asked for PCM at 24 kHz, and its pieces are given as they come', async () => {
  const engine = openai();
  assert.equal(engine.format, { codec: 'l16', sampleRateHz: 24000 });
  assert.is(await bytesOf(engine), 4_800);
  const [request] = services.requests;
  assert.equal(
    [request?.model, request?.voice, request?.format, request?.text],
    ['gpt-4o-mini-tts', 'alloy', 'pcm', 'Hello.'],
  );
});

test("ElevenLabs is asked for the leg's own format, or for PCM at 24 kHz", async () => {
  const cases: [AudioFormat, string][] = [
    [PCMU, 'ulaw_8000'],
    [{ codec: 'pcma', sampleRateHz: 8000 }, 'alaw_8000'],
    [{ codec: 'l16', sampleRateHz: 8000 }, 'pcm_8000'],
    [{ codec: 'l16', sampleRateHz: 16000 }, 'pcm_16000'],
    [{ codec: 'l16', sampleRateHz: 24000 }, 'pcm_24000'],
    [{ codec: 'l16', sampleRateHz: 48000 }, 'pcm_24000'],
  ];
  for (const [wanted, format] of cases) {
    assert.is(await bytesOf(elevenLabs(wanted)), 4_800);
    assert.is(services.requests.at(-1)?.format, format);
  }
  const config = {
    apiKey: 'k',
    voice: 'a/b',
    baseUrl: services.elevenLabsUrl,
    speed: 1.1,
    stability: 0.4,
    similarityBoost: 0.5,
    language: 'de',
  };
  await bytesOf(elevenLabsSpeech(config)(PCMU));
  const { voice, body } = services.requests.at(-1)!;
  assert.is(voice, 'a/b');
  assert.equal(body, {
    text: 'Hello.',
    model_id: 'eleven_flash_v2_5',
    language_code: 'de',
    voice_settings: { speed: 1.1, stability: 0.4, similarity_boost: 0.5 },
  });
});

test('a wrong key is told as such, without the key', async () => {
  for (const engine of [openai('sk-wrong-key-1'), elevenLabs(PCMU, { apiKey: 'el-wrong-key-1' })]) {
    const error = await failureOf(engine);
    assert.is(error.code, 'ERR_TALKSPURT_TTS_AUTH');
    assert.not.match(JSON.stringify([error.message, error.details]), /wrong-key/);
    assert.is(error.details['apiCode'], 'invalid_api_key');
  }
});

const REFUSALS: readonly (readonly [string, number, unknown, unknown, string])[] = [
  [
    'no quota',
    429,
    { error: { message: 'm', type: 'insufficient_quota', code: 'insufficient_quota' } },
    null,
    'TTS_QUOTA',
  ],
  ['no quota', 401, null, { detail: { status: 'quota_exceeded', message: 'm' } }, 'TTS_QUOTA'],
  ['payment', 402, {}, { detail: { code: 'x', message: 'm' } }, 'TTS_QUOTA'],
  [
    'rate',
    429,
    { error: { message: 'm', type: 'requests', code: 'rate_limit_exceeded' } },
    { detail: { status: 'too_many_concurrent_requests' } },
    'TTS_RATE_LIMIT',
  ],
  ['text', 400, { error: { message: 'm' } }, { detail: { status: 'max_character_limit_exceeded' } }, 'TTS_REFUSED'],
  ['malformed', 422, null, { detail: [{ msg: 'x' }] }, 'TTS_REFUSED'],
  ['server', 500, {}, 'oops', 'TTS_FAILED'],
  ['gateway', 504, {}, {}, 'TTS_TIMEOUT'],
];

for (const [name, status, ofOpenAi, ofElevenLabs, code] of REFUSALS) {
  test(`${status} (${name}) is ${code}`, async () => {
    for (const [engine, body] of [
      [openai(), ofOpenAi],
      [elevenLabs(), ofElevenLabs],
    ] as const) {
      if (body === null) continue;
      services.behaviour = { kind: 'refuse', status, body, headers: { 'Retry-After': '7' } };
      const error = await failureOf(engine);
      assert.is(error.code, `ERR_TALKSPURT_${code}`);
      assert.is(error.details['retryAfterMs'], 7_000);
      assert.is(error.details['status'], status);
    }
  });
}

test('an answer that breaks off is a failure, and so is nobody there', async () => {
  services.behaviour = { kind: 'break', bytes: 1_000 };
  assert.is((await failureOf(openai())).code, 'ERR_TALKSPURT_TTS_FAILED');
  assert.is((await failureOf(elevenLabs())).code, 'ERR_TALKSPURT_TTS_FAILED');
  const gone = await SpeechServices.listen();
  const { url, elevenLabsUrl } = gone;
  await gone.close();
  const errors = [
    await failureOf(openAiSpeech({ apiKey: 'k', baseUrl: url })(PCMU)),
    await failureOf(elevenLabsSpeech({ apiKey: 'k', voice: 'v', baseUrl: elevenLabsUrl })(PCMU)),
  ];
  for (const error of errors) {
    assert.is(error.code, 'ERR_TALKSPURT_TTS_FAILED');
    assert.is(error.details['systemCode'], 'ECONNREFUSED');
  }
});

test('what says that it is no raw audio is not played', async () => {
  for (const type of [
    'text/html; charset=utf-8',
    'application/json',
    'audio/mpeg',
    'audio/wav',
    'application/xhtml+xml',
  ]) {
    services.behaviour = { kind: 'speak', type };
    for (const engine of [openai(), elevenLabs()]) {
      const error = await failureOf(engine);
      assert.equal([error.code, error.details['contentType']], ['ERR_TALKSPURT_TTS_FAILED', type]);
    }
  }
  services.behaviour = { kind: 'speak', type: 'application/octet-stream' };
  assert.equal([await bytesOf(openai()), await bytesOf(elevenLabs())], [4_800, 4_800]);
});

test('an abort ends the request at the server', async () => {
  services.behaviour = { kind: 'hang' };
  for (const [index, engine] of [openai(), elevenLabs()].entries()) {
    const stop = new AbortController();
    const spoken = bytesOf(engine, 'Hello.', stop.signal).catch((error: unknown) => error);
    await services.until(() => services.requests.length > index);
    stop.abort(new Error('the caller cut in'));
    assert.is(((await spoken) as Error).message, 'the caller cut in');
    await services.until(() => services.aborted > index);
  }
});

test('what is to be said follows nowhere', async () => {
  services.behaviour = { kind: 'redirect' };
  for (const engine of [openai(), elevenLabs()]) {
    assert.is((await failureOf(engine)).code, 'ERR_TALKSPURT_TTS_FAILED');
  }
  assert.not(services.paths.includes('/elsewhere'));
});

test('a refusal without end is not read to its end', async () => {
  services.behaviour = { kind: 'endless', status: 500 };
  for (const [index, engine] of [openai(), elevenLabs()].entries()) {
    const error = await failureOf(engine);
    assert.equal([error.code, error.details['status']], ['ERR_TALKSPURT_TTS_FAILED', 500]);
    await services.until(() => services.aborted > index);
  }
});

test('a moment to come back at is understood as one', async () => {
  const headers = { Date: 'Sun, 06 Nov 1994 08:49:37 GMT', 'Retry-After': 'Sun, 06 Nov 1994 08:50:07 GMT' };
  services.behaviour = { kind: 'refuse', status: 429, body: {}, headers };
  for (const engine of [openai(), elevenLabs()]) {
    assert.is((await failureOf(engine)).details['retryAfterMs'], 30_000);
  }
});

test('sound in a container that does not say so is not played', async () => {
  const rest = Buffer.alloc(2_000, 0x55);
  const type = 'application/octet-stream';
  for (const begin of ['RIFF\x24\0\0\0WAVEfmt ', 'ID3\x04', 'OggS', 'fLaC', '<!DOCTYPE html>', '{"error":']) {
    services.behaviour = { kind: 'bytes', type, audio: Buffer.concat([Buffer.from(begin, 'latin1'), rest]) };
    for (const engine of [openai(), elevenLabs()]) {
      assert.is((await failureOf(engine)).code, 'ERR_TALKSPURT_TTS_FAILED', begin);
    }
  }
  // Sound is left as it is, however little of it there is.
  for (const bytes of [1, 3, 4, 5, 1_001]) {
    services.behaviour = { kind: 'bytes', type, audio: rest.subarray(0, bytes) };
    assert.is(await bytesOf(openai()), bytes);
  }
});

test('addresses that would give the key away are refused', () => {
  const wrong = ['http://tts.example/v1', 'ftp://x', 'https://u:p@x/', 'https://x/?key=1', 'nonsense'];
  for (const baseUrl of wrong) {
    assert.throws(
      () => openAiSpeech({ apiKey: 'k', baseUrl }),
      (error: TalkspurtError) => error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
    );
    assert.throws(
      () => elevenLabsSpeech({ apiKey: 'k', voice: 'v', baseUrl }),
      (error: TalkspurtError) => !error.message.includes(baseUrl),
    );
  }
  openAiSpeech({ apiKey: '', baseUrl: 'http://tts.example/v1', allowPlaintext: true });
  for (const make of [() => openAiSpeech({ apiKey: '' }), () => elevenLabsSpeech({ apiKey: '', voice: 'v' })]) {
    assert.throws(make, (error: TalkspurtError) => error.code === 'ERR_TALKSPURT_SECRET_MISSING');
  }
});

test('a voice inside the process gives its samples in pieces', async () => {
  const samples = Int16Array.from({ length: 7_000 }, (_, index) => index);
  const source = (): Promise<{ samples: Int16Array; sampleRateHz: number }> =>
    Promise.resolve({ samples, sampleRateHz: 16_000 });
  const engine = embeddedSpeech({ voice: 'slt', sampleRateHz: 16_000, source })(PCMU);
  const pieces: Uint8Array[] = [];
  for await (const piece of engine.speak('x', new AbortController().signal)) pieces.push(piece);
  assert.is(pieces.length, 3);
  assert.equal(Buffer.concat(pieces), Buffer.from(samples.buffer));
  const other = embeddedSpeech({ voice: 'slt', sampleRateHz: 8_000, source })(PCMU);
  assert.is((await failureOf(other)).code, 'ERR_TALKSPURT_TTS_FAILED');
});

test.run();

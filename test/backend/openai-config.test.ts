import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { quietMsOf, realtimeUrl, requestHeaders, restUrl, secretsOf } from '../../src/backend/openai-config.ts';
import type { OpenAiRealtimeConfig } from '../../src/backend/openai-config.ts';
import { OpenAiRealtimeBackend } from '../../src/backend/openai-realtime.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { ManualClock } from './manual-clock.ts';

function config(more: Partial<OpenAiRealtimeConfig> = {}): OpenAiRealtimeConfig {
  return { model: 'gpt-realtime', apiKey: 'sk-abcdefgh', ...more };
}

function failure(run: () => unknown): TalkspurtError {
  try {
    run();
  } catch (error) {
    return error as TalkspurtError;
  }
  throw new Error('no error');
}

test('where it is dialled', () => {
  const cases: [string | undefined, string, string][] = [
    [undefined, 'wss://api.openai.com/v1/realtime?model=gpt-realtime', 'https://api.openai.com/v1'],
    [
      'wss://h.example/openai/v1/',
      'wss://h.example/openai/v1/realtime?model=gpt-realtime',
      'https://h.example/openai/v1/',
    ],
    ['https://h.example/v1', 'wss://h.example/v1/realtime?model=gpt-realtime', 'https://h.example/v1'],
    ['ws://127.0.0.1:9/v1', 'ws://127.0.0.1:9/v1/realtime?model=gpt-realtime', 'http://127.0.0.1:9/v1'],
    ['http://localhost:9', 'ws://localhost:9/realtime?model=gpt-realtime', 'http://localhost:9/'],
    ['ws://[::1]:9/v1', 'ws://[::1]:9/v1/realtime?model=gpt-realtime', 'http://[::1]:9/v1'],
    [
      'wss://h.example/v1?api-version=1',
      'wss://h.example/v1/realtime?api-version=1&model=gpt-realtime',
      'https://h.example/v1?api-version=1',
    ],
  ];
  for (const [baseUrl, realtime, rest] of cases) {
    assert.is(realtimeUrl(config({ baseUrl })).href, realtime);
    assert.is(restUrl(config({ baseUrl })).href, rest);
  }
  assert.is(realtimeUrl(config({ model: 'a b&c' })).search, '?model=a+b%26c');
});

test('what cannot be dialled is refused when the backend is made, and is not repeated', () => {
  const secret = 'sk-in-the-url';
  for (const baseUrl of [
    '',
    secret,
    `ftp://h/${secret}`,
    `wss://user:${secret}@h/v1`,
    `wss://h/v1#${secret}`,
    `ws://h.example/${secret}`,
  ]) {
    const error = failure(() => new OpenAiRealtimeBackend(config({ baseUrl, name: 'desk' }), new ManualClock()));
    assert.is(error.code, 'ERR_TALKSPURT_CONFIG_INVALID', baseUrl);
    assert.not.match(error.message, secret);
    assert.match(error.message, "backend 'desk'");
    assert.is(error.cause, undefined);
  }
  assert.is(failure(() => realtimeUrl(config({ model: '' }))).code, 'ERR_TALKSPURT_CONFIG_INVALID');
});

test('ws:// to another machine only when it is asked for', () => {
  assert.match(failure(() => realtimeUrl(config({ baseUrl: 'ws://10.0.0.1/v1' }))).message, 'allowPlaintext');
  assert.is(realtimeUrl(config({ baseUrl: 'ws://10.0.0.1/v1', allowPlaintext: true })).host, '10.0.0.1');
  for (const host of ['127.0.0.1.evil.example', 'localhost.evil.example']) {
    assert.is(failure(() => realtimeUrl(config({ baseUrl: `ws://${host}/` }))).code, 'ERR_TALKSPURT_CONFIG_INVALID');
  }
});

test('headers: the key as bearer; without one OpenAI itself is not asked at all', () => {
  assert.equal(requestHeaders(config()), { Authorization: 'Bearer sk-abcdefgh' });
  assert.equal(requestHeaders(config({ apiKey: '', baseUrl: 'ws://localhost/v1' })), {});
  assert.equal(requestHeaders(config({ apiKey: '', extraHeaders: { authorization: 'Bearer t' } })), {
    authorization: 'Bearer t',
  });
  const error = failure(() => requestHeaders(config({ apiKey: '' })));
  assert.is(error.code, 'ERR_TALKSPURT_SECRET_MISSING');
  assert.match(error.message, 'OPENAI_API_KEY_FILE');
});

test('every header value counts as a secret', () => {
  assert.equal(secretsOf(config({ extraHeaders: { 'api-key': 'azure-key', empty: '' } })), [
    'sk-abcdefgh',
    'azure-key',
  ]);
});

test('silence is long only when the server waits for the end of no turn any more', () => {
  const quietMs = (turnDetection?: OpenAiRealtimeConfig['turnDetection']): number =>
    quietMsOf(config({ turnDetection }));
  assert.is(quietMs(), 1_200);
  assert.is(quietMs({ type: 'none' }), 1_200);
  assert.is(quietMs({ type: 'server_vad', silenceDurationMs: 2_000 }), 2_700);
  // The longest that each waits: reference of the interface, `eagerness`.
  for (const [eagerness, ms] of [
    ['low', 8_000],
    ['medium', 4_000],
    ['high', 2_000],
    ['auto', 4_000],
  ] as const) {
    assert.ok(quietMs({ type: 'semantic_vad', eagerness }) > ms);
  }
  assert.is(quietMs({ type: 'semantic_vad' }), quietMs({ type: 'semantic_vad', eagerness: 'auto' }));
});

test.run();

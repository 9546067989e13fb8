/** Channel variables: each is taken within its bounds, and named once with what is taken instead beyond them. */
import { fc } from './chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CALL_VARIABLES, readCallVariables } from '../src/call-variables.ts';

const read = (variables: Record<string, string>): ReturnType<typeof readCallVariables> =>
  readCallVariables(new Map(Object.entries(variables)));

test('nothing set, nothing said', () => {
  assert.equal(read({ sip_from_user: '100' }), { session: {}, backend: {}, stream: {}, clamped: [] });
});

test('values within their bounds', () => {
  const { session, backend, stream, clamped } = read({
    AUDIO_STREAM_SAMPLING: '16000',
    AUDIO_STREAM_CHANNELS: '2',
    AUDIO_STREAM_RTP_PACKETS: '3',
    AUDIO_STREAM_INJECT_BUFFER_MS: '30000',
    AUDIO_STREAM_INJECT_MIN_BUFFER_MS: '0',
    AUDIO_STREAM_AI_OPENAI_MODEL: 'gpt-realtime-mini',
    AUDIO_STREAM_AI_VAD_THRESHOLD: '0.65',
    AUDIO_STREAM_AI_TEMPERATURE: '2',
    AUDIO_STREAM_AI_MAX_RESPONSE_TOKENS: '16384',
    AUDIO_STREAM_AI_ENABLE_BARGE_IN: 'no',
    AUDIO_STREAM_AI_COMPRESSOR_THRESHOLD_DB: '-24.5',
    STREAM_HEART_BEAT: '15',
    STREAM_EXTRA_HEADERS: '{"Authorization":"Bearer t0k","X-Call":"a b"}',
    STREAM_TLS_DISABLE_HOSTNAME_VALIDATION: 'true',
  });
  assert.equal(clamped, []);
  assert.equal(session, {
    playoutMaximumMs: 30_000,
    prebufferMs: 0,
    bargeIn: false,
    compressorThresholdDb: -24.5,
  });
  assert.equal(backend, {
    model: 'gpt-realtime-mini',
    vadThreshold: 0.65,
    temperature: 2,
    maxResponseTokens: 16_384,
  });
  assert.equal(stream, {
    sampleRateHz: 16_000,
    stereo: true,
    frameMs: 60,
    heartBeatMs: 15_000,
    extraHeaders: { Authorization: 'Bearer t0k', 'X-Call': 'a b' },
    tlsVerifyHost: false,
  });
});

test('a value out of bounds: the documented default, and one warning that names variable, value and result', () => {
  for (const [variable, value, result] of [
    ['AUDIO_STREAM_SAMPLING', '44100', '8000'],
    ['AUDIO_STREAM_INJECT_BUFFER_MS', '99', '5000'],
    ['AUDIO_STREAM_INJECT_BUFFER_MS', '30001', '5000'],
    ['AUDIO_STREAM_INJECT_MIN_BUFFER_MS', '5001', '40'],
    ['AUDIO_STREAM_MAX_AUDIO_BASE64_LEN', '999', '10000000'],
    ['AUDIO_STREAM_AI_VAD_THRESHOLD', '1.01', '0.5'],
    ['AUDIO_STREAM_AI_VAD_THRESHOLD', 'high', '0.5'],
    ['AUDIO_STREAM_AI_TEMPERATURE', '-0.1', '0.8'],
    ['AUDIO_STREAM_AI_MAX_RESPONSE_TOKENS', '0', '4096'],
    ['AUDIO_STREAM_AI_COMPRESSOR_THRESHOLD_DB', '1', '-18'],
    ['AUDIO_STREAM_AI_LPF_CUTOFF_HZ', '99', '3400'],
    ['AUDIO_STREAM_AI_ENABLE_BARGE_IN', 'perhaps', 'true'],
    ['STREAM_BUFFER_SIZE', '30', '20'],
    ['STREAM_HEART_BEAT', '1e3', '30'],
  ] as const) {
    const { clamped } = read({ [variable]: value });
    assert.equal(clamped, [{ variable, value, result }], `${variable}=${value}`);
  }
});

test('a default that was fallen back to is what the call is given', () => {
  assert.is(read({ AUDIO_STREAM_INJECT_BUFFER_MS: '1' }).session.playoutMaximumMs, 5_000);
  assert.is(read({ AUDIO_STREAM_AI_ENABLE_BARGE_IN: 'x' }).session.bargeIn, true);
});

test('headers are a secret, in a warning too; what is none is not taken', () => {
  for (const value of ['{"Authorization":7}', '{"a b":"c"}', '{"a":"b\\r\\nX: y"}', '{oops', '[]'.padEnd(9)]) {
    const { stream, clamped } = read({ STREAM_EXTRA_HEADERS: value });
    assert.is(stream.extraHeaders, undefined, value);
    assert.equal(clamped, [{ variable: 'STREAM_EXTRA_HEADERS', value: '[secret]', result: 'not set' }], value);
  }
});

test('whatever a variable holds: no throw, at most one warning for each, and a short one', () => {
  const names = fc.constantFrom(...Object.keys(CALL_VARIABLES));
  fc.assert(
    fc.property(fc.dictionary(names, fc.string({ unit: 'binary', maxLength: 200 })), (variables) => {
      const { clamped } = read(variables);
      assert.ok(clamped.length <= Object.keys(variables).length);
      for (const { value } of clamped) assert.ok(value.length <= 64 && !/\p{Cc}/u.test(value));
    }),
  );
});

test.run();

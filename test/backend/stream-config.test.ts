import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { streamSettings } from '../../src/backend/stream-config.ts';
import type { StreamConfig } from '../../src/backend/stream-config.ts';
import type { SampleRateHz } from '../../src/core/media.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import recorded from '../fixtures/freeswitch-transcripts/mod-audio-stream.json' with { type: 'json' };

const URL_OF_A_SERVER = 'ws://voice.example:9201/stream?token=hidden';

function settings(config: Partial<StreamConfig> = {}): ReturnType<typeof streamSettings> {
  return streamSettings({ url: URL_OF_A_SERVER, ...config });
}

function refused(config: Partial<StreamConfig>): TalkspurtError {
  try {
    settings(config);
  } catch (error) {
    return error as TalkspurtError;
  }
  throw new Error(`accepted: ${JSON.stringify(config)}`);
}

test('the defaults are the module’s', () => {
  const { mix, sampleRateHz, metadata, frameMs, pingMs, reconnectMax, headers, maxAudioBase64 } = settings();
  assert.equal(
    { mix, sampleRateHz, metadata, frameMs, pingMs, reconnectMax, headers, maxAudioBase64 },
    {
      mix: 'mono',
      sampleRateHz: 8000,
      metadata: null,
      frameMs: 20,
      pingMs: LIMITS.backendPingMs,
      reconnectMax: 0,
      headers: { Origin: 'http://voice.example:9201' },
      maxAudioBase64: 10_000_000,
    },
  );
  assert.equal(settings({ url: 'wss://voice.example/' }).headers, { Origin: 'https://voice.example' });
});

test('STREAM_BUFFER_SIZE as recorded from the module', () => {
  assert.ok(recorded.bufferSizes.length >= 6);
  for (const { value, sizes } of recorded.bufferSizes) {
    // 16 kHz mono: 32 bytes a millisecond.
    assert.equal(Object.keys(sizes), [String(Number(settings({ frameMs: value }).frameMs) * 32)]);
  }
  for (const frameMs of [0, -20, 19, 1020, 20.5, Number.NaN]) assert.is(settings({ frameMs }).frameMs, 20);
  assert.is(settings({ frameMs: 'adaptive' }).frameMs, 'adaptive');
});

test('what cannot be is refused, and nothing secret is shown', () => {
  const wrong: Partial<StreamConfig>[] = [
    { url: 'http://voice.example/' },
    { url: 'ws://user:hidden@voice.example/' },
    { url: 'ws://voice.example/#hidden' },
    { url: 'hidden' },
    { url: '' },
    { url: `ws://voice.example/${'a'.repeat(LIMITS.commandUrlBytes)}` },
    { allowPlaintext: false },
    { sampleRateHz: 11025 as SampleRateHz },
    { mix: 'hidden' as 'mono' },
    { reconnectMax: -1 },
    { reconnectMax: LIMITS.streamReconnects + 1 },
    { heartBeatMs: 5 },
    { maxAudioBase64: 999 },
    { maxAudioBase64: 10_000_001 },
    { metadata: 'x'.repeat(LIMITS.streamTextBytes + 1) },
    { extraHeaders: { 'X-A': 'hidden\r\nX-B: 1' } },
    { extraHeaders: { 'X A': 'hidden' } },
    { extraHeaders: { 'X-A': '→hidden' } },
    { extraHeaders: { Host: 'hidden' } },
    { extraHeaders: { 'sec-websocket-key': 'hidden' } },
  ];
  for (const config of wrong) {
    const error = refused(config);
    assert.is(error.code, 'ERR_TALKSPURT_CONFIG_INVALID', JSON.stringify(config));
    assert.not.match(`${error.message}${JSON.stringify(error.details)}`, 'hidden');
  }
});

test('plain ws:// within this machine is no secret told', () => {
  for (const host of ['127.0.0.1', 'localhost', '[::1]']) settings({ url: `ws://${host}/`, allowPlaintext: false });
});

test('headers are sent as given, and their values are secrets', () => {
  const { headers, secrets } = settings({
    extraHeaders: { Authorization: 'Bearer t0k', Origin: 'https://o', 'X-E': '' },
  });
  assert.equal(headers, { Origin: 'https://o', Authorization: 'Bearer t0k', 'X-E': '' });
  assert.equal(secrets, ['Bearer t0k', 'https://o']);
});

test.run();

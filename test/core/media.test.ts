/** Sizes of packets, against RFC 3551 (G.711: one octet a sample; L16: two) and the arithmetic of rate and time. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  PTIMES_MS,
  SAMPLE_RATES_HZ,
  bytesPerMs,
  bytesPerSample,
  describeAudio,
  frameBytes,
  frameSamples,
  isPtimeMs,
  isSampleRateHz,
  sameAudio,
} from '../../src/core/media.ts';
import type { Codec } from '../../src/core/media.ts';

const CODECS: readonly Codec[] = ['pcmu', 'pcma', 'l16'];

test('well-known packets have their well-known sizes', () => {
  assert.is(frameBytes({ codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 }), 160);
  assert.is(frameBytes({ codec: 'pcma', sampleRateHz: 8000, ptimeMs: 30 }), 240);
  assert.is(frameBytes({ codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 }), 320);
  assert.is(frameBytes({ codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 }), 640);
  assert.is(frameBytes({ codec: 'l16', sampleRateHz: 48000, ptimeMs: 10 }), 960);
  assert.is(frameSamples({ codec: 'l16', sampleRateHz: 24000, ptimeMs: 20 }), 480);
});

test('every packet is a whole number of samples, and its sizes agree', () => {
  for (const codec of CODECS) {
    for (const sampleRateHz of SAMPLE_RATES_HZ) {
      for (const ptimeMs of PTIMES_MS) {
        const format = { codec, sampleRateHz, ptimeMs };
        assert.ok(Number.isInteger(frameSamples(format)));
        assert.is(frameSamples(format) * 1000, sampleRateHz * ptimeMs);
        assert.is(frameBytes(format), frameSamples(format) * bytesPerSample(codec));
        assert.is(frameBytes(format), bytesPerMs(format) * ptimeMs);
      }
    }
  }
});

test('rates and packet durations outside the chain are told apart', () => {
  assert.equal([8000, 16000, 24000, 48000].map(isSampleRateHz), [true, true, true, true]);
  assert.equal([0, -8000, 8000.5, 11025, 32000, 44100, NaN].filter(isSampleRateHz), []);
  assert.equal([10, 20, 30, 40, 60].map(isPtimeMs), [true, true, true, true, true]);
  assert.equal([0, 5, 15, 20.5, 50, 120, NaN].filter(isPtimeMs), []);
});

test('two streams are the same when codec and rate are', () => {
  assert.ok(sameAudio({ codec: 'pcmu', sampleRateHz: 8000 }, { codec: 'pcmu', sampleRateHz: 8000 }));
  assert.not.ok(sameAudio({ codec: 'pcmu', sampleRateHz: 8000 }, { codec: 'pcma', sampleRateHz: 8000 }));
  assert.not.ok(sameAudio({ codec: 'l16', sampleRateHz: 8000 }, { codec: 'l16', sampleRateHz: 16000 }));
  assert.is(describeAudio({ codec: 'l16', sampleRateHz: 24000 }), 'l16/24000');
});

test.run();

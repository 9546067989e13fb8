import { randomBytes } from 'node:crypto';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readStreamMessage } from '../../src/backend/stream-message.ts';
import type { StreamMessage } from '../../src/backend/stream-message.ts';
import { readStreamWav } from '../../src/backend/stream-wav.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import recorded from '../fixtures/freeswitch-transcripts/mod-audio-stream.json' with { type: 'json' };

const RULES = { name: 's', maxAudioBase64: LIMITS.streamAudioBase64 };

function read(message: unknown): StreamMessage {
  return readStreamMessage(typeof message === 'string' ? message : JSON.stringify(message), RULES);
}

function sound(data: Record<string, unknown>): StreamMessage {
  return read({ type: 'streamAudio', data });
}

/** A WAV by the book: RIFF header, `fmt ` of 16 bytes (or as given), any extra chunks, `data`. */
function wav(options: {
  format?: number;
  channels?: number;
  rate?: number;
  bits?: number;
  data: Buffer;
  extra?: Buffer;
  dataLength?: number;
}): Buffer {
  const { format = 1, channels = 1, rate = 16000, bits = 16, data, extra = Buffer.alloc(0), dataLength } = options;
  const head = Buffer.alloc(36);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + extra.length + data.length, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(format, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE((rate * channels * bits) / 8, 28);
  head.writeUInt16LE((channels * bits) / 8, 32);
  head.writeUInt16LE(bits, 34);
  const dataHead = Buffer.alloc(8);
  dataHead.write('data', 0, 'latin1');
  dataHead.writeUInt32LE(dataLength ?? data.length, 4);
  return Buffer.concat([head, extra, dataHead, data]);
}

test('what the module passes on, and what it plays, is the same here', () => {
  const bodies = recorded.events.filter(({ event }) => event === 'mod_audio_stream::json').map(({ body }) => body);
  assert.ok(bodies.length >= 5);
  for (const body of bodies) assert.equal(read(body), { type: 'other' }, body);
  const play = recorded.events.find(({ event }) => event === 'mod_audio_stream::play')!;
  const { file, ...data } = JSON.parse(play.body) as Record<string, unknown>;
  assert.type(file, 'string');
  const message = sound({ ...data, audioData: 'AAAA' });
  assert.equal(message.type === 'audio' && JSON.parse(message.play), data);
});

test('raw, pcmu and pcma, with their rates', () => {
  const audioData = 'AQIDBA==';
  const bytes = Buffer.from([1, 2, 3, 4]);
  for (const sampleRate of [8000, 16000, 24000, 32000, 48000, 64000]) {
    const message = sound({ audioDataType: 'raw', sampleRate, audioData });
    assert.equal(message.type === 'audio' && message.sound, {
      codec: 'l16',
      sampleRateHz: sampleRate,
      channels: 1,
      bytes,
    });
  }
  for (const codec of ['pcmu', 'pcma'] as const) {
    const narrow = sound({ audioDataType: codec, audioData });
    assert.equal(narrow.type === 'audio' && narrow.sound, { codec, sampleRateHz: 8000, channels: 1, bytes });
    const wide = sound({ audioDataType: codec, sampleRate: 16000, audioData });
    assert.is(wide.type === 'audio' && wide.sound.sampleRateHz, 16000);
  }
  for (const data of [
    { audioDataType: 'raw', audioData },
    { audioDataType: 'raw', sampleRate: 11025, audioData },
    { audioDataType: 'raw', sampleRate: '8000', audioData },
    { audioDataType: 'pcmu', sampleRate: 11025, audioData },
    { audioDataType: 'raw', sampleRate: 8000, audioData: '' },
    { audioDataType: 'raw', sampleRate: 8000, audioData: 7 },
    { sampleRate: 8000, audioData },
  ]) {
    assert.equal(sound(data), { type: 'other' }, JSON.stringify(data));
  }
});

test('base64: with padding, without, with line breaks; nothing else', () => {
  const bytes = randomBytes(100);
  const text = bytes.toString('base64');
  const lines = text.replaceAll(/.{76}/g, '$&\r\n');
  for (const audioData of [text, text.replaceAll('=', ''), lines, bytes.toString('base64url')]) {
    const message = sound({ audioDataType: 'raw', sampleRate: 8000, audioData });
    assert.equal(message.type === 'audio' && message.sound.bytes, bytes, audioData);
  }
  for (const audioData of ['A', 'A===', '====', 'AA=A', 'AAAAA', 'AA*A', 'ÄÄÄÄ', 'AAA=\n=']) {
    const message = sound({ audioDataType: 'raw', sampleRate: 8000, audioData });
    assert.is(message.type === 'fault' && message.error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL', audioData);
  }
});

test('orders and marks', () => {
  for (const type of ['killAudio', 'break', 'clear']) assert.equal(read({ type }), { type: 'flush' });
  assert.equal(read({ type: 'clearMarks' }), { type: 'clear-marks' });
  assert.equal(read({ type: 'mark', data: { name: 'm1' } }), { type: 'mark', name: 'm1' });
  const long = 'x'.repeat(LIMITS.backendIdCharacters + 1);
  for (const data of [undefined, {}, { name: '' }, { name: 5 }, { name: long }, 'm1']) {
    assert.equal(read({ type: 'mark', data }), { type: 'other' });
  }
});

test('a WAV: its samples are found, whatever stands around them', () => {
  const data = randomBytes(64);
  const list = Buffer.concat([Buffer.from('LIST\x05\x00\x00\x00abcde\x00', 'latin1')]);
  const message = sound({
    audioDataType: 'wav',
    audioData: wav({ data, extra: list, rate: 24000 }).toString('base64'),
  });
  assert.equal(message.type === 'audio' && message.sound, {
    codec: 'l16',
    sampleRateHz: 24000,
    channels: 1,
    bytes: data,
  });
  // Who writes while it still speaks leaves the length open.
  assert.equal(readStreamWav(wav({ data, dataLength: 0xffffffff })).data, data);
  assert.equal(readStreamWav(wav({ data: Buffer.concat([data, Buffer.of(1)]), channels: 2 })).data, data);
  assert.is(readStreamWav(wav({ data, format: 6, bits: 8, rate: 8000 })).codec, 'pcma');
  assert.is(readStreamWav(wav({ data, format: 7, bits: 8, rate: 8000 })).codec, 'pcmu');
});

test('a WAV that cannot be used is a fault of one message', () => {
  const data = randomBytes(64);
  const bad = [
    Buffer.from('RIFF'),
    randomBytes(100),
    wav({ data, format: 3, bits: 32 }),
    wav({ data, bits: 24 }),
    wav({ data, channels: 3 }),
    wav({ data, rate: 44100 }),
    wav({ data }).subarray(0, 40),
    wav({ data, format: 0xfffe }),
  ];
  for (const bytes of bad) {
    const message = sound({ audioDataType: 'wav', audioData: bytes.toString('base64') });
    assert.is(message.type === 'fault' && message.error.code, 'ERR_TALKSPURT_WAV_INVALID');
  }
  const whole = wav({ data });
  for (let length = 0; length < whole.length - 64; length += 1) {
    assert.throws(
      () => readStreamWav(whole.subarray(0, length)),
      (error: unknown) => error instanceof TalkspurtError,
    );
  }
});

test('PROPERTY: audio survives its journey through JSON and base64', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 2000 }),
      fc.constantFrom(8000, 16000, 24000, 32000, 48000, 64000),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (bytes, sampleRate, extra) => {
        const audioData = Buffer.from(bytes).toString('base64');
        const message = sound({ ...extra, audioDataType: 'raw', sampleRate, audioData });
        if (message.type !== 'audio') return assert.unreachable(message.type);
        assert.equal([...message.sound.bytes], [...bytes]);
        assert.is(message.sound.sampleRateHz, sampleRate);
        assert.is(Object.hasOwn(JSON.parse(message.play) as object, 'audioData'), false);
      },
    ),
  );
});

test('PROPERTY: no text and no audio, however damaged, is more than one fault', () => {
  const whole = JSON.stringify({
    type: 'streamAudio',
    data: { audioDataType: 'wav', sampleRate: 8000, audioData: wav({ data: randomBytes(40) }).toString('base64') },
  });
  const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.string({ maxLength: 3 })), { maxLength: 6 });
  const damaged = damage.map((changes) =>
    changes.reduce((text, [at, put]) => text.slice(0, at) + put + text.slice(at + put.length), whole),
  );
  const anyData = fc.record({
    audioDataType: fc.oneof(fc.constantFrom('raw', 'wav', 'mp3', 'pcmu'), fc.jsonValue()),
    sampleRate: fc.oneof(fc.constantFrom(8000, 16000), fc.jsonValue()),
    audioData: fc.oneof(fc.base64String(), fc.string(), fc.jsonValue()),
  });
  const anything = fc.oneof(
    damaged,
    fc.string(),
    fc.json(),
    anyData.map((data) => JSON.stringify({ type: 'streamAudio', data })),
  );
  fc.assert(
    fc.property(anything, (text) => {
      const message = readStreamMessage(text, RULES);
      if (message.type === 'fault') assert.instance(message.error, TalkspurtError);
      if (message.type === 'audio') assert.ok(message.sound.bytes.length <= text.length);
    }),
    { numRuns: 500 },
  );
});

test.run();

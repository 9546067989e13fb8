import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioAppendMessage } from '../../src/backend/audio-append.ts';
import { GEMINI_WIRE } from '../../src/backend/gemini-message.ts';

test('says what JSON.stringify says, whatever length comes after whatever length', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 2000 }), { minLength: 1, maxLength: 8 }), (frames) => {
      const message = new AudioAppendMessage(160);
      for (const frame of frames) {
        const audio = Buffer.from(frame).toString('base64');
        assert.is(message.build(frame).toString(), JSON.stringify({ type: 'input_audio_buffer.append', audio }));
      }
    }),
  );
});

test('streams share the place: each message is whole when it is built, whoever built before', () => {
  const json = (frame: Uint8Array): string =>
    JSON.stringify({ type: 'input_audio_buffer.append', audio: Buffer.from(frame).toString('base64') });
  const [one, other] = [new AudioAppendMessage(160), new AudioAppendMessage(960)];
  const [short, long] = [new Uint8Array(160).fill(0x11), new Uint8Array(960).fill(0xee)];
  for (let n = 0; n < 3; n += 1) {
    assert.is(one.build(short).toString(), json(short));
    assert.is(other.build(long).toString(), json(long));
  }
});

test('a frame of the longest length, and longer ones, are built too', () => {
  const message = new AudioAppendMessage(160);
  for (const bytes of [5760, 5761, 5762, 9600, 160, 48000]) {
    const frame = Uint8Array.from({ length: bytes }, (_, n) => (n * 31) ^ (n >> 5));
    const audio = Buffer.from(frame).toString('base64');
    assert.is(message.build(frame).toString(), JSON.stringify({ type: 'input_audio_buffer.append', audio }));
  }
});

test('frames of one length are built in one place', () => {
  const message = new AudioAppendMessage(160);
  const first = message.build(new Uint8Array(160));
  assert.is(message.build(new Uint8Array(160).fill(7)), first);
});

/** What Gemini's message is, byte by byte. */
function geminiJson(frame: Uint8Array): string {
  const data = Buffer.from(frame).toString('base64');
  return JSON.stringify({ realtimeInput: { audio: { data, mimeType: 'audio/pcm;rate=16000' } } });
}

test('another dialect has its own head and tail, of any length of frame', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 6_000 }), { minLength: 1, maxLength: 8 }), (lengths) => {
      const message = new AudioAppendMessage(640, GEMINI_WIRE);
      for (const length of lengths) {
        const frame = Uint8Array.from({ length }, (_, n) => (n * 31) ^ (n >> 5));
        assert.is(message.build(frame).toString(), geminiJson(frame));
      }
    }),
  );
});

test('dialects share the place as streams do', () => {
  const [openai, gemini] = [new AudioAppendMessage(160), new AudioAppendMessage(640, GEMINI_WIRE)];
  const [short, long] = [new Uint8Array(160).fill(0x11), new Uint8Array(640).fill(0xee)];
  for (let n = 0; n < 3; n += 1) {
    const audio = Buffer.from(short).toString('base64');
    assert.is(openai.build(short).toString(), JSON.stringify({ type: 'input_audio_buffer.append', audio }));
    assert.is(gemini.build(long).toString(), geminiJson(long));
  }
});

for (const [dialect, make] of [
  ['OpenAI', () => [new AudioAppendMessage(160)]],
  ['Gemini', () => [new AudioAppendMessage(160, GEMINI_WIRE)]],
  ['both in turn', () => [new AudioAppendMessage(160), new AudioAppendMessage(160, GEMINI_WIRE)]],
] as const) {
  test(`building allocates nothing: ${dialect}`, () => allocatesNothing(make()));
}

function allocatesNothing(messages: readonly AudioAppendMessage[]): void {
  const frame = new Uint8Array(160).fill(0x55);
  const rounds = 20_000;
  let least = Number.POSITIVE_INFINITY;
  // The first rounds compile; a round in which the collector ran says nothing, so the best of several counts.
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < rounds; i += 1) messages[i % messages.length]!.build(frame);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown);
  }
  // A single object a frame would be 16 bytes or more.
  assert.ok(least / rounds < 4, `${least / rounds} bytes a frame`);
}

test.run();

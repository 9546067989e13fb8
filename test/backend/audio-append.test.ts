import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioAppendMessage } from '../../src/backend/audio-append.ts';

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

test('frames of one length are built in one place', () => {
  const message = new AudioAppendMessage(160);
  const first = message.build(new Uint8Array(160));
  assert.is(message.build(new Uint8Array(160).fill(7)), first);
});

test.run();

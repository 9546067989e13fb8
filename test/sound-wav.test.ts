/** WAV files read piece by piece against the same files read whole. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../src/core/errors.ts';
import { LIMITS } from '../src/limits.ts';
import { readWav, toMono, writeWav } from '../src/simulator/wav.ts';
import { WavSlices } from '../src/sound-wav.ts';

const samples = Int16Array.from({ length: 1_001 }, (_, n) => ((n * 7_919) % 65_536) - 32_768);
const stereo = writeWav({ sampleRateHz: 48_000, channels: [samples, samples.map((each) => -(each >> 1))] });
const mono = writeWav({ sampleRateHz: 22_050, channels: [samples] });

function chunk(name: string, body: Uint8Array, length = body.length): Uint8Array {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, body, new Uint8Array(body.length % 2)]);
}

/** `file` with chunks before its format and its data, and its data's length left open. */
function odd(file: Uint8Array, before: number): Uint8Array {
  const junk = Array.from({ length: before }, () => chunk('LIST', new Uint8Array(3)));
  const parts = [file.subarray(0, 12), ...junk, chunk('fmt ', file.subarray(20, 36)), chunk('cue ', new Uint8Array(4))];
  return Buffer.concat([...parts, chunk('data', file.subarray(44), 0xffff_ffff)]);
}

function refused(bytes: Uint8Array): string {
  try {
    return `it was taken, as ${new WavSlices(bytes).length} samples`;
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_TALKSPURT_WAV_INVALID') || hasCode(error, 'ERR_TALKSPURT_SOUND'), String(error));
    return error.message;
  }
}

test('any stretch of any file is what that stretch of the whole is', () => {
  for (const file of [stereo, mono, odd(stereo, 3), odd(mono, 100)]) {
    const whole = readWav(file);
    const wanted = toMono(whole);
    const slices = new WavSlices(file);
    assert.is(slices.sampleRateHz, whole.sampleRateHz);
    assert.is(slices.length, wanted.length);
    assert.equal(slices.read(0, slices.length), wanted);
    for (const cut of [1, 500, 1_000]) {
      assert.equal(slices.read(0, cut), wanted.slice(0, cut));
      assert.equal(slices.read(cut, slices.length), wanted.slice(cut));
    }
  }
});

test('a file that is cut off at any byte is audio to there, or says what is wrong', () => {
  for (let bytes = 0; bytes < 60; bytes += 1) {
    const cut = stereo.subarray(0, bytes);
    if (bytes < 44 + 4) assert.not.match(refused(cut), /it was taken/);
    else assert.is(new WavSlices(cut).length, Math.floor((bytes - 44) / 4));
  }
});

test('what is no WAV, or none that is read, is refused without decoding the rest', () => {
  assert.match(refused(Buffer.from('OggS')), /RIFF/);
  const wrongBlocks = Uint8Array.from(stereo);
  wrongBlocks[32] = 0;
  assert.match(refused(wrongBlocks), /blocks/);
  const wrongCode = Uint8Array.from(stereo);
  wrongCode[20] = 85;
  assert.match(refused(wrongCode), /format is 85/);
  assert.match(refused(odd(stereo, LIMITS.soundChunks)), /chunks/);
});

test.run();

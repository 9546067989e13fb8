import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import alawmulaw from 'alawmulaw';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { readWav, readWavFile, toMono, writeWav } from '../../src/simulator/wav.ts';

/** A file made by hand from the format's description, not by the writer under test. */
function fileOf(
  code: number,
  bits: number,
  channels: number,
  rateHz: number,
  data: Buffer,
  parts: { extensible?: boolean; before?: Buffer; dataLength?: number; block?: number } = {},
): Buffer {
  const fmt = Buffer.alloc(parts.extensible === true ? 40 : 16);
  fmt.writeUInt16LE(parts.extensible === true ? 0xfffe : code, 0);
  fmt.writeUInt16LE(channels, 2);
  fmt.writeUInt32LE(rateHz, 4);
  fmt.writeUInt32LE((rateHz * channels * bits) / 8, 8);
  fmt.writeUInt16LE(parts.block ?? (channels * bits) / 8, 12);
  fmt.writeUInt16LE(bits, 14);
  if (parts.extensible === true) {
    fmt.writeUInt16LE(22, 16);
    fmt.writeUInt16LE(bits, 18);
    fmt.writeUInt16LE(code, 24);
  }
  const chunk = (name: string, body: Buffer, length = body.length): Buffer => {
    const head = Buffer.alloc(8);
    head.write(name, 'latin1');
    head.writeUInt32LE(length, 4);
    return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
  };
  const body = Buffer.concat([
    Buffer.from('WAVE'),
    parts.before ?? Buffer.alloc(0),
    chunk('fmt ', fmt),
    chunk('data', data, parts.dataLength),
  ]);
  return chunk('RIFF', body);
}

function rejects(bytes: Uint8Array, fault: RegExp): void {
  try {
    readWav(bytes);
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_TALKSPURT_WAV_INVALID'), String(error));
    assert.match(error.message, fault);
    return;
  }
  assert.unreachable('it was read');
}

test('integer PCM of every width comes out as its upper sixteen bits', () => {
  const eight = readWav(fileOf(1, 8, 1, 8000, Buffer.from([0, 128, 255])));
  assert.equal([...(eight.channels[0] ?? [])], [-32768, 0, 32512]);
  const sixteen = readWav(fileOf(1, 16, 1, 16000, Buffer.from([0x34, 0x12, 0x00, 0x80])));
  assert.equal([...(sixteen.channels[0] ?? [])], [0x1234, -32768]);
  assert.is(sixteen.sampleRateHz, 16000);
  const twentyFour = readWav(fileOf(1, 24, 1, 8000, Buffer.from([0xff, 0x34, 0x12, 0, 0, 0x80])));
  assert.equal([...(twentyFour.channels[0] ?? [])], [0x1234, -32768]);
  const thirtyTwo = readWav(fileOf(1, 32, 1, 8000, Buffer.from([0xff, 0xff, 0x34, 0x12])));
  assert.equal([...(thirtyTwo.channels[0] ?? [])], [0x1234]);
});

test('float is rounded and clipped, and what is not a number is silence', () => {
  const data = Buffer.alloc(20);
  [0.5, -1, 2, Number.NaN, -Infinity].forEach((value, i) => data.writeFloatLE(value, i * 4));
  assert.equal([...(readWav(fileOf(3, 32, 1, 8000, data)).channels[0] ?? [])], [16384, -32768, 32767, 0, -32768]);
  const wide = Buffer.alloc(8);
  wide.writeDoubleLE(-0.25);
  assert.equal([...(readWav(fileOf(3, 64, 1, 8000, wide)).channels[0] ?? [])], [-8192]);
});

test('G.711 is what an independent codec says, code for code', () => {
  const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const mu = readWav(fileOf(7, 8, 1, 8000, Buffer.from(codes)));
  assert.equal([...(mu.channels[0] ?? [])], [...alawmulaw.mulaw.decode(codes)]);
  const a = readWav(fileOf(6, 8, 1, 8000, Buffer.from(codes)));
  assert.equal([...(a.channels[0] ?? [])], [...alawmulaw.alaw.decode(codes)]);
});

test('the extensible header, strange chunks, odd lengths and an open end are read', () => {
  const data = Buffer.from([1, 0, 2, 0, 3, 0]);
  const strange = Buffer.from('LIST\x03\0\0\0abc\0', 'latin1');
  for (const parts of [{ extensible: true }, { before: strange }, { dataLength: 0xffffffff }]) {
    assert.equal([...(readWav(fileOf(1, 16, 1, 8000, data, parts)).channels[0] ?? [])], [1, 2, 3]);
  }
});

test('two channels are told apart, and mixed to their mean', () => {
  const audio = readWav(fileOf(1, 16, 2, 8000, Buffer.from([10, 0, 20, 0, 30, 0, 41, 0])));
  assert.equal(
    audio.channels.map((channel) => [...channel]),
    [
      [10, 30],
      [20, 41],
    ],
  );
  assert.equal([...toMono(audio)], [15, 35]);
});

test('each fault is named with its cure', () => {
  const data = Buffer.alloc(8);
  rejects(Buffer.from('hello'), /RIFF … WAVE: give a WAV file/);
  rejects(Buffer.from('RIFF\0\0\0\0AVI LIST', 'latin1'), /RIFF … WAVE/);
  rejects(fileOf(1, 16, 1, 8000, Buffer.alloc(0)), /no audio: record/);
  rejects(fileOf(1, 16, 1, 8000, data).subarray(0, 36), /no data chunk: record/);
  rejects(Buffer.from('RIFF\x10\0\0\0WAVEdata\x04\0\0\0abcd', 'latin1'), /no format chunk before its data: convert/);
  rejects(fileOf(1, 16, 6, 8000, Buffer.alloc(24)), /6 channels: give one or two/);
  rejects(fileOf(1, 16, 1, 100, data), /100 Hz: give 4000 to/);
  rejects(fileOf(85, 16, 1, 8000, data), /format is 85 with 16 bits: convert/);
  rejects(fileOf(1, 12, 1, 8000, data), /with 12 bits: convert/);
  rejects(fileOf(1, 16, 1, 8000, data, { block: 4 }), /blocks have 4 bytes instead of 2/);
  rejects(new Uint8Array(LIMITS.wavBytes + 1), /larger than \d+ bytes: cut/);
});

test('whatever the bytes are, the answer is audio or a typed error', () => {
  const good = fileOf(1, 16, 2, 8000, Buffer.alloc(64, 7));
  const damaged = fc.tuple(
    fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
    fc.nat(good.length),
  );
  const check = (bytes: Uint8Array): void => {
    try {
      const { channels, sampleRateHz } = readWav(bytes);
      assert.ok(sampleRateHz >= 4000 && channels.length <= 2 && (channels[0]?.length ?? 0) > 0);
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_WAV_INVALID'), String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 500 });
  fc.assert(
    fc.property(damaged, ([changes, length]) => {
      const bytes = Uint8Array.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      check(bytes.subarray(0, length));
    }),
    { numRuns: 2000 },
  );
});

test('what is written is read back, and the shorter channel ends in silence', () => {
  const samples = fc.int16Array({ minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(samples, samples, fc.constantFrom(8000, 16000, 24000, 44100), (left, right, sampleRateHz) => {
      const audio = readWav(writeWav({ sampleRateHz, channels: [left, right] }));
      const length = Math.max(left.length, right.length);
      const filled = (channel: Int16Array): number[] => Array.from({ length }, (_, i) => channel[i] ?? 0);
      assert.is(audio.sampleRateHz, sampleRateHz);
      assert.equal(
        audio.channels.map((channel) => [...channel]),
        [filled(left), filled(right)],
      );
    }),
  );
  for (const channels of [[], [new Int16Array(1), new Int16Array(1), new Int16Array(1)]]) {
    assert.throws(
      () => writeWav({ sampleRateHz: 8000, channels }),
      (e: unknown) => hasCode(e, 'ERR_TALKSPURT_WAV_INVALID'),
    );
  }
  assert.throws(
    () => writeWav({ sampleRateHz: 0.5, channels: [new Int16Array(1)] }),
    (e: unknown) => hasCode(e, 'ERR_TALKSPURT_WAV_INVALID'),
  );
});

test('the written header says, field by field, what the format wants', () => {
  const bytes = Buffer.from(writeWav({ sampleRateHz: 8000, channels: [Int16Array.of(1, -2), Int16Array.of(3, 4)] }));
  assert.is(bytes.length, 52);
  assert.is(bytes.toString('latin1', 0, 4), 'RIFF');
  assert.is(bytes.readUInt32LE(4), 44);
  assert.is(bytes.toString('latin1', 8, 16), 'WAVEfmt ');
  const fields = [bytes.readUInt32LE(16), bytes.readUInt16LE(20), bytes.readUInt16LE(22), bytes.readUInt32LE(24)];
  assert.equal(fields, [16, 1, 2, 8000]);
  assert.equal([bytes.readUInt32LE(28), bytes.readUInt16LE(32), bytes.readUInt16LE(34)], [32000, 4, 16]);
  assert.is(bytes.toString('latin1', 36, 40), 'data');
  assert.is(bytes.readUInt32LE(40), 8);
  assert.equal([...bytes.subarray(44)], [1, 0, 3, 0, 0xfe, 0xff, 4, 0]);
});

test('files: sox reads what is written, and a file that cannot be read is a typed error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'talkspurt-wav-'));
  try {
    const path = join(folder, 'a.wav');
    await writeFile(path, writeWav({ sampleRateHz: 16000, channels: [new Int16Array(16000)] }));
    assert.is((await readWavFile(path)).channels[0]?.length, 16000);
    for (const wrong of [join(folder, 'none.wav'), folder]) {
      const error = await readWavFile(wrong).catch((reason: unknown) => reason);
      assert.ok(hasCode(error, 'ERR_TALKSPURT_WAV_INVALID'));
      assert.match(error.message, /cannot be read \((ENOENT|EISDIR)\): check/);
    }
    try {
      assert.is(execFileSync('sox', ['--i', '-D', path], { encoding: 'utf8' }).trim(), '1.000000');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      process.stdout.write('sox is not installed: its opinion is left out\n');
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();

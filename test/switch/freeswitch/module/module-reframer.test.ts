import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediaFormat } from '../../../../src/core/media.ts';
import { ModuleReframer } from '../../../../src/switch/freeswitch/module/module-reframer.ts';
import { ramp } from './module-rig.ts';

const FORMAT: MediaFormat = { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 };

interface Cut {
  readonly channel: number;
  readonly frame: Uint8Array;
  readonly number: number;
  readonly timestamp: number;
}

function cutter(channels: 1 | 2): { readonly cuts: Cut[]; readonly reframer: ModuleReframer } {
  const cuts: Cut[] = [];
  const reframer = new ModuleReframer(FORMAT, channels, (channel, frame, number, timestamp) => {
    cuts.push({ channel, frame: Uint8Array.from(frame), number, timestamp });
  });
  return { cuts, reframer };
}

function cutInto(messages: readonly Uint8Array[], channels: 1 | 2 = 1): Cut[] {
  const { cuts, reframer } = cutter(channels);
  for (const message of messages) reframer.push(message);
  return cuts;
}

test('messages of one frame go through, numbered', () => {
  const cuts = cutInto([ramp(1, 160), ramp(161, 160)]);
  assert.equal(
    cuts.map(({ number, timestamp }) => [number, timestamp]),
    [
      [1, 160],
      [2, 320],
    ],
  );
  assert.equal(cuts[1]?.frame, ramp(161, 160));
});

test('two and a half frames, whole and split at every byte, are the same frames', () => {
  const all = ramp(1, 400);
  const whole = cutInto([all]);
  assert.is(whole.length, 2);
  for (let at = 0; at <= all.length; at += 1) {
    assert.equal(cutInto([all.subarray(0, at), all.subarray(at)]), whole, `split at ${at}`);
  }
  assert.equal(cutInto(Array.from(all, (byte) => Uint8Array.of(byte))), whole);
});

test('the recorded sizes of one second all give fifty frames', () => {
  // STREAM_BUFFER_SIZE 20, 40, 100, 200, 1000 at 8 kHz, and what a fork gathers.
  for (const size of [320, 640, 1600, 3200, 16000, 1001, 7]) {
    const bytes = ramp(0, 8000);
    const messages: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) messages.push(bytes.subarray(at, at + size));
    const cuts = cutInto(messages);
    assert.is(cuts.length, 50, `${size}`);
    assert.equal(Buffer.concat(cuts.map(({ frame }) => frame)), Buffer.from(bytes));
  }
});

test('stereo comes apart: left is the caller, right the other side, with the same numbers', () => {
  const bytes = new Uint8Array(160 * 4 * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 320; i += 1) {
    view.setInt16(i * 4, i, true);
    view.setInt16(i * 4 + 2, -i, true);
  }
  const whole = cutInto([bytes], 2);
  assert.equal(
    whole.map(({ channel, number }) => [channel, number]),
    [
      [0, 1],
      [1, 1],
      [0, 2],
      [1, 2],
    ],
  );
  assert.equal(whole[2]?.frame, ramp(160, 160));
  assert.is(new DataView(whole[3]!.frame.buffer).getInt16(2, true), -161);
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.equal(cutInto([bytes.subarray(0, at), bytes.subarray(at)], 2), whole, `split at ${at}`);
  }
});

test('it holds less than a frame, and counts round', () => {
  const { cuts, reframer } = cutter(1);
  const frame = ramp(0, 160);
  for (let i = 0; i < 65536; i += 1) reframer.push(frame);
  assert.is(cuts.at(-1)?.number, 0);
  assert.is(cuts.at(-2)?.number, 65535);
  reframer.push(new Uint8Array(319));
  assert.is(reframer.carriedBytes, 319);
  reframer.push(new Uint8Array(0));
  reframer.push(new Uint8Array(1));
  assert.is(reframer.carriedBytes, 0);
});

test.run();

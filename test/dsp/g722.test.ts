/** G.722 as a call uses it: what comes back from a round trip, streams and their borders, and the pool. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import type { G722Codec } from '../../src/dsp/g722.ts';
import { G722Pool } from '../../src/dsp/g722.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import type { WireCodec } from '../../src/transport/rtp-wire-format.ts';
import { anyCodes, SIGNALS } from './g722-signals.ts';
import { sayWide } from './speech.ts';
import { sine } from './wire.ts';

const pool = await G722Pool.create({ size: 8 });
const dsp = await loadDsp();
/** Both filters together, in samples: what comes out belongs to what went in so long ago. */
const DELAY = 22;

const bytes = (pcm: Int16Array): Uint8Array => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const samples = (of: Uint8Array): Int16Array => new Int16Array(of.slice().buffer);
const signal = (name: string): Uint8Array => bytes((SIGNALS[name] as () => Int16Array)());

/** The whole of `pcm`, in frames of `ms` of which the last may be short. */
function encode(codec: WireCodec, pcm: Uint8Array, ms = 20): Uint8Array {
  const out = new Uint8Array(pcm.length / 4);
  const step = ms * 8;
  for (let at = 0; at < out.length; at += step) {
    codec.encode(pcm.subarray(at * 4, (at + step) * 4), out.subarray(at, at + step));
  }
  return out;
}

function decode(codec: WireCodec, wire: Uint8Array, ms = 20): Uint8Array {
  const out = new Uint8Array(wire.length * 4);
  const step = ms * 8;
  for (let at = 0; at < wire.length; at += step) {
    codec.decode(wire.subarray(at, at + step), out.subarray(at * 4, (at + step) * 4));
  }
  return out;
}

function using<T>(work: (codec: G722Codec) => T): T {
  const codec = pool.acquire();
  try {
    return work(codec);
  } finally {
    codec.release();
  }
}

const roundTrip = (pcm: Int16Array): Int16Array => using((codec) => samples(decode(codec, encode(codec, bytes(pcm)))));

/** Power of the signal over that of what was added to it, dB. */
function signalToNoise(pcm: Int16Array, heard: Int16Array): number {
  let [power, noise] = [0, 0];
  for (let n = 0; n + DELAY < pcm.length; n += 1) {
    const said = pcm[n] ?? 0;
    power += said ** 2;
    noise += ((heard[n + DELAY] ?? 0) - said) ** 2;
  }
  return 10 * Math.log10(power / noise);
}

test('speech comes back at 20 dB or better, at any level', () => {
  // Sibilants cost more: two bits carry everything above 4 kHz.
  for (const voice of ['rms', 'slt', 'awb'] as const) {
    const pcm = sayWide('Hello, how may I help you this morning? I am only a machine.', voice);
    assert.ok(pcm.length > 32_000);
    for (const gain of [1, 0.1]) {
      const level = pcm.map((value) => value * gain);
      const ratio = signalToNoise(level, roundTrip(level));
      assert.ok(ratio >= 20, `${voice} times ${gain}: ${ratio.toFixed(1)} dB`);
    }
  }
});

test('it is wide: tones from 100 Hz to 7 kHz pass within 0.5 dB', () => {
  for (const hz of [100, 300, 1000, 3000, 3900, 4100, 5000, 6000, 7000]) {
    const pcm = sine(hz, 16_000, 0, 16_000, 8000);
    const heard = roundTrip(pcm);
    const level = (of: Int16Array): number => of.subarray(1600).reduce((sum, value) => sum + value ** 2, 0);
    const change = 10 * Math.log10(level(heard) / level(pcm));
    assert.ok(Math.abs(change) < 0.5, `${hz} Hz: ${change.toFixed(2)} dB`);
  }
});

test('full scale does not wrap', () => {
  const pcm = sine(440, 16_000, 0, 16_000, 32_767);
  const ratio = signalToNoise(pcm, roundTrip(pcm));
  assert.ok(ratio >= 20, `${ratio.toFixed(1)} dB`);
  const peak = samples(signal('square'));
  const ofSquare = signalToNoise(peak, roundTrip(peak));
  assert.ok(ofSquare > 3, `square: ${ofSquare.toFixed(1)} dB`);
});

test('silence stays silent, at the start and after a shout', () => {
  const pcm = new Int16Array(32_000);
  pcm.set(samples(signal('shout')).subarray(0, 16_000));
  const peak = (of: Int16Array): number => of.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(peak(roundTrip(new Int16Array(16_000))) <= 4);
  assert.ok(peak(roundTrip(pcm).subarray(20_000)) <= 8);
});

test('any cut into frames gives the same bytes, and so do whole arrays', () => {
  const pcm = signal('speech');
  const wire = using((codec) => encode(codec, pcm));
  const heard = using((codec) => decode(codec, wire));
  assert.equal(dsp.encodeG722(samples(pcm)), wire);
  assert.equal(bytes(dsp.decodeG722(wire)), heard);
  for (const ms of [0.125, 1, 10, 30, 60, 180, 190, 2000]) {
    assert.equal(
      using((codec) => encode(codec, pcm, ms)),
      wire,
      `${ms} ms`,
    );
    assert.equal(
      using((codec) => decode(codec, wire, ms)),
      heard,
      `${ms} ms`,
    );
  }
});

test('calls and directions that take turns hear only themselves', () => {
  const [one, other] = [signal('speech'), signal('noise')];
  const expected = using((codec) => encode(codec, one));
  const expectedOther = using((codec) => encode(codec, other));
  const decoded = using((codec) => decode(codec, anyCodes()));
  const [a, b] = [pool.acquire(), pool.acquire()];
  const [wireA, wireB, pcmB] = [new Uint8Array(160), new Uint8Array(160), new Uint8Array(640)];
  for (let frame = 0; frame < 100; frame += 1) {
    const cut = (of: Uint8Array, size: number): Uint8Array => of.subarray(frame * size, frame * size + size);
    a.encode(cut(one, 640), wireA);
    b.decode(cut(anyCodes(), 160), pcmB);
    b.encode(cut(other, 640), wireB);
    assert.equal(wireA, cut(expected, 160));
    assert.equal(wireB, cut(expectedOther, 160));
    assert.equal(pcmB, cut(decoded, 640));
  }
  a.release();
  b.release();
});

test('after frames that never came the decoder falls back into step', () => {
  const wire = using((codec) => encode(codec, signal('shout')));
  const whole = samples(using((codec) => decode(codec, wire)));
  const rest = samples(
    using((codec) => Buffer.concat([decode(codec, wire.subarray(0, 3200)), decode(codec, wire.subarray(3680))])),
  );
  const [late, expected] = [rest.subarray(-16_000), whole.subarray(-16_000)];
  const power = expected.reduce((sum, value) => sum + value ** 2, 0);
  const error = expected.reduce((sum, value, n) => sum + (value - (late[n] ?? NaN)) ** 2, 0);
  assert.ok(10 * Math.log10(power / error) > 40, `${(10 * Math.log10(power / error)).toFixed(1)} dB`);
});

test('a reset begins both streams anew', () => {
  using((codec) => {
    const wire = encode(codec, signal('speech'));
    const heard = decode(codec, wire);
    assert.not.equal(encode(codec, signal('speech')), wire);
    assert.not.equal(decode(codec, wire), heard);
    codec.reset();
    assert.equal(encode(codec, signal('speech')), wire);
    assert.equal(decode(codec, wire), heard);
  });
});

test('arrays that do not fit each other: the shorter one counts, the rest is not touched', () => {
  const pcm = signal('speech');
  const wire = using((codec) => encode(codec, pcm.subarray(0, 640)));
  using((codec) => {
    const out = new Uint8Array(161).fill(9);
    codec.encode(pcm.subarray(0, 322), out);
    codec.encode(new Uint8Array(3), out.subarray(80));
    codec.encode(pcm.subarray(320, 960), out.subarray(80, 160));
    assert.equal(out.subarray(0, 160), wire);
    assert.is(out[160], 9);
  });
  const heard = using((codec) => decode(codec, wire));
  using((codec) => {
    const out = new Uint8Array(323).fill(9);
    codec.decode(wire, out);
    assert.equal(out.subarray(0, 320), heard.subarray(0, 320));
    assert.equal([...out.subarray(320)], [9, 9, 9]);
    codec.decode(wire.subarray(0, 0), out);
    codec.decode(wire.subarray(80), out);
    assert.equal(out.subarray(0, 320), heard.subarray(320));
  });
});

test('bounded: one more is refused; a released codec is of no more use and makes room once', async () => {
  const small = await G722Pool.create({ size: 2 });
  assert.is(small.size, 2);
  assert.is(small.inUse, 0);
  const first = small.acquire();
  const wire = encode(first, signal('speech'));
  small.acquire();
  assert.is(small.inUse, 2);
  assert.throws(
    () => small.acquire(),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_DSP_POOL_EMPTY') && error.retryable,
  );
  first.release();
  assert.is(small.inUse, 1);
  const next = small.acquire();
  first.release();
  assert.is(small.inUse, 2);

  const out = new Uint8Array(640).fill(7);
  first.decode(wire.subarray(0, 160), out);
  first.encode(out, out);
  first.reset();
  assert.equal(out, new Uint8Array(640).fill(7));
  assert.equal(encode(next, signal('speech')), wire, 'the next one starts anew');
});

test('a codec that ends in the middle of others changes nothing for them', () => {
  const pcm = signal('shout');
  const wire = using((codec) => encode(codec, pcm));
  using((codec) => {
    const first = encode(codec, pcm.subarray(0, 6400));
    using((other) => encode(other, pcm));
    assert.equal(Buffer.concat([first, encode(codec, pcm.subarray(6400))]), Buffer.from(wire));
  });
});

test('a size that is no positive integer is refused', async () => {
  for (const size of [0, -1, 1.5, Number.NaN]) {
    try {
      await G722Pool.create({ size });
      assert.unreachable(String(size));
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_DSP_OPTIONS'));
    }
  }
});

test.run();

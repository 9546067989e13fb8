/** Keys in band against the limits of ITU-T Q.24 (and AT&T's of the same annex): what has to be heard and what must not be. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { say } from '../dsp/speech.ts';
import { toBytes, toSamples } from '../dsp/wire.ts';
import { CoreInstance } from './core-instance.ts';
import { chance, gaussian } from './line-noise.ts';

const core = new CoreInstance();
const { exports } = core;
/** ITU-T Q.23. */
const LOW_HZ = [697, 770, 852, 941];
const HIGH_HZ = [1209, 1336, 1477, 1633];
const KEYS = '123A456B789C*0#D';

interface Press {
  readonly key: number;
  readonly ms: number;
  readonly lowDbm0?: number;
  readonly highDbm0?: number;
  readonly lowOff?: number;
  readonly highOff?: number;
}

/** One press after `leadMs`, by the formula, then 150 ms of pause. A full-scale sine has 3.17 dBm0. */
function press(p: Press, leadMs = 31.4, noise = 0, seed = 1): Float64Array {
  const amplitude = (dBm0: number): number => 32767 * 10 ** ((dBm0 - 3.17) / 20);
  const [low, high] = [amplitude(p.lowDbm0 ?? -10), amplitude(p.highDbm0 ?? -10)];
  const lowHz = LOW_HZ[p.key >> 2]! * (1 + (p.lowOff ?? 0));
  const highHz = HIGH_HZ[p.key & 3]! * (1 + (p.highOff ?? 0));
  const next = gaussian(seed);
  return Float64Array.from({ length: Math.ceil((leadMs + p.ms + 150) / 20) * 160 }, (_, n) => {
    const ms = n / 8 - leadMs;
    const tone =
      ms < 0 || ms >= p.ms
        ? 0
        : low * Math.sin((2 * Math.PI * lowHz * n) / 8000 + 1) +
          high * Math.sin((2 * Math.PI * highHz * n) / 8000 + seed);
    return tone + noise * next();
  });
}

const wire = (pcm: ArrayLike<number>): Int16Array => {
  const saturated = Int16Array.from(pcm, (x) => Math.max(-32768, Math.min(32767, Math.round(x))));
  return toSamples('pcmu', toBytes('pcmu', saturated));
};

interface Heard {
  readonly key: string;
  readonly ms: number;
}

function listen(pcm: Int16Array, size = 160): Heard[] {
  exports.dtmfStart();
  const out: Heard[] = [];
  for (let at = 0; at + size <= pcm.length; at += size) {
    core.samples(core.to, size).set(pcm.subarray(at, at + size));
    const answer = exports.dtmfHear(core.to, size);
    if (answer !== 0) out.push({ key: String.fromCharCode(answer & 0xff), ms: answer >> 8 });
  }
  return out;
}

const keysOf = (heard: readonly Heard[]): string => heard.map(({ key }) => key).join('');

/** How many of the sixteen keys, at several places in the frame, are heard. */
function share(make: (key: number, leadMs: number) => Float64Array): number {
  let [heard, all] = [0, 0];
  for (let key = 0; key < 16; key += 1) {
    for (const leadMs of [30, 31.1, 32.3, 33.6, 34.9]) {
      const keys = keysOf(listen(wire(make(key, leadMs))));
      if (keys === KEYS[key]) heard += 1;
      else assert.is(keys, '', `${KEYS[key]} was heard as ${keys}`);
      all += 1;
    }
  }
  return heard / all;
}

test('all sixteen keys, once each, with their durations', () => {
  for (let key = 0; key < 16; key += 1) {
    for (const ms of [60, 100, 250, 1000]) {
      const heard = listen(wire(press({ key, ms })));
      assert.is(keysOf(heard), KEYS[key]);
      assert.ok(Math.abs((heard[0]?.ms ?? 0) - ms) <= 10, `${ms} ms are taken for ${heard[0]?.ms}`);
    }
  }
});

test('40 ms are a key and 23 ms are none, wherever they begin', () => {
  assert.is(
    share((key, leadMs) => press({ key, ms: 40 }, leadMs)),
    1,
  );
  assert.is(
    share((key, leadMs) => press({ key, ms: 23 }, leadMs)),
    0,
  );
});

test('1.5 % beside the frequency is a key and 3.5 % is none, in quiet and in noise 20 dB down', () => {
  for (const noise of [0, 700]) {
    for (const [a, b] of [
      [1, 1],
      [-1, -1],
      [1, -1],
      [-1, 1],
      [1, 0],
      [0, 1],
      [-1, 0],
      [0, -1],
    ] as const) {
      const off = (by: number) => (key: number, leadMs: number) =>
        press({ key, ms: 50, lowOff: a * by, highOff: b * by }, leadMs, noise, key + 2);
      assert.is(share(off(0.015)), 1, `1.5 %: ${a} ${b}, noise ${noise}`);
      assert.is(share(off(0.035)), 0, `3.5 %: ${a} ${b}, noise ${noise}`);
    }
  }
});

test('the low tone may be 8 dB above the high one, the high one 4 dB above the low', () => {
  const twist = (lowDbm0: number, highDbm0: number) => (key: number, leadMs: number) =>
    press({ key, ms: 50, lowDbm0, highDbm0 }, leadMs);
  assert.is(share(twist(-8, -16)), 1);
  assert.is(share(twist(-12, -8)), 1);
  assert.is(share(twist(-8, -20)), 0, '12 dB');
  assert.is(share(twist(-16, -8)), 0, '8 dB the other way');
});

test('levels from −3 to −25 dBm0 for each tone; −35 is none', () => {
  const level = (dBm0: number) => (key: number, leadMs: number) =>
    press({ key, ms: 50, lowDbm0: dBm0, highDbm0: dBm0 }, leadMs);
  for (const dBm0 of [-3.2, -6, -10, -20, -25]) assert.is(share(level(dBm0)), 1, `${dBm0} dBm0`);
  assert.is(share(level(-35)), 0);
});

test('noise 12 dB below the key does not hide it', () => {
  // −10 dBm0 twice: an amplitude of 7,200 each.
  assert.is(
    share((key, leadMs) => press({ key, ms: 60 }, leadMs, 1800, key + 1)),
    1,
  );
});

/** A key, a break, the same key. */
function twice(key: number, gapMs: number, leadMs: number): Float64Array {
  const first = press({ key, ms: 70 }, leadMs).subarray(0, Math.round((leadMs + 70 + gapMs) * 8));
  return Float64Array.from([...first, ...press({ key, ms: 70 }, 0)]);
}

test('a break of 10 ms does not make two keys of one; a pause of 40 ms does', () => {
  for (let key = 0; key < 16; key += 1) {
    for (const leadMs of [30, 31.7, 33.3]) {
      assert.is(keysOf(listen(wire(twice(key, 10, leadMs)))), KEYS[key]);
      assert.is(keysOf(listen(wire(twice(key, 40, leadMs)))), `${KEYS[key]}${KEYS[key]}`);
    }
  }
});

test('ten keys a second in a row, however the frames are cut', () => {
  const next = chance(4);
  const dialled = Array.from({ length: 40 }, () => Math.floor(Math.abs(next()) * 16));
  const pcm = wire(Float64Array.from(dialled.flatMap((key) => [...press({ key, ms: 50 }, 10).subarray(0, 800)])));
  const padded = Int16Array.from([...pcm, ...new Int16Array(960)]);
  const wanted = dialled.map((key) => KEYS[key]).join('');
  for (const size of [80, 160, 240, 320]) assert.is(keysOf(listen(padded, size)), wanted);
});

test('sentences are no keys', () => {
  for (const voice of ['rms', 'slt', 'awb'] as const) {
    for (const text of [
      'The quick brown fox jumps over the lazy dog while seven wizards quickly jinxed the gnomes.',
      'Please call two four six, eight oh nine. We were away a year ago, and you knew who it was.',
    ]) {
      for (const gain of [1, 3])
        assert.equal(listen(wire(say(text, voice).map((x) => x * gain))), [], `${voice}: ${text}`);
    }
  }
});

test('25 minutes of recorded people are no keys', () => {
  const folder = fileURLToPath(new URL('../../.cache/asterisk/root/usr/share/asterisk/sounds/en', import.meta.url));
  if (!existsSync(folder)) return;
  let seconds = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.wav'),
  )) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf('data') + 8;
    const pcm = new Int16Array(
      bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + ((bytes.length - at) & ~1)),
    );
    seconds += pcm.length / 8000;
    assert.equal(listen(pcm), [], name);
  }
  assert.ok(seconds > 600, `${seconds} s`);
});

test('any samples: no key out of nothing, and never past the frame', () => {
  const list = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 160, maxLength: 1600 });
  fc.assert(
    fc.property(list, (samples) => {
      const heard = listen(Int16Array.from(samples));
      assert.ok(heard.every(({ key, ms }) => KEYS.includes(key) && ms > 0));
    }),
    { numRuns: 100, seed: 21 },
  );
});

/** What the generator writes, in frames of `size`. */
function dialled(digits: string, rateHz: number, toneMs: number, gapMs: number, size: number): Int16Array {
  core.bytes(exports.DIAL_DIGITS.value, digits.length).set(Buffer.from(digits, 'ascii'));
  exports.dialStart(digits.length, toneMs, gapMs, 4000, 5000, rateHz);
  const out: number[] = [];
  while (exports.dialling() === 1) {
    exports.dialWrite(core.to, size);
    out.push(...core.samples(core.to, size));
  }
  return Int16Array.from(out);
}

test('what is dialled is the tones of Q.23, sample for sample, at every rate', () => {
  for (const rateHz of [8000, 16000, 24000, 48000]) {
    for (let key = 0; key < 16; key += 1) {
      const pcm = dialled(KEYS[key]!, rateHz, 50, 50, rateHz / 50);
      const edge = (2 * rateHz) / 1000;
      for (let n = edge; n < rateHz * 0.05 - edge; n += 1) {
        const turn = (hz: number): number => Math.sin((2 * Math.PI * hz * n) / rateHz);
        const wanted = 4000 * turn(LOW_HZ[key >> 2]!) + 5000 * turn(HIGH_HZ[key & 3]!);
        assert.ok(Math.abs(pcm[n]! - wanted) < 0.51, `${KEYS[key]} at ${rateHz} Hz, sample ${n}`);
      }
      assert.ok(pcm.subarray(rateHz * 0.05).every((x) => x === 0));
    }
  }
});

test('what is dialled is heard, with pauses, however it is cut', () => {
  const whole = dialled('159*w0#DW7', 8000, 80, 60, 160);
  assert.is(keysOf(listen(Int16Array.from([...whole, ...new Int16Array(960)]))), '159*0#D7');
  const seconds = (8 * 140 + 500 + 1000) / 1000;
  assert.ok(Math.abs(whole.length / 8000 - seconds) <= 0.02);
  const fine = dialled('159*w0#DW7', 8000, 80, 60, 80);
  assert.equal(whole.subarray(0, fine.length), fine.subarray(0, whole.length));
});

test('a call dials in band in place of its agent, over any leg, and what is out of bounds is refused', () => {
  const bare = new CoreInstance();
  const { exports: call } = bare;
  for (const codec of [call.CODEC_PCMU.value, call.CODEC_PCMA.value, call.CODEC_L16.value]) {
    bare.bytes(call.DIAL_DIGITS.value, 2).set(Buffer.from('47'));
    call.configure(codec, 8000, 20, codec, 8000, codec, 8000, 2, 0);
    const silent = bare.bytes(call.SAID.value, 320);
    for (const [count, tone, gap, low, high] of [
      [0, 80, 80, 4000, 5000],
      [65, 80, 80, 4000, 5000],
      [2, 39, 80, 4000, 5000],
      [2, 80, 4001, 4000, 5000],
      [2, 80, 80, Number.NaN, 5000],
      [2, 80, 80, 4000, 16001],
    ] as const) {
      assert.is(call.dial(count, tone, gap, low, high), 0);
    }
    assert.is(call.dial(2, 80, 80, 4000, 5000), 1);
    assert.is(call.dial(2, 80, 80, 4000, 5000), 0, 'one at a time');
    const sent: number[] = [];
    for (let frame = 0; frame < 18; frame += 1) {
      silent.fill(0x23);
      call.render(frame % 3 === 0 ? 160 : 0);
      const bytes = bare.bytes(call.SAID.value, codec === call.CODEC_L16.value ? 320 : 160).slice();
      const name = codec === call.CODEC_PCMU.value ? 'pcmu' : codec === call.CODEC_PCMA.value ? 'pcma' : 'l16';
      if (call.dialling() === 1 || frame < 16) sent.push(...toSamples(name, bytes));
    }
    assert.is(keysOf(listen(Int16Array.from([...sent, ...new Int16Array(960)]))), '47');
    assert.is(call.dialling(), 0);
  }
});

test.run();

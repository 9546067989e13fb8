/** ITU-T G.711, exhaustively: all 256 codes and all 65,536 samples, against the tables of the Recommendation. */
import * as alawmulaw from 'alawmulaw';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();

/** Table 2a (µ-law), 14-bit: decision values x(1) … x(128) by segment: where each begins, and its step. */
const ULAW_SEGMENTS = [
  { first: 31, step: 4, ends: 95 },
  { first: 95, step: 8, ends: 223 },
  { first: 223, step: 16, ends: 479 },
  { first: 479, step: 32, ends: 991 },
  { first: 991, step: 64, ends: 2015 },
  { first: 2015, step: 128, ends: 4063 },
  { first: 4063, step: 256, ends: 8159 },
];

/** Table 1a (A-law), 13-bit: segment 1 begins at 0 and has twice the intervals. */
const ALAW_SEGMENTS = [
  { first: 0, step: 2, ends: 64 },
  { first: 64, step: 4, ends: 128 },
  { first: 128, step: 8, ends: 256 },
  { first: 256, step: 16, ends: 512 },
  { first: 512, step: 32, ends: 1024 },
  { first: 1024, step: 64, ends: 2048 },
  { first: 2048, step: 128, ends: 4096 },
];

function decisions(segments: typeof ULAW_SEGMENTS): number[] {
  const values: number[] = [];
  for (const { first, step, ends } of segments) for (let x = first; x < ends; x += step) values.push(x);
  return values;
}

/** Lower decision value of interval 0 … 127, and the quantised value of each, in units of the 16-bit sample. */
const ulawDecisions = [0, ...Array.from({ length: 15 }, (_, n) => 2 * n + 1), ...decisions(ULAW_SEGMENTS)];
const alawDecisions = decisions(ALAW_SEGMENTS);

const LAWS = [
  {
    name: 'ulaw',
    scale: 4,
    decisions: ulawDecisions,
    top: 8159,
    // y(0) is 0: the first interval is centred on the origin.
    value: (low: number, high: number) => (low === 0 ? 0 : (low + high) / 2),
    code: (negative: boolean, n: number) => (negative ? 0x7f : 0xff) - n,
    decode: core.exports.decodeUlaw,
    encode: core.exports.encodeUlaw,
  },
  {
    name: 'alaw',
    scale: 8,
    decisions: alawDecisions,
    top: 4096,
    value: (low: number, high: number) => (low + high) / 2,
    code: (negative: boolean, n: number) => ((negative ? 0 : 0x80) | n) ^ 0x55,
    decode: core.exports.decodeAlaw,
    encode: core.exports.encodeAlaw,
  },
];

/** All samples, `count` to a call: counts below 16 take the path of single samples. */
function encodeAll(encode: (to: number, from: number, samples: number) => void, count = 2048): Uint8Array {
  const codes = new Uint8Array(65536);
  for (let at = 0; at < 65536; at += count) {
    const samples = Math.min(count, 65536 - at);
    core.samples(core.from, samples).set(Array.from({ length: samples }, (_, i) => at + i - 32768));
    encode(core.to, core.from, samples);
    codes.set(core.bytes(core.to, samples), at);
  }
  return codes;
}

for (const law of LAWS) {
  test(`${law.name}: has the 128 intervals of the Recommendation`, () => {
    assert.is(law.decisions.length, 128);
  });

  test(`${law.name}: decodes all 256 codes`, () => {
    for (let n = 0; n < 128; n += 1) {
      const value = law.value(law.decisions[n] ?? 0, law.decisions[n + 1] ?? law.top) * law.scale;
      for (const negative of [false, true]) {
        core.bytes(core.from, 32).fill(law.code(negative, n));
        law.decode(core.to, core.from, 32);
        const [sample] = core.samples(core.to, 1);
        assert.is(Math.abs((sample ?? NaN) - (negative ? -value : value)), 0, `interval ${n}, negative ${negative}`);
      }
    }
  });

  test(`${law.name}: encodes all 65,536 samples`, () => {
    const codes = encodeAll(law.encode);
    for (let sample = -32768; sample < 32768; sample += 1) {
      const negative = sample < 0;
      const magnitude = Math.abs(sample) / law.scale;
      // What lies on a decision value belongs to the interval above it, save a negative one in A-law (see g711.ts).
      const onlyAbove = negative && law.name === 'alaw';
      let n = 127;
      while (n > 0 && !((law.decisions[n] ?? 0) < magnitude || (!onlyAbove && law.decisions[n] === magnitude))) n -= 1;
      assert.is(codes[sample + 32768], law.code(negative, n), `sample ${sample}`);
    }
  });

  test(`${law.name}: every code survives decoding and encoding`, () => {
    core.bytes(core.from, 256).set(Array.from({ length: 256 }, (_, code) => code));
    law.decode(core.to, core.from, 256);
    core.samples(core.from, 256).set(core.samples(core.to, 256));
    law.encode(core.to, core.from, 256);
    for (let code = 0; code < 256; code += 1) {
      // µ-law has two zeros, and linear samples only one.
      const expected = law.name === 'ulaw' && code === 0x7f ? 0xff : code;
      assert.is(core.bytes(core.to, 256)[code], expected);
    }
  });

  test(`${law.name}: a count that is no multiple of 16 gives the same, and touches nothing behind`, () => {
    const all = encodeAll(law.encode);
    assert.equal(encodeAll(law.encode, 15), all);
    for (const count of [0, 1, 7, 15, 17, 33, 85]) {
      const input = Array.from({ length: count }, (_, i) => ((i * 7919) % 65536) - 32768);
      core.samples(core.from, count).set(input);
      core.bytes(core.to, 200).fill(0xa7);
      law.encode(core.to, core.from, count);
      assert.equal(
        [...core.bytes(core.to, count)],
        input.map((sample) => all[sample + 32768]),
      );
      assert.ok(core.bytes(core.to + count, 200 - count).every((byte) => byte === 0xa7));

      core.bytes(core.from, count).set(input.map((sample) => sample & 255));
      core.bytes(core.to, 200).fill(0xa7);
      law.decode(core.to, core.from, count);
      const scalar = [...core.samples(core.to, count)];
      assert.ok(core.bytes(core.to + 2 * count, 200 - 2 * count).every((byte) => byte === 0xa7));
      law.decode(core.to, core.from, 160);
      assert.equal([...core.samples(core.to, count)], scalar);
    }
  });
}

test('agrees with an independent implementation wherever that one follows the Recommendation', () => {
  // Its typings describe named exports; Node finds them on the default one.
  const { mulaw, alaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;
  const ulaw = encodeAll(core.exports.encodeUlaw);
  const all = Int16Array.from({ length: 65536 }, (_, i) => i - 32768);
  assert.equal(ulaw, mulaw.encode(all));

  const ours = encodeAll(core.exports.encodeAlaw);
  const theirs = alaw.encode(all);
  const differing = [...all].filter((_, i) => ours[i] !== theirs[i]);
  // Only on negative decision values, where the Recommendation leaves the choice.
  assert.ok(differing.every((sample) => sample < 0 && alawDecisions.includes(-sample / 8)));
});

test.run();

/** Stages from one form to another: any bytes, any count; nothing before or behind is read or written, and a new start is new. */
import { fc } from '../../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from '../core-instance.ts';
import { anyRate } from './stage-harness.ts';

const core = new CoreInstance();
const { exports } = core;
const AROUND = 64;
const from = exports.SCRATCH_PCM.value + AROUND;
const to = exports.CAPTURE_PCM.value + AROUND;

/** Puts `input` where a stage reads, other bytes around both places, and returns what `work` wrote: as many bytes as it says. */
function through(input: Uint8Array, pattern: number, mostBytes: number, work: () => number): Uint8Array {
  core.bytes(from - AROUND, input.length + 2 * AROUND).fill(pattern);
  core.bytes(from, input.length).set(input);
  core.bytes(to - AROUND, mostBytes + 2 * AROUND).fill(pattern);
  const made = work();
  assert.ok(made <= mostBytes, `${made} bytes, at most ${mostBytes}`);
  assert.ok(
    core.bytes(to - AROUND, AROUND).every((x) => x === pattern),
    'writes before its result',
  );
  assert.ok(
    core.bytes(to + made, mostBytes - made + AROUND).every((x) => x === pattern),
    'writes behind its result',
  );
  assert.equal(core.bytes(from, input.length).slice(), input, 'changes what it reads');
  return core.bytes(to, made).slice();
}

const bytes = (most: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: most, size: 'max' });
const laws = [
  { name: 'µ-law', encode: exports.encodeUlaw, decode: exports.decodeUlaw },
  { name: 'A-law', encode: exports.encodeAlaw, decode: exports.decodeAlaw },
];

for (const { name, encode, decode } of laws) {
  test(`${name}: decoding and encoding again changes no code but −0; nothing else is touched`, () => {
    fc.assert(
      fc.property(bytes(2600), fc.nat(255), (codes, pattern) => {
        const pcm = through(codes, pattern, codes.length * 2, () => {
          decode(to, from, codes.length);
          return codes.length * 2;
        });
        const samples = new Int16Array(pcm.buffer, 0, codes.length);
        assert.ok(samples.every((x) => Math.abs(x) <= 32_256));
        const again = through(pcm, pattern, codes.length, () => {
          encode(to, from, codes.length);
          return codes.length;
        });
        again.forEach((code, n) => assert.ok(code === codes[n] || samples[n] === 0, `${code} of ${codes[n]}`));
      }),
      { numRuns: 150 },
    );
  });
}

const cuts = fc.array(fc.integer({ min: 0, max: 480 }), { minLength: 1, maxLength: 8 });

test('G.722: any codes and samples, any cut, also in a state that is any bytes', () => {
  const states = [exports.G722_ENCODER.value, exports.G722_DECODER.value];
  const size = exports.G722_STATE_BYTES.value;
  const fresh = new CoreInstance();
  fc.assert(
    fc.property(cuts, fc.integer(), fc.nat(255), fc.boolean(), (counts, seed, pattern, spoiled) => {
      for (const state of states) {
        const bytesOfState = core.bytes(state, size);
        if (spoiled)
          fc.sample(fc.uint8Array({ minLength: size, maxLength: size }), { seed, numRuns: 1 }).forEach((x) =>
            bytesOfState.set(x),
          );
        else bytesOfState.set(fresh.bytes(state, size));
      }
      const runs = [pattern, pattern ^ 0xff].map((around) => {
        const kept = states.map((state) => core.bytes(state, size).slice());
        let random = seed;
        const out = counts.map((count) => {
          const input = Uint8Array.from({ length: count * 4 }, () => {
            random = (Math.imul(random, 1_664_525) + 1_013_904_223) | 0;
            return random >>> 24;
          });
          const codes = through(input, around, count, () => {
            exports.encodeG722(to, from, count);
            return count;
          });
          const pcm = through(codes, around, count * 4, () => {
            exports.decodeG722(to, from, count);
            return count * 4;
          });
          return [...codes, ...pcm];
        });
        states.forEach((state, n) => core.bytes(state, size).set(kept[n]!));
        return out;
      });
      assert.equal(runs[0], runs[1], 'what lies around changes the result');
    }),
    { numRuns: 60 },
  );
});

test('resampling: as many samples as the rates say, from any cut; a new start is new', () => {
  const used = new CoreInstance();
  const pieces = fc.array(fc.integer({ min: 0, max: 440 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(anyRate, anyRate, fc.nat(2), pieces, fc.integer(), (fromHz, toHz, resampling, sizes, seed) => {
      const runs = [core, used].map((instance, n) => {
        if (n === 1) {
          // Whatever it was before.
          instance.exports.resampleStart(48_000, 8000, (resampling + 1) % 3);
          instance.samples(instance.from, 480).fill(-32_768);
          instance.exports.resample(instance.to, instance.from, 473);
        }
        assert.is(instance.exports.resampleStart(fromHz, toHz, resampling), 1);
        let [made, taken, random] = [0, 0, seed];
        const out: number[] = [];
        for (const size of sizes) {
          const [at, target] = [instance.from + AROUND, instance.to + AROUND];
          instance.bytes(at - AROUND, 2 * size + 2 * AROUND).fill(n === 0 ? 0 : 0xa7);
          const room = Math.ceil(((size + 5) * toHz) / fromHz) * 2;
          instance.bytes(target - AROUND, room + 2 * AROUND).fill(0x5b);
          instance.samples(at, size).forEach((_, i, all) => {
            random = (Math.imul(random, 1_664_525) + 1_013_904_223) | 0;
            all[i] = random & 64 ? (random >> 31) ^ 32_767 : random >> 16;
          });
          const more = instance.exports.resample(target, at, size);
          assert.ok(more * 2 <= room, `${more} samples of ${size}`);
          assert.ok(
            instance.bytes(target - AROUND, AROUND).every((x) => x === 0x5b),
            'writes before its result',
          );
          assert.ok(
            instance.bytes(target + more * 2, AROUND).every((x) => x === 0x5b),
            'writes behind its result',
          );
          out.push(...instance.samples(target, more));
          made += more;
          taken += size;
        }
        const due = (taken * toHz) / fromHz;
        assert.ok(made <= due && made > due - (6 * toHz) / fromHz - 6, `${made} of ${due}`);
        return out;
      });
      assert.equal(runs[0], runs[1]);
    }),
    { numRuns: 100 },
  );
});

test('resampling: a pair of rates, or filters, that there are not are refused', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (fromHz, toHz) => {
      const known = [8000, 16_000, 24_000, 48_000];
      assert.is(exports.resampleStart(fromHz, toHz, 0), known.includes(fromHz) && known.includes(toHz) ? 1 : 0);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.integer(), fc.integer({ min: -2, max: 4 })), (resampling) => {
      const known = resampling >= 0 && resampling <= 2;
      assert.is(exports.resampleStart(24_000, 8000, resampling), known ? 1 : 0);
      const answer = exports.configure(0, 8000, 20, 2, 24_000, 2, 24_000, 2, resampling);
      assert.is(answer, known ? exports.CONFIGURED.value : exports.REFUSED_RESAMPLING.value);
    }),
  );
});

test('base64: what the platform writes, for any bytes', () => {
  fc.assert(
    fc.property(bytes(4000), fc.nat(255), (input, pattern) => {
      const characters = Math.ceil(input.length / 3) * 4;
      const text = through(input, pattern, characters, () => exports.encodeBase64(to, from, input.length));
      assert.is(Buffer.from(text).toString('latin1'), Buffer.from(input).toString('base64'));
    }),
    { numRuns: 150 },
  );
});

test('transforms: any finite samples give finite spectra, and back', () => {
  const number = fc.float({ min: -32_768, max: 32_767, noNaN: true });
  fc.assert(
    fc.property(fc.array(number, { minLength: 256, maxLength: 256 }), (values) => {
      const frame = new Float32Array(exports.memory.buffer, from, 256);
      frame.set(values);
      exports.spectrum(from);
      for (let bin = 1; bin < 128; bin += 1) assert.ok(exports.spectrumPower(from, bin) >= 0, `bin ${bin}`);
      const samples = new Float32Array(exports.memory.buffer, to, 160);
      samples.set(values.slice(0, 160));
      exports.realForward(from, to);
      exports.realBackward(to, from);
      samples.forEach((x, n) => assert.ok(Math.abs(x - values[n]!) < 1, `${x} of ${values[n]}`));
    }),
    { numRuns: 60 },
  );
});

test.run();

/**
 * ITU-T G.722, bit for bit, against the ITU's own reference program (G.722 of the Software Tool Library, STL2009 release
 * of the module v3.0). Its results stand here as hashes; the signals are made by `test/dsp/g722-signals.ts`,
 * whose head says how to print them:
 *
 *   encg722 -q -byte -fsize 160 speech.pcm speech.cod    codes, one in the low byte of each 16-bit word
 *   decg722 -q -mode 1 -byte speech.cod speech.out       samples
 *   tstcg722 bands.xmt bands.cod; tstdg722 bands.cod bands.rc1 bands.rc0    the two bands without the filter
 *
 * FFmpeg 5.1 gives the same bytes for all but the encodings of `rails`, `square`, `steps` and `shriek` and the decodings of
 * `steps` and of any bytes: it leaves out some of the Recommendation's limits, which only full scale and nonsense reach.
 *
 *   ffmpeg -f s16le -ar 16000 -ac 1 -i speech.pcm -c:a g722 -f g722 speech.g722
 *   ffmpeg -f g722 -i speech.g722 -c:a pcm_s16le -f s16le speech.out
 */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { anyCodes, bandSamples, SIGNALS } from '../dsp/g722-signals.ts';
import { CoreInstance } from './core-instance.ts';

/** Of each signal: hash of its codes, the 16 of them from 200 on, hash of what a decoder makes of them. */
const REFERENCE: Readonly<Record<string, { codes: string; from200: string; pcm: string }>> = {
  speech: {
    codes: '5f063239f1c48ca4accf2040234d9b339ceb4cda2de4378483e56fec91394dad',
    from200: 'dedc5e7eb9f8f6fdf8bedafc1f78b8fb',
    pcm: '9dc814fd42c620353359f6a18c5018437346155d5ffea7f2b217de5f37fb4e4e',
  },
  whisper: {
    codes: '3dc96d0688d5d8bfa73e1d1b0e5064c39b6b64bf6c58eee9ae7d83c8cbcf9fba',
    from200: '79585d7ab6f0f9d9f4fefef93e78b0de',
    pcm: '9c343a1dc81ca35f408cf83bcfa7e86c6acab0ffc5794c300a340a47fe8db757',
  },
  shout: {
    codes: 'c4d132ad78640ad15b935a5a5e6ccd4912a96b7b6ecef5cfe7a4efc5915a4e79',
    from200: 'fcdcdcdef7fd74b6fdbcde5f5e7cfbfc',
    pcm: '26744c4bbcd70e38ddf19678cef11aa075f3f22a473df44afd087bfd00081959',
  },
  noise: {
    codes: '08a45ec3c47680f4d827b5af215b84c63613d5ad3d5c1a8eef4aa782e61170ba',
    from200: '0d478f3456072cc7b7e920079d1d2db4',
    pcm: '1c93cb804bd7110f235d82d72284b812e699e246d75779d00cbfdade8dfd014b',
  },
  hiss: {
    codes: 'fe503a1f33f19710e5ccb546f36986ed73c4c7449a63126c90a57319b7ce497a',
    from200: 'ded93671edd77ab57b5f79bb77b9d89e',
    pcm: 'cfc415b8077e49150509906d6833ed6a6e2e2edbd36a3fc9cbe83b467c06e3ef',
  },
  rails: {
    codes: 'cf51336399efa3c55a563c949badf563fea96094e7d4f2302ff7a06a2c96e2e7',
    from200: 'a795a331441b2031a020b20484a13584',
    pcm: 'cb86fc3196c2ac4fed08a85fa7cf0c04293dc7be59e436d105a869f16c55ed70',
  },
  square: {
    codes: '45e2803596487ae7f81013215c648f945f34015dbec2930eabc6cbb36ea92379',
    from200: '4f6246d7c74f9a3b87a02b0b63f5e864',
    pcm: '6fc6bfd9924bcb8fa6f2ee7e478fec4a943cca57e214de5c9f4d14dcf663a795',
  },
  glide: {
    codes: '81aafe0716518e4c704080c3a327517c3e4f2a7a76f60fcbaab015fca4e69a9a',
    from200: 'f8f6fadef5f8b8f8f5799db6fbfbbaf4',
    pcm: 'c6a0f6cdff128cad601c3bd2df35c54c1f4db758d35fbaf92b0a18a8c7431a79',
  },
  steps: {
    codes: 'cbeb272f8c2398020a51ca34badbf8562cf204c2914f23c5a3c0dbc5bc47623c',
    from200: '258420842084048b2db6deb5ffcc48d5',
    pcm: 'fb6a335856aa02bb69cf0a2cfc49f94a1b2bc447025380e125416f42f510afb5',
  },
  shriek: {
    codes: '30afa974815d00732999b9a4094a39c424caeacef288293cb811dd52f081cffa',
    from200: '8eb91fbf9e9fbfb24a0618f4dd3b1e37',
    pcm: '7395e9c1e5b9f2892074c963891e31a11bd68dd48862b3063519db61da0a0f98',
  },
  silence: {
    codes: 'fd22c79f66c5dedb1d396d7cceb1b9d2398e2d2ee2b491c63be40344729bad45',
    from200: 'dff6f8fbfbf8f6dcf8f8f8f8f8f5fade',
    pcm: '6c8fb4db5c596c094e79539f9f33fcc6c106b5d4d1f9000e328becfdcfea9259',
  },
};
/** What a decoder makes of any bytes. */
const ANY_CODES_PCM = '06e7aa0bf8f6a7d0df844da968367d331359677e16e9454eda37766870879557';
/** Codes of the band samples, and the two bands of those codes and of any. */
const BAND_CODES = '9f9195ffd1f20e0bb0b22228e23b085c39088c896a42d3dd6f35e7e391850678';
const BANDS = {
  low: '47d56b7bb76f853ca888a1b245ba5a8c0ff4edbecbd12a7da594b30b767fec48',
  high: '9d26a16b62cf324f5cc6c11c45c05bf71e0ec2d5a2e3ce19cdcbd24f8a748d88',
};
const ANY_BANDS = {
  low: 'ba3872626420b20254116cce4bc0a19299a409d01928da75f417809d690121ac',
  high: '9403667ef0378f4f0e5ed7072767625c758190238012e57274255c407d341b37',
};

function hash(data: Uint8Array | Int16Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}

/** A stream in pieces of `size` codes. */
function encode(pcm: Int16Array, size = 160): Uint8Array {
  const core = new CoreInstance();
  const out = new Uint8Array(pcm.length / 2);
  for (let at = 0; at < out.length; at += size) {
    const count = Math.min(size, out.length - at);
    core.samples(core.from, count * 2).set(pcm.subarray(at * 2, (at + count) * 2));
    core.exports.encodeG722(core.to, core.from, count);
    out.set(core.bytes(core.to, count), at);
  }
  return out;
}

function decode(codes: Uint8Array, size = 160): Int16Array {
  const core = new CoreInstance();
  const out = new Int16Array(codes.length * 2);
  for (let at = 0; at < codes.length; at += size) {
    const count = Math.min(size, codes.length - at);
    core.bytes(core.from, count).set(codes.subarray(at, at + count));
    core.exports.decodeG722(core.to, core.from, count);
    out.set(core.samples(core.to, count * 2), at * 2);
  }
  return out;
}

function bandsOf(codes: Uint8Array): { low: string; high: string } {
  const core = new CoreInstance();
  const bands = Array.from(codes, (code) => core.exports.decodeG722Bands(code));
  return { low: hash(Int16Array.from(bands)), high: hash(Int16Array.from(bands, (pair) => pair >> 16)) };
}

for (const [name, make] of Object.entries(SIGNALS)) {
  test(`${name}: codes and samples are the reference's`, () => {
    const reference = REFERENCE[name];
    assert.ok(reference);
    const codes = encode(make());
    assert.is(Buffer.from(codes.subarray(200, 216)).toString('hex'), reference.from200);
    assert.is(hash(codes), reference.codes);
    assert.is(hash(decode(codes)), reference.pcm);
  });
}

test('any byte is a code, and decoded as the reference does', () => {
  assert.is(hash(decode(anyCodes())), ANY_CODES_PCM);
});

test('the bands without the filter, at and beyond what audio reaches', () => {
  const core = new CoreInstance();
  const codes = Uint8Array.from(bandSamples(), (sample) => core.exports.encodeG722Bands(sample, sample));
  assert.is(hash(codes), BAND_CODES);
  assert.equal(bandsOf(codes), BANDS);
  assert.equal(bandsOf(anyCodes()), ANY_BANDS);
});

test('the cut into pieces never shows, longer than a block or not', () => {
  const pcm = (SIGNALS['speech'] as () => Int16Array)().subarray(0, 6000);
  const codes = encode(pcm);
  const samples = decode(codes);
  for (const size of [1, 2, 7, 80, 479, 480, 481, 1440]) {
    assert.equal(encode(pcm, size), codes, `${size} codes a time`);
    assert.equal(decode(codes, size), samples, `${size} codes a time`);
  }
});

test('the two directions of an instance do not touch each other', () => {
  const pcm = (SIGNALS['shout'] as () => Int16Array)().subarray(0, 3200);
  const codes = encode(pcm);
  const samples = decode(codes);
  const core = new CoreInstance();
  for (let at = 0; at < codes.length; at += 80) {
    core.samples(core.from, 160).set(pcm.subarray(at * 2, at * 2 + 160));
    core.exports.encodeG722(core.to, core.from, 80);
    assert.equal(core.bytes(core.to, 80), codes.subarray(at, at + 80));
    core.bytes(core.from, 80).set(codes.subarray(at, at + 80));
    core.exports.decodeG722(core.to, core.from, 80);
    assert.equal(core.samples(core.to, 160), samples.subarray(at * 2, at * 2 + 160));
  }
});

test('nothing to do is nothing done', () => {
  const core = new CoreInstance();
  const before = core.bytes(0, core.exports.memory.buffer.byteLength).slice();
  for (const count of [0, -1]) {
    core.exports.encodeG722(core.to, core.from, count);
    core.exports.decodeG722(core.to, core.from, count);
  }
  assert.equal(core.bytes(0, before.length), before);
});

test.run();

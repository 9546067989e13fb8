import alawmulaw from 'alawmulaw';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { A_LAW, MU_LAW } from '../../src/simulator/g711-table.ts';

const test = suite('G.711 of the simulator');

// ITU-T G.711, tables 1a to 2b: code and level, on the 16-bit scale (µ-law ×4, A-law ×8 of the tables' own).
for (const [law, pairs] of [
  [
    MU_LAW,
    [
      [0x80, 32124],
      [0x00, -32124],
      [0xff, 0],
      [0x8f, 16764],
      [0x9f, 8316],
      [0xfe, 8],
      [0x7e, -8],
      [0xef, 132],
    ],
  ],
  [
    A_LAW,
    [
      [0xaa, 32256],
      [0x2a, -32256],
      [0xd5, 8],
      [0x55, -8],
      [0xa5, 16896],
      [0xd4, 24],
      [0x54, -24],
    ],
  ],
] as const) {
  const name = law === MU_LAW ? 'µ-law' : 'A-law';
  for (const [code, level] of pairs) {
    test(`${name} 0x${code.toString(16)} is ${level}`, () => assert.is(law.decode[code], level));
  }
}

test('every code decodes as another implementation of G.711 has it', () => {
  for (let code = 0; code < 256; code += 1) {
    assert.is(MU_LAW.decode[code], alawmulaw.mulaw.decodeSample(code), `µ-law ${code}`);
    assert.is(A_LAW.decode[code], alawmulaw.alaw.decodeSample(code), `A-law ${code}`);
  }
});

test('every code comes back from its own level', () => {
  for (let code = 0; code < 256; code += 1) {
    assert.is(A_LAW.encode[A_LAW.decode[code]! + 32768], code);
    // The two zeros of µ-law are one level.
    if (code !== 0x7f) assert.is(MU_LAW.encode[MU_LAW.decode[code]! + 32768], code);
  }
});

test('every sample goes to the nearest level', () => {
  for (const law of [MU_LAW, A_LAW]) {
    const levels = [...law.decode].toSorted((a, b) => a - b);
    let nearest = 0;
    for (let sample = -32768; sample <= 32767; sample += 1) {
      while (nearest < 255 && Math.abs(levels[nearest + 1]! - sample) <= Math.abs(levels[nearest]! - sample))
        nearest += 1;
      const error = Math.abs(law.decode[law.encode[sample + 32768]!]! - sample);
      assert.is(error, Math.abs(levels[nearest]! - sample), `sample ${sample}`);
    }
  }
});

test('the sign is kept', () => {
  for (let sample = 1; sample <= 32767; sample += 1) {
    for (const law of [MU_LAW, A_LAW]) {
      assert.ok(law.encode[sample + 32768]! >= 0x80);
      assert.ok(law.encode[-sample + 32768]! < 0x80);
    }
  }
});

test.run();

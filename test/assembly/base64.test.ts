/** Base64: the vectors of RFC 4648, and the platform's own encoder on any bytes. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const source = core.exports.HEARD.value;
const target = core.exports.TEXT.value + core.exports.TEXT_BODY.value;

/** The characters, with a check that nothing behind them was touched. */
function encoded(bytes: Uint8Array): string {
  core.bytes(source, bytes.length + 16).fill(0xa5);
  core.bytes(source, bytes.length).set(bytes);
  const room = Math.ceil(bytes.length / 3) * 4;
  core.bytes(target, room + 16).fill(0x7e);
  const made = core.exports.encodeBase64(target, source, bytes.length);
  assert.is(made, room);
  assert.ok(
    core.bytes(target + made, 16).every((byte) => byte === 0x7e),
    'nothing behind',
  );
  return Buffer.from(core.bytes(target, made)).toString('latin1');
}

test('RFC 4648 §10', () => {
  for (const [plain, text] of [
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ] as const)
    assert.is(encoded(Buffer.from(plain)), text);
});

test('every value at every place', () => {
  for (let place = 0; place < 15; place += 1) {
    for (let value = 0; value < 256; value += 1) {
      const bytes = new Uint8Array(15).fill(0x5a);
      bytes[place] = value;
      assert.is(encoded(bytes), Buffer.from(bytes).toString('base64'));
    }
  }
});

test('any bytes, any number of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => encoded(bytes) === Buffer.from(bytes).toString('base64')),
    { numRuns: 300 },
  );
  const longest = Uint8Array.from({ length: core.exports.FRAME_BYTES_MAX.value }, (_, n) => (n * 167) >> 2);
  assert.is(encoded(longest), Buffer.from(longest).toString('base64'));
  assert.is(encoded(longest).length, core.exports.TEXT_CHARACTERS_MAX.value);
});

/** The bytes, or null where it is no base64, with a check that only the few bytes that may be are touched behind them. */
function decoded(text: string): Buffer | null {
  const [to, from] = [source, target];
  core.bytes(from, text.length + 16).fill(0x41);
  core.bytes(from, text.length).set(Buffer.from(text, 'latin1'));
  const room = Math.floor((text.length * 3) / 4);
  core.bytes(to, room + 32).fill(0x7e);
  const made = core.exports.decodeBase64(to, from, text.length);
  assert.ok(
    core.bytes(to + room + 4, 28).every((byte) => byte === 0x7e),
    'nothing behind',
  );
  return made < 0 ? null : Buffer.from(core.bytes(to, made).slice());
}

test('read: what the platform wrote, padded or not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      assert.equal(decoded(text), Buffer.from(bytes));
      assert.equal(decoded(text.replace(/=+$/, '')), Buffer.from(bytes));
    }),
    { numRuns: 300 },
  );
});

test('read: one wrong character at any place is found, and so is a wrong length', () => {
  for (let place = 0; place < 24; place += 1) {
    for (let code = 0; code < 256; code += 1) {
      const text = Buffer.alloc(24, 'A');
      text[place] = code;
      const good = /^[A-Za-z0-9+/]{23}[A-Za-z0-9+/=]$/.test(text.toString('latin1'));
      assert.is(decoded(text.toString('latin1')) !== null, good, `${code} at ${place}`);
    }
  }
  for (const text of ['A', 'AAAAA', '=', '==', '===', 'A===', '====', 'AA=A', 'A=AA'])
    assert.is(decoded(text), null, text);
  assert.equal(decoded(''), Buffer.alloc(0));
});

test.run();

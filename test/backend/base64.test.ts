import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { base64Length, decodeBase64, decodedLength, encodeBase64 } from '../../src/backend/base64.ts';

function encode(source: Uint8Array, at = 0): string {
  const words = new Uint32Array(at + base64Length(source.length) / 4 + 1);
  const end = encodeBase64(source, words, at);
  return Buffer.from(words.buffer).toString('latin1', at * 4, end * 4);
}

function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'latin1');
  const length = decodedLength(bytes, 0, bytes.length);
  if (length < 0) return null;
  const target = Buffer.alloc(length);
  return decodeBase64(bytes, 0, bytes.length, target, 0) === length ? target : null;
}

test('RFC 4648 §10', () => {
  const vectors = {
    '': '',
    f: 'Zg==',
    fo: 'Zm8=',
    foo: 'Zm9v',
    foob: 'Zm9vYg==',
    fooba: 'Zm9vYmE=',
    foobar: 'Zm9vYmFy',
  };
  for (const [plain, coded] of Object.entries(vectors)) {
    assert.is(encode(Buffer.from(plain)), coded);
    assert.is(decode(coded)?.toString(), plain);
  }
});

test('encoding is what Node writes, at any place', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(12), (bytes, at) => {
      assert.is(encode(bytes, at), Buffer.from(bytes).toString('base64'));
      assert.is(base64Length(bytes.length), Buffer.from(bytes).toString('base64').length);
    }),
  );
});

test('decoding undoes it, padded or not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      const coded = Buffer.from(bytes).toString('base64');
      assert.equal(decode(coded), Buffer.from(bytes));
      assert.equal(decode(coded.replaceAll('=', '')), Buffer.from(bytes));
    }),
  );
});

test('one foreign character anywhere is noticed', () => {
  const foreign = fc.constantFrom('\\', '"', ' ', '\n', '=', '*', '\u0080', '\u00ff', '\0', '{');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(), foreign, (bytes, place, character) => {
      const coded = Buffer.from(bytes).toString('base64');
      const data = coded.replaceAll('=', '');
      const at = place % data.length;
      // At the very end `=` may be padding.
      fc.pre(character !== '=' || at < data.length - 2);
      assert.is(decode(`${coded.slice(0, at)}${character}${coded.slice(at + 1)}`), null);
    }),
  );
});

test('lengths that no base64 has', () => {
  for (const text of ['A', 'AAAAA', 'A=', '=', 'AA=', '===', '====', 'A===']) assert.is(decode(text), null, text);
});

test('writes where it is told, and not behind it', () => {
  const text = Buffer.from('xxAQIDxx', 'latin1');
  const target = Buffer.alloc(6, 0xee);
  assert.is(decodeBase64(text, 2, 6, target, 1), 3);
  assert.equal(target, Buffer.from([0xee, 1, 2, 3, 0xee, 0xee]));
});

test.run();

import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { peerText } from '../../src/backend/peer-text.ts';

test('what is no text, or an empty one, is nothing', () => {
  for (const value of [undefined, null, 7, {}, [], '']) assert.is(peerText(value), undefined);
});

test('one line, and not long', () => {
  assert.is(peerText('a\r\nb\tc\u0000d\u009be'), 'a b c d e');
  assert.is(peerText('x'.repeat(10_000))?.length, 300);
});

test('secrets, and what looks like a key of the vendor, are blotted out wherever they stand', () => {
  assert.is(peerText('key sk-proj-ab12****wxyz is wrong'), 'key [secret] is wrong');
  assert.is(peerText('ek_1 is short, EK-abcdef is not'), 'ek_1 is short, [secret] is not');
  fc.assert(
    fc.property(fc.string(), fc.nat(4_000), (after, pad) => {
      const secret = 'topsecret-0123456789';
      const clean = peerText(`${'p'.repeat(pad)}${secret}${after}`, ['', 'abc', secret]) ?? '';
      assert.not.ok(clean.includes(secret));
    }),
  );
});

test('a secret that straddles the end does not leave its beginning behind', () => {
  for (let pad = 280; pad < 301; pad += 1) {
    assert.not.match(peerText(`${'p'.repeat(pad)}topsecret`, ['topsecret'])!, 'tops');
  }
});

test.run();

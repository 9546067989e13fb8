import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nonZeroMask } from '../../src/backend/frame-mask.ts';

test('keys are four bytes, never all zero, and not the same twice in a row', () => {
  const key = Buffer.alloc(6, 0xaa);
  const seen = new Set<number>();
  for (let i = 0; i < 10_000; i += 1) {
    key.fill(0, 0, 4);
    nonZeroMask(key);
    assert.is.not(key.readUInt32BE(0), 0);
    seen.add(key.readUInt32BE(0));
  }
  // 10,000 of 2³²: one collision is expected once in about ninety runs, three practically never.
  assert.ok(seen.size > 9_997);
  assert.is(key.readUInt16BE(4), 0xaaaa);
});

test.run();

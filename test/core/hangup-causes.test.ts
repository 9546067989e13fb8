/** Q.850 by number and by name. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Q850_NAMES, q850Name, q850Number } from '../../src/core/hangup-causes.ts';

test('names and numbers are each other’s', () => {
  for (const name of Q850_NAMES) assert.is(q850Name(q850Number(name) ?? 0), name);
  assert.equal([q850Number('USER_BUSY'), q850Number('17'), q850Name(21)], [17, 17, 'CALL_REJECTED']);
});

test('what is none', () => {
  for (const text of ['', '0', '128', '1e1', '-1', '016x', 'busy', 'constructor'])
    assert.is(q850Number(text), undefined);
  assert.is(q850Name(5), undefined);
});

test.run();

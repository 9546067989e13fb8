import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { causeName, causeNumber } from '../../src/simulator/hangup-cause.ts';

const test = suite('hangup causes');

// ITU-T Q.850, table 1, by FreeSWITCH's names.
for (const [name, cause] of [
  ['UNALLOCATED_NUMBER', 1],
  ['NORMAL_CLEARING', 16],
  ['USER_BUSY', 17],
  ['CALL_REJECTED', 21],
  ['NORMAL_TEMPORARY_FAILURE', 41],
  ['INTERWORKING', 127],
  ['ORIGINATOR_CANCEL', 487],
] as const) {
  test(`${name} is ${cause}`, () => {
    assert.is(causeNumber(name), cause);
    assert.is(causeNumber(name.toLowerCase()), cause);
    assert.is(causeNumber(String(cause)), cause);
    assert.is(causeName(cause), name);
  });
}

test('what is unknown clears normally', () => {
  assert.is(causeNumber(''), 16);
  assert.is(causeNumber('NOSUCH'), 16);
  assert.is(causeNumber('toString'), 16);
  assert.is(causeName(126), 'UNKNOWN');
});

test.run();

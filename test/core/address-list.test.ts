/** Addresses and blocks: what is in, what is not, and what is neither. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressList, addressList, plainAddress } from '../../src/core/address-list.ts';
import { hasCode } from '../../src/core/errors.ts';

test('an address is itself, a block all of its own, in either family', () => {
  const list = new AddressList(['192.0.2.7', '10.0.0.0/8', '2001:db8::/32', '::1']);
  for (const address of ['192.0.2.7', '10.0.0.0', '10.255.255.255', '2001:db8:ffff::1', '::1'])
    assert.ok(list.has(address), address);
  for (const address of ['192.0.2.8', '11.0.0.0', '9.255.255.255', '2001:db9::', '::2', '', 'localhost', '10.0.0.1/8'])
    assert.not(list.has(address), address);
  list.add('192.0.2.8');
  assert.ok(list.has('192.0.2.8'));
});

test('loopback by default; a list is taken as it is', () => {
  const list = addressList();
  assert.equal(
    ['127.0.0.1', '127.255.0.1', '::1', '10.0.0.1'].map((address) => list.has(address)),
    [true, true, true, false],
  );
  assert.is(addressList(list), list);
  assert.not(new AddressList([]).has('127.0.0.1'));
});

test('what is neither an address nor a block is named', () => {
  for (const entry of [
    'localhost',
    '10.0.0/8',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/1e1',
    '',
  ]) {
    try {
      addressList([entry]);
      assert.unreachable(entry);
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_CONFIG_INVALID'), entry);
      assert.match(error.message, JSON.stringify(entry));
    }
  }
});

test('what a socket adds to an address is taken off', () => {
  const cases: [string | undefined, string][] = [
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:c000:207', '::ffff:c000:207'],
    ['2001:db8::1', '2001:db8::1'],
    [undefined, ''],
  ];
  for (const [given, plain] of cases) assert.is(plainAddress(given), plain);
});

test.run();

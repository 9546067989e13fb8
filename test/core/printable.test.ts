/** What of others' text reaches a terminal. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { printable, printableLines } from '../../src/core/printable.ts';

test('what a terminal would obey is written as an escape, whatever people write stays', () => {
  assert.is(
    printable('\u001b[2Ja\u009b31mb\u0007\u007f\r\n\t'),
    '\\u001b[2Ja\\u009b31mb\\u0007\\u007f\\u000d\\u000a\\u0009',
  );
  assert.is(printable('a\u202eb\u2066c\u2069\u200f\u2028'), 'a\\u202eb\\u2066c\\u2069\\u200f\\u2028');
  for (const text of ['Grüße, 今日は! שלום', '👩‍👩‍👧‍👦 → …', 'C:\\new', '']) assert.is(printable(text), text);
});

test('lines stay lines, and nothing in one is another', () => {
  assert.is(printableLines('a\r\n\tb\rc\n'), 'a\n\tb\\u000dc\n');
});

test('JSON means what it meant', () => {
  const value = { text: 'a\u001b[2J\u009bb\u202e\u2028\r\n\t"\\', list: ['x'] };
  const shown = printableLines(`${JSON.stringify(value, null, 2)}\n`);
  assert.not.match(shown, /[\p{Cc}\u202e\u2028](?<!\n)/u);
  assert.equal(JSON.parse(shown), value);
});

test.run();

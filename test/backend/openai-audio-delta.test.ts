import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioDeltaScanner } from '../../src/backend/openai-audio-delta.ts';

const EVENT = {
  type: 'response.output_audio.delta',
  event_id: 'event_9',
  response_id: 'resp_1',
  item_id: 'item_1',
  output_index: 0,
  content_index: 3,
  delta: 'AQIDBA==',
};

interface Scanned {
  responseId: string;
  itemId: string;
  contentIndex: number;
  delta: string;
}

function scan(text: string, scanner = new AudioDeltaScanner()): Scanned | null {
  const data = Buffer.from(text, 'utf8');
  if (!scanner.scan(data)) return null;
  const { responseId, itemId, contentIndex, deltaFrom, deltaTo } = scanner;
  return { responseId, itemId, contentIndex, delta: data.toString('latin1', deltaFrom, deltaTo) };
}

const EXPECTED: Scanned = { responseId: 'resp_1', itemId: 'item_1', contentIndex: 3, delta: 'AQIDBA==' };

test('any order of members, with or without white space, either name', () => {
  const entries = Object.entries(EVENT);
  fc.assert(
    fc.property(
      fc.shuffledSubarray(entries, { minLength: entries.length }),
      fc.boolean(),
      fc.nat(4),
      (order, beta, indent) => {
        const event = { ...Object.fromEntries(order), type: beta ? 'response.audio.delta' : EVENT.type };
        const shuffled = Object.fromEntries(order.map(([name]) => [name, event[name as keyof typeof event]]));
        assert.equal(scan(JSON.stringify(shuffled, null, indent)), EXPECTED);
      },
    ),
  );
});

test('members that it does not know are passed over', () => {
  assert.equal(scan(JSON.stringify({ obfuscation: 'x', n: 12, ...EVENT })), EXPECTED);
});

test('a scanner that has seen messages reads the next as a fresh one does, whatever changed in it', () => {
  const scanner = new AudioDeltaScanner();
  const long = { ...EVENT, obfuscation: 'y'.repeat(1100) };
  const texts = fc.oneof(
    fc
      .constantFrom('event_8', 'event_7', 'e', 'event_10', 'ev"t_9', 'ev\\nt_9', 'événemt', '')
      .map((id) => JSON.stringify({ ...EVENT, event_id: id })),
    fc.constantFrom('resp_2', 'resp_10').map((id) => JSON.stringify({ ...EVENT, response_id: id })),
    fc.constantFrom('item_2', '').map((id) => JSON.stringify({ ...EVENT, item_id: id })),
    fc.base64String({ maxLength: 40 }).map((delta) => JSON.stringify({ ...EVENT, delta })),
    fc.base64String({ maxLength: 12 }).map((delta) => JSON.stringify({ before: delta, ...EVENT })),
    fc.constant(JSON.stringify({ ...EVENT, obfuscation: 'x' })),
    fc.constant(JSON.stringify(long)),
    fc.constantFrom('', ' ', '}', 'x', '"', ',"delta":"AA=="}').map((rest) => JSON.stringify(EVENT) + rest),
    fc.tuple(fc.nat(JSON.stringify(EVENT).length - 1), fc.integer({ min: 0x20, max: 0x7e })).map(([at, byte]) => {
      const json = JSON.stringify(EVENT);
      return json.slice(0, at) + String.fromCharCode(byte) + json.slice(at + 1);
    }),
  );
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1, maxLength: 12 }), (messages) => {
      for (const text of messages) assert.equal(scan(text, scanner), scan(text), text);
    }),
    { numRuns: 500 },
  );
});

test('gives up, and leaves the event to JSON.parse', () => {
  const json = JSON.stringify(EVENT);
  const refused = [
    '',
    ' ',
    '{}',
    '[]',
    '"delta"',
    json.slice(0, -1),
    `${json}x`,
    `${json}${json}`,
    json.replace('{', '{,'),
    json.replace('}', ',}'),
    json.replace('output_audio.delta', 'output_audio.done'),
    json.replace('output_audio.delta', 'output_text_x.delta'),
    json.replace('item_1', 'item\\u0031'),
    json.replace('item_1', 'item\u00e9'),
    json.replace('"item_1"', '""'),
    json.replace('item_1', 'i'.repeat(257)),
    json.replace('"item_1"', '1'),
    json.replace('"item_1"', '{"a":1}'),
    json.replace('"item_1"', 'null'),
    json.replace('"item_id"', '"item_x"'),
    json.replace('"AQIDBA=="', '17'),
    json.replace('"content_index":3', '"content_index":"3"'),
    json.replace('"content_index":3', '"content_index":-3'),
    json.replace('"content_index":3', '"content_index":03'),
    json.replace('"content_index":3', '"content_index":3.5'),
    json.replace('"content_index":3', '"content_index":3e5'),
    json.replace('"content_index":3', '"content_index":1234567890'),
    json.replace('{', '{"delta":"AAAA",'),
    json.replace('{', '{"type":"response.output_audio.delta",'),
  ];
  for (const text of refused) assert.is(scan(text), null, text);
});

test('every prefix is refused', () => {
  const json = JSON.stringify(EVENT);
  for (let end = 0; end < json.length; end += 1) assert.is(scan(json.slice(0, end)), null);
});

test('identifiers are read anew when they change', () => {
  const scanner = new AudioDeltaScanner();
  for (const id of ['a', 'b', 'ab', 'a', 'item_long_1', 'item_long_2']) {
    assert.is(scan(JSON.stringify({ ...EVENT, item_id: id, response_id: `r${id}` }), scanner)?.itemId, id);
    assert.is(scanner.responseId, `r${id}`);
  }
});

test('whatever it accepts, JSON.parse accepts and reads alike', () => {
  const json = JSON.stringify(EVENT);
  const mutation = fc.record({
    at: fc.nat(json.length - 1),
    drop: fc.nat(3),
    put: fc.string({ maxLength: 3, unit: 'binary' }),
  });
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      let text = json;
      for (const { at, drop, put } of mutations) text = text.slice(0, at) + put + text.slice(at + drop);
      const found = scan(text);
      if (found === null || !/^[A-Za-z0-9+/=]*$/.test(found.delta)) return;
      const parsed = JSON.parse(text) as typeof EVENT;
      assert.is(parsed.type.endsWith('audio.delta'), true);
      assert.equal(found, {
        responseId: parsed.response_id,
        itemId: parsed.item_id,
        contentIndex: parsed.content_index,
        delta: parsed.delta,
      });
    }),
    { numRuns: 3000 },
  );
});

test.run();

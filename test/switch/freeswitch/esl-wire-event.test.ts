/** What an event is, by JSON.parse: the quick look has to agree with it about everything, and to decode nothing early. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseEslEvent } from '../../../src/switch/freeswitch/esl-event.ts';
import { readWireEvent } from '../../../src/switch/freeswitch/esl-wire-event.ts';

const EVENT: Readonly<Record<string, string>> = {
  'Event-Name': 'CHANNEL_PARK',
  'Unique-ID': '5c0e0f7a-0000-4000-8000-000000000001',
  constructor: 'a header as any other',
  variable_switch_r_sdp: 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\\"quoted\\"',
  'Caller-Caller-ID-Name': 'Ünï cödé 😀 \u0001\u0085\u2028',
  empty: '',
  _body: '{"nested":"only as text"}',
};

test('an event: its name, its channel, its headers and its body', () => {
  const event = readWireEvent(Buffer.from(JSON.stringify(EVENT)));
  assert.is(event.name, 'CHANNEL_PARK');
  assert.is(event.uuid, EVENT['Unique-ID']);
  assert.is(event.body, EVENT['_body']);
  assert.equal({ ...event.headers }, EVENT);
  assert.is(event.headers, event.headers, 'decoded once');
  assert.is(event.headers['toString'], undefined, 'nothing is inherited');
});

test('a header called __proto__ is a header', () => {
  const { headers } = readWireEvent(Buffer.from('{"Event-Name":"X","__proto__":"y"}'));
  assert.is(headers['__proto__'], 'y');
  assert.is(Object.getPrototypeOf(headers), null);
});

test('names and channels that are escaped, repeated or missing are what a JSON parser says they are', () => {
  for (const json of [
    '{"Event-Name":"A\\u0042C","Unique-ID":"x"}',
    '{"Event-Name":"A","Unique-ID":"x\\ty"}',
    '{"Event-Name":"A","Event-Name":"B","Unique-ID":"x","Unique-ID":"y"}',
    '{"Event\\u002dName":"A"}',
    '{"Event-Name":"A"}',
    '{"Event-Name":"A","Event-Name-Too":"B","xUnique-ID":"x"}',
    '{ "Event-Name" : "A" , "n" : 5, "b": true, "nul": null, "list": ["a","b"], "o": {} }',
  ]) {
    const [event, judged] = [readWireEvent(Buffer.from(json)), parseEslEvent(json)];
    assert.equal(
      [event.name, event.uuid, { ...event.headers }],
      [judged.name, judged.uuid, { ...judged.headers }],
      json,
    );
  }
});

test('every cut, and every byte replaced: refused, or the same as a JSON parser says; and never a surprise later', () => {
  const whole = Buffer.from(JSON.stringify(EVENT));
  const spoilt: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 1) {
    spoilt.push(whole.subarray(0, at));
    for (const byte of Buffer.from('"\\{},: \n\0ux0')) {
      const copy = Buffer.from(whole);
      copy[at] = byte;
      spoilt.push(copy);
    }
    spoilt.push(Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]));
  }
  const outcome = (read: () => { name: string; uuid: string; headers: object; body: string }): unknown => {
    try {
      const { name, uuid, headers, body } = read();
      return [name, uuid, { ...headers }, body];
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  let refused = 0;
  for (const bytes of spoilt) {
    const expected = outcome(() => parseEslEvent(bytes.toString()));
    if (expected === 'ERR_TALKSPURT_LINK_PROTOCOL') refused += 1;
    assert.equal(
      outcome(() => readWireEvent(bytes)),
      expected,
      JSON.stringify(bytes.toString()),
    );
  }
  assert.ok(refused > 1000 && refused < spoilt.length - 1000, 'both kinds were met');
});

test('bytes that are no UTF-8 are replaced, not refused', () => {
  const event = readWireEvent(
    Buffer.concat([Buffer.from('{"Event-Name":"A","x":"'), Buffer.from([0xff, 0xc3]), Buffer.from('"}')]),
  );
  assert.is(event.headers['x'], '\ufffd\ufffd');
});

test.run();

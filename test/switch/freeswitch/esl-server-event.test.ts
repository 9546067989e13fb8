import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eventFrame, serializeEvent, urlEncode } from '../../../src/switch/freeswitch/esl-server-event.ts';

const test = suite('ESL events as a server writes them');

// Pairs as a FreeSWITCH 1.11.2 wrote them (test/fixtures/freeswitch-transcripts, and its CHANNEL_DATA).
for (const [value, encoded] of [
  ['a b: c%41', 'a%20b%3A%20c%41'],
  ['my::sub', 'my%3A%3Asub'],
  ['Sat, 21 Nov 2026 03:44:14 GMT', 'Sat,%2021%20Nov%202026%2003%3A44%3A14%20GMT'],
  ['<sip:0000000000@127.0.0.1>;party=calling', '%3Csip%3A0000000000%40127.0.0.1%3E%3Bparty%3Dcalling'],
  ['SIP/2.0/UDP 127.0.0.1:5070', 'SIP/2.0/UDP%20127.0.0.1%3A5070'],
  ['v=0\r\no=x', 'v%3D0%0D%0Ao%3Dx'],
  ['+OK\n', '%2BOK%0A'],
  ['INVITE, ACK', 'INVITE,%20ACK'],
  ['PCMU@8000h@20i@64000b', 'PCMU%408000h%4020i%4064000b'],
  ['ä😀', '%C3%A4%F0%9F%98%80'],
  ['100%', '100%25'],
  ['%4g', '%254g'],
  ['', ''],
] as const) {
  test(`URL encoding of ${JSON.stringify(value)}`, () => assert.is(urlEncode(value), encoded));
}

test('plain: an empty value is _undef_, a body has its length, both lengths count bytes', () => {
  const event = {
    name: 'X',
    headers: [
      ['A', ''],
      ['B', 'b c'],
    ] as const,
    body: 'ä',
  };
  assert.is(serializeEvent(event, 'plain'), 'A: _undef_\nB: b%20c\nContent-Length: 2\n\nä');
  assert.is(serializeEvent({ name: 'X', headers: [['A', '1']] }, 'plain'), 'A: 1\n\n');
  assert.is(serializeEvent({ name: 'X', headers: [['A', 'b c']] }, 'text'), 'A: [b c]\n\n');
  assert.is(
    eventFrame(event, 'plain'),
    'Content-Length: 41\nContent-Type: text/event-plain\n\nA: _undef_\nB: b%20c\nContent-Length: 2\n\nä',
  );
});

test('JSON keeps the order, repeats and does not encode', () => {
  const headers = [
    ['b', 'x y'],
    ['1', 'n'],
    ['a', '"'],
    ['b', 'z'],
  ] as const;
  assert.is(serializeEvent({ name: 'X', headers }, 'json'), '{"b":"x y","1":"n","a":"\\"","b":"z"}');
  assert.is(serializeEvent({ name: 'X', headers: [], body: '{}' }, 'json'), '{"Content-Length":"2","_body":"{}"}');
});

test('XML escapes a body', () => {
  assert.is(
    serializeEvent({ name: 'X', headers: [['A', '<&>']], body: '<a & "b">' }, 'xml'),
    '<event>\n  <headers>\n    <A>%3C%26%3E</A>\n  </headers>\n  <Content-Length>9</Content-Length>\n  <body>&lt;a &amp; &quot;b&quot;&gt;</body>\n</event>\n',
  );
});

test.run();

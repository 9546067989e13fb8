/** Messages, header fields and URIs: examples of RFC 3261 and of its grammar. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import {
  parseAddress,
  parseCseq,
  parseVia,
  partyOf,
  q850Cause,
  viaWithSource,
} from '../../src/sip/sip-header-values.ts';
import { parseSip } from '../../src/sip/sip-parser.ts';
import { listOf, parseParameters, splitOutsideQuotes } from '../../src/sip/sip-syntax.ts';
import { parseSipUri, percentDecoded, percentEncoded } from '../../src/sip/sip-uri.ts';
import { writeRequest, writeResponse } from '../../src/sip/sip-writer.ts';

test('a start line of nothing but blanks is read in one pass: it neither passes nor holds up the process', () => {
  for (const line of [`A${' '.repeat(60_000)}`, `INVITE${' \t'.repeat(30_000)}SIP/2.0x`, 'A '.repeat(30_000)]) {
    assert.is.not(parseSip(Buffer.from(`${line}\r\n\r\n`)).fault, null);
  }
});

test('compact names, folded lines, any case', () => {
  const text =
    'MESSAGE sip:b@example.org SIP/2.0\r\nV: SIP/2.0/UDP h;branch=z9hG4bK1\r\nF:<sip:a@h>;tag=1\r\nsUBJECT: I know you are there,\r\n' +
    ' pick up the phone\r\n\tand talk to me!\r\nk: timer\r\nSupported: 100rel\r\nl: 2\r\n\r\nhi and more';
  const { message, fault } = parseSip(Buffer.from(text));
  assert.is(fault, null);
  assert.is(message?.headers.first('subject'), 'I know you are there, pick up the phone and talk to me!');
  assert.equal(message?.headers.all('supported'), ['timer', '100rel']);
  assert.is(message?.headers.first('from'), '<sip:a@h>;tag=1');
  assert.is(message?.body.toString(), 'hi');
});

test('names of every object are no header fields', () => {
  const { message } = parseSip(Buffer.from('OPTIONS sip:x SIP/2.0\r\nconstructor: a\r\n__proto__: b\r\n\r\n'));
  assert.equal(message?.headers.all('constructor'), ['a']);
  assert.equal(message?.headers.all('__proto__'), ['b']);
  assert.equal(message?.headers.all('toString'), []);
});

test('too many header fields are 400', () => {
  const text = (count: number): Buffer => Buffer.from(`OPTIONS sip:x SIP/2.0\r\n${'a: b\r\n'.repeat(count)}\r\n`);
  assert.is(parseSip(text(LIMITS.sipHeaderFields)).fault, null);
  assert.equal(parseSip(text(LIMITS.sipHeaderFields + 1)).fault, { status: 400, reason: 'Too Many Header Fields' });
});

test('broken messages name what is broken', () => {
  const cases: [string, string][] = [
    ['OPTIONS sip:x SIP/2.0\r\nVia x\r\n\r\n', 'Bad Header Line'],
    ['OPTIONS sip:x SIP/2.0\r\n: x\r\n\r\n', 'Bad Header Line'],
    ['OPTIONS sip:x SIP/2.0\r\nA: x\rB: y\r\n\r\n', 'Bad Header Line'],
    ['OPTIONS sip:x SIP/2.0\r\nA: x\r\n', 'Header Section Without End'],
    ['OPTIONS sip:x\r\n\r\n', 'Bad Start Line'],
    ['\r\n\r\n', 'Bad Start Line'],
    ['', 'Bad Start Line'],
    ['GET / HTTP/1.1\r\n\r\n', 'Bad Start Line'],
    ['SIP/2.0 700 x\r\n\r\n', 'Bad Status Line'],
  ];
  for (const [text, reason] of cases)
    assert.is(parseSip(Buffer.from(text)).fault?.reason, reason, JSON.stringify(text));
});

test('Via: the examples of section 20.42, and its answer (RFC 3581)', () => {
  const via = parseVia(
    'SIP / 2.0 / UDP first.example.com: 4000;ttl=16\r\n ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1',
  );
  assert.is(via?.transport, 'UDP');
  assert.equal([via?.host, via?.port, via?.parameters.get('ttl')], ['first.example.com', 4000, '16']);
  const v6 = parseVia('SIP/2.0/TCP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3')!;
  assert.is(v6.host, '2001:db8::9:1');
  assert.is(viaWithSource(v6, { address: '2001:db8::9:1', port: 1 }), 'SIP/2.0/TCP [2001:db8::9:1];branch=z9hG4bKas3');
  const asked = parseVia('SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff')!;
  assert.is(
    viaWithSource(asked, { address: '192.0.2.1', port: 9988 }),
    'SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1',
    'RFC 3581 section 5',
  );
  for (const bad of [
    '',
    'SIP/2.0/UDP',
    'SIP/2.0/UDP h;;branch=x',
    'SIP/2.0/UDP h:99999',
    'SIP/3.0/UDP h',
    'SIP/2.0/UDP h x',
  ]) {
    assert.is(parseVia(bad), null, bad);
  }
});

test('addresses: the forms of section 20.10 and 20.20', () => {
  const full = parseAddress('"Mr. \\"Watson\\", <x>" <sip:watson@worcester.bell-telephone.com>;q=0.7; expires=3600')!;
  assert.is(full.displayName, 'Mr. "Watson", <x>');
  assert.is(full.uri, 'sip:watson@worcester.bell-telephone.com');
  assert.equal(
    [...full.parameters],
    [
      ['q', '0.7'],
      ['expires', '3600'],
    ],
  );
  assert.is(parseAddress('Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8')?.displayName, 'Anonymous');
  assert.is(parseAddress('sip:+12125551212@server.phone2net.com;tag=887s')?.parameters.get('tag'), '887s');
  assert.equal(partyOf(parseAddress('<sip:+1%2d212;ext=5@h.example:5080;user=phone>')!), {
    user: '+1-212;ext=5',
    host: 'h.example',
    displayName: '',
  });
  assert.equal(partyOf(parseAddress('tel:+4930;phone-context=x')!), { user: '+4930', host: '', displayName: '' });
  for (const bad of [
    '',
    '"a <sip:b@c>',
    '<sip:b@c',
    '"a" x <sip:b@c>',
    '<b>',
    'sip:a@b?x=y',
    '"a"',
    '<sip:a b@c>',
    '<sip:b@c>x',
  ]) {
    assert.is(parseAddress(bad), null, bad);
  }
});

test('URIs: the examples of section 19.1.3', () => {
  assert.is(parseSipUri('sip:alice:secretword@atlanta.com;transport=tcp')?.user, 'alice');
  const uri = parseSipUri('sips:alice@atlanta.com?subject=project%20x&priority=urgent')!;
  assert.equal([uri.scheme, uri.host, uri.headers], ['sips', 'atlanta.com', 'subject=project%20x&priority=urgent']);
  assert.is(parseSipUri('sip:+1-212-555-1212:1234@gateway.com;user=phone')?.parameters.get('user'), 'phone');
  assert.is(parseSipUri('sip:alice;day=tuesday@atlanta.com')?.user, 'alice;day=tuesday');
  assert.equal(
    [parseSipUri('SIP:[2001:DB8::1]:5070')?.host, parseSipUri('sip:[2001:db8::1]:5070')?.port],
    ['2001:db8::1', 5070],
  );
  for (const bad of [
    'sip:',
    'sip:@h',
    'sip:a@',
    'sip:a@h:99999',
    'sip:a@h:x',
    'sip:a%4@h',
    'http://h',
    'sip:a b@h',
    'sip:a@h;;',
    'sip:a:b:c@h',
  ]) {
    assert.is(parseSipUri(bad), null, bad);
  }
});

test('escapes go both ways', () => {
  assert.is(percentDecoded('sips%3Auser%40example.com'), 'sips:user@example.com');
  assert.is(percentDecoded('caf%C3%A9%zz%'), 'café%zz%');
  assert.is(percentDecoded('null-%00-null'), 'null-\0-null');
  assert.is(percentEncoded('+49 30#é;@'), '+49%2030%23%C3%A9%3B%40');
});

test('lists and parameters keep quoted commas and semicolons together', () => {
  assert.equal(listOf(['"a, b" <sip:x;y,z>;p="q;,", c', '', ' , d']), ['"a, b" <sip:x;y,z>;p="q;,"', 'c', 'd']);
  assert.is(splitOutsideQuotes('a "b', ','), null);
  assert.equal(
    [...parseParameters(' ; A = b;c ; d="e\\";f"')!],
    [
      ['a', 'b'],
      ['c', ''],
      ['d', 'e";f'],
    ],
  );
  for (const bad of ['x', ';', ';;a', ';a=b c', ';a=', ';a="b', ';a b', ';=x'])
    assert.is(parseParameters(bad), null, bad);
});

test('CSeq and Reason', () => {
  assert.equal(parseCseq('4711   INVITE'), { number: 4711, method: 'INVITE' });
  for (const bad of [undefined, '', '1', 'INVITE 1', '2147483648 A', '1 A B', '-1 A'])
    assert.is(parseCseq(bad), null, bad);
  assert.is(q850Cause(['SIP ;cause=600 ;text="Busy Everywhere"', 'q.850;text="x, y";cause=17']), 17);
  assert.is(q850Cause(['Q.850;cause=128', 'Q.850;cause=0', 'Q.850', 'x']), null);
});

test('what is written cannot break out of its line', () => {
  const text = writeRequest('REFER', 'sip:a@b\r\nX: y', [['Refer-To', '<sip:c>\r\n\r\nevil']]).toString();
  assert.is(text, 'REFER sip:a@b X: y SIP/2.0\r\nRefer-To: <sip:c> evil\r\nContent-Length: 0\r\n\r\n');
  const answer = writeResponse(200, 'OK', [], { contentType: 'application/sdp', body: 'é' }).toString('utf8');
  assert.is(answer, 'SIP/2.0 200 OK\r\nContent-Type: application/sdp\r\nContent-Length: 2\r\n\r\né');
});

test.run();

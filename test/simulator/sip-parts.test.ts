// The small parts of the simulated switch's SIP side.
import { PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readDialString, sipTarget } from '../../src/simulator/dial-string.ts';
import { FrameConverter } from '../../src/simulator/frame-converter.ts';
import { readSdp, wantedCodecs, writeSdp } from '../../src/simulator/sdp-text.ts';
import { causeOfStatus } from '../../src/simulator/sip-cause.ts';
import { SipDigest } from '../../src/simulator/sip-digest.ts';
import { SipStream } from '../../src/simulator/sip-stream.ts';
import {
  headerOf,
  methodOf,
  readSip,
  sequenceOf,
  statusOf,
  uriOf,
  writeResponse,
} from '../../src/simulator/sip-text.ts';

const test = suite('SIP parts of the simulator');

// RFC 3261, section 24.2, F1, with a short form and a folded line.
const INVITE = [
  'INVITE sip:bob@biloxi.com SIP/2.0',
  'v: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8',
  'Max-Forwards: 70',
  'To: Bob <sip:bob@biloxi.com>',
  'From: Alice <sip:alice@atlanta.com>;tag=1928301774',
  'Call-ID: a84b4c76e66710@pc33.atlanta.com',
  'CSeq: 314159 INVITE',
  'Contact: <sip:alice@pc33.atlanta.com>',
  'Subject: one',
  ' and two',
  'Content-Length: 4',
  '',
  'v=0\n',
].join('\r\n');

test('a request of RFC 3261 is read, and answered with what has to go back', () => {
  const request = readSip(`${INVITE}surplus`)!;
  assert.is(request.body, 'v=0\n');
  assert.is(methodOf(request), 'INVITE');
  assert.is(statusOf(request), 0);
  assert.is(sequenceOf(request), 314_159);
  assert.is(headerOf(request.headers, 'SUBJECT'), 'one and two');
  assert.is(uriOf(headerOf(request.headers, 'contact')!), 'sip:alice@pc33.atlanta.com');
  const answer = readSip(writeResponse(request, '180 Ringing', [['Contact', '<sip:x@y>']]))!;
  assert.is(statusOf(answer), 180);
  assert.is(methodOf(answer), 'INVITE');
  assert.equal(
    answer.headers.map(([name]) => name),
    ['Via', 'To', 'From', 'Call-ID', 'CSeq', 'Contact', 'Content-Length'],
  );
  for (const bad of ['', '\r\n\r\n', 'hello\r\n\r\n', 'INVITE sip:x SIP/1.0\r\n\r\n', 'SIP/2.0 abc\r\n\r\n'])
    assert.is(readSip(bad), null, JSON.stringify(bad));
});

test('a TCP stream is cut into messages wherever its pieces end', () => {
  const bytes = Buffer.from(`\r\n\r\n${INVITE}${INVITE}`);
  for (let split = 0; split <= bytes.length; split += 1) {
    const socket = Object.assign(new PassThrough(), { setNoDelay: () => undefined }) as unknown as Socket;
    const got: string[] = [];
    const stream = new SipStream(socket, { onText: (text) => got.push(text), onClosed: () => undefined });
    socket.emit('data', bytes.subarray(0, split));
    socket.emit('data', bytes.subarray(split));
    assert.equal(got, [INVITE, INVITE], `split at ${split}`);
    stream.destroy();
  }
});

test('a TCP peer that never ends its message is cut off', () => {
  const socket = Object.assign(new PassThrough(), { setNoDelay: () => undefined }) as unknown as Socket;
  const stream = new SipStream(socket, { onText: () => undefined, onClosed: () => undefined });
  stream.write('');
  for (let n = 0; n < 70; n += 1) socket.emit('data', Buffer.alloc(1024, 0x61));
  assert.ok(socket.destroyed);
});

test('dial strings', () => {
  assert.equal(readDialString("{a=1,b='x,y',c=p\\,q}[d=2]sofia/internal/u@h"), {
    variables: { a: '1', b: 'x,y', c: 'p,q', d: '2' },
    target: 'sofia/internal/u@h',
  });
  assert.equal(readDialString('{^^:a=1,2:b=3}loopback/x'), { variables: { a: '1,2', b: '3' }, target: 'loopback/x' });
  assert.is(readDialString('{a=1'), null);
  assert.equal(sipTarget('sofia/internal/agent@127.0.0.1:5080;transport=tcp'), {
    user: 'agent',
    address: '127.0.0.1',
    port: 5080,
    transport: 'tcp',
  });
  assert.is(sipTarget('sofia/x/agent@localhost')!.port, 5060);
  for (const bad of ['sofia/internal/agent', 'sofia/internal/u@host.example', 'sofia/internal/u@1.2.3.4:0', 'user/1'])
    assert.is(sipTarget(bad), null, bad);
});

test('codecs of a dial string; an offer as a FreeSWITCH 1.11.2 writes it', () => {
  assert.equal(wantedCodecs('L16@16000h@20i,pcma,OPUS'), [
    { name: 'L16', sampleRateHz: 16_000, ptimeMs: 20 },
    { name: 'PCMA', sampleRateHz: 8000, ptimeMs: 20 },
  ]);
  assert.equal(wantedCodecs('PCMU@30i,PCMA').length, 1, 'only of one ptime');
  assert.equal(wantedCodecs('OPUS'), []);
  const offer = { sessionId: 1, version: 2, address: '127.0.0.1', port: 20_226, comfortNoise: true };
  assert.is(
    writeSdp({ ...offer, codecs: wantedCodecs('L16@16000h@20i') }),
    'v=0\r\no=FreeSWITCH 1 2 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20226 RTP/AVP 102 101 13\r\na=rtpmap:102 L16/16000\r\na=rtpmap:101 telephone-event/16000\r\na=fmtp:101 0-15\r\na=rtpmap:13 CN/16000\r\na=ptime:20\r\n',
  );
  const read = readSdp(writeSdp({ ...offer, codecs: wantedCodecs(undefined), direction: 'sendonly' }))!;
  assert.is(read.direction, 'sendonly');
  assert.is(read.port, 20_226);
  assert.is(read.ptimeMs, 20);
  assert.equal(read.formats[0], { payloadType: 0, name: 'PCMU', rateHz: 8000 });
});

test('answers of others: static types without a map, a second stream, an address of the stream’s own', () => {
  // RFC 4566, section 5, turned to audio first.
  const text =
    'v=0\r\nc=IN IP4 224.2.17.12\r\nt=0 0\r\nm=audio 49170 RTP/AVP 8 96\r\nc=IN IP4 10.0.0.1\r\na=rtpmap:96 L16/8000\r\na=recvonly\r\nm=video 51372 RTP/AVP 99\r\na=rtpmap:99 h263-1998/90000\r\na=inactive\r\n';
  assert.equal(readSdp(text), {
    address: '10.0.0.1',
    port: 49_170,
    direction: 'recvonly',
    ptimeMs: null,
    formats: [
      { payloadType: 8, name: 'PCMA', rateHz: 8000 },
      { payloadType: 96, name: 'L16', rateHz: 8000 },
    ],
  });
  assert.is(readSdp('v=0\r\n'), null);
});

test('causes of what FreeSWITCH has no word for', () => {
  assert.is(causeOfStatus(302), 31);
  assert.is(causeOfStatus(699), 31);
  assert.is(causeOfStatus(487), 487);
});

test('the digest of RFC 2617, section 3.5, without qop as in RFC 2069', () => {
  const challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc"';
  const digest = new SipDigest(challenge, 'Authorization', { username: 'Mufasa', password: 'Circle Of Life' });
  const value = digest.answer('GET', '/dir/index.html');
  assert.match(value, /response="670fd8c2df070c60b045671b8b24ff02"/);
  assert.match(value, /opaque="5ccc"/);
  assert.not.match(value, /qop|cnonce/);
  assert.is(digest.last, value);
});

test('frames of another rate and ptime: nothing is lost, a tone stays in tune', () => {
  for (const [fromHz, toHz] of [
    [8000, 16_000],
    [16_000, 8000],
    [48_000, 8000],
    [8000, 8000],
    [8000, 24_000],
  ] as const) {
    const converter = new FrameConverter(toHz, 10_000);
    for (let frame = 0; frame < 50; frame += 1) {
      const count = fromHz / 50;
      const samples = Int16Array.from({ length: count }, (_, at) =>
        Math.round(8000 * Math.sin((2 * Math.PI * 400 * (frame * count + at)) / fromHz)),
      );
      converter.push(samples, fromHz);
    }
    assert.ok(Math.abs(converter.length - toHz) <= 6, `${converter.length} of ${toHz}`);
    const out = converter.take(toHz / 2)!;
    let crossings = 0;
    for (let at = 1; at < out.length; at += 1) if (out[at - 1]! < 0 && out[at]! >= 0) crossings += 1;
    assert.ok(Math.abs(crossings - 200) <= 1, `${fromHz} to ${toHz}: ${crossings} periods in half a second`);
  }
  const small = new FrameConverter(8000, 20);
  small.push(new Int16Array(200), 8000);
  assert.is(small.length, 160);
  assert.is(small.droppedSamples, 40);
  assert.is(small.take(161), null);
});

test.run();

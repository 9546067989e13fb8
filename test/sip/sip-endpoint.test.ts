/** What comes to an endpoint outside of dialogs: screening, strangers, limits, TCP, and its end. */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { SipEndpoint } from '../../src/sip/sip-endpoint.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import type { Bench, Peer } from './scripted-peer.ts';
import {
  SDP_ANSWER,
  SDP_OFFER,
  bodyOf,
  fieldOf,
  message,
  openBench,
  request,
  response,
  statusOf,
  talk,
  tcpPeer,
  tcpPeerOn,
  toTagOf,
  udpPeer,
} from './scripted-peer.ts';

let bench: Bench;
let peer: Peer;

test.before.each(async () => {
  bench = await openBench();
  peer = await udpPeer(bench.port);
});

test.after.each(async () => {
  await bench.close();
  await peer.close();
  assert.is(bench.clock.pending, 0, 'no timer is left');
});

test('OPTIONS says what we can, with a tag that stays the same', async () => {
  const text = request(peer, 'OPTIONS', { branch: 'o1' });
  peer.send(text);
  const answer = await peer.next();
  assert.is(statusOf(answer), 200);
  assert.is(fieldOf(answer, 'Allow'), 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY');
  assert.is(fieldOf(answer, 'Accept'), 'application/sdp, application/dtmf-relay, application/dtmf');
  assert.is(fieldOf(answer, 'Supported'), 'timer');
  peer.send(text);
  assert.is(await peer.next(), answer);
  assert.is(bench.endpoint.stats.transactions, 0);
});

test('what cannot be served is refused with the right status', async () => {
  const cases: [string, string, Partial<Parameters<typeof request>[2]>, number][] = [
    ['REGISTER', 'r', {}, 405],
    ['SUBSCRIBE', 's', {}, 405],
    ['NOTIFY', 'n', {}, 405],
    ['MESSAGE', 'm', { body: 'hello', contentType: 'text/plain' }, 405],
    ['WHATEVER', 'w', {}, 501],
    ['BYE', 'b', {}, 481],
    ['BYE', 'bt', { toTag: 'x' }, 481],
    ['INFO', 'i', { toTag: 'x' }, 481],
    ['UPDATE', 'u', { toTag: 'x' }, 481],
    ['INVITE', 'it', { toTag: 'x', body: SDP_OFFER }, 481],
    ['OPTIONS', 'ot', { toTag: 'x' }, 481],
    ['INVITE', 'tel', { uri: 'tel:+123', body: SDP_OFFER }, 416],
    ['INVITE', 'sips', { uri: 'sips:x@127.0.0.1', body: SDP_OFFER }, 416],
    ['INVITE', '100rel', { fields: ['Require: 100rel'], body: SDP_OFFER }, 420],
    ['INVITE', 'isup', { body: 'x', contentType: 'application/isup' }, 415],
    ['INVITE', 'none', { body: SDP_OFFER, contentType: null }, 415],
    ['INVITE', 'gzip', { body: SDP_OFFER, fields: ['Content-Encoding: gzip'] }, 415],
    ['INVITE', 'acc', { body: SDP_OFFER, fields: ['Accept: text/html'] }, 406],
    ['INVITE', 'two', { body: SDP_OFFER, fields: ['Contact: <sip:b@127.0.0.1>'] }, 400],
    ['INVITE', 'cs', { body: SDP_OFFER, cseqMethod: 'BYE' }, 400],
  ];
  for (const [method, branch, parts, status] of cases) {
    peer.send(request(peer, method, { branch, callId: branch, ...parts }));
    const answer = await peer.next();
    assert.is(statusOf(answer), status, `${method} ${branch}`);
    assert.is(fieldOf(answer, 'Call-ID'), branch);
    if (status === 405 || status === 501) assert.match(fieldOf(answer, 'Allow'), /INVITE/);
  }
  assert.is(bench.calls.length, 0);
  peer.send(
    request(peer, 'INVITE', {
      branch: 'ok',
      callId: 'ok',
      body: SDP_OFFER,
      fields: ['Supported: 100rel', 'Max-Forwards: 0', 'Accept: application/*'].filter(
        (line) => !line.startsWith('Max'),
      ),
    }),
  );
  assert.is(statusOf(await peer.next()), 100, '100rel that is only offered is ignored');
});

test('rport and received (RFC 3581): the answer goes to where the request came from', async () => {
  const away = request(peer, 'OPTIONS', { branch: 'p1', rport: true }).replace(
    `127.0.0.1:${peer.port};branch`,
    '10.9.8.7:9;branch',
  );
  peer.send(away);
  const answer = await peer.next();
  assert.is(fieldOf(answer, 'Via'), `SIP/2.0/UDP 10.9.8.7:9;branch=z9hG4bKp1;rport=${peer.port};received=127.0.0.1`);
  const other = await udpPeer(bench.port);
  other.send(request(peer, 'OPTIONS', { branch: 'p2' }));
  assert.is(
    fieldOf(await peer.next(), 'Via'),
    `SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bKp2`,
    'without rport: to the sent-by port',
  );
  await other.close();
});

test('the same INVITE by two ways is one call and a 482 (section 8.2.2.2)', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'q1', body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 100);
  peer.send(request(peer, 'INVITE', { branch: 'q2', body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 482);
  assert.is(bench.calls.length, 1);
});

test('at the limit of calls there is 503 with Retry-After, and room again when one is over', async () => {
  await bench.close();
  bench = await openBench({ callLimit: 1 });
  const other = await udpPeer(bench.port);
  other.send(request(other, 'INVITE', { branch: 'l1', callId: 'l1', body: SDP_OFFER }));
  assert.is(statusOf(await other.next()), 100);
  other.send(request(other, 'INVITE', { branch: 'l2', callId: 'l2', body: SDP_OFFER }));
  const full = await other.next();
  assert.is(statusOf(full), 503);
  assert.is(fieldOf(full, 'Retry-After'), '5');
  bench.calls[0]!.reject(486);
  assert.is(statusOf(await other.next()), 486);
  other.send(request(other, 'INVITE', { branch: 'l3', callId: 'l3', body: SDP_OFFER }));
  assert.is(statusOf(await other.next()), 100);
  await other.close();
});

test('whoever takes calls may fail: 500', async () => {
  await bench.close();
  bench = await openBench({
    onCall: () => {
      throw new Error('mine');
    },
  });
  const other = await udpPeer(bench.port);
  other.send(request(other, 'INVITE', { branch: 'f1', body: SDP_OFFER }));
  assert.is(statusOf(await other.next()), 100);
  assert.is(statusOf(await other.next()), 500);
  assert.is(bench.endpoint.callCount, 0);
  await other.close();
});

test('strangers get no answer', async () => {
  await bench.close();
  bench = await openBench({ allow: ['10.0.0.0/8', '::1'] });
  const other = await udpPeer(bench.port);
  const connection = await tcpPeer(bench.port);
  await connection.ended;
  other.send(request(other, 'OPTIONS', { branch: 'x1' }));
  while (bench.endpoint.stats.strangers < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(bench.endpoint.stats, { malformed: 0, strangers: 2, transactions: 0 });
  await other.close();
});

test('malformed messages are counted and told of without what they say; blank lines are not', async () => {
  peer.send('\r\n\r\n');
  peer.send('ann@example.org calls\r\n\r\n');
  peer.send('SIP/2.0 99 Nonsense\r\nVia: x\r\n\r\n');
  const bad = request(peer, 'INVITE', { branch: 'n1', body: SDP_OFFER }).replace('"Ann" <sip', '"Ann <sip');
  peer.send(bad);
  assert.match(await peer.next(), /^SIP\/2\.0 400 Bad From\r\n/);
  assert.equal(bench.endpoint.stats.malformed, 3);
  assert.equal(
    bench.faults.map((fault) => fault.replace('ERR_TALKSPURT_LINK_PROTOCOL malformed SIP message: ', '')),
    ['Bad Start Line', 'Bad Status Line', 'Bad From'],
  );
});

test('a response that belongs to nothing is ignored, whatever it claims', async () => {
  const { call } = await talk(bench, peer);
  const done = call.hangup();
  const bye = await peer.next();
  peer.send(response(bye, '200 OK').replace(/branch=[^\r;]*/, 'branch=z9hG4bKforged'));
  peer.send(response(bye, '200 OK').replace(/\r\nVia:/, '\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nVia:'));
  peer.send(request(peer, 'OPTIONS', { branch: 'sync', callId: 'sync' }));
  await peer.next();
  bench.clock.advance(500);
  assert.is(await peer.next(), bye, 'still asked');
  peer.send(response(bye, '200 OK'));
  await done;
});

test('TCP: a whole call, split at every byte; nothing but the 200 is repeated', async () => {
  const tcp = await tcpPeer(bench.port);
  const invite = request(tcp, 'INVITE', { branch: 't1', callId: 't1', body: SDP_OFFER });
  for (const byte of invite) tcp.send(byte);
  assert.is(statusOf(await tcp.next()), 100);
  const acked = bench.calls[0]!.accept(SDP_ANSWER);
  const ok = await tcp.next();
  assert.is(fieldOf(ok, 'Contact'), `<sip:talkspurt@127.0.0.1:${bench.port};transport=tcp>`);
  bench.clock.advance(500);
  assert.is(await tcp.next(), ok);
  const toTag = toTagOf(ok);
  tcp.send(
    request(tcp, 'ACK', { branch: 't2', callId: 't1', toTag }) +
      '\r\n\r\n' +
      request(tcp, 'INFO', {
        branch: 't3',
        cseq: 2,
        callId: 't1',
        toTag,
        body: 'Signal=1',
        contentType: 'application/dtmf',
      }) +
      request(tcp, 'OPTIONS', { branch: 't4', callId: 't4' }),
  );
  await acked;
  assert.is(fieldOf(await tcp.next(), 'CSeq'), '2 INFO');
  assert.is(fieldOf(await tcp.next(), 'CSeq'), '1 OPTIONS');
  assert.is(tcp.pongs, 1, 'a ping is answered (RFC 5626)');
  const done = bench.calls[0]!.hangup();
  const bye = await tcp.next();
  assert.match(fieldOf(bye, 'Via'), /^SIP\/2\.0\/TCP 127\.0\.0\.1:/);
  bench.clock.advance(4_000);
  tcp.send(response(bye, '200 OK'));
  await done;
  await tcp.close();
});

test('TCP: a message that is too long is 413 and the end of its connection; so is a bad length', async () => {
  for (const [length, status] of [
    [String(LIMITS.sipMessageBytes), 413],
    ['-1', 400],
    ['5, 6', 400],
  ] as const) {
    const tcp = await tcpPeer(bench.port);
    tcp.send(request(tcp, 'OPTIONS', { branch: `len${status}` }).replace(/Content-Length: 0/, `l : ${length}`));
    assert.is(statusOf(await tcp.next()), status);
    tcp.socket.end();
    await tcp.ended;
  }
  const endless = await tcpPeer(bench.port);
  endless.send(Buffer.alloc(LIMITS.sipMessageBytes + 10, 65));
  endless.socket.end();
  await endless.ended;
  assert.is(bench.endpoint.stats.malformed, 4);
});

test('TCP: a message that never ends is cut off in time', async () => {
  const tcp = await tcpPeer(bench.port);
  tcp.send(request(tcp, 'OPTIONS', { branch: 'slow' }));
  await tcp.next();
  tcp.send('INVITE sip:');
  while (bench.clock.pending === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  bench.clock.advance(LIMITS.sipConnectionMs);
  await tcp.ended;
});

test('TCP: when the connection is gone, BYE dials the far end’s contact', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const tcp = await tcpPeer(bench.port);
  const move = (text: string): string => text.replaceAll(`:${tcp.port}`, `:${port}`);
  tcp.send(move(request(tcp, 'INVITE', { branch: 'd1', callId: 'd1', body: SDP_OFFER })));
  await tcp.next();
  const acked = bench.calls[0]!.accept(SDP_ANSWER);
  const ok = await tcp.next();
  tcp.send(move(request(tcp, 'ACK', { branch: 'd2', callId: 'd1', toTag: toTagOf(ok) })));
  await acked;
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  tcp.socket.end();
  await tcp.ended;
  const done = bench.calls[0]!.hangup();
  const back = tcpPeerOn(await connected);
  const bye = await back.next();
  assert.match(bye, new RegExp(`^BYE sip:ann@127\\.0\\.0\\.1:${port} SIP/2\\.0`));
  back.send(response(bye, '200 OK'));
  await done;
  await back.close();
  server.close();
});

test('TCP: a far end that cannot be reached any more ends the call before its answer', async () => {
  const tcp = await tcpPeer(bench.port);
  tcp.send(
    request(tcp, 'INVITE', { branch: 'g1', callId: 'g1', body: SDP_OFFER }).replace(
      `127.0.0.1:${tcp.port};branch`,
      '127.0.0.1:1;branch',
    ),
  );
  await tcp.next();
  tcp.socket.end();
  await tcp.ended;
  const error = await bench.calls[0]!.accept(SDP_ANSWER).catch((caught: unknown) => caught);
  assert.ok(hasCode(error, 'ERR_TALKSPURT_CALL_GONE'));
  assert.equal(bench.notes[0]!.ends, [{ by: 'transport', hangupCause: 38 }]);
});

test('close hangs up, refuses newcomers, and does not wait for ever', async () => {
  const { notes } = await talk(bench, peer);
  peer.send(request(peer, 'INVITE', { branch: 'z1', callId: 'z1', body: SDP_OFFER }));
  await peer.next();
  const closed = bench.endpoint.close();
  assert.is(bench.endpoint.close(), closed);
  const texts = [await peer.next(), await peer.next()].map((text) => text.split('\r\n')[0]!).sort();
  assert.match(texts[0]!, /^BYE /);
  assert.match(texts[1]!, /^SIP\/2\.0 480 /);
  peer.send(request(peer, 'INVITE', { branch: 'z2', callId: 'z2', body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 503);
  assert.equal(notes.ends, [{ by: 'us', hangupCause: 16 }]);
  bench.clock.advance(LIMITS.sipCloseMs);
  await closed;
  assert.is(bench.endpoint.callCount, 0);
  assert.is(bench.endpoint.stats.transactions, 0);
});

test('options that cannot work are refused', async () => {
  const options = {
    clock: new FakeClock(),
    port: 0,
    protocols: ['udp', 'tcp'] as const,
    userAgent: 'x',
    onCall: () => undefined,
  };
  for (const allow of [['10.0.0.0/33'], ['pbx.example.org'], ['10.0.0.0/'], ['::/129'], ['1.2.3.4/8/8']]) {
    assert.throws(
      () => new SipEndpoint({ ...options, allow }),
      (error: unknown) => hasCode(error, 'ERR_TALKSPURT_CONFIG_INVALID'),
    );
  }
  assert.throws(
    () => new SipEndpoint({ ...options, host: '0.0.0.0', allow: [] }),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_CONFIG_INVALID'),
  );
  const taken = new SipEndpoint({ ...options, port: bench.port, allow: [] });
  const error = await taken.listen().catch((caught: unknown) => caught);
  assert.ok(hasCode(error, 'ERR_TALKSPURT_LISTEN'));
  await taken.close();
});

test('IPv6: addresses stand in brackets', async () => {
  await bench.close();
  bench = await openBench({ host: '::', advertiseHost: '2001:db8::1', allow: ['127.0.0.1'] });
  const other = await udpPeer(bench.port);
  other.send(request(other, 'INVITE', { branch: 'v6', body: SDP_OFFER }));
  assert.is(statusOf(await other.next()), 100, 'an IPv4 peer of an IPv6 socket');
  bench.calls[0]!.ring();
  assert.is(fieldOf(await other.next(), 'Contact'), `<sip:talkspurt@[2001:db8::1]:${bench.port}>`);
  await other.close();
});

test('a body is cut at its Content-Length, and UTF-8 in it is kept', async () => {
  const sdp = `${SDP_OFFER}s=café\r\n`;
  const text = message(
    [
      'INVITE sip:agent@127.0.0.1 SIP/2.0',
      `v: SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bKu8`,
      'f: "Ren\u00e9" <sip:ren%C3%A9@example.org>;tag=1',
      't: <sip:agent@example.org>',
      'i: u8',
      'CSeq: 1 INVITE',
      'm: <sip:r@127.0.0.1>',
      'c: application/sdp',
    ],
    sdp,
  );
  peer.send(Buffer.from(`${text}trailing`, 'utf8'));
  const trying = await peer.next();
  assert.is(
    fieldOf(trying, 'From'),
    Buffer.from('"Ren\u00e9" <sip:ren%C3%A9@example.org>;tag=1').toString('latin1'),
    'byte for byte',
  );
  assert.is(bench.calls[0]!.offer, sdp);
  assert.equal(bench.calls[0]!.from, { user: 'ren\u00e9', host: 'example.org', displayName: 'Ren\u00e9' });
  assert.is(bodyOf(trying), '');
});

test.run();

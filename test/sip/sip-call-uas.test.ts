/** The life of a call over UDP, told by a peer that is scripted byte for byte (RFC 3261, RFC 3665). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Bench, Peer } from './scripted-peer.ts';
import {
  SDP_ANSWER,
  SDP_OFFER,
  bodyOf,
  fieldOf,
  fieldsOf,
  openBench,
  request,
  response,
  statusOf,
  talk,
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

/** What came before the answer to an OPTIONS that was sent last: nothing else was on the way. */
async function nothingElse(name: string): Promise<void> {
  peer.send(request(peer, 'OPTIONS', { branch: `probe-${name}`, callId: `probe-${name}` }));
  const answer = await peer.next();
  assert.is(fieldOf(answer, 'Call-ID'), `probe-${name}`, answer.split('\r\n')[0]);
}

test('INVITE: 100 at once, 180, 200 with SDP, ACK, BYE', async () => {
  const routes = ['Record-Route: <sip:p2.example.org;lr>, <sip:127.0.0.9;lr>', 'Record-Route: <sip:p1.example.org;lr>'];
  const invite = request(peer, 'INVITE', {
    branch: 'a1',
    body: SDP_OFFER,
    fields: [...routes, 'X-Key: v1', 'x-key: v2'],
  });
  peer.send(invite);
  const trying = await peer.next();
  assert.is(statusOf(trying), 100);
  assert.is(fieldOf(trying, 'Via'), `SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bKa1`);
  assert.is(toTagOf(trying), '');
  const [call] = bench.calls;
  assert.is(call!.id, 'call-1');
  assert.equal(call!.from, { user: 'ann', host: 'example.org', displayName: 'Ann' });
  assert.equal(call!.to, { user: 'agent', host: 'example.org', displayName: '' });
  assert.is(call!.requestUser, 'agent');
  assert.is(call!.offer, SDP_OFFER);
  assert.equal(call!.headers.get('x-key'), ['v1', 'v2']);
  assert.equal(call!.source, { address: '127.0.0.1', port: peer.port, protocol: 'udp' });

  call!.ring();
  const ringing = await peer.next();
  assert.is(statusOf(ringing), 180);
  const tag = toTagOf(ringing);
  assert.match(tag, /^[0-9a-f]{16}$/);
  assert.equal(fieldsOf(ringing, 'Record-Route'), [
    '<sip:p2.example.org;lr>, <sip:127.0.0.9;lr>',
    '<sip:p1.example.org;lr>',
  ]);

  const acked = call!.accept(SDP_ANSWER);
  const ok = await peer.next();
  assert.is(statusOf(ok), 200);
  assert.is(toTagOf(ok), tag);
  assert.is(bodyOf(ok), SDP_ANSWER);
  assert.is(fieldOf(ok, 'Content-Type'), 'application/sdp');
  assert.is(fieldOf(ok, 'Contact'), `<sip:talkspurt@127.0.0.1:${bench.port}>`);
  assert.equal(fieldsOf(ok, 'Record-Route').length, 2);
  peer.send(request(peer, 'ACK', { branch: 'a2', toTag: tag }));
  assert.is(await acked, '');
  assert.is(bench.endpoint.callCount, 1);

  peer.send(
    request(peer, 'BYE', {
      branch: 'a3',
      cseq: 2,
      toTag: tag,
      fields: ['Reason: SIP;cause=200, Q.850;cause=31', 'Reason: Q.850 ;cause=19;text="x"'],
    }),
  );
  const bye = await peer.next();
  assert.is(statusOf(bye), 200);
  assert.is(fieldOf(bye, 'CSeq'), '2 BYE');
  assert.equal(bench.notes[0]!.ends, [{ by: 'far-end', hangupCause: 19 }]);
  assert.is(bench.endpoint.callCount, 0);
  peer.send(request(peer, 'BYE', { branch: 'a3', cseq: 2, toTag: tag }));
  assert.is(statusOf(await peer.next()), 200, 'a BYE that comes again is answered again');
  peer.send(request(peer, 'BYE', { branch: 'a4', cseq: 3, toTag: tag }));
  assert.is(statusOf(await peer.next()), 481, 'the dialog is over');
});

test('an INVITE that comes again gets the last provisional response again, and makes no second call', async () => {
  const invite = request(peer, 'INVITE', { branch: 'b1', body: SDP_OFFER });
  peer.send(invite);
  assert.is(statusOf(await peer.next()), 100);
  peer.send(invite);
  assert.is(statusOf(await peer.next()), 100);
  bench.calls[0]!.ring();
  assert.is(statusOf(await peer.next()), 180);
  peer.send(invite);
  assert.is(statusOf(await peer.next()), 180);
  bench.clock.advance(60_000);
  assert.is(statusOf(await peer.next()), 180, 'said again each minute');
  assert.is(bench.calls.length, 1);
});

test('200 is repeated after T1, doubling up to T2, until the ACK', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'c1', body: SDP_OFFER }));
  await peer.next();
  const acked = bench.calls[0]!.accept(SDP_ANSWER);
  const first = await peer.next();
  bench.clock.advance(499);
  await nothingElse('t1');
  for (const gapMs of [1, 1_000, 2_000, 4_000, 4_000]) {
    bench.clock.advance(gapMs - 1);
    bench.clock.advance(1);
    assert.is(await peer.next(), first, `after ${gapMs} ms`);
  }
  peer.send(request(peer, 'ACK', { branch: 'c2', toTag: toTagOf(first) }));
  await acked;
  bench.clock.advance(20_000);
  await nothingElse('acked');
  assert.is(bench.endpoint.callCount, 1);
});

test('no ACK within 64*T1: BYE, and the call is over', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'd1', body: SDP_OFFER }));
  await peer.next();
  const acked = bench.calls[0]!.accept(SDP_ANSWER).catch((error: unknown) => error);
  await peer.next();
  bench.clock.advance(31_999);
  assert.is(bench.notes[0]!.ends.length, 0);
  bench.clock.advance(1);
  assert.ok(hasCode(await acked, 'ERR_TALKSPURT_CALL_GONE'));
  assert.equal(bench.notes[0]!.ends, [{ by: 'timeout', hangupCause: 102 }]);
  for (;;) {
    const text = await peer.next();
    if (statusOf(text) === 200) continue;
    assert.match(text, /^BYE sip:ann@127\.0\.0\.1:/);
    peer.send(response(text, '200 OK'));
    break;
  }
});

test('an endpoint that closes waits for no ACK: every timer of its calls goes', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'p1', body: SDP_OFFER }));
  await peer.next();
  const acked = bench.calls[0]!.accept(SDP_ANSWER).catch((error: unknown) => error);
  await peer.next();
  const closed = bench.endpoint.close();
  bench.clock.advance(LIMITS.sipCloseMs);
  await closed;
  assert.ok(hasCode(await acked, 'ERR_TALKSPURT_CALL_GONE'));
  assert.is(bench.clock.pending, 0);
});

test('an INVITE without an offer: the 200 offers, the ACK answers', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'e1' }));
  await peer.next();
  assert.is(bench.calls[0]!.offer, null);
  const acked = bench.calls[0]!.accept(SDP_ANSWER);
  const ok = await peer.next();
  assert.is(bodyOf(ok), SDP_ANSWER);
  peer.send(request(peer, 'INVITE', { branch: 'e2', cseq: 2, toTag: toTagOf(ok), body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 491, 'an offer while ours waits for its answer');
  peer.send(request(peer, 'ACK', { branch: 'e3', cseq: 1, toTag: toTagOf(ok), body: SDP_OFFER }));
  assert.is(await acked, SDP_OFFER);
});

test('CANCEL before the answer: 200 to it, 487 to the INVITE, repeated until its ACK', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'f1', body: SDP_OFFER }));
  await peer.next();
  bench.calls[0]!.ring();
  const tag = toTagOf(await peer.next());
  peer.send(request(peer, 'CANCEL', { branch: 'f1', fields: ['Reason: Q.850;cause=26'] }));
  const answers = [await peer.next(), await peer.next()].sort();
  assert.equal(
    answers.map((text) => `${statusOf(text)} ${fieldOf(text, 'CSeq')}`),
    ['200 1 CANCEL', '487 1 INVITE'],
  );
  assert.ok(
    answers.every((text) => toTagOf(text) === tag),
    'one tag for all',
  );
  assert.equal(bench.notes[0]!.ends, [{ by: 'far-end', hangupCause: 26 }]);
  assert.is(bench.endpoint.callCount, 0);
  bench.clock.advance(500);
  assert.is(statusOf(await peer.next()), 487);
  bench.clock.advance(1_000);
  assert.is(statusOf(await peer.next()), 487);
  peer.send(request(peer, 'ACK', { branch: 'f1', toTag: tag }));
  await nothingElse('sync');
  bench.clock.advance(4_999);
  await nothingElse('quiet');
  assert.ok(
    hasCode(await bench.calls[0]!.accept(SDP_ANSWER).catch((error: unknown) => error), 'ERR_TALKSPURT_CALL_GONE'),
  );
});

test('CANCEL after the answer changes nothing; of nothing is 481', async () => {
  const { toTag } = await talk(bench, peer);
  peer.send(request(peer, 'CANCEL', { branch: 'inv-call-1' }));
  const answer = await peer.next();
  assert.is(statusOf(answer), 200);
  assert.is(toTagOf(answer), toTag);
  assert.is(bench.endpoint.callCount, 1);
  peer.send(request(peer, 'CANCEL', { branch: 'nobody' }));
  assert.is(statusOf(await peer.next()), 481);
});

test('a refusal is final, repeated until its ACK, and frees the call', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'g1', body: SDP_OFFER }));
  await peer.next();
  bench.calls[0]!.reject(486);
  const busy = await peer.next();
  assert.match(busy, /^SIP\/2\.0 486 Busy Here\r\n/);
  assert.is(bench.endpoint.callCount, 0);
  assert.equal(bench.notes[0]!.ends, [{ by: 'us', hangupCause: 17 }]);
  bench.calls[0]!.reject(603);
  bench.clock.advance(500);
  assert.is(await peer.next(), busy);
  peer.send(request(peer, 'ACK', { branch: 'g1', toTag: toTagOf(busy) }));
  await nothingElse('sync');
  bench.clock.advance(4_000);
  await nothingElse('after');
});

test('a refusal in our own words cannot end its line, and a status that refuses nothing is a fault', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'h1', body: SDP_OFFER }));
  await peer.next();
  assert.throws(
    () => bench.calls[0]!.reject(200),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_INTERNAL'),
  );
  bench.calls[0]!.reject(480, 'Gone\r\nX-Evil: é');
  const answer = await peer.next();
  assert.match(answer, /^SIP\/2\.0 480 Gone X-Evil: \xc3\xa9\r\n/);
});

test('hangup before the answer refuses with what fits the cause', async () => {
  for (const [cause, status] of [
    [17, 486],
    [1, 404],
    [42, 503],
    [16, 480],
  ] as const) {
    peer.send(request(peer, 'INVITE', { branch: `i${cause}`, callId: `i${cause}`, body: SDP_OFFER }));
    await peer.next();
    await bench.calls.at(-1)!.hangup(cause);
    const answer = await peer.next();
    assert.is(statusOf(answer), status);
    assert.is(fieldOf(answer, 'Reason'), `Q.850;cause=${cause}`);
    peer.send(request(peer, 'ACK', { branch: `i${cause}`, callId: `i${cause}`, toTag: toTagOf(answer) }));
  }
});

test('hangup: BYE along the route set, repeated, and over when it is answered', async () => {
  const fields = ['Record-Route: <sip:proxy.example.org;lr>,<sip:edge.example.org;lr>'];
  const { call, notes, toTag } = await talk(bench, peer, { fields });
  const done = call.hangup(31);
  assert.equal(notes.ends, [{ by: 'us', hangupCause: 31 }]);
  assert.is(bench.endpoint.callCount, 0);
  const bye = await peer.next();
  assert.match(bye, new RegExp(`^BYE sip:ann@127\\.0\\.0\\.1:${peer.port} SIP/2\\.0\r\n`));
  assert.equal(fieldsOf(bye, 'Route'), ['<sip:proxy.example.org;lr>', '<sip:edge.example.org;lr>']);
  assert.is(fieldOf(bye, 'From'), `<sip:agent@example.org>;tag=${toTag}`);
  assert.is(fieldOf(bye, 'To'), '"Ann" <sip:ann@example.org>;tag=caller');
  assert.is(fieldOf(bye, 'Reason'), 'Q.850;cause=31');
  assert.is(fieldOf(bye, 'CSeq'), '1 BYE');
  assert.is(fieldOf(bye, 'Max-Forwards'), '70');
  bench.clock.advance(500);
  assert.is(await peer.next(), bye, 'repeated after T1');
  peer.send(response(bye, '100 Trying'));
  peer.send(response(bye, '200 OK'));
  await done;
  await call.hangup();
  assert.is(notes.ends.length, 1);
});

test('a strict router gets the Request-URI (section 12.2.1.1)', async () => {
  const { call } = await talk(bench, peer, {
    fields: ['Record-Route: <sip:strict.example.org>, <sip:next.example.org;lr>'],
  });
  const done = call.hangup();
  const bye = await peer.next();
  assert.match(bye, /^BYE sip:strict\.example\.org SIP\/2\.0\r\n/);
  assert.equal(fieldsOf(bye, 'Route'), ['<sip:next.example.org;lr>', `<sip:ann@127.0.0.1:${peer.port}>`]);
  peer.send(response(bye, '200 OK'));
  await done;
});

test('a BYE that nobody answers is over after 64*T1, and is sent 11 times', async () => {
  const { call } = await talk(bench, peer);
  const done = call.hangup();
  bench.clock.advance(32_000);
  await done;
  for (let count = 0; count < 11; count += 1) assert.match(await peer.next(), /^BYE /);
  await nothingElse('after');
});

test('hangup between 200 and ACK waits for the ACK', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'k1', body: SDP_OFFER }));
  await peer.next();
  const acked = bench.calls[0]!.accept(SDP_ANSWER).catch((error: unknown) => error);
  const ok = await peer.next();
  const done = bench.calls[0]!.hangup();
  assert.ok(hasCode(await acked, 'ERR_TALKSPURT_CALL_GONE'));
  await nothingElse('no BYE yet');
  peer.send(request(peer, 'ACK', { branch: 'k2', toTag: toTagOf(ok) }));
  const bye = await peer.next();
  assert.match(bye, /^BYE /);
  peer.send(response(bye, '200 OK'));
  await done;
  assert.equal(bench.notes[0]!.ends, [{ by: 'us', hangupCause: 16 }]);
});

test('BYEs that cross are both answered', async () => {
  const { call, notes, toTag } = await talk(bench, peer);
  const done = call.hangup();
  const ours = await peer.next();
  peer.send(request(peer, 'BYE', { branch: 'l2', cseq: 2, toTag }));
  assert.is(statusOf(await peer.next()), 200);
  peer.send(response(ours, '481 Gone'));
  await done;
  assert.equal(notes.ends, [{ by: 'us', hangupCause: 16 }]);
});

test('a BYE before the answer ends the INVITE with 487', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'm1', body: SDP_OFFER }));
  await peer.next();
  bench.calls[0]!.ring();
  const toTag = toTagOf(await peer.next());
  peer.send(request(peer, 'BYE', { branch: 'm2', cseq: 2, toTag }));
  assert.equal(new Set([statusOf(await peer.next()), statusOf(await peer.next())]), new Set([200, 487]));
  peer.send(request(peer, 'ACK', { branch: 'm1', toTag }));
  assert.equal(bench.notes[0]!.ends, [{ by: 'far-end', hangupCause: 16 }]);
});

test('a listener that throws harms nobody', async () => {
  const { call, toTag } = await talk(bench, peer);
  call.listen({
    onEnded: () => {
      throw new Error('mine');
    },
    onReinvite: () => {
      throw new TypeError('mine, too');
    },
    onDigit: () => undefined,
  });
  peer.send(request(peer, 'INVITE', { branch: 'n2', cseq: 2, toTag, body: SDP_OFFER }));
  const answer = await peer.next();
  assert.is(statusOf(answer), 500);
  peer.send(request(peer, 'ACK', { branch: 'n2', cseq: 2, toTag }));
  peer.send(request(peer, 'BYE', { branch: 'n3', cseq: 3, toTag }));
  assert.is(statusOf(await peer.next()), 200);
  assert.equal(bench.faults, ['ERR_TALKSPURT_INTERNAL mine, too', 'ERR_TALKSPURT_INTERNAL mine']);
});

test('a peer of RFC 2543: no branch, no tag, no Contact, the ACK of a 2xx like the INVITE', async () => {
  const text = (method: string, toTag: string, body = ''): string =>
    `${method} sip:agent@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${peer.port}\r\nFrom: <sip:old@127.0.0.1>\r\n` +
    `To: sip:agent@127.0.0.1${toTag}\r\nCall-ID: old\r\nCSeq: 7 ${method}\r\n${body === '' ? '' : 'Content-Type: application/sdp\r\n'}\r\n${body}`;
  peer.send(text('INVITE', '', SDP_OFFER));
  assert.is(statusOf(await peer.next()), 100);
  const acked = bench.calls[0]!.accept(SDP_ANSWER);
  const ok = await peer.next();
  peer.send(text('INVITE', '', SDP_OFFER));
  peer.send(text('ACK', `;tag=${toTagOf(ok)}`));
  await acked;
  assert.is(bench.calls.length, 1);
});

test.run();

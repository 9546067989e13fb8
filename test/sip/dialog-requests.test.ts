/** What happens in a dialog: re-INVITE, UPDATE, INFO, REFER and NOTIFY, session timers (RFC 3261, 3311, 3515, 4028, 6086). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError, hasCode } from '../../src/core/errors.ts';
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

test('re-INVITE with an offer is answered with the listener’s SDP, repeated until its ACK, and moves the far end', async () => {
  const { call, notes, toTag } = await talk(bench, peer);
  const hold = SDP_OFFER.replace('m=audio', 'a=sendonly\r\nm=audio');
  const text = request(peer, 'INVITE', { branch: 'r1', cseq: 2, toTag, body: hold });
  peer.send(text.replace(`<sip:ann@127.0.0.1:${peer.port}>`, `<sip:moved@127.0.0.1:${peer.port}>`));
  const ok = await peer.next();
  assert.is(statusOf(ok), 200);
  assert.is(bodyOf(ok), SDP_ANSWER);
  assert.equal(notes.offers, [hold]);
  bench.clock.advance(500);
  assert.is(await peer.next(), ok);
  peer.send(request(peer, 'ACK', { branch: 'r2', cseq: 2, toTag }));
  const done = call.hangup();
  const bye = await peer.next();
  assert.match(bye, /^BYE sip:moved@127\.0\.0\.1:/);
  peer.send(response(bye, '200 OK'));
  await done;
});

test('re-INVITE without an offer: ours in the 200, theirs in the ACK; another one meanwhile is glare', async () => {
  const { notes, toTag } = await talk(bench, peer);
  peer.send(request(peer, 'INVITE', { branch: 's1', cseq: 2, toTag }));
  assert.is(bodyOf(await peer.next()), SDP_ANSWER);
  assert.equal(notes.offers, [null]);
  peer.send(request(peer, 'INVITE', { branch: 's2', cseq: 3, toTag, body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 491);
  peer.send(request(peer, 'ACK', { branch: 's2', cseq: 3, toTag }));
  peer.send(request(peer, 'UPDATE', { branch: 's3', cseq: 4, toTag, body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 491);
  peer.send(request(peer, 'ACK', { branch: 's4', cseq: 2, toTag, body: SDP_OFFER }));
  peer.send(request(peer, 'UPDATE', { branch: 's5', cseq: 5, toTag, body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 200);
  assert.equal(notes.answers, [SDP_OFFER]);
  assert.equal(notes.offers, [null, SDP_OFFER]);
});

test('a re-INVITE with the number of one that waits for its ACK is 500, and takes nothing of that one (section 12.2.2)', async () => {
  const { notes, toTag } = await talk(bench, peer);
  peer.send(request(peer, 'INVITE', { branch: 'q1', cseq: 2, toTag, body: SDP_OFFER }));
  const ok = await peer.next();
  assert.is(statusOf(ok), 200);
  peer.send(request(peer, 'INVITE', { branch: 'q2', cseq: 2, toTag, body: SDP_OFFER }));
  const refused = await peer.next();
  assert.is(statusOf(refused), 500);
  assert.is(fieldOf(refused, 'Via').includes('q2'), true);
  peer.send(request(peer, 'ACK', { branch: 'q2', cseq: 2, toTag }));
  peer.send(request(peer, 'INFO', { branch: 'q3', cseq: 2, toTag }));
  assert.is(statusOf(await peer.next()), 500, 'nor may any other request have it');
  peer.send(request(peer, 'INVITE', { branch: 'q1', cseq: 2, toTag, body: SDP_OFFER }));
  peer.send(request(peer, 'ACK', { branch: 'q4', cseq: 2, toTag }));
  peer.send(request(peer, 'OPTIONS', { branch: 'q5', cseq: 3, toTag }));
  assert.is(statusOf(await peer.next()), 200, 'the same one once more is not another one');
  bench.clock.advance(60_000);
  assert.equal(notes.ends, []);
  assert.equal(notes.offers, [SDP_OFFER]);
});

test('re-INVITEs without an ACK: one is taken before the first ACK, more are to come later (section 14.2, RFC 5407)', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'o1', body: SDP_OFFER }));
  await peer.next();
  void bench.calls[0]!.accept(SDP_ANSWER);
  const toTag = toTagOf(await peer.next());
  peer.send(request(peer, 'INVITE', { branch: 'o2', cseq: 2, toTag, body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 200);
  peer.send(request(peer, 'INVITE', { branch: 'o3', cseq: 3, toTag, body: SDP_OFFER }));
  const later = await peer.next();
  assert.is(statusOf(later), 500);
  assert.ok(Number(fieldOf(later, 'Retry-After')) <= 10);
  peer.send(request(peer, 'ACK', { branch: 'o3', cseq: 3, toTag }));
  peer.send(request(peer, 'ACK', { branch: 'o4', cseq: 1, toTag }));
  peer.send(request(peer, 'INVITE', { branch: 'o5', cseq: 4, toTag, body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 200);
  peer.send(request(peer, 'ACK', { branch: 'o6', cseq: 2, toTag }));
  peer.send(request(peer, 'ACK', { branch: 'o7', cseq: 4, toTag }));
  peer.send(request(peer, 'OPTIONS', { branch: 'o8', cseq: 5, toTag }));
  assert.is(statusOf(await peer.next()), 200);
  bench.clock.advance(60_000);
  assert.equal(bench.notes[0]!.ends, []);
});

test('a re-INVITE that the listener refuses is 488, and the call goes on', async () => {
  const { notes, toTag } = await talk(bench, peer);
  notes.answer = () => {
    throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'no codec in common');
  };
  peer.send(request(peer, 'INVITE', { branch: 't1', cseq: 2, toTag, body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 488);
  peer.send(request(peer, 'ACK', { branch: 't1', cseq: 2, toTag }));
  peer.send(request(peer, 'INVITE', { branch: 't2', cseq: 3, toTag, body: '<x/>', contentType: 'text/xml' }));
  const refused = await peer.next();
  assert.is(statusOf(refused), 415);
  assert.is(fieldOf(refused, 'Accept'), 'application/sdp');
  peer.send(request(peer, 'ACK', { branch: 't2', cseq: 3, toTag }));
  assert.equal(notes.ends, []);
  assert.equal(bench.faults, []);
});

test('no ACK for a re-INVITE ends the call with BYE (section 14.2)', async () => {
  const { notes, toTag } = await talk(bench, peer);
  peer.send(request(peer, 'INVITE', { branch: 'u1', cseq: 2, toTag, body: SDP_OFFER }));
  await peer.next();
  bench.clock.advance(32_000);
  assert.equal(notes.ends, [{ by: 'timeout', hangupCause: 102 }]);
});

test('UPDATE before the answer: without an offer 200, with one 500 and Retry-After (RFC 3311 section 5.2)', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'v1', body: SDP_OFFER }));
  await peer.next();
  bench.calls[0]!.ring();
  const toTag = toTagOf(await peer.next());
  peer.send(request(peer, 'UPDATE', { branch: 'v2', cseq: 2, toTag, body: SDP_OFFER }));
  const later = await peer.next();
  assert.is(statusOf(later), 500);
  assert.match(fieldOf(later, 'Retry-After'), /^\d+$/);
  peer.send(request(peer, 'UPDATE', { branch: 'v3', cseq: 3, toTag }));
  assert.is(statusOf(await peer.next()), 200);
  peer.send(request(peer, 'INVITE', { branch: 'v4', cseq: 4, toTag, body: SDP_OFFER }));
  assert.is(statusOf(await peer.next()), 500, 'a second INVITE before the first is answered (section 14.2)');
  peer.send(request(peer, 'ACK', { branch: 'v4', cseq: 4, toTag }));
});

test('a request with an earlier number is out of order; one that asks for what we have not is 420', async () => {
  const { toTag } = await talk(bench, peer, { cseq: 10 });
  peer.send(request(peer, 'INFO', { branch: 'w1', cseq: 9, toTag }));
  assert.is(statusOf(await peer.next()), 500);
  peer.send(request(peer, 'INFO', { branch: 'w2', cseq: 11, toTag, fields: ['Require: timer, 100rel'] }));
  const refused = await peer.next();
  assert.is(statusOf(refused), 420);
  assert.is(fieldOf(refused, 'Unsupported'), '100rel');
  let cseq = 19;
  for (const [method, status] of [
    ['MESSAGE', 405],
    ['REFER', 405],
    ['PRACK', 405],
    ['OPTIONS', 200],
  ] as const) {
    cseq += 1;
    peer.send(request(peer, method, { branch: `w-${method}`, cseq, toTag }));
    const answer = await peer.next();
    assert.is(statusOf(answer), status, method);
    assert.match(fieldOf(answer, 'Allow'), /INVITE, ACK, CANCEL, BYE/);
  }
});

test('digits come by INFO in both forms; other INFO is answered as RFC 6086 wants', async () => {
  const { notes, toTag } = await talk(bench, peer);
  const relay = 'application/dtmf-relay';
  let cseq = 1;
  const info = async (body: string, contentType: string, fields: string[] = []): Promise<number> => {
    cseq += 1;
    peer.send(request(peer, 'INFO', { branch: `x${cseq}`, cseq, toTag, body, contentType, fields }));
    return statusOf(await peer.next());
  };
  assert.is(await info('Signal=5\r\nDuration=160\r\n', relay), 200);
  assert.is(await info('Signal= #\r\nDuration= 250', 'Application/DTMF-Relay ; x=y'), 200);
  assert.is(await info('*', 'application/dtmf'), 200);
  assert.is(await info('Signal=11\r\nDuration=99999999', relay), 200);
  assert.is(await info('Signal=!\r\n', relay), 200, 'a hook flash is no digit');
  assert.equal(notes.digits, ['5 160', '# 250', '* 160', '# 10000']);
  assert.is(await info('<media_control/>', 'application/media_control+xml'), 415);
  assert.is(await info('x', 'text/plain', ['Info-Package: foo']), 469);
  cseq += 1;
  peer.send(request(peer, 'INFO', { branch: 'xx', cseq, toTag }));
  assert.is(statusOf(await peer.next()), 200);
  assert.is(notes.digits.length, 4);
});

test('an INFO that comes again is answered again, and its digit counts once', async () => {
  const { notes, toTag } = await talk(bench, peer);
  const text = request(peer, 'INFO', {
    branch: 'y1',
    cseq: 2,
    toTag,
    body: 'Signal=7',
    contentType: 'application/dtmf',
  });
  peer.send(text);
  const first = await peer.next();
  peer.send(text);
  assert.is(await peer.next(), first);
  assert.equal(notes.digits, ['7 160']);
});

test('REFER: a bare user goes to the far end’s host; NOTIFY tells the outcome', async () => {
  const { call, toTag } = await talk(bench, peer);
  const done = call.refer('12 34'.replace(' ', '#'));
  const refer = await peer.next();
  assert.match(refer, /^REFER sip:ann@/);
  assert.is(fieldOf(refer, 'Refer-To'), `<sip:12%2334@127.0.0.1:${peer.port}>`);
  assert.is(fieldOf(refer, 'Contact'), `<sip:talkspurt@127.0.0.1:${bench.port}>`);
  peer.send(response(refer, '202 Accepted'));
  const notify = (cseq: number, frag: string, state: string): string =>
    request(peer, 'NOTIFY', {
      branch: `z${cseq}`,
      cseq,
      toTag,
      body: frag,
      contentType: 'message/sipfrag;version=2.0',
      fields: ['Event: refer', `Subscription-State: ${state}`],
    });
  peer.send(notify(2, 'SIP/2.0 100 Trying\r\n', 'active;expires=60'));
  assert.is(statusOf(await peer.next()), 200);
  peer.send(notify(3, 'SIP/2.0 200 OK\r\n', 'terminated;reason=noresource'));
  assert.is(statusOf(await peer.next()), 200);
  await done;
  peer.send(notify(4, 'SIP/2.0 200 OK\r\n', 'terminated'));
  assert.is(statusOf(await peer.next()), 481, 'of a transfer that is over');
  peer.send(request(peer, 'NOTIFY', { branch: 'z9', cseq: 9, toTag, fields: ['Event: presence'] }));
  assert.is(statusOf(await peer.next()), 489);
});

test('REFER: refused, failed, unheard of, or ended by the far end’s BYE', async () => {
  const { call, toTag } = await talk(bench, peer);
  const failure = async (promise: Promise<void>): Promise<unknown> =>
    promise.then(
      () => null,
      (error: unknown) => error,
    );
  for (const target of ['', 'a b', 'http://x', 'sip:bad uri', '<sip:x@y>', 'x@y']) {
    assert.ok(hasCode(await failure(call.refer(target)), 'ERR_TALKSPURT_SWITCH_COMMAND'), target);
  }
  const refused = failure(call.refer('sip:+4930123@pbx.example.org;user=phone'));
  const first = await peer.next();
  assert.is(fieldOf(first, 'Refer-To'), '<sip:+4930123@pbx.example.org;user=phone>');
  assert.ok(hasCode(await failure(call.refer('1')), 'ERR_TALKSPURT_SWITCH_COMMAND'), 'one at a time');
  peer.send(response(first, '603 Decline'));
  const error = await refused;
  assert.ok(hasCode(error, 'ERR_TALKSPURT_SWITCH_COMMAND'));
  assert.is(error.details['status'], 603);
  assert.not.match(error.message, /4930123/);

  const failed = failure(call.refer('tel:+4930123'));
  peer.send(response(await peer.next(), '202 Accepted'));
  peer.send(
    request(peer, 'NOTIFY', {
      branch: 'na',
      cseq: 2,
      toTag,
      body: 'SIP/2.0 404 Not Found',
      contentType: 'message/sipfrag',
      fields: ['o: refer;id=1'],
    }),
  );
  assert.is(statusOf(await peer.next()), 200);
  assert.ok(hasCode(await failed, 'ERR_TALKSPURT_SWITCH_COMMAND'));

  const quiet = call.refer('1');
  peer.send(response(await peer.next(), '202 Accepted'));
  const probe = request(peer, 'OPTIONS', { branch: 'nb', callId: 'nb' });
  peer.send(probe);
  await peer.next();
  bench.clock.advance(60_000);
  await quiet;

  const taken = call.refer('1');
  peer.send(response(await peer.next(), '202 Accepted'));
  peer.send(request(peer, 'BYE', { branch: 'nc', cseq: 3, toTag }));
  assert.is(statusOf(await peer.next()), 200);
  await taken;
  assert.ok(hasCode(await failure(call.refer('1')), 'ERR_TALKSPURT_CALL_GONE'));
});

test('session timer: the far end refreshes, and is hung up on when it does not', async () => {
  const fields = ['Session-Expires: 120;refresher=uac', 'Supported: timer, replaces', 'Min-SE: 90'];
  const { notes, ok, toTag } = await talk(bench, peer, { fields });
  assert.is(fieldOf(ok, 'Session-Expires'), '120;refresher=uac');
  assert.is(fieldOf(ok, 'Require'), 'timer');
  bench.clock.advance(87_000);
  peer.send(request(peer, 'UPDATE', { branch: 'st1', cseq: 2, toTag, fields }));
  const update = await peer.next();
  assert.is(statusOf(update), 200);
  assert.is(bodyOf(update), '');
  assert.is(fieldOf(update, 'Session-Expires'), '120;refresher=uac');
  assert.match(fieldOf(update, 'Contact'), /^<sip:talkspurt@/);
  assert.equal(notes.offers, []);
  bench.clock.advance(87_999);
  assert.equal(notes.ends, []);
  bench.clock.advance(1);
  assert.equal(notes.ends, [{ by: 'timeout', hangupCause: 102 }], '120 s less 32 s (RFC 4028 section 10)');
  assert.match(await peer.next(), /^BYE /);
});

test('session timer: too short is 422 with Min-SE, and without the extension there is none', async () => {
  peer.send(request(peer, 'INVITE', { branch: 'sa', body: SDP_OFFER, fields: ['x: 60', 'k: timer'] }));
  const small = await peer.next();
  assert.is(statusOf(small), 422);
  assert.is(fieldOf(small, 'Min-SE'), '90');
  assert.is(bench.calls.length, 0);
  const { ok } = await talk(bench, peer, { callId: 'sb', fields: ['Session-Expires: 1800'] });
  assert.equal(fieldsOf(ok, 'Session-Expires'), []);
});

test('session timer: we refresh with UPDATE where the far end asks for it and takes it', async () => {
  const fields = ['Session-Expires: 200;refresher=uas', 'Supported: timer', 'Allow: INVITE, UPDATE, BYE'];
  const { notes, ok } = await talk(bench, peer, { fields });
  assert.is(fieldOf(ok, 'Session-Expires'), '200;refresher=uas');
  assert.equal(fieldsOf(ok, 'Require'), []);
  bench.clock.advance(100_000);
  const update = await peer.next();
  assert.match(update, /^UPDATE sip:ann@/);
  assert.is(fieldOf(update, 'Session-Expires'), '200;refresher=uac');
  assert.is(bodyOf(update), '');
  peer.send(response(update, '200 OK', ['Session-Expires: 100;refresher=uac']));
  peer.send(request(peer, 'OPTIONS', { branch: 'sync', callId: 'sync' }));
  await peer.next();
  bench.clock.advance(50_000);
  const second = await peer.next();
  assert.is(fieldOf(second, 'CSeq'), '2 UPDATE');
  peer.send(response(second, '481 Call Does Not Exist'));
  assert.match(await peer.next(), /^BYE /);
  assert.equal(notes.ends, [{ by: 'timeout', hangupCause: 102 }]);
});

test.run();

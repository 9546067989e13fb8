/** Digest authentication: the arithmetic of RFC 7616 and RFC 2617 done again here, and what is refused. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { DigestAuth } from '../../src/sip/digest-auth.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { SDP_OFFER, fieldOf, fieldsOf, openBench, request, statusOf, toTagOf, udpPeer } from './scripted-peer.ts';

const ACCOUNT = { realm: 'lab "1"', username: 'Jäsøn', password: 'pass:word' };

const hex = (algorithm: string, text: string): string => createHash(algorithm).update(text, 'utf8').digest('hex');

/** Section 3.4.1 of RFC 7616. */
function respond(
  algorithm: 'md5' | 'sha256',
  nonce: string,
  { user = ACCOUNT.username, pass = ACCOUNT.password, nc = '00000001', method = 'INVITE', realm = ACCOUNT.realm } = {},
): string {
  const uri = 'sip:agent@127.0.0.1';
  const a1 = hex(algorithm, `${user}:${realm}:${pass}`);
  const response = hex(algorithm, `${a1}:${nonce}:${nc}:c0ffee:auth:${hex(algorithm, `${method}:${uri}`)}`);
  const text =
    `Digest username="${user}", realm="${realm.replaceAll('"', '\\"')}",nonce="${nonce}", uri="${uri}", response="${response}"` +
    `, algorithm=${algorithm === 'md5' ? 'MD5' : 'SHA-256'}, cnonce="c0ffee", qop=auth, nc=${nc}`;
  return Buffer.from(text, 'utf8').toString('latin1');
}

function nonceOf(field: string | undefined): string {
  return /nonce="([^"]+)"/.exec(field ?? '')?.[1] ?? '';
}

const fresh = (auth: DigestAuth): string => nonceOf(auth.challenge(false)[0]?.[1]);

test('the arithmetic here gives what RFC 7616 section 3.9.1 prints', () => {
  const of = (algorithm: string): string => {
    const a1 = hex(algorithm, 'Mufasa:http-auth@example.org:Circle of Life');
    const tail = '00000001:f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ:auth';
    return hex(
      algorithm,
      `${a1}:7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v:${tail}:${hex(algorithm, 'GET:/dir/index.html')}`,
    );
  };
  assert.is(of('md5'), '8ca523f5e9506fed4657c9700eebdbec');
  assert.is(of('sha256'), '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1');
});

test('both algorithms are offered, the better one first, and both are taken', () => {
  const auth = new DigestAuth(ACCOUNT, new FakeClock());
  const fields = auth.challenge(true).map(([, value]) => value);
  assert.match(fields[0]!, /^Digest realm="lab \\"1\\"", nonce="[^"]+", algorithm=SHA-256, qop="auth", stale=true$/);
  assert.match(fields[1]!, /algorithm=MD5/);
  for (const algorithm of ['md5', 'sha256'] as const) {
    assert.is(auth.check('INVITE', ['Basic x', respond(algorithm, fresh(auth))]), 'right');
  }
});

test('a count serves once, a nonce for a minute, and only one that we made', () => {
  const clock = new FakeClock();
  const auth = new DigestAuth(ACCOUNT, clock);
  const nonce = fresh(auth);
  assert.is(auth.check('INVITE', [respond('sha256', nonce)]), 'right');
  assert.is(auth.check('INVITE', [respond('sha256', nonce)]), 'stale', 'the same again');
  assert.is(auth.check('INVITE', [respond('sha256', nonce, { nc: '00000002' })]), 'right');
  assert.is(auth.check('INVITE', [respond('sha256', nonce, { nc: '00000001' })]), 'stale');
  clock.advance(LIMITS.sipNonceMs + 1);
  assert.is(auth.check('INVITE', [respond('sha256', nonce, { nc: '00000003' })]), 'stale');
  assert.is(auth.check('INVITE', [respond('sha256', `${nonce.slice(0, -1)}!`)]), 'none');
  assert.is(auth.check('INVITE', [respond('sha256', fresh(new DigestAuth(ACCOUNT, clock)))]), 'none');
  assert.is(auth.check('INVITE', [respond('sha256', 'x')]), 'none');
});

test('wrong name, password, method or realm', () => {
  const auth = new DigestAuth(ACCOUNT, new FakeClock());
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth), { pass: 'x' })]), 'wrong');
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth), { user: 'x' })]), 'wrong');
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth), { method: 'BYE' })]), 'wrong');
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth), { realm: 'other' })]), 'none');
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth)).replace('qop=auth', 'qop=auth-int')]), 'none');
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth)).replace('algorithm=MD5', 'algorithm=SHA-512')]), 'none');
  assert.is(auth.check('INVITE', []), 'none');
  assert.is(auth.check('INVITE', ['Digest', 'Digest ,,,="']), 'none');
});

test('nonces in use are bounded, and old ones make room', () => {
  const clock = new FakeClock();
  const auth = new DigestAuth(ACCOUNT, clock);
  for (let count = 0; count < LIMITS.sipNonces; count += 1) {
    assert.is(auth.check('INVITE', [respond('md5', fresh(auth))]), 'right');
  }
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth))]), 'busy');
  clock.advance(LIMITS.sipNonceMs + 1);
  assert.is(auth.check('INVITE', [respond('md5', fresh(auth))]), 'right');
});

test('an endpoint challenges INVITE, takes right credentials, and says 403 to wrong ones', async () => {
  const bench = await openBench({ digest: ACCOUNT });
  const peer = await udpPeer(bench.port);
  const invite = (branch: string, cseq: number, authorization?: string): void =>
    peer.send(
      Buffer.from(
        request(peer, 'INVITE', {
          branch,
          cseq,
          body: SDP_OFFER,
          fields: authorization === undefined ? [] : [`Authorization: ${authorization}`],
        }),
        'latin1',
      ),
    );
  invite('c1', 1);
  const challenge = await peer.next();
  assert.is(statusOf(challenge), 401);
  assert.is(fieldsOf(challenge, 'WWW-Authenticate').length, 2);
  assert.is(bench.calls.length, 0);
  peer.send(request(peer, 'ACK', { branch: 'c1', toTag: toTagOf(challenge) }));
  const nonce = nonceOf(fieldOf(challenge, 'WWW-Authenticate'));
  invite('c2', 2, respond('sha256', nonce, { pass: 'x' }));
  assert.is(statusOf(await peer.next()), 403);
  invite('c3', 3, respond('sha256', nonce));
  assert.is(statusOf(await peer.next()), 100);
  peer.send(request(peer, 'CANCEL', { branch: 'c3', cseq: 3 }));
  const statuses = new Set([statusOf(await peer.next()), statusOf(await peer.next())]);
  assert.equal(statuses, new Set([200, 487]), 'CANCEL cannot be challenged');
  peer.send(request(peer, 'OPTIONS', { branch: 'c4' }));
  assert.is(statusOf(await peer.next()), 200, 'a keep-alive needs no password');
  assert.not.match(challenge, /pass:word/);
  await peer.close();
  await bench.close();
});

test.run();

/**
 * The 49 messages of RFC 4475 (SIP Torture Test Messages, section 3), byte for byte from its appendix A. Beside each: what
 * the RFC wants of an element, or what it leaves to it and we chose.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { screen } from '../../src/sip/request-screening.ts';
import { branchOfResponse, readIncoming } from '../../src/sip/sip-incoming.ts';
import { parseSip } from '../../src/sip/sip-parser.ts';
import { fieldOf, openBench, statusOf, tcpPeer, udpPeer } from './scripted-peer.ts';

const FOLDER = new URL('../fixtures/sip-torture/', import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(`${name}.dat`, FOLDER));

/** What a datagram comes to: a call, a final status, a response that is well-formed, or one that is dropped. */
const EXPECTED: Readonly<Record<string, 'call' | 'response' | 'dropped' | number>> = {
  // 3.1.1: valid.
  wsinv: 'call',
  intmeth: 501,
  esc01: 'call',
  escnull: 405,
  esc02: 501,
  lwsdisp: 200,
  longreq: 'call',
  dblreq: 405,
  semiuri: 200,
  transports: 200,
  mpart01: 405,
  unreason: 'response',
  noreason: 'response',
  // 3.1.2: invalid.
  badinv01: 400,
  clerr: 400,
  ncl: 400,
  scalar02: 400,
  scalarlg: 'dropped',
  quotbal: 400,
  ltgtruri: 400,
  lwsruri: 400,
  lwsstart: 400,
  trws: 400,
  escruri: 400,
  // Date means nothing to us: the RFC lets such an element go on.
  baddate: 'call',
  // REGISTER is refused before its Contact is looked at.
  regbadct: 405,
  badaspec: 400,
  // An unquoted display name with a comma: the RFC allows to infer what was meant.
  baddn: 200,
  badvers: 505,
  mismatch01: 400,
  mismatch02: 400,
  bigcode: 'dropped',
  // 3.2: the transaction falls back to RFC 2543.
  badbranch: 200,
  // 3.3: the application.
  insuf: 400,
  unkscm: 416,
  novelsc: 416,
  unksm2: 405,
  bext01: 420,
  invut: 415,
  regaut01: 405,
  multi01: 400,
  mcl01: 400,
  bcast: 'dropped',
  // Max-Forwards concerns those who forward: an endpoint goes on (3.3.11).
  zeromf: 200,
  cparam01: 405,
  cparam02: 405,
  regescrt: 405,
  sdp01: 406,
  // 3.4: RFC 2543.
  inv2543: 'call',
};

/** Whom the responses are for: all but bcast, which is for a broadcast address. */
const OURS = ['192.0.2.105:0', '192.0.2.198:0', 'host129.example.com:0'];

function verdict(bytes: Buffer): 'call' | 'response' | 'dropped' | number {
  const { message, fault } = parseSip(bytes);
  if (message === null) return 'dropped';
  if (message.kind === 'response') {
    return fault === null && OURS.some((sentBy) => branchOfResponse(message, sentBy) !== null) ? 'response' : 'dropped';
  }
  if (fault !== null) return fault.status;
  const incoming = readIncoming(message, { address: '192.0.2.1', port: 5060, protocol: 'udp' });
  if (typeof incoming === 'string') return 400;
  return screen(incoming)?.status ?? 'call';
}

test('all 49 messages are here, as the RFC has them', () => {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.dat'))
    .map((name) => name.slice(0, -4))
    .sort();
  assert.equal(names, Object.keys(EXPECTED).sort());
  assert.is(names.length, 49);
  const sums: Record<string, string> = {
    wsinv: 'd6f6cdee99cd0a1f8e3d9a0fdd67c877700e19ab86d8186dada06f61260e3e61',
    mpart01: '92147c8e24997bac59629e1b163767697d0d6d499af87f89e325d69968bec3ba',
    dblreq: 'a6be48426565c2a705389c4ce2ea17e57b891cb13f80490a2cb9392c797b46ef',
  };
  for (const [name, sum] of Object.entries(sums)) {
    assert.is(createHash('sha256').update(read(name)).digest('hex'), sum, `${name}: line ends are part of it`);
  }
});

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`${name}: ${expected}`, () => assert.is(verdict(read(name)), expected));
}

test('the valid ones say what the RFC says that they say', () => {
  const incoming = (name: string): Exclude<ReturnType<typeof readIncoming>, string> => {
    const { message } = parseSip(read(name));
    assert.is(message?.kind, 'request');
    const result = readIncoming(message as never, { address: '192.0.2.1', port: 5060, protocol: 'udp' });
    assert.type(result, 'object');
    return result as never;
  };
  const wsinv = incoming('wsinv');
  assert.is(wsinv.from.displayName, 'J Rosenberg \\"');
  assert.is(wsinv.fromTag, '98asjd8');
  assert.is(wsinv.to.uri, 'sip:vivekg@chair-dnrc.example.com');
  assert.is(wsinv.to.parameters.get('tag'), '1918181833n');
  assert.is(wsinv.cseq, 9);
  assert.is(wsinv.request.headers.first('max-forwards'), '0068');
  assert.is(wsinv.request.headers.first('subject'), '');
  assert.is(wsinv.request.headers.first('newfangledheader'), 'newfangled value continued newfangled value');
  assert.is(wsinv.request.headers.first('unknownheaderwithunusualvalue'), ';;,,;;,;');
  assert.equal(
    [wsinv.via.transport, wsinv.via.host, wsinv.via.parameters.get('branch')],
    ['UDP', '192.0.2.2', '390skdjuw'],
  );
  assert.is(wsinv.request.body.length, 150);
  assert.is(incoming('esc01').uri?.user, 'sips%3Auser%40example.com');
  assert.is(incoming('semiuri').uri?.user, 'user;par=u%40example.net');
  assert.is(incoming('intmeth').to.displayName, 'BEL:\x07 NUL:\x00 DEL:\x7f');
  assert.is(incoming('intmeth').callId, `intmeth.word%ZK-!.*_+'@word\`~)(><:\\/"][?}{`);
  assert.is(incoming('dblreq').request.body.length, 0);
  assert.is(incoming('transports').request.headers.all('via').length, 5);
  assert.is(incoming('lwsdisp').from.displayName, 'caller');
});

/** Over TCP the frame is what Content-Length says, so that these differ. */
const ON_STREAM: Readonly<Record<string, number[]>> = {
  // The body never comes.
  clerr: [],
  // The second request is one of its own there; it has no Contact.
  dblreq: [405, 400],
};

test('the endpoint answers every one of them over TCP, and lives on', async () => {
  const bench = await openBench({ onCall: (call) => call.reject(603) });
  for (const [name, expected] of Object.entries(EXPECTED)) {
    const peer = await tcpPeer(bench.port);
    peer.send(read(name));
    const wanted =
      typeof expected === 'number' ? [expected] : expected === 'call' && name !== 'wsinv' ? [100, 603] : [];
    // wsinv has a To tag: an INVITE in a dialog that is not ours.
    const statuses = ON_STREAM[name] ?? (name === 'wsinv' ? [481] : wanted);
    for (const status of statuses) assert.is(statusOf(await peer.next()), status, name);
    await peer.close();
  }
  const probe = await udpPeer(bench.port);
  for (const name of Object.keys(EXPECTED)) probe.send(read(name));
  probe.send(read('lwsdisp').toString('latin1').replace(';branch', `;rport;branch`));
  let answer = await probe.next();
  // Some of the 49 ask for rport, and so are answered here.
  while (!fieldOf(answer, 'Call-ID').startsWith('lwsdisp')) answer = await probe.next();
  assert.is(statusOf(answer), 200);
  await probe.close();
  await bench.close();
});

test('no bytes make the parser throw', () => {
  const seeds = Object.keys(EXPECTED).map(read);
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }),
      fc.nat(),
    )
    .map(([seed, edits, cut]) => {
      const bytes = Buffer.from(seed);
      for (const [place, value] of edits) bytes[place % bytes.length] = value;
      return bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length);
    });
  const any = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(mutated, any), (bytes) => {
      const result = verdict(bytes);
      return typeof result === 'string' || (result >= 200 && result < 600);
    }),
    { numRuns: 3_000 },
  );
});

test.run();

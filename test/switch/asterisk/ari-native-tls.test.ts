/** The native link over TLS: with a certificate that is trusted, and with none of those that are not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { AriNativeLink } from '../../../src/switch/asterisk/ari-native-link.ts';
import { HandClock } from '../freeswitch/hand-clock.ts';
import { ScriptedAri } from './scripted-ari.ts';

const CERT = new URL('../../fixtures/tls/stream-example-cert.pem', import.meta.url);
const KEY = new URL('../../fixtures/tls/stream-example-key.pem', import.meta.url);
const SOURCE = new URL('../../../src/', import.meta.url).href;

async function withPeer(tls: boolean, run: (peer: ScriptedAri, port: number) => Promise<void>): Promise<void> {
  const keys = { cert: readFileSync(CERT, 'utf8'), key: readFileSync(KEY, 'utf8') };
  const peer = new ScriptedAri(tls ? { tls: keys } : {});
  try {
    await run(peer, await peer.listen());
  } finally {
    await peer.close();
  }
}

async function firstFailure(port: number, tls: boolean, ca?: string): Promise<TalkspurtError | undefined> {
  const trust = ca === undefined ? {} : { ca };
  const target = { ...trust, name: 'a', host: '127.0.0.1', port, tls, username: 'test', password: 'test', app: 'a' };
  const link = new AriNativeLink({ ...target, clock: new HandClock() });
  const downs: TalkspurtError[] = [];
  await link.start({ onUp: () => undefined, onDown: (error) => downs.push(error), onEvent: () => undefined });
  await link.close();
  return downs[0];
}

test('a certificate that nobody has signed is refused before anything is said', () =>
  withPeer(true, async (peer, port) => {
    const failure = await firstFailure(port, true);
    assert.is(failure?.code, 'ERR_TALKSPURT_LINK_REFUSED');
    assert.match(failure!.message, 'SELF_SIGNED');
    assert.equal(peer.upgrades, []);
  }));

test('TLS where there is none is ERR_TALKSPURT_LINK_PROTOCOL', () =>
  withPeer(false, async (peer, port) => {
    assert.is((await firstFailure(port, true))?.code, 'ERR_TALKSPURT_LINK_PROTOCOL');
    assert.equal(peer.upgrades, []);
  }));

// The authorities that Node trusts are settled when a process starts.
const CHILD = `
import dns from 'node:dns';
dns.lookup = (host, options, done) => done(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4);
const { AriNativeLink } = await import('${SOURCE}switch/asterisk/ari-native-link.ts');
const { SystemClock } = await import('${SOURCE}core/clock.ts');
const link = new AriNativeLink({ name: 'a', host: 'stream.example', port: Number(process.argv[1]), tls: true,
  username: 'test', password: 'test', app: 'a', clock: new SystemClock() });
await link.start({
  onUp: ({ version }) => console.log('up ' + version),
  onDown: ({ code, message }) => console.log(code + ' ' + message),
  onEvent: () => undefined,
});
console.log(JSON.stringify(await link.request({ method: 'GET', path: 'channels' })));
await link.close();
`;

for (const bySocket of [true, false]) {
  test(`a trusted certificate of the right name is enough; requests go over HTTPS, ${bySocket ? 'though' : 'as'} the socket takes ${bySocket ? 'them' : 'none'}`, () =>
    withPeer(true, async (peer, port) => {
      peer.takesRequestsBySocket = bySocket;
      const args = ['--import', 'tsx', '--input-type=module', '--eval', CHILD, String(port)];
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: fileURLToPath(CERT) };
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
      let printed = '';
      child.stdout.on('data', (text: Buffer) => (printed += text.toString()));
      await once(child, 'close');
      assert.is(printed, 'up 22.10.1+dfsg\n[]\n');
      assert.ok(peer.requests.every(({ by }) => by === 'http'));
    }));
}

const AUTHORITY = readFileSync(new URL('../../fixtures/tls/authority-cert.pem', import.meta.url), 'utf8');
const PBX = (what: string): string =>
  readFileSync(new URL(`../../fixtures/tls/pbx-example-${what}.pem`, import.meta.url), 'utf8');

test('an authority of our own is trusted for this link, and nobody else is', async () => {
  const trusting = new ScriptedAri({ tls: { cert: PBX('cert'), key: PBX('key') } });
  try {
    const port = await trusting.listen();
    assert.is(await firstFailure(port, true, AUTHORITY), undefined);
    assert.is((await firstFailure(port, true, readFileSync(CERT, 'utf8')))?.code, 'ERR_TALKSPURT_LINK_REFUSED');
    assert.is((await firstFailure(port, true))?.code, 'ERR_TALKSPURT_LINK_REFUSED');
  } finally {
    await trusting.close();
  }
  await withPeer(true, async (_peer, port) => {
    assert.is((await firstFailure(port, true, AUTHORITY))?.code, 'ERR_TALKSPURT_LINK_REFUSED');
  });
});

test.run();

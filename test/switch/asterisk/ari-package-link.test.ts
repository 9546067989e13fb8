/** The link over the `ari-client` package, under the first part of the contract, and what it is kept from. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../src/limits.ts';
import { AriPackageLink } from '../../../src/switch/asterisk/ari-package-link.ts';
import type { AriLinkOptions } from '../../../src/switch/asterisk/ari-native-link.ts';
import { ariClientPackage } from './ari-client-package.ts';
import { PACKAGE_TRAITS, bench, codeOf, contract } from './ari-link-contract.ts';

const make = (options: AriLinkOptions): AriPackageLink => new AriPackageLink(options);
const test = suite('AriPackageLink');

if (ariClientPackage() === null) {
  test('without the package it says so, and tries again slowly', () =>
    bench(make, async ({ start, downs, ups }) => {
      await start();
      assert.equal(ups, []);
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_NOT_SUPPORTED');
      assert.match(downs[0]!.error.message, 'ari-client');
      assert.ok(downs[0]!.retryInMs >= LIMITS.linkRefusedRetryMs);
    }));
} else {
  contract('AriPackageLink', make, PACKAGE_TRAITS, ['login']).run();

  for (const [what, answer] of [
    ['a refusal', { status: 401, body: '{"message":"Authentication required"}' }],
    ['an error', { status: 500, body: '<html>' }],
    ['no JSON', { status: 200, body: '{"apis":' }],
    ['JSON of another shape', { status: 200, body: '{"apis":null}' }],
  ] as const) {
    test(`api-docs that are ${what} end the thread, and no process`, () =>
      bench(make, async ({ peer, start, downs, ups, upAgain, link }) => {
        peer.answer = ({ path }) => (path.startsWith('api-docs/') ? answer : undefined);
        await start();
        assert.equal(ups, []);
        assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_PROTOCOL');
        peer.answer = () => undefined;
        await upAgain();
        await link.request({ method: 'GET', path: 'channels' });
      }));
  }

  test('api-docs that do not come end in a time-out', () =>
    bench(make, async ({ peer, start, downs, clock }) => {
      peer.answer = ({ path }) => {
        if (!path.startsWith('api-docs/')) return undefined;
        setImmediate(() => clock.advance(LIMITS.ariLoginMs));
        return null;
      };
      await start();
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
    }));

  test('two users in one process keep their own rights, and a stranger’s client in it keeps its own', () =>
    bench(make, async ({ peer, link, start, clock }) => {
      await start();
      const theirs = await ariClientPackage()!.connect(`http://127.0.0.1:${peer.port}`, 'reader', 'test');
      const options = { name: 'b', host: '127.0.0.1', port: peer.port, password: 'test', app: 'other', clock };
      const reader = make({ ...options, username: 'reader' });
      const codes: string[] = [];
      await reader.start({
        onUp: () => codes.push('up'),
        onDown: ({ code }) => codes.push(code),
        onEvent: () => undefined,
      });
      await reader.close();
      assert.equal(codes, ['ERR_TALKSPURT_LINK_DENIED']);
      assert.equal(await link.request({ method: 'POST', path: 'channels/create' }), { id: 'created' });
      assert.equal(await theirs.channels.list(), []);
      await link.close();
      // Theirs keeps its connections for a while.
      peer.drop();
    }));

  test('an operation that is not in the api-docs is refused', () =>
    bench(make, async ({ link, start }) => {
      await start();
      assert.is(await codeOf(link.request({ method: 'PUT', path: 'channels' })), 'ERR_TALKSPURT_ARI_REFUSED');
    }));
}

test('TLS is refused: the package sends requests in clear whatever its URL says', () => {
  const clock = { nowMs: () => 0 } as never;
  const options = { name: 'a', host: 'x', port: 1, username: 'u', password: 'p', app: 'a', clock, tls: true };
  assert.throws(
    () => make(options),
    (error: { code: string }) => error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
  );
});

test.run();

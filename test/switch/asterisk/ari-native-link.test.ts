/** The link over our own client, under the contract, and what only it can do. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../src/limits.ts';
import { AriNativeLink } from '../../../src/switch/asterisk/ari-native-link.ts';
import type { AriLinkOptions } from '../../../src/switch/asterisk/ari-native-link.ts';
import { bench, codeOf, contract, until } from './ari-link-contract.ts';

const make = (options: AriLinkOptions): AriNativeLink => new AriNativeLink(options);

contract('AriNativeLink', make, { requestsBySocket: true, passwordInHeaders: true }).run();

const test = suite('AriNativeLink');

test('an Asterisk that takes no requests by its WebSocket is asked over HTTP', () =>
  bench(make, async ({ peer, link, start, ups, clock, downs }) => {
    peer.takesRequestsBySocket = false;
    const started = start();
    await until(() => peer.connections === 1, 'connected');
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(LIMITS.ariProbeMs);
    await started;
    assert.is(ups.length, 1);
    const query = { endpoint: 'Local/ä@x', app: 'a b', channelId: 'c/1' };
    await link.request({ method: 'POST', path: 'channels', query, body: { variables: { A: 'é' } } });
    const sent = peer.requests.at(-1)!;
    assert.equal([sent.by, sent.query, sent.body], ['http', query, '{"variables":{"A":"é"}}']);
    assert.equal(await link.request({ method: 'GET', path: 'channels/c%2F1' }), { id: 'c/1', state: 'Up' });
    assert.is(await codeOf(link.request({ method: 'GET', path: 'channels/x' })), 'ERR_TALKSPURT_ARI_REFUSED');
    peer.answer = ({ path }) => (path === 'channels/slow' ? null : undefined);
    const slow = codeOf(link.request({ method: 'GET', path: 'channels/slow' }));
    await until(() => peer.requests.at(-1)!.path === 'channels/slow', 'asked');
    clock.advance(LIMITS.ariRequestMs);
    assert.is(await slow, 'ERR_TALKSPURT_LINK_TIMEOUT');
    const lost = codeOf(link.request({ method: 'GET', path: 'channels/slow' }));
    await until(() => peer.requests.filter(({ path }) => path === 'channels/slow').length === 2, 'asked again');
    peer.drop();
    assert.is(await lost, 'ERR_TALKSPURT_LINK_DOWN');
    await until(() => downs.length === 1, 'down');
  }));

test('a question over HTTP that breaks off says nothing of the events, and the link stays', () =>
  bench(make, async ({ peer, link, start, clock, downs, events }) => {
    peer.takesRequestsBySocket = false;
    const started = start();
    await until(() => peer.connections === 1, 'connected');
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(LIMITS.ariProbeMs);
    await started;
    peer.answer = ({ path }) => (path.startsWith('events/user/') ? { status: 0 } : undefined);
    const asked = (): number => peer.requests.filter(({ path }) => path.startsWith('events/user/')).length;
    for (let n = 2; n < 4; n += 1) {
      clock.advance(LIMITS.ariProofEveryMs);
      await until(() => asked() === n, `question ${n}`);
      // What becomes of it.
      assert.is(await codeOf(link.request({ method: 'GET', path: 'channels/x' })), 'ERR_TALKSPURT_ARI_REFUSED');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal([downs, events, peer.connections], [[], [], 1]);
  }));

test('a few connections carry any number of requests over HTTP', () =>
  bench(make, async ({ peer, link, start, clock }) => {
    peer.takesRequestsBySocket = false;
    const started = start();
    await until(() => peer.connections === 1, 'connected');
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(LIMITS.ariProbeMs);
    await started;
    let most = 0;
    peer.answer = () => {
      most = Math.max(most, peer.open);
      return undefined;
    };
    await Promise.all(Array.from({ length: 200 }, () => link.request({ method: 'GET', path: 'asterisk/ping' })));
    assert.ok(most <= LIMITS.ariHttpSockets + 1, `${most} connections`);
    const long = link.request({ method: 'GET', path: `channels/${'x'.repeat(LIMITS.ariRequestBytes)}` });
    assert.is(await codeOf(long), 'ERR_TALKSPURT_COMMAND_SYNTAX');
    peer.answer = () => ({ status: 200, body: `"${'x'.repeat(LIMITS.ariMessageBytes)}"` });
    const huge = link.request({ method: 'GET', path: 'channels' });
    assert.is(await codeOf(huge), 'ERR_TALKSPURT_LINK_PROTOCOL');
  }));

test('a slow Asterisk that answers by its WebSocket after all is asked there', () =>
  bench(make, async ({ peer, link, start, clock, ups }) => {
    let late = (): void => undefined;
    peer.answer = ({ by, path }) => {
      if (!path.endsWith('info')) return undefined;
      if (by === 'socket') return null;
      late = () =>
        peer.say({ type: 'RESTResponse', request_id: 't1', status_code: 200, message_body: JSON.stringify(INFO) });
      return null;
    };
    const started = start();
    await until(() => peer.requests.length === 1, 'asked');
    clock.advance(LIMITS.ariProbeMs);
    await until(() => peer.requests.length === 2, 'asked over HTTP too');
    late();
    await started;
    assert.is(ups[0]?.version, '22.9');
    await link.request({ method: 'GET', path: 'asterisk/ping' });
    assert.is(peer.requests.at(-1)!.by, 'socket');
  }));

const INFO = { system: { version: '22.9' }, status: { startup_time: 'then' } };

test('an answer that comes after its time-out is ignored, one without a status is an error', () =>
  bench(make, async ({ peer, link, start, clock, faults }) => {
    await start();
    peer.answer = ({ path }) => (path === 'channels' ? null : undefined);
    const slow = codeOf(link.request({ method: 'GET', path: 'channels' }));
    await until(() => peer.requests.at(-1)!.path === 'channels', 'asked');
    clock.advance(LIMITS.ariRequestMs);
    assert.is(await slow, 'ERR_TALKSPURT_LINK_TIMEOUT');
    const id = `t${peer.requests.length}`;
    peer.say({ type: 'RESTResponse', request_id: id, status_code: 200, message_body: '[]' });
    await link.request({ method: 'GET', path: 'asterisk/ping' });
    assert.equal(faults, []);
    peer.say({ type: 'RESTResponse', request_id: 't4711', status_code: 200, message_body: '[]' });
    await until(() => faults.length === 1, 'a fault');
    const bare = codeOf(link.request({ method: 'GET', path: 'channels' }));
    await until(() => peer.requests.at(-1)!.path === 'channels', 'asked');
    peer.say({ type: 'RESTResponse', request_id: `t${peer.requests.length}` });
    assert.is(await bare, 'ERR_TALKSPURT_LINK_PROTOCOL');
  }));

test('what an Asterisk does not read any more is bounded', () =>
  bench(make, async ({ peer, link, start }) => {
    await start();
    peer.freeze();
    const body = { variables: { A: 'x'.repeat(LIMITS.ariRequestBytes - 1_024) } };
    const asked = Array.from({ length: 600 }, () => codeOf(link.request({ method: 'POST', path: 'channels', body })));
    assert.is(await Promise.race(asked), 'ERR_TALKSPURT_LINK_TIMEOUT');
    await link.close();
    assert.equal(new Set(await Promise.all(asked)), new Set(['ERR_TALKSPURT_LINK_DOWN', 'ERR_TALKSPURT_LINK_TIMEOUT']));
  }));

test('a goodbye without an end is the end at the next request', () =>
  bench(make, async ({ peer, link, start, downs }) => {
    await start();
    // A close frame with code 1001.
    peer.sayRaw(Buffer.from([0x88, 0x02, 0x03, 0xe9]));
    peer.freeze();
    const asked: Promise<string>[] = [];
    await until(() => {
      asked.push(codeOf(link.request({ method: 'GET', path: 'channels' })));
      return downs.length === 1;
    }, 'down');
    assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_DOWN');
    assert.equal(new Set(await Promise.all(asked)), new Set(['ERR_TALKSPURT_LINK_DOWN']));
  }));

test('more events than are kept before the first answer end the attempt', () =>
  bench(make, async ({ peer, start, downs, events }) => {
    peer.answer = ({ path }) => {
      if (path.endsWith('info')) {
        for (let n = 0; n <= LIMITS.ariEarlyEvents; n += 1) peer.event('StasisStart', { args: [] });
      }
      return undefined;
    };
    await start();
    assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_PROTOCOL');
    assert.equal(events, []);
  }));

test('what cannot be a user, a password or an application is refused before anything is dialled', () => {
  const clock = { nowMs: () => 0 } as never;
  const good = { name: 'a', host: '::1', port: 1, username: 'u', password: 'p', app: 'a', clock };
  assert.not.throws(() => make(good));
  for (const wrong of [{ username: 'a:b' }, { username: '' }, { password: 'a\r\nb' }, { app: '' }, { app: 'a,b' }]) {
    assert.throws(
      () => make({ ...good, ...wrong }),
      (error: { code: string }) => error.code.endsWith('CONFIG_INVALID'),
    );
  }
});

test.run();

/** A link over the client of somebody who runs the `ari-client` package: theirs works on as if we were not there. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { AriAttachedLink } from '../../../src/switch/asterisk/ari-attached-link.ts';
import type { AriEvent, AriInfo } from '../../../src/switch/asterisk/ari-link.ts';
import { HandClock } from '../freeswitch/hand-clock.ts';
import { ariClientPackage } from './ari-client-package.ts';
import type { AriClient } from './ari-client-package.ts';
import { codeOf, until } from './ari-link-contract.ts';
import { ScriptedAri } from './scripted-ari.ts';

interface Bench {
  readonly peer: ScriptedAri;
  readonly owner: AriClient;
  readonly link: AriAttachedLink;
  readonly clock: HandClock;
  readonly events: AriEvent[];
  readonly ups: AriInfo[];
  readonly downs: { error: TalkspurtError; retryInMs: number }[];
  readonly faults: TalkspurtError[];
  readonly start: () => Promise<void>;
}

const NAMES = ['*', 'pong', 'WebSocketConnected', 'WebSocketReconnecting', 'WebSocketMaxRetries'];

async function bench(run: (bench: Bench) => Promise<void>, onEvent?: (event: AriEvent) => void): Promise<void> {
  const ari = ariClientPackage();
  if (ari === null) return;
  const peer = new ScriptedAri();
  const owner = await ari.connect(`http://127.0.0.1:${await peer.listen()}`, 'test', 'test');
  const heard: unknown[] = [];
  owner.on('*', (event) => heard.push(event));
  const clock = new HandClock();
  const link = new AriAttachedLink({ name: 'ast1', clock, client: owner, app: 'ours' });
  const [events, ups, downs, faults]: [AriEvent[], AriInfo[], Bench['downs'], TalkspurtError[]] = [[], [], [], []];
  const start = (): Promise<void> =>
    link.start({
      onUp: (info) => ups.push(info),
      onDown: (error, retryInMs) => downs.push({ error, retryInMs }),
      onEvent: (event) => {
        events.push(event);
        onEvent?.(event);
      },
      onFault: (error) => faults.push(error),
    });
  const before = NAMES.map((name) => owner.listenerCount(name));
  try {
    await run({ peer, owner, link, clock, events, ups, downs, faults, start });
    await link.close();
    await link.close();
    assert.equal(
      NAMES.map((name) => owner.listenerCount(name)),
      before,
      'every listener of ours is gone',
    );
    assert.is(clock.pending, 0, 'no timer is left');
  } finally {
    await link.close();
    peer.thaw();
    try {
      owner.stop();
    } catch {
      // Never started.
    }
    await peer.close();
  }
}

test('listens beside the owner, asks, and lets go', () =>
  bench(async ({ peer, owner, link, start, ups, events, faults }) => {
    await owner.start(['ours', 'theirs']);
    await start();
    assert.ok(link.up);
    assert.equal(ups, [{ version: '22.10.1+dfsg', startupTime: peer.startupTime }]);
    peer.event('StasisStart', { application: 'theirs', channel: { id: 'c1' }, args: [] });
    peer.event('StasisStart', { application: 'ours', channel: { id: 'c2' }, args: ['x'] });
    await until(() => events.length === 1, 'our event, and not the owner’s');
    assert.is((events[0] as unknown as { channel: { id: string } }).channel.id, 'c2');
    const query = { endpoint: 'Local/x', app: 'ours', channelId: 'c/2' };
    const originate = { method: 'POST', path: 'channels', query, body: { variables: { A: 'é' } } } as const;
    assert.is(((await link.request(originate)) as { id: string }).id, 'c/2');
    assert.is(peer.requests.at(-1)!.body, '{"variables":{"A":"é"}}');
    assert.is(await codeOf(link.request(originate)), 'ERR_TALKSPURT_ARI_REFUSED');
    assert.is(await link.request({ method: 'DELETE', path: 'channels/c%2F2' }), null);
    await link.close();
    assert.equal(await owner.channels.list(), []);
    assert.is(peer.connections, 1);
    peer.event('StasisStart', { application: 'ours', channel: { id: 'c3' }, args: [] });
    await owner.channels.list();
    assert.is(events.length, 1);
    assert.equal(faults, []);
  }));

test('waits for an owner who has not started, and for an application that is not there yet', () =>
  bench(async ({ peer, owner, link, start, ups, downs, clock }) => {
    const started = start();
    clock.advance(LIMITS.ariLoginMs);
    await started;
    assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
    await owner.start('theirs');
    clock.advance(downs[0]!.retryInMs + 1);
    await until(() => downs.length === 2, 'the next attempt');
    assert.is(downs[1]!.error.code, 'ERR_TALKSPURT_LINK_DOWN');
    assert.match(downs[1]!.error.message, "'ours' is not registered");
    owner.stop();
    await until(() => peer.clients === 0, 'stopped');
    await owner.start('ours');
    clock.advance(downs[1]!.retryInMs + 1);
    await until(() => ups.length === 1, 'up');
    assert.ok(link.up);
  }));

test('a request that the package never answers times out', () =>
  bench(async ({ peer, owner, link, start, clock }) => {
    await owner.start('ours');
    await start();
    peer.answer = ({ path }) => (path === 'channels' ? null : undefined);
    const lost = codeOf(link.request({ method: 'GET', path: 'channels' }));
    await until(() => peer.requests.at(-1)!.path === 'channels', 'asked');
    clock.advance(LIMITS.ariRequestMs);
    assert.is(await lost, 'ERR_TALKSPURT_LINK_TIMEOUT');
    assert.ok(link.up);
    const long = link.request({ method: 'GET', path: `channels/${'x'.repeat(LIMITS.ariRequestBytes)}` });
    assert.is(await codeOf(long), 'ERR_TALKSPURT_COMMAND_SYNTAX');
  }));

test('goes down with the owner’s connection, and up with its next', () =>
  bench(async ({ peer, owner, start, ups, downs, clock }) => {
    await owner.start('ours');
    await start();
    peer.drop();
    await until(() => downs.length === 1, 'down');
    assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_DOWN');
    peer.startupTime = 'later';
    let failures = 0;
    await until(() => {
      if (downs.length > failures) clock.advance(downs.at(-1)!.retryInMs + 1);
      failures = downs.length;
      return ups.length === 2;
    }, 'up again');
    assert.is(ups[1]!.startupTime, 'later');
  }));

test('a connection that is half open is lost, and somebody who takes the application over is told of', () =>
  bench(async ({ peer, owner, start, ups, downs, clock }) => {
    await owner.start('ours');
    await start();
    for (let n = 0; n < 4; n += 1) {
      const before = peer.pings;
      clock.advance(LIMITS.ariPingMs);
      await until(() => peer.pings > before, 'a ping');
      await owner.channels.list();
    }
    assert.equal(downs, []);
    peer.answersPings = false;
    clock.advance(LIMITS.ariSilentMs);
    await until(() => downs.length === 1, 'down');
    assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
    peer.answersPings = true;
    clock.advance(downs[0]!.retryInMs + 1);
    await until(() => ups.length === 2, 'up again');
    peer.event('ApplicationReplaced', { application: 'ours' });
    await until(() => downs.length === 2, 'down');
    assert.match(downs[1]!.error.message, 'another client');
    assert.is(downs[1]!.error.code, 'ERR_TALKSPURT_LINK_REPLACED');
    assert.ok(downs[1]!.retryInMs >= LIMITS.linkRefusedRetryMs);
    // Their connection lives and the application is there; but it is somebody else's until they connect anew.
    clock.advance(downs[1]!.retryInMs + 1);
    await until(() => downs.length === 3, 'looked');
    assert.equal([downs[2]!.error.code, ups.length], ['ERR_TALKSPURT_LINK_REPLACED', 2]);
    owner.stop();
    await until(() => peer.clients === 0, 'stopped');
    await owner.start('ours');
    clock.advance(downs[2]!.retryInMs + 1);
    await until(() => ups.length === 3, 'up again');
  }));

test('a listener of ours that throws does no harm to the owner', () =>
  bench(
    async ({ peer, owner, start, events, faults }) => {
      await owner.start('ours');
      await start();
      peer.event('StasisEnd', { channel: { id: 'c1' } });
      await until(() => faults.length === 1, 'a fault');
      peer.event('StasisEnd', { channel: { id: 'c1' } });
      await until(() => events.length === 2, 'the next');
    },
    () => {
      throw new Error('of the listener');
    },
  ));

test('what is no client of the package is refused', () => {
  const client = { start: () => undefined, ping: () => undefined };
  assert.throws(
    () => new AriAttachedLink({ name: 'a', clock: new HandClock(), client, app: 'a' }),
    (error: TalkspurtError) => error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
  );
});

test.run();

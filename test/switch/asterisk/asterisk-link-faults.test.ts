/** What an ARI can do wrong, from its wire to the metric that an operator sees: each is typed, told of and counted. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../src/limits.ts';
import { MetricsSink } from '../../../src/observe/metrics-sink.ts';
import { fanOut } from '../../../src/core/events.ts';
import { AriNativeLink } from '../../../src/switch/asterisk/ari-native-link.ts';
import { AsteriskAdapter } from '../../../src/switch/asterisk/asterisk-adapter.ts';
import { RecordingEvents } from '../../sim/fake-peers.ts';
import { HandClock } from '../freeswitch/hand-clock.ts';
import { until } from './ari-link-contract.ts';
import { ScriptedAri } from './scripted-ari.ts';
import { FakePath } from './stasis-world.ts';

interface Bench {
  readonly peer: ScriptedAri;
  readonly adapter: AsteriskAdapter;
  readonly clock: HandClock;
  readonly events: RecordingEvents;
  /** The value of a line of the metrics page; undefined where there is none. */
  readonly counted: (line: string) => Promise<number | undefined>;
  readonly start: () => Promise<void>;
}

async function bench(run: (bench: Bench) => Promise<void>, password = 'test'): Promise<void> {
  const peer = new ScriptedAri();
  // Asterisk, with nothing in it.
  peer.answer = ({ path }) => (path === 'bridges' ? { status: 200, body: '[]' } : undefined);
  const target = { host: '127.0.0.1', port: await peer.listen(), username: 'test', password, app: 'talkspurt' };
  const clock = new HandClock();
  const [events, metrics] = [new RecordingEvents(), new MetricsSink({ processMetrics: false })];
  const link = new AriNativeLink({ name: 'pbx', clock, ...target });
  const media = new FakePath();
  const adapter = new AsteriskAdapter({ name: 'pbx', link, clock, events: fanOut([events, metrics]), media });
  const sink = { onCall: () => undefined, onLinkDown: () => undefined, onLinkUp: () => undefined };
  const counted = async (line: string): Promise<number | undefined> => {
    const found = (await metrics.page()).body.split('\n').find((each) => each.startsWith(`talkspurt_${line} `));
    return found === undefined ? undefined : Number(found.split(' ').at(-1));
  };
  try {
    await run({ peer, adapter, clock, events, counted, start: () => adapter.start(sink) });
  } finally {
    await adapter.stop();
    await peer.close();
  }
  assert.is(clock.pending, 0, 'no timer is left');
}

test('events of a kind that nobody knows are counted, and harm nothing', () =>
  bench(async ({ peer, adapter, events, counted, start }) => {
    await start();
    peer.event('ChannelTeleported', { channel: { id: 'c1' } });
    peer.event('x y\u0000z');
    peer.event('ChannelVarset', { variable: 'A', value: '1' });
    await until(() => events.of('peer.unknown').length === 2, 'two events');
    assert.equal(
      events.of('peer.unknown').map(({ kind }) => kind),
      ['ChannelTeleported', 'unnamed'],
    );
    assert.is(await counted('unknown_events_total{peer="pbx"}'), 2);
    assert.equal([adapter.linkUp, events.of('peer.malformed').length], [true, 0]);
  }));

test('messages that are none are counted, and the link stays', () =>
  bench(async ({ peer, adapter, events, counted, start }) => {
    await start();
    const none = ['', 'nonsense', '{"type":7}', '[]', 'null', '{"type":"RESTResponse","request_id":"t999"}'];
    for (const text of none) peer.say(text);
    peer.sayBinary(Buffer.from([0xff, 0xfe, 0x00]));
    peer.event('StasisStart', { args: [] });
    await until(() => events.of('peer.malformed').length === none.length + 2, 'each is told');
    assert.is(await counted('malformed_total{peer="pbx",code="ERR_TALKSPURT_LINK_PROTOCOL"}'), none.length + 2);
    assert.ok(adapter.linkUp);
  }));

test('a frame that is none ends the link, which is counted as what it was', () =>
  bench(async ({ peer, adapter, events, counted, start }) => {
    await start();
    peer.sayRaw(Buffer.from([0xf7, 0x00, 0x01, 0x02]));
    await until(() => events.of('link.down').length === 1, 'down');
    assert.is(await counted('link_downs_total{link="pbx",code="ERR_TALKSPURT_LINK_PROTOCOL"}'), 1);
    assert.equal([adapter.linkUp, await counted('link_up{link="pbx"}')], [false, 0]);
  }));

test('a server that falls silent, and one that never says a word', () =>
  bench(async ({ peer, events, clock, counted, start }) => {
    await start();
    peer.freeze();
    clock.advance(LIMITS.ariPingMs);
    clock.advance(LIMITS.ariSilentMs - LIMITS.ariPingMs);
    await until(() => events.of('link.down').length === 1, 'down');
    peer.upgradeStatus = 0;
    peer.thaw();
    clock.advance(events.of('link.down')[0]!.retryInMs + 1);
    await until(() => peer.upgrades.length === 2, 'dialled again');
    clock.advance(LIMITS.ariLoginMs);
    await until(() => events.of('link.down').length === 2, 'down again');
    assert.is(await counted('link_downs_total{link="pbx",code="ERR_TALKSPURT_LINK_TIMEOUT"}'), 2);
  }));

test('401: the password is wrong', () =>
  bench(async ({ adapter, events, counted, start }) => {
    await start();
    assert.is(adapter.linkUp, false);
    assert.ok(events.of('link.down')[0]!.retryInMs >= LIMITS.linkRefusedRetryMs);
    assert.is(await counted('link_downs_total{link="pbx",code="ERR_TALKSPURT_LINK_AUTH"}'), 1);
  }, 'wrong'));

test('403: not let in, and later a single request', () =>
  bench(async ({ peer, adapter, events, clock, counted, start }) => {
    peer.upgradeStatus = 403;
    await start();
    assert.is(await counted('link_downs_total{link="pbx",code="ERR_TALKSPURT_LINK_DENIED"}'), 1);
    peer.upgradeStatus = null;
    clock.advance(events.of('link.down')[0]!.retryInMs + 1);
    await until(() => adapter.linkUp, 'up');
    peer.answer = () => ({ status: 403, body: '{"message":"Write access denied"}' });
    const error = await adapter.attach('c1').catch((each: unknown) => each as { code: string });
    assert.is((error as { code: string }).code, 'ERR_TALKSPURT_ARI_REFUSED');
    assert.ok(((await counted('link_refusals_total{link="pbx",status="403"}')) ?? 0) >= 1);
    assert.ok(adapter.linkUp, 'a refusal is no end of the link');
  }));

test('404: a channel that has just left', () =>
  bench(async ({ adapter, counted, start }) => {
    await start();
    const refusals = async (): Promise<number> => (await counted('link_refusals_total{link="pbx",status="404"}')) ?? 0;
    const before = await refusals();
    const error = await adapter.attach('c1').catch((each: unknown) => each as { code: string });
    assert.is((error as { code: string }).code, 'ERR_TALKSPURT_UNKNOWN_CALL');
    assert.ok((await refusals()) > before);
  }));

test('a lost application is counted as what it is', () =>
  bench(async ({ peer, adapter, events, counted, start }) => {
    await start();
    peer.event('ApplicationReplaced');
    await until(() => events.of('link.down').length === 1, 'down');
    assert.is(await counted('link_downs_total{link="pbx",code="ERR_TALKSPURT_LINK_REPLACED"}'), 1);
    assert.is(adapter.linkUp, false);
  }));

test.run();

/** Events on the switch: their bodies against the schemas and the module's own recordings; bounds; what stays unsaid. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { CallEvent } from '../../../src/core/events.ts';
import { LIMITS } from '../../../src/limits.ts';
import { sessionHealth } from '../../../src/observe/health.ts';
import { sessionHealthSchema } from '../../../src/observe/health-schema.ts';
import { SWITCH_EVENT_SCHEMAS, switchEventsJsonSchema } from '../../../src/switch/freeswitch/switch-event-bodies.ts';
import type { OwnEventName } from '../../../src/switch/freeswitch/switch-event-bodies.ts';
import { SwitchEventSink } from '../../../src/switch/freeswitch/switch-events.ts';
import type { SwitchEventSinkOptions } from '../../../src/switch/freeswitch/switch-events.ts';
import { FakeClock, settle } from '../../sim/fake-clock.ts';
import { everyEvent } from '../../observe/every-event.ts';
import { session } from '../../observe/session-snapshot.ts';

const test = suite('SwitchEventSink');
const UUID = '5c0e0f7a-0000-4000-8000-000000000001';

interface Sent {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

class FakeLink {
  up = true;
  readonly sent: Sent[] = [];
  /** Sends that are not confirmed, oldest first. */
  readonly open: { confirm: () => void; fail: () => void }[] = [];
  holds = false;

  async sendEvent(subclass: string, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
    this.sent.push({ name: subclass.replace('mod_audio_stream::', ''), headers, body });
    if (!this.holds) return;
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down'));
      this.open.push({ confirm: resolve, fail });
    });
  }
}

interface Bench {
  readonly link: FakeLink;
  readonly clock: FakeClock;
  readonly sink: SwitchEventSink;
  tell(event: CallEvent, callId?: string): Promise<readonly Sent[]>;
}

function bench(options: Partial<SwitchEventSinkOptions> = {}): Bench {
  const link = new FakeLink();
  const clock = new FakeClock();
  const sink = new SwitchEventSink({
    link,
    clock,
    channelOf: (callId) => (callId.startsWith('other') ? null : {}),
    health: () => null,
    ...options,
  });
  const tell = async (event: CallEvent, callId = UUID): Promise<readonly Sent[]> => {
    const before = link.sent.length;
    sink.emit({ ...event, callId, atMs: clock.nowMs() });
    await settle();
    return link.sent.slice(before);
  };
  return { link, clock, sink, tell };
}

const MODULE_EVENTS = new Set(['connect', 'disconnect', 'error', 'json', 'play']);

test('every event that is told has a body that its schema takes, said of its own channel', async () => {
  const { sink, tell } = bench({ personalData: true, channelOf: () => ({ callUuid: 'a-call' }) });
  const told = new Set<string>();
  for (const event of everyEvent('7', UUID)) {
    if (event.callId === undefined) {
      sink.emit(event);
      continue;
    }
    for (const { name, headers, body } of await tell(event)) {
      told.add(name);
      assert.equal(headers, { 'Unique-ID': UUID, 'Channel-Call-UUID': 'a-call' });
      if (MODULE_EVENTS.has(name)) continue;
      const schema = SWITCH_EVENT_SCHEMAS[name as OwnEventName];
      const parsed = schema.safeParse(JSON.parse(body));
      assert.ok(parsed.success, `${name}: ${body}: ${parsed.error?.message}`);
    }
  }
  for (const name of [...Object.keys(SWITCH_EVENT_SCHEMAS), 'connect', 'error', 'json'])
    assert.ok(told.has(name), `${name} is told`);
  sink.close();
});

test('bodies of the module are those that were recorded of it', async () => {
  const { tell } = bench({ personalData: true });
  const [connect] = await tell({ type: 'backend.opened', backend: 'openai', connectMs: 5 });
  assert.equal([connect!.name, connect!.body], ['connect', '{"status":"connected"}']);
  const [disconnect] = await tell({ type: 'backend.closed', backend: 'openai' });
  assert.equal(
    [disconnect!.name, disconnect!.body],
    ['disconnect', '{"status":"disconnected","message":{"code":1000,"reason":""}}'],
  );
  const error = new TalkspurtError('ERR_TALKSPURT_BACKEND_TIMEOUT', 'no session');
  const [failed] = await tell({ type: 'backend.error', backend: 'openai', error });
  assert.equal([failed!.name, failed!.body], ['error', '{"status":"error","message":{"code":10,"error":"Timeout"}}']);
  const [json] = await tell({ type: 'backend.message', backend: 'own', text: '{"any": "thing"}' });
  assert.equal([json!.name, json!.body], ['json', '{"any": "thing"}']);
});

test('a backend that speaks for the module itself is not spoken for', async () => {
  const { sink, link, tell } = bench({ personalData: true });
  sink.onStreamEvent(UUID, { name: 'connect', body: '{"status":"connected"}' });
  await settle();
  assert.equal(await tell({ type: 'backend.opened', backend: 'ws', connectMs: 5 }), []);
  assert.equal(await tell({ type: 'backend.closed', backend: 'ws' }), []);
  assert.equal(await tell({ type: 'backend.message', backend: 'ws', text: '{}' }), []);
  sink.onStreamEvent(UUID, { name: 'play', body: '{"file":"x"}' });
  sink.onStreamEvent('other', { name: 'connect', body: '{}' });
  await settle();
  assert.equal(
    link.sent.map(({ name }) => name),
    ['connect', 'play'],
  );
  const switched = await tell({ type: 'backend.switched', backend: 'openai', previous: 'ws', switchMs: 9 });
  assert.is(switched[0]!.body, '{"scope":"backend","backend":"openai","previous":"ws","switch_ms":9}');
  const opened = await tell({ type: 'backend.opened', backend: 'openai', connectMs: 5 });
  assert.is(opened[0]!.name, 'connect');
});

test('what people say and dial stays unsaid unless it is configured', async () => {
  const { sink, link, tell } = bench();
  assert.equal(await tell({ type: 'transcript', by: 'caller', text: 'secret', final: true }), []);
  assert.equal(await tell({ type: 'backend.message', backend: 'own', text: 'secret' }), []);
  const [digit] = await tell({ type: 'dtmf', digit: '7', durationMs: 100 });
  assert.is(digit!.body, '{"duration_ms":100}');
  sink.onStreamEvent(UUID, { name: 'json', body: 'secret' });
  sink.onStreamEvent(UUID, { name: 'play', body: 'secret' });
  await settle();
  assert.not.match(JSON.stringify(link.sent), /secret|"7"/);
});

test('calls of another switch, and what is no channel, are not told; a call that has ended is forgotten', async () => {
  const asked: string[] = [];
  let known = false;
  const channelOf = (id: string): object | null => (asked.push(id), id === UUID && known ? {} : null);
  const { tell } = bench({ channelOf });
  const listening = { type: 'turn.state', state: 'listening', previous: 'thinking' } as const;
  assert.equal(await tell(listening, 'other-1'), []);
  assert.equal(await tell(listening, 'a b\nc'), []);
  assert.equal(await tell(listening), []);
  assert.equal(asked.splice(0), ['other-1', UUID], 'what is no channel is not asked about');
  known = true;
  assert.is((await tell(listening)).length, 1, 'known by now');
  assert.is((await tell(listening)).length, 1);
  assert.equal(asked.splice(0), [UUID], 'asked once');
  const [ended] = await tell({ type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1_000 });
  assert.is(ended!.body, '{"scope":"end","reason":"hangup","hangup_cause":16,"duration_ms":1000}');
  known = false;
  assert.equal(await tell(listening), []);
  assert.equal(asked, [UUID]);
});

test('health and telemetry: of each call once in a period, spread over it', async () => {
  const health = sessionHealth(session());
  const { link, clock, sink, tell } = bench({ health: (id) => (id === 'ended' ? null : health), intervalMs: 10_000 });
  const ids = Array.from({ length: 40 }, (_, n) => `call-${n}`);
  for (const id of [...ids, 'ended', 'other'])
    await tell({ type: 'call.state', state: 'talking', previous: 'opening' }, id);
  link.sent.length = 0;
  let most = 0;
  for (let ms = 0; ms < 10_000; ms += 1_000) {
    const before = link.sent.length;
    clock.advance(1_000);
    await settle();
    most = Math.max(most, link.sent.length - before);
  }
  const of = (name: string): string[] =>
    link.sent.filter((sent) => sent.name === name).map((s) => s.headers['Unique-ID']!);
  assert.equal(of('health').toSorted(), ids.toSorted());
  assert.equal(of('telemetry').toSorted(), ids.toSorted());
  assert.ok(most <= 10, `${most} in one portion`);
  assert.equal(sessionHealthSchema.parse(JSON.parse(link.sent[0]!.body)), health);
  const telemetry = link.sent.find(({ name }) => name === 'telemetry')!;
  assert.ok(SWITCH_EVENT_SCHEMAS.telemetry.safeParse(JSON.parse(telemetry.body)).success);
  sink.close();
  sink.close();
  assert.is(clock.pending, 0);
});

test('0: no health and no timer', () => {
  assert.is(bench({ intervalMs: 0 }).clock.pending, 0);
});

test('a slow link: few unconfirmed, a bounded queue in order, the rest dropped and counted', async () => {
  const { link, sink, clock } = bench({ intervalMs: 0 });
  link.holds = true;
  const extra = 100;
  const all = LIMITS.switchEventsInFlight + LIMITS.switchEventQueue + extra;
  for (let n = 0; n < all; n += 1)
    sink.emit({ type: 'media.underrun', missingMs: n, callId: UUID, atMs: clock.nowMs() });
  assert.is(link.sent.length, LIMITS.switchEventsInFlight);
  assert.equal(sink.stats, { sent: 0, dropped: extra, waiting: LIMITS.switchEventQueue });
  while (link.open.length > 0) {
    for (const { confirm } of link.open.splice(0)) confirm();
    await settle();
    if (link.open.length === 0) clock.advance(1_000);
    await settle();
  }
  assert.is(sink.stats.sent, all - extra);
  assert.equal(
    link.sent.map(({ body }) => (JSON.parse(body) as { missing_ms: number }).missing_ms),
    Array.from({ length: all - extra }, (_, n) => n),
  );
});

test('no more than so many in a second', async () => {
  const { link, sink, clock } = bench({ intervalMs: 0 });
  for (let n = 0; n < LIMITS.switchEventsPerSecond + 7; n += 1) {
    sink.emit({ type: 'media.underrun', missingMs: n, callId: UUID, atMs: clock.nowMs() });
    await settle();
  }
  assert.is(link.sent.length, LIMITS.switchEventsPerSecond);
  clock.advance(1_000);
  await settle();
  assert.is(link.sent.length, LIMITS.switchEventsPerSecond + 7);
  assert.is(clock.pending, 0);
});

test('periodic events are the first to be dropped', async () => {
  const health = sessionHealth(session());
  const { link, sink, clock } = bench({ health: () => health, intervalMs: 10_000 });
  link.holds = true;
  const fill = LIMITS.switchEventsInFlight + LIMITS.switchEventQueue / 2;
  for (let n = 0; n < fill; n += 1)
    sink.emit({ type: 'media.underrun', missingMs: n, callId: UUID, atMs: clock.nowMs() });
  clock.advance(10_000);
  assert.is(sink.stats.dropped, 2, 'health and telemetry');
  sink.emit({ type: 'media.underrun', missingMs: 1, callId: UUID, atMs: clock.nowMs() });
  assert.is(sink.stats.dropped, 2);
  sink.close();
  assert.is(sink.stats.waiting, 0);
});

test('a link that is down, fails, or is given too much: dropped and counted, never thrown', async () => {
  const { link, sink, tell } = bench({ personalData: true });
  link.up = false;
  assert.equal(await tell({ type: 'media.stalled', silentMs: 5_000 }), []);
  link.up = true;
  link.holds = true;
  await tell({ type: 'media.stalled', silentMs: 5_000 });
  link.open.shift()!.fail();
  await settle();
  const text = 'x'.repeat(LIMITS.eslEventBodyBytes);
  assert.equal(await tell({ type: 'transcript', by: 'agent', text, final: true }), []);
  assert.equal(sink.stats, { sent: 0, dropped: 3, waiting: 0 });
});

test('calls that are remembered are bounded', () => {
  let asked = 0;
  const { sink, clock } = bench({ channelOf: () => ((asked += 1), {}), intervalMs: 0 });
  const tell = (id: number): void =>
    sink.emit({ type: 'media.stalled', silentMs: 1, callId: `c-${id}`, atMs: clock.nowMs() });
  for (let n = 0; n <= LIMITS.switchEventCalls; n += 1) tell(n);
  tell(0);
  assert.is(asked, LIMITS.switchEventCalls + 2, 'the oldest was forgotten');
});

test('docs/schema/switch-events.json is the schema of the sources', () => {
  const url = new URL('../../../docs/schema/switch-events.json', import.meta.url);
  assert.equal(JSON.parse(readFileSync(url, 'utf8')), JSON.parse(JSON.stringify(switchEventsJsonSchema())));
});

test.run();

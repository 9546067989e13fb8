import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import { session } from '../observe/session-snapshot.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { READ, errorOf, serving } from './status-rig.ts';
import type { Served } from './status-rig.ts';

const ID = session().callId;
const TALKING: TalkspurtEvent = { type: 'call.state', state: 'talking', previous: 'opening', callId: ID, atMs: 1_000 };
const SAID: TalkspurtEvent = {
  type: 'transcript',
  by: 'caller',
  text: 'my number',
  final: true,
  callId: ID,
  atMs: 1_000,
};
const ENDED: TalkspurtEvent = {
  type: 'call.ended',
  reason: 'hangup',
  hangupCause: 16,
  durationMs: 5,
  callId: ID,
  atMs: 1_000,
};

/** Reads a stream as the specification of Server-Sent Events has it: blocks of `event:` and `data:` lines. */
class Listener {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = '';

  constructor(response: Response) {
    if (response.body === null) throw new Error('no body');
    this.#reader = response.body.getReader();
  }

  /** The next event; null: the stream has ended. Comments are left out. */
  async next(): Promise<{ type: string; data: Record<string, unknown> } | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const block = this.#text.slice(0, end).split('\n');
        this.#text = this.#text.slice(end + 2);
        const of = (field: string): string | undefined =>
          block.find((line) => line.startsWith(`${field}: `))?.slice(field.length + 2);
        const [type, data] = [of('event'), of('data')];
        if (type !== undefined) return { type, data: JSON.parse(data ?? '') as Record<string, unknown> };
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

async function listen({ ask }: Served, path: string): Promise<Listener> {
  const response = await ask(path, { scope: 'read' });
  assert.equal([response.status, response.headers.get('content-type')], [200, 'text/event-stream; charset=utf-8']);
  const listener = new Listener(response);
  assert.is((await listener.next())?.type, 'open');
  return listener;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('events come as they happen, with their time; what is personal does not, unless it may', async () => {
  for (const personalData of [false, true]) {
    await serving({ clock: new FakeClock(), personalData }, async (served) => {
      const all = await listen(served, '/api/events');
      for (const event of [TALKING, SAID]) served.server.emit(event);
      assert.equal(await all.next(), {
        type: 'call.state',
        data: { type: 'call.state', at: '2023-11-14T22:13:21.000Z', call: ID, state: 'talking', previous: 'opening' },
      });
      const said = await all.next();
      assert.is(said?.data['text'], personalData ? 'my number' : undefined);
    });
  }
});

test('the stream of a call has its events alone, and ends with it; there is none of a call that is not', () =>
  serving({ clock: new FakeClock() }, async (served) => {
    const one = await listen(served, `/api/calls/${ID}/events`);
    served.server.emit({ ...TALKING, callId: 'another' });
    served.server.emit({ type: 'draining', calls: 1, atMs: 1_000 });
    served.server.emit(TALKING);
    served.server.emit(ENDED);
    assert.equal(
      [(await one.next())?.type, (await one.next())?.type, await one.next()],
      ['call.state', 'call.ended', null],
    );
    await until(() => served.server.streams === 0);
    const none = await served.ask('/api/calls/nobody/events', { scope: 'read' });
    assert.equal([none.status, (await errorOf(none)).code], [404, 'ERR_TALKSPURT_NOT_RUNNING']);
  }));

test('levels come five times a second to those who asked, and nobody takes them otherwise', async () => {
  const clock = new FakeClock();
  await serving({ clock }, async (served) => {
    const idle = clock.pending;
    let looked = 0;
    const { sessions } = served.source;
    served.source.sessions = () => {
      looked += 1;
      return sessions.call(served.source);
    };
    const plain = await listen(served, '/api/events');
    clock.advance(1_000);
    assert.is(looked, 0);
    const all = await listen(served, '/api/events?levels=true');
    const one = await listen(served, `/api/calls/${ID}/events?levels=true`);
    served.source.calls = [session(), session({ callId: 'b', captureLevelDbov: -8.6, turn: 'caller-speaking' })];
    clock.advance(1_000);
    assert.is(looked, 5);
    const levels = { id: ID, turn: 'agent-speaking', caller_dbov: -32, agent_dbov: -127 };
    for (let n = 0; n < 5; n += 1) {
      assert.equal((await all.next())?.data['calls'], [
        levels,
        { id: 'b', turn: 'caller-speaking', caller_dbov: -9, agent_dbov: -127 },
      ]);
      assert.equal((await one.next())?.data['calls'], [levels]);
    }
    await all.cancel();
    await one.cancel();
    await until(() => served.server.streams === 1);
    clock.advance(1_000);
    assert.is(looked, 5, 'who has gone is told nothing');
    await plain.cancel();
    await until(() => served.server.streams === 0);
    assert.is(clock.pending, idle, 'no timer is left');
  });
});

test('a silent stream says that it is alive', async () => {
  const clock = new FakeClock();
  await serving({ clock }, async ({ port }) => {
    const socket = await subscriber(port);
    clock.advance(LIMITS.httpHeartbeatMs);
    await new Promise<void>((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
        if (text.includes('\n: alive\n')) resolve();
      });
    });
    socket.destroy();
  });
});

/** A connection that has asked for the events and that nobody reads until somebody listens. */
async function subscriber(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(`GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${READ}\r\n\r\n`);
  await new Promise((resolve) => socket.once('readable', resolve));
  return socket;
}

test('a reader that does not keep up is cut off, and counted; the others go on', () =>
  serving({}, async (served) => {
    const good = await listen(served, '/api/events');
    const slow = await subscriber(served.port);
    await until(() => served.server.streams === 2);
    slow.pause();
    const long = 'x'.repeat(60_000);
    let read = 0;
    // The kernel takes some megabytes before anything waits here.
    for (let n = 0; n < 2_000 && served.server.streams === 2; n += 1) {
      served.server.emit({ type: 'peer.unknown', peer: 'p', kind: long, atMs: 0 });
      assert.is((await good.next())?.type, 'peer.unknown');
      read += 1;
    }
    assert.is(served.server.streams, 1, `cut after ${read} events`);
    const system = (await (await served.ask('/api/system', { scope: 'read' })).json()) as {
      system: { event_streams: number; event_streams_dropped: number };
    };
    assert.equal([system.system.event_streams, system.system.event_streams_dropped], [1, 1]);
    const closed = new Promise((resolve) => slow.once('close', resolve).once('error', resolve));
    slow.resume();
    await closed;
  }));

test('there are so many streams and no more, and a place that is left is taken again', () =>
  serving({}, async (served) => {
    const all = await Promise.all(Array.from({ length: LIMITS.httpStreams }, () => listen(served, '/api/events')));
    const refused = await served.ask('/api/events', { scope: 'read' });
    assert.equal([refused.status, refused.headers.get('retry-after')], [503, '5']);
    assert.is((await errorOf(refused)).code, 'too-many-streams');
    await all[0]?.cancel();
    await until(() => served.server.streams === LIMITS.httpStreams - 1);
    await listen(served, '/api/events');
  }));

test('closing the server ends every stream and leaves no timer', async () => {
  const clock = new FakeClock();
  const open: Listener[] = [];
  await serving({ clock }, async (served) => {
    open.push(await listen(served, '/api/events'), await listen(served, '/api/events?levels=true'));
  });
  assert.is(clock.pending, 0);
  for (const listener of open) assert.is(await listener.next(), null);
});

test('streams asked for behind others on one connection are refused: they would never end, nor be counted in time', () =>
  serving({}, async ({ port, server }) => {
    const one = `GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${READ}\r\n\r\n`;
    const socket = connect(port, '127.0.0.1', () => socket.write(one.repeat(LIMITS.httpStreams + 8)));
    await new Promise((resolve) => socket.once('data', resolve));
    assert.is(server.streams, 1);
    socket.destroy();
    while (server.streams > 0) await new Promise((resolve) => setImmediate(resolve));
  }));

test.run();

/** Opening a session by the steps of a dialect that no vendor has: what the vendors' own tests cannot show. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSession } from '../../src/backend/session-opening.ts';
import type { BackendSession, OpeningVerdict, SessionOpening } from '../../src/backend/session-opening.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { ManualClock } from './manual-clock.ts';
import { ScriptedServer } from './scripted-server.ts';
import type { ScriptedPeer } from './scripted-server.ts';

interface Opened {
  readonly server: ScriptedServer;
  readonly peer: ScriptedPeer;
  readonly clock: ManualClock;
  /** States in which a message was judged, each with its text. */
  readonly judged: readonly [state: string, text: string][];
  /** What came of it by the time that the client has taken all that the peer said; if nothing did, it throws. */
  outcome(): Promise<BackendSession | Error>;
  /** The same, if it is a session. */
  session(): Promise<BackendSession>;
  /** The client has answered with `texts` to all that the peer said. */
  answered(...texts: string[]): Promise<void>;
  end(): Promise<void>;
}

const servers = new Set<ScriptedServer>();

test.after.each(async () => {
  // Of a test that failed: an open server would keep the process up, and the failure untold.
  for (const server of servers) await server.close();
  servers.clear();
});

/** Opens with a dialect of two steps, `asking` and `agreeing`; `verdicts` by the text of a message, chatter where there is none. */
async function opened(
  verdicts: Readonly<Record<string, OpeningVerdict>>,
  more: Partial<SessionOpening> = {},
): Promise<Opened> {
  const server = await ScriptedServer.listen();
  servers.add(server);
  const clock = new ManualClock();
  const judged: [string, string][] = [];
  const dialect: SessionOpening = {
    ...{ backend: 'made-up', url: new URL(server.baseUrl), headers: { 'X-Asked': 'yes' }, secrets: [] },
    hints: { address: 'address', dialled: 'dialled', access: 'access', asked: 'asked' },
    ...{ limitMs: 500, lastsMs: 60_000 },
    steps: [
      { state: 'asking', message: 'question' },
      { state: 'agreeing', message: 'agreement' },
    ],
    judge(state, data) {
      judged.push([state, data.toString('utf8')]);
      return verdicts[data.toString('utf8')] ?? null;
    },
    ...more,
  };
  const connected = server.peer();
  const opening = openSession(dialect, clock, new AbortController().signal);
  const settled: Promise<BackendSession | Error> = opening.catch(asError);
  const peer = await Promise.race([connected, settled.then(unconnected)]);
  async function outcome(): Promise<BackendSession | Error> {
    // A client that goes instead has given up: an outcome too.
    await peer.settled().catch(() => undefined);
    // A turn of the event loop is enough for what follows from a message that was taken.
    const late = new Promise<never>((_resolve, reject) => {
      setImmediate(() => reject(new Error(`nothing came of the opening; judged: ${JSON.stringify(judged)}`)));
    });
    return await Promise.race([settled, late]);
  }
  return {
    ...{ server, peer, clock, judged, outcome },
    async session() {
      const session = await outcome();
      if (session instanceof Error) throw session;
      return session;
    },
    async answered(...texts) {
      await peer.settled();
      assert.equal(peer.texts, texts);
    },
    async end() {
      await server.drained();
      assert.is(clock.pending, 0, 'no timer is left');
    },
  };
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

function unconnected(outcome: BackendSession | Error): never {
  throw outcome instanceof Error ? outcome : new Error('a session without a connection');
}

const VERDICTS = { question: { send: '{"type":"answer"}' }, agreement: { send: '{"type":"thanks"}' } };

test('each step is judged in its state, answers, and the last one opens the session', async () => {
  const { peer, judged, session, answered, end } = await opened(VERDICTS);
  peer.raw('agreed?');
  peer.raw('question');
  peer.raw('well');
  peer.raw('agreement');
  const { socket } = await session();
  await answered('{"type":"answer"}', '{"type":"thanks"}');
  assert.is(peer.headers['x-asked'], 'yes');
  assert.equal(judged, [
    ['asking', 'agreed?'],
    ['asking', 'question'],
    ['agreeing', 'well'],
    ['agreeing', 'agreement'],
  ]);
  await socket.close();
  await end();
});

test('the session lasts from the open socket on, or as a step says', async () => {
  for (const [more, expected] of [
    [{}, 60_000],
    [{ lastsMs: 5_000 }, 5_300],
  ] as const) {
    const verdicts = { ...VERDICTS, agreement: { ...VERDICTS.agreement, ...more } };
    const { peer, clock, session, answered, end } = await opened(verdicts);
    const startedAtMs = clock.nowMs();
    peer.raw('question');
    await answered('{"type":"answer"}');
    clock.advance(300);
    peer.raw('agreement');
    const { socket, expiresAtMs } = await session();
    assert.is(expiresAtMs - startedAtMs, expected);
    await socket.close();
    await end();
  }
});

test('an error of the judge is the error of the opening', async () => {
  const refused = new TalkspurtError('ERR_TALKSPURT_BACKEND_DENIED', 'no');
  const { peer, outcome, end } = await opened({ question: refused });
  peer.raw('question');
  assert.is(await outcome(), refused);
  await end();
});

test('a deadline tells the step that was not reached, in words and in details', async () => {
  const { peer, clock, outcome, answered, end } = await opened(VERDICTS);
  peer.raw('question');
  await answered('{"type":"answer"}');
  clock.advance(500);
  const error = (await outcome()) as TalkspurtError;
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.is(error.message, "backend 'made-up' did not set a session up within 500 ms (no agreement)");
  assert.equal(error.details, { limitMs: 500, state: 'agreeing' });
  await end();
});

test('what comes before the hand-over is bounded, and its taker hears of the end after all that was held', async () => {
  const { peer, clock, session, end } = await opened(VERDICTS);
  peer.raw('question');
  peer.raw('agreement');
  const held = await session();
  const half = Buffer.alloc(LIMITS.backendMessageBytes / 2 + 1, 1);
  peer.raw(half);
  peer.raw(half);
  await peer.settled().catch(() => undefined);
  assert.is.not(peer.closeCode, null, 'the client has gone');
  const taken: (number | string)[] = [];
  held.handOver({
    onMessage: (data) => void taken.push(data.length),
    onClosed: (error) => void taken.push(error?.message ?? 'in good order'),
  });
  assert.equal(taken, [half.length, half.length, "backend 'made-up' sent too much before the session was up"]);
  assert.is(clock.pending, 0);
  await end();
});

test('a taker that throws at what was held ends the session, and is told so', async () => {
  const { peer, session, end } = await opened(VERDICTS);
  peer.raw('question');
  peer.raw('agreement');
  peer.raw('early');
  const taker = await session();
  const ends: (string | undefined)[] = [];
  taker.handOver({
    onMessage() {
      throw new Error('a bug');
    },
    onClosed: (error) => void ends.push(error?.code),
  });
  assert.equal(ends, ['ERR_TALKSPURT_INTERNAL']);
  await end();
});

test.run();

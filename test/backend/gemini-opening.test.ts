/** Opening a session of Gemini Live, and everything that can go wrong on the way: nothing is left open, no timer and no socket. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GeminiBackend } from '../../src/backend/gemini-live.ts';
import type { GeminiConfig } from '../../src/backend/gemini-live.ts';
import { probeGemini } from '../../src/backend/gemini-probe.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { BreakerBoard } from '../../src/resilience/breaker-board.ts';
import { GuardedBackend } from '../../src/resilience/guarded-backend.ts';
import {
  DONE,
  GENERATED,
  MODEL,
  READY,
  SECRET,
  audio,
  byTheBook,
  callOn,
  converse,
  listen,
  urlOf,
} from './gemini-script.ts';
import type { GeminiPeer } from './gemini-script.ts';
import { ManualClock } from './manual-clock.ts';
import { RecordingSink } from './recording-sink.ts';
import type { ScriptedServerOptions } from './scripted-server.ts';

interface Attempt {
  readonly error: TalkspurtError;
  readonly clock: ManualClock;
}

/** Opens where `onPeer` answers, and returns what it failed of; nothing may be left. */
async function failing(
  onPeer: (peer: GeminiPeer) => void,
  options: ScriptedServerOptions = {},
  more: Partial<GeminiConfig> = {},
  meanwhile: (clock: ManualClock, abort: AbortController) => void = () => undefined,
): Promise<Attempt> {
  const server = await listen(onPeer, options);
  const clock = new ManualClock();
  const abort = new AbortController();
  const sink = new RecordingSink();
  const backend = new GeminiBackend({ apiKey: SECRET, model: MODEL, url: urlOf(server), ...more }, clock);
  const opening = backend.open(callOn(), sink, abort.signal).then(
    async (stream) => {
      await stream.close();
      throw new Error('it opened');
    },
    (reason: unknown) => reason as TalkspurtError,
  );
  meanwhile(clock, abort);
  const error = await opening;
  await server.drained();
  assert.is(clock.pending, 0, 'no timer is left');
  assert.is(sink.all.length, 0, 'nothing was delivered');
  assert.not.match(`${error.message} ${JSON.stringify(error.details ?? {})}`, SECRET);
  await server.close();
  return { error, clock };
}

const none = (): void => undefined;
const refusing =
  (status: number, body: string, headers = ''): NonNullable<ScriptedServerOptions['onUpgrade']> =>
  (socket) => {
    socket.end(`HTTP/1.1 ${status} No\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  };
const closing = (code: number, reason: string) => (peer: GeminiPeer) =>
  void peer.until('setup').then(() => peer.peer.socket.close(code, reason));

test('an upgrade that is refused, by its status and the words of the vendor', async () => {
  const statuses: [number, string][] = [
    [400, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [401, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [403, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [404, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [429, 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [503, 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ];
  for (const [code, ours] of statuses) {
    const body = JSON.stringify({ error: { code, message: `About ${SECRET}.`, status: 'SOME_STATUS' } });
    const { error } = await failing(none, { onUpgrade: refusing(code, body) });
    assert.equal([error.code, error.details['status']], [ours, code]);
    assert.equal([error.details['apiCode'], error.details['peerMessage']], ['SOME_STATUS', 'About [secret].']);
  }
  const wrongKey = '{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}';
  const { error } = await failing(none, { onUpgrade: refusing(400, wrongKey) });
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_AUTH');
});

test('a session that is closed in place of set up, by the words', async () => {
  const meanings: [number, string, string][] = [
    [1007, `API key not valid. Please pass a valid API key. ${SECRET}`, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [1007, 'API key expired. Please renew the API key.', 'ERR_TALKSPURT_BACKEND_AUTH'],
    [1008, "Method doesn't allow unregistered callers.", 'ERR_TALKSPURT_BACKEND_AUTH'],
    [1008, 'models/x is not found for API version v1beta', 'ERR_TALKSPURT_BACKEND_DENIED'],
    [1007, 'Request contains an invalid argument.', 'ERR_TALKSPURT_BACKEND_DENIED'],
    [1007, '', 'ERR_TALKSPURT_BACKEND_DENIED'],
    [1011, 'You exceeded your current quota, please check your plan.', 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [1008, 'RESOURCE_EXHAUSTED', 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [1011, 'Internal error encountered.', 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [1013, '', 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ];
  for (const [closeCode, reason, ours] of meanings) {
    const { error } = await failing(closing(closeCode, reason));
    assert.equal([error.code, error.details['closeCode']], [ours, closeCode], reason);
    assert.match(error.message, 'session set-up');
    assert.is(error.details['apiCode'], /quota|RESOURCE/.test(reason) ? 'RESOURCE_EXHAUSTED' : undefined);
  }
  assert.is((await failing(closing(1000, ''))).error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
});

test('nobody there, and a key that is missing', async () => {
  const server = await listen();
  const url = urlOf(server);
  await server.close();
  const open = async (config: GeminiConfig): Promise<TalkspurtError> => {
    const backend = new GeminiBackend(config, new ManualClock());
    const opening = backend.open(callOn(), new RecordingSink(), new AbortController().signal);
    return (await opening.catch((reason: unknown) => reason)) as TalkspurtError;
  };
  assert.is((await open({ apiKey: SECRET, model: MODEL, url })).code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  assert.is((await open({ apiKey: '', model: MODEL })).code, 'ERR_TALKSPURT_SECRET_MISSING');
});

test('messages that no set-up has', async () => {
  const wrong: ((peer: GeminiPeer) => void)[] = [
    (peer) => peer.raw('no JSON at all'),
    (peer) => peer.raw('{"serverContent":7}'),
    (peer) => peer.say(audio(new Uint8Array(480))),
    (peer) => peer.raw('x'.repeat(LIMITS.backendMessageBytes + 1)),
  ];
  for (const onPeer of wrong) {
    assert.is((await failing(onPeer)).error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  }
});

test('a connection that is lost, a peer that is too slow, a caller who hangs up', async () => {
  const lost = await failing((peer) => void peer.until('setup').then(() => peer.peer.socket.terminate()));
  assert.is(lost.error.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  for (const [waited, onUpgrade] of [
    ['no setupComplete', undefined],
    ['no WebSocket handshake', () => undefined],
  ] as const) {
    let arrive = none;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const { error } = await failing(
      (peer) => void peer.until('setup').then(arrive),
      onUpgrade === undefined ? {} : { onUpgrade: () => arrive() },
      { openTimeoutMs: 2_000 },
      (clock) => void arrived.then(() => clock.advance(2_000)),
    );
    assert.is(error.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
    assert.match(error.message, waited);
  }
  const reason = new DOMException('gone', 'AbortError');
  let stop = new AbortController();
  const gone = await failing(
    (peer) => void peer.until('setup').then(() => stop.abort(reason)),
    {},
    {},
    (_clock, abort) => (stop = abort),
  );
  assert.is(gone.error, reason);
});

test('what comes with setupComplete waits for whoever takes it', async () => {
  const server = await listen((peer) => {
    void peer.until('setup').then(() => {
      peer.say({ voiceActivity: {} }, READY, audio(new Uint8Array(480)), GENERATED, DONE);
      peer.peer.socket.close(1000);
    });
  });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const backend = new GeminiBackend({ apiKey: SECRET, model: MODEL, url: urlOf(server) }, clock);
  const stream = await backend.open(callOn(), sink, new AbortController().signal);
  assert.is(sink.all.length, 0);
  clock.advance(0);
  assert.is((await sink.until('closed')).error, null);
  assert.equal(
    sink.all.map(({ kind }) => kind),
    ['started', 'audio', 'audio-done', 'done', 'closed'],
  );
  await stream.close();
  assert.is(clock.pending, 0);
  await server.close();
});

test('how a session ends that was up', async () => {
  const meanings: [number, string, string | undefined][] = [
    [1006, '', 'ERR_TALKSPURT_BACKEND_CLOSED'],
    [1011, 'Internal error encountered.', 'ERR_TALKSPURT_BACKEND_CLOSED'],
    [1011, 'Deadline expired before operation could complete.', 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED'],
    [1008, 'Operation is not implemented, or supported, or enabled.', 'ERR_TALKSPURT_BACKEND_DENIED'],
    [1011, 'You exceeded your current quota.', 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [1007, `API key not valid ${SECRET}`, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [1000, '', undefined],
  ];
  for (const [code, reason, ours] of meanings) {
    const talk = await converse();
    if (code === 1006) talk.peer.peer.socket.terminate();
    else talk.peer.peer.socket.close(code, reason);
    const { error } = await talk.sink.until('closed');
    assert.is(error?.code, ours, reason);
    assert.not.match(JSON.stringify([error?.message, error?.details]), SECRET);
    await talk.end();
  }
});

test('pongs may be slow, unless somebody wants it otherwise', async () => {
  const deafFor = async (more: Partial<GeminiConfig>, ms: number): Promise<string | undefined> => {
    const talk = await converse(more);
    // It reads nothing, and so answers no ping.
    talk.peer.peer.socket.pause();
    for (let left = ms; left > 0 && talk.sink.of('closed').length === 0; left -= 500) {
      talk.clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const code = talk.sink.of('closed')[0]?.error?.code;
    talk.peer.peer.socket.resume();
    await talk.end();
    return code;
  };
  assert.is(await deafFor({ silentTimeoutMs: 1_000 }, 10_000), 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.is(await deafFor({}, 25_000), undefined);
});

test('breakers: a wrong key opens the one of the provider at once, no quota counts against it', async () => {
  const guarded = async (code: number, reason: string, times: number): Promise<string | undefined> => {
    const server = await listen(closing(code, reason));
    const clock = new ManualClock();
    const backend = new GuardedBackend({
      backend: new GeminiBackend({ apiKey: SECRET, model: MODEL, url: urlOf(server) }, clock),
      board: new BreakerBoard({ clock }),
    });
    for (let n = 0; n < times; n += 1) {
      await backend.open(callOn(), new RecordingSink(), new AbortController().signal).catch(() => undefined);
    }
    await server.close();
    return backend.refusal()?.code;
  };
  const open = 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN';
  assert.is(await guarded(1007, 'API key not valid. Please pass a valid API key.', 1), open);
  assert.is(await guarded(1011, 'You exceeded your current quota.', 1), undefined);
  assert.is(await guarded(1011, 'You exceeded your current quota.', 5), open);
});

test('the call’s correlation id goes with the upgrade, and what the start command said into the instructions', async () => {
  const talk = await converse({ instructions: 'Be brief.' }, { correlationId: 'call-name-1', metadata: 'A member.' });
  assert.is(talk.peer.peer.headers['x-correlation-id'], 'call-name-1');
  assert.equal(talk.peer.setup?.systemInstruction, { parts: [{ text: 'Be brief.\n\nA member.' }] });
  await talk.end();
});

test('the online check takes the way of a call, and leaves', async () => {
  const peers: GeminiPeer[] = [];
  const server = await listen((peer) => {
    peers.push(peer);
    byTheBook(peer);
  });
  const clock = new ManualClock();
  const config = { apiKey: SECRET, model: MODEL, url: urlOf(server), voice: 'Puck' };
  assert.is((await probeGemini(config, { clock })).latencyMs, 0);
  assert.equal(peers[0]?.setup?.generationConfig?.speechConfig, {
    voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Puck' } },
  });
  await server.drained();
  assert.is(clock.pending, 0);
  await server.close();
  const refused = await listen(closing(1007, 'API key not valid.'));
  const error = await probeGemini({ apiKey: SECRET, model: MODEL, url: urlOf(refused) }, { clock }).catch(
    (reason: unknown) => reason as TalkspurtError,
  );
  assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_BACKEND_AUTH');
  await refused.close();
});

test.run();

import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OPENAI_HINTS } from '../../src/backend/openai-config.ts';
import { BackendSocket } from '../../src/backend/backend-socket.ts';
import type { BackendSocketListener } from '../../src/backend/backend-socket.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { ManualClock } from './manual-clock.ts';
import { listen } from './realtime-script.ts';
import type { RealtimePeer, RealtimeScript } from './realtime-script.ts';

const SECRET = 'sk-very-secret-0123456789';

class Listener implements BackendSocketListener {
  readonly messages: string[] = [];
  readonly closed: (TalkspurtError | null)[] = [];
  readonly end: Promise<TalkspurtError | null>;
  #ended: (error: TalkspurtError | null) => void = () => undefined;

  constructor() {
    this.end = new Promise((resolve) => (this.#ended = resolve));
  }

  onMessage(data: Buffer): void {
    this.messages.push(data.toString());
  }

  onClosed(error: TalkspurtError | null): void {
    this.closed.push(error);
    this.#ended(error);
  }
}

function dial(
  url: string,
  clock: ManualClock,
  listener: BackendSocketListener = new Listener(),
  signal: AbortSignal = new AbortController().signal,
  headers: Record<string, string> = { Authorization: `Bearer ${SECRET}` },
): Promise<BackendSocket> {
  const hints = OPENAI_HINTS;
  const options = { url: new URL(url), headers, backend: 'b', hints, secrets: [SECRET], clock };
  return BackendSocket.open(options, listener, signal);
}

async function rejection(promise: Promise<unknown>): Promise<TalkspurtError> {
  try {
    await promise;
  } catch (error) {
    return error as TalkspurtError;
  }
  throw new Error('did not reject');
}

/** Everything an operator could see of an error. */
function visible(error: unknown): string {
  const { message, stack, details, cause } = error as TalkspurtError;
  return JSON.stringify([message, stack, details]) + (cause === undefined ? '' : visible(cause));
}

interface Link {
  server: RealtimeScript;
  clock: ManualClock;
  listener: Listener;
  socket: BackendSocket;
  peer: RealtimePeer;
}

async function linked(): Promise<Link> {
  const server = await listen();
  const clock = new ManualClock();
  const listener = new Listener();
  const connected = server.peer();
  const socket = await dial(server.baseUrl, clock, listener);
  return { server, clock, listener, socket, peer: await connected };
}

/** Nothing is left: no timer, no connection. */
async function cleared({ server, clock }: Pick<Link, 'server' | 'clock'>): Promise<void> {
  await server.drained();
  assert.is(server.connections, 0);
  assert.is(clock.pending, 0);
  await server.close();
}

test('messages both ways, then a goodbye in good order', async () => {
  const link = await linked();
  link.socket.send('{"type":"response.create"}');
  assert.is(link.socket.sendDroppable(Buffer.from('{"type":"response.cancel"}')), true);
  await link.peer.until('response.cancel');
  link.peer.raw('text');
  link.peer.raw(Buffer.from('binary'));
  await link.peer.settled();
  assert.equal(link.listener.messages, ['text', 'binary']);
  await Promise.all([link.socket.close(), link.socket.close()]);
  assert.is(link.peer.closeCode, 1000);
  assert.equal(link.listener.closed, []);
  assert.is(link.socket.sendDroppable(Buffer.from('{}')), false);
  link.socket.send('{}');
  await cleared(link);
});

test('an HTTP refusal: its status decides, its error code is kept, and the key is nowhere', async () => {
  const cases: [number, string][] = [
    [401, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [403, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [404, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [400, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [302, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [200, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [408, 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [429, 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [500, 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [503, 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ];
  for (const [status, code] of cases) {
    const body = JSON.stringify({
      error: { code: 'the_code', message: `Incorrect API key: ${SECRET}, sk-part****6789` },
    });
    const head = `HTTP/1.1 ${status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: ${body.length}\r\n\r\n`;
    const server = await listen({ onUpgrade: (socket) => void socket.end(head + body) });
    const clock = new ManualClock();
    const error = await rejection(dial(server.baseUrl, clock));
    assert.is(error.code, code, String(status));
    assert.is(error.details['status'], status);
    assert.is(error.details['apiCode'], 'the_code');
    assert.is(error.details['peerMessage'], 'Incorrect API key: [secret], [secret]');
    assert.not.match(visible(error), 'sk-');
    await cleared({ server, clock });
  }
});

test('an HTTP refusal with no body, a broken one, an endless one', async () => {
  const bodies = [
    'Content-Length: 0\r\n\r\n',
    'Content-Length: 5\r\n\r\n<htm',
    'Content-Length: 3\r\n\r\nnull',
    '\r\n',
  ];
  for (const rest of bodies) {
    const endless = rest === '\r\n';
    const server = await listen({
      onUpgrade: (socket) => {
        socket.write(`HTTP/1.1 429 X\r\n${rest}`);
        if (endless) socket.write(Buffer.alloc(LIMITS.backendRefusalBytes + 1, 0x20));
        else socket.end();
      },
    });
    const clock = new ManualClock();
    assert.is((await rejection(dial(server.baseUrl, clock))).code, 'ERR_TALKSPURT_BACKEND_REFUSED');
    await cleared({ server, clock });
  }
});

test('a refusal whose body never comes: the status is told when the time is up', async () => {
  let answered: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (answered = resolve));
  const server = await listen({
    onUpgrade: (socket) => void socket.write('HTTP/1.1 401 X\r\nContent-Length: 100\r\n\r\n', answered),
  });
  const clock = new ManualClock();
  const failed = rejection(dial(server.baseUrl, clock));
  await asked;
  // The status is on its way: the handshake may end either way until it is there.
  clock.advance(LIMITS.backendOpenMs);
  assert.ok(['ERR_TALKSPURT_BACKEND_AUTH', 'ERR_TALKSPURT_BACKEND_TIMEOUT'].includes((await failed).code));
  await cleared({ server, clock });
});

test('a server that accepts and says nothing: a deadline', async () => {
  let accepted: () => void = () => undefined;
  const connected = new Promise<void>((resolve) => (accepted = resolve));
  const server = await listen({ onUpgrade: () => accepted() });
  const clock = new ManualClock();
  const failed = rejection(dial(server.baseUrl, clock));
  await connected;
  clock.advance(LIMITS.backendOpenMs - 1);
  assert.is(clock.pending, 1);
  clock.advance(1);
  const error = await failed;
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.is(error.retryable, true);
  await cleared({ server, clock });
});

test('aborted: before, while dialling, and as the handshake ends', async () => {
  const reason = new Error('the caller hung up');
  const clock = new ManualClock();
  let accepted: () => void = () => undefined;
  const connected = new Promise<void>((resolve) => (accepted = resolve));
  const server = await listen({ onUpgrade: () => accepted() });
  assert.is(await rejection(dial(server.baseUrl, clock, new Listener(), AbortSignal.abort(reason))), reason);
  assert.is(server.connections, 0);
  const stop = new AbortController();
  const failed = rejection(dial(server.baseUrl, clock, new Listener(), stop.signal));
  await connected;
  stop.abort(reason);
  assert.is(await failed, reason);
  const bare = new AbortController();
  const bareFailed = rejection(dial(server.baseUrl, clock, new Listener(), bare.signal));
  bare.abort('a string');
  assert.is(((await bareFailed) as Error).name, 'AbortError');
  await cleared({ server, clock });
});

test('nobody there, no such host, not a WebSocket server', async () => {
  const clock = new ManualClock();
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  const refused = await rejection(dial(`ws://127.0.0.1:${port}/v1?model=m`, clock));
  assert.is(refused.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  assert.is(refused.details['errno'], 'ECONNREFUSED');

  for (const answer of [
    'SSH-2.0-OpenSSH_9\r\n',
    'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
  ]) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const error = await rejection(dial(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, clock));
    assert.is(error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL', answer);
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
  assert.is(clock.pending, 0);
});

test('a header that cannot be sent is a configuration error that does not repeat it', async () => {
  const clock = new ManualClock();
  const headers = { Authorization: `Bearer ${SECRET}\r\nX: y` };
  const error = await rejection(
    dial('ws://127.0.0.1:9/', clock, new Listener(), new AbortController().signal, headers),
  );
  assert.is(error.code, 'ERR_TALKSPURT_CONFIG_INVALID');
  assert.match(error.message, /: check baseUrl, apiKey and extraHeaders$/);
  assert.not.match(visible(error), SECRET);
  assert.is(clock.pending, 0);
});

test('a message that is too large ends the connection', async () => {
  const link = await linked();
  link.peer.raw(Buffer.alloc(LIMITS.backendMessageBytes + 1, 0x20));
  const error = await link.listener.end;
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.is(error?.details['errno'], 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
  assert.equal(link.listener.messages, []);
  await cleared(link);
});

test('a peer that breaks RFC 6455 ends the connection', async () => {
  // A masked frame from a server; a text that is no UTF-8; a reserved opcode.
  for (const frame of ['8181000000 0041', '8102ff fe', '83 00'].map((hex) =>
    Buffer.from(hex.replaceAll(' ', ''), 'hex'),
  )) {
    const link = await linked();
    (link.peer.socket as unknown as { _socket: Socket })._socket.write(frame);
    assert.is((await link.listener.end)?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL', frame.toString('hex'));
    assert.is(link.listener.closed.length, 1);
    await cleared(link);
  }
});

test('the peer goes: in good order, with a code, or without a word', async () => {
  const good = await linked();
  good.peer.socket.close(1000);
  assert.is(await good.listener.end, null);
  await good.socket.close();
  await cleared(good);

  const coded = await linked();
  coded.peer.socket.close(1011, `oops ${SECRET}`);
  const error = await coded.listener.end;
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  assert.equal(error?.details, { closeCode: 1011, closeReason: 'oops [secret]' });
  await cleared(coded);

  const cut = await linked();
  cut.peer.socket.terminate();
  assert.is((await cut.listener.end)?.details['closeCode'], 1006);
  await cleared(cut);

  const reset = await linked();
  (reset.peer.socket as unknown as { _socket: Socket })._socket.resetAndDestroy();
  const broken = await reset.listener.end;
  assert.is(broken?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  assert.is(broken?.details['closeCode'], 1006);
  await cleared(reset);
});

test('a peer that does not answer a goodbye is cut off', async () => {
  const link = await linked();
  link.peer.socket.pause();
  const closed = link.socket.close();
  assert.is(link.clock.pending, 1);
  link.clock.advance(LIMITS.backendCloseMs);
  await closed;
  assert.equal(link.listener.closed, []);
  await cleared(link);
});

test('a silent peer is found out; any sign of life puts it off', async () => {
  const link = await linked();
  let pings = 0;
  link.peer.socket.on('ping', () => (pings += 1));
  for (let i = 0; i < 6; i += 1) {
    link.clock.advance(LIMITS.backendPingMs);
    // The pong to our ping has come by the time that the pong to theirs has.
    await link.peer.settled();
  }
  assert.is(pings, 6);
  assert.equal(link.listener.closed, []);
  link.peer.socket.pause();
  link.clock.advance(LIMITS.backendSilentMs);
  assert.equal(link.listener.closed, []);
  link.clock.advance(LIMITS.backendPingMs);
  assert.is((await link.listener.end)?.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  await cleared(link);
});

for (const [what, due, beats] of [
  ['while something is expected of it, within the time that is set', true, 4],
  ['while nothing is, within three times that', false, 12],
] as const) {
  test(`a peer that is watched closely is found out ${what}`, async () => {
    const link = await linked();
    link.socket.watchClosely(2_000, () => due);
    for (let beat = 0; beat < 8; beat += 1) {
      link.clock.advance(500);
      await link.peer.settled();
    }
    link.peer.socket.pause();
    let beat = 0;
    for (; link.listener.closed.length === 0; beat += 1) {
      link.clock.advance(500);
      // The ping has gone out.
      await new Promise((resolve) => setImmediate(resolve));
    }
    // The first may still have been answered.
    assert.ok(beat >= beats && beat <= beats + 2, `${beat}`);
    assert.is((await link.listener.end)?.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
    await cleared(link);
  });
}

test('a process that stood still does not take that for the silence of its peers', async () => {
  const link = await linked();
  link.socket.watchClosely(2_000, () => true);
  // Timers come, and nothing is read or written in between.
  link.clock.advance(25_000);
  assert.equal(link.listener.closed, []);
  await link.peer.settled();
  link.clock.advance(500);
  await link.peer.settled();
  assert.equal(link.listener.closed, []);
  await link.socket.close();
  await cleared(link);
});

test('a peer that does not read: audio is dropped, then control messages end the connection', async () => {
  const link = await linked();
  link.peer.socket.pause();
  const frame = Buffer.from(JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(32_000) }));
  let sent = 0;
  while (link.socket.sendDroppable(frame)) sent += 1;
  assert.ok(sent * frame.length > LIMITS.backendBufferedBytes);
  assert.ok(link.socket.bufferedBytes <= LIMITS.backendBufferedBytes + 2 * frame.length);
  assert.is(link.socket.sendDroppable(frame), false);
  link.socket.send('{"type":"response.cancel"}');
  assert.equal(link.listener.closed, []);
  link.socket.send(JSON.stringify({ type: 'x', text: 'y'.repeat(LIMITS.backendControlBytes) }));
  const error = await link.listener.end;
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_OVERFLOW');
  assert.is(link.listener.closed.length, 1);
  await cleared(link);
});

test('a message built again and again in one buffer arrives as it was each time, though the peer reads late', async () => {
  const link = await linked();
  link.peer.socket.pause();
  const message = Buffer.alloc(24_000, 0x20);
  let count = 0;
  // Until a good part of it waits in this process, where it would show that its memory was written over.
  while (link.socket.bufferedBytes < LIMITS.backendBufferedBytes / 2) {
    message.write(`{"type":"input_audio_buffer.append","audio":"${String(count).padStart(6, '0')}"`);
    message.write('}', message.length - 1);
    assert.is(link.socket.sendDroppable(message), true);
    message.fill(0x20);
    count += 1;
  }
  link.peer.socket.resume();
  const last = await link.peer.until('input_audio_buffer.append', count);
  assert.is(last.audio, String(count - 1).padStart(6, '0'));
  assert.equal(
    link.peer.heardOf('input_audio_buffer.append').map((event) => Number(event.audio)),
    Array.from({ length: count }, (_, i) => i),
  );
  await link.socket.close();
  await cleared(link);
});

test('a listener with a bug ends its own connection only', async () => {
  const server = await listen();
  const clock = new ManualClock();
  const connected = server.peer();
  const closed = new Promise<TalkspurtError | null>((resolve) => {
    const listener: BackendSocketListener = {
      onMessage: () => {
        throw new RangeError('a bug');
      },
      onClosed: resolve,
    };
    void dial(server.baseUrl, clock, listener);
  });
  (await connected).raw('x');
  assert.is((await closed)?.code, 'ERR_TALKSPURT_INTERNAL');
  await cleared({ server, clock });
});

test.run();

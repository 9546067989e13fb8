/** The simulated server under clients that are not ours: `ws`, and the recorded upgrade of the module, byte by byte. */
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { StreamServer } from '../../src/simulator/stream-server.ts';
import type { StreamServerOptions } from '../../src/simulator/stream-server.ts';
import { readWav } from '../../src/simulator/wav.ts';
import recorded from '../fixtures/freeswitch-transcripts/mod-audio-stream.json' with { type: 'json' };

interface Client {
  socket: WebSocket;
  heard: (string | Buffer)[];
  until(count: number): Promise<void>;
}

async function join(server: StreamServer, headers: Record<string, string> = {}): Promise<Client> {
  const socket = new WebSocket(server.url, { headers, perMessageDeflate: false });
  const heard: (string | Buffer)[] = [];
  const waiters: (() => void)[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    heard.push(isBinary ? data : data.toString());
    for (const wake of waiters.splice(0)) wake();
  });
  await new Promise<void>((resolve, reject) => socket.once('open', () => resolve()).once('error', reject));
  return {
    socket,
    heard,
    until: async (count) => {
      while (heard.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
    },
  };
}

/** The server has taken everything when it answers a ping. */
function settled(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('pong', () => resolve());
    socket.ping();
  });
}

async function serving(options: StreamServerOptions, work: (server: StreamServer) => Promise<void>): Promise<void> {
  const server = new StreamServer(options);
  await server.listen();
  try {
    await work(server);
  } finally {
    await server.close();
    await server.close();
  }
}

function frame(first: number, samples = 160): Buffer {
  const bytes = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i += 1) bytes.writeInt16LE(first + i, i * 2);
  return bytes;
}

test('the module’s own upgrade is accepted', async () => {
  await serving({}, async (server) => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write(`${recorded.upgrade.join('\r\n')}\r\n\r\n`));
      socket.once('data', (data) => (resolve(data.toString('latin1')), socket.destroy()));
    });
    assert.match(answer, /^HTTP\/1\.1 101 /);
    assert.not.match(answer, /extensions/i);
    assert.is(server.clients[0]?.path, '/stream?call=1');
  });
});

test('metadata, frames, texts and the goodbye are noted', async () => {
  await serving({}, async (server) => {
    const { socket } = await join(server);
    socket.send('meta');
    socket.send(frame(0));
    socket.send(frame(160));
    socket.send('later');
    await settled(socket);
    const client = server.clients[0]!;
    assert.is(client.metadata, 'meta');
    assert.equal(client.texts, ['meta', 'later']);
    assert.equal([client.binaries, client.bytes, [...client.sizes]], [2, 640, [[320, 2]]]);
    assert.equal(
      [...client.heard],
      Array.from({ length: 320 }, (_, i) => i),
    );
    assert.ok(client.pings > 0);
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.close(1000, 'Normal closure');
    await gone;
    assert.equal(client.goodbye, { code: 1000, reason: 'Normal closure' });
  });
});

test('a text after audio is no metadata', async () => {
  await serving({}, async (server) => {
    const { socket } = await join(server);
    socket.send(frame(0));
    socket.send('late');
    await settled(socket);
    assert.equal([server.clients[0]?.metadata, server.clients[0]?.texts], [null, ['late']]);
  });
});

test('what it says is what servers of the module say', async () => {
  await serving({}, async (server) => {
    const { heard, until } = await join(server);
    const client = server.clients[0]!;
    const pcm = Int16Array.of(1, -2, 300);
    client.sayBinary(pcm);
    client.sayMessage(pcm, 8000);
    client.sayMessage(pcm, 16000, 'wav');
    client.kill();
    client.mark('m1');
    await until(5);
    assert.equal(heard[0], Buffer.from([1, 0, 254, 255, 44, 1]));
    assert.is(
      heard[1],
      '{"type":"streamAudio","data":{"audioDataType":"raw","sampleRate":8000,"audioData":"AQD+/ywB"}}',
    );
    const { data } = JSON.parse(heard[2] as string) as { data: { audioData: string } };
    const wav = readWav(Buffer.from(data.audioData, 'base64'));
    assert.equal([wav.sampleRateHz, [...wav.channels[0]!]], [16000, [...pcm]]);
    assert.equal(heard.slice(3), ['{"type":"killAudio"}', '{"type":"mark","data":{"name":"m1"}}']);
  });
});

test('answers to marks are understood, in jambonz’ spelling too', async () => {
  await serving({}, async (server) => {
    const { socket } = await join(server);
    socket.send('{"type":"mark","data":{"name":"m1","event":"playout"}}');
    socket.send('{"type": "mark", "data": {"name":"m2", "event": "cleared"}}');
    socket.send('{"type":"other"}');
    await settled(socket);
    assert.equal(server.clients[0]?.markAnswers, ['m1:playout', 'm2:cleared']);
  });
});

test('echo: as binary or as messages, later, the left channel of two', async () => {
  await serving({ echo: 'binary', echoDelayMs: 40 }, async (server) => {
    const { socket, heard, until } = await join(server);
    for (let i = 0; i < 4; i += 1) socket.send(frame(i * 160));
    await until(2);
    await settled(socket);
    assert.equal(heard, [frame(0), frame(160)]);
  });
  await serving({ echo: 'message', channels: 2, sampleRateHz: 16000 }, async (server) => {
    const { socket, heard, until } = await join(server);
    socket.send(frame(0, 8));
    await until(1);
    const { data } = JSON.parse(heard[0] as string) as { data: { audioData: string; sampleRate: number } };
    assert.is(data.sampleRate, 16000);
    const even = Buffer.from(data.audioData, 'base64');
    assert.equal([even.readInt16LE(0), even.readInt16LE(2), even.length], [0, 2, 8]);
  });
});

test('a wrong header, a client too many, a fault: refused with a status', async () => {
  const status = async (server: StreamServer, headers?: Record<string, string>): Promise<string> => {
    try {
      await join(server, headers);
      return 'accepted';
    } catch (error) {
      return (error as Error).message;
    }
  };
  await serving({ authorization: 'Bearer t0k', clients: 1 }, async (server) => {
    assert.match(await status(server), '401');
    assert.is(await status(server, { Authorization: 'Bearer t0k' }), 'accepted');
    assert.match(await status(server, { Authorization: 'Bearer t0k' }), '503');
    server.inject({ kind: 'refuse', status: 418 });
    assert.match(await status(server), '418');
  });
});

test('mute: the upgrade is never answered, and closing does not wait for it', async () => {
  await serving({ fault: { kind: 'mute' } }, async (server) => {
    const socket = new WebSocket(server.url);
    const failed = new Promise<void>((resolve) => socket.once('error', () => resolve()));
    await new Promise<void>(
      (resolve) => socket.once('upgrade', resolve).once('error', () => resolve()) && setImmediate(resolve),
    );
    assert.is(socket.readyState, WebSocket.CONNECTING);
    socket.terminate();
    await failed;
    assert.is(server.clients.length, 0);
  });
});

test('cut and close end a client in the two ways there are', async () => {
  await serving({}, async (server) => {
    const codes: number[] = [];
    for (const end of ['cut', 'close'] as const) {
      const { socket } = await join(server);
      const gone = new Promise<number>((resolve) => socket.once('close', resolve));
      const client = server.clients.at(-1)!;
      if (end === 'cut') client.cut();
      else client.close(4001, 'because');
      codes.push(await gone);
    }
    assert.equal(codes, [1006, 4001]);
  });
});

test('a port that is taken is said so', async () => {
  await serving({}, async (server) => {
    const second = new StreamServer({ port: server.port });
    let code: unknown;
    await second.listen().catch((error: { code: unknown }) => (code = error.code));
    assert.is(code, 'ERR_TALKSPURT_LISTEN');
    await second.close();
  });
});

test.run();

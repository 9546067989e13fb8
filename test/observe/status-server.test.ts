import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { globalHealth, sessionHealth } from '../../src/observe/health.ts';
import { StatusServer } from '../../src/observe/status-server.ts';
import type { StatusServerOptions } from '../../src/observe/status-server.ts';
import { session } from './session-snapshot.ts';

const gateway = { created: 1, destroyed: 0, uptimeMs: 1, version: '1.2.3', draining: false, callLimit: 2, links: [] };

async function serving(
  changes: Partial<StatusServerOptions>,
  run: (base: string, port: number) => Promise<void>,
): Promise<void> {
  const server = new StatusServer({
    host: '127.0.0.1',
    port: 0,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'm 1\n' }),
    health: () => globalHealth({ ...gateway, sessions: [session()] }),
    calls: () => [sessionHealth(session())],
    notReady: () => [],
    ...changes,
  });
  const { port } = await server.listen();
  try {
    await run(`http://127.0.0.1:${port}`, port);
  } finally {
    await server.close();
    await server.close();
  }
}

test('each page answers', () =>
  serving({}, async (base) => {
    const metrics = await fetch(`${base}/metrics`);
    assert.equal([metrics.status, await metrics.text()], [200, 'm 1\n']);
    const health = (await (await fetch(`${base}/healthz?x=1`)).json()) as { version: string };
    assert.is(health.version, '1.2.3');
    const calls = (await (await fetch(`${base}/calls`)).json()) as { session_uuid: string }[];
    assert.equal(
      calls.map((call) => call.session_uuid),
      [session().callId],
    );
    const ready = await fetch(`${base}/readyz`);
    assert.equal([ready.status, await ready.json()], [200, { ready: true, reasons: [] }]);
  }));

test('not ready is 503 and says why', () =>
  serving({ notReady: () => ['switch local is down'] }, async (base) => {
    const ready = await fetch(`${base}/readyz`);
    assert.equal([ready.status, await ready.json()], [503, { ready: false, reasons: ['switch local is down'] }]);
  }));

test('what is not there is 404, what is not a GET is 405, HEAD has no body', () =>
  serving({}, async (base) => {
    assert.is((await fetch(`${base}/etc/passwd`)).status, 404);
    const post = await fetch(`${base}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) });
    assert.equal([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
    const head = await fetch(`${base}/metrics`, { method: 'HEAD' });
    assert.equal([head.status, head.headers.get('content-length'), await head.text()], [200, '4', '']);
  }));

test('a defect behind a page is a 500 without its text, and the server lives on', () =>
  serving(
    {
      calls: () => {
        throw new Error('inner detail');
      },
    },
    async (base) => {
      const calls = await fetch(`${base}/calls`);
      assert.equal([calls.status, await calls.text()], [500, 'ERR_TALKSPURT_INTERNAL\n']);
      assert.is((await fetch(`${base}/healthz`)).status, 200);
    },
  ));

test('garbage and headers that are too long are refused, not read on', () =>
  serving({}, async (base, port) => {
    for (const bytes of [
      '\x00\x01garbage\r\n\r\n',
      `GET / HTTP/1.1\r\nx: ${'y'.repeat(LIMITS.statusHeaderBytes)}\r\n\r\n`,
    ]) {
      const answer = await new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('data', (chunk) => (text += chunk.toString()));
        socket.on('close', () => resolve(text));
        socket.on('error', reject);
      });
      assert.match(answer, /^HTTP\/1\.1 4\d\d /);
    }
    assert.is((await fetch(`${base}/healthz`)).status, 200);
  }));

test('a port that is taken is a clear error', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  try {
    await serving({ port }, async () => assert.unreachable());
    assert.unreachable();
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_TALKSPURT_LISTEN'), String(error));
    assert.match((error as Error).message, /EADDRINUSE/);
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
});

test('an open connection does not keep it from closing', async () => {
  let idle: ReturnType<typeof connect> | undefined;
  await serving({}, async (_base, port) => {
    idle = connect(port, '127.0.0.1');
    await new Promise((resolve) => idle?.once('connect', resolve));
  });
  await new Promise<void>((resolve) => (idle?.closed ? resolve() : idle?.once('close', () => resolve())));
});

test.run();

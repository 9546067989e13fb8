import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { request as httpRequest } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError, hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { session } from '../observe/session-snapshot.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { CONTROL, READ, errorOf, serving } from './status-rig.ts';

/** One request in bytes; resolves to everything that came back until the connection ended. */
function raw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

/** Status and body of a request with headers that fetch would not send. */
function withHeaders(
  port: number,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; headers: Record<string, string | string[] | undefined>; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

test('each page for anybody answers, under its old name as well', () =>
  serving({}, async ({ base }) => {
    const metrics = await fetch(`${base}/metrics`);
    assert.equal([metrics.status, await metrics.text()], [200, 'm 1\n']);
    for (const path of ['/health', '/healthz?x=1']) {
      const health = (await (await fetch(`${base}${path}`)).json()) as { version: string };
      assert.is(health.version, '1.2.3');
    }
    for (const path of ['/health/ready', '/readyz']) {
      const ready = await fetch(`${base}${path}`);
      assert.equal([ready.status, await ready.json()], [200, { ok: true, ready: true, reasons: [] }]);
    }
    const live = await fetch(`${base}/health/live`);
    assert.equal([live.status, await live.json()], [200, { ok: true, live: true }]);
    assert.is(live.headers.get('cache-control'), 'no-store');
    assert.is(live.headers.get('x-content-type-options'), 'nosniff');
    assert.is(live.headers.get('etag'), null);
  }));

test('/calls asks for no token on loopback where there is none, and for one elsewhere', async () => {
  await serving({ tokens: { read: '', control: '' } }, async ({ base }) => {
    const calls = (await (await fetch(`${base}/calls`)).json()) as { session_uuid: string }[];
    assert.equal(
      calls.map((call) => call.session_uuid),
      [session().callId],
    );
  });
  await serving({}, async ({ ask }) => {
    assert.is((await ask('/calls')).status, 401);
    assert.is((await ask('/calls', { scope: 'read' })).status, 200);
  });
  await serving({ tokens: { read: '', control: '' }, host: '0.0.0.0' }, async ({ ask }) => {
    assert.is((await ask('/calls')).status, 403);
  });
});

test('not ready is 503 and says why', () =>
  serving({}, async ({ base, source }) => {
    source.reasons = ['switch local is down'];
    const ready = await fetch(`${base}/readyz`);
    assert.equal(
      [ready.status, await ready.json()],
      [503, { ok: false, ready: false, reasons: ['switch local is down'] }],
    );
  }));

test('what is not there is 404, another method is 405 with those that are known, HEAD has no body', () =>
  serving({}, async ({ base, ask }) => {
    const missing = await fetch(`${base}/etc/passwd`);
    assert.equal([missing.status, (await errorOf(missing)).code], [404, 'not-found']);
    const post = await fetch(`${base}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) });
    assert.equal([post.status, post.headers.get('allow')], [405, 'GET, HEAD, OPTIONS']);
    const put = await ask('/api/calls', { method: 'PUT', scope: 'control' });
    assert.equal([put.status, (await errorOf(put)).code], [405, 'method-not-allowed']);
    const head = await fetch(`${base}/metrics`, { method: 'HEAD' });
    assert.equal([head.status, head.headers.get('content-length'), await head.text()], [200, '4', '']);
    const stream = await ask('/api/events', { method: 'HEAD', scope: 'read' });
    assert.equal([stream.status, stream.headers.get('content-type')], [200, 'text/event-stream; charset=utf-8']);
  }));

test('a defect behind a page is a 500 without its text, and the server lives on', () =>
  serving({}, async ({ base, ask, source }) => {
    source.sessions = () => {
      throw new Error('inner detail');
    };
    const calls = await ask('/api/calls', { scope: 'read' });
    assert.is(calls.status, 500);
    const error = await errorOf(calls);
    assert.is(error.code, 'ERR_TALKSPURT_INTERNAL');
    assert.not.match(error.message, /inner/);
    assert.is((await fetch(`${base}/health/live`)).status, 200);
  }));

test('without a token the API is off, and says how to turn it on', () =>
  serving({ tokens: { read: '', control: '' } }, async ({ ask }) => {
    for (const scope of [undefined, 'control'] as const) {
      const refused = await ask('/api/calls', scope === undefined ? {} : { scope });
      assert.is(refused.status, 403);
      const error = await errorOf(refused);
      assert.is(error.code, 'api-off');
      assert.match(error.message, /TALKSPURT_STATUS__READ_TOKEN.*status\.readTokenFile/);
    }
    const command = await ask('/api/drain', { method: 'POST' });
    assert.match((await errorOf(command)).message, /CONTROL_TOKEN/);
  }));

test('a token is wanted, the right one, and of the right scope', () =>
  serving({}, async ({ ask, source }) => {
    const none = await ask('/api/calls');
    assert.equal([none.status, none.headers.get('www-authenticate')], [401, 'Bearer realm="talkspurt"']);
    for (const authorization of ['Bearer nonsense', `Basic ${btoa(`a:${READ}`)}`, 'Bearer', `Bearer ${READ} x`]) {
      const wrong = await ask('/api/calls', { headers: { authorization } });
      assert.equal([wrong.status, (await errorOf(wrong)).code], [401, 'unauthorized'], authorization);
      assert.match(wrong.headers.get('www-authenticate') ?? '', /invalid_token/);
    }
    assert.is((await ask('/api/calls', { scope: 'read' })).status, 200);
    assert.is((await ask('/api/calls', { scope: 'control' })).status, 200);
    assert.is((await ask('/api/calls', { headers: { authorization: `bearer  ${READ} ` } })).status, 200);
    const reader = await ask('/api/drain', { method: 'POST', scope: 'read' });
    assert.equal([reader.status, (await errorOf(reader)).code], [403, 'forbidden']);
    assert.match(reader.headers.get('www-authenticate') ?? '', /insufficient_scope/);
    assert.is(source.commands.length, 0, 'nothing was carried out');
    assert.is((await ask('/api/drain', { method: 'POST', scope: 'control' })).status, 200);
  }));

test('wrong tokens are limited harder than requests: then not even the right one is looked at', async () => {
  const clock = new FakeClock();
  await serving({ clock }, async ({ ask }) => {
    const wrong = (): Promise<Response> => ask('/api/calls', { headers: { authorization: 'Bearer wrong' } });
    for (let n = 0; n < LIMITS.httpWrongTokens; n += 1) assert.is((await wrong()).status, 401);
    const late = await wrong();
    assert.equal(
      [late.status, late.headers.get('retry-after')],
      [429, String(Math.ceil(LIMITS.httpWrongTokenMs / 1000))],
    );
    assert.is((await ask('/api/calls', { scope: 'read' })).status, 429);
    assert.is((await ask('/health/live')).status, 200, 'what asks for no token is open');
    assert.is((await ask('/api/calls')).status, 401, 'as is being told that one is wanted');
    clock.advance(LIMITS.httpWrongTokenMs);
    assert.is((await ask('/api/calls', { scope: 'read' })).status, 200);
  });
});

test('an address that asks too often is 429, until time has passed', async () => {
  const clock = new FakeClock();
  await serving({ clock, requestsPerSecond: 2 }, async ({ base }) => {
    for (let n = 0; n < 2 * LIMITS.httpBurstSeconds; n += 1) {
      assert.is((await fetch(`${base}/health/live`)).status, 200);
    }
    const refused = await fetch(`${base}/health/live`);
    assert.equal([refused.status, refused.headers.get('retry-after')], [429, '1']);
    assert.is((await errorOf(refused)).code, 'too-many-requests');
    clock.advance(500);
    assert.is((await fetch(`${base}/health/live`)).status, 200);
    assert.is((await fetch(`${base}/health/live`)).status, 429);
  });
});

test('a host name that is not ours is refused on loopback: somebody rebinds DNS', async () => {
  await serving({ hosts: ['ops.example.com'] }, async ({ port }) => {
    const status = async (host: string): Promise<number> => (await withHeaders(port, '/health/live', { host })).status;
    for (const host of [
      'localhost',
      `localhost:${port}`,
      `127.0.0.1:${port}`,
      '127.9.9.9',
      '[::1]:80',
      'ops.example.com:9464',
      'OPS.example.com.',
    ]) {
      assert.is(await status(host), 200, host);
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1', 'a b', '@']) {
      assert.is(await status(host), 403, host);
    }
    const refused = await withHeaders(port, '/metrics', { host: 'evil.example' });
    assert.match(refused.body, /host-denied.*status\.hosts/);
    assert.match(
      await raw(port, 'GET /health/live HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 403 /,
    );
    // Probes that speak HTTP/1.0.
    assert.match(await raw(port, 'GET /health/live HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
  });
  await serving({ host: '0.0.0.0' }, async ({ port }) => {
    assert.is((await withHeaders(port, '/health/live', { host: 'any.example' })).status, 200);
  });
  await serving({ host: '0.0.0.0', hosts: ['ops.example.com'] }, async ({ port }) => {
    assert.is((await withHeaders(port, '/health/live', { host: 'any.example' })).status, 403);
  });
});

test('pages of other origins are refused unless they are listed; listed ones are told what they may do', () =>
  serving({ origins: ['https://ops.example.com'] }, async ({ base, port, source }) => {
    const listed = { origin: 'https://ops.example.com', authorization: `Bearer ${CONTROL}` };
    const read = await withHeaders(port, '/api/calls', listed);
    assert.is(read.status, 200);
    assert.is(read.headers['access-control-allow-origin'], 'https://ops.example.com');
    assert.is(read.headers['vary'], 'Origin');
    assert.is(read.headers['access-control-allow-credentials'], undefined, 'there are no cookies');
    const wrong = await withHeaders(port, '/api/calls', { ...listed, authorization: 'Bearer x' });
    assert.equal([wrong.status, wrong.headers['access-control-allow-origin']], [401, 'https://ops.example.com']);
    const preflight = await withHeaders(port, '/api/calls/x/say', { origin: listed.origin }, 'OPTIONS');
    assert.is(preflight.status, 204);
    assert.is(preflight.headers['access-control-allow-methods'], 'POST, OPTIONS');
    assert.is(preflight.headers['access-control-allow-headers'], 'authorization, content-type');
    for (const origin of ['https://evil.example', 'http://ops.example.com', 'https://ops.example.com:8443', 'null']) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const refused = await withHeaders(port, '/api/drain', { ...listed, origin }, method);
        assert.is(refused.status, 403, `${method} from ${origin}`);
        assert.is(refused.headers['access-control-allow-origin'], undefined);
      }
    }
    assert.is(source.commands.length, 0);
    const own = await withHeaders(port, '/api/calls', { ...listed, origin: base });
    assert.equal([own.status, own.headers['access-control-allow-origin']], [200, undefined]);
    const options = await withHeaders(port, '/api/calls', {}, 'OPTIONS');
    assert.equal([options.status, options.headers['allow']], [204, 'GET, HEAD, OPTIONS']);
    assert.is(options.headers['access-control-allow-methods'], undefined);
  }));

test('an answer of another kind than is asked for is 406', () =>
  serving({}, async ({ ask }) => {
    const asked = async (path: string, accept: string): Promise<number> => {
      const response = await ask(path, { scope: 'read', headers: { accept } });
      await response.body?.cancel();
      return response.status;
    };
    assert.is(await asked('/api/calls', 'text/html'), 406);
    assert.is(await asked('/api/events', 'application/json'), 406);
    assert.is(await asked('/api/events', 'text/event-stream'), 200);
    assert.is(await asked('/api/calls', 'text/html, application/*;q=0.5'), 200);
    assert.is(await asked('/api/calls', '*/*'), 200);
    assert.is(await asked('/metrics', 'application/json'), 200, 'where anybody may ask, it is not looked at');
  }));

test('what stands behind us has its own statuses, and a full process says when to come again', () =>
  serving({}, async ({ ask, source }) => {
    const expected = {
      ERR_TALKSPURT_COMMAND_SYNTAX: 400,
      ERR_TALKSPURT_UNKNOWN_PROFILE: 400,
      ERR_TALKSPURT_HOST_DENIED: 403,
      ERR_TALKSPURT_NOT_RUNNING: 404,
      ERR_TALKSPURT_UNKNOWN_CALL: 404,
      ERR_TALKSPURT_ALREADY_RUNNING: 409,
      ERR_TALKSPURT_NOT_SUPPORTED: 409,
      ERR_TALKSPURT_SWITCH_COMMAND: 502,
      ERR_TALKSPURT_BACKEND_AUTH: 502,
      ERR_TALKSPURT_CALL_LIMIT: 503,
      ERR_TALKSPURT_DRAINING: 503,
      ERR_TALKSPURT_INTERNAL: 500,
    } as const;
    for (const [code, status] of Object.entries(expected) as [keyof typeof expected, number][]) {
      source.refuses = new TalkspurtError(code, 'why it is so');
      const refused = await ask('/api/drain', { method: 'POST', scope: 'control' });
      assert.is(refused.status, status, code);
      assert.is(refused.headers.get('retry-after'), status === 503 ? '5' : null);
      const error = await errorOf(refused);
      assert.is(error.code, code);
      assert.is(error.message === 'why it is so', code !== 'ERR_TALKSPURT_INTERNAL');
    }
  }));

test('garbage and headers that are too long are refused, not read on', () =>
  serving({}, async ({ base, port }) => {
    for (const bytes of [
      '\x00\x01garbage\r\n\r\n',
      `GET / HTTP/1.1\r\nx: ${'y'.repeat(LIMITS.statusHeaderBytes)}\r\n\r\n`,
      'GET http://evil/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      'GET /%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      'GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    ]) {
      assert.match(await raw(port, bytes), /^HTTP\/1\.1 4\d\d /);
    }
    assert.is((await fetch(`${base}/health/live`)).status, 200);
  }));

test('a connection serves so many requests and no more', () =>
  serving({}, async ({ port }) => {
    const one = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const socket = connect(port, '127.0.0.1', () => socket.write(one.repeat(LIMITS.httpSocketRequests)));
    let text = '';
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        text += chunk.toString();
        if (/^Connection: close\r$/im.test(text)) resolve();
      });
    });
    socket.destroy();
    assert.is(text.match(/^HTTP\/1\.1 200 /gm)?.length, LIMITS.httpSocketRequests);
  }));

test('there are so many connections at once and no more; who asks finds a place among those that ask nothing', () =>
  serving({}, async ({ port }) => {
    const idle = Array.from({ length: LIMITS.statusConnections + 8 }, () => connect(port, '127.0.0.1'));
    const cut = new Set<number>();
    for (const [index, socket] of idle.entries()) {
      socket.on('close', () => cut.add(index));
      // Cut without a word: whether that is an end or a reset is the kernel's to say.
      socket.on('error', () => cut.add(index));
      await new Promise((resolve) => socket.once('connect', resolve));
      // Half a request is nothing asked.
      if (index % 2 === 0) socket.write('GET /readyz HTTP/1.1\r\nHost: local');
    }
    for (let probe = 0; probe < 10; probe += 1) {
      assert.match(await raw(port, 'GET /readyz HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /, 'from the same address');
    }
    assert.ok(cut.size >= 8 + 1 && cut.size <= 8 + 10, `${cut.size}`);
    assert.ok(
      [...cut].every((index) => index < 20),
      'those that asked nothing for longest',
    );
    for (const socket of idle) socket.destroy();
  }));

test('half bodies behind a token that is right keep nobody out, and cut nobody who is being answered', () =>
  serving({}, async ({ port, ask }) => {
    const stream = await ask('/api/events', { scope: 'read' });
    const head = `POST /api/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${CONTROL}\r\n`;
    const half = `${head}Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n{"half":`;
    const sockets = [];
    let cut = 0;
    for (let index = 0; index < 300; index += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined).on('close', () => (cut += 1));
      socket.write(half);
      sockets.push(socket);
      // Its head has been read; without a place it is cut.
      await new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
    }
    for (const path of ['/health/live', '/health/ready']) {
      assert.match(await raw(port, `GET ${path} HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 200 /, path);
    }
    assert.ok(cut >= 300 - LIMITS.statusConnections && cut < 300, `${cut} are cut, and no more than room takes`);
    for (const socket of sockets) socket.destroy();
    const reader = stream.body!.getReader();
    assert.is((await reader.read()).done, false, 'the stream goes on');
    await reader.cancel();
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
  await serving({}, async ({ port }) => {
    idle = connect(port, '127.0.0.1');
    await new Promise((resolve) => idle?.once('connect', resolve));
  });
  await new Promise<void>((resolve) => (idle?.closed ? resolve() : idle?.once('close', () => resolve())));
});

test.run();

/** What the embedded servers stand on: a port that is taken, upgrades that are refused or taken, and the end. */
import { createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { UpgradeServer, isSameKey, refuseUpgrade } from '../../src/simulator/upgrade-server.ts';

type Options = ConstructorParameters<typeof UpgradeServer>[0];

function server(onUpgrade: Options['onUpgrade'], port?: number): UpgradeServer {
  return new UpgradeServer({
    title: 'the server of the test',
    port,
    onRequest: (_request, response) => response.writeHead(418).end(),
    onUpgrade,
  });
}

/** The answer to a request; `upgrade`: it asks for a WebSocket and is refused. */
async function ask(port: number, upgrade: boolean): Promise<{ response: IncomingMessage; body: string }> {
  const headers = upgrade ? { Connection: 'Upgrade', Upgrade: 'websocket' } : {};
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, headers }, resolve).on('error', reject).end();
  });
  let body = '';
  for await (const piece of response) body += String(piece);
  return { response, body };
}

test('a port that is taken is told, with the remedy', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const unlucky = server(() => undefined, (taken.address() as AddressInfo).port);
  const error = (await unlucky.listen().catch((reason: unknown) => reason)) as TalkspurtError;
  assert.is(error.code, 'ERR_TALKSPURT_LISTEN');
  assert.match(error.message, /^the server of the test cannot listen: .*EADDRINUSE.*: choose another port$/);
  assert.is(unlucky.port, 0);
  await unlucky.close();
  await new Promise((resolve) => taken.close(resolve));
});

test('what is no upgrade is answered, and an upgrade is refused with or without words', async () => {
  const bodies = [{ error: 'größer' }, undefined];
  const refusing = server((_request, socket) => refuseUpgrade(socket, 429, bodies.shift()));
  await refusing.listen();
  const { port } = refusing;
  assert.is((await ask(port, false)).response.statusCode, 418);
  const worded = await ask(port, true);
  assert.is(worded.response.statusCode, 429);
  assert.is(worded.response.headers['content-type'], 'application/json');
  assert.equal(JSON.parse(worded.body), { error: 'größer' });
  const wordless = await ask(port, true);
  assert.equal([wordless.response.statusCode, wordless.response.statusMessage], [429, 'Too Many Requests']);
  assert.equal([wordless.response.headers['content-type'], wordless.body], [undefined, '']);
  await refusing.close();
});

test('the end cuts every client off, and is harmless twice', async () => {
  const taking = server((asked, socket, head) =>
    taking.accept(asked, socket, head, (client) => client.send('welcome')),
  );
  await taking.listen();
  const { port } = taking;
  assert.ok(port > 0);
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  await new Promise((resolve) => client.once('message', resolve));
  assert.is(taking.clients.size, 1);
  const code = new Promise((resolve) => client.once('close', resolve));
  await taking.close();
  await taking.close();
  assert.is(await code, 1006);
  assert.is(taking.clients.size, 0);
  assert.is(taking.port, 0);
  // Nor is one harmed that never listened.
  await server(() => undefined).close();
});

test('a key is the same when all of it is', () => {
  assert.is(isSameKey('the-right-one', 'the-right-one'), true);
  for (const shown of ['', 'the-right-on', 'the-right-onf', 'the-right-one ']) {
    assert.is(isSameKey(shown, 'the-right-one'), false, shown);
  }
});

test.run();

/** Whatever is sent: never a 500, never a crash, always an answer that says what is wrong, and no command that was not meant. */
import { connect } from 'node:net';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommand } from '../../src/commands/parse-command.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { CALL_COMMANDS, callCommand } from '../../src/http/command-bodies.ts';
import { HttpRefusal } from '../../src/http/http-answer.ts';
import { session } from '../observe/session-snapshot.ts';
import { CONTROL, serving } from './status-rig.ts';

const ID = session().callId;

const part = fc.oneof(
  fc.constantFrom(
    'api',
    'calls',
    'events',
    'health',
    'live',
    'ready',
    ID,
    'say',
    'drain',
    '..',
    '.',
    '',
    '%2f',
    '%',
    '%ff',
    '%00',
    'page',
    'live.js',
  ),
  fc.string({ maxLength: 12 }).map(encodeURIComponent),
  fc.string({ unit: 'grapheme', maxLength: 6 }).map(encodeURIComponent),
);
const path = fc.array(part, { maxLength: 6 }).map((parts) => `/${parts.join('/')}`);
const query = fc.array(
  fc.tuple(fc.constantFrom('limit', 'after', 'state', 'levels', 'x'), fc.string({ maxLength: 8 })),
  {
    maxLength: 3,
  },
);

/** Sends bytes and resolves to the status lines that came back before the connection ended. */
function exchange(port: number, bytes: Buffer): Promise<string[]> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      // A stream of events has no end of its own.
      if (text.includes('text/event-stream')) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve([...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status = '']) => status)));
  });
}

test('any path, query and method', () =>
  serving({}, async ({ port, source }) => {
    await fc.assert(
      fc.asyncProperty(
        path,
        query,
        fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'),
        fc.boolean(),
        async (target, pairs, method, withToken) => {
          const search = new URLSearchParams(pairs).toString();
          const token = withToken ? `Authorization: Bearer ${CONTROL}\r\n` : '';
          const head = `${method} ${target}?${search} HTTP/1.1\r\nHost: localhost\r\n${token}Connection: close\r\n\r\n`;
          const [status = '0'] = await exchange(port, Buffer.from(head, 'latin1'));
          assert.match(status, /^(200|204|4\d\d)$/, head);
        },
      ),
      { numRuns: 400 },
    );
    for (const command of source.commands) assert.ok(!('uuid' in command) || command.uuid !== '');
  }));

test('any header and any body', () =>
  serving({}, async ({ port }) => {
    const name = fc.constantFrom(
      'Accept',
      'Origin',
      'Authorization',
      'Content-Type',
      'X-Forwarded-For',
      'Cookie',
      'Expect',
      'Upgrade',
      'Content-Encoding',
      'Range',
    );
    const value = fc.oneof(
      fc.string({ maxLength: 40 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, '')),
      fc.constantFrom(
        'application/json',
        '*/*',
        `Bearer ${CONTROL}`,
        'null',
        'http://localhost',
        '100-continue',
        'websocket',
      ),
    );
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constant('{"text":"a"}'),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, value), { maxLength: 5 }), body, async (headers, text) => {
        const lines = headers.map(([key, each]) => `${key}: ${each}\r\n`).join('');
        const bytes = Buffer.from(text, 'latin1');
        const head = `POST /api/calls/${ID}/say HTTP/1.1\r\nHost: localhost\r\n${lines}Content-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`;
        const statuses = await exchange(port, Buffer.concat([Buffer.from(head, 'latin1'), bytes]));
        assert.ok(statuses.length > 0, head);
        for (const status of statuses) assert.match(status, /^(100|200|4\d\d)$/, head);
      }),
      { numRuns: 300 },
    );
  }));

test('any bytes', () =>
  serving({}, async ({ port, base }) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        for (const status of await exchange(port, Buffer.from(bytes))) assert.match(status, /^4\d\d$/);
      }),
      { numRuns: 100 },
    );
    assert.is((await fetch(`${base}/health/live`)).status, 200);
  }));

test('a command that comes of a body is the one that was asked for, of the call that was asked for', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 10 }),
    fc.constantFrom('on', 'all', ' hangup', "'", "' stop", 'XML', 'attended', '\n', ';;', '100'),
  );
  const body = fc.dictionary(
    fc.constantFrom(
      'text',
      'target',
      'mix',
      'who',
      'on',
      'digits',
      'destination',
      'context',
      'attended',
      'cause',
      'to',
      'backend',
      'source',
      'message',
      'metadata',
      'rate_hz',
    ),
    fc.oneof(word, fc.boolean(), fc.integer(), fc.jsonValue({ maxDepth: 2 })),
    { maxKeys: 3 },
  );
  const id = fc.oneof(word, fc.constantFrom(ID, 'drain', 'list'));
  let made = 0;
  fc.assert(
    fc.property(id, fc.constantFrom(...Object.keys(CALL_COMMANDS)), body, (callId, name, given) => {
      try {
        const command = callCommand(callId, name, given);
        made += 1;
        assert.is(command.verb, CALL_COMMANDS[name]?.verb);
        assert.is('uuid' in command ? command.uuid : '', callId);
        if (command.verb === 'transfer') assert.is(command.attended, given['attended'] ?? false);
        // It is one that an operator could have typed.
        assert.ok(parseCommand(`${callId} health`).ok);
      } catch (error) {
        if (!(error instanceof HttpRefusal) && !(error instanceof TalkspurtError)) throw error;
      }
    }),
    { numRuns: 5_000 },
  );
  assert.ok(made > 20, `${made} were valid`);
});

test.run();

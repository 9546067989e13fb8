/** What `talkspurt asterisk dialplan` prints, in a real Asterisk: it loads without a word, and does what its comments say. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freeLoopbackPort, startLocalAsterisk } from '../../../src/cli/demo/local-asterisk.ts';
import type { LocalAsterisk } from '../../../src/cli/demo/local-asterisk.ts';
import { SipCaller } from '../../../src/cli/demo/sip-caller.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import { asteriskSnippets, DEFAULT_ASTERISK_SNIPPET_OPTIONS } from '../../../src/switch/asterisk/asterisk-snippets.ts';
import type { AsteriskSnippetOptions } from '../../../src/switch/asterisk/asterisk-snippets.ts';
import { required } from '../required.ts';

const there = existsSync(fileURLToPath(new URL('../../../.cache/asterisk/asterisk', import.meta.url)));
const clock = new SystemClock();
/** What every run of the minimal configuration says, with or without our files. */
const USUAL = /acl\.conf|ACL config|No music on hold|music on hold classes/;

interface Lab {
  readonly asterisk: LocalAsterisk;
  readonly httpPort: number;
  readonly sipPort: number;
}

/** Runs `use` on an Asterisk with these files; `spoil` may change them first. */
async function withFiles(
  options: Partial<AsteriskSnippetOptions>,
  use: (lab: Lab) => Promise<void>,
  spoil: (file: string, text: string) => string = (_file, text) => text,
): Promise<void> {
  const [httpPort, sipPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
  const files = new Map(
    asteriskSnippets({ ...DEFAULT_ASTERISK_SNIPPET_OPTIONS, httpPort, ...options })
      .filter(({ file }) => file.endsWith('.conf'))
      .map(({ file, text }) => [file, spoil(file, text)]),
  );
  files.set(
    'pjsip.conf',
    `[udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:${sipPort}\n` +
      `[anonymous]\ntype = endpoint\ncontext = talkspurt\ndisallow = all\nallow = ulaw\ndirect_media = no\n`,
  );
  const asterisk = await startLocalAsterisk({ clock, httpPort, sipPort, files, onStep: () => undefined });
  try {
    await use({ asterisk, httpPort, sipPort });
  } finally {
    await asterisk.stop();
  }
}

/** Warnings and errors so far that have to do with what was loaded. */
function complaints({ folder }: LocalAsterisk): string[] {
  const lines = readFileSync(join(folder, 'log', 'messages'), 'utf8').split('\n');
  return lines.filter((line) => /\b(WARNING|ERROR)\[/.test(line) && !USUAL.test(line));
}

/** A phone that is on the line as long as it is let be. */
class QuietPhone {
  readonly hungUp = false;
  speak(): boolean {
    return true;
  }
  hear(): void {
    // Whatever it is.
  }
  takeDigits(): string {
    return '';
  }
  onHangup(): void {
    // Told to the caller's owner.
  }
}

/** Resolves to the cause with which a call to `user` ends by itself. */
async function callTo(user: string, sipPort: number): Promise<number> {
  let caller: SipCaller | null = null;
  try {
    return await new Promise<number>((resolve, reject) => {
      caller = new SipCaller({
        clock,
        phone: new QuietPhone(),
        from: '1001',
        to: { user, port: sipPort },
        onEnd: resolve,
      });
      caller.dial().catch(reject);
    });
  } finally {
    (caller as SipCaller | null)?.close();
  }
}

test('every file loads, is there after a reload, and nothing is complained about', async () => {
  if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  for (const media of ['all', 'rtp'] as const) {
    await withFiles({ media }, async ({ asterisk, httpPort }) => {
      await asterisk.command('module reload');
      assert.match(await asterisk.command('dialplan reload'), /reloaded/);
      assert.match(await asterisk.command('dialplan show talk@talkspurt'), 'Stasis(talkspurt,profile=reception)');
      const socket = await asterisk.command('dialplan show socket@talkspurt');
      assert.is(/AudioSocket\(\$\{UUID\(\)\},127\.0\.0\.1:9092\)/.test(socket), media === 'all');
      for (const result of ['completed', 'transferred', 'refused', 'failed', 'orphaned'])
        assert.match(await asterisk.command(`dialplan show ${result}@talkspurt-result`), `'${result}' =>`);
      assert.match(await asterisk.command('ari show users'), /No +Yes +talkspurt/);
      assert.match(await asterisk.command('http show status'), `Bound to 127.0.0.1:${httpPort}`);
      assert.equal(complaints(asterisk), []);
    });
  }
});

test('a file that is wrong would have been complained about', async () => {
  if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  const words: Readonly<Record<string, [string, string]>> = {
    'extensions.conf': ['same => n,Hangup(16)', 'same => n,Hangup(16'],
    'websocket_client.conf': ['tls_enabled', 'tls_enabld'],
    'ari.conf': ['read_only', 'read_onli'],
  };
  const spoil = (file: string, text: string): string => {
    const [good, bad] = words[file] ?? ['', ''];
    return text.replace(good, bad);
  };
  const use = ({ asterisk }: Lab): Promise<void> => {
    const said = complaints(asterisk).join('\n');
    for (const word of ['tls_enabld', 'read_onli', 'extensions.conf']) assert.match(said, word);
    return Promise.resolve();
  };
  await withFiles({}, use, spoil);
});

test('the printed user gets in from the printed address with the printed password, and only so', async () => {
  if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  const status = async (port: number, login: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    return (await fetch(`http://127.0.0.1:${port}/ari/asterisk/info`, { headers: { authorization } })).status;
  };
  await withFiles({ app: 'desk' }, async ({ httpPort }) => {
    assert.is(await status(httpPort, 'desk:change-me'), 200);
    assert.is(await status(httpPort, 'desk:change-you'), 401);
  });
  await withFiles({ host: '192.0.2.10' }, async ({ httpPort }) => {
    assert.is(await status(httpPort, 'talkspurt:change-me'), 403);
  });
});

test('with nobody there the dialplan goes on behind Stasis, as refused', async () => {
  if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  await withFiles({}, async ({ sipPort }) => {
    const [refused, nowhere] = [await callTo('7001', sipPort), await callTo('7099', sipPort)];
    // Cause 42 of Hangup is 503 in SIP, which a phone takes for 41; an extension that does not exist is 404, 1.
    assert.equal([refused, nowhere], [41, 1]);
  });
});

test('the AudioSocket extension connects to the printed port', async () => {
  if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const first = once(server, 'connection') as Promise<[Socket]>;
  try {
    await withFiles({ audioSocketPort: (server.address() as AddressInfo).port }, async ({ sipPort }) => {
      const ended = callTo('7002', sipPort);
      const [socket] = await first;
      const [head] = (await once(socket, 'data')) as [Buffer];
      assert.equal([...head.subarray(0, 3)], [0x01, 0x00, 0x10], 'a UUID comes first');
      // Hang-up of ours: the dialplan goes on, to its own.
      socket.end(Buffer.from([0, 0, 0]));
      assert.is(await ended, 16);
    });
  } finally {
    server.close();
  }
});

test.run();

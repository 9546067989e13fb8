/** A real Asterisk 22 of this test's own, on loopback, and its ARI. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';

const script = fileURLToPath(new URL('./start-asterisk.sh', import.meta.url));
const distribution = fileURLToPath(new URL('../../../.cache/asterisk', import.meta.url));

/** Whether get-asterisk.sh has been here. */
export function asteriskIsThere(): boolean {
  return existsSync(join(distribution, 'asterisk'));
}

export interface AriEvent {
  readonly type: string;
  readonly digit?: string;
  readonly cause?: number;
  readonly channel?: { readonly id: string };
  readonly playback?: { readonly id: string };
  readonly recording?: { readonly name: string };
}

export interface RunningAsterisk {
  readonly version: string;
  readonly httpPort: number;
  readonly sipPort: number;
  /** One request of ARI; its answer, parsed. Throws when it is no success. */
  ari(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Resolves to the first event that fits, of those to come and those that came already. */
  event(fits: (event: AriEvent) => boolean): Promise<AriEvent>;
  /** A recording that is finished. */
  recording(name: string, format: string): Buffer;
  /** It dies without a word; `stop` clears up after it. */
  kill(): void;
  stop(): Promise<void>;
}

/** Boots one with chan_pjsip, and listens to the events of the ARI application `test`. `settings`: see start-asterisk.sh. */
export async function startAsterisk(settings: Readonly<Record<string, string>> = {}): Promise<RunningAsterisk> {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-asterisk-'));
  const httpPort = Number(settings['AST_HTTP'] ?? (await freePort()));
  const sipPort = await freePort();
  const rtp = 24_000 + (process.pid % 500) * 20;
  const { status, stdout, stderr } = spawnSync('bash', [script, folder, distribution], {
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      ...process.env,
      AST_HTTP: String(httpPort),
      AST_SIP: String(sipPort),
      AST_RTP: `${rtp}-${rtp + 99}`,
      ...settings,
    },
  });
  const pid = existsSync(join(folder, 'pid')) ? Number(readFileSync(join(folder, 'pid'), 'utf8')) : 0;
  let socket: WebSocket | null = null;
  const stop = async (): Promise<void> => {
    socket?.terminate();
    if (pid > 0) await endProcess(pid);
    rmSync(folder, { recursive: true, force: true });
  };
  if (status !== 0) {
    await stop();
    throw new Error(`Asterisk did not start: ${stderr}`);
  }
  const events: AriEvent[] = [];
  const waiting = new Set<() => void>();
  socket = new WebSocket(`ws://127.0.0.1:${httpPort}/ari/events?app=test&api_key=test:test`);
  socket.on('message', (text: Buffer) => {
    events.push(JSON.parse(text.toString()) as AriEvent);
    for (const look of waiting) look();
  });
  await new Promise((resolve, reject) => socket?.once('open', resolve).once('error', reject));
  return {
    version: stdout.trim(),
    httpPort,
    sipPort,
    ari: (method, path, body) => ari(httpPort, method, path, body),
    event: (fits) => eventOf(events, waiting, fits),
    recording: (name, format) => readFileSync(join(folder, 'spool', 'recording', `${name}.${format}`)),
    kill: () => {
      socket?.terminate();
      process.kill(pid, 'SIGKILL');
    },
    stop,
  };
}

async function ari(port: number, method: string, path: string, body?: unknown): Promise<unknown> {
  const authorization = `Basic ${Buffer.from('test:test').toString('base64')}`;
  const response = await fetch(`http://127.0.0.1:${port}/ari/${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

async function eventOf(
  events: readonly AriEvent[],
  waiting: Set<() => void>,
  fits: (event: AriEvent) => boolean,
): Promise<AriEvent> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(look);
      reject(new Error(`no such event of Asterisk; what came: ${events.map(({ type }) => type).join(' ')}`));
    }, 8_000);
    function look(): void {
      const event = events.find(fits);
      if (event === undefined) return;
      clearTimeout(timer);
      waiting.delete(look);
      resolve(event);
    }
    waiting.add(look);
    look();
  });
}

async function endProcess(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGTERM');
  for (let tries = 0; tries < 100 && isAlive(pid); tries += 1) await sleep(50);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // Gone: what was waited for.
    return false;
  }
}

/** A port that is free for TCP and UDP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const socket = createSocket('udp4');
    const both = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    if (both) return port;
  }
}

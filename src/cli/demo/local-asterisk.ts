/**
 * A real Asterisk 22 of the demo's own, by the scripts of a clone: had when it is missing, started on loopback with files of
 * the demo, ended by its process id. Should this process be killed, a watcher of the script ends and removes it all the same.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';

/** A running one. */
export interface LocalAsterisk {
  /** `Asterisk 22.…`. */
  readonly version: string;
  readonly pid: number;
  /** Temporary; `log/messages` and `log/stdout.txt` are in it. */
  readonly folder: string;
  /** Runs one line of its command line interface; resolves to what it prints. @throws ERR_TALKSPURT_DEMO_SWITCH */
  command(line: string): Promise<string>;
  /** Ends it and removes the folder. Twice is harmless. */
  stop(): Promise<void>;
}

/** How it is to be started. */
export interface LocalAsteriskOptions {
  readonly clock: Clock;
  readonly httpPort: number;
  readonly sipPort: number;
  /** Configuration files by name; each takes the place of the one that the script writes. */
  readonly files: ReadonlyMap<string, string>;
  /** Folder that it is had into, and run from. Default: `.cache/asterisk` of the clone. */
  readonly distribution?: string;
  onStep(line: string): void;
}

const HOST = '127.0.0.1';
const SCRIPTS = 'test/integration/asterisk';
const FETCH_LIMIT_MS = 10 * 60_000;
const START_LIMIT_MS = 60_000;
const COMMAND_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5_000;
const POLL_MS = 50;
/** Its RTP ports: a hundred, somewhere in these. */
const RTP = { from: 31_000, ranges: 100, each: 100 } as const;

/** Has one run. @throws ERR_TALKSPURT_DEMO_SWITCH when it cannot be had or does not start */
export async function startLocalAsterisk(options: LocalAsteriskOptions): Promise<LocalAsterisk> {
  const root = cloneRoot();
  const { distribution = join(root, '.cache/asterisk') } = options;
  if (!existsSync(join(distribution, 'asterisk'))) await fetchAsterisk(root, distribution, options);
  const folder = await mkdtemp(join(tmpdir(), 'talkspurt-demo-asterisk-'));
  const stop = once(() => stopAsterisk(folder, options.clock));
  try {
    const own = join(folder, 'own');
    await mkdir(own);
    for (const [name, text] of options.files) await writeFile(join(own, name), text, { mode: 0o600 });
    const rtp = RTP.from + (process.pid % RTP.ranges) * RTP.each;
    const started = await run(
      'bash',
      [join(root, SCRIPTS, 'start-asterisk.sh'), folder, distribution],
      START_LIMIT_MS,
      {
        AST_HTTP: String(options.httpPort),
        AST_SIP: String(options.sipPort),
        AST_RTP: `${rtp}-${rtp + RTP.each - 1}`,
        AST_CONFIG: own,
        AST_OWNER: String(process.pid),
      },
    );
    const command = (line: string): Promise<string> =>
      run(join(distribution, 'asterisk'), ['-C', join(folder, 'etc/asterisk.conf'), '-rx', line], COMMAND_LIMIT_MS);
    return { version: versionIn(started), pid: await pidIn(folder, 'pid'), folder, command, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A port of loopback that is free now, for UDP and TCP. */
export async function freeLoopbackPort(): Promise<number> {
  for (;;) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, HOST, resolve));
    const { port } = server.address() as AddressInfo;
    const socket = createSocket('udp4');
    const both = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, HOST, () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    if (both) return port;
  }
}

async function fetchAsterisk(root: string, distribution: string, options: LocalAsteriskOptions): Promise<void> {
  const { clock } = options;
  options.onStep(
    `Asterisk 22 is not here yet: fetching it from Debian (about 40 MB, then 90 MB in ${distribution}; under a minute)`,
  );
  const fromMs = clock.nowMs();
  await run('bash', [join(root, SCRIPTS, 'get-asterisk.sh'), distribution], FETCH_LIMIT_MS);
  const size = (await run('du', ['-sm', distribution], COMMAND_LIMIT_MS)).split(/\s/)[0] ?? '?';
  options.onStep(
    `it is here: ${size} MB in ${((clock.nowMs() - fromMs) / 1000).toFixed(1)} s; the next time it is used as it is`,
  );
}

async function stopAsterisk(folder: string, clock: Clock): Promise<void> {
  const pid = await pidIn(folder, 'pid');
  const watcher = await pidIn(folder, 'watcher');
  // Nobody is on it any more, but its own end removes its sockets.
  if (signal(pid, 'SIGTERM') && !(await hasGone(pid, clock))) signal(pid, 'SIGKILL');
  // It notices by itself.
  await hasGone(watcher, clock);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function hasGone(pid: number, clock: Clock): Promise<boolean> {
  const deadlineMs = clock.nowMs() + STOP_LIMIT_MS;
  while (await runs(pid)) {
    if (clock.nowMs() >= deadlineMs) return false;
    await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
  }
  return true;
}

/** 0: there is none. */
async function pidIn(folder: string, name: string): Promise<number> {
  const file = join(folder, name);
  return existsSync(file) ? Number.parseInt(await readFile(file, 'utf8'), 10) || 0 : 0;
}

/** False: it is not there. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Whether it still does anything: one that waits to be reaped does not. Linux only, as these packages are. */
async function runs(pid: number): Promise<boolean> {
  if (pid <= 0) return false;
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return !/\) [ZX]/.test(stat.slice(stat.lastIndexOf(')')));
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Folder of the clone that this runs from. */
function cloneRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, SCRIPTS, 'start-asterisk.sh'))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_DEMO_SWITCH',
        'the scripts that bring an Asterisk are part of a clone, not of the package: run this demo in a clone',
      );
    }
    folder = parent;
  }
  return folder;
}

function versionIn(text: string): string {
  return /Asterisk \d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? 'Asterisk';
}

/** Runs a program to its end; resolves to what it prints. */
async function run(
  file: string,
  args: readonly string[],
  timeout: number,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(file, args, { timeout, env: { ...process.env, ...env } }, (failure, stdout, stderr) => {
      if (failure === null) {
        resolve(stdout);
        return;
      }
      const said = `${stderr}\n${stdout}`.trim().split('\n').slice(-3).join(' ');
      const why = failure.killed === true ? `it took longer than ${timeout / 1000} s` : said;
      const message = `the demo's Asterisk could not be had or started: ${why}. It needs Debian's packages, x86-64, bash and dpkg-deb; by hand: ${SCRIPTS}/get-asterisk.sh`;
      reject(new TalkspurtError('ERR_TALKSPURT_DEMO_SWITCH', message, { cause: failure }));
    });
  });
}

function once(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null;
  return () => (closing ??= close());
}

/**
 * Requests a second to a real Asterisk, and what one costs: our ARI link, our requests over HTTP, and the link over the
 * package `ari-client`. One after another, and by 64 callers at once. An answer of 60 bytes, and one of all modules (11 kB).
 *
 * Needs test/integration/asterisk/get-asterisk.sh to have been run. CPU is of the whole process, the package's thread in it.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SystemClock } from '../src/core/clock.ts';
import { TalkspurtError } from '../src/core/errors.ts';
import { readAnswer } from '../src/switch/asterisk/ari-answer.ts';
import { AriHttp } from '../src/switch/asterisk/ari-http.ts';
import type { AriLink, AriRequest } from '../src/switch/asterisk/ari-link.ts';
import { AriNativeLink } from '../src/switch/asterisk/ari-native-link.ts';
import { AriPackageLink } from '../src/switch/asterisk/ari-package-link.ts';

const PORT = 18_087;
const CALLERS = 64;
const distribution = fileURLToPath(new URL('../.cache/asterisk', import.meta.url));
const script = fileURLToPath(new URL('../test/integration/asterisk/start-asterisk.sh', import.meta.url));
const clock = new SystemClock();
const target = { host: '127.0.0.1', port: PORT, username: 'test', password: 'test', app: 'bench', clock };

type Ask = (request: AriRequest) => Promise<unknown>;

const PING: AriRequest = { method: 'GET', path: 'asterisk/ping' };
const MODULES: AriRequest = { method: 'GET', path: 'asterisk/modules' };

/** Prints requests a second, ms and µs of CPU for one, and a hash over what was answered. */
export async function run({ small }: { small: boolean }): Promise<void> {
  if (!existsSync(join(distribution, 'asterisk'))) {
    process.stdout.write('no Asterisk here (test/integration/asterisk/get-asterisk.sh): not measured\n');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-bench-'));
  const { status, stderr } = spawnSync('bash', [script, folder, distribution], {
    encoding: 'utf8',
    env: { ...process.env, AST_HTTP: String(PORT), AST_SIP: '' },
  });
  if (status !== 0) throw new Error(`Asterisk did not start: ${stderr}`);
  try {
    await measureAll(small);
  } finally {
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function measureAll(small: boolean): Promise<void> {
  const hashes = new Set<string>();
  const native = await up(new AriNativeLink({ ...target, name: 'native' }));
  hashes.add(await measure('native, by WebSocket', (request) => native.request(request), small));
  await native.close();
  const http = new AriHttp(target, clock);
  hashes.add(
    await measure('native, over HTTP', async (request) => readAnswer(request, await http.request(request)), small),
  );
  http.close(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'the bench is over'));
  if (packageIsThere()) {
    const over = await up(new AriPackageLink({ ...target, name: 'package' }));
    hashes.add(await measure('over ari-client', (request) => over.request(request), small));
    await over.close();
  } else process.stdout.write('ari-client: not installed, not measured\n');
  if (hashes.size !== 1) throw new Error('the links were given different answers');
  process.stdout.write(`hash ${[...hashes][0]}\n`);
}

async function up(link: AriLink): Promise<AriLink> {
  const startMs = performance.now();
  await link.start({
    onUp: () => undefined,
    onDown: (error) => {
      throw error;
    },
    onEvent: () => undefined,
  });
  process.stdout.write(`${link.name}: up after ${(performance.now() - startMs).toFixed(0)} ms\n`);
  return link;
}

async function measure(title: string, ask: Ask, small: boolean): Promise<string> {
  const hash = createHash('sha256');
  for (const [what, request, callers, count] of [
    ['ping, one after another', PING, 1, small ? 50 : 3_000],
    [`ping, ${CALLERS} callers`, PING, CALLERS, small ? 200 : 12_000],
    ['modules, one after another', MODULES, 1, small ? 10 : 300],
  ] as const) {
    for (let n = 0; n < count / 10; n += 1) await ask(request);
    const waits: number[] = [];
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    let left = count;
    const caller = async (): Promise<void> => {
      for (; left > 0;) {
        left -= 1;
        const askedMs = performance.now();
        await ask(request);
        waits.push(performance.now() - askedMs);
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const tookMs = performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    waits.sort((a, b) => a - b);
    const at = (share: number): string => (waits[Math.floor(waits.length * share)] ?? 0).toFixed(2);
    process.stdout.write(
      `${title}: ${what}: ${((count * 1_000) / tookMs).toFixed(0)} a second, ${at(0.5)} ms (p99 ${at(0.99)}), ` +
        `CPU ${((user + system) / count).toFixed(0)} µs\n`,
    );
  }
  const modules = (await ask(MODULES)) as { name: string }[];
  return hash
    .update(modules.map(({ name }) => name).join('\n'))
    .digest('hex')
    .slice(0, 16);
}

function packageIsThere(): boolean {
  try {
    createRequire(import.meta.url).resolve('ari-client');
    return true;
  } catch {
    // An optional package.
    return false;
  }
}

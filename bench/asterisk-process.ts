/** A real Asterisk of a bench's own: on loopback, with its ARI, and with what it needs of the processor. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const distribution = fileURLToPath(new URL('../.cache/asterisk', import.meta.url));
/** SCHED_RR in /proc. */
const ROUND_ROBIN = '2';
const script = fileURLToPath(new URL('../test/integration/asterisk/start-asterisk.sh', import.meta.url));

/** Its own ports for RTP, and ours. Whoever finds one taken takes another. */
export const RTP_PORTS = { from: 10_000, to: 13_999, oursFrom: 21_000, oursTo: 22_999 } as const;
/** What is printed where there is none. */
export const NO_ASTERISK = 'no Asterisk here (test/integration/asterisk/get-asterisk.sh): not measured';

/** Whether get-asterisk.sh has been here. */
export function asteriskIsThere(): boolean {
  return existsSync(join(distribution, 'asterisk'));
}

/** Where it is, and where it looks for us: free ones, for another bench may run beside this one. */
export interface AsteriskPorts {
  readonly http: number;
  readonly audioSocket: number;
  readonly media: number;
}

/** One that runs. */
export class AsteriskProcess {
  readonly version: string;
  readonly ports: AsteriskPorts;
  readonly #pid: number;
  readonly #folder: string;

  private constructor(version: string, ports: AsteriskPorts, folder: string) {
    this.version = version;
    this.ports = ports;
    this.#folder = folder;
    this.#pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  }

  /** Boots one; it is gone when this process is. */
  static async start(): Promise<AsteriskProcess> {
    const [http = 0, sip = 0, audioSocket = 0, media = 0] = await freePorts(4);
    const folder = mkdtempSync(join(tmpdir(), 'talkspurt-bench-'));
    const { status, stdout, stderr } = spawnSync('bash', [script, folder, distribution], {
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        ...process.env,
        AST_HTTP: String(http),
        // Its RTP is not to be had without.
        AST_SIP: String(sip),
        AST_RTP: `${RTP_PORTS.from}-${RTP_PORTS.to}`,
        AST_MEDIA_URL: `ws://127.0.0.1:${media}/media`,
        AST_AUDIOSOCKET: `127.0.0.1:${audioSocket}`,
        AST_OWNER: String(process.pid),
      },
    });
    if (status !== 0) {
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`Asterisk did not start: ${stderr}`);
    }
    giveOurPriority(join(folder, 'pid'));
    return new AsteriskProcess(/Asterisk \S+/.exec(stdout)?.[0] ?? 'Asterisk', { http, audioSocket, media }, folder);
  }

  /** One request of ARI; its answer, parsed. Throws when it is no success. */
  async ari(method: string, path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const authorization = `Basic ${Buffer.from('test:test').toString('base64')}`;
    const url = `http://127.0.0.1:${this.ports.http}/ari/${path}?${new URLSearchParams(query).toString()}`;
    const response = await fetch(url, { method, headers: { authorization }, signal: AbortSignal.timeout(20_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  /** CPU time of all its threads so far, ms. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Jiffies of 10 ms, in user code and in the kernel.
    return 10 * (Number(fields[11]) + Number(fields[12]));
  }

  /** Time that its threads have waited for a core so far, ms. */
  waitedMs(): number {
    let waited = 0;
    for (const thread of readdirSync(`/proc/${this.#pid}/task`)) {
      const file = `/proc/${this.#pid}/task/${thread}/schedstat`;
      // A thread may have ended since it was listed.
      if (existsSync(file)) waited += Number(readFileSync(file, 'utf8').split(' ')[1]) / 1e6;
    }
    return waited;
  }

  /** Resolves when nothing is left in it, or after a while. */
  async quiet(): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      const left = (await Promise.all([this.ari('GET', 'channels'), this.ari('GET', 'bridges')])) as unknown[][];
      if (left.every((list) => list.length === 0)) return;
      await sleep(50);
    }
    throw new Error('channels or bridges are left in Asterisk after the calls');
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    process.kill(this.#pid, 'SIGKILL');
    for (let tries = 0; tries < 100 && existsSync(`/proc/${this.#pid}`); tries += 1) await sleep(20);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Under `chrt -r 1` Asterisk would go back to the ordinary scheduling when it starts, and be what is waited for. */
function giveOurPriority(pidFile: string): void {
  if (!existsSync('/proc/self/stat')) return;
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [priority, policy] = [fields[37], fields[38]];
  if (policy !== ROUND_ROBIN) return;
  const pid = readFileSync(pidFile, 'utf8').trim();
  const { status } = spawnSync('chrt', ['--all-tasks', '--rr', '--pid', String(priority), pid]);
  if (status !== 0) console.log('Asterisk could not be given the priority of this process');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    ports.push((server.address() as AddressInfo).port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

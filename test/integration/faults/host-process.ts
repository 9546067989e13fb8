/** The host as a process of its own, as a service manager runs it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** See the top of the file. */
export class HostProcess {
  readonly #child: ChildProcess;
  #said = '';

  constructor(config: string) {
    this.#child = spawn(process.execPath, ['build/lib/cli.js', 'serve', '--config', config], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
    }
  }

  /** Its log so far. */
  get said(): string {
    return this.#said;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when it is gone, to how long that took, ms. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const sinceMs = performance.now();
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    if (this.running) await gone;
    return performance.now() - sinceMs;
  }
}

/** A port that nobody has at present. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What a bench and its processes say to one another over IPC: `open` so many more calls, `report` since the last time. */
import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a gateway under load is started: as arguments of its process, in JSON. */
export interface HostOptions {
  /** Where the Realtime server listens. */
  readonly backendPort: number;
  /** The most calls that will be opened. */
  readonly calls: number;
  /** Caller audio in one message to the backend; absent: the default. */
  readonly messageMs?: number | 'adaptive';
}

/** What a gateway counted since it was last asked. */
export interface HostReport {
  readonly calls: number;
  readonly ticks: number;
  /** Ticks that began more than half a ptime late. */
  readonly lateTicks: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Time in which it could have run and the machine had no core for it; 0 where the system does not tell. */
  readonly waitedMs: number;
  readonly residentBytes: number;
  /** Frames of the caller that were lost or came too late. */
  readonly lostFrames: number;
  /** Ticks without agent audio while the agent speaks. */
  readonly underrunTicks: number;
}

/** The same of a gateway whose every tick is timed. */
export interface TimedReport extends HostReport {
  /** How late ticks began, ms. */
  readonly latenessP50Ms: number;
  readonly latenessP99Ms: number;
}

/** Time that this process's main thread has waited for a core since it began, ms; Linux tells, others do not. */
export function waitedForCoreMs(): number {
  const file = '/proc/self/schedstat';
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split(' ')[1]) / 1e6 : 0;
}

/** Where a process of a bench runs: `own` has a core for itself, with real-time priority where the system grants it. */
export type Place = 'anywhere' | 'own' | 'others';

/** The command that puts a process there; empty where the system has none. */
function placing(place: Place): readonly string[] {
  const cores = availableParallelism();
  if (place === 'anywhere' || cores < 2 || !works(['taskset', '-c', '0'])) return [];
  const priority = ['chrt', '-r', '1'];
  const urgent = works(priority) ? priority : [];
  return [...urgent, 'taskset', '-c', place === 'own' ? '0' : `1-${cores - 1}`];
}

function works([command = '', ...words]: readonly string[]): boolean {
  return spawnSync(command, [...words, process.execPath, '--version'], { stdio: 'ignore' }).status === 0;
}

/** A process of the bench. */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #onMessage: (message: Record<string, unknown>) => void;
  readonly #waiting: { key: string; resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  #stopped = false;
  #failure: Error | null = null;

  private constructor(
    file: string,
    options: object | undefined,
    onMessage: (message: Record<string, unknown>) => void,
    execArgv: readonly string[],
    place: Place,
  ) {
    const path = join(dirname(fileURLToPath(import.meta.url)), file);
    const argument = options === undefined ? [] : [JSON.stringify(options)];
    const [execPath, ...words] = [...placing(place), process.execPath, '--import', 'tsx', ...execArgv];
    this.#child = fork(path, argument, { ...(execPath !== undefined && { execPath }), execArgv: words });
    this.#onMessage = onMessage;
    this.#child.on('message', (message) => this.#receive(message as Record<string, unknown>));
    this.#child.on('exit', (status) => {
      if (!this.#stopped) this.#fail(new Error(`${file} ended with status ${String(status)}`));
    });
  }

  /** Starts `file` of this folder; messages that nobody waits for go to `onMessage`. */
  static start(
    file: string,
    options?: object,
    onMessage: (message: Record<string, unknown>) => void = () => undefined,
    execArgv: readonly string[] = [],
    place: Place = 'anywhere',
  ): LoadProcess {
    return new LoadProcess(file, options, onMessage, execArgv, place);
  }

  tell(message: object): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** The value of the next message that has `key`. Rejects when the process ends before. */
  async next<T>(key: string): Promise<T> {
    if (this.#failure !== null) throw this.#failure;
    return (await new Promise<unknown>((resolve, reject) => this.#waiting.push({ key, resolve, reject }))) as T;
  }

  async report<T>(): Promise<T> {
    const report = this.next<T>('report');
    this.tell({ ask: 'report' });
    return await report;
  }

  /** Ends the process and waits for it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#child.exitCode !== null || !this.#child.connected) return;
    const exited = once(this.#child, 'exit');
    this.tell({ ask: 'stop' });
    await exited;
  }

  #receive(message: Record<string, unknown>): void {
    const index = this.#waiting.findIndex(({ key }) => key in message);
    const [waiting] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (waiting === undefined) this.#onMessage(message);
    else waiting.resolve(message[waiting.key]);
  }

  #fail(error: Error): void {
    this.#failure = error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

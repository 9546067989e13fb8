/**
 * Native peers: C programs that are compiled when the bench runs and then time slices on request, in turn with our rows.
 * Where there is no compiler, or a library is missing, the peer is left out with a line.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { NativePeer } from './bench-row.ts';
import type { SlicePlan, SliceTimer } from './slice-times.ts';

/** Compiling or one answer takes no longer than this; then the peer is left out. */
const DEADLINE_MS = 30_000;

/** A folder of compiled programs, gone when it is closed. */
export class NativePeers {
  readonly #sources: string;
  readonly #skip: (line: string) => void;
  readonly #programs = new Map<string, string | null>();
  readonly #running: NativeTimer[] = [];
  #folder: string | null = null;
  /** The first line that `cc --version` says; null without a compiler. */
  readonly compiler: string | null;

  /** `sources` is the folder of the C files; `skip` hears a line for what is left out. */
  constructor(sources: string, skip: (line: string) => void) {
    this.#sources = sources;
    this.#skip = skip;
    const { status, stdout } = spawnSync('cc', ['--version'], { encoding: 'utf8', timeout: DEADLINE_MS });
    this.compiler = status === 0 ? (stdout.split('\n')[0] ?? 'cc') : null;
    if (this.compiler === null) skip('native peers: there is no C compiler (cc)');
  }

  /** A timer of this peer, or null where it cannot be built. */
  start(peer: NativePeer, plan: SlicePlan): SliceTimer | null {
    if (this.compiler === null) return null;
    const program = this.#compiled(peer);
    if (program === null) return null;
    const timer = new NativeTimer(program, peer, plan);
    this.#running.push(timer);
    return timer;
  }

  /** Ends the programs and removes them. */
  close(): void {
    for (const timer of this.#running) timer.stop();
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }

  #compiled(peer: NativePeer): string | null {
    const known = this.#programs.get(peer.source);
    if (known !== undefined) return known;
    this.#folder ??= mkdtempSync(join(tmpdir(), 'talkspurt-bench-'));
    const program = join(this.#folder, peer.source.replace(/\.c$/, ''));
    const libraries = (peer.libraries ?? []).map((name) => `-l${name}`);
    const { status } = spawnSync(
      'cc',
      ['-O3', '-march=native', '-o', program, join(this.#sources, peer.source), ...libraries, '-lm'],
      { encoding: 'utf8', timeout: DEADLINE_MS },
    );
    const built = status === 0 ? program : null;
    if (built === null) {
      const missing = peer.libraries === undefined ? '' : ` (needs the headers of ${peer.libraries.join(', ')})`;
      this.#skip(`native ${peer.name}: ${peer.source} does not compile here${missing}`);
    }
    this.#programs.set(peer.source, built);
    return built;
  }
}

/** One running program: a line in asks for slices, a line out answers with their ns. */
class NativeTimer implements SliceTimer {
  readonly #child: ChildProcess;
  readonly #request: string;
  readonly #waiting: ((slices: number[]) => void)[] = [];
  #gone = false;

  constructor(program: string, peer: NativePeer, plan: SlicePlan) {
    this.#request = `${plan.slices} ${Math.round(plan.sliceMs * 1e6)}\n`;
    this.#child = spawn(program, peer.arguments ?? [], { stdio: ['pipe', 'pipe', 'inherit'], timeout: 600_000 });
    this.#child.on('error', () => this.#end());
    this.#child.on('exit', () => this.#end());
    this.#child.stdin?.on('error', () => this.#end());
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#waiting.shift()?.(line.split(' ').map(Number));
    });
  }

  slices(): Promise<number[]> {
    if (this.#gone) return Promise.resolve([]);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin?.write(this.#request);
    });
  }

  stop(): void {
    this.#child.stdin?.end();
    this.#child.kill();
  }

  #end(): void {
    this.#gone = true;
    for (const answer of this.#waiting.splice(0)) answer([]);
  }
}

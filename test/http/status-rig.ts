/** A status server on a real socket of loopback, in front of a process that is made up. */
import type { Command } from '../../src/commands/command.ts';
import type { DispatchResult } from '../../src/commands/dispatch.ts';
import { SystemClock } from '../../src/core/clock.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { StatusServer } from '../../src/http/status-server.ts';
import type { StatusServerOptions } from '../../src/http/status-server.ts';
import type { StatusSource } from '../../src/http/status-source.ts';
import { globalHealth } from '../../src/observe/health.ts';
import type { SessionSnapshot } from '../../src/observe/health.ts';
import { session } from '../observe/session-snapshot.ts';

export const READ = 'r'.repeat(20);
export const CONTROL = 'c'.repeat(20);

const GATEWAY = { created: 1, destroyed: 0, uptimeMs: 1, version: '1.2.3', draining: false, callLimit: 2, links: [] };

/** A process with these calls; every command is noted, and refused where `refuses` says so. */
export class MadeUpProcess implements StatusSource {
  readonly version = '1.2.3';
  readonly commands: Command[] = [];
  reasons: string[] = [];
  calls: SessionSnapshot[] = [session()];
  refuses: TalkspurtError | null = null;
  reply = '+OK Success\n';
  metricsText = 'm 1\n';

  async metrics() {
    return { contentType: 'text/plain; version=0.0.4', body: this.metricsText };
  }

  health() {
    return globalHealth({ ...GATEWAY, sessions: this.calls });
  }

  notReady() {
    return this.reasons;
  }

  sessions() {
    return this.calls;
  }

  session(callId: string) {
    return this.calls.find((call) => call.callId === callId) ?? null;
  }

  parties() {
    return { from: '<img src=x onerror=alert(1)> 4711', to: '100' };
  }

  breakers() {
    return [
      { name: 'ai:connection', state: 'open' as const, retryInMs: 1_234.5, lastReason: 'ERR_TALKSPURT_BACKEND_AUTH' },
    ];
  }

  async command(command: Command): Promise<DispatchResult> {
    this.commands.push(command);
    const error = this.refuses;
    return {
      reply: error === null ? this.reply : `-ERR ${error.message}\n`,
      verb: command.verb,
      ok: error === null,
      error,
    };
  }
}

export interface Served {
  readonly base: string;
  readonly port: number;
  readonly server: StatusServer;
  readonly source: MadeUpProcess;
  /** A request with the token of `scope`. */
  ask(path: string, init?: RequestInit & { scope?: 'read' | 'control' }): Promise<Response>;
}

/** Runs `run` with a server that has both tokens, and closes it, twice. */
export async function serving(
  changes: Partial<StatusServerOptions>,
  run: (served: Served) => Promise<void>,
): Promise<void> {
  const source = new MadeUpProcess();
  const server = new StatusServer({
    clock: new SystemClock(),
    source,
    host: '127.0.0.1',
    port: 0,
    tokens: { read: READ, control: CONTROL },
    hosts: [],
    origins: [],
    requestsPerSecond: 10_000,
    personalData: false,
    page: true,
    ...changes,
  });
  const { port } = await server.listen();
  const base = `http://127.0.0.1:${port}`;
  const ask: Served['ask'] = async (path, { scope, headers, ...init } = {}) => {
    const token: Record<string, string> =
      scope === undefined ? {} : { authorization: `Bearer ${scope === 'read' ? READ : CONTROL}` };
    return await fetch(`${base}${path}`, { ...init, headers: { ...token, ...(headers as Record<string, string>) } });
  };
  try {
    await run({ base, port, server, source, ask });
  } finally {
    await server.close();
    await server.close();
  }
}

/** The error of a refusal. */
export async function errorOf(response: Response): Promise<{ code: string; message: string; field?: string }> {
  const body = (await response.json()) as { ok: boolean; error: { code: string; message: string; field?: string } };
  if (body.ok) throw new Error('this is no refusal');
  return body.error;
}

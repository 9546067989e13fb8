/** Calls that talk, are answered and cut in, and come and go: a simulated switch, a Realtime server and a gateway, a process each. */
import { LoadProcess } from './load-protocol.ts';
import { BENCH_PASSWORD } from './switch-protocol.ts';
import type { GatewayHostOptions, GatewayReport } from './switch-protocol.ts';

/** How the gateway runs. */
export interface TalkingCallsOptions {
  /** The most calls at once. */
  readonly calls: number;
  /** Its reports are of what is still needed: garbage is collected first, which takes time that calls would notice. */
  readonly collectsGarbage?: boolean;
}

/** The three processes, and the calls that are up. Use {@link start}; {@link stop} ends all. */
export class TalkingCalls {
  readonly #backend: LoadProcess;
  readonly #simulated: LoadProcess;
  readonly #gateway: LoadProcess;
  readonly #up: string[] = [];

  private constructor(backend: LoadProcess, simulated: LoadProcess, gateway: LoadProcess) {
    this.#backend = backend;
    this.#simulated = simulated;
    this.#gateway = gateway;
  }

  static async start({ calls, collectsGarbage = false }: TalkingCallsOptions): Promise<TalkingCalls> {
    const backend = LoadProcess.start('talking-backend.ts');
    const simulated = LoadProcess.start('switch-host.ts');
    const [backendPort, switchPort] = await Promise.all([backend.next<number>('port'), simulated.next<number>('port')]);
    const options: GatewayHostOptions = {
      backendPort,
      switchHost: '127.0.0.1',
      switchPort,
      switchPassword: BENCH_PASSWORD,
      media: 'sip',
      calls: calls + 1,
      greeting: '',
      bargeIn: true,
      // What a busy machine does to calls is told by their late ticks.
      takesAll: true,
    };
    const flags = collectsGarbage ? ['--expose-gc'] : undefined;
    const gateway = LoadProcess.start('gateway-host.ts', options, undefined, flags);
    await gateway.next('ready');
    return new TalkingCalls(backend, simulated, gateway);
  }

  get up(): number {
    return this.#up.length;
  }

  /** So many more. @throws when one is refused */
  async call(count: number): Promise<void> {
    const created = this.#simulated.next<string[]>('created');
    this.#simulated.tell({ talk: count });
    const uuids = await created;
    const opened = this.#gateway.next<{ refused: readonly string[] }>('opened');
    this.#gateway.tell({ start: uuids });
    const { refused } = await opened;
    if (refused.length > 0) throw new Error(refused.join('; '));
    this.#up.push(...uuids);
  }

  /** The oldest one. */
  async hangUp(): Promise<void> {
    const gone = this.#simulated.next('soundMs');
    this.#simulated.tell({ hangup: this.#up.shift() });
    await gone;
  }

  async report(): Promise<GatewayReport> {
    return await this.#gateway.report<GatewayReport>();
  }

  /** Writes what its heap holds into `file`. */
  async snapshot(file: string): Promise<void> {
    const written = this.#gateway.next('written');
    this.#gateway.tell({ snapshot: file });
    await written;
  }

  async stop(): Promise<void> {
    await this.#gateway.stop();
    await Promise.all([this.#simulated.stop(), this.#backend.stop()]);
  }
}

/** Whether nothing is held any more. */
export function isReleased(report: GatewayReport): boolean {
  return report.calls === 0 && Object.values(heldOf(report)).every((count) => count === 0);
}

/** What must be nothing when no call is up. */
export function heldOf({ resources }: GatewayReport): Record<string, number> {
  const { legs, dspInUse, rtpPortsInUse, rtpPortsResting, mediaSockets, ariThings } = resources;
  return { legs, dspInUse, rtpPortsInUse, rtpPortsResting, mediaSockets, ariThings };
}

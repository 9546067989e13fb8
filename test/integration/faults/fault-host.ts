/** One host with a simulated switch and a counting agent that fails in every way, for several rows of the table of faults. */
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../src/config.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import type { Clock, Timer } from '../../../src/core/clock.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';
import { startRuntime } from '../../../src/gateway-from-config.ts';
import type { Runtime } from '../../../src/gateway-from-config.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { CountingAgent } from './counting-agent.ts';
import { ListeningPhone } from './listening-phone.ts';

const WAYS = ['good', 'dies', 'freezes', 'slow', '401', '402', '429'] as const;
const SWITCHES = ['fs', 'fast'] as const;
/** What both sides say is noise: whoever looks for audio that is none would say so of each call. */
const PROFILE = { greeting: 'count', lieDetector: false } as const;
/** A call on the switch whose clock is fast. */
const DRIFT = 1.01;

/** A call that is up, from its phone's side. */
export interface FaultCall {
  readonly phone: ListeningPhone;
  readonly uuid: string;
  readonly startedMs: number;
  hangUp(): void;
}

/** The clock of a switch that is faster than ours. */
class FastClock implements Clock {
  readonly #clock = new SystemClock();
  nowMs(): number {
    return this.#clock.nowMs() * DRIFT;
  }
  wallTimeMs(): number {
    return this.#clock.wallTimeMs();
  }
  after(delayMs: number, run: () => void): Timer {
    return this.#clock.after(delayMs / DRIFT, run);
  }
  every(periodMs: number, run: () => void): Timer {
    return this.#clock.every(periodMs / DRIFT, run);
  }
  random(): number {
    return this.#clock.random();
  }
}

/** See the top of the file. */
export class FaultHost {
  readonly events: TalkspurtEvent[] = [];
  readonly agent: CountingAgent;
  readonly runtime: Runtime;
  fs: SimulatedSwitch;
  readonly fast: SimulatedSwitch;
  readonly #folder: string;

  private constructor(parts: {
    agent: CountingAgent;
    runtime: Runtime;
    fs: SimulatedSwitch;
    fast: SimulatedSwitch;
    folder: string;
    events: TalkspurtEvent[];
  }) {
    this.agent = parts.agent;
    this.runtime = parts.runtime;
    this.fs = parts.fs;
    this.fast = parts.fast;
    this.#folder = parts.folder;
    this.events = parts.events;
  }

  static async start(): Promise<FaultHost> {
    const folder = mkdtempSync(join(tmpdir(), 'talkspurt-faults-'));
    const agent = new CountingAgent();
    await agent.listen();
    const fs = new SimulatedSwitch({ clock: new SystemClock(), password: 'pw' });
    const fast = new SimulatedSwitch({ clock: new FastClock(), password: 'pw' });
    await Promise.all([fs.listen(), fast.listen()]);
    // A disk that is full: whatever is written to it is refused with ENOSPC.
    for (const day of [-1, 0, 1]) {
      const date = new Date(Date.now() + day * 86_400_000).toISOString().slice(0, 10);
      symlinkSync('/dev/full', join(folder, `calls-${date}.jsonl`));
    }
    const events: TalkspurtEvent[] = [];
    const config = loadConfig({ text: JSON.stringify(configOf(agent, fs, fast, folder)), env: {} });
    const sinks = [{ emit: (event: TalkspurtEvent): void => void events.push(event) }];
    const runtime = await startRuntime(config, { clock: new SystemClock(), sinks });
    return new FaultHost({ agent, runtime, fs, fast, folder, events });
  }

  /** A call with the profile of that name; it is up, or has failed. */
  async call(profile: string, on: SimulatedSwitch = this.fs): Promise<FaultCall> {
    const phone = new ListeningPhone();
    const channel = on.createCall({ phone });
    const startedMs = performance.now();
    const reply = await this.runtime.gateway.command(`uuid_audio_stream ${channel.uuid} start ${profile}`);
    assert.match(reply, /^\+OK/);
    return { phone, uuid: channel.uuid, startedMs, hangUp: () => channel.hangup(16) };
  }

  eventsOf({ uuid }: FaultCall): TalkspurtEvent[] {
    return this.events.filter(({ callId }) => callId === uuid);
  }

  /** Lines of the log at `warn` and above of one call. */
  logOf({ uuid }: FaultCall): string[] {
    return this.log().filter((line) => line.includes(uuid) && /"level":("warn"|"error"|40|50)/.test(line));
  }

  log(): string[] {
    return readFileSync(join(this.#folder, 'log'), 'utf8').trim().split('\n');
  }

  async metrics(): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.runtime.statusPort}/metrics`)).text();
  }

  async until(done: () => boolean, what: string, withinMs = 15_000): Promise<number> {
    const untilMs = performance.now() + withinMs;
    while (!done() && performance.now() < untilMs) await sleep(20);
    assert.ok(done(), what);
    return performance.now();
  }

  async close(): Promise<void> {
    await this.runtime.close();
    await Promise.all([this.fs.close(), this.fast.close(), this.agent.close()]);
    rmSync(this.#folder, { recursive: true });
  }
}

/** The network of this process loses and delays what goes by UDP while `run` runs. */
export async function inBadNetwork(
  { loss = 0, jitterMs = 0 }: { loss?: number; jitterMs?: number },
  run: () => Promise<void>,
): Promise<void> {
  const probe = createSocket('udp4');
  const prototype = Object.getPrototypeOf(probe) as { send: (...given: unknown[]) => void };
  probe.close();
  const { send } = prototype;
  prototype.send = function lossy(...given: unknown[]): void {
    if (Math.random() < loss) return;
    // What is borrowed may be another by then.
    const [payload, ...rest] = given;
    const kept = payload instanceof Uint8Array ? Uint8Array.from(payload) : payload;
    if (jitterMs === 0) Reflect.apply(send, this, given);
    else setTimeout(() => trySend(() => Reflect.apply(send, this, [kept, ...rest])), Math.random() * jitterMs).unref();
  };
  try {
    await run();
  } finally {
    prototype.send = send;
  }
}

/** The socket may be closed by then: such a packet is lost as well. */
function trySend(send: () => void): void {
  try {
    send();
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'ERR_SOCKET_DGRAM_NOT_RUNNING');
  }
}

function configOf(agent: CountingAgent, fs: SimulatedSwitch, fast: SimulatedSwitch, folder: string): object {
  const openai = (way: string, scheme = 'ws'): object => ({
    kind: 'openai',
    model: 'm',
    apiKey: 'of-the-test',
    baseUrl: `${scheme}://127.0.0.1:${agent.port}/${way}/v1`,
  });
  const [ports, ways] = [
    [fs.port, fast.port],
    [...WAYS, 'tls'],
  ];
  return {
    log: { level: 'info', format: 'json', file: join(folder, 'log') },
    status: { port: 0 },
    frontDoor: false,
    sip: false,
    records: { folder },
    switches: SWITCHES.map((name, index) => {
      return { name, kind: 'freeswitch', port: ports[index], password: 'pw', media: { kind: 'unicast' } };
    }),
    backends: {
      ...Object.fromEntries(WAYS.map((way) => [`b${way}`, openai(way)])),
      btls: openai('good', 'wss'),
    },
    profiles: Object.fromEntries(
      ways.map((way) => [`p${way}`, { backends: way === 'good' ? ['bgood'] : [`b${way}`, 'bgood'], ...PROFILE }]),
    ),
    limits: { calls: 60 },
    // A machine that is busy with other things is no fault of this table.
    overload: { lateTicksPct: 0, loopLagMs: 0, crowdedPct: 0 },
  };
}

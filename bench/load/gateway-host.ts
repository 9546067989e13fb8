/**
 * A whole gateway in a process of its own, as `talkspurt serve` runs it: configuration, adapter, link, front door, SIP.
 * Told `{ start }` it gives those channels a voice, a few at a time, and says `{ opened }`.
 */
import { startRuntime } from '../../src/gateway-from-config.ts';
import { loadConfig } from '../../src/config.ts';
import { LatenessClock } from './lateness-clock.ts';
import { waitedForCoreMs } from './load-protocol.ts';
import { BENCH_PASSWORD } from './switch-protocol.ts';
import type { GatewayHostOptions, GatewayReport } from './switch-protocol.ts';

/** Calls that are being started at once. */
const STARTING = 8;

const options = JSON.parse(process.argv[2] ?? '{}') as GatewayHostOptions;
const clock = new LatenessClock();
const config = loadConfig({ env: {}, path: 'bench', text: configText(options) });
const runtime = await startRuntime(config, { clock, quiet: true });
const { gateway } = runtime;

/** JSON is YAML, too. */
function configText({
  backendPort,
  switchHost,
  switchPort,
  switchPassword,
  media,
  calls,
  greeting,
}: GatewayHostOptions): string {
  return JSON.stringify({
    status: false,
    frontDoor: { port: 0, password: BENCH_PASSWORD },
    sip: media === 'sip' ? { port: 0 } : false,
    switches: [
      {
        name: 'bench',
        kind: 'freeswitch',
        host: switchHost,
        port: switchPort,
        password: switchPassword,
        media: { kind: media },
      },
    ],
    backends: {
      far: { kind: 'openai', model: 'bench', apiKey: 'none', baseUrl: `ws://127.0.0.1:${backendPort}/v1` },
    },
    // An echo answers while the caller speaks: with barge-in every call would be one endless interruption.
    profiles: { bench: { backend: 'far', bargeIn: false, greeting } },
    limits: { calls },
  });
}

async function start(uuids: readonly string[]): Promise<void> {
  const waiting = [...uuids];
  const refused: string[] = [];
  const one = async (): Promise<void> => {
    for (let uuid = waiting.pop(); uuid !== undefined; uuid = waiting.pop()) {
      const reply = await gateway.command(`uuid_audio_stream ${uuid} start bench`);
      if (!reply.startsWith('+OK')) refused.push(reply.trim());
    }
  };
  await Promise.all(Array.from({ length: STARTING }, one));
  process.send?.({ opened: { calls: gateway.callCount, refused: refused.slice(0, 3) } });
}

const NOTHING = { ticks: 0, lateTicks: 0, lostFrames: 0, underrunTicks: 0, tickMs: 0 };
let last = NOTHING;
let lastCpu = process.cpuUsage();
let lastMs = clock.nowMs();
let lastWaitedMs = waitedForCoreMs();

function report(): GatewayReport {
  const now = { ...NOTHING };
  const { sessions } = gateway.snapshot();
  for (const session of sessions) {
    now.ticks += session.ticks;
    now.lateTicks += session.lateTicks;
    now.lostFrames += session.lostFrames;
    now.underrunTicks += session.underrunTicks;
    now.tickMs += session.tickMs ?? 0;
  }
  const cpu = process.cpuUsage(lastCpu);
  const nowMs = clock.nowMs();
  const result: GatewayReport = {
    calls: sessions.filter(({ state }) => state === 'talking').length,
    ticks: now.ticks - last.ticks,
    lateTicks: now.lateTicks - last.lateTicks,
    lostFrames: now.lostFrames - last.lostFrames,
    underrunTicks: now.underrunTicks - last.underrunTicks,
    tickMs: now.tickMs - last.tickMs,
    cpuMs: (cpu.user + cpu.system) / 1000,
    wallMs: nowMs - lastMs,
    waitedMs: waitedForCoreMs() - lastWaitedMs,
    residentBytes: process.memoryUsage.rss(),
    timers: clock.take(),
  };
  last = now;
  lastCpu = process.cpuUsage();
  lastMs = clock.nowMs();
  lastWaitedMs = waitedForCoreMs();
  return result;
}

async function stop(): Promise<void> {
  await runtime.close();
  process.exit(0);
}

process.on('message', (order: { start?: readonly string[]; ask?: 'report' | 'stop' }) => {
  if (order.start !== undefined) void start(order.start);
  else if (order.ask === 'report') process.send?.({ report: report() });
  else void stop();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: { frontDoorPort: runtime.frontDoorPort ?? 0 } });

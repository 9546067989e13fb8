/**
 * A whole gateway in a process of its own, as `talkspurt serve` runs it: configuration, adapter, link, front door, SIP.
 * Told `{ start }` it gives those channels a voice, a few at a time, and says `{ opened }`; told `{ snapshot }` it writes one of its heap
 * into that file, and says `{ written }`.
 */
import { getHeapSpaceStatistics, writeHeapSnapshot } from 'node:v8';
import type { HeapSpaceInfo } from 'node:v8';
import { keepHeapCompact } from '../../src/cli/compact-heap.ts';
import { startRuntime } from '../../src/gateway-from-config.ts';
import { loadConfig } from '../../src/config.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { NO_RESOURCES, totalsOf } from '../../src/observe/resources.ts';
import { LatenessClock } from './lateness-clock.ts';
import { waitedForCoreMs } from './load-protocol.ts';
import { BENCH_PASSWORD } from './switch-protocol.ts';
import type { GatewayHostOptions, GatewayReport } from './switch-protocol.ts';

/** Calls that are being started at once. */
const STARTING = 8;

keepHeapCompact();
const options = JSON.parse(process.argv[2] ?? '{}') as GatewayHostOptions;
const clock = new LatenessClock();
const config = loadConfig({ env: {}, path: 'bench', text: configText(options) });
const underruns = new Map<string, number>();
let ended: number[] = [];
let ends: Record<string, number> = {};
const runtime = await startRuntime(config, { clock, quiet: true, sinks: [{ emit: count }] });
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
  bargeIn = false,
  takesAll = false,
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
      // Phones of a bench speak all the time, whatever a detector thinks of their numbered frames.
      far: {
        kind: 'openai',
        model: 'bench',
        apiKey: 'none',
        baseUrl: `ws://127.0.0.1:${backendPort}/v1`,
        messageMs: 20,
      },
    },
    // An echo answers while the caller speaks: with barge-in every call would be one endless interruption.
    profiles: { bench: { backend: 'far', bargeIn, greeting } },
    limits: { calls },
    ...(takesAll && { overload: { lateTicksPct: 0, loopLagMs: 0, crowdedPct: 0 } }),
  });
}

function count(event: TalkspurtEvent): void {
  if (event.type === 'media.underrun') underruns.set(event.callId, (underruns.get(event.callId) ?? 0) + 1);
  if (event.type !== 'call.ended') return;
  ended.push(underruns.get(event.callId) ?? 0);
  underruns.delete(event.callId);
  ends[event.reason] = (ends[event.reason] ?? 0) + 1;
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

interface Counted {
  ticks: number;
  lateTicks: number;
  lostFrames: number;
  underrunTicks: number;
  tickMs: number;
}

/** What each call had counted when last asked. */
let before = new Map<string, Counted>();
let lastCpu = process.cpuUsage();
let lastMs = clock.nowMs();
let lastWaitedMs = waitedForCoreMs();

function report(): GatewayReport {
  const sum: Counted = { ticks: 0, lateTicks: 0, lostFrames: 0, underrunTicks: 0, tickMs: 0 };
  const { sessions, resources } = gateway.snapshot();
  const now = new Map<string, Counted>();
  for (const { callId, ticks, lateTicks, lostFrames, underrunTicks, tickMs = 0 } of sessions) {
    const counted: Counted = { ticks, lateTicks, lostFrames, underrunTicks, tickMs };
    const last = before.get(callId);
    for (const key of Object.keys(sum) as (keyof Counted)[]) sum[key] += counted[key] - (last?.[key] ?? 0);
    now.set(callId, counted);
  }
  before = now;
  const cpu = process.cpuUsage(lastCpu);
  const nowMs = clock.nowMs();
  // There where it was asked for.
  globalThis.gc?.();
  const memory = process.memoryUsage();
  const result: GatewayReport = {
    calls: sessions.filter(({ state }) => state === 'talking').length,
    ...sum,
    cpuMs: (cpu.user + cpu.system) / 1000,
    wallMs: nowMs - lastMs,
    waitedMs: waitedForCoreMs() - lastWaitedMs,
    residentBytes: memory.rss,
    timers: clock.take(),
    heapBytes: memory.heapUsed,
    externalBytes: memory.external,
    youngKeptBytes: spaceOf('new_space').physical_space_size,
    oldKeptBytes: spaceOf('old_space').physical_space_size,
    oldUsedBytes: spaceOf('old_space').space_used_size,
    handles: process.getActiveResourcesInfo().length,
    underruns: ended,
    ends,
    resources: totalsOf(resources ?? NO_RESOURCES),
  };
  ended = [];
  ends = {};
  lastCpu = process.cpuUsage();
  lastMs = clock.nowMs();
  lastWaitedMs = waitedForCoreMs();
  return result;
}

function spaceOf(name: string): HeapSpaceInfo {
  const space = getHeapSpaceStatistics().find(({ space_name: each }) => each === name);
  if (space === undefined) throw new Error(`V8 has no ${name}`);
  return space;
}

async function stop(): Promise<void> {
  await runtime.close();
  process.exit(0);
}

process.on('message', (order: { start?: readonly string[]; snapshot?: string; ask?: 'report' | 'stop' }) => {
  if (order.start !== undefined) void start(order.start);
  else if (order.snapshot !== undefined) process.send?.({ written: writeHeapSnapshot(order.snapshot) });
  else if (order.ask === 'report') process.send?.({ report: report() });
  else void stop();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: { frontDoorPort: runtime.frontDoorPort ?? 0 } });

/**
 * Many real sessions in a process of their own, without a switch: real signal chains, scheduler, unicast transports and
 * Realtime streams. A leg only opens a port, has a phone told of it over IPC (`{ call, port }`) and waits for its audio. Asked for
 * `lines` it says of each call how much its jitter buffer has made up, cut out, repeated and left out so far.
 */
import { keepHeapCompact } from '../../src/cli/compact-heap.ts';
import { OpenAiRealtimeBackend } from '../../src/backend/openai-realtime.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { LATENESS_BIN_MS, MediaScheduler } from '../../src/session/media-scheduler.ts';
import { Session } from '../../src/session/session.ts';
import type { CallLeg } from '../../src/switch/switch-adapter.ts';
import { UnicastTransport } from '../../src/transport/unicast-transport.ts';
import { waitedForCoreMs } from './load-protocol.ts';
import type { HostOptions, TimedReport } from './load-protocol.ts';

keepHeapCompact();
const { backendPort, calls, messageMs = 'adaptive' } = JSON.parse(process.argv[2] ?? '{}') as HostOptions;
const clock = new SystemClock();
const scheduler = new MediaScheduler({ clock });
const dspPool = await WasmDspPool.create({ size: calls });
const baseUrl = `ws://127.0.0.1:${backendPort}/v1`;
const backend = new OpenAiRealtimeBackend({ model: 'bench', apiKey: 'none', baseUrl, messageMs }, clock);
const sessions: Session[] = [];

function legOf(call: number): CallLeg {
  const done = (): Promise<void> => Promise.resolve();
  return {
    id: String(call),
    switchName: 'bench',
    from: '',
    to: '',
    variables: new Map(),
    listen: () => undefined,
    answer: done,
    sendDtmf: done,
    transfer: done,
    hangup: done,
    release: done,
    openMedia: async (signal) => {
      const transport = await UnicastTransport.open({
        clock,
        bindHost: '127.0.0.1',
        sourceHost: '127.0.0.1',
        audio: { codec: 'pcmu', sampleRateHz: 8000 },
        ptimeMs: 20,
      });
      process.send?.({ call, port: transport.port });
      await transport.firstDatagram(10_000, signal);
      return transport;
    },
  };
}

async function open(count: number): Promise<void> {
  for (let opened = 0; opened < count; opened += 1) {
    const call = sessions.length;
    const session = new Session({
      callId: String(call),
      profile: 'bench',
      leg: legOf(call),
      backend,
      dspPool,
      scheduler,
      clock,
      events: { emit: () => undefined },
      // The echo answers while the caller speaks: without this every call would be one endless barge-in.
      options: { bargeIn: false },
    });
    sessions.push(session);
    await session.start();
  }
  process.send?.({ opened: sessions.length });
}

/** Lateness below which `share` of the ticks since the last report began, ms. */
function lateness(bins: readonly number[], share: number): number {
  const total = bins.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  let bin = 0;
  while (bin < bins.length - 1 && (seen += bins[bin]!) < total * share) bin += 1;
  return (bin + 1) * LATENESS_BIN_MS;
}

let lastBins = [...scheduler.lateness];
let last = { ticks: 0, lateTicks: 0, lostFrames: 0, underrunTicks: 0 };
let lastCpu = process.cpuUsage();
let lastMs = clock.nowMs();
let lastWaitedMs = waitedForCoreMs();

function report(): TimedReport {
  const now = { ticks: 0, lateTicks: 0, lostFrames: 0, underrunTicks: 0 };
  for (const session of sessions) {
    const snapshot = session.snapshot();
    now.ticks += snapshot.ticks;
    now.lateTicks += snapshot.lateTicks;
    now.lostFrames += snapshot.lostFrames;
    now.underrunTicks += snapshot.underrunTicks;
  }
  const bins = [...scheduler.lateness].map((count, bin) => count - lastBins[bin]!);
  lastBins = [...scheduler.lateness];
  const cpu = process.cpuUsage(lastCpu);
  const nowMs = clock.nowMs();
  const result: TimedReport = {
    calls: sessions.filter(({ state }) => state === 'talking').length,
    ticks: now.ticks - last.ticks,
    lateTicks: now.lateTicks - last.lateTicks,
    lostFrames: now.lostFrames - last.lostFrames,
    underrunTicks: now.underrunTicks - last.underrunTicks,
    latenessP50Ms: lateness(bins, 0.5),
    latenessP99Ms: lateness(bins, 0.99),
    cpuMs: (cpu.user + cpu.system) / 1000,
    wallMs: nowMs - lastMs,
    waitedMs: waitedForCoreMs() - lastWaitedMs,
    residentBytes: process.memoryUsage.rss(),
  };
  last = now;
  lastCpu = process.cpuUsage();
  lastMs = clock.nowMs();
  lastWaitedMs = waitedForCoreMs();
  return result;
}

/** ms and frames, added: what counts is whether it grows. */
function lines(): number[] {
  return sessions.map((session) => {
    const { scaledMs = 0, concealedMs = 0, lostFrames } = session.snapshot();
    return scaledMs + concealedMs + lostFrames;
  });
}

async function stop(): Promise<void> {
  await Promise.all(sessions.map((session) => session.stop('stopped')));
  process.exit(0);
}

process.on('message', (message: { open?: number; ask?: 'report' | 'lines' | 'stop' }) => {
  if (message.open !== undefined) void open(message.open);
  else if (message.ask === 'report') process.send?.({ report: report() });
  else if (message.ask === 'lines') process.send?.({ lines: lines() });
  else void stop();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

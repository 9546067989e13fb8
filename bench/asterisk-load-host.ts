/**
 * The gateway of `asterisk-load` in a process of its own: the whole runtime, its calls by RTP, and a backend in the same
 * process that speaks all the time. It counts what a call cannot: how late each packet left against its call's own beat.
 */
import type { TalkspurtEvent } from '../src/core/events.ts';
import type { MediaTransport } from '../src/transport/media-transport.ts';
import { RtpTransport } from '../src/transport/rtp-transport.ts';
import { talkingBackend } from './asterisk-backend.ts';
import { RTP_PORTS } from './asterisk-process.ts';
import type { AsteriskPorts } from './asterisk-process.ts';
import { startBenchRuntime } from './asterisk-runtime.ts';
import { waitedForCoreMs } from './load/load-protocol.ts';
import { Samples } from './load/percentiles.ts';
import { droppedDatagrams } from './rtp-flood-drops.ts';

/** As the argument of the process, in JSON. */
export interface LoadHostOptions {
  readonly ports: AsteriskPorts;
  readonly calls: number;
}

/** What it counted since it was last asked. */
export interface LoadHostReport {
  readonly calls: number;
  readonly ticks: number;
  readonly lateTicks: number;
  /** Packets that came, gaps in their numbers, and packets that were turned down. */
  readonly received: number;
  readonly gaps: number;
  readonly refused: number;
  /** What the kernel dropped at our RTP ports; NaN where it does not tell. */
  readonly dropped: number;
  /** Frames that were not there at their tick, whyever. */
  readonly concealed: number;
  readonly unsent: number;
  /** From one packet of a call to its next, ms. */
  readonly arrivalP99Ms: number;
  readonly arrivalMostMs: number;
  /** A packet's leaving after it was due by its call's own beat, ms. */
  readonly sendP50Ms: number;
  readonly sendP99Ms: number;
  readonly sendMostMs: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly waitedMs: number;
  readonly residentBytes: number;
  /** StasisStart → the first packet with the agent's voice, of all calls so far. */
  readonly setUps: number;
  readonly setUpP50Ms: number;
  readonly setUpP99Ms: number;
}

const MOST_MS = 1_000;
const BINS_A_MS = 20;

/** One call's packets. */
interface Beat {
  lastFrameMs: number;
  /** When the next tick is due, on a scale of the call's own, and the least that a packet was after it: that is on time. */
  dueMs: number;
  offsetMs: number;
}

/** Samples in ms that are too many to keep each: sorting them would hold up what is measured. */
class Bins {
  readonly #counts = new Uint32Array(MOST_MS * BINS_A_MS);
  #count = 0;
  #mostMs = 0;

  add(ms: number): void {
    const bin = Math.min(this.#counts.length - 1, Math.max(0, Math.floor(ms * BINS_A_MS)));
    this.#counts[bin] = this.#counts[bin]! + 1;
    this.#count += 1;
    if (ms > this.#mostMs) this.#mostMs = ms;
  }

  /** As `Samples.at`, as finely as the bins are. */
  at(share: number): number {
    if (share >= 1) return this.#mostMs;
    let seen = 0;
    let bin = 0;
    while (bin < this.#counts.length - 1 && (seen += this.#counts[bin]!) < this.#count * share) bin += 1;
    return bin / BINS_A_MS;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#mostMs = 0;
  }
}

const PTIME_MS = 20;
/** From here on the scheduler leaves ticks out. */
const LEFT_OUT_MS = 60;

const { ports, calls } = JSON.parse(process.argv[2] ?? '{}') as LoadHostOptions;
const beats = new Map<MediaTransport, Beat>();
const stasisMs = new Map<string, number>();
const setUps = new Samples();
const [arrivals, sends] = [new Bins(), new Bins()];

const runtime = await startBenchRuntime(
  {
    ports,
    media: { title: 'rtp ulaw', kind: 'rtp', format: 'ulaw' },
    calls,
    backend: talkingBackend(),
    sinks: [{ emit: onCallEvent }],
  },
  {
    onEvent: ({ type, channel }) => {
      if (type === 'StasisStart') stasisMs.set((channel as { id: string }).id, performance.now());
    },
    onFrame: (transport) => {
      const nowMs = performance.now();
      const beat = beatOf(transport);
      if (!Number.isNaN(beat.lastFrameMs)) arrivals.add(nowMs - beat.lastFrameMs);
      beat.lastFrameMs = nowMs;
    },
    onSend: (transport) => onSend(beatOf(transport)),
    onTick: (transport, shiftMs) => (beatOf(transport).dueMs += PTIME_MS + shiftMs),
  },
);

function beatOf(transport: MediaTransport): Beat {
  let beat = beats.get(transport);
  if (beat === undefined) {
    beat = { lastFrameMs: Number.NaN, dueMs: 0, offsetMs: Number.POSITIVE_INFINITY };
    beats.set(transport, beat);
  }
  return beat;
}

function onSend(beat: Beat): void {
  const offsetMs = performance.now() - beat.dueMs;
  beat.offsetMs = Math.min(beat.offsetMs, offsetMs);
  const lateMs = offsetMs - beat.offsetMs;
  sends.add(lateMs);
  // Ticks that were left out are counted by the scheduler, and are not late again ever after.
  if (lateMs > LEFT_OUT_MS) beat.dueMs += PTIME_MS * Math.round(lateMs / PTIME_MS);
}

function onCallEvent(event: TalkspurtEvent): void {
  if (event.type !== 'turn.state' || event.state !== 'agent-speaking') return;
  const sinceMs = stasisMs.get(event.callId);
  if (sinceMs !== undefined) setUps.add(performance.now() - sinceMs);
  stasisMs.delete(event.callId);
}

const NOTHING = { ticks: 0, lateTicks: 0, captured: 0, received: 0, gaps: 0, refused: 0, unsent: 0, dropped: 0 };
let last = NOTHING;
let lastCpu = process.cpuUsage();
let lastMs = performance.now();
let lastWaitedMs = waitedForCoreMs();

function count(): typeof NOTHING {
  const now = { ...NOTHING };
  for (const session of runtime.gateway.snapshot().sessions) {
    now.ticks += session.ticks;
    now.lateTicks += session.lateTicks;
    now.captured += session.capturedFrames;
  }
  for (const transport of beats.keys()) {
    now.received += transport.stats.receivedFrames;
    now.refused += transport.stats.rejectedPackets;
    now.unsent += transport.stats.unsentFrames;
    if (transport instanceof RtpTransport) now.gaps += transport.rtpStats.lost;
  }
  now.dropped = droppedDatagrams(isOurs);
  return now;
}

function isOurs(port: number): boolean {
  return port >= RTP_PORTS.oursFrom && port <= RTP_PORTS.oursTo;
}

function report(): LoadHostReport {
  const now = count();
  const cpu = process.cpuUsage(lastCpu);
  const nowMs = performance.now();
  const result: LoadHostReport = {
    calls: runtime.gateway.snapshot().sessions.filter(({ state }) => state === 'talking').length,
    ticks: now.ticks - last.ticks,
    lateTicks: now.lateTicks - last.lateTicks,
    received: now.received - last.received,
    gaps: now.gaps - last.gaps,
    refused: now.refused - last.refused,
    dropped: now.dropped - last.dropped,
    concealed: now.ticks - last.ticks - (now.captured - last.captured),
    unsent: now.unsent - last.unsent,
    arrivalP99Ms: arrivals.at(0.99),
    arrivalMostMs: arrivals.at(1),
    sendP50Ms: sends.at(0.5),
    sendP99Ms: sends.at(0.99),
    sendMostMs: sends.at(1),
    cpuMs: (cpu.user + cpu.system) / 1000,
    wallMs: nowMs - lastMs,
    waitedMs: waitedForCoreMs() - lastWaitedMs,
    residentBytes: process.memoryUsage.rss(),
    setUps: setUps.count,
    setUpP50Ms: setUps.at(0.5),
    setUpP99Ms: setUps.at(0.99),
  };
  arrivals.clear();
  sends.clear();
  // What it took to count is nobody's call.
  last = now;
  lastCpu = process.cpuUsage();
  lastMs = performance.now();
  lastWaitedMs = waitedForCoreMs();
  return result;
}

async function stop(): Promise<void> {
  await runtime.close();
  process.exit(0);
}

process.on('message', ({ ask }: { ask?: 'report' | 'stop' }) => {
  if (ask === 'report') process.send?.({ report: report() });
  else void stop();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

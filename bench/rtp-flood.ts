/**
 * 10,000 packets a second from a process of its own into our RTP path, 200 calls of 50 a second: what is lost by our own
 * count (`rtpStats.lost`), beside what the sender says it has sent and what the kernel says it has dropped. Then the same
 * with our process held up, so that the kernel's buffers overflow: what was dropped has to show as lost.
 *
 *   TALKSPURT_BENCH_CALLS=200 TALKSPURT_BENCH_SECONDS=60 npm run bench -- rtp-flood
 *
 * *heard*: frames that reached the media sink. *lost*: gaps in the numbers, our own count. *refused*: datagrams turned
 * down. *dropped*: by the kernel, for want of room at our sockets (Linux: /proc/net/udp). *unaccounted*: sent, and neither
 * heard nor lost. *delay*: from the sender's hand to the sink.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../src/core/clock.ts';
import { RtpPortPool } from '../src/transport/rtp-port-pool.ts';
import { RtpTransport } from '../src/transport/rtp-transport.ts';
import { LoadProcess } from './load/load-protocol.ts';
import { Samples } from './load/percentiles.ts';
import { sharedNowMs } from './load/switch-protocol.ts';
import { droppedDatagrams } from './rtp-flood-drops.ts';
import type { FloodOptions, FloodSent } from './rtp-flood-sender.ts';

/** One run. */
interface Flood {
  readonly title: string;
  readonly calls: number;
  /** Packets a second of each call. */
  readonly rate: number;
  readonly seconds: number;
  /** For how long our process stands still then, ms; 0: it does not. */
  readonly heldMs: number;
  /** After that, for what is lost to show by what comes behind it. */
  readonly tailMs: number;
}

/** A call's end at our side. */
interface Ear {
  readonly transport: RtpTransport;
  readonly port: number;
  heard: number;
  /** Frames whose bytes are not those of their number. */
  altered: number;
  /** The first frames, without the time that is in them. */
  readonly first: Buffer[];
}

const HASHED_FRAMES = 10;
const clock = new SystemClock();

/** Prints a row for each run. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const calls = Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 200);
  const seconds = Number(process.env['TALKSPURT_BENCH_SECONDS'] ?? 60);
  const tailMs = 1_500;
  const floods: Flood[] = small
    ? [
        { title: 'flood', calls: 100, rate: 50, seconds: 1, heldMs: 0, tailMs: 0 },
        { title: 'held up', calls: 4, rate: 2_000, seconds: 0.3, heldMs: 600, tailMs: 400 },
      ]
    : [
        { title: 'flood', calls, rate: 50, seconds, heldMs: 0, tailMs: 0 },
        { title: 'held up 2 s', calls, rate: 50, seconds: 1, heldMs: 2_000, tailMs },
        { title: 'held up 20 s', calls, rate: 50, seconds: 1, heldMs: 20_000, tailMs },
        { title: 'few, fast, 3 s', calls: 10, rate: 1_000, seconds: 1, heldMs: 3_000, tailMs },
      ];
  console.log(
    '  run             calls  packets/s      sent     heard      lost  refused   dropped  unaccounted  delay p50       p99   CPU %',
  );
  const hash = createHash('sha256');
  for (const flood of floods) for (const ear of await pour(flood)) for (const frame of ear.first) hash.update(frame);
  console.log(`hash of what each call heard first: ${hash.digest('hex').slice(0, 16)}`);
}

async function pour(flood: Flood): Promise<readonly Ear[]> {
  const pool = new RtpPortPool({ clock, bindHost: '127.0.0.1', from: 31_000, to: 31_999 });
  const delays = new Samples();
  const ears: Ear[] = [];
  for (let call = 0; call < flood.calls; call += 1) ears.push(await openEar(pool, call, delays));
  const ports = new Set(ears.map(({ port }) => port));
  const droppedBefore = droppedDatagrams((port) => ports.has(port));
  const options: FloodOptions = { ports: [...ports], rate: flood.rate };
  const sender = LoadProcess.start('../rtp-flood-sender.ts', options);
  try {
    await sender.next('ready');
    const cpu = process.cpuUsage();
    const startMs = clock.nowMs();
    sender.tell({ start: true });
    await sleep(flood.seconds * 1_000);
    // As a stop signal, a debugger or a machine without a free core would.
    if (flood.heldMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, flood.heldMs);
    await sleep(flood.tailMs);
    const sent = await sender.report<FloodSent>();
    // What is under way still arrives.
    await sleep(200);
    const { user, system } = process.cpuUsage(cpu);
    const cpuPct = (user + system) / 10 / (clock.nowMs() - startMs);
    print(flood, ears, sent, droppedDatagrams((port) => ports.has(port)) - droppedBefore, delays, cpuPct);
  } finally {
    await sender.stop();
    await Promise.all(ears.map(({ transport }) => transport.close()));
  }
  return ears;
}

async function openEar(pool: RtpPortPool, call: number, delays: Samples): Promise<Ear> {
  const ports = await pool.acquire();
  const transport = new RtpTransport({
    clock,
    ports,
    media: {
      codec: 'pcmu',
      payloadType: 0,
      clockRateHz: 8_000,
      format: { codec: 'pcmu', sampleRateHz: 8_000, ptimeMs: 20 },
      eventPayloadType: null,
      eventClockRateHz: 8_000,
      remoteHost: '',
      remotePort: 0,
      remoteRtcpPort: 0,
      direction: 'sendrecv',
    },
    sources: ['127.0.0.1'],
    onDigit: () => undefined,
  });
  const ear: Ear = { transport, port: ports.rtpPort, heard: 0, altered: 0, first: [] };
  transport.start({
    onFrame: (frame) => {
      const view = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
      delays.add(sharedNowMs() - view.readDoubleLE(0));
      if (view.readUInt32LE(8) !== call || view[159] !== view[12]) ear.altered += 1;
      if (ear.first.length < HASHED_FRAMES) ear.first.push(Buffer.from(view.subarray(8)));
      ear.heard += 1;
    },
    onLost: () => undefined,
  });
  return ear;
}

function print(
  { title, calls, rate }: Flood,
  ears: readonly Ear[],
  { sent, unsent }: FloodSent,
  dropped: number,
  delays: Samples,
  cpuPct: number,
): void {
  const sum = (of: (ear: Ear) => number): number => ears.reduce((total, ear) => total + of(ear), 0);
  const heard = sum((ear) => ear.heard);
  const lost = sum(({ transport }) => transport.rtpStats.lost);
  const refused = sum(({ transport }) => transport.stats.rejectedPackets);
  console.log(
    [
      `  ${title.padEnd(14)}`,
      String(calls).padStart(7),
      String(calls * rate).padStart(11),
      String(sent).padStart(10),
      String(heard).padStart(10),
      String(lost).padStart(10),
      String(refused).padStart(9),
      (Number.isNaN(dropped) ? '–' : String(dropped)).padStart(10),
      String(sent - heard - lost).padStart(13),
      delays.at(0.5).toFixed(2).padStart(11),
      delays.at(0.99).toFixed(2).padStart(10),
      cpuPct.toFixed(1).padStart(8),
    ].join(''),
  );
  const altered = sum((ear) => ear.altered);
  if (altered > 0) throw new Error(`${altered} frames were not as they were sent`);
  if (unsent > 0) console.log(`  the sender could not send ${unsent}`);
}

/**
 * The same job as `session-host.ts` done the obvious way, for comparison: a timer a call, packages from npm for G.711,
 * JSON and base64 as strings, and the API's linear audio at 24 kHz by straight-line interpolation. No filter, no jitter
 * buffer, no detector, no barge-in: it does less, and worse.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import * as alawmulaw from 'alawmulaw';
import { WebSocket } from 'ws';
import { Samples } from './percentiles.ts';
import { waitedForCoreMs } from './load-protocol.ts';
import type { HostOptions, TimedReport } from './load-protocol.ts';

const PTIME_MS = 20;
/** A second of frames: what comes beyond is dropped, oldest first. */
const QUEUE_FRAMES = 50;
const { backendPort } = JSON.parse(process.argv[2] ?? '{}') as HostOptions;
// Typings describe named exports; Node finds them on the default one.
const { mulaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;
let calls = 0;
let ticks = 0;
let lateTicks = 0;
let latenesses = new Samples();
let lostFrames = 0;
let underrunTicks = 0;

async function openCall(call: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const heard: Buffer[] = [];
  const said: Int16Array[] = [];
  let phonePort = 0;
  socket.on('message', (frame, from) => {
    phonePort = from.port;
    if (heard.push(frame) > QUEUE_FRAMES) heard.shift();
  });
  process.send?.({ call, port: socket.address().port });
  await once(socket, 'message');

  const ws = new WebSocket(`ws://127.0.0.1:${backendPort}/v1/realtime`);
  ws.on('message', (data: Buffer) => {
    const event = JSON.parse(data.toString()) as { type: string; delta?: string };
    if (event.type !== 'response.output_audio.delta' || event.delta === undefined) return;
    const bytes = Buffer.from(event.delta, 'base64');
    const pcm = new Int16Array(bytes.length / 6);
    for (let n = 0; n < pcm.length; n += 1) pcm[n] = bytes.readInt16LE(6 * n);
    if (said.push(pcm) > QUEUE_FRAMES) said.shift();
  });
  await once(ws, 'open');

  let lastMs = performance.now();
  setInterval(() => {
    const nowMs = performance.now();
    ticks += 1;
    if (nowMs - lastMs > 1.5 * PTIME_MS) lateTicks += 1;
    latenesses.add(Math.max(0, nowMs - lastMs - PTIME_MS));
    lastMs = nowMs;
    const frame = heard.shift();
    if (frame === undefined) lostFrames += 1;
    else {
      const pcm = threefold(mulaw.decode(frame));
      const audio = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString('base64');
      ws.send(JSON.stringify({ type: 'input_audio_buffer.append', audio }));
    }
    const answer = said.shift();
    if (answer === undefined) underrunTicks += 1;
    else socket.send(mulaw.encode(answer), phonePort, '127.0.0.1');
  }, PTIME_MS);
}

/** 8 kHz → 24 kHz along straight lines. */
function threefold(pcm: Int16Array): Int16Array {
  const out = new Int16Array(3 * pcm.length);
  for (let n = 0; n < pcm.length; n += 1) {
    const here = pcm[n] ?? 0;
    const step = ((pcm[n + 1] ?? here) - here) / 3;
    out[3 * n] = here;
    out[3 * n + 1] = here + step;
    out[3 * n + 2] = here + 2 * step;
  }
  return out;
}

async function open(count: number): Promise<void> {
  for (let opened = 0; opened < count; opened += 1) {
    await openCall(calls);
    calls += 1;
  }
  process.send?.({ opened: calls });
}

let lastCpu = process.cpuUsage();
let lastReportMs = performance.now();
let lastWaitedMs = waitedForCoreMs();

function report(): TimedReport {
  const cpu = process.cpuUsage(lastCpu);
  const nowMs = performance.now();
  const cpuMs = (cpu.user + cpu.system) / 1000;
  const wallMs = nowMs - lastReportMs;
  const residentBytes = process.memoryUsage.rss();
  const late = { latenessP50Ms: latenesses.at(0.5), latenessP99Ms: latenesses.at(0.99) };
  const counts = { ticks, lateTicks, lostFrames, underrunTicks, ...late };
  latenesses = new Samples();
  const result = { calls, ...counts, cpuMs, wallMs, waitedMs: waitedForCoreMs() - lastWaitedMs, residentBytes };
  ticks = lateTicks = lostFrames = underrunTicks = 0;
  lastCpu = process.cpuUsage();
  lastReportMs = nowMs;
  lastWaitedMs = waitedForCoreMs();
  return result;
}

process.on('message', (message: { open?: number; ask?: 'report' | 'stop' }) => {
  if (message.open !== undefined) void open(message.open);
  else if (message.ask === 'report') process.send?.({ report: report() });
  else process.exit(0);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

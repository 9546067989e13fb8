/**
 * The far side of many unicast calls, in a process of its own: one 20 ms G.711 frame each way. Told `{ call, port }` over IPC it
 * sends to that port; told `report` it says what it counted; told `stop` it leaves. Sends are spread over the ptime and
 * conversations over their length, as those of unrelated calls would be. A few sockets serve all: the generator is not to
 * be the limit.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { TALK_FRAMES, telephoneTalk } from './telephone-talk.ts';

const PTIME_MS = 20;
const FRAME_BYTES = 160;
const SOCKETS = 16;
/** Of a golden section: neighbours stand in different places of the conversation. */
const STRIDE = 371;
const GAP_BINS = 200;

interface Phone {
  readonly socket: Socket;
  readonly port: number;
  /** Frame of the conversation that is said next. */
  next: number;
  lastAtMs: number;
}

export interface PhonesReport {
  readonly sent: number;
  readonly received: number;
  /** Of those received, the ones that are what was sent. */
  readonly echoed: number;
  readonly wrongSize: number;
  /** Frames that came more than 40 ms after the one before. */
  readonly lateGaps: number;
  readonly gapP99Ms: number;
  readonly cpuMs: number;
  /** Frames the phones themselves sent late by over 10 ms: the generator's own fault, not the gateway's. */
  readonly ownLate: number;
  /** Of the whole conversation. */
  readonly hash: string;
}

const talk = await telephoneTalk();
const known = new Set(talk.map((frame) => frame.toString('latin1')));
if (known.size !== TALK_FRAMES) throw new Error('two frames of the conversation are alike');
const slots: Phone[][] = Array.from({ length: PTIME_MS }, () => []);
const byPort = new Map<number, Phone>();
const sockets = await Promise.all(Array.from({ length: SOCKETS }, openSocket));
/** Gaps between received frames, in whole ms. */
const gaps = new Uint32Array(GAP_BINS);
const counts = { sent: 0, received: 0, echoed: 0, wrongSize: 0, ownLate: 0 };
let slotAtMs = performance.now();
let slot = 0;
let cpuBase = process.cpuUsage();

async function openSocket(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 1 << 20 });
  socket.on('message', (message, from) => receive(message, from.port));
  socket.on('error', () => (counts.wrongSize += 1));
  const listening = once(socket, 'listening');
  socket.bind(0, '127.0.0.1');
  await listening;
  return socket;
}

function add(call: number, port: number): void {
  const phone = {
    socket: sockets[call % SOCKETS]!,
    port,
    next: (call * STRIDE) % TALK_FRAMES,
    lastAtMs: 0,
  };
  byPort.set(port, phone);
  slots[call % PTIME_MS]!.push(phone);
  process.send?.({ added: call });
}

function receive(message: Buffer, port: number): void {
  const phone = byPort.get(port);
  if (phone === undefined) return;
  const nowMs = performance.now();
  counts.received += 1;
  if (message.length !== FRAME_BYTES) counts.wrongSize += 1;
  if (known.has(message.toString('latin1'))) counts.echoed += 1;
  if (phone.lastAtMs > 0) gaps[Math.min(GAP_BINS - 1, Math.floor(nowMs - phone.lastAtMs))]! += 1;
  phone.lastAtMs = nowMs;
}

/** One slot of 1 ms after another, caught up when the timer was late. */
function run(): void {
  const nowMs = performance.now();
  if (nowMs - slotAtMs > 500) slotAtMs = nowMs;
  while (slotAtMs <= nowMs) {
    for (const phone of slots[slot]!) {
      if (nowMs - slotAtMs > 10) counts.ownLate += 1;
      phone.socket.send(talk[phone.next]!, phone.port, '127.0.0.1');
      phone.next = (phone.next + 1) % TALK_FRAMES;
      counts.sent += 1;
    }
    slot = (slot + 1) % PTIME_MS;
    slotAtMs += 1;
  }
  setTimeout(run, Math.max(0, slotAtMs - performance.now()));
}

function report(): PhonesReport {
  const counted = gaps.reduce((sum, value) => sum + value, 0);
  let seen = 0;
  let gapP99Ms = 0;
  for (let i = 0; i < GAP_BINS && seen < counted * 0.99; i++) {
    seen += gaps[i]!;
    gapP99Ms = i;
  }
  const lateGaps = gaps.subarray(40).reduce((sum, value) => sum + value, 0);
  const cpu = process.cpuUsage(cpuBase);
  cpuBase = process.cpuUsage();
  const hash = createHash('sha256').update(Buffer.concat(talk)).digest('hex').slice(0, 16);
  const out = { ...counts, lateGaps, gapP99Ms, cpuMs: (cpu.user + cpu.system) / 1000, hash };
  gaps.fill(0);
  for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] = 0;
  return out;
}

process.on('message', (message: { call?: number; port?: number; ask?: 'report' | 'stop' }) => {
  if (message.call !== undefined && message.port !== undefined) add(message.call, message.port);
  else if (message.ask === 'report') process.send?.({ report: report() });
  else if (message.ask === 'stop') process.exit(0);
});
process.on('disconnect', () => process.exit(0));
run();
process.send?.({ ready: true });

/**
 * The far side of many unicast calls, in a process of its own: one UDP socket a call, one 20 ms G.711 frame each way.
 * Told `{ call, port }` over IPC it sends to that port; told `report` it says what it counted; told `stop` it leaves.
 * Sends are spread over the ptime as unrelated calls would be.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';

const PTIME_MS = 20;
const FRAME_BYTES = 160;

interface Phone {
  readonly socket: Socket;
  readonly port: number;
  readonly slot: number;
  sent: number;
  received: number;
  /** Of those received, the ones that are what was sent. */
  echoed: number;
  wrongSize: number;
  lastAtMs: number;
  /** Gaps between received frames, in whole ms, up to 199. */
  readonly gaps: Uint32Array;
}

export interface PhonesReport {
  readonly sent: number;
  readonly received: number;
  /** Of those received, the ones that are what was sent. */
  readonly echoed: number;
  readonly wrongSize: number;
  /** Of each phone's frames, how many came more than 40 ms after the one before. */
  readonly lateGaps: number;
  readonly gapP99Ms: number;
  readonly cpuMs: number;
  /** Frames the phones themselves sent late by over 10 ms: the generator's own fault, not the gateway's. */
  readonly ownLate: number;
  /** Of the last frame that came back as it was sent. */
  readonly hash: string;
}

const phones: Phone[] = [];
const frame = Buffer.alloc(FRAME_BYTES);
for (let i = 0; i < FRAME_BYTES; i++) frame[i] = 0x80 | ((i * 7) & 0x3f);
let slotAtMs = performance.now();
let slot = 0;
let ownLate = 0;
let lastEcho: Buffer = Buffer.alloc(0);
let cpuBase = process.cpuUsage();

function add(call: number, port: number): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 64 * 1024 });
  const phone: Phone = {
    socket,
    port,
    slot: call % PTIME_MS,
    sent: 0,
    received: 0,
    echoed: 0,
    wrongSize: 0,
    lastAtMs: 0,
    gaps: new Uint32Array(200),
  };
  socket.on('message', (message) => {
    const nowMs = performance.now();
    if (message.length !== FRAME_BYTES) phone.wrongSize += 1;
    phone.received += 1;
    if (frame.equals(message)) {
      phone.echoed += 1;
      lastEcho = message;
    }
    if (phone.lastAtMs > 0) {
      const bin = Math.min(199, Math.floor(nowMs - phone.lastAtMs));
      phone.gaps[bin] = (phone.gaps[bin] ?? 0) + 1;
    }
    phone.lastAtMs = nowMs;
  });
  socket.on('error', () => (phone.wrongSize += 1));
  socket.bind(0, '127.0.0.1', () => {
    socket.connect(port, '127.0.0.1', () => {
      phones.push(phone);
      process.send?.({ added: call });
    });
  });
}

/** One slot of 1 ms after another, caught up when the timer was late. */
function run(): void {
  const nowMs = performance.now();
  if (nowMs - slotAtMs > 500) slotAtMs = nowMs;
  while (slotAtMs <= nowMs) {
    for (const phone of phones) {
      if (phone.slot !== slot) continue;
      if (nowMs - slotAtMs > 10) ownLate += 1;
      phone.socket.send(frame);
      phone.sent += 1;
    }
    slot = (slot + 1) % PTIME_MS;
    slotAtMs += 1;
  }
  setTimeout(run, Math.max(0, slotAtMs - performance.now()));
}

function report(): PhonesReport {
  const gaps = new Uint32Array(200);
  const total = { sent: 0, received: 0, echoed: 0, wrongSize: 0 };
  for (const phone of phones) {
    total.sent += phone.sent;
    total.received += phone.received;
    total.echoed += phone.echoed;
    total.wrongSize += phone.wrongSize;
    for (let i = 0; i < 200; i++) gaps[i] = (gaps[i] ?? 0) + (phone.gaps[i] ?? 0);
    phone.sent = phone.received = phone.echoed = phone.wrongSize = 0;
    phone.gaps.fill(0);
  }
  const counted = gaps.reduce((sum, value) => sum + value, 0);
  let seen = 0;
  let gapP99Ms = 0;
  for (let i = 0; i < 200 && seen < counted * 0.99; i++) {
    seen += gaps[i] ?? 0;
    gapP99Ms = i;
  }
  const lateGaps = gaps.subarray(40).reduce((sum, value) => sum + value, 0);
  const cpu = process.cpuUsage(cpuBase);
  cpuBase = process.cpuUsage();
  const hash = createHash('sha256').update(lastEcho).digest('hex').slice(0, 16);
  const out = { ...total, lateGaps, gapP99Ms, cpuMs: (cpu.user + cpu.system) / 1000, ownLate, hash };
  ownLate = 0;
  return out;
}

process.on('message', (message: { call?: number; port?: number; ask?: 'report' | 'stop' }) => {
  if (message.call !== undefined && message.port !== undefined) add(message.call, message.port);
  else if (message.ask === 'report') process.send?.({ report: report() });
  else if (message.ask === 'stop') process.exit(0);
});
process.on('disconnect', () => process.exit(0));
run();

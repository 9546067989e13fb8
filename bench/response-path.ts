/**
 * What our own media path adds to a conversation, with one clock at both ends: the phones and the Realtime server are this
 * process, the sessions another one.
 *
 *   hear   a caller's frame enters our port → its append message is on the wire
 *   speak  the first delta of a phrase enters our socket → its first frame is on the wire
 *
 * Phrases begin at random against the 20 ms grid of the call, so half a frame (10 ms) of the second is the grid itself; the
 * excess over it is ours. Loopback and Node's sockets at both ends are in all figures.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { LoadProcess } from './load/load-protocol.ts';

const FRAME_BYTES = 160;
const PTIME_MS = 20;
const ALTERED_SHARE = 0.05;
const HALF_FRAME_MS = PTIME_MS / 2;
/** Length of a phrase in frames: it must fill the prebuffer at once, as a backend that is faster than real time does. */
const PHRASE_FRAMES = 3;
/** From the start of a phrase to the earliest start of the next, ms. */
const PHRASE_EVERY_MS = 140;
/** From the last call's start to the first frame that counts: ticks have found their phase by then. */
const SETTLE_MS = 1_000;
const HEAD = '"audio":"';

/** Delays of one direction. A frame is known by its number, written into its samples. */
class Delays {
  readonly #startedMs = new Map<number, number>();
  readonly #ms: number[] = [];
  measuring = false;
  altered = 0;

  get count(): number {
    return this.#ms.length;
  }

  start(number: number): void {
    if (this.measuring) this.#startedMs.set(number, performance.now());
  }

  arrived(frame: Uint8Array): void {
    const number = numberOf(frame);
    const startedMs = this.#startedMs.get(number);
    if (startedMs === undefined) return;
    this.#ms.push(performance.now() - startedMs);
    this.#startedMs.delete(number);
    if (!framesEqual(frame, number)) this.altered += 1;
  }

  /** Frames that never came. */
  get missing(): number {
    return this.#startedMs.size;
  }

  percentile(share: number): number {
    const sorted = this.#ms.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  }
}

/** µ-law: quiet, and no two frames alike. Five bits a byte in the first four, then a pattern. */
function frameOf(number: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  for (let n = 0; n < 4; n += 1) frame[n] = 0xe0 | ((number >> (5 * n)) & 0x1f);
  for (let n = 4; n < FRAME_BYTES; n += 1) frame[n] = 0xe0 | ((number + n) & 0x0f);
  return frame;
}

function numberOf(frame: Uint8Array): number {
  let number = 0;
  for (let n = 0; n < 4; n += 1) number |= ((frame[n] ?? 0) & 0x1f) << (5 * n);
  return number;
}

function framesEqual(frame: Uint8Array, number: number): boolean {
  return frameOf(number).equals(frame);
}

const hear = new Delays();
const speak = new Delays();
let nextNumber = 1;
/** Numbers come again after a million frames, long after any of them was heard. */
const takeNumber = (): number => (nextNumber = (nextNumber + 1) & 0xfffff);

/** One conversation at a time of phrases that begin at random. */
async function converse(socket: WebSocket): Promise<void> {
  const say = (event: object): void => socket.send(JSON.stringify({ event_id: 'e', ...event }));
  while (socket.readyState === socket.OPEN) {
    await sleep(PHRASE_EVERY_MS + Math.random() * 2 * PTIME_MS);
    const number = takeNumber();
    const item = `item_${number}`;
    const response = `resp_${number}`;
    const at = { response_id: response, output_index: 0 };
    say({ type: 'response.created', response: { id: response, status: 'in_progress', output: [] } });
    say({ type: 'response.output_item.added', ...at, item: { id: item, type: 'message', role: 'assistant' } });
    const frames = [number, ...Array.from({ length: PHRASE_FRAMES - 1 }, takeNumber)].map(frameOf);
    const delta = { ...at, item_id: item, content_index: 0 };
    const message = { type: 'response.output_audio.delta', ...delta, delta: Buffer.concat(frames).toString('base64') };
    speak.start(number);
    say(message);
    say({ type: 'response.output_audio.done', ...delta });
    say({ type: 'response.done', response: { id: response, status: 'completed', output: [] } });
  }
}

function onConnection(socket: WebSocket): void {
  const session = { type: 'realtime', id: 'sess_bench', model: 'bench' };
  socket.send(JSON.stringify({ type: 'session.created', event_id: 'e', session }));
  let conversing = false;
  socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1');
    if (text.includes('"input_audio_buffer.append"')) {
      const from = text.indexOf(HEAD) + HEAD.length;
      hear.arrived(Buffer.from(text.slice(from, text.indexOf('"', from)), 'base64'));
      if (!conversing) void converse(socket);
      conversing = true;
    } else if (text.includes('"session.update"')) {
      const update = JSON.parse(text) as { session: object };
      const answer = { type: 'session.updated', event_id: 'e', session: { ...session, ...update.session } };
      socket.send(JSON.stringify(answer));
    }
  });
}

/** A phone for our port `port`: a frame every ptime, in a phase of its own. */
async function ring(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (frame) => speak.arrived(frame));
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let dueMs = performance.now() + Math.random() * PTIME_MS;
  let timer: NodeJS.Timeout;
  const send = (): void => {
    const number = takeNumber();
    hear.start(number);
    socket.send(frameOf(number));
    dueMs += PTIME_MS;
    timer = setTimeout(send, dueMs - performance.now());
  };
  timer = setTimeout(send, dueMs - performance.now());
  socket.on('close', () => clearTimeout(timer));
  return socket;
}

/** Prints both delays. `small` is for a check that it runs: its percentiles mean little. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const calls = small ? 4 : 20;
  const samples = small ? 40 : 3_000;
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  server.on('connection', onConnection);
  const phones: Promise<Socket>[] = [];
  const backendPort = (server.address() as { port: number }).port;
  const host = LoadProcess.start('session-host.ts', { backendPort, calls }, ({ port }) => {
    if (typeof port === 'number') phones.push(ring(port));
  });
  try {
    await host.next('ready');
    const opened = host.next('opened');
    host.tell({ open: calls });
    await opened;
    await sleep(SETTLE_MS);
    hear.measuring = speak.measuring = true;
    while (speak.count < samples) await sleep(100);
  } finally {
    // First the phones: a port that is gone answers with an error.
    for (const phone of await Promise.all(phones)) phone.close();
    await host.stop();
    for (const client of server.clients) client.terminate();
    server.close();
  }
  print(calls);
}

function print(calls: number): void {
  console.log(`response path: added delay in ms, G.711, ${calls} calls`);
  console.log('  direction   frames     p50     p99   p50 over half a frame   altered');
  for (const [name, delays] of Object.entries({ hear, speak })) {
    const p50 = delays.percentile(0.5);
    const figures = [p50, delays.percentile(0.99)].map((ms) => ms.toFixed(2).padStart(8)).join('');
    const excess = (p50 - HALF_FRAME_MS).toFixed(2).padStart(24);
    console.log(
      `  ${name.padEnd(10)}${String(delays.count).padStart(8)}${figures}${excess}${String(delays.altered).padStart(10)}`,
    );
  }
  const example = createHash('sha256').update(frameOf(1)).digest('hex').slice(0, 16);
  console.log(`  hash of the first frame: ${example}`);
  // One beside a frame that came too late is blended with what was made up for it, and the buffer cuts a little while it settles.
  const altered = hear.altered + speak.altered;
  if (altered > ALTERED_SHARE * (hear.count + speak.count)) throw new Error('frames came out other than they went in');
}

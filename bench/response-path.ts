/**
 * What our own media path adds to a conversation, with one clock at both ends: the phones and the Realtime server are this
 * process, the sessions another one.
 *
 *   hear   a caller's frame enters our port → its append message is on the wire
 *   speak  the first delta of a phrase enters our socket → its first frame is on the wire
 *
 * Phrases begin at random against the 20 ms grid of the call, so half a frame (10 ms) of the second is the grid itself; the
 * excess over it is ours. Loopback and Node's sockets at both ends are in all figures. The caller speaks all the time: silence is sent
 * later, on purpose.
 *
 * Frames must come out as they went in, but for those of a moment in which the call's jitter buffer itself says that it made something
 * up, cut out or repeated.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { LoadProcess } from './load/load-protocol.ts';
import { telephoneTalk } from './load/telephone-talk.ts';

const FRAME_BYTES = 160;
const PTIME_MS = 20;
/** A few frames beside such a moment, of which the buffer's counters tell only so exactly. */
const ALTERED_SHARE = 0.01;
/** How often the buffers' counters are asked for, and how far from a change a frame still belongs to it, ms. */
const WATCH_MS = 100;
const BESIDE_MS = 80;
/** Of the agent's frames: no jitter buffer is in their way. */
const NO_CALL = -1;
const HALF_FRAME_MS = PTIME_MS / 2;
/** Length of a phrase in frames: it must fill the prebuffer at once, as a backend that is faster than real time does. */
const PHRASE_FRAMES = 3;
/** From the start of a phrase to the earliest start of the next, ms. */
const PHRASE_EVERY_MS = 140;
/** From the last call's start to the first frame that counts: ticks have found their phase by then. */
const SETTLE_MS = 1_000;
const HEAD = '"audio":"';
/** µ-law without its sign: below it is a voice. */
const LOUD_BELOW = 0x40;

/** A frame that came out otherwise than it went in. */
interface Altered {
  readonly call: number;
  readonly atMs: number;
}

/** Delays of one direction. A frame is known by its number, written into its samples. */
class Delays {
  readonly altered: Altered[] = [];
  readonly #frameOf: (number: number) => Buffer;
  readonly #started = new Map<number, { readonly atMs: number; readonly call: number }>();
  readonly #ms: number[] = [];
  measuring = false;

  constructor(frameOf: (number: number) => Buffer) {
    this.#frameOf = frameOf;
  }

  get count(): number {
    return this.#ms.length;
  }

  start(number: number, call: number): void {
    if (this.measuring) this.#started.set(number, { atMs: performance.now(), call });
  }

  arrived(frame: Uint8Array): void {
    const number = numberOf(frame);
    const started = this.#started.get(number);
    if (started === undefined) return;
    const nowMs = performance.now();
    this.#ms.push(nowMs - started.atMs);
    this.#started.delete(number);
    if (!this.#frameOf(number).equals(frame)) this.altered.push({ call: started.call, atMs: nowMs });
  }

  /** Frames that never came. */
  get missing(): number {
    return this.#started.size;
  }

  percentile(share: number): number {
    const sorted = this.#ms.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  }
}

/** µ-law, what the agent says: quiet, and no two frames alike. Five bits a byte in the first four, then a pattern. */
function agentFrame(number: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  for (let n = 4; n < FRAME_BYTES; n += 1) frame[n] = 0xe0 | ((number + n) & 0x0f);
  return numbered(frame, number);
}

/** What the caller says: a voice, numbered alike. */
function callerFrame(number: number): Buffer {
  return numbered(Buffer.from(voice[number % voice.length]!), number);
}

function numbered(frame: Buffer, number: number): Buffer {
  for (let n = 0; n < 4; n += 1) frame[n] = 0xe0 | ((number >> (5 * n)) & 0x1f);
  return frame;
}

function numberOf(frame: Uint8Array): number {
  let number = 0;
  for (let n = 0; n < 4; n += 1) number |= ((frame[n] ?? 0) & 0x1f) << (5 * n);
  return number;
}

/** Nothing but speech. */
const voice = (await telephoneTalk()).filter((frame) => frame.some((code) => (code & 0x7f) < LOUD_BELOW));
const hear = new Delays(callerFrame);
const speak = new Delays(agentFrame);
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
    const frames = [number, ...Array.from({ length: PHRASE_FRAMES - 1 }, takeNumber)].map(agentFrame);
    const delta = { ...at, item_id: item, content_index: 0 };
    const message = { type: 'response.output_audio.delta', ...delta, delta: Buffer.concat(frames).toString('base64') };
    speak.start(number, NO_CALL);
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
async function ring(call: number, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (frame) => speak.arrived(frame));
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let dueMs = performance.now() + Math.random() * PTIME_MS;
  let timer: NodeJS.Timeout;
  const send = (): void => {
    const number = takeNumber();
    hear.start(number, call);
    socket.send(callerFrame(number));
    dueMs += PTIME_MS;
    timer = setTimeout(send, dueMs - performance.now());
  };
  timer = setTimeout(send, dueMs - performance.now());
  socket.on('close', () => clearTimeout(timer));
  return socket;
}

/** What the jitter buffers said of themselves, and when. */
interface Watched {
  readonly atMs: number;
  readonly lines: readonly number[];
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
  const host = LoadProcess.start('session-host.ts', { backendPort, calls }, ({ call, port }) => {
    if (typeof call === 'number' && typeof port === 'number') phones.push(ring(call, port));
  });
  const watched: Watched[] = [];
  try {
    await host.next('ready');
    const opened = host.next('opened');
    host.tell({ open: calls });
    await opened;
    await sleep(SETTLE_MS);
    hear.measuring = speak.measuring = true;
    for (let enough = false; !enough; await sleep(WATCH_MS)) {
      enough = speak.count >= samples;
      const lines = host.next<number[]>('lines');
      host.tell({ ask: 'lines' });
      watched.push({ lines: await lines, atMs: performance.now() });
    }
  } finally {
    // First the phones: a port that is gone answers with an error.
    for (const phone of await Promise.all(phones)) phone.close();
    await host.stop();
    for (const client of server.clients) client.terminate();
    server.close();
  }
  print(calls, watched);
}

/** Whether the buffer of its call did anything near the time of a frame. */
function excused({ call, atMs }: Altered, watched: readonly Watched[]): boolean {
  const before = watched.findLast((each) => each.atMs < atMs - BESIDE_MS) ?? watched[0];
  const after = watched.find((each) => each.atMs > atMs + BESIDE_MS) ?? watched.at(-1);
  return call !== NO_CALL && before?.lines[call] !== after?.lines[call];
}

function print(calls: number, watched: readonly Watched[]): void {
  console.log(`response path: added delay in ms, G.711, ${calls} calls`);
  console.log('  direction   frames     p50     p99   p50 over half a frame   altered   unexcused');
  let unexcused = 0;
  for (const [name, delays] of Object.entries({ hear, speak })) {
    const p50 = delays.percentile(0.5);
    const figures = [p50, delays.percentile(0.99)].map((ms) => ms.toFixed(2).padStart(8)).join('');
    const excess = (p50 - HALF_FRAME_MS).toFixed(2).padStart(24);
    const open = delays.altered.filter((each) => !excused(each, watched)).length;
    unexcused += open;
    const counts = String(delays.altered.length).padStart(10) + String(open).padStart(12);
    console.log(`  ${name.padEnd(10)}${String(delays.count).padStart(8)}${figures}${excess}${counts}`);
  }
  const example = createHash('sha256').update(callerFrame(1)).digest('hex').slice(0, 16);
  console.log(`  hash of the first frame: ${example}`);
  if (unexcused > ALTERED_SHARE * (hear.count + speak.count))
    throw new Error('frames came out other than they went in');
}

/** A gateway on a simulated switch, a link between the two that lags and breaks, and an operator who does as they please. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { Gateway } from '../../../src/gateway.ts';
import type { SimulatedChannel } from '../../../src/simulator/simulated-channel.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { FreeswitchAdapter } from '../../../src/switch/freeswitch/freeswitch-adapter.ts';
import { FakeBackend, FakeDspPool, FakeStream } from '../../sim/fake-peers.ts';
import { TestPhone } from '../../simulator/switch-bench.ts';
import { HandClock } from './hand-clock.ts';
import { RawClient } from './recorded-dialogue.ts';

/** Channels that a step may name; those that are gone are made anew, each in its own kind. */
export const CHANNELS = 5;

/** One thing that somebody does. */
export type Step =
  | { readonly by: 'operator'; readonly line: string; readonly x: number; readonly y: number }
  | { readonly by: 'us'; readonly line: string; readonly x: number }
  | { readonly by: 'phone'; readonly digits: string; readonly x: number }
  | { readonly by: 'network' };

/** A step, and how many ptimes of 20 ms pass after it. */
export type Timed = readonly [Step, number];

const EXTENSIONS = {
  parks: ['answer', 'park'],
  announces: ['answer', 'playback:tone_stream://%(60,0,500)', 'park'],
  echoes: ['answer', 'echo'],
  bridges: ['set:park_after_bridge=true', 'bridge:loopback/app=echo', 'park'],
  unanswered: ['park'],
};

/** TCP in between: every byte comes `lagMs` later, in order; everything can be cut. */
class LaggingWire {
  readonly #clock: HandClock;
  readonly #lagMs: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(clock: HandClock, lagMs: number, port: () => number) {
    this.#clock = clock;
    this.#lagMs = lagMs;
    this.#server = createServer((near) => {
      const far = connect({ port: port(), host: '127.0.0.1' });
      this.#pipe(near, far);
      this.#pipe(far, near);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (bytes) => {
      if (this.#lagMs === 0) to.write(bytes);
      else this.#clock.after(this.#lagMs, () => to.writable && to.write(bytes));
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

/** What came of a sequence. */
export interface Outcome {
  readonly crashed: string | null;
  /** A unicast was left without an owner: one datagram after the hang-up, and the switch is dead. */
  readonly haunted: boolean;
  readonly replies: readonly string[];
  readonly sentFrames: number;
  /** Calls that talked, and unicasts that were begun for them. */
  readonly calls: number;
  readonly unicasts: number;
}

/** Plays a sequence to its end, and shows that nothing is left of it. */
export async function play(sequence: readonly Timed[], lagMs: number): Promise<Outcome> {
  const clock = new HandClock();
  const fs = new SimulatedSwitch({ clock, extensions: EXTENSIONS });
  await fs.listen();
  const wire = new LaggingWire(clock, lagMs, () => fs.port);
  const adapter = new FreeswitchAdapter({
    name: 'fs',
    host: '127.0.0.1',
    port: await wire.listen(),
    password: 'ClueCon',
    clock,
    events: { emit: () => undefined },
  });
  const backend = new FakeBackend();
  backend.onOpen = () => Promise.resolve(new FakeStream());
  let [sentFrames, unicasts, calls] = [0, 0, 0];
  const activate = adapter.link.activateUnicast.bind(adapter.link);
  adapter.link.activateUnicast = (permit, addresses) => {
    unicasts += 1;
    return activate(permit, addresses);
  };
  const pool = new FakeDspPool(CHANNELS);
  const gateway = new Gateway({
    clock,
    events: { emit: () => undefined },
    dspPool: pool,
    adapters: [adapter],
    profiles: new Map([['p', { backend, options: {} }]]),
    version: '0',
    onCallEnded: (snapshot) => {
      if (snapshot.sentFrames > 0) calls += 1;
      sentFrames += snapshot.sentFrames;
    },
  });
  const pass = async (ptimes: number): Promise<void> => {
    for (let n = 0; n < ptimes; n += 1) {
      clock.advance(20);
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const opened = gateway.open();
  const operator = new RawClient(fs.port);
  await Promise.all([operator.login(), pump(pass, opened)]);
  const channels = new Set<SimulatedChannel>();
  let haunted = false;
  const uuids: string[] = [];
  const phones: TestPhone[] = [];
  const replies: string[] = [];
  const asked: Promise<void>[] = [];
  try {
    for (const [step, ptimes] of sequence) {
      if (fs.crashed !== null) break;
      for (let n = 0; n < CHANNELS; n += 1)
        if (!fs.channels.has(uuids[n] ?? '')) [uuids[n], phones[n]] = newCall(fs, n, uuids);
      if (step.by === 'network') wire.cut();
      else if (step.by === 'phone') phones[step.x]!.digits += step.digits;
      else if (step.by === 'us') {
        const line = `uuid_audio_stream ${uuids[step.x]!} ${step.line}`;
        asked.push(gateway.command(line).then((reply) => void replies.push(reply)));
      } else {
        const line = step.line.replaceAll('X', uuids[step.x]!).replaceAll('Y', uuids[step.y]!);
        operator.send(line.startsWith('sendmsg') ? line : `bgapi ${line}\n\n`);
      }
      await pass(ptimes);
      for (const each of fs.channels.values()) channels.add(each);
      haunted ||= [...channels].some((each) => each.haunted);
    }
    // What is on its way arrives, so that a mistake shows.
    if (fs.crashed === null) await pass(20);
  } finally {
    await pump(pass, gateway.close());
    await pump(pass, Promise.all(asked));
    // A park that could still meet a unicast of ours is watched for a minute after its call.
    for (let seconds = 0; seconds < 90 && adapter.legCount > 0; seconds += 1) clock.advance(1_000);
    operator.close();
    wire.close();
    await pump(pass, fs.close());
  }
  assert.is(replies.length, asked.length, 'every command has its one reply');
  for (const reply of replies) assert.match(reply, /^(\+OK|-ERR|-USAGE|\{)[^]*\n$/);
  assert.is(gateway.callCount, 0, 'no call is left');
  assert.is(adapter.legCount, 0, 'no leg is left');
  assert.is(pool.inUse, 0, 'no signal chain is left');
  assert.is(fs.clientCount, 0, 'no connection is left');
  for (let seconds = 0; seconds < 90 && clock.pending > 0; seconds += 1) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is(clock.pending, 0, 'no timer is left');
  return { crashed: fs.crashed, haunted, replies, sentFrames, calls, unicasts };
}

/** Parked, parked without an answer, ringing, and two that are bridged to each other where they can be. */
function newCall(fs: SimulatedSwitch, n: number, uuids: readonly string[]): [string, TestPhone] {
  const phone = new TestPhone();
  const kind = [{}, { answered: false }, { answered: false, parked: false }, {}, {}][n];
  const made = fs.createCall({ phone, ...kind });
  const partner = n === CHANNELS - 1 ? fs.channels.get(uuids[n - 1] ?? '') : undefined;
  if (partner?.answered === true && !partner.unicastActive) made.bridgeWith(partner);
  return [made.uuid, phone];
}

/** Lets time pass until `promise` is settled. */
async function pump<T>(pass: (ptimes: number) => Promise<void>, promise: Promise<T>): Promise<T> {
  const state = { settled: false };
  const watched = promise.finally(() => (state.settled = true));
  for (let n = 0; n < 5_000 && !state.settled; n += 1) await pass(1);
  assert.ok(state.settled, 'it comes to an end');
  return await watched;
}

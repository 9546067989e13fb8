/** A simulated switch with a clock in hand, phones that remember, and plain clients: what the tests of the switch share. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import * as assert from 'uvu/assert';
import type { SimulatedPhone } from '../../src/simulator/phone.ts';
import type { CallOptions } from '../../src/simulator/channel-host.ts';
import type { SimulatedChannel } from '../../src/simulator/simulated-channel.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import type { SimulatedSwitchOptions } from '../../src/simulator/simulated-switch.ts';
import { HandClock, until } from '../switch/freeswitch/hand-clock.ts';
import { RawClient } from '../switch/freeswitch/recorded-dialogue.ts';

/** A phone that says what it is told and keeps what it hears. */
export class TestPhone implements SimulatedPhone {
  /** Sample that every frame consists of; null: no RTP. */
  says: number | null = 1000;
  heard: (Int16Array | null)[] = [];
  digits = '';
  hungUp = false;
  endedWith: number | null = null;

  speak(frame: Int16Array): boolean {
    if (this.says === null) return false;
    frame.fill(this.says);
    return true;
  }

  hear(frame: Int16Array | null): void {
    this.heard.push(frame?.slice() ?? null);
  }

  takeDigits(): string {
    const { digits } = this;
    this.digits = '';
    return digits;
  }

  onHangup(hangupCause: number): void {
    this.endedWith = hangupCause;
  }

  /** Frames heard, without the gaps. */
  get sounds(): Int16Array[] {
    return this.heard.filter((frame) => frame !== null);
  }
}

/** Our end of a unicast: remembers datagrams. */
export class Peer {
  readonly socket: Socket = createSocket('udp4');
  readonly received: Buffer[] = [];
  from: RemoteInfo | null = null;

  async open(): Promise<number> {
    this.socket.on('message', (payload, remote) => {
      this.received.push(payload);
      this.from = remote;
    });
    await new Promise<void>((resolve) => this.socket.bind(0, '127.0.0.1', resolve));
    return this.socket.address().port;
  }

  #closed = false;

  close(): void {
    if (!this.#closed) this.socket.close();
    this.#closed = true;
  }

  /** Sends one datagram to the switch's side. */
  async send(payload: Uint8Array, port = this.from!.port): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.send(payload, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

export interface SwitchBench {
  readonly simulated: SimulatedSwitch;
  readonly clock: HandClock;
  readonly call: (options?: Partial<CallOptions>) => { channel: SimulatedChannel; phone: TestPhone };
  readonly client: () => Promise<RawClient>;
  readonly peer: () => Promise<{ peer: Peer; port: number }>;
  /** Moves on by whole ptimes of 20 ms; sockets get their turn after each. */
  readonly ticks: (count: number) => Promise<void>;
}

export async function withSwitch(
  options: Partial<SimulatedSwitchOptions>,
  run: (bench: SwitchBench) => Promise<void>,
): Promise<void> {
  const clock = new HandClock();
  const simulated = new SimulatedSwitch({ clock, ...options });
  await simulated.listen();
  const clients: RawClient[] = [];
  const peers: Peer[] = [];
  try {
    await run({
      simulated,
      clock,
      call: (call = {}) => {
        const phone = new TestPhone();
        return { channel: simulated.createCall({ phone, ...call }), phone };
      },
      client: async () => {
        const client = new RawClient(simulated.port);
        clients.push(client);
        await client.login();
        return client;
      },
      peer: async () => {
        const peer = new Peer();
        peers.push(peer);
        return { peer, port: await peer.open() };
      },
      ticks: async (count) => {
        for (let n = 0; n < count; n += 1) {
          clock.advance(20);
          for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        }
      },
    });
  } finally {
    for (const client of clients) client.close();
    for (const peer of peers) peer.close();
    await simulated.close();
  }
  assert.is(simulated.clientCount, 0, 'no connection is left');
  assert.is(clock.pending, 0, 'no timer is left');
}

/** `api` without a console: resolves with the body. */
export async function api(client: RawClient, line: string): Promise<string> {
  const from = client.received.length;
  client.send(`api ${line}\n\n`);
  const body = (): string | null => {
    const text = client.received.slice(from);
    const head = /Content-Type: api\/response\nContent-Length: (\d+)\n\n/.exec(text);
    if (head === null) return null;
    const rest = Buffer.from(text.slice(head.index + head[0].length));
    return rest.length >= Number(head[1]) ? rest.subarray(0, Number(head[1])).toString() : null;
  };
  await until(() => body() !== null, `answer to ${line}`);
  return body()!;
}

/** Sends `unicast` to a channel, as clients do; resolves with the reply text. */
export async function unicast(
  client: RawClient,
  uuid: string,
  remotePort: number,
  options: { native?: boolean; localPort?: number; remoteIp?: string; transport?: string } = {},
): Promise<string> {
  const { native = false, localPort = 0, remoteIp = '127.0.0.1', transport = 'udp' } = options;
  const lines = [
    `sendmsg ${uuid}`,
    'call-command: unicast',
    'local-ip: 127.0.0.1',
    `local-port: ${localPort}`,
    `remote-ip: ${remoteIp}`,
    `remote-port: ${remotePort}`,
    `transport: ${transport}`,
    ...(native ? ['flags: native'] : []),
  ];
  const reply = await client.ask(`${lines.join('\n')}\n\n`, /Reply-Text: [^\n]*\n\n/);
  return /Reply-Text: ([^\n]*)/.exec(reply)![1]!;
}

/** Sends an `execute`. */
export async function execute(client: RawClient, uuid: string, name: string, data = ''): Promise<void> {
  const lines = [`sendmsg ${uuid}`, 'call-command: execute', `execute-app-name: ${name}`];
  if (data !== '') lines.push(`execute-app-arg: ${data}`);
  await client.ask(`${lines.join('\n')}\n\n`, /Reply-Text: \+OK\n\n/);
}

/** Names of the JSON events that a client got, in order, without those of states. */
export function eventNames(client: RawClient): string[] {
  return [...client.received.matchAll(/"Event-Name":"([A-Z_]+)"/g)]
    .map((match) => match[1]!)
    .filter((name) => name !== 'CHANNEL_STATE' && name !== 'CHANNEL_CALLSTATE');
}

/** Names of the JSON events about one channel, in order, without those of states. */
export function eventsOf(client: RawClient, uuid: string): string[] {
  return client.received
    .split(/Content-Length: \d+\nContent-Type: text\/event-json\n\n/)
    .filter((text) => text.includes(`"Unique-ID":"${uuid}"`) && text.startsWith('{'))
    .map((text) => /"Event-Name":"([A-Z_]+)"/.exec(text)![1]!)
    .filter((name) => name !== 'CHANNEL_STATE' && name !== 'CHANNEL_CALLSTATE');
}

/** The last JSON event of a name. */
export function lastEvent(client: RawClient, name: string): Record<string, string> {
  const at = client.received.lastIndexOf(`{"Event-Name":"${name}"`);
  assert.ok(at >= 0, `an event ${name}`);
  const text = client.received.slice(at);
  const end = text.search(/}(?=Content-(Length|Type): |$)/);
  return JSON.parse(text.slice(0, end + 1)) as Record<string, string>;
}

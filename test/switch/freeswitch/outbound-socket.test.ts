/** Handovers: what a FreeSWITCH 1.11.2 said is played again; strangers, liars and silent peers play themselves. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { OutboundSocketServer, returnToDialplan } from '../../../src/switch/freeswitch/outbound-socket.ts';
import type {
  OutboundChannel,
  OutboundRefusal,
  OutboundSocketOptions,
} from '../../../src/switch/freeswitch/outbound-socket.ts';
import { readChannelData } from '../../../src/switch/freeswitch/outbound-socket-channel.ts';
import { HandClock, until } from './hand-clock.ts';

const test = suite('OutboundSocketServer');

interface Step {
  readonly from: 'switch' | 'talkspurt';
  readonly text: string;
}

const FIXTURE = new URL('../../fixtures/freeswitch-transcripts/outbound-socket.json', import.meta.url);
const RECORDED = JSON.parse(readFileSync(FIXTURE, 'utf8')) as { name: string; steps: Step[] }[];
const [TAKEN, REFUSED, REFUSED_SYNC] = RECORDED.map(({ steps }) => steps) as [Step[], Step[], Step[]];
const GREETING = TAKEN[1]!.text;
const MARK = /handover-[0-9a-f-]{36}/g;
const GOODBYE = TAKEN[5]!.text;

interface Bench {
  readonly clock: HandClock;
  readonly server: OutboundSocketServer;
  readonly admitted: OutboundChannel[];
  readonly taken: OutboundChannel[];
  readonly refusals: OutboundRefusal[];
  readonly faults: TalkspurtError[];
  /** Connects as a switch does. */
  dial(): Promise<FakeSwitch>;
}

async function bench(
  run: (bench: Bench) => Promise<void>,
  options: Partial<OutboundSocketOptions> = {},
): Promise<void> {
  const clock = new HandClock();
  const [admitted, taken]: OutboundChannel[][] = [[], []];
  const refusals: OutboundRefusal[] = [];
  const faults: TalkspurtError[] = [];
  const server = new OutboundSocketServer({
    host: '127.0.0.1',
    port: 0,
    clock,
    admit: (channel) => void admitted!.push(channel),
    onChannel: async (channel) => void taken!.push(channel),
    onRefused: (refusal) => void refusals.push(refusal),
    onFault: (error) => faults.push(error),
    ...options,
  });
  const { port } = await server.listen();
  const dialled: FakeSwitch[] = [];
  const dial = async (): Promise<FakeSwitch> => {
    const peer = new FakeSwitch(port);
    dialled.push(peer);
    await until(() => peer.received !== '' || peer.closed, 'a greeting');
    return peer;
  };
  try {
    await run({ clock, server, admitted: admitted!, taken: taken!, refusals, faults, dial });
  } finally {
    for (const peer of dialled) peer.socket.destroy();
    await server.close();
    await server.close();
    await until(() => dialled.every((peer) => peer.closed), 'all closed');
  }
  assert.is(server.handovers, 0, 'no connection is left');
  assert.is(clock.pending, 0, 'no timer is left');
}

/** The switch's side of one connection. */
class FakeSwitch {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('data', (bytes: Buffer) => (this.received += bytes.toString()));
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('error', () => undefined);
  }

  /** Writes whole, or a piece at a time. */
  say(text: string, pieceBytes = Infinity): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += pieceBytes) this.socket.write(bytes.subarray(at, at + pieceBytes));
  }

  async hears(what: RegExp): Promise<void> {
    await until(() => what.test(this.received), String(what));
  }

  /** Plays the switch's part of a recording to its end, and closes. */
  async play(steps: readonly Step[], pieceBytes = Infinity): Promise<void> {
    let said = '';
    for (const { from, text } of steps) {
      if (from === 'talkspurt') {
        said += text;
        await until(() => this.received.length >= said.length, `as much as: ${text}`);
        assert.is(this.received.slice(0, said.length).replaceAll(MARK, '*'), said.replaceAll(MARK, '*'));
        continue;
      }
      const mark = MARK.exec(this.received)?.[0] ?? '';
      MARK.lastIndex = 0;
      this.say(mark === '' ? text : text.replaceAll(MARK, mark), pieceBytes);
    }
    this.socket.end();
  }
}

test('a recorded call is led out of its dialplan, let go of, and then handed on', () =>
  bench(async ({ dial, taken, admitted, refusals, faults }) => {
    const peer = await dial();
    await peer.play(TAKEN.slice(0, -1));
    await peer.hears(/\n\nexit\n\n$/);
    assert.equal(taken, [], 'not before the connection is over: its end would end the park');
    peer.say(GOODBYE);
    peer.socket.end();
    await until(() => taken.length === 1, 'taken');
    assert.equal(taken, admitted);
    assert.equal(taken[0], {
      uuid: '6f3d9c1e-0000-4000-8000-000000000000',
      profile: 'sales',
      switchHost: '127.0.0.1',
      switchName: 'labfs',
      destination: { number: '5004', dialplan: 'inline', context: 'default' },
      refusedBefore: null,
      async: true,
    });
    assert.equal([refusals, faults], [[], []]);
  }));

test('the same, in pieces of any size', async () => {
  for (const pieceBytes of [1, 7, 1000]) {
    await bench(async ({ dial, taken }) => {
      await (await dial()).play(TAKEN, pieceBytes);
      await until(() => taken.length === 1, `taken in pieces of ${pieceBytes}`);
    });
  }
});

test('two parks: the end of the connection ends the first, and the second stays', () =>
  bench(async ({ dial }) => {
    const peer = await dial();
    peer.say(GREETING);
    await peer.hears(
      /execute-app-arg: set:socket_resume=,set:talkspurt_park=handover-[0-9a-f-]{36},park,park inline\n\n/,
    );
  }));

for (const [name, steps, code] of [
  ['async', REFUSED, 'ERR_TALKSPURT_DRAINING'],
  ['sync: without resume, which would leave it in its reset', REFUSED_SYNC, 'ERR_TALKSPURT_NOT_SUPPORTED'],
] as const) {
  test(`refused: it goes on in its dialplan, which is told why (${name})`, () =>
    bench(
      async ({ dial, taken, refusals }) => {
        const peer = await dial();
        await peer.play(steps);
        await until(() => refusals.length === 1, 'refused');
        assert.is(refusals[0]!.error.code, code);
        assert.is(refusals[0]!.left, false);
        assert.equal(taken, []);
      },
      {
        admit: () => {
          throw new TalkspurtError('ERR_TALKSPURT_DRAINING', 'no new call is taken');
        },
      },
    ));
}

test('a call that was refused before is sent on, and nobody is asked', () =>
  bench(async ({ dial, admitted, refusals, taken, server }) => {
    const peer = await dial();
    peer.say(GREETING.replace('Content-Type', 'variable_talkspurt_refused: ERR_TALKSPURT_DRAINING\nContent-Type'));
    await peer.hears(/^connect\n\nresume\n\nexit\n\n$/);
    peer.socket.end();
    await until(() => server.handovers === 0, 'over');
    assert.equal([admitted, refusals, taken], [[], [], []]);
  }));

test('a stranger is greeted, because a call that is cut off unheard is parked for ever; and refused', () =>
  bench(
    async ({ dial, admitted, refusals }) => {
      const peer = await dial();
      peer.say(GREETING);
      await peer.hears(/talkspurt_refused=ERR_TALKSPURT_LINK_DENIED\n\nresume\n\nexit\n\n$/);
      peer.socket.end();
      await until(() => refusals.length === 1, 'refused');
      assert.equal(admitted, []);
    },
    { allow: ['192.0.2.0/24'] },
  ));

test('an allow list that is none is refused', () => {
  const options = { host: '127.0.0.1', port: 0, clock: new HandClock(), onRefused: () => undefined };
  assert.throws(
    () => new OutboundSocketServer({ ...options, onChannel: async () => undefined, allow: ['everyone'] }),
    (error: TalkspurtError) => error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
  );
});

test('too many at once: the next ones are refused, those beyond are cut, and a place that is free is given again', () =>
  bench(async ({ dial, server, refusals, taken, faults }) => {
    const held: FakeSwitch[] = [];
    for (let n = 0; n < LIMITS.outboundHandovers; n += 1) held.push(await dial());
    const refused = await dial();
    refused.say(GREETING);
    await refused.hears(/talkspurt_refused=ERR_TALKSPURT_CALL_LIMIT/);
    for (let n = 1; n < LIMITS.outboundRefusals; n += 1) await dial();
    assert.is(server.handovers, LIMITS.outboundHandovers + LIMITS.outboundRefusals);
    const cut = await dial();
    assert.is(cut.received, '');
    assert.is(faults.at(-1)?.code, 'ERR_TALKSPURT_CALL_LIMIT');
    refused.socket.end();
    await until(() => refusals.length === 1, 'refused');
    await held[0]!.play(TAKEN);
    await until(() => taken.length === 1, 'taken');
  }));

test('a peer that says nothing, or stops in the middle, is let go of in time', () =>
  bench(async ({ dial, clock, faults, refusals, server }) => {
    await dial();
    const led = await dial();
    led.say(GREETING);
    await led.hears(/park,park inline\n\n$/);
    clock.advance(LIMITS.outboundHandoverMs);
    await until(() => server.handovers === 0, 'both over');
    assert.equal(
      faults.map(({ code }) => code),
      ['ERR_TALKSPURT_LINK_TIMEOUT'],
    );
    assert.equal(
      refusals.map(({ error, left }) => [error.code, left]),
      [['ERR_TALKSPURT_LINK_TIMEOUT', false]],
    );
  }));

test('a call that was led away and whose park was never seen has left its dialplan', () =>
  bench(async ({ dial, clock, refusals }) => {
    const peer = await dial();
    peer.say(GREETING);
    await peer.hears(/park,park inline\n\n$/);
    // The recording up to the event of the transfer; the park is of another mark.
    peer.say(TAKEN[3]!.text.slice(0, TAKEN[3]!.text.lastIndexOf('Content-Length:')));
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(LIMITS.outboundHandoverMs);
    await until(() => refusals.length === 1, 'refused');
    assert.is(refusals[0]!.left, true);
  }));

test('a call that hangs up meanwhile is gone, and nobody is to give it back', () =>
  bench(async ({ dial, refusals }) => {
    const peer = await dial();
    peer.say(GREETING);
    await peer.hears(/park,park inline\n\n$/);
    peer.say('Content-Type: text/disconnect-notice\nContent-Disposition: disconnect\nContent-Length: 0\n\n');
    peer.socket.end();
    await until(() => refusals.length === 1, 'refused');
    assert.equal([refusals[0]!.error.code, refusals[0]!.left], ['ERR_TALKSPURT_CALL_GONE', false]);
  }));

test('a switch that will not let go of the call keeps it', () =>
  bench(async ({ dial, refusals }) => {
    const peer = await dial();
    peer.say(GREETING);
    await peer.hears(/park,park inline\n\n$/);
    peer.say('Content-Type: command/reply\nReply-Text: -ERR invalid session id\n\n');
    await peer.hears(/talkspurt_refused=ERR_TALKSPURT_SWITCH_COMMAND/);
    peer.socket.end();
    await until(() => refusals.length === 1, 'refused');
    assert.is(refusals[0]!.left, false);
  }));

test('what is no Event Socket ends its own connection and no more', async () => {
  const hostile: [string, string][] = [
    ['GET / HTTP/1.1\nHost: x\n\n', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    ['Content-Type: auth/request\n\n', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    ['Content-Type: command/reply\nReply-Text: +OK\n\n', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    ['Event-Name: CHANNEL_DATA\nUnique-ID: a b;c\nContent-Type: command/reply\n\n', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    ['Event-Name: CHANNEL_DATA\nUnique-ID: a%0Ab\nContent-Type: command/reply\n\n', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    ['Content-Length: -1\nContent-Type: command/reply\n\n', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    ['\u0000\u0001\n\n', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    [`X: ${'y'.repeat(LIMITS.eslHeaderBytes)}`, 'ERR_TALKSPURT_LINK_PROTOCOL'],
  ];
  await bench(async ({ dial, faults, taken }) => {
    for (const [text, code] of hostile) {
      const peer = await dial();
      peer.say(text);
      await until(() => peer.closed, 'closed');
      await until(() => faults.length > 0, 'a fault');
      assert.is(faults.pop()?.code, code, text.slice(0, 40));
    }
    const flood = await dial();
    flood.say(GREETING);
    await flood.hears(/park,park inline\n\n$/);
    const frame = `Content-Length: 100000\nContent-Type: text/event-plain\n\n${'x'.repeat(100_000)}`;
    for (let n = 0; n < 20; n += 1) flood.say(frame);
    await until(() => flood.closed, 'closed');
    await (await dial()).play(TAKEN);
    await until(() => taken.length === 1, 'others are served');
  });
});

test('whoever takes calls may fail: the call is given back, and a failure of that is told', async () => {
  const given: OutboundRefusal[] = [];
  await bench(
    async ({ dial, faults }) => {
      await (await dial()).play(TAKEN);
      await until(() => given.length === 1, 'given back');
      assert.equal([given[0]!.error.code, given[0]!.left], ['ERR_TALKSPURT_BACKEND_REFUSED', true]);
      await until(() => faults.length === 1, 'told');
      assert.is(faults[0]!.code, 'ERR_TALKSPURT_LINK_DOWN');
    },
    {
      onChannel: async () => {
        throw new TalkspurtError('ERR_TALKSPURT_BACKEND_REFUSED', 'nobody there');
      },
      onRefused: async (refusal) => {
        given.push(refusal);
        throw new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down');
      },
    },
  );
});

test('close waits for what is being handed on', async () => {
  const order: string[] = [];
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  await bench(
    async ({ dial, server }) => {
      await (await dial()).play(TAKEN);
      await until(() => order.length === 1, 'being handed on');
      const closed = server.close().then(() => order.push('closed'));
      letGo();
      await closed;
      assert.equal(order, ['begun', 'done', 'closed']);
    },
    {
      onChannel: async () => {
        order.push('begun');
        await gate;
        order.push('done');
      },
    },
  );
});

test('an address that is in use is ERR_TALKSPURT_LISTEN', () =>
  bench(async ({ server }) => {
    const options = { host: '127.0.0.1', port: server.port, clock: new HandClock(), onRefused: () => undefined };
    const second = new OutboundSocketServer({ ...options, onChannel: async () => undefined });
    const code = await second.listen().then(
      () => 'listens',
      (error: unknown) => (error as TalkspurtError).code,
    );
    assert.is(code, 'ERR_TALKSPURT_LISTEN');
    await second.close();
  }));

test('profile: the variable, else the path, else none; values are decoded', () => {
  const read = (text: string): OutboundChannel => readChannelData(text, '192.0.2.7');
  assert.is(read(GREETING).profile, 'sales');
  const withoutVariable = GREETING.replace(/variable_talkspurt_profile.*\n/, '');
  assert.is(read(withoutVariable).profile, 'reception');
  assert.is(read(withoutVariable.replace(/variable_socket_path.*\n/, '')).profile, null);
  assert.is(read(GREETING.replace(/(Destination-Number: ).*/g, '$1%2B4930%C3%A4')).destination.number, '+4930ä');
  assert.is(read(GREETING.replace(/(Destination-Number: ).*/g, '$1%FF')).destination.number, '%FF');
});

test('given back: marked first, then led to where it came from; otherwise hung up', async () => {
  const error = new TalkspurtError('ERR_TALKSPURT_BACKEND_REFUSED', 'nobody there');
  const channel = readChannelData(GREETING, '127.0.0.1');
  const tell = async (destination: OutboundChannel['destination'], replies: string[]): Promise<string[]> => {
    const said: string[] = [];
    const command = async (line: string): Promise<string> => {
      said.push(line.replace(channel.uuid, 'U'));
      return replies.shift() ?? '+OK\n';
    };
    await returnToDialplan(command, { ...channel, destination }, error);
    return said;
  };
  const place = { number: '7001', dialplan: 'XML', context: 'default' };
  const mark = 'uuid_setvar U talkspurt_refused ERR_TALKSPURT_BACKEND_REFUSED';
  const kill = 'uuid_kill U NORMAL_TEMPORARY_FAILURE';
  assert.equal(await tell(place, []), [mark, 'uuid_transfer U 7001 XML default']);
  assert.equal(await tell(place, ['-ERR no such channel\n']), [mark, kill]);
  assert.equal(await tell(place, ['+OK\n', '-ERR\n']), [mark, 'uuid_transfer U 7001 XML default', kill]);
  for (const bad of [{ number: '7001 inline' }, { number: '' }, { context: 'a;b' }, { dialplan: 'inline' }])
    assert.equal(await tell({ ...place, ...bad }, []), [kill]);
});

test.run();

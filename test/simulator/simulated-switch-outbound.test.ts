// The application `socket`: the switch connects to somebody who runs the call. Words are those of a FreeSWITCH 1.11.2.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import { eventNames, withSwitch } from './switch-bench.ts';
import type { SwitchBench, TestPhone } from './switch-bench.ts';

const test = suite('SimulatedSwitch, outbound socket');

/** Takes one connection of the switch and says lines to it. */
class Controller {
  readonly #server: Server;
  #socket: Socket | null = null;
  received = '';
  ended = false;

  constructor() {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      socket.on('data', (bytes) => (this.received += bytes.toString()));
      socket.on('end', () => (this.ended = true));
      socket.on('error', () => undefined);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connected(): boolean {
    return this.#socket !== null;
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async ask(text: string, expected: RegExp): Promise<string> {
    const from = this.received.length;
    this.#socket!.write(text);
    await until(() => expected.test(this.received.slice(from)), `answer to ${text}`);
    return this.received.slice(from);
  }

  say(text: string): void {
    this.#socket!.write(text);
  }

  end(): void {
    this.#socket!.end();
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }
}

async function withController(
  flags: string,
  run: (bench: SwitchBench & { controller: Controller; phone: TestPhone; uuid: string }) => Promise<void>,
  after: readonly string[] = [],
): Promise<void> {
  const controller = await new Controller().open();
  try {
    const script = [`socket:127.0.0.1:${controller.port}${flags}`, ...after];
    await withSwitch({ extensions: { 9000: script } }, async (bench) => {
      const { channel, phone } = bench.call({ uuid: 'call-1', parked: false, answered: false });
      channel.transfer('9000');
      await bench.ticks(2);
      await until(() => controller.connected, 'connection');
      await run({ ...bench, controller, phone, uuid: channel.uuid });
    });
  } finally {
    controller.close();
  }
}

const REPLY = /Reply-Text: [^\n]*\n\n/;

test('connect: all channel data; then commands about the call, and events', () =>
  withController(' async full', async ({ controller, ticks, simulated, uuid, phone }) => {
    controller.say('api status\n\n');
    await ticks(3);
    assert.is(controller.received, '', 'no answer before connect');
    assert.is(simulated.channels.get(uuid)!.parked, false);
    const data = await controller.ask('connect\n\n', /Control: full\n\n$/);
    assert.match(data, /^Event-Name: CHANNEL_DATA\nCore-UUID: /);
    assert.match(
      data,
      /\nChannel-Caller-ID-Number: 1000\n[^]*\nUnique-ID: call-1\n[^]*\nCaller-Destination-Number: 9000\n/,
    );
    assert.match(data, /\nContent-Type: command\/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n$/);
    await ticks(2);
    assert.ok(simulated.channels.get(uuid)!.parked, 'parked beside the connection');
    assert.is(
      await controller.ask('linger 5\n\n', REPLY),
      'Content-Type: command/reply\nReply-Text: +OK will linger 5 seconds\n\n',
    );
    assert.is(
      await controller.ask('myevents json\n\n', REPLY),
      'Content-Type: command/reply\nReply-Text: +OK Events Enabled\n\n',
    );
    const answer = 'sendmsg\ncall-command: execute\nexecute-app-name: answer\nevent-lock: true\n\n';
    assert.is(await controller.ask(answer, REPLY), 'Content-Type: command/reply\nReply-Text: +OK\n\n');
    await ticks(2);
    await until(() => eventNames(controller as never).includes('CHANNEL_EXECUTE_COMPLETE'), 'events');
    assert.equal(eventNames(controller as never), [
      'CHANNEL_EXECUTE',
      'CHANNEL_PROGRESS_MEDIA',
      'CHANNEL_ANSWER',
      'CHANNEL_EXECUTE_COMPLETE',
    ]);
    assert.match(
      await controller.ask('api uuid_exists call-1\n\n', /true$/),
      /^Content-Type: api\/response\nContent-Length: 4\n\ntrue$/,
    );
    assert.match(await controller.ask('getvar read_codec\n\n', REPLY), /Reply-Text: PCMU\n\n/);
    assert.match(await controller.ask('bogus\n\n', REPLY), /-ERR command not found/);
    assert.ok(phone.heard.length > 0);
  }));

test('unicast on it; a hang-up with linger: notice, and the goodbye after its time', () =>
  withController(' async full', async ({ controller, ticks, uuid, peer, clock }) => {
    await controller.ask('connect\n\n', /Control: full\n\n$/);
    await controller.ask('myevents json\n\n', REPLY);
    await controller.ask('linger 5\n\n', REPLY);
    await controller.ask('sendmsg\ncall-command: execute\nexecute-app-name: answer\n\n', REPLY);
    await ticks(3);
    const { peer: far, port } = await peer();
    const lines = ['sendmsg', 'call-command: unicast', 'local-ip: 127.0.0.1', 'local-port: 0', 'remote-ip: 127.0.0.1'];
    await controller.ask(`${lines.join('\n')}\nremote-port: ${port}\ntransport: udp\n\n`, REPLY);
    await ticks(5);
    assert.ok(far.received.length >= 3);
    await controller.ask('sendmsg\ncall-command: hangup\nhangup-cause: USER_BUSY\n\n', REPLY);
    await ticks(2);
    await until(() => controller.received.includes('Content-Disposition: linger'), 'notice');
    assert.match(
      controller.received,
      new RegExp(
        `Content-Type: text/disconnect-notice\nControlled-Session-UUID: ${uuid}\nContent-Disposition: linger\nChannel-Name: sofia/internal/1000@127\\.0\\.0\\.1\nLinger-Time: 5\nContent-Length: 0\n\n$`,
      ),
    );
    assert.ok(eventNames(controller as never).includes('CHANNEL_HANGUP_COMPLETE'), 'events come before it');
    assert.is(controller.ended, false);
    clock.advance(5_000);
    await until(() => controller.ended, 'end');
    assert.match(
      controller.received,
      /Content-Disposition: disconnect\nContent-Length: 67\n\nDisconnected, goodbye\.\nSee you at ClueCon! http:\/\/www\.cluecon\.com\/\n$/,
    );
  }));

test('without full there is nothing but the call; without async nothing is parked, and no linger', async () => {
  await withController(' async', async ({ controller, ticks, simulated, uuid }) => {
    await controller.ask('connect\n\n', /Socket-Mode: async\nControl: single-channel\n\n$/);
    for (const command of ['api status', 'event json ALL', 'noevents', 'bgapi status'])
      assert.match(await controller.ask(`${command}\n\n`, REPLY), /-ERR command not found/, command);
    assert.match(await controller.ask('filter Event-Name DTMF\n\n', REPLY), /\+OK filter added/);
    await ticks(2);
    assert.ok(simulated.channels.get(uuid)!.parked);
  });
  await withController('', async ({ controller, ticks, simulated, uuid }) => {
    await controller.ask('connect\n\n', /Socket-Mode: static\nControl: single-channel\n\n$/);
    assert.match(await controller.ask('linger 5\n\n', REPLY), /-ERR command not found/);
    await ticks(3);
    assert.is(simulated.channels.get(uuid)!.parked, false);
  });
});

test('who closes the connection ends the call, unless the dialplan has something left', async () => {
  for (const after of [[], ['park']]) {
    for (const how of ['exit', 'end'] as const) {
      await withController(
        ' async full',
        async ({ controller, ticks, simulated, uuid }) => {
          await controller.ask('connect\n\n', /Control: full\n\n$/);
          await ticks(2);
          if (how === 'exit') await controller.ask('exit\n\n', /\+OK bye\n\n[^]*Content-Disposition: disconnect/);
          else controller.end();
          await until(() => controller.ended, 'end');
          await ticks(3);
          assert.is(simulated.channels.has(uuid), after.length > 0);
          if (after.length > 0) assert.ok(simulated.channels.get(uuid)!.parked);
        },
        after,
      );
    }
  }
});

test('nobody listens: the dialplan goes on, here to its end', () =>
  withSwitch({ extensions: { 9000: ['socket:127.0.0.1:1 async full'] } }, async ({ call, ticks }) => {
    const { channel } = call({ parked: false });
    channel.transfer('9000');
    for (let n = 0; n < 100 && !channel.gone; n += 1) await ticks(1);
    assert.is(channel.hangupCause, 16);
  }));

test('a background job tells its owner; the switch’s death cuts the connection', () =>
  withController(' async full', async ({ controller, simulated }) => {
    await controller.ask('connect\n\n', /Control: full\n\n$/);
    await controller.ask('event json BACKGROUND_JOB\n\n', REPLY);
    await controller.ask('bgapi hostname\n\n', /"Job-Owner-UUID":"call-1"[^]*"_body":"localhost"/);
    simulated.crash('test');
    await until(() => simulated.crashed !== null, 'crash');
  }));

test.run();

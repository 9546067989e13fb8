// The npm package `esl` as a client that nobody here wrote, on real sockets and in real time.
import { FreeSwitchClient } from 'esl';
import type { FreeSwitchResponse } from 'esl';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../src/core/clock.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { FrontDoor } from '../../src/switch/freeswitch/front-door.ts';
import { Peer, TestPhone } from './switch-bench.ts';

const test = suite('the esl package as a client');

const SILENT = { debug: () => undefined, info: () => undefined, error: () => undefined };

/** Connects, hands the connection to `run`, and ends the client. */
async function withEsl(port: number, run: (esl: FreeSwitchResponse) => Promise<void>): Promise<void> {
  const client = new FreeSwitchClient({ port, password: 'ClueCon', logger: SILENT });
  try {
    const connection = await new Promise<FreeSwitchResponse>((resolve, reject) => {
      client.once('connect', resolve);
      client.once('error', reject);
      client.connect();
    });
    await run(connection);
  } finally {
    client.end();
  }
}

/** The output of a background job. */
async function background(esl: FreeSwitchResponse, command: string): Promise<string> {
  const { body } = (await esl.bgapi(command)) as { body: { _body?: string } };
  return body._body ?? '';
}

test('drives a call on the simulated switch: variables, events, unicast, hang-up', async () => {
  const simulated = new SimulatedSwitch({ clock: new SystemClock() });
  await simulated.listen();
  const phone = new TestPhone();
  const peer = new Peer();
  const remotePort = await peer.open();
  try {
    const { uuid } = simulated.createCall({ phone });
    await withEsl(simulated.port, async (esl) => {
      assert.match((await esl.api('status')).body, /is ready/);
      assert.is((await esl.api(`uuid_getvar ${uuid} read_codec`)).body, 'PCMU');
      await esl.event_json('CHANNEL_HANGUP', 'CHANNEL_HANGUP_COMPLETE', 'BACKGROUND_JOB');
      assert.is(await background(esl, 'hostname'), 'localhost');
      const first = new Promise<Buffer>((resolve) => peer.socket.once('message', resolve));
      await esl.unicast_uuid(uuid, {
        'local-ip': '127.0.0.1',
        'local-port': 0,
        'remote-ip': '127.0.0.1',
        'remote-port': remotePort,
        transport: 'udp',
        flags: 'native',
      });
      assert.is((await first).length, 160);
      const hangup = esl.onceAsync('CHANNEL_HANGUP_COMPLETE', 5000, 'test');
      assert.is((await esl.api(`uuid_kill ${uuid}`)).body.trim(), '+OK');
      const body = (await hangup).body as unknown as Record<string, string>;
      assert.is(body['Unique-ID'], uuid);
      assert.is(body['variable_hangup_cause'], 'NORMAL_CLEARING');
    });
    assert.is(phone.endedWith, 16);
  } finally {
    peer.close();
    await simulated.close();
  }
});

test('asks the front door', async () => {
  const door = new FrontDoor({
    host: '127.0.0.1',
    port: 0,
    password: 'ClueCon',
    clock: new SystemClock(),
    events: { emit: () => undefined },
    identity: { switchname: 's', hostname: 'h' },
    dispatch: async (line) => `+OK ${line}\n`,
    passThrough: async () => 'from the switch\n',
  });
  const { port } = await door.listen();
  try {
    await withEsl(port, async (esl) => {
      assert.is((await esl.api('uuid_audio_stream abc stop')).body.trim(), '+OK uuid_audio_stream abc stop');
      assert.is((await esl.api('status')).body.trim(), 'from the switch');
      assert.is(await background(esl, 'uuid_audio_stream list'), '+OK uuid_audio_stream list\n');
    });
  } finally {
    await door.close();
  }
});

test.run();

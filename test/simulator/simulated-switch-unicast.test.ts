// Unicast with its failure modes, as they were measured on a FreeSWITCH 1.11.2.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import { api, execute, unicast, withSwitch } from './switch-bench.ts';

const test = suite('SimulatedSwitch, unicast');

test('both directions, L16: 320 bytes, 50 a second', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel, phone } = call();
    const [esl, { peer: far, port }] = [await client(), await peer()];
    assert.is(await unicast(esl, channel.uuid, port), '+OK');
    await ticks(1);
    assert.is(far.received.length, 0, 'the first frame comes a ptime after the command was carried out');
    await ticks(50);
    assert.is(far.received.length, 50);
    assert.ok(far.received.every((frame) => frame.length === 320));
    // 1000 is between levels: µ-law makes it 988.
    assert.is(far.received[9]!.readInt16LE(100), 988);
    assert.ok(channel.unicastActive);

    const frame = Buffer.alloc(320);
    for (let at = 0; at < 320; at += 2) frame.writeInt16LE(-8000, at);
    phone.heard = [];
    for (let n = 0; n < 5; n += 1) {
      await far.send(frame);
      await ticks(1);
    }
    await ticks(1);
    assert.is(phone.sounds.length, 5);
    assert.is(phone.sounds[0]![7], -7932, 'the µ-law level next to -8000');
    assert.is(phone.sounds[0]!.length, 160);
  }));

for (const [codec, sampleRateHz, ptimeMs, bytes, nativeBytes] of [
  ['PCMU', 8000, 10, 160, 80],
  ['PCMU', 8000, 20, 320, 160],
  ['PCMU', 8000, 30, 480, 240],
  ['PCMA', 8000, 60, 960, 480],
  ['L16', 16000, 20, 640, 640],
  ['L16', 48000, 20, 1920, 1920],
] as const) {
  test(`${codec} at ${sampleRateHz} Hz, ${ptimeMs} ms: ${bytes} bytes, native ${nativeBytes}`, () =>
    withSwitch({}, async ({ call, client, peer, ticks }) => {
      const esl = await client();
      for (const native of [false, true]) {
        const { channel, phone } = call({ codec, sampleRateHz, ptimeMs });
        const { peer: far, port } = await peer();
        await unicast(esl, channel.uuid, port, { native });
        await ticks(30);
        const size = native ? nativeBytes : bytes;
        assert.ok(far.received.length > 5);
        assert.ok(far.received.every((frame) => frame.length === size));
        // What came is a frame: sent back, the phone hears itself.
        phone.heard = [];
        await far.send(far.received.at(-1)!);
        await ticks(4);
        const level = phone.sounds[0]![3]!;
        assert.ok(Math.abs(level - 1000) < 20, `${level}`);
        assert.is(channel.stats.malformedInjections, 0);
      }
    }));
}

test('native: µ-law as it is, and comfort noise of 320 bytes of FF', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel, phone } = call();
    const [esl, { peer: far, port }] = [await client(), await peer()];
    await unicast(esl, channel.uuid, port, { native: true });
    await ticks(3);
    // 988 is code 0xCE.
    assert.equal([...new Set(far.received.at(-1))], [0xce]);
    phone.says = null;
    await ticks(3);
    assert.is(far.received.at(-1)!.length, 320);
    assert.equal([...new Set(far.received.at(-1))], [0xff]);
  }));

test('the reply is +OK whatever happens, a failure is only in the log', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const esl = await client();
    const { peer: far, port } = await peer();
    await esl.ask('log debug\n\n', /\[7\]\n\n$/);
    assert.is(await unicast(esl, call().channel.uuid, 0), '+OK', 'a port that nobody can send to');
    for (const options of [{ remoteIp: 'not-an-ip' }, { transport: 'sctp' }, { localPort: port }]) {
      const { channel } = call();
      const from = esl.received.length;
      assert.is(await unicast(esl, channel.uuid, port, options), '+OK');
      await ticks(4);
      await until(
        () => /\[CRIT\] switch_ivr\.c:\d+ Failure creating unicast connection/.test(esl.received.slice(from)),
        'log',
      );
      assert.is(channel.unicastActive, false);
    }
    assert.is(far.received.length, 0);
    assert.is(await unicast(esl, 'no-such-channel', port), '-ERR invalid session id [no-such-channel]');
  }));

test('only a parked channel sends frames', () =>
  withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
    const { channel } = call({ parked: false });
    const [esl, { peer: far, port }] = [await client(), await peer()];
    assert.is(await unicast(esl, channel.uuid, port), '+OK');
    await ticks(10);
    assert.is(far.received.length, 0);
    assert.is(simulated.crashed, null);
    await api(esl, `uuid_transfer ${channel.uuid} park inline`);
    await ticks(3);
    await unicast(esl, channel.uuid, port);
    await ticks(3);
    assert.ok(far.received.length > 0, 'after a park it works');
  }));

test('anybody may inject, and only whole frames are understood', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel, phone } = call();
    const esl = await client();
    const [{ peer: far, port }, { peer: stranger }] = [await peer(), await peer()];
    await unicast(esl, channel.uuid, port);
    await ticks(3);
    const hear = async (bytes: number): Promise<Int16Array> => {
      phone.heard = [];
      await stranger.send(Buffer.alloc(bytes, 0x11), far.from!.port);
      await ticks(2);
      return phone.sounds[0]!;
    };
    const whole = await hear(320);
    assert.is(whole[0], 4348, 'the µ-law level next to 0x1111');
    assert.equal(await hear(321), whole, 'an odd byte more is ignored');
    assert.ok(
      (await hear(160)).every((sample) => sample === 0),
      'too short: silence',
    );
    assert.ok(new Set(await hear(640)).size > 50, 'too long: noise');
    assert.is(channel.stats.malformedInjections, 2);
  }));

test('a datagram of nothing ends injection for good, but not the tap', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel, phone } = call();
    const [esl, { peer: far, port }] = [await client(), await peer()];
    await unicast(esl, channel.uuid, port);
    await ticks(3);
    await far.send(Buffer.alloc(0));
    await ticks(1);
    phone.heard = [];
    for (let n = 0; n < 3; n += 1) await far.send(Buffer.alloc(320, 1));
    const before = far.received.length;
    await ticks(5);
    assert.is(phone.sounds.length, 0);
    assert.is(far.received.length, before + 5);
  }));

test('nothing paces: a burst is more than the phone can hold', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel, phone } = call({ phoneBuffer: { capacityFrames: 6 } });
    const [esl, { peer: far, port }] = [await client(), await peer()];
    await unicast(esl, channel.uuid, port);
    await ticks(3);
    phone.heard = [];
    for (let n = 0; n < 20; n += 1) await far.send(Buffer.alloc(320, n));
    await ticks(20);
    assert.is(phone.sounds.length, 6);
    assert.is(channel.stats.droppedFrames, 14);
  }));

test('a phone with a prefill waits for it again after every gap', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel, phone } = call({ phoneBuffer: { prefillFrames: 2 } });
    const [esl, { peer: far, port }] = [await client(), await peer()];
    await unicast(esl, channel.uuid, port);
    await ticks(3);
    phone.heard = [];
    await far.send(Buffer.alloc(320, 1));
    await ticks(3);
    assert.is(phone.sounds.length, 0);
    await far.send(Buffer.alloc(320, 1));
    await ticks(3);
    assert.is(phone.sounds.length, 2);
  }));

for (const [what, stop] of [
  ['a playback', (uuid: string) => ['playback', uuid, 'silence_stream://100'] as const],
  ['a playback of a file that is not there', (uuid: string) => ['playback', uuid, '/nosuch.wav'] as const],
  ['gentones', (uuid: string) => ['gentones', uuid, '%(100,0,440)'] as const],
] as const) {
  test(`${what} ends it for the rest of the park`, () =>
    withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
      const { channel } = call();
      const [esl, { peer: far, port }] = [await client(), await peer()];
      await unicast(esl, channel.uuid, port);
      await ticks(5);
      const [name, uuid, data] = stop(channel.uuid);
      await execute(esl, uuid, name, data);
      await ticks(2);
      const before = far.received.length;
      await ticks(20);
      assert.is(far.received.length, before, 'silent although parked again');
      assert.ok(channel.parked);
      await api(esl, `uuid_transfer ${uuid} park inline`);
      await ticks(3);
      await unicast(esl, uuid, port);
      await ticks(5);
      assert.ok(far.received.length > before, 're-parked, it works again');
      assert.is(simulated.crashed, null);
    }));
}

test('uuid_broadcast ends it too, once its lead frames have passed', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel } = call();
    const [esl, { peer: far, port }] = [await client(), await peer()];
    await unicast(esl, channel.uuid, port);
    await ticks(5);
    assert.is(await api(esl, `uuid_broadcast ${channel.uuid} silence_stream://100 aleg`), '+OK Message sent\n');
    await ticks(8);
    const before = far.received.length;
    await ticks(20);
    assert.is(far.received.length, before);
  }));

test('set, sleep, send_dtmf and answer leave it alone', () =>
  withSwitch({}, async ({ call, client, peer, ticks }) => {
    const { channel } = call();
    const [esl, { peer: far, port }] = [await client(), await peer()];
    await unicast(esl, channel.uuid, port);
    await ticks(5);
    await execute(esl, channel.uuid, 'set', 'a=b');
    await execute(esl, channel.uuid, 'send_dtmf', '12');
    await execute(esl, channel.uuid, 'answer');
    await execute(esl, channel.uuid, 'sleep', '40');
    await api(esl, `uuid_break ${channel.uuid}`);
    await ticks(6);
    const before = far.received.length;
    await ticks(5);
    assert.is(far.received.length, before + 5);
    assert.is(channel.keypad.sent, '12');
    assert.is(channel.variables.get('a'), 'b');
  }));

test('a transfer, a bridge and a hang-up end it and free its port', () =>
  withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
    const esl = await client();
    for (const end of ['transfer', 'bridge', 'hangup'] as const) {
      const { channel } = call();
      const { peer: far, port } = await peer();
      await unicast(esl, channel.uuid, port);
      await ticks(3);
      if (end === 'transfer') await api(esl, `uuid_transfer ${channel.uuid} park inline`);
      else if (end === 'bridge') await api(esl, `uuid_bridge ${channel.uuid} ${call().channel.uuid}`);
      else await api(esl, `uuid_kill ${channel.uuid}`);
      await ticks(3);
      const before = far.received.length;
      await far.send(Buffer.alloc(320, 1));
      await ticks(5);
      assert.is(far.received.length, before, end);
      assert.is(simulated.crashed, null);
    }
  }));

test('FATAL: a channel without a read codec', async () => {
  for (const parked of [true, false]) {
    await withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
      const { channel, phone } = call({ answered: false, parked });
      const bystander = call();
      const [esl, { port }] = [await client(), await peer()];
      assert.is(await api(esl, `uuid_getvar ${channel.uuid} read_codec`), '_undef_');
      await unicast(esl, channel.uuid, port, { native: true });
      assert.is(simulated.crashed, null, 'not at once: the channel’s thread has to get to it');
      await ticks(2);
      assert.match(simulated.crashed ?? '', /SIGSEGV.*read codec/);
      await until(() => esl.closed, 'all connections are cut');
      assert.not.match(esl.received, /disconnect-notice/, 'a dead process says nothing');
      assert.is(simulated.channels.size, 0);
      assert.is(bystander.phone.endedWith, 38);
      assert.is(phone.endedWith, 38);
      assert.throws(() => simulated.createCall({ phone }), /crashed/);
    });
  }
});

test('FATAL: twice in one park, and a datagram to the orphan after the hang-up', () =>
  withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
    const { channel } = call();
    const esl = await client();
    const [{ peer: first, port: firstPort }, { peer: second, port: secondPort }] = [await peer(), await peer()];
    await unicast(esl, channel.uuid, firstPort);
    await ticks(5);
    const orphan = first.from!.port;
    await unicast(esl, channel.uuid, secondPort);
    await ticks(5);
    assert.is(second.received.length, 0, 'a second one never works in the same park');
    assert.ok(first.received.length > 6, 'the first goes on');
    assert.ok(channel.haunted);
    await api(esl, `uuid_kill ${channel.uuid}`);
    await ticks(3);
    assert.is(simulated.crashed, null, 'not yet');
    await first.send(Buffer.alloc(320), orphan);
    await until(() => simulated.crashed !== null, 'crash');
    assert.match(simulated.crashed!, /SIGABRT.*session != NULL/);
  }));

test('FATAL: again after a playback, in the same park', () =>
  withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
    const { channel } = call();
    const esl = await client();
    const { peer: far, port } = await peer();
    await unicast(esl, channel.uuid, port);
    await ticks(5);
    await execute(esl, channel.uuid, 'playback', 'silence_stream://1000');
    await ticks(2);
    const taken = await peer();
    taken.peer.close();
    const localPort = taken.port;
    await unicast(esl, channel.uuid, port, { localPort });
    await ticks(3);
    assert.ok(channel.haunted);
    await api(esl, `uuid_kill ${channel.uuid}`);
    await far.send(Buffer.alloc(320), localPort);
    await until(() => simulated.crashed !== null, 'crash');
  }));

test('an orphan that gets nothing, or a datagram of nothing, kills nobody', () =>
  withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
    const { channel } = call();
    const esl = await client();
    const { peer: far, port } = await peer();
    await unicast(esl, channel.uuid, port);
    await ticks(3);
    await unicast(esl, channel.uuid, port);
    await ticks(3);
    await api(esl, `uuid_kill ${channel.uuid}`);
    await far.send(Buffer.alloc(0));
    await ticks(3);
    assert.is(simulated.crashed, null);
  }));

test('failUnicast: +OK and nothing flows', () =>
  withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
    const { channel } = call();
    const [esl, { peer: far, port }] = [await client(), await peer()];
    simulated.failUnicast(true);
    assert.is(await unicast(esl, channel.uuid, port), '+OK');
    await ticks(10);
    assert.is(far.received.length, 0);
    simulated.failUnicast(false);
    await unicast(esl, channel.uuid, port);
    await ticks(5);
    assert.ok(far.received.length > 0);
  }));

test('commands that a channel does not get to are bounded', () =>
  withSwitch({}, async ({ call, client }) => {
    const { channel } = call();
    const esl = await client();
    const command = `sendmsg ${channel.uuid}\ncall-command: nothing\n\n`;
    esl.send(command.repeat(1000));
    await esl.ask(command, /-ERR memory error\n\n$/);
  }));

test.run();

/** Calls through a WebSocket module of the switch: each whole, with a simulated switch that has the module, on real sockets. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withServer } from './sim/own-server.ts';
import { LevelPhone, withWholeHost } from './sim/whole-host.ts';

const KINDS = ['mod_audio_stream', 'mod_audio_fork', 'jambonz'] as const;
const CONFIG = { modules: { port: 0, username: 'switch', password: 'not to be seen' }, sip: false };
const MODULE = { switch: { media: { kind: 'module' } }, config: CONFIG };

interface Health {
  readonly media: { readonly transport: string; readonly rates: { readonly leg_hz: number } };
}

for (const module of KINDS) {
  test(`${module}: start, both directions, digits, stop, start again`, () =>
    withServer(({ url, audio, sockets }) =>
      withWholeHost({ ...MODULE, module }, async ({ fs, ask, settle, events }) => {
        const phone = new LevelPhone();
        phone.level = 8_000;
        const channel = fs.createCall({ phone });
        const { uuid } = channel;
        await settle(() => events.some((event) => event.type === 'link.modules'), 'the module is seen');
        for (const round of [0, 1]) {
          assert.is(await ask(`uuid_audio_stream ${uuid} start ${url} mono 8k`), '+OK Success\n');
          const health = JSON.parse(await ask(`uuid_audio_stream ${uuid} health`)) as Health;
          assert.is(health.media.transport, 'module');
          audio.length = 0;
          await settle(() => audio.length > 10, 'audio comes');
          const level = audio.at(-1)?.readInt16LE(160) ?? 0;
          assert.ok(Math.abs(level - 8_000) < 400, `the caller's ${level}`);
          const said = Buffer.alloc(320);
          for (let at = 0; at < said.length; at += 2) said.writeInt16LE(-12_000, at);
          for (let n = 0; n < 60; n += 1) sockets[round]?.send(said);
          await settle(() => (phone.heard?.[80] ?? 0) < -11_000, 'the caller hears the server');
          channel.receiveDigits('5');
          await settle(() => events.filter((event) => event.type === 'dtmf').length > round, 'a digit');
          assert.is(await ask(`uuid_audio_stream ${uuid} stop`), '+OK Success\n');
          assert.is(fs.channels.has(uuid), true);
          phone.heard = null;
        }
        // Nothing that is secret has stayed on the channel.
        for (const value of channel.variables.values()) assert.not.match(value, /not to be seen|Basic /);
      }),
    ));

  test(`${module}: the caller hangs up`, () =>
    withWholeHost({ ...MODULE, module }, async ({ fs, ask, settle, events }) => {
      const channel = fs.createCall({ phone: new LevelPhone() });
      assert.is(await ask(`uuid_audio_stream ${channel.uuid} start p`), '+OK Success\n');
      channel.hangup(16);
      await settle(() => events.some((event) => event.type === 'call.ended'), 'the call ends');
      const ended = events.find((event) => event.type === 'call.ended');
      assert.is(ended?.type === 'call.ended' && ended.reason, 'hangup');
    }));

  test(`${module}: two people are listened to, together and apart, and go on`, () =>
    withServer(({ url, audio }) =>
      withWholeHost({ ...MODULE, module }, async ({ fs, ask, settle }) => {
        const [caller, other] = [new LevelPhone(), new LevelPhone()];
        caller.level = 3_000;
        other.level = -5_000;
        const { a, b } = fs.createBridgedCall({ phone: caller }, { phone: other });
        await settle(() => (caller.heard?.[0] ?? 0) < -4_000, 'they hear each other');
        const near = (value: number, wanted: number): boolean => Math.abs(value - wanted) < 400;
        assert.is(await ask(`uuid_audio_stream ${a.uuid} start ${url} mixed 8k`), '+OK Success\n');
        await settle(() => audio.some((each) => near(each.readInt16LE(160), -2_000)), 'both');
        assert.is(await ask(`uuid_audio_stream ${a.uuid} stop`), '+OK Success\n');
        audio.length = 0;
        assert.is(await ask(`uuid_audio_stream ${a.uuid} start ${url} stereo 8k`), '+OK Success\n');
        await settle(
          () => audio.some((each) => near(each.readInt16LE(320), 3_000) && near(each.readInt16LE(322), -5_000)),
          'apart',
        );
        assert.match(await ask(`uuid_audio_stream ${a.uuid} whisper both`), /^-ERR .*set media\.tap/);
        assert.is(await ask(`uuid_audio_stream ${a.uuid} stop`), '+OK Success\n');
        assert.is(a.partnerUuid, b.uuid);
      }),
    ));
}

test('an operator bridges the channel: its audio is not ours any more', () =>
  withWholeHost({ ...MODULE, module: 'mod_audio_stream' }, async ({ fs, ask, settle, events }) => {
    const channel = fs.createCall({ phone: new LevelPhone() });
    const other = fs.createCall({ phone: new LevelPhone() });
    assert.is(await ask(`uuid_audio_stream ${channel.uuid} start p`), '+OK Success\n');
    channel.bridgeWith(other);
    await settle(() => events.some((event) => event.type === 'call.ended'), 'the call ends');
    assert.is(channel.partnerUuid, other.uuid);
  }));

test('a transfer takes the channel where it was told to go', () =>
  withWholeHost({ ...MODULE, module: 'mod_audio_stream' }, async ({ fs, ask, settle, events }) => {
    const channel = fs.createCall({ phone: new LevelPhone() });
    assert.is(await ask(`uuid_audio_stream ${channel.uuid} start p`), '+OK Success\n');
    assert.match(await ask(`uuid_audio_stream ${channel.uuid} transfer 'park inline'`), /^-ERR a destination/);
    assert.match(await ask(`uuid_audio_stream ${channel.uuid} transfer 9999`), /^\+OK/);
    await settle(() => events.some((event) => event.type === 'call.ended'), 'the call ends');
    const ended = events.find((event) => event.type === 'call.ended');
    assert.is(ended?.type === 'call.ended' && ended.reason, 'transferred');
  }));

test('the link is lost and comes back: the call goes on; a stop meanwhile is made up for', () =>
  withWholeHost({ ...MODULE, module: 'mod_audio_stream' }, async ({ fs, ask, settle, runtime, events }) => {
    const channel = fs.createCall({
      phone: new LevelPhone(),
      variables: { send_silence_when_idle: '400', STREAM_BUFFER_SIZE: '100' },
    });
    const { uuid } = channel;
    assert.is(await ask(`uuid_audio_stream ${uuid} start p`), '+OK Success\n');
    assert.is(channel.variables.get('send_silence_when_idle'), '-1');
    fs.dropConnections();
    // It may well be up again before anybody looks.
    await settle(() => events.some(({ type }) => type === 'link.down'), 'the link is down');
    await settle(() => runtime.gateway.notReady().length === 0, 'the link is up');
    const frames = runtime.gateway.session(uuid)?.snapshot().capturedFrames ?? 0;
    await settle(() => (runtime.gateway.session(uuid)?.snapshot().capturedFrames ?? 0) > frames + 10, 'audio comes');
    assert.is(runtime.gateway.session(uuid)?.state, 'talking');
    fs.refuseAuth(true);
    fs.dropConnections();
    await settle(() => runtime.gateway.notReady().length > 0, 'the link is down again');
    assert.is(await runtime.gateway.command(`${uuid} stop`), '+OK Success\n');
    assert.is(channel.variables.get('send_silence_when_idle'), '-1', 'nothing can be said');
  }));

test('stop gives the channel its own settings back; nothing of ours stays on it', () =>
  withWholeHost({ ...MODULE, module: 'mod_audio_stream' }, async ({ fs, ask, settle }) => {
    const own = { send_silence_when_idle: '400', STREAM_BUFFER_SIZE: '100', park_timeout: '600' };
    const channel = fs.createCall({ phone: new LevelPhone(), variables: own });
    const before = new Map(channel.variables);
    assert.is(await ask(`uuid_audio_stream ${channel.uuid} start p`), '+OK Success\n');
    assert.is(channel.variables.get('talkspurt_voice'), 'p');
    assert.is(await ask(`uuid_audio_stream ${channel.uuid} stop`), '+OK Success\n');
    await settle(() => !channel.variables.has('talkspurt_owner'), 'the end');
    const ours = [...channel.variables].filter(
      ([name, value]) =>
        /^(STREAM_|MOD_AUDIO|talkspurt_(?!park)|send_silence|park_timeout)/.test(name) && before.get(name) !== value,
    );
    assert.equal(ours, []);
    for (const [name, value] of Object.entries(own)) assert.is(channel.variables.get(name), value, name);
  }));

test('stopped on the way to the park: what that sets is taken off behind it, not before', () =>
  withWholeHost({ ...MODULE, module: 'mod_audio_stream' }, async ({ fs, ask, settle }) => {
    const channel = fs.createCall({ phone: new LevelPhone(), variables: { send_silence_when_idle: '400' } });
    const transfer = channel.transfer.bind(channel);
    const held: (() => void)[] = [];
    // A busy switch takes its time.
    channel.transfer = (...where) => void held.push(() => transfer(...where));
    const started = ask(`uuid_audio_stream ${channel.uuid} start p`);
    await settle(() => held.length > 0, 'the channel is sent to the park');
    const stopped = ask(`uuid_audio_stream ${channel.uuid} stop`);
    for (let turn = 0; turn < 5; turn += 1) await ask('uuid_audio_stream list');
    for (const go of held) go();
    assert.match(await started, /^-ERR .*stopped/);
    assert.is(await stopped, '+OK Success\n');
    await settle(() => channel.variables.has('talkspurt_park'), 'the park');
    await settle(() => !channel.variables.has('talkspurt_owner'), 'the end');
    assert.is(channel.variables.get('send_silence_when_idle'), '400');
  }));

test('a switch without the module: a clear error, and the channel lives', () =>
  withWholeHost(MODULE, async ({ fs, ask }) => {
    const { uuid } = fs.createCall({ phone: new LevelPhone() });
    assert.match(
      await ask(`uuid_audio_stream ${uuid} start p`),
      /^-ERR fs has not loaded mod_audio_stream .*MODULE_UNFIT/,
    );
    assert.is(fs.channels.has(uuid), true);
  }));

test('a module that may not connect: a clear error, nothing of ours is left on the channel', () =>
  withWholeHost(
    {
      module: 'mod_audio_stream',
      switch: { media: { kind: 'module' } },
      config: { sip: false, modules: { port: 0, allow: ['192.0.2.1'] } },
    },
    async ({ fs, ask }) => {
      const channel = fs.createCall({ phone: new LevelPhone() });
      assert.match(
        await ask(`uuid_audio_stream ${channel.uuid} start p`),
        /^-ERR .*could not connect to us.*MODULE_SILENT/,
      );
      assert.is(await ask(`uuid_audio_stream ${channel.uuid} start p`).then((reply) => reply.startsWith('-ERR')), true);
    },
  ));

test.run();

/** Calls over SIP, to a WebSocket, from the outbound socket and by CUSTOM event: each whole, on real sockets. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../src/config.ts';
import type { Config } from '../src/config/load-config.ts';
import { SystemClock } from '../src/core/clock.ts';
import { startRuntime } from '../src/gateway-from-config.ts';
import { SimulatedSwitch } from '../src/simulator/simulated-switch.ts';
import { writeWav } from '../src/simulator/wav.ts';
import type { EslEvent } from '../src/switch/freeswitch/esl-link.ts';
import { EslPackageLink } from '../src/switch/freeswitch/esl-package-link.ts';
import { withServer } from './sim/own-server.ts';
import { LevelPhone, withWholeHost } from './sim/whole-host.ts';

const SIP = { media: { kind: 'sip' } };

for (const kind of ['sip', 'unicast'] as const) {
  test(`start, stop and start again over ${kind}: the channel stays, parked`, () =>
    withWholeHost({ switch: { media: { kind } } }, async ({ fs, ask, runtime }) => {
      const { uuid } = fs.createCall({ phone: new LevelPhone() });
      for (const _round of [1, 2]) {
        assert.is(await ask(`uuid_audio_stream ${uuid} start p`), '+OK Success\n');
        const health = JSON.parse(await ask(`uuid_audio_stream ${uuid} health`)) as { media: { transport: string } };
        assert.is(health.media.transport, kind === 'sip' ? 'rtp' : 'unicast');
        assert.is(await ask(`uuid_audio_stream ${uuid} stop`), '+OK Success\n');
        assert.is(fs.channels.has(uuid), true);
      }
      assert.is(runtime.gateway.snapshot().created, 2);
    }));

  test(`the caller hangs up over ${kind}`, () =>
    withWholeHost({ switch: { media: { kind } } }, async ({ fs, ask, settle, events }) => {
      const channel = fs.createCall({ phone: new LevelPhone() });
      assert.is(await ask(`uuid_audio_stream ${channel.uuid} start p`), '+OK Success\n');
      channel.hangup(16);
      await settle(() => events.some((event) => event.type === 'call.ended'), 'the call ends');
      const ended = events.find((event) => event.type === 'call.ended');
      assert.is(ended?.type === 'call.ended' && ended.reason, 'hangup');
    }));

  test(`a WebSocket over ${kind} gets metadata and L16, and what it sends is heard`, () =>
    withServer(({ url, audio, texts, sockets }) =>
      withWholeHost({ switch: { media: { kind } } }, async ({ fs, ask, settle }) => {
        const phone = new LevelPhone();
        phone.level = 8_000;
        const { uuid } = fs.createCall({ phone });
        assert.is(await ask(`uuid_audio_stream ${uuid} start ${url} mono 16k {"who": "me"}`), '+OK Success\n');
        await settle(() => audio.length > 20, 'audio comes');
        assert.equal(texts, ['{"who": "me"}']);
        assert.ok(
          audio.every((message) => message.length === 640),
          '20 ms at 16 kHz',
        );
        const level = audio.at(-1)?.readInt16LE(320) ?? 0;
        assert.ok(Math.abs(level - 8_000) < 400, `the caller's ${level}`);
        const tone = Buffer.alloc(640);
        for (let at = 0; at < tone.length; at += 2) tone.writeInt16LE(-12_000, at);
        for (let n = 0; n < 50; n += 1) sockets[0]?.send(tone);
        await settle(() => (phone.heard?.[80] ?? 0) < -11_000, 'the caller hears the server');
        assert.match(await ask(`uuid_audio_stream ${uuid} send_text 'to the server'`), /^\+OK/);
        await settle(() => texts.includes('to the server'));
        assert.is(await ask(`uuid_audio_stream ${uuid} stop bye`), '+OK Success\n');
        await settle(() => texts.includes('bye'), 'the last word');
      }),
    ));
}

test('stereo to a WebSocket: the caller left, what the caller is given right', () =>
  withServer(({ url, audio, sockets }) =>
    withWholeHost({ switch: SIP }, async ({ fs, ask, settle }) => {
      const phone = new LevelPhone();
      phone.level = 4_000;
      const { uuid } = fs.createCall({ phone });
      assert.is(await ask(`uuid_audio_stream ${uuid} start ${url} stereo 8k`), '+OK Success\n');
      await settle(() => audio.length > 10);
      assert.is(audio.at(-1)?.length, 640);
      const said = Buffer.alloc(320);
      for (let at = 0; at < said.length; at += 2) said.writeInt16LE(-9_000, at);
      for (let n = 0; n < 50; n += 1) sockets[0]?.send(said);
      await settle(() => audio.some((message) => message.readInt16LE(402) < -8_000), 'the agent is right');
      const both = audio.find((message) => message.readInt16LE(402) < -8_000);
      assert.ok(Math.abs((both?.readInt16LE(400) ?? 0) - 4_000) < 300, 'the caller left');
      await ask(`uuid_audio_stream ${uuid} stop`);
    }),
  ));

test('a switch that cannot reach our SIP: a clear error, and the channel lives', () =>
  withWholeHost(
    { switch: { media: { kind: 'sip' } }, config: { sip: { port: 0, allow: ['192.0.2.1'] } } },
    async (host) => {
      const { uuid } = host.fs.createCall({ phone: new LevelPhone() });
      assert.match(
        await host.ask(`uuid_audio_stream ${uuid} start p`),
        /^-ERR .*did not call us.*ERR_TALKSPURT_LINK_TIMEOUT/,
      );
      assert.is(host.fs.channels.has(uuid), true);
    },
  ));

test('play, say, record, dtmf, mute and break reach a call', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'talkspurt-'));
  try {
    const level = new Int16Array(8_000).fill(6_000);
    await writeFile(join(directory, 'level.wav'), writeWav({ sampleRateHz: 8000, channels: [level] }));
    await withWholeHost(
      { switch: SIP, config: { sounds: { directory }, recordings: { directory } } },
      async ({ fs, ask, settle }) => {
        const phone = new LevelPhone();
        const { uuid } = fs.createCall({ phone });
        const order = (line: string): Promise<string> => ask(`uuid_audio_stream ${uuid} ${line}`);
        assert.match(await order('pause'), /^-ERR .*ERR_TALKSPURT_NOT_RUNNING/);
        assert.is(await order('start p'), '+OK Success\n');
        assert.match(await order('record start'), /^\+OK .*\.wav\n$/);
        assert.is(await order('play level.wav'), '+OK Success\n');
        await settle(() => Math.abs((phone.heard?.[80] ?? 0) - 6_000) < 300, 'the sound is heard');
        assert.is(await order('break'), '+OK Success\n');
        await settle(() => Math.abs(phone.heard?.[80] ?? 1) < 100, 'and then is not');
        assert.match(await order('play ../secret.wav'), /^-ERR .*ERR_TALKSPURT_SOUND/);
        assert.match(await order('play http://127.0.0.1:9/a.wav'), /^-ERR .*ERR_TALKSPURT_NOT_SUPPORTED/);
        for (const line of ['dtmf 12', 'mute all', 'unmute all', 'mask on', 'mask off', 'say Hello there.', 'pause']) {
          assert.is(await order(line), '+OK Success\n', line);
        }
        assert.match(await order('switch nobody'), /^-ERR .*ERR_TALKSPURT_UNKNOWN_PROFILE/);
        assert.is(await order('switch ai'), '+OK Success\n');
        assert.match(await order('record stop'), /^\+OK .*\.wav\n$/);
        assert.is(await order('stop'), '+OK Success\n');
      },
    );
    assert.is((await readdir(directory)).length, 2);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('an AI backend listens to one channel: stereo is refused with what could be done', () =>
  withWholeHost({}, async ({ fs, ask }) => {
    const { uuid } = fs.createCall({ phone: new LevelPhone() });
    assert.match(
      await ask(`uuid_audio_stream ${uuid} start p stereo 8k`),
      /^-ERR .*mono or mixed.*ERR_TALKSPURT_NOT_SUPPORTED/,
    );
    assert.is(fs.channels.has(uuid), true);
  }));

test('a variable out of its bounds is said once; reload without a file is refused; drain ends what is up', () =>
  withWholeHost({}, async ({ fs, ask, events, settle }) => {
    const channel = fs.createCall({ phone: new LevelPhone() });
    assert.match(await ask(`uuid_setvar ${channel.uuid} AUDIO_STREAM_INJECT_BUFFER_MS 7`), /^\+OK/);
    assert.is(await ask(`uuid_audio_stream ${channel.uuid} start p`), '+OK Success\n');
    const clamped = events.filter((event) => event.type === 'variable.clamped');
    assert.is(clamped.length, 1);
    assert.match(await ask('uuid_audio_stream reload'), /^-ERR .*ERR_TALKSPURT_NOT_SUPPORTED/);
    assert.is(await ask('uuid_audio_stream drain 0'), '+OK draining, calls: 1\n');
    await settle(() => events.some((event) => event.type === 'call.ended'));
    assert.match(await ask(`uuid_audio_stream ${channel.uuid} start p`), /^-ERR .*ERR_TALKSPURT_DRAINING/);
  }));

test('stop gives a channel its own settings back, and a stop in the middle of a start leaves none of ours', () =>
  withWholeHost({ switch: SIP }, async ({ fs, ask, runtime }) => {
    const { uuid } = fs.createCall({ phone: new LevelPhone() });
    assert.match(await ask(`uuid_setvar ${uuid} hangup_after_bridge true`), /^\+OK/);
    const settings = async (): Promise<string[]> => {
      const names = ['park_after_bridge', 'hangup_after_bridge', 'continue_on_fail', 'ignore_display_updates'];
      return await Promise.all(
        [...names, 'talkspurt_voice'].map(async (name) => (await ask(`uuid_getvar ${uuid} ${name}`)).trim()),
      );
    };
    const own = await settings();
    // A machine that is busy may be told of the park late.
    const restored = async (): Promise<void> => {
      for (let tries = 0; tries < 100 && String(await settings()) !== String(own); tries += 1) {
        await new Promise<void>((resolve) => new SystemClock().after(50, resolve));
      }
      assert.equal(await settings(), own);
    };
    assert.equal(own, ['_undef_', 'true', '_undef_', '_undef_', '_undef_']);
    assert.is(await ask(`uuid_audio_stream ${uuid} start p`), '+OK Success\n');
    assert.equal(await settings(), ['true', 'false', 'true', 'true', 'p']);
    assert.is(await ask(`uuid_audio_stream ${uuid} stop`), '+OK Success\n');
    await restored();
    const starting = runtime.gateway.command(`${uuid} start p`);
    while (runtime.gateway.session(uuid) === undefined) await new Promise((resolve) => setImmediate(resolve));
    assert.is(await runtime.gateway.command(`${uuid} stop`), '+OK Success\n');
    assert.match(await starting, /^-ERR/);
    await restored();
    assert.is(fs.channels.has(uuid), true);
  }));

test('the outbound socket hands a call to a profile', () =>
  withWholeHost({ switch: SIP, config: { outboundSocket: { port: 0 } } }, async ({ fs, ask, runtime, settle }) => {
    const { uuid } = fs.createCall({ phone: new LevelPhone() });
    const port = runtime.outboundSocketPort ?? 0;
    assert.match(await ask(`uuid_transfer ${uuid} 'socket:127.0.0.1:${port}/p async full,park' inline`), /^\+OK/);
    await settle(() => runtime.gateway.session(uuid)?.state === 'talking', 'the call talks');
    assert.is(await ask(`uuid_audio_stream ${uuid} stop`), '+OK Success\n');
  }));

test('commands and events as CUSTOM events, seen by another client of the switch', () =>
  withServer(({ url }) =>
    withWholeHost({ switch: { ...SIP, publish: { telemetryMs: 1_000 } } }, async ({ fs, settle }) => {
      const { uuid } = fs.createCall({ phone: new LevelPhone() });
      const seen: EslEvent[] = [];
      const clock = new SystemClock();
      const other = new EslPackageLink({ name: 'other', host: '127.0.0.1', port: fs.port, password: 'pw', clock });
      await other.start({ onUp: () => undefined, onDown: () => undefined, onEvent: (event) => void seen.push(event) });
      const of = (name: string): EslEvent[] => seen.filter(({ headers }) => headers['Event-Subclass'] === name);
      const ask = async (id: string, line: string): Promise<string> => {
        await other.sendEvent('audio_stream::command', { 'Request-ID': id }, line);
        const answered = (): EslEvent | undefined =>
          of('audio_stream::reply').find(({ headers }) => headers['Request-ID'] === id);
        await settle(() => answered() !== undefined, `${line} is answered`);
        return answered()?.body ?? '';
      };
      try {
        for (const name of ['audio_stream::reply', ...NAMES]) await other.subscribe(name);
        assert.is(await ask('r1', `${uuid} start ${url}`), '+OK Success\n');
        await settle(() => of('mod_audio_stream::connect').length === 1, 'connect');
        assert.is(of('mod_audio_stream::connect')[0]?.body, '{"status":"connected"}');
        assert.is(of('mod_audio_stream::connect')[0]?.headers['Unique-ID'], uuid);
        assert.match(await ask('r2', `${uuid} health`), /"mode":"ws"/);
        assert.match(await ask('r3', `${uuid} dance`), /^-ERR unknown command/);
        await settle(() => of('mod_audio_stream::health').length > 0, 'health');
        assert.is(await ask('r4', `uuid_audio_stream ${uuid} stop`), '+OK Success\n');
        const states = of('mod_audio_stream::ai_state').map(
          ({ body }) => (JSON.parse(body) as { scope: string }).scope,
        );
        assert.ok(states.includes('call') && states.includes('end'));
      } finally {
        await other.close();
      }
    }),
  ));

for (const tap of ['sip', 'unicast'] as const) {
  test(`a bridged call is tapped over ${tap}: three mixes, and a whisper to either party`, () =>
    withServer(({ url, audio, sockets }) =>
      withWholeHost({ switch: { media: { tap } } }, async ({ fs, ask, settle }) => {
        const [first, second] = [new LevelPhone(), new LevelPhone()];
        first.level = 3_000;
        second.level = 5_000;
        const { a, b } = fs.createBridgedCall({ phone: first }, { phone: second });
        await settle(() => near(first.heard, 5_000) && near(second.heard, 3_000), 'the two hear one another');
        for (const [mix, left, right] of [
          ['mono', 3_000, null],
          ['mixed', 8_000, null],
          ['stereo', 3_000, 5_000],
        ] as const) {
          audio.length = 0;
          assert.is(await ask(`uuid_audio_stream ${a.uuid} start ${url} ${mix} 8k`), '+OK Success\n');
          const level = (at: number): number => audio.at(-1)?.readInt16LE(at) ?? 0;
          await settle(
            () => audio.length > 20 && Math.abs(level(160) - left) < 400,
            `${mix}: ${left}, not ${level(160)}`,
          );
          if (right !== null) assert.ok(Math.abs(level(162) - right) < 400, `${right}, not ${level(162)}`);
          if (mix === 'mono') {
            const said = Buffer.alloc(320);
            for (let at = 0; at < said.length; at += 2) said.writeInt16LE(-9_000, at);
            const speak = (): void => {
              for (let n = 0; n < 100; n += 1) sockets.at(-1)?.send(said);
            };
            speak();
            await settle(() => (first.heard?.[80] ?? 0) < 0, 'the caller hears the whisper');
            assert.ok(near(second.heard, 3_000), 'the other party does not');
            assert.is(await ask(`uuid_audio_stream ${a.uuid} whisper other`), '+OK Success\n');
            speak();
            await settle(() => (second.heard?.[80] ?? 0) < 0, 'now the other party hears it');
          }
          assert.is(await ask(`uuid_audio_stream ${a.uuid} stop`), '+OK Success\n');
          await settle(() => fs.channels.size === 2, 'only the two are left');
          assert.ok(a.bridged && b.bridged, 'they talk on');
        }
      }),
    ));
}

function near(frame: Int16Array | null, level: number): boolean {
  return Math.abs((frame?.[80] ?? 0) - level) < 400;
}

test('a process that is killed leaves no orphan: the next one hangs its legs up and gives the calls their voice again', async () => {
  const clock = new SystemClock();
  const fs = new SimulatedSwitch({ clock, password: 'pw' });
  await fs.listen();
  // A port that stays the same over the restart, as it does in a configuration.
  const port = await freeUdpPort();
  const config = (): Config =>
    loadConfig({
      text: JSON.stringify({
        status: false,
        sip: { port, protocols: ['udp'] },
        switches: [{ name: 'fs', kind: 'freeswitch', port: fs.port, password: 'pw', media: { kind: 'sip' } }],
        backends: { ai: { kind: 'embedded' } },
        profiles: { p: { backend: 'ai' } },
      }),
      env: {},
    });
  const { uuid } = fs.createCall({ phone: new LevelPhone() });
  const { a, b } = fs.createBridgedCall({ phone: new LevelPhone() }, { phone: new LevelPhone() });
  const words = [String(fs.port), String(port), uuid, 'sip', a.uuid];
  const killed = spawn(process.execPath, ['--import', 'tsx', fixture('serve-and-start.ts'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise<void>((resolve) => killed.stdout.once('data', () => resolve()));
    killed.kill('SIGKILL');
    await new Promise((resolve) => killed.once('close', resolve));
    const ofOurs = (): number => fs.channels.size - 3;
    assert.is(ofOurs(), 3, 'the leg and the eavesdroppers that nobody answers');
    const runtime = await startRuntime(config(), { clock, quiet: true });
    try {
      const untilMs = clock.nowMs() + 8_000;
      while (runtime.gateway.session(uuid)?.state !== 'talking' && clock.nowMs() < untilMs) {
        await new Promise<void>((resolve) => clock.after(20, resolve));
      }
      assert.is(runtime.gateway.session(uuid)?.state, 'talking');
      assert.is(ofOurs(), 1, 'the new leg');
      await runtime.gateway.stop(uuid);
    } finally {
      await runtime.close();
    }
    assert.equal([...fs.channels.keys()].sort(), [uuid, a.uuid, b.uuid].sort());
    assert.is(a.partnerUuid, b.uuid, 'those who were listened to talk on');
    assert.is(fs.crashed, null);
  } finally {
    killed.kill('SIGKILL');
    await fs.close();
  }
});

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

const NAMES = ['connect', 'disconnect', 'health', 'ai_state'].map((name) => `mod_audio_stream::${name}`);

test.run();

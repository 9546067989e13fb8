/**
 * What a real Asterisk 22 can do, asked of it and judged by calls: with all of its modules, with some of them unloaded, over TLS
 * with an authority of our own, and by `check --online`.
 */
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { probeAsterisk } from '../../../src/cli/probe-asterisk.ts';
import { loadConfig } from '../../../src/config.ts';
import type { AsteriskConfig, Config } from '../../../src/config.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';
import { startRuntime } from '../../../src/gateway-from-config.ts';
import type { Runtime } from '../../../src/gateway-from-config.ts';
import { SipEndpoint } from '../../../src/simulator/sip-endpoint.ts';
import { SipLeg } from '../../../src/simulator/sip-leg.ts';
import { required } from '../required.ts';
import { asteriskIsThere, freePort, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { assertNothingLeft, callIn, clock, dialplanWentOn, toneOf, ToneBackend, until } from './stasis-rig.ts';

const RATE_HZ = 16_000;
const tls = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url));

let asterisk: RunningAsterisk | null = null;
let tlsPort = 0;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  tlsPort = await freePort();
  asterisk = await startAsterisk({
    AST_TLS: String(tlsPort),
    AST_TLS_CERT: tls('pbx-example-cert'),
    AST_TLS_KEY: tls('pbx-example-key'),
  });
});
test.after(() => asterisk?.stop());

interface Talkspurt {
  readonly config: Config;
  readonly entry: AsteriskConfig;
  readonly runtime: Runtime;
  readonly events: TalkspurtEvent[];
  readonly backend: ToneBackend;
}

function configOf(keys: Record<string, unknown>): Config {
  const text = JSON.stringify({
    status: false,
    frontDoor: false,
    sip: false,
    switches: [{ name: 'pbx', kind: 'asterisk', username: 'test', port: asterisk!.httpPort, ...keys }],
    backends: { tone: { kind: 'embedded' } },
    profiles: { agent: { backend: 'tone', greeting: '', bargeIn: false } },
    limits: { calls: 4 },
  });
  return loadConfig({ text, env: { TALKSPURT_SWITCHES__PBX__PASSWORD: 'test' } });
}

const audioSocket = { port: 0 };
const ports = { from: 29_000, to: 29_199 };

async function withTalkspurt(keys: Record<string, unknown>, run: (ours: Talkspurt) => Promise<void>): Promise<void> {
  const config = configOf({ ...keys, media: { audioSocket, ports, ...(keys['media'] as object | undefined) } });
  const events: TalkspurtEvent[] = [];
  const backend = new ToneBackend();
  const runtime = await startRuntime(config, {
    clock,
    quiet: true,
    backends: { tone: backend },
    sinks: [{ emit: (event) => void events.push(event) }],
  });
  try {
    await run({ config, entry: config.switches[0] as AsteriskConfig, runtime, events, backend });
  } finally {
    for (const { id } of (await asterisk!.ari('GET', 'channels')) as { id: string }[]) {
      await asterisk!.ari('DELETE', `channels/${id}`).catch(() => undefined);
    }
    await runtime.close();
  }
  await assertNothingLeft(asterisk!);
}

function found({ events }: Talkspurt): Extract<TalkspurtEvent, { type: 'link.capabilities' }>[] {
  return events.filter((event) => event.type === 'link.capabilities');
}

async function asked(ours: Talkspurt): Promise<void> {
  await until(() => found(ours).length > 0, 'Asterisk has been asked');
}

/** A call in which both hear each other; how it was carried. */
async function talk({ events, backend }: Talkspurt, formats: string): Promise<string> {
  const id = await callIn(asterisk!, 'tone440', { formats });
  await until(() => backend.talks.has(id), 'the call talks');
  const { heard } = backend.talks.get(id)!;
  await until(() => toneOf(heard.slice(-4_000), RATE_HZ, 440).share > 0.9, 'the caller is heard');
  const opened = events.find((event) => event.type === 'media.opened' && event.callId === id);
  assert.ok(opened?.type === 'media.opened');
  await asterisk!.ari('DELETE', `channels/${id}`);
  const { transport, leg } = opened;
  return `${transport} ${leg.codec} ${leg.sampleRateHz}`;
}

/** With modules unloaded that are loaded again afterwards. */
async function without(names: readonly string[], run: () => Promise<void>): Promise<void> {
  for (const name of names) await unload(name);
  try {
    await run();
  } finally {
    for (const name of names) await asterisk!.ari('POST', `asterisk/modules/${name}.so`).catch(() => undefined);
  }
}

/** What a call that is just over still holds is let go of after a moment. */
async function unload(name: string): Promise<void> {
  let failure: unknown = null;
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      await asterisk!.ari('DELETE', `asterisk/modules/${name}.so`);
      return;
    } catch (error) {
      failure = error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw failure;
}

test('a whole one: auto takes RTP, a caller in G.711 as it is and one in more as G.722', async () => {
  if (asterisk === null) return;
  await withTalkspurt({}, async (ours) => {
    await asked(ours);
    const [told] = found(ours);
    assert.equal(
      [told?.media, told?.rtp, told?.audiosocket, told?.websocket, told?.missing],
      ['rtp', 'ulaw alaw g722 slin', 'slin slin16 slin24 slin48', 'ulaw alaw slin slin16 slin24 slin48', ''],
    );
    const [link] = ours.runtime.gateway.globalHealth().switch_links;
    assert.equal([link?.media, link?.problem], ['rtp', null]);
    assert.match(link!.version!, /^2\d\.\d+\.\d+/);
    assert.is(await talk(ours, 'ulaw'), 'rtp pcmu 8000');
    assert.is(await talk(ours, 'alaw'), 'rtp pcma 8000');
    assert.is(await talk(ours, 'slin16'), 'rtp l16 16000');
    const lines = await probeAsterisk(ours.entry);
    assert.match(lines[1]!, 'rtp ulaw,alaw,g722,slin; audiosocket slin,slin16,slin24,slin48; websocket ulaw,');
    assert.is(lines.at(-1), 'switch pbx: calls take rtp, format auto');
  });
});

test('without RTP auto takes AudioSocket, without that the WebSocket; without G.722 wideband stays narrow', async () => {
  if (asterisk === null) return;
  await without(['chan_rtp'], async () => {
    await withTalkspurt({}, async (ours) => {
      await asked(ours);
      assert.is(await talk(ours, 'slin16'), 'audiosocket l16 16000');
    });
    await without(['chan_audiosocket'], () =>
      withTalkspurt({}, async (ours) => {
        await asked(ours);
        assert.is(await talk(ours, 'ulaw'), 'websocket pcmu 8000');
      }),
    );
  });
  await without(['codec_g722'], () =>
    withTalkspurt({}, async (ours) => {
      await asked(ours);
      assert.is(await talk(ours, 'slin16'), 'rtp pcmu 8000');
    }),
  );
});

test('a path that is not there refuses calls with what to load; loaded, the next call is taken', async () => {
  if (asterisk === null) return;
  for (const [kind, name, carried] of [
    ['rtp', 'res_rtp_asterisk', 'rtp pcmu 8000'],
    ['audiosocket', 'chan_audiosocket', 'audiosocket l16 8000'],
    ['websocket', 'chan_websocket', 'websocket pcmu 8000'],
  ] as const) {
    await without([name], () =>
      withTalkspurt({ media: { kind } }, async (ours) => {
        await asked(ours);
        const { error, media } = found(ours)[0]!;
        assert.is(media, 'none');
        assert.match(error!.message, `media.kind of switch pbx is ${kind}, and this Asterisk cannot do it`);
        assert.match(error!.message, `module load ${name}.so`);
        assert.match(ours.runtime.gateway.notReady().join(), name);
        const id = await callIn(asterisk!, 'silent');
        const left = await dialplanWentOn(asterisk!, id);
        assert.equal([left['result'], left['reason']], ['refused', 'media-unavailable']);
        const refusal = ours.events.find((event) => event.type === 'call.refused');
        assert.ok(refusal?.type === 'call.refused' && refusal.error.message.includes(name));
        assert.is(ours.backend.talks.size, 0);
        const failure = (await probeAsterisk(ours.entry).catch((thrown: unknown) => thrown)) as TalkspurtError;
        assert.match(failure.message, `module load ${name}.so`);

        await asterisk!.ari('POST', `asterisk/modules/${name}.so`);
        assert.is(await talk(ours, 'ulaw'), carried);
        assert.is(ours.runtime.gateway.globalHealth().switch_links[0]?.problem, null);
      }),
    );
  }
});

test('over TLS with an authority of our own: ARI, chan_websocket, check; another authority is refused', async () => {
  if (asterisk === null) return;
  const secured = { port: tlsPort, tls: true, caFile: tls('authority-cert') };
  await withTalkspurt({ ...secured, media: { kind: 'websocket' } }, async (ours) => {
    await asked(ours);
    assert.is(await talk(ours, 'ulaw'), 'websocket pcmu 8000');
    assert.match((await probeAsterisk(ours.entry)).at(-1)!, 'calls take websocket');
  });
  for (const caFile of [tls('stream-example-cert'), undefined]) {
    const keys = caFile === undefined ? { port: tlsPort, tls: true } : { ...secured, caFile };
    await withTalkspurt(keys, async (ours) => {
      const down = ours.events.find((event) => event.type === 'link.down');
      assert.ok(down?.type === 'link.down');
      assert.is((down as { error: TalkspurtError }).error.code, 'ERR_TALKSPURT_LINK_REFUSED');
      const failure = (await probeAsterisk(ours.entry).catch((thrown: unknown) => thrown)) as TalkspurtError;
      assert.is(failure.code, 'ERR_TALKSPURT_LINK_REFUSED');
    });
  }
});

test('check --online tells a wrong password', async () => {
  if (asterisk === null) return;
  const entry = configOf({}).switches[0] as AsteriskConfig;
  const failure = (await probeAsterisk({ ...entry, password: 'wrong' }).catch(
    (thrown: unknown) => thrown,
  )) as TalkspurtError;
  assert.is(failure.code, 'ERR_TALKSPURT_LINK_AUTH');
});

test("a header of a SIP caller's INVITE is a variable of the call", async () => {
  if (asterisk === null) return;
  const { sipPort } = asterisk;
  await withTalkspurt({ variables: ['PJSIP_HEADER(read,X-Account)'] }, async (ours) => {
    await asked(ours);
    const endpoint = new SipEndpoint('127.0.0.1', () => false);
    const leg = new SipLeg(
      {
        user: 'stasis-talkspurt-agent',
        peer: { transport: 'udp', address: '127.0.0.1', port: sipPort },
        from: 'ulaw',
        name: 'ulaw',
        maxForwards: 70,
        headers: [['X-Account', '17']],
        credentials: null,
        codecs: [{ name: 'PCMU', sampleRateHz: 8_000, ptimeMs: 20 }],
        endpoint,
      },
      clock,
      { onRinging: () => undefined, onMedia: () => undefined, onHold: () => undefined, onEnd: () => undefined },
    );
    try {
      await leg.start();
      await until(() => ours.backend.talks.size === 1, 'the call talks');
      const [session] = [...ours.backend.talks.values()];
      assert.is(session!.call.variables.get('PJSIP_HEADER(read,X-Account)'), '17');
    } finally {
      leg.end(16);
      endpoint.close();
    }
  });
});

test.run();

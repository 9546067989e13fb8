/** The doctor's checks: each fault that an operator meets is found, named, and told how to be mended; what is well is let pass. */
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkBackends } from '../../../src/cli/doctor/check-backends.ts';
import { checkClock } from '../../../src/cli/doctor/check-clock.ts';
import { checkConfig } from '../../../src/cli/doctor/check-config.ts';
import { checkMachine } from '../../../src/cli/doctor/check-machine.ts';
import { checkPorts } from '../../../src/cli/doctor/check-ports.ts';
import { checkSwitches } from '../../../src/cli/doctor/check-switches.ts';
import { findingSchema, worst } from '../../../src/cli/doctor/finding.ts';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { loadConfig } from '../../../src/config.ts';
import type { Config } from '../../../src/config.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import { DeepgramServer } from '../../../src/simulator/deepgram-server.ts';
import { GeminiServer } from '../../../src/simulator/gemini-server.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { SpeechSynthesizer } from '../../../src/simulator/speech.ts';
import { FakeClock, settle } from '../../sim/fake-clock.ts';
import { SpeechServices } from '../../sim/speech-services.ts';

const test = suite('checks of the doctor');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-doctor-'));
test.after(() => rmSync(folder, { recursive: true }));
const clock = new SystemClock();

function config(parts: object = {}): Config {
  const base = {
    backends: { ai: { kind: 'embedded' } },
    profiles: { p: { backend: 'ai' } },
    status: false,
    sip: false,
  };
  return loadConfig({ text: JSON.stringify({ ...base, ...parts }), env: {} });
}

/** `id verdict`, of those of one id. */
function of(findings: readonly Finding[], id: string): Finding[] {
  for (const finding of findings) {
    assert.ok(findingSchema.safeParse(finding).success, finding.id);
    assert.is(finding.fix === null, finding.verdict === 'pass' || finding.verdict === 'skip', `${finding.id}: a fix`);
  }
  return findings.filter((finding) => finding.id === id);
}

function one(findings: readonly Finding[], id: string): Finding {
  const found = of(findings, id);
  assert.is(found.length, 1, `${id}: ${found.map(({ text }) => text).join('; ')}`);
  return found[0]!;
}

async function onClock(
  fake: FakeClock,
  ntp: string | null,
  meanwhile: (passedMs: number) => void = () => undefined,
): Promise<Finding[]> {
  const running = checkClock(
    fake,
    () => Promise.resolve(ntp),
    () => Promise.resolve(null),
  );
  for (let ms = 0; ms < 3_000; ms += 20) {
    await settle();
    fake.advance(20);
    meanwhile(ms);
  }
  return await running;
}

class JumpingClock extends FakeClock {
  jumpMs = 0;

  override wallTimeMs(): number {
    return super.wallTimeMs() + this.jumpMs;
  }
}

test('a clock that is well; whether it follows NTP', async () => {
  const findings = await onClock(new FakeClock(), 'yes\n');
  assert.equal(
    findings.map(({ id, verdict }) => `${id} ${verdict}`),
    ['clock.wall pass', 'clock.timers pass', 'clock.ntp pass'],
  );
  assert.is(one(await onClock(new FakeClock(), 'no\n'), 'clock.ntp').verdict, 'warn');
  assert.is(one(await onClock(new FakeClock(), null), 'clock.ntp').verdict, 'skip');
});

test('wall time that jumps is found', async () => {
  const fake = new JumpingClock();
  const jump = one(await onClock(fake, null, (ms) => (fake.jumpMs = ms >= 600 ? -750 : 0)), 'clock.wall');
  assert.equal([jump.verdict, jump.figures['wallOffMs']], ['fail', -750]);
  assert.match(jump.fix ?? '', /chrony/);
});

test('timers that are late are found', async () => {
  const fake = new FakeClock();
  // Every third tick the process stands still.
  const late = one(await onClock(fake, null, (ms) => (ms % 60 === 0 ? fake.stall(55) : undefined)), 'clock.timers');
  assert.is(late.verdict, 'fail', late.text);
  assert.match(late.fix ?? '', /CPU/);
});

const LIMITS_FILE = (files: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${files}                 4096                 files\nMax realtime priority     0                    0\n`;

async function onMachine(parts: object, system: Record<string, string>, node = '22.1.0'): Promise<Finding[]> {
  return await checkMachine(config(parts), (path) => Promise.resolve(system[path] ?? null), node);
}

test('the limits of a machine, against the calls', async () => {
  const limits = { calls: 100 };
  const good = { '/proc/self/limits': LIMITS_FILE('1024'), '/proc/sys/net/core/rmem_max': '262144\n' };
  const findings = await onMachine({ limits }, good);
  assert.is(one(findings, 'machine.files').verdict, 'pass');
  assert.is(one(findings, 'machine.udp-buffers').verdict, 'pass');
  assert.is(one(findings, 'machine.simd').verdict, 'pass');
  const poor = await onMachine(
    { limits },
    { '/proc/self/limits': LIMITS_FILE('512'), '/proc/sys/net/core/rmem_max': '212992' },
  );
  const files = one(poor, 'machine.files');
  assert.equal([files.verdict, files.figures['needed']], ['fail', 856]);
  assert.match(files.fix ?? '', /LimitNOFILE/);
  assert.match(one(poor, 'machine.udp-buffers').fix ?? '', /net\.core\.rmem_max/);
  const unknown = await onMachine({}, {});
  assert.equal([one(unknown, 'machine.files').verdict, one(unknown, 'machine.udp-buffers').verdict], ['skip', 'skip']);
  assert.is(one(await onMachine({ limits: { calls: 500 } }, {}), 'machine.cpu').verdict, 'warn');
});

test('a Node that is too old', async () => {
  for (const [version, verdict] of [
    ['18.20.0', 'fail'],
    ['20.18.3', 'fail'],
    ['20.19.0', 'pass'],
    ['24.0.0', 'pass'],
  ] as const)
    assert.is(one(await onMachine({}, {}, version), 'machine.node').verdict, verdict, version);
});

test('folders: none, one that will be made, one that is a file, one that is missing', async () => {
  assert.is(one(await onMachine({}, {}), 'folder.records').verdict, 'warn');
  const made = one(await onMachine({ records: { folder: join(folder, 'a/b') } }, {}), 'folder.records');
  assert.equal([made.verdict, made.text], ['pass', 'it will be made']);
  writeFileSync(join(folder, 'file'), '');
  assert.is(one(await onMachine({ records: { folder: join(folder, 'file') } }, {}), 'folder.records').verdict, 'fail');
  const missing = one(await onMachine({ recordings: { directory: join(folder, 'none') } }, {}), 'folder.recordings');
  assert.equal([missing.verdict, missing.fix], ['fail', `make it: mkdir -p ${join(folder, 'none')}`]);
});

async function listening(server: Server = createServer()): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

test('a port that is taken, one that is free, and an address that is not ours', async () => {
  const server = createServer();
  const port = await listening(server);
  const taken = one(await checkPorts(config({ status: { port } })), 'ports.listen');
  assert.equal([taken.verdict, taken.about], ['warn', 'status']);
  assert.match(taken.fix ?? '', new RegExp(`:${port}\\)`));
  await new Promise((resolve) => server.close(resolve));
  assert.is(one(await checkPorts(config({ status: { port } })), 'ports.listen').verdict, 'pass');
  const foreign = one(
    await checkPorts(config({ status: { port, host: '192.0.2.1', readToken: 't'.repeat(24) } })),
    'ports.listen',
  );
  assert.is(foreign.verdict, 'fail');
  assert.match(foreign.fix ?? '', /advertiseHost/);
});

test('a range of ports that is too small, or has all of them taken', async () => {
  // Ranges of switches are refused by the configuration itself; that of SIP may be shared, and is not.
  const ranges = (from: number, to: number, calls: number): Promise<Finding[]> =>
    checkPorts(
      config({
        limits: { calls },
        sip: { port: 0, rtpPorts: { from, to } },
        switches: [{ name: 'fs', kind: 'freeswitch', password: 'p', media: { kind: 'sip' } }],
      }),
    );
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  const even = port & ~1;
  const sibling = createSocket('udp4');
  await new Promise<void>((resolve) =>
    sibling.once('error', () => resolve()).bind(even === port ? even + 1 : even, '127.0.0.1', resolve),
  );
  const small = one(await ranges(even, even + 1, 4), 'ports.range');
  assert.equal([small.verdict, small.figures['calls']], ['fail', 1]);
  assert.match(small.fix ?? '', /widen sip\.rtpPorts to 8 ports/);
  const full = one(await ranges(even, even + 1, 1), 'ports.range');
  assert.is(full.verdict, 'fail');
  assert.match(full.text, /taken/);
  for (const each of [socket, sibling]) await new Promise<void>((resolve) => each.close(() => resolve()));
  assert.is(one(await ranges(even, even + 1, 1), 'ports.range').verdict, 'pass');
});

const pem = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');

async function onServer(
  certificate: string,
  ca?: string,
  at: { clock: { nowMs(): number; wallTimeMs(): number } } = { clock },
): Promise<Finding[]> {
  const server = createTlsServer({ cert: pem(`${certificate}-cert`), key: pem(`${certificate}-key`) });
  const port = await listening(server);
  const checked = await checkBackends(
    config({ backends: { ai: { kind: 'websocket', url: `wss://localhost:${port}/call?token=SECRET` } } }),
    {
      clock: Object.assign(Object.create(clock) as SystemClock, at.clock),
      ...(ca === undefined ? {} : { ca: pem(ca) }),
    },
  );
  await new Promise((resolve) => server.close(resolve));
  assert.not.match(JSON.stringify(checked), 'SECRET');
  return checked;
}

test('a certificate that is good, expired, about to expire, or of nobody who is trusted', async () => {
  const good = one(await onServer('pbx-example', 'authority-cert'), 'backend.certificate');
  assert.is(good.verdict, 'pass', good.text);
  const expired = one(await onServer('expired-example', 'expired-example-cert'), 'backend.certificate');
  assert.is(expired.verdict, 'fail');
  assert.match(expired.text, /expired \d+ days ago/);
  const stranger = one(await onServer('pbx-example'), 'backend.certificate');
  assert.is(stranger.verdict, 'fail');
  assert.match(stranger.fix ?? '', /NODE_EXTRA_CA_CERTS/);
  const soonMs = Date.parse('2126-10-20T00:00:00Z');
  const soon = one(
    await onServer('pbx-example', 'authority-cert', { clock: { nowMs: () => 0, wallTimeMs: () => soonMs } }),
    'backend.certificate',
  );
  assert.equal([soon.verdict, soon.figures['certificateDays']], ['warn', 8]);
});

test('a name that is not found, a port that does not answer, a key that is none', async () => {
  const at = async (baseUrl: string | undefined, apiKey: string): Promise<Finding[]> =>
    await checkBackends(
      config({ backends: { ai: { kind: 'openai', apiKey, ...(baseUrl === undefined ? {} : { baseUrl }) } } }),
      { clock },
    );
  const lost = await at('wss://no-such-host.invalid/v1', 'x'.repeat(40));
  assert.is(one(lost, 'backend.dns').verdict, 'fail');
  assert.is(one(lost, 'backend.probe').verdict, 'skip');
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  const refused = await at(`ws://127.0.0.1:${port}/v1`, 'has blanks in it');
  assert.match(one(refused, 'backend.connect').text, /ECONNREFUSED/);
  assert.is(one(refused, 'backend.key').verdict, 'fail');
  assert.not.match(JSON.stringify(refused), 'blanks in it');
});

test('engines that speak what a backend writes: reached, and asked for a word; a key or voice that is refused is told', async () => {
  const services = await SpeechServices.listen();
  const elevenlabs = {
    engine: 'elevenlabs',
    voice: 'v',
    apiKey: 'SECRET-of-elevenlabs',
    baseUrl: services.elevenLabsUrl,
  };
  const baseUrl = services.url;
  const asked = async (fallback: object): Promise<Finding[]> => {
    const speech = { engine: 'openai', apiKey: 'SECRET-of-openai', baseUrl, fallback };
    const ai = { kind: 'openai', apiKey: 'k'.repeat(40), baseUrl: 'ws://127.0.0.1:1/v1', speech };
    const findings = await checkBackends(config({ backends: { ai } }), { clock });
    assert.not.match(JSON.stringify(findings), 'SECRET-of');
    return findings;
  };
  const about = (findings: readonly Finding[], name: string): Finding[] =>
    findings.filter((finding) => finding.about === name);
  try {
    const good = await asked(elevenlabs);
    for (const name of ['ai.speech', 'ai.speech.fallback']) {
      assert.is(one(about(good, name), 'backend.connect').verdict, 'pass', name);
      assert.is(one(about(good, name), 'backend.probe').verdict, 'pass', name);
    }
    assert.equal(
      services.requests.map(({ service, text }) => [service, text]),
      [
        ['openai', 'Hi.'],
        ['elevenlabs', 'Hi.'],
      ],
    );
    services.behaviour = { kind: 'refuse', status: 401, body: { error: { message: 'no', code: 'invalid_api_key' } } };
    const refused = one(about(await asked({ engine: 'embedded' }), 'ai.speech'), 'backend.probe');
    assert.match(refused.text, 'ERR_TALKSPURT_TTS_AUTH');
    assert.match(refused.fix ?? '', 'valid key');
  } finally {
    await services.close();
  }
  const gone = await asked({ engine: 'embedded' });
  assert.is(one(about(gone, 'ai.speech'), 'backend.connect').verdict, 'fail');
  assert.is(one(about(gone, 'ai.speech'), 'backend.probe').verdict, 'skip');
  assert.is(one(about(gone, 'ai.speech.fallback'), 'backend.probe').verdict, 'pass');
});

async function onFreeswitch(entry: object, parts: object = {}): Promise<Finding[]> {
  const fs = new SimulatedSwitch({ clock, password: 'right' });
  await fs.listen();
  try {
    const switches = [{ name: 'fs', kind: 'freeswitch', port: fs.port, password: 'right', ...entry }];
    return await checkSwitches(config({ switches, ...parts }), clock);
  } finally {
    await fs.close();
  }
}

test('a FreeSWITCH: reached, another password, not there, a module that is missing', async () => {
  const media = { kind: 'unicast' };
  const good = await onFreeswitch({ media });
  assert.is(worst(good), 'pass', JSON.stringify(good));
  assert.match(one(good, 'switch.link').text, /1\.11\.2/);
  const wrong = one(await onFreeswitch({ media, password: 'wrong' }), 'switch.link');
  assert.is(wrong.verdict, 'fail');
  assert.match(wrong.text, 'ERR_TALKSPURT_LINK_AUTH');
  assert.match(wrong.fix ?? '', /event_socket\.conf\.xml/);
  assert.not.match(JSON.stringify(wrong), '"wrong"');
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  const gone = one(await onFreeswitch({ media, port }), 'switch.link');
  assert.match(gone.fix ?? '', /mod_event_socket loaded/);
  const [missing] = of(await onFreeswitch({ media: { kind: 'module' } }), 'switch.modules');
  assert.is(missing?.verdict, 'fail');
  assert.match(missing?.fix ?? '', /load mod_audio_stream/);
});

test('no switch, no configuration', async () => {
  assert.is(one(await checkSwitches(config(), clock), 'switch.link').verdict, 'skip');
  const none = await checkConfig(join(folder, 'none.yaml'), {});
  assert.equal([none.config, none.findings[0]?.verdict], [null, 'fail']);
  writeFileSync(join(folder, 'bad.yaml'), 'switches: 3\n');
  assert.match((await checkConfig(join(folder, 'bad.yaml'), {})).findings[0]?.text ?? '', /switches/);
});

test("Deepgram's agent is asked with the settings of a call; a key that it does not take is told", async () => {
  const server = new DeepgramServer({ clock, speech: new SpeechSynthesizer(), key: 'k'.repeat(40) });
  await server.listen();
  try {
    const asked = (apiKey: string): Promise<Finding[]> => {
      const ai = { kind: 'deepgram', url: server.url, apiKey };
      return checkBackends(config({ backends: { ai } }), { clock });
    };
    assert.is(one(await asked('k'.repeat(40)), 'backend.probe').verdict, 'pass');
    const refused = one(await asked('w'.repeat(40)), 'backend.probe');
    assert.is(refused.verdict, 'fail');
    assert.match(refused.fix ?? '', 'valid key');
  } finally {
    await server.close();
  }
});

test('Gemini Live is asked with the set-up of a call; a key that it does not take is told', async () => {
  const server = new GeminiServer({ clock, speech: new SpeechSynthesizer(), key: 'k'.repeat(40) });
  await server.listen();
  try {
    const asked = (apiKey: string): Promise<Finding[]> => {
      const ai = { kind: 'gemini', model: 'gemini-live', url: server.url, apiKey };
      return checkBackends(config({ backends: { ai } }), { clock });
    };
    assert.is(one(await asked('k'.repeat(40)), 'backend.probe').verdict, 'pass');
    const refused = one(await asked('w'.repeat(40)), 'backend.probe');
    assert.is(refused.verdict, 'fail');
    assert.match(refused.fix ?? '', 'valid key');
  } finally {
    await server.close();
  }
});

test.run();

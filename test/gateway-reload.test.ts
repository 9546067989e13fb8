/** `reload`: all of a configuration takes effect, or nothing; what is secret in it never shows. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../src/config.ts';
import type { Config } from '../src/config.ts';
import { SystemClock } from '../src/core/clock.ts';
import { TalkspurtError, hasCode } from '../src/core/errors.ts';
import type { ErrorCode } from '../src/core/errors.ts';
import type { HostList } from '../src/core/host-list.ts';
import { closeEmbedded } from '../src/gateway-backends.ts';
import type { BackendMakers } from '../src/gateway-backends.ts';
import { reloader } from '../src/gateway-reload.ts';
import { LogSink } from '../src/observe/log-sink.ts';
import { BreakerBoard } from '../src/resilience/breaker-board.ts';
import { SpeechSynthesizer } from '../src/simulator/speech.ts';

const clock = new SystemClock();

/** What a gateway is told. */
class FakeGateway {
  draining = false;
  profileNames = ['p'];
  readonly told: { profiles: string[]; backends: string[]; targets: HostList | undefined }[] = [];
  replaceProfiles(profiles: ReadonlyMap<string, unknown>, backends: ReadonlyMap<string, unknown>, targets?: HostList) {
    this.told.push({ profiles: [...profiles.keys()], backends: [...backends.keys()], targets });
  }
}

function config(text: string): Config {
  return loadConfig({ text: `status: false\nsip: false\n${text}`, env: {} });
}

/** What a later backend of the configuration refuses: `loadConfig` would have found it, so it is put in behind its back. */
function broken(good: Config): Config {
  return { ...good, profiles: { ...good.profiles, p: { ...good.profiles['p']!, backend: 'nobody' } } };
}

const PLAIN = 'backends: {a: {kind: websocket, url: "ws://127.0.0.1:1"}}\nprofiles: {p: {backend: a}}';
const EMBEDDED = 'backends: {a: {kind: embedded}}\nprofiles: {p: {backend: a}}\ntargets: {allow: [127.0.0.1]}';
const SECRET = 'key-that-is-new';

function world(started = config(PLAIN)) {
  const lines: string[] = [];
  const speech = new SpeechSynthesizer();
  const makers: BackendMakers = {
    clock,
    speech,
    closers: [],
    breakers: new BreakerBoard({ clock }),
    given: {},
    onStreamEvent: () => undefined,
    embedded: null,
    events: { emit: () => undefined },
    onBreaker: () => undefined,
    voices: new Map(),
  };
  const gateway = new FakeGateway();
  const log = new LogSink({
    clock,
    level: 'info',
    format: 'json',
    personalData: false,
    secrets: ['key-of-the-start'],
    output: { write: (line) => void lines.push(line) },
  });
  let read = (): Config => config(PLAIN);
  const reload = reloader({ started, read: () => read(), gateway: () => gateway, makers, log });
  return {
    lines,
    makers,
    gateway,
    log,
    reload,
    reads: (next: () => Config) => void (read = next),
    close: async () => {
      await closeEmbedded(makers);
      await speech.close();
    },
  };
}

async function refused(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await work.then(
    () => assert.unreachable('nothing was refused'),
    (error: unknown) => assert.ok(hasCode(error, code), String(error)),
  );
}

test('new profiles, backends and hosts; the secrets among them never show in the log, the old ones neither', async () => {
  const { reload, reads, gateway, log, lines, close } = world();
  reads(() =>
    config(
      `backends: {a: {kind: openai, apiKey: ${SECRET}, baseUrl: "ws://127.0.0.1:1"}}\nprofiles: {p: {backend: a}, q: {backend: a}}\ntargets: {allow: [127.0.0.1]}`,
    ),
  );
  assert.match(await reload(), /2 profiles, 1 backends/);
  assert.equal(gateway.told[0]?.profiles, ['p', 'q']);
  assert.throws(() => gateway.told[0]?.targets?.check('ws://127.0.0.2/'), /targets\.allow/);
  log.note('warn', 'a peer said', { text: `${SECRET} and key-of-the-start` });
  assert.ok(lines.length > 0);
  assert.not(lines.some((line) => line.includes(SECRET) || line.includes('key-of-the-start')));
  await close();
});

test('secrets of a configuration that is refused do not show either', async () => {
  const { reload, reads, log, lines, gateway, close } = world();
  reads(() =>
    broken(
      config(
        `backends: {a: {kind: openai, apiKey: ${SECRET}, baseUrl: "ws://127.0.0.1:1"}}\nprofiles: {p: {backend: a}}`,
      ),
    ),
  );
  await refused(reload(), 'ERR_TALKSPURT_CONFIG_INVALID');
  log.note('warn', 'a peer said', { text: SECRET });
  assert.not(lines.some((line) => line.includes(SECRET)));
  assert.is(gateway.told.length, 0);
  await close();
});

test('two at once: the second is refused, and one server is made', async () => {
  const { reload, reads, makers, gateway, close } = world();
  reads(() => config(EMBEDDED));
  const [first, second] = [reload(), reload()];
  await refused(second, 'ERR_TALKSPURT_ALREADY_RUNNING');
  await first;
  assert.is(makers.closers.length, 1);
  assert.is(gateway.told.length, 1);
  const server = makers.embedded;
  await reload();
  assert.is(makers.embedded, server, 'it is used again');
  assert.is(makers.closers.length, 1);
  await close();
});

test('one that fails leaves everything as it was, and the server it made is closed', async () => {
  const { reload, reads, makers, gateway, close } = world();
  reads(() => {
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_UNREADABLE', 'no');
  });
  await refused(reload(), 'ERR_TALKSPURT_CONFIG_UNREADABLE');
  reads(() => broken(config(EMBEDDED)));
  for (let each = 0; each < 3; each += 1) await refused(reload(), 'ERR_TALKSPURT_CONFIG_INVALID');
  assert.is(makers.embedded, null);
  assert.is(makers.closers.length, 0);
  assert.is(gateway.told.length, 0);
  reads(() => config(EMBEDDED));
  await reload();
  const server = makers.embedded;
  reads(() => broken(config(EMBEDDED)));
  await refused(reload(), 'ERR_TALKSPURT_CONFIG_INVALID');
  assert.is(makers.embedded, server, 'one that calls use stays');
  await close();
});

test('a file that is empty, or without a profile that calls are given until a restart, changes nothing', async () => {
  const { reload, reads, gateway, close } = world(
    config(
      `${PLAIN}\nswitches: [{name: fs, kind: freeswitch, password: pw, outboundProfile: p, media: {kind: unicast}}]`,
    ),
  );
  for (const text of ['', PLAIN.replace('{p:', '{q:')]) {
    reads(() => config(text));
    await refused(reload(), 'ERR_TALKSPURT_CONFIG_INVALID');
  }
  assert.is(gateway.told.length, 0);
  reads(() => config(PLAIN.replace('{p:', '{q: {backend: a}, p:')));
  await reload();
  assert.equal(gateway.told[0]?.profiles, ['q', 'p']);
  const none = world(config(''));
  none.gateway.profileNames = [];
  none.reads(() => config(''));
  await none.reload();
  await none.close();
  await close();
});

test('none while the process ends: what it made meanwhile is closed', async () => {
  const { reload, reads, makers, gateway, close } = world();
  reads(() => config(EMBEDDED));
  const reloading = reload();
  gateway.draining = true;
  await refused(reloading, 'ERR_TALKSPURT_DRAINING');
  assert.is(makers.embedded, null);
  await refused(reload(), 'ERR_TALKSPURT_DRAINING');
  await close();
});

test.run();

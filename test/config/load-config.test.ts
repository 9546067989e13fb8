import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeConfig, loadConfig, secretsOfConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { DEFAULT_SESSION_OPTIONS } from '../../src/session/session-options.ts';

type Env = Record<string, string | undefined>;

const example = fileURLToPath(new URL('../../examples/talkspurt.yaml', import.meta.url));
const secrets = {
  TALKSPURT_SWITCHES__LOCAL__PASSWORD: 'switch-secret',
  TALKSPURT_FRONT_DOOR__PASSWORD: 'door-secret',
  OPENAI_API_KEY: 'openai-secret',
};

function load(text: string, env: Env = {}): Config {
  return loadConfig({ text, path: 'test.yaml', env });
}

function refused(run: () => unknown): TalkspurtError {
  try {
    run();
  } catch (error) {
    assert.instance(error, TalkspurtError);
    return error as TalkspurtError;
  }
  throw new Error('nothing was refused');
}

/** The lines of an error that name a fault. */
function faults(text: string, env: Env = {}): string[] {
  const error = refused(() => load(text, env));
  return error.message
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}

test('the example file is valid and means what it says', () => {
  const config = loadConfig({ path: example, env: secrets });
  assert.is(config.switches[0]?.password, 'switch-secret');
  assert.is(config.switches[0]?.port, 8021);
  assert.is(config.frontDoor !== false && config.frontDoor.password, 'door-secret');
  const openai = config.backends['openai'];
  assert.is(openai?.kind === 'openai' && openai.apiKey, 'openai-secret');
  assert.is(config.profiles['reception']?.backend, 'openai');
  assert.equal(config.warnings, []);
});

test('what a stream cannot be dialled with is a fault at its own key', () => {
  const stream = (fields: string): string[] => faults(`backends: {own: {kind: websocket, ${fields}}}`);
  const [address] = stream('url: "https://far.example"');
  assert.match(address!, /backends\.own\.url is not usable: url of stream 'own' is wrong: begin it with wss:/);
  const [header] = stream('url: "wss://far.example", extraHeaders: {Upgrade: x}');
  assert.match(header!, /backends\.own\.extraHeaders is not usable: extraHeaders\.Upgrade of stream 'own' is wrong/);
});

test('a profile names a backend, or several in order', () => {
  const two = 'backends: {a: {kind: embedded}, b: {kind: embedded}}\n';
  const { profiles, warnings } = load(`${two}profiles: {p: {backends: [b, a], reconnect: {attempts: 2}}}`);
  assert.equal([profiles['p']?.backend, profiles['p']?.fallbacks], ['b', ['a']]);
  assert.equal(profiles['p']?.options.reconnect, { ...DEFAULT_SESSION_OPTIONS.reconnect, attempts: 2 });
  assert.not.ok(warnings.some((warning) => /backend/.test(warning)));
  const wrong = (profile: string): string[] => faults(`${two}profiles: {p: ${profile}}`);
  assert.match(wrong('{backend: a, backends: [b]}').join(), /profiles\.p\.backends sets backend and backends/);
  assert.match(wrong('{}').join(), /profiles\.p\.backend names no backend/);
  assert.match(wrong('{backends: [a, c]}').join(), /profiles\.p\.backends\[1\] is not the name of a backend/);
  assert.match(wrong('{backends: [a, b, a]}').join(), /profiles\.p\.backends\[2\] stands there twice/);
  assert.match(
    wrong('{backend: a, reconnect: {lastResort: transfer}}').join(),
    /profiles\.p\.reconnect\.destination is empty/,
  );
});

test('an empty file is the defaults; a profile is the defaults of a session', () => {
  const empty = load('');
  assert.is(empty.frontDoor, false);
  assert.equal(empty.status, {
    host: '127.0.0.1',
    port: 9464,
    readToken: '',
    controlToken: '',
    hosts: [],
    origins: [],
    personalData: false,
    page: true,
    requestsPerSecond: 20,
  });
  const { profiles } = load('backends: {a: {kind: embedded}}\nprofiles: {p: {backend: a}}');
  assert.equal(profiles['p']?.options, DEFAULT_SESSION_OPTIONS);
});

test('faults name line, column, path and fix', () => {
  assert.equal(faults('log:\n  levl: info\n'), ['test.yaml:2:3  log.levl is not a known key; did you mean level?']);
  assert.equal(faults('log:\n  level: inof\n'), [
    'test.yaml:2:10  log.level must be one of trace, debug, info, warn, error, silent; it is inof, did you mean info?',
  ]);
  assert.equal(faults('status: {port: 70000}'), [
    'test.yaml:1:16  status.port must be a whole number of 0 to 65535; it is 70000',
  ]);
  assert.equal(faults('switches:\n  - name: a\n    kind: freeswitc\n'), [
    'test.yaml:3:11  switches[0].kind must be one of freeswitch, asterisk; it is freeswitc, did you mean freeswitch?',
  ]);
  assert.equal(faults('profiles:\n  p: {greeting: hello}\n'), [
    'test.yaml:2:6  profiles.p.backend names no backend: set backend, or backends',
  ]);
  assert.equal(faults('profiles:\n  p q: {backend: a}\n').length, 1);
  assert.equal(faults('- log\n'), ['test.yaml:1:1  the file must be a mapping of keys to values; it is a list']);
});

test('all faults are named at once', () => {
  const found = faults('log: {level: loud}\nstatus: {port: -1}\nlimits: {calls: 0}\n');
  assert.equal(
    found.map((line) => line.split(' ')[0]),
    ['test.yaml:1:14', 'test.yaml:2:16', 'test.yaml:3:17'],
  );
});

test('what is not YAML is refused with its place', () => {
  const error = refused(() => load('log:\n  level: [info\n'));
  assert.is(error.code, 'ERR_TALKSPURT_CONFIG_INVALID');
  assert.match(error.message, /test\.yaml:\d+:\d+/);
  assert.match(faults('log: {}\nlog: {}\n')[0] ?? '', /^test\.yaml:2:1 .*given twice/);
});

test('an alias bomb, a missing anchor and a file that is too long are refused', () => {
  const bomb = [
    'a: &a [x, x]',
    ...'bcdefghij'.split('').map((key, i) => `${key}: &${key} [${`*${'abcdefghi'[i]},`.repeat(9)}]`),
  ];
  assert.is(refused(() => load(bomb.join('\n'))).code, 'ERR_TALKSPURT_CONFIG_INVALID');
  assert.is(refused(() => load('log: *nothing')).code, 'ERR_TALKSPURT_CONFIG_INVALID');
  assert.is(refused(() => load(`# ${'x'.repeat(1024 * 1024)}`)).code, 'ERR_TALKSPURT_CONFIG_UNREADABLE');
});

test('a file that is not there says how to get one', () => {
  const error = refused(() => loadConfig({ path: join(tmpdir(), 'no-such-file.yaml'), env: {} }));
  assert.is(error.code, 'ERR_TALKSPURT_CONFIG_UNREADABLE');
  assert.match(error.message, /ENOENT.*examples\/talkspurt\.yaml/);
});

test('a part can be turned off, in the file and by a variable; what is wrong inside it is still named', () => {
  assert.is(load('status: false').status, false);
  assert.is(load('', { TALKSPURT_STATUS: 'false' }).status, false);
  assert.is(load('frontDoor: {password: x}', { TALKSPURT_FRONT_DOOR: 'false' }).frontDoor, false);
  assert.equal(faults('status: true'), [
    'test.yaml:1:9  status must be false, or a mapping of keys to values; it is true',
  ]);
  assert.equal(faults('frontDoor: {prot: 1, port: 70000}').sort(), [
    'test.yaml:1:13  frontDoor.prot is not a known key; did you mean port?',
    'test.yaml:1:28  frontDoor.port must be a whole number of 0 to 65535; it is 70000',
  ]);
});

test('YAML that is broken around a secret does not show it', () => {
  for (const broken of [
    '*hunter22',
    '!hunter22',
    '|hunter22',
    '@hunter22',
    '"hunter22\\q"',
    '[hunter22',
    'a: hunter22',
    '&x *x hunter22',
  ]) {
    const error = refused(() => load(`switches:\n  - name: a\n    kind: freeswitch\n    password: ${broken}\n`));
    assert.not.match(error.message, 'hunter22', broken);
    assert.is(error.cause, undefined);
  }
});

test('rules between keys', () => {
  const openai = 'backends: {main: {kind: openai, apiKeyFile: k}}';
  const env = { OPENAI_API_KEY: 'k' };
  assert.match(
    faults('backends: {main: {kind: embedded}}\nprofiles: {p: {backend: man}}')[0] ?? '',
    /did you mean main\?/,
  );
  assert.match(faults('profiles: {p: {backend: main}}')[0] ?? '', /there is none under backends/);
  assert.match(faults('status: {port: 8022}\nfrontDoor: {password: x}')[0] ?? '', /is the port of status too/);
  const twice = 'switches: [{name: a, kind: freeswitch, password: x}, {name: A, kind: freeswitch, password: x}]';
  assert.match(faults(twice)[0] ?? '', /taken by another switch/);
  const pbx = (name: string, rest: string): string => `{name: ${name}, kind: asterisk, password: x${rest}}`;
  assert.match(faults(`switches: [${pbx('a', '')}, ${pbx('b', '')}]`)[0] ?? '', /with the same app/);
  assert.is(load(`switches: [${pbx('a', '')}, ${pbx('b', ', app: second')}]`).switches.length, 2);
  const range = (from: number, to: number): string =>
    `switches: [{name: a, kind: freeswitch, password: x, media: {portRange: {from: ${from}, to: ${to}}}}]`;
  assert.match(faults(range(30000, 20000))[0] ?? '', /ends before it begins/);
  assert.match(faults(range(20000, 20001))[0] ?? '', /2 ports for 200 calls/);
  assert.is(load(`${range(20000, 20001)}\nlimits: {calls: 2}`).limits.calls, 2);
  const allow = (block: string): string => `frontDoor: {password: x, allow: ["${block}"]}`;
  for (const block of ['office', '10.0.0.0/33', '10.0.0.0/8/8', '::1/129', '10.0.0/8', '10.0.0.0/']) {
    assert.match(faults(allow(block))[0] ?? '', /frontDoor\.allow\[0\] is neither an address nor a block/, block);
  }
  for (const block of ['10.0.0.1', '10.0.0.0/0', '::/0', 'fd00::/8']) assert.not.throws(() => load(allow(block)));
  const thresholds = 'profiles: {p: {backend: a, endpointer: {speechThreshold: 0.4, silenceThreshold: 0.5}}}';
  assert.match(faults(`backends: {a: {kind: embedded}}\n${thresholds}`)[0] ?? '', /above speechThreshold/);
  assert.match(faults(openai, env)[0] ?? '', /apiKey cannot be read/);
  assert.match(faults('backends: {a: {kind: openai, baseUrl: "http://voice.example.com"}}')[0] ?? '', /Use wss:\/\//);
});

test('variables stand above the file, by kind', () => {
  const text = 'backends: {a: {kind: embedded}}\nprofiles: {sales-desk: {backend: a, bargeIn: true}}';
  const config = load(text, {
    TALKSPURT_LOG__LEVEL: 'debug',
    TALKSPURT_LOG__PERSONAL_DATA: 'true',
    TALKSPURT_STATUS__PORT: '0',
    TALKSPURT_PROFILES__SALES_DESK__BARGE_IN: 'false',
    TALKSPURT_PROFILES__SALES_DESK__ENDPOINTER__STOP_MS: '450',
    TALKSPURT_FRONT_DOOR__ALLOW: '10.0.0.0/8, ::1',
    TALKSPURT_FRONT_DOOR__PASSWORD: 'pw',
    TALKSPURT_CONFIG: 'elsewhere.yaml',
    OTHER_VARIABLE: 'left alone',
  });
  assert.is(config.log.level, 'debug');
  assert.is(config.log.personalData, true);
  assert.is(config.status !== false && config.status.port, 0);
  assert.is(config.profiles['sales-desk']?.options.bargeIn, false);
  assert.is(config.profiles['sales-desk']?.options.endpointer.stopMs, 450);
  assert.equal(config.frontDoor !== false && config.frontDoor.allow, ['10.0.0.0/8', '::1']);
});

test('a wrong variable is named, with the one that was meant', () => {
  assert.equal(faults('', { TALKSPURT_LOG__LVEL: 'info' }), [
    'environment:  TALKSPURT_LOG__LVEL is not a variable of this configuration; did you mean TALKSPURT_LOG__LEVEL?',
  ]);
  assert.equal(faults('', { TALKSPURT_STATUS__PORT: 'many' }), [
    'variable TALKSPURT_STATUS__PORT:  status.port must be a whole number of 0 to 65535; it is other text',
  ]);
});

test('secrets: variable above file above the configuration, which warns', () => {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-config-'));
  try {
    writeFileSync(join(folder, 'pw'), 'from-file\n');
    const path = join(folder, 'talkspurt.yaml');
    const fromFile = 'switches: [{name: a, kind: freeswitch, passwordFile: pw}]';
    const of = (text: string, env: Env): Config => loadConfig({ path, text, env });
    assert.is(of(fromFile, {}).switches[0]?.password, 'from-file');
    assert.is(of(fromFile, { TALKSPURT_SWITCHES__A__PASSWORD: 'from-env' }).switches[0]?.password, 'from-env');
    const plain = of('switches: [{name: a, kind: freeswitch, password: from-config}]', {});
    assert.is(plain.switches[0]?.password, 'from-config');
    assert.match(plain.warnings[0] ?? '', /stands readable.*TALKSPURT_SWITCHES__A__PASSWORD/);
    const byVariable = of('switches: [{name: a, kind: freeswitch}]', {
      TALKSPURT_SWITCHES__A__PASSWORD_FILE: join(folder, 'pw'),
    });
    assert.is(byVariable.switches[0]?.password, 'from-file');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a missing secret has its own code and names the variable', () => {
  const error = refused(() => load('switches: [{name: a, kind: freeswitch}]'));
  assert.is(error.code, 'ERR_TALKSPURT_SECRET_MISSING');
  assert.match(
    error.message,
    /switches\[0\]\.password is missing: set TALKSPURT_SWITCHES__A__PASSWORD, or give passwordFile/,
  );
  assert.match(faults('backends: {a: {kind: openai}}')[0] ?? '', /TALKSPURT_BACKENDS__A__API_KEY or OPENAI_API_KEY/);
});

test('a server of another address is not sent the key that is meant for OpenAI', () => {
  const { backends } = load('backends: {a: {kind: openai, baseUrl: "wss://voice.example.com/v1"}}', {
    OPENAI_API_KEY: 'k',
  });
  const backend = backends['a'];
  assert.is(backend?.kind === 'openai' && backend.apiKey, '');
});

test('no secret and no prompt is ever shown', () => {
  const config = loadConfig({ path: example, env: secrets });
  const described = describeConfig(config).join('\n');
  for (const secret of secretsOfConfig(config)) assert.not.match(described, secret);
  assert.is(secretsOfConfig(config).length, 3);
  assert.not.match(described, 'bicycle');
  assert.not.match(described, 'Say hello');
  for (const line of faults('switches: [{name: a, kind: freeswitch, password: 918273}]'))
    assert.not.match(line, '918273');
  const headers = 'backends: {a: {kind: openai, extraHeaders: {api-key: 918273}, instructions: 554433}}';
  for (const line of faults(headers)) assert.not.match(line, '918273');
});

test('what it would do is said in lines, warnings included', () => {
  const lines = describeConfig(loadConfig({ path: example, env: secrets }));
  assert.ok(lines.some((line) => line.startsWith('switch local: freeswitch at 127.0.0.1:8021')));
  assert.ok(lines.some((line) => line.startsWith('front door: listens on 127.0.0.1:8022')));
  assert.ok(lines.some((line) => line.startsWith('profile reception: backend openai, greets first')));
  const idle = describeConfig(load('backends: {a: {kind: embedded}}'));
  assert.ok(idle.includes('warning: backend a is used by no profile'));
  assert.ok(idle.some((line) => /no switch to attach to/.test(line)));
});

test('hosts that commands may name: any by default; what is no host is a fault with its place and the way to write one', () => {
  const { targets, sounds, recordings } = load('');
  assert.equal([targets.allow, sounds.allow, recordings.maxSeconds], [['*'], ['*'], 14_400]);
  const { targets: given } = load('targets: {allow: ["*.example.com", 10.0.0.0/8]}');
  assert.equal(given.allow, ['*.example.com', '10.0.0.0/8']);
  const [fault] = faults('targets:\n  allow: ["http://a"]\n');
  assert.match(fault ?? '', /test\.yaml:2:11 {2}targets\.allow\[0\] is no host: write \*, agents\.example\.com/);
  assert.match(faults('sounds: {allow: [10.0.0.0/33]}')[0] ?? '', /sounds\.allow\[0\] is no host/);
  assert.match(faults('sounds: {hold: a.wav}')[0] ?? '', /sounds\.hold is a file of sounds\.directory/);
  assert.is(load('sounds: {hold: a.wav, directory: /srv}').sounds.hold, 'a.wav');
});

test.run();

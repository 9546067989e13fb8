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
  TALKSPURT_SWITCHES_LOCAL_PASSWORD: 'switch-secret',
  TALKSPURT_FRONT_DOOR_PASSWORD: 'door-secret',
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
  assert.is(config.frontDoor?.password, 'door-secret');
  const openai = config.backends['openai'];
  assert.is(openai?.kind === 'openai' && openai.apiKey, 'openai-secret');
  assert.is(config.profiles['reception']?.backend, 'openai');
  assert.equal(config.warnings, []);
});

test('an empty file is the defaults; a profile is the defaults of a session', () => {
  const empty = load('');
  assert.is(empty.frontDoor, null);
  assert.equal(empty.status, { enabled: true, host: '127.0.0.1', port: 9464 });
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
    'test.yaml:3:11  switches[0].kind must be freeswitch; it is freeswitc, did you mean freeswitch?',
  ]);
  assert.equal(faults('profiles:\n  p: {greeting: hello}\n'), [
    'test.yaml:2:6  profiles.p.backend is missing: give text',
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
  assert.match(faults('log: {}\nlog: {}\n')[0] ?? '', /^test\.yaml:2:1 .*unique/);
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

test('rules between keys', () => {
  const openai = 'backends: {main: {kind: openai, apiKeyFile: k}}';
  const env = { OPENAI_API_KEY: 'k' };
  assert.match(
    faults('backends: {main: {kind: embedded}}\nprofiles: {p: {backend: man}}')[0] ?? '',
    /did you mean main\?/,
  );
  assert.match(faults('profiles: {p: {backend: main}}')[0] ?? '', /there is none under backends/);
  assert.match(
    faults('status: {port: 8022}\nfrontDoor: {password: x}')[0] ?? '',
    /is the port of the status server too/,
  );
  const twice = 'switches: [{name: a, kind: freeswitch, password: x}, {name: A, kind: freeswitch, password: x}]';
  assert.match(faults(twice)[0] ?? '', /taken by another switch/);
  const range = (from: number, to: number): string =>
    `switches: [{name: a, kind: freeswitch, password: x, media: {portRange: {from: ${from}, to: ${to}}}}]`;
  assert.match(faults(range(30000, 20000))[0] ?? '', /ends before it begins/);
  assert.match(faults(range(20000, 20001))[0] ?? '', /2 ports for 200 calls/);
  assert.is(load(`${range(20000, 20001)}\nlimits: {calls: 2}`).limits.calls, 2);
  const thresholds = 'profiles: {p: {backend: a, endpointer: {speechThreshold: 0.4, silenceThreshold: 0.5}}}';
  assert.match(faults(`backends: {a: {kind: embedded}}\n${thresholds}`)[0] ?? '', /above speechThreshold/);
  assert.match(faults(openai, env)[0] ?? '', /apiKey cannot be read/);
  assert.match(faults('backends: {a: {kind: openai, baseUrl: "http://voice.example.com"}}')[0] ?? '', /Use wss:\/\//);
});

test('variables stand above the file, by kind', () => {
  const text = 'backends: {a: {kind: embedded}}\nprofiles: {sales-desk: {backend: a, bargeIn: true}}';
  const config = load(text, {
    TALKSPURT_LOG_LEVEL: 'debug',
    TALKSPURT_LOG_PERSONAL_DATA: 'true',
    TALKSPURT_STATUS_PORT: '0',
    TALKSPURT_PROFILES_SALES_DESK_BARGE_IN: 'false',
    TALKSPURT_PROFILES_SALES_DESK_ENDPOINTER_STOP_MS: '450',
    TALKSPURT_FRONT_DOOR_ALLOW: '10.0.0.0/8, ::1',
    TALKSPURT_FRONT_DOOR_PASSWORD: 'pw',
    TALKSPURT_CONFIG: 'elsewhere.yaml',
    OTHER_VARIABLE: 'left alone',
  });
  assert.is(config.log.level, 'debug');
  assert.is(config.log.personalData, true);
  assert.is(config.status.port, 0);
  assert.is(config.profiles['sales-desk']?.options.bargeIn, false);
  assert.is(config.profiles['sales-desk']?.options.endpointer.stopMs, 450);
  assert.equal(config.frontDoor?.allow, ['10.0.0.0/8', '::1']);
});

test('a wrong variable is named, with the one that was meant', () => {
  assert.equal(faults('', { TALKSPURT_LOG_LVEL: 'info' }), [
    'environment:  TALKSPURT_LOG_LVEL is not a variable of this configuration; did you mean TALKSPURT_LOG_LEVEL?',
  ]);
  assert.equal(faults('', { TALKSPURT_STATUS_PORT: 'many' }), [
    'variable TALKSPURT_STATUS_PORT:  status.port must be a whole number of 0 to 65535; it is other text',
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
    assert.is(of(fromFile, { TALKSPURT_SWITCHES_A_PASSWORD: 'from-env' }).switches[0]?.password, 'from-env');
    const plain = of('switches: [{name: a, kind: freeswitch, password: from-config}]', {});
    assert.is(plain.switches[0]?.password, 'from-config');
    assert.match(plain.warnings[0] ?? '', /stands readable.*TALKSPURT_SWITCHES_A_PASSWORD/);
    const byVariable = of('switches: [{name: a, kind: freeswitch}]', {
      TALKSPURT_SWITCHES_A_PASSWORD_FILE: join(folder, 'pw'),
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
    /switches\[0\]\.password is missing: set TALKSPURT_SWITCHES_A_PASSWORD, or give passwordFile/,
  );
  assert.match(faults('backends: {a: {kind: openai}}')[0] ?? '', /TALKSPURT_BACKENDS_A_API_KEY or OPENAI_API_KEY/);
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

test.run();

/** What of an Asterisk's configuration is refused or warned of before anything starts: each with its field and the fix. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';

function load(keys: string, more = ''): Config {
  const text = `switches: [{name: pbx, kind: asterisk, ${keys}}${more}]
limits: {calls: 10}
backends: {a: {kind: embedded}}
profiles: {p: {backend: a}}`;
  return loadConfig({
    text,
    path: 'test.yaml',
    env: {
      TALKSPURT_SWITCHES__PBX__PASSWORD: 'x',
      TALKSPURT_SWITCHES__PBX__MEDIA__WEBSOCKET__PASSWORD: 'x',
    },
  });
}

/** The one fault, or ''. */
function fault(keys: string, more = ''): string {
  try {
    load(keys, more);
    return '';
  } catch (error) {
    return (error as TalkspurtError).message;
  }
}

test('as it comes, media are auto and nothing is to be said', () => {
  const config = load('');
  const [entry] = config.switches;
  assert.equal([entry?.media.kind, config.warnings], ['auto', []]);
});

test('a format that the path cannot carry', () => {
  for (const [kind, formats, advice] of [
    ['rtp', ['slin16', 'slin24', 'slin48'], 'media.kind to audiosocket or websocket'],
    ['audiosocket', ['ulaw', 'alaw'], 'media.kind to rtp or websocket'],
    ['audiosocket', ['g722'], 'media.kind to rtp'],
    ['websocket', ['g722'], 'media.kind to rtp'],
  ] as const) {
    for (const format of formats) {
      const text = fault(`media: {kind: ${kind}, format: ${format}}`);
      assert.match(text, `switches[0].media.format is ${format}, which ${kind} cannot carry`);
      assert.match(text, advice);
    }
  }
  for (const fine of [
    'rtp, format: g722',
    'rtp, format: slin',
    'audiosocket, format: slin48',
    'websocket, format: ulaw',
    'auto, format: slin16',
    'auto, format: g722',
  ]) {
    assert.is(fault(`media: {kind: ${fine}}`), '', fine);
  }
});

test('an Asterisk elsewhere and a socket on loopback', () => {
  for (const media of [
    '',
    'kind: rtp',
    'kind: audiosocket',
    'kind: websocket, websocket: {mode: server, username: a}',
    'kind: websocket, audioSocket: {profile: p}',
    'kind: rtp, advertiseHost: 192.0.2.9',
  ]) {
    const text = fault(`host: 192.0.2.20, tls: true, media: {${media}}`);
    assert.match(text, 'switches[0].media.bindHost is 127.0.0.1, and Asterisk is at 192.0.2.20', media);
  }
  for (const media of ['bindHost: 192.0.2.10', 'kind: websocket', 'kind: audiosocket, advertiseHost: 192.0.2.9']) {
    assert.is(fault(`host: 192.0.2.20, tls: true, media: {${media}}`), '', media);
  }
  for (const host of ['127.0.0.2', "'::1'", 'localhost']) assert.is(fault(`host: ${host}`), '', host);
  // A name may be this host's.
  assert.match(
    load('host: pbx.example, tls: true').warnings.join(),
    'switches[0].media.bindHost is loopback: unless pbx.example is this host',
  );
  assert.equal(load('host: pbx.example, tls: true, media: {bindHost: 192.0.2.10}').warnings, []);
  assert.equal(load('host: pbx.example, tls: true, media: {kind: websocket}').warnings, []);
});

test('every address is no address to send to', () => {
  for (const bindHost of ['0.0.0.0', "'::'"]) {
    assert.match(
      fault(`media: {bindHost: ${bindHost}}`),
      /switches\[0\]\.media\.advertiseHost is missing: bindHost is (0\.0\.0\.0|::)/,
    );
    assert.is(fault(`media: {bindHost: ${bindHost}, advertiseHost: 192.0.2.10}`), '');
    assert.match(fault(`media: {advertiseHost: ${bindHost}}`), 'media.advertiseHost is');
    assert.is(fault(`media: {kind: websocket, bindHost: ${bindHost}}`), '');
  }
});

test('passwords and media in the clear, and a door without a login, are warned of', () => {
  const [warning] = load('host: 192.0.2.20, media: {bindHost: 192.0.2.10}').warnings;
  assert.match(warning!, 'switches[0].tls is false and 192.0.2.20 is another host');
  assert.match(
    load('media: {kind: websocket, websocket: {mode: server}}').warnings.join(),
    'switches[0].media.websocket.username is not set',
  );
  assert.equal(load('media: {kind: websocket, websocket: {mode: server, username: a}}').warnings, []);
  assert.equal(load('media: {kind: rtp, websocket: {mode: server}}').warnings, []);
});

test('users, names, authorities, sources', () => {
  assert.match(fault("username: 'a:b'"), 'switches[0].username holds a colon');
  assert.match(
    fault('media: {audioSocket: {profile: p}}', ', {name: PBX-audiosocket, kind: asterisk, port: 8089, password: x}'),
    'switches[0].name and media.audioSocket.profile make a switch pbx-audiosocket',
  );
  assert.not.match(
    fault('media: {audioSocket: {profile: p}}', ', {name: other-audiosocket, kind: asterisk, port: 8089, password: x}'),
    'make a switch',
  );
  assert.match(fault('caFile: ca.pem'), 'switches[0].caFile is given, and tls is false');
  assert.match(fault('tls: true, link: package'), 'switches[0].link is package, and ari-client sends');
  assert.is(fault('caFile: ca.pem, tls: true'), '');
  assert.match(
    fault('media: {sources: [192.0.2.0/24, pbx.example]}'),
    'switches[0].media.sources[1] is neither an address nor a block',
  );
  assert.is(fault("media: {sources: [192.0.2.0/24, '2001:db8::7']}"), '');
});

test('wanted variables: functions with plain arguments, nothing that is evaluated, nothing that acts', () => {
  for (const fine of [
    'ACCOUNT',
    'CALLERID(num)',
    'CHANNEL(language)',
    'PJSIP_HEADER(read,X-Account)',
    'PJSIP_HEADER(read,X-Account,2)',
    '__KEPT',
  ]) {
    assert.is(fault(`variables: ['${fine}']`), '', fine);
  }
  for (const wrong of [
    '${SHELL(id)}',
    'A B',
    'PJSIP_HEADER(read,${X})',
    'CUT(a,b(c))',
    'CHANNEL(',
    'X)',
    'A&b=1',
    'GLOBAL(a)b',
    '',
  ]) {
    const text = fault(`variables: ['${wrong}']`);
    assert.match(text, 'switches[0].variables[0] must be a variable or a function with plain arguments', wrong);
    assert.match(text, 'PJSIP_HEADER(read,X-Account)');
  }
  for (const acting of [
    'SHELL(id)',
    'Curl(192.0.2.1)',
    'FILE(/etc/passwd)',
    'LOCK(a)',
    'ODBC_SQL(a)',
    'DB_DELETE(a/b)',
  ]) {
    assert.match(
      fault(`variables: [ACCOUNT, '${acting}']`),
      'switches[0].variables[1] does something in Asterisk',
      acting,
    );
  }
});

test('a word that does not fit its pattern: which one would', () => {
  assert.match(
    fault("app: 'a b'"),
    'switches[0].app must be a word of letters, digits, dots, dashes and underscores, at most 64',
  );
  const longest = `a${'b'.repeat(63)}`;
  const named = (name: string) =>
    loadConfig({ text: `backends: {${name}: {kind: embedded}}`, path: 'test.yaml', env: {} });
  assert.ok(named(longest).backends[longest], 'as long as the message says');
  assert.throws(() => named(`${longest}c`), /at most 64/);
});

test.run();

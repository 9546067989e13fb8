/** The files for a stock Asterisk: those in examples/ are those that are printed, and their other end is a configuration. */
import { readFileSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../src/config.ts';
import type { Config } from '../../../src/config.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { asteriskSnippets, DEFAULT_ASTERISK_SNIPPET_OPTIONS } from '../../../src/switch/asterisk/asterisk-snippets.ts';
import type { AsteriskSnippetOptions } from '../../../src/switch/asterisk/asterisk-snippets.ts';
import { outcomeVariables, resultVariables } from '../../../src/switch/asterisk/stasis-result.ts';

const test = suite('Asterisk snippets');
const EXAMPLES = new URL('../../../examples/asterisk/', import.meta.url);

function filesWith(options: Partial<AsteriskSnippetOptions> = {}): ReadonlyMap<string, string> {
  const snippets = asteriskSnippets({ ...DEFAULT_ASTERISK_SNIPPET_OPTIONS, ...options });
  return new Map(snippets.map(({ file, text }) => [file, text]));
}

function ownEnd(files: ReadonlyMap<string, string>): Config {
  return loadConfig({ text: files.get('talkspurt.yaml')!, env: { TALKSPURT_SWITCHES__PBX__PASSWORD: 'of the test' } });
}

test('examples/asterisk/ holds what is printed: talkspurt asterisk dialplan --out examples/asterisk --force', () => {
  const files = filesWith();
  assert.equal(readdirSync(EXAMPLES).toSorted(), [...files.keys()].toSorted());
  for (const [file, text] of files) assert.fixture(readFileSync(new URL(file, EXAMPLES), 'utf8'), text, file);
});

test('what Asterisk says of talkspurt and what talkspurt says of Asterisk is the same', () => {
  for (const media of ['all', 'rtp', 'audiosocket', 'websocket'] as const) {
    const files = filesWith({ media, profile: 'night-desk', app: 'desk', httpPort: 8188, audioSocketPort: 9192 });
    const config = ownEnd(files);
    const [pbx] = config.switches;
    assert.ok(pbx?.kind === 'asterisk');
    assert.is(pbx.app, 'desk');
    assert.match(files.get('ari.conf')!, `\n[${pbx.username}]\n`);
    assert.match(files.get('http.conf')!, `\nbindport = ${pbx.port}\n`);
    assert.match(files.get('extensions.conf')!, `Stasis(${pbx.app},profile=${pbx.profile})`);
    assert.ok(Object.hasOwn(config.profiles, pbx.profile!));
    assert.is(pbx.media.kind, media === 'all' ? 'auto' : media);
    const socket = /AudioSocket\(\$\{UUID\(\)\},127\.0\.0\.1:(\d+)\)/.exec(files.get('extensions.conf')!);
    assert.is(socket !== null, media === 'all' || media === 'audiosocket');
    if (socket !== null) {
      assert.is(Number(socket[1]), pbx.media.audioSocket.port);
      assert.is(pbx.media.audioSocket.profile, 'night-desk');
    }
    assert.is(files.has('websocket_client.conf'), media === 'all' || media === 'websocket');
  }
});

test('the lines for chan_websocket that are commented out fit the client they are for', () => {
  const files = filesWith({ media: 'websocket', webSocketPort: 8788, app: 'desk' });
  const text = files
    .get('talkspurt.yaml')!
    .replace('mode: client', 'mode: server')
    .replaceAll(/^( +)# ((?:client|port|username): )/gm, '$1$2');
  const config = loadConfig({
    text,
    env: { TALKSPURT_SWITCHES__PBX__PASSWORD: 'a', TALKSPURT_SWITCHES__PBX__MEDIA__WEBSOCKET__PASSWORD: 'b' },
  });
  const [pbx] = config.switches;
  assert.ok(pbx?.kind === 'asterisk');
  const { client, port, username, mode } = pbx.media.websocket;
  const conf = files.get('websocket_client.conf')!;
  assert.is(mode, 'server');
  assert.match(conf, `\n[${client}]\n`);
  assert.match(conf, `\nuri = ws://127.0.0.1:${port}/media\n`);
  assert.match(conf, `\nusername = ${username}\n`);
});

test('every result that a call comes back with has its extension', () => {
  const text = filesWith().get('extensions.conf')!;
  const results = [
    ...(['hangup', 'stopped', 'transferred', 'media-failed', 'drained'] as const).map((reason) =>
      outcomeVariables({ reason, turns: 1, bargeIns: 0 }),
    ),
    resultVariables('refused', 'refused'),
    resultVariables('orphaned', 'orphaned'),
  ].map(({ TALKSPURT_RESULT }) => TALKSPURT_RESULT!);
  assert.is(new Set(results).size, 5);
  const following = text.slice(text.indexOf('[talkspurt-result]'));
  for (const result of results) assert.match(following, `\nexten => ${result},1,`);
});

test('nobody but talkspurt may log in, and nothing listens beyond loopback by itself', () => {
  for (const host of ['127.0.0.1', '192.0.2.10']) {
    const files = filesWith({ host });
    const ari = files.get('ari.conf')!;
    assert.ok(ari.indexOf('deny = 0.0.0.0/0.0.0.0') < ari.indexOf(`permit = ${host}/255.255.255.255`));
    assert.match(ari, '\ndeny = ');
    const http = files.get('http.conf')!;
    assert.match(http, '\nbindaddr = 127.0.0.1\n');
    assert.not.match(http, /^(?!;).*0\.0\.0\.0/m);
    const [pbx] = ownEnd(files).switches;
    assert.ok(pbx?.kind === 'asterisk');
    assert.is(pbx.tls, host !== '127.0.0.1', 'a password that leaves the machine goes by TLS');
  }
});

test('options that would be more than a word are refused', () => {
  const wrong: Partial<AsteriskSnippetOptions>[] = [
    { profile: 'a b' },
    { profile: 'a)\nexten => x' },
    { profile: '1st' },
    { app: 'x,y' },
    { app: '' },
    { host: 'a host' },
    { host: '::1' },
    { httpPort: 0 },
    { audioSocketPort: 65_536 },
    { webSocketPort: 1.5 },
  ];
  for (const options of wrong)
    assert.throws(
      () => filesWith(options),
      (error: TalkspurtError) => error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
      JSON.stringify(options),
    );
});

test.run();

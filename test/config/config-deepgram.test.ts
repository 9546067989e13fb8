/** The keys of a Deepgram backend: where its key comes from, what contradicts itself, and what is never shown. */
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeConfig, loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { secretsOfConfig } from '../../src/config/load-config.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';

const ENV = {
  TALKSPURT_SWITCHES__LOCAL__PASSWORD: 'switch-secret',
  TALKSPURT_FRONT_DOOR__PASSWORD: 'door-secret',
  DEEPGRAM_API_KEY: 'deepgram-secret',
};

function load(backend: string, env: Record<string, string> = {}): Config {
  return loadConfig({ text: `backends: {a: {kind: deepgram, ${backend}}}`, path: 'test.yaml', env });
}

function fault(backend: string, env: Record<string, string> = { DEEPGRAM_API_KEY: 'k' }): string {
  try {
    load(backend, env);
  } catch (error) {
    return (error as TalkspurtError).message;
  }
  throw new Error('nothing was refused');
}

function keyOf(config: Config): string {
  const backend = config.backends['a'];
  return backend?.kind === 'deepgram' ? backend.apiKey : 'no Deepgram';
}

test('the example file is valid and means what it says', () => {
  const path = fileURLToPath(new URL('../../examples/deepgram.yaml', import.meta.url));
  const config = loadConfig({ path, env: ENV });
  const { shop, reserve } = config.backends;
  assert.ok(shop?.kind === 'deepgram' && reserve?.kind === 'deepgram');
  assert.equal([shop.apiKey, shop.name, shop.tools?.[0]?.name], ['deepgram-secret', 'shop', 'opening_hours']);
  assert.ok(typeof reserve.agent === 'object' && Array.isArray(reserve.agent['think']));
  assert.equal(config.warnings, []);
});

test('the key: by its own variable, the file, the vendor’s variable; none for another server', () => {
  assert.is(keyOf(load('apiKey: plain', { TALKSPURT_BACKENDS__A__API_KEY: 'own' })), 'own');
  assert.is(keyOf(load('voice: v', { DEEPGRAM_API_KEY: 'vendor' })), 'vendor');
  assert.is(keyOf(load('url: "wss://voice.example/x"', { DEEPGRAM_API_KEY: 'vendor' })), '');
  assert.is(keyOf(load('extraHeaders: {Authorization: Bearer b}')), '');
  assert.match(fault('voice: v', {}), /TALKSPURT_BACKENDS__A__API_KEY or DEEPGRAM_API_KEY/);
});

test('what cannot be dialled, and what says one thing twice, is a fault with its place', () => {
  assert.match(fault('url: "ws://far.example/x"'), /test\.yaml:1:\d+ {2}backends\.a\.url is not usable: .*Use wss/);
  assert.match(
    fault('voice: v, agent: {speak: {}}'),
    /backends\.a\.agent is not usable: .*both voice and agent\.speak/,
  );
  assert.match(fault('agent: some-id, prompt: p'), /prompt has to be set there/);
  assert.match(fault('vioce: v'), /did you mean voice\?/);
  assert.match(fault('tools: [{name: "not a name"}]'), /tools\[0\]\.name must be a word/);
});

test('no secret is shown, nor a prompt; where both greet, that is said', () => {
  const agent =
    'agent: {think: {provider: {type: open_ai, model: m}, endpoint: {headers: {authorization: llm-secret}}}}';
  const config = load(`greeting: HELLO, prompt: PROMPT, ${agent}`, { DEEPGRAM_API_KEY: 'deepgram-secret' });
  assert.equal(secretsOfConfig(config), ['deepgram-secret', 'llm-secret']);
  const described = describeConfig(config).join('\n');
  assert.not.match(described, /secret|HELLO|PROMPT/);
  assert.match(described, /backend a: deepgram at its own address, .* thinks by a model as agent says, .* key set/);
  const byId = load('agent: some-id, url: "wss://voice.example/x?key=hidden"');
  assert.match(
    describeConfig(byId).join('\n'),
    'backend a: deepgram at voice.example, an agent that is configured there, key NOT set',
  );
  const twice = loadConfig({
    text: 'backends: {a: {kind: deepgram, greeting: Hi}}\nprofiles: {p: {backend: a, greeting: Greet}}',
    env: { DEEPGRAM_API_KEY: 'k' },
  });
  assert.ok(
    describeConfig(twice).includes('warning: profile p and its backend a both greet the caller: give one greeting'),
  );
});

test.run();

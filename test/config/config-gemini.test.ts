/** The keys of a Gemini backend: where its key comes from, what contradicts itself, and what is never shown. */
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
  GEMINI_API_KEY: 'gemini-secret',
};

function load(backend: string, env: Record<string, string> = {}): Config {
  return loadConfig({ text: `backends: {a: {kind: gemini, ${backend}}}`, path: 'test.yaml', env });
}

function fault(backend: string, env: Record<string, string> = { GEMINI_API_KEY: 'k' }): string {
  try {
    load(backend, env);
  } catch (error) {
    return (error as TalkspurtError).message;
  }
  throw new Error('nothing was refused');
}

function keyOf(config: Config): string {
  const backend = config.backends['a'];
  return backend?.kind === 'gemini' ? backend.apiKey : 'no Gemini';
}

test('the example file is valid and means what it says', () => {
  const path = fileURLToPath(new URL('../../examples/gemini.yaml', import.meta.url));
  const config = loadConfig({ path, env: ENV });
  const { shop, marked } = config.backends;
  assert.ok(shop?.kind === 'gemini' && marked?.kind === 'gemini');
  assert.equal([shop.apiKey, shop.name, shop.tools?.[0]?.name], ['gemini-secret', 'shop', 'opening_hours']);
  assert.equal([marked.turnDetection, shop.contextWindowCompression], [{ type: 'none' }, {}]);
  assert.equal(config.warnings, []);
});

test('the key: by its own variable, the file, the vendor’s variable; none for another server', () => {
  assert.is(keyOf(load('model: m, apiKey: plain', { TALKSPURT_BACKENDS__A__API_KEY: 'own' })), 'own');
  assert.is(keyOf(load('model: m', { GEMINI_API_KEY: 'vendor' })), 'vendor');
  assert.is(keyOf(load('model: m, url: "wss://voice.example/x"', { GEMINI_API_KEY: 'vendor' })), '');
  assert.is(keyOf(load('model: m, extraHeaders: {x-goog-api-key: b}')), '');
  assert.match(fault('model: m', {}), /TALKSPURT_BACKENDS__A__API_KEY or GEMINI_API_KEY/);
});

test('what is missing, cannot be dialled or says one thing twice is a fault with its place', () => {
  assert.match(fault('voice: v'), /backends\.a\.model/);
  assert.match(
    fault('model: m, url: "ws://far.example/x"'),
    /test\.yaml:1:\d+ {2}backends\.a\.url is not usable: .*Use wss/,
  );
  assert.match(fault('model: " "'), /backends\.a\.model is not usable: .*no model/);
  assert.match(fault('model: m, setup: {model: n}'), /backends\.a\.setup is not usable: .*has model, which has a key/);
  assert.match(fault('model: m, vioce: v'), /did you mean voice\?/);
  assert.match(fault('model: m, tools: [{name: "1st"}]'), /tools\[0\]\.name must be a word/);
  assert.match(fault('model: m, turnDetection: {type: none, silenceDurationMs: 5}'), /turnDetection/);
  assert.match(fault('model: m, contextWindowCompression: true'), /contextWindowCompression/);
});

test('no secret is shown, nor a prompt', () => {
  const config = load(
    'model: m, instructions: PROMPT, voice: Puck, language: de-DE, url: "wss://voice.example/x?key=url-secret"',
  );
  assert.equal(secretsOfConfig(config), ['url-secret']);
  const described = describeConfig(config).join('\n');
  assert.not.match(described, /secret|PROMPT/);
  assert.match(
    described,
    'backend a: gemini at voice.example, model m, voice Puck in de-DE, 0 functions, turns by its own detector, key NOT set',
  );
  const bare = load('model: m, contextWindowCompression: false, turnDetection: {type: none}', { GEMINI_API_KEY: 'k' });
  assert.match(
    describeConfig(bare).join('\n'),
    'gemini at its own address, model m, voice of its choice, 0 functions, turns by our endpointer, sessions of 15 minutes at most, key set',
  );
});

test.run();

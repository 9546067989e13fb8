import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig, secretsOfConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';

function load(text: string, env: Record<string, string> = {}): Config {
  return loadConfig({ path: 'test.yaml', text, env });
}

function fault(text: string, env: Record<string, string> = {}): string {
  try {
    load(text, env);
  } catch (error) {
    assert.instance(error, TalkspurtError);
    return (error as Error).message;
  }
  return 'none';
}

const TOKEN = 'a-token-that-will-do';

test('beyond loopback it takes a token, and says which field and what to do', () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.7', 'pbx.example.com']) {
    assert.match(
      fault(`status: {host: '${host}'}`),
      /test\.yaml:1:\d+ {2}status\.host is not an address of loopback.*TALKSPURT_STATUS__READ_TOKEN.*status\.readTokenFile/,
    );
    assert.is(fault(`status: {host: '${host}'}`, { TALKSPURT_STATUS__CONTROL_TOKEN: TOKEN }), 'none');
  }
  for (const host of ['127.0.0.1', '127.9.8.7', '::1', 'localhost']) {
    assert.is(fault(`status: {host: '${host}'}`), 'none', host);
  }
});

test('tokens come from variables and files, and are kept out of sight', () => {
  const config = load('', { TALKSPURT_STATUS__READ_TOKEN: TOKEN, TALKSPURT_STATUS__CONTROL_TOKEN: `${TOKEN}-2` });
  assert.is(config.status !== false && config.status.readToken, TOKEN);
  assert.equal(secretsOfConfig(config), [TOKEN, `${TOKEN}-2`]);
  assert.equal(config.warnings, []);
  assert.match(load(`status: {readToken: ${TOKEN}}`).warnings[0] ?? '', /status\.readToken stands readable/);
  assert.match(fault('status: {readTokenFile: /nowhere/at/all}'), /status\.readToken cannot be read/);
});

test('a token that is weak, too long or used twice is refused, and never shown', () => {
  const faults: [string, string, RegExp][] = [
    ['short-and-secret', 'x', /readToken is shorter than 16 characters/],
    ['a'.repeat(LIMITS.httpTokenCharactersMaximum + 1), 'x', /readToken is longer than 1024/],
    ['a token with blanks in it', 'x', /has a blank in it/],
    [TOKEN, TOKEN, /readToken is the controlToken as well/],
  ];
  for (const [token, control, reason] of faults) {
    const given = token.slice(0, token.startsWith('short') ? LIMITS.httpTokenCharacters - 1 : undefined);
    const env = {
      TALKSPURT_STATUS__READ_TOKEN: given,
      ...(control === 'x' ? {} : { TALKSPURT_STATUS__CONTROL_TOKEN: control }),
    };
    const message = fault('', env);
    assert.match(message, reason);
    assert.not.ok(message.includes(given), 'the token is not in the message');
  }
});

test('origins and hosts have to be what a browser would send', () => {
  for (const origin of [
    'https://ops.example.com/',
    'ops.example.com',
    'https://OPS.example.com',
    '*',
    'ftp://a',
    'null',
  ]) {
    assert.match(fault(`status: {origins: ['${origin}']}`), /status\.origins\[0\] is not an origin/, origin);
  }
  assert.is(fault("status: {origins: ['https://ops.example.com', 'http://localhost:3000']}"), 'none');
  for (const host of ['https://a', 'a:80', 'a/b', '*.a']) {
    assert.match(fault(`status: {hosts: ['${host}']}`), /status\.hosts\[0\] is neither/, host);
  }
  assert.is(fault("status: {hosts: [pbx.example.com, 192.0.2.7, '::1']}"), 'none');
});

test.run();

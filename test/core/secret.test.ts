import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { resolveSecret } from '../../src/core/secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'talkspurt-secret-'));
test.after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function missing(run: () => unknown): TalkspurtError {
  try {
    run();
  } catch (error) {
    assert.instance(error, TalkspurtError);
    assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_SECRET_MISSING');
    return error as TalkspurtError;
  }
  throw new Error('no error');
}

test('the variable holds it', () => {
  assert.is(resolveSecret({ env: { KEY: ' sk-1 \n' }, name: 'KEY' }), 'sk-1');
});

test('the file that the variable names holds it', () => {
  const path = file('key', 'sk-2\n');
  assert.is(resolveSecret({ env: { KEY_FILE: path }, name: 'KEY' }), 'sk-2');
  assert.is(resolveSecret({ env: { KEY: '', KEY_FILE: path }, name: 'KEY' }), 'sk-2');
});

test('the variable wins over its file, the configured file over both', () => {
  const env = { KEY: 'from-env', KEY_FILE: file('a', 'from-env-file') };
  assert.is(resolveSecret({ env, name: 'KEY' }), 'from-env');
  assert.is(resolveSecret({ env, name: 'KEY', file: file('b', 'from-config') }), 'from-config');
});

test('none: names the variable and both ways to set it', () => {
  const error = missing(() => resolveSecret({ env: {}, name: 'OPENAI_API_KEY' }));
  assert.match(error.message, 'set OPENAI_API_KEY, or set OPENAI_API_KEY_FILE');
  assert.is(error.details['name'], 'OPENAI_API_KEY');
});

test('a file that cannot be read, or is empty: names the path', () => {
  const absent = join(folder, 'absent');
  assert.match(
    missing(() => resolveSecret({ env: { KEY_FILE: absent }, name: 'KEY' })).message,
    `${absent} (variable KEY_FILE): ENOENT`,
  );
  const empty = file('empty', ' \n');
  assert.match(
    missing(() => resolveSecret({ env: {}, name: 'KEY', file: empty })).message,
    `${empty} (the configured file) is empty`,
  );
});

test('what could break a header is refused, and not repeated', () => {
  for (const value of ['sk-a\r\nX-Evil: 1', 'sk-\u00e9', 'k'.repeat(20_000)]) {
    const error = missing(() => resolveSecret({ env: { KEY: value }, name: 'KEY' }));
    assert.not.match(error.message, value.slice(0, 4));
  }
});

test.run();

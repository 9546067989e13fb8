/** The command line as a process: what becomes of it where its output has nowhere to go, and how it tells an error. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const CONFIG = 'examples/talkspurt.yaml';
const root = fileURLToPath(new URL('..', import.meta.url));

/** Status of `talkspurt check` and what it says on standard error; `output` null: a pipe whose reader has gone. */
async function checked(output: number | null): Promise<{ status: number; said: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', CLI, 'check', '--config', CONFIG], {
    cwd: root,
    env: {
      ...process.env,
      OPENAI_API_KEY: 'k',
      TALKSPURT_FRONT_DOOR__PASSWORD: 'door',
      TALKSPURT_SWITCHES__LOCAL__PASSWORD: 'pw',
    },
    stdio: ['ignore', output ?? 'pipe', 'pipe'],
  });
  child.stdout?.destroy();
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number];
  return { status, said };
}

test('a reader that has gone changes nothing; a disk that takes nothing is a failure, told once', async () => {
  assert.equal(await checked(null), { status: 0, said: '' });
  if (!existsSync('/dev/full')) return;
  const full = await checked(openSync('/dev/full', 'w'));
  assert.equal(full, { status: 1, said: 'talkspurt: standard output cannot be written (ENOSPC)\n' });
});

test('an error is told without anything that a terminal would obey', async () => {
  const words = ['troubleshoot', 'u-1\u001b[2J\u009b2J', '--records', 'test'];
  const child = spawn(process.execPath, ['--import', 'tsx', CLI, ...words], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number];
  assert.is(status, 1);
  assert.match(said, 'no record there is of a call u-1\\u001b[2J\\u009b2J (test)');
});

test.run();

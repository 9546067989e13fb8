/** `talkspurt asterisk dialplan`: what is asked for is what is written, and nonsense is refused before anything is. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { asteriskCommand } from '../../src/cli/asterisk.ts';
import { runCommand } from './run-command.ts';

const test = suite('asterisk command');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-dialplan-'));
test.after(() => rmSync(folder, { recursive: true }));

/** Runs it; resolves to what it writes to standard output. Rejects as the command line does. */
async function run(...args: string[]): Promise<string> {
  return await runCommand(asteriskCommand, ['asterisk', ...args]);
}

async function refusal(...args: string[]): Promise<string> {
  return await run(...args).then(
    () => '',
    (error: Error) => error.message,
  );
}

test('prints every file under its name', async () => {
  const output = await run('dialplan');
  for (const file of ['http.conf', 'ari.conf', 'extensions.conf', 'websocket_client.conf', 'talkspurt.yaml'])
    assert.match(output, `===== ${file}\n`);
});

test('every option arrives', async () => {
  const out = join(folder, 'all');
  const ports = ['--http-port', '8188', '--audio-socket-port', '9192', '--web-socket-port', '8788'];
  const names = ['--profile', 'night', '--app', 'desk', '--host', '127.0.0.2', '--media', 'all'];
  const output = await run('dialplan', '--out', out, ...names, ...ports);
  assert.is(output.trimEnd().split('\n').length, readdirSync(out).length);
  const read = (file: string): string => readFileSync(join(out, file), 'utf8');
  assert.match(read('extensions.conf'), 'Stasis(desk,profile=night)');
  assert.match(read('extensions.conf'), '127.0.0.2:9192');
  assert.match(read('http.conf'), 'bindport = 8188');
  assert.match(read('ari.conf'), 'permit = 127.0.0.2/');
  assert.match(read('websocket_client.conf'), 'ws://127.0.0.2:8788/media');
  await run('dialplan', '--out', join(folder, 'rtp'), '--media', 'rtp');
  assert.not.ok(readdirSync(join(folder, 'rtp')).includes('websocket_client.conf'));
});

test('what is there already stays, unless it is forced', async () => {
  const out = join(folder, 'twice');
  await run('dialplan', '--out', out);
  assert.match(await refusal('dialplan', '--out', out, '--profile', 'other'), '--force');
  assert.match(readFileSync(join(out, 'extensions.conf'), 'utf8'), 'profile=reception');
  await run('dialplan', '--out', out, '--profile', 'other', '--force');
  assert.match(readFileSync(join(out, 'extensions.conf'), 'utf8'), 'profile=other');
});

test('arguments that make no sense are refused', async () => {
  assert.match(await refusal('dialplan', '--http-port', '0'), 'http-port');
  assert.match(await refusal('dialplan', '--web-socket-port', 'x'), 'web-socket-port');
  assert.match(await refusal('dialplan', '--profile', 'a', '--profile', 'b'), 'more than once');
  assert.match(await refusal('dialplan', '--media', 'smoke'), 'media');
  assert.match(await refusal('dialplan', '--host', 'pbx.example'), 'IPv4');
  assert.is.not(await refusal(), '', 'what of it?');
});

test.run();

/** `talkspurt check`: what `serve` would stumble over is said, files that a configuration names among it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkCommand } from '../../src/cli/check.ts';
import { EXIT } from '../../src/cli/exit-status.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { DeepgramServer } from '../../src/simulator/deepgram-server.ts';
import { GeminiServer } from '../../src/simulator/gemini-server.ts';
import { runCommand } from './run-command.ts';

const test = suite('check command');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-check-'));
test.after(() => rmSync(folder, { recursive: true }));

const mute = { synthesize: () => Promise.resolve({ samples: new Int16Array(160), sampleRateHz: 8000 }) };

/** Runs it on one Asterisk. */
function check(caFile: string): Promise<string> {
  const pbx = { name: 'pbx', kind: 'asterisk', username: 'u', password: 'p', tls: true, caFile };
  return run({ switches: [pbx], backends: { ai: { kind: 'embedded' } }, profiles: { p: { backend: 'ai' } } });
}

/** Runs it on a configuration; resolves to what it prints. Rejects as the command line does. */
async function run(config: object, options: readonly string[] = []): Promise<string> {
  const path = join(folder, 'talkspurt.yaml');
  writeFileSync(path, JSON.stringify(config));
  return await runCommand(checkCommand, ['check', '--config', path, ...options]);
}

test('online, an agent at Deepgram is asked whether it takes the key and the settings', async () => {
  const server = new DeepgramServer({ clock: new SystemClock(), speech: mute, key: 'right' });
  await server.listen();
  const ask = (apiKey: string, agent: object = {}): Promise<string> =>
    run({ backends: { ai: { kind: 'deepgram', url: server.url, apiKey, agent, greeting: 'Hello.' } } }, ['--online']);
  try {
    assert.match(await ask('right'), 'backend ai: the key and the agent are accepted');
    assert.is(server.stats.answers, 0, 'nobody is greeted');
    assert.is(process.exitCode ?? 0, 0);
    assert.match(await ask('wrong'), /backend ai: .* 401: check the API key .*\(ERR_TALKSPURT_BACKEND_AUTH\)/);
    assert.match(await ask('right', { listen: { provider: { type: 'sneeze' } } }), 'ERR_TALKSPURT_BACKEND_DENIED');
    assert.is(process.exitCode, EXIT.failed);
  } finally {
    process.exitCode = 0;
    await server.close();
  }
});

test('online, Gemini Live is asked whether it knows the key and the model', async () => {
  const server = new GeminiServer({ clock: new SystemClock(), speech: mute, key: 'right' });
  await server.listen();
  const ask = (apiKey: string, model: string): Promise<string> =>
    run({ backends: { ai: { kind: 'gemini', url: server.url, apiKey, model } } }, ['--online']);
  try {
    assert.match(await ask('right', 'gemini-live'), 'backend ai: the key and the model are known');
    assert.is(server.stats.answers, 0);
    assert.is(process.exitCode ?? 0, 0);
    assert.match(await ask('wrong', 'gemini-live'), /does not accept the API key.*\(ERR_TALKSPURT_BACKEND_AUTH\)/);
    assert.match(await ask('right', 'gemini-that-writes'), 'ERR_TALKSPURT_BACKEND_DENIED');
    assert.is(process.exitCode, EXIT.failed);
  } finally {
    process.exitCode = 0;
    await server.close();
  }
});

test('a certificate that is not there is refused, one that is there is not', async () => {
  const ca = join(folder, 'ca.pem');
  const refusal = await check(ca).then(
    () => '',
    (error: Error & { code?: string }) => `${error.code} ${error.message}`,
  );
  assert.match(refusal, /^ERR_TALKSPURT_CONFIG_INVALID caFile of switch pbx cannot be read .*ENOENT/);
  writeFileSync(ca, 'a certificate');
  assert.match(await check(ca), 'switch pbx: asterisk at 127.0.0.1');
});

test.run();

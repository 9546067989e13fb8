/** `talkspurt check`: what `serve` would stumble over is said, files that a configuration names among it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import yargs from 'yargs';
import { checkCommand } from '../../src/cli/check.ts';

const test = suite('check command');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-check-'));
test.after(() => rmSync(folder, { recursive: true }));

/** Runs it on one Asterisk; resolves to what it prints. Rejects as the command line does. */
async function check(caFile: string): Promise<string> {
  const path = join(folder, 'talkspurt.yaml');
  const pbx = { name: 'pbx', kind: 'asterisk', username: 'u', password: 'p', tls: true, caFile };
  const backends = { ai: { kind: 'embedded' } };
  writeFileSync(path, JSON.stringify({ switches: [pbx], backends, profiles: { p: { backend: 'ai' } } }));
  const { write } = process.stdout;
  let output = '';
  process.stdout.write = (text: string | Uint8Array): boolean => {
    output += String(text);
    return true;
  };
  try {
    await yargs(['check', '--config', path])
      .command(checkCommand)
      .strict()
      .exitProcess(false)
      .fail((message, error) => {
        throw error ?? new Error(message);
      })
      .parseAsync();
  } finally {
    process.stdout.write = write;
  }
  return output;
}

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

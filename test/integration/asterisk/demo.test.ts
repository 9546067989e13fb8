/** `npm run demo -- --switch asterisk`: the whole demo on a real Asterisk 22, by each way that the audio can take. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startLocalAsterisk } from '../../../src/cli/demo/local-asterisk.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { required } from '../required.ts';

interface Report {
  readonly ok: boolean;
  readonly switch: string;
  readonly turns: number;
  readonly media: { readonly transport: string };
  readonly digits: readonly unknown[];
  readonly bargeIns: readonly unknown[];
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly measured: string }[];
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const there = existsSync(join(root, '.cache/asterisk/asterisk'));
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-demo-test-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Processes whose command line names `path`. */
function processesOf(path: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(join('/proc', name, 'cmdline'), 'latin1').includes(path);
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  });
}

for (const media of ['rtp', 'audiosocket', 'websocket']) {
  test(`a SIP phone, a whole call with a barge-in, by ${media}; nothing is left of it`, () => {
    if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
    const [temporary, out] = [join(folder, `${media}-tmp`), join(folder, media)];
    mkdirSync(temporary);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['build/lib/cli.js', 'demo', '--switch', 'asterisk', '--media', media, '--json', '--out', out],
      { cwd: root, encoding: 'utf8', timeout: 75_000, env: { ...process.env, TMPDIR: temporary } },
    );
    assert.is(status, 0, `${stdout}\n${stderr}`);
    const report = JSON.parse(stdout) as Report;
    for (const check of report.checks) assert.ok(check.ok, `${check.name}: ${check.measured}`);
    assert.ok(report.ok && report.checks.length >= 4);
    assert.match(report.switch, /^a real Asterisk 22\./);
    assert.is(report.media.transport, media);
    assert.ok(report.turns >= 2 && report.bargeIns.length > 0);
    assert.is(report.digits.length, 1, 'a digit of the phone, once');
    for (const name of ['call.wav', 'timeline.svg', 'call.json']) assert.ok(existsSync(join(out, name)), name);
    assert.equal(readdirSync(temporary), []);
    assert.equal(processesOf(temporary), []);
  });
}

test('an Asterisk that cannot be had is said so', async () => {
  if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  const packages = join(folder, 'packages');
  mkdirSync(packages);
  const before = { ...process.env };
  Object.assign(process.env, { AST_MIRROR: 'http://127.0.0.1:9/debian', AST_DEBS: packages, AST_SUITE: 'sid' });
  const steps: string[] = [];
  try {
    const failure = await startLocalAsterisk({
      clock: new SystemClock(),
      httpPort: 1,
      sipPort: 1,
      files: new Map(),
      distribution: join(folder, 'nowhere'),
      onStep: (line) => steps.push(line),
    }).then(
      () => null,
      (error: TalkspurtError) => error,
    );
    assert.is(failure?.code, 'ERR_TALKSPURT_DEMO_SWITCH');
    assert.match(failure?.message ?? '', 'get-asterisk.sh');
  } finally {
    for (const name of ['AST_MIRROR', 'AST_DEBS', 'AST_SUITE']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
  assert.match(steps.join('\n'), /not here yet: fetching it.*MB/);
});

test.run();

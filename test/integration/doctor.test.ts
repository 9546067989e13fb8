/** The whole command on a simulated FreeSWITCH: what it prints, its status, its JSON; faults of the far end; nothing stays there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { doctorCommand } from '../../src/cli/doctor.ts';
import { doctorReportSchema } from '../../src/cli/doctor/finding.ts';
import type { DoctorReport } from '../../src/cli/doctor/finding.ts';
import { SystemClock, delay } from '../../src/core/clock.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { runCommand } from '../cli/run-command.ts';

const test = suite('doctor command');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-doctor-'));
test.after(() => rmSync(folder, { recursive: true }));
const clock = new SystemClock();
const SECRET = 'hush-hush-1';

async function run(
  fs: SimulatedSwitch,
  kind: string,
  words: readonly string[],
  password = SECRET,
): Promise<{ output: string; status: number }> {
  const path = join(folder, 'talkspurt.yaml');
  const switches = [{ name: 'fs', kind: 'freeswitch', port: fs.port, password, media: { kind } }];
  const profiles = { p: { backend: 'ai' } };
  writeFileSync(
    path,
    JSON.stringify({ sip: { port: 0 }, status: false, switches, backends: { ai: { kind: 'embedded' } }, profiles }),
  );
  const output = await runCommand(doctorCommand, ['doctor', '-c', path, ...words]);
  const status = Number(process.exitCode ?? 0);
  process.exitCode = 0;
  assert.not.match(output, SECRET, 'no secret is told');
  return { output, status };
}

async function withSwitch(check: (fs: SimulatedSwitch) => Promise<void>): Promise<void> {
  const fs = new SimulatedSwitch({ clock, password: SECRET });
  await fs.listen();
  try {
    await check(fs);
    assert.is(fs.crashed, null);
    // The far end of a loopback goes a frame behind the near one.
    for (let tries = 0; tries < 50 && fs.channels.size > 0; tries += 1) await delay(clock, 20);
    assert.equal([...fs.channels.keys()], [], 'no channel stays');
  } finally {
    await fs.close();
  }
}

const report = (output: string): DoctorReport => doctorReportSchema.parse(JSON.parse(output));

for (const kind of ['unicast', 'sip']) {
  test(`a call by ${kind} comes back whole`, async () => {
    await withSwitch(async (fs) => {
      const { output, status } = await run(fs, kind, ['--json', '--call', 'fs']);
      const { findings, verdict } = report(output);
      const called = findings.filter(({ id }) => id.startsWith('call.'));
      assert.equal(
        called.filter(({ verdict: of }) => of === 'fail').map(({ id, text }) => `${id} ${text}`),
        [],
      );
      assert.is(called.length, 10);
      assert.is(status, { pass: 0, warn: 1, fail: 2 }[verdict]);
    });
  });
}

test('without a call it is for people, and a wrong password is status 2 with its fix', async () => {
  await withSwitch(async (fs) => {
    const { output, status } = await run(fs, 'unicast', [], 'another');
    assert.is(status, 2);
    assert.match(output, /^FAIL {2}switch\.link fs: .*ERR_TALKSPURT_LINK_AUTH.*\n {6}fix: .*event_socket\.conf\.xml/m);
    assert.match(output, /\d+ passed, \d+ warnings, \d+ failures/);
    assert.not.match(output, 'call.');
  });
});

test('a switch that is not configured is told', async () => {
  await withSwitch(async (fs) => {
    const { output, status } = await run(fs, 'unicast', ['--json', '--call', 'other']);
    assert.is(status, 2);
    const found = report(output).findings.find(({ id }) => id === 'call.place');
    assert.match(found?.fix ?? '', /name one of: fs/);
  });
});

test.run();

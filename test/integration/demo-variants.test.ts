/** The demo in other ways than its own: an echo on the line, another wire, a voice by sentence. Two calls at a time, on Node alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runDemo } from './demo-run.ts';
import type { DemoReport } from './demo-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'talkspurt-demo-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const demo = (name: string, ...args: string[]): Promise<DemoReport> => runDemo(join(folder, name), args, { PATH: '' });

function notByEcho({ checks }: DemoReport): void {
  assert.ok(checks.some(({ name, ok }) => ok && name === 'the agent never cut itself off by its own echo'));
}

test('with a loud echo on the line the agent never takes itself for the caller', async () => {
  const reports = await Promise.all([demo('echo-6', '--echo', '6'), demo('echo-10', '--echo', '10')]);
  for (const report of reports) notByEcho(report);
});

test('with a soft echo, and with a backend that writes, spoken sentence by sentence', async () => {
  const [echo, spoken] = await Promise.all([demo('echo-20', '--echo', '20'), demo('spoken', '--speech', 'embedded')]);
  notByEcho(echo);
  assert.ok(spoken.checks.length > 0 && spoken.bargeIns.length > 0);
});

test('on the wire of Gemini Live', async () => {
  const report = await demo('gemini', '--backend', 'gemini');
  assert.ok(report.bargeIns.length > 0);
  assert.ok(report.checks.some(({ name }) => name === "the agent's words are in the heard channel"));
});

test("on the wire of Deepgram's Voice Agent", async () => {
  const report = await demo('deepgram', '--backend', 'deepgram');
  assert.ok(report.bargeIns.length > 0);
  assert.ok(report.checks.some(({ name }) => name === "the agent's words are in the heard channel"));
});

test.run();

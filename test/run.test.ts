/** The runner is what tells that a test failed, so it is shown files that must fail. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const runner = fileURLToPath(new URL('./run.mjs', import.meta.url));
const folder = fileURLToPath(new URL('./fixtures/runner', import.meta.url));

function run(...args: string[]): { status: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [runner, '--folder', folder, '--timeout', '4', ...args],
    {
      encoding: 'utf8',
    },
  );
  return { status, out: stdout + stderr };
}

test('a file that holds passes', () => {
  const { status, out } = run('holds');
  assert.is(status, 0);
  assert.match(out, /\n1 passed, 0 failed\n$/);
});

test('a failing test fails the run and shows what was expected', () => {
  const { status, out } = run('breaks');
  assert.is(status, 1);
  assert.match(out, /FAIL .*breaks\.test\.ts {2}1\/2/);
  assert.match(out, /Expected/);
  assert.match(out, /\n1 passed, 1 failed\n$/);
});

test('a file that runs no test fails', () => {
  const { status, out } = run('forgets-run');
  assert.is(status, 1);
  assert.match(out, /ran no test/);
  assert.match(out, /\n0 passed, 1 failed\n$/);
});

test('an error after the last test fails the file', () => {
  const { status, out } = run('dies-late');
  assert.is(status, 1);
  assert.match(out, /although its tests passed/);
});

test('a file that hangs, one that leaks a timer and one that leaks a process fail', () => {
  const { status, out } = run('hangs', 'leaks', '--jobs', '3');
  assert.is(status, 1);
  assert.match(out, /hangs\.test\.ts did not end within 4 s/);
  assert.match(out, /leaks-timer\.test\.ts ran its tests and then did not end/);
  assert.match(out, /leaks-process\.test\.ts left a process running/);
  assert.match(out, /\n2 passed, 3 failed\n$/);
});

test('a skipped test is counted as skipped and says why', () => {
  const { status, out } = run('skips');
  assert.is(status, 0);
  assert.match(out, /skipped: the tool is not installed/);
  assert.match(out, /\n1 passed, 0 failed, 1 skipped\n$/);
});

test('properties take the seed of the run, which is the same unless another is asked for', () => {
  assert.match(run('chances').out, /seed: 1,/);
  assert.match(run('chances').out, /seed: 1,/);
  assert.match(run('chances', '--seed=-77').out, /seed: -77,/);
  assert.not.match(run('chances', '--seed', 'random').out, /seed: (1|-77),/);
  assert.is(run('chances', '--seed', '1.5').status, 2);
});

test('a file that fails once and holds at its second try is told of; one that fails twice has failed', () => {
  const folderOfMark = mkdtempSync(join(tmpdir(), 'talkspurt-again-'));
  try {
    const mark = join(folderOfMark, 'was-here');
    process.env['AGAIN_MARK'] = mark;
    const once = run('flickers', 'holds', '--again', '1');
    assert.is(once.status, 0);
    assert.match(once.out, /FAIL .*flickers\.test\.ts {2}1\/2/, 'the first try is shown');
    assert.match(once.out, /ok .*flickers\.test\.ts {2}2\/2/);
    assert.match(once.out, /\n3 passed, 0 failed, 1 of the files at the second try\n$/);
    rmSync(mark);
    const none = run('flickers');
    assert.is(none.status, 1);
    assert.match(none.out, /\n1 passed, 1 failed\n$/);
    rmSync(mark);
    // Too many fail for chance to be the reason.
    const many = run('flickers', 'breaks', '--again', '1');
    assert.match(many.out, /\n2 passed, 2 failed\n$/);
    rmSync(mark);
    const both = run('flickers', 'breaks', '--again', '2');
    assert.is(both.status, 1);
    assert.match(both.out, /\n3 passed, 1 failed, 1 of the files at the second try\n$/);
    assert.is(run('holds', '--again', 'often').status, 2);
  } finally {
    delete process.env['AGAIN_MARK'];
    rmSync(folderOfMark, { recursive: true });
  }
});

test('a filter that matches nothing is an error, not a pass', () => {
  const { status, out } = run('no-such-file');
  assert.is(status, 1);
  assert.match(out, /no test file matches/);
});

test('plans of faults that nobody asked for are an error, not a good night', () => {
  const seeds = fileURLToPath(new URL('./sim/seeds.ts', import.meta.url));
  for (const args of [
    ['--seeds', '0'],
    ['--seeds', '20', '--from', 'x'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', seeds, ...args], { encoding: 'utf8' });
    assert.is(status, 2);
    assert.match(stderr, /takes a whole number/);
  }
});

test.run();

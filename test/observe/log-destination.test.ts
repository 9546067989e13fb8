/** Where lines go: within a bound, and to a file that may be moved away. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../src/core/clock.ts';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { openLogDestination } from '../../src/observe/log-destination.ts';
import { LogSink } from '../../src/observe/log-sink.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'talkspurt-log-'));
test.after(() => rmSync(folder, { recursive: true }));

function sinkTo(file: string): LogSink {
  return new LogSink({ clock: new SystemClock(), level: 'info', format: 'json', personalData: false, file });
}

async function until(holds: () => boolean): Promise<void> {
  const clock = new SystemClock();
  for (let n = 0; n < 400 && !holds(); n += 1) await new Promise<void>((resolve) => clock.after(5, resolve));
}

test('lines are added to the file, the last ones at the end; others cannot read it', async () => {
  const file = join(folder, 'a.log');
  for (const text of ['one', 'two']) {
    const log = sinkTo(file);
    log.note('info', text);
    await log.written();
  }
  assert.equal(
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg),
    ['one', 'two'],
  );
  assert.is(statSync(file).mode & 0o007, 0);
});

test('moved away by logrotate and opened anew: no line is lost, later ones are in the new file', async () => {
  const file = join(folder, 'b.log');
  const log = sinkTo(file);
  log.note('info', 'before');
  renameSync(file, `${file}.1`);
  log.note('info', 'moved');
  log.reopen();
  log.note('info', 'after');
  log.flush();
  // What was under way is written to its end in the background.
  await until(() => /moved/.test(readFileSync(`${file}.1`, 'utf8')));
  await until(() => /opened anew/.test(readFileSync(file, 'utf8')));
  assert.match(readFileSync(`${file}.1`, 'utf8'), /before[^]*moved/);
  const now = readFileSync(file, 'utf8');
  // In either order: `flush` does not wait for what is under way.
  for (const word of ['log opened anew', 'after']) assert.match(now, word);
  assert.not.match(now, /moved|before/);
});

test('where the file cannot be opened anew the old one goes on, and says why', async () => {
  const inside = mkdtempSync(join(folder, 'gone-'));
  const file = join(inside, 'c.log');
  const log = sinkTo(file);
  renameSync(inside, `${inside}-away`);
  log.reopen();
  await log.written();
  assert.match(readFileSync(join(`${inside}-away`, 'c.log'), 'utf8'), /the log cannot be opened anew/);
});

test('a file that cannot be written is refused at the start', () => {
  try {
    sinkTo(join(folder, 'none', 'd.log'));
    assert.unreachable();
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_TALKSPURT_CONFIG_INVALID'));
  }
});

test('a flood that nobody takes is lost and counted: memory stays within the bound', () => {
  const file = join(folder, 'e.log');
  const destination = openLogDestination(file);
  const line = `${'x'.repeat(1_023)}\n`;
  const lines = (4 * LIMITS.logBufferedBytes) / line.length;
  // Nothing is written until the event loop turns: this is a disk that takes nothing.
  for (let n = 0; n < lines; n += 1) destination.write(line);
  destination.flush();
  const kept = statSync(file).size / line.length;
  assert.is(kept + destination.lostLines, lines);
  assert.ok(statSync(file).size <= LIMITS.logBufferedBytes + 128 * 1024);
  assert.ok(destination.lostLines > 0);
});

test('the next line that is written tells of the lost ones', () => {
  const file = join(folder, 'f.log');
  const clock = new FakeClock();
  const log = new LogSink({ clock, level: 'info', format: 'json', personalData: false, file });
  const filler = 'x'.repeat(64 * 1024);
  for (let n = 0; n < 100; n += 1) log.note('info', 'filler', { filler });
  assert.ok(log.lostLines > 0);
  log.flush();
  clock.advance(1_000);
  log.note('info', 'later');
  log.flush();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const told = lines.map((line) => (JSON.parse(line) as { lost?: number }).lost ?? 0);
  assert.is(
    told.reduce((sum, lost) => sum + lost, 0),
    log.lostLines,
  );
  assert.ok(told.filter((lost) => lost > 0).length <= 2);
  assert.match(lines.at(-1) ?? '', '"later"');
});

test('a disk that is full holds up neither a flush nor, at its end, the process', async () => {
  if (!existsSync('/dev/full')) {
    process.stdout.write('skipped: this system has no /dev/full\n');
    return;
  }
  const log = sinkTo('/dev/full');
  log.note('info', 'nowhere to go');
  await log.written();
  log.note('info', 'nor this');
  log.flush();
  assert.ok(log.lostLines > 0);
});

test.run();

/** How much is written of many calls, measured on the lines themselves. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LogLoad } from '../sim/log-load.ts';

const MEGABYTES_A_DAY = 100;
const LINES_A_SECOND = 10;

test('50 calls of three minutes after another at `info`: below 100 MB a day, and the summaries are there', async () => {
  const volume = await new LogLoad({ calls: 50, seconds: 180, callSeconds: 180, level: 'info' }).run();
  assert.ok(volume.megabytesPerDay < MEGABYTES_A_DAY, `${volume.megabytesPerDay.toFixed(1)} MB a day`);
  assert.ok(volume.mostInASecond <= LINES_A_SECOND, `${volume.mostInASecond} lines in a second`);
  const summaries = volume.lines.filter((line) => line.includes('"operation":"telemetry"'));
  assert.ok(summaries.length >= 50 * 2, `${summaries.length} summaries`);
  for (const word of ['rx', 'tx', 'loss', 'jitter', 'buffer', 'in', 'out', 'vad', 'latency', 'underrun', 'late']) {
    assert.ok(summaries.at(-1)?.includes(`"${word}":`), word);
  }
});

test('at `debug` there is a summary of every call every 10 s', async () => {
  const volume = await new LogLoad({ calls: 5, seconds: 60, callSeconds: 120, level: 'debug' }).run();
  const summaries = volume.lines.filter((line) => line.includes('"operation":"telemetry"'));
  assert.ok(summaries.length >= 5 * 5 && summaries.length <= 5 * 6, `${summaries.length} summaries`);
});

test('every fault in every frame of every call: at most ten lines of a call in any second, and less with time', async () => {
  const volume = await new LogLoad({ calls: 50, seconds: 30, callSeconds: 180, level: 'info', flood: true }).run();
  assert.ok(volume.mostInASecond <= LINES_A_SECOND, `${volume.mostInASecond} lines in a second`);
  // 5 kinds of fault, 50 frames a second: 250 a second would be written.
  assert.ok(volume.lines.length / (50 * 30) < 1.5, `${volume.lines.length} lines`);
  const ended = volume.lines.filter((line) => line.includes('"operation":"call_end"'));
  assert.is(ended.length, 50);
  for (const line of ended) assert.ok((JSON.parse(line) as { suppressed: number }).suppressed > 100, line);
});

test.run();

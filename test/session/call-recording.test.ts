/** Recordings at their bounds: of time, of size, and of what a disk takes. The call goes on whatever happens to them. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import type { RecordingFile } from '../../src/session/call-recording.ts';
import { readWav } from '../../src/simulator/wav.ts';
import { CallRig } from '../sim/call-rig.ts';
import { settle } from '../sim/fake-clock.ts';

/** A disk of a test's own. */
class FakeFile implements RecordingFile {
  readonly bytes = Buffer.alloc(1024 * 1024);
  length = 0;
  closes = 0;
  /** Most that one write takes. */
  atOnce = Number.POSITIVE_INFINITY;
  /** Bytes that the disk has room for. */
  room = Number.POSITIVE_INFINITY;

  write(buffer: Uint8Array, offset: number, bytes: number, position: number): Promise<{ bytesWritten: number }> {
    const fits = Math.max(0, Math.min(bytes, this.atOnce, this.room - position));
    if (fits === 0) return Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    this.bytes.set(buffer.subarray(offset, offset + fits), position);
    this.length = Math.max(this.length, position + fits);
    return Promise.resolve({ bytesWritten: fits });
  }

  close(): Promise<void> {
    this.closes += 1;
    return Promise.resolve();
  }

  get content(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}

async function recorded(file: FakeFile, maximumMs?: number): Promise<CallRig> {
  const rig = await CallRig.talking();
  const limits = { create: () => Promise.resolve(file), ...(maximumMs === undefined ? {} : { maximumMs }) };
  await rig.session.controls.startRecording('call.wav', limits);
  return rig;
}

/** The events after the first, which says that it runs. */
function ends(rig: CallRig): unknown[] {
  return rig.events
    .of('recording')
    .flatMap(({ running, reason, durationMs, error }) => (running ? [] : [[reason, durationMs, error?.code ?? null]]));
}

test('a disk that takes a few bytes at a time is given all of them', async () => {
  const file = new FakeFile();
  file.atOnce = 7;
  const rig = await recorded(file);
  rig.say('a', 200, 0x20);
  await rig.run(400);
  for (let round = 0; round < 200; round += 1) await settle();
  await rig.session.controls.stopRecording();
  const { content } = file;
  assert.is(content.readUInt32LE(40), content.length - 44);
  assert.is([...content.subarray(44)].filter((byte, n) => n % 2 === 1 && byte === 0x20).length, 1_600);
  assert.equal(ends(rig), [['stopped', (content.length - 44) / 16, null]]);
});

test('at its longest a recording is closed as a whole file, and said; the call talks on, and can be recorded anew', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'talkspurt-'));
  try {
    const rig = await CallRig.talking();
    const path = join(directory, 'call.wav');
    await rig.session.controls.startRecording(path, { maximumMs: 500 });
    await rig.run(1_000);
    // The disk is a real one: it answers when it likes.
    while (rig.session.controls.recording !== null) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(ends(rig), [['limit', 500, null]]);
    const wav = await readFile(path);
    assert.is(wav.readUInt32LE(40), wav.length - 44);
    assert.is(readWav(wav).channels[0]?.length, 4_000);
    assert.is(rig.session.state, 'talking');
    assert.is(rig.session.snapshot().recording, false);
    await rig.session.controls.startRecording(join(directory, 'next.wav'));
    assert.is((await readdir(directory)).length, 2);
    await rig.session.stop('stopped');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a full disk ends the recording with an event, never the call; what it took is a whole file', async () => {
  const file = new FakeFile();
  const rig = await recorded(file);
  await rig.run(400);
  const taken = file.length;
  file.room = taken + 100;
  await rig.run(1_000);
  await settle();
  assert.equal(
    ends(rig).map((end) => (end as unknown[]).filter((_, n) => n !== 1)),
    [['failed', 'ERR_TALKSPURT_RECORDING']],
  );
  assert.is(file.closes, 1);
  assert.is(file.content.readUInt32LE(40), taken - 44, 'the length that was written');
  assert.is(rig.session.state, 'talking');
  await rig.session.stop('stopped');
  const [end] = rig.events.of('call.ended');
  assert.is(end?.reason, 'stopped');
  assert.is(end?.error, undefined);
});

test('a disk that is full when the call ends or the recording is stopped: an event, and no fault of the call', async () => {
  const ending = new FakeFile();
  const rig = await recorded(ending);
  await rig.run(100);
  ending.room = 44;
  await rig.session.stop('stopped');
  assert.is((ends(rig)[0] as unknown[])[0], 'failed');
  assert.is(rig.events.of('call.ended')[0]?.error, undefined);
  assert.is(rig.events.all.at(-1)?.type, 'call.ended');

  const stopped = new FakeFile();
  const other = await recorded(stopped);
  await other.run(100);
  stopped.room = 44;
  await other.session.controls.stopRecording().then(
    () => assert.unreachable(),
    (error: unknown) => assert.ok(hasCode(error, 'ERR_TALKSPURT_RECORDING')),
  );
  assert.is(ends(other).length, 1);
  assert.is(other.session.snapshot().recording, false);
  await other.session.stop('stopped');
});

test('a call that ends says what became of its recording', async () => {
  const file = new FakeFile();
  const rig = await recorded(file);
  await rig.run(200);
  await rig.session.stop('stopped');
  assert.equal(ends(rig), [['call-ended', (file.length - 44) / 16, null]]);
  assert.is(file.closes, 1);
});

test.run();

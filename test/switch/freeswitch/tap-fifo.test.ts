/** Listening through a FIFO: the stream's bytes, and a recording of the simulated switch. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FifoTransport } from '../../../src/switch/freeswitch/tap-fifo-transport.ts';
import { CALLER_HZ, Ear, OTHER_HZ, clock, rejects, toneLevel, until, watchedLink, withBridgedCall } from './tap-rig.ts';

const never = new AbortController().signal;
const LOUD = 2000;
const QUIET = 200;
const FORMAT = { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 } as const;

/** Two and a half frames of two channels: the left counts up, the right down. */
function stream(): Uint8Array {
  const view = new DataView(new ArrayBuffer(400 * 4));
  for (let at = 0; at < 400; at += 1) {
    view.setInt16(4 * at, at, true);
    view.setInt16(4 * at + 2, -at, true);
  }
  return new Uint8Array(view.buffer);
}

test('a stereo stream comes apart wherever it is cut', () => {
  const bytes = stream();
  const cuts = [...Array.from({ length: 24 }, (_, at) => at + 1), 639, 640, 641, 642, 643, 1279, 1281, bytes.length];
  for (const cut of cuts) {
    const transport = new FifoTransport(clock, FORMAT, true, () => Promise.resolve());
    const [ear, other] = [new Ear(transport), new Ear(transport.other!)];
    for (let at = 0; at < bytes.length; at += cut) transport.receive(bytes.subarray(at, at + cut));
    assert.equal(
      ear.samples,
      Array.from({ length: 320 }, (_, at) => at),
      `left, ${cut}`,
    );
    assert.equal(
      other.samples,
      Array.from({ length: 320 }, (_, at) => (at === 0 ? 0 : -at)),
      `right, ${cut}`,
    );
    assert.equal(
      [ear.numbers, other.numbers],
      [
        [1, 2],
        [1, 2],
      ],
    );
  }
});

test('one channel is handed on as it comes; nothing is ever sent, or told after the end', async () => {
  let closes = 0;
  const transport = new FifoTransport(clock, FORMAT, false, async () => void (closes += 1));
  assert.is(transport.other, undefined);
  const ear = new Ear(transport);
  const bytes = stream();
  for (const byte of bytes) transport.receive(Uint8Array.of(byte));
  assert.equal(ear.numbers, [1, 2, 3, 4, 5]);
  transport.send();
  assert.is(transport.stats.unsentFrames, 1);
  await transport.close();
  transport.receive(bytes);
  assert.is(ear.numbers.length, 5);
  assert.is(closes, 1);
});

const directory = mkdtempSync(join(tmpdir(), 'fifo-test-'));
const FIFO = { kind: 'record-fifo', directory } as const;

for (const mix of ['mono', 'mixed', 'stereo'] as const) {
  test(`${mix} by a recording into a FIFO: heard, and everything put back`, () =>
    withBridgedCall(async ({ makeTap, extraChannels, caller, link, told }) => {
      const { uuid } = caller.channel;
      await link.api(`uuid_setvar ${uuid} RECORD_STEREO true`);
      const leg = makeTap({ media: FIFO, request: { mix, sampleRateHz: null } });
      const transport = await leg.openMedia(never);
      assert.is(transport.kind, 'record-fifo');
      assert.is(await extraChannels(), 0, 'no channel is added to the call');
      const ear = new Ear(transport);
      const other = transport.other === undefined ? null : new Ear(transport.other);
      assert.is(other !== null, mix === 'stereo');
      await ear.next(1600);
      const [heard, otherHeard] = await Promise.all([ear.next(1600), other?.next(1600)]);
      assert.ok(toneLevel(heard, CALLER_HZ) > LOUD);
      assert.is(toneLevel(heard, OTHER_HZ) > LOUD, mix === 'mixed');
      if (otherHeard !== undefined) {
        assert.ok(toneLevel(otherHeard, OTHER_HZ) > LOUD && toneLevel(otherHeard, CALLER_HZ) < QUIET);
      }
      assert.is((await link.api(`uuid_getvar ${uuid} RECORD_STEREO`)).trim(), 'true', 'a variable of somebody else');
      assert.is((await link.api(`uuid_getvar ${uuid} RECORD_READ_ONLY`)).trim(), '_undef_');
      const [made] = readdirSync(directory);
      assert.is(statSync(join(directory, made!, 'call.r16')).mode & 0o777, 0o660);
      await rejects(leg.setWhisper('caller'), 'ERR_TALKSPURT_NOT_SUPPORTED');
      await leg.release();
      assert.not(caller.channel.gone);
      assert.equal(readdirSync(directory), []);
      assert.equal(told, ['up', 'released']);
    }));
}

test('the rate is what was asked for', () =>
  withBridgedCall(async ({ makeTap }) => {
    const leg = makeTap({ media: FIFO, request: { mix: 'stereo', sampleRateHz: 16_000 } });
    const transport = await leg.openMedia(never);
    assert.is(transport.format.sampleRateHz, 16_000);
    const ear = new Ear(transport);
    await ear.next(3200);
    assert.ok(toneLevel(await ear.next(3200), CALLER_HZ, 16_000) > LOUD);
    await leg.release();
    await rejects(
      makeTap({ media: FIFO, request: { mix: 'mono', sampleRateHz: 11_025 } }).openMedia(never),
      'ERR_TALKSPURT_MEDIA_FORMAT',
    );
  }));

test('a recording that somebody ends is told, and cleaned up behind', () =>
  withBridgedCall(async ({ makeTap, caller, link, told }) => {
    const leg = makeTap({ media: FIFO, request: { mix: 'stereo', sampleRateHz: null } });
    assert.is((await leg.openMedia(never)).kind, 'record-fifo');
    await link.api(`uuid_record ${caller.channel.uuid} stop all`);
    await until(() => told.includes('ended: the switch ended the recording'), 'the end is told');
    await leg.release();
    assert.equal(readdirSync(directory), []);
  }));

test('the hang-up of the call is told as such', () =>
  withBridgedCall(async ({ makeTap, caller, link, told }) => {
    const leg = makeTap({ media: FIFO, request: { mix: 'stereo', sampleRateHz: null } });
    assert.is((await leg.openMedia(never)).kind, 'record-fifo');
    await link.api(`uuid_kill ${caller.channel.uuid} USER_BUSY`);
    await until(() => told.includes('hangup 17'), 'the hang-up is told');
    await leg.release();
    assert.equal(told, ['up', 'hangup 17', 'released']);
    assert.equal(readdirSync(directory), []);
  }));

test('an abort before any command leaves no FIFO and no recording', () =>
  withBridgedCall(async ({ makeTap, caller, link }) => {
    for (let step = 1; step <= 18; step += 1) {
      const abort = new AbortController();
      let commands = 0;
      const counted = watchedLink(link, () => {
        commands += 1;
        if (commands === step) abort.abort();
      });
      const leg = makeTap({ media: FIFO, link: counted });
      await leg.openMedia(abort.signal).then(
        () => assert.ok(step > 12, `step ${step}`),
        () => undefined,
      );
      await leg.release();
      assert.equal(readdirSync(directory), []);
      const bugs = (): Promise<string> => link.api(`uuid_buglist ${caller.channel.uuid}`);
      await until(async () => !(await bugs()).includes('session_record'), `no recording after step ${step}`);
      assert.is((await link.api(`uuid_getvar ${caller.channel.uuid} RECORD_PRE_BUFFER_FRAMES`)).trim(), '_undef_');
    }
  }));

test('a directory that is not there, and a switch that refuses', () =>
  withBridgedCall(async ({ makeTap, link }) => {
    const nowhere = { kind: 'record-fifo', directory: join(directory, 'nowhere') } as const;
    await rejects(makeTap({ media: nowhere }).openMedia(never), 'ERR_TALKSPURT_MEDIA_BIND');
    const refusing = watchedLink(link, () => undefined);
    const refused = new Proxy(refusing, {
      get: (target, name) =>
        name === 'bgapi' ? async () => '-ERR Cannot record session!\n' : (Reflect.get(target, name, target) as unknown),
    });
    await rejects(makeTap({ media: FIFO, link: refused }).openMedia(never), 'ERR_TALKSPURT_SWITCH_COMMAND');
    assert.equal(readdirSync(directory), []);
  }));

test.after(() => {
  rmSync(directory, { recursive: true, force: true });
  assert.not(existsSync(directory));
});

test.run();

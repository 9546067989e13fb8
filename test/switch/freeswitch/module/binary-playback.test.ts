/** Marks and their echoes, with a connection that only takes notes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../../src/limits.ts';
import { BinaryPlayback } from '../../../../src/switch/freeswitch/module/binary-playback.ts';
import type { ModuleConnection } from '../../../../src/switch/freeswitch/module/module-connection.ts';
import { FakeClock } from '../../../sim/fake-clock.ts';

interface Rig {
  readonly clock: FakeClock;
  readonly audio: Uint8Array[];
  readonly texts: string[];
  readonly playback: BinaryPlayback;
  accepts: boolean;
  talk(frames: number): number;
}

function rigOf(marks: boolean): Rig {
  const clock = new FakeClock();
  const audio: Uint8Array[] = [];
  const texts: string[] = [];
  const rig: Rig = {
    clock,
    audio,
    texts,
    accepts: true,
    playback: new BinaryPlayback({
      clock,
      format: { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 },
      marks,
      connection: {
        sendAudio: (bytes: Uint8Array) => rig.accepts && audio.push(bytes) > 0,
        sendText: (text: string) => rig.accepts && texts.push(text) > 0,
      } as Partial<ModuleConnection> as ModuleConnection,
    }),
    talk: (frames) => {
      let taken = 0;
      for (let i = 0; i < frames; i += 1) {
        if (rig.playback.send(new Uint8Array(320).fill(i & 0x7f))) taken += 1;
        clock.advance(20);
      }
      return taken;
    },
  };
  return rig;
}

/** As mod_audio_fork writes it. */
function echo(name: string, event = 'playout'): string {
  return `{"type": "mark", "data": {"name":"${name}", "event": "${event}"}}`;
}

test('without marks it is binary and nothing else', () => {
  const rig = rigOf(false);
  const frame = new Uint8Array(320).fill(0xff);
  rig.playback.send(frame);
  frame.fill(0);
  assert.equal(rig.audio[0], new Uint8Array(320).fill(0xff), 'a copy, as it was');
  rig.talk(50);
  rig.playback.flush();
  assert.equal(rig.texts, []);
  assert.is(rig.playback.playedFrames(), null);
});

test('a mark every 100 ms of audio; its echo tells what was heard', () => {
  const rig = rigOf(true);
  rig.talk(10);
  assert.equal(rig.texts, ['{"type":"mark","data":{"name":"t1"}}', '{"type":"mark","data":{"name":"t2"}}']);
  assert.is(rig.playback.playedFrames(), null);
  rig.playback.onText(echo('t1'));
  assert.is(rig.playback.playedFrames(), 5);
  for (const other of [
    '',
    'x',
    '[]',
    '{"type":"mark"}',
    '{"type":"mark","data":null}',
    echo('t9'),
    echo('t1'),
    'null',
  ]) {
    rig.playback.onText(other);
  }
  assert.is(rig.playback.playedFrames(), 5);
  rig.playback.onText(echo('t2'));
  assert.is(rig.playback.playedFrames(), 10);
});

test('no more marks are out than the module takes', () => {
  const rig = rigOf(true);
  rig.talk(LIMITS.moduleMarks * 5 + 50);
  assert.is(rig.texts.length, LIMITS.moduleMarks);
  rig.playback.onText(echo('t1'));
  rig.talk(5);
  assert.is(rig.texts.length, LIMITS.moduleMarks + 1);
});

test('a module that answers none is not asked any more', () => {
  const rig = rigOf(true);
  rig.talk(5);
  rig.playback.onText(echo('t1'));
  assert.is(rig.playback.playedFrames(), 5);
  rig.talk(LIMITS.moduleMarkLateMs / 20 + 20);
  assert.is(rig.playback.playedFrames(), null);
  const { length } = rig.texts;
  rig.talk(100);
  assert.is(rig.texts.length, length);
});

test('a mark that is cleared, or waits at a flush, ends the asking', () => {
  const cleared = rigOf(true);
  cleared.talk(10);
  cleared.playback.onText(echo('t1'));
  cleared.playback.onText(echo('t2', 'cleared'));
  assert.is(cleared.playback.playedFrames(), null);
  const flushed = rigOf(true);
  flushed.talk(10);
  flushed.playback.onText(echo('t1'));
  flushed.playback.flush();
  assert.is(flushed.texts.at(-1), '{"type":"killAudio"}');
  assert.is(flushed.playback.playedFrames(), null);
});

test('what the connection does not take is not counted', () => {
  const rig = rigOf(true);
  rig.accepts = false;
  assert.is(rig.talk(10), 0);
  rig.accepts = true;
  rig.talk(4);
  assert.equal(rig.texts, []);
  rig.talk(1);
  assert.is(rig.texts.length, 1);
});

test.run();

/** Agent audio as files, with a connection and a clock that do nothing by themselves. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../../src/core/errors.ts';
import type { MediaFormat, SampleRateHz } from '../../../../src/core/media.ts';
import { LIMITS } from '../../../../src/limits.ts';
import { FilePlayback } from '../../../../src/switch/freeswitch/module/file-playback.ts';
import type { ModuleConnection } from '../../../../src/switch/freeswitch/module/module-connection.ts';
import { playMessage } from '../../../../src/switch/freeswitch/module/module-dialect.ts';
import type { ModuleDetection } from '../../../../src/switch/freeswitch/module/module-detection.ts';
import { FakeClock } from '../../../sim/fake-clock.ts';
import { moduleEvent, playbackStart } from './module-rig.ts';

const COMMUNITY = { module: 'mod_audio_stream' } as Partial<ModuleDetection> as ModuleDetection;

class Rig {
  readonly clock = new FakeClock();
  readonly sent: string[] = [];
  readonly played: string[] = [];
  readonly faults: TalkspurtError[] = [];
  breaks = 0;
  accepts = true;
  readonly playback: FilePlayback;
  readonly #bytes: number;

  constructor(sampleRateHz: SampleRateHz = 8000) {
    const format: MediaFormat = { codec: 'l16', sampleRateHz, ptimeMs: 20 };
    this.#bytes = sampleRateHz / 25;
    const connection = {
      sendText: (text: string) => {
        if (this.accepts) this.sent.push(text);
        return this.accepts;
      },
    } as Partial<ModuleConnection> as ModuleConnection;
    this.playback = new FilePlayback({
      clock: this.clock,
      connection,
      format,
      playEvent: 'mod_audio_stream::play',
      message: (base64, rate, batch) => playMessage(COMMUNITY, base64, rate, batch),
      play: (file) => this.played.push(file),
      breakOff: () => (this.breaks += 1),
      onFault: (error) => this.faults.push(error),
    });
  }

  /** Frames at their pace; how many were taken. */
  talk(frames: number, value = 1): number {
    let taken = 0;
    for (let i = 0; i < frames; i += 1) {
      if (this.playback.send(new Uint8Array(this.#bytes).fill(value), false)) taken += 1;
      this.clock.advance(20);
    }
    return taken;
  }

  /** The module has written batch `number`. */
  wrote(number: number, file: unknown = `/tmp/x_${number}.tmp.r8`): void {
    const body = JSON.stringify({ audioDataType: 'raw', sampleRate: 8000, talkspurt: number, file });
    this.playback.onEvent(moduleEvent('mod_audio_stream::play', body));
  }

  started(number: number): void {
    this.playback.onEvent(playbackStart(`/tmp/x_${number}.tmp.r8`));
  }
}

function dataOf(text: string | undefined): Record<string, unknown> {
  return (JSON.parse(text ?? '{}') as { data: Record<string, unknown> }).data;
}

test('batches of 200 ms, in messages below 8 KiB', () => {
  for (const [rate, frames] of [
    [8000, 10],
    [16000, 9],
  ] as const) {
    const rig = new Rig(rate);
    rig.talk(frames);
    assert.is(rig.sent.length, 1);
    assert.ok(Buffer.byteLength(rig.sent[0]!) < 8192);
    assert.is(Buffer.from(String(dataOf(rig.sent[0])['audioData']), 'base64').length, frames * (rate / 25));
    assert.is(dataOf(rig.sent[0])['sampleRate'], rate);
  }
});

test('silence is not sent; the end of a phrase is not held back', () => {
  const rig = new Rig();
  assert.is(rig.talk(50, 0), 50);
  assert.equal(rig.sent, []);
  rig.talk(3);
  rig.wrote(1);
  assert.equal(rig.played, []);
  rig.talk(LIMITS.moduleTailMs / 20, 0);
  // Three frames and silence up to the batch's end; the rest of the tail.
  assert.is(rig.sent.length, 2);
  rig.wrote(1);
  rig.wrote(2);
  assert.equal(rig.played, ['/tmp/x_1.tmp.r8', '/tmp/x_2.tmp.r8']);
  rig.talk(50, 0);
  assert.is(rig.sent.length, 2);
});

test('a frame that starts a phrase counts, silent or not', () => {
  const rig = new Rig();
  rig.playback.send(new Uint8Array(320), true);
  rig.talk(9);
  assert.is(rig.sent.length, 1);
});

test('the first file waits for the second, then each goes on as it comes, in order', () => {
  const rig = new Rig();
  rig.talk(30);
  rig.wrote(2);
  assert.equal(rig.played, []);
  rig.wrote(1);
  assert.equal(rig.played, ['/tmp/x_1.tmp.r8', '/tmp/x_2.tmp.r8']);
  rig.started(1);
  rig.wrote(3);
  assert.is(rig.played.length, 3);
  // All of it was played, and the next phrase's first file waits again.
  rig.started(2);
  rig.started(3);
  rig.clock.advance(200);
  rig.talk(10);
  rig.wrote(4);
  assert.is(rig.played.length, 3);
  rig.talk(10);
  rig.wrote(5);
  assert.is(rig.played.length, 5);
});

test('how much was heard: what has begun, by the clock, and never more than it is', () => {
  const rig = new Rig();
  const { playback } = rig;
  rig.talk(10, 0);
  assert.is(playback.playedFrames(), null, 'nobody has told of a start');
  rig.talk(20);
  rig.wrote(1);
  rig.wrote(2);
  rig.started(1);
  assert.is(playback.playedFrames(), 10);
  rig.clock.advance(99);
  assert.is(playback.playedFrames(), 14);
  rig.clock.advance(1_000);
  assert.is(playback.playedFrames(), 20);
  rig.started(2);
  assert.is(playback.playedFrames(), 20);
  rig.started(1);
  assert.is(playback.playedFrames(), 20, 'an event of the past');
});

test('a flush breaks off what plays, and only that', () => {
  const rig = new Rig();
  rig.talk(25);
  rig.playback.flush();
  assert.is(rig.breaks, 0, 'nothing was handed on');
  rig.wrote(1);
  rig.wrote(2);
  assert.equal(rig.played, [], 'what was dropped stays dropped');
  rig.talk(20);
  rig.wrote(3);
  rig.wrote(4);
  rig.started(3);
  rig.playback.flush();
  assert.is(rig.breaks, 1);
  assert.is(rig.playback.playedFrames(), 45);
  rig.playback.flush();
  assert.is(rig.breaks, 1);
  // When all of it was played, a break would hit the next phrase.
  rig.talk(20);
  rig.wrote(5);
  rig.wrote(6);
  rig.started(5);
  rig.started(6);
  rig.clock.advance(201);
  rig.playback.flush();
  assert.is(rig.breaks, 1);
});

test('without word of starts it goes by the clock', () => {
  const rig = new Rig();
  rig.talk(20);
  rig.wrote(1);
  rig.wrote(2);
  rig.clock.advance(200);
  rig.talk(10);
  rig.wrote(3);
  assert.is(rig.played.length, 2, 'both are over: the next phrase waits for its second file');
  rig.talk(10);
  rig.wrote(4);
  assert.is(rig.played.length, 4);
  assert.is(rig.playback.playedFrames(), null);
});

test('a module that plays by itself is left to it', () => {
  const rig = new Rig();
  rig.talk(20);
  rig.wrote(1, undefined);
  assert.equal(rig.played, []);
  assert.is(rig.playback.playedFrames(), null);
  rig.playback.flush();
  assert.is(rig.breaks, 0);
  assert.equal(rig.faults, []);
});

test('names that no file of a module has are not played', () => {
  const names = [
    '/tmp/a;b',
    '/tmp/${x}',
    'tone_stream://%(1,1,1)',
    '/tmp/a\nb',
    'x.wav',
    5,
    '/tmp/http://x',
    "/tmp/'a",
  ];
  for (const name of names) {
    const rig = new Rig();
    rig.talk(20);
    rig.wrote(1, name);
    rig.wrote(2);
    assert.not(rig.played.includes(String(name)), String(name));
    assert.equal(
      rig.faults.map(({ code }) => code),
      ['ERR_TALKSPURT_MODULE_SILENT'],
      String(name),
    );
  }
  const rig = new Rig();
  rig.talk(20);
  rig.wrote(1, 'C:\\Program Files (x86)\\fs\\temp\\a_0.tmp.r8');
  rig.wrote(2);
  assert.is(rig.played.length, 2);
});

test('events of others, and bodies that are none', () => {
  const rig = new Rig();
  rig.talk(20);
  for (const body of [
    '',
    'x',
    '[]',
    'null',
    '{"talkspurt":"1","file":"/tmp/a"}',
    '{"file":"/tmp/a"}',
    '{"talkspurt":9}',
  ]) {
    rig.playback.onEvent(moduleEvent('mod_audio_stream::play', body));
  }
  rig.playback.onEvent(moduleEvent('mod_audio_fork::play_audio', '{"talkspurt":1,"file":"/tmp/a"}'));
  assert.equal(rig.played, []);
  assert.equal(rig.faults, []);
});

test('a file that is never played does not silence the agent for good', () => {
  const rig = new Rig();
  rig.talk(20);
  rig.wrote(1);
  rig.wrote(2);
  rig.started(1);
  // The third is never written.
  rig.talk(10);
  rig.started(2);
  rig.talk(LIMITS.moduleBatchLateMs / 20 + 20);
  assert.is(rig.faults.length, 1);
  const before = rig.sent.length;
  const next = before + 1;
  rig.talk(20);
  for (let number = next - 2; number <= rig.sent.length; number += 1) rig.wrote(number);
  assert.ok(rig.played.length > 2, 'it goes on');
});

test('what the switch does not take up is bounded, and told', () => {
  const rig = new Rig();
  let taken = 0;
  for (let i = 0; i < 1_000; i += 1) {
    if (rig.playback.send(new Uint8Array(320).fill(1), false)) taken += 1;
  }
  assert.is(rig.sent.length, LIMITS.moduleBatches);
  assert.is(taken, LIMITS.moduleBatches * 10);
  const blocked = new Rig();
  blocked.accepts = false;
  assert.is(blocked.talk(10), 9, 'the frame that would have sent them is not taken');
  blocked.accepts = true;
  assert.is(blocked.talk(10), 10);
});

test.run();

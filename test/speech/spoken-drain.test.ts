/** A call is ended politely while sentences wait to be spoken: what is written is said, within what it may take, and nothing is left. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import type { SendOff } from '../../src/session/send-off.ts';
import { DEFAULT_WATCHDOGS } from '../../src/session/watch-options.ts';
import { CUT_OFF } from '../sim/scripted-backend.ts';
import { FakeEngine } from './speech-rig.ts';
import { ALL, ONE, SOUND_BYTE, SOUND_MS, THREE, TWO, lengthOf, settle, spokenLine } from './spoken-line-rig.ts';

const GOODBYE: SendOff = { told: { play: 'goodbye.wav' }, action: 'hangup', destination: '' };
const QUIETLY: SendOff = { told: null, action: 'release', destination: '' };

type Line = Awaited<ReturnType<typeof spokenLine>>;

/** A call whose engine is slow: it takes `slowMs` for each sentence. */
async function slowLine(slowMs: number): Promise<Line> {
  const line = await spokenLine({ names: ['text-a'] });
  const engine = line.engine('text-a');
  const speak = engine.onRequest;
  engine.onRequest = (request) => void line.rig.clock.after(slowMs, () => speak(request));
  return line;
}

async function untilOver(line: Line, mostMs: number): Promise<number> {
  let passedMs = 0;
  for (; passedMs < mostMs && line.rig.end === null; passedMs += 100) await line.rig.run(100);
  return passedMs;
}

const whole = (line: Line, ...texts: string[]): void => {
  for (const text of texts) assert.is(line.heardOf(text), lengthOf(text), text);
};

test('graceful-shutdown while the first sentence is made: it is said, and those behind it', async () => {
  const line = await slowLine(900);
  line.write(line.a, 'r1', ALL);
  await line.rig.run(200);
  line.rig.session.shutDownGracefully();
  await untilOver(line, 20_000);
  whole(line, ONE, TWO, THREE);
  assert.is(line.rig.end?.reason, 'stopped');
  await line.end();
});

test('graceful-shutdown with an engine that hangs ends in time', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.engine('text-a').onRequest = () => undefined;
  line.write(line.a, 'r1', ALL);
  await line.rig.run(200);
  line.rig.session.shutDownGracefully();
  const passedMs = await untilOver(line, LIMITS.gracefulShutdownMs + 2_000);
  assert.ok(passedMs <= LIMITS.gracefulShutdownMs + 200, `${passedMs} ms`);
  assert.is.not(line.rig.end, null);
  await line.end();
});

test('graceful-shutdown with an engine that fails ends when nothing is left to be said', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.engine('text-a').onRequest = (request) => request.fail('ERR_TALKSPURT_TTS_AUTH');
  line.write(line.a, 'r1', ALL);
  await line.rig.run(200);
  line.rig.session.shutDownGracefully();
  const passedMs = await untilOver(line, 10_000);
  assert.ok(passedMs < 3_000, `${passedMs} ms`);
  await line.end();
});

for (const [name, afterMs] of [
  ['is made', 200],
  ['is heard', 1_400],
  ['waits behind one that is heard', 2_500],
] as const) {
  test(`a goodbye while a sentence ${name}: both are heard whole, then the call is hung up`, async () => {
    const line = await slowLine(900);
    line.write(line.a, 'r1', ALL);
    await line.rig.run(afterMs);
    const done = line.rig.session.sendOff(GOODBYE);
    await untilOver(line, 20_000);
    await done;
    assert.is(line.heard.get(SOUND_BYTE), SOUND_MS);
    whole(line, ONE, TWO, THREE);
    assert.equal(line.rig.leg.hangups.length, 1);
    assert.is(line.rig.end?.reason, 'drained');
    await line.end();
  });
}

test('a goodbye with an engine that hangs: the caller is not kept for longer than a farewell may take', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.engine('text-a').onRequest = () => undefined;
  line.write(line.a, 'r1', ALL);
  await line.rig.run(200);
  void line.rig.session.sendOff(GOODBYE);
  const passedMs = await untilOver(line, LIMITS.farewellMs + 5_000);
  assert.ok(passedMs <= LIMITS.farewellMs + 200, `${passedMs} ms`);
  assert.is(line.heard.get(SOUND_BYTE), SOUND_MS);
  await line.end();
});

test('a goodbye while the first engine fails and another one speaks', async () => {
  const fallback = new FakeEngine('fallback');
  const line = await spokenLine({ names: ['text-a'], fallback });
  line.engine('text-a').onRequest = (request) => request.fail('ERR_TALKSPURT_TTS_QUOTA');
  line.write(line.a, 'r1', ALL);
  await line.rig.run(100);
  void line.rig.session.sendOff(GOODBYE);
  await untilOver(line, 10_000);
  whole(line, ONE, TWO, THREE);
  await line.end();
});

test('a goodbye while nobody knows yet whether the caller cuts in: the sentence goes on, once', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.write(line.a, 'r1', ALL);
  await line.rig.run(1_200);
  await line.rig.run(80, 0.9);
  assert.is(line.rig.session.snapshot().turn, 'yielding');
  void line.rig.session.sendOff(GOODBYE);
  await untilOver(line, 20_000);
  assert.is(line.rig.events.of('barge-in').length, 0);
  assert.is(line.heard.get(SOUND_BYTE), SOUND_MS);
  for (const text of [ONE, TWO, THREE]) {
    // The frame of a pause is heard twice: faded out, and in.
    const overMs = line.heardOf(text) - lengthOf(text);
    assert.ok(overMs >= 0 && overMs <= 20, `${text}: ${overMs} ms more`);
  }
  await line.end();
});

test('a goodbye right after the caller has cut in: nothing of it comes back', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.write(line.a, 'r1', ALL);
  await line.rig.run(1_200);
  await line.rig.run(300, 0.9);
  assert.is(line.rig.events.of('barge-in').length, 1);
  const before = line.heardOf(TWO);
  void line.rig.session.sendOff(GOODBYE);
  const passedMs = await untilOver(line, 10_000);
  assert.ok(passedMs < 1_500, `${passedMs} ms`);
  assert.is(line.heardOf(TWO), before);
  assert.is(line.heardOf(THREE), 0);
  await line.end();
});

test('a goodbye while the backend is sought: what came is heard, and nobody is sought any more', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.write(line.a, 'r1', `${ONE} ${TWO}`);
  await line.rig.run(300);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(100);
  const { opens } = line.rig.a;
  void line.rig.session.sendOff(GOODBYE);
  await untilOver(line, 20_000);
  whole(line, ONE, TWO);
  assert.is(line.heard.get(SOUND_BYTE), SOUND_MS);
  assert.is(line.rig.a.opens, opens);
  assert.is(line.rig.end?.reason, 'drained');
  await line.end();
});

test('a goodbye to a caller on hold: what the agent was saying is heard', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.write(line.a, 'r1', ALL);
  await line.rig.run(500);
  line.rig.session.controls.hold(null, line.rig.session.controls.soundFormat);
  await line.rig.run(2_000);
  void line.rig.session.sendOff(GOODBYE);
  await untilOver(line, 20_000);
  whole(line, ONE, TWO, THREE);
  await line.end();
});

test('the backend is lost in the middle of the goodbye: the call ends as it was to', async () => {
  const line = await slowLine(900);
  line.write(line.a, 'r1', ALL);
  await line.rig.run(200);
  void line.rig.session.sendOff(GOODBYE);
  await line.rig.run(300);
  line.a.lose();
  const passedMs = await untilOver(line, 10_000);
  assert.ok(passedMs < 2_000, `${passedMs} ms`);
  assert.is(line.rig.end?.reason, 'drained');
  assert.is(line.rig.a.opens, 1);
  await line.end();
});

test('a text of the operator that waits is said before the goodbye ends the call', async () => {
  const line = await slowLine(900);
  line.rig.session.say('We close in five minutes.');
  await line.rig.run(100);
  void line.rig.session.sendOff(GOODBYE);
  await untilOver(line, 10_000);
  whole(line, 'We close in five minutes.');
  await line.end();
});

test('graceful-shutdown: a text of the operator that waits for the end of an answer is said as well', async () => {
  const line = await spokenLine({ names: ['text-a'] });
  line.write(line.a, 'r1', 'Good', false);
  line.rig.session.say('We close in five minutes.');
  assert.is(line.rig.session.snapshot().waitingSentences, 1);
  line.rig.session.shutDownGracefully();
  await line.rig.run(1_000);
  line.a.sink.onTranscript('agent', ONE, true);
  line.a.sink.onResponseDone('r1', 'completed');
  await untilOver(line, 20_000);
  whole(line, ONE, 'We close in five minutes.');
  await line.end();
});

test('no goodbye, or no patience: the call ends at once and nothing is left', async () => {
  for (const off of [QUIETLY, null]) {
    const line = await slowLine(900);
    line.write(line.a, 'r1', ALL);
    await line.rig.run(1_200);
    if (off === null) {
      void line.rig.session.sendOff(GOODBYE);
      await line.rig.run(200);
      void line.rig.session.stop('drained');
    } else void line.rig.session.sendOff(off);
    await settle();
    assert.is(line.rig.end?.reason, 'drained');
    // The engine's own delay.
    line.rig.clock.advance(1_000);
    await line.end();
  }
});

test('a call that has lasted too long: what is written is said first', async () => {
  const watchdogs = { ...DEFAULT_WATCHDOGS, session: { action: 'announce' } } as const;
  const line = await spokenLine({ names: ['text-a'], options: { maxDurationMs: 1_000 }, watchdogs });
  const engine = line.engine('text-a');
  const speak = engine.onRequest;
  engine.onRequest = (request) => void line.rig.clock.after(900, () => speak(request));
  await line.rig.run(700);
  line.write(line.a, 'r1', `${ONE} ${TWO}`);
  await untilOver(line, 20_000);
  whole(line, ONE, TWO);
  assert.is(line.rig.end?.reason, 'expired');
  await line.end();
});

test.run();

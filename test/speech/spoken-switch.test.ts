/** Backends that write and backends that speak change places while callers cut in, engines fail and formats differ. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { CUT_OFF } from '../sim/scripted-backend.ts';
import { FakeEngine } from './speech-rig.ts';
import { ALL, ONE, THREE, TWO, byteOf, lengthOf, library, settle, spokenLine } from './spoken-line-rig.ts';

type Line = Awaited<ReturnType<typeof spokenLine>>;

/** The first backend is gone for good. */
function kill(line: Line): void {
  line.rig.a.always = CUT_OFF;
  line.a.lose();
}

test('an engine that hangs is left alone when its backend is lost, and so is what it was asked for ahead', async () => {
  const line = await spokenLine();
  const engine = line.engine('text-a');
  const speak = engine.onRequest;
  engine.onRequest = (request) => (request.text === ONE ? speak(request) : undefined);
  line.write(line.a, 'r1', ALL);
  await line.rig.run(300);
  assert.is(engine.open, 1);
  kill(line);
  await settle();
  assert.is(engine.open, 0);
  await line.rig.run(3_000);
  // What it still says nobody hears.
  for (const request of engine.requests) request.speak(500, 0x77);
  await line.rig.run(1_000);
  assert.is(line.heard.get(0x77), undefined);
  await line.end();
});

test('nobody can speak what the first one writes: the second one, whose voice is another, is heard', async () => {
  const line = await spokenLine();
  line.engine('text-a').onRequest = (request) => request.fail('ERR_TALKSPURT_TTS_AUTH');
  line.write(line.a, 'r1', ALL);
  await line.rig.run(1_000);
  assert.is(line.heardOf(ONE) + line.heardOf(TWO), 0);
  assert.equal(line.a.notes, [['r1', '']], 'it knows');
  kill(line);
  await line.rig.run(3_000);
  assert.equal(line.b.history, []);
  line.write(line.b, 'r2', ONE);
  await line.rig.run(2_000);
  assert.is(line.heardOf(ONE), lengthOf(ONE));
  await line.end();
});

test('lost while the fallback engine speaks: it says nothing more of that', async () => {
  const fallback = new FakeEngine('fallback');
  const line = await spokenLine({ fallback });
  line.engine('text-a').onRequest = (request) => request.fail('ERR_TALKSPURT_TTS_AUTH');
  fallback.onRequest = (request) => request.give(500, byteOf(request.text));
  line.write(line.a, 'r1', ALL);
  await line.rig.run(300);
  kill(line);
  await settle();
  assert.is(fallback.open, 0);
  await line.rig.run(3_000);
  assert.is(line.heardOf(ONE), 500);
  assert.match(line.b.history[0]?.text ?? '', /^Good.*…$/);
  await line.end();
});

for (const to of ['text-b', 'audio-b']) {
  test(`a caller cuts in while the call goes over to ${to}: what was cut is not gone on with`, async () => {
    const line = await spokenLine({ names: ['text-a', to] });
    line.rig.b.always = 600;
    line.write(line.a, 'r1', ALL);
    await line.rig.run(1_200);
    const switched = line.rig.session.switchBackend(line.backend(to));
    await line.rig.run(400, 0.9);
    assert.is(line.rig.events.of('barge-in').length, 1);
    const before = line.heardOf(TWO);
    await line.rig.run(400, 0);
    await switched;
    await line.rig.run(2_000);
    assert.is(line.heardOf(TWO), before);
    assert.is(line.heardOf(THREE), 0);
    assert.equal(line.b.requests, [], 'the caller has the turn');
    assert.is(line.a.notes.length, 1);
    await line.end();
  });

  test(`a caller cuts in right after the call went over to ${to}: the rest of the first one is cut`, async () => {
    const line = await spokenLine({ names: ['text-a', to] });
    line.write(line.a, 'r1', `${ONE} ${TWO}`);
    await line.rig.run(300);
    await line.rig.session.switchBackend(line.backend(to));
    await line.rig.run(400, 0.9);
    assert.is(line.rig.events.of('barge-in').length, 1);
    const before = line.heardOf(ONE) + line.heardOf(TWO);
    await line.rig.run(3_000);
    assert.is(line.heardOf(ONE) + line.heardOf(TWO), before);
    assert.equal(line.b.cancels, [[null, 0]]);
    await line.end();
  });
}

test('another format, both ways: what waits goes on, and sentences come in the new one', async () => {
  const wide = { codec: 'l16', sampleRateHz: 16_000 } as const;
  const line = await spokenLine({ names: ['audio-a', 'text-b'], formats: [wide, wide] });
  const { session } = line.rig;
  const sentences = line.engine('text-b');
  line.a.speak('i1', 1_000, { value: 0, text: 'Hello.' });
  await line.rig.run(100);
  await session.switchBackend(line.backend('text-b'), library);
  assert.equal(session.snapshot().backendOutput, { codec: 'pcmu', sampleRateHz: 8000 });
  assert.ok(session.snapshot().playoutMs >= 850, `${session.snapshot().playoutMs} ms wait`);
  line.write(line.b, 'r1', ONE);
  await line.rig.run(3_000);
  assert.is(sentences.requests.length, 1);
  assert.is(line.heardOf(ONE), lengthOf(ONE));
  line.write(line.b, 'r2', TWO);
  await line.rig.run(100);
  await session.switchBackend(line.backend('audio-a'), library);
  assert.equal(session.snapshot().backendOutput, wide);
  assert.ok(session.snapshot().playoutMs >= 1_500, `${session.snapshot().playoutMs} ms wait`);
  await line.end();
});

test('over and over between two that write: every sentence that came is heard once, and nothing piles up', async () => {
  const line = await spokenLine();
  const names = ['text-a', 'text-b'];
  const texts: string[] = [];
  for (let round = 0; round < 8; round += 1) {
    const stream = line.rig.backends[round % 2]!.stream;
    const text = `Part ${'abcdefgh'[round]}.`;
    texts.push(text);
    line.write(stream, `r${round}`, text);
    await line.rig.run(60);
    await line.rig.session.switchBackend(line.backend(names[(round + 1) % 2]!));
  }
  await line.rig.run(12_000);
  assert.equal(
    texts.map((text) => line.heardOf(text)),
    texts.map((text) => lengthOf(text)),
  );
  assert.is(line.rig.open.length, 1);
  assert.is(line.rig.session.snapshot().spokenTexts, 8);
  assert.ok(line.rig.clock.pending < 12, `${line.rig.clock.pending} timers`);
  await line.end();
});

test('a breaker of one voice says nothing of another backend’s', async () => {
  const line = await spokenLine();
  line.engine('text-a').onRequest = (request) => request.fail('ERR_TALKSPURT_TTS_AUTH');
  line.write(line.a, 'r1', ONE);
  await line.rig.run(500);
  await line.rig.session.switchBackend(line.backend('text-b'));
  line.write(line.b, 'r2', TWO);
  await line.rig.run(2_500);
  assert.is(line.heardOf(TWO), lengthOf(TWO));
  // And back: the rest that the voice has taken is over by then.
  await line.rig.run(LIMITS.ttsCoolDownMs);
  line.engine('text-a').onRequest = (request) => request.speak(lengthOf(request.text), byteOf(request.text));
  await line.rig.session.switchBackend(line.backend('text-a'));
  line.write(line.a, 'r3', THREE);
  await line.rig.run(2_500);
  // The tone that stood for the first sentence has bytes of all kinds.
  assert.ok(Math.abs(line.heardOf(THREE) - lengthOf(THREE)) < 20, `${line.heardOf(THREE)} ms`);
  await line.end();
});

test.run();

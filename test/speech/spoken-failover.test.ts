/** A backend that writes is lost, or changed for another one: nothing is said twice, and nothing is lost in silence. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ALL,
  ONE,
  SOUND_MS,
  SPOKEN_BYTE,
  THREE,
  TWO,
  byteOf,
  lengthOf,
  settle,
  spokenLine,
} from './spoken-line-rig.ts';
import { CUT_OFF } from '../sim/scripted-backend.ts';
import { FakeEngine, stallsAt } from './speech-rig.ts';

const said = (line: Awaited<ReturnType<typeof spokenLine>>, stream = line.b): string[] =>
  stream.history.map(({ by, text }) => `${by}: ${text}`);

type Line = Awaited<ReturnType<typeof spokenLine>>;

/** The first backend has written an answer of which `ONE` is heard, and comes back no more once it is lost. */
async function midAnswer(line: Line, over = true): Promise<void> {
  stallsAt(line.engine('text-a'), TWO);
  line.write(line.a, 'r1', ALL, over);
  await line.rig.run(400);
  line.rig.a.always = CUT_OFF;
}

const GO_ON = /^The connection was interrupted while you spoke/;
const heardInOrder = (line: Line): [number, number][] => [...line.heard];
const wholly = (...texts: string[]): [number, number][] => texts.map((text) => [byteOf(text), lengthOf(text)]);

test('lost between two sentences: the one that was heard is known, and those that were written are said by the other one', async () => {
  const line = await spokenLine();
  await midAnswer(line);
  line.a.lose();
  await line.rig.run(5_000);
  assert.equal(heardInOrder(line), wholly(ONE, TWO, THREE));
  assert.equal(said(line), [`agent: ${ONE}`]);
  assert.equal(line.b.requests, [], 'nobody is asked to say it once more');
  assert.equal(line.b.notes, [[null, `${TWO} ${THREE}`]], 'and the model knows that it was said');
  await line.end();
});

test('lost before a word of the answer was heard: it is said as it stands', async () => {
  for (const greeting of ['', 'Say hello.']) {
    const line = await spokenLine({ options: { greeting, turnOwner: 'endpointer' } });
    line.engine('text-a').onRequest = () => undefined;
    if (greeting === '') await line.rig.callerTurn();
    line.write(line.a, 'r1', `${ONE} ${TWO}`);
    line.rig.a.always = CUT_OFF;
    line.a.lose();
    await line.rig.run(5_000);
    assert.equal(heardInOrder(line), wholly(ONE, TWO));
    assert.equal(line.b.requests, []);
    await line.end();
  }
});

test('lost while it is still written: nobody but the agent can go on with it', async () => {
  const line = await spokenLine();
  await midAnswer(line, false);
  line.a.lose();
  await line.rig.run(4_000);
  assert.equal(heardInOrder(line), wholly(ONE));
  assert.equal(said(line), [`agent: ${ONE}`]);
  assert.is(line.b.requests.length, 1);
  assert.match(line.b.requests[0] ?? '', GO_ON);
  await line.end();
});

test('lost with a function still asked: what was written before it is said, and nobody is asked for more', async () => {
  const line = await spokenLine();
  await midAnswer(line);
  line.a.sink.onToolCall('call-1', 'track', '{}');
  line.a.lose();
  await line.rig.run(200);
  line.rig.session.sendToolResult('call-1', '{"at":"noon"}');
  await line.rig.run(5_000);
  assert.equal(heardInOrder(line), wholly(ONE, TWO, THREE));
  assert.equal(line.b.requests, [], 'its result brings the answer');
  assert.equal(line.b.toolResults, [['call-1', '{"at":"noon"}']]);
  await line.end();
});

test('lost while the caller speaks in a pause of it: what was written is not said to who has said something else', async () => {
  const line = await spokenLine({ detectsTurns: true });
  await midAnswer(line);
  // So long that the turn is nobody's any more: a backend that ends turns itself is the one to call it off, and has not yet.
  await line.rig.run(7_000);
  await line.rig.run(400, 0.9);
  assert.is(line.rig.session.snapshot().turn, 'caller-speaking');
  line.a.lose();
  await line.rig.run(200, 0.9);
  await line.rig.run(5_000);
  assert.equal(heardInOrder(line), wholly(ONE));
  assert.is(line.b.requests.length, 1);
  assert.match(line.b.requests[0] ?? '', /ask the caller to repeat/);
  await line.end();
});

test('lost with another answer due: the agent is asked, and nothing of the one before it is said', async () => {
  const line = await spokenLine();
  await midAnswer(line);
  line.rig.session.sendText('And how much is it?');
  line.a.lose();
  await line.rig.run(4_000);
  assert.equal(heardInOrder(line), wholly(ONE));
  assert.is(line.b.requests.length, 1);
  await line.end();
});

test('a caller who cuts in while a backend is sought does not hear the rest of what was written', async () => {
  const line = await spokenLine({ options: { turnOwner: 'endpointer' } });
  await midAnswer(line);
  line.a.lose();
  await line.rig.run(100);
  await line.rig.callerTurn();
  await line.rig.run(5_000);
  assert.is(line.rig.session.snapshot().backend, 'text-b');
  assert.equal([line.heardOf(TWO), line.heardOf(THREE)], [0, 0]);
  assert.is(line.b.commits.length, 1, 'what he said is answered');
  await line.end();
});

test('where the next one does not speak what is written, it is asked to go on', async () => {
  const line = await spokenLine({ names: ['text-a', 'audio-b'] });
  await midAnswer(line);
  line.a.lose();
  await line.rig.run(4_000);
  assert.equal(heardInOrder(line), wholly(ONE));
  assert.match(line.b.requests[0] ?? '', GO_ON);
  await line.end();
});

test('lost again before it is said: the third one says it, once; cut short there, it is left', async () => {
  for (const cutIn of [false, true]) {
    const line = await spokenLine({ names: ['text-a', 'text-b', 'text-c'], options: { turnOwner: 'endpointer' } });
    await midAnswer(line);
    stallsAt(line.engine('text-b'), THREE);
    line.a.lose();
    await line.rig.run(3_200);
    assert.equal([line.heardOf(TWO), line.heardOf(THREE)], [lengthOf(TWO), 0]);
    line.rig.b.always = CUT_OFF;
    line.b.lose();
    await line.rig.run(100);
    if (cutIn) await line.rig.callerTurn();
    await line.rig.run(5_000);
    const third = line.rig.backends[2]!.stream;
    assert.equal(heardInOrder(line), cutIn ? wholly(ONE, TWO) : wholly(ONE, TWO, THREE));
    assert.equal(said(line, third).slice(0, 2), [`agent: ${ONE}`, `agent: ${TWO}`]);
    assert.equal(third.requests, []);
    await line.end();
  }
});

test('lost in the middle of a sentence: of that one what came is heard, and known', async () => {
  const line = await spokenLine();
  const engine = line.engine('text-a');
  const speak = engine.onRequest;
  engine.onRequest = (request) => (request.text === TWO ? request.give(900, byteOf(TWO)) : speak(request));
  line.write(line.a, 'r1', ALL);
  await line.rig.run(1_200);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(4_000);
  assert.is(line.heardOf(ONE), lengthOf(ONE));
  assert.is(line.heardOf(TWO), 900);
  const [one, two = '', more] = said(line);
  assert.is(one, `agent: ${ONE}`);
  assert.match(two, /^agent: Your parcel.*…$/);
  assert.is(more, undefined);
  assert.is(line.b.requests.length, 1);
  await line.end();
});

test('a sentence whose engine died in its middle is known as far as it was heard', async () => {
  const fallback = new FakeEngine('fallback');
  const line = await spokenLine({ fallback });
  const engine = line.engine('text-a');
  const speak = engine.onRequest;
  engine.onRequest = (request) => {
    if (request.text !== TWO) return speak(request);
    request.give(600, byteOf(TWO));
    request.fail();
  };
  line.write(line.a, 'r1', ALL);
  await line.rig.run(6_000);
  assert.is(line.heardOf(TWO), 600);
  assert.is(line.heardOf(THREE), lengthOf(THREE));
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(3_000);
  const [one, two = '', three] = said(line);
  assert.is(one, `agent: ${ONE}`);
  assert.match(two, /^agent: Your.*…$/);
  assert.is(three, `agent: ${THREE}`);
  await line.end();
});

test('audio to text: a caller who cuts in on what the first one said has heard nothing of the second', async () => {
  const line = await spokenLine({ names: ['audio-a', 'text-b'] });
  line.a.speak('i1', 6_000, { value: 0x21, text: 'A long story.' });
  await line.rig.run(500);
  await line.rig.session.switchBackend(line.backend('text-b'));
  line.write(line.b, 'r1', `${ONE} ${TWO}`);
  await line.rig.run(3_000);
  assert.is(line.heardOf(ONE), 0);
  await line.rig.run(400, 0.9);
  assert.is(line.rig.events.of('barge-in').length, 1);
  assert.equal(line.b.notes, [['r1', '']]);
  await line.end();
});

test('what waits behind a sound was not heard, whatever the clock says', async () => {
  const line = await spokenLine({ names: ['text-a'], options: { turnOwner: 'endpointer' } });
  line.rig.session.controls.play(new Uint8Array(8_000 * 5).fill(0x33), line.rig.session.controls.soundFormat);
  await line.rig.run(100);
  line.write(line.a, 'r1', ONE);
  await line.rig.run(2_000);
  assert.is(line.heardOf(ONE), 0);
  await line.rig.run(400, 0.9);
  assert.equal(line.a.notes, [['r1', '']]);
  await line.end();
});

test('the sentences of a call are counted whoever wrote them', async () => {
  const line = await spokenLine();
  line.write(line.a, 'r1', `${ONE} ${TWO}`);
  await line.rig.run(4_000);
  assert.is(line.rig.session.snapshot().spokenTexts, 2);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  assert.is(line.rig.session.snapshot().spokenTexts, 2, 'while none is there');
  await line.rig.run(3_000);
  line.write(line.b, 'r2', THREE);
  await line.rig.run(2_000);
  assert.is(line.rig.session.snapshot().spokenTexts, 3);
  await line.end();
});

test('text that was to be said word for word is said by whoever comes', async () => {
  const line = await spokenLine();
  const engine = line.engine('text-a');
  engine.onRequest = () => undefined;
  assert.is(line.rig.session.say('We close in five minutes.'), true);
  await line.rig.run(300);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(4_000);
  assert.is(line.heardOf('We close in five minutes.'), lengthOf('We close in five minutes.'));
  assert.equal(line.b.requests, [], 'the agent itself has nothing to go on with');
  await line.end();
});

test('a switch that fails changes nothing: every sentence is heard once', async () => {
  const line = await spokenLine();
  line.rig.b.always = CUT_OFF;
  line.write(line.a, 'r1', ALL);
  await line.rig.run(1_300);
  let refused = '';
  await line.rig.session
    .switchBackend(line.backend('text-b'))
    .catch((error: { code: string }) => (refused = error.code));
  assert.is(refused, 'ERR_TALKSPURT_BACKEND_CLOSED');
  await line.rig.run(4_000);
  assert.equal(
    [...line.heard],
    [ONE, TWO, THREE].map((text) => [byteOf(text), lengthOf(text)]),
  );
  assert.equal(line.a.requests, []);
  await line.end();
});

test('text to audio by order, sentences waiting: what came is heard, the rest is asked for', async () => {
  const line = await spokenLine({ names: ['text-a', 'audio-b'] });
  const engine = line.engine('text-a');
  stallsAt(engine, THREE);
  line.write(line.a, 'r1', ALL);
  await line.rig.run(300);
  assert.equal(engine.texts, [ONE, TWO, THREE]);
  await line.rig.session.switchBackend(line.backend('audio-b'));
  await line.rig.run(4_000);
  const delivered = [ONE, TWO, THREE].filter((text) => line.heardOf(text) > 0);
  assert.equal(
    said(line),
    delivered.map((text) => `agent: ${text}`),
  );
  for (const text of delivered) assert.is(line.heardOf(text), lengthOf(text), text);
  assert.is(line.b.requests.length, 1);
  await settle();
  await line.end();
});

test('a caller cuts in between two sentences: the first one is known to have been heard', async () => {
  const line = await spokenLine({ options: { turnOwner: 'endpointer' } });
  stallsAt(line.engine('text-a'), TWO);
  line.write(line.a, 'r1', `${ONE} ${TWO}`);
  await line.rig.run(1_500);
  await line.rig.run(400, 0.9);
  assert.is(line.rig.events.of('barge-in').length, 1);
  assert.equal(line.a.notes, [['r1', ONE]]);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(3_000);
  assert.is(said(line)[0], `agent: ${ONE}`);
  await line.end();
});

test('a caller speaks up after a pause between two sentences: the first one is known to have been heard', async () => {
  const line = await spokenLine({ options: { turnOwner: 'endpointer' } });
  stallsAt(line.engine('text-a'), TWO);
  line.write(line.a, 'r1', `${ONE} ${TWO}`);
  // So long that the turn is nobody's any more.
  await line.rig.run(7_000);
  assert.is(line.rig.session.snapshot().turn, 'listening');
  await line.rig.run(400, 0.9);
  assert.equal(line.a.notes, [['r1', ONE]]);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(3_000);
  assert.is(said(line)[0], `agent: ${ONE}`);
  await line.end();
});

test('what the first one says while the other one is opened is not said again', async () => {
  const line = await spokenLine();
  const engine = line.engine('text-a');
  const speak = engine.onRequest;
  engine.onRequest = (request) =>
    void line.rig.clock.after(request.text === TWO ? 900 : 0, () =>
      request.text === THREE ? undefined : speak(request),
    );
  // It is told what was said, and takes its time then.
  const second = line.rig.backends[1]!;
  const open = second.open.bind(second);
  second.open = async (call, ...rest) => {
    const history = [...(call.history ?? [])];
    await new Promise<void>((resolve) => line.rig.clock.after(1_500, resolve));
    // Not a copy: that would read it anew.
    return await open(Object.create(call, { history: { value: history } }) as typeof call, ...rest);
  };
  line.write(line.a, 'r1', ALL);
  await line.rig.run(300);
  const switched = line.rig.session.switchBackend(line.backend('text-b'));
  await line.rig.run(2_000);
  await switched;
  assert.equal(said(line), [`agent: ${ONE}`]);
  assert.is(line.b.requests.length, 1);
  assert.ok(line.b.requests[0]?.endsWith(`\n${TWO}`), line.b.requests[0]);
  await line.end();
});

test('lost while the other one is opened: what was said since that one was told is not kept from it', async () => {
  const line = await spokenLine();
  const engine = line.engine('text-a');
  const speak = engine.onRequest;
  engine.onRequest = (request) =>
    void line.rig.clock.after(request.text === TWO ? 900 : 0, () =>
      request.text === THREE ? undefined : speak(request),
    );
  const second = line.rig.backends[1]!;
  const open = second.open.bind(second);
  second.open = async (call, ...rest) => {
    const history = [...(call.history ?? [])];
    await new Promise<void>((resolve) => line.rig.clock.after(1_500, resolve));
    return await open(Object.create(call, { history: { value: history } }) as typeof call, ...rest);
  };
  line.write(line.a, 'r1', ALL);
  await line.rig.run(300);
  const switched = line.rig.session.switchBackend(line.backend('text-b'));
  await line.rig.run(1_300);
  line.rig.a.always = 'hang';
  line.a.lose();
  await line.rig.run(4_000);
  await switched;
  assert.equal(said(line), [`agent: ${ONE}`]);
  assert.equal(heardInOrder(line), wholly(ONE, TWO));
  assert.is(line.b.requests.length, 1);
  assert.ok(line.b.requests[0]?.endsWith(`\n${TWO}`), line.b.requests[0]);
  await line.end();
});

test('text that was to be said is said by a voice of ours where the next one has none', async () => {
  const line = await spokenLine({ names: ['text-a', 'audio-b'] });
  line.engine('text-a').onRequest = () => undefined;
  line.rig.session.say('We close in five minutes.');
  await line.rig.run(300);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(4_000);
  assert.is(line.heard.get(SPOKEN_BYTE), SOUND_MS);
  await line.end();
});

test('what is broken off while a backend is sought is not said by the one that comes', async () => {
  for (const names of [
    ['text-a', 'text-b'],
    ['text-a', 'audio-b'],
  ]) {
    const line = await spokenLine({ names });
    line.engine('text-a').onRequest = () => undefined;
    line.rig.session.say('We close in five minutes.');
    await line.rig.run(300);
    line.rig.a.always = CUT_OFF;
    line.rig.b.script.push(1_500);
    line.a.lose();
    await line.rig.run(500);
    line.rig.session.controls.breakOff();
    await line.rig.run(4_000);
    assert.is(line.rig.session.snapshot().backend, names[1]);
    assert.equal([...line.heard.keys()], []);
    await line.end();
  }
});

test('an answer that is broken off while a backend is sought is neither said nor gone on with by the one that comes', async () => {
  for (const over of [true, false]) {
    const line = await spokenLine();
    await midAnswer(line, over);
    line.rig.b.script.push(900);
    line.a.lose();
    await line.rig.run(300);
    line.rig.session.controls.breakOff();
    await line.rig.run(4_000);
    assert.is(line.rig.session.snapshot().backend, 'text-b');
    assert.equal([line.heardOf(TWO), line.heardOf(THREE)], [0, 0]);
    assert.equal(line.b.requests, []);
    await line.end();
  }
});

test('several of them are said in their order, however long each takes to be made', async () => {
  const spoken: string[] = [];
  const line = await spokenLine({
    names: ['text-a', 'audio-b'],
    speech: async (text, clock) => {
      if (text.startsWith('First')) await new Promise<void>((resolve) => clock.after(800, resolve));
      spoken.push(text);
    },
  });
  line.engine('text-a').onRequest = () => undefined;
  line.rig.session.say('First of all, we close.');
  line.rig.session.say('Then we open.');
  await line.rig.run(300);
  line.rig.a.always = CUT_OFF;
  line.a.lose();
  await line.rig.run(4_000);
  assert.equal(spoken, ['First of all, we close.', 'Then we open.']);
  assert.is(line.heard.get(SPOKEN_BYTE), 2 * SOUND_MS);
  await line.end();
});

test('one that is lost before our own voice has said all of them leaves the rest to the next one', async () => {
  const line = await spokenLine({
    names: ['text-a', 'audio-b', 'text-c'],
    speech: async (_text, clock) => await new Promise<void>((resolve) => clock.after(800, resolve)),
  });
  line.engine('text-a').onRequest = () => undefined;
  line.rig.session.say('First of all, we close.');
  line.rig.session.say('Then we open.');
  await line.rig.run(300);
  line.rig.a.always = CUT_OFF;
  line.rig.backends[2]!.script.push(1_500);
  line.a.lose();
  for (let count = 0; count < 50 && line.rig.b.streams.length === 0; count += 1) await line.rig.run(100);
  assert.is(line.rig.session.snapshot().backend, 'audio-b');
  line.rig.b.always = CUT_OFF;
  line.b.lose();
  await line.rig.run(6_000);
  assert.is(line.rig.session.snapshot().backend, 'text-c');
  assert.is(line.heard.get(SPOKEN_BYTE), SOUND_MS);
  assert.is(line.heardOf('Then we open.'), lengthOf('Then we open.'));
  await line.end();
});

test('a caller is masked in the middle of a sentence whose engine dies: it is still not believed to have been heard', async () => {
  for (const [before, after] of [
    [false, true],
    [true, false],
  ] as const) {
    const line = await spokenLine({ names: ['text-a', 'text-b'], fallback: new FakeEngine('fallback') });
    const engine = line.engine('text-a');
    engine.onRequest = (request) => {
      request.give(600, byteOf(TWO));
      line.rig.clock.after(300, () => request.fail());
    };
    line.rig.session.controls.mask(before);
    line.write(line.a, 'r1', TWO);
    await line.rig.run(100);
    line.rig.session.controls.mask(after);
    await line.rig.run(2_000);
    line.rig.session.controls.mask(false);
    line.rig.a.always = CUT_OFF;
    line.a.lose();
    await line.rig.run(3_000);
    const [two = 'nothing', more] = said(line);
    // What was said while the caller was masked is written down nowhere.
    assert.match(two, before ? /^nothing$/ : /^agent: Your.*…$/);
    assert.is(more, undefined);
    await line.end();
  }
});

test('a caller speaks up before a switch has played all that it has: what is not taken back from it is heard', async () => {
  const line = await spokenLine({ options: { turnOwner: 'endpointer' } });
  line.rig.leg.transport.heldFrames = 25;
  stallsAt(line.engine('text-a'), TWO);
  line.write(line.a, 'r1', `${ONE} ${TWO}`);
  await line.rig.run(7_000);
  assert.is(line.rig.session.snapshot().turn, 'listening');
  line.rig.leg.transport.heldFrames = 325;
  await line.rig.run(400, 0.9);
  assert.equal([line.a.notes, line.rig.leg.transport.flushes], [[['r1', ONE]], 0]);
  await line.end();
});

test.run();

/** Whole calls with a backend that writes: what the caller hears, what the model is told, and what is left. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackendStream } from '../../src/backend/backend.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { LIMITS } from '../../src/limits.ts';
import { spokenBackend } from '../../src/speech/spoken-backend.ts';
import { CallRig } from '../sim/call-rig.ts';
import { settle } from '../sim/fake-clock.ts';
import { FakeEngine, bytesHeard, writeAnswer } from './speech-rig.ts';

const MS_PER_CHARACTER = 50;
const library = await loadDsp();

/** A call that talks. Each sentence is spoken with a byte of its own, so that what is heard can be told. */
async function spokenCall(given: { fallback?: FakeEngine; firstAudioMs?: number } = {}) {
  const engine = new FakeEngine();
  const notes: [string | null, string][] = [];
  const rig = new CallRig({
    options: { bargeIn: true },
    wrap: (backend, clock, events) =>
      spokenBackend(backend, {
        engine: () => engine,
        fallback: given.fallback === undefined ? null : () => given.fallback!,
        clock,
        events,
        splitter: { earlyCharacters: 0 },
        ...(given.firstAudioMs === undefined ? {} : { firstAudioMs: given.firstAudioMs }),
        loadDspLibrary: () => Promise.resolve(library),
      }),
  });
  Object.assign(rig.stream, { noteHeard: (id: string | null, heard: string) => notes.push([id, heard]) } satisfies Pick<
    BackendStream,
    'noteHeard'
  >);
  await rig.session.start();
  const speaks = (each: FakeEngine): void => {
    each.onRequest = (request) => request.speak(request.text.length * MS_PER_CHARACTER, byteOf(request.text));
  };
  speaks(engine);
  if (given.fallback !== undefined) speaks(given.fallback);
  return {
    rig,
    engine,
    notes,
    write(id: string, text: string): void {
      writeAnswer(rig.backend.sink!, id, text);
    },
    /** How many ms of each byte the caller was sent, in the order in which they came first. */
    get heard(): Map<number, number> {
      return bytesHeard(rig.leg.transport.sent);
    },
    async end(): Promise<void> {
      await rig.session.stop('stopped');
      await settle();
      assert.is(engine.open + (given.fallback?.open ?? 0), 0, 'no request is left');
      // The scheduler lets a removed call go at its next slot.
      rig.clock.advance(60);
      assert.is(rig.clock.pending, 0, 'no timer is left');
    },
  };
}

/** Not silence; different for texts that a test uses together. */
function byteOf(text: string): number {
  return 1 + (Array.from(text).reduce((sum, character) => sum * 31 + character.charCodeAt(0), 7) % 251);
}

const ONE = 'Good morning to you.';
const TWO = 'Your parcel left the depot at noon.';
const THREE = 'It will be with you tomorrow.';

test("an answer is heard whole, once, in order, and the turn is the agent's until its last word", async () => {
  const call = await spokenCall();
  call.write('r1', [ONE, TWO, THREE].join(' '));
  await settle();
  for (let ms = 0; ms < 5_000; ms += 100) await call.rig.run(100);
  assert.equal(
    [...call.heard],
    [ONE, TWO, THREE].map((text) => [byteOf(text), text.length * MS_PER_CHARACTER]),
  );
  assert.equal(call.rig.turnStates, ['agent-speaking', 'listening']);
  assert.equal(call.notes, []);
  assert.is(call.rig.session.snapshot().spokenTexts, 3);
  await call.end();
});

test('a slow engine does not give the turn away between two sentences', async () => {
  const call = await spokenCall();
  const speak = call.engine.onRequest;
  call.engine.onRequest = (request) => (request.text === TWO ? undefined : speak(request));
  call.write('r1', `${ONE} ${TWO}`);
  await settle();
  await call.rig.run(2_000);
  assert.equal(call.rig.turnStates, ['agent-speaking']);
  speak(call.engine.last);
  await settle();
  await call.rig.run(3_000);
  assert.equal(call.rig.turnStates, ['agent-speaking', 'listening']);
  assert.is(call.heard.get(byteOf(TWO)), TWO.length * MS_PER_CHARACTER);
  await call.end();
});

test('a caller cuts in in the middle of the second sentence', async () => {
  const call = await spokenCall();
  call.write('r1', [ONE, TWO, THREE].join(' '));
  await settle();
  // The first takes 1,000 ms and the second 1,750.
  await call.rig.run(1_900);
  await call.rig.run(400, 1);
  assert.is(call.rig.events.of('barge-in').length, 1);
  const heard = call.heard;
  assert.is(heard.get(byteOf(ONE)), 1_000);
  const second = heard.get(byteOf(TWO)) ?? 0;
  assert.ok(second > 700 && second < 1_300, `${second} ms`);
  assert.is(heard.get(byteOf(THREE)), undefined);
  assert.equal(call.rig.stream.cancels, [[null, 0]]);
  const [[id, told] = [null, '']] = call.notes;
  assert.is(id, 'r1');
  assert.ok(told.startsWith(`${ONE} Your parcel`) && told.length < `${ONE} ${TWO}`.length, told);
  const share = (told.length - ONE.length - 1) / TWO.length;
  assert.ok(Math.abs(share - second / (TWO.length * MS_PER_CHARACTER)) < 0.25, 'the words that were heard');
  // Nothing of it is heard afterwards, and the next answer is.
  const before = call.heard.get(byteOf(TWO));
  await call.rig.run(1_000);
  assert.is(call.heard.get(byteOf(TWO)), before);
  call.write('r2', 'As you wish.');
  await settle();
  await call.rig.run(1_500);
  assert.is(call.heard.get(byteOf('As you wish.')), 600);
  await call.end();
});

test('an engine that dies in the middle of a sentence: nothing twice, nothing lost in silence', async () => {
  const fallback = new FakeEngine('fallback');
  const call = await spokenCall({ fallback });
  const speak = call.engine.onRequest;
  call.engine.onRequest = (request) => {
    if (request.text === ONE) speak(request);
    else {
      if (request.text === TWO) request.give(200, byteOf(TWO));
      request.fail();
    }
  };
  call.write('r1', [ONE, TWO, THREE].join(' '));
  await settle();
  for (let ms = 0; ms < 6_000; ms += 100) await call.rig.run(100);
  assert.equal(
    [...call.heard],
    [
      [byteOf(ONE), 1_000],
      [byteOf(TWO), 200],
      [byteOf(THREE), THREE.length * MS_PER_CHARACTER],
    ],
  );
  const ends = call.rig.events.of('speech.sentence').map(({ engine, outcome }) => `${engine} ${outcome}`);
  assert.equal(ends, ['first spoken', 'first failed', 'fallback spoken']);
  assert.equal(
    call.rig.events.of('backend.error').map(({ error }) => error.code),
    ['ERR_TALKSPURT_TTS_FAILED'],
  );
  await call.end();
});

test('when nobody can speak a tone is heard, and the call goes on', async () => {
  const call = await spokenCall();
  call.engine.onRequest = (request) => request.fail('ERR_TALKSPURT_TTS_AUTH');
  call.write('r1', `${ONE} ${TWO}`);
  await settle();
  await call.rig.run(2_000);
  const toneMs = call.rig.leg.transport.sent.filter(({ payload }) => payload.some((byte) => byte !== 0xff)).length * 20;
  assert.ok(toneMs >= 400 && toneMs <= 560, `${toneMs} ms, once`);
  assert.equal(
    call.rig.events.of('backend.error').map(({ error }) => error.code),
    ['ERR_TALKSPURT_TTS_AUTH', 'ERR_TALKSPURT_TTS_OFF'],
  );
  assert.equal(call.rig.events.of('transcript'), [], 'a tone is no words');
  // After the cool-down somebody speaks again; and when that ends the tone is heard anew.
  await call.rig.run(LIMITS.ttsCoolDownMs);
  call.engine.onRequest = (request) => request.speak(500, 3);
  call.write('r2', THREE);
  await settle();
  await call.rig.run(1_000);
  assert.is(call.heard.get(3), 500);
  const before = call.rig.leg.transport.sent.length;
  call.engine.onRequest = (request) => request.fail('ERR_TALKSPURT_TTS_QUOTA');
  call.write('r3', `${ONE} ${TWO}`);
  await settle();
  await call.rig.run(1_500);
  const again = call.rig.leg.transport.sent.slice(before);
  assert.ok(again.some(({ payload }) => payload.some((byte) => byte !== 0xff)));
  assert.is(call.rig.end, null);
  await call.end();
});

test('more text than may wait is told of, and what fits is spoken', async () => {
  const call = await spokenCall();
  call.engine.onRequest = () => undefined;
  const sentences = Array.from({ length: LIMITS.ttsQueueSentences + 5 }, (_, at) => `Sentence number ${at} is here.`);
  call.write('r1', sentences.join(' '));
  await settle();
  const dropped = call.rig.events.of('speech.sentence').filter(({ outcome }) => outcome === 'dropped').length;
  assert.is(dropped, 4, 'one is being made');
  assert.is(call.rig.events.of('backend.error').length, 1, 'told once');
  await call.end();
});

test('a text that is due and that nobody speaks is noticed', async () => {
  const call = await spokenCall({ firstAudioMs: 60_000 });
  call.engine.onRequest = () => undefined;
  call.write('r1', ONE);
  await settle();
  await call.rig.run(29_000);
  assert.equal(call.rig.events.of('watchdog'), []);
  await call.rig.run(2_000);
  assert.equal(
    call.rig.events.of('watchdog').map(({ dog, limitMs }) => [dog, limitMs]),
    [['speech', 30_000]],
  );
  await call.end();
});

type Fault = 'speak' | 'fail' | 'half' | 'hang' | 'auth' | 'refuse';
const fault = fc.constantFrom<Fault>('speak', 'speak', 'speak', 'fail', 'half', 'hang', 'auth', 'refuse');

test('whatever fails when: nothing is heard twice or out of order, nothing is lost without an event, nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { minLength: 1, maxLength: 30 }),
      fc.array(fc.constantFrom('write', 'wait', 'long', 'cut', 'say'), { minLength: 1, maxLength: 10 }),
      fc.boolean(),
      async (faults, steps, withFallback) => {
        const call = await spokenCall(withFallback ? { fallback: new FakeEngine('fallback') } : {});
        let asked = 0;
        const speak = call.engine.onRequest;
        call.engine.onRequest = (request) => {
          const what = faults[asked++ % faults.length];
          if (what === 'speak') speak(request);
          if (what === 'half') request.give(100, byteOf(request.text));
          if (what === 'fail' || what === 'half') request.fail();
          if (what === 'auth') request.fail('ERR_TALKSPURT_TTS_AUTH');
          if (what === 'refuse') request.fail('ERR_TALKSPURT_TTS_REFUSED', { status: 422 });
        };
        let pushed = 0;
        for (const [index, step] of steps.entries()) {
          if (step === 'write') call.write(`r${index}`, `One of ${index} now. Two of ${index} then.`);
          if (step === 'say') call.rig.session.say(`Word for word ${index}.`);
          pushed += step === 'write' ? 2 : step === 'say' ? 1 : 0;
          await settle();
          if (step === 'cut') await call.rig.run(300, 1);
          else await call.rig.run(step === 'long' ? 12_000 : 400);
        }
        await call.end();
        const ends = call.rig.events.of('speech.sentence');
        assert.is(ends.length, pushed, 'each sentence has one end');
        const failed = ends.filter(({ outcome }) => outcome === 'failed' || outcome === 'dropped').length;
        assert.is(call.rig.events.of('backend.error').length, failed, 'and each that was lost is told of');
        const said = ends.reduce((sum, { audioMs }) => sum + audioMs, 0);
        const sent = call.rig.leg.transport.sent.reduce(
          (sum, { payload }) => sum + payload.filter((byte) => byte !== 0xff).length / 8,
          0,
        );
        // Where nobody could speak a tone of half a second was heard.
        assert.ok(sent <= said + 500 * failed + 1, `${sent} ms were heard of ${said}`);
      },
    ),
    { numRuns: 60 },
  );
});

test('a voice that says nothing is told of by its own watchdog; whoever wrote the text is not blamed for it', async () => {
  const { rig, engine, write } = await spokenCall({ firstAudioMs: 60_000 });
  const barks = (): string[] => rig.events.of('watchdog').map(({ dog }) => dog);
  rig.session.sendText('Hello?');
  engine.onRequest = () => undefined;
  write('r1', 'Nobody hears this.');
  await rig.run(29_000);
  assert.equal(barks(), []);
  await rig.run(6_000);
  assert.equal(barks(), ['speech']);
  engine.requests.at(-1)?.speak(400);
  await rig.run(5_000);
  assert.is(rig.session.state, 'talking');
  assert.is(rig.stream.closes, 0);
  assert.is(engine.requests.length, 1);
  await rig.session.stop('stopped');
});

test('a backend that writes and does not drain lets go of what waits for it', async () => {
  const { rig } = await spokenCall();
  let drained = 0;
  Object.assign(rig.stream, { letDrain: () => (drained += 1) });
  const other = await spokenBackend(rig.backend, { engine: () => new FakeEngine() }).open(
    rig.backend.call!,
    rig.backend.sink!,
    new AbortController().signal,
  );
  assert.is(other.letDrain?.(), 1);
  assert.is(drained, 1);
  await rig.session.stop('stopped');
});

test.run();

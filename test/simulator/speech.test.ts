import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { SpeechSynthesizer, VOICES } from '../../src/simulator/speech.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const speech = new SpeechSynthesizer();

test.after(() => speech.close());

async function rejected(promise: Promise<unknown>, fault: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(hasCode(error, 'ERR_TALKSPURT_SPEECH_SYNTHESIS'), String(error));
  assert.match(error.message, fault);
}

const loudest = (samples: Int16Array): number => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

test('every voice says a sentence at its own rate', async () => {
  for (const voice of VOICES) {
    const { samples, sampleRateHz } = await speech.synthesize('How can I help you?', voice);
    assert.is(sampleRateHz, voice === 'kal' ? 8000 : 16_000);
    const seconds = samples.length / sampleRateHz;
    assert.ok(seconds > 0.6 && seconds < 2.5, `${voice}: ${seconds} s`);
    assert.ok(loudest(samples) > 3000, `${voice} is heard`);
  }
});

test('the same text is the same samples, from the cache and from another worker', async () => {
  const first = await speech.synthesize('Twice the same.', 'rms');
  assert.is((await speech.synthesize('Twice the same.', 'rms')).samples, first.samples);
  const other = new SpeechSynthesizer();
  try {
    const second = await other.synthesize('Twice the same.', 'rms');
    assert.is.not(second.samples, first.samples);
    assert.equal(second.samples, first.samples);
  } finally {
    await other.close();
  }
});

test('speed changes the duration, and is within bounds', async () => {
  const lengthAt = async (speed: number): Promise<number> =>
    (await speech.synthesize('Some words to be said.', 'rms', speed)).samples.length;
  const plain = await lengthAt(1);
  assert.ok(Math.abs((await lengthAt(1.5)) / plain - 1 / 1.5) < 0.08);
  assert.ok(Math.abs((await lengthAt(0.5)) / plain - 2) < 0.15);
  for (const speed of [0.2, 2, Number.NaN]) await rejected(speech.synthesize('x', 'rms', speed), /0\.25 to 1\.5/);
});

test('typography and accents are read as plain text; no words are an error', async () => {
  const plain = await speech.synthesize("Cafe - you're late.", 'kal');
  assert.equal((await speech.synthesize('Café – you’re late.', 'kal')).samples, plain.samples);
  assert.ok((await speech.synthesize('-o hello', 'kal')).samples.length > 1000, 'never an option of the program');
  for (const nothing of ['', '   ', '…!?', '日本語', '\0'])
    await rejected(speech.synthesize(nothing, 'kal'), /give words/);
  await rejected(speech.synthesize('a'.repeat(LIMITS.speechCharacters + 1), 'kal'), /split it into sentences/);
  await rejected(speech.synthesize('hello', 'nobody' as 'kal'), /use rms, slt/);
});

test('the longest text there may be is spoken', async () => {
  const text = 'word '.repeat(LIMITS.speechCharacters / 5);
  const { samples, sampleRateHz } = await speech.synthesize(text, 'kal16');
  assert.ok(samples.length / sampleRateHz > 20);
});

test('what waits is bounded, and what was refused can be said later', async () => {
  const texts = Array.from({ length: LIMITS.speechRequests + 1 }, (_, i) => `Number ${i}.`);
  const results = await Promise.allSettled(texts.map((text) => speech.synthesize(text, 'kal')));
  assert.is(results.filter(({ status }) => status === 'fulfilled').length, LIMITS.speechRequests);
  assert.is(results.at(-1)?.status, 'rejected');
  await speech.synthesize(texts.at(-1) ?? '', 'kal');
});

test('what is remembered is bounded: the least recently used is said anew', async () => {
  const small = new SpeechSynthesizer();
  try {
    const first = await small.synthesize('First.', 'kal');
    const second = await small.synthesize('Second.', 'kal');
    for (let i = 2; i < LIMITS.speechCache; i++) await small.synthesize(`${i}.`, 'kal');
    assert.is((await small.synthesize('First.', 'kal')).samples, first.samples);
    await small.synthesize('One more.', 'kal');
    assert.is((await small.synthesize('First.', 'kal')).samples, first.samples);
    assert.is.not((await small.synthesize('Second.', 'kal')).samples, second.samples);
  } finally {
    await small.close();
  }
});

test('closed, it rejects what waits and what comes', async () => {
  const closing = new SpeechSynthesizer();
  const waiting = rejected(closing.synthesize('This is cut short.', 'rms'), /was closed/);
  await closing.close();
  await waiting;
  await closing.close();
  await rejected(closing.synthesize('And this comes late.', 'rms'), /is closed/);
});

test('a worker that hangs is replaced, and only the text that it hangs with is lost', async () => {
  // Silence of 10 samples for whatever is asked, but for one word.
  const wav =
    'Buffer.from("RIFF8\\0\\0\\0WAVEfmt \\x10\\0\\0\\0\\x01\\0\\x01\\0\\x80\\x3e\\0\\0\\0\\x7d\\0\\0\\x02\\0\\x10\\0data\\x14\\0\\0\\0" + "\\0".repeat(20), "latin1")';
  const source = `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ id, text }) => {
      if (text === 'hang') for (;;);
      parentPort.postMessage({ id, wav: new Uint8Array(${wav}) });
    });`;
  const clock = new FakeClock();
  const workers: Worker[] = [];
  const synthesizer = new SpeechSynthesizer({
    clock,
    startWorker: () => {
      const worker = new Worker(source, { eval: true, execArgv: [] });
      workers.push(worker);
      return worker;
    },
  });
  assert.is((await synthesizer.synthesize('before', 'slt')).samples.length, 10);
  assert.is(clock.pending, 0);
  const hung = rejected(synthesizer.synthesize('hang', 'slt'), /did nothing/);
  const behind = [synthesizer.synthesize('behind', 'slt'), synthesizer.synthesize('and behind', 'slt')];
  clock.advance(LIMITS.speechStuckMs - 1);
  assert.is(workers.length, 1);
  const gone = once(workers[0]!, 'exit');
  clock.advance(1);
  await hung;
  for (const each of await Promise.all(behind)) assert.is(each.samples.length, 10);
  await gone;
  assert.equal([workers.length, clock.pending], [2, 0]);
  const last = rejected(synthesizer.synthesize('hang', 'slt'), /closed/);
  await synthesizer.close();
  await last;
  assert.is(clock.pending, 0);
});

test.run();

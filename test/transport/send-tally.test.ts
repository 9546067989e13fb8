import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SendTally } from '../../src/transport/send-tally.ts';

test('while all goes well every frame counts, and one in 25 is asked about', () => {
  const counters = { sentFrames: 0, unsentFrames: 0 };
  const tally = new SendTally(counters);
  let asked = 0;
  for (let frame = 1; frame <= 1_000; frame += 1) {
    const told = tally.next();
    if (told !== undefined) asked += 1;
    told?.(null);
    assert.is(counters.sentFrames, frame);
  }
  assert.is(asked, 40);
  assert.is(counters.unsentFrames, 0);
});

test('from the first failure that is seen on each frame counts as what it became, until 25 in a row went well', () => {
  const counters = { sentFrames: 0, unsentFrames: 0 };
  const tally = new SendTally(counters);
  const failure = new Error('EHOSTUNREACH');
  let works = true;
  const send = (frames: number): number => {
    let asked = 0;
    for (let frame = 0; frame < frames; frame += 1) {
      const told = tally.next();
      if (told !== undefined) asked += 1;
      told?.(works ? null : failure);
    }
    return asked;
  };
  send(30);
  works = false;
  assert.is(send(20), 0);
  assert.is(counters.unsentFrames, 0);
  // The 51st is asked about: from here on nothing is missed.
  assert.is(send(100), 100);
  assert.is(counters.unsentFrames, 100);
  assert.is(counters.sentFrames, 50);
  works = true;
  assert.is(send(24), 24);
  works = false;
  assert.is(send(1), 1);
  works = true;
  assert.is(send(25), 25);
  assert.ok(send(100) <= 5);
  assert.is(counters.unsentFrames, 101);
  assert.is(counters.sentFrames, 50 + 24 + 25 + 100);
});

test.run();

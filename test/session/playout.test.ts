/** What is handed out is what came in, in whole frames, whatever the pieces. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat } from '../../src/core/media.ts';
import { LIMITS } from '../../src/limits.ts';
import { Playout } from '../../src/session/playout.ts';

const PCMU: AudioFormat = { codec: 'pcmu', sampleRateHz: 8000 };
const FRAME = 160;

function playout(options: { prebufferMs?: number; maximumMs?: number; format?: AudioFormat } = {}): Playout {
  const { prebufferMs = 40, maximumMs = 10_000, format = PCMU } = options;
  return new Playout({ format, ptimeMs: 20, prebufferMs, maximumMs });
}

/** Moments of `pops` pops. */
function moments(player: Playout, pops: number): string[] {
  return Array.from({ length: pops }, () => {
    player.pop();
    return player.moment;
  });
}

test('a phrase: gathers, starts, speaks, ends with what is left, ends', () => {
  const player = playout();
  player.push(new Uint8Array(FRAME).fill(1));
  assert.is(player.pop(), null);
  assert.is(player.moment, 'idle');
  player.push(new Uint8Array(FRAME + 80).fill(1));
  assert.is(player.pop()?.length, FRAME);
  assert.is(player.moment, 'started');
  player.complete();
  assert.is(player.pop()?.length, FRAME);
  assert.is(player.pop()?.length, 80, 'a shorter last frame');
  assert.is(player.lastBytes, 80);
  assert.equal(moments(player, 2), ['ended', 'idle']);
});

test('a complete phrase shorter than the prebuffer does not wait', () => {
  const player = playout();
  player.push(new Uint8Array(80));
  player.complete();
  assert.is(player.pop()?.length, 80);
  assert.is(player.moment, 'started');
});

test('running dry gathers anew, more each time, and less again after phrases that came well', () => {
  const player = playout();
  const framesUntilHeard = (): number => {
    let pushed = 0;
    do {
      player.push(new Uint8Array(FRAME));
      pushed += 1;
    } while (player.pop() === null);
    return pushed;
  };
  assert.is(framesUntilHeard(), 2);
  for (const expected of [4, 8, 12, 12]) {
    while (player.moment !== 'underrun') player.pop();
    assert.is(framesUntilHeard(), expected, `after ${player.underruns} underruns`);
  }
  assert.is(player.underruns, 4);
  const endPhrase = (): void => {
    player.complete();
    while (player.moment !== 'ended') player.pop();
  };
  endPhrase();
  for (const expected of [12, 6, 3, 2, 2]) {
    assert.is(framesUntilHeard(), expected);
    endPhrase();
  }
});

test('part of a frame waits for its rest, but not for ever', () => {
  const player = playout();
  player.push(new Uint8Array(2 * FRAME + 40).fill(3));
  assert.equal(moments(player, 3), ['started', 'speaking', 'underrun']);
  assert.equal(moments(player, 9), Array(9).fill('underrun'));
  assert.is(player.pop()?.length, 40, 'after 200 ms');
  const untilGivenUp = LIMITS.agentSilentMs / 20;
  assert.equal(new Set(moments(player, untilGivenUp)), new Set(['underrun']));
  assert.equal(moments(player, 2), ['ended', 'idle'], 'the backend never said that it was done');
  assert.is(player.speaking, false);
});

test('less than the prebuffer that is never followed by more is heard after a while', () => {
  const player = playout();
  player.push(new Uint8Array(FRAME));
  assert.equal(moments(player, 10), Array(10).fill('idle'));
  assert.is(player.pop()?.length, FRAME);
});

test('clear drops everything and says how much; the next phrase starts anew', () => {
  const player = playout();
  player.push(new Uint8Array(8000));
  player.pop();
  assert.is(player.clear(), 980);
  assert.is(player.waitingBytes, 0);
  assert.equal(moments(player, 2), ['idle', 'idle'], 'a cut is not an end');
  player.push(new Uint8Array(400));
  assert.equal(moments(player, 1), ['started']);
});

test('what does not fit is refused in whole samples, and counted', () => {
  const l16: AudioFormat = { codec: 'l16', sampleRateHz: 8000 };
  const player = playout({ maximumMs: 10, format: l16 });
  assert.is(player.push(new Uint8Array(151)), 151);
  assert.is(player.push(new Uint8Array(20)) % 2, 0);
  assert.ok(player.waitingBytes <= 160);
  assert.is(player.overflowBytes, 171 - player.waitingBytes);
});

test('a frame is lent, not made: the same memory each time', () => {
  const player = playout();
  player.push(new Uint8Array(10 * FRAME));
  assert.is(player.pop(), player.pop());
});

test('any pieces, any order of pushes and pops, over every growth and wrap: the bytes that went in, once and in order', () => {
  const step = fc.oneof(
    fc.record({ pushBytes: fc.integer({ min: 0, max: 20_000 }) }),
    fc.record({ pops: fc.integer({ min: 1, max: 60 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const player = playout({ maximumMs: 5_000 });
      let sent = 0;
      let heard = 0;
      const read = (): void => {
        const frame = player.pop();
        if (frame === null) return;
        assert.is(frame.length, player.lastBytes);
        for (const byte of frame) {
          assert.is(byte, heard % 251);
          heard += 1;
        }
      };
      for (const each of steps) {
        if ('pops' in each) {
          for (let n = 0; n < each.pops; n += 1) read();
        } else {
          const bytes = each.pushBytes - (each.pushBytes % 8);
          sent += player.push(Uint8Array.from({ length: bytes }, (_, n) => (sent + n) % 251));
          assert.ok(player.waitingBytes <= 40_000);
        }
        assert.is(sent - heard, player.waitingBytes);
      }
      player.complete();
      for (let n = 0; n < 300; n += 1) read();
      assert.is(heard, sent);
    }),
    { numRuns: 60 },
  );
});

test('a lead-in hands nothing out, loses nothing, and is over once', () => {
  const late = new Playout({
    format: { codec: 'pcmu', sampleRateHz: 8000 },
    ptimeMs: 20,
    prebufferMs: 0,
    leadInPops: 2,
  });
  late.push(new Uint8Array(320).fill(7));
  late.complete();
  const popped = [1, 2, 3, 4, 5].map(() => [late.pop()?.length ?? 0, late.moment]);
  assert.equal(popped, [
    [0, 'idle'],
    [0, 'idle'],
    [160, 'started'],
    [160, 'speaking'],
    [0, 'ended'],
  ]);
});

test('what waits can be read without being taken, wherever it lies in the ring', () => {
  const player = new Playout({ format: { codec: 'pcmu', sampleRateHz: 8000 }, ptimeMs: 20, prebufferMs: 0 });
  const bytes = Uint8Array.from({ length: 40_000 }, (_, n) => n % 251);
  let read = 0;
  for (let pushed = 0; pushed < bytes.length; pushed += 8_000) {
    player.push(bytes.subarray(pushed, pushed + 8_000));
    for (let pops = 0; pops < 45; pops += 1) read += player.pop()?.length ?? 0;
    const waiting = bytes.subarray(read, pushed + 8_000);
    assert.equal(player.read(0, player.waitingBytes), waiting);
    assert.equal(player.read(160, 500), waiting.slice(160, 500));
    assert.equal(player.read(0, 1_000_000), waiting, 'no more than there is');
  }
});

test.run();

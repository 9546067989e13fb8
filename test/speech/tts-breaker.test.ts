import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { TtsBreaker } from '../../src/speech/tts-breaker.ts';
import type { TtsAttempt, TtsFault } from '../../src/speech/tts-breaker.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const FAULT: TtsFault = { fatal: false, reason: 'x' };

function breakerRig(hasFallback = true) {
  const clock = new FakeClock();
  return { clock, breaker: new TtsBreaker({ name: 'b', clock, hasFallback }) };
}

/** One sentence: tries until one succeeds, five were made, or nobody is left; whose they were. */
function sentence(breaker: TtsBreaker, works: (rank: string) => boolean): string[] {
  const ranks: string[] = [];
  for (let attempt = breaker.admit(); attempt !== null && ranks.length < 5; attempt = breaker.admit()) {
    ranks.push(attempt.rank);
    if (works(attempt.rank)) {
      attempt.succeeded();
      break;
    }
    attempt.failed(FAULT);
  }
  return ranks;
}

test('many calls whose first engine fails at the same moment still have the fallback', () => {
  for (const calls of [3, 5, 50]) {
    const { breaker } = breakerRig();
    const attempts = Array.from({ length: calls }, () => breaker.admit()!);
    for (const attempt of attempts) attempt.failed(FAULT);
    assert.equal([breaker.off, breaker.next], [false, 'fallback']);
    assert.equal(
      sentence(breaker, () => false),
      ['fallback', 'fallback'],
      'five in a row are the end',
    );
    assert.ok(breaker.off);
  }
});

test('a fallback that is well again is found although the first engine stays dead', () => {
  const { clock, breaker } = breakerRig();
  sentence(breaker, () => false);
  assert.ok(breaker.off);
  clock.advance(LIMITS.ttsCoolDownMs);
  assert.equal(
    sentence(breaker, (rank) => rank === 'fallback'),
    ['first', 'fallback'],
  );
  assert.equal([breaker.off, breaker.next], [false, 'fallback']);
  // And where both are dead it is off again.
  sentence(breaker, () => false);
  assert.ok(breaker.off);
  clock.advance(LIMITS.ttsCoolDownMs);
  assert.equal(
    sentence(breaker, () => false),
    ['first', 'fallback'],
  );
  assert.ok(breaker.off);
});

test('a fallback whose key is wrong does not take the first engine with it', () => {
  const { breaker } = breakerRig();
  breaker.admit()!.failed(FAULT);
  // Whoever waited for the first one is in a hurry.
  breaker.admit(true)!.failed({ fatal: true, reason: 'x' });
  assert.equal([breaker.off, breaker.next], [false, 'first']);
  breaker.admit()!.failed({ fatal: true, reason: 'x' });
  breaker.admit()!.failed({ fatal: true, reason: 'x' });
  assert.ok(breaker.off, 'nobody is left');
});

test('whatever calls do at once, it comes back when an engine does', () => {
  const step = fc.record({
    kind: fc.constantFrom('admit', 'hurry', 'succeed', 'fail', 'fatal', 'later', 'abandon', 'wait'),
    which: fc.nat(7),
    ms: fc.nat(60_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), fc.boolean(), (steps, hasFallback, firstWorks) => {
      const { clock, breaker } = breakerRig(hasFallback);
      const open: TtsAttempt[] = [];
      for (const { kind, which, ms } of steps) {
        if (kind === 'wait') clock.advance(ms);
        if (kind === 'admit' || kind === 'hurry') {
          const attempt = breaker.admit(kind === 'hurry');
          if (attempt !== null) open.push(attempt);
        }
        const [attempt] = kind === 'wait' || open.length === 0 ? [] : open.splice(which % open.length, 1);
        if (kind === 'succeed') attempt?.succeeded();
        else if (kind === 'fail') attempt?.failed(FAULT);
        else if (kind === 'fatal') attempt?.failed({ fatal: true, reason: 'x' });
        else if (kind === 'later') attempt?.failed({ ...FAULT, retryAfterMs: ms });
        else if (kind === 'abandon') attempt?.abandoned();
        else if (attempt !== undefined) open.push(attempt);
      }
      for (const attempt of open) attempt.abandoned();
      clock.advance(LIMITS.ttsRestMs);
      const works = (rank: string): boolean => !hasFallback || (rank === 'first') === firstWorks;
      sentence(breaker, works);
      assert.not(breaker.off);
      assert.ok(sentence(breaker, works).length > 0);
      assert.is(breaker.view()[0]?.state, 'closed');
    }),
    { numRuns: 300 },
  );
});

test.run();

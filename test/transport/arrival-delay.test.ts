/** The delay that suits a path, against the same written out the long way. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ArrivalDelay } from '../../src/transport/arrival-delay.ts';

const PTIME_MS = 20;
/** Frames of 640 ms, and between two weighings (500 ms). */
const WINDOW = 32;
const INTERVAL = 25;

/** Everything kept, everything looked at every time. ITU-T G.107 §7 with the figures of G.113 Appendix I for G.711. */
class LongWay {
  readonly #recent: number[] = [];
  readonly #delays = new Map<number, number>();
  #weight = 0;
  #fresh = 0;
  bestMs = 0;

  arrived(transitMs: number): void {
    this.#recent.push(transitMs);
    if (this.#recent.length <= WINDOW) return;
    const oldestMs = this.#recent.shift()!;
    this.#learn(Math.max(0, oldestMs - this.leastMs));
  }

  restart(): void {
    for (let n = this.#recent.length - 1; n >= 0; n -= 1) {
      this.#learn(this.#recent[n]! - Math.min(...this.#recent.slice(n)));
    }
    this.#recent.length = 0;
  }

  get leastMs(): number {
    return Math.min(...this.#recent);
  }

  get recentMs(): number {
    return Math.max(...this.#recent) - this.leastMs;
  }

  #learn(delayMs: number): void {
    const whole = Math.min(319, Math.floor(delayMs));
    this.#delays.set(whole, (this.#delays.get(whole) ?? 0) + 1);
    this.#fresh += 1;
    if (this.#fresh < INTERVAL) return;
    const frames = this.#weight + this.#fresh;
    const cost = (delay: number): number => {
      let inTime = 0;
      for (const [each, count] of this.#delays) if (each < delay) inTime += count;
      const latePct = Math.max(0, 100 * (1 - inTime / frames));
      return 0.024 * delay + 0.11 * Math.max(0, delay - 177.3) + (95 * latePct) / (latePct + 25.1);
    };
    const costs = Array.from({ length: 320 }, (_, n) => cost(n + 1));
    // Rounding decides nothing: of nearly equal ones the shortest.
    const least = Math.min(...costs);
    this.bestMs = costs.findIndex((each) => each <= least + 1e-9) + 1;
    for (const [each, count] of this.#delays) this.#delays.set(each, count * 0.99);
    this.#weight = frames * 0.99;
    this.#fresh = 0;
  }
}

test('for any path: the least, the spread and the best delay are those of the long way', () => {
  const burst = fc.record({
    count: fc.integer({ min: 1, max: 60 }),
    levelMs: fc.integer({ min: -50, max: 400 }),
    spreadMs: fc.constantFrom(0, 1, 5, 40, 300),
    seed: fc.integer({ min: 1, max: 1 << 30 }),
    restart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(burst, { maxLength: 12 }), (bursts) => {
      const delay = new ArrivalDelay(PTIME_MS);
      const long = new LongWay();
      for (const { count, levelMs, spreadMs, seed, restart } of bursts) {
        let random = seed;
        for (let n = 0; n < count; n += 1) {
          random = (Math.imul(random, 48_271) >>> 0) % 65_536;
          const transitMs = levelMs + (random / 65_536) * spreadMs;
          delay.arrived(transitMs);
          long.arrived(transitMs);
          assert.is(delay.leastMs, long.leastMs);
          assert.is(delay.recentMs, long.recentMs);
        }
        if (restart) {
          delay.restart();
          long.restart();
        }
        assert.is(delay.bestMs, long.bestMs);
      }
    }),
    { numRuns: 150 },
  );
});

test('a steady path needs next to nothing, one with late frames as much as pays', () => {
  const steady = new ArrivalDelay(PTIME_MS);
  for (let n = 0; n < 500; n += 1) steady.arrived(7);
  assert.is(steady.bestMs, 1);
  const jumpy = new ArrivalDelay(PTIME_MS);
  for (let n = 0; n < 2_000; n += 1) jumpy.arrived(n % 10 === 0 ? 60.5 : 0);
  assert.is(jumpy.bestMs, 61, 'a tenth of the frames lost would cost 27, 61 ms cost 1.5');
});

test.run();

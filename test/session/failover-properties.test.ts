/**
 * Any sequence of losses, openings that fail, hang or come late, switches, speech and answers: one stream at a time has the call,
 * what the caller says comes in order and once, what waits of the agent is heard once, and at the end nothing is left.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fc } from '../chance.ts';
import { settle } from '../sim/fake-clock.ts';
import { SeededClock } from '../sim/seeded-clock.ts';
import { failure } from '../sim/scripted-backend.ts';
import type { Opening, ScriptedBackend } from '../sim/scripted-backend.ts';
import { FailoverRig } from './failover-rig.ts';

const REFUSED = failure('ERR_TALKSPURT_BACKEND_REFUSED');
const BREAKER_OPEN = failure('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', { retryInMs: 5_000 });
const opening: fc.Arbitrary<Opening> = fc.oneof(
  { weight: 4, arbitrary: fc.constant('ok' as const) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 9_000 }) },
  { weight: 1, arbitrary: fc.constantFrom('hang' as const, 'deaf' as const) },
  { weight: 2, arbitrary: fc.constant(REFUSED) },
);
const which = fc.integer({ min: 0, max: 2 });
const anyStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 20, max: 3_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('speak' as const), ms: fc.integer({ min: 60, max: 900 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      ms: fc.integer({ min: 20, max: 1_500 }),
      whole: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.constant({ kind: 'lose' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('script' as const), at: which, opening }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('breaker' as const), at: which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('switch' as const), at: which }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'tool' as const }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** One call and what is known of it from outside. */
class Watched {
  readonly rig: FailoverRig;
  #item = 0;
  #tool = 0;
  readonly #orders: Promise<unknown>[] = [];
  /** Of each phrase, what was given and what was sent to the caller, ms; phrases are told apart by their byte. */
  readonly given = new Map<number, number>();

  constructor(rig: FailoverRig) {
    this.rig = rig;
  }

  async take(step: Step): Promise<void> {
    const { rig } = this;
    if (rig.end !== null) return;
    switch (step.kind) {
      case 'pass':
        return await rig.run(step.ms);
      case 'speak':
        return await rig.run(step.ms, 0.9);
      case 'answer':
        return this.#answer(step.ms, step.whole);
      case 'lose':
        this.#inUse()?.lose();
        return await settle();
      case 'script':
        this.#backend(step.at).script.push(step.opening);
        return;
      case 'breaker': {
        const backend = this.#backend(step.at);
        backend.refused = backend.refused === null ? BREAKER_OPEN : null;
        return;
      }
      case 'switch':
        // Whatever comes of it: what the call looks like is judged.
        this.#orders.push(rig.session.switchBackend(this.#backend(step.at)).catch((error: unknown) => error));
        return await settle();
      case 'tool':
        return this.#tools();
    }
  }

  check(): void {
    const { rig } = this;
    // An opened stream that waits to be used lasts for no longer than a turn of the loop.
    assert.ok(rig.open.length <= 1, `${rig.open.length} streams are open`);
    if (rig.session.state === 'talking') assert.is(rig.open.length, 1, 'a call that talks has one');
    if (rig.session.state === 'reconnecting') assert.is(rig.open.length, 0, 'one that seeks has none');
    const heard = rig.streams
      .flatMap((stream) => stream.heard.map(({ frame, atMs }) => ({ atMs, number: frame[0]! + 256 * frame[1]! })))
      .toSorted((a, b) => a.number - b.number);
    for (let index = 1; index < heard.length; index += 1) {
      assert.ok(heard[index]!.number > heard[index - 1]!.number, `frame ${heard[index]!.number} twice`);
      assert.ok(heard[index]!.atMs >= heard[index - 1]!.atMs, `frame ${heard[index]!.number} was overtaken`);
    }
    assert.ok((rig.session.snapshot().keptMs ?? 0) <= 2_000, 'the ring is bounded');
    this.#checkSaid();
  }

  async finish(): Promise<void> {
    const { rig } = this;
    if (rig.end === null) await rig.session.stop('stopped');
    // What hangs for ever, or comes late, is closed when it comes.
    await rig.run(10_000);
    await Promise.race([Promise.all(this.#orders), settle()]);
    assert.equal(rig.leftovers(), { timers: 0, streams: 0, chains: 0 });
  }

  /** Each phrase in one piece, in order, and never more of it than was given. */
  #checkSaid(): void {
    const said = this.rig.said.filter((byte) => this.given.has(byte));
    for (let index = 1; index < said.length; index += 1)
      assert.ok(said[index]! >= said[index - 1]!, `phrase ${said[index]} is said after ${said[index - 1]}`);
    const frames = new Map<number, number>();
    for (const byte of said) frames.set(byte, (frames.get(byte) ?? 0) + 1);
    for (const [byte, count] of frames) {
      const mostFrames = Math.ceil((this.given.get(byte) ?? 0) / 20) + 1;
      assert.ok(count <= mostFrames, `phrase ${byte}: ${count} frames of ${mostFrames}`);
    }
  }

  #answer(ms: number, whole: boolean): void {
    const stream = this.#inUse();
    if (stream === undefined || this.#item > 180) return;
    const byte = 0x10 + this.#item;
    this.#item += 1;
    this.given.set(byte, ms);
    // The same names in every stream: that is what real ones do.
    stream.speak(`item-${this.#item % 3}`, ms, { value: byte, text: `phrase ${byte}`, whole });
  }

  #tools(): void {
    const stream = this.#inUse();
    const id = `t${this.#tool}`;
    this.#tool += 1;
    stream?.sink.onToolCall(id, 'f', '{}');
    if (stream !== undefined) this.rig.session.sendToolResult(id, '1');
    // Again only to another stream, which was told of the call.
    const asked = new Set<string>();
    for (const { toolResults, toolCalls } of this.rig.streams) {
      const results = toolResults.map(([toolCallId]) => toolCallId);
      assert.is(new Set(results).size, results.length, 'a result twice');
      for (const result of results) {
        if (toolCalls.includes(result)) continue;
        assert.not(asked.has(result), 'a result of a call that was not told');
        asked.add(result);
      }
    }
  }

  #inUse(): ReturnType<() => FailoverRig['streams'][number]> | undefined {
    return this.rig.session.state === 'talking' ? this.rig.open[0] : undefined;
  }

  #backend(at: number): ScriptedBackend {
    return this.rig.backends[at]!;
  }
}

test('one stream at a time, audio in order, nothing said twice, nothing left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 5, maxLength: 30 }),
      fc.integer({ min: 1, max: 2 ** 30 }),
      fc.boolean(),
      async (steps, seed, detectsTurns) => {
        const rig = await FailoverRig.talking({
          clock: new SeededClock(seed),
          names: ['a', 'b', 'c'],
          detectsTurns,
          options: { reconnect: { bufferMs: 2_000, attempts: 4, maximumMs: 12_000, holdSound: 'none' } },
        });
        const watched = new Watched(rig);
        for (const each of steps) {
          await watched.take(each);
          watched.check();
        }
        await watched.finish();
        watched.check();
      },
    ),
    { numRuns: 60 },
  );
});

test.run();

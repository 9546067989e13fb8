/** Whole calls with speech, agent audio and orders at random: whatever happens, the agent waits shortly, and is heard in order. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallRig } from '../sim/call-rig.ts';
import { FakeBackend, FakeStream } from '../sim/fake-peers.ts';

const SAMPLES_PER_MS = 8;
/** First byte of a millisecond of the agent's, and of a sound's; then its number in base 128. */
const AGENT = 0x81;
const SOUND = 0x82;

/** `ms` of µ-law that say which they are, from number `from` on. */
function numbered(mark: number, from: number, ms: number): Uint8Array {
  const audio = new Uint8Array(ms * SAMPLES_PER_MS);
  for (let n = 0; n < ms; n += 1) {
    const number = from + n;
    audio.set([mark, number & 127, (number >> 7) & 127, (number >> 14) & 127, 1, 1, 1, 1], n * SAMPLES_PER_MS);
  }
  return audio;
}

/** The numbers of the milliseconds of `mark` in a frame. */
function numbersIn(frame: Uint8Array, mark: number): number[] {
  const numbers: number[] = [];
  for (let at = 0; at + SAMPLES_PER_MS <= frame.length; at += SAMPLES_PER_MS) {
    if (frame[at] === mark) numbers.push(frame[at + 1]! + (frame[at + 2]! << 7) + (frame[at + 3]! << 14));
  }
  return numbers;
}

type Step =
  | { readonly kind: 'speech'; readonly ms: number; readonly probability: number }
  | { readonly kind: 'patchy'; readonly spoken: readonly boolean[] }
  | { readonly kind: 'burst'; readonly ms: number; readonly whole: boolean }
  | { readonly kind: 'sound'; readonly ms: number }
  | { readonly kind: 'order'; readonly order: 'break' | 'hold' | 'pause' | 'mask' | 'mute-user' | 'mute-agent' }
  | { readonly kind: 'switch' };

const speech = fc.record({
  kind: fc.constant('speech' as const),
  ms: fc.integer({ min: 10, max: 400 }),
  probability: fc.constantFrom(0, 0, 0.2, 0.4, 0.9, 0.9),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: speech },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('patchy' as const),
      spoken: fc.array(fc.boolean(), { minLength: 4, maxLength: 40 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      ms: fc.integer({ min: 1, max: 700 }),
      whole: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sound' as const), ms: fc.integer({ min: 20, max: 300 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('order' as const),
      order: fc.constantFrom('break', 'hold', 'pause', 'mask', 'mute-user', 'mute-agent' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'switch' as const }) },
);

const setting = fc.record({
  ptimeMs: fc.constantFrom(10, 20, 20, 30, 40, 60),
  duckGain: fc.constantFrom(0, 0, 0, 0.3),
  bargeInMs: fc.constantFrom(120, 120, 60, 300),
  detectsTurns: fc.boolean(),
  /** Frames that wait in the switch, where it says. */
  heldFrames: fc.constantFrom(null, 0, 2),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

/** One call, and what its caller heard. */
class Listener {
  readonly rig: CallRig;
  readonly bargeInMs: number;
  readonly ptimeMs: number;
  readonly duckGain: number;
  /** Milliseconds of the agent and of sounds that were given, and those that were heard. */
  #given = 0;
  #soundGiven = 0;
  #heard = -1;
  #soundHeard = -1;
  /** Something may have been dropped since the last that was heard. */
  #dropped = false;
  #soundDropped = false;
  #item = 0;
  #open = false;
  #events = 0;
  #yieldingSinceMs = Number.NaN;

  private constructor(rig: CallRig, { ptimeMs, duckGain, bargeInMs }: Setting) {
    this.rig = rig;
    this.ptimeMs = ptimeMs;
    this.duckGain = duckGain;
    this.bargeInMs = bargeInMs;
    const { dsp } = rig.pool;
    const render = dsp.render.bind(dsp);
    dsp.render = (said) => {
      const wire = render(said);
      this.#hear(wire, dsp.gain);
      return wire;
    };
  }

  static async of(given: Setting): Promise<Listener> {
    const { ptimeMs, duckGain, bargeInMs, detectsTurns, heldFrames } = given;
    const endpointer = { speechThreshold: 0.5, silenceThreshold: 0.3, startMs: 60, bargeInMs, stopMs: 600 };
    const rig = await CallRig.talking({
      leg: { codec: 'pcmu', sampleRateHz: 8000, ptimeMs },
      detectsTurns,
      options: { duckGain, endpointer, greeting: '' },
    });
    rig.leg.transport.heldFrames = heldFrames;
    return new Listener(rig, given);
  }

  async take(next: Step): Promise<void> {
    const { rig } = this;
    const { controls } = rig.session;
    switch (next.kind) {
      case 'speech':
        return await this.#pass(next.ms, next.probability);
      case 'patchy':
        for (const spoken of next.spoken) await this.#pass(this.ptimeMs, spoken ? 0.9 : 0);
        return;
      case 'burst':
        return this.#say(next.ms, next.whole);
      case 'sound':
        controls.play(numbered(SOUND, this.#soundGiven, next.ms), controls.soundFormat);
        this.#soundGiven += next.ms;
        return;
      case 'switch':
        this.#dropped = true;
        this.#open = false;
        this.#item += 1;
        rig.backend.sink = null;
        await rig.session.switchBackend(this.#another());
        return;
      case 'order':
        this.#order(next.order);
    }
  }

  /** What is left to say is said, and it was all. */
  async end(): Promise<void> {
    const { controls } = this.rig.session;
    for (const order of controls.standing) this.#order(order);
    if (this.#open) this.#say(20, true);
    await this.#untilQuiet();
    assert.is(this.#dropped || this.#heard === this.#given - 1, true, `heard ${this.#heard} of ${this.#given}`);
    assert.is(this.#soundDropped || this.#soundHeard === this.#soundGiven - 1, true, 'a sound was lost');
    this.#say(200, true);
    await this.#untilQuiet();
    assert.is(this.#heard, this.#given - 1, 'the agent is mute');
    assert.is(this.rig.end, null);
  }

  async #untilQuiet(): Promise<void> {
    const { session } = this.rig;
    for (let rounds = 0; rounds < 200; rounds += 1) {
      await this.#pass(240, 0);
      const { state } = session.snapshot();
      assert.is(state, 'talking');
      if (session.controls.sounds.waitingMs === 0 && this.rig.turnStates.at(-1) !== 'agent-speaking' && rounds > 3)
        return;
    }
    assert.unreachable('it never ends');
  }

  #order(order: Extract<Step, { kind: 'order' }>['order']): void {
    const { controls } = this.rig.session;
    const on = !controls.standing.includes(order as 'hold');
    if (order === 'break') {
      this.#dropped = true;
      this.#soundDropped = true;
      controls.breakOff();
    } else if (order === 'hold') {
      if (on) controls.hold(null, controls.soundFormat);
      else controls.unhold();
    } else if (order === 'pause') controls.pause(on);
    else if (order === 'mask') controls.mask(on);
    else controls.mute(order === 'mute-user' ? 'user' : 'agent', on);
  }

  #say(ms: number, whole: boolean): void {
    const { sink } = this.rig.backend;
    const item = `item-${this.#item}`;
    if (!this.#open) sink?.onResponseStarted(`response-${this.#item}`);
    this.#open = true;
    sink?.onAudio(numbered(AGENT, this.#given, ms), item);
    this.#given += ms;
    if (!whole) return;
    sink?.onAudioDone(item);
    sink?.onResponseDone(`response-${this.#item}`, 'completed');
    this.#open = false;
    this.#item += 1;
  }

  #another(): FakeBackend {
    const { backend } = this.rig;
    const { detectsTurns } = backend.stream;
    const other = new FakeBackend(new FakeStream({ detectsTurns }));
    const { open } = FakeBackend.prototype;
    // The rig speaks through the one it was made with.
    other.open = (call, sink, signal) => {
      backend.sink = sink;
      return open.call(other, call, sink, signal);
    };
    return other;
  }

  async #pass(ms: number, probability: number): Promise<void> {
    const { rig } = this;
    for (let passedMs = 0; passedMs < ms; passedMs += this.ptimeMs) {
      await rig.run(this.ptimeMs, probability);
      this.#look();
      const { gain } = rig.pool.dsp;
      if (Number.isNaN(this.#yieldingSinceMs)) assert.is(gain, 1, `gain ${gain} in ${rig.turnStates.at(-1)}`);
      const yieldingMs = rig.clock.nowMs() - this.#yieldingSinceMs;
      assert.not.ok(yieldingMs > this.bargeInMs + 40, `waits for ${yieldingMs} ms`);
    }
  }

  /** What the events say since the last time. */
  #look(): void {
    const { all } = this.rig.events;
    for (; this.#events < all.length; this.#events += 1) {
      const event = all[this.#events]!;
      if (event.type === 'turn.state') this.#yieldingSinceMs = event.state === 'yielding' ? event.atMs : Number.NaN;
      if (event.type === 'barge-in' || (event.type === 'turn.state' && event.previous === 'thinking'))
        this.#dropped = true;
      // What comes before the agent is heard may be called off.
      if (event.type === 'turn.state' && event.state === 'caller-speaking') this.#dropped = true;
    }
    if (this.rig.session.controls.standing.includes('mute-agent')) this.#dropped = true;
  }

  #hear(wire: Uint8Array, gain: number): void {
    const sounds = numbersIn(wire, SOUND);
    for (const number of sounds) {
      // One that begins while the agent is lowered is lowered with it, for that moment.
      assert.ok(gain === 1 || (gain === this.duckGain && gain > 0), 'a sound is played at its own level');
      if (!this.#soundDropped) assert.is(number, this.#soundHeard + 1, 'a part of a sound was not heard');
      assert.ok(number > this.#soundHeard, 'a sound twice');
      this.#soundHeard = number;
      this.#soundDropped = false;
    }
    // Faded out: it is said again, or dropped.
    if (gain === 0) return;
    for (const number of numbersIn(wire, AGENT)) {
      this.#look();
      assert.ok(number > this.#heard, `${number} after ${this.#heard}: said twice`);
      if (!this.#dropped) assert.is(number, this.#heard + 1, 'a part was not said');
      this.#heard = number;
      this.#dropped = false;
    }
  }
}

const PLAIN: Setting = { ptimeMs: 10, duckGain: 0, bargeInMs: 120, detectsTurns: false, heldFrames: null };
const pass = (ms: number, probability = 0): Step => ({ kind: 'speech', ms, probability });

/** Once a frame came at full level between the order and the silence: when the hold was over before it was faded… */
const BROKEN_OFF_ON_HOLD: [Setting, Step[]] = [
  PLAIN,
  [
    { kind: 'burst', ms: 1, whole: false },
    pass(210),
    { kind: 'order', order: 'hold' },
    { kind: 'order', order: 'break' },
  ],
];
/** …where the agent is only lowered, when the caller spoke in that very tick… */
const BROKEN_OFF_THEN_SPOKEN: [Setting, Step[]] = [
  { ...PLAIN, duckGain: 0.3 },
  [{ kind: 'burst', ms: 40, whole: false }, pass(10), { kind: 'order', order: 'break' }, pass(10, 0.9), pass(10)],
];

/** …and where it waited, when in that tick it was found that nobody had spoken. */
const BROKEN_OFF_THEN_WITHDRAWN: [Setting, Step[]] = [
  PLAIN,
  [
    { kind: 'burst', ms: 21, whole: true },
    { kind: 'patchy', spoken: [false, true, false, false] },
    { kind: 'patchy', spoken: [false, false, false, true] },
    pass(41),
    { kind: 'order', order: 'break' },
  ],
];

test('the agent waits for a moment at the most, and then is heard in order, whole, and at its level', async () => {
  await fc.assert(
    fc.asyncProperty(setting, fc.array(step, { minLength: 1, maxLength: 40 }), async (given, steps) => {
      const listener = await Listener.of(given);
      for (const next of steps) await listener.take(next);
      await listener.end();
      await listener.rig.session.stop('stopped');
    }),
    { numRuns: 150, examples: [BROKEN_OFF_ON_HOLD, BROKEN_OFF_THEN_SPOKEN, BROKEN_OFF_THEN_WITHDRAWN] },
  );
});

test.run();

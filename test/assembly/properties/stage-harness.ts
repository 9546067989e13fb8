/**
 * What holds for every stage, whatever comes in: it writes nothing but its frame and its own state, what lies around the frame
 * changes nothing that comes out, every figure is a number in its range, and one that is started again is as new.
 */
import { fc } from '../../chance.ts';
import * as assert from 'uvu/assert';
import type { CoreExports } from '../../../src/dsp/dsp-module.ts';
import { CoreInstance } from '../core-instance.ts';

/** One stage. `P` is what it is started with. */
export interface StageUnderTest<P> {
  readonly name: string;
  readonly parameters: fc.Arbitrary<P>;
  start(core: CoreExports, parameters: P): void;
  /** Works on `samples` i16 at `address`; what it says about them, if anything. */
  step(core: CoreExports, address: number, samples: number, parameters: P): number | void;
  /** Whether a figure that `step` said is in its range. */
  figure?(value: number, parameters: P): boolean;
  /** The loudest sample that may come out. Default: 32768. */
  readonly ceiling?: number;
  /** Frames are a multiple of so many samples. Default 1. */
  readonly multiple?: number;
  /** It only listens: the frame stays as it is. */
  readonly listens?: boolean;
  /** Regions of the two pipes that it works in, and that may change. SCRATCH_PCM always may. */
  readonly uses?: readonly ('HEARD' | 'WIRE_IN' | 'SAID')[];
  /** Where its frame must lie, if not anywhere; then nothing can lie around it. */
  place?(core: CoreExports): number;
  readonly runs?: number;
}

/** Frames that hurt. */
const KINDS = ['noise', 'overload', 'square', 'silence', 'bits', 'dc', 'sine', 'impulse'] as const;
type Kind = (typeof KINDS)[number];

interface Frame {
  readonly kind: Kind;
  readonly size: number;
  readonly repeat: number;
  readonly seed: number;
}

/** Bytes before and behind a frame that are not its own. */
const AROUND = 64;
const MOST_SAMPLES = 2880 - AROUND;

const rates = [8000, 16_000, 24_000, 48_000] as const;
/** Any rate of the chain. */
export const anyRate = fc.constantFrom(...rates);
/** Any number of a range, its ends among them. */
export function between(low: number, high: number): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(low, high), fc.double({ min: low, max: high, noNaN: true }));
}

function framesOf(multiple: number): fc.Arbitrary<Frame[]> {
  const most = Math.floor(MOST_SAMPLES / multiple);
  const size = fc.oneof(fc.constantFrom(Math.ceil(160 / multiple), 1, most), fc.nat(Math.ceil(1000 / multiple)));
  return fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      size: size.map((n) => Math.min(n, most) * multiple),
      repeat: fc.nat(8),
      seed: fc.integer(),
    }),
    { minLength: 1, maxLength: 6 },
  );
}

function fill(target: Int16Array, kind: Kind, seed: number): void {
  let state = seed | 1;
  for (let i = 0; i < target.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    const noise = state >> 16;
    target[i] = {
      noise,
      overload: noise < 0 ? -32_768 : 32_767,
      square: (i >> 3) & 1 ? 32_767 : -32_768,
      silence: 0,
      bits: noise & 1,
      dc: -32_768,
      sine: Math.round(20_000 * Math.sin((i * ((seed & 1023) + 1)) / 400)),
      impulse: i === (seed & 63) ? 32_767 : 0,
    }[kind];
  }
}

interface Outcome {
  readonly frames: Int16Array[];
  readonly figures: number[];
}

/** Runs a started stage; `pattern` is what lies around its frames, and in the pipes' regions that it must leave alone. */
function run<P>(
  stage: StageUnderTest<P>,
  core: CoreInstance,
  parameters: P,
  frames: Frame[],
  pattern: number,
): Outcome {
  const { exports } = core;
  const outcome: Outcome = { frames: [], figures: [] };
  const place = stage.place?.(exports);
  const address = place ?? exports.CAPTURE_PCM.value + AROUND;
  const left = (['WIRE_IN', 'HEARD', 'SAID'] as const).filter((name) => !(stage.uses ?? []).includes(name));
  const alone = left.map((name) => core.bytes(exports[name].value, exports.FRAME_BYTES_MAX.value));
  for (const region of alone) region.fill(pattern);
  for (const { kind, size, repeat, seed } of frames) {
    const before = place === undefined ? core.bytes(address - AROUND, AROUND) : new Uint8Array(0);
    const behind = place === undefined ? core.bytes(address + size * 2, AROUND) : new Uint8Array(0);
    const frame = core.samples(address, size);
    for (let turn = 0; turn <= repeat; turn += 1) {
      before.fill(pattern);
      behind.fill(pattern);
      fill(frame, kind, seed + turn);
      const input = stage.listens === true ? frame.slice() : null;
      const said = stage.step(exports, address, size, parameters);
      if (typeof said === 'number') {
        assert.ok(stage.figure?.(said, parameters) ?? Number.isFinite(said), `${stage.name} says ${said}`);
        outcome.figures.push(said);
      }
      const ceiling = stage.ceiling ?? 32_768;
      assert.ok(
        frame.every((x) => Math.abs(x) <= ceiling),
        `${stage.name} goes beyond ${ceiling}`,
      );
      if (input !== null)
        assert.ok(
          frame.every((x, n) => x === input[n]),
          `${stage.name} changes what it listens to`,
        );
      assert.ok(
        before.every((x) => x === pattern),
        `${stage.name} writes before its frame`,
      );
      assert.ok(
        behind.every((x) => x === pattern),
        `${stage.name} writes behind its frame`,
      );
      outcome.frames.push(frame.slice());
    }
  }
  for (const [n, region] of alone.entries()) {
    assert.ok(
      region.every((x) => x === pattern),
      `${stage.name} writes to ${left[n]}`,
    );
  }
  return outcome;
}

function same(one: Outcome, other: Outcome): boolean {
  return (
    one.figures.every((x, n) => Object.is(x, other.figures[n])) &&
    one.frames.every((frame, n) => frame.every((x, i) => x === other.frames[n]?.[i]))
  );
}

/** Holds all of it for `stage`, with some hundred streams. @throws what does not hold */
export function holdsAlways<P>(stage: StageUnderTest<P>): void {
  const frames = framesOf(stage.multiple ?? 1);
  const [used, other] = [new CoreInstance(), new CoreInstance()];
  const image = other.bytes(0, other.exports.memory.buffer.byteLength).slice();
  const restore = (): void => other.bytes(0, image.length).set(image);
  fc.assert(
    fc.property(stage.parameters, stage.parameters, frames, frames, (before, parameters, past, stream) => {
      // What was started and used before, otherwise and for something else, and a new instance with other bytes around.
      stage.start(used.exports, before);
      run(stage, used, before, past, 0x55);
      stage.start(used.exports, parameters);
      const again = run(stage, used, parameters, stream, 0xa7);
      restore();
      stage.start(other.exports, parameters);
      const fresh = run(stage, other, parameters, stream, 0x00);
      assert.ok(same(again, fresh), `${stage.name} is not as new, or reads what is not its own`);
    }),
    { numRuns: stage.runs ?? 40 },
  );
}

/** The memory map: two pages, and what lies at one place is never needed by two at the same time. */
import { readFileSync } from 'node:fs';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const source = readFileSync(new URL('../../assembly/layout.ts', import.meta.url), 'utf8');

/** Bytes of each region that has memory of its own, as layout.ts declares it. */
const owned = new Map<string, number>();
for (const [, name, size] of source.matchAll(/^export const (\w+): usize = memory\.data\(([^;]*?), 16\);$/gm)) {
  const bytes = (size ?? '').split('+').reduce((sum, product) => sum + productOf(product), 0);
  owned.set(name ?? '', bytes);
}

/** Bytes from where on in which region: what shares memory with something else. */
const shared: Readonly<Record<string, readonly [region: string, from: number, bytes: number]>> = {
  WIRE_OUT: ['SAID', 0, 5760],
  RENDER_PCM: ['CAPTURE_PCM', 0, 5760],
  SHAPING_LINE: ['NARROW_PCM', 0, 48 * 8],
  VOICE_SPECTRUM: ['SCRATCH_PCM', 0, 256 * 4],
  NEURAL_POWERS: ['SCRATCH_PCM', 1024, 128 * 4],
  NEURAL_SUMS: ['SCRATCH_PCM', 1536, 128 * 4],
  NEURAL_INPUT: ['SCRATCH_PCM', 2048, 48 * 2],
  VOICE_HOP: ['SCRATCH_PCM', 2144, 80 * 2],
  ECHO_WORK: ['HEARD', 0, 5760],
  ECHO_SLOW_WORK: ['SCRATCH_PCM', 0, 5760],
  RATE_FEATURES: ['SCRATCH_PCM', 0, 32 * 4],
  RATE_INPUT: ['SCRATCH_PCM', 128, 32 * 2],
  RATE_ACTIVATIONS: ['SCRATCH_PCM', 192, 48 * 2],
  RATE_NARROW_WORK: ['SCRATCH_PCM', 288, 336 * 2],
  RATE_SLOW_WORK: ['SCRATCH_PCM', 960, 192 * 2],
  RATE_ENERGIES: ['SCRATCH_PCM', 288, 52 * 4],
  RATE_WEIGHTS: ['SCRATCH_PCM', 2048, 3472],
  RATE_CORRELATIONS: ['SCRATCH_PCM', 5520, 52 * 4],
  G722_ENCODER: ['ECHO_PATH', 0, 176],
  G722_DECODER: ['ECHO_PATH', 176, 176],
  G722_LINE: ['ECHO_PATH', 352, 44 + 480 * 4],
  TEXT: ['ECHO_REFERENCE', 0, 48 + 7680 + 16],
};
/** Groups that are in use at one time, and so must lie apart. */
const together = [
  ['VOICE_SPECTRUM', 'NEURAL_POWERS', 'NEURAL_SUMS', 'NEURAL_INPUT', 'VOICE_HOP'],
  [
    'NEURAL_SUMS',
    'RATE_FEATURES',
    'RATE_INPUT',
    'RATE_ACTIVATIONS',
    'RATE_NARROW_WORK',
    'RATE_SLOW_WORK',
    'RATE_WEIGHTS',
    'RATE_CORRELATIONS',
  ],
  ['RATE_FEATURES', 'RATE_ENERGIES', 'RATE_SLOW_WORK', 'RATE_CORRELATIONS'],
  ['G722_ENCODER', 'G722_DECODER', 'G722_LINE'],
];

function productOf(text: string): number {
  const factors = text.replace(/[()]/g, '').split('*').map(Number);
  return factors.reduce((product, factor) => product * factor, 1);
}

test('a call is two pages', () => {
  assert.is(new CoreInstance().exports.memory.buffer.byteLength, 131_072);
});

test('every region that shares memory is named here, and lies within what it shares', () => {
  const declared = [...source.matchAll(/^export const (\w+): usize = ([A-Z_0-9]+)(?: \+ (\d+))?;$/gm)];
  assert.equal(
    Object.fromEntries(declared.map(([, name, region, from]) => [name, [region, Number(from ?? 0)]])),
    Object.fromEntries(Object.entries(shared).map(([name, [region, from]]) => [name, [region, from]])),
  );
  for (const [name, [region, from, bytes]] of Object.entries(shared)) {
    assert.ok(from % 16 === 0 && from + bytes <= (owned.get(region) ?? 0), `${name} in ${region}`);
  }
});

test('what is in use at one time lies apart', () => {
  for (const group of together) {
    const spans = group.map((name) => shared[name]!).sort(([, one], [, other]) => one - other);
    spans.slice(1).forEach(([, from], n) => assert.ok(spans[n]![1] + spans[n]![2] <= from, group.join()));
  }
});

const hz = fc.constantFrom(8000, 16_000, 24_000, 48_000);
const codec = fc.constantFrom(0, 1, 2);
const calls = fc.record({
  leg: fc.tuple(codec, hz, fc.constantFrom(10, 20, 30, 40, 50, 60)),
  input: fc.tuple(codec, hz),
  output: fc.tuple(codec, hz),
  aggressiveness: fc.nat(3),
  resampling: fc.nat(2),
  neural: fc.boolean(),
  shaped: fc.boolean(),
  cleaned: fc.boolean(),
  echo: fc.nat(2),
  gain: fc.constantFrom(1, 0.5, 3),
  hearing: fc.boolean(),
  script: fc.array(fc.constantFrom('capture', 'render', 'lost', 'rest', 'feed', 'adjust'), {
    minLength: 4,
    maxLength: 24,
  }),
  seed: fc.nat(),
});
type CallPlan = typeof calls extends fc.Arbitrary<infer T> ? T : never;

/** Runs a call; between two crossings `disturb` may overwrite what then holds nothing. */
function run(
  plan: CallPlan,
  disturb: ((core: CoreInstance) => void) | null,
  core: CoreInstance = new CoreInstance(),
): Uint8Array[] {
  const { exports: e } = core;
  const [legCodec, legHz, ptime] = plan.leg;
  e.configure(legCodec, legHz, ptime, ...plan.input, ...plan.output, plan.aggressiveness, plan.resampling);
  if (plan.neural) e.setNeuralDetector(plan.aggressiveness);
  if (plan.shaped) e.setShaping(-30, 6, 3000);
  if (plan.cleaned) e.setCleaning(100, 12, -20);
  if (plan.hearing) e.setHearing(1, 1, 1);
  e.setEchoCanceller(plan.echo);
  if (plan.gain !== 1) e.rampGain(plan.gain, 30);
  let state = plan.seed | 1;
  const bytes = (wire: number, rate: number): number => (rate / 1000) * ptime * (wire === 2 ? 2 : 1);
  const noise = (address: number, count: number): void => {
    for (const [n] of core.bytes(address, count).entries()) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      core.bytes(address, count)[n] = state >>> 24;
    }
  };
  const results: Uint8Array[] = [];
  for (const step of plan.script) {
    const capturing = step === 'capture' || step === 'lost';
    if (step === 'capture' || step === 'feed') noise(e.WIRE_IN.value, bytes(legCodec, legHz));
    if (step === 'render') noise(e.SAID.value, bytes(...plan.output));
    if (step === 'adjust') e.adjust(-40);
    else if (step === 'feed') e.feed(1);
    else if (capturing) e.capture(step === 'capture' ? 1 : 0);
    else e.render(step === 'render' ? bytes(...plan.output) : 0);
    if (capturing) {
      results.push(core.bytes(e.WIRE_IN.value, bytes(legCodec, legHz)).slice());
      if (e.capturePassThrough() === 0) results.push(core.bytes(e.HEARD.value, bytes(...plan.input)).slice());
    } else if (step === 'render' || step === 'rest') {
      results.push(core.bytes(e.WIRE_OUT.value, bytes(legCodec, legHz)).slice());
    }
    results.push(core.bytes(e.METERS.value, e.METERS_BYTES.value).slice());
    disturb?.(core);
  }
  return results;
}

test('between two crossings the frames’ regions hold nothing that matters', () => {
  fc.assert(
    fc.property(calls, fc.integer({ min: 0, max: 255 }), (plan, pattern) => {
      const disturb = (core: CoreInstance): void => {
        const { WIRE_IN, HEARD, SAID, CAPTURE_PCM, SCRATCH_PCM, FRAME_BYTES_MAX } = core.exports;
        for (const region of [WIRE_IN, HEARD, SAID, CAPTURE_PCM, SCRATCH_PCM]) {
          core.bytes(region.value, FRAME_BYTES_MAX.value).fill(pattern);
        }
      };
      assert.equal(run(plan, disturb), run(plan, null));
    }),
    { numRuns: 120 },
  );
});

test('who listens for lies, keys and tones changes nothing that is sent', () => {
  fc.assert(
    fc.property(calls, (plan) => {
      assert.equal(run({ ...plan, hearing: true }, null), run({ ...plan, hearing: false }, null));
    }),
    { numRuns: 120 },
  );
});

test('of a call nothing is left in the next one on the same instance, nor of what was suspected', () => {
  fc.assert(
    fc.property(calls, calls, (before, plan) => {
      const used = new CoreInstance();
      run({ ...before, hearing: true }, null, used);
      const fresh = new CoreInstance();
      assert.equal(run(plan, null, used), run(plan, null, fresh));
      const reports = (core: CoreInstance): Uint8Array => core.bytes(core.exports.REPORTS.value, 32).slice();
      assert.equal(reports(used), reports(fresh));
    }),
    { numRuns: 120 },
  );
});

test('of the last frame nothing is missing where frames are longest', () => {
  const core = new CoreInstance();
  const { exports: e } = core;
  assert.is(e.configure(2, 48_000, 60, 2, 48_000, 2, 48_000, 2, 0), e.CONFIGURED.value);
  const pattern = Uint8Array.from({ length: e.FRAME_BYTES_MAX.value }, (_, n) => n * 7);
  core.bytes(e.SAID.value, pattern.length).set(pattern);
  e.render(pattern.length);
  assert.equal(core.bytes(e.SAID.value, pattern.length).slice(), pattern);
  core.bytes(e.WIRE_IN.value, pattern.length).set(pattern);
  e.capture(1);
  assert.equal(core.bytes(e.WIRE_IN.value, pattern.length).slice(), pattern);
});

test.run();

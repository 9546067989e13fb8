/** Stages that change or make samples: any input, any cut, any parameter within its range. */
import { fc } from '../../chance.ts';
import { test } from 'uvu';
import { anyRate, between, holdsAlways } from './stage-harness.ts';

test('gain ramp', () => {
  holdsAlways({
    name: 'gain ramp',
    parameters: fc.record({ from: between(0, 4), to: between(0, 4), samples: fc.nat(100_000) }),
    start: (core, { from, to, samples }) => {
      core.gainStart(from);
      core.gainMove(to, samples);
    },
    step: (core, at, samples) => core.gainApply(at, samples),
  });
});

test('shaping: low-pass, compressor, ceiling', () => {
  holdsAlways({
    name: 'shaping',
    parameters: fc.tuple(between(-60, 0), between(0, 24), between(100, 20_000), anyRate),
    start: (core, parameters) => core.shapingStart(...parameters),
    step: (core, at, samples) => core.shapingApply(at, samples),
    ceiling: 29_204,
  });
});

test('high-pass', () => {
  holdsAlways({
    name: 'high-pass',
    parameters: fc.tuple(between(20, 1000), anyRate),
    start: (core, parameters) => core.highPassStart(...parameters),
    step: (core, at, samples) => core.highPassApply(at, samples),
  });
});

test('noise suppression', () => {
  holdsAlways({
    name: 'noise suppression',
    parameters: fc.tuple(between(1, 18), anyRate),
    start: (core, parameters) => core.suppressionStart(...parameters),
    step: (core, at, samples) => core.suppressionApply(at, samples),
  });
});

test('limiter', () => {
  holdsAlways({
    name: 'limiter',
    parameters: fc.tuple(between(0, 32), anyRate),
    start: (core, [, rate]) => core.limiterStart(rate),
    step: (core, at, samples, [gain]) => core.limiterApply(at, samples, gain),
    ceiling: 29_204,
  });
});

test('gain control', () => {
  holdsAlways({
    name: 'gain control',
    parameters: fc.tuple(between(-40, -6), anyRate, between(0, 1)),
    start: (core, [target, rate]) => core.gainControlStart(target, rate),
    step: (core, at, samples, [, , probability]) => core.gainControlApply(at, samples, probability),
  });
});

test('concealment: frames that come and frames that do not', () => {
  holdsAlways({
    name: 'concealment',
    parameters: fc.tuple(anyRate, fc.nat(7)),
    start: (core, [rate]) => core.concealStart(rate),
    step: (core, at, samples, [, every]) => {
      if (every > 0 && samples % every === 0) core.concealFill(at, samples);
      else return core.concealAccept(at, samples);
    },
    figure: (value) => value === 0 || value === 1,
  });
});

test('echo canceller: what is said and what is heard in turns', () => {
  holdsAlways({
    name: 'echo canceller',
    parameters: fc.tuple(fc.nat(2), fc.nat(2), fc.boolean()),
    start: (core, [mode, codec]) => core.echoStart(mode, codec),
    step: (core, at, samples, [, , lost]) => {
      core.echoReference(at, samples);
      if (lost) core.echoSkip(samples);
      else return core.echoCancel(at, samples);
    },
    figure: (value) => value === 0 || value === 1,
    multiple: 80,
    uses: ['HEARD'],
    runs: 20,
  });
});

test('time scale: the line’s end, its middle and its front', () => {
  holdsAlways({
    name: 'time scale',
    parameters: fc.tuple(anyRate, between(-1000, 1000), fc.boolean()),
    start: (core, [rate]) => core.scaleStart(rate),
    step: (core, at, samples, [, ms, pause]) => {
      core.scaleAppend(at, samples);
      core.scaleAdjust(ms, Math.max(1, samples), pause ? 1 : 0);
      return core.scaleTake(at, samples);
    },
    figure: (held) => held >= 0 && held <= 3600,
  });
});

test('tone and noise', () => {
  holdsAlways({
    name: 'tone',
    parameters: fc.tuple(between(0, 4000), between(0, 4000), between(0, 32_767), anyRate),
    start: (core, parameters) => core.toneStart(...parameters),
    step: (core, at, samples) => core.toneWrite(at, samples),
  });
  holdsAlways({
    name: 'noise',
    parameters: fc.tuple(fc.integer({ min: 1 }), between(0, 32_767)),
    start: (core, [seed]) => core.noiseStart(seed),
    step: (core, at, samples, [, amplitude]) => core.noiseWrite(at, samples, amplitude),
  });
});

test('keys that are sent', () => {
  const letter = fc.constantFrom(...'0123456789ABCD*#wW');
  holdsAlways({
    name: 'keys that are sent',
    parameters: fc.tuple(
      fc.array(letter, { maxLength: 64 }),
      fc.integer({ min: 40, max: 4000 }),
      fc.integer({ min: 40, max: 4000 }),
      between(1, 16_000),
      between(1, 16_000),
      anyRate,
    ),
    start: (core, [letters, ...parameters]) => {
      const place = new Uint8Array(core.memory.buffer, core.DIAL_DIGITS.value, core.DIAL_DIGITS_MAX.value);
      letters.forEach((one, n) => (place[n] = one.charCodeAt(0)));
      core.dialStart(letters.length, ...parameters);
    },
    step: (core, at, samples) => core.dialWrite(at, samples),
    ceiling: 32_001,
  });
});

test('mixing: with itself', () => {
  holdsAlways({
    name: 'mixing',
    parameters: fc.constant(null),
    start: () => undefined,
    step: (core, at, samples) => core.mix(at, at, samples),
  });
});

test.run();

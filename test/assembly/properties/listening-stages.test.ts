/** Stages that listen: any input, any cut, any parameter; what they say is a number in its range, and the frame is as it was. */
import { fc } from '../../chance.ts';
import { test } from 'uvu';
import { anyRate, holdsAlways } from './stage-harness.ts';

const nothing = fc.constant(null);
const isShare = (value: number): boolean => value >= 0 && value <= 1;

test('level', () => {
  holdsAlways({
    name: 'level',
    parameters: nothing,
    start: () => undefined,
    step: (core, at, samples) => core.levelDbov(at, samples),
    figure: (value) => value >= -127 && value <= 0.001,
    listens: true,
  });
});

test('voice activity, statistical', () => {
  holdsAlways({
    name: 'statistical detector',
    parameters: fc.nat(3),
    start: (core, aggressiveness) => core.voiceStart(aggressiveness),
    step: (core, at, samples) => {
      let last = 0;
      for (let n = 0; n < samples; n += 80) last = core.voiceHop(at + n * 2);
      return last;
    },
    figure: isShare,
    multiple: 80,
    listens: true,
  });
});

test('voice activity, neural: its features, too', () => {
  holdsAlways({
    name: 'neural detector',
    parameters: fc.nat(3),
    start: (core, aggressiveness) => core.neuralStart(aggressiveness),
    step: (core, at, samples) => {
      let last = 0;
      for (let n = 0; n < samples; n += 80) last = core.neuralHop(at + n * 2);
      const features = new Float32Array(
        core.memory.buffer,
        core.NEURAL_FEATURES.value,
        core.NEURAL_FEATURE_COUNT.value,
      );
      return features.every(Number.isFinite) ? last : Number.NaN;
    },
    figure: isShare,
    multiple: 80,
    listens: true,
  });
});

test('keys that are heard', () => {
  holdsAlways({
    name: 'keys that are heard',
    parameters: nothing,
    start: (core) => core.dtmfStart(),
    step: (core, at, samples) => core.dtmfHear(at, samples),
    figure: (value) => value >= 0 && (value & 0xff) < 0x80,
    multiple: 40,
    listens: true,
  });
});

test('progress tones', () => {
  holdsAlways({
    name: 'progress tones',
    parameters: nothing,
    start: (core) => core.progressStart(),
    step: (core, at, samples) => core.progressHear(at, samples),
    figure: (value) => Number.isInteger(value) && value >= 0 && value <= 7,
    multiple: 80,
    listens: true,
  });
});

test('lie detector', () => {
  holdsAlways({
    name: 'lie detector',
    parameters: fc.tuple(fc.nat(2), anyRate),
    start: (core, parameters) => core.suspectStart(...parameters),
    // A frame of L16 has as many samples, one of codes could have twice as many.
    step: (core, _at, samples, [codec]) => core.suspectHear(codec, samples),
    figure: (value) => value >= 0 && value < 1 << 11,
    multiple: 80,
    listens: true,
    uses: ['WIRE_IN'],
    place: (core) => core.WIRE_IN.value,
  });
});

test('rate suspicion', () => {
  holdsAlways({
    name: 'rate suspicion',
    parameters: anyRate,
    start: (core, rate) => core.rateStart(rate),
    step: (core, _at, samples) => core.rateHear(samples),
    figure: (value) => value >= 0 && value < 1 << 11,
    multiple: 80,
    listens: true,
    place: (core) => core.CAPTURE_PCM.value,
  });
});

test.run();

/** The two pipes, for every leg and every backend that they can join. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import {
  describeAudio,
  frameBytes,
  frameSamples,
  PTIMES_MS,
  SAMPLE_RATES_HZ,
  sameAudio,
} from '../../src/core/media.ts';
import type { DspOptions } from '../../src/dsp/dsp.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import { WasmDsp } from '../../src/dsp/wasm-dsp.ts';
import { measureTone, silenceOf, sine, toBytes, toSamples } from './wire.ts';

const module = await DspModule.load();
const dsp = new WasmDsp(module);

const PCMU: AudioFormat = { codec: 'pcmu', sampleRateHz: 8000 };
const PCMA: AudioFormat = { codec: 'pcma', sampleRateHz: 8000 };
const L16 = SAMPLE_RATES_HZ.map((sampleRateHz): AudioFormat => ({ codec: 'l16', sampleRateHz }));
const FORMATS = [PCMU, PCMA, ...L16];
const ULAW_LEG: MediaFormat = { ...PCMU, ptimeMs: 20 };

function join(leg: MediaFormat, backend: AudioFormat): DspOptions {
  return { leg, backendInput: backend, backendOutput: backend };
}

/** Sends 600 ms of a tone through one pipe, frame by frame, and returns what came out after the first 100 ms. */
function through(from: MediaFormat, to: MediaFormat, step: (frame: Uint8Array) => Uint8Array): Int16Array {
  const out: number[] = [];
  const samples = frameSamples(from);
  for (let n = 0; n < 600 / from.ptimeMs; n += 1) {
    const frame = step(toBytes(from.codec, sine(1004, from.sampleRateHz, n * samples, samples, 12000)));
    assert.is(frame.length, frameBytes(to));
    out.push(...toSamples(to.codec, frame));
  }
  return Int16Array.from(out.slice(to.sampleRateHz / 10));
}

for (const ptimeMs of PTIMES_MS) {
  for (const audio of FORMATS) {
    const leg: MediaFormat = { ...audio, ptimeMs };
    test(`${describeAudio(audio)} in ${ptimeMs} ms frames: a tone reaches every backend and comes back from it`, () => {
      for (const backend of FORMATS) {
        const name = `${describeAudio(audio)} with ${describeAudio(backend)}`;
        const companded = [audio, backend].filter(({ codec }) => codec !== 'l16').length;
        /** The error of two kinds of companding in tandem is not free of bias. */
        const tolerance = companded === 2 ? 120 : 60;
        const leastDb = companded === 0 ? 75 : companded === 1 ? 36 : 33;
        dsp.configure(join(leg, backend));
        assert.is(dsp.capturePassThrough, sameAudio(audio, backend), name);
        assert.is(dsp.renderPassThrough, sameAudio(audio, backend), name);

        const heard = through(leg, { ...backend, ptimeMs }, (frame) => dsp.capture(frame));
        const captured = measureTone(heard, 1004, backend.sampleRateHz);
        assert.ok(
          Math.abs(captured.amplitude - 12000) < tolerance,
          `${name}: captured with amplitude ${captured.amplitude}`,
        );
        assert.ok(captured.snrDb > leastDb, `${name}: captured with ${captured.snrDb} dB`);
        assert.ok(Math.abs(dsp.captureLevelDbov - -11.73) < 0.1, `${name}: ${dsp.captureLevelDbov} dBov captured`);

        const said = through({ ...backend, ptimeMs }, leg, (frame) => dsp.render(frame));
        const rendered = measureTone(said, 1004, leg.sampleRateHz);
        assert.ok(
          Math.abs(rendered.amplitude - 12000) < tolerance,
          `${name}: rendered with amplitude ${rendered.amplitude}`,
        );
        assert.ok(rendered.snrDb > leastDb, `${name}: rendered with ${rendered.snrDb} dB`);
        assert.ok(Math.abs(dsp.renderLevelDbov - -11.73) < 0.1, `${name}: ${dsp.renderLevelDbov} dBov rendered`);
      }
    });
  }
}

test('pass-through hands every byte on unchanged, both ways, and still measures', () => {
  for (const audio of FORMATS) {
    const leg: MediaFormat = { ...audio, ptimeMs: 20 };
    dsp.configure(join(leg, audio));
    for (let n = 0; n < 20; n += 1) {
      const frame = Uint8Array.from({ length: frameBytes(leg) }, (_, i) => (i * 31 + n * 17) & 255);
      assert.equal(dsp.capture(frame), frame);
      assert.equal(dsp.render(frame), frame);
    }
    assert.ok(dsp.captureLevelDbov > -30 && dsp.renderLevelDbov > -30);
  }
});

test('pass-through is given up only while the gain moves or is not 1', () => {
  dsp.configure(join(ULAW_LEG, PCMU));
  const loud = toBytes('pcmu', sine(400, 8000, 0, 160, 16000));
  assert.equal(dsp.render(loud), loud);
  dsp.rampGain(0.5, 20);
  assert.not.equal(dsp.render(loud), loud);
  const half = toSamples('pcmu', dsp.render(loud));
  assert.ok(Math.abs(measureTone(half, 400, 8000).amplitude - 8000) < 200);
  dsp.rampGain(1, 0);
  assert.equal(dsp.render(loud), loud);
});

test('the gain is kept within 0 and 4, and what is not a number changes nothing', () => {
  dsp.configure(join({ codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 }, { codec: 'l16', sampleRateHz: 8000 }));
  const frame = toBytes('l16', sine(400, 8000, 0, 160, 1000));
  const gain = (): number => measureTone(toSamples('l16', dsp.render(frame)), 400, 8000).amplitude / 1000;
  dsp.rampGain(9, 0);
  assert.ok(Math.abs(gain() - 4) < 0.01);
  dsp.rampGain(Number.NaN, 0);
  assert.ok(Math.abs(gain() - 4) < 0.01);
  dsp.rampGain(2, Number.NEGATIVE_INFINITY);
  assert.ok(Math.abs(gain() - 2) < 0.01);
  dsp.rampGain(-1, 0);
  assert.equal(gain(), 0);
  assert.is(dsp.renderLevelDbov, -127);
});

test('a duck goes down in a straight line over its time, at any frame size', () => {
  for (const ptimeMs of PTIMES_MS) {
    dsp.configure(join({ codec: 'l16', sampleRateHz: 8000, ptimeMs }, { codec: 'l16', sampleRateHz: 8000 }));
    const frame = toBytes('l16', new Int16Array(8 * ptimeMs).fill(10000));
    dsp.rampGain(0, 50);
    const out: number[] = [];
    while (out.length < 960) out.push(...toSamples('l16', dsp.render(frame)));
    out.forEach((x, n) => {
      const expected = Math.max(0, 10000 * (1 - (n + 1) / 400));
      assert.ok(Math.abs(x - expected) <= 1, `ptime ${ptimeMs}, sample ${n}: ${x}`);
    });
  }
});

test('the gain goes on moving while nothing is said', () => {
  dsp.configure(join({ codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 }, { codec: 'l16', sampleRateHz: 8000 }));
  dsp.rampGain(0, 80);
  dsp.render(null);
  dsp.render(null);
  const [first] = toSamples('l16', dsp.render(toBytes('l16', new Int16Array(160).fill(10000))));
  assert.ok(Math.abs((first ?? 0) - 5000) < 20, `${first}`);
});

test('the probability of a frame is the highest of its hops, whatever the frame size', () => {
  const pcm = Int16Array.from({ length: 24_000 }, (_, n) =>
    Math.round(9000 * Math.sin((2 * Math.PI * 180 * n) / 8000) * Math.max(0, Math.sin(n / 700)) ** 8),
  );
  const probabilities = (ptimeMs: MediaFormat['ptimeMs']): number[] => {
    dsp.configure(join({ codec: 'l16', sampleRateHz: 8000, ptimeMs }, PCMU));
    return Array.from({ length: 3000 / ptimeMs }, (_, n) => {
      dsp.capture(toBytes('l16', pcm.subarray(n * 8 * ptimeMs, (n + 1) * 8 * ptimeMs)));
      return dsp.speechProbability;
    });
  };
  const hops = probabilities(10);
  for (const ptimeMs of PTIMES_MS) {
    const expected = Array.from({ length: 3000 / ptimeMs }, (_, n) =>
      Math.max(...hops.slice((n * ptimeMs) / 10, ((n + 1) * ptimeMs) / 10)),
    );
    assert.equal(probabilities(ptimeMs), expected);
  }
});

test('nothing to say is digital silence in each codec, once the end of the phrase has come out', () => {
  for (const audio of FORMATS) {
    for (const backend of FORMATS) {
      const leg: MediaFormat = { ...audio, ptimeMs: 20 };
      dsp.configure(join(leg, backend));
      const silent = (frame: Uint8Array): boolean => frame.every((byte) => byte === silenceOf(audio));
      assert.ok(silent(dsp.render(null)));
      assert.is(dsp.renderLevelDbov, -127);
      const said = { ...backend, ptimeMs: 20 } as const;
      dsp.render(toBytes(backend.codec, new Int16Array(frameSamples(said)).fill(9000)));
      const tail = [...toSamples(audio.codec, dsp.render(null))].reduce((sum, x) => sum + x, 0);
      const delayed = backend.sampleRateHz !== audio.sampleRateHz;
      // A-law has no zero: its silence is +8.
      assert.is(tail > 20_000, delayed, `${describeAudio(backend)} to ${describeAudio(audio)}: tail ${tail}`);
      assert.ok(silent(dsp.render(null)));
    }
  }
});

test('a frame shorter than a ptime is padded with silence, an odd byte is dropped, a longer one is cut', () => {
  dsp.configure(join(ULAW_LEG, PCMU));
  const part = toBytes('pcmu', new Int16Array(50).fill(9000));
  assert.equal([...dsp.render(part)], [...part, ...Array.from({ length: 110 }, () => 0xff)]);
  assert.is(dsp.render(toBytes('pcmu', new Int16Array(400).fill(9000))).length, 160);

  dsp.configure(join({ codec: 'pcma', sampleRateHz: 8000, ptimeMs: 20 }, { codec: 'l16', sampleRateHz: 8000 }));
  const odd = new Uint8Array(7).fill(0x20);
  const sample = toBytes('pcma', [0x2020])[0] ?? 0;
  assert.equal([...dsp.render(odd)], [sample, sample, sample, ...Array.from({ length: 157 }, () => 0xd5)]);
  assert.equal(
    [...dsp.render(new Uint8Array(0))],
    Array.from({ length: 160 }, () => 0xd5),
  );
});

test('a lost frame, or one of another size, is concealed and fades; the duration is kept', () => {
  for (const backend of FORMATS) {
    dsp.configure(join(ULAW_LEG, backend));
    const tone = (n: number): Uint8Array => toBytes('pcmu', sine(200, 8000, n * 160, 160, 12000));
    for (let n = 0; n < 10; n += 1) dsp.capture(tone(n));
    const levels = [null, new Uint8Array(159), new Uint8Array(320), null, null].map((lost) => {
      assert.is(dsp.capture(lost).length, frameBytes({ ...backend, ptimeMs: 20 }));
      return dsp.captureLevelDbov;
    });
    assert.ok((levels[0] ?? -127) > -14, `first ${levels[0]}`);
    for (let n = 1; n < 3; n += 1) assert.ok((levels[n] ?? 0) < (levels[n - 1] ?? 0));
    assert.ok((levels[4] ?? 0) <= -49, `last ${levels[4]}`);
    dsp.capture(tone(15));
    dsp.capture(tone(16));
    assert.ok(Math.abs(dsp.captureLevelDbov - -11.73) < 0.1);
  }
});

test('after a loss, pass-through bytes differ in the first 4 ms only', () => {
  dsp.configure(join(ULAW_LEG, PCMU));
  const tone = (n: number): Uint8Array => toBytes('pcmu', sine(210, 8000, n * 160, 160, 12000));
  for (let n = 0; n < 5; n += 1) dsp.capture(tone(n));
  dsp.capture(null);
  const after = dsp.capture(tone(6));
  assert.equal(after.subarray(32), tone(6).subarray(32));
  assert.equal(dsp.capture(tone(7)), tone(7));
});

test('input is borrowed for the call only, and results are windows of one memory', () => {
  dsp.configure(join(ULAW_LEG, { codec: 'l16', sampleRateHz: 24000 }));
  const frame = new Uint8Array(160).fill(0x80);
  const first = dsp.capture(frame);
  assert.equal(
    [...frame],
    Array.from({ length: 160 }, () => 0x80),
  );
  assert.is(dsp.capture(frame), first);
  assert.is(dsp.render(null), dsp.render(null));
});

test('the detector is the neural one, or the statistical one where it is asked for; both answer for every frame size', () => {
  for (const ptimeMs of [10, 20, 30] as const) {
    const answers = ([undefined, 'neural', 'statistical'] as const).map((vad) => {
      const rate = { codec: 'l16', sampleRateHz: 16000 } as const;
      dsp.configure({ leg: { ...rate, ptimeMs }, backendInput: rate, backendOutput: rate, ...(vad && { vad }) });
      return Array.from({ length: 60 }, (_, turn) => {
        const samples = Int16Array.from(
          { length: 16 * ptimeMs },
          (_zero, n) => 3000 * Math.sin((turn * 16 * ptimeMs + n) * 0.7),
        );
        dsp.capture(new Uint8Array(samples.buffer));
        return dsp.speechProbability;
      });
    });
    assert.equal(answers[0], answers[1]);
    assert.not.equal(answers[0], answers[2]);
    assert.ok(answers.flat().every((p) => p >= 0 && p <= 1));
  }
});

test('resampling: with minimum phase a voice of 24 kHz is sooner at the caller, and his at a wide leg’s backend, by 2.7 ms', () => {
  /** When half of the energy of a click has come out, samples at 8 kHz. */
  const halfOut = (out: Int16Array): number => {
    const total = out.reduce((sum, x) => sum + x * x, 0);
    let sum = 0;
    return out.findIndex((x) => (sum += x * x) > total / 2);
  };
  const click = (samples: number): Int16Array =>
    Int16Array.from({ length: samples }, (_, n) => (n === 240 ? 30_000 : 0));
  const heard = (options: Pick<DspOptions, 'resampling'>): number[] => {
    const narrow: AudioFormat = { codec: 'l16', sampleRateHz: 8000 };
    const wide: AudioFormat = { codec: 'l16', sampleRateHz: 24_000 };
    dsp.configure({ ...join({ ...narrow, ptimeMs: 20 }, wide), ...options });
    const said = halfOut(toSamples('l16', dsp.render(toBytes('l16', click(480)))));
    dsp.configure({ ...join({ ...wide, ptimeMs: 20 }, narrow), ...options });
    return [said, halfOut(toSamples('l16', dsp.capture(toBytes('l16', click(480)))))];
  };
  const [strict, low, minimum] = (['strict', 'low-delay', 'minimum-phase'] as const).map((resampling) =>
    heard({ resampling }),
  );
  assert.equal(heard({}), strict);
  assert.equal(strict, [103, 103]);
  assert.equal(low, [95, 95]);
  assert.ok(
    minimum!.every((sample) => sample <= 82),
    String(minimum),
  );
});

test('formats that cannot be joined are refused with a code that names the option', () => {
  const bad: readonly [string, Partial<Record<keyof DspOptions, unknown>>][] = [
    ['leg', { leg: { ...PCMU, ptimeMs: 25 } }],
    ['leg', { leg: { codec: 'opus', sampleRateHz: 8000, ptimeMs: 20 } }],
    ['leg', { leg: { codec: 'l16', sampleRateHz: 44100, ptimeMs: 20 } }],
    ['backendInput', { backendInput: { codec: 'l16', sampleRateHz: 11025 } }],
    ['backendOutput', { backendOutput: { codec: 'g722', sampleRateHz: 16000 } }],
    ['vadAggressiveness', { vadAggressiveness: 4 }],
    ['vadAggressiveness', { vadAggressiveness: -1 }],
    ['vad', { vad: 'oracle' }],
    ['resampling', { resampling: 'fast' }],
  ];
  for (const [option, change] of bad) {
    const options = { ...join(ULAW_LEG, PCMU), ...change } as DspOptions;
    try {
      dsp.configure(options);
      assert.unreachable(option);
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_DSP_OPTIONS'));
      assert.is(error.details['option'], option);
    }
  }
});

test('configuring leaves nothing of an earlier call in memory', () => {
  const options = join({ codec: 'l16', sampleRateHz: 48000, ptimeMs: 60 }, PCMA);
  const other = new WasmDsp(module);
  other.configure(options);
  dsp.configure(join(ULAW_LEG, { codec: 'l16', sampleRateHz: 24000 }));
  dsp.capture(new Uint8Array(160).fill(0x83));
  dsp.render(new Uint8Array(960).fill(0x33));
  dsp.configure(options);
  assert.is(Buffer.compare(dsp.snapshot(), other.snapshot()), 0);
});

test('the same input gives the same bytes after configure: nothing of an earlier call is left', () => {
  const run = (): string => {
    dsp.configure(join({ codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 }, PCMA));
    const out: string[] = [];
    for (let n = 0; n < 30; n += 1) {
      const frame = toBytes('l16', sine(300 + n * 40, 16000, 0, 320, 8000));
      out.push(Buffer.from(dsp.capture(n % 7 === 6 ? null : frame)).toString('hex'), String(dsp.speechProbability));
      out.push(
        Buffer.from(dsp.render(n % 5 === 4 ? null : toBytes('pcma', sine(500, 8000, 0, 160, 9000)))).toString('hex'),
      );
    }
    return out.join() + Buffer.from(dsp.snapshot()).toString('hex');
  };
  assert.is(run(), run());
});

test.run();

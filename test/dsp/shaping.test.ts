/** Shaping in the whole chain: every leg and backend, the end of a phrase, and a call without it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import { describeAudio, frameSamples, PTIMES_MS, SAMPLE_RATES_HZ, sameAudio } from '../../src/core/media.ts';
import type { DspOptions, ShapingOptions } from '../../src/dsp/dsp.ts';
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

/** Renders 600 ms of a tone of −11.73 dBov and returns what came out after the first 300 ms. */
function through(from: MediaFormat, to: MediaFormat, step: (frame: Uint8Array) => Uint8Array): Int16Array {
  const out: number[] = [];
  const samples = frameSamples(from);
  for (let n = 0; n < 600 / from.ptimeMs; n += 1) {
    const frame = step(toBytes(from.codec, sine(1004, from.sampleRateHz, n * samples, samples, 12000)));
    out.push(...toSamples(to.codec, frame));
  }
  return Int16Array.from(out.slice(0.3 * to.sampleRateHz));
}

const SHAPING: ShapingOptions = { compressorThresholdDb: -18, compressorMakeupDb: 3, lowPassHz: 3400 };

test("no pass-through for the agent, and its tone is on the compressor's curve for every leg and backend", () => {
  for (const audio of FORMATS) {
    for (const backend of FORMATS) {
      for (const ptimeMs of [10, 20, 60] as const) {
        const name = `${describeAudio(backend)} to ${describeAudio(audio)} in ${ptimeMs} ms`;
        const leg: MediaFormat = { ...audio, ptimeMs };
        dsp.configure({ ...join(leg, backend), shaping: SHAPING });
        assert.is(dsp.capturePassThrough, sameAudio(audio, backend), name);
        assert.is(dsp.renderPassThrough, false, name);
        const said = through({ ...backend, ptimeMs }, leg, (frame) => dsp.render(frame));
        // −11.73 dBov in; above −18 a third of it is left, and 3 dB are added.
        const expected = -18 + (-11.73 + 18) / 3 + 3;
        const level = 20 * Math.log10(measureTone(said, 1004, leg.sampleRateHz).amplitude / (32768 * Math.SQRT2));
        assert.ok(Math.abs(level - expected) < 0.2, `${name}: ${level} dBov, not ${expected}`);
        assert.ok(Math.abs(dsp.renderLevelDbov - expected) < 0.2, `${name}: measured ${dsp.renderLevelDbov} dBov`);
      }
    }
  }
});

test('what is cut off is gone from the wire', () => {
  dsp.configure({
    ...join({ codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 }, { codec: 'l16', sampleRateHz: 24000 }),
    shaping: { compressorThresholdDb: 0, compressorMakeupDb: 0, lowPassHz: 1000 },
  });
  const level = (hz: number): number => {
    for (let n = 0; n < 50; n += 1) dsp.render(toBytes('l16', sine(hz, 24000, n * 480, 480, 8000)));
    return dsp.renderLevelDbov - 20 * Math.log10(8000 / (32768 * Math.SQRT2));
  };
  assert.ok(Math.abs(level(300)) < 0.05, `${level(300)} dB at 300 Hz`);
  assert.ok(Math.abs(level(1000) + 3.01) < 0.1, `${level(1000)} dB at 1 kHz`);
  assert.ok(level(3000) < -38, `${level(3000)} dB at 3 kHz`);
});

test('the same voice comes out whatever the ptime', () => {
  const pcm = Int16Array.from({ length: 19_200 }, (_, n) => Math.round(25000 * Math.sin(n / 9) * Math.sin(n / 1500)));
  for (const outputHz of [8000, 16000] as const) {
    const rendered = PTIMES_MS.map((ptimeMs) => {
      dsp.configure({
        ...join({ codec: 'l16', sampleRateHz: 8000, ptimeMs }, { codec: 'l16', sampleRateHz: outputHz }),
        shaping: SHAPING,
      });
      const size = (outputHz / 1000) * ptimeMs;
      const out: number[] = [];
      for (let at = 0; at < pcm.length; at += size) {
        out.push(...toSamples('l16', dsp.render(toBytes('l16', pcm.subarray(at, at + size)))));
      }
      return out;
    });
    for (const other of rendered.slice(1)) assert.equal(other, rendered[0]);
  }
});

test('a phrase rings out to its end, then there is digital silence and the next phrase starts afresh', () => {
  for (const audio of FORMATS) {
    for (const backend of FORMATS) {
      for (const lowPassHz of [100, 3400, 20_000]) {
        const name = `${describeAudio(backend)} to ${describeAudio(audio)}, ${lowPassHz} Hz`;
        const shaping = { compressorThresholdDb: -18, compressorMakeupDb: 12, lowPassHz };
        dsp.configure({ ...join({ ...audio, ptimeMs: 10 }, backend), shaping });
        const silent = (frame: Uint8Array): boolean => frame.every((byte) => byte === silenceOf(audio));
        assert.ok(silent(dsp.render(null)), `${name}: silence before the first phrase`);
        const phrase = toBytes(backend.codec, sine(180, backend.sampleRateHz, 0, backend.sampleRateHz / 100, 30000));
        const first = Buffer.from(dsp.render(phrase)).toString('hex');
        const tails: Uint8Array[] = [];
        for (let n = 0; n < 20; n += 1) tails.push(dsp.render(null).slice());
        const sounding = tails.findLastIndex((frame) => !silent(frame));
        assert.ok(sounding < 10, `${name}: still sounding after ${sounding} frames`);
        assert.ok(tails.slice(sounding + 1).every(silent));
        // A-law says +8 for silence until the phrase is over, and 12 dB is made of it; nothing louder is cut off.
        const last = toSamples(audio.codec, tails[Math.max(0, sounding)] ?? new Uint8Array(0)).at(-1) ?? 0;
        assert.ok(Math.abs(last) <= (backend.codec === 'pcma' ? 40 : 8), `${name}: cut off at ${last}`);
        assert.is(dsp.renderLevelDbov, -127);
        // Long after the phrase the compressor has let go too. (A resampler remembers that A-law's silence is +8.)
        if (backend.codec === 'pcma' && audio.sampleRateHz !== backend.sampleRateHz) continue;
        for (let n = 0; n < 150; n += 1) dsp.render(null);
        assert.is(Buffer.from(dsp.render(phrase)).toString('hex'), first, `${name}: the second phrase`);
      }
    }
  }
});

test('absent, or in an earlier call, it changes nothing', () => {
  const options = join(ULAW_LEG, PCMU);
  dsp.configure({ ...options, shaping: SHAPING });
  const loud = toBytes('pcmu', sine(400, 8000, 0, 160, 30000));
  assert.not.equal(dsp.render(loud), loud);
  dsp.configure(options);
  assert.ok(dsp.renderPassThrough);
  assert.equal(dsp.render(loud), loud);
  const fresh = new WasmDsp(module);
  fresh.configure(options);
  fresh.render(loud);
  assert.is(Buffer.compare(dsp.snapshot(), fresh.snapshot()), 0);
});

test('the gain ramps behind the ceiling, so a fade is still a fade', () => {
  dsp.configure({
    ...join({ codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 }, { codec: 'l16', sampleRateHz: 8000 }),
    shaping: { compressorThresholdDb: 0, compressorMakeupDb: 24, lowPassHz: 20_000 },
  });
  const frame = toBytes('l16', new Int16Array(160).fill(20_000));
  assert.ok(toSamples('l16', dsp.render(frame)).every((x) => x === 29_204));
  dsp.rampGain(0, 20);
  toSamples('l16', dsp.render(frame)).forEach((x, n) =>
    assert.ok(Math.abs(x - 29_204 * (1 - (n + 1) / 160)) <= 1, `sample ${n}: ${x}`),
  );
  assert.ok(toSamples('l16', dsp.render(frame)).every((x) => x === 0));
});

test('what it cannot do is refused, at the edges and in between', () => {
  const refusal = (change: Partial<ShapingOptions>): string | null => {
    try {
      dsp.configure({ ...join(ULAW_LEG, PCMU), shaping: { ...SHAPING, ...change } });
      return null;
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_DSP_OPTIONS'));
      return String(error.details['option']);
    }
  };
  const edges = {
    compressorThresholdDb: [-60, 0, -60.1, 0.1],
    compressorMakeupDb: [0, 24, -0.1, 24.1],
    lowPassHz: [100, 20_000, 99, 20_001],
  } as const;
  for (const [key, [lowest, highest, below, above]] of Object.entries(edges)) {
    for (const value of [lowest, highest]) assert.is(refusal({ [key]: value }), null, `${key} ${value}`);
    for (const value of [below, above, Number.NaN, Infinity])
      assert.is(refusal({ [key]: value }), 'shaping', `${key} ${value}`);
  }
});

test.run();

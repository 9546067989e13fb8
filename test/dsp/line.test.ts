/** What a call's chain does and hears on the caller's side, as the host uses it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat, MediaFormat, SampleRateHz } from '../../src/core/media.ts';
import { frameBytes } from '../../src/core/media.ts';
import type { DspOptions } from '../../src/dsp/dsp.ts';
import { RESAMPLINGS } from '../../src/dsp/dsp.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import { WasmDsp } from '../../src/dsp/wasm-dsp.ts';
import { dBovOf, noise, rounded, scaled } from '../assembly/line-noise.ts';
import { say } from './speech.ts';
import { sine, toBytes, toSamples } from './wire.ts';

const module = await DspModule.load();
const LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
const WIDE: MediaFormat = { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 };
const ALL_OFF = { highPassHz: 0, noiseSuppressionDb: 0, agcTargetDbov: 0 };
const HEARING = { dtmf: true, progress: true, suspicion: true };

function chain(options: Partial<DspOptions> = {}): WasmDsp {
  const dsp = new WasmDsp(module);
  dsp.configure({ leg: LEG, backendInput: LEG, backendOutput: LEG, ...options });
  return dsp;
}

/** What the backend hears of `pcm`, which is at the rate of the leg. */
function heard(dsp: WasmDsp, leg: MediaFormat, input: AudioFormat, pcm: Int16Array): Int16Array {
  const bytes = toBytes(leg.codec, pcm);
  const size = frameBytes(leg);
  const out: number[] = [];
  for (let at = 0; at + size <= bytes.length; at += size) {
    out.push(...toSamples(input.codec, dsp.capture(bytes.subarray(at, at + size))));
  }
  return Int16Array.from(out);
}

test('cleaning that is all off, and listening, change no byte and leave the pass-through', () => {
  const plain = chain();
  const listening = chain({ cleaning: ALL_OFF, hearing: HEARING });
  assert.ok(listening.capturePassThrough && listening.renderPassThrough);
  const wire = toBytes('pcmu', rounded(noise('pink', -20, 2, 8000)));
  for (let at = 0; at + 160 <= wire.length; at += 160) {
    const frame = wire.subarray(at, at + 160);
    const lost = (at / 160) % 7 === 3;
    assert.equal(listening.capture(lost ? null : frame).slice(), plain.capture(lost ? null : frame).slice());
    assert.equal(listening.render(lost ? null : frame).slice(), plain.render(lost ? null : frame).slice());
    assert.is(listening.speechProbability, plain.speechProbability);
  }
});

test('each of the cleaning reaches the backend, whatever leg and backend are', () => {
  const backends: readonly AudioFormat[] = [
    LEG,
    { codec: 'l16', sampleRateHz: 8000 },
    { codec: 'l16', sampleRateHz: 24_000 },
  ];
  for (const leg of [LEG, WIDE]) {
    for (const backendInput of [...backends, WIDE]) {
      const rateHz = leg.sampleRateHz;
      const hum = sine(50, rateHz, 0, 2 * rateHz, 8000);
      const level = (cleaning: typeof ALL_OFF, pcm: Int16Array): number => {
        const out = heard(chain({ leg, backendInput, cleaning }), leg, backendInput, pcm);
        return dBovOf(out.subarray(out.length / 2));
      };
      const filtered = level({ ...ALL_OFF, highPassHz: 150 }, hum);
      assert.ok(filtered < level(ALL_OFF, hum) - 30, `hum comes out at ${filtered} dBov`);
      const hiss = rounded(noise('white', -35, 3, rateHz));
      const taken = level(ALL_OFF, hiss) - level({ ...ALL_OFF, noiseSuppressionDb: 12 }, hiss);
      assert.ok(taken > 9.5 && taken < 13.5, `noise goes down by ${taken} dB`);
    }
  }
});

test('the gain control follows the detector of the same call', () => {
  const said = Float64Array.from(
    say('She had your dark suit in greasy wash water all year, and nobody asked her why.', 'rms'),
  );
  const quiet = rounded(
    scaled(
      Float64Array.from({ length: said.length * 3 }, (_, n) => said[n % said.length]!),
      -40,
    ),
  );
  const raised = heard(chain({ cleaning: { ...ALL_OFF, agcTargetDbov: -22 } }), LEG, LEG, quiet);
  const last = -said.length;
  const gain = dBovOf(raised.slice(last)) - dBovOf(quiet.slice(last));
  assert.ok(gain > 10 && gain < 20.5, `raised by ${gain} dB`);
});

test('what is out of bounds is refused, and a call is what it was before', () => {
  for (const cleaning of [
    { ...ALL_OFF, highPassHz: 5 },
    { ...ALL_OFF, noiseSuppressionDb: 40 },
    { ...ALL_OFF, agcTargetDbov: 3 },
  ]) {
    assert.throws(
      () => chain({ cleaning }),
      (error: { code?: string }) => error.code === 'ERR_TALKSPURT_DSP_OPTIONS',
    );
  }
});

test('a key in the audio is news, once, at any rate of the leg', () => {
  for (const leg of [LEG, WIDE]) {
    const dsp = chain({ leg, hearing: HEARING });
    const rateHz = leg.sampleRateHz;
    const [low, high] = [sine(770, rateHz, 0, rateHz / 10, 6000), sine(1336, rateHz, 0, rateHz / 10, 6000)];
    const pcm = Int16Array.from({ length: rateHz / 2 }, (_, n) => (low[n] ?? 0) + (high[n] ?? 0));
    const bytes = toBytes(leg.codec, pcm);
    const told: string[] = [];
    for (let at = 0; at + frameBytes(leg) <= bytes.length; at += frameBytes(leg)) {
      dsp.capture(bytes.subarray(at, at + frameBytes(leg)));
      if (dsp.news) told.push(`${dsp.heardDigit}`);
      if (dsp.news) assert.ok(Math.abs(dsp.heardDigitMs - 100) <= 10);
    }
    assert.equal(told, ['5']);
  }
});

test('a progress tone is news, once', () => {
  const dsp = chain({ hearing: { ...HEARING, suspicion: false } });
  const wire = toBytes('pcmu', sine(2100, 8000, 0, 24_000, 8000));
  const told: unknown[] = [];
  for (let at = 0; at + 160 <= wire.length; at += 160) {
    dsp.capture(wire.subarray(at, at + 160));
    if (dsp.news) told.push(dsp.heardProgress);
  }
  assert.equal(told, ['fax-answer']);
});

test('a lie of either side is news until it is read, and again when it is gone', () => {
  const options = { backendOutput: { codec: 'l16', sampleRateHz: 24_000 }, hearing: HEARING } as const;
  const dsp = chain(options);
  const voice = Int16Array.from({ length: 24_000 }, (_, n) => Math.round(6000 * Math.sin(n / 9) * Math.sin(n / 800)));
  const swapped = toBytes('l16', voice).map((_, n, bytes) => bytes[n ^ 1]!);
  const honest = toBytes('pcmu', voice);
  for (let frame = 0; frame < 25; frame += 1) {
    assert.not.ok(dsp.news, `frame ${frame}`);
    dsp.capture(honest.subarray(frame * 160, frame * 160 + 160));
    dsp.render(swapped.subarray(frame * 960, frame * 960 + 960));
  }
  assert.ok(dsp.news);
  assert.equal([dsp.captureSuspects, dsp.renderSuspects], [[], ['byte-order']]);
  assert.not.ok(dsp.news);
  const good = toBytes('l16', voice);
  for (let frame = 0; frame < 26; frame += 1) dsp.render(good.subarray((frame % 20) * 960, (frame % 20) * 960 + 960));
  assert.ok(dsp.news);
  assert.equal(dsp.renderSuspects, []);
});

test('keys are sent in the place of the agent, and one dialling at a time', () => {
  const dsp = chain({ backendOutput: { codec: 'l16', sampleRateHz: 24_000 } });
  const ear = chain({ hearing: HEARING });
  const agent = toBytes('l16', sine(300, 24_000, 0, 480, 9000));
  dsp.dial('1a#w9', 100, 60);
  assert.throws(
    () => dsp.dial('2', 100, 60),
    (error: { code?: string }) => error.code === 'ERR_TALKSPURT_DSP_OPTIONS',
  );
  let keys = '';
  let frames = 0;
  while (dsp.dialling && frames < 200) {
    ear.capture(dsp.render(agent).slice());
    keys += ear.heardDigit ?? '';
    frames += 1;
  }
  for (let rest = 0; rest < 4; rest += 1) {
    ear.capture(null);
    keys += ear.heardDigit ?? '';
  }
  assert.is(keys, '1A#9');
  assert.is(frames, (4 * 160 + 500) / 20);
  // The agent is back.
  dsp.render(agent);
  assert.ok(dBovOf(toSamples('pcmu', dsp.render(agent))) > -20);
});

test('nothing of a phrase that keys cut off is heard behind them, and the next begins as the first did', () => {
  const rates = [8000, 16_000, 24_000, 48_000] as const;
  const said = (sampleRateHz: SampleRateHz): Uint8Array =>
    toBytes('l16', sine(300, sampleRateHz, 0, sampleRateHz / 50, 20_000));
  for (const resampling of RESAMPLINGS) {
    for (const [fromHz, toHz] of rates.flatMap((from) => rates.map((to) => [from, to] as const))) {
      for (const shaped of [{}, { shaping: { compressorThresholdDb: 0, compressorMakeupDb: 0, lowPassHz: 300 } }]) {
        const leg: MediaFormat = { codec: 'l16', sampleRateHz: toHz, ptimeMs: 20 };
        const dsp = chain({ leg, backendOutput: { codec: 'l16', sampleRateHz: fromHz }, resampling, ...shaped });
        const first = dsp.render(said(fromHz)).slice();
        dsp.render(said(fromHz));
        dsp.dial('1', 60, 60);
        while (dsp.dialling) dsp.render(null);
        const name = `${resampling}, ${fromHz} to ${toHz}`;
        assert.ok(
          dsp.render(null).every((byte) => byte === 0),
          `${name}: silence behind the keys`,
        );
        if (!('shaping' in shaped)) assert.equal(dsp.render(said(fromHz)).slice(), first, name);
      }
    }
  }
});

test('a call that is given back leaves nothing of its line', () => {
  const dsp = chain({ cleaning: { highPassHz: 100, noiseSuppressionDb: 12, agcTargetDbov: -22 }, hearing: HEARING });
  const fresh = new WasmDsp(module);
  fresh.restore();
  for (let frame = 0; frame < 60; frame += 1) dsp.capture(toBytes('pcmu', sine(697, 8000, frame * 160, 160, 9000)));
  dsp.dial('123', 100, 60);
  dsp.render(null);
  dsp.restore();
  assert.is(Buffer.compare(dsp.snapshot(), fresh.snapshot()), 0);
  dsp.configure({ leg: LEG, backendInput: LEG, backendOutput: LEG });
  assert.ok(dsp.capturePassThrough && !dsp.dialling && !dsp.news);
});

test.run();

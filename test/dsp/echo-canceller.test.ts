/** The echo canceller within a call: what the caller was really given is the reference, bytes pass untouched without echo. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import { describeAudio, frameBytes, frameSamples } from '../../src/core/media.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import type { EchoCancellerMode } from '../../src/dsp/dsp.ts';
import { WasmDsp } from '../../src/dsp/wasm-dsp.ts';
import { agentSpeech, callerSpeech, hybrid, levelDb } from './echo-scene.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { toBytes, toSamples } from './wire.ts';

const dsp = new WasmDsp(await DspModule.load());
const library = await loadDsp();
const SECONDS = 6;
const agentAt8k = Int16Array.from(agentSpeech(SECONDS));
const callerAt8k = Int16Array.from(callerSpeech(SECONDS));
const ULAW: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };

interface Call {
  readonly leg: MediaFormat;
  readonly backend: AudioFormat;
  readonly mode: EchoCancellerMode;
  /** Gain of what comes back, dB; null: nothing does. */
  readonly echoDb: number | null;
  readonly callerSpeaks?: boolean;
  /** The agent is turned down to this for a second, now and then. */
  readonly duck?: number;
}

/** Runs a call whose caller hears exactly what `render` returned, and gives some of it back 100 ms later. */
function run({ leg, backend, mode, echoDb, callerSpeaks = false, duck }: Call) {
  dsp.configure({ leg, backendInput: backend, backendOutput: backend, echoCanceller: mode });
  const samples = frameSamples(leg);
  const rate = leg.sampleRateHz / 8000;
  const said = library.resample(agentAt8k, 8000, backend.sampleRateHz);
  const near = library.resample(callerAt8k, 8000, leg.sampleRateHz);
  const path = echoDb === null ? [] : hybrid(echoDb, 21);
  const played = new Float64Array(SECONDS * leg.sampleRateHz);
  const heard: Int16Array[] = [];
  const wires: Uint8Array[] = [];
  const backs: Uint8Array[] = [];
  const speech: number[] = [];
  const saidSamples = (backend.sampleRateHz / 1000) * leg.ptimeMs;
  for (let n = 0; (n + 1) * samples <= played.length; n += 1) {
    const wire = toBytes(leg.codec, comeBack(played, path, rate, n * samples, samples, callerSpeaks ? near : null));
    wires.push(wire.slice());
    const back = dsp.capture(wire).slice();
    backs.push(back);
    heard.push(toSamples(backend.codec, back));
    speech.push(dsp.speechProbability);
    if (duck !== undefined && n % 50 === 0) dsp.rampGain(n % 100 === 0 ? duck : 1, 40);
    const out = dsp.render(toBytes(backend.codec, said.subarray(n * saidSamples, (n + 1) * saidSamples)));
    played.set(toSamples(leg.codec, out), n * samples);
  }
  return { wires, backs, heard, speech, ...measures(wires, heard, leg) };
}

/** What the caller's side sends: the path at 8 kHz applies to every `rate`-th sample, which is enough for an echo. */
function comeBack(
  played: Float64Array,
  path: readonly number[],
  rate: number,
  from: number,
  samples: number,
  near: Int16Array | null,
): Int16Array {
  return Int16Array.from({ length: samples }, (_, i) => {
    const at = from + i - 800 * rate;
    let sum = near?.[from + i] ?? 0;
    path.forEach((tap, k) => (sum += tap * (played[at - k * rate] ?? 0)));
    return Math.max(-32768, Math.min(32767, Math.round(sum)));
  });
}

/** From 2 s on: how much quieter the backend hears the line than it is. */
function measures(wires: readonly Uint8Array[], heard: readonly Int16Array[], leg: MediaFormat): { erleDb: number } {
  const level = (frames: readonly Int16Array[]): number => {
    const all = frames.slice((2000 / leg.ptimeMs) | 0).flatMap((frame) => [...frame]);
    return levelDb(all, 0, all.length) - 10 * Math.log10(all.length);
  };
  return { erleDb: level(wires.map((wire) => toSamples(leg.codec, wire))) - level(heard) };
}

for (const [leg, backend] of [
  [ULAW, ULAW],
  [{ ...ULAW, codec: 'pcma' }, ULAW],
  [
    { ...ULAW, ptimeMs: 10 },
    { codec: 'l16', sampleRateHz: 24000 },
  ],
  [
    { codec: 'l16', sampleRateHz: 8000, ptimeMs: 30 },
    { codec: 'l16', sampleRateHz: 16000 },
  ],
] as readonly (readonly [MediaFormat, AudioFormat])[]) {
  test(`${describeAudio(leg)} every ${leg.ptimeMs} ms with ${describeAudio(backend)}: the echo is 20 dB less`, () => {
    const { erleDb, speech } = run({ leg, backend, mode: 'auto', echoDb: -12 });
    assert.ok(erleDb > 20, `${erleDb} dB`);
    assert.ok(
      dsp.erleDb > 6 && dsp.echoDelayMs > 90 && dsp.echoDelayMs < 150,
      `${dsp.erleDb} dB, ${dsp.echoDelayMs} ms`,
    );
    const later = speech.slice((2000 / leg.ptimeMs) | 0);
    const mistaken = later.filter((probability) => probability > 0.5).length / later.length;
    assert.ok(mistaken < 0.08, `the agent is taken for the caller in ${mistaken} of the frames`);
  });
}

test('without echo a pass-through leg hands on the very bytes, whoever speaks', () => {
  const { wires, backs } = run({ leg: ULAW, backend: ULAW, mode: 'auto', echoDb: null, callerSpeaks: true });
  assert.ok(dsp.capturePassThrough);
  assert.equal(backs, wires);
  assert.is(dsp.echoDelayMs, -1);
  assert.is(dsp.erleDb, 0);
});

test('render leaves alone what capture returned', () => {
  const wide: AudioFormat = { codec: 'l16', sampleRateHz: 24000 };
  dsp.configure({ leg: ULAW, backendInput: wide, backendOutput: wide, echoCanceller: 'on' });
  for (let n = 0; n < 100; n += 1) {
    const heard = dsp.capture(toBytes('pcmu', callerAt8k.subarray(n * 160, n * 160 + 160)));
    const kept = heard.slice();
    dsp.render(new Uint8Array(960).fill(n));
    assert.equal(heard, kept);
  }
});

test('off means off: the echo comes through, to the bit, and nothing is measured', () => {
  const { wires, backs } = run({ leg: ULAW, backend: ULAW, mode: 'off', echoDb: -12 });
  assert.equal(backs, wires);
  assert.is(dsp.echoLikely, false);
});

test('on: as auto, and not a frame later', () => {
  const auto = run({ leg: ULAW, backend: ULAW, mode: 'auto', echoDb: -12 });
  const on = run({ leg: ULAW, backend: ULAW, mode: 'on', echoDb: -12 });
  const first = ({ wires, backs }: typeof auto): number =>
    wires.findIndex((wire, n) => !Buffer.from(wire).equals(backs[n] ?? wire));
  assert.ok(first(on) <= first(auto), `${first(on)} and ${first(auto)}`);
  assert.ok(on.erleDb > 20);
});

test('the reference is what the caller is given: a ducked agent is cancelled as well', () => {
  const { erleDb } = run({
    leg: ULAW,
    backend: { codec: 'l16', sampleRateHz: 24000 },
    mode: 'auto',
    echoDb: -12,
    duck: 0.35,
  });
  assert.ok(erleDb > 20, `${erleDb} dB`);
});

test('a wide leg: the 8 kHz view is cleaned, and what is above goes down with it', () => {
  const leg: MediaFormat = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 };
  const { erleDb, speech } = run({ leg, backend: { codec: 'l16', sampleRateHz: 16000 }, mode: 'auto', echoDb: -12 });
  assert.ok(erleDb > 15, `${erleDb} dB`);
  const mistaken = speech.slice(100).filter((probability) => probability > 0.5).length / speech.slice(100).length;
  assert.ok(mistaken < 0.08, `${mistaken}`);
  const clean = run({
    leg,
    backend: { codec: 'l16', sampleRateHz: 16000 },
    mode: 'auto',
    echoDb: null,
    callerSpeaks: true,
  });
  assert.equal(clean.backs, clean.wires, 'without echo the bytes pass');
});

test('a lost frame is concealed from what was cleaned, not from the echo', () => {
  dsp.configure({ leg: ULAW, backendInput: ULAW, backendOutput: ULAW, echoCanceller: 'auto' });
  const path = hybrid(-12, 21);
  const played = new Float64Array(SECONDS * 8000);
  let [lostEnergy, wireEnergy] = [0, 0];
  for (let n = 0; n < SECONDS * 50; n += 1) {
    const wire = toBytes('pcmu', comeBack(played, path, 1, n * 160, 160, null));
    const lost = n % 10 === 9;
    const heard = toSamples('pcmu', dsp.capture(lost ? null : wire));
    if (lost && n > 100) {
      lostEnergy += heard.reduce((sum, x) => sum + x * x, 1);
      wireEnergy += toSamples('pcmu', wire).reduce((sum, x) => sum + x * x, 1);
    }
    played.set(toSamples('pcmu', dsp.render(toBytes('pcmu', agentAt8k.subarray(n * 160, n * 160 + 160)))), n * 160);
  }
  assert.ok(10 * Math.log10(wireEnergy / lostEnergy) > 10, `${10 * Math.log10(wireEnergy / lostEnergy)} dB`);
  assert.is(dsp.capture(new Uint8Array(frameBytes(ULAW)).fill(0xff)).length, 160);
});

test.run();

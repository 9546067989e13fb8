/** Progress tones: the plans of three regions as their standards write them, through µ-law and noise; and speech, which is none. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { say } from '../dsp/speech.ts';
import { toBytes, toSamples } from '../dsp/wire.ts';
import { CoreInstance } from './core-instance.ts';
import { noise, rounded } from './line-noise.ts';

const core = new CoreInstance();
const { exports } = core;
const NAMES = new Map<number, string>([
  [exports.PROGRESS_DIAL.value, 'dial'],
  [exports.PROGRESS_BUSY.value, 'busy'],
  [exports.PROGRESS_CONGESTION.value, 'congestion'],
  [exports.PROGRESS_RINGBACK.value, 'ringback'],
  [exports.PROGRESS_FAX_CALLING.value, 'fax-calling'],
  [exports.PROGRESS_FAX_ANSWER.value, 'fax-answer'],
  [exports.PROGRESS_BEEP.value, 'beep'],
]);

interface Signal {
  readonly name: string;
  readonly hz: readonly number[];
  /** On, off, on, off …, ms; repeated. */
  readonly cadence: readonly number[];
  readonly heard: string;
  /** It has to be told by then, s. */
  readonly withinS: number;
}

/** ANSI T1.401 (US), ITU-T E.180 supplement 2 (EU, UK), ITU-T T.30 (fax). */
const SIGNALS: readonly Signal[] = [
  { name: 'US dial', hz: [350, 440], cadence: [20_000, 0], heard: 'dial', withinS: 1.8 },
  { name: 'US busy', hz: [480, 620], cadence: [500, 500], heard: 'busy', withinS: 2.2 },
  { name: 'US congestion', hz: [480, 620], cadence: [250, 250], heard: 'congestion', withinS: 1.2 },
  { name: 'US ringback', hz: [440, 480], cadence: [2000, 4000], heard: 'ringback', withinS: 1 },
  { name: 'EU dial', hz: [425], cadence: [20_000, 0], heard: 'dial', withinS: 2.8 },
  { name: 'EU busy', hz: [425], cadence: [500, 500], heard: 'busy', withinS: 2.2 },
  { name: 'EU congestion', hz: [425], cadence: [250, 250], heard: 'congestion', withinS: 1.2 },
  { name: 'EU congestion, quick', hz: [425], cadence: [200, 200], heard: 'congestion', withinS: 1 },
  { name: 'EU ringback', hz: [425], cadence: [1000, 4000], heard: 'ringback', withinS: 2.8 },
  { name: 'UK dial', hz: [350, 450], cadence: [20_000, 0], heard: 'dial', withinS: 1.8 },
  { name: 'UK busy', hz: [400], cadence: [375, 375], heard: 'busy', withinS: 1.8 },
  { name: 'UK congestion', hz: [400], cadence: [400, 350, 225, 525], heard: 'congestion', withinS: 1.8 },
  { name: 'UK ringback', hz: [400, 450], cadence: [400, 200, 400, 2000], heard: 'ringback', withinS: 1 },
  { name: 'CNG', hz: [1100], cadence: [500, 3000], heard: 'fax-calling', withinS: 0.7 },
  { name: 'CED', hz: [2100], cadence: [3000, 20_000], heard: 'fax-answer', withinS: 1 },
  { name: 'beep of 1 kHz', hz: [1000], cadence: [640, 20_000], heard: 'beep', withinS: 0.8 },
  { name: 'short beep', hz: [1400], cadence: [180, 20_000], heard: 'beep', withinS: 0.4 },
];

interface Condition {
  readonly dBm0?: number;
  readonly noiseDbov?: number;
  readonly deviation?: number;
  readonly startMs?: number;
  readonly seconds?: number;
}

function sound({ hz, cadence }: Signal, condition: Condition = {}): Int16Array {
  const { dBm0 = -16, noiseDbov = -60, deviation = 0, startMs = 500, seconds = 6 } = condition;
  // Of a pair, each has half the power; a full-scale sine has 3.17 dBm0.
  const amplitude = (32767 * 10 ** ((dBm0 - 3.17) / 20)) / Math.sqrt(hz.length);
  const period = cadence.reduce((a, b) => a + b, 0);
  const on = (ms: number): boolean => {
    let left = ms % period;
    for (let part = 0; part < cadence.length; part += 1) {
      if (left < cadence[part]!) return part % 2 === 0;
      left -= cadence[part]!;
    }
    return false;
  };
  const floor = noise('white', noiseDbov, seconds, 8000, 3);
  const pcm = floor.map((x, n) => {
    const ms = n / 8 - startMs;
    if (ms < 0 || !on(ms)) return x;
    return hz.reduce((sum, f, k) => sum + amplitude * Math.sin((2 * Math.PI * f * (1 + deviation) * n) / 8000 + k), x);
  });
  return toSamples('pcmu', toBytes('pcmu', rounded(pcm)));
}

function listen(pcm: Int16Array, size = 160): { readonly heard: string; readonly atS: number }[] {
  exports.progressStart();
  const told: { heard: string; atS: number }[] = [];
  for (let at = 0; at + size <= pcm.length; at += size) {
    core.samples(core.to, size).set(pcm.subarray(at, at + size));
    const number = exports.progressHear(core.to, size);
    if (number !== 0) told.push({ heard: NAMES.get(number) ?? '?', atS: (at + size) / 8000 });
  }
  return told;
}

for (const signal of SIGNALS) {
  test(`${signal.name} is heard, once, in time, and as nothing else`, () => {
    const conditions: readonly Condition[] = [
      {},
      { dBm0: -6 },
      { dBm0: -28 },
      { noiseDbov: -48 },
      { deviation: 0.01 },
      { deviation: -0.01 },
      { startMs: 503.7 },
      { startMs: 0 },
    ];
    for (const condition of conditions) {
      const told = listen(sound(signal, condition));
      const what = `${JSON.stringify(condition)}: ${JSON.stringify(told)}`;
      assert.is(told.length, 1, what);
      assert.is(told[0]?.heard, signal.heard, what);
      assert.ok((told[0]?.atS ?? 9) <= signal.withinS + (condition.startMs ?? 500) / 1000 + 0.02, what);
    }
  });
}

test('the cut into frames never shows', () => {
  for (const signal of SIGNALS) {
    const pcm = sound(signal);
    const [coarse, fine] = [listen(pcm, 480), listen(pcm, 80)];
    assert.equal(
      coarse.map(({ heard }) => heard),
      fine.map(({ heard }) => heard),
    );
  }
});

test('a signal is told again only after ten seconds without it', () => {
  const busy = SIGNALS[1]!;
  const long = sound(busy, { seconds: 8 });
  const gap = new Int16Array(8000 * 11);
  assert.is(listen(Int16Array.from([...long, ...long])).length, 1);
  assert.is(listen(Int16Array.from([...long, ...gap, ...long])).length, 2);
});

test('speech, noise and silence are no tones', () => {
  const texts = [
    'Hello, who is there? Oh no, I will call you again tomorrow morning.',
    'Mmm. Aaah. Ooh, you knew who it was.',
  ];
  for (const voice of ['rms', 'slt', 'awb'] as const) {
    for (const text of texts) assert.equal(listen(say(text, voice)), [], `${voice}: ${text}`);
  }
  for (const kind of ['white', 'pink', 'car'] as const) assert.equal(listen(rounded(noise(kind, -25, 10, 8000))), []);
  assert.equal(listen(new Int16Array(80_000)), []);
});

test('of 25 minutes of recorded people and one beep only the beep is told', () => {
  const folder = fileURLToPath(new URL('../../.cache/asterisk/root/usr/share/asterisk/sounds/en', import.meta.url));
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.wav'),
  )) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf('data') + 8;
    const pcm = new Int16Array(
      bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + ((bytes.length - at) & ~1)),
    );
    const heard = listen(Int16Array.from([...pcm, ...new Int16Array(16_000)])).map((told) => told.heard);
    assert.equal(heard, name === 'beep.wav' ? ['beep'] : [], name);
  }
});

test.run();

/** The doctor's call: every fault of a line is found by its figures and named with its fix; a good line has none. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LINE_BARS, judgeLine } from '../../../src/cli/doctor/call/judge-line.ts';
import { measureLine } from '../../../src/cli/doctor/call/measure-line.ts';
import type { LineMeasure } from '../../../src/cli/doctor/call/measure-line.ts';
import { runLine } from '../../../src/cli/doctor/call/run-line.ts';
import { makeTestSignal, SIGNAL_PEAK } from '../../../src/cli/doctor/call/test-signal.ts';
import { findingSchema } from '../../../src/cli/doctor/finding.ts';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import type { MediaFormat } from '../../../src/core/media.ts';
import { A_LAW, MU_LAW } from '../../../src/simulator/g711-table.ts';
import { SpeechSynthesizer } from '../../../src/simulator/speech.ts';
import { FakeClock, settle } from '../../sim/fake-clock.ts';
import { FaultyLine } from './faulty-line.ts';
import type { LineFaults } from './faulty-line.ts';

const test = suite('the line of the doctor');
const speaker = new SpeechSynthesizer();
const spoken = await speaker.synthesize('This is the doctor. The line is being measured.', 'kal');
await speaker.close();
assert.is(spoken.sampleRateHz, 8_000);
const signal = makeTestSignal(spoken.samples);

const events = { eventKeysOut: null, eventKeysBack: '42' };
const L16: MediaFormat = { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 };

async function through(faults: LineFaults): Promise<{ back: LineMeasure; findings: Finding[] }> {
  const clock = new FakeClock();
  const line = new FaultyLine(clock, faults);
  const running = runLine(line, signal, { clock, abort: new AbortController().signal });
  for (let ms = 0; ms < signal.durationMs + 3_000; ms += 1_000) {
    clock.advance(1_000);
    await settle();
  }
  const back = measureLine(await running, signal);
  const findings = judgeLine({ about: 'test', back, out: null, ...events });
  for (const finding of findings) assert.ok(findingSchema.safeParse(finding).success);
  assert.is(clock.pending, 0, 'no timer is left');
  return { back, findings };
}

const bad = (findings: readonly Finding[]): string[] =>
  findings.filter(({ verdict }) => verdict !== 'pass').map(({ id, verdict }) => `${id} ${verdict}`);

for (const format of [
  { codec: 'pcmu', sampleRateHz: 8_000, ptimeMs: 20 },
  { codec: 'pcma', sampleRateHz: 8_000, ptimeMs: 30 },
  { codec: 'l16', sampleRateHz: 8_000, ptimeMs: 10 },
  { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 },
  { codec: 'l16', sampleRateHz: 48_000, ptimeMs: 20 },
] as const) {
  test(`a good line of ${format.codec}/${format.sampleRateHz}@${format.ptimeMs}ms has no fault, and its delay is told`, async () => {
    const { back, findings } = await through({ format, delayMs: 85 });
    assert.equal(bad(findings), []);
    // The far end hears a frame when all of it is there.
    assert.ok(Math.abs((back.delayMs ?? 0) - 85) < 2, `${back.delayMs} ms`);
    assert.equal([back.lossPct, back.keys], [0, '159#']);
    assert.ok(Math.abs(back.gainDb ?? 9) < 0.5, `${back.gainDb} dB`);
    assert.ok(Math.abs((back.rateRatio ?? 0) - 1) < 1e-5, `${back.rateRatio}`);
    assert.ok((back.speechMatch ?? 0) > 0.95, `${back.speechMatch}`);
  });
}

test('20 % loss on the way back is found, by the numbers and by ear', async () => {
  const { back, findings } = await through({ loss: 0.2 });
  assert.ok(Math.abs(back.wireLossPct - 20) < 4, `${back.wireLossPct} %`);
  assert.ok(Math.abs((back.lossPct ?? 0) - 20) < 6, `${back.lossPct} %`);
  assert.ok(bad(findings).includes('call.loss fail'));
  assert.match(findings.find(({ id }) => id === 'call.loss')?.text ?? '', /packets from the switch are missing/);
});

test('20 % loss on the way out is found by ear alone', async () => {
  const { back, findings } = await through({ loss: 0.2, lostWhere: 'out' });
  assert.is(back.wireLossPct, 0);
  assert.ok(Math.abs((back.lossPct ?? 0) - 20) < 6, `${back.lossPct} %`);
  assert.ok(bad(findings).includes('call.loss fail'));
  assert.not.match(findings.find(({ id }) => id === 'call.loss')?.text ?? '', /missing/);
});

test('half a per cent is no fault, two are worth a word', async () => {
  assert.ok(!bad((await through({ loss: 0.004 })).findings).some((each) => each.startsWith('call.loss')));
  assert.ok(bad((await through({ loss: 0.025 })).findings).includes('call.loss warn'));
});

const scaled =
  (db: number) =>
  (payload: Uint8Array): Uint8Array =>
    payload.map((code) => MU_LAW.encode[Math.round((MU_LAW.decode[code] ?? 0) * 10 ** (db / 20)) + 32_768] ?? 0);

test('20 dB less is found, and said to be quieter', async () => {
  const { back, findings } = await through({ change: scaled(-20) });
  assert.ok(Math.abs((back.gainDb ?? 0) + 20) < 0.5, `${back.gainDb} dB`);
  assert.equal(bad(findings), ['call.level fail']);
  assert.match(findings.find(({ id }) => id === 'call.level')?.text ?? '', /(19\.\d|20(\.\d)?) dB quieter/);
  assert.equal(bad((await through({ change: scaled(-6) })).findings), ['call.level warn']);
});

test('the other byte order is named', async () => {
  const swap = (payload: Uint8Array): Uint8Array => payload.map((_, at) => payload[at ^ 1] ?? 0);
  const { findings } = await through({ format: L16, change: swap });
  assert.equal(bad(findings), ['call.byte-order fail']);
  assert.match(findings[0]?.fix ?? '', /big endian/);
});

test('µ-law that is A-law is named', async () => {
  const recode = (payload: Uint8Array): Uint8Array =>
    payload.map((code) => A_LAW.encode[(MU_LAW.decode[code] ?? 0) + 32_768] ?? 0);
  const { back, findings } = await through({ change: recode });
  assert.is(back.reading, 'pcma');
  assert.equal(bad(findings), ['call.codec fail']);
  assert.match(findings[0]?.text ?? '', /A-law/);
});

test('twice and half the rate are named, with the true one', async () => {
  const samplesOf = (payload: Uint8Array): Int16Array => new Int16Array(payload.slice().buffer);
  // It plays at 8 kHz what is 16: every other sample, twice as fast, and a frame of silence to fill the time.
  let before: Int16Array | null = null;
  const fast = (payload: Uint8Array, index: number): Uint8Array => {
    const now = samplesOf(payload);
    const last = before ?? now;
    before = now;
    if (index % 2 === 0) return new Uint8Array(payload.length);
    const both = Int16Array.from([...last, ...now]);
    return new Uint8Array(Int16Array.from({ length: now.length }, (_, n) => both[2 * n] ?? 0).buffer);
  };
  // Gaps are between them, and a ratio that fits is found all the same.
  const doubled = await through({ format: L16, change: fast });
  assert.ok(doubled.back.rateRatio !== 1, `${doubled.back.rateRatio}`);
  const queue: number[] = [];
  const slow = (payload: Uint8Array): Uint8Array => {
    for (const sample of samplesOf(payload)) queue.push(sample, sample);
    return new Uint8Array(Int16Array.from(queue.splice(0, payload.length / 2)).buffer);
  };
  const halved = await through({ format: L16, change: slow });
  assert.is(halved.back.rateRatio, 0.5);
  assert.equal(bad(halved.findings), ['call.rate fail']);
  assert.match(halved.findings[0]?.text ?? '', /1000 Hz were 500 Hz/);
});

test('a line on which nothing comes back, and one on which silence does, are told apart', async () => {
  const nothing = await through({ change: () => null });
  assert.equal(bad(nothing.findings), ['call.one-way fail']);
  assert.match(nothing.findings[0]?.text ?? '', /no packet came from the switch to us/);
  assert.match(nothing.findings[0]?.fix ?? '', /advertiseHost/);
  const silence = await through({ change: (payload) => new Uint8Array(payload.length).fill(0xff) });
  assert.equal(bad(silence.findings), ['call.one-way fail']);
  assert.match(silence.findings[0]?.text ?? '', /what we send does not reach the switch/);
  assert.match(silence.findings[0]?.fix ?? '', /from here to the switch/);
});

test('with a far end of our own the way that is dead is known', async () => {
  const { back: good } = await through({});
  const { back: dead } = await through({ change: () => null });
  const [out] = judgeLine({ about: '', back: dead, out: dead, ...events });
  assert.match(out?.text ?? '', /no packet came from us to the switch/);
  const [back] = judgeLine({ about: '', back: dead, out: good, ...events });
  assert.match(back?.text ?? '', /no packet came from the switch to us/);
});

test('what is no echo of ours is said to be something else', async () => {
  const hum = (_: Uint8Array, index: number): Uint8Array =>
    Uint8Array.from({ length: 160 }, (_each, n) => {
      const sample = Math.round(4_000 * Math.sin((2 * Math.PI * 50 * (index * 160 + n)) / 8_000));
      return MU_LAW.encode[sample + 32_768] ?? 0;
    });
  assert.equal(bad((await through({ change: hum })).findings), ['call.garbled fail']);
});

test('keys that do not arrive as events are told, with the way', async () => {
  const { back } = await through({});
  const of = (eventKeysOut: string | null, eventKeysBack: string | null): Finding | undefined =>
    judgeLine({ about: '', back, out: null, eventKeysOut, eventKeysBack }).find(({ id }) => id === 'call.key-events');
  assert.equal([of(null, null)?.verdict, of('42', null)?.verdict, of('42', '42')?.verdict], ['skip', 'pass', 'pass']);
  assert.match(of('42', '4')?.text ?? '', /do not arrive from the switch to us$/);
  assert.is(of('', '42')?.verdict, 'warn');
});

test('jitter and a long way are told', async () => {
  const { back, findings } = await through({ delayMs: 900, jitterMs: 120 });
  assert.ok(back.jitterMs > LINE_BARS.jitterMs[0], `${back.jitterMs} ms`);
  assert.ok(bad(findings).includes('call.delay fail'));
  assert.ok(bad(findings).some((each) => each.startsWith('call.jitter')));
});

test('a line that breaks off, and one that is called off, end', async () => {
  const clock = new FakeClock();
  const line = new FaultyLine(clock, {});
  const abort = new AbortController();
  const running = runLine(line, signal, { clock, abort: abort.signal });
  const reason = running.then(
    () => null,
    (error: unknown) => error,
  );
  clock.advance(500);
  abort.abort(new Error('enough'));
  assert.match(String(await reason), 'enough');
  clock.advance(1_000);
  assert.is(clock.pending, 0);
});

test('the signal keeps below full scale, and is not over before it is all said', () => {
  const most = signal.samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  assert.ok(most >= SIGNAL_PEAK - 1 && most < 32_000, `${most}`);
  assert.ok(signal.speech.toMs < signal.durationMs);
});

test.run();

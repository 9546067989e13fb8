/** The streaming stages of `talkspurt/dsp`: what each does, what it refuses, who owns what, and what a trap leaves alive. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ErrorCode } from '../../src/core/errors.ts';
import { TalkspurtError, hasCode } from '../../src/core/errors.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import type { DspSource } from '../../src/dsp/library.ts';
import { DspStages, JitterBuffer, loadDsp } from '../../src/dsp/library.ts';
import { Gain } from '../../src/dsp/stages/gain.ts';
import { StageCore } from '../../src/dsp/stages/stage-core.ts';
import { measureTone, sine, toBytes } from './wire.ts';

const dsp = await DspStages.load();

function levelDbov(pcm: Int16Array): number {
  return 10 * Math.log10(pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length / 32_768 ** 2 + 1e-13);
}

function noise(count: number, amplitude: number, seed = 1): Int16Array {
  let state = seed;
  return Int16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return Math.round((state / 2 ** 31) * amplitude);
  });
}

/** Long arrays: their difference is not worth a page. */
function same(actual: Int16Array | Uint8Array, expected: Int16Array | Uint8Array, why = 'the same samples'): void {
  const at = actual.findIndex((x, n) => x !== expected[n]);
  assert.ok(actual.length === expected.length && at === -1, `${why}: ${actual.length}, ${expected.length}, at ${at}`);
}

function thrown(work: () => unknown): TalkspurtError {
  try {
    work();
  } catch (error) {
    if (error instanceof TalkspurtError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function refuses(option: string, work: () => unknown): void {
  const error = thrown(work);
  assert.is(error.code, 'ERR_TALKSPURT_DSP_OPTIONS' satisfies ErrorCode);
  assert.is(error.details['option'], option);
  assert.match(error.message, option);
}

test('G.711: as an independent implementation, of any length, and back', () => {
  const pcm = noise(5003, 30_000).map((x) => Math.abs(x));
  for (const [law, codec] of [
    ['ulaw', 'pcmu'],
    ['alaw', 'pcma'],
  ] as const) {
    const g711 = dsp.g711({ law });
    const codes = g711.encode(pcm);
    same(codes, toBytes(codec, pcm));
    same(g711.encode(g711.decode(codes)), codes);
    g711.close();
  }
});

test('G.722: a tone comes back, however it is cut', () => {
  const g722 = dsp.g722();
  const pcm = sine(1000, 16_000, 0, 9600, 8000);
  const whole = g722.encode(pcm);
  assert.is(whole.length, 4800);
  const back = g722.decode(whole);
  assert.ok(measureTone(back.subarray(1600), 1000, 16_000).snrDb > 25);
  g722.reset();
  const parts = [pcm.subarray(0, 1602), pcm.subarray(1602)].flatMap((part) => [...g722.encode(part)]);
  same(Uint8Array.from(parts), whole);
  refuses('input', () => g722.encode(new Int16Array(3)));
  g722.close();
});

test('resampler: a tone keeps its pitch and level, the cut does not show, the delay is what it says', () => {
  for (const [fromHz, toHz] of [
    [8000, 24_000],
    [24_000, 8000],
    [48_000, 16_000],
    [16_000, 16_000],
  ] as const) {
    const resampler = dsp.resampler({ fromHz, toHz });
    const pcm = sine(1000, fromHz, 0, fromHz, 10_000);
    const whole = resampler.process(pcm);
    assert.ok(Math.abs(whole.length - toHz) <= 1);
    const { amplitude, snrDb } = measureTone(whole.subarray(toHz / 10, (toHz * 9) / 10), 1000, toHz);
    assert.ok(Math.abs(amplitude - 10_000) < 20 && snrDb > 70, `${amplitude} ${snrDb}`);
    resampler.reset();
    const room = new Int16Array(resampler.mostSamples(777));
    const parts: number[] = [];
    for (let at = 0; at < pcm.length; at += 777) parts.push(...resampler.process(pcm.subarray(at, at + 777), room));
    same(Int16Array.from(parts), whole);
    const impulse = Int16Array.from({ length: 960 }, (_, n) => (n === 480 ? 20_000 : 0));
    resampler.reset();
    const answer = resampler.process(impulse);
    const peak = answer.reduce((best, x, n) => (Math.abs(x) > Math.abs(answer[best]!) ? n : best), 0);
    assert.ok(Math.abs(peak - ((480 * toHz) / fromHz + resampler.delaySamples)) <= 1);
    resampler.close();
  }
});

test('resampler: with minimum phase it is sooner, and all of the end comes with as many zeros as it says', () => {
  for (const filters of ['strict', 'low-delay', 'minimum-phase'] as const) {
    const resampler = dsp.resampler({ fromHz: 48_000, toHz: 16_000, filters });
    assert.is(resampler.delaySamples, { strict: 23, 'low-delay': 15, 'minimum-phase': 1 }[filters]);
    resampler.process(sine(3000, 48_000, 0, 4800, 30_000).map((x) => (x < 0 ? -30_000 : 30_000)));
    const end = resampler.process(new Int16Array(resampler.tailSamples * 3));
    assert.is(end.length, resampler.tailSamples);
    assert.ok(end.some((x) => Math.abs(x) > 3000));
    assert.ok(resampler.process(new Int16Array(4800)).every((x) => x === 0));
    resampler.close();
  }
  const copier = dsp.resampler({ fromHz: 8000, toHz: 8000, filters: 'minimum-phase' });
  assert.equal([copier.delaySamples, copier.tailSamples], [0, 0]);
});

test('resampler: all of the end comes where the input ends within a period too', () => {
  const rates = [8000, 16_000, 24_000, 48_000] as const;
  for (const filters of ['strict', 'low-delay', 'minimum-phase'] as const) {
    for (const [fromHz, toHz] of rates.flatMap((from) => rates.map((to) => [from, to] as const))) {
      for (let more = 0; more < 6; more += 1) {
        const resampler = dsp.resampler({ fromHz, toHz, filters });
        const loud = Int16Array.from({ length: 960 + more }, (_, n) => ((n * 7919) % 13 < 6 ? 30_000 : -30_000));
        resampler.process(loud);
        resampler.process(new Int16Array((resampler.tailSamples * fromHz) / toHz));
        const rest = resampler.process(new Int16Array(960));
        assert.ok(
          rest.every((x) => x === 0),
          `${filters}, ${fromHz} to ${toHz}, ${more} samples more`,
        );
        resampler.close();
      }
    }
  }
});

test('voice activity: silence is none; both kinds, any rate, any cut', () => {
  for (const kind of ['neural', 'statistical'] as const) {
    const vad = dsp.vad({ kind, aggressiveness: 3, sampleRateHz: 16_000 });
    for (let n = 0; n < 50; n += 1) assert.ok(vad.process(new Int16Array(333)) < 0.5);
    assert.is(vad.process(new Int16Array(0)), vad.probability);
    vad.close();
  }
});

test('echo canceller: an echo is found and taken out', () => {
  const canceller = dsp.echoCanceller({ mode: 'on' });
  const said = noise(8000 * 4, 6000);
  let [inside, outside] = [0, 0];
  for (let at = 0; at < said.length; at += 160) {
    const heard = Int16Array.from({ length: 160 }, (_, i) => Math.round(0.3 * (said[at + i - 960] ?? 0)));
    const left = canceller.process(heard);
    canceller.reference(said.subarray(at, at + 160));
    if (at < 8000 * 3) continue;
    inside += heard.reduce((sum, x) => sum + x * x, 0);
    outside += left.reduce((sum, x) => sum + x * x, 1);
  }
  assert.ok(10 * Math.log10(inside / outside) > 20);
  assert.ok(canceller.erleDb > 15 && Math.abs(canceller.delayMs - 120) <= 20, `${canceller.delayMs}`);
  assert.ok(canceller.coherence > 0.9 && !canceller.doubleTalk);
  canceller.miss(160);
  refuses('samples', () => canceller.miss(81));
  refuses('input', () => canceller.process(new Int16Array(81)));
  canceller.close();
});

test('DTMF: what is sent is heard', () => {
  for (const sampleRateHz of [8000, 24_000] as const) {
    const generator = dsp.dtmfGenerator({ sampleRateHz, toneMs: 100, gapMs: 100 });
    const detector = dsp.dtmfDetector({ sampleRateHz });
    generator.dial('159*w0#AbcD');
    const heard: string[] = [];
    const frame = new Int16Array(sampleRateHz / 50 + 7);
    while (generator.samplesLeft > 0) {
      for (const { digit, durationMs } of detector.process(generator.process(frame))) {
        heard.push(digit);
        assert.ok(Math.abs(durationMs - 100) <= 20, `${durationMs}`);
      }
    }
    for (const { digit } of detector.process(new Int16Array(sampleRateHz / 5))) heard.push(digit);
    assert.is(heard.join(''), '159*0#ABCD');
    refuses('digits', () => generator.dial('12x'));
    generator.dial('1');
    generator.reset();
    assert.ok(generator.process(new Int16Array(100)).every((x) => x === 0));
  }
});

test('tone: two sines at their level', () => {
  const tone = dsp.toneGenerator({ firstHz: 350, secondHz: 440, levelDbov: -20, sampleRateHz: 16_000 });
  const pcm = tone.process(new Int16Array(16_000));
  assert.ok(Math.abs(levelDbov(pcm) - -16.99) < 0.05, `${levelDbov(pcm)}`);
  refuses('firstHz', () => dsp.toneGenerator({ firstHz: 5000 }));
});

test('progress tones: the dial tone of Europe', () => {
  const tone = dsp.toneGenerator({ firstHz: 425, levelDbov: -20 });
  const progress = dsp.progressTones();
  const heard = Array.from({ length: 300 }, () => progress.process(tone.process(new Int16Array(101)))).flat();
  assert.equal(heard, ['dial']);
});

test('audio watch: µ-law that is declared as A-law, bytes in the wrong order, silence', () => {
  const watch = dsp.audioWatch({ codec: 'l16', sampleRateHz: 8000 });
  const voice = Int16Array.from({ length: 16_000 }, (_, n) =>
    Math.round(6000 * Math.sin(n / 9) * Math.sin(n / 700) ** 2 + 2000 * Math.sin(n / 4.1) * Math.cos(n / 900) ** 2),
  );
  const swapped = Buffer.from(toBytes('l16', voice)).swap16();
  assert.ok(watch.process(swapped).includes('byte-order'));
  watch.reset();
  assert.equal(watch.process(new Uint8Array(32_000)), ['silence']);
  watch.reset();
  assert.equal(watch.process(new Uint8Array(100)), []);
});

test('ring buffer: any frame in, any other out', () => {
  const ring = dsp.ringBuffer({ capacity: 256 });
  assert.is(ring.write(Int16Array.from({ length: 300 }, (_, n) => n)), 256);
  const out = new Int16Array(100);
  assert.is(ring.read(out), 100);
  assert.is(out[99], 99);
  assert.is(ring.waiting, 156);
  for (const capacity of [0, 3, 1024, 1.5]) refuses('capacity', () => dsp.ringBuffer({ capacity }));
});

test('gain, compressor, limiter, gain control, high-pass, noise suppression, mixer do what they are called', () => {
  const loud = sine(440, 8000, 0, 16_000, 30_000);
  const quiet = sine(440, 8000, 0, 16_000, 300);
  assert.ok(Math.abs(levelDbov(dsp.gain({ gain: 0.5 }).process(loud)) - (levelDbov(loud) - 6.02)) < 0.01);
  const gain = dsp.gain();
  gain.moveTo(0, 1000);
  const faded = gain.process(loud);
  assert.is(faded[15_999], 0);
  // 12 dB above the threshold, 3:1: 8 dB less.
  const compressed = dsp.compressor({ thresholdDb: -15.78 }).process(loud);
  assert.ok(Math.abs(levelDbov(compressed.subarray(8000)) - (levelDbov(loud) - 8)) < 0.5);
  assert.ok(
    dsp
      .limiter({ gain: 8 })
      .process(loud)
      .every((x) => Math.abs(x) <= 29_204),
  );
  const agc = dsp.agc({ targetDbov: -20 });
  const raised = agc.process(quiet, 1);
  assert.ok(levelDbov(raised.subarray(15_000)) > levelDbov(quiet) + 10);
  const hum = sine(50, 8000, 0, 16_000, 5000);
  assert.ok(levelDbov(dsp.highPass({ cutHz: 200 }).process(hum).subarray(4000)) < levelDbov(hum) - 40);
  const hiss = noise(32_000, 300);
  const suppressor = dsp.noiseSuppressor({ suppressionDb: 12 });
  assert.ok(levelDbov(suppressor.process(hiss).subarray(16_000)) < levelDbov(hiss) - 10);
  refuses('input', () => suppressor.process(new Int16Array(79)));
  const mixer = dsp.mixer();
  assert.equal([...mixer.process(Int16Array.of(1, 32_767, -32_768), Int16Array.of(2, 9, -9))], [3, 32_767, -32_768]);
  same(
    mixer.process(loud, quiet),
    loud.map((x, n) => Math.max(-32_768, Math.min(32_767, x + quiet[n]!))),
  );
  refuses('other', () => mixer.process(loud, new Int16Array(1)));
});

test('concealer: a lost frame goes on as the one before, and ends in quiet', () => {
  const concealer = dsp.concealer();
  const pcm = sine(200, 8000, 0, 1600, 8000);
  same(concealer.process(pcm), pcm);
  const first = concealer.conceal(new Int16Array(80));
  assert.ok(Math.abs(levelDbov(first) - levelDbov(pcm)) < 1);
  concealer.conceal(new Int16Array(800));
  assert.ok(levelDbov(concealer.conceal(new Int16Array(160))) < -49);
});

test('time scale: what is too much is cut out without a step', () => {
  const line = dsp.timeScale();
  const pcm = sine(200, 8000, 0, 480, 8000);
  assert.is(line.write(pcm), 480);
  assert.ok(line.adjust(-30, 160) > 480);
  const out = new Int16Array(160);
  assert.is(line.read(out), 160);
  const steepest = Math.max(...out.slice(1).map((x, n) => Math.abs(x - out[n]!)));
  assert.ok(steepest < 8000 * 2 * Math.PI * (200 / 8000) * 1.3, `${steepest}`);
  refuses('ms', () => line.adjust(Number.NaN, 160));
});

test('messages: what JSON.parse reads is the audio', () => {
  const builder = dsp.messageBuilder();
  for (const length of [0, 1, 2, 3, 160, 5760]) {
    const frame = Uint8Array.from({ length }, (_, n) => n * 31);
    const message = builder.process(frame);
    const { type, audio } = JSON.parse(new TextDecoder().decode(message)) as { type: string; audio: string };
    assert.is(type, 'input_audio_buffer.append');
    assert.equal(new Uint8Array(Buffer.from(audio, 'base64')), frame);
  }
  refuses('frame', () => builder.process(new Uint8Array(5761)));
  refuses('head', () => dsp.messageBuilder({ head: 'x'.repeat(46) }));
  refuses('tail', () => dsp.messageBuilder({ tail: 'ä' }));
});

test('base64: as the platform has it, of any length, and nothing but base64', () => {
  const base64 = dsp.base64();
  for (const length of [0, 1, 2, 3, 16, 5759, 5760, 5761, 20_000]) {
    const bytes = Uint8Array.from({ length }, (_, n) => (n * 167) >> 3);
    const text = Buffer.from(bytes).toString('base64');
    assert.is(base64.encode(bytes), text);
    same(base64.decode(text), bytes);
    same(base64.decode(text.replace(/=+$/, '')), bytes);
  }
  const long = 'A'.repeat(8000);
  for (const text of [
    'A',
    'A===',
    'AA-_',
    'AAA\n',
    'ä'.repeat(4),
    '\u{1f600}',
    `${long}!AAA`,
    `AA==${long}`,
    `${'A'.repeat(7678)}==AAAA`,
  ]) {
    refuses('input', () => base64.decode(text));
  }
  base64.close();
});

/** All that change samples, with what they need. */
const changers = [
  () => dsp.gain({ gain: 0.7 }),
  () => dsp.compressor({ thresholdDb: -30, makeupDb: 12, lowPassHz: 3000 }),
  () => dsp.limiter({ gain: 4 }),
  () => dsp.highPass({ cutHz: 100 }),
  () => dsp.noiseSuppressor(),
  () => dsp.concealer(),
  () => dsp.resampler({ fromHz: 8000, toHz: 16_000 }),
  () => dsp.resampler({ fromHz: 24_000, toHz: 8000, filters: 'minimum-phase' }),
  () => dsp.echoCanceller(),
];

test('results are the caller’s, reset is as new, and nothing is done once closed', () => {
  const pcm = noise(1600, 20_000);
  for (const make of changers) {
    const stage = make();
    const first = stage.process(pcm);
    const kept = first.slice();
    const second = stage.process(pcm);
    same(first, kept, 'a second call does not change the first result');
    stage.reset();
    same(stage.process(pcm), kept);
    same(stage.process(pcm), second);
    const room = new Int16Array(5000);
    stage.reset();
    const into = stage.process(pcm, room);
    assert.is(into.buffer, room.buffer);
    same(into, kept);
    refuses('output', () => stage.process(pcm, new Int16Array(10)));
    refuses('input', () => stage.process([1, 2] as unknown as Int16Array));
    stage.close();
    stage.close();
    assert.ok(
      hasCode(
        thrown(() => stage.process(pcm)),
        'ERR_TALKSPURT_DSP_CLOSED',
      ),
    );
    assert.ok(
      hasCode(
        thrown(() => stage.reset()),
        'ERR_TALKSPURT_DSP_CLOSED',
      ),
    );
  }
});

test('what is out of range is refused by name, also what is no number', () => {
  const bad = Number.NaN;
  refuses('law', () => dsp.g711({ law: 'mulaw' as 'ulaw' }));
  refuses('fromHz', () => dsp.resampler({ fromHz: 44_100 as 8000, toHz: 8000 }));
  refuses('toHz', () => dsp.resampler({ fromHz: 8000, toHz: bad as 8000 }));
  refuses('filters', () => dsp.resampler({ fromHz: 8000, toHz: 8000, filters: 'fast' as 'strict' }));
  refuses('aggressiveness', () => dsp.vad({ aggressiveness: 4 as 3 }));
  refuses('aggressiveness', () => dsp.vad({ aggressiveness: 1.5 as 1 }));
  refuses('kind', () => dsp.vad({ kind: 'silero' as 'neural' }));
  refuses('mode', () => dsp.echoCanceller({ mode: 'off' as 'on' }));
  refuses('gain', () => dsp.gain({ gain: bad }));
  refuses('gain', () => dsp.gain().moveTo(5));
  refuses('rampMs', () => dsp.gain().moveTo(1, -1));
  refuses('gain', () => dsp.limiter({ gain: 33 }));
  refuses('thresholdDb', () => dsp.compressor({ thresholdDb: 1 }));
  refuses('makeupDb', () => dsp.compressor({ thresholdDb: -20, makeupDb: 25 }));
  refuses('lowPassHz', () => dsp.compressor({ thresholdDb: -20, lowPassHz: 99 }));
  refuses('targetDbov', () => dsp.agc({ targetDbov: -41 }));
  refuses('probability', () => dsp.agc({ targetDbov: -20 }).process(new Int16Array(80), bad));
  refuses('cutHz', () => dsp.highPass({ cutHz: 19 }));
  refuses('suppressionDb', () => dsp.noiseSuppressor({ suppressionDb: 0.5 }));
  refuses('toneMs', () => dsp.dtmfGenerator({ toneMs: 39 }));
  refuses('gapMs', () => dsp.dtmfGenerator({ gapMs: 4001 }));
  refuses('lowDbm0', () => dsp.dtmfGenerator({ lowDbm0: 1 }));
  refuses('highDbm0', () => dsp.dtmfGenerator({ highDbm0: bad }));
  refuses('codec', () => dsp.audioWatch({ codec: 'opus' as 'l16', sampleRateHz: 8000 }));
  refuses('sampleRateHz', () => dsp.dtmfDetector({ sampleRateHz: 11_025 as 8000 }));
  refuses('frameSamples', () => dsp.timeScale().adjust(10, 0));
});

test('what a program without types may hand over is refused by name, not coerced and not a TypeError', () => {
  const pcm = new Int16Array(160);
  const as = (value: unknown): never => value as never;
  refuses('options', () => dsp.g711(as(undefined)));
  refuses('options', () => dsp.vad(as(null)));
  refuses('options', () => dsp.gain(as(5)));
  refuses('firstHz', () => dsp.toneGenerator({ firstHz: as(null) }));
  refuses('firstHz', () => dsp.toneGenerator({ firstHz: as('440') }));
  refuses('fromHz', () => dsp.resampler({ fromHz: as(Symbol('8k')), toHz: 8000 }));
  refuses('output', () => dsp.g711({ law: 'ulaw' }).encode(pcm, as(null)));
  refuses('output', () => dsp.gain().process(pcm, as(new Float32Array(160))));
  refuses('output', () => dsp.resampler({ fromHz: 8000, toHz: 16_000 }).process(pcm, as('room')));
  refuses('digits', () => dsp.dtmfGenerator().dial(as(undefined)));
  refuses('input', () => dsp.mixer().process(as(undefined), pcm));
  refuses('head', () => dsp.messageBuilder({ head: as(5) }));
  const frames = { frameBytes: 160, ptimeMs: 20, frameSamples: 160, capacityFrames: 8 };
  refuses('frameBytes', () => new JitterBuffer(as({})));
  refuses('ptimeMs', () => new JitterBuffer({ ...frames, ptimeMs: 0 }));
  refuses('frameSamples', () => new JitterBuffer({ ...frames, frameSamples: Number.NaN }));
  refuses('capacityFrames', () => new JitterBuffer({ ...frames, capacityFrames: 1e9 }));
  refuses('minimumFrames', () => new JitterBuffer({ ...frames, minimumFrames: as('2') }));
  refuses('frameBytes', () => new JitterBuffer({ ...frames, frameBytes: 1.5 }));
  refuses('capacityFrames', () => new JitterBuffer({ ...frames, capacityFrames: as(Object.create(null)) }));
  refuses('options', () => new JitterBuffer(as(undefined)));
  refuses('capacity', () => dsp.ringBuffer({ capacity: as(Symbol('64')) }));
  refuses('inputSamples', () => dsp.resampler({ fromHz: 8000, toHz: 16_000 }).mostSamples(as('8')));
  refuses('frameBytes', () => dsp.messageBuilder().messageBytes(Number.NaN));
});

test('what throws when it is turned into text is refused like all else', () => {
  const as = (value: unknown): never => value as never;
  const thrower = {
    toString: (): string => {
      throw new Error('no');
    },
  };
  for (const value of [thrower, Object.create(null), () => 8000]) {
    refuses('sampleRateHz', () => dsp.vad({ sampleRateHz: as(value) }));
    refuses('gain', () => dsp.gain({ gain: as(value) }));
    refuses('law', () => dsp.g711({ law: as(value) }));
    refuses('aggressiveness', () => dsp.vad({ aggressiveness: as(value) }));
  }
});

test('an array whose buffer was transferred is refused, and is not taken for an empty one', () => {
  const gone = <T extends Int16Array | Uint8Array>(array: T): T => {
    structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
    return array;
  };
  const [pcm, codes] = [new Int16Array(160), new Uint8Array(160)];
  refuses('input', () => dsp.gain().process(gone(new Int16Array(160))));
  refuses('input', () => dsp.vad().process(gone(new Int16Array(160))));
  refuses('input', () => dsp.ringBuffer({ capacity: 64 }).write(gone(new Int16Array(160))));
  refuses('input', () => dsp.g711({ law: 'alaw' }).decode(gone(new Uint8Array(160))));
  refuses('said', () => dsp.echoCanceller().reference(gone(new Int16Array(160))));
  refuses('output', () => dsp.ringBuffer({ capacity: 64 }).read(gone(new Int16Array(160))));
  refuses('output', () => dsp.gain().process(pcm.subarray(0, 0), gone(new Int16Array(160))));
  refuses('output', () => dsp.g711({ law: 'alaw' }).encode(pcm, gone(new Uint8Array(160))));
  assert.is(dsp.gain().process(new Int16Array(0)).length, 0);
  assert.is(dsp.g711({ law: 'ulaw' }).decode(codes.subarray(160)).length, 0);
});

test('a closed stage holds no instance: whoever keeps it keeps no memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const module = await DspModule.load();
  // In a function of its own, so that nothing on the stack leads to the memory.
  const make = (): [Gain, WeakRef<WebAssembly.Memory>] => {
    const exports = module.instantiate();
    return [new Gain(new StageCore(exports, module.freshImage)), new WeakRef(exports.memory)];
  };
  const [stage, memory] = make();
  stage.close();
  // A reference that was looked at in this turn is kept until its end.
  for (let turn = 0; turn < 20 && memory.deref() !== undefined; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  assert.is(memory.deref(), undefined);
  assert.is(thrown(() => stage.process(Int16Array.of(1))).code, 'ERR_TALKSPURT_DSP_CLOSED');
});

test('where there is no address space left, that is said, and the stages that there are go on', () => {
  const { Instance } = WebAssembly;
  const first = dsp.gain({ gain: 0.5 });
  try {
    // As V8 says it.
    Object.assign(WebAssembly, {
      Instance: function none() {
        throw new RangeError('WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance');
      },
    });
    const error = thrown(() => dsp.gain());
    assert.is(error.code, 'ERR_TALKSPURT_DSP_POOL_EMPTY');
    assert.ok(error.retryable);
  } finally {
    WebAssembly.Instance = Instance;
  }
  assert.equal([...first.process(Int16Array.of(100))], [50]);
});

test('after a trap a stage is dead and says so, and others live on', async () => {
  const module = await DspModule.load();
  const exports = module.instantiate();
  let fails = false;
  // A real trap: an address beyond the memory.
  const faulty = { ...exports, gainApply: (at: number, n: number) => exports.gainApply(fails ? 0x7fff_fff0 : at, n) };
  const stage = new Gain(new StageCore(faulty, module.freshImage));
  const other = dsp.gain();
  const pcm = Int16Array.of(1, 2, 3);
  // Not neutral: a gain of 1 touches nothing.
  stage.moveTo(2);
  assert.equal([...stage.process(pcm)], [2, 4, 6]);
  fails = true;
  const error = thrown(() => stage.process(pcm));
  assert.is(error.code, 'ERR_TALKSPURT_DSP_TRAP');
  assert.instance(error.cause, WebAssembly.RuntimeError);
  fails = false;
  assert.is(thrown(() => stage.process(pcm)).code, 'ERR_TALKSPURT_DSP_TRAP');
  assert.is(thrown(() => stage.reset()).code, 'ERR_TALKSPURT_DSP_TRAP');
  stage.close();
  assert.is(thrown(() => stage.process(pcm)).code, 'ERR_TALKSPURT_DSP_CLOSED');
  assert.equal([...other.process(pcm)], [1, 2, 3]);
});

test('a binary that is none is a clear error', async () => {
  const binary = (name: string): Uint8Array => readFileSync(fileURLToPath(import.meta.resolve(`#${name}.wasm`)));
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const sources = [new Uint8Array([1, 2, 3]), new URL('file:///nowhere.wasm'), empty, 'text' as unknown as Uint8Array];
  for (const [load, other] of [
    [(source: DspSource) => DspStages.load(source), binary('library')],
    [(source: DspSource) => loadDsp(source), binary('talkspurt')],
  ] as const) {
    for (const source of [...sources, other]) {
      const error = await load(source).then(
        () => null,
        (reason: unknown) => reason,
      );
      assert.ok(hasCode(error, 'ERR_TALKSPURT_INTERNAL'));
    }
  }
});

test('what a browser loads needs no module of Node', () => {
  const top = join(dirname(fileURLToPath(import.meta.url)), '../../build/lib');
  const seen = new Set<string>();
  const packages = new Set<string>();
  const walk = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const code = readFileSync(file, 'utf8');
    for (const found of code.matchAll(
      /^(?:import|export)\b[^;]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
    )) {
      const from = found[1] ?? found[2] ?? found[3] ?? '';
      if (from.startsWith('.')) walk(join(dirname(file), from));
      else packages.add(from);
    }
  };
  walk(join(top, 'dsp/library.js'));
  assert.ok(seen.size > 25, `${seen.size} files`);
  assert.equal([...packages], ['@assemblyscript/loader']);
});

test.run();

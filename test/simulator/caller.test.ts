import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { prepareScript } from '../../src/simulator/caller-script.ts';
import type { CallerLine, CallerStep } from '../../src/simulator/caller-script.ts';
import { SimulatedCaller } from '../../src/simulator/caller.ts';
import type { CallerEvent } from '../../src/simulator/caller.ts';
import { SampleTrack } from '../../src/simulator/sample-track.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { TONE_VOICE, tone } from './realtime-bench.ts';

const RATE_HZ = 8000;
const FRAME_MS = 20;

/** A call without a switch: each `ptime` is one frame said and one heard. */
class Line {
  readonly events: CallerEvent[] = [];
  readonly caller: SimulatedCaller;
  digits = '';
  spoken: number[] = [];

  constructor(script: readonly CallerStep[], sampleRateHz = RATE_HZ) {
    this.caller = new SimulatedCaller({ script, onEvent: (event) => this.events.push(event), sampleRateHz });
  }

  /** Lets time pass; the agent speaks as loud as `agent` (an amplitude), or the switch sends nothing (null). */
  pass(ms: number, agent: number | null = 0, rateHz = RATE_HZ): this {
    for (let at = 0; at < ms && !this.caller.hungUp; at += FRAME_MS) {
      const frame = new Int16Array((rateHz * FRAME_MS) / 1000);
      this.caller.speak(frame, rateHz);
      this.spoken.push(...frame);
      this.digits += this.caller.takeDigits();
      this.caller.hear(agent === null ? null : new Int16Array(frame.length).fill(agent), rateHz);
    }
    return this;
  }

  get told(): string[] {
    return this.events.map(({ type, atMs }) => `${type}@${Math.round(atMs)}`);
  }
}

const say = (ms: number, text = 'words'): CallerStep => ({ say: tone(400, RATE_HZ, ms), sampleRateHz: RATE_HZ, text });
const STARTS: CallerStep = { waitForAgent: 'starts', timeoutMs: 5000 };
const STOPS: CallerStep = { waitForAgent: 'stops', timeoutMs: 5000 };

test('a recording is spoken sample for sample, in real time', () => {
  const recording = tone(400, RATE_HZ, 50);
  const line = new Line([{ silenceMs: 40 }, { say: recording, sampleRateHz: RATE_HZ, text: 'x' }, { hangup: true }]);
  line.pass(200);
  assert.equal(line.told, ['saying@40', 'said@100', 'hung-up@100']);
  assert.equal(line.spoken.slice(320, 720), [...recording]);
  assert.ok(line.spoken.slice(0, 320).every((sample) => sample === 0));
  assert.ok(line.caller.finished && line.caller.hungUp);
});

test('a recording of another rate keeps its duration, also on a leg of a rate that nobody announced', () => {
  const step: CallerStep = { say: tone(400, 16_000, 1000), sampleRateHz: 16_000, text: 'x' };
  const narrow = new Line([step, { hangup: true }]).pass(2000);
  assert.equal(narrow.told, ['saying@0', 'said@1000', 'hung-up@1000']);
  const wide = new Line([step, { hangup: true }]).pass(2000, 0, 16_000);
  assert.equal(wide.told, ['saying@0', 'said@1000', 'hung-up@1000']);
  assert.equal(wide.spoken.slice(0, 16_000), [...tone(400, 16_000, 1000)]);
});

test('it waits for the agent to start and to stop, and knows when that was', () => {
  const line = new Line([STARTS, STOPS, say(100), { hangup: true }]);
  line.pass(300).pass(1000, 3000).pass(2000);
  assert.equal(line.told, [
    'agent-heard@300',
    'agent-silent@1300',
    // 700 ms of quiet
    'saying@2000',
    'said@2100',
    'hung-up@2100',
  ]);
  assert.equal(line.caller.agentSpans, [{ fromMs: 300, toMs: 1300, open: false }]);
});

test('a click is not speech, and a short pause is not its end', () => {
  const line = new Line([STARTS, STOPS, { hangup: true }]);
  line.pass(200).pass(60, 3000).pass(600).pass(500, 3000).pass(400).pass(500, 3000).pass(1000);
  assert.equal(line.told, ['agent-heard@860', 'agent-silent@2260', 'hung-up@2960']);
});

test('quiet noise is not the agent', () => {
  const line = new Line([{ waitForAgent: 'starts', timeoutMs: 1000 }, { hangup: true }]).pass(2000, 100);
  assert.equal(line.told, ['timed-out@1000', 'hung-up@1000']);
});

test('after its own words it waits for an answer, not for what it had heard before', () => {
  const line = new Line([STARTS, STOPS, say(400), STARTS, { hangup: true }]);
  line.pass(500, 3000).pass(1000).pass(1000).pass(200, 3000);
  assert.equal(line.told.slice(2), ['saying@1200', 'said@1600', 'agent-heard@2500', 'hung-up@2600']);
});

test('an answer that begins in the silence at the end of a recording is an answer', () => {
  const recording = new Int16Array(RATE_HZ * 2);
  recording.set(tone(400, RATE_HZ, 500));
  const line = new Line([{ say: recording, sampleRateHz: RATE_HZ, text: 'x' }, STARTS, { hangup: true }]);
  line.pass(1000).pass(2000, 3000);
  assert.is(line.events.at(-1)?.type, 'hung-up');
  assert.not.ok(line.told.some((told) => told.startsWith('timed-out')));
});

test('it cuts in after so much of the agent, and hears it fall silent', () => {
  const line = new Line([{ interruptAfterMs: 800, timeoutMs: 5000 }, say(600), STARTS, { hangup: true }]);
  line.pass(400).pass(1000, 3000).pass(1400).pass(200, 3000);
  assert.equal(line.told, [
    'agent-heard@400',
    'saying@1200',
    'said@1800',
    'agent-silent@1400',
    'agent-heard@2800',
    'hung-up@2900',
  ]);
});

test('every wait has an end', () => {
  const waits: CallerStep[] = [
    { waitForAgent: 'starts', timeoutMs: 100 },
    { waitForAgent: 'stops', timeoutMs: 200 },
    { interruptAfterMs: 50, timeoutMs: 300 },
    { hangup: true },
  ];
  const line = new Line(waits).pass(2000);
  assert.equal(line.told, ['timed-out@100', 'timed-out@300', 'timed-out@600', 'hung-up@600']);
  const kinds = line.events.map((event) => ('waitedFor' in event ? event.waitedFor : null));
  assert.equal(kinds, ['starts', 'stops', 'interrupt', null]);
});

test('digits are pressed once, in order', () => {
  const line = new Line([{ press: '12' }, { silenceMs: 100 }, { press: '#' }, { silenceMs: 100 }]).pass(400);
  assert.is(line.digits, '12#');
  assert.equal(line.told, ['pressed@0', 'pressed@100']);
  assert.is(line.caller.hungUp, false);
  assert.is(line.caller.finished, true);
});

test('both directions are recorded on one time line, with silence where nothing was sent', () => {
  const line = new Line([{ silenceMs: 100 }, say(100), { silenceMs: 1000 }]);
  line.pass(60, 1000).pass(60, null).pass(60, 2000).pass(40, null);
  const { said, heard, sampleRateHz } = line.caller.recording();
  assert.is(sampleRateHz, RATE_HZ);
  assert.is(said.length, 1760);
  assert.equal([...said], line.spoken);
  const at = (ms: number): number | undefined => heard[(ms * RATE_HZ) / 1000];
  assert.equal([at(0), at(59), at(60), at(119), at(120), at(179), at(180)], [1000, 1000, 0, 0, 2000, 2000, 0]);
  assert.is(heard.length, said.length);
});

test('the far end may hang up', () => {
  const line = new Line([STARTS]);
  assert.is(line.caller.hangupCause, null);
  line.caller.onHangup(16);
  assert.is(line.caller.hangupCause, 16);
});

test('a recording has an end', () => {
  const track = new SampleTrack();
  for (let i = 0; i < 30; i++) track.add(new Int16Array(10_000).fill(i + 1), 0, 250_000);
  assert.is(track.length, 250_000);
  const samples = track.samples();
  assert.equal([samples[0], samples[79_999], samples[80_000], samples[249_999]], [1, 8, 9, 25]);
  assert.ok(LIMITS.recordingMs > 0);
});

test('a script of words becomes one of samples; strange digits are refused', async () => {
  const lines: CallerLine[] = [
    { waitForAgent: 'starts', timeoutMs: 5000 },
    { say: 'hello' },
    { wav: { sampleRateHz: 8000, channels: [Int16Array.of(2), Int16Array.of(4)] } },
    { press: '1*#' },
    { hangup: true },
  ];
  const steps = await prepareScript(lines, TONE_VOICE);
  assert.is(steps.length, 5);
  assert.ok('say' in steps[1]! && steps[1].text === 'hello' && steps[1].sampleRateHz === 16_000);
  assert.ok('say' in steps[2]! && steps[2].say[0] === 3);
  const refused = await prepareScript([{ press: '1x' }], TONE_VOICE).catch((error: unknown) => error);
  assert.ok(hasCode(refused, 'ERR_TALKSPURT_CONFIG_INVALID'));
});

test('it speaks with a voice that nobody takes for the agent', async () => {
  const speech = new SpeechSynthesizer();
  try {
    const [step] = await prepareScript([{ say: 'How much is a ticket?' }], speech);
    const agent = await speech.synthesize('How much is a ticket?', 'rms');
    const again = await speech.synthesize('How much is a ticket?', 'slt');
    assert.ok(step !== undefined && 'say' in step);
    assert.equal(step.say, again.samples);
    assert.not.equal(step.say, agent.samples);
  } finally {
    await speech.close();
  }
});

test.run();

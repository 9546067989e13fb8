/** Keys from two sources without hearing one twice, progress tones, suspicions; and keys that go out in the audio. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { CallEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import { InBandDial } from '../../src/session/in-band-dial.ts';
import { LineWatch } from '../../src/session/line-watch.ts';
import type { DtmfSource } from '../../src/session/line-watch.ts';
import { sessionOptions, settledOptions } from '../../src/session/session-options.ts';
import { CallRig } from '../sim/call-rig.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { FakeDsp, FakeLeg } from '../sim/fake-peers.ts';

function watch(dtmf: DtmfSource, masked = false) {
  const clock = new FakeClock();
  const dsp = new FakeDsp();
  const events: CallEvent[] = [];
  const line = new LineWatch({ clock, dtmf, masked: () => masked, emit: (event) => events.push(event) });
  const audio = (digit: string): void => {
    dsp.heardDigit = digit;
    dsp.heardDigitMs = 90;
    line.onHeard(dsp);
    dsp.heardDigit = null;
  };
  const keys = (): string => events.flatMap((event) => (event.type === 'dtmf' ? [event.digit] : [])).join('');
  return { clock, dsp, events, line, audio, keys };
}

test('rfc4733 and inband: each source by itself', () => {
  const leg = watch('rfc4733');
  leg.line.onDigit('5', 100);
  assert.equal(leg.events, [{ type: 'dtmf', digit: '5', durationMs: 100 }]);
  const audio = watch('inband');
  audio.line.onDigit('5', 100);
  audio.audio('7');
  assert.equal(audio.events, [{ type: 'dtmf', digit: '7', durationMs: 90 }]);
});

test('both: one key is told once, whoever tells first, and the same key twice is told twice', () => {
  const both = watch('both');
  for (const first of ['leg', 'audio'] as const) {
    for (const key of '1155') {
      if (first === 'leg') both.line.onDigit(key, 100);
      else both.audio(key);
      both.clock.advance(60);
      if (first === 'leg') both.audio(key);
      else both.line.onDigit(key, 100);
      both.clock.advance(100);
    }
  }
  assert.is(both.keys(), '11551155');
});

test('both: a burst from one source before the other tells is matched in order', () => {
  const both = watch('both');
  for (const key of '2244') both.line.onDigit(key, 100);
  both.clock.advance(300);
  for (const key of '2244') both.audio(key);
  assert.is(both.keys(), '2244');
});

test('both: keys that only one source hears are told, and what is late is another key', () => {
  const both = watch('both');
  both.audio('9');
  both.line.onDigit('8', 100);
  assert.is(both.keys(), '98');
  both.clock.advance(LIMITS.digitEchoMs + 1);
  both.line.onDigit('9', 100);
  assert.is(both.keys(), '989');
  for (let n = 0; n < 200; n += 1) both.line.onDigit('3', 100);
  assert.is(both.keys().length, 203);
});

test('a masked call tells of no keys', () => {
  const masked = watch('both', true);
  masked.audio('1');
  masked.line.onDigit('2', 100);
  assert.equal(masked.events, []);
});

test('progress tones and suspicions are told, a suspicion once; health says what stands', () => {
  const { dsp, line, events } = watch('rfc4733');
  dsp.heardProgress = 'busy';
  line.onHeard(dsp);
  dsp.heardProgress = null;
  assert.equal(events.pop(), { type: 'call.progress', signal: 'busy' });
  dsp.captureSuspects = ['byte-order'];
  dsp.renderSuspects = ['ulaw', 'dc'];
  line.onHeard(dsp);
  assert.equal(line.suspects, ['caller: byte-order', 'agent: ulaw', 'agent: dc']);
  assert.is(events.length, 3);
  const [first] = events;
  assert.ok(first?.type === 'media.suspect' && first.side === 'caller' && first.fix.includes('little endian'));
  dsp.captureSuspects = [];
  line.onHeard(dsp);
  dsp.captureSuspects = ['byte-order'];
  line.onHeard(dsp);
  assert.is(events.length, 3);
});

test('outbound is settled by the word of the channel', () => {
  const options = sessionOptions();
  assert.is(settledOptions(options, new Map()).progressTones, 'never');
  assert.is(settledOptions(options, new Map([['direction', 'inbound']])).progressTones, 'never');
  assert.is(settledOptions(options, new Map([['direction', 'outbound']])).progressTones, 'always');
  assert.is(
    settledOptions({ ...options, progressTones: 'never' }, new Map([['direction', 'outbound']])).progressTones,
    'never',
  );
});

function dialler(dtmf: DtmfSource, fault?: TalkspurtError) {
  const clock = new FakeClock();
  const leg = new FakeLeg();
  const lifeline = new AbortController();
  const asked: string[] = [];
  Object.assign(leg, {
    sendDtmf: (digits: string) => {
      asked.push(digits);
      return fault === undefined ? Promise.resolve() : Promise.reject(fault);
    },
  });
  const dial = new InBandDial({ clock, leg, dtmf, signal: lifeline.signal });
  return { clock, leg, lifeline, asked, dial, dsp: new FakeDsp() };
}

test('keys go out as the leg can; in the audio where it cannot, or where the profile says so', async () => {
  const able = dialler('rfc4733');
  await able.dial.send('12', able.dsp);
  assert.equal([able.asked, able.dsp.dialled], [['12'], []]);
  for (const code of ['ERR_TALKSPURT_NOT_SUPPORTED', 'ERR_TALKSPURT_MEDIA_FORMAT'] as const) {
    const unable = dialler('both', new TalkspurtError(code, 'no'));
    let done = false;
    void unable.dial.send('1w2', unable.dsp).then(() => (done = true));
    await settle();
    assert.equal(unable.dsp.dialled, ['1w2']);
    unable.clock.advance(940);
    await settle();
    assert.not.ok(done);
    unable.clock.advance(40);
    await settle();
    assert.ok(done, 'after two tones and a pause');
  }
  const inBand = dialler('inband');
  void inBand.dial.send('9', inBand.dsp);
  await settle();
  assert.equal([inBand.asked, inBand.dsp.dialled], [[], ['9']]);
});

test('other refusals stay what they are, and a tapped call is not pressed upon', async () => {
  const refused = dialler('rfc4733', new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'no'));
  await refusal(refused.dial.send('1', refused.dsp), 'ERR_TALKSPURT_SWITCH_COMMAND');
  const tapped = dialler('rfc4733', new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'no'));
  Object.assign(tapped.leg, { setWhisper: () => Promise.resolve() });
  await refusal(tapped.dial.send('1', tapped.dsp), 'ERR_TALKSPURT_NOT_SUPPORTED');
  assert.equal([refused.dsp.dialled, tapped.dsp.dialled], [[], []]);
  const inBand = dialler('inband');
  await refusal(inBand.dial.send('x', inBand.dsp), 'ERR_TALKSPURT_COMMAND_SYNTAX');
});

test('keys wait for those before them, so many at the most, and the end of the call ends them', async () => {
  const { dial, dsp, clock, lifeline } = dialler('inband');
  const first = dial.send('1'.repeat(32), dsp);
  const second = dial.send('2'.repeat(32), dsp);
  await refusal(dial.send('3', dsp), 'ERR_TALKSPURT_COMMAND_LIMIT');
  await settle();
  assert.is(dsp.dialled.length, 1);
  clock.advance(32 * 230 + 5);
  await first;
  await settle();
  assert.is(dsp.dialled.length, 2);
  lifeline.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'over'));
  await refusal(second, 'ERR_TALKSPURT_CALL_GONE');
  await refusal(dial.send('4', dsp), 'ERR_TALKSPURT_CALL_GONE');
});

async function refusal(promise: Promise<void>, code: string): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.is((error as TalkspurtError).code, code);
    return;
  }
  assert.unreachable(`${code} was expected`);
}

test('a call: the chain is told what to do, and what it hears becomes events and health', async () => {
  const capture = { highPassHz: 100, noiseSuppressionDb: 12, agcTargetDbov: -22 };
  const rig = await CallRig.talking({ options: { dtmf: 'both', progressTones: 'always', capture } });
  const { dsp } = rig.pool;
  assert.equal(dsp.options?.cleaning, capture);
  assert.equal(dsp.options?.hearing, { dtmf: true, progress: true, suspicion: true });
  dsp.news = true;
  dsp.heardDigit = '4';
  dsp.heardDigitMs = 80;
  dsp.heardProgress = 'beep';
  dsp.captureSuspects = ['stereo'];
  rig.clock.advance(20);
  Object.assign(dsp, { news: false, heardDigit: null, heardProgress: null });
  assert.is(rig.events.of('dtmf')[0]?.digit, '4');
  assert.is(rig.events.of('call.progress')[0]?.signal, 'beep');
  assert.is(rig.events.of('media.suspect')[0]?.suspicion, 'stereo');
  assert.equal(rig.session.snapshot().suspects, ['caller: stereo']);
});

test.run();

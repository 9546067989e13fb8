/** Watchdogs and goodbyes where something else goes wrong at the same time: they do neither too much nor too little. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesPerMs } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { LIMITS } from '../../src/limits.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import type { SendOff } from '../../src/session/send-off.ts';
import type { SessionSounds } from '../../src/session/session-parts.ts';
import { DEFAULT_WATCHDOGS } from '../../src/session/watch-options.ts';
import type { WatchdogOptions } from '../../src/session/watch-options.ts';
import { CallRig } from '../sim/call-rig.ts';
import { hang } from '../sim/fake-peers.ts';
import { failure } from '../sim/scripted-backend.ts';
import { FailoverRig } from './failover-rig.ts';

const SOUND_MS = 400;
const library = await loadDsp();

/** Each sound is a second long, and what was asked for is remembered; `speech` is as slow as it is given. */
function soundsOf(speech?: SessionSounds['speech']) {
  const asked: string[] = [];
  const sounds: SessionSounds = {
    sound: async (source, format) => {
      asked.push(source);
      return { audio: new Uint8Array(bytesPerMs(format) * SOUND_MS).fill(7) };
    },
    dspLibrary: () => Promise.resolve(library),
    ...(speech === undefined ? {} : { speech }),
  };
  return { asked, sounds };
}

const barks = (rig: CallRig): [string, string][] => rig.events.of('watchdog').map(({ dog, action }) => [dog, action]);

function talking(
  watchdogs: Partial<WatchdogOptions> = {},
  given: NonNullable<ConstructorParameters<typeof CallRig>[0]> = {},
): Promise<CallRig> {
  return CallRig.talking({ watchdogs: { ...DEFAULT_WATCHDOGS, ...watchdogs }, detectsTurns: true, ...given });
}

async function lively(rig: CallRig): Promise<void> {
  rig.answer('hello', 100);
  await rig.run(400);
}

/** Time in which promises settle, too. */
async function pass(rig: CallRig, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) await rig.run(100);
}

const BYE: SendOff = { told: { say: '', play: 'bye.wav' }, action: 'hangup', destination: '' };

test('a call that is over its time ends, also when the word it is to be told never comes', async () => {
  const { sounds } = soundsOf();
  const rig = await talking(
    { session: { action: 'announce' }, announcement: 'late.wav' },
    { sounds: { ...sounds, sound: hang }, options: { maxDurationMs: 3_000 } },
  );
  await pass(rig, 3_000 + LIMITS.farewellMakingMs + 400);
  assert.is(rig.end?.reason, 'expired');
});

test('a goodbye that our own voice never speaks does not hold the end up', async () => {
  const { sounds } = soundsOf(hang);
  const rig = await talking({}, { sounds });
  void rig.session.sendOff({ told: { say: 'Goodbye.', play: '' }, action: 'hangup', destination: '' });
  await pass(rig, LIMITS.farewellMakingMs + 400);
  assert.is(rig.end?.reason, 'drained');
  assert.is(rig.leg.hangups.length, 1);
  assert.is(rig.clock.pending, 0, 'no timer is left');
});

test('a goodbye is said once, however often it is asked for; all who asked are told when it is over', async () => {
  const { sounds, asked } = soundsOf();
  const rig = await talking({}, { sounds });
  let done = 0;
  for (let times = 0; times < 3; times += 1) void rig.session.sendOff(BYE).then(() => (done += 1));
  await pass(rig, SOUND_MS + 600);
  assert.equal(asked, ['bye.wav']);
  assert.is(rig.end?.reason, 'drained');
  assert.is(done, 3);
});

test('the caller hangs up in the goodbye: that was the end, and everything is given back when it resolves', async () => {
  const { sounds } = soundsOf();
  const rig = await talking({}, { sounds });
  let endedBy: string | undefined;
  void rig.session.sendOff(BYE).then(() => (endedBy = rig.end?.reason ?? 'not ended'));
  await rig.run(200);
  rig.leg.listener?.onHangup(16);
  await rig.run(200);
  assert.equal([rig.end?.reason, endedBy], ['hangup', 'hangup']);
  assert.is(rig.leg.hangups.length, 0);
  assert.is(rig.clock.pending, 0);
});

for (const [what, lose] of [
  ['lost', (rig) => rig.a.stream.lose()],
  ['ended in good order', (rig) => rig.a.stream.sink.onClosed(null)],
  ['lost before it', null],
] satisfies [string, ((rig: FailoverRig) => void) | null][]) {
  test(`the backend is ${what} in the goodbye: it is heard to its end all the same, and none is sought`, async () => {
    const { sounds } = soundsOf();
    const rig = await FailoverRig.talking({
      sounds,
      options: { reconnect: { lastResort: 'transfer', destination: '9', maximumMs: 300 } },
    });
    const transfers: string[] = [];
    Object.assign(rig.leg, { transfer: async (to: string) => transfers.push(to) });
    if (lose === null) {
      rig.a.script.push(...Array.from({ length: 9 }, () => failure('ERR_TALKSPURT_BACKEND_CLOSED')));
      rig.a.stream.lose();
      await rig.run(40);
    }
    void rig.session.sendOff(BYE);
    await rig.run(100);
    lose?.(rig);
    await rig.run(200);
    assert.is(rig.end, null);
    await rig.run(1_000);
    assert.equal([rig.end?.reason, transfers], ['drained', []]);
    assert.is(rig.events.of('backend.reconnected').length, 0);
    assert.ok(rig.said.filter((byte) => byte === 7).length >= SOUND_MS / 20 - 1, 'heard');
    assert.equal(rig.leftovers(), { timers: 0, streams: 0, chains: 0 });
  });
}

test('the process stood still: what waited in the sockets is heard before anything is held against anybody', async () => {
  const rig = await talking({ capture: { limitMs: 5_000, action: 'end' } });
  await rig.run(200);
  for (let times = 0; times < 3; times += 1) {
    rig.clock.stall(40_000);
    await rig.run(1_000);
  }
  assert.equal(barks(rig), []);
  assert.is(rig.end, null);
});

test('the process stood still while an answer was due: it came meanwhile, and nobody is sought', async () => {
  const rig = await talking();
  await lively(rig);
  rig.backend.sink?.onSpeech('started');
  rig.backend.sink?.onSpeech('stopped');
  await rig.run(200);
  rig.clock.stall(40_000);
  rig.answer('there', 200);
  await rig.run(500);
  assert.equal(barks(rig), []);
});

test('engine: once the application has given the result of a function, the answer is due', async () => {
  const rig = await talking();
  await lively(rig);
  rig.backend.sink?.onSpeech('started');
  rig.backend.sink?.onSpeech('stopped');
  rig.backend.sink?.onResponseStarted('r');
  rig.backend.sink?.onToolCall('t1', 'look_up', '{}');
  rig.backend.sink?.onToolCall('t2', 'look_up', '{}');
  rig.backend.sink?.onResponseDone('r', 'completed');
  await rig.run(40_000);
  rig.session.sendToolResult('t1', '{}');
  await rig.run(40_000);
  assert.equal(barks(rig), [], 'the other result is owed still');
  rig.session.sendToolResult('t2', '{}');
  await rig.run(31_000);
  assert.equal(barks(rig), [['engine', 'reconnect']]);
});

test('engine: a backend that is asked and never says a word is sought, and sought again', async () => {
  const rig = await talking({}, { options: { greeting: 'Say hello.' } });
  await rig.run(31_000);
  assert.equal(barks(rig), [['engine', 'reconnect']]);
  await rig.run(32_000);
  assert.is(barks(rig).length, 2, 'the new stream is as silent');
});

test('engine: a backend that is there and sleeps is left for the next of the list, and counts as a failure', async () => {
  const told: string[] = [];
  const rig = await FailoverRig.talking({
    names: ['a', 'b'],
    detectsTurns: true,
    guard: (backend) =>
      Object.assign(backend, { gaveUp: ({ code }: TalkspurtError) => told.push(`${backend.name} ${code}`) }),
  });
  rig.session.sendText('Are you there?');
  await rig.run(31_000);
  assert.equal(told, ['a ERR_TALKSPURT_BACKEND_TIMEOUT']);
  assert.equal(
    rig.events.of('backend.failover').map(({ backend, previous, outcome }) => [previous, backend, outcome]),
    [['a', 'b', 'succeeded']],
  );
  assert.is(rig.b.stream.requests.length, 1, 'what was owed is asked of it');
  await rig.session.stop('stopped');
  assert.equal(rig.leftovers(), { timers: 0, streams: 0, chains: 0 });
});

test('on hold a call is told something over it, and is held afterwards as before', async () => {
  const { sounds, asked } = soundsOf();
  const rig = await talking(
    { capture: { limitMs: 2_000, action: 'announce' }, announcement: 'one-moment.wav' },
    { sounds },
  );
  rig.session.controls.hold(null, rig.session.controls.soundFormat);
  rig.callerSends = false;
  await rig.run(4_000);
  assert.equal(asked, ['one-moment.wav']);
  assert.is(rig.session.controls.held, true);
});

test('capture: whoever has said that silence follows need not send, until the call counts as lost', async () => {
  const rig = await talking({ capture: { limitMs: 5_000, action: 'end' } });
  await rig.run(200);
  rig.leg.transport.sink?.onSilence?.(new Uint8Array([60]));
  rig.callerSends = false;
  await rig.run(20_000);
  assert.equal([barks(rig), rig.end], [[], null]);
  await rig.run(12_000);
  assert.is(rig.end?.error?.code, 'ERR_TALKSPURT_MEDIA_STALLED');
});

for (const [state, begin] of [
  ['answering', async (rig) => void (rig.leg.onAnswer = hang)],
  ['opening', async (rig) => void (rig.backend.onOpen = hang)],
  ['talking', async () => undefined],
  ['reconnecting', async (rig) => void (rig.backend.onOpen = hang)],
] satisfies [string, (rig: CallRig) => Promise<void>][]) {
  for (const off of [BYE, { told: null, action: 'release', destination: '' }] satisfies SendOff[]) {
    test(`sent off while ${state}, ${off.told === null ? 'without' : 'with'} a word: no timer is left`, async () => {
      const { sounds } = soundsOf();
      const rig = new CallRig({ sounds, detectsTurns: true });
      if (state !== 'reconnecting') await begin(rig);
      const started = rig.session.start().then(
        () => 'talks',
        () => 'ended',
      );
      await pass(rig, 300);
      if (state === 'reconnecting') {
        await begin(rig);
        rig.backend.sink?.onClosed(failure('ERR_TALKSPURT_BACKEND_CLOSED'));
        await pass(rig, 300);
      }
      assert.is(rig.session.state, state);
      void rig.session.sendOff(off);
      await pass(rig, LIMITS.callEndMs + 1_000);
      assert.is(rig.end?.reason, 'drained');
      await started;
      rig.clock.advance(60);
      assert.is(rig.clock.pending, 0);
    });
  }
}

test('nothing barks on a call that is over, nor twice in the look that ended it', async () => {
  const rig = await talking({
    capture: { limitMs: 5_000, action: 'end' },
    engine: { limitMs: 5_000, action: 'end' },
  });
  await lively(rig);
  rig.callerSends = false;
  rig.session.sendText('hm');
  await rig.run(20_000);
  assert.is(barks(rig).length, 1, JSON.stringify(barks(rig)));
  assert.is(rig.clock.pending, 0);
});

test.run();

/** Another backend of the list takes over: at the start, in the middle of a call, by order; and what happens when it cannot. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { BreakerBoard, DEFAULT_BREAKER_POLICIES } from '../../src/resilience/breaker-board.ts';
import { GuardedBackend } from '../../src/resilience/guarded-backend.ts';
import type { SessionSounds } from '../../src/session/session-parts.ts';
import { settle } from '../sim/fake-clock.ts';
import { failure } from '../sim/scripted-backend.ts';
import { FailoverRig } from './failover-rig.ts';

const NOTHING_LEFT = { timers: 0, streams: 0, chains: 0 };
const TWO = { names: ['a', 'b'] } as const;
const OPEN = failure('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', { retryInMs: 30_000 });
const REFUSED = failure('ERR_TALKSPURT_BACKEND_REFUSED');

const library = await loadDsp();
/** Sounds that are a level. */
const sounds: SessionSounds = {
  sound: () => Promise.resolve({ audio: new Uint8Array(8_000).fill(0x55) }),
  hold: () => Promise.resolve({ audio: new Uint8Array(8_000).fill(0x66) }),
  dspLibrary: () => Promise.resolve(library),
};

test('a new call does not begin on a backend whose breaker is open', async () => {
  const rig = new FailoverRig(TWO);
  rig.a.refused = OPEN;
  await rig.session.start();
  assert.equal([rig.a.opens, rig.b.opens], [0, 1]);
  assert.is(rig.session.snapshot().backend, 'b');
  const told = rig.events.of('backend.failover')[0]!;
  assert.equal(
    [told.backend, told.previous, told.stage, told.outcome, told.reason],
    ['b', 'a', 'start', 'succeeded', 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN'],
  );
  await rig.session.stop('stopped');
  assert.equal(rig.leftovers(), NOTHING_LEFT);
});

test('a new call goes to the next when the first fails or hangs; when all do, it ends as before', async () => {
  const failing = new FailoverRig({ names: ['a', 'b', 'c'] });
  failing.a.script.push(REFUSED);
  failing.b.script.push('deaf');
  const started = failing.session.start();
  await failing.run(5_200);
  await started;
  assert.is(failing.session.snapshot().backend, 'c');
  assert.equal(
    failing.events.of('backend.failover').map(({ backend, outcome }) => [backend, outcome]),
    [
      ['b', 'failed'],
      ['c', 'succeeded'],
    ],
  );
  const none = new FailoverRig(TWO);
  none.a.refused = OPEN;
  none.b.refused = OPEN;
  await none.session.start().then(
    () => assert.unreachable(),
    (error: { code: string }) => assert.is(error.code, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN'),
  );
  assert.is(none.end?.reason, 'backend-failed');
  assert.equal(none.leftovers(), NOTHING_LEFT);
});

for (const [why, prepare] of [
  ['it refuses', (rig: FailoverRig) => (rig.a.always = REFUSED)],
  ['it hangs', (rig: FailoverRig) => (rig.a.always = 'deaf')],
  ['its breaker opens', (rig: FailoverRig) => (rig.a.refused = OPEN)],
  ['its key is refused', (rig: FailoverRig) => (rig.a.always = failure('ERR_TALKSPURT_BACKEND_AUTH'))],
] as const) {
  test(`in the middle of a call the next one takes over within 2 s when ${why}`, async () => {
    const rig = await FailoverRig.talking(TWO);
    rig.a.stream.sink.onTranscript('caller', 'good day', true);
    rig.a.stream.speak('one', 200, { text: 'Hello there.' });
    await rig.run(400);
    prepare(rig);
    rig.a.stream.lose();
    await rig.run(2_000);
    assert.is(rig.session.state, 'talking');
    assert.is(rig.session.snapshot().backend, 'b');
    const told = rig.events.of('backend.reconnected')[0]!;
    assert.ok(told.gapMs <= 2_000, `${told.gapMs} ms`);
    assert.equal(rig.b.stream.history, [
      { by: 'caller', text: 'good day' },
      { by: 'agent', text: 'Hello there.' },
    ]);
    const [over] = rig.events.of('backend.failover');
    assert.equal([over?.stage, over?.previous, over?.backend, over?.outcome], ['call', 'a', 'b', 'succeeded']);
    assert.is(rig.session.snapshot().failovers, 1);
    await rig.run(2_000);
    const heard = rig.streams.flatMap((stream) => FailoverRig.numbers(stream));
    assert.equal(heard, [...heard.keys()]);
    assert.is(heard.length, rig.captured);
  });
}

test('behind real breakers: attempts open one, nothing is dialled past it, and the next takes over', async () => {
  let board: BreakerBoard | null = null;
  const policy = { ...DEFAULT_BREAKER_POLICIES.connection, failures: 3 };
  const rig = await FailoverRig.talking({
    ...TWO,
    options: { reconnect: { attempts: 20, failoverMs: 10_000 } },
    guard: (backend, clock) => {
      board ??= new BreakerBoard({ clock, policies: { connection: policy, provider: policy } });
      return new GuardedBackend({ backend, board });
    },
  });
  rig.a.always = REFUSED;
  rig.a.stream.lose();
  await rig.run(2_000);
  // The loss itself is the first of the three.
  assert.equal([rig.a.opens, rig.session.snapshot().backend], [1 + 2, 'b']);
  assert.ok(rig.events.of('backend.reconnected')[0]!.gapMs <= 2_000);
  const other = new FailoverRig({
    ...TWO,
    clock: rig.clock,
    guard: (backend) => new GuardedBackend({ backend, board: board! }),
  });
  await other.session.start();
  assert.equal([other.a.opens, other.b.opens], [0, 1], 'and a new call begins on the other');
});

test('two failures at once: the third of the list; and from its end to its beginning again', async () => {
  const rig = await FailoverRig.talking({ names: ['a', 'b', 'c'] });
  rig.a.refused = OPEN;
  rig.b.refused = OPEN;
  rig.a.stream.lose();
  await rig.run(100);
  assert.is(rig.session.snapshot().backend, 'c');
  const c = rig.backends[2]!;
  rig.a.refused = null;
  c.refused = OPEN;
  c.stream.lose();
  await rig.run(100);
  assert.is(rig.session.snapshot().backend, 'a');
  assert.is(rig.session.snapshot().failovers, 2);
});

test('quick attempts that fail do not use up those of the next', async () => {
  const rig = await FailoverRig.talking({ ...TWO, options: { reconnect: { attempts: 2, failoverMs: 60_000 } } });
  rig.a.always = REFUSED;
  rig.b.script.push(REFUSED);
  rig.a.stream.lose();
  await rig.run(2_000);
  assert.equal([rig.session.snapshot().backend, rig.a.opens, rig.b.opens], ['b', 3, 2]);
});

test('without attempts of its own a backend is not sought, and the next one is', async () => {
  const rig = await FailoverRig.talking({ ...TWO, options: { reconnect: { attempts: 0 } } });
  rig.a.stream.lose();
  await rig.run(100);
  assert.equal([rig.session.snapshot().backend, rig.a.opens], ['b', 1]);
});

test('switch: the old stream is heard until the new one is there, and is told everything', async () => {
  const rig = await FailoverRig.talking(TWO);
  rig.a.stream.sink.onTranscript('caller', 'good day', true);
  rig.b.script.push(400);
  const switching = rig.session.switchBackend(rig.b);
  await rig.run(200);
  const open = rig.open.map(({ call }) => call.callId).length;
  assert.is(open, 1);
  rig.a.stream.speak('late', 300, { text: 'said meanwhile' });
  await rig.run(240);
  await switching;
  assert.equal(
    rig.b.stream.history.map(({ text }) => text),
    ['good day', 'said meanwhile'],
    'also what was said while it was opened',
  );
  await rig.run(400);
  assert.is(rig.said.filter((byte) => byte === 0x20).length, 15, 'heard to its end');
  assert.equal([rig.a.stream.closes, rig.open.length], [1, 1]);
  const heard = rig.streams.flatMap((stream) => FailoverRig.numbers(stream));
  assert.equal(heard, [...heard.keys()], 'no frame twice, none lost');
  assert.is(heard.length, rig.captured);
  const told = rig.events.of('backend.switched')[0]!;
  assert.ok(told.switchMs <= 500, `${told.switchMs} ms`);
});

test('switch: an answer that was awaited is asked of the new one', async () => {
  const rig = await FailoverRig.talking(TWO);
  await rig.callerTurn();
  rig.a.stream.sink.onTranscript('caller', 'how late is it', true);
  await rig.session.switchBackend(rig.b);
  assert.equal(rig.b.stream.requests, [undefined]);
  assert.is(rig.session.snapshot().turn, 'thinking');
});

test('switch: one that fails changes nothing, and the agent does not stop', async () => {
  const rig = await FailoverRig.talking(TWO);
  rig.a.stream.speak('one', 1_000);
  await rig.run(100);
  rig.b.script.push(REFUSED);
  await rig.session.switchBackend(rig.b).then(
    () => assert.unreachable(),
    (error: { code: string }) => assert.is(error.code, 'ERR_TALKSPURT_BACKEND_REFUSED'),
  );
  await rig.run(1_200);
  assert.is(rig.said.filter((byte) => byte === 0x20).length, 50);
  assert.equal([rig.session.snapshot().backend, rig.open.length], ['a', 1]);
  rig.a.stream.sink.onToolCall('t', 'f', '{}');
  rig.session.sendToolResult('t', '1');
  assert.equal(rig.a.stream.toolResults, [['t', '1']]);
});

test('switch: a function’s result that comes meanwhile goes to whoever is there then, once', async () => {
  for (const fails of [false, true]) {
    const rig = await FailoverRig.talking(TWO);
    rig.a.stream.sink.onToolCall('t', 'f', '{}');
    rig.b.script.push(fails ? 'hang' : 200);
    const switching = rig.session.switchBackend(rig.b).catch((error: unknown) => error);
    rig.session.sendToolResult('t', '1');
    await rig.run(100);
    assert.equal(rig.a.stream.toolResults, []);
    if (fails) {
      await rig.session.stop('stopped');
      await switching;
      continue;
    }
    await rig.run(200);
    await switching;
    assert.equal(rig.b.stream.toolCalls, ['t']);
    assert.equal([rig.a.stream.toolResults, rig.b.stream.toolResults], [[], [['t', '1']]]);
  }
});

test('the stream in use is lost during a switch: the new one takes its place', async () => {
  const rig = await FailoverRig.talking({ ...TWO, options: { reconnect: { attempts: 5 } } });
  rig.a.always = REFUSED;
  rig.b.script.push(600);
  const switching = rig.session.switchBackend(rig.b);
  await rig.run(100);
  rig.a.stream.lose();
  assert.is(rig.session.state, 'reconnecting');
  await rig.run(700);
  await switching;
  assert.equal([rig.session.state, rig.session.snapshot().backend], ['talking', 'b']);
  await rig.run(3_000);
  assert.is(rig.open.length, 1);
  const heard = rig.streams.flatMap((stream) => FailoverRig.numbers(stream));
  assert.equal(heard, [...heard.keys()]);
});

test('an order to switch ends the search; one that fails does not', async () => {
  const rig = await FailoverRig.talking();
  const other = new FailoverRig({ clock: rig.clock, names: ['other'] }).a;
  rig.a.always = 'deaf';
  rig.a.stream.lose();
  await rig.run(500);
  other.script.push(REFUSED);
  await rig.session.switchBackend(other).catch(() => undefined);
  assert.is(rig.session.state, 'reconnecting');
  await rig.session.switchBackend(other);
  assert.equal([rig.session.state, rig.session.snapshot().backend], ['talking', 'other']);
  await rig.run(20_000);
  assert.equal([rig.session.state, rig.a.opens, rig.a.open], ['talking', 2, rig.a.open]);
  await rig.session.stop('stopped');
  assert.equal(rig.leftovers(), NOTHING_LEFT);
});

test('backends of two formats: what waits on either side goes on in the other’s', async () => {
  const wide: AudioFormat = { codec: 'l16', sampleRateHz: 24_000 };
  const narrow: AudioFormat = { codec: 'pcmu', sampleRateHz: 8_000 };
  const tone = library.tone({ firstHz: 1_000, levelDbov: -12, durationMs: 20, sampleRateHz: 8_000 });
  for (const [from, to] of [
    [narrow, wide],
    [wide, narrow],
  ] as const) {
    const rig = await FailoverRig.talking({ ...TWO, formats: [from, to], sounds });
    const { dsp } = rig.pool;
    const inFormat = (format: AudioFormat): Uint8Array => {
      const pcm = format === wide ? library.resample(tone, 8_000, 24_000) : tone;
      return format === wide ? new Uint8Array(pcm.buffer) : library.encodeUlaw(pcm);
    };
    dsp.capture = () => {
      rig.captured += 1;
      return inFormat(dsp.options!.backendInput);
    };
    const rendered: number[] = [];
    const render = dsp.render.bind(dsp);
    dsp.render = (said) => {
      if (said !== null) rendered.push(said.length);
      return render(said === null ? null : said.subarray(0, 160));
    };
    rig.a.refused = OPEN;
    rig.b.script.push(1_000);
    rig.a.stream.speak('one', 2_000);
    await rig.run(100);
    rig.a.stream.lose();
    await rig.run(1_100);
    assert.is(rig.session.snapshot().backend, 'b');
    await rig.run(2_000);
    const bytes = { before: from === wide ? 960 : 160, after: to === wide ? 960 : 160 };
    const whole = rendered.filter((length) => length === bytes.before || length === bytes.after);
    assert.is(whole.length, 100, `two seconds of frames, ${rendered.length}`);
    assert.ok(
      rendered.indexOf(bytes.after) > 40 && !rendered.slice(rendered.indexOf(bytes.after)).includes(bytes.before),
    );
    const { heard } = rig.b.stream;
    assert.ok(heard.every(({ frame }) => frame.length === bytes.after));
    // The tone, in the new format, all the way: kept and live.
    for (const { frame } of heard.slice(2, -1)) {
      const pcm = to === wide ? new Int16Array(frame.slice().buffer) : library.decodeUlaw(frame);
      assert.ok(Math.abs(library.levelDbov(pcm) - library.levelDbov(tone)) < 1.5, `${library.levelDbov(pcm)}`);
    }
    assert.is(heard.length, rig.captured - rig.a.stream.heard.length);
  }
});

test('the caller hears the hold sound after 700 ms, behind what waits, and not before', async () => {
  const rig = await FailoverRig.talking({ sounds });
  rig.a.script.push(2_500);
  rig.a.stream.speak('one', 1_000);
  await rig.run(60);
  const from = rig.said.length;
  rig.a.stream.lose();
  await rig.run(3_000);
  const said = rig.said.slice(from);
  const first = said.indexOf(0x66);
  assert.ok(first * 20 >= 920 && first * 20 <= 1_000, `${first * 20} ms: the agent is heard first`);
  assert.ok(said.lastIndexOf(0x66) * 20 <= 2_700, 'it ends when the backend is there');
  const silent = await FailoverRig.talking({ sounds });
  silent.a.script.push(2_500);
  const before = silent.said.length;
  silent.a.stream.lose();
  await silent.run(1_000);
  assert.is(silent.said.slice(before).indexOf(0x66), 35, '700 ms');
  const none = await FailoverRig.talking({ sounds, options: { reconnect: { holdSound: 'none' } } });
  none.a.script.push(2_500);
  none.a.stream.lose();
  await none.run(2_000);
  assert.not.ok(none.said.includes(0x66));
});

test('nothing came back: hung up, let go, transferred, told', async () => {
  const given = async (reconnect: object, hangupOnBackendFailure = false): Promise<FailoverRig> => {
    const options = { hangupOnBackendFailure, reconnect: { attempts: 1, ...reconnect } };
    const rig = await FailoverRig.talking({ options, sounds });
    rig.a.always = REFUSED;
    rig.a.stream.lose();
    return rig;
  };
  for (const [reconnect, hangs, hungUp] of [
    [{}, false, false],
    [{}, true, true],
    [{ lastResort: 'hangup' }, false, true],
    [{ lastResort: 'release' }, true, false],
  ] as const) {
    const rig = await given(reconnect, hangs);
    await rig.run(300);
    assert.equal([rig.end?.reason, rig.leg.hangups], ['backend-failed', hungUp ? [41] : []]);
  }
  const away = await given({ lastResort: 'transfer', destination: '1000 XML default' });
  let destination = '';
  away.leg.transfer = (to?: string) => ((destination = to ?? ''), Promise.resolve());
  await away.run(300);
  assert.equal([away.end?.reason, destination], ['transferred', '1000 XML default']);
  const refused = await given({ lastResort: 'transfer', destination: '1000' });
  refused.leg.transfer = () => Promise.reject(failure('ERR_TALKSPURT_SWITCH_COMMAND'));
  await refused.run(300);
  assert.is(refused.end?.reason, 'backend-failed', 'a refused transfer leaves nobody in silence');
  const told = await given({ lastResort: 'announce', announcement: 'sorry.wav' });
  await told.run(800);
  assert.is(told.end, null);
  assert.ok(told.said.includes(0x55));
  await told.run(900);
  assert.equal([told.end?.reason, told.leg.hangups], ['backend-failed', [41]]);
  const toned = await given({ lastResort: 'announce' });
  await toned.run(2_500);
  assert.equal([toned.end?.reason, toned.leg.hangups], ['backend-failed', [41]]);
  const codes = new Set(toned.leg.transport.sent.flatMap(({ payload }) => payload));
  assert.ok(codes.size > 20, 'a tone');
  for (const rig of [away, refused, told, toned]) assert.equal(rig.leftovers(), NOTHING_LEFT);
});

test('a library that is slow to come holds nothing up that is heard', async () => {
  const slow: SessionSounds = {
    ...sounds,
    dspLibrary: async () => {
      await new Promise<void>((resolve) => rig.clock.after(500, resolve));
      return library;
    },
  };
  const rig = await FailoverRig.talking({ sounds: slow });
  rig.a.stream.lose();
  await rig.run(400);
  assert.is(rig.a.opens, 1, 'not dialled before it can be used');
  await rig.run(400);
  rig.a.stream.speak('one', 200, { value: 0x42 });
  await rig.run(400);
  assert.is(rig.said.filter((byte) => byte === 0x42).length, 10);
  // The call ends while it is awaited.
  const gone = await FailoverRig.talking({ clock: rig.clock, sounds: slow });
  gone.a.stream.lose();
  await gone.run(300);
  await gone.session.stop('stopped');
  await gone.run(1_000);
  assert.is(gone.a.opens, 1);
  await rig.session.stop('stopped');
  assert.equal(rig.leftovers(), NOTHING_LEFT);
});

test('the caller hangs up during the announcement: it is over', async () => {
  const options = { reconnect: { attempts: 0, lastResort: 'announce', announcement: 'long.wav' } } as const;
  const rig = await FailoverRig.talking({ options, sounds });
  rig.a.stream.lose();
  await rig.run(200);
  rig.leg.listener?.onHangup(16);
  await settle();
  assert.is(rig.end?.reason, 'hangup');
  await rig.run(200);
  assert.equal(rig.leftovers(), NOTHING_LEFT);
});

test.run();

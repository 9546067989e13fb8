/** Whatever fails, and whenever: everything is given back, once, and said once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { EndReason } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import { CallRig } from '../sim/call-rig.ts';
import { settle } from '../sim/fake-clock.ts';
import { FakeTransport, Gate, hang, hangUntilAborted } from '../sim/fake-peers.ts';
import type { BackendStream } from '../../src/backend/backend.ts';
import type { MediaTransport } from '../../src/transport/media-transport.ts';

/** The one check after every life. */
async function allGivenBack(rig: CallRig, reason: EndReason, had: { media: boolean; stream: boolean }): Promise<void> {
  await settle();
  assert.is(rig.session.state, 'ended');
  assert.is(rig.end?.reason, reason);
  assert.is(rig.pool.inUse, 0, 'signal chain');
  assert.is(rig.leg.transport.closes > 0, had.media, 'transport');
  assert.is(rig.stream.closes > 0, had.stream, 'stream');
  assert.is(rig.leg.releases + rig.leg.hangups.length, 1, 'leg');
  assert.is(rig.events.of('call.ended').length, 1, 'told once');
  assert.is(rig.events.all.at(-1)?.type, 'call.ended', 'and last');
  assert.is(rig.events.of('call.ended')[0]?.reason, reason);
  // The scheduler lets a removed call go at its next slot.
  const sent = rig.leg.transport.sent.length;
  rig.clock.advance(60);
  assert.is(rig.clock.pending, 0, 'timers');
  assert.is(rig.scheduler.size, 0);
  assert.is(rig.leg.transport.sent.length, sent, 'not ticked any more');
}

/** What `start` rejected with. */
async function refusal(rig: CallRig): Promise<TalkspurtError> {
  try {
    await rig.session.start();
  } catch (error) {
    if (error instanceof TalkspurtError) return error;
    throw error;
  }
  throw new Error('start did not reject');
}

const failure = (code: TalkspurtError['code']): TalkspurtError => new TalkspurtError(code, 'as the test wants');

test('leg.answer rejects', async () => {
  const rig = new CallRig();
  rig.leg.onAnswer = () => Promise.reject(failure('ERR_TALKSPURT_CALL_GONE'));
  assert.is((await refusal(rig)).code, 'ERR_TALKSPURT_CALL_GONE');
  await allGivenBack(rig, 'hangup', { media: false, stream: false });
});

test('leg.openMedia rejects', async () => {
  const rig = new CallRig();
  rig.leg.onOpenMedia = () => Promise.reject(failure('ERR_TALKSPURT_UNICAST_SILENT'));
  assert.is((await refusal(rig)).code, 'ERR_TALKSPURT_UNICAST_SILENT');
  await allGivenBack(rig, 'media-failed', { media: false, stream: false });
});

test('no signal chain is left', async () => {
  const rig = new CallRig({ poolSize: 0 });
  assert.is((await refusal(rig)).code, 'ERR_TALKSPURT_DSP_POOL_EMPTY');
  await allGivenBack(rig, 'error', { media: true, stream: false });
});

test('backend.open rejects: the channel is left to the switch, or hung up with cause 41', async () => {
  for (const hangupOnBackendFailure of [false, true]) {
    const rig = new CallRig({ options: { hangupOnBackendFailure } });
    rig.backend.onOpen = () => Promise.reject(failure('ERR_TALKSPURT_BACKEND_AUTH'));
    assert.is((await refusal(rig)).code, 'ERR_TALKSPURT_BACKEND_AUTH');
    await allGivenBack(rig, 'backend-failed', { media: true, stream: false });
    assert.equal(rig.leg.hangups, hangupOnBackendFailure ? [41] : []);
    assert.is(rig.events.of('call.ended')[0]?.hangupCause, hangupOnBackendFailure ? 41 : 0);
  }
});

test('something that is not ours is thrown: wrapped, with the original as its cause', async () => {
  const rig = new CallRig();
  rig.backend.onOpen = () => Promise.reject(new RangeError('odd'));
  const error = await refusal(rig);
  assert.is(error.code, 'ERR_TALKSPURT_INTERNAL');
  assert.instance(error.cause, RangeError);
  await allGivenBack(rig, 'error', { media: true, stream: false });
});

for (const heeds of [true, false]) {
  const peer = heeds ? 'heeds the signal' : 'heeds nothing';
  const block = heeds ? hangUntilAborted : hang;

  test(`leg.answer hangs and ${peer}: the caller's hang-up ends the start`, async () => {
    const rig = new CallRig();
    rig.leg.onAnswer = (signal) => block(signal);
    const refused = refusal(rig);
    await settle();
    rig.leg.listener?.onHangup(16);
    assert.is((await refused).code, 'ERR_TALKSPURT_CALL_GONE');
    await allGivenBack(rig, 'hangup', { media: false, stream: false });
    assert.is(rig.leg.releases, 1);
  });

  test(`leg.openMedia hangs and ${peer}: a stop ends the start`, async () => {
    const rig = new CallRig();
    rig.leg.onOpenMedia = (signal) => block(signal);
    const refused = refusal(rig);
    await settle();
    await rig.session.stop('stopped');
    assert.is((await refused).code, 'ERR_TALKSPURT_CALL_GONE');
    await allGivenBack(rig, 'stopped', { media: false, stream: false });
  });

  test(`backend.open hangs and ${peer}: a hang-up ends the start`, async () => {
    const rig = new CallRig();
    rig.backend.onOpen = (signal) => block(signal);
    const refused = refusal(rig);
    await settle();
    assert.is(rig.session.state, 'opening');
    rig.leg.listener?.onHangup(16);
    assert.is((await refused).code, 'ERR_TALKSPURT_CALL_GONE');
    await allGivenBack(rig, 'hangup', { media: true, stream: false });
  });
}

test('media that comes up after the hang-up is closed again', async () => {
  const rig = new CallRig();
  const gate = new Gate<MediaTransport>();
  rig.leg.onOpenMedia = () => gate.promise;
  const refused = refusal(rig);
  await settle();
  rig.leg.listener?.onHangup(16);
  await refused;
  gate.open(rig.leg.transport);
  await allGivenBack(rig, 'hangup', { media: true, stream: false });
});

test('a backend that comes up after the hang-up is closed again', async () => {
  const rig = new CallRig();
  const gate = new Gate<BackendStream>();
  rig.backend.onOpen = () => gate.promise;
  const refused = refusal(rig);
  await settle();
  rig.leg.listener?.onHangup(16);
  await refused;
  gate.open(rig.stream);
  await allGivenBack(rig, 'hangup', { media: true, stream: true });
});

test('a backend that fails after the hang-up changes nothing', async () => {
  const rig = new CallRig();
  const gate = new Gate<BackendStream>();
  rig.backend.onOpen = () => gate.promise;
  const refused = refusal(rig);
  await settle();
  rig.leg.listener?.onHangup(16);
  gate.fail(failure('ERR_TALKSPURT_BACKEND_REFUSED'));
  assert.is((await refused).code, 'ERR_TALKSPURT_CALL_GONE');
  await allGivenBack(rig, 'hangup', { media: true, stream: false });
});

test('a hang-up or a stop at any moment of the start', async () => {
  for (const way of ['hangup', 'stopped'] as const) {
    let talking = 0;
    for (let turns = 0; turns < 60; turns += 1) {
      const rig = new CallRig();
      let started: 'yes' | 'no' | '' = '';
      const start = rig.session.start().then(
        () => (started = 'yes'),
        () => (started = 'no'),
      );
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      const before = rig.session.state;
      if (way === 'hangup') rig.leg.listener?.onHangup(16);
      else void rig.session.stop('stopped');
      await start;
      await settle();
      if (before === 'talking') talking += 1;
      assert.is(started, before === 'talking' ? 'yes' : 'no', `${way} after ${turns} turns, ${before}`);
      const media = rig.leg.transport.closes > 0;
      const stream = rig.stream.closes > 0;
      if (before === 'talking') assert.ok(media && stream);
      if (rig.leg.transport.sink !== null) assert.ok(media, 'a started path is closed');
      await allGivenBack(rig, way, { media, stream });
    }
    assert.ok(talking > 5 && talking < 60, 'the sweep crossed the whole start');
  }
});

test('a hang-up of a talking call is told with its cause; a channel that is gone is not hung up', async () => {
  const rig = await CallRig.talking();
  rig.leg.listener?.onHangup(17);
  assert.is(rig.session.state, 'ending');
  await rig.session.stop('stopped', { hangup: true });
  await allGivenBack(rig, 'hangup', { media: true, stream: true });
  assert.is(rig.events.of('call.ended')[0]?.hangupCause, 17);
  assert.is(rig.leg.hangups.length, 0);
});

test('a hang-up while our own end is under way, and after it, changes nothing', async () => {
  const rig = await CallRig.talking();
  const gate = new Gate<void>();
  rig.leg.onRelease = () => gate.promise;
  void rig.session.stop('stopped');
  await settle();
  rig.leg.listener?.onHangup(16);
  assert.is(rig.session.state, 'ending');
  gate.open();
  await allGivenBack(rig, 'stopped', { media: true, stream: true });
  rig.leg.listener?.onHangup(16);
  await allGivenBack(rig, 'stopped', { media: true, stream: true });
});

test('the backend closes in the middle of the call', async () => {
  const rig = await CallRig.talking({ options: { hangupOnBackendFailure: true, reconnect: { attempts: 0 } } });
  rig.backend.sink?.onClosed(failure('ERR_TALKSPURT_BACKEND_CLOSED'));
  await allGivenBack(rig, 'backend-failed', { media: true, stream: true });
  assert.is(rig.end?.error?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  assert.equal(rig.leg.hangups, [41]);
  assert.is(rig.events.of('backend.closed').length, 1);
  // In good order: it has said its goodbye, and the caller goes on.
  const done = await CallRig.talking({ options: { hangupOnBackendFailure: true } });
  done.backend.sink?.onClosed(null);
  await allGivenBack(done, 'backend-ended', { media: true, stream: true });
  assert.equal([done.end?.error, done.leg.hangups, done.leg.outcomes.at(-1)?.reason], [undefined, [], 'backend-ended']);
  assert.is(done.events.of('backend.closed').length, 1);
});

test('the media path is lost, or the switch ends it', async () => {
  const lost = await CallRig.talking();
  lost.leg.transport.sink?.onLost(failure('ERR_TALKSPURT_MEDIA_STALLED'));
  await allGivenBack(lost, 'media-failed', { media: true, stream: true });
  const taken = await CallRig.talking();
  taken.leg.listener?.onMediaEnded('bridge');
  await allGivenBack(taken, 'media-failed', { media: true, stream: true });
  // Led elsewhere, which is no failure; and another process's, which is told as one of the link.
  const away = await CallRig.talking();
  away.leg.listener?.onMediaEnded('bridge', 'transferred');
  await allGivenBack(away, 'transferred', { media: true, stream: true });
  assert.is(away.events.of('call.ended')[0]?.error, undefined);
  const theirs = await CallRig.talking();
  theirs.leg.listener?.onMediaEnded('somebody else has it', 'link-lost');
  await allGivenBack(theirs, 'link-lost', { media: true, stream: true });
  const told = theirs.events.of('call.ended')[0]?.error;
  assert.equal([told?.code, told?.message], ['ERR_TALKSPURT_LINK_DOWN', 'somebody else has it']);
});

test('the chain throws in a tick: this call ends, with the code of what was thrown', async () => {
  for (const [thrown, code] of [
    [new WebAssembly.RuntimeError('unreachable'), 'ERR_TALKSPURT_DSP_TRAP'],
    [new TypeError('ours'), 'ERR_TALKSPURT_INTERNAL'],
  ] as const) {
    const rig = await CallRig.talking();
    rig.pool.dsp.onCapture = () => {
      throw thrown;
    };
    rig.clock.advance(20);
    await allGivenBack(rig, 'error', { media: true, stream: true });
    assert.is(rig.end?.error?.code, code);
    assert.is(rig.end?.error?.cause, thrown);
  }
});

test('stopping twice, at once and afterwards, is stopping once', async () => {
  const rig = await CallRig.talking();
  const first = rig.session.stop('stopped');
  const second = rig.session.stop('drained', { hangup: true });
  await Promise.all([first, second]);
  await rig.session.stop('error');
  await allGivenBack(rig, 'stopped', { media: true, stream: true });
  assert.is(rig.leg.releases, 1);
});

test('stop with a hang-up says cause 16', async () => {
  const rig = await CallRig.talking();
  await rig.session.stop('stopped', { hangup: true });
  await allGivenBack(rig, 'stopped', { media: true, stream: true });
  assert.equal(rig.leg.hangups, [16]);
});

test('a call that was stopped before it was started does not start', async () => {
  const rig = new CallRig();
  await rig.session.stop('stopped');
  assert.is((await refusal(rig)).code, 'ERR_TALKSPURT_ALREADY_RUNNING');
  await allGivenBack(rig, 'stopped', { media: false, stream: false });
});

test('a peer that does not let go is given up after the deadline, and that is reported', async () => {
  const hooks: ((rig: CallRig) => void)[] = [
    (rig) => (rig.leg.onRelease = hang),
    (rig) => (rig.stream.onClose = hang),
    (rig) => (rig.leg.transport.onClose = hang),
  ];
  for (const hook of hooks) {
    const rig = await CallRig.talking();
    hook(rig);
    void rig.session.stop('stopped');
    await settle();
    assert.is(rig.session.state, 'ending');
    assert.is(rig.end, null);
    rig.clock.advance(LIMITS.callEndMs);
    await allGivenBack(rig, 'stopped', { media: true, stream: true });
    assert.is(rig.events.of('call.ended')[0]?.error?.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
  }
});

test('a peer that fails to let go, later or at once, keeps nothing else from being given back', async () => {
  const now = (): Promise<void> => {
    throw failure('ERR_TALKSPURT_LINK_DOWN');
  };
  const later = (): Promise<void> => Promise.reject(failure('ERR_TALKSPURT_LINK_DOWN'));
  for (const refuse of [now, later]) {
    const hooks: ((rig: CallRig) => void)[] = [
      (rig) => (rig.leg.onRelease = refuse),
      (rig) => (rig.stream.onClose = refuse),
      (rig) => (rig.leg.transport.onClose = refuse),
    ];
    for (const hook of hooks) {
      const rig = await CallRig.talking();
      hook(rig);
      await rig.session.stop('stopped');
      await allGivenBack(rig, 'stopped', { media: true, stream: true });
      assert.is(rig.events.of('call.ended')[0]?.error?.code, 'ERR_TALKSPURT_LINK_DOWN');
    }
  }
});

test('the switch lets go before its packets lose their port', async () => {
  const rig = await CallRig.talking();
  const gate = new Gate<void>();
  rig.leg.onRelease = () => gate.promise;
  const stopped = rig.session.stop('stopped');
  await settle();
  assert.is(rig.leg.transport.closes, 0);
  assert.is(rig.stream.closes, 1);
  gate.open();
  await stopped;
  assert.is(rig.leg.transport.closes, 1);
});

test('what a late peer says of an ended call is not passed on', async () => {
  const rig = await CallRig.talking();
  await rig.session.stop('stopped');
  rig.backend.sink?.onTranscript('agent', 'late', true);
  rig.backend.sink?.onClosed(null);
  rig.leg.listener?.onDigit('1', 100);
  rig.say('late', 100);
  await allGivenBack(rig, 'stopped', { media: true, stream: true });
});

test('a transport that is refused late does not end the process', async () => {
  const rig = new CallRig();
  const gate = new Gate<MediaTransport>();
  rig.leg.onOpenMedia = () => gate.promise;
  const refused = refusal(rig);
  await settle();
  await rig.session.stop('stopped');
  await refused;
  const transport = new FakeTransport();
  transport.onClose = () => Promise.reject(failure('ERR_TALKSPURT_MEDIA_BIND'));
  gate.open(transport);
  await allGivenBack(rig, 'stopped', { media: false, stream: false });
  assert.is(transport.closes, 1);
});

test.run();

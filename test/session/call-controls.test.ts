/** Orders to a call that talks, seen at its edges: what the backend gets, what the caller gets, what is written down. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { CallRig } from '../sim/call-rig.ts';
import { settle } from '../sim/fake-clock.ts';
import { FakeBackend, FakeStream, PCMU_LEG } from '../sim/fake-peers.ts';

const SPEECH = 0.9;
const lastSent = (rig: CallRig): number | undefined => rig.leg.transport.sent.at(-1)?.payload[0];

test('pause: the backend hears nothing until resume, and the paused caller does not cut in', async () => {
  const rig = await CallRig.talking();
  rig.session.controls.pause(true);
  rig.session.controls.pause(true);
  const heard = rig.stream.heardFrames;
  rig.say('a', 1_000);
  await rig.run(400, SPEECH);
  assert.is(rig.stream.heardFrames, heard);
  assert.is(rig.session.snapshot().turn, 'agent-speaking');
  rig.session.controls.pause(false);
  await rig.run(100);
  assert.is(rig.stream.heardFrames, heard + 5);
  assert.equal(
    rig.events.of('order').map(({ order, on }) => [order, on]),
    [
      ['pause', true],
      ['pause', false],
    ],
  );
});

test('mute user: silence takes the caller’s place; mute agent: silence takes the agent’s', async () => {
  const rig = await CallRig.talking();
  const frames: number[] = [];
  rig.stream.sendAudio = ((frame: Uint8Array) => frames.push(frame[0] ?? -1)) as never;
  await rig.run(20);
  rig.session.controls.mute('user', true);
  await rig.run(20);
  assert.equal(frames, [0, 0xff], 'the fake chain hands zeros out; silence of µ-law is 0xff');
  rig.say('a', 200, 0x20);
  await rig.run(60);
  assert.is(lastSent(rig), 0x20);
  rig.session.controls.mute('agent', true);
  await rig.run(20);
  assert.is(lastSent(rig), 0xff);
  rig.session.controls.mute('all', false);
  await rig.run(20);
  assert.is(lastSent(rig), 0x20, 'what was said meanwhile has passed');
  assert.equal(rig.session.snapshot().orders, []);
});

test('mask: silence to the backend, no transcripts and no digits', async () => {
  const rig = await CallRig.talking();
  rig.session.controls.mask(true);
  rig.backend.sink?.onTranscript('caller', '4111', true);
  rig.leg.listener?.onDigit('4', 100);
  assert.is(rig.events.of('transcript').length + rig.events.of('dtmf').length, 0);
  assert.equal(rig.session.snapshot().orders, ['mask']);
  rig.session.controls.mask(false);
  rig.leg.listener?.onDigit('5', 100);
  assert.is(rig.events.of('dtmf').length, 1);
});

test('break: what is said fades out, what waits is dropped, the backend is told what was heard; no barge-in', async () => {
  const rig = await CallRig.talking();
  rig.say('a', 2_000);
  await rig.run(200);
  rig.session.controls.breakOff();
  await rig.run(40);
  assert.equal(rig.stream.cancels, [['a', 220]]);
  assert.is(rig.session.snapshot().playoutBytes, 0);
  assert.is(rig.session.snapshot().turn, 'listening');
  assert.is(rig.session.snapshot().bargeIns, 0);
  assert.is(rig.events.of('barge-in').length, 0);
  rig.say('b', 100);
  await rig.run(80);
  assert.is(lastSent(rig), 0x20, 'the next phrase is heard');
});

test('break of an answer that was asked for and has not begun calls it off', async () => {
  const rig = await CallRig.talking();
  rig.session.sendText('hello');
  rig.session.controls.breakOff();
  assert.equal(rig.stream.cancels, [[null, 0]]);
  rig.session.controls.breakOff();
  assert.is(rig.stream.cancels.length, 1, 'nothing is left to call off');
});

test('a sound goes before the agent, who goes on where it was', async () => {
  const rig = await CallRig.talking();
  rig.say('a', 200, 0x20);
  await rig.run(100);
  const { controls } = rig.session;
  controls.play(new Uint8Array(8 * 60).fill(0x33), controls.soundFormat);
  await rig.run(60);
  const sent = rig.leg.transport.sent.slice(-3).map(({ payload }) => payload[0]);
  assert.equal(sent, [0x33, 0x33, 0x33]);
  await rig.run(20);
  assert.is(lastSent(rig), 0x20);
  await rig.run(200);
  const agent = rig.leg.transport.sent.filter(({ payload }) => payload[0] === 0x20).length;
  assert.is(agent, 10, 'all 200 ms of it');
});

test('sounds are bounded, and belong to the backend they were made for', async () => {
  const rig = await CallRig.talking();
  const { controls } = rig.session;
  const most = new Uint8Array(LIMITS.soundMs * 8);
  controls.play(most, PCMU_LEG);
  assert.throws(() => controls.play(new Uint8Array(160), PCMU_LEG), /break first/);
  controls.breakOff();
  controls.play(new Uint8Array(160), PCMU_LEG);
  assert.throws(() => controls.play(new Uint8Array(320), { codec: 'l16', sampleRateHz: 8000 }), /play the sound again/);
});

test('another backend takes over: what waits of the old one is gone, and it is heard no more', async () => {
  const rig = await CallRig.talking();
  rig.say('a', 2_000);
  await rig.run(100);
  const next = new FakeBackend(new FakeStream({ format: { codec: 'pcma', sampleRateHz: 8000 } }));
  await rig.session.switchBackend(next);
  assert.is(rig.stream.closes, 1);
  rig.say('old', 1_000);
  rig.backend.sink?.onClosed(null);
  await rig.run(100);
  assert.is(rig.session.state, 'talking');
  assert.is(rig.session.snapshot().playoutBytes, 0);
  assert.is(next.stream.heardFrames > 0, true);
  assert.is(rig.session.snapshot().turn, 'listening');
  assert.is(rig.events.of('backend.switched')[0]?.backend, 'fake');
});

test('a backend that cannot be opened changes nothing', async () => {
  const rig = await CallRig.talking();
  const broken = new FakeBackend();
  broken.onOpen = () => Promise.reject(new TalkspurtError('ERR_TALKSPURT_BACKEND_AUTH', 'no'));
  await rig.session.switchBackend(broken).then(
    () => assert.unreachable(),
    (error: unknown) => assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_BACKEND_AUTH'),
  );
  rig.say('a', 200);
  await rig.run(80);
  assert.is(lastSent(rig), 0x20);
  assert.is(rig.stream.closes, 0);
});

test('the call ends while another backend is being opened: both are closed', async () => {
  const rig = await CallRig.talking();
  const slow = new FakeBackend();
  let open: () => void = () => undefined;
  slow.onOpen = () => new Promise((resolve) => (open = () => resolve(slow.stream)));
  const switching = rig.session.switchBackend(slow).catch((error: unknown) => error);
  await rig.session.stop('stopped');
  open();
  assert.instance(await switching, TalkspurtError);
  assert.is(rig.stream.closes, 1);
  assert.is(slow.stream.closes, 1);
});

test('graceful shutdown: the agent finishes, then the call is stopped; an endless one is cut off', async () => {
  const rig = await CallRig.talking();
  rig.answer('a', 500);
  await rig.run(60);
  rig.session.shutDownGracefully();
  await rig.run(300);
  assert.is(rig.end, null);
  await rig.run(500);
  assert.is(rig.end?.reason, 'stopped');

  const endless = await CallRig.talking();
  endless.session.shutDownGracefully();
  for (let ms = 0; ms < LIMITS.gracefulShutdownMs + 500 && endless.end === null; ms += 100) {
    endless.say('a', 200);
    await endless.run(100);
  }
  assert.is(endless.end?.reason, 'stopped');
});

test('a transfer ends the call with its own reason; a refused one does not', async () => {
  const rig = await CallRig.talking();
  rig.leg.transfer = () => Promise.reject(new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'no'));
  await rig.session.transfer('1').catch(() => undefined);
  assert.is(rig.end, null);
  // What is to be left with the channel is known before it goes.
  let known: unknown = null;
  rig.leg.transfer = () => {
    known = rig.leg.outcomes.at(-1);
    rig.leg.listener?.onMediaEnded('transferred');
    return Promise.resolve();
  };
  await rig.session.transfer('1000');
  await settle();
  assert.is(rig.end?.reason, 'transferred');
  assert.equal(known, { reason: 'transferred', turns: 0, bargeIns: 0 });

  const taken = await CallRig.talking();
  taken.leg.transfer = () => {
    taken.leg.listener?.onMediaEnded('somebody else has it', 'link-lost');
    return Promise.reject(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'no'));
  };
  await taken.session.transfer('1000').catch(() => undefined);
  await settle();
  assert.is(taken.end?.reason, 'link-lost', 'nobody is left with a call that is not ours');
});

test('stop with metadata: the backend is told before the goodbye', async () => {
  const rig = await CallRig.talking();
  const told: string[] = [];
  rig.stream.sendMetadata = (text) => told.push(`${text} ${rig.stream.closes}`);
  await rig.session.stop('stopped', { metadata: 'bye' });
  assert.equal(told, ['bye 0']);
});

test('a recording holds both sides, aligned, as a WAV that says how long it is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'talkspurt-'));
  try {
    const rig = await CallRig.talking();
    const path = join(directory, 'call.wav');
    await rig.session.controls.startRecording(path);
    await rig.session.controls.startRecording(path).then(
      () => assert.unreachable(),
      (error: unknown) => assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_ALREADY_RUNNING'),
    );
    assert.is(rig.session.snapshot().recording, true);
    rig.say('a', 100, 0x20);
    await rig.run(300);
    assert.is(await rig.session.controls.stopRecording(), path);
    const wav = await readFile(path);
    assert.is(wav.toString('latin1', 0, 4), 'RIFF');
    assert.is(wav.readUInt16LE(20), 7, 'µ-law');
    assert.is(wav.readUInt16LE(22), 2);
    assert.is(wav.readUInt32LE(40), wav.length - 44);
    const frames = (wav.length - 44) / 320;
    assert.ok(frames >= 14 && frames <= 15, `${frames} frames`);
    const right = [...wav.subarray(44)].filter((_, index) => index % 2 === 1);
    assert.is(right.filter((byte) => byte === 0x20).length, 800, 'the agent, all of it');
    assert.ok(
      [...wav.subarray(44)].every((byte, index) => index % 2 === 1 || byte === 0xff),
      'the caller',
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a call that ends finishes its recording; a directory that is not there is a clear error', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'talkspurt-'));
  try {
    const rig = await CallRig.talking();
    await rig.session.controls.startRecording(join(directory, 'nowhere', 'call.wav')).then(
      () => assert.unreachable(),
      (error: unknown) => assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_RECORDING'),
    );
    const path = join(directory, 'call.wav');
    await rig.session.controls.startRecording(path);
    await rig.run(200);
    await rig.session.stop('stopped');
    const wav = await readFile(path);
    assert.is(wav.readUInt32LE(40), (await stat(path)).size - 44);
    assert.ok(wav.length > 44 + 320 * 8);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.run();

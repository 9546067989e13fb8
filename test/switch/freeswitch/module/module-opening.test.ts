/** A whole stream against the simulated modules, over real sockets. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../../src/core/errors.ts';
import { LIMITS } from '../../../../src/limits.ts';
import { ModuleRig, RecordingSink, UUID, ramp, until } from './module-rig.ts';

async function failureOf(promise: Promise<unknown>): Promise<TalkspurtError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TalkspurtError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const frame = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);

test('mod_audio_stream: the command, the audio, the end', async () => {
  const rig = new ModuleRig('mod_audio_stream');
  const metadata = '{"call":"a b","n":[1,2]}';
  const transport = await rig.open({ metadata });
  assert.equal(rig.subscribed, ['mod_audio_stream::play', 'mod_audio_stream::error']);
  const start = rig.said.find((line) => line.includes(' start '));
  assert.match(
    start ?? '',
    /^uuid_audio_stream \S+ start ws:\/\/127\.0\.0\.1:\d+\/talkspurt\/\S{32} mono 8k '\{.*\}'$/,
  );
  assert.is(rig.variables.get('STREAM_BUFFER_SIZE'), '20');
  assert.is(rig.variables.get('STREAM_HEART_BEAT'), '30');
  await until(() => rig.texts.length === 1, 'metadata');
  assert.equal(rig.texts, [metadata]);
  assert.equal(transport.format, { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 });
  assert.is(transport.kind, 'module');
  assert.is(transport.other, undefined);
  const sink = new RecordingSink();
  transport.start(sink);
  const caller = ramp(1, 400);
  rig.stream.capture(caller.subarray(0, 333));
  rig.stream.capture(caller.subarray(333));
  await until(() => sink.frames.length === 2, 'frames');
  assert.equal(
    sink.frames.map(({ sequenceNumber, timestamp }) => [sequenceNumber, timestamp]),
    [
      [2, 320],
      [3, 480],
    ],
  );
  assert.equal(sink.frames[1]?.payload, ramp(161, 160));
  const { stream } = rig;
  await transport.close();
  await transport.close();
  assert.is(rig.said.at(-1), `uuid_audio_stream ${UUID} stop`);
  assert.is(stream.closedWith, 1000);
  transport.send(frame(320, 1), true);
  assert.is(transport.stats.unsentFrames, 1);
  assert.equal(sink.losses, []);
  assert.is(rig.clock.pending, 0);
  await rig.close();
});

test('metadata that is lost is not missed; audio may come before it', async () => {
  const lost = new ModuleRig('mod_audio_stream', {}, true);
  const transport = await lost.open({ metadata: 'hello' });
  assert.equal(lost.texts, []);
  await transport.close();
  await lost.close();
  const late = new ModuleRig('mod_audio_stream');
  const { opened } = await late.begin({ metadata: 'hello' });
  await until(() => late.module.stream(UUID) !== undefined, 'started');
  // As recorded: what is captured while connecting goes first.
  for (let i = 0; i < 8; i += 1) late.stream.capture(frame(320, i));
  const second = await opened;
  await until(() => late.texts.length === 1, 'metadata');
  assert.is(second.stats.receivedFrames, 8);
  await second.close();
  await late.close();
});

test('stereo comes as two transports on one clock, mixed as one; neither is talked to', async () => {
  const rig = new ModuleRig('mod_audio_stream');
  const transport = await rig.open({ mix: 'stereo', sampleRateHz: 16000, play: false });
  const { other } = transport;
  if (other === undefined) throw new Error('no other side');
  const left = new RecordingSink();
  const right = new RecordingSink();
  transport.start(left);
  other.start(right);
  const both = new Uint8Array(1280);
  for (let i = 0; i < 320; i += 1) both.set([1, 0, 2, 0], i * 4);
  rig.stream.capture(both);
  await until(() => right.frames.length === 1, 'right');
  assert.is(left.frames[0]?.payload[0], 1);
  assert.is(right.frames[0]?.payload[0], 2);
  assert.is(left.frames[0]?.sequenceNumber, right.frames[0]?.sequenceNumber);
  assert.is(left.frames[0]?.nowMs, right.frames[0]?.nowMs);
  assert.equal(other.format, transport.format);
  transport.send(frame(640, 1), true);
  other.send(frame(640, 1), true);
  other.flush();
  transport.flush();
  assert.is(transport.stats.unsentFrames, 1);
  assert.is(other.stats.unsentFrames, 1);
  assert.is(other.playedFrames(), null);
  assert.is(transport.playedFrames(), null);
  assert.equal(rig.subscribed, ['mod_audio_stream::error']);
  await transport.close();
  await rig.close();
  const mixed = new ModuleRig('mod_audio_fork');
  const one = await mixed.open({ mix: 'mixed', play: false });
  assert.is(one.other, undefined);
  await one.close();
  await mixed.close();
});

test('what does not fit is refused before the switch is asked', async () => {
  const rig = new ModuleRig('mod_audio_stream');
  const { opened } = await rig.begin({ mix: 'mixed', play: false, written: false });
  assert.is((await failureOf(opened)).code, 'ERR_TALKSPURT_MODULE_UNFIT');
  for (const metadata of ["it's", 'a\\nb', 'two\nlines', 'x'.repeat(8192)]) {
    const again = await rig.begin({ metadata });
    assert.is((await failureOf(again.opened)).code, 'ERR_TALKSPURT_COMMAND_SYNTAX');
  }
  const odd = await rig.begin({ uuid: 'a b' });
  assert.is((await failureOf(odd.opened)).code, 'ERR_TALKSPURT_COMMAND_SYNTAX');
  assert.is(
    rig.said.some((line) => line.includes(' start ')),
    false,
  );
  await rig.close();
});

test("a start that is refused leaves somebody else's stream alone", async () => {
  for (const [reply, text] of [
    ['-ERR Operation Failed\n', /runs on the channel already/],
    ['-USAGE: <uuid> start\n', /another version/],
    ['-ERR no reply\n', /arguments/],
  ] as const) {
    const rig = new ModuleRig('mod_audio_stream');
    rig.answer = (command) => (command.includes(' start ') ? reply : undefined);
    const { opened } = await rig.begin();
    const error = await failureOf(opened);
    assert.is(error.code, 'ERR_TALKSPURT_SWITCH_COMMAND');
    assert.match(error.message, text);
    assert.is(
      rig.said.some((line) => line.endsWith(' stop')),
      false,
    );
    assert.is(rig.server.expected, 0);
    assert.is(rig.clock.pending, 0);
    await rig.close();
  }
});

test('a start without an answer is taken back', async () => {
  const rig = new ModuleRig('mod_audio_fork');
  const late = new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', 'late');
  rig.answer = (command) => (command.includes(' start ') ? late : undefined);
  const { opened } = await rig.begin();
  assert.is(await failureOf(opened), late);
  assert.is(rig.said.at(-1), `uuid_audio_fork ${UUID} stop talkspurt`);
  await rig.close();
});

test('a module that cannot connect says so at once', async () => {
  for (const kind of ['mod_audio_stream', 'mod_audio_fork'] as const) {
    // Its address is not let in: the module is answered 403.
    const rig = new ModuleRig(kind, { allow: ['192.0.2.1'] });
    const { opened } = await rig.begin();
    const error = await failureOf(opened);
    assert.is(error.code, 'ERR_TALKSPURT_MODULE_SILENT');
    assert.match(error.message, kind === 'mod_audio_stream' ? /error 6/ : /could not connect/);
    assert.equal(rig.refused, [403]);
    await until(() => rig.clock.pending === 0, 'no timer is left');
    await rig.close();
  }
});

test('nobody connects, or connects and says nothing', async () => {
  const never = new ModuleRig('mod_audio_stream');
  never.answer = (command) => (command.includes(' start ') ? '+OK Success\n' : undefined);
  const first = await never.begin();
  await until(() => never.server.expected === 1, 'expected');
  never.clock.advance(LIMITS.moduleConnectMs);
  assert.is((await failureOf(first.opened)).code, 'ERR_TALKSPURT_MODULE_SILENT');
  assert.is(never.said.at(-1), `uuid_audio_stream ${UUID} stop`);
  await never.close();
  const mute = new ModuleRig('mod_audio_stream');
  const second = await mute.begin();
  await until(() => mute.module.stream(UUID)?.open === true && mute.clock.pending === 1, 'it waits for a frame');
  const { stream } = mute;
  mute.clock.advance(LIMITS.moduleFirstFrameMs);
  assert.match((await failureOf(second.opened)).message, /sent no audio/);
  assert.is(mute.module.stream(UUID), undefined);
  await until(() => stream.closedWith !== null, 'closed');
  assert.is(mute.clock.pending, 0);
  await mute.close();
});

test('a wish withdrawn at any point leaves nothing behind', async () => {
  for (const moment of ['before', 'connecting', 'connected'] as const) {
    const rig = new ModuleRig('mod_audio_stream');
    const abort = new AbortController();
    const gone = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone');
    if (moment === 'before') abort.abort(gone);
    if (moment === 'connecting') rig.answer = (line) => (line.includes(' start ') ? '+OK Success\n' : undefined);
    const { opened } = await rig.begin({ signal: abort.signal });
    if (moment === 'connecting') await until(() => rig.server.expected === 1, 'expected');
    if (moment === 'connected') await until(() => rig.clock.pending === 1 && rig.server.expected === 0, 'connected');
    abort.abort(gone);
    assert.is((await failureOf(opened)).code, 'ERR_TALKSPURT_CALL_GONE', moment);
    assert.is(rig.module.stream(UUID), undefined, moment);
    assert.is(rig.server.expected, 0, moment);
    await until(() => rig.clock.pending === 0, moment);
    await rig.close();
  }
});

test('a connection that goes away is a lost path, unless the call ended', async () => {
  const rig = new ModuleRig('mod_audio_stream');
  const transport = await rig.open();
  const sink = new RecordingSink();
  transport.start(sink);
  rig.module.hangUp(UUID);
  await until(() => rig.clock.pending === 1, 'the goodbye is noticed');
  assert.equal(sink.losses, []);
  rig.clock.advance(LIMITS.hangupEventMs);
  assert.equal(
    sink.losses.map(({ code }) => code),
    ['ERR_TALKSPURT_MODULE_SILENT'],
  );
  assert.match(sink.losses[0]!.message, /1000/);
  await transport.close();
  await rig.close();
  // The link tells of the hang-up within that time, and the transport is closed.
  const ended = new ModuleRig('mod_audio_stream');
  const second = await ended.open();
  const quiet = new RecordingSink();
  second.start(quiet);
  ended.module.hangUp(UUID);
  await until(() => ended.clock.pending === 1, 'the goodbye is noticed');
  await second.close();
  ended.clock.advance(LIMITS.hangupEventMs);
  assert.equal(quiet.losses, []);
  assert.is(ended.clock.pending, 0);
  await ended.close();
  // Lost before anybody listened.
  const early = new ModuleRig('mod_audio_stream');
  const third = await early.open();
  early.module.hangUp(UUID);
  await until(() => early.clock.pending === 1, 'the goodbye is noticed');
  early.clock.advance(LIMITS.hangupEventMs);
  const after = new RecordingSink();
  third.start(after);
  assert.is(after.losses.length, 1);
  await third.close();
  await early.close();
});

test('a password is on the channel for as long as the module needs it', async () => {
  const basicAuth = { username: 'fs', password: 'secret:1' };
  for (const [kind, names] of [
    ['mod_audio_stream', ['STREAM_EXTRA_HEADERS']],
    ['mod_audio_fork', ['MOD_AUDIO_BASIC_AUTH_USERNAME', 'MOD_AUDIO_BASIC_AUTH_PASSWORD']],
  ] as const) {
    const rig = new ModuleRig(kind, { basicAuth });
    const seen: string[] = [];
    rig.answer = (command) => {
      if (command.includes(' start ')) seen.push(...rig.variables.keys());
      return undefined;
    };
    const transport = await rig.open();
    for (const name of names) {
      assert.ok(seen.includes(name), name);
      assert.is(rig.variables.has(name), false, `${name} is taken away`);
    }
    await transport.close();
    await rig.close();
    const refused = new ModuleRig(kind, { basicAuth });
    refused.answer = (command) => (command.includes('uuid_setvar') ? '-ERR no such channel\n' : undefined);
    const { opened } = await refused.begin();
    const error = await failureOf(opened);
    assert.is(error.code, 'ERR_TALKSPURT_SWITCH_COMMAND');
    assert.not.match(error.message, /secret|c2Vj/);
    await refused.close();
  }
});

test('the agent talks through files, one after the other', async () => {
  for (const kind of ['mod_audio_stream', 'mod_audio_fork'] as const) {
    const rig = new ModuleRig(kind);
    const transport = await rig.open();
    assert.is(transport.playedFrames(), null);
    const speech = ramp(1, 160 * 30);
    for (let i = 0; i < 20; i += 1) transport.send(speech.subarray(i * 320, i * 320 + 320), i === 0);
    await until(() => rig.playlist.length === 2, 'two files');
    assert.match(rig.said.at(-1) ?? '', new RegExp(`^sendmsg ${UUID} execute playback /tmp/\\S+\\.tmp\\.r8 true$`));
    const first = rig.playNext();
    assert.is(transport.playedFrames(), 0);
    rig.clock.advance(100);
    assert.is(transport.playedFrames(), 5);
    const second = rig.playNext();
    assert.is(transport.playedFrames(), 10);
    assert.equal(Buffer.concat([first, second]), Buffer.from(speech.subarray(0, 6400)));
    transport.flush();
    assert.is(rig.said.at(-1), `uuid_break ${UUID} all`);
    assert.is(transport.playedFrames(), transport.stats.sentFrames);
    // The next phrase starts anew.
    for (let i = 20; i < 30; i += 1) transport.send(speech.subarray(i * 320, i * 320 + 320), false);
    for (let i = 0; i < 10; i += 1) transport.send(new Uint8Array(320), false);
    await until(() => rig.playlist.length === 2, 'the next phrase');
    assert.equal(rig.playNext(), Buffer.from(speech.subarray(6400)));
    assert.equal(rig.faults, []);
    await transport.close();
    assert.is(rig.module.files.size, 0);
    await rig.close();
  }
});

test('jambonz: binary both ways, marks tell what was heard, killAudio drops the rest', async () => {
  const rig = new ModuleRig('jambonz');
  const transport = await rig.open({ metadata: '{"a":1}' });
  const start = rig.said.find((line) => line.includes(' start ')) ?? '';
  assert.match(start, / mono 8k talkspurt '\{"a":1\}' true true 8000$/);
  assert.is(rig.stream.protocol, 'audio.drachtio.org');
  assert.is(transport.playedFrames(), null);
  const speech = ramp(1, 160 * 40);
  for (let i = 0; i < 40; i += 1) transport.send(speech.subarray(i * 320, i * 320 + 320), i === 0);
  await until(() => rig.stream.binaries === 40, 'all of it is there');
  const heard: number[] = [];
  for (let i = 0; i < 20; i += 1) heard.push(...rig.stream.dub(160));
  assert.equal(
    heard.slice(0, 800),
    Array.from({ length: 800 }, (_, i) => i + 1),
  );
  // Marks take the room of a sample each, and are not heard.
  await until(() => transport.playedFrames() === 15, 'marks');
  transport.flush();
  const killed = (): number => rig.stream.texts.filter((text) => text === '{"type":"killAudio"}').length;
  await until(() => killed() === 1, 'killAudio');
  rig.stream.dub(160);
  assert.equal(
    Array.from(rig.stream.dub(160)),
    Array.from({ length: 160 }, () => 0),
  );
  // The module would give later marks the names of those that it cleared.
  assert.is(transport.playedFrames(), null);
  await transport.close();
  await rig.close();
});

test('jambonz: marks go on after a flush of nothing; samples that look like a mark are moved', async () => {
  const rig = new ModuleRig('jambonz');
  const transport = await rig.open();
  for (let i = 0; i < 20; i += 1) transport.send(frame(320, 0xff), false);
  for (let i = 0; i < 4; i += 1) transport.send(frame(320, 0), false);
  await until(() => rig.stream.binaries === 24, 'all of it is there');
  const heard = rig.stream.dub(160 * 24 + 4);
  assert.is(heard[0], -2);
  await until(() => transport.playedFrames() === 20, 'marks');
  transport.flush();
  assert.is(transport.playedFrames(), 24);
  await until(() => rig.stream.texts.includes('{"type":"killAudio"}'), 'killAudio');
  rig.stream.dub(160);
  for (let i = 0; i < 12; i += 1) transport.send(frame(320, 1), i === 0);
  await until(() => rig.stream.binaries === 36, 'more of it');
  rig.stream.dub(160 * 12);
  await until(() => transport.playedFrames() === 35, 'marks after the flush');
  await transport.close();
  await rig.close();
});

test('a fault of the link while it plays ends nothing', async () => {
  const rig = new ModuleRig('mod_audio_stream');
  const transport = await rig.open();
  const down = new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down');
  rig.answer = (command) => (command.startsWith('uuid_') ? down : undefined);
  for (let i = 0; i < 20; i += 1) transport.send(frame(320, 1), i === 0);
  await until(() => rig.playlist.length === 2, 'two files');
  rig.playNext();
  transport.flush();
  await until(() => rig.faults.length === 1, 'a fault');
  await transport.close();
  assert.equal(
    rig.faults.map(({ code }) => code),
    ['ERR_TALKSPURT_LINK_DOWN', 'ERR_TALKSPURT_LINK_DOWN'],
  );
  await rig.close();
});

test.run();

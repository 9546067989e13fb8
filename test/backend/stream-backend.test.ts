/** A whole stream over a real socket, with a raw WebSocket server at the other end. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamBackend } from '../../src/backend/stream-backend.ts';
import { LIMITS } from '../../src/limits.ts';
import { ManualClock } from './manual-clock.ts';
import { CALL, StreamPeers, StreamSink, l16, talk } from './stream-rig.ts';

test('the upgrade is what servers of the module expect', async () => {
  const call = await talk({ extraHeaders: { Authorization: 'Bearer t0k', 'X-Call': 'a b' } });
  const { headers, url } = call.peer.request;
  assert.is(url, '/stream?call=1');
  assert.is(headers['origin'], `http://127.0.0.1:${call.peers.port}`);
  assert.is(headers['sec-websocket-version'], '13');
  assert.is(headers['authorization'], 'Bearer t0k');
  assert.is(headers['x-call'], 'a b');
  // Never compressed, no sub-protocol, no name.
  for (const name of ['sec-websocket-extensions', 'sec-websocket-protocol', 'user-agent']) {
    assert.is(headers[name], undefined, name);
  }
  assert.is(call.peer.socket.extensions, '');
  await call.end();
});

test('metadata first and verbatim, then frames, then the goodbye', async () => {
  const metadata = '{"callId":"x 1", "it\'s":[1,2],"ü":"→"}';
  const call = await talk({ metadata });
  const frame = randomBytes(320);
  assert.is(call.stream.sendAudio(frame), true);
  call.stream.sendText('one two three');
  call.stream.sendJson('{"a": "b c"}');
  call.stream.sendMetadata('bye bye');
  await call.stream.close();
  await call.peer.until(() => call.peer.closed);
  assert.equal(call.peer.heard, [metadata, frame, 'one two three', '{"a": "b c"}', 'bye bye']);
  assert.equal(call.peer.closed, { code: 1000, reason: 'Normal closure' });
  assert.equal(call.sink.all, []);
  assert.is(call.stream.sendAudio(frame), false);
  assert.is(call.stream.droppedFrames, 1);
  await call.end();
});

test('without metadata nothing precedes the audio; formats are L16 at the rate', async () => {
  const call = await talk({ sampleRateHz: 16000 });
  assert.equal(call.stream.inputFormat, { codec: 'l16', sampleRateHz: 16000 });
  assert.equal(call.stream.outputFormat, { codec: 'l16', sampleRateHz: 16000 });
  assert.is(call.stream.detectsTurns, true);
  assert.is(call.stream.wantsPlayed, false);
  call.stream.commitTurn();
  call.stream.requestResponse();
  call.stream.sendToolResult();
  call.stream.sendAudio(randomBytes(640));
  await call.peer.settled();
  assert.equal(
    call.peer.heard.map((message) => message.length),
    [640],
  );
  await call.end();
});

test('stereo: the caller left, the agent right', async () => {
  const call = await talk({ mix: 'stereo' });
  assert.is(call.stream.wantsPlayed, true);
  call.stream.sendPlayed(l16(Array.from({ length: 160 }, () => -7)));
  call.stream.sendAudio(l16(Array.from({ length: 160 }, (_, i) => i)));
  await call.peer.settled();
  assert.equal(call.peer.binaries, [l16(Array.from({ length: 320 }, (_, i) => (i % 2 === 0 ? i / 2 : -7)))]);
  await call.end();
});

test('a sound is a phrase: begun, heard, done', async () => {
  const call = await talk();
  const audio = randomBytes(3200);
  call.peer.sound({ audioDataType: 'raw', sampleRate: 8000, audioData: audio.toString('base64'), foo: 'bar' });
  await call.peer.settled();
  assert.equal(call.sink.all, [
    { kind: 'started', responseId: 'stream-1' },
    { kind: 'audio', itemId: 'stream-1', audio },
    { kind: 'audio-done', itemId: 'stream-1' },
    { kind: 'done', responseId: 'stream-1', status: 'completed' },
  ]);
  assert.equal(call.events, [
    { name: 'connect', body: '{"status":"connected"}' },
    { name: 'play', body: '{"audioDataType":"raw","sampleRate":8000,"foo":"bar"}' },
  ]);
  assert.equal(call.sink.messages, []);
  await call.end();
});

test('binary messages are played as they come, a phrase a burst', async () => {
  const call = await talk();
  const [a, b, c] = [randomBytes(320), randomBytes(641), randomBytes(319)];
  call.peer.say(a);
  call.peer.say(b);
  await call.peer.settled();
  call.clock.advance(150);
  call.peer.say(c);
  await call.peer.settled();
  call.clock.advance(150);
  assert.equal(call.sink.kinds, ['started', 'audio', 'audio', 'audio']);
  // Half a sample waits for its other half.
  assert.equal(call.sink.audioOf('stream-1'), Buffer.concat([a, b, c]));
  call.clock.advance(60);
  assert.equal(call.sink.kinds.slice(4), ['audio-done', 'done']);
  call.peer.say(a);
  await call.peer.settled();
  assert.equal(call.sink.audioOf('stream-2'), a);
  await call.end();
});

test('a text that is not for us is passed on as it is', async () => {
  const call = await talk();
  const texts = ['{"type":"hello","x":1}', 'not json at all', '{"type":', '[]', 'null', '{"type":"streamAudio"}', ''];
  for (const text of texts) call.peer.say(text);
  await call.peer.settled();
  assert.equal(call.sink.messages, texts);
  assert.equal(call.sink.all, []);
  assert.equal(
    call.events.slice(1),
    texts.map((body) => ({ name: 'json', body })),
  );
  await call.end();
});

test('what came before anybody could have it is delivered afterwards', async () => {
  const peers = await StreamPeers.listen();
  peers.onPeer = (peer) => {
    peer.say('hello');
    peer.say(Buffer.alloc(320, 1));
    peer.socket.close(4001, 'because');
  };
  const clock = new ManualClock();
  const sink = new StreamSink();
  const stream = await new StreamBackend({ url: peers.url }, clock).open(CALL, sink, new AbortController().signal);
  const peer = await peers.peer();
  await peer.until(() => peer.closed);
  assert.equal([sink.all, sink.messages], [[], []]);
  clock.advance(0);
  assert.equal(sink.messages, ['hello']);
  const closed = await sink.until('closed');
  assert.equal(sink.kinds, ['started', 'audio', 'audio-done', 'done', 'closed']);
  assert.is(closed.error?.details['closeCode'], 4001);
  await stream.close();
  await peers.close();
  assert.is(clock.pending, 0);
});

test('a fault of one message is reported and harms no other', async () => {
  const call = await talk({ maxAudioBase64: 1000 });
  const say = (data: Record<string, unknown>): void => call.peer.sound(data);
  say({ audioDataType: 'mp3', audioData: 'AAAA' });
  say({ audioDataType: 'ogg', sampleRate: 8000, audioData: 'AAAA' });
  say({ audioDataType: 'raw', sampleRate: 8000, audioData: 'A'.repeat(1004) });
  say({ audioDataType: 'raw', sampleRate: 8000, audioData: 'AA$A' });
  say({ audioDataType: 'wav', audioData: 'AAAA' });
  say({ audioDataType: 'raw', sampleRate: 8000, audioData: 'AAAA' });
  await call.peer.settled();
  assert.equal(
    call.sink.of('error').map(({ error }) => error.code),
    [
      'ERR_TALKSPURT_NOT_SUPPORTED',
      'ERR_TALKSPURT_NOT_SUPPORTED',
      'ERR_TALKSPURT_BACKEND_PROTOCOL',
      'ERR_TALKSPURT_BACKEND_PROTOCOL',
      'ERR_TALKSPURT_WAV_INVALID',
    ],
  );
  assert.equal(call.sink.audioOf('stream-1'), Buffer.alloc(2));
  assert.is(call.stream.stats.faults, 5);
  assert.equal(call.sink.messages, []);
  await call.end();
});

test('suppressLog counts such faults and says nothing', async () => {
  const call = await talk({ suppressLog: true });
  call.peer.sound({ audioDataType: 'mp3', audioData: 'AAAA' });
  await call.peer.settled();
  assert.equal([call.sink.all, call.stream.stats.faults], [[], 1]);
  await call.end();
});

test('a barge-in is told only where it is wanted', async () => {
  for (const bargeInNotice of [false, true]) {
    const call = await talk({ bargeInNotice });
    call.peer.say(Buffer.alloc(3200, 1));
    await call.peer.settled();
    call.stream.cancelResponse('stream-1', 120);
    await call.peer.settled();
    assert.equal(call.peer.texts, bargeInNotice ? ['{"type":"bargeIn","item":"stream-1","playedMs":120}'] : []);
    // The rest of the burst is not heard; what comes after a pause is.
    call.peer.say(Buffer.alloc(320, 2));
    await call.peer.settled();
    call.clock.advance(0);
    assert.equal(call.sink.kinds, ['started', 'audio', 'audio-done', 'done']);
    assert.is(call.sink.of('done')[0]?.status, 'cancelled');
    call.clock.advance(200);
    call.peer.say(Buffer.alloc(320, 3));
    await call.peer.settled();
    assert.equal(call.sink.audioOf('stream-2'), Buffer.alloc(320, 3));
    assert.is(call.stream.stats.droppedBytes, 320);
    await call.end();
  }
});

test('a stream that never pauses is heard again two seconds after a barge-in', async () => {
  const call = await talk();
  call.peer.say(Buffer.alloc(320, 1));
  await call.peer.settled();
  call.stream.cancelResponse('stream-1', 0);
  for (let ms = 0; ms < 2_100; ms += 100) {
    call.clock.advance(100);
    call.peer.say(Buffer.alloc(320, 2));
    await call.peer.settled();
  }
  assert.equal(call.sink.audioOf('stream-2'), Buffer.alloc(640, 2));
  await call.end();
});

test('killAudio, break and clear drop what waits; what follows is heard', async () => {
  for (const type of ['killAudio', 'break', 'clear']) {
    const call = await talk();
    call.peer.say(Buffer.alloc(3200, 1));
    call.peer.say({ type: 'mark', data: { name: 'm1' } });
    call.peer.say({ type });
    call.peer.say(Buffer.alloc(320, 2));
    call.peer.say({ type: 'mark', data: { name: 'm2' } });
    await call.peer.settled();
    assert.is(call.sink.flushes, 1);
    assert.equal(call.peer.texts, ['{"type":"mark","data":{"name":"m1","event":"cleared"}}']);
    // Not before the call has dropped the old, or the new would go with it.
    assert.is(call.sink.of('audio').length, 1);
    call.stream.cancelResponse('stream-1', 40);
    call.clock.advance(0);
    assert.equal(call.sink.audioOf('stream-2'), Buffer.alloc(320, 2));
    call.stream.onItemPlayed('stream-1', 40, false);
    call.stream.onItemPlayed('stream-2', 20, true);
    await call.peer.settled();
    assert.equal(call.peer.texts.slice(1), ['{"type":"mark","data":{"name":"m2","event":"playout"}}']);
    await call.end();
  }
});

test('an order to drop that nobody answers holds nothing up for long', async () => {
  const call = await talk();
  call.peer.say(Buffer.alloc(320, 1));
  call.peer.say({ type: 'killAudio' });
  call.peer.say(Buffer.alloc(320, 2));
  await call.peer.settled();
  assert.equal(call.sink.kinds, ['started', 'audio', 'audio-done', 'done']);
  call.clock.advance(100);
  assert.equal(call.sink.audioOf('stream-2'), Buffer.alloc(320, 2));
  await call.end();
});

test('a session that drops at once is answered at once', async () => {
  const call = await talk();
  call.sink.whenFlushed = () => call.stream.cancelResponse('stream-1', 0);
  call.peer.say(Buffer.alloc(320, 1));
  call.peer.say({ type: 'killAudio' });
  call.peer.say(Buffer.alloc(320, 2));
  await call.peer.settled();
  assert.equal(call.sink.audioOf('stream-2'), Buffer.alloc(320, 2));
  await call.end();
});

test('a mark is answered when what was before it has been heard', async () => {
  const call = await talk();
  const mark = (name: string): void => call.peer.say({ type: 'mark', data: { name } });
  mark('at once');
  call.peer.say(Buffer.alloc(320, 1));
  mark('m1');
  call.peer.say(Buffer.alloc(320, 2));
  mark('m2');
  call.peer.say({ type: 'mark' });
  await call.peer.settled();
  assert.equal(call.sink.messages, ['{"type":"mark"}']);
  const answer = (name: string, event: string): string =>
    `{"type":"mark","data":{"name":"${name}","event":"${event}"}}`;
  assert.equal(call.peer.texts, [answer('at once', 'playout')]);
  call.stream.onItemPlayed('stream-1', 20, true);
  await call.peer.settled();
  assert.equal(call.peer.texts.slice(1), [answer('m1', 'playout')]);
  call.peer.say({ type: 'clearMarks' });
  await call.peer.settled();
  assert.equal(call.peer.texts.slice(2), [answer('m2', 'cleared')]);
  await call.end();
});

test('a caller who cuts in clears the marks of what was not heard', async () => {
  const call = await talk();
  for (const name of ['m1', 'm2', 'm3']) {
    call.peer.say(Buffer.alloc(320, 1));
    call.peer.say({ type: 'mark', data: { name } });
  }
  await call.peer.settled();
  call.stream.cancelResponse('stream-2', 12);
  await call.peer.settled();
  assert.equal(
    call.peer.texts.map((text) => (JSON.parse(text) as { data: unknown }).data),
    [
      { name: 'm1', event: 'playout' },
      { name: 'm2', event: 'cleared' },
      { name: 'm3', event: 'cleared' },
    ],
  );
  await call.end();
});

test('a server that does not read loses frames, which are counted; the call goes on', async () => {
  const call = await talk({ sampleRateHz: 48000, frameMs: 1000 });
  call.peer.socket.pause();
  const second = new Uint8Array(96_000);
  let sent = 0;
  while (call.stream.sendAudio(second) && sent < 1000) sent += 1;
  assert.ok(sent < 1000, 'it filled up');
  assert.is(call.stream.droppedFrames, 1);
  call.peer.socket.resume();
  await call.peer.until(() => call.peer.binaries.length === sent);
  await call.peer.settled();
  assert.is(call.stream.sendAudio(second), true);
  assert.equal(call.sink.all, []);
  await call.end();
});

test('a long sound is decoded in pieces, and what comes after it waits', async () => {
  const call = await talk({ sampleRateHz: 16000 });
  const pcmu = randomBytes(16_000);
  call.peer.sound({ audioDataType: 'pcmu', audioData: pcmu.toString('base64') });
  call.peer.say(Buffer.alloc(640, 5));
  call.peer.say({ type: 'mark', data: { name: 'end' } });
  await call.peer.settled();
  assert.is(call.sink.of('audio').length, 1);
  assert.is(call.sink.of('audio')[0]?.audio.length, 16_032);
  call.clock.advance(0);
  assert.is(call.sink.audioOf('stream-1').length, 4 * 16_000);
  assert.equal(call.sink.audioOf('stream-2'), Buffer.alloc(640, 5));
  assert.equal(
    call.sink.kinds.filter((kind) => kind !== 'audio'),
    ['started', 'audio-done', 'done', 'started', 'audio-done', 'done'],
  );
  call.stream.onItemPlayed('stream-2', 20, true);
  await call.peer.settled();
  assert.is(call.peer.texts.length, 1);
  await call.end();
});

test('a sound is cut off in the middle of its decoding', async () => {
  const call = await talk({ sampleRateHz: 16000 });
  call.peer.sound({ audioDataType: 'pcmu', audioData: Buffer.alloc(16_000).toString('base64') });
  await call.peer.settled();
  call.stream.cancelResponse('stream-1', 100);
  call.clock.advance(1_000);
  assert.is(call.sink.of('audio').length, 1);
  assert.equal(call.sink.of('done'), [{ kind: 'done', responseId: 'stream-1', status: 'cancelled' }]);
  await call.end();
});

test('more sound than can wait is dropped, and said so', async () => {
  const call = await talk({ sampleRateHz: 16000 });
  const audioData = Buffer.alloc(7_000_000).toString('base64');
  for (let i = 0; i < 4; i += 1) call.peer.sound({ audioDataType: 'pcmu', audioData });
  await call.peer.settled();
  assert.is(call.sink.of('error')[0]?.error.code, 'ERR_TALKSPURT_BACKEND_OVERFLOW');
  assert.is(call.sink.of('error').length, 2);
  assert.ok(LIMITS.streamQueuedBytes < 4 * 7_000_000);
  await call.end();
});

test.run();

/** A whole conversation over a real socket, with a scripted server at the other end. */
import { randomBytes } from 'node:crypto';
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OpenAiRealtimeBackend } from '../../src/backend/openai-realtime.ts';
import type { OpenAiRealtimeConfig } from '../../src/backend/openai-realtime.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { ManualClock } from './manual-clock.ts';
import {
  L16_LEG,
  PCMA_LEG,
  apiError,
  audioDelta,
  audioDone,
  callOn,
  converse,
  listen,
  responseCreated,
  responseDone,
  sessionCreated,
  sessionUpdated,
} from './realtime-script.ts';
import type { RealtimePeer, RealtimeScript } from './realtime-script.ts';
import { RecordingSink } from './recording-sink.ts';

const SECRET = 'sk-test-0123456789';

test('a call by the book: set-up, audio both ways, end', async () => {
  const talk = await converse({ transcriptionModel: 'whisper-1', voice: 'marin', extraHeaders: { 'X-Extra': 'yes' } });
  const { peer, sink, stream } = talk;
  assert.is(peer.url, '/v1/realtime?model=gpt-realtime');
  assert.is(peer.headers['authorization'], `Bearer ${SECRET}`);
  assert.is(peer.headers['x-extra'], 'yes');
  assert.is(peer.headers['openai-beta'], undefined);
  assert.is(peer.headers['sec-websocket-extensions'], undefined);
  assert.equal(stream.inputFormat, { codec: 'pcmu', sampleRateHz: 8000 });
  assert.equal(stream.outputFormat, { codec: 'pcmu', sampleRateHz: 8000 });
  assert.is(stream.detectsTurns, true);

  const frame = randomBytes(160);
  assert.is(stream.sendAudio(frame), true);
  const append = await peer.until('input_audio_buffer.append');
  assert.equal(append, { type: 'input_audio_buffer.append', audio: frame.toString('base64') });

  const said = randomBytes(480);
  peer.say({ type: 'input_audio_buffer.speech_started', event_id: 'e', audio_start_ms: 0, item_id: 'i1' });
  peer.say({ type: 'input_audio_buffer.speech_stopped', event_id: 'e', audio_end_ms: 900, item_id: 'i1' });
  peer.say(responseCreated('r1'));
  peer.say(audioDelta('r1', 'i2', said.subarray(0, 200)));
  peer.say(audioDelta('r1', 'i2', said.subarray(200)));
  peer.say(audioDone('r1', 'i2'));
  peer.say(responseDone('r1'));
  await sink.until('done');
  assert.equal(
    sink.all.map((entry) => entry.kind),
    ['speech', 'speech', 'started', 'audio', 'audio', 'audio-done', 'done'],
  );
  assert.equal(sink.audioOf('i2'), said);
  assert.is(stream.stats.inputTokens, 7);
  assert.is(stream.stats.outputTokens, 11);
  assert.is(stream.stats.messages, 7);
  await talk.end();
  assert.is(peer.closeCode, 1000);
  assert.is(sink.of('closed').length, 0);
});

test('the audio of the leg decides the audio of the stream', async () => {
  const pcma = await converse({}, { leg: PCMA_LEG });
  assert.equal(pcma.stream.outputFormat, { codec: 'pcma', sampleRateHz: 8000 });
  assert.match(pcma.peer.texts.at(0)!, '"input":{"format":{"type":"audio/pcma"}');
  await pcma.end();
  const l16 = await converse({}, { leg: L16_LEG });
  assert.equal(l16.stream.inputFormat, { codec: 'l16', sampleRateHz: 24000 });
  assert.match(l16.peer.texts.at(0)!, '"output":{"format":{"type":"audio/pcm","rate":24000}');
  await l16.end();
});

test('caller audio of many lengths arrives as it was sent', async () => {
  const talk = await converse();
  const frames = [160, 160, 80, 480, 1, 2, 3, 960, 160].map((bytes) => randomBytes(bytes));
  const reused = new Uint8Array(960);
  for (const frame of frames) {
    reused.set(frame);
    assert.is(talk.stream.sendAudio(reused.subarray(0, frame.length)), true);
  }
  await talk.peer.until('input_audio_buffer.append', frames.length);
  const heard = talk.peer.heardOf('input_audio_buffer.append').map((event) => Buffer.from(event.audio, 'base64'));
  assert.equal(heard, frames);
  await talk.end();
});

test('silence travels in longer messages; nothing overtakes it', async () => {
  const talk = await converse({ turnDetection: { type: 'none' } });
  const frames = Array.from({ length: 13 }, () => randomBytes(160));
  // Nine frames of silence, speech, two frames of silence, the end of the turn, one more.
  const silentMs = [...Array.from({ length: 9 }, () => 3_000), 0, 3_000, 3_000, 3_000];
  for (const [n, frame] of frames.entries()) {
    if (n === 12) talk.stream.commitTurn();
    assert.is(talk.stream.sendAudio(frame, silentMs[n]), true);
  }
  await talk.end();
  const heard = talk.peer.heard.filter(({ type }) => type !== 'session.update');
  assert.equal(
    heard.map((event) =>
      event.type === 'input_audio_buffer.append' ? Buffer.from(event.audio, 'base64').length / 160 : event.type,
    ),
    [5, 5, 2, 'input_audio_buffer.commit', 'response.create', 1],
  );
  const audio = talk.peer.heardOf('input_audio_buffer.append').map((event) => Buffer.from(event.audio, 'base64'));
  assert.equal(Buffer.concat(audio), Buffer.concat(frames));
});

test('messages of a size that was asked for', async () => {
  const talk = await converse({ messageMs: 40 });
  const frames = Array.from({ length: 6 }, () => randomBytes(160));
  for (const frame of frames) talk.stream.sendAudio(frame, 0);
  await talk.peer.until('input_audio_buffer.append', 3);
  const heard = talk.peer.heardOf('input_audio_buffer.append').map((event) => Buffer.from(event.audio, 'base64'));
  assert.equal(
    heard.map(({ length }) => length),
    [320, 320, 320],
  );
  assert.equal(Buffer.concat(heard), Buffer.concat(frames));
  await talk.end();
});

test('agent audio, however its event is written', async () => {
  const talk = await converse();
  const audio = Buffer.from([0xff, 0xfe, 0xfd, 0xfb, 0xef, 0xff]);
  const event = audioDelta('r1', 'i1', audio) as Extract<RealtimeServerEvent, { delta: string }>;
  assert.match(event.delta, '/');
  talk.peer.raw(JSON.stringify(event));
  talk.peer.raw(JSON.stringify(event, null, 2));
  talk.peer.raw(Buffer.from(JSON.stringify(event)));
  talk.peer.raw(JSON.stringify(event).replaceAll('/', '\\/'));
  talk.peer.raw(JSON.stringify({ ...event, type: 'response.audio.delta' }));
  talk.peer.raw(JSON.stringify(Object.fromEntries(Object.entries(event).toReversed())));
  talk.peer.raw(JSON.stringify({ ...event, extra: { nested: ['\u00e9'] } }));
  talk.peer.raw(JSON.stringify({ ...event, delta: '' }));
  await talk.peer.settled();
  assert.equal(talk.sink.audioOf('i1'), Buffer.concat(Array.from({ length: 7 }, () => audio)));
  assert.equal(talk.sink.of('error'), []);
  await talk.end();
});

test('barge-in on the wire', async () => {
  const talk = await converse();
  talk.peer.say(responseCreated('r1'));
  talk.peer.say(audioDelta('r1', 'i1', new Uint8Array(8000)));
  await talk.sink.until('audio');
  talk.stream.cancelResponse('i1', 312);
  const truncate = await talk.peer.until('conversation.item.truncate');
  assert.is(talk.peer.heardOf('response.cancel')[0]?.response_id, 'r1');
  assert.is(truncate.audio_end_ms, 312);
  talk.peer.say(audioDelta('r1', 'i1', new Uint8Array(160)));
  talk.peer.say(responseDone('r1', 'cancelled'));
  await talk.sink.until('done');
  assert.is(talk.sink.of('audio').length, 1);
  assert.is(talk.stream.stats.lateAudioBytes, 160);
  await talk.end();
});

test('greeting, text, tool and turn go out; without turn detection the turn is ours', async () => {
  const talk = await converse({ turnDetection: { type: 'none' } });
  assert.is(talk.stream.detectsTurns, false);
  talk.stream.requestResponse('Say hello.');
  talk.stream.sendText('hi');
  talk.stream.sendToolResult('c1', '{}');
  talk.stream.commitTurn();
  await talk.peer.settled();
  assert.equal(
    talk.peer.heard.map((event) => event.type),
    [
      'session.update',
      'response.create',
      'conversation.item.create',
      'conversation.item.create',
      'input_audio_buffer.commit',
    ],
  );
  await talk.end();
  const detecting = await converse();
  detecting.stream.commitTurn();
  await detecting.peer.settled();
  assert.is(detecting.peer.heard.length, 1);
  await detecting.end();
});

test('rate limits are kept', async () => {
  const talk = await converse();
  talk.peer.say({
    type: 'rate_limits.updated',
    event_id: 'e',
    rate_limits: [{ name: 'tokens', limit: 9, remaining: 4 }],
  });
  await talk.peer.settled();
  assert.equal(talk.stream.stats.rateLimits, [{ name: 'tokens', limit: 9, remaining: 4, resetSeconds: undefined }]);
  await talk.end();
});

test('malformed messages are counted and reported, and the call goes on', async () => {
  const talk = await converse();
  const bad = audioDelta('r1', 'i1', Buffer.from([1])) as Extract<RealtimeServerEvent, { delta: string }>;
  talk.peer.raw('{"type":');
  talk.peer.raw('[]');
  talk.peer.raw(JSON.stringify({ ...bad, delta: 'A*==' }));
  talk.peer.raw(JSON.stringify({ ...bad, delta: '\u0141AAA' }));
  talk.peer.raw(JSON.stringify({ ...bad, delta: 17 }));
  talk.peer.raw(JSON.stringify({ type: 'response.done', response: { id: 'r1', status: 'dancing' } }));
  talk.peer.raw(JSON.stringify({ type: 'response.hologram.delta' }));
  talk.peer.say(audioDelta('r1', 'i1', Buffer.from([1, 2])));
  await talk.sink.until('audio');
  assert.equal(
    talk.sink.of('error').map(({ error }) => [error.code, error.details['event'], error.details['field']]),
    [
      ['message', 'JSON'],
      ['message', 'JSON object'],
      ['response.output_audio.delta', 'delta'],
      ['response.output_audio.delta', 'delta'],
      ['response.output_audio.delta', 'delta'],
      ['response.done', 'response.status'],
    ].map((where) => ['ERR_TALKSPURT_BACKEND_PROTOCOL', ...where]),
  );
  assert.is(talk.stream.stats.malformedMessages, 6);
  assert.is(talk.stream.stats.unknownEvents, 1);
  await talk.end();
});

test('a peer that sends nothing but nonsense is left', async () => {
  const talk = await converse();
  for (let i = 0; i <= LIMITS.backendMalformedMessages; i += 1) talk.peer.raw('nonsense');
  const { error } = await talk.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.is(talk.sink.of('error').length, LIMITS.backendMalformedMessages);
  await talk.end();
});

test('a peer that does not read: frames are dropped and counted', async () => {
  const talk = await converse();
  talk.peer.socket.pause();
  const frame = new Uint8Array(8_000);
  while (talk.stream.sendAudio(frame));
  assert.is(talk.stream.sendAudio(frame), false);
  assert.is(talk.stream.droppedFrames, 2);
  assert.is(talk.stream.stats.droppedFrames, 2);
  assert.equal(talk.sink.all, []);
  talk.clock.advance(LIMITS.backendSilentMs + LIMITS.backendPingMs);
  assert.is((await talk.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  await talk.end();
});

test('the end of the session: known, announced, and told apart', async () => {
  const talk = await converse();
  const openedAtMs = 1_000;
  assert.is(talk.stream.expiresAtMs, openedAtMs + LIMITS.backendSessionMs);
  for (let ms = 0; ms < LIMITS.backendSessionMs - LIMITS.backendExpiryNoticeMs; ms += 20_000) {
    assert.equal(talk.sink.of('expiring'), []);
    talk.clock.advance(20_000);
    await talk.peer.settled();
  }
  assert.equal(talk.sink.of('expiring'), [{ kind: 'expiring', inMs: LIMITS.backendExpiryNoticeMs }]);
  talk.peer.say(apiError('session_expired'));
  const { error } = await talk.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED');
  assert.is(error?.details['apiCode'], 'session_expired');
  await talk.end();
});

test('the server may name an earlier end; nonsense is not believed', async () => {
  const clockWallMs = 1_700_000_000_000 + 1_000;
  for (const [expiresAtS, remainingMs] of [
    [clockWallMs / 1000 + 600, 600_000],
    [clockWallMs / 1000 - 5, LIMITS.backendSessionMs],
    [clockWallMs / 1000 + 99_999, LIMITS.backendSessionMs],
    [0, LIMITS.backendSessionMs],
  ] as const) {
    const session = { type: 'realtime' as const, expires_at: expiresAtS };
    const talk = await converse({}, { session });
    assert.is(Math.round(talk.stream.expiresAtMs), 1_000 + remainingMs);
    await talk.end();
  }
});

test('the server ends it: in good order, or not', async () => {
  const good = await converse();
  good.peer.socket.close(1000);
  assert.is((await good.sink.until('closed')).error, null);
  assert.is(good.stream.sendAudio(new Uint8Array(160)), false);
  good.stream.sendText('into the void');
  await good.end();
  const bad = await converse();
  bad.peer.socket.close(1013);
  assert.is((await bad.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  assert.is(bad.sink.of('closed').length, 1);
  await bad.end();
});

test('after close nothing is delivered', async () => {
  const talk = await converse();
  for (let i = 0; i < 50; i += 1) talk.peer.say(audioDelta('r1', 'i1', new Uint8Array(1600)));
  const closed = talk.stream.close();
  await closed;
  assert.equal(talk.sink.all, []);
  await talk.end();
});

test('nothing is delivered before open has resolved, though the server says it with session.updated', async () => {
  const server = await listen({ onPeer: (peer) => peer.say(sessionCreated()) });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const connected = server.peer();
  const opening = backendAt(server, clock).open(callOn(), sink, new AbortController().signal);
  const peer = await connected;
  const update = await peer.until('session.update');
  // In one segment, so that all of it is read in one event.
  const socket = (peer.socket as unknown as { _socket: { cork(): void; uncork(): void } })._socket;
  socket.cork();
  peer.say(sessionUpdated(update));
  peer.say(responseCreated('r1'));
  peer.say(audioDelta('r1', 'i1', Buffer.from([1, 2, 3])));
  peer.socket.close(1000);
  socket.uncork();
  const stream = await opening;
  await new Promise<void>((resolve) => peer.socket.once('close', () => resolve()));
  assert.equal(sink.all, []);
  clock.advance(0);
  assert.equal(
    sink.all.map((entry) => entry.kind),
    ['started', 'audio', 'closed'],
  );
  await stream.close();
  await server.drained();
  assert.is(clock.pending, 0);
  await server.close();
});

test('a sink with a bug ends its own call only', async () => {
  const talk = await converse();
  talk.sink.onResponseStarted = () => {
    throw new RangeError('a bug');
  };
  talk.peer.say(responseCreated('r1'));
  assert.is((await talk.sink.until('closed')).error?.code, 'ERR_TALKSPURT_INTERNAL');
  await talk.end();

  const timed = await converse(
    {},
    { session: { type: 'realtime', expires_at: 1_700_000_130 } as { type: 'realtime' } },
  );
  timed.sink.onExpiring = () => {
    throw new RangeError('a bug');
  };
  timed.clock.advance(9_000);
  assert.is(timed.sink.of('closed')[0]?.error?.code, 'ERR_TALKSPURT_INTERNAL');
  await timed.end();
});

test('a sink with a bug in what was held for it ends its own call only', async () => {
  const server = await listen({ onPeer: (peer) => peer.say(sessionCreated()) });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  sink.onResponseStarted = () => {
    throw new RangeError('a bug');
  };
  const connected = server.peer();
  const opening = backendAt(server, clock).open(callOn(), sink, new AbortController().signal);
  const peer = await connected;
  peer.say(sessionUpdated(await peer.until('session.update')));
  peer.say(responseCreated('r1'));
  const stream = await opening;
  await peer.settled();
  clock.advance(0);
  assert.is(sink.of('closed')[0]?.error?.code, 'ERR_TALKSPURT_INTERNAL');
  await stream.close();
  await server.drained();
  assert.is(clock.pending, 0);
  await server.close();
});

function backendAt(
  server: RealtimeScript,
  clock: ManualClock,
  more: Partial<OpenAiRealtimeConfig> = {},
): OpenAiRealtimeBackend {
  return new OpenAiRealtimeBackend({ model: 'gpt-realtime', apiKey: SECRET, baseUrl: server.baseUrl, ...more }, clock);
}

/** Opens against `script`, which must not let it come up; returns the error after proving that nothing is left. */
async function refusal(
  script: (peer: RealtimePeer, clock: ManualClock, stop: AbortController) => void,
  more: Partial<OpenAiRealtimeConfig> = {},
): Promise<TalkspurtError> {
  const clock = new ManualClock();
  const stop = new AbortController();
  const server = await listen({ onPeer: (peer) => script(peer, clock, stop) });
  const sink = new RecordingSink();
  let failed: unknown = null;
  try {
    await backendAt(server, clock, more).open(callOn(), sink, stop.signal);
  } catch (error) {
    failed = error;
  }
  await server.drained();
  assert.is(clock.pending, 0);
  assert.equal(sink.all, []);
  await server.close();
  assert.instance(failed, Error);
  assert.not.match(
    JSON.stringify([(failed as Error).message, (failed as Error).stack, (failed as TalkspurtError).details]),
    SECRET,
  );
  return failed as TalkspurtError;
}

test('set-up: errors of the API by what they mean', async () => {
  for (const [code, type, ours] of [
    ['invalid_api_key', 'invalid_request_error', 'ERR_TALKSPURT_BACKEND_AUTH'],
    [null, 'authentication_error', 'ERR_TALKSPURT_BACKEND_AUTH'],
    ['model_not_found', 'invalid_request_error', 'ERR_TALKSPURT_BACKEND_DENIED'],
    ['insufficient_quota', 'insufficient_quota', 'ERR_TALKSPURT_BACKEND_REFUSED'],
    ['rate_limit_exceeded', 'requests', 'ERR_TALKSPURT_BACKEND_REFUSED'],
    ['session_expired', 'invalid_request_error', 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED'],
    [null, 'server_error', 'ERR_TALKSPURT_BACKEND_API'],
  ] as const) {
    const error = await refusal((peer) => peer.say(apiError(code, undefined, type)));
    assert.is(error.code, ours, `${code} ${type}`);
    assert.is(error.details['apiCode'], code ?? undefined);
  }
});

test('set-up: the settings are refused', async () => {
  const error = await refusal((peer) => {
    peer.say(sessionCreated());
    void peer.until('session.update').then((update) => peer.say(apiError('invalid_value', update.event_id)));
  });
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_DENIED');
  assert.is(error.retryable, false);
});

test('set-up: a server that accepts and never answers, at each step', async () => {
  const mute = await refusal((peer, clock) => {
    void peer.settled().then(() => clock.advance(LIMITS.backendOpenMs));
  });
  assert.is(mute.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.match(mute.message, 'no session.created');
  const stuck = await refusal(
    (peer, clock) => {
      peer.say(sessionCreated());
      void peer.until('session.update').then(() => clock.advance(700));
    },
    { openTimeoutMs: 700 },
  );
  assert.is(stuck.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.match(stuck.message, 'no session.updated');
  assert.is(stuck.details['limitMs'], 700);
});

test('set-up: aborted at each step', async () => {
  const reason = new Error('the caller hung up');
  assert.is(await refusal((_peer, _clock, stop) => stop.abort(reason)), reason);
  assert.is(await refusal((peer, _clock, stop) => void peer.settled().then(() => stop.abort(reason))), reason);
  const late = await refusal((peer, _clock, stop) => {
    peer.say(sessionCreated());
    void peer.until('session.update').then(() => stop.abort(reason));
  });
  assert.is(late, reason);
});

test('set-up: a peer that is no Realtime server', async () => {
  const cases: [string, (peer: RealtimePeer) => void, string][] = [
    ['nonsense', (peer) => peer.raw('hello'), 'ERR_TALKSPURT_BACKEND_PROTOCOL'],
    ['no session', (peer) => peer.raw('{"type":"session.created"}'), 'ERR_TALKSPURT_BACKEND_PROTOCOL'],
    ['goodbye', (peer) => peer.socket.close(1000), 'ERR_TALKSPURT_BACKEND_PROTOCOL'],
    ['an error code', (peer) => peer.socket.close(4004), 'ERR_TALKSPURT_BACKEND_CLOSED'],
    ['a cut', (peer) => peer.socket.terminate(), 'ERR_TALKSPURT_BACKEND_CLOSED'],
    ['too much', (peer) => peer.raw(Buffer.alloc(LIMITS.backendMessageBytes + 1)), 'ERR_TALKSPURT_BACKEND_PROTOCOL'],
  ];
  for (const [name, script, code] of cases) assert.is((await refusal(script)).code, code, name);
});

test('set-up: a server that keeps another audio format is not listened to', async () => {
  const error = await refusal((peer) => {
    peer.say(sessionCreated());
    const kept = { type: 'realtime' as const, audio: { output: { format: { type: 'audio/pcm' as const } } } };
    void peer.until('session.update').then(() => peer.say({ type: 'session.updated', event_id: 'e', session: kept }));
  });
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.match(error.message, 'audio/pcmu');
});

test('set-up: no key', async () => {
  const backend = new OpenAiRealtimeBackend({ model: 'gpt-realtime', apiKey: '' }, new ManualClock());
  try {
    await backend.open(callOn(), new RecordingSink(), new AbortController().signal);
    assert.unreachable();
  } catch (error) {
    assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_SECRET_MISSING');
  }
});

test('an old server: no formats in its answer, beta names in its events', async () => {
  const server = await listen({
    onPeer: (peer) => peer.raw('{"type":"session.created","session":{"id":"s"}}'),
  });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const connected = server.peer();
  const opening = backendAt(server, clock, { apiKey: '' }).open(callOn(), sink, new AbortController().signal);
  const peer = await connected;
  await peer.until('session.update');
  assert.is(peer.headers['authorization'], undefined);
  peer.raw('{"type":"session.updated","session":{"id":"s","input_audio_format":"g711_ulaw"}}');
  const stream = await opening;
  clock.advance(0);
  peer.raw('{"type":"conversation.item.created","item":{"id":"i1"}}');
  peer.raw('{"type":"response.audio.delta","response_id":"r1","item_id":"i1","delta":"AQI="}');
  peer.raw('{"type":"response.audio_transcript.done","response_id":"r1","item_id":"i1","transcript":"hello"}');
  peer.raw('{"type":"response.audio.done","response_id":"r1","item_id":"i1"}');
  peer.raw('{"type":"response.done","response":{"id":"r1","status":"completed"}}');
  await sink.until('done');
  assert.equal(
    sink.all.map((entry) => entry.kind),
    ['started', 'audio', 'transcript', 'audio-done', 'done'],
  );
  await stream.close();
  await server.drained();
  await server.close();
});

test.run();

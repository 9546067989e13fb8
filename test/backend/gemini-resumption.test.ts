/** A session of Gemini Live that outlives its connections: announced ends, lost ones, and what is told where it goes on. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackendCall } from '../../src/backend/backend.ts';
import { LIMITS } from '../../src/limits.ts';
import {
  DONE,
  GENERATED,
  INTERRUPTED,
  SECRET,
  answered,
  audio,
  byTheBook,
  converse,
  goAway,
  named,
} from './gemini-script.ts';
import type { GeminiPeer } from './gemini-script.ts';

const frame = (): Buffer => randomBytes(640);
/** The caller says nothing. */
const SILENT_MS = 6_000;

test('an announced end: at a quiet moment the session moves, by its newest handle, and nothing of the caller is lost', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  assert.equal(peer.setup?.sessionResumption, {});
  await answered(talk, 'h1');
  await answered(talk, 'h2');
  const frames = Array.from({ length: 9 }, frame);
  stream.sendAudio(frames[0]!, 0);
  peer.say(goAway('50s'));
  await peer.settled();
  // Somebody may be speaking, or may have: not yet.
  stream.sendAudio(frames[1]!, 4_000);
  await peer.settled();
  assert.is(talk.peers.length, 1);
  stream.sendAudio(frames[2]!, SILENT_MS);
  // From here on it is held, in order with what is said besides.
  for (const one of frames.slice(3, 6)) stream.sendAudio(one, 0);
  const next = await talk.connection(1);
  assert.equal(next.setup?.sessionResumption, { handle: 'h2' });
  assert.is(next.setup?.historyConfig, undefined);
  assert.is(peer.peer.closeCode, 1000, 'the one before is closed first');
  await next.until('audio');
  for (const one of frames.slice(6)) stream.sendAudio(one, 0);
  await next.peer.wait(() => peer.audio.length + next.audio.length === 9 * 640);
  assert.equal(Buffer.concat([peer.audio, next.audio]), Buffer.concat(frames));
  next.say(audio(new Uint8Array(480)), GENERATED, DONE);
  await sink.until('done', 3);
  assert.equal([stream.reconnects, stream.stats.moves, stream.droppedFrames], [1, 1, 0]);
  assert.equal([sink.of('closed'), sink.of('error'), sink.of('expiring')], [[], [], []]);
  await talk.end();
});

test('while anything is under way, and while the handle stands for less than was said, the session stays', async () => {
  const talk = await converse();
  const { peer, stream, sink } = talk;
  await answered(talk, 'h1');
  peer.say(goAway('50s'), audio(new Uint8Array(480)));
  await sink.until('audio', 2);
  const stays = async (why: string): Promise<void> => {
    stream.sendAudio(frame(), SILENT_MS);
    talk.clock.advance(1_000);
    await peer.settled();
    assert.is(talk.peers.length, 1, why);
  };
  await stays('it answers');
  peer.say(GENERATED);
  await sink.until('done', 2);
  await stays('its turn is not over');
  peer.say(DONE, named(''));
  await peer.settled();
  await stays('it has no handle for that');
  peer.say({ toolCall: { functionCalls: [{ id: 'f', name: 'look_up' }] } });
  await sink.until('tool');
  peer.say(named('h2'));
  await peer.settled();
  await stays('a function runs');
  stream.sendToolResult('f', '{}');
  await peer.until('toolResponse');
  await stays('its result is to be answered');
  peer.say(audio(new Uint8Array(480)), GENERATED, DONE);
  await sink.until('done', 3);
  await stays('the handle is of before');
  peer.say(named('h3'));
  const next = await talk.connection(1);
  assert.equal(next.setup?.sessionResumption, { handle: 'h3' });
  await talk.end();
});

test('what the caller has just said is answered first, however long Gemini thinks, and is silent about it', async () => {
  const talk = await converse();
  const { peer, stream, clock } = talk;
  await answered(talk, 'h1');
  stream.sendAudio(frame(), 0);
  peer.say(goAway('50s'));
  await peer.settled();
  for (let silentMs = 20; silentMs < 3_000; silentMs += 20) stream.sendAudio(frame(), silentMs);
  clock.advance(1_000);
  await peer.settled();
  assert.is(talk.peers.length, 1);
  peer.say(audio(new Uint8Array(480)), GENERATED, DONE, named('h2'));
  const next = await talk.connection(1);
  assert.equal(next.setup?.sessionResumption, { handle: 'h2' });
  await talk.end();
});

test('texts and results that are given while it moves are sent when it has, behind the audio before them', async () => {
  const talk = await converse({}, {}, (peer, n) => (n === 0 ? byTheBook(peer) : undefined));
  const { peer, stream } = talk;
  await answered(talk, 'h1');
  stream.sendAudio(frame(), SILENT_MS);
  peer.say(goAway('50s'));
  const next = await talk.connection(1);
  stream.sendAudio(frame(), 0);
  stream.sendText('One.');
  stream.sendAudio(frame(), 0);
  assert.ok((stream.letDrain() ?? 0) >= 40);
  byTheBook(next);
  await next.peer.wait(() => next.order.length === 4);
  assert.equal(next.order, ['setup', 20, 'text', 20]);
  await talk.end();
});

test('at the latest when the time is up: the caller speaks on, and is heard from the beginning of that turn', async () => {
  const talk = await converse();
  const { peer, stream, clock } = talk;
  await answered(talk, 'h1');
  stream.sendAudio(frame(), 100);
  peer.say(goAway('9.5s'));
  await peer.settled();
  const frames = Array.from({ length: 12 }, frame);
  for (const one of frames.slice(0, 10)) stream.sendAudio(one, 0);
  clock.advance(9_500 - LIMITS.geminiLastChanceMs);
  for (const one of frames.slice(10)) stream.sendAudio(one, 0);
  const next = await talk.connection(1);
  await next.peer.wait(() => next.audio.length === frames.length * 640);
  assert.equal(next.audio, Buffer.concat(frames));
  await talk.end();
});

test('who cuts in just before the end is heard from the first word, though a handle came in the middle of it', async () => {
  const talk = await converse();
  const { peer, sink, stream, clock } = talk;
  await answered(talk, 'h1');
  stream.sendAudio(frame(), 100);
  peer.say(goAway('9s'), audio(new Uint8Array(480)));
  await sink.until('audio', 2);
  const frames = Array.from({ length: 9 }, frame);
  for (const one of frames.slice(0, 3)) stream.sendAudio(one, 0);
  await peer.settled();
  peer.say(INTERRUPTED, audio(new Uint8Array(480)), DONE);
  await sink.until('done', 2);
  for (const one of frames.slice(3, 6)) stream.sendAudio(one, 0);
  peer.say(named('h2'));
  await peer.settled();
  for (const one of frames.slice(6)) stream.sendAudio(one, 0);
  clock.advance(9_000 - LIMITS.geminiLastChanceMs);
  const next = await talk.connection(1);
  assert.equal(next.setup?.sessionResumption, { handle: 'h2' });
  await next.peer.wait(() => next.audio.length === frames.length * 640);
  assert.equal(next.audio, Buffer.concat(frames));
  await talk.end();
});

test('the server is first, and nothing was under way: the session goes on all the same', async () => {
  for (const close of [
    (peer: GeminiPeer) => peer.peer.socket.close(1008, 'The operation was aborted.'),
    (peer: GeminiPeer) => peer.peer.socket.close(1000),
    (peer: GeminiPeer) => peer.peer.socket.terminate(),
  ]) {
    const talk = await converse();
    await answered(talk, 'h1');
    talk.peer.say(goAway('1s'));
    await talk.peer.settled();
    close(talk.peer);
    const next = await talk.connection(1);
    assert.equal(next.setup?.sessionResumption, { handle: 'h1' });
    next.say(audio(new Uint8Array(480)), GENERATED);
    await talk.sink.until('done', 2);
    assert.is(talk.sink.of('closed').length, 0);
    await talk.end();
  }
});

test('the server is first in the middle of an answer: the call is told, and may go on by the handle', async () => {
  const talk = await converse({}, { mark: 7 });
  await answered(talk, 'h1');
  talk.peer.say(goAway('5s'), audio(new Uint8Array(480)));
  await talk.sink.until('audio', 2);
  talk.clock.advance(5_000);
  talk.peer.peer.socket.close(1011, 'Deadline expired before operation could complete.');
  const { error } = await talk.sink.until('closed');
  assert.equal([error?.code, error?.retryable], ['ERR_TALKSPURT_BACKEND_SESSION_EXPIRED', true]);
  assert.equal(talk.stream.resumption, { handle: 'h1', mark: 7 });
  await talk.end();
});

test('an announced end without a handle is told, and so is what follows from it', async () => {
  const talk = await converse();
  talk.peer.say(named(''), goAway('10s'), goAway('20s'));
  assert.is((await talk.sink.until('expiring')).inMs, 10_000);
  await talk.peer.settled();
  assert.is(talk.sink.of('expiring').length, 1);
  assert.is(talk.stream.resumption, null);
  talk.peer.peer.socket.close(1008, 'aborted');
  assert.is((await talk.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED');
  await talk.end();
});

test('a service that has not missed the connection yet is asked again; in the end the call looks for another stream', async () => {
  const refuse = (peer: GeminiPeer): void =>
    void peer.until('setup').then(() => peer.peer.socket.close(1011, 'Internal error encountered.'));
  const again = await converse({}, {}, (peer, n) => (n === 1 ? refuse(peer) : byTheBook(peer)));
  await answered(again, 'h1');
  again.stream.sendAudio(frame(), SILENT_MS);
  again.peer.say(goAway('50s'));
  await again.connection(1);
  while (again.peers.length < 3) {
    await new Promise((resolve) => setImmediate(resolve));
    again.clock.advance(LIMITS.geminiMovePauseMs);
  }
  const next = await again.connection(2);
  next.say(audio(new Uint8Array(480)), GENERATED);
  await again.sink.until('done', 2);
  await again.end();

  const lost = await converse({}, {}, (peer, n) => (n > 0 ? refuse(peer) : byTheBook(peer)));
  await answered(lost, 'h1');
  lost.stream.sendAudio(frame(), SILENT_MS);
  lost.peer.say(goAway('50s'));
  while (lost.sink.of('closed').length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
    lost.clock.advance(LIMITS.geminiMovePauseMs);
  }
  assert.is(lost.sink.of('closed')[0]?.error?.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  assert.is(lost.stream.resumption, null, 'nobody waits for that handle any more');
  await lost.end();
});

test('a handle that is not known any more ends the move at once', async () => {
  const talk = await converse({}, {}, (peer, n) => {
    if (n === 0) byTheBook(peer);
    else void peer.until('setup').then(() => peer.peer.socket.close(1008, 'BidiGenerateContent session not found'));
  });
  await answered(talk, 'h1');
  talk.stream.sendAudio(frame(), SILENT_MS);
  talk.peer.say(goAway('50s'));
  assert.is((await talk.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_DENIED');
  assert.is(talk.stream.resumption, null);
  await talk.end();
});

test('what is held while it moves is bounded: the oldest audio goes, too many messages end it', async () => {
  const talk = await converse({}, {}, (peer, n) => (n === 0 ? byTheBook(peer) : undefined));
  await answered(talk, 'h1');
  talk.stream.sendAudio(frame(), SILENT_MS);
  talk.peer.say(goAway('50s'));
  const next = await talk.connection(1);
  const most = LIMITS.geminiHeldMs / 20;
  const frames = Array.from({ length: most + 5 }, frame);
  for (const one of frames) talk.stream.sendAudio(one, 0);
  assert.is(talk.stream.droppedFrames, 5);
  byTheBook(next);
  await next.peer.wait(() => next.audio.length === most * 640);
  assert.equal(next.audio, Buffer.concat(frames.slice(5)));
  await talk.end();

  const flooded = await converse({}, {}, (peer, n) => (n === 0 ? byTheBook(peer) : undefined));
  await answered(flooded, 'h1');
  flooded.stream.sendAudio(frame(), SILENT_MS);
  flooded.peer.say(goAway('50s'));
  await flooded.connection(1);
  for (let n = 0; n <= LIMITS.geminiHeldMessages; n += 1) flooded.stream.sendJson('{}');
  assert.is((await flooded.sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_OVERFLOW');
  await flooded.end();
});

test('a stream that is closed while its session moves leaves nothing behind', async () => {
  const talk = await converse({}, {}, (peer, n) => (n === 0 ? byTheBook(peer) : undefined));
  await answered(talk, 'h1');
  talk.stream.sendAudio(frame(), SILENT_MS);
  talk.peer.say(goAway('50s'));
  await talk.connection(1);
  await talk.stream.close();
  await talk.server.drained();
  assert.is(talk.clock.pending, 0);
  assert.is(talk.sink.of('closed').length, 0);
  await talk.end();
});

const HISTORY = [
  { by: 'caller', text: 'Two seats.' },
  { by: 'agent', text: 'For when?' },
  { by: 'caller', text: 'Tonight.' },
] as const;
const TURNS = [
  { role: 'user', parts: [{ text: 'Two seats.' }] },
  { role: 'model', parts: [{ text: 'For when?' }] },
  { role: 'user', parts: [{ text: 'Tonight.' }] },
];
const LOST: Partial<BackendCall> = {
  history: HISTORY,
  historySince: (mark) => HISTORY.slice(mark),
  resumption: { handle: 'h9', mark: 2 },
  mark: 3,
};

test('a new session in the place of a lost one: by its handle, told only what came behind it', async () => {
  const talk = await converse({}, LOST);
  const { peer } = talk;
  assert.equal(peer.setup?.sessionResumption, { handle: 'h9' });
  assert.equal(peer.setup?.historyConfig, { initialHistoryInClientContent: true });
  assert.equal((await peer.until('clientContent')).clientContent, { turns: TURNS.slice(2), turnComplete: true });
  assert.equal(talk.stream.resumption, { handle: 'h9', mark: 2 }, 'until it has another one');
  peer.say(named('h10'));
  await peer.settled();
  assert.equal(talk.stream.resumption, { handle: 'h10', mark: 3 });
  await talk.end();
});

test('without a handle, and with one that is not taken, everything is told', async () => {
  const { resumption: _none, ...unnamed } = LOST;
  const first = await converse({}, unnamed);
  assert.equal(first.peer.setup?.sessionResumption, {});
  assert.equal((await first.peer.until('clientContent')).clientContent?.turns, TURNS);
  await first.end();

  const refused = await converse({}, LOST, (peer, n) => {
    if (n > 0) byTheBook(peer);
    else void peer.until('setup').then(() => peer.peer.socket.close(1008, 'BidiGenerateContent session not found'));
  });
  const second = await refused.connection(1);
  assert.equal(second.setup?.sessionResumption, {});
  assert.equal((await second.until('clientContent')).clientContent?.turns, TURNS);
  assert.is(refused.stream.resumption, null);
  await refused.end();

  const nothing = await converse();
  await nothing.peer.settled();
  assert.equal(nothing.peer.order, ['setup']);
  await nothing.end();
});

test('the result of a function that a session before it called is told in words, once', async () => {
  const talk = await converse({}, { toolCalls: [{ toolCallId: 't1', name: 'book', argumentsJson: '{}' }] });
  talk.stream.sendToolResult('t1', '"row 5"');
  talk.stream.sendToolResult('t1', '"row 5"');
  const { realtimeInput } = await talk.peer.until('text');
  assert.match(realtimeInput?.text ?? '', /function book.*"row 5"/);
  assert.is(talk.stream.stats.droppedResults, 1);
  await talk.end();
});

test('an interruption is not in the handle of before it; no handle is ever in an error', async () => {
  const talk = await converse();
  await answered(talk, `handle-${SECRET}`);
  talk.peer.say(INTERRUPTED, DONE, goAway('3s'));
  await talk.peer.settled();
  talk.clock.advance(3_000);
  talk.peer.peer.socket.close(1011, 'x');
  const { error } = await talk.sink.until('closed');
  assert.not.match(JSON.stringify([error?.message, error?.details]), 'handle-');
  assert.is(talk.peers.length, 1);
  await talk.end();

  const handle = 'handle-of-a-lost-session';
  const resumed = await converse({}, { resumption: { handle, mark: 0 } });
  resumed.peer.peer.socket.close(1011, `no place for ${handle}`);
  const closed = await resumed.sink.until('closed');
  assert.is(closed.error?.details['closeReason'], 'no place for [secret]');
  await resumed.end();
});

test.run();

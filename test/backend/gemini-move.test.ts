/** What is under way when a session of Gemini Live moves to another connection, and what must not make it move. */
import { randomBytes } from 'node:crypto';
import type { LiveClientMessage } from '@google/genai';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GeminiLink } from '../../src/backend/gemini-link.ts';
import type { BackendSession } from '../../src/backend/session-opening.ts';
import { LIMITS } from '../../src/limits.ts';
import { DONE, INTERRUPTED, answered, audio, converse, goAway, named } from './gemini-script.ts';
import { ManualClock } from './manual-clock.ts';

const frame = (): Buffer => randomBytes(640);

test('what is held besides being sent, while the end is near, is no loss when the oldest of it goes', async () => {
  const talk = await converse();
  await answered(talk, 'h1');
  talk.peer.say(goAway('50s'));
  await talk.peer.settled();
  const most = LIMITS.geminiHeldMs / 20;
  for (let n = 0; n < most + 5; n += 1) talk.stream.sendAudio(frame(), 0);
  await talk.peer.peer.wait(() => talk.peer.audio.length === (most + 5) * 640);
  assert.is(talk.stream.droppedFrames, 0);
  await talk.end();
});

test('a turn of ours that is under way when the session moves stands between its marks there too', async () => {
  const talk = await converse({ turnDetection: { type: 'none' } });
  const { peer, stream, clock } = talk;
  await answered(talk, 'h1');
  stream.startTurn();
  stream.sendAudio(frame(), 0);
  peer.say(goAway('9.5s'));
  await peer.settled();
  const frames = Array.from({ length: 4 }, frame);
  for (const one of frames.slice(0, 2)) stream.sendAudio(one, 0);
  clock.advance(9_500 - LIMITS.geminiLastChanceMs);
  for (const one of frames.slice(2)) stream.sendAudio(one, 0);
  stream.commitTurn();
  const next = await talk.connection(1);
  await next.until('activityEnd');
  assert.equal(next.order, ['setup', 'activityStart', 20, 20, 20, 20, 'activityEnd']);
  assert.equal(next.audio, Buffer.concat(frames));
  await talk.end();
});

test('a turn of ours that cuts in just before the end has its marks, though audio of the answer came behind the first', async () => {
  const talk = await converse({ turnDetection: { type: 'none' } });
  const { peer, sink, stream, clock } = talk;
  await answered(talk, 'h1');
  peer.say(goAway('9s'), audio(new Uint8Array(480)));
  await sink.until('audio', 2);
  stream.startTurn();
  peer.say(audio(new Uint8Array(480)));
  await sink.until('audio', 3);
  stream.sendAudio(frame(), 0);
  peer.say(INTERRUPTED, DONE, named('h2'));
  await sink.until('done', 2);
  await peer.settled();
  clock.advance(9_000 - LIMITS.geminiLastChanceMs);
  const next = await talk.connection(1);
  stream.commitTurn();
  await next.until('activityEnd');
  assert.equal(next.order, ['setup', 'activityStart', 20, 'activityEnd']);
  await talk.end();
});

test('what was held goes out whole, however much of it waits in the socket then', async () => {
  const sent: string[] = [];
  const session = {
    socket: {
      send: (text: string) => sent.push(text),
      // More waits than may before audio is lost.
      sendDroppable: () => false,
      close: () => Promise.resolve(),
      watchClosely: () => undefined,
    },
    handOver: () => undefined,
  } as unknown as BackendSession;
  const talk = {
    ...{ onMessage() {}, onClosed() {}, onExpiring() {}, flush() {} },
    ...{ quiet: true, answering: false, answerDue: false, turnMark: null },
  };
  const link = new GeminiLink({
    ...{ backend: 'gemini', clock: new ManualClock(), session, bytesPerMs: 32, frameBytes: 640, silentTimeoutMs: null },
    ...{ resumption: null, reopen: () => Promise.resolve(session), mark: () => 0, talk },
  });
  link.named('h1');
  link.goAway(50_000);
  link.heard(6_000);
  const frames = Array.from({ length: 5 }, frame);
  for (const one of frames) assert.ok(link.sendAudio(one));
  while (link.moves === 0) await new Promise((resolve) => setImmediate(resolve));
  const heard = sent.map((text) => JSON.parse(text) as LiveClientMessage);
  const pcm = heard.map(({ realtimeInput }) => Buffer.from(realtimeInput?.audio?.data ?? '', 'base64'));
  assert.equal(Buffer.concat(pcm), Buffer.concat(frames));
  await link.close();
});

test('what we end ourselves while the end is near does not go on elsewhere', async () => {
  const talk = await converse({ responseTimeoutMs: 5_000 });
  const { peer, stream, sink, clock } = talk;
  await answered(talk, 'h1');
  stream.sendText('Hello?');
  await peer.until('text');
  peer.say(goAway('50s'), named('h2'));
  await peer.settled();
  clock.advance(7_000);
  assert.is((await sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.is(talk.peers.length, 1);
  await talk.end();
});

test('where every connection is about to end from its beginning on, they are not dialled one after the other', async () => {
  const talk = await converse();
  const { stream, clock } = talk;
  await answered(talk, 'h1');
  stream.sendAudio(frame(), 6_000);
  talk.peer.say(goAway('50s'));
  const next = await talk.connection(1);
  await answered(talk, 'h2');
  next.say(goAway('50s'));
  await next.settled();
  stream.sendAudio(frame(), 6_000);
  clock.advance(LIMITS.geminiSettledMs - 1_000);
  await next.settled();
  assert.is(talk.peers.length, 2);
  clock.advance(1_000);
  await talk.connection(2);
  await talk.end();
});

test.run();

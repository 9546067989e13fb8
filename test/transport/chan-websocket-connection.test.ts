/** One connection's first moments and its end, over a socket in the hands of the test. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WebSocket } from 'ws';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { ChanWebSocketConnection } from '../../src/transport/chan-websocket-connection.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { FakeAsterisk, START } from './chan-websocket-rig.ts';

function connect(): { clock: FakeClock; asterisk: FakeAsterisk; connection: ChanWebSocketConnection } {
  const clock = new FakeClock();
  const asterisk = new FakeAsterisk();
  return { clock, asterisk, connection: new ChanWebSocketConnection(asterisk as unknown as WebSocket, clock) };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof TalkspurtError ? error.code : String(error);
  }
  return 'nothing';
}

test('MEDIA_START, before or after it is asked for; the first one counts', async () => {
  const early = connect();
  early.asterisk.text(JSON.stringify(START));
  assert.is((await early.connection.started(100)).channelId, 'w1');
  assert.is(early.connection.controlFormat, 'json');
  const late = connect();
  const started = late.connection.started(100);
  late.asterisk.text('MEDIA_START channel_id:w2 format:slin optimal_frame_size:320 ptime:20');
  late.asterisk.text('MEDIA_START channel_id:w3 format:slin optimal_frame_size:320 ptime:20');
  assert.is((await started).channelId, 'w2');
  assert.is(late.connection.controlFormat, 'plain-text');
  assert.is((await late.connection.started(100)).channelId, 'w2');
  assert.is(late.clock.pending, 0);
});

test('nothing said, gone before, given up', async () => {
  const silent = connect();
  const waiting = codeOf(silent.connection.started(100));
  silent.clock.advance(100);
  assert.is(await waiting, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  const gone = connect();
  const told = codeOf(gone.connection.started(100));
  gone.asterisk.emit('close', 1006);
  assert.is(await told, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  assert.is(await codeOf(gone.connection.started(100)), 'ERR_TALKSPURT_MEDIA_CONNECTION');
  const ours = connect();
  const closed = codeOf(ours.connection.started(100));
  const closing = ours.connection.close(1008);
  assert.is(await closed, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  assert.equal(ours.asterisk.closes, [1008]);
  ours.asterisk.emit('close', 1008);
  await closing;
  const abort = new AbortController();
  const given = connect();
  const never = codeOf(given.connection.started(100, abort.signal));
  abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone'));
  assert.is(await never, 'ERR_TALKSPURT_CALL_GONE');
  assert.is(await codeOf(given.connection.started(100, abort.signal)), 'ERR_TALKSPURT_CALL_GONE');
  for (const { clock } of [silent, gone, ours, given]) assert.is(clock.pending, 0);
});

test('what comes before somebody listens is kept, the newest of it', async () => {
  const { asterisk, connection } = connect();
  // Before it has said who it is nothing is kept.
  asterisk.audio(Uint8Array.of(99));
  asterisk.event('QUEUE_DRAINED');
  assert.is(connection.malformed, 2);
  asterisk.text(JSON.stringify(START));
  const extra = 3;
  for (let at = 0; at < LIMITS.chanWebSocketEarlyMessages + extra; at += 1) {
    if (at % 2 === 0) asterisk.audio(Uint8Array.of(at));
    else asterisk.event('MEDIA_MARK_PROCESSED', String(at));
  }
  assert.is(connection.droppedEarly, extra);
  const heard: (number | string)[] = [];
  connection.listen({
    onAudio: (bytes) => heard.push(bytes[0]!),
    onEvent: (event) => heard.push(event.type === 'MEDIA_MARK_PROCESSED' ? event.id : event.type),
    onClosed: (code) => heard.push(`closed ${code}`),
  });
  assert.equal(heard.slice(0, 3), ['3', 4, '5']);
  assert.is(heard.length, LIMITS.chanWebSocketEarlyMessages);
  asterisk.emit('close', 1000);
  assert.is(heard.at(-1), 'closed 1000');
  await settle();
});

test('a socket that fails is cut; one that is gone takes nothing', async () => {
  const { asterisk, connection, clock } = connect();
  assert.ok(connection.open);
  assert.ok(connection.sendText('{"command":"GET_STATUS"}'));
  asterisk.emit('error', new Error('ECONNRESET'));
  assert.is(asterisk.terminated, 1);
  assert.not.ok(connection.open);
  assert.not.ok(connection.sendAudio(Buffer.alloc(1)));
  assert.not.ok(connection.sendText('x'));
  const codes: number[] = [];
  connection.listen({ onAudio: () => undefined, onEvent: () => undefined, onClosed: (code) => codes.push(code) });
  assert.equal(codes, [1006]);
  await connection.close();
  await connection.close();
  assert.equal(asterisk.closes, []);
  assert.is(clock.pending, 0);
});

test('over TLS a message waits until the one before it is written: each has a record of its own', () => {
  const asterisk = new FakeAsterisk();
  const written: (() => void)[] = [];
  const sent: (Buffer | string)[] = [];
  const socket = Object.assign(asterisk, {
    send: (data: Buffer | string, onWritten: () => void) => {
      sent.push(data);
      written.push(onWritten);
    },
  });
  const connection = new ChanWebSocketConnection(socket as unknown as WebSocket, new FakeClock(), '', true);
  const audio = Buffer.alloc(160);
  assert.ok(connection.sendAudio(audio) && connection.sendText('MARK_MEDIA 1') && connection.sendText('FLUSH_MEDIA'));
  assert.equal([sent.length, connection.bufferedBytes], [1, 'MARK_MEDIA 1FLUSH_MEDIA'.length]);
  written.shift()!();
  assert.equal([sent.at(-1), connection.bufferedBytes], ['MARK_MEDIA 1', 'FLUSH_MEDIA'.length]);
  written.shift()!();
  written.shift()!();
  assert.equal([sent.at(-1), connection.bufferedBytes, written.length], ['FLUSH_MEDIA', 0, 0]);
  // Nothing waits now; and what waits when the connection goes is let go of.
  connection.sendAudio(audio);
  connection.sendAudio(audio);
  assert.equal([sent.length, connection.bufferedBytes], [4, 160]);
  asterisk.readyState = 3;
  written.shift()!();
  assert.equal([sent.length, connection.bufferedBytes, connection.sendText('STATUS')], [4, 0, false]);
});

test.run();

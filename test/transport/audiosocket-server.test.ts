/** Who gets in to the AudioSocket server, and who does not. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { AudioSocketConnection } from '../../src/transport/audiosocket-connection.ts';
import { AudioSocketServer } from '../../src/transport/audiosocket-server.ts';
import { HandClock } from '../switch/freeswitch/hand-clock.ts';
import { OTHER_UUID, UUID, frame, rig, until, uuidFrame } from './audiosocket-rig.ts';

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, TalkspurtError);
    return (error as TalkspurtError).code;
  }
  return 'none';
}

test('the UUID that is expected lets one connection in, however its frame is cut', async () => {
  await rig({}, async ({ server, dial, clock }) => {
    for (let cut = 1; cut < uuidFrame().length; cut += 1) {
      const expected = server.expect(UUID.toUpperCase());
      assert.is(server.expected, 1);
      const peer = await dial();
      peer.say(uuidFrame().subarray(0, cut));
      await until(() => server.connections === 1, 'it is here');
      peer.say(uuidFrame().subarray(cut));
      const connection = await expected;
      assert.equal([connection.uuid, connection.remoteAddress, server.expected], [UUID, '127.0.0.1', 0]);
      assert.ok(connection.open);
      const closing = connection.close();
      await until(() => peer.ends.includes('end'), 'it is told');
      assert.is(peer.heard().toString('hex'), '000000');
      peer.socket.end();
      await closing;
      await until(() => server.connections === 0, 'it is gone');
    }
    assert.equal([server.refused, clock.pending], [0, 0]);
  });
});

test('a UUID that nobody expects, one that is up, one that is used', async () => {
  await rig({}, async ({ server, dial, refusals }) => {
    const unknown = await dial();
    unknown.say(uuidFrame());
    await until(() => unknown.ends.includes('close') || unknown.ends.includes('end'), 'cut off');
    assert.equal(refusals, ['unknown']);

    const expected = server.expect(UUID);
    const first = await dial();
    first.say(uuidFrame());
    const connection = await expected;
    const second = await dial();
    second.say(uuidFrame());
    await until(() => refusals.length === 2, 'the second one is refused');
    assert.equal(refusals, ['unknown', 'duplicate']);
    assert.is(await codeOf(server.expect(UUID)), 'ERR_TALKSPURT_MEDIA_FORMAT');
    assert.ok(connection.open, 'the first one is untouched');
    connection.destroy();
    await until(() => server.connections === 0, 'all are gone');

    const third = await dial();
    third.say(uuidFrame());
    await until(() => refusals.length === 3, 'worth nothing any more');
    assert.equal([refusals[2], server.refused], ['unknown', 3]);
  });
});

test('a stranger has its time, and says its UUID first', async () => {
  await rig({}, async ({ server, dial, clock, refusals }) => {
    const silent = await dial();
    await until(() => server.connections === 1, 'it is here');
    clock.advance(LIMITS.mediaStrangerMs - 1);
    assert.equal(refusals, []);
    silent.say(uuidFrame().subarray(0, 10));
    clock.advance(1);
    assert.equal(refusals, ['silent']);
    for (const first of [
      frame(0x10, Buffer.alloc(320)),
      frame(0),
      frame(3, Buffer.from('1')),
      frame(0xff),
      frame(1),
      Buffer.from('GET / HTTP/1.1\r\n'),
    ]) {
      refusals.length = 0;
      const peer = await dial();
      peer.say(first);
      await until(() => refusals.length === 1, `cut off after ${first[0]}`);
      assert.equal(refusals, ['protocol']);
    }
    refusals.length = 0;
    const gone = await dial();
    gone.socket.end();
    await until(() => refusals.length === 1, 'gone again');
    assert.equal(refusals, ['silent']);
    await until(() => server.connections === 0, 'nobody is left');
    assert.is(clock.pending, 0);
  });
});

test('another address, and more than there is room for', async () => {
  await rig({ allow: ['127.0.0.2', '10.0.0.0/8'] }, async ({ dial, refusals }) => {
    const peer = await dial();
    await until(() => peer.ends.length > 0, 'cut off');
    assert.equal(refusals, ['address']);
    const allowed = await dial('127.0.0.2');
    allowed.say(uuidFrame());
    await until(() => refusals.length === 2, 'looked at');
    assert.equal(refusals, ['address', 'unknown']);
  });
  // Calls that come unasked have so many places; one that is asked for has its own.
  await rig({ onStranger: () => true }, async ({ server, dial, refusals }) => {
    const uuidOf = (n: number): string => OTHER_UUID.replace(/.{4}$/, n.toString(16).padStart(4, '0'));
    for (let n = 0; n < LIMITS.audioSocketConnections; n += 1) (await dial()).say(uuidFrame(uuidOf(n)));
    await until(() => server.connections === LIMITS.audioSocketConnections && server.strangers === 0, 'full');
    (await dial()).say(uuidFrame(uuidOf(65_535)));
    await until(() => refusals.length === 1, 'one more');
    assert.equal(refusals, ['full']);
    const expected = server.expect(UUID);
    (await dial()).say(uuidFrame());
    assert.is((await expected).uuid, UUID);
  });
  for (const entry of ['pbx.example', '10.0.0.0/33', '10.0.0.0/', '::1/129'])
    assert.throws(() => new AudioSocketServer({ clock: new HandClock(), allow: [entry] }), /allow/);
});

test('a thousand who say nothing, and a call gets in: before them, among them and behind them', async () => {
  await rig({}, async ({ server, dial, clock, refusals }) => {
    const uuidOf = (n: number): string => OTHER_UUID.replace(/.{4}$/, n.toString(16).padStart(4, '0'));
    const before = server.expect(uuidOf(1));
    const slow = await dial();
    slow.say(uuidFrame(uuidOf(1)).subarray(0, 5));
    for (let n = 0; n < 400; n += 1) await dial();
    // The oldest of 401, but it came a moment ago.
    slow.say(uuidFrame(uuidOf(1)).subarray(5));
    assert.is((await before).uuid, uuidOf(1));
    for (let n = 0; n < 600; n += 1) await dial();
    const among = server.expect(uuidOf(2));
    (await dial()).say(uuidFrame(uuidOf(2)));
    assert.is((await among).uuid, uuidOf(2));
    assert.ok(server.strangers <= LIMITS.mediaStrangersAtOnce, `${server.strangers} strangers`);

    clock.advance(LIMITS.mediaStrangerGraceMs);
    const behind = server.expect(uuidOf(3));
    (await dial()).say(uuidFrame(uuidOf(3)));
    assert.is((await behind).uuid, uuidOf(3));
    assert.ok(server.strangers <= LIMITS.mediaStrangers, `${server.strangers} strangers are left`);
    const evicted = 1_000 - server.strangers;
    assert.equal([refusals.length, new Set(refusals)], [evicted, new Set(['quota'])]);
    clock.advance(LIMITS.mediaStrangerMs);
    assert.equal([refusals.length, refusals.at(-1), server.refused], [1_000, 'silent', 1_000]);
    await until(() => server.connections === 3, 'three calls are left');
    assert.is(clock.pending, 0);
  });
});

test('nobody comes, the call ends meanwhile, the server closes, too many are waited for, a name that is none', async () => {
  await rig({}, async ({ server, clock }) => {
    const late = server.expect(UUID, { withinMs: 700 });
    clock.advance(700);
    assert.is(await codeOf(late), 'ERR_TALKSPURT_MEDIA_CONNECTION');
    const abort = new AbortController();
    const aborted = server.expect(UUID, { signal: abort.signal });
    abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'hung up'));
    assert.is(await codeOf(aborted), 'ERR_TALKSPURT_CALL_GONE');
    assert.is(await codeOf(server.expect(UUID, { signal: abort.signal })), 'ERR_TALKSPURT_CALL_GONE');
    assert.is(await codeOf(server.expect('42')), 'ERR_TALKSPURT_MEDIA_FORMAT');
    const waiting = server.expect(UUID);
    assert.is(await codeOf(server.expect(UUID)), 'ERR_TALKSPURT_MEDIA_FORMAT');
    const all = Array.from({ length: LIMITS.audioSocketConnections - 1 }, (_, n) =>
      codeOf(server.expect(OTHER_UUID.replace(/.{4}$/, n.toString(16).padStart(4, '0')))),
    );
    assert.is(await codeOf(server.expect(OTHER_UUID)), 'ERR_TALKSPURT_CALL_LIMIT');
    await server.close();
    await server.close();
    assert.is(await codeOf(waiting), 'ERR_TALKSPURT_MEDIA_CONNECTION');
    assert.equal(new Set(await Promise.all(all)), new Set(['ERR_TALKSPURT_MEDIA_CONNECTION']));
    assert.equal([server.port, server.expected, clock.pending], [0, 0, 0]);
  });
});

test('a port that is taken', async () => {
  await rig({}, async ({ server, clock }) => {
    const second = new AudioSocketServer({ clock, port: server.port });
    assert.is(await codeOf(second.listen()), 'ERR_TALKSPURT_LISTEN');
    await second.close();
    assert.is(server.address(), `127.0.0.1:${server.port}`);
    assert.is(server.address('2001:db8::1'), `[2001:db8::1]:${server.port}`);
  });
});

test('a call that the dialplan sends by itself is taken by who says so', async () => {
  const taken: [string, AudioSocketConnection][] = [];
  const heard: string[] = [];
  const onStranger = (uuid: string, connection: AudioSocketConnection): boolean => {
    taken.push([uuid, connection]);
    if (uuid !== UUID) return false;
    connection.listen({
      onAudio: (kind, _bytes, start, end) => heard.push(`${kind}: ${end - start}`),
      onDigit: (digit) => heard.push(digit),
      onHangup: () => heard.push('hangup'),
      onError: (code) => heard.push(`error ${code}`),
      onFault: (fault) => heard.push(fault),
      onEnd: (end) => heard.push(end),
    });
    return true;
  };
  await rig({ onStranger }, async ({ server, dial, refusals }) => {
    const peer = await dial();
    // All in one piece, and listened to from inside.
    peer.say(
      Buffer.concat([uuidFrame(), frame(0x10, Buffer.alloc(320)), uuidFrame(), frame(3, Buffer.from('7')), frame(0)]),
    );
    peer.socket.end();
    await until(() => heard.includes('closed'), 'it was heard');
    assert.equal(heard, ['16: 320', 'kind', '7', 'hangup', 'closed']);
    assert.equal(
      taken.map(([uuid]) => uuid),
      [UUID],
    );
    assert.equal(refusals, []);
    const other = await dial();
    other.say(uuidFrame(OTHER_UUID));
    await until(() => refusals.length === 1, 'not wanted');
    assert.equal([refusals, server.refused], [['unknown'], 1]);
  });
});

test('what comes before anybody listens is not lost, and a connection that is not listened to is not read', async () => {
  await rig({}, async ({ server, dial }) => {
    const expected = server.expect(UUID);
    const peer = await dial();
    peer.say(Buffer.concat([uuidFrame(), frame(0x12, Buffer.alloc(640, 1))]));
    const connection = await expected;
    peer.say(frame(0x12, Buffer.alloc(640, 2)));
    peer.say(frame(0));
    peer.socket.end();
    const heard: string[] = [];
    const bytes: number[] = [];
    connection.listen({
      onAudio: (_kind, part, start, end) => bytes.push(...part.subarray(start, end)),
      onDigit: (digit) => heard.push(digit),
      onHangup: () => heard.push('hangup'),
      onError: () => heard.push('error'),
      onFault: (fault) => heard.push(fault),
      onEnd: (end) => heard.push(end),
    });
    await until(() => heard.includes('closed'), 'the end');
    assert.equal(heard, ['hangup', 'closed']);
    assert.equal([bytes.length, bytes[0], bytes[639], bytes[640], bytes[1279]], [1280, 1, 1, 2, 2]);
  });
});

test.run();

/** Port pairs: bound for real, in use by others, exhausted, and rested. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { RtpPortPool } from '../../src/transport/rtp-port-pool.ts';
import type { RtpPortPair } from '../../src/transport/rtp-port-pool.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const HOST = '127.0.0.1';

/** A run of `count` ports that were all free a moment ago, from an even one. */
async function freePorts(count: number): Promise<number> {
  for (let from = 41_000; from < 60_000; from += count) {
    const sockets = await Promise.all(Array.from({ length: count }, (_, n) => occupy(from + n)));
    for (const socket of sockets) socket?.close();
    if (sockets.every((socket) => socket !== null)) return from;
  }
  throw new Error('no free ports');
}

function occupy(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('error', () => resolve(null));
    socket.bind({ port, address: HOST, exclusive: true }, () => resolve(socket));
  });
}

async function refusalOf(pool: RtpPortPool): Promise<string> {
  try {
    await (await pool.acquire()).release();
    return 'none';
  } catch (error) {
    assert.instance(error, TalkspurtError);
    return (error as TalkspurtError).code;
  }
}

test('an even port and the next one, both bound', async () => {
  const from = await freePorts(4);
  const pool = new RtpPortPool({ clock: new FakeClock(), bindHost: HOST, from: from + 1, to: from + 4 });
  assert.is(pool.size, 1, 'odd ends are left out');
  const pair = await pool.acquire();
  assert.is(pair.rtpPort, from + 2);
  assert.is(pair.rtcpPort, from + 3);
  assert.equal(pair.rtp.address(), { address: HOST, family: 'IPv4', port: from + 2 });
  assert.equal(pair.rtcp.address(), { address: HOST, family: 'IPv4', port: from + 3 });
  assert.is(await occupy(from + 2), null, 'nobody else gets it');
  await pair.release();
  await pair.release();
  assert.is(pool.inUse, 0);
});

test('all pairs are handed out once, then there are none; they come back after their rest', async () => {
  const clock = new FakeClock();
  const from = await freePorts(8);
  const pool = new RtpPortPool({ clock, bindHost: HOST, from, to: from + 7, coolDownMs: 2000 });
  const pairs = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
  assert.is(new Set(pairs.map(({ rtpPort }) => rtpPort)).size, 4);
  assert.is(pool.inUse, 4);
  assert.is(await refusalOf(pool), 'ERR_TALKSPURT_PORTS_EXHAUSTED');
  await pairs[0]!.release();
  assert.is(pool.inUse, 3);
  assert.is(pool.resting, 1);
  assert.is(await refusalOf(pool), 'ERR_TALKSPURT_PORTS_EXHAUSTED', 'it rests');
  clock.advance(1999);
  assert.is(await refusalOf(pool), 'ERR_TALKSPURT_PORTS_EXHAUSTED', 'still');
  clock.advance(1);
  const again = await pool.acquire();
  assert.is(again.rtpPort, pairs[0]!.rtpPort);
  await Promise.all([again, ...pairs].map((pair) => pair.release()));
  assert.is(clock.pending, 0, 'no timer is left');
});

test('a rest is at most five seconds, whatever was asked for', async () => {
  const clock = new FakeClock();
  const from = await freePorts(2);
  const pool = new RtpPortPool({ clock, bindHost: HOST, from, to: from + 1, coolDownMs: 60_000 });
  await (await pool.acquire()).release();
  clock.advance(5000);
  assert.is(await refusalOf(pool), 'none');
});

test('ports of other programs are stepped around, whichever of the two it is', async () => {
  const from = await freePorts(6);
  const taken = [await occupy(from), await occupy(from + 3)];
  const pool = new RtpPortPool({ clock: new FakeClock(), bindHost: HOST, from, to: from + 5 });
  const pair = await pool.acquire();
  assert.is(pair.rtpPort, from + 4);
  assert.is(await refusalOf(pool), 'ERR_TALKSPURT_PORTS_EXHAUSTED');
  assert.is(pool.inUse, 1, 'what could not be bound is not in use by us');
  const other = await occupy(from + 2);
  assert.ok(other !== null, 'the free half of a pair that is not usable was let go');
  for (const socket of [...taken, other]) socket?.close();
  await pair.release();
});

test('the order cannot be foretold', async () => {
  const from = await freePorts(40);
  const orders = new Set<string>();
  for (let round = 0; round < 4; round += 1) {
    const pool = new RtpPortPool({ clock: new FakeClock(), bindHost: HOST, from, to: from + 39 });
    const pairs: RtpPortPair[] = [];
    for (let n = 0; n < 8; n += 1) pairs.push(await pool.acquire());
    orders.add(pairs.map(({ rtpPort }) => rtpPort).join());
    await Promise.all(pairs.map((pair) => pair.release()));
  }
  assert.ok(orders.size > 1);
});

test('an address that is not ours, and ranges that are none', async () => {
  const pool = new RtpPortPool({ clock: new FakeClock(), bindHost: '192.0.2.1' });
  assert.is(pool.size, 5000);
  assert.is(await refusalOf(pool), 'ERR_TALKSPURT_MEDIA_BIND');
  assert.is(pool.inUse, 0);
  for (const range of [{ from: 0 }, { to: 70_000 }, { from: 20_001, to: 20_002 }, { from: 5.5 }]) {
    assert.throws(
      () => new RtpPortPool({ clock: new FakeClock(), bindHost: HOST, ...range }),
      (error: unknown) => error instanceof TalkspurtError && error.code === 'ERR_TALKSPURT_MEDIA_BIND',
    );
  }
  assert.throws(() => new RtpPortPool({ clock: new FakeClock(), bindHost: 'localhost' }), /no IP address/);
});

test('IPv6', async () => {
  const from = await freePorts(2);
  const pool = new RtpPortPool({ clock: new FakeClock(), bindHost: '::1', from, to: from + 1 });
  const pair = await pool.acquire();
  assert.is(pair.rtp.address().family, 'IPv6');
  await pair.release();
});

test.run();

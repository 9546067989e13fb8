/** Taps that are SIP calls to us, on the simulated switch. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SipEndpoint } from '../../../src/sip/sip-endpoint.ts';
import type { SipLegOptions } from '../../../src/switch/freeswitch/sip-leg-opening.ts';
import { openSipMedia } from '../../../src/switch/sip/sip-media.ts';
import { SipRendezvous } from '../../../src/switch/sip/sip-rendezvous.ts';
import { RtpPortPool } from '../../../src/transport/rtp-port-pool.ts';
import { CALLER_HZ, Ear, OTHER_HZ, clock, rejects, toneLevel, until, watchedLink, withBridgedCall } from './tap-rig.ts';
import type { TapRig } from './tap-rig.ts';

const never = new AbortController().signal;
const LOUD = 2000;
const QUIET = 200;

async function withSip(
  run: (sip: SipLegOptions, waiting: () => number, rig: TapRig) => Promise<void>,
  rateHz = 8000,
): Promise<void> {
  const from = 24_000 + (process.pid % 100) * 20;
  const ports = new RtpPortPool({ clock, bindHost: '127.0.0.1', from, to: from + 19 });
  const rendezvous = new SipRendezvous(clock);
  const endpoint = new SipEndpoint({
    clock,
    host: '127.0.0.1',
    port: 0,
    protocols: ['udp'],
    advertiseHost: '127.0.0.1',
    allow: ['127.0.0.1'],
    userAgent: 'test',
    callLimit: 8,
    onCall: (call) => void rendezvous.offer(call),
    onMalformed: (error) => assert.unreachable(error.message),
  });
  const { port } = await endpoint.listen();
  const hub: SipLegOptions['hub'] = {
    rendezvous,
    address: `127.0.0.1:${port}`,
    open: (call, wanted) => openSipMedia(call, { clock, ports, sources: ['127.0.0.1'], ...wanted }),
  };
  try {
    await withBridgedCall(
      (rig) => run({ hub, profile: 'internal', codec: 'auto' }, () => rendezvous.size, rig),
      rateHz,
    );
  } finally {
    await endpoint.close();
  }
}

test('stereo over SIP: both apart, spoken to, and hung up', () =>
  withSip(async (sip, waiting, { makeTap, extraChannels, caller, told }) => {
    const leg = makeTap({
      media: { kind: 'sip', ...sip, codec: 'L16' },
      request: { mix: 'stereo', sampleRateHz: null },
    });
    const transport = await leg.openMedia(never);
    assert.equal(transport.format, { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 });
    assert.is(await extraChannels(), 2);
    const [ear, other] = [new Ear(transport), new Ear(transport.other!)];
    await Promise.all([ear.next(1600), other.next(1600)]);
    const [heard, otherHeard] = await Promise.all([ear.next(1600), other.next(1600)]);
    assert.ok(toneLevel(heard, CALLER_HZ) > LOUD && toneLevel(heard, OTHER_HZ) < QUIET);
    assert.ok(toneLevel(otherHeard, OTHER_HZ) > LOUD && toneLevel(otherHeard, CALLER_HZ) < QUIET);
    await leg.release();
    await until(async () => (await extraChannels()) === 0, 'no call to us');
    assert.not(caller.channel.gone);
    assert.equal(told, ['up', 'released']);
    assert.is(waiting(), 0);
  }));

test('a codec is never faster than the call', () =>
  withSip(async (sip, waiting, { makeTap, extraChannels }) => {
    await rejects(
      makeTap({ media: { kind: 'sip', ...sip, codec: 'G722' } }).openMedia(never),
      'ERR_TALKSPURT_MEDIA_FORMAT',
    );
    assert.is(waiting(), 0);
    assert.is(await extraChannels(), 0);
    const leg = makeTap({ media: { kind: 'sip', ...sip } });
    assert.is((await leg.openMedia(never)).format.codec, 'pcmu', "the call's own");
  }));

test('a wide call is heard wide', () =>
  withSip(async (sip, _waiting, { makeTap }) => {
    const transport = await makeTap({ media: { kind: 'sip', ...sip } }).openMedia(never);
    assert.is(transport.format.sampleRateHz, 16_000);
  }, 16_000));

test("the end of the call ends the tap, with the call's own cause", () =>
  withSip(async (sip, _waiting, { makeTap, link, caller, told, extraChannels }) => {
    const leg = makeTap({ media: { kind: 'sip', ...sip } });
    await leg.openMedia(never);
    await link.api(`uuid_kill ${caller.channel.uuid} USER_BUSY`);
    await until(() => told.includes('hangup 17'), 'the hang-up is told');
    await until(async () => (await extraChannels()) === -2, 'everything is gone');
    await leg.release();
    assert.equal(told, ['up', 'hangup 17', 'released']);
  }));

test('an abort before any command leaves no call to us', () =>
  withSip(async (sip, waiting, { makeTap, extraChannels, link, watched }) => {
    for (let step = 1; step <= 4; step += 1) {
      const abort = new AbortController();
      let commands = 0;
      const counted = watchedLink(link, () => {
        commands += 1;
        if (commands === step) abort.abort();
      });
      const leg = makeTap({ media: { kind: 'sip', ...sip }, link: counted });
      await leg.openMedia(abort.signal).then(
        () => assert.is(step, 4, 'there are no more commands than three'),
        () => undefined,
      );
      await leg.release();
      await until(async () => (await extraChannels()) === 0, `nothing after step ${step}`);
      await until(() => watched.size === 0 && waiting() === 0, `nothing waits after step ${step}`);
    }
  }));

test.run();

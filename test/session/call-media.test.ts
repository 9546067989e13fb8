/** The media plane of one call: formats, and the slow following of the packets' arrival. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediaFormat } from '../../src/core/media.ts';
import { CallMedia } from '../../src/session/call-media.ts';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import { DEFAULT_SESSION_OPTIONS } from '../../src/session/session-options.ts';
import type { DspOptions } from '../../src/dsp/dsp.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { FakeDsp, FakeStream, FakeTransport, PCMU_LEG } from '../sim/fake-peers.ts';

function rig(leg: MediaFormat = PCMU_LEG) {
  const transport = new FakeTransport(leg);
  const faults: unknown[] = [];
  const nothing = (): void => undefined;
  const media = new CallMedia({
    transport,
    dsp: new FakeDsp(),
    options: DEFAULT_SESSION_OPTIONS,
    listener: {
      onSpeech: nothing,
      onPlayout: nothing,
      onFaded: nothing,
      onHeard: nothing,
      onFault: (error) => faults.push(error),
    },
  });
  transport.start(media.sink(nothing, nothing));
  return { transport, media, faults };
}

/** Runs a call whose packets come every `periodMs`, first `offsetMs` after its start; what the ticks were like at the end. */
function follow(given: { offsetMs: number; periodMs?: number; seconds?: number; leg?: MediaFormat }) {
  const { offsetMs, seconds = 10, leg = PCMU_LEG } = given;
  const periodMs = given.periodMs ?? leg.ptimeMs;
  const { transport, media } = rig(leg);
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const ages: number[] = [];
  const ticking = scheduler.add({
    ptimeMs: media.ptimeMs,
    tick: (nowMs) => {
      ages.push(nowMs - media.lastFrameMs);
      return media.tick(nowMs);
    },
    onFault: (error) => {
      throw error;
    },
  });
  const packets = Math.floor((seconds * 1000) / periodMs);
  const startMs = clock.nowMs();
  for (let n = 0; n < packets; n += 1) {
    clock.advance(startMs + offsetMs + n * periodMs - clock.nowMs());
    transport.receive(clock.nowMs());
  }
  scheduler.stop();
  return { media, ticks: ticking.ticks, packets, ages: ages.slice(-200) };
}

test('the tick settles a little after the packet, wherever in the ptime the packets come', () => {
  for (const leg of [PCMU_LEG, { ...PCMU_LEG, ptimeMs: 10 }, { ...PCMU_LEG, ptimeMs: 60 }] as const) {
    for (let offsetMs = 0; offsetMs < leg.ptimeMs; offsetMs += leg.ptimeMs / 20) {
      const { ages, ticks, packets } = follow({ offsetMs, leg, seconds: 60 });
      const mean = ages.reduce((sum, age) => sum + age, 0) / ages.length;
      assert.ok(mean >= 0 && mean <= 5, `${leg.ptimeMs} ms, offset ${offsetMs}: ${mean} ms old`);
      assert.ok(Math.abs(ticks - packets) <= 2, `${ticks} ticks for ${packets} packets`);
    }
  }
});

test('a sender 100 ppm fast or slow is followed for an hour: not one frame is given up or missing', () => {
  for (const ppm of [-100, 100]) {
    const { media, packets, ticks } = follow({ offsetMs: 7, periodMs: 20 * (1 + ppm * 1e-6), seconds: 3600 });
    const { jitter } = media;
    assert.is(jitter.receivedFrames, packets);
    assert.is(jitter.droppedFrames, 0);
    assert.is(jitter.lostFrames, 0);
    assert.ok(Math.abs(ticks - packets) <= 2);
    assert.ok(
      packets - media.capturedFrames <= 3,
      `${packets - media.capturedFrames} frames not captured: two gather, one waits`,
    );
    assert.ok(jitter.depthFrames <= 1);
  }
});

test("the signal chain shapes the agent's voice only where the call asks for it", () => {
  const nothing = (): void => undefined;
  const configured: DspOptions[] = [];
  class ListeningDsp extends FakeDsp {
    override configure(options: DspOptions): void {
      configured.push(options);
      super.configure(options);
    }
  }
  const wanted = { compressorThresholdDb: -24.5, compressorMakeupDb: 6, lowPassHz: 3000 };
  for (const shaping of [false, true]) {
    const media = new CallMedia({
      transport: new FakeTransport(PCMU_LEG),
      dsp: new ListeningDsp(),
      options: { ...DEFAULT_SESSION_OPTIONS, ...wanted, shaping },
      listener: { onSpeech: nothing, onPlayout: nothing, onFaded: nothing, onHeard: nothing, onFault: nothing },
    });
    media.connect(new FakeStream());
    assert.is(configured.length, 2, 'at the start and when the backend is there');
    for (const options of configured.splice(0)) assert.equal(options.shaping, shaping ? wanted : undefined);
  }
});

test('no packets: the tick stays where it is', () => {
  const { media, transport } = rig();
  for (let n = 1; n <= 100; n += 1) assert.is(media.tick(n * 20), 0);
  transport.receive(2_010);
  for (let n = 103; n <= 200; n += 1) assert.is(media.tick(n * 20), 0, 'the last packet is long ago');
});

test('connect gives both pipes the formats of the backend; disconnect leaves the caller measured', () => {
  const { media, transport } = rig();
  assert.is(media.playout.capacityBytes, 300_000 * 8);
  const stream = new FakeStream({ format: { codec: 'l16', sampleRateHz: 24000 } });
  media.connect(stream);
  assert.is(media.playout.capacityBytes, 300_000 * 48);
  media.tick(20);
  media.disconnect();
  media.tick(40);
  assert.is(stream.heardFrames, 1);
  assert.is(transport.sent.length, 2);
});

test('what waits in the switch was not heard, where the switch says it', () => {
  const { media, transport } = rig();
  media.connect(new FakeStream({ format: { codec: 'l16', sampleRateHz: 24000 } }));
  media.ledger.received('a', 48 * 400);
  media.playout.push(new Uint8Array(48 * 400));
  for (let n = 1; n <= 10; n += 1) media.tick(n * 20);
  assert.equal(media.ledger.position(transport.playedFrames()), { itemId: 'a', playedMs: 200 });
  transport.heldFrames = 3;
  assert.equal(media.ledger.position(transport.playedFrames()), { itemId: 'a', playedMs: 140 });
});

test('a fault is passed on', () => {
  const { media, faults } = rig();
  const error = new Error('a bug');
  media.onFault(error);
  assert.equal(faults, [error]);
});

test.run();

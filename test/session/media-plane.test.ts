/** Hours of many calls on a fake clock and a network with a seed: nothing drifts, nothing piles up, nothing is lost twice. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallMedia } from '../../src/session/call-media.ts';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import { DEFAULT_SESSION_OPTIONS } from '../../src/session/session-options.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { FakeDsp, FakeStream, PCMU_LEG } from '../sim/fake-peers.ts';
import { NetworkModel } from '../sim/network-model.ts';
import type { MediaSink, MediaTransport } from '../../src/transport/media-transport.ts';

const HOUR_MS = 3_600_000;

/** Counts what is sent; remembers no frame of an hour. */
class CountingTransport implements MediaTransport {
  readonly kind = 'counting';
  readonly format = PCMU_LEG;
  readonly stats = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  shortestGapMs = Number.POSITIVE_INFINITY;
  longestGapMs = 0;
  readonly #clock: FakeClock;
  #lastMs = Number.NaN;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  start(_sink: MediaSink): void {
    this.#lastMs = Number.NaN;
  }

  send(): void {
    const nowMs = this.#clock.nowMs();
    this.stats.sentFrames += 1;
    if (!Number.isNaN(this.#lastMs)) {
      this.shortestGapMs = Math.min(this.shortestGapMs, nowMs - this.#lastMs);
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastMs);
    }
    this.#lastMs = nowMs;
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    this.#lastMs = Number.NaN;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function ignore(): void {
  // What the media plane tells is not what is judged here.
}

function connect(clock: FakeClock): { media: CallMedia; transport: CountingTransport; stream: FakeStream } {
  const transport = new CountingTransport(clock);
  const listener = {
    onSpeech: ignore,
    onPlayout: ignore,
    onFaded: ignore,
    onHeard: () => undefined,
    onFault: (error: unknown) => {
      throw error;
    },
  };
  const media = new CallMedia({ transport, dsp: new FakeDsp(), options: DEFAULT_SESSION_OPTIONS, listener });
  const stream = new FakeStream();
  media.connect(stream);
  return { media, transport, stream };
}

test('an hour of four calls with jitter, loss and clocks 100 ppm off: a frame each way every ptime of the switch', () => {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const calls = [100, -100, 50, 0].map((driftPpm, seed) => {
    const parts = connect(clock);
    const network = new NetworkModel({ clock, seed: seed + 1, driftPpm, jitterMs: 6, loss: 0.01 });
    scheduler.add(parts.media);
    network.send(
      PCMU_LEG,
      parts.media.sink(
        () => assert.unreachable('lost'),
        (nowMs) => scheduler.poke(nowMs),
      ),
    );
    return { ...parts, network, driftPpm };
  });
  let deepest = 0;
  for (let second = 0; second < HOUR_MS / 1000; second += 1) {
    clock.advance(1000);
    for (const { media } of calls) deepest = Math.max(deepest, media.jitter.depthFrames);
  }
  for (const { media, transport, stream, network, driftPpm } of calls) {
    const what = `${driftPpm} ppm`;
    // Ticks follow the switch's clock, so what is sent neither runs dry nor piles up there.
    assert.ok(
      Math.abs(transport.stats.sentFrames - network.sentFrames) <= 3,
      `${what}: sent ${transport.stats.sentFrames} of ${network.sentFrames}`,
    );
    assert.is(stream.heardFrames, transport.stats.sentFrames, `${what}: a frame each way`);
    assert.ok(transport.shortestGapMs >= 19 && transport.longestGapMs <= 21, `${what}: gaps`);
    const { jitter } = media;
    assert.is(jitter.receivedFrames, network.deliveredFrames);
    const missing = network.sentFrames - network.deliveredFrames;
    assert.ok(Math.abs(jitter.lostFrames - missing) <= 5, `${what}: ${jitter.lostFrames} lost, ${missing} were`);
    assert.ok(
      jitter.droppedFrames + jitter.lateFrames <= network.sentFrames / 1000,
      `${what}: given up ${jitter.droppedFrames}`,
    );
    const heard = media.capturedFrames / network.deliveredFrames;
    assert.ok(heard > 0.999, `${what}: ${heard} of what came was heard`);
  }
  assert.ok(deepest <= 4, `${deepest} frames deep`);
});

test('the tick comes to stand just behind the packets, wherever it began', () => {
  for (let offsetMs = 0; offsetMs < 20; offsetMs += 1) {
    const clock = new FakeClock();
    const scheduler = new MediaScheduler({ clock });
    const { media } = connect(clock);
    scheduler.add(media);
    clock.advance(offsetMs);
    const network = new NetworkModel({ clock, seed: 1, driftPpm: 0, jitterMs: 0, loss: 0 });
    network.send(PCMU_LEG, media.sink(ignore, ignore));
    let ageMs = 0;
    const tick = media.tick.bind(media);
    media.tick = (nowMs) => {
      ageMs = nowMs - media.lastFrameMs;
      return tick(nowMs);
    };
    clock.advance(20_000);
    assert.ok(ageMs >= 0 && ageMs <= 4, `from ${offsetMs}: a frame waits ${ageMs} ms`);
    assert.ok(media.jitter.depthFrames <= 1, `from ${offsetMs}: ${media.jitter.depthFrames} frames deep`);
  }
});

test.run();

/**
 * Calls on which nothing happens any more, on every media path that may say nothing by itself: the session is the real one, and so
 * are the transports; only time is a test's.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../src/core/clock.ts';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import { DEFAULT_SESSION_OPTIONS } from '../../src/session/session-options.ts';
import { Session } from '../../src/session/session.ts';
import type { SessionEnd } from '../../src/session/session.ts';
import { SnoopMedia } from '../../src/switch/asterisk/snoop-media.ts';
import { AudioSocketTransport } from '../../src/transport/audiosocket-transport.ts';
import type { MediaTransport } from '../../src/transport/media-transport.ts';
import { RtpPortPool } from '../../src/transport/rtp-port-pool.ts';
import { RtpTransport } from '../../src/transport/rtp-transport.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import {
  FakeBackend,
  FakeDspPool,
  FakeLeg,
  FakeTransport,
  RecordingEvents,
  hangUntilAborted,
} from '../sim/fake-peers.ts';
import { HandClock, until } from '../switch/freeswitch/hand-clock.ts';
import { UUID, frame, rig as audioSocketRig, uuidFrame } from '../transport/audiosocket-rig.ts';
import { makeRig as chanWebSocketRig } from '../transport/chan-websocket-rig.ts';
import { packet, rtpMedia, udpPeer } from '../transport/rtp-rig.ts';

const STALE_MS = 60_000;
const STEP_MS = 100;

interface MovingClock extends Clock {
  advance(ms: number): void;
}

/** A media path with a far end that lives. */
interface Path {
  readonly clock: MovingClock;
  readonly transport: MediaTransport;
  /** One frame of the caller's comes. */
  speak(): Promise<void> | void;
  /** What the far end does by itself in {@link STEP_MS}, without any audio. */
  live(): Promise<void> | void;
}

interface Call {
  readonly session: Session;
  readonly leg: FakeLeg;
  readonly backend: FakeBackend;
  readonly events: RecordingEvents;
  end(): SessionEnd | null;
  /** So much time passes without a frame of the caller's. */
  pass(ms: number): Promise<void>;
}

async function converse(path: Path, run: (call: Call) => Promise<void>, hangs = false): Promise<void> {
  const { clock, transport } = path;
  const leg = new FakeLeg(transport.format);
  leg.onOpenMedia = () => Promise.resolve(transport);
  const backend = new FakeBackend();
  if (hangs) backend.onOpen = (signal) => hangUntilAborted(signal);
  const events = new RecordingEvents();
  const scheduler = new MediaScheduler({ clock });
  const session = new Session({
    callId: 'c',
    profile: 'p',
    leg,
    backend,
    dspPool: new FakeDspPool(1),
    scheduler,
    clock,
    events,
    options: { staleMs: STALE_MS, greeting: '' },
  });
  let end: SessionEnd | null = null;
  void session.ended.then((ended) => (end = ended));
  const started = session.start().catch(() => undefined);
  if (!hangs) await started;
  const pass = async (ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += STEP_MS) {
      await path.live();
      clock.advance(STEP_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  try {
    await pass(1_000);
    await run({ session, leg, backend, events, end: () => end, pass });
  } finally {
    const stopped = session.stop('stopped');
    // Goodbyes have their time.
    for (let turn = 0; turn < 50; turn += 1) {
      clock.advance(STEP_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await stopped;
    await started;
    scheduler.stop();
  }
}

const PATHS: Readonly<Record<string, (use: (path: Path) => Promise<void>) => Promise<void>>> = {
  audiosocket: (use) =>
    audioSocketRig({}, async ({ server, clock, dial }) => {
      const expected = server.expect(UUID);
      const peer = await dial();
      peer.say(uuidFrame());
      const transport = new AudioSocketTransport({
        clock,
        connection: await expected,
        format: { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 },
        onDigit: () => undefined,
      });
      const speak = async (): Promise<void> => {
        const before = transport.stats.receivedFrames;
        peer.say(frame(0x10, Buffer.alloc(320)));
        await until(() => transport.stats.receivedFrames > before, 'the frame is here');
      };
      await use({ clock, transport, speak, live: () => undefined });
      peer.socket.destroy();
    }),
  chan_websocket: async (use) => {
    const { clock, asterisk, transport } = await chanWebSocketRig();
    const live = (): void => {
      // Its timer runs, and answers marks.
      for (let ms = 0; ms < STEP_MS; ms += 20) asterisk.tick();
    };
    const close = asterisk.close.bind(asterisk);
    asterisk.close = (code) => {
      close(code);
      asterisk.emit('close', code);
    };
    await use({ clock, transport, speak: () => void asterisk.emit('message', Buffer.alloc(160, 0xff), true), live });
  },
  'rtp with reports': async (use) => {
    const clock = new HandClock();
    const pool = new RtpPortPool({ clock, bindHost: '127.0.0.1', from: 46_002, to: 47_000 });
    const [peer, ports] = [await udpPeer(), await pool.acquire()];
    const to = { remoteHost: '127.0.0.1', remotePort: peer.port, remoteRtcpPort: peer.port };
    const transport = new RtpTransport({
      clock,
      ports,
      media: rtpMedia(to),
      sources: ['127.0.0.1'],
      onDigit: () => undefined,
    });
    let number = 0;
    const speak = async (): Promise<void> => {
      const before = transport.stats.receivedFrames;
      number += 1;
      const bytes = packet({ sequenceNumber: number, timestamp: number * 160, payload: Buffer.alloc(160, 0xff) });
      await peer.say(bytes, ports.rtpPort);
      await until(() => transport.stats.receivedFrames > before, 'the frame is here');
    };
    // An empty receiver report of SSRC 1, as one on hold sends it.
    const report = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]);
    let steps = 0;
    const live = async (): Promise<void> => {
      steps += 1;
      if (steps % 20 === 0) await peer.say(report, ports.rtcpPort);
    };
    await use({ clock, transport, speak, live });
    await transport.close();
    await peer.close();
  },
  snoop: async (use) => {
    const clock = new FakeClock();
    const ear = new FakeTransport();
    // As RTP of Asterisk while the link is up: its end would be told.
    ear.expectsFrames = false;
    const transport = new SnoopMedia(ear);
    await use({ clock, transport, speak: () => ear.receive(clock.nowMs()), live: () => undefined });
  },
};

for (const [name, open] of Object.entries(PATHS)) {
  test(`${name}: nothing for as long as that, and the call is ended and hung up; any frame begins anew`, () =>
    open(async (path) => {
      await converse(path, async ({ leg, end, pass, events }) => {
        await path.speak();
        await pass(STALE_MS - 2_000);
        assert.is(end(), null);
        await path.speak();
        await pass(STALE_MS - 2_000);
        assert.is(end(), null, 'a frame came');
        await pass(4_000);
        assert.is(end()?.reason, 'expired');
        assert.equal(leg.hangups, [16]);
        assert.is(events.of('call.ended').length, 1);
      });
    }));
}

test('a call is not stale while something happens: a digit, masked or not, an order, what a backend says', async () => {
  await PATHS['snoop']!(async (path) => {
    await converse(path, async ({ leg, session, backend, end, pass }) => {
      const happenings = [
        () => leg.listener?.onDigit('1', 100),
        () => session.controls.mask(true),
        () => leg.listener?.onDigit('2', 100),
        () => session.controls.pause(true),
        () => backend.sink?.onMessage?.('{}'),
      ];
      for (const happen of happenings) {
        await pass(STALE_MS - 2_000);
        assert.is(end(), null);
        happen();
      }
      await pass(STALE_MS - 2_000);
      assert.is(end(), null);
      await pass(4_000);
      assert.is(end()?.reason, 'expired');
    });
  });
});

test('a caller who talks to a backend that never comes is let go', async () => {
  await PATHS['snoop']!(async (path) => {
    await converse(
      path,
      async ({ session, end, pass, leg }) => {
        assert.is(session.state, 'opening');
        for (let ms = 0; ms < STALE_MS - 2_000; ms += STEP_MS) {
          await path.speak();
          await pass(STEP_MS);
        }
        assert.is(end(), null);
        for (let ms = 0; ms < 4_000; ms += STEP_MS) {
          await path.speak();
          await pass(STEP_MS);
        }
        assert.is(end()?.reason, 'expired');
        assert.equal(leg.hangups, [16]);
      },
      true,
    );
  });
});

test('unless told otherwise that is an hour', () => {
  assert.is(DEFAULT_SESSION_OPTIONS.staleMs, 3_600_000);
});

test.run();

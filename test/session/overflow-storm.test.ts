/** So much does not fit that what waits is dropped: the freshest is kept, it is told once, and its cause when it lasts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { OverflowRate } from '../../src/session/overflow-rate.ts';
import { OverflowWatch } from '../../src/session/overflow-watch.ts';
import { JitterBuffer } from '../../src/transport/jitter-buffer.ts';
import { CallRig } from '../sim/call-rig.ts';

interface Storm {
  readonly place: string;
  readonly cause?: string;
}

const storms = (rig: CallRig): Storm[] =>
  rig.events
    .of('media.overflow-storm')
    .map(({ place, cause }) => ({ place, ...(cause === undefined ? {} : { cause }) }));

/** `perSecond` frames of the caller do not get into the backend's socket. */
async function slowReader(rig: CallRig, perSecond: number, seconds: number): Promise<void> {
  let dropped = rig.stream.droppedFrames;
  Object.defineProperty(rig.stream, 'droppedFrames', { configurable: true, get: () => Math.floor(dropped) });
  for (let step = 0; step < seconds * 10; step += 1) {
    dropped += perSecond / 10;
    await rig.run(100);
  }
}

test('the rate is that of the window: it rises, holds and falls with it', () => {
  const rate = new OverflowRate(20, 100);
  assert.is(rate.look(1_000), 0, 'what was before is nobody’s');
  assert.is(rate.look(1_010), 5);
  for (let look = 0; look < 18; look += 1) assert.is(rate.look(1_010), 5);
  assert.is(rate.look(1_010), 5, 'two seconds later it is the oldest');
  assert.is(rate.look(1_010), 0);
  assert.is(rate.look(3), 0, 'a counter that begins anew');
});

test('five in a second are borne; more are a storm: the socket is let drain, and it is told once', async () => {
  const calm = await CallRig.talking();
  await slowReader(calm, 4.9, 20);
  assert.equal(storms(calm), []);
  assert.is(calm.session.storming, false);
  const rig = await CallRig.talking();
  let drains = 0;
  Object.assign(rig.stream, {
    letDrain: () => {
      drains += 1;
      return 250;
    },
  });
  await slowReader(rig, 10, 5);
  assert.equal(storms(rig), [{ place: 'backend' }]);
  assert.is(rig.events.of('media.overflow-storm')[0]?.droppedMs, 250);
  assert.ok(drains >= 3 && drains <= 6, `again while it goes on: ${drains}`);
  assert.is(rig.session.storming, true);
  await rig.run(3_000);
  assert.is(rig.session.storming, false);
  await slowReader(rig, 10, 5);
  assert.is(storms(rig).length, 2, 'the next one');
});

test('one that lasts 30 s is told as an error, once, with its cause', async () => {
  const rig = await CallRig.talking();
  await slowReader(rig, 20, 60);
  assert.equal(storms(rig), [{ place: 'backend' }, { place: 'backend', cause: 'backend-slow-reader' }]);
  const last = rig.events.of('media.overflow-storm').at(-1);
  assert.ok((last?.lastedMs ?? 0) >= LIMITS.overflowPersistsMs);
});

test('playout: an agent that sends more than there is room for is cut off, and what it says next is heard', async () => {
  const rig = await CallRig.talking({ options: { playoutMaximumMs: 2_000 } });
  for (let step = 0; step < 20; step += 1) {
    rig.say('story', 400);
    await rig.run(100);
  }
  assert.equal(storms(rig), [{ place: 'playout' }]);
  assert.ok((rig.events.of('media.overflow-storm')[0]?.droppedMs ?? 0) > 1_500);
  await rig.run(3_000);
  rig.answer('next', 400);
  await rig.run(200);
  assert.ok(rig.session.snapshot().playoutMs > 100);
});

test('jitter: all but the newest frames go, and they are the newest', () => {
  const buffer = new JitterBuffer({ frameBytes: 4, frameSamples: 160, ptimeMs: 20, capacityFrames: 64 });
  for (let n = 0; n < 40; n += 1) buffer.push(new Uint8Array(4).fill(n), n, n * 160, n * 20);
  assert.is(buffer.keepNewest(3), 37);
  assert.equal(
    [0, 1, 2].map(() => buffer.pop()?.[0]),
    [37, 38, 39],
  );
  assert.is(buffer.keepNewest(3), 0);
  assert.is(buffer.droppedFrames, 37);
});

test('causes, by what else is measured', async () => {
  for (const [place, hostLagMs, perSecond, cause, held = false] of [
    ['jitter', 0, 80, 'switch-burst'],
    ['jitter', 0, 50, 'host-overloaded'],
    ['jitter', 150, 80, 'host-overloaded'],
    ['playout', 0, 50, 'agent-too-fast'],
    ['playout', 0, 50, 'agent-waits', true],
    ['playout', 150, 50, 'host-overloaded'],
    ['backend', 0, 50, 'backend-slow-reader'],
    ['backend', 101, 50, 'host-overloaded'],
  ] as const) {
    const told: Storm[] = [];
    const count = { jitter: 0, playout: 0, backend: 0, received: 0 };
    const media = {
      leg: { codec: 'pcmu', sampleRateHz: 8_000, ptimeMs: 20 },
      ptimeMs: 20,
      jitter: {
        targetMs: 20,
        keepNewest: () => 7,
        get overflowFrames() {
          return count.jitter;
        },
        get receivedFrames() {
          return count.received;
        },
      },
      held,
      announcement: { busy: false },
      playout: {
        paused: false,
        waitingMs: 900,
        get overflows() {
          return count.playout;
        },
      },
      stream: {
        inputFormat: { codec: 'pcmu', sampleRateHz: 8_000 },
        get droppedFrames() {
          return count.backend;
        },
      },
    };
    let broken = 0;
    const watch = new OverflowWatch({
      media: media as never,
      turns: { breakOff: () => (broken += 1) > 0 },
      lookMs: 100,
      hostLagMs: () => hostLagMs,
      emit: (event) => {
        if (event.type === 'media.overflow-storm') told.push(event);
      },
    });
    for (let step = 0; step < 330; step += 1) {
      count[place] += 1;
      count.received += perSecond / 10;
      watch.look(step * 100);
    }
    assert.equal(
      told.map((each) => [each.place, each.cause]),
      [
        [place, undefined],
        [place, cause],
      ],
    );
    assert.is(broken > 0, place === 'playout', 'only what overflows is dropped');
  }
});

test('what does not fit of the agent is told once a second at most, however many phrases it is of, and none of it is forgotten', async () => {
  const rig = await CallRig.talking({ options: { playoutMaximumMs: 2_000 } });
  rig.say('first', 2_000);
  for (let step = 0; step < 50; step += 1) {
    for (let each = 0; each < 4; each += 1) rig.say(`phrase-${step}-${each}`, 100);
    rig.clock.advance(10);
  }
  const told = (): number[] => {
    const events = rig.events.of('media.overflow').filter(({ place }) => place === 'playout');
    return events.map(({ droppedBytes }) => droppedBytes);
  };
  assert.is(told().length, 1, 'at the first look');
  assert.ok(told()[0]! > 0 && told()[0]! <= 8 * 11 * 400, String(told()));
  await rig.run(1_000);
  assert.is(told().length, 2);
  // Twenty seconds came on top of a full playout, which said some of it meanwhile, and had room again when the storm was broken off once.
  const sum = told().reduce((all, bytes) => all + bytes, 0);
  assert.ok(sum > 8 * (50 * 400 - 600 - 2_000) && sum <= 8 * 50 * 400, String(sum));
});

test('another stream takes the place of one that has dropped much: what it drops is told as well', async () => {
  const rig = await CallRig.talking();
  await slowReader(rig, 4, 10);
  const told = (): number => rig.events.of('media.overflow').length;
  const before = told();
  Object.defineProperty(rig.stream, 'droppedFrames', { configurable: true, get: () => 0 });
  await rig.run(200);
  let dropped = 0;
  Object.defineProperty(rig.stream, 'droppedFrames', { configurable: true, get: () => dropped });
  for (let step = 0; step < 5; step += 1) {
    dropped += 3;
    await rig.run(1_100);
  }
  assert.is(told() - before, 5);
});

test.run();

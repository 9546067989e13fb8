/** A gateway that is drained while sentences of its calls wait to be spoken: within its time, beyond it, twice, and at once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadDsp } from '../src/dsp/library.ts';
import { Gateway } from '../src/gateway.ts';
import type { SendOff } from '../src/session/send-off.ts';
import { SpeechCache } from '../src/speech/speech-cache.ts';
import { spokenBackend } from '../src/speech/spoken-backend.ts';
import type { CallLeg, SwitchAdapter } from '../src/switch/switch-adapter.ts';
import { FakeClock, settle } from './sim/fake-clock.ts';
import { FakeDspPool, FakeLeg, RecordingEvents } from './sim/fake-peers.ts';
import { ScriptedBackend } from './sim/scripted-backend.ts';
import { FakeEngine } from './speech/speech-rig.ts';
import { ALL, ONE, SOUND_BYTE, SOUND_MS, THREE, TWO, byteOf, lengthOf, speaks } from './speech/spoken-line-rig.ts';

const CALLS = 5;
const GOODBYE: SendOff = { told: { play: 'goodbye.wav' }, action: 'hangup', destination: '' };
const library = await loadDsp();

async function world(slowMs = 0) {
  const clock = new FakeClock();
  const events = new RecordingEvents();
  const engine = speaks(new FakeEngine('engine'));
  const speak = engine.onRequest;
  if (slowMs > 0) engine.onRequest = (request) => void clock.after(slowMs, () => speak(request));
  const backend = new ScriptedBackend('text', clock);
  const legs = Array.from({ length: CALLS }, (_, index) => Object.assign(new FakeLeg(), { id: `call-${index}` }));
  const adapter: SwitchAdapter = {
    ...{ kind: 'freeswitch', name: 'pbx', linkUp: true, legCount: 0 },
    start: () => Promise.resolve(),
    attach: (id) => Promise.resolve<CallLeg>(legs.find((leg) => leg.id === id)!),
    command: () => Promise.resolve(''),
    stop: () => Promise.resolve(),
  };
  const pool = new FakeDspPool(CALLS);
  const gateway = new Gateway({
    clock,
    events,
    dspPool: pool,
    adapters: [adapter],
    profiles: new Map([
      [
        'p',
        {
          backend: spokenBackend(backend, {
            engine: () => engine,
            clock,
            events,
            cache: new SpeechCache(0),
            splitter: { earlyCharacters: 0 },
            loadDspLibrary: () => Promise.resolve(library),
          }),
          fallbacks: [],
          options: { reconnect: { holdSound: 'none' } },
        },
      ],
    ]),
    sounds: {
      sound: () => Promise.resolve({ audio: new Uint8Array(SOUND_MS * 8).fill(SOUND_BYTE), cached: false }),
      speech: () => Promise.reject(new Error('nobody asks')),
      dspLibrary: () => Promise.resolve(library),
    },
    sendOff: GOODBYE,
    version: 'test',
  });
  await gateway.open();
  for (const leg of legs) await gateway.startCall(leg.id, 'p');
  for (const { sink } of backend.streams) {
    sink.onResponseStarted('r1');
    sink.onTranscript('agent', ALL, true);
    sink.onResponseDone('r1', 'completed');
  }
  const heardOf = ({ transport }: FakeLeg, byte: number): number =>
    transport.sent.reduce((sum, { payload }) => sum + payload.filter((each) => each === byte).length / 8, 0);
  return {
    ...{ clock, events, engine, backend, legs, gateway, pool },
    async run(ms: number): Promise<void> {
      for (let passedMs = 0; passedMs < ms; passedMs += 20) {
        for (const { transport } of legs) transport.receive(clock.nowMs());
        clock.advance(20);
        await settle();
      }
    },
    whole(leg: FakeLeg, ...texts: string[]): void {
      for (const text of texts) assert.is(heardOf(leg, byteOf(text)), lengthOf(text), text);
    },
    told: (leg: FakeLeg): number => heardOf(leg, SOUND_BYTE),
    reasons: (): string[] => events.of('call.ended').map(({ reason }) => reason),
    async nothingLeft(): Promise<void> {
      await gateway.close();
      clock.advance(2_000);
      await settle();
      assert.equal(
        { open: engine.open, chains: pool.inUse, timers: clock.pending, calls: gateway.callCount },
        { open: 0, chains: 0, timers: 0, calls: 0 },
      );
      assert.ok(backend.streams.every(({ open }) => !open));
    },
  };
}

test('time that is shorter than what is left to be said: all of it is said, then the goodbye is over', async () => {
  const { gateway, ...rest } = await world(700);
  await rest.run(200);
  assert.is(gateway.drain(0), CALLS);
  await rest.run(12_000);
  for (const leg of rest.legs) {
    rest.whole(leg, ONE, TWO, THREE);
    assert.is(rest.told(leg), SOUND_MS);
    assert.is(leg.hangups.length, 1);
  }
  assert.equal(rest.reasons(), Array(CALLS).fill('drained'));
  await rest.nothingLeft();
});

test('time that is longer: calls that end by themselves are told nothing, and the others are when it is over', async () => {
  const { gateway, ...rest } = await world();
  await rest.run(200);
  gateway.drain(8);
  rest.legs[0]!.listener?.onHangup(16);
  await rest.run(7_000);
  for (const leg of rest.legs.slice(1)) rest.whole(leg, ONE, TWO, THREE);
  assert.is(gateway.callCount, CALLS - 1);
  await rest.run(4_000);
  assert.equal(rest.legs.map(rest.told), [0, ...Array<number>(CALLS - 1).fill(SOUND_MS)]);
  assert.equal(rest.reasons(), ['hangup', ...Array<string>(CALLS - 1).fill('drained')]);
  await rest.nothingLeft();
});

test('drained twice, the second time at once: one goodbye, all is said', async () => {
  const { gateway, ...rest } = await world(700);
  await rest.run(200);
  gateway.drain(60);
  await rest.run(300);
  gateway.drain(0);
  gateway.drain(0);
  await rest.run(12_000);
  for (const leg of rest.legs) {
    rest.whole(leg, ONE, TWO, THREE);
    assert.is(rest.told(leg), SOUND_MS);
  }
  assert.equal(rest.reasons(), Array(CALLS).fill('drained'));
  await rest.nothingLeft();
});

test('closed in the middle of the goodbye, with an engine that hangs: at once, and nothing is left', async () => {
  const { gateway, ...rest } = await world();
  rest.engine.onRequest = () => undefined;
  await rest.run(3_000);
  gateway.drain(0);
  await rest.run(300);
  const closed = gateway.close();
  await rest.run(100);
  await closed;
  assert.equal(rest.reasons(), Array(CALLS).fill('drained'));
  await rest.nothingLeft();
});

test.run();

/** Orders of operators as they are carried out on a call, and what the operator is told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { carryOutOrder } from '../src/call-orders.ts';
import type { CallOrderParts, SoundSource } from '../src/call-orders.ts';
import type { OrderCommand } from '../src/commands/command.ts';
import { TalkspurtError, hasCode } from '../src/core/errors.ts';
import type { ErrorCode } from '../src/core/errors.ts';
import { loadDsp } from '../src/dsp/library.ts';
import { sessionHealth } from '../src/observe/health.ts';
import type { RememberedOrders } from '../src/switch/switch-adapter.ts';
import { CallRig } from './sim/call-rig.ts';
import { settle } from './sim/fake-clock.ts';
import { FakeBackend, FakeStream, Gate } from './sim/fake-peers.ts';

const dsp = await loadDsp();
const refusal = new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'the link is down');

/** Speech that was said before is cached. */
class FakeSounds implements SoundSource {
  readonly #said = new Set<string>();
  sound: SoundSource['sound'] = () => Promise.resolve({ audio: new Uint8Array(160), cached: false });
  speech(text: string): Promise<{ audio: Uint8Array; cached: boolean }> {
    const cached = this.#said.has(text);
    this.#said.add(text);
    return Promise.resolve({ audio: new Uint8Array(160), cached });
  }
  dspLibrary = (): Promise<typeof dsp> => Promise.resolve(dsp);
}

type Order = OrderCommand extends infer O ? (O extends OrderCommand ? Omit<O, 'uuid'> : never) : never;

function ordering(rig: CallRig, more: Partial<CallOrderParts> = {}): (order: Order) => Promise<string | null> {
  const parts: CallOrderParts = {
    clock: rig.clock,
    sounds: new FakeSounds(),
    recordings: null,
    backendFor: () => new FakeBackend(),
    ...more,
  };
  return async (order) => await carryOutOrder(rig.session, { ...order, uuid: 'a1b2' }, parts);
}

async function refused(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await work.then(
    () => assert.unreachable('nothing was refused'),
    (error: unknown) => assert.ok(hasCode(error, code), String(error)),
  );
}

/** A leg whose switch can remember. */
function remembering(rig: CallRig): [string, RememberedOrders][] {
  const told: [string, RememberedOrders][] = [];
  Object.assign(rig.leg, {
    remember: (profile: string, standing: RememberedOrders) => {
      told.push([profile, standing]);
      return Promise.resolve();
    },
  });
  return told;
}

test('mask: the switch is told to remember it beside the voice, and to forget it', async () => {
  const rig = await CallRig.talking();
  const told = remembering(rig);
  const order = ordering(rig);
  assert.is(await order({ verb: 'mask', on: true }), null);
  assert.is(await order({ verb: 'mask', on: false }), null);
  assert.equal(told, [
    ['default', { masked: true }],
    ['default', { masked: false }],
  ]);
});

test('mask: a switch that does not remember it leaves the call masked, and the operator is told', async () => {
  const rig = await CallRig.talking();
  Object.assign(rig.leg, { remember: () => Promise.reject(refusal) });
  assert.match((await ordering(rig)({ verb: 'mask', on: true })) ?? '', /restart/);
  assert.equal(rig.session.snapshot().orders, ['mask']);
});

test('a call that is taken up masked begins masked, before there is audio', async () => {
  const rig = new CallRig({ masked: true });
  const opening = new Gate<never>();
  void Promise.allSettled([opening.promise]);
  rig.backend.onOpen = () => opening.promise;
  const starting = rig.session.start();
  await settle();
  rig.leg.listener?.onDigit('4', 100);
  assert.is(rig.events.of('dtmf').length, 0);
  opening.open(rig.stream as never);
  await starting;
  rig.backend.sink?.onTranscript('caller', '4111', true);
  assert.is(rig.events.of('transcript').length, 0);
  assert.equal(rig.session.snapshot().orders, ['mask']);
});

test('switch: the backend is made for this call, and a sound plays on', async () => {
  const rig = await CallRig.talking();
  const next = new FakeBackend(new FakeStream({ format: { codec: 'l16', sampleRateHz: 16_000 } }));
  const asked: unknown[] = [];
  const order = ordering(rig, {
    backendFor: (leg, name) => {
      asked.push(leg, name);
      return next;
    },
  });
  const { controls } = rig.session;
  controls.play(new Uint8Array(8_000), controls.soundFormat);
  await order({ verb: 'switch', backend: 'other' });
  assert.equal(asked, [rig.leg, 'other']);
  assert.ok(next.sink !== null);
  assert.is(Math.round(controls.sounds.waitingMs), 1_000);
});

test('whisper after a stop that is not answered yet is refused, and the switch is told nothing', async () => {
  const rig = await CallRig.talking();
  const whispers: string[] = [];
  Object.assign(rig.leg, {
    setWhisper: (to: string) => {
      whispers.push(to);
      return Promise.resolve();
    },
  });
  const order = ordering(rig);
  await order({ verb: 'whisper', to: 'both' });
  const releasing = new Gate<void>();
  rig.leg.onRelease = () => releasing.promise;
  const stopping = rig.session.stop('stopped');
  await refused(order({ verb: 'whisper', to: 'caller' }), 'ERR_TALKSPURT_NOT_RUNNING');
  assert.equal(whispers, ['both']);
  releasing.open();
  await stopping;
});

test('whisper that a stop overtakes: the operator is not told that it was done, nor kept waiting', async () => {
  const rig = await CallRig.talking();
  const changing = new Gate<void>();
  Object.assign(rig.leg, { setWhisper: () => changing.promise });
  const order = ordering(rig);
  const slow = refused(order({ verb: 'whisper', to: 'caller' }), 'ERR_TALKSPURT_CALL_GONE');
  const releasing = new Gate<void>();
  rig.leg.onRelease = () => releasing.promise;
  const stopping = rig.session.stop('stopped');
  changing.open();
  await slow;
  releasing.open();
  await stopping;

  const other = await CallRig.talking();
  Object.assign(other.leg, { setWhisper: () => new Promise(() => undefined) });
  const hanging = refused(ordering(other)({ verb: 'whisper', to: 'caller' }), 'ERR_TALKSPURT_CALL_GONE');
  await other.session.stop('stopped');
  await hanging;
});

test('say in our own voice counts what was there already; health shows it', async () => {
  const rig = await CallRig.talking({ options: { speechCache: true } });
  const order = ordering(rig);
  const shown = (): number | null => sessionHealth(rig.session.snapshot()).ai.tts_cache_hit_pct;
  assert.is(shown(), null);
  await order({ verb: 'say', text: 'hello' });
  assert.is(shown(), 0);
  for (let each = 0; each < 3; each += 1) await order({ verb: 'say', text: 'hello' });
  assert.is(shown(), 75);

  const uncached = await CallRig.talking({ options: { speechCache: false } });
  await ordering(uncached)({ verb: 'say', text: 'hello' });
  assert.is(sessionHealth(uncached.session.snapshot()).ai.tts_cache_hit_pct, null);
});

test('record: only where it is configured, for as long as it is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'talkspurt-'));
  try {
    const rig = await CallRig.talking();
    await refused(ordering(rig)({ verb: 'record', on: true }), 'ERR_TALKSPURT_NOT_SUPPORTED');
    const order = ordering(rig, { recordings: { directory, maximumMs: 200 } });
    assert.match((await order({ verb: 'record', on: true })) ?? '', /call-1-.*\.wav$/);
    await rig.run(600);
    while (rig.session.controls.recording !== null) await new Promise((resolve) => setImmediate(resolve));
    assert.is(rig.events.of('recording').at(-1)?.reason, 'limit');
    await refused(order({ verb: 'record', on: false }), 'ERR_TALKSPURT_NOT_RUNNING');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.run();

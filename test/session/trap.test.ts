/** A trap of one call's signal chain, over real instances: that call ends, the one beside it goes on, and the instance is as new. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Dsp, DspPool } from '../../src/dsp/dsp.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import { Session } from '../../src/session/session.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { FakeBackend, FakeLeg, FakeStream, RecordingEvents } from '../sim/fake-peers.ts';

/** A module of one function, which is `unreachable`: what a defect of the chain ends in. */
const TRAP = new WebAssembly.Instance(
  new WebAssembly.Module(
    Uint8Array.of(
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 4, 1, 0x60, 0, 0],
      ...[3, 2, 1, 0],
      ...[7, 5, 1, 1, 0x74, 0, 0],
      ...[10, 5, 1, 3, 0, 0, 0x0b],
    ),
  ),
).exports['t'] as () => void;

/** A pool whose first chain traps in the middle of a frame once `armed`. */
class TrappingPool implements DspPool {
  armed = false;
  readonly #pool: WasmDspPool;
  readonly #lent = new Map<Dsp, Dsp>();

  constructor(pool: WasmDspPool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#pool.size;
  }

  get inUse(): number {
    return this.#pool.inUse;
  }

  acquire(options: Parameters<DspPool['acquire']>[0]): Dsp {
    const dsp = this.#pool.acquire(options);
    if (this.#lent.size > 0) return dsp;
    const faulty = new Proxy(dsp, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown => {
          const result: unknown = Reflect.apply(value, target, given);
          if (this.armed && key === 'capture') TRAP();
          return result;
        };
      },
      set: (target, key, value) => Reflect.set(target, key, value, target),
    });
    this.#lent.set(faulty, dsp);
    return faulty;
  }

  release(dsp: Dsp): void {
    this.#pool.release(this.#lent.get(dsp) ?? dsp);
  }
}

/** Two calls on one pool, of which the first traps after 200 ms or does not; 200 ms later. */
async function twoCalls(
  pool: TrappingPool,
  traps: boolean,
): Promise<{ trapped: Call; other: Call; stop(): Promise<void> }> {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const [trapped, other] = [1, 2].map((n): Call => {
    const leg = new FakeLeg();
    const backend = new FakeBackend(new FakeStream({ detectsTurns: false }));
    const session = new Session({
      ...{ callId: `call-${n}`, profile: 'default', leg, backend, dspPool: pool, scheduler, clock },
      events: new RecordingEvents(),
      masked: false,
    });
    return { leg, session };
  }) as [Call, Call];
  for (const { session } of [trapped, other]) await session.start();
  for (let tick = 0; tick < 20; tick += 1) {
    if (tick === 10) pool.armed = traps;
    for (const { leg } of [trapped, other]) leg.transport.receive(clock.nowMs());
    clock.advance(20);
    await settle();
  }
  const stop = async (): Promise<void> => {
    for (const { session } of [trapped, other]) await session.stop('stopped');
  };
  return { trapped, other, stop };
}

interface Call {
  readonly leg: FakeLeg;
  readonly session: Session;
}

test('a trap in a tick ends its own call; the other one is sent every frame, and the instance serves again', async () => {
  const real = await WasmDspPool.create({ size: 2 });
  const well = await twoCalls(new TrappingPool(real), false);
  assert.is(well.trapped.session.state, 'talking');
  await well.stop();
  const { trapped, other, stop } = await twoCalls(new TrappingPool(real), true);
  assert.is(trapped.session.state, 'ended');
  const end = await trapped.session.ended;
  assert.is(end.error?.code, 'ERR_TALKSPURT_DSP_TRAP');
  assert.instance(end.error?.cause, WebAssembly.RuntimeError);
  assert.is(other.session.state, 'talking');
  assert.ok(well.other.leg.transport.sent.length >= 15);
  assert.equal(other.leg.transport.sent, well.other.leg.transport.sent, 'as if nothing had happened');
  // What trapped is given back, as new.
  assert.is(real.inUse, 1);
  const format = trapped.leg.transport.format;
  const options = { leg: format, backendInput: format, backendOutput: format };
  const again = real.acquire(options);
  const fresh = (await WasmDspPool.create({ size: 1 })).acquire(options);
  const voice = Uint8Array.from({ length: 160 }, (_, n) => (n * 37) & 0xff);
  assert.equal(again.capture(voice), fresh.capture(voice));
  assert.is(again.speechProbability, fresh.speechProbability);
  await stop();
});

test.run();

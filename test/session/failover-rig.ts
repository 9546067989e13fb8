/** One call between fake edges, with a list of scripted backends, whose caller's frames are numbered. */
import type { Backend } from '../../src/backend/backend.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { frameBytes } from '../../src/core/media.ts';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import { Session } from '../../src/session/session.ts';
import type { GivenOptions, SessionEnd } from '../../src/session/session.ts';
import type { SessionSounds } from '../../src/session/session-parts.ts';
import type { WatchdogOptions } from '../../src/session/watch-options.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { FakeDspPool, FakeLeg, PCMU_LEG, RecordingEvents } from '../sim/fake-peers.ts';
import { ScriptedBackend } from '../sim/scripted-backend.ts';
import type { ScriptedStream } from '../sim/scripted-backend.ts';

const PTIME_MS = 20;

export class FailoverRig {
  readonly clock: FakeClock;
  readonly leg = new FakeLeg();
  readonly pool = new FakeDspPool(1);
  readonly events = new RecordingEvents();
  readonly scheduler: MediaScheduler;
  readonly backends: ScriptedBackend[];
  readonly session: Session;
  end: SessionEnd | null = null;
  /** Frames of the caller that were captured. */
  captured = 0;

  constructor(
    given: {
      clock?: FakeClock;
      options?: GivenOptions;
      names?: readonly string[];
      formats?: readonly AudioFormat[];
      detectsTurns?: boolean;
      sounds?: SessionSounds;
      watchdogs?: WatchdogOptions;
      /** What the call is given in the place of each. */
      guard?: (backend: ScriptedBackend, clock: FakeClock) => Backend;
    } = {},
  ) {
    this.clock = given.clock ?? new FakeClock();
    this.scheduler = new MediaScheduler({ clock: this.clock });
    const { names = ['a'], formats = [], detectsTurns = false } = given;
    this.backends = names.map(
      (name, index) => new ScriptedBackend(name, this.clock, { format: formats[index] ?? PCMU_LEG, detectsTurns }),
    );
    const { guard = (each: ScriptedBackend): Backend => each } = given;
    const [backend, ...fallbacks] = this.backends.map((each) => guard(each, this.clock));
    if (backend === undefined) throw new Error('a call needs a backend');
    this.session = new Session({
      callId: 'call-1',
      profile: 'default',
      leg: this.leg,
      backend,
      fallbacks,
      dspPool: this.pool,
      scheduler: this.scheduler,
      clock: this.clock,
      events: this.events,
      ...(given.options === undefined ? {} : { options: given.options }),
      ...(given.sounds === undefined ? {} : { sounds: given.sounds }),
      ...(given.watchdogs === undefined ? {} : { watchdogs: given.watchdogs }),
    });
    void this.session.ended.then((end) => (this.end = end));
  }

  /** A call that talks. */
  static async talking(given: ConstructorParameters<typeof FailoverRig>[0] = {}): Promise<FailoverRig> {
    const rig = new FailoverRig(given);
    await rig.session.start();
    rig.#number();
    return rig;
  }

  /** The only backend, or the first. */
  get a(): ScriptedBackend {
    return this.backends[0]!;
  }

  get b(): ScriptedBackend {
    return this.backends[1]!;
  }

  /** Every stream of every backend. */
  get streams(): ScriptedStream[] {
    return this.backends.flatMap(({ streams }) => streams);
  }

  /** Streams that are open: all but one are a leak. */
  get open(): ScriptedStream[] {
    return this.streams.filter(({ open }) => open);
  }

  /** `ms` pass; `probability` is what the detector says of the caller's frames. */
  async run(ms: number, probability = 0): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += PTIME_MS) {
      this.pool.dsp.speechProbability = probability;
      this.clock.advance(PTIME_MS - 2);
      this.leg.transport.receive(this.clock.nowMs());
      this.clock.advance(2);
      await settle();
    }
  }

  /** The caller speaks, and has finished. */
  async callerTurn(ms = 400): Promise<void> {
    await this.run(ms, 0.9);
    await this.run(700, 0);
  }

  /** The numbers of the caller's frames that a stream was given. */
  static numbers({ heard }: ScriptedStream): number[] {
    return heard.map(({ frame }) => (frame[0] ?? 0) + 256 * (frame[1] ?? 0));
  }

  /** The first byte of each frame that the caller was sent. */
  get said(): number[] {
    return this.leg.transport.sent.map(({ payload }) => payload[0] ?? 0);
  }

  /** What is left when the call is over. */
  leftovers(): { timers: number; streams: number; chains: number } {
    // The scheduler lets a removed call go at its next slot.
    this.clock.advance(60);
    return { timers: this.clock.pending, streams: this.open.length, chains: this.pool.inUse };
  }

  /** Each frame that the chain makes of the caller bears its number. */
  #number(): void {
    const { dsp } = this.pool;
    dsp.capture = () => {
      const { backendInput } = dsp.options!;
      const frame = new Uint8Array(frameBytes({ ...backendInput, ptimeMs: PTIME_MS }));
      frame[0] = this.captured & 0xff;
      frame[1] = this.captured >> 8;
      this.captured += 1;
      return frame;
    };
  }
}

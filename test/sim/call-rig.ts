/** One call between fake edges, on a fake clock. */
import type { Backend } from '../../src/backend/backend.ts';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import type { SessionSounds } from '../../src/session/session-parts.ts';
import { Session } from '../../src/session/session.ts';
import type { GivenOptions, SessionEnd } from '../../src/session/session.ts';
import type { WatchdogOptions } from '../../src/session/watch-options.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { FakeBackend, FakeDspPool, FakeLeg, FakeStream, RecordingEvents } from './fake-peers.ts';

/** How long before its tick a packet comes, ms. */
const BEFORE_TICK_MS = 2;

export class CallRig {
  readonly clock = new FakeClock();
  readonly leg: FakeLeg;
  readonly backend: FakeBackend;
  readonly pool: FakeDspPool;
  readonly events = new RecordingEvents();
  readonly scheduler = new MediaScheduler({ clock: this.clock });
  readonly session: Session;
  /** How it ended; null while it has not. */
  end: SessionEnd | null = null;
  /** Whether the caller's packets come. */
  callerSends = true;

  constructor(
    given: {
      options?: GivenOptions;
      detectsTurns?: boolean;
      poolSize?: number;
      leg?: MediaFormat;
      format?: AudioFormat;
      masked?: boolean;
      /** What the session is given in place of the fake backend. */
      wrap?: (backend: FakeBackend, clock: FakeClock, events: RecordingEvents) => Backend;
      watchdogs?: WatchdogOptions;
      sounds?: SessionSounds;
    } = {},
  ) {
    this.leg = new FakeLeg(given.leg);
    const format = given.format === undefined ? {} : { format: given.format };
    this.backend = new FakeBackend(new FakeStream({ detectsTurns: given.detectsTurns ?? false, ...format }));
    this.pool = new FakeDspPool(given.poolSize ?? 1);
    this.session = new Session({
      callId: 'call-1',
      profile: 'default',
      leg: this.leg,
      backend: given.wrap?.(this.backend, this.clock, this.events) ?? this.backend,
      dspPool: this.pool,
      scheduler: this.scheduler,
      clock: this.clock,
      events: this.events,
      ...(given.options === undefined ? {} : { options: given.options }),
      masked: given.masked ?? false,
      ...(given.watchdogs === undefined ? {} : { watchdogs: given.watchdogs }),
      ...(given.sounds === undefined ? {} : { sounds: given.sounds }),
    });
    void this.session.ended.then((end) => (this.end = end));
  }

  get stream(): FakeStream {
    return this.backend.stream;
  }

  /** A call that talks. */
  static async talking(given: ConstructorParameters<typeof CallRig>[0] = {}): Promise<CallRig> {
    const rig = new CallRig(given);
    await rig.session.start();
    return rig;
  }

  /**
   * `ms` pass, in which the caller's packets come and `probability` is what the detector says of them. They come just
   * before the tick, where the tick follows them to: the call's phase stays as it is.
   */
  async run(ms: number, probability = 0): Promise<void> {
    const { ptimeMs } = this.leg.transport.format;
    for (let passedMs = 0; passedMs < ms; passedMs += ptimeMs) {
      this.pool.dsp.speechProbability = probability;
      this.clock.advance(ptimeMs - BEFORE_TICK_MS);
      if (this.callerSends) this.leg.transport.receive(this.clock.nowMs());
      this.clock.advance(BEFORE_TICK_MS);
    }
    await settle();
  }

  /** `ms` of agent audio come at once, every byte `value`. */
  say(itemId: string, ms: number, value = 0x20): void {
    const { sampleRateHz, codec } = this.stream.outputFormat;
    const bytes = ms * (sampleRateHz / 1000) * (codec === 'l16' ? 2 : 1);
    this.backend.sink?.onAudio(new Uint8Array(bytes).fill(value), itemId);
  }

  /** A whole answer, of one phrase. */
  answer(itemId: string, ms: number, value = 0x20): void {
    this.backend.sink?.onResponseStarted(`response-${itemId}`);
    this.say(itemId, ms, value);
    this.backend.sink?.onAudioDone(itemId);
    this.backend.sink?.onResponseDone(`response-${itemId}`, 'completed');
  }

  /** The states of the turn that were entered since the start. */
  get turnStates(): string[] {
    return this.events.of('turn.state').map(({ state }) => state);
  }
}

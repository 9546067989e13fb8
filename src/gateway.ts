/**
 * The gateway: switches on one side, backends on the other, and the table of calls between them. Everything it uses is
 * handed to it; `gateway-from-config.ts` builds one from a configuration.
 */
import type { Backend } from './backend/backend.ts';
import { dispatch } from './commands/dispatch.ts';
import type { CallSummary, CommandTarget, StartTarget } from './commands/dispatch.ts';
import type { Clock } from './core/clock.ts';
import { delay } from './core/clock.ts';
import { TalkspurtError, hasCode } from './core/errors.ts';
import type { EndReason, EventSink, ProcessEvent } from './core/events.ts';
import type { DspPool } from './dsp/dsp.ts';
import { globalHealth, sessionHealth } from './observe/health.ts';
import type { GatewaySnapshot, GlobalHealthJson, SessionHealthJson, SessionSnapshot } from './observe/health.ts';
import { MediaScheduler } from './session/media-scheduler.ts';
import { SessionTable } from './session/session-table.ts';
import { Session } from './session/session.ts';
import type { SessionOptions } from './session/session.ts';
import type { CallLeg, SwitchAdapter, SwitchSink } from './switch/switch-adapter.ts';

/** What a call is given when it starts under a profile's name. */
export interface GatewayProfile {
  readonly backend: Backend;
  readonly options?: Partial<SessionOptions>;
}

/** What a gateway is made of; it owns the adapters, not the pool. */
export interface GatewayOptions {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly dspPool: DspPool;
  readonly adapters: readonly SwitchAdapter[];
  readonly profiles: ReadonlyMap<string, GatewayProfile>;
  /** Calls at once; more are refused with ERR_TALKSPURT_CALL_LIMIT. Default: the size of the DSP pool. */
  readonly callLimit?: number;
  readonly version: string;
  /** Is shown the counters of every call that has ended. */
  onCallEnded?(snapshot: SessionSnapshot): void;
}

/** Period at which a drain looks whether the last call has gone, ms. */
const DRAIN_POLL_MS = 100;

/** Calls in, AI voices out. Also what commands act on, and what switches hand calls to. */
export class Gateway implements CommandTarget, SwitchSink {
  readonly #options: GatewayOptions;
  readonly #scheduler: MediaScheduler;
  readonly #calls: SessionTable;
  /** Channels that are being attached: a second start of the same one is refused at once. */
  readonly #attaching = new Map<string, AbortController>();
  readonly #startedMs: number;
  #draining = false;
  #created = 0;
  #destroyed = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
    this.#scheduler = new MediaScheduler({ clock: options.clock });
    this.#calls = new SessionTable(Math.min(options.callLimit ?? options.dspPool.size, options.dspPool.size));
  }

  /** Calls that are up or coming up. */
  get callCount(): number {
    return this.#calls.size + this.#attaching.size;
  }

  get profileNames(): readonly string[] {
    return [...this.#options.profiles.keys()];
  }

  /** Dials every switch; resolves when each first attempt is decided, whether or not the link is up. */
  async open(): Promise<void> {
    await Promise.all(this.#options.adapters.map((adapter) => adapter.start(this)));
    this.#emit({ type: 'ready', version: this.#options.version });
  }

  /**
   * Gives the channel `channelId` an AI voice; resolves when the two can talk.
   * @throws ERR_TALKSPURT_ALREADY_RUNNING, _DRAINING, _CALL_LIMIT, _UNKNOWN_PROFILE, _UNKNOWN_CALL, and whatever the
   * leg, the backend or the chain refuse with; nothing is left behind then.
   */
  async startCall(channelId: string, profileName: string): Promise<Session> {
    const profile = this.#admit(channelId, profileName);
    const cancel = new AbortController();
    this.#attaching.set(channelId, cancel);
    let session: Session;
    try {
      const leg = await this.#attach(channelId, cancel.signal);
      try {
        cancel.signal.throwIfAborted();
        session = this.#register(leg, profileName, profile);
      } catch (error) {
        await leg.release();
        throw error;
      }
    } finally {
      this.#attaching.delete(channelId);
    }
    await session.start();
    return session;
  }

  /** The session of a channel, or undefined. */
  session(channelId: string): Session | undefined {
    return this.#calls.get(channelId);
  }

  /** One line of the `uuid_audio_stream` grammar, from any front. Never rejects: errors are `-ERR …` replies. */
  async command(line: string, front = 'library'): Promise<string> {
    const { reply, verb, ok } = await dispatch(line, this);
    this.#emit({ type: 'command', front, verb, ok });
    return reply;
  }

  async start(uuid: string, target: StartTarget): Promise<void> {
    if (target.kind === 'url') {
      throw new TalkspurtError(
        'ERR_TALKSPURT_UNKNOWN_PROFILE',
        `name a profile (${this.profileNames.join(', ')}): streaming to a WebSocket of your own is not offered yet`,
      );
    }
    await this.startCall(uuid, target.name);
  }

  /** Takes our part out of a call and leaves the channel to the switch. @throws ERR_TALKSPURT_NOT_RUNNING */
  async stop(uuid: string): Promise<void> {
    const attaching = this.#attaching.get(uuid);
    attaching?.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call was stopped before it could talk'));
    if (attaching === undefined) await this.#running(uuid).stop('stopped');
  }

  /** @throws ERR_TALKSPURT_NOT_RUNNING */
  health(uuid: string): SessionHealthJson {
    return sessionHealth(this.#running(uuid).snapshot());
  }

  globalHealth(): GlobalHealthJson {
    return globalHealth(this.snapshot());
  }

  /** Health of every call, oldest first. */
  calls(): SessionHealthJson[] {
    return [...this.#calls.all()].map((session) => sessionHealth(session.snapshot()));
  }

  list(): CallSummary[] {
    return [...this.#calls.all()].map((session) => {
      const { callId: uuid, switchName, profile, state, uptimeMs } = session.snapshot();
      return { uuid, switchName, profile, state, uptimeMs };
    });
  }

  version(): string {
    return this.#options.version;
  }

  /** Why no call could be taken right now; empty when one could. */
  notReady(): string[] {
    const down = this.#options.adapters
      .filter((adapter) => !adapter.linkUp)
      .map((adapter) => `switch ${adapter.name} is not connected`);
    const reasons = down.length > 0 && down.length === this.#options.adapters.length ? down : [];
    if (this.#draining) reasons.push('draining');
    if (this.callCount >= this.#calls.limit) reasons.push('all calls are in use');
    return reasons;
  }

  snapshot(): GatewaySnapshot {
    const { clock, version, adapters } = this.#options;
    return {
      sessions: [...this.#calls.all()].map((session) => session.snapshot()),
      created: this.#created,
      destroyed: this.#destroyed,
      uptimeMs: clock.nowMs() - this.#startedMs,
      version,
      draining: this.#draining,
      callLimit: this.#calls.limit,
      links: adapters.map(({ name, kind, linkUp: up }) => ({ name, kind, up })),
    };
  }

  /** Takes no new call and waits for the ones that are up, `withinMs` at the most. Resolves to how many are left. */
  async drain(withinMs: number): Promise<number> {
    this.#draining = true;
    this.#emit({ type: 'draining', calls: this.callCount });
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + withinMs;
    while (this.callCount > 0 && clock.nowMs() < untilMs) await delay(clock, DRAIN_POLL_MS);
    return this.callCount;
  }

  /** Ends our part in every call and every link. Twice is harmless. */
  async close(reason: EndReason = 'drained'): Promise<void> {
    this.#draining = true;
    for (const attaching of this.#attaching.values()) {
      attaching.abort(new TalkspurtError('ERR_TALKSPURT_DRAINING', 'the gateway is stopping'));
    }
    await Promise.all([...this.#calls.all()].map((session) => session.stop(reason)));
    await Promise.all(this.#options.adapters.map((adapter) => adapter.stop()));
    this.#scheduler.stop();
    this.#emit({ type: 'stopped' });
  }

  onCall(leg: CallLeg, profileName: string): void {
    void this.#adopt(leg, profileName);
  }

  onLinkDown(): void {
    // Calls go on: their audio does not pass through the link. What they need of it fails with ERR_TALKSPURT_LINK_DOWN.
  }

  onLinkUp(): void {
    // The adapter has told the legs whose channels are gone.
  }

  /** A leg that the switch itself handed over. */
  async #adopt(leg: CallLeg, profileName: string): Promise<void> {
    try {
      const profile = this.#admit(leg.id, profileName);
      await this.#register(leg, profileName, profile).start();
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      // A session that failed has reported it and let the leg go; one that was never made has not.
      if (this.#calls.get(leg.id) === undefined) await leg.release();
    }
  }

  #admit(channelId: string, profileName: string): GatewayProfile {
    if (this.#draining)
      throw new TalkspurtError('ERR_TALKSPURT_DRAINING', 'no new call is taken: the gateway is stopping');
    if (this.#attaching.has(channelId) || this.#calls.get(channelId) !== undefined) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call already has a voice: stop it first');
    }
    if (this.callCount >= this.#calls.limit) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_CALL_LIMIT',
        `all ${this.#calls.limit} calls are in use: raise limits.calls, or try later`,
      );
    }
    const profile = this.#options.profiles.get(profileName);
    if (profile !== undefined) return profile;
    throw new TalkspurtError(
      'ERR_TALKSPURT_UNKNOWN_PROFILE',
      `there is no such profile: use one of ${this.profileNames.join(', ')}`,
    );
  }

  /** The channel on whichever switch has it. */
  async #attach(channelId: string, signal: AbortSignal): Promise<CallLeg> {
    const { adapters } = this.#options;
    let refusal: unknown = new TalkspurtError(
      'ERR_TALKSPURT_UNKNOWN_CALL',
      'no switch is configured: name one under switches',
    );
    for (const adapter of adapters) {
      try {
        return await adapter.attach(channelId, signal);
      } catch (error) {
        // A switch that has the channel and refuses it says more than one that does not know it.
        if (!hasCode(error, 'ERR_TALKSPURT_UNKNOWN_CALL') && !hasCode(error, 'ERR_TALKSPURT_LINK_DOWN')) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  #register(leg: CallLeg, profileName: string, profile: GatewayProfile): Session {
    const { clock, events, dspPool } = this.#options;
    const session = new Session({
      callId: leg.id,
      profile: profileName,
      leg,
      backend: profile.backend,
      dspPool,
      scheduler: this.#scheduler,
      clock,
      events,
      ...(profile.options === undefined ? {} : { options: profile.options }),
    });
    this.#calls.add(session);
    this.#created += 1;
    void session.ended.then(() => {
      this.#calls.remove(session);
      this.#destroyed += 1;
      this.#options.onCallEnded?.(session.snapshot());
    });
    return session;
  }

  #running(uuid: string): Session {
    const session = this.#calls.get(uuid);
    if (session !== undefined) return session;
    throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'this call has no voice: start it first');
  }

  #emit(event: ProcessEvent): void {
    this.#options.events.emit({ ...event, atMs: this.#options.clock.nowMs() });
  }
}

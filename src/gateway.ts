/**
 * The gateway: switches on one side, backends on the other, and the table of calls between them. Everything it uses is
 * handed to it; `gateway-from-config.ts` builds one from a configuration.
 */
import type { Backend } from './backend/backend.ts';
import { carryOutOrder } from './call-orders.ts';
import { rememberVoice } from './call-memory.ts';
import { CallPlanner, DEFAULT_START } from './call-planner.ts';
import type { GatewayBackend, GatewayProfile } from './call-planner.ts';
import { dispatch } from './commands/dispatch.ts';
import type { CallSummary, CommandTarget, OrderCommand, StartOptions, StartTarget } from './commands/dispatch.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from './core/errors.ts';
import type { EndReason, ProcessEvent } from './core/events.ts';
import { admitCall } from './gateway-admission.ts';
import type { CallStanding } from './gateway-admission.ts';
import { DrainWatch } from './gateway-drain.ts';
import type { CallLoad } from './gateway-load.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { DialledPlaces } from './gateway-places.ts';
import { diverted, letGo } from './gateway-refusal.ts';
import { notReadyReasons } from './gateway-readiness.ts';
import { attachOn, linksOf, originateOn, resourcesOf } from './gateway-switches.ts';
import { globalHealth, sessionHealth } from './observe/health.ts';
import type { GatewaySnapshot, GlobalHealthJson, SessionHealthJson } from './observe/health.ts';
import { MediaScheduler } from './session/media-scheduler.ts';
import { SessionTable } from './session/session-table.ts';
import { Session } from './session/session.ts';
import { ORIGINATE_RING_S } from './switch/switch-adapter.ts';
import type { CallLeg, OriginateRequest, RememberedOrders, SwitchSink } from './switch/switch-adapter.ts';

export type { GatewayBackend, GatewayProfile } from './call-planner.ts';
export type { GatewayOptions } from './gateway-options.ts';

const DRAIN_MS = 5_000;

/** A channel on its way to being a call. `done` never rejects. */
interface Attaching {
  readonly cancel: AbortController;
  readonly done: Promise<unknown>;
}

/** Calls in, AI voices out. Also what commands act on, and what switches hand calls to. */
export class Gateway implements CommandTarget, SwitchSink {
  readonly #options: GatewayOptions;
  readonly #scheduler: MediaScheduler;
  readonly #calls: SessionTable;
  /** Channels that are being attached: a second start of the same one is refused at once. */
  readonly #attaching = new Map<string, Attaching>();
  readonly #places: DialledPlaces;
  readonly #startedMs: number;
  #planner: CallPlanner;
  readonly #drain: DrainWatch;
  #draining = false;
  /** The calls that are up are being ended: what comes now nobody would end, also where it was promised. */
  #ending = false;
  #created = 0;
  #destroyed = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
    this.#places = new DialledPlaces(options.clock);
    this.#scheduler = new MediaScheduler({ clock: options.clock });
    this.#planner = new CallPlanner({ ...options, backends: options.backends ?? new Map() });
    this.#drain = new DrainWatch(options.clock, () => this.callCount);
    this.#calls = new SessionTable(Math.min(options.callLimit ?? options.dspPool.size, options.dspPool.size));
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Calls that are up or coming up, those that we dial among them. */
  get callCount(): number {
    return this.#calls.size + this.#attaching.size + this.#places.size;
  }

  get profileNames(): readonly string[] {
    return this.#planner.profileNames;
  }

  get backendNames(): readonly string[] {
    return this.#planner.backendNames;
  }

  /** New calls are given these from now on, and hosts are those of `targets`; calls that are up keep what they have. */
  replaceProfiles(
    profiles: ReadonlyMap<string, GatewayProfile>,
    backends: ReadonlyMap<string, GatewayBackend>,
    targets = this.#options.targets,
  ): void {
    this.#planner = new CallPlanner({ ...this.#options, profiles, backends, targets });
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
  async startCall(
    channelId: string,
    target: string | StartTarget,
    options: StartOptions = DEFAULT_START,
  ): Promise<Session> {
    const wanted: StartTarget = typeof target === 'string' ? { kind: 'profile', name: target } : target;
    this.admit(channelId, wanted);
    const cancel = new AbortController();
    const attached = this.#makeSession(channelId, wanted, options, cancel.signal);
    this.#attaching.set(channelId, { cancel, done: Promise.allSettled([attached]) });
    const session = await attached.finally(() => this.#attaching.delete(channelId));
    await this.#begin(session);
    return session;
  }

  /** The session of a channel, or undefined. */
  session(channelId: string): Session | undefined {
    return this.#calls.get(channelId);
  }

  /**
   * Dials with the switch of that name, and gives whoever answers the voice of the request's profile. Resolves to the
   * channel's id when it is answered; the voice comes then. Whether there is room is decided now, not when somebody has answered.
   * @throws ERR_TALKSPURT_COMMAND_SYNTAX, _NOT_SUPPORTED, _DRAINING, _CALL_LIMIT, _OVERLOADED, _UNKNOWN_PROFILE, and as
   *   `SwitchAdapter.originate`
   */
  async originate(switchName: string, request: OriginateRequest, signal?: AbortSignal): Promise<string> {
    this.admit('', { kind: 'profile', name: request.profile });
    return await this.#places.dial((request.timeoutSeconds ?? ORIGINATE_RING_S) * 1000, (onChannel, stop) =>
      originateOn(this.#options.adapters, switchName, request, AbortSignal.any([stop, signal ?? stop]), onChannel),
    );
  }

  /** One line of the `uuid_audio_stream` grammar, from any front. Never rejects: errors are `-ERR …` replies. */
  async command(line: string, front = 'library'): Promise<string> {
    const { reply, verb, ok } = await dispatch(line, this);
    this.#emit({ type: 'command', front, verb, ok });
    return reply;
  }

  async start(uuid: string, target: StartTarget, options: StartOptions): Promise<void> {
    await this.startCall(uuid, target, options);
  }

  /** Takes our part out of a call and leaves the channel to the switch. @throws ERR_TALKSPURT_NOT_RUNNING */
  async stop(uuid: string, metadata: string | null = null): Promise<void> {
    const attaching = this.#attaching.get(uuid);
    const stopped = 'the call was stopped before it could talk';
    attaching?.cancel.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', stopped));
    if (attaching === undefined) await this.#running(uuid).stop('stopped', { metadata });
  }

  async order(command: OrderCommand): Promise<string | null> {
    const { clock, sounds = null, recordings = null } = this.#options;
    const backendFor = (leg: CallLeg, name: string): Backend => this.#planner.backendFor(leg, name);
    return await carryOutOrder(this.#running(command.uuid), command, { clock, sounds, recordings, backendFor });
  }

  async reload(): Promise<string> {
    if (this.#options.reload === undefined) {
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'this process has no configuration file to read again');
    }
    return await this.#options.reload();
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
    return this.#calls.summaries();
  }

  version(): string {
    return this.#options.version;
  }

  /** Why no call could be taken right now; empty when one could. */
  notReady(): string[] {
    return notReadyReasons(this.#options.adapters, {
      draining: this.#draining,
      full: this.callCount >= this.#calls.limit,
      backendsClosed: this.#planner.allRefused,
      overload: this.#options.overload?.reasons ?? [],
    });
  }

  /** Media ticks of all calls so far, calls, and those of them whose audio overflows. */
  get callLoad(): CallLoad {
    const sessions = [...this.#calls.all()];
    const stormingCalls = sessions.filter(({ storming }) => storming).length;
    return { ...this.#scheduler.totals, calls: sessions.length, stormingCalls };
  }

  snapshot(): GatewaySnapshot {
    const { clock, version, adapters, load } = this.#options;
    return {
      sessions: [...this.#calls.all()].map((session) => session.snapshot()),
      created: this.#created,
      destroyed: this.#destroyed,
      uptimeMs: clock.nowMs() - this.#startedMs,
      version,
      draining: this.#draining,
      callLimit: this.#calls.limit,
      breakers: this.#options.breakers?.() ?? [],
      links: linksOf(adapters),
      ...(load === undefined ? {} : { load: load() }),
      resources: resourcesOf(adapters, this.#options.resources?.()),
    };
  }

  /** Takes no new call, and ends the ones that are up when the time is over. Returns how many are up. */
  drain(seconds: number | null): number {
    const withinMs = seconds === null ? (this.#options.drainMs ?? DRAIN_MS) : seconds * 1000;
    const calls = this.callCount;
    this.#beginDraining();
    // Whoever asks again with another time means that time.
    void this.#drain.waitInstead(withinMs).then(async (left) => {
      if (left !== null) await this.sendOff();
    });
    return calls;
  }

  /** Takes no new call and waits for the ones that are up, `withinMs` at the most. Resolves to how many are left. */
  async drained(withinMs: number): Promise<number> {
    this.#beginDraining();
    return await this.#drain.wait(Number.isFinite(withinMs) ? withinMs : DRAIN_MS);
  }

  /** Ends every call politely: told, and given up, as it is configured. Resolves when none is left. */
  async sendOff(): Promise<void> {
    const { sendOff } = this.#options;
    this.#ending = true;
    this.#places.hangUp();
    if (sendOff !== undefined) await Promise.all([...this.#calls.all()].map((session) => session.sendOff(sendOff)));
    await this.#stopAll('drained');
  }

  #beginDraining(): void {
    if (!this.#draining) this.#emit({ type: 'draining', calls: this.callCount });
    this.#draining = true;
  }

  /** Ends our part in every call and every link. Twice is harmless. */
  async close(reason: EndReason = 'drained'): Promise<void> {
    this.#draining = this.#ending = true;
    this.#drain.stop();
    this.#places.hangUp();
    await this.#stopAll(reason);
    await Promise.all(this.#options.adapters.map((adapter) => adapter.stop()));
    this.#places.close();
    this.#scheduler.stop();
    this.#emit({ type: 'stopped' });
  }

  async #stopAll(reason: EndReason): Promise<void> {
    const attaching = [...this.#attaching.values()];
    for (const { cancel } of attaching) {
      cancel.abort(new TalkspurtError('ERR_TALKSPURT_DRAINING', 'the gateway is stopping'));
    }
    // What was on its way is a session by then, or was let go.
    await Promise.all(attaching.map(({ done }) => done));
    await Promise.all([...this.#calls.all()].map((session) => session.stop(reason)));
  }

  onCall(leg: CallLeg, profileName: string, adopted: boolean | RememberedOrders = false): void {
    void this.#adopt(leg, profileName, adopted);
  }

  onLinkDown(): void {
    // Calls go on: their audio does not pass through the link.
  }

  onLinkUp(): void {
    // The adapter has told the legs whose channels are gone.
  }

  /** A leg that the switch itself handed over. Never rejects. */
  async #adopt(leg: CallLeg, profile: string, adopted: boolean | RememberedOrders): Promise<void> {
    const target: StartTarget = { kind: 'profile', name: profile };
    const dialled = this.#places.take(leg.id);
    let asked = true;
    try {
      this.admit(leg.id, target, dialled && !this.#ending ? 'dialled' : adopted === false ? 'new' : 'adopted');
      asked = false;
      await this.#begin(this.#register(leg, target, DEFAULT_START, typeof adopted === 'object' && adopted.masked));
    } catch (error) {
      // Hung up or stopped before it could talk: it was taken, and has said how it ended.
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) this.#refused(leg, error);
      if (asked && (await diverted(leg, error, this.#options.overload?.divertTo ?? null))) return;
      // A session that failed has let the leg go, twice is harmless; one that was never made has not, whoever else has that id.
      // Whoever was called or had an agent has no dialplan to go back to.
      if (this.#calls.get(leg.id)?.leg !== leg) await this.#letGo(leg, error, dialled || adopted !== false);
    }
  }

  /** Starts it, and has the switch remember the voice: a process that comes after this one gives it again. */
  async #begin(session: Session): Promise<void> {
    await session.start();
    // Where it does not, the call talks all the same; or it has ended by now, and says so itself.
    await rememberVoice(session);
  }

  async #letGo(leg: CallLeg, why: unknown, hangup = false): Promise<void> {
    const failure = await letGo(leg, why, hangup);
    if (failure !== null) this.#refused(leg, failure);
  }

  #refused(leg: CallLeg, error: unknown): void {
    this.#emit({ type: 'call.refused', switch: leg.switchName, call: leg.id, error: asTalkspurtError(error) });
  }

  async #makeSession(
    channelId: string,
    target: StartTarget,
    options: StartOptions,
    signal: AbortSignal,
  ): Promise<Session> {
    const { mix, sampleRateHz } = options;
    const leg = await attachOn(this.#options.adapters, channelId, signal, { mix, sampleRateHz });
    try {
      signal.throwIfAborted();
      return this.#register(leg, target, options);
    } catch (error) {
      await this.#letGo(leg, error);
      throw error;
    }
  }

  /** Whether a call could be started now. @throws what stands against it, as {@link startCall} */
  admit(channelId: string, target: StartTarget, standing: CallStanding = 'new'): void {
    admitCall({
      standing,
      draining: this.#draining,
      running: this.#attaching.has(channelId) || this.#calls.get(channelId) !== undefined,
      calls: this.callCount,
      limit: this.#calls.limit,
      overload: this.#options.overload?.refusal() ?? null,
    });
    this.#planner.check(target);
  }

  #register(leg: CallLeg, target: StartTarget, start: StartOptions, masked = false): Session {
    const { clock, events, dspPool, sounds = null, watchdogs, load } = this.#options;
    const { clamped, ...plan } = this.#planner.plan(leg, target, start);
    const session = new Session({
      ...plan,
      callId: leg.id,
      leg,
      sounds,
      dspPool,
      scheduler: this.#scheduler,
      clock,
      events,
      masked,
      ...(watchdogs && { watchdogs }),
      ...(load && { hostLagMs: () => load().loopLagP99Ms }),
      metadata: start.metadata,
    });
    this.#calls.add(session);
    this.#created += 1;
    for (const each of clamped) {
      events.emit({ type: 'variable.clamped', ...each, callId: leg.id, atMs: clock.nowMs() });
    }
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

/** One Asterisk: its link, the calls that its dialplan sends into our Stasis application, and those that we dial. */
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import type { ProcessEvent } from '../../core/events.ts';
import type { AttachRequest, CallLeg, LinkFitness, SwitchAdapter, SwitchSink } from '../switch-adapter.ts';
import { protocolError } from './ari-link-error.ts';
import type { AriEvent, AriInfo, AriLink } from './ari-link.ts';
import { AriObservedLink } from './ari-observed-link.ts';
import type { AsteriskAdapterOptions } from './asterisk-adapter-options.ts';
import { AsteriskLeg } from './asterisk-leg.ts';
import type { AsteriskLegShared } from './asterisk-leg-parts.ts';
import { AsteriskOriginates } from './asterisk-originate.ts';
import { ChannelRequests } from './asterisk-requests.ts';
import { AsteriskTapLeg } from './asterisk-tap-leg.ts';
import { Consultations } from './consultation.ts';
import { AsteriskFitness } from './link-fitness.ts';
import { ReconcileTurns } from './reconcile-turns.ts';
import { survey, sweep } from './reconcile.ts';
import type { Survey } from './reconcile.ts';
import { forgetTaps } from './snoop-left-behind.ts';
import { readApplicationData, readStasisArguments } from './stasis-arguments.ts';
import { readChannel } from './stasis-channel.ts';
import type { StasisChannel } from './stasis-channel.ts';
import { StasisIds, isHelperId } from './stasis-ids.ts';
import type { StasisVoice } from './stasis-result.ts';
import { StasisRoutes } from './stasis-routes.ts';
import type { AsteriskThings } from './stasis-routes.ts';

export type { AsteriskAdapterOptions } from './asterisk-adapter-options.ts';

/** Holds the calls of one Asterisk. */
export class AsteriskAdapter implements SwitchAdapter {
  readonly kind = 'asterisk';
  readonly name: string;
  readonly #options: AsteriskAdapterOptions;
  readonly #link: AriLink;
  readonly #shared: AsteriskLegShared;
  readonly #routes = new StasisRoutes();
  readonly #ids: StasisIds;
  readonly #legs = new Map<string, AsteriskLeg | AsteriskTapLeg>();
  readonly #originates: AsteriskOriginates;
  readonly #consultations: Consultations;
  readonly #fitness: AsteriskFitness;
  #sink: SwitchSink | null = null;
  #startupTime: string | null = null;
  /** A process of ours that came before this one has been cleared up after. */
  #recovered = false;
  readonly #reconciles: ReconcileTurns;
  /** Channels that came while Asterisk was being looked at: what was seen of them is old. */
  #arrivals: Set<string> | null = null;

  constructor(options: AsteriskAdapterOptions) {
    const { name, clock, events, media, format = 'auto' } = options;
    const link = new AriObservedLink(options.link, clock, events);
    this.name = name;
    this.#options = options;
    this.#link = link;
    this.#ids = new StasisIds(link.app);
    this.#originates = new AsteriskOriginates({ switchName: name, link, clock, ids: this.#ids, routes: this.#routes });
    this.#fitness = new AsteriskFitness({ name, link, clock, media, onFound: (event) => this.#emit(event) });
    this.#reconciles = new ReconcileTurns({
      clock,
      look: () => this.#reconcile(),
      wanted: () => this.#sink !== null,
      linkUp: () => this.#link.up,
    });
    const onLeftover = (): void => this.#reconciles.later();
    this.#consultations = new Consultations({
      switchName: name,
      link,
      clock,
      ids: this.#ids,
      routes: this.#routes,
      onLeftover,
    });
    this.#shared = {
      switchName: name,
      link,
      clock,
      ids: this.#ids,
      routes: this.#routes,
      path: media,
      format,
      onLeftover,
    };
  }

  /** For those who ask Asterisk something else. The adapter starts and closes it. */
  get link(): AriLink {
    return this.#link;
  }

  get linkUp(): boolean {
    return this.#link.up;
  }

  get fitness(): LinkFitness {
    return this.#fitness.status;
  }

  /** Calls that are held, those that are still to be given back among them. */
  get legCount(): number {
    return this.#legs.size;
  }

  /** What of ours, or of callers, is known to be there. */
  get things(): AsteriskThings {
    return this.#routes.things(this.#ids);
  }

  async start(sink: SwitchSink): Promise<void> {
    this.#sink = sink;
    await this.#link.start({
      onUp: (info) => this.#up(info),
      onDown: (error, retryInMs) => {
        this.#emit({ type: 'link.down', link: this.name, error, retryInMs });
        if (error.code === 'ERR_TALKSPURT_LINK_REPLACED') this.#replaced(error.message);
        this.#sink?.onLinkDown(this.name);
      },
      onEvent: (event) => this.#onEvent(event),
      onFault: (error) => this.#emit({ type: 'peer.malformed', peer: this.name, error }),
    });
  }

  /**
   * A channel that is in our application and that nobody holds. One that the dialplan has cannot be taken from it by ARI: it is
   * listened to, and spoken into, where it is.
   * @throws ERR_TALKSPURT_UNKNOWN_CALL, ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_LINK_*
   */
  async attach(channelId: string, signal?: AbortSignal, request?: AttachRequest): Promise<CallLeg> {
    if (!/^[\x21-\x7e]{1,149}$/.test(channelId) || isHelperId(channelId)) throw this.#unknown();
    if (this.#legs.has(channelId)) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this channel is already held: stop it first');
    }
    await this.#checkFitness();
    const seen = await this.#lookAt(channelId);
    signal?.throwIfAborted();
    if (this.#legs.has(channelId)) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this channel came in meanwhile: stop it first');
    }
    if (!seen.inApplication) {
      return await this.#tap(seen.channel, request ?? { mix: 'mono', sampleRateHz: null }, signal);
    }
    const variables = new Map<string, string>();
    const leg = this.#hold(seen.channel, variables);
    try {
      await this.#prepare(leg, variables, null);
      signal?.throwIfAborted();
      return leg;
    } catch (error) {
      // It stays where it was; whoever looks next finds it there.
      leg.forget();
      throw asTalkspurtError(error);
    }
  }

  /**
   * Dials, and gives whoever answers the voice of a profile. Resolves to the channel's id when it is answered.
   * @throws ERR_TALKSPURT_COMMAND_SYNTAX; ERR_TALKSPURT_SWITCH_COMMAND when it is not answered, with `details.hangupCause`;
   *   ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED
   */
  async originate(...[request, signal, onChannel]: Parameters<AsteriskOriginates['originate']>): Promise<string> {
    await this.#checkFitness();
    return await this.#originates.originate(request, signal, onChannel);
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED */
  command(): Promise<string> {
    const message = `${this.name} is reached by ARI, which takes no commands of the console: ask the PBX itself (asterisk -rx)`;
    return Promise.reject(new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message));
  }

  /** Gives every call back, and ends the link. */
  async stop(): Promise<void> {
    this.#sink = null;
    this.#fitness.close();
    this.#reconciles.close();
    await Promise.allSettled([this.#originates.close(), ...[...this.#legs.values()].map((leg) => leg.release())]);
    await this.#link.close();
    await this.#options.media.close();
    for (const leg of this.#legs.values()) leg.forget();
    this.#legs.clear();
  }

  #onEvent(event: AriEvent): void {
    this.#options.onEvent?.(event);
    this.#routes.route(event);
    if (event.type !== 'StasisStart') return;
    const channel = readChannel(event['channel']);
    if (channel === null) {
      const error = protocolError('word of a call without saying which channel');
      this.#emit({ type: 'peer.malformed', peer: this.name, error });
      return;
    }
    this.#arrivals?.add(channel.id);
    // What helps a call is awaited by whoever made it.
    if (!isHelperId(channel.id)) void this.#arrive(channel, event['args']);
  }

  /** A call comes in. Never rejects. */
  async #arrive(channel: StasisChannel, args: unknown): Promise<void> {
    if (this.#legs.has(channel.id)) return;
    const dialled = this.#originates.answered(channel.id);
    const wanted = dialled ?? readStasisArguments(args, this.#options.profile ?? null);
    const variables = new Map<string, string>(wanted.profile === null ? [] : wanted.variables);
    // The word that FreeSWITCH has for it.
    if (dialled !== null && dialled !== undefined) variables.set('direction', 'outbound');
    const leg = this.#hold(channel, variables);
    try {
      if (wanted.profile === null) {
        this.#refuse(wanted.refusal);
        await leg.dismiss('refused', wanted.reason);
        return;
      }
      const problem = await this.#fitness.problem();
      if (problem !== null) {
        this.#emit({ type: 'call.refused', switch: this.name, call: channel.id, error: problem });
        await leg.dismiss('refused', 'media-unavailable');
        return;
      }
      await this.#prepare(leg, variables, wanted.profile);
      const sink = this.#sink;
      // Hung up meanwhile, or we are closing.
      if (sink === null) leg.refuse('draining');
      if (leg.gone || sink === null) await leg.release();
      else sink.onCall(leg, wanted.profile);
    } catch (error) {
      // It is held until the link is back, and then given back.
      this.#emit({ type: 'call.refused', switch: this.name, error: asTalkspurtError(error) });
    }
  }

  async #tap(channel: StasisChannel, request: AttachRequest, signal?: AbortSignal): Promise<CallLeg> {
    const { variables: variableNames } = this.#options;
    const leg: AsteriskTapLeg = new AsteriskTapLeg({
      ...this.#shared,
      channel,
      request,
      ...(variableNames === undefined ? {} : { variableNames }),
      onOver: () => {
        if (this.#legs.get(channel.id) === leg) this.#legs.delete(channel.id);
      },
    });
    // Before it is prepared: the reconcile must not take the channel in.
    this.#legs.set(channel.id, leg);
    await leg.prepare(signal);
    return leg;
  }

  #hold(channel: StasisChannel, variables: ReadonlyMap<string, string>): AsteriskLeg {
    const leg: AsteriskLeg = new AsteriskLeg({
      ...this.#shared,
      consultations: this.#consultations,
      channel,
      variables,
      onOver: () => {
        if (this.#legs.get(channel.id) === leg) this.#legs.delete(channel.id);
      },
    });
    this.#legs.set(channel.id, leg);
    return leg;
  }

  /**
   * Asks for its variables, and to be told of its end: by itself Asterisk falls silent when a channel leaves the application.
   * `profile` is what the call is marked with before anything is made for it: who is killed from now on leaves a call that the
   * next process knows.
   */
  async #prepare(leg: AsteriskLeg, variables: Map<string, string>, profile: string | null): Promise<void> {
    const requests = new ChannelRequests(this.#link, this.name, leg.id);
    const names = (this.#options.variables ?? []).filter((name) => !variables.has(name));
    try {
      const marked = profile === null ? Promise.resolve() : leg.remember(profile, { masked: false });
      await Promise.all([marked, leg.subscribe(), requests.variables(names, variables)]);
    } catch (error) {
      // The channel has gone, which it tells by itself; or the link has, and the call will fail on that.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  #up({ version, startupTime }: AriInfo): void {
    if (this.#startupTime !== null && this.#startupTime !== startupTime) {
      for (const leg of this.#legs.values()) leg.onRestart();
    }
    this.#startupTime = startupTime;
    this.#emit({ type: 'link.up', link: this.name, switchVersion: version });
    this.#sink?.onLinkUp(this.name);
    void this.#fitness.onUp(version);
    void this.#reconciles.now();
  }

  /** Another process has the application, and has been told of the calls in it: they are let go of as they are. */
  #replaced(reason: string): void {
    for (const leg of this.#legs.values()) leg.onReplaced(reason);
    // What that one leaves when it is gone is an earlier process's.
    this.#recovered = false;
  }

  /** Never rejects. */
  async #reconcile(): Promise<void> {
    const arrivals = new Set<string>();
    this.#arrivals = arrivals;
    try {
      const before = [...this.#legs.values()];
      let seen = await survey(this.#link);
      if (await forgetTaps(this.#link, seen, this.#ids, (id) => this.#routes.has(id))) seen = await survey(this.#link);
      for (const leg of before) {
        if (arrivals.has(leg.id)) continue;
        await leg.onSighted(seen.channels.has(leg.id) ? seen.inApplication.has(leg.id) : null);
      }
      await this.#consultations.reconcile(seen);
      const isHeld = (id: string): boolean => this.#routes.has(id) || this.#consultations.has(id);
      const swept = await sweep(this.#link, seen, this.#ids, isHeld);
      const taken = await this.#takeIn(seen, arrivals, !this.#recovered);
      // Of a process that was killed a last request may be carried out only now.
      if (!this.#recovered && swept + taken > 0) this.#reconciles.later();
      this.#recovered = true;
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      // Down again, and asked anew when it is up; or slow, and asked anew after a while.
      this.#reconciles.later();
    } finally {
      this.#arrivals = null;
    }
  }

  /** Callers in our application that nobody speaks to. Returns how many there were. */
  async #takeIn(seen: Survey, arrivals: ReadonlySet<string>, adopts: boolean): Promise<number> {
    let count = 0;
    for (const id of seen.inApplication) {
      const channel = seen.channels.get(id);
      const held = isHelperId(id) || this.#legs.has(id) || arrivals.has(id) || this.#consultations.has(id);
      if (channel === undefined || held) continue;
      if (this.#sink === null) break;
      count += 1;
      const came = readApplicationData(channel.applicationData, this.#link.app, this.#options.profile ?? null);
      const known = came === null || came.profile === null ? null : came;
      const variables = new Map<string, string>(known?.variables);
      const leg = this.#hold(channel, variables);
      // Only an earlier process's: what this one has let go of does not get its voice again.
      const voice = adopts ? await this.#recall(leg, known?.profile ?? null) : null;
      if (voice === null) {
        await leg.dismiss('orphaned', 'orphaned');
        continue;
      }
      await this.#prepare(leg, variables, voice.standing.masked ? null : voice.profile);
      this.#sink?.onCall(leg, voice.profile, voice.standing);
    }
    return count;
  }

  /** @throws ERR_TALKSPURT_LINK_*; then it is nobody's again */
  async #recall(leg: AsteriskLeg, profile: string | null): Promise<StasisVoice | null> {
    try {
      return await leg.recall(profile === null ? null : { profile, standing: { masked: false } });
    } catch (error) {
      leg.forget();
      throw error;
    }
  }

  /** @throws ERR_TALKSPURT_UNKNOWN_CALL, ERR_TALKSPURT_LINK_* */
  async #lookAt(channelId: string): Promise<{ channel: StasisChannel; inApplication: boolean }> {
    const channel = readChannel(await new ChannelRequests(this.#link, this.name, channelId).look());
    if (channel === null) throw this.#unknown();
    const { inApplication } = await survey(this.#link);
    return { channel, inApplication: inApplication.has(channelId) };
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED, or whatever else keeps calls from being taken */
  async #checkFitness(): Promise<void> {
    const problem = await this.#fitness.problem();
    if (problem !== null) throw problem;
  }

  #unknown(): TalkspurtError {
    const message = `there is no such channel on ${this.name}: see core show channels concise`;
    return new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', message);
  }

  #refuse(refusal: string): void {
    const message = `the arguments of Stasis were not taken: ${refusal}`;
    const error = new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    this.#emit({ type: 'call.refused', switch: this.name, error });
  }

  #emit(event: ProcessEvent): void {
    this.#options.events.emit({ ...event, atMs: this.#options.clock.nowMs() });
  }
}

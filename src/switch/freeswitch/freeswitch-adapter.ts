/** One FreeSWITCH: its link, and the legs that we hold on it. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import { LIMITS } from '../../limits.ts';
import type { AttachRequest, CallLeg, SwitchAdapter, SwitchSink } from '../switch-adapter.ts';
import { PARK_MARK } from './channel-event.ts';
import { isChannelId, operatorLine } from './esl-command-text.ts';
import { parseJsonHeaders } from './esl-event.ts';
import { EslNativeLink } from './esl-native-link.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import { originateWords } from './freeswitch-originate.ts';
import { FreeswitchLeg } from './freeswitch-leg.ts';
import type { LegMediaOptions } from './freeswitch-leg.ts';
import { ownerMark } from './left-behind-marks.ts';
import { channelVariables, leftBehind } from './left-behind.ts';
import type { VoicelessCall } from './left-behind.ts';
import { ModuleLeg } from './module-leg.ts';
import type { ModuleLegOptions } from './module-leg.ts';
import { detectModules } from './module/module-detection.ts';
import { killParked, originateParked } from './parked-originate.ts';
import type { SipLegOptions } from './sip-leg-opening.ts';
import type { FifoOptions } from './tap-fifo.ts';
import { TapLeg } from './tap-leg.ts';
import type { TapMediaOptions } from './tap-leg.ts';
import type { TapChannels } from './tap-path.ts';
import type { UnicastMediaOptions } from './unicast-opening.ts';

/** Where the audio of this switch comes in. */
export interface FreeswitchMediaOptions {
  /**
   * How bridged calls are tapped: over our SIP, by a loopback and unicast, through a module of the switch, or from a recording on
   * this host. Default: as legs.
   */
  readonly tap?: 'sip' | 'unicast' | 'module' | ({ readonly kind: 'record-fifo' } & FifoOptions);
  /** Our SIP, for legs and taps; absent: neither can be had over it. */
  readonly sip?: SipLegOptions;
  /** How calls that are not bridged are had. Default: over SIP where it is there. */
  readonly legs?: 'sip' | 'unicast' | 'module';
  /** Where the switch's modules connect; absent: nothing goes through one. */
  readonly module?: ModuleLegOptions;
  /** Address of ours that sockets are bound to; default 127.0.0.1. */
  readonly bindHost?: string;
  /** Address that the switch sends to, where it is not `bindHost`. */
  readonly advertiseHost?: string;
  /** Take a leg's own G.711 where it has it; default true. */
  readonly native?: boolean;
  readonly portRange?: { readonly from: number; readonly to: number };
}

/** Which switch, how to get in, and how its audio is taken. */
export interface FreeswitchAdapterOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly media?: FreeswitchMediaOptions;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Another implementation of the link; default: our own client. */
  readonly link?: EslLink;
  /** Is shown every CUSTOM event that was subscribed to on {@link FreeswitchAdapter.link}. */
  onCustomEvent?(event: EslEvent): void;
}

/** A call that is held, alone or tapped. */
type HeldLeg = FreeswitchLeg | TapLeg | ModuleLeg;

type Headers = Readonly<Record<string, string | undefined>>;

/** What is wanted where nothing is said. */
const ALONE: AttachRequest = { mix: 'mono', sampleRateHz: null };

const LETTING_GO_POLL_MS = 20;
/** Events of a channel between the moment it is watched and the moment it is a leg; later ones would be a flood. */
const EARLY_EVENTS = 64;
const NEVER = new AbortController().signal;

/** Holds legs of one FreeSWITCH. */
export class FreeswitchAdapter implements SwitchAdapter {
  readonly kind = 'freeswitch';
  readonly name: string;
  readonly #options: FreeswitchAdapterOptions;
  readonly #link: EslLink;
  readonly #legs = new Map<string, HeldLeg>();
  /** Channels of our own beside the legs: eavesdroppers. */
  readonly #beside = new Map<string, (event: EslEvent) => void>();
  /** Channels that are being attached, with what has happened to them meanwhile. */
  readonly #attaching = new Map<string, EslEvent[]>();
  #sink: SwitchSink | null = null;
  #recovered = false;
  #switchHost: string | null = null;

  constructor(options: FreeswitchAdapterOptions) {
    const { name, host, port, password, clock } = options;
    this.name = name;
    this.#options = options;
    this.#link = options.link ?? new EslNativeLink({ name, host, port, password, clock });
  }

  /** For those who subscribe to events, or publish them. The adapter starts and closes it. */
  get link(): EslLink {
    return this.#link;
  }

  get linkUp(): boolean {
    return this.#link.up;
  }

  /** Legs that are held. */
  get legCount(): number {
    return this.#legs.size;
  }

  async start(sink: SwitchSink): Promise<void> {
    this.#sink = sink;
    await this.#link.start({
      onUp: (version) => this.#up(version),
      onDown: (error, retryInMs) => {
        for (const leg of this.#legs.values()) leg.onBlind();
        this.#emit({ type: 'link.down', link: this.name, error, retryInMs });
        this.#sink?.onLinkDown(this.name);
      },
      onEvent: (event) => this.#route(event),
      onFault: (error) => this.#emit({ type: 'peer.malformed', peer: this.name, error }),
    });
  }

  async attach(channelId: string, signal?: AbortSignal, request: AttachRequest = ALONE): Promise<CallLeg> {
    if (!isChannelId(channelId)) {
      throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', 'this is not the UUID of a channel: see show channels');
    }
    await this.#letGo(channelId, signal);
    if (this.#legs.has(channelId) || this.#attaching.has(channelId)) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this channel is already held: stop it first');
    }
    const early: EslEvent[] = [];
    this.#attaching.set(channelId, early);
    try {
      // Watched before it is looked at: what happens to it from then on is known.
      await this.#link.watch(channelId);
      const leg = await this.#makeLeg(channelId, await this.#dump(channelId), request);
      signal?.throwIfAborted();
      this.#legs.set(channelId, leg);
      for (const event of early) leg.onEvent(event);
      return leg;
    } catch (error) {
      await this.#link.unwatch(channelId);
      throw asTalkspurtError(error, 'ERR_TALKSPURT_LINK_DOWN');
    } finally {
      this.#attaching.delete(channelId);
    }
  }

  /** A channel that is being let go of is free in a moment. @throws ERR_TALKSPURT_LINK_DOWN while the switch cannot be told */
  async #letGo(channelId: string, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + LIMITS.bridgeEndMs;
    while (this.#legs.get(channelId)?.lettingGo === true && clock.nowMs() < untilMs) {
      if (!this.#link.up) {
        const message = `the channel is let go of as soon as the link to ${this.name} is back: try again then`;
        throw new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', message);
      }
      await delay(clock, LETTING_GO_POLL_MS, signal);
    }
  }

  /** As `SwitchAdapter.originate`; the call waits in a park until it is ours. */
  async originate(
    ...[request, signal, onChannel]: Parameters<NonNullable<SwitchAdapter['originate']>>
  ): Promise<string> {
    const link = this.#link;
    const { clock } = this.#options;
    const uuid = await originateParked({ link, clock, onChannel, ...originateWords(request) }, signal ?? NEVER);
    try {
      const leg = await this.attach(uuid, signal);
      // Left to the switch one day, it is to stay.
      await link.api(`uuid_setvar ${uuid} park_timeout`);
      this.#sink?.onCall(leg, request.profile);
      return uuid;
    } catch (error) {
      await killParked(link, clock, uuid);
      throw asTalkspurtError(error);
    }
  }

  /** In the background: a command that takes its time (originate) holds up nobody's call. */
  async command(line: string): Promise<string> {
    return await this.#link.bgapi(operatorLine(line));
  }

  /** Lets go of every leg and ends the link. */
  async stop(): Promise<void> {
    this.#sink = null;
    await Promise.allSettled([...this.#legs.values()].map((leg) => leg.release()));
    await this.#link.close();
    this.#legs.clear();
  }

  /** A leg on the channel; where two people are talking already, beside it. */
  async #makeLeg(uuid: string, channel: Headers, request: AttachRequest): Promise<HeldLeg> {
    const parts = {
      uuid,
      switchName: this.name,
      from: channel['Caller-Caller-ID-Number'] ?? '',
      to: calledNumber(channel),
      variables: channelVariables(channel),
      dialled: channel['Call-Direction'] === 'outbound',
      owner: ownerMark(this.name),
      link: this.#link,
      clock: this.#options.clock,
      onReleased: async () => {
        if (this.#legs.get(uuid) !== leg) return;
        this.#legs.delete(uuid);
        await this.#link.unwatch(uuid);
      },
    };
    const answered = channel['Answer-State'] === 'answered';
    const bridged = channel['variable_bridge_to'] !== undefined;
    const module = this.#moduleMedia(bridged);
    const onFault = (error: TalkspurtError): void => this.#emit({ type: 'peer.malformed', peer: this.name, error });
    const leg: HeldLeg =
      module !== null
        ? new ModuleLeg({ ...parts, answered, bridged, media: module, request, onFault })
        : bridged
          ? new TapLeg({ ...parts, media: await this.#tapMedia(), request, channels: this.#tapChannels() })
          : new FreeswitchLeg({ ...parts, answered, media: await this.#legMedia() });
    return leg;
  }

  /** Where a module is what the call goes through. @throws ERR_TALKSPURT_CONFIG_INVALID */
  #moduleMedia(bridged: boolean): ModuleLegOptions | null {
    const { legs, tap = legs, module } = this.#options.media ?? {};
    if ((bridged ? tap : legs) !== 'module') return null;
    if (module !== undefined) return module;
    const message = `calls of ${this.name} go through a module, and there is no server that it could connect to`;
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
  }

  #tapChannels(): TapChannels {
    return {
      watch: async (uuid, onEvent) => {
        this.#beside.set(uuid, onEvent);
        await this.#link.watch(uuid);
      },
      unwatch: async (uuid) => {
        this.#beside.delete(uuid);
        await this.#link.unwatch(uuid);
      },
    };
  }

  /** The channel's data. @throws ERR_TALKSPURT_UNKNOWN_CALL, ERR_TALKSPURT_LINK_* */
  async #dump(uuid: string): Promise<Headers> {
    const reply = await this.#link.api(`uuid_dump ${uuid} json`);
    if (!reply.startsWith('-')) return parseJsonHeaders(reply);
    const message = `there is no such channel on ${this.name}: see show channels`;
    throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', message);
  }

  async #tapMedia(): Promise<TapMediaOptions> {
    const { tap, sip } = this.#options.media ?? {};
    if (typeof tap === 'object') return tap;
    if (tap === 'unicast') return { kind: 'unicast', ...(await this.#unicastMedia()) };
    if (tap !== 'sip') return await this.#legMedia();
    if (sip !== undefined) return { kind: 'sip', ...sip };
    throw new TalkspurtError(
      'ERR_TALKSPURT_CONFIG_INVALID',
      `calls of ${this.name} are tapped by SIP, which is closed`,
    );
  }

  async #legMedia(): Promise<LegMediaOptions> {
    const { sip, legs } = this.#options.media ?? {};
    return sip === undefined || legs === 'unicast'
      ? { kind: 'unicast', ...(await this.#unicastMedia()) }
      : { kind: 'sip', ...sip };
  }

  /** Unicast compares addresses of datagrams: a name has to be looked up once. */
  async #unicastMedia(): Promise<UnicastMediaOptions> {
    const { host, media = {} } = this.#options;
    if (this.#switchHost === null) {
      const looksLikeIp = isIP(host) !== 0;
      this.#switchHost = looksLikeIp ? host : (await lookup(host, { family: 4 })).address;
    }
    const bindHost = media.bindHost ?? '127.0.0.1';
    return {
      bindHost,
      advertiseHost: media.advertiseHost ?? bindHost,
      switchHost: this.#switchHost,
      native: media.native ?? true,
      ...(media.portRange === undefined ? {} : { portRange: media.portRange }),
    };
  }

  #route(event: EslEvent): void {
    if (event.name === 'CUSTOM') {
      // A module tells of its stream by these.
      if (event.uuid !== '') this.#legs.get(event.uuid)?.onEvent(event);
      this.#options.onCustomEvent?.(event);
      return;
    }
    this.#beside.get(event.uuid)?.(event);
    const early = this.#attaching.get(event.uuid);
    if (early === undefined) this.#legs.get(event.uuid)?.onEvent(event);
    else if (early.length < EARLY_EVENTS) early.push(event);
  }

  #up(version: string): void {
    this.#emit({ type: 'link.up', link: this.name, switchVersion: version });
    this.#sink?.onLinkUp(this.name);
    void this.#reconcile();
    void this.#look();
    if (!this.#recovered) void this.#recover();
  }

  /**
   * While the link was down channels may have gone without a word. Asked one by one: a list of a large switch would be
   * longer than what a link takes.
   */
  async #reconcile(): Promise<void> {
    try {
      for (const [uuid, leg] of [...this.#legs]) {
        const reply = await this.#link.api(`uuid_exists ${uuid}`);
        if (reply.trim() === 'false') leg.onMissing();
        else await leg.onSighted();
      }
    } catch (error) {
      // Down again: the next time it is up this is asked anew.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  /** Which modules the switch has: said, so that an operator can know. */
  async #look(): Promise<void> {
    try {
      const { edition } = this.#options.media?.module ?? {};
      const found = await detectModules(this.#link, edition === undefined ? {} : { edition });
      const modules = found.map((each) => `${each.module} (${each.edition})`).join(', ');
      if (modules !== '') this.#emit({ type: 'link.modules', link: this.name, modules });
    } catch (error) {
      // Down again: the next time it is up this is asked anew.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  /** The first time that the link is up: an earlier process may have been killed with calls on this switch. */
  async #recover(): Promise<void> {
    const { clock, media } = this.#options;
    const address = media?.sip?.hub.address ?? null;
    const held = (uuid: string): boolean => this.#legs.has(uuid) || this.#attaching.has(uuid) || this.#beside.has(uuid);
    try {
      const left = leftBehind({ link: this.#link, clock, address, owner: ownerMark(this.name), held });
      for await (const call of left) await this.#adopt(call);
      this.#recovered = true;
    } catch (error) {
      // Down again: the next time it is up the rest is looked for.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  async #adopt({ uuid, profile, standing }: VoicelessCall): Promise<void> {
    try {
      const leg = await this.attach(uuid);
      this.#sink?.onCall(leg, profile, standing);
    } catch (error) {
      // Hung up meanwhile, or somebody has started it already.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  #emit(
    event:
      | { type: 'link.up'; link: string; switchVersion: string }
      | { type: 'link.modules'; link: string; modules: string }
      | { type: 'link.down'; link: string; error: TalkspurtError; retryInMs: number }
      | { type: 'peer.malformed'; peer: string; error: TalkspurtError },
  ): void {
    this.#options.events.emit({ ...event, atMs: this.#options.clock.nowMs() });
  }
}

/** An earlier park of ours has left its own script where the called number was. */
function calledNumber(channel: Headers): string {
  const destination = channel['Caller-Destination-Number'] ?? '';
  if (!destination.includes(PARK_MARK)) return destination;
  return channel['variable_sip_req_user'] ?? channel['variable_sip_to_user'] ?? '';
}

/** The fronts on the switch's side: commands and events as CUSTOM events, and calls from the outbound socket. */
import type { Config, FreeswitchConfig } from './config.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError, asTalkspurtError } from './core/errors.ts';
import type { EventSink, TalkspurtEvent } from './core/events.ts';
import type { Gateway } from './gateway.ts';
import type { StreamModuleEvent } from './backend/stream-event-bodies.ts';
import { CommandFront } from './switch/freeswitch/command-front.ts';
import type { EslEvent } from './switch/freeswitch/esl-link.ts';
import type { FreeswitchAdapter } from './switch/freeswitch/freeswitch-adapter.ts';
import { OutboundSocketServer, returnToDialplan } from './switch/freeswitch/outbound-socket.ts';
import type { OutboundChannel } from './switch/freeswitch/outbound-socket.ts';
import { SwitchEventSink } from './switch/freeswitch/switch-events.ts';

/** One switch, and what the configuration says of it. */
export interface ConfiguredSwitch {
  readonly config: FreeswitchConfig;
  readonly adapter: FreeswitchAdapter;
}

/** What the fronts are made with. */
export interface GatewayFrontsParts {
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly switches: readonly ConfiguredSwitch[];
}

/** Everything that takes commands and calls from switches. */
export class GatewayFronts implements EventSink {
  readonly #parts: GatewayFrontsParts;
  readonly #commands = new Map<FreeswitchAdapter, CommandFront>();
  readonly #published: readonly SwitchEventSink[];
  #outbound: OutboundSocketServer | null = null;

  constructor(parts: GatewayFrontsParts) {
    this.#parts = parts;
    for (const { config, adapter } of parts.switches) {
      if (config.commands) this.#commands.set(adapter, this.#front(adapter));
    }
    this.#published = parts.switches.flatMap((each) => this.#publisher(each));
  }

  /** Where the outbound socket listens; null: it is closed. */
  get outboundSocketPort(): number | null {
    return this.#outbound?.port ?? null;
  }

  /** An event of a switch's link that somebody subscribed to. */
  onCustomEvent(adapter: FreeswitchAdapter, event: EslEvent): void {
    this.#commands.get(adapter)?.onEvent(event);
  }

  /** Every event of the process; those of calls are published on their switches. */
  emit(event: TalkspurtEvent): void {
    for (const sink of this.#published) sink.emit(event);
  }

  /** What a stream to a WebSocket says of itself. */
  onStreamEvent(callId: string, event: StreamModuleEvent): void {
    for (const sink of this.#published) sink.onStreamEvent(callId, event);
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async open(outboundSocket: Config['outboundSocket']): Promise<void> {
    for (const [adapter, front] of this.#commands) {
      try {
        await front.open();
      } catch (error) {
        // Subscriptions are kept for when the link is up; anything else is the switch's refusal.
        const failure = asTalkspurtError(error);
        if (failure.code !== 'ERR_TALKSPURT_LINK_DOWN') this.#fault(adapter.name, failure);
      }
    }
    if (outboundSocket === false) return;
    const { host, port, allow } = outboundSocket;
    this.#outbound = new OutboundSocketServer({
      host,
      port,
      allow,
      clock: this.#parts.clock,
      admit: (channel) => {
        const { adapter, profile } = this.#place(channel);
        if (!adapter.linkUp) {
          throw new TalkspurtError(
            'ERR_TALKSPURT_LINK_DOWN',
            `the link to ${adapter.name} is down: no call can be taken`,
          );
        }
        this.#parts.gateway.admit(channel.uuid, { kind: 'profile', name: profile });
      },
      onChannel: async (channel) => {
        await this.#parts.gateway.startCall(channel.uuid, this.#place(channel).profile);
      },
      onRefused: async ({ channel, error, left }) => {
        this.#parts.events.emit({
          type: 'call.refused',
          switch: channel?.switchName ?? host,
          ...(channel === null ? {} : { call: channel.uuid }),
          error,
          atMs: this.#parts.clock.nowMs(),
        });
        if (channel === null || !left) return;
        const holder = await this.#holderOf(channel.uuid);
        if (holder !== null) await returnToDialplan((line) => holder.link.api(line), channel, error);
      },
      onFault: (error) => this.#fault('outbound-socket', error),
    });
    await this.#outbound.listen();
  }

  async close(): Promise<void> {
    await this.#outbound?.close();
    await Promise.all([...this.#commands.values()].map((front) => front.close()));
    for (const sink of this.#published) sink.close();
  }

  #publisher({ config, adapter }: ConfiguredSwitch): SwitchEventSink[] {
    if (config.publish === false) return [];
    const { gateway, clock } = this.#parts;
    const { personalData, telemetryMs: intervalMs } = config.publish;
    const sink = new SwitchEventSink({
      link: adapter.link,
      clock,
      personalData,
      intervalMs,
      channelOf: (callId) => (gateway.session(callId)?.leg.switchName === adapter.name ? {} : null),
      health: (callId) => (gateway.session(callId) === undefined ? null : gateway.health(callId)),
    });
    return [sink];
  }

  #front(adapter: FreeswitchAdapter): CommandFront {
    return new CommandFront({
      link: adapter.link,
      dispatch: (line, front) => this.#parts.gateway.command(line, front),
      onFault: (error) => this.#fault(adapter.name, error),
    });
  }

  /** Which switch a call comes from, and its profile. @throws ERR_TALKSPURT_UNKNOWN_PROFILE, ERR_TALKSPURT_UNKNOWN_CALL */
  #place(channel: OutboundChannel): { adapter: FreeswitchAdapter; profile: string } {
    const { switches } = this.#parts;
    // A switch may be configured by a name: then any that is up will do, the gateway asks each for the channel.
    const found =
      switches.find(({ config }) => config.host === channel.switchHost) ??
      switches.find(({ adapter }) => adapter.linkUp) ??
      switches[0];
    if (found === undefined) {
      throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', 'no switch is configured: name one under switches');
    }
    const profile = channel.profile ?? found.config.outboundProfile;
    if (profile !== undefined) return { adapter: found.adapter, profile };
    throw new TalkspurtError(
      'ERR_TALKSPURT_UNKNOWN_PROFILE',
      'the call names no profile: set talkspurt_profile in the dialplan, or outboundProfile of the switch',
    );
  }

  /** The switch that has the channel, or null: it has gone. */
  async #holderOf(uuid: string): Promise<FreeswitchAdapter | null> {
    for (const { adapter } of this.#parts.switches) {
      if (adapter.linkUp && (await adapter.link.api(`uuid_exists ${uuid}`)).trim() === 'true') return adapter;
    }
    return null;
  }

  #fault(peer: string, error: TalkspurtError): void {
    this.#parts.events.emit({ type: 'peer.malformed', peer, error, atMs: this.#parts.clock.nowMs() });
  }
}

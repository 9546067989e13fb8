/** One FreeSWITCH: its link, and the legs that we hold on it. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { CallLeg, SwitchAdapter, SwitchSink } from '../switch-adapter.ts';
import { EslPackageLink } from './esl-package-link.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import { FreeswitchLeg } from './freeswitch-leg.ts';
import type { UnicastMediaOptions } from './freeswitch-leg.ts';

/** Where the audio of this switch comes in. */
export interface FreeswitchMediaOptions {
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
  /** Another implementation of the link; default: over the `esl` package. */
  readonly link?: EslLink;
}

/** FreeSWITCH's own UUIDs, and what `origination_uuid` may be set to without doing harm on a command line. */
const UUID = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/;

/** Holds legs of one FreeSWITCH. */
export class FreeswitchAdapter implements SwitchAdapter {
  readonly kind = 'freeswitch';
  readonly name: string;
  readonly #options: FreeswitchAdapterOptions;
  readonly #link: EslLink;
  readonly #legs = new Map<string, FreeswitchLeg>();
  #sink: SwitchSink | null = null;
  #switchHost: string | null = null;

  constructor(options: FreeswitchAdapterOptions) {
    const { name, host, port, password, clock } = options;
    this.name = name;
    this.#options = options;
    this.#link = options.link ?? new EslPackageLink({ name, host, port, password, clock });
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
        this.#emit({ type: 'link.down', link: this.name, error, retryInMs });
        this.#sink?.onLinkDown(this.name);
      },
      onEvent: (event) => this.#route(event),
    });
  }

  async attach(channelId: string): Promise<CallLeg> {
    if (!UUID.test(channelId)) {
      throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', 'this is not the UUID of a channel: see show channels');
    }
    if (this.#legs.has(channelId)) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this channel is already held: stop it first');
    }
    const media = await this.#mediaOptions();
    const channel = await this.#dump(channelId);
    const leg = new FreeswitchLeg({
      uuid: channelId,
      switchName: this.name,
      from: channel['Caller-Caller-ID-Number'] ?? '',
      to: channel['Caller-Destination-Number'] ?? '',
      variables: variablesOf(channel),
      answered: channel['Answer-State'] === 'answered',
      link: this.#link,
      clock: this.#options.clock,
      media,
      onReleased: async () => {
        if (this.#legs.get(channelId) === leg) this.#legs.delete(channelId);
        await this.#link.unwatch(channelId);
      },
    });
    this.#legs.set(channelId, leg);
    try {
      await this.#link.watch(channelId);
    } catch (error) {
      this.#legs.delete(channelId);
      throw error;
    }
    return leg;
  }

  async command(line: string): Promise<string> {
    return await this.#link.api(line);
  }

  async stop(): Promise<void> {
    this.#sink = null;
    await this.#link.close();
    this.#legs.clear();
  }

  /** The channel's data. @throws ERR_TALKSPURT_UNKNOWN_CALL */
  async #dump(uuid: string): Promise<Readonly<Record<string, string | undefined>>> {
    const reply = await this.#link.api(`uuid_dump ${uuid} json`);
    if (reply.startsWith('-')) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_UNKNOWN_CALL',
        `there is no such channel on ${this.name}: see show channels`,
      );
    }
    try {
      const parsed: unknown = JSON.parse(reply);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
        return parsed as Record<string, string>;
    } catch (cause) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_LINK_PROTOCOL',
        `${this.name} described the channel in something else than JSON`,
        { cause },
      );
    }
    throw new TalkspurtError(
      'ERR_TALKSPURT_LINK_PROTOCOL',
      `${this.name} described the channel in something else than an object`,
    );
  }

  /** Unicast compares addresses of datagrams: a name has to be looked up once. */
  async #mediaOptions(): Promise<UnicastMediaOptions> {
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
    this.#legs.get(event.uuid)?.onEvent(event);
  }

  #up(version: string): void {
    this.#emit({ type: 'link.up', link: this.name, switchVersion: version });
    this.#sink?.onLinkUp(this.name);
    for (const [uuid, leg] of this.#legs) void this.#reconcile(uuid, leg);
  }

  /** While the link was down the channel may have gone without a word. */
  async #reconcile(uuid: string, leg: FreeswitchLeg): Promise<void> {
    try {
      const reply = await this.#link.api(`uuid_exists ${uuid}`);
      if (reply.trim() === 'false') leg.onMissing();
    } catch (error) {
      // Down again: the next time it is up this is asked anew.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  #emit(
    event:
      | { type: 'link.up'; link: string; switchVersion: string }
      | { type: 'link.down'; link: string; error: TalkspurtError; retryInMs: number },
  ): void {
    this.#options.events.emit({ ...event, atMs: this.#options.clock.nowMs() });
  }
}

const VARIABLE_PREFIX = 'variable_';

function variablesOf(channel: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(channel)) {
    if (name.startsWith(VARIABLE_PREFIX) && typeof value === 'string')
      variables.set(name.slice(VARIABLE_PREFIX.length), value);
  }
  return variables;
}

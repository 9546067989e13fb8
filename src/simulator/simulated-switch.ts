/**
 * A FreeSWITCH to test and demonstrate against: real Event Socket on TCP, real unicast media on UDP, calls with simulated
 * phones at their far ends. It does what the real one does, its traps included: what kills the real process kills this one.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { EslEventFactory } from '../switch/freeswitch/esl-event-factory.ts';
import type { EslIdentity, EventSource } from '../switch/freeswitch/esl-event-factory.ts';
import { LOG_LEVELS } from '../switch/freeswitch/esl-dialogue.ts';
import { headerOf } from '../switch/freeswitch/esl-request-parser.ts';
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';
import { serializeEvent } from '../switch/freeswitch/esl-server-event.ts';
import type { EslServerEvent } from '../switch/freeswitch/esl-server-event.ts';
import { EslServer } from '../switch/freeswitch/esl-server.ts';
import { eventName } from '../switch/freeswitch/esl-subscription.ts';
import { callerHeaders, channelHeaders } from './channel-headers.ts';
import { SwitchDisplacer } from './displacement.ts';
import { MediaClock } from './media-clock.ts';
import type { SimulatedPhone } from './phone.ts';
import { OutboundSockets, jobHeaders } from './outbound-sockets.ts';
import { parseApplication } from './application-text.ts';
import type { Application } from './application-text.ts';
import { SimulatedChannel } from './simulated-channel.ts';
import type { CallOptions, ChannelHost } from './channel-host.ts';
import { runApi } from './switch-api.ts';
import type { SwitchApiHost } from './switch-api-host.ts';
import type { ModuleKind } from './module-stream.ts';
import { SwitchDialer } from './switch-dialer.ts';
import { logTime } from './switch-reports.ts';
import { SwitchModule } from './switch-module.ts';
import { SwitchRecorder } from './switch-record.ts';
import type { UnicastRequest } from './unicast-media.ts';

/** Where it listens, and what is behind it. */
export interface SimulatedSwitchOptions {
  readonly clock: Clock;
  /** Default `ClueCon`, FreeSWITCH's own. */
  readonly password?: string;
  /** Default 127.0.0.1 and any free port. */
  readonly host?: string;
  readonly port?: number;
  readonly identity?: Partial<EslIdentity>;
  /** What `version` and `status` say. */
  readonly version?: string;
  /** Who may connect to the Event Socket; default: loopback addresses. */
  readonly allow?: readonly string[];
  /** The dialplan: extension → applications, each as `name` or `name:data`. */
  readonly extensions?: Readonly<Record<string, readonly string[]>>;
  /** A WebSocket module that is loaded; default: none. */
  readonly module?: ModuleKind;
  /** Whom `originate` reaches at a dial string; default: nobody. */
  readonly phoneAt?: (dialString: string) => SimulatedPhone | null;
}

const CORE: EventSource = { file: 'switch_channel.c', function: 'switch_channel_event_set_data', line: 1 };
const SENT_BY_CLIENT: EventSource = { file: 'mod_event_socket.c', function: 'parse_command', line: 2283 };
const CONNECT: EventSource = { file: 'mod_event_socket.c', function: 'parse_command', line: 2029 };
const MANY_YEARS_MS = '31536000000';
const VERSION = '1.11.2-release+talkspurt-simulator';

/** A whole switch on loopback. Closed by `close`, or dead by `crash`. */
export class SimulatedSwitch {
  readonly #options: SimulatedSwitchOptions;
  readonly #clock: Clock;
  readonly #factory: EslEventFactory;
  readonly #server: EslServer;
  readonly #mediaClock: MediaClock;
  readonly #channels = new Map<string, SimulatedChannel>();
  /** Hung up, but not yet destroyed, or with unicast threads that still hold a port. */
  readonly #haunted = new Set<SimulatedChannel>();
  readonly #apiHost: SwitchApiHost;
  readonly #channelHost: ChannelHost<SimulatedChannel>;
  readonly #dialer: SwitchDialer;
  readonly #outbound: OutboundSockets;
  readonly #module: SwitchModule | null;
  readonly #globals = new Map<string, string>();
  readonly #closing = new AbortController();
  #crashed: string | null = null;
  #frozen = false;
  #unicastFails = false;
  #sessions = 0;

  constructor(options: SimulatedSwitchOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#mediaClock = new MediaClock(options.clock);
    const identity = { switchname: 'simulated', hostname: 'localhost', ...options.identity };
    this.#factory = new EslEventFactory(identity, options.clock);
    this.#globals
      .set('hostname', identity.hostname)
      .set('local_ip_v4', '127.0.0.1')
      .set('core_uuid', this.#factory.identity.coreUuid);
    this.#module = options.module === undefined ? null : this.#makeModule(options.module);
    this.#channelHost = this.#makeChannelHost();
    this.#dialer = this.#makeDialer();
    this.#outbound = this.#makeOutbound();
    this.#apiHost = this.#makeApiHost();
    this.#server = new EslServer({
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      password: options.password ?? 'ClueCon',
      clock: options.clock,
      factory: this.#factory,
      ...(options.allow === undefined ? {} : { allow: options.allow }),
      api: (call) => runApi(call, this.#apiHost),
      sendMessage: (uuid, request) => this.#sendMessage(uuid, request),
      sendEvent: (request) => this.#sendEvent(request),
      onMalformed: () => undefined,
    });
  }

  /** The Event Socket's port once {@link listen} has resolved. */
  get port(): number {
    return this.#server.port;
  }

  /** Why the process died, or null while it lives. */
  get crashed(): string | null {
    return this.#crashed;
  }

  /** Calls that are up, by UUID. */
  get channels(): ReadonlyMap<string, SimulatedChannel> {
    return this.#channels;
  }

  /** The SIP profile's port, UDP and TCP; 0 before the first call through it. */
  get sipPort(): number {
    return this.#dialer.sipPort;
  }

  /** Event Socket connections. */
  get clientCount(): number {
    return this.#server.clientCount;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<void> {
    await this.#server.listen();
  }

  /** Puts a call on the switch. @throws ERR_TALKSPURT_CALL_GONE when the switch has crashed, or the UUID is taken */
  createCall(options: CallOptions): SimulatedChannel {
    const uuid = options.uuid ?? randomUUID();
    if (this.#crashed !== null || this.#channels.has(uuid)) {
      const message = 'the simulated switch cannot take this call: it has crashed, or has the UUID';
      throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', message);
    }
    const channel = this.#add(uuid, options);
    const script: Application[] = [];
    if (options.answered ?? true) script.push({ name: 'answer', data: '' });
    script.push((options.parked ?? true) ? { name: 'park', data: '' } : { name: 'sleep', data: MANY_YEARS_MS });
    channel.enter(script);
    return channel;
  }

  /** Two calls that are bridged to each other as by `uuid_bridge`: from the next ptimes on each hears the other. */
  createBridgedCall(a: CallOptions, b: CallOptions): { readonly a: SimulatedChannel; readonly b: SimulatedChannel } {
    const [first, second] = [this.createCall(a), this.createCall(b)];
    first.bridgeWith(second);
    return { a: first, b: second };
  }

  /** Ends every call and says goodbye to every client; resolves when nothing is left open. Twice is harmless. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const channel of this.#channels.values()) channel.hangup(701);
    this.#disposeMedia();
    this.#dialer.close();
    this.#outbound.close();
    await this.#server.close();
  }

  /** Dies at once, as the real process does: connections and ports are gone, phones hear nothing any more. */
  crash(reason: string): void {
    if (this.#crashed !== null) return;
    this.#crashed = reason;
    this.#closing.abort();
    const channels = [...this.#channels.values(), ...this.#haunted];
    // Nobody is told anything any more.
    void this.#server.abort();
    this.#disposeMedia();
    this.#dialer.close();
    this.#outbound.close();
    this.#channels.clear();
    for (const channel of channels) channel.phone.onHangup(38);
  }

  /** Cuts every Event Socket connection; calls go on and clients may come back. */
  dropConnections(): void {
    this.#server.dropConnections();
  }

  /** From now on every password is wrong (or right again). */
  refuseAuth(refuse: boolean): void {
    this.#server.refuseLogins(refuse);
  }

  /** Changes which addresses may connect; an empty list turns everyone away. */
  allow(addresses: readonly string[]): void {
    this.#server.allow(addresses);
  }

  /** The process stands still: no answer, no event, no media, until {@link thaw}. Connections stay open. */
  freeze(): void {
    this.#frozen = true;
    this.#outbound.pause(true);
    this.#server.freeze();
  }

  thaw(): void {
    this.#frozen = false;
    this.#outbound.pause(false);
    this.#server.thaw();
  }

  /** From now on unicast fails as with a taken port: `+OK`, a line in the log, no datagram. */
  failUnicast(fail: boolean): void {
    this.#unicastFails = fail;
  }

  /** Writes bytes to every client as they are, for tests of bad peers. */
  writeRaw(text: string): void {
    this.#server.writeRaw(text);
  }

  /** Fires a CUSTOM event, as a module would. */
  fireCustom(subclass: string, headers: readonly (readonly [string, string])[] = [], body?: string): void {
    this.#fire(
      this.#factory.make({
        name: 'CUSTOM',
        subclass,
        source: CORE,
        leading: [['Event-Subclass', subclass]],
        headers,
        body,
      }),
    );
  }

  #sendMessage(uuid: string, request: EslRequest): string {
    const channel = this.#channels.get(uuid);
    if (channel === undefined) return `-ERR invalid session id [${uuid}]`;
    return channel.queueCommand(request) ? '+OK' : '-ERR memory error';
  }

  /** Fires what the client sent: its own headers first, then those that every event has. */
  #sendEvent(request: EslRequest): string {
    const eventUuid = randomUUID();
    const name = eventName(request.command.slice('sendevent'.length).trim()) ?? 'CLONE';
    const subclass = headerOf(request, 'Event-Subclass');
    const leading: (readonly [string, string])[] = [];
    if (name === 'CUSTOM' && subclass !== undefined) leading.push(['Event-Subclass', subclass]);
    leading.push(['Command', request.command]);
    leading.push(...request.headers.filter(([header]) => header.toLowerCase() !== 'event-subclass'));
    leading.push(['Event-UUID', eventUuid]);
    this.#fire(
      this.#factory.make({
        name,
        source: SENT_BY_CLIENT,
        leading,
        body: request.body ?? undefined,
        ...(subclass === undefined ? {} : { subclass }),
      }),
    );
    return `+OK ${eventUuid}`;
  }

  #disposeMedia(): void {
    for (const channel of [...this.#channels.values(), ...this.#haunted]) channel.dispose();
    this.#haunted.clear();
  }

  #log(level: number, source: EventSource, text: string): void {
    const name = LOG_LEVELS[level];
    if (name === undefined) return;
    const line = `[${name.toUpperCase()}] ${source.file}:${source.line} ${text}\n`;
    this.#server.log({ level, ...source, text: `${logTime(this.#clock.wallTimeMs())} 0.00% ${line}` });
  }

  #onUnicastFailure(request: UnicastRequest): void {
    const from = `${request.localIp}:${request.localPort}`;
    const text = `Failure creating unicast connection ${from}->${request.remoteIp}:${request.remotePort}`;
    this.#log(2, { file: 'switch_ivr.c', function: 'switch_ivr_activate_unicast', line: 497 }, text);
  }

  #makeApiHost(): SwitchApiHost {
    return {
      clock: this.#clock,
      factory: this.#factory,
      channels: this.#channels,
      globals: this.#globals,
      closing: this.#closing.signal,
      startedMs: this.#clock.nowMs(),
      version: this.#options.version ?? VERSION,
      sessionsSinceStart: () => this.#sessions,
      dialer: this.#dialer,
      recorder: new SwitchRecorder(),
      displacer: new SwitchDisplacer(),
      module: this.#module,
      log: (level, text) => this.#log(level, { file: 'mod_commands.c', function: 'log_function', line: 7247 }, text),
    };
  }

  #fire(event: EslServerEvent): void {
    this.#server.fire(event);
    this.#outbound.fire(event);
  }

  #makeOutbound(): OutboundSockets {
    return new OutboundSockets({
      clock: this.#clock,
      describe: (channel, more) => {
        const description = channel.describe();
        const headers = [...callerHeaders(description, 'Channel'), ...channelHeaders(description), ...more];
        return serializeEvent(this.#factory.make({ name: 'CHANNEL_DATA', source: CONNECT, headers }), 'plain');
      },
      api: (line) => runApi({ line, console: false }, this.#apiHost),
      sendMessage: (uuid, request) => this.#sendMessage(uuid, request),
      sendEvent: (request) => this.#sendEvent(request),
      jobDone: (job) => {
        const headers = jobHeaders(job);
        this.#fire(this.#factory.make({ name: 'BACKGROUND_JOB', source: CONNECT, headers, body: job.output }));
      },
    });
  }

  #add(uuid: string, options: CallOptions): SimulatedChannel {
    const channel = new SimulatedChannel(uuid, options, this.#channelHost);
    this.#channels.set(uuid, channel);
    this.#sessions += 1;
    channel.variables.set('session_id', String(this.#sessions));
    return channel;
  }

  #extension(number: string): readonly Application[] | null {
    const script = this.#options.extensions?.[number];
    return script === undefined ? null : script.map(parseApplication);
  }

  #makeDialer(): SwitchDialer {
    return new SwitchDialer({
      clock: this.#clock,
      globals: this.#globals,
      address: this.#options.host ?? '127.0.0.1',
      frozen: () => this.#frozen,
      has: (uuid) => this.#channels.has(uuid),
      add: (uuid, options) => this.#add(uuid, options),
      extension: (number) => this.#extension(number),
      phoneAt: (dialString) => this.#options.phoneAt?.(dialString) ?? null,
    });
  }

  #makeModule(kind: ModuleKind): SwitchModule {
    return new SwitchModule(kind, this.#channels, (channel, subclass, body) => {
      const headers = channelHeaders(channel.describe());
      const leading = [['Event-Subclass', subclass] as const];
      this.#fire(this.#factory.make({ name: 'CUSTOM', subclass, source: CORE, leading, headers, body }));
    });
  }

  #makeChannelHost(): ChannelHost<SimulatedChannel> {
    return {
      clock: this.#clock,
      unicastFails: () => this.#unicastFails,
      everyPtime: (ptimeMs, run) => this.#mediaClock.join(ptimeMs, () => (this.#frozen ? undefined : run())),
      fire: (channel, name, headers, leading) => {
        const all = [...leading, ...channelHeaders(channel.describe()), ...headers];
        this.#fire(this.#factory.make({ name, source: CORE, headers: all }));
      },
      channel: (uuid) => this.#channels.get(uuid) ?? null,
      sound: (path, sampleRateHz) => this.#module?.sound(path, sampleRateHz) ?? null,
      connect: (channel, data) => this.#outbound.connect(channel, data),
      dial: (text, originator, watcher) => {
        const made = this.#dialer.dial({ text, originator }, watcher);
        if (typeof made === 'number') watcher.onFailed(made);
        return typeof made === 'number' ? null : made;
      },
      fireCommand: (channel, request) => {
        const leading = [['Command', request.command] as const, ...request.headers];
        const headers = channelHeaders(channel.describe());
        this.#fire(this.#factory.make({ name: 'PRIVATE_COMMAND', source: CORE, leading, headers }));
      },
      extension: (number) => this.#extension(number),
      crash: (reason) => this.crash(reason),
      onUnicastFailure: (request) => this.#onUnicastFailure(request),
      onHungUp: (channel) => {
        this.#channels.delete(channel.uuid);
        this.#haunted.add(channel);
      },
      onDestroyed: (channel) => {
        this.#outbound.onDestroyed(channel);
        this.#module?.hangUp(channel.uuid);
        if (!channel.haunted && this.#haunted.delete(channel)) channel.dispose();
      },
    };
  }
}

/** Builds a gateway, and what stands around it, from a checked configuration. */
import { hostname } from 'node:os';
import type { Backend } from './backend/backend.ts';
import type { StreamEventListener } from './backend/stream-backend.ts';
import type { Config } from './config.ts';
import { secretsOfConfig, usesModule } from './config.ts';
import type { Clock } from './core/clock.ts';
import { SystemClock } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import { fanOut } from './core/events.ts';
import { HostList } from './core/host-list.ts';
import { WasmDspPool } from './dsp/dsp-pool.ts';
import { G722Pool } from './dsp/g722.ts';
import { Gateway } from './gateway.ts';
import { breakerPolicies, makeProfiles } from './gateway-backends.ts';
import type { BackendMakers } from './gateway-backends.ts';
import { openGatewayAsterisk } from './gateway-asterisk.ts';
import type { GatewayAsterisk } from './gateway-asterisk.ts';
import { freeswitchAdapter } from './gateway-freeswitch.ts';
import { GatewayFronts } from './gateway-fronts.ts';
import { GatewayLoad } from './gateway-load.ts';
import { openGatewayModules } from './gateway-modules.ts';
import { heldResources } from './gateway-resources.ts';
import { reloader } from './gateway-reload.ts';
import { openGatewayRecords } from './gateway-records.ts';
import { openGatewaySip } from './gateway-sip.ts';
import { gatewayStatus } from './gateway-status.ts';
import type { BreakerChange } from './resilience/circuit-breaker.ts';
import { admissionPolicy, gatewayOverload, sendOffOf, watchdogOptions } from './gateway-watch.ts';
import { BreakerBoard } from './resilience/breaker-board.ts';
import type { BreakerView } from './resilience/breaker-board.ts';
import { LogSink } from './observe/log-sink.ts';
import { MetricsSink } from './observe/metrics-sink.ts';
import type { StatusServer } from './http/status-server.ts';
import { TelemetryLog } from './observe/telemetry-log.ts';
import { SpeechSynthesizer } from './simulator/speech.ts';
import { AriAttachedLink } from './switch/asterisk/ari-attached-link.ts';
import type { AriAttachOptions } from './switch/asterisk/ari-attached-link.ts';
import { EslAttachedLink } from './switch/freeswitch/esl-attached-link.ts';
import type { EslAttachOptions } from './switch/freeswitch/esl-attached-link.ts';
import type { FreeswitchAdapter } from './switch/freeswitch/freeswitch-adapter.ts';
import { FrontDoor } from './switch/freeswitch/front-door.ts';
import { OwnSounds } from './sound-source.ts';
import { VERSION } from './version.ts';

/** What an embedding program may bring along. */
export interface RuntimeOptions {
  readonly clock?: Clock;
  /** Are shown every event, after the log and the metrics. */
  readonly sinks?: readonly EventSink[];
  /** Backends of your own by name: they take the place of configured ones. */
  readonly backends?: Readonly<Record<string, Backend>>;
  /**
   * Event Socket clients of your own by the name of their switch: its link uses them in place of one of ours, and leaves
   * their connection to you. Give them before their `connect()`.
   */
  readonly eslClients?: Readonly<Record<string, EslAttachOptions['client']>>;
  /** Clients of `ari-client` of your own by the name of their switch, likewise; their application is that of the switch. */
  readonly ariClients?: Readonly<Record<string, AriAttachOptions['client']>>;
  /** Reads the configuration again, for the command `reload`; absent: it is refused. @throws as `loadConfig` */
  readonly reload?: () => Config;
  /** Without a log of our own: the embedding program has one. */
  readonly quiet?: boolean;
}

/** Everything that `talkspurt serve` runs. */
export interface Runtime {
  readonly gateway: Gateway;
  /** Where operators and watchers connect; null where closed. */
  readonly frontDoorPort: number | null;
  readonly statusPort: number | null;
  readonly sipPort: number | null;
  readonly outboundSocketPort: number | null;
  readonly log: LogSink;
  /** It will be stopped soon: `/readyz` says so from now on, calls are still taken. */
  leave(): void;
  /** Ends every call, link and server. Twice is harmless. */
  close(): Promise<void>;
}

/**
 * Starts it all; on failure nothing is left open.
 * @throws ERR_TALKSPURT_LISTEN, ERR_TALKSPURT_CONFIG_INVALID
 */
export async function startRuntime(config: Config, options: RuntimeOptions = {}): Promise<Runtime> {
  const clock = options.clock ?? new SystemClock();
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    return { ...(await assemble(config, options, clock, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  config: Config,
  options: RuntimeOptions,
  clock: Clock,
  closers: (() => Promise<void> | void)[],
): Promise<Omit<Runtime, 'close'>> {
  const { level, format, personalData, file } = config.log;
  const log = new LogSink({
    clock,
    level: options.quiet === true ? 'silent' : level,
    format,
    personalData,
    file,
    secrets: secretsOfConfig(config),
  });
  closers.push(() => log.written());
  for (const warning of config.warnings) log.note('warn', 'configuration warning', { warning });

  let snapshot: (() => ReturnType<Gateway['snapshot']>) | null = null;
  const metrics = new MetricsSink({
    processMetrics: true,
    lostLogLines: () => log.lostLines,
    records: () => records.state(),
    snapshot: () =>
      snapshot?.() ?? {
        sessions: [],
        created: 0,
        destroyed: 0,
        uptimeMs: 0,
        version: VERSION,
        draining: false,
        callLimit: 0,
        links: [],
      },
  });
  const records = await openGatewayRecords(config, { clock, log });
  // After the calls, before the log.
  closers.push(() => records.close());
  let fronts: GatewayFronts | null = null;
  let status: StatusServer | null = null;
  const published: EventSink = {
    emit: (event) => {
      fronts?.emit(event);
      status?.emit(event);
    },
  };
  const onStreamEvent: StreamEventListener = (callId, event) => fronts?.onStreamEvent(callId, event);
  const events = fanOut([log, metrics, records.sink, published, ...(options.sinks ?? [])]);

  const speech = new SpeechSynthesizer();
  closers.push(() => speech.close());
  const onBreaker = ({ name, ...change }: BreakerChange): void =>
    events.emit({ type: 'breaker', breaker: name, ...change, atMs: clock.nowMs() });
  const policies = breakerPolicies(config);
  const breakers = new BreakerBoard({ clock, policies, onChange: onBreaker });
  // Commands may name any number of hosts: they push no backend's off the board.
  const streamBreakers = new BreakerBoard({ clock, policies, onChange: onBreaker });
  const makers: BackendMakers = {
    clock,
    speech,
    closers,
    given: options.backends ?? {},
    embedded: null,
    onStreamEvent,
    breakers,
    events,
    onBreaker,
    voices: new Map(),
  };
  const everyBreaker = (): readonly BreakerView[] => [
    ...breakers.view(),
    ...[...makers.voices.values()].flatMap(({ breaker }) => breaker.view()),
    ...streamBreakers.view(),
  ];
  const { backends, profiles } = await makeProfiles(config, makers);
  let gateway: Gateway | null = null;
  // A stereo tap has two legs.
  const g722 = await G722Pool.create({ size: 2 * config.limits.calls });
  const sip =
    config.sip === false
      ? null
      : await openGatewaySip(config.sip, config.limits.calls, {
          clock,
          events,
          g722: () => g722.acquire(),
          profileNames: () => gateway?.profileNames ?? [],
        });
  if (sip !== null) closers.push(() => sip.close());
  const modules = config.switches.some(usesModule) ? await openGatewayModules(config.modules, clock, events) : null;
  if (modules !== null) closers.push(() => modules.close());
  const switches = config.switches
    .filter((each) => each.kind === 'freeswitch')
    .map((each) => {
      const client = options.eslClients?.[each.name];
      const link = client === undefined ? null : new EslAttachedLink({ name: each.name, clock, client });
      const adapter: FreeswitchAdapter = freeswitchAdapter(each, { clock, events, sip, modules, link }, (event) =>
        fronts?.onCustomEvent(adapter, event),
      );
      return { config: each, adapter };
    });
  const freeswitches = switches.map(({ adapter }) => adapter);
  const asterisks: GatewayAsterisk[] = [];
  for (const each of config.switches) {
    if (each.kind !== 'asterisk') continue;
    const client = options.ariClients?.[each.name];
    const link = client === undefined ? null : new AriAttachedLink({ name: each.name, clock, client, app: each.app });
    const asterisk = await openGatewayAsterisk(each, {
      clock,
      events,
      g722: () => g722.acquire(),
      ...(link === null ? {} : { link }),
      dispatch: async (line, front) => (await gateway?.command(line, front)) ?? '-ERR not ready yet: try again\n',
    });
    closers.push(() => asterisk.close());
    asterisks.push(asterisk);
  }
  const adapters = [
    ...freeswitches,
    ...asterisks.flatMap(({ adapters: all }) => all),
    ...(sip === null ? [] : [sip.adapter]),
  ];
  const dspPool = await WasmDspPool.create({ size: config.limits.calls });
  const load = new GatewayLoad({
    clock,
    events,
    policy: admissionPolicy(config),
    loopLag: config.watchdogs.loopLag,
    residentBytes: () => process.memoryUsage.rss(),
    calls: () => gateway?.callLoad ?? null,
    rtpPorts: () => heldResources({ dspPool, g722, sip, modules, asterisks }).rtpPorts,
  });
  closers.push(() => load.close());
  const { directory, maxSeconds } = config.recordings;
  const { reload: read } = options;
  const opened: Gateway = new Gateway({
    clock,
    events,
    dspPool,
    adapters,
    profiles,
    backends,
    sounds: new OwnSounds({
      clock,
      directory: config.sounds.directory ?? null,
      urls: config.sounds.urls,
      hosts: new HostList('sounds.allow', config.sounds.allow),
      hold: config.sounds.hold ?? null,
      speech,
    }),
    ...(directory === undefined ? {} : { recordings: { directory, maximumMs: maxSeconds * 1000 } }),
    targets: new HostList('targets.allow', config.targets.allow),
    drainMs: config.drainSeconds * 1000,
    sendOff: sendOffOf(config),
    overload: gatewayOverload(config, load.admission),
    watchdogs: watchdogOptions(config),
    load: () => load.snapshot(),
    ...(read === undefined ? {} : { reload: reloader({ started: config, read, gateway: () => opened, makers, log }) }),
    callLimit: config.limits.calls,
    streamBreakers,
    breakers: everyBreaker,
    version: VERSION,
    resources: () => heldResources({ dspPool, g722, sip, modules, asterisks }),
    onStreamEvent,
    onCallEnded: (ended) => {
      metrics.recordEnded(ended);
      records.recordEnded(ended);
    },
  });
  gateway = opened;
  snapshot = () => opened.snapshot();
  closers.push(() => opened.close());
  const telemetry = new TelemetryLog({ clock, log, sessions: () => opened.snapshot().sessions });
  closers.push(() => telemetry.stop());

  const frontDoorPort = await openFrontDoor(config, opened, clock, events, closers, freeswitches[0]);
  let leaving = false;
  const notReady = (): readonly string[] => (leaving ? ['leaving', ...opened.notReady()] : opened.notReady());
  status =
    config.status === false
      ? null
      : gatewayStatus(config.status, {
          ...{ clock, events, gateway: opened, metrics, breakers: everyBreaker, notReady, lag: load.lag },
        });
  const statusPort = status === null ? null : await openStatus(status, closers);
  const opening = new GatewayFronts({ gateway: opened, clock, events, switches });
  fronts = opening;
  closers.push(() => opening.close());
  await opened.open();
  await opening.open(config.outboundSocket);
  return {
    gateway: opened,
    frontDoorPort,
    statusPort,
    sipPort: sip?.port ?? null,
    outboundSocketPort: opening.outboundSocketPort,
    log,
    leave: () => (leaving = true),
  };
}

async function openFrontDoor(
  config: Config,
  gateway: Gateway,
  clock: Clock,
  events: EventSink,
  closers: (() => Promise<void> | void)[],
  passTo: FreeswitchAdapter | undefined,
): Promise<number | null> {
  if (config.frontDoor === false) return null;
  const { host, port, password, allow } = config.frontDoor;
  const door = new FrontDoor({
    host,
    port,
    password,
    allow,
    clock,
    events,
    identity: { switchname: 'talkspurt', hostname: hostname() },
    dispatch: (line) => gateway.command(line, 'front-door'),
    words: {
      channels: () => gateway.list().map(({ uuid }) => uuid),
      profiles: () => gateway.profileNames,
      backends: () => gateway.backendNames,
    },
    ...(passTo === undefined ? {} : { passThrough: (line: string) => passTo.command(line) }),
  });
  const address = await door.listen();
  closers.push(() => door.close());
  return address.port;
}

async function openStatus(server: StatusServer, closers: (() => Promise<void> | void)[]): Promise<number> {
  closers.push(() => server.close());
  return (await server.listen()).port;
}

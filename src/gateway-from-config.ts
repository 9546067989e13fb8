/** Builds a gateway, and what stands around it, from a checked configuration. */
import { hostname } from 'node:os';
import type { Backend } from './backend/backend.ts';
import type { StreamEventListener } from './backend/stream-backend.ts';
import type { Config, SwitchConfig } from './config.ts';
import { secretsOfConfig, usesModule } from './config.ts';
import type { Clock } from './core/clock.ts';
import { SystemClock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { EventSink } from './core/events.ts';
import { fanOut } from './core/events.ts';
import { WasmDspPool } from './dsp/dsp-pool.ts';
import { G722Pool } from './dsp/g722.ts';
import { Gateway } from './gateway.ts';
import { makeProfiles, reload } from './gateway-backends.ts';
import type { BackendMakers } from './gateway-backends.ts';
import { GatewayFronts } from './gateway-fronts.ts';
import { openGatewayModules } from './gateway-modules.ts';
import { openGatewaySip } from './gateway-sip.ts';
import type { GatewayModules } from './gateway-modules.ts';
import type { GatewaySip } from './gateway-sip.ts';
import { CallRecordSink } from './observe/call-record.ts';
import { LogSink } from './observe/log-sink.ts';
import { MetricsSink } from './observe/metrics-sink.ts';
import { StatusServer } from './observe/status-server.ts';
import { SpeechSynthesizer } from './simulator/speech.ts';
import { EslAttachedLink } from './switch/freeswitch/esl-attached-link.ts';
import type { EslAttachOptions } from './switch/freeswitch/esl-attached-link.ts';
import type { EslEvent, EslLink } from './switch/freeswitch/esl-link.ts';
import type { FreeswitchMediaOptions } from './switch/freeswitch/freeswitch-adapter.ts';
import { FreeswitchAdapter } from './switch/freeswitch/freeswitch-adapter.ts';
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
  const { level, format, personalData } = config.log;
  const log = new LogSink({
    clock,
    level: options.quiet === true ? 'silent' : level,
    format,
    personalData,
    secrets: secretsOfConfig(config),
  });
  closers.push(() => log.flush());
  for (const warning of config.warnings) log.note('warn', 'configuration warning', { warning });

  let snapshot: (() => ReturnType<Gateway['snapshot']>) | null = null;
  const metrics = new MetricsSink({
    processMetrics: true,
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
  const records = new CallRecordSink({
    clock,
    personalData,
    onRecord: (record) => log.note('info', 'call record', { record }),
  });
  let fronts: GatewayFronts | null = null;
  const published: EventSink = { emit: (event) => fronts?.emit(event) };
  const onStreamEvent: StreamEventListener = (callId, event) => fronts?.onStreamEvent(callId, event);
  const events = fanOut([log, metrics, records, published, ...(options.sinks ?? [])]);

  const speech = new SpeechSynthesizer();
  closers.push(() => speech.close());
  const makers: BackendMakers = {
    clock,
    speech,
    closers,
    given: options.backends ?? {},
    embedded: null,
    onStreamEvent,
  };
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
  const modules = config.switches.some(({ media }) => usesModule(media))
    ? await openGatewayModules(config.modules, clock, events)
    : null;
  if (modules !== null) closers.push(() => modules.close());
  const switches = config.switches.map((each) => {
    const client = options.eslClients?.[each.name];
    const link = client === undefined ? null : new EslAttachedLink({ name: each.name, clock, client });
    const adapter: FreeswitchAdapter = freeswitchAdapter(each, { clock, events, sip, modules, link }, (event) =>
      fronts?.onCustomEvent(adapter, event),
    );
    return { config: each, adapter };
  });
  const freeswitches = switches.map(({ adapter }) => adapter);
  const adapters = [...freeswitches, ...(sip === null ? [] : [sip.adapter])];
  const dspPool = await WasmDspPool.create({ size: config.limits.calls });
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
      speech,
    }),
    ...(config.recordings.directory === undefined ? {} : { recordingsDirectory: config.recordings.directory }),
    drainMs: config.drainSeconds * 1000,
    ...(options.reload === undefined ? {} : { reload: async () => await reload(options.reload, opened, makers, log) }),
    callLimit: config.limits.calls,
    version: VERSION,
    onStreamEvent,
    onCallEnded: (ended) => metrics.recordSession(ended),
  });
  gateway = opened;
  snapshot = () => opened.snapshot();
  closers.push(() => opened.close());

  const frontDoorPort = await openFrontDoor(config, opened, clock, events, closers, freeswitches[0]);
  const statusPort = await openStatus(config, opened, metrics, closers);
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
  };
}

/** What an adapter is made with. */
interface AdapterSurroundings {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly sip: GatewaySip | null;
  readonly modules: GatewayModules | null;
  /** Somebody else's. */
  readonly link: EslLink | null;
}

function freeswitchAdapter(
  config: SwitchConfig,
  around: AdapterSurroundings,
  onCustomEvent: (event: EslEvent) => void,
): FreeswitchAdapter {
  const { clock, events, sip, modules, link } = around;
  const { name, host, port, password } = config;
  const {
    kind,
    module,
    moduleEdition: edition,
    tap,
    fifoDirectory,
    gateway: profile,
    codec,
    bindHost,
    advertiseHost,
    native,
    portRange,
  } = config.media;
  if ((kind === 'sip' || tap === 'sip') && sip === null) {
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `the media of switch ${name} is sip, and sip is closed`);
  }
  const fifo = fifoDirectory === undefined ? {} : { directory: fifoDirectory };
  const media: FreeswitchMediaOptions = {
    bindHost,
    native,
    ...(advertiseHost === undefined ? {} : { advertiseHost }),
    ...(portRange === undefined ? {} : { portRange }),
    ...(sip === null ? {} : { sip: { hub: sip.hub, profile, codec } }),
    ...(modules === null
      ? {}
      : {
          module: {
            ...modules,
            ...(module === undefined ? {} : { module }),
            ...(edition === undefined ? {} : { edition }),
          },
        }),
    legs: kind,
    tap:
      tap === 'record-fifo'
        ? { kind: tap, ...fifo }
        : (tap ?? (kind === 'module' ? kind : sip === null ? 'unicast' : 'sip')),
  };
  const given = link === null ? {} : { link };
  return new FreeswitchAdapter({ name, host, port, password, media, clock, events, onCustomEvent, ...given });
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

async function openStatus(
  config: Config,
  gateway: Gateway,
  metrics: MetricsSink,
  closers: (() => Promise<void> | void)[],
): Promise<number | null> {
  if (config.status === false) return null;
  const { host, port } = config.status;
  const server = new StatusServer({
    host,
    port,
    metrics: () => metrics.page(),
    health: () => gateway.globalHealth(),
    calls: () => gateway.calls(),
    notReady: () => gateway.notReady(),
  });
  const address = await server.listen();
  closers.push(() => server.close());
  return address.port;
}

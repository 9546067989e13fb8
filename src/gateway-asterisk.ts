/** One Asterisk, as a configuration has it: its link, its media path with whatever listens for it, and its adapter. */
import { isIP } from 'node:net';
import type { AsteriskConfig } from './config.ts';
import { dialplanSwitchName } from './config.ts';
import type { Clock } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import { readPem } from './gateway-pem.ts';
import type { Resources } from './observe/resources.ts';
import type { AriLink } from './switch/asterisk/ari-link.ts';
import { AriNativeLink } from './switch/asterisk/ari-native-link.ts';
import { AriPackageLink } from './switch/asterisk/ari-package-link.ts';
import type { AriTarget } from './switch/asterisk/ari-target.ts';
import { AsteriskAdapter } from './switch/asterisk/asterisk-adapter.ts';
import { AsteriskAudioSocketPath } from './switch/asterisk/asterisk-audiosocket.ts';
import type { MediaPathKind } from './switch/asterisk/asterisk-capabilities.ts';
import { AsteriskRtpPath } from './switch/asterisk/asterisk-rtp.ts';
import { AsteriskWebSocketServer } from './switch/asterisk/asterisk-websocket-server.ts';
import { AsteriskWebSocketPath } from './switch/asterisk/asterisk-websocket.ts';
import { AudioSocketAdapter } from './switch/asterisk/audiosocket-adapter.ts';
import { MediaChoice } from './switch/asterisk/media-choice.ts';
import type { AsteriskMediaPath } from './switch/asterisk/media-path.ts';
import { MediaSources } from './switch/asterisk/media-sources.ts';
import { StasisCommandFront } from './switch/asterisk/stasis-command-front.ts';
import type { SwitchAdapter } from './switch/switch-adapter.ts';
import { AudioSocketServer } from './transport/audiosocket-server.ts';
import { RtpPortPool } from './transport/rtp-port-pool.ts';
import type { MediaRefusal } from './transport/stranger-quota.ts';
import type { WireCodec } from './transport/rtp-wire-format.ts';

/** One Asterisk and what listens for it. */
export interface GatewayAsterisk {
  readonly adapter: AsteriskAdapter;
  /** With that of calls which the dialplan brings by itself, where there is one. */
  readonly adapters: readonly SwitchAdapter[];
  /** Where Asterisk connects for its audio: name and port of each. */
  readonly servers: readonly { readonly name: string; readonly port: number }[];
  /** What its media path holds. */
  resources(): GatewayAsteriskResources;
  /** What the adapter does not close itself. */
  close(): Promise<void>;
}

/** Of what listens for it. */
export type GatewayAsteriskResources = Pick<Resources, 'rtpPorts' | 'mediaSockets'>;

/** What is open for its media, and how it is closed. */
interface Held {
  ports: RtpPortPool | null;
  readonly servers: { readonly name: string; readonly server: AudioSocketServer | AsteriskWebSocketServer }[];
  readonly closers: (() => Promise<void>)[];
}

/** What it is made with. */
export interface GatewayAsteriskParts {
  readonly clock: Clock;
  readonly events: EventSink;
  /** A codec for one call. */
  readonly g722: () => WireCodec & { release(): void };
  /** One line of the grammar in, one reply out; never rejects. */
  dispatch(line: string, front: string): Promise<string>;
  /** Somebody else's. */
  readonly link?: AriLink;
}

/** Listens where its media path needs it. @throws ERR_TALKSPURT_LISTEN, ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_MEDIA_BIND */
export async function openGatewayAsterisk(
  config: AsteriskConfig,
  parts: GatewayAsteriskParts,
): Promise<GatewayAsterisk> {
  const { clock, events } = parts;
  const { name, app, profile, variables, media } = config;
  const target = await ariTarget(config);
  const link =
    parts.link ??
    (config.link === 'package'
      ? new AriPackageLink({ ...target, name, app, clock })
      : new AriNativeLink({ ...target, name, app, clock }));
  const sources = new MediaSources({
    host: config.host,
    ...(media.sources === undefined ? {} : { sources: media.sources }),
  });
  await sources.refresh();
  const held: Held = { ports: null, servers: [], closers: [] };
  const { closers } = held;
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    const doors = new Doors(config, parts, sources, target.ca, held);
    const adapter = await doors.dialplanAdapter();
    const choice = new MediaChoice({
      switchName: name,
      kind: media.kind,
      format: media.format,
      before: () => sources.refresh(),
      open: (kind) => doors.openPath(kind),
    });
    closers.push(() => choice.close());
    await choice.openConfigured();
    const front = new StasisCommandFront({
      link,
      dispatch: (line, from) => parts.dispatch(line, from),
      onFault: (error) => events.emit({ type: 'peer.malformed', peer: name, error, atMs: clock.nowMs() }),
    });
    closers.push(() => front.close());
    const calls = new AsteriskAdapter({
      name,
      link,
      clock,
      events,
      media: choice,
      format: media.format,
      variables,
      ...(profile === undefined ? {} : { profile }),
      onEvent: (event) => void front.onEvent(event),
    });
    return {
      adapter: calls,
      adapters: adapter === null ? [calls] : [calls, adapter],
      // With `auto` a server is opened when Asterisk has said that it can use it.
      get servers() {
        return held.servers.map(({ name: of, server: { port } }) => ({ name: of, port }));
      },
      resources: () => resourcesOf(name, held),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where its ARI is, with the certificates that it is verified by. @throws ERR_TALKSPURT_CONFIG_INVALID */
export async function ariTarget(config: AsteriskConfig): Promise<AriTarget> {
  const { name, host, port, tls, caFile, username, password, app } = config;
  const trust = tls && caFile !== undefined ? { ca: await readPem(`caFile of switch ${name}`, caFile) } : {};
  return { host, port, tls, username, password, app, ...trust };
}

/** What listens for one Asterisk, each opened once, when it is wanted. */
class Doors {
  readonly #config: AsteriskConfig;
  readonly #parts: GatewayAsteriskParts;
  readonly #sources: MediaSources;
  readonly #ca: string | undefined;
  readonly #held: Held;
  #audioSocket: AudioSocketServer | null = null;
  #dialplan: AudioSocketAdapter | null = null;

  constructor(
    config: AsteriskConfig,
    parts: GatewayAsteriskParts,
    sources: MediaSources,
    ca: string | undefined,
    held: Held,
  ) {
    this.#config = config;
    this.#parts = parts;
    this.#sources = sources;
    this.#ca = ca;
    this.#held = held;
  }

  /** Of the calls that the dialplan brings by itself, where there is one. @throws ERR_TALKSPURT_LISTEN */
  async dialplanAdapter(): Promise<AudioSocketAdapter | null> {
    const { name, media } = this.#config;
    const { profile } = media.audioSocket;
    if (profile === undefined) return null;
    this.#dialplan = new AudioSocketAdapter({ name: dialplanSwitchName(name), clock: this.#parts.clock, profile });
    await this.#openAudioSocket();
    return this.#dialplan;
  }

  /** @throws ERR_TALKSPURT_LISTEN, ERR_TALKSPURT_MEDIA_BIND */
  async openPath(kind: MediaPathKind): Promise<AsteriskMediaPath> {
    const { clock, g722 } = this.#parts;
    const { bindHost, advertiseHost = bindHost, ports } = this.#config.media;
    if (kind === 'audiosocket') {
      const server = await this.#openAudioSocket();
      return new AsteriskAudioSocketPath({ clock, server, advertisedHost: advertiseHost });
    }
    if (kind === 'websocket') return await this.#openWebSocket();
    const pool = new RtpPortPool({ clock, bindHost, from: ports.from, to: ports.to });
    this.#held.ports = pool;
    return new AsteriskRtpPath({ clock, ports: pool, advertiseHost, g722, sources: () => this.#sources.entries });
  }

  async #openAudioSocket(): Promise<AudioSocketServer> {
    if (this.#audioSocket !== null) return this.#audioSocket;
    const { bindHost, audioSocket } = this.#config.media;
    const dialplan = this.#dialplan;
    const name = dialplanSwitchName(this.#config.name);
    const server = new AudioSocketServer({
      clock: this.#parts.clock,
      host: bindHost,
      port: audioSocket.port,
      allow: audioSocket.allow ?? this.#sources.allowed,
      onRefused: refusals(name, this.#parts),
      ...(dialplan === null ? {} : { onStranger: (_uuid, connection) => dialplan.offer(connection) }),
    });
    await server.listen();
    this.#audioSocket = server;
    this.#listens(name, server);
    return server;
  }

  async #openWebSocket(): Promise<AsteriskMediaPath> {
    const { host, port, tls, media } = this.#config;
    const { clock } = this.#parts;
    const { bindHost, websocket } = media;
    if (websocket.mode === 'client') {
      const authority = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
      const ca = this.#ca === undefined ? {} : { ca: this.#ca };
      return new AsteriskWebSocketPath({ clock, mode: 'client', url: `${tls ? 'wss' : 'ws'}://${authority}`, ...ca });
    }
    const { username, password } = websocket;
    const name = `${this.#config.name}-websocket`;
    const server = new AsteriskWebSocketServer({
      clock,
      host: bindHost,
      port: websocket.port,
      allow: websocket.allow ?? this.#sources.allowed,
      onRefused: refusals(name, this.#parts),
      ...(username === undefined ? {} : { basicAuth: { username, password } }),
    });
    await server.listen();
    this.#listens(name, server);
    return new AsteriskWebSocketPath({ clock, mode: 'server', server, client: websocket.client });
  }

  /** Closed last: calls go first. */
  #listens(name: string, server: AudioSocketServer | AsteriskWebSocketServer): void {
    this.#held.closers.unshift(() => server.close());
    this.#held.servers.push({ name, server });
  }
}

/** Who is turned away is counted, and said in the log as far as the log has room for it. */
function refusals(server: string, { clock, events }: GatewayAsteriskParts) {
  return (reason: MediaRefusal, remoteAddress: string): void =>
    events.emit({ type: 'peer.refused', server, reason, remoteAddress, atMs: clock.nowMs() });
}

function resourcesOf(name: string, { ports, servers }: Held): GatewayAsteriskResources {
  return {
    rtpPorts: ports === null ? [] : [portsOf(name, ports)],
    mediaSockets: servers.map(({ name: of, server: { connections, strangers } }) => ({
      server: of,
      calls: connections - strangers,
      strangers,
    })),
  };
}

/** A pool's pairs. */
export function portsOf(pool: string, ports: RtpPortPool): Resources['rtpPorts'][number] {
  const { inUse, resting, size } = ports;
  return { pool, inUse, resting, free: size - inUse - resting };
}

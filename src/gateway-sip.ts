/** Our SIP, as one process has it: the endpoint, its RTP ports, and who takes which call. */
import { isIPv4 } from 'node:net';
import type { Config } from './config.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { EventSink } from './core/events.ts';
import { SipEndpoint } from './sip/sip-endpoint.ts';
import type { SipMediaHub } from './switch/freeswitch/sip-leg-opening.ts';
import { SipAdapter } from './switch/sip/sip-adapter.ts';
import { openSipMedia } from './switch/sip/sip-media.ts';
import { SipRendezvous } from './switch/sip/sip-rendezvous.ts';
import type { RtpCodec } from './transport/rtp-media.ts';
import { RtpPortPool } from './transport/rtp-port-pool.ts';
import type { WireCodec } from './transport/rtp-wire-format.ts';
import { VERSION } from './version.ts';

/** What the SIP of a process offers. */
export interface GatewaySip {
  readonly port: number;
  /** Switches that we ask for a call meet it here. */
  readonly hub: SipMediaHub;
  /** Calls from anywhere else. */
  readonly adapter: SipAdapter;
  /** Its RTP ports. */
  readonly ports: RtpPortPool;
  close(): Promise<void>;
}

/** What it is made with. */
export interface GatewaySipParts {
  readonly clock: Clock;
  readonly events: EventSink;
  /** A codec for one call. */
  readonly g722: (() => WireCodec & { release(): void }) | null;
  profileNames(): readonly string[];
}

const CODECS: readonly RtpCodec[] = ['pcmu', 'pcma', 'l16'];

/** Listens. @throws ERR_TALKSPURT_LISTEN, ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_MEDIA_BIND */
export async function openGatewaySip(
  config: Exclude<Config['sip'], false>,
  callLimit: number,
  parts: GatewaySipParts,
): Promise<GatewaySip> {
  const { clock, events, g722 } = parts;
  const { host, port, protocols, advertiseHost = host, allow, username, password, rtpPorts, profile } = config;
  const ports = new RtpPortPool({ clock, bindHost: host, from: rtpPorts.from, to: rtpPorts.to });
  const rendezvous = new SipRendezvous(clock);
  const media = { clock, ports, sources: allow, advertiseHost, ...(g722 === null ? {} : { g722 }) };
  const codecs: readonly RtpCodec[] = g722 === null ? CODECS : [...CODECS, 'g722'];
  const adapter = new SipAdapter({
    name: 'sip',
    media: { ...media, codecs },
    profiles: () => parts.profileNames(),
    ...(profile === undefined ? {} : { defaultProfile: profile }),
  });
  const endpoint = new SipEndpoint({
    clock,
    host,
    port,
    protocols,
    advertiseHost,
    allow,
    userAgent: `talkspurt/${VERSION}`,
    callLimit: callLimit * LEGS_OF_A_CALL,
    ...(username === undefined ? {} : { digest: { realm: 'talkspurt', username, password } }),
    // A switch that we ask for a call has been told a one-time user, and no password.
    isSecretUser: (user) => rendezvous.expects(user),
    onCall: (call) => {
      // Each refuses what is not its own and for nobody else.
      if (!rendezvous.offer(call)) adapter.offer(call);
    },
    onMalformed: (error) => events.emit({ type: 'peer.malformed', peer: 'sip', error, atMs: clock.nowMs() }),
  });
  const address = await endpoint.listen();
  const seen = isIPv4(advertiseHost) || !advertiseHost.includes(':') ? advertiseHost : `[${advertiseHost}]`;
  const hub: SipMediaHub = {
    rendezvous,
    address: `${seen}:${address.port}`,
    open: async (call, wanted) => {
      if (wanted.codecs.includes('g722') && g722 === null) {
        throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'G.722 is not there: take codec auto');
      }
      return await openSipMedia(call, { ...media, ...wanted });
    },
  };
  return { port: address.port, hub, adapter, ports, close: () => endpoint.close() };
}

/** A stereo tap has two. */
const LEGS_OF_A_CALL = 2;

/**
 * Asterisk's externalMedia by RTP over UDP: no connection, nothing to configure in Asterisk, and the lowest delay there is.
 *
 * What does it do? ulaw, alaw, 8 kHz slin and G.722 both ways. For wideband without a codec take AudioSocket or chan_websocket:
 *   the channel of RTP has no SDP, so Asterisk 22 knows static payload types only, and drops slin16, slin24, slin48 and Opus that
 *   come in, without a word.
 * Not for: digits, which it does not send this way (ARI tells them); a clock, as a silent far end sends no packets at all. Only
 *   while the link is down silence is taken for the end: of a PBX that is gone there is no other sign.
 */
import { isIP, isIPv6 } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { RtpCodec, RtpMedia } from '../../transport/rtp-media.ts';
import type { RtpPortPair, RtpPortPool } from '../../transport/rtp-port-pool.ts';
import { RtpTransport } from '../../transport/rtp-transport.ts';
import type { RtpTransportOptions } from '../../transport/rtp-transport.ts';
import type { WireCodec } from '../../transport/rtp-wire-format.ts';
import type { AsteriskMediaPath, MediaWanted, PreparedMedia } from './media-path.ts';

/** What the path works with. */
export interface AsteriskRtpOptions {
  readonly clock: Clock;
  /** Where our end of each call is bound. */
  readonly ports: RtpPortPool;
  /** Address that Asterisk sends to. Default: the one that the ports are bound to. */
  readonly advertiseHost?: string;
  /** A codec for one call, released with it. Absent: G.722 cannot be had. */
  readonly g722?: () => WireCodec & { release(): void };
  /** Addresses and networks that may send besides the one that Asterisk names, asked at each call: for one behind a translation. */
  sources?(): readonly string[];
}

interface WireFormat {
  readonly codec: RtpCodec;
  /** The one that Asterisk's static table has: for slin it is 10, whatever RFC 3551 means by it. */
  readonly payloadType: number;
  readonly sampleRateHz: 8_000 | 16_000;
}

const FORMATS: ReadonlyMap<string, WireFormat> = new Map([
  ['ulaw', { codec: 'pcmu', payloadType: 0, sampleRateHz: 8_000 }],
  ['alaw', { codec: 'pcma', payloadType: 8, sampleRateHz: 8_000 }],
  ['g722', { codec: 'g722', payloadType: 9, sampleRateHz: 16_000 }],
  ['slin', { codec: 'l16', payloadType: 10, sampleRateHz: 8_000 }],
]);
/** Callers' formats with nothing above 4 kHz, G.711 apart. */
const NARROWBAND = /^(slin|gsm|g723|g726|g726aal2|g729|ilbc|adpcm|lpc10|speex|codec2|amr)$/;
const CLOCK_RATE_HZ = 8_000;
const PTIME_MS = 20;

/** All calls of a switch. */
export class AsteriskRtpPath implements AsteriskMediaPath {
  readonly kind = 'rtp';
  readonly #options: AsteriskRtpOptions;

  constructor(options: AsteriskRtpOptions) {
    this.#options = options;
  }

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT, ERR_TALKSPURT_PORTS_EXHAUSTED, ERR_TALKSPURT_MEDIA_BIND, or the signal's reason */
  async prepare(wanted: MediaWanted): Promise<PreparedMedia> {
    const { ports, advertiseHost } = this.#options;
    const name = this.#formatFor(wanted);
    const format = FORMATS.get(name);
    if (format === undefined || (name === 'g722' && this.#options.g722 === undefined)) throw unfit(name);
    wanted.signal.throwIfAborted();
    const pair = await ports.acquire();
    const host = advertiseHost ?? pair.host;
    let handedOut = false;
    return {
      externalMedia: {
        external_host: `${isIPv6(host) ? `[${host}]` : host}:${pair.rtpPort}`,
        encapsulation: 'rtp',
        transport: 'udp',
        connection_type: 'client',
        direction: 'both',
        format: name,
      },
      connect: async (variables) => {
        wanted.signal.throwIfAborted();
        const transport = this.#transport(pair, format, variables, wanted);
        handedOut = true;
        return transport;
      },
      abandon: async () => {
        if (!handedOut) await pair.release();
      },
    };
  }

  /** Nothing is open but what calls hold. */
  async close(): Promise<void> {
    await Promise.resolve();
  }

  /**
   * A caller's own G.711 as it is; what may be more than narrowband, or is not known, as G.722; the rest as G.711. Never slin: what
   * we send as slin is not heard once the bridge of some callers has been a mix of three.
   */
  #formatFor({ format, callFormat, capabilities }: MediaWanted): string {
    if (format !== 'auto') return format;
    const own = callFormat.toLowerCase();
    if (own === 'ulaw' || own === 'alaw') return own;
    const can = (name: string): boolean => capabilities?.paths.rtp.formats.includes(name) ?? true;
    if (!NARROWBAND.test(own) && this.#options.g722 !== undefined && can('g722')) return 'g722';
    return can('ulaw') || !can('alaw') ? 'ulaw' : 'alaw';
  }

  #transport(
    pair: RtpPortPair,
    format: WireFormat,
    variables: Readonly<Record<string, string>>,
    { onDigit, linkUp }: MediaWanted,
  ): MediaTransport {
    const { clock, g722 } = this.#options;
    const remote = remoteOf(variables);
    const others = (this.#options.sources?.() ?? []).filter((source) => source !== remote.host);
    const codec = format.codec === 'g722' ? (g722?.() ?? null) : null;
    const ports = codec === null ? pair : withCodec(pair, codec);
    try {
      const options: RtpTransportOptions = {
        clock,
        ports,
        media: mediaOf(format, remote),
        sources: [remote.host, ...others],
        // Asterisk sends from where it listens. Anything else on its host is somebody else's; behind a translation it may be any port.
        ...(others.length > 0 ? {} : { sourcePort: remote.port }),
        onDigit,
        firstSequenceNumber: sequenceNumberAt(clock.wallTimeMs()),
        ...(codec === null ? {} : { g722: codec }),
      };
      return new AsteriskRtpTransport(options, linkUp);
    } catch (error) {
      codec?.release();
      throw error;
    }
  }
}

/**
 * Its far end sends nothing while it has nothing to say, and plays a channel's first packet as it does all others. That it is
 * there all the same is ARI's to say: while the link is down only its packets do.
 */
class AsteriskRtpTransport extends RtpTransport {
  override readonly leadInFrames = 0;
  readonly #linkUp: () => boolean;

  constructor(options: RtpTransportOptions, linkUp: () => boolean) {
    super(options);
    this.#linkUp = linkUp;
  }

  override get expectsFrames(): boolean {
    return !this.#linkUp() && super.expectsFrames;
  }

  get owesFirstFrame(): boolean {
    return super.expectsFrames;
  }
}

interface Remote {
  readonly host: string;
  readonly port: number;
}

function mediaOf({ codec, payloadType, sampleRateHz }: WireFormat, { host, port }: Remote): RtpMedia {
  return {
    codec,
    payloadType,
    clockRateHz: CLOCK_RATE_HZ,
    format: { codec: codec === 'g722' ? 'l16' : codec, sampleRateHz, ptimeMs: PTIME_MS },
    eventPayloadType: null,
    eventClockRateHz: CLOCK_RATE_HZ,
    remoteHost: host,
    remotePort: port,
    remoteRtcpPort: port + 1,
    direction: 'sendrecv',
  };
}

/** The codec goes back with the ports. */
function withCodec(pair: RtpPortPair, codec: { release(): void }): RtpPortPair {
  return {
    ...pair,
    release: async () => {
      codec.release();
      await pair.release();
    },
  };
}

/**
 * The time, in packets. Where Asterisk transcodes, what it knows of a caller's stream outlives our media channel, and packets of a
 * later one are dropped for as long as their numbers are behind: numbers that begin at random would leave every second caller whom
 * we take up again in silence, for minutes. This way those of one process are behind those of an earlier one only where 655 s are
 * full between the two.
 */
function sequenceNumberAt(wallTimeMs: number): number {
  // In the upper half: what Asterisk makes itself (a tone, a mix of three) is numbered from 0, and must not be behind ours.
  return 32_768 + (Math.floor(wallTimeMs / PTIME_MS) % 32_768);
}

/** Where Asterisk's end is. @throws ERR_TALKSPURT_MEDIA_CONNECTION */
function remoteOf(variables: Readonly<Record<string, string>>): Remote {
  const host = variables['UNICASTRTP_LOCAL_ADDRESS'] ?? '';
  const port = Number(variables['UNICASTRTP_LOCAL_PORT']);
  if (isIP(host) !== 0 && Number.isInteger(port) && port > 0 && port < 65_535) return { host, port };
  const message =
    'Asterisk did not say where its end of the RTP is (UNICASTRTP_LOCAL_ADDRESS, UNICASTRTP_LOCAL_PORT): is it 16.6 or later?';
  throw new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}

function unfit(name: string): TalkspurtError {
  const advice = name.startsWith('slin') || name === 'opus' ? '; for this one take audiosocket or websocket' : '';
  const message = `Asterisk hears ${[...FORMATS.keys()].join(', ')} over RTP, not ${JSON.stringify(name)}${advice}`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
}

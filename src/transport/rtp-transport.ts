/**
 * RTP (RFC 3550): one call's audio, digits and reports over a pair of UDP ports.
 *
 * What does it do? Composes the receiving and the sending direction over two sockets. Believes only allowed addresses, and of
 *   these one source at a time; sends to where the packets come from (symmetric RTP) or, before any came, to where
 *   the SDP says.
 * How does it work? Everything on the way of a packet is made beforehand. Nothing is resolved: a far end that is named, not
 *   numbered, is sent to once it has been heard.
 * Not for: SRTP.
 */
import type { RemoteInfo } from 'node:dgram';
import { isIP } from 'node:net';
import { addressList, plainAddress } from '../core/address-list.ts';
import type { AddressList } from '../core/address-list.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { MediaFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from './media-transport.ts';
import { RtcpSession } from './rtcp-session.ts';
import type { RtpMedia } from './rtp-media.ts';
import { isRtcp } from './rtp-packet.ts';
import type { RtpPortPair } from './rtp-port-pool.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import { RtpSender } from './rtp-sender.ts';
import { liveRtpStats } from './rtp-stats.ts';
import type { RtpStats } from './rtp-stats.ts';
import { RtpWireFormat } from './rtp-wire-format.ts';
import type { WireCodec } from './rtp-wire-format.ts';
import { SendTally } from './send-tally.ts';
import type { DigitHandler } from './telephone-event.ts';

/** What a transport is made of. */
export interface RtpTransportOptions {
  readonly clock: Clock;
  /** Released by {@link RtpTransport.close}. */
  readonly ports: RtpPortPair;
  readonly media: RtpMedia;
  /** Who may send: IP addresses and networks (`10.0.0.0/8`), or a list of Node's. */
  readonly sources: readonly string[] | AddressList;
  /** A digit of the far end has ended. Must not throw. */
  readonly onDigit: DigitHandler;
  /** The one port that packets of `sources` may come from, where it is known; absent: any. */
  readonly sourcePort?: number;
  /** Send to where packets come from, and bind the source to it; default true. */
  readonly symmetric?: boolean;
  /** Codec of this call, when G.722 was agreed on. */
  readonly g722?: WireCodec;
  /** Sequence number of our first packet, 0..65535; default: random. */
  readonly firstSequenceNumber?: number;
}

interface Counters {
  receivedFrames: number;
  sentFrames: number;
  rejectedPackets: number;
  unsentFrames: number;
}

/** After a re-INVITE, packets on their way from the old address are no news of where the far end is. */
const LATCH_REST_MS = 500;

/** One call's RTP. */
export class RtpTransport implements MediaTransport {
  readonly kind = 'rtp';
  /** FreeSWITCH 1.11.2 drops the first 40 to 60 ms of a leg that it has just bridged. */
  readonly leadInFrames: number = 3;
  /** Live. */
  readonly rtpStats: RtpStats;
  readonly #clock: Clock;
  readonly #ports: RtpPortPair;
  readonly #format: RtpWireFormat;
  readonly #symmetric: boolean;
  /** 0: any. */
  readonly #sourcePort: number;
  readonly #allowed: AddressList;
  readonly #counters: Counters = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  readonly #receiver: RtpReceiver;
  readonly #sender: RtpSender;
  readonly #rtcp: RtcpSession;
  readonly #tally = new SendTally(this.#counters);
  #media: RtpMedia;
  #sink: MediaSink | null = null;
  #closed: Promise<void> | null = null;
  /** Where to send; port 0: nowhere yet. */
  #host = '';
  #port = 0;
  #rtcpHost = '';
  #rtcpPort = 0;
  #latchFromMs = Number.NEGATIVE_INFINITY;
  #allowedAddress = '';

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT, ERR_TALKSPURT_CONFIG_INVALID when the media or the sources are not usable; the ports are then still the caller's */
  constructor(options: RtpTransportOptions) {
    const { clock, ports, media } = options;
    this.#clock = clock;
    this.#ports = ports;
    this.#media = media;
    this.#symmetric = options.symmetric ?? true;
    this.#sourcePort = options.sourcePort ?? 0;
    this.#allowed = addressList(options.sources);
    this.#format = new RtpWireFormat(media, options.g722);
    const transmit = (packet: Uint8Array): void => {
      this.#ports.rtp.send(packet, this.#port, this.#host, this.#tally.next());
    };
    this.#sender = new RtpSender(media, this.#format, transmit, options.firstSequenceNumber);
    this.#receiver = new RtpReceiver({
      media,
      format: this.#format,
      symmetric: this.#symmetric,
      onDigit: options.onDigit,
      onSilence: (payload) => this.#sink?.onSilence?.(payload),
      onFrame: (frame, sequenceNumber, timestamp, nowMs) => {
        this.#counters.receivedFrames += 1;
        this.#sink?.onFrame(frame, sequenceNumber, timestamp, nowMs);
      },
    });
    this.#rtcp = new RtcpSession({
      clock,
      clockRateHz: media.clockRateHz,
      sent: this.#sender,
      source: this.#receiver.source,
      send: (bytes) => this.#sendRtcp(bytes),
    });
    this.rtpStats = liveRtpStats(this.#receiver, this.#sender, this.#rtcp);
    this.#aim();
    this.#listen();
  }

  get format(): MediaFormat {
    return this.#media.format;
  }

  /** What is agreed on now. */
  get media(): RtpMedia {
    return this.#media;
  }

  get stats(): MediaTransportStats {
    return this.#counters;
  }

  /** Whether the far end has to send: one that may not need not, nor need one that holds us, which may have no music. */
  get expectsFrames(): boolean {
    return this.#media.direction === 'sendrecv';
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
    this.#rtcp.start();
  }

  send(payload: Uint8Array, _startsTalkspurt: boolean): void {
    if (this.#closed !== null || payload.length !== this.#format.frameBytes) {
      this.#counters.unsentFrames += 1;
      return;
    }
    const nowMs = this.#clock.nowMs();
    this.#receiver.poll(nowMs);
    const held = this.#held;
    const open = !held && this.#port !== 0;
    if (!open && !held) this.#counters.unsentFrames += 1;
    this.#sender.tick(payload, open, nowMs);
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    // A switch passes a packet on as it comes: it holds nothing that could be dropped.
  }

  /**
   * Sends digits as telephone-events, audio paused meanwhile; paced by {@link send}. Resolves when the last one is out.
   * @throws ERR_TALKSPURT_MEDIA_FORMAT when the far end takes no events, or for what is no digit;
   *   ERR_TALKSPURT_CALL_GONE when closed
   */
  async sendDigits(digits: string, toneMs = 160, gapMs = 70): Promise<void> {
    if (this.#closed !== null) throw callGone();
    if (this.#media.eventPayloadType === null) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'the far end takes no telephone-events (RFC 4733)');
    }
    await this.#sender.digits.enqueue(digits, toneMs, gapMs);
  }

  /**
   * What a re-INVITE agreed on: another address, direction or payload type. The audio itself stays as it is.
   * @throws ERR_TALKSPURT_MEDIA_FORMAT when codec, clock or ptime are others; then nothing has changed
   */
  update(media: RtpMedia): void {
    const { codec, clockRateHz, format, remoteHost, remotePort, remoteRtcpPort } = this.#media;
    if (
      media.codec !== codec ||
      media.clockRateHz !== clockRateHz ||
      media.format.sampleRateHz !== format.sampleRateHz ||
      media.format.ptimeMs !== format.ptimeMs
    ) {
      const message = `the far end changed ${codec}/${clockRateHz} to another codec or ptime in the call: it must stay`;
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
    }
    this.#media = media;
    this.#sender.update(media);
    this.#receiver.update(media);
    const moved =
      media.remoteHost !== remoteHost || media.remotePort !== remotePort || media.remoteRtcpPort !== remoteRtcpPort;
    if (moved) {
      this.#receiver.source.expectChange();
      this.#latchFromMs = this.#clock.nowMs() + LATCH_REST_MS;
      this.#aim();
    }
    this.#setDirection();
  }

  /** Says goodbye and gives the ports back. Twice is harmless. */
  async close(): Promise<void> {
    this.#closed ??= this.#end();
    await this.#closed;
  }

  async #end(): Promise<void> {
    this.#sink = null;
    this.#rtcp.stop();
    this.#sender.digits.abort(callGone());
    if (this.#rtcpPort !== 0 && (this.#sender.packets > 0 || this.#rtcp.sentReports > 0)) {
      // The socket hands it to the kernel, or says that it cannot, before it closes.
      await new Promise<void>((resolve) => this.#sendRtcp(this.#rtcp.goodbye(), () => resolve()));
    }
    await this.#ports.release();
  }

  get #held(): boolean {
    return this.#media.direction === 'recvonly' || this.#media.direction === 'inactive';
  }

  #setDirection(): void {
    const { direction } = this.#media;
    this.#receiver.listening = direction === 'sendrecv' || direction === 'recvonly';
  }

  #listen(): void {
    const { rtp, rtcp } = this.#ports;
    this.#setDirection();
    rtp.on('message', (datagram, from) => this.#receive(datagram, from));
    rtcp.on('message', (datagram, from) => this.#receiveRtcp(datagram, from));
    // What goes wrong with one datagram is told to its own call-back; nothing else is to be done about it.
    rtp.on('error', () => (this.#counters.rejectedPackets += 1));
    rtcp.on('error', () => (this.#counters.rejectedPackets += 1));
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    if (this.#closed !== null) return;
    if (isRtcp(datagram)) {
      this.#receiveRtcp(datagram, from);
      return;
    }
    const nowMs = this.#clock.nowMs();
    const { address, port } = from;
    const stranger = port === 0 || (this.#sourcePort !== 0 && port !== this.#sourcePort) || !this.#allows(address);
    if (stranger || datagram.length > LIMITS.rtpDatagramBytes) {
      this.#counters.rejectedPackets += 1;
      return;
    }
    if (!this.#receiver.receive(datagram, address, port, nowMs)) {
      this.#counters.rejectedPackets += 1;
    } else if (this.#symmetric && (this.#receiver.source.fresh || nowMs >= this.#latchFromMs)) {
      this.#latch();
    }
  }

  /** From now on we send to the source that we listen to. */
  #latch(): void {
    const { source } = this.#receiver;
    if (!source.locked || (source.port === this.#port && source.address === this.#host)) return;
    this.#host = source.address;
    this.#port = source.port;
    const { remotePort, remoteRtcpPort } = this.#media;
    this.#rtcpHost = source.address;
    // Multiplexed, or as far from the RTP port as the SDP says; where that is, RTCP itself tells better.
    this.#rtcpPort = Math.min(65_535, source.port + Math.max(0, remotePort === 0 ? 1 : remoteRtcpPort - remotePort));
  }

  /** Aims at what the SDP says. */
  #aim(): void {
    const { remoteHost, remotePort, remoteRtcpPort } = this.#media;
    const known = isIP(remoteHost) === isIP(this.#ports.host) && isPort(remotePort);
    this.#host = known ? remoteHost : '';
    this.#port = known ? remotePort : 0;
    this.#rtcpHost = this.#host;
    this.#rtcpPort = known && isPort(remoteRtcpPort) ? remoteRtcpPort : 0;
  }

  #receiveRtcp(datagram: Buffer, from: RemoteInfo): void {
    if (this.#closed !== null) return;
    const { address, port } = from;
    const refused = datagram.length > LIMITS.rtpDatagramBytes || !this.#allows(address) || port === 0;
    if (refused || !this.#rtcp.receive(datagram, this.#clock.nowMs())) {
      this.#counters.rejectedPackets += 1;
      return;
    }
    if (!this.#symmetric || address !== this.#host) return;
    this.#rtcpHost = address;
    this.#rtcpPort = port;
  }

  #sendRtcp(bytes: Uint8Array, onSent: () => void = () => undefined): void {
    const { remotePort, remoteRtcpPort } = this.#media;
    const socket = remotePort === remoteRtcpPort ? this.#ports.rtp : this.#ports.rtcp;
    if (this.#rtcpPort === 0) onSent();
    else socket.send(bytes, 0, bytes.length, this.#rtcpPort, this.#rtcpHost, onSent);
  }

  #allows(address: string): boolean {
    if (address === this.#allowedAddress) return true;
    if (!this.#allowed.has(plainAddress(address))) return false;
    this.#allowedAddress = address;
    return true;
  }
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65_536;
}

function callGone(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the audio path was closed');
}

/**
 * FreeSWITCH's `unicast`: one bare audio frame a datagram, both ways; no header, no sequence, no codec.
 *
 * What does it do? Binds a UDP port of our own and waits for the switch's first datagram: the only sign that the switch
 *   took the request, and the only place to learn its port and (where the channel does not say it) the ptime.
 * How does it work? Frames are numbered here on arrival. The socket is connected to the first sender, so that the kernel
 *   lets nobody else in. A frame of another size than the channel's is never sent: to FreeSWITCH it is noise, and a
 *   zero-length datagram ends injection for good.
 * Not for: sending before the first datagram came.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { AudioFormat, MediaFormat, PtimeMs } from '../core/media.ts';
import { bytesPerMs, frameBytes, frameSamples, isPtimeMs, silenceOf } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from './media-transport.ts';
import { SendTally } from './send-tally.ts';

/** Where to bind, whom to believe, what to expect. */
export interface UnicastOptions {
  readonly clock: Clock;
  /** Address of ours that the socket is bound to. */
  readonly bindHost: string;
  /** Ports to try, both included; absent: any free one. */
  readonly portRange?: { readonly from: number; readonly to: number };
  /** The only address that may send: the switch's, as an IP address. */
  readonly sourceHost: string;
  /** What the channel carries: G.711 in native mode, otherwise L16 at the read rate. */
  readonly audio: AudioFormat;
  /** The channel's packet duration, or null: it is learned from the first datagram. */
  readonly ptimeMs: PtimeMs | null;
}

interface Counters {
  receivedFrames: number;
  sentFrames: number;
  rejectedPackets: number;
  unsentFrames: number;
}

const KERNEL_BUFFER_BYTES = 256 * 1024;
const IDLE_BYTE = 0xff;
const USUAL_PTIME_MS = 20;

/** One call's socket. */
export class UnicastTransport implements MediaTransport {
  readonly kind = 'unicast';
  readonly #clock: Clock;
  readonly #options: UnicastOptions;
  readonly #socket: Socket;
  readonly #counters: Counters = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  readonly #tally = new SendTally(this.#counters);
  #format: MediaFormat | null = null;
  #frameBytes = 0;
  #frameSamples = 0;
  #sink: MediaSink | null = null;
  #sequenceNumber = 0;
  #timestamp = 0;
  #idleFrames = 0;
  #idleRun = 0;
  #wrongSizes = 0;
  #peerPort = 0;
  #silence = new Uint8Array(0);
  #connected = false;
  #closed = false;
  #onFirst: (() => void) | null = null;
  #onRefused: ((error: TalkspurtError) => void) | null = null;

  private constructor(options: UnicastOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#socket = createSocket({
      type: options.bindHost.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: KERNEL_BUFFER_BYTES,
    });
    this.#socket.on('message', (datagram, from) => this.#receive(datagram, from));
    // A port that is gone at the other end answers with ICMP: an error here, and nothing to do about it.
    this.#socket.on('error', () => (this.#counters.rejectedPackets += 1));
  }

  /** A bound socket that waits. @throws ERR_TALKSPURT_MEDIA_BIND, ERR_TALKSPURT_PORTS_EXHAUSTED */
  static async open(options: UnicastOptions): Promise<UnicastTransport> {
    const { portRange } = options;
    if (portRange === undefined) return await UnicastTransport.#bound(options, 0);
    for (let port = portRange.from; port <= portRange.to; port++) {
      try {
        return await UnicastTransport.#bound(options, port);
      } catch (error) {
        if (!(error instanceof TalkspurtError) || error.details['reason'] !== 'EADDRINUSE') throw error;
      }
    }
    const range = `${portRange.from} to ${portRange.to}`;
    throw new TalkspurtError(
      'ERR_TALKSPURT_PORTS_EXHAUSTED',
      `every UDP port from ${range} is in use: widen portRange`,
    );
  }

  static async #bound(options: UnicastOptions, port: number): Promise<UnicastTransport> {
    const transport = new UnicastTransport(options);
    const socket = transport.#socket;
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: NodeJS.ErrnoException): void => {
        transport.#closed = true;
        socket.close();
        const where = `${options.bindHost}:${port}`;
        const details = { reason: cause.code };
        reject(
          new TalkspurtError(
            'ERR_TALKSPURT_MEDIA_BIND',
            `no UDP port could be bound at ${where}: ${cause.code ?? cause.message}`,
            { cause, details },
          ),
        );
      };
      socket.once('error', fail);
      socket.bind({ port, address: options.bindHost, exclusive: true }, () => {
        socket.off('error', fail);
        resolve();
      });
    });
    return transport;
  }

  /** Our port. */
  get port(): number {
    return this.#closed ? 0 : this.#socket.address().port;
  }

  /** Known once {@link firstDatagram} has resolved. @throws ERR_TALKSPURT_MEDIA_FORMAT before */
  get format(): MediaFormat {
    if (this.#format !== null) return this.#format;
    throw new TalkspurtError(
      'ERR_TALKSPURT_MEDIA_FORMAT',
      'no datagram has come yet: the packet duration is not known',
    );
  }

  get stats(): MediaTransportStats {
    return this.#counters;
  }

  /** Datagrams that say: the far end sends nothing. */
  get idleFrames(): number {
    return this.#idleFrames;
  }

  /** Resolves when audio flows. @throws ERR_TALKSPURT_UNICAST_SILENT, or the signal's reason */
  async firstDatagram(withinMs: number, signal: AbortSignal): Promise<void> {
    let timer: Timer | undefined;
    let onAbort: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.#connected) return resolve();
        this.#onFirst = resolve;
        this.#onRefused = reject;
        onAbort = () => reject(signal.reason as Error);
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        const message = `the switch sent no audio within ${withinMs} ms: see its log for "Failure creating unicast connection", and check that it reaches ${this.#options.bindHost}`;
        timer = this.#clock.after(withinMs, () => reject(new TalkspurtError('ERR_TALKSPURT_UNICAST_SILENT', message)));
      });
    } finally {
      timer?.cancel();
      this.#onFirst = null;
      this.#onRefused = null;
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    }
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
  }

  send(payload: Uint8Array, _startsTalkspurt: boolean): void {
    if (!this.#connected || this.#closed || payload.length !== this.#frameBytes) {
      this.#counters.unsentFrames += 1;
      return;
    }
    this.#socket.send(payload, this.#tally.next());
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    // FreeSWITCH passes a frame on as it comes: it holds nothing that could be dropped.
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink = null;
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    if (this.#format === null) {
      this.#learn(datagram, from);
      return;
    }
    // Until the kernel does it for us: only the one sender, port and all.
    if (!this.#connected && (from.port !== this.#peerPort || from.address !== this.#options.sourceHost)) {
      this.#counters.rejectedPackets += 1;
      return;
    }
    if (datagram.length === this.#frameBytes) {
      this.#idleRun = 0;
      this.#deliver(datagram);
    } else if (this.#isIdle(datagram)) {
      this.#idle();
    } else {
      this.#wrongSize();
    }
  }

  #deliver(frame: Uint8Array | null): void {
    this.#wrongSizes = 0;
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + this.#frameSamples) >>> 0;
    if (frame === null) return;
    this.#counters.receivedFrames += 1;
    this.#sink?.onFrame(frame, this.#sequenceNumber, this.#timestamp, this.#clock.nowMs());
  }

  /** The far end sends nothing: a gap at first, which is concealed; then silence, because the path itself is alive. */
  #idle(): void {
    this.#idleFrames += 1;
    this.#idleRun += 1;
    this.#deliver(this.#idleRun <= LIMITS.unicastConcealedFrames ? null : this.#silence);
  }

  #wrongSize(): void {
    this.#counters.rejectedPackets += 1;
    this.#wrongSizes += 1;
    if (this.#wrongSizes !== LIMITS.unicastWrongSizes) return;
    const message = 'the packets of the channel changed their size: it was given another codec or ptime';
    this.#sink?.onLost(new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message));
  }

  /** The first datagram of the right sender: its port and its size are what we are told of the path. */
  #learn(datagram: Buffer, from: RemoteInfo): void {
    const { audio, sourceHost } = this.#options;
    if (from.address !== sourceHost || datagram.length === 0) {
      this.#counters.rejectedPackets += 1;
      return;
    }
    const ptimeMs = this.#ptimeOf(datagram);
    if (ptimeMs === null) {
      this.#counters.rejectedPackets += 1;
      const message = `the switch sends packets of ${datagram.length} bytes of ${audio.codec}/${audio.sampleRateHz}: take a mono codec of 10 to 60 ms`;
      this.#onRefused?.(new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message));
      return;
    }
    const format: MediaFormat = { ...audio, ptimeMs };
    this.#format = format;
    this.#frameBytes = frameBytes(format);
    this.#frameSamples = frameSamples(format);
    this.#silence = silenceOf(audio, ptimeMs);
    this.#peerPort = from.port;
    this.#socket.connect(from.port, from.address, () => {
      if (this.#closed) return;
      this.#connected = true;
      this.#onFirst?.();
    });
  }

  /**
   * A packet's duration, or null. FreeSWITCH fills the packet of a far end that sends nothing with 255 and gives it the size
   * of L16, in native mode too: there twice what audio has, which is then ambiguous without what the channel says.
   */
  #ptimeOf(datagram: Buffer): PtimeMs | null {
    const { audio, ptimeMs: told } = this.#options;
    const asAudio = datagram.length / bytesPerMs(audio);
    if (audio.codec === 'l16') {
      // Two channels, interleaved, look like twice the time.
      if (told !== null && asAudio === told * 2) return null;
      return isPtimeMs(asAudio) ? asAudio : null;
    }
    const asIdle = datagram.every((byte) => byte === IDLE_BYTE) ? asAudio / 2 : 0;
    if (told !== null && (told === asAudio || told === asIdle)) return told;
    if (isPtimeMs(asIdle) && (asIdle === USUAL_PTIME_MS || asAudio !== USUAL_PTIME_MS)) return asIdle;
    return isPtimeMs(asAudio) ? asAudio : null;
  }

  #isIdle(datagram: Buffer): boolean {
    return (
      this.#options.audio.codec !== 'l16' && datagram.length === 2 * this.#frameSamples && datagram[0] === IDLE_BYTE
    );
  }
}

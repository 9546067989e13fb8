/**
 * Listening on the same host: `uuid_record` into a FIFO of ours. Nothing is added to the call but a recording; both parties
 * come in one stream, so that they are aligned to the sample.
 *
 * How does it work? A FIFO without a reader would block the switch's thread, so ours is open before the switch is told. Three
 *   variables of the channel make the switch write at once and at our rate; they get their old values back as soon as the
 *   recording runs. What comes is headerless L16 with the caller on the left.
 * Not for: speaking. FreeSWITCH takes sound from a FIFO as well, and silences the whole leg when it runs dry.
 */
import { execFile } from 'node:child_process';
import { constants, open } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { MediaFormat, SampleRateHz } from '../../core/media.ts';
import { isSampleRateHz } from '../../core/media.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AttachRequest } from '../switch-adapter.ts';
import type { EslLink } from './esl-link.ts';
import { FifoTransport } from './tap-fifo-transport.ts';
import type { Tap } from './tap-eavesdropper.ts';
import { orAborted } from './tap-path.ts';
import type { TapTarget } from './tap-path.ts';

/** Where the FIFO is to be. */
export interface FifoOptions {
  /**
   * A directory in which the switch may open files, where it does not run as our own user: FIFOs in it are open to its group.
   * Absent: the system's directory for temporary files, for our own user alone.
   */
  readonly directory?: string;
}

/** What such a tap is made of. */
export interface FifoTapParts {
  readonly target: TapTarget;
  readonly switchName: string;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly request: AttachRequest;
  readonly options: FifoOptions;
  /** The recording ended, and not by `close`. Called once at most. */
  onEnded(reason: string): void;
  /** What was owed is paid, after `close` has resolved. */
  onCleared(): void;
}

const PTIME_MS = 20;
/** Read at once; what waits besides is in the kernel, which keeps 64 KiB. */
const READ_BYTES = 16 * 1024;
const run = promisify(execFile);
const openFile = promisify(open);

/** One recording into a FIFO. Opened once. */
export class FifoTap implements Tap {
  readonly #parts: FifoTapParts;
  readonly #failing = new AbortController();
  #directory: string | null = null;
  #path = '';
  #socket: Socket | null = null;
  #transport: FifoTransport | null = null;
  #asked = false;
  #waiting = false;
  #owed = false;
  #running = false;
  #opening: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(parts: FifoTapParts) {
    this.#parts = parts;
  }

  get cleared(): boolean {
    return !this.#waiting && !this.#owed;
  }

  /** @throws ERR_TALKSPURT_MEDIA_BIND when no FIFO can be made, ERR_TALKSPURT_SWITCH_COMMAND, _MEDIA_FORMAT, _LINK_* */
  async open(signal: AbortSignal): Promise<MediaTransport> {
    const opening = this.#open(signal);
    this.#opening = opening;
    return await opening;
  }

  async #open(signal: AbortSignal): Promise<MediaTransport> {
    const { clock, request } = this.#parts;
    const format: MediaFormat = { codec: 'l16', sampleRateHz: this.#rate(), ptimeMs: PTIME_MS };
    const transport = new FifoTransport(clock, format, request.mix === 'stereo', () => this.close());
    this.#transport = transport;
    this.#socket = this.#listen(await this.#makeFifo(), transport);
    const stop = AbortSignal.any([signal, this.#failing.signal]);
    stop.throwIfAborted();
    await this.#record(format.sampleRateHz, stop);
    this.#running = true;
    return transport;
  }

  setWhisper(): Promise<void> {
    const message = 'a recording only listens: tap the call by eavesdropping to whisper';
    return Promise.reject(new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message));
  }

  onBlind(): void {
    // Audio goes on without the link, and its end is the FIFO's.
  }

  async onSighted(): Promise<void> {
    if (!this.#owed) return;
    await this.#stop();
    if (this.cleared) this.#parts.onCleared();
  }

  async close(): Promise<void> {
    this.#closing ??= this.#runClose();
    await this.#closing;
  }

  async #runClose(): Promise<void> {
    this.#running = false;
    this.#transport?.end();
    this.#failing.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the tap was closed'));
    await Promise.allSettled([this.#opening]);
    if (this.#asked) await this.#stop();
    // The way in goes before the reader: a switch that opens it late finds nothing, instead of a FIFO that nobody reads.
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
    this.#socket?.destroy();
  }

  /** Never rejects: a switch that cannot be told finds the FIFO without a reader, and stops by itself. */
  async #stop(): Promise<void> {
    try {
      await this.#parts.link.api(`uuid_record ${this.#parts.target.uuid} stop ${this.#path}`);
      this.#owed = false;
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      this.#owed = true;
    }
  }

  #rate(): SampleRateHz {
    const wanted = this.#parts.request.sampleRateHz ?? this.#parts.target.rateHz;
    if (isSampleRateHz(wanted)) return wanted;
    const message = `a call of ${wanted} Hz cannot be used: ask for 8000, 16000, 24000 or 48000`;
    throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
  }

  /** Makes the FIFO and opens its reading end, which does not wait for a writer. */
  async #makeFifo(): Promise<number> {
    const { directory } = this.#parts.options;
    const parent = directory ?? tmpdir();
    try {
      const own = await mkdtemp(join(parent, 'talkspurt-'));
      this.#directory = own;
      if (directory !== undefined) await chmod(own, 0o750);
      this.#path = join(own, 'call.r16');
      await run('mkfifo', ['-m', directory === undefined ? '600' : '660', this.#path]);
      return await openFile(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (cause) {
      const message = `no FIFO could be made in ${parent}: does it exist, and may we write there?`;
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_BIND', message, { cause });
    }
  }

  /** The socket takes the descriptor over; what is read goes to one buffer, again and again. */
  #listen(descriptor: number, transport: FifoTransport): Socket {
    const onread: OnReadOpts = {
      buffer: new Uint8Array(READ_BYTES),
      callback: (bytes, buffer) => {
        transport.receive(buffer.subarray(0, bytes));
        return true;
      },
    };
    // The types know it for connections only.
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd: descriptor,
      readable: true,
      writable: false,
      onread,
    };
    const socket = new Socket(options);
    socket.on('end', () => this.#ended());
    socket.on('error', () => this.#ended());
    socket.resume();
    return socket;
  }

  #ended(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#parts.onEnded('the switch ended the recording');
  }

  /** Starts the recording; the channel has its variables back when this returns. */
  async #record(rateHz: SampleRateHz, signal: AbortSignal): Promise<void> {
    const { link, target, request, switchName } = this.#parts;
    const settings: Readonly<Record<string, string>> = {
      enable_file_write_buffering: 'false',
      RECORD_PRE_BUFFER_FRAMES: '1',
      RECORD_READ_ONLY: request.mix === 'mono' ? 'true' : '',
      RECORD_WRITE_ONLY: '',
      RECORD_STEREO: request.mix === 'stereo' ? 'true' : '',
      record_sample_rate: String(rateHz),
    };
    const before = new Map<string, string>();
    try {
      for (const [name, value] of Object.entries(settings)) {
        const old = (await link.api(`uuid_getvar ${target.uuid} ${name}`)).trim();
        before.set(name, old === '_undef_' || old.startsWith('-') ? '' : old);
        await this.#set(name, value);
      }
      signal.throwIfAborted();
      const reply = await orAborted(this.#start(), signal);
      if (reply.startsWith('-')) {
        const message = `${switchName} refused to record: ${reply.trim().slice(0, 200)}`;
        throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
      }
    } finally {
      await this.#restore(before);
    }
  }

  /** The command, in the background: a switch that cannot open the FIFO takes its time. */
  async #start(): Promise<string> {
    const { link, target } = this.#parts;
    this.#asked = true;
    this.#waiting = true;
    try {
      return await link.bgapi(`uuid_record ${target.uuid} start ${this.#path}`);
    } finally {
      this.#waiting = false;
      // Closed meanwhile: what the switch has begun in spite of it ends.
      if (this.#closing !== null) void this.#stopLate();
    }
  }

  async #stopLate(): Promise<void> {
    await this.#stop();
    if (this.cleared) this.#parts.onCleared();
  }

  /** An empty value takes the variable off. @throws ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_LINK_* */
  async #set(name: string, value: string): Promise<void> {
    const { link, target, switchName } = this.#parts;
    const reply = await link.api(`uuid_setvar ${target.uuid} ${name} ${value}`.trimEnd());
    if (!reply.startsWith('-')) return;
    throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `the channel is no longer on ${switchName}`);
  }

  /** Another recording of this call is not to be made as ours was. */
  async #restore(before: ReadonlyMap<string, string>): Promise<void> {
    try {
      for (const [name, value] of before) await this.#set(name, value);
    } catch (error) {
      // The channel or the link has gone: there is nothing left that we could set.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }
}

/**
 * Asterisk's externalMedia by AudioSocket: Asterisk connects to our server and shows the UUID that the request named.
 *
 * What does it do? Wideband both ways with nothing to configure in Asterisk, and the lowest delay of its ways: what is sent is passed
 *   on at once. Asterisk resamples between the call and the format that is asked for.
 * Not for: digits. Asterisk tells them by an ARI event too, so they are not told from here unless asked for.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import type { SampleRateHz } from '../../core/media.ts';
import type { AudioSocketConnection } from '../../transport/audiosocket-connection.ts';
import type { AudioSocketServer } from '../../transport/audiosocket-server.ts';
import { AudioSocketTransport, SLIN_NAMES } from '../../transport/audiosocket-transport.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AsteriskMediaPath, MediaWanted, PreparedMedia } from './media-path.ts';

/** What the path works with. */
export interface AsteriskAudioSocketOptions {
  readonly clock: Clock;
  /** Listening; shared, and closed by whoever made it. */
  readonly server: AudioSocketServer;
  /** Our address as Asterisk reaches it. Default: the one that the server is bound to. */
  readonly advertisedHost?: string;
  /** From the request to the connection. Default LIMITS.audioSocketConnectMs. */
  readonly connectMs?: number;
  /** Tells digits of the connection to `onDigit`: for who hears no ARI events of them. Default false. */
  readonly tellsDigits?: boolean;
}

const RATE_OF: ReadonlyMap<string, SampleRateHz> = new Map(
  Object.entries(SLIN_NAMES).map(([rateHz, name]) => [name, Number(rateHz) as SampleRateHz]),
);
/** Callers' formats that carry nothing above 4 kHz. */
const NARROWBAND = new Set([
  'ulaw',
  'alaw',
  'slin',
  'gsm',
  'g723',
  'g726',
  'g726aal2',
  'g729',
  'ilbc',
  'adpcm',
  'lpc10',
  'speex',
]);
const PTIME_MS = 20;

/** All calls of a switch. */
export class AsteriskAudioSocketPath implements AsteriskMediaPath {
  readonly kind = 'audiosocket';
  readonly #options: AsteriskAudioSocketOptions;
  readonly #open = new Set<Prepared>();

  constructor(options: AsteriskAudioSocketOptions) {
    this.#options = options;
  }

  /** @throws ERR_TALKSPURT_MEDIA_BIND while the server does not listen; ERR_TALKSPURT_MEDIA_FORMAT; the signal's reason */
  prepare(wanted: MediaWanted): Promise<PreparedMedia> {
    return Promise.resolve().then(() => {
      if (this.#options.server.port === 0) {
        const message = 'the AudioSocket server does not listen: Asterisk would have nowhere to connect to';
        throw new TalkspurtError('ERR_TALKSPURT_MEDIA_BIND', message);
      }
      if (wanted.signal.aborted) throw asTalkspurtError(wanted.signal.reason);
      const prepared = new Prepared(this.#options, wanted, () => this.#open.delete(prepared));
      this.#open.add(prepared);
      return prepared;
    });
  }

  /** Takes back what has been prepared and not connected; the server stays. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((prepared) => prepared.abandon()));
  }
}

/** One UUID that is waited for. */
class Prepared implements PreparedMedia {
  readonly externalMedia: Readonly<Record<string, string>>;
  readonly #options: AsteriskAudioSocketOptions;
  readonly #wanted: MediaWanted;
  readonly #rateHz: SampleRateHz;
  readonly #abandoned = new AbortController();
  readonly #arrival: Promise<AudioSocketConnection | TalkspurtError>;
  readonly #onSettled: () => void;
  #handedOut = false;

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT */
  constructor(options: AsteriskAudioSocketOptions, wanted: MediaWanted, onSettled: () => void) {
    const { server, advertisedHost, connectMs } = options;
    const format = formatOf(wanted);
    const uuid = randomUUID();
    this.#options = options;
    this.#wanted = wanted;
    this.#rateHz = format.rateHz;
    this.#onSettled = onSettled;
    const signal = AbortSignal.any([wanted.signal, this.#abandoned.signal]);
    // Asterisk connects before it answers the request: whoever awaits this may come later than its outcome.
    this.#arrival = server
      .expect(uuid, { signal, ...(connectMs === undefined ? {} : { withinMs: connectMs }) })
      .catch((error: unknown) => asTalkspurtError(error));
    this.externalMedia = {
      external_host: server.address(advertisedHost),
      encapsulation: 'audiosocket',
      transport: 'tcp',
      format: format.name,
      data: uuid,
    };
  }

  /** @throws ERR_TALKSPURT_MEDIA_CONNECTION when Asterisk did not connect in time; the signal's reason */
  async connect(): Promise<MediaTransport> {
    const arrived = await this.#arrival;
    this.#onSettled();
    if (arrived instanceof TalkspurtError) throw arrived;
    const { signal } = this.#wanted;
    if (signal.aborted || this.#abandoned.signal.aborted) {
      await arrived.close();
      throw asTalkspurtError(signal.aborted ? signal.reason : this.#abandoned.signal.reason);
    }
    this.#handedOut = true;
    return new AudioSocketTransport({
      clock: this.#options.clock,
      connection: arrived,
      format: { codec: 'l16', sampleRateHz: this.#rateHz, ptimeMs: PTIME_MS },
      ...(this.#options.tellsDigits === true ? { onDigit: this.#wanted.onDigit } : {}),
    });
  }

  async abandon(): Promise<void> {
    this.#onSettled();
    if (this.#handedOut) return;
    this.#abandoned.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call did not take its media'));
    const arrived = await this.#arrival;
    if (!(arrived instanceof TalkspurtError) && !this.#handedOut) await arrived.close();
  }
}

/** @throws ERR_TALKSPURT_MEDIA_FORMAT */
function formatOf({ format, callFormat, capabilities }: MediaWanted): {
  readonly name: string;
  readonly rateHz: SampleRateHz;
} {
  const wide =
    !NARROWBAND.has(callFormat.toLowerCase()) && (capabilities?.paths.audiosocket.formats.includes('slin16') ?? true);
  const name = format === 'auto' ? (wide ? 'slin16' : 'slin') : format;
  const rateHz = RATE_OF.get(name);
  if (rateHz !== undefined) return { name, rateHz };
  const message = `AudioSocket cannot carry ${JSON.stringify(name)}: take ${[...RATE_OF.keys()].join(', ')}, or auto`;
  throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
}

/**
 * A call's audio by Asterisk's chan_websocket, either way round.
 *
 *     server: POST externalMedia ──▶ Asterisk dials us (websocket_client.conf) ──▶ MEDIA_START names the channel
 *     client: POST externalMedia ──▶ its answer has a connection's id ──▶ we dial Asterisk's HTTP server with it
 */
import { WebSocket } from 'ws';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { ChanWebSocketConnection } from '../../transport/chan-websocket-connection.ts';
import type { ChanWebSocketFormat, ChanWebSocketStart } from '../../transport/chan-websocket-message.ts';
import { ChanWebSocketTransport, chanWebSocketMediaFormat } from '../../transport/chan-websocket-transport.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AsteriskWebSocketServer } from './asterisk-websocket-server.ts';
import type { AsteriskMediaPath, MediaWanted, PreparedMedia } from './media-path.ts';

/** Who dials. */
export type AsteriskWebSocketMode =
  | {
      readonly mode: 'server';
      /** Owned by the path from now on, and listening. */
      readonly server: AsteriskWebSocketServer;
      /** The section of websocket_client.conf that has our address. */
      readonly client: string;
    }
  | {
      readonly mode: 'client';
      /** Asterisk's HTTP server, with its prefix where it has one: `ws://127.0.0.1:8088`. `http:` is taken as `ws:`. */
      readonly url: string;
      /** PEM certificates that a `wss:` is verified by, in place of those that Node trusts. */
      readonly ca?: string;
    };

/** What the path works with. */
export type AsteriskWebSocketOptions = AsteriskWebSocketMode & {
  readonly clock: Clock;
  /** How the channel is to write its messages. Default `json` */
  readonly controlFormat?: ChanWebSocketFormat;
};

/** Codecs of callers that have no more than 4 kHz to say. */
const NARROW = /^(slin|gsm|g723|g726|g726aal2|g729|ilbc|lpc10|adpcm|speex|codec2|amr)$/;
const CONNECTION_ID = 'MEDIA_WEBSOCKET_CONNECTION_ID';
/** Parameters of a call's URL stick to the client in Asterisk 22: everyone's are the same. */
const URI_PARAMETERS = 'v(by=talkspurt)';

/** One Asterisk's. */
export class AsteriskWebSocketPath implements AsteriskMediaPath {
  readonly kind = 'websocket';
  readonly #options: AsteriskWebSocketOptions;
  readonly #controlFormat: ChanWebSocketFormat;
  readonly #base: URL | null;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for a `url` or `client` that cannot be one */
  constructor(options: AsteriskWebSocketOptions) {
    this.#options = options;
    this.#controlFormat = options.controlFormat ?? 'json';
    this.#base = options.mode === 'client' ? baseOf(options.url) : null;
    if (options.mode === 'server' && !/^[A-Za-z0-9_.-]{1,80}$/.test(options.client)) {
      const message = 'the section of websocket_client.conf may have letters, digits, dots, dashes and underscores';
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
    }
  }

  async prepare(wanted: MediaWanted): Promise<PreparedMedia> {
    const format = formatFor(wanted);
    wanted.signal.throwIfAborted();
    const externalMedia = { encapsulation: 'none', transport: 'websocket', format, direction: 'both' };
    const control = `f(${this.#controlFormat})`;
    if (this.#options.mode === 'client') {
      const { ca } = this.#options;
      const request = {
        ...externalMedia,
        external_host: 'INCOMING',
        connection_type: 'server',
        transport_data: control,
      };
      return this.#dialling(wanted, request, ca);
    }
    return this.#waiting(wanted, this.#options.server, {
      ...externalMedia,
      external_host: this.#options.client,
      connection_type: 'client',
      transport_data: control + URI_PARAMETERS,
    });
  }

  async close(): Promise<void> {
    if (this.#options.mode === 'server') await this.#options.server.close();
  }

  #waiting(
    wanted: MediaWanted,
    server: AsteriskWebSocketServer,
    externalMedia: PreparedMedia['externalMedia'],
  ): PreparedMedia {
    const place = server.expect(wanted.channelId);
    return {
      externalMedia,
      connect: async () => {
        const { connection, start } = await place.arrived(LIMITS.chanWebSocketConnectMs, wanted.signal);
        return await this.#transport(connection, start, wanted);
      },
      abandon: () => place.abandon(),
    };
  }

  #dialling(wanted: MediaWanted, externalMedia: PreparedMedia['externalMedia'], ca: string | undefined): PreparedMedia {
    const abandoned = new AbortController();
    const signal = AbortSignal.any([wanted.signal, abandoned.signal]);
    return {
      externalMedia,
      connect: async (variables) => {
        const url = this.#urlOf(variables[CONNECTION_ID] ?? '');
        const connection = await dial(url, this.#options.clock, signal, ca);
        let start: ChanWebSocketStart;
        try {
          start = await connection.started(LIMITS.chanWebSocketStartMs, signal);
        } catch (error) {
          await connection.close();
          throw error;
        }
        return await this.#transport(connection, start, wanted);
      },
      abandon: () => {
        abandoned.abort(new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', 'the call was abandoned'));
        return Promise.resolve();
      },
    };
  }

  async #transport(
    connection: ChanWebSocketConnection,
    start: ChanWebSocketStart,
    wanted: MediaWanted,
  ): Promise<MediaTransport> {
    try {
      wanted.signal.throwIfAborted();
      if (start.channelId !== wanted.channelId) throw anotherChannel();
      return new ChanWebSocketTransport({ clock: this.#options.clock, connection, start, onDigit: wanted.onDigit });
    } catch (error) {
      await connection.close();
      throw asTalkspurtError(error);
    }
  }

  /** The id lets in whoever shows it: it stands in no message. */
  #urlOf(connectionId: string): URL {
    if (this.#base === null || !/^[A-Za-z0-9-]{8,128}$/.test(connectionId)) {
      const message = `Asterisk gave the channel no ${CONNECTION_ID}: the answer of externalMedia needs it in its channelvars`;
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
    }
    const url = new URL(this.#base);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/media/${connectionId}`;
    return url;
  }
}

/** Asterisk's format for a call. @throws ERR_TALKSPURT_MEDIA_FORMAT */
function formatFor({ format, callFormat, capabilities }: MediaWanted): string {
  if (format !== 'auto') {
    if (chanWebSocketMediaFormat(format) !== null) return format;
    const message = `chan_websocket cannot have format ${JSON.stringify(format)} here: choose ulaw, alaw, slin, slin16, slin24, slin48 or auto`;
    throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
  }
  if (callFormat === 'ulaw' || callFormat === 'alaw') return callFormat;
  const wide = !NARROW.test(callFormat) && (capabilities?.paths.websocket.formats.includes('slin16') ?? true);
  return wide ? 'slin16' : 'slin';
}

/** @throws ERR_TALKSPURT_MEDIA_CONNECTION, or the signal's reason */
function dial(url: URL, clock: Clock, signal: AbortSignal, ca: string | undefined): Promise<ChanWebSocketConnection> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(asTalkspurtError(signal.reason));
      return;
    }
    const socket = new WebSocket(url, ['media'], {
      perMessageDeflate: false,
      followRedirects: false,
      maxPayload: LIMITS.chanWebSocketMessageBytes,
      ...(ca === undefined ? {} : { ca }),
    });
    let timer: Timer | null = null;
    const settle = (): void => {
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const refuse = (error: TalkspurtError): void => {
      settle();
      // `terminate` on a socket that is still dialling says so once more: nobody listens for a reason any more.
      socket.off('error', onError).on('error', ignored);
      socket.terminate();
      reject(error);
    };
    const onAbort = (): void => refuse(asTalkspurtError(signal.reason));
    const onError = (error: Error): void =>
      refuse(refusedBy(url, (error as NodeJS.ErrnoException).code ?? 'no answer'));
    timer = clock.after(LIMITS.chanWebSocketHandshakeMs, () =>
      refuse(refusedBy(url, `${LIMITS.chanWebSocketHandshakeMs} ms`)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError);
    socket.on('unexpected-response', (request, response) => {
      request.destroy();
      refuse(refusedBy(url, `status ${response.statusCode ?? 0}`));
    });
    socket.once('open', () => {
      settle();
      socket.off('error', onError);
      // Made within the event: no message slips by.
      resolve(new ChanWebSocketConnection(socket, clock, '', url.protocol === 'wss:'));
    });
  });
}

function ignored(): void {
  // Its reason has been told.
}

function refusedBy(url: URL, why: string): TalkspurtError {
  const message = `Asterisk at ${url.host} does not take our media WebSocket (${why}): is http.conf enabled there, chan_websocket loaded, and the channel still up?`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}

function anotherChannel(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', "Asterisk's WebSocket is another channel's");
}

/** @throws ERR_TALKSPURT_CONFIG_INVALID */
function baseOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const scheme =
    url === null ? undefined : { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol];
  if (url === null || scheme === undefined || url.username !== '' || url.search !== '' || url.hash !== '') {
    const message =
      "the address of Asterisk's HTTP server is to be like ws://127.0.0.1:8088, with no user and no query";
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
  }
  url.protocol = scheme;
  return url;
}

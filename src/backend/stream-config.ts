/** What a WebSocket stream is configured by, checked before anything is dialled. */
import { TalkspurtError } from '../core/errors.ts';
import { isSampleRateHz } from '../core/media.ts';
import type { SampleRateHz } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { BackendHints } from './upgrade-refusal.ts';

/** `mono`: the caller. `mixed`: both sides added. `stereo`: the caller left, the agent right, sample by sample. */
export type StreamMix = 'mono' | 'mixed' | 'stereo';

/** TLS of `wss://`; what is absent is as Node does it. */
export interface StreamTls {
  /** A file of certificates to trust instead; `SYSTEM`: Node's own; `NONE`: the server is not verified at all. */
  readonly caFile?: string | undefined;
  /** Our own certificate and its key, PEM. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** A certificate of another host will do. Default false. */
  readonly disableHostnameValidation?: boolean | undefined;
}

/** One stream; a plain object, whatever it was read from. */
export interface StreamConfig {
  /** For health, metrics and logs. Default `stream`. */
  readonly name?: string | undefined;
  /** `ws://` or `wss://`. Its query may hold a secret: it is shown nowhere. */
  readonly url: string;
  /** Default `mono`. */
  readonly mix?: StreamMix | undefined;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz | undefined;
  /** The first message, word for word; null or absent: the call's own (`BackendCall.metadata`), if it has any. */
  readonly metadata?: string | null | undefined;
  /**
   * Audio in one message: 20 … 1000 in steps of 20; anything else is 20, as in the module (`STREAM_BUFFER_SIZE`). `adaptive`: one
   * packet while anybody may be speaking, up to `LIMITS.backendMessageMs` in silence.
   */
  readonly frameMs?: number | 'adaptive' | undefined;
  /** Period of pings (`STREAM_HEART_BEAT`, there in seconds); 0 or absent: `LIMITS.backendPingMs`. */
  readonly heartBeatMs?: number | undefined;
  /** Sent with the upgrade (`STREAM_EXTRA_HEADERS`). Their values are treated as secrets. */
  readonly extraHeaders?: Readonly<Record<string, string>> | undefined;
  readonly tls?: StreamTls | undefined;
  /** Lets `ws://` leave this machine: the speech travels readable then. Default true: users of the module have it so. */
  readonly allowPlaintext?: boolean | undefined;
  /** Counts faults of single messages instead of reporting them (`STREAM_SUPPRESS_LOG`). Default false. */
  readonly suppressLog?: boolean | undefined;
  /** Attempts to connect again after a loss; 0, the default, is the module's behaviour. */
  readonly reconnectMax?: number | undefined;
  /** Tells the server, behind the metadata, which call it is: `{"type":"call","data":{"uuid":…,"correlationId":…}}`. Default false. */
  readonly callNotice?: boolean | undefined;
  /** Tells the server when the caller cut in: `{"type":"bargeIn","item":…,"playedMs":…}`. Default false. */
  readonly bargeInNotice?: boolean | undefined;
  /** Base64 of one audio message, characters: 1000 … 10000000. Default `LIMITS.streamAudioBase64`. */
  readonly maxAudioBase64?: number | undefined;
  /** From dialling to the end of the WebSocket handshake. Default `LIMITS.backendOpenMs`. */
  readonly openTimeoutMs?: number | undefined;
}

/** A {@link StreamConfig} that was checked, with its defaults. */
export interface StreamSettings {
  readonly name: string;
  readonly url: URL;
  readonly mix: StreamMix;
  readonly sampleRateHz: SampleRateHz;
  readonly metadata: string | null;
  readonly frameMs: number | 'adaptive';
  readonly pingMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly tls: StreamTls;
  readonly suppressLog: boolean;
  readonly reconnectMax: number;
  readonly callNotice: boolean;
  readonly bargeInNotice: boolean;
  readonly maxAudioBase64: number;
  readonly openTimeoutMs: number;
}

/** Where to look when it cannot be had. */
export const STREAM_HINTS: BackendHints = {
  address: 'url',
  dialled: 'url and extraHeaders',
  access: 'url and extraHeaders',
  asked: 'url and extraHeaders',
};

/** Checks `config` and adds the defaults. @throws ERR_TALKSPURT_CONFIG_INVALID */
export function streamSettings(config: StreamConfig): StreamSettings {
  const name = config.name ?? 'stream';
  const url = streamUrl(config, name);
  const sampleRateHz = config.sampleRateHz ?? 8000;
  if (!isSampleRateHz(sampleRateHz)) throw invalid(name, 'sampleRateHz', 'use 8000, 16000, 24000 or 48000');
  const mix = config.mix ?? 'mono';
  if (!MIXES.includes(mix)) throw invalid(name, 'mix', 'use mono, mixed or stereo');
  const extraHeaders = config.extraHeaders ?? {};
  for (const [header, value] of Object.entries(extraHeaders)) checkHeader(name, header, value);
  const metadata = config.metadata ?? null;
  if (metadata !== null && Buffer.byteLength(metadata) > LIMITS.streamTextBytes) {
    throw invalid(name, 'metadata', `at most ${LIMITS.streamTextBytes} bytes`);
  }
  return {
    name,
    url,
    mix,
    sampleRateHz,
    metadata,
    frameMs: frameMsOf(config.frameMs),
    pingMs: within(name, 'heartBeatMs', config.heartBeatMs || LIMITS.backendPingMs, 100, 3_600_000),
    // The module sends its server's own address as the origin.
    headers: { Origin: `${url.protocol === 'wss:' ? 'https' : 'http'}://${url.host}`, ...extraHeaders },
    secrets: Object.values(extraHeaders).filter((value) => value !== ''),
    tls: config.tls ?? {},
    suppressLog: config.suppressLog ?? false,
    reconnectMax: within(name, 'reconnectMax', config.reconnectMax ?? 0, 0, LIMITS.streamReconnects),
    callNotice: config.callNotice ?? false,
    bargeInNotice: config.bargeInNotice ?? false,
    maxAudioBase64: within(
      name,
      'maxAudioBase64',
      config.maxAudioBase64 ?? LIMITS.streamAudioBase64,
      1_000,
      LIMITS.streamAudioBase64,
    ),
    openTimeoutMs: within(name, 'openTimeoutMs', config.openTimeoutMs ?? LIMITS.backendOpenMs, 1, 600_000),
  };
}

const MIXES: readonly string[] = ['mono', 'mixed', 'stereo'];
/** RFC 9110 §5.6.2: what a header's name is made of. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]{1,256}$/;
/** The handshake's own. */
const HANDSHAKE_HEADER =
  /^(host|upgrade|connection|content-length|transfer-encoding|sec-websocket-(key|version|accept|extensions))$/i;

function frameMsOf(wantedMs: number | 'adaptive' | undefined): number | 'adaptive' {
  if (wantedMs === 'adaptive') return wantedMs;
  return wantedMs !== undefined && wantedMs >= 20 && wantedMs <= 1000 && wantedMs % 20 === 0 ? wantedMs : 20;
}

function streamUrl(config: StreamConfig, name: string): URL {
  // Not shown and no cause: whatever it is, it may hold a secret.
  if (config.url.length > LIMITS.commandUrlBytes || !URL.canParse(config.url)) {
    throw invalid(name, 'url', `write it like wss://host:port/path, at most ${LIMITS.commandUrlBytes} characters`);
  }
  const url = new URL(config.url);
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw invalid(name, 'url', 'begin it with wss:// or ws://');
  if (url.username !== '' || url.password !== '') {
    throw invalid(name, 'url', 'leave user and password out: send them in extraHeaders');
  }
  if (url.hash !== '') throw invalid(name, 'url', 'leave the # fragment out');
  if (url.protocol === 'ws:' && config.allowPlaintext === false && !isLoopback(url.hostname)) {
    throw invalid(name, 'url', 'ws:// to another machine would carry the speech readable: use wss://');
  }
  return url;
}

function checkHeader(name: string, header: string, value: string): void {
  if (!HEADER_NAME.test(header)) throw invalid(name, 'extraHeaders', 'a name holds what no header may be called');
  if (HANDSHAKE_HEADER.test(header)) throw invalid(name, `extraHeaders.${header}`, "it is the handshake's own");
  if (typeof value !== 'string' || value.length > LIMITS.commandBytes || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw invalid(name, `extraHeaders.${header}`, 'give one line of text');
  }
}

function within(name: string, field: string, value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw invalid(name, field, `use a whole number from ${low} to ${high}`);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function invalid(name: string, field: string, fix: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `${field} of stream '${name}' is wrong: ${fix}`, {
    details: { field },
  });
}

/**
 * Bodies of the events `mod_audio_stream::connect|disconnect|error|play`, as the module writes them: same members, same
 * order, no spaces. (`::json` has no shape of its own: its body is the server's text.)
 */
import { constants } from 'node:os';
import type { TalkspurtError } from '../core/errors.ts';
import type { SocketGoodbye } from './backend-socket.ts';

/** One event of the module: `name` is what follows `mod_audio_stream::`. */
export interface StreamModuleEvent {
  readonly name: 'connect' | 'disconnect' | 'error' | 'json' | 'play';
  /** Personal where it is `json` or `play`: the server's own words. */
  readonly body: string;
}

/** `::connect`: the WebSocket is open. */
export function streamConnectBody(): string {
  return '{"status":"connected"}';
}

/** `::disconnect`: the server closed with `code` and `reason`. */
export function streamDisconnectBody(code: number, reason: string): string {
  return JSON.stringify({ status: 'disconnected', message: { code, reason } });
}

/** `::error`: the connection could not be made or broke; {@link streamFaultOf} knows the module's codes. */
export function streamErrorBody(code: number, message: string): string {
  return JSON.stringify({ status: 'error', message: { code, error: message } });
}

/**
 * `::play`: `data` of a `streamAudio` message without its audio. `file` is the member that the module adds; leave it out
 * where the audio was played without a file, which is our way.
 */
export function streamPlayBody(data: Readonly<Record<string, unknown>>, file?: string): string {
  const { audioData: _, ...rest } = data;
  return JSON.stringify(file === undefined ? rest : { ...rest, file });
}

/** The module's code and words for a fault of ours. Never the URL, a header or a certificate. */
export function streamFaultOf(error: TalkspurtError): { readonly code: number; readonly message: string } {
  const { status, closeCode, errno } = error.details;
  if (closeCode === NO_GOODBYE) {
    return { code: 1, message: 'Connection closed without WebSocket CLOSE (abnormal EOF)' };
  }
  if (status !== undefined) return { code: 6, message: 'WebSocket upgrade failed' };
  if (error.code === 'ERR_TALKSPURT_BACKEND_REFUSED') return { code: 6, message: systemMessage(errno) };
  if (error.code === 'ERR_TALKSPURT_BACKEND_TIMEOUT') return { code: 10, message: 'Timeout' };
  return { code: 1, message: error.message };
}

/** The event that tells of a connection's end. */
export function streamEndEvent(error: TalkspurtError | null, goodbye?: SocketGoodbye): StreamModuleEvent | null {
  if (goodbye !== undefined && goodbye.code !== NO_GOODBYE) {
    return { name: 'disconnect', body: streamDisconnectBody(goodbye.code, goodbye.reason) };
  }
  if (error === null) return null;
  const { code, message } = streamFaultOf(error);
  return { name: 'error', body: streamErrorBody(code, message) };
}

/** RFC 6455 §7.1.5: the connection was cut without a goodbye. */
const NO_GOODBYE = 1006;

/** glibc's words where they were seen; for others the symbol, which says as much. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
};

function systemMessage(errno: unknown): string {
  if (typeof errno !== 'string') return 'Connection failed';
  // A name that does not resolve reaches the module as EAGAIN.
  if (errno === 'ENOTFOUND' || errno === 'EAI_AGAIN') return 'Resource temporarily unavailable (system error 11)';
  const number = (constants.errno as Readonly<Record<string, number>>)[errno];
  const words = SYSTEM_WORDS[errno] ?? errno;
  return number === undefined ? words : `${words} (system error ${number})`;
}

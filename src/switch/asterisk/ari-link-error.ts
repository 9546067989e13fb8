/** What can become of a link to an ARI, as errors. None of them holds a password, a header or a request's parameters. */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { originOf } from './ari-target.ts';
import type { AriTarget } from './ari-target.ts';

/** The connection is over. */
export function down(message: string, cause?: unknown): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', message, { cause });
}

/** What a request is rejected with when its connection ends with `cause`. */
export function unanswered(cause: TalkspurtError): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `the link to Asterisk went down: ${cause.message}`, { cause });
}

/** Asterisk did not do `what` within `limitMs`. */
export function timeout(what: string, limitMs: number): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', `Asterisk did not ${what} within ${limitMs} ms`);
}

/** `LIMITS.ariPendingRequests` requests wait already, or what was written is not read: this one was never sent. */
export function queueFull(): TalkspurtError {
  const message = 'too many requests wait for Asterisk already';
  return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message, {
    details: { limit: LIMITS.ariPendingRequests, sent: false },
  });
}

/** The peer sent `what`, which an ARI does not. */
export function protocolError(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `what should be an ARI sent ${what}`);
}

/** Somebody else connected with our application's name: Asterisk gives it to the last that comes. */
export function replaced(app: string): TalkspurtError {
  const message =
    `another client has taken over the Stasis application '${app}': ` +
    'its calls are theirs now; give each process an application of its own, or stop the other one';
  return new TalkspurtError('ERR_TALKSPURT_LINK_REPLACED', message);
}

/** Asterisk has our connection, and gives the application's events to nobody. */
export function deaf(app: string): TalkspurtError {
  const message =
    `Asterisk gives the events of the Stasis application '${app}' to nobody, though we are connected for it: ` +
    'it let the application go with a connection that ended, or an event filter keeps ChannelUserevent from us';
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', message);
}

/** An HTTP status in place of a WebSocket, or of the first answer. */
export function refusedWithStatus(target: AriTarget, status: number): TalkspurtError {
  const details = { status };
  const where = originOf(target, 'http');
  if (status === 401) {
    const message = `Asterisk at ${where} refused the ARI user or its password: compare them with ari.conf`;
    return new TalkspurtError('ERR_TALKSPURT_LINK_AUTH', message, { details });
  }
  if (status === 403) {
    const message = `Asterisk at ${where} does not let this ARI user in: see its section of ari.conf`;
    return new TalkspurtError('ERR_TALKSPURT_LINK_DENIED', message, { details });
  }
  const message = `${where} answered with status ${status}, not as an ARI: is it Asterisk, and res_ari enabled in ari.conf?`;
  return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', message, { details });
}

/** The user may look at everything, and do nothing. */
export function readOnly(): TalkspurtError {
  const message = 'Asterisk lets this ARI user only read: its section of ari.conf needs read_only = no';
  return new TalkspurtError('ERR_TALKSPURT_LINK_DENIED', message);
}

/** No connection, or one that broke before anything of use came by it. */
export function dialError(target: AriTarget, error: unknown): TalkspurtError {
  // No causes: an HTTP parser's error carries what the peer sent, which may repeat our headers.
  return errorOfErrno(target, error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '');
}

/** The same by the code of Node's error; empty: it has none. */
export function errorOfErrno(target: AriTarget, errno: string): TalkspurtError {
  const where = originOf(target, 'http');
  const details = { errno };
  if (/^(?:$|HPE_|WS_ERR_|EPROTO|ERR_SSL_)/.test(errno)) {
    const message = `${where} does not speak as an ARI: check host, port and tls`;
    return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', message, { details });
  }
  if (errno === 'ECONNRESET' || errno === 'EPIPE') {
    const message = `${where} closed the connection without an answer`;
    return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', message, { details });
  }
  const message = `cannot connect to ${where}: ${errno}`;
  return new TalkspurtError('ERR_TALKSPURT_LINK_REFUSED', message, { details });
}

/** `details.reason` of a link whose package is not there. */
export const NOT_INSTALLED = 'not installed';

/** An optional package is wanted, and is not there. */
export function notInstalled(): TalkspurtError {
  const message = 'the package ari-client is not installed: install version 2.2.0, or use the native link';
  return new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message, { details: { reason: NOT_INSTALLED } });
}

/** What can become of a link to a switch, as errors. None of them holds a password, a command or what the peer sent. */
import { TalkspurtError } from '../../core/errors.ts';

/** The switch answered our password with a refusal. */
export function wrongPassword(): TalkspurtError {
  const message = 'the switch refused the password: compare it with event_socket.conf.xml';
  return new TalkspurtError('ERR_TALKSPURT_LINK_AUTH', message);
}

/** The switch's access list sent us away. */
export function denied(): TalkspurtError {
  const message = 'the switch does not let our address in: see apply-inbound-acl in event_socket.conf.xml';
  return new TalkspurtError('ERR_TALKSPURT_LINK_DENIED', message);
}

/** The connection is over. */
export function down(message: string, cause?: unknown): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', message, { cause });
}

/** The switch did not do `what` within `limitMs`. */
export function timeout(what: string, limitMs: number): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', `the switch did not ${what} within ${limitMs} ms`);
}

/** The switch sent `what`, which it should not. */
export function protocolError(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `the switch sent ${what}`);
}

/** `limit` commands, or jobs, wait already: this one was never sent (`details.sent`). */
export function queueFull(limit: number, what = 'commands wait for the switch'): TalkspurtError {
  const details = { sent: false };
  return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', `${limit} ${what} already`, { details });
}

/** What a command is rejected with when its connection ends with `cause`. */
export function unsent(cause: TalkspurtError): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `the link to the switch went down: ${cause.message}`, { cause });
}

/** The part of logging in that is the same whoever speaks the wire: one deadline over all of it, and its ends. */
import type { Clock, Timer } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { timeout, wrongPassword } from './esl-link-error.ts';

/** A connection that is being logged in. */
export interface EslLogin {
  /** Resolves when the switch has asked for a password. */
  readonly greeted: Promise<void>;
  /** Rejects when the connection ends; never resolves. */
  readonly failed: Promise<never>;
  /** Sends `auth`; resolves with its reply. */
  auth(): Promise<string>;
  /** Asks the switch for its version. */
  version(): Promise<string>;
  /** Ends the connection. */
  close(error: TalkspurtError): void;
}

/**
 * Logs in within `LIMITS.eslLoginMs`; resolves with what the switch says of itself. When it rejects, the connection is
 * closed. @throws as `EslDial`
 */
export async function logIn(login: EslLogin, clock: Clock, signal: AbortSignal): Promise<string> {
  let deadline: Timer | undefined;
  let onAbort = (): void => undefined;
  const ended = new Promise<never>((_, reject) => {
    deadline = clock.after(LIMITS.eslLoginMs, () => reject(timeout('log us in', LIMITS.eslLoginMs)));
    onAbort = () => reject(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([prove(login), login.failed, ended]);
  } catch (error) {
    const failure = asTalkspurtError(error, 'ERR_TALKSPURT_LINK_DOWN');
    login.close(failure);
    throw failure;
  } finally {
    deadline?.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/** An accepted password may still be anybody's greeting: only an answered command is a login. */
async function prove(login: EslLogin): Promise<string> {
  await login.greeted;
  const reply = await login.auth();
  if (!reply.startsWith('+OK')) throw wrongPassword();
  const version = (await login.version()).trim();
  // Any answer to an `api` proves the login, a refusal too: a front door whose own switch is down knows no version.
  return version.startsWith('-') ? 'unknown' : version;
}

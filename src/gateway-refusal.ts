/** A call that gets no voice goes back to its switch, which is told why. */
import { TalkspurtError, asTalkspurtError } from './core/errors.ts';
import type { ErrorCode } from './core/errors.ts';
import { refusalOf } from './switch/refusal.ts';
import { hangupCauseOf } from './switch/switch-adapter.ts';
import type { CallLeg } from './switch/switch-adapter.ts';

/** Errors that another place may do better with. */
const ELSEWHERE: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_TALKSPURT_OVERLOADED',
  'ERR_TALKSPURT_CALL_LIMIT',
  'ERR_TALKSPURT_BACKEND_BREAKER_OPEN',
]);

/**
 * Sends a call that nobody has taken to `destination`, if it was refused for what this host cannot bear. False: it was not, or could
 * not be.
 */
export async function diverted(leg: CallLeg, why: unknown, destination: string | null): Promise<boolean> {
  if (destination === null || !(why instanceof TalkspurtError) || !ELSEWHERE.has(why.code)) return false;
  leg.refuse?.(refusalOf(why));
  const [outcome] = await Promise.allSettled([leg.transfer(destination)]);
  if (outcome.status === 'rejected') return false;
  await Promise.allSettled([leg.release()]);
  return true;
}

/** Lets go of `leg` because of `why`. Resolves to what went wrong with that, or null. */
export async function letGo(leg: CallLeg, why: unknown, hangup: boolean): Promise<TalkspurtError | null> {
  leg.refuse?.(refusalOf(why));
  try {
    await (hangup ? leg.hangup(hangupCauseOf('error')) : leg.release());
    return null;
  } catch (error) {
    return asTalkspurtError(error);
  }
}

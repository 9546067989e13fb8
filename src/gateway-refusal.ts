/** A call that gets no voice goes back to its switch, which is told why. */
import { asTalkspurtError } from './core/errors.ts';
import type { TalkspurtError } from './core/errors.ts';
import { refusalOf } from './switch/refusal.ts';
import { hangupCauseOf } from './switch/switch-adapter.ts';
import type { CallLeg } from './switch/switch-adapter.ts';

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

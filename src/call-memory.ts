/** What a switch keeps of a call for a process of ours that comes after this one. */
import { TalkspurtError } from './core/errors.ts';
import type { Session } from './session/session.ts';

/**
 * Has the switch remember the call's voice, and that it is masked where it is. False: the switch did not take it; the call
 * goes on all the same. A call that streams to a WebSocket has no voice to remember, and a switch need not be able to.
 */
export async function rememberVoice(session: Session): Promise<boolean> {
  const { mode, orders = [] } = session.snapshot();
  if (mode !== 'ai') return true;
  try {
    await session.leg.remember?.(session.profile, { masked: orders.includes('mask') });
    return true;
  } catch (error) {
    if (!(error instanceof TalkspurtError)) throw error;
    return false;
  }
}

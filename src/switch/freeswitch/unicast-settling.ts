/** Waiting for a unicast that was written to be carried out. */
import { TalkspurtError } from '../../core/errors.ts';
import type { ChannelWaits } from '../channel-waits.ts';
import type { UnicastGuard } from './unicast-guard.ts';

/** Resolves when none is on its way in the switch any more, or the channel is gone, or time is up. Never rejects. */
export async function carriedOut(guard: UnicastGuard, waits: ChannelWaits, limitMs: number): Promise<void> {
  const late = new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', 'the switch did not carry unicast out in time');
  try {
    await waits.wait({ condition: () => !guard.pending, limitMs, onTimeout: () => late });
  } catch (error) {
    if (!(error instanceof TalkspurtError)) throw error;
  }
}

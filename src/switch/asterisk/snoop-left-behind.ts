/** Calls that an earlier process of ours tapped, told by the snoops that it left on them. */
import type { AriLink } from './ari-link.ts';
import { statusOf } from './asterisk-requests.ts';
import type { Survey } from './reconcile.ts';
import type { StasisIds } from './stasis-ids.ts';

/** `Snoop/<id of the channel that is snooped on>-00000001`. */
const NAME = /^Snoop\/(.+)-[0-9a-f]{8}$/;

/**
 * Has Asterisk tell us no more of channels with a snoop of ours that belongs to nobody: one of them that is in another Stasis
 * application looks as if it had been left in ours, and is not ours to give back. Resolves to whether there were any; then a
 * survey that was made before is old. The snoops stay for whoever sweeps. @throws ERR_TALKSPURT_LINK_*
 */
export async function forgetTaps(
  link: Pick<AriLink, 'app' | 'request'>,
  { channels }: Pick<Survey, 'channels'>,
  ids: StasisIds,
  isHeld: (id: string) => boolean,
): Promise<boolean> {
  const tapped = new Set<string>();
  for (const { id, name } of channels.values()) {
    const target = ids.kindOf(id) === 'snoop' && !isHeld(id) ? NAME.exec(name)?.[1] : undefined;
    if (target !== undefined && !isHeld(target)) tapped.add(target);
  }
  for (const target of tapped) {
    const path = `applications/${encodeURIComponent(link.app)}/subscription`;
    try {
      await link.request({ method: 'DELETE', path, query: { eventSource: `channel:${target}` } });
    } catch (error) {
      // Refused: it has gone, or nobody had asked for it.
      if (statusOf(error) === 0) throw error;
    }
  }
  return tapped.size > 0;
}

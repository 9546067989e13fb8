/** What Asterisk has of ours, compared with what we know of: after a lost link, and after an earlier process. */
import type { AriLink } from './ari-link.ts';
import { remove } from './asterisk-requests.ts';
import { fieldsOf, readChannel, textsOf } from './stasis-channel.ts';
import type { StasisChannel } from './stasis-channel.ts';
import type { OwnKind, StasisIds } from './stasis-ids.ts';

/** A look at Asterisk. */
export interface Survey {
  /** Every channel there is, by id. */
  readonly channels: ReadonlyMap<string, StasisChannel>;
  /** Those that are in our application. */
  readonly inApplication: ReadonlySet<string>;
  /** Ids of bridges. */
  readonly bridges: readonly string[];
}

/** Asks for all of it. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED */
export async function survey(link: AriLink): Promise<Survey> {
  const [application, channels, bridges] = await Promise.all([
    link.request({ method: 'GET', path: `applications/${encodeURIComponent(link.app)}` }),
    link.request({ method: 'GET', path: 'channels' }),
    link.request({ method: 'GET', path: 'bridges' }),
  ]);
  const known = listOf(channels).flatMap((each) => readChannel(each) ?? []);
  // Events of a channel that has left may still be wanted, so that it stands among the application's: both have to hold.
  const subscribed = new Set(textsOf(fieldsOf(application)['channel_ids']));
  const inside = known.filter(({ id, application: runs }) => subscribed.has(id) && runs === 'Stasis');
  return {
    channels: new Map(known.map((channel) => [channel.id, channel])),
    inApplication: new Set(inside.map(({ id }) => id)),
    bridges: listOf(bridges).flatMap((each) => {
      const { id } = fieldsOf(each);
      return typeof id === 'string' ? [id] : [];
    }),
  };
}

/**
 * Deletes what bears ids of ours and belongs to nobody: media channels and snoops first, so that nobody hears what they
 * would have said; then bridges, which leaves the callers in them in silence. Returns how many there were.
 * @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED
 */
export async function sweep(
  link: AriLink,
  { channels, bridges }: Survey,
  ids: StasisIds,
  isHeld: (id: string) => boolean,
): Promise<number> {
  const stray = (id: string): boolean => !isHeld(id) && isHelp(ids.kindOf(id));
  const paths = [
    ...[...channels.keys()].filter(stray).map((id) => `channels/${id}`),
    ...bridges.filter(stray).map((id) => `bridges/${id}`),
  ];
  for (const path of paths) await remove(link, path);
  return paths.length;
}

/** The other half of a Local channel goes with the one that is a call. */
function isHelp(kind: OwnKind | null): boolean {
  return kind === 'media' || kind === 'snoop' || kind === 'bridge' || kind === 'party';
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

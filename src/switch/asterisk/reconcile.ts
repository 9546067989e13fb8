/** What Asterisk has of ours, compared with what we know of: after a lost link, and after an earlier process. */
import type { AriLink } from './ari-link.ts';
import { remove, statusOf } from './asterisk-requests.ts';
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
  const within = known.filter(({ id, application: runs }) => subscribed.has(id) && runs === 'Stasis');
  const foreign = await inOthers(link, within);
  const inside = within.filter(({ id }) => !foreign.has(id));
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
 * Channels that another application has: one that was led from ours into theirs stays among ours while we are told of it. What it
 * was given tells which that may be; that it is in there, the application itself, for a channel can be moved from one to the other.
 * @throws ERR_TALKSPURT_LINK_*
 */
async function inOthers(link: AriLink, within: readonly StasisChannel[]): Promise<ReadonlySet<string>> {
  const foreign = new Set<string>();
  for (const name of new Set(within.map(applicationOf))) {
    if (name === '' || name === link.app) continue;
    try {
      const application = await link.request({ method: 'GET', path: `applications/${encodeURIComponent(name)}` });
      const theirs = new Set(textsOf(fieldsOf(application)['channel_ids']));
      for (const channel of within) {
        if (applicationOf(channel) === name && theirs.has(channel.id)) foreign.add(channel.id);
      }
    } catch (error) {
      // Refused: there is none of that name.
      if (statusOf(error) === 0) throw error;
    }
  }
  return foreign;
}

/** `talkspurt` of `talkspurt,profile=agent`. */
function applicationOf({ applicationData }: StasisChannel): string {
  return applicationData.split(',', 1)[0]!.trim();
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

/** What the dialplan application `socket` tells of the call that it hands over. */
import { TalkspurtError } from '../../core/errors.ts';
import { isChannelId } from './esl-command-text.ts';

/** Channel variable that names the profile of a call that is handed over. */
export const PROFILE_VARIABLE = 'talkspurt_profile';
/** Channel variable that tells the dialplan why a call was not taken: an error code. A call that has it is not taken again. */
export const REFUSED_VARIABLE = 'talkspurt_refused';

/** A call that the dialplan of a switch hands over. */
export interface OutboundChannel {
  readonly uuid: string;
  /** `talkspurt_profile`, else the path of `socket`'s address (`host:port/profile`), else null: the default is meant. */
  readonly profile: string | null;
  /** Address that the connection came from. */
  readonly switchHost: string;
  /** What the switch calls itself (`FreeSWITCH-Switchname`), or empty. */
  readonly switchName: string;
  /** Where in the dialplan the call is. Personal: `number` may be a telephone number. */
  readonly destination: { readonly number: string; readonly dialplan: string; readonly context: string };
  /** Why it was not taken before, or null. */
  readonly refusedBefore: string | null;
  /** `async`: the channel is parked beside the connection and can be led away. */
  readonly async: boolean;
}

/**
 * Reads the answer to `connect`: a header block with percent-encoded values.
 * @throws ERR_TALKSPURT_LINK_PROTOCOL when it is not about a channel; what it says is not repeated
 */
export function readChannelData(block: string, switchHost: string): OutboundChannel {
  const headers = new Map<string, string>();
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0 && !headers.has(line.slice(0, colon))) headers.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const value = (name: string): string => decoded(headers.get(name) ?? '');
  const uuid = value('Unique-ID');
  if (value('Event-Name') !== 'CHANNEL_DATA' || !isChannelId(uuid)) {
    throw new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', 'the peer of an outbound socket sent no channel data');
  }
  return {
    uuid,
    profile: value(`variable_${PROFILE_VARIABLE}`) || value('variable_socket_path') || null,
    switchHost,
    switchName: value('FreeSWITCH-Switchname'),
    destination: {
      number: value('Caller-Destination-Number'),
      dialplan: value('Caller-Dialplan'),
      context: value('Caller-Context'),
    },
    refusedBefore: value(`variable_${REFUSED_VARIABLE}`) || null,
    async: value('Socket-Mode') === 'async',
  };
}

/** What may stand as one word of `uuid_transfer`. */
const EXTENSION = /^[A-Za-z0-9+*#_.@-]{1,128}$/;
const WORD = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Gives a call that had already left the dialplan back to it: from the top of its extension, with `talkspurt_refused`
 * set, so that the application `socket` goes on at once to the action behind it. Where it cannot go back it is hung up.
 * `command` runs one API command on the switch. @throws as `command`
 */
export async function returnToDialplan(
  command: (line: string) => Promise<string>,
  channel: OutboundChannel,
  error: TalkspurtError,
): Promise<void> {
  const { uuid, destination } = channel;
  const { number, dialplan, context } = destination;
  if (EXTENSION.test(number) && WORD.test(dialplan) && dialplan !== 'inline' && WORD.test(context)) {
    const marked = await command(`uuid_setvar ${uuid} ${REFUSED_VARIABLE} ${error.code}`);
    // Without the mark it would be handed over again, and again.
    if (marked.startsWith('+OK')) {
      const reply = await command(`uuid_transfer ${uuid} ${number} ${dialplan} ${context}`);
      if (reply.startsWith('+OK')) return;
    }
  }
  await command(`uuid_kill ${uuid} NORMAL_TEMPORARY_FAILURE`);
}

function decoded(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    // Not UTF-8: as it stands it is still something that can be checked.
    return value;
  }
}

/**
 * What an earlier process of ours has left on a switch: SIP legs that nobody answers any more, and the calls that they were
 * the voice of. A restart does not end calls: the legs are hung up, which parks the callers, and those who had a voice of a
 * profile are given it again.
 */
import { delay } from '../../core/clock.ts';
import type { Clock } from '../../core/clock.ts';
import type { EslLink } from './esl-link.ts';
import { isChannelId } from './esl-command-text.ts';
import { TOKEN_PREFIX } from '../sip/sip-rendezvous.ts';

/** Channel variable that names the profile whose voice a call has. */
export const VOICE_VARIABLE = 'talkspurt_voice';

/** A call that had a voice. */
export interface VoicelessCall {
  readonly uuid: string;
  readonly profile: string;
}

/** Most legs that are looked at; a process has no more. */
const LEGS = 4_000;
const PARTING_POLLS = 40;
const PARTING_POLL_MS = 50;

/**
 * Hangs up the legs that were bridged to `address` (our `host:port`), one by one, and gives each call that is to be taken up
 * again. To be called before any call of this process is there. @throws as {@link EslLink.api}
 */
export async function* leftBehind(
  link: Pick<EslLink, 'api'>,
  address: string,
  clock: Clock,
): AsyncGenerator<VoicelessCall> {
  for (const { uuid, callUuid } of staleLegs(await link.api(`show channels like ${TOKEN_PREFIX} as json`), address)) {
    const profile = isChannelId(callUuid) ? (await link.api(`uuid_getvar ${callUuid} ${VOICE_VARIABLE}`)).trim() : '';
    await link.api(`uuid_kill ${uuid}`);
    if (isChannelId(callUuid)) await parted(link, callUuid, clock);
    if (/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(profile)) yield { uuid: callUuid, profile };
  }
}

/** The channel is bridged to nobody any more. One that stays so is for whoever looks at it next. */
async function parted(link: Pick<EslLink, 'api'>, uuid: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < PARTING_POLLS; attempt += 1) {
    const bond = (await link.api(`uuid_getvar ${uuid} bridge_to`)).trim();
    if (bond === '_undef_' || bond === '' || bond.startsWith('-')) return;
    await delay(clock, PARTING_POLL_MS);
  }
}

interface StaleLeg {
  readonly uuid: string;
  readonly callUuid: string;
}

/** Legs whose name is a token of ours at our address; whatever else the reply is, it is none. */
function staleLegs(reply: string, address: string): StaleLeg[] {
  let rows: unknown;
  try {
    rows = (JSON.parse(reply) as { rows?: unknown } | null)?.rows;
  } catch {
    return [];
  }
  if (!Array.isArray(rows)) return [];
  return rows.slice(0, LEGS).flatMap((row: unknown) => {
    if (typeof row !== 'object' || row === null) return [];
    const { uuid, name, direction, call_uuid: callUuid } = row as Record<string, unknown>;
    if (typeof uuid !== 'string' || typeof name !== 'string' || !isChannelId(uuid)) return [];
    // A caller may call itself anything: only what the switch has dialled is ours.
    const dialled = direction === 'outbound';
    const ours = dialled && name.includes(`/${TOKEN_PREFIX}`) && name.endsWith(`@${address}`);
    return ours ? [{ uuid, callUuid: typeof callUuid === 'string' ? callUuid : '' }] : [];
  });
}

/** Calls that the switch makes for us: whoever answers is parked for a moment, until we have use for the channel. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { EslLink } from './esl-link.ts';
import { hangupCauseNumber } from './hangup-cause.ts';
import { orAborted } from './tap-path.ts';

/** With what a call is made. */
export interface ParkedOriginate {
  readonly link: EslLink;
  readonly clock: Clock;
  /** Whom to call: goes into the command as it is, and has to be checked. */
  readonly endpoint: string;
  /** `name=value` each: likewise. */
  readonly variables: readonly string[];
  /** How long it may ring, s. */
  readonly timeoutSeconds: number;
  /** Told the channel's id before it rings; not where the link is down, and nothing will. */
  readonly onChannel?: ((channelId: string) => void) | undefined;
}

/** How long whoever answered stays parked when nobody fetches it, because we are gone or cannot tell it, s. */
const PARK_S = 5;
const KILLS = 8;
const KILL_AGAIN_MS = 250;

/**
 * Resolves to the channel, answered and parked. When it rejects there is none, or none for long.
 * @throws ERR_TALKSPURT_SWITCH_COMMAND when nobody answers, with `details.hangupCause`; ERR_TALKSPURT_LINK_*, or the signal's
 *   reason
 */
export async function originateParked(wanted: ParkedOriginate, signal: AbortSignal): Promise<string> {
  const { link, clock, endpoint, timeoutSeconds } = wanted;
  signal.throwIfAborted();
  const uuid = randomUUID();
  if (link.up) wanted.onChannel?.(uuid);
  const variables = [
    `origination_uuid=${uuid}`,
    `originate_timeout=${timeoutSeconds}`,
    'ignore_early_media=true',
    `park_timeout=${PARK_S}`,
    ...wanted.variables,
  ].join(',');
  let settled = false;
  const originated = link.bgapi(`originate {${variables}}${endpoint} &park`).finally(() => {
    settled = true;
  });
  let reply: string;
  try {
    reply = await orAborted(originated, signal);
  } catch (error) {
    // What is on its way, or was made in spite of it, goes.
    void killParked(link, clock, uuid, () => settled);
    throw error;
  }
  if (!reply.startsWith('-')) return uuid;
  const hangupCause = hangupCauseNumber(/^-ERR (\w+)/.exec(reply)?.[1], undefined);
  const message = `nobody answered at the destination: cause ${hangupCause} of Q.850`;
  throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message, { details: { hangupCause } });
}

/**
 * Hangs such a channel up. One that the switch has not made yet cannot be: tried again until `settled` says that it was, or
 * never will be. Never rejects: without a link it ends at its own times.
 */
export async function killParked(
  link: Pick<EslLink, 'api'>,
  clock: Clock,
  uuid: string,
  settled: () => boolean = () => true,
): Promise<void> {
  try {
    for (let tries = 0; tries < KILLS; tries += 1) {
      const last = settled();
      const reply = await link.api(`uuid_kill ${uuid} ORIGINATOR_CANCEL`);
      if (!reply.startsWith('-') || last) return;
      await delay(clock, KILL_AGAIN_MS);
    }
  } catch (error) {
    if (!(error instanceof TalkspurtError)) throw error;
  }
}

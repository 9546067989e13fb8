/**
 * What an earlier process of ours has left on a switch: legs and eavesdroppers that nobody answers any more, and the calls
 * that it was the voice of. A restart does not end calls: what is ours is hung up, which parks the callers, and those who had
 * a voice of a profile are given it again. Others' settings of a channel that has ours still are given back.
 */
import { delay } from '../../core/clock.ts';
import type { Clock } from '../../core/clock.ts';
import type { RememberedOrders } from '../switch-adapter.ts';
import { TOKEN_PREFIX } from '../sip/sip-rendezvous.ts';
import { giveBack } from './bridge-settings.ts';
import { PARK_MARK } from './channel-event.ts';
import { isChannelId } from './esl-command-text.ts';
import { parseJsonHeaders } from './esl-event.ts';
import type { EslLink } from './esl-link.ts';
import { OWNER_VARIABLE, TAP_NAME, hasSettings, isOfDead, ownSettings, voiceOf } from './left-behind-marks.ts';

/** A call that had a voice. */
export interface VoicelessCall {
  readonly uuid: string;
  readonly profile: string;
  readonly standing: RememberedOrders;
}

/** Where to look, and for whose. */
export interface LeftBehindOptions {
  readonly link: Pick<EslLink, 'api'>;
  readonly clock: Clock;
  /** Our SIP, `host:port`: what a leg there was dialled to. Null: there is none. */
  readonly address: string | null;
  /** Names our process, as `ownerMark` does. */
  readonly owner: string;
  /** Whether a channel is this process's own: then it is left alone. */
  readonly held: (uuid: string) => boolean;
}

/** Most channels that are looked at: the list of a larger switch would be more than its link takes. */
const CHANNELS = 3_000;
const PARTING_POLLS = 40;
const PARTING_POLL_MS = 50;

/** Tidies up, and gives each call that is to be taken up again. @throws as {@link EslLink.api} */
export async function* leftBehind(options: LeftBehindOptions): AsyncGenerator<VoicelessCall> {
  await hangUpEavesdroppers(options);
  yield* hangUpLegs(options);
  yield* lookAtParked(options);
}

/** Eavesdroppers by loopback, of which the parked end has our name; those by SIP are legs. */
async function hangUpEavesdroppers({ link, owner, held }: LeftBehindOptions): Promise<void> {
  for (const { uuid, cid_name: name } of rowsOf(await link.api(`show channels like ${TAP_NAME} as json`))) {
    if (name !== TAP_NAME || held(uuid)) continue;
    const variables = await variablesOf(link, uuid);
    if (isOfDead(variables.get(OWNER_VARIABLE) ?? '', owner)) await link.api(`uuid_kill ${uuid}`);
  }
}

async function* hangUpLegs({ link, clock, address, held }: LeftBehindOptions): AsyncGenerator<VoicelessCall> {
  if (address === null) return;
  for (const row of rowsOf(await link.api(`show channels like ${TOKEN_PREFIX} as json`))) {
    const { uuid, name = '', direction, call_uuid: callUuid = '' } = row;
    // A caller may call itself anything: only what the switch has dialled is ours.
    const ours = direction === 'outbound' && name.includes(`/${TOKEN_PREFIX}`) && name.endsWith(`@${address}`);
    if (!ours || held(uuid) || held(callUuid)) continue;
    const known = isChannelId(callUuid) && callUuid !== uuid;
    const voice = known ? voiceOf(await variablesOf(link, callUuid)) : null;
    await link.api(`uuid_kill ${uuid}`);
    if (known) await parted(link, callUuid, clock);
    if (voice !== null) yield { uuid: callUuid, ...voice };
  }
}

/** Calls in a park of ours, with unicast that nobody takes, and those whose leg has ended by itself. */
async function* lookAtParked(options: LeftBehindOptions): AsyncGenerator<VoicelessCall> {
  const { link, address, owner, held } = options;
  const count = /(\d+) total/.exec(await link.api('show channels count'))?.[1];
  if (count === undefined || Number(count) > CHANNELS) return;
  for (const { uuid, dest = '' } of rowsOf(await link.api('show channels as json'))) {
    const dialled = address !== null && dest.includes(`/${TOKEN_PREFIX}`) && dest.includes(`@${address}^`);
    if ((!dialled && !dest.includes(`set:${PARK_MARK}=`)) || held(uuid)) continue;
    const variables = await variablesOf(link, uuid);
    if (!dialled && !isOfDead(variables.get(OWNER_VARIABLE) ?? '', owner)) continue;
    const voice = variables.has('bridge_to') ? null : voiceOf(variables);
    if (voice !== null && !held(uuid)) yield { uuid, ...voice };
    else if (hasSettings(variables) && !held(uuid)) await restore(link, uuid, variables);
  }
}

async function restore(
  link: Pick<EslLink, 'api'>,
  uuid: string,
  variables: ReadonlyMap<string, string>,
): Promise<void> {
  await giveBack(uuid, ownSettings(variables), (line) => link.api(line));
}

/** The channel is bridged to nobody any more. One that stays so is for whoever looks at it next. */
async function parted(link: Pick<EslLink, 'api'>, uuid: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < PARTING_POLLS; attempt += 1) {
    const bond = (await link.api(`uuid_getvar ${uuid} bridge_to`)).trim();
    if (bond === '_undef_' || bond === '' || bond.startsWith('-')) return;
    await delay(clock, PARTING_POLL_MS);
  }
}

/** A channel's variables; of one that is gone, none. */
async function variablesOf(link: Pick<EslLink, 'api'>, uuid: string): Promise<ReadonlyMap<string, string>> {
  const reply = await link.api(`uuid_dump ${uuid} json`);
  return reply.startsWith('-') ? new Map() : channelVariables(parseJsonHeaders(reply));
}

const VARIABLE_PREFIX = 'variable_';

/** The variables among what a dump says of a channel. */
export function channelVariables(channel: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(channel)) {
    if (name.startsWith(VARIABLE_PREFIX) && typeof value === 'string')
      variables.set(name.slice(VARIABLE_PREFIX.length), value);
  }
  return variables;
}

/** One line of `show channels`. */
interface Row extends Readonly<Record<string, string | undefined>> {
  readonly uuid: string;
}

/** Whatever else the reply is, it has no rows. */
function rowsOf(reply: string): Row[] {
  let rows: unknown;
  try {
    rows = (JSON.parse(reply) as { rows?: unknown } | null)?.rows;
  } catch {
    return [];
  }
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row: unknown) => {
    if (typeof row !== 'object' || row === null) return [];
    const texts = Object.entries(row).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    const { uuid = '', ...others } = Object.fromEntries(texts);
    return isChannelId(uuid) ? [{ ...others, uuid }] : [];
  });
}

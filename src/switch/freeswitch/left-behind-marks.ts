/**
 * What a channel carries of us, so that a process that comes after this one knows what it was: channel variables, which go with
 * the channel. Whose they are is said too: several processes may use one switch, and only what a dead one has left is taken up.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { RememberedOrders } from '../switch-adapter.ts';

/** Names the profile whose voice a call has. */
export const VOICE_VARIABLE = 'talkspurt_voice';
/** `true` or `false`: whether the call is masked. */
const MASKED_VARIABLE = 'talkspurt_masked';
/** Names the process, as {@link ownerMark} does. */
export const OWNER_VARIABLE = 'talkspurt_owner';
/** The channel's own settings while it has ours, in URL encoding. */
const OWN_VARIABLE = 'talkspurt_own';
/** Every variable of ours. */
export const MARKS: readonly string[] = [VOICE_VARIABLE, MASKED_VARIABLE, OWNER_VARIABLE, OWN_VARIABLE];

/** Caller's name of a loopback of ours that eavesdrops: nobody is shown it, and a list of channels can be searched for it. */
export const TAP_NAME = 'talkspurt-tap';

/** What a channel is told for a bridge to us. */
export const BRIDGE_SETTINGS = {
  park_after_bridge: 'true',
  hangup_after_bridge: 'false',
  continue_on_fail: 'true',
  // The caller's telephone is not to show a token as who it is connected to.
  ignore_display_updates: 'true',
} as const;

/** What can stand in a command as it is. */
const PLAIN = /^[\x20-\x7e]{1,1024}$/;
const PROFILE = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
/** This process among those that had its number before. */
const RUN = randomBytes(6).toString('hex');

/** Whether a value can be set by a command as it is. */
export function isPlain(value: string): boolean {
  return PLAIN.test(value);
}

/** Names this process to those that come after it on this host; `name` tells apart what it has to do with. */
export function ownerMark(name: string): string {
  return `${plainWord(hostname())}/${plainWord(name)}/${process.pid}/${RUN}`;
}

/** Whether `mark` is that of a process of the same host and name which is no more. */
export function isOfDead(mark: string, own: string): boolean {
  const [host, name, pid = '', run] = mark.split('/');
  const [ownHost, ownName, , ownRun] = own.split('/');
  if (host !== ownHost || name !== ownName || run === undefined || run === ownRun || !/^\d{1,10}$/.test(pid))
    return false;
  // Started anew, in a container, a process has the number of the one before.
  return Number(pid) === process.pid || !lives(Number(pid));
}

/** The settings that are the channel's own: those that it has, or those from before a process of ours that has died. */
export function ownSettings(variables: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const remembered = variables.get(OWN_VARIABLE);
  const has = remembered === undefined ? variables : new URLSearchParams(remembered);
  const own = new Map<string, string>();
  for (const name of Object.keys(BRIDGE_SETTINGS)) {
    const value = has.get(name) ?? '';
    if (isPlain(value)) own.set(name, value);
  }
  return own;
}

/** What {@link ownSettings} reads, as `name=value`. An own setting that is none is remembered as such. */
export function rememberedOwn(own: ReadonlyMap<string, string>, owner: string): string[] {
  return [
    `${OWN_VARIABLE}=${new URLSearchParams([['of', 'channel'], ...own]).toString()}`,
    `${OWNER_VARIABLE}=${owner}`,
  ];
}

/** Whether a channel has settings of ours in place of its own. */
export function hasSettings(variables: ReadonlyMap<string, string>): boolean {
  return variables.has(OWN_VARIABLE);
}

/** Whose voice a call has, and what stands, as `name=value`. */
export function voiceMarks(profile: string, { masked }: RememberedOrders, owner: string): string[] {
  return [`${VOICE_VARIABLE}=${profile}`, `${MASKED_VARIABLE}=${masked}`, `${OWNER_VARIABLE}=${owner}`];
}

/** What {@link voiceMarks} has said; null: the call had no voice. What cannot be read counts as masked: silence is safe. */
export function voiceOf(
  variables: ReadonlyMap<string, string>,
): { profile: string; standing: RememberedOrders } | null {
  const profile = variables.get(VOICE_VARIABLE) ?? '';
  if (!PROFILE.test(profile)) return null;
  return { profile, standing: { masked: variables.get(MASKED_VARIABLE) !== 'false' } };
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may not be asked, and lives.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  return !isZombie(pid);
}

/** Killed, and not yet taken notice of by its parent; where that is a container's first process, it may stay so for long. */
function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // No Linux, or gone at this very moment.
    return false;
  }
}

function plainWord(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '_');
}

/** What a dialplan says to `Stasis(talkspurt,profile=NAME,key=value,…)`. */
import { LIMITS } from '../../limits.ts';
import { isProfileName } from '../profile-name.ts';

/** What a call is to be given, or why it is given nothing. */
export type StasisArguments =
  | { readonly profile: string; readonly variables: ReadonlyMap<string, string> }
  /** `reason`: as a dialplan is told; `refusal`: as an operator is. */
  | { readonly profile: null; readonly reason: 'no-profile' | 'bad-arguments'; readonly refusal: string };

const KEY = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/**
 * Reads them: `key=value`, of which `profile` names the profile, or a bare name at the first place. Without either it is
 * `defaultProfile`. Anything else refuses the call: half-read arguments would be a call that nobody meant. Never throws.
 */
export function readStasisArguments(args: unknown, defaultProfile: string | null): StasisArguments {
  const given: unknown[] = Array.isArray(args) ? args : [];
  if (given.length > LIMITS.stasisArguments) return refused(`there are more than ${LIMITS.stasisArguments} arguments`);
  const variables = new Map<string, string>();
  for (const [index, each] of given.entries()) {
    const text = typeof each === 'string' ? each.trim() : null;
    if (text === '') continue;
    const [key, value] = text === null ? [null, ''] : keyAndValue(text, index);
    if (key === null || !KEY.test(key)) return refused(`argument ${index + 1} is not key=value`);
    if (value.length > LIMITS.stasisArgumentCharacters || /\p{Cc}/u.test(value)) {
      return refused(`argument ${index + 1} is too long or holds control characters`);
    }
    if (variables.has(key)) return refused(`argument ${index + 1} says again what another one says`);
    variables.set(key, value);
  }
  const named = variables.get('profile') ?? '';
  variables.delete('profile');
  const profile = named === '' ? defaultProfile : named;
  if (profile === null) return refused('no profile is named: Stasis(APP,profile=NAME)', 'no-profile');
  return isProfileName(profile) ? { profile, variables } : refused('what is named is no profile');
}

/**
 * The same from what a channel shows of its application, `talkspurt,profile=agent,ORDER=7`: for a process that did not see the call
 * come in. Null where it is not `app` that runs, or where quotes or escapes leave it open what the arguments were.
 */
export function readApplicationData(data: string, app: string, defaultProfile: string | null): StasisArguments | null {
  const [name, ...args] = data.split(',');
  return name?.trim() === app && !/["\\]/.test(data) ? readStasisArguments(args, defaultProfile) : null;
}

function keyAndValue(text: string, index: number): [string | null, string] {
  const at = text.indexOf('=');
  if (at !== -1) return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  return index === 0 ? ['profile', text] : [null, ''];
}

function refused(refusal: string, reason: 'no-profile' | 'bad-arguments' = 'bad-arguments'): StasisArguments {
  return { profile: null, reason, refusal };
}

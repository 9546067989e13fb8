/** Whom an eavesdropper whispers to, in FreeSWITCH's words. */

import type { Whisper } from '../whisper.ts';

const DIGITS: Readonly<Record<Whisper, string>> = { none: '0', other: '1', caller: '2', both: '3' };

/**
 * The key that an eavesdropper is sent for it. To `eavesdrop` the A leg is what the tapped channel says, into which it mixes
 * what the other party hears.
 */
export function whisperDigit(whisper: Whisper): string {
  return DIGITS[whisper];
}

/** Variables of an eavesdropper that begins so, as `name=value`. */
export function whisperVariables(whisper: Whisper): string[] {
  const variables: string[] = [];
  if (whisper === 'other' || whisper === 'both') variables.push('eavesdrop_whisper_aleg=true');
  if (whisper === 'caller' || whisper === 'both') variables.push('eavesdrop_whisper_bleg=true');
  return variables;
}

/** What an eavesdropper hears: FreeSWITCH lets it speak into the same directions only. */
export type Hears = 'both' | 'caller' | 'other';

/** Of `whisper`, the part that an eavesdropper can do: who hears the caller speaks where the other party listens. */
export function whisperPart(whisper: Whisper, hears: Hears): Whisper {
  if (hears === 'both') return whisper;
  const reached = hears === 'caller' ? 'other' : 'caller';
  return whisper === reached || whisper === 'both' ? reached : 'none';
}

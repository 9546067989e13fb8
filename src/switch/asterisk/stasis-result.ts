/** What a dialplan finds on a channel that it is given back: TALKSPURT_RESULT, _REASON, _TURNS and _BARGE_INS. */
import type { EndReason } from '../../core/events.ts';
import type { CallOutcome, RememberedOrders } from '../switch-adapter.ts';
import { isProfileName } from '../profile-name.ts';

/** Channel variable with the voice that a call has, for a process that comes after this one: `agent` or `agent,masked`. */
export const VOICE_VARIABLE = 'TALKSPURT_VOICE';

/** `refused`: it never had a voice. `orphaned`: nobody was left to speak to it. */
export type StasisResult = 'completed' | 'transferred' | 'failed' | 'refused' | 'orphaned';

const RESULTS: Readonly<Record<EndReason, StasisResult>> = {
  hangup: 'completed',
  stopped: 'completed',
  drained: 'completed',
  expired: 'completed',
  'backend-ended': 'completed',
  transferred: 'transferred',
  'backend-failed': 'failed',
  'media-failed': 'failed',
  'link-lost': 'failed',
  error: 'failed',
};

/** Longest reason; a dialplan compares words. */
const REASON_CHARACTERS = 200;

/** Variables of a call that had a voice. */
export function outcomeVariables({ reason, turns, bargeIns }: CallOutcome): Readonly<Record<string, string>> {
  return {
    ...resultVariables(RESULTS[reason], reason),
    TALKSPURT_TURNS: String(turns),
    TALKSPURT_BARGE_INS: String(bargeIns),
  };
}

/** Variables of any other. `reason` is ours: nothing of the call's goes into it. */
export function resultVariables(result: StasisResult, reason: string): Readonly<Record<string, string>> {
  return { TALKSPURT_RESULT: result, TALKSPURT_REASON: reason.slice(0, REASON_CHARACTERS), [VOICE_VARIABLE]: '' };
}

/** A voice, and what is to stand of it. */
export interface StasisVoice {
  readonly profile: string;
  readonly standing: RememberedOrders;
}

/** As {@link readVoice} reads it. */
export function writeVoice({ profile, standing }: StasisVoice): string {
  return standing.masked ? `${profile},masked` : profile;
}

/** What {@link VOICE_VARIABLE} holds; null for what nobody of ours has written. */
export function readVoice(value: string): StasisVoice | null {
  const [profile = '', ...orders] = value.split(',');
  const known = isProfileName(profile) && orders.every((order) => order === 'masked');
  return known ? { profile, standing: { masked: orders.length > 0 } } : null;
}

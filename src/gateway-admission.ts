/** Whether a gateway takes one more call. */
import { TalkspurtError } from './core/errors.ts';
import type { OverloadReason } from './core/events.ts';

/** What a process can bear, and where calls go that it cannot. */
export interface GatewayOverload {
  /** Why new calls are turned away; none: they are taken. */
  readonly reasons: readonly OverloadReason[];
  /** What a new call is refused with; null: it is taken. */
  refusal(): TalkspurtError | null;
  /** Where calls go that the switch hands over meanwhile, as for `transfer`; null: they are refused. */
  readonly divertTo: string | null;
}

/** What was promised to a call that wants to come. */
export type CallStanding = 'new' | 'adopted' | 'dialled';

/** How things stand when a call wants to come. */
export interface Asked {
  /** `adopted`: it is up already. `dialled`: we have dialled it, and there was room for it then. */
  readonly standing: CallStanding;
  readonly draining: boolean;
  /** It has a voice, or is being given one. */
  readonly running: boolean;
  readonly calls: number;
  readonly limit: number;
  readonly overload: TalkspurtError | null;
}

/** @throws ERR_TALKSPURT_DRAINING, _ALREADY_RUNNING, _CALL_LIMIT, _OVERLOADED */
export function admitCall({ standing, draining, running, calls, limit, overload }: Asked): void {
  const promised = standing === 'dialled';
  if (draining && !promised)
    throw new TalkspurtError('ERR_TALKSPURT_DRAINING', 'no new call is taken: the gateway is stopping');
  if (running) {
    throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call already has a voice: stop it first');
  }
  if (calls >= limit && !promised) {
    const message = `all ${limit} calls are in use: raise limits.calls, or try later`;
    throw new TalkspurtError('ERR_TALKSPURT_CALL_LIMIT', message);
  }
  if (overload !== null && standing === 'new') throw overload;
}

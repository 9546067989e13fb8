/** Session timers (RFC 4028), as the UAS. */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { optionTags } from './sip-incoming.ts';
import type { IncomingRequest } from './sip-incoming.ts';
import type { SipResponse } from './sip-message.ts';
import { parseNumber, parseParameters } from './sip-syntax.ts';
import type { SipField } from './sip-writer.ts';

/** What was agreed on. */
export interface SessionPlan {
  /** Seconds. */
  readonly interval: number;
  readonly refresher: 'us' | 'far-end';
}

/** The longest interval that is taken as asked, seconds: a day. */
const LONGEST_S = 86_400;

/** A plan for a request that makes or refreshes a session; null: without a timer; 'too-small': 422. */
export function planSession(incoming: IncomingRequest): SessionPlan | null | 'too-small' {
  const { headers } = incoming.request;
  const [digits, ...rest] = (headers.first('session-expires') ?? '').split(';');
  const asked = parseNumber(digits?.trim(), 2 ** 31 - 1);
  if (asked === null) return null;
  const supports = ['supported', 'require'].some((name) => has(headers.all(name), 'timer'));
  if (asked < LIMITS.sipMinSessionS) return supports ? 'too-small' : null;
  const interval = Math.min(asked, LONGEST_S);
  const refresher = parseParameters(rest.length === 0 ? '' : `;${rest.join(';')}`)
    ?.get('refresher')
    ?.toLowerCase();
  if (supports && refresher !== 'uas') return { interval, refresher: 'far-end' };
  // We refresh by UPDATE and by nothing else: a far end that does not take it goes without a timer.
  return has(headers.all('allow'), 'update') ? { interval, refresher: 'us' } : null;
}

/** What our response says of the plan (section 9). */
export function sessionFields(plan: SessionPlan | null): SipField[] {
  if (plan === null) return [];
  if (plan.refresher === 'us') return [['Session-Expires', `${plan.interval};refresher=uas`]];
  return [
    ['Session-Expires', `${plan.interval};refresher=uac`],
    ['Require', 'timer'],
  ];
}

/** The plan after a refresh of ours was answered: with the far end's interval, or its least one after a 422. */
export function nextPlan(plan: SessionPlan, response: SipResponse): SessionPlan {
  const name = response.status === 422 ? 'min-se' : 'session-expires';
  const seconds = parseNumber(response.headers.first(name)?.split(';')[0]?.trim(), LONGEST_S);
  if (seconds === null || seconds < LIMITS.sipMinSessionS) return plan;
  return { ...plan, interval: response.status === 422 ? Math.max(plan.interval, seconds) : seconds };
}

/** The fields of a 422. */
export function tooSmallFields(): SipField[] {
  return [['Min-SE', String(LIMITS.sipMinSessionS)]];
}

/** Watches one session: asks for our refresh in time, or gives up on a far end that does not refresh. */
export class SessionTimer {
  readonly #clock: Clock;
  readonly #onRefresh: (plan: SessionPlan) => void;
  readonly #onExpired: () => void;
  #timer: Timer | null = null;

  constructor(clock: Clock, on: { refresh(plan: SessionPlan): void; expired(): void }) {
    this.#clock = clock;
    this.#onRefresh = (plan) => on.refresh(plan);
    this.#onExpired = () => on.expired();
  }

  /** Begins anew with a plan; null: no timer. */
  arm(plan: SessionPlan | null): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (plan === null) return;
    const seconds =
      plan.refresher === 'us' ? plan.interval / 2 : plan.interval - Math.min(32, Math.floor(plan.interval / 3));
    this.#timer = this.#clock.after(seconds * 1_000, () => {
      if (plan.refresher === 'us') this.#onRefresh(plan);
      else this.#onExpired();
    });
  }
}

function has(fields: readonly string[], tag: string): boolean {
  return optionTags(fields).some((each) => each.toLowerCase() === tag);
}

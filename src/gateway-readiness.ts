/** Whether a gateway could take a call. */
import type { SwitchAdapter } from './switch/switch-adapter.ts';

/** What else stands against a call. */
export interface Standing {
  readonly draining: boolean;
  /** All calls that there may be are in use. */
  readonly full: boolean;
  /** No profile has a backend whose circuit breakers let it be tried. */
  readonly backendsClosed: boolean;
  /** Words of admission. */
  readonly overload: readonly string[];
}

/** Why not; empty when it could. Calls by SIP come without a link: where switches are configured they are what counts. */
export function notReadyReasons(
  adapters: readonly SwitchAdapter[],
  { draining, full, backendsClosed, overload }: Standing,
): string[] {
  const switches = adapters.filter(({ kind }) => kind !== 'sip');
  const down = switches.filter(({ linkUp }) => !linkUp).map(({ name }) => `switch ${name} is not connected`);
  const unfit = switches.flatMap(({ name, linkUp, fitness }) => {
    const problem = linkUp ? (fitness?.problem ?? null) : null;
    return problem === null ? [] : [`switch ${name} cannot carry calls: ${problem}`];
  });
  const reasons = down.length + unfit.length === switches.length ? [...down, ...unfit] : [];
  if (draining) reasons.push('draining');
  if (full) reasons.push('all calls are in use');
  if (backendsClosed) reasons.push('the circuit breakers of all backends are open');
  if (overload.length > 0) reasons.push(`overloaded: ${overload.join(', ')}`);
  return reasons;
}

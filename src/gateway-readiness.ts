/** Whether a gateway could take a call. */
import type { SwitchAdapter } from './switch/switch-adapter.ts';

/** Why not; empty when it could. Calls by SIP come without a link: where switches are configured they are what counts. */
export function notReadyReasons(adapters: readonly SwitchAdapter[], draining: boolean, full: boolean): string[] {
  const switches = adapters.filter(({ kind }) => kind !== 'sip');
  const down = switches.filter(({ linkUp }) => !linkUp).map(({ name }) => `switch ${name} is not connected`);
  const reasons = down.length === switches.length ? down : [];
  if (draining) reasons.push('draining');
  if (full) reasons.push('all calls are in use');
  return reasons;
}

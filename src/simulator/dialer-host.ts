/** What a simulated switch's dialer needs of it. */
import type { Clock } from '../core/clock.ts';
import type { Application } from './application-text.ts';
import type { CallOptions } from './channel-host.ts';
import type { SimulatedPhone } from './phone.ts';
import type { SimulatedChannel } from './simulated-channel.ts';

/** What the dialer needs of its switch. */
export interface DialerHost {
  readonly clock: Clock;
  readonly globals: ReadonlyMap<string, string>;
  /** Where legs are bound. */
  readonly address: string;
  frozen(): boolean;
  has(uuid: string): boolean;
  /** Puts a channel on the switch that nobody has put there yet. */
  add(uuid: string, options: CallOptions): SimulatedChannel;
  extension(number: string): readonly Application[] | null;
  phoneAt(dialString: string): SimulatedPhone | null;
}

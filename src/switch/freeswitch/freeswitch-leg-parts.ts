/** What a leg on a FreeSWITCH channel is made of. */
import type { Clock } from '../../core/clock.ts';
import type { EslLink } from './esl-link.ts';
import type { SipLegOptions } from './sip-leg-opening.ts';
import type { UnicastMediaOptions } from './unicast-opening.ts';

/** How a leg's audio is to be had. */
export type LegMediaOptions =
  ({ readonly kind: 'unicast' } & UnicastMediaOptions) | ({ readonly kind: 'sip' } & SipLegOptions);

/** What a leg is made of. */
export interface FreeswitchLegParts {
  readonly uuid: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly answered: boolean;
  /** The switch has dialled it: only whoever is called can answer it. */
  readonly dialled?: boolean;
  /** Names our process on the channel to those after it; see left-behind-marks.ts. */
  readonly owner: string;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly media: LegMediaOptions;
  /** The leg is let go, and nothing of ours is left in the switch: no more events, please. */
  onReleased(): Promise<void>;
}

/** What a leg on a channel of Asterisk is made of. */
import type { Clock } from '../../core/clock.ts';
import type { AriLink } from './ari-link.ts';
import type { Consultations } from './consultation.ts';
import type { AsteriskMediaPath } from './media-path.ts';
import type { StasisChannel } from './stasis-channel.ts';
import type { StasisIds } from './stasis-ids.ts';
import type { StasisRoutes } from './stasis-routes.ts';

/** What all legs of a switch share. */
export interface AsteriskLegShared {
  readonly switchName: string;
  readonly link: AriLink;
  readonly clock: Clock;
  readonly ids: StasisIds;
  readonly routes: StasisRoutes;
  readonly path: AsteriskMediaPath;
  /** Asterisk's name of the media's format, or `auto`. */
  readonly format: string;
  /** Something of a call may be left in Asterisk. */
  onLeftover(): void;
}

/** What a leg is made of. */
export interface AsteriskLegParts extends AsteriskLegShared {
  readonly channel: StasisChannel;
  readonly consultations: Consultations;
  /** Variables; whoever makes the leg may fill them until it hands it on. */
  readonly variables: ReadonlyMap<string, string>;
  /** Nothing of the call is ours any more. Called once. */
  onOver(): void;
}

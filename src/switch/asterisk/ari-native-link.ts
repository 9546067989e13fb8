/** The ARI link over our own client: the default; docs/decisions/0003-ari-link.md compares it with the package's. */
import type { Clock } from '../../core/clock.ts';
import { applicationLook } from './ari-application.ts';
import { nativeDial } from './ari-native-connection.ts';
import { AriReconnectingLink } from './ari-reconnecting-link.ts';
import { checkTarget } from './ari-target.ts';
import type { AriTarget } from './ari-target.ts';

/** Which Asterisk, and as whom. */
export interface AriLinkOptions extends AriTarget {
  readonly name: string;
  readonly clock: Clock;
}

/** Our own client behind the port. */
export class AriNativeLink extends AriReconnectingLink {
  /** @throws ERR_TALKSPURT_CONFIG_INVALID for a user, password or application that cannot be one */
  constructor(options: AriLinkOptions) {
    checkTarget(options.name, options);
    super(options, nativeDial(options), applicationLook(options));
  }
}

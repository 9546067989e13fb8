/** The ARI link over the `ari-client` package; docs/decisions/0003-ari-link.md says what of it is the package's. */
import { TalkspurtError } from '../../core/errors.ts';
import { applicationLook } from './ari-application.ts';
import type { AriLinkOptions } from './ari-native-link.ts';
import { packageDial } from './ari-package-connection.ts';
import { AriReconnectingLink } from './ari-reconnecting-link.ts';
import { checkTarget } from './ari-target.ts';

/** The `ari-client` package behind the port. Where that is not installed it is never up, and says so. */
export class AriPackageLink extends AriReconnectingLink {
  /** @throws ERR_TALKSPURT_CONFIG_INVALID as `AriNativeLink`, and for `tls`: the package would send the password in clear */
  constructor(options: AriLinkOptions) {
    checkTarget(options.name, options);
    if (options.tls === true) {
      const message = `${options.name}: the package ari-client has no TLS that holds; leave it to the native link`;
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
    }
    super(options, packageDial(options), applicationLook(options));
  }
}

/** The Event Socket link over the `esl` package; docs/decisions/0001-esl-link.md says what of it is the package's. */
import { dialWithPackage } from './esl-package-connection.ts';
import { ReconnectingEslLink } from './reconnecting-esl-link.ts';
import type { EslLinkOptions } from './reconnecting-esl-link.ts';

/** Which switch, and how to get in. */
export type EslPackageLinkOptions = EslLinkOptions;

/** The `esl` package behind the port. */
export class EslPackageLink extends ReconnectingEslLink {
  /** @throws ERR_TALKSPURT_CONFIG_INVALID for a password that is not one line */
  constructor(options: EslPackageLinkOptions) {
    super(options, dialWithPackage);
  }
}

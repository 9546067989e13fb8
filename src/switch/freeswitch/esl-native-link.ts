/** The Event Socket link over our own client; docs/decisions/0001-esl-link.md says what speaks for it. */
import { dialNatively } from './esl-native-connection.ts';
import { ReconnectingEslLink } from './reconnecting-esl-link.ts';
import type { EslLinkOptions } from './reconnecting-esl-link.ts';

/** Our own client behind the port. */
export class EslNativeLink extends ReconnectingEslLink {
  /** @throws ERR_TALKSPURT_CONFIG_INVALID for a password that is not one line */
  constructor(options: EslLinkOptions) {
    super(options, dialNatively);
  }
}

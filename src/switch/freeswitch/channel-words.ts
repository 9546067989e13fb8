/** What operators may put into a command about a channel. */
import { TalkspurtError } from '../../core/errors.ts';

const DIGITS = /^[0-9*#A-Da-dwW]{1,64}$/;
/** Any other dialplan than XML could run applications of the switch. */
const DESTINATION = /^[A-Za-z0-9_+*#.@][A-Za-z0-9_+*#.@-]{0,127}( XML( [A-Za-z0-9][A-Za-z0-9._-]{0,63})?)?$/;

/** `digits`, when they are. @throws ERR_TALKSPURT_COMMAND_SYNTAX */
export function checkedDigits(digits: string): string {
  if (DIGITS.test(digits)) return digits;
  const message = 'digits are 0-9, A-D, * and #, with w for a pause; at most 64';
  throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
}

/** `destination`, when it is one that names an extension and nothing else. @throws ERR_TALKSPURT_COMMAND_SYNTAX */
export function checkedDestination(destination: string): string {
  if (DESTINATION.test(destination)) return destination;
  const message =
    'a destination is one word of letters, digits and _ + * # . @ -, which may be followed by XML and a context';
  throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
}

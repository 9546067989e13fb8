/** An originate request as FreeSWITCH's words: nothing of it can be taken for another variable, endpoint or command. */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { isProfileName } from '../profile-name.ts';
import { ORIGINATE_RING_S } from '../switch-adapter.ts';
import type { OriginateRequest } from '../switch-adapter.ts';

/** A background job is not waited for longer. */
const LONGEST_S = Math.floor(LIMITS.eslJobMs / 1000) - 5;
/** One endpoint: no list of them, no variables in front, no expansion. */
const ENDPOINT = /^[A-Za-z0-9_]{1,32}\/[A-Za-z0-9_+*#.@:;=/-]{1,200}$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;
/** What stays what it is between single quotes. */
const VALUE = /^[A-Za-z0-9 _+*#.@:=/()!?%-]{0,256}$/;
const FORMAT = /^[A-Za-z0-9.@-]{1,32}$/;
const CALLER_ID = /^(?:"([A-Za-z0-9 ._-]{0,64})" *<([A-Za-z0-9+*#._-]{1,64})>|([A-Za-z0-9+*#._-]{1,64}))$/;
/** What we set ourselves. */
const OURS = /^(?:origination_uuid|originate_timeout|ignore_early_media|park_timeout)$/i;

/** What `originateParked` takes. @throws ERR_TALKSPURT_COMMAND_SYNTAX */
export function originateWords(request: OriginateRequest): {
  endpoint: string;
  variables: string[];
  timeoutSeconds: number;
} {
  const { endpoint, profile, callerId, variables = {}, formats = [], timeoutSeconds = ORIGINATE_RING_S } = request;
  const [, name, number, alone] = CALLER_ID.exec(callerId ?? '0') ?? [null];
  const entries = Object.entries(variables);
  const plain = entries.every(([each, value]) => NAME.test(each) && !OURS.test(each) && VALUE.test(value));
  const fault =
    !ENDPOINT.test(endpoint) || endpoint.includes(';;')
      ? 'an endpoint is TECHNOLOGY/RESOURCE of letters, digits and _ + * # . @ : ; = / -'
      : !isProfileName(profile)
        ? 'what is named is no profile'
        : formats.length > 16 || !formats.every((each) => FORMAT.test(each))
          ? 'formats are at most 16 names of codecs, as the switch has them'
          : !(timeoutSeconds >= 1 && timeoutSeconds <= LONGEST_S)
            ? `a call may ring for 1 to ${LONGEST_S} s`
            : number === undefined && alone === undefined
              ? 'a caller id is a number, or "a name" <number>'
              : entries.length > LIMITS.stasisArguments || !plain
                ? `at most ${LIMITS.stasisArguments} variables, with values of letters, digits, blanks and _+*#.@:=/()!?%-`
                : null;
  if (fault !== null) throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', fault);
  const shown = callerId === undefined ? [] : [`origination_caller_id_number=${number ?? alone}`];
  return {
    endpoint,
    timeoutSeconds: Math.round(timeoutSeconds),
    variables: [
      ...shown,
      ...(name === undefined || name === null ? [] : [`origination_caller_id_name='${name}'`]),
      ...(formats.length === 0 ? [] : [`absolute_codec_string='${formats.join(',')}'`]),
      ...entries.map(([each, value]) => `${each}='${value}'`),
    ],
  };
}

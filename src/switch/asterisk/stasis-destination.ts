/** Where a call is sent: a place in the dialplan, or an endpoint that its own far end is to call. */
import { TalkspurtError } from '../../core/errors.ts';

/** A place in the dialplan; without a context: in the one that the channel is in. */
export interface DialplanPlace {
  readonly kind: 'dialplan';
  readonly extension: string;
  readonly context?: string;
  readonly priority: number;
}

/** Where to. */
export type StasisDestination = DialplanPlace | { readonly kind: 'endpoint'; readonly endpoint: string };

const PLACE =
  /^([A-Za-z0-9_+*#.][A-Za-z0-9_+*#.-]{0,79})(?:(?:@| )([A-Za-z0-9_][A-Za-z0-9_.-]{0,78}))?(?:[ ,]([1-9][0-9]{0,3}))?$/;
const ENDPOINT = /^endpoint:((?:PJSIP|SIP)\/[A-Za-z0-9_+*#.@:;=/-]{1,200})$/;

/**
 * Reads `exten`, `exten@context` or `exten context`, each with a priority behind a space or comma where it is not 1; or
 * `endpoint:PJSIP/…`. @throws ERR_TALKSPURT_COMMAND_SYNTAX
 */
export function readDestination(text: string): StasisDestination {
  const endpoint = ENDPOINT.exec(text)?.[1];
  if (endpoint !== undefined) return { kind: 'endpoint', endpoint };
  const [, extension, context, priority = '1'] = PLACE.exec(text) ?? [];
  if (extension !== undefined) {
    const place = { kind: 'dialplan', extension, priority: Number(priority) } as const;
    return context === undefined ? place : { ...place, context };
  }
  const message =
    'a destination is EXTEN, EXTEN@CONTEXT or EXTEN CONTEXT PRIORITY of the dialplan, or endpoint:PJSIP/…; ' +
    'names are of letters, digits and _ + * # . -';
  throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
}

/** Whom to call for a destination, as in Dial; `place` is what the dialplan has to have, null where it is not asked. */
export interface ConsultedPlace {
  readonly endpoint: string;
  readonly place: string | null;
}

/** `context` is where the caller is. @throws ERR_TALKSPURT_COMMAND_SYNTAX */
export function endpointOf(text: string, context: string): ConsultedPlace {
  const wanted = readDestination(text);
  if (wanted.kind === 'endpoint') return { endpoint: wanted.endpoint, place: null };
  const { extension, priority } = wanted;
  if (priority !== 1) {
    const message = 'an attended transfer goes to the first priority of an extension';
    throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
  }
  const where = wanted.context ?? context;
  return { endpoint: `Local/${extension}@${where}/n`, place: `${where},${extension},1` };
}

/** The dialplan has nothing there. */
export function noExtension(switchName: string): TalkspurtError {
  const message = `the dialplan of ${switchName} has no such extension: the call stays`;
  return new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
}

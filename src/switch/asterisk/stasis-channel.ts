/** A channel and the other things of ARI, as far as we read them. Whatever Asterisk says is checked here. */
import type { AriEvent } from './ari-link.ts';

/** One channel, as events and answers have it. */
export interface StasisChannel {
  readonly id: string;
  /** `Down`, `Ring`, `Up` … */
  readonly state: string;
  /** Personal. */
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly context: string;
  /** The application of the dialplan that runs it: `Stasis` where an ARI application has it. */
  readonly application: string;
  /** …and what it was given there, as one text; empty where Asterisk does not say. */
  readonly applicationData: string;
}

/** Highest Q.850 cause. */
const CAUSES = 127;
const NORMAL_CLEARING = 16;

/** The channel in an event's field or an answer, or null for anything else. */
export function readChannel(value: unknown): StasisChannel | null {
  const { id, name, state, caller, connected, dialplan } = fieldsOf(value);
  if (typeof id !== 'string' || id === '') return null;
  const { context, exten, app_name: application, app_data: applicationData } = fieldsOf(dialplan);
  const called = textOf(exten);
  return {
    id,
    name: textOf(name),
    state: textOf(state),
    from: textOf(fieldsOf(caller)['number']),
    // A channel that was dialled stands at no extension of its own.
    to: called === '' || called === 's' ? textOf(fieldsOf(connected)['number']) : called,
    context: textOf(context),
    application: textOf(application),
    applicationData: textOf(applicationData),
  };
}

/** Id of what an event is about: its channel, the one that is dialled, or its bridge where no channel is named. */
export function subjectOf(event: AriEvent): string {
  const channel = textOf(fieldsOf(event['channel'])['id']);
  if (channel !== '') return channel;
  return textOf(fieldsOf(event['peer'])['id']) || bridgeOf(event);
}

/** Id of the bridge in an event, or ''. */
export function bridgeOf(event: AriEvent): string {
  return textOf(fieldsOf(event['bridge'])['id']);
}

/** The Q.850 cause in an event; Asterisk says 0 where it knows none. */
export function causeOf(event: AriEvent): number {
  const { cause } = event;
  const known = typeof cause === 'number' && Number.isInteger(cause) && cause > 0 && cause <= CAUSES;
  return known ? cause : NORMAL_CLEARING;
}

/** What Asterisk says of a call that was not answered, as Q.850. */
const DIAL_CAUSES: Readonly<Record<string, number>> = { BUSY: 17, NOANSWER: 19, CONGESTION: 34, CHANUNAVAIL: 20 };

/** Why a call that we dial is not answered, Q.850, where `event` says so; null: it says something else. */
export function dialCauseOf(event: AriEvent): number | null {
  return event.type === 'Dial' ? (DIAL_CAUSES[textOf(event['dialstatus'])] ?? null) : null;
}

/** A digit that was heard, or null. */
export function digitOf(event: AriEvent): { readonly digit: string; readonly durationMs: number } | null {
  const { digit, duration_ms: durationMs } = event;
  if (typeof digit !== 'string' || !/^[0-9*#A-D]$/.test(digit)) return null;
  return { digit, durationMs: typeof durationMs === 'number' && durationMs >= 0 ? durationMs : 0 };
}

/** `channelvars` of an answer; what is no text is left out. */
export function channelVariablesOf(answer: unknown): Readonly<Record<string, string>> {
  const variables = Object.entries(fieldsOf(fieldsOf(answer)['channelvars']));
  return Object.fromEntries(variables.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** A list of texts, whatever else stands among them. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

/** The fields of what should be an object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** One page of the list of calls: filtered, in the order of their ids. */
import { LIMITS } from '../limits.ts';
import { callStateWordSchema } from '../observe/health-schema.ts';
import type { CallJson } from './call-json.ts';
import { HttpRefusal } from './http-answer.ts';

/** Queries of the list. */
export const CALL_LIST_QUERY = ['limit', 'after', 'state', 'profile', 'switch', 'health'] as const;

/** A page, and the `after` of the next one; null: it was the last. */
export interface CallPage {
  readonly calls: readonly CallJson[];
  /** Calls that pass the filters, on all pages. */
  readonly total: number;
  readonly next: string | null;
}

const HEALTHS = ['HEALTHY', 'DEGRADED', 'UNHEALTHY'];

/** By id, so that calls that come and go between two pages neither repeat nor hide others. @throws HttpRefusal bad-field */
export function callPage(all: readonly CallJson[], query: URLSearchParams): CallPage {
  const limit = limitOf(query.get('limit'));
  const state = oneOf(query, 'state', callStateWordSchema.options);
  const health = oneOf(query, 'health', HEALTHS);
  const profile = query.get('profile');
  const switchName = query.get('switch');
  const after = query.get('after');
  const fitting = all
    .filter((call) => state === null || call.state === state)
    .filter((call) => health === null || call.health === health)
    .filter((call) => profile === null || call.profile === profile)
    .filter((call) => switchName === null || call.switch === switchName)
    .sort((a, b) => (a.session_uuid < b.session_uuid ? -1 : 1));
  const rest = after === null ? fitting : fitting.filter((call) => call.session_uuid > after);
  const calls = rest.slice(0, limit);
  const last = calls.at(-1);
  return { calls, total: fitting.length, next: rest.length > limit && last !== undefined ? last.session_uuid : null };
}

function limitOf(text: string | null): number {
  if (text === null) return LIMITS.httpPageCalls;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMITS.httpPageCallsMaximum) return limit;
  throw new HttpRefusal('bad-field', `must be a whole number of 1 to ${LIMITS.httpPageCallsMaximum}`, {
    field: 'limit',
  });
}

function oneOf(query: URLSearchParams, field: string, words: readonly string[]): string | null {
  const given = query.get(field);
  if (given === null) return null;
  const word = words.find((each) => each === given.toUpperCase());
  if (word !== undefined) return word;
  throw new HttpRefusal('bad-field', `must be one of ${words.join(', ')}`, { field });
}

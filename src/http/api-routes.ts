/** Routes of the API: calls, events, commands and the process; each asks for a token. */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { SessionSnapshot } from '../observe/health.ts';
import { callJson } from './call-json.ts';
import type { CallJson } from './call-json.ts';
import { CALL_LIST_QUERY, callPage } from './call-list.ts';
import type { CallTimelines } from './call-timeline.ts';
import { PROCESS_COMMANDS, callCommand, processCommand } from './command-bodies.ts';
import type { EventStreams } from './event-streams.ts';
import { HttpRefusal, ok } from './http-answer.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { HttpRequest, HttpRoute } from './http-route.ts';
import type { LoopLag } from '../observe/loop-lag.ts';
import type { StatusSource } from './status-source.ts';

/** What the API is made of. */
export interface ApiParts {
  readonly clock: Clock;
  readonly source: StatusSource;
  readonly streams: EventStreams;
  readonly timelines: CallTimelines;
  readonly lag: LoopLag;
  /** Whether numbers and what is said are shown to those with a token. */
  readonly personalData: boolean;
}

const EVENTS = 'text/event-stream';

/** All of them. */
export function apiRoutes(parts: ApiParts): HttpRoute[] {
  const { clock, source, streams, timelines, personalData } = parts;
  const shown = (session: SessionSnapshot): CallJson =>
    callJson(session, personalData ? source.parties(session.callId) : null);
  const found = (id: string | undefined): SessionSnapshot => {
    const session = source.session(id ?? '');
    if (session !== null) return session;
    throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'this call has no voice: it has ended, or was never started');
  };
  const events = (query: URLSearchParams, callId: string | null): HttpAnswer =>
    streams.answer({ callId, levels: yesOrNo(query, 'levels') });
  return [
    read('/api/calls', ({ query }) => ok({ ...callPage(source.sessions().map(shown), query) }), CALL_LIST_QUERY),
    read('/api/calls/:id', ({ params }) => {
      const session = found(params['id']);
      const at = new Date(clock.wallTimeMs()).toISOString();
      return ok({ at, call: shown(session), timeline: timelines.of(session.callId) });
    }),
    { ...read('/api/events', ({ query }) => events(query, null), ['levels']), accepts: EVENTS },
    {
      ...read('/api/calls/:id/events', ({ params, query }) => events(query, found(params['id']).callId), ['levels']),
      accepts: EVENTS,
    },
    read('/api/health', () => ok({ health: source.health() })),
    read('/api/breakers', () => ok({ breakers: breakersJson(source) })),
    read('/api/system', () => ok({ system: systemJson(parts) })),
    read('/api/access', ({ scope }) => ok({ scope, personal_data: personalData, version: source.version })),
    control('/api/calls/:id/:verb', async ({ params, body }) => {
      const command = callCommand(params['id'] ?? '', params['verb'] ?? '', body);
      return await commanded(source, command);
    }),
    ...(Object.keys(PROCESS_COMMANDS) as (keyof typeof PROCESS_COMMANDS)[]).map((name) =>
      control(`/api/${name}`, async ({ body }) => await commanded(source, processCommand(name, body))),
    ),
  ];
}

function read(path: string, answer: HttpRoute['answer'], query: readonly string[] = []): HttpRoute {
  return { method: 'GET', path, scope: 'read', query, answer };
}

function control(path: string, answer: (request: HttpRequest) => Promise<HttpAnswer>): HttpRoute {
  return { method: 'POST', path, scope: 'control', answer };
}

/** `result` is what an operator would be told behind `+OK`. @throws why it was not carried out */
async function commanded(source: StatusSource, command: Parameters<StatusSource['command']>[0]): Promise<HttpAnswer> {
  const { reply, error } = await source.command(command);
  if (error !== null) throw error;
  return ok({ verb: command.verb, result: reply.replace(/^\+OK /, '').trimEnd() });
}

function yesOrNo(query: URLSearchParams, field: string): boolean {
  const given = query.get(field) ?? 'false';
  if (given === 'true' || given === 'false') return given === 'true';
  throw new HttpRefusal('bad-field', 'must be true or false', { field });
}

function breakersJson(source: StatusSource): object[] {
  return source.breakers().map(({ name, state, retryInMs, lastReason }) => {
    return { name, state, retry_in_ms: Math.round(retryInMs), last_reason: lastReason };
  });
}

function systemJson({ clock, source, streams, lag }: ApiParts): object {
  const sessions = source.sessions();
  const health = source.health();
  const sum = (of: (session: SessionSnapshot) => number): number => sessions.reduce((all, each) => all + of(each), 0);
  const ticks = sum((session) => session.ticks);
  const lateTicks = sum((session) => session.lateTicks);
  const { rss, heapUsed } = process.memoryUsage();
  return {
    at: new Date(clock.wallTimeMs()).toISOString(),
    version: source.version,
    uptime_sec: health.uptime_sec,
    calls: sessions.length,
    call_limit: health.call_limit,
    draining: health.draining,
    not_ready: source.notReady(),
    ticks,
    late_ticks: lateTicks,
    late_tick_pct: ticks === 0 ? 0 : Number(((100 * lateTicks) / ticks).toFixed(2)),
    loop_lag_ms: Math.round(lag.lagMs),
    loop_lag_worst_ms: Math.round(lag.worstMs),
    rss_bytes: rss,
    heap_used_bytes: heapUsed,
    event_streams: streams.size,
    event_streams_dropped: streams.dropped,
  };
}

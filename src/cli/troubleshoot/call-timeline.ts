/** A record's events as what is drawn: stretches of speech and of turns, and marks. */
import type { CallRecord } from '../../observe/call-record-schema.ts';

/** A stretch of the call, ms from its beginning. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Something at one moment. */
export interface Mark {
  readonly atMs: number;
  /** `trouble` is drawn in red. */
  readonly kind: 'milestone' | 'event' | 'trouble';
  readonly text: string;
}

/** One call, to be drawn. */
export interface CallTimeline {
  readonly durationMs: number;
  readonly caller: readonly Stretch[];
  readonly agent: readonly Stretch[];
  readonly turns: readonly (Stretch & { readonly state: string })[];
  readonly answers: readonly { readonly atMs: number; readonly latencyMs: number }[];
  readonly marks: readonly Mark[];
}

type RecordEvent = CallRecord['events'][number];

/** Pure. */
export function callTimeline(record: CallRecord): CallTimeline {
  const durationMs = Math.max(1, record.duration_ms, ...record.events.map(({ at_ms }) => at_ms));
  const turns = stretchesOf(
    record.events
      .filter(({ type }) => type === 'turn.state')
      .map(({ at_ms, state }) => ({ at_ms, state: String(state) })),
    durationMs,
  );
  const heard = turns.filter(({ state }) => state === 'agent-speaking');
  const told = speechOf(record.events, 'agent', durationMs);
  return {
    durationMs,
    caller: speechOf(record.events, 'caller', durationMs),
    agent: told.length > 0 ? told : heard,
    turns,
    answers: record.turns.map(({ at_ms, latency_ms }) => ({ atMs: at_ms, latencyMs: latency_ms })),
    marks: record.events.flatMap((event) => markOf(event)),
  };
}

function stretchesOf(
  changes: readonly { readonly at_ms: number; readonly state: string }[],
  durationMs: number,
): CallTimeline['turns'] {
  return changes.map(({ at_ms, state }, index) => ({
    state,
    fromMs: at_ms,
    toMs: Math.max(at_ms, changes[index + 1]?.at_ms ?? durationMs),
  }));
}

function speechOf(events: readonly RecordEvent[], by: 'caller' | 'agent', durationMs: number): Stretch[] {
  const stretches: Stretch[] = [];
  let fromMs: number | null = null;
  for (const event of events) {
    if (event['by'] !== by) continue;
    if (event.type === 'speech.started') fromMs ??= event.at_ms;
    else if (event.type === 'speech.stopped' && fromMs !== null) {
      stretches.push({ fromMs, toMs: event.at_ms });
      fromMs = null;
    }
  }
  if (fromMs !== null) stretches.push({ fromMs, toMs: durationMs });
  return stretches;
}

function markOf(event: RecordEvent): Mark[] {
  const mark = (kind: Mark['kind'], text: string): Mark[] => [{ atMs: event.at_ms, kind, text }];
  const field = (name: string): string => {
    const value = event[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  switch (event.type) {
    case 'call.state':
      return event['state'] === 'talking' ? mark('milestone', 'talking') : [];
    case 'media.opened':
      return mark('milestone', `audio path open (${field('transport')})`);
    case 'backend.opened':
      return mark('milestone', `backend ${field('backend')} open`);
    case 'backend.switched':
      return mark('event', `backend ${field('previous')} → ${field('backend')}`);
    case 'backend.reconnected':
      return mark('event', `backend ${field('backend')} back after ${Math.round(Number(event['gapMs']))} ms`);
    case 'backend.failover':
      return mark('trouble', `${field('previous')} → ${field('backend')} ${field('outcome')}`);
    case 'backend.failed':
      return mark('trouble', `no backend came back: ${field('action')}`);
    case 'barge-in':
      return mark('event', `barge-in: silent after ${Math.round(Number(event['stopMs']))} ms`);
    case 'barge-in.withdrawn':
      return mark('event', 'paused for nothing');
    case 'transfer':
      return mark('event', `transfer ${field('stage')}`);
    case 'order':
      return mark('event', `${field('order')} ${event['on'] === true ? 'on' : 'off'}`);
    case 'tool.call':
      return mark('event', `tool ${field('name')}`);
    case 'dtmf':
      return mark('event', 'key');
    case 'call.progress':
      return mark('event', field('signal'));
    case 'media.underrun':
      return mark('trouble', `agent ran dry (${Math.round(Number(event['missingMs']))} ms)`);
    case 'media.overflow':
      return mark('trouble', `overflow (${field('place')})`);
    case 'media.stalled':
      return mark('trouble', 'nothing comes from the switch');
    case 'media.suspect':
      return mark('trouble', `${field('side')}: ${field('suspicion')}`);
    case 'backend.error':
    case 'backend.closed':
      return event['code'] === undefined ? [] : mark('trouble', `${event.type} ${field('code')}`);
    case 'breaker':
      return mark(event['state'] === 'open' ? 'trouble' : 'event', `breaker ${field('breaker')} ${field('state')}`);
    case 'link.down':
      return mark('trouble', `link ${field('link')} down`);
    case 'link.up':
      return mark('event', `link ${field('link')} up`);
    case 'draining':
      return mark('event', 'draining');
    case 'call.ended':
      return mark(event['code'] === undefined ? 'milestone' : 'trouble', `ended: ${field('reason')}`);
    default:
      return [];
  }
}

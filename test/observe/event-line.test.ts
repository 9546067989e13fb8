/** Every kind of event has its place in the log. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { EVENT_LINES, eventLine } from '../../src/observe/event-line.ts';
import { everyEvent } from './every-event.ts';

const COMPONENTS = 'WS_STREAM AI_ENGINE TTS DSP INJECT CAPTURE LIFECYCLE BACKEND RING_BUF SWITCH'.split(' ');

/** The kinds as the source of the vocabulary names them: what runs these tests does not look at types. */
function kindsInSource(): string[] {
  const source = readFileSync(new URL('../../src/core/events.ts', import.meta.url), 'utf8');
  return [...source.matchAll(/^(?: {2}\| \{| {6}) ?type: '([^']+)'/gm)].map(([, kind = '']) => kind);
}

test('no kind of event is without a line', () => {
  const kinds = kindsInSource();
  assert.ok(kinds.length > 35, 'the vocabulary was found');
  const missing = kinds.filter((kind) => !(kind in EVENT_LINES));
  assert.equal(
    missing,
    [],
    `give these events a row in EVENT_LINES (src/observe/event-line.ts): ${missing.join(', ')}`,
  );
  const stale = Object.keys(EVENT_LINES).filter((kind) => !kinds.includes(kind));
  assert.equal(stale, [], 'rows of events that are no more');
  const untested = kinds.filter((kind) => everyEvent().every(({ type }) => type !== kind));
  assert.equal(untested, [], 'give these a place in test/observe/every-event.ts');
});

test('each line names one of the components, an operation and how it went', () => {
  for (const event of everyEvent()) {
    const { component, operation, outcome, level } = eventLine(event);
    assert.ok(COMPONENTS.includes(component), `${event.type}: ${component}`);
    assert.match(operation, /^[a-z]+(_[a-z]+)*$/, event.type);
    assert.ok(['ok', 'degraded', 'refused', 'failed'].includes(outcome), event.type);
    assert.ok(['debug', 'info', 'warn', 'error'].includes(level), event.type);
    if ('error' in event && event.error !== undefined) assert.is.not(outcome, 'ok', event.type);
    // What went wrong for a caller is never only a detail.
    if (outcome === 'failed') assert.ok(['info', 'warn', 'error'].includes(level), event.type);
  }
});

test('what happens again and again within one call is only at `debug`', () => {
  const often = ['turn.state', 'speech.started', 'speech.stopped', 'turn.response-latency', 'transcript', 'dtmf'];
  for (const event of everyEvent())
    if (often.includes(event.type)) assert.is(eventLine(event).level, 'debug', event.type);
});

test('an event that nobody knows is written all the same', () => {
  const stranger = { type: 'plug-in.own', atMs: 0 } as unknown as TalkspurtEvent;
  assert.is(eventLine(stranger).component, 'LIFECYCLE');
});

test('docs/logs.md lists the same lines', () => {
  const page = readFileSync(new URL('../../docs/logs.md', import.meta.url), 'utf8');
  for (const component of COMPONENTS) assert.ok(page.includes(`\`${component}\``), component);
});

test.run();

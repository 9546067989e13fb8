import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import { eventLine } from '../../src/observe/event-line.ts';
import { LogSink } from '../../src/observe/log-sink.ts';
import type { LogSinkOptions } from '../../src/observe/log-sink.ts';
import { everyEvent } from './every-event.ts';

class StillClock implements Pick<Clock, 'nowMs' | 'wallTimeMs'> {
  ms = 0;
  nowMs(): number {
    return this.ms;
  }
  wallTimeMs(): number {
    return Date.UTC(2026, 0, 2, 3, 4, 5) + this.ms;
  }
}

function sink(options: Partial<LogSinkOptions> = {}): { log: LogSink; lines: string[]; clock: StillClock } {
  const lines: string[] = [];
  const clock = new StillClock();
  const log = new LogSink({
    clock: clock as unknown as Clock,
    level: 'trace',
    format: 'json',
    personalData: false,
    output: { write: (line) => void lines.push(line) },
    ...options,
  });
  return { log, lines, clock };
}

const ended: TalkspurtEvent = {
  type: 'call.ended',
  callId: 'u-1',
  correlationId: 'c-1',
  atMs: 5,
  reason: 'backend-failed',
  hangupCause: 41,
  durationMs: 1234.5678,
  error: new TalkspurtError('ERR_TALKSPURT_BACKEND_CLOSED', 'the backend closed the stream', {
    details: { status: 1011 },
    cause: Object.assign(new Error('what the peer said'), { code: 'ECONNRESET' }),
  }),
};

test('an event is one JSON line of fields, with a fixed message', () => {
  const { log, lines } = sink();
  log.emit(ended);
  assert.is(lines.length, 1);
  assert.ok(lines[0]?.endsWith('}\n'));
  assert.equal(JSON.parse(lines[0] ?? ''), {
    level: 'warn',
    time: '2026-01-02T03:04:05.000Z',
    component: 'LIFECYCLE',
    operation: 'call_end',
    outcome: 'failed',
    session_uuid: 'u-1',
    correlation_id: 'c-1',
    event: 'call.ended',
    reason: 'backend-failed',
    hangupCause: 41,
    durationMs: 1234.568,
    code: 'ERR_TALKSPURT_BACKEND_CLOSED',
    error: 'the backend closed the stream',
    retryable: true,
    status: 1011,
    cause: 'ECONNRESET',
    msg: 'call ended',
  });
});

test('every kind of event has a line, and its message says nothing of the event', () => {
  const { log, lines, clock } = sink();
  for (const event of everyEvent()) {
    clock.ms += 1_000;
    log.emit(event);
    const { msg, event: type } = JSON.parse(lines.at(-1) ?? '{}') as { msg: string; event: string };
    assert.is(type, event.type);
    assert.is(msg, eventLine(event).message);
    assert.match(msg, /^[a-z][a-z :]+$/);
  }
});

test('what people say, dial and hand to functions is dropped unless asked for', () => {
  const closed = sink();
  const open = sink({ personalData: true });
  for (const event of everyEvent('PERSONAL')) {
    for (const { clock } of [closed, open]) clock.ms += 1_000;
    closed.log.emit(event);
    open.log.emit(event);
  }
  assert.not.match(closed.lines.join(''), 'PERSONAL');
  assert.is(open.lines.join('').split('PERSONAL').length - 1, 4, 'transcript, digit, arguments, message');
});

test('a secret never appears, wherever it came from', () => {
  const { log, lines } = sink({ secrets: ['s3cr"et-key', 'hunter22', ''] });
  log.emit({ ...ended, error: new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'sent auth hunter22 and s3cr"et-key') });
  log.note('info', 'note', { header: 'Bearer s3cr"et-key' });
  const text = lines.join('');
  assert.not.match(text, 'hunter22');
  assert.not.match(text, 's3cr');
  assert.is(text.split('[secret]').length - 1, 3);
  for (const line of lines) assert.not.throws(() => JSON.parse(line));
});

test('a secret of digits, or one that is a word of JSON, leaves every line JSON', () => {
  const { log, lines } = sink({ secrets: ['1946', 'true', '":"'] });
  log.note('info', 'serving', { statusPort: 19466, port: 8022, ok: true, text: 'it is 1946', list: [1946.5] });
  const { statusPort, port, ok, text, list } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.equal([statusPort, port, ok, text], ['[secret]6', 8022, true, 'it is [secret]']);
  assert.equal(list, ['[secret].5']);
  assert.is(lines[0]?.at(-1), '\n');
});

test('secrets may be added; of too many the ones that were not named for longest are forgotten', () => {
  const { log, lines } = sink({ secrets: ['first-secret'] });
  log.addSecrets(Array.from({ length: LIMITS.logSecrets - 1 }, (_, n) => `secret-${n}-`));
  log.note('info', 'note', { text: 'first-secret secret-0- secret-9-' });
  assert.is(lines.join('').split('[secret]').length - 1, 3);
  log.addSecrets(['first-secret', 'one-more']);
  log.note('info', 'note', { text: 'first-secret one-more' });
  assert.is((lines.at(-1) ?? '').split('[secret]').length - 1, 2);
  assert.not.match(lines.at(-1) ?? '', 'first-secret');
});

test('a defect of ours is logged with its stack, a peer’s error without', () => {
  const { log, lines } = sink();
  const error = new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'broken', { cause: new RangeError('x') });
  log.emit({ ...ended, error });
  assert.match(lines[0] ?? '', /"stack":"RangeError: x\\n/);
});

test('lines below the level are not written', () => {
  const { log, lines } = sink({ level: 'warn' });
  log.emit({ type: 'ready', version: '1', atMs: 0 });
  log.emit({ type: 'turn.state', state: 'thinking', previous: 'listening', callId: 'u', atMs: 0 });
  assert.is(lines.length, 0);
  log.emit(ended);
  assert.is(lines.length, 1);
});

test('of a fault that comes again and again three are written, then one that says so, then a count after a while', () => {
  const { log, lines, clock } = sink();
  const malformed = (peer: string): TalkspurtEvent => ({
    type: 'peer.malformed',
    peer,
    error: new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', 'bad frame'),
    atMs: 0,
  });
  for (let i = 0; i < 1_000; i += 1) log.emit(malformed('esl'));
  assert.is(lines.length, LIMITS.logRepeats + 1);
  assert.match(
    lines.at(-1) ?? '',
    /"suppressed":1,"msg":"a peer broke its protocol \(again; from now on only counted\)"/,
  );
  log.emit(malformed('ari'));
  assert.is(lines.length, LIMITS.logRepeats + 2, 'another peer is another fault');
  log.emit(ended);
  assert.is(lines.length, LIMITS.logRepeats + 3);
  clock.ms = LIMITS.logRepeatResetMs;
  log.emit(malformed('esl'));
  assert.is(JSON.parse(lines.at(-1) ?? '').suppressed, 1_000 - LIMITS.logRepeats);
  log.emit(malformed('esl'));
  assert.is(JSON.parse(lines.at(-1) ?? '').suppressed, undefined);
});

test('at `debug` every detail is written, of one kind within a bound', () => {
  const { log, lines, clock } = sink({ level: 'debug' });
  for (let i = 0; i < 1_000; i += 1) log.emit({ type: 'media.underrun', missingMs: 20, callId: 'u', atMs: 0 });
  assert.is(lines.length, LIMITS.logBurstLines);
  clock.ms = 1_000;
  log.emit({ type: 'media.underrun', missingMs: 20, callId: 'u', atMs: 0 });
  assert.is(JSON.parse(lines.at(-1) ?? '').suppressed, 1_000 - LIMITS.logBurstLines);
});

test('a note says its component and operation, and whose call it is', () => {
  const { log, lines } = sink();
  log.note('warn', 'something', { a: 1 }, { component: 'TTS', operation: 'speak', callId: 'u-9' });
  const { time: _time, ...line } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  const head = { level: 'warn', component: 'TTS', operation: 'speak', outcome: 'degraded', session_uuid: 'u-9' };
  assert.equal(line, { ...head, a: 1, msg: 'something' });
});

test('lines for people: time, level, message, fields; control characters do not reach the terminal', () => {
  const { log, lines } = sink({ format: 'pretty' });
  log.emit(ended);
  // The runner sets NO_COLOR; a terminal would add colours around the same words.
  const plain = (lines[0] ?? '').replaceAll(/\x1b\[\d+m/g, '');
  assert.match(
    plain,
    /^03:04:05\.000 warn {2}\[u-1\] LIFECYCLE call_end outcome=failed correlation_id=c-1 reason=backend-failed /,
  );
  assert.match(plain, /error="the backend closed the stream"/);
  log.note('info', 'note', { peer: 'a\u001b[2Jb\u009bc\nd' });
  const note = (lines[1] ?? '').replaceAll(/\x1b\[\d+m/g, '');
  assert.not.match(note.trimEnd(), /[\x00-\x1f\x7f-\x9f]/);
});

test.run();

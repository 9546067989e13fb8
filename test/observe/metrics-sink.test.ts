import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { GatewaySnapshot, SessionSnapshot } from '../../src/observe/health.ts';
import { MetricsSink } from '../../src/observe/metrics-sink.ts';
import { everyEvent } from './every-event.ts';
import { session } from './session-snapshot.ts';

function gateway(sessions: readonly SessionSnapshot[]): GatewaySnapshot {
  return { sessions, created: 1, destroyed: 0, uptimeMs: 1, version: '1', draining: false, callLimit: 2, links: [] };
}

async function valueOf(sink: MetricsSink, line: string): Promise<number | undefined> {
  const { body } = await sink.page();
  const found = body.split('\n').find((each) => each.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

test('one of each event is counted where it belongs', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  for (const event of everyEvent('PERSONAL')) sink.emit(event);
  const expected: Record<string, number> = {
    talkspurt_calls_started_total: 1,
    'talkspurt_calls_ended_total{reason="hangup",code=""}': 1,
    'talkspurt_calls{state="answering"}': 1,
    talkspurt_call_duration_seconds_sum: 30,
    'talkspurt_media_opened_total{transport="unicast",codec="pcmu",pass_through="true"}': 1,
    talkspurt_media_stalls_total: 1,
    talkspurt_media_underruns_total: 1,
    talkspurt_media_underrun_seconds_total: 0.06,
    'talkspurt_media_overflow_bytes_total{place="playout"}': 320,
    'talkspurt_speech_total{by="caller"}': 1,
    talkspurt_response_latency_seconds_sum: 0.64,
    talkspurt_response_since_speech_seconds_sum: 1.14,
    talkspurt_barge_in_stop_seconds_sum: 0.04,
    talkspurt_barge_in_verdict_seconds_sum: 0.12,
    talkspurt_barge_in_withdrawn_seconds_sum: 0.1,
    talkspurt_dtmf_digits_total: 1,
    talkspurt_tool_calls_total: 1,
    'talkspurt_backend_connect_seconds_sum{backend="openai"}': 0.25,
    'talkspurt_backend_errors_total{backend="openai",code="ERR_TALKSPURT_BACKEND_API"}': 1,
    'talkspurt_backend_closed_total{backend="openai",code="ERR_TALKSPURT_BACKEND_API"}': 1,
    'talkspurt_link_up{link="local"}': 0,
    'talkspurt_link_downs_total{link="local",code="ERR_TALKSPURT_BACKEND_API"}': 1,
    'talkspurt_commands_total{front="fs_cli",verb="start",ok="true"}': 1,
    'talkspurt_connections_refused_total{server="pbx-audiosocket",reason="unknown"}': 1,
    'talkspurt_malformed_total{peer="esl",code="ERR_TALKSPURT_BACKEND_API"}': 1,
    'talkspurt_unknown_events_total{peer="pbx"}': 1,
    'talkspurt_link_refusals_total{link="local",status="404"}': 1,
  };
  for (const [line, value] of Object.entries(expected)) assert.is(await valueOf(sink, line), value, line);
  assert.not.match((await sink.page()).body, 'PERSONAL');
});

test('calls at present follow their states down to none', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  const life = ['new', 'answering', 'opening', 'talking', 'ending', 'ended'] as const;
  for (const [index, state] of life.entries()) {
    const previous = life[index - 1];
    if (previous !== undefined) sink.emit({ type: 'call.state', state, previous, callId: 'u', atMs: index });
  }
  for (const state of ['answering', 'opening', 'talking', 'ending']) {
    assert.is(await valueOf(sink, `talkspurt_calls{state="${state}"}`), 0, state);
  }
  assert.is(await valueOf(sink, 'talkspurt_calls{state="ended"}'), undefined);
  assert.is(await valueOf(sink, 'talkspurt_calls_started_total'), 1);
});

test('a peer cannot make the page grow: further values of a label are `other`', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  const error = new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', 'bad');
  for (let i = 0; i < 1_000; i += 1) sink.emit({ type: 'peer.malformed', peer: `peer-${i}`, error, atMs: 0 });
  const { body } = await sink.page();
  const lines = body.split('\n').filter((line) => line.startsWith('talkspurt_malformed_total{'));
  assert.is(lines.length, LIMITS.metricLabelValues + 1);
  const other = 'talkspurt_malformed_total{peer="other",code="ERR_TALKSPURT_LINK_PROTOCOL"}';
  assert.is(await valueOf(sink, other), 1_000 - LIMITS.metricLabelValues);
});

test('a thousand calls later the page has not a line more than after ten', async () => {
  let sessions: SessionSnapshot[] = [];
  const sink = new MetricsSink({ processMetrics: false, snapshot: () => gateway(sessions) });
  const series = async (): Promise<string[]> => {
    const { body } = await sink.page();
    return body.split('\n').flatMap((line) => (/^[a-z]/.test(line) ? [line.slice(0, line.lastIndexOf(' '))] : []));
  };
  const oneCall = (n: number): void => {
    const callId = `5f1e0f3c-0000-4000-8000-${String(n).padStart(12, '0')}`;
    sessions = [session({ callId })];
    for (const event of everyEvent(`personal-${n}`, callId, n)) sink.emit(event);
    sink.recordEnded(session({ callId }));
  };
  for (let n = 0; n < 10; n += 1) oneCall(n);
  const after10 = await series();
  for (let n = 10; n < 1_000; n += 1) oneCall(n);
  assert.equal(await series(), after10);
  assert.is(new Set(after10).size, after10.length);
  assert.ok(after10.length < 600, `${after10.length} series`);
});

test('every metric of ours has a value after one of each event and one call', async () => {
  const load = { loopLagP99Ms: 20, loopLagWorstMs: 30, refusing: ['loop-lag'] as const };
  const snapshot = () => ({ ...gateway([session({ rttMs: 20 })]), load });
  const sink = new MetricsSink({ processMetrics: false, snapshot });
  for (const event of everyEvent()) sink.emit(event);
  const { body } = await sink.page();
  // What is held is the gateway's to say; the page of the whole process is looked at by an integration test.
  const held = /_(call_legs|dsp_instances|rtp_port_pairs|media_sockets|ari_things)$/;
  const empty = sink
    .describe()
    .map(({ name }) => name)
    .filter((name) => !held.test(name) && !new RegExp(`^${name}(_count)?(\\{.*\\})? `, 'm').test(body));
  assert.equal(empty, []);
});

test('every stop of the event loop counts, also those that are told together', async () => {
  const sink = new MetricsSink({ processMetrics: false, snapshot: () => gateway([]) });
  const stop = { type: 'host.watchdog', dog: 'loop-stop', severity: 'warn', limitMs: 1_000, atMs: 0 } as const;
  sink.emit({ ...stop, valueMs: 1_200, stops: 1 });
  sink.emit({ ...stop, valueMs: 4_000, stops: 3 });
  assert.match((await sink.page()).body, /^talkspurt_watchdog_total\{dog="loop-stop",action="warn"\} 4$/m);
});

test('what sessions measure is added up, and taken over those that talk', async () => {
  const sessions = [
    session({
      callId: 'a',
      jitterMs: 10,
      bufferMs: 40,
      rttMs: 30,
      speechTicks: 400,
      tickMs: 50,
      captureLevelDbov: -20,
    }),
    session({
      callId: 'b',
      jitterMs: 30,
      bufferMs: 60,
      rttMs: null,
      speechTicks: 100,
      reconnects: 2,
      captureLevelDbov: -30,
    }),
    session({ callId: 'c', state: 'opening', jitterMs: 500, backendConnected: false }),
  ];
  const sink = new MetricsSink({
    processMetrics: false,
    lostLogLines: () => 7,
    records: () => ({ failing: true, lost: 3 }),
    snapshot: () => ({
      ...gateway(sessions),
      links: [{ name: 'pbx', kind: 'asterisk', up: true }],
      breakers: [{ name: 'openai:provider', state: 'half-open' }],
    }),
  });
  const expected: Record<string, number> = {
    'talkspurt_media_jitter_seconds{of="mean"}': 0.02,
    'talkspurt_media_jitter_seconds{of="max"}': 0.03,
    'talkspurt_media_buffer_seconds{of="max"}': 0.06,
    'talkspurt_media_round_trip_seconds{of="mean"}': 0.03,
    'talkspurt_media_level_dbov{side="caller"}': -25,
    talkspurt_media_speech_ticks_total: 500,
    talkspurt_media_tick_seconds_total: 0.05,
    'talkspurt_backend_sessions{backend="openai"}': 2,
    talkspurt_log_lost_lines_total: 7,
    talkspurt_records_failing: 1,
    talkspurt_records_lost_total: 3,
    talkspurt_call_limit: 2,
    talkspurt_draining: 0,
    'talkspurt_link_up{link="pbx"}': 1,
    'talkspurt_breaker_state{breaker="openai:provider"}': 1,
  };
  for (const [line, value] of Object.entries(expected)) assert.is(await valueOf(sink, line), value, line);
  assert.is(await valueOf(sink, 'talkspurt_log_lost_lines_total'), 7, 'once');
  assert.is(await valueOf(sink, 'talkspurt_records_lost_total'), 3, 'once');
  // Nobody on the agent's side is heard.
  assert.is(await valueOf(sink, 'talkspurt_media_level_dbov{side="agent"}'), undefined);
});

test('a breaker that is no longer there keeps no state', async () => {
  let breakers = [{ name: 'gone:connection', state: 'open' as const }];
  const sink = new MetricsSink({ processMetrics: false, snapshot: () => ({ ...gateway([]), breakers }) });
  const at = { atMs: 0, breaker: 'gone:connection', reason: 'x' } as const;
  sink.emit({ type: 'breaker', state: 'open', previous: 'closed', ...at });
  assert.is(await valueOf(sink, 'talkspurt_breaker_state{breaker="gone:connection"}'), 2);
  breakers = [];
  assert.is(await valueOf(sink, 'talkspurt_breaker_state{breaker="gone:connection"}'), undefined);
});

test('answers are counted for the backend that gave them, also after a switch', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  const at = { callId: 'a', atMs: 0 } as const;
  sink.emit({ type: 'backend.opened', backend: 'one', connectMs: 1, ...at });
  sink.emit({ type: 'turn.response-latency', latencyMs: 500, sinceSpeechMs: 900, ...at });
  sink.emit({ type: 'backend.opened', backend: 'two', connectMs: 1, ...at });
  sink.emit({ type: 'turn.response-latency', latencyMs: 700, sinceSpeechMs: 900, ...at });
  assert.is(await valueOf(sink, 'talkspurt_backend_response_seconds_sum{backend="one"}'), 0.5);
  assert.is(await valueOf(sink, 'talkspurt_backend_response_seconds_sum{backend="two"}'), 0.7);
  assert.is(await valueOf(sink, 'talkspurt_backend_requests_total{backend="two",code=""}'), 1);
});

test('frames of sessions are added up once, however often they are read, and not lost when the call ends', async () => {
  let sessions = [session({ callId: 'a', capturedFrames: 10, lateTicks: 2 })];
  const sink = new MetricsSink({ processMetrics: false, snapshot: () => gateway(sessions) });
  const received = 'talkspurt_media_frames_total{direction="received"}';
  assert.is(await valueOf(sink, received), 10);
  assert.is(await valueOf(sink, received), 10);
  sessions = [
    session({ callId: 'a', capturedFrames: 25, lateTicks: 3 }),
    session({ callId: 'b', capturedFrames: 5, lateTicks: 0 }),
  ];
  assert.is(await valueOf(sink, received), 30);
  sink.recordEnded(session({ callId: 'a', capturedFrames: 40, lateTicks: 7 }));
  sessions = [];
  assert.is(await valueOf(sink, received), 45);
  assert.is(await valueOf(sink, 'talkspurt_media_late_ticks_total'), 7);
});

test('what was cut out, repeated or made up of the caller is added up', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  sink.recordSession(session({ callId: 'a', scaledMs: 250, concealedMs: 40 }));
  sink.recordSession(session({ callId: 'a', scaledMs: 500, concealedMs: 100 }));
  assert.is(await valueOf(sink, 'talkspurt_media_made_up_seconds_total{how="scaled"}'), 0.5);
  assert.is((await valueOf(sink, 'talkspurt_media_made_up_seconds_total{how="concealed"}'))?.toFixed(6), '0.100000');
});

test('a new call on the same channel counts from nothing', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  sink.recordEnded(session({ callId: 'a', sentFrames: 100 }));
  sink.recordEnded(session({ callId: 'a', sentFrames: 250 }));
  sink.recordEnded(session({ callId: 'a', sentFrames: 3 }));
  assert.is(await valueOf(sink, 'talkspurt_media_frames_total{direction="sent"}'), 353);
});

test('gauges of the moment', async () => {
  const sessions = [session({ playoutMs: 1_500 }), session({ overflows: 1, playoutMs: 500 })];
  const sink = new MetricsSink({ processMetrics: false, snapshot: () => gateway(sessions) });
  assert.is(await valueOf(sink, 'talkspurt_calls_by_health{health="HEALTHY"}'), 1);
  assert.is(await valueOf(sink, 'talkspurt_calls_by_health{health="DEGRADED"}'), 1);
  assert.is(await valueOf(sink, 'talkspurt_playout_seconds'), 2);
});

test('two sinks do not share a registry, and the process metrics can be had', async () => {
  const one = new MetricsSink({ processMetrics: true });
  const two = new MetricsSink({ processMetrics: false });
  one.emit({ type: 'draining', calls: 0, atMs: 0 });
  one.emit({ type: 'command', front: 'library', verb: 'list', ok: true, atMs: 0 });
  assert.is(await valueOf(two, 'talkspurt_commands_total{front="library",verb="list",ok="true"}'), undefined);
  const { body, contentType } = await one.page();
  assert.match(body, /^process_cpu_seconds_total /m);
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
});

test('frames that a backend did not take are counted once, under its name', async () => {
  const sink = new MetricsSink({ processMetrics: false });
  const dropped = 'talkspurt_backend_dropped_frames_total{backend="slow"}';
  sink.recordSession(session({ callId: 'a', backend: 'slow', droppedToBackend: 4 }));
  sink.recordSession(session({ callId: 'a', backend: 'slow', droppedToBackend: 9 }));
  assert.is(await valueOf(sink, dropped), 9);
});

test.run();

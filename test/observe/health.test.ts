import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { globalHealthSchema, sessionHealthSchema } from '../../src/observe/health-schema.ts';
import { globalHealth, sessionHealth } from '../../src/observe/health.ts';
import type { GatewaySnapshot, SessionSnapshot } from '../../src/observe/health.ts';
import { session } from './session-snapshot.ts';

function gateway(sessions: readonly SessionSnapshot[] = []): GatewaySnapshot {
  return {
    sessions,
    created: 7,
    destroyed: 4,
    uptimeMs: 60_500,
    version: '1.2.3',
    draining: false,
    callLimit: 200,
    links: [{ name: 'local', kind: 'freeswitch', up: true, version: null, media: null, problem: null }],
  };
}

test('the field names are an API: exactly these, in this order', () => {
  const health = sessionHealth(session());
  assert.equal(Object.keys(health), [
    ...['session_uuid', 'mode', 'uptime_sec', 'state', 'turn', 'profile', 'switch', 'capture', 'inject', 'ai', 'media'],
    ...['orders', 'recording', 'health', 'reasons'],
  ]);
  assert.equal(Object.keys(health.capture), [
    'frames_sent',
    'last_frame_ms_ago',
    'late_tick_pct',
    'dropped_frames',
    'level_dbov',
  ]);
  assert.equal(Object.keys(health.inject), [
    ...['buffer_inuse_bytes', 'buffer_capacity_bytes', 'buffer_fill_pct', 'underrun_pct', 'overflow_count'],
    ...['frames_sent', 'level_dbov'],
  ]);
  assert.equal(Object.keys(health.ai), [
    ...['openai_connected', 'backend_connected', 'backend', 'tts_queue_depth', 'ring_buffer_ms', 'turns'],
    ...['barge_in_count', 'reconnect_attempts', 'failovers', 'unheard_ms', 'response_latency_ms', 'tts_cache_hit_pct'],
  ]);
  assert.equal(Object.keys(health.media), [
    'transport',
    'codec',
    'rates',
    'ptime_ms',
    'jitter_ms',
    'buffer_ms',
    'buffer_target_ms',
    'scaled_ms',
    'concealed_ms',
    'lost',
    'rtt_ms',
    'remote_lost',
    'echo_delay_ms',
    'erle_db',
    'pass_through',
    'suspects',
  ]);
  assert.equal(Object.keys(globalHealth(gateway())), [
    ...['active_ws_sessions', 'active_ai_sessions', 'total_sessions_created', 'total_sessions_destroyed', 'healthy'],
    ...[
      'degraded',
      'unhealthy',
      'uptime_sec',
      'version',
      'draining',
      'call_limit',
      'build',
      'switch_links',
      'breakers',
      'host',
      'resources',
    ],
  ]);
});

test('what the process has to bear: the longest stop of the loop beside the percentile that knows nothing of it', () => {
  const load = { loopLagP99Ms: 1.2, loopLagWorstMs: 1_340.4, refusing: ['late-ticks'] as const };
  assert.equal(globalHealth({ ...gateway(), load }).host, {
    loop_lag_p99_ms: 1,
    loop_lag_max_ms: 1_340,
    refusing: ['late-ticks'],
  });
  assert.equal(globalHealth(gateway()).host, { loop_lag_p99_ms: null, loop_lag_max_ms: null, refusing: [] });
});

test('measures of a call', () => {
  const health = sessionHealth(session());
  assert.is(health.uptime_sec, 12.346);
  assert.is(health.state, 'TALKING');
  assert.is(health.mode, 'ai');
  assert.equal(health.capture, {
    frames_sent: 600,
    last_frame_ms_ago: 12,
    late_tick_pct: 1,
    dropped_frames: 0,
    level_dbov: -32.2,
  });
  assert.is(health.inject.buffer_fill_pct, 10);
  assert.is(health.inject.underrun_pct, 5);
  assert.is(health.ai.response_latency_ms, 640.6);
  assert.equal(health.media.rates, { leg_hz: 8000, backend_input_hz: 8000, backend_output_hz: 24000 });
  assert.equal([health.media.echo_delay_ms, health.media.erle_db], [null, null], 'no echo');
  const { media } = sessionHealth(session({ echoDelayMs: 123.5, erleDb: 21.46 }));
  assert.equal([media.echo_delay_ms, media.erle_db], [123.5, 21.5]);
});

test('HEALTHY up to and including each bound, DEGRADED beyond it', () => {
  assert.is(sessionHealth(session()).health, 'HEALTHY', 'underrun 5 %, late ticks 1 %, no overflow');
  const degraded: [Partial<SessionSnapshot>, RegExp][] = [
    [{ underrunTicks: 51, speakingTicks: 1000 }, /^underrun 5\.1 %$/],
    [{ overflows: 1 }, /^overflow 1$/],
    [{ lateTicks: 11 }, /^late ticks 1\.1 %$/],
  ];
  for (const [changes, reason] of degraded) {
    const health = sessionHealth(session(changes));
    assert.is(health.health, 'DEGRADED');
    assert.is(health.reasons.length, 1);
    assert.match(health.reasons[0] ?? '', reason);
  }
});

test('UNHEALTHY: backend gone, no frame for more than 5,000 ms, state ERROR; and it wins over DEGRADED', () => {
  const of = (changes: Partial<SessionSnapshot>): string => sessionHealth(session(changes)).health;
  assert.is(of({ backendConnected: false }), 'UNHEALTHY');
  assert.is(of({ lastFrameAgeMs: 5_000 }), 'HEALTHY');
  assert.is(of({ lastFrameAgeMs: 5_001 }), 'UNHEALTHY');
  assert.is(of({ lastFrameAgeMs: null, uptimeMs: 4_000 }), 'HEALTHY');
  assert.is(of({ lastFrameAgeMs: null, uptimeMs: 5_001 }), 'UNHEALTHY');
  for (const endReason of ['backend-failed', 'media-failed', 'link-lost', 'error'] as const) {
    const health = sessionHealth(session({ state: 'ending', endReason, backendConnected: false }));
    assert.is(health.state, 'ERROR');
    assert.is(health.health, 'UNHEALTHY');
  }
  const both = sessionHealth(session({ backendConnected: false, overflows: 2 }));
  assert.equal([both.health, both.reasons], ['UNHEALTHY', ['backend disconnected', 'overflow 2']]);
});

test('a call that is being opened or that ended in good order is not to blame for what it has not', () => {
  for (const state of ['new', 'answering', 'opening'] as const) {
    const health = sessionHealth(
      session({
        state,
        backendConnected: false,
        lastFrameAgeMs: null,
        leg: null,
        backendInput: null,
        backendOutput: null,
      }),
    );
    assert.is(health.health, 'HEALTHY');
    assert.is(health.media.codec, null);
  }
  const ended = sessionHealth(session({ state: 'ended', endReason: 'hangup', backendConnected: false }));
  assert.equal([ended.state, ended.health], ['ENDED', 'HEALTHY']);
});

test('nothing measured is 0 per cent, never NaN', () => {
  const health = sessionHealth(
    session({ ticks: 0, lateTicks: 0, speakingTicks: 0, underrunTicks: 0, playoutCapacityBytes: 0 }),
  );
  assert.equal([health.capture.late_tick_pct, health.inject.underrun_pct, health.inject.buffer_fill_pct], [0, 0, 0]);
});

test('the process counts its calls by health', () => {
  const health = globalHealth(
    gateway([session(), session({ overflows: 1 }), session({ backendConnected: false, mode: 'ws' })]),
  );
  assert.equal([health.healthy, health.degraded, health.unhealthy], [1, 1, 1]);
  assert.equal([health.active_ai_sessions, health.active_ws_sessions], [2, 1]);
  assert.equal([health.total_sessions_created, health.total_sessions_destroyed], [7, 4]);
  assert.equal(health.switch_links, [
    { name: 'local', kind: 'freeswitch', up: true, version: null, media: null, problem: null },
  ]);
  assert.is(health.build.node, process.versions.node);
});

test('both fit their published schema, which refuses a field more or less', () => {
  const fits = (name: string, value: unknown): boolean => {
    const schema = JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.json`, import.meta.url), 'utf8'));
    return z.fromJSONSchema(schema).safeParse(value).success;
  };
  const one = sessionHealth(session());
  const all = globalHealth(gateway([session()]));
  assert.ok(fits('session-health', one));
  assert.ok(fits('global-health', all));
  assert.not.ok(fits('session-health', { ...one, extra: 1 }));
  assert.not.ok(fits('session-health', { ...one, state: 'SINGING' }));
  const { version: _version, ...less } = all;
  assert.not.ok(fits('global-health', less));
  assert.ok(sessionHealthSchema.safeParse(one).success && globalHealthSchema.safeParse(all).success);
});

test('the share of texts that had not to be made; none, and there is no share', () => {
  const shown = (spokenTexts: number, cachedTexts: number): number | null =>
    sessionHealth(session({ spokenTexts, cachedTexts })).ai.tts_cache_hit_pct;
  assert.equal([shown(0, 0), shown(4, 1), shown(3, 3)], [null, 25, 100]);
});

test('audio that is suspected degrades a call; silence alone does not', () => {
  const suspects = ['caller: silence'];
  const quiet = sessionHealth(session({ suspects }));
  assert.equal([quiet.health, quiet.media.suspects], ['HEALTHY', suspects]);
  const wrong = sessionHealth(session({ suspects: [...suspects, 'agent: ulaw'] }));
  assert.equal([wrong.health, wrong.reasons], ['DEGRADED', ['suspect agent: ulaw']]);
});

test.run();

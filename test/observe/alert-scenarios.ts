/** For each alert rule: what Prometheus sees when it has to fire, and when it must not. Series as promtool writes them. */

/** Series → values, a minute apart: `a+bxn` begins at a and adds b n times. */
export type Series = Readonly<Record<string, string>>;

/** One rule. */
export interface AlertScenario {
  readonly alert: string;
  readonly fires: Series;
  /** Bad as well, and below what is worth an alert. */
  readonly quiet: Series;
  /** Minutes after which both are looked at. Default 30. */
  readonly afterMinutes?: number;
}

const AT = 'job="talkspurt",instance="a"';
const P = (name: string, labels = ''): string => `${name}{${AT}${labels === '' ? '' : `,${labels}`}}`;
const T = (name: string, labels = ''): string => P(`talkspurt_${name}`, labels);
const flat = (value: number): string => `${value}x600`;
const growing = (aMinute: number): string => `0+${aMinute}x600`;

/** A histogram of which all counts are at most `le`; each minute ten. */
function allWithin(name: string, le: number, buckets: readonly number[]): Series {
  const entries = [...buckets.map(String), '+Inf'].map((each): [string, string] => {
    const counts = each === '+Inf' || Number(each) >= le;
    return [T(`${name}_bucket`, `le="${each}"`), counts ? growing(10) : flat(0)];
  });
  return Object.fromEntries(entries);
}

const LATENCY = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10];
const STOP = [0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 1];

/** All of them. */
export const ALERT_SCENARIOS: readonly AlertScenario[] = [
  { alert: 'TalkspurtDown', fires: { [P('up')]: flat(0) }, quiet: { [P('up')]: flat(1) } },
  {
    alert: 'TalkspurtRestarts',
    fires: { [P('process_start_time_seconds')]: '100 200 300 400 500x60' },
    quiet: { [P('process_start_time_seconds')]: '100 100 100 400x60' },
    afterMinutes: 10,
  },
  {
    alert: 'TalkspurtEventLoopLag',
    fires: { [P('nodejs_eventloop_lag_p99_seconds')]: flat(0.06) },
    quiet: { [P('nodejs_eventloop_lag_p99_seconds')]: flat(0.04) },
  },
  {
    alert: 'TalkspurtEventLoopStop',
    fires: { [T('event_loop_lag_seconds', 'of="max"')]: '0x28 1.4 0x60' },
    quiet: { [T('event_loop_lag_seconds', 'of="max"')]: flat(0.9) },
  },
  {
    alert: 'TalkspurtLateTicks',
    fires: { [T('media_late_ticks_total')]: growing(40), [T('media_ticks_total')]: growing(3_000) },
    quiet: { [T('media_late_ticks_total')]: growing(20), [T('media_ticks_total')]: growing(3_000) },
  },
  {
    alert: 'TalkspurtOverloaded',
    fires: { [T('overload', 'reason="loop-lag"')]: flat(1) },
    quiet: { [T('overload', 'reason="loop-lag"')]: flat(0) },
  },
  {
    alert: 'TalkspurtMemoryHigh',
    fires: { [P('process_resident_memory_bytes')]: flat(7e8), [T('call_limit')]: flat(100) },
    quiet: { [P('process_resident_memory_bytes')]: flat(7e8), [T('call_limit')]: flat(200) },
  },
  {
    alert: 'TalkspurtLeak',
    fires: {
      [T('call_legs', 'switch="pbx"')]: flat(1),
      [T('sessions')]: flat(0),
      [T('link_up', 'link="pbx"')]: flat(1),
    },
    // What is still to be said to a switch that is away is kept.
    quiet: {
      [T('call_legs', 'switch="pbx"')]: flat(1),
      [T('sessions')]: flat(0),
      [T('link_up', 'link="pbx"')]: flat(0),
    },
  },
  {
    alert: 'TalkspurtLogLinesLost',
    fires: { [T('log_lost_lines_total')]: '0 0 0 5x60' },
    quiet: { [T('log_lost_lines_total')]: flat(5) },
    afterMinutes: 8,
  },
  {
    alert: 'TalkspurtRecordsFail',
    fires: { [T('records_failing')]: flat(1) },
    quiet: { [T('records_failing')]: '1 0x300' },
    afterMinutes: 5,
  },
  {
    alert: 'TalkspurtDrainsLong',
    fires: { [T('draining')]: flat(1) },
    quiet: { [T('draining')]: '1x60 0x300' },
    afterMinutes: 130,
  },
  {
    alert: 'TalkspurtLinkDown',
    fires: { [T('link_up', 'link="pbx"')]: flat(0) },
    quiet: { [T('link_up', 'link="pbx"')]: flat(1) },
  },
  {
    alert: 'TalkspurtLinkUnsteady',
    fires: { [T('link_downs_total', 'link="pbx",code="ERR_TALKSPURT_LINK_DOWN"')]: growing(1) },
    quiet: { [T('link_downs_total', 'link="pbx",code="ERR_TALKSPURT_LINK_DOWN"')]: growing(0.1) },
  },
  {
    alert: 'TalkspurtPeerMalformed',
    fires: { [T('malformed_total', 'peer="esl",code="ERR_TALKSPURT_LINK_PROTOCOL"')]: growing(20) },
    quiet: { [T('malformed_total', 'peer="esl",code="ERR_TALKSPURT_LINK_PROTOCOL"')]: growing(5) },
  },
  {
    alert: 'TalkspurtKnocking',
    fires: { [T('connections_refused_total', 'server="pbx",reason="password"')]: growing(20) },
    quiet: { [T('connections_refused_total', 'server="pbx",reason="unknown"')]: growing(20) },
  },
  {
    alert: 'TalkspurtCallsFail',
    fires: {
      [T('calls_ended_total', 'reason="backend-failed",code="ERR_TALKSPURT_BACKEND_CLOSED"')]: growing(1),
      [T('calls_ended_total', 'reason="hangup",code=""')]: growing(9),
    },
    // One of three calls at night says nothing yet.
    quiet: {
      [T('calls_ended_total', 'reason="backend-failed",code="ERR_TALKSPURT_BACKEND_CLOSED"')]: growing(0.1),
      [T('calls_ended_total', 'reason="hangup",code=""')]: growing(0.2),
    },
  },
  {
    alert: 'TalkspurtDefect',
    fires: { [T('calls_ended_total', 'reason="error",code="ERR_TALKSPURT_INTERNAL"')]: '_x20 1x600' },
    quiet: { [T('calls_ended_total', 'reason="error",code="ERR_TALKSPURT_INTERNAL"')]: flat(1) },
    afterMinutes: 40,
  },
  {
    alert: 'TalkspurtCallsRefused',
    fires: { [T('calls_refused_total', 'code="ERR_TALKSPURT_CALL_LIMIT"')]: growing(3) },
    quiet: { [T('calls_refused_total', 'code="ERR_TALKSPURT_CALL_LIMIT"')]: growing(0.5) },
  },
  {
    alert: 'TalkspurtNearlyFull',
    fires: { [T('sessions')]: flat(95), [T('call_limit')]: flat(100) },
    quiet: { [T('sessions')]: flat(85), [T('call_limit')]: flat(100) },
  },
  {
    alert: 'TalkspurtPortsShort',
    fires: {
      [T('rtp_port_pairs', 'pool="pbx",state="free"')]: flat(5),
      [T('rtp_port_pairs', 'pool="pbx",state="in_use"')]: flat(95),
    },
    quiet: {
      [T('rtp_port_pairs', 'pool="pbx",state="free"')]: flat(15),
      [T('rtp_port_pairs', 'pool="pbx",state="in_use"')]: flat(85),
    },
  },
  {
    alert: 'TalkspurtUnhealthyCalls',
    fires: { [T('calls_by_health', 'health="UNHEALTHY"')]: flat(1) },
    quiet: { [T('calls_by_health', 'health="DEGRADED"')]: flat(9) },
  },
  {
    alert: 'TalkspurtPacketLoss',
    fires: {
      [T('media_frames_total', 'direction="lost"')]: growing(90),
      [T('media_frames_total', 'direction="received"')]: growing(2_910),
      [T('media_frames_total', 'direction="sent"')]: growing(9_000),
    },
    quiet: {
      [T('media_frames_total', 'direction="lost"')]: growing(30),
      [T('media_frames_total', 'direction="received"')]: growing(2_970),
      [T('media_frames_total', 'direction="sent"')]: growing(3_000),
    },
  },
  {
    alert: 'TalkspurtJitter',
    fires: { [T('media_jitter_seconds', 'of="mean"')]: flat(0.06) },
    quiet: { [T('media_jitter_seconds', 'of="mean"')]: flat(0.02), [T('media_jitter_seconds', 'of="max"')]: flat(0.2) },
  },
  {
    alert: 'TalkspurtUnderruns',
    fires: { [T('media_underrun_ticks_total')]: growing(100), [T('media_speaking_ticks_total')]: growing(1_000) },
    quiet: { [T('media_underrun_ticks_total')]: growing(20), [T('media_speaking_ticks_total')]: growing(1_000) },
  },
  {
    alert: 'TalkspurtOverflows',
    fires: { [T('media_overflows_total', 'place="backend"')]: growing(30) },
    quiet: { [T('media_overflows_total', 'place="backend"')]: growing(6) },
  },
  {
    alert: 'TalkspurtOverflowStorms',
    // The first of its kind.
    fires: { [T('media_overflow_storms_total', 'place="backend",cause="backend-slow-reader"')]: '_x25 1x600' },
    quiet: { [T('media_overflow_storms_total', 'place="backend",cause=""')]: growing(1) },
  },
  {
    alert: 'TalkspurtMediaStalls',
    fires: { [T('media_stalls_total')]: growing(1) },
    quiet: { [T('media_stalls_total')]: growing(0.2) },
  },
  {
    alert: 'TalkspurtSuspectAudio',
    fires: { [T('media_suspects_total', 'side="caller",suspicion="byte-order"')]: growing(1) },
    quiet: { [T('media_suspects_total', 'side="caller",suspicion="silence"')]: growing(10) },
  },
  {
    alert: 'TalkspurtSlowResponses',
    fires: allWithin('response_latency_seconds', 3, LATENCY),
    quiet: allWithin('response_latency_seconds', 1, LATENCY),
  },
  {
    alert: 'TalkspurtSlowBargeIn',
    fires: allWithin('barge_in_stop_seconds', 0.5, STOP),
    quiet: allWithin('barge_in_stop_seconds', 0.2, STOP),
    afterMinutes: 45,
  },
  {
    alert: 'TalkspurtBreakerOpen',
    // Half-open in between: calls are few.
    fires: { [T('breaker_state', 'breaker="ai:provider"')]: '1 2 '.repeat(20).trim() },
    quiet: { [T('breaker_state', 'breaker="ai:provider"')]: flat(1) },
  },
  {
    alert: 'TalkspurtBackendRefuses',
    fires: {
      [T('backend_requests_total', 'backend="ai",code="ERR_TALKSPURT_BACKEND_TIMEOUT"')]: growing(2),
      [T('backend_requests_total', 'backend="ai",code=""')]: growing(8),
    },
    quiet: {
      [T('backend_requests_total', 'backend="ai",code="ERR_TALKSPURT_BACKEND_TIMEOUT"')]: growing(1),
      [T('backend_requests_total', 'backend="ai",code=""')]: growing(99),
    },
  },
  {
    alert: 'TalkspurtBackendErrors',
    fires: { [T('backend_errors_total', 'backend="ai",code="ERR_TALKSPURT_BACKEND_API"')]: growing(10) },
    quiet: { [T('backend_errors_total', 'backend="ai",code="ERR_TALKSPURT_BACKEND_API"')]: growing(1) },
  },
  {
    alert: 'TalkspurtBackendSlow',
    fires: { [T('backend_dropped_frames_total', 'backend="ai"')]: growing(600) },
    quiet: { [T('backend_dropped_frames_total', 'backend="ai"')]: growing(60) },
  },
];

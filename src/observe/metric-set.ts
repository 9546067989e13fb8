/** Every metric of ours: its name, what it says and its labels. docs/metrics.md is made from it. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { makeSpeechMetrics } from './speech-metrics.ts';
import { makeResourceGauges } from './resource-gauges.ts';

/** What a metric is. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

const LATENCY_BUCKETS_S = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10];
const STOP_BUCKETS_S = [0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 1];
const SPEECH_BUCKETS_S = [0.2, 0.5, 1, 2, 3, 5, 10, 20, 60];
const GAP_BUCKETS_S = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20];
const DURATION_BUCKETS_S = [5, 15, 30, 60, 120, 300, 600, 1800, 3600];

/** All of ours. */
export type MetricSet = ReturnType<typeof makeMetrics>;

/** Makes them in `registry`, and adds what each is to `descriptions`. */
export function makeMetrics(registry: Registry, descriptions: MetricDescription[]) {
  const options = <L extends string>(
    type: MetricDescription['type'],
    suffix: string,
    help: string,
    labelNames: L[],
  ) => {
    const name = `talkspurt_${suffix}`;
    descriptions.push({ name, type, help, labels: labelNames });
    return { name, help, labelNames, registers: [registry] };
  };
  const counter = <L extends string>(name: string, help: string, ...labels: L[]): Counter<L> =>
    new Counter(options('counter', name, help, labels));
  const gauge = <L extends string>(name: string, help: string, ...labels: L[]): Gauge<L> =>
    new Gauge(options('gauge', name, help, labels));
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labels: L[]): Histogram<L> =>
    new Histogram({ ...options('histogram', name, help, labels), buckets });
  return {
    callsStarted: counter('calls_started_total', 'Calls that were started'),
    callsEnded: counter('calls_ended_total', 'Calls that ended, by reason and error code', 'reason', 'code'),
    callsRefused: counter(
      'calls_refused_total',
      'Calls that a switch handed over and that were not taken',
      'code',
      'reason',
    ),
    calls: gauge('calls', 'Calls at present, by state', 'state'),
    callsByHealth: gauge('calls_by_health', 'Calls at present, by health', 'health'),
    callDuration: histogram('call_duration_seconds', 'How long calls lasted', DURATION_BUCKETS_S),
    mediaOpened: counter('media_opened_total', 'Media paths opened', 'transport', 'codec', 'pass_through'),
    stalls: counter('media_stalls_total', 'Times that no audio came from the switch'),
    underruns: counter('media_underruns_total', 'Times that the agent ran dry while speaking'),
    underrunSeconds: counter('media_underrun_seconds_total', 'How long the agent ran dry while speaking'),
    overflowBytes: counter('media_overflow_bytes_total', 'Audio dropped because a bounded place was full', 'place'),
    overflows: counter('media_overflows_total', 'Times that a bounded place was full', 'place'),
    frames: counter('media_frames_total', 'Frames received, sent and lost', 'direction'),
    madeUpSeconds: counter(
      'media_made_up_seconds_total',
      'Caller audio that was cut out or repeated (scaled), or made up because none came (concealed)',
      'how',
    ),
    ticks: counter('media_ticks_total', 'Media ticks'),
    lateTicks: counter('media_late_ticks_total', 'Media ticks that began more than half a ptime late'),
    tickSeconds: counter('media_tick_seconds_total', 'Time spent in media ticks'),
    speechTicks: counter('media_speech_ticks_total', 'Media ticks in which the caller was heard to speak'),
    speakingTicks: counter('media_speaking_ticks_total', 'Media ticks in which the agent spoke'),
    underrunTicks: counter('media_underrun_ticks_total', 'Media ticks in which the agent spoke and had run dry'),
    remoteLost: counter('media_remote_lost_frames_total', 'Frames of ours that the far end missed, as its RTCP says'),
    jitter: gauge('media_jitter_seconds', 'Jitter of what comes from the switch, over the calls that talk', 'of'),
    buffer: gauge('media_buffer_seconds', 'Delay of the jitter buffers, over the calls that talk', 'of'),
    roundTrip: gauge('media_round_trip_seconds', 'Round trip as RTCP measures it, over the calls that talk', 'of'),
    level: gauge('media_level_dbov', 'Mean level over the calls in which that side is heard, dBov', 'side'),
    watchdogs: counter(
      'watchdog_total',
      'Times that a watchdog found something to take too long, and what it did',
      'dog',
      'action',
    ),
    overflowStorms: counter(
      'media_overflow_storms_total',
      'Times that so much overflowed that what waited was dropped; the cause where it lasted',
      'place',
      'cause',
    ),
    loopLag: gauge('event_loop_lag_seconds', 'How late the event loop is, over ten seconds and a minute', 'of'),
    refusing: gauge('overload', '1: new calls are turned away for that reason', 'reason'),
    playoutSeconds: gauge('playout_seconds', 'Agent audio that waits to be said, all calls together'),
    speech: counter('speech_total', 'Stretches of speech', 'by'),
    speechDuration: histogram('speech_duration_seconds', 'How long a stretch of speech was', SPEECH_BUCKETS_S, 'by'),
    responseLatency: histogram('response_latency_seconds', 'End of turn to first agent audio sent', LATENCY_BUCKETS_S),
    responseSinceSpeech: histogram(
      'response_since_speech_seconds',
      "Caller's last frame of speech to first agent audio sent",
      LATENCY_BUCKETS_S,
    ),
    bargeIns: counter(
      'barge_ins_total',
      'Times that a caller seemed to cut in, and did (cut) or not (withdrawn)',
      'verdict',
    ),
    bargeInStop: histogram('barge_in_stop_seconds', "Caller's onset to last agent audio sent", STOP_BUCKETS_S),
    bargeInVerdict: histogram(
      'barge_in_verdict_seconds',
      "Caller's onset to the answer being called off",
      STOP_BUCKETS_S,
    ),
    bargeInWithdrawn: histogram('barge_in_withdrawn_seconds', 'Pauses of an agent who then went on', STOP_BUCKETS_S),
    suspects: counter('media_suspects_total', 'Audio that is not what it says it is', 'side', 'suspicion'),
    progress: counter('call_progress_total', 'Tones of networks and machines', 'signal'),
    digits: counter('dtmf_digits_total', 'DTMF digits heard'),
    toolCalls: counter('tool_calls_total', 'Functions that agents called'),
    backendConnect: histogram(
      'backend_connect_seconds',
      'Dialling to a session that may talk',
      LATENCY_BUCKETS_S,
      'backend',
    ),
    backendRequests: counter(
      'backend_requests_total',
      'Streams that were asked for; the code says why one was not opened',
      'backend',
      'code',
    ),
    backendResponse: histogram(
      'backend_response_seconds',
      'End of turn to first agent audio sent, by who answered',
      LATENCY_BUCKETS_S,
      'backend',
    ),
    backendSessions: gauge('backend_sessions', 'Streams that are open', 'backend'),
    backendAttempts: counter(
      'backend_reconnect_attempts_total',
      'Attempts to have a backend for a call that lost its own',
      'backend',
    ),
    backendReconnects: counter(
      'backend_reconnects_total',
      'Losses of a backend in the middle of a call, by whether one was had again',
      'backend',
      'outcome',
    ),
    backendGap: histogram('backend_gap_seconds', 'From a loss to a stream that hears the caller again', GAP_BUCKETS_S),
    failovers: counter(
      'failovers_total',
      'Times that the next backend of a list was tried, at the start or in the middle of a call',
      'from',
      'to',
      'stage',
      'outcome',
    ),
    ttsQueue: gauge('tts_queue_phrases', 'Phrases that wait to be said or are being said, all calls together'),
    ttsTexts: counter(
      'tts_texts_total',
      'Texts that our own voice has said, made for it or kept from before',
      'cached',
    ),
    backendErrors: counter('backend_errors_total', 'Errors of backends', 'backend', 'code'),
    backendClosed: counter('backend_closed_total', 'Backend streams that closed', 'backend', 'code'),
    backendDroppedFrames: counter(
      'backend_dropped_frames_total',
      'Frames of the caller that a backend did not take in time',
      'backend',
    ),
    backendSwitches: counter('backend_switches_total', 'Times that a call was given another backend', 'backend'),
    recordings: counter('recordings_total', 'Recordings that were started'),
    recordingDroppedFrames: counter('recording_dropped_frames_total', 'Recorded frames that the disk did not take'),
    linkUp: gauge('link_up', '1: the switch link is up', 'link'),
    linkDowns: counter('link_downs_total', 'Times that a switch link was lost or refused', 'link', 'code'),
    linkRefusals: counter('link_refusals_total', 'Requests that a switch refused, by HTTP status', 'link', 'status'),
    breakerState: gauge('breaker_state', '0: closed, 1: half-open, 2: open', 'breaker'),
    breakerOpens: counter('breaker_opens_total', 'Times that a circuit breaker opened', 'breaker', 'reason'),
    commands: counter('commands_total', 'Commands', 'front', 'verb', 'ok'),
    unknown: counter('unknown_events_total', 'Events of peers of a kind that is not known', 'peer'),
    connectionsRefused: counter(
      'connections_refused_total',
      'Connections that a server for media turned away',
      'server',
      'reason',
    ),
    logLost: counter('log_lost_lines_total', 'Log lines that found no place: nobody reads the log fast enough'),
    recordsFailing: gauge('records_failing', '1: call records cannot be written; they wait'),
    recordsLost: counter('records_lost_total', 'Call records that found no place while they could not be written'),
    buildInfo: gauge('build_info', '1, with what runs', 'version', 'node'),
    callLimit: gauge('call_limit', 'Calls that there may be at once'),
    draining: gauge('draining', '1: no new call is taken'),
    sessions: gauge('sessions', 'Calls that the process keeps, whatever their state'),
    held: makeResourceGauges(gauge),
    tts: makeSpeechMetrics({ counter, gauge, histogram }),
    malformed: counter('malformed_total', 'Messages of peers that broke their protocol', 'peer', 'code'),
  };
}

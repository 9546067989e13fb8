// The Grafana dashboards as a list: docs/dashboards/*.json is made from it by `npm run docs`. `RATE` stands for the range that
// Grafana chooses by the width of the panel and the scrape interval.

/** What one panel shows. */
export interface PanelQuery {
  readonly expr: string;
  /** As Grafana writes it, `{{label}}` for a label. */
  readonly legend: string;
}

/** One panel. */
export interface Panel {
  readonly title: string;
  readonly description: string;
  readonly kind?: 'timeseries' | 'stat';
  /** Grafana's name of the unit. */
  readonly unit: string;
  /** Of 24. */
  readonly width: number;
  readonly queries: readonly PanelQuery[];
  /** From here on it is drawn in yellow, and in red: the values of the alert rules. */
  readonly thresholds?: readonly [number, number];
}

/** One dashboard. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly panels: readonly Panel[];
}

const RATE = '$__rate_interval';
const AT = 'instance=~"$instance"';

const one = (expr: string, legend = ''): readonly PanelQuery[] => [{ expr, legend }];

/** Events a second by labels. */
const rate = (name: string, by = '', more = ''): string =>
  `sum${by === '' ? '' : ` by (${by})`} (rate(${name}{${AT}${more}}[${RATE}]))`;
const share = (part: string, whole: string): string => `${part} / (${whole} > 0)`;
const quantiles = (name: string, by = ''): readonly PanelQuery[] =>
  [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${by === '' ? 'le' : `le, ${by}`}) (rate(${name}_bucket{${AT}}[${RATE}])))`,
    legend: `p${quantile * 100}${by === '' ? '' : ` {{${by}}}`}`,
  }));

const SYSTEM: Dashboard = {
  uid: 'talkspurt-system',
  title: 'talkspurt: system',
  description: 'The process, its links to the switches and what calls hold of it',
  panels: [
    {
      title: 'Up',
      description: '1: Prometheus reaches the status server',
      kind: 'stat',
      unit: 'short',
      width: 4,
      queries: one('up{job=~"talkspurt.*", instance=~"$instance"}', '{{instance}}'),
    },
    {
      title: 'Version',
      description: 'What runs',
      kind: 'stat',
      unit: 'short',
      width: 4,
      queries: one(`talkspurt_build_info{${AT}}`, '{{version}} on {{node}}'),
    },
    {
      title: 'Draining',
      description: '1: no new call is taken',
      kind: 'stat',
      unit: 'short',
      width: 4,
      queries: one(`talkspurt_draining{${AT}}`, '{{instance}}'),
    },
    {
      title: 'Switch links',
      description: '1: up',
      kind: 'stat',
      unit: 'short',
      width: 6,
      queries: one(`talkspurt_link_up{${AT}}`, '{{link}}'),
    },
    {
      title: 'Time since the start',
      description: 'A short one that nobody ordered is a crash',
      kind: 'stat',
      unit: 's',
      width: 6,
      queries: one(`time() - process_start_time_seconds{job=~"talkspurt.*", ${AT}}`, '{{instance}}'),
    },
    {
      title: 'Memory',
      description: 'Resident memory, and the heap of it that is in use',
      unit: 'bytes',
      width: 8,
      queries: [
        { expr: `process_resident_memory_bytes{job=~"talkspurt.*", ${AT}}`, legend: 'resident {{instance}}' },
        { expr: `nodejs_heap_size_used_bytes{job=~"talkspurt.*", ${AT}}`, legend: 'heap {{instance}}' },
      ],
    },
    {
      title: 'CPU',
      description: 'Cores in use',
      unit: 'short',
      width: 8,
      queries: one(`rate(process_cpu_seconds_total{job=~"talkspurt.*", ${AT}}[${RATE}])`, '{{instance}}'),
    },
    {
      title: 'Event loop lag',
      description: 'How late timers run: media ticks are late by as much',
      unit: 's',
      width: 8,
      queries: [
        { expr: `nodejs_eventloop_lag_p50_seconds{job=~"talkspurt.*", ${AT}}`, legend: 'p50 {{instance}}' },
        { expr: `nodejs_eventloop_lag_p99_seconds{job=~"talkspurt.*", ${AT}}`, legend: 'p99 {{instance}}' },
        { expr: `talkspurt_event_loop_lag_seconds{${AT}}`, legend: 'ours, {{of}} {{instance}}' },
      ],
      thresholds: [0.02, 0.05],
    },
    {
      title: 'Late media ticks',
      description: 'Share of the ticks that began more than half a ptime late',
      unit: 'percentunit',
      width: 8,
      queries: one(share(rate('talkspurt_media_late_ticks_total'), rate('talkspurt_media_ticks_total')), 'late'),
      thresholds: [0.01, 0.05],
    },
    {
      title: 'Time in media ticks',
      description: 'Cores that the media of all calls takes',
      unit: 'short',
      width: 8,
      queries: one(rate('talkspurt_media_tick_seconds_total'), 'cores'),
    },
    {
      title: 'RTP ports',
      description: 'Pairs in use, resting and free',
      unit: 'short',
      width: 8,
      queries: one(`sum by (state) (talkspurt_rtp_port_pairs{${AT}})`, '{{state}}'),
    },
    {
      title: 'Held for calls',
      description: 'All zero while no call is up: what stays is a leak',
      unit: 'short',
      width: 8,
      queries: [
        { expr: `sum(talkspurt_call_legs{${AT}})`, legend: 'legs' },
        { expr: `sum(talkspurt_dsp_instances{${AT}, state="in_use"})`, legend: 'signal chains' },
        { expr: `sum(talkspurt_media_sockets{${AT}})`, legend: 'media sockets' },
        { expr: `sum(talkspurt_ari_things{${AT}})`, legend: 'ARI things' },
      ],
    },
    {
      title: 'Switch links lost, requests refused',
      description: 'By link',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_link_downs_total', 'link, code'), legend: 'lost {{link}} {{code}}' },
        { expr: rate('talkspurt_link_refusals_total', 'link, status'), legend: 'refused {{link}} {{status}}' },
      ],
    },
    {
      title: 'Connections turned away, peers that break their protocol',
      description: 'Somebody knocks, or a peer is not what it should be',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_connections_refused_total', 'server, reason'), legend: '{{server}} {{reason}}' },
        { expr: rate('talkspurt_malformed_total', 'peer, code'), legend: '{{peer}} {{code}}' },
        { expr: rate('talkspurt_unknown_events_total', 'peer'), legend: 'unknown {{peer}}' },
      ],
    },
    {
      title: 'Commands',
      description: 'By verb and whether they were carried out',
      unit: 'ops',
      width: 12,
      queries: one(rate('talkspurt_commands_total', 'verb, ok'), '{{verb}} ok={{ok}}'),
    },
    {
      title: 'Log lines that were lost',
      description: 'Nobody reads the log as fast as it is written, or the disk is full',
      unit: 'ops',
      width: 12,
      queries: one(rate('talkspurt_log_lost_lines_total'), 'lost'),
    },
    {
      title: 'Call records',
      description: 'Failing: they cannot be written, and wait; lost: they found no place meanwhile',
      unit: 'short',
      width: 12,
      queries: [
        ...one(`max by (instance) (talkspurt_records_failing{${AT}})`, 'failing {{instance}}'),
        ...one(rate('talkspurt_records_lost_total'), 'lost'),
      ],
    },
  ],
};

const CALLS: Dashboard = {
  uid: 'talkspurt-calls',
  title: 'talkspurt: calls',
  description: 'How many calls there are, how they are and how they end',
  panels: [
    {
      title: 'Calls',
      description: 'At present',
      kind: 'stat',
      unit: 'short',
      width: 4,
      queries: one(`sum(talkspurt_sessions{${AT}})`),
    },
    {
      title: 'Of the calls that there may be',
      description: 'New calls are refused at 100 %',
      kind: 'stat',
      unit: 'percentunit',
      width: 4,
      queries: one(`sum(talkspurt_sessions{${AT}}) / sum(talkspurt_call_limit{${AT}})`),
      thresholds: [0.75, 0.9],
    },
    {
      title: 'Calls by state',
      description: 'Those that talk, and those on their way to it or from it',
      unit: 'short',
      width: 8,
      queries: one(`sum by (state) (talkspurt_calls{${AT}})`, '{{state}}'),
    },
    {
      title: 'Calls by health',
      description: 'As docs/health.md judges',
      unit: 'short',
      width: 8,
      queries: one(`sum by (health) (talkspurt_calls_by_health{${AT}})`, '{{health}}'),
    },
    {
      title: 'Begun and ended',
      description: 'Calls a second',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_calls_started_total'), legend: 'begun' },
        { expr: rate('talkspurt_calls_ended_total'), legend: 'ended' },
      ],
    },
    {
      title: 'How calls end',
      description: 'By reason',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_calls_ended_total', 'reason'), '{{reason}}'),
    },
    {
      title: 'Share of calls that fail',
      description: 'Ended by a failure of ours, of the backend, of the media or of the link',
      unit: 'percentunit',
      width: 8,
      queries: one(
        share(
          rate('talkspurt_calls_ended_total', '', ', reason=~"backend-failed|media-failed|link-lost|error"'),
          rate('talkspurt_calls_ended_total'),
        ),
        'failed',
      ),
      thresholds: [0.01, 0.05],
    },
    {
      title: 'Calls that were not taken',
      description: 'By error code and reason; and what turns calls away now',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_calls_refused_total', 'code, reason'), legend: '{{code}} {{reason}}' },
        { expr: `talkspurt_overload{${AT}}`, legend: 'overload: {{reason}}' },
      ],
    },
    {
      title: 'Errors that ended calls',
      description: 'By error code',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_calls_ended_total', 'code', ', code!=""'), '{{code}}'),
    },
    {
      title: 'How long calls last',
      description: 'Quantiles',
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_call_duration_seconds'),
    },
    {
      title: 'Media paths',
      description: 'Opened, by kind and codec',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_media_opened_total', 'transport, codec'), '{{transport}} {{codec}}'),
    },
    {
      title: 'Watchdogs',
      description: 'Times that one found something to take too long, and what it did',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_watchdog_total', 'dog, action'), '{{dog}}: {{action}}'),
    },
    {
      title: 'Digits, tones, functions, recordings',
      description: 'What happens besides talk',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_dtmf_digits_total'), legend: 'digits' },
        { expr: rate('talkspurt_call_progress_total', 'signal'), legend: 'tone {{signal}}' },
        { expr: rate('talkspurt_tool_calls_total'), legend: 'functions' },
        { expr: rate('talkspurt_recordings_total'), legend: 'recordings' },
        { expr: rate('talkspurt_recording_dropped_frames_total'), legend: 'recorded frames lost' },
      ],
    },
  ],
};

const AUDIO: Dashboard = {
  uid: 'talkspurt-audio',
  title: 'talkspurt: audio quality',
  description: 'What callers and agents really hear',
  panels: [
    {
      title: 'Packet loss',
      description: "Share of the callers' frames that did not come",
      unit: 'percentunit',
      width: 8,
      queries: one(
        share(
          rate('talkspurt_media_frames_total', '', ', direction="lost"'),
          rate('talkspurt_media_frames_total', '', ', direction=~"received|lost"'),
        ),
        'lost',
      ),
      thresholds: [0.01, 0.02],
    },
    {
      title: 'Jitter',
      description: 'Over the calls that talk',
      unit: 's',
      width: 8,
      queries: one(`max by (of) (talkspurt_media_jitter_seconds{${AT}})`, '{{of}}'),
      thresholds: [0.03, 0.05],
    },
    {
      title: 'Jitter buffer',
      description: 'Delay over the calls that talk',
      unit: 's',
      width: 8,
      queries: one(`max by (of) (talkspurt_media_buffer_seconds{${AT}})`, '{{of}}'),
    },
    {
      title: 'Agent ran dry',
      description: 'Share of its ticks in which an agent spoke and had nothing to say',
      unit: 'percentunit',
      width: 8,
      queries: one(
        share(rate('talkspurt_media_underrun_ticks_total'), rate('talkspurt_media_speaking_ticks_total')),
        'dry',
      ),
      thresholds: [0.02, 0.05],
    },
    {
      title: 'Underruns',
      description: 'How often, and for how long',
      unit: 'short',
      width: 8,
      queries: [
        { expr: rate('talkspurt_media_underruns_total'), legend: 'a second' },
        { expr: rate('talkspurt_media_underrun_seconds_total'), legend: 'seconds a second' },
      ],
    },
    {
      title: 'Overflows',
      description: 'Times a second that audio was dropped, and bytes of it, by place',
      unit: 'short',
      width: 8,
      queries: [
        { expr: rate('talkspurt_media_overflows_total', 'place'), legend: 'times {{place}}' },
        { expr: rate('talkspurt_media_overflow_storms_total', 'place, cause'), legend: 'storms {{place}} {{cause}}' },
        { expr: rate('talkspurt_media_overflow_bytes_total', 'place'), legend: 'bytes {{place}}' },
      ],
    },
    {
      title: 'Cut out, repeated, made up',
      description: "Seconds of callers' audio a second",
      unit: 'short',
      width: 8,
      queries: one(rate('talkspurt_media_made_up_seconds_total', 'how'), '{{how}}'),
    },
    {
      title: 'Levels',
      description: 'Mean over the calls in which that side is heard, dBov',
      unit: 'dB',
      width: 8,
      queries: one(`avg by (side) (talkspurt_media_level_dbov{${AT}})`, '{{side}}'),
    },
    {
      title: 'Callers speak',
      description: 'Share of the ticks in which a caller was heard to speak',
      unit: 'percentunit',
      width: 8,
      queries: one(share(rate('talkspurt_media_speech_ticks_total'), rate('talkspurt_media_ticks_total')), 'speech'),
    },
    {
      title: 'Media stalls and suspect audio',
      description: 'No audio comes; it is not what it says it is',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_media_stalls_total'), legend: 'stalls' },
        { expr: rate('talkspurt_media_suspects_total', 'side, suspicion'), legend: '{{side}} {{suspicion}}' },
      ],
    },
    {
      title: 'Far end',
      description: 'What RTCP says: the round trip, and frames of ours that were missed',
      unit: 'short',
      width: 8,
      queries: [
        { expr: `max by (of) (talkspurt_media_round_trip_seconds{${AT}})`, legend: 'round trip {{of}}, s' },
        { expr: rate('talkspurt_media_remote_lost_frames_total'), legend: 'frames missed a second' },
      ],
    },
    {
      title: 'Waits to be said',
      description: 'Agent audio of all calls',
      unit: 's',
      width: 8,
      queries: one(`sum(talkspurt_playout_seconds{${AT}})`, 'audio'),
    },
  ],
};

const TURNS: Dashboard = {
  uid: 'talkspurt-turns',
  title: 'talkspurt: turns and latency',
  description: 'How fast agents answer, and how callers cut in',
  panels: [
    {
      title: 'Response latency',
      description: 'End of turn to the first agent audio that was sent',
      unit: 's',
      width: 12,
      queries: quantiles('talkspurt_response_latency_seconds'),
      thresholds: [1, 2],
    },
    {
      title: "Since the caller's last speech",
      description: 'What the caller feels: the silence that ends a turn is in it',
      unit: 's',
      width: 12,
      queries: quantiles('talkspurt_response_since_speech_seconds'),
      thresholds: [1.5, 2.5],
    },
    {
      title: 'Barge-in: agent silent',
      description: "Caller's onset to the last agent audio that was sent",
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_barge_in_stop_seconds'),
      thresholds: [0.2, 0.3],
    },
    {
      title: 'Barge-in: answer called off',
      description: "Caller's onset to the answer being called off",
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_barge_in_verdict_seconds'),
    },
    {
      title: 'Barge-ins',
      description: 'Callers who cut in, and noises that only seemed so',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_barge_ins_total', 'verdict'), '{{verdict}}'),
    },
    {
      title: 'Turns',
      description: 'Stretches of speech a second',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_speech_total', 'by'), '{{by}}'),
    },
    {
      title: 'How long turns are',
      description: 'Median and 95 %',
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_speech_duration_seconds', 'by').slice(0, 2),
    },
    {
      title: 'Pauses of an agent who then went on',
      description: 'A noise made it wait',
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_barge_in_withdrawn_seconds'),
    },
  ],
};

const PROVIDERS: Dashboard = {
  uid: 'talkspurt-providers',
  title: 'talkspurt: providers',
  description: 'Backends and voices: how fast, how often they fail, and what stands against them',
  panels: [
    {
      title: 'Circuit breakers',
      description: '0: closed, 1: half-open, 2: open',
      unit: 'short',
      width: 8,
      queries: one(`max by (breaker) (talkspurt_breaker_state{${AT}})`, '{{breaker}}'),
      thresholds: [1, 2],
    },
    {
      title: 'Breakers opened',
      description: 'By code of the failure',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_breaker_opens_total', 'breaker, reason'), '{{breaker}} {{reason}}'),
    },
    {
      title: 'Streams that are open',
      description: 'By backend',
      unit: 'short',
      width: 8,
      queries: one(`sum by (backend) (talkspurt_backend_sessions{${AT}})`, '{{backend}}'),
    },
    {
      title: 'Streams asked for',
      description: 'By backend, and why one was not opened',
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_backend_requests_total', 'backend, code'), '{{backend}} {{code}}'),
    },
    {
      title: 'Share of requests that fail',
      description: 'By backend',
      unit: 'percentunit',
      width: 8,
      queries: one(
        share(
          rate('talkspurt_backend_requests_total', 'backend', ', code!=""'),
          rate('talkspurt_backend_requests_total', 'backend'),
        ),
        '{{backend}}',
      ),
      thresholds: [0.02, 0.1],
    },
    {
      title: 'Time to a stream that may talk',
      description: 'Dialling to the end of the set-up',
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_backend_connect_seconds', 'backend'),
    },
    {
      title: 'Time to first audio',
      description: 'End of turn to the first agent audio that was sent, by backend',
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_backend_response_seconds', 'backend'),
    },
    {
      title: 'Errors',
      description: 'By backend and code',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_backend_errors_total', 'backend, code'), legend: 'error {{backend}} {{code}}' },
        {
          expr: rate('talkspurt_backend_closed_total', 'backend, code', ', code!=""'),
          legend: 'closed {{backend}} {{code}}',
        },
      ],
    },
    {
      title: 'Lost, made anew, given to another',
      description: 'Streams, by backend',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_backend_reconnect_attempts_total', 'backend'), legend: 'sought {{backend}}' },
        {
          expr: rate('talkspurt_backend_reconnects_total', 'backend, outcome'),
          legend: 'had again, or not: {{backend}} {{outcome}}',
        },
        {
          expr: rate('talkspurt_failovers_total', 'from, to, outcome'),
          legend: '{{from}} to {{to}} {{outcome}}',
        },
        { expr: rate('talkspurt_backend_switches_total', 'backend'), legend: 'switched to {{backend}}' },
      ],
    },
    {
      title: 'Sentences that a voice of ours spoke',
      description: 'By engine and outcome, with the characters that were asked for',
      unit: 'ops',
      width: 8,
      queries: [
        { expr: rate('talkspurt_tts_sentences_total', 'engine, outcome'), legend: '{{engine}} {{outcome}}' },
        { expr: rate('talkspurt_tts_characters_total', 'engine'), legend: 'characters {{engine}}' },
        { expr: `talkspurt_tts_waiting_sentences{${AT}}`, legend: 'waiting' },
      ],
    },
    {
      title: 'First sound of a sentence',
      description: 'From the text to the first audio of it',
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_tts_first_audio_seconds'),
    },
    {
      title: 'Gap after a loss',
      description: 'From the loss of a stream to one that hears the caller again',
      unit: 's',
      width: 8,
      queries: quantiles('talkspurt_backend_gap_seconds'),
    },
    {
      title: 'Frames that a backend did not take',
      description: "Callers' frames a second",
      unit: 'ops',
      width: 8,
      queries: one(rate('talkspurt_backend_dropped_frames_total', 'backend'), '{{backend}}'),
    },
    {
      title: 'Phrases that wait',
      description: 'To be said, or being said',
      unit: 'short',
      width: 8,
      queries: one(`sum(talkspurt_tts_queue_phrases{${AT}})`, 'phrases'),
    },
    {
      title: 'Own voice: kept texts',
      description: 'Share of the texts that had not to be made again',
      unit: 'percentunit',
      width: 8,
      queries: one(
        share(rate('talkspurt_tts_texts_total', '', ', cached="true"'), rate('talkspurt_tts_texts_total')),
        'kept',
      ),
    },
  ],
};

/** All of them. */
export const DASHBOARDS: readonly Dashboard[] = [SYSTEM, CALLS, AUDIO, TURNS, PROVIDERS];

/** The expressions of a dashboard, with ranges and variables that stand for any, as Prometheus itself reads them. */
export function plainQueries({ panels }: Dashboard, range = '5m'): { readonly panel: string; readonly expr: string }[] {
  return panels.flatMap(({ title, queries }) =>
    queries.map(({ expr }) => ({ panel: title, expr: expr.replaceAll(RATE, range).replaceAll('$instance', '.+') })),
  );
}

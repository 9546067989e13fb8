/** Events and snapshots to Prometheus metrics. docs/metrics.md names each; every label's set of values is bounded. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { EventSink, TalkspurtEvent } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import type { GatewaySnapshot, SessionSnapshot } from './health.ts';
import { globalHealth } from './health.ts';
import { makeResourceGauges, sampleResources } from './resource-gauges.ts';
import { NO_RESOURCES } from './resources.ts';

/** What is measured besides events. */
export interface MetricsSinkOptions {
  /** Memory, CPU, garbage collection and event loop of the process as well. */
  readonly processMetrics: boolean;
  /** Read at every scrape. */
  readonly snapshot?: () => GatewaySnapshot;
}

/** A scrape. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/** What a metric is. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

/** Counters of a call that were already added up. */
interface Counted {
  readonly capturedFrames: number;
  readonly sentFrames: number;
  readonly lostFrames: number;
  readonly ticks: number;
  readonly lateTicks: number;
  readonly droppedToBackend: number;
  readonly scaledMs: number;
  readonly concealedMs: number;
}

const LATENCY_BUCKETS_S = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10];
const BREAKER_VALUES = { closed: 0, 'half-open': 1, open: 2 } as const;
const STOP_BUCKETS_S = [0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 1];
const DURATION_BUCKETS_S = [5, 15, 30, 60, 120, 300, 600, 1800, 3600];
const OTHER = 'other';

/** Counts events in a registry of its own. */
export class MetricsSink implements EventSink {
  readonly #registry = new Registry();
  readonly #options: MetricsSinkOptions;
  readonly #metrics: ReturnType<typeof makeMetrics>;
  readonly #descriptions: MetricDescription[] = [];
  readonly #labels = new Map<string, Set<string>>();
  readonly #counted = new Map<string, Counted>();

  constructor(options: MetricsSinkOptions) {
    this.#options = options;
    this.#metrics = makeMetrics(this.#registry, this.#descriptions);
    if (options.processMetrics) collectDefaultMetrics({ register: this.#registry });
  }

  emit(event: TalkspurtEvent): void {
    if (event.callId === undefined) this.#onProcessEvent(event);
    else this.#onCallEvent(event);
  }

  /** Adds up the counters of a session that has ended, and keeps nothing of it: nobody may ever scrape. */
  recordEnded(session: SessionSnapshot): void {
    this.recordSession(session);
    this.#counted.delete(session.callId);
  }

  /** Adds up a session's own counters; a scrape does for those that live. */
  recordSession(session: SessionSnapshot): void {
    const { frames, ticks, lateTicks, backendDroppedFrames, madeUpSeconds } = this.#metrics;
    const now = countedOf(session);
    const before = this.#counted.get(session.callId);
    // A counter that went back belongs to a new call on the same channel.
    const since = (key: keyof Counted): number => {
      const counted = before?.[key] ?? 0;
      return now[key] < counted ? now[key] : now[key] - counted;
    };
    frames.inc({ direction: 'received' }, since('capturedFrames'));
    frames.inc({ direction: 'sent' }, since('sentFrames'));
    frames.inc({ direction: 'lost' }, since('lostFrames'));
    madeUpSeconds.inc({ how: 'scaled' }, since('scaledMs') / 1000);
    madeUpSeconds.inc({ how: 'concealed' }, since('concealedMs') / 1000);
    ticks.inc(since('ticks'));
    lateTicks.inc(since('lateTicks'));
    backendDroppedFrames.inc({ backend: this.#bounded('backend', session.backend) }, since('droppedToBackend'));
    this.#counted.set(session.callId, now);
  }

  /** What a scraper is given. */
  async page(): Promise<MetricsPage> {
    const snapshot = this.#options.snapshot?.();
    if (snapshot !== undefined) this.#sample(snapshot);
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  /** Every metric of ours: docs/metrics.md is made from it. */
  describe(): MetricDescription[] {
    // Which labels a metric has is no part of the library's own description, so they are kept here.
    return this.#descriptions;
  }

  #sample(snapshot: GatewaySnapshot): void {
    const { callsByHealth, playoutSeconds } = this.#metrics;
    const health = globalHealth(snapshot);
    callsByHealth.set({ health: 'HEALTHY' }, health.healthy);
    callsByHealth.set({ health: 'DEGRADED' }, health.degraded);
    callsByHealth.set({ health: 'UNHEALTHY' }, health.unhealthy);
    playoutSeconds.set(snapshot.sessions.reduce((sum, { playoutMs }) => sum + playoutMs, 0) / 1000);
    this.#metrics.sessions.set(snapshot.sessions.length);
    sampleResources(this.#metrics.held, snapshot.resources ?? NO_RESOURCES);
    const live = new Set(snapshot.sessions.map(({ callId }) => callId));
    for (const callId of this.#counted.keys()) if (!live.has(callId)) this.#counted.delete(callId);
    for (const session of snapshot.sessions) this.recordSession(session);
  }

  #onProcessEvent(event: TalkspurtEvent & { callId?: undefined }): void {
    const { linkUp, linkDowns, linkRefusals, breakerState, breakerOpens, commands, malformed, unknown } = this.#metrics;
    const { callsRefused, connectionsRefused } = this.#metrics;
    switch (event.type) {
      case 'link.up':
        linkUp.set({ link: this.#bounded('link', event.link) }, 1);
        break;
      case 'link.down':
        linkUp.set({ link: this.#bounded('link', event.link) }, 0);
        linkDowns.inc({ link: this.#bounded('link', event.link), code: event.error.code });
        break;
      case 'breaker': {
        const breaker = this.#bounded('breaker', event.breaker);
        breakerState.set({ breaker }, BREAKER_VALUES[event.state]);
        if (event.state === 'open') breakerOpens.inc({ breaker, reason: event.reason });
        break;
      }
      case 'command':
        commands.inc({
          front: this.#bounded('front', event.front),
          verb: this.#bounded('verb', event.verb),
          ok: String(event.ok),
        });
        break;
      case 'call.refused':
        callsRefused.inc({ code: event.error.code });
        break;
      case 'peer.malformed':
        malformed.inc({ peer: this.#bounded('peer', event.peer), code: event.error.code });
        break;
      case 'peer.refused':
        connectionsRefused.inc({ server: this.#bounded('server', event.server), reason: event.reason });
        break;
      case 'peer.unknown':
        unknown.inc({ peer: this.#bounded('peer', event.peer) });
        break;
      case 'request.refused':
        linkRefusals.inc({
          link: this.#bounded('link', event.link),
          status: this.#bounded('status', String(event.status)),
        });
        break;
      default:
      // Said in the log; nothing to count.
    }
  }

  #onCallEvent(event: TalkspurtEvent & { callId: string }): void {
    const metrics = this.#metrics;
    switch (event.type) {
      case 'call.state':
        if (event.previous === 'new') metrics.callsStarted.inc();
        else metrics.calls.dec({ state: event.previous });
        if (event.state !== 'ended') metrics.calls.inc({ state: event.state });
        break;
      case 'call.ended':
        metrics.callsEnded.inc({ reason: event.reason, code: event.error?.code ?? '' });
        metrics.callDuration.observe(event.durationMs / 1000);
        break;
      case 'media.opened':
        metrics.mediaOpened.inc({
          transport: this.#bounded('transport', event.transport),
          codec: event.leg.codec,
          pass_through: String(event.passThrough),
        });
        break;
      case 'media.stalled':
        metrics.stalls.inc();
        break;
      case 'media.suspect':
        metrics.suspects.inc({ side: event.side, suspicion: event.suspicion });
        break;
      case 'call.progress':
        metrics.progress.inc({ signal: event.signal });
        break;
      case 'media.underrun':
        metrics.underruns.inc();
        metrics.underrunSeconds.inc(event.missingMs / 1000);
        break;
      case 'media.overflow':
        metrics.overflowBytes.inc({ place: event.place }, event.droppedBytes);
        break;
      default:
        this.#onConversationEvent(event);
    }
  }

  #onConversationEvent(event: TalkspurtEvent): void {
    const metrics = this.#metrics;
    switch (event.type) {
      case 'speech.started':
        metrics.speech.inc({ by: event.by });
        break;
      case 'turn.response-latency':
        metrics.responseLatency.observe(event.latencyMs / 1000);
        metrics.responseSinceSpeech.observe(event.sinceSpeechMs / 1000);
        break;
      case 'barge-in':
        metrics.bargeInStop.observe(event.stopMs / 1000);
        metrics.bargeInVerdict.observe(event.verdictMs / 1000);
        break;
      case 'barge-in.withdrawn':
        metrics.bargeInWithdrawn.observe(event.pausedMs / 1000);
        break;
      case 'dtmf':
        metrics.digits.inc();
        break;
      case 'tool.call':
        metrics.toolCalls.inc();
        break;
      case 'backend.opened':
        metrics.backendConnect.observe({ backend: this.#bounded('backend', event.backend) }, event.connectMs / 1000);
        break;
      case 'backend.error':
        metrics.backendErrors.inc({ backend: this.#bounded('backend', event.backend), code: event.error.code });
        break;
      case 'backend.closed':
        metrics.backendClosed.inc({ backend: this.#bounded('backend', event.backend), code: event.error?.code ?? '' });
        break;
      case 'backend.switched':
        metrics.backendSwitches.inc({ backend: this.#bounded('backend', event.backend) });
        break;
      case 'recording':
        if (event.running) metrics.recordings.inc();
        metrics.recordingDroppedFrames.inc(event.droppedFrames);
        break;
      default:
      // Said in the log and the call record; nothing to count.
    }
  }

  /** `value` itself for the first values of a label, then `other`: a peer cannot make the page grow. */
  #bounded(label: string, value: string): string {
    let values = this.#labels.get(label);
    if (values === undefined) this.#labels.set(label, (values = new Set()));
    if (values.has(value)) return value;
    if (values.size >= LIMITS.metricLabelValues) return OTHER;
    values.add(value);
    return value;
  }
}

function countedOf(session: SessionSnapshot): Counted {
  const { capturedFrames, sentFrames, lostFrames, ticks, lateTicks } = session;
  const { droppedToBackend = 0, scaledMs = 0, concealedMs = 0 } = session;
  return { capturedFrames, sentFrames, lostFrames, ticks, lateTicks, droppedToBackend, scaledMs, concealedMs };
}

function makeMetrics(registry: Registry, descriptions: MetricDescription[]) {
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
    callsRefused: counter('calls_refused_total', 'Calls that a switch handed over and that were not taken', 'code'),
    calls: gauge('calls', 'Calls at present, by state', 'state'),
    callsByHealth: gauge('calls_by_health', 'Calls at present, by health', 'health'),
    callDuration: histogram('call_duration_seconds', 'How long calls lasted', DURATION_BUCKETS_S),
    mediaOpened: counter('media_opened_total', 'Media paths opened', 'transport', 'codec', 'pass_through'),
    stalls: counter('media_stalls_total', 'Times that no audio came from the switch'),
    underruns: counter('media_underruns_total', 'Times that the agent ran dry while speaking'),
    underrunSeconds: counter('media_underrun_seconds_total', 'How long the agent ran dry while speaking'),
    overflowBytes: counter('media_overflow_bytes_total', 'Audio dropped because a bounded place was full', 'place'),
    frames: counter('media_frames_total', 'Frames received, sent and lost', 'direction'),
    madeUpSeconds: counter(
      'media_made_up_seconds_total',
      'Caller audio that was cut out or repeated (scaled), or made up because none came (concealed)',
      'how',
    ),
    ticks: counter('media_ticks_total', 'Media ticks'),
    lateTicks: counter('media_late_ticks_total', 'Media ticks that began more than half a ptime late'),
    playoutSeconds: gauge('playout_seconds', 'Agent audio that waits to be said, all calls together'),
    speech: counter('speech_total', 'Stretches of speech', 'by'),
    responseLatency: histogram('response_latency_seconds', 'End of turn to first agent audio sent', LATENCY_BUCKETS_S),
    responseSinceSpeech: histogram(
      'response_since_speech_seconds',
      "Caller's last frame of speech to first agent audio sent",
      LATENCY_BUCKETS_S,
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
    sessions: gauge('sessions', 'Calls that the process keeps, whatever their state'),
    held: makeResourceGauges(gauge),
    malformed: counter('malformed_total', 'Messages of peers that broke their protocol', 'peer', 'code'),
  };
}

/** Events and snapshots to Prometheus metrics. docs/metrics.md names each; every label's set of values is bounded. */
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { TalkspurtError } from '../core/errors.ts';
import type { EventSink, OverloadReason, TalkspurtEvent } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import type { GatewaySnapshot, SessionSnapshot } from './health.ts';
import { globalHealth } from './health.ts';
import { makeMetrics } from './metric-set.ts';
import type { MetricDescription, MetricSet } from './metric-set.ts';
import { sampleResources } from './resource-gauges.ts';
import { NO_RESOURCES } from './resources.ts';
import { SessionCounters } from './session-counters.ts';
import { countSentence, sampleWaiting } from './speech-metrics.ts';

/** What is measured besides events. */
export interface MetricsSinkOptions {
  /** Memory, CPU, garbage collection and event loop of the process as well. */
  readonly processMetrics: boolean;
  /** Read at every scrape. */
  readonly snapshot?: () => GatewaySnapshot;
  /** Log lines that were lost so far; read at every scrape. */
  readonly lostLogLines?: () => number;
  /** Whether call records can be written, and how many never will be; read at every scrape. */
  readonly records?: () => { readonly failing: boolean; readonly lost: number };
}

/** A scrape. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];
const BREAKER_VALUES = { closed: 0, 'half-open': 1, open: 2 } as const;
const OTHER = 'other';
const OVERLOAD_REASONS: readonly OverloadReason[] = ['late-ticks', 'loop-lag', 'queues', 'ports', 'memory'];

/** Counts events in a registry of its own. */
export class MetricsSink implements EventSink {
  readonly #registry = new Registry();
  readonly #options: MetricsSinkOptions;
  readonly #metrics: MetricSet;
  readonly #descriptions: MetricDescription[] = [];
  readonly #labels = new Map<string, Set<string>>();
  readonly #counters: SessionCounters;
  /** Which backend answers a call, for what its events do not say. */
  readonly #answering = new Map<string, string>();
  #lostLogLines = 0;
  #lostRecords = 0;

  constructor(options: MetricsSinkOptions) {
    this.#options = options;
    this.#metrics = makeMetrics(this.#registry, this.#descriptions);
    this.#counters = new SessionCounters(this.#metrics, (backend) => this.#bounded('backend', backend));
    if (!options.processMetrics) return;
    collectDefaultMetrics({ register: this.#registry });
    // Gauges that are named as counters are: each is there under a better name, by type.
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  emit(event: TalkspurtEvent): void {
    if (event.callId === undefined) this.#onProcessEvent(event);
    else this.#onCallEvent(event);
  }

  /** Adds up the counters of a session that has ended, and keeps nothing of it: nobody may ever scrape. */
  recordEnded(session: SessionSnapshot): void {
    this.#counters.add(session);
    this.#counters.forget(session.callId);
    this.#answering.delete(session.callId);
  }

  /** Adds up a session's own counters; a scrape does for those that live. */
  recordSession(session: SessionSnapshot): void {
    this.#counters.add(session);
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
    const { callsByHealth, linkUp, breakerState, buildInfo, callLimit, draining, logLost } = this.#metrics;
    const health = globalHealth(snapshot);
    callsByHealth.set({ health: 'HEALTHY' }, health.healthy);
    callsByHealth.set({ health: 'DEGRADED' }, health.degraded);
    callsByHealth.set({ health: 'UNHEALTHY' }, health.unhealthy);
    buildInfo.set({ version: snapshot.version, node: process.versions.node }, 1);
    callLimit.set(snapshot.callLimit);
    draining.set(snapshot.draining ? 1 : 0);
    for (const { name, up } of snapshot.links) linkUp.set({ link: this.#bounded('link', name) }, up ? 1 : 0);
    // One that is no longer on the board keeps no state.
    if (snapshot.breakers !== undefined) breakerState.reset();
    for (const { name, state } of snapshot.breakers ?? []) {
      breakerState.set({ breaker: this.#bounded('breaker', name) }, BREAKER_VALUES[state]);
    }
    const lost = this.#options.lostLogLines?.() ?? 0;
    logLost.inc(Math.max(0, lost - this.#lostLogLines));
    this.#lostLogLines = lost;
    this.#sampleRecords();
    sampleWaiting(this.#metrics.tts, snapshot.sessions);
    this.#sampleLoad(snapshot.load);
    sampleResources(this.#metrics.held, snapshot.resources ?? NO_RESOURCES);
    this.#counters.sample(snapshot.sessions);
  }

  #sampleRecords(): void {
    const { failing, lost } = this.#options.records?.() ?? { failing: false, lost: 0 };
    this.#metrics.recordsFailing.set(failing ? 1 : 0);
    this.#metrics.recordsLost.inc(Math.max(0, lost - this.#lostRecords));
    this.#lostRecords = lost;
  }

  #sampleLoad(load: GatewaySnapshot['load']): void {
    if (load === undefined) return;
    const { loopLag, refusing } = this.#metrics;
    loopLag.set({ of: 'p99' }, load.loopLagP99Ms / 1000);
    loopLag.set({ of: 'max' }, load.loopLagWorstMs / 1000);
    for (const reason of OVERLOAD_REASONS) refusing.set({ reason }, load.refusing.includes(reason) ? 1 : 0);
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
        callsRefused.inc({ code: event.error.code, reason: refusalReason(event.error) });
        break;
      case 'host.watchdog':
        this.#metrics.watchdogs.inc(
          { dog: event.dog, action: event.severity },
          event.dog === 'loop-stop' ? event.stops : 1,
        );
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
        this.#answering.delete(event.callId);
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
      case 'watchdog':
        metrics.watchdogs.inc({ dog: event.dog, action: event.action });
        break;
      case 'media.overflow-storm':
        metrics.overflowStorms.inc({ place: event.place, cause: event.cause ?? '' });
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
        metrics.overflows.inc({ place: event.place });
        metrics.overflowBytes.inc({ place: event.place }, event.droppedBytes);
        break;
      default:
        this.#onConversationEvent(event);
    }
  }

  #onConversationEvent(event: TalkspurtEvent & { callId: string }): void {
    const metrics = this.#metrics;
    switch (event.type) {
      case 'speech.sentence':
        countSentence(metrics.tts, { ...event, engine: this.#bounded('engine', event.engine) });
        break;
      case 'speech.started':
        metrics.speech.inc({ by: event.by });
        break;
      case 'speech.stopped':
        // What the backend's own detection says comes without its length, and again.
        if (event.durationMs > 0) metrics.speechDuration.observe({ by: event.by }, event.durationMs / 1000);
        break;
      case 'turn.response-latency':
        metrics.responseLatency.observe(event.latencyMs / 1000);
        metrics.responseSinceSpeech.observe(event.sinceSpeechMs / 1000);
        this.#onAnswered(event);
        break;
      case 'barge-in':
        metrics.bargeIns.inc({ verdict: 'cut' });
        metrics.bargeInStop.observe(event.stopMs / 1000);
        metrics.bargeInVerdict.observe(event.verdictMs / 1000);
        break;
      case 'barge-in.withdrawn':
        metrics.bargeIns.inc({ verdict: 'withdrawn' });
        metrics.bargeInWithdrawn.observe(event.pausedMs / 1000);
        break;
      case 'dtmf':
        metrics.digits.inc();
        break;
      case 'tool.call':
        metrics.toolCalls.inc();
        break;
      case 'backend.refused':
        metrics.backendRequests.inc({ backend: this.#bounded('backend', event.backend), code: event.error.code });
        break;
      case 'backend.opened':
        this.#answering.set(event.callId, event.backend);
        metrics.backendRequests.inc({ backend: this.#bounded('backend', event.backend), code: '' });
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
      case 'backend.reconnecting':
        metrics.backendAttempts.inc({ backend: this.#bounded('backend', event.backend) });
        break;
      case 'backend.reconnected':
        metrics.backendReconnects.inc({ backend: this.#bounded('backend', event.previous), outcome: 'succeeded' });
        metrics.backendGap.observe(event.gapMs / 1000);
        break;
      case 'backend.failed':
        metrics.backendReconnects.inc({ backend: this.#bounded('backend', event.backend), outcome: 'failed' });
        break;
      case 'backend.failover': {
        const [from, to] = [this.#bounded('backend', event.previous), this.#bounded('backend', event.backend)];
        metrics.failovers.inc({ from, to, stage: event.stage, outcome: event.outcome });
        break;
      }
      case 'recording':
        if (event.running) metrics.recordings.inc();
        metrics.recordingDroppedFrames.inc(event.droppedFrames);
        break;
      default:
      // Said in the log and the call record; nothing to count.
    }
  }

  #onAnswered({ callId, latencyMs }: { readonly callId: string; readonly latencyMs: number }): void {
    const backend = this.#answering.get(callId);
    if (backend === undefined) return;
    this.#metrics.backendResponse.observe({ backend: this.#bounded('backend', backend) }, latencyMs / 1000);
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

/** The word that goes with a refusal, where it has one: the first, as often there is one only. */
function refusalReason({ details }: TalkspurtError): string {
  const { reason } = details;
  return OVERLOAD_REASONS.find((each) => each === reason) ?? '';
}

/**
 * How a call is, and how the process is: from what a session measures of itself to the JSON that operators read
 * (`health-schema.ts` says what each field is), and the judgement that goes with it.
 */
import type { CallOrder, CallState, EndReason, OverloadReason, TurnState } from '../core/events.ts';
import type { AudioFormat, MediaFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { NO_RESOURCES, totalsOf } from './resources.ts';
import type { Resources } from './resources.ts';
import type { CallHealth, CallStateWord, GlobalHealthJson, SessionHealthJson } from './health-schema.ts';

export type { GlobalHealthJson, SessionHealthJson } from './health-schema.ts';

/** What a session measures of itself, without any judgement. Counters since the call's start; ages in ms. */
export interface SessionSnapshot {
  readonly callId: string;
  readonly switchName: string;
  readonly profile: string;
  readonly state: CallState;
  readonly turn: TurnState;
  readonly uptimeMs: number;
  readonly transport: string;
  readonly leg: MediaFormat | null;
  readonly backendInput: AudioFormat | null;
  readonly backendOutput: AudioFormat | null;
  readonly passThrough: boolean;
  readonly backend: string;
  readonly backendConnected: boolean;
  readonly capturedFrames: number;
  /** Age of the last received frame, or null when none came yet. */
  readonly lastFrameAgeMs: number | null;
  /** False: the switch need not send while there is nothing to be heard. */
  readonly expectsFrames: boolean;
  readonly lostFrames: number;
  readonly jitterMs: number;
  /** The jitter buffer's delay and its target; audio of the caller's that was cut out or repeated, and that was made up. Ms. */
  readonly bufferMs?: number;
  readonly bufferTargetMs?: number;
  readonly scaledMs?: number;
  /** Audio of the caller's that was cut out less what was repeated: how much faster than ours its clock has run. */
  readonly driftMs?: number;
  readonly concealedMs?: number;
  /** Ticks run, and of those the ones that started more than half a ptime late. */
  readonly ticks: number;
  readonly lateTicks: number;
  /** Time spent in the media tick, all ticks together. Absent: not measured. */
  readonly tickMs?: number;
  readonly sentFrames: number;
  readonly playoutBytes: number;
  readonly playoutCapacityBytes: number;
  readonly playoutMs: number;
  /** Ticks in which the agent was speaking and nothing was there to say. */
  readonly underrunTicks: number;
  readonly speakingTicks: number;
  /** Ticks in which the caller was heard to speak. */
  readonly speechTicks?: number;
  readonly overflows: number;
  readonly turns: number;
  readonly bargeIns: number;
  readonly reconnects: number;
  /** Times that another backend took the place of one that was lost. */
  readonly failovers?: number;
  /** Caller audio that no backend has heard yet. */
  readonly keptMs?: number;
  readonly captureLevelDbov: number;
  readonly renderLevelDbov: number;
  readonly responseLatencyMs: readonly number[];
  /** Phrases that wait to be said, the one being said included. */
  readonly playoutPhrases?: number;
  /** Why the call is ending or has ended; null before. */
  readonly endReason?: EndReason | null;
  /** `ws`: the audio is streamed to a WebSocket. Default `ai`. */
  readonly mode?: 'ai' | 'ws';
  /** Orders of operators that stand. */
  readonly orders?: readonly CallOrder[];
  readonly recording?: boolean;
  /** Texts that our own voice has said, where it keeps them, and those of them that had not to be made. */
  readonly spokenTexts?: number;
  readonly cachedTexts?: number;
  /** Sentences of the backend's text that wait to be spoken. */
  readonly waitingSentences?: number;
  /** Caller frames that the backend's socket did not take. */
  readonly droppedToBackend?: number;
  /** As RTCP reports it; null: the path has none, or the far end has not said. */
  readonly rttMs?: number | null;
  readonly remoteLostFrames?: number | null;
  /** Audio that is not what it says it is, `side: suspicion` each. */
  readonly suspects?: readonly string[];
  /** Of the agent's echo: after how long it comes back (null: none was found), and how much of it is taken out, dB. */
  readonly echoDelayMs?: number | null;
  readonly erleDb?: number;
}

/** What the process knows of itself. */
export interface GatewaySnapshot {
  readonly sessions: readonly SessionSnapshot[];
  readonly created: number;
  readonly destroyed: number;
  readonly uptimeMs: number;
  readonly version: string;
  readonly draining: boolean;
  readonly callLimit: number;
  readonly links: readonly {
    readonly name: string;
    readonly kind: 'freeswitch' | 'asterisk' | 'sip';
    readonly up: boolean;
    /** Where the switch has been asked; null: not known, or none. */
    readonly version?: string | null;
    readonly media?: string | null;
    readonly problem?: string | null;
  }[];
  /** What calls hold at present. Absent: nothing. */
  readonly resources?: Resources;
  /** What the process has to bear. Absent: nobody looks. */
  readonly load?: HostLoadSnapshot;
  readonly breakers?: readonly { readonly name: string; readonly state: 'closed' | 'open' | 'half-open' }[];
}

/** How late the event loop is, and why new calls are turned away; none: they are taken. */
export interface HostLoadSnapshot {
  readonly loopLagP99Ms: number;
  readonly loopLagWorstMs: number;
  readonly refusing: readonly OverloadReason[];
}

/** What makes a call DEGRADED or UNHEALTHY. A value has to be beyond its bound. */
export const HEALTH_RULES = {
  degradedUnderrunPct: 5,
  degradedLateTickPct: 1,
  degradedOverflows: 0,
  unhealthySilentMs: LIMITS.mediaStalledMs,
} as const;

/** Ends that mean that something failed. */
const FAILURES: ReadonlySet<EndReason> = new Set<EndReason>(['backend-failed', 'media-failed', 'link-lost', 'error']);

/** One call, measured and judged. */
export function sessionHealth(snapshot: SessionSnapshot): SessionHealthJson {
  const { health, reasons } = judge(snapshot);
  const latencies = snapshot.responseLatencyMs;
  return {
    session_uuid: snapshot.callId,
    mode: snapshot.mode ?? 'ai',
    uptime_sec: seconds(snapshot.uptimeMs),
    state: stateWord(snapshot),
    turn: snapshot.turn,
    profile: snapshot.profile,
    switch: snapshot.switchName,
    capture: {
      frames_sent: snapshot.capturedFrames,
      last_frame_ms_ago: snapshot.lastFrameAgeMs === null ? null : rounded(snapshot.lastFrameAgeMs, 0),
      late_tick_pct: share(snapshot.lateTicks, snapshot.ticks),
      dropped_frames: snapshot.droppedToBackend ?? 0,
      level_dbov: rounded(snapshot.captureLevelDbov, 1),
    },
    inject: {
      buffer_inuse_bytes: snapshot.playoutBytes,
      buffer_capacity_bytes: snapshot.playoutCapacityBytes,
      buffer_fill_pct: share(snapshot.playoutBytes, snapshot.playoutCapacityBytes),
      underrun_pct: share(snapshot.underrunTicks, snapshot.speakingTicks),
      overflow_count: snapshot.overflows,
      frames_sent: snapshot.sentFrames,
      level_dbov: rounded(snapshot.renderLevelDbov, 1),
    },
    ai: {
      openai_connected: snapshot.backendConnected,
      backend_connected: snapshot.backendConnected,
      backend: snapshot.backend,
      tts_queue_depth: snapshot.playoutPhrases ?? (snapshot.playoutMs > 0 ? 1 : 0),
      ring_buffer_ms: rounded(snapshot.playoutMs, 0),
      turns: snapshot.turns,
      barge_in_count: snapshot.bargeIns,
      reconnect_attempts: snapshot.reconnects,
      failovers: snapshot.failovers ?? 0,
      unheard_ms: rounded(snapshot.keptMs ?? 0, 0),
      response_latency_ms: latencies.length === 0 ? null : rounded(latencies[latencies.length - 1] ?? 0, 1),
      tts_cache_hit_pct: cacheHitPct(snapshot),
    },
    media: {
      transport: snapshot.transport,
      codec: snapshot.leg?.codec ?? null,
      rates: {
        leg_hz: snapshot.leg?.sampleRateHz ?? null,
        backend_input_hz: snapshot.backendInput?.sampleRateHz ?? null,
        backend_output_hz: snapshot.backendOutput?.sampleRateHz ?? null,
      },
      ptime_ms: snapshot.leg?.ptimeMs ?? null,
      jitter_ms: rounded(snapshot.jitterMs, 1),
      buffer_ms: rounded(Math.max(0, snapshot.bufferMs ?? 0), 1),
      buffer_target_ms: rounded(snapshot.bufferTargetMs ?? 0, 1),
      scaled_ms: rounded(snapshot.scaledMs ?? 0, 0),
      concealed_ms: rounded(snapshot.concealedMs ?? 0, 0),
      lost: snapshot.lostFrames,
      rtt_ms: snapshot.rttMs === undefined || snapshot.rttMs === null ? null : rounded(snapshot.rttMs, 1),
      remote_lost: snapshot.remoteLostFrames ?? null,
      echo_delay_ms: snapshot.echoDelayMs ?? null,
      erle_db: (snapshot.echoDelayMs ?? null) === null ? null : rounded(snapshot.erleDb ?? 0, 1),
      pass_through: snapshot.passThrough,
      suspects: [...(snapshot.suspects ?? [])],
    },
    orders: [...(snapshot.orders ?? [])],
    recording: snapshot.recording ?? false,
    health,
    reasons,
  };
}

/** The process, measured, with its calls judged and counted. */
export function globalHealth(snapshot: GatewaySnapshot): GlobalHealthJson {
  const judged: Record<CallHealth, number> = { HEALTHY: 0, DEGRADED: 0, UNHEALTHY: 0 };
  let streamed = 0;
  for (const session of snapshot.sessions) {
    judged[judge(session).health] += 1;
    if (session.mode === 'ws') streamed += 1;
  }
  return {
    active_ws_sessions: streamed,
    active_ai_sessions: snapshot.sessions.length - streamed,
    total_sessions_created: snapshot.created,
    total_sessions_destroyed: snapshot.destroyed,
    healthy: judged.HEALTHY,
    degraded: judged.DEGRADED,
    unhealthy: judged.UNHEALTHY,
    uptime_sec: seconds(snapshot.uptimeMs),
    version: snapshot.version,
    draining: snapshot.draining,
    call_limit: snapshot.callLimit,
    build: { node: process.versions.node, platform: process.platform, arch: process.arch },
    switch_links: snapshot.links.map(({ name, kind, up, version = null, media = null, problem = null }) => ({
      name,
      kind,
      up,
      version,
      media,
      problem,
    })),
    breakers: (snapshot.breakers ?? []).map(({ name, state }) => ({ name, state })),
    host: hostJson(snapshot.load),
    resources: resourcesJson(snapshot.resources ?? NO_RESOURCES),
  };
}

function hostJson(load: HostLoadSnapshot | undefined): GlobalHealthJson['host'] {
  return {
    loop_lag_p99_ms: load === undefined ? null : Math.round(load.loopLagP99Ms),
    loop_lag_max_ms: load === undefined ? null : Math.round(load.loopLagWorstMs),
    refusing: [...(load?.refusing ?? [])],
  };
}

function resourcesJson(resources: Resources): GlobalHealthJson['resources'] {
  const totals = totalsOf(resources);
  return {
    call_legs: totals.legs,
    dsp_in_use: totals.dspInUse,
    dsp_size: totals.dspSize,
    rtp_ports_in_use: totals.rtpPortsInUse,
    rtp_ports_resting: totals.rtpPortsResting,
    rtp_ports_free: totals.rtpPortsFree,
    media_sockets: totals.mediaSockets,
    media_strangers: totals.mediaStrangers,
    ari_things: totals.ariThings,
  };
}

/**
 * The rules, worst first. Backend and media are expected only while the call talks: before that they are being opened,
 * and afterwards closed.
 */
function judge(snapshot: SessionSnapshot): { health: CallHealth; reasons: string[] } {
  const grave: string[] = [];
  if (stateWord(snapshot) === 'ERROR') grave.push('state ERROR');
  if (snapshot.state === 'reconnecting') grave.push('backend lost');
  if (snapshot.state === 'talking') {
    if (!snapshot.backendConnected) grave.push('backend disconnected');
    const silentMs = snapshot.lastFrameAgeMs ?? snapshot.uptimeMs;
    if (snapshot.expectsFrames && silentMs > HEALTH_RULES.unhealthySilentMs)
      grave.push(`no frame for ${rounded(silentMs, 0)} ms`);
  }
  const slight: string[] = [];
  const underrunPct = share(snapshot.underrunTicks, snapshot.speakingTicks);
  if (underrunPct > HEALTH_RULES.degradedUnderrunPct) slight.push(`underrun ${underrunPct} %`);
  if (snapshot.overflows > HEALTH_RULES.degradedOverflows) slight.push(`overflow ${snapshot.overflows}`);
  const latePct = share(snapshot.lateTicks, snapshot.ticks);
  if (latePct > HEALTH_RULES.degradedLateTickPct) slight.push(`late ticks ${latePct} %`);
  // Who says nothing yet may well be listening.
  const suspects = (snapshot.suspects ?? []).filter((suspect) => !suspect.endsWith(': silence'));
  for (const suspect of suspects) slight.push(`suspect ${suspect}`);
  const reasons = [...grave, ...slight];
  return { health: grave.length > 0 ? 'UNHEALTHY' : slight.length > 0 ? 'DEGRADED' : 'HEALTHY', reasons };
}

function stateWord(snapshot: SessionSnapshot): CallStateWord {
  const over = snapshot.state === 'ending' || snapshot.state === 'ended';
  if (over && snapshot.endReason && FAILURES.has(snapshot.endReason)) return 'ERROR';
  return snapshot.state.toUpperCase() as CallStateWord;
}

/** Null: our own voice has said nothing, or keeps nothing. */
function cacheHitPct({ spokenTexts = 0, cachedTexts = 0 }: SessionSnapshot): number | null {
  return spokenTexts === 0 ? null : share(cachedTexts, spokenTexts);
}

/** `part` of `whole` in per cent, 0..100 with two decimals; 0 of nothing is 0. */
function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : rounded(Math.min(100, (100 * part) / whole), 2);
}

function seconds(durationMs: number): number {
  return rounded(durationMs / 1000, 3);
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

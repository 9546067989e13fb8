/** A session's counters, gathered from its parts; whatever is not there yet counts as nothing. */
import type { CallState, EndReason } from '../core/events.ts';
import type { SessionSnapshot } from '../observe/health.ts';
import type { CallFloor } from './call-floor.ts';

/** Where the counters are read from. */
export interface SnapshotParts {
  readonly callId: string;
  readonly profile: string;
  readonly switchName: string;
  readonly backend: string;
  readonly state: CallState;
  readonly createdMs: number;
  readonly nowMs: number;
  /** Why the call is ending or has ended; null before. */
  readonly endReason: EndReason | null;
  readonly floor: CallFloor | null;
  readonly mode: 'ai' | 'ws';
  readonly suspects: readonly string[];
}

const SILENCE_DBOV = -127;

/** Times in ms of the clock. */
export function snapshotOf(parts: SnapshotParts): SessionSnapshot {
  const { floor } = parts;
  const { media = null, turns = null, line = null, ticking = null, controls = null, rescue = null } = floor ?? {};
  const stream = line?.port ?? null;
  const frameSeen = media !== null && !Number.isNaN(media.lastFrameMs);
  return {
    callId: parts.callId,
    switchName: parts.switchName,
    profile: parts.profile,
    state: parts.state,
    turn: turns?.state ?? 'listening',
    uptimeMs: parts.nowMs - parts.createdMs,
    transport: media?.transport.kind ?? 'none',
    leg: media?.leg ?? null,
    backendInput: stream?.inputFormat ?? null,
    backendOutput: stream?.outputFormat ?? null,
    passThrough: stream !== null && media !== null && media.dsp.capturePassThrough && media.dsp.renderPassThrough,
    backend: parts.backend,
    backendConnected: parts.state === 'talking' && (line?.stream ?? null) !== null,
    capturedFrames: media?.capturedFrames ?? 0,
    expectsFrames: media?.transport.expectsFrames ?? true,
    lastFrameAgeMs: frameSeen ? parts.nowMs - media.lastFrameMs : null,
    lostFrames: media?.jitter.lostFrames ?? 0,
    jitterMs: media?.jitter.jitterMs ?? 0,
    bufferMs: media?.jitter.delayMs ?? 0,
    bufferTargetMs: media?.jitter.targetMs ?? 0,
    scaledMs: media === null ? 0 : media.dsp.cutMs + media.dsp.repeatedMs,
    driftMs: media === null ? 0 : media.dsp.cutMs - media.dsp.repeatedMs,
    concealedMs: media?.dsp.concealedMs ?? 0,
    ticks: ticking?.ticks ?? 0,
    lateTicks: ticking?.lateTicks ?? 0,
    tickMs: ticking?.busyMs ?? 0,
    sentFrames: media?.transport.stats.sentFrames ?? 0,
    playoutBytes: media?.playout.waitingBytes ?? 0,
    playoutCapacityBytes: media?.playout.capacityBytes ?? 0,
    playoutMs: media?.playout.waitingMs ?? 0,
    playoutPhrases: media?.ledger.unheard().length ?? 0,
    speechTicks: media?.endpointer.speechTicks ?? 0,
    underrunTicks: media?.underrunTicks ?? 0,
    speakingTicks: media?.speakingTicks ?? 0,
    overflows: media?.playout.overflows ?? 0,
    endReason: parts.endReason,
    turns: turns?.turns ?? 0,
    bargeIns: turns?.bargeIns ?? 0,
    reconnects: (line?.stream?.reconnects ?? 0) + (rescue?.attempts ?? 0),
    failovers: rescue?.failovers ?? 0,
    keptMs: line?.keptMs ?? 0,
    mode: parts.mode,
    orders: controls?.standing ?? [],
    recording: (controls?.recording ?? null) !== null,
    spokenTexts: (controls?.spokenTexts ?? 0) + (line?.sentences.spoken ?? 0),
    cachedTexts: (controls?.cachedTexts ?? 0) + (line?.sentences.cached ?? 0),
    waitingSentences: line?.sentences.waiting ?? 0,
    droppedToBackend: line?.droppedFrames ?? 0,
    rttMs: media?.transport.rtpStats?.rttMs ?? null,
    remoteLostFrames: media?.transport.rtpStats?.remoteLost ?? null,
    echoDelayMs: media === null || media.dsp.echoDelayMs < 0 ? null : media.dsp.echoDelayMs,
    erleDb: media?.dsp.erleDb ?? 0,
    captureLevelDbov: media?.dsp.captureLevelDbov ?? SILENCE_DBOV,
    renderLevelDbov: media?.dsp.renderLevelDbov ?? SILENCE_DBOV,
    suspects: parts.suspects,
    responseLatencyMs: turns?.responseLatenciesMs ?? [],
  };
}

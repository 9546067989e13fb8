/** A call's last counters as the fields of its record. */
import { LIMITS } from '../limits.ts';
import type { CallRecord } from './call-record-schema.ts';
import type { SessionSnapshot } from './health.ts';

/** What only the session itself knows of a call that has ended. */
export function recordFigures(session: SessionSnapshot): Pick<CallRecord, 'switch' | 'profile' | 'mode' | 'media'> {
  const { switchName, profile, mode = 'ai', leg } = session;
  return { switch: switchName, profile, mode, media: leg === null ? null : mediaFigures(session) };
}

function mediaFigures(session: SessionSnapshot): NonNullable<CallRecord['media']> {
  const echoDelayMs = session.echoDelayMs ?? null;
  return {
    captured_frames: session.capturedFrames,
    sent_frames: session.sentFrames,
    lost_frames: session.lostFrames,
    remote_lost: notBelowZero(session.remoteLostFrames ?? null),
    jitter_ms: tenth(session.jitterMs),
    buffer_ms: tenth(Math.max(0, session.bufferMs ?? 0)),
    buffer_target_ms: tenth(session.bufferTargetMs ?? 0),
    concealed_ms: tenth(session.concealedMs ?? 0),
    scaled_ms: tenth(session.scaledMs ?? 0),
    clock_drift_ppm: clockDriftPpm(session),
    rtt_ms: session.rttMs === undefined || session.rttMs === null ? null : tenth(session.rttMs),
    ticks: session.ticks,
    late_ticks: session.lateTicks,
    speaking_ticks: session.speakingTicks,
    underrun_ticks: session.underrunTicks,
    overflows: session.overflows,
    dropped_to_backend: session.droppedToBackend ?? 0,
    silent_ms: session.lastFrameAgeMs === null ? null : tenth(session.lastFrameAgeMs),
    caller_dbov: tenth(session.captureLevelDbov),
    agent_dbov: tenth(session.renderLevelDbov),
    echo_delay_ms: echoDelayMs === null ? null : tenth(echoDelayMs),
    erle_db: echoDelayMs === null ? null : tenth(session.erleDb ?? 0),
    reconnects: session.reconnects,
  };
}

/** Who sends faster than we take is cut, who sends slower is repeated; a jitter buffer that moves looks alike, so a short call says nothing. */
function clockDriftPpm({ driftMs = 0, uptimeMs, capturedFrames }: SessionSnapshot): number | null {
  return capturedFrames === 0 || uptimeMs < LIMITS.recordDriftMs ? null : Math.round((driftMs / uptimeMs) * 1e6);
}

function notBelowZero(value: number | null): number | null {
  return value === null ? null : Math.max(0, Math.round(value));
}

function tenth(value: number): number {
  return Number(value.toFixed(1));
}

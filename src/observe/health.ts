/**
 * How a call is, as operators read it: `uuid_audio_stream <uuid> health` and `global_health`. The JSON field names are
 * an API (docs/health.md); this file is the only place that spells them.
 */
import type { CallState, TurnState } from '../core/events.ts';
import type { AudioFormat, MediaFormat } from '../core/media.ts';

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
  readonly lostFrames: number;
  readonly jitterMs: number;
  /** Ticks run, and of those the ones that started more than half a ptime late. */
  readonly ticks: number;
  readonly lateTicks: number;
  readonly sentFrames: number;
  readonly playoutBytes: number;
  readonly playoutCapacityBytes: number;
  readonly playoutMs: number;
  /** Ticks in which the agent was speaking and nothing was there to say. */
  readonly underrunTicks: number;
  readonly speakingTicks: number;
  readonly overflows: number;
  readonly turns: number;
  readonly bargeIns: number;
  readonly reconnects: number;
  readonly captureLevelDbov: number;
  readonly renderLevelDbov: number;
  readonly responseLatencyMs: readonly number[];
}

/** A session in good order, to be spoilt by a test. */
import type { SessionSnapshot } from '../../src/observe/health.ts';

const GOOD: SessionSnapshot = {
  callId: '5f1e0f3c-0000-4000-8000-000000000001',
  switchName: 'local',
  profile: 'reception',
  state: 'talking',
  turn: 'agent-speaking',
  uptimeMs: 12_345.6,
  transport: 'unicast',
  leg: { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 },
  backendInput: { codec: 'pcmu', sampleRateHz: 8000 },
  backendOutput: { codec: 'l16', sampleRateHz: 24000 },
  passThrough: false,
  backend: 'openai',
  backendConnected: true,
  capturedFrames: 600,
  expectsFrames: true,
  lastFrameAgeMs: 12.3456,
  lostFrames: 2,
  jitterMs: 1.234,
  bufferMs: 22.25,
  bufferTargetMs: 3.6,
  scaledMs: 20.125,
  concealedMs: 40,
  ticks: 1000,
  lateTicks: 10,
  sentFrames: 610,
  playoutBytes: 4_800,
  playoutCapacityBytes: 48_000,
  playoutMs: 100,
  underrunTicks: 5,
  speakingTicks: 100,
  overflows: 0,
  turns: 3,
  bargeIns: 1,
  reconnects: 0,
  captureLevelDbov: -32.19,
  renderLevelDbov: -127,
  responseLatencyMs: [812.4, 640.6],
};

export function session(changes: Partial<SessionSnapshot> = {}): SessionSnapshot {
  return { ...GOOD, ...changes };
}

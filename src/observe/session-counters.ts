/** What sessions count of themselves, added up once however often it is read, and gauges over all that talk. */
import type { Gauge } from 'prom-client';
import type { SessionSnapshot } from './health.ts';
import type { MetricSet } from './metric-set.ts';

/** Counters of a call that were already added up. */
interface Counted {
  readonly capturedFrames: number;
  readonly sentFrames: number;
  readonly lostFrames: number;
  readonly remoteLost: number;
  readonly ticks: number;
  readonly lateTicks: number;
  readonly tickMs: number;
  readonly speechTicks: number;
  readonly speakingTicks: number;
  readonly underrunTicks: number;
  readonly droppedToBackend: number;
  readonly spokenTexts: number;
  readonly cachedTexts: number;
  readonly scaledMs: number;
  readonly concealedMs: number;
}

/** Level below which nobody is heard, dBov. */
const HEARD_DBOV = -60;

/** Adds sessions up into the counters of a metric set. */
export class SessionCounters {
  readonly #metrics: MetricSet;
  readonly #backendLabel: (backend: string) => string;
  readonly #counted = new Map<string, Counted>();

  constructor(metrics: MetricSet, backendLabel: (backend: string) => string) {
    this.#metrics = metrics;
    this.#backendLabel = backendLabel;
  }

  /** Adds what `session` has counted since it was last seen. */
  add(session: SessionSnapshot): void {
    const metrics = this.#metrics;
    const now = countedOf(session);
    const before = this.#counted.get(session.callId);
    // A counter that went back belongs to a new call on the same channel.
    const since = (key: keyof Counted): number => {
      const counted = before?.[key] ?? 0;
      return now[key] < counted ? now[key] : now[key] - counted;
    };
    const backend = this.#backendLabel(session.backend);
    metrics.frames.inc({ direction: 'received' }, since('capturedFrames'));
    metrics.frames.inc({ direction: 'sent' }, since('sentFrames'));
    metrics.frames.inc({ direction: 'lost' }, since('lostFrames'));
    metrics.remoteLost.inc(since('remoteLost'));
    metrics.madeUpSeconds.inc({ how: 'scaled' }, since('scaledMs') / 1000);
    metrics.madeUpSeconds.inc({ how: 'concealed' }, since('concealedMs') / 1000);
    metrics.ticks.inc(since('ticks'));
    metrics.lateTicks.inc(since('lateTicks'));
    metrics.tickSeconds.inc(since('tickMs') / 1000);
    metrics.speechTicks.inc(since('speechTicks'));
    metrics.speakingTicks.inc(since('speakingTicks'));
    metrics.underrunTicks.inc(since('underrunTicks'));
    metrics.backendDroppedFrames.inc({ backend }, since('droppedToBackend'));
    const cached = since('cachedTexts');
    metrics.ttsTexts.inc({ cached: 'true' }, cached);
    metrics.ttsTexts.inc({ cached: 'false' }, Math.max(0, since('spokenTexts') - cached));
    this.#counted.set(session.callId, now);
  }

  /** Keeps nothing of a session that is over. */
  forget(callId: string): void {
    this.#counted.delete(callId);
  }

  /** `sessions` are all there are: adds each up, forgets the rest, and sets the gauges over them. */
  sample(sessions: readonly SessionSnapshot[]): void {
    const live = new Set(sessions.map(({ callId }) => callId));
    for (const callId of this.#counted.keys()) if (!live.has(callId)) this.#counted.delete(callId);
    for (const session of sessions) this.add(session);
    this.#gauges(sessions);
  }

  #gauges(sessions: readonly SessionSnapshot[]): void {
    const metrics = this.#metrics;
    metrics.sessions.set(sessions.length);
    metrics.playoutSeconds.set(sum(sessions.map(({ playoutMs }) => playoutMs)) / 1000);
    metrics.ttsQueue.set(sum(sessions.map(({ playoutPhrases = 0 }) => playoutPhrases)));
    metrics.backendSessions.reset();
    for (const { backend, backendConnected } of sessions) {
      if (backendConnected) metrics.backendSessions.inc({ backend: this.#backendLabel(backend) });
    }
    const talking = sessions.filter(({ state }) => state === 'talking');
    spread(
      metrics.jitter,
      talking.map(({ jitterMs }) => jitterMs),
    );
    spread(
      metrics.buffer,
      talking.map(({ bufferMs = 0 }) => Math.max(0, bufferMs)),
    );
    spread(
      metrics.roundTrip,
      talking.flatMap(({ rttMs }) => (typeof rttMs === 'number' ? [rttMs] : [])),
    );
    level(
      metrics.level,
      'caller',
      talking.map(({ captureLevelDbov }) => captureLevelDbov),
    );
    level(
      metrics.level,
      'agent',
      talking.map(({ renderLevelDbov }) => renderLevelDbov),
    );
  }
}

function countedOf(session: SessionSnapshot): Counted {
  const { capturedFrames, sentFrames, lostFrames, ticks, lateTicks, tickMs = 0, speechTicks = 0 } = session;
  const { speakingTicks, underrunTicks, spokenTexts = 0, cachedTexts = 0 } = session;
  const { droppedToBackend = 0, scaledMs = 0, concealedMs = 0 } = session;
  const remoteLost = Math.max(0, session.remoteLostFrames ?? 0);
  const frames = { capturedFrames, sentFrames, lostFrames, remoteLost, droppedToBackend };
  const inTicks = { ticks, lateTicks, tickMs, speechTicks, speakingTicks, underrunTicks };
  return { ...frames, ...inTicks, spokenTexts, cachedTexts, scaledMs, concealedMs };
}

/** Mean and largest of times in ms; none while there are none. */
function spread(gauge: Gauge<'of'>, timesMs: readonly number[]): void {
  gauge.reset();
  if (timesMs.length === 0) return;
  gauge.set({ of: 'mean' }, sum(timesMs) / timesMs.length / 1000);
  gauge.set({ of: 'max' }, Math.max(...timesMs) / 1000);
}

function level(gauge: Gauge<'side'>, side: string, levelsDbov: readonly number[]): void {
  const heard = levelsDbov.filter((each) => each > HEARD_DBOV);
  if (heard.length > 0) gauge.set({ side }, sum(heard) / heard.length);
  else gauge.remove({ side });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

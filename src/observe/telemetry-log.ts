/**
 * One line for every call every 10 s that says how its media is doing: what came and went since the last one, and what
 * stands now. A call in trouble says so at `info` at once; one that is well is at `info` once a minute, else at `debug`.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import type { SessionSnapshot } from './health.ts';
import type { LogSink } from './log-sink.ts';

/** What summaries are made from. */
export interface TelemetryLogOptions {
  readonly clock: Clock;
  readonly log: Pick<LogSink, 'note' | 'wants'>;
  /** Every call at present. */
  sessions(): readonly SessionSnapshot[];
}

/** Counters that a summary tells the growth of. */
interface Counters {
  readonly received: number;
  readonly sent: number;
  readonly lost: number;
  readonly underrunTicks: number;
  readonly lateTicks: number;
  readonly overflows: number;
  readonly speechTicks: number;
  readonly ticks: number;
}

interface Followed extends Counters {
  /** Summaries of this call that were at `debug` since the last one at `info`. */
  readonly quiet: number;
  readonly troubles: number;
}

/** More loss than this in 10 s is trouble, %; a voice codec conceals less. */
const TROUBLE_LOSS_PCT = 2;
/** Late ticks, %, as in health. */
const TROUBLE_LATE_PCT = 1;
const TROUBLES_AT_INFO = 3;

/** Writes the summaries until it is stopped. */
export class TelemetryLog {
  readonly #options: TelemetryLogOptions;
  readonly #timer: Timer;
  #followed = new Map<string, Followed>();

  constructor(options: TelemetryLogOptions) {
    this.#options = options;
    this.#timer = options.clock.every(LIMITS.logTelemetryMs, () => this.#tell());
  }

  /** Twice is harmless. */
  stop(): void {
    this.#timer.cancel();
  }

  #tell(): void {
    if (!this.#options.log.wants('info')) return;
    const followed = new Map<string, Followed>();
    for (const session of this.#options.sessions()) {
      if (session.state !== 'talking') continue;
      followed.set(session.callId, this.#tellOf(session, this.#followed.get(session.callId)));
    }
    // Whoever is no longer there is forgotten.
    this.#followed = followed;
  }

  #tellOf(session: SessionSnapshot, before: Followed | undefined): Followed {
    const now = countersOf(session);
    // A counter that went back belongs to a new call on the same channel.
    const known = before !== undefined && now.ticks >= before.ticks ? before : NOTHING;
    const since = (key: keyof Counters): number => now[key] - known[key];
    const frames = since('received') + since('lost');
    const trouble =
      pct(since('lost'), frames) > TROUBLE_LOSS_PCT ||
      pct(since('lateTicks'), since('ticks')) > TROUBLE_LATE_PCT ||
      since('underrunTicks') > 0 ||
      since('overflows') > 0;
    const troubles = trouble ? known.troubles + 1 : 0;
    // A call that stays in trouble has said so.
    const due = known.quiet + 1 >= LIMITS.logTelemetryQuiet;
    const atInfo = due || (trouble && troubles <= TROUBLES_AT_INFO);
    const latencyMs = session.responseLatencyMs.at(-1);
    this.#options.log.note(
      atInfo ? 'info' : 'debug',
      'media of the call',
      {
        rx: since('received'),
        tx: since('sent'),
        loss: pct(since('lost'), frames),
        jitter: Math.round(session.jitterMs),
        buffer: Math.round(Math.max(0, session.bufferMs ?? 0)),
        in: Math.round(session.captureLevelDbov),
        out: Math.round(session.renderLevelDbov),
        vad: pct(since('speechTicks'), since('ticks')),
        ...(latencyMs === undefined ? {} : { latency: Math.round(latencyMs) }),
        underrun: since('underrunTicks'),
        late: since('lateTicks'),
      },
      { component: 'CAPTURE', operation: 'telemetry', outcome: trouble ? 'degraded' : 'ok', callId: session.callId },
    );
    return { ...now, quiet: atInfo ? 0 : known.quiet + 1, troubles };
  }
}

const NOTHING: Followed = {
  received: 0,
  sent: 0,
  lost: 0,
  underrunTicks: 0,
  lateTicks: 0,
  overflows: 0,
  speechTicks: 0,
  ticks: 0,
  quiet: LIMITS.logTelemetryQuiet,
  troubles: 0,
};

function countersOf(session: SessionSnapshot): Counters {
  return {
    received: session.capturedFrames,
    sent: session.sentFrames,
    lost: session.lostFrames,
    underrunTicks: session.underrunTicks,
    lateTicks: session.lateTicks,
    overflows: session.overflows,
    speechTicks: session.speechTicks ?? 0,
    ticks: session.ticks,
  };
}

/** One decimal; 0 of nothing. */
function pct(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.round((1000 * part) / whole) / 10;
}

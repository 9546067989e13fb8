/** The slow tick of a call: what is overdue, dry, silent or too long. */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { CallEvent, EndReason } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import type { CallMedia } from './call-media.ts';
import { CallWatchdogs } from './call-watchdogs.ts';
import type { CallWatchdogParts } from './call-watchdogs.ts';
import { OverflowWatch } from './overflow-watch.ts';
import type { SessionOptions } from './session-options.ts';
import type { WatchdogOptions } from './watch-options.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** What is watched, and who is told. */
export interface SupervisionParts {
  readonly clock: Clock;
  readonly media: CallMedia;
  readonly turns: TurnKeeper;
  /** When the call began, in the clock's ms. */
  readonly createdMs: number;
  readonly options: Pick<SessionOptions, 'maxDurationMs' | 'staleMs' | 'underrunReportMs'>;
  readonly watchdogs: WatchdogOptions;
  /** What `CallWatchdogs` is given besides. */
  readonly watch: Pick<CallWatchdogParts, 'engine' | 'speechWaitMs' | 'act'> & { unspoken(): number };
  /** How late the process's event loop is, ms. Absent: nobody knows. */
  readonly hostLagMs?: () => number;
  readonly talking: () => boolean;
  emit(event: CallEvent): void;
  over(end: { reason: EndReason; error?: TalkspurtError }, stop?: { hangup: boolean }): void;
}

const SUPERVISE_MS = 100;
/** A look that comes so long after the one before, ms, finds a process that stood still. */
const STOOD_STILL_MS = 500;
/** Somebody does something, on either side or at the controls; not what a call tells of itself, nor what ever repeats a failure. */
const SIGNS_OF_LIFE: ReadonlySet<CallEvent['type']> = new Set([
  'speech.started',
  'speech.stopped',
  'transcript',
  'dtmf',
  'tool.call',
  'backend.message',
  'backend.switched',
  'order',
  'transfer',
  'recording',
]);

/** Watches one call until it is stopped. */
export class Supervision {
  readonly #parts: SupervisionParts;
  readonly #timer: Timer;
  readonly #overflow: OverflowWatch;
  readonly #dogs: CallWatchdogs;
  readonly #sinceMs: number;
  /** When somebody was last heard, spoken to or seen to do something. */
  #aliveMs: number;
  #stallReported = false;
  #lookedMs: number;
  #stoodStill = false;
  /** When the far end last needed not send. */
  #excusedMs = Number.NEGATIVE_INFINITY;
  #underrunsReported = 0;
  #underrunReportedMs = Number.NEGATIVE_INFINITY;
  /** When a call that is to end as soon as it is quiet ends all the same; NaN: it is not to end. */
  #quietUntilMs = Number.NaN;

  constructor(parts: SupervisionParts) {
    this.#parts = parts;
    this.#sinceMs = parts.clock.nowMs();
    this.#aliveMs = this.#sinceMs;
    this.#lookedMs = this.#sinceMs;
    this.#overflow = new OverflowWatch({ ...parts, lookMs: SUPERVISE_MS });
    this.#dogs = new CallWatchdogs({ ...parts, ...parts.watch, options: parts.watchdogs });
    this.#timer = parts.clock.every(SUPERVISE_MS, () => this.#look());
  }

  /** Whether audio of the call overflows so much that what waits is dropped. */
  get storming(): boolean {
    return this.#overflow.storming;
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** Something happened to the call. */
  onEvent({ type }: Pick<CallEvent, 'type'>): void {
    if (SIGNS_OF_LIFE.has(type)) this.#aliveMs = this.#parts.clock.nowMs();
  }

  /** Ends the call when the agent has said what it has to say, or after `LIMITS.gracefulShutdownMs`. */
  stopWhenQuiet(): void {
    if (!Number.isNaN(this.#quietUntilMs)) return;
    this.#quietUntilMs = this.#parts.clock.nowMs() + LIMITS.gracefulShutdownMs;
  }

  #look(): void {
    const { clock, media, turns, createdMs, options, watchdogs, talking } = this.#parts;
    const { maxDurationMs, underrunReportMs } = options;
    const nowMs = clock.nowMs();
    if (this.#tooEarly(nowMs)) return;
    if (maxDurationMs > 0 && nowMs - createdMs > maxDurationMs) {
      this.#dogs.expired('session', nowMs - createdMs, maxDurationMs);
      // Who cannot be told, because nobody is on the line, is not.
      if (watchdogs.session.action === 'end' || !talking()) this.#parts.over({ reason: 'expired' }, { hangup: true });
      return;
    }
    // A caller whom no backend hears yet keeps nothing alive: a backend may never come.
    if (!talking()) {
      this.#endStale(nowMs);
      return;
    }
    const quiet = !media.playout.busy && !media.announcement.busy;
    if (
      nowMs >= this.#quietUntilMs ||
      (quiet && !Number.isNaN(this.#quietUntilMs) && this.#parts.watch.unspoken() === 0)
    ) {
      this.#parts.over({ reason: 'stopped' });
      return;
    }
    if (!quiet || media.lastFrameMs > this.#aliveMs) this.#aliveMs = nowMs;
    if (this.#endStale(nowMs)) return;
    turns.expire(nowMs);
    turns.reportPlayed();
    this.#overflow.look(nowMs);
    const dryTicks = media.underrunTicks - this.#underrunsReported;
    if (dryTicks > 0 && nowMs - this.#underrunReportedMs >= underrunReportMs) {
      this.#parts.emit({ type: 'media.underrun', missingMs: dryTicks * media.ptimeMs });
      this.#underrunsReported = media.underrunTicks;
      this.#underrunReportedMs = nowMs;
    }
    const silentMs = nowMs - this.#lastHeardMs();
    // Whoever says that silence follows need not send; only in the end it counts as gone.
    const announced = media.silenceFollows;
    this.#dogs.look(nowMs, announced ? 0 : Math.max(silentMs, this.#neverHeardMs(nowMs)));
    if (silentMs > LIMITS.mediaStalledMs && !this.#stallReported && !announced)
      this.#parts.emit({ type: 'media.stalled', silentMs });
    // Twice in a row: after the process stood still the packets that waited must be heard first.
    if (this.#stallReported && silentMs > LIMITS.mediaLostMs) {
      const message = `no audio came from the switch for ${LIMITS.mediaLostMs / 1000} s: is it still there?`;
      this.#parts.over({ reason: 'media-failed', error: new TalkspurtError('ERR_TALKSPURT_MEDIA_STALLED', message) });
    }
    this.#stallReported = silentMs > LIMITS.mediaStalledMs;
  }

  /** After the process stood still, what waited in the sockets is heard before anybody's silence is judged: at the next look. */
  #tooEarly(nowMs: number): boolean {
    const passedMs = nowMs - this.#lookedMs;
    // A look that a platform makes up for.
    if (this.#stoodStill && passedMs < SUPERVISE_MS / 2) return true;
    this.#lookedMs = nowMs;
    this.#stoodStill = !this.#stoodStill && passedMs > STOOD_STILL_MS;
    return this.#stoodStill;
  }

  /** True: nothing has happened for too long, and that was its end. */
  #endStale(nowMs: number): boolean {
    const { staleMs } = this.#parts.options;
    const stale = staleMs > 0 && nowMs - this.#aliveMs > staleMs;
    if (stale) this.#dogs.expired('stale', nowMs - this.#aliveMs, staleMs);
    if (stale) this.#parts.over({ reason: 'expired' }, { hangup: true });
    return stale;
  }

  /** For how long a far end that owes a frame has sent none at all: one-way audio, where silence alone says nothing. */
  #neverHeardMs(nowMs: number): number {
    const { transport, lastFrameMs } = this.#parts.media;
    return transport.owesFirstFrame === true && Number.isNaN(lastFrameMs) ? nowMs - this.#sinceMs : 0;
  }

  /** A far end that holds us, or has nothing to say and reports so, is there all the same. */
  #lastHeardMs(): number {
    const { clock, media } = this.#parts;
    const { expectsFrames = true, rtpStats } = media.transport;
    if (!expectsFrames) return (this.#excusedMs = clock.nowMs());
    const frameMs = Number.isNaN(media.lastFrameMs) ? this.#sinceMs : media.lastFrameMs;
    return Math.max(
      frameMs,
      this.#excusedMs,
      rtpStats === undefined || Number.isNaN(rtpStats.lastHeardMs) ? frameMs : rtpStats.lastHeardMs,
    );
  }
}

/**
 * The connection under a session of Gemini Live. One lasts about ten minutes, a call longer: when its end is announced (`goAway`) the
 * session moves to another one, by the handle that the server gave for it, at a moment in which neither side says anything.
 *
 *              goAway              quiet moment, or the last chance
 *     steady ─────────▶ leaving ──────────────────────────────────▶ moving ──▶ steady
 *                          └── the server was first, mid-answer ──▶ closed ◀──┘ nobody took it
 *
 * The old connection is closed before the new one is dialled: the service refuses a handle whose session is still connected. What
 * is to be said meanwhile is held and goes first. A handle stands for what was said until it came; while more has been said since,
 * the session stays where it is.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { AudioAppendMessage } from './audio-append.ts';
import type { StreamResumption } from './backend.ts';
import type { BackendSocketListener } from './backend-socket.ts';
import { geminiEnd, handleRefusal } from './gemini-fault.ts';
import { GeminiHeld } from './gemini-held.ts';
import { GEMINI_WIRE } from './gemini-message.ts';
import type { BackendSession } from './session-opening.ts';

/** What a link is made of. */
export interface GeminiLinkOptions {
  readonly backend: string;
  readonly clock: Clock;
  readonly session: BackendSession;
  /** Of the caller's audio. */
  readonly bytesPerMs: number;
  /** Of it that is usually sent at once. */
  readonly frameBytes: number;
  /** How closely a connection is watched; null: as every socket is. */
  readonly silentTimeoutMs: number | null;
  /** Where the session came from that goes on here; null: nowhere. */
  readonly resumption: StreamResumption | null;
  /** Opens the session anew, by its handle. @throws as `Backend.open` */
  readonly reopen: (handle: string, signal: AbortSignal) => Promise<BackendSession>;
  /** Where the record of the conversation ends now. */
  readonly mark: () => number;
  readonly talk: GeminiTalk;
}

/** What a link asks and tells whoever talks over it. */
export interface GeminiTalk {
  onMessage(data: Buffer): void;
  /** The link is over; null: in good order. At most once, and never after `close`. */
  onClosed(error: TalkspurtError | null): void;
  /** The connection ends in that time, and nothing can be done about it. */
  onExpiring(inMs: number): void;
  /** What is gathered of the caller's audio goes out now. */
  flush(): void;
  /** Nothing is under way or due on either side. */
  readonly quiet: boolean;
  /** The model's turn is under way. */
  readonly answering: boolean;
  readonly answerDue: boolean;
  /** The mark that a turn of the caller's began with which is under way; null: there is none, or nobody marks them. */
  readonly turnMark: string | null;
}

type LinkState = 'steady' | 'leaving' | 'moving' | 'closed';

/** One stream's; see the top of the file. */
export class GeminiLink implements BackendSocketListener {
  readonly #options: GeminiLinkOptions;
  readonly #append: AudioAppendMessage;
  /** While it moves: what is to be said. While it is about to: what of the caller's turn the handle does not stand for. */
  readonly #held: GeminiHeld;
  readonly #stop = new AbortController();
  #session: BackendSession;
  #state: LinkState = 'steady';
  #handle: string;
  #mark: number;
  /** Nothing was said that the handle does not stand for. */
  #fresh: boolean;
  #silentMs = 0;
  /** The caller may have said something that is to be answered yet: Gemini does not say that it has heard the end of a turn. */
  #unanswered = false;
  #leaveByMs = Number.POSITIVE_INFINITY;
  #lastChance: Timer | null = null;
  #moves = 0;
  #movedMs = Number.NEGATIVE_INFINITY;
  #dropped = 0;

  constructor(options: GeminiLinkOptions) {
    this.#options = options;
    this.#session = options.session;
    this.#append = new AudioAppendMessage(options.frameBytes, GEMINI_WIRE);
    this.#held = new GeminiHeld(options.bytesPerMs);
    this.#handle = options.resumption?.handle ?? '';
    this.#mark = options.resumption?.mark ?? 0;
    // It was told what had been said since.
    this.#fresh = false;
  }

  /** How often the session has moved. */
  get moves(): number {
    return this.#moves;
  }

  /** Entries of caller audio that did not fit while it moved. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What another stream can go on with; null: nothing. */
  get resumption(): StreamResumption | null {
    return this.#handle === '' ? null : { handle: this.#handle, mark: this.#mark };
  }

  /** Caller audio that waits, ms; nothing is added on the socket before it has gone. */
  letDrain(): number {
    const { socket } = this.#session;
    if (this.#state !== 'moving') socket.letDrain();
    // As base64 it is a third longer than it is.
    const waiting = this.#state === 'moving' ? this.#held.audioBytes : socket.bufferedBytes * 0.75;
    return Math.round(waiting / this.#options.bytesPerMs);
  }

  /** From now on messages are handed on. */
  begin(): void {
    this.#watch();
    this.#session.handOver(this);
  }

  /** Caller audio as one message; borrowed. False: it was dropped. Hot path. */
  sendAudio(audio: Uint8Array): boolean {
    if (this.#state === 'closed') return false;
    if (this.#state !== 'steady') {
      const gone = this.#held.pushAudio(audio);
      // Of what is sent besides nothing is lost.
      if (this.#state === 'moving') this.#dropped += gone;
    }
    return this.#state === 'moving' || this.#session.socket.sendDroppable(this.#append.build(audio));
  }

  /** A message that must arrive. `ofTurn`: it belongs to the caller's turn as its audio does. */
  send(json: string, ofTurn = false): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'moving') {
      if (!this.#held.pushMessage(json)) this.#lost(tooMuch(this.#options.backend));
    } else {
      if (this.#state === 'leaving' && ofTurn) this.#held.pushMessage(json);
      this.#session.socket.send(json);
    }
    if (!ofTurn) this.touched();
  }

  /** Nobody was heard for `silentMs`. Hot path. */
  heard(silentMs: number): void {
    this.#silentMs = silentMs;
    if (silentMs === 0) this.#unanswered = true;
    else if (silentMs >= FORGOTTEN_MS) this.#unanswered = false;
    if (this.#state !== 'leaving') return;
    if (silentMs >= FORGOTTEN_MS) this.#holdAnew();
    this.consider();
  }

  /** Something was said that the handle does not stand for. `answered`: it answers what the caller has said. */
  touched(answered = false): void {
    this.#fresh = false;
    if (!answered) return;
    this.#unanswered = false;
    if (this.#state === 'leaving') this.#holdAnew();
  }

  /** The server has named the session; empty: it cannot go on elsewhere now. */
  named(handle: string): void {
    this.#fresh = handle !== '';
    if (handle === '') return;
    this.#handle = handle;
    this.#mark = this.#options.mark();
  }

  /** The connection ends in `inMs`. */
  goAway(inMs: number): void {
    const { clock, talk } = this.#options;
    const leaveByMs = clock.nowMs() + inMs;
    if (this.#state === 'closed' || this.#state === 'moving' || leaveByMs >= this.#leaveByMs) return;
    if (this.#state === 'steady') this.#holdAnew();
    this.#state = 'leaving';
    this.#leaveByMs = leaveByMs;
    this.#lastChance?.cancel();
    this.#lastChance = clock.after(inMs - LIMITS.geminiLastChanceMs, () => this.#leave());
    if (this.#handle === '') talk.onExpiring(inMs);
  }

  /** Whether this is the moment. To be asked whenever something has changed. */
  consider(): void {
    if (this.#state !== 'leaving' || this.#handle === '' || !this.#fresh) return;
    if (!this.#options.talk.quiet || this.#unanswered || this.#silentMs < LIMITS.geminiQuietMs) return;
    // Where every connection is about to end, as when a service is shut down, one after the other would be dialled.
    if (this.#options.clock.nowMs() - this.#movedMs < LIMITS.geminiSettledMs) return;
    this.#options.talk.flush();
    this.#held.clear();
    void this.#move();
  }

  /** Ends it with `error`, which is told. */
  fail(error: TalkspurtError): void {
    if (this.#state === 'moving') {
      this.#lost(error);
      return;
    }
    // It is not the connection that ends: another one would not help.
    if (this.#state === 'leaving') this.#state = 'steady';
    this.#session.socket.fail(error);
  }

  /** Ends in good order, and tells nothing. */
  close(): Promise<void> {
    this.#over();
    return this.#session.socket.close();
  }

  onMessage(data: Buffer): void {
    this.#options.talk.onMessage(data);
  }

  onClosed(error: TalkspurtError | null): void {
    if (this.#state === 'closed' || this.#state === 'moving') return;
    // It was first: what was said is in the handle, or is held.
    if (this.#state === 'leaving' && this.#canLeave) void this.#move();
    else this.#lost(error);
  }

  /** At the latest now: the caller may be speaking, and what was said of that turn is said again. */
  #leave(): void {
    if (this.#state !== 'leaving' || !this.#canLeave) return;
    this.#options.talk.flush();
    void this.#move();
  }

  /** From here on: what came before is in the handle, or is nothing that anybody waits for. */
  #holdAnew(): void {
    this.#held.clear();
    const mark = this.#options.talk.turnMark;
    if (mark !== null) this.#held.pushMessage(mark);
  }

  get #canLeave(): boolean {
    return this.#handle !== '' && this.#fresh && !this.#options.talk.answering;
  }

  /** Never rejects. */
  async #move(): Promise<void> {
    const { clock, reopen } = this.#options;
    this.#state = 'moving';
    this.#lastChance?.cancel();
    const untilMs = clock.nowMs() + LIMITS.geminiMoveMs;
    const { signal } = this.#stop;
    await this.#session.socket.close();
    for (;;) {
      try {
        signal.throwIfAborted();
        const session = await reopen(this.#handle, signal);
        if (signal.aborted) await session.socket.close();
        else this.#arrived(session);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const fault = asTalkspurtError(error);
        const refusal = handleRefusal(fault);
        const over = !fault.retryable || clock.nowMs() + LIMITS.geminiMovePauseMs >= untilMs;
        if (refusal === 'for good' || over) {
          // Whoever seeks another stream does not wait for it any more.
          if (refusal !== 'none') this.#handle = '';
          this.#lost(fault);
          return;
        }
        await Promise.allSettled([delay(clock, LIMITS.geminiMovePauseMs, signal)]);
      }
    }
  }

  #arrived(session: BackendSession): void {
    this.#session = session;
    this.#state = 'steady';
    this.#leaveByMs = Number.POSITIVE_INFINITY;
    this.#moves += 1;
    this.#movedMs = this.#options.clock.nowMs();
    for (const entry of this.#held.take()) {
      if (typeof entry === 'string') this.send(entry, true);
      // Bounded already, and too much at once for what may be lost.
      else session.socket.send(this.#append.build(entry).toString('latin1'));
    }
    this.begin();
  }

  #lost(error: TalkspurtError | null): void {
    const announced = this.#state === 'leaving';
    this.#over();
    const { backend, talk } = this.#options;
    talk.onClosed(geminiEnd(error, { backend, place: 'session', announced }));
  }

  #watch(): void {
    const { silentTimeoutMs, talk } = this.#options;
    if (silentTimeoutMs !== null) this.#session.socket.watchClosely(silentTimeoutMs, () => talk.answerDue);
  }

  #over(): void {
    this.#state = 'closed';
    this.#lastChance?.cancel();
    this.#stop.abort(new DOMException('the stream is over', 'AbortError'));
    this.#held.clear();
  }
}

function tooMuch(backend: string): TalkspurtError {
  const message = `backend '${backend}' takes too long to move to another connection: too much waits to be sent`;
  return new TalkspurtError('ERR_TALKSPURT_BACKEND_OVERFLOW', message);
}

/** Silence after which the caller's turn before it is no turn that waits for its answer, ms. */
const FORGOTTEN_MS = 5_000;

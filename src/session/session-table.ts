/** Calls by the switch's id of the channel; bounded. */
import type { CallSummary } from '../commands/dispatch.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { Session } from './session.ts';

/** The calls of one gateway. */
export class SessionTable {
  readonly #limit: number;
  readonly #sessions = new Map<string, Session>();

  /** `limit`: most calls at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get limit(): number {
    return this.#limit;
  }

  get(callId: string): Session | undefined {
    return this.#sessions.get(callId);
  }

  /** Every call, oldest first. */
  all(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** The same, as operators are shown them. */
  summaries(): CallSummary[] {
    return [...this.all()].map((session) => {
      const { callId: uuid, switchName, profile, state, uptimeMs } = session.snapshot();
      return { uuid, switchName, profile, state, uptimeMs };
    });
  }

  /** @throws ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_CALL_LIMIT */
  add(session: Session): void {
    if (this.#sessions.has(session.callId)) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call already has a voice: stop it first');
    }
    if (this.#sessions.size >= this.#limit) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_CALL_LIMIT',
        `all ${this.#limit} calls are in use: raise limits.calls, or try later`,
      );
    }
    this.#sessions.set(session.callId, session);
  }

  /** Twice is harmless; another session under the same id stays. */
  remove(session: Session): void {
    if (this.#sessions.get(session.callId) === session) this.#sessions.delete(session.callId);
  }
}

/**
 * Which response is under way, and which may begin. The server allows one at a time, so a request for another waits.
 *
 *      want()             created()                done()
 *     ┌──────┐ create ┌───────────┐ created ┌────────┐
 *     │ idle │ ─────▶ │ requested │ ──────▶ │ active │ ─▶ idle, or requested again where one was wanted meanwhile
 *     └──────┘        └───────────┘         └────────┘
 *         └──────────────── created (the server's own turn) ──▶ active
 */
export type ResponseState = 'idle' | 'requested' | 'active';

/** A `response.create` to send. */
export interface ResponseRequest {
  readonly instructions?: string;
}

/** A `response.cancel` to send; `responseId` is null while the server has not named the response yet. */
export interface ResponseCancel {
  readonly responseId: string | null;
}

/** Responses of the past whose stragglers are still known as cancelled. */
const REMEMBERED = 16;

/** The responses of one conversation; see the top of the file. */
export class ResponseTracker {
  #state: ResponseState = 'idle';
  #activeId: string | null = null;
  #wanted: ResponseRequest | null = null;
  #requested: ResponseRequest | null = null;
  #cancelWhenCreated = false;
  readonly #cancelled: string[] = [];

  get state(): ResponseState {
    return this.#state;
  }

  /** The response under way, null where there is none. */
  get activeId(): string | null {
    return this.#activeId;
  }

  /** Whether one was asked for, or is under way, that nobody has called off. */
  get awaited(): boolean {
    if (this.#activeId !== null) return !this.isCancelled(this.#activeId);
    return this.#state !== 'idle' && !this.#cancelWhenCreated;
  }

  /** Whether what belongs to this response is to be dropped. */
  isCancelled(responseId: string): boolean {
    return this.#cancelled.includes(responseId);
  }

  /** Asks for a response: returns the request to send now, or null when it has to wait for the one under way. */
  want(request: ResponseRequest): ResponseRequest | null {
    this.#wanted = { ...this.#wanted, ...request };
    return this.#next();
  }

  /** The server began a response. */
  created(responseId: string): void {
    if (this.#cancelWhenCreated) this.#remember(responseId);
    this.#cancelWhenCreated = false;
    this.#state = 'active';
    this.#activeId = responseId;
  }

  /** The server ended a response: returns the request that waited for that, if any. */
  done(responseId: string): ResponseRequest | null {
    // The end of another one says nothing of the one under way.
    if (this.#activeId !== null && this.#activeId !== responseId) return null;
    if (this.#state === 'active') this.#idle();
    return this.#next();
  }

  /**
   * The server refused our request because a response is active: it is asked for again after that one. Returns the
   * request to send now where that one has ended meanwhile.
   */
  refusedAsActive(): ResponseRequest | null {
    if (this.#state === 'idle') return this.want({});
    this.#wanted = { ...this.#requested, ...this.#wanted };
    this.#requested = null;
    // Its `response.created` is still to come: asking before it is done would only be refused again.
    if (this.#state === 'requested') this.#idle();
    return null;
  }

  /** The server refused our request for another reason. */
  refused(): ResponseRequest | null {
    if (this.#state !== 'requested') return null;
    this.#idle();
    return this.#next();
  }

  /** Barge-in: what is under way is cancelled, and what waits is forgotten; null when nothing is under way. */
  cancel(): ResponseCancel | null {
    this.#wanted = null;
    if (this.#state === 'idle') return null;
    if (this.#activeId === null) {
      if (this.#cancelWhenCreated) return null;
      this.#cancelWhenCreated = true;
      return { responseId: null };
    }
    if (this.isCancelled(this.#activeId)) return null;
    this.#remember(this.#activeId);
    return { responseId: this.#activeId };
  }

  /** Gives up what is under way: the server has gone quiet on it. */
  abandon(): void {
    if (this.#activeId !== null && !this.isCancelled(this.#activeId)) this.#remember(this.#activeId);
    this.#wanted = null;
    this.#idle();
  }

  #next(): ResponseRequest | null {
    const wanted = this.#wanted;
    if (wanted === null || this.#state !== 'idle') return null;
    this.#wanted = null;
    this.#requested = wanted;
    this.#state = 'requested';
    return wanted;
  }

  #idle(): void {
    this.#state = 'idle';
    this.#activeId = null;
    this.#requested = null;
    this.#cancelWhenCreated = false;
  }

  #remember(responseId: string): void {
    this.#cancelled.push(responseId);
    if (this.#cancelled.length > REMEMBERED) this.#cancelled.shift();
  }
}

/** The answer that a call waits for, or is hearing: asked for, begun, and lost with the stream that was to give it. */

/** One call's; there is one at a time. */
export class PendingAnswer {
  #responseId: string | null = null;
  #requested = false;
  #toolPending = false;
  /** Something of the response that is under way has come. */
  #heard = false;
  #owed = false;
  #awaited = false;
  #due = false;

  /** The response that is under way, or null. */
  get responseId(): string | null {
    return this.#responseId;
  }

  /** One was asked for that has not begun, or is under way. */
  get expected(): boolean {
    return this.#responseId !== null || this.#requested;
  }

  /** Something was asked of the backend, and nothing that could be heard has come of it; however long ago that was. */
  get due(): boolean {
    return this.#due;
  }

  /** A stream was lost with an answer, or ahead of a function's result, and the caller has not spoken since: what it had ready is wanted. */
  get awaited(): boolean {
    return this.#awaited;
  }

  /** A function's result leads on. */
  get toolPending(): boolean {
    return this.#toolPending;
  }

  /** The caller has finished, or the application has given what it was asked for, and the backend knows. */
  owe(): void {
    this.#due = true;
  }

  request(): void {
    this.#due = true;
    this.#requested = true;
  }

  begin(responseId: string): void {
    this.#responseId = responseId;
    this.#requested = false;
    this.#toolPending = false;
    this.#heard = false;
  }

  audio(): void {
    this.#due = false;
    this.#heard = true;
  }

  toolCalled(): void {
    this.#toolPending = true;
    this.#due = false;
  }

  /** The one under way has ended; another may have been asked for. */
  end(): void {
    this.#due = false;
    this.#responseId = null;
  }

  /** All of it was called off. */
  forget(): void {
    this.#due = false;
    this.#responseId = null;
    this.#requested = false;
  }

  /** The stream is gone. `waiting`: the caller had finished; `midPhrase`: something of a phrase has not come; `speaking`: the caller is. */
  lose(waiting: boolean, midPhrase: boolean, speaking = false): void {
    const underWay = this.#responseId !== null && (!this.#heard || midPhrase);
    // A function's result brings its answer by itself.
    if (!this.#toolPending) this.#owed ||= waiting || this.#due || this.#requested || underWay;
    this.#awaited = !speaking && (this.#owed || this.#toolPending);
    this.forget();
  }

  /** The caller has spoken since: that is what is answered. */
  outspoken(): void {
    this.#due = false;
    this.waive();
  }

  /** What was lost is not wanted any more, by order. */
  waive(): void {
    this.#owed = false;
    this.#awaited = false;
  }

  /** Whether something was lost that will not come by itself; asked once. */
  takeOwed(): boolean {
    const owed = this.#owed;
    this.waive();
    return owed;
  }
}

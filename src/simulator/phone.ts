/** The far end of a simulated channel: a mouth and an ear. */
export interface SimulatedPhone {
  /**
   * Fills `frame` (16-bit samples at `sampleRateHz`, one ptime) with what the phone says in this ptime; what it does
   * not write stays silent. Returns false when the phone sends nothing at all (no RTP), so that the switch notices.
   */
  speak(frame: Int16Array, sampleRateHz: number): boolean;
  /** One ptime of what the phone hears; borrowed. Null: the switch sent nothing in this ptime. */
  hear(frame: Int16Array | null, sampleRateHz: number): void;
  /** Digits pressed since the last call, in order; the switch reports them. */
  takeDigits(): string;
  /** The switch sends it digits: `12`, or `12@100` with a length in ms. A phone that does not care leaves it out. */
  playDigits?(digits: string): void;
  /** The switch holds the call, or takes it up again. */
  hold?(held: boolean): void;
  /** True once the phone wants to hang up. */
  readonly hungUp: boolean;
  /** Why, as a Q.850 number. Default: normal clearing, or the caller's own change of mind while it rings. */
  readonly leavesWith?: number | null;
  /** Its channel is answered. */
  onAnswer?(): void;
  /** The switch ended the call. */
  onHangup(hangupCause: number): void;
}

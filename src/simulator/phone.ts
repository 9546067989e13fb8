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
  /** True once the phone wants to hang up. */
  readonly hungUp: boolean;
  /** The switch ended the call. */
  onHangup(hangupCause: number): void;
}

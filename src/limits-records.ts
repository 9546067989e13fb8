/** Bounds of recordings, of call records and of the doctor; part of `LIMITS`. */
export const RECORD_LIMITS = {
  /** A recording's audio that waits for the disk, per call; beyond it frames of both sides are dropped and counted. */
  recordingRingMs: 5_000,
  /** A recording that lasts this long, unless the configuration says otherwise, or is this large (WAV readers stop at 2 GiB). */
  recordingMaximumMs: 4 * 3_600_000,
  recordingBytes: 2 * 1024 * 1024 * 1024 - 64 * 1024,
  /** What the simulated caller records of a call; the rest is left out. */
  recordingMs: 30 * 60_000,
  /** A shorter call says nothing of how clocks drift. */
  recordDriftMs: 60_000,
  /** Records that wait to be written; the oldest are lost, and counted, so that a full disk costs records, never calls. */
  recordQueueBytes: 8 * 1024 * 1024,
  /** One file of records; then another is begun. Whoever looks for a call reads a file as a whole. */
  recordFileBytes: 64 * 1024 * 1024,
  /** Then writing is tried again; and calls that are up are noted for the case that the process dies. */
  recordRetryMs: 5_000,
  recordCheckpointMs: 10_000,
  /** How often old records are looked for. */
  recordSweepMs: 3_600_000,
  /** Days without a record, and then a clock that says all before them is old: it may be the clock, and is believed after the process ran that long. */
  recordGapDays: 7,
  recordDoubtMs: 12 * 3_600_000,
  /** Frames that one call of the doctor keeps; a minute of the shortest. */
  doctorFrames: 6_000,
  /** One check of the doctor; what takes longer is told as not answering. A call of its own has longer. */
  doctorCheckMs: 10_000,
  doctorCallMs: 45_000,
  /** What is still to be written when the process ends has this long. */
  recordCloseMs: 2_000,
} as const;

/** Bounds of what a process can bear, and of audio that overflows; a part of `LIMITS`. */
export const HOST_LIMITS = {
  /** Period of the look at how late the event loop is; how many of them are kept, and how many the 99th percentile is of. */
  loopSampleMs: 50,
  loopSamples: 1_200,
  loopRecentSamples: 200,
  /** How long the place of a call that we dialled is kept for it after it was answered, ms; whose link was lost, also while it may ring. */
  dialledPlaceMs: 30_000,
  /** A single stop of the event loop is told at once, the next ones together after this, ms. */
  loopStopQuietMs: 60_000,
  /** Period of the look at what a process can bear, and how many of them late ticks are counted over. */
  hostLookMs: 1_000,
  hostLooks: 10,
  /** Fewer media ticks within that say nothing of how late they are. */
  hostLeastTicks: 250,
  /** Overflows of one place of a call in a second from which what waits there is dropped: it only grows stale. */
  overflowsPerSecond: 5,
  /** How long they go on until their cause is told, ms; and what their rate is counted over, in looks of 100 ms. */
  overflowPersistsMs: 30_000,
  overflowRateLooks: 20,
} as const;

/** Bounds of a session of Gemini Live. Part of `LIMITS`. */
export const GEMINI_LIMITS = {
  /** What describes a session of Gemini Live; a longer description is refused with ERR_TALKSPURT_CONFIG_INVALID. */
  geminiSetupBytes: 256 * 1024,
  /** Texts that wait for the end of its answer; the oldest is dropped and counted. */
  geminiWaitingTexts: 16,
  /** Words of one transcript of its, characters; what is beyond is left out of the whole. */
  geminiTranscriptCharacters: 65_536,
  /** What still comes of an answer that it broke off, without the word that this turn is over, ms; then it is another answer. */
  geminiStragglerMs: 2_000,
  /** Caller audio that is kept while a session moves to another connection, ms, and messages; the oldest goes, and is counted. */
  geminiHeldMs: 10_000,
  geminiHeldMessages: 64,
  /** How long a session may be without a connection when it moves; then the call looks for another stream. */
  geminiMoveMs: 8_000,
  /** Pause between two attempts of that. */
  geminiMovePauseMs: 250,
  /** For so long the service may take a lost connection for one that is there, and refuses its session's handle, ms. */
  geminiMissedMs: 1_000,
  /** How long a connection that it has moved to is kept though its end is announced at once, ms; or until the last chance. */
  geminiSettledMs: 2_000,
  /** Silence of the caller in which it moves. */
  geminiQuietMs: 500,
  /** How long before the announced end of a connection it moves though the caller speaks. */
  geminiLastChanceMs: 3_000,
  /** What is sent of the time before the caller's turn, where turns are ours, ms. */
  geminiPrerollMs: 500,
} as const;

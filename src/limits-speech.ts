/** Bounds of speech by sentence: texts of a backend spoken by an engine of its own. Part of `LIMITS`. */
export const SPEECH_LIMITS = {
  /** Longest sentence that is spoken at once, characters; a longer one is cut behind a clause, or at a blank. */
  ttsSentenceCharacters: 300,
  /** Sentences of a call that wait to be spoken, and their characters; one more is dropped with ERR_TALKSPURT_TTS_OVERFLOW. */
  ttsQueueSentences: 128,
  ttsQueueCharacters: 32 * 1024,
  /** Audio of one sentence; what is beyond is left out, and the sentence counts as failed. */
  ttsSentenceBytes: 4 * 1024 * 1024,
  /** From asking for a sentence to its first audio; then ERR_TALKSPURT_TTS_TIMEOUT. */
  ttsFirstAudioMs: 10_000,
  /** Between two pieces of its audio; then ERR_TALKSPURT_TTS_TIMEOUT. */
  ttsStallMs: 30_000,
  /** Failures in a row after which the fallback engine speaks, and after which nobody does until the cool-down is over. */
  ttsFallbackFailures: 3,
  ttsOffFailures: 5,
  ttsCoolDownMs: 30_000,
  /** While somebody tries whether an engine speaks again, others wait for what comes of it, so long at the most. */
  ttsProbeWaitMs: 3_000,
  /** Longest rest that an engine may ask for (`Retry-After`). */
  ttsRestMs: 600_000,
  /** Tries of one sentence, of all engines. */
  ttsAttempts: 5,
  /** …and for how long: after that the sentence has failed. */
  ttsTriesMs: 20_000,
  /** Conversion of a fallback's audio in one turn of the event loop, for all calls of a backend, ms; one slice may go beyond it. */
  ttsTurnMs: 1,
  /** Spoken sentences that are kept for the next time; the least recently used goes. */
  ttsCacheBytes: 32 * 1024 * 1024,
  /** Audio that is still to be heard when the next sentence but one is asked for, ms. */
  ttsLeadMs: 3_000,
  /** Answers of a call that wait to be spoken; and those whose text is remembered until it was heard: the oldest is taken as heard. */
  ttsAnswers: 32,
  /** Text of one answer, over an hour of speech; what comes then is dropped with ERR_TALKSPURT_TTS_OVERFLOW. */
  ttsAnswerCharacters: 64 * 1024,
} as const;

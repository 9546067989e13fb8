/** Bounds of the status server and its API; `limits.ts` puts them with the others. */
export const HTTP_LIMITS = {
  /** A request's body; a longer one is 413 and ends its connection. Bytes of a refused body that are still read: then it is cut. */
  httpBodyBytes: 32 * 1024,
  httpDiscardedBytes: 256 * 1024,
  /** Mappings and lists within each other in a body; a deeper one is 400. */
  httpBodyDepth: 64,
  /** Requests on one connection; the next one needs another. */
  httpSocketRequests: 1_000,
  /** Silence in both directions on a connection; then it is cut: it has stopped reading, or has gone. */
  httpIdleMs: 60_000,
  /** Client addresses whose rate is watched; the one that was seen last the longest ago is forgotten. */
  httpClients: 1_024,
  /** Requests that one address may send in one go before `status.requestsPerSecond` counts, as seconds of that rate. */
  httpBurstSeconds: 3,
  /** Wrong tokens of one address in one go; then one more every `httpWrongTokenMs`, and 429 before that, whatever the token. */
  httpWrongTokens: 10,
  httpWrongTokenMs: 5_000,
  /** Characters of a token, at least and at most; any other is refused by the configuration. */
  httpTokenCharacters: 16,
  httpTokenCharactersMaximum: 1_024,
  /** Event streams at once; one more is 503. */
  httpStreams: 16,
  /** Bytes that the reader of an event stream has not taken; beyond it the stream is cut and counted. */
  httpStreamBytes: 512 * 1024,
  /** A comment on a stream that has been silent for this long, so that proxies and idle time-outs leave it. */
  httpHeartbeatMs: 15_000,
  /** Period of the levels on event streams that asked for them: five times a second. */
  httpLevelsMs: 200,
  /** Calls on one page of `/api/calls`, unless it is asked for fewer, and at most. */
  httpPageCalls: 100,
  httpPageCallsMaximum: 500,
  /** Moments of a call's timeline that are kept for those who look later; the oldest goes. */
  httpTimelineMoments: 200,
} as const;

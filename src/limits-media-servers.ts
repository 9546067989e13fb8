/** Bounds of the servers and connections that a switch streams its media to: modules, AudioSocket, chan_websocket. Part of `LIMITS`. */
export const MEDIA_SERVER_LIMITS = {
  /** Connections of a switch's own WebSocket modules; one more is refused with status 503. */
  moduleConnections: 256,
  /** From a module's first byte to its upgrade; then it is cut off. Its request's header. */
  moduleHandshakeMs: 5_000,
  moduleHeaderBytes: 16 * 1024,
  /** One message of a module; a longer one ends its connection. */
  moduleMessageBytes: 256 * 1024,
  /** Messages of a module that nobody listens to yet; the oldest is dropped. */
  moduleEarlyMessages: 64,
  /** Bytes that a module has not read; frames beyond it are dropped and counted as unsent. */
  moduleBufferedBytes: 256 * 1024,
  /** From `start` to the module's connection, and from there to its first frame; then ERR_TALKSPURT_MODULE_SILENT. */
  moduleConnectMs: 3_000,
  moduleFirstFrameMs: 2_000,
  /** Goodbye of a module's connection; then it is cut off. */
  moduleCloseMs: 1_000,
  /** Agent audio that goes to a module as one file, ms and bytes: a `streamAudio` message stays below 8 KiB. */
  moduleBatchMs: 200,
  moduleBatchBytes: 5_760,
  /** Files that a module was sent and that have not been played; frames beyond it are dropped and counted as unsent. */
  moduleBatches: 32,
  /** From handing on a file to its being played; then it and those behind it are given up: ERR_TALKSPURT_MODULE_SILENT. */
  moduleBatchLateMs: 5_000,
  /** Silence after which what an agent said is taken to be over, and is not held back any longer, ms. */
  moduleTailMs: 200,
  /** Marks that a module has not answered (it takes 30), and how long one may be late: then it is not asked any more. */
  moduleMarks: 30,
  moduleMarkEveryMs: 100,
  moduleMarkLateMs: 5_000,
  /** Connections to one media server that have not said which call they are; the oldest goes, counted as `quota`… */
  mediaStrangers: 64,
  /** …unless it came a moment ago (what it said may not be read yet), and there are not as many as this. */
  mediaStrangerGraceMs: 250,
  mediaStrangersAtOnce: 512,
  /** From a connection to a media server to its saying which call it is; then it is cut off, counted as `silent`. */
  mediaStrangerMs: 2_000,
  /** Channels of Asterisk's chan_websocket that are up or expected; one more is refused with ERR_TALKSPURT_CALL_LIMIT. */
  chanWebSocketConnections: 256,
  /** From dialling Asterisk to its upgrade; then ERR_TALKSPURT_MEDIA_CONNECTION. Header of a request to us. */
  chanWebSocketHandshakeMs: 5_000,
  chanWebSocketHeaderBytes: 16 * 1024,
  /** From the upgrade of one that we dialled to MEDIA_START; then the connection is closed. */
  chanWebSocketStartMs: 2_000,
  /** From Asterisk's making of the channel to MEDIA_START of it; then ERR_TALKSPURT_MEDIA_CONNECTION. */
  chanWebSocketConnectMs: 5_000,
  /** One message of chan_websocket (MEDIA_START has the channel's variables); a longer one ends the connection. */
  chanWebSocketMessageBytes: 64 * 1024,
  /** Longest id that one of its messages may have; a longer one is malformed. */
  chanWebSocketIdCharacters: 256,
  /** Messages that nobody listens to yet; the oldest is dropped and counted. */
  chanWebSocketEarlyMessages: 64,
  /** Frames that wait in our own socket; further ones are dropped and counted as unsent. */
  chanWebSocketBufferedFrames: 8,
  /** Frames from one MEDIA_MARK to the next, and from one GET_STATUS to the next. */
  chanWebSocketMarkFrames: 3,
  chanWebSocketStatusFrames: 50,
  /** An unanswered mark is this late: marks are given up, and what was sent is not known to be played any more. */
  chanWebSocketMarkLateMs: 5_000,
  /**
   * Frames that wait in Asterisk: from the first on quiet ones are left out until it is the second, which keeps it from running dry;
   * at the third, any are. Counted as unsent. Measured: docs/benches.md.
   */
  chanWebSocketBacklogFrames: 3,
  chanWebSocketKeptFrames: 2,
  chanWebSocketHeldFrames: 25,
  /** Goodbye of a connection; then it is cut off. */
  chanWebSocketCloseMs: 1_000,
  /** AudioSocket calls that came unasked, and UUIDs that are waited for; one more is refused. */
  audioSocketConnections: 256,
  /** From telling Asterisk of a UUID to its connection; then ERR_TALKSPURT_MEDIA_CONNECTION. */
  audioSocketConnectMs: 3_000,
  /** Audio that the far end has not read; frames beyond it are dropped and counted as unsent. */
  audioSocketBufferedMs: 200,
  /** Neither side sent a frame for this long: we send one of silence, because after two seconds Asterisk ends the call. */
  audioSocketIdleMs: 500,
  /** Wrong frames with no right one between them; then the connection is lost with ERR_TALKSPURT_MEDIA_CONNECTION. */
  audioSocketFaults: 16,
  /** Goodbye of an AudioSocket connection; then it is cut off. */
  audioSocketCloseMs: 500,
} as const;

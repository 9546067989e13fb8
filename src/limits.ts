/**
 * Every bound of the host, in one place. Beside each: what happens when it is reached, and where that is counted.
 * Bounds that operators may move are defaults here and keys of the configuration.
 */
export const LIMITS = {
  /** Calls at once; one more is refused with ERR_TALKSPURT_CALL_LIMIT. Also the size of the DSP pool. */
  calls: 200,
  /** Frames a jitter buffer holds; the oldest is dropped and counted as `overflow`. */
  jitterFrames: 16,
  /** Agent audio that waits to be said, per call, in ms; what does not fit is dropped and counted as `overflow`. */
  playoutMs: 300_000,
  /** Phrases (items) the played ledger remembers per call; the oldest played one is forgotten. */
  ledgerItems: 256,
  /** Bytes that may wait in a backend socket before caller audio is dropped (counted in `droppedFrames`). */
  backendBufferedBytes: 256 * 1024,
  /** One message from a backend; a larger one closes the stream with ERR_TALKSPURT_BACKEND_PROTOCOL. */
  backendMessageBytes: 16 * 1024 * 1024,
  /** From dialling to a session that may talk; then ERR_TALKSPURT_BACKEND_TIMEOUT. */
  backendOpenMs: 10_000,
  /** No message at all from a backend while we send; then ERR_TALKSPURT_BACKEND_TIMEOUT. */
  backendSilentMs: 30_000,
  /** From the end of the caller's turn to a response; then ERR_TALKSPURT_BACKEND_TIMEOUT as a recoverable error. */
  backendResponseMs: 15_000,
  /** One ESL frame's header block; a longer one ends the connection with ERR_TALKSPURT_LINK_PROTOCOL. */
  eslHeaderBytes: 64 * 1024,
  /** One ESL body; a longer one ends the connection with ERR_TALKSPURT_LINK_PROTOCOL. */
  eslBodyBytes: 4 * 1024 * 1024,
  /** Commands that wait on one ESL link; one more is refused with ERR_TALKSPURT_LINK_TIMEOUT. */
  eslPendingCommands: 1024,
  /** One ESL command's answer; then the link is dropped (its replies would be out of step) and dialled again. */
  eslCommandMs: 5_000,
  /** From dialling a switch to a verified login. */
  eslLoginMs: 5_000,
  /** Back-off of a switch link. */
  linkBackoffBaseMs: 250,
  linkBackoffCapMs: 15_000,
  /** Operators' connections at the front door; one more is turned away. */
  frontDoorClients: 64,
  /** One command line; longer is `-ERR`. Room for a 4,096 byte URL and 8,192 bytes of metadata. */
  commandBytes: 16 * 1024,
  commandUrlBytes: 4_096,
  commandMetadataBytes: 8_192,
  /** Park, read codec and first datagram after a start; then ERR_TALKSPURT_UNICAST_SILENT. */
  unicastFirstDatagramMs: 2_000,
  mediaOpenMs: 8_000,
  /** No frame from the switch for this long in a talking call: ERR_TALKSPURT_MEDIA_STALLED. */
  mediaStalledMs: 5_000,
  /** Hang-up, close and release of one call; what is not done by then is abandoned and reported. */
  callEndMs: 3_000,
  /** A WAV file that the simulator reads. */
  wavBytes: 64 * 1024 * 1024,
} as const;

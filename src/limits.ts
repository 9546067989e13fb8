import { GEMINI_LIMITS } from './limits-gemini.ts';
import { HOST_LIMITS } from './limits-host.ts';
import { HTTP_LIMITS } from './limits-http.ts';
import { MEDIA_SERVER_LIMITS } from './limits-media-servers.ts';
import { RECORD_LIMITS } from './limits-records.ts';
import { SPEECH_LIMITS } from './limits-speech.ts';

/**
 * Every bound of the host, in one place. Beside each: what happens when it is reached, and where that is counted.
 * Bounds that operators may move are defaults here and keys of the configuration.
 */
export const LIMITS = {
  ...MEDIA_SERVER_LIMITS,
  ...HTTP_LIMITS,
  ...RECORD_LIMITS,
  ...SPEECH_LIMITS,
  ...HOST_LIMITS,
  ...GEMINI_LIMITS,
  /** Calls at once; one more is refused with ERR_TALKSPURT_CALL_LIMIT. Also the size of the DSP pool. */
  calls: 200,
  /** Frames a jitter buffer holds; the oldest is dropped and counted as `overflow`. */
  jitterFrames: 64,
  /** Frames that gather before the first is heard. */
  jitterStartFrames: 2,
  /** Shortest time between two reports that one place of a call was full; what is dropped meanwhile is in the next. */
  overflowReportMs: 1_000,
  /** Agent audio that waits to be said, per call, in ms; what does not fit is dropped and counted as `overflow`. */
  playoutMs: 300_000,
  /** An agent who falls silent in the middle of a phrase for this long is taken to have finished it; counted in underruns. */
  agentSilentMs: 5_000,
  /** Of what may be the agent's echo and is kept for the backend until that is known, ms: the longest verdict, and the breath before a word. */
  heldBackMs: 600,
  /** From the end of a SIP leg of ours to the switch's word that the channel was hung up; without it it was sent elsewhere. */
  hangupEventMs: 500,
  /** Frames of a tapped caller that wait for the other party's first one; then both are heard as they come. */
  tapHeldFrames: 25,
  /** From the end of a call's unicast (a playback, a bridge that comes back) to its return; then the call has lost its audio. */
  rearmMs: 600_000,
  /** A channel that has left its park for nothing that it tells of; then it was sent elsewhere for good. */
  rearmAwayMs: 2_000,
  /** How long a park has to be quiet before we park anew: broadcasts that follow one another start within this. */
  rearmQuietMs: 250,
  /** Between attempts to have unicast back. */
  rearmRetryMs: 1_000,
  /** Returns of one call's unicast; after that its end is the end: somebody parks against us. */
  rearms: 1_000,
  /** From our goodbye to the channel's park; without one its settings stay. */
  bridgeEndMs: 2_500,
  /** A sound that is played to a call; a longer one is refused with ERR_TALKSPURT_SOUND. Also what waits of them, ms. */
  soundMs: 120_000,
  /** A sound's file: two minutes of 48 kHz stereo. A larger one is refused with ERR_TALKSPURT_SOUND before it is read. */
  soundBytes: 24 * 1024 * 1024,
  /** Sounds that are fetched at once, and how long one may take; then ERR_TALKSPURT_SOUND. */
  soundFetches: 32,
  soundFetchMs: 10_000,
  /** Sounds and speech of our own voice that are kept for the next time, converted; the least recently used goes. */
  soundCacheBytes: 64 * 1024 * 1024,
  /** Samples of a sound that are decoded and converted at a time, about 0.3 ms of work; then calls have their ticks. */
  soundSliceSamples: 9_600,
  /** Sounds that wait to be converted, one at a time; one more is refused with ERR_TALKSPURT_SOUND. */
  soundConversions: 64,
  /** Chunks of a WAV file before its audio; more is refused with ERR_TALKSPURT_SOUND. */
  soundChunks: 1_024,
  /** `graceful-shutdown`: how long the agent may go on speaking before the call is stopped all the same. */
  gracefulShutdownMs: 30_000,
  /** What is kept of a call's conversation for another backend: turns, characters of one and of all; the oldest is forgotten. */
  historyTurns: 200,
  historyTextCharacters: 8_192,
  historyCharacters: 65_536,
  /** Longest caller audio that is kept while a lost backend is dialled again, ms; the oldest is dropped and counted. */
  backlogMs: 30_000,
  /** Turns of the caller that end within it and wait to be told; the oldest is told with the next. */
  backlogTurns: 16,
  /** One attempt to have a lost backend back; then it counts as failed. */
  reconnectAttemptMs: 5_000,
  /** Back-off between them: the first ceiling, and the last. */
  reconnectBackoffBaseMs: 250,
  reconnectBackoffCapMs: 10_000,
  /** A stream that is lost again sooner than this continues the attempts that brought it back. */
  reconnectStableMs: 10_000,
  /** The same of one that was lost because it gave no answer, and never has. */
  reconnectUnansweredMs: 60_000,
  /** Agent audio that waits and is carried over into another backend's format, ms; what is beyond is dropped. */
  carriedOverMs: 20_000,
  /** Results of functions that wait for the backend; the oldest is dropped. */
  heldToolResults: 64,
  /** What the caller is told when no backend came back; then the call ends all the same. */
  farewellMs: 30_000,
  /** …of which making it, in our own voice or from a file, takes this long at the most; then it goes without. */
  farewellMakingMs: 5_000,
  /** Phrases (items) the played ledger remembers per call; the oldest played one is forgotten. */
  ledgerItems: 256,
  /** Bytes that may wait in a backend socket before caller audio is dropped (counted in `droppedFrames`). */
  backendBufferedBytes: 256 * 1024,
  /** Caller audio in one message to a backend while nobody is heard, ms, at most; and the silence from which it is gathered. */
  backendMessageMs: 100,
  backendQuietMs: 1_200,
  /** One message from a backend; a larger one closes the stream with ERR_TALKSPURT_BACKEND_PROTOCOL. */
  backendMessageBytes: 16 * 1024 * 1024,
  /** From dialling to a session that may talk; then ERR_TALKSPURT_BACKEND_TIMEOUT. */
  backendOpenMs: 10_000,
  /** No message at all from a backend while we send; then ERR_TALKSPURT_BACKEND_TIMEOUT. */
  backendSilentMs: 30_000,
  /** The same of an AI provider while it answers or should; three times that while nothing is expected of it. By default. */
  backendDeafMs: 2_000,
  /** Without a sign of an answer that is due; then ERR_TALKSPURT_BACKEND_TIMEOUT. */
  backendResponseMs: 10_000,
  /** Control messages that may wait in a backend socket; more ends the stream with ERR_TALKSPURT_BACKEND_OVERFLOW. */
  backendControlBytes: 4 * 1024 * 1024,
  /** Period of WebSocket pings to a backend. */
  backendPingMs: 10_000,
  /** Goodbye of a backend socket; then the connection is cut. */
  backendCloseMs: 1_000,
  /** Body of an HTTP refusal that is read for its error code; the rest is ignored. */
  backendRefusalBytes: 16 * 1024,
  /** Malformed messages of a backend with no good one between them; one more ends it with ERR_TALKSPURT_BACKEND_PROTOCOL. */
  backendMalformedMessages: 16,
  /** An identifier (item, response, tool call) from a backend; a message with a longer one is malformed. */
  backendIdCharacters: 256,
  /** Tool calls that wait for their result, per call; the oldest is forgotten. */
  backendToolCalls: 64,
  /** The online check of a backend's key and model; then ERR_TALKSPURT_BACKEND_TIMEOUT. */
  backendProbeMs: 5_000,
  /** How long a Realtime session lasts at most; then ERR_TALKSPURT_BACKEND_SESSION_EXPIRED. */
  backendSessionMs: 3_600_000,
  /** How long before its end a session says so (`onExpiring`). */
  backendExpiryNoticeMs: 120_000,
  /** How long a session of Deepgram's Voice Agent lasts at most; then ERR_TALKSPURT_BACKEND_SESSION_EXPIRED. */
  deepgramSessionMs: 7_200_000,
  /** Period in which Deepgram is told that we live, where no audio went; it wants a sign at least every 8 to 10 s. */
  deepgramKeepAliveMs: 4_000,
  /** What describes one of its agents; a longer description is refused with ERR_TALKSPURT_CONFIG_INVALID. */
  deepgramSettingsBytes: 256 * 1024,
  /** Texts of ours that the conversation will repeat as the caller's; the oldest is forgotten, and then shown as such. */
  deepgramInjectedTexts: 16,
  /** Base64 of one `streamAudio` message, characters; a longer one is dropped with ERR_TALKSPURT_BACKEND_PROTOCOL. */
  streamAudioBase64: 10_000_000,
  /** Audio messages that wait to be decoded, bytes per call; what does not fit is dropped: ERR_TALKSPURT_BACKEND_OVERFLOW. */
  streamQueuedBytes: 16 * 1024 * 1024,
  /** A text of a WebSocket server that is passed on; a longer one is dropped with ERR_TALKSPURT_BACKEND_PROTOCOL. */
  streamTextBytes: 256 * 1024,
  /** Marks of a WebSocket server that wait for their moment, per call; one more is answered `cleared` at once. */
  streamMarks: 256,
  /** Attempts to reach a WebSocket server again after it was lost, at most; a configured number beyond it is refused. */
  streamReconnects: 100,
  /** Back-off of these attempts, and how long a connection must last before they are counted anew. */
  streamBackoffBaseMs: 250,
  streamBackoffCapMs: 10_000,
  streamStableMs: 10_000,
  /** One ESL frame's header block; a longer one ends the connection with ERR_TALKSPURT_LINK_PROTOCOL. */
  eslHeaderBytes: 64 * 1024,
  /** One ESL body; a longer one ends the connection with ERR_TALKSPURT_LINK_PROTOCOL. */
  eslBodyBytes: 4 * 1024 * 1024,
  /** Commands that wait on one ESL link; one more is refused with ERR_TALKSPURT_LINK_TIMEOUT. */
  eslPendingCommands: 1024,
  /** Commands on one ESL link that are written and not answered; more wait in their queue. */
  eslPipelinedCommands: 64,
  /** One ESL command's answer; then the link is dropped (its replies would be out of step) and dialled again. */
  eslCommandMs: 5_000,
  /** From dialling a switch to a verified login. */
  eslLoginMs: 5_000,
  /** Silence on an ESL link after which it is asked whether it still answers. */
  eslPingMs: 10_000,
  /** Background jobs (bgapi) of one ESL link at once; one more is refused with ERR_TALKSPURT_LINK_TIMEOUT. */
  eslJobs: 256,
  /** One background job; then ERR_TALKSPURT_LINK_TIMEOUT, and its result is ignored. */
  eslJobMs: 60_000,
  /** Subclasses of CUSTOM events that one ESL link subscribes to; one more is refused with ERR_TALKSPURT_COMMAND_SYNTAX. */
  eslLinkSubclasses: 64,
  /** The body of an event that we publish on a switch; a longer one is refused with ERR_TALKSPURT_COMMAND_SYNTAX. */
  eslEventBodyBytes: 256 * 1024,
  /** Commands that renew an ESL link's subscriptions and are sent without waiting for one another. */
  eslRenewalBatch: 64,
  /** A switch that refused our password or address is asked again after this long at the earliest. */
  linkRefusedRetryMs: 60_000,
  /** Back-off of a switch link. */
  linkBackoffBaseMs: 250,
  linkBackoffCapMs: 15_000,
  /** One request of ARI; then ERR_TALKSPURT_LINK_TIMEOUT. Its answer, if it still comes, is ignored. */
  ariRequestMs: 5_000,
  /** From dialling an ARI to a verified request. */
  ariLoginMs: 5_000,
  /** An Asterisk that has not answered by the event WebSocket within this is asked over HTTP as well: it may be too old. */
  ariProbeMs: 1_000,
  /** Period of pings on an ARI's WebSocket, and silence after which it is lost. */
  ariPingMs: 10_000,
  ariSilentMs: 20_000,
  /** How often an ARI is asked for an event of our application, and how long after its answer one may take to come. */
  ariProofEveryMs: 15_000,
  ariProofMs: 3_000,
  /** Requests of one ARI link that wait for their answer; one more is refused with ERR_TALKSPURT_LINK_TIMEOUT. */
  ariPendingRequests: 1_024,
  /** One request (Asterisk ends a WebSocket on 64 KiB); a longer one is refused with ERR_TALKSPURT_COMMAND_SYNTAX. */
  ariRequestBytes: 40 * 1024,
  /** One event or answer of an ARI; a longer one ends the connection with ERR_TALKSPURT_LINK_PROTOCOL. */
  ariMessageBytes: 8 * 1024 * 1024,
  /** Bytes that an ARI has not read; then one more request is refused with ERR_TALKSPURT_LINK_TIMEOUT. */
  ariBufferedBytes: 1024 * 1024,
  /** HTTP connections to an ARI that knows no requests by WebSocket; further requests wait. How long one is kept idle. */
  ariHttpSockets: 8,
  ariHttpIdleMs: 10_000,
  /** The same for the package `ari-client`, and how long one of its connections may be silent. Its thread's heap. */
  ariPackageSockets: 32,
  ariPackageSocketMs: 30_000,
  ariPackageMemoryMb: 128,
  /** Events of an ARI that come before its link is up; one more ends the connection, which would lie otherwise. */
  ariEarlyEvents: 1_024,
  /** Arguments of `Stasis()`, variables of a call that is dialled, and characters of one; with more the call is refused. */
  stasisArguments: 64,
  stasisArgumentCharacters: 1_024,
  /** Variables of one channel that are asked for at once; the others wait. */
  ariVariableRequests: 4,
  /** After something could not be deleted in Asterisk or a call not be given back: until it is tried again. */
  ariSweepRetryMs: 10_000,
  /** Addresses that an Asterisk's media may come from; further ones that its name turns out to have are not let in. */
  mediaSources: 64,
  /** Modules of an Asterisk that are read; those beyond count as not loaded. While it lacks what a call needs it is asked anew. */
  ariModules: 4_096,
  ariCapabilityRetryMs: 15_000,
  /** Calls of one Asterisk that are being dialled; one more is refused with ERR_TALKSPURT_COMMAND_LIMIT. */
  ariOriginates: 200,
  /** How long whoever a caller is to be transferred to, attended, may take to answer; then ERR_TALKSPURT_SWITCH_COMMAND. */
  consultationMs: 30_000,
  /** From accepting an ESL client to its login; then it is sent away. */
  eslServerLoginMs: 10_000,
  /** One request of an ESL client that has not logged in; a longer one ends the connection. */
  eslServerLoginBytes: 4 * 1024,
  /** Requests of one ESL client that wait for an earlier one; the socket is not read meanwhile. */
  eslServerPendingRequests: 256,
  /** Requests of one ESL client that are answered in one turn of the event loop, ms; then calls have their ticks. */
  eslServerTurnMs: 4,
  /** Background jobs (bgapi) of one ESL client at once; one more is `-ERR`. */
  eslServerJobs: 64,
  /** Subclasses and filters of one ESL client; one more is `-ERR`. */
  eslServerSubscriptions: 256,
  /** Events that wait behind a running command of their client; one more ends the connection, which would lie otherwise. */
  eslServerQueuedEvents: 4096,
  /** Bytes an ESL client has not read: replies wait for it to read on, an event beyond it ends the connection. */
  eslServerBufferedBytes: 4 * 1024 * 1024,
  /** Goodbye of an ESL server: a client that has not closed its side by then is cut off. */
  eslServerCloseMs: 1_000,
  /** Commands (sendmsg) that wait for one channel of the simulated switch; one more is `-ERR memory error`, as in the real one. */
  simulatedCommands: 1_000,
  /** Digits that wait to be sent or told by one RTP phone of the simulated switch; more are lost. */
  simulatedDigits: 128,
  /** One SIP message on a TCP connection of the simulated switch; a longer one ends the connection. */
  simulatedSipBytes: 64 * 1024,
  /** TCP connections to the simulated switch's SIP port; one more is closed. */
  simulatedSipStreams: 256,
  /** Bytes of one simulated recording that its reader has not taken; what comes on top is lost. */
  simulatedRecordBytes: 4 * 1024 * 1024,
  /** Calls that dialplans are handing over (application `socket`) at once; one more goes on in its dialplan, refused. */
  outboundHandovers: 64,
  /** From a handover's connection to its call in a park of its own; then it is refused. */
  outboundHandoverMs: 5_000,
  /** What a switch says of one call meanwhile; more ends the connection with ERR_TALKSPURT_LINK_PROTOCOL. */
  outboundBytes: 1024 * 1024,
  /** …and handovers that are being refused at once, strangers' among them; one more is cut. */
  outboundRefusals: 64,
  /** Commands by event (`audio_stream::command`) at once, per switch; one more is refused: ERR_TALKSPURT_COMMAND_LIMIT. */
  commandFrontCommands: 64,
  /** Refusals of those that are on their way at once; further ones get no answer and are counted as `unanswered`. */
  commandFrontRefusals: 64,
  /** Events for one switch that wait to be published; one more is dropped and counted. Half of it for periodic ones. */
  switchEventQueue: 512,
  /** Events of ours that a switch has not confirmed yet; further ones wait, so that commands get through between them. */
  switchEventsInFlight: 8,
  /** Events published on one switch in a second; further ones wait. */
  switchEventsPerSecond: 500,
  /** Calls whose switch is remembered for their events; the oldest is forgotten. */
  switchEventCalls: 4_096,
  /** Operators' connections at the front door; one more is turned away. */
  frontDoorClients: 64,
  /** One command line; longer is `-ERR`. Room for a 4,096 byte URL and 8,192 bytes of metadata. */
  commandBytes: 16 * 1024,
  commandUrlBytes: 4_096,
  commandMetadataBytes: 8_192,
  /** Park, read codec and first datagram after a start; then ERR_TALKSPURT_UNICAST_SILENT. */
  unicastFirstDatagramMs: 2_000,
  /** Datagrams of a wrong size with no right one between them; then the path is lost with ERR_TALKSPURT_MEDIA_FORMAT. */
  unicastWrongSizes: 25,
  /** How long a released channel is still watched because a unicast of ours may wait in it; then it is let go. */
  unicastLingerMs: 60_000,
  /** Frames without media from the far end that count as lost (and are concealed); from then on they are silence. */
  unicastConcealedFrames: 3,
  /** Rest of a pair of RTP ports before another call gets it; what is held by others rests as long. */
  rtpPortRestMs: 3_000,
  /** Datagrams of RTP or RTCP that are longer are refused and counted. */
  rtpDatagramBytes: 4_096,
  /** Consecutive packets of a new RTP source that take over from one that has fallen silent. */
  rtpProbationPackets: 3,
  /** Silence of the RTP source after which a marked packet of another one takes over at once. */
  rtpSourceSilentMs: 200,
  /** A telephone-event of which nothing has come for this long has ended. */
  rtpEventSilentMs: 200,
  /** How far back a telephone-event is a repetition of one that was told. */
  rtpEventMemoryMs: 5_000,
  /** Digits that wait to be sent as telephone-events; more are refused with ERR_TALKSPURT_MEDIA_FORMAT. */
  rtpDigits: 64,
  /** A key that came in both ways is told once when its second telling is within this; and so many wait for theirs. */
  digitEchoMs: 1_500,
  digitEchoes: 32,
  /** Keys in the audio that are not out at their time are looked for so often, 20 ms apart; then they are taken for sent. */
  dialLooks: 50,
  /** Period of RTCP reports (RFC 3550 §6.2), before it is randomised. */
  rtcpReportMs: 5_000,
  /** One session description; a longer one is refused with ERR_TALKSPURT_MEDIA_FORMAT. */
  sdpBytes: 16 * 1024,
  /** One line of it; a longer one is ignored. Media descriptions and formats of each: more is refused. */
  sdpLineBytes: 1_024,
  sdpMedia: 16,
  sdpFormats: 64,
  mediaOpenMs: 8_000,
  /** No frame from the switch for this long in a talking call: reported, and UNHEALTHY. */
  mediaStalledMs: 5_000,
  /** …and for this long: the call ends with ERR_TALKSPURT_MEDIA_STALLED. Even a silent far end sends frames. */
  mediaLostMs: 30_000,
  /** Hang-up, close and release of one call; what is not done by then is abandoned and reported. */
  callEndMs: 3_000,
  /** One text to be spoken, texts that wait, and texts that are remembered. */
  speechCharacters: 1_000,
  speechRequests: 64,
  /** For how long one text may be spoken; then the worker is taken for hung, and another one takes its place. */
  speechStuckMs: 30_000,
  speechCache: 128,
  /** What the embedded backend keeps of one turn of the caller; the oldest is forgotten. */
  simulatedTurnMs: 60_000,
  /** Conversations of the embedded backend at once; one more is refused (429), and its call ends as `backend-failed`. */
  simulatedSessions: 16,
  /** Items the embedded backend remembers of one conversation; the oldest is forgotten. */
  simulatedItems: 512,
  /** Handles of sessions that the embedded Gemini Live server could go on with; the oldest is forgotten. */
  simulatedHandles: 1_024,
  /** Bytes that a client of the embedded backend has not read; more and it is cut off. */
  simulatedBufferedBytes: 32 * 1024 * 1024,
  /** Of one call (or of the process itself and one peer): lines of one kind of fault that are written before the rest is counted. */
  logRepeats: 3,
  /** After this long a kind of fault may be said again, with how often it was not. */
  logRepeatResetMs: 60_000,
  /** How often that time is doubled while the fault goes on. */
  logRepeatRounds: 5,
  /** Lines of one call within any second at `info` and above; its end, its record and its summary are not among them. */
  logCallLines: 7,
  /** Calls, peers and links whose repeats are kept apart; the one that was not heard of for longest is forgotten. */
  logScopes: 4_096,
  /** Between two summaries of a call's media in the log. */
  logTelemetryMs: 10_000,
  /** Of the summaries of a call that is well one in so many is written at `info`, the others at `debug`. */
  logTelemetryQuiet: 6,
  /** Log lines of one kind of event in a second; further ones are left out and counted as `suppressed` in the next. */
  logBurstLines: 50,
  /** Secrets that are kept out of the log: every reload of the configuration may bring new ones; the oldest are forgotten. */
  logSecrets: 4_096,
  /** Log lines that wait to be written; further ones are lost, so that a log nobody reads never holds audio up. */
  logBufferedBytes: 4 * 1024 * 1024,
  /** How long the end of the process waits for the last of them, ms. */
  logCloseMs: 1_000,
  /** Different values of one metric label; further ones are counted as `other`. */
  metricLabelValues: 64,
  /** Calls whose record is being gathered; the oldest is given up. */
  callRecords: 4096,
  /** Entries of each list in a call's record; further ones are counted as `dropped_entries`. */
  callRecordEntries: 512,
  /** Events in a call's record; likewise. */
  callRecordEvents: 500,
  /** Status server: connections at once (idle ones make room), a request's header, and its time. What is beyond is cut off. */
  statusConnections: 64,
  statusHeaderBytes: 8 * 1024,
  statusRequestMs: 10_000,
  /** One SIP message; a longer one is 413, and a header block without an end closes its connection. */
  sipMessageBytes: 64 * 1024,
  /** Header fields of one SIP message; one more is 400. */
  sipHeaderFields: 256,
  /** SIP transactions at once, each direction; one more request is 503, one more of ours fails. */
  sipTransactions: 4_096,
  /** SIP over TCP: connections at once; one more is closed. */
  sipConnections: 256,
  /** From the first byte of a SIP message over TCP to its last, and for dialling; then the connection is closed. */
  sipConnectionMs: 10_000,
  /** Bytes that a SIP peer over TCP has not read; more and its connection is closed. */
  sipBufferedBytes: 256 * 1024,
  /** Life of a digest nonce; later it is answered with `stale`. Nonces in use at once; one more is 503. */
  sipNonceMs: 60_000,
  sipNonces: 4_096,
  /** Shortest session of RFC 4028, seconds; a shorter one is 422. */
  sipMinSessionS: 90,
  /** News of a blind transfer that was accepted; without any it is taken to have worked. */
  sipReferMs: 60_000,
  /** Goodbyes of a SIP endpoint that closes; then what is left is dropped. */
  sipCloseMs: 3_000,
  /** How long a channel is left in a Stasis application to see whether a client has it. */
  ariTrialMs: 400,
  /** Circuit breakers at once: the oldest closed one goes for another; and how often an open one lets a call that lost its stream try, ms. */
  breakers: 256,
  breakerEarlyMs: 1_000,
  /** A configuration file; a longer one is refused with ERR_TALKSPURT_CONFIG_UNREADABLE. */
  configBytes: 1024 * 1024,
  /** A WAV file that the simulator reads. */
  wavBytes: 64 * 1024 * 1024,
} as const;

/** The port of an AI backend: one stream is one conversation. */
import type { AudioFormat, MediaFormat } from '../core/media.ts';
import type { TalkspurtError } from '../core/errors.ts';
import type { Speaker } from '../core/events.ts';

/** What a backend may know of the call it is opened for. */
export interface BackendCall {
  readonly callId: string;
  readonly leg: MediaFormat;
  /** Personal. */
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  /** Personal: what the start command said of the call, as it was; null or absent: nothing. */
  readonly metadata?: string | null;
  /** The call's name across systems: goes with the upgrade as `X-Correlation-ID` and `traceparent`, and as what metadata the dialect has. */
  readonly correlationId?: string;
  /**
   * Personal: what was said before this stream, oldest first, where it takes another one's place; absent or empty: nothing. Read
   * it when it is sent, not before: the call goes on while a stream is opened.
   */
  readonly history?: readonly { readonly by: Speaker; readonly text: string }[];
  /** Where the record of what was said ends now; what comes behind is its {@link historySince}. Absent: nobody keeps one. */
  readonly mark?: number;
  /** As {@link history}, but only what came behind `mark`. */
  historySince?(mark: number): readonly { readonly by: Speaker; readonly text: string }[];
  /** What a lost stream of the same backend left behind ({@link BackendStream.resumption}); absent: nothing. */
  readonly resumption?: StreamResumption;
  /** Functions that the agent called there and whose results will come here ({@link BackendStream.sendToolResult}). */
  readonly toolCalls?: readonly {
    readonly toolCallId: string;
    readonly name: string;
    readonly argumentsJson: string;
  }[];
  /** The call talks already and has lost its stream: it ends if it gets no other. */
  readonly underWay?: boolean;
  /** Whoever opens the stream opens another one when it is lost: it does not do so itself. */
  readonly reopened?: boolean;
}

/**
 * Where a backend delivers. Called from the socket's event; writes to bounded places and returns. Nothing is delivered
 * before `open` has resolved, nor after `close` or `onClosed`.
 */
export interface BackendSink {
  /**
   * Agent audio in `outputFormat`, any length, faster than real time. `audio` is borrowed. `itemId` names the phrase
   * that it belongs to, so that a barge-in can say how much of which phrase was heard.
   */
  onAudio(audio: Uint8Array, itemId: string): void;
  /** The backend has no more audio for this item. */
  onAudioDone(itemId: string): void;
  /** The backend began / finished (or gave up) a response. */
  onResponseStarted(responseId: string): void;
  onResponseDone(responseId: string, status: 'completed' | 'cancelled' | 'failed' | 'incomplete'): void;
  /** The backend's own turn detection, where `detectsTurns`. */
  onSpeech(edge: 'started' | 'stopped'): void;
  /**
   * `text` is the addition when not `final`, and the whole when `final`. `itemId`: the phrase of the agent's that it is of, where
   * the backend tells.
   */
  onTranscript(by: Speaker, text: string, final: boolean, itemId?: string): void;
  /**
   * Of a backend that writes: no more audio of that phrase comes, though more of its answer may. `words`: what of its text the audio
   * says; absent: all of it.
   */
  onPhraseSpoken?(itemId: string, words?: string): void;
  onToolCall(toolCallId: string, name: string, argumentsJson: string): void;
  /** A message that is the application's own business, as it came: a generic WebSocket server may send any text. */
  onMessage?(text: string): void;
  /** Drop what waits to be said: the backend takes back what it has sent. */
  onFlush?(): void;
  /** A recoverable error: the stream goes on. */
  onError(error: TalkspurtError): void;
  /** The backend will end the stream in `inMs` by its own rules: time for a goodbye, or for another stream. */
  onExpiring?(inMs: number): void;
  /** The stream is over. `error` is null only when the backend ended it in good order. Called at most once. */
  onClosed(error: TalkspurtError | null): void;
}

/** A kind of backend, configured: opens one stream for each call. */
export interface Backend {
  /** `openai`, … : for health, metrics and logs. */
  readonly name: string;
  /** Most attempts in a row to have a lost stream of it back. Absent: as the call has it. */
  readonly reconnectMax?: number;
  /**
   * Why a stream would not even be tried now; null, or absent: it would. Asked before a call is answered, and for one that is
   * `underWay` ({@link BackendCall.underWay}).
   */
  refusal?(underWay?: boolean): TalkspurtError | null;
  /** A stream of it was given up for that, though it had not ended: it counts as a failure. Absent: nobody counts. */
  gaveUp?(error: TalkspurtError): void;
  /**
   * Connects, sets the session up and resolves when audio may flow. Rejects (and leaves nothing open) when `signal`
   * aborts. @throws ERR_TALKSPURT_BACKEND_REFUSED | _AUTH | _TIMEOUT | _PROTOCOL | _API, ERR_TALKSPURT_SECRET_MISSING
   */
  open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<BackendStream>;
}

/** Text that was to be spoken, and was not. */
export interface UnsaidText {
  readonly text: string;
  /** By the agent, in an answer: a caller who cuts in does not want it any more. False: it is to be said word for word. */
  readonly written: boolean;
}

/** By what a stream can take a conversation up where another one of its backend left off. */
export interface StreamResumption {
  /** The backend's own name of it; a secret. */
  readonly handle: string;
  /** Where the record ended ({@link BackendCall.mark}) that it stands for. */
  readonly mark: number;
}

/** A phrase, and how much of it has left for the caller. */
export interface HeardPhrase {
  readonly itemId: string;
  readonly playedMs: number;
}

/** One conversation of one call. */
export interface BackendStream {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  /** The peer may be one that never answers: no answer of it is due before it has given one on the call. Absent: it answers. */
  readonly mayOnlyListen?: boolean;
  /** The backend decides where the caller's turn ends, and starts to answer by itself. */
  readonly detectsTurns: boolean;
  /**
   * The backend stops its own answer when it hears the caller, which `onSpeech('started')` then says: whatever our endpointer
   * makes of it, the caller has cut in. Absent: it does not, and `cancelResponse` decides.
   */
  readonly interrupts?: boolean;
  /**
   * Caller audio in `inputFormat`; hot path. `frame` is borrowed. Nobody was heard for `silentMs` before it (0 or absent:
   * somebody may be speaking): a stream may send silence later, in one message with more of it. Returns false when something
   * was dropped because the peer does not drain (counted in `droppedFrames`).
   */
  sendAudio(frame: Uint8Array, silentMs?: number): boolean;
  readonly droppedFrames: number;
  /**
   * What waits to be sent has grown stale: nothing is added to it before it has gone, so that what comes then is fresh. Returns how
   * much waits, ms. Absent: nothing ever waits.
   */
  letDrain?(): number;
  /** How often the connection was made anew. Absent: it never is. */
  readonly reconnects?: number;
  /** When the backend ends the stream at the latest, in the clock's monotonic ms; undefined where it has no such rule. */
  readonly expiresAtMs?: number;
  /** By what another stream can go on with this conversation, should this one be lost; null: nothing yet. Absent: it never can. */
  readonly resumption?: StreamResumption | null;
  /** The caller has begun to speak. Only where `detectsTurns` is false. Absent: nobody wants to know. */
  startTurn?(): void;
  /** The caller has finished: answer now. Only where `detectsTurns` is false. */
  commitTurn(): void;
  /**
   * The caller cut in: stop what is being said. `itemId` is the phrase that was being heard (null: none) and
   * `playedMs` how much of it really left for the caller. `lastHeard`, where it is none: the phrase of this stream's that was heard
   * last; null: there was none; absent: nobody knows.
   */
  cancelResponse(itemId: string | null, playedMs: number, lastHeard?: HeardPhrase | null): void;
  /** Asks the agent to speak without the caller having spoken: a greeting. `instructions` are for this answer only. */
  requestResponse(instructions?: string): void;
  /** Adds text to the conversation as the caller's and asks for an answer. */
  sendText(text: string): void;
  sendToolResult(toolCallId: string, outputJson: string): void;
  /** A message of the backend's own protocol, passed on as it is. Absent: the protocol takes none. */
  sendJson?(json: string): void;
  /** Text that goes with the call's end (`stop <metadata>`), passed on as it is. Absent: it is not sent. */
  sendMetadata?(text: string): void;
  /**
   * Speaks this text, word for word, in the agent's voice. `written`: the agent has written it, on a stream that is gone. Absent: the
   * backend cannot be made to.
   */
  say?(text: string, written?: boolean): void;
  /** Whether the stream carries the agent's side too (mixed, stereo): then {@link sendPlayed} precedes each `sendAudio`. */
  readonly wantsPlayed?: boolean;
  /**
   * What the caller is given in the same tick, in `outputFormat`: a frame, a shorter one at a phrase's end, or null for
   * silence. Hot path; borrowed.
   */
  sendPlayed?(frame: Uint8Array | null): void;
  /**
   * Of a backend that writes: `heard` is all that was heard of what it wrote in that response, and what the conversation is to
   * hold. `responseId` null: the agent said it without the backend.
   */
  noteHeard?(responseId: string | null, heard: string): void;
  /** Counters of a stream whose text is spoken sentence by sentence. */
  readonly speech?: {
    readonly spoken: number;
    readonly cached: number;
    readonly failed: number;
    readonly waiting: number;
    /** For how long a text has been due and nothing of it came, ms. */
    readonly waitMs: number;
  };
  /**
   * Of such a stream: what is not heard if it ends now, in order. What the agent has written is among it where that is all of its
   * answers, none of them in the middle of a sentence. `alone`: nothing of the backend's waits besides.
   */
  readonly unsaid?: { readonly texts: readonly UnsaidText[]; readonly alone: boolean };
  /** A phrase was heard to its end (`whole`), or dropped after `playedMs` of it. */
  onItemPlayed?(itemId: string, playedMs: number, whole: boolean): void;
  /** Ends in good order. Twice is harmless. */
  close(): Promise<void>;
}

/**
 * The dialogue with a Realtime session, once it is set up: server events in, sink calls and client events out. It knows
 * no socket and no audio bytes; time is handed to it.
 */
import type { RealtimeClientEvent } from 'openai/resources/realtime/realtime';
import { TalkspurtError } from '../core/errors.ts';
import type { BackendCall, BackendSink } from './backend.ts';
import { apiErrorOf, endsSession } from './openai-api-error.ts';
import type { ApiError, RateLimit, ResponseDone, ResponseStatus, ServerEvent } from './openai-event.ts';
import { ResponseTracker } from './openai-response-tracker.ts';
import type { ResponseRequest } from './openai-response-tracker.ts';
import { restoredItems } from './openai-restore.ts';
import { OpenAiToolCalls } from './openai-tool-calls.ts';
import { ReceivedItems } from './received-items.ts';
import { WrittenItems } from './written-items.ts';
import type { WrittenCorrection } from './written-items.ts';

/** What a conversation is made of. */
export interface ConversationOptions {
  readonly backend: string;
  readonly secrets: readonly string[];
  /** Of the agent's audio. */
  readonly bytesPerMs: number;
  readonly detectsTurns: boolean;
  readonly responseTimeoutMs: number;
  readonly sink: BackendSink;
  /** Sends a client event; without effect once the stream is over. */
  readonly send: (event: RealtimeClientEvent) => void;
  /** The session cannot go on. */
  readonly end: (error: TalkspurtError) => void;
}

/** Counters of one conversation. */
export interface ConversationStats {
  responses: number;
  inputTokens: number;
  outputTokens: number;
  /** Agent audio that came for a response which was cancelled, in bytes. */
  lateAudioBytes: number;
  /** Errors of the API that only say that two of us spoke at once. */
  harmlessErrors: number;
  rateLimits: readonly RateLimit[];
}

/** What a client event is for; its `event_id` begins with it, so that an error tells what was refused. */
type ClientEventKind = 'create' | 'cancel' | 'truncate' | 'item' | 'commit' | 'heard';

/** One conversation; see the top of the file. */
export class OpenAiConversation {
  readonly stats: ConversationStats = {
    responses: 0,
    inputTokens: 0,
    outputTokens: 0,
    lateAudioBytes: 0,
    harmlessErrors: 0,
    rateLimits: [],
  };
  readonly #options: ConversationOptions;
  readonly #sink: BackendSink;
  readonly #tracker = new ResponseTracker();
  readonly #items: ReceivedItems;
  readonly #written = new WrittenItems();
  readonly #tools = new OpenAiToolCalls();
  /** The response whose start the sink has seen, and not yet its end. */
  #announced: string | null = null;
  #lastDone: string | null = null;
  /** When a sign of the response that is due must have come; null while none is due. */
  #dueAtMs: number | null = null;
  #eventNumber = 0;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#items = new ReceivedItems(options.bytesPerMs);
  }

  /** Whether the server answers, or should. */
  get answerDue(): boolean {
    return this.#dueAtMs !== null || this.#tracker.awaited;
  }

  /** Any event but an audio delta. */
  handle(event: ServerEvent, nowMs: number): void {
    switch (event.type) {
      case 'input_audio_buffer.speech_started':
        // The caller goes on: what was due is not due any more.
        if (this.#tracker.state === 'idle') this.#dueAtMs = null;
        if (this.#options.detectsTurns) this.#sink.onSpeech('started');
        return;
      case 'input_audio_buffer.speech_stopped':
        this.#expectResponse(nowMs);
        if (this.#options.detectsTurns) this.#sink.onSpeech('stopped');
        return;
      case 'input_audio_buffer.timeout_triggered':
        this.#expectResponse(nowMs);
        return;
      case 'conversation.item.input_audio_transcription.delta':
        if (event.text !== '') this.#sink.onTranscript('caller', event.text, false);
        return;
      case 'conversation.item.input_audio_transcription.completed':
        this.#sink.onTranscript('caller', event.text, true);
        return;
      case 'conversation.item.input_audio_transcription.failed':
        this.#sink.onError(this.#apiError('transcription', event.error));
        return;
      case 'response.created':
        this.#responseStarted(event.responseId, nowMs);
        return;
      case 'rate_limits.updated':
        this.stats.rateLimits = event.limits;
        return;
      case 'error':
        this.#onApiError(event.error, nowMs);
        return;
      default:
        this.#handleResponse(event, nowMs);
    }
  }

  /**
   * Agent audio arrived: counts it, and says whether it is to be heard. False for the stragglers of a response that was
   * cancelled or is over.
   */
  admitAudio(responseId: string, itemId: string, contentIndex: number, bytes: number, nowMs: number): boolean {
    if (this.#tracker.isCancelled(responseId) || responseId === this.#lastDone) {
      this.stats.lateAudioBytes += bytes;
      return false;
    }
    // Some servers begin to speak without saying so.
    if (responseId !== this.#announced) this.#responseStarted(responseId, nowMs);
    this.#dueAtMs = nowMs + this.#options.responseTimeoutMs;
    this.#items.add(responseId, itemId, contentIndex, bytes);
    return true;
  }

  /** Ends the caller's turn where the server does not. */
  commitTurn(nowMs: number): void {
    if (this.#options.detectsTurns) return;
    this.#options.send({ type: 'input_audio_buffer.commit', event_id: this.#eventId('commit') });
    this.requestResponse(undefined, nowMs);
  }

  /** Asks for a response, at once or after the one under way. */
  requestResponse(instructions: string | undefined, nowMs: number): void {
    this.#create(this.#tracker.want(instructions === undefined ? {} : { instructions }), nowMs);
  }

  /** The caller cut in after `playedMs` of `itemId`. */
  cancel(itemId: string | null, playedMs: number): void {
    const cancel = this.#tracker.cancel();
    if (cancel !== null) {
      const named = cancel.responseId === null ? {} : { response_id: cancel.responseId };
      this.#options.send({ type: 'response.cancel', event_id: this.#eventId('cancel'), ...named });
    }
    if (itemId === null) return;
    for (const truncation of this.#items.truncate(itemId, playedMs)) {
      this.#options.send({
        type: 'conversation.item.truncate',
        event_id: this.#eventId('truncate'),
        item_id: truncation.itemId,
        content_index: truncation.contentIndex,
        audio_end_ms: truncation.audioEndMs,
      });
    }
  }

  /** Of what was written in that response only `heard` was heard; `responseId` null: it was said without the server. */
  noteHeard(responseId: string | null, heard: string): void {
    if (responseId !== null) this.#correct(this.#written.heard(responseId, heard));
    else if (heard !== '') this.#addSaid(heard, undefined);
  }

  sendText(text: string, nowMs: number): void {
    this.#options.send({
      type: 'conversation.item.create',
      event_id: this.#eventId('item'),
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
    });
    this.requestResponse(undefined, nowMs);
  }

  sendToolResult(toolCallId: string, outputJson: string, nowMs: number): void {
    this.#options.send({
      type: 'conversation.item.create',
      event_id: this.#eventId('item'),
      item: { type: 'function_call_output', call_id: toolCallId, output: outputJson },
    });
    if (this.#tools.answer(toolCallId)) this.requestResponse(undefined, nowMs);
  }

  /** What another stream left behind: what was said, and the functions whose results will come here. */
  restore(history: NonNullable<BackendCall['history']>, toolCalls: NonNullable<BackendCall['toolCalls']>): void {
    for (const item of restoredItems(history, toolCalls)) {
      this.#options.send({ type: 'conversation.item.create', event_id: this.#eventId('item'), item });
    }
    this.#tools.restore(toolCalls.map(({ toolCallId }) => toolCallId));
  }

  /**
   * To be called about once a second: a response that was asked for, or that had begun, and shows no sign of life ends the stream,
   * so that another one is asked. One that only the server's own turn detection lets us expect is complained of.
   */
  watch(nowMs: number): void {
    if (this.#dueAtMs === null || nowMs < this.#dueAtMs) return;
    this.#dueAtMs = null;
    const responseId = this.#tracker.activeId;
    const { backend, responseTimeoutMs: limitMs } = this.#options;
    const error = new TalkspurtError(
      'ERR_TALKSPURT_BACKEND_TIMEOUT',
      `backend '${backend}' showed no sign of a due response for ${limitMs} ms`,
      { details: { limitMs, begun: responseId !== null, unanswered: true } },
    );
    if (this.#tracker.awaited) return this.#options.end(error);
    this.#tracker.abandon();
    this.#sink.onError(error);
    if (responseId !== null) this.#finishResponse(responseId, 'failed');
  }

  #handleResponse(event: ServerEvent, nowMs: number): void {
    if (!('responseId' in event)) return;
    if (event.responseId === this.#tracker.activeId && this.#dueAtMs !== null) {
      this.#dueAtMs = nowMs + this.#options.responseTimeoutMs;
    }
    const cancelled = this.#tracker.isCancelled(event.responseId);
    switch (event.type) {
      case 'response.output_audio.done':
        if (this.#items.complete(event.itemId) && !cancelled) this.#sink.onAudioDone(event.itemId);
        return;
      case 'response.output_text.delta':
        // Some servers begin to write without saying so.
        if (this.#announced === null && event.responseId !== this.#lastDone)
          this.#responseStarted(event.responseId, nowMs);
        this.#written.add(event.responseId, event.itemId);
        if (!cancelled && event.text !== '') this.#sink.onTranscript('agent', event.text, false, event.itemId);
        return;
      case 'response.output_audio_transcript.delta':
        if (!cancelled && event.text !== '') this.#sink.onTranscript('agent', event.text, false, event.itemId);
        return;
      case 'response.output_audio_transcript.done':
      case 'response.output_text.done':
        if (event.type === 'response.output_text.done') {
          this.#written.add(event.responseId, event.itemId);
          // It would be spoken.
          if (cancelled) return;
        }
        // Also of a cancelled one: a record of the call wants the whole of what was begun.
        this.#sink.onTranscript('agent', event.text, true, event.itemId);
        return;
      case 'response.output_item.added':
        if (event.functionCall !== null) this.#tools.announce(event.functionCall);
        return;
      case 'response.output_item.done':
      case 'response.function_call_arguments.done': {
        const call =
          cancelled || event.functionCall === null ? null : this.#tools.complete(event.responseId, event.functionCall);
        if (call !== null) this.#sink.onToolCall(call.toolCallId, call.name, call.argumentsJson);
        return;
      }
      case 'response.done':
        this.#responseDone(event, nowMs);
        return;
      default:
    }
  }

  #expectResponse(nowMs: number): void {
    if (this.#options.detectsTurns && this.#tracker.state === 'idle') {
      this.#dueAtMs = nowMs + this.#options.responseTimeoutMs;
    }
  }

  #create(request: ResponseRequest | null, nowMs: number): void {
    if (request === null) return;
    this.#dueAtMs = nowMs + this.#options.responseTimeoutMs;
    const { instructions } = request;
    const response = instructions === undefined ? {} : { response: { instructions } };
    this.#options.send({ type: 'response.create', event_id: this.#eventId('create'), ...response });
  }

  #responseStarted(responseId: string, nowMs: number): void {
    if (responseId === this.#announced) return;
    if (this.#announced !== null) this.#finishResponse(this.#announced, 'incomplete');
    this.#tracker.created(responseId);
    this.#dueAtMs = nowMs + this.#options.responseTimeoutMs;
    this.stats.responses += 1;
    // Cancelled before it began: the sink never hears of it.
    if (this.#tracker.isCancelled(responseId)) return;
    this.#announced = responseId;
    this.#sink.onResponseStarted(responseId);
  }

  #responseDone(event: ResponseDone, nowMs: number): void {
    this.stats.inputTokens += event.inputTokens;
    this.stats.outputTokens += event.outputTokens;
    if (this.#tracker.activeId === event.responseId) this.#dueAtMs = null;
    const next = this.#tracker.done(event.responseId);
    if (event.error !== null) this.#sink.onError(this.#apiError('response', event.error));
    // Called off before it began, and perhaps written to its end before the server knew: nobody else will say that it was not heard.
    if (this.#announced !== event.responseId && this.#tracker.isCancelled(event.responseId)) {
      this.#written.unheard(event.responseId);
    }
    this.#finishResponse(event.responseId, event.status);
    this.#correct(this.#written.done(event.responseId));
    this.#create(next, nowMs);
  }

  /** Text cannot be truncated as audio can: the item is replaced by what was heard of it. */
  #correct(correction: WrittenCorrection | null): void {
    if (correction === null) return;
    if (correction.heard !== '') this.#addSaid(correction.heard, correction.after);
    for (const item_id of correction.forget) {
      this.#options.send({ type: 'conversation.item.delete', event_id: this.#eventId('heard'), item_id });
    }
  }

  #addSaid(text: string, after: string | undefined): void {
    this.#options.send({
      type: 'conversation.item.create',
      event_id: this.#eventId('heard'),
      ...(after === undefined ? {} : { previous_item_id: after }),
      item: { type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] },
    });
  }

  /** Tells the sink once, and only of a response that it has seen begin. */
  #finishResponse(responseId: string, status: ResponseStatus): void {
    const open = this.#items.completeResponse(responseId);
    if (!this.#tracker.isCancelled(responseId)) for (const itemId of open) this.#sink.onAudioDone(itemId);
    if (this.#announced !== responseId) return;
    this.#announced = null;
    this.#lastDone = responseId;
    this.#sink.onResponseDone(responseId, status);
  }

  #onApiError(error: ApiError, nowMs: number): void {
    const kind = error.clientEventId?.split('-', 1)[0];
    if (error.code === 'response_cancel_not_active') {
      // It had just ended by itself.
      this.stats.harmlessErrors += 1;
      return;
    }
    const isCreate = kind === 'create' || (kind === undefined && this.#tracker.state === 'requested');
    if (error.code === 'conversation_already_has_active_response') {
      // Ours waits for the other's end. A turn of the caller that ended while the agent spoke gets no answer of its own.
      this.stats.harmlessErrors += 1;
      if (isCreate) this.#create(this.#tracker.refusedAsActive(), nowMs);
      return;
    }
    if (endsSession(error)) {
      this.#options.end(this.#apiError('session', error));
      return;
    }
    this.#sink.onError(this.#apiError('session', error));
    if (kind !== 'create' || this.#tracker.state !== 'requested') return;
    this.#dueAtMs = null;
    this.#create(this.#tracker.refused(), nowMs);
  }

  #apiError(place: 'session' | 'response' | 'transcription', error: ApiError): TalkspurtError {
    return apiErrorOf(this.#options.backend, place, error, this.#options.secrets);
  }

  #eventId(kind: ClientEventKind): string {
    this.#eventNumber += 1;
    return `${kind}-${this.#eventNumber}`;
  }
}

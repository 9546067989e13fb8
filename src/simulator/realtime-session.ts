/** One client of the embedded backend: the OpenAI Realtime protocol as the service speaks it, over any way to send. */
import type { ConversationItem } from 'openai/resources/realtime/realtime';
import type { Timer } from '../core/clock.ts';
import { DialogueTalk } from './dialogue-talk.ts';
import type { AgentTurn, HeardTurn } from './dialogue-talk.ts';
import { phrasesOf } from './dialogue.ts';
import { RealtimeAudio } from './realtime-audio.ts';
import type { HeardEdge } from './realtime-audio.ts';
import type { RealtimeBehaviour } from './realtime-behaviour.ts';
import { RealtimeConversation } from './realtime-conversation.ts';
import { newId } from './realtime-event.ts';
import type { ServerEvent } from './realtime-event.ts';
import { isBase64, parseClientEvent, unknownType } from './realtime-client-event.ts';
import type { Fields } from './realtime-client-event.ts';
import { RealtimeRefusal } from './realtime-refusal.ts';
import { RealtimeResponseRun } from './realtime-response.ts';
import type { ResponseEnd } from './realtime-response.ts';
import type { ResponseCreate } from './realtime-schema.ts';
import { formatOf, RealtimeSettings } from './realtime-settings.ts';
import { activeLevelDbov } from './wire-audio.ts';

/** What a session tells the one who runs it. */
export interface RealtimeSessionHost {
  /** `audioMs`: what the event holds of an answer's audio. */
  send(event: ServerEvent, audioMs: number): void;
  /** Closes the connection after what was sent, with the reason in its closing frame. */
  end(reason: string): void;
  count(what: 'responses' | 'responsesCancelled' | 'turns' | 'refusedEvents' | 'heardMs' | 'saidMs', by: number): void;
}

/** What waits for an answer, the newest only. */
type Unanswered =
  { readonly kind: 'turn'; readonly heard: Promise<HeardTurn> } | { readonly kind: 'result'; readonly output: string };

/** The service wants at least so much audio in a commit, ms. */
const LEAST_COMMIT_MS = 100;

/** From `session.created` to `close`; owns a signal chain, an answer and two timers. */
export class RealtimeSession {
  readonly #behaviour: RealtimeBehaviour;
  readonly #host: RealtimeSessionHost;
  readonly #settings: RealtimeSettings;
  readonly #audio: RealtimeAudio;
  readonly #conversation = new RealtimeConversation();
  readonly #talk: DialogueTalk;
  readonly #phrases: readonly string[];
  readonly #expiry: Timer;
  #idle: Timer | null = null;
  #response: RealtimeResponseRun | null = null;
  #responseStartMs = 0;
  #unanswered: Unanswered | null = null;
  /** The item that the speech at hand will become. */
  #turnItemId: string | null = null;
  #closed = false;

  /** Says `session.created`. @throws ERR_TALKSPURT_DSP_POOL_EMPTY */
  constructor(behaviour: RealtimeBehaviour, model: string, host: RealtimeSessionHost) {
    const { clock, sessionMs, dialogue, dspPool } = behaviour;
    this.#behaviour = behaviour;
    this.#host = host;
    this.#talk = new DialogueTalk(dialogue);
    this.#phrases = phrasesOf(dialogue);
    const expiresAt = Math.floor((clock.wallTimeMs() + sessionMs) / 1000);
    this.#settings = new RealtimeSettings(model, newId('sess'), expiresAt);
    const { inputFormat, vad } = this.#settings;
    this.#audio = new RealtimeAudio(dspPool, inputFormat, vad, (edge) => this.#onEdge(edge));
    this.#expiry = clock.after(sessionMs, () => this.#expire());
    this.#send({ type: 'session.created', session: this.#settings.session });
  }

  /** One message of the client's, as text. Whatever it is, the session goes on. */
  receive(text: string): void {
    let eventId: string | null = null;
    try {
      const event = parseClientEvent(text);
      if (typeof event['event_id'] === 'string') eventId = event['event_id'].slice(0, 512);
      this.#dispatch(event);
    } catch (error) {
      if (!(error instanceof RealtimeRefusal)) throw error;
      const { code, message, param } = error;
      this.#host.count('refusedEvents', 1);
      this.#send({
        type: 'error',
        error: { type: 'invalid_request_error', code, message, param, event_id: eventId },
      });
    }
  }

  /** Frees everything; nothing is sent any more. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#expiry.cancel();
    this.#idle?.cancel();
    this.#response?.end({ status: 'cancelled', reason: 'client_cancelled' });
    this.#audio.close();
  }

  #dispatch(event: Fields): void {
    const type = event['type'];
    switch (type) {
      case 'session.update':
        return this.#update(event['session']);
      case 'input_audio_buffer.append':
        return this.#append(event['audio']);
      case 'input_audio_buffer.commit':
        return this.#commitByClient();
      case 'input_audio_buffer.clear':
        this.#audio.clear();
        return this.#send({ type: 'input_audio_buffer.cleared' });
      case 'conversation.item.create':
        return this.#createItem(event['item'], event['previous_item_id']);
      case 'conversation.item.truncate': {
        const cut = this.#conversation.truncate(event['item_id'], event['content_index'], event['audio_end_ms']);
        const { itemId: item_id, audioEndMs: audio_end_ms } = cut;
        return this.#send({ type: 'conversation.item.truncated', item_id, content_index: 0, audio_end_ms });
      }
      case 'conversation.item.delete':
        return this.#send({
          type: 'conversation.item.deleted',
          item_id: this.#conversation.delete(event['item_id']),
        });
      case 'conversation.item.retrieve':
        return this.#send({
          type: 'conversation.item.retrieved',
          item: this.#conversation.retrieve(event['item_id']),
        });
      case 'response.create':
        return this.#respondToClient(event['response']);
      case 'response.cancel':
        return this.#cancelByClient(event['response_id']);
      default:
        throw unknownType(type);
    }
  }

  #update(change: unknown): void {
    this.#settings.update(change);
    this.#audio.configure(this.#settings.inputFormat, this.#settings.vad);
    this.#send({ type: 'session.updated', session: this.#settings.session });
  }

  #append(audio: unknown): void {
    if (typeof audio !== 'string') {
      throw new RealtimeRefusal('missing_required_parameter', "Missing required parameter: 'audio'.", 'audio');
    }
    if (!isBase64(audio)) {
      const message = "Invalid 'audio'. Expected base64-encoded audio bytes (in the session's input format).";
      throw new RealtimeRefusal('invalid_value', message, 'audio');
    }
    const before = this.#audio.receivedMs;
    this.#audio.append(Buffer.from(audio, 'base64'));
    this.#host.count('heardMs', this.#audio.receivedMs - before);
  }

  #onEdge(edge: HeardEdge): void {
    if (edge.type === 'started') {
      this.#idle?.cancel();
      const item_id = newId('item');
      this.#turnItemId = item_id;
      this.#send({ type: 'input_audio_buffer.speech_started', audio_start_ms: edge.audioStartMs, item_id });
      if (this.#settings.interruptsResponses) this.#cancel({ status: 'cancelled', reason: 'turn_detected' });
      return;
    }
    const item_id = this.#turnItemId ?? newId('item');
    this.#send({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: edge.audioEndMs, item_id });
    this.#commit(item_id, edge.speechMs);
    if (this.#settings.createsResponses && this.#response === null) this.#respond(null);
  }

  #commitByClient(): void {
    const { turnMs } = this.#audio;
    if (turnMs < LEAST_COMMIT_MS) {
      const message =
        'Error committing input audio buffer: buffer too small. Expected at least ' +
        `${LEAST_COMMIT_MS}ms of audio, but buffer only has ${turnMs.toFixed(2)}ms of audio.`;
      throw new RealtimeRefusal('input_audio_buffer_commit_empty', message);
    }
    this.#commit(this.#turnItemId ?? newId('item'), turnMs);
  }

  /** The audio in the buffer becomes an item; what it says is found out meanwhile. */
  #commit(itemId: string, speechMs: number): void {
    this.#turnItemId = null;
    const { sampleRateHz } = this.#audio.format;
    const samples = this.#audio.commit();
    const previous_item_id = this.#conversation.lastItemId;
    this.#send({ type: 'input_audio_buffer.committed', item_id: itemId, previous_item_id });
    const item: ConversationItem = {
      ...{ id: itemId, object: 'realtime.item', type: 'message', role: 'user', status: 'completed' },
      // Null until it has been transcribed: the service says so, the SDK's type does not.
      content: [{ type: 'input_audio', transcript: null as unknown as string }],
    };
    this.#add(item, (samples.length / sampleRateHz) * 1000);
    this.#host.count('turns', 1);
    const heard = this.#understand(samples, sampleRateHz, speechMs);
    this.#unanswered = { kind: 'turn', heard };
    if (this.#settings.transcribes) void heard.then((turn) => this.#sendTranscript(itemId, turn));
  }

  /** Never rejects: without hearing, or when it fails, nothing was understood. */
  async #understand(samples: Int16Array, sampleRateHz: number, speechMs: number): Promise<HeardTurn> {
    const levelDbov = activeLevelDbov(samples, sampleRateHz);
    const { hearing } = this.#behaviour;
    const text = hearing === null ? null : await hearing.recognise(samples, sampleRateHz, this.#phrases);
    return { durationMs: speechMs, levelDbov, text };
  }

  #sendTranscript(item_id: string, turn: HeardTurn): void {
    const seconds = Math.round(turn.durationMs) / 1000;
    const transcript = turn.text ?? `(${seconds.toFixed(1)} s of speech at ${Math.round(turn.levelDbov)} dBov)`;
    const place = { item_id, content_index: 0 };
    this.#send({ type: 'conversation.item.input_audio_transcription.delta', ...place, delta: transcript });
    const usage = { type: 'duration' as const, seconds };
    this.#send({ type: 'conversation.item.input_audio_transcription.completed', ...place, transcript, usage });
  }

  #createItem(fields: unknown, previousItemId: unknown): void {
    const { item, previousItemId: previous_item_id } = this.#conversation.create(fields, previousItemId);
    this.#send({ type: 'conversation.item.added', item, previous_item_id });
    this.#send({ type: 'conversation.item.done', item, previous_item_id });
    if (item.type === 'function_call_output') this.#unanswered = { kind: 'result', output: item.output };
    if (item.type !== 'message' || item.role !== 'user') return;
    const text = item.content.map((part) => ('text' in part ? part.text : (part.transcript ?? ''))).join(' ');
    this.#unanswered = { kind: 'turn', heard: Promise.resolve({ durationMs: 0, levelDbov: -127, text }) };
  }

  #respondToClient(wishes: unknown): void {
    const response = this.#settings.responseOf(wishes);
    if (this.#response !== null) {
      const message =
        `Conversation already has an active response in progress: ${this.#response.id}. ` +
        'Wait until the response is finished before creating a new one.';
      throw new RealtimeRefusal('conversation_already_has_active_response', message);
    }
    this.#respond(response);
  }

  #respond(wishes: ResponseCreate | null): void {
    this.#idle?.cancel();
    const fault = this.#behaviour.fault();
    if (fault?.kind === 'no-response') return;
    const { clock, speech, voice, thinkMs, pieceMs, speedUp } = this.#behaviour;
    const settings = this.#settings;
    const saysText = (wishes?.output_modalities?.[0] ?? (settings.saysText ? 'text' : 'audio')) === 'text';
    const named = wishes?.audio?.output?.format;
    const format = named === undefined ? settings.outputFormat : formatOf(named);
    const { speed } = settings;
    const run = new RealtimeResponseRun({
      conversationId: this.#conversation.id,
      plan: this.#plan(wishes),
      format: saysText ? null : format,
      metadata: wishes?.metadata ?? null,
      maxTokens: wishes?.max_output_tokens ?? settings.session.max_output_tokens ?? 'inf',
      inputTokens: this.#conversation.inputTokens(wishes?.instructions ?? settings.session.instructions ?? ''),
      ...{ clock, thinkMs, pieceMs, speedUp },
      say: (sentence) => speech.synthesize(sentence, voice, speed),
      send: (event, audioMs = 0) => {
        if (audioMs > 0) settings.voiceFixed = true;
        this.#send(event, audioMs);
      },
      put: (item, audioMs) => this.#conversation.put(item, audioMs).previousItemId,
      onDone: (audioMs) => this.#onResponseDone(run, audioMs),
    });
    this.#response = run;
    this.#host.count('responses', 1);
    this.#responseStartMs = clock.nowMs();
    run.start();
    this.#sendRateLimits();
    if (fault?.kind === 'error') run.end({ status: 'failed', code: fault.code, message: fault.message });
  }

  /** Decides, once what was heard is known, what there is to say. */
  async #plan(wishes: ResponseCreate | null): Promise<AgentTurn> {
    const asked = this.#unanswered;
    this.#unanswered = null;
    if (asked === null) return this.#talk.unasked();
    if (asked.kind === 'result') return this.#talk.afterCall(asked.output);
    return this.#talk.answer(await asked.heard, this.#settings.functions(wishes));
  }

  #onResponseDone(run: RealtimeResponseRun, audioMs: number): void {
    this.#host.count('saidMs', audioMs);
    if (this.#response === run) this.#response = null;
    const { idleTimeoutMs } = this.#settings;
    if (idleTimeoutMs === null || this.#closed) return;
    // It counts from where the answer has been played, as long as that takes.
    const { clock, thinkMs } = this.#behaviour;
    const playedMs = Math.max(0, this.#responseStartMs + thinkMs + audioMs - clock.nowMs());
    this.#idle?.cancel();
    const fromMs = this.#audio.receivedMs + playedMs;
    this.#idle = clock.after(playedMs + idleTimeoutMs, () => this.#onIdle(fromMs));
  }

  /** The caller has said nothing for too long: an empty turn, and an answer to it. */
  #onIdle(fromMs: number): void {
    if (this.#response !== null || this.#audio.speaking) return;
    const item_id = newId('item');
    const place = { audio_start_ms: Math.round(fromMs), audio_end_ms: this.#audio.receivedMs, item_id };
    this.#send({ type: 'input_audio_buffer.timeout_triggered', ...place });
    this.#commit(item_id, 0);
    this.#unanswered = null;
    this.#respond(null);
  }

  #cancelByClient(responseId: unknown): void {
    if (this.#response === null || (typeof responseId === 'string' && responseId !== this.#response.id)) {
      throw new RealtimeRefusal('response_cancel_not_active', 'Cancellation failed: no active response found');
    }
    this.#cancel({ status: 'cancelled', reason: 'client_cancelled' });
  }

  #cancel(end: ResponseEnd): void {
    if (this.#response === null) return;
    this.#host.count('responsesCancelled', 1);
    this.#response.end(end);
  }

  #add(item: ConversationItem, audioMs: number): void {
    const { previousItemId: previous_item_id } = this.#conversation.put(item, audioMs);
    this.#send({ type: 'conversation.item.added', item, previous_item_id });
    this.#send({ type: 'conversation.item.done', item, previous_item_id });
  }

  #sendRateLimits(): void {
    const rate_limits = [
      { name: 'requests' as const, limit: 5_000, remaining: 4_999, reset_seconds: 0.012 },
      { name: 'tokens' as const, limit: 400_000, remaining: 395_000, reset_seconds: 0.75 },
    ];
    this.#send({ type: 'rate_limits.updated', rate_limits });
  }

  #expire(): void {
    const minutes = Math.round(this.#behaviour.sessionMs / 60_000);
    const message = `Your session hit the maximum duration of ${minutes} minutes.`;
    const error = { type: 'invalid_request_error', code: 'session_expired', message, param: null, event_id: null };
    this.#send({ type: 'error', error });
    this.#host.end(message);
  }

  #send(event: ServerEvent, audioMs = 0): void {
    if (!this.#closed) this.#host.send(event, audioMs);
  }
}

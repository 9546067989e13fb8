/** One client of the embedded backend: the OpenAI Realtime protocol as the service speaks it, over any way to send. */
import type { ConversationItem } from 'openai/resources/realtime/realtime';
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.ts';
import type { DspPool } from '../dsp/dsp.ts';
import { chooseAnswer, sentencesOf } from './dialogue.ts';
import type { Dialogue, HeardTurn } from './dialogue.ts';
import type { Hearing } from './hearing.ts';
import { RealtimeAudio } from './realtime-audio.ts';
import type { HeardEdge } from './realtime-audio.ts';
import { RealtimeResponseRun } from './realtime-response.ts';
import type { CancelReason, ServerEvent } from './realtime-response.ts';
import { RealtimeSettings } from './realtime-settings.ts';
import type { SpeechSynthesizer, Voice } from './speech.ts';

/** How the embedded backend behaves towards each client. */
export interface RealtimeBehaviour {
  readonly clock: Clock;
  readonly dspPool: DspPool;
  readonly speech: SpeechSynthesizer;
  readonly hearing: Hearing | null;
  readonly dialogue: Dialogue;
  readonly voice: Voice;
  readonly thinkMs: number;
  readonly pieceMs: number;
  readonly speedUp: number;
  /** The service ends a session after 60 minutes. */
  readonly sessionMs: number;
}

type Fields = Readonly<Record<string, unknown>>;

interface Remembered {
  readonly item: ConversationItem;
  readonly audioMs: () => number;
}

/** Items a session remembers; the oldest is forgotten. */
const ITEMS = 512;

export class RealtimeSession {
  readonly #behaviour: RealtimeBehaviour;
  readonly #write: (event: ServerEvent & { event_id: string }) => void;
  readonly #end: () => void;
  readonly #settings: RealtimeSettings;
  readonly #audio: RealtimeAudio;
  readonly #expiry: Timer;
  readonly #items = new Map<string, Remembered>();
  #response: RealtimeResponseRun | null = null;
  #lastItemId: string | null = null;
  #turnItemId: string | null = null;
  #turnStartMs = 0;
  #turns = 0;
  #greeted = false;
  #closed = false;
  #events = 0;

  /** `write` sends one event, `end` closes the connection. @throws ERR_TALKSPURT_DSP_POOL_EMPTY */
  constructor(behaviour: RealtimeBehaviour, model: string, write: (event: object) => void, end: () => void) {
    this.#behaviour = behaviour;
    this.#write = write;
    this.#end = end;
    const expiresAt = Math.floor((behaviour.clock.wallTimeMs() + behaviour.sessionMs) / 1000);
    this.#settings = new RealtimeSettings(model, newId('sess'), expiresAt);
    this.#audio = new RealtimeAudio(behaviour.dspPool, this.#settings.inputFormat, this.#settings.vad, (edge) =>
      this.#onEdge(edge),
    );
    this.#expiry = behaviour.clock.after(behaviour.sessionMs, () => this.#expire());
    this.#sendSession('session.created');
  }

  /** Whether an answer is being given. */
  get responding(): boolean {
    return this.#response !== null;
  }

  /** One message of the client's, as text. Whatever it is, it ends in an event. */
  receive(text: string): void {
    let event: unknown;
    try {
      event = JSON.parse(text);
    } catch (error) {
      this.#refuse(
        'invalid_json',
        `We could not parse the JSON body of your request: ${String(error)}`,
        null,
        undefined,
      );
      return;
    }
    if (!isFields(event) || typeof event['type'] !== 'string') {
      this.#refuse('missing_required_parameter', "Missing required parameter: 'type'.", 'type', undefined);
      return;
    }
    const id = typeof event['event_id'] === 'string' ? event['event_id'] : undefined;
    this.#dispatch(event['type'], event, id);
  }

  /** Frees everything. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#expiry.cancel();
    this.#response?.cancel('client_cancelled');
    this.#audio.close();
  }

  #dispatch(type: string, event: Fields, id: string | undefined): void {
    switch (type) {
      case 'session.update':
        return this.#update(event, id);
      case 'input_audio_buffer.append':
        return this.#append(event['audio'], id);
      case 'input_audio_buffer.commit':
        return this.#commitByClient(id);
      case 'input_audio_buffer.clear':
        this.#audio.clear();
        return this.#send({ type: 'input_audio_buffer.cleared' });
      case 'conversation.item.create':
        return this.#createItem(event['item'], id);
      case 'conversation.item.truncate':
        return this.#truncate(event, id);
      case 'conversation.item.delete':
      case 'conversation.item.retrieve':
        return this.#deleteOrRetrieve(type, event['item_id'], id);
      case 'response.create':
        return this.#createByClient(event['response'], id);
      case 'response.cancel':
        return this.#cancelByClient(event['response_id'], id);
      case 'output_audio_buffer.clear':
        return;
      default:
        this.#refuse('invalid_value', `Invalid value: '${type}'. It is not an event that clients send.`, 'type', id);
    }
  }

  #update(event: Fields, id: string | undefined): void {
    const refused = this.#settings.update(event['session']);
    if (refused !== null) {
      this.#refuse(refused.code, refused.message, refused.param, id);
      return;
    }
    this.#audio.configure(this.#settings.inputFormat, this.#settings.vad);
    this.#sendSession('session.updated');
  }

  #append(audio: unknown, id: string | undefined): void {
    if (typeof audio !== 'string' || !isBase64(audio)) {
      this.#refuse('invalid_value', "Invalid 'audio'. Expected base64-encoded audio bytes.", 'audio', id);
      return;
    }
    this.#audio.append(Buffer.from(audio, 'base64'));
  }

  #onEdge(edge: HeardEdge): void {
    if (edge.type === 'started') {
      this.#turnItemId = newId('item');
      this.#turnStartMs = edge.audioStartMs;
      this.#send({
        type: 'input_audio_buffer.speech_started',
        audio_start_ms: edge.audioStartMs,
        item_id: this.#turnItemId,
      });
      if (this.#settings.interruptsResponses) this.#cancel('turn_detected');
      return;
    }
    const itemId = this.#turnItemId ?? newId('item');
    this.#send({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: edge.audioEndMs, item_id: itemId });
    const silenceMs = this.#settings.vad?.silenceDurationMs ?? 0;
    const prefixMs = this.#settings.vad?.prefixPaddingMs ?? 0;
    const durationMs = Math.max(0, edge.audioEndMs - silenceMs - this.#turnStartMs - prefixMs);
    this.#commit(itemId, durationMs, this.#settings.createsResponses);
  }

  #commitByClient(id: string | undefined): void {
    const turnMs = this.#audio.turnMs;
    if (turnMs < 100) {
      const message = `Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has ${turnMs.toFixed(2)}ms of audio.`;
      this.#refuse('input_audio_buffer_commit_empty', message, null, id);
      return;
    }
    this.#commit(this.#turnItemId ?? newId('item'), turnMs, false);
  }

  #pending: Promise<HeardTurn> | null = null;

  #commit(itemId: string, durationMs: number, answer: boolean): void {
    this.#turnItemId = null;
    const rateHz = this.#settings.inputFormat.sampleRateHz;
    const samples = this.#audio.commit();
    this.#send({ type: 'input_audio_buffer.committed', item_id: itemId, previous_item_id: this.#lastItemId });
    const item: ConversationItem = {
      id: itemId,
      object: 'realtime.item',
      type: 'message',
      role: 'user',
      status: 'completed',
      content: [{ type: 'input_audio', transcript: null as unknown as string }],
    };
    this.#add(item, () => 0);
    const heard = this.#understand(samples, rateHz, durationMs).then((turn) => {
      if (this.#settings.transcribes) this.#transcribed(itemId, turn);
      return turn;
    });
    this.#pending = heard;
    if (answer) void heard.then((turn) => this.#answer(turn));
  }

  async #understand(samples: Int16Array, rateHz: number, durationMs: number): Promise<HeardTurn> {
    const phrases = this.#behaviour.dialogue.answers.flatMap((candidate) => candidate.phrases);
    const text = (await this.#behaviour.hearing?.recognise(samples, rateHz, phrases)) ?? null;
    return { durationMs, levelDbov: activeLevelDbov(samples, rateHz), text };
  }

  #transcribed(itemId: string, turn: HeardTurn): void {
    const transcript =
      turn.text ?? `(${(turn.durationMs / 1000).toFixed(1)} s of speech, ${Math.round(turn.levelDbov)} dBov)`;
    const usage = { type: 'duration' as const, seconds: turn.durationMs / 1000 };
    this.#send({
      type: 'conversation.item.input_audio_transcription.completed',
      item_id: itemId,
      content_index: 0,
      transcript,
      usage,
    });
  }

  #answer(heard: HeardTurn): void {
    const choice = chooseAnswer(this.#behaviour.dialogue, this.#turns, heard);
    this.#turns += 1;
    this.#greeted = true;
    const call =
      choice.call === undefined
        ? undefined
        : { id: newId('call'), name: choice.call.name, argumentsJson: JSON.stringify(choice.call.arguments) };
    this.#respond(sentencesOf(choice.say, heard), call);
  }

  #createByClient(response: unknown, id: string | undefined): void {
    if (this.#response !== null) {
      const message = `Conversation already has an active response in progress: ${this.#response.id}. Wait until the response is finished before creating a new one.`;
      this.#refuse('conversation_already_has_active_response', message, null, id);
      return;
    }
    if (response !== undefined && !isFields(response)) {
      this.#refuse('invalid_type', "Invalid type for 'response': expected an object.", 'response', id);
      return;
    }
    if (!this.#greeted && this.#pending === null) {
      this.#greeted = true;
      this.#respond([...this.#behaviour.dialogue.greeting], undefined);
      return;
    }
    const heard = this.#pending ?? Promise.resolve<HeardTurn>({ durationMs: 0, levelDbov: -127, text: null });
    void heard.then((turn) => {
      if (this.#response === null) this.#answer(turn);
    });
  }

  #respond(sentences: readonly string[], call: { id: string; name: string; argumentsJson: string } | undefined): void {
    if (this.#closed) return;
    this.#cancel('turn_detected');
    const { clock, speech, voice, thinkMs, pieceMs, speedUp } = this.#behaviour;
    const run = new RealtimeResponseRun({
      id: newId('resp'),
      itemId: newId('item'),
      sentences,
      ...(call === undefined ? {} : { call }),
      format: this.#settings.outputFormat,
      voice,
      speech,
      clock,
      thinkMs,
      pieceMs,
      speedUp,
      send: (event) => {
        if (event.type === 'response.output_audio.delta') this.#settings.voiceFixed = true;
        this.#send(event);
      },
      remember: (item, audioMs) => this.#remember(item, audioMs),
    });
    this.#response = run;
    run
      .run()
      .catch((error: unknown) => {
        const message = `The server had an error while processing your request: ${error instanceof Error ? error.message : String(error)}`;
        this.#send({ type: 'error', error: { type: 'server_error', code: 'server_error', message, param: null } });
      })
      .finally(() => {
        if (this.#response === run) this.#response = null;
        this.#send({
          type: 'rate_limits.updated',
          rate_limits: [{ name: 'requests', limit: 1000, remaining: 999, reset_seconds: 0.06 }],
        });
      });
  }

  #cancelByClient(responseId: unknown, id: string | undefined): void {
    if (this.#response === null || (typeof responseId === 'string' && responseId !== this.#response.id)) {
      this.#refuse('response_cancel_not_active', 'Cancellation failed: no active response found', null, id);
      return;
    }
    this.#cancel('client_cancelled');
  }

  #cancel(reason: CancelReason): void {
    this.#response?.cancel(reason);
    this.#response = null;
  }

  #createItem(item: unknown, id: string | undefined): void {
    if (!isFields(item) || typeof item['type'] !== 'string') {
      this.#refuse('missing_required_parameter', "Missing required parameter: 'item.type'.", 'item.type', id);
      return;
    }
    if (item['type'] !== 'message' && item['type'] !== 'function_call_output' && item['type'] !== 'function_call') {
      this.#refuse('invalid_value', `Invalid value: '${item['type']}'.`, 'item.type', id);
      return;
    }
    const made = {
      status: 'completed',
      object: 'realtime.item',
      ...item,
      id: typeof item['id'] === 'string' ? item['id'] : newId('item'),
    };
    this.#add(made as unknown as ConversationItem, () => 0);
  }

  #add(item: ConversationItem, audioMs: () => number): void {
    const previous_item_id = this.#lastItemId;
    this.#remember(item, audioMs);
    this.#send({ type: 'conversation.item.added', item, previous_item_id });
    this.#send({ type: 'conversation.item.done', item, previous_item_id });
  }

  #remember(item: ConversationItem, audioMs: () => number): void {
    const itemId = item.id ?? newId('item');
    this.#items.set(itemId, { item, audioMs });
    this.#lastItemId = itemId;
    for (const oldest of this.#items.keys()) {
      if (this.#items.size <= ITEMS) break;
      this.#items.delete(oldest);
    }
  }

  #truncate(event: Fields, id: string | undefined): void {
    const {
      item_id: itemId,
      content_index: contentIndex,
      audio_end_ms: audioEndMs,
    } = event as { item_id?: unknown; content_index?: unknown; audio_end_ms?: unknown };
    const known = typeof itemId === 'string' ? this.#items.get(itemId) : undefined;
    if (typeof itemId !== 'string' || known === undefined) {
      this.#refuse('item_truncate_invalid_item_id', `Item '${String(itemId)}' does not exist.`, 'item_id', id);
      return;
    }
    if (contentIndex !== 0 || typeof audioEndMs !== 'number' || !Number.isInteger(audioEndMs) || audioEndMs < 0) {
      this.#refuse(
        'invalid_value',
        "Invalid value: 'audio_end_ms' must be a whole number of ms, and 'content_index' 0.",
        'audio_end_ms',
        id,
      );
      return;
    }
    const lengthMs = Math.ceil(known.audioMs());
    if (audioEndMs > lengthMs) {
      this.#refuse(
        'invalid_value',
        `Audio content of ${lengthMs}ms is already shorter than ${audioEndMs}ms`,
        'audio_end_ms',
        id,
      );
      return;
    }
    this.#send({ type: 'conversation.item.truncated', item_id: itemId, content_index: 0, audio_end_ms: audioEndMs });
  }

  #deleteOrRetrieve(
    type: 'conversation.item.delete' | 'conversation.item.retrieve',
    itemId: unknown,
    id: string | undefined,
  ): void {
    const known = typeof itemId === 'string' ? this.#items.get(itemId) : undefined;
    if (typeof itemId !== 'string' || known === undefined) {
      this.#refuse('item_not_found', `Item '${String(itemId)}' does not exist.`, 'item_id', id);
    } else if (type === 'conversation.item.delete') {
      this.#items.delete(itemId);
      this.#send({ type: 'conversation.item.deleted', item_id: itemId });
    } else {
      this.#send({ type: 'conversation.item.retrieved', item: known.item });
    }
  }

  #expire(): void {
    const message = 'Your session hit the maximum duration of 60 minutes.';
    this.#send({
      type: 'error',
      error: { type: 'invalid_request_error', code: 'session_expired', message, param: null },
    });
    this.#end();
  }

  #sendSession(type: 'session.created' | 'session.updated'): void {
    // The session object is checked where it is changed; the SDK's own type is a union over kinds of session.
    this.#send({ type, session: this.#settings.session } as unknown as ServerEvent);
  }

  #refuse(code: string, message: string, param: string | null, eventId: string | undefined): void {
    this.#send({
      type: 'error',
      error: { type: 'invalid_request_error', code, message, param, event_id: eventId ?? null },
    });
  }

  #send(event: ServerEvent): void {
    if (this.#closed) return;
    this.#events += 1;
    this.#write({ event_id: `event_${this.#events.toString(36).padStart(8, '0')}`, ...event });
  }
}

function newId(kind: string): string {
  return `${kind}_${randomBytes(10).toString('hex')}`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** Level of the loud half of a turn, dBov: pauses do not count. */
function activeLevelDbov(samples: Int16Array, rateHz: number): number {
  const step = Math.floor(rateHz / 50);
  const powers: number[] = [];
  for (let at = 0; at + step <= samples.length; at += step) {
    let sum = 0;
    for (let i = at; i < at + step; i++) sum += (samples[i] ?? 0) ** 2;
    powers.push(sum / step / 32768 ** 2);
  }
  const loud = powers.sort((a, b) => b - a).slice(0, Math.ceil(powers.length / 2));
  const mean = loud.reduce((sum, power) => sum + power, 0) / Math.max(1, loud.length);
  return mean <= 0 ? -127 : 10 * Math.log10(mean);
}

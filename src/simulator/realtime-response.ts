/** One answer of the embedded backend, from `response.created` to `response.done`: speech in pieces, faster than real time. */
import type {
  ConversationItem,
  RealtimeConversationItemAssistantMessage,
  RealtimeResponse,
} from 'openai/resources/realtime/realtime';
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs } from '../core/media.ts';
import type { DialogueCall } from './dialogue.ts';
import type { AgentTurn } from './dialogue-talk.ts';
import type { InputTokens } from './realtime-conversation.ts';
import { AGENT_TOKEN_MS } from './realtime-conversation.ts';
import type { ServerEvent } from './realtime-event.ts';
import { newId } from './realtime-event.ts';
import { resampleSinc, resampledLength } from './sinc-resample.ts';
import type { Speech } from './speech.ts';
import { fromLinear } from './wire-audio.ts';

/** Everything that an answer needs; nothing of it changes while it is given. */
export interface ResponseParts {
  readonly conversationId: string;
  /** What the agent does; may take its time. */
  readonly plan: Promise<AgentTurn>;
  /** The format to speak in, or null to write. */
  readonly format: AudioFormat | null;
  readonly metadata: Record<string, string> | null;
  readonly maxTokens: number | 'inf';
  readonly inputTokens: InputTokens;
  readonly clock: Clock;
  readonly thinkMs: number;
  readonly pieceMs: number;
  readonly speedUp: number;
  readonly say: (sentence: string) => Promise<Speech>;
  /** `audioMs`: what the event holds of the answer's audio. */
  readonly send: (event: ServerEvent, audioMs?: number) => void;
  /** The item as it stands becomes part of the conversation; returns the id of the one before it. */
  readonly put: (item: ConversationItem, audioMs: number) => string | null;
  /** It is over; `audioMs` were said. */
  readonly onDone: (audioMs: number) => void;
}

/** Why an answer ends before its time. */
export type ResponseEnd =
  | { readonly status: 'cancelled'; readonly reason: 'turn_detected' | 'client_cancelled' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string };

type Place = { response_id: string; item_id: string; output_index: 0; content_index: 0 };
type Status = NonNullable<RealtimeResponse['status']>;

/** Characters of text that count as one token. */
const TOKEN_CHARACTERS = 4;

/** Given once: `start`, then events until `onDone`, which comes exactly once. */
export class RealtimeResponseRun {
  readonly id = newId('resp');
  readonly itemId = newId('item');
  readonly #parts: ResponseParts;
  readonly #stop = new AbortController();
  readonly #place: Place = { response_id: this.id, item_id: this.itemId, output_index: 0, content_index: 0 };
  #transcript = '';
  #audioMs = 0;
  #messageBegun = false;
  #output: ConversationItem[] = [];
  #over = false;

  constructor(parts: ResponseParts) {
    this.#parts = parts;
  }

  /** Says `response.created` at once and the rest in time. */
  start(): void {
    this.#parts.send({ type: 'response.created', response: this.#response('in_progress') });
    this.#run().catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      this.end({ status: 'failed', code: 'server_error', message });
    });
  }

  /** Ends it before its time: all that was begun is closed in order, before this returns. Twice is harmless. */
  end(end: ResponseEnd): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#messageBegun) this.#closeMessage('incomplete');
    if (end.status === 'failed') {
      const { code, message } = end;
      this.#parts.send({ type: 'error', error: { type: 'server_error', code, message, param: null } });
    }
    this.#finish(end.status, end);
    this.#stop.abort(new Error(end.status));
  }

  async #run(): Promise<void> {
    const { plan, clock, thinkMs } = this.#parts;
    const ready = await this.#unlessOver(Promise.all([plan, delay(clock, thinkMs, this.#stop.signal)]));
    if (ready === null) return;
    const [turn] = ready;
    if (turn.call !== undefined) this.#callFunction(turn.call);
    else await this.#speak(turn.sentences);
  }

  async #speak(sentences: readonly string[]): Promise<void> {
    const { send, format } = this.#parts;
    this.#beginMessage();
    // The next sentence is made while one is being sent.
    let next = format === null ? null : this.#prepare(sentences[0]);
    for (const [index, sentence] of sentences.entries()) {
      const delta = index === 0 ? sentence : ` ${sentence}`;
      if (format === null) {
        this.#transcript += delta;
        send({ type: 'response.output_text.delta', ...this.#place, delta });
        continue;
      }
      const speech = await this.#unlessOver(next ?? Promise.resolve(null));
      if (speech === null) return;
      next = this.#prepare(sentences[index + 1]);
      this.#transcript += delta;
      send({ type: 'response.output_audio_transcript.delta', ...this.#place, delta });
      if (!(await this.#sendAudio(speech, format))) return;
    }
    this.#over = true;
    this.#closeMessage('completed');
    this.#finish('completed', null);
  }

  /** In pieces; false when the answer has ended meanwhile, by others or by its limit. */
  async #sendAudio(speech: Speech, format: AudioFormat): Promise<boolean> {
    const { send, clock, pieceMs, speedUp, maxTokens } = this.#parts;
    const { samples, sampleRateHz } = speech;
    const length = resampledLength(samples.length, sampleRateHz, format.sampleRateHz);
    const pieceSamples = Math.max(1, Math.round((pieceMs * format.sampleRateHz) / 1000));
    for (let at = 0; at < length; at += pieceSamples) {
      // Converted piece by piece: a long sentence at once would hold up everything else in the process.
      const linear = resampleSinc(samples, sampleRateHz, format.sampleRateHz, at, pieceSamples);
      const piece = fromLinear(linear, format.codec);
      const audioMs = piece.length / bytesPerMs(format);
      this.#audioMs += audioMs;
      const delta = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64');
      send({ type: 'response.output_audio.delta', ...this.#place, delta }, audioMs);
      this.#parts.put(this.#message('in_progress'), this.#audioMs);
      if (maxTokens !== 'inf' && this.#audioMs / AGENT_TOKEN_MS >= maxTokens) {
        this.#over = true;
        this.#closeMessage('incomplete');
        this.#finish('incomplete', null);
        return false;
      }
      const waited = await this.#unlessOver(delay(clock, pieceMs / speedUp, this.#stop.signal).then(() => true));
      if (waited === null) return false;
    }
    return true;
  }

  /** What `work` gives, or null when the answer was ended meanwhile (its rejection is then of no interest). */
  async #unlessOver<T>(work: Promise<T>): Promise<T | null> {
    try {
      const value = await work;
      return this.#over ? null : value;
    } catch (error) {
      if (this.#over) return null;
      throw error;
    }
  }

  #prepare(sentence: string | undefined): Promise<Speech> | null {
    if (sentence === undefined) return null;
    const speech = this.#parts.say(sentence);
    // It is awaited later, or never when the answer ends first.
    speech.catch(() => undefined);
    return speech;
  }

  #callFunction({ name, arguments: values }: DialogueCall): void {
    const { send, put } = this.#parts;
    const callId = newId('call');
    const full = JSON.stringify(values);
    const item = (status: 'in_progress' | 'completed', text: string): ConversationItem => ({
      ...{ id: this.itemId, object: 'realtime.item', type: 'function_call', status, call_id: callId, name },
      arguments: text,
    });
    const begun = item('in_progress', '');
    const done = item('completed', full);
    const place = { response_id: this.id, item_id: this.itemId, output_index: 0, call_id: callId };
    send({ type: 'response.output_item.added', response_id: this.id, output_index: 0, item: begun });
    send({ type: 'conversation.item.added', item: begun, previous_item_id: put(begun, 0) });
    send({ type: 'response.function_call_arguments.delta', ...place, delta: full });
    send({ type: 'response.function_call_arguments.done', ...place, name, arguments: full });
    send({ type: 'conversation.item.done', item: done, previous_item_id: put(done, 0) });
    send({ type: 'response.output_item.done', response_id: this.id, output_index: 0, item: done });
    this.#output = [done];
    this.#over = true;
    this.#finish('completed', null);
  }

  #beginMessage(): void {
    const { send, put, format } = this.#parts;
    this.#messageBegun = true;
    const item = this.#message('in_progress');
    send({ type: 'response.output_item.added', response_id: this.id, output_index: 0, item });
    send({ type: 'conversation.item.added', item, previous_item_id: put(item, 0) });
    const part = format === null ? { type: 'text' as const, text: '' } : { type: 'audio' as const, transcript: '' };
    send({ type: 'response.content_part.added', ...this.#place, part });
  }

  #closeMessage(status: 'completed' | 'incomplete'): void {
    const { send, put, format } = this.#parts;
    const said = this.#transcript;
    if (format === null) {
      send({ type: 'response.output_text.done', ...this.#place, text: said });
      send({ type: 'response.content_part.done', ...this.#place, part: { type: 'text', text: said } });
    } else {
      send({ type: 'response.output_audio.done', ...this.#place });
      send({ type: 'response.output_audio_transcript.done', ...this.#place, transcript: said });
      send({ type: 'response.content_part.done', ...this.#place, part: { type: 'audio', transcript: said } });
    }
    const item = this.#message(status);
    send({ type: 'conversation.item.done', item, previous_item_id: put(item, this.#audioMs) });
    send({ type: 'response.output_item.done', response_id: this.id, output_index: 0, item });
    this.#output = [item];
  }

  #finish(status: Status, end: ResponseEnd | null): void {
    const { send, onDone } = this.#parts;
    send({ type: 'response.done', response: this.#response(status, end) });
    onDone(this.#audioMs);
  }

  #message(status: 'in_progress' | 'completed' | 'incomplete'): RealtimeConversationItemAssistantMessage {
    const part =
      this.#parts.format === null
        ? { type: 'output_text' as const, text: this.#transcript }
        : { type: 'output_audio' as const, transcript: this.#transcript };
    const content = status === 'in_progress' ? [] : [part];
    return { id: this.itemId, object: 'realtime.item', type: 'message', role: 'assistant', status, content };
  }

  #response(status: Status, end: ResponseEnd | null = null): RealtimeResponse {
    const { conversationId, format, metadata, maxTokens } = this.#parts;
    return {
      id: this.id,
      object: 'realtime.response',
      conversation_id: conversationId,
      status,
      output: this.#output,
      output_modalities: [format === null ? 'text' : 'audio'],
      max_output_tokens: maxTokens,
      metadata,
      ...(status === 'in_progress' ? {} : { usage: this.#usage() }),
      ...(status === 'incomplete' ? { status_details: { type: status, reason: 'max_output_tokens' } } : {}),
      ...(end?.status === 'cancelled' ? { status_details: { type: 'cancelled', reason: end.reason } } : {}),
      ...(end?.status === 'failed'
        ? { status_details: { type: 'failed', error: { type: 'server_error', code: end.code } } }
        : {}),
    };
  }

  #usage(): NonNullable<RealtimeResponse['usage']> {
    const { audio, text } = this.#parts.inputTokens;
    const saidAudio = Math.ceil(this.#audioMs / AGENT_TOKEN_MS);
    const saidText = Math.ceil((this.#transcript.length || JSON.stringify(this.#output).length) / TOKEN_CHARACTERS);
    return {
      total_tokens: audio + text + saidAudio + saidText,
      input_tokens: audio + text,
      output_tokens: saidAudio + saidText,
      input_token_details: { audio_tokens: audio, text_tokens: text, image_tokens: 0, cached_tokens: 0 },
      output_token_details: { audio_tokens: saidAudio, text_tokens: saidText },
    };
  }
}

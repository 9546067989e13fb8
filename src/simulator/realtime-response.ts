/** One answer of the embedded backend, from `response.created` to `response.done`: speech in pieces, faster than real time. */
import type {
  ConversationItem,
  RealtimeConversationItemAssistantMessage,
  RealtimeResponse,
  RealtimeServerEvent,
} from 'openai/resources/realtime/realtime';
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs } from '../core/media.ts';
import { fromLinear } from './realtime-audio.ts';
import { resampleSinc } from './sinc-resample.ts';
import type { SpeechSynthesizer, Voice } from './speech.ts';

/** An event as the service sends it, without its id. */
type WithoutId<T> = T extends { event_id: string } ? Omit<T, 'event_id'> : never;
export type ServerEvent = WithoutId<RealtimeServerEvent>;

export interface ResponseParts {
  readonly id: string;
  readonly itemId: string;
  readonly sentences: readonly string[];
  readonly call?: { readonly id: string; readonly name: string; readonly argumentsJson: string };
  readonly format: AudioFormat;
  readonly voice: Voice;
  readonly speech: SpeechSynthesizer;
  readonly clock: Clock;
  /** From the request to the first piece, ms; the time a model would think. */
  readonly thinkMs: number;
  /** Duration of a piece, ms, and how many times faster than real time pieces follow one another. */
  readonly pieceMs: number;
  readonly speedUp: number;
  send(event: ServerEvent): void;
  /** The item as it becomes part of the conversation. */
  remember(item: ConversationItem, audioMs: () => number): void;
}

export type CancelReason = 'turn_detected' | 'client_cancelled';

export class RealtimeResponseRun {
  readonly id: string;
  readonly #parts: ResponseParts;
  readonly #cancelled = new AbortController();
  #cancelReason: CancelReason | null = null;
  #audioMs = 0;
  #transcript = '';

  constructor(parts: ResponseParts) {
    this.id = parts.id;
    this.#parts = parts;
  }

  /** Stops it; `run` then ends with a cancelled `response.done`. */
  cancel(reason: CancelReason): void {
    if (this.#cancelReason !== null) return;
    this.#cancelReason = reason;
    this.#cancelled.abort(new Error(reason));
  }

  /** Speaks it all, or until it is cancelled. Rejects only when the voice fails. */
  async run(): Promise<void> {
    const { send } = this.#parts;
    send({ type: 'response.created', response: this.#response('in_progress', []) });
    try {
      await delay(this.#parts.clock, this.#parts.thinkMs, this.#cancelled.signal);
      if (this.#parts.call === undefined) await this.#speak();
      else this.#callFunction(this.#parts.call);
    } catch (error) {
      if (this.#cancelReason === null) throw error;
    }
    const status = this.#cancelReason === null ? 'completed' : 'cancelled';
    const output =
      this.#parts.call === undefined ? [this.#message(status === 'completed' ? 'completed' : 'incomplete')] : [];
    send({ type: 'response.done', response: this.#response(status, output) });
  }

  async #speak(): Promise<void> {
    const { send, id, itemId, sentences, remember } = this.#parts;
    const message = this.#message('in_progress');
    send({ type: 'response.output_item.added', response_id: id, output_index: 0, item: message });
    send({ type: 'conversation.item.added', item: message });
    remember(message, () => this.#audioMs);
    const place = { response_id: id, item_id: itemId, output_index: 0, content_index: 0 };
    send({ type: 'response.content_part.added', ...place, part: { type: 'audio', transcript: '' } });
    try {
      for (const sentence of sentences) await this.#sentence(sentence, place);
    } finally {
      // What was begun is closed in order, cancelled or not.
      send({ type: 'response.output_audio.done', ...place });
      send({ type: 'response.output_audio_transcript.done', ...place, transcript: this.#transcript });
      send({ type: 'response.content_part.done', ...place, part: { type: 'audio', transcript: this.#transcript } });
      const item = this.#message(this.#cancelReason === null ? 'completed' : 'incomplete');
      send({ type: 'response.output_item.done', response_id: id, output_index: 0, item });
      send({ type: 'conversation.item.done', item });
    }
  }

  async #sentence(
    sentence: string,
    place: { response_id: string; item_id: string; output_index: number; content_index: number },
  ): Promise<void> {
    const { send, speech, voice, format, clock, pieceMs, speedUp } = this.#parts;
    const { samples, sampleRateHz } = await speech.synthesize(sentence, voice);
    const bytes = fromLinear(resampleSinc(samples, sampleRateHz, format.sampleRateHz), format.codec);
    const delta = this.#transcript === '' ? sentence : ` ${sentence}`;
    this.#transcript += delta;
    send({ type: 'response.output_audio_transcript.delta', ...place, delta });
    const pieceBytes = pieceMs * bytesPerMs(format);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      this.#cancelled.signal.throwIfAborted();
      const piece = bytes.subarray(at, at + pieceBytes);
      this.#audioMs += piece.length / bytesPerMs(format);
      send({
        type: 'response.output_audio.delta',
        ...place,
        delta: Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64'),
      });
      await delay(clock, pieceMs / speedUp, this.#cancelled.signal);
    }
  }

  #callFunction(call: { id: string; name: string; argumentsJson: string }): void {
    const { send, id, itemId, remember } = this.#parts;
    const item = (status: 'in_progress' | 'completed'): ConversationItem => ({
      id: itemId,
      type: 'function_call',
      status,
      call_id: call.id,
      name: call.name,
      arguments: status === 'completed' ? call.argumentsJson : '',
    });
    const place = { response_id: id, item_id: itemId, output_index: 0, call_id: call.id };
    send({ type: 'response.output_item.added', response_id: id, output_index: 0, item: item('in_progress') });
    send({ type: 'conversation.item.added', item: item('in_progress') });
    send({ type: 'response.function_call_arguments.delta', ...place, delta: call.argumentsJson });
    send({ type: 'response.function_call_arguments.done', ...place, name: call.name, arguments: call.argumentsJson });
    send({ type: 'response.output_item.done', response_id: id, output_index: 0, item: item('completed') });
    send({ type: 'conversation.item.done', item: item('completed') });
    remember(item('completed'), () => 0);
  }

  #message(status: 'in_progress' | 'completed' | 'incomplete'): RealtimeConversationItemAssistantMessage {
    const content = status === 'in_progress' ? [] : [{ type: 'output_audio' as const, transcript: this.#transcript }];
    return { id: this.#parts.itemId, object: 'realtime.item', type: 'message', role: 'assistant', status, content };
  }

  #response(
    status: 'in_progress' | 'completed' | 'cancelled',
    output: RealtimeConversationItemAssistantMessage[],
  ): RealtimeResponse {
    const audioTokens = Math.ceil(this.#audioMs / 50);
    return {
      id: this.id,
      object: 'realtime.response',
      status,
      output,
      ...(status === 'cancelled' && this.#cancelReason !== null
        ? { status_details: { type: 'cancelled', reason: this.#cancelReason } }
        : {}),
      ...(status === 'in_progress'
        ? {}
        : {
            usage: {
              total_tokens: audioTokens,
              input_tokens: 0,
              output_tokens: audioTokens,
              output_token_details: { audio_tokens: audioTokens, text_tokens: 0 },
            },
          }),
    };
  }
}

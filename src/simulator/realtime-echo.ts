/**
 * The embedded backend's cheapest mode, for load tests: every appended piece of audio comes back at once as the same piece
 * of one endless answer. Nothing is decoded, and an append is not even parsed.
 */
import type { ServerEvent } from './realtime-event.ts';
import { newId } from './realtime-event.ts';
import { parseClientEvent } from './realtime-client-event.ts';
import { RealtimeRefusal } from './realtime-refusal.ts';
import { RealtimeSettings } from './realtime-settings.ts';

const AUDIO = '"audio":"';
/** An append begins with its type or its id; its type is in here. */
const HEAD_BYTES = 200;

/** One client of a server in echo mode. */
export class RealtimeEcho {
  readonly #settings: RealtimeSettings;
  readonly #send: (event: ServerEvent) => void;
  readonly #sendText: (text: string) => void;
  readonly #responseId = newId('resp');
  readonly #itemId = newId('item');
  readonly #deltaHead: string;
  #begun = false;

  /** Says `session.created`. */
  constructor(model: string, expiresAt: number, send: (event: ServerEvent) => void, sendText: (text: string) => void) {
    this.#settings = new RealtimeSettings(model, newId('sess'), expiresAt);
    this.#send = send;
    this.#sendText = sendText;
    const place = { response_id: this.#responseId, item_id: this.#itemId, output_index: 0, content_index: 0 };
    const delta = { type: 'response.output_audio.delta', event_id: newId('event'), ...place, delta: '' };
    this.#deltaHead = JSON.stringify(delta).slice(0, -2);
    this.#send({ type: 'session.created', session: this.#settings.session });
  }

  /** One message of the client's; whether audio was echoed. What is neither an append nor a set-up is ignored. */
  receive(data: Buffer): boolean {
    const text = data.toString('latin1');
    if (text.slice(0, HEAD_BYTES).includes('"input_audio_buffer.append"')) {
      const from = text.indexOf(AUDIO);
      const to = text.indexOf('"', from + AUDIO.length);
      if (from < 0 || to < 0) return false;
      if (!this.#begun) this.#begin();
      this.#sendText(`${this.#deltaHead}${text.slice(from + AUDIO.length, to)}"}`);
      return true;
    }
    this.#setUp(data.toString('utf8'));
    return false;
  }

  /** Holds nothing that has to be freed. */
  close(): void {
    this.#begun = false;
  }

  #setUp(text: string): void {
    try {
      const event = parseClientEvent(text);
      if (event['type'] !== 'session.update') return;
      this.#settings.update(event['session']);
      this.#send({ type: 'session.updated', session: this.#settings.session });
    } catch (error) {
      if (!(error instanceof RealtimeRefusal)) throw error;
      const { code, message, param } = error;
      this.#send({ type: 'error', error: { type: 'invalid_request_error', code, message, param } });
    }
  }

  #begin(): void {
    this.#begun = true;
    const id = this.#responseId;
    const response = { id, object: 'realtime.response' as const, status: 'in_progress' as const, output: [] };
    this.#send({ type: 'response.created', response });
    this.#send({
      type: 'response.output_item.added',
      response_id: id,
      output_index: 0,
      item: { id: this.#itemId, type: 'message', role: 'assistant', status: 'in_progress', content: [] },
    });
  }
}

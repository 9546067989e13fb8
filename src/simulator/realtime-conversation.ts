/** The items of one session of the embedded backend: what was said, in its order, as clients may read and change it. */
import type { ConversationItem } from 'openai/resources/realtime/realtime';
import { LIMITS } from '../limits.ts';
import { newId } from './realtime-event.ts';
import { RealtimeRefusal, refusalOf } from './realtime-refusal.ts';
import { ItemSchema } from './realtime-schema.ts';
import type { CreatedItem } from './realtime-schema.ts';

interface Entry {
  item: ConversationItem;
  /** Audio that the item holds, ms. */
  audioMs: number;
  /** Once cut it stays as it is. */
  truncated: boolean;
}

/** An item and the one before it. */
export interface Placed {
  readonly item: ConversationItem;
  readonly previousItemId: string | null;
}

/** What the service bills, in tokens. */
export interface InputTokens {
  readonly audio: number;
  readonly text: number;
}

/** Speech of the caller's that is one token, ms. */
const CALLER_TOKEN_MS = 100;
/** Speech of the agent's that is one token, ms. */
export const AGENT_TOKEN_MS = 50;
const TOKEN_CHARACTERS = 4;

const CONTENT_OF_ROLE = {
  user: ['input_text', 'input_audio', 'input_image'],
  system: ['input_text'],
  assistant: ['output_text', 'output_audio'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Items in order, each with the duration of its audio; audio itself is not kept. */
export class RealtimeConversation {
  readonly id = newId('conv');
  /** In the order of the conversation; the oldest is forgotten beyond LIMITS.simulatedItems. */
  readonly #entries: Entry[] = [];

  get lastItemId(): string | null {
    return this.#entries.at(-1)?.item.id ?? null;
  }

  /** Everything that is there, in order. */
  get items(): readonly ConversationItem[] {
    return this.#entries.map((entry) => entry.item);
  }

  /** Puts an item of the server's own at the end, or changes the one with its id. */
  put(item: ConversationItem, audioMs: number): Placed {
    const known = this.#entries.findIndex((entry) => entry.item.id === item.id);
    if (known >= 0) {
      const entry = this.#entries[known];
      if (entry !== undefined && !entry.truncated) Object.assign(entry, { item, audioMs });
      return { item, previousItemId: this.#entries[known - 1]?.item.id ?? null };
    }
    const previousItemId = this.lastItemId;
    this.#entries.push({ item, audioMs, truncated: false });
    this.#forgetOldest();
    return { item, previousItemId };
  }

  /** `conversation.item.create`. @throws RealtimeRefusal */
  create(fields: unknown, previousItemId: unknown): Placed {
    const checked = ItemSchema.safeParse(fields, { reportInput: true });
    if (!checked.success) throw refusalOf(checked.error, 'item');
    const given = checked.data;
    if (given.type === 'message') requireContent(given);
    if (given.type === 'function_call_output') this.#requireCall(given.call_id);
    if (given.id !== undefined && this.#find(given.id) !== undefined) {
      throw new RealtimeRefusal('item_create_duplicate_item_id', `Item '${given.id}' already exists.`, 'item.id');
    }
    const item = { object: 'realtime.item', status: 'completed', ...given, id: given.id ?? newId('item') };
    const at = this.#placeAfter(previousItemId);
    // The schema has just said that it is one; audio that came with it is not kept.
    this.#entries.splice(at, 0, { item: item as unknown as ConversationItem, audioMs: 0, truncated: false });
    this.#forgetOldest();
    return { item: item as unknown as ConversationItem, previousItemId: this.#entries[at - 1]?.item.id ?? null };
  }

  /** @throws RealtimeRefusal */
  retrieve(itemId: unknown): ConversationItem {
    return this.#require(itemId, 'item_retrieve_invalid_item_id').item;
  }

  /** Forgets an item and returns its id. @throws RealtimeRefusal */
  delete(itemId: unknown): string {
    const entry = this.#require(itemId, 'item_delete_invalid_item_id');
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    return String(itemId);
  }

  /**
   * `conversation.item.truncate`: cuts what was not heard, and its text with it. The service's own checks: an assistant's
   * item that has audio, and not beyond its end. @throws RealtimeRefusal
   */
  truncate(itemId: unknown, contentIndex: unknown, audioEndMs: unknown): { itemId: string; audioEndMs: number } {
    const entry = this.#require(itemId, 'item_truncate_invalid_item_id');
    if (contentIndex !== 0) {
      throw new RealtimeRefusal('invalid_value', "Invalid value for 'content_index': it must be 0.", 'content_index');
    }
    if (typeof audioEndMs !== 'number' || !Number.isInteger(audioEndMs) || audioEndMs < 0) {
      const message = "Invalid type for 'audio_end_ms': expected an integer of 0 or more.";
      throw new RealtimeRefusal('invalid_type', message, 'audio_end_ms');
    }
    const { item, audioMs } = entry;
    if (item.type !== 'message' || item.role !== 'assistant' || audioMs === 0) {
      throw new RealtimeRefusal('unsupported_content_type', 'Only model output audio messages can be truncated');
    }
    const lengthMs = Math.floor(audioMs);
    if (audioEndMs > lengthMs) {
      const message = `Audio content of ${lengthMs}ms is already shorter than ${audioEndMs}ms`;
      throw new RealtimeRefusal('invalid_value', message, 'audio_end_ms');
    }
    entry.truncated = true;
    entry.audioMs = audioEndMs;
    entry.item = { ...item, content: [{ type: 'output_audio' }] };
    return { itemId: String(itemId), audioEndMs };
  }

  /** What a response would read: everything said so far. */
  inputTokens(instructions: string): InputTokens {
    let audio = 0;
    let text = Math.ceil(instructions.length / TOKEN_CHARACTERS);
    for (const { item, audioMs } of this.#entries) {
      const isAgent = item.type === 'message' && item.role === 'assistant';
      audio += Math.ceil(audioMs / (isAgent ? AGENT_TOKEN_MS : CALLER_TOKEN_MS));
      if (audioMs === 0) text += Math.ceil(JSON.stringify(item).length / TOKEN_CHARACTERS);
    }
    return { audio, text };
  }

  #find(itemId: unknown): Entry | undefined {
    return this.#entries.find((entry) => entry.item.id === itemId);
  }

  #require(itemId: unknown, code: string): Entry {
    if (typeof itemId !== 'string') {
      throw new RealtimeRefusal('missing_required_parameter', "Missing required parameter: 'item_id'.", 'item_id');
    }
    const entry = this.#find(itemId);
    if (entry === undefined) {
      throw new RealtimeRefusal(code, `Item with item_id not found: ${itemId.slice(0, 64)}`, 'item_id');
    }
    return entry;
  }

  #requireCall(callId: string): void {
    const known = this.#entries.some(({ item }) => item.type === 'function_call' && item.call_id === callId);
    if (known) return;
    const message = `Tool call ID '${callId}' not found in conversation.`;
    throw new RealtimeRefusal('invalid_tool_call_id', message, 'item.call_id');
  }

  #placeAfter(previousItemId: unknown): number {
    if (previousItemId === undefined || previousItemId === null) return this.#entries.length;
    if (previousItemId === 'root') return 0;
    const at = this.#entries.findIndex((entry) => entry.item.id === previousItemId);
    if (at >= 0) return at + 1;
    const message = 'Previous item with that item_id not found.';
    throw new RealtimeRefusal('item_create_invalid_previous_item_id', message, 'previous_item_id');
  }

  #forgetOldest(): void {
    while (this.#entries.length > LIMITS.simulatedItems) this.#entries.shift();
  }
}

function requireContent(item: Extract<CreatedItem, { type: 'message' }>): void {
  const known: readonly string[] = CONTENT_OF_ROLE[item.role];
  const wrong = item.content.findIndex((part) => !known.includes(part.type));
  if (wrong < 0) return;
  const names = known.map((name) => `'${name}'`).join(', ');
  throw new RealtimeRefusal(
    'invalid_value',
    `Invalid value: '${item.content[wrong]?.type}'. Supported values are: ${names}.`,
    `item.content[${wrong}].type`,
  );
}

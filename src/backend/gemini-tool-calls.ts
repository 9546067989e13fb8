/** The function calls of one conversation with Gemini Live: each surfaced once, its result sent once and as the wire wants it. */
import { LIMITS } from '../limits.ts';
import type { BackendCall } from './backend.ts';
import type { GeminiCall } from './gemini-event.ts';
import { responseOf } from './gemini-message.ts';
import type { GeminiFunctionResponse } from './gemini-message.ts';

/** What becomes of a result: it is sent, it is told in words, or nobody wants it. */
export type GeminiResult =
  | { readonly kind: 'response'; readonly response: GeminiFunctionResponse }
  | { readonly kind: 'words'; readonly text: string }
  | { readonly kind: 'unwanted' };

/** Of one conversation; the oldest is forgotten. */
export class GeminiToolCalls {
  /** Without a result yet, by our name of the call. */
  readonly #open = new Map<string, { readonly id: string | undefined; readonly name: string }>();
  /** The latest that have one. */
  readonly #answered = new Set<string>();
  /** Of a session before this one, by their names. */
  readonly #restored = new Map<string, string>();
  #nameless = 0;

  /** Calls without a result, of this session. */
  get open(): number {
    return this.#open.size;
  }

  /** A call came: our name of it, or null where it was surfaced before. */
  add({ id, name }: GeminiCall): string | null {
    if (id === undefined) this.#nameless += 1;
    const toolCallId = id ?? `${name}-${this.#nameless}`;
    // Asked for twice is to be done once.
    if (this.#open.has(toolCallId) || this.#answered.has(toolCallId)) return null;
    this.#open.set(toolCallId, { id, name });
    forgetOldest(this.#open);
    return toolCallId;
  }

  /** They are not wanted any more. */
  cancel(ids: readonly string[]): void {
    for (const id of ids) this.#open.delete(id);
  }

  /** Functions of a session before this one, which knows nothing of them: results are told in words. */
  restore(toolCalls: NonNullable<BackendCall['toolCalls']>): void {
    for (const { toolCallId, name } of toolCalls.slice(-LIMITS.backendToolCalls)) this.#restored.set(toolCallId, name);
  }

  result(toolCallId: string, outputJson: string): GeminiResult {
    const restored = this.#restored.get(toolCallId);
    if (restored !== undefined) {
      this.#restored.delete(toolCallId);
      return { kind: 'words', text: `The function ${restored}, which you called before, has returned: ${outputJson}` };
    }
    const call = this.#open.get(toolCallId);
    if (call === undefined) return { kind: 'unwanted' };
    this.#open.delete(toolCallId);
    this.#answered.add(toolCallId);
    forgetOldest(this.#answered);
    const { id, name } = call;
    return { kind: 'response', response: { ...(id !== undefined && { id }), name, response: responseOf(outputJson) } };
  }
}

function forgetOldest(table: Map<string, unknown> | Set<string>): void {
  if (table.size <= LIMITS.backendToolCalls) return;
  const [oldest] = table.keys();
  if (oldest !== undefined) table.delete(oldest);
}

/** The function calls of a conversation: each surfaced once, and answered before the model is asked to go on. */
import { LIMITS } from '../limits.ts';
import type { FunctionCall } from './openai-event.ts';

/** A function call that is complete. */
export interface ToolCall {
  readonly toolCallId: string;
  readonly name: string;
  readonly argumentsJson: string;
}

/** The function calls of one conversation; see the top of the file. */
export class OpenAiToolCalls {
  /** Item → name, for servers whose `arguments.done` does not repeat it. */
  readonly #names = new Map<string, string>();
  /** Calls that were surfaced: servers say twice that one is complete. */
  readonly #surfaced = new Set<string>();
  /** Calls without a result yet → their response. */
  readonly #open = new Map<string, string>();

  /** A call was announced. */
  announce(call: FunctionCall): void {
    if (call.itemId === undefined || call.name === undefined || call.name === '') return;
    this.#names.set(call.itemId, call.name);
    forgetOldest(this.#names);
  }

  /** A call may be complete: returns it once, when its name, its id and its arguments are known. */
  complete(responseId: string, call: FunctionCall): ToolCall | null {
    const name = call.name || this.#names.get(call.itemId ?? '');
    const { toolCallId, argumentsJson } = call;
    if (!name || !toolCallId || argumentsJson === undefined || this.#surfaced.has(toolCallId)) return null;
    this.#surfaced.add(toolCallId);
    forgetOldest(this.#surfaced);
    this.#open.set(toolCallId, responseId);
    forgetOldest(this.#open);
    return { toolCallId, name, argumentsJson };
  }

  /** Calls of an earlier session, which are answered here: together, as those of one response. */
  restore(toolCallIds: readonly string[]): void {
    for (const toolCallId of toolCallIds) {
      this.#surfaced.add(toolCallId);
      forgetOldest(this.#surfaced);
      this.#open.set(toolCallId, RESTORED);
      forgetOldest(this.#open);
    }
  }

  /**
   * A result came. Returns whether the model may be asked to go on: not while another call of the same response is open,
   * because the model would answer without knowing its result.
   */
  answer(toolCallId: string): boolean {
    const responseId = this.#open.get(toolCallId);
    this.#open.delete(toolCallId);
    if (responseId === undefined) return true;
    for (const other of this.#open.values()) if (other === responseId) return false;
    return true;
  }
}

/** Stands for the response of an earlier session: no server calls one so. */
const RESTORED = '';

function forgetOldest(table: Map<string, string> | Set<string>): void {
  if (table.size <= LIMITS.backendToolCalls) return;
  const [oldest] = table.keys();
  if (oldest !== undefined) table.delete(oldest);
}

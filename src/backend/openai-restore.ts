/** A conversation that began elsewhere, as items of a Realtime session: what was said, then the functions without a result. */
import type { ConversationItem } from 'openai/resources/realtime/realtime';
import type { BackendCall } from './backend.ts';

/** In the order in which they are to be created. */
export function restoredItems(
  history: NonNullable<BackendCall['history']>,
  toolCalls: NonNullable<BackendCall['toolCalls']>,
): ConversationItem[] {
  return [
    ...history.map(({ by, text }): ConversationItem =>
      by === 'caller'
        ? { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
        : { type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] },
    ),
    ...toolCalls.map(({ toolCallId, name, argumentsJson }): ConversationItem => ({
      type: 'function_call',
      call_id: toolCallId,
      name,
      arguments: argumentsJson,
    })),
  ];
}

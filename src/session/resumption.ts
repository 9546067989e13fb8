/** What a backend that takes another one's place is asked for, so that the caller does not wait for an answer that was lost. */
import type { ConversationRecord } from './conversation-record.ts';

/** Instructions for its first answer; undefined: it answers what it was told, which was what the record had at the mark `told`. */
export function resumption(record: ConversationRecord, greeting: string, told: number): string | undefined {
  if (!record.agentHasSpoken && greeting !== '') return greeting;
  const results = record.answeredCalls.map(
    ({ call, outputJson }) => `${call.name}(${call.argumentsJson}): ${outputJson}`,
  );
  if (results.length > 0) return [TOOLS_ANSWERED, ...results].join('\n');
  if (record.callerUnanswered) {
    return record.lastCallerText === '' ? ASK_AGAIN : undefined;
  }
  // Whoever was in use until now went on speaking while this one was opened.
  const since = record.agentSince(told);
  return since.length === 0 ? GO_ON : [GO_ON, HEARD_SINCE, ...since].join('\n');
}

const TOOLS_ANSWERED =
  'These functions were called a moment ago and have returned what stands behind them. Do not call them again. Answer the caller ' +
  'with that, in the language of the conversation.';
const ASK_AGAIN =
  'The connection was interrupted for a moment and the last words of the caller were lost. Say so briefly, in the language of the ' +
  'conversation, and ask the caller to repeat them. Do not repeat anything that you have said.';
const GO_ON =
  'The connection was interrupted while you spoke: the caller heard your last sentence only as far as it stands in the conversation. ' +
  'Go on from there, in the same language. Do not repeat anything that was said.';
const HEARD_SINCE = 'Behind what stands there the caller has also heard you say:';

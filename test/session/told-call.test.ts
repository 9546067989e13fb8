/** A call as another backend is told of it: read when it is asked for, and noted how far. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackendCall } from '../../src/backend/backend.ts';
import { ConversationRecord } from '../../src/session/conversation-record.ts';
import { ToldCall } from '../../src/session/told-call.ts';
import { PCMU_LEG } from '../sim/fake-peers.ts';

const CALL: BackendCall = { callId: 'c', leg: PCMU_LEG, from: '', to: '', variables: new Map() };

test('what is said while a stream is opened is told too', () => {
  const record = new ConversationRecord(() => 0);
  const told = new ToldCall(record);
  const call = told.call(CALL, true, { handle: 'h', mark: 1 });
  assert.is(told.mark, Number.POSITIVE_INFINITY);
  record.callerWrote('One.');
  record.callerWrote('Two.');
  record.toolCall({ toolCallId: 't', name: 'n', argumentsJson: '{}' });
  assert.equal([call.mark, call.toolCalls?.length], [2, 1]);
  assert.is(told.mark, Number.POSITIVE_INFINITY, 'nothing was read yet');
  assert.equal(call.historySince?.(1), [{ by: 'caller', text: 'Two.' }]);
  assert.is(told.mark, 2);
  record.callerWrote('Three.');
  assert.is(call.history?.length, 3);
  assert.is(told.mark, 3);
  assert.equal([call.underWay, call.reopened, call.resumption], [true, true, { handle: 'h', mark: 1 }]);
  assert.is('resumption' in new ToldCall(record).call(CALL, false, null), false);
});

test.run();

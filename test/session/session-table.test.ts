/** Calls by id, and no more of them than agreed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { SessionTable } from '../../src/session/session-table.ts';
import { CallRig } from '../sim/call-rig.ts';

test('one session a call; the limit is kept; removing another one of the same id changes nothing', () => {
  const first = new CallRig().session;
  const same = new CallRig().session;
  const table = new SessionTable(1);
  table.add(first);
  assert.is(table.get('call-1'), first);
  assert.throws(
    () => table.add(same),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_ALREADY_RUNNING'),
  );
  table.remove(same);
  assert.equal([...table.all()], [first]);
  table.remove(first);
  table.remove(first);
  assert.is(table.size, 0);
  const full = new SessionTable(0);
  assert.throws(
    () => full.add(first),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_CALL_LIMIT'),
  );
});

test.run();

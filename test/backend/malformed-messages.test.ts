/** Malformed messages of a peer: told one by one, and the end of the stream when nothing else comes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MalformedMessages } from '../../src/backend/malformed-messages.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';

interface Rig {
  readonly malformed: MalformedMessages;
  readonly told: TalkspurtError[];
  readonly ends: TalkspurtError[];
}

function rig(): Rig {
  const [told, ends]: TalkspurtError[][] = [[], []];
  const tell = (error: TalkspurtError): void => void told!.push(error);
  const end = (error: TalkspurtError): void => void ends!.push(error);
  return { malformed: new MalformedMessages({ backend: 'b', tell, end }), told: told!, ends: ends! };
}

test('one is told with its name, its field and its number', () => {
  const { malformed, told } = rig();
  malformed.add('greeting', 'text');
  malformed.sound();
  malformed.add('goodbye', 'reason');
  assert.equal(
    told.map(({ code, message, details }) => [code, message, details]),
    [
      [
        'ERR_TALKSPURT_BACKEND_PROTOCOL',
        "backend 'b' sent a malformed greeting (text)",
        { event: 'greeting', field: 'text', count: 1 },
      ],
      [
        'ERR_TALKSPURT_BACKEND_PROTOCOL',
        "backend 'b' sent a malformed goodbye (reason)",
        { event: 'goodbye', field: 'reason', count: 2 },
      ],
    ],
  );
  assert.is(malformed.count, 2);
});

test('so many in a row are borne, and one more ends the stream; a sound one between them begins anew', () => {
  const { malformed, told, ends } = rig();
  const most = LIMITS.backendMalformedMessages;
  for (let n = 0; n < most; n += 1) malformed.add('x', 'y');
  malformed.sound();
  for (let n = 0; n < most; n += 1) malformed.add('x', 'y');
  assert.equal([told.length, ends.length], [2 * most, 0]);
  malformed.add('x', 'y');
  assert.equal([told.length, ends.length, malformed.count], [2 * most, 1, 2 * most + 1]);
  assert.is(ends[0]?.details['count'], 2 * most + 1);
});

test.run();

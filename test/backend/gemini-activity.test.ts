/** The caller's turns as we mark them: what is between two marks is all that was said, in order, and the rest is silence. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GeminiActivity } from '../../src/backend/gemini-activity.ts';
import { LIMITS } from '../../src/limits.ts';

const PREROLL = LIMITS.geminiPrerollMs;
const MOST = LIMITS.geminiHeldMs;

test('every turn has all of its audio, half a second from before it, and nothing twice', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 900 }) },
    { weight: 1, arbitrary: fc.constantFrom('start', 'end') },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const sent: (string | number)[] = [];
      const activity = new GeminiActivity({
        bytesPerMs: 1,
        mark: (mark) => sent.push(mark),
        send: (audio) => sent.push(...audio) > 0,
      });
      let next = 0;
      let kept: number[] = [];
      let open = false;
      const expected: (string | number)[] = [];
      for (const one of steps) {
        if (typeof one === 'number') {
          const frame = Uint8Array.from({ length: one }, () => (next += 1));
          activity.push(frame);
          if (open) expected.push(...frame);
          else kept = [...kept, ...frame].slice(-MOST);
        } else {
          if (!open) expected.push('activityStart', ...(one === 'start' ? kept.slice(-PREROLL) : kept));
          if (one === 'start') activity.start();
          else {
            activity.end();
            expected.push('activityEnd');
          }
          kept = [];
          open = one === 'start';
        }
        assert.is(activity.isOpen, open);
      }
      assert.equal(sent, expected);
    }),
  );
});

test.run();

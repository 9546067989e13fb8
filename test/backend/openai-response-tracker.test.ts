import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ResponseTracker } from '../../src/backend/openai-response-tracker.ts';

test('idle: a request goes out at once', () => {
  const tracker = new ResponseTracker();
  assert.equal(tracker.want({ instructions: 'greet' }), { instructions: 'greet' });
  assert.is(tracker.state, 'requested');
  tracker.created('r1');
  assert.is(tracker.state, 'active');
  assert.is(tracker.activeId, 'r1');
  assert.is(tracker.done('r1'), null);
  assert.is(tracker.state, 'idle');
  assert.is(tracker.activeId, null);
});

test('one under way: requests wait, become one, and the last instructions win', () => {
  const tracker = new ResponseTracker();
  tracker.created('r1');
  assert.is(tracker.want({ instructions: 'first' }), null);
  assert.is(tracker.want({ instructions: 'second' }), null);
  assert.is(tracker.want({}), null);
  assert.is(tracker.done('other'), null);
  assert.equal(tracker.done('r1'), { instructions: 'second' });
  assert.is(tracker.state, 'requested');
});

test('cancel: once, with the name of what is under way, and what waits is forgotten', () => {
  const tracker = new ResponseTracker();
  assert.is(tracker.cancel(), null);
  tracker.created('r1');
  tracker.want({});
  assert.equal(tracker.cancel(), { responseId: 'r1' });
  assert.is(tracker.isCancelled('r1'), true);
  assert.is(tracker.cancel(), null);
  assert.is(tracker.done('r1'), null);
  assert.is(tracker.state, 'idle');
  assert.is(tracker.isCancelled('r1'), true);
});

test('cancel before the server has named it: cancelled as soon as it is', () => {
  const tracker = new ResponseTracker();
  tracker.want({});
  assert.equal(tracker.cancel(), { responseId: null });
  assert.is(tracker.cancel(), null);
  tracker.created('r1');
  assert.is(tracker.isCancelled('r1'), true);
  tracker.done('r1');
  tracker.created('r2');
  assert.is(tracker.isCancelled('r2'), false);
});

test('refused because the server had begun one itself: asked for again after that one', () => {
  const tracker = new ResponseTracker();
  tracker.want({ instructions: 'ours' });
  tracker.created('theirs');
  assert.is(tracker.refusedAsActive(), null);
  assert.is(tracker.state, 'active');
  assert.equal(tracker.done('theirs'), { instructions: 'ours' });
});

test('the same, when the refusal comes before the name of the other', () => {
  const tracker = new ResponseTracker();
  tracker.want({ instructions: 'ours' });
  assert.is(tracker.refusedAsActive(), null);
  assert.is(tracker.state, 'idle');
  tracker.created('theirs');
  assert.equal(tracker.done('theirs'), { instructions: 'ours' });
});

test('the same, when the other has ended meanwhile', () => {
  const tracker = new ResponseTracker();
  tracker.want({});
  tracker.created('theirs');
  tracker.done('theirs');
  assert.equal(tracker.refusedAsActive(), {});
});

test('refused for good: the next one that waits goes out', () => {
  const tracker = new ResponseTracker();
  tracker.want({ instructions: 'bad' });
  tracker.want({ instructions: 'next' });
  assert.equal(tracker.refused(), { instructions: 'next' });
  assert.is(tracker.refused(), null);
  assert.is(tracker.state, 'idle');
});

test('whatever comes: at most one request is out, and the cancelled are few', () => {
  const step = fc.constantFrom('want', 'created', 'done', 'cancel', 'refused', 'active', 'abandon');
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.nat(3)), { maxLength: 60 }), (steps) => {
      const tracker = new ResponseTracker();
      let out = 0;
      for (const [what, id] of steps) {
        const before = tracker.state;
        let sent: unknown = null;
        if (what === 'want') sent = tracker.want({});
        if (what === 'created') tracker.created(`r${id}`);
        if (what === 'done') sent = tracker.done(`r${id}`);
        if (what === 'cancel') tracker.cancel();
        if (what === 'refused') sent = tracker.refused();
        if (what === 'active') sent = tracker.refusedAsActive();
        if (what === 'abandon') tracker.abandon();
        if (sent !== null) {
          out += 1;
          assert.is(tracker.state, 'requested');
          // A request goes out only from a state in which none is.
          assert.ok(before === 'idle' || what !== 'want');
        }
        assert.is(tracker.activeId !== null, tracker.state === 'active');
      }
      assert.ok(out <= steps.length);
    }),
  );
});

test.run();

import { timingSafeEqual } from 'node:crypto';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TokenGate } from '../../src/http/token-gate.ts';

const READ = 'read-token-of-the-test';
const CONTROL = 'control-token-of-the-test';

test('each token opens its scope, and control what is read as well', () => {
  const gate = new TokenGate({ read: READ, control: CONTROL });
  assert.equal(gate.judge(`Bearer ${READ}`), { kind: 'granted', scope: 'read' });
  assert.equal(gate.judge(`Bearer ${CONTROL}`), { kind: 'granted', scope: 'control' });
  assert.equal(gate.judge(undefined), { kind: 'absent' });
  assert.equal([gate.opens('read'), gate.opens('control')], [true, true]);
});

test('a scope without a token is closed, to the empty token as well', () => {
  const both = new TokenGate({ read: '', control: '' });
  assert.equal([both.opens('read'), both.opens('control')], [false, false]);
  const read = new TokenGate({ read: READ, control: '' });
  assert.equal([read.opens('read'), read.opens('control')], [true, false]);
  const control = new TokenGate({ read: '', control: CONTROL });
  assert.equal([control.opens('read'), control.opens('control')], [true, true]);
  for (const gate of [both, read, control]) {
    for (const header of ['Bearer ', 'Bearer', 'Bearer  ', 'Basic Og==', `Bearer${READ}`, READ, '\0']) {
      assert.is(gate.judge(header).kind, 'wrong', header);
    }
  }
});

test('nothing but the very token is let in', () => {
  const gate = new TokenGate({ read: READ, control: CONTROL });
  const near = fc
    .tuple(fc.constantFrom(READ, CONTROL), fc.nat(), fc.string({ minLength: 0, maxLength: 2 }))
    .map(
      ([token, at, put]) => token.slice(0, at % (token.length + 1)) + put + token.slice((at % (token.length + 1)) + 1),
    );
  fc.assert(
    fc.property(fc.oneof(near, fc.string(), fc.string({ unit: 'binary', maxLength: 300 })), (text) => {
      const verdict = gate.judge(`Bearer ${text}`);
      const right = [READ, CONTROL].includes(text.replace(/^ +| +$/g, ''));
      assert.is(verdict.kind === 'granted', right, JSON.stringify(text));
    }),
    { numRuns: 2_000 },
  );
});

test('what is compared has one length, whatever was presented', () => {
  // timingSafeEqual throws on lengths that differ: a gate that compared tokens themselves would be found out here.
  assert.throws(() => timingSafeEqual(Buffer.from('a'), Buffer.from('ab')));
  const gate = new TokenGate({ read: READ, control: CONTROL });
  for (let length = 0; length < 200; length += 1) assert.is(gate.judge(`Bearer ${'x'.repeat(length)}`).kind, 'wrong');
});

test.run();

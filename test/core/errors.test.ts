/** Operating errors: the code decides whether a second try can help, and wrapping never hides what is ours. */
import { inspect } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES, TalkspurtError, asTalkspurtError, hasCode } from '../../src/core/errors.ts';
import type { ErrorCode } from '../../src/core/errors.ts';

test('an error carries its code, its cause and its facts', () => {
  const cause = new Error('reset');
  const error = new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'the link is down', { cause, details: { link: 'main' } });
  assert.instance(error, Error);
  assert.is(error.name, 'TalkspurtError');
  assert.is(error.code, 'ERR_TALKSPURT_LINK_DOWN');
  assert.is(error.cause, cause);
  assert.equal(error.details, { link: 'main' });
  assert.match(inspect(error), /ERR_TALKSPURT_LINK_DOWN/);
});

test('without a cause there is no cause, not an undefined one', () => {
  const error = new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'x');
  assert.not.ok('cause' in error);
  assert.equal(error.details, {});
});

test('the code says whether a second try can help', () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    assert.match(code, /^ERR_TALKSPURT(_[A-Z]+)+$/);
    assert.is(new TalkspurtError(code, 'x').retryable, ERROR_CODES[code]);
  }
  const retryable = (code: ErrorCode): boolean => new TalkspurtError(code, 'x').retryable;
  assert.is(retryable('ERR_TALKSPURT_LINK_AUTH'), false, 'a wrong password stays wrong');
  assert.is(retryable('ERR_TALKSPURT_BACKEND_TIMEOUT'), true);
});

test('hasCode knows ours by their code and nothing else', () => {
  const error = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'x');
  assert.ok(hasCode(error, 'ERR_TALKSPURT_CALL_GONE'));
  assert.not.ok(hasCode(error, 'ERR_TALKSPURT_CALL_LIMIT'));
  const lookalike = Object.assign(new Error('x'), { code: 'ERR_TALKSPURT_CALL_GONE' });
  for (const other of [lookalike, null, undefined, 'ERR_TALKSPURT_CALL_GONE']) {
    assert.not.ok(hasCode(other, 'ERR_TALKSPURT_CALL_GONE'));
  }
});

test('wrapping keeps ours as they are and gives the rest a code and a cause', () => {
  const ours = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'x');
  assert.is(asTalkspurtError(ours, 'ERR_TALKSPURT_LISTEN'), ours);
  const foreign = new RangeError('beyond');
  const wrapped = asTalkspurtError(foreign, 'ERR_TALKSPURT_LISTEN');
  assert.is(wrapped.code, 'ERR_TALKSPURT_LISTEN');
  assert.is(wrapped.message, 'beyond');
  assert.is(wrapped.cause, foreign);
  assert.is(asTalkspurtError('odd').code, 'ERR_TALKSPURT_INTERNAL');
  assert.is(asTalkspurtError(undefined).message, 'undefined');
  assert.is(asTalkspurtError(null).cause, null);
});

test.run();

/** Errors as the words that a dialplan compares. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { ERROR_CODES, TalkspurtError } from '../../src/core/errors.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { refusalOf } from '../../src/switch/refusal.ts';

test('what stands against a call has a word of its own', () => {
  const expected: [ErrorCode, string][] = [
    ['ERR_TALKSPURT_UNKNOWN_PROFILE', 'unknown-profile'],
    ['ERR_TALKSPURT_CALL_LIMIT', 'busy'],
    ['ERR_TALKSPURT_DSP_POOL_EMPTY', 'busy'],
    ['ERR_TALKSPURT_DRAINING', 'draining'],
    ['ERR_TALKSPURT_ALREADY_RUNNING', 'already-running'],
    ['ERR_TALKSPURT_HOST_DENIED', 'not-allowed'],
    ['ERR_TALKSPURT_PORTS_EXHAUSTED', 'media-unavailable'],
    ['ERR_TALKSPURT_MEDIA_BIND', 'media-unavailable'],
    ['ERR_TALKSPURT_BACKEND_AUTH', 'backend-unavailable'],
    ['ERR_TALKSPURT_SECRET_MISSING', 'backend-unavailable'],
    ['ERR_TALKSPURT_LINK_TIMEOUT', 'link-lost'],
    ['ERR_TALKSPURT_CALL_GONE', 'stopped'],
    ['ERR_TALKSPURT_INTERNAL', 'error'],
  ];
  for (const [code, word] of expected) assert.is(refusalOf(new TalkspurtError(code, 'x')), word, code);
  assert.is(refusalOf(new Error('a defect')), 'error');
});

test('every word is in the documentation', () => {
  const page = readFileSync(new URL('../../docs/asterisk.md', import.meta.url), 'utf8');
  const words = new Set(
    (Object.keys(ERROR_CODES) as ErrorCode[]).map((code) => refusalOf(new TalkspurtError(code, 'x'))),
  );
  for (const word of [...words, 'no-profile', 'bad-arguments']) assert.ok(page.includes(`\`${word}\``), word);
});

test.run();

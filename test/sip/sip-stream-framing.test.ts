/** Cutting a TCP stream into messages (RFC 3261 section 18.3, RFC 5626 section 4.4.1). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { SipStreamFraming } from '../../src/sip/sip-stream-framing.ts';

const ONE = 'OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\nContent-Length: 5\r\n\r\nhello';
const FOLDED = 'SIP/2.0 200 OK\r\nl :\r\n  3\r\n\r\n\r\n\r';
const BARE = 'INFO sip:a@b SIP/2.0\nSubject: none\n\n';

function cut(chunks: Iterable<string | Buffer>): string[] {
  const heard: string[] = [];
  const framing = new SipStreamFraming({
    onFrame: (bytes) => heard.push(bytes.toString('latin1')),
    onPing: () => heard.push('ping'),
    onBroken: (status, head) => heard.push(`broken ${status} ${head.length > 0}`),
  });
  for (const chunk of chunks) framing.push(Buffer.from(chunk));
  heard.push(framing.partial ? 'partial' : 'whole');
  return heard;
}

test('many messages in one piece, and the same split anywhere', () => {
  const stream = `\r\n${ONE}${FOLDED}\r\n\r\n${BARE}${ONE}`;
  const wanted = [ONE, FOLDED, 'ping', BARE, ONE, 'whole'];
  assert.equal(cut([stream]), wanted);
  assert.equal(cut(stream), wanted, 'byte by byte');
  for (let at = 1; at < stream.length; at += 1) {
    assert.equal(cut([stream.slice(0, at), stream.slice(at)]), wanted, `split at ${at}`);
  }
});

test('one CRLF between messages is no ping, two are one, four are two', () => {
  assert.equal(cut(['\r\n', ONE, '\r\n']), [ONE, 'whole']);
  assert.equal(cut(['\r\n\r\n']), ['ping', 'whole']);
  assert.equal(cut(['\r', '\n\r', '\n\r\n\r\n']), ['ping', 'ping', 'whole']);
});

test('a message that is not complete waits', () => {
  assert.equal(cut([ONE.slice(0, -1)]), ['partial']);
  assert.equal(cut(['OPTIONS sip:a@b SIP/2.0\r\n']), ['partial']);
});

test('what cannot be cut breaks the stream, once', () => {
  const head = 'OPTIONS sip:a@b SIP/2.0\r\n';
  for (const length of ['-1', 'five', '', '1e2', '5\r\nl: 6']) {
    assert.equal(cut([`${head}Content-Length: ${length}\r\n\r\n`, ONE]), ['broken 400 true', 'whole'], length);
  }
  assert.equal(
    cut([`${head}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`]).length,
    2,
    'the same one twice is harmless',
  );
  assert.equal(cut([`${head}Content-Length: 99999999\r\n\r\n`]), ['broken 413 true', 'whole']);
  const endless = 'X: y\r\n'.repeat(Math.ceil(LIMITS.sipMessageBytes / 6) + 1);
  assert.equal(cut([head, endless, ONE]), ['broken 413 false', 'whole']);
});

test('a message of the largest size passes', () => {
  const head = `OPTIONS sip:a@b SIP/2.0\r\nContent-Length: `;
  const body = LIMITS.sipMessageBytes - head.length - 9;
  const whole = `${head}${body}\r\n\r\n${'x'.repeat(body)}`;
  assert.is(whole.length, LIMITS.sipMessageBytes);
  assert.equal(cut([whole]).at(-1), 'whole');
  assert.is(cut([whole])[0]?.length, LIMITS.sipMessageBytes);
});

test.run();

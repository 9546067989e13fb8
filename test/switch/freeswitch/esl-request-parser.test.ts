import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../../src/core/errors.ts';
import { EslRequestParser, headerOf } from '../../../src/switch/freeswitch/esl-request-parser.ts';
import type { EslRequest } from '../../../src/switch/freeswitch/esl-request-parser.ts';

const test = suite('EslRequestParser');

function parse(chunks: readonly Buffer[]): EslRequest[] {
  const requests: EslRequest[] = [];
  const parser = new EslRequestParser((request) => requests.push(request));
  for (const chunk of chunks) parser.feed(chunk);
  assert.is(parser.pendingBytes, 0, 'nothing is left over');
  return requests;
}

/** Whole, cut in two at every byte, and byte by byte. */
function parseEveryWay(text: string): EslRequest[] {
  const bytes = Buffer.from(text);
  const whole = parse([bytes]);
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.equal(parse([bytes.subarray(0, at), bytes.subarray(at)]), whole, `cut at ${at}`);
  }
  assert.equal(parse([...bytes].map((byte) => Buffer.from([byte]))), whole, 'byte by byte');
  return whole;
}

test('a command, with LF and with CRLF', () => {
  const expected = [{ command: 'auth ClueCon', headers: [], body: null }];
  assert.equal(parseEveryWay('auth ClueCon\n\n'), expected);
  assert.equal(parseEveryWay('auth ClueCon\r\n\r\n'), expected);
  assert.equal(parseEveryWay('\r\n\n\nauth ClueCon\n\n'), expected);
});

test('two commands at once, with stray line ends between', () => {
  assert.equal(
    parseEveryWay('api hostname\n\n\n\r\napi status\n\n').map((request) => request.command),
    ['api hostname', 'api status'],
  );
});

test('headers keep their order and case; blanks in front of a value go', () => {
  const [request] = parseEveryWay('api x\nconsole_execute: true\nX-A:   b: c \nno colon\n: no name\n\n');
  assert.equal(request!.headers, [
    ['console_execute', 'true'],
    ['X-A', 'b: c '],
  ]);
  assert.is(headerOf(request!, 'CONSOLE_EXECUTE'), 'true');
  assert.is(headerOf(request!, 'nothing'), undefined);
});

test('a body of as many bytes as the header says, whatever is in it', () => {
  const body = '{"a":"ä"}\n\nxy';
  const requests = parseEveryWay(
    `sendevent CUSTOM\nEvent-Subclass: my::sub\nCONTENT-LENGTH: ${Buffer.byteLength(body)}\n\n${body}api hostname\n\n`,
  );
  assert.is(requests.length, 2);
  assert.is(requests[0]!.body, body);
  assert.equal(requests[1], { command: 'api hostname', headers: [], body: null });
});

test('a length of nothing, of nonsense and of too much', () => {
  assert.is(parseEveryWay('sendevent X\ncontent-length: 0\n\n')[0]!.body, null);
  assert.is(parseEveryWay('sendevent X\ncontent-length: nonsense\n\n')[0]!.body, null);
  for (const length of ['-1', '4194305', '99999999999999999999']) {
    const parser = new EslRequestParser(() => assert.unreachable());
    assert.throws(
      () => parser.feed(Buffer.from(`sendevent X\ncontent-length: ${length}\n\n`)),
      (error: unknown) => hasCode(error, 'ERR_TALKSPURT_LINK_PROTOCOL'),
    );
  }
});

test('a header block without an end is bounded', () => {
  const parser = new EslRequestParser(() => assert.unreachable(), { headerBytes: 100, bodyBytes: 10 });
  parser.feed(Buffer.alloc(100, 'x'));
  assert.throws(
    () => parser.feed(Buffer.from('x')),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_LINK_PROTOCOL'),
  );
});

test.run();

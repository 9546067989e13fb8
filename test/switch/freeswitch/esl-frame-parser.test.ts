/** Frames of an Event Socket, whole and split at every byte. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../src/limits.ts';
import { EslFrameParser } from '../../../src/switch/freeswitch/esl-frame-parser.ts';
import { RECORDED, apiResponse, jsonEvent, reply } from './scripted-switch.ts';

interface Frame {
  readonly type: string;
  readonly replyText: string;
  readonly body: string;
}

function parse(...chunks: Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const parser = new EslFrameParser((head, frame, bodyAt) => {
    frames.push({ type: head.contentType, replyText: head.replyText, body: frame.toString('utf8', bodyAt) });
    assert.is(frame.length, bodyAt + head.bodyBytes);
  });
  for (const chunk of chunks) parser.push(chunk);
  return frames;
}

const EVENT = { 'Event-Name': 'DTMF', note: 'ünï\n\ncödé' };
const STREAM = Buffer.from(
  RECORDED.greeting +
    reply('+OK a: b: c') +
    jsonEvent(EVENT) +
    'Content-Type: log/data\nContent-Length: 0\nLog-Level: 6\n\n' +
    apiResponse('a\n\nb') +
    RECORDED.denied,
);
const FRAMES: readonly Frame[] = [
  { type: 'auth/request', replyText: '', body: '' },
  { type: 'command/reply', replyText: '+OK a: b: c', body: '' },
  { type: 'text/event-json', replyText: '', body: JSON.stringify(EVENT) },
  { type: 'log/data', replyText: '', body: '' },
  { type: 'api/response', replyText: '', body: 'a\n\nb' },
  { type: 'text/rude-rejection', replyText: '', body: 'Access Denied, go away.\n' },
  {
    type: 'text/disconnect-notice',
    replyText: '',
    body: 'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n',
  },
];

test('a stream in one piece', () => assert.equal(parse(STREAM), FRAMES));

test('a stream split once at every byte, and twice around every byte', () => {
  for (let at = 0; at <= STREAM.length; at += 1) {
    assert.equal(parse(STREAM.subarray(0, at), STREAM.subarray(at)), FRAMES, `split at ${at}`);
    const [a, b, c] = [STREAM.subarray(0, at), STREAM.subarray(at, at + 1), STREAM.subarray(at + 1)];
    assert.equal(parse(a, b, c), FRAMES, `byte ${at} by itself`);
  }
});

test('a stream byte by byte, in buffers that are written over', () => {
  const frames: Frame[] = [];
  const kept: Buffer[] = [];
  const parser = new EslFrameParser((head, frame, bodyAt) => {
    kept.push(frame);
    frames.push({ type: head.contentType, replyText: head.replyText, body: frame.toString('utf8', bodyAt) });
  });
  for (const byte of STREAM) parser.push(Buffer.from([byte]));
  assert.equal(frames, FRAMES);
  assert.equal(Buffer.concat(kept), STREAM, 'a frame that was given away is not written over');
});

test('a frame whole in its chunk is not copied', () => {
  const chunk = Buffer.from(jsonEvent(EVENT) + jsonEvent(EVENT));
  const at: number[] = [];
  new EslFrameParser((_head, frame) => at.push(frame.buffer === chunk.buffer ? frame.byteOffset : -1)).push(chunk);
  assert.equal(at, [chunk.byteOffset, chunk.byteOffset + chunk.length / 2]);
});

for (const [what, bytes] of [
  ['a header line without a name', 'Content-Type: x\nno colon here\n\n'],
  ['a header line with a carriage return for an end', 'Content-Type: x\r\n\r\n\n\n'],
  ['no type', 'Foo: bar\n\n'],
  ['a blank frame', '\n\n'],
  ['a negative length', 'Content-Type: x\nContent-Length: -5\n\n'],
  ['a length with a sign', 'Content-Type: x\nContent-Length: +5\n\n'],
  ['a hexadecimal length', 'Content-Type: x\nContent-Length: 0x5\n\n'],
  ['two lengths', 'Content-Type: x\nContent-Length: 1\nContent-Length: 1\n\n'],
  ['a length in another spelling', 'Content-Type: x\ncontent-length: 5\n\nhello'],
  ['a body beyond its bound', `Content-Type: x\nContent-Length: ${LIMITS.eslBodyBytes + 1}\n\n`],
  ['a header block beyond its bound', `Content-Type: x\nX: ${'y'.repeat(LIMITS.eslHeaderBytes)}\n\n`],
] as const) {
  test(`${what} is ERR_TALKSPURT_LINK_PROTOCOL, whole and byte by byte`, () => {
    const refused = (error: unknown): boolean => (error as { code?: string }).code === 'ERR_TALKSPURT_LINK_PROTOCOL';
    const bytesOf = Buffer.from(bytes);
    assert.throws(() => parse(bytesOf), refused);
    assert.throws(() => parse(...Array.from(bytesOf, (byte) => Buffer.from([byte]))), refused);
  });
}

test('a header block without an end is refused at its bound, not kept for ever', () => {
  const parser = new EslFrameParser(() => undefined);
  let pushed = 0;
  assert.throws(() => {
    for (;;) {
      parser.push(Buffer.alloc(1000, 'x'));
      pushed += 1000;
    }
  });
  assert.ok(pushed <= LIMITS.eslHeaderBytes);
});

test.run();

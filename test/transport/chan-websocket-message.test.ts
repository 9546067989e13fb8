/** Messages as a real Asterisk 22.10.1 said them, and whatever else may come. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import {
  chanWebSocketFormatOf,
  parseChanWebSocket,
  writeChanWebSocket,
} from '../../src/transport/chan-websocket-message.ts';

const START = { type: 'MEDIA_START', channelId: 'w1', codec: 'slin16', frameBytes: 640, ptimeMs: 20 };

test('MEDIA_START in both formats', () => {
  const plain =
    'MEDIA_START connection_id:media1 channel:WebSocket/media1/0x7f42cc00bd00 channel_id:w1 format:slin16 optimal_frame_size:640 ptime:20';
  assert.equal(parseChanWebSocket(plain), START);
  const json =
    '{"event":"MEDIA_START","connection_id":"82a0d9a5-f4c1-4d05-9406-e40fe9d4b732","channel":"WebSocket/INCOMING/0x7fc06c008bd0","channel_id":"w1","format":"slin16","optimal_frame_size":640,"ptime":20,"channel_variables":{"MEDIA_WEBSOCKET_CONNECTION_ID":"82a0d9a5-f4c1-4d05-9406-e40fe9d4b732","MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE":"640"}}';
  assert.equal(parseChanWebSocket(json), START);
  assert.is(chanWebSocketFormatOf(plain), 'plain-text');
  assert.is(chanWebSocketFormatOf(json), 'json');
  // A connection whose name looks like a field: the channel is the later one.
  assert.equal(parseChanWebSocket(plain.replace('connection_id:media1', 'connection_id:a channel_id:evil')), START);
});

test('every other event in both formats', () => {
  const cases: readonly (readonly [string, string, object])[] = [
    ['MEDIA_XON', '{"event":"MEDIA_XON","channel_id":"w1"}', { type: 'MEDIA_XON' }],
    ['MEDIA_XOFF', '{"event":"MEDIA_XOFF","channel_id":"w1"}', { type: 'MEDIA_XOFF' }],
    ['QUEUE_DRAINED', '{"event":"QUEUE_DRAINED","channel_id":"w1"}', { type: 'QUEUE_DRAINED' }],
    [
      'MEDIA_MARK_PROCESSED 17',
      '{"event":"MEDIA_MARK_PROCESSED","channel_id":"w1","correlation_id":"17"}',
      { type: 'MEDIA_MARK_PROCESSED', id: '17' },
    ],
    [
      'MEDIA_MARK_PROCESSED',
      '{"event":"MEDIA_MARK_PROCESSED","channel_id":"w1","correlation_id":""}',
      { type: 'MEDIA_MARK_PROCESSED', id: '' },
    ],
    [
      'MEDIA_BUFFERING_COMPLETED b1',
      '{"event":"MEDIA_BUFFERING_COMPLETED","channel_id":"w1","correlation_id":"b1"}',
      { type: 'MEDIA_BUFFERING_COMPLETED', id: 'b1' },
    ],
    [
      'STATUS channel_id:w1 queue_length:94 xon_level:800 xoff_level:900 queue_full:false bulk_media:false media_paused:false',
      '{"event":"STATUS","channel_id":"w1","queue_length":94,"xon_level":800,"xoff_level":900,"queue_full":false,"bulk_media":false,"media_paused":false}',
      { type: 'STATUS', queuedFrames: 94 },
    ],
    [
      'DTMF_END digit:1 channel_id:w1',
      '{"event":"DTMF_END","channel_id":"w1","digit":"1"}',
      { type: 'DTMF_END', digit: '1' },
    ],
    ['DTMF_END digit:a channel_id:w1', '{"event":"DTMF_END","digit":"a"}', { type: 'DTMF_END', digit: 'A' }],
    [
      'ERROR channel_id:w1 error_text:MARK_MEDIA not supported in passthrough mode',
      '{"event":"ERROR","channel_id":"w1","error_text":"Unable to parse JSON command"}',
      { type: 'ERROR' },
    ],
    ['SOMETHING_NEW x:1', '{"event":"SOMETHING_NEW","x":1}', { type: 'UNKNOWN' }],
  ];
  for (const [plain, json, expected] of cases) {
    assert.equal(parseChanWebSocket(plain), expected, plain);
    assert.equal(parseChanWebSocket(json), expected, json);
  }
});

test('what says nothing', () => {
  const long = 'x'.repeat(LIMITS.chanWebSocketIdCharacters + 1);
  const bad = [
    '',
    ' ',
    '{',
    '{}',
    '{"event":7}',
    '[]',
    'lower case',
    'MEDIA_START',
    'MEDIA_START channel_id: format:slin optimal_frame_size:320 ptime:20',
    'MEDIA_START channel_id:w1 format:slin optimal_frame_size:-1 ptime:20',
    'MEDIA_START channel_id:w1 format:slin optimal_frame_size:320',
    `MEDIA_START channel_id:${long} format:slin optimal_frame_size:320 ptime:20`,
    '{"event":"MEDIA_START","channel_id":1,"format":"slin","optimal_frame_size":320,"ptime":20}',
    '{"event":"MEDIA_START","channel_id":"w1","format":"slin","optimal_frame_size":3.5,"ptime":20}',
    `{"event":"MEDIA_MARK_PROCESSED","correlation_id":"${long}"}`,
    '{"event":"MEDIA_MARK_PROCESSED","correlation_id":{}}',
    'STATUS queue_length:many',
    '{"event":"STATUS","queue_length":1e12}',
    'DTMF_END digit:12',
    'DTMF_END',
    '{"event":"DTMF_END","digit":"x"}',
    `{"event":"MEDIA_XON","x":"${'y'.repeat(LIMITS.chanWebSocketMessageBytes)}"}`,
  ];
  for (const text of bad) assert.equal(parseChanWebSocket(text), { type: 'MALFORMED' }, text.slice(0, 80));
});

test('commands, none of them longer than Asterisk reads', () => {
  assert.is(writeChanWebSocket('plain-text', 'MARK_MEDIA', '255'), 'MARK_MEDIA 255');
  assert.is(writeChanWebSocket('json', 'MARK_MEDIA', '255'), '{"command":"MARK_MEDIA","correlation_id":"255"}');
  assert.is(writeChanWebSocket('plain-text', 'FLUSH_MEDIA'), 'FLUSH_MEDIA');
  assert.is(writeChanWebSocket('json', 'GET_STATUS'), '{"command":"GET_STATUS"}');
  const longest = writeChanWebSocket('json', 'REPORT_QUEUE_DRAINED', 'x'.repeat(64));
  assert.ok(longest.length <= 128, `${longest.length}`);
});

test('anything at all is taken, and what is written is read', () => {
  const key = fc.constantFrom('event', 'channel_id', 'format', 'optimal_frame_size', 'ptime', 'digit', 'queue_length');
  const name = fc.constantFrom('MEDIA_START', 'STATUS', 'DTMF_END', 'MEDIA_MARK_PROCESSED', 'ERROR', '__proto__');
  const json = fc
    .tuple(name, fc.dictionary(key, fc.jsonValue()))
    .map(([event, rest]) => JSON.stringify({ ...rest, event }));
  const plain = fc
    .tuple(name, fc.array(fc.tuple(key, fc.string())))
    .map(([event, words]) => [event, ...words.map((word) => word.join(':'))].join(' '));
  fc.assert(
    fc.property(fc.oneof(json, plain, fc.string(), fc.json()), (text) => {
      const event = parseChanWebSocket(text);
      if (event.type !== 'MEDIA_START') return;
      assert.ok(event.channelId.length > 0 && event.channelId.length <= LIMITS.chanWebSocketIdCharacters);
      assert.ok(Number.isInteger(event.frameBytes) && event.frameBytes >= 0);
    }),
    { numRuns: 2_000 },
  );
  const word = fc.stringMatching(/^[\w.:/-]{1,40}$/);
  fc.assert(
    fc.property(word, word, fc.nat(8_000), fc.nat(60), (channelId, codec, frameBytes, ptimeMs) => {
      const expected = { type: 'MEDIA_START', channelId, codec, frameBytes, ptimeMs };
      const plainText = `MEDIA_START connection_id:c channel:x channel_id:${channelId} format:${codec} optimal_frame_size:${frameBytes} ptime:${ptimeMs}`;
      assert.equal(parseChanWebSocket(plainText), expected);
      const fields = {
        event: 'MEDIA_START',
        channel_id: channelId,
        format: codec,
        optimal_frame_size: frameBytes,
        ptime: ptimeMs,
      };
      assert.equal(parseChanWebSocket(JSON.stringify(fields)), expected);
    }),
  );
});

test.run();

import { fc } from '../chance.ts';
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeJson, decodeServerEvent } from '../../src/backend/openai-event-decoder.ts';
import type { ServerEvent } from '../../src/backend/openai-event.ts';
import { apiError, audioDelta, audioDone, responseCreated, responseDone, sessionCreated } from './realtime-script.ts';

/** One of each event that is used, complete. */
const EVENTS: RealtimeServerEvent[] = [
  sessionCreated({
    type: 'realtime',
    audio: { input: { format: { type: 'audio/pcmu' } }, output: { format: { type: 'audio/pcma' } } },
  }),
  apiError('some_code', 'create-1'),
  responseCreated('r1'),
  responseDone('r1', 'incomplete'),
  audioDelta('r1', 'i1', Buffer.from([1])),
  audioDone('r1', 'i1'),
  { type: 'input_audio_buffer.speech_started', event_id: 'e', audio_start_ms: 1, item_id: 'i' },
  { type: 'input_audio_buffer.speech_stopped', event_id: 'e', audio_end_ms: 1, item_id: 'i' },
  { type: 'input_audio_buffer.timeout_triggered', event_id: 'e', audio_start_ms: 0, audio_end_ms: 1, item_id: 'i' },
  { type: 'conversation.item.input_audio_transcription.delta', event_id: 'e', item_id: 'i', delta: 'wo' },
  {
    type: 'conversation.item.input_audio_transcription.completed',
    event_id: 'e',
    item_id: 'i',
    content_index: 0,
    transcript: 'word',
    usage: { type: 'duration', seconds: 1 },
  },
  {
    type: 'conversation.item.input_audio_transcription.failed',
    event_id: 'e',
    item_id: 'i',
    content_index: 0,
    error: { code: 'audio_unintelligible' },
  },
  {
    type: 'response.output_audio_transcript.delta',
    event_id: 'e',
    response_id: 'r',
    item_id: 'i',
    output_index: 0,
    content_index: 0,
    delta: 'he',
  },
  {
    type: 'response.output_audio_transcript.done',
    event_id: 'e',
    response_id: 'r',
    item_id: 'i',
    output_index: 0,
    content_index: 0,
    transcript: 'hello',
  },
  {
    type: 'response.output_text.delta',
    event_id: 'e',
    response_id: 'r',
    item_id: 'i',
    output_index: 0,
    content_index: 0,
    delta: 'he',
  },
  {
    type: 'response.output_text.done',
    event_id: 'e',
    response_id: 'r',
    item_id: 'i',
    output_index: 0,
    content_index: 0,
    text: 'hello',
  },
  {
    type: 'response.output_item.added',
    event_id: 'e',
    response_id: 'r',
    output_index: 0,
    item: { type: 'function_call', id: 'i', call_id: 'c', name: 'f', arguments: '' },
  },
  {
    type: 'response.function_call_arguments.done',
    event_id: 'e',
    response_id: 'r',
    item_id: 'i',
    output_index: 0,
    call_id: 'c',
    name: 'f',
    arguments: '{}',
  },
  {
    type: 'rate_limits.updated',
    event_id: 'e',
    rate_limits: [{ name: 'tokens', limit: 9, remaining: 4, reset_seconds: 1.5 }],
  },
];

function decode(event: RealtimeServerEvent): ServerEvent {
  return decodeServerEvent(Buffer.from(JSON.stringify(event)));
}

test('every event that is used is decoded', () => {
  for (const event of EVENTS) assert.is(decode(event).type, event.type);
  assert.equal(decode(EVENTS.at(0)!), {
    type: 'session.created',
    expiresAtS: undefined,
    inputType: 'audio/pcmu',
    outputType: 'audio/pcma',
  });
  assert.equal(decode(responseDone('r1', 'completed')), {
    type: 'response.done',
    responseId: 'r1',
    status: 'completed',
    reason: undefined,
    error: null,
    inputTokens: 7,
    outputTokens: 11,
  });
  assert.equal(decode(EVENTS.at(-1)!), {
    type: 'rate_limits.updated',
    limits: [{ name: 'tokens', limit: 9, remaining: 4, resetSeconds: 1.5 }],
  });
});

test('a failed response tells why', () => {
  const event = decode({
    type: 'response.done',
    event_id: 'e',
    response: {
      id: 'r',
      status: 'failed',
      status_details: { type: 'failed', error: { type: 'server_error', code: 'insufficient_quota' } },
    },
  });
  assert.is(event.type, 'response.done');
  if (event.type === 'response.done') assert.is(event.error?.code, 'insufficient_quota');
});

test('the names of the beta interface mean the same', () => {
  const beta: [string, string][] = [
    ['response.audio.delta', 'response.output_audio.delta'],
    ['response.audio.done', 'response.output_audio.done'],
    ['response.audio_transcript.delta', 'response.output_audio_transcript.delta'],
    ['response.audio_transcript.done', 'response.output_audio_transcript.done'],
    ['response.text.delta', 'response.output_text.delta'],
    ['response.text.done', 'response.output_text.done'],
  ];
  for (const [old, now] of beta) {
    const event = EVENTS.find((candidate) => candidate.type === now)!;
    assert.equal(decodeJson({ ...event, type: old }), decode(event));
  }
});

test('known and of no use, or not known at all', () => {
  assert.is(decodeJson({ type: 'conversation.item.created' }).type, 'ignored');
  assert.is(decodeJson({ type: 'response.content_part.added' }).type, 'ignored');
  for (const type of ['', 'response.hologram.delta', 'constructor', '__proto__', 'toString']) {
    assert.is(decodeJson({ type }).type, 'unknown', type);
  }
});

test('what is no JSON, or no event', () => {
  for (const text of ['', '{', 'null', '[]', '7', '"x"', '{}', '{"type":7}', '\u0000', '{"type":"error"}', '[[[[[[']) {
    assert.is(decodeServerEvent(Buffer.from(text)).type, 'malformed', text);
  }
  assert.is(decodeServerEvent(Buffer.from('['.repeat(200_000))).type, 'malformed');
});

test('each field that is used: missing, or of another kind, names itself', () => {
  const cases: [RealtimeServerEvent['type'], string[]][] = [
    ['session.created', ['session']],
    ['response.created', ['response', 'response.id']],
    ['response.done', ['response', 'response.id', 'response.status']],
    ['response.output_audio.delta', ['response_id', 'item_id', 'delta']],
    ['response.output_audio.done', ['response_id', 'item_id']],
    ['response.output_audio_transcript.delta', ['response_id', 'delta']],
    ['response.output_text.done', ['response_id', 'text']],
    ['response.output_item.added', ['response_id', 'item']],
    ['response.function_call_arguments.done', ['response_id', 'call_id', 'arguments']],
    ['rate_limits.updated', ['rate_limits']],
    ['error', ['error']],
  ];
  for (const [type, fields] of cases) {
    for (const field of fields) {
      for (const value of [undefined, null, 7, true, ['x'], 'x'.repeat(300)]) {
        const json = structuredClone(EVENTS.find((event) => event.type === type)) as unknown as Record<string, unknown>;
        const path = field.split('.');
        const last = path.pop()!;
        const holder = path.reduce((object, name) => object[name] as Record<string, unknown>, json);
        holder[last] = value;
        const isFreeText = typeof value === 'string' && ['delta', 'text', 'arguments'].includes(last);
        const event = decodeJson(json);
        if (isFreeText) assert.is(event.type, type);
        else if (Array.isArray(value) && field === 'rate_limits')
          assert.equal(event, { type: 'malformed', of: type, field: 'rate_limits[0]' });
        else assert.equal(event, { type: 'malformed', of: type, field }, `${type} ${field} ${String(value)}`);
      }
    }
  }
});

test('whatever a peer does to an event, decoding does not throw', () => {
  const wreck = fc.tuple(fc.constantFrom(...EVENTS), fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(wreck, fc.boolean(), ([event, name, value], known) => {
      const names = Object.keys(event);
      const field = known ? names.at(name.length % names.length)! : name;
      assert.type(decodeJson({ ...event, [field]: value }).type, 'string');
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.type(decodeServerEvent(Buffer.from(bytes)).type, 'string')));
});

test.run();

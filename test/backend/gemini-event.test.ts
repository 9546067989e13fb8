/** What comes from Gemini Live: every message that is declared, what is wrong in one, and audio that is read without parsing it. */
import type { LiveServerMessage } from '@google/genai';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeGeminiEvent } from '../../src/backend/gemini-event.ts';
import type { GeminiAudio, GeminiEvent } from '../../src/backend/gemini-event.ts';
import { LIMITS } from '../../src/limits.ts';

type Said = Partial<Omit<LiveServerMessage, 'text' | 'data'>>;

function decoded(message: Said | string): GeminiEvent {
  const event = decodeGeminiEvent(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  assert.is(event.type, 'event');
  return event as GeminiEvent;
}

function faultOf(text: string): string {
  const event = decodeGeminiEvent(Buffer.from(text));
  return event.type === 'malformed' ? `${event.of} (${event.field})` : 'none';
}

function bytesOf({ text, from, to }: GeminiAudio): Buffer {
  return Buffer.from(text.toString('latin1', from, to), 'base64');
}

test('every message that the vendor declares', () => {
  assert.is(decoded({ setupComplete: { sessionId: 's' } }).setupComplete, true);
  assert.equal(decoded({ goAway: { timeLeft: '9.5s' } }).goAwayMs, 9_500);
  assert.equal(
    ['50s', '0s', '', 'soon', '-1s', '1.0000000001s'].map((timeLeft) => decoded({ goAway: { timeLeft } }).goAwayMs),
    [50_000, 0, 0, 0, 0, 0],
  );
  assert.is(decoded({ goAway: {} }).goAwayMs, 0);
  assert.is(decoded({ sessionResumptionUpdate: { newHandle: 'h', resumable: true } }).handle, 'h');
  assert.is(decoded({ sessionResumptionUpdate: { newHandle: 'h', resumable: false } }).handle, '');
  assert.is(decoded({ sessionResumptionUpdate: {} }).handle, '');
  assert.equal(decoded({ usageMetadata: { promptTokenCount: 1, responseTokenCount: 2, totalTokenCount: 3 } }).usage, {
    ...{ inputTokens: 1, outputTokens: 2 },
  });
  assert.is(decoded({ voiceActivity: { voiceActivityType: 'ACTIVITY_START' as never } }).speech, 'started');
  assert.equal(decoded({ toolCallCancellation: { ids: ['a', 'b'] } }).cancelledCalls, ['a', 'b']);
  assert.equal(decoded({ toolCall: { functionCalls: [{ id: 'i', name: 'n', args: { a: [1] } }] } }).calls, [
    { id: 'i', name: 'n', argumentsJson: '{"a":[1]}' },
  ]);
  const content = decoded({
    serverContent: {
      ...{ interrupted: true, generationComplete: true, turnComplete: true, waitingForInput: true },
      turnCompleteReason: 'NEED_MORE_INPUT' as never,
      inputTranscription: { text: 'a' },
      outputTranscription: { text: 'b', finished: true },
    },
  }).content;
  assert.equal(content, {
    audio: [],
    ...{ input: { text: 'a', finished: false }, output: { text: 'b', finished: true } },
    ...{ interrupted: true, generationComplete: true, turnComplete: true, waitingForInput: true, fault: undefined },
  });
  for (const known of ['setupComplete', 'voiceActivityDetectionSignal', 'usageMetadata']) {
    assert.is(decoded(`{"${known}":{}}`).unknown, false);
  }
  assert.is(decoded('{"somethingNew":{}}').unknown, true);
});

test('what is wrong is named, by its field', () => {
  const faults: [string, string][] = [
    ['', 'message (JSON)'],
    ['{"serverContent":', 'message (JSON)'],
    ['[1]', 'message (JSON object)'],
    ['{"serverContent":null}', 'serverContent (serverContent)'],
    ['{"serverContent":{"modelTurn":{"parts":{}}}}', 'serverContent (serverContent.modelTurn.parts)'],
    ['{"serverContent":{"inputTranscription":"x"}}', 'serverContent (serverContent.inputTranscription)'],
    ['{"serverContent":{"modelTurn":{"parts":[7]}}}', 'serverContent (serverContent.modelTurn.parts[0])'],
    ['{"toolCall":[]}', 'toolCall (toolCall)'],
    ['{"toolCall":{"functionCalls":[{"id":"a"}]}}', 'toolCall (toolCall.functionCalls[0].name)'],
    ['{"toolCall":{"functionCalls":[{"name":"a","args":7}]}}', 'toolCall (toolCall.functionCalls[0].args)'],
    [
      JSON.stringify({ toolCall: { functionCalls: [{ name: 'a', id: 'x'.repeat(LIMITS.backendIdCharacters + 1) }] } }),
      'toolCall (toolCall.functionCalls[0].id)',
    ],
    ['{"sessionResumptionUpdate":3}', 'sessionResumptionUpdate (sessionResumptionUpdate)'],
    [
      JSON.stringify({ sessionResumptionUpdate: { newHandle: 'x'.repeat(9_000), resumable: true } }),
      'sessionResumptionUpdate (sessionResumptionUpdate.newHandle)',
    ],
  ];
  for (const [text, fault] of faults) assert.is(faultOf(text), fault);
});

test('audio is the same however the message is written, and whatever else is in it', () => {
  const other = fc.record(
    {
      outputTranscription: fc.record({ text: fc.string() }),
      turnComplete: fc.boolean(),
      groundingMetadata: fc.dictionary(fc.constantFrom('data', 'x'), fc.string({ maxLength: 400 })),
    },
    { requiredKeys: [] },
  );
  const part = fc.oneof(
    fc.record({
      inlineData: fc.record({
        mimeType: fc.constant('audio/pcm;rate=24000'),
        bytes: fc.uint8Array({ maxLength: 600 }),
      }),
    }),
    fc.record({ text: fc.string() }),
  );
  fc.assert(
    fc.property(
      other,
      fc.array(part, { maxLength: 3 }),
      fc.boolean(),
      fc.constantFrom('', ' ', 2),
      (more, parts, first, space) => {
        const wire = parts.map((each) =>
          'text' in each
            ? each
            : {
                inlineData: {
                  mimeType: each.inlineData.mimeType,
                  data: Buffer.from(each.inlineData.bytes).toString('base64'),
                },
              },
        );
        const serverContent = first ? { modelTurn: { parts: wire }, ...more } : { ...more, modelTurn: { parts: wire } };
        const event = decoded(JSON.stringify({ serverContent, usageMetadata: {} }, null, space));
        assert.equal(
          event.content?.audio.map(bytesOf),
          parts.flatMap((each) => ('text' in each ? [] : [Buffer.from(each.inlineData.bytes)])),
        );
        assert.is(event.content?.turnComplete, more.turnComplete === true);
      },
    ),
  );
});

test('a text that looks like audio is none', () => {
  const long = 'A'.repeat(400);
  const call = decoded({ toolCall: { functionCalls: [{ name: 'n', args: { data: long } }] } });
  assert.is(call.calls[0]?.argumentsJson, JSON.stringify({ data: long }));
  const quoted = decoded({ serverContent: { outputTranscription: { text: `{"data":"${long}"}` } } });
  assert.is(quoted.content?.output?.text, `{"data":"${long}"}`);
  const both = decoded(
    JSON.stringify({
      serverContent: { x: { data: long }, modelTurn: { parts: [{ inlineData: { mimeType: 'audio/pcm', data: '' } }] } },
      toolCall: {},
    }).replace('"toolCall":{}', '"toolCall":{"functionCalls":[]}'),
  );
  assert.is(both.content?.audio[0]?.to, 0);
  const escaped = `{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"${'AAAA'.repeat(100)}AA\\u003d\\u003d"}}]}}}`;
  assert.is(bytesOf(decoded(escaped).content!.audio[0]!).length, 301);
});

test('a duration is bounded: no timer can be set to any', () => {
  const of = (timeLeft: string): unknown => {
    const event = decodeGeminiEvent(Buffer.from(JSON.stringify({ goAway: { timeLeft } })));
    return event.type === 'event' && event.goAwayMs;
  };
  assert.equal(['9.5s', '999999999s', '-1s', ''].map(of), [9_500, 86_400_000, 0, 0]);
});

test('whatever comes, nothing is thrown', () => {
  const depth = 100_000;
  const args = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  assert.equal(decodeGeminiEvent(Buffer.from(`{"toolCall":{"functionCalls":[{"name":"x","args":${args}}]}}`)), {
    type: 'malformed',
    of: 'toolCall',
    field: 'toolCall.functionCalls[0].args',
  });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        decodeGeminiEvent(Buffer.from(bytes));
      },
    ),
  );
  const names = [
    'serverContent',
    'toolCall',
    'goAway',
    'sessionResumptionUpdate',
    'toolCallCancellation',
    'voiceActivity',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => {
      decodeGeminiEvent(Buffer.from(JSON.stringify({ [name]: value })));
    }),
  );
});

test.run();

/** Messages of a Voice Agent, as the vendor's documentation shows them and as nobody should ever send them. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeDeepgramEvent } from '../../src/backend/deepgram-event.ts';
import type { DeepgramEvent } from '../../src/backend/deepgram-event.ts';
import { DeepgramConversation } from '../../src/backend/deepgram-conversation.ts';
import { LIMITS } from '../../src/limits.ts';
import { RecordingSink } from './recording-sink.ts';

function decode(json: unknown): DeepgramEvent {
  return decodeDeepgramEvent(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));
}

/** Examples in the form of the vendor's pages, one for each message that it documents. */
const DOCUMENTED: [string, DeepgramEvent][] = [
  [
    '{"type":"Welcome","request_id":"fc553ec9-5874-49ca-a47c-b670d525a4b3"}',
    { type: 'Welcome', requestId: 'fc553ec9-5874-49ca-a47c-b670d525a4b3' },
  ],
  ['{"type":"SettingsApplied"}', { type: 'SettingsApplied' }],
  [
    '{"type":"ConversationText","role":"user","content":"Hi, what time is it?"}',
    { type: 'ConversationText', by: 'caller', text: 'Hi, what time is it?' },
  ],
  [
    '{"type":"ConversationText","role":"user","content":"Hola","languages_hinted":["es"],"languages":["es"]}',
    { type: 'ConversationText', by: 'caller', text: 'Hola' },
  ],
  [
    '{"type":"ConversationText","role":"assistant","content":"It is nine."}',
    { type: 'ConversationText', by: 'agent', text: 'It is nine.' },
  ],
  ['{"type":"UserStartedSpeaking"}', { type: 'UserStartedSpeaking' }],
  ['{"type":"AgentThinking","content":"The caller wants the time."}', { type: 'AgentThinking' }],
  [
    '{"type":"FunctionCallRequest","functions":[{"id":"fc_12345678-90ab-cdef-1234-567890abcdef","name":"get_weather","arguments":"{\\"location\\": \\"Fremont, CA 94539\\"}","client_side":true}]}',
    {
      type: 'FunctionCallRequest',
      calls: [
        {
          toolCallId: 'fc_12345678-90ab-cdef-1234-567890abcdef',
          name: 'get_weather',
          argumentsJson: '{"location": "Fremont, CA 94539"}',
        },
      ],
    },
  ],
  ['{"type":"FunctionCallResponse","id":"func_1","name":"get_weather","content":"sunny"}', { type: 'ignored' }],
  [
    '{"type":"FunctionCallCancelled","functions":[{"id":"fc_1","name":"get_weather"}]}',
    { type: 'FunctionCallCancelled', toolCallIds: ['fc_1'] },
  ],
  [
    '{"type":"AgentStartedSpeaking","total_latency":1.2,"tts_latency":0.4,"ttt_latency":0.8}',
    { type: 'AgentStartedSpeaking' },
  ],
  ['{"type":"AgentAudioDone"}', { type: 'AgentAudioDone' }],
  [
    '{"type":"LatencyReport","stt_latency":0.12,"ttt_token_latency":0.34,"tts_latency":0.18,"total_latency":0.64}',
    { type: 'ignored' },
  ],
  ['{"type":"PromptUpdated"}', { type: 'ignored' }],
  ['{"type":"SpeakUpdated"}', { type: 'ignored' }],
  ['{"type":"ThinkUpdated"}', { type: 'ignored' }],
  ['{"type":"ListenUpdated"}', { type: 'ignored' }],
  ['{"type":"History","role":"assistant","content":"It is nine."}', { type: 'ignored' }],
  [
    '{"type":"InjectionRefused","message":"The user is speaking."}',
    { type: 'InjectionRefused', fault: { code: 'INJECTION_REFUSED', text: 'The user is speaking.' } },
  ],
  [
    '{"type":"Warning","description":"Too long.","code":"PROMPT_TOO_LONG"}',
    { type: 'Warning', fault: { code: 'PROMPT_TOO_LONG', text: 'Too long.' } },
  ],
  [
    '{"type":"Error","description":"No answer.","code":"FAILED_TO_THINK"}',
    { type: 'Error', fault: { code: 'FAILED_TO_THINK', text: 'No answer.' } },
  ],
];

test('every documented message', () => {
  for (const [message, event] of DOCUMENTED) assert.equal(decode(message), event, message);
});

test('what is no message, and what has a wrong field', () => {
  const wrong: [unknown, string][] = [
    ['', 'JSON'],
    ['{"type":"Welcome"', 'JSON'],
    ['[]', 'JSON object'],
    ['null', 'JSON object'],
    [{}, 'type'],
    [{ type: 7 }, 'type'],
    [{ type: 'ConversationText', content: 'a' }, 'role'],
    [{ type: 'ConversationText', role: 'user', content: 7 }, 'content'],
    [{ type: 'FunctionCallRequest' }, 'functions'],
    [{ type: 'FunctionCallRequest', functions: [7] }, 'functions[0]'],
    [{ type: 'FunctionCallRequest', functions: [{ id: '', name: 'n' }] }, 'functions[0].id'],
    [
      { type: 'FunctionCallRequest', functions: [{ id: 'x'.repeat(LIMITS.backendIdCharacters + 1), name: 'n' }] },
      'functions[0].id',
    ],
    [{ type: 'FunctionCallCancelled', functions: [{ name: 'n' }] }, 'functions[0].id'],
  ];
  for (const [message, field] of wrong) {
    const event = decode(message);
    assert.ok(
      event.type === 'malformed' && event.field === field,
      `${JSON.stringify(message)} → ${JSON.stringify(event)}`,
    );
  }
  assert.equal(decode({ type: 'AgentSneezed' }), { type: 'unknown' });
  assert.equal(decode({ type: 'ConversationText', role: 'system', content: 'a' }), { type: 'ignored' });
  assert.equal(decode({ type: 'Error' }), { type: 'Error', fault: { code: 'UNKNOWN', text: '' } });
});

test('a request with more functions than can be kept is cut', () => {
  const functions = Array.from({ length: LIMITS.backendToolCalls + 9 }, (_, n) => ({ id: `f${n}`, name: 'n' }));
  const event = decode({ type: 'FunctionCallRequest', functions });
  assert.is(event.type === 'FunctionCallRequest' ? event.calls.length : 0, LIMITS.backendToolCalls);
});

test('any bytes at all are an event', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.type(decodeDeepgramEvent(Buffer.from(bytes)).type, 'string');
    }),
  );
});

const NAMES = DOCUMENTED.map(([message]) => (JSON.parse(message) as { type: string }).type);
const FIELDS = ['role', 'content', 'functions', 'code', 'description', 'message', 'request_id'] as const;

test('any JSON under the names of the wire is an event', () => {
  const message = fc.tuple(fc.constantFrom(...NAMES), fc.dictionary(fc.constantFrom(...FIELDS), fc.jsonValue()));
  fc.assert(
    fc.property(message, ([type, fields]) => {
      const event = decode({ ...fields, type });
      assert.ok(event.type === 'malformed' || event.type === 'ignored' || event.type === type);
    }),
    { numRuns: 500 },
  );
});

type Step = DeepgramEvent | 'audio' | 'cancel' | 'cut' | 'text' | 'say' | 'watch';

const STEPS: Step[] = [
  ...DOCUMENTED.map(([, event]) => event).filter(({ type }) => type !== 'Error'),
  ...(['audio', 'audio', 'audio', 'cancel', 'cut', 'text', 'say', 'watch'] as const),
];

test('in whatever order things happen, a sink hears of answers in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...STEPS), { maxLength: 60 }), (steps) => {
      const sink = new RecordingSink();
      const conversation = new DeepgramConversation({
        ...{ backend: 'dg', secrets: [], responseTimeoutMs: 5_000, endsTurnsOnOrder: true, sink },
        send: () => undefined,
        expiring: () => undefined,
        end: () => undefined,
      });
      let nowMs = 1_000;
      for (const step of steps) {
        nowMs += 1_000;
        if (step === 'audio') {
          const itemId = conversation.admitAudio(160, nowMs);
          if (itemId !== null) sink.onAudio(new Uint8Array(160), itemId);
        } else if (step === 'cancel') conversation.cancel(null);
        else if (step === 'cut') conversation.cancel('dg-1');
        else if (step === 'text') conversation.sendText('hello', nowMs);
        else if (step === 'say') conversation.say('hello', nowMs);
        else if (step === 'watch') conversation.watch(nowMs);
        else conversation.handle(step, nowMs);
      }
      let open: string | null = null;
      let callerSpeaks = false;
      const seen = new Set<string>();
      for (const entry of sink.all) {
        if (entry.kind === 'started') {
          assert.is(open, null, 'one answer at a time');
          assert.not.ok(seen.has(entry.responseId), 'an answer begins once');
          open = entry.responseId;
          seen.add(open);
        } else if (entry.kind === 'audio' || entry.kind === 'audio-done') {
          assert.is(entry.itemId, open, 'audio belongs to the answer that is open');
        } else if (entry.kind === 'done') {
          assert.is(entry.responseId, open);
          open = null;
        } else if (entry.kind === 'speech') {
          // Deepgram may say twice that it hears somebody, but nobody stops who has not begun.
          if (entry.edge === 'stopped') assert.ok(callerSpeaks);
          callerSpeaks = entry.edge === 'started';
        }
      }
    }),
    { numRuns: 500 },
  );
});

test.run();

/** The dialogue without a socket: server events in, client events and sink calls out. */
import type { RealtimeClientEvent, RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OpenAiConversation } from '../../src/backend/openai-conversation.ts';
import { decodeJson } from '../../src/backend/openai-event-decoder.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { apiError, audioDone, responseCreated, responseDone } from './realtime-script.ts';
import { RecordingSink } from './recording-sink.ts';

const LIMIT_MS = 15_000;

class Talk {
  readonly sent: RealtimeClientEvent[] = [];
  readonly sink = new RecordingSink();
  readonly conversation: OpenAiConversation;
  ended: TalkspurtError | null = null;
  nowMs = 1_000;

  constructor(detectsTurns = true) {
    this.conversation = new OpenAiConversation({
      backend: 'openai',
      secrets: ['sk-secret-0123'],
      bytesPerMs: 8,
      detectsTurns,
      responseTimeoutMs: LIMIT_MS,
      sink: this.sink,
      send: (event) => this.sent.push(event),
      end: (error) => (this.ended = error),
    });
  }

  say(...events: RealtimeServerEvent[]): void {
    for (const event of events) this.conversation.handle(decodeJson(event), this.nowMs);
  }

  audio(responseId: string, itemId: string, bytes: number): boolean {
    return this.conversation.admitAudio(responseId, itemId, 0, bytes, this.nowMs);
  }

  /** What was sent since the last call, by type. */
  types(): string[] {
    return this.sent.splice(0).map((event) => event.type);
  }

  watchFor(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (; this.nowMs < untilMs; this.nowMs += 1_000) this.conversation.watch(this.nowMs);
    this.conversation.watch(this.nowMs);
  }

  get codes(): string[] {
    return this.sink.of('error').map(({ error }) => error.code);
  }
}

function toolCall(responseId: string, toolCallId: string): RealtimeServerEvent {
  return {
    type: 'response.function_call_arguments.done',
    event_id: 'e',
    response_id: responseId,
    item_id: `item-${toolCallId}`,
    output_index: 0,
    call_id: toolCallId,
    name: 'lookup',
    arguments: '{"a":1}',
  };
}

test('barge-in: cancel by name, truncate at what was heard, and drop what straggles', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'));
  assert.is(talk.audio('r1', 'i1', 8_000), true);
  talk.conversation.cancel('i1', 400.7);
  assert.equal(talk.sent.splice(0), [
    { type: 'response.cancel', event_id: 'cancel-1', response_id: 'r1' },
    { type: 'conversation.item.truncate', event_id: 'truncate-2', item_id: 'i1', content_index: 0, audio_end_ms: 400 },
  ]);
  assert.is(talk.audio('r1', 'i1', 160), false);
  assert.is(talk.conversation.stats.lateAudioBytes, 160);
  talk.say(audioDone('r1', 'i1'), responseDone('r1', 'cancelled'));
  assert.is(talk.audio('r1', 'i1', 160), false);
  assert.equal(
    talk.sink.all.map((entry) => entry.kind),
    ['started', 'done'],
  );
  assert.equal(talk.sink.of('done'), [{ kind: 'done', responseId: 'r1', status: 'cancelled' }]);
});

test('barge-in after the last delta: nothing to cancel, but what was not heard is taken back', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'));
  talk.audio('r1', 'i1', 8_000);
  talk.audio('r1', 'i2', 800);
  talk.say(audioDone('r1', 'i1'), audioDone('r1', 'i2'), responseDone('r1'));
  talk.conversation.cancel('i1', 250);
  assert.equal(talk.sent, [
    { type: 'conversation.item.truncate', event_id: 'truncate-1', item_id: 'i1', content_index: 0, audio_end_ms: 250 },
    { type: 'conversation.item.truncate', event_id: 'truncate-2', item_id: 'i2', content_index: 0, audio_end_ms: 0 },
  ]);
});

test('barge-in while nothing is said or heard: nothing is sent', () => {
  const talk = new Talk();
  talk.conversation.cancel(null, 0);
  talk.conversation.cancel('unknown', 10);
  assert.equal(talk.types(), []);
});

test('barge-in while the agent still thinks: the answer is cancelled and never heard', () => {
  const talk = new Talk(false);
  talk.conversation.commitTurn(talk.nowMs);
  assert.equal(talk.types(), ['input_audio_buffer.commit', 'response.create']);
  talk.conversation.cancel(null, 0);
  assert.equal(talk.sent.splice(0), [{ type: 'response.cancel', event_id: 'cancel-3' }]);
  talk.say(responseCreated('r1'));
  assert.is(talk.audio('r1', 'i1', 160), false);
  talk.say(responseDone('r1', 'cancelled'));
  assert.equal(talk.sink.all, []);
  talk.conversation.commitTurn(talk.nowMs);
  assert.equal(talk.types(), ['input_audio_buffer.commit', 'response.create']);
});

test('a response that ends with open items: each is done', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'));
  talk.audio('r1', 'i1', 160);
  talk.say(responseDone('r1', 'incomplete'));
  assert.equal(
    talk.sink.all.map((entry) => entry.kind),
    ['started', 'audio-done', 'done'],
  );
});

test('a server that speaks without response.created', () => {
  const talk = new Talk();
  assert.is(talk.audio('r1', 'i1', 160), true);
  assert.is(talk.audio('r1', 'i1', 160), true);
  talk.say(audioDone('r1', 'i1'), responseDone('r1'));
  assert.equal(
    talk.sink.all.map((entry) => entry.kind),
    ['started', 'audio-done', 'done'],
  );
});

test('a server that begins a response without ending the one before', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'), responseCreated('r2'), responseDone('r1'), responseDone('r2'));
  assert.equal(
    talk.sink.of('done').map((entry) => [entry.responseId, entry.status]),
    [
      ['r1', 'incomplete'],
      ['r2', 'completed'],
    ],
  );
});

test('a tool call is surfaced once, and its result asks for an answer when the response is over', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'), toolCall('r1', 'c1'));
  talk.say({
    type: 'response.output_item.done',
    event_id: 'e',
    response_id: 'r1',
    output_index: 0,
    item: { type: 'function_call', id: 'item-c1', call_id: 'c1', name: 'lookup', arguments: '{"a":1}' },
  });
  assert.equal(talk.sink.of('tool'), [{ kind: 'tool', toolCallId: 'c1', name: 'lookup', argumentsJson: '{"a":1}' }]);
  talk.conversation.sendToolResult('c1', '{"b":2}', talk.nowMs);
  assert.equal(talk.sent.splice(0), [
    {
      type: 'conversation.item.create',
      event_id: 'item-1',
      item: { type: 'function_call_output', call_id: 'c1', output: '{"b":2}' },
    },
  ]);
  talk.say(responseDone('r1'));
  assert.equal(talk.types(), ['response.create']);
});

test('two tool calls of one response: the model goes on when both are answered', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'), toolCall('r1', 'c1'), toolCall('r1', 'c2'), responseDone('r1'));
  talk.conversation.sendToolResult('c2', '{}', talk.nowMs);
  assert.equal(talk.types(), ['conversation.item.create']);
  talk.conversation.sendToolResult('c1', '{}', talk.nowMs);
  assert.equal(talk.types(), ['conversation.item.create', 'response.create']);
});

test('a tool that never answers does not stop those of a later response', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'), toolCall('r1', 'lost'), responseDone('r1'));
  talk.say(responseCreated('r2'), toolCall('r2', 'c2'), responseDone('r2'));
  talk.conversation.sendToolResult('c2', '{}', talk.nowMs);
  assert.equal(talk.types(), ['conversation.item.create', 'response.create']);
});

test('the name of a tool may come with the item only', () => {
  const talk = new Talk();
  const { name: _, ...nameless } = toolCall('r1', 'c1') as Extract<
    RealtimeServerEvent,
    { type: 'response.function_call_arguments.done' }
  >;
  talk.say(responseCreated('r1'));
  talk.conversation.handle(decodeJson(nameless), 0);
  assert.equal(talk.sink.of('tool'), []);
  talk.say({
    type: 'response.output_item.added',
    event_id: 'e',
    response_id: 'r1',
    output_index: 0,
    item: { type: 'function_call', id: 'item-c1', name: 'lookup', arguments: '' },
  });
  talk.conversation.handle(decodeJson(nameless), 0);
  assert.is(talk.sink.of('tool')[0]?.name, 'lookup');
});

test('a tool call of a cancelled response is not made', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'));
  talk.conversation.cancel(null, 0);
  talk.say(toolCall('r1', 'c1'));
  assert.equal(talk.sink.of('tool'), []);
});

test('text, greeting: asked for at once, or after what is being said', () => {
  const talk = new Talk();
  talk.conversation.requestResponse('Say hello.', talk.nowMs);
  assert.equal(talk.sent.splice(0), [
    { type: 'response.create', event_id: 'create-1', response: { instructions: 'Say hello.' } },
  ]);
  talk.say(responseCreated('r1'));
  talk.conversation.sendText('and now?', talk.nowMs);
  assert.equal(talk.types(), ['conversation.item.create']);
  talk.say(responseDone('r1'));
  assert.equal(talk.types(), ['response.create']);
});

test('a request that meets a response of the server’s own is made again after it', () => {
  const talk = new Talk();
  talk.conversation.requestResponse('Say hello.', talk.nowMs);
  talk.types();
  talk.say(responseCreated('vad'), apiError('conversation_already_has_active_response', 'create-1'));
  assert.equal(talk.types(), []);
  talk.say(responseDone('vad'));
  assert.equal(talk.sent, [
    { type: 'response.create', event_id: 'create-2', response: { instructions: 'Say hello.' } },
  ]);
  assert.equal(talk.codes, []);
});

test('a request that is refused for good: reported, and the one that waited goes out', () => {
  const talk = new Talk();
  talk.conversation.requestResponse('x', talk.nowMs);
  talk.conversation.sendText('and this', talk.nowMs);
  talk.types();
  talk.say(apiError('invalid_value', 'create-1'));
  assert.equal(talk.codes, ['ERR_TALKSPURT_BACKEND_API']);
  assert.equal(talk.types(), ['response.create']);
  talk.say(apiError('invalid_value', 'create-3'));
  assert.equal(talk.types(), []);
  talk.watchFor(60_000);
  assert.is(talk.codes.length, 2);
});

test('harmless: a cancel that came too late, a turn that ended while the agent spoke', () => {
  const talk = new Talk();
  talk.say(apiError('response_cancel_not_active', 'cancel-1'), apiError('conversation_already_has_active_response'));
  assert.equal(talk.codes, []);
  assert.is(talk.conversation.stats.harmlessErrors, 2);
});

test('an error of the API is reported with its code and without its words in the message', () => {
  const talk = new Talk();
  talk.say(apiError('invalid_value', 'item-1'));
  const { error } = talk.sink.of('error').at(0)!;
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_API');
  assert.is(error.details['apiCode'], 'invalid_value');
  assert.is(error.details['peerMessage'], 'as the API words it');
  assert.not.match(error.message, 'words');
  assert.is(talk.ended, null);
});

test('what ends a session', () => {
  for (const [code, ours] of [
    ['session_expired', 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED'],
    ['invalid_api_key', 'ERR_TALKSPURT_BACKEND_AUTH'],
  ] as const) {
    const talk = new Talk();
    talk.say(apiError(code));
    assert.is(talk.ended?.code, ours);
    assert.equal(talk.codes, []);
  }
});

test('a response that failed: the error first, then its end', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'), {
    type: 'response.done',
    event_id: 'e',
    response: {
      id: 'r1',
      status: 'failed',
      status_details: { type: 'failed', error: { code: 'rate_limit_exceeded' } },
    },
  });
  assert.equal(
    talk.sink.all.map((entry) => entry.kind),
    ['started', 'error', 'done'],
  );
  assert.equal(talk.codes, ['ERR_TALKSPURT_BACKEND_REFUSED']);
  assert.is(talk.sink.of('done')[0]?.status, 'failed');
});

test('no answer to the caller: a recoverable error, once', () => {
  const talk = new Talk();
  talk.say({ type: 'input_audio_buffer.speech_stopped', event_id: 'e', audio_end_ms: 0, item_id: 'i' });
  talk.watchFor(LIMIT_MS - 1_000);
  assert.equal(talk.codes, []);
  talk.watchFor(60_000);
  assert.equal(talk.codes, ['ERR_TALKSPURT_BACKEND_TIMEOUT']);
  assert.equal(talk.types(), []);
});

test('the caller goes on speaking: no answer is due', () => {
  const talk = new Talk();
  talk.say({ type: 'input_audio_buffer.speech_stopped', event_id: 'e', audio_end_ms: 0, item_id: 'i' });
  talk.say({ type: 'input_audio_buffer.speech_started', event_id: 'e', audio_start_ms: 0, item_id: 'i' });
  talk.watchFor(60_000);
  assert.equal(talk.codes, []);
});

test('a response that stops in the middle, or was asked for and does not begin, ends the stream', () => {
  const stuck = new Talk();
  stuck.say(responseCreated('r1'));
  stuck.audio('r1', 'i1', 160);
  stuck.watchFor(LIMIT_MS - 1_000);
  assert.is(stuck.conversation.answerDue, true);
  assert.is(stuck.ended, null);
  stuck.watchFor(1_000);
  assert.is(stuck.ended?.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.is(stuck.ended?.details['begun'], true);
  // What becomes of it is a matter of whoever has the stream: nothing more is said of it here.
  assert.equal([stuck.codes, stuck.types(), stuck.sink.of('done')], [[], [], []]);
  const asked = new Talk(false);
  asked.conversation.commitTurn(asked.nowMs);
  asked.watchFor(LIMIT_MS);
  assert.equal([asked.ended?.code, asked.ended?.details['begun']], ['ERR_TALKSPURT_BACKEND_TIMEOUT', false]);
});

test('one that was called off and never ends is given up, and the next one may begin', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'));
  talk.audio('r1', 'i1', 160);
  talk.conversation.cancel('i1', 10);
  talk.types();
  talk.watchFor(LIMIT_MS);
  assert.is(talk.ended, null);
  assert.equal(talk.codes, ['ERR_TALKSPURT_BACKEND_TIMEOUT']);
  assert.equal(talk.sink.of('done'), [{ kind: 'done', responseId: 'r1', status: 'failed' }]);
  talk.say(responseDone('r1', 'cancelled'));
  assert.is(talk.sink.of('done').length, 1);
  talk.conversation.requestResponse(undefined, talk.nowMs);
  assert.equal(talk.types(), ['response.create']);
  assert.is(talk.conversation.answerDue, true);
});

test('every sign of a response puts the limit off', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'));
  for (let i = 0; i < 5; i += 1) {
    talk.watchFor(10_000);
    talk.audio('r1', 'i1', 160);
    talk.watchFor(10_000);
    talk.say(audioDone('r1', 'other'));
  }
  talk.say(responseDone('r1'));
  talk.watchFor(60_000);
  assert.equal(talk.codes, []);
});

test('what another stream left: its turns, its open functions, and their results answered together', () => {
  const talk = new Talk();
  talk.conversation.restore(
    [
      { by: 'caller', text: 'when is the next one' },
      { by: 'agent', text: 'One moment…' },
    ],
    [
      { toolCallId: 'c-1', name: 'departures', argumentsJson: '{"day":"today"}' },
      { toolCallId: 'c-2', name: 'weather', argumentsJson: '{}' },
    ],
  );
  assert.equal(
    talk.sent.splice(0).map((event) => (event.type === 'conversation.item.create' ? event.item : null)),
    [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'when is the next one' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'One moment…' }] },
      { type: 'function_call', call_id: 'c-1', name: 'departures', arguments: '{"day":"today"}' },
      { type: 'function_call', call_id: 'c-2', name: 'weather', arguments: '{}' },
    ],
  );
  talk.conversation.sendToolResult('c-1', '"noon"', talk.nowMs);
  assert.equal(talk.types(), ['conversation.item.create'], 'the other one is open');
  talk.conversation.sendToolResult('c-2', '"rain"', talk.nowMs);
  assert.equal(talk.types(), ['conversation.item.create', 'response.create']);
});

test('transcripts: additions and wholes, also the whole of a cancelled one', () => {
  const talk = new Talk();
  const place = { event_id: 'e', response_id: 'r1', item_id: 'i', output_index: 0, content_index: 0 };
  talk.say(responseCreated('r1'));
  talk.say({ type: 'response.output_audio_transcript.delta', ...place, delta: 'he' });
  talk.conversation.cancel(null, 0);
  talk.say({ type: 'response.output_audio_transcript.delta', ...place, delta: 'llo' });
  talk.say({ type: 'response.output_audio_transcript.done', ...place, transcript: 'hello' });
  assert.equal(
    talk.sink.of('transcript').map(({ by, text, final }) => [by, text, final]),
    [
      ['agent', 'he', false],
      ['agent', 'hello', true],
    ],
  );
});

test('what the caller said, and what could not be made out', () => {
  const talk = new Talk();
  const place = { event_id: 'e', item_id: 'i', content_index: 0 };
  const name = 'conversation.item.input_audio_transcription';
  talk.say({ type: `${name}.delta`, ...place, delta: 'he' });
  talk.say({ type: `${name}.delta`, ...place, delta: '' });
  talk.say({ type: `${name}.completed`, ...place, transcript: 'hello', usage: { type: 'duration', seconds: 1 } });
  talk.say({ type: `${name}.failed`, ...place, error: { code: 'audio_unintelligible', message: 'sk-secret-0123' } });
  assert.equal(
    talk.sink.of('transcript').map(({ by, text, final }) => [by, text, final]),
    [
      ['caller', 'he', false],
      ['caller', 'hello', true],
    ],
  );
  assert.equal(talk.sink.of('error')[0]?.error.details, {
    place: 'transcription',
    apiCode: 'audio_unintelligible',
    apiType: undefined,
    param: undefined,
    peerMessage: '[secret]',
  });
});

test('an answer is due when the server has waited long enough for the caller', () => {
  const talk = new Talk();
  talk.say({
    type: 'input_audio_buffer.timeout_triggered',
    event_id: 'e',
    audio_start_ms: 0,
    audio_end_ms: 1,
    item_id: 'i',
  });
  talk.watchFor(LIMIT_MS);
  assert.equal(talk.codes, ['ERR_TALKSPURT_BACKEND_TIMEOUT']);
});

test('tool calls are remembered, but not without end', () => {
  const talk = new Talk();
  talk.say(responseCreated('r1'));
  for (let i = 0; i <= LIMITS.backendToolCalls; i += 1) talk.say(toolCall('r1', `c${i}`));
  assert.is(talk.sink.of('tool').length, LIMITS.backendToolCalls + 1);
  // The first one is forgotten: said again, it is a new one.
  talk.say(toolCall('r1', 'c0'), toolCall('r1', `c${LIMITS.backendToolCalls}`));
  assert.is(talk.sink.of('tool').length, LIMITS.backendToolCalls + 2);
});

test('without turn detection of its own the server’s edges are not passed on', () => {
  const talk = new Talk(false);
  talk.say({ type: 'input_audio_buffer.speech_started', event_id: 'e', audio_start_ms: 0, item_id: 'i' });
  assert.equal(talk.sink.all, []);
});

test.run();

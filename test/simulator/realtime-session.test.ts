/** The wire of the embedded backend, event by event, as the service's documentation and recorded errors have it. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat } from '../../src/core/media.ts';
import type { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { SessionBench, makePool, tone } from './realtime-bench.ts';
import { PCMA, PCMU, PCM_24K } from './realtime-peer.ts';
import { resampleSinc } from '../../src/simulator/sinc-resample.ts';

const speech = new SpeechSynthesizer();
let pool: WasmDspPool;
let open: SessionBench[] = [];

test.before(async () => {
  pool = await makePool();
});
test.after.each(() => {
  for (const { session, clock } of open) {
    session.close();
    assert.is(clock.pending, 0, 'a timer is left behind');
  }
  open = [];
  assert.is(pool.inUse, 0, 'a signal chain is left behind');
});
test.after(() => speech.close());

function start(...options: ConstructorParameters<typeof SessionBench> extends [unknown, ...infer Rest] ? Rest : never) {
  const bench = new SessionBench(pool, ...options);
  open.push(bench);
  return bench;
}

async function callerVoice(rateHz: number, text = 'When do the ferries leave today?'): Promise<Int16Array> {
  const { samples, sampleRateHz } = await speech.synthesize(text, 'slt');
  return resampleSinc(samples, sampleRateHz, rateHz);
}

const silence = (rateHz: number, ms: number): Int16Array => new Int16Array((rateHz * ms) / 1000);

test('a session begins with all that a client did not set', () => {
  const { sent, clock } = start();
  assert.equal(sent.length, 1);
  const [created] = sent;
  assert.ok(created?.type === 'session.created');
  const session = created.session as unknown as Record<string, unknown>;
  assert.match(String(session['id']), /^sess_/);
  assert.is(session['model'], 'gpt-realtime');
  assert.is(session['object'], 'realtime.session');
  assert.is(session['expires_at'], Math.floor(clock.wallTimeMs() / 1000) + 3600);
  assert.equal(session['output_modalities'], ['audio']);
});

test('an update is merged in depth, and a change of kind brings its own defaults', () => {
  const bench = start();
  bench.setUp({ audio: { input: { turn_detection: { type: 'server_vad', silence_duration_ms: 300 } } } });
  bench.setUp({
    instructions: 'Be brief.',
    audio: { input: { turn_detection: { type: 'server_vad', threshold: 0.7 } } },
  });
  const input = (): unknown => {
    const last = bench.of('session.updated').at(-1)?.session;
    return last !== undefined && 'audio' in last ? last.audio?.input : null;
  };
  assert.equal(input(), {
    format: { type: 'audio/pcm', rate: 24_000 },
    turn_detection: {
      type: 'server_vad',
      threshold: 0.7,
      prefix_padding_ms: 300,
      silence_duration_ms: 300,
      idle_timeout_ms: null,
      create_response: true,
      interrupt_response: true,
    },
  });
  bench.setUp({ audio: { input: { format: { type: 'audio/pcmu' }, turn_detection: { type: 'semantic_vad' } } } });
  assert.equal(input(), {
    format: { type: 'audio/pcmu' },
    turn_detection: { type: 'semantic_vad', eagerness: 'auto', create_response: true, interrupt_response: true },
  });
  bench.setUp({ audio: { input: { turn_detection: null } } });
  assert.is((input() as { turn_detection: unknown }).turn_detection, null);
});

test('what the service refuses is refused in its words, and changes nothing', () => {
  const bench = start();
  const update = (session: unknown) => bench.refusal({ type: 'session.update', event_id: 'mine', session });
  const codeAndParam = (session: unknown): unknown[] => {
    const { code, param } = update(session);
    return [code, param];
  };
  assert.is(update({ type: 'realtime', voise: 1 }).eventId, 'mine');
  assert.equal(codeAndParam({ type: 'realtime', voise: 1 }), ['unknown_parameter', 'session.voise']);
  assert.equal(codeAndParam({ instructions: 'x' }), ['missing_required_parameter', 'session.type']);
  assert.equal(codeAndParam(undefined), ['missing_required_parameter', 'session']);
  assert.equal(codeAndParam({ type: 'transcription' }), ['invalid_value', 'session.type']);
  assert.equal(codeAndParam({ type: 'realtime', instructions: 7 }), ['invalid_type', 'session.instructions']);
  assert.equal(codeAndParam({ type: 'realtime', model: 'other' }), ['invalid_value', 'session.model']);
  assert.equal(codeAndParam({ type: 'realtime', audio: { input: { format: { type: 'audio/opus' } } } }), [
    'invalid_value',
    'session.audio.input.format.type',
  ]);
  assert.equal(codeAndParam({ type: 'realtime', audio: { input: { format: { type: 'audio/pcm', rate: 16000 } } } }), [
    'invalid_value',
    'session.audio.input.format.rate',
  ]);
  const vad = (fields: object): unknown[] =>
    codeAndParam({ type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', ...fields } } } });
  assert.equal(vad({ threshold: 1.5 }), ['decimal_above_max_value', 'session.audio.input.turn_detection.threshold']);
  assert.equal(vad({ idle_timeout_ms: 10 }), [
    'integer_below_min_value',
    'session.audio.input.turn_detection.idle_timeout_ms',
  ]);
  assert.equal(vad({ eagerness: 'low' }), ['unknown_parameter', 'session.audio.input.turn_detection.eagerness']);
  assert.equal(codeAndParam({ type: 'realtime', audio: { output: { voice: 'rms' } } }), [
    'invalid_value',
    'session.audio.output.voice',
  ]);
  assert.is(bench.of('session.updated').length, 0);
  assert.is(bench.counts['refusedEvents'], 13);
});

test('nonsense is answered and survived', () => {
  const bench = start();
  assert.is(bench.refusal('{"type":').code, 'invalid_json');
  assert.is(bench.refusal('[]').code, 'invalid_type');
  assert.is(bench.refusal('null').code, 'invalid_type');
  assert.is(bench.refusal('{}').param, 'type');
  assert.match(bench.refusal({ type: 'response.sing' }).message, /^Invalid value: 'response\.sing'\. Supported values/);
  assert.is(bench.refusal({ type: 7 }).code, 'invalid_value');
  assert.is(bench.refusal({ type: 'input_audio_buffer.append' }).param, 'audio');
  for (const audio of ['***', 'AAA', 'AA=A']) {
    assert.is(bench.refusal({ type: 'input_audio_buffer.append', audio }).code, 'invalid_value');
  }
  bench.setUp({});
});

for (const [name, format] of [
  ['audio/pcm', PCM_24K],
  ['audio/pcmu', PCMU],
  ['audio/pcma', PCMA],
] as const satisfies readonly [string, AudioFormat][]) {
  test(`in ${name} speech is found where it is, and answered in the service's order`, async () => {
    const bench = start();
    bench.setUp({
      audio: {
        input: { format: { type: name }, transcription: { model: 'whisper-1' } },
        output: { format: { type: name } },
      },
    });
    const before = bench.sent.length;
    const said = await callerVoice(format.sampleRateHz);
    const saidMs = (said.length / format.sampleRateHz) * 1000;
    bench.hears(silence(format.sampleRateHz, 1000), format);
    assert.equal(bench.types(before), []);
    bench.hears(said, format);
    bench.hears(silence(format.sampleRateHz, 1000), format);
    await bench.clock.advance(3000);
    const [started] = bench.of('input_audio_buffer.speech_started');
    const [stopped] = bench.of('input_audio_buffer.speech_stopped');
    assert.ok(started !== undefined && stopped !== undefined);
    // The padding is before the onset; the silence that ends a turn is within it.
    assert.ok(Math.abs(started.audio_start_ms - 800) <= 220, `starts at ${started.audio_start_ms}`);
    assert.ok(Math.abs(stopped.audio_end_ms - (1000 + saidMs + 500)) <= 400, `ends at ${stopped.audio_end_ms}`);
    const place = ['response.output_audio_transcript.delta', ...Array<string>(5).fill('response.output_audio.delta')];
    assert.equal(
      bench.types(before).filter((type) => !type.includes('transcription')),
      [
        'input_audio_buffer.speech_started',
        'input_audio_buffer.speech_stopped',
        'input_audio_buffer.committed',
        'conversation.item.added',
        'conversation.item.done',
        'response.created',
        'rate_limits.updated',
        'response.output_item.added',
        'conversation.item.added',
        'response.content_part.added',
        ...place,
        'response.output_audio.done',
        'response.output_audio_transcript.done',
        'response.content_part.done',
        'conversation.item.done',
        'response.output_item.done',
        'response.done',
      ],
    );
    const bytes = bench.of('response.output_audio.delta').map(({ delta }) => Buffer.from(delta, 'base64').length);
    assert.equal(bytes, Array(5).fill(format.codec === 'l16' ? 9600 : 1600));
    const [transcribed] = bench.of('conversation.item.input_audio_transcription.completed');
    assert.match(transcribed?.transcript ?? '', /^\(\d\.\d s of speech at -\d+ dBov\)$/);
    assert.is(transcribed?.item_id, started.item_id);
    const committed = bench.of('input_audio_buffer.committed')[0];
    assert.equal([committed?.item_id, committed?.previous_item_id], [started.item_id, null]);
  });
}

test('a commit by the client wants 100 ms, makes an item and no answer', async () => {
  const bench = start();
  bench.setUp({ audio: { input: { format: { type: 'audio/pcmu' }, turn_detection: null } } });
  assert.is(bench.refusal({ type: 'input_audio_buffer.commit' }).code, 'input_audio_buffer_commit_empty');
  bench.hears(tone(500, 8000, 80), PCMU);
  assert.match(bench.refusal({ type: 'input_audio_buffer.commit' }).message, /only has 80\.00ms/);
  bench.hears(tone(500, 8000, 400), PCMU);
  assert.equal(
    bench.send({ type: 'input_audio_buffer.commit' }).map(({ type }) => type),
    ['input_audio_buffer.committed', 'conversation.item.added', 'conversation.item.done'],
  );
  await bench.clock.advance(2000);
  assert.is(bench.of('response.created').length, 0);
  bench.hears(tone(500, 8000, 400), PCMU);
  assert.equal(
    bench.send({ type: 'input_audio_buffer.clear' }).map(({ type }) => type),
    ['input_audio_buffer.cleared'],
  );
  assert.is(bench.refusal({ type: 'input_audio_buffer.commit' }).code, 'input_audio_buffer_commit_empty');
});

test('an answer comes in pieces of 200 ms at four times real time, after the time to think', async () => {
  const bench = start();
  bench.send({ type: 'response.create' });
  await bench.clock.advance(99);
  assert.is(bench.of('response.output_item.added').length, 0);
  await bench.clock.advance(1);
  assert.is(bench.of('response.output_audio.delta').length, 1);
  await bench.clock.advance(100);
  assert.is(bench.of('response.output_audio.delta').length, 3);
  await bench.clock.advance(1000);
  const [done] = bench.of('response.done');
  assert.is(done?.response.status, 'completed');
  assert.is(done?.response.usage?.output_token_details?.audio_tokens, 20);
  assert.is(done?.response.conversation_id, bench.of('response.created')[0]?.response.conversation_id);
});

test('a second answer at once is refused, and cancelling is only for one that is there', async () => {
  const bench = start();
  const cancel = { type: 'response.cancel' };
  assert.is(bench.refusal(cancel).code, 'response_cancel_not_active');
  bench.send({ type: 'response.create' });
  assert.is(bench.refusal({ type: 'response.create' }).code, 'conversation_already_has_active_response');
  assert.is(bench.refusal({ ...cancel, response_id: 'resp_other' }).code, 'response_cancel_not_active');
  await bench.clock.advance(160);
  const closing = bench.send(cancel).map(({ type }) => type);
  assert.equal(closing, [
    'response.output_audio.done',
    'response.output_audio_transcript.done',
    'response.content_part.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.done',
  ]);
  const { response } = bench.of('response.done')[0] ?? {};
  assert.equal([response?.status, response?.status_details?.reason], ['cancelled', 'client_cancelled']);
  const [item] = response?.output ?? [];
  assert.is(item !== undefined && 'status' in item ? item.status : null, 'incomplete');
  const count = bench.sent.length;
  await bench.clock.advance(5000);
  assert.is(bench.sent.length, count, 'nothing comes after the end');
  assert.is(bench.refusal(cancel).code, 'response_cancel_not_active');
});

test('cancelled while it thinks, an answer has no output', async () => {
  const bench = start();
  bench.send({ type: 'response.create' });
  assert.equal(
    bench.send({ type: 'response.cancel' }).map(({ type }) => type),
    ['response.done'],
  );
  await bench.clock.advance(1000);
  assert.equal(bench.of('response.done')[0]?.response.output, []);
});

test('speech interrupts an answer unless the client has said that it does not', async () => {
  const said = await callerVoice(24_000);
  for (const interrupt_response of [true, false]) {
    const bench = start();
    bench.setUp({ audio: { input: { turn_detection: { type: 'server_vad', interrupt_response } } } });
    bench.send({ type: 'response.create' });
    await bench.clock.advance(150);
    bench.hears(said, PCM_24K);
    assert.is(bench.of('input_audio_buffer.speech_started').length, 1);
    await bench.clock.advance(2000);
    const { response } = bench.of('response.done')[0] ?? {};
    assert.is(response?.status, interrupt_response ? 'cancelled' : 'completed');
    if (interrupt_response) assert.is(response?.status_details?.reason, 'turn_detected');
  }
});

test('without create_response a turn is heard and not answered', async () => {
  const bench = start();
  bench.setUp({ audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } });
  bench.hears(await callerVoice(24_000), PCM_24K);
  bench.hears(silence(24_000, 800), PCM_24K);
  await bench.clock.advance(1000);
  assert.is(bench.of('input_audio_buffer.committed').length, 1);
  assert.is(bench.of('response.created').length, 0);
});

test('a truncation must be of spoken audio and within it, and takes the text away', async () => {
  const bench = start();
  const cut = (fields: object): object => ({ type: 'conversation.item.truncate', content_index: 0, ...fields });
  assert.is(bench.refusal(cut({ item_id: 'item_x', audio_end_ms: 0 })).code, 'item_truncate_invalid_item_id');
  assert.is(bench.refusal(cut({ audio_end_ms: 0 })).code, 'missing_required_parameter');
  bench.send({ type: 'response.create' });
  await bench.clock.advance(160);
  const item_id = bench.of('response.output_item.added')[0]?.item.id;
  // Two pieces of 200 ms have been sent by now.
  const beyond = bench.refusal(cut({ item_id, audio_end_ms: 401 }));
  assert.is(beyond.message, 'Audio content of 400ms is already shorter than 401ms');
  assert.is(bench.refusal(cut({ item_id, audio_end_ms: 1.5 })).param, 'audio_end_ms');
  assert.is(bench.refusal(cut({ item_id, audio_end_ms: 100, content_index: 1 })).param, 'content_index');
  bench.send({ type: 'response.cancel' });
  assert.equal(bench.send(cut({ item_id, audio_end_ms: 400 })), [
    { type: 'conversation.item.truncated', item_id, content_index: 0, audio_end_ms: 400 },
  ]);
  assert.is(bench.refusal(cut({ item_id, audio_end_ms: 401 })).code, 'invalid_value');
  const [found] = bench.send({ type: 'conversation.item.retrieve', item_id });
  assert.ok(found?.type === 'conversation.item.retrieved' && found.item.type === 'message');
  assert.equal(found.item.content, [{ type: 'output_audio' }]);
  const [typed] = bench.send({
    type: 'conversation.item.create',
    item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
  });
  assert.ok(typed?.type === 'conversation.item.added');
  const wrong = bench.refusal(cut({ item_id: typed.item.id, audio_end_ms: 0 }));
  assert.is(wrong.message, 'Only model output audio messages can be truncated');
});

test('items are created in their place, read and deleted, and strange ones are refused', () => {
  const bench = start();
  const text = (id: string): object => ({
    id,
    type: 'message',
    role: 'user',
    content: [{ type: 'input_text', text: 'hello' }],
  });
  const create = (item: unknown, previous?: string): object => ({
    type: 'conversation.item.create',
    item,
    previous_item_id: previous,
  });
  const placed = (item: unknown, previous?: string): unknown => {
    const [added, done] = bench.send(create(item, previous));
    assert.ok(added?.type === 'conversation.item.added' && done?.type === 'conversation.item.done');
    return added.previous_item_id;
  };
  assert.is(placed(text('a')), null);
  assert.is(placed(text('b')), 'a');
  assert.is(placed(text('c'), 'a'), 'a');
  assert.is(placed(text('d'), 'root'), null);
  assert.is(bench.refusal(create(text('a'))).code, 'item_create_duplicate_item_id');
  assert.is(bench.refusal(create(text('e'), 'nobody')).code, 'item_create_invalid_previous_item_id');
  assert.equal(bench.send({ type: 'conversation.item.delete', item_id: 'b' }), [
    { type: 'conversation.item.deleted', item_id: 'b' },
  ]);
  assert.is(bench.refusal({ type: 'conversation.item.delete', item_id: 'b' }).code, 'item_delete_invalid_item_id');
  assert.is(bench.refusal({ type: 'conversation.item.retrieve', item_id: 'b' }).code, 'item_retrieve_invalid_item_id');
  assert.is(bench.refusal(create({ type: 'song' })).param, 'item.type');
  assert.is(bench.refusal(create(undefined)).code, 'missing_required_parameter');
  const wrongRole = { type: 'message', role: 'assistant', content: [{ type: 'input_text', text: 'x' }] };
  assert.is(bench.refusal(create(wrongRole)).param, 'item.content[0].type');
  const orphan = bench.refusal(create({ type: 'function_call_output', call_id: 'call_1', output: '{}' }));
  assert.equal(
    [orphan.code, orphan.message],
    ['invalid_tool_call_id', "Tool call ID 'call_1' not found in conversation."],
  );
});

test('a function that the client offers is called, and its result is spoken', async () => {
  const bench = start();
  const tool = { type: 'function', name: 'look_up', parameters: { type: 'object' } };
  bench.setUp({ tools: [tool], output_modalities: ['text'] });
  const ask = (text: string): void => {
    const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
    bench.send({ type: 'conversation.item.create', item });
    bench.send({ type: 'response.create' });
  };
  ask('Times, please!');
  await bench.clock.advance(500);
  const [call] = bench.of('response.function_call_arguments.done');
  assert.equal([call?.name, call?.arguments], ['look_up', '{"day":"today"}']);
  const [item] = bench.of('response.done')[0]?.response.output ?? [];
  assert.ok(item?.type === 'function_call' && item.call_id === call?.call_id && item.status === 'completed');
  bench.send({
    type: 'conversation.item.create',
    item: { type: 'function_call_output', call_id: call?.call_id, output: '{"hour":"nine"}' },
  });
  bench.send({ type: 'response.create' });
  await bench.clock.advance(500);
  assert.is(bench.of('response.output_text.done').at(-1)?.text, 'First. At nine.');
  // Not offered, it is not called.
  bench.setUp({ tool_choice: 'none' });
  ask('Times, please!');
  await bench.clock.advance(500);
  assert.is(bench.of('response.function_call_arguments.done').length, 1);
  assert.is(bench.of('response.output_text.done').at(-1)?.text, 'First.');
});

test('a response may have wishes of its own, within bounds', async () => {
  const bench = start();
  const wish = (response: unknown) => bench.refusal({ type: 'response.create', response });
  assert.equal([wish({ moods: 1 }).code, wish({ moods: 1 }).param], ['unknown_parameter', 'response.moods']);
  assert.is(wish({ max_output_tokens: 0 }).code, 'integer_below_min_value');
  assert.is(wish({ conversation: 'none' }).param, 'response.conversation');
  assert.is(wish('x').code, 'invalid_type');
  bench.send({
    type: 'response.create',
    response: { instructions: 'Greet.', output_modalities: ['text'], metadata: { topic: 'hello' } },
  });
  await bench.clock.advance(500);
  const { response } = bench.of('response.done')[0] ?? {};
  assert.equal([response?.output_modalities, response?.metadata], [['text'], { topic: 'hello' }]);
  assert.is(bench.of('response.output_audio.delta').length, 0);
  bench.send({ type: 'response.create', response: { max_output_tokens: 5 } });
  await bench.clock.advance(500);
  const cut = bench.of('response.done')[1]?.response;
  assert.equal([cut?.status, cut?.status_details?.reason], ['incomplete', 'max_output_tokens']);
});

test('the voice stays once it was heard; everything else may still change', async () => {
  const bench = start();
  bench.setUp({ audio: { output: { voice: 'marin' } } });
  bench.send({ type: 'response.create' });
  await bench.clock.advance(1000);
  const session = { type: 'realtime', audio: { output: { voice: 'cedar' } } };
  assert.is(bench.refusal({ type: 'session.update', session }).code, 'cannot_update_voice');
  bench.setUp({ audio: { output: { voice: 'marin', speed: 1.2 } } });
});

test('an idle caller is asked again, from the end of what was played', async () => {
  const bench = start();
  bench.setUp({ audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000 } } } });
  bench.send({ type: 'response.create' });
  // It thinks for 100 ms, and what it says lasts a second.
  await bench.clock.advance(6090);
  assert.is(bench.of('input_audio_buffer.timeout_triggered').length, 0);
  await bench.clock.advance(20);
  assert.is(bench.of('input_audio_buffer.timeout_triggered').length, 1);
  await bench.clock.advance(300);
  assert.is(bench.of('response.output_audio_transcript.delta').at(-1)?.delta, 'Still here.');
});

test('after its time a session is told, and over', async () => {
  const bench = start();
  await bench.clock.advance(3_599_999);
  assert.is(bench.ended, null);
  await bench.clock.advance(1);
  const [error] = bench.of('error');
  assert.equal([error?.error.code, error?.error.type], ['session_expired', 'invalid_request_error']);
  assert.is(bench.ended, 'Your session hit the maximum duration of 60 minutes.');
});

test('a voice that fails makes a failed response, and the session goes on', async () => {
  const bench = start({ dialogue: { greeting: ['unspeakable'], answers: [{ say: ['Yes.'] }] } });
  bench.send({ type: 'response.create' });
  await bench.clock.advance(500);
  const { response } = bench.of('response.done')[0] ?? {};
  assert.equal([response?.status, response?.status_details?.error?.code], ['failed', 'server_error']);
  assert.is(bench.of('error')[0]?.error.type, 'server_error');
  bench.send({ type: 'response.create' });
  await bench.clock.advance(2000);
  assert.is(bench.of('response.done').length, 2);
});

test('whatever a client sends, it is answered or done, and the session goes on', async () => {
  const bench = start();
  bench.send({ type: 'response.create' });
  await bench.clock.advance(160);
  const itemId = bench.of('response.output_item.added')[0]?.item.id ?? '';
  const anything = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(itemId, 'item_x', 'root', 0, -1, 1e9, null));
  const types = fc.constantFrom(
    'session.update',
    'input_audio_buffer.append',
    'input_audio_buffer.commit',
    'conversation.item.create',
    'conversation.item.truncate',
    'conversation.item.delete',
    'conversation.item.retrieve',
    'response.create',
    'response.cancel',
  );
  const names = 'session audio item item_id previous_item_id content_index audio_end_ms response response_id event_id';
  const fields = fc.dictionary(fc.constantFrom(...names.split(' ')), anything);
  fc.assert(
    fc.property(types, fields, (type, event) => {
      const answers = bench.send({ ...event, type });
      assert.ok(answers.length > 0 || type === 'input_audio_buffer.append' || bench.ended !== null);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.is(bench.send(text)[0]?.type, 'error');
    }),
    { numRuns: 300 },
  );
});

test('closed in the middle of an answer, nothing more is sent', async () => {
  const bench = start();
  bench.send({ type: 'response.create' });
  await bench.clock.advance(160);
  const count = bench.sent.length;
  bench.session.close();
  bench.session.close();
  await bench.clock.advance(5000);
  assert.is(bench.sent.length, count);
});

test.run();

/** OpenAI Realtime in text mode: what it is asked to be, and how it is told what was heard of what it wrote. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { OpenAiRealtimeBackend } from '../../src/backend/openai-realtime.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { RealtimeServer } from '../../src/simulator/realtime-server.ts';
import { spokenBackend } from '../../src/speech/spoken-backend.ts';
import { callOn, converse, responseCreated, responseDone } from '../backend/realtime-script.ts';
import type { Conversation } from '../backend/realtime-script.ts';
import { RecordingSink } from '../backend/recording-sink.ts';
import { FakeEngine, speaksAtOnce } from './speech-rig.ts';

function textDelta(responseId: string, itemId: string, delta: string): RealtimeServerEvent {
  const place = { response_id: responseId, item_id: itemId, output_index: 0, content_index: 0, event_id: 'e' };
  return { type: 'response.output_text.delta', ...place, delta };
}

function textDone(responseId: string, itemId: string, text: string): RealtimeServerEvent {
  const place = { response_id: responseId, item_id: itemId, output_index: 0, content_index: 0, event_id: 'e' };
  return { type: 'response.output_text.done', ...place, text };
}

/** What the conversation was told of its items. */
function corrections({ peer }: Conversation): unknown[] {
  return peer.heard.flatMap((event): unknown[] => {
    if (event.type === 'conversation.item.create') return [[event.previous_item_id ?? null, event.item]];
    return event.type === 'conversation.item.delete' ? [event.item_id] : [];
  });
}

const heardItem = (text: string) => ({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] });

test('a session that writes is asked for text, and for no voice', async () => {
  const call = await converse({ writes: true, voice: 'marin' });
  const [update] = call.peer.heardOf('session.update');
  assert.equal(update?.session.type === 'realtime' && update.session.output_modalities, ['text']);
  assert.equal(update?.session.type === 'realtime' && Object.keys(update.session.audio ?? {}), ['input']);
  await call.end();
});

test('what was called off before it began is not said, however the server ends it', async () => {
  const call = await converse({ writes: true });
  call.stream.requestResponse('Greet');
  call.stream.cancelResponse(null, 0);
  call.peer.say(responseCreated('r1'));
  call.peer.say(textDelta('r1', 'i1', 'Good '));
  call.peer.say(textDone('r1', 'i1', 'Good '));
  call.peer.say(responseDone('r1', 'cancelled'));
  await call.settled();
  assert.equal(call.sink.of('transcript'), []);
  assert.equal(corrections(call), ['i1'], 'nor does the model believe that it was');
  call.peer.say(responseCreated('r2'));
  call.peer.say(textDelta('r2', 'i2', 'Hello.'));
  call.peer.say(textDone('r2', 'i2', 'Hello.'));
  await call.settled();
  assert.equal(
    call.sink.of('transcript').map(({ text, final }) => [text, final]),
    [
      ['Hello.', false],
      ['Hello.', true],
    ],
  );
  await call.end();
});

test('what was not heard is put right once the response is over, in the place where it stood', async () => {
  const call = await converse({ writes: true });
  call.peer.say(responseCreated('r1'));
  call.peer.say(textDelta('r1', 'i1', 'One two. '));
  await call.settled();
  assert.equal(
    call.sink.of('transcript').map(({ text }) => text),
    ['One two. '],
  );
  call.stream.cancelResponse(null, 0);
  call.stream.noteHeard('r1', 'One');
  await call.settled();
  assert.equal(corrections(call), [], 'an item that is being written cannot be deleted');
  call.peer.say(textDone('r1', 'i1', 'One two. '));
  call.peer.say(responseDone('r1', 'cancelled'));
  await call.settled();
  assert.equal(corrections(call), [['i1', heardItem('One')], 'i1']);
  await call.end();
});

test('of a response that is over it is put right at once; nothing heard leaves nothing', async () => {
  const call = await converse({ writes: true });
  for (const [response, item] of [
    ['r1', 'i1'],
    ['r2', 'i2'],
  ] as const) {
    call.peer.say(responseCreated(response));
    call.peer.say(textDelta(response, item, 'Text.'));
    call.peer.say(textDone(response, item, 'Text.'));
    call.peer.say(responseDone(response));
  }
  await call.settled();
  call.stream.noteHeard('r1', 'Te');
  call.stream.noteHeard('r2', '');
  call.stream.noteHeard('r1', 'twice');
  call.stream.noteHeard('unknown', 'x');
  call.stream.noteHeard(null, 'Said by others.');
  call.stream.noteHeard(null, '');
  await call.settled();
  assert.equal(corrections(call), [['i1', heardItem('Te')], 'i1', 'i2', [null, heardItem('Said by others.')]]);
  await call.end();
});

test('a server that writes without saying that it begins is heard', async () => {
  const call = await converse({ writes: true });
  call.peer.say(textDelta('r1', 'i1', 'Hello.'));
  call.peer.say(responseDone('r1'));
  await call.settled();
  assert.equal(
    call.sink.all.map(({ kind }) => kind),
    ['started', 'transcript', 'done'],
  );
  await call.end();
});

test('the embedded backend writes, is spoken, and takes what it is told of a barge-in', async () => {
  const clock = new SystemClock();
  const speech = { synthesize: () => Promise.reject(new Error('nothing is spoken here')) };
  const server = new RealtimeServer({ clock, speech, thinkMs: 0 });
  await server.listen();
  const engine = speaksAtOnce(new FakeEngine(), 1);
  const inner = new OpenAiRealtimeBackend({ model: 'm', apiKey: 'k', baseUrl: server.url, writes: true }, clock);
  const backend = spokenBackend(inner, { engine: () => engine, clock, splitter: { earlyCharacters: 0 } });
  const sink = new RecordingSink();
  const stream = await backend.open(callOn(), sink, new AbortController().signal);
  stream.requestResponse('Greet the caller.');
  await sink.until('audio', 2);
  assert.equal(engine.texts, ['Good morning, this is the ferry office.', 'How can I help you?']);
  await sink.until('done');
  stream.cancelResponse('speech-2', 10);
  stream.sendText('Go on.');
  await sink.until('done', 2);
  assert.equal(
    sink.of('error').map(({ error }) => error.code),
    [],
  );
  assert.is(server.stats.refusedEvents, 0);
  assert.is(sink.of('started').length, 2);
  await stream.close();
  await server.close();
  assert.is(engine.open, 0);
});

test.run();

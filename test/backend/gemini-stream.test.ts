/** A whole conversation with Gemini Live over a real socket, with a scripted server at the other end. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { DONE, GENERATED, INTERRUPTED, MODEL, SECRET, audio, converse, words } from './gemini-script.ts';
import type { Said, Talk } from './gemini-script.ts';

function kinds({ sink }: Talk): string[] {
  return sink.all.map((entry) =>
    entry.kind === 'speech' ? entry.edge : entry.kind === 'done' ? entry.status : entry.kind,
  );
}

test('a call by the book: set-up, audio both ways, words, end', async () => {
  for (const frames of ['binary', 'text'] as const) {
    const talk = await converse({ extraHeaders: { 'X-Extra': 'yes' } });
    const { peer, sink, stream } = talk;
    peer.frames = frames;
    assert.is(peer.peer.headers['x-goog-api-key'], SECRET);
    assert.is(peer.peer.headers['x-extra'], 'yes');
    assert.not.match(peer.peer.url, SECRET);
    assert.is(peer.setup?.model, `models/${MODEL}`);
    assert.equal(stream.inputFormat, { codec: 'l16', sampleRateHz: 16000 });
    assert.equal(stream.outputFormat, { codec: 'l16', sampleRateHz: 24000 });
    assert.is(stream.detectsTurns, true);

    const frame = randomBytes(640);
    assert.is(stream.sendAudio(frame), true);
    const heard = await peer.until('audio');
    assert.equal(heard, {
      realtimeInput: { audio: { data: frame.toString('base64'), mimeType: 'audio/pcm;rate=16000' } },
    });

    const said = randomBytes(960);
    peer.say(words('caller', ' When do'), words('caller', ' they leave?'));
    peer.say(audio(said.subarray(0, 480)), words('agent', 'At'), audio(said.subarray(480)), words('agent', ' nine.'));
    peer.say(GENERATED, DONE, { usageMetadata: { promptTokenCount: 12, responseTokenCount: 34 } });
    await sink.until('done');
    await peer.settled();
    assert.equal(kinds(talk), [
      ...['transcript', 'transcript', 'transcript', 'started', 'audio', 'transcript', 'audio', 'transcript'],
      ...['audio-done', 'completed', 'transcript'],
    ]);
    const { responseId } = sink.of('done')[0]!;
    assert.equal(sink.audioOf(responseId), said);
    assert.equal(
      sink.of('transcript').map(({ by, text, final }) => [by, text, final]),
      [
        ['caller', ' When do', false],
        ['caller', ' they leave?', false],
        ['caller', 'When do they leave?', true],
        ['agent', 'At', false],
        ['agent', ' nine.', false],
        ['agent', 'At nine.', true],
      ],
    );
    const { responses, inputTokens, outputTokens, unknownEvents, malformedMessages } = stream.stats;
    assert.equal([responses, inputTokens, outputTokens, unknownEvents, malformedMessages], [1, 12, 34, 0, 0]);
    await talk.end();
    assert.is(peer.peer.closeCode, 1000);
    assert.is(sink.of('closed').length, 0);
  }
});

test('one message may say everything at once', async () => {
  const talk = await converse();
  const { peer, sink } = talk;
  const said = randomBytes(480);
  const { modelTurn } = audio(said).serverContent!;
  peer.say({
    serverContent: {
      ...{ modelTurn: modelTurn!, generationComplete: true, turnComplete: true },
      inputTranscription: { text: 'Hi', finished: true },
      outputTranscription: { text: 'Hello.', finished: true },
    },
    usageMetadata: { promptTokenCount: 1, responseTokenCount: 2 },
  });
  await sink.until('done');
  assert.equal(kinds(talk), [
    ...['transcript', 'transcript', 'started', 'audio', 'transcript', 'transcript', 'audio-done', 'completed'],
  ]);
  assert.equal(sink.audioOf(sink.of('done')[0]!.responseId), said);
  await talk.end();
});

test('of 16-bit audio only whole samples are given on, however they come', async () => {
  const talk = await converse();
  const said = randomBytes(3000);
  for (const [from, to] of [
    [0, 1],
    [1, 2],
    [2, 501],
    [501, 2000],
    [2000, 3000],
  ] as const)
    talk.peer.say(audio(said.subarray(from, to)));
  talk.peer.say(GENERATED);
  const { itemId } = await talk.sink.until('audio-done');
  assert.equal(talk.sink.audioOf(itemId), said);
  assert.ok(talk.sink.of('audio').every(({ audio: piece }) => piece.length % 2 === 0));
  await talk.end();
});

test('audio of another rate ends the stream; without a rate it is the usual one; pictures and thoughts are nothing', async () => {
  const talk = await converse();
  talk.peer.say(audio(randomBytes(480), 'audio/pcm'), audio(randomBytes(480), 'image/png'));
  talk.peer.say({ serverContent: { modelTurn: { parts: [{ text: 'Hm.', thought: true }] } } });
  talk.peer.say(audio(randomBytes(480), 'Audio/PCM; rate=24000'));
  await talk.sink.until('audio', 2);
  talk.peer.say(audio(randomBytes(480), 'audio/pcm;rate=16000'));
  const { error } = await talk.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.match(error?.message ?? '', 'not PCM at 24000 Hz');
  assert.is(talk.sink.of('audio').length, 2);
  await talk.end();
});

test('the caller cuts in, and Gemini has noticed: stragglers are thrown away, up to the end of that turn', async () => {
  const talk = await converse();
  const { peer, sink } = talk;
  peer.say(audio(new Uint8Array(800)), words('agent', 'A long story'));
  await sink.until('transcript');
  peer.say(INTERRUPTED, audio(new Uint8Array(400)), words('agent', ' that goes on'), DONE);
  peer.say(words('caller', 'Stop.'), audio(new Uint8Array(240).fill(7)), GENERATED, DONE);
  await sink.until('done', 2);
  assert.equal(kinds(talk), [
    ...['started', 'audio', 'transcript', 'started', 'transcript', 'audio-done', 'cancelled'],
    ...['transcript', 'transcript', 'stopped', 'started', 'audio', 'audio-done', 'completed'],
  ]);
  assert.is(talk.stream.stats.lateAudioBytes > 0, true);
  assert.equal(sink.audioOf(sink.of('done')[1]!.responseId), Buffer.alloc(240, 7));
  await talk.end();
});

test('a turn that is never said to be over does not make Gemini mute', async () => {
  const talk = await converse();
  const { peer, sink, clock } = talk;
  peer.say(audio(new Uint8Array(800)), INTERRUPTED);
  await sink.until('done');
  clock.advance(LIMITS.geminiStragglerMs);
  peer.say(audio(new Uint8Array(240)), GENERATED);
  assert.is((await sink.until('done', 2)).status, 'completed');
  await talk.end();
});

test('we cut the agent off, and Gemini has not noticed: the rest of the answer is thrown away, and no more', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  peer.say(audio(new Uint8Array(800)));
  await sink.until('audio');
  stream.cancelResponse();
  peer.say(audio(new Uint8Array(300)), words('agent', 'And so on.'), GENERATED, DONE);
  peer.say(audio(new Uint8Array(240)), GENERATED, DONE);
  await sink.until('done', 2);
  assert.equal(
    sink.of('done').map(({ status }) => status),
    ['cancelled', 'completed'],
  );
  assert.is(sink.of('transcript').length, 0);
  assert.is(sink.of('speech').length, 0);
  await talk.end();
});

test('a greeting that was called off before it began is never heard of; the answer to the caller is', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  stream.requestResponse('Greet.');
  assert.equal(await peer.until('text'), { realtimeInput: { text: 'Greet.' } });
  stream.cancelResponse();
  peer.say(
    audio(new Uint8Array(800)),
    GENERATED,
    DONE,
    words('caller', 'Hello?'),
    audio(new Uint8Array(240)),
    GENERATED,
  );
  const { responseId } = await sink.until('done');
  assert.is(sink.of('started').length, 1);
  assert.is(sink.audioOf(responseId).length, 240);
  await talk.end();
});

test('what we have to say waits until the model is idle, in order; a barge-in forgets it; more than so much is dropped', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  peer.say(audio(new Uint8Array(800)));
  await sink.until('audio');
  stream.sendText('One.');
  stream.say('Two.');
  peer.say(GENERATED);
  await sink.until('done');
  await peer.settled();
  assert.is(peer.order.includes('text'), false, 'it plays still');
  peer.say(DONE);
  assert.is((await peer.until('text')).realtimeInput?.text, 'One.');
  peer.say(audio(new Uint8Array(800)), GENERATED, DONE);
  assert.match((await peer.until('text', 2)).realtimeInput?.text ?? '', /word for word.*Two\./);
  for (let n = 0; n <= LIMITS.geminiWaitingTexts; n += 1) stream.sendText(`${n}`);
  assert.is(stream.stats.droppedTexts, 1);
  stream.cancelResponse();
  peer.say(audio(new Uint8Array(800)), GENERATED, DONE);
  await peer.settled();
  assert.is(peer.heard.filter((message) => message.realtimeInput?.text !== undefined).length, 2);
  stream.sendJson('{"contextUpdate":{"systemInstruction":{"parts":[{"text":"Be brief."}]}}}');
  await peer.until('contextUpdate');
  await talk.end();
});

test('what waits goes though the end of a turn is never said', async () => {
  const talk = await converse({ responseTimeoutMs: 5_000 });
  const { peer, sink, stream, clock } = talk;
  peer.say(audio(new Uint8Array(800)), GENERATED);
  await sink.until('done');
  stream.sendText('One.');
  clock.advance(6_000);
  await peer.until('text');
  peer.say(audio(new Uint8Array(800)), INTERRUPTED);
  await sink.until('done', 2);
  stream.sendText('Two.');
  clock.advance(6_000);
  await peer.until('text', 2);
  await talk.end();
});

test('words that come before their audio, and behind all of it', async () => {
  const talk = await converse();
  const { peer, sink, clock } = talk;
  peer.say(
    words('agent', 'At'),
    audio(new Uint8Array(480)),
    words('agent', ' nine'),
    GENERATED,
    words('agent', ' sharp.'),
    DONE,
  );
  await sink.until('transcript', 4);
  assert.equal(
    sink.of('transcript').map(({ text, final }) => [text, final]),
    [
      ['At', false],
      [' nine', false],
      [' sharp.', false],
      ['At nine sharp.', true],
    ],
  );
  peer.say(words('agent', ' Or ten.'));
  await peer.settled();
  clock.advance(LIMITS.geminiStragglerMs + 1_000);
  assert.equal(sink.of('transcript').at(-1), { kind: 'transcript', by: 'agent', text: 'Or ten.', final: true });
  assert.is(sink.of('started').length, 1, 'they are no answer of their own');
  await talk.end();
});

test('a turn of ours: only what is between the marks is sent, with the beginning of the first word', async () => {
  const talk = await converse({ turnDetection: { type: 'none' } });
  const { peer, stream } = talk;
  assert.equal(peer.setup?.realtimeInputConfig, { automaticActivityDetection: { disabled: true } });
  assert.is(stream.detectsTurns, false);
  const frames = Array.from({ length: 40 }, () => randomBytes(640));
  for (const frame of frames.slice(0, 30)) stream.sendAudio(frame, 9_000);
  stream.startTurn();
  stream.startTurn();
  for (const frame of frames.slice(30)) stream.sendAudio(frame);
  stream.commitTurn();
  await peer.until('activityEnd');
  assert.equal(peer.audio, Buffer.concat(frames.slice(5)), 'half a second of what came before');
  assert.equal([peer.order[1], peer.order.at(-1)], ['activityStart', 'activityEnd']);
  const marks = peer.order.length;
  // A turn whose beginning nobody marked, as what was kept while there was no stream.
  for (const frame of frames.slice(0, 30)) stream.sendAudio(frame);
  stream.commitTurn();
  await peer.until('activityEnd', 2);
  assert.equal(peer.audio.subarray(35 * 640), Buffer.concat(frames.slice(0, 30)));
  assert.is(peer.order[marks], 'activityStart');
  stream.commitTurn();
  stream.sendText('Hm.');
  await peer.settled();
  assert.equal(peer.order.slice(-2), ['activityStart', 'activityEnd']);
  await talk.end();
});

test('words of ours stand between marks where Gemini detects no turns; its own interruption is no news there', async () => {
  const talk = await converse({ turnDetection: { type: 'none' } });
  const { peer, sink, stream } = talk;
  stream.requestResponse('Greet.');
  await peer.until('activityEnd');
  assert.equal(peer.order.slice(1), ['activityStart', 'text', 'activityEnd']);
  peer.say(audio(new Uint8Array(800)));
  await sink.until('audio');
  stream.startTurn();
  peer.say(INTERRUPTED, { voiceActivity: { voiceActivityType: 'ACTIVITY_START' as never } }, DONE);
  assert.is((await sink.until('done')).status, 'cancelled');
  assert.is(sink.of('speech').length, 0);
  await talk.end();
});

test('signals of the caller’s voice, where the server gives them', async () => {
  const talk = await converse();
  const { peer, sink } = talk;
  peer.say({ voiceActivity: { voiceActivityType: 'ACTIVITY_START' as never } }, INTERRUPTED);
  peer.say({ voiceActivity: { voiceActivityType: 'ACTIVITY_END' as never } }, DONE);
  peer.say({ voiceActivity: { voiceActivityType: 'TYPE_UNSPECIFIED' as never } });
  await sink.until('speech', 2);
  await peer.settled();
  assert.equal(kinds(talk), ['started', 'stopped']);
  assert.is(talk.stream.stats.unknownEvents, 0);
  await talk.end();
});

test('functions: called once, results go back by name, those that were called off do not', async () => {
  const talk = await converse({ tools: [{ name: 'look_up' }] });
  const { peer, sink, stream } = talk;
  const call = (id: string): Said => ({
    toolCall: { functionCalls: [{ id, name: 'look_up', args: { day: 'today' } }] },
  });
  peer.say(audio(new Uint8Array(480)), call('f1'), call('f1'));
  peer.say({ toolCall: { functionCalls: [{ id: 'f2', name: 'look_up' }, { name: 'nameless' }] } });
  await sink.until('tool', 3);
  assert.equal(
    sink.of('tool').map(({ toolCallId, name, argumentsJson }) => [toolCallId, name, argumentsJson]),
    [
      ['f1', 'look_up', '{"day":"today"}'],
      ['f2', 'look_up', '{}'],
      ['nameless-1', 'nameless', '{}'],
    ],
  );
  assert.equal(kinds(talk).slice(0, 5), ['started', 'audio', 'audio-done', 'completed', 'tool']);
  peer.say({ toolCallCancellation: { ids: ['f2'] } });
  await peer.settled();
  stream.sendToolResult('f2', '{}');
  stream.sendToolResult('f1', '{"time":"nine"}');
  stream.sendToolResult('f1', '{"time":"ten"}');
  stream.sendToolResult('nameless-1', 'not JSON');
  await peer.until('toolResponse', 2);
  assert.equal(
    peer.heard.filter(({ toolResponse }) => toolResponse).map(({ toolResponse }) => toolResponse?.functionResponses),
    [
      [{ id: 'f1', name: 'look_up', response: { time: 'nine' } }],
      [{ name: 'nameless', response: { output: 'not JSON' } }],
    ],
  );
  assert.is(stream.stats.droppedResults, 2);
  peer.say(audio(new Uint8Array(480)), GENERATED, DONE);
  assert.is((await sink.until('done', 2)).status, 'completed');
  await talk.end();
});

test('nothing is due while a function of ours runs; what we asked for ends the stream, what we only expect does not', async () => {
  const talk = await converse({ responseTimeoutMs: 5_000 });
  const { peer, sink, stream, clock } = talk;
  peer.say(words('caller', 'Hello?', true));
  await sink.until('transcript', 2);
  clock.advance(7_000);
  assert.is(sink.of('error')[0]?.error.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  peer.say({ serverContent: { waitingForInput: true } });
  peer.say({ toolCall: { functionCalls: [{ id: 'f1', name: 'x' }] } });
  await sink.until('tool');
  clock.advance(20_000);
  await peer.settled();
  assert.is(sink.of('error').length, 1);
  stream.sendToolResult('f1', '[1]');
  await peer.until('toolResponse');
  clock.advance(7_000);
  const { error } = await sink.until('closed');
  assert.equal([error?.code, error?.details['begun']], ['ERR_TALKSPURT_BACKEND_TIMEOUT', false]);
  await talk.end();
});

test('a turn in which there was nothing to say, and one that ended as it should not', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  stream.sendText('Hm.');
  peer.say(DONE);
  assert.is((await sink.until('done')).status, 'completed');
  peer.say(audio(new Uint8Array(480)), {
    serverContent: { turnComplete: true, turnCompleteReason: 'RESPONSE_REJECTED' as never },
  });
  assert.is((await sink.until('done', 2)).status, 'failed');
  assert.equal(
    [sink.of('error')[0]?.error.code, sink.of('error')[0]?.error.details['apiCode']],
    ['ERR_TALKSPURT_BACKEND_API', 'RESPONSE_REJECTED'],
  );
  await talk.end();
});

test('nonsense is counted and told, and too much of it in a row ends the stream; what is unknown is counted', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  const nonsense = ['{', '[]', '{"serverContent":7}', '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{}}]}}}'];
  for (const text of nonsense) peer.raw(text);
  peer.say(audio(new Uint8Array(480)));
  peer.raw(
    '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"***not base64 at all***"}}]}}}',
  );
  peer.raw('{"somethingNew":{}}');
  await sink.until('error', 5);
  await peer.settled();
  assert.equal([stream.stats.malformedMessages, stream.stats.unknownEvents], [5, 1]);
  for (let n = 0; n <= LIMITS.backendMalformedMessages; n += 1) peer.raw('{');
  assert.is((await sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  await talk.end();
});

test('long silence travels in longer messages; all is sent before the end', async () => {
  const talk = await converse({ turnDetection: { type: 'automatic', silenceDurationMs: 800 } });
  const frames = Array.from({ length: 8 }, () => randomBytes(640));
  const silentMs = [0, 1_499, 1_500, 1_500, 1_500, 1_500, 1_500, 1_500];
  for (const [n, frame] of frames.entries()) talk.stream.sendAudio(frame, silentMs[n]);
  await talk.end();
  assert.equal(talk.peer.order.slice(1), [20, 20, 100, 20]);
  assert.equal(talk.peer.audio, Buffer.concat(frames));
  assert.is(talk.stream.sendAudio(frames[0]!), false);
  assert.is(talk.stream.droppedFrames, 1);
});

test.run();

/** A whole conversation with a Voice Agent over a real socket, with a scripted server at the other end. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import {
  AGENT_STARTED,
  CALLER_STARTED,
  DONE,
  L16_LEG,
  PCMA_LEG,
  SECRET,
  callRequest,
  converse,
  text,
} from './deepgram-script.ts';
import type { Talk } from './deepgram-script.ts';

test('a call by the book: set-up, audio both ways, end', async () => {
  const talk = await converse({ voice: 'aura-2-thalia-en', extraHeaders: { 'X-Extra': 'yes' } });
  const { peer, sink, stream } = talk;
  assert.is(peer.url, '/v1/agent/converse');
  assert.is(peer.headers['authorization'], `Token ${SECRET}`);
  assert.is(peer.headers['x-extra'], 'yes');
  assert.is(peer.headers['sec-websocket-extensions'], undefined);
  assert.is(peer.heard.length, 1);
  assert.equal(stream.inputFormat, { codec: 'pcmu', sampleRateHz: 8000 });
  assert.equal(stream.outputFormat, stream.inputFormat);
  assert.is(stream.detectsTurns, true);

  const frame = randomBytes(160);
  assert.is(stream.sendAudio(frame), true);
  await peer.wait(() => peer.audio.length === 1);
  assert.equal(peer.audio[0], frame);

  const said = randomBytes(480);
  peer.say(CALLER_STARTED, text('user', 'When do they leave?'), { type: 'AgentThinking', content: '' });
  peer.say(text('assistant', 'At nine.'), AGENT_STARTED);
  peer.raw(said.subarray(0, 201));
  peer.raw(said.subarray(201));
  peer.say(DONE);
  await sink.until('done');
  assert.equal(
    sink.all.map((entry) => (entry.kind === 'speech' ? entry.edge : entry.kind)),
    ['started', 'stopped', 'transcript', 'transcript', 'started', 'audio', 'audio', 'audio-done', 'done'],
  );
  const { responseId, status } = sink.of('done')[0]!;
  assert.is(status, 'completed');
  assert.equal(sink.audioOf(responseId), said);
  assert.equal(
    sink.of('transcript').map(({ by, text: words, final }) => [by, words, final]),
    [
      ['caller', 'When do they leave?', true],
      ['agent', 'At nine.', true],
    ],
  );
  assert.is(stream.stats.responses, 1);
  assert.is(stream.stats.messages, 8);
  await talk.end();
  assert.is(peer.closeCode, 1000);
  assert.is(sink.of('closed').length, 0);
});

test('caller audio of many lengths arrives as it was sent, from one buffer', async () => {
  const talk = await converse();
  const frames = [160, 160, 80, 480, 1, 2, 3, 960, 160].map((bytes) => randomBytes(bytes));
  const reused = new Uint8Array(960);
  for (const frame of frames) {
    reused.set(frame);
    assert.is(talk.stream.sendAudio(reused.subarray(0, frame.length)), true);
  }
  // An empty message would tell Deepgram that no more audio comes.
  assert.is(talk.stream.sendAudio(new Uint8Array(0)), true);
  await talk.peer.wait(() => talk.peer.audio.length === frames.length);
  await talk.peer.settled();
  assert.equal(talk.peer.audio, frames);
  await talk.end();
});

/** Lengths of the caller's audio, in frames of 20 ms, and names of messages, in the order in which they come. */
function order({ peer }: Talk): (number | string)[] {
  const come: (number | string)[] = [];
  peer.socket.on('message', (data: Buffer, isBinary: boolean) => {
    come.push(isBinary ? data.length / 160 : (JSON.parse(data.toString('utf8')) as { type: string }).type);
  });
  return come;
}

test('long silence travels in longer messages, nothing overtakes it, and all of it is sent before the end', async () => {
  const talk = await converse({ listenModel: 'flux-general-en' });
  const come = order(talk);
  const frames = Array.from({ length: 16 }, () => randomBytes(160));
  // Speech, nine frames of silence, of which the first is not long enough yet, speech, two of silence, the end of the turn, three more.
  const silentMs = [0, 5_699, ...Array.from({ length: 8 }, () => 5_700), 0, ...Array.from({ length: 5 }, () => 6_000)];
  for (const [n, frame] of frames.entries()) {
    if (n === 13) talk.stream.commitTurn();
    assert.is(talk.stream.sendAudio(frame, silentMs[n]), true);
    // An empty message would tell Deepgram that no more audio comes, whatever is held.
    assert.is(talk.stream.sendAudio(new Uint8Array(0), 6_000), true);
  }
  await talk.end();
  assert.equal(come, [1, 1, 5, 4, 2, 'ForceEndTurn', 3]);
  assert.equal(Buffer.concat(talk.peer.audio), Buffer.concat(frames));
  assert.is(talk.stream.droppedFrames, 0);
  assert.is(talk.stream.sendAudio(frames[0]!, 6_000), false);
  assert.is(talk.stream.stats.droppedFrames, 1);
});

test('messages of a size that was asked for', async () => {
  const talk = await converse({ messageMs: 40 }, { leg: L16_LEG });
  const frames = Array.from({ length: 6 }, () => randomBytes(640));
  for (const frame of frames) talk.stream.sendAudio(frame, 0);
  await talk.peer.wait(() => talk.peer.audio.length === 3);
  assert.equal(
    talk.peer.audio.map(({ length }) => length),
    [1280, 1280, 1280],
  );
  assert.equal(Buffer.concat(talk.peer.audio), Buffer.concat(frames));
  await talk.end();
});

test('of 16-bit audio only whole samples are given on, however they come', async () => {
  const talk = await converse({}, { leg: L16_LEG });
  const said = randomBytes(1000);
  for (const [from, to] of [
    [0, 1],
    [1, 2],
    [2, 5],
    [5, 6],
    [6, 501],
    [501, 1000],
  ] as const)
    talk.peer.raw(said.subarray(from, to));
  talk.peer.say(DONE);
  const { itemId } = await talk.sink.until('audio-done');
  assert.equal(talk.sink.audioOf(itemId), said);
  assert.ok(talk.sink.of('audio').every(({ audio }) => audio.length % 2 === 0));
  await talk.end();
});

test('half a sample at the end of an answer is not the beginning of the next one', async () => {
  const talk = await converse({}, { leg: L16_LEG });
  const said = randomBytes(640);
  talk.peer.raw(randomBytes(321));
  talk.peer.say(DONE);
  talk.peer.raw(said);
  talk.peer.say(DONE);
  const { itemId } = await talk.sink.until('audio-done', 2);
  assert.equal(talk.sink.audioOf(itemId), said);
  await talk.end();
});

const HISTORY = [
  { by: 'caller', text: 'Two seats.' },
  { by: 'agent', text: 'For when?' },
] as const;
const TOLD = [
  { type: 'History', role: 'user', content: 'Two seats.' },
  { type: 'History', role: 'assistant', content: 'For when?' },
];

test('an agent that takes over knows what was said, and does not greet', async () => {
  const own = { type: 'History', role: 'user', content: 'Before.' };
  const talk = await converse({ agent: { greeting: 'Hi!', context: { messages: [own] } } }, { history: HISTORY });
  const agent = talk.peer.heardOf('Settings')[0]?.agent as { greeting?: string; context?: { messages?: unknown } };
  assert.is(agent.greeting, undefined);
  assert.equal(agent.context?.messages, [own, ...TOLD]);
  await talk.end();
  const stored = await converse({ agent: 'b8dd8ab8-1b2c-4b40-a0bc-2d0b4c2b1a7e' }, { history: HISTORY });
  const { prompt } = await stored.peer.until('UpdatePrompt');
  assert.match(prompt, 'Caller: Two seats.\nYou: For when?');
  await stored.end();
  const first = await converse({ greeting: 'Hello!' });
  const settings = first.peer.heardOf('Settings')[0]?.agent as { greeting?: string; context?: unknown };
  assert.equal([settings.greeting, settings.context], ['Hello!', undefined]);
  await first.end();
});

test('a function that is asked for twice is called once, also when it has been answered', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  peer.say(callRequest('t1'), callRequest('t1'));
  await sink.until('tool');
  stream.sendToolResult('t1', '1');
  await peer.until('FunctionCallResponse');
  peer.say(callRequest('t1'), callRequest('t2'));
  await sink.until('tool', 2);
  assert.equal(
    sink.of('tool').map(({ toolCallId }) => toolCallId),
    ['t1', 't2'],
  );
  await talk.end();
});

test('the result of a function that an agent before it called is told in words, once', async () => {
  const talk = await converse({}, { toolCalls: [{ toolCallId: 't1', name: 'book', argumentsJson: '{}' }] });
  talk.stream.sendToolResult('t1', '"row 5"');
  talk.stream.sendToolResult('t1', '"row 5"');
  const { content } = await talk.peer.until('InjectUserMessage');
  assert.match(content, 'function book');
  assert.match(content, '"row 5"');
  assert.is(talk.stream.stats.droppedResults, 1);
  await talk.end();
});

test('the caller cuts in, and Deepgram has noticed: stragglers are thrown away', async () => {
  const talk = await converse();
  const { peer, sink } = talk;
  peer.say(text('assistant', 'A long story.'), AGENT_STARTED);
  peer.raw(new Uint8Array(800));
  await sink.until('audio');
  peer.say(CALLER_STARTED);
  peer.raw(new Uint8Array(400));
  peer.raw(new Uint8Array(400));
  peer.say(text('user', 'Stop.'), text('assistant', 'Fine.'), AGENT_STARTED);
  peer.raw(new Uint8Array(80).fill(7));
  peer.say(DONE);
  await sink.until('done', 2);
  assert.equal(
    sink.all.slice(2).map((entry) => (entry.kind === 'done' ? entry.status : entry.kind)),
    [
      ...['audio', 'speech', 'audio-done', 'cancelled', 'speech', 'transcript', 'transcript'],
      ...['started', 'audio', 'audio-done', 'completed'],
    ],
  );
  assert.is(talk.stream.stats.lateAudioBytes, 800);
  assert.equal(sink.audioOf(sink.of('done')[1]!.responseId), Buffer.alloc(80, 7));
  await talk.end();
});

test('we cut the agent off, and Deepgram has not noticed: the rest of the answer is thrown away', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  peer.say(AGENT_STARTED);
  peer.raw(new Uint8Array(800));
  const { itemId } = await sink.until('audio');
  stream.cancelResponse(itemId);
  // Words of the answer that goes on are no new answer.
  peer.say(text('assistant', 'And so on.'));
  peer.raw(new Uint8Array(300));
  peer.say(DONE, AGENT_STARTED);
  peer.raw(new Uint8Array(80));
  peer.say(DONE);
  await sink.until('done', 2);
  assert.equal(
    sink.of('done').map(({ status }) => status),
    ['cancelled', 'completed'],
  );
  assert.is(sink.of('transcript').length, 0);
  assert.is(stream.stats.lateAudioBytes, 300);
  await talk.end();
});

test('an answer that was called off before it began is never heard of', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  peer.say(text('assistant', 'Well.'));
  await sink.until('transcript');
  stream.cancelResponse(null);
  peer.say(AGENT_STARTED);
  peer.raw(new Uint8Array(160));
  peer.say(DONE);
  peer.raw(new Uint8Array(80));
  peer.say(DONE);
  const { responseId } = await sink.until('done');
  assert.is(sink.of('started').length, 1);
  assert.is(sink.audioOf(responseId).length, 80);
  await talk.end();
});

test('what was due while something was still heard is the answer to the turn that cut in', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  peer.raw(new Uint8Array(800));
  const { itemId } = await sink.until('audio');
  peer.say(CALLER_STARTED, text('user', 'Stop.'));
  await sink.until('transcript');
  // A tick later the session has faded the agent out.
  stream.cancelResponse(itemId);
  peer.say(AGENT_STARTED);
  peer.raw(new Uint8Array(80));
  peer.say(DONE);
  await sink.until('done', 2);
  assert.equal(
    sink.of('done').map(({ status }) => status),
    ['cancelled', 'completed'],
  );
  await talk.end();
});

test('words for the agent, and words of the agent', async () => {
  const talk = await converse();
  const { peer, sink, stream } = talk;
  stream.requestResponse('Say hello.');
  assert.equal(await peer.until('InjectUserMessage'), { type: 'InjectUserMessage', content: 'Say hello.' });
  // Deepgram tells of it as of anything that a caller said; nobody did.
  peer.say(text('user', 'Say hello.'), text('assistant', 'Hello.'));
  await sink.until('transcript');
  assert.is(sink.of('transcript')[0]?.by, 'agent');
  assert.is(sink.of('speech').length, 0);
  stream.sendText('Are you there?');
  assert.is((await peer.until('InjectUserMessage', 2)).content, 'Are you there?');
  stream.say('Exactly this.');
  assert.equal(await peer.until('InjectAgentMessage'), {
    ...{ type: 'InjectAgentMessage', message: 'Exactly this.', behavior: 'queue' },
  });
  peer.say({ type: 'InjectionRefused', message: 'somebody speaks' });
  const { error } = await sink.until('error');
  assert.equal([error.code, error.details['apiCode']], ['ERR_TALKSPURT_BACKEND_API', 'INJECTION_REFUSED']);
  stream.sendJson('{"type":"UpdatePrompt","prompt":"Be brief."}');
  assert.is((await peer.until('UpdatePrompt')).prompt, 'Be brief.');
  await talk.end();
});

test('turns are ended on order where the ears allow it', async () => {
  const nova = await converse({ listenModel: 'nova-3' });
  nova.stream.commitTurn();
  await nova.peer.settled();
  assert.is(nova.peer.heardOf('ForceEndTurn').length, 0);
  await nova.end();
  const flux = await converse({ listenModel: 'flux-general-en' });
  flux.stream.commitTurn();
  await flux.peer.until('ForceEndTurn');
  await flux.end();
});

test('functions: ours are called, results go back by name, those that were called off do not', async () => {
  const talk = await converse({ tools: [{ name: 'look_up' }] });
  const { peer, sink, stream } = talk;
  peer.say(callRequest('f1'), callRequest('f1'), callRequest('theirs', 'lookup', false), callRequest('f2'));
  peer.raw(
    '{"type":"FunctionCallRequest","functions":[{"id":"f3","name":"n","arguments":"{}","client_side":true,"thought_signature":"s=="}]}',
  );
  await sink.until('tool', 3);
  assert.equal(
    sink.of('tool').map(({ toolCallId, name, argumentsJson }) => [toolCallId, name, argumentsJson]),
    [
      ['f1', 'look_up', '{"day":"today"}'],
      ['f2', 'look_up', '{"day":"today"}'],
      ['f3', 'n', '{}'],
    ],
  );
  peer.say({ type: 'FunctionCallCancelled', functions: [{ id: 'f2', name: 'look_up' }] });
  await peer.settled();
  stream.sendToolResult('f2', '{}');
  stream.sendToolResult('f1', '{"time":"nine"}');
  stream.sendToolResult('f1', '{"time":"ten"}');
  stream.sendToolResult('f3', '"x"');
  assert.equal(await peer.until('FunctionCallResponse', 2), {
    ...{ type: 'FunctionCallResponse', id: 'f3', name: 'n', content: '"x"', thought_signature: 's==' },
  });
  assert.equal(peer.heardOf('FunctionCallResponse')[0], {
    ...{ type: 'FunctionCallResponse', id: 'f1', name: 'look_up', content: '{"time":"nine"}' },
  });
  assert.is(stream.stats.droppedResults, 2);
  await talk.end();
});

test('a sign of life goes out only while no audio does', async () => {
  const talk = await converse();
  const { peer, stream, clock } = talk;
  for (let ms = 0; ms < 12_000; ms += 500) {
    stream.sendAudio(new Uint8Array(160));
    clock.advance(500);
  }
  await peer.settled();
  assert.is(peer.heardOf('KeepAlive').length, 0);
  // Nothing for longer than Deepgram waits (10 s), at any moment of it.
  clock.advance(8_000);
  assert.equal(await peer.until('KeepAlive'), { type: 'KeepAlive' });
  clock.advance(8_000);
  await peer.until('KeepAlive', 3);
  await talk.end();
});

/** Lets so much time pass on a connection that lives: its pings are answered. */
async function pass({ clock, peer }: Talk, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    clock.advance(Math.min(left, 10_000));
    await peer.settled();
  }
}

test('the end of a session is told in time, once, by whoever knows first', async () => {
  const own = await converse();
  await pass(own, LIMITS.deepgramSessionMs - LIMITS.backendExpiryNoticeMs);
  assert.equal(own.sink.of('expiring'), [{ kind: 'expiring', inMs: LIMITS.backendExpiryNoticeMs }]);
  await own.end();
  const theirs = await converse();
  await pass(theirs, LIMITS.deepgramSessionMs - 300_000);
  const description = 'The session closes in 5 minutes.';
  theirs.peer.say({ type: 'Warning', code: 'MAXIMUM_SESSION_LENGTH_APPROACHING', description });
  assert.is((await theirs.sink.until('expiring')).inMs, 300_000);
  await pass(theirs, 290_000);
  assert.is(theirs.sink.of('expiring').length, 1);
  theirs.peer.say({ type: 'Error', code: 'MAXIMUM_SESSION_LENGTH_REACHED', description: 'Over.' });
  const { error } = await theirs.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED');
  await theirs.end();
});

test('an answer that is due and does not come, or does not go on', async () => {
  const talk = await converse({ responseTimeoutMs: 5_000 });
  const { peer, sink, clock } = talk;
  peer.say(CALLER_STARTED, text('user', 'Hello?'));
  await sink.until('transcript');
  clock.advance(7_000);
  assert.is(sink.of('error')[0]?.error.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  await pass(talk, 60_000 - 7_000);
  assert.is(sink.of('error').length, 1);
  peer.say(AGENT_STARTED);
  peer.raw(new Uint8Array(80));
  await sink.until('audio');
  clock.advance(7_000);
  const { error } = await sink.until('closed');
  assert.equal([error?.code, error?.details['begun']], ['ERR_TALKSPURT_BACKEND_TIMEOUT', true]);
  assert.equal([sink.of('error').length, sink.of('done')], [1, []]);
  await talk.end();
});

test('nothing is due while a function of ours runs', async () => {
  const talk = await converse({ responseTimeoutMs: 5_000 });
  talk.peer.say(text('user', 'Look it up.'), callRequest('f1'));
  await talk.sink.until('tool');
  await pass(talk, 60_000);
  assert.is(talk.sink.of('error').length, 0);
  talk.stream.sendToolResult('f1', '{}');
  talk.clock.advance(7_000);
  assert.is((await talk.sink.until('closed')).error?.details['begun'], false, 'what we asked for ends the stream');
  assert.is(talk.sink.of('error').length, 0);
  await talk.end();
});

test('every error ends the session, by what it means; no warning does', async () => {
  const meanings = {
    FAILED_TO_THINK: 'ERR_TALKSPURT_BACKEND_API',
    FAILED_TO_SPEAK: 'ERR_TALKSPURT_BACKEND_API',
    A_NEW_ONE: 'ERR_TALKSPURT_BACKEND_API',
    UNPARSABLE_CLIENT_MESSAGE: 'ERR_TALKSPURT_BACKEND_DENIED',
    CLIENT_MESSAGE_TIMEOUT: 'ERR_TALKSPURT_BACKEND_TIMEOUT',
    SERVER_GOING_AWAY: 'ERR_TALKSPURT_BACKEND_REFUSED',
    ASR_CONNECTION_CLOSED: 'ERR_TALKSPURT_BACKEND_REFUSED',
  };
  for (const [code, ours] of Object.entries(meanings)) {
    const talk = await converse();
    talk.peer.say({ type: 'Warning', code: 'SLOW_THINK_REQUEST', description: `with ${SECRET} in it` });
    const warned = await talk.sink.until('error');
    assert.is(warned.error.details['apiCode'], 'SLOW_THINK_REQUEST');
    talk.peer.say({ type: 'Error', code, description: `with ${SECRET} in it` });
    const { error } = await talk.sink.until('closed');
    assert.is(error?.code, ours);
    assert.is(error?.details['apiCode'], code);
    assert.not.match(JSON.stringify([error, error?.message, error?.details, warned.error.details]), SECRET);
    assert.is(talk.stream.sendAudio(new Uint8Array(160)), false);
    await talk.end();
  }
});

test('the audio of the leg decides the audio of the stream', async () => {
  const pcma = await converse({}, { leg: PCMA_LEG });
  assert.equal(pcma.peer.heardOf('Settings')[0]?.audio.input, { encoding: 'alaw', sample_rate: 8000 });
  await pcma.end();
  const l16 = await converse({}, { leg: L16_LEG });
  assert.equal(l16.peer.heardOf('Settings')[0]?.audio, {
    input: { encoding: 'linear16', sample_rate: 16000 },
    output: { encoding: 'linear16', sample_rate: 16000, container: 'none' },
  });
  await l16.end();
});

test('what the start command said of the call reaches an agent that is configured at Deepgram', async () => {
  const talk = await converse(
    { agent: 'b8dd8ab8-1b2c-4b40-a0bc-2d0b4c2b1a7e' },
    { metadata: 'The caller is a member.' },
  );
  assert.is(talk.peer.heardOf('Settings')[0]?.agent, 'b8dd8ab8-1b2c-4b40-a0bc-2d0b4c2b1a7e');
  assert.is((await talk.peer.until('UpdatePrompt')).prompt, 'The caller is a member.');
  await talk.end();
});

test.run();

/** The embedded backend against clients that its writers did not write: OpenAI's own SDK and its agents SDK. */
import { connect } from 'node:net';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { FERRY_OFFICE } from '../../src/simulator/dialogue.ts';
import type { Dialogue } from '../../src/simulator/dialogue.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { PCM_24K, PCMU, callerSays, startServer } from './realtime-peer.ts';

const SHORT: Dialogue = {
  greeting: ['This is a greeting that goes on for long enough to be cut short by somebody.'],
  answers: [{ say: ['Yes.'] }],
};

const speech = new SpeechSynthesizer();

test.after(() => speech.close());

/** Collects events and lets the test wait for the next one of a type. */
class Log {
  readonly events: RealtimeServerEvent[] = [];
  readonly #waiting: { type: string; resolve: (event: RealtimeServerEvent) => void }[] = [];

  add(event: RealtimeServerEvent): void {
    this.events.push(event);
    for (const waiting of this.#waiting.filter(({ type }) => type === event.type)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.resolve(event);
    }
  }

  next<T extends RealtimeServerEvent['type']>(type: T): Promise<Extract<RealtimeServerEvent, { type: T }>> {
    return new Promise((resolve) => {
      this.#waiting.push({ type, resolve: (event) => resolve(event as Extract<RealtimeServerEvent, { type: T }>) });
    });
  }

  types(): string[] {
    return this.events.map((event) => event.type);
  }

  audio(itemId: string): Buffer {
    const deltas = this.events.filter((event) => event.type === 'response.output_audio.delta');
    return Buffer.concat(deltas.filter((d) => d.item_id === itemId).map((d) => Buffer.from(d.delta, 'base64')));
  }
}

async function openSdk(port: number): Promise<{ client: OpenAIRealtimeWS; log: Log }> {
  const api = new OpenAI({ apiKey: 'sk-test', baseURL: `http://127.0.0.1:${port}/v1` });
  // The SDK insists on wss; this gives it a plain socket instead.
  const options = {
    createConnection: () => connect(port, '127.0.0.1'),
  };
  const client = new OpenAIRealtimeWS({ model: 'gpt-realtime', options }, api);
  const log = new Log();
  client.on('event', (event) => log.add(event));
  client.on('error', () => undefined);
  await log.next('session.created');
  return { client, log };
}

test('the official SDK holds a whole conversation in µ-law', async () => {
  const server = await startServer(speech);
  const { client, log } = await openSdk(server.port);
  const updated = log.next('session.updated');
  client.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'Be brief.',
      audio: {
        input: { format: { type: 'audio/pcmu' }, transcription: { model: 'whisper-1' } },
        output: { format: { type: 'audio/pcmu' }, voice: 'marin' },
      },
    },
  });
  const { session } = await updated;
  assert.ok(session.type === 'realtime');
  assert.equal(session.audio?.output?.format, { type: 'audio/pcmu' });

  const greeted = log.next('response.done');
  client.send({ type: 'response.create' });
  const greeting = await greeted;
  assert.is(greeting.response.status, 'completed');
  const [item] = greeting.response.output ?? [];
  assert.ok(item?.type === 'message' && item.role === 'assistant');
  assert.is(item.content[0]?.transcript, FERRY_OFFICE.greeting.join(' '));
  // The audio is the two sentences, in G.711: as long as the synthesiser made them.
  let expectedMs = 0;
  for (const sentence of FERRY_OFFICE.greeting) {
    const { samples, sampleRateHz } = await speech.synthesize(sentence, 'rms');
    expectedMs += (samples.length / sampleRateHz) * 1000;
  }
  assert.ok(Math.abs(log.audio(item.id ?? '').length / 8 - expectedMs) < 2);
  assert.ok((greeting.response.usage?.output_token_details?.audio_tokens ?? 0) > 10);

  const answered = log.next('response.done');
  const transcribed = log.next('conversation.item.input_audio_transcription.completed');
  const pieces = await callerSays(speech, 'When do the ferries leave today?', PCMU);
  for (const audio of pieces) client.send({ type: 'input_audio_buffer.append', audio });
  assert.match((await transcribed).transcript, /s of speech at -\d+ dBov/);
  const answer = await answered;
  assert.is(answer.response.status, 'completed');
  const [spoken] = answer.response.output ?? [];
  const text = spoken?.type === 'message' && spoken.role === 'assistant' ? spoken.content[0]?.transcript : '';
  assert.match(text ?? '', /I heard you speak for (one|two) point \w+ seconds, at minus [a-z ]+ decibels\./);
  const started = log.events.find((event) => event.type === 'input_audio_buffer.speech_started');
  const stopped = log.events.find((event) => event.type === 'input_audio_buffer.speech_stopped');
  assert.ok(started !== undefined && stopped !== undefined && started.item_id === stopped.item_id);
  assert.ok(stopped.audio_end_ms - started.audio_start_ms > 1500);
  assert.not.ok(log.types().includes('error'));

  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  client.close();
  await closed;
  await server.close();
  assert.is(server.stats.sessions, 0);
});

test('the agents SDK talks, barges in with its own cancel and truncate, and is not refused', async () => {
  const server = await startServer(speech, { speedUp: 4, dialogue: SHORT });
  const transport = new OpenAIRealtimeWebSocket({
    url: `ws://127.0.0.1:${server.port}/v1/realtime?model=gpt-realtime`,
    useInsecureApiKey: true,
  });
  const log = new Log();
  const sent: string[] = [];
  transport.on('*', (event) => log.add(event as RealtimeServerEvent));
  const send = transport.sendEvent.bind(transport);
  transport.sendEvent = (event) => {
    sent.push(event.type);
    send(event);
  };
  const agent = new RealtimeAgent({ name: 'office', instructions: 'Say what the script says.' });
  const session = new RealtimeSession(agent, { transport, model: 'gpt-realtime' });
  const faults: unknown[] = [];
  session.on('error', (error) => faults.push(error));
  const ready = log.next('session.updated');
  await session.connect({ apiKey: 'sk-test' });
  await ready;

  const audio = new Promise<void>((resolve) => session.once('audio', () => resolve()));
  const begun = log.next('response.output_audio.delta');
  transport.sendEvent({ type: 'response.create' });
  await begun;
  await audio;

  // The caller cuts in while the greeting is being sent.
  const cancelled = log.next('response.done');
  const truncated = log.next('conversation.item.truncated');
  const pieces = await callerSays(speech, 'Excuse me, when do the ferries leave today?', PCM_24K);
  const bytes = pieces.map((piece) => Buffer.from(piece, 'base64'));
  for (const piece of bytes) session.sendAudio(new Uint8Array(piece).buffer);
  assert.is((await cancelled).response.status, 'cancelled');
  const cut = await truncated;
  assert.ok(sent.includes('conversation.item.truncate'));
  assert.ok(cut.audio_end_ms >= 0);
  const answer = await log.next('response.done');
  assert.is(answer.response.status, 'completed');
  const refused = log.events.filter((event) => event.type === 'error');
  assert.equal(
    refused.filter((event) => event.error.code !== 'response_cancel_not_active'),
    [],
  );
  assert.ok(faults.length === refused.length);

  session.close();
  await server.close();
  assert.is(server.stats.sessions, 0);
});

test('the agents SDK carries out a function and has its result spoken', async () => {
  const dialogue: Dialogue = {
    greeting: ['Hello.'],
    answers: [{ say: ['It leaves at {result.hour}.'], call: { name: 'next_ferry', arguments: { day: 'today' } } }],
  };
  const server = await startServer(speech, { dialogue });
  const transport = new OpenAIRealtimeWebSocket({ url: `${server.url}/realtime?model=m`, useInsecureApiKey: true });
  const log = new Log();
  transport.on('*', (event) => log.add(event as RealtimeServerEvent));
  const asked: unknown[] = [];
  const nextFerry = tool({
    name: 'next_ferry',
    description: 'When the next ferry leaves.',
    parameters: z.object({ day: z.string() }),
    execute: ({ day }) => {
      asked.push(day);
      return JSON.stringify({ hour: 'nine' });
    },
  });
  const agent = new RealtimeAgent({ name: 'office', tools: [nextFerry] });
  const session = new RealtimeSession(agent, { transport, model: 'm' });
  const faults: unknown[] = [];
  session.on('error', (error) => faults.push(error));
  const ready = log.next('session.updated');
  await session.connect({ apiKey: 'sk-test' });
  await ready;
  const spoken = log.next('response.output_audio_transcript.done');
  session.sendMessage('When does it leave?');
  assert.is((await spoken).transcript, 'It leaves at nine.');
  assert.equal(asked, ['today']);
  assert.equal(faults, []);
  session.close();
  await server.close();
});

test.run();

/** The embedded Voice Agent against a client that its writers did not write: Deepgram's own SDK. */
import { DeepgramClient } from '@deepgram/sdk';
import type { Deepgram } from '@deepgram/sdk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../src/core/clock.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { DeepgramServer } from '../../src/simulator/deepgram-server.ts';
import type { DeepgramServerOptions } from '../../src/simulator/deepgram-server.ts';
import type { DeepgramServerMessage } from '../../src/simulator/deepgram-message.ts';
import type { Dialogue } from '../../src/simulator/dialogue.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import type { Said as Declared } from '../backend/deepgram-script.ts';
import { PCM_24K, PCMU, callerSays } from './realtime-peer.ts';

type Agent = Deepgram.agent.AgentV1Settings.Agent;
type Socket = Awaited<ReturnType<DeepgramClient['agent']['v1']['createConnection']>>;
type SdkMessage = Exclude<Parameters<NonNullable<Parameters<Socket['on']>[1]>>[0], never>;

/** Does not compile when the embedded server could say what the vendor does not declare. */
const asDeclared = (message: DeepgramServerMessage): Declared => message;

const SHORT: Dialogue = {
  greeting: ['Hello there.'],
  answers: [
    { say: ['It goes on for long enough that somebody may well cut it short in the middle of it.', 'And on.'] },
    { say: ['Yes.'] },
  ],
};

const speech = new SpeechSynthesizer();
test.after(() => speech.close());

/** The SDK's client with all that it was told, in order. */
class Client {
  readonly socket: Socket;
  readonly told: (Declared | { type: 'audio'; bytes: Buffer })[] = [];
  readonly #waiting: { type: string; count: number; resolve: () => void }[] = [];
  #last: Promise<void> = Promise.resolve();
  /** The SDK's first complaint. */
  readonly failed: Promise<Error>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (message: SdkMessage | Blob) => {
      // The SDK hands audio over as a Blob, whose bytes come later: in order all the same.
      this.#last = this.#last.then(async () => {
        if (message instanceof Blob) this.#add({ type: 'audio', bytes: Buffer.from(await message.arrayBuffer()) });
        else this.#add(message as Declared);
      });
    });
    this.failed = new Promise((resolve) => socket.on('error', resolve));
  }

  static async connect(server: DeepgramServer, apiKey = 'key-of-the-test'): Promise<Client> {
    const agent = `ws://127.0.0.1:${server.port}`;
    const sdk = new DeepgramClient({
      apiKey,
      environment: { base: agent, production: agent, agent, agentRest: `http://127.0.0.1:${server.port}` },
    });
    // The SDK would dial again and again without being asked.
    const client = new Client(await sdk.agent.v1.createConnection({ reconnectAttempts: 0 }));
    client.socket.connect();
    return client;
  }

  types(): string[] {
    return this.told.map(({ type }) => type);
  }

  of<T extends Declared['type']>(type: T): Extract<Declared, { type: T }>[] {
    return this.told.filter((message) => message.type === type) as unknown as Extract<Declared, { type: T }>[];
  }

  async until(type: string, count = 1): Promise<void> {
    if (this.types().filter((each) => each === type).length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ type, count, resolve }));
  }

  audio(): Buffer {
    return Buffer.concat(this.told.flatMap((message) => (message.type === 'audio' ? [message.bytes] : [])));
  }

  #add(message: Declared | { type: 'audio'; bytes: Buffer }): void {
    this.told.push(message);
    for (const waiter of this.#waiting.filter(
      ({ type, count }) => this.types().filter((t) => t === type).length >= count,
    )) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}

async function withServer(
  options: Partial<DeepgramServerOptions>,
  run: (server: DeepgramServer) => Promise<void>,
): Promise<void> {
  const server = new DeepgramServer({
    ...{ clock: new SystemClock(), speech, sessions: 4, thinkMs: 5, speedUp: 200, dialogue: SHORT },
    ...options,
  });
  await server.listen();
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

function settings(format: AudioFormat, agent: Agent = {}): Deepgram.agent.AgentV1Settings {
  const audio = { encoding: format.codec === 'pcmu' ? 'mulaw' : 'linear16', sample_rate: format.sampleRateHz };
  return { type: 'Settings', audio: { input: audio, output: { ...audio, container: 'none' } }, agent };
}

async function durationMs(sentences: readonly string[]): Promise<number> {
  let ms = 0;
  for (const sentence of sentences) {
    const { samples, sampleRateHz } = await speech.synthesize(sentence, 'rms');
    ms += (samples.length / sampleRateHz) * 1000;
  }
  return ms;
}

async function say(client: Client, text: string, format: AudioFormat, silenceMs = 900): Promise<void> {
  for (const piece of await callerSays(speech, text, format, silenceMs)) {
    client.socket.sendMedia(Buffer.from(piece, 'base64'));
  }
}

test('the SDK opens a session, is greeted, speaks and is answered', () =>
  withServer({}, async (server) => {
    const client = await Client.connect(server);
    await client.until('Welcome');
    assert.match(client.of('Welcome')[0]!.request_id, /^[0-9a-f-]{36}$/);
    client.socket.sendSettings(settings(PCMU, { greeting: 'Hello there. How are you?' }));
    await client.until('AgentAudioDone');
    assert.equal(
      client.of('ConversationText').map(({ role, content }) => [role, content]),
      [
        ['assistant', 'Hello there.'],
        ['assistant', 'How are you?'],
      ],
    );
    // In µ-law a byte is an eighth of a millisecond: all of both sentences came, and nothing else.
    assert.ok(Math.abs(client.audio().length / 8 - (await durationMs(['Hello there.', 'How are you?']))) < 4);
    assert.ok(client.types().indexOf('SettingsApplied') < client.types().indexOf('ConversationText'));
    assert.ok(client.types().indexOf('AgentStartedSpeaking') < client.types().indexOf('audio'));

    await say(client, 'When do the ferries leave today?', PCMU);
    await client.until('AgentAudioDone', 2);
    assert.is(client.of('UserStartedSpeaking').length, 1);
    const texts = client.of('ConversationText').slice(2);
    assert.is(texts[0]?.role, 'user');
    assert.match(texts[0]?.content ?? '', /s of speech at -\d+ dBov/);
    assert.is(texts[1]?.content, SHORT.answers[0]?.say[0]);
    assert.ok((client.of('AgentStartedSpeaking')[1]?.total_latency ?? -1) >= 0);
    // History tells all of it once more, unless it is switched off.
    assert.is(client.of('History').length, client.of('ConversationText').length);
    assert.is(client.of('Error').length, 0);
    client.socket.close();
  }));

test('in linear16 at 24 kHz a caller cuts in, and the answer ends at once', () =>
  withServer({ speedUp: 1 }, async (server) => {
    const client = await Client.connect(server);
    await client.until('Welcome');
    client.socket.sendSettings({ ...settings(PCM_24K), flags: { history: false } });
    await client.until('SettingsApplied');
    await say(client, 'Hello?', PCM_24K);
    await client.until('audio', 3);
    await say(client, 'Stop, please, that is enough.', PCM_24K);
    await client.until('UserStartedSpeaking', 2);
    await client.until('AgentAudioDone', 1);
    const from = client.types().lastIndexOf('UserStartedSpeaking');
    const rest = client.types().slice(from + 1);
    // Not a byte of the old answer: first the caller's words, and then another answer.
    assert.equal(rest.slice(0, 4), ['ConversationText', 'AgentThinking', 'ConversationText', 'AgentStartedSpeaking']);
    assert.is(client.of('ConversationText').at(-1)?.content, 'Yes.');
    assert.is(server.stats.answersInterrupted, 1);
    assert.is(client.of('History').length, 0);
    client.socket.close();
  }));

test('a function that the client runs, and one that is called off', () =>
  withServer(
    {
      dialogue: {
        greeting: ['Hello.'],
        answers: [{ say: ['It is {result.time}.'], call: { name: 'look_up', arguments: { day: 'today' } } }],
      },
    },
    async (server) => {
      const client = await Client.connect(server);
      await client.until('Welcome');
      const functions = [{ name: 'look_up', description: 'Looks up', parameters: { type: 'object' } }];
      const think: Deepgram.ThinkSettingsV1 = { provider: { type: 'open_ai', model: 'gpt-4o-mini' }, functions };
      client.socket.sendSettings(settings(PCMU, { think }));
      await client.until('SettingsApplied');
      await say(client, 'What time is it now?', PCMU);
      await client.until('FunctionCallRequest');
      const [call] = client.of('FunctionCallRequest')[0]!.functions;
      assert.ok(call !== undefined && call.client_side);
      assert.equal([call.name, JSON.parse(call.arguments)], ['look_up', { day: 'today' }]);
      const content = JSON.stringify({ time: 'nine' });
      client.socket.sendFunctionCallResponse({ type: 'FunctionCallResponse', id: call.id, name: call.name, content });
      await client.until('AgentAudioDone');
      assert.is(client.of('ConversationText').at(-1)?.content, 'It is nine.');

      await say(client, 'And what time is it now?', PCMU);
      await client.until('FunctionCallRequest', 2);
      await say(client, 'No, wait a moment, please.', PCMU, 0);
      await client.until('FunctionCallCancelled');
      const cancelled = client.of('FunctionCallCancelled')[0]!.functions;
      assert.equal(
        cancelled.map(({ id }) => id),
        client.of('FunctionCallRequest')[1]!.functions.map(({ id }) => id),
      );
      client.socket.close();
    },
  ));

test('words of the client, and changes in the middle of a session', () =>
  withServer({ speedUp: 2 }, async (server) => {
    const client = await Client.connect(server);
    await client.until('Welcome');
    client.socket.sendSettings(settings(PCMU));
    client.socket.sendUpdatePrompt({ type: 'UpdatePrompt', prompt: 'Be brief.' });
    const provider = { type: 'deepgram', model: 'aura-2-thalia-en' } as const;
    client.socket.sendUpdateSpeak({ type: 'UpdateSpeak', speak: { provider } });
    client.socket.sendUpdateThink({
      type: 'UpdateThink',
      think: { provider: { type: 'open_ai', model: 'gpt-4o-mini' }, prompt: 'Be brief.' },
    });
    client.socket.sendForceEndTurn({ type: 'ForceEndTurn' });
    client.socket.sendUpdateListen({
      type: 'UpdateListen',
      listen: { provider: { type: 'deepgram', version: 'v2', model: 'flux-general-en' } },
    });
    client.socket.sendKeepAlive({ type: 'KeepAlive' });
    await client.until('ListenUpdated');
    assert.equal(client.types().slice(1), [
      ...['SettingsApplied', 'PromptUpdated', 'SpeakUpdated', 'ThinkUpdated', 'Warning', 'ListenUpdated'],
    ]);
    assert.is(client.of('Warning')[0]?.code, 'FORCE_END_TURN_UNSUPPORTED');

    client.socket.sendInjectAgentMessage({ type: 'InjectAgentMessage', message: 'This comes first of all.' });
    await client.until('AgentStartedSpeaking');
    client.socket.sendInjectAgentMessage({ type: 'InjectAgentMessage', message: 'Refused.' });
    client.socket.sendInjectAgentMessage({ type: 'InjectAgentMessage', message: 'Second.', behavior: 'queue' });
    await client.until('InjectionRefused');
    await client.until('AgentAudioDone', 2);
    assert.equal(
      client.of('ConversationText').map(({ content }) => content),
      ['This comes first of all.', 'Second.'],
    );
    client.socket.sendInjectUserMessage({ type: 'InjectUserMessage', content: 'Anything' });
    await client.until('AgentAudioDone', 3);
    assert.equal(client.of('ConversationText').at(-2), { type: 'ConversationText', role: 'user', content: 'Anything' });
    assert.is(server.stats.keepAlives, 1);
    client.socket.close();
  }));

test('what breaks the rules ends the session with an error in the words of the documentation', async () => {
  const misdeeds: [string, (client: Client) => void][] = [
    ['NON_SETTINGS_MESSAGE_BEFORE_SETTINGS', ({ socket }) => socket.sendKeepAlive({ type: 'KeepAlive' })],
    ['NON_SETTINGS_MESSAGE_BEFORE_SETTINGS', ({ socket }) => socket.sendMedia(new Uint8Array(160))],
    ['UNPARSABLE_CLIENT_MESSAGE', ({ socket }) => socket.sendSettings({ type: 'Settings' } as never)],
    ['INVALID_AGENT_ID', ({ socket }) => socket.sendSettings(settings(PCMU, 'an-id' as never))],
    [
      'INVALID_SETTINGS',
      ({ socket }) =>
        socket.sendSettings({ ...settings(PCMU), audio: { output: { encoding: 'mp3', sample_rate: 24_000 } } }),
    ],
    [
      'SETTINGS_ALREADY_APPLIED',
      ({ socket }) => {
        socket.sendSettings(settings(PCMU));
        socket.sendSettings(settings(PCMU));
      },
    ],
  ];
  await withServer({}, async (server) => {
    for (const [code, misdeed] of misdeeds) {
      const client = await Client.connect(server);
      await client.until('Welcome');
      misdeed(client);
      await client.until('Error');
      assert.is(client.of('Error')[0]?.code, code);
      client.socket.close();
    }
    assert.is(server.stats.errors, misdeeds.length);
  });
});

test('a key that is not known', () =>
  withServer({ key: 'the-right-one' }, async (server) => {
    const refused = await Client.connect(server, 'another');
    const error = await refused.failed;
    assert.match(error.message, '401');
    refused.socket.close();
    const client = await Client.connect(server, 'the-right-one');
    await client.until('Welcome');
    client.socket.close();
    assert.is(server.stats.sessionsOpened, 1);
  }));

test('every message of the embedded server is one that the vendor declares', () => {
  assert.equal(asDeclared({ type: 'AgentAudioDone' }), { type: 'AgentAudioDone' });
});

test.run();

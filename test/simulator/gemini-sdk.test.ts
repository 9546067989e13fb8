/** The embedded Gemini Live server against a client that its writers did not write: Google's own SDK. */
import {
  ActivityHandling,
  EndSensitivity,
  GoogleGenAI,
  Modality,
  StartSensitivity,
  TurnCoverage,
  Type,
} from '@google/genai';
import type {
  Content,
  FunctionDeclaration,
  GenerationConfig,
  LiveClientMessage,
  LiveClientSetup,
  LiveConnectConfig,
  LiveServerMessage,
  RealtimeInputConfig,
  Session,
} from '@google/genai';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../src/core/clock.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import type { Dialogue } from '../../src/simulator/dialogue.ts';
import type { GeminiServerMessage } from '../../src/simulator/gemini-message.ts';
import type { GeminiClientMessage, GeminiSetupMessage } from '../../src/simulator/gemini-schema.ts';
import { GeminiServer } from '../../src/simulator/gemini-server.ts';
import type { GeminiServerOptions } from '../../src/simulator/gemini-server.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { callerSays } from './realtime-peer.ts';

/** The vendor's declarations, with the words of its enumerations in the place of their names. */
type Plain<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? readonly Plain<Item>[]
    : T extends object
      ? { readonly [Name in keyof T]: Plain<T[Name]> }
      : T;
type Declared = Plain<Omit<LiveServerMessage, 'text' | 'data'>>;

/** Does not compile when the embedded server could say what the vendor does not declare. */
const asDeclared = (message: GeminiServerMessage): Declared => message;

/** Does not compile when it would take a field from a client that the vendor does not declare. */
const undeclared: {
  message: Exclude<keyof GeminiClientMessage, keyof LiveClientMessage>[];
  setup: Exclude<keyof GeminiSetupMessage, keyof LiveClientSetup>[];
  generation: Exclude<keyof NonNullable<GeminiSetupMessage['generationConfig']>, keyof GenerationConfig>[];
  input: Exclude<keyof NonNullable<GeminiSetupMessage['realtimeInputConfig']>, keyof RealtimeInputConfig>[];
  realtime: Exclude<
    keyof NonNullable<GeminiClientMessage['realtimeInput']>,
    keyof NonNullable<LiveClientMessage['realtimeInput']>
  >[];
  content: Exclude<
    keyof NonNullable<NonNullable<GeminiClientMessage['clientContent']>['turns']>[number],
    keyof Content
  >[];
} = { message: [], setup: [], generation: [], input: [], realtime: [], content: [] };

const PCM_16K: AudioFormat = { codec: 'l16', sampleRateHz: 16_000 };
const MODEL = 'gemini-2.5-flash-native-audio-preview-12-2025';
const LONG = 'It goes on for long enough that somebody may well cut it short in the middle of it.';

const SHORT: Dialogue = {
  greeting: ['Hello there.', 'How are you?'],
  answers: [{ say: [LONG, 'And on.'] }, { say: ['Yes.'] }, { phrases: ['goodbye'], say: ['Bye.'] }],
  prompt: ['Are you there?'],
};

const speech = new SpeechSynthesizer();
test.after(() => speech.close());

/** The SDK's session with all that it was told, in order. */
class Client {
  readonly told: LiveServerMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  session!: Session;
  #onClosed: (event: { code: number; reason: string }) => void = () => undefined;
  #onTold: () => void = () => undefined;

  private constructor() {
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
  }

  /** The SDK waits for ever when it is refused before it is set up; `closed` says so then. */
  static async connect(server: GeminiServer, config: LiveConnectConfig = {}, wish: Wish = {}): Promise<Client> {
    const { apiKey = 'key-of-the-test', model = MODEL, apiVersion } = wish;
    const client = new Client();
    const sdk = new GoogleGenAI({
      apiKey,
      httpOptions: { baseUrl: server.baseUrl, ...(apiVersion === undefined ? {} : { apiVersion }) },
    });
    const connected = sdk.live.connect({
      model,
      config: { responseModalities: [Modality.AUDIO], ...config },
      callbacks: {
        onmessage: (message) => {
          client.told.push(message);
          client.#onTold();
        },
        onclose: ({ code, reason }) => client.#onClosed({ code, reason: String(reason) }),
      },
    });
    const session = await Promise.race([connected, client.closed.then(() => null)]);
    if (session !== null) client.session = session;
    return client;
  }

  async until(condition: (told: readonly LiveServerMessage[]) => boolean): Promise<void> {
    const lost = this.closed.then(({ code, reason }) => {
      if (!condition(this.told)) throw new Error(`closed meanwhile: ${code} ${reason}`);
    });
    while (!condition(this.told)) await Promise.race([lost, new Promise<void>((resolve) => (this.#onTold = resolve))]);
    lost.catch(() => undefined);
  }

  turns(): number {
    return this.told.filter(({ serverContent }) => serverContent?.turnComplete === true).length;
  }

  async untilTurn(count: number): Promise<void> {
    await this.until(() => this.turns() >= count);
  }

  /** What happened, in a word each, repetitions left out. */
  story(from = 0): string[] {
    const words = this.told.slice(from).flatMap(storyOf);
    return words.filter((word, index) => word !== words[index - 1]);
  }

  /** All that the agent said, or the caller, as it was written down. */
  words(side: 'inputTranscription' | 'outputTranscription', from = 0): string {
    return this.told
      .slice(from)
      .map(({ serverContent }) => serverContent?.[side]?.text ?? '')
      .join('');
  }

  audioMs(from = 0): number {
    const parts = this.told.slice(from).flatMap(({ serverContent }) => serverContent?.modelTurn?.parts ?? []);
    assert.ok(parts.every(({ inlineData }) => inlineData?.mimeType === 'audio/pcm;rate=24000'));
    const bytes = parts.map(({ inlineData }) => Buffer.from(inlineData?.data ?? '', 'base64').length);
    return bytes.reduce((sum, each) => sum + each, 0) / 48;
  }

  handle(): string {
    const handles = this.told.flatMap(({ sessionResumptionUpdate: update }) => update?.newHandle ?? []);
    return handles.at(-1) ?? '';
  }

  async say(text: string, silenceMs = 900): Promise<void> {
    for (const data of await callerSays(speech, text, PCM_16K, silenceMs)) {
      this.session.sendRealtimeInput({ audio: { data, mimeType: 'audio/pcm;rate=16000' } });
    }
  }
}

interface Wish {
  readonly apiKey?: string;
  readonly model?: string;
  readonly apiVersion?: string;
}

function storyOf(message: LiveServerMessage): string[] {
  const content = message.serverContent ?? {};
  const said = Object.entries(content).map(([name]) => name);
  const rest = Object.keys(message).filter((name) => !['serverContent', 'usageMetadata'].includes(name));
  return [...said, ...rest];
}

async function withServer(
  options: Partial<GeminiServerOptions>,
  run: (server: GeminiServer) => Promise<void>,
): Promise<void> {
  const server = new GeminiServer({
    ...{ clock: new SystemClock(), speech, sessions: 4, thinkMs: 5, speedUp: 200, dialogue: SHORT },
    ...{ waitsForPlayback: false, handles: 'once' },
    ...options,
  });
  await server.listen();
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

async function durationMs(...sentences: string[]): Promise<number> {
  let ms = 0;
  for (const sentence of sentences) {
    const { samples, sampleRateHz } = await speech.synthesize(sentence, 'rms');
    ms += (samples.length / sampleRateHz) * 1000;
  }
  return ms;
}

test('the SDK opens a session, has itself greeted, speaks and is answered', () =>
  withServer({}, async (server) => {
    const client = await Client.connect(server, {
      inputAudioTranscription: {},
      outputAudioTranscription: {},
      systemInstruction: 'Be brief.',
      speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Aoede' } } },
    });
    client.session.sendClientContent({ turns: 'Greet the caller.' });
    await client.untilTurn(1);
    assert.is(client.words('outputTranscription'), 'Hello there. How are you?');
    assert.ok(Math.abs(client.audioMs() - (await durationMs('Hello there.', 'How are you?'))) < 2);
    assert.equal(client.story().slice(-3), ['modelTurn', 'generationComplete', 'turnComplete']);
    const from = client.told.length;
    await client.say('When do the ferries leave today?');
    await client.untilTurn(2);
    assert.match(client.words('inputTranscription', from), /^\(\d\.\d s of speech at -\d+ dBov\)$/);
    assert.is(client.words('outputTranscription', from), `${LONG} And on.`);
    assert.ok(Math.abs(client.audioMs(from) - (await durationMs(LONG, 'And on.'))) < 2);
    const usage = client.told.at(-1)?.usageMetadata;
    assert.ok((usage?.promptTokenCount ?? 0) > 0 && (usage?.responseTokenCount ?? 0) > 100);
    assert.is(usage?.totalTokenCount, (usage?.promptTokenCount ?? 0) + (usage?.responseTokenCount ?? 0));
    assert.equal([server.stats.turns, server.stats.answers, server.stats.refusals], [2, 2, 0]);
    client.session.close();
  }));

test('a caller cuts in, and the answer ends at once', () =>
  withServer({ speedUp: 1 }, async (server) => {
    const client = await Client.connect(server, { outputAudioTranscription: {} });
    await client.say('Hello?');
    await client.until((told) => told.filter((each) => each.serverContent?.modelTurn !== undefined).length > 3);
    await client.say('Stop, please, that is enough.');
    await client.until((told) => told.some((each) => each.serverContent?.interrupted === true));
    const from = client.told.findIndex((each) => each.serverContent?.interrupted === true);
    await client.untilTurn(2);
    // Nothing of the old answer, and no `generationComplete` for it.
    assert.equal(client.story(from).slice(0, 3), ['interrupted', 'turnComplete', 'outputTranscription']);
    assert.is(client.words('outputTranscription', from), 'Yes.');
    assert.ok(client.audioMs() < (await durationMs(LONG)));
    assert.is(server.stats.answersInterrupted, 1);
    client.session.close();
  }));

test('an answer that has been sent can be cut short until it would have been heard', () =>
  withServer({ waitsForPlayback: true }, async (server) => {
    const client = await Client.connect(server);
    await client.say('Hello?');
    await client.until((told) => told.some((each) => each.serverContent?.generationComplete === true));
    assert.is(client.turns(), 0);
    await client.say('Stop, please, that is enough.', 0);
    await client.untilTurn(1);
    assert.equal(client.story().slice(-3), ['generationComplete', 'interrupted', 'turnComplete']);
    client.session.close();
  }));

test('where nobody may cut in, the next answer comes after the one at hand', () =>
  withServer({ speedUp: 20 }, async (server) => {
    const client = await Client.connect(server, {
      outputAudioTranscription: {},
      realtimeInputConfig: {
        activityHandling: ActivityHandling.NO_INTERRUPTION,
        turnCoverage: TurnCoverage.TURN_INCLUDES_ONLY_ACTIVITY,
        automaticActivityDetection: {
          startOfSpeechSensitivity: StartSensitivity.START_SENSITIVITY_HIGH,
          endOfSpeechSensitivity: EndSensitivity.END_SENSITIVITY_HIGH,
          prefixPaddingMs: 40,
          silenceDurationMs: 400,
        },
      },
    });
    await client.say('Hello?');
    await client.until((told) => told.some((each) => each.serverContent?.modelTurn !== undefined));
    await client.say('Stop, please, that is enough.');
    await client.untilTurn(2);
    assert.is(client.words('outputTranscription'), `${LONG} And on.Yes.`);
    assert.is(server.stats.answersInterrupted, 0);
    client.session.close();
  }));

test('the client says where speech begins and ends', () =>
  withServer({}, async (server) => {
    const config = { realtimeInputConfig: { automaticActivityDetection: { disabled: true } } };
    const client = await Client.connect(server, { ...config, outputAudioTranscription: {} });
    await client.say('This is nobody speaking.');
    client.session.sendRealtimeInput({ activityStart: {} });
    await client.say('Hello?');
    assert.is(server.stats.answers, 0);
    client.session.sendRealtimeInput({ activityEnd: {} });
    await client.untilTurn(1);
    assert.is(client.words('outputTranscription'), `${LONG} And on.`);
    client.session.close();
  }));

test('what was understood is told in pieces, and the end of the stream ends a turn', () => {
  const text = 'when do the ferries leave today';
  const hearing = { recognise: () => Promise.resolve(text) };
  const dialogue = { greeting: ['Hello.'], answers: [{ say: ['No.'] }, { phrases: [text], say: ['At seven.'] }] };
  return withServer({ hearing, dialogue }, async (server) => {
    const client = await Client.connect(server, { inputAudioTranscription: {}, outputAudioTranscription: {} });
    await client.say('When do the ferries leave today?', 0);
    client.session.sendRealtimeInput({ audioStreamEnd: true });
    await client.untilTurn(1);
    assert.is(client.words('inputTranscription'), text);
    assert.is(client.words('outputTranscription'), 'At seven.');
    client.session.close();
  });
});

const LOOK_UP: FunctionDeclaration = {
  name: 'look_up',
  description: 'Looks up',
  parameters: { type: Type.OBJECT, properties: { day_of_week: { type: Type.STRING, enum: ['today'] } } },
};
const CALLING: Dialogue = {
  greeting: ['Hello.'],
  answers: [{ say: ['It is {result.time}.'], call: { name: 'look_up', arguments: { day_of_week: 'today' } } }],
};

test('a function that the client runs, and one that is called off', () =>
  withServer({ dialogue: CALLING }, async (server) => {
    const tools = [{ functionDeclarations: [LOOK_UP] }];
    const client = await Client.connect(server, { outputAudioTranscription: {} });
    client.session.sendContextUpdate({ systemInstruction: 'Look it up.', tools: { tools } });
    const calls = (): string[] =>
      client.told.flatMap(({ toolCall }) => toolCall?.functionCalls ?? []).flatMap(({ id }) => id ?? []);
    await client.say('What time is it now?');
    await client.until(() => calls().length === 1);
    const call = client.told.find(({ toolCall }) => toolCall !== undefined)?.toolCall?.functionCalls?.[0];
    assert.equal([call?.name, call?.args], ['look_up', { day_of_week: 'today' }]);
    const answer = { name: 'look_up', response: { time: 'nine' } };
    client.session.sendToolResponse({ functionResponses: { id: calls()[0] ?? '', ...answer } });
    await client.untilTurn(1);
    assert.is(client.words('outputTranscription'), 'It is nine.');

    await client.say('And what time is it now?');
    await client.until(() => calls().length === 2);
    const from = client.told.length;
    await client.say('No, wait a moment, please.', 0);
    await client.untilTurn(2);
    assert.equal(client.story(from), ['interrupted', 'toolCallCancellation', 'turnComplete']);
    const cancelled = client.told.flatMap(({ toolCallCancellation }) => toolCallCancellation?.ids ?? []);
    assert.equal(cancelled, calls().slice(1));
    // A result that was on its way meanwhile does no harm.
    client.session.sendToolResponse({ functionResponses: { id: calls()[1] ?? '', ...answer } });
    client.session.sendClientContent({ turns: 'Hello?' });
    await client.untilTurn(3);
    assert.is(server.stats.refusals, 0);
    client.session.close();
  }));

test('written turns: history, questions, words in the place of speech', () =>
  withServer({}, async (server) => {
    const client = await Client.connect(server, { outputAudioTranscription: {} });
    const turns = [
      { role: 'user', parts: [{ text: 'Good morning.' }] },
      { role: 'model', parts: [{ text: 'Good morning to you.' }] },
    ];
    client.session.sendClientContent({ turns, turnComplete: false });
    client.session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: 'Goodbye!' }] }] });
    await client.untilTurn(1);
    assert.is(client.words('outputTranscription'), 'Bye.');
    client.session.sendRealtimeInput({ text: 'goodbye' });
    await client.untilTurn(2);
    assert.is(client.words('outputTranscription'), 'Bye.Bye.');
    client.session.sendClientContent({});
    await client.untilTurn(3);
    assert.is(client.words('outputTranscription'), 'Bye.Bye.Are you there?');
    client.session.close();
  }));

test('a model of the third generation says words and audio in one message', () =>
  withServer({}, async (server) => {
    const client = await Client.connect(server, { outputAudioTranscription: {} }, { model: 'gemini-3.8-live' });
    client.session.sendRealtimeInput({ text: 'Greet the caller.' });
    await client.untilTurn(1);
    assert.is(client.words('outputTranscription'), 'Hello there. How are you?');
    assert.ok(Math.abs(client.audioMs() - (await durationMs('Hello there.', 'How are you?'))) < 2);
    const both = client.told.filter(({ serverContent: c }) => c?.modelTurn !== undefined && c.outputTranscription);
    assert.ok(both.length > 1);
    client.session.close();
  }));

test('a conversation goes on with its handle where it was, its open calls with it', () =>
  withServer({ dialogue: CALLING, handles: 'turns' }, async (server) => {
    const config = {
      ...{ sessionResumption: {}, outputAudioTranscription: {}, tools: [{ functionDeclarations: [LOOK_UP] }] },
      contextWindowCompression: { slidingWindow: { targetTokens: '1000' }, triggerTokens: '2000' },
    };
    const first = await Client.connect(server, config);
    await first.until(() => first.handle() !== '');
    await first.say('What time is it now?');
    await first.until((told) => told.some(({ toolCall }) => toolCall !== undefined));
    // While it is being answered there is no handle to go on with.
    assert.ok(first.told.some(({ sessionResumptionUpdate: update }) => update !== undefined && !update.resumable));
    const id = first.told.flatMap(({ toolCall }) => toolCall?.functionCalls ?? [])[0]?.id ?? '';
    server.dropConnections();
    assert.is((await first.closed).code, 1006);

    const second = await Client.connect(server, { ...config, sessionResumption: { handle: first.handle() } });
    second.session.sendToolResponse({ functionResponses: { id, name: 'look_up', response: { time: 'ten' } } });
    await second.untilTurn(1);
    assert.is(second.words('outputTranscription'), 'It is ten.');
    await second.until(() => second.handle() !== first.handle());
    assert.equal([server.stats.sessionsOpened, server.stats.sessionsResumed], [2, 1]);
    second.session.close();
  }));

test('a handle that nobody gave, or of too long ago', async () => {
  await withServer({}, async (server) => {
    const client = await Client.connect(server, { sessionResumption: { handle: 'made-up' } });
    assert.equal(await client.closed, { code: 1008, reason: 'BidiGenerateContent session not found' });
  });
  await withServer({ handleMs: 0 }, async (server) => {
    const first = await Client.connect(server, { sessionResumption: {} });
    await first.until(() => first.handle() !== '');
    first.session.close();
    await first.closed;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await Client.connect(server, { sessionResumption: { handle: first.handle() } });
    assert.is((await second.closed).code, 1008);
  });
});

test('a conversation whose connection has only just been lost', () =>
  withServer({ resumeAfterMs: 300 }, async (server) => {
    const first = await Client.connect(server, { sessionResumption: {} });
    await first.until(() => first.handle() !== '');
    server.dropConnections();
    await first.closed;
    const again = (): Promise<Client> => Client.connect(server, { sessionResumption: { handle: first.handle() } });
    assert.equal(await (await again()).closed, { code: 1011, reason: 'Internal error encountered.' });
    await new Promise((resolve) => setTimeout(resolve, 350));
    (await again()).session.close();
    assert.is(server.stats.sessionsResumed, 1);
  }));

test('a connection is told of its end, and ended', () =>
  withServer({ connectionMs: 200, goAwayMs: 150 }, async (server) => {
    const client = await Client.connect(server);
    await client.until((told) => told.some(({ goAway }) => goAway !== undefined));
    assert.is(client.told.find(({ goAway }) => goAway !== undefined)?.goAway?.timeLeft, '0.15s');
    assert.equal(await client.closed, { code: 1008, reason: 'The operation was aborted.' });
  }));

test('what breaks the rules closes the connection in the words of the service', () =>
  withServer({ key: 'the-right-one' }, async (server) => {
    const refusals: [string, LiveConnectConfig, Wish, number, RegExp][] = [
      ['a key', {}, { apiKey: 'another' }, 1007, /^API key not valid\. Please pass a valid API key\.$/],
      [
        'a model',
        {},
        { model: 'gemini-2.5-flash' },
        1008,
        /^models\/gemini-2\.5-flash is not found for API version v1beta/,
      ],
      ['text', { responseModalities: [Modality.TEXT] }, {}, 1007, /response modalities \(TEXT\) is not supported/],
      ['a voice', { speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Bob' } } } }, {}, 1007, /'Bob'/],
      [
        'what v1alpha alone has',
        { proactivity: { proactiveAudio: true } },
        {},
        1007,
        /^Invalid JSON payload received\. Unknown name "proactivity" at 'setup': Cannot find field\.$/,
      ],
      ['what Vertex AI alone has', { labels: { a: 'b' } }, {}, 1007, /Unknown name "labels" at 'setup'/],
    ];
    for (const [what, config, wish, code, reason] of refusals) {
      const client = await Client.connect(server, config, { apiKey: 'the-right-one', ...wish });
      const closed = await client.closed;
      assert.is(closed.code, code, what);
      assert.match(closed.reason, reason, what);
    }
    assert.is(server.stats.refusals, refusals.length);
    const wish = { apiKey: 'the-right-one', apiVersion: 'v1alpha' };
    const client = await Client.connect(server, { proactivity: { proactiveAudio: true } }, wish);
    client.session.sendRealtimeInput({ activityStart: {} });
    assert.match((await client.closed).reason, 'Explicit activity control is not supported');
  }));

test('the SDK reads text frames as well', () =>
  withServer({ frames: 'text' }, async (server) => {
    const client = await Client.connect(server);
    client.session.sendClientContent({ turns: 'Hello?' });
    await client.untilTurn(1);
    client.session.close();
  }));

test('every message is one that the vendor declares, and so is every field that is taken', () => {
  assert.equal(asDeclared({ setupComplete: {} }), { setupComplete: {} });
  assert.equal(Object.values(undeclared).flat(), []);
});

test.run();

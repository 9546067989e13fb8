/** What the embedded Gemini Live server refuses, its rules of time, and what goes wrong with it on purpose. What it says to a client of the vendor's: gemini-sdk.test.ts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { SystemClock } from '../../src/core/clock.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import type { DspPool } from '../../src/dsp/dsp.ts';
import { FERRY_OFFICE } from '../../src/simulator/dialogue.ts';
import { GeminiConversations } from '../../src/simulator/gemini-conversation.ts';
import type { GeminiServerFault, GeminiServerMessage } from '../../src/simulator/gemini-message.ts';
import { GeminiRefusal } from '../../src/simulator/gemini-refusal.ts';
import { readClientMessage } from '../../src/simulator/gemini-schema.ts';
import { GeminiServer } from '../../src/simulator/gemini-server.ts';
import type { GeminiServerOptions } from '../../src/simulator/gemini-server.ts';
import { GeminiServerSession } from '../../src/simulator/gemini-session.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { fc } from '../chance.ts';
import { until } from '../until.ts';

/** A tenth of a second of a tone for every sentence: no voice is needed here. */
const speech = {
  synthesize: () =>
    Promise.resolve({
      samples: Int16Array.from({ length: 1600 }, (_, n) => 8000 * Math.sin((2 * Math.PI * 440 * n) / 16_000)),
      sampleRateHz: 16_000,
    }),
};

const MODEL = 'models/gemini-2.5-flash-native-audio-latest';
const THIRD = 'models/gemini-3.8-live';
const SETUP = { setup: { model: MODEL } };
const GREET = { clientContent: { turns: [{ role: 'user', parts: [{ text: 'Greet me.' }] }], turnComplete: true } };

interface Rig {
  readonly clock: FakeClock;
  readonly pool: DspPool;
  readonly said: GeminiServerMessage[];
  readonly session: GeminiServerSession;
  /** The code and the reason of the close, or an empty text. */
  readonly ended: () => string;
  tell(message: unknown): void;
  /** Another connection to the same server. */
  again(): Promise<Rig>;
}

async function rig(clock = new FakeClock(), conversations = new GeminiConversations(7_200_000)): Promise<Rig> {
  const pool = await WasmDspPool.create({ size: 1 });
  const said: GeminiServerMessage[] = [];
  let ended = '';
  const session = new GeminiServerSession(
    {
      ...{ clock, dspPool: pool, speech, hearing: null, dialogue: FERRY_OFFICE, voice: 'rms' as const },
      ...{ thinkMs: 100, pieceMs: 100, speedUp: 4, sessionMs: 900_000, connectionMs: 600_000, goAwayMs: 60_000 },
      ...{ handles: 'turns' as const, waitsForPlayback: true },
      knowsModel: (model) => model === MODEL || model === THIRD,
      fault: () => null,
    },
    conversations,
    'v1beta',
    {
      send: (message) => said.push(message),
      end: ({ code, message }) => (ended = `${code} ${message}`),
      count: () => undefined,
    },
  );
  return {
    ...{ clock, pool, said, session },
    ended: () => ended,
    tell: (message) => session.receive(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))),
    again: () => rig(clock, conversations),
  };
}

/** Lets promises move. */
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

const audio = (fields: object): object => ({ realtimeInput: { audio: fields } });
const content = (...turns: unknown[]): object => ({ clientContent: { turns, turnComplete: true } });
const within = (setup: object): object => ({ setup: { model: MODEL, ...setup } });

const UNKNOWN = '1007 Invalid JSON payload received. Unknown name';
const INVALID = '1007 Request contains an invalid argument.';
const FIRST = '1007 setup must be the first message and only the first';

test('what is refused before anything is set up', async () => {
  const refused: [unknown, string][] = [
    ['', '1007 Invalid JSON payload received. Unexpected token.'],
    ['{"setup":', '1007 Invalid JSON payload received. Unexpected token.'],
    ['[]', '1007 Invalid value (TYPE_MESSAGE), []'],
    [{}, FIRST],
    [GREET, FIRST],
    [audio({ data: 'AAAA', mimeType: 'audio/pcm' }), FIRST],
    [{ Setup: { model: MODEL } }, `${UNKNOWN} "Setup": Cannot find field.`],
    [{ ...SETUP, ...GREET }, "1007 Invalid value (oneof), oneof field 'message_type' is already set."],
    [{ setup: {} }, '1008  is not found for API version v1beta'],
    [{ setup: { model: 'gemini-3.8-live' } }, '1008 gemini-3.8-live is not found for API version v1beta'],
    [{ setup: { model: 5 } }, "1007 Invalid value at 'setup.model' (TYPE_STRING), 5"],
    [{ setup: { model: [] } }, `${UNKNOWN} "model" at 'setup': Proto field is not repeating, cannot start list.`],
    [within({ speechConfig: {} }), `${UNKNOWN} "speechConfig" at 'setup': Cannot find field.`],
    [
      within({ generationConfig: { inputAudioTranscription: {} } }),
      `${UNKNOWN} "inputAudioTranscription" at 'setup.generation_config': Cannot find field.`,
    ],
    [
      within({ sessionResumption: { transparent: true } }),
      `${UNKNOWN} "transparent" at 'setup.session_resumption': Cannot find field.`,
    ],
    [within({ safetySettings: [] }), `${UNKNOWN} "safetySettings" at 'setup'`],
    [within({ generationConfig: { enableAffectiveDialog: true } }), `${UNKNOWN} "enableAffectiveDialog"`],
    [
      within({ tools: [{ functionDeclarations: [{ name: 'a', parameters: { additionalProperties: false } }] }] }),
      `${UNKNOWN} "additionalProperties" at 'setup.tools[0].function_declarations[0].parameters': Cannot find field.`,
    ],
    [
      within({ tools: [{ functionDeclarations: [{ name: 'a', parameters: { type: 'object' } }] }] }),
      "1007 Invalid value at 'setup.tools[0].function_declarations[0].parameters.type' (type.googleapis.com/",
    ],
    [
      within({ tools: [{ functionDeclarations: [{ name: '1a' }] }] }),
      '1007 setup.tools[0].function_declarations[0].name: Invalid function name.',
    ],
    [
      within({ tools: [{ functionDeclarations: [{ name: 'a' }, { name: 'a' }] }] }),
      '1007 setup.tools[0].function_declarations[1].name: Duplicate function declaration found: a',
    ],
    [within({ tools: {} }), "1007 Invalid value at 'setup.tools' (TYPE_LIST), {}"],
    [
      within({ realtimeInputConfig: { activityHandling: 'PERHAPS' } }),
      "1007 Invalid value at 'setup.realtime_input_config.activity_handling' (type.googleapis.com/",
    ],
    [
      within({ realtimeInputConfig: { automaticActivityDetection: { disabled: 'true' } } }),
      '1007 Invalid value at \'setup.realtime_input_config.automatic_activity_detection.disabled\' (TYPE_BOOL), "true"',
    ],
    [
      within({ realtimeInputConfig: { automaticActivityDetection: { silenceDurationMs: 0.5 } } }),
      "1007 Invalid value at 'setup.realtime_input_config.automatic_activity_detection.silence_duration_ms' (TYPE_INT32)",
    ],
    [within({ generationConfig: { responseModalities: ['AUDIO', 'TEXT'] } }), '1007 The requested combination'],
    [within({ sessionResumption: { handle: 'nobody' } }), '1008 BidiGenerateContent session not found'],
  ];
  for (const [message, reason] of refused) {
    const { tell, ended, clock } = await rig();
    tell(message);
    assert.is(ended().slice(0, reason.length), reason, JSON.stringify(message));
    assert.is(clock.pending, 0, 'nothing is left running');
  }
});

test('what is refused in a session', async () => {
  const refused: [unknown, string][] = [
    [SETUP, FIRST],
    [{}, INVALID],
    [audio({ data: '', mimeType: 'audio/mpeg' }), '1007 Unsupported audio format: audio/mpeg'],
    [audio({ data: 'AAAA' }), '1007 Unsupported audio format: '],
    [audio({ data: 'AAAA', mimeType: 'audio/pcm;rate=abc' }), '1007 Unsupported audio format'],
    [audio({ data: 'AAAA', mimeType: 'audio/pcm;rate=11025' }), '1007 Unsupported audio rate 11025'],
    [
      audio({ data: '!!!!', mimeType: 'audio/pcm' }),
      '1007 Invalid value at \'realtime_input.audio.data\' (TYPE_BYTES), Base64 decoding failed for "!!!!"',
    ],
    [audio({ data: 'AAAAA', mimeType: 'audio/pcm' }), "1007 Invalid value at 'realtime_input.audio.data' (TYPE_BYTES)"],
    [audio({ data: 'AA=', mimeType: 'audio/pcm' }), "1007 Invalid value at 'realtime_input.audio.data' (TYPE_BYTES)"],
    [audio({ data: [1, 2], mimeType: 'audio/pcm' }), `${UNKNOWN} "data" at 'realtime_input.audio'`],
    [
      { realtimeInput: { mediaChunks: [{ data: 'AAAA', mimeType: 'audio/pcm' }] } },
      '1007 realtime_input.media_chunks is deprecated. Use audio, video, or text instead.',
    ],
    [{ realtimeInput: { activityStart: {} } }, '1007 Explicit activity control is not supported when automatic'],
    [content({ role: 'system', parts: [{ text: 'x' }] }), '1007 Please use a valid role: user, model.'],
    [content({ role: 'user', parts: [] }), INVALID],
    [content({ role: 'user', parts: [{}] }), INVALID],
    [content({ role: 'user', parts: 'x' }), "1007 Invalid value at 'client_content.turns[0].parts' (TYPE_LIST)"],
    [content('x'), '1007 Invalid value at \'client_content.turns[0]\' (TYPE_MESSAGE), "x"'],
    [
      content({ role: 'user', parts: [{ text: 'x', inlineData: {} }] }),
      "1007 Invalid value at 'client_content.turns[0].parts[0]' (oneof), oneof field 'data' is already set.",
    ],
    [
      { contextUpdate: { tools: { tools: [{ functionDeclarations: [{}] }] } } },
      '1007 context_update.tools.tools[0].function_declarations[0].name: Invalid function name.',
    ],
    [{ contextUpdate: {}, realtimeInput: {} }, '1007 Invalid value (oneof)'],
    [{ toolResponse: { functionResponses: [] } }, INVALID],
    [{ toolResponse: { functionResponses: [{ id: 'nobody', name: 'x', response: {} }] } }, INVALID],
    [
      { toolResponse: { functionResponses: [{ id: 'x', name: 'x', response: 'done' }] } },
      '1007 Invalid value at \'tool_response.function_responses[0].response\' (TYPE_STRUCT), "done"',
    ],
  ];
  for (const [message, reason] of refused) {
    const { tell, ended } = await rig();
    tell(SETUP);
    assert.is(ended(), '');
    tell(message);
    assert.is(ended().slice(0, reason.length), reason, JSON.stringify(message));
  }
});

test('what is taken: both spellings, null for what is absent, either alphabet of base64, pictures', async () => {
  const { tell, ended, said } = await rig();
  tell({
    setup: {
      ...{ model: MODEL, system_instruction: { parts: [{ text: 'Be brief.' }] }, tools: null },
      generation_config: { response_modalities: ['AUDIO'], max_output_tokens: '100', temperature: 0.5 },
      realtimeInputConfig: { activityHandling: 'ACTIVITY_HANDLING_UNSPECIFIED' },
      contextWindowCompression: { triggerTokens: 100, slidingWindow: { targetTokens: '50' } },
    },
  });
  tell(audio({ data: 'AAAA', mimeType: 'audio/pcm' }));
  tell(audio({ data: '__-_', mime_type: 'audio/pcm; rate=8000' }));
  tell(audio({ data: '/w', mimeType: 'audio/pcm;rate=48000' }));
  tell({ realtimeInput: { audioStreamEnd: true, video: { data: 'AAAA', mimeType: 'image/jpeg' } } });
  assert.is(ended(), '');
  assert.equal(said, [{ setupComplete: {} }]);
});

test('whatever comes is taken or refused', () => {
  const names = ['setup', 'model', 'tools', 'realtime_input', 'audio', 'data', 'turns', 'parts', 'text', '__proto__'];
  const { tree } = fc.letrec<{ tree: unknown; object: unknown }>((tie) => ({
    tree: fc.oneof({ depthSize: 'medium' }, fc.jsonValue(), fc.array(tie('tree'), { maxLength: 3 }), tie('object')),
    object: fc.dictionary(fc.constantFrom(...names), tie('tree'), { maxKeys: 4 }),
  }));
  const take = (json: string): void => {
    try {
      readClientMessage(json, 'v1beta');
    } catch (error) {
      if (!(error instanceof GeminiRefusal)) throw error;
    }
  };
  fc.assert(fc.property(tree, (value) => take(JSON.stringify(value))));
  fc.assert(fc.property(fc.string(), take));
});

test('ten minutes, a word a minute before, and a quarter of an hour for all that is not compressed', async () => {
  const { clock, said, tell, ended, again } = await rig();
  tell(within({ sessionResumption: {} }));
  const update = said.at(-1);
  const handle = update !== undefined && 'sessionResumptionUpdate' in update ? update.sessionResumptionUpdate : {};
  clock.advance(539_999);
  assert.is(said.length, 2);
  clock.advance(1);
  assert.equal(said.at(-1), { goAway: { timeLeft: '60s' } });
  clock.advance(59_999);
  assert.is(ended(), '');
  clock.advance(1);
  assert.is(ended(), '1008 The operation was aborted.');
  assert.is(clock.pending, 0);

  const second = await again();
  second.tell(within({ sessionResumption: { handle: handle.newHandle } }));
  assert.equal(second.said[0], { setupComplete: {} });
  clock.advance(299_999);
  assert.is(second.ended(), '');
  clock.advance(1);
  assert.match(second.ended(), /^1007 The input token count exceeds/);

  clock.advance(7_200_001);
  const third = await again();
  third.tell(within({ sessionResumption: { handle: handle.newHandle } }));
  assert.is(third.ended(), '1008 BidiGenerateContent session not found');
});

test('nothing is said or held after the end, and the signal chain is given back', async () => {
  const { clock, said, tell, session, pool } = await rig();
  tell(SETUP);
  tell(GREET);
  session.close();
  session.close();
  const before = said.length;
  tell(GREET);
  await settle();
  clock.advance(60_000);
  await settle();
  assert.is(said.length, before);
  assert.is(clock.pending, 0);
  const leg = { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 } as const;
  pool.release(pool.acquire({ leg, backendInput: leg, backendOutput: leg }));
});

test('history in front of a conversation is not answered', async () => {
  const { clock, said, tell } = await rig();
  tell(within({ historyConfig: { initialHistoryInClientContent: true } }));
  tell({ realtimeInput: { text: 'Nobody hears this yet.' } });
  tell({ clientContent: { turns: [{ role: 'user', parts: [{ text: 'Hello?' }] }] } });
  tell({ clientContent: { turns: [{ role: 'model', parts: [{ text: 'Hello.' }] }], turnComplete: true } });
  await settle();
  assert.is(clock.pending, 2, 'nothing but the end of the connection and of the session');
  assert.is(said.length, 1);
  tell(GREET);
  await settle();
  assert.is(clock.pending, 3);
});

test('models of the third generation take written turns as history alone', async () => {
  const third = (more: object): object => ({ setup: { model: THIRD, ...more } });
  const fresh = await rig();
  fresh.tell(third({}));
  fresh.tell(GREET);
  assert.is(fresh.ended(), INVALID);
  const seeded = await rig();
  seeded.tell(third({ historyConfig: { initialHistoryInClientContent: true } }));
  seeded.tell(GREET);
  await settle();
  assert.is(seeded.clock.pending, 2, 'history is not answered');
  seeded.tell({ realtimeInput: { text: 'Greet me.' } });
  await settle();
  assert.is(seeded.clock.pending, 3, 'words in the conversation are');
  seeded.tell(GREET);
  assert.is(seeded.ended(), INVALID);
});

interface Heard {
  /** The first field of each message, or the frame itself where it is none. */
  readonly told: string[];
  readonly binary: readonly boolean[];
  readonly status: number | null;
  readonly body: string;
  readonly closed: string;
}

/** A client without any habits: all that came, in order, until `enough` of it did or the connection was gone. */
async function listen(
  options: Partial<GeminiServerOptions>,
  enough: (told: string[]) => boolean,
  { path, headers = {} }: { readonly path?: string; readonly headers?: Record<string, string> } = {},
): Promise<Heard> {
  const server = new GeminiServer({
    ...{ clock: new SystemClock(), speech, sessions: 1, speedUp: 50, thinkMs: 1, waitsForPlayback: false },
    ...options,
  });
  await server.listen();
  const heard = { told: [] as string[], binary: [] as boolean[], status: null as number | null, body: '', closed: '' };
  const url = path === undefined ? `${server.url}?key=k` : `ws://127.0.0.1:${server.port}${path}`;
  const socket = new WebSocket(url, { headers });
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer, isBinary) => {
      heard.binary.push(isBinary);
      heard.told.push(nameOf(data.toString('utf8')));
      if (heard.told.length === 1 && heard.told[0] === 'setupComplete') socket.send(JSON.stringify(GREET));
      if (enough(heard.told)) resolve();
    });
    socket.on('unexpected-response', (_request, response) => {
      heard.status = response.statusCode ?? 0;
      response.on('data', (part: Buffer) => (heard.body += part.toString('utf8')));
      response.on('end', () => resolve());
    });
    socket.on('error', () => resolve());
    socket.on('close', (code, reason) => {
      heard.closed = `${code} ${reason.toString('utf8')}`.trim();
      resolve();
    });
    socket.on('open', () => socket.send(Buffer.from(JSON.stringify(SETUP))));
    if (options.fault?.kind === 'mute' || options.fault?.kind === 'stalled-setup') setTimeout(resolve, 100);
  });
  socket.terminate();
  await server.close();
  return heard;
}

function nameOf(text: string): string {
  if (!text.startsWith('{\n')) return text;
  const [[name, value] = ['', null]] = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return name === 'serverContent' && typeof value === 'object' ? (Object.keys(value ?? {})[0] ?? name) : name;
}

const whole = (told: string[]): boolean => told.includes('turnComplete');

test('JSON in binary frames, or in text ones where that is wanted', async () => {
  const binary = await listen({}, whole);
  assert.equal(new Set(binary.binary), new Set([true]));
  assert.equal([...new Set(binary.told)], ['setupComplete', 'modelTurn', 'generationComplete', 'turnComplete']);
  const text = await listen({ frames: 'text' }, whole);
  assert.equal(new Set(text.binary), new Set([false]));
});

test('faults on purpose', async () => {
  const fault = (what: GeminiServerFault, enough = whole): Promise<Heard> => listen({ fault: what }, enough);
  const refused = await fault({ kind: 'refuse', status: 503 });
  assert.is(refused.status, 503);
  assert.match(refused.body, '"status":"UNAVAILABLE"');
  assert.equal((await fault({ kind: 'mute' })).told, []);
  assert.equal((await fault({ kind: 'stalled-setup' })).told, []);
  const silent = await fault({ kind: 'no-response' }, (told) => told.includes('setupComplete'));
  assert.equal(silent.told, ['setupComplete']);
  const dropped = await fault({ kind: 'drop', afterAudioMs: 50 });
  assert.is(dropped.closed, '1006');
  assert.ok(dropped.told.includes('modelTurn') && !whole(dropped.told));
  const startMs = performance.now();
  assert.ok(whole((await fault({ kind: 'slow', delayMs: 150 })).told));
  assert.ok(performance.now() - startMs > 290, 'setup and answer come late, both');
  const quota = await fault({ kind: 'quota' });
  assert.match(quota.closed, /^1011 You exceeded your current quota, please check your plan and billing details\./);
  assert.ok(Buffer.byteLength(quota.closed) <= 5 + 123, 'a closing frame has no room for more');
  const closed = await fault({ kind: 'close', code: 1011, reason: 'Internal error encountered.' });
  assert.equal([closed.told, closed.closed], [['setupComplete'], '1011 Internal error encountered.']);
  for (const frame of ['json', 'base64', 'bytes', 'empty', 'unknown-field', 'wrong-types'] as const) {
    const garbled = await fault({ kind: 'malformed', frame });
    assert.ok(garbled.told.some((told) => !/^\w+$/.test(told)) && whole(garbled.told), frame);
  }
});

test('who may come in: by the address or by a header, and what the others are told', async () => {
  const come = (path: string, headers = {}, options: Partial<GeminiServerOptions> = {}): Promise<Heard> =>
    listen({ key: 'right', ...options }, (told) => told.includes('setupComplete'), { path, headers });
  const of = (version: string): string =>
    `/ws/google.ai.generativelanguage.${version}.GenerativeService.BidiGenerateContent`;
  assert.equal((await come(`${of('v1beta')}?key=right`)).told, ['setupComplete']);
  assert.equal((await come(`/${of('v1beta')}?key=right`)).told, ['setupComplete']);
  assert.equal((await come(`${of('v1alpha')}?alt=json&key=right`)).told, ['setupComplete']);
  assert.equal((await come(of('v1beta'), { 'x-goog-api-key': 'right' })).told, ['setupComplete']);
  assert.is((await come(`${of('v1')}?key=right`)).status, 404);
  assert.is((await come(`${of('v1beta')}Constrained?key=right`)).status, 404);
  const wrong = `${of('v1beta')}?key=wrong`;
  assert.is((await come(wrong)).closed, '1007 API key not valid. Please pass a valid API key.');
  assert.match((await come(of('v1beta'))).closed, /^1008 Method doesn't allow unregistered callers/);
  const byStatus = { keyRefusal: 'http' } as const;
  const refused = await come(wrong, {}, byStatus);
  assert.is(refused.status, 400);
  assert.equal(JSON.parse(refused.body), {
    error: { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' },
  });
  assert.is((await come(of('v1beta'), {}, byStatus)).status, 403);
});

test('no more sessions than there may be, and a word to all that are there', async () => {
  const server = new GeminiServer({ clock: new SystemClock(), speech, sessions: 1, host: '127.0.0.1', port: 0 });
  await server.listen();
  const told: string[] = [];
  const first = new WebSocket(`${server.url}?key=k`);
  first.on('message', (data: Buffer) => told.push(data.toString('utf8')));
  await new Promise((resolve) => first.once('open', resolve));
  const second = new WebSocket(`${server.url}?key=k`);
  const code = await new Promise<number>((resolve) => second.once('close', resolve));
  assert.is(code, 1011);
  assert.equal([server.stats.sessions, server.stats.sessionsOpened, server.stats.refusals], [1, 1, 1]);
  first.send(JSON.stringify(SETUP));
  await until(() => told.length === 1, 'setup is answered');
  const closed = new Promise<string>((resolve) => first.once('close', (_code, why) => resolve(why.toString())));
  server.goAway(20);
  assert.is(await closed, 'The operation was aborted.');
  assert.equal(JSON.parse(told.at(-1) ?? ''), { goAway: { timeLeft: '0.02s' } });
  await server.close();
  await server.close();
});

test.run();

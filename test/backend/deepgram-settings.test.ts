/** The configuration of a Voice Agent and the `Settings` message it becomes, held against the vendor's declarations and documentation. */
import type { Deepgram } from '@deepgram/sdk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkDeepgramAgent,
  deepgramHeaders,
  deepgramSecrets,
  deepgramUrl,
} from '../../src/backend/deepgram-config.ts';
import type { DeepgramConfig } from '../../src/backend/deepgram-config.ts';
import type { DeepgramClientMessage } from '../../src/backend/deepgram-conversation.ts';
import {
  deepgramFormat,
  deepgramQuietMs,
  deepgramSettings,
  endsTurnsOnOrder,
} from '../../src/backend/deepgram-settings.ts';
import type { DeepgramSettings } from '../../src/backend/deepgram-settings.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { ClientMessage } from '../../src/simulator/deepgram-schema.ts';

const PCMU = { codec: 'pcmu', sampleRateHz: 8000 } as const;

/** Neither compiles when we could say what the vendor does not declare; `agent` is the operator's own, and judged below. */
const settingsAsDeclared = (message: DeepgramSettings): Omit<Deepgram.agent.AgentV1Settings, 'agent'> => message;
const messageAsDeclared = (
  message: DeepgramClientMessage,
):
  | Deepgram.agent.AgentV1InjectUserMessage
  | Deepgram.agent.AgentV1InjectAgentMessage
  | Deepgram.agent.AgentV1UpdatePrompt
  | Deepgram.agent.AgentV1ForceEndTurn
  | Deepgram.agent.AgentV1KeepAlive
  | Deepgram.agent.AgentV1SendFunctionCallResponse => message;

function config(more: Partial<DeepgramConfig> = {}): DeepgramConfig {
  return { apiKey: 'k', ...more };
}

function settings(more: Partial<DeepgramConfig> = {}, metadata: string | null = null): DeepgramSettings {
  checkDeepgramAgent(config(more));
  const message = deepgramSettings(config(more), PCMU, { metadata });
  const checked = ClientMessage.safeParse(JSON.parse(JSON.stringify(message)));
  assert.ok(checked.success, checked.error?.message ?? '');
  return message;
}

function refused(run: () => unknown): TalkspurtError {
  try {
    run();
  } catch (error) {
    return error as TalkspurtError;
  }
  throw new Error('nothing was refused');
}

test('the least that can be said', () => {
  assert.equal(settingsAsDeclared(settings()), {
    type: 'Settings',
    flags: { history: false },
    audio: {
      input: { encoding: 'mulaw', sample_rate: 8000 },
      output: { encoding: 'mulaw', sample_rate: 8000, container: 'none' },
    },
    agent: { think: { provider: { type: 'open_ai', model: 'gpt-4o-mini' } } },
  });
});

test('everything that has a key of its own', () => {
  const expected: Deepgram.agent.AgentV1Settings = {
    type: 'Settings',
    tags: ['shop'],
    flags: { history: false },
    mip_opt_out: true,
    audio: {
      input: { encoding: 'mulaw', sample_rate: 8000 },
      output: { encoding: 'mulaw', sample_rate: 8000, container: 'none' },
    },
    agent: {
      listen: { provider: { type: 'deepgram', version: 'v2', model: 'flux-general-en' } },
      speak: { provider: { type: 'deepgram', version: 'v1', model: 'aura-2-thalia-en' } },
      greeting: 'Hello!',
      think: {
        provider: { type: 'open_ai', model: 'gpt-5-mini' },
        prompt: 'Be brief.\n\nThe caller is a member.',
        functions: [
          {
            name: 'hang_up',
            description: 'Ends it',
            parameters: { type: 'object', properties: {} },
            defer_until_eot: true,
          },
        ],
      },
    },
  };
  assert.equal(
    settings(
      {
        ...{ listenModel: 'flux-general-en', voice: 'aura-2-thalia-en', greeting: 'Hello!', model: 'gpt-5-mini' },
        ...{ prompt: 'Be brief.', mipOptOut: true, tags: ['shop'] },
        tools: [{ name: 'hang_up', description: 'Ends it', deferUntilEndOfTurn: true }],
      },
      'The caller is a member.',
    ),
    expected,
  );
});

test("the operator's own agent goes through as it is; prompt and functions join every provider of its list", () => {
  const endpoint = { url: 'https://llm.example/v1', headers: { authorization: 'Bearer llm-secret-1' } };
  const listen = { provider: { type: 'deepgram', version: 'v1', model: 'nova-3', keyterms: ['talkspurt'] } };
  const { agent } = settings({
    ...{ prompt: 'Be kind.', tools: [{ name: 'f' }] },
    agent: {
      listen,
      context: { messages: [{ type: 'History', role: 'user', content: 'Hello.' }] },
      think: [
        { provider: { type: 'anthropic', model: 'claude' }, endpoint },
        { provider: { type: 'open_ai', model: 'gpt-4o-mini' } },
      ],
    },
  });
  const functions = [{ name: 'f', parameters: { type: 'object', properties: {} } }];
  assert.equal(agent, {
    listen,
    context: { messages: [{ type: 'History', role: 'user', content: 'Hello.' }] },
    think: [
      { provider: { type: 'anthropic', model: 'claude' }, endpoint, functions, prompt: 'Be kind.' },
      { provider: { type: 'open_ai', model: 'gpt-4o-mini' }, functions, prompt: 'Be kind.' },
    ],
  });
});

test('an agent that is configured at Deepgram is named, and nothing else', () => {
  assert.is(settings({ agent: 'b8dd8ab8' }, 'said with start').agent, 'b8dd8ab8');
});

test('audio: G.711 as it is, otherwise PCM of the leg up to 24 kHz', () => {
  const rates = [8000, 16000, 24000, 48000] as const;
  assert.equal(
    rates.map((sampleRateHz) => deepgramFormat({ codec: 'l16', sampleRateHz }).sampleRateHz),
    [8000, 16000, 24000, 24000],
  );
  assert.equal(deepgramFormat({ codec: 'pcma', sampleRateHz: 8000 }), { codec: 'pcma', sampleRateHz: 8000 });
  assert.equal(deepgramFormat({ codec: 'pcmu', sampleRateHz: 16000 }), { codec: 'l16', sampleRateHz: 16000 });
});

test('who can be told that a turn is over', () => {
  assert.is(endsTurnsOnOrder(config()), false);
  assert.is(endsTurnsOnOrder(config({ listenModel: 'nova-3' })), false);
  assert.is(endsTurnsOnOrder(config({ listenModel: 'flux-general-multi' })), true);
  assert.is(endsTurnsOnOrder(config({ agent: { listen: { provider: { version: 'v2' } } } })), true);
  assert.is(endsTurnsOnOrder(config({ agent: { listen: 'nonsense' } })), false);
});

test('a silence is long once it has ended every turn, as far as that is known', () => {
  // The vendor's figures: 5 s unless it is told otherwise, at most 60 s; and 700 ms in which it may hear later than we do.
  const flux = (eot_timeout_ms: unknown): DeepgramConfig['agent'] => ({ listen: { provider: { eot_timeout_ms } } });
  for (const [given, quietMs] of [
    [undefined, 5_700],
    [flux(undefined), 5_700],
    [flux(1_500), 2_200],
    [flux(30_000), 30_700],
    [flux('soon'), 5_700],
    [{ listen: 'nonsense' }, 5_700],
    ['b8dd8ab8-1b2c-4b40-a0bc-2d0b4c2b1a7e', 60_700],
  ] as const) {
    assert.is(deepgramQuietMs({ agent: given }), quietMs, JSON.stringify(given));
  }
});

test('what contradicts itself is refused, and says which keys', () => {
  const wrong: [Partial<DeepgramConfig>, RegExp][] = [
    [{ agent: 'id', voice: 'aura' }, /voice has to be set there/],
    [{ agent: '' }, /agent of backend 'deepgram' is empty/],
    [{ agent: { speak: {} }, voice: 'aura' }, /both voice and agent\.speak/],
    [{ agent: { listen: {} }, listenModel: 'nova-3' }, /both listenModel and agent\.listen/],
    [{ agent: { greeting: 'a' }, greeting: 'b' }, /both greeting and agent\.greeting/],
    [{ agent: { think: {} }, model: 'gpt' }, /both model and agent\.think/],
    [{ agent: { think: { prompt: 'a' } }, prompt: 'b' }, /both prompt and agent\.think\.prompt/],
    [{ agent: { think: [{ functions: [] }] }, tools: [] }, /both tools and agent\.think\.functions/],
    [{ agent: { think: 'gpt' } }, /neither an object nor a list/],
    [{ agent: { think: [] } }, /neither an object nor a list/],
    [{ prompt: 'x'.repeat(LIMITS.deepgramSettingsBytes) }, /bytes: at most/],
  ];
  for (const [more, why] of wrong) {
    const error = refused(() => checkDeepgramAgent(config(more)));
    assert.is(error.code, 'ERR_TALKSPURT_CONFIG_INVALID');
    assert.match(error.message, why);
  }
});

test('where it is dialled', () => {
  assert.is(deepgramUrl(config()).href, 'wss://agent.deepgram.com/v1/agent/converse');
  assert.is(deepgramUrl(config({ url: 'https://agent.eu.deepgram.com/v1/agent/converse' })).protocol, 'wss:');
  assert.is(deepgramUrl(config({ url: 'ws://127.0.0.1:9/x' })).href, 'ws://127.0.0.1:9/x');
  assert.is(deepgramUrl(config({ url: 'ws://far.example/x', allowPlaintext: true })).host, 'far.example');
  for (const url of ['nonsense', 'ftp://a/b', 'wss://user:secret-of-url@a/b', 'wss://a/b#c', 'ws://far.example/x']) {
    const error = refused(() => deepgramUrl(config({ url })));
    assert.is(error.code, 'ERR_TALKSPURT_CONFIG_INVALID');
    assert.not.match(error.message, 'secret-of-url');
  }
});

test('the key, and who needs none', () => {
  assert.equal(deepgramHeaders(config({ extraHeaders: { A: 'b' } })), { A: 'b', Authorization: 'Token k' });
  assert.equal(deepgramHeaders(config({ apiKey: '', url: 'ws://127.0.0.1/' })), {});
  const bearer = { Authorization: 'Bearer eyJ.a.b' };
  assert.equal(deepgramHeaders(config({ apiKey: '', extraHeaders: bearer })), bearer);
  assert.is(refused(() => deepgramHeaders(config({ apiKey: '' }))).code, 'ERR_TALKSPURT_SECRET_MISSING');
});

test('everything that is a secret, wherever it stands', () => {
  const secrets = deepgramSecrets(
    config({
      extraHeaders: { 'X-Key': 'header-1' },
      agent: {
        think: [{ endpoint: { url: 'https://a', headers: { authorization: 'Bearer llm-2' } } }],
        speak: { provider: { type: 'aws_polly', credentials: { secret_access_key: 'aws-3', region: 'eu' } } },
        listen: { provider: { keyterms: ['open'], api_key: 'key-4' } },
      },
    }),
  );
  for (const secret of ['k', 'header-1', 'Bearer llm-2', 'aws-3', 'key-4']) assert.ok(secrets.includes(secret), secret);
  assert.not.ok(secrets.includes('open'));
  assert.not.ok(secrets.includes('https://a'));
});

test('what we say is what the vendor declares, and what the embedded server takes', () => {
  const all: DeepgramClientMessage[] = [
    { type: 'KeepAlive' },
    { type: 'ForceEndTurn' },
    { type: 'UpdatePrompt', prompt: 'p' },
    { type: 'InjectUserMessage', content: 'c' },
    { type: 'InjectAgentMessage', message: 'm', behavior: 'queue' },
    { type: 'FunctionCallResponse', id: 'i', name: 'n', content: '{}', thought_signature: 's' },
  ];
  for (const message of all.map(messageAsDeclared)) assert.ok(ClientMessage.safeParse(message).success, message.type);
});

test.run();

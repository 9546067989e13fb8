/** The online check, against an HTTP server that answers as the REST interface does. */
import type { RequestListener } from 'node:http';
import type { Model } from 'openai/resources/models';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpenAiRealtimeConfig } from '../../src/backend/openai-config.ts';
import { probeOpenAi } from '../../src/backend/openai-probe.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { ManualClock } from './manual-clock.ts';
import { ScriptedServer } from './scripted-server.ts';

const SECRET = 'sk-very-secret-0123456789';

async function asking(
  onRequest: RequestListener,
  more: Partial<OpenAiRealtimeConfig> = {},
  options: Parameters<typeof probeOpenAi>[1] = {},
): Promise<unknown> {
  const server = await ScriptedServer.listen({ onRequest });
  const config = { model: 'gpt-realtime', apiKey: SECRET, baseUrl: `${server.baseUrl}?api-version=7`, ...more };
  try {
    return await probeOpenAi(config, { clock: new ManualClock(), ...options });
  } catch (error) {
    return error;
  } finally {
    await server.close();
  }
}

test('a key that reaches its model', async () => {
  let url = '';
  let authorization: string | undefined;
  let extra: unknown;
  const model: Model = { id: 'gpt-realtime', object: 'model', created: 1, owned_by: 'openai' };
  const found = await asking(
    (request, response) => {
      url = request.url ?? '';
      authorization = request.headers.authorization;
      extra = request.headers['x-extra'];
      response.setHeader('content-type', 'application/json').end(JSON.stringify(model));
    },
    { extraHeaders: { 'X-Extra': 'yes' } },
  );
  assert.equal(found, { model: 'gpt-realtime', ownedBy: 'openai', latencyMs: 0 });
  assert.is(url, '/v1/models/gpt-realtime?api-version=7');
  assert.is(authorization, `Bearer ${SECRET}`);
  assert.is(extra, 'yes');
});

test('a refusal: by status, asked once, with the code of the API and without the key', async () => {
  for (const [status, code] of [
    [401, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [403, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [404, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [429, 'ERR_TALKSPURT_BACKEND_REFUSED'],
    [500, 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ] as const) {
    let asked = 0;
    const error = (await asking((_request, response) => {
      asked += 1;
      const body = { error: { code: 'the_code', type: 'the_type', message: `Incorrect API key provided: ${SECRET}` } };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })) as TalkspurtError;
    assert.is(error.code, code);
    assert.is(error.details['apiCode'], 'the_code');
    assert.is(asked, 1);
    assert.not.match(JSON.stringify([error.message, error.stack, error.details]), SECRET);
    assert.is(error.cause, undefined);
  }
});

test('no answer, no server, no model in the answer, no key', async () => {
  const slow = (await asking(() => undefined, {}, { timeoutMs: 30 })) as TalkspurtError;
  assert.is(slow.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  const server = await ScriptedServer.listen();
  const baseUrl = server.baseUrl;
  await server.close();
  const gone = (await asking(() => undefined, { baseUrl })) as TalkspurtError;
  assert.is(gone.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  assert.is(gone.details['errno'], 'ECONNREFUSED');
  const cut = (await asking((request) => request.socket.destroy())) as TalkspurtError;
  assert.is(cut.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  for (const body of ['<html>', 'null', '{}', '[1]']) {
    const odd = (await asking(
      (_request, response) => void response.setHeader('content-type', 'application/json').end(body),
    )) as TalkspurtError;
    assert.is(odd.code, 'ERR_TALKSPURT_BACKEND_API', body);
  }
  const keyless = (await asking(() => undefined, { apiKey: '', baseUrl: undefined })) as TalkspurtError;
  assert.is(keyless.code, 'ERR_TALKSPURT_SECRET_MISSING');
});

test('aborted', async () => {
  const reason = new Error('enough');
  const stop = new AbortController();
  const ended = asking(() => stop.abort(reason), {}, { signal: stop.signal });
  assert.is(await ended, reason);
});

test.run();

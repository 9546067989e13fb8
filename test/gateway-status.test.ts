/** The API in front of a whole host, asked by clients that are not ours. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LevelPhone, withWholeHost } from './sim/whole-host.ts';

const READ = 'read-token-of-the-test';
const CONTROL = 'control-token-of-the-test';
const STATUS = { port: 0, readToken: READ, controlToken: CONTROL, personalData: true };
const CURL = spawnSync('curl', ['--version']).status === 0;

test('a call is started, seen, ordered and stopped over HTTP', () =>
  withWholeHost({ config: { status: STATUS } }, async ({ fs, runtime, events, settle }) => {
    const base = `http://127.0.0.1:${runtime.statusPort ?? 0}/api`;
    const ask = async (path: string, body?: object): Promise<{ status: number; answer: Record<string, never> }> => {
      const response = await fetch(`${base}/${path}`, {
        headers: { authorization: `Bearer ${body === undefined ? READ : CONTROL}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      });
      return { status: response.status, answer: (await response.json()) as Record<string, never> };
    };
    const phone = new LevelPhone();
    const { uuid } = fs.createCall({ phone });
    const stream = await fetch(`${base}/events?levels=true`, { headers: { authorization: `Bearer ${READ}` } });
    const text: string[] = [];
    const reading = (async () => {
      for await (const chunk of stream.body ?? []) text.push(Buffer.from(chunk as Uint8Array).toString());
    })().catch((error: unknown) => text.push(String(error)));

    const missing = await ask(`calls/${uuid}/start`, { target: 'nobody' });
    assert.equal([missing.status, missing.answer['error']?.['code']], [400, 'ERR_TALKSPURT_UNKNOWN_PROFILE']);
    assert.equal(await ask(`calls/${uuid}/start`, { target: 'p' }), {
      status: 200,
      answer: { ok: true, verb: 'start', result: 'Success' },
    });
    assert.is((await ask(`calls/${uuid}/start`, { target: 'p' })).status, 409);

    const { answer } = await ask(`calls/${uuid}`);
    assert.is(answer['call']?.['session_uuid'], uuid);
    assert.type(answer['call']?.['from'], 'string');
    assert.ok((answer['timeline'] as unknown as { type: string }[]).some(({ type }) => type === 'media.opened'));
    assert.is((await ask('calls')).answer['total'], 1);

    assert.is((await ask(`calls/${uuid}/hold`, {})).status, 200);
    assert.equal((await ask(`calls/${uuid}`)).answer['call']?.['orders'], ['hold']);
    assert.is((await ask(`calls/${uuid}/hold`, { on: false })).status, 200);
    assert.is((await ask(`calls/${uuid}/say`, { text: 'All is well.' })).status, 200);
    await settle(() => phone.heardFrames > 20, 'the caller hears it');
    assert.is((await ask(`calls/${uuid}/stop`, {})).status, 200);
    await settle(() => text.join('').includes('event: call.ended'), 'the stream told of the end');
    for (const part of ['event: levels', '"turn"', 'event: media.opened', `"call":"${uuid}"`]) {
      assert.ok(text.join('').includes(part), part);
    }
    assert.is((await ask(`calls/${uuid}`)).status, 404);
    assert.is((await ask(`calls/${uuid}/say`, { text: 'x' })).status, 404);
    const told = events.filter((event) => event.type === 'command');
    assert.equal(
      told.map(({ front, verb, ok }) => [front, verb, ok]),
      [
        ['http', 'start', false],
        ['http', 'start', true],
        ['http', 'start', false],
        ['http', 'hold', true],
        ['http', 'hold', true],
        ['http', 'say', true],
        ['http', 'stop', true],
        ['http', 'say', false],
      ],
    );
    assert.is((await ask('reload', {})).status, 409);
    assert.is((await ask('drain', { seconds: 0 })).status, 200);
    const ready = await fetch(`http://127.0.0.1:${runtime.statusPort ?? 0}/health/ready`);
    assert.equal([ready.status, ((await ready.json()) as { reasons: string[] }).reasons], [503, ['draining']]);
    assert.is((await ask(`calls/${uuid}/start`, { target: 'p' })).status, 503);
    void reading;
  }));

test('breakers of backends, of the voices that speak for them and of hosts that commands named are shown, and in health', () => {
  const spoken = { kind: 'openai', baseUrl: 'ws://127.0.0.1:1/v1', apiKey: 'k', speech: { engine: 'embedded' } };
  const backends = { ai: { kind: 'embedded' }, spoken };
  return withWholeHost({ config: { status: STATUS, backends } }, async ({ fs, runtime, ask }) => {
    const { uuid } = fs.createCall({ phone: new LevelPhone() });
    const refused: string[] = [];
    for (let n = 0; n < 6; n += 1)
      refused.push(await ask(`uuid_audio_stream ${uuid} start ws://127.0.0.1:1/call-${n}`));
    assert.match(refused[4] ?? '', /^-ERR .*ERR_TALKSPURT_BACKEND_REFUSED/);
    assert.match(refused[5] ?? '', /^-ERR .*ERR_TALKSPURT_BACKEND_BREAKER_OPEN/);
    const base = `http://127.0.0.1:${runtime.statusPort ?? 0}`;
    const headers = { authorization: `Bearer ${READ}` };
    const { breakers } = (await (await fetch(`${base}/api/breakers`, { headers })).json()) as {
      breakers: { name: string; state: string }[];
    };
    const states = new Map(breakers.map(({ name, state }) => [name.replace(/:[0-9a-f]{8}:/, ':'), state]));
    assert.is(states.get('ai:connection'), 'closed');
    assert.is(states.get('spoken:speech'), 'closed');
    assert.is(states.get('stream:127.0.0.1:1:connection'), 'open');
    const health = (await (await fetch(`${base}/health`)).json()) as { breakers: { name: string }[] };
    assert.equal(
      health.breakers.map(({ name }) => name),
      breakers.map(({ name }) => name),
    );
  });
});

if (CURL) {
  test('curl: the page, its files, and the API as docs/http-api.md says', () =>
    withWholeHost({ config: { status: STATUS } }, async ({ runtime }) => {
      const base = `http://localhost:${runtime.statusPort ?? 0}`;
      const curl = async (...args: string[]): Promise<string> =>
        (await promisify(execFile)('curl', ['-sS', '--max-time', '10', ...args])).stdout;
      assert.match(await curl(`${base}/`), /<title>talkspurt live<\/title>/);
      const head = await curl('-I', `${base}/page/live.js`);
      assert.match(head, /^HTTP\/1\.1 200 /);
      assert.match(head, /content-type: text\/javascript/i);
      assert.match(head, /content-security-policy: default-src 'none'; script-src 'self'/i);
      assert.match(await curl('-H', `Authorization: Bearer ${READ}`, `${base}/api/calls`), /^\{"ok":true,"calls":\[\]/);
      assert.match(await curl('-o', '-', '-w', '%{http_code}', `${base}/api/calls`), /unauthorized.*401$/s);
      assert.match(
        await curl(
          '-H',
          `Authorization: Bearer ${CONTROL}`,
          '--json',
          '{"target":"p"}',
          `${base}/api/calls/nobody/start`,
        ),
        /ERR_TALKSPURT_UNKNOWN_CALL/,
      );
      assert.is(
        await curl('-X', 'POST', '-o', '/dev/null', '-w', '%{http_code}', `${base}/page/../api/drain`, '--path-as-is'),
        '404',
      );
    }));
} else process.stdout.write('skipped: curl is not installed here\n');

test.run();

import { request as httpRequest } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CallJson } from '../../src/http/call-json.ts';
import { latencyJson } from '../../src/http/call-json.ts';
import { CALL_COMMANDS } from '../../src/http/command-bodies.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import { sessionHealthSchema } from '../../src/observe/health-schema.ts';
import { session } from '../observe/session-snapshot.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { CONTROL, errorOf, serving } from './status-rig.ts';
import type { Served } from './status-rig.ts';

const ID = session().callId;

interface Page {
  readonly calls: readonly CallJson[];
  readonly total: number;
  readonly next: string | null;
}

async function page({ ask }: Served, query = ''): Promise<Page> {
  const response = await ask(`/api/calls${query}`, { scope: 'read' });
  assert.is(response.status, 200, query);
  return (await response.json()) as Page;
}

async function order({ ask }: Served, path: string, body?: unknown): Promise<Response> {
  return await ask(`/api/${path}`, {
    method: 'POST',
    scope: 'control',
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
}

test('the list is paged by id and filtered; calls that come and go hide no other', () =>
  serving({}, async (served) => {
    const ids = ['d', 'a', 'c', 'e', 'b'];
    served.source.calls = ids.map((callId) =>
      session({
        callId,
        profile: callId < 'c' ? 'sales' : 'desk',
        switchName: 's',
        state: callId === 'e' ? 'ending' : 'talking',
      }),
    );
    const first = await page(served, '?limit=2');
    assert.equal([first.calls.map((call) => call.session_uuid), first.total, first.next], [['a', 'b'], 5, 'b']);
    served.source.calls = served.source.calls.filter(({ callId }) => callId !== 'b');
    const second = await page(served, `?limit=2&after=${first.next ?? ''}`);
    assert.equal([second.calls.map((call) => call.session_uuid), second.next], [['c', 'd'], 'd']);
    const last = await page(served, '?limit=2&after=d');
    assert.equal([last.calls.map((call) => call.session_uuid), last.next], [['e'], null]);
    assert.is((await page(served, '?state=talking')).total, 3);
    assert.is((await page(served, '?state=ENDING&switch=s')).total, 1);
    assert.is((await page(served, '?profile=sales')).total, 1);
    assert.is((await page(served, '?switch=other')).total, 0);
    assert.is((await page(served, '?health=healthy')).total, 4);
    assert.is((await page(served, '?health=unhealthy')).total, 0);
  }));

test('a query that is not known or not valid names its field', () =>
  serving({}, async ({ ask }) => {
    const faults = {
      'calls?limit=0': 'limit',
      [`calls?limit=${LIMITS.httpPageCallsMaximum + 1}`]: 'limit',
      'calls?limit=x': 'limit',
      'calls?state=asleep': 'state',
      'calls?healthy=1': 'healthy',
      'calls?limit=1&limit=2': 'limit',
      'events?levels=yes': 'levels',
      'system?x=1': 'x',
    };
    for (const [path, field] of Object.entries(faults)) {
      const response = await ask(`/api/${path}`, { scope: 'read' });
      assert.is(response.status, 400, path);
      const error = await errorOf(response);
      assert.equal([error.code, error.field], ['bad-field', field]);
    }
  }));

test('a call is its health, its latencies, and its timeline until it ends; numbers only where they may be shown', async () => {
  for (const personalData of [false, true]) {
    await serving({ clock: new FakeClock(), personalData }, async ({ ask, server }) => {
      const said: TalkspurtEvent[] = [
        { type: 'turn.state', state: 'thinking', previous: 'caller-speaking', callId: ID, atMs: 900 },
        { type: 'dtmf', digit: '7', durationMs: 100, callId: ID, atMs: 950 },
        { type: 'draining', calls: 1, atMs: 960 },
      ];
      for (const event of said) server.emit(event);
      const response = await ask(`/api/calls/${ID}`, { scope: 'read' });
      const { call, timeline, at } = (await response.json()) as { call: CallJson; timeline: object[]; at: string };
      const { latency, from, to, ...health } = call;
      sessionHealthSchema.parse(health);
      assert.equal(latency, { answers: 2, last_ms: 641, p50_ms: 641, p95_ms: 812 });
      assert.equal([from, to], personalData ? ['<img src=x onerror=alert(1)> 4711', '100'] : [null, null]);
      assert.is(at, '2023-11-14T22:13:21.000Z');
      assert.equal(timeline, [
        {
          type: 'turn.state',
          at: '2023-11-14T22:13:20.900Z',
          call: ID,
          state: 'thinking',
          previous: 'caller-speaking',
        },
        { type: 'dtmf', at: '2023-11-14T22:13:20.950Z', call: ID, durationMs: 100 },
      ]);
      for (let n = 0; n < LIMITS.httpTimelineMoments + 5; n += 1) server.emit(said[0]!);
      const full = (await (await ask(`/api/calls/${ID}`, { scope: 'read' })).json()) as { timeline: object[] };
      assert.is(full.timeline.length, LIMITS.httpTimelineMoments);
      server.emit({ type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1, callId: ID, atMs: 999 });
      const after = (await (await ask(`/api/calls/${ID}`, { scope: 'read' })).json()) as { timeline: object[] };
      assert.equal(after.timeline, []);
      assert.is((await ask('/api/calls/nobody', { scope: 'read' })).status, 404);
    });
  }
});

test('percentiles are those of the nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(latencyJson(hundred), { answers: 100, last_ms: 1, p50_ms: 50, p95_ms: 95 });
  assert.equal(latencyJson([]), { answers: 0, last_ms: null, p50_ms: null, p95_ms: null });
  assert.equal(latencyJson([7.4]), { answers: 1, last_ms: 7, p50_ms: 7, p95_ms: 7 });
});

test('the process: health, breakers, what it costs, and what a token may do', async () => {
  const clock = new FakeClock();
  await serving({ clock }, async ({ ask }) => {
    const read = async (path: string): Promise<Record<string, Record<string, unknown>>> =>
      (await (await ask(`/api/${path}`, { scope: 'read' })).json()) as Record<string, Record<string, unknown>>;
    assert.is((await read('health'))['health']?.['version'], '1.2.3');
    assert.equal((await read('breakers'))['breakers'], [
      { name: 'ai:connection', state: 'open', retry_in_ms: 1235, last_reason: 'ERR_TALKSPURT_BACKEND_AUTH' },
    ]);
    // The loop stood still for a while.
    clock.stall(LIMITS.loopSampleMs + 250);
    const { system = {} } = await read('system');
    assert.equal(
      [system['calls'], system['call_limit'], system['ticks'], system['late_ticks'], system['late_tick_pct']],
      [1, 2, 1000, 10, 1],
    );
    assert.equal([system['loop_lag_ms'], system['loop_lag_worst_ms']], [250, 250]);
    assert.ok(Number(system['rss_bytes']) > 1_000_000);
    clock.advance(LIMITS.loopSampleMs);
    const later = await read('system');
    assert.equal([later['system']?.['loop_lag_ms'], later['system']?.['loop_lag_worst_ms']], [0, 250]);
    const access = (await (await ask('/api/access', { scope: 'control' })).json()) as object;
    assert.equal(access, { ok: true, scope: 'control', personal_data: false, version: '1.2.3' });
  });
});

/** Each command of the API, and what it comes to. */
const COMMANDS: readonly [path: string, body: unknown, command: object][] = [
  [
    'start',
    { target: 'reception' },
    {
      verb: 'start',
      target: { kind: 'profile', name: 'reception' },
      options: { mix: 'mono', sampleRateHz: null, metadata: null },
    },
  ],
  [
    'start',
    { target: 'ws://h/x?y', mix: 'stereo', rate_hz: 16000, metadata: { a: ';; \n\u2028', b: [1] } },
    {
      verb: 'start',
      target: { kind: 'url', url: 'ws://h/x?y' },
      options: { mix: 'stereo', sampleRateHz: 16000, metadata: String.raw`{"a":"\u003b; \n\u2028","b":[1]}` },
    },
  ],
  ['stop', undefined, { verb: 'stop', metadata: null }],
  ['stop', { metadata: "it's over" }, { verb: 'stop', metadata: "it's over" }],
  ['say', { text: "'quoted'\nand more" }, { verb: 'say', text: "'quoted' and more" }],
  ['text', { text: 'mono 8k attended' }, { verb: 'send_text', text: 'mono 8k attended' }],
  ['send_text', { text: 'x' }, { verb: 'send_text', text: 'x' }],
  [
    'json',
    { message: { type: 'a b', list: [1, ';;;'] } },
    { verb: 'send_json', json: '{"type":"a b","list":[1,";;;"]}' },
  ],
  ['send_json', { message: [1] }, { verb: 'send_json', json: '[1]' }],
  ['interrupt', {}, { verb: 'break' }],
  ['break', undefined, { verb: 'break' }],
  ['mute', undefined, { verb: 'mute', who: 'user' }],
  ['unmute', { who: 'all' }, { verb: 'unmute', who: 'all' }],
  ['hold', undefined, { verb: 'hold', on: true }],
  ['hold', { on: false }, { verb: 'hold', on: false }],
  ['mask', { on: true }, { verb: 'mask', on: true }],
  ['record', { on: false }, { verb: 'record', on: false }],
  ['pause', undefined, { verb: 'pause' }],
  ['resume', undefined, { verb: 'resume' }],
  ['play', { source: 'a file.wav' }, { verb: 'play', source: 'a file.wav' }],
  ['dtmf', { digits: '12w#' }, { verb: 'dtmf', digits: '12w#' }],
  ['switch', { backend: 'other' }, { verb: 'switch', backend: 'other' }],
  ['transfer', { destination: '100' }, { verb: 'transfer', destination: '100', attended: false }],
  [
    'transfer',
    { destination: '100', context: 'attended', attended: true },
    { verb: 'transfer', destination: '100 XML attended', attended: true },
  ],
  ['hangup', undefined, { verb: 'hangup', cause: 16 }],
  ['hangup', { cause: 17 }, { verb: 'hangup', cause: 17 }],
  ['hangup', { cause: 'user_busy' }, { verb: 'hangup', cause: 17 }],
  ['whisper', { to: 'both' }, { verb: 'whisper', to: 'both' }],
  ['graceful-shutdown', undefined, { verb: 'graceful-shutdown' }],
];

test('every command of the grammar for a call can be given as JSON', () =>
  serving({}, async (served) => {
    for (const [path, body, command] of COMMANDS) {
      served.source.commands.length = 0;
      const response = await order(served, `calls/${ID}/${path}`, body);
      assert.is(response.status, 200, `${path} ${await response.clone().text()}`);
      assert.equal(served.source.commands, [{ ...command, uuid: ID }] as unknown, path);
      const answer = (await response.json()) as object;
      assert.equal(answer, { ok: true, verb: (command as { verb: string }).verb, result: 'Success' });
    }
    assert.equal(new Set(COMMANDS.map(([path]) => path)), new Set(Object.keys(CALL_COMMANDS)), 'none was left out');
  }));

test('commands to the process', () =>
  serving({}, async (served) => {
    served.source.reply = '+OK draining, calls: 3\n';
    const drain = await order(served, 'drain', { seconds: 5 });
    assert.equal(await drain.json(), { ok: true, verb: 'drain', result: 'draining, calls: 3' });
    assert.is((await order(served, 'reload')).status, 200);
    assert.is((await order(served, 'originate', { switch: 'pbx', endpoint: 'PJSIP/a', profile: 'p' })).status, 200);
    assert.is((await order(served, 'drain')).status, 200);
    assert.equal(served.source.commands, [
      { verb: 'drain', seconds: 5 },
      { verb: 'reload' },
      { verb: 'originate', switchName: 'pbx', endpoint: 'PJSIP/a', profile: 'p' },
      { verb: 'drain', seconds: null },
    ]);
  }));

test('what is wrong with a command names its field, and nothing is carried out', () =>
  serving({}, async (served) => {
    const faults: [path: string, body: unknown, field: string | undefined][] = [
      ['say', undefined, 'text'],
      ['say', { text: 5 }, 'text'],
      ['say', { text: '   ' }, 'text'],
      ['say', { text: 'a', voice: 'b' }, 'voice'],
      ['say', { text: 'a;;b' }, 'text'],
      ['say', { text: 'x'.repeat(LIMITS.commandMetadataBytes + 1) }, 'text'],
      ['say', 'text', ''],
      ['say', [], ''],
      ['start', { target: 'p mixed' }, 'target'],
      ['start', { target: 'http://x' }, 'target'],
      ['start', { target: 'ws://u:p@x' }, 'target'],
      ['start', { target: 'p', rate_hz: 44100 }, 'rate_hz'],
      ['start', { target: 'p', mix: 'both' }, 'mix'],
      ['dtmf', { digits: '1 2' }, 'digits'],
      ['dtmf', { digits: 'x' }, 'digits'],
      ['transfer', { destination: '100 XML default' }, 'destination'],
      ['transfer', { destination: '&app(x)' }, 'destination'],
      ['hangup', { cause: 0 }, 'cause'],
      ['hangup', { cause: 'NO_SUCH' }, 'cause'],
      ['mute', { who: 'nobody' }, 'who'],
      ['hold', { on: 'yes' }, 'on'],
      ['json', { message: 'text' }, 'message'],
      ['whisper', {}, 'to'],
    ];
    for (const [path, body, field] of faults) {
      const response = await order(served, `calls/${ID}/${path}`, body);
      assert.is(response.status, 400, `${path} ${JSON.stringify(body)?.slice(0, 60)}`);
      const error = await errorOf(response);
      assert.equal([error.code, error.field], ['bad-field', field], `${path} ${JSON.stringify(body)?.slice(0, 60)}`);
    }
    assert.is((await order(served, 'drain', { seconds: -1 })).status, 400);
    assert.is((await order(served, 'originate', { switch: 'a', endpoint: 'no-slash', profile: 'p' })).status, 400);
    assert.equal(served.source.commands, []);
  }));

test('an id that means something to the grammar is no call, and no command comes of it', () =>
  serving({}, async (served) => {
    for (const id of [
      'drain',
      'reload',
      'list',
      'originate',
      'uuid_audio_stream%20drain',
      'a%20say',
      '%0adrain',
      '..',
      '*',
      '-x',
    ]) {
      const response = await order(served, `calls/${id}/stop`);
      assert.ok(response.status >= 400 && response.status < 500, `${id}: ${response.status}`);
    }
    assert.equal(served.source.commands, []);
    // A channel may be called so all the same.
    assert.is((await order(served, 'calls/uuid_audio_stream/stop')).status, 200);
    assert.equal(served.source.commands, [{ verb: 'stop', uuid: 'uuid_audio_stream', metadata: null }]);
    const unknown = await order(served, `calls/${ID}/explode`);
    assert.equal([unknown.status, (await errorOf(unknown)).code], [404, 'not-found']);
    assert.is((await order(served, `calls/${ID}/constructor`)).status, 404);
  }));

test('what an id cannot be is no call, and a body of many levels is refused before anything recurses into it', () =>
  serving({}, async ({ ask, source }) => {
    const headers = { 'content-type': 'application/json' };
    for (const id of ['a%00b', 'a;;b', '%1b', 'list', 'global_health']) {
      const answer = await ask(`/api/calls/${id}/stop`, { method: 'POST', scope: 'control', headers, body: '{}' });
      assert.is(answer.status, 404, id);
      assert.is((await errorOf(answer)).code, 'ERR_TALKSPURT_UNKNOWN_CALL');
    }
    for (const [levels, status] of [
      [LIMITS.httpBodyDepth - 1, 200],
      [LIMITS.httpBodyDepth, 400],
      [16_000, 400],
    ] as const) {
      for (const [begin, end] of [
        ['[', ']'],
        ['{"":', '}'],
      ] as const) {
        if (levels * begin.length > 30_000) continue;
        const body = `{"message":${begin.repeat(levels)}${begin === '[' ? '' : '1'}${end.repeat(levels)}}`;
        const answer = await ask(`/api/calls/${session().callId}/json`, {
          method: 'POST',
          scope: 'control',
          headers,
          body,
        });
        assert.is(answer.status, status, `${levels} levels`);
        if (status === 400) assert.is((await errorOf(answer)).code, 'bad-request');
      }
    }
    assert.is(source.commands.length, 2);
  }));

test('a body is JSON, says so, and has its bound, declared or not', () =>
  serving({}, async (served) => {
    const say = async (init: RequestInit): Promise<Response> =>
      await served.ask(`/api/calls/${ID}/say`, { method: 'POST', scope: 'control', ...init });
    const json = { 'content-type': 'application/json' };
    assert.is((await say({ body: '{"text":"a"}', headers: { 'content-type': 'text/plain' } })).status, 415);
    assert.is((await say({ body: '{"text":"a"}', headers: { ...json, 'content-encoding': 'gzip' } })).status, 415);
    assert.is((await say({ body: '{"text":"a"', headers: json })).status, 400);
    assert.is((await say({ body: new Uint8Array([0x22, 0xff, 0x22]), headers: json })).status, 400);
    assert.is(
      (await say({ body: '{"text":"a"}', headers: { 'content-type': 'application/json; charset=utf-8' } })).status,
      200,
    );
    const large = JSON.stringify({ text: 'x'.repeat(LIMITS.httpBodyBytes) });
    const declared = await say({ body: large, headers: json });
    assert.equal([declared.status, (await errorOf(declared)).code], [413, 'body-too-large']);
    assert.is(await chunked(served.port, large), 413);
    assert.is(await chunked(served.port, '{"text":"a"}'), 200);
    assert.is(served.source.commands.length, 2);
  }));

/** The status of a `say` whose body's length is not declared. */
function chunked(port: number, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: `/api/calls/${ID}/say`,
        agent: false,
        headers: {
          authorization: `Bearer ${CONTROL}`,
          'content-type': 'application/json',
          'transfer-encoding': 'chunked',
        },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    request.on('error', reject);
    for (let from = 0; from < body.length; from += 4_000) request.write(body.slice(from, from + 4_000));
    request.end();
  });
}

test.run();

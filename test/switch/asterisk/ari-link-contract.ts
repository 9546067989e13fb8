/** What every implementation of an ARI link has to pass: the port's promises, against a peer that keeps none of its own. */
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { AriEvent, AriInfo, AriLink } from '../../../src/switch/asterisk/ari-link.ts';
import type { AriLinkOptions } from '../../../src/switch/asterisk/ari-native-link.ts';
import { HandClock } from '../freeswitch/hand-clock.ts';
import { ScriptedAri } from './scripted-ari.ts';

export type MakeLink = (options: AriLinkOptions) => AriLink | Promise<AriLink>;

/** Where implementations may differ, because of what they are made on. */
export interface Traits {
  /** Requests go by the WebSocket where the server takes them. */
  readonly requestsBySocket: boolean;
  /** The password travels only in headers. */
  readonly passwordInHeaders: boolean;
}

/** Of links over the `ari-client` package. */
export const PACKAGE_TRAITS: Traits = { requestsBySocket: false, passwordInHeaders: false };

const PASSWORD = 'S3cret-of-the-switch';

export interface Bench {
  readonly peer: ScriptedAri;
  readonly link: AriLink;
  readonly clock: HandClock;
  readonly events: AriEvent[];
  readonly ups: AriInfo[];
  readonly downs: { error: TalkspurtError; retryInMs: number }[];
  readonly faults: TalkspurtError[];
  /** Starts, and lets sockets move until the first attempt is decided. */
  readonly start: () => Promise<void>;
  /** Once the link is down: moves to the next attempt, and waits until it is up. */
  readonly upAgain: () => Promise<void>;
}

/** Lets sockets, threads and promises move until `condition` holds. @throws Error when it does not come to hold */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 8_000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`did not happen: ${what}`);
}

export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as TalkspurtError).code,
  );

/** One link and its peer, which both are gone afterwards, and nothing else is left. */
export async function bench(
  make: MakeLink,
  run: (bench: Bench) => Promise<void>,
  given: Partial<AriLinkOptions> & { onEvent?: (event: AriEvent) => void } = {},
): Promise<void> {
  const { onEvent, ...options } = given;
  const peer = new ScriptedAri();
  const port = await peer.listen();
  const clock = new HandClock();
  const link = await make({
    name: 'ast1',
    host: '127.0.0.1',
    port,
    username: 'test',
    password: 'test',
    app: 'talkspurt',
    clock,
    ...options,
  });
  const [events, ups, downs, faults]: [AriEvent[], AriInfo[], Bench['downs'], TalkspurtError[]] = [[], [], [], []];
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  try {
    await run({
      peer,
      link,
      clock,
      events,
      ups,
      downs,
      faults,
      start: () =>
        link.start({
          onUp: (info) => ups.push(info),
          onDown: (error, retryInMs) => downs.push({ error, retryInMs }),
          onEvent: (event) => {
            events.push(event);
            onEvent?.(event);
          },
          onFault: (error) => faults.push(error),
        }),
      upAgain: async () => {
        const before = ups.length;
        let failures = 0;
        await until(() => {
          if (downs.length > failures) clock.advance(downs.at(-1)!.retryInMs + 1);
          failures = downs.length;
          return ups.length > before;
        }, 'up again');
      },
    });
  } finally {
    await link.close();
    await link.close();
    peer.thaw();
    await until(() => peer.open === 0, 'every connection is closed');
    await peer.close();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onUnhandled);
  }
  assert.is(clock.pending, 0, 'no timer is left');
  assert.equal(unhandled, [], 'no rejection went unhandled');
}

/** The parts of the contract: an implementation that is slow to start has a test file for each. */
export type Part = 'login' | 'requests' | 'events';

/** The suite over one implementation, to be run by its test file. */
export function contract(
  title: string,
  make: MakeLink,
  traits: Traits,
  parts: readonly Part[] = ['login', 'requests', 'events'],
): { run(): void } {
  const test = suite(`${title} as an AriLink`);
  if (parts.includes('login')) loggingIn(test, make, traits);
  if (parts.includes('requests')) requests(test, make, traits);
  if (parts.includes('events')) eventsAndEnds(test, make);
  return test;
}

type Suite = ReturnType<typeof suite>;

function loggingIn(test: Suite, make: MakeLink, traits: Traits): void {
  test('registers the application, proves itself by requests, and is up', () =>
    bench(
      make,
      async ({ peer, link, start, ups, downs, clock }) => {
        assert.not.ok(link.up);
        await start();
        assert.ok(link.up);
        assert.equal(ups, [{ version: '22.10.1+dfsg', startupTime: peer.startupTime }]);
        assert.equal(downs, []);
        assert.is(peer.connections, 1);
        const { url } = peer.upgrades[0]!;
        assert.match(url, /[?&]app=an%20app%20%C3%A9&?/);
        assert.not.match(url, /subscribeAll=true/);
        assert.ok(peer.requests.some(({ path }) => path === 'asterisk/info'));
        clock.advance(LIMITS.ariLoginMs + 1);
        assert.ok(link.up, 'no deadline of the login is left');
      },
      { app: 'an app é' },
    ));

  if (traits.passwordInHeaders) {
    test('the password is in a header, and in no URL', () =>
      bench(make, async ({ peer, start }) => {
        await start();
        assert.is(peer.upgrades[0]!.authorization, `Basic ${Buffer.from('test:test').toString('base64')}`);
        assert.not.match(peer.upgrades[0]!.url, /test/);
      }));
  }

  test('a refused password is ERR_TALKSPURT_LINK_AUTH, asked again slowly, and nowhere to be read', () =>
    bench(
      make,
      async ({ link, start, downs, ups, peer, clock }) => {
        const printed: string[] = [];
        const { log, error, info, debug } = console;
        const spy = (...said: unknown[]): void => void printed.push(inspect(said));
        Object.assign(console, { log: spy, error: spy, info: spy, debug: spy });
        try {
          await start();
        } finally {
          Object.assign(console, { log, error, info, debug });
        }
        assert.not.ok(link.up);
        assert.equal(ups, []);
        assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_AUTH');
        assert.ok(downs[0]!.retryInMs >= LIMITS.linkRefusedRetryMs);
        const shown =
          inspect(downs, { depth: 20, showHidden: true }) +
          inspect(link, { depth: 20, showHidden: true }) +
          printed.join('') +
          JSON.stringify(downs);
        for (const secret of [PASSWORD, Buffer.from(`test:${PASSWORD}`).toString('base64')]) {
          assert.not.ok(shown.includes(secret), 'the password is in no error, cause, log line or link');
        }
        const before = peer.upgrades.length;
        clock.advance(LIMITS.linkRefusedRetryMs - 1);
        assert.is(peer.upgrades.length, before);
      },
      { password: PASSWORD },
    ));

  test('a user who is not let in, or may only read, is ERR_TALKSPURT_LINK_DENIED', async () => {
    await bench(make, async ({ peer, start, downs, ups }) => {
      peer.upgradeStatus = 403;
      peer.answer = ({ path }) => (path === 'asterisk/info' ? { status: 403 } : undefined);
      await start();
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_DENIED');
      assert.ok(downs[0]!.retryInMs >= LIMITS.linkRefusedRetryMs);
      assert.equal(ups, []);
    });
    await bench(
      make,
      async ({ start, downs, ups }) => {
        await start();
        assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_DENIED');
        assert.match(downs[0]!.error.message, 'read_only');
        assert.equal(ups, []);
      },
      { username: 'reader' },
    );
  });

  test('a port where nobody listens is ERR_TALKSPURT_LINK_REFUSED, and no request goes there', async () => {
    const gone = new ScriptedAri();
    const port = await gone.listen();
    await gone.close();
    await bench(
      make,
      async ({ link, start, downs }) => {
        await start();
        assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_REFUSED');
        assert.ok(downs[0]!.retryInMs <= LIMITS.linkBackoffBaseMs);
        assert.is(await codeOf(link.request({ method: 'GET', path: 'channels' })), 'ERR_TALKSPURT_LINK_DOWN');
      },
      { port },
    );
  });

  for (const [what, prepare] of [
    ['a web server', (peer: ScriptedAri) => void (peer.page = '<html><body>It works!</body></html>')],
    ['a web server of JSON', (peer: ScriptedAri) => void (peer.page = '{"hello":"world"}')],
    ['no ARI (404)', (peer: ScriptedAri) => both(peer, 404)],
    ['a broken ARI (500)', (peer: ScriptedAri) => both(peer, 500)],
    ['no HTTP server', (peer: ScriptedAri) => void (peer.noise = 'SSH-2.0-OpenSSH_9.2\r\n')],
    [
      'an ARI that says of itself what Asterisk does not',
      (peer: ScriptedAri) => void (peer.answer = ({ path }) => (path.endsWith('info') ? body('[1]') : undefined)),
    ],
    [
      'an ARI whose answer is no JSON',
      (peer: ScriptedAri) => void (peer.answer = ({ path }) => (path.endsWith('info') ? body('{"sys') : undefined)),
    ],
  ] as const) {
    test(`${what} is ERR_TALKSPURT_LINK_PROTOCOL`, () =>
      bench(make, async ({ peer, start, downs, ups }) => {
        prepare(peer);
        await start();
        assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_PROTOCOL', downs[0]?.error.message);
        assert.equal(ups, []);
        assert.not.match(inspect(downs, { depth: 10 }), Buffer.from('test:test').toString('base64'));
      }));
  }

  for (const [what, prepare] of [
    [
      'at the first byte',
      (peer: ScriptedAri) => {
        peer.upgradeStatus = 0;
        peer.answer = () => null;
      },
    ],
    ['at the first request', (peer: ScriptedAri) => void (peer.answer = () => null)],
  ] as const) {
    test(`a server that falls silent ${what} is ERR_TALKSPURT_LINK_TIMEOUT`, () =>
      bench(make, async ({ peer, start, downs, clock }) => {
        prepare(peer);
        const started = start();
        await until(() => peer.upgrades.length + peer.requests.length > 0, 'it was asked');
        // In steps: what is armed by one deadline is met by the next.
        for (let n = 0; n < 4; n += 1) {
          await new Promise((resolve) => setImmediate(resolve));
          clock.advance(LIMITS.ariLoginMs / 2);
        }
        await started;
        assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
      }));
  }

  test('an end of the connection in the middle of the login is ERR_TALKSPURT_LINK_DOWN', () =>
    bench(make, async ({ peer, start, downs, upAgain, link }) => {
      peer.answer = () => {
        setImmediate(() => peer.drop());
        return null;
      };
      await start();
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_DOWN');
      peer.answer = () => undefined;
      await upAgain();
      assert.ok(link.up);
    }));

  test('a link that is closed while it dials is never up', () =>
    bench(make, async ({ peer, link, start, ups, downs }) => {
      peer.answer = () => null;
      const started = start();
      await until(() => peer.requests.length > 0, 'the first request');
      await link.close();
      await started;
      assert.equal([ups, downs], [[], []]);
    }));

  test('waits longer after every failure, at random, and starts over after a success', () =>
    bench(make, async ({ peer, start, downs, upAgain, clock }) => {
      peer.answer = ({ path }) => (path.endsWith('info') ? { status: 500 } : undefined);
      await start();
      for (let n = 1; n < 4; n += 1) {
        clock.advance(downs.at(-1)!.retryInMs + 1);
        await until(() => downs.length === n + 1, `attempt ${n}`);
      }
      const base = LIMITS.linkBackoffBaseMs;
      // The clock's chance is always one half.
      assert.equal(
        downs.map(({ retryInMs }) => retryInMs),
        [base / 2, base, base * 2, base * 4],
      );
      peer.answer = () => undefined;
      await upAgain();
      peer.drop();
      await until(() => downs.length === 5, 'lost');
      assert.is(downs[4]!.retryInMs, base / 2);
    }));
}

function requests(test: Suite, make: MakeLink, traits: Traits): void {
  test('sends method, path, query and body, and gives the answer parsed', () =>
    bench(make, async ({ peer, link, start }) => {
      await start();
      assert.equal(await link.request({ method: 'POST', path: 'channels/create' }), { id: 'created' });
      const query = { endpoint: 'PJSIP/+44 & co?=#/é', app: 'talkspurt', channelId: 'c/1 é$&' };
      const variables = { TALKSPURT: 'a "b" é\n$1' };
      const made = await link.request({ method: 'POST', path: 'channels', query, body: { variables } });
      assert.equal(made, { id: 'c/1 é$&', name: 'PJSIP/+44 & co?=#/é-00000001;1', state: 'Down' });
      const sent = peer.requests.at(-1)!;
      assert.equal(sent.query, query);
      assert.equal(JSON.parse(sent.body), { variables });
      if (traits.requestsBySocket) assert.ok(peer.requests.every(({ by }) => by === 'socket'));
      const path = `channels/${encodeURIComponent('c/1 é$&')}`;
      assert.equal(await link.request({ method: 'GET', path }), { id: 'c/1 é$&', state: 'Up' });
      assert.equal(await link.request({ method: 'GET', path: 'channels' }), [{ id: 'c/1 é$&' }]);
      assert.is(await link.request({ method: 'DELETE', path, query: { reason: 'normal' } }), null);
      assert.equal(await link.request({ method: 'GET', path: 'channels' }), []);
    }));

  test('a refusal has its status, and what Asterisk says', () =>
    bench(make, async ({ peer, link, start }) => {
      await start();
      const refusal = async (promise: Promise<unknown>): Promise<[string, unknown, string]> => {
        const error = await promise.then(
          () => null,
          (reason: unknown) => reason as TalkspurtError,
        );
        return [error?.code ?? '', error?.details['status'], error?.message ?? ''];
      };
      const query = { endpoint: 'Local/4711@x', app: 'talkspurt', channelId: 'c1' };
      const originate = { method: 'POST', path: 'channels', query } as const;
      await link.request(originate);
      const [code, status, message] = await refusal(link.request(originate));
      assert.equal([code, status], ['ERR_TALKSPURT_ARI_REFUSED', 409]);
      assert.match(message, 'Channel with given unique ID already exists');
      assert.not.match(message, '4711');
      assert.equal((await refusal(link.request({ method: 'GET', path: 'channels/gone' }))).slice(0, 2), [
        'ERR_TALKSPURT_ARI_REFUSED',
        404,
      ]);
      for (const [scripted, wanted] of [
        [{ status: 500, body: '{"message":"Allocation failed"}' }, 'Allocation failed'],
        [{ status: 500, body: '<html>' }, '500'],
        [{ status: 403, body: '{"error":"no"}' }, 'no'],
        [{ status: 400 }, '400'],
      ] as const) {
        peer.answer = () => scripted;
        const [what, its, said] = await refusal(link.request({ method: 'GET', path: 'channels' }));
        assert.equal([what, its], ['ERR_TALKSPURT_ARI_REFUSED', scripted.status]);
        assert.match(said, wanted);
      }
      assert.ok(link.up);
    }));

  test('an answer that cannot be read is an error of that request alone', () =>
    bench(make, async ({ peer, link, start, downs }) => {
      await start();
      peer.answer = ({ path }) => (path === 'channels' ? body('[{"id":') : undefined);
      assert.is(await codeOf(link.request({ method: 'GET', path: 'channels' })), 'ERR_TALKSPURT_LINK_PROTOCOL');
      await link.request({ method: 'GET', path: 'asterisk/ping' });
      assert.equal(downs, []);
    }));

  test('a request without an answer times out by itself; the others and the link live on', () =>
    bench(make, async ({ peer, link, start, downs, clock, faults }) => {
      await start();
      peer.answer = ({ path }) => (path === 'channels/slow' ? null : undefined);
      const slow = codeOf(link.request({ method: 'GET', path: 'channels/slow' }));
      const slower = codeOf(link.request({ method: 'GET', path: 'channels/slow', timeoutMs: LIMITS.ariRequestMs * 2 }));
      await until(() => peer.requests.filter(({ path }) => path === 'channels/slow').length === 2, 'both were asked');
      const quick = link.request({ method: 'GET', path: 'asterisk/ping' });
      assert.is(((await quick) as { ping: string }).ping, 'pong', 'a later answer does not wait for an earlier one');
      clock.advance(LIMITS.ariRequestMs);
      assert.is(await slow, 'ERR_TALKSPURT_LINK_TIMEOUT');
      clock.advance(LIMITS.ariRequestMs);
      assert.is(await slower, 'ERR_TALKSPURT_LINK_TIMEOUT');
      assert.equal([downs, faults], [[], []]);
      assert.ok(link.up);
    }));

  test('requests that wait are bounded, and so is the length of one', () =>
    bench(make, async ({ peer, link, start }) => {
      await start();
      peer.answer = ({ path }) => (path === 'channels' ? null : undefined);
      const ask = { method: 'GET', path: 'channels' } as const;
      const waiting = Array.from({ length: LIMITS.ariPendingRequests }, () => codeOf(link.request(ask)));
      assert.is(await codeOf(link.request(ask)), 'ERR_TALKSPURT_LINK_TIMEOUT');
      const before = peer.requests.length;
      const variables = { X: 'x'.repeat(LIMITS.ariRequestBytes) };
      const long = link.request({ method: 'POST', path: 'channels', body: { variables } });
      assert.ok(['ERR_TALKSPURT_COMMAND_SYNTAX', 'ERR_TALKSPURT_LINK_TIMEOUT'].includes(await codeOf(long)));
      assert.not.ok(peer.requests.slice(before).some(({ method }) => method === 'POST'));
      await link.close();
      assert.equal(new Set(await Promise.all(waiting)), new Set(['ERR_TALKSPURT_LINK_DOWN']));
    }));

  test('what is too long for Asterisk is not sent', () =>
    bench(make, async ({ link, start, downs }) => {
      await start();
      const variables = { X: 'é'.repeat(LIMITS.ariRequestBytes / 2) };
      const long = link.request({ method: 'POST', path: 'channels', body: { variables } });
      assert.is(await codeOf(long), 'ERR_TALKSPURT_COMMAND_SYNTAX');
      await link.request({ method: 'GET', path: 'channels' });
      assert.equal(downs, []);
    }));

  test('a drop in the middle of requests rejects them all', () =>
    bench(make, async ({ peer, link, start, downs, upAgain }) => {
      await start();
      peer.answer = ({ path }) => {
        if (path !== 'channels/last') return path === 'channels/lost' ? null : undefined;
        setImmediate(() => peer.drop());
        return null;
      };
      const lost = ['lost', 'lost', 'last'].map((id) =>
        codeOf(link.request({ method: 'GET', path: `channels/${id}` })),
      );
      assert.equal(new Set(await Promise.all(lost)), new Set(['ERR_TALKSPURT_LINK_DOWN']));
      await until(() => downs.length === 1, 'down');
      assert.not.ok(link.up);
      assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_DOWN');
      assert.is(await codeOf(link.request({ method: 'GET', path: 'channels' })), 'ERR_TALKSPURT_LINK_DOWN');
      await upAgain();
      await link.request({ method: 'GET', path: 'channels' });
    }));
}

function eventsAndEnds(test: Suite, make: MakeLink): void {
  test('events come whole and in order, those of types that nobody knows among them', () =>
    bench(make, async ({ peer, start, events, faults }) => {
      await start();
      peer.event('StasisStart', { args: ['a', 'é'], channel: { id: 'c1', name: 'Local/x', state: 'Up' } });
      peer.event('TalkspurtOfTomorrow', { channel: { id: 'c1' }, deep: { er: [1, null] } });
      peer.event('ChannelVarset', { variable: 'A', value: '' });
      peer.event('constructor', {});
      peer.event('ApplicationReplaced', { application: 'somebody-else' });
      peer.event('StasisEnd', { channel: { id: 'c1', name: 'Local/x', state: 'Up' } });
      await until(() => events.length === 6, 'six events');
      assert.equal(
        events.map(({ type }) => type),
        ['StasisStart', 'TalkspurtOfTomorrow', 'ChannelVarset', 'constructor', 'ApplicationReplaced', 'StasisEnd'],
      );
      assert.equal(events[0]!['args'], ['a', 'é']);
      assert.equal(events[0]!['channel'], { id: 'c1', name: 'Local/x', state: 'Up' });
      assert.equal(events[1]!['deep'], { er: [1, null] });
      assert.equal(faults, []);
    }));

  test('an event that comes before the link is up is delivered after it', () =>
    bench(make, async ({ peer, start, events, ups }) => {
      peer.answer = ({ by, path, method }) => {
        // The first request that comes after the application was registered.
        if (
          peer.connections === 1 &&
          events.length === 0 &&
          (by === 'socket' ? path.endsWith('info') : method === 'DELETE')
        )
          peer.event('StasisStart', { channel: { id: `early-${ups.length}` }, args: [] });
        return undefined;
      };
      await start();
      await until(() => events.length > 0, 'the event');
      assert.equal(events[0]!['channel'], { id: 'early-0' });
      assert.is(ups.length, 1);
    }));

  test('messages that are no events are faults, and end nothing', () =>
    bench(make, async ({ peer, link, start, events, faults, downs }) => {
      await start();
      const evil = ['', 'no JSON', '{"type":', 'null', '17', '[]', '"x"', '{}', '{"type":7}', '{"type":null}'];
      for (const text of evil) peer.say(text);
      peer.sayBinary(Buffer.from([0xff, 0xfe, 0x00]));
      peer.event('StasisStart', { channel: { id: 'c1' }, args: [] });
      await until(() => events.length === 1, 'the event');
      assert.is(faults.length, evil.length + 1);
      assert.ok(faults.every(({ code }) => code === 'ERR_TALKSPURT_LINK_PROTOCOL'));
      assert.equal(downs, []);
      await link.request({ method: 'GET', path: 'channels' });
    }));

  test('events of a shape that their type does not have are delivered', () =>
    bench(make, async ({ peer, link, start, events, downs }) => {
      await start();
      peer.event('StasisStart', { channel: null, args: 'x' });
      peer.event('StasisStart', { channel: 'x' });
      peer.event('ChannelVarset', { channel: { id: { a: 1 } } });
      peer.event('StasisEnd', {});
      await until(() => events.length === 4, 'four events');
      await link.request({ method: 'GET', path: 'channels' });
      assert.equal(downs, []);
    }));

  test('an answer to nothing is nobody’s', () =>
    bench(make, async ({ peer, link, start, downs, events }) => {
      await start();
      for (const id of ['nobody', 't999999', '', 7, null]) {
        peer.say({ type: 'RESTResponse', request_id: id, status_code: 200, message_body: '[]' });
      }
      await link.request({ method: 'GET', path: 'channels' });
      peer.event('StasisEnd', {});
      await until(() => events.some(({ type }) => type === 'StasisEnd'), 'the event');
      assert.equal(downs, []);
    }));

  test('a listener that throws is a fault, and hears what comes after', () =>
    bench(
      make,
      async ({ peer, start, events, faults, downs }) => {
        await start();
        peer.event('StasisStart', { channel: { id: 'c1' }, args: [] });
        peer.event('StasisEnd', { channel: { id: 'c1' } });
        await until(() => events.length === 2, 'both');
        assert.is(faults.length, 1);
        assert.is(faults[0]!.code, 'ERR_TALKSPURT_INTERNAL');
        assert.equal(downs, []);
      },
      {
        onEvent: ({ type }) => {
          if (type === 'StasisStart') throw new Error('of the listener');
        },
      },
    ));

  test('a message beyond the bound ends the connection', () =>
    bench(make, async ({ peer, start, downs, upAgain }) => {
      await start();
      peer.say(JSON.stringify({ type: 'StasisStart', x: 'x'.repeat(LIMITS.ariMessageBytes) }));
      await until(() => downs.length === 1, 'down');
      assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_PROTOCOL');
      await upAgain();
    }));

  test('what is no WebSocket frame ends the connection', () =>
    bench(make, async ({ peer, start, downs, upAgain }) => {
      await start();
      peer.sayRaw(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'.repeat(3)));
      await until(() => downs.length === 1, 'down');
      assert.ok(['ERR_TALKSPURT_LINK_PROTOCOL', 'ERR_TALKSPURT_LINK_DOWN'].includes(downs[0]!.error.code));
      await upAgain();
    }));

  test('a peer that vanished without a word is lost after 20 s without a sign of life, and one that answers pings is not', () =>
    bench(make, async ({ peer, start, downs, clock, link }) => {
      await start();
      for (let n = 0; n < 6; n += 1) {
        const before = peer.pings;
        clock.advance(LIMITS.ariPingMs);
        await until(() => peer.pings > before, `ping ${n}`);
        await link.request({ method: 'GET', path: 'asterisk/ping' });
      }
      assert.equal(downs, []);
      peer.freeze();
      clock.advance(LIMITS.ariPingMs);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(downs, [], 'not at once');
      clock.advance(LIMITS.ariSilentMs);
      await until(() => downs.length === 1, 'down');
      assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
    }));

  test('a connection whose application Asterisk gives to nobody is not up, and dialled again', () =>
    bench(make, async ({ peer, start, clock, downs, ups, events, upAgain, link }) => {
      peer.tellsEvents = false;
      const started = start();
      await until(() => peer.requests.some(({ path }) => path.startsWith('events/user/')), 'it was asked');
      await until(() => {
        clock.advance(LIMITS.ariProofMs / 10);
        return downs.length > 0;
      }, 'down');
      await started;
      assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_DOWN');
      assert.match(downs[0]!.error.message, /gives the events of the Stasis application 'talkspurt' to nobody/);
      assert.ok(downs[0]!.retryInMs <= LIMITS.linkBackoffBaseMs);
      assert.equal([ups, link.up], [[], false]);
      peer.tellsEvents = true;
      await upAgain();
      assert.equal([ups.length, events], [1, []], 'what proves it is nobody else’s');
    }));

  test('an application that goes to nobody later is noticed, and dialled for again; a slow answer is not taken for it', () =>
    bench(make, async ({ peer, start, clock, downs, ups, upAgain, events }) => {
      await start();
      const asked = (): number => peer.requests.filter(({ path }) => path.startsWith('events/user/')).length;
      peer.answer = ({ path }) => (path.startsWith('events/user/') ? null : undefined);
      // In steps that leave signs of life their time.
      const pass = async (ms: number): Promise<void> => {
        for (let passed = 0; passed < ms; passed += 1_000) {
          clock.advance(1_000);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      await pass(LIMITS.ariProofEveryMs);
      await until(() => asked() === 2, 'asked again');
      await pass(LIMITS.ariRequestMs);
      assert.equal(downs, []);
      peer.answer = () => undefined;
      peer.tellsEvents = false;
      await until(() => {
        clock.advance(LIMITS.ariProofMs / 10);
        return downs.length > 0;
      }, 'down');
      assert.match(downs[0]!.error.message, /to nobody/);
      peer.tellsEvents = true;
      await upAgain();
      // An application that nobody has any more.
      peer.answer = ({ path }) => (path.startsWith('events/user/') ? { status: 404 } : undefined);
      await until(() => {
        clock.advance(LIMITS.ariProofEveryMs / 10);
        return downs.length > 1;
      }, 'down again');
      assert.match(downs[1]!.error.message, /to nobody/);
      peer.answer = () => undefined;
      await upAgain();
      assert.equal([ups.length, events], [3, []]);
    }));

  test('other events that come prove it as well: Asterisk may have many to tell before that one', () =>
    bench(make, async ({ peer, start, clock, downs, ups, events }) => {
      peer.tellsEvents = false;
      peer.answer = ({ path }) => {
        if (path.startsWith('events/user/')) peer.event('ChannelVarset', { variable: 'A', value: '' });
        return undefined;
      };
      await start();
      const seen = ups.length;
      await until(() => events.length === seen, 'delivered');
      clock.advance(LIMITS.ariProofEveryMs);
      await until(() => events.length === seen + 1, 'delivered again');
      clock.advance(LIMITS.ariProofMs);
      clock.advance(1);
      assert.equal([ups.length, downs], [1, []]);
    }));

  test('an Asterisk that takes no user events cannot be asked, and is believed', () =>
    bench(make, async ({ peer, start, clock, downs, ups }) => {
      // As with `decline = ast_multi_user_event_type` in its stasis.conf.
      peer.answer = ({ path }) => (path.startsWith('events/user/') ? { status: 500 } : undefined);
      await start();
      assert.is(ups.length, 1);
      const before = peer.requests.length;
      clock.advance(LIMITS.ariProofEveryMs);
      await until(() => peer.requests.length > before, 'asked');
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(downs, []);
    }));

  for (const [what, isIt] of [
    ['whether it may write', ({ method }: { method: string; path: string }) => method === 'DELETE'],
    ['whether it has the events', ({ path }: { method: string; path: string }) => path.startsWith('events/user/')],
  ] as const) {
    test(`a link that is closed while it asks ${what} is closed at once, and never up`, () =>
      bench(make, async ({ peer, link, start, ups, downs }) => {
        peer.answer = (request) => (isIt(request) ? null : undefined);
        const started = start();
        await until(() => peer.requests.some(isIt), 'asked');
        await Promise.race([
          link.close(),
          new Promise((_, reject) => setTimeout(reject, 1_000, new Error('not closed'))),
        ]);
        await started;
        assert.equal([ups, downs], [[], []]);
      }));
  }

  test('somebody who takes the application over ends the link, which does not take it back at once', () =>
    bench(make, async ({ peer, start, downs, clock, events, link, upAgain }) => {
      await start();
      const rival = await make({
        name: 'rival',
        host: '127.0.0.1',
        port: peer.port,
        username: 'test',
        password: 'test',
        app: 'talkspurt',
        // Its own: here an hour passes without a sign of life.
        clock: new HandClock(),
      });
      const rivalDowns: TalkspurtError[] = [];
      await rival.start({
        onUp: () => undefined,
        onEvent: () => undefined,
        onDown: (error) => void rivalDowns.push(error),
      });
      try {
        await until(() => downs.length === 1, 'down');
        assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_REPLACED');
        assert.match(downs[0]!.error.message, /another client has taken over the Stasis application 'talkspurt'/);
        assert.ok(downs[0]!.retryInMs >= LIMITS.linkRefusedRetryMs);
        assert.not.ok(link.up);
        assert.equal(events, []);
        assert.ok(rival.up);
        // While the other one has it, it is asked for again and again, and never taken.
        for (let look = 1; look <= 3; look += 1) {
          clock.advance(downs.at(-1)!.retryInMs + 1);
          await until(() => downs.length === look + 1, 'looked');
          assert.is(downs.at(-1)!.error.code, 'ERR_TALKSPURT_LINK_REPLACED');
          assert.ok(downs.at(-1)!.retryInMs >= LIMITS.linkRefusedRetryMs);
        }
        assert.ok(rival.up);
        assert.equal([peer.connections, rivalDowns], [2, []]);
      } finally {
        await rival.close();
      }
      await upAgain();
      assert.equal(rivalDowns, []);
    }));

  test('a restart of Asterisk shows in its start time', () =>
    bench(make, async ({ peer, start, downs, ups, upAgain }) => {
      await start();
      peer.drop();
      await until(() => downs.length === 1, 'down');
      peer.startupTime = '2026-11-21T12:00:00.000+0000';
      await upAgain();
      assert.not.equal(ups[0]!.startupTime, ups[1]!.startupTime);
    }));
}

function body(text: string): { status: number; body: string } {
  return { status: 200, body: text };
}

function both(peer: ScriptedAri, status: number): void {
  peer.upgradeStatus = status;
  peer.answer = () => ({ status, body: '<html>' });
}

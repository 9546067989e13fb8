/** What every implementation of an Event Socket link has to pass: the port's promises, against a peer that keeps none of its own. */
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { EslEvent, EslLink } from '../../../src/switch/freeswitch/esl-link.ts';
import type { EslLinkOptions } from '../../../src/switch/freeswitch/reconnecting-esl-link.ts';
import type { UnicastGuard } from '../../../src/switch/freeswitch/unicast-guard.ts';
import type { UnicastPermit } from '../../../src/switch/freeswitch/unicast-guard.ts';
import { HandClock, until } from './hand-clock.ts';
import { apiResponse, jsonEvent, RECORDED, reply, ScriptedSwitch } from './scripted-switch.ts';

export type MakeLink = (options: EslLinkOptions) => EslLink;

const PASSWORD = 'S3cret-of-the-switch';
const UUID = '5c0e0f7a-0000-4000-8000-000000000001';

interface Bench {
  readonly peer: ScriptedSwitch;
  readonly link: EslLink;
  readonly clock: HandClock;
  readonly events: EslEvent[];
  readonly ups: string[];
  readonly downs: { error: TalkspurtError; retryInMs: number }[];
  readonly faults: TalkspurtError[];
  /** Starts, and lets sockets move until the first attempt is decided. */
  readonly start: () => Promise<void>;
}

/** The suite over one implementation, to be run by its test file. `ready` makes a guard that is one step from a permit. */
export function contract(title: string, make: MakeLink, ready: (uuid: string) => UnicastGuard): { run(): void } {
  const test = suite(`${title} as an EslLink`);

  async function bench(run: (bench: Bench) => Promise<void>, password = 'ClueCon'): Promise<void> {
    const peer = new ScriptedSwitch();
    const port = await peer.listen();
    const clock = new HandClock();
    const link = make({ name: 'fs1', host: '127.0.0.1', port, password, clock });
    const [events, ups, downs, faults]: [EslEvent[], string[], Bench['downs'], TalkspurtError[]] = [[], [], [], []];
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
            onUp: (version) => ups.push(version),
            onDown: (error, retryInMs) => downs.push({ error, retryInMs }),
            onEvent: (event) => events.push(event),
            onFault: (error) => faults.push(error),
          }),
      });
    } finally {
      await link.close();
      await link.close();
      await until(() => peer.open === 0, 'the connection is closed');
      await peer.close();
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', onUnhandled);
    }
    assert.is(clock.pending, 0, 'no timer is left');
    assert.equal(unhandled, [], 'no rejection went unhandled');
  }

  const codeOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'resolved',
      (error: unknown) => (error as TalkspurtError).code,
    );

  test('logs in, proves it, filters, subscribes, and is up', () =>
    bench(async ({ peer, link, start, ups, downs }) => {
      await start();
      assert.ok(link.up);
      assert.is(ups.length, 1);
      assert.match(ups[0]!, '1.11.2');
      assert.equal(downs, []);
      assert.equal(peer.requests.slice(0, 2), ['auth ClueCon', 'api version']);
      const subscribed = peer.requests.findIndex((request) => request.startsWith('event json '));
      assert.ok(
        subscribed > peer.requests.findIndex((request) => request.startsWith('filter ')),
        'filtered before subscribed',
      );
    }));

  test('understands everything split at every byte', () =>
    bench(async ({ peer, link, start, events }) => {
      peer.byteByByte = true;
      await start();
      assert.is(await link.api('echo a: b: c äöü'), 'a: b: c äöü');
      peer.say(jsonEvent({ 'Event-Name': 'DTMF', 'Unique-ID': UUID, 'DTMF-Digit': '5', note: 'ünï\u0085cödé' }));
      await until(() => events.length === 1, 'the event');
      assert.is(events[0]!.uuid, UUID);
      assert.is(events[0]!.headers['note'], 'ünï\u0085cödé', 'no character is dropped');
    }));

  test('gives replies of -ERR as they are, and in order', () =>
    bench(async ({ link, start }) => {
      await start();
      const asked = ['echo 1', 'nosuchapi', 'echo 2', 'echo 3'].map((line) => link.api(line));
      assert.equal(await Promise.all(asked), ['1', '-ERR nosuchapi Command not found!\n', '2', '3']);
    }));

  test('a refused password is ERR_TALKSPURT_LINK_AUTH, asked again slowly, and nowhere to be read', () =>
    bench(async ({ link, start, downs, ups, peer, clock }) => {
      const printed: string[] = [];
      const { log, error, info, debug } = console;
      Object.assign(
        console,
        Object.fromEntries(
          ['log', 'error', 'info', 'debug'].map((key) => [key, (...said: unknown[]) => printed.push(inspect(said))]),
        ),
      );
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
      assert.not.ok(shown.includes(PASSWORD), 'the password is not in an error, a cause, a log line or the link');
      clock.advance(LIMITS.linkRefusedRetryMs - 1);
      assert.is(peer.connections, 1);
    }, PASSWORD));

  test('a switch that answers the first command with -ERR has let us in all the same', () =>
    bench(async ({ peer, link, start, ups }) => {
      peer.answer = (request) => (request === 'api version' ? apiResponse('-ERR the switch is away\n') : undefined);
      await start();
      assert.ok(link.up);
      assert.equal(ups, ['unknown']);
    }));

  test('a switch that takes any password and then knows no commands is not up', () =>
    bench(async ({ peer, link, start, ups, downs }) => {
      peer.answer = (request) => (request.startsWith('api ') ? reply('-ERR command not found') : undefined);
      await start();
      assert.not.ok(link.up);
      assert.equal(ups, []);
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_PROTOCOL');
    }));

  test('an address that is not let in is ERR_TALKSPURT_LINK_DENIED', () =>
    bench(async ({ peer, start, downs }) => {
      peer.greeting = RECORDED.denied;
      await start();
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_DENIED');
    }));

  test('a port where nobody listens is ERR_TALKSPURT_LINK_REFUSED', async () => {
    const gone = new ScriptedSwitch();
    const port = await gone.listen();
    await gone.close();
    const clock = new HandClock();
    const link = make({ name: 'fs1', host: '127.0.0.1', port, password: 'x', clock });
    const codes: string[] = [];
    await link.start({ onUp: () => undefined, onDown: (error) => codes.push(error.code), onEvent: () => undefined });
    assert.equal(codes, ['ERR_TALKSPURT_LINK_REFUSED']);
    await link.close();
    assert.is(clock.pending, 0);
  });

  for (const [what, silence] of [
    ['before the greeting', (peer: ScriptedSwitch) => void (peer.greeting = null)],
    ['at the password', (peer: ScriptedSwitch) => void (peer.answer = () => null)],
    [
      'at the first command',
      (peer: ScriptedSwitch) => void (peer.answer = (request) => (request === 'api version' ? null : undefined)),
    ],
  ] as const) {
    test(`a switch that falls silent ${what} is ERR_TALKSPURT_LINK_TIMEOUT`, () =>
      bench(async ({ peer, start, downs, clock }) => {
        silence(peer);
        const started = start();
        await until(() => peer.connections === 1, 'a connection');
        for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        clock.advance(LIMITS.eslLoginMs + 1);
        await started;
        assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
      }));
  }

  test('an end of the connection during the login is ERR_TALKSPURT_LINK_DOWN', () =>
    bench(async ({ peer, start, downs }) => {
      peer.hangUpAfterGreeting = true;
      peer.answer = () => null;
      await start();
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_DOWN');
    }));

  test('a link that is closed while it subscribes is closed at once, and never up', () =>
    bench(async ({ peer, link, start, ups, downs }) => {
      peer.answer = (request) => (request.startsWith('event json') ? null : undefined);
      const started = start();
      await until(() => peer.requests.some((request) => request.startsWith('event json')), 'asked');
      await Promise.race([
        link.close(),
        new Promise((_, reject) => setTimeout(reject, 1_000, new Error('not closed'))),
      ]);
      await started;
      assert.equal([ups, downs], [[], []]);
    }));

  test('a command without an answer drops the link, whose later replies would be out of step', () =>
    bench(async ({ peer, link, start, downs, ups, clock }) => {
      await start();
      peer.answer = (request) => (request === 'api echo lost' ? null : undefined);
      const lost = codeOf(link.api('echo lost'));
      const behind = codeOf(link.api('echo behind'));
      await until(() => peer.requests.includes('api echo lost'), 'the command');
      clock.advance(LIMITS.eslCommandMs + 1);
      assert.is(await lost, 'ERR_TALKSPURT_LINK_TIMEOUT');
      assert.is(await behind, 'ERR_TALKSPURT_LINK_DOWN');
      assert.is(downs[0]?.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
      assert.ok(downs[0]!.retryInMs <= LIMITS.linkBackoffBaseMs);
      clock.advance(downs[0]!.retryInMs + 1);
      await until(() => ups.length === 2, 'up again');
      assert.is(await link.api('echo new'), 'new');
    }));

  test('a drop in the middle of a reply rejects what waits, and everything is renewed after it', () =>
    bench(async ({ peer, link, start, downs, ups, clock, events }) => {
      await start();
      await link.watch(UUID);
      peer.answer = (request, { say, socket }) => {
        // A peer that breaks off answers nothing that came after, however early it was written.
        if (request !== 'api echo half') return peer.connections === 1 ? null : undefined;
        say('Content-Type: api/response\nContent-Length: 100\n\nonly a pa');
        setImmediate(() => socket.destroy());
        return null;
      };
      const codes = Promise.all([
        codeOf(link.api('echo half')),
        codeOf(link.api('echo next')),
        codeOf(link.bgapi('status')),
      ]);
      assert.equal(await codes, ['ERR_TALKSPURT_LINK_DOWN', 'ERR_TALKSPURT_LINK_DOWN', 'ERR_TALKSPURT_LINK_DOWN']);
      assert.is(await codeOf(link.api('echo down')), 'ERR_TALKSPURT_LINK_DOWN');
      assert.is(downs.length, 1);
      peer.requests.length = 0;
      clock.advance(downs[0]!.retryInMs + 1);
      await until(() => ups.length === 2, 'up again');
      assert.ok(peer.requests.includes(`filter Unique-ID ${UUID}`), 'watched again');
      assert.ok(
        peer.requests.some((request) => request.startsWith('event json ')),
        'subscribed again',
      );
      peer.say(jsonEvent({ 'Event-Name': 'CHANNEL_PARK', 'Unique-ID': UUID }));
      await until(() => events.length === 1, 'the event, once');
    }));

  test('a disconnect notice is the end of the link', () =>
    bench(async ({ peer, start, downs }) => {
      await start();
      peer.say('Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n');
      await until(() => downs.length === 1, 'down');
      assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_DOWN');
    }));

  test('a switch that lingers has not gone yet', () =>
    bench(async ({ peer, link, start, downs, events }) => {
      await start();
      const notice = (disposition: string): string =>
        `Content-Type: text/disconnect-notice\nControlled-Session-UUID: ${UUID}\n` +
        `Content-Disposition: ${disposition}\nLinger-Time: 5\nContent-Length: 0\n\n`;
      peer.say(notice('linger') + jsonEvent({ 'Event-Name': 'CHANNEL_HANGUP', 'Unique-ID': UUID }));
      assert.is(await link.api('echo still there'), 'still there');
      assert.is(events.length, 1);
      assert.equal(downs, []);
      peer.say(notice('disconnect'));
      await until(() => downs.length === 1, 'down');
      assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_DOWN');
    }));

  for (const [what, bytes] of [
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n\n\n'],
    ['noise', `${'\u0001\u0002\uffff'.repeat(50)}\n\n`],
    ['a frame without a type', 'Foo: bar\n\n'],
    ['a blank frame', '\n\n\n'],
    ['a negative length', 'Content-Type: api/response\nContent-Length: -5\n\nhello'],
    ['a length that is none', 'Content-Type: api/response\nContent-Length: 5x\n\nhello'],
    ['two lengths', 'Content-Type: api/response\nContent-Length: 1\nContent-Length: 9\n\n'],
    ['a length in another spelling', 'Content-Type: api/response\ncontent-length: 5\n\nhello'],
    ['a log line with a length in another spelling', 'Content-Type: log/data\ncontent-length: 0\n\n'],
    ['an oversize body', `Content-Type: api/response\nContent-Length: ${LIMITS.eslBodyBytes + 1}\n\n`],
    ['an endless header block', `Content-Type: api/response\nX: ${'y'.repeat(LIMITS.eslHeaderBytes)}`],
    ['a reply to nothing', reply('+OK unasked')],
    ['an answer to nothing', apiResponse('unasked')],
  ] as const) {
    test(`${what} is ERR_TALKSPURT_LINK_PROTOCOL and a new connection`, () =>
      bench(async ({ peer, link, start, downs, ups, clock }) => {
        await start();
        peer.say(bytes);
        await until(() => downs.length === 1, `down after ${what}`);
        assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_PROTOCOL');
        clock.advance(downs[0]!.retryInMs + 1);
        await until(() => ups.length === 2, 'up again');
        assert.is(await link.api('echo well'), 'well');
      }));
  }

  test('events that are not events are told as faults and end nothing', () =>
    bench(async ({ peer, link, start, faults, events, downs }) => {
      await start();
      const frame = (body: string): string =>
        `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-json\n\n${body}`;
      for (const body of ['null', '[]', '5', '{"Event-Name":', '{}', '{"Event-Name":7,"x":null}', '"secret words"'])
        peer.say(frame(body));
      peer.say(jsonEvent({ 'Event-Name': 'NEVER_HEARD_OF', 'Unique-ID': UUID, __proto__x: 'y' }));
      peer.say('Content-Type: log/data\nContent-Length: 2\nLog-Level: 6\n\nhi');
      peer.say('Content-Type: text/invented\n\n');
      assert.is(await link.api('echo alive'), 'alive');
      assert.equal(downs, []);
      assert.is(faults.length, 6);
      assert.not.ok(inspect(faults).includes('secret words'));
      assert.ok(events.some((event) => event.name === 'NEVER_HEARD_OF'));
    }));

  test('a listener that throws is told as a fault and ends nothing', async () => {
    const peer = new ScriptedSwitch();
    const clock = new HandClock();
    const link = make({ name: 'fs1', host: '127.0.0.1', port: await peer.listen(), password: 'ClueCon', clock });
    const faults: TalkspurtError[] = [];
    const onEvent = (): void => {
      throw new Error('a defect');
    };
    await link.start({
      onUp: () => undefined,
      onDown: () => undefined,
      onEvent,
      onFault: (error) => faults.push(error),
    });
    peer.say(jsonEvent({ 'Event-Name': 'DTMF', 'Unique-ID': UUID }));
    await until(() => faults.length === 1, 'the fault');
    assert.is(await link.api('echo alive'), 'alive');
    await link.close();
    await peer.close();
  });

  test('a flood of events is delivered whole, between replies', () =>
    bench(async ({ peer, link, start, events }) => {
      await start();
      const flood = jsonEvent({ 'Event-Name': 'DTMF', 'Unique-ID': UUID, filler: 'x'.repeat(500) }).repeat(2000);
      peer.answer = (request) => (request === 'api echo busy' ? flood + apiResponse('busy') + flood : undefined);
      assert.is(await link.api('echo busy'), 'busy');
      await until(() => events.length === 4000, 'every event');
    }));

  test('a flood leaves the event loop its turns, and a command its answer', () =>
    bench(async ({ peer, link, start, events }) => {
      await start();
      const event = jsonEvent({ 'Event-Name': 'DTMF', 'Unique-ID': UUID, filler: 'x'.repeat(200) });
      const log = `Content-Type: log/data\nContent-Length: 100\nLog-Level: 7\n\n${'y'.repeat(100)}`;
      peer.answer = (request, { say }) => {
        if (request !== 'api echo flooded') return undefined;
        for (let n = 0; n < 100; n += 1) say((event + log).repeat(1000));
        return apiResponse('flooded');
      };
      // Media ticks are timers: what is read in one turn of the loop is what they wait for.
      let [mostAtOnce, before, flooding] = [0, 0, true];
      const turn = (): void => {
        mostAtOnce = Math.max(mostAtOnce, events.length - before);
        before = events.length;
        if (flooding) setImmediate(turn);
      };
      setImmediate(turn);
      const answer = await link.api('echo flooded');
      flooding = false;
      assert.is(answer, 'flooded');
      assert.is(events.length, 100_000);
      assert.ok(mostAtOnce < 10_000, `${mostAtOnce} events in one turn`);
    }));

  test('a background job: its result in the segment of the reply, before it, and among others’', () =>
    bench(async ({ peer, link, start, events }) => {
      await start();
      let first = true;
      peer.answer = (request) => {
        const job = /^bgapi status\nJob-UUID: (.+)$/.exec(request)?.[1];
        if (job === undefined) return undefined;
        const done = jsonEvent({ 'Event-Name': 'BACKGROUND_JOB', 'Job-UUID': job, 'Content-Length': '2', _body: 'vm' });
        const foreign = jsonEvent({ 'Event-Name': 'BACKGROUND_JOB', 'Job-UUID': 'somebody-elses', _body: 'no' });
        const accepted = reply(`+OK Job-UUID: ${job}`);
        const order = first ? foreign + accepted + done : foreign + done + accepted;
        first = false;
        return order;
      };
      assert.is(await link.bgapi('status'), 'vm');
      assert.is(await link.bgapi('status'), 'vm');
      assert.equal(events, []);
    }));

  test('a job that never ends is ERR_TALKSPURT_LINK_TIMEOUT, and the link stays up', () =>
    bench(async ({ peer, link, start, clock, downs }) => {
      await start();
      const code = codeOf(link.bgapi('originate x'));
      await until(() => peer.requests.some((request) => request.startsWith('bgapi ')), 'the job');
      await link.api('echo 1');
      for (let waitedMs = 0; waitedMs <= LIMITS.eslJobMs; waitedMs += 1000) {
        clock.advance(1000);
        await link.api('echo 1');
      }
      assert.is(await code, 'ERR_TALKSPURT_LINK_TIMEOUT');
      assert.equal(downs, []);
    }));

  test('a peer that vanished is found out while nothing is asked', () =>
    bench(async ({ peer, start, downs, clock }) => {
      await start();
      peer.answer = () => null;
      clock.advance(LIMITS.eslPingMs + 1);
      await until(() => peer.requests.includes('api switchname'), 'the question');
      clock.advance(LIMITS.eslCommandMs + 1);
      await until(() => downs.length === 1, 'down');
      assert.is(downs[0]!.error.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
    }));

  test('commands that wait are bounded', () =>
    bench(async ({ peer, link, start }) => {
      await start();
      peer.answer = () => null;
      const codes: Promise<string>[] = [];
      for (let n = 0; n < LIMITS.eslPendingCommands + 2; n += 1) codes.push(codeOf(link.api('echo x')));
      assert.is(await codes.at(-1), 'ERR_TALKSPURT_LINK_TIMEOUT');
      await link.close();
      assert.is(
        (await Promise.all(codes)).filter((code) => code === 'ERR_TALKSPURT_LINK_DOWN').length,
        LIMITS.eslPendingCommands + 1,
      );
    }));

  test('nothing with a line break reaches the switch', () =>
    bench(async ({ peer, link, start }) => {
      await start();
      const before = peer.requests.length;
      for (const evil of ['a\nexit', 'a\r\n\r\nexit', 'a\0b', '']) {
        assert.is(await codeOf(link.api(evil)), 'ERR_TALKSPURT_COMMAND_SYNTAX', JSON.stringify(evil));
        assert.is(await codeOf(link.bgapi(evil)), 'ERR_TALKSPURT_COMMAND_SYNTAX');
        assert.is(await codeOf(link.watch(evil)), 'ERR_TALKSPURT_COMMAND_SYNTAX');
        assert.is(await codeOf(link.sendMessage(evil, { 'call-command': 'hangup' })), 'ERR_TALKSPURT_COMMAND_SYNTAX');
      }
      assert.is(
        await codeOf(link.sendMessage(UUID, { 'hangup-cause': 'A\ncall-command: unicast' })),
        'ERR_TALKSPURT_COMMAND_SYNTAX',
      );
      assert.is(
        await codeOf(link.sendMessage(UUID, { 'a: b\ncall-command': 'unicast' })),
        'ERR_TALKSPURT_COMMAND_SYNTAX',
      );
      assert.is(peer.requests.length, before);
    }));

  const SUBCLASS = 'audio_stream::command';
  const custom = (subclass: string): string =>
    jsonEvent({ 'Event-Name': 'CUSTOM', 'Event-Subclass': subclass, 'Content-Length': '5', _body: 'a\nb\nc' });

  test('a subscription: let through by a filter, asked for last in its line, and delivered', () =>
    bench(async ({ peer, link, start, events }) => {
      await start();
      await link.subscribe(SUBCLASS);
      await link.subscribe(SUBCLASS);
      assert.equal(peer.requests.slice(-2), [`filter Event-Subclass ${SUBCLASS}`, `event json CUSTOM ${SUBCLASS}`]);
      peer.say(custom(SUBCLASS));
      await until(() => events.length === 1, 'the event');
      assert.is(events[0]!.name, 'CUSTOM');
      assert.is(events[0]!.headers['Event-Subclass'], SUBCLASS);
      assert.is(events[0]!.body, 'a\nb\nc');
    }));

  test('a subscription is kept while the link is down, and renewed at every login', () =>
    bench(async ({ peer, link, start, downs, ups, clock }) => {
      const wanted = (subclass: string): number =>
        peer.requests.filter((request) => request === `event json CUSTOM ${subclass}`).length;
      await link.subscribe('early::one');
      await start();
      assert.is(wanted('early::one'), 1);
      peer.drop();
      await until(() => downs.length === 1, 'down');
      await link.subscribe(SUBCLASS);
      let during: Promise<void> = Promise.resolve();
      peer.answer = (request) => {
        // While the login renews what there is, one more is wanted.
        if (request === 'event json CUSTOM early::one') during = link.subscribe('late::one');
        return undefined;
      };
      peer.requests.length = 0;
      clock.advance(downs[0]!.retryInMs + 1);
      await until(() => ups.length === 2, 'up again');
      await during;
      for (const subclass of ['early::one', SUBCLASS, 'late::one']) {
        assert.is(wanted(subclass), 1, subclass);
        assert.ok(peer.requests.includes(`filter Event-Subclass ${subclass}`), subclass);
      }
    }));

  test('a subscription that is refused is an error, and not renewed; those that are not are bounded', () =>
    bench(async ({ peer, link, start, downs, ups, clock }) => {
      await start();
      peer.answer = (request) => (request === 'event json CUSTOM no::no' ? reply('-ERR no keywords') : undefined);
      assert.is(await codeOf(link.subscribe('no::no')), 'ERR_TALKSPURT_SWITCH_COMMAND');
      for (const evil of ['a b', 'a::b HEARTBEAT', 'a\nexit', '', '/.*/', '-x::y'])
        assert.is(await codeOf(link.subscribe(evil)), 'ERR_TALKSPURT_COMMAND_SYNTAX', JSON.stringify(evil));
      for (let n = 0; n < LIMITS.eslLinkSubclasses; n += 1) await link.subscribe(`s::${n}`);
      assert.is(await codeOf(link.subscribe('s::one-too-many')), 'ERR_TALKSPURT_COMMAND_SYNTAX');
      await link.subscribe('s::0');
      peer.requests.length = 0;
      peer.drop();
      await until(() => downs.length === 1, 'down');
      clock.advance(downs[0]!.retryInMs + 1);
      await until(() => ups.length === 2, 'up again');
      assert.not.ok(peer.requests.includes('event json CUSTOM no::no'));
    }));

  test('more channels than one batch of filters are watched again', () =>
    bench(async ({ peer, link, start, downs, ups, clock }) => {
      await start();
      const uuids = Array.from({ length: LIMITS.eslRenewalBatch * 2 + 1 }, (_, n) => `channel-${n}`);
      for (const uuid of uuids) await link.watch(uuid);
      peer.requests.length = 0;
      peer.drop();
      await until(() => downs.length === 1, 'down');
      clock.advance(downs[0]!.retryInMs + 1);
      await until(() => ups.length === 2, 'up again');
      const filters = uuids.map((uuid) => peer.requests.indexOf(`filter Unique-ID ${uuid}`));
      const subscribed = peer.requests.findIndex((request) => request.startsWith('event json '));
      assert.ok(filters.every((at) => at >= 0 && at < subscribed));
    }));

  test('an event is published with its body as a body', () =>
    bench(async ({ peer, link, start }) => {
      await start();
      const body = '{"text":"grün\n\nexit\n\n"}';
      await link.sendEvent('mod_audio_stream::json', { 'Unique-ID': UUID }, body);
      assert.is(
        peer.requests.at(-1),
        `sendevent CUSTOM\nEvent-Subclass: mod_audio_stream::json\nUnique-ID: ${UUID}\n` +
          `content-length: ${Buffer.byteLength(body)}\n\n${body}`,
      );
      await link.sendEvent('a::b', {}, '');
      assert.is(peer.requests.at(-1), 'sendevent CUSTOM\nEvent-Subclass: a::b');
      assert.is(await link.api('echo in step'), 'in step');
    }));

  test('an event that would say more than an event is not published', () =>
    bench(async ({ peer, link, start }) => {
      await start();
      const before = peer.requests.length;
      const sent = (headers: Record<string, string>, subclass = 'a::b', body = 'x'): Promise<string> =>
        codeOf(link.sendEvent(subclass, headers, body));
      for (const name of ['content-length', 'Content-Length', 'Event-Name', 'event-subclass', 'a: b\nc'])
        assert.is(await sent({ [name]: '1' }), 'ERR_TALKSPURT_COMMAND_SYNTAX', name);
      assert.is(await sent({ x: 'a\nexit' }), 'ERR_TALKSPURT_COMMAND_SYNTAX');
      assert.is(await sent({}, 'a::b\nexit'), 'ERR_TALKSPURT_COMMAND_SYNTAX');
      assert.is(await sent({}, 'a::b', 'x\0y'), 'ERR_TALKSPURT_COMMAND_SYNTAX');
      const tooLong = 'ü'.repeat(LIMITS.eslEventBodyBytes / 2) + 'x';
      assert.is(await sent({}, 'a::b', tooLong), 'ERR_TALKSPURT_COMMAND_SYNTAX');
      assert.is(peer.requests.length, before);
      peer.answer = (request) => (request.startsWith('sendevent ') ? reply('-ERR invalid') : undefined);
      assert.is(await sent({}), 'ERR_TALKSPURT_SWITCH_COMMAND');
    }));

  const TARGET = { localHost: '127.0.0.1', remoteHost: '127.0.0.1', remotePort: 30_001, native: true };

  test('unicast goes out for a permit, once, as FreeSWITCH wants it', () =>
    bench(async ({ peer, link, start }) => {
      await start();
      const permit = ready(UUID).permit();
      await link.activateUnicast(permit, TARGET);
      const lines = peer.requests.at(-1)!.split('\n');
      assert.is(lines[0], `sendmsg ${UUID}`);
      assert.equal(lines.slice(1).toSorted(), [
        'call-command: unicast',
        'flags: native',
        'local-ip: 127.0.0.1',
        'local-port: 0',
        'remote-ip: 127.0.0.1',
        'remote-port: 30001',
        'transport: udp',
      ]);
      assert.is(await codeOf(link.activateUnicast(permit, TARGET)), 'ERR_TALKSPURT_UNICAST_GUARD');
    }));

  test('unicast without a guard’s permit does not go out, however it is spelled', () =>
    bench(async ({ peer, link, start }) => {
      await start();
      const forged = [
        { uuid: UUID },
        Object.freeze({ uuid: UUID }),
        Object.create(ready(UUID).permit()),
        structuredClone(ready(UUID).permit()),
      ];
      for (const permit of forged)
        assert.is(await codeOf(link.activateUnicast(permit as UnicastPermit, TARGET)), 'ERR_TALKSPURT_UNICAST_GUARD');
      for (const headers of [
        { 'call-command': 'unicast' },
        { 'Call-Command': 'UNICAST' },
        { x: 'y', 'CALL-COMMAND': ' Unicast ' },
      ] as Record<string, string>[]) {
        assert.is(await codeOf(link.sendMessage(UUID, headers)), 'ERR_TALKSPURT_UNICAST_GUARD');
      }
      assert.not.ok(peer.requests.some((request) => /unicast/i.test(request)));
    }));

  test('a permit is tested when the command is written, not when it is queued', () =>
    bench(async ({ peer, link, start }) => {
      await start();
      const guard = ready(UUID);
      const permit = guard.permit();
      let answer: () => void = () => undefined;
      peer.answer = (request, { say }) => {
        if (request !== 'api echo slow') return undefined;
        answer = () => say(apiResponse('slow'));
        return null;
      };
      const slow = link.api('echo slow');
      const activated = codeOf(link.activateUnicast(permit, TARGET));
      await until(() => peer.requests.includes('api echo slow'), 'the slow command');
      guard.disturbed();
      answer();
      assert.is(await slow, 'slow');
      assert.is(await activated, 'ERR_TALKSPURT_UNICAST_GUARD');
      assert.not.ok(peer.requests.some((request) => /unicast/i.test(request)));
    }));

  test('a permit is refused for addresses that FreeSWITCH cannot have, and stays good', () =>
    bench(async ({ link, start }) => {
      await start();
      const permit = ready(UUID).permit();
      for (const wrong of [{ remotePort: 0 }, { remotePort: 70_000 }, { remoteHost: '::1' }, { localHost: 'a\nb' }]) {
        assert.is(await codeOf(link.activateUnicast(permit, { ...TARGET, ...wrong })), 'ERR_TALKSPURT_MEDIA_BIND');
      }
      await link.activateUnicast(permit, TARGET);
    }));

  return test;
}

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { EslApiCall } from '../../../src/switch/freeswitch/esl-dialogue.ts';
import { EslEventFactory } from '../../../src/switch/freeswitch/esl-event-factory.ts';
import { EslServer } from '../../../src/switch/freeswitch/esl-server.ts';
import type { EslServerOptions } from '../../../src/switch/freeswitch/esl-server.ts';
import { HandClock, until } from './hand-clock.ts';
import { RawClient } from './recorded-dialogue.ts';

const test = suite('EslServer');

interface Bench {
  readonly server: EslServer;
  readonly clock: HandClock;
  readonly factory: EslEventFactory;
  readonly malformed: string[];
  readonly clients: RawClient[];
  readonly client: () => RawClient;
}

const SOURCE = { file: 'test.c', function: 'test', line: 1 };

async function withServer(overrides: Partial<EslServerOptions>, run: (bench: Bench) => Promise<void>): Promise<void> {
  const clock = new HandClock();
  const factory = new EslEventFactory({ switchname: 'sw', hostname: 'box' }, clock);
  const malformed: string[] = [];
  const clients: RawClient[] = [];
  const server = new EslServer({
    host: '127.0.0.1',
    port: 0,
    password: 'ClueCon',
    clock,
    factory,
    api: async (call: EslApiCall) => call.line,
    sendMessage: () => '+OK',
    sendEvent: () => '+OK',
    onMalformed: (error) => malformed.push(error.code),
    ...overrides,
  });
  await server.listen();
  const client = (): RawClient => {
    const made = new RawClient(server.port);
    clients.push(made);
    return made;
  };
  try {
    await run({ server, clock, factory, malformed, clients, client });
  } finally {
    for (const each of clients) each.close();
    await server.close();
  }
  assert.is(server.clientCount, 0, 'no connection is left');
  assert.is(clock.pending, 0, 'no timer is left');
}

const NOTICE = /text\/disconnect-notice\nContent-Length: 67\n\nDisconnected, goodbye\.\nSee you at ClueCon! [^\n]+\n$/;

test('a client that does not log in in time is sent away', () =>
  withServer({}, async ({ clock, client }) => {
    const idle = client();
    await until(() => idle.received !== '', 'auth/request');
    clock.advance(LIMITS.eslServerLoginMs - 1);
    assert.is(idle.ended, false);
    clock.advance(1);
    await until(() => idle.ended, 'FIN');
    assert.match(idle.received, NOTICE);
  }));

test('many requests at once are answered turn by turn: what else there is to do comes between them', async () => {
  let answered = 0;
  let eachMs = 0;
  const clocks: HandClock[] = [];
  const api = (): Promise<string> => {
    clocks[0]?.advance(eachMs);
    answered += 1;
    return Promise.resolve('x');
  };
  await withServer({ api }, async ({ clock, client }) => {
    clocks.push(clock);
    const one = client();
    await one.login();
    eachMs = 1;
    one.send('api x\n\n'.repeat(50));
    await until(() => answered > 0, 'the first');
    let turns = 1;
    const isDone = (): boolean => answered >= 50;
    for (; !isDone(); turns += 1) {
      const before = answered;
      clock.advance(0);
      await until(() => answered > before, 'the next turn');
    }
    assert.ok(turns >= 50 / LIMITS.eslServerTurnMs, `${turns} turns`);
  });
});

test('one that has logged in may be idle for ever', () =>
  withServer({}, async ({ clock, client }) => {
    const idle = client();
    await idle.login();
    clock.advance(24 * 3_600_000);
    assert.match(await idle.ask('api x\n\n', /\n\nx$/), /Content-Length: 1/);
  }));

test('before login only little is taken', () =>
  withServer({}, async ({ client, malformed }) => {
    const flood = client();
    flood.send(`auth ${'x'.repeat(LIMITS.eslServerLoginBytes)}`);
    await until(() => flood.ended, 'FIN');
    assert.match(flood.received, NOTICE);
    const body = client();
    body.send('auth x\ncontent-length: 1\n\n');
    await until(() => body.ended, 'FIN');
    assert.equal(malformed, ['ERR_TALKSPURT_LINK_PROTOCOL', 'ERR_TALKSPURT_LINK_PROTOCOL']);
  }));

test('after login a header block and a body are bounded too', () =>
  withServer({}, async ({ client, malformed }) => {
    const [one, two] = [client(), client()];
    await one.login();
    await two.login();
    one.send(`api ${'x'.repeat(LIMITS.eslHeaderBytes)}`);
    two.send(`sendevent X\ncontent-length: ${LIMITS.eslBodyBytes + 1}\n\n`);
    await until(() => one.ended && two.ended, 'FIN');
    assert.is(malformed.length, 2);
  }));

test('a wrong password, and one that is only longer', () =>
  withServer({}, async ({ client }) => {
    for (const password of ['nope', 'ClueCon2', 'ClueCo', '', 'cluecon']) {
      const stranger = client();
      stranger.send(`auth ${password}\n\napi x\n\n`);
      await until(() => stranger.ended, 'FIN');
      assert.match(stranger.received, /Reply-Text: -ERR invalid\n\n/);
      assert.match(stranger.received, NOTICE);
      assert.not.match(stranger.received, /api\/response/, 'what came after it is not answered');
    }
  }));

test('answers come in the order of the questions, however long each takes', async () => {
  const waiting: ((text: string) => void)[] = [];
  const asked: string[] = [];
  await withServer(
    {
      api: (call) => {
        asked.push(call.line);
        return new Promise((resolve) => waiting.push(resolve));
      },
    },
    async ({ client }) => {
      const one = client();
      await one.login();
      one.send('api a\n\napi b\n\nnoevents\n\napi c\n\n');
      await until(() => asked.length === 1, 'a');
      assert.equal(asked, ['a'], 'one at a time');
      waiting[0]!('first');
      await until(() => asked.length === 2, 'b');
      waiting[1]!('second');
      await until(() => asked.length === 3, 'c');
      waiting[2]!('');
      await until(() => one.received.endsWith('no reply\n'), 'c answered');
      const order = ['first', 'second', 'not listening', '-ERR no reply\n'].map((text) => one.received.indexOf(text));
      assert.equal(
        order,
        order.toSorted((x, y) => x - y),
      );
      assert.ok(order.every((at) => at > 0));
    },
  );
});

test('events wait for the answer of a running command', async () => {
  let answer: (text: string) => void = () => undefined;
  await withServer({ api: () => new Promise((resolve) => (answer = resolve)) }, async ({ client, server, factory }) => {
    const one = client();
    await one.login();
    await one.ask('event plain HEARTBEAT\n\n', /enabled plain\n\n$/);
    one.send('api slow\n\n');
    await until(() => answer.length === 1, 'asked');
    server.fire(factory.make({ name: 'HEARTBEAT', source: SOURCE }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.not.match(one.received, /HEARTBEAT/);
    answer('done');
    await until(() => /HEARTBEAT/.test(one.received), 'event');
    assert.ok(one.received.indexOf('done') < one.received.indexOf('HEARTBEAT'));
  });
});

test('a client that does not read its events is cut off, not fed without end', () =>
  withServer({}, async ({ client, server, factory }) => {
    const deaf = client();
    await deaf.login();
    await deaf.ask('event plain CUSTOM\n\n', /enabled plain\n\n$/);
    deaf.socket.pause();
    const event = factory.make({ name: 'CUSTOM', source: SOURCE, body: 'x'.repeat(256 * 1024) });
    let fired = 0;
    await until(() => {
      if (server.clientCount > 0) {
        server.fire(event);
        fired += 1;
      }
      return server.clientCount === 0;
    }, 'cut off');
    assert.ok(fired * event.body!.length < 64 * 1024 * 1024, `${fired} events were kept`);
  }));

test('events behind a command that never ends are bounded', () =>
  withServer({ api: () => new Promise<string>(() => undefined) }, async ({ client, server, factory }) => {
    const one = client();
    await one.login();
    await one.ask('event plain HEARTBEAT\n\n', /enabled plain\n\n$/);
    one.send('api never\n\n');
    const event = factory.make({ name: 'HEARTBEAT', source: SOURCE });
    for (let n = 0; n <= LIMITS.eslServerQueuedEvents + 1; n += 1) {
      server.fire(event);
      if (n % 512 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => server.clientCount === 0, 'cut off');
  }));

test('a flood of questions is read no faster than it is answered', async () => {
  let open = false;
  let asked = 0;
  const gates: (() => void)[] = [];
  await withServer(
    {
      api: async (call) => {
        asked += 1;
        if (!open) await new Promise<void>((resolve) => gates.push(resolve));
        return call.line;
      },
    },
    async ({ client }) => {
      const one = client();
      await one.login();
      const count = 20_000;
      for (let n = 0; n < count; n += 1) one.send(`api ${n}\n\n`);
      await until(() => gates.length === 1, 'first');
      assert.is(asked, 1);
      open = true;
      gates[0]!();
      await until(() => one.received.endsWith(`\n\n${count - 1}`), 'last');
      assert.is(one.received.match(/api\/response/g)!.length, count);
    },
  );
});

test('a client that closes its side still gets its answers', async () => {
  let answer: (text: string) => void = () => undefined;
  await withServer({ api: () => new Promise((resolve) => (answer = resolve)) }, async ({ client }) => {
    const one = client();
    await one.login();
    one.send('api slow\n\n');
    one.socket.end();
    await until(() => answer.length === 1, 'asked');
    answer('late');
    await until(() => one.ended, 'FIN');
    assert.match(one.received, /\n\nlate/);
    assert.match(one.received, NOTICE);
  });
});

test('strangers are turned away, and too many guests', () =>
  withServer({ clients: 1 }, async ({ client, server }) => {
    const first = client();
    await first.login();
    const second = client();
    await until(() => second.ended, 'FIN');
    assert.match(
      second.received,
      /^Content-Type: text\/rude-rejection\nContent-Length: 31\n\nToo many connections, go away\.\n/,
    );
    server.allow(['10.0.0.0/8']);
    const third = client();
    await until(() => third.ended, 'FIN');
    assert.match(third.received, /Access Denied/);
    assert.match(await first.ask('api x\n\n', /\n\nx$/), /x$/, 'who is in stays in');
  }));

test('connections that do not log in keep nobody out: the oldest of them makes room', () =>
  withServer({ clients: 3 }, async ({ client }) => {
    const inside = client();
    await inside.login();
    const silent = client();
    await until(() => silent.received !== '', 'the first that says nothing has a place');
    const other = client();
    await until(() => other.received !== '', 'and so has the next');
    const operator = client();
    await operator.login();
    assert.match(await operator.ask('api x\n\n', /\n\nx$/), /x$/);
    await until(() => silent.closed, 'the oldest has gone');
    assert.is(other.closed, false);
    assert.match(await inside.ask('api x\n\n', /\n\nx$/), /x$/, 'who is in stays in');
  }));

test('a stranger that does not leave is cut off', () =>
  withServer({ allow: [] }, async ({ client, clock }) => {
    const stranger = client();
    await until(() => stranger.ended, 'FIN');
    clock.advance(LIMITS.eslServerCloseMs);
    stranger.send('x');
    await until(() => stranger.closed, 'cut off');
  }));

test('background jobs: at once an identity, later the event; too many are refused', async () => {
  const answers: ((text: string) => void)[] = [];
  await withServer({ api: () => new Promise((resolve) => answers.push(resolve)) }, async ({ client }) => {
    const one = client();
    await one.login();
    await one.ask('event json BACKGROUND_JOB\n\n', /enabled json\n\n$/);
    for (let n = 0; n < LIMITS.eslServerJobs; n += 1) one.send(`bgapi job ${n}\nJob-UUID: job-${n}\n\n`);
    await one.ask('bgapi more\n\n', /-ERR too many background jobs\n\n$/);
    answers[5]!('output of five');
    await until(() => one.received.endsWith('}'), 'event');
    const json = JSON.parse(one.received.slice(one.received.lastIndexOf('\n\n') + 2)) as Record<string, string>;
    assert.is(json['Job-UUID'], 'job-5');
    assert.is(json['Job-Command'], 'job');
    assert.is(json['Job-Command-Arg'], '5');
    assert.is(json['_body'], 'output of five');
    await one.ask('bgapi again\n\n', /\+OK Job-UUID: [0-9a-f-]{36}\nJob-UUID: [0-9a-f-]{36}\n\n$/);
  });
});

test('a host that fails ends the connection, not the process', () =>
  withServer({ api: () => Promise.reject(new Error('boom')) }, async ({ client, malformed }) => {
    const one = client();
    await one.login();
    one.send('api x\n\n');
    await until(() => one.ended, 'FIN');
    assert.not.match(one.received, /boom/);
    assert.equal(malformed, ['ERR_TALKSPURT_INTERNAL']);
  }));

test('log lines go to those who asked for their level', () =>
  withServer({}, async ({ client, server }) => {
    const [all, few, none] = [client(), client(), client()];
    for (const each of [all, few, none]) await each.login();
    await all.ask('log debug\n\n', /\[7\]\n\n$/);
    await few.ask('log err\n\n', /\[3\]\n\n$/);
    server.log({ level: 6, file: 'a.c', function: 'f', line: 1, text: 'hello\n' });
    server.log({ level: 2, file: 'a.c', function: 'f', line: 1, text: 'grave\n' });
    await until(() => few.received.endsWith('grave\n') && all.received.endsWith('grave\n'), 'lines');
    assert.match(all.received, /hello\n/);
    assert.not.match(few.received, /hello/);
    assert.not.match(none.received, /grave/);
  }));

test('a port that is taken, and an address that is none, say so', async () => {
  await withServer({}, async ({ server }) => {
    await withServer({}, async () => undefined);
    const second = new EslServer({ ...options(server.port) });
    let code: unknown = null;
    await second.listen().catch((error: unknown) => (code = error));
    assert.ok(hasCode(code, 'ERR_TALKSPURT_LISTEN'));
  });
  for (const allow of ['localhost', '300.0.0.1', '10.0.0.0/33', '::/129', '']) {
    assert.throws(
      () => new EslServer({ ...options(0), allow: [allow] }),
      (error: unknown) => hasCode(error, 'ERR_TALKSPURT_CONFIG_INVALID'),
    );
  }
});

function options(port: number): EslServerOptions {
  const clock = new HandClock();
  return {
    host: '127.0.0.1',
    port,
    password: 'x',
    clock,
    factory: new EslEventFactory({ switchname: 's', hostname: 'h' }, clock),
    api: async () => '',
    sendMessage: () => '',
    sendEvent: () => '',
    onMalformed: () => undefined,
  };
}

test.run();

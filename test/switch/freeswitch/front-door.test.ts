import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';
import { FrontDoor } from '../../../src/switch/freeswitch/front-door.ts';
import type { FrontDoorOptions } from '../../../src/switch/freeswitch/front-door.ts';
import { HandClock, until } from './hand-clock.ts';
import { dialogues, RawClient, replay } from './recorded-dialogue.ts';
import type { Dialogue } from './recorded-dialogue.ts';

const test = suite('FrontDoor');

interface Bench {
  readonly door: FrontDoor;
  readonly clock: HandClock;
  readonly ours: string[];
  readonly passed: string[];
  readonly events: TalkspurtEvent[];
  readonly client: () => Promise<RawClient>;
  readonly port: number;
}

async function withDoor(options: Partial<FrontDoorOptions>, run: (bench: Bench) => Promise<void>): Promise<void> {
  const clock = new HandClock();
  const [ours, passed, events]: [string[], string[], TalkspurtEvent[]] = [[], [], []];
  const door = new FrontDoor({
    host: '127.0.0.1',
    port: 0,
    password: 'ClueCon',
    clock,
    events: { emit: (event) => events.push(event) },
    identity: { switchname: 'labfs', hostname: 'vm' },
    dispatch: async (line) => {
      ours.push(line);
      return '+OK Success\n';
    },
    passThrough: async (line) => {
      passed.push(line);
      return `switch: ${line}\n`;
    },
    words: { channels: () => ['abc-1'], profiles: () => ['support'], backends: () => ['openai'] },
    ...options,
  });
  const { port } = await door.listen();
  const clients: RawClient[] = [];
  const client = async (): Promise<RawClient> => {
    const made = new RawClient(port);
    clients.push(made);
    await made.login();
    return made;
  };
  try {
    await run({ door, clock, ours, passed, events, client, port });
  } finally {
    for (const each of clients) each.close();
    await door.close();
  }
  assert.is(door.clientCount, 0);
  assert.is(clock.pending, 0, 'no timer is left');
}

/** The body of the answer to an `api` command. */
async function api(client: RawClient, line: string, console = true): Promise<string> {
  const head = console ? `api ${line}\nconsole_execute: true\n\n` : `api ${line}\n\n`;
  const from = client.received.length;
  client.send(head);
  const body = (): string | null => {
    const text = client.received.slice(from);
    const length = /^Content-Type: api\/response\nContent-Length: (\d+)\n\n/.exec(text);
    if (length === null) return null;
    const bytes = Buffer.from(text.slice(length[0].length));
    return bytes.length >= Number(length[1]) ? bytes.subarray(0, Number(length[1])).toString() : null;
  };
  await until(() => body() !== null, `answer to ${line}`);
  return body()!;
}

/** The recorded switch behind the door: what it answered to each `api` line. */
function recordedAnswers(dialogue: Dialogue): (line: string) => Promise<string> {
  const answers = new Map<string, string>();
  dialogue.steps.forEach((step, index) => {
    const line = step.from === 'client' ? /^api (.*)\n/.exec(step.text)?.[1] : undefined;
    const body = /^Content-Type: api\/response\nContent-Length: \d+\n\n([^]*)$/.exec(
      dialogue.steps[index + 1]?.text ?? '',
    )?.[1];
    if (line !== undefined && body !== undefined) answers.set(line.replace(/ c=\d+;/, ' '), body);
  });
  return async (line) => answers.get(line) ?? `-ERR ${line} Command not found!\n`;
}

// What a real fs_cli said to a real switch, said to the door with that switch behind it.
for (const file of ['fs-cli-x', 'fs-cli-interactive', 'fs-cli-batch']) {
  for (const dialogue of dialogues(file)) {
    test(`${file}: ${dialogue.name}`, () =>
      withDoor(
        {
          passThrough: recordedAnswers(dialogue),
          dispatch: async (line) => `-ERR ${line} Command not found!\n`,
        },
        async ({ port, clock }) => {
          for (const { recorded, heard } of await replay(dialogue, port, clock)) {
            assert.is(heard, recorded);
          }
        },
      ));
  }
}

for (const name of [
  'auth ok, status, exit',
  'wrong password',
  'command before auth',
  'CRLF line ends',
  'two commands in one segment; one command in three segments',
  'CUSTOM keyword order: names after CUSTOM are subclasses',
  'bgapi: server-made Job-UUID, own Job-UUID',
]) {
  const dialogue = dialogues('esl-raw').find((each) => each.name === name)!;
  test(`esl-raw: ${name}`, () =>
    withDoor(
      {
        identity: {
          switchname: 'labfs',
          hostname: 'vm',
          ipv4: '192.0.2.2',
          ipv6: 'fd00::2',
          coreUuid: '67dbadb4-1b63-4065-9ed1-7efd8383c231',
        },
      },
      async ({ port, clock }) => {
        for (const { recorded, heard } of await replay(dialogue, port, clock)) assert.is(heard, recorded);
      },
    ));
}

test('our command is answered here, whoever asks and however', () =>
  withDoor({}, async ({ client, ours, passed }) => {
    const operator = await client();
    assert.is(await api(operator, 'uuid_audio_stream abc start support {"a":1}'), '+OK Success\n');
    assert.is(await api(operator, '  UUID_AUDIO_STREAM list', false), '+OK Success\n');
    await operator.ask('event plain BACKGROUND_JOB\n\n', /enabled plain\n\n$/);
    await operator.ask('bgapi uuid_audio_stream abc stop\n\n', /BACKGROUND_JOB[^]*\+OK Success\n$/);
    assert.equal(ours, [
      'uuid_audio_stream abc start support {"a":1}',
      'UUID_AUDIO_STREAM list',
      'uuid_audio_stream abc stop',
    ]);
    assert.equal(passed, []);
  }));

test('everything else is the switch’s', () =>
  withDoor({}, async ({ client, ours, passed }) => {
    const operator = await client();
    assert.is(await api(operator, 'sofia status'), 'switch: sofia status\n');
    assert.is(await api(operator, 'uuid_audio_streams x', false), 'switch: uuid_audio_streams x\n');
    assert.equal(ours, []);
    assert.equal(passed, ['sofia status', 'uuid_audio_streams x']);
  }));

test('";;" separates commands at the prompt, but never in ours', () =>
  withDoor({}, async ({ client, ours, passed }) => {
    const operator = await client();
    assert.is(await api(operator, 'hostname;;switchname;;status'), 'vmlabfsswitch: status\n');
    await api(operator, 'uuid_audio_stream abc stop;;status');
    assert.equal(ours, ['uuid_audio_stream abc stop;;status'], 'the grammar gets the whole line, and refuses it');
    assert.is(await api(operator, 'status;;x', false), 'switch: status;;x\n', 'a program’s line is one command');
    assert.equal(passed, ['status', 'status;;x']);
  }));

test('without a switch, what is not ours does not exist', async () => {
  const clock = new HandClock();
  const door = new FrontDoor({
    host: '127.0.0.1',
    port: 0,
    password: 'ClueCon',
    clock,
    events: { emit: () => undefined },
    identity: { switchname: 's', hostname: 'h' },
    dispatch: async () => 'ours\n',
  });
  const { port } = await door.listen();
  const operator = new RawClient(port);
  await operator.login();
  assert.is(await api(operator, 'show channels'), '-ERR show channels Command not found!\n');
  assert.is(await api(operator, 'show channels', false), '-ERR show Command not found!\n');
  assert.is(
    await api(operator, 'console_complete uuid_a', false),
    '\n\n[   uuid_audio_stream]\t\n\nwrite=6:uuid_audio_stream ',
  );
  operator.close();
  await door.close();
});

test('a switch that fails is an error of one line, and the next command works', () =>
  withDoor(
    {
      passThrough: async (line) => {
        if (line === 'status') throw new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'the link to the switch is down');
        if (line === 'version') throw new Error('secret');
        return 'fine\n';
      },
    },
    async ({ client }) => {
      const operator = await client();
      assert.is(await api(operator, 'status'), '-ERR the link to the switch is down (ERR_TALKSPURT_LINK_DOWN)\n');
      assert.is(await api(operator, 'version'), '-ERR internal error (ERR_TALKSPURT_INTERNAL)\n');
      assert.is(await api(operator, 'show calls'), 'fine\n');
    },
  ));

test('what could end the switch is not passed on', () =>
  withDoor({}, async ({ client, passed }) => {
    const operator = await client();
    for (const line of [
      'fsctl shutdown',
      'fsctl  crash',
      'FSCTL shutdown now',
      'shutdown',
      'unload mod_event_socket',
      'reload -f mod_event_socket',
      'system rm -rf /',
      'bg_system x',
      'expand fsctl shutdown',
      'sched_api +1 none fsctl shutdown',
      'bgapi eval ${fsctl(shutdown)}',
      'eval ${system(ls)}',
    ]) {
      const reply = await api(operator, line);
      if (line.startsWith('bgapi')) assert.match(reply, /^\+OK Job-UUID/);
      else assert.match(reply, /^-ERR this command is not passed on/, line);
    }
    assert.equal(passed, []);
    for (const line of [
      'fsctl sps 10',
      'reload mod_sofia',
      'uuid_setvar x y system',
      'show system',
      'sched_api +1 none status',
    ]) {
      assert.is(await api(operator, line), `switch: ${line}\n`);
    }
  }));

test('sendmsg and sendevent never reach the switch', () =>
  withDoor({}, async ({ client, passed }) => {
    const operator = await client();
    await operator.ask(
      'sendmsg abc\ncall-command: unicast\n\n',
      /Reply-Text: -ERR sendmsg is not passed on[^\n]*\n\n$/,
    );
    await operator.ask(
      'sendevent CUSTOM\nEvent-Subclass: a::b\n\n',
      /Reply-Text: -ERR sendevent is not passed on\n\n$/,
    );
    assert.equal(passed, []);
  }));

test('a line with control characters, and one that is too long, are not passed on', () =>
  withDoor({}, async ({ client, passed }) => {
    const operator = await client();
    assert.match(await api(operator, 'status \u0001x'), /^-ERR the command contains a line end or another control/);
    assert.match(await api(operator, `status ${'x'.repeat(17_000)}`), /^-ERR the command is longer than/);
    assert.equal(passed, []);
  }));

test('Tab: our words, the switch’s, and both', async () => {
  await withDoor(
    {
      passThrough: async (line) =>
        line === 'console_complete uuid_a' ? '\n\n[         uuid_answer]\t\n\nwrite=6:uuid_answer ' : `? ${line}`,
    },
    async ({ client }) => {
      const operator = await client();
      assert.is(
        await api(operator, 'console_complete uuid_a', false),
        '\n\n[         uuid_answer]\t[   uuid_audio_stream]\t\n\nwrite=6:uuid_a',
      );
      assert.is(
        await api(operator, 'console_complete uuid_audio_stream ab', false),
        '\n\n[               abc-1]\t\n\nwrite=2:abc-1 ',
      );
      assert.is(
        await api(operator, 'console_complete uuid_audio_stream ', false),
        '\n\n[               abc-1]\t[               drain]\t[       global_health]\t[                help]\t\n[                list]\t[           originate]\t[              reload]\t[             version]\t\n\n\n',
      );
      assert.is(
        await api(operator, 'console_complete c=19;uuid_audio_stream lixyz', false),
        '\n\n[                list]\t\n\nwrite=1:list ',
      );
      assert.is(await api(operator, 'console_complete sofia st', false), '? console_complete sofia st');
    },
  );
});

test('a peer that does not speak ESL is reported and let go', () =>
  withDoor({}, async ({ port, events }) => {
    const stranger = new RawClient(port);
    stranger.send(`GET / HTTP/1.1\r\n${'X-Filler: 1\r\n'.repeat(1000)}`);
    await until(() => stranger.ended, 'FIN');
    stranger.close();
    assert.is(events.length, 1);
    assert.is(events[0]!.type, 'peer.malformed');
  }));

test('close says goodbye to everyone, twice is harmless', () =>
  withDoor({}, async ({ door, client }) => {
    const operator = await client();
    const closing = door.close();
    await until(() => operator.ended, 'FIN');
    assert.match(operator.received, /disconnect-notice/);
    operator.close();
    await closing;
    await door.close();
  }));

test.run();

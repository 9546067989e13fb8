/** Commands by event: who may ask what, how often, and what comes back. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dispatch } from '../../../src/commands/dispatch.ts';
import type { CommandTarget } from '../../../src/commands/dispatch.ts';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { COMMAND_SUBCLASS, CommandFront, REPLY_SUBCLASS } from '../../../src/switch/freeswitch/command-front.ts';
import type { CommandFrontOptions } from '../../../src/switch/freeswitch/command-front.ts';
import type { EslEvent } from '../../../src/switch/freeswitch/esl-link.ts';
import { settle } from '../../sim/fake-clock.ts';

const test = suite('CommandFront');
const UUID = '5c0e0f7a-0000-4000-8000-000000000001';

interface Sent {
  readonly subclass: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

class FakeLink {
  readonly subscriptions: string[] = [];
  readonly sent: Sent[] = [];
  failure: TalkspurtError | null = null;
  hold: Promise<void> = Promise.resolve();

  async subscribe(subclass: string): Promise<void> {
    this.subscriptions.push(subclass);
  }

  async sendEvent(subclass: string, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
    await this.hold;
    if (this.failure !== null) throw this.failure;
    this.sent.push({ subclass, headers, body });
  }
}

function command(body: string, headers: Record<string, string> = {}): EslEvent {
  const all = { 'Event-Name': 'CUSTOM', 'Event-Subclass': COMMAND_SUBCLASS, ...headers };
  return { name: 'CUSTOM', uuid: headers['Unique-ID'] ?? '', headers: all, body };
}

async function front(
  options: Partial<CommandFrontOptions> = {},
): Promise<{ link: FakeLink; front: CommandFront; lines: string[]; faults: TalkspurtError[] }> {
  const link = new FakeLink();
  const lines: string[] = [];
  const faults: TalkspurtError[] = [];
  const made = new CommandFront({
    link,
    dispatch: async (line, name) => {
      lines.push(`${name}: ${line}`);
      return '+OK Success\n';
    },
    onFault: (error) => faults.push(error),
    ...options,
  });
  await made.open();
  return { link, front: made, lines, faults };
}

test('a line in the body, an answer with its Request-ID', async () => {
  const { link, front: it, lines } = await front();
  assert.equal(link.subscriptions, ['audio_stream::command']);
  assert.is(it.onEvent(command(`uuid_audio_stream ${UUID} health`, { 'Request-ID': 'r-1' })), true);
  await settle();
  assert.equal(lines, [`event: uuid_audio_stream ${UUID} health`]);
  const [reply] = link.sent;
  assert.is(reply!.subclass, REPLY_SUBCLASS);
  assert.is(reply!.headers['Request-ID'], 'r-1');
  assert.is(reply!.body, '+OK Success\n');
  assert.equal(it.stats, { commands: 1, refused: 0, unanswered: 0 });
});

test('a line in the header Command; no Request-ID, and an answer all the same', async () => {
  const { link, front: it, lines } = await front();
  it.onEvent(command('', { Command: 'global_health' }));
  // What FreeSWITCH itself writes into an event that came by sendevent.
  it.onEvent(command('', { Command: 'sendevent CUSTOM' }));
  await settle();
  assert.equal(lines, ['event: global_health', 'event: ']);
  assert.is(link.sent.length, 2);
  assert.is('Request-ID' in link.sent[0]!.headers, false);
});

test('a verb alone is about the channel of the event; what names a channel or none keeps to that', async () => {
  const { front: it, lines } = await front();
  for (const line of [
    'start sales mono 8k {"a": 1}',
    'uuid_audio_stream  stop',
    'health\n',
    'list',
    'other-channel health',
    ' send_text  two  words',
  ])
    it.onEvent(command(line, { 'Unique-ID': UUID }));
  it.onEvent(command('health', { 'Unique-ID': 'not one; really' }));
  await settle();
  assert.equal(
    lines.map((line) => line.slice('event: '.length)),
    [
      `${UUID} start sales mono 8k {"a": 1}`,
      `${UUID} stop`,
      `${UUID} health`,
      'list',
      'other-channel health',
      `${UUID} send_text  two  words`,
      'health',
    ],
  );
});

test('other events are none of its business; after close nothing is taken', async () => {
  const { link, front: it, lines } = await front();
  const other = command('list', { 'Event-Subclass': 'sofia::register' });
  assert.is(it.onEvent(other), false);
  assert.is(it.onEvent({ ...command('list'), name: 'CHANNEL_ANSWER' }), false);
  await it.close();
  await it.close();
  assert.is(it.onEvent(command('list')), true);
  await settle();
  assert.equal([lines, link.sent], [[], []]);
});

test('what we sent ourselves and somebody forwards as a command is not carried out', async () => {
  const { link, front: it, lines } = await front();
  it.onEvent(command('list', { 'Request-ID': 'a' }));
  await settle();
  it.onEvent(command('list', { ...link.sent[0]!.headers }));
  await settle();
  assert.is(lines.length, 1);
  assert.is(link.sent.length, 1);
});

test('an id that is none is refused, and not repeated', async () => {
  const { link, front: it, lines } = await front();
  for (const id of ['', 'x'.repeat(129), 'a b', 'a\nContent-Length: 9', 'é'])
    it.onEvent(command('list', { 'Request-ID': id }));
  await settle();
  assert.equal(lines, []);
  assert.is(link.sent.length, 5);
  for (const { headers, body } of link.sent) {
    assert.match(body, /^-ERR .*ERR_TALKSPURT_COMMAND_SYNTAX\)\n$/);
    assert.is('Request-ID' in headers, false);
  }
  assert.is(it.stats.refused, 5);
});

test('a flood: so many run at once, so many are told to wait, the rest is counted; then all is as before', async () => {
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const { link, front: it } = await front({ dispatch: async () => (await gate, 'done\n') });
  link.hold = gate;
  const extra = 1_000;
  const flood = LIMITS.commandFrontCommands + LIMITS.commandFrontRefusals + extra;
  for (let n = 0; n < flood; n += 1) it.onEvent(command('list', { 'Request-ID': `r${n}` }));
  await settle();
  assert.equal(it.stats, {
    commands: LIMITS.commandFrontCommands,
    refused: LIMITS.commandFrontRefusals + extra,
    unanswered: extra,
  });
  letGo();
  await settle();
  const busy = link.sent.filter(({ body }) => body.includes('ERR_TALKSPURT_COMMAND_LIMIT'));
  assert.is(busy.length, LIMITS.commandFrontRefusals);
  assert.is(link.sent.length - busy.length, LIMITS.commandFrontCommands);
  it.onEvent(command('list', { 'Request-ID': 'later' }));
  await settle();
  assert.is(link.sent.at(-1)!.headers['Request-ID'], 'later');
  assert.is(link.sent.at(-1)!.body, 'done\n');
});

test('a link that is down, and a dispatch that breaks its promise, end nothing', async () => {
  const {
    link,
    front: it,
    faults,
  } = await front({
    dispatch: async (line) => {
      if (line === 'list') throw new Error('a bug');
      return 'fine\n';
    },
  });
  it.onEvent(command('list'));
  await settle();
  assert.match(link.sent[0]!.body, /^-ERR internal error/);
  link.failure = new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down');
  it.onEvent(command('version'));
  await settle();
  assert.is(it.stats.unanswered, 1);
  assert.equal(
    faults.map(({ code }) => code),
    ['ERR_TALKSPURT_INTERNAL', 'ERR_TALKSPURT_LINK_DOWN'],
  );
});

test('an answer is bounded, and cannot end early on the switch', async () => {
  const long = 'x'.repeat(LIMITS.eslEventBodyBytes);
  const { link, front: it } = await front({ dispatch: async (line) => (line === 'long' ? `${long}\n` : 'a\0b\n') });
  it.onEvent(command('long'));
  it.onEvent(command('nul'));
  await settle();
  assert.match(link.sent[0]!.body, /^-ERR the reply is too long/);
  assert.is(link.sent[1]!.body, 'a b\n');
});

test('injection: what is more than one line never reaches a call', async () => {
  const target = new Proxy({} as CommandTarget, {
    get: (_, name) => () => assert.unreachable(`${String(name)} was carried out`),
  });
  const { link, front: it } = await front({ dispatch: async (line) => (await dispatch(line, target)).reply });
  for (const body of [
    `${UUID} stop\n${UUID} health`,
    `${UUID} stop;;shutdown`,
    `${UUID} stop\r`,
    '\u0000',
    'stop\u2028x',
  ])
    it.onEvent(command(body, { 'Unique-ID': UUID }));
  await settle();
  assert.is(link.sent.length, 5);
  for (const { body } of link.sent) assert.match(body, /^-(ERR|USAGE)/);
});

test.run();

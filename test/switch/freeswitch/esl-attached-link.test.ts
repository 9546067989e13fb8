/** A link over the connection of somebody who runs the `esl` package: theirs works on as if we were not there. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { FreeSwitchClient, FreeSwitchResponse } from 'esl';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { EslAttachedLink } from '../../../src/switch/freeswitch/esl-attached-link.ts';
import type { EslEvent } from '../../../src/switch/freeswitch/esl-link.ts';
import { UnicastGuard } from '../../../src/switch/freeswitch/unicast-guard.ts';
import { HandClock, until } from './hand-clock.ts';
import { ScriptedSwitch, apiResponse, jsonEvent, reply } from './scripted-switch.ts';

const UUID = '5c0e0f7a-0000-4000-8000-000000000001';
const silence = (): void => undefined;
const SILENT = { debug: silence, info: silence, error: silence };

interface Bench {
  readonly peer: ScriptedSwitch;
  /** The owner's, logged in. */
  readonly owner: FreeSwitchResponse;
  readonly link: EslAttachedLink;
  readonly clock: HandClock;
  readonly events: EslEvent[];
  readonly ups: string[];
  readonly downs: TalkspurtError[];
  readonly faults: TalkspurtError[];
  readonly start: () => Promise<void>;
}

/** What the package's client does at every connection, without its timers. */
async function logInAsOwner(port: number): Promise<{ socket: Socket; response: FreeSwitchResponse }> {
  const socket = connect({ host: '127.0.0.1', port });
  const response = new FreeSwitchResponse(socket, SILENT);
  await response.onceAsync('freeswitch_auth_request', undefined, 'the greeting');
  await response.auth('ClueCon');
  await response.event_json('HEARTBEAT', 'CHANNEL_ANSWER');
  return { socket, response };
}

async function bench(run: (bench: Bench) => Promise<void>, filtered = false): Promise<void> {
  const peer = new ScriptedSwitch();
  const { socket, response: owner } = await logInAsOwner(await peer.listen());
  const clock = new HandClock();
  const link = new EslAttachedLink({ name: 'fs1', clock, client: owner, filtered });
  const [events, ups, downs, faults]: [EslEvent[], string[], TalkspurtError[], TalkspurtError[]] = [[], [], [], []];
  const start = (): Promise<void> =>
    link.start({
      onUp: (version) => ups.push(version),
      onDown: (error) => downs.push(error),
      onEvent: (event) => events.push(event),
      onFault: (error) => faults.push(error),
    });
  try {
    await run({ peer, owner, link, clock, events, ups, downs, faults, start });
  } finally {
    await link.close();
    socket.destroy();
    await peer.close();
  }
  assert.is(clock.pending, 0, 'no timer is left');
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as TalkspurtError).code,
  );

test('it is proven in step, and adds events without hiding any from the owner', () =>
  bench(async ({ peer, owner, link, start, ups, events, downs }) => {
    const seen: string[] = [];
    owner.on('HEARTBEAT', () => seen.push('HEARTBEAT'));
    owner.on('CHANNEL_ANSWER', (event) => seen.push(event.body['Unique-ID'] ?? ''));
    await start();
    assert.match(ups[0]!, '1.11.2');
    await link.watch(UUID);
    await link.subscribe('audio_stream::command');
    assert.not.ok(
      peer.requests.some((request) => request.startsWith('filter')),
      'no filter is set',
    );
    assert.ok(peer.requests.includes('event json CUSTOM audio_stream::command'));
    peer.say(jsonEvent({ 'Event-Name': 'HEARTBEAT' }));
    peer.say(jsonEvent({ 'Event-Name': 'CHANNEL_ANSWER', 'Unique-ID': 'somebody-elses' }));
    peer.say(jsonEvent({ 'Event-Name': 'CHANNEL_ANSWER', 'Unique-ID': UUID, list: ['a', 'b'] }));
    peer.say(jsonEvent({ 'Event-Name': 'CUSTOM', 'Event-Subclass': 'sofia::register' }));
    peer.say(jsonEvent({ 'Event-Name': 'CUSTOM', 'Event-Subclass': 'audio_stream::command', _body: 'list' }));
    await until(() => events.length === 2, 'ours');
    assert.equal(
      events.map(({ name, uuid, body }) => [name, uuid, body]),
      [
        ['CHANNEL_ANSWER', UUID, ''],
        ['CUSTOM', '', 'list'],
      ],
    );
    assert.is(events[0]!.headers['list'], 'ARRAY::a|:b');
    assert.equal(seen, ['HEARTBEAT', 'somebody-elses', UUID]);
    await link.unwatch(UUID);
    peer.say(jsonEvent({ 'Event-Name': 'CHANNEL_ANSWER', 'Unique-ID': UUID }));
    await until(() => seen.length === 4, 'the owner’s');
    assert.is(events.length, 2);
    assert.equal(downs, []);
  }));

test('to an owner’s filters ours are added', () =>
  bench(async ({ peer, link, start }) => {
    await start();
    await link.watch(UUID);
    await link.subscribe('a::b');
    assert.ok(peer.requests.includes(`filter Unique-ID ${UUID}`));
    assert.ok(peer.requests.includes('filter Event-Subclass a::b'));
    await link.unwatch(UUID);
    assert.ok(peer.requests.includes(`filter delete Unique-ID ${UUID}`));
  }, true));

test('commands take their turn among the owner’s, and every answer goes to who asked', () =>
  bench(async ({ peer, owner, link, start }) => {
    await start();
    const theirs = [1, 2].map((n) => owner.api(`echo their ${n}`));
    const ours = [link.api('echo our 1'), link.api('nosuchapi')];
    const after = owner.api('echo their 3');
    assert.equal(await Promise.all(ours), ['our 1', '-ERR nosuchapi Command not found!\n']);
    assert.equal(
      (await Promise.all([...theirs, after])).map(({ body }) => body),
      ['their 1', 'their 2', 'their 3'],
    );
    const body = 'grün\n\nexit\n\n';
    await link.sendEvent('a::b', { x: 'y' }, body);
    const published = `sendevent CUSTOM\nEvent-Subclass: a::b\nx: y\ncontent-length: ${Buffer.byteLength(body)}\n\n${body}`;
    assert.is(await link.api('echo in step'), 'in step');
    assert.is((await owner.api('echo both')).body, 'both');
    // The recording takes a blank line off the end of each request.
    assert.ok(peer.requests.includes(published.replace(/\n\n$/, '')));
    peer.answer = (request) => (request.startsWith('sendmsg ') ? reply('-ERR invalid session') : undefined);
    assert.is(await link.sendMessage(UUID, { 'call-command': 'hangup' }), '-ERR invalid session');
  }));

test('a background job, whose result the package does not keep', () =>
  bench(async ({ peer, owner, link, start }) => {
    await start();
    peer.answer = (request) => {
      const job = /^bgapi status\nJob-UUID: (.+)$/.exec(request)?.[1];
      if (job === undefined) return undefined;
      return (
        reply(`+OK Job-UUID: ${job}`) + jsonEvent({ 'Event-Name': 'BACKGROUND_JOB', 'Job-UUID': job, _body: 'vm' })
      );
    };
    assert.is(await link.bgapi('status'), 'vm');
    assert.is((Reflect.get(owner, '__later') as Map<string, unknown>).size, 0);
  }));

test('a permit is tested when its turn has come', () =>
  bench(async ({ peer, owner, link, start }) => {
    await start();
    const guard = new UnicastGuard(UUID);
    guard.answered();
    guard.parked(guard.repark());
    guard.codecKnown('PCMU');
    let answer = silence;
    peer.answer = (request, { say }) => {
      if (request !== 'api echo slow') return undefined;
      answer = () => say(apiResponse('slow'));
      return null;
    };
    const slow = owner.api('echo slow');
    const target = { localHost: '127.0.0.1', remoteHost: '127.0.0.1', remotePort: 30_001, native: true };
    const activated = codeOf(link.activateUnicast(guard.permit(), target));
    await until(() => peer.requests.includes('api echo slow'), 'the owner’s command');
    guard.disturbed();
    answer();
    await slow;
    assert.is(await activated, 'ERR_TALKSPURT_UNICAST_GUARD');
    assert.not.ok(peer.requests.some((request) => /unicast/i.test(request)));
  }));

test('letting go leaves the owner’s connection and its listeners as they were', () =>
  bench(async ({ peer, owner, link, start, events }) => {
    const seen: string[] = [];
    owner.on('CHANNEL_ANSWER', (event) => seen.push(event.body['Unique-ID'] ?? ''));
    await start();
    await link.watch(UUID);
    await link.close();
    peer.say(jsonEvent({ 'Event-Name': 'CHANNEL_ANSWER', 'Unique-ID': UUID }));
    await until(() => seen.length === 1, 'the owner’s event');
    assert.equal(events, []);
    assert.is((await owner.api('echo still here')).body, 'still here');
    assert.not.ok(peer.requests.some((request) => /^(?:exit|noevents|nixevent|filter)/.test(request)));
    const listeners = Reflect.get(owner, '__on') as Record<string, Set<unknown> | undefined>;
    assert.is(listeners['CHANNEL_ANSWER']?.size, 1);
    assert.is(listeners['CUSTOM']?.size, 0);
  }));

test('a listener that throws is told as a fault, and nothing of it reaches the owner’s socket', async () => {
  const peer = new ScriptedSwitch();
  const { socket, response } = await logInAsOwner(await peer.listen());
  const clock = new HandClock();
  const link = new EslAttachedLink({ name: 'fs1', clock, client: response });
  const faults: TalkspurtError[] = [];
  const onEvent = (): void => {
    throw new Error('a defect');
  };
  await link.start({ onUp: silence, onDown: silence, onEvent, onFault: (error) => faults.push(error) });
  await link.watch(UUID);
  peer.say(jsonEvent({ 'Event-Name': 'DTMF', 'Unique-ID': UUID }));
  await until(() => faults.length === 1, 'the fault');
  assert.is((await response.api('echo alive')).body, 'alive');
  await link.close();
  socket.destroy();
  await peer.close();
});

test('an owner whose answers are out of step is not attached to', () =>
  bench(async ({ peer, start, ups, downs }) => {
    peer.answer = (request) => (request.startsWith('api echo ') ? apiResponse('the answer to another') : undefined);
    await start();
    assert.equal(ups, []);
    assert.is(downs[0]?.code, 'ERR_TALKSPURT_LINK_PROTOCOL');
  }));

test('a command without an answer lets go, and leaves the connection to its owner', () =>
  bench(async ({ peer, link, start, downs, clock }) => {
    await start();
    peer.answer = (request) => (request === 'api echo lost' ? null : undefined);
    const codes = [codeOf(link.api('echo lost')), codeOf(link.api('echo behind'))];
    await until(() => peer.requests.includes('api echo lost'), 'the command');
    clock.advance(LIMITS.eslCommandMs + 1);
    assert.equal(await Promise.all(codes), ['ERR_TALKSPURT_LINK_TIMEOUT', 'ERR_TALKSPURT_LINK_DOWN']);
    assert.is(downs[0]?.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
    assert.is(peer.open, 1);
  }));

test('one connection is the end of the link when it ends', () =>
  bench(async ({ peer, link, start, downs, clock }) => {
    await start();
    const waiting = codeOf(link.api('echo x'));
    peer.drop();
    assert.is(await waiting, 'ERR_TALKSPURT_LINK_DOWN');
    await until(() => downs.length === 1, 'down');
    clock.advance(LIMITS.linkBackoffCapMs);
    await until(() => downs.length >= 2, 'down again');
    assert.ok(downs.every(({ code }) => code === 'ERR_TALKSPURT_LINK_DOWN'));
  }));

test('a client: each of its connections, with everything renewed', async () => {
  const peer = new ScriptedSwitch();
  const port = await peer.listen();
  const clock = new HandClock();
  const client = new FreeSwitchClient({ host: '127.0.0.1', port, logger: SILENT });
  const link = new EslAttachedLink({ name: 'fs1', clock, client });
  const [ups, downs]: [string[], TalkspurtError[]] = [[], []];
  const started = link.start({ onUp: (v) => ups.push(v), onDown: (error) => downs.push(error), onEvent: silence });
  const first = await logInAsOwner(port);
  client.emit('connect', first.response);
  await started;
  await until(() => ups.length === 1, 'up');
  await link.subscribe('a::b');
  first.socket.destroy();
  await until(() => downs.length === 1, 'down');
  peer.requests.length = 0;
  clock.advance(LIMITS.linkBackoffBaseMs + 1);
  const second = await logInAsOwner(port);
  client.emit('connect', second.response);
  await until(() => ups.length === 2, 'up again');
  assert.ok(peer.requests.includes('event json CUSTOM a::b'));
  second.socket.destroy();
  await until(() => downs.length === 2, 'down');
  clock.advance(LIMITS.linkBackoffBaseMs + 1);
  clock.advance(LIMITS.eslLoginMs + 1);
  await until(() => downs.length >= 3, 'no connection in time');
  assert.is(downs[2]?.code, 'ERR_TALKSPURT_LINK_TIMEOUT');
  await link.close();
  await peer.close();
  assert.is(clock.pending, 0, 'no timer is left');
});

test.run();

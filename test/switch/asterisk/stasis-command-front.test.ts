/** Commands by ARI user event: who may ask what, and who is answered. Events as Asterisk 22.10 was seen to send them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { AriEvent, AriRequest } from '../../../src/switch/asterisk/ari-link.ts';
import { StasisCommandFront } from '../../../src/switch/asterisk/stasis-command-front.ts';
import { settle } from '../../sim/fake-clock.ts';

function userEvent(fields: Record<string, unknown>, channelId?: string): AriEvent {
  const channel =
    channelId === undefined ? {} : { channel: { id: channelId, name: 'PJSIP/100-00000001', state: 'Up' } };
  const eventname = 'audio_stream';
  return {
    type: 'ChannelUserevent',
    application: 'talkspurt',
    eventname,
    userevent: { eventname, ...fields },
    ...channel,
  };
}

interface Rig {
  readonly front: StasisCommandFront;
  readonly lines: string[];
  readonly requests: AriRequest[];
  readonly faults: TalkspurtError[];
}

function rig(
  dispatch: (line: string) => Promise<string> = () => Promise.resolve('+OK Success\n'),
  failure: TalkspurtError | null = null,
): Rig {
  const [lines, requests, faults]: [string[], AriRequest[], TalkspurtError[]] = [[], [], []];
  const front = new StasisCommandFront({
    link: {
      request: (request) => {
        requests.push(request);
        return failure === null ? Promise.resolve(null) : Promise.reject(failure);
      },
    },
    dispatch: (line, name) => {
      lines.push(`${name}: ${line}`);
      return dispatch(line);
    },
    onFault: (error) => faults.push(error),
  });
  return { front, lines, requests, faults };
}

test('a line is carried out, and its application is told', async () => {
  const { front, lines, requests } = rig();
  assert.is(front.onEvent(userEvent({ command: 'uuid_audio_stream abc start p', id: '7', reply: 'my-app' })), true);
  await front.close();
  assert.equal(lines, ['user-event: uuid_audio_stream abc start p']);
  assert.equal(requests, [
    {
      method: 'POST',
      path: 'events/user/audio_stream_reply',
      query: { application: 'my-app' },
      body: { variables: { reply: '+OK Success', id: '7' } },
    },
  ]);
});

test('a verb alone is about the channel of the event, which gets the answer as a variable', async () => {
  const { front, lines, requests } = rig(() => Promise.resolve('{"state":"TALKING"}\n'));
  front.onEvent(userEvent({ command: 'health' }, '1732.4'));
  front.onEvent(userEvent({ command: 'uuid_audio_stream stop' }, '1732.4'));
  front.onEvent(userEvent({ command: 'global_health' }, '1732.4'));
  await front.close();
  assert.equal(lines, ['user-event: 1732.4 health', 'user-event: 1732.4 stop', 'user-event: global_health']);
  assert.equal(requests[0], {
    method: 'POST',
    path: 'channels/1732.4/variable',
    query: {},
    body: { variable: 'AUDIO_STREAM_REPLY', value: '{"state":"TALKING"}' },
  });
});

test('what is not ours is left alone, and what cannot be read harms nothing', async () => {
  const { front, lines } = rig();
  assert.is(front.onEvent({ type: 'StasisStart' }), false);
  assert.is(front.onEvent({ type: 'ChannelUserevent', eventname: 'other', userevent: {} }), false);
  assert.is(front.onEvent({ type: 'ChannelUserevent', eventname: 'audio_stream' }), true);
  assert.is(front.onEvent(userEvent({ command: 7 })), true);
  await front.close();
  assert.equal(lines, ['user-event: ', 'user-event: ']);
});

test('an id or an application that is none is refused; a path is never made of them', async () => {
  const { front, lines, requests, faults } = rig();
  front.onEvent(userEvent({ command: 'list', reply: '../channels?x=1' }));
  front.onEvent(userEvent({ command: 'list', id: 'a b' }));
  await front.close();
  assert.equal(lines, []);
  assert.equal(requests, []);
  assert.is(front.stats.refused, 2);
  assert.equal(
    faults.map(({ code }) => code),
    ['ERR_TALKSPURT_COMMAND_SYNTAX', 'ERR_TALKSPURT_COMMAND_SYNTAX'],
  );
});

test('one too many is told so, and no more are told than there is room for', async () => {
  const open: (() => void)[] = [];
  const { front, requests } = rig(() => new Promise((resolve) => open.push(() => resolve('+OK\n'))));
  for (let n = 0; n < LIMITS.commandFrontCommands; n += 1) front.onEvent(userEvent({ command: 'list' }));
  front.onEvent(userEvent({ command: 'stop', id: 'late', reply: 'app' }, '1.1'));
  for (let n = 0; n < 2 * LIMITS.commandFrontRefusals; n += 1)
    front.onEvent(userEvent({ command: 'list', reply: 'app' }));
  assert.is(requests.length, LIMITS.commandFrontRefusals);
  for (const answer of open) answer();
  await front.close();
  assert.equal(requests[0]!.body, {
    variables: { reply: '-ERR too many commands at once: try again (ERR_TALKSPURT_COMMAND_LIMIT)', id: 'late' },
  });
  assert.is(requests.at(-1)!.path, 'channels/1.1/variable');
  assert.is(requests.length, LIMITS.commandFrontRefusals + 1);
});

test('only so many at once', async () => {
  const open: (() => void)[] = [];
  const { front } = rig(
    () =>
      new Promise((resolve) => {
        open.push(() => resolve('+OK\n'));
      }),
  );
  for (let n = 0; n < LIMITS.commandFrontCommands + 5; n += 1) front.onEvent(userEvent({ command: 'list' }));
  assert.equal(front.stats, { commands: LIMITS.commandFrontCommands, refused: 5 });
  for (const answer of open) answer();
  await front.close();
  assert.is(front.onEvent(userEvent({ command: 'list' })), true);
  assert.is(front.stats.commands, LIMITS.commandFrontCommands);
});

test('an answer that cannot be sent is said; a channel that has left is no fault', async () => {
  const down = rig(undefined, new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down'));
  down.front.onEvent(userEvent({ command: 'list', reply: 'app' }));
  await down.front.close();
  assert.is(down.faults[0]?.code, 'ERR_TALKSPURT_LINK_DOWN');
  const gone = rig(undefined, new TalkspurtError('ERR_TALKSPURT_ARI_REFUSED', 'gone', { details: { status: 404 } }));
  gone.front.onEvent(userEvent({ command: 'stop' }, '1.1'));
  await settle();
  await gone.front.close();
  assert.equal(gone.faults, []);
});

test.run();

/** The adapter against the simulated switch: who may attach, what is told, and what is left behind. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { delay, SystemClock } from '../../../src/core/clock.ts';
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';
import type { SimulatedPhone } from '../../../src/simulator/phone.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { FreeswitchAdapter } from '../../../src/switch/freeswitch/freeswitch-adapter.ts';
import type { FreeswitchMediaOptions } from '../../../src/switch/freeswitch/freeswitch-adapter.ts';
import { apiResponse, ScriptedSwitch } from './scripted-switch.ts';

const clock = new SystemClock();
const never = new AbortController().signal;
const phone: SimulatedPhone = {
  hungUp: false,
  speak: (frame) => {
    frame.fill(500);
    return true;
  },
  hear: () => undefined,
  takeDigits: () => '',
  onHangup: () => undefined,
};
const LISTENER = {
  onHangup: (): void => undefined,
  onDigit: (): void => undefined,
  onMediaEnded: (): void => undefined,
};

async function withAdapter(
  run: (adapter: FreeswitchAdapter, fs: SimulatedSwitch, events: TalkspurtEvent[]) => Promise<void>,
  media: FreeswitchMediaOptions = {},
): Promise<void> {
  const fs = new SimulatedSwitch({ clock });
  await fs.listen();
  const events: TalkspurtEvent[] = [];
  const sink = { emit: (event: TalkspurtEvent): void => void events.push(event) };
  const adapter = new FreeswitchAdapter({
    name: 'fs',
    host: '127.0.0.1',
    port: fs.port,
    password: 'ClueCon',
    media,
    clock,
    events: sink,
  });
  try {
    await adapter.start({ onCall: () => undefined, onLinkDown: () => undefined, onLinkUp: () => undefined });
    await run(adapter, fs, events);
    assert.is(fs.crashed, null, 'the switch lives');
  } finally {
    await adapter.stop();
    await fs.close();
  }
}

/** Lets real time pass until `condition` holds; the timers of the switch are real ones here. */
async function eventually(condition: () => boolean, what: string): Promise<void> {
  const untilMs = clock.nowMs() + 10_000;
  while (!condition()) {
    if (clock.nowMs() > untilMs) throw new Error(`did not happen: ${what}`);
    await delay(clock, 10);
  }
}

function codeOf(error: unknown): string {
  assert.instance(error, TalkspurtError);
  return (error as TalkspurtError).code;
}

test('of two attaches at once one has the channel', () =>
  withAdapter(async (adapter, fs) => {
    const { uuid } = fs.createCall({ phone });
    const outcomes = await Promise.allSettled([adapter.attach(uuid), adapter.attach(uuid)]);
    assert.equal(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.is(outcomes[1].status === 'rejected' && codeOf(outcomes[1].reason), 'ERR_TALKSPURT_ALREADY_RUNNING');
    assert.is(adapter.legCount, 1);
  }));

test('an attach that fails leaves the channel free', () =>
  withAdapter(async (adapter, fs) => {
    const uuid = 'not-there-yet';
    assert.is(await adapter.attach(uuid).catch(codeOf), 'ERR_TALKSPURT_UNKNOWN_CALL');
    fs.createCall({ phone, uuid });
    await adapter.attach(uuid);
    assert.is(adapter.legCount, 1);
  }));

test('a start without audio is taken back in the switch, which would send to a closed port for ever', () =>
  withAdapter(
    async (adapter, fs) => {
      const channel = fs.createCall({ phone });
      const leg = await adapter.attach(channel.uuid);
      leg.listen(LISTENER);
      await leg.answer(never);
      assert.is(await leg.openMedia(never).catch(codeOf), 'ERR_TALKSPURT_UNICAST_SILENT');
      // `+OK` comes before the channel's own thread has done it.
      await eventually(() => !channel.unicastActive, 'stopped in the switch');
      assert.not.ok(channel.haunted);
      assert.ok(channel.parked, 'and left parked');
    },
    // The switch sends where nobody listens.
    { bindHost: '127.0.0.1', advertiseHost: '127.0.0.2' },
  ));

test('the called number is not the script of an earlier park of ours', async () => {
  const peer = new ScriptedSwitch();
  const port = await peer.listen();
  const parked = 'unset:park_timeout,unset:send_silence_when_idle,set:max_forwards=70,set:talkspurt_park=1,park';
  const dumps: Record<string, object> = {
    first: { 'Caller-Destination-Number': '4711', 'Answer-State': 'answered' },
    second: { 'Caller-Destination-Number': parked, variable_sip_req_user: '4711' },
    third: { 'Caller-Destination-Number': parked },
  };
  peer.answer = (request) => {
    const uuid = /^api uuid_dump (\w+) json$/.exec(request)?.[1];
    return uuid === undefined ? undefined : apiResponse(JSON.stringify(dumps[uuid]));
  };
  const events = { emit: (): void => undefined };
  const adapter = new FreeswitchAdapter({ name: 'fs', host: '127.0.0.1', port, password: 'ClueCon', clock, events });
  await adapter.start({ onCall: () => undefined, onLinkDown: () => undefined, onLinkUp: () => undefined });
  const called: string[] = [];
  for (const uuid of Object.keys(dumps)) called.push((await adapter.attach(uuid)).to);
  assert.equal(called, ['4711', '4711', '']);
  await adapter.stop();
  await peer.close();
});

test('a link that drops leaves the audio running, and finds out who has gone', () =>
  withAdapter(async (adapter, fs, events) => {
    const [stays, goes] = [fs.createCall({ phone }), fs.createCall({ phone })];
    const ended: string[] = [];
    for (const { uuid } of [stays, goes]) {
      const leg = await adapter.attach(uuid);
      leg.listen({ ...LISTENER, onHangup: () => ended.push(uuid) });
      await leg.answer(never);
      await leg.openMedia(never);
    }
    fs.dropConnections();
    goes.hangup(16);
    await eventually(
      () => events.filter(({ type }) => type === 'link.up').length === 2 && ended.length > 0,
      'up again',
    );
    assert.equal(ended, [goes.uuid]);
    assert.ok(stays.unicastActive, 'the other one still has its audio');
  }));

test('what an operator may not send stays here', () =>
  withAdapter(async (adapter) => {
    for (const line of [
      'sendmsg x',
      ' SendMsg x',
      'bgapi sendmsg x',
      'sendevent CUSTOM',
      'lua x call-command: unicast',
    ]) {
      assert.is(await adapter.command(line).catch(codeOf), 'ERR_TALKSPURT_UNICAST_GUARD', line);
    }
    assert.is(await adapter.command('status\nexit').catch(codeOf), 'ERR_TALKSPURT_COMMAND_SYNTAX');
    assert.is(await adapter.command('uuid_exists x'), 'false');
    assert.match(await adapter.command('nosuchapi'), /^-ERR nosuchapi/);
  }));

test.run();

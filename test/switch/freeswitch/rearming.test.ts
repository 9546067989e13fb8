/** Unicast that comes back, against the simulated switch, which dies where the real one dies. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import type { SimulatedPhone } from '../../../src/simulator/phone.ts';
import type { SimulatedChannel } from '../../../src/simulator/simulated-channel.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { FreeswitchAdapter } from '../../../src/switch/freeswitch/freeswitch-adapter.ts';
import type { CallLeg } from '../../../src/switch/switch-adapter.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';

const test = suite('unicast that comes back');
const clock = new SystemClock();
const never = new AbortController().signal;
const LOUD = new Uint8Array(160).fill(0x90);

/** Says a square wave, and remembers how loud it is spoken to. */
class TestPhone implements SimulatedPhone {
  heardPeak = 0;
  readonly hungUp = false;
  speak(frame: Int16Array): boolean {
    for (let i = 0; i < frame.length; i++) frame[i] = i % 8 < 4 ? 4000 : -4000;
    return true;
  }
  hear(frame: Int16Array | null): void {
    for (const sample of frame ?? []) this.heardPeak = Math.max(this.heardPeak, Math.abs(sample));
  }
  takeDigits(): string {
    return '';
  }
  onHangup(): void {
    // The end of the call is seen at the leg.
  }
}

interface Line {
  readonly fs: SimulatedSwitch;
  readonly adapter: FreeswitchAdapter;
  readonly channel: SimulatedChannel;
  readonly phone: TestPhone;
  readonly leg: CallLeg;
  readonly transport: MediaTransport;
  /** What the leg and the path have told. */
  readonly told: string[];
  /** Numbers and times of the frames that came. */
  readonly frames: { readonly number: number; readonly timestamp: number }[];
  /** A command of somebody else's. */
  operator(line: string): Promise<string>;
  /** Whether the link was ever down: it may be up again before anybody looks. */
  wentDown(): boolean;
  until(condition: () => boolean, what: string): Promise<void>;
  /** So many more frames come. */
  hears(count: number): Promise<void>;
}

/** A call that talks over unicast; afterwards the switch lives and nothing is left. */
async function withLine(run: (line: Line) => Promise<void>): Promise<void> {
  let downs = 0;
  const fs = new SimulatedSwitch({ clock, password: 'secret' });
  await fs.listen();
  const adapter = new FreeswitchAdapter({
    name: 'fs',
    host: '127.0.0.1',
    port: fs.port,
    password: 'secret',
    clock,
    events: { emit: () => undefined },
  });
  try {
    await adapter.start({ onCall: () => undefined, onLinkDown: () => (downs += 1), onLinkUp: () => undefined });
    const phone = new TestPhone();
    const channel = fs.createCall({ phone });
    const leg = await adapter.attach(channel.uuid);
    const told: string[] = [];
    leg.listen({
      onHangup: (cause) => told.push(`hangup ${cause}`),
      onDigit: () => undefined,
      onMediaEnded: (reason) => told.push(`ended: ${reason}`),
    });
    const transport = await leg.openMedia(never);
    const frames: { number: number; timestamp: number }[] = [];
    transport.start({
      onFrame: (_, number, timestamp) => {
        frames.push({ number, timestamp });
        transport.send(LOUD, false);
      },
      onLost: (error: TalkspurtError) => told.push(error.code),
    });
    const until = async (condition: () => boolean, what: string): Promise<void> => {
      const lastMs = clock.nowMs() + 6_000;
      while (!condition()) {
        assert.ok(clock.nowMs() < lastMs, `did not happen: ${what}; told ${told.join()}`);
        await new Promise<void>((resolve) => clock.after(5, resolve));
      }
    };
    const hears = async (count: number): Promise<void> => {
      const wanted = frames.length + count;
      await until(() => frames.length >= wanted, 'frames came');
    };
    await hears(3);
    await run({
      fs,
      adapter,
      channel,
      phone,
      leg,
      transport,
      told,
      frames,
      operator: (line) => adapter.command(line),
      wentDown: () => downs > 0,
      until,
      hears,
    });
    assert.is(fs.crashed, null, 'the switch lives');
    await leg.release();
    await transport.close();
    assert.is(adapter.legCount, 0, 'no leg is held');
  } finally {
    await adapter.stop();
    await fs.close();
  }
}

test('after a broadcast audio flows again, and the broadcast is heard to its end', () =>
  withLine(async ({ channel, transport, operator, until, hears, frames, phone, told }) => {
    await operator(`uuid_broadcast ${channel.uuid} tone_stream://%(400,0,500) aleg`);
    await until(() => channel.application?.name === 'playback', 'it plays');
    await until(() => transport.expectsFrames === false, 'nothing is expected');
    const before = transport.stats.unsentFrames;
    transport.send(LOUD, false);
    assert.is(transport.stats.unsentFrames, before + 1);
    const last = frames.at(-1)!;
    await until(() => channel.application?.name !== 'playback', 'it ends');
    assert.is(channel.variables.get('current_application_response'), 'FILE PLAYED', 'it was not cut short');
    await hears(5);
    phone.heardPeak = 0;
    await hears(5);
    assert.ok(phone.heardPeak > 5000, `we are heard again: ${phone.heardPeak}`);
    assert.is(transport.expectsFrames, true);
    const next = frames.find(({ number }) => number > last.number)!;
    assert.ok(next.number - last.number >= 15, `the gap was ${next.number - last.number} frames`);
    assert.is(next.timestamp - last.timestamp, (next.number - last.number) * 160);
    assert.is(transport.stats.receivedFrames, frames.length, 'the counters go on');
    assert.equal(told, []);
  }));

for (const [what, line] of [
  ['gentones', 'uuid_broadcast X gentones::%(100,0,500) aleg'],
  ['uuid_park', 'uuid_park X'],
  ['a transfer to park', 'uuid_transfer X park inline'],
  ['a transfer to an announcement, then park', "uuid_transfer X 'm:^:playback:tone_stream://%(100,0,500)^park' inline"],
] as const) {
  test(`after ${what} audio flows again`, () =>
    withLine(async ({ channel, transport, operator, until, hears, told }) => {
      await operator(line.replace('X', channel.uuid));
      await until(() => transport.expectsFrames === false, 'it is disarmed');
      await hears(3);
      assert.equal(told, []);
    }));
}

test('two broadcasts, one behind the other, are both heard to their ends', () =>
  withLine(async ({ channel, operator, until, hears, told }) => {
    const played: string[] = [];
    const fire = channel.variables.set.bind(channel.variables);
    channel.variables.set = (name, value) => {
      if (name === 'current_application_response') played.push(value);
      return fire(name, value);
    };
    await operator(`uuid_broadcast ${channel.uuid} tone_stream://%(100,0,500) aleg`);
    await operator(`uuid_broadcast ${channel.uuid} tone_stream://%(120,0,700) aleg`);
    await until(() => played.length === 2, 'both end');
    assert.equal(played, ['FILE PLAYED', 'FILE PLAYED']);
    await hears(3);
    assert.equal(told, []);
  }));

test('a hold, digits and a break leave it as it is', () =>
  withLine(async ({ channel, transport, operator, hears, told }) => {
    for (const line of ['uuid_hold X', 'uuid_hold off X', 'uuid_send_dtmf X 12', 'uuid_break X all', 'uuid_answer X']) {
      await operator(line.replace('X', channel.uuid));
    }
    await hears(10);
    assert.is(transport.stats.unsentFrames, 0);
    assert.equal(told, []);
  }));

for (const [what, line] of [
  ['echo', 'uuid_transfer X echo inline'],
  ['a bridge', 'uuid_bridge X Y'],
  ['a bridge that somebody else has announced', 'uuid_bridge Y X'],
] as const) {
  test(`what was given away is ended: ${what}`, () =>
    withLine(async ({ fs, channel, operator, until, told }) => {
      const other = fs.createCall({ phone: new TestPhone() });
      await operator(line.replace('X', channel.uuid).replace('Y', other.uuid));
      await until(() => told.length > 0, 'it is told');
      assert.match(told.join(), /^ended: the channel was /);
      if (what !== 'echo') assert.ok(channel.bridged, 'and left where it is');
    }));
}

test('a bridge after which the channel parks is waited for', () =>
  withLine(async ({ fs, channel, operator, until, hears, told, transport }) => {
    const other = fs.createCall({ phone: new TestPhone() });
    await operator(`uuid_setvar ${channel.uuid} park_after_bridge true`);
    await operator(`uuid_bridge ${channel.uuid} ${other.uuid}`);
    await until(() => channel.bridged && transport.expectsFrames === false, 'bridged');
    other.hangup(16);
    await hears(3);
    assert.equal(told, []);
  }));

test('a channel that comes back with another ptime has lost its audio', () =>
  withLine(async ({ channel, operator, until, told, transport }) => {
    await operator(`uuid_broadcast ${channel.uuid} tone_stream://%(200,0,500) aleg`);
    await until(() => transport.expectsFrames === false, 'it is disarmed');
    channel.agreeOn({ name: 'PCMU', sampleRateHz: 8000, ptimeMs: 30 });
    await until(() => told.length > 0, 'it is told');
    assert.equal(told, ['ERR_TALKSPURT_MEDIA_FORMAT']);
  }));

test('a broadcast that ends while the link is down is found out when it is back', () =>
  withLine(async ({ fs, channel, operator, until, hears, told, transport, wentDown }) => {
    await operator(`uuid_broadcast ${channel.uuid} tone_stream://%(200,0,500) aleg`);
    await until(() => transport.expectsFrames === false, 'it is disarmed');
    fs.dropConnections();
    await until(wentDown, 'down');
    await hears(3);
    assert.equal(told, []);
  }));

test('a broadcast that begins while the link is down is found out when it is back', () =>
  withLine(async ({ fs, channel, until, hears, told, frames, wentDown }) => {
    fs.dropConnections();
    await until(wentDown, 'down');
    channel.queueCommand({
      command: `sendmsg ${channel.uuid}`,
      headers: [
        ['call-command', 'execute'],
        ['execute-app-name', 'playback'],
        ['execute-app-arg', 'tone_stream://%(40,0,500)'],
      ],
      body: null,
    });
    await until(() => channel.application?.name === 'playback', 'it plays');
    const before = frames.length;
    await until(() => frames.length >= before + 3, 'audio is back');
    await hears(3);
    assert.equal(told, []);
  }));

test('our own transfer is not taken back', () =>
  withLine(async ({ channel, leg, until, told }) => {
    let refused = '';
    await leg.transfer('no such place').catch((error: TalkspurtError) => (refused = error.code));
    assert.is(refused, 'ERR_TALKSPURT_COMMAND_SYNTAX');
    await leg.transfer('5000');
    await until(() => told.some((each) => each.startsWith('hangup')), 'an extension that is not there ends the call');
    assert.ok(channel.gone);
  }));

test('a release in the middle of a broadcast leaves it be', () =>
  withLine(async ({ channel, leg, operator, until, transport }) => {
    await operator(`uuid_broadcast ${channel.uuid} tone_stream://%(100,0,500) aleg`);
    await until(() => transport.expectsFrames === false, 'it is disarmed');
    await leg.release();
    await until(() => channel.application?.name !== 'playback', 'it ends');
    assert.is(channel.variables.get('current_application_response'), 'FILE PLAYED');
    assert.is(channel.unicastActive, false);
  }));

test('a release while audio is on its way back leaves a parked channel behind', () =>
  withLine(async ({ channel, leg, operator, until, transport }) => {
    await operator(`uuid_park ${channel.uuid}`);
    await until(() => transport.expectsFrames === false, 'it is disarmed');
    // Our park is the one after the operator's.
    const mark = channel.variables.get('talkspurt_park');
    await until(() => channel.variables.get('talkspurt_park') !== mark, 'we park');
    await leg.release();
    await until(() => channel.parked && !channel.unicastActive, 'parked, and silent');
  }));

test.run();

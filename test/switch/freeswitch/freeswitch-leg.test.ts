/** The leg against the simulated switch, which dies where the real one dies. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';
import type { SimulatedPhone } from '../../../src/simulator/phone.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { FreeswitchAdapter } from '../../../src/switch/freeswitch/freeswitch-adapter.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';

const clock = new SystemClock();
const never = new AbortController().signal;

/** A phone that says a constant and remembers how loud it was spoken to. */
class TestPhone implements SimulatedPhone {
  heardPeak = 0;
  silent = false;
  hungUp = false;
  cause: number | null = null;
  digits = '';
  speak(frame: Int16Array): boolean {
    for (let i = 0; i < frame.length; i++) frame[i] = i % 8 < 4 ? 4000 : -4000;
    return !this.silent;
  }
  hear(frame: Int16Array | null): void {
    for (const sample of frame ?? []) this.heardPeak = Math.max(this.heardPeak, Math.abs(sample));
  }
  takeDigits(): string {
    const digits = this.digits;
    this.digits = '';
    return digits;
  }
  onHangup(cause: number): void {
    this.cause = cause;
  }
}

interface Rig {
  readonly fs: SimulatedSwitch;
  readonly adapter: FreeswitchAdapter;
  readonly events: TalkspurtEvent[];
  readonly missing: number;
}

async function withRig(run: (rig: Rig) => Promise<void>, native = true): Promise<void> {
  const fs = new SimulatedSwitch({ clock, password: 'secret' });
  await fs.listen();
  const events: TalkspurtEvent[] = [];
  const adapter = new FreeswitchAdapter({
    name: 'fs',
    host: '127.0.0.1',
    port: fs.port,
    password: 'secret',
    media: { native },
    clock,
    events: { emit: (event) => events.push(event) },
  });
  try {
    await adapter.start({ onCall: () => undefined, onLinkDown: () => undefined, onLinkUp: () => undefined });
    assert.ok(adapter.linkUp, 'the link is up after start');
    await run({ fs, adapter, events, missing: 0 });
    assert.is(fs.crashed, null, 'the switch lives');
  } finally {
    await adapter.stop();
    await fs.close();
  }
}

/** Frames that arrive until there are `count`, each answered by one of `reply`. */
function exchange(transport: MediaTransport, count: number, reply: Uint8Array): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const sizes: number[] = [];
    transport.start({
      onFrame: (payload) => {
        if (sizes.length < count) transport.send(reply, false);
        sizes.push(payload.length);
        if (sizes.length === count) resolve(sizes);
      },
      onLost: reject,
    });
  });
}

for (const [codec, rate, native, wire, frameBytes] of [
  ['PCMU', 8000, true, 'pcmu', 160],
  ['PCMA', 8000, true, 'pcma', 160],
  ['PCMU', 8000, false, 'l16', 320],
  ['L16', 16_000, true, 'l16', 640],
  ['L16', 48_000, true, 'l16', 1920],
] as const) {
  test(`audio flows both ways on a ${codec}/${rate} channel${native ? '' : ', not native'}`, () =>
    withRig(async ({ fs, adapter }) => {
      const phone = new TestPhone();
      const channel = fs.createCall({ phone, codec, sampleRateHz: rate });
      const leg = await adapter.attach(channel.uuid);
      leg.listen({ onHangup: () => undefined, onDigit: () => undefined, onMediaEnded: () => undefined });
      await leg.answer(never);
      const transport = await leg.openMedia(never);
      assert.equal(transport.format, { codec: wire, sampleRateHz: rate, ptimeMs: 20 });
      const loud = wire === 'pcmu' ? 0x90 : wire === 'pcma' ? 0xb5 : 0x20;
      const sizes = await exchange(transport, 10, new Uint8Array(frameBytes).fill(loud));
      assert.ok(
        sizes.every((size) => size === frameBytes),
        sizes.join(),
      );
      assert.ok(phone.heardPeak > 5000, `heard ${phone.heardPeak}`);
      await leg.release();
      await transport.close();
      assert.is(channel.gone, false, 'the channel is left to the switch');
      assert.is(adapter.legCount, 0);
    }, native));
}

test('a ringing channel is answered first, and never sent unicast before it has a codec', () =>
  withRig(async ({ fs, adapter }) => {
    const channel = fs.createCall({ phone: new TestPhone(), answered: false });
    const leg = await adapter.attach(channel.uuid);
    await leg.answer(never);
    const transport = await leg.openMedia(never);
    assert.is(transport.format.codec, 'pcmu');
    await leg.hangup(17);
    await transport.close();
    assert.is(channel.hangupCause, 17);
  }));

test('unicast again after a release parks anew first: the switch lives', () =>
  withRig(async ({ fs, adapter }) => {
    const channel = fs.createCall({ phone: new TestPhone() });
    for (let round = 0; round < 3; round++) {
      const leg = await adapter.attach(channel.uuid);
      await leg.answer(never);
      const transport = await leg.openMedia(never);
      await exchange(transport, 3, new Uint8Array(160).fill(0xff));
      await leg.release();
      await transport.close();
    }
    assert.is(fs.crashed, null);
  }));

test('hang-up, digits and the end of the audio are told', () =>
  withRig(async ({ fs, adapter }) => {
    const phone = new TestPhone();
    const channel = fs.createCall({ phone });
    const told: string[] = [];
    const leg = await adapter.attach(channel.uuid);
    const ended = new Promise<void>((resolve) => {
      leg.listen({
        onHangup: (cause) => {
          told.push(`hangup ${cause}`);
          resolve();
        },
        onDigit: (digit) => {
          told.push(`digit ${digit}`);
          void adapter.command(`uuid_transfer ${channel.uuid} echo inline`);
        },
        onMediaEnded: () => {
          told.push('media ended');
          channel.hangup(16);
        },
      });
    });
    await leg.answer(never);
    const transport = await leg.openMedia(never);
    await exchange(transport, 3, new Uint8Array(160).fill(0xff));
    phone.digits = '5';
    await ended;
    assert.equal(told, ['digit 5', 'media ended', 'hangup 16']);
    await leg.release();
    await transport.close();
  }));

test('what is not a channel is refused without reaching the switch', () =>
  withRig(async ({ adapter }) => {
    for (const id of ['', 'a b', 'a\nexit', '../x', 'a;b', 'x'.repeat(200), '00000000-0000-0000-0000-000000000000']) {
      try {
        await adapter.attach(id);
        assert.unreachable(id);
      } catch (error) {
        assert.ok(error instanceof TalkspurtError, String(error));
        assert.is(error.code, 'ERR_TALKSPURT_UNKNOWN_CALL');
      }
    }
    assert.is(adapter.legCount, 0);
  }));

test('a switch that answers +OK and sends nothing is told from success', () =>
  withRig(async ({ fs, adapter }) => {
    const channel = fs.createCall({ phone: new TestPhone() });
    fs.failUnicast(true);
    const leg = await adapter.attach(channel.uuid);
    await leg.answer(never);
    try {
      await leg.openMedia(never);
      assert.unreachable();
    } catch (error) {
      assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_UNICAST_SILENT');
    }
    await leg.release();
  }));

test('a channel that hangs up while media is being opened ends the attempt', () =>
  withRig(async ({ fs, adapter }) => {
    const channel = fs.createCall({ phone: new TestPhone() });
    const leg = await adapter.attach(channel.uuid);
    fs.failUnicast(true);
    const opening = leg.openMedia(never);
    channel.hangup(16);
    try {
      await opening;
      assert.unreachable();
    } catch (error) {
      assert.ok(
        ['ERR_TALKSPURT_CALL_GONE', 'ERR_TALKSPURT_UNICAST_SILENT'].includes((error as TalkspurtError).code),
        String(error),
      );
    }
    await leg.release();
  }));

test.run();

/** A leg over our SIP on the simulated switch: what others do to its channel, and what is left on it. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import { TalkspurtError, hasCode } from '../../../src/core/errors.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import type { SimulatedChannel } from '../../../src/simulator/simulated-channel.ts';
import { SipEndpoint } from '../../../src/sip/sip-endpoint.ts';
import { FreeswitchAdapter } from '../../../src/switch/freeswitch/freeswitch-adapter.ts';
import type { SipMediaHub } from '../../../src/switch/freeswitch/sip-leg-opening.ts';
import { openSipMedia } from '../../../src/switch/sip/sip-media.ts';
import { SipRendezvous } from '../../../src/switch/sip/sip-rendezvous.ts';
import type { CallLeg } from '../../../src/switch/switch-adapter.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';
import { RtpPortPool } from '../../../src/transport/rtp-port-pool.ts';
import { TonePhone, until } from './tap-rig.ts';

const clock = new SystemClock();
const never = new AbortController().signal;

/** TCP in between, which can be cut and made whole again. */
class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #whole = true;

  constructor(port: number) {
    this.#server = createServer((near) => {
      if (!this.#whole) return void near.destroy();
      const far = connect({ port, host: '127.0.0.1' });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => this.#sockets.delete(one) && other.destroy());
      }
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#whole = true;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

interface Rig {
  readonly wire: Wire;
  readonly fs: SimulatedSwitch;
  readonly adapter: FreeswitchAdapter;
  readonly ports: RtpPortPool;
  /** What the switch's call to us meets. */
  readonly hub: { open: SipMediaHub['open'] };
  call(variables?: Record<string, string>): SimulatedChannel;
  /** A leg that talks, and what it is told. */
  talk(channel: SimulatedChannel): Promise<{ leg: CallLeg; transport: MediaTransport; told: string[] }>;
}

async function withRig(kind: 'sip' | 'unicast', run: (rig: Rig) => Promise<void>): Promise<void> {
  const fs = new SimulatedSwitch({ clock });
  await fs.listen();
  const wire = new Wire(fs.port);
  const from = 27_000 + (process.pid % 100) * 20;
  const ports = new RtpPortPool({ clock, bindHost: '127.0.0.1', from, to: from + 19 });
  const rendezvous = new SipRendezvous(clock);
  const endpoint = new SipEndpoint({
    clock,
    port: 0,
    protocols: ['udp'],
    allow: ['127.0.0.1'],
    userAgent: 'test',
    onCall: (call) => void rendezvous.offer(call),
    onMalformed: (error) => assert.unreachable(error.message),
  });
  const { port } = await endpoint.listen();
  const hub: Rig['hub'] = {
    open: (call, wanted) => openSipMedia(call, { clock, ports, sources: ['127.0.0.1'], ...wanted }),
  };
  const sip: SipMediaHub = {
    rendezvous,
    address: `127.0.0.1:${port}`,
    open: (call, wanted) => hub.open(call, wanted),
  };
  const adapter = new FreeswitchAdapter({
    name: 'fs',
    host: '127.0.0.1',
    port: await wire.listen(),
    password: 'ClueCon',
    media: { legs: kind, sip: { hub: sip, profile: 'internal', codec: 'auto' } },
    clock,
    events: { emit: () => undefined },
  });
  const call = (variables = {}): SimulatedChannel => fs.createCall({ phone: new TonePhone(500), variables });
  const talk: Rig['talk'] = async (channel) => {
    const told: string[] = [];
    const leg = await adapter.attach(channel.uuid);
    leg.listen({
      onHangup: (cause) => told.push(`hangup ${cause}`),
      onDigit: () => undefined,
      onMediaEnded: () => told.push('media ended'),
    });
    await leg.answer(never);
    const transport = await leg.openMedia(never);
    transport.start({ onFrame: () => undefined, onLost: () => told.push('lost') });
    await leg.remember?.('p', { masked: true });
    return { leg, transport, told };
  };
  try {
    await adapter.start({ onCall: () => undefined, onLinkDown: () => undefined, onLinkUp: () => undefined });
    await run({ wire, fs, adapter, ports, hub, call, talk });
    assert.is(fs.crashed, null, 'the switch lives');
  } finally {
    await adapter.stop();
    wire.close();
    await fs.close();
    await endpoint.close();
  }
}

/** What of ours is on a channel, and its own setting. */
function ours(channel: SimulatedChannel): Record<string, string> {
  const names = /^(talkspurt_(voice|masked|own|owner)|park_after_bridge|continue_on_fail|hangup_after_bridge)$/;
  return Object.fromEntries([...channel.variables].filter(([name, value]) => names.test(name) && value !== ''));
}

const OWN = { hangup_after_bridge: 'true' };

for (const kind of ['sip', 'unicast'] as const) {
  test(`a release while the link is down, over ${kind}: what is on the channel is taken back when it is up`, () =>
    withRig(kind, async ({ wire, adapter, ports, call, talk }) => {
      const channel = call(OWN);
      const { leg } = await talk(channel);
      assert.is(ours(channel)['talkspurt_voice'], 'p');
      assert.is(ours(channel)['talkspurt_masked'], 'true');
      wire.cut();
      await until(() => !adapter.linkUp, 'down');
      await leg.release();
      assert.is(ports.inUse, 0, 'what is ours is free at once');
      assert.is(adapter.legCount, 1, 'the channel stays ours');
      assert.is(ours(channel)['talkspurt_voice'], 'p');
      assert.is(channel.unicastActive, kind === 'unicast');
      const again = await adapter.attach(channel.uuid).catch((error: unknown) => error);
      assert.ok(hasCode(again, 'ERR_TALKSPURT_LINK_DOWN'), 'it says what is the matter');
      wire.heal();
      await until(() => adapter.legCount === 0, 'it is let go');
      assert.equal(ours(channel), OWN);
      assert.is(channel.gone, false);
      assert.is(channel.parked, true);
      await until(() => !channel.unicastActive, 'its unicast is over');
    }));

  test(`a hang-up while the link is down, over ${kind}, is made up for; a caller who was faster is forgotten`, () =>
    withRig(kind, async ({ wire, adapter, call, talk }) => {
      const [channel, faster] = [call(), call()];
      const [{ leg }, { leg: other }] = [await talk(channel), await talk(faster)];
      wire.cut();
      await until(() => !adapter.linkUp, 'down');
      await Promise.all([leg.hangup(17), other.hangup(17)]);
      assert.is(channel.gone, false);
      faster.hangup(16);
      wire.heal();
      await until(() => adapter.legCount === 0, 'both are let go');
      await until(() => channel.gone, 'it is hung up');
      assert.is(channel.hangupCause, 17);
    }));
}

test('an operator’s uuid_bridge over a call that talks: its settings are back while that bridge goes on', () =>
  withRig('sip', async ({ adapter, call, talk }) => {
    const [channel, other] = [call(OWN), call()];
    const { leg, told } = await talk(channel);
    assert.is(ours(channel)['park_after_bridge'], 'true');
    assert.match(await adapter.command(`uuid_bridge ${channel.uuid} ${other.uuid}`), /^\+OK/);
    await until(() => Object.keys(ours(channel)).length === 1, 'the settings are back');
    assert.equal(ours(channel), OWN);
    assert.is(channel.partnerUuid, other.uuid);
    await until(() => told.includes('media ended'), 'the end of the audio');
    await leg.release();
    assert.is(channel.gone, false);
    assert.is(channel.partnerUuid, other.uuid);
  }));

test('our leg is hung up by somebody: the caller parks, and only then has its own settings', () =>
  withRig('sip', async ({ fs, call, talk }) => {
    const channel = call(OWN);
    const { leg, told } = await talk(channel);
    const ourLeg = [...fs.channels.keys()].find((uuid) => uuid !== channel.uuid);
    fs.channels.get(ourLeg!)!.hangup(16);
    await until(() => told.includes('media ended'), 'told');
    assert.is(channel.gone, false);
    assert.is(channel.parked, true);
    assert.equal(ours(channel), OWN);
    await leg.release();
  }));

for (const kind of ['sip', 'unicast'] as const) {
  test(`a caller on hold, over ${kind}, need not be heard`, () =>
    withRig(kind, async ({ call, talk, adapter }) => {
      const channel = call();
      const { leg, transport, told } = await talk(channel);
      assert.is(transport.expectsFrames ?? true, true);
      assert.match(await adapter.command(`uuid_hold ${channel.uuid}`), /^\+OK/);
      await until(() => transport.expectsFrames === false, 'nothing is expected');
      const heard = transport.stats.receivedFrames;
      assert.match(await adapter.command(`uuid_hold off ${channel.uuid}`), /^\+OK/);
      await until(() => transport.stats.receivedFrames > heard, 'it is heard again');
      assert.equal(told, []);
      await leg.release();
    }));
}

test('a call that the switch has dialled and that rings is refused at once; one that rings here is answered', () =>
  withRig('sip', async ({ fs, adapter, talk }) => {
    const phone = new TonePhone(500);
    const dialled = fs.createCall({ phone, answered: false, direction: 'outbound' });
    const leg = await adapter.attach(dialled.uuid);
    const beganMs = clock.nowMs();
    const error = await leg.answer(never).catch((thrown: unknown) => thrown);
    assert.ok(hasCode(error, 'ERR_TALKSPURT_SWITCH_COMMAND'));
    assert.match((error as Error).message, /dialled by fs .*start when/);
    assert.ok(clock.nowMs() - beganMs < 1_000);
    assert.is(dialled.gone, false);
    await leg.release();
    const rings = fs.createCall({ phone: new TonePhone(500), answered: false });
    const { leg: answered } = await talk(rings);
    assert.is(rings.answered, true);
    await answered.release();
  }));

test('our answer gets no word: a release does not wait for it', () =>
  withRig('sip', async ({ fs, hub, ports, adapter, call }) => {
    const channel = call(OWN);
    // As if every 200 got lost: nobody tells us of an ACK.
    let given = false;
    hub.open = (incoming, wanted) => {
      given = true;
      const deaf = Object.create(incoming) as typeof incoming;
      let giveUp: (error: unknown) => void = () => undefined;
      deaf.listen = (listener) => incoming.listen(listener);
      deaf.reject = (status) => incoming.reject(status);
      deaf.accept = (sdp) => {
        incoming.accept(sdp).catch(() => undefined);
        return new Promise((_, reject) => (giveUp = reject));
      };
      deaf.hangup = (cause) => {
        giveUp(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'hung up'));
        return incoming.hangup(cause);
      };
      Object.defineProperties(deaf, { offer: { value: incoming.offer } });
      return openSipMedia(deaf, { clock, ports, sources: ['127.0.0.1'], ...wanted });
    };
    const leg = await adapter.attach(channel.uuid);
    leg.listen({ onHangup: () => undefined, onDigit: () => undefined, onMediaEnded: () => undefined });
    const opening = leg.openMedia(never).catch((error: unknown) => error);
    await until(() => given && ports.inUse > 0, 'the switch has called us');
    await leg.release();
    assert.ok(hasCode(await opening, 'ERR_TALKSPURT_CALL_GONE'));
    assert.is(ports.inUse, 0);
    assert.is(channel.gone, false);
    assert.equal(ours(channel), OWN);
    assert.is(fs.channels.size, 1);
  }));

test.run();

/** The demo's SIP phone against a phone of a few lines: what it says arrives, what it hears is what was sent, and it goes in peace. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SipCaller } from '../../../src/cli/demo/sip-caller.ts';
import type { SimulatedPhone } from '../../../src/simulator/phone.ts';
import { FakeClock } from '../../sim/fake-clock.ts';
import { SipPeer } from '../../simulator/sip-peer.ts';
import type { SipPeerOptions } from '../../simulator/sip-peer.ts';

const test = suite('SIP caller');

/** Says a constant, notes what it hears. */
class NotingPhone implements SimulatedPhone {
  hungUp = false;
  digits = '';
  heard: (number | null)[] = [];
  hangupCause: number | null = null;

  speak(frame: Int16Array): boolean {
    frame.fill(1_000);
    return true;
  }

  hear(frame: Int16Array | null): void {
    this.heard.push(frame?.[0] ?? null);
  }

  takeDigits(): string {
    const digits = this.digits;
    this.digits = '';
    return digits;
  }

  onHangup(hangupCause: number): void {
    this.hangupCause = hangupCause;
  }
}

interface Bench {
  readonly clock: FakeClock;
  readonly peer: SipPeer;
  readonly phone: NotingPhone;
  readonly caller: SipCaller;
  readonly ends: number[];
}

async function onCall(run: (bench: Bench) => Promise<void>, options: SipPeerOptions = {}): Promise<void> {
  const clock = new FakeClock();
  const peer = await new SipPeer(options).open();
  const phone = new NotingPhone();
  const ends: number[] = [];
  const port = Number(peer.dialString.split(':').at(-1));
  const caller = new SipCaller({
    clock,
    phone,
    from: '1001',
    to: { user: 'talk', port },
    onEnd: (cause) => ends.push(cause),
  });
  try {
    await caller.dial();
    await run({ clock, peer, phone, caller, ends });
  } finally {
    caller.close();
    peer.close();
  }
  assert.is(clock.pending, 0, 'no timer is left');
}

/** Lets sockets have their turn until it holds. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 5_000; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never: ${what}`);
}

const answered = ({ peer }: Bench): Promise<void> => until(() => peer.requests.includes('ACK'), 'an ACK');

test('calls the extension, speaks and hears PCMU, a packet each 20 ms', () =>
  onCall(async (bench) => {
    const { clock, peer, phone, caller } = bench;
    await answered(bench);
    assert.match(peer.messages[0]!, /^INVITE sip:talk@127\.0\.0\.1:/);
    for (let packet = 0; packet < 6; packet += 1) await peer.say(Buffer.alloc(160, 0x90));
    await until(() => caller.receivedPackets === 6, 'six packets');
    clock.advance(200);
    await until(() => peer.rtp.length === 10, 'ten packets');
    for (const packet of peer.rtp) assert.is(packet[1]! & 0x7f, 0);
    // ITU-T G.711: 0x90 is 15,996 in 16 bits; 1,000 becomes 0xce.
    assert.is(peer.rtp[0]![12], 0xce);
    assert.equal(phone.heard, [15_996, 15_996, 15_996, 15_996, 15_996, 15_996, null, null, null, null]);
    peer.ask('BYE');
    await until(() => peer.messages.at(-1)?.startsWith('SIP/2.0 200') === true, 'an answer');
    clock.advance(20);
    assert.equal([bench.ends, phone.hangupCause], [[16], 16]);
  }));

test('waits for three packets before it plays, and again after the flow has stopped', () =>
  onCall(async (bench) => {
    const { clock, peer, phone, caller } = bench;
    const send = async (count: number): Promise<void> => {
      const wanted = caller.receivedPackets + count;
      for (let packet = 0; packet < count; packet += 1) await peer.say(Buffer.alloc(160, 0x90));
      await until(() => caller.receivedPackets === wanted, `${wanted} packets`);
    };
    await answered(bench);
    await send(2);
    clock.advance(40);
    assert.equal(phone.heard, [null, null]);
    await send(1);
    clock.advance(80);
    assert.equal(phone.heard.splice(0), [null, null, 15_996, 15_996, 15_996, null]);
    await send(2);
    clock.advance(40);
    assert.equal(phone.heard.splice(0), [null, null]);
    await send(1);
    clock.advance(20);
    assert.equal(phone.heard, [15_996]);
    caller.hangup();
    await until(() => peer.requests.includes('BYE'), 'a BYE');
    assert.equal(bench.ends, [], 'our own hang-up is no news');
    await until(() => clock.pending === 0, 'an end of its repetitions');
  }));

test('digits go out as telephone-events, and a phone that hangs up says BYE', () =>
  onCall(async (bench) => {
    const { clock, peer, phone } = bench;
    await answered(bench);
    phone.digits = '#';
    clock.advance(40);
    await until(() => peer.rtp.some((packet) => (packet[1]! & 0x7f) === 101), 'an event');
    assert.is(peer.rtp.find((packet) => (packet[1]! & 0x7f) === 101)![12], 11);
    phone.hungUp = true;
    clock.advance(20);
    await until(() => peer.requests.includes('BYE'), 'a BYE');
    const sent = peer.rtp.length;
    clock.advance(100);
    assert.is(peer.rtp.length, sent, 'not a packet more');
    await until(() => clock.pending === 0, 'an end of its repetitions');
  }));

test('a refusal is told with its cause', () =>
  onCall(
    async ({ ends, phone }) => {
      await until(() => ends.length === 1, 'a refusal');
      assert.equal([ends, phone.hangupCause, phone.heard], [[1], 1, []]);
    },
    { onInvite: (peer, invite) => peer.reply(invite, '404 Not Found') },
  ));

test.run();

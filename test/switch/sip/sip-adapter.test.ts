/** Calls that reach us over SIP as legs: who takes them, what they know, and every way in which they end. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { Gateway } from '../../../src/gateway.ts';
import { SipAdapter } from '../../../src/switch/sip/sip-adapter.ts';
import type { CallLeg, SwitchSink } from '../../../src/switch/switch-adapter.ts';
import { FakeBackend, FakeDspPool, RecordingEvents } from '../../sim/fake-peers.ts';
import { fieldOf, request, response, statusOf, toTagOf } from '../../sip/scripted-peer.ts';
import { packet, read, event } from '../../transport/rtp-rig.ts';
import { SipRig, audioPort, bodyOf, sdp, until } from './sip-rig.ts';
import type { Dialog } from './sip-rig.ts';

let rig: SipRig;
let adapter: SipAdapter;
let legs: CallLeg[] = [];
let profiles: string[] = [];
let told: string[] = [];
const never = new AbortController().signal;

const sink: SwitchSink = {
  onCall: (leg, profile) => {
    legs.push(leg);
    profiles.push(profile);
  },
  onLinkDown: () => assert.unreachable('there is no link'),
  onLinkUp: () => assert.unreachable('there is no link'),
};

function makeAdapter(defaultProfile?: string): SipAdapter {
  return new SipAdapter({
    name: 'sip',
    media: rig.media,
    profiles: () => ['agent', 'sales'],
    ...(defaultProfile === undefined ? {} : { defaultProfile }),
  });
}

test.before.each(async () => {
  legs = [];
  profiles = [];
  told = [];
  rig = await SipRig.open({ onCall: (call) => void adapter.offer(call) });
  adapter = makeAdapter();
  await adapter.start(sink);
});

test.after.each(async () => {
  await rig.close();
  assert.equal(rig.bench.faults, []);
  assert.is(rig.ports.inUse, 0, 'no port is held');
  assert.is(adapter.legCount, 0, 'no leg is held');
  assert.is(rig.bench.clock.pending, 0, 'no timer is left');
});

function listenTo(leg: CallLeg): void {
  leg.listen({
    onHangup: (cause) => told.push(`hangup ${cause}`),
    onDigit: (digit) => told.push(`digit ${digit}`),
    onMediaEnded: (reason) => told.push(`media ${reason}`),
  });
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TalkspurtError) return error.code;
    throw error;
  }
  return null;
}

/** A call that talks. */
async function talk(fields: readonly string[] = []): Promise<{ leg: CallLeg; dialog: Dialog }> {
  const { callId } = await rig.invite({ fields });
  const leg = legs.at(-1)!;
  listenTo(leg);
  const answered = leg.answer(never);
  const dialog = await rig.answered(callId);
  await answered;
  return { leg, dialog };
}

test('who is dialled is the profile; another one goes to the default, or is 404', async () => {
  await rig.invite({ uri: 'sip:sales@127.0.0.1' });
  assert.equal(profiles, ['sales']);
  await legs[0]!.release();
  await rig.peer.next();
  await rig.invite({ uri: 'sip:Sales@127.0.0.1' });
  assert.is(statusOf(await rig.peer.next()), 404);
  adapter = makeAdapter('agent');
  await rig.invite({ uri: 'sip:5551234@127.0.0.1' });
  assert.is(statusOf(await rig.peer.next()), 503, 'not started');
  await adapter.start(sink);
  await rig.invite({ uri: 'sip:5551234@127.0.0.1' });
  assert.equal(profiles, ['sales', 'agent']);
  await adapter.stop();
  assert.is(statusOf(await rig.peer.next()), 503);
  await rig.invite({ uri: 'sip:sales@127.0.0.1' });
  assert.is(statusOf(await rig.peer.next()), 503, 'stopped');
});

test('a leg has an id of its own, the parties, and the headers that begin with X-', async () => {
  const { leg, dialog } = await talk(['X-Account-ID: 77', 'x-tag: a', 'X-Tag: b', 'Subject: no']);
  assert.match(leg.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal([leg.switchName, leg.from, leg.to], ['sip', 'ann', 'agent']);
  assert.equal(
    [...leg.variables],
    [
      ['sip_call_id', dialog.callId],
      ['sip_h_X-Account-Id', '77'],
      ['sip_h_X-Tag', 'a, b'],
    ],
  );
  assert.is(await codeOf(adapter.attach(leg.id)), 'ERR_TALKSPURT_ALREADY_RUNNING');
  const released = leg.release();
  await rig.answer('BYE');
  await released;
  assert.is(await codeOf(adapter.attach(leg.id)), 'ERR_TALKSPURT_UNKNOWN_CALL');
  assert.is(await codeOf(adapter.command()), 'ERR_TALKSPURT_NOT_SUPPORTED');
  assert.ok(adapter.linkUp);
});

test('audio and digits both ways, then the far end hangs up', async () => {
  const { leg, dialog } = await talk();
  const transport = await leg.openMedia(never);
  assert.is(transport.kind, 'rtp');
  const frames: number[] = [];
  transport.start({ onFrame: (frame) => frames.push(frame[0]!), onLost: () => assert.unreachable() });
  const port = audioPort(bodyOf(dialog.ok));
  await rig.rtp.say(packet({ sequenceNumber: 1, payload: Buffer.alloc(160, 3) }), port);
  assert.ok(await until(() => frames.length === 1));
  await rig.rtp.say(
    packet({ payloadType: 101, sequenceNumber: 2, timestamp: 160, payload: event(11, 800, true) }),
    port,
  );
  assert.ok(await until(() => told.length === 1));

  const dialled = leg.sendDtmf('1w2');
  const tick = async (): Promise<void> => {
    transport.send(new Uint8Array(160), false);
    rig.bench.clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (let n = 0; n < 60; n += 1) await tick();
  await dialled;
  await until(() => rig.rtp.heard.length >= 60);
  const sent = rig.rtp.heard.map(read);
  const digit = (code: number): number =>
    sent.findIndex(({ payloadType, payload }) => payloadType === 101 && payload[0] === code);
  assert.ok(digit(1) >= 0 && digit(2) - digit(1) >= 25, 'half a second and the tone between them');

  dialog.send('BYE', { fields: ['Reason: Q.850;cause=17'] });
  assert.is(statusOf(await rig.peer.next()), 200);
  assert.equal(told, ['digit #', 'hangup 17']);
  assert.is(adapter.legCount, 0);
  await leg.release();
  await leg.hangup(16);
  assert.is(rig.ports.inUse, 0);
  assert.is(await codeOf(leg.sendDtmf('1')), 'ERR_TALKSPURT_CALL_GONE');
  assert.is(await codeOf(leg.transfer('9')), 'ERR_TALKSPURT_CALL_GONE');
  assert.is(await codeOf(leg.answer(never)), 'ERR_TALKSPURT_CALL_GONE');
  assert.equal(told, ['digit #', 'hangup 17']);
});

test('digits: what is none, and more than can wait, is refused; a call that ends in a pause ends them', async () => {
  const { leg } = await talk();
  assert.is(await codeOf(leg.sendDtmf('12x')), 'ERR_TALKSPURT_COMMAND_SYNTAX');
  assert.is(await codeOf(leg.sendDtmf('')), 'ERR_TALKSPURT_COMMAND_SYNTAX');
  const first = codeOf(leg.sendDtmf('W'.repeat(40)));
  assert.is(await codeOf(leg.sendDtmf('1'.repeat(25))), 'ERR_TALKSPURT_COMMAND_LIMIT');
  const second = codeOf(leg.sendDtmf('1'));
  const released = leg.release();
  await rig.answer('BYE');
  await released;
  assert.is(await first, 'ERR_TALKSPURT_CALL_GONE');
  assert.is(await second, 'ERR_TALKSPURT_CALL_GONE');
});

test('a far end without telephone-events', async () => {
  const { callId } = await rig.invite({ body: sdp(rig.rtp.port, [], '0') });
  const [leg] = legs;
  const answered = leg!.answer(never);
  await rig.answered(callId);
  await answered;
  assert.is(await codeOf(leg!.sendDtmf('1')), 'ERR_TALKSPURT_MEDIA_FORMAT');
  const hungUp = leg!.hangup(16);
  await rig.answer('BYE');
  await hungUp;
});

test('hangup says why, once; nothing is told of our own doing', async () => {
  const { leg } = await talk();
  const hungUp = Promise.all([leg.hangup(41), leg.hangup(16), leg.release()]);
  assert.is(await rig.answer('BYE'), 'BYE Q.850;cause=41');
  await hungUp;
  assert.equal(told, []);
});

test('let go of before the ACK: not waited for, and the far end is told when it may be, with the cause', async () => {
  const { callId } = await rig.invite();
  listenTo(legs[0]!);
  const answered = codeOf(legs[0]!.answer(never));
  const ok = await rig.peer.next();
  assert.is(statusOf(ok), 200);
  await legs[0]!.hangup(41);
  assert.is(await answered, 'ERR_TALKSPURT_CALL_GONE');
  assert.is(rig.ports.inUse, 0);
  assert.is(adapter.legCount, 0);
  rig.peer.send(request(rig.peer, 'ACK', { branch: 'late', callId, toTag: toTagOf(ok) }));
  assert.is(await rig.answer('BYE'), 'BYE Q.850;cause=41');
  assert.equal(told, []);
});

test('before the answer: release is 503 for now, hangup the status of its cause', async () => {
  await rig.invite();
  listenTo(legs[0]!);
  await legs[0]!.release();
  const full = await rig.peer.next();
  assert.equal([statusOf(full), fieldOf(full, 'Retry-After')], [503, '5']);
  await rig.invite();
  listenTo(legs[1]!);
  await legs[1]!.hangup(17);
  assert.is(statusOf(await rig.peer.next()), 486);
  assert.is(await codeOf(legs[1]!.openMedia(never)), 'ERR_TALKSPURT_CALL_GONE');
  assert.equal(told, []);
});

test('a CANCEL is a hang-up, also for who listens only later', async () => {
  for (const late of [false, true]) {
    const { callId } = await rig.invite();
    const leg = legs.at(-1)!;
    if (!late) listenTo(leg);
    rig.peer.send(request(rig.peer, 'CANCEL', { branch: `inv-${callId}`, callId }));
    const answers = [statusOf(await rig.peer.next()), statusOf(await rig.peer.next())];
    assert.equal(
      answers.sort((a, b) => a - b),
      [200, 487],
    );
    if (late) listenTo(leg);
    assert.equal(told.splice(0), ['hangup 16']);
    await leg.release();
  }
});

test('let go of while it is being answered', async () => {
  const { callId } = await rig.invite();
  const [leg] = legs;
  listenTo(leg!);
  const answering = codeOf(leg!.answer(never));
  const ok = rig.answered(callId);
  assert.ok(await until(() => rig.ports.inUse === 1));
  const released = leg!.release();
  await Promise.race([ok, released]);
  if (rig.ports.inUse > 0) await rig.answer('BYE');
  await released;
  assert.is(await answering, 'ERR_TALKSPURT_CALL_GONE');
  assert.equal(told, []);
});

test('let go of between 200 and ACK: the BYE waits for the ACK', async () => {
  await rig.invite();
  const [leg] = legs;
  listenTo(leg!);
  const answering = codeOf(leg!.answer(never));
  const ok = await rig.peer.next();
  assert.is(statusOf(ok), 200);
  const released = leg!.release();
  assert.is(await answering, 'ERR_TALKSPURT_CALL_GONE');
  const toTag = /;tag=([^;\s]+)/.exec(fieldOf(ok, 'To'))?.[1] ?? '';
  rig.peer.send(request(rig.peer, 'ACK', { branch: 'late', callId: 'call-1', toTag }));
  assert.is(await rig.answer('BYE'), 'BYE Q.850;cause=16');
  await released;
  assert.equal(told, []);
});

test('audio that cannot be had: the far end hears why, and so does whoever answered', async () => {
  await rig.invite({ body: sdp(rig.rtp.port, [], '3') });
  const [leg] = legs;
  listenTo(leg!);
  assert.is(await codeOf(leg!.answer(never)), 'ERR_TALKSPURT_MEDIA_FORMAT');
  assert.is(statusOf(await rig.peer.next()), 488);
  assert.is(adapter.legCount, 0);
  await leg!.release();
  assert.equal(told, []);
});

for (const [destination, target] of [
  ['2000', 'sip:2000@127.0.0.1'],
  ['bob@pbx.example.org', 'sip:bob@pbx.example.org'],
  ['tel:+15551234', 'tel:+15551234'],
] as const) {
  test(`transfer to ${destination.replace(/\d+$/, '…')}`, async () => {
    const { leg, dialog } = await talk();
    const transferred = leg.transfer(destination);
    const refer = await rig.peer.next();
    assert.match(refer, /^REFER /);
    const to = fieldOf(refer, 'Refer-To');
    assert.ok(to.replace(/:\d+>$/, '>').startsWith(`<${target}`), to);
    rig.peer.send(response(refer, '202 Accepted'));
    const fields = ['Event: refer', 'Subscription-State: terminated;reason=noresource'];
    dialog.send('NOTIFY', { contentType: 'message/sipfrag', body: 'SIP/2.0 200 OK\r\n', fields });
    assert.is(statusOf(await rig.peer.next()), 200);
    await transferred;
    const released = leg.release();
    await rig.answer('BYE');
    await released;
  });
}

test('a transfer that is refused leaves the call as it was', async () => {
  const { leg } = await talk();
  for (const destination of ['2000 XML default', 'http://example.org/', '']) {
    assert.is(await codeOf(leg.transfer(destination)), 'ERR_TALKSPURT_SWITCH_COMMAND', destination);
  }
  const refused = codeOf(leg.transfer('2000'));
  await rig.answer('REFER', '403 Forbidden');
  assert.is(await refused, 'ERR_TALKSPURT_SWITCH_COMMAND');
  assert.is(adapter.legCount, 1);
  const released = leg.release();
  await rig.answer('BYE');
  await released;
});

test('stop hangs up what there is', async () => {
  await talk();
  await talk();
  const stopped = adapter.stop();
  await rig.answer('BYE');
  await rig.answer('BYE');
  await stopped;
  assert.equal(told, []);
});

test('a gateway takes the call, refuses the next one while it is full, and one after it was drained', async () => {
  const events = new RecordingEvents();
  const dspPool = new FakeDspPool(1);
  const gateway = new Gateway({
    clock: rig.bench.clock,
    events,
    dspPool,
    adapters: [adapter],
    profiles: new Map([['agent', { backend: new FakeBackend() }]]),
    version: 'test',
  });
  await gateway.open();
  const { callId } = await rig.invite();
  const dialog = await rig.answered(callId);
  assert.ok(await until(() => gateway.list()[0]?.state === 'talking'));
  assert.equal(gateway.snapshot().links, [{ name: 'sip', kind: 'sip', up: true }]);
  const [call] = gateway.list();
  assert.equal([call!.switchName, call!.profile], ['sip', 'agent']);
  assert.is(await codeOf(gateway.startCall(call!.uuid, 'agent')), 'ERR_TALKSPURT_ALREADY_RUNNING');

  await rig.invite();
  assert.is(statusOf(await rig.peer.next()), 503);
  assert.is(events.of('call.refused').at(-1)?.error.code, 'ERR_TALKSPURT_CALL_LIMIT');

  dialog.send('BYE');
  assert.is(statusOf(await rig.peer.next()), 200);
  assert.ok(await until(() => gateway.callCount === 0));
  assert.is(events.of('call.ended')[0]?.reason, 'hangup');
  assert.is(dspPool.inUse, 0);

  // `stop` by an operator hangs up: there is no switch to leave the call to.
  const { callId: second } = await rig.invite();
  await rig.answered(second);
  assert.ok(await until(() => gateway.list()[0]?.state === 'talking'));
  const stopped = gateway.stop(gateway.list()[0]!.uuid);
  assert.is(await rig.answer('BYE'), 'BYE Q.850;cause=16');
  await stopped;
  const drained = gateway.drained(1);
  rig.bench.clock.advance(200);
  await drained;
  await rig.invite();
  const refusal = await rig.peer.next();
  assert.equal([statusOf(refusal), fieldOf(refusal, 'Retry-After')], [503, '5']);
  assert.is(events.of('call.refused').at(-1)?.error.code, 'ERR_TALKSPURT_DRAINING');
  await gateway.close();
});

test.run();

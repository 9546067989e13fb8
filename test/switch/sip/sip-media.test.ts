/** One call's media, from INVITE to BYE, with a far end that is scripted byte for byte. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError, hasCode } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { openSipMedia } from '../../../src/switch/sip/sip-media.ts';
import type { SipMedia, SipMediaOptions } from '../../../src/switch/sip/sip-media.ts';
import { bodyOf, fieldOf, request, statusOf, toTagOf } from '../../sip/scripted-peer.ts';
import { event, packet, read } from '../../transport/rtp-rig.ts';
import { SipRig, audioPort, sdp, until } from './sip-rig.ts';
import type { Dialog } from './sip-rig.ts';

let rig: SipRig;

test.before.each(async () => {
  rig = await SipRig.open();
});

test.after.each(async () => {
  await rig.close();
  assert.equal(rig.bench.faults, []);
  assert.is(rig.ports.inUse, 0, 'no port is held');
  assert.is(rig.bench.clock.pending, 0, 'no timer is left');
});

async function open(
  options: Partial<SipMediaOptions> = {},
  body = sdp(rig.rtp.port),
): Promise<{ media: SipMedia; dialog: Dialog }> {
  const { call, callId } = await rig.invite({ body });
  const opening = openSipMedia(call!, { ...rig.media, ...options });
  const dialog = await rig.answered(callId);
  return { media: await opening, dialog };
}

async function failure(opening: Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await opening;
  } catch (error) {
    return (error as { code: ErrorCode }).code;
  }
  return null;
}

/** Frames that reach the session. */
function heard(media: SipMedia): Uint8Array[] {
  const frames: Uint8Array[] = [];
  media.transport.start({ onFrame: (frame) => frames.push(frame.slice()), onLost: () => undefined });
  return frames;
}

const FRAME = Buffer.alloc(160, 0x2a);

test('an offer is answered, audio goes both ways, and the far end hangs up', async () => {
  const { media, dialog } = await open();
  const port = audioPort(bodyOf(dialog.ok));
  assert.ok(port > 0);
  assert.equal(media.transport.format, { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 });
  const frames = heard(media);
  await rig.rtp.say(packet({ sequenceNumber: 1, timestamp: 160, payload: FRAME }), port);
  assert.ok(await until(() => frames.length === 1));
  assert.equal(Buffer.from(frames[0]!), FRAME);
  media.transport.send(Buffer.alloc(160, 0x55), true);
  assert.ok(await until(() => rig.rtp.heard.length === 1));
  assert.equal(read(rig.rtp.heard[0]!).payload, Buffer.alloc(160, 0x55));

  dialog.send('BYE', { fields: ['Reason: Q.850;cause=17'] });
  assert.is(statusOf(await rig.peer.next()), 200);
  assert.equal(rig.ends, [{ by: 'far-end', hangupCause: 17 }]);
  await media.close();
  await media.close();
  assert.is(rig.ports.inUse, 0);
  assert.is(rig.ends.length, 1);
  assert.is(await failure(media.sendDigits('1')), 'ERR_TALKSPURT_CALL_GONE');
});

test('we hang up: BYE with the cause; the ports are free whether or not it is answered', async () => {
  const { media } = await open();
  const closed = media.close(41);
  assert.ok(await until(() => rig.ports.inUse === 0));
  assert.is(await rig.answer('BYE'), 'BYE Q.850;cause=41');
  await closed;
  assert.equal(rig.ends, [], 'the end was our own doing');
});

test('an INVITE without an offer gets ours, and the ACK says what becomes of it', async () => {
  const { call, callId } = await rig.invite({ body: '' });
  const opening = openSipMedia(call!, rig.media);
  const dialog = await rig.answered(callId, () => sdp(rig.rtp.port, [], '8'));
  const offer = bodyOf(dialog.ok);
  assert.match(offer, /^a=rtpmap:\d+ L16\/16000/m);
  assert.not.match(offer, /G722/, 'no codec, no offer');
  const media = await opening;
  assert.is(media.transport.format.codec, 'pcma');
  const frames = heard(media);
  await rig.rtp.say(packet({ payloadType: 8, sequenceNumber: 9, payload: FRAME }), audioPort(offer));
  assert.ok(await until(() => frames.length === 1));
  const closed = media.close();
  await rig.answer('BYE');
  await closed;
});

test('an answer that takes nothing of our offer: BYE, cause 88', async () => {
  const { call, callId } = await rig.invite({ body: '' });
  const opening = failure(openSipMedia(call!, rig.media));
  await rig.answered(callId, () => sdp(rig.rtp.port, ['a=rtpmap:96 opus/48000/2'], '96'));
  assert.is(await rig.answer('BYE'), 'BYE Q.850;cause=88');
  assert.is(await opening, 'ERR_TALKSPURT_MEDIA_FORMAT');
  assert.equal(rig.ends, []);
});

test('an offer of nothing that we take is 488', async () => {
  const { call } = await rig.invite({ body: sdp(rig.rtp.port, ['a=rtpmap:96 opus/48000/2'], '96') });
  assert.is(await failure(openSipMedia(call!, rig.media)), 'ERR_TALKSPURT_MEDIA_FORMAT');
  assert.is(statusOf(await rig.peer.next()), 488);
  assert.is(rig.ports.inUse, 0);
  assert.equal(rig.ends, []);
});

test('without ports it is 503, to be tried again', async () => {
  const acquired = await Promise.allSettled(Array.from({ length: rig.ports.size }, () => rig.ports.acquire()));
  // Another program may hold some of them.
  const held = acquired.flatMap((pair) => (pair.status === 'fulfilled' ? [pair.value] : []));
  const { call } = await rig.invite();
  assert.is(await failure(openSipMedia(call!, rig.media)), 'ERR_TALKSPURT_PORTS_EXHAUSTED');
  const refusal = await rig.peer.next();
  assert.is(statusOf(refusal), 503);
  assert.is(fieldOf(refusal, 'Retry-After'), '5');
  await Promise.all(held.map((pair) => pair.release()));
});

test('hold and its end, by direction and by the black-hole address; the origin tells of each change', async () => {
  const { media, dialog } = await open();
  const version = (text: string): number => Number(/^o=\S+ \d+ (\d+) /m.exec(text)?.[1]);
  let last = version(bodyOf(dialog.ok));
  const hold = sdp(rig.rtp.port, ['a=sendonly']);
  for (const [body, answer, held] of [
    [hold, 'recvonly', true],
    [sdp(rig.rtp.port, ['a=inactive']), 'inactive', true],
    [sdp(rig.rtp.port), 'sendrecv', false],
    [sdp(rig.rtp.port).replace('c=IN IP4 127.0.0.1', 'c=IN IP4 0.0.0.0'), 'recvonly', true],
    [sdp(rig.rtp.port), 'sendrecv', false],
  ] as const) {
    dialog.send('INVITE', { body });
    const ok = await rig.peer.next();
    dialog.ack();
    assert.is(statusOf(ok), 200);
    assert.match(bodyOf(ok), new RegExp(`^a=${answer}\r$`, 'm'));
    assert.is(media.held, held, answer);
    assert.is(media.transport.expectsFrames, !held);
    assert.ok(version(bodyOf(ok)) > last);
    last = version(bodyOf(ok));
    const sent = media.transport.stats.sentFrames;
    media.transport.send(FRAME, false);
    const talks = await until(() => media.transport.stats.sentFrames > sent || answer !== 'sendrecv');
    assert.ok(talks, 'audio is sent again');
    assert.is(media.transport.stats.sentFrames > sent, answer === 'sendrecv');
  }
  const closed = media.close();
  await rig.answer('BYE');
  await closed;
});

test('another address is sent to; another codec or ptime is refused, and the call goes on', async () => {
  const { media, dialog } = await open();
  const elsewhere = await SipRig.open();
  dialog.send('INVITE', { body: sdp(elsewhere.rtp.port) });
  assert.is(statusOf(await rig.peer.next()), 200);
  dialog.ack();
  media.transport.send(FRAME, false);
  assert.ok(await until(() => elsewhere.rtp.heard.length === 1));
  for (const body of [
    sdp(elsewhere.rtp.port, [], '8'),
    sdp(elsewhere.rtp.port, ['a=ptime:30']),
    sdp(0),
    'this is no description',
  ]) {
    dialog.send('INVITE', { body });
    assert.is(statusOf(await rig.peer.next()), 488, body);
    dialog.ack();
    media.transport.send(FRAME, false);
  }
  assert.ok(await until(() => elsewhere.rtp.heard.length === 5));
  const closed = media.close();
  await rig.answer('BYE');
  await closed;
  await elsewhere.close();
});

test('who names no ptime in a re-INVITE means the one in use', async () => {
  const { media, dialog } = await open({}, sdp(rig.rtp.port, ['a=ptime:30']));
  assert.is(media.transport.format.ptimeMs, 30);
  dialog.send('INVITE', { body: sdp(rig.rtp.port, ['a=sendonly']) });
  const ok = await rig.peer.next();
  dialog.ack();
  assert.is(statusOf(ok), 200);
  assert.match(bodyOf(ok), /^a=ptime:30\r$/m);
  const closed = media.close();
  await rig.answer('BYE');
  await closed;
});

test('a re-INVITE without an offer is offered what is agreed on, and its answer counts', async () => {
  const { media, dialog } = await open();
  dialog.send('INVITE');
  const ok = await rig.peer.next();
  assert.is(audioPort(bodyOf(ok)), audioPort(bodyOf(dialog.ok)));
  assert.match(bodyOf(ok), /^m=audio \d+ RTP\/AVP 0 101\r$/m);
  dialog.ack(sdp(rig.rtp.port, ['a=inactive']));
  assert.ok(await until(() => media.held));
  const closed = media.close();
  await rig.answer('BYE');
  await closed;
});

/** One digit by RFC 4733. */
async function press(code: number, timestamp: number, dialog: Dialog): Promise<void> {
  const port = audioPort(bodyOf(dialog.ok));
  const sequenceNumber = timestamp / 160;
  const fields = { payloadType: 101, sequenceNumber, timestamp, payload: event(code, 800, true) };
  const before = rig.digits.length;
  await rig.rtp.say(packet(fields), port);
  await until(() => rig.digits.length > before);
}

/** And by INFO. */
async function inform(digit: string, dialog: Dialog): Promise<void> {
  dialog.send('INFO', { contentType: 'application/dtmf-relay', body: `Signal=${digit}\r\nDuration=100\r\n` });
  assert.is(statusOf(await rig.peer.next()), 200);
}

test('a digit that comes both ways is one, however quickly the next one follows', async () => {
  const { media, dialog } = await open();
  await press(1, 1600, dialog);
  await press(2, 4800, dialog);
  await inform('1', dialog);
  await inform('2', dialog);
  assert.equal(rig.digits, ['1', '2'], 'RTP first');
  rig.bench.clock.advance(1_000);
  await inform('7', dialog);
  await inform('7', dialog);
  assert.equal(rig.digits, ['1', '2', '7', '7'], 'one way only: pressed twice');
  rig.bench.clock.advance(1_000);
  await inform('9', dialog);
  rig.bench.clock.advance(450);
  await press(9, 16_000, dialog);
  assert.equal(rig.digits, ['1', '2', '7', '7', '9', '9'], 'too late to be the same');
  const closed = media.close();
  await rig.answer('BYE');
  await closed;
});

test('digits of ours go as telephone-events', async () => {
  const { media } = await open();
  const sent = media.sendDigits('5');
  for (let tick = 0; tick < 20; tick += 1) media.transport.send(FRAME, false);
  await sent;
  const packets = (): ReturnType<typeof read>[] => rig.rtp.heard.map(read);
  assert.ok(await until(() => packets().filter(({ payloadType }) => payloadType === 0).length > 0));
  const events = packets().filter(({ payloadType }) => payloadType === 101);
  assert.ok(events.length >= 3);
  assert.ok(events.every(({ payload }) => payload[0] === 5));
  assert.is(events.filter(({ payload }) => payload[1]! >= 0x80).length, 3, 'the end is said three times');
  const closed = media.close();
  await rig.answer('BYE');
  await closed;
});

test('hung up while the ports are bound: refused, and the ports are given back', async () => {
  const { call } = await rig.invite();
  const opening = failure(openSipMedia(call!, rig.media));
  await call!.hangup(17);
  assert.is(await opening, 'ERR_TALKSPURT_CALL_GONE');
  assert.is(statusOf(await rig.peer.next()), 486);
});

test('no ACK: the call is over, and nothing is left', async () => {
  const { call } = await rig.invite();
  const opening = failure(openSipMedia(call!, rig.media));
  assert.is(statusOf(await rig.peer.next()), 200);
  rig.bench.clock.advance(40_000);
  assert.is(await opening, 'ERR_TALKSPURT_CALL_GONE');
  assert.equal(rig.ends, [{ by: 'timeout', hangupCause: 102 }]);
});

test('given up before the ACK: let go at once, and the far end is told when it may be (section 15)', async () => {
  const { call, callId } = await rig.invite();
  const given = new AbortController();
  const opening = openSipMedia(call!, { ...rig.media, signal: given.signal }).catch((error: unknown) => error);
  const ok = await rig.peer.next();
  assert.is(statusOf(ok), 200);
  const reason = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'stopped');
  given.abort(reason);
  assert.is(await opening, reason);
  assert.is(rig.ports.inUse, 0);
  assert.equal(rig.ends, []);
  rig.bench.clock.advance(500);
  assert.is(statusOf(await rig.peer.next()), 200, 'no BYE may come before the ACK');
  rig.peer.send(request(rig.peer, 'ACK', { branch: 'late', callId, toTag: toTagOf(ok) }));
  assert.match(await rig.answer('BYE'), /^BYE/);
});

test('given up before the answer: refused, and no port is bound', async () => {
  const { call } = await rig.invite();
  const signal = AbortSignal.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'stopped'));
  assert.is(await failure(openSipMedia(call!, { ...rig.media, signal })), 'ERR_TALKSPURT_CALL_GONE');
  assert.ok(statusOf(await rig.peer.next()) >= 400);
  assert.is(rig.ports.inUse, 0);
});

test('a switch that says by itself that its caller is on hold: nothing is expected, nor in the first moment after', async () => {
  const { media, dialog } = await open();
  const expected = (): boolean | undefined => media.transport.expectsFrames;
  assert.is(expected(), true);
  media.onCallerHeld(true);
  rig.bench.clock.advance(60_000);
  assert.is(expected(), false);
  media.onCallerHeld(false);
  assert.is(expected(), false, 'the last frame is a minute old');
  rig.bench.clock.advance(LIMITS.mediaStalledMs + 1);
  assert.is(expected(), true);
  media.onCallerHeld(false);
  assert.is(expected(), true, 'said twice');
  dialog.send('BYE');
  await rig.peer.next();
  await media.close();
});

test('G.722 has a codec of its own, given back once', async () => {
  let codecs = 0;
  let released = 0;
  const g722 = (): ReturnType<NonNullable<SipMediaOptions['g722']>> => {
    codecs += 1;
    return {
      decode: (_wire, out) => void out.fill(7),
      encode: (_pcm, out) => void out.fill(9),
      release: () => void (released += 1),
    };
  };
  const { media, dialog } = await open({ g722 }, sdp(rig.rtp.port, [], '0 9 101'));
  assert.match(bodyOf(dialog.ok), /^m=audio \d+ RTP\/AVP 9 101\r$/m, 'the best that both have');
  assert.equal(media.transport.format, { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 });
  const frames = heard(media);
  await rig.rtp.say(packet({ payloadType: 9, sequenceNumber: 1, payload: FRAME }), audioPort(bodyOf(dialog.ok)));
  assert.ok(await until(() => frames.length === 1));
  assert.equal([frames[0]!.length, frames[0]![0]], [640, 7]);
  media.transport.send(new Uint8Array(640), false);
  assert.ok(await until(() => rig.rtp.heard.length === 1));
  assert.equal(read(rig.rtp.heard[0]!).payload, Buffer.alloc(160, 9));
  assert.is(released, 0);
  dialog.send('BYE');
  await rig.peer.next();
  await Promise.all([media.close(), media.close()]);
  assert.equal([codecs, released], [1, 1]);
});

test('no codec is left for a call that wants one: 503', async () => {
  const g722 = (): never => {
    throw new TalkspurtError('ERR_TALKSPURT_DSP_POOL_EMPTY', 'none is left');
  };
  const { call } = await rig.invite({ body: sdp(rig.rtp.port, [], '9') });
  assert.is(await failure(openSipMedia(call!, { ...rig.media, g722 })), 'ERR_TALKSPURT_DSP_POOL_EMPTY');
  assert.is(statusOf(await rig.peer.next()), 503);
});

test('a far end that has gone already', async () => {
  const { call } = await rig.invite();
  call!.reject(486);
  await rig.peer.next();
  const error = await openSipMedia(call!, rig.media).catch((thrown: unknown) => thrown);
  assert.ok(hasCode(error, 'ERR_TALKSPURT_CALL_GONE'));
});

test.run();

// Calls that the simulated switch makes by SIP. Orders of events, causes and messages are those of a FreeSWITCH 1.11.2.
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import type { RawClient } from '../switch/freeswitch/recorded-dialogue.ts';
import { SipPeer } from './sip-peer.ts';
import type { SipPeerOptions } from './sip-peer.ts';
import { api, eventNames, eventsOf, lastEvent, withSwitch } from './switch-bench.ts';
import type { SwitchBench } from './switch-bench.ts';

const test = suite('SimulatedSwitch, SIP');

const ALL = 'event json ALL\n\n';

async function withPeer(
  options: SipPeerOptions,
  run: (bench: SwitchBench & { peerPhone: SipPeer; esl: RawClient }) => Promise<void>,
): Promise<void> {
  const peerPhone = await new SipPeer(options).open();
  try {
    await withSwitch({}, async (bench) => {
      const esl = await bench.client();
      await esl.ask(ALL, /enabled json\n\n$/);
      await run({ ...bench, peerPhone, esl });
    });
  } finally {
    peerPhone.close();
  }
}

/** Ticks until something is so: real sockets take turns of their own. */
async function ticksUntil({ ticks }: SwitchBench, met: () => boolean, what: string): Promise<void> {
  for (let n = 0; n < 400 && !met(); n += 1) await ticks(1);
  assert.ok(met(), what);
}

async function bridgeTo(bench: SwitchBench & { peerPhone: SipPeer; esl: RawClient }, vars = '') {
  const made = bench.call({ from: '5004' });
  await bench.ticks(2);
  const { uuid } = made.channel;
  const text = `bridge:{absolute_codec_string=PCMU${vars}}${bench.peerPhone.dialString}`;
  assert.is(await api(bench.esl, `uuid_transfer ${uuid} 'm:^:${text}' inline`), '+OK\n');
  return made;
}

test('an INVITE as FreeSWITCH writes it, an answer, ACK, CHANNEL_BRIDGE', () =>
  withPeer({}, async (bench) => {
    const { peerPhone, esl, simulated } = bench;
    const { channel } = await bridgeTo(bench, ',origination_uuid=b-leg,sip_h_X-Call=abc');
    await ticksUntil(bench, () => channel.bridged, 'bridge');
    assert.equal(peerPhone.requests, ['INVITE', 'ACK']);
    const names = [...peerPhone.messages[0]!.split('\r\n\r\n')[0]!.matchAll(/^([A-Za-z-]+):/gm)].map(
      (match) => match[1],
    );
    assert.equal(names, [
      'Via',
      'Max-Forwards',
      'From',
      'To',
      'Call-ID',
      'CSeq',
      'Contact',
      'User-Agent',
      'Allow',
      'Supported',
      'Allow-Events',
      'Content-Type',
      'Content-Disposition',
      'Content-Length',
      'X-Call',
      'X-FS-Support',
      'Remote-Party-ID',
    ]);
    assert.match(peerPhone.messages[0]!, /^From: "5004" <sip:5004@127\.0\.0\.1>;tag=\w+\r$/m);
    assert.match(
      peerPhone.messages[0]!,
      /\r\n\r\nv=0\r\no=FreeSWITCH (\d+) \d+ IN IP4 127\.0\.0\.1\r\ns=FreeSWITCH\r\nc=IN IP4 127\.0\.0\.1\r\nt=0 0\r\nm=audio \d+ RTP\/AVP 0 101 13\r\na=rtpmap:0 PCMU\/8000\r\na=rtpmap:101 telephone-event\/8000\r\na=fmtp:101 0-15\r\na=rtpmap:13 CN\/8000\r\na=ptime:20\r\n$/,
    );
    assert.match(peerPhone.messages[1]!, /^ACK sip:agent@127\.0\.0\.1:\d+ SIP\/2\.0\r\n[^]*^To: <[^>]+>;tag=peer\r$/m);
    assert.equal(eventsOf(esl, 'b-leg'), [
      'CHANNEL_OUTGOING',
      'CHANNEL_CREATE',
      'CHANNEL_ORIGINATE',
      'CHANNEL_ANSWER',
      'CALL_UPDATE',
    ]);
    assert.equal(eventsOf(esl, channel.uuid).slice(-5), [
      'CHANNEL_UNPARK',
      'CHANNEL_EXECUTE_COMPLETE',
      'CHANNEL_EXECUTE',
      'CHANNEL_BRIDGE',
      'CALL_UPDATE',
    ]);
    const bridge = lastEvent(esl, 'CHANNEL_BRIDGE');
    assert.is(bridge['Bridge-A-Unique-ID'], channel.uuid);
    assert.is(bridge['Bridge-B-Unique-ID'], 'b-leg');
    assert.is(bridge['Other-Leg-Unique-ID'], 'b-leg');
    assert.is(bridge['Other-Type'], 'originatee');
    assert.is(bridge['Channel-Call-State'], 'ACTIVE');
    assert.is(simulated.channels.get('b-leg')!.describe().state, 'CS_EXCHANGE_MEDIA');
  }));

test('both parties hear each other; digits pass as telephone-events', () =>
  withPeer({}, async (bench) => {
    const { peerPhone, esl, ticks } = bench;
    const { channel, phone } = await bridgeTo(bench);
    await ticksUntil(bench, () => channel.bridged, 'bridge');
    await ticksUntil(bench, () => peerPhone.rtp.length >= 5, 'RTP');
    const packet = peerPhone.rtp.at(-1)!;
    assert.is(packet.length, 172);
    assert.is(packet[1], 0, 'payload type 0, no marker');
    assert.is(packet[20], 0xce, '1000 as a µ-law code');
    assert.is(peerPhone.rtp[0]![1], 0x80, 'the first one is marked');
    const step = (at: number): number => peerPhone.rtp[at]!.readUInt16BE(2);
    assert.is(step(4) - step(3), 1);
    assert.is(peerPhone.rtp[4]!.readUInt32BE(4) - peerPhone.rtp[3]!.readUInt32BE(4), 160);

    phone.heard = [];
    for (let n = 0; n < 5; n += 1) {
      await peerPhone.say(Buffer.alloc(160, 0x80));
      await ticks(2);
    }
    await ticksUntil(bench, () => phone.sounds.length >= 4, 'speech');
    assert.is(phone.sounds[1]![5], 32124, 'the greatest µ-law level');

    peerPhone.rtp.length = 0;
    phone.digits = '5';
    await ticks(20);
    await ticksUntil(
      bench,
      () => peerPhone.rtp.filter((each) => (each[1]! & 0x7f) === 101 && each[13]! >> 7 === 1).length >= 3,
      'digit',
    );
    const events = peerPhone.rtp.filter((each) => (each[1]! & 0x7f) === 101);
    assert.is(events[0]![1], 101 | 0x80);
    assert.is(events[0]![12], 5);
    assert.is(events.at(-1)!.readUInt16BE(14), 2000, '250 ms');
    assert.is(new Set(events.map((each) => each.readUInt32BE(4))).size, 1);

    for (const [at, end] of [0, 0, 1, 1, 1].entries())
      await peerPhone.say(Buffer.from([11, (end << 7) | 10, 0, 160 * (at + 1)]), 101, { timestamp: 4242 });
    await ticksUntil(bench, () => esl.received.includes('"DTMF-Digit":"#"'), 'DTMF');
    await ticks(3);
    assert.is([...esl.received.matchAll(/"DTMF-Digit":"#"/g)].length, 1, 'once for all copies');
    assert.is(lastEvent(esl, 'DTMF')['DTMF-Source'], 'RTP');
    assert.is(channel.keypad.sent, '#', 'passed on to the caller');
  }));

test('BYE from the agent ends the caller; with park_after_bridge it is parked', () =>
  withPeer({}, async (bench) => {
    const { peerPhone, esl } = bench;
    const { channel } = await bridgeTo(bench, ',origination_uuid=b-leg');
    await ticksUntil(bench, () => channel.bridged, 'bridge');
    peerPhone.ask('BYE');
    await ticksUntil(bench, () => channel.gone, 'hang-up');
    assert.is(channel.hangupCause, 16);
    assert.is(peerPhone.requests.at(-1), 'SIP/2.0 200 OK');
    assert.equal(eventsOf(esl, channel.uuid).slice(-5), [
      'CHANNEL_UNBRIDGE',
      'CHANNEL_EXECUTE_COMPLETE',
      'CHANNEL_HANGUP',
      'CHANNEL_HANGUP_COMPLETE',
      'CHANNEL_DESTROY',
    ]);
    assert.is(lastEvent(esl, 'CHANNEL_UNBRIDGE')['Bridge-B-Unique-ID'], 'b-leg');
  }));

test('park_after_bridge parks without an execute; the dialplan goes on without either variable', async () => {
  for (const [setUp, then, names] of [
    ['park_after_bridge', '', ['CHANNEL_UNBRIDGE', 'CHANNEL_EXECUTE_COMPLETE', 'CHANNEL_PARK']],
    ['', '^park', ['CHANNEL_UNBRIDGE', 'CHANNEL_EXECUTE_COMPLETE', 'CHANNEL_EXECUTE', 'CHANNEL_PARK']],
  ] as const) {
    await withPeer({}, async (bench) => {
      const { peerPhone, esl, call, ticks } = bench;
      const { channel } = call();
      await ticks(2);
      if (setUp !== '') await api(esl, `uuid_setvar ${channel.uuid} ${setUp} true`);
      await api(esl, `uuid_transfer ${channel.uuid} 'm:^:bridge:${peerPhone.dialString}${then}' inline`);
      await ticksUntil(bench, () => channel.bridged, 'bridge');
      peerPhone.ask('BYE');
      await ticksUntil(bench, () => channel.parked, 'park');
      assert.equal(eventsOf(esl, channel.uuid).slice(-names.length), names);
      assert.is(lastEvent(esl, 'CHANNEL_PARK')['Channel-State'], setUp === '' ? 'CS_EXECUTE' : 'CS_PARK');
    });
  }
});

test('hangup_after_bridge=true does not go on; a comma in braces cuts an inline dialplan in two', () =>
  withPeer({}, async (bench) => {
    const { peerPhone, esl, call, ticks } = bench;
    const { channel } = call({ variables: { hangup_after_bridge: 'true' } });
    await ticks(2);
    await api(esl, `uuid_transfer ${channel.uuid} 'm:^:bridge:${peerPhone.dialString}^park' inline`);
    await ticksUntil(bench, () => channel.bridged, 'bridge');
    peerPhone.ask('BYE');
    await ticksUntil(bench, () => channel.gone, 'hang-up');
    const other = call().channel;
    await ticks(2);
    await api(esl, `uuid_transfer ${other.uuid} 'bridge:{a=b,c=d}${peerPhone.dialString}' inline`);
    await ticksUntil(bench, () => other.gone, 'hang-up');
    assert.is(lastEvent(esl, 'CHANNEL_HANGUP')['Hangup-Cause'], 'DESTINATION_OUT_OF_ORDER');
  }));

test('the caller hangs up, or is transferred: BYE with its reason', async () => {
  for (const command of ['uuid_kill', 'uuid_transfer']) {
    await withPeer({}, async (bench) => {
      const { peerPhone, esl, simulated } = bench;
      const { channel } = await bridgeTo(bench, ',origination_uuid=b-leg');
      await ticksUntil(bench, () => channel.bridged, 'bridge');
      await api(esl, `${command} ${channel.uuid}${command === 'uuid_kill' ? '' : ' park inline'}`);
      await ticksUntil(bench, () => peerPhone.requests.includes('BYE'), 'BYE');
      assert.match(peerPhone.messages.at(-1)!, /^Reason: Q\.850;cause=16;text="NORMAL_CLEARING"\r$/m);
      assert.is(channel.gone, command === 'uuid_kill');
      assert.is(simulated.channels.has('b-leg'), false);
      const names = eventNames(esl);
      assert.ok(names.lastIndexOf('CHANNEL_UNBRIDGE') > names.indexOf('CHANNEL_HANGUP'), 'the other leg goes first');
      if (command === 'uuid_transfer') {
        await ticksUntil(bench, () => channel.parked, 'park');
        assert.is(lastEvent(esl, 'CHANNEL_PARK')['Other-Leg-Unique-ID'], undefined);
      }
    });
  }
});

test('a caller that hangs up while it rings: CANCEL', () =>
  withPeer({ onInvite: (peer, invite) => peer.reply(invite, '180 Ringing') }, async (bench) => {
    const { peerPhone, esl } = bench;
    const { channel } = await bridgeTo(bench, ',origination_uuid=b-leg');
    await ticksUntil(bench, () => eventsOf(esl, 'b-leg').includes('CHANNEL_PROGRESS'), '180');
    assert.is(channel.describe().callState, 'RING_WAIT');
    await api(esl, `uuid_kill ${channel.uuid}`);
    await ticksUntil(bench, () => peerPhone.requests.at(-1) === 'ACK', 'ACK');
    assert.equal(peerPhone.requests, ['INVITE', 'CANCEL', 'ACK']);
    assert.match(peerPhone.messages[1]!, /^Reason: SIP;cause=487;text="ORIGINATOR_CANCEL"\r$/m);
    const via = (at: number): string => /^Via: (.*)\r$/m.exec(peerPhone.messages[at]!)![1]!;
    assert.is(via(1), via(0), 'CANCEL has the branch of its INVITE');
    assert.is(via(2), via(0), 'and so has the ACK');
    assert.is(/^CSeq: (\d+)/m.exec(peerPhone.messages[1]!)![1], /^CSeq: (\d+)/m.exec(peerPhone.messages[0]!)![1]);
    assert.match(esl.received, /"Hangup-Cause":"ORIGINATOR_CANCEL"/);
  }));

for (const [status, cause, ends] of [
  ['486 Busy Here', 'USER_BUSY', true],
  ['404 Not Found', 'UNALLOCATED_NUMBER', true],
  ['503 Service Unavailable', 'NORMAL_TEMPORARY_FAILURE', true],
  ['480 Temporarily Unavailable', 'NO_USER_RESPONSE', false],
  ['403 Forbidden', 'CALL_REJECTED', true],
  ['488 Not Acceptable Here', 'INCOMPATIBLE_DESTINATION', true],
  ['603 Decline', 'CALL_REJECTED', true],
  ['500 Server Error', 'NORMAL_TEMPORARY_FAILURE', true],
  ['408 Request Timeout', 'RECOVERY_ON_TIMER_EXPIRE', true],
  ['484 Address Incomplete', 'INVALID_NUMBER_FORMAT', true],
  ['410 Gone', 'NUMBER_CHANGED', true],
  ['600 Busy Everywhere', 'USER_BUSY', true],
  ['401 Unauthorized', 'CALL_REJECTED', true],
  ['501 Not Implemented', 'SERVICE_NOT_IMPLEMENTED', true],
  ['502 Bad Gateway', 'NETWORK_OUT_OF_ORDER', true],
  ['415 Unsupported Media Type', 'SERVICE_NOT_IMPLEMENTED', true],
] as const) {
  test(`${status}: ${cause}`, () =>
    withPeer({ onInvite: (peer, invite) => peer.reply(invite, status) }, async (bench) => {
      const { peerPhone, esl } = bench;
      const { channel } = await bridgeTo(bench, ',origination_uuid=b-leg');
      await ticksUntil(bench, () => channel.gone, 'hang-up');
      assert.equal(peerPhone.requests, ['INVITE', 'ACK']);
      assert.match(esl.received, new RegExp(`"Hangup-Cause":"${cause}"`));
      const names = eventsOf(esl, channel.uuid);
      // A refusal ends the caller out of the running application; where nobody was there the dialplan goes on, to its end.
      assert.is(names.indexOf('CHANNEL_HANGUP') < names.lastIndexOf('CHANNEL_EXECUTE_COMPLETE'), ends);
      assert.is(lastEvent(esl, 'CHANNEL_HANGUP_COMPLETE')['Hangup-Cause'], ends ? cause : 'NORMAL_CLEARING');
      assert.is(await api(esl, `originate ${peerPhone.dialString} &park`), `-ERR ${cause}\n`);
    }));
}

test('nobody listens: the call fails at once; nobody answers: after originate_timeout, with CANCEL', () =>
  withPeer({ onInvite: (peer, invite) => peer.reply(invite, '180 Ringing') }, async (bench) => {
    const { peerPhone, esl, clock } = bench;
    const nobody = await new SipPeer().open();
    const { dialString } = nobody;
    nobody.close();
    assert.is(await api(esl, `originate ${dialString} &park`), '-ERR NORMAL_TEMPORARY_FAILURE\n');
    esl.send(`bgapi originate {originate_timeout=2}${peerPhone.dialString} &park\n\n`);
    await until(() => eventNames(esl).includes('CHANNEL_PROGRESS'), '180');
    clock.advance(2_000);
    await until(() => esl.received.includes('-ERR NO_ANSWER'), 'answer');
    await until(() => peerPhone.requests.includes('CANCEL'), 'CANCEL');
  }));

test('an INVITE that nobody answers is sent again, and given up after 32 s', () =>
  withPeer({ onInvite: () => undefined }, async (bench) => {
    const { peerPhone, esl, clock } = bench;
    esl.send(`bgapi originate ${peerPhone.dialString} &park\n\n`);
    await until(() => peerPhone.messages.length === 1, 'INVITE');
    for (const [afterMs, count] of [
      [500, 2],
      [1000, 3],
      [2000, 4],
    ] as const) {
      clock.advance(afterMs);
      await until(() => peerPhone.messages.length === count, 'again');
    }
    assert.is(new Set(peerPhone.messages).size, 1);
    for (let n = 0; n < 30; n += 1) clock.advance(1_000);
    await until(() => esl.received.includes('-ERR RECOVERY_ON_TIMER_EXPIRE'), 'answer');
  }));

test('L16 at 16 kHz is big endian; the codec is the first of the answer that was offered', () =>
  withPeer({ formats: '96 101', maps: ['96 L16/16000', '101 telephone-event/8000'] }, async (bench) => {
    const { peerPhone, esl, ticks } = bench;
    const vars = '{origination_uuid=tap,absolute_codec_string=L16@16000h@20i}';
    assert.is(await api(esl, `originate ${vars}${peerPhone.dialString} &echo`), '+OK tap\n');
    assert.match(
      peerPhone.messages[0]!,
      /RTP\/AVP 102 101 13\r\na=rtpmap:102 L16\/16000\r\na=rtpmap:101 telephone-event\/16000\r\n/,
    );
    assert.is(await api(esl, 'uuid_getvar tap read_codec'), 'L16');
    assert.is(await api(esl, 'uuid_getvar tap read_rate'), '16000');
    await ticks(3);
    const frame = Buffer.alloc(640);
    for (let at = 0; at < 640; at += 2) frame.writeInt16BE(0x1234, at);
    await peerPhone.say(frame, 96);
    await ticksUntil(bench, () => peerPhone.rtp.length > 0, 'echo');
    assert.is(peerPhone.rtp[0]!.length, 652);
    assert.is(peerPhone.rtp[0]![1]! & 0x7f, 96, 'the answer’s payload type');
    assert.is(peerPhone.rtp[0]!.readInt16BE(20), 0x1234);
  }));

test('without a codec string all codecs are offered; an answer with none of them is refused with BYE', () =>
  withPeer({ formats: '97', maps: ['97 G722/8000'] }, async (bench) => {
    const { peerPhone, esl } = bench;
    assert.is(await api(esl, `originate ${peerPhone.dialString} &park`), '-ERR INCOMPATIBLE_DESTINATION\n');
    assert.match(peerPhone.messages[0]!, /m=audio \d+ RTP\/AVP 0 8 102 103 101 13 104 105\r\n/);
    await until(() => peerPhone.requests.includes('BYE'), 'BYE');
  }));

test('hold: by an operator with sendonly, by the agent with recvonly in return', () =>
  withPeer({}, async (bench) => {
    const { peerPhone, esl, ticks } = bench;
    const { channel } = await bridgeTo(bench, ',origination_uuid=b-leg');
    await ticksUntil(bench, () => channel.bridged, 'bridge');
    await ticksUntil(bench, () => peerPhone.rtp.length > 2, 'RTP');
    assert.is(await api(esl, 'uuid_hold b-leg'), '+OK Success\n');
    await until(() => peerPhone.requests.at(-1) === 'ACK' && peerPhone.messages.length === 4, 're-INVITE');
    assert.match(peerPhone.messages[2]!, /a=fmtp:101 0-15\r\na=sendonly\r\na=ptime:20\r\n$/);
    assert.not.match(peerPhone.messages[2]!, /CN\/8000/);
    const version = (at: number): number => Number(/^o=FreeSWITCH \d+ (\d+)/m.exec(peerPhone.messages[at]!)![1]);
    assert.is(version(2), version(0) + 1);
    await ticks(3);
    const sent = peerPhone.rtp.length;
    await ticks(10);
    assert.is(peerPhone.rtp.length, sent, 'nothing is sent to who is on hold');
    await api(esl, 'uuid_hold off b-leg');
    await ticksUntil(bench, () => peerPhone.rtp.length > sent + 2, 'RTP again');
    assert.equal(
      eventsOf(esl, 'b-leg').filter((name) => name.includes('HOLD')),
      ['CHANNEL_HOLD', 'CHANNEL_UNHOLD'],
    );
    peerPhone.ask('INVITE', peerPhone.sdp('sendonly'));
    await until(() => peerPhone.messages.at(-1)!.startsWith('SIP/2.0 200 OK'), 'answer');
    assert.match(peerPhone.messages.at(-1)!, /a=recvonly\r\n/);
    assert.is(peerPhone.requests.at(-2), 'SIP/2.0 100 Trying');
    peerPhone.ask('INVITE', peerPhone.sdp());
    await until(
      () => peerPhone.messages.at(-1)!.startsWith('SIP/2.0 500 Overlapping Requests'),
      'refusal before the ACK',
    );
  }));

test('early media: the call is bridged at 183', () =>
  withPeer({ onInvite: (peer, invite) => peer.reply(invite, '183 Session Progress', peer.sdp()) }, async (bench) => {
    const { peerPhone, esl, simulated } = bench;
    const { channel } = await bridgeTo(bench, ',origination_uuid=b-leg');
    await ticksUntil(bench, () => channel.bridged, 'bridge');
    await until(() => eventsOf(esl, 'b-leg').includes('CHANNEL_PROGRESS_MEDIA'), 'early media');
    assert.is(simulated.channels.get('b-leg')!.answered, false);
    peerPhone.answer();
    await until(() => eventsOf(esl, 'b-leg').includes('CHANNEL_ANSWER'), 'answer');
    assert.ok(simulated.channels.get('b-leg')!.answered);
  }));

test('a challenge is answered with sip_auth_username and sip_auth_password, once', async () => {
  const challenge = (peer: SipPeer, invite: string): void => {
    if (/^Authorization: /m.test(invite)) peer.answer();
    else
      peer.reply(invite, '401 Unauthorized', '', [
        'WWW-Authenticate: Digest realm="talk", nonce="abc", qop="auth", opaque="xyz"',
      ]);
  };
  await withPeer({ onInvite: challenge }, async ({ peerPhone, esl }) => {
    const vars = '{origination_uuid=u,sip_auth_username=bob,sip_auth_password=secret,sip_h_X-Call=q}';
    assert.is(await api(esl, `originate ${vars}${peerPhone.dialString} &park`), '+OK u\n');
    await until(() => peerPhone.requests.length === 4, 'ACK');
    assert.equal(peerPhone.requests, ['INVITE', 'ACK', 'INVITE', 'ACK']);
    const { username, realm, nonce, cnonce, opaque, uri, response, nc } = digestOf(peerPhone.messages[2]!);
    assert.equal([username, realm, nonce, opaque, nc], ['bob', 'talk', 'abc', 'xyz', '00000001']);
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
    // RFC 2617, section 3.2.2.1.
    assert.is(response, md5(`${md5('bob:talk:secret')}:abc:00000001:${cnonce}:auth:${md5(`INVITE:${uri}`)}`));
    assert.equal(digestOf(peerPhone.messages[3]!), digestOf(peerPhone.messages[2]!));
    assert.match(peerPhone.messages[2]!, /^X-Call: q\r$/m);
    await api(esl, 'uuid_kill u');
    await until(() => peerPhone.requests.at(-1) === 'BYE', 'BYE');
    assert.is(digestOf(peerPhone.messages.at(-1)!)['nc'], '00000002');
  });
  const never = (peer: SipPeer, invite: string): void =>
    peer.reply(invite, '407 Proxy Authentication Required', '', ['Proxy-Authenticate: Digest realm="r", nonce="n"']);
  await withPeer({ onInvite: never }, async ({ peerPhone, esl }) => {
    const vars = '{sip_auth_username=bob,sip_auth_password=wrong}';
    assert.is(await api(esl, `originate ${vars}${peerPhone.dialString} &park`), '-ERR CALL_REJECTED\n');
    assert.equal(peerPhone.requests.filter((request) => request === 'INVITE').length, 2);
    assert.match(peerPhone.messages[2]!, /^Proxy-Authorization: Digest username="bob"/m);
  });
});

function digestOf(message: string): Record<string, string> {
  const value = /^Authorization: Digest (.*)\r$/m.exec(message)![1]!;
  return Object.fromEntries(
    [...value.matchAll(/(\w+)=(?:"([^"]*)"|([^,]+))/g)].map((match) => [match[1]!, match[2] ?? match[3]!]),
  );
}

test('over TCP: a call, its end from either side, and nobody there', () =>
  withSwitch({}, async (bench) => {
    const esl = await bench.client();
    const received: string[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      let pending = '';
      socket.on('data', (bytes) => {
        pending += bytes.toString();
        for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
          const total = end + 4 + Number(/^Content-Length: (\d+)/m.exec(pending)![1]);
          if (pending.length < total) return;
          const message = pending.slice(0, total);
          pending = pending.slice(total);
          received.push(message);
          const kept = message.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line));
          const tagged = kept.map((line) => (/^to:/i.test(line) && !line.includes(';tag=') ? `${line};tag=t` : line));
          const sdp =
            'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n';
          if (message.startsWith('ACK')) continue;
          const body = message.startsWith('INVITE') ? sdp : '';
          const answer = `SIP/2.0 200 OK\r\n${tagged.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
          // In two pieces: a stream knows no messages.
          socket.write(answer.slice(0, 40));
          setImmediate(() => socket.write(answer.slice(40)));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const dial = `{origination_uuid=t}sofia/internal/agent@127.0.0.1:${port};transport=tcp`;
    assert.is(await api(esl, `originate ${dial} &park`), '+OK t\n');
    assert.match(received[0]!, /^INVITE sip:agent@127\.0\.0\.1:\d+;transport=tcp SIP\/2\.0\r\nVia: SIP\/2\.0\/TCP /);
    assert.match(received[0]!, /^Contact: <sip:mod_sofia@127\.0\.0\.1:\d+;transport=tcp>\r$/m);
    assert.is(await api(esl, 'uuid_getvar t read_codec'), 'PCMA');
    await api(esl, 'uuid_kill t');
    await until(() => received.at(-1)!.startsWith('BYE'), 'BYE');
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    assert.is(await api(esl, `originate ${dial} &park`), '-ERR NORMAL_TEMPORARY_FAILURE\n');
  }));

test('the profile: OPTIONS is answered, a call to it is not taken, a BYE said again is', () =>
  withPeer({}, async (bench) => {
    const { peerPhone, esl, simulated } = bench;
    await api(esl, `originate {origination_uuid=u}${peerPhone.dialString} &park`);
    assert.ok(simulated.sipPort > 0);
    const stranger = await new SipPeer().open();
    try {
      for (const [method, status] of [
        ['OPTIONS', '200 OK'],
        ['INVITE', '404 Not Found'],
        ['BYE', '404 Not Found'],
      ] as const) {
        const seen = stranger.messages.length;
        stranger.askStranger(method, simulated.sipPort);
        await until(() => stranger.messages.length > seen, method);
        assert.is(stranger.requests.at(-1), `SIP/2.0 ${status}`);
      }
      stranger.askRaw('\r\n\r\n', simulated.sipPort);
      stranger.askRaw('INVITE nonsense', simulated.sipPort);
    } finally {
      stranger.close();
    }
    for (const nth of [1, 2]) {
      peerPhone.ask('BYE');
      await until(() => peerPhone.requests.filter((each) => each === 'SIP/2.0 200 OK').length === nth, `BYE ${nth}`);
    }
  }));

test.run();

/** Offer and answer against RFC 3264's examples and what real switches send. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { acceptAnswer, answerOffer, makeOffer } from '../../src/transport/sdp-answer.ts';
import type { SdpLocal } from '../../src/transport/sdp-answer.ts';
import { parseSdp } from '../../src/transport/sdp-description.ts';

const LOCAL: SdpLocal = { host: '192.0.2.5', rtpPort: 20_000, rtcpPort: 20_001 };

/** A description of `lines` below the usual ones. */
function sdp(...lines: string[]): string {
  return ['v=0', 'o=- 1 1 IN IP4 192.0.2.9', 's=-', 'c=IN IP4 192.0.2.9', 't=0 0', ...lines, ''].join('\r\n');
}

function refusalOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, TalkspurtError);
    assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_MEDIA_FORMAT');
    return (error as TalkspurtError).message;
  }
  return assert.unreachable('was taken') as never;
}

/** The answer's lines from the first m= on. */
function mediaLines(answer: string): string[] {
  assert.ok(answer.endsWith('\r\n') && !/[^\r]\n/.test(answer));
  const lines = answer.trimEnd().split('\r\n');
  return lines.slice(lines.findIndex((line) => line.startsWith('m=')));
}

/** What FreeSWITCH 1.11 sends for `absolute_codec_string=PCMU,PCMA,G722`. */
const FREESWITCH = `v=0
o=FreeSWITCH 1795228873 1795228874 IN IP4 127.0.0.1
s=FreeSWITCH
c=IN IP4 127.0.0.1
t=0 0
m=audio 20422 RTP/AVP 0 8 9 101 13
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:9 G722/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtpmap:13 CN/8000
a=ptime:20
`.replaceAll('\n', '\r\n');

test('FreeSWITCH: the whole answer', () => {
  const { answer, media, history } = answerOffer(FREESWITCH, LOCAL);
  assert.equal(media, {
    codec: 'pcmu',
    payloadType: 0,
    clockRateHz: 8000,
    format: { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 },
    eventPayloadType: 101,
    eventClockRateHz: 8000,
    remoteHost: '127.0.0.1',
    remotePort: 20_422,
    remoteRtcpPort: 20_423,
    direction: 'sendrecv',
  });
  assert.match(history.sessionId, /^\d{1,15}$/);
  assert.equal(answer.split('\r\n'), [
    'v=0',
    `o=- ${history.sessionId} 1 IN IP4 192.0.2.5`,
    's=talkspurt',
    'c=IN IP4 192.0.2.5',
    't=0 0',
    'm=audio 20000 RTP/AVP 0 101',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=ptime:20',
    'a=sendrecv',
    '',
  ]);
});

test('FreeSWITCH: L16 at 16 kHz with events at its clock, out of everything it has', () => {
  const wide = sdp(
    'm=audio 22802 RTP/AVP 0 8 9 102 103 104 101 13 105 106 107 108',
    'a=rtpmap:102 opus/48000/2',
    'a=fmtp:102 useinbandfec=1; cbr=1; maxaveragebitrate=30000; maxplaybackrate=48000; ptime=20; minptime=10; maxptime=40',
    'a=rtpmap:103 L16/16000',
    'a=rtpmap:104 L16/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=rtpmap:13 CN/8000',
    'a=rtpmap:105 telephone-event/48000',
    'a=rtpmap:106 CN/48000',
    'a=rtpmap:107 telephone-event/16000',
    'a=rtpmap:108 CN/16000',
    'a=ptime:20',
  );
  const { media } = answerOffer(wide, { ...LOCAL, codecs: ['l16', 'pcmu'] });
  assert.is(media.payloadType, 103);
  assert.is(media.clockRateHz, 16_000);
  assert.equal(media.format, { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 });
  assert.is(media.eventPayloadType, 107);
  assert.is(media.eventClockRateHz, 16_000);
  assert.is(answerOffer(wide, { ...LOCAL, codecs: ['g722'] }).media.eventPayloadType, 101);
  assert.is(answerOffer(wide, LOCAL).media.codec, 'pcmu', 'the far end’s order');
  const l16 = sdp('m=audio 9 RTP/AVP 102 101', 'a=rtpmap:102 L16/8000/1', 'a=rtpmap:101 telephone-event/8000');
  assert.is(answerOffer(l16, LOCAL).media.format.sampleRateHz, 8000);
  const only8 = sdp('m=audio 9 RTP/AVP 102 101', 'a=rtpmap:102 L16/16000', 'a=rtpmap:101 telephone-event/8000');
  assert.is(answerOffer(only8, LOCAL).media.eventPayloadType, 101);
  assert.is(answerOffer(only8, LOCAL).media.eventClockRateHz, 8000);
});

test('FreeSWITCH: two audio lines on one port, one for each ptime: the first that can be taken, the other refused', () => {
  const { answer, media } = answerOffer(
    sdp(
      'm=audio 22462 RTP/AVP 102 103',
      'a=rtpmap:102 opus/48000/2',
      'a=rtpmap:103 telephone-event/48000',
      'a=ptime:20',
      'm=audio 22462 RTP/AVP 0 101 13',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=ptime:30',
    ),
    LOCAL,
  );
  assert.is(media.format.ptimeMs, 30);
  const lines = mediaLines(answer);
  assert.is(lines[0], 'm=audio 0 RTP/AVP 102 103');
  assert.is(lines[1], 'm=audio 20000 RTP/AVP 0 101');
});

test('Asterisk 22: PJSIP with telephony codecs, and with L16, of which it maps one onto a static type of another meaning', () => {
  const usual = sdp(
    'm=audio 11084 RTP/AVP 0 8 9 101',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:9 G722/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-16',
    'a=ptime:20',
    'a=maxptime:140',
    'a=sendrecv',
  );
  assert.is(answerOffer(usual, { ...LOCAL, codecs: ['g722', 'pcma'] }).media.codec, 'g722');
  assert.is(answerOffer(usual, LOCAL).media.remoteRtcpPort, 11_085);
  const wide = sdp(
    'm=audio 11078 RTP/AVP 10 118 0 101 102',
    'a=rtpmap:10 L16/8000',
    'a=rtpmap:118 L16/16000',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-16',
    'a=rtpmap:102 telephone-event/16000',
    'a=fmtp:102 0-16',
    'a=ptime:20',
    'a=maxptime:60',
    'a=sendrecv',
    'a=rtcp-mux',
  );
  const first = answerOffer(wide, LOCAL).media;
  assert.equal([first.payloadType, first.format.sampleRateHz, first.eventPayloadType], [10, 8000, 101]);
  const best = answerOffer(wide, { ...LOCAL, codecs: ['l16'] });
  assert.equal(
    [best.media.payloadType, best.media.format.sampleRateHz, best.media.eventPayloadType],
    [118, 16_000, 102],
  );
  assert.is(best.media.remoteRtcpPort, 11_078);
  assert.equal(mediaLines(best.answer), [
    'm=audio 20000 RTP/AVP 118 102',
    'a=rtpmap:118 L16/16000',
    'a=rtpmap:102 telephone-event/16000',
    'a=fmtp:102 0-15',
    'a=ptime:20',
    'a=sendrecv',
    'a=rtcp-mux',
  ]);
});

test('encryption only is refused with the reason; FreeSWITCH’s offers of SDES and WebRTC', () => {
  const sdes = sdp(
    'm=audio 20814 RTP/SAVP 8 101 13',
    'a=rtpmap:8 PCMA/8000',
    'a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:CUh7L2DLTSumO/jfDNUpt99wGwYJp9rBy5Cwl/H7',
  );
  const message = refusalOf(() => answerOffer(sdes, LOCAL));
  assert.match(message, 'RTP/SAVP only');
  assert.not.match(message, 'inline', 'keys are secret');
  assert.match(
    refusalOf(() => answerOffer(sdp('m=audio 9 UDP/TLS/RTP/SAVPF 0'), LOCAL)),
    'UDP/TLS/RTP/SAVPF only',
  );
  const both = sdp('m=audio 20814 RTP/SAVP 8', 'm=audio 20816 RTP/AVP 8');
  assert.is(answerOffer(both, LOCAL).media.remotePort, 20_816);
});

test('RFC 3264 §10.1: audio of three codecs and two video streams; we take the audio', () => {
  const offer = `v=0
o=alice 2890844526 2890844526 IN IP4 host.anywhere.com
s=
c=IN IP4 host.anywhere.com
t=0 0
m=audio 49170 RTP/AVP 0
a=rtpmap:0 PCMU/8000
m=video 51372 RTP/AVP 31
a=rtpmap:31 H261/90000
m=video 53000 RTP/AVP 32
a=rtpmap:32 MPV/90000
`;
  const { answer, media } = answerOffer(offer, LOCAL);
  assert.is(media.remoteHost, 'host.anywhere.com');
  assert.is(media.eventPayloadType, null);
  assert.equal(
    mediaLines(answer).filter((line) => line.startsWith('m=')),
    ['m=audio 20000 RTP/AVP 0', 'm=video 0 RTP/AVP 31', 'm=video 0 RTP/AVP 32'],
  );
});

test('RFC 3264 §10.2: one of N codecs; the one that is agreed on stays in the next offer', () => {
  const first = sdp(
    'm=audio 62986 RTP/AVP 0 4 18',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:4 G723/8000',
    'a=rtpmap:18 G729/8000',
  );
  assert.is(answerOffer(first, LOCAL).media.payloadType, 0);
  const pcma = answerOffer(sdp('m=audio 1000 RTP/AVP 8 0'), LOCAL);
  const again = answerOffer(sdp('m=audio 1000 RTP/AVP 0 8'), LOCAL, pcma.history);
  assert.is(again.media.codec, 'pcma');
  assert.is(answerOffer(sdp('m=audio 1000 RTP/AVP 0'), LOCAL, pcma.history).media.codec, 'pcmu', 'unless it is gone');
});

test('the version goes up exactly when the description changes (RFC 3264 §8)', () => {
  const first = answerOffer(FREESWITCH, LOCAL);
  const same = answerOffer(FREESWITCH, LOCAL, first.history);
  assert.is(same.answer, first.answer);
  const held = answerOffer(`${FREESWITCH}a=sendonly\r\n`, LOCAL, same.history);
  assert.is(held.history.version, 2);
  assert.is(held.history.sessionId, first.history.sessionId);
  assert.match(held.answer, `o=- ${first.history.sessionId} 2 IN`);
  assert.is(held.media.direction, 'recvonly');
  assert.is(answerOffer(FREESWITCH, LOCAL, held.history).history.version, 3);
});

test('directions are turned round, in the session or the media, and never exceed what we want', () => {
  const directionOf = (line: string, local: SdpLocal = LOCAL): string =>
    answerOffer(sdp('m=audio 5 RTP/AVP 0', line), local).media.direction;
  assert.is(directionOf('a=sendonly'), 'recvonly');
  assert.is(directionOf('a=recvonly'), 'sendonly');
  assert.is(directionOf('a=inactive'), 'inactive');
  assert.is(directionOf('a=sendrecv', { ...LOCAL, direction: 'recvonly' }), 'recvonly');
  assert.is(directionOf('a=sendonly', { ...LOCAL, direction: 'sendonly' }), 'inactive');
  const session = sdp('a=sendonly', 'm=audio 5 RTP/AVP 0', 'm=audio 7 RTP/AVP 0');
  assert.is(answerOffer(session, LOCAL).media.direction, 'recvonly');
  assert.match(answerOffer(session, LOCAL).answer, 'a=recvonly');
});

test('hold the old way: c=0.0.0.0', () => {
  const hold = sdp('m=audio 5 RTP/AVP 0', 'c=IN IP4 0.0.0.0');
  const { media, answer } = answerOffer(hold, LOCAL);
  assert.is(media.direction, 'recvonly');
  assert.is(media.remoteHost, '');
  assert.is(media.remotePort, 0);
  assert.match(answer, 'a=recvonly');
  assert.is(
    answerOffer(sdp('m=audio 5 RTP/AVP 0', 'c=IN IP4 0.0.0.0', 'a=inactive'), LOCAL).media.direction,
    'inactive',
  );
  assert.is(answerOffer(sdp('m=audio 5 RTP/AVP 0', 'c=IN IP6 ::'), LOCAL).media.direction, 'recvonly');
});

test('the packet duration: theirs where we can, the longest that fits, or ours', () => {
  const ptimeOf = (...lines: string[]): number =>
    answerOffer(sdp('m=audio 5 RTP/AVP 0', ...lines), LOCAL).media.format.ptimeMs;
  for (const ptimeMs of [10, 20, 30, 40, 60]) assert.is(ptimeOf(`a=ptime:${ptimeMs}`), ptimeMs);
  assert.is(ptimeOf('a=ptime:50'), 40);
  assert.is(ptimeOf('a=ptime:5'), 10);
  assert.is(ptimeOf('a=ptime:500'), 60);
  assert.is(ptimeOf('a=ptime:'), 20);
  assert.is(ptimeOf('a=ptime:20.0'), 20);
  assert.is(ptimeOf('a=maxptime:10'), 10);
  assert.is(ptimeOf('a=maxptime:150'), 20);
  assert.is(ptimeOf('a=ptime:60', 'a=maxptime:35'), 30);
  assert.is(answerOffer(sdp('m=audio 5 RTP/AVP 0'), { ...LOCAL, ptimeMs: 30 }).media.format.ptimeMs, 30);
  assert.is(answerOffer(sdp('m=audio 5 RTP/AVP 0', 'a=ptime:20'), { ...LOCAL, ptimeMs: 30 }).media.format.ptimeMs, 20);
});

test('RTCP: next port, RFC 3605, multiplexed', () => {
  const rtcpOf = (...lines: string[]): number =>
    answerOffer(sdp('m=audio 5000 RTP/AVP 0', ...lines), LOCAL).media.remoteRtcpPort;
  assert.is(rtcpOf(), 5001);
  assert.is(rtcpOf('a=rtcp:53020'), 53_020);
  assert.is(rtcpOf('a=rtcp:53020 IN IP4 126.16.64.4'), 53_020);
  assert.is(rtcpOf('a=rtcp:0'), 5001);
  assert.is(rtcpOf('a=rtcp:99999'), 5001);
  assert.is(rtcpOf('a=rtcp-mux'), 5000);
  assert.match(answerOffer(sdp('m=audio 5000 RTP/AVP 0', 'a=rtcp-mux'), LOCAL).answer, 'a=rtcp-mux\r\n');
  assert.match(answerOffer(sdp('m=audio 5000 RTP/AVP 0'), { ...LOCAL, rtcpPort: 30_000 }).answer, 'a=rtcp:30000\r\n');
});

test('names are told by any case, static types by number, G.722 by either clock; two channels are not ours', () => {
  assert.is(answerOffer(sdp('m=audio 5 RTP/AVP 96', 'a=rtpmap:96 pcma/8000'), LOCAL).media.payloadType, 96);
  assert.is(answerOffer(sdp('m=audio 5 RTP/AVP 8'), LOCAL).media.codec, 'pcma');
  assert.is(answerOffer(sdp('m=audio 5 RTP/AVPF 9'), LOCAL).media.codec, 'g722');
  const g722 = answerOffer(sdp('m=audio 5 RTP/AVP 9', 'a=rtpmap:9 G722/16000'), LOCAL);
  assert.is(g722.media.clockRateHz, 8000);
  assert.equal(g722.media.format, { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 });
  assert.match(g722.answer, 'a=rtpmap:9 G722/8000');
  assert.match(
    refusalOf(() => answerOffer(sdp('m=audio 5 RTP/AVP 10 11'), LOCAL)),
    'l16/44100, l16/44100',
  );
  refusalOf(() => answerOffer(sdp('m=audio 5 RTP/AVP 96', 'a=rtpmap:96 L16/16000/2'), LOCAL));
  refusalOf(() => answerOffer(sdp('m=audio 5 RTP/AVP 0', 'a=rtpmap:0 opus/48000/2'), LOCAL));
});

test('IPv6', () => {
  const offer = sdp('m=audio 5 RTP/AVP 0', 'c=IN IP6 2001:db8::9');
  const { answer, media } = answerOffer(offer, { ...LOCAL, host: '2001:db8::5' });
  assert.is(media.remoteHost, '2001:db8::9');
  assert.match(answer, 'c=IN IP6 2001:db8::5\r\n');
  assert.match(answer, ' IN IP6 2001:db8::5\r\ns=');
});

test('what cannot be taken is refused, and says why', () => {
  for (const [offer, why] of [
    ['', 'begin with v=0'],
    ['v=1\r\nm=audio 5 RTP/AVP 0', 'begin with v=0'],
    [sdp(), 'no media description'],
    [sdp('m=audio RTP/AVP 0'), 'media description \\(m=\\) is wrong'],
    [sdp('m=audio 70000 RTP/AVP 0'), 'media description \\(m=\\) is wrong'],
    [sdp(`m=audio 5 RTP/AVP${' 0'.repeat(LIMITS.sdpFormats + 1)}`), 'more than 64 formats'],
    [sdp(`m=audio 5 RTP/AVP${' 0'.repeat(1000)}`), 'media description \\(m=\\) is wrong'],
    [sdp(...Array.from({ length: LIMITS.sdpMedia + 1 }, () => 'm=audio 5 RTP/AVP 0')), 'more than 16'],
    [sdp('a='.padEnd(LIMITS.sdpBytes, 'x'), 'm=audio 5 RTP/AVP 0'), 'longer than'],
    [sdp('m=video 5 RTP/AVP 31'), 'no audio'],
    [sdp('m=audio 0 RTP/AVP 0'), 'port 0'],
    [sdp('m=image 5 udptl t38'), 'no audio'],
    [sdp('m=audio 5 RTP/AVP 18 3 96', 'a=rtpmap:96 opus/48000/2'), 'g729/8000, gsm/8000, opus/48000'],
    [sdp('m=audio 5 RTP/AVP 77'), 'nothing that is known'],
    [FREESWITCH.replace(/c=.*\r\n/, ''), 'no address'],
  ] as const) {
    assert.match(
      refusalOf(() => answerOffer(offer, LOCAL)),
      new RegExp(why),
    );
  }
});

test('lines that mean nothing here, too long or too many, do no harm', () => {
  const noise = Array.from({ length: 200 }, (_, n) => `a=candidate:${n} 1 udp 1 10.0.0.1 ${n} typ host`);
  const offer = sdp('b=AS:64', 'k=x', `a=rtpmap:0 ${'x'.repeat(2000)}`, 'm=audio 5 RTP/AVP 0', ...noise, 'a=ptime:30');
  assert.is(answerOffer(offer, LOCAL).media.format.ptimeMs, 30);
  assert.is(answerOffer(FREESWITCH.replaceAll('\r\n', '\n'), LOCAL).media.codec, 'pcmu');
  assert.is(answerOffer(FREESWITCH.replaceAll('\r\n', ' \r\n'), LOCAL).media.codec, 'pcmu');
  assert.is(answerOffer(sdp('m=audio 5/2 RTP/AVP 0'), LOCAL).media.remotePort, 5);
});

test('anything at all: an answer or the one typed error', () => {
  const line = fc.oneof(
    fc.constantFrom(...FREESWITCH.split('\r\n')),
    fc.string({ maxLength: 40 }),
    fc
      .tuple(
        fc.constantFrom('m=', 'a=', 'c=', 'o=', 'a=rtpmap:', 'a=rtcp:', 'a=ptime:', 'a=fmtp:', 'm=audio '),
        fc.string({ maxLength: 30 }),
      )
      .map((parts) => parts.join('')),
  );
  const attempt = (offer: string): void => {
    try {
      parseSdp(answerOffer(offer, LOCAL).answer);
    } catch (error) {
      assert.ok(error instanceof TalkspurtError && error.code === 'ERR_TALKSPURT_MEDIA_FORMAT', String(error));
    }
  };
  fc.assert(
    fc.property(fc.array(line, { maxLength: 25 }), (lines) => attempt(['v=0', ...lines].join('\r\n'))),
    { numRuns: 2000 },
  );
  for (let at = 0; at <= FREESWITCH.length; at += 1) {
    attempt(FREESWITCH.slice(0, at));
    attempt(`${FREESWITCH.slice(0, at)}\u0000${FREESWITCH.slice(at + 1)}`);
  }
});

test('an offer of ours, for an INVITE without one, and its answer', () => {
  const offer = makeOffer(LOCAL);
  assert.equal(mediaLines(offer.offer), [
    'm=audio 20000 RTP/AVP 0 8 9 96 97 101 102',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:9 G722/8000',
    'a=rtpmap:96 L16/16000',
    'a=rtpmap:97 L16/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=rtpmap:102 telephone-event/16000',
    'a=fmtp:101 0-15',
    'a=fmtp:102 0-15',
    'a=ptime:20',
    'a=sendrecv',
  ]);
  const answer = sdp('m=audio 4000 RTP/AVP 96 102', 'a=rtpmap:96 L16/16000', 'a=rtpmap:102 telephone-event/16000');
  const { media, history } = acceptAnswer(offer, answer, LOCAL);
  assert.is(media.codec, 'l16');
  assert.is(media.payloadType, 96);
  assert.is(media.eventPayloadType, 102);
  const again = makeOffer(LOCAL, history);
  assert.is(again.history.version, 2, 'it offers less');
  assert.equal(mediaLines(again.offer).slice(0, 2), ['m=audio 20000 RTP/AVP 96 102', 'a=rtpmap:96 L16/16000']);
  assert.is(makeOffer(LOCAL, again.history).history.version, 2);
  assert.match(
    makeOffer({ ...LOCAL, codecs: ['pcma'], ptimeMs: 30 }).offer,
    /m=audio 20000 RTP\/AVP 8 101\r\n[^]*a=ptime:30/,
  );
});

test('an answer that takes nothing, or what we did not offer', () => {
  const local = { ...LOCAL, codecs: ['pcma'] as const };
  const offer = makeOffer(local);
  assert.match(
    refusalOf(() => acceptAnswer(offer, sdp('m=audio 0 RTP/AVP 8'), local)),
    'port 0',
  );
  assert.match(
    refusalOf(() => acceptAnswer(offer, sdp('m=audio 5 RTP/AVP 0'), local)),
    'pcmu/8000',
  );
  refusalOf(() => acceptAnswer(offer, 'nonsense', local));
});

test('our own offer and answer understand each other, in every codec', () => {
  for (const codec of ['pcmu', 'pcma', 'g722', 'l16'] as const) {
    const offer = makeOffer({ ...LOCAL, codecs: [codec] });
    const far = answerOffer(offer.offer, { host: '192.0.2.77', rtpPort: 30_000, rtcpPort: 30_007 });
    const near = acceptAnswer(offer, far.answer, LOCAL).media;
    assert.is(near.codec, codec);
    assert.equal(near.format, far.media.format);
    assert.is(near.payloadType, far.media.payloadType);
    assert.is(near.eventPayloadType, far.media.eventPayloadType);
    assert.is(near.remoteHost, '192.0.2.77');
    assert.is(near.remoteRtcpPort, 30_007);
  }
});

test.run();

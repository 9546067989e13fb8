/** Digits as telephone-events: the dialling of 911 that RFC 4733 tells, what gets lost, and what is sent. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { TelephoneEventReceiver, writeTelephoneEvent } from '../../src/transport/telephone-event.ts';
import { TelephoneEventSender } from '../../src/transport/telephone-event-sender.ts';
import { event } from './rtp-rig.ts';

interface Ear {
  readonly receiver: TelephoneEventReceiver;
  readonly digits: string[];
  readonly hear: (timestamp: number, code: number, duration: number, end?: boolean, nowMs?: number) => boolean;
}

function ear(clockRateHz = 8000): Ear {
  const digits: string[] = [];
  const receiver = new TelephoneEventReceiver(clockRateHz, (digit, durationMs) =>
    digits.push(`${digit} ${durationMs}`),
  );
  return {
    receiver,
    digits,
    hear: (timestamp, code, duration, end = false, nowMs = 0) => {
      const bytes = Buffer.concat([Buffer.from([0xee]), event(code, duration, end)]);
      return receiver.receive(bytes, 1, bytes.length, timestamp >>> 0, nowMs);
    },
  };
}

/** RFC 4733: 911 is dialled, packets every 50 ms. Milliseconds, timestamp, event, duration, end. */
const NINE_ONE_ONE = [
  [50, 0, 9, 400, false],
  [100, 0, 9, 800, false],
  [150, 0, 9, 1200, false],
  [200, 0, 9, 1600, false],
  [250, 0, 9, 1600, true],
  [300, 0, 9, 1600, true],
  [930, 7040, 1, 400, false],
  [980, 7040, 1, 800, false],
  [1030, 7040, 1, 1200, false],
  [1080, 7040, 1, 1600, false],
  [1130, 7040, 1, 2000, false],
  [1180, 7040, 1, 2000, true],
  [1230, 7040, 1, 2000, true],
  [1700, 13_200, 1, 400, false],
  [1750, 13_200, 1, 800, false],
] as const;

test('911, each digit once; the last is still held', () => {
  const { hear, digits, receiver } = ear();
  for (const [nowMs, timestamp, code, duration, end] of NINE_ONE_ONE) hear(timestamp, code, duration, end, nowMs);
  assert.equal(digits, ['9 200', '1 250']);
  receiver.poll(1750 + LIMITS.rtpEventSilentMs);
  assert.is(digits.length, 2);
  receiver.poll(1751 + LIMITS.rtpEventSilentMs);
  assert.equal(digits, ['9 200', '1 250', '1 100']);
});

test('911 with any one packet lost, and with any two in a row: the same digits', () => {
  for (let lost = 0; lost < NINE_ONE_ONE.length; lost += 1) {
    for (const count of [1, 2]) {
      const { hear, digits, receiver } = ear();
      NINE_ONE_ONE.forEach(([nowMs, timestamp, code, duration, end], n) => {
        receiver.poll(nowMs);
        if (n < lost || n >= lost + count) hear(timestamp, code, duration, end, nowMs);
      });
      receiver.poll(10_000);
      const heard = digits.map((text) => text[0]).join('');
      assert.is(heard, lost === NINE_ONE_ONE.length - 2 && count === 2 ? '91' : '911', `${lost}, ${count}`);
    }
  }
});

test('911 with every packet twice, and with neighbours exchanged', () => {
  const twice = ear();
  const swapped = ear();
  for (const [nowMs, timestamp, code, duration, end] of [...NINE_ONE_ONE, ...NINE_ONE_ONE.slice(-1)]) {
    twice.hear(timestamp, code, duration, end, nowMs);
    twice.hear(timestamp, code, duration, end, nowMs);
  }
  for (let n = 0; n < NINE_ONE_ONE.length; n += 1) {
    const [nowMs, timestamp, code, duration, end] = NINE_ONE_ONE[Math.min(n ^ 1, NINE_ONE_ONE.length - 1)]!;
    swapped.hear(timestamp, code, duration, end, nowMs);
  }
  assert.equal(twice.digits, ['9 200', '1 250']);
  assert.equal(swapped.digits, ['9 200', '1 250']);
});

test('a lost end is made up for by the next digit', () => {
  const { hear, digits } = ear();
  hear(0, 5, 400);
  hear(4000, 5, 160);
  hear(8000, 11, 320, true);
  assert.equal(digits, ['5 50', '5 20', '# 40']);
});

test('a stray packet of a finished digit is no new one, even after the next has begun', () => {
  const { hear, digits } = ear();
  hear(1000, 1, 800, true);
  hear(5000, 2, 160);
  hear(1000, 1, 800, true);
  hear(5000, 2, 800, true);
  assert.equal(digits, ['1 100', '2 100']);
});

test('longer than 16 bits: segments (RFC 4733 §2.5.1.3) are one digit', () => {
  const { hear, digits } = ear();
  hear(100, 7, 0xff00, false, 8000);
  hear(100, 7, 0xffff, false, 8190);
  hear(100 + 0xffff, 7, 160, false, 8210);
  hear(100 + 0xffff, 7, 8000, true, 9000);
  hear(100 + 0xffff, 7, 8000, true, 9020);
  assert.equal(digits, [`7 ${Math.round((0xffff + 8000) / 8)}`]);
});

test('timestamps wrap, clocks differ, senders are exchanged', () => {
  const wrapped = ear();
  wrapped.hear(0xfffffff0, 1, 160, true);
  wrapped.hear(500, 2, 160, true);
  assert.equal(wrapped.digits, ['1 20', '2 20']);
  const fast = ear(16_000);
  fast.hear(0, 15, 3200, true);
  assert.equal(fast.digits, ['D 200']);
  const other = ear();
  other.hear(90_000, 1, 160, true);
  other.receiver.restart();
  other.hear(80_000, 2, 160, true);
  assert.equal(other.digits, ['1 20', '2 20']);
});

test('what is no digit is told apart', () => {
  const { hear, digits, receiver } = ear();
  assert.is(hear(0, 16, 160, true), false, 'flash');
  assert.is(hear(0, 36, 160, true), false, 'fax');
  assert.is(receiver.receive(Buffer.from([1, 2, 3]), 0, 3, 0, 0), false);
  assert.equal(digits, []);
});

/** Ticks `sender` until it lets audio through again. */
function packetsOf(sender: TelephoneEventSender): string[] {
  const told: string[] = [];
  for (let n = 0; n < 1000; n += 1) {
    const what = sender.tick();
    if (what === 'audio') return told;
    const { code, duration, first, end } = sender;
    told.push(what === 'pause' ? '-' : `${code} ${duration}${first ? ' M' : ''}${end ? ' E' : ''}`);
  }
  throw new Error('it does not end');
}

test('what is sent: a growing duration, three ends, silence up to the next digit', async () => {
  const sender = new TelephoneEventSender(20, 8000);
  const done = sender.enqueue('5#', 60, 70);
  assert.ok(sender.busy);
  assert.equal(packetsOf(sender), [
    '5 160 M',
    '5 320',
    '5 480 E',
    '5 480 E',
    '5 480 E',
    '-',
    '-',
    '11 160 M',
    '11 320',
    '11 480 E',
    '11 480 E',
    '11 480 E',
    '-',
    '-',
  ]);
  await done;
  assert.not.ok(sender.busy);
});

test('what is sent is understood by the other half', () => {
  const sender = new TelephoneEventSender(20, 8000);
  const sent = sender.enqueue('0123456789*#abcd', 160, 70);
  const { receiver, digits } = ear();
  let timestamp = 0;
  for (let tick = 0; ; tick += 1) {
    const what = sender.tick();
    if (what === 'audio') break;
    if (what === 'pause') continue;
    if (sender.first) timestamp = tick * 160;
    const bytes = new Uint8Array(4);
    writeTelephoneEvent(bytes, 0, sender.code, sender.end, sender.duration);
    receiver.receive(bytes, 0, 4, timestamp, tick * 20);
  }
  assert.is(digits.map((text) => text[0]).join(''), '0123456789*#ABCD');
  assert.ok(digits.every((text) => text.endsWith(' 160')));
  return sent;
});

test('bounds: what is no digit, too many, and tones of any length', async () => {
  const codes: string[] = [];
  const sender = new TelephoneEventSender(20, 16_000);
  const refused = async (digits: string): Promise<void> => {
    try {
      await sender.enqueue(digits, 100, 50);
    } catch (error) {
      codes.push((error as TalkspurtError).code);
    }
  };
  await refused('12x');
  await refused('1 2');
  await refused('1'.repeat(LIMITS.rtpDigits + 1));
  assert.equal(codes, ['ERR_TALKSPURT_MEDIA_FORMAT', 'ERR_TALKSPURT_MEDIA_FORMAT', 'ERR_TALKSPURT_MEDIA_FORMAT']);
  await sender.enqueue('', 100, 50);
  const long = sender.enqueue('1', 1e9, Number.NaN);
  const told = packetsOf(sender);
  assert.ok(told.every((text) => text === '-' || Number(text.split(' ')[1]) <= 0xffff));
  await long;
  const gone = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'x');
  const pending = sender.enqueue('1', 100, 50).catch((error: unknown) => error);
  sender.tick();
  sender.abort(gone);
  assert.is(await pending, gone);
  assert.is(sender.tick(), 'audio');
});

test.run();

/** AudioSocket's frames: what a real Asterisk 22 sent, and anything else that could come. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AudioSocketParser,
  audioSocketKind,
  audioSocketRateHz,
  audioSocketUuidBytes,
} from '../../src/transport/audiosocket-frame.ts';

type Told = readonly [what: string, ...details: (string | number | null)[]];

interface Ear {
  readonly told: Told[];
  readonly parser: AudioSocketParser;
}

/** A parser and what it tells; parts of one frame's audio are put together. */
function ear(onTold: (told: Told, parser: AudioSocketParser) => void = () => undefined): Ear {
  const told: Told[] = [];
  const tell = (...each: Told): void => {
    told.push(each);
    onTold(each, parser);
  };
  const parser = new AudioSocketParser({
    onUuid: (uuid) => tell('uuid', uuid),
    onAudio: (kind, bytes, start, end) => {
      assert.ok(start < end && end <= bytes.length, 'a part of what came');
      const part = Buffer.from(bytes.subarray(start, end)).toString('hex');
      const last = told.at(-1);
      if (last?.[0] === 'audio' && last[1] === kind) told[told.length - 1] = ['audio', kind, `${last[2]}${part}`];
      else tell('audio', kind, part);
    },
    onDigit: (digit) => tell('digit', digit),
    onHangup: () => tell('hangup'),
    onError: (code) => tell('error', code),
    onFault: (fault) => tell('fault', fault),
  });
  return { told, parser };
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

// Frames as Asterisk 22.10.1 wrote them, the audio shortened to four samples.
const DIALOGUE = hex(`
  01 0010 b2b3b322d7404212be17993daefc1174
  10 0008 e0fdebfd73fe0102
  03 0001 31
  12 0008 1122334455667788
  ff 0001 02
  00 0000`);
const TOLD: Told[] = [
  ['uuid', 'b2b3b322-d740-4212-be17-993daefc1174'],
  ['audio', 0x10, 'e0fdebfd73fe0102'],
  ['digit', '1'],
  ['audio', 0x12, '1122334455667788'],
  ['error', 2],
  ['hangup'],
];

test('a dialogue, whole', () => {
  const { parser, told } = ear();
  assert.is(parser.push(DIALOGUE), DIALOGUE.length);
  assert.equal(told, TOLD);
});

test('…split at every byte, and byte by byte', () => {
  for (let at = 0; at <= DIALOGUE.length; at += 1) {
    const { parser, told } = ear();
    parser.push(DIALOGUE.subarray(0, at));
    parser.push(DIALOGUE.subarray(at));
    assert.equal(told, TOLD, `split at ${at}`);
  }
  const { parser, told } = ear();
  for (const byte of DIALOGUE) parser.push(Uint8Array.of(byte));
  assert.equal(told, TOLD);
});

test('audio is told before its frame is whole', () => {
  const { parser, told } = ear();
  parser.push(hex('10 0140 010203'));
  assert.equal(told, [['audio', 0x10, '010203']]);
});

test('the kinds of audio, 0x10 to 0x18, and what they are called here', () => {
  const rates = Array.from({ length: 256 }, (_, kind) => audioSocketRateHz(kind));
  const expected = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];
  assert.equal(rates.slice(0x10, 0x19), expected);
  assert.is(rates.filter((rate) => rate !== 0).length, 9);
  assert.equal(
    ([8000, 16000, 24000, 48000] as const).map((rate) => audioSocketKind(rate)),
    [0x10, 0x12, 0x13, 0x16],
  );
});

const WRONG = [
  ['00 0001 00', 'length'],
  ['01 0004 01020304', 'length'],
  ['01 0000', 'length'],
  [`01 0011 ${'00'.repeat(17)}`, 'length'],
  ['03 0000', 'length'],
  ['03 0002 3132', 'length'],
  ['03 0001 45', 'digit'],
  ['03 0001 00', 'digit'],
  ['10 0003 010203', 'length'],
  ['12 0000', 'length'],
  ['02 0000', 'kind'],
  ['0f 0002 0102', 'kind'],
  ['19 0004 01020304', 'kind'],
  ['fe 0000', 'kind'],
] as const;

test('a wrong frame is passed over, wherever it is cut, and the next one is heard', () => {
  for (const [frame, fault] of WRONG) {
    const bytes = hex(`${frame} 03 0001 23`);
    for (let at = 0; at <= bytes.length; at += 1) {
      const { parser, told } = ear();
      parser.push(bytes.subarray(0, at));
      parser.push(bytes.subarray(at));
      assert.equal(
        told,
        [
          ['fault', fault],
          ['digit', '#'],
        ],
        `${frame}, split at ${at}`,
      );
    }
  }
});

test('an error has a code, none, or more than one byte', () => {
  const { parser, told } = ear();
  parser.push(hex(`ff 0000 ff 0001 04 ff 0020 ${'09'.repeat(32)} 00 0000`));
  assert.equal(told, [['error', null], ['error', 4], ['error', 9], ['hangup']]);
});

test('every digit, small letters too', () => {
  const { parser, told } = ear();
  for (const digit of '0123456789*#ABCDabcd') parser.push(Uint8Array.of(3, 0, 1, digit.charCodeAt(0)));
  assert.is(told.map(([, digit]) => digit).join(''), '0123456789*#ABCDABCD');
});

test('held from inside a handler it stops after that frame, and goes on from there', () => {
  const { parser, told } = ear(([what], held) => {
    if (what === 'uuid') held.hold();
  });
  const at = parser.push(DIALOGUE);
  assert.is(at, 19);
  assert.equal(told, TOLD.slice(0, 1));
  assert.is(parser.push(DIALOGUE, at), DIALOGUE.length);
  assert.equal(told, TOLD);
});

test('any bytes, however cut: the same is told, every byte is taken, and right frames come out as they went in', () => {
  const frame = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0x10, max: 0x18 }), fc.uint8Array({ minLength: 1, maxLength: 400 }))
      .map(([kind, half]) => {
        const payload = [...half, ...half];
        return { bytes: [kind, payload.length >> 8, payload.length & 255, ...payload], told: 'audio' };
      }),
    fc
      .constantFrom(...'0123456789*#ABCD'.split(''))
      .map((digit) => ({ bytes: [3, 0, 1, digit.charCodeAt(0)], told: `digit ${digit}` })),
    fc
      .uint8Array({ minLength: 0, maxLength: 300 })
      .map((junk) => ({ bytes: [0x80, junk.length >> 8, junk.length & 255, ...junk], told: 'fault kind' })),
  );
  fc.assert(
    fc.property(fc.array(frame), fc.infiniteStream(fc.integer({ min: 1, max: 200 })), (frames, sizes) => {
      const { parser, told } = ear();
      const bytes = Uint8Array.from(frames.flatMap((each) => each.bytes));
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + sizes.next().value);
        parser.push(bytes.subarray(at, end));
        at = end;
      }
      assert.equal(
        told.filter(([what]) => what !== 'audio').map((each) => each.join(' ')),
        frames.map((each) => each.told).filter((each) => each !== 'audio'),
      );
      const audio = frames.filter((each) => each.told === 'audio').flatMap((each) => each.bytes.slice(3));
      const heard = told.filter(([what]) => what === 'audio').map(([, , part]) => part);
      assert.is(heard.join(''), Buffer.from(audio).toString('hex'));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.nat(2_000), (bytes, cut) => {
      const [whole, parts] = [ear(), ear()];
      assert.is(whole.parser.push(bytes), bytes.length);
      parts.parser.push(bytes.subarray(0, cut));
      parts.parser.push(bytes.subarray(cut));
      assert.equal(parts.told, whole.told);
    }),
  );
});

test('a UUID as text and as bytes', () => {
  const bytes = audioSocketUuidBytes('B2B3B322-d740-4212-be17-993daefc1174');
  assert.is(Buffer.from(bytes ?? []).toString('hex'), 'b2b3b322d7404212be17993daefc1174');
  for (const none of ['', 'b2b3b322d7404212be17993daefc1174', 'g2b3b322-d740-4212-be17-993daefc1174', 'x'])
    assert.is(audioSocketUuidBytes(none), null);
});

test.run();

import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SentenceSplitter } from '../../src/speech/sentence-splitter.ts';
import type { SentenceSplitterOptions } from '../../src/speech/sentence-splitter.ts';

/** All sentences of a text that comes in pieces. */
function split(pieces: readonly string[], options: SentenceSplitterOptions = { earlyCharacters: 0 }): string[] {
  const splitter = new SentenceSplitter(options);
  return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.flush()];
}

const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['Hello there. How are you? Fine!', ['Hello there.', 'How are you?', 'Fine!']],
  ['Dr. Smith met Mr. Jones. They talked.', ['Dr. Smith met Mr. Jones.', 'They talked.']],
  ['It costs 3.14 dollars. Pay by 5 p.m. today.', ['It costs 3.14 dollars.', 'Pay by 5 p.m. today.']],
  ['We close at 5 p.m. Tomorrow we open at 9.', ['We close at 5 p.m.', 'Tomorrow we open at 9.']],
  ['J. R. R. Tolkien wrote it. I read it.', ['J. R. R. Tolkien wrote it.', 'I read it.']],
  ['Well... maybe. Wait… Yes.', ['Well... maybe.', 'Wait… Yes.']],
  ['She said "Stop." Then she left.', ['She said "Stop."', 'Then she left.']],
  ['“Go!” he said. (Quietly.) It was late.', ['“Go!”', 'he said.', '(Quietly.)', 'It was late.']],
  ['Really?! Yes.', ['Really?!', 'Yes.']],
  ['今日は晴れです。明日は雨？そうです！', ['今日は晴れです。', '明日は雨？', 'そうです！']],
  ['First line\nSecond line', ['First line', 'Second line']],
  ['1. Take the key.\n2. Open the door.', ['1. Take the key.', '2. Open the door.']],
  [
    'Wir treffen uns am 3. Oktober z. B. in Ulm. Bis dann.',
    ['Wir treffen uns am 3. Oktober z. B. in Ulm.', 'Bis dann.'],
  ],
  ['Visit example.com today. Thanks.', ['Visit example.com today.', 'Thanks.']],
  ['Bring pens, paper, etc. and come. Bye.', ['Bring pens, paper, etc. and come.', 'Bye.']],
  ['See https://shop.example/find?q=bike now. Then call.', ['See https://shop.example/find?q=bike now.', 'Then call.']],
  ['Is it www.a.example/x?y!z? Yes.', ['Is it www.a.example/x?y!z?', 'Yes.']],
  ['请看https://a.example。谢谢。', ['请看https://a.example。', '谢谢。']],
  ['No. I cannot.', ['No.', 'I cannot.']],
  ['', []],
  [' \n ', []],
];

for (const [text, sentences] of CASES) {
  test(`sentences of ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.equal(split([text]), sentences);
    assert.equal(split(Array.from(text)), sentences, 'character by character');
  });
}

test('a sentence is given as soon as what follows it has begun, not before', () => {
  const splitter = new SentenceSplitter({ earlyCharacters: 0 });
  assert.equal(splitter.push('It is 3'), []);
  assert.equal(splitter.push('.'), []);
  assert.equal(splitter.push('14 metres.'), []);
  assert.equal(splitter.push(' '), []);
  assert.equal(splitter.push('T'), ['It is 3.14 metres.']);
  assert.equal(splitter.flush(), ['T']);
});

test('the first sentence is cut behind its first long clause, the others are not', () => {
  const text =
    'If you would like to change your booking, I can do that now. If you prefer to wait until later, call us again.';
  assert.equal(split([text], {}), [
    'If you would like to change your booking,',
    'I can do that now.',
    'If you prefer to wait until later, call us again.',
  ]);
});

test('what is too long is cut behind a clause, at a blank, or through a word', () => {
  const clauses = split(['one two three, four five six seven eight nine ten eleven'], {
    maximumCharacters: 20,
    earlyCharacters: 0,
  });
  assert.equal(clauses[0], 'one two three,');
  assert.ok(clauses.every(({ length }) => length <= 20));
  assert.equal(clauses.join(' '), 'one two three, four five six seven eight nine ten eleven');
  const word = split(['x'.repeat(45)], { maximumCharacters: 20, earlyCharacters: 0 });
  assert.equal(
    word.map(({ length }) => length),
    [20, 20, 5],
  );
  const faces = split(['😀'.repeat(15)], { maximumCharacters: 5, earlyCharacters: 0 });
  assert.ok(
    faces.every((face) => !/^\p{Surrogate}|\p{Surrogate}$/u.test(face)),
    'no character is cut in two',
  );
});

const pieces = fc
  .tuple(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 400 }),
      fc
        .array(
          fc.constantFrom(
            'Hello',
            'Dr.',
            ' ',
            '. ',
            '3',
            '.14',
            '?',
            '! ',
            '"',
            '\n',
            ', ',
            'and',
            '。',
            '…',
            '😀',
            'a.b',
            ' p.m.',
            'X',
          ),
          { maxLength: 120 },
        )
        .map((parts) => parts.join('')),
    ),
    fc.array(fc.nat(400), { maxLength: 30 }),
  )
  .map(([text, cuts]) => {
    const at = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].toSorted((a, b) => a - b);
    return { text, parts: at.slice(1).map((end, index) => text.slice(at[index], end)) };
  });

test('no cut goes through what is seen as one character', () => {
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const count = (text: string): number => [...graphemes.segment(text)].length;
  for (const [character, times] of [
    ['👩‍👩‍👧‍👦', 100],
    ['👍🏽', 300],
    ['🇦🇹', 300],
    ['e\u0301\u0323', 300],
    ['กำ้', 300],
    ['𝒳', 500],
  ] as const) {
    const text = character.repeat(times);
    for (const maximumCharacters of [299, 300, 301, 7]) {
      const sentences = split(Array.from(text), { maximumCharacters });
      assert.is(sentences.join(''), text);
      if (character.length <= maximumCharacters) {
        const parts = sentences.reduce((sum, each) => sum + count(each), 0);
        assert.is(parts, count(text), `${character} in ${maximumCharacters}`);
      }
      assert.ok(sentences.every((each) => each.length <= maximumCharacters));
    }
  }
});

test('nothing is lost, added or put out of order, whatever the text and wherever it is cut', () => {
  const bare = (text: string): string => text.replaceAll(/\s+/gu, '');
  fc.assert(
    fc.property(
      pieces,
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom(0, 5, 40),
      ({ text, parts }, maximum, early) => {
        const sentences = split(parts, { maximumCharacters: maximum, earlyCharacters: early });
        assert.is(bare(sentences.join('')), bare(text));
        assert.ok(
          sentences.every((sentence) => sentence.length <= maximum && sentence.trim() === sentence && sentence !== ''),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('ordinary text gives the same sentences however it is cut', () => {
  const words = fc.constantFrom('we', 'Dr. Lee', 'said', '3.5', 'p.m.', 'Anna', 'etc.', 'yes', 'it', '"No!"', 'costs');
  const end = fc.constantFrom('. ', '? ', '! ', '... ', '.\n', ', ');
  const text = fc.array(fc.tuple(fc.array(words, { minLength: 1, maxLength: 6 }), end), { maxLength: 8 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(300), { maxLength: 20 }), (parts, cuts) => {
      const whole = parts.map(([some, mark]) => some.join(' ') + mark).join('Then ');
      const at = [...new Set([0, ...cuts.filter((cut) => cut < whole.length), whole.length])].toSorted((a, b) => a - b);
      const given = at.slice(1).map((to, index) => whole.slice(at[index], to));
      assert.equal(split(given, {}), split([whole], {}));
    }),
    { numRuns: 500 },
  );
});

/** Characters that patterns and the segmenter look at in `run`. */
function charactersLookedAt(run: () => void): number {
  const { exec } = RegExp.prototype;
  const { segment } = Intl.Segmenter.prototype;
  let characters = 0;
  const countedExec = function (this: RegExp, text: string): RegExpExecArray | null {
    const from = this.global ? this.lastIndex : 0;
    const found = exec.call(this, text);
    characters += (found === null ? text.length : found.index + found[0].length) - from;
    return found;
  };
  const countedSegment = function (this: Intl.Segmenter, text: string): Intl.Segments {
    const segments = segment.call(this, text);
    const all = segments[Symbol.iterator].bind(segments);
    function* counted(): Generator<Intl.SegmentData, void> {
      for (const each of { [Symbol.iterator]: all }) {
        characters += each.segment.length;
        yield each;
      }
    }
    return Object.defineProperty(segments, Symbol.iterator, { value: counted });
  };
  Object.assign(RegExp.prototype, { exec: countedExec });
  Object.assign(Intl.Segmenter.prototype, { segment: countedSegment });
  try {
    run();
  } finally {
    Object.assign(RegExp.prototype, { exec });
    Object.assign(Intl.Segmenter.prototype, { segment });
  }
  return characters;
}

test('what looks like many ends and is none costs in proportion to its length, however it comes', () => {
  for (const text of ['Dr. ', 'J. ', '3. ', '-\n', '3.\n\n\n', 'www.a?', 'Z.B. Https://a.example/?B ']) {
    for (const step of [4, 1_000_000]) {
      const work = (length: number): number => {
        const whole = text.repeat(length / text.length);
        const options = { maximumCharacters: length, earlyCharacters: 0 };
        const parts = Array.from({ length: Math.ceil(length / step) }, (_, at) =>
          whole.slice(at * step, (at + 1) * step),
        );
        return charactersLookedAt(() => split(parts, options));
      };
      const [once, twice] = [work(1_200), work(2_400)];
      assert.ok(twice < 2.2 * once, `${JSON.stringify(text)} by ${step}: ${once}, then ${twice}`);
      assert.ok(once < 50 * 1_200, `${JSON.stringify(text)} by ${step}: ${once}`);
    }
  }
});

test.run();

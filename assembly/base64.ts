/**
 * What does it do? Writes and reads base64 (RFC 4648 §4).
 * How does it work? Twelve bytes to sixteen characters at a time, without tables in memory: six-bit values by shifts of whole
 *   lanes, letters by a swizzle that picks what to add (the scheme of W. Muła and D. Lemire, *Faster base64 encoding and
 *   decoding using AVX2 instructions*, 2018).
 *   Reading sums up what is no letter, by two lookups of half a byte each, and asks once at the end.
 * How do I use it? `encode(target, source, bytes)`; any number of bytes. `decode(target, source, characters)`.
 * Not for: overlapping `target` and `source`; other alphabets, white space.
 */

const PADDING: u8 = 0x3d;

/** Writes `bytes` bytes at `source` as characters, padded, to `target`; returns how many. May read 15 bytes more. */
export function encode(target: usize, source: usize, bytes: i32): i32 {
  const from = target;
  for (; bytes >= 12; bytes -= 12) {
    v128.store(target, lettersOf(sixesOf(v128.load(source))));
    source += 12;
    target += 16;
  }
  for (; bytes > 0; bytes -= 3) {
    const first = <u32>load<u8>(source);
    const second = bytes > 1 ? <u32>load<u8>(source, 1) : 0;
    const third = bytes > 2 ? <u32>load<u8>(source, 2) : 0;
    store<u8>(target, letterOf(first >> 2));
    store<u8>(target, letterOf(((first & 3) << 4) | (second >> 4)), 1);
    store<u8>(target, bytes > 1 ? letterOf(((second & 15) << 2) | (third >> 6)) : PADDING, 2);
    store<u8>(target, bytes > 2 ? letterOf(third & 63) : PADDING, 3);
    source += 3;
    target += 4;
  }
  return <i32>(target - from);
}

/** Twelve bytes to sixteen six-bit values. */
function sixesOf(v: v128): v128 {
  const w = i8x16.swizzle(v, i8x16(2, 1, 0, -1, 5, 4, 3, -1, 8, 7, 6, -1, 11, 10, 9, -1));
  return v128.or(
    v128.or(v128.and(i32x4.shr_u(w, 18), i32x4.splat(0x3f)), v128.and(i32x4.shr_u(w, 4), i32x4.splat(0x3f00))),
    v128.or(v128.and(i32x4.shl(w, 10), i32x4.splat(0x3f0000)), v128.and(i32x4.shl(w, 24), i32x4.splat(0x3f000000))),
  );
}

function lettersOf(values: v128): v128 {
  const upper = v128.and(i8x16.lt_u(values, i8x16.splat(26)), i8x16.splat(13));
  const range = v128.or(i8x16.sub_sat_u(values, i8x16.splat(51)), upper);
  return i8x16.add(values, i8x16.swizzle(i8x16(71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0), range));
}

function letterOf(value: u32): u8 {
  if (value < 26) return <u8>(value + 65);
  if (value < 52) return <u8>(value + 71);
  if (value < 62) return <u8>(value - 4);
  return value == 62 ? 0x2b : 0x2f;
}

/**
 * By half bytes: what each may not stand beside (two rows), what to add to a letter;
 * where the bytes of the result are; and constants (from memory: see g711.ts).
 */
// prettier-ignore
const LETTERS: usize = memory.data<u8>([
  0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a,
  0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
     0,   16,   19,    4,  191,  191,  185,  185,    0,    0,    0,    0,    0,    0,    0,    0,
     2,    1,    0,    6,    5,    4,   10,    9,    8,   14,   13,   12,  255,  255,  255,  255,
  0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f,
  0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f, 0x2f,
  0x3f,    0, 0x3f,    0, 0x3f,    0, 0x3f,    0, 0x3f,    0, 0x3f,    0, 0x3f,    0, 0x3f,    0,
     0, 0x10,    1,    0,    0, 0x10,    1,    0,    0, 0x10,    1,    0,    0, 0x10,    1,    0,
], 16);

/**
 * Reads `characters` characters at `source`, padded or not, to `target`; returns how many bytes, or −1 where it is not base64. May read
 * 15 characters and write 4 bytes more.
 */
export function decode(target: usize, source: usize, characters: i32): i32 {
  const from = target;
  if (characters > 0 && (characters & 3) == 0 && load<u8>(source + <usize>characters - 1) == PADDING) {
    characters -= load<u8>(source + <usize>characters - 2) == PADDING ? 2 : 1;
  }
  if ((characters & 3) == 1) return -1;
  const forbiddenLow = v128.load(LETTERS);
  const forbiddenHigh = v128.load(LETTERS, 16);
  const added = v128.load(LETTERS, 32);
  const order = v128.load(LETTERS, 48);
  const low = v128.load(LETTERS, 64);
  const slash = v128.load(LETTERS, 80);
  const six = v128.load(LETTERS, 96);
  const both = v128.load(LETTERS, 112);
  let wrong = i64x2.splat(0);
  for (; characters >= 16; characters -= 16) {
    const v = v128.load(source);
    const high = v128.and(i16x8.shr_u(v, 4), low);
    wrong = v128.or(wrong, v128.and(i8x16.swizzle(forbiddenLow, v128.and(v, low)), i8x16.swizzle(forbiddenHigh, high)));
    // A slash is the one letter that its upper half does not tell.
    const row = i8x16.add(high, i8x16.eq(v, slash));
    const sixes = i8x16.add(v, i8x16.swizzle(added, row));
    const twelves = v128.or(i16x8.shl(v128.and(sixes, six), 6), i16x8.shr_u(sixes, 8));
    v128.store(target, i8x16.swizzle(i32x4.dot_i16x8_s(twelves, both), order));
    source += 16;
    target += 12;
  }
  if (v128.any_true(wrong)) return -1;
  for (; characters > 0; characters -= 4) {
    const a = valueOf(load<u8>(source));
    const b = valueOf(load<u8>(source, 1));
    const c = characters > 2 ? valueOf(load<u8>(source, 2)) : 0;
    const d = characters > 3 ? valueOf(load<u8>(source, 3)) : 0;
    if ((a | b | c | d) < 0) return -1;
    store<u8>(target, (a << 2) | (b >> 4));
    if (characters > 2) store<u8>(target, (b << 4) | (c >> 2), 1);
    if (characters > 3) store<u8>(target, (c << 6) | d, 2);
    source += 4;
    target += <usize>(min(characters, 4) - 1);
  }
  return <i32>(target - from);
}

function valueOf(letter: i32): i32 {
  if (letter >= 65 && letter <= 90) return letter - 65;
  if (letter >= 97 && letter <= 122) return letter - 71;
  if (letter >= 48 && letter <= 57) return letter + 4;
  return letter == 0x2b ? 62 : letter == 0x2f ? 63 : -1;
}

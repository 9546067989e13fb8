/**
 * What does it do? Makes one sample of every two, three or six: the inner loop of the resampler for whole factors down.
 * How does it work? An FIR in whole numbers. One instruction multiplies eight samples by eight taps and adds them in pairs,
 *   so four outputs go through the taps together, each in four lanes of i32. Sixteen bits are too few for the taps in one
 *   scale: the large ones (in the middle; with minimum phase near the newest sample) are a hundred times those of the ends.
 *   So there are two passes over the same lanes. The fine one has all taps at 2¹⁹; of the large ones, which do not fit, only
 *   what the coarse ones leave over. Then the lanes are rounded to 2¹⁶, and the coarse pass adds the large ones.
 * How do I use it? From resample.ts, with a table of filter-tables.ts. Taps lie as samples do: that of the oldest comes first.
 *
 *   ┌────────────────────────────────────────────────────────┬────────────────┬──────────────────┐
 *   │ taps, first tap of the coarse, coarse taps, delay, 0 … │ fine taps, i16 │ coarse taps, i16 │
 *   └────────────────────────────────────────────────────────┴────────────────┴──────────────────┘
 *
 * Not for: other taps than those of the tables. No lane overflows, whatever the sixteen-bit samples, because the sums of the
 *   taps' magnitudes lane by lane are bounded when the tables are made; test/assembly/decimate.test.ts holds them to it.
 */

/** Makes `count` outputs: the first from the samples at `source` on, each next `down` samples later. Reads as if `count` were a multiple of four. */
export function decimate(target: usize, source: usize, down: i32, table: usize, count: i32): void {
  if (down == 3) decimateBy<Three>(target, source, table, count);
  else if (down == 2) decimateBy<Two>(target, source, table, count);
  else decimateBy<Six>(target, source, table, count);
}

/** What becomes one output, as a type: its size is known to the compiler, so that it costs nothing to add to an address. */
@unmanaged
class Two {
  a: i16;
  b: i16;
}

@unmanaged
class Three extends Two {
  c: i16;
}

@unmanaged
class Six extends Three {
  d: i16;
  e: i16;
  f: i16;
}

/** Half a step of 2¹⁶ in the fine scale, and a quarter of half an output step: four lanes begin with it. */
const HALVES: i32 = 4 + (1 << 16);

function decimateBy<Period>(target: usize, source: usize, table: usize, count: i32): void {
  const fine = table + 16;
  const fineEnd = fine + ((<usize>load<u16>(table)) << 1);
  const coarseEnd = fineEnd + ((<usize>load<u16>(table, 4)) << 1);
  const coarseAt = (<usize>load<u16>(table, 2)) << 1;
  for (; count > 0; count -= 4) {
    let a = i32x4.splat(HALVES);
    let b = a;
    let c = a;
    let d = a;
    let w = fine;
    for (let x = source; w < fineEnd; w += 16, x += 16) {
      const v = v128.load(w);
      a = i32x4.add(a, i32x4.dot_i16x8_s(v, v128.load(x)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v, v128.load(x, offsetof<Period>())));
      c = i32x4.add(c, i32x4.dot_i16x8_s(v, v128.load(x, 2 * offsetof<Period>())));
      d = i32x4.add(d, i32x4.dot_i16x8_s(v, v128.load(x, 3 * offsetof<Period>())));
    }
    a = i32x4.shr_s(a, 3);
    b = i32x4.shr_s(b, 3);
    c = i32x4.shr_s(c, 3);
    d = i32x4.shr_s(d, 3);
    for (let x = source + coarseAt; w < coarseEnd; w += 16, x += 16) {
      const v = v128.load(w);
      a = i32x4.add(a, i32x4.dot_i16x8_s(v, v128.load(x)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v, v128.load(x, offsetof<Period>())));
      c = i32x4.add(c, i32x4.dot_i16x8_s(v, v128.load(x, 2 * offsetof<Period>())));
      d = i32x4.add(d, i32x4.dot_i16x8_s(v, v128.load(x, 3 * offsetof<Period>())));
    }
    // All lanes of an output together may come to more than i32 holds; the output is cut off at full scale then.
    a = i32x4.shr_s(a, 2);
    b = i32x4.shr_s(b, 2);
    c = i32x4.shr_s(c, 2);
    d = i32x4.shr_s(d, 2);
    a = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
    c = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
    a = i32x4.add(v128.shuffle<i64>(a, c, 0, 2), v128.shuffle<i64>(a, c, 1, 3));
    a = i32x4.shr_s(a, 14);
    a = i16x8.narrow_i32x4_s(a, a);
    if (count >= 4) v128.store64_lane(target, a, 0);
    else {
      let rest = i64x2.extract_lane(a, 0);
      for (let i = 0; i < count; i++, rest >>= 16) store<i16>(target + ((<usize>i) << 1), <i16>rest);
    }
    target += 8;
    source += 4 * offsetof<Period>();
  }
}

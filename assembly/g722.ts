import { G722_BLOCK_CODES, G722_LINE, G722_STATE_BYTES } from './layout';

/**
 * What does it do? ITU-T G.722 at 64 kbit/s (mode 1): two samples of 16 kHz ⇄ one code. Bit-exact with the Recommendation.
 * How does it work? A quadrature mirror filter (QMF) cuts the audio into two bands of 8 kHz each. Each band predicts its
 *   next sample from six past differences (zeros) and two past outputs (poles), and codes only what the prediction
 *   missed, in units of a scale that follows the signal. Coder and decoder adapt from the codes alone, so they stay equal.
 * How do I use it? `start(state)` once for each direction, then `encode` or `decode` with any number of codes a time.
 * Not for: modes 2 and 3 (56 and 48 kbit/s); frames that never came (conceal.ts fills those after decoding).
 *
 *   code  7 6     5 4 3 2 1 0      One band's ADPCM in both directions:
 *        ┌───────┬─────────────┐          ┌───────────┐ code ┌─────────┐ difference   ┌───────┐
 *        │ 4–8   │ 0–4 kHz     │   in ─⊖─▶│ quantiser ├──┬──▶│ inverse ├──────┬──────▶│ adapt │
 *        └───────┴─────────────┘       ▲  └───────────┘  │   └─────────┘      ⊕─▶ out └───┬───┘
 *                                      │                 └▶ scale             ▲           │
 *                                      └──────────────── prediction ◀─────────┴───────────┘
 *
 * All of it is the Recommendation's 16-bit arithmetic: every sum saturates and every product loses its low 15 bits.
 */

/** One direction: both bands, and the last 22 samples (11 pairs) that the filter has seen. */
const LOW: usize = 0;
const HIGH: usize = 64;
const HISTORY: usize = 128;
const HISTORY_BYTES: usize = 44;

/** A band: i16 lanes of six past differences and two past outputs, the taps that belong to them, and i32 numbers. */
const PAST: usize = 0;
const TAPS: usize = 16;
/** The last two sums of difference and zero section, whose signs steer the poles. */
const PARTIAL_1: usize = 32;
const PARTIAL_2: usize = 36;
/** Scale of the quantiser, as a logarithm and as it is. */
const LOG_SCALE: usize = 40;
const SCALE: usize = 44;
/** What the six differences predict, and all eight. */
const ZERO_SECTION: usize = 48;
const PREDICTION: usize = 52;

/** Table 11 of the Recommendation: the filter, symmetric, in units of 2⁻¹³. */
const QMF_LOW: usize = memory.data<i16>([
  3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876, 3876, 951, -805, -210, 362, 32, -156, 12, 53, -11, -11, 3,
]);
/** The same with the even samples subtracted. */
const QMF_HIGH: usize = memory.data<i16>([
  -3, -11, 11, 53, -12, -156, -32, 362, 210, -805, -951, 3876, -3876, 951, 805, -210, -362, 32, 156, 12, -53, -11, 11,
  3,
]);
/** Its odd and its even half: what the two output samples of a pair are made of. */
const QMF_FIRST: usize = memory.data<i16>([
  0, -11, 0, 53, 0, -156, 0, 362, 0, -805, 0, 3876, 0, 951, 0, -210, 0, 32, 0, 12, 0, -11, 0, 3,
]);
const QMF_SECOND: usize = memory.data<i16>([
  3, 0, -11, 0, 12, 0, 32, 0, -210, 0, 951, 0, 3876, 0, -805, 0, 362, 0, -156, 0, 53, 0, -11, 0,
]);

/** Decision levels of the low band, from 1; the last is repeated so that a search of five steps stays inside. */
const LOW_DECISIONS: usize = memory.data<i16>([
  0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
  1458, 1612, 1765, 1980, 2195, 2557, 2919, 2919, 2919,
]);
/** What a code of the low band means, in units of the scale / 4096: of all six bits, and of the four that adapt. */
const LOW_VALUES: usize = memory.data<i16>([
  -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
  -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728, 24808,
  21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008,
  3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
]);
const LOW_ADAPTING_VALUES: usize = memory.data<i16>([
  0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
]);
/** How each of those moves the logarithm of the scale. */
const LOW_STEPS: usize = memory.data<i16>([
  -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
]);
const LOW_LOG_MAX: i32 = 18432;
/** The same of the high band's four codes. */
const HIGH_DECISION: i32 = 564;
const HIGH_VALUES: usize = memory.data<i16>([-7408, -1616, 7408, 1616]);
const HIGH_STEPS: usize = memory.data<i16>([798, -214, 798, -214]);
const HIGH_LOG_MAX: i32 = 22528;
/** 2048 · 2^(n / 32). */
const POWERS: usize = memory.data<i16>([
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
  3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
]);

/** Forgets everything one direction has heard. */
export function start(state: usize): void {
  memory.fill(state, 0, G722_STATE_BYTES);
  store<i32>(state + LOW, 32, SCALE);
  store<i32>(state + HIGH, 8, SCALE);
}

/** `codes` pairs of i16 samples at `source` to codes at `target`. */
export function encode(state: usize, target: usize, source: usize, codes: i32): void {
  let left = codes;
  while (left > 0) {
    const block = min(left, G722_BLOCK_CODES);
    const bytes = (<usize>block) << 2;
    memory.copy(G722_LINE, state + HISTORY, HISTORY_BYTES);
    memory.copy(G722_LINE + HISTORY_BYTES, source, bytes);
    for (let i: usize = 0; i < <usize>block; i++) {
      const window = G722_LINE + (i << 2);
      const low = limit15(filter(window, QMF_LOW) >> 14);
      const high = limit15(filter(window, QMF_HIGH) >> 14);
      store<u8>(target + i, encodeBands(state, low, high));
    }
    memory.copy(state + HISTORY, G722_LINE + bytes, HISTORY_BYTES);
    source += bytes;
    target += <usize>block;
    left -= block;
  }
}

/** `codes` codes at `source` to pairs of i16 samples at `target`. */
export function decode(state: usize, target: usize, source: usize, codes: i32): void {
  let left = codes;
  while (left > 0) {
    const block = min(left, G722_BLOCK_CODES);
    const bytes = (<usize>block) << 2;
    memory.copy(G722_LINE, state + HISTORY, HISTORY_BYTES);
    for (let i: usize = 0; i < <usize>block; i++) {
      const window = G722_LINE + (i << 2);
      const code = <i32>load<u8>(source + i);
      const low = decodeLow(state + LOW, code & 63);
      const high = decodeHigh(state + HIGH, code >> 6);
      // The sum and the difference of two 15-bit numbers have 16 bits.
      store<i16>(window + HISTORY_BYTES, <i16>(low + high));
      store<i16>(window + HISTORY_BYTES, <i16>(low - high), 2);
      store<i16>(target + (i << 2), <i16>limit16(filter(window, QMF_FIRST) >> 11));
      store<i16>(target + (i << 2), <i16>limit16(filter(window, QMF_SECOND) >> 11), 2);
    }
    memory.copy(state + HISTORY, G722_LINE + bytes, HISTORY_BYTES);
    source += <usize>block;
    target += bytes;
    left -= block;
  }
}

/** One sample of each band, 15 bits, to a code: `encode` without its filter. */
export function encodeBands(state: usize, low: i32, high: i32): i32 {
  return (encodeHigh(state + HIGH, high) << 6) | encodeLow(state + LOW, low);
}

/** A code to one sample of each band, `decode` without its filter; the low one in the lower 16 bits. */
export function decodeBands(state: usize, code: i32): i32 {
  const low = decodeLow(state + LOW, code & 63);
  return (low & 0xffff) | (decodeHigh(state + HIGH, (code >> 6) & 3) << 16);
}

/** The sample of a code of six bits, 15 bits. */
function decodeLow(band: usize, code: i32): i32 {
  const value = <i32>load<i16>(LOW_VALUES + ((<usize>code) << 1));
  const sample = load<i32>(band, PREDICTION) + product(value, load<i32>(band, SCALE));
  adaptLow(band, code);
  return limit15(sample);
}

/** The sample of a code of two bits, 15 bits. */
function decodeHigh(band: usize, code: i32): i32 {
  const prediction = load<i32>(band, PREDICTION);
  return limit15(prediction + adaptHigh(band, code));
}

function encodeLow(band: usize, sample: i32): i32 {
  // The magnitude of a negative number counts one less. Beyond 16 bits it is above every level, as it would be at its limit.
  const missed = sample - load<i32>(band, PREDICTION);
  const magnitude = missed ^ (missed >> 31);
  const limit = (magnitude + 1) << 12;
  const scale = load<i32>(band, SCALE);
  let passed: i32 = 0;
  for (let step: i32 = 16; step > 0; step >>= 1) {
    const level = <i32>load<i16>(LOW_DECISIONS + ((<usize>(passed + step)) << 1));
    passed += level * scale < limit ? step : 0;
  }
  passed = min(passed, 29);
  const code = missed >= 0 ? 61 - passed : passed < 2 ? 63 - passed : 33 - passed;
  adaptLow(band, code);
  return code;
}

function encodeHigh(band: usize, sample: i32): i32 {
  const missed = sample - load<i32>(band, PREDICTION);
  const magnitude = missed ^ (missed >> 31);
  const inner = magnitude < (HIGH_DECISION * load<i32>(band, SCALE)) >> 12;
  const code = (missed >= 0 ? 2 : 0) + <i32>inner;
  adaptHigh(band, code);
  return code;
}

/** Both ends do this with each code of the low band; its two lowest bits change nothing here. */
function adaptLow(band: usize, code: i32): void {
  const at = (<usize>(code >> 2)) << 1;
  const difference = product(<i32>load<i16>(LOW_ADAPTING_VALUES + at), load<i32>(band, SCALE));
  const log = leak(load<i32>(band, LOG_SCALE), 32512) + <i32>load<i16>(LOW_STEPS + at);
  setScale(band, max(0, min(LOW_LOG_MAX, log)), 8);
  adapt(band, difference);
}

/** The same with each code of the high band; returns the difference. */
function adaptHigh(band: usize, code: i32): i32 {
  const at = (<usize>code) << 1;
  const difference = product(<i32>load<i16>(HIGH_VALUES + at), load<i32>(band, SCALE));
  const log = leak(load<i32>(band, LOG_SCALE), 32512) + <i32>load<i16>(HIGH_STEPS + at);
  setScale(band, max(0, min(HIGH_LOG_MAX, log)), 10);
  adapt(band, difference);
  return difference;
}

/** 2048 units of `log` double the scale; `shift` makes 0 the least scale of the band. */
function setScale(band: usize, log: i32, shift: i32): void {
  const power = <i32>load<i16>(POWERS + ((<usize>((log >> 6) & 31)) << 1));
  store<i32>(band, log, LOG_SCALE);
  store<i32>(band, ((power << (log >> 11)) >> shift) << 2, SCALE);
}

/** Takes a difference in, moves every tap by its sign, and predicts the next sample. */
function adapt(band: usize, difference: i32): void {
  const past = v128.load(band, PAST);
  const taps = v128.load(band, TAPS);
  const output = limit16(load<i32>(band, PREDICTION) + difference);
  // Only its sign matters, so it needs no limit.
  const partial = load<i32>(band, ZERO_SECTION) + difference;
  const first = load<i32>(band, PARTIAL_1);
  const differsFromFirst = (partial ^ first) >> 31;
  const differsFromSecond = (partial ^ load<i32>(band, PARTIAL_2)) >> 31;
  const pole1 = <i32>i16x8.extract_lane_s(taps, 6);
  const pole2 = nextPole2(pole1, <i32>i16x8.extract_lane_s(taps, 7), differsFromFirst, differsFromSecond);
  let nextTaps = nextZeros(past, taps, difference);
  nextTaps = i16x8.replace_lane(nextTaps, 6, <i16>nextPole1(pole1, pole2, differsFromFirst));
  nextTaps = i16x8.replace_lane(nextTaps, 7, <i16>pole2);

  let nextPast = v128.shuffle<i16>(past, past, 0, 0, 1, 2, 3, 4, 6, 6);
  nextPast = i16x8.replace_lane(nextPast, 0, <i16>difference);
  nextPast = i16x8.replace_lane(nextPast, 6, <i16>output);
  v128.store(band, nextPast, PAST);
  v128.store(band, nextTaps, TAPS);
  store<i32>(band, partial, PARTIAL_1);
  store<i32>(band, first, PARTIAL_2);
  predict(band, nextPast, nextTaps);
}

/** Six lanes: 255/256 of each, ±128 as the difference's sign is that of the past one, 0 where it is none. */
function nextZeros(past: v128, taps: v128, difference: i32): v128 {
  const differs = i16x8.shr_s(v128.xor(past, i16x8.splat(<i16>difference)), 15);
  const step = i16x8.splat(difference == 0 ? 0 : 128);
  // taps − ⌈taps / 256⌉: the product with 255/256, rounded down.
  const fraction = i16x8.ne(v128.and(taps, i16x8.splat(255)), i16x8.splat(0));
  const leaked = i16x8.add(i16x8.sub(taps, i16x8.shr_s(taps, 8)), fraction);
  return i16x8.add(leaked, i16x8.sub(v128.xor(step, differs), differs));
}

/** The masks are −1 where signs differ, otherwise 0. */
function nextPole2(pole1: i32, pole2: i32, differsFromFirst: i32, differsFromSecond: i32): i32 {
  const quadruple = limit16(pole1 << 2);
  const pull = (differsFromFirst ? quadruple : min(32767, -quadruple)) >> 7;
  const next = pull + (differsFromSecond ? -128 : 128) + leak(pole2, 32512);
  return max(-12288, min(12288, next));
}

/** Kept within ±(15/16 − the second pole): the filter stays stable. */
function nextPole1(pole1: i32, pole2: i32, differsFromFirst: i32): i32 {
  const bound = 15360 - pole2;
  const next = (differsFromFirst ? -192 : 192) + leak(pole1, 32640);
  return max(-bound, min(bound, next));
}

/** The oldest tap first: sums saturate on the way, so their order is part of the Recommendation. */
function predict(band: usize, past: v128, taps: v128): void {
  const doubled = i16x8.add_sat_s(past, past);
  const terms = i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.extmul_low_i16x8_s(doubled, taps), 15),
    i32x4.shr_s(i32x4.extmul_high_i16x8_s(doubled, taps), 15),
  );
  // Only lane 0 of these sums is of use: lanes 5 to 0 of the terms (6 and 7 for the poles) are brought to it one by one.
  let sums = i16x8.add_sat_s(
    v128.shuffle<i16>(terms, terms, 5, 6, 7, 8, 9, 10, 11, 12),
    v128.shuffle<i16>(terms, terms, 4, 5, 6, 7, 8, 9, 10, 11),
  );
  sums = i16x8.add_sat_s(sums, v128.shuffle<i16>(terms, terms, 3, 4, 5, 6, 7, 8, 9, 10));
  sums = i16x8.add_sat_s(sums, v128.shuffle<i16>(terms, terms, 2, 3, 4, 5, 6, 7, 8, 9));
  sums = i16x8.add_sat_s(sums, v128.shuffle<i16>(terms, terms, 1, 2, 3, 4, 5, 6, 7, 8));
  sums = i16x8.add_sat_s(sums, terms);
  const poles = i16x8.add_sat_s(
    v128.shuffle<i16>(terms, terms, 6, 7, 8, 9, 10, 11, 12, 13),
    v128.shuffle<i16>(terms, terms, 7, 8, 9, 10, 11, 12, 13, 14),
  );
  store<i32>(band, <i32>i16x8.extract_lane_s(sums, 0), ZERO_SECTION);
  store<i32>(band, <i32>i16x8.extract_lane_s(i16x8.add_sat_s(sums, poles), 0), PREDICTION);
}

/** 24 samples at `window` times 24 coefficients: below 2³¹ for any samples. */
function filter(window: usize, coefficients: usize): i32 {
  const sum = i32x4.add(
    i32x4.add(
      i32x4.dot_i16x8_s(v128.load(window), v128.load(coefficients)),
      i32x4.dot_i16x8_s(v128.load(window, 16), v128.load(coefficients, 16)),
    ),
    i32x4.dot_i16x8_s(v128.load(window, 32), v128.load(coefficients, 32)),
  );
  const halves = i32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
  return i32x4.extract_lane(halves, 0) + i32x4.extract_lane(halves, 1);
}

/** Neither factor is ever −32768 twice over, so the product has 16 bits. */
function product(value: i32, scale: i32): i32 {
  return (value * scale) >> 15;
}

function leak(value: i32, factor: i32): i32 {
  return (value * factor) >> 15;
}

function limit16(value: i32): i32 {
  return max(-32768, min(32767, value));
}

function limit15(value: i32): i32 {
  return max(-16384, min(16383, value));
}

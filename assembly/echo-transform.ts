import { ECHO_TWIDDLES, ECHO_WORK } from './layout';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? The discrete Fourier transform of 160 real samples (20 ms at 8 kHz, bins of 50 Hz), there and back.
 * How does it work? 160 real samples are 80 complex ones; those are transformed by three Stockham passes (4 × 4 × 5, each
 *   pass sorts as it goes, so there is no bit reversal), four lanes at a time, and the interleaved spectra are taken apart.
 *   T. G. Stockham, *High-speed convolution and correlation*, 1966; P. N. Swarztrauber, *FFT algorithms for vector
 *   computers*, 1984.
 * How do I use it? `planEchoTransform()` once; then `forward(spectrum, samples)` and `backward(samples, spectrum)`, f32.
 *   A spectrum is 80 real parts followed by 80 imaginary ones; the imaginary part of bin 0 holds bin 80 (both are real).
 *   `backward` undoes `forward` to rounding.
 * Not for: other lengths.
 */
export const TRANSFORM_SAMPLES: i32 = 160;
/** Bytes of a spectrum, and from a real part to its imaginary one. */
export const SPECTRUM_BYTES: usize = 640;
export const IMAGINARY: usize = 320;

/** First pass: w, w², w³ of the 80th roots, 20 real parts and 20 imaginary ones each. */
const FIRST: usize = ECHO_TWIDDLES;
/** Second pass: the same of the 20th roots, six f32 for each of 5. */
const SECOND: usize = ECHO_TWIDDLES + 480;
/** e^(−πik/80), 80 real parts and 80 imaginary ones. */
const SPLIT: usize = ECHO_TWIDDLES + 600;

/** Two complex lines of 80 and one value more, so that the line can be read from its end. */
const LINE_BYTES: usize = 336;
const A_RE: usize = ECHO_WORK;
const A_IM: usize = ECHO_WORK + LINE_BYTES;
const B_RE: usize = ECHO_WORK + 2 * LINE_BYTES;
const B_IM: usize = ECHO_WORK + 3 * LINE_BYTES;

/** cos and sin of 2π/5 and 4π/5. */
const C1: f32 = 0.30901699437494745;
const C2: f32 = -0.8090169943749475;
const S1: f32 = 0.9510565162951535;
const S2: f32 = 0.5877852522924731;

/** Fills the tables. */
export function planEchoTransform(): void {
  for (let p = 0; p < 20; p++) {
    for (let power = 1; power <= 3; power++) {
      const at = FIRST + ((<usize>(power - 1) * 40 + <usize>p) << 2);
      storeRoot(at, 80, p * power, 80);
    }
  }
  for (let p = 0; p < 5; p++) {
    for (let power = 1; power <= 3; power++) {
      storeRoot(SECOND + <usize>(p * 24 + (power - 1) * 8), 4, p * power, 20);
    }
  }
  for (let k = 0; k < 80; k++) storeRoot(SPLIT + ((<usize>k) << 2), IMAGINARY, k, 160);
}

/** e^(−2πi·k/n), its imaginary part `apart` bytes behind its real one. */
function storeRoot(at: usize, apart: usize, k: i32, n: i32): void {
  store<f32>(at, <f32>cosPi((2.0 * <f64>k) / <f64>n));
  store<f32>(at + apart, <f32>-sinPi((2.0 * <f64>k) / <f64>n));
}

/** 160 samples to bins 0..80. The two regions may be the same. */
export function forward(spectrum: usize, samples: usize): void {
  for (let at: usize = 0; at < 320; at += 16) {
    const low = v128.load(samples + (at << 1));
    const high = v128.load(samples + (at << 1), 16);
    v128.store(A_RE + at, v128.shuffle<f32>(low, high, 0, 2, 4, 6));
    v128.store(A_IM + at, v128.shuffle<f32>(low, high, 1, 3, 5, 7));
  }
  transform(A_RE, A_IM, B_RE, B_IM);
  // Z[80] = Z[0], so that Z[80 − k] can be read for every k.
  const zeroRe = load<f32>(B_RE);
  const zeroIm = load<f32>(B_IM);
  store<f32>(B_RE + 320, zeroRe);
  store<f32>(B_IM + 320, zeroIm);
  const half = f32x4.splat(0.5);
  for (let at: usize = 0; at < 320; at += 16) {
    const re = v128.load(B_RE + at);
    const im = v128.load(B_IM + at);
    const otherRe = reversed(B_RE + (308 - at));
    const otherIm = reversed(B_IM + (308 - at));
    const evenRe = f32x4.mul(f32x4.add(re, otherRe), half);
    const evenIm = f32x4.mul(f32x4.sub(im, otherIm), half);
    const oddRe = f32x4.mul(f32x4.add(im, otherIm), half);
    const oddIm = f32x4.mul(f32x4.sub(otherRe, re), half);
    const wr = v128.load(SPLIT + at);
    const wi = v128.load(SPLIT + at, 320);
    v128.store(spectrum + at, f32x4.add(evenRe, f32x4.sub(f32x4.mul(oddRe, wr), f32x4.mul(oddIm, wi))));
    v128.store(spectrum + at, f32x4.add(evenIm, f32x4.add(f32x4.mul(oddRe, wi), f32x4.mul(oddIm, wr))), 320);
  }
  store<f32>(spectrum, zeroRe + zeroIm);
  store<f32>(spectrum + 320, zeroRe - zeroIm);
}

/** Bins 0..80 to 160 samples. The two regions may be the same. */
export function backward(samples: usize, spectrum: usize): void {
  // Bin 80 behind bin 79, and bin 0 without it, in lines of our own.
  memory.copy(B_RE, spectrum, 320);
  memory.copy(B_IM, spectrum + 320, 320);
  const last = load<f32>(spectrum + 320);
  const first = load<f32>(spectrum);
  store<f32>(B_RE + 320, last);
  store<f32>(B_IM + 320, 0.0);
  store<f32>(B_IM, 0.0);
  const scale = f32x4.splat(1.0 / 160.0);
  for (let at: usize = 0; at < 320; at += 16) {
    const re = v128.load(B_RE + at);
    const im = v128.load(B_IM + at);
    const otherRe = reversed(B_RE + (308 - at));
    const otherIm = reversed(B_IM + (308 - at));
    const evenRe = f32x4.add(re, otherRe);
    const evenIm = f32x4.sub(im, otherIm);
    const turnedRe = f32x4.sub(re, otherRe);
    const turnedIm = f32x4.add(im, otherIm);
    const wr = v128.load(SPLIT + at);
    const wi = v128.load(SPLIT + at, 320);
    const oddRe = f32x4.add(f32x4.mul(turnedRe, wr), f32x4.mul(turnedIm, wi));
    const oddIm = f32x4.sub(f32x4.mul(turnedIm, wr), f32x4.mul(turnedRe, wi));
    v128.store(A_RE + at, f32x4.mul(f32x4.sub(evenRe, oddIm), scale));
    v128.store(A_IM + at, f32x4.mul(f32x4.add(evenIm, oddRe), scale));
  }
  store<f32>(A_RE, (first + last) * (1.0 / 160.0));
  store<f32>(A_IM, (first - last) * (1.0 / 160.0));
  // The inverse of (re, im) is the transform of (im, re), with its parts exchanged.
  transform(A_IM, A_RE, B_IM, B_RE);
  for (let at: usize = 0; at < 320; at += 16) {
    const re = v128.load(B_RE + at);
    const im = v128.load(B_IM + at);
    v128.store(samples + (at << 1), v128.shuffle<f32>(re, im, 0, 4, 1, 5));
    v128.store(samples + (at << 1), v128.shuffle<f32>(re, im, 2, 6, 3, 7), 16);
  }
}

/** 80 complex values in a, result in b; a is used up. */
function transform(ar: usize, ai: usize, br: usize, bi: usize): void {
  firstPass(ar, ai, br, bi);
  secondPass(br, bi, ar, ai);
  lastPass(ar, ai, br, bi);
}

/** Radix 4, stride 1: four neighbours p at a time, and a 4 × 4 exchange on the way out. */
function firstPass(xr: usize, xi: usize, yr: usize, yi: usize): void {
  for (let at: usize = 0; at < 80; at += 16) {
    const ar = v128.load(xr + at);
    const ai = v128.load(xi + at);
    const br = v128.load(xr + at, 80);
    const bi = v128.load(xi + at, 80);
    const cr = v128.load(xr + at, 160);
    const ci = v128.load(xi + at, 160);
    const dr = v128.load(xr + at, 240);
    const di = v128.load(xi + at, 240);
    const sumR = f32x4.add(ar, cr);
    const sumI = f32x4.add(ai, ci);
    const difR = f32x4.sub(ar, cr);
    const difI = f32x4.sub(ai, ci);
    const sum2R = f32x4.add(br, dr);
    const sum2I = f32x4.add(bi, di);
    // i·(b − d)
    const turnR = f32x4.sub(di, bi);
    const turnI = f32x4.sub(br, dr);
    const y1r = f32x4.sub(difR, turnR);
    const y1i = f32x4.sub(difI, turnI);
    const y2r = f32x4.sub(sumR, sum2R);
    const y2i = f32x4.sub(sumI, sum2I);
    const y3r = f32x4.add(difR, turnR);
    const y3i = f32x4.add(difI, turnI);
    const w = FIRST + at;
    const to = at << 2;
    exchange(
      yr + to,
      f32x4.add(sumR, sum2R),
      realPart(y1r, y1i, v128.load(w), v128.load(w, 80)),
      realPart(y2r, y2i, v128.load(w, 160), v128.load(w, 240)),
      realPart(y3r, y3i, v128.load(w, 320), v128.load(w, 400)),
    );
    exchange(
      yi + to,
      f32x4.add(sumI, sum2I),
      imaginaryPart(y1r, y1i, v128.load(w), v128.load(w, 80)),
      imaginaryPart(y2r, y2i, v128.load(w, 160), v128.load(w, 240)),
      imaginaryPart(y3r, y3i, v128.load(w, 320), v128.load(w, 400)),
    );
  }
}

/** Radix 4, stride 4: one twiddle for four lanes. */
function secondPass(xr: usize, xi: usize, yr: usize, yi: usize): void {
  let w = SECOND;
  for (let at: usize = 0; at < 80; at += 16) {
    const ar = v128.load(xr + at);
    const ai = v128.load(xi + at);
    const br = v128.load(xr + at, 80);
    const bi = v128.load(xi + at, 80);
    const cr = v128.load(xr + at, 160);
    const ci = v128.load(xi + at, 160);
    const dr = v128.load(xr + at, 240);
    const di = v128.load(xi + at, 240);
    const sumR = f32x4.add(ar, cr);
    const sumI = f32x4.add(ai, ci);
    const difR = f32x4.sub(ar, cr);
    const difI = f32x4.sub(ai, ci);
    const sum2R = f32x4.add(br, dr);
    const sum2I = f32x4.add(bi, di);
    const turnR = f32x4.sub(di, bi);
    const turnI = f32x4.sub(br, dr);
    const to = at << 2;
    v128.store(yr + to, f32x4.add(sumR, sum2R));
    v128.store(yi + to, f32x4.add(sumI, sum2I));
    storeTurned(yr + to + 16, yi + to + 16, f32x4.sub(difR, turnR), f32x4.sub(difI, turnI), w);
    storeTurned(yr + to + 32, yi + to + 32, f32x4.sub(sumR, sum2R), f32x4.sub(sumI, sum2I), w + 8);
    storeTurned(yr + to + 48, yi + to + 48, f32x4.add(difR, turnR), f32x4.add(difI, turnI), w + 16);
    w += 24;
  }
}

/** Radix 5, stride 16, no twiddles. */
function lastPass(xr: usize, xi: usize, yr: usize, yi: usize): void {
  const c1 = f32x4.splat(C1);
  const c2 = f32x4.splat(C2);
  const s1 = f32x4.splat(S1);
  const s2 = f32x4.splat(S2);
  for (let at: usize = 0; at < 64; at += 16) {
    const x0r = v128.load(xr + at);
    const x0i = v128.load(xi + at);
    const sum1r = f32x4.add(v128.load(xr + at, 64), v128.load(xr + at, 256));
    const sum1i = f32x4.add(v128.load(xi + at, 64), v128.load(xi + at, 256));
    const dif1r = f32x4.sub(v128.load(xr + at, 64), v128.load(xr + at, 256));
    const dif1i = f32x4.sub(v128.load(xi + at, 64), v128.load(xi + at, 256));
    const sum2r = f32x4.add(v128.load(xr + at, 128), v128.load(xr + at, 192));
    const sum2i = f32x4.add(v128.load(xi + at, 128), v128.load(xi + at, 192));
    const dif2r = f32x4.sub(v128.load(xr + at, 128), v128.load(xr + at, 192));
    const dif2i = f32x4.sub(v128.load(xi + at, 128), v128.load(xi + at, 192));
    const m1r = f32x4.add(x0r, f32x4.add(f32x4.mul(sum1r, c1), f32x4.mul(sum2r, c2)));
    const m1i = f32x4.add(x0i, f32x4.add(f32x4.mul(sum1i, c1), f32x4.mul(sum2i, c2)));
    const m2r = f32x4.add(x0r, f32x4.add(f32x4.mul(sum1r, c2), f32x4.mul(sum2r, c1)));
    const m2i = f32x4.add(x0i, f32x4.add(f32x4.mul(sum1i, c2), f32x4.mul(sum2i, c1)));
    const n1r = f32x4.add(f32x4.mul(dif1r, s1), f32x4.mul(dif2r, s2));
    const n1i = f32x4.add(f32x4.mul(dif1i, s1), f32x4.mul(dif2i, s2));
    const n2r = f32x4.sub(f32x4.mul(dif1r, s2), f32x4.mul(dif2r, s1));
    const n2i = f32x4.sub(f32x4.mul(dif1i, s2), f32x4.mul(dif2i, s1));
    v128.store(yr + at, f32x4.add(x0r, f32x4.add(sum1r, sum2r)));
    v128.store(yi + at, f32x4.add(x0i, f32x4.add(sum1i, sum2i)));
    v128.store(yr + at, f32x4.add(m1r, n1i), 64);
    v128.store(yi + at, f32x4.sub(m1i, n1r), 64);
    v128.store(yr + at, f32x4.add(m2r, n2i), 128);
    v128.store(yi + at, f32x4.sub(m2i, n2r), 128);
    v128.store(yr + at, f32x4.sub(m2r, n2i), 192);
    v128.store(yi + at, f32x4.add(m2i, n2r), 192);
    v128.store(yr + at, f32x4.sub(m1r, n1i), 256);
    v128.store(yi + at, f32x4.add(m1i, n1r), 256);
  }
}

function realPart(re: v128, im: v128, wr: v128, wi: v128): v128 {
  return f32x4.sub(f32x4.mul(re, wr), f32x4.mul(im, wi));
}

function imaginaryPart(re: v128, im: v128, wr: v128, wi: v128): v128 {
  return f32x4.add(f32x4.mul(re, wi), f32x4.mul(im, wr));
}

function storeTurned(toRe: usize, toIm: usize, re: v128, im: v128, w: usize): void {
  const wr = v128.load32_splat(w);
  const wi = v128.load32_splat(w, 4);
  v128.store(toRe, realPart(re, im, wr, wi));
  v128.store(toIm, imaginaryPart(re, im, wr, wi));
}

/** Stores the transpose of four rows. */
function exchange(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab01, cd01, 0, 1, 4, 5));
  v128.store(to, v128.shuffle<f32>(ab01, cd01, 2, 3, 6, 7), 16);
  v128.store(to, v128.shuffle<f32>(ab23, cd23, 0, 1, 4, 5), 32);
  v128.store(to, v128.shuffle<f32>(ab23, cd23, 2, 3, 6, 7), 48);
}

/** Four f32 at `at`, last first. */
function reversed(at: usize): v128 {
  const forwards = v128.load(at);
  return v128.shuffle<f32>(forwards, forwards, 3, 2, 1, 0);
}

import { FFT_REVERSAL, FFT_TWIDDLES } from './layout';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? The power spectrum of 256 real samples.
 * How does it work? The samples are taken as 128 complex ones, transformed in place (radix 2, decimation in time), and
 *   the two interleaved spectra are taken apart again, bin by bin.
 * How do I use it? `planTransform()` once; `transform(frame)` with 256 f32; then `powerOf(frame, bin)` for 1..127.
 * Not for: other lengths; bins 0 and 128 (a telephone line carries neither).
 */
const POINTS: i32 = 128;

/** Fills the twiddles e^(−2πik/256) and the bit reversal of 7 bits. */
export function planTransform(): void {
  for (let k = 0; k < POINTS; k++) {
    const at = FFT_TWIDDLES + ((<usize>k) << 3);
    store<f32>(at, <f32>cosPi(<f64>k / 128.0));
    store<f32>(at, <f32>-sinPi(<f64>k / 128.0), 4);
    let reversed = 0;
    for (let bit = 0; bit < 7; bit++) reversed |= ((k >> bit) & 1) << (6 - bit);
    store<u8>(FFT_REVERSAL + <usize>k, <u8>reversed);
  }
}

/** Transforms 256 f32 in place into 128 complex values. */
export function transform(frame: usize): void {
  for (let k = 0; k < POINTS; k++) {
    const other = <i32>load<u8>(FFT_REVERSAL + <usize>k);
    if (other > k) swap(frame + ((<usize>k) << 3), frame + ((<usize>other) << 3));
  }
  for (let half = 1; half < POINTS; half <<= 1) {
    const step = (<usize>(POINTS / half)) << 3;
    const reach = (<usize>half) << 3;
    for (let start = 0; start < POINTS; start += half << 1) {
      let at = frame + ((<usize>start) << 3);
      let twiddle = FFT_TWIDDLES;
      for (let k = 0; k < half; k++) {
        const wr = load<f32>(twiddle);
        const wi = load<f32>(twiddle, 4);
        const br = load<f32>(at + reach);
        const bi = load<f32>(at + reach, 4);
        const tr = br * wr - bi * wi;
        const ti = br * wi + bi * wr;
        const ar = load<f32>(at);
        const ai = load<f32>(at, 4);
        store<f32>(at, ar + tr);
        store<f32>(at, ai + ti, 4);
        store<f32>(at + reach, ar - tr);
        store<f32>(at + reach, ai - ti, 4);
        at += 8;
        twiddle += step;
      }
    }
  }
}

/** |X[bin]|² of a transformed frame, bin in 1..127. */
export function powerOf(frame: usize, bin: i32): f32 {
  const low = frame + ((<usize>bin) << 3);
  const high = frame + ((<usize>(POINTS - bin)) << 3);
  const twiddle = FFT_TWIDDLES + ((<usize>bin) << 3);
  const evenR = (load<f32>(low) + load<f32>(high)) * 0.5;
  const evenI = (load<f32>(low, 4) - load<f32>(high, 4)) * 0.5;
  const oddR = (load<f32>(low, 4) + load<f32>(high, 4)) * 0.5;
  const oddI = (load<f32>(high) - load<f32>(low)) * 0.5;
  const wr = load<f32>(twiddle);
  const wi = load<f32>(twiddle, 4);
  const re = evenR + oddR * wr - oddI * wi;
  const im = evenI + oddR * wi + oddI * wr;
  return re * re + im * im;
}

function swap(a: usize, b: usize): void {
  const kept = load<u64>(a);
  store<u64>(a, load<u64>(b));
  store<u64>(b, kept);
}
